//! The bill file and the trust file, field by field.
//!
//! A bill file is the JSON that `serde_json` writes for [`BillFile`]: fields in order, no spaces,
//! hex in small letters. Any other spelling is refused, so there is nothing in it to hide in.

use std::collections::BTreeSet;

use alloy_primitives::{B256, Bytes, keccak256};
use calendar::{LocalDay, Timestamp};
use contracts::{Deployment, Policy, Side};
use ids::{CommunityId, MeterId};
use keys::Signature;
use reading::{Place, Reading, SignedReading, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tariff::Tariff;
use units::Register;

use super::locate;
use crate::domain::bill::{CarriedOver, Invoice};
use crate::domain::correction::Correction;

/// What the file calls its own form.
pub const FORMAT: &str = "wattex-bill/1";

/// An invoice with all that proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillFile {
    /// [`FORMAT`].
    pub format: String,
    /// The invoice as it was issued.
    pub invoice: Invoice,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Everything that an invoice rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Which chain.
    pub chain: ChainRef,
    /// RLP of the header whose state is proved.
    pub header: Bytes,
    /// Siblings of the genesis block under the header's mountain range.
    pub genesis: Vec<B256>,
    /// How a later, trusted block leads to the header; none where the header is the trusted one.
    pub later: Option<Later>,
    /// The tariff.
    pub tariff: Tariff,
    /// Which of the tariff's versions on chain it is, from 1.
    pub tariff_version: u32,
    /// The policies of the trades, each once.
    pub policies: Vec<Policy>,
    /// The versions of the meter's key that signed, rising.
    pub key_versions: Vec<u32>,
    /// The meter's signed readings, in page order.
    pub readings: Vec<CompactReading>,
    /// Where each day's readings are anchored, in order.
    pub days: Vec<DayEvidence>,
    /// The account's invoice before, where the tariff carries something over. Left out else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Box<Invoice>>,
    /// Its last correction: then what that leaves goes on. Left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_corrected: Option<Box<Correction>>,
    /// What the contract did for the account, by UTC day; days without are left out.
    pub trades: Vec<DayTrades>,
    /// Nodes of the state's tries, each once.
    pub nodes: Vec<Bytes>,
}

/// A chain and the contracts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainRef {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis: B256,
    /// Where the contracts are.
    pub contracts: Deployment,
}

/// What a verifier believes beforehand: the content of `trust.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Which chain.
    pub chain: ChainRef,
    /// Which tariff the customer agreed to; none where only the bill itself says so.
    pub tariff: Option<TariffRef>,
    /// A block of the chain.
    pub block: TrustedBlock,
}

/// A tariff, whichever of its versions is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffRef {
    /// Whose tariff it is.
    pub community: CommunityId,
    /// [`tariff::Head::id`].
    pub id: String,
    /// Where its days begin and end.
    pub timezone: String,
}

/// A block that a verifier believes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedBlock {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// A later block and the way back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// RLP of the later header.
    pub header: Bytes,
    /// Siblings of the earlier block under the later header's mountain range.
    pub path: Vec<B256>,
}

/// A signed reading of the invoice's meter, with short names because there are thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompactReading {
    /// Page.
    p: u32,
    /// Time, in epoch seconds.
    t: u64,
    /// Import register, in watt-hours.
    i: u64,
    /// Export register, in watt-hours.
    e: u64,
    /// Status bits.
    s: u32,
    /// Firmware.
    f: u32,
    /// Signature.
    g: Signature,
    /// Where the reading stands among those that were signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<Place>,
}

/// Where a local day's readings of the meter are anchored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayEvidence {
    /// The day.
    pub day: LocalDay,
    /// Which batch of the day, from 1.
    pub batch: u32,
    /// What hides the readings from who guesses.
    pub salt: B256,
    /// The leaf's place.
    pub index: u32,
    /// How many leaves there are.
    pub count: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
    /// What was on chain of the day before late readings came; left out where none came late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// An earlier leaf of a day: all its readings but those that came later. It has the day's salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Pages that came later, rising.
    pub late: Vec<u32>,
    /// Which batch of the day, from 1.
    pub batch: u32,
    /// The leaf's place.
    pub index: u32,
    /// How many leaves there are.
    pub count: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
}

/// What the contract did for the account in the slots of a UTC day, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayTrades {
    /// The UTC day.
    pub day: LocalDay,
    /// Settlements and reconciliations.
    pub entries: Vec<Entries>,
    /// How many trades at the end were cut by a challenge after the invoice was rated: it is rated
    /// without these runs. Left out where there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub later: u32,
}

/// Neighbouring entries of a digest that have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Entries {
    /// Trades that were settled.
    Settled {
        /// Whether the account bought or sold.
        side: Side,
        /// Start of the slot, in epoch seconds.
        slot: u64,
        /// The buyer's and the seller's, in 1e-9 currency per Wh.
        prices: (u64, u64),
        /// What the supplier's energy cost.
        retail: u64,
        /// What the grid paid.
        feed_in: u64,
        /// Place in [`Evidence::policies`].
        policy: u32,
        /// Hash and watt-hours of each trade.
        trades: Vec<(B256, u64)>,
    },
    /// Trades that were reconciled.
    Reconciled {
        /// Which run.
        run: u8,
        /// Place among the day's settled trades; delivered, seller short, buyer short in Wh.
        trades: Vec<(u32, u64, u64, u64)>,
    },
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

/// Why a file cannot be read, and where.
pub(super) struct Unreadable {
    pub(super) part: String,
    pub(super) reason: String,
}

/// The bill in a file, if the file is spelt as a bill is.
pub(super) fn read(text: &str) -> Result<BillFile, Unreadable> {
    spelt(text, BillFile::canonical_json)
}

/// What is in a file, if the file is spelt as `canonical` spells it.
pub(super) fn spelt<T: DeserializeOwned>(
    text: &str,
    canonical: fn(&T) -> String,
) -> Result<T, Unreadable> {
    let said: T = serde_json::from_str(text).map_err(|error| Unreadable {
        part: locate::part(text, locate::offset(text, error.line(), error.column())),
        reason: error.to_string(),
    })?;
    let canonical = canonical(&said);
    if canonical == text {
        return Ok(said);
    }
    let pairs = canonical.bytes().zip(text.bytes());
    let same = pairs.take_while(|(ours, theirs)| ours == theirs).count();
    let reason =
        "it is not spelt as a bill file is; a file was edited or written by other software";
    Err(Unreadable { part: locate::part(text, same), reason: reason.to_owned() })
}

impl BillFile {
    /// The one text of this file.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("a bill file is plain data")
    }
}

impl Evidence {
    /// What goes on from the invoice before.
    pub fn carried(&self) -> Option<&CarriedOver> {
        let previous = self.previous_corrected.as_ref().map(|corrected| &corrected.right);
        let previous = previous.or(self.previous.as_deref());
        previous.and_then(|previous| previous.carried.as_ref())
    }

    /// The pages that came late, by the bill's own word.
    pub(super) fn late(&self) -> BTreeSet<u32> {
        let before = self.days.iter().filter_map(|day| day.before.as_ref());
        before.flat_map(|before| before.late.iter().copied()).collect()
    }
}

impl CompactReading {
    /// A reading without its meter, which the invoice names.
    pub fn new(signed: &SignedReading) -> CompactReading {
        let reading = &signed.reading;
        CompactReading {
            p: reading.page,
            t: reading.time.unsigned(),
            i: reading.import.wh(),
            e: reading.export.wh(),
            s: reading.status.bits(),
            f: reading.firmware,
            g: signed.signature,
            w: signed.place,
        }
    }

    /// The reading as `meter` signed it.
    pub fn signed(&self, meter: MeterId) -> SignedReading {
        let time = i64::try_from(self.t).unwrap_or(i64::MAX);
        let reading = Reading {
            meter,
            page: self.p,
            time: Timestamp::from_seconds(time),
            import: Register::from_wh(self.i),
            export: Register::from_wh(self.e),
            status: Status::from_bits(self.s),
            firmware: self.f,
        };
        SignedReading { reading, signature: self.g, place: self.w }
    }
}

/// Under which key the chain holds a community's tariff: the hash of its bytes and the tariff's id.
pub fn tariff_key(community: CommunityId, id: &str) -> B256 {
    keccak256([community.uuid().as_bytes(), id.as_bytes()].concat())
}
