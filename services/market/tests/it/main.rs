//! The market's machine, and the service around it over HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod addresses;
mod ahead;
mod band;
mod batch;
mod buying;
mod continuous;
mod contract;
mod contract_accounts;
mod cover;
mod delegates;
mod durable;
mod exposure;
mod guard;
mod http;
mod limits;
mod machine;
mod netting;
mod published;
mod refusals;
mod relay;
mod replay;
mod reputation;
mod rules;
mod sealed;
mod service;
mod sharing;
mod stop;
mod stop_all;
mod surveillance;
mod town;
mod zones;
