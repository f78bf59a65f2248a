//! Measured and published data, which the project reads and does not contain.
//!
//! On a clone that nobody gave the data to, a test of it says in one line that it was not checked,
//! and `tests/run` counts those lines. Where `WATTEX_SHARED` names a folder, data has to be in it.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What names the folder.
const VARIABLE: &str = "WATTEX_SHARED";

/// The folder of measured homes, vectors and payloads: `WATTEX_SHARED`, else `../shared` beside the
/// workspace. `None` where nobody named one and that is not there.
///
/// # Panics
/// Where the variable names a folder that is not there.
pub fn shared() -> Option<PathBuf> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    folder(named.as_deref(), &crate::workspace().join("../shared"))
}

/// A file or folder of the data, by its path below it. `None` where it is not on this machine,
/// which is said by [`not_checked`].
///
/// # Panics
/// Where `WATTEX_SHARED` is set and it is not there.
pub fn data(name: &str) -> Option<PathBuf> {
    let found = shared().map(|folder| folder.join("data").join(name)).filter(|it| it.exists());
    if found.is_none() {
        assert!(env::var_os(VARIABLE).is_none(), "{name} has to be there");
        not_checked(&format!("no {name} on this machine"));
    }
    found
}

/// Says that a part of the running test was left out, past the capture of its output: in the line
/// that `tests/run` shows and counts.
pub fn not_checked(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or("a test");
    let line = format!("NOT CHECKED: {test}: {why}\n");
    // A test whose word cannot be written says nothing; that is no fault of what it tests.
    let _unsaid = std::io::stderr().write_all(line.as_bytes());
}

fn folder(named: Option<&Path>, beside: &Path) -> Option<PathBuf> {
    let folder = named.unwrap_or(beside);
    let is_there = folder.is_dir();
    assert!(is_there || named.is_none(), "{VARIABLE}: {} is no folder", folder.display());
    is_there.then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::folder;
    use std::path::Path;

    const HERE: &str = env!("CARGO_MANIFEST_DIR");

    #[test]
    fn a_folder_that_is_named_goes_before_the_one_beside() {
        let (here, elsewhere) = (Path::new(HERE), Path::new("/nowhere"));
        assert_eq!(folder(Some(here), elsewhere).as_deref(), Some(here));
        assert_eq!(folder(None, here).as_deref(), Some(here));
        assert_eq!(folder(None, elsewhere), None);
    }

    #[test]
    #[should_panic(expected = "WATTEX_SHARED: /nowhere is no folder")]
    fn a_named_folder_that_is_not_there_is_no_reason_to_test_less() {
        folder(Some(Path::new("/nowhere")), Path::new(HERE));
    }
}
