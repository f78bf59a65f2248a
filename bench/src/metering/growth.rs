//! What more meters cost: memory, processor time and patience at the same rate of messages.

use anyhow::{Result, ensure};
use fleet::Plan;

use super::intake::{as_fast_as_it_goes, milliseconds, play, scripts};
use super::server::{self, Server};
use crate::measure::count;
use crate::report::Row;

/// How many are connected.
const METERS: [usize; 3] = [100, 1_000, 10_000];
/// Messages a second of all of them together.
const PER_SECOND: u64 = 2_000;
/// Messages of all of them together.
const MESSAGES: u64 = 20_000;

/// One run for each number of meters; the first number is what the others are held against.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let (mut rows, mut former) = (Vec::new(), None);
    for meters in METERS {
        let server = Server::start(server::STORING, meters)?;
        let before = server.used()?;
        let each = MESSAGES / meters as u64;
        let plan = Plan { per_second: PER_SECOND, ..as_fast_as_it_goes(each) };
        let (totals, seconds) = play(server.port, scripts(meters, 1), &plan)?;
        let after = server.used()?;
        ensure!(totals.acknowledged == MESSAGES, "{totals:?}");
        let (stored, apart) = server.stop()?;
        ensure!((stored, apart) == (MESSAGES, 0), "{stored} stored and {apart} kept apart");
        let used = after.processor_seconds - before.processor_seconds;
        let messages = count(MESSAGES);
        let figures = [
            ("memory before", "MiB", before.memory_mib),
            ("memory after 20 000 messages", "MiB", after.memory_mib),
            ("processor time, lines opened too", "us/message", used * 1e6 / messages),
            ("rate, 2 000 wanted", "messages/s", messages / seconds),
            ("PUBACK, half of them", "ms", milliseconds(totals.puback_p50_us)),
            ("PUBACK, 99 of 100", "ms", milliseconds(totals.puback_p99_us)),
        ];
        for (what, unit, figure) in figures {
            rows.push(Row::alone(format!("{meters} meters: {what}"), unit, &[figure]));
        }
        // Against the run before: what every service holds is in neither.
        if let Some((fewer, memory)) = former {
            let each = (after.memory_mib - memory) * 1024.0 / count(meters - fewer);
            let name = format!("{fewer} to {meters} meters: memory a connection");
            rows.push(Row::alone(name, "KiB", &[each]));
        }
        former = Some((meters, after.memory_mib));
    }
    Ok(rows)
}
