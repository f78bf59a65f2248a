//! Sources, certificates of what was delivered, and what accounts do with them.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::{B256, Bytes, U256};
use calendar::Timestamp;
use client::JsonRpc;
use contracts::bindings::EnergyCertificate;
use contracts::requests::CertificateTransfer;
use contracts::{AccountRequest, Call, Reconciled, SolCall, revert_text, sales};
use serde_json::{Value, json};
use units::Energy;

use crate::handover::corrections_end;
use crate::service::Running;
use crate::town::*;

const DAY: i64 = 86_400;
const SOLAR: &str = "F01040100";

fn source_path() -> String {
    format!("/v1/certificate-sources/{}", OTTER.point())
}

impl Running {
    async fn say(&self, who: &str, request: TestRequest) -> (StatusCode, Value) {
        let (status, body) = self.ask(request, who).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn set_source(&self, who: &str, code: &str) -> (StatusCode, Value) {
        let request = TestRequest::put().uri(&source_path()).set_json(json!({ "code": code }));
        self.say(who, request).await
    }

    async fn end_source(&self, who: &str) -> (StatusCode, Value) {
        self.say(who, TestRequest::delete().uri(&source_path())).await
    }

    /// Time passes until nothing of the noon's trades can change any more.
    async fn until_final(&mut self) {
        self.move_to(corrections_end(12).plus_seconds(3 * DAY + 120));
        self.settle().await;
    }

    /// How many Wh of a certificate an account has, as the contract says.
    async fn balance(&self, home: Home, certificate: &str) -> u64 {
        let (account, id) = (home.address(), certificate.parse().unwrap());
        let question = EnergyCertificate::balanceOfCall { account, id }.abi_encode();
        let at = deployment().certificates;
        let answer = client::call(&*self.node, at, question.into(), "latest").await.unwrap();
        EnergyCertificate::balanceOfCall::abi_decode_returns(&answer).unwrap().to()
    }

    /// Why the contract would refuse a call of anybody.
    async fn refusal(&self, Call { to, data }: &Call) -> String {
        let params = json!([{ "from": authority(), "to": to, "data": data }, "latest"]);
        let error = self.node.request("eth_call", params).await.unwrap_err();
        let data: Bytes = serde_json::from_value(error.data.unwrap()).unwrap();
        revert_text(&data)
    }

    /// What billing sent to have trades certified.
    async fn issues_sent(&self) -> Vec<String> {
        let queue = self.get("auditor", "/v1/relay/billing").await;
        let causes = queue["items"].as_array().unwrap().iter();
        let causes = causes.map(|item| item["cause"].as_str().unwrap().to_owned());
        causes.filter(|cause| cause.starts_with("certificate/")).collect()
    }
}

/// Heron bought of otter at noon, 450 Wh of which were delivered from the sun, in two trades; both
/// are final.
async fn noon_of_solar() -> (Running, Vec<B256>) {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    let (status, said) = town.set_source("operator", SOLAR).await;
    assert_eq!((status, &said["change"]["state"]), (StatusCode::OK, &json!("sent")), "{said}");
    town.settle().await;
    let trades = town.deals(12, &[400, 200]).await;
    town.close_slot(12).await;
    town.until_final().await;
    (town, trades)
}

/// What anybody would send to have a trade of the noon certified.
fn issue_of(index: usize) -> Call {
    let deals = deals(12, &[400, 200]);
    let settle = &deals.calls[1];
    let sales = sales(CHAIN_ID, deployment().market, &settle.data).unwrap();
    let run = |(trade, [delivered, short]): (&B256, [u64; 2])| Reconciled {
        trade: *trade,
        run: 0,
        delivered: Energy::from_wh(delivered),
        seller_short: Energy::ZERO,
        buyer_short: Energy::from_wh(short),
    };
    let runs: Vec<_> = deals.trades.iter().zip([[400, 0], [50, 150]]).map(run).collect();
    deployment().certify(&sales[index], &deals.standing(&runs), OTTER.meter())
}

#[actix_web::test]
async fn what_was_delivered_from_a_source_is_certified_once_and_to_its_buyer() {
    let (town, trades) = noon_of_solar().await;
    let page = town.get("heron", "/v1/certificates").await;
    let [item] = &page["items"].as_array().unwrap()[..] else { panic!("{page}") };
    for (field, value) in [
        ("account", json!(HERON.account().to_string())),
        ("connection_point", json!(OTTER.point().to_string())),
        ("device", json!(OTTER.meter().to_string())),
        ("source", json!(SOLAR)),
        ("source_name", json!("Solar")),
        ("slot", json!(slot(12).start.to_string())),
        ("slot_seconds", json!(3_600)),
        ("held_wh", json!(450)),
        ("retired_wh", json!(0)),
    ] {
        assert_eq!(item[field], value, "{field}: {page}");
    }
    let totals = json!([{
        "source": SOLAR, "source_name": "Solar", "held_wh": 450, "retired_wh": 0,
    }]);
    assert_eq!(page["totals"], totals);
    let certificate = item["certificate"].as_str().unwrap();
    assert_eq!(town.balance(HERON, certificate).await, 450);
    assert_eq!(town.get("otter", "/v1/certificates").await["items"], json!([]));
    assert_eq!(town.get("operator", "/v1/certificates").await["items"], page["items"]);
    let issues = town.get("otter", "/v1/certificates/issues").await;
    let states = issues["items"].as_array().unwrap().iter().map(|one| &one["state"]);
    assert_eq!(states.collect::<Vec<_>>(), ["issued", "issued"], "{issues}");
    assert_eq!(town.get("heron", "/v1/certificates/issues").await["items"], json!([]));

    // Once: by billing, which starts anew, and by the contract, whoever asks.
    let sent = town.issues_sent().await;
    assert_eq!(sent.len(), trades.len(), "{sent:?}");
    let mut town = town.restarted().await;
    town.move_to(town.now.plus_seconds(DAY));
    town.settle().await;
    assert_eq!(town.issues_sent().await, sent);
    for index in [0, 1] {
        let refusal = town.refusal(&issue_of(index)).await;
        assert!(refusal.starts_with("AlreadyCertified"), "{refusal}");
    }
    assert_eq!(town.get("heron", "/v1/certificates").await, page);
    town.in_order().await;
}

#[actix_web::test]
async fn certificates_leave_and_come_back_with_their_block() {
    let (mut town, _) = noon_of_solar().await;
    let page = town.get("heron", "/v1/certificates").await;
    town.node.take_back();
    town.carry().await;
    let without = town.get("heron", "/v1/certificates").await;
    assert_eq!((&without["items"], &without["totals"]), (&json!([]), &json!([])));
    let issues = town.get("otter", "/v1/certificates/issues").await;
    assert_eq!(issues["items"][0]["state"], "sent", "{issues}");
    town.node.bring_again();
    town.carry().await;
    town.settle().await;
    assert_eq!(town.get("heron", "/v1/certificates").await, page);
    assert_eq!(town.issues_sent().await.len(), 2);
}

#[actix_web::test]
async fn a_trade_that_somebody_else_has_certified_is_left_alone() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    town.set_source("operator", SOLAR).await;
    town.settle().await;
    town.deals(12, &[400, 200]).await;
    town.close_slot(12).await;
    town.node.let_fail();
    // A stranger is a minute earlier with one, and in the same block with the other.
    let end = corrections_end(12).plus_seconds(3 * DAY);
    town.move_to(end.plus_seconds(30));
    town.node.call(authority(), issue_of(0));
    town.settle().await;
    let page = town.get("heron", "/v1/certificates").await;
    assert_eq!(page["items"][0]["held_wh"], 400, "{page}");
    town.node.call(authority(), issue_of(1));
    town.until_final().await;
    town.rounds(2).await;
    let page = town.get("heron", "/v1/certificates").await;
    assert_eq!(
        (&page["items"][0]["held_wh"], page["items"].as_array().unwrap().len()),
        (&json!(450), 1)
    );
    assert_eq!(town.issues_sent().await.len(), 1, "nothing was sent for the first");
    for _ in 0..4 {
        town.move_to(town.now.plus_seconds(16 * HOUR));
        town.rounds(2).await;
    }
    assert_eq!(town.issues_sent().await.len(), 1, "nor again for the second");
    let issues = town.get("operator", "/v1/certificates/issues").await;
    for issue in issues["items"].as_array().unwrap() {
        assert_eq!((&issue["state"], &issue["reason"]), (&json!("issued"), &Value::Null));
    }
}

#[actix_web::test]
async fn a_certificate_that_is_refused_is_tried_again_and_given_up_with_its_reason() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    town.set_source("operator", SOLAR).await;
    town.settle().await;
    town.deals(12, &[400]).await;
    // The registry on chain does not know the meter any more when the slot ends.
    town.node.call(authority(), deployment().revoke(OTTER.meter()));
    town.settle().await;
    town.close_slot(12).await;
    town.until_final().await;
    let refused = town.get("otter", "/v1/certificates/issues?refused=true").await;
    let issue = &refused["items"][0];
    let again = town.now.plus_seconds(HOUR).to_string();
    assert_eq!((&issue["state"], &issue["next_try"]), (&json!("refused"), &json!(again)));
    let reason = "no meter of the seller measured at the connection point";
    assert_eq!(issue["reason"], reason, "{refused}");
    for _ in 0..4 {
        town.move_to(town.now.plus_seconds(16 * HOUR));
        town.settle().await;
        let issue = &town.get("otter", "/v1/certificates/issues").await["items"][0];
        assert_eq!(issue["state"], "refused");
    }
    for _ in 0..2 {
        town.move_to(town.now.plus_seconds(16 * HOUR));
        town.settle().await;
    }
    let issue = &town.get("operator", "/v1/certificates/issues").await["items"][0];
    assert_eq!((&issue["state"], &issue["reason"]), (&json!("given_up"), &json!(reason)));
    assert_eq!(issue["next_try"], Value::Null);
    assert!(town.issues_sent().await.is_empty());
    assert_eq!(town.get("heron", "/v1/certificates").await["items"], json!([]));
}

#[actix_web::test]
async fn staff_say_what_a_connection_point_generates_from() {
    let mut town = Running::start().await;
    town.found().await;
    for (who, code, status, problem) in [
        ("otter", SOLAR, 403, "FORBIDDEN"),
        ("auditor", SOLAR, 403, "FORBIDDEN"),
        ("stranger", SOLAR, 404, "NOT_FOUND"),
        ("operator", "solar", 422, "SOURCE"),
        ("operator", "F02010100", 422, "SOURCE"),
        ("operator", "F01990000", 422, "SOURCE"),
    ] {
        let (got, answer) = town.set_source(who, code).await;
        assert_eq!((got.as_u16(), &answer["code"]), (status, &json!(problem)), "{who} {code}");
    }
    let (_, answer) = town.end_source("operator").await;
    assert_eq!(answer["code"], "NO_SOURCE");
    let elsewhere = "/v1/certificate-sources/00000000-0000-0000-0000-000000000001";
    let request = TestRequest::put().uri(elsewhere).set_json(json!({ "code": SOLAR }));
    assert_eq!(town.say("operator", request).await.0, StatusCode::NOT_FOUND);

    let (_, said) = town.set_source("operator", SOLAR).await;
    assert_eq!((&said["change"]["code"], &said["source"]), (&json!(SOLAR), &Value::Null));
    assert_eq!(town.set_source("operator", SOLAR).await.1, said, "the same again");
    let (_, answer) = town.set_source("operator", "F01050100").await;
    assert_eq!(answer["code"], "SOURCE_ON_ITS_WAY");
    town.settle().await;
    let set = town.get("otter", &source_path()).await;
    assert_eq!((&set["source"]["code"], &set["source"]["name"]), (&json!(SOLAR), &json!("Solar")));
    let since: Timestamp = set["source"]["from"].as_str().unwrap().parse().unwrap();
    assert!(since >= town.now && since < town.now.plus_seconds(60), "as its block: {since}");
    assert_eq!((&set["change"], &set["ended"]), (&Value::Null, &json!([])));
    let (_, answer) = town.set_source("operator", "F01050100").await;
    assert_eq!(answer["code"], "SOURCE_IN_FORCE");
    assert_eq!(town.set_source("operator", SOLAR).await.1, set);
    assert_eq!(town.get("otter", "/v1/certificate-sources").await["items"], json!([set]));
    assert_eq!(town.get("heron", "/v1/certificate-sources").await["items"], json!([]));
    let all = town.get("auditor", "/v1/certificate-sources").await;
    assert_eq!((&all["items"], &all["codes"][0]["name"]), (&json!([set]), &json!("Solar")));
    for who in ["heron", "stranger"] {
        let (status, _) = town.say(who, TestRequest::get().uri(&source_path())).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{who}");
    }

    // A block that leaves takes the source along; the relay brings it back.
    town.node.take_back();
    town.carry().await;
    assert_eq!(town.get("otter", &source_path()).await["source"], Value::Null);
    town.node.bring_again();
    town.carry().await;
    assert_eq!(town.get("otter", &source_path()).await["source"], set["source"]);

    town.move_to(town.now.plus_seconds(HOUR));
    assert_eq!(town.end_source("otter").await.0, StatusCode::FORBIDDEN);
    assert_eq!(town.end_source("operator").await.1["change"]["state"], "sent");
    town.settle().await;
    town.set_source("operator", "F01050100").await;
    town.settle().await;
    let now = town.get("otter", &source_path()).await;
    assert_eq!(
        (&now["source"]["name"], &now["ended"][0]["name"]),
        (&json!("Wind"), &json!("Solar"))
    );
    let [ended, from] = [&now["ended"][0]["to"], &now["source"]["from"]];
    assert!(ended.as_str().unwrap() < from.as_str().unwrap(), "{now}");
}

#[actix_web::test]
async fn what_a_source_did_not_cover_is_not_certified() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    town.set_source("operator", SOLAR).await;
    town.settle().await;
    town.deals(12, &[400]).await;
    // It ends a moment before the slot does.
    town.move_to(slot(12).end().plus_seconds(-1));
    town.end_source("operator").await;
    town.settle().await;
    town.close_slot(12).await;
    town.until_final().await;
    let issues = town.get("operator", "/v1/certificates/issues").await;
    assert_eq!(issues["items"], json!([]), "{issues}");
    assert!(town.issues_sent().await.is_empty());
}

async fn prepared(town: &Running, wish: Value) -> AccountRequest {
    let (status, prepared) = town.post("heron", "/v1/requests/prepare", "", wish).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    serde_json::from_value(prepared["terms"].clone()).unwrap()
}

async fn send(town: &Running, key: &str, terms: &AccountRequest) -> (StatusCode, Value) {
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    let body = json!({ "terms": terms, "signature": crate::town::key("heron").sign(hash) });
    town.post("heron", "/v1/requests", key, body).await
}

async fn certificate_of(town: &Running) -> String {
    let page = town.get("heron", "/v1/certificates").await;
    page["items"][0]["certificate"].as_str().unwrap().to_owned()
}

fn gift(certificate: &str, wh: u64) -> Value {
    let to = OTTER.account().to_string();
    json!({ "kind": "certificate_transfer", "to": to, "certificate": certificate, "wh": wh })
}

fn retirement(certificate: &str, wh: u64, beneficiary: &str) -> Value {
    json!({
        "kind": "certificate_retirement", "certificate": certificate, "wh": wh,
        "beneficiary": beneficiary,
    })
}

#[actix_web::test]
async fn certified_energy_changes_hands_and_is_retired_for_somebody() {
    let (mut town, _) = noon_of_solar().await;
    let certificate = certificate_of(&town).await;
    let given = prepared(&town, gift(&certificate, 120)).await;
    let (status, sent) = send(&town, "a", &given).await;
    assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    assert_eq!(send(&town, "a", &given).await.1, sent, "once");
    let used = prepared(&town, retirement(&certificate, 200, " Bäckerei Weber, 2026 ")).await;
    assert_eq!(send(&town, "b", &used).await.0, StatusCode::CREATED);
    // What is on its way is gone: 130 Wh are left.
    let more = prepared(&town, retirement(&certificate, 131, "Bäckerei Weber")).await;
    let (status, problem) = send(&town, "c", &more).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("NOT_ENOUGH_HELD")));
    town.settle().await;

    let held = async |home: Home| {
        let page = town.get(home.0, "/v1/certificates").await;
        let item = &page["items"][0];
        let of = |field: &str| item[field].as_u64().unwrap();
        assert_eq!(town.balance(home, &certificate).await, of("held_wh"), "the chain says so too");
        (of("held_wh"), of("retired_wh"))
    };
    assert_eq!((held(HERON).await, held(OTTER).await), ((130, 200), (120, 0)));
    let retired = town.get("heron", "/v1/certificates/retirements").await;
    let [item] = &retired["items"].as_array().unwrap()[..] else { panic!("{retired}") };
    for (field, value) in [
        ("wh", json!(200)),
        ("beneficiary", json!("Bäckerei Weber, 2026")),
        ("certificate", json!(certificate)),
        ("source_name", json!("Solar")),
        ("slot", json!(slot(12).start.to_string())),
        ("device", json!(OTTER.meter().to_string())),
    ] {
        assert_eq!(item[field], value, "{field}: {retired}");
    }
    let at: Timestamp = item["at"].as_str().unwrap().parse().unwrap();
    assert!(at >= town.now && at < town.now.plus_seconds(60), "as its block: {at}");
    assert_eq!(town.get("otter", "/v1/certificates/retirements").await["items"], json!([]));
    assert_eq!(town.get("auditor", "/v1/certificates/retirements").await, retired);
    let listed = town.get("heron", "/v1/requests?kind=certificate_retirement").await;
    assert_eq!(listed["items"][0]["state"], "done", "{listed}");
    let path = format!("/v1/certificates?account={}", HERON.account());
    assert_eq!(town.say("otter", TestRequest::get().uri(&path)).await.0, StatusCode::NOT_FOUND);

    // Pages of one.
    let first = town.get("operator", "/v1/certificates?limit=1").await;
    let next = format!("/v1/certificates?limit=1&cursor={}", first["next"].as_str().unwrap());
    let second = town.get("operator", &next).await;
    assert_ne!(first["items"][0]["account"], second["items"][0]["account"]);
    assert_eq!(first["totals"][0]["held_wh"], 250);
    town.node.take_back();
    town.carry().await;
    let before = town.get("heron", "/v1/certificates").await;
    let item = &before["items"][0];
    assert_eq!((&item["held_wh"], &item["retired_wh"]), (&json!(450), &json!(0)));
    assert_eq!(town.get("heron", "/v1/certificates/retirements").await["items"], json!([]));
    town.node.bring_again();
    town.carry().await;
    assert_eq!(town.get("heron", "/v1/certificates/retirements").await, retired);
}

#[actix_web::test]
async fn what_cannot_be_done_with_a_certificate_is_refused() {
    let (mut town, _) = noon_of_solar().await;
    let certificate = certificate_of(&town).await;
    let name = |length: usize| "x".repeat(length);
    let nobody = json!({
        "kind": "certificate_transfer", "to": key("nobody").address(),
        "certificate": certificate, "wh": 1,
    });
    let mut own = nobody.clone();
    own["to"] = json!(HERON.account().to_string());
    for (wish, code) in [
        (gift(&certificate, 0), "AMOUNT"),
        (gift("0x12", 1), "MALFORMED"),
        (nobody, "RECIPIENT"),
        (own, "RECIPIENT"),
        (retirement(&certificate, 0, "Weber"), "AMOUNT"),
        (retirement(&certificate, 1, ""), "BENEFICIARY"),
        (retirement(&certificate, 1, "  "), "BENEFICIARY"),
        (retirement(&certificate, 1, "Weber\n"), "OK"),
        (retirement(&certificate, 1, "We\nber"), "BENEFICIARY"),
        (retirement(&certificate, 1, &name(200)), "OK"),
        (retirement(&certificate, 1, &name(201)), "BENEFICIARY"),
    ] {
        let (_, answer) = town.post("heron", "/v1/requests/prepare", "", wish.clone()).await;
        let got = answer.get("code").unwrap_or(&json!("OK")).clone();
        assert_eq!(got, code, "{wish}");
    }
    let unknown = U256::from(7);
    for (number, wh) in [(certificate.parse().unwrap(), 451), (unknown, 1)] {
        let number = format!("{number:#066x}");
        let terms = prepared(&town, gift(&number, wh)).await;
        assert_eq!(send(&town, "a", &terms).await.1["code"], "NOT_ENOUGH_HELD", "{number}");
    }
    let good = prepared(&town, gift(&certificate, 100)).await;
    let hash = good.hash(CHAIN_ID, &deployment()).unwrap();
    let forged = json!({ "terms": good, "signature": key("otter").sign(hash) });
    let (_, problem) = town.post("heron", "/v1/requests", "a", forged.clone()).await;
    assert_eq!(problem["code"], "NOT_SIGNED");
    let (status, _) = town.post("otter", "/v1/requests", "a", forged).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "of somebody else");
    let AccountRequest::CertificateTransfer(of) = good else { panic!("{good:?}") };
    let more = AccountRequest::CertificateTransfer(CertificateTransfer { amount: U256::MAX, ..of });
    assert_eq!(send(&town, "a", &more).await.1["code"], "NOT_ENOUGH_HELD");
    town.move_to(town.now.plus_seconds(49 * HOUR));
    assert_eq!(send(&town, "a", &good).await.1["code"], "EXPIRED");
}

#[actix_web::test]
async fn a_full_batch_is_certified_within_its_gas() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    town.set_source("operator", SOLAR).await;
    town.settle().await;
    // 64 trades and six of the next batch, of 5 Wh each; more than one tick sends.
    town.deals(12, &[5; 70]).await;
    town.close_slot(12).await;
    town.until_final().await;
    let page = town.get("heron", "/v1/certificates").await;
    assert_eq!(page["items"][0]["held_wh"], 350, "{page}");
    assert_eq!(town.issues_sent().await.len(), 70);
    town.in_order().await;
}
