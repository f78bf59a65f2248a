//! Payments by bank: from a statement to a wallet, once.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::service::Running;
use crate::town::*;

const IBAN: &str = "DE89370400440532013000";

/// A town that is paid by bank, and the day's statement with the references of its wallets.
async fn paid_by_bank() -> (Running, String) {
    let mut town = Running::start().await;
    town.found().await;
    let (status, _) = put_account(&town, "operator", IBAN, "EUR").await;
    assert_eq!(status, StatusCode::OK);
    let mut statement = include_str!("statement.xml").to_owned();
    for (place, who) in [("{HERON}", "heron"), ("{OTTER}", "otter")] {
        let wallet = town.get(who, "/v1/wallet").await;
        statement = statement.replace(place, wallet["reference"].as_str().unwrap());
    }
    (town, statement)
}

async fn put_account(town: &Running, who: &str, iban: &str, currency: &str) -> (StatusCode, Value) {
    let account = json!({ "iban": iban, "holder": "Wattex Town", "currency": currency });
    let request = TestRequest::put().uri("/v1/bank/account").set_json(account);
    let (status, body) = town.ask(request, who).await;
    (status, serde_json::from_slice(&body).unwrap())
}

async fn import(town: &Running, who: &str, statement: &str) -> (StatusCode, Value) {
    let request = TestRequest::post()
        .uri("/v1/bank/statements")
        .insert_header(("Content-Type", "application/xml"))
        .set_payload(statement.to_owned());
    let (status, body) = town.ask(request, who).await;
    (status, serde_json::from_slice(&body).unwrap())
}

/// What became of each payment: outcome and reason.
async fn outcomes(town: &Running, statement: &str) -> Vec<(String, String)> {
    let (status, report) = import(town, "operator", statement).await;
    assert_eq!(status, StatusCode::OK, "{report}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let payments = report["payments"].as_array().unwrap().iter();
    payments.map(|payment| (text(&payment["outcome"]), text(&payment["reason"]))).collect()
}

fn expected(outcomes: &[(&str, &str)]) -> Vec<(String, String)> {
    outcomes.iter().map(|(outcome, reason)| ((*outcome).into(), (*reason).into())).collect()
}

async fn free(town: &Running, who: &str) -> Value {
    town.get(who, "/v1/wallet").await["free"].clone()
}

#[actix_web::test]
async fn a_statement_credits_each_payment_once() {
    let (mut town, statement) = paid_by_bank().await;
    let (status, _) = import(&town, "heron", &statement).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let first = expected(&[
        ("credited", ""),
        ("credited", ""),
        ("unmatched", "NO_REFERENCE"),
        ("ignored", ""),
        ("unmatched", "NO_BANK_REFERENCE"),
    ]);
    assert_eq!(outcomes(&town, &statement).await, first);
    town.settle().await;
    assert_eq!(
        (free(&town, "heron").await, free(&town, "otter").await),
        ("25".into(), "20".into())
    );
    let mut again = first;
    for outcome in again.iter_mut().take(2) {
        outcome.0 = "known".to_owned();
    }
    assert_eq!(outcomes(&town, &statement).await, again);
    // Another statement has the first payment again, and a new one.
    let entry = statement.split_once("<Ntry>").unwrap().1.split_once("</Ntry>").unwrap().0;
    let more = entry.replace("000001", "000009").replace("25.00", "7.30");
    let later = statement.replace("2026-00107", "2026-00108").replace("167.50", "174.80").replacen(
        "<Ntry>",
        &format!("<Ntry>{more}</Ntry><Ntry>"),
        1,
    );
    let outcomes = outcomes(&town, &later).await;
    assert_eq!(outcomes[..2], expected(&[("credited", ""), ("known", "")]));
    town.settle().await;
    assert_eq!(free(&town, "heron").await, "32.3");
    let audit = town.in_order().await;
    assert_eq!(audit["balances"]["1000"], "52.3");
}

#[actix_web::test]
async fn a_report_says_what_became_of_a_payment() {
    let (town, statement) = paid_by_bank().await;
    let (_, report) = import(&town, "operator", &statement).await;
    let summary = ["statement", "iban", "currency", "opening", "closing"];
    let summary = summary.map(|name| report[name].as_str().unwrap());
    assert_eq!(summary, ["2026-00107", IBAN, "EUR", "100", "167.5"]);
    let payment = &report["payments"][1];
    assert!(payment["payment"].as_str().unwrap().starts_with("0x"), "{payment}");
    let expected = json!({
        "entry": 2, "booked_on": "2026-06-01", "bank_reference": "20260601-000002/1",
        "amount": "20", "side": "credit", "outcome": "credited",
        "account": OTTER.account().to_string(), "payment": payment["payment"],
    });
    assert_eq!(*payment, expected);
}

#[actix_web::test]
async fn what_nobody_was_credited_with_is_assigned_once() {
    let (mut town, statement) = paid_by_bank().await;
    outcomes(&town, &statement).await;
    for who in ["heron", "auditor"] {
        let (status, _) = town.ask(TestRequest::get().uri("/v1/bank/unmatched"), who).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{who}");
    }
    let page = town.get("operator", "/v1/bank/unmatched?limit=1").await;
    let waiting = &page["items"][0];
    let said = ["amount", "currency", "reason", "remittance", "debtor", "debtor_account"];
    let said = said.map(|name| waiting[name].as_str().unwrap());
    let expected =
        ["15", "EUR", "NO_REFERENCE", "energy for June", "Olga Otter", "NO9386011117947"];
    assert_eq!(said, expected);
    let next = format!("/v1/bank/unmatched?cursor={}", page["next"].as_str().unwrap());
    assert_eq!(town.get("operator", &next).await["items"].as_array().unwrap().len(), 1);
    assert_eq!(town.get("stranger", "/v1/bank/unmatched").await["items"], json!([]));

    let path = format!("/v1/bank/unmatched/{}", waiting["id"]);
    let to = |home: Home| json!({ "account": home.account().to_string() });
    let (status, _) = town.post("otter", &path, "", to(OTTER)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    for (who, path, home) in [
        ("stranger", path.as_str(), OTTER),
        ("operator", path.as_str(), Home("stork")),
        ("operator", "/v1/bank/unmatched/999", OTTER),
        ("operator", "/v1/bank/unmatched/x", OTTER),
    ] {
        let (status, _) = town.post(who, path, "", to(home)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{who} {path}");
    }
    let (status, first) = town.post("operator", &path, "", to(OTTER)).await;
    assert_eq!((status, &first["amount"]), (StatusCode::CREATED, &json!("15")));
    town.settle().await;
    let (status, second) = town.post("operator", &path, "", to(OTTER)).await;
    assert_eq!((status, second), (StatusCode::CREATED, first));
    let (status, problem) = town.post("operator", &path, "", to(HERON)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    town.settle().await;
    assert_eq!(
        (free(&town, "heron").await, free(&town, "otter").await),
        ("25".into(), "35".into())
    );
    let left = town.get("operator", "/v1/bank/unmatched").await;
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    assert_eq!(outcomes(&town, &statement).await[2].0, "known");
    town.in_order().await;
}

#[actix_web::test]
async fn a_statement_that_cannot_be_believed_is_refused_as_a_whole() {
    let (mut town, statement) = paid_by_bank().await;
    let other = statement.replace(IBAN, "GB82WEST12345698765432");
    let large = statement.replace(">25.00<", ">10000000.01<").replace("167.50", "10000142.51");
    let type_of_its_own = statement.replace("<Document", "<!DOCTYPE a><Document");
    for (text, code, detail) in [
        (statement.replace("167.50", "167.51"), "STATEMENT_SUM", "line 21"),
        (statement.replace(">20.00<", ">20.01<"), "STATEMENT_SUM", "Stmt/Ntry[2])"),
        (statement.replace("001.08", "001.99"), "STATEMENT_KIND", "line 2"),
        (statement.replace("</Stmt>", ""), "STATEMENT_XML", ""),
        (type_of_its_own, "STATEMENT_ENTITY", ""),
        (other, "OTHER_BANK_ACCOUNT", ""),
        (large, "PAYMENT_TOO_LARGE", "entry 1"),
    ] {
        let (status, problem) = import(&town, "operator", &text).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        let said = problem["detail"].as_str().unwrap_or_default();
        assert!(said.contains(detail), "{problem}");
    }
    let (status, problem) = import(&town, "operator", &" ".repeat((1 << 20) + 1)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (413, &json!("STATEMENT_SIZE")));
    town.settle().await;
    assert_eq!(free(&town, "heron").await, "0");
    assert_eq!(town.get("operator", "/v1/bank/unmatched").await["items"], json!([]));

    // A payment that was booked does not become another; what else is in the file waits with it.
    outcomes(&town, &statement).await;
    let changed = statement
        .replace(">25.00<", ">26.00<")
        .replace("167.50", "168.50")
        .replace("20260601-000002", "20260601-000003");
    let (status, problem) = import(&town, "operator", &changed).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("STATEMENT_CONTRADICTS")));
    town.settle().await;
    assert_eq!(free(&town, "otter").await, "20");
}

#[actix_web::test]
async fn a_bank_account_is_one_communitys_and_kept_in_one_currency() {
    let mut town = Running::start().await;
    town.found().await;
    let statement = include_str!("statement.xml");
    let (status, problem) = import(&town, "operator", statement).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("NO_BANK_ACCOUNT")));
    let (status, _) = town.ask(TestRequest::get().uri("/v1/bank/account"), "heron").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = put_account(&town, "heron", IBAN, "EUR").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    for (iban, currency) in [("DE88370400440532013000", "EUR"), (IBAN, "Euro")] {
        let (status, problem) = put_account(&town, "operator", iban, currency).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    }
    let (status, account) =
        put_account(&town, "operator", "de89 3704 0044 0532 0130 00", "USD").await;
    assert_eq!((status, &account["iban"]), (StatusCode::OK, &json!(IBAN)));
    assert_eq!(town.get("heron", "/v1/bank/account").await, account);
    let (status, problem) = put_account(&town, "stranger", IBAN, "EUR").await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("BANK_ACCOUNT_TAKEN")));

    // What came in is not in the account's currency: nobody is credited with it.
    let outcomes = outcomes(&town, statement).await;
    let came = outcomes.iter().filter(|(outcome, _)| outcome != "ignored");
    assert!(came.clone().all(|(_, reason)| reason == "CURRENCY"), "{outcomes:?}");
    let waiting = town.get("operator", "/v1/bank/unmatched").await;
    assert_eq!(waiting["items"].as_array().unwrap().len(), came.count());
    let path = format!("/v1/bank/unmatched/{}", waiting["items"][0]["id"]);
    let to = json!({ "account": HERON.account().to_string() });
    let (status, problem) = town.post("operator", &path, "", to).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("CURRENCY")));
}
