//! Sheets: worked bills, other programs' bills, naive twins, files of all kinds.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod bills;
mod files;
mod loads;
mod model;
mod oracle;
mod published;
mod pysam;
mod seasons;
mod twin;
mod whole;
