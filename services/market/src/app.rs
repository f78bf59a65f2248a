//! What can be asked of the market.
//!
//! One task per market owns its book: commands come in by a bounded queue, are taken in batches,
//! judged one after another, journaled with one commit, and only then answered. Readers share the
//! book between batches, so they never see what is not durable. Over several processes a lease says
//! which task that is.

mod announce;
mod batch;
mod cases;
mod cover;
mod desk;
mod guard;
mod recheck;
mod rules;
mod sealed;
mod signed;
mod standing;
mod watch;
mod writer;

pub(crate) use desk::Tools;
pub use desk::{Applied, COMMANDS_MAX, Desk, Refused, SealedIn};
pub(crate) use recheck::Rechecker;
pub use rules::RuleRefusal;
pub use standing::{Damage, Report, Standing};
pub(crate) use watch::Watcher;
