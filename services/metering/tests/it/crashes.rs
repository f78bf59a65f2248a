//! The service is killed under load, again and again: what was acknowledged is there, once.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use fleet::{Broker, Faults, Findings, Fleet, Plan, Said, Script, Start, Version, check};
use metering::{Config, Metering};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reading::SignedReading;
use service::Clock;
use testkit::{Process, Stream};
use units::Register;

use crate::home::{Device, Home, anchor, at, nowhere};

/// How often the service is killed, unless [`KILLS`] says more.
const KILLS_MIN: usize = 3;
/// The variable that says how often.
const KILLS: &str = "WATTEX_METERING_KILLS";
/// The variable with the settings of the service that is to be killed: then this program is it.
const VICTIM: &str = "WATTEX_METERING_VICTIM";
const METERS: usize = 12;
/// Slots that there are to be told of, as many as a kill leaves by far.
const SLOTS: i64 = 30_000;
/// Acknowledgements after which the service is killed at most.
const ACKNOWLEDGED_MAX: u64 = 600;
/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Serves until it is killed.
fn serve(config: &str) {
    let config: Config = serde_json::from_str(config).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (clock, _hand) = Clock::set(at(SLOTS));
        let metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
        let listening = metering.listen().await.unwrap();
        println!("\nlistens on {}", listening.address());
        std::future::pending::<()>().await;
    });
}

/// A service of its own process.
fn victim(config: &Config) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "crashes::killed_under_load_it_loses_nothing_and_stores_nothing_twice"]);
    command.arg("--nocapture").env(VICTIM, serde_json::to_string(config).unwrap());
    let mut process = Process::start(command).unwrap();
    process.line_with(Stream::Out, "listens on", PATIENCE).unwrap();
    process
}

/// Everything that meters can do wrong in a message, now and then.
fn faults() -> Faults {
    Faults {
        duplicates: 50,
        reordered: 50,
        gaps: 20,
        drift: 20,
        signatures: 20,
        payloads: 20,
        packets: 5,
    }
}

fn scripts(devices: &[Device]) -> Vec<Script> {
    let zero = Register::from_wh(0);
    let start = Start { page: 1, time: at(0), until: at(SLOTS), import: zero, export: zero };
    let of = |(place, device): (usize, &Device)| {
        let (meter, key, token) = (device.meter, device.key.clone(), device.token());
        let device = fleet::Device { meter, key, token };
        let readings = if place % 3 == 0 { 5 } else { 1 };
        let slot = calendar::SlotLength::QUARTER_HOUR;
        Script::new(device, start, slot, readings, faults(), place.try_into().unwrap())
            .signing_together(place % 2 == 0)
    };
    devices.iter().enumerate().map(of).collect()
}

#[test]
fn killed_under_load_it_loses_nothing_and_stores_nothing_twice() {
    if let Ok(config) = std::env::var(VICTIM) {
        return serve(&config);
    }
    let kills = std::env::var(KILLS).map_or(KILLS_MIN, |kills| kills.parse().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(storm(kills));
}

async fn storm(kills: usize) {
    let devices: Vec<_> = (0..METERS).map(|number| Device::new(&format!("M{number}"))).collect();
    let home = Home::with(&devices).await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config { mqtt: SocketAddr::from(([127, 0, 0, 1], free.port())), ..home.config() };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let plan = Plan {
        per_second: 0,
        messages: u64::MAX,
        presign: false,
        in_flight: 16,
        keep_alive: 30,
        slow: 1,
        silent: 0,
        storm: None,
    };
    let mut service = victim(&config);
    let broker = Broker::new("127.0.0.1", free.port(), Version::V5, None).unwrap();
    let fleet = Fleet::start(broker, scripts(&devices), &plan, Some(&log)).unwrap();
    let mut random = StdRng::seed_from_u64(9);
    for _ in 0..kills {
        let until = fleet.totals().acknowledged + random.random_range(1..=ACKNOWLEDGED_MAX);
        let heard = async {
            while fleet.totals().acknowledged < until {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("acknowledgements go on");
        // Killed, as with -9, when it is dropped; then it goes on from its file.
        drop(service);
        service = victim(&config);
    }
    let totals = fleet.finish(PATIENCE).await.unwrap();
    drop(service);
    let said = Said::read(&log).unwrap();
    let mut found = Findings::default();
    for device in &devices {
        check(&said, device.meter, &stored(&home, device).await, &mut found);
    }
    println!("{kills} kills: {found:?}, {totals:?}");
    assert!(found.hold(), "{found:?}");
    assert!(totals.repeated > 0, "kills that nobody was hit by: {totals:?}");
    assert_eq!((totals.disordered, totals.declined, found.unknown), (0, 0, 0), "{totals:?}");
    // Whoever was left waited for an answer until the end.
    assert_eq!((found.acknowledged, found.unacknowledged), (found.sent, 0), "{found:?}");
    assert_eq!(found.stored, found.sent);
    assert!(found.acknowledged >= totals.readings / 2, "{found:?}, {totals:?}");
    let codes = home.quarantined().await;
    for code in ["SIGNATURE", "MALFORMED", "NOT_A_SLOT_BOUNDARY"] {
        assert!(kills < KILLS_MIN || codes.iter().any(|known| known == code), "{code}: {codes:?}");
    }
}

/// What is on disk of a meter.
async fn stored(home: &Home, device: &Device) -> Vec<SignedReading> {
    use db::Row;
    let sql = "select page, time, import_wh, export_wh, status, firmware, signature from reading \
               where meter = $1 order by page";
    let rows = db::query(sql).bind(device.meter.to_string());
    let rows = rows.fetch_all(home.metering.db().read()).await.unwrap();
    let small = |row: &db::AnyRow, place: usize| u32::try_from(row.get::<i64, _>(place)).unwrap();
    let wh =
        |row: &db::AnyRow, place: usize| Register::from_wh(row.get::<i64, _>(place).unsigned_abs());
    let signed = |row: &db::AnyRow| {
        let reading = reading::Reading {
            meter: device.meter,
            page: small(row, 0),
            time: calendar::Timestamp::from_seconds(row.get(1)),
            import: wh(row, 2),
            export: wh(row, 3),
            status: reading::Status::from_bits(small(row, 4)),
            firmware: small(row, 5),
        };
        SignedReading::sealed(reading, &row.get::<Vec<u8>, _>(6)).unwrap()
    };
    rows.iter().map(signed).collect()
}
