//! OCMF, the Open Charge Metering Format of S.A.F.E. e.V.: signed charging records.
//!
//! ```text
//! OCMF|{"PG":"T12","MS":"...","RD":[{"TM":"2018-07-24T13:22:04,000+0200 S","RV":2935.6,
//!       "RI":"01-0B:01.08.00*FF","RU":"kWh","ST":"G"}]}|{"SA":"ECDSA-secp256r1-SHA256","SD":"..."}
//! ```
//!
//! Source: Open Charge Metering Format 1.4 of S.A.F.E. e.V. What is signed is the second section,
//! byte for byte. Fields of a reading that are left out are those of the reading before. With a key
//! the signature is verified on P-256 and secp256k1; on other curves it is kept.

use std::sync::Arc;

use crate::canonical::{Point, Quality, Seal, Trust, When};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::message;
use crate::obis::Obis;
use crate::payload::Key;
use crate::quantity::{Quantity, Unit, WH};
use crate::{Payload, Reading, Reason, Refusal, json, time};

pub(crate) const FORMAT: Format = Format {
    name: "ocmf",
    what: "Open Charge Metering Format: signed charging records",
    topics: &[],
    signing: Signing::Always,
    units: "kWh, Wh",
    framing: Framing::Texts("OCMF|"),
    learn: None,
    decode,
};

/// The algorithm of a record that names none.
const DEFAULT_ALGORITHM: &str = "ECDSA-secp256r1-SHA256";

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let text = payload.text()?.trim();
    let body = text.strip_prefix("OCMF|").ok_or(Reason::Syntax("OCMF|...|...").at(0))?;
    let (record, seal) = body.split_once('|').ok_or(Reason::Syntax("OCMF|...|...").at(5))?;
    let offset = payload.text()?.find("OCMF|").unwrap_or(0) + 5;
    let moved = |by: usize| {
        move |mut refusal: Refusal| {
            refusal.place.byte = refusal.place.byte.map(|byte| byte + by);
            refusal
        }
    };
    let seal_at = offset + record.len() + 1;
    let node = json::document(seal.as_bytes()).map_err(moved(seal_at))?;
    let signature = sealed(&Field::root(&node)).map_err(moved(seal_at))?;
    let node = json::document(record.as_bytes()).map_err(moved(offset))?;
    let root = Field::root(&node);
    let seal = Seal {
        signed: record.as_bytes().to_vec(),
        page: root.get("PG").map(|page| page.text().map(str::to_owned)).transpose()?,
        ..signature
    };
    let mut about = About::device(None, Point::Charger);
    about.device = root.device(&["MS"]).or_else(|| root.device(&["GS"]));
    about.trust = trust(seal, payload.key)?;
    readings(&root, &about).map_err(moved(offset))
}

/// The signature section.
fn sealed(root: &Field) -> Result<Seal, Refusal> {
    let text = |name| root.get(name).map(|field| field.text()).transpose();
    let data = root.need("SD")?;
    let no_bytes = || data.refuse(Reason::Type("a signature in this encoding"));
    let signature = match text("SE")?.unwrap_or("hex") {
        "hex" => hex::decode(data.text()?.trim()).map_err(|_| no_bytes())?,
        "base64" => message::base64(data.text()?).ok_or_else(no_bytes)?,
        _ => return Err(root.need("SE")?.refuse(Reason::Type("hex or base64"))),
    };
    let algorithm = text("SA")?.unwrap_or(DEFAULT_ALGORITHM).to_owned();
    Ok(Seal { algorithm, signed: Vec::new(), signature, signer: None, page: None })
}

/// What the signature is worth: kept, or verified with the key that was given.
fn trust(seal: Seal, key: Option<&Key>) -> Result<Trust, Refusal> {
    let refuse = |why| Err(Reason::Signature(why).of("SD"));
    let Some(key) = key else { return Ok(Trust::Signed(Arc::new(seal))) };
    let Key::Public(key) = key else {
        return refuse("the key of a charging record is given as a public key");
    };
    let holds = match seal.algorithm.as_str() {
        DEFAULT_ALGORITHM => on_p256(key, &seal),
        "ECDSA-secp256k1-SHA256" => on_secp256k1(key, &seal),
        _ => return refuse("this curve is not verified here"),
    };
    match holds {
        Some(true) => Ok(Trust::Verified(Arc::new(seal))),
        Some(false) => refuse("it is not of this key over these bytes"),
        None => refuse("the key or the signature is not one of this curve"),
    }
}

fn on_p256(key: &[u8], seal: &Seal) -> Option<bool> {
    use p256::ecdsa::signature::Verifier;
    use p256::ecdsa::{Signature, VerifyingKey};
    use p256::pkcs8::DecodePublicKey;
    let key = VerifyingKey::from_public_key_der(key)
        .or_else(|_| VerifyingKey::from_sec1_bytes(key).map_err(|_| ()))
        .ok()?;
    let signature = Signature::from_der(&seal.signature).ok()?;
    Some(key.verify(&seal.signed, &signature).is_ok())
}

fn on_secp256k1(key: &[u8], seal: &Seal) -> Option<bool> {
    use k256::ecdsa::signature::Verifier;
    use k256::ecdsa::{Signature, VerifyingKey};
    use k256::pkcs8::DecodePublicKey;
    let key = VerifyingKey::from_public_key_der(key)
        .or_else(|_| VerifyingKey::from_sec1_bytes(key).map_err(|_| ()))
        .ok()?;
    let signature = Signature::from_der(&seal.signature).ok()?;
    // Meters sign with any s; this library takes the lower of the two that mean the same.
    let signature = signature.normalize_s().unwrap_or(signature);
    Some(key.verify(&seal.signed, &signature).is_ok())
}

/// The readings of the record. A field that is left out is that of the reading before.
fn readings(root: &Field, about: &About) -> Result<Vec<Reading>, Refusal> {
    let mut collected = Collected::default();
    let (mut moment, mut code, mut unit, mut status) = (None, None, None, None);
    for (_, reading) in root.need("RD")?.list()? {
        moment = reading.get("TM").or(moment);
        code = reading.get("RI").or(code);
        unit = reading.get("RU").or(unit);
        status = reading.get("ST").or(status);
        let Some(value) = reading.get("RV") else { continue };
        let missing = |name| reading.need(name).map(|_| ()).expect_err("it was never there");
        let code = code.clone().ok_or_else(|| missing("RI"))?;
        let unit = unit.clone().ok_or_else(|| missing("RU"))?;
        let Some(what) = what(&code, &unit)? else { continue };
        let errors = reading.get("EF").map(|flags| flags.text()).transpose()?.unwrap_or("");
        let status = status.as_ref().map(Field::text).transpose()?.unwrap_or("G");
        let about = About {
            time: match moment.as_ref().map(when).transpose()? {
                Some(When::At(time)) if errors.contains('t') => When::Unsure(time),
                time => time.unwrap_or(When::OnReceipt),
            },
            quality: match status {
                _ if errors.contains('E') => Quality::Faulty,
                "G" => Quality::Measured,
                "S" => Quality::Substituted,
                _ => Quality::Faulty,
            },
            ..about.clone()
        };
        value.add(&mut collected, &about, what)?;
    }
    Ok(collected.into_readings())
}

/// What a reading is of: an OBIS code in hex, also of the codes that OCMF 1.4 reserves.
fn what(code: &Field, unit: &Field) -> Result<Option<What>, Refusal> {
    let named = unit.text()?;
    let unit = Unit::named(named).ok_or_else(|| unit.refuse(Reason::Unit(named.to_owned())))?;
    let obis = Obis::parse(code.text()?.trim(), 16);
    let obis = obis.ok_or_else(|| code.refuse(Reason::Type("an OBIS code")))?;
    let reserved = |quantity| Some(What { unit, ..What::of(quantity, WH) });
    Ok(match obis.0 {
        [1, _, 0xb0 | 0xb1, 8, 0, _] => reserved(Quantity::ImportEnergy),
        [1, _, 0xb2 | 0xb3, 8, 0, _] => reserved(Quantity::PeriodImportEnergy),
        [1, _, 0xc0 | 0xc1, 8, 0, _] => reserved(Quantity::ExportEnergy),
        [1, _, 0xc2 | 0xc3, 8, 0, _] => reserved(Quantity::PeriodExportEnergy),
        _ => obis.what(unit),
    })
}

/// A time and, behind a space, how the clock was set: only S is synchronised.
fn when(field: &Field) -> Result<When, Refusal> {
    let text = field.text()?.trim();
    let (text, state) = text.split_once(' ').unwrap_or((text, "U"));
    let when = time::iso(text).map_err(|reason| field.refuse(reason))?;
    Ok(match (when, state.trim()) {
        (when, "S") => when,
        (When::At(time), _) => When::Unsure(time),
        (when, _) => when,
    })
}
