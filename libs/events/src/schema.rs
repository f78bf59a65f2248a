//! The shape of every message, as JSON Schema.
//!
//! The types of other crates do not describe themselves: what they look like in JSON is said here
//! by stand-ins, each with an example. A test reads an example of every event made of these as the
//! event and writes it again, so that a description that says something else is found.

use std::borrow::Cow;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

use crate::{Envelope, Event, billing, identity, ledger, market, metering};

/// JSON Schema (2020-12) of all messages: an [`Envelope`] whose body is what its subject promises.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let messages: Vec<Value> =
        kinds().iter().map(|kind| kind.message((kind.schema)(&mut generator))).collect();
    let envelope = generator.subschema_for::<Envelope>();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wattex events",
        "description": "Every message of every service. Readers ignore fields and subjects that \
                        they do not know.",
        "allOf": [envelope],
        "oneOf": messages,
        "$defs": generator.take_definitions(true),
    })
}

/// A kind of event.
struct Kind {
    subject: &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
    #[cfg(test)]
    reread: fn(&Value) -> Result<Value, serde_json::Error>,
}

impl Kind {
    fn of<E: Event + JsonSchema>() -> Kind {
        Kind {
            subject: E::SUBJECT,
            schema: SchemaGenerator::subschema_for::<E>,
            #[cfg(test)]
            reread: |body| serde_json::to_value(E::deserialize(body)?),
        }
    }

    fn message(&self, body: Schema) -> Value {
        let subject = self.subject;
        json!({ "title": subject, "properties": { "subject": { "const": subject }, "body": body } })
    }
}

/// Every kind of event there is.
fn kinds() -> [Kind; 43] {
    [
        Kind::of::<billing::TariffPublished>(),
        Kind::of::<billing::SlotReconciled>(),
        Kind::of::<billing::InvoiceIssued>(),
        Kind::of::<billing::InvoiceCorrected>(),
        Kind::of::<billing::InvoicePaid>(),
        Kind::of::<billing::InvoiceReminded>(),
        Kind::of::<billing::TradingChanged>(),
        Kind::of::<billing::PrepaidChanged>(),
        Kind::of::<billing::InvoiceDisputed>(),
        Kind::of::<billing::CashLeftBehind>(),
        Kind::of::<billing::BooksViolated>(),
        Kind::of::<billing::BooksQuestioned>(),
        Kind::of::<identity::AccountOpened>(),
        Kind::of::<identity::AddressAssigned>(),
        Kind::of::<identity::ApprovalRequested>(),
        Kind::of::<identity::ConnectionPointRegistered>(),
        Kind::of::<identity::ConnectionPointHandedOver>(),
        Kind::of::<identity::MeterEnrolled>(),
        Kind::of::<identity::MeterRotated>(),
        Kind::of::<identity::MeterHandedOver>(),
        Kind::of::<identity::MeterRevoked>(),
        Kind::of::<identity::SweepSigned>(),
        Kind::of::<ledger::BlockConnected>(),
        Kind::of::<ledger::BlockDisconnected>(),
        Kind::of::<market::SlotCleared>(),
        Kind::of::<market::OrderCancelled>(),
        Kind::of::<market::CommitmentExpired>(),
        Kind::of::<market::CommitmentChanged>(),
        Kind::of::<market::OrdersRejected>(),
        Kind::of::<market::GateClosed>(),
        Kind::of::<market::ParameterChanged>(),
        Kind::of::<market::BookChanged>(),
        Kind::of::<market::SuspensionChanged>(),
        Kind::of::<market::StopChanged>(),
        Kind::of::<market::CurtailmentChanged>(),
        Kind::of::<market::RiskLimitsChanged>(),
        Kind::of::<market::CaseOpened>(),
        Kind::of::<market::CaseDecided>(),
        Kind::of::<market::ClearingDisputed>(),
        Kind::of::<metering::IntervalsClosed>(),
        Kind::of::<metering::IntervalsCorrected>(),
        Kind::of::<metering::DayAnchored>(),
        Kind::of::<metering::ReadingQuarantined>(),
    ]
}

macro_rules! stand_ins {
    ($($name:ident is $description:literal $schema:tt)*) => {$(
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!($schema);
                schema.insert("description".to_owned(), $description.into());
                schema
            }
        }
    )*};
}

stand_ins! {
    Id is "An identifier, as a UUID." {
        "type": "string", "format": "uuid",
        "examples": ["0190e5a7-3f00-7c31-9d55-2f6b8c1e4a90"],
    }
    Moment is "A moment in UTC, in whole seconds." {
        "type": "string", "format": "date-time", "pattern": "^[0-9-]{10}T[0-9:]{8}Z$",
        "examples": ["2026-06-01T00:15:00Z"],
    }
    Day is "A calendar day of the community." {
        "type": "string", "format": "date", "examples": ["2026-06-01"],
    }
    Zone is "An IANA time zone." { "type": "string", "examples": ["Europe/Berlin"] }
    Wh is "Energy in Wh." { "type": "integer", "minimum": 0, "examples": [250] }
    Watts is "Power in W." { "type": "integer", "minimum": 0, "examples": [11_000] }
    UnitPrice is "A price in 1e-9 currency per Wh." { "type": "integer", "examples": [180_000] }
    Amount is "Money in major units, at most nine decimals." {
        "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?$", "examples": ["-12.34"],
    }
    ChainAddress is "An address on the chain." {
        "type": "string", "pattern": "^0x[0-9a-f]{40}$",
        "examples": ["0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"],
    }
    Hash is "32 bytes: a hash, or a name on the chain." {
        "type": "string", "pattern": "^0x[0-9a-f]{64}$",
        "examples": ["0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"],
    }
    Hex is "Bytes." {
        "type": "string", "pattern": "^0x([0-9a-f]{2})*$", "examples": ["0x00ff"],
    }
    Signed is "A signature, 64 bytes (r, yParity << 255 | s)." {
        "type": "string", "pattern": "^0x[0-9a-f]{128}$",
        "examples": [concat!(
            "0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
        )],
    }
}

/// `calendar::Slot`.
#[derive(JsonSchema)]
#[schemars(rename = "Slot", description = "The delivery slot [start, start + length).")]
#[expect(dead_code, reason = "says how another crate's type looks")]
pub(crate) struct SlotShape {
    /// Its first moment, which is also its label.
    #[schemars(with = "Moment")]
    start: (),
    /// How long it lasts, in minutes: 5, 15, 30 or 60.
    #[schemars(extend("enum" = [5, 15, 30, 60]))]
    length: u16,
}

/// `reading::SignedReading`.
#[derive(JsonSchema)]
#[schemars(rename = "SignedReading", description = "A reading as the meter signed it.")]
#[expect(dead_code, reason = "says how another crate's type looks")]
pub(crate) struct ReadingShape {
    /// The meter that measured.
    #[schemars(with = "Id")]
    meter: (),
    /// Rises by one per reading of this meter.
    page: u32,
    /// The moment of the registers.
    #[schemars(with = "Moment")]
    time: (),
    /// Running total of what was taken from the grid, in Wh.
    import_wh: u64,
    /// Running total of what was fed into the grid, in Wh.
    export_wh: u64,
    /// Bit 0: energy error, bit 1: clock not synchronised.
    status: u32,
    /// Version of the meter's software.
    firmware: u32,
    /// By the meter's key.
    #[schemars(with = "Signed")]
    signature: (),
    /// Where it stands among the readings under the same signature; absent where it is alone.
    place: Option<PlaceShape>,
}

/// `reading::Place`.
#[derive(JsonSchema)]
#[schemars(
    rename = "ReadingPlace",
    description = "The proof that a reading is one of those that were signed together.",
    extend("examples" = [{
        "count": 2,
        "index": 0,
        "root": "0x1111111111111111111111111111111111111111111111111111111111111111",
        "siblings": ["0x2222222222222222222222222222222222222222222222222222222222222222"],
    }])
)]
#[expect(dead_code, reason = "says how another crate's type looks")]
struct PlaceShape {
    /// How many there are: 2 to 16.
    count: u8,
    /// Its number among them, from 0.
    index: u8,
    /// The root of the tree that was signed.
    #[schemars(with = "Hash")]
    root: (),
    /// From the leaf up.
    #[schemars(with = "Vec<Hash>")]
    siblings: (),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that `schema` describes, with every field there can be.
    fn example(schema: &Value, definitions: &Value) -> Value {
        let inside = |schema: &Value| example(schema, definitions);
        let first = |key: &str| schema[key].as_array().and_then(|all| all.first());
        if let Some(target) = schema["$ref"].as_str() {
            return inside(&definitions[target.strip_prefix("#/$defs/").unwrap()]);
        }
        if let Some(value) = schema.get("const").or(first("examples")).or(first("enum")) {
            return value.clone();
        }
        if let Some(schema) = first("anyOf").or(first("oneOf")) {
            return inside(schema);
        }
        let kind = schema["type"].as_str().or(first("type").and_then(Value::as_str));
        match kind.unwrap_or("object") {
            "object" => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                fields.map(|(name, schema)| (name.clone(), inside(schema))).collect()
            }
            "array" => match schema["prefixItems"].as_array() {
                Some(items) => items.iter().map(inside).collect(),
                None => json!([inside(&schema["items"])]),
            },
            "integer" => json!(7),
            "boolean" => json!(true),
            "string" => json!("text"),
            other => panic!("no example of {other}"),
        }
    }

    #[test]
    fn an_example_of_every_schema_is_read_and_written_as_the_event() {
        let schema = schema();
        let messages = schema["oneOf"].as_array().unwrap();
        for (kind, message) in kinds().iter().zip(messages) {
            let body = example(&message["properties"]["body"], &schema["$defs"]);
            assert_eq!((kind.reread)(&body).expect(kind.subject), body, "{}", kind.subject);
        }
        let envelope = example(&schema["allOf"][0], &schema["$defs"]);
        let reread: Envelope = serde_json::from_value(envelope.clone()).unwrap();
        assert_eq!(serde_json::to_value(reread).unwrap(), envelope);
    }

    #[test]
    fn every_event_of_every_service_has_a_schema() {
        let sources = [
            include_str!("billing.rs"),
            include_str!("identity.rs"),
            include_str!("ledger.rs"),
            include_str!("market.rs"),
            include_str!("market/found.rs"),
            include_str!("metering.rs"),
        ];
        let line = "const SUBJECT: &'static str = \"";
        let written = sources.iter().flat_map(|source| source.split(line).skip(1));
        let written: Vec<&str> = written.map(|rest| rest.split('"').next().unwrap()).collect();
        let known: Vec<&str> = kinds().iter().map(|kind| kind.subject).collect();
        assert_eq!(known, written);
    }
}
