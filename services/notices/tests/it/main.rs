//! Notices as a whole: a database of its own, a bus, and servers that it sends to.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod letters;
mod mailbox;
mod receiver;
mod service;
mod webhooks;
