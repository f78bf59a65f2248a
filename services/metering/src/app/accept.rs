//! Messages become accepted readings, duplicates or quarantined messages: one transaction a batch.

use std::collections::HashMap;

use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::ReadingQuarantined;
use ids::{CommunityId, MeterId};
use reading::{Reason, Rules, SignedReading, Verdict, judge};
use sha2::{Digest, Sha256};

use crate::db::meters::{self, Enrolled};
use crate::db::quarantine::{self, Suspect};
use crate::db::readings;

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The meter whose topic it came on.
    pub(crate) meter: MeterId,
    /// The payload.
    pub(crate) bytes: Vec<u8>,
}

/// What became of each message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Stored now.
    pub accepted: u64,
    /// Stored before with the same content.
    pub duplicates: u64,
    /// Kept apart.
    pub quarantined: u64,
}

/// Judges and stores `messages` in order, in one transaction: when this returns `Ok`, all of them
/// are on disk.
pub(crate) async fn accept(
    db: &Db,
    slot: SlotLength,
    messages: Vec<Message>,
    now: Timestamp,
) -> Result<Tally> {
    db.transact(move |tx| {
        Box::pin(async move {
            let mut batch = Batch { slot, now, meters: HashMap::new(), tally: Tally::default() };
            for message in &messages {
                batch.take(tx, message).await?;
            }
            Ok::<_, anyhow::Error>(batch.tally)
        })
    })
    .await
}

struct Batch {
    slot: SlotLength,
    now: Timestamp,
    /// The meters of this batch; `None` for one that is not enrolled.
    meters: HashMap<MeterId, Option<Enrolled>>,
    tally: Tally,
}

impl Batch {
    async fn take(&mut self, tx: &mut Tx, message: &Message) -> Result<()> {
        let enrolled = self.enrolled(tx, message.meter).await?;
        let community = enrolled.as_ref().map(|enrolled| enrolled.community);
        let signed = match SignedReading::decode(&message.bytes) {
            Ok(signed) if signed.reading.meter == message.meter => signed,
            Ok(_) => return self.suspect(tx, message, community, Reason::WrongTopic).await,
            Err(error) => return self.suspect(tx, message, community, error.reason()).await,
        };
        let Some(enrolled) = enrolled else {
            return self.suspect(tx, message, None, Reason::UnknownMeter).await;
        };
        let reading = &signed.reading;
        let rules = Rules {
            signer: enrolled.signer_at(reading.time),
            slot: self.slot,
            limit: enrolled.limit,
        };
        let neighbours = readings::neighbours(tx, reading.meter, reading.page)
            .await
            .context("reading the neighbours of a page")?;
        match judge(&signed, &neighbours, &rules, self.now) {
            Verdict::Accept => {
                readings::insert(tx, &signed, enrolled.community, self.now)
                    .await
                    .context("storing a reading")?;
                self.tally.accepted += 1;
                Ok(())
            }
            Verdict::Duplicate => {
                self.tally.duplicates += 1;
                Ok(())
            }
            Verdict::Quarantine(reason) => self.suspect(tx, message, community, reason).await,
        }
    }

    async fn enrolled(&mut self, tx: &mut Tx, meter: MeterId) -> Result<Option<Enrolled>> {
        if let Some(known) = self.meters.get(&meter) {
            return Ok(known.clone());
        }
        let enrolled = meters::enrolled(tx, meter).await.context("looking up a meter")?;
        self.meters.insert(meter, enrolled.clone());
        Ok(enrolled)
    }

    /// Keeps a message apart, and tells of it the first time.
    async fn suspect(
        &mut self,
        tx: &mut Tx,
        message: &Message,
        community: Option<CommunityId>,
        reason: Reason,
    ) -> Result<()> {
        self.tally.quarantined += 1;
        let digest = digest(message, reason);
        let suspect = Suspect {
            meter: message.meter,
            community,
            code: reason.code(),
            message: &message.bytes,
            received_at: self.now,
        };
        let first =
            quarantine::insert(tx, &suspect, &digest).await.context("quarantining a message")?;
        if first {
            let quarantined = ReadingQuarantined {
                community,
                meter: community.map(|_| message.meter),
                code: reason.code().to_owned(),
                received_at: self.now,
            };
            bus::append(tx, &Envelope::of(&quarantined, &digest, self.now)).await?;
        }
        Ok(())
    }
}

/// Names a message and its reason, so that a repeat is counted instead of kept again.
fn digest(message: &Message, reason: Reason) -> String {
    let mut hash = Sha256::new();
    hash.update(message.meter.uuid().as_bytes());
    hash.update(reason.code().as_bytes());
    hash.update(&message.bytes);
    hex::encode(hash.finalize())
}
