//! What notices decides, without a clock, a database or a network.

pub(crate) mod event;
pub(crate) mod letter;
pub(crate) mod network;
pub(crate) mod retry;
pub(crate) mod signature;
pub(crate) mod target;
