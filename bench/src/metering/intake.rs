//! Messages that were signed before: as fast as acknowledgements leave room, and at a rate that
//! leaves the service time to spare.

use std::time::Instant;

use anyhow::{Result, ensure};
use calendar::SlotLength;
use fleet::{Broker, Faults, Fleet, Plan, Script, Start, Totals, Version};
use units::Register;

use super::disk;
use super::server::{self, Server};
use crate::measure::{Pair, RUNS, count};
use crate::report::Row;

/// Meters that send.
pub(crate) const METERS: usize = 250;
/// Messages of a meter that wait for their acknowledgement.
const IN_FLIGHT: u16 = 16;
/// Readings of a message where there are several.
const READINGS: usize = 10;

/// What is asked of the service.
struct Case {
    what: &'static str,
    readings: usize,
    /// Whether the readings of a message have one signature.
    together: bool,
    /// Of each meter.
    messages: u64,
    /// Zero: as fast as it goes.
    per_second: u64,
    /// Readings a second that are aimed at.
    goal: Option<f64>,
}

const CASES: [Case; 4] = [
    Case {
        what: "one reading a message",
        readings: 1,
        together: false,
        messages: 400,
        per_second: 0,
        goal: Some(12_000.0),
    },
    Case {
        what: "ten readings a message, each signed",
        readings: READINGS,
        together: false,
        messages: 80,
        per_second: 0,
        goal: None,
    },
    Case {
        what: "ten readings a message, under one signature",
        readings: READINGS,
        together: true,
        messages: 240,
        per_second: 0,
        goal: Some(100_000.0),
    },
    Case {
        what: "one reading a message at 2 000 a second",
        readings: 1,
        together: false,
        messages: 40,
        per_second: 2_000,
        goal: None,
    },
];

impl Case {
    fn scripts(&self) -> Vec<Script> {
        let scripts = scripts(METERS, self.readings).into_iter();
        scripts.map(|script| script.signing_together(self.together)).collect()
    }
}

/// What a run gave.
struct Run {
    readings_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    processor_us: f64,
    syncs: (f64, f64),
}

/// What meters say from their beginning on.
pub(crate) fn scripts(meters: usize, readings: usize) -> Vec<Script> {
    let zero = Register::from_wh(0);
    let until = service::Clock::real().now();
    let start = Start { page: 1, time: server::first_time(), until, import: zero, export: zero };
    let of = |device| {
        Script::new(device, start, SlotLength::QUARTER_HOUR, readings, Faults::default(), 1)
    };
    server::devices(meters).into_iter().map(of).collect()
}

/// As fast as acknowledgements leave room.
pub(crate) fn as_fast_as_it_goes(messages: u64) -> Plan {
    Plan {
        per_second: 0,
        messages,
        presign: true,
        in_flight: IN_FLIGHT,
        keep_alive: 60,
        slow: 0,
        silent: 0,
        storm: None,
    }
}

/// Lets a fleet loose on a port; what it did, and the seconds from the first message on.
pub(crate) fn play(port: u16, scripts: Vec<Script>, plan: &Plan) -> Result<(Totals, f64)> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let broker = Broker::new("127.0.0.1", port, Version::V3, None)?;
        // Signing is done when it has started.
        let mut fleet = Fleet::start(broker, scripts, plan, None)?;
        let began = Instant::now();
        fleet.done().await?;
        let took = began.elapsed().as_secs_f64();
        Ok((fleet.totals(), took))
    })
}

/// Microseconds as milliseconds.
pub(crate) fn milliseconds(micros: u64) -> f64 {
    count(micros) / 1e3
}

fn run(case: &Case) -> Result<Run> {
    let server = Server::start(server::STORING, METERS)?;
    let syncs = disk::syncs(server.folder())?;
    let before = server.used()?;
    let plan = Plan { per_second: case.per_second, ..as_fast_as_it_goes(case.messages) };
    let (totals, seconds) = play(server.port, case.scripts(), &plan)?;
    let after = server.used()?;
    let expected = case.messages * (METERS * case.readings) as u64;
    ensure!(totals.readings == expected, "{} readings of {expected}: {totals:?}", totals.readings);
    let (stored, apart) = server.stop()?;
    ensure!((stored, apart) == (expected, 0), "{stored} stored and {apart} kept apart");
    let all = count(expected);
    Ok(Run {
        readings_per_second: all / seconds,
        p50_ms: milliseconds(totals.puback_p50_us),
        p99_ms: milliseconds(totals.puback_p99_us),
        processor_us: (after.processor_seconds - before.processor_seconds) * 1e6 / all,
        syncs,
    })
}

/// Throughput to the goals, latency beside the disk's.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for case in &CASES {
        let runs = (0..RUNS).map(|_| run(case)).collect::<Result<Vec<Run>>>()?;
        let each = |of: fn(&Run) -> f64| runs.iter().map(of).collect::<Vec<f64>>();
        let name = |what: &str| format!("{}: {what}", case.what);
        let rate = each(|run| run.readings_per_second);
        rows.push(match case.goal {
            Some(goal) => {
                let pair = Pair { ours: rate, theirs: vec![goal] };
                Row::rate(name("verified, stored, acknowledged; to the goal"), "readings/s", &pair)
                    .aims_at(1.0)
            }
            None => Row::alone(name("verified, stored, acknowledged"), "readings/s", &rate),
        });
        let processor = each(|run| run.processor_us);
        rows.push(Row::alone(name("processor time of the service"), "us/reading", &processor));
        for (what, ours) in [
            ("PUBACK, half of them; to 99 of 100 fdatasync", each(|run| run.p50_ms)),
            ("PUBACK, 99 of 100; to 99 of 100 fdatasync", each(|run| run.p99_ms)),
        ] {
            let pair = Pair { ours, theirs: each(|run| run.syncs.1) };
            rows.push(Row::cost(name(what), "ms", &pair));
        }
        rows.push(Row::alone(name("fdatasync of the disk"), "1/s", &each(|run| run.syncs.0)));
    }
    Ok(rows)
}
