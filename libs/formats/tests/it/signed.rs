//! Payloads that are signed: whose signature, over what.

use base64::Engine;
use formats::{Key, Quality, Trust, When};
use k256::ecdsa::signature::Signer;
use p256::pkcs8::EncodePublicKey;

use crate::samples::{self, OCMF};
use crate::{check, decode, decode_with, device, refused, shorts, time};

#[test]
fn our_own_readings_are_bytes_or_json() {
    let signed = samples::signed();
    let expected = ["import_energy 1000001 Wh", "export_energy 42 Wh"];
    let json = serde_json::to_vec(&signed).unwrap();
    for bytes in [signed.encode(), json] {
        let readings = decode("mr1", "", &bytes).unwrap();
        assert_eq!(shorts(&readings), expected);
        assert_eq!(device(&readings), "00000000-0000-0000-0000-000001020304");
        // The status says that the clock was not synchronised.
        assert_eq!(readings[0].time, When::Unsure("2026-06-01T00:15:00Z".parse().unwrap()));
        let Trust::Signed(seal) = &readings[0].trust else { panic!("{readings:?}") };
        assert_eq!(seal.signer, Some(samples::key().address().to_string()));
        assert_eq!(seal.page.as_deref(), Some("7"));
        assert_eq!(seal.signed, signed.reading.encode());
    }
}

#[test]
fn the_key_that_is_given_has_to_have_signed() {
    let bytes = samples::signed().encode();
    let right = Key::Address(samples::key().address());
    let readings = decode_with("mr1", "", &bytes, Some(&right)).unwrap();
    assert!(matches!(readings[0].trust, Trust::Verified(_)));
    let wrong: Key = "0x0101010101010101010101010101010101010101".parse().unwrap();
    let refusal = decode_with("mr1", "", &bytes, Some(&wrong)).unwrap_err();
    assert_eq!(refusal.reason.code(), "PAYLOAD_SIGNATURE");
    for bit in [3 * 8, 40 * 8, 54 * 8, 56 * 8, 118 * 8] {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1;
        assert!(decode_with("mr1", "", &changed, Some(&right)).is_err(), "bit {bit}");
    }
}

#[test]
fn our_own_readings_under_one_signature_are_all_of_its_key() {
    let bytes = samples::signed_together();
    let right = Key::Address(samples::key().address());
    let readings = decode_with("mr1", "", &bytes, Some(&right)).unwrap();
    let expected = [
        "import_energy 1000001 Wh",
        "export_energy 42 Wh",
        "import_energy 1000001 Wh",
        "export_energy 43 Wh",
    ];
    assert_eq!(shorts(&readings), expected);
    assert!(readings.iter().all(|reading| matches!(reading.trust, Trust::Verified(_))));
    for byte in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[byte] ^= 1;
        assert!(decode_with("mr1", "", &changed, Some(&right)).is_err(), "byte {byte}");
    }
    refused("mr1", "", &bytes[..100], "PAYLOAD_SYNTAX", "");
}

#[test]
fn our_own_readings_say_what_is_wrong_with_them() {
    let good = samples::signed().encode();
    refused("mr1", "", &good[..118], "PAYLOAD_SYNTAX", "");
    let mut changed = good;
    changed[31] = 0xff;
    refused("mr1", "", &changed, "FIELD_RANGE", "registers");
    let json = serde_json::to_string(&samples::signed()).unwrap();
    let wrong = json.replace("\"page\":7", "\"page\":\"seven\"");
    refused("mr1", "", wrong.as_bytes(), "FIELD_TYPE", "page");
}

#[test]
fn a_charging_record_keeps_its_signature_and_what_is_signed() {
    let readings =
        check("ocmf", "", OCMF, &["import_energy 2935600 Wh", "import_energy 2965100 Wh"]);
    assert_eq!(device(&readings), "M-1");
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:00:00Z"));
    let Trust::Signed(seal) = &readings[1].trust else { panic!("{readings:?}") };
    assert!(seal.signed.starts_with(b"{\"FV\":\"1.4\"") && seal.signed.ends_with(b"]}"));
    assert_eq!(
        (seal.algorithm.as_str(), seal.page.as_deref()),
        ("ECDSA-secp256r1-SHA256", Some("T12"))
    );
}

/// The record with another signature section.
fn record(seal: &str) -> (String, String) {
    let signed = OCMF.split('|').nth(1).unwrap().to_owned();
    (format!("OCMF|{signed}|{seal}"), signed)
}

#[test]
fn a_charging_record_is_verified_on_both_curves() {
    let (_, signed) = record("");
    let k256 = k256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
    let signature: k256::ecdsa::DerSignature = k256.sign(signed.as_bytes());
    let sd = hex::encode(signature.as_bytes());
    let (text, _) = record(&format!(r#"{{"SA":"ECDSA-secp256k1-SHA256","SD":"{sd}"}}"#));
    let key = Key::Public(k256.verifying_key().to_encoded_point(false).as_bytes().to_vec());
    let readings = decode_with("ocmf", "", text.as_bytes(), Some(&key)).unwrap();
    assert!(matches!(readings[0].trust, Trust::Verified(_)));

    let p256 = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
    let signature: p256::ecdsa::DerSignature = p256.sign(signed.as_bytes());
    let sd = hex::encode(signature.as_bytes());
    let (text, _) = record(&format!(r#"{{"SD":"{sd}"}}"#));
    let key = Key::Public(p256.verifying_key().to_encoded_point(true).as_bytes().to_vec());
    let readings = decode_with("ocmf", "", text.as_bytes(), Some(&key)).unwrap();
    assert!(matches!(readings[0].trust, Trust::Verified(_)));

    // Keys are mostly given as DER, in base64 or hex.
    let der = p256::PublicKey::from(p256.verifying_key()).to_public_key_der().unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der.as_bytes());
    for spelling in [hex::encode(der.as_bytes()), base64] {
        let key: Key = spelling.parse().unwrap();
        let readings = decode_with("ocmf", "", text.as_bytes(), Some(&key)).unwrap();
        assert!(matches!(readings[0].trust, Trust::Verified(_)));
    }
    assert!("0x0102".parse::<Key>().is_err() && "no key".parse::<Key>().is_err());

    // A changed number, another key, a key of the other curve.
    let changed = text.replace("2965.1009", "2965.1008");
    let other = p256::ecdsa::SigningKey::from_slice(&[8; 32]).unwrap();
    let other = Key::Public(other.verifying_key().to_encoded_point(true).as_bytes().to_vec());
    for (text, key) in [(&changed, &key), (&text, &other), (&text, &Key::Public(vec![4; 65]))] {
        let refusal = decode_with("ocmf", "", text.as_bytes(), Some(key)).unwrap_err();
        assert_eq!(refusal.reason.code(), "PAYLOAD_SIGNATURE");
    }
}

#[test]
fn a_charging_record_says_how_good_its_numbers_are() {
    let with = |fields: &str| {
        let text = OCMF.replace(r#""ST":"G""#, fields);
        let readings = decode("ocmf", "", text.as_bytes()).unwrap();
        (readings[0].quality, readings[0].time)
    };
    let at = "2026-06-01T10:00:00Z".parse().unwrap();
    assert_eq!(with(r#""ST":"G""#), (Quality::Measured, When::At(at)));
    assert_eq!(with(r#""ST":"S""#), (Quality::Substituted, When::At(at)));
    assert_eq!(with(r#""ST":"X""#), (Quality::Faulty, When::At(at)));
    assert_eq!(with(r#""ST":"G","EF":"Et""#), (Quality::Faulty, When::Unsure(at)));
    let unsynchronised = OCMF.replace("+0200 S", "+0200 I");
    let readings = decode("ocmf", "", unsynchronised.as_bytes()).unwrap();
    assert_eq!(readings[0].time, When::Unsure(at));
}

#[test]
fn codes_that_charging_reserves_are_told_apart() {
    for (code, expected) in [
        ("01-00:B0.08.00*FF", "import_energy"),
        ("01-00:B3.08.00*FF", "period_import_energy"),
        ("01-00:C1.08.00*FF", "export_energy"),
        ("01-00:C2.08.00*FF", "period_export_energy"),
        ("1-b:1.8.0", "import_energy"),
        ("1-b:2.8.0", "export_energy"),
    ] {
        let text = OCMF.replace("01-0B:01.08.00*FF", code);
        let readings = decode("ocmf", "", text.as_bytes()).unwrap();
        assert_eq!(shorts(&readings[..1]), [format!("{expected} 2935600 Wh")], "{code}");
    }
}

#[test]
fn a_charging_record_names_what_is_wrong() {
    let with = |from: &str, to: &str| OCMF.replace(from, to).into_bytes();
    refused("ocmf", "", &with("2935.600", "-1"), "FIELD_NEGATIVE", "RD.0.RV");
    refused("ocmf", "", &with("2935.600", "\"a\""), "FIELD_TYPE", "RD.0.RV");
    refused("ocmf", "", &with(r#""RU":"kWh","#, ""), "FIELD_MISSING", "RD.0.RU");
    refused("ocmf", "", &with(r#""RU":"kWh""#, r#""RU":"V""#), "FIELD_UNIT", "RD.0.RV");
    refused("ocmf", "", &with(r#""RI":"01-0B:01.08.00*FF","#, ""), "FIELD_MISSING", "RD.0.RI");
    refused("ocmf", "", &with(r#""SD":"30060201010201ff""#, r#""SD":"zz""#), "FIELD_TYPE", "SD");
    refused("ocmf", "", b"OCMF|{}", "PAYLOAD_SYNTAX", "");
    refused("ocmf", "", b"OCMF|{}|{}", "FIELD_MISSING", "SD");
    refused("ocmf", "", b"{}", "PAYLOAD_SYNTAX", "");
}
