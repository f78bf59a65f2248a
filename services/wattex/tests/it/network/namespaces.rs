//! Two network namespaces, joined to each other by a veth pair and each to the test by one more.
//!
//! ```text
//! test 198.18.x.1 --- 198.18.x.2 | 10.0.0.1 === join === 10.0.0.2 | 198.18.y.2 --- 198.18.y.1 test
//! ```
//!
//! Neither has another way to the other: there is no route but to what is on its own links. They
//! are gone when this is dropped, if their processes have ended before.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};

/// How long the system may take for one change.
const CHANGED_WITHIN: Duration = Duration::from_secs(30);
/// The first address of those that are set apart for tests of networks (RFC 2544).
const ADDRESSES: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// Those on the link between the two, which nobody else sees.
const JOIN: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
/// There is room for the namespaces of so many processes, and for so many of each.
const PROCESSES: u32 = 4_096;
const EACH: u32 = 8;

/// Namespaces that this process made, so that each has a name and addresses of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Two namespaces.
pub struct Namespaces {
    /// Those that are there.
    names: Vec<String>,
}

impl Namespaces {
    /// Makes them; an error where the test may not, or there is no program for it.
    pub fn make() -> Result<Namespaces> {
        let mut made = Namespaces { names: Vec::new() };
        for _ in 0..2 {
            made.add()?;
        }
        let [one, two] = &made.names[..] else { unreachable!("two were added") };
        ip(&format!("-n {one} link add join type veth peer name join netns {two}"))?;
        for (half, name) in made.names.iter().enumerate() {
            ip(&format!("-n {name} address add {}/30 dev join", JOIN[half]))?;
            ip(&format!("-n {name} link set join up"))?;
        }
        Ok(made)
    }

    fn add(&mut self) -> Result<()> {
        let place = MADE.fetch_add(1, Ordering::Relaxed) % EACH;
        let name = format!("wx{}-{place}", std::process::id());
        ip(&format!("netns add {name}"))?;
        self.names.push(name.clone());
        // Who may make one may still not be let in.
        ip(&format!("netns exec {name} true"))?;
        // The end that the test has is named as the namespace.
        ip(&format!("link add {name} type veth peer name test netns {name}"))?;
        let [ours, theirs] = addresses(&name);
        ip(&format!("address add {ours}/30 dev {name}"))?;
        ip(&format!("link set {name} up"))?;
        ip(&format!("-n {name} address add {theirs}/30 dev test"))?;
        for link in ["lo", "test"] {
            ip(&format!("-n {name} link set {link} up"))?;
        }
        Ok(())
    }

    /// The address of a half that the test reaches.
    pub fn address(&self, half: usize) -> Ipv4Addr {
        addresses(&self.names[half])[1]
    }

    /// The address of the first half that the second reaches.
    pub fn dialled(&self) -> Ipv4Addr {
        JOIN[0]
    }

    /// The command, run in a half. It is the process itself that runs there: a signal reaches it.
    pub fn inside(&self, half: usize, inner: &Command) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[half]]);
        command.arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Cuts the halves from each other, or joins them again.
    pub fn set_joined(&self, joined: bool) {
        let state = if joined { "up" } else { "down" };
        ip(&format!("-n {} link set join {state}", self.names[0])).unwrap();
    }
}

/// The test's address on the link to a namespace, and the namespace's.
fn addresses(name: &str) -> [Ipv4Addr; 2] {
    let place: u32 = name.rsplit('-').next().unwrap().parse().unwrap();
    let subnet = (std::process::id() % PROCESSES) * EACH + place;
    [1, 2].map(|host| Ipv4Addr::from_bits(ADDRESSES.to_bits() + subnet * 4 + host))
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            // The link first: a namespace lives on as long as the last socket that was left in it.
            for what in ["link", "netns"] {
                if let Err(error) = ip(&format!("{what} delete {name}")) {
                    eprintln!("{error:#}");
                }
            }
        }
    }
}

fn ip(arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    let ended = testkit::finish(command, CHANGED_WITHIN)?;
    ensure!(ended.code == Some(0), "ip {arguments}: {}", ended.err.trim());
    Ok(())
}
