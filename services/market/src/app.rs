//! What can be asked of the market.
//!
//! One task per market owns its book: commands come in by a bounded queue, are taken in batches,
//! judged one after another, journaled with one commit, and only then answered. Readers share the
//! book between batches, so they never see what is not durable.

mod announce;
mod batch;
mod cases;
mod desk;
mod guard;
mod rules;
mod signed;
mod watch;

pub(crate) use desk::Tools;
pub use desk::{Applied, COMMANDS_MAX, Desk, Refused};
pub use rules::RuleRefusal;
pub(crate) use watch::Watcher;
