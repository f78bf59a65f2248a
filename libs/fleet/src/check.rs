//! What was sent and acknowledged, against what the server has stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use ids::MeterId;
use reading::SignedReading;
use serde::Serialize;

use crate::intents::Entry;
use crate::script::Fault;

/// The most pages that are named of each kind of finding.
const NAMED_MAX: usize = 20;

/// What one meter said on one page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    signed: SignedReading,
    acknowledged: bool,
}

/// What a fleet said, by its log.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// What has to be stored once it is acknowledged.
    pages: BTreeMap<MeterId, BTreeMap<u32, Page>>,
    /// Readings that no server should believe.
    broken: BTreeMap<MeterId, Vec<SignedReading>>,
    /// Messages without an acknowledgement.
    pending: BTreeMap<(MeterId, u64), Vec<u32>>,
}

/// A page of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Named {
    /// The meter.
    pub meter: MeterId,
    /// The page.
    pub page: u32,
}

/// What a check found. Of each fault the first twenty are named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Findings {
    /// Meters that were held against the server.
    pub meters: u64,
    /// Readings that were sent and should be believed.
    pub sent: u64,
    /// Those of them that were acknowledged.
    pub acknowledged: u64,
    /// Readings that the server has of these meters.
    pub stored: u64,
    /// Stored though no acknowledgement came back, which is allowed.
    pub unacknowledged: u64,
    /// How many were acknowledged and are not there.
    pub missing: u64,
    /// How many are there more than once.
    pub doubled: u64,
    /// How many are there with other contents or another signature.
    pub altered: u64,
    /// How many are there that were broken on purpose.
    pub believed: u64,
    /// How many are there that this log does not know; they may be of another run.
    pub unknown: u64,
    /// The first of those that are missing, doubled, altered or wrongly believed.
    pub named: BTreeMap<&'static str, Vec<Named>>,
}

impl Findings {
    /// Whether the server kept its word.
    pub fn hold(&self) -> bool {
        self.missing + self.doubled + self.altered + self.believed == 0
    }

    fn name(&mut self, what: &'static str, meter: MeterId, page: u32) {
        let named = self.named.entry(what).or_default();
        if named.len() < NAMED_MAX {
            named.push(Named { meter, page });
        }
    }
}

impl Said {
    /// Reads a log. Its last line may be torn: what it would have said was not sent yet.
    ///
    /// # Errors
    /// When it cannot be read, or another line is none.
    pub fn read(path: &Path) -> Result<Said> {
        let name = path.display();
        let file = File::open(path).with_context(|| name.to_string())?;
        let (mut reader, mut line, mut said) = (BufReader::new(file), Vec::new(), Said::default());
        for place in 1_u64.. {
            line.clear();
            if reader.read_until(b'\n', &mut line).with_context(|| name.to_string())? == 0 {
                break;
            }
            match serde_json::from_slice(&line) {
                Ok(entry) => {
                    said.take(entry).with_context(|| format!("{name}:{place}"))?;
                }
                Err(_) if line.last() != Some(&b'\n') => break,
                Err(error) => bail!("{name}:{place}: {error}"),
            }
        }
        Ok(said)
    }

    /// Takes one entry of a log.
    ///
    /// # Errors
    /// When it is none, or contradicts one before it.
    pub fn take(&mut self, entry: Entry) -> Result<()> {
        match entry {
            Entry::Sent { meter, number, fault, payload } => {
                let payload = hex::decode(payload).context("the payload")?;
                let believed = fault.is_none_or(Fault::is_believed);
                let readings = crate::script::readings(&payload);
                if !believed {
                    self.broken.entry(meter).or_default().extend(readings.flatten());
                    return Ok(());
                }
                let mut pages = Vec::new();
                for signed in readings {
                    let signed = signed.context("the payload")?;
                    let page = signed.reading.page;
                    let known = self.pages.entry(meter).or_default();
                    let known = known.entry(page).or_insert(Page { signed, acknowledged: false });
                    if known.signed != signed {
                        bail!("page {page} was sent before with other contents");
                    }
                    pages.push(page);
                }
                self.pending.insert((meter, number), pages);
            }
            Entry::Acknowledged { meter, number } => {
                // A message that is not to be believed has nothing to be found.
                for page in self.pending.remove(&(meter, number)).unwrap_or_default() {
                    if let Some(page) = self.pages.entry(meter).or_default().get_mut(&page) {
                        page.acknowledged = true;
                    }
                }
            }
        }
        Ok(())
    }

    /// The meters that said something.
    pub fn meters(&self) -> BTreeSet<MeterId> {
        self.pages.keys().chain(self.broken.keys()).copied().collect()
    }
}

/// Holds what the server has of one meter against what that meter said.
pub fn check(said: &Said, meter: MeterId, stored: &[SignedReading], found: &mut Findings) {
    let (none, nothing) = (BTreeMap::new(), Vec::new());
    let pages = said.pages.get(&meter).unwrap_or(&none);
    let broken = said.broken.get(&meter).unwrap_or(&nothing);
    found.meters += 1;
    found.sent += pages.len() as u64;
    found.stored += stored.len() as u64;
    let mut there = BTreeSet::new();
    for signed in stored {
        let page = signed.reading.page;
        if !there.insert(page) {
            found.doubled += 1;
            found.name("doubled", meter, page);
            continue;
        }
        match pages.get(&page) {
            Some(known) if known.signed == *signed => {
                found.unacknowledged += u64::from(!known.acknowledged);
            }
            _ if broken.contains(signed) => {
                found.believed += 1;
                found.name("believed", meter, page);
            }
            Some(_) => {
                found.altered += 1;
                found.name("altered", meter, page);
            }
            None => found.unknown += 1,
        }
    }
    for (page, known) in pages {
        found.acknowledged += u64::from(known.acknowledged);
        if known.acknowledged && !there.contains(page) {
            found.missing += 1;
            found.name("missing", meter, *page);
        }
    }
}
