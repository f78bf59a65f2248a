//! MR1, our own signed reading: 119 bytes, or the same as JSON; and MR2, several under one
//! signature.
//!
//! ```text
//! {"meter":"<uuid>","page":7,"time":"2026-06-01T00:15:00Z","import_wh":1000001,"export_wh":42,
//!  "status":2,"firmware":66051,"signature":"0x<64 bytes>"}
//! ```
//!
//! The signature tells the address of the key that signed; whether that is the meter's is known
//! where the meter is enrolled, or by the key that is given.

use std::sync::Arc;

use reading::{PAYLOAD_BYTES, SignedReading, decode_together, is_together};

use crate::canonical::{Point, Quality, Seal, Trust, When};
use crate::collect::{About, Collected, What};
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::payload::Key;
use crate::quantity::{Quantity, WH};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "mr1",
    what: "our signed meter readings: MR1 and MR2 as bytes, or JSON",
    topics: &["wattex/v1/+/reading"],
    signing: Signing::Always,
    units: "Wh",
    framing: Framing::Readings,
    learn: None,
    decode,
};

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let bytes = payload.bytes;
    let all = match bytes.first() {
        Some(b'{') => vec![document(bytes)?],
        _ if is_together(bytes) => {
            let parts = decode_together(bytes).map_err(|error| binary(&error, 0))?;
            let begins = (0..).map(|index| 4 + index * PAYLOAD_BYTES);
            let parts = parts.into_iter().zip(begins);
            parts
                .map(|(part, begin)| part.map_err(|error| binary(&error, begin)))
                .collect::<Result<_, _>>()?
        }
        _ => vec![SignedReading::decode(bytes).map_err(|error| binary(&error, 0))?],
    };
    let mut collected = Collected::default();
    for signed in &all {
        collect(signed, payload.key, &mut collected)?;
    }
    Ok(collected.into_readings())
}

/// Adds both registers of a reading.
fn collect(
    signed: &SignedReading,
    key: Option<&Key>,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let reading = signed.reading;
    let mut about = About::device(Some(&reading.meter.to_string()), Point::Grid);
    about.time = match reading.status.clock_unsynchronised() {
        true => When::Unsure(reading.time),
        false => When::At(reading.time),
    };
    if reading.status.energy_error() {
        about.quality = Quality::Faulty;
    }
    about.trust = trust(signed, key)?;
    for (quantity, register, path) in [
        (Quantity::ImportEnergy, reading.import, "import_wh"),
        (Quantity::ExportEnergy, reading.export, "export_wh"),
    ] {
        let number = Number::integer(i128::from(register.wh()));
        let added = collected.add(&about, What::of(quantity, WH), &number, path);
        added.map_err(|reason| reason.of(path))?;
    }
    Ok(())
}

fn document(bytes: &[u8]) -> Result<SignedReading, Refusal> {
    let node = json::document(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        Reason::Type("a signed reading as its fields are defined").of_at(path, node.byte)
    })
}

/// Where a message of bytes is wrong that has a reading from `begin` on.
fn binary(error: &reading::Malformed, begin: usize) -> Refusal {
    use reading::Malformed;
    match error {
        Malformed::Length(length) => Reason::Syntax("a message MR1 or MR2").at(*length),
        Malformed::Tag => Reason::Syntax("a reading that begins with MR1").at(begin),
        Malformed::Place => Reason::Syntax("2 to 16 readings under a signature").at(3),
        Malformed::Time(_) => Reason::Range.of_at("time", begin + 23),
        Malformed::Register(_) => Reason::Range.of_at("registers", begin + 31),
        Malformed::Signature(_) => {
            Reason::Signature("64 bytes, r and s as EIP-2098 has them").at(PAYLOAD_BYTES)
        }
    }
}

fn trust(signed: &SignedReading, key: Option<&Key>) -> Result<Trust, Refusal> {
    let refuse = |why| Reason::Signature(why).of("signature");
    let signer = signed.signer().ok_or_else(|| refuse("it is of no key"))?;
    let seal = Arc::new(Seal {
        algorithm: "ECDSA-secp256k1-keccak256".to_owned(),
        signed: signed.signed_text(),
        signature: signed.signature.as_bytes().to_vec(),
        signer: Some(signer.to_string()),
        page: Some(signed.reading.page.to_string()),
    });
    match key {
        None => Ok(Trust::Signed(seal)),
        Some(Key::Address(address)) if *address == signer => Ok(Trust::Verified(seal)),
        Some(Key::Address(_)) => Err(refuse("it is of another key")),
        Some(Key::Public(_)) => Err(refuse("the key of a meter is given as its address")),
    }
}
