//! Events into JetStream, which syncs each write to its disk: round by round as the relay sends
//! them, a round an atomic batch, against one after the other.

use std::time::Instant;

use anyhow::{Result, ensure};
use bus::{Bus, CLAIM_MAX, NatsOptions};
use calendar::Timestamp;
use events::Envelope;
use events::metering::ReadingQuarantined;
use ids::{CommunityId, MeterId};
use testkit::NatsServer;

use super::server::COMMUNITY;
use crate::measure::{Pair, RUNS, count};
use crate::report::Row;

/// Events of a run, together and alone.
const TOGETHER: usize = 40_000;
const ALONE: usize = 4_000;
/// How many times the rate of events that are sent alone is aimed at.
const GOAL: f64 = 15.0;
/// More than the events take.
const STREAM_BYTES_MAX: i64 = 1 << 30;

/// Events that no other run has sent.
fn envelopes(run: usize, events: usize) -> Vec<Envelope> {
    let quarantined = ReadingQuarantined {
        community: Some(CommunityId::derived(COMMUNITY)),
        meter: Some(MeterId::derived(COMMUNITY)),
        code: "BAD_SIGNATURE".to_owned(),
        received_at: Timestamp::from_seconds(0),
    };
    let of = |number| {
        let cause = format!("{run} {number}");
        Envelope::of(&quarantined, &cause, quarantined.received_at)
    };
    (0..events).map(of).collect()
}

/// Events stored a second.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let server = NatsServer::start()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let options =
            NatsOptions { url: server.url(), stream: "BENCH".into(), bytes_max: STREAM_BYTES_MAX };
        let bus = Bus::nats(options).await?;
        let mut pair = Pair::default();
        for run in 0..RUNS {
            let rounds = envelopes(2 * run, TOGETHER);
            let began = Instant::now();
            together(&bus, &rounds).await?;
            pair.ours.push(count(TOGETHER) / began.elapsed().as_secs_f64());
            let singles = envelopes(2 * run + 1, ALONE);
            let began = Instant::now();
            alone(&bus, &singles).await?;
            pair.theirs.push(count(ALONE) / began.elapsed().as_secs_f64());
        }
        let name = "into JetStream, on its disk; to events that are published one by one";
        Ok(vec![Row::rate(name, "events/s", &pair).aims_at(GOAL)])
    })
}

async fn together(bus: &Bus, envelopes: &[Envelope]) -> Result<()> {
    let round = usize::try_from(CLAIM_MAX)?;
    for round in envelopes.chunks(round) {
        let outcomes = bus.publish_all(round).await;
        ensure!(outcomes.len() == round.len(), "{} outcomes", outcomes.len());
        outcomes.into_iter().collect::<Result<()>>()?;
    }
    Ok(())
}

async fn alone(bus: &Bus, envelopes: &[Envelope]) -> Result<()> {
    for envelope in envelopes {
        bus.publish(envelope).await?;
    }
    Ok(())
}
