//! What is read of statements of both versions, and what is refused and where.

use iso20022::camt053::{ATTRIBUTES_MAX, DEPTH_MAX, PAYMENTS_MAX, Rejected, Side, read};
use units::Money;

pub(crate) const VERSION_02: &str = include_str!("statement_02.xml");
pub(crate) const VERSION_08: &str = include_str!("statement_08.xml");

fn money(text: &str) -> Money {
    let decimal: units::Decimal = text.parse().unwrap();
    Money::from_n(i64::try_from(decimal.to_scale(9).unwrap()).unwrap())
}

#[test]
fn a_statement_of_version_08_is_read_with_its_batch() {
    let statement = read(VERSION_08.as_bytes()).unwrap();
    assert_eq!(statement.id, "2026-00107");
    assert_eq!(statement.account.as_str(), "DE89370400440532013000");
    assert_eq!(statement.currency.code(), "EUR");
    assert_eq!((statement.opening, statement.closing), (money("1000"), money("1111.11")));
    let [single, batch, charge, pending] = &statement.entries[..] else { panic!("four entries") };
    let payment = &single.payments[0];
    assert_eq!((payment.amount, payment.side), (money("25"), Side::Credit));
    assert_eq!(payment.bank_reference.as_deref(), Some("BANK-1"));
    assert_eq!(payment.end_to_end_id, None);
    assert_eq!(payment.debtor.as_deref(), Some("Möller & Söhne"));
    assert_eq!(payment.debtor_account.as_ref().unwrap().as_str(), "GB82WEST12345698765432");
    assert_eq!(payment.remittance, ["energy for June", "RF18 5390 0754 7034"]);
    assert_eq!(batch.booked_on.unwrap().to_string(), "2026-06-01");
    let parts: Vec<_> = batch.payments.iter().map(|part| (part.amount, part.side)).collect();
    let expected =
        [(money("60"), Side::Credit), (money("40"), Side::Credit), (money("10"), Side::Debit)];
    assert_eq!(parts, expected);
    let names: Vec<_> = batch.payments.iter().map(|part| part.bank_reference.clone()).collect();
    assert_eq!(names, ["BANK-2/1", "BANK-2/2", "BANK-2/3"].map(|name| Some(name.to_owned())));
    assert_eq!(batch.payments[0].creditor_references, ["RF18539007547034"]);
    assert_eq!((charge.side, charge.booked, charge.reversal), (Side::Debit, true, false));
    assert_eq!(charge.payments[0].remittance, ["charges of the bank"]);
    assert_eq!(charge.payments[0].bank_reference, None);
    assert!(!pending.booked);
}

#[test]
fn a_statement_of_version_02_is_read_from_the_balance_before() {
    let statement = read(VERSION_02.as_bytes()).unwrap();
    assert_eq!((statement.opening, statement.closing), (money("-20"), money("80.5")));
    let payment = &statement.entries[0].payments[0];
    assert_eq!(payment.bank_reference.as_deref(), Some("K-77"));
    assert_eq!(payment.debtor.as_deref(), Some("Heron"));
    assert_eq!(payment.debtor_account, None, "its check digits are wrong");
}

/// Replaces `old` once in the statement of version 02 and looks at what is said of it.
fn check(old: &str, new: &str, code: &str, line: usize, path: &str) {
    assert!(VERSION_02.contains(old), "{old}");
    let Rejected { rejection, line: found, path: at } =
        read(VERSION_02.replacen(old, new, 1).as_bytes()).unwrap_err();
    assert_eq!((rejection.code(), found, at.as_str()), (code, line, path), "{old} -> {new}");
}

#[test]
fn a_statement_that_cannot_be_believed_is_refused_with_the_place() {
    let statement = "Document/BkToCstmrStmt/Stmt";
    let entry = format!("{statement}/Ntry");
    let check_entry = |old, new, code, line, end: &str| {
        check(old, new, code, line, &format!("{entry}{end}"));
    };
    check("camt.053.001.02", "camt.053.001.03", "STATEMENT_KIND", 2, "the file");
    check("<Document ", "<Paper ", "STATEMENT_KIND", 2, "the file");
    check("<Stmt>", "<Smt>", "STATEMENT_XML", 37, "Document/BkToCstmrStmt/Smt");
    check("80.5", "80.51", "STATEMENT_SUM", 15, &format!("{statement}/Bal[2]"));
    check("CLBD", "CLAV", "STATEMENT_MISSING", 5, statement);
    check("CLBD", "PRCD", "STATEMENT_MISSING", 5, statement);
    let number = format!("{statement}/Acct/Id/IBAN");
    check("DE893", "DE883", "STATEMENT_VALUE", 8, &number);
    check_entry("100.50", "1e2", "STATEMENT_AMOUNT", 22, "/Amt");
    check_entry("100.50", "99999999999", "STATEMENT_AMOUNT", 22, "/Amt");
    check_entry("Ccy=\"EUR\">100.50", "Ccy=\"USD\">1", "STATEMENT_CURRENCY", 22, "/Amt");
    check_entry("Ccy=\"EUR\">100.50", ">1", "STATEMENT_VALUE", 22, "/Amt");
    check_entry(">BOOK<", "><", "STATEMENT_MISSING", 21, "");
    check_entry(
        "<Dt>2026-06-01</Dt></BookgDt>",
        "<Dt>1.6.</Dt></BookgDt>",
        "STATEMENT_VALUE",
        25,
        "/BookgDt/Dt",
    );
    check_entry("<BookgDt><Dt>2026-06-01</Dt></BookgDt>", "", "STATEMENT_MISSING", 21, "");
    check_entry(
        "<Sts>BOOK</Sts>",
        "<Sts>BOOK</Sts><Sts>BOOK</Sts>",
        "STATEMENT_REPEATED",
        24,
        "/Sts[2]",
    );
    let none = VERSION_02.replace("Stmt>", "Rpt>").replace("BkToCstmrRpt", "BkToCstmrStmt");
    assert_eq!(read(none.as_bytes()).unwrap_err().rejection.code(), "STATEMENT_COUNT");
}

#[test]
fn document_types_and_entities_are_never_read() {
    let code = |text: &str| read(text.as_bytes()).unwrap_err().rejection.code();
    let doctype = VERSION_02.replacen("<Document", "<!DOCTYPE a [<!ENTITY b \"c\">]><Document", 1);
    assert_eq!(code(&doctype), "STATEMENT_ENTITY");
    assert_eq!(code(&VERSION_02.replacen("Heron", "&heron;", 1)), "STATEMENT_ENTITY");
    assert_eq!(code(&VERSION_02.replacen("Heron", "&#1;", 1)), "STATEMENT_XML");
    assert_eq!(code(&VERSION_02.replacen("UTF-8", "ISO-8859-1", 1)), "STATEMENT_XML");
    assert_eq!(code(&VERSION_02.replacen("Heron", "&", 1)), "STATEMENT_XML");
    assert_eq!(code(&format!("{VERSION_02}<a/>")), "STATEMENT_XML");
    assert_eq!(code(""), "STATEMENT_XML");
    assert_eq!(code(VERSION_02.split_once("</Stmt>").unwrap().0), "STATEMENT_XML");
}

#[test]
fn what_is_read_is_bounded() {
    let code = |text: &str| read(text.as_bytes()).unwrap_err().rejection.code();
    let deep = format!("<Id>{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX));
    let entry = VERSION_02.split_once("<Ntry>").unwrap().1.split_once("</Ntry>").unwrap().0;
    let attributes: String = (0..=ATTRIBUTES_MAX).map(|nth| format!(" a{nth}=''")).collect();
    let (small, many) = (entry.split_once("<NtryDtls>").unwrap().0, PAYMENTS_MAX + 1);
    let entries = format!("<Ntry>{small}</Ntry>").repeat(many);
    for text in [
        VERSION_02.replacen("<Id>", &deep, 1),
        VERSION_02.replacen("<Id>", &format!("<Id{attributes}>"), 1),
        VERSION_02.replacen("Heron", &"x".repeat(3_000), 1),
        VERSION_02.replacen("<Ntry>", &format!("{entries}<Ntry>"), 1),
        VERSION_02.replacen("<Ntry>", &format!("{}<Ntry>", "<a/>".repeat(100_001)), 1),
        VERSION_02.replacen("<Ntry>", &format!("{}<Ntry>", " ".repeat(1 << 20)), 1),
    ] {
        assert_eq!(code(&text), "STATEMENT_SIZE");
    }
}

#[test]
fn a_batch_that_is_not_its_parts_is_refused() {
    let wrong = VERSION_08.replacen(">60.00<", ">61.00<", 1);
    let refused = read(wrong.as_bytes()).unwrap_err();
    assert_eq!(refused.rejection.code(), "STATEMENT_SUM");
    assert_eq!(refused.path, "Document/BkToCstmrStmt/Stmt/Ntry[2]");
    assert!(refused.to_string().contains("the sum is 91 where the file says 90"), "{refused}");
}
