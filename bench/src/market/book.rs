//! The continuous book. Its peers are crates that no part of the workspace may stand on, so its
//! bench is a package of its own, whose rows are taken over.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::report::Row;

/// How long the package may take, with its build.
const WITHIN: Duration = Duration::from_secs(3_600);

/// The rows of the package; none, and a word about it, where it is not there.
pub(super) fn rows() -> Result<Vec<Row>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/Cargo.toml");
    if !manifest.is_file() {
        eprintln!("skipped: there is no {}", manifest.display());
        return Ok(Vec::new());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or(OsString::from("cargo")));
    cargo.args(["run", "--release", "--quiet", "--manifest-path"]).arg(manifest);
    // The twin answers every message that is timed, not only the first ones.
    cargo.args(["--", "--json", "--whole"]);
    let ended = testkit::finish(cargo, WITHIN)?;
    ensure!(ended.code == Some(0), "the book's bench: {}", ended.err);
    let rows = ended.out.lines().map(|line| serde_json::from_str(line).context(line.to_owned()));
    rows.collect()
}
