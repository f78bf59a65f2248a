//! The crate against published numbers, its own naive twins, and what must always hold.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_types, reason = "physics of a model")]

mod chargers;
mod curves;
mod procedures;
mod shading;
mod telemetry;
mod trackers;

use std::path::{Path, PathBuf};

/// A file of the shared data: `WATTEX_SHARED`, else `../shared` beside the workspace.
fn shared(name: &str) -> Vec<u8> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATTEX_SHARED").map_or(beside, PathBuf::from);
    let path = folder.join("data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Numbers in [0, 1) by a seed.
fn dice(seed: u64) -> impl FnMut() -> f64 {
    use rand::{Rng, SeedableRng};
    let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    move || generator.random::<f64>()
}

/// Whether two numbers agree to so many parts of the larger.
fn close(one: f64, other: f64, parts: f64) -> bool {
    (one - other).abs() <= parts * one.abs().max(other.abs())
}
