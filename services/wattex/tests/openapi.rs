//! The documents in `openapi/` are what the program writes today.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::{collections::BTreeMap, fs};

/// The files of `folder` by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    named.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_documents_are_what_the_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_wattex"));
    assert!(program.arg("openapi").arg(folder.path()).status().unwrap().success());
    let kept = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi"));
    let differ = files(folder.path()) != kept;
    assert!(!differ, "openapi/ differs from what the services say: run ./justw openapi");
}
