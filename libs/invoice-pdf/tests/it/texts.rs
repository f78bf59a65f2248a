//! What a bill says can be read again from its PDF, and its XML is inside.

use documents::{Content, Document, Information, Kind, LANGUAGES, Locale, ubl};
use invoice_pdf::{PAGES_MAX, Pdf, PdfError, XML_NAME, write};
use units::Money;

use crate::reader::Reader;
use crate::samples::{day, full, money, plain, random};

/// Random documents that are written and read again.
const DOCUMENTS: u64 = 120;

fn written(content: Content) -> (Document, Locale, Pdf) {
    let locale = Locale::named(&content.language).unwrap();
    let document = Document::issue(content).unwrap();
    let pdf = write(&document, &locale).unwrap();
    (document, locale, pdf)
}

/// Spaces of any kind are one.
fn plainly(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every line with its amounts, every sum, and the XML to the byte.
fn check(content: Content, story: &str) -> usize {
    let (document, locale, pdf) = written(content);
    let reader = Reader::new(&pdf.bytes);
    assert_eq!(reader.pages(), pdf.pages, "{story}");
    let text = reader.text();
    let says = |what: &str| {
        assert!(text.contains(&plainly(what)), "{story}: {what:?} is not in\n{text}");
    };
    let content = document.content();
    let amount = |amount: Money| locale.money(amount, &content.currency, content.currency_digits);
    for line in &content.lines {
        says(&locale.label(line));
        says(&locale.explanation(line));
        says(&locale.quantity(line.quantity));
        says(&amount(line.net));
        for adjustment in &line.adjustments {
            says(&adjustment.reason);
            says(&amount(adjustment.amount));
        }
        if let Some(trace) = &line.trace {
            says(&trace.formula);
            trace.inputs.iter().for_each(|input| says(&input.value));
        }
    }
    for tax in document.taxes() {
        says(&amount(tax.base));
        says(&amount(tax.amount));
    }
    let totals = document.totals();
    let payable = totals.payable.max(totals.payable.negated().unwrap());
    [totals.lines, totals.gross, payable].into_iter().for_each(|sum| says(&amount(sum)));
    for party in [&content.issuer, &content.customer] {
        says(&party.name);
        says(party.address.street.as_deref().unwrap());
    }
    says(&locale.filled("page", &[("page", "1"), ("pages", &pdf.pages.to_string())]));
    assert_eq!(pdf.missing, Vec::<char>::new(), "{story}");
    let xml = ubl::write(&document, &locale).unwrap();
    let (name, relation, attached) = reader.attached().unwrap();
    assert_eq!((name.as_str(), relation.as_str()), (XML_NAME, "Alternative"), "{story}");
    assert!(attached == xml.as_bytes(), "{story}: what is attached is not the document's XML");
    pdf.pages
}

#[test]
fn random_bills_of_every_kind_say_every_line_in_every_language() {
    for seed in 0..DOCUMENTS {
        let place = usize::try_from(seed).unwrap() % LANGUAGES.len();
        let mut content = random(seed);
        content.language = LANGUAGES[place].to_owned();
        let pages = check(content, &format!("seed {seed}"));
        assert!((1..=4).contains(&pages), "seed {seed}: {pages} pages");
    }
}

#[test]
fn a_household_has_its_month_on_few_pages_in_every_language() {
    for language in LANGUAGES {
        // Everything that a bill can have, and what a household without a roof has.
        assert!(check(full(language), language) <= 3, "{language}");
        let mut plain = full(language);
        plain.lines.truncate(7);
        (plain.information, plain.is_final) = (Information::default(), false);
        assert_eq!(check(plain, language), 2, "{language}");
        let (document, locale, pdf) = written(full(language));
        assert!(pdf.bytes.len() < 150_000, "{} bytes", pdf.bytes.len());
        let text = Reader::new(&pdf.bytes).text();
        let content = document.content();
        let proof = content.proof.as_ref().unwrap();
        let dispute = content.dispute.as_ref().unwrap();
        let places = [("energy", "3.2 kWh"), ("percent", "")];
        let estimated = locale.filled("quality.estimated", &places);
        for what in [
            proof.command.as_str(),
            &proof.hash.to_string(),
            &proof.transaction.unwrap().to_string(),
            &locale.filled("check.block", &[("block", "48213"), ("chain", "20260")]),
            dispute.body.as_deref().unwrap(),
            content.payment.as_ref().unwrap().iban.as_deref().unwrap(),
            content.payment.as_ref().unwrap().reference.as_deref().unwrap(),
            locale.text("comparison.retail_alone"),
            locale.text("chart"),
            estimated.rsplit_once(") ").unwrap().1,
            content.information.fuel_mix.as_deref().unwrap(),
            content.information.switching.as_deref().unwrap(),
            &locale.filled("information.co2", &[("grams", "38")]),
            &locale.filled("information.self_sufficiency", &[("percent", &locale.percent(4_056))]),
            &locale.filled("note.final", &[("day", &locale.day(day("2026-07-01")))]),
        ] {
            assert!(text.contains(&plainly(what)), "{language}: {what:?} is not in\n{text}");
        }
    }
}

#[test]
fn a_bill_of_many_lines_goes_on_over_pages_under_the_same_heads() {
    let model = full("en");
    for count in [1_usize, 7, 60, 1_000] {
        let lines = model.lines.iter().cycle().take(count);
        let mut content = plain(
            lines
                .enumerate()
                .map(|(place, line)| {
                    let name = format!("no. {place}");
                    documents::Line { name, ..line.clone() }
                })
                .collect(),
        );
        content.exemptions = model.exemptions.clone();
        let pages = check(content.clone(), &format!("{count} lines"));
        assert!(pages <= 1 + count.div_ceil(15), "{count} lines on {pages} pages");
        let (_, locale, pdf) = written(content);
        let heads = Reader::new(&pdf.bytes).text().matches(locale.text("lines.quantity")).count();
        assert!(heads + 1 >= pages, "{heads} heads on {pages} pages");
    }
}

#[test]
fn the_same_document_is_the_same_file() {
    for content in [full("de"), random(7)] {
        let (first, second) = (written(content.clone()), written(content));
        assert!(first.2 == second.2);
    }
}

#[test]
fn what_the_fonts_do_not_have_is_named_and_can_still_be_copied() {
    let mut content = full("en");
    content.customer.name = "प्रिया Ωμέγα Жанна 字\u{200b}\u{e001}".to_owned();
    let (_, _, pdf) = written(content);
    assert!(pdf.missing.contains(&'प') && pdf.missing.contains(&'字'));
    assert!(!pdf.missing.contains(&'Ω') && !pdf.missing.contains(&'Ж'));
    let text = Reader::new(&pdf.bytes).text();
    assert!(text.contains("प्रिया Ωμέγα Жанна 字\u{fffd}"), "{text}");
}

#[test]
fn texts_of_any_length_stay_whole_on_their_pages() {
    let long = "Donaudampfschifffahrt ".repeat(22);
    // A letter that stands nowhere else, and a word that no line can hold.
    let wide = "Ŵ".repeat(500);
    let mut content = full("de");
    content.issuer.name = long.clone();
    content.customer.name = wide.clone();
    content.customer.address.street = Some(long.clone());
    content.place.meter = wide.clone();
    content.place.connection_point = long.clone();
    content.place.community = Some(wide.clone());
    content.lines[2].name = wide.clone();
    content.lines[3].explanation = long.clone();
    let payment = content.payment.as_mut().unwrap();
    (payment.account_name, payment.reference) = (Some(long.clone()), Some(wide.clone()));
    content.dispute.as_mut().unwrap().contact = long.clone();
    content.proof.as_mut().unwrap().command = wide.clone();
    let (_, _, pdf) = written(content);
    let text = Reader::new(&pdf.bytes).text();
    assert_eq!(text.matches('Ŵ').count(), 6 * 500, "{text}");
    assert!(text.matches(long.trim()).count() >= 5, "{text}");
    assert!(pdf.pages <= 8, "{} pages", pdf.pages);
}

#[test]
fn a_bill_of_too_many_pages_is_refused() {
    let mut content = full("en");
    let input = documents::Input { name: "W ".repeat(250), value: "W ".repeat(250) };
    for line in &mut content.lines {
        let inputs = vec![input.clone(); 100];
        line.trace = Some(documents::Trace { formula: "sum".to_owned(), inputs });
    }
    content.lines = content.lines.iter().cycle().take(60).cloned().collect();
    let document = Document::issue(content).unwrap();
    let refused = write(&document, &Locale::named("en").unwrap());
    assert_eq!(refused, Err(PdfError::Pages));
    assert!(PAGES_MAX >= 500);
}

#[test]
fn without_an_xml_there_is_still_a_bill() {
    let mut content = random(3);
    (content.currency, content.currency_digits) = ("BHD".to_owned(), 3);
    (content.kind, content.preceding) = (Kind::Invoice, Vec::new());
    for line in &mut content.lines {
        let net = line.exact.rounded(3).unwrap();
        let adjusted = Money::sum(line.adjustments.iter().map(|adjusted| adjusted.amount));
        line.net = net.plus(adjusted.unwrap()).unwrap();
    }
    let (_, _, pdf) = written(content);
    assert!(!pdf.has_xml);
    assert!(Reader::new(&pdf.bytes).attached().is_none());
}

#[test]
fn amounts_have_the_direction_that_they_have_for_the_customer() {
    let says = |kind: Kind, key: &str| {
        let mut content = full("en");
        content.kind = kind;
        if kind.needs_preceding() {
            let day = content.issued_on;
            let number = "INV-2026-16".to_owned();
            content.preceding = vec![documents::Preceding { number, issued_on: day }];
        }
        content.customer.tax_registration = Some("987/654/321".to_owned());
        content.prepaid.clear();
        content.wallet = Some(money("1"));
        let (_, locale, pdf) = written(content);
        let text = Reader::new(&pdf.bytes).text();
        assert!(text.contains(locale.text(key)), "{kind:?}: {key}\n{text}");
    };
    says(Kind::Invoice, "pay");
    says(Kind::Correction, "pay");
    says(Kind::SelfBilled, "receive");
    says(Kind::CreditNote, "receive");
    says(Kind::SelfBilledCreditNote, "pay");
}
