//! Messages become accepted readings, duplicates or quarantined messages: one transaction a batch.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::ReadingQuarantined;
use ids::{CommunityId, MeterId};
use reading::{Reason, Rules, SignedReading, Verdict, judge};
use sha2::{Digest, Sha256};

use crate::db::meters::{self, Enrolled};
use crate::db::nearby::Nearby;
use crate::db::quarantine::{self, Suspect};
use crate::db::readings::{self, Stored};

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
            let mut batch = Batch::of(tx, slot, now, &messages).await?;
            for message in &messages {
                batch.take(message);
            }
            batch.keep(tx).await
        })
    })
    .await
}

/// Messages that are judged together: what they are held against, and what became of them so far.
struct Batch<'m> {
    slot: SlotLength,
    now: Timestamp,
    /// The meters of this batch that are enrolled.
    meters: HashMap<MeterId, Enrolled>,
    /// The readings around those of this batch, with those accepted so far.
    nearby: Nearby,
    accepted: Vec<(SignedReading, CommunityId)>,
    suspects: Vec<Suspect<'m>>,
    /// Where in `suspects` a digest is.
    places: HashMap<String, usize>,
    tally: Tally,
}

impl<'m> Batch<'m> {
    async fn of(
        tx: &mut Tx,
        slot: SlotLength,
        now: Timestamp,
        messages: &[Message],
    ) -> Result<Batch<'m>> {
        let topics: BTreeSet<MeterId> = messages.iter().map(|message| message.meter).collect();
        let topics = Vec::from_iter(topics);
        let meters = meters::enrolled(tx, &topics).await.context("looking up meters")?;
        let readings = messages.iter().filter_map(|message| message.reading().ok());
        let known = readings.filter(|signed| meters.contains_key(&signed.reading.meter));
        let pages: BTreeSet<_> =
            known.map(|signed| (signed.reading.meter, signed.reading.page)).collect();
        let nearby = Nearby::of(tx, &Vec::from_iter(pages))
            .await
            .context("reading the neighbours of pages")?;
        let (accepted, suspects, places) = (Vec::new(), Vec::new(), HashMap::new());
        let tally = Tally::default();
        Ok(Batch { slot, now, meters, nearby, accepted, suspects, places, tally })
    }

    fn take(&mut self, message: &'m Message) {
        let enrolled = self.meters.get(&message.meter);
        let community = enrolled.map(|enrolled| enrolled.community);
        let signed = match message.reading() {
            Ok(signed) => signed,
            Err(reason) => return self.suspect(message, community, reason),
        };
        let Some(enrolled) = enrolled else {
            return self.suspect(message, None, Reason::UnknownMeter);
        };
        let reading = &signed.reading;
        let rules = Rules {
            signer: enrolled.signer_of(reading.page, reading.time),
            slot: self.slot,
            limit: enrolled.limit,
        };
        let neighbours = self.nearby.neighbours(reading.meter, reading.page);
        match judge(&signed, &neighbours, &rules, self.now) {
            Verdict::Accept => {
                self.accepted.push((signed, enrolled.community));
                self.nearby.add(Stored { signed, received_at: self.now, published: false });
                self.tally.accepted += 1;
            }
            Verdict::Duplicate => self.tally.duplicates += 1,
            Verdict::Quarantine(reason) => self.suspect(message, community, reason),
        }
    }

    /// Sets a message apart; a repeat is counted.
    fn suspect(&mut self, message: &'m Message, community: Option<CommunityId>, reason: Reason) {
        self.tally.quarantined += 1;
        let digest = digest(message, reason);
        let place = *self.places.entry(digest.clone()).or_insert(self.suspects.len());
        if let Some(suspect) = self.suspects.get_mut(place) {
            suspect.times += 1;
            return;
        }
        self.suspects.push(Suspect {
            digest,
            meter: message.meter,
            community,
            code: reason.code(),
            message: &message.bytes,
            received_at: self.now,
            times: 1,
        });
    }

    /// Stores what was accepted and what was set apart, and tells of the latter the first time.
    async fn keep(self, tx: &mut Tx) -> Result<Tally> {
        readings::insert(tx, &self.accepted, self.now).await.context("storing readings")?;
        let first =
            quarantine::insert(tx, &self.suspects).await.context("quarantining messages")?;
        let news = self.suspects.iter().filter(|suspect| first.contains(&suspect.digest));
        let envelopes = news.map(|suspect| {
            let quarantined = ReadingQuarantined {
                community: suspect.community,
                meter: suspect.community.map(|_| suspect.meter),
                code: suspect.code.to_owned(),
                received_at: self.now,
            };
            Envelope::of(&quarantined, &suspect.digest, self.now)
        });
        bus::append_all(tx, &Vec::from_iter(envelopes)).await?;
        Ok(self.tally)
    }
}

impl Message {
    /// What the meter of the topic says, if it is that.
    fn reading(&self) -> Result<SignedReading, Reason> {
        match SignedReading::decode(&self.bytes) {
            Ok(signed) if signed.reading.meter == self.meter => Ok(signed),
            Ok(_) => Err(Reason::WrongTopic),
            Err(error) => Err(error.reason()),
        }
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
