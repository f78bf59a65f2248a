//! What a file of payments says, and what is never written.

use calendar::Timestamp;
use iso20022::pain001::{BadPayments, Batch, Payments, Remittance, Transfer, write};
use iso20022::{Iban, Reference};
use proptest::prelude::*;
use units::Money;

fn transfer(id: &str, cents: i64) -> Transfer {
    Transfer {
        end_to_end_id: id.to_owned(),
        amount: Money::from_n(cents * 10_000_000),
        creditor: "Möller & Söhne".to_owned(),
        creditor_account: "GB82WEST12345698765432".parse().unwrap(),
        remittance: Remittance::Text("withdrawal <1>".to_owned()),
    }
}

fn payments(transfers: Vec<Transfer>) -> Payments {
    let batch = Batch {
        id: "P-1/1".to_owned(),
        execute_on: "2026-06-02".parse().unwrap(),
        debtor: "Wattex".to_owned(),
        debtor_account: "DE89370400440532013000".parse().unwrap(),
        currency: "EUR".parse().unwrap(),
        transfers,
    };
    Payments {
        id: "P-1".to_owned(),
        created_at: Timestamp::from_seconds(1_780_300_800),
        initiator: "Wattex".to_owned(),
        batches: vec![batch],
    }
}

#[test]
fn payments_are_written_as_the_standard_has_them() {
    let mut second = transfer("W-2", 100);
    second.remittance = Remittance::Reference(Reference::of("539007547034").unwrap());
    let written = write(&payments(vec![transfer("W-1", 1_250), second])).unwrap();
    assert_eq!(written, include_str!("payments.xml"));
}

#[test]
fn what_a_bank_could_not_do_is_not_written() {
    let check = |change: fn(&mut Payments), expected: BadPayments| {
        let mut wrong = payments(vec![transfer("W-1", 1_250), transfer("W-2", 100)]);
        change(&mut wrong);
        assert_eq!(write(&wrong), Err(expected));
    };
    let id = |id: &str| BadPayments::Id(id.to_owned());
    check(|all| all.batches.clear(), BadPayments::Nothing);
    check(|all| all.batches[0].transfers.clear(), BadPayments::Nothing);
    check(|all| all.id.clear(), id(""));
    check(|all| all.id = "a_b".to_owned(), id("a_b"));
    check(|all| all.id = "a//b".to_owned(), id("a//b"));
    check(|all| all.batches[0].id = "x".repeat(36), id(&"x".repeat(36)));
    check(
        |all| all.batches[0].transfers[1].end_to_end_id = "W-1".to_owned(),
        BadPayments::SameId("W-1".to_owned()),
    );
    check(
        |all| all.batches[0].transfers[1].creditor = "a\u{0}".to_owned(),
        BadPayments::Text("a\u{0}".to_owned(), 70),
    );
    for n in [0, -10_000_000, 1] {
        let mut wrong = payments(vec![transfer("W-1", 1_250)]);
        wrong.batches[0].transfers[0].amount = Money::from_n(n);
        let currency = "EUR".parse().unwrap();
        assert_eq!(write(&wrong), Err(BadPayments::Amount(Money::from_n(n), currency)));
    }
    let mut large = payments(vec![transfer("W-1", 1), transfer("W-2", 1)]);
    for transfer in &mut large.batches[0].transfers {
        transfer.amount = Money::from_n(i64::MAX / 10_000_000 * 10_000_000);
    }
    assert_eq!(write(&large), Err(BadPayments::Sum));
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

proptest! {
    #[test]
    fn the_control_sum_is_that_of_the_amounts(
        cents in prop::collection::vec(1..1_000_000_000_i64, 1..20),
        basic in "[0-9]{18}",
    ) {
        let iban = Iban::of("DE", &basic).unwrap();
        let number = |(place, cents): (usize, &i64)| Transfer {
            creditor_account: iban.clone(),
            ..transfer(&format!("W-{place}"), *cents)
        };
        let transfers: Vec<Transfer> = cents.iter().enumerate().map(number).collect();
        let written = write(&payments(transfers)).unwrap();
        let sum: i64 = cents.iter().sum();
        let expected = format!("{}.{:02}", sum / 100, sum % 100);
        prop_assert_eq!(between(&written, "<CtrlSum>", "</CtrlSum>"), expected);
        let count = cents.len().to_string();
        prop_assert_eq!(between(&written, "<NbOfTxs>", "</NbOfTxs>"), count);
        prop_assert_eq!(written.matches(iban.as_str()).count(), cents.len());
        let amounts = written.split("Ccy=\"EUR\">").skip(1);
        let read: Vec<i64> = amounts
            .map(|text| text.split_once('<').unwrap().0.replace('.', "").parse().unwrap())
            .collect();
        prop_assert_eq!(read, cents);
    }
}
