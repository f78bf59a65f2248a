//! Draws bills, and measures how many a second are written.
//!
//! `cargo run --release -p invoice-pdf --example pages -- FOLDER` writes sample bills there, as PDF
//! and as a picture of every page; without a folder it only measures.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::disallowed_types, reason = "an example stops by panicking")]

#[path = "../tests/it/reader.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod reader;
#[path = "../../documents/tests/it/samples.rs"]
#[allow(dead_code, reason = "its own crate needs more of it")]
mod samples;

use std::path::Path;
use std::time::Instant;

use documents::{Content, Document, Kind, Locale, Preceding};

use samples::{full, random};

/// Bills that are written to measure.
const BILLS: u32 = 200;

fn main() {
    if let Some(folder) = std::env::args().nth(1) {
        for (name, content) in bills() {
            draw(Path::new(&folder), name, content);
        }
    }
    let (document, locale) = (Document::issue(full("de")).unwrap(), Locale::named("de").unwrap());
    let pdf = invoice_pdf::write(&document, &locale).unwrap();
    let started = Instant::now();
    for _ in 0..BILLS {
        assert_eq!(invoice_pdf::write(&document, &locale).unwrap().pages, pdf.pages);
    }
    let second = f64::from(BILLS) / started.elapsed().as_secs_f64();
    println!("{} pages, {} bytes, {second:.0} bills a second", pdf.pages, pdf.bytes.len());
}

fn bills() -> Vec<(&'static str, Content)> {
    let household = full("en");
    let mut long = full("nl");
    long.lines = long.lines.iter().cycle().take(60).cloned().collect();
    let (mut credit, mut sold) = (full("fr"), random(1));
    credit.kind = Kind::CreditNote;
    let number = "INV-2026-16".to_owned();
    credit.preceding = vec![Preceding { number, issued_on: credit.issued_on }];
    credit.comparison = None;
    credit.proof = None;
    sold.language = "en-IN".to_owned();
    sold.currency = "INR".to_owned();
    vec![("household", household), ("long", long), ("credit", credit), ("random", sold)]
}

fn draw(folder: &Path, name: &str, content: Content) {
    let locale = Locale::named(&content.language).unwrap();
    let document = Document::issue(content).unwrap();
    let pdf = invoice_pdf::write(&document, &locale).unwrap();
    std::fs::write(folder.join(format!("{name}.pdf")), &pdf.bytes).unwrap();
    let reader = reader::Reader::new(&pdf.bytes);
    for page in 0..reader.pages().min(4) {
        let picture = reader.picture(page, 2.0).into_png().unwrap();
        std::fs::write(folder.join(format!("{name}-{}.png", page + 1)), picture).unwrap();
    }
}
