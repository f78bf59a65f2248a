//! JSON there and back; what it says of sums is not believed but checked.

use documents::{Document, Rejection};
use serde_json::{Value, json};

use crate::samples::{full, money, random};

#[test]
fn a_document_is_read_again_as_it_was_written() {
    for seed in 0..200 {
        let document = Document::issue(random(seed)).unwrap();
        assert_eq!(Document::from_json(document.to_json().as_bytes()).unwrap(), document);
    }
    let document = Document::issue(full("de")).unwrap();
    assert_eq!(Document::from_json(document.to_json().as_bytes()).unwrap(), document);
}

/// What others read stays as it is: field by field, to the byte.
#[test]
fn the_json_is_that_of_the_example() {
    let document = Document::issue(full("en")).unwrap();
    assert_eq!(document.to_json() + "\n", include_str!("full.json"));
}

#[test]
fn sums_may_be_left_out() {
    let document = Document::issue(full("de")).unwrap();
    let mut value: Value = serde_json::from_str(&document.to_json()).unwrap();
    value.as_object_mut().unwrap().remove("taxes");
    value.as_object_mut().unwrap().remove("totals");
    assert_eq!(Document::from_json(value.to_string().as_bytes()).unwrap(), document);
}

/// The code and the place of what is wrong once `pointer` says `new`.
fn broken(pointer: &str, new: Value) -> (&'static str, String) {
    let document = Document::issue(full("en")).unwrap();
    let mut value: Value = serde_json::from_str(&document.to_json()).unwrap();
    *value.pointer_mut(pointer).unwrap() = new;
    let rejected = Document::from_json(value.to_string().as_bytes()).unwrap_err();
    (rejected.rejection.code(), rejected.path)
}

#[test]
fn a_sum_that_is_wrong_by_a_cent_is_refused_at_its_place() {
    for (pointer, place) in [
        ("/lines/2/exact", "lines[2].exact"),
        ("/lines/2/net", "lines[2].net"),
        ("/taxes/0/base", "taxes[0].base"),
        ("/taxes/0/amount", "taxes[0].amount"),
        ("/totals/lines", "totals.lines"),
        ("/totals/net", "totals.net"),
        ("/totals/tax", "totals.tax"),
        ("/totals/gross", "totals.gross"),
        ("/totals/paid", "totals.paid"),
        ("/totals/payable", "totals.payable"),
    ] {
        let document = Document::issue(full("en")).unwrap();
        let value: Value = serde_json::from_str(&document.to_json()).unwrap();
        let right = money(value.pointer(pointer).unwrap().as_str().unwrap());
        let wrong = right.plus(money("0.01")).unwrap().to_string();
        assert_eq!(broken(pointer, json!(wrong)), ("DOCUMENT_SUM", place.to_owned()));
    }
}

#[test]
fn a_field_that_is_unknown_or_of_another_kind_is_refused_at_its_place() {
    assert_eq!(broken("/lines/3/net", json!(1)), ("DOCUMENT_JSON", "lines[3].net".into()));
    assert_eq!(broken("/totals/net", json!(1)), ("DOCUMENT_JSON", "totals.net".into()));
    assert_eq!(broken("/taxes/1/rate", json!(1)), ("DOCUMENT_JSON", "taxes[1].rate".into()));
    let place = json!({"connection_point": "a", "meter": "b", "metre": "c"});
    assert_eq!(broken("/place", place), ("DOCUMENT_JSON", "place.metre".into()));
    assert_eq!(Document::from_json(b"[]").unwrap_err().rejection.code(), "DOCUMENT_JSON");
    let large = vec![b' '; documents::JSON_BYTES_MAX + 1];
    let rejection = Document::from_json(&large).unwrap_err().rejection;
    assert!(matches!(rejection, Rejection::Size { .. }));
}
