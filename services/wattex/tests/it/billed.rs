//! Documents from files, in the formats that there are.

use std::fs;
use std::path::Path;

use documents::{Document, Locale, ubl};

use crate::program::{Ended, Place, run, text, wattex};

/// The bill that shows every field.
fn full() -> String {
    let path = "../../libs/documents/tests/it/full.json";
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn document(arguments: &[&str]) -> Ended {
    run(wattex(&[&["document"], arguments].concat()))
}

#[test]
fn a_document_becomes_a_pdf_with_its_xml_and_json_again() {
    let place = Place::new();
    let (file, pdf) = (place.path("bill.json"), place.path("bill.pdf"));
    fs::write(&file, full()).unwrap();
    let ended = document(&["--format", "pdf", text(&file), "--out", text(&pdf)]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""));
    let bytes = fs::read(&pdf).unwrap();
    assert!(bytes.starts_with(b"%PDF-1.7") && bytes.len() < 150_000);
    let expected = Document::from_json(full().as_bytes()).unwrap();
    let locale = Locale::named(&expected.content().language).unwrap();
    let ended = document(&["--format", "xml", text(&file)]);
    assert_eq!((ended.code, ended.out), (Some(0), ubl::write(&expected, &locale).unwrap()));
    let ended = document(&["--format", "json", text(&file)]);
    assert_eq!((ended.code, ended.out), (Some(0), expected.to_json() + "\n"));
}

#[test]
fn trouble_with_a_document_has_its_exit_code_and_names_the_field() {
    let place = Place::new();
    let refused = |content: &str, format: &str, code: i32, why: &str| {
        let file = place.path("bill.json");
        fs::write(&file, content).unwrap();
        let ended = document(&["--format", format, text(&file)]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{}", ended.err);
        assert!(ended.err.contains(why), "{}", ended.err);
    };
    let wrong = full().replace("\"payable\": \"87.38\"", "\"payable\": \"87.39\"");
    refused(&wrong, "pdf", 12, "DOCUMENT_SUM: totals.payable");
    refused("[]", "json", 12, "DOCUMENT_JSON");
    let elsewhere = full().replacen("\"language\": \"en\"", "\"language\": \"xx\"", 1);
    refused(&elsewhere, "pdf", 16, "--locale");
    assert!(elsewhere != full() && wrong != full());
}
