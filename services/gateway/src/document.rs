//! OpenAPI documents: one per service, and one of all.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use service::Problem;
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;

use crate::Mount;

/// Where an OpenAPI document keeps its schemas, as a reference says it.
const SCHEMAS: &str = "#/components/schemas/";

/// The OpenAPI 3.1 document of one service. Every operation is tagged with the service's name.
pub fn document(mount: &Mount) -> Value {
    let app = actix_web::App::new().into_utoipa_app();
    let (_, api) = app.configure(|config| (mount.routes)(config)).split_for_parts();
    let mut document = envelope(&format!("Wattex {}", mount.service));
    let api = serde_json::to_value(api).expect("an OpenAPI document is JSON");
    document["paths"] = api["paths"].clone();
    let schemas = api.pointer("/components/schemas").cloned().unwrap_or_default();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        document["components"]["schemas"][name] = schema.clone();
    }
    for operation in operations(&mut document) {
        operation.insert("tags".to_owned(), json!([mount.service]));
        refuse_at_the_edge(operation);
    }
    document
}

/// Adds what the edge itself may answer before a service is asked.
fn refuse_at_the_edge(operation: &mut Map<String, Value>) {
    let schema = json!({ "$ref": format!("{SCHEMAS}{}", Problem::name()) });
    let problem = |description: &str| {
        let content = json!({ "application/problem+json": { "schema": schema } });
        json!({ "description": description, "content": content })
    };
    let takes_body = operation.contains_key("requestBody");
    let responses = &mut operation["responses"];
    if takes_body {
        responses["413"] = problem("The body is too large.");
    }
    responses["429"] = problem("Too many requests from one address.");
}

/// One document of all `mounts`, in their order.
///
/// Where two services use one schema name for different things, or one operation id twice, the
/// later one's is prefixed with its service's name.
pub fn merge(mounts: &[Mount]) -> Value {
    let mut merged = envelope("Wattex");
    let mut operation_ids = BTreeSet::new();
    for mount in mounts {
        let mut document = document(mount);
        rename_schemas(&mut document, &merged["components"]["schemas"], mount.service);
        for operation in operations(&mut document) {
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            if !operation_ids.insert(id.to_owned()) {
                let prefixed = format!("{}_{id}", mount.service);
                operation_ids.insert(prefixed.clone());
                operation.insert("operationId".to_owned(), json!(prefixed));
            }
        }
        for (path, item) in take_map(&mut document["paths"]) {
            take_in(&mut merged["paths"], path, item);
        }
        for (name, schema) in take_map(&mut document["components"]["schemas"]) {
            take_in(&mut merged["components"]["schemas"], name, schema);
        }
    }
    merged
}

fn envelope(title: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Energy is in Wh, money a decimal string in major units, time RFC 3339 \
                            in UTC. What is refused is a problem (RFC 9457) with a stable code.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }],
        "paths": {},
        "components": {
            // What refers to it as one of many answers does not bring its schema along.
            "schemas": { Problem::name(): Problem::schema() },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                // A meter or a bridge: the name and token that it enters the MQTT broker by.
                "device": { "type": "http", "scheme": "basic" },
            },
        },
    })
}

/// Every operation of `document`.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document["paths"].as_object_mut().into_iter();
    let items = paths.flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut);
    items.flat_map(|item| item.values_mut()).filter_map(|operation| {
        operation.as_object_mut().filter(|operation| operation.contains_key("responses"))
    })
}

fn take_map(value: &mut Value) -> Map<String, Value> {
    match value.take() {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Puts `value` into `target` under `key`; two objects become one.
fn take_in(target: &mut Value, key: String, value: Value) {
    match (target[&key].as_object_mut(), value) {
        (Some(present), Value::Object(more)) => present.extend(more),
        (_, value) => target[&key] = value,
    }
}

/// Prefixes the schemas of `document` whose names mean something else in `known`.
fn rename_schemas(document: &mut Value, known: &Value, service: &str) {
    let schemas = take_map(&mut document["components"]["schemas"]);
    let clashes: BTreeSet<String> = schemas
        .iter()
        .filter(|(name, schema)| known.get(name.as_str()).is_some_and(|known| known != *schema))
        .map(|(name, _)| name.clone())
        .collect();
    let mut prefix = service.to_owned();
    prefix[..1].make_ascii_uppercase();
    let renamed = schemas.into_iter().map(|(name, schema)| {
        let name = if clashes.contains(&name) { format!("{prefix}{name}") } else { name };
        (name, schema)
    });
    document["components"]["schemas"] = Value::Object(renamed.collect());
    rename_references(document, &clashes, &prefix);
}

fn rename_references(value: &mut Value, clashes: &BTreeSet<String>, prefix: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let target = value.as_str().and_then(|text| text.strip_prefix(SCHEMAS));
                match target.filter(|name| key == "$ref" && clashes.contains(*name)) {
                    Some(name) => *value = json!(format!("{SCHEMAS}{prefix}{name}")),
                    None => rename_references(value, clashes, prefix),
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| rename_references(item, clashes, prefix));
        }
        _ => {}
    }
}
