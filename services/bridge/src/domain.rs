//! The pure part: which of a device's numbers count, and the readings that follow.

pub mod discovery;
pub mod sampler;
pub mod selector;
pub mod track;
