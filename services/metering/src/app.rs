//! What can be asked of metering, one file each; every one is a transaction or a few.

pub(crate) mod accept;
pub(crate) mod anchor;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod correct;
pub(crate) mod enrol;
pub(crate) mod erase;
pub(crate) mod evidence;
pub(crate) mod files;
pub(crate) mod heard;
pub(crate) mod login;
pub(crate) mod reconsider;
pub(crate) mod trades;
