//! What the register decides, without a clock, a database or a network.

pub(crate) mod quantity;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod signature;
