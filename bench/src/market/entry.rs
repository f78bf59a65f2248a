//! Orders through REST, durable before they are answered, on the processors that also sign, send
//! and read for the clients: in batches, alone, and alone while a large slot is cleared.
//!
//! The service runs as it does in the all-in-one: a database file with `synchronous = full`, tokens
//! that are checked, signatures that are recovered. Orders are signed beforehand; each run has a
//! database of its own. A run counts only if every order was accepted, and if what is there after a
//! restart is what was there before, to the hash.

mod town;

use std::sync::Arc;
use std::time::Instant;

use alloy_primitives::B256;
use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::http::{Connection, Request};
use crate::measure::{Pair, RUNS, count, percentile, process_seconds, timed};
use crate::report::Row;
use town::{Served, Town};

/// Orders of a batch: the most that a request may have.
pub(super) const BATCH: usize = 100;
/// Batches of a run.
const BATCHES: usize = 400;
/// Orders of a run that come alone.
const SINGLES: usize = 8_000;
/// Orders that come alone while a slot is cleared: more than come meanwhile.
const MEANWHILE: usize = 8_000;
/// Orders of the slot that is cleared: as many as a slot may have.
pub(super) const CLEARED: usize = 20_000;
/// Connections that send batches, and single orders. Eight clients wait in step with the commits:
/// with more of them the disk's syncs count for less, and each answer comes later.
const BATCH_CONNECTIONS: usize = 8;
const SINGLE_CONNECTIONS: usize = 32;
/// Orders a second that are aimed at, in batches.
const GOAL: f64 = 20_000.0;
/// On so many processors.
const PROCESSORS: f64 = 2.0;

/// What a run was like.
#[derive(Default)]
struct Figures {
    batch: Sent,
    single: Sent,
    meanwhile: Sent,
    /// Processor milliseconds of the whole bench for a thousand orders in batches.
    work: Vec<f64>,
    /// Milliseconds that the clearing took, a restart after a kill, and one after a stop.
    clearing: Vec<f64>,
    killed: Vec<f64>,
    stopped: Vec<f64>,
}

/// Of each run the orders a second, and milliseconds until the answer.
#[derive(Default)]
struct Sent {
    rate: Vec<f64>,
    half: Vec<f64>,
    most: Vec<f64>,
}

impl Sent {
    fn note(&mut self, rate: f64, mut latencies: Vec<f64>) {
        self.rate.push(rate);
        self.half.push(percentile(&mut latencies, 50));
        self.most.push(percentile(&mut latencies, 99));
    }

    fn rows(&self, what: &str) -> Vec<Row> {
        vec![
            Row::alone(format!("{what}: half answered within"), "ms", &self.half),
            Row::alone(format!("{what}: 99 of 100 answered within"), "ms", &self.most),
        ]
    }
}

pub(super) fn rows() -> Result<Vec<Row>> {
    let town = Town::sign(BATCHES, SINGLES + MEANWHILE)?;
    let mut figures = Figures::default();
    for _ in 0..RUNS {
        run(&town, &mut figures)?;
    }
    let batches = format!("batches of {BATCH} on {BATCH_CONNECTIONS} connections");
    let pair = Pair { ours: figures.batch.rate.clone(), theirs: vec![GOAL] };
    let mut rows = vec![Row::rate(format!("{batches}: orders"), "1/s", &pair).aims_at(1.0)];
    let work = format!("{batches}: processor time of service and clients for 1 000 orders");
    rows.push(Row::cost_at_most(work, "ms", &figures.work, PROCESSORS / GOAL * 1_000_000.0));
    rows.extend(figures.batch.rows(&batches));
    let singles = format!("single orders on {SINGLE_CONNECTIONS} connections");
    rows.push(Row::alone(format!("{singles}: orders"), "1/s", &figures.single.rate));
    rows.extend(figures.single.rows(&singles));
    let meanwhile = format!("the same while a slot of {CLEARED} orders is cleared");
    rows.push(Row::alone(format!("{meanwhile}: orders"), "1/s", &figures.meanwhile.rate));
    rows.extend(figures.meanwhile.rows(&meanwhile));
    let cleared = format!("clearing of {CLEARED} orders under that load, with its transactions");
    rows.push(Row::alone(cleared, "ms", &figures.clearing));
    let orders = BATCHES * BATCH + CLEARED + SINGLES;
    let restart = |from: &str| format!("restart with more than {orders} orders, from {from}");
    rows.push(Row::alone(restart("the journal"), "ms", &figures.killed));
    rows.push(Row::alone(restart("a snapshot"), "ms", &figures.stopped));
    Ok(rows)
}

fn run(town: &Town, figures: &mut Figures) -> Result<()> {
    let served = Served::start(town, None)?;
    let before = process_seconds().unwrap_or(f64::NAN);
    let (latencies, seconds) = timed(|| send(&served, &town.batches, BATCH_CONNECTIONS, BATCH));
    let work = process_seconds().unwrap_or(f64::NAN) - before;
    figures.work.push(work * 1_000_000.0 / count(BATCHES * BATCH));
    figures.batch.note(count(BATCHES * BATCH) / seconds, latencies?.0);
    let (singles, meanwhile) = town.singles.split_at(SINGLES);
    let (latencies, seconds) = timed(|| send(&served, singles, SINGLE_CONNECTIONS, 1));
    figures.single.note(count(SINGLES) / seconds, latencies?.0);
    send(&served, &town.large, BATCH_CONNECTIONS, BATCH)?;
    let (clearing, sent) = std::thread::scope(|scope| {
        let clearing = scope.spawn(|| {
            let began = Instant::now();
            served.clear().map(|()| (began, Instant::now()))
        });
        let sent = send(&served, meanwhile, SINGLE_CONNECTIONS, 1);
        let clearing = clearing.join().map_err(|_| anyhow::anyhow!("the clearing died"))?;
        Ok::<_, anyhow::Error>((clearing?, sent?))
    })?;
    let (began, ended) = clearing;
    let during: Vec<f64> = (sent.0.iter().zip(&sent.1))
        .filter(|(_, sent)| (began..ended).contains(*sent))
        .map(|(latency, _)| *latency)
        .collect();
    ensure!(!during.is_empty(), "no order came while the slot was cleared");
    let seconds = ended.duration_since(began).as_secs_f64();
    figures.meanwhile.note(count(during.len()) / seconds, during);
    figures.clearing.push(seconds * 1_000.0);
    let orders = BATCHES * BATCH + SINGLES + MEANWHILE + CLEARED;
    let before = served.state();
    ensure!(before.0 == orders, "{} orders of {orders} are there", before.0);
    let folder = served.kill();
    let folder = restarted(town, folder, before, &mut figures.killed)?;
    restarted(town, folder, before, &mut figures.stopped).map(drop)
}

/// Starts it again, with the same book, and stops it.
fn restarted(
    town: &Town,
    folder: Arc<TempDir>,
    before: (usize, B256),
    times: &mut Vec<f64>,
) -> Result<Arc<TempDir>> {
    let (served, seconds) = timed(|| Served::start(town, Some(folder)));
    let served = served?;
    times.push(seconds * 1_000.0);
    ensure!(served.state() == before, "a restart gives another book");
    served.stop()
}

/// Sends requests over so many connections, each of which waits for its answers. Of each request
/// the milliseconds until its answer, and when it was sent.
fn send(
    served: &Served,
    requests: &[Request],
    connections: usize,
    orders: usize,
) -> Result<(Vec<f64>, Vec<Instant>)> {
    let share = requests.len().div_ceil(connections);
    let line = |requests: &[Request]| -> Result<Vec<(f64, Instant)>> {
        let mut connection = Connection::open(&served.address, "/")?;
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let began = Instant::now();
            let answer = connection.send(request)?;
            sent.push((began.elapsed().as_secs_f64() * 1_000.0, began));
            let open = count_of(&answer, br#""status":"open""#);
            ensure!(open == orders, "{}", String::from_utf8_lossy(&answer));
        }
        Ok(sent)
    };
    let sent = std::thread::scope(|scope| {
        let lines: Vec<_> =
            requests.chunks(share).map(|share| scope.spawn(move || line(share))).collect();
        let ended = lines.into_iter().map(|line| line.join().ok().context("a client died")?);
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(sent.into_iter().flatten().unzip())
}

/// How often `part` is in `text`.
fn count_of(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}
