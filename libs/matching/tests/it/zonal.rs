//! Clearing on a network against the worked numbers and against its slow twin.

mod book;
mod checks;
mod compared;
mod random;
mod twin;
mod worked;
