//! What happened in a run, counted, so that a path that no seed takes is seen.

use std::collections::BTreeMap;

/// Every path that the seeds of a run together must have taken.
pub const PATHS: &[&str] = &[
    "block: competing branch lost",
    "block: mined",
    "block: reorganisation",
    "block: undone",
    "books: equal to the chain",
    "bus: event ahead of its turn",
    "bus: event repeated",
    "bus: old event replayed",
    "cash: asked back",
    "cash: asking back undone",
    "cash: deposit undone",
    "cash: deposited",
    "cash: withdrawal undone",
    "cash: withdrawn",
    "crash: billing after commit",
    "crash: billing before commit",
    "crash: market after commit",
    "crash: market before commit",
    "crash: metering after commit",
    "crash: metering before commit",
    "crash: node lost its pool",
    "crash: relay lost its notes",
    "crash: relay signed and did not send",
    "interval: corrected after R0",
    "interval: corrected after R1",
    "interval: corrected after R2",
    "expiry: handed over",
    "interval: late, fits what was paid",
    "interval: late, kept apart",
    "interval: missing",
    "interval: posted after its run",
    "interval: substituted",
    "interval: version out of order",
    "interval: waits for its run",
    "journal: reversed",
    "order: accepted",
    "order: cancelled",
    "order: filled in part",
    "order: nonce ended on chain",
    "order: refused COLLATERAL",
    "order: refused FUNDS",
    "order: refused GATE_CLOSED",
    "order: refused MIN_LOT",
    "order: refused NONCE",
    "order: refused POLICY",
    "order: refused PRICE_COLLAR",
    "order: refused QTY_PHYSICAL",
    "order: refused SIG",
    "order: refused TICK",
    "order: repeated",
    "reading: accepted",
    "reading: late",
    "reading: late after the corrections",
    "reading: late by days",
    "reading: late by hours",
    "reading: lost for good",
    "reading: quarantined MALFORMED",
    "reading: quarantined NOT_A_SLOT_BOUNDARY",
    "reading: quarantined PAGE_CONFLICT",
    "reading: quarantined PAGE_ORDER",
    "reading: quarantined REGISTER_BACKWARDS",
    "reading: quarantined REVOKED",
    "reading: quarantined SIGNATURE",
    "reading: quarantined TIME_AHEAD",
    "reading: quarantined TOO_FAST",
    "reading: quarantined TOO_OLD",
    "reading: quarantined UNKNOWN_METER",
    "reading: quarantined WRONG_TOPIC",
    "reading: repeated",
    "reading: reordered",
    "reconcile: batch split",
    "reconcile: given up",
    "reconcile: sent again",
    "reconcile: somebody else recorded a run",
    "settlement: at two prices",
    "settlement: came back",
    "settlement: dropped by a reorganisation",
    "settlement: gone for good",
    "settlement: reverted",
    "settlement: settled",
    "settlement: skipped",
    "slot: cleared with trades",
    "slot: cleared without trades",
    "trade: buyer short",
    "trade: corrected by a later run",
    "trade: delivered in full",
    "trade: expired",
    "trade: penalty of the buyer by ImbalancePrice",
    "trade: penalty of the buyer by MakeWhole",
    "trade: penalty of the buyer by TakeOrPay",
    "trade: penalty of the seller by ImbalancePrice",
    "trade: penalty of the seller by MakeWhole",
    "trade: release undone",
    "trade: released",
    "trade: run dropped by a reorganisation",
    "trade: seller short",
    "trade: shortfall that costs nothing",
    "trade: within tolerance",
    "transaction: an earlier attempt counts",
    "transaction: reconcile reverted",
    "transaction: release reverted",
    "transaction: signed again for more",
    "transaction: withdrawal reverted",
];

/// How often each path was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// Counts one more of `path`.
    pub fn add(&mut self, path: impl Into<String>) {
        *self.0.entry(path.into()).or_default() += 1;
    }

    /// How often `path` was taken.
    pub fn of(&self, path: &str) -> u64 {
        self.0.get(path).copied().unwrap_or(0)
    }

    /// Adds the counts of another seed.
    pub fn merge(&mut self, other: &Counts) {
        for (path, count) in &other.0 {
            *self.0.entry(path.clone()).or_default() += count;
        }
    }

    /// Each path that was taken, by name, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(path, count)| (path.as_str(), *count))
    }

    /// The [`PATHS`] that were never taken.
    pub fn missing(&self) -> Vec<&'static str> {
        PATHS.iter().copied().filter(|path| !self.0.contains_key(*path)).collect()
    }
}
