//! What metering decides, without a clock, a database or a network.

pub(crate) mod checks;
pub(crate) mod closing;
pub(crate) mod comparison;
pub(crate) mod signers;
pub(crate) mod topic;
