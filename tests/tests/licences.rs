//! What we link with may be linked: the rules of `deny.toml`, held without a program of their own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

/// The texts in quotes of the list that begins with `start` in `deny.toml`.
fn listed(start: &str) -> BTreeSet<String> {
    let rules = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = rules.split_once(start).unwrap().1.split_once(']').unwrap().0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The crates that this machine builds, tests included: name, licence expression, source.
fn packages() -> Vec<(String, String, Option<String>)> {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    packages
        .filter(|package| used.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            let name = format!("{} {}", package["name"], package["version"]).replace('"', "");
            (name, text(&package["license"]).unwrap_or_default(), text(&package["source"]))
        })
        .collect()
}

/// Whether a licence `expression` (SPDX, or the older `MIT/Apache-2.0`) can be met by `allowed`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

/// `a OR b OR c`; gives back what follows.
fn any<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (also, after) = all(more, allowed);
        (met, rest) = (met || also, after);
    }
    (met, rest)
}

/// `a AND b AND c`, which binds tighter.
fn all<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (also, after) = one(more, allowed);
        (met, rest) = (met && also, after);
    }
    (met, rest)
}

/// One licence, one with an exception, or an expression in brackets.
fn one<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inside @ ..] => match any(inside, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => {
            (allowed.contains(&format!("{name} WITH {exception}")), rest)
        }
        [name, rest @ ..] => (allowed.contains(*name), rest),
        [] => (false, words),
    }
}

#[test]
fn an_expression_is_met_by_what_is_allowed() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT/Apache-2.0", true),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("(GPL-2.0 OR MIT) AND ISC", true),
        ("GPL-2.0 OR MIT AND BSL-1.0", false),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT MIT", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression:?}");
    }
}

#[test]
fn every_licence_is_allowed_and_every_crate_comes_from_the_registry() {
    let (allowed, banned) = (listed("\nallow = ["), listed("\ndeny = ["));
    let copyleft: Vec<&String> = allowed.iter().filter(|name| name.contains("GPL")).collect();
    assert!(copyleft.is_empty(), "{copyleft:?} would bind what links with it");
    let packages = packages();
    let mut faults = Vec::new();
    for (name, licence, source) in &packages {
        if !is_met(licence, &allowed) {
            faults.push(format!("{name}: {licence:?} is not allowed by deny.toml"));
        }
        if banned.contains(name.split(' ').next().unwrap()) {
            faults.push(format!("{name} is banned by deny.toml"));
        }
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        if source.as_ref().is_some_and(|source| source != registry) {
            faults.push(format!("{name} does not come from crates.io"));
        }
    }
    for licence in &allowed {
        let mut others = allowed.clone();
        others.remove(licence);
        if packages.iter().all(|(_, expression, _)| is_met(expression, &others)) {
            faults.push(format!("deny.toml allows {licence}, which nothing needs"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
