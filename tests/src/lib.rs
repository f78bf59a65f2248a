//! Stories, contracts and simulation over the whole of Wattex.
#![forbid(unsafe_code)]

pub mod simulation;
