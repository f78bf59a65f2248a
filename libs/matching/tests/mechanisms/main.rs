//! Every batch mechanism against worked numbers, against its slow twin, and against its promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod books;
mod efficiency;
mod figures;
mod names;
mod promises;
mod twin;
mod vectors;
mod worth_lying;
