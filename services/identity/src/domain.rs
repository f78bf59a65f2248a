//! What identity decides, without a clock, a database or a network.

pub(crate) mod addresses;
pub(crate) mod approvals;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod challenge;
pub(crate) mod grid;
pub(crate) mod keystore;
pub(crate) mod limits;
pub(crate) mod passwords;
pub(crate) mod people;
pub(crate) mod provisioning;
pub(crate) mod site;
pub(crate) mod siwe;
pub(crate) mod tokens;
