//! Readings are accepted, known already or set apart: one transaction a batch.
//!
//! The last reading of each meter is kept in memory, and so is what it is judged by: a batch of the
//! usual kind, each meter's next page, asks the database nothing. Whether that may be believed the
//! database itself says: see [`Mark`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::ReadingQuarantined;
use ids::{CommunityId, MeterId};
use reading::{Reason, Rules, SignedReading, Verdict, judge_signed_by};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::heard::{Heard, Said};
use crate::db::mark::{self, Mark};
use crate::db::meters::{self, Enrolled};
use crate::db::nearby::Nearby;
use crate::db::quarantine::{self, Suspect};
use crate::db::readings::{self, Stored};

/// Meters that are remembered; beyond, everything is forgotten and learnt again.
const KNOWN_MAX: usize = 200_000;

/// What became of each reading of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Stored now.
    pub accepted: u64,
    /// Stored before with the same content, or erased since.
    pub duplicates: u64,
    /// Kept apart.
    pub quarantined: u64,
}

/// What is remembered from one batch to the next.
#[derive(Default)]
struct Known {
    /// When it was true.
    mark: Option<Mark>,
    meters: HashMap<MeterId, Enrolled>,
    /// The readings of the highest pages.
    last: HashMap<MeterId, Stored>,
}

/// Takes readings in.
#[derive(Clone)]
pub(crate) struct Intake {
    db: Db,
    slot: SlotLength,
    known: Arc<Mutex<Known>>,
}

impl Intake {
    /// An intake into `db`. Its clones remember together.
    pub(crate) fn new(db: Db, slot: SlotLength) -> Intake {
        Intake { db, slot, known: Arc::default() }
    }

    /// Remembers nothing of what was read; the next batch asks the database.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = Known::default();
    }

    /// Judges and stores what was heard in order, in one transaction: when this returns `Ok`, all
    /// of it is on disk.
    pub(crate) async fn accept(&self, heard: Vec<Heard>, now: Timestamp) -> Result<Tally> {
        let slot = self.slot;
        // Held until the commit. Whoever gives up before leaves nothing that is remembered.
        let mut place = self.known.lock().await;
        let known = std::mem::take(&mut *place);
        let (tally, known) = self.store(known, slot, heard, now).await?;
        *place = known;
        Ok(tally)
    }

    async fn store(
        &self,
        known: Known,
        slot: SlotLength,
        heard: Vec<Heard>,
        now: Timestamp,
    ) -> Result<(Tally, Known)> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let mark =
                        mark::begin(tx).await.context("whether somebody else has written")?;
                    let known = known.at(tx, mark).await?;
                    let mut batch = Batch::of(tx, known, slot, now, &heard).await?;
                    for heard in heard {
                        batch.take(heard);
                    }
                    batch.keep(tx, mark).await
                })
            })
            .await
    }
}

impl Known {
    /// What of it is still true at this mark.
    async fn at(mut self, tx: &mut Tx, mark: Mark) -> Result<Known> {
        let full = self.meters.len().max(self.last.len()) > KNOWN_MAX;
        if full || self.mark.is_none_or(|before| before.others != mark.others) {
            mark::prepare(tx).await.context("preparing to write")?;
            return Ok(Known::default());
        }
        if self.mark.is_none_or(|before| before.own != mark.own) {
            // We wrote something else meanwhile: an enrolment perhaps. Readings are written here
            // alone, and never changed.
            self.meters.clear();
        }
        Ok(self)
    }
}

/// Readings that are judged together: what they are held against, and what became of them so far.
struct Batch {
    slot: SlotLength,
    now: Timestamp,
    known: Known,
    /// The readings around those of this batch, with those accepted so far.
    nearby: Nearby,
    /// Meters of which `nearby` has the highest page.
    topped: HashSet<MeterId>,
    accepted: Vec<(SignedReading, CommunityId)>,
    suspects: Vec<Suspect>,
    /// Where in `suspects` a digest is.
    places: HashMap<String, usize>,
    tally: Tally,
}

impl Batch {
    async fn of(
        tx: &mut Tx,
        mut known: Known,
        slot: SlotLength,
        now: Timestamp,
        heard: &[Heard],
    ) -> Result<Batch> {
        let topics = heard.iter().map(|heard| heard.meter);
        let strange: BTreeSet<_> =
            topics.filter(|meter| !known.meters.contains_key(meter)).collect();
        if !strange.is_empty() {
            let strange = Vec::from_iter(strange);
            let found = meters::enrolled(tx, &strange).await.context("looking up meters")?;
            known.meters.extend(found);
        }
        // Pages behind the last one need nothing from the database.
        let (mut seeds, mut asked) = (HashMap::new(), BTreeSet::new());
        for heard in heard {
            let Said::Reading(signed, _) = &heard.said else { continue };
            let (meter, page) = (heard.meter, signed.reading.page);
            if !known.meters.contains_key(&meter) {
                continue;
            }
            match known.last.get(&meter) {
                Some(last) if last.reading().page < page => {
                    seeds.insert(meter, *last);
                }
                _ => {
                    asked.insert((meter, page));
                }
            }
        }
        let asked = Vec::from_iter(asked);
        let mut nearby = Nearby::of(tx, &asked).await.context("reading the neighbours of pages")?;
        let mut topped: HashSet<MeterId> = seeds.keys().copied().collect();
        // In page order: of each meter the last one counts.
        for (meter, page) in &asked {
            match nearby.neighbours(*meter, *page).after {
                None => topped.insert(*meter),
                Some(_) => topped.remove(meter),
            };
        }
        topped.extend(seeds.keys());
        seeds.into_values().for_each(|last| nearby.add(last));
        let (accepted, suspects, places) = (Vec::new(), Vec::new(), HashMap::new());
        let tally = Tally::default();
        Ok(Batch { slot, now, known, nearby, topped, accepted, suspects, places, tally })
    }

    fn take(&mut self, Heard { meter, said }: Heard) {
        let enrolled = self.known.meters.get(&meter);
        let community = enrolled.map(|enrolled| enrolled.community);
        let (signed, signed_by) = match said {
            Said::Reading(signed, signed_by) => (signed, signed_by),
            Said::Nonsense(bytes, reason) => return self.suspect(meter, bytes, community, reason),
        };
        let Some(enrolled) = enrolled else {
            return self.suspect(meter, signed.encode(), None, Reason::UnknownMeter);
        };
        let reading = &signed.reading;
        // It was here once, or nobody wants to keep it: acknowledged, so that it is not sent again.
        if enrolled.erased_until.is_some_and(|until| reading.time <= until) {
            self.tally.duplicates += 1;
            return;
        }
        let rules = Rules {
            signer: enrolled.signer_of(reading.page, reading.time),
            slot: self.slot,
            limit: enrolled.limit,
        };
        let neighbours = self.nearby.neighbours(reading.meter, reading.page);
        match judge_signed_by(reading, signed_by, &neighbours, &rules, self.now) {
            Verdict::Accept => {
                self.accepted.push((signed, enrolled.community));
                self.nearby.add(Stored { signed, received_at: self.now, published: false });
                self.tally.accepted += 1;
            }
            Verdict::Duplicate => self.tally.duplicates += 1,
            Verdict::Quarantine(reason) => {
                self.suspect(meter, signed.encode(), community, reason);
            }
        }
    }

    /// Sets a message apart; a repeat is counted.
    fn suspect(
        &mut self,
        meter: MeterId,
        message: Vec<u8>,
        community: Option<CommunityId>,
        reason: Reason,
    ) {
        self.tally.quarantined += 1;
        let digest = digest(meter, &message, reason);
        let place = *self.places.entry(digest.clone()).or_insert(self.suspects.len());
        if let Some(suspect) = self.suspects.get_mut(place) {
            suspect.times += 1;
            return;
        }
        let (code, received_at) = (reason.code(), self.now);
        self.suspects.push(Suspect {
            digest,
            meter,
            community,
            code,
            message,
            received_at,
            times: 1,
        });
    }

    /// Stores what was accepted and what was set apart, and tells of the latter the first time.
    async fn keep(mut self, tx: &mut Tx, begun: Mark) -> Result<(Tally, Known)> {
        // Where they are kept, neighbours lie side by side.
        self.accepted
            .sort_unstable_by_key(|(signed, _)| (signed.reading.meter, signed.reading.page));
        readings::insert(tx, &self.accepted, self.now).await.context("storing readings")?;
        if !self.suspects.is_empty() {
            self.keep_apart(tx).await?;
        }
        let mut known = self.known;
        for meter in self.topped {
            known.last.extend(self.nearby.last(meter).map(|last| (meter, last)));
        }
        known.mark = Some(mark::end(tx, begun).await.context("what was written")?);
        Ok((self.tally, known))
    }

    async fn keep_apart(&self, tx: &mut Tx) -> Result<()> {
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
        Ok(())
    }
}

/// Names a message and its reason, so that a repeat is counted instead of kept again.
fn digest(meter: MeterId, message: &[u8], reason: Reason) -> String {
    let mut hash = Sha256::new();
    hash.update(meter.uuid().as_bytes());
    hash.update(reason.code().as_bytes());
    hash.update(message);
    hex::encode(hash.finalize())
}
