//! The metering service in a process of its own, so that its memory and its processor time are not
//! those of whoever sends.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use bus::Consumer;
use calendar::{Slot, SlotLength, Timestamp};
use client::{HttpRpc, JsonRpc, Sender};
use contracts::Deployment;
use events::Envelope;
use events::identity::{ConnectionPointRegistered, Enrolment, MeterEnrolled};
use fleet::Device;
use ids::{AccountId, CommunityId, ConnectionPointId, ZoneId};
use keys::{B256, SecretKey};
use metering::{Anchor, Bridge, Config, Limits, Metering};
use service::Clock;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::{Process, Stream};
use units::Power;

/// By this word the program is the service instead of the one who measures.
pub(crate) const WORD: &str = "serve-metering";
/// What it does with what comes: behind the word.
pub(crate) const STORING: &str = "storing";
/// The same: it forgets it.
pub(crate) const ALONE: &str = "alone";
/// The name and the token of a bridge that carries every meter.
pub(crate) const BRIDGE: &str = "bench";
/// Where the meters are.
pub(crate) const COMMUNITY: &str = "bench";
/// Connections at the same time.
const CONNECTIONS_MAX: usize = 20_000;
/// What makes the meters of these benches.
const SECRET: &[u8] = b"bench";
/// How far back the meters' readings begin, in seconds: 400 days.
const BACK_SECONDS: i64 = 400 * 86_400;
/// How long thousands of enrolments may take.
const START_WITHIN: Duration = Duration::from_secs(900);
/// The unit of times in `/proc/<process>/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// The meters of a bench.
pub(crate) fn devices(count: usize) -> Vec<Device> {
    (0..count).map(|number| Device::derived(SECRET, number)).collect()
}

/// When their readings begin.
pub(crate) fn first_time() -> Timestamp {
    let back = Clock::real().now().plus_seconds(-BACK_SECONDS);
    Slot::containing(back, SlotLength::QUARTER_HOUR).start
}

/// Serves until its input ends: `count` meters are enrolled, in a database in `folder`.
pub(crate) fn serve(of: &str, folder: &str, count: &str) -> Result<()> {
    let count: usize = count.parse().context("how many meters?")?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let metering = open(format!("sqlite:{folder}/metering.db"), count).await?;
        let listening = match of {
            ALONE => metering.listen_alone().await?,
            _ => metering.listen().await?,
        };
        let mut out = std::io::stdout();
        writeln!(out, "port {}", listening.address().port())?;
        tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().for_each(drop)).await?;
        listening.stop().await;
        let totals = metering.totals().await?;
        writeln!(out, "stored {} apart {}", totals.readings, totals.quarantined)?;
        metering.db().close().await;
        Ok(())
    })
}

/// The service on a database, with `count` meters enrolled.
pub(crate) async fn open(database: String, count: usize) -> Result<Arc<Metering>> {
    let bridge = Bridge {
        name: BRIDGE.to_owned(),
        token_hash: hex::encode(Sha256::digest(BRIDGE)),
        meters: Vec::new(),
        topics: Vec::new(),
    };
    let config = Config {
        database,
        mqtt: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tls: None,
        slot: SlotLength::QUARTER_HOUR,
        grace_seconds: 600,
        readings_kept_days: None,
        limits: Limits { connections_max: CONNECTIONS_MAX, ..Limits::default() },
        bridges: vec![bridge],
    };
    let node: Arc<dyn JsonRpc> = Arc::new(HttpRpc::new("http://127.0.0.1:1")?);
    let metering = Metering::open(config, Clock::real(), anchor(), node).await?;
    for device in devices(count) {
        enrol(&metering, &device).await?;
    }
    Ok(metering)
}

fn anchor() -> Anchor {
    let key = SecretKey::from_bytes(&[5; 32]).expect("it is below the order");
    let contracts = Deployment {
        token: Address::repeat_byte(1),
        market: Address::repeat_byte(2),
        meters: Address::repeat_byte(3),
        readings: Address::repeat_byte(4),
        records: Address::repeat_byte(5),
        challenges: Address::repeat_byte(6),
        certificates: Address::repeat_byte(7),
        mandates: Address::repeat_byte(8),
        exchange: Address::repeat_byte(9),
        timelock: Address::repeat_byte(10),
    };
    Anchor { sender: Arc::new(Sender::new(key, 4242)), contracts }
}

/// Tells the service of a meter what identity would.
async fn enrol(metering: &Metering, device: &Device) -> Result<()> {
    let name = device.meter.to_string();
    let (account, point) = (AccountId::derived(&name), ConnectionPointId::derived(&name));
    let community = CommunityId::derived(COMMUNITY);
    let place = ConnectionPointRegistered {
        connection_point: point,
        account,
        community,
        zone: ZoneId::derived("bench"),
        timezone: "Europe/Berlin".parse()?,
        import_max: Power::from_w(20_000),
        export_max: Power::from_w(20_000),
    };
    let signature = device.key.sign(B256::ZERO);
    let meter = MeterEnrolled {
        meter: device.meter,
        serial: name.clone(),
        connection_point: point,
        account,
        community,
        key: device.key.address(),
        token_hash: hex::encode(Sha256::digest(&device.token)),
        valid_from: first_time(),
        enrolment: Enrolment {
            owner: Address::ZERO,
            installer: Address::ZERO,
            owner_signature: signature.into(),
            installer_signature: signature,
        },
    };
    let now = Clock::real().now();
    metering.consume(&Envelope::of(&place, &name, now)).await?;
    metering.consume(&Envelope::of(&meter, &name, now)).await?;
    Ok(())
}

/// The service at work in another process.
pub(crate) struct Server {
    process: Process,
    pub(crate) port: u16,
    folder: TempDir,
}

/// What a server has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) processor_seconds: f64,
    pub(crate) memory_mib: f64,
}

impl Server {
    /// Starts one with so many meters, which is [`STORING`] or [`ALONE`].
    pub(crate) fn start(of: &str, count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WORD).arg(of).arg(folder.path()).arg(count.to_string());
        let mut process = Process::start_with_input(command)?;
        let line = process.line_with(Stream::Out, "port ", START_WITHIN)?;
        let port = line.trim().rsplit(' ').next().unwrap_or_default().parse()?;
        Ok(Self { process, port, folder })
    }

    /// Where its database lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn used(&self) -> Result<Used> {
        let read =
            |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id()));
        let (stat, status) = (read("stat")?, read("status")?);
        let fields = stat.rsplit_once(')').context("/proc")?.1.split_whitespace();
        let fields: Vec<&str> = fields.collect();
        let ticks = |place: usize| -> Result<f64> { Ok(fields[place].parse()?) };
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 =
            line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?.parse()?;
        let processor_seconds = (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND;
        Ok(Used { processor_seconds, memory_mib: kib / 1024.0 })
    }

    /// Ends it: how many readings it has stored, and how many it keeps apart.
    pub(crate) fn stop(mut self) -> Result<(u64, u64)> {
        self.process.end_input();
        let line = self.process.line_with(Stream::Out, "stored ", START_WITHIN)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok((words[1].parse()?, words[3].parse()?))
    }
}
