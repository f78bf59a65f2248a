//! Tariffs: who publishes them, in which order, and what a change means to an invoice.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use billing::Parts;
use bus::Bus;
use serde_json::{Value, json};
use service::Clock;
use tariff::Tariff;

use crate::handover::change_behind;
use crate::service::{Running, trade_monday, traded_monday};
use crate::town::*;

/// Proposes a tariff as one of the staff and publishes it as another; what the first refusal or the
/// publication answers.
async fn publish(town: &Running, terms: Value) -> (StatusCode, Value) {
    let (status, proposed) = town.post("operator", "/v1/tariffs", "", terms).await;
    if status != StatusCode::CREATED {
        return (status, proposed);
    }
    approve(town, &proposed).await
}

async fn approve(town: &Running, proposed: &Value) -> (StatusCode, Value) {
    decide(town, proposed, ("deputy", "approval")).await
}

async fn decide(town: &Running, proposed: &Value, (who, how): (&str, &str)) -> (StatusCode, Value) {
    let id = proposed["id"].as_str().unwrap();
    town.post(who, &format!("/v1/tariffs/proposals/{id}/{how}"), "", json!({})).await
}

#[actix_web::test]
async fn a_tariff_is_published_by_a_rising_version() {
    let mut town = Running::start().await;
    town.found().await;
    let mut terms = serde_json::to_value(tariff()).unwrap();
    let (status, _) = town.post("heron", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    terms["feed_in_price"] = json!(90_000);
    let (status, problem) = town.post("operator", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_VERSION")));
    terms["version"] = json!(2);
    let begin = std::mem::replace(&mut terms["valid_from"], json!("2020-01-01"));
    let (status, problem) = town.post("operator", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_VALID_FROM")));
    terms["valid_from"] = begin;
    let (status, _) = publish(&town, terms.clone()).await;
    assert_eq!(status, StatusCode::OK);
    terms["feed_in_price"] = json!("cheap");
    let (status, _) = town.post("operator", "/v1/tariffs", "", terms).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    town.settle().await;
    let listed = town.get("heron", "/v1/tariffs").await;
    assert_eq!(listed["items"][0]["terms"]["version"], 2);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn an_invoice_ends_where_the_tariff_changes() {
    let mut town = Running::start().await;
    town.found().await;
    let mut terms = serde_json::to_value(tariff()).unwrap();
    terms["version"] = json!(2);
    terms["valid_from"] = json!("2026-06-02");
    let (status, _) = publish(&town, terms).await;
    assert_eq!(status, StatusCode::OK);
    town.settle().await;
    trade_monday(&mut town).await;
    town.move_to(corrections_over().plus_seconds(86_400));
    town.settle().await;
    let account = HERON.account().to_string();
    let until = |to: &str| json!({ "account": account, "from": "2026-06-01", "to": to });
    let (status, problem) = town.post("operator", "/v1/invoices", "", until("2026-06-02")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_CHANGES")));
    let (status, invoice) = town.post("operator", "/v1/invoices", "", until("2026-06-01")).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    let id = invoice["id"].as_str().unwrap().parse().unwrap();
    town.billing.bill_file(id, None).await.expect("a bill that proves itself");
    // What lies before a billed day is billed no more: the chain takes them in order.
    let earlier = json!({
        "account": HERON.account().to_string(), "from": "2026-05-31", "to": "2026-05-31",
    });
    let (status, problem) = town.post("operator", "/v1/invoices", "", earlier).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("LATER_BILLED")));
}

#[actix_web::test]
async fn a_day_keeps_the_tariff_that_was_known_when_it_began() {
    let (mut town, _) = traded_monday().await;
    let known = town.get("heron", "/v1/tariffs").await["items"][0]["hash"].clone();
    // In the first minutes of Tuesday another one is published that is valid from Monday on.
    let mut terms = serde_json::to_value(tariff()).unwrap();
    terms["version"] = json!(2);
    terms["valid_from"] = json!("2026-06-01");
    terms["energy"]["periods"][0]["price"] = json!(128_000);
    let (status, _) = publish(&town, terms).await;
    assert_eq!(status, StatusCode::OK);
    town.settle().await;
    town.move_to(corrections_over().plus_seconds(3 * 86_400));
    town.settle().await;
    let account = HERON.account().to_string();
    let until = |to: &str| json!({ "account": account, "from": "2026-06-01", "to": to });
    let (status, problem) = town.post("operator", "/v1/invoices", "", until("2026-06-03")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_CHANGES")));
    assert!(problem["title"].as_str().unwrap().contains("2026-06-03"), "{problem}");
    let (status, invoice) = town.post("operator", "/v1/invoices", "", until("2026-06-01")).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    assert_eq!(invoice["invoice"]["tariff"], known);
    town.settle().await;
    let id = invoice["id"].as_str().unwrap().parse().unwrap();
    town.billing.bill_file(id, None).await.expect("a bill that proves itself");
}

/// The flat tariff's next version: blocks, power, and a bank of money.
fn sheet() -> Value {
    json!({
        "id": "flat", "name": "Blocks", "version": 2, "valid_from": "2026-01-02",
        "currency": "EUR", "timezone": "Europe/Berlin",
        "energy": [
            { "periods": [{ "name": "all day", "tiers": [
                { "max": 150, "price": 0.228 }, { "price": "0.258" }] }] },
            { "class": "network", "price": "0.062" },
            { "class": "network", "on": "local", "price": "0.01" },
            { "class": "platform", "on": "local", "price": "0.002" },
            { "class": "platform", "on": "sold", "price": "0.002" },
        ],
        "demand": [{ "price": "4.50" }],
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money_next_month" },
    })
}

#[actix_web::test]
async fn a_sheet_is_published_and_its_bank_goes_on_from_bill_to_bill() {
    let mut town = Running::start().await;
    town.found().await;
    let mut faulty = sheet();
    faulty["energy"][0]["periods"][0]["tiers"][1]["price"] = json!("cheap");
    let (status, problem) = town.post("operator", "/v1/tariffs", "", faulty).await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("TARIFF_FAULTY")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("/energy/0/periods/0/tiers/1/price: "), "{detail}");
    let (status, published) = publish(&town, sheet()).await;
    assert_eq!(status, StatusCode::OK, "{published}");
    assert_eq!(published["terms"]["energy"][0]["periods"][0]["tiers"][0]["price"], "0.228");
    town.settle().await;
    trade_monday(&mut town).await;
    town.anchor(monday().later(-1), 1, |_| true).await;
    town.move_to(corrections_over().plus_seconds(86_400));
    town.settle().await;
    let account = OTTER.account().to_string();
    let days = |from: &str, to: &str| json!({ "account": account, "from": from, "to": to });
    let both = days("2026-05-31", "2026-06-01");
    let (status, problem) = town.post("operator", "/v1/invoices", "", both).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PERIOD_MONTHS")));
    let mut previous = Value::Null;
    for (day, before) in [("2026-05-31", false), ("2026-06-01", true)] {
        let (status, issued) = town.post("operator", "/v1/invoices", "", days(day, day)).await;
        assert_eq!(status, StatusCode::CREATED, "{issued}");
        town.settle().await;
        let id = issued["id"].as_str().unwrap();
        let page = TestRequest::get().uri(&format!("/v1/invoices/{id}/html"));
        let (_, page) = town.ask(page, "otter").await;
        let page = String::from_utf8(page).unwrap();
        assert_eq!(page.contains("next bill: a credit of 0.328 EUR"), before, "{page}");
        let id = id.parse().unwrap();
        let (text, _) = town.billing.bill_file(id, None).await.expect("a bill that proves itself");
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(file["invoice"]["tariff"], published["hash"]);
        assert_eq!(file["evidence"].get("previous").is_some(), before);
        if before {
            assert_eq!(file["evidence"]["previous"], previous);
            // 4500 Wh less 400 sold at noon, at 8 ct; in the evening there was nothing to deliver.
            assert_eq!(file["invoice"]["carried"]["state"]["credit"], "0.328");
        }
        previous = file["invoice"].clone();
    }
}

#[actix_web::test]
async fn a_draft_says_who_would_pay_more_before_anything_is_published() {
    let (mut town, _) = traded_monday().await;
    // Five working days later the last run is over.
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 12 * 60));
    town.settle().await;
    let mut draft = serde_json::to_value(tariff()).unwrap();
    draft["energy"]["periods"][0]["price"] = json!(328_000);
    draft["fixed_per_day"] = json!("0.34");
    let path = "/v1/tariffs/simulations?days=8";
    let (status, _) = town.post("heron", path, "", draft.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, answer) = town.post("operator", path, "", draft.clone()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((&answer["from"], &answer["to"]), (&json!("2026-05-31"), &json!("2026-06-07")));
    let differences: Vec<(&str, &str, u64)> = answer["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap();
            (text("pseudonym"), text("difference"), it["slots"].as_u64().unwrap())
        })
        .collect();
    // Ten cents more for 10.8 kWh, of which neighbours brought the heron 0.4; eight cents less.
    assert_eq!(differences, [("otter", "1", 24), ("heron", "0.96", 24)]);
    assert_eq!((&answer["dearer"], &answer["cheaper"]), (&json!(2), &json!(0)));
    assert_eq!(answer["difference"], "1.96");
    draft["timezone"] = json!("Europe/London");
    let (status, problem) = town.post("operator", path, "", draft).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_TIMEZONE")));
    let listed = town.get("heron", "/v1/tariffs").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

/// The flat tariff's next version, dearer, from a day.
fn dearer(version: u32) -> Value {
    let mut terms = serde_json::to_value(tariff()).unwrap();
    terms["version"] = json!(version);
    terms["energy"]["periods"][0]["price"] = json!(328_000);
    terms
}

#[actix_web::test]
async fn a_tariff_is_proposed_by_one_and_published_by_another() {
    let (mut town, _) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 12 * 60));
    town.settle().await;
    let (status, proposed) = town.post("operator", "/v1/tariffs?days=8", "", dearer(2)).await;
    assert_eq!((status, &proposed["state"]), (StatusCode::CREATED, &json!("open")), "{proposed}");
    let outcome = &proposed["outcome"];
    assert_eq!((&outcome["dearer"], &outcome["cheaper"]), (&json!(2), &json!(0)), "{outcome}");
    assert_eq!(proposed["simulation"]["members"].as_array().unwrap().len(), 2);
    let known = town.get("heron", "/v1/tariffs").await["items"].clone();
    assert_eq!(proposed["compared_with"], known[0]["hash"]);
    assert_eq!(known.as_array().unwrap().len(), 1, "a proposal is no tariff");

    let (status, problem) = town.post("deputy", "/v1/tariffs", "", dearer(2)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("ALREADY_PROPOSED")));
    let (status, problem) = decide(&town, &proposed, ("operator", "approval")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("FOUR_EYES")));
    for how in ["approval", "refusal"] {
        let (status, _) = decide(&town, &proposed, ("heron", how)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, _) = decide(&town, &proposed, ("auditor", how)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, _) = decide(&town, &proposed, ("stranger", how)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    let mut other = dearer(3);
    other["feed_in_price"] = json!(81_000);
    let (_, behind) = town.post("operator", "/v1/tariffs", "", other).await;
    let (status, approved) = approve(&town, &proposed).await;
    assert_eq!((status, &approved["state"]), (StatusCode::OK, &json!("approved")), "{approved}");
    assert_eq!(approve(&town, &proposed).await, (StatusCode::OK, approved.clone()), "again");
    let (status, problem) = decide(&town, &proposed, ("deputy", "refusal")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("DECIDED")));
    let known = town.get("heron", "/v1/tariffs").await["items"].clone();
    assert_eq!((known.as_array().unwrap().len(), &known[0]["hash"]), (2, &proposed["hash"]));
    // What was compared with another tariff is not what would happen.
    let (status, problem) = approve(&town, &behind).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PROPOSAL_OUTDATED")));
    let (status, refused) = decide(&town, &behind, ("deputy", "refusal")).await;
    assert_eq!((status, &refused["state"]), (StatusCode::OK, &json!("refused")));

    let history = town.get("auditor", "/v1/tariffs/proposals").await;
    let states: Vec<&Value> =
        history["items"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, [&json!("refused"), &json!("approved")]);
    let last = &history["items"][1];
    assert_eq!(last["asked_by"], ids::PartyId::derived("operator").to_string());
    assert_eq!(last["decided_by"], ids::PartyId::derived("deputy").to_string());
    assert!(last["decided_at"].is_string() && last["terms"].is_null(), "{last}");
    let path = format!("/v1/tariffs/proposals/{}", proposed["id"].as_str().unwrap());
    assert_eq!(town.get("auditor", &path).await["simulation"], proposed["simulation"]);
    let (status, _) = town.ask(TestRequest::get().uri(&path), "heron").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "it says what others would pay");
    town.settle().await;
    town.in_order().await;
}

#[actix_web::test]
async fn a_proposal_that_nobody_decides_expires_and_many_do_not_pile_up() {
    let mut town = Running::start().await;
    town.found().await;
    let (status, proposed) = town.post("operator", "/v1/tariffs", "", dearer(2)).await;
    assert_eq!(status, StatusCode::CREATED, "{proposed}");
    for version in 3..22 {
        let (status, answer) = town.post("operator", "/v1/tariffs", "", dearer(version)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let (status, problem) = town.post("operator", "/v1/tariffs", "", dearer(22)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PROPOSALS_OPEN")));
    town.move_to(town.now.plus_seconds(14 * 86_400));
    let (status, problem) = approve(&town, &proposed).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PROPOSAL_EXPIRED")));
    let history = town.get("operator", "/v1/tariffs/proposals?limit=1").await;
    assert_eq!(history["items"][0]["state"], "expired");
    assert!(history["next"].is_string(), "{history}");
    let (status, _) = publish(&town, dearer(2)).await;
    assert_eq!(status, StatusCode::OK, "what expired can be proposed again");
}

#[actix_web::test]
async fn what_is_published_meanwhile_frees_the_places_of_proposals() {
    let mut town = Running::start().await;
    town.found().await;
    let (_, first) = town.post("operator", "/v1/tariffs", "", dearer(2)).await;
    for version in 3..22 {
        let (status, answer) = town.post("operator", "/v1/tariffs", "", dearer(version)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    // Another tariff that began earlier: the newest is the same as before.
    let newest = town.get("heron", "/v1/tariffs").await["items"][0]["hash"].clone();
    let mut other = dearer(1);
    other["id"] = json!("night");
    other["valid_from"] = json!("2020-01-01");
    let other = Tariff::from_json(&other.to_string()).unwrap();
    town.billing.publish_tariff(community(), other, town.now).await.unwrap();
    assert_eq!(town.get("heron", "/v1/tariffs").await["items"][0]["hash"], newest);
    let (status, problem) = approve(&town, &first).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PROPOSAL_OUTDATED")));
    let (status, again) = town.post("operator", "/v1/tariffs", "", dearer(2)).await;
    assert_eq!(status, StatusCode::CREATED, "{again}");
    let (status, problem) = town.post("operator", "/v1/tariffs", "", dearer(2)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("ALREADY_PROPOSED")));
    // Who proposed it takes it back.
    let (status, back) = decide(&town, &again, ("operator", "refusal")).await;
    assert_eq!((status, &back["state"]), (StatusCode::OK, &json!("refused")), "{back}");
    let (status, problem) = approve(&town, &again).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("DECIDED")));
    let (_, again) = town.post("operator", "/v1/tariffs", "", dearer(2)).await;
    // What is published is what was proposed.
    let id = again["id"].as_str().unwrap();
    let forge = format!("update tariff_proposal set hash = '0x00' where id = '{id}'");
    change_behind(&town, forge).await;
    let (status, problem) = approve(&town, &again).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("PROPOSAL_CHANGED")));
    let (status, _) = publish(&town, dearer(2)).await;
    assert_eq!(status, StatusCode::OK);
    town.settle().await;
}

#[actix_web::test]
async fn a_first_tariff_is_proposed_without_a_comparison() {
    let mut town = Running::start().await;
    for home in [HERON, OTTER] {
        town.publish(&home.opened()).await;
        town.publish(&home.registered()).await;
    }
    let terms = serde_json::to_value(tariff()).unwrap();
    let (status, proposed) = town.post("operator", "/v1/tariffs", "", terms).await;
    assert_eq!(status, StatusCode::CREATED, "{proposed}");
    assert_eq!(proposed["outcome"]["not_simulated"], "NO_TARIFF");
    assert!(proposed["simulation"].is_null() && proposed["compared_with"].is_null());
    let (status, _) = approve(&town, &proposed).await;
    assert_eq!(status, StatusCode::OK);
}

#[actix_web::test]
async fn a_version_that_is_not_on_chain_holds_up_no_bill_of_days_before() {
    let (mut town, _) = traded_monday().await;
    town.move_to(corrections_over().plus_seconds(86_400));
    town.settle().await;
    let next = Tariff::from_json(&dearer(2).to_string()).unwrap();
    town.billing.publish_tariff(community(), next, town.now).await.unwrap();
    let monday = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    let (status, invoice) = town.post("operator", "/v1/invoices", "", monday).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    let id = invoice["id"].as_str().unwrap().parse().unwrap();
    town.billing.bill_file(id, None).await.expect("a bill that proves itself");
}

#[actix_web::test]
async fn bills_begin_by_themselves_with_the_first_tariff() {
    let mut town = Running::start().await;
    for home in [HERON, OTTER] {
        town.publish(&home.opened()).await;
        town.publish(&home.registered()).await;
        town.publish(&home.enrolled()).await;
        town.node.call(authority(), home.enrol());
    }
    town.node.call(authority(), deployment().register_policy(&policy()));
    town.settle().await;
    for hour_of_day in 0..24 {
        town.close_slot(hour_of_day).await;
    }
    town.anchor_day().await;
    // The last reading begins Tuesday, too.
    town.anchor(monday().next(), 1, |one| one.reading.time <= slot(24).start).await;
    town.move_to(zone().moment("2026-06-02".parse().unwrap(), 12 * 60));
    town.billing.publish_tariff(community(), tariff(), town.now).await.unwrap();
    town.settle().await;
    // The same books in a service that issues bills by itself.
    town.billing.close().await;
    let (bus, (clock, hand)) = (Bus::in_process(), Clock::set(town.now));
    let parts = parts(&town.folder, bus.clone(), town.node.clone(), clock);
    let billing = billing::start(Parts { monthly: true, ..parts }).await.unwrap();
    let mut town = Running { billing, bus, hand, ..town };
    town.move_to(zone().moment("2026-07-20".parse().unwrap(), 12 * 60));
    town.settle().await;
    let listed = town.get("heron", "/v1/invoices").await;
    let [bill] = &listed["items"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&bill["from"], &bill["to"]), (&json!("2026-06-03"), &json!("2026-06-30")));
}

#[actix_web::test]
async fn a_rate_of_the_database_is_proposed_by_its_content_type() {
    let mut town = Running::start().await;
    town.found().await;
    let rate = json!({
        "label": "5a1b", "name": "Residential", "dgrules": "Net Metering",
        "energyratestructure": [[{ "rate": 0.11, "max": 500 }, { "rate": 0.2 }]],
        "energyweekdayschedule": vec![vec![0; 24]; 12],
        "energyweekendschedule": vec![vec![0; 24]; 12],
    });
    let send = |path: &str, rate: &Value| {
        TestRequest::post()
            .uri(path)
            .insert_header(("Content-Type", "application/vnd.openei.urdb+json"))
            .set_payload(rate.to_string())
    };
    let (status, _) = town.ask(send("/v1/tariffs", &rate), "operator").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "valid_from is missing");
    let path = "/v1/tariffs?valid_from=2026-07-01&currency=EUR";
    let (status, answer) = town.ask(send(path, &rate), "operator").await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let terms = &answer["terms"];
    assert_eq!((&terms["id"], &terms["timezone"]), (&json!("5a1b"), &json!("Europe/Berlin")));
    // What is due between neighbours is not the database's matter, and stays as it was.
    let sold = terms["energy"].as_array().unwrap().iter().find(|it| it["on"] == "sold").unwrap();
    assert_eq!(sold["price"], "0.002");
    assert!(answer["notes"][0].as_str().unwrap().contains("surplus"), "{answer}");
    let listed = town.get("heron", "/v1/tariffs").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "it is proposed, not published");
    let (status, _) = approve(&town, &answer).await;
    assert_eq!(status, StatusCode::OK);
    let listed = town.get("heron", "/v1/tariffs").await;
    assert_eq!(listed["items"][0]["hash"], answer["hash"]);
    let mut faulty = rate;
    faulty["energyratestructure"][0][0]["unit"] = json!("horsepower");
    let (status, answer) = town.ask(send(path, &faulty), "operator").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.starts_with("/energyratestructure/0/0/unit: "), "{detail}");
}
