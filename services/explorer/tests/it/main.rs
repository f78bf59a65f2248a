//! The explorer over HTTP, fed with blocks and events as the bus brings them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod events;
mod index;
mod kinds;
mod role_changes;
mod scene;
