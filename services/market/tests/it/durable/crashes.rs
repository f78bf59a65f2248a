//! The market is killed and paused under load: what was acknowledged is there, once.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use reqwest::Method;
use serde_json::{Value, json};
use service::{Clock, Tick};
use testkit::{PostgresServer, Process, Stream};

use super::load::{Load, check, past};
use super::{LOOK_EVERY, PATIENCE, opened_at};
use crate::http::{Listener, parts, serve};
use crate::town::{config, morning};

/// How often the market is killed, unless [`KILLS`] says more.
const KILLS_MIN: u64 = 3;
/// The variable that says how often.
const KILLS: &str = "WATTEX_MARKET_KILLS";
/// The variable with the database and the port of the market that is to be killed: then this
/// program is it.
const VICTIM: &str = "WATTEX_MARKET_VICTIM";
const TEST: &str = "durable::crashes::killed_under_load_it_loses_no_order_and_takes_none_twice";
/// Acknowledgements between two kills, at least, and more with each.
const ORDERS: u64 = 160;
const TICK: Duration = Duration::from_millis(200);

/// Serves until it is killed.
fn be_victim(setting: &str) {
    let (port, database) = setting.split_once(' ').unwrap();
    let (port, database): (u16, _) = (port.parse().unwrap(), database.to_owned());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (bus, clock) = (Bus::in_process(), Clock::scaled(morning(), 1));
        let node = Arc::new(Listener::default());
        let parts = parts(database, bus.clone(), clock.clone(), node, vec![config()]);
        let market = market::start(parts).await.unwrap();
        for envelope in past() {
            // Whoever stands by takes none that is new; there is none.
            bus.publish(&envelope).await.unwrap();
        }
        let (url, _server) = serve(market.clone(), port);
        println!("\nlistens on {url}");
        loop {
            market.tick(clock.now()).await.unwrap();
            tokio::time::sleep(TICK).await;
        }
    });
}

/// A market in a process of its own.
struct Victim {
    process: Option<Process>,
    database: String,
    port: u16,
}

impl Victim {
    fn start(database: &str) -> Victim {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut victim = Victim { process: None, database: database.to_owned(), port: free.port() };
        victim.again();
        victim
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        // As with -9, when it is dropped.
        self.process = None;
    }

    fn again(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST, "--nocapture"]);
        command.env(VICTIM, format!("{} {}", self.port, self.database));
        let mut process = Process::start(command).unwrap();
        process.line_with(Stream::Out, "listens on", PATIENCE).unwrap();
        self.process = Some(process);
    }

    fn signal(&self, signal: &str) {
        self.process.as_ref().unwrap().signal(signal).unwrap();
    }

    /// Waits until it writes no market.
    async fn stands_by(&self) {
        let url = format!("{}/v1/market/ready", self.url());
        let asked = async {
            loop {
                let ready = reqwest::Client::new().request(Method::GET, &url).send().await;
                if let Ok(ready) = ready
                    && ready
                        .json::<Value>()
                        .await
                        .is_ok_and(|ready| ready["standing_by"] == json!(1))
                {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("it stands by");
    }
}

#[test]
fn killed_under_load_it_loses_no_order_and_takes_none_twice() {
    if let Ok(setting) = std::env::var(VICTIM) {
        return be_victim(&setting);
    }
    let kills = std::env::var(KILLS).map_or(KILLS_MIN, |kills| kills.parse().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (log, database) = (folder.path().join("log"), folder.path().join("market.db"));
        let database = format!("sqlite:{}", database.display());
        let mut victim = Victim::start(&database);
        let load = Load::start(vec![victim.url()], &log);
        for kill in 0..kills {
            load.goes_on(ORDERS + 37 * kill).await;
            victim.kill();
            victim.again();
        }
        load.goes_on(ORDERS).await;
        let repeated = load.finish().await;
        victim.kill();
        let orders = check(&log, &opened_at(&database).await).await;
        println!("{kills} kills, {orders} orders, {repeated} requests repeated");
        assert!(repeated > 0, "kills that nobody was hit by");
    });
}

#[test]
fn a_standby_takes_over_from_a_writer_that_is_killed_or_paused() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = PostgresServer::start().unwrap();
        let database = server.database("failover").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (mut one, two) = (Victim::start(&database), Victim::start(&database));
        let load = Load::start(vec![one.url(), two.url()], &log);
        load.goes_on(ORDERS).await;
        // The second takes over.
        one.kill();
        load.goes_on(ORDERS).await;
        one.again();
        one.stands_by().await;
        load.goes_on(ORDERS).await;
        // The first takes over; the second, awake again, still believes that it writes.
        two.signal("STOP");
        load.goes_on(ORDERS).await;
        two.signal("CONT");
        two.stands_by().await;
        load.goes_on(ORDERS).await;
        let repeated = load.finish().await;
        one.kill();
        drop(two);
        let orders = check(&log, &opened_at(&database).await).await;
        println!("{orders} orders, {repeated} requests repeated");
    });
}
