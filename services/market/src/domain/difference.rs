//! What can be wrong with a clearing that is computed anew.

use alloy_primitives::B256;
use serde::Serialize;

/// The first thing that differs, in the order in which it is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Difference {
    /// The chain has another clearing of the slot, or none.
    #[error("the chain has the clearing {posted}, not {journal}")]
    Clearing {
        /// The journal's.
        journal: B256,
        /// The chain's.
        posted: B256,
    },
    /// The policy is not the one that the clearing names.
    #[error("the policy is not the one that the clearing names")]
    Policy,
    /// The conditions cannot be read.
    #[error("the conditions cannot be read: {why}")]
    Conditions {
        /// What is wrong with them.
        why: String,
    },
    /// The conditions are not those that policy, clearing and orders have.
    #[error("{what} of the conditions is not what policy, clearing and orders have")]
    Rules {
        /// Which of them.
        what: String,
    },
    /// Orders do not stand in rising sequence, or one stands twice, or one account's nonce.
    #[error("order {sequence} is out of sequence, or stands here before")]
    Sequence {
        /// The order.
        sequence: u64,
    },
    /// An order is of another slot, zone, community or policy.
    #[error("order {sequence} is not of this slot and zone")]
    Foreign {
        /// The order.
        sequence: u64,
    },
    /// The market takes no such order.
    #[error("order {sequence} is not one that the market takes: {what}")]
    Terms {
        /// The order.
        sequence: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The signature of an order is neither its account's nor its delegate's.
    #[error("the signature of order {sequence} is neither its account's nor its delegate's")]
    Signature {
        /// The order.
        sequence: u64,
    },
    /// Something cannot have happened like this while orders met before the gate.
    #[error("order {sequence} cannot have come or left like this: {what}")]
    Step {
        /// The order.
        sequence: u64,
        /// What is wrong.
        what: String,
    },
    /// The orders or conditions are not those that the market bound itself to.
    #[error("the journal root is {computed}, and {posted} was posted")]
    JournalRoot {
        /// Of this journal.
        computed: B256,
        /// The clearing's.
        posted: B256,
    },
    /// The commitments are not those that the conditions name.
    #[error("the root over the commitments is {computed}, and the conditions have {posted}")]
    CommitmentsRoot {
        /// Of this journal.
        computed: B256,
        /// The conditions'.
        posted: B256,
    },
    /// The commitments are not those of the root that somebody kept from when they were opened.
    #[error("the root over the commitments is {journal}, and {kept} was kept")]
    KeptRoot {
        /// The journal's; zero where it says that nothing was sealed.
        journal: B256,
        /// The one that was kept.
        kept: B256,
    },
    /// A commitment cannot stand for what is said to have opened it.
    #[error("commitment {commitment}: {what}")]
    Commitment {
        /// Which.
        commitment: B256,
        /// What is wrong.
        what: String,
    },
    /// An order of a sealed slot opened no commitment.
    #[error("order {sequence} opened no commitment from before the gate")]
    Uncommitted {
        /// The order.
        sequence: u64,
    },
    /// A fill is not what comes of the orders.
    #[error("fill {index} differs: {computed} comes of the orders, and {posted} was posted")]
    Fill {
        /// The place of the fill.
        index: usize,
        /// What comes of the orders.
        computed: String,
        /// What the market says.
        posted: String,
    },
    /// The fills are not those that the market bound itself to.
    #[error("the fills root is {computed}, and {posted} was posted")]
    FillsRoot {
        /// Of what comes of the orders.
        computed: B256,
        /// The clearing's.
        posted: B256,
    },
    /// Price, volume or number of fills differs.
    #[error("{what} differs: {computed} comes of the orders, and {posted} was posted")]
    Figure {
        /// Which figure.
        what: String,
        /// What comes of the orders.
        computed: u64,
        /// What the market posted.
        posted: u64,
    },
}
