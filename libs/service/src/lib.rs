//! What every service has: a clock that is passed in, problems with stable codes, principals.
//!
//! ```text
//! request -> Principal (token checked offline) -> handler -> app function -> answer | Problem
//! clock.now() -> tick(now)      the same code for real and for simulated time
//! ```
//!
//! Deliberately absent: anything one service needs alone.
#![forbid(unsafe_code)]

mod clock;
mod page;
mod principal;
mod problem;
mod tick;

pub use clock::{Clock, ClockHand};
pub use page::{PAGE_DEFAULT, PAGE_MAX, Page, PageQuery};
pub use principal::{Claims, Principal, Verifier};
pub use problem::{Fault, Problem, Problems, extractor_limits};
pub use tick::{Tick, run_ticks};
