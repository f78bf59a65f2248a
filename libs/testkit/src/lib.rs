//! What tests need: databases and servers of their own, started and stopped by the test.
#![forbid(unsafe_code)]

use std::path::PathBuf;

/// The folder of measured homes, vectors and payloads: `WATTEX_SHARED`, else `../shared` beside the
/// workspace. `None` where it is not there.
pub fn shared() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("WATTEX_SHARED").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}
