//! Two halves of a network, each with a NATS server, joined by a leaf connection that can be cut.
//!
//! ```text
//! nodes -- server 0 <====== leaf connection ====== server 1 -- nodes
//! ```
//!
//! Where the test may make network namespaces each half lives in one of its own, and the cut is a
//! link set down: nothing is closed, nothing answers any more. Elsewhere the leaf connection goes
//! through a relay of the test, which is said.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use testkit::{Process, Stream};

use super::namespaces::Namespaces;
use super::relay::Relay;
use crate::node::Node;
use crate::program::{Place, wattex};

/// What a server says before a port that it chose, and of its line to the other one.
const CLIENTS: &str = "Listening for client connections on ";
const LEAVES: &str = "Listening for leafnode connections on ";
const JOINED: &str = "Leafnode connection created";
const PARTED: &str = "Leafnode connection closed";
/// How long a server may take to be ready, to miss the other one, or to find it.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a server looks whether a line is broken, after how many it is sure, and how often it
/// dials.
const CONFIG: &str = "max_payload: 8MB\nping_interval: \"2s\"\nping_max: 2\n";
const DIAL: &str = "reconnect: \"1s\"";
/// The first does not tell the second where else it could dial.
const QUIET: &str = "no_advertise: true";

/// Two halves.
pub struct Halves {
    // Before what they live in: what is dropped first must be the servers.
    servers: [Process; 2],
    /// Where their clients find them.
    addresses: [SocketAddr; 2],
    ground: Ground,
    relay: Option<Relay>,
}

/// What the halves live in: a namespace each, or both in the test's own.
struct Ground(Option<Namespaces>);

impl Ground {
    fn find() -> Ground {
        let made = Namespaces::make();
        if let Err(why) = &made {
            let why = format!("no network namespaces, a relay joins the halves: {why:#}");
            testkit::not_checked(&why);
        }
        Ground(made.ok())
    }

    fn inside(&self, half: usize, command: Command) -> Command {
        match &self.0 {
            Some(namespaces) => namespaces.inside(half, &command),
            None => command,
        }
    }

    /// Where something in a half is found by the test.
    fn address(&self, half: usize) -> Ipv4Addr {
        self.0.as_ref().map_or(Ipv4Addr::LOCALHOST, |namespaces| namespaces.address(half))
    }

    /// Where the first half is found by the second.
    fn dialled(&self) -> Ipv4Addr {
        self.0.as_ref().map_or(Ipv4Addr::LOCALHOST, Namespaces::dialled)
    }

    /// Starts a server in a half, with this about leaf connections.
    fn serve(&self, place: &Place, half: usize, leaves: &str) -> Process {
        let config = place.path(&format!("nats{half}.conf"));
        let host = self.address(half);
        let listens = format!("listen: \"{host}:-1\"\nleafnodes {{ {leaves} }}\n");
        fs::write(&config, [CONFIG, &listens].concat()).unwrap();
        let mut command = Command::new(testkit::tools().join("python/bin/nats-server"));
        command.arg("--config").arg(&config);
        Process::start(self.inside(half, command)).unwrap()
    }
}

/// The address in a server's next line with this beginning.
fn address_after(server: &mut Process, beginning: &str) -> SocketAddr {
    let line = server.line_with(Stream::Err, beginning, READY_WITHIN).unwrap();
    line.rsplit(' ').next().unwrap().trim().parse().unwrap()
}

impl Halves {
    /// Starts both servers and waits until they are joined.
    pub async fn start(place: &Place) -> Halves {
        let ground = Ground::find();
        let listens = format!("{QUIET}, listen: \"{}:-1\"", ground.dialled());
        let mut first = ground.serve(place, 0, &listens);
        let mut dialled = address_after(&mut first, LEAVES);
        let mut relay = None;
        if ground.0.is_none() {
            let (between, address) = Relay::to(dialled).await;
            (relay, dialled) = (Some(between), address);
        }
        let dials = format!("{DIAL}, remotes: [{{ url: \"nats-leaf://{dialled}\" }}]");
        let mut second = ground.serve(place, 1, &dials);
        let addresses = [&mut first, &mut second].map(|server| address_after(server, CLIENTS));
        let mut halves = Halves { servers: [first, second], addresses, ground, relay };
        halves.await_join();
        halves
    }

    fn await_join(&mut self) {
        self.servers[1].line_with(Stream::Err, JOINED, READY_WITHIN).unwrap();
    }

    fn await_parting(&mut self) {
        for server in &mut self.servers {
            server.line_with(Stream::Err, PARTED, READY_WITHIN).unwrap();
        }
    }

    /// Where the test finds the server of a half.
    pub fn nats(&self, half: usize) -> String {
        format!("nats://{}", self.addresses[half])
    }

    /// Starts a node in a half. It writes its log as JSON.
    pub fn node(&self, half: usize, arguments: &[&str]) -> Node {
        let (http, nats) = (format!("{}:0", self.ground.address(half)), self.nats(half));
        let own = ["node", "--http", &http, "--nats", &nats, "--json-logs"];
        Node::of(self.ground.inside(half, wattex(&[&own, arguments].concat())))
    }

    /// Cuts the halves from each other.
    pub fn cut(&self) {
        self.set_joined(false);
    }

    /// Joins them again, when the servers have missed each other, and waits until they have found
    /// each other.
    pub fn heal(&mut self) {
        self.await_parting();
        self.set_joined(true);
        self.await_join();
    }

    fn set_joined(&self, joined: bool) {
        match (&self.ground.0, &self.relay) {
            (Some(namespaces), _) => namespaces.set_joined(joined),
            (None, Some(relay)) => relay.set_open(joined),
            (None, None) => unreachable!("there is a relay where there are no namespaces"),
        }
    }
}
