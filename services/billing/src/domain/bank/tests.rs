//! Whose a payment is.

use iso20022::camt053::{Entry, Payment, Side, Statement};

use super::*;
use crate::domain::payout::end_to_end_id;

fn account(name: &str) -> AccountId {
    AccountId::derived(name)
}

fn statement(entries: Vec<Entry>) -> Statement {
    Statement {
        id: "1".to_owned(),
        account: "DE89370400440532013000".parse().unwrap(),
        currency: "EUR".parse().unwrap(),
        opening: Money::ZERO,
        closing: Money::ZERO,
        entries,
    }
}

/// A booked credit of 25 that says `text`.
fn entry(bank_reference: Option<&str>, text: &str) -> Entry {
    let amount = Money::from_n(25_000_000_000);
    let payment = Payment {
        amount,
        side: Side::Credit,
        bank_reference: bank_reference.map(str::to_owned),
        end_to_end_id: None,
        remittance: text.lines().map(str::to_owned).collect(),
        creditor_references: Vec::new(),
        debtor: None,
        debtor_account: None,
        return_reason: None,
    };
    Entry {
        amount,
        side: Side::Credit,
        reversal: false,
        booked: true,
        booked_on: Some("2026-06-01".parse().unwrap()),
        payments: vec![payment],
    }
}

fn payout() -> PayoutId {
    PayoutId::derived("one")
}

/// What becomes of the payments: an account's name, a reason, or nothing.
fn fates(statement: &Statement, currency: &str) -> Vec<String> {
    let names = ["heron", "otter"];
    let billed = InvoiceId::derived("bill");
    let said = [invoice_reference(billed).to_string(), "INV-2026-7".to_owned()];
    let other = ("INV-2026-712".to_owned(), InvoiceId::derived("another"));
    let references = References::of(names.map(account))
        .with_payouts([payout()])
        .with_invoices(said.into_iter().map(|said| (said, billed)).chain([other]).collect());
    let fate = |judged: Judged<'_>| match judged.verdict {
        Verdict::Ignored => "ignored".to_owned(),
        Verdict::Paid { .. } => "paid".to_owned(),
        Verdict::Returned { .. } => "returned".to_owned(),
        Verdict::Came { purpose: Err(reason), .. } => reason.code().to_owned(),
        Verdict::Came { purpose: Ok(Purpose::Invoice(one)), .. } => {
            if one == billed { "invoice" } else { "another" }.to_owned()
        }
        Verdict::Came { purpose: Ok(Purpose::Wallet(owner)), .. } => {
            names.into_iter().find(|name| account(name) == owner).unwrap().to_owned()
        }
    };
    judge(statement, currency.parse().unwrap(), &references).into_iter().map(fate).collect()
}

fn check(entry: Entry, expected: &str) {
    assert_eq!(fates(&statement(vec![entry]), "EUR"), [expected]);
}

#[test]
fn an_account_has_one_reference_for_good() {
    let known = reference(AccountId::from_uuid(ids::Uuid::from_u128(1)));
    assert_eq!(known.as_str(), "RF895405585037032960");
    assert_eq!(known.as_str().len(), REFERENCE_CHARS);
    assert_ne!(reference(account("heron")), reference(account("otter")));
}

#[test]
fn a_payment_is_whose_reference_it_says() {
    let [heron, otter] = ["heron", "otter"].map(|name| reference(account(name)).to_string());
    let spaced = format!("Thank you, {} {} bye", &heron[..4].to_lowercase(), &heron[4..]);
    check(entry(Some("1"), &spaced), "heron");
    let broken = format!("for {}\n{}", &otter[..9], &otter[9..]);
    check(entry(Some("1"), &broken), "otter");
    check(entry(Some("1"), &format!("{heron} {heron}")), "heron");
    check(entry(Some("1"), &format!("{heron} {otter}")), "AMBIGUOUS");
    check(entry(Some("1"), &reference(account("stork")).to_string()), "NO_REFERENCE");
    check(entry(Some("1"), "energy for June"), "NO_REFERENCE");
    let mistyped = heron.replace("RF", "RF9");
    check(entry(Some("1"), &mistyped), "NO_REFERENCE");
    let mut structured = entry(Some("1"), "energy");
    structured.payments[0].creditor_references = vec![otter, "no reference".to_owned()];
    check(structured, "otter");
}

#[test]
fn a_payment_is_for_the_invoice_that_it_says() {
    let bill = invoice_reference(InvoiceId::derived("bill")).to_string();
    let heron = reference(account("heron")).to_string();
    check(entry(Some("1"), &format!("thanks {}", bill.to_lowercase())), "invoice");
    check(entry(Some("1"), "invoice inv-2026-7, June"), "invoice");
    check(entry(Some("1"), &format!("INV-2026-7 {bill}")), "invoice");
    check(entry(Some("1"), "INV-2026-70"), "NO_REFERENCE");
    // A bank breaks lines where it likes.
    check(entry(Some("1"), "INV-20\n26-7"), "invoice");
    check(entry(Some("1"), "INV-2026-71\n2"), "another");
    check(entry(Some("1"), "INV-2026-7\n12"), "AMBIGUOUS");
    check(entry(Some("1"), "INV-2026-7\nthanks"), "invoice");
    check(entry(Some("1"), "XINV-2026-7"), "NO_REFERENCE");
    check(entry(Some("1"), &format!("INV-2026-7 {heron}")), "AMBIGUOUS");
    let mut structured = entry(Some("1"), "energy");
    structured.payments[0].creditor_references = vec![bill];
    check(structured, "invoice");
}

#[test]
fn what_is_in_doubt_waits_for_somebody_to_look() {
    let heron = reference(account("heron")).to_string();
    check(entry(None, &heron), "NO_BANK_REFERENCE");
    check(Entry { reversal: true, ..entry(Some("1"), &heron) }, "REVERSAL");
    check(Entry { booked: false, ..entry(Some("1"), &heron) }, "ignored");
    let mut out = entry(Some("1"), &heron);
    out.payments[0].side = Side::Debit;
    check(out, "ignored");
    let mut nothing = entry(Some("1"), &heron);
    nothing.payments[0].amount = Money::ZERO;
    check(nothing, "ignored");
    let twice = statement(vec![entry(Some("1"), &heron), entry(Some("1"), &heron)]);
    assert_eq!(fates(&twice, "EUR"), ["heron", "REPEATED"]);
    assert_eq!(fates(&twice, "USD"), ["CURRENCY", "CURRENCY"]);
}

#[test]
fn a_payment_has_one_key_in_every_statement() {
    let keys = |statement: &Statement| -> Vec<String> {
        let references = References::of([]);
        let judged = judge(statement, "EUR".parse().unwrap(), &references);
        let key = |judged: Judged<'_>| match judged.verdict {
            Verdict::Came { key, .. } => key,
            _ => panic!("it came in"),
        };
        judged.into_iter().map(key).collect()
    };
    let first = keys(&statement(vec![entry(Some("A"), "x"), entry(None, "x"), entry(None, "x")]));
    assert_eq!(first[0], "bank/DE89370400440532013000/2026-06-01/A");
    assert_eq!(first[2], format!("{}#2", first[1]));
    let second = keys(&statement(vec![entry(None, "x"), entry(None, "y"), entry(Some("A"), "z")]));
    assert_eq!((&second[0], &second[2]), (&first[1], &first[0]));
    assert_ne!(second[1], first[1]);
}

#[test]
fn a_reference_that_two_accounts_have_is_neithers() {
    let heron = reference(account("heron"));
    let accounts = HashMap::from([(heron.clone(), None)]);
    let shared = References { accounts, ..References::of([]) };
    let payment = &entry(Some("1"), heron.as_str()).payments[0];
    assert_eq!(shared.purpose(payment), Err(Reason::Ambiguous));
}

#[test]
fn a_payout_is_known_by_its_end_to_end_id_alone() {
    let of = |side: Side, id: PayoutId| {
        let mut entry = entry(Some("1"), &reference(account("heron")).to_string());
        entry.payments[0].side = side;
        entry.payments[0].end_to_end_id = Some(end_to_end_id(id, 1));
        entry
    };
    check(of(Side::Debit, payout()), "paid");
    check(of(Side::Credit, payout()), "returned");
    check(Entry { booked: false, ..of(Side::Debit, payout()) }, "ignored");
    check(of(Side::Debit, PayoutId::derived("other")), "ignored");
    check(of(Side::Credit, PayoutId::derived("other")), "heron");
    let twice = statement(vec![of(Side::Debit, payout()), of(Side::Debit, payout())]);
    let judged =
        judge(&twice, "EUR".parse().unwrap(), &References::of([]).with_payouts([payout()]));
    assert_ne!(judged[0].verdict, judged[1].verdict, "each has a key of its own");
}
