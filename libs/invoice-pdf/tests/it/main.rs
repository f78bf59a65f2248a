//! Bills as PDF, read again by a reader that is not the writer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pages;
mod reader;
#[path = "../../../documents/tests/it/samples.rs"]
#[allow(dead_code, reason = "its own crate needs more of it")]
mod samples;
mod texts;
