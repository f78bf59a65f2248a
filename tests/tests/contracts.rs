//! Rules for the documents in `openapi/`, so that programs made from them are good to use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Whoever is not logged in may ask for these and for what is under those that end in a slash: the
/// chain, what stands behind the tokens, what signing in needs, the edge's own, and what a device
/// shows a code or signatures for.
const PUBLIC: [&str; 16] = [
    "/docs",
    "/docs/",
    "/healthz",
    "/openapi.json",
    "/rpc",
    "/v1/.well-known/jwks.json",
    "/v1/chain",
    "/v1/challenges",
    "/v1/events",
    "/v1/explorer/",
    "/v1/market/ready",
    "/v1/meters/{id}/rotation",
    "/v1/provisioning",
    "/v1/reserve",
    "/v1/role-changes",
    "/v1/tokens",
];
/// Public, but a token says more about who asks.
const PUBLIC_OR_NOT: &str = "post /v1/parties";
/// What a device may ask as well, with what it enters the broker by.
const OF_DEVICES: [&str; 2] = ["get /v1/meters/{id}/status", "post /v1/meters/{id}/readings"];

fn document(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// Every operation of `document` with its name: method and path.
fn operations(document: &Value) -> Vec<(String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let named = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    named.map(|(name, operation)| (name, operation.as_object().unwrap())).collect()
}

fn check(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn an_operation_has_one_name_over_all_services() {
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    let services =
        ["identity", "metering", "market", "billing", "ledger", "explorer", "notices", "gateway"];
    for service in services {
        let document = document(&format!("{service}.json"));
        for (name, operation) in operations(&document) {
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or("");
            if id.is_empty() || !seen.insert(id.to_owned()) {
                faults.push(format!("{service}: {name}: operation id {id:?} is not its own"));
            }
            if operation["tags"] != json!([service]) {
                faults.push(format!("{service}: {name}: its tag is not its service"));
            }
        }
    }
    assert_eq!(seen.len(), operations(&document("wattex.json")).len(), "the merged document");
    check(faults);
}

#[test]
fn an_operation_says_what_it_does_and_how_it_may_end() {
    let mut faults = Vec::new();
    for (name, operation) in operations(&document("wattex.json")) {
        let summary = operation.get("summary").and_then(Value::as_str).unwrap_or("");
        if summary.is_empty() || summary.contains('\n') {
            faults.push(format!("{name}: its summary is not one line: {summary:?}"));
        }
        let responses = operation["responses"].as_object().unwrap();
        if !responses.keys().any(|status| status.starts_with('2')) {
            faults.push(format!("{name}: it never succeeds"));
        }
        let refusals: Vec<_> =
            responses.iter().filter(|(status, _)| status.as_str() >= "4").collect();
        for (status, response) in &refusals {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            if schema != "#/components/schemas/Problem" {
                faults.push(format!("{name}: {status} is no problem"));
            }
        }
        if refusals.is_empty() {
            faults.push(format!("{name}: it says nothing about refusals"));
        }
        let parameters = operation.get("parameters").and_then(Value::as_array);
        for part in name.split('/').filter_map(|part| part.strip_prefix('{')) {
            let wanted = json!(part.trim_end_matches('}'));
            let is_it =
                |parameter: &&Value| parameter["name"] == wanted && parameter["in"] == "path";
            if parameters.into_iter().flatten().find(is_it).is_none() {
                faults.push(format!("{name}: {wanted} of the path is not described"));
            }
        }
    }
    check(faults);
}

#[test]
fn every_operation_but_the_public_ones_needs_a_token() {
    let document = document("wattex.json");
    let bearer = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&bearer["type"], &bearer["scheme"]), (&json!("http"), &json!("bearer")));
    let mut faults = Vec::new();
    for (name, operation) in operations(&document) {
        let security = operation.get("security").unwrap_or(&document["security"]);
        let path = name.split(' ').nth(1).unwrap();
        let public = |open: &&str| path == *open || open.ends_with('/') && path.starts_with(*open);
        let expected = match PUBLIC.iter().any(public) {
            true => json!([{}]),
            false if name == PUBLIC_OR_NOT => json!([{}, { "bearer": [] }]),
            false if OF_DEVICES.contains(&name.as_str()) => {
                json!([{ "bearer": [] }, { "device": [] }])
            }
            false => json!([{ "bearer": [] }]),
        };
        if *security != expected {
            faults.push(format!("{name}: {security} instead of {expected}"));
        }
    }
    check(faults);
}

#[test]
fn every_reference_resolves() {
    for name in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi")).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        let document = document(&name);
        let mut targets = BTreeSet::new();
        collect_references(&document, &mut targets);
        for target in &targets {
            let found = document.pointer(target.strip_prefix('#').unwrap());
            assert!(found.is_some(), "{name}: {target} is nowhere");
        }
    }
}

fn collect_references(value: &Value, targets: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            targets.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect_references(value, targets));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, targets)),
        _ => {}
    }
}
