//! Rules of the house that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest file, in lines.
const FILE_LINES_MAX: usize = 500;
/// The longest line, in characters.
const LINE_CHARS_MAX: usize = 100;
/// Libraries without input and output.
const PURE: &[&str] = &[
    "units",
    "ids",
    "calendar",
    "formats",
    "documents",
    "invoice-pdf",
    "iso20022",
    "keys",
    "merkle",
    "reading",
    "vee",
    "matching",
    "surveillance",
    "meterdata",
    "mppt",
    "tariff",
    "seal",
    "chain",
    "contracts",
    "access",
    "events",
];
/// What a pure library may not stand on.
const SHELLS: [&str; 8] =
    ["tokio", "actix-web", "sqlx", "sea-orm", "async-nats", "reqwest", "redb", "rumqttc"];
/// The only file with unsafe code; its crate denies it everywhere else.
const UNSAFE: &str = "libs/seal/src/x86.rs";
const SERVICES: [&str; 9] = [
    "gateway", "identity", "metering", "market", "billing", "ledger", "explorer", "notices", "deg",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").into()
}

/// Every file that git knows or would add, with this ending.
fn files(ending: &str) -> Vec<(String, String)> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listing.status.success() && !listing.stdout.is_empty(), "git lists no files");
    String::from_utf8(listing.stdout)
        .expect("file names are UTF-8")
        .lines()
        .filter(|name| name.ends_with(ending) && root().join(name).is_file())
        .map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).expect(name)))
        .collect()
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn files_and_lines_are_short() {
    let mut faults = Vec::new();
    for (name, text) in files(".rs") {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        for (place, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_CHARS_MAX {
                faults.push(format!("{name}:{}: over {LINE_CHARS_MAX} characters", place + 1));
            }
        }
    }
    check(faults);
}

#[test]
fn pure_libraries_stand_on_no_shell() {
    let mut faults = Vec::new();
    for library in PURE {
        let manifest = fs::read_to_string(root().join("libs").join(library).join("Cargo.toml"));
        for name in dependencies(&manifest.expect(library)) {
            if SHELLS.contains(&name.as_str()) {
                faults.push(format!("libs/{library} depends on {name}"));
            }
        }
    }
    check(faults);
}

#[test]
fn a_service_never_depends_on_a_service() {
    let mut faults = Vec::new();
    for service in SERVICES {
        let manifest = fs::read_to_string(root().join("services").join(service).join("Cargo.toml"));
        for name in dependencies(&manifest.expect(service)) {
            if SERVICES.contains(&name.as_str()) {
                faults.push(format!("services/{service} depends on {name}"));
            }
        }
    }
    check(faults);
}

#[test]
fn every_crate_forbids_unsafe_code_and_says_what_it_is_for() {
    // Written in two parts so that this file does not find itself.
    let blocks = [concat!("uns", "afe {"), concat!("uns", "afe fn"), concat!("uns", "afe impl")];
    let mut faults = Vec::new();
    for (name, text) in files(".rs") {
        if name != UNSAFE && blocks.iter().any(|block| text.contains(block)) {
            faults.push(format!("{name}: unsafe code"));
        }
        if !name.ends_with("src/lib.rs") && !name.ends_with("src/main.rs") {
            continue;
        }
        let level = if name == "libs/seal/src/lib.rs" { "deny" } else { "forbid" };
        if !text.contains(&format!("#![{level}(unsafe_code)]")) {
            faults.push(format!("{name}: no #![{level}(unsafe_code)]"));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{name}: does not begin with what it is for"));
        }
    }
    check(faults);
}

#[test]
fn nothing_is_left_unfinished_or_skipped() {
    // Written in two parts so that this file does not find itself.
    let banned = [
        (concat!("#[ign", "ore"), "a test that does not run"),
        (concat!("to", "do!("), "unfinished"),
        (concat!("unimple", "mented!("), "unfinished"),
        (concat!("FIX", "ME"), "unfinished"),
        (concat!("thread::sl", "eep("), "waits for time instead of for the thing itself"),
    ];
    let mut faults = Vec::new();
    for (name, text) in files(".rs") {
        for (word, why) in banned {
            if text.contains(word) {
                faults.push(format!("{name}: {word} ({why})"));
            }
        }
        if name.ends_with("/mod.rs") {
            faults.push(format!("{name}: a module is named by its file"));
        }
    }
    check(faults);
}
