//! What the explorer does: follow the branch, answer from it, show the work, tell the news.

pub(crate) mod anchors;
pub(crate) mod branch;
pub(crate) mod decode;
pub(crate) mod feed;
pub(crate) mod kind;
pub(crate) mod look_up;
pub(crate) mod news;
pub(crate) mod rebuild;
pub(crate) mod role_changes;
pub(crate) mod steps;
pub(crate) mod work;
