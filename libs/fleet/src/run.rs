//! A whole fleet at work.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::intents::{Intents, Keeper};
use crate::line::Broker;
use crate::meter::{Manner, Meter, Shared, Source};
use crate::script::{Message, Script};
use crate::tally::{Tally, Totals};

/// Seconds of silence after which a silent meter has to be thrown out, and half as many again.
const SILENT_KEEP_ALIVE: u16 = 4;

/// All lines end at the same moment, again and again.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// From one to the next.
    pub every: Duration,
}

/// How a fleet behaves.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Messages per second of the whole fleet; zero: as fast as acknowledgements leave room.
    pub per_second: u64,
    /// The most messages of one meter.
    pub messages: u64,
    /// Whether they are signed before the first is sent. Then all of them are in memory.
    pub presign: bool,
    /// Messages of one meter that may wait for their acknowledgement, at least one.
    pub in_flight: u16,
    /// Seconds of silence that a meter promises not to exceed.
    pub keep_alive: u16,
    /// So many of the meters read slowly.
    pub slow: usize,
    /// So many of the meters enter and say nothing; they are the last ones.
    pub silent: usize,
    /// Whether all lines end at the same moment, again and again.
    pub storm: Option<Storm>,
}

/// Meters at work. Dropping it ends all of them.
pub struct Fleet {
    shared: Arc<Shared>,
    meters: JoinSet<Result<()>>,
    keeper: Option<Keeper>,
    storming: Option<DropGuard>,
}

impl Fleet {
    /// Lets these meters loose on `broker`. What they send is written to the file `log` before.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn start(
        broker: Broker,
        scripts: Vec<Script>,
        plan: &Plan,
        log: Option<&Path>,
    ) -> Result<Fleet> {
        let (intents, keeper) = match log.map(Intents::open).transpose()? {
            None => (None, None),
            Some((intents, keeper)) => (Some(intents), Some(keeper)),
        };
        let (tally, ending) = (Arc::new(Tally::default()), CancellationToken::new());
        let shared = Arc::new(Shared { broker, tally, intents, ending });
        let (storm, storms) = watch::channel(0);
        let count = scripts.len();
        let sources = sources(scripts, plan);
        let mut meters = JoinSet::new();
        for (place, (device, source)) in sources.into_iter().enumerate() {
            let manner = manner(plan, place, count);
            let (shared, storms) = (shared.clone(), storms.clone());
            meters.spawn(Meter { device, source, manner, shared, storms }.run());
        }
        let storming = CancellationToken::new();
        let calm = storming.clone();
        let every = plan.storm.map(|storm| storm.every);
        tokio::spawn(async move {
            // Without storms too: a channel without a sender would look like one.
            let storms = async {
                match every {
                    None => std::future::pending().await,
                    Some(every) => loop {
                        tokio::time::sleep(every).await;
                        storm.send_modify(|count| *count += 1);
                    },
                }
            };
            tokio::select! { () = storms => {}, () = calm.cancelled() => {} }
        });
        Ok(Fleet { shared, meters, keeper, storming: Some(storming.drop_guard()) })
    }

    /// What has been done so far.
    pub fn totals(&self) -> Totals {
        self.shared.tally.totals()
    }

    /// Returns when every meter has said everything and all of it is acknowledged.
    ///
    /// # Errors
    /// When a meter could not go on: its log cannot be written.
    pub async fn done(&mut self) -> Result<()> {
        while let Some(ended) = self.meters.join_next().await {
            ended.context("a meter died")??;
        }
        Ok(())
    }

    /// Lets nothing new be said, waits for what is on its way at most `patience`, and closes the
    /// log. What has no acknowledgement then never gets one.
    ///
    /// # Errors
    /// When a meter, or the log, could not go on.
    pub async fn finish(mut self, patience: Duration) -> Result<Totals> {
        self.storming = None;
        self.shared.ending.cancel();
        if let Ok(done) = tokio::time::timeout(patience, self.done()).await {
            done?;
        }
        self.meters.shutdown().await;
        let totals = self.totals();
        let Fleet { shared, keeper, .. } = self;
        // The log ends with the last that could write to it.
        drop(shared);
        if let Some(keeper) = keeper {
            tokio::task::spawn_blocking(|| keeper.finish()).await.context("closing the log")??;
        }
        Ok(totals)
    }
}

/// Who says what: signed now where that is wanted, on as many threads as there are processors.
fn sources(scripts: Vec<Script>, plan: &Plan) -> Vec<(crate::Device, Source)> {
    if !plan.presign {
        let live = |script: Script| {
            (script.device().clone(), Source::Live(Box::new(script), plan.messages))
        };
        return scripts.into_iter().map(live).collect();
    }
    let sign = |script: &mut Script| -> VecDeque<Message> {
        std::iter::from_fn(|| script.next_message())
            .take(usize::try_from(plan.messages).unwrap_or(usize::MAX))
            .collect()
    };
    let (mut scripts, threads) = (scripts, std::thread::available_parallelism());
    let share = scripts.len().div_ceil(threads.map_or(1, usize::from)).max(1);
    std::thread::scope(|scope| {
        let work = scripts.chunks_mut(share).map(|chunk| {
            scope.spawn(move || {
                let signed = chunk
                    .iter_mut()
                    .map(|script| (script.device().clone(), Source::Signed(sign(script))));
                signed.collect::<Vec<_>>()
            })
        });
        let work = Vec::from_iter(work);
        work.into_iter().flat_map(|thread| thread.join().expect("signing does not fail")).collect()
    })
}

/// The manner of the meter in this place of `count`.
fn manner(plan: &Plan, place: usize, count: usize) -> Manner {
    let talking = count.saturating_sub(plan.silent).max(1);
    let silent = place >= count - plan.silent.min(count);
    // One message each in turn, so that the fleet's are spread evenly.
    let every = match plan.per_second {
        0 => Duration::ZERO,
        rate => Duration::from_nanos(
            u64::try_from(1_000_000_000 * talking as u128 / u128::from(rate)).unwrap_or(u64::MAX),
        ),
    };
    let turn = u32::try_from(place).unwrap_or(u32::MAX);
    let first = every / u32::try_from(talking).unwrap_or(u32::MAX);
    Manner {
        every,
        first: first.saturating_mul(turn).min(every),
        in_flight: usize::from(plan.in_flight.max(1)),
        keep_alive: if silent { SILENT_KEEP_ALIVE } else { plan.keep_alive },
        slow: place < plan.slow,
        silent,
    }
}
