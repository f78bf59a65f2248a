//! What is found, and what is not: hand-made days, honest months, attackers of every strength, and
//! each rule against a naive twin.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod attacks;
mod honest;
mod machine;
mod naive;
mod small;
mod town;
mod twins;
