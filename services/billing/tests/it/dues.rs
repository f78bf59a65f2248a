//! What invoices leave to be paid: payments by bank, disputes.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use calendar::LocalDay;
use serde_json::{Value, json};
use units::Money;

use crate::service::{Running, traded_monday};
use crate::town::*;

pub const IBAN: &str = "DE89370400440532013000";

/// A town whose heron has the invoice of a Monday, and where it pays to.
pub async fn billed() -> (Running, Value) {
    let (mut town, _) = traded_monday().await;
    town.move_to(corrections_over());
    town.settle().await;
    let account = json!({ "iban": IBAN, "holder": "Wattex Town", "currency": "EUR" });
    let request = TestRequest::put().uri("/v1/bank/account").set_json(account);
    assert_eq!(town.ask(request, "operator").await.0, StatusCode::OK);
    let wanted = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    (town, invoice)
}

pub fn path(invoice: &Value, what: &str) -> String {
    format!("/v1/invoices/{}/{what}", invoice["id"].as_str().unwrap())
}

pub async fn payment(town: &Running, invoice: &Value) -> Value {
    town.get("heron", &path(invoice, "payment")).await
}

pub fn money(value: &Value) -> Money {
    serde_json::from_value(value.clone()).unwrap()
}

/// A statement with a booked credit for each amount and text.
pub fn statement(id: &str, payments: &[(Money, &str)]) -> String {
    let balance = |kind: &str, amount: Money| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-07-01</Dt></Dt></Bal>"
        )
    };
    let entry = |(place, (amount, text)): (usize, &(Money, &str))| {
        format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-07-01</Dt></BookgDt>\
             <AcctSvcrRef>{id}-{place}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>\
             <Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    };
    let closing = Money::sum(payments.iter().map(|(amount, _)| *amount)).unwrap();
    let entries: String = payments.iter().enumerate().map(entry).collect();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-07-01T21:00:00+02:00</CreDtTm></GrpHdr>\
         <Stmt><Id>{id}</Id><CreDtTm>2026-07-01T21:00:00+02:00</CreDtTm>\
         <Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}{entries}</Stmt>\
         </BkToCstmrStmt></Document>",
        balance("OPBD", Money::ZERO),
        balance("CLBD", closing)
    )
}

pub async fn import(town: &Running, statement: String) -> Vec<Value> {
    let request = TestRequest::post()
        .uri("/v1/bank/statements")
        .insert_header(("Content-Type", "application/xml"))
        .set_payload(statement);
    let (status, body) = town.ask(request, "operator").await;
    let report: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK, "{report}");
    report["payments"].as_array().unwrap().clone()
}

pub fn cents(cents: i64) -> Money {
    Money::from_n(cents * 10_000_000)
}

#[actix_web::test]
async fn an_invoice_is_paid_by_its_reference_or_its_number() {
    let (mut town, invoice) = billed().await;
    let open = payment(&town, &invoice).await;
    let due = money(&invoice["due"]);
    assert!(due > cents(200), "{due}");
    assert_eq!((&open["state"], &open["left"]), (&json!("open"), &invoice["due"]));
    assert_eq!((&open["iban"], &open["payments"]), (&json!(IBAN), &json!([])));
    let reference = open["reference"].as_str().unwrap();
    let free = money(&town.get("heron", "/v1/wallet").await["free"]);
    let number = invoice["number"].as_str().unwrap();
    // In two parts, with 2.50 too much; then once more, when there is nothing left.
    let rest = due.minus(cents(100)).unwrap().plus(cents(250)).unwrap();
    let paid = statement(
        "A",
        &[
            (cents(100), &format!("for {reference}")),
            (rest, &format!("invoice {}", number.to_lowercase())),
            (cents(50), reference),
        ],
    );
    let outcomes = import(&town, paid.clone()).await;
    for (place, received) in [(0, cents(100)), (1, rest.minus(cents(250)).unwrap()), (2, cents(0))]
    {
        let outcome = &outcomes[place];
        assert_eq!(outcome["outcome"], "received", "{outcome}");
        assert_eq!(outcome["invoice"], invoice["id"]);
        assert_eq!(money(&outcome["received"]), received, "{outcome}");
        assert_eq!(outcome["payment"].is_null(), place == 0, "{outcome}");
    }
    town.settle().await;
    let known = import(&town, paid).await;
    assert!(known.iter().all(|one| one["outcome"] == "known"), "{known:?}");
    town.settle().await;

    let paid = payment(&town, &invoice).await;
    assert_eq!((&paid["state"], &paid["left"]), (&json!("paid"), &json!("0")));
    assert_eq!(paid["payments"].as_array().unwrap().len(), 2);
    let more = money(&town.get("heron", "/v1/wallet").await["free"]).minus(free).unwrap();
    assert_eq!(more, cents(300), "what was too much");
    let town = town.restarted().await;
    let audit = town.in_order().await;
    assert_eq!(audit["balances"]["1010"], invoice["due"]);
    assert_eq!(audit["balances"].get("1200").map_or("0".into(), Clone::clone), "0", "{audit}");
    assert_eq!(town.get("operator", "/v1/receivables").await["items"], json!([]));
}

#[actix_web::test]
async fn a_payment_that_says_nothing_is_given_to_an_invoice_once() {
    let (mut town, invoice) = billed().await;
    import(&town, statement("A", &[(cents(120), "energy"), (cents(10), "energy")])).await;
    let waiting = town.get("operator", "/v1/bank/unmatched").await;
    let path =
        |place: usize| format!("/v1/bank/unmatched/{}/invoice", waiting["items"][place]["id"]);
    let to = json!({ "invoice": invoice["id"] });
    assert_eq!(town.post("heron", &path(0), "", to.clone()).await.0, StatusCode::FORBIDDEN);
    let nobodys = json!({ "invoice": HERON.account().to_string() });
    assert_eq!(town.post("operator", &path(0), "", nobodys).await.0, StatusCode::NOT_FOUND);
    let (status, got) = town.post("operator", &path(0), "", to.clone()).await;
    assert_eq!((status, &got["received"]), (StatusCode::CREATED, &json!("1.2")), "{got}");
    let (status, problem) = town.post("operator", &path(0), "", to).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    // One that an invoice got is no wallet's any more, and the other way round.
    let wallet = path(0).replace("/invoice", "");
    let account = json!({ "account": HERON.account().to_string() });
    let (status, problem) = town.post("operator", &wallet, "", account).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    let wallet = path(1).replace("/invoice", "");
    let account = json!({ "account": HERON.account().to_string() });
    assert_eq!(town.post("operator", &wallet, "", account).await.0, StatusCode::CREATED);
    let to = json!({ "invoice": invoice["id"] });
    assert_eq!(town.post("operator", &path(1), "", to).await.0, StatusCode::CONFLICT);
    town.settle().await;
    assert_eq!(payment(&town, &invoice).await["paid"], "1.2");
    assert_eq!(town.in_order().await["balances"]["1010"], "1.2");
}

/// Moves to the noon of so many days after the last day in time.
pub async fn overdue(town: &mut Running, open: &Value, days: i32) {
    let last: LocalDay = open["due_on"].as_str().unwrap().parse().unwrap();
    town.move_to(zone().start_of(last.later(days)).plus_seconds(12 * HOUR));
    town.settle().await;
}

#[actix_web::test]
async fn a_dispute_is_between_whose_invoice_it_is_and_staff() {
    let (town, invoice) = billed().await;
    let at = path(&invoice, "disputes");
    let wrong = |text: &str| json!({ "ground": "tariff", "text": text });
    assert_eq!(town.post("otter", &at, "", wrong("mine too")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(town.post("auditor", &at, "", wrong("odd")).await.0, StatusCode::FORBIDDEN);
    for bad in [
        wrong(" "),
        wrong(&"x".repeat(4_001)),
        wrong("a\u{7}b"),
        json!({ "ground": "tariff", "text": "x", "line": 0 }),
        json!({ "ground": "tariff", "text": "x", "line": 99 }),
        json!({ "ground": "weather", "text": "x" }),
    ] {
        let (status, problem) = town.post("heron", &at, "", bad.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {problem}");
    }
    let (status, dispute) = town.post("heron", &at, "", wrong("Too dear\nby far")).await;
    assert_eq!(status, StatusCode::CREATED, "{dispute}");
    let (status, problem) = town.post("heron", &at, "", wrong("again")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("ALREADY_DISPUTED")));

    let one = format!("/v1/disputes/{}", dispute["id"].as_str().unwrap());
    let said = format!("{one}/statements");
    let words = |text: &str, decision: Value| json!({ "text": text, "decision": decision });
    for (who, decision, status) in [
        ("otter", Value::Null, StatusCode::NOT_FOUND),
        ("auditor", Value::Null, StatusCode::FORBIDDEN),
        ("heron", json!("upheld"), StatusCode::FORBIDDEN),
        ("operator", json!("withdrawn"), StatusCode::FORBIDDEN),
        ("operator", json!("open"), StatusCode::BAD_REQUEST),
        ("operator", Value::Null, StatusCode::OK),
        ("heron", Value::Null, StatusCode::OK),
        ("operator", json!("upheld"), StatusCode::OK),
    ] {
        let (got, answer) = town.post(who, &said, "", words("well", decision)).await;
        assert_eq!(got, status, "{who}: {answer}");
    }
    let (status, problem) = town.post("heron", &said, "", words("thanks", Value::Null)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("DISPUTE_ENDED")));
    let ended = town.get("heron", &one).await;
    let by = ended["said"].as_array().unwrap().iter().map(|one| one["by"].as_str().unwrap());
    assert_eq!(by.collect::<Vec<_>>(), ["customer", "staff", "customer", "staff"]);
    assert_eq!(
        (&ended["state"], &ended["said"][3]["decision"]),
        (&"upheld".into(), &"upheld".into())
    );

    let list = |who: &'static str, query: &str| (who, format!("/v1/disputes{query}"));
    for ((who, path), count) in [
        (list("heron", ""), 1),
        (list("otter", ""), 0),
        (list("operator", "?state=upheld"), 1),
        (list("operator", "?state=open"), 0),
        (list("operator", &format!("?invoice={}", invoice["id"].as_str().unwrap())), 1),
        (list("stranger", ""), 0),
    ] {
        let listed = town.get(who, &path).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{who} {path}");
    }
    // What has ended can be disputed anew.
    assert_eq!(town.post("heron", &at, "", wrong("and this")).await.0, StatusCode::CREATED);
}
