//! The real service against a real database, over MQTT and HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anchors;
mod api;
mod bus;
mod checks;
mod conformance;
mod crashes;
mod erasures;
mod files;
mod home;
mod intervals;
mod life;
mod malformed;
mod many;
mod mqtt;
mod protocol;
mod sessions;
mod tls;
