//! One file per thing that is done.

mod deliver;
mod hooks;
mod letters;
