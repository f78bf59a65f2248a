//! Issued documents stand; others take them back.

use documents::{Category, Class, Document, Kind, Preceding, TaxRate};

use crate::samples::{day, energy, full, money, plain, random};

/// The worked re-bill: 2500 Wh were substituted, 3100 Wh are final.
#[test]
fn a_bill_on_substituted_readings_is_billed_anew() {
    let zero = TaxRate { category: Category::Zero, bps: 0 };
    let of = |retail| {
        plain(vec![
            energy(Class::P2pBought, "", "2", "0.18", zero),
            energy(Class::Retail, "", retail, "0.30", zero),
        ])
    };
    let first = Document::issue(of("0.5")).unwrap();
    assert_eq!(first.totals().payable, money("0.51"));
    let (issued, due) = (day("2026-08-07"), day("2026-08-21"));
    let note = Document::issue(first.reversal("INV-2026-18", issued, due).unwrap()).unwrap();
    assert_eq!((note.content().kind, note.totals().payable), (Kind::CreditNote, money("0.51")));
    let number = "INV-2026-17".to_owned();
    let preceding = vec![Preceding { number, issued_on: day("2026-07-07") }];
    assert_eq!(note.content().preceding, preceding);
    let right = of("1.1");
    assert_eq!(Document::issue(right.clone()).unwrap().totals().payable, money("0.69"));
    let difference = Document::issue(first.difference(right).unwrap()).unwrap();
    assert_eq!(difference.content().kind, Kind::Correction);
    assert_eq!(difference.content().preceding, preceding);
    assert_eq!(difference.totals().payable, money("0.18"));
}

#[test]
fn a_document_and_what_takes_it_back_come_to_nothing() {
    for seed in 0..200 {
        let document = Document::issue(random(seed)).unwrap();
        let (issued, due) = (day("2026-08-07"), day("2026-08-21"));
        let Ok(note) = document.reversal("INV-2026-9", issued, due) else {
            assert!(document.content().kind.is_credit_note());
            continue;
        };
        let note = Document::issue(note).unwrap();
        assert_eq!(note.totals(), document.totals());
        assert_eq!(note.taxes(), document.taxes());
        assert!(note.content().kind.is_credit_note());
        assert!(note.reversal("INV-2026-10", issued, due).is_err());
    }
}

#[test]
fn the_difference_to_itself_is_nothing() {
    let document = Document::issue(full("en")).unwrap();
    let same = Document::issue(document.difference(full("en")).unwrap()).unwrap();
    assert_eq!(same.totals().payable, money("0"));
    assert!(same.taxes().iter().all(|tax| tax.amount == money("0")));
}
