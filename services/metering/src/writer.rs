//! The one task that stores what arrives: batches, one commit each, then the acknowledgements.

use calendar::SlotLength;
use db::Db;
use service::Clock;
use tokio::sync::mpsc;

use crate::app::accept::{Message, accept};
use crate::broker::Arrival;

/// The most messages of one transaction.
pub(crate) const BATCH_MAX: usize = 512;
/// Messages that wait for the writer before the broker reads no more.
pub(crate) const QUEUE_MAX: usize = 2 * BATCH_MAX;

/// Stores arrivals until no broker is left to send any. What cannot be stored is not acknowledged:
/// its sender loses the line and sends it again.
pub(crate) async fn write(
    db: Db,
    slot: SlotLength,
    clock: Clock,
    mut arrivals: mpsc::Receiver<Arrival>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while arrivals.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let messages = batch.iter_mut().map(|arrival: &mut Arrival| Message {
            meter: arrival.meter,
            bytes: std::mem::take(&mut arrival.message),
        });
        match accept(&db, slot, messages.collect(), clock.now()).await {
            Ok(tally) => {
                tracing::debug!(?tally, "readings stored");
                for arrival in batch.drain(..) {
                    // A sender that left in the meantime sends again and is told then.
                    arrival.stored.send(()).ok();
                }
            }
            Err(error) => {
                let messages = batch.len();
                tracing::error!(messages, error = format!("{error:#}"), "readings not stored");
                batch.clear();
            }
        }
    }
}
