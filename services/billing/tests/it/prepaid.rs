//! Accounts that pay before they use, from agreement to a suspension that nobody makes alone.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use events::billing::PrepaidChanged;
use serde_json::{Value, json};
use units::Money;

use crate::dues::{cents, money};
use crate::dunning::Listener;
use crate::service::{Running, traded_monday};
use crate::town::*;

async fn put(town: &Running, who: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = TestRequest::put().uri(path).set_json(body);
    let (status, answer) = town.ask(request, who).await;
    (status, serde_json::from_slice(&answer).unwrap_or_default())
}

async fn agree(town: &Running, who: &str) -> (StatusCode, Value) {
    put(town, who, "/v1/prepaid/agreement", json!({})).await
}

async fn settings(
    town: &Running,
    who: &str,
    change: impl FnOnce(&mut Value),
) -> (StatusCode, Value) {
    let mut wanted = json!({
        "low_days": 3, "credit": "5", "notice_hours": 72, "from_hour": 8, "to_hour": 14,
        "buying_stops": "emergency",
    });
    change(&mut wanted);
    put(town, who, "/v1/prepaid/settings", wanted).await
}

fn states(listener: &Listener) -> Vec<(String, String)> {
    let told = listener.take::<PrepaidChanged>().into_iter();
    told.map(|event| (event.before, event.state)).collect()
}

fn pair(before: &str, state: &str) -> (String, String) {
    (before.to_owned(), state.to_owned())
}

async fn ask(town: &Running, who: &str) -> (StatusCode, Value) {
    let path = format!("/v1/prepaid/accounts/{}/suspension", HERON.account());
    town.post(who, &path, "", json!({ "reason": "Nothing came in." })).await
}

#[actix_web::test]
async fn an_account_agrees_for_itself_and_sees_how_long_it_lasts() {
    let (town, _) = traded_monday().await;
    let listener = Listener::on(&town).await;
    let before = town.get("heron", "/v1/prepaid").await;
    assert_eq!(
        (&before["agreed"], &before["state"]),
        (&json!(false), &json!("active")),
        "{before}"
    );
    for who in ["operator", "auditor"] {
        assert_ne!(agree(&town, who).await.0, StatusCode::OK, "{who}");
    }
    for _ in 0..2 {
        let (status, view) = agree(&town, "heron").await;
        assert_eq!((status, &view["agreed"]), (StatusCode::OK, &json!(true)), "{view}");
    }
    let view = town.get("heron", "/v1/prepaid").await;
    let (free, owed, unbilled) =
        (money(&view["free"]), money(&view["owed"]), money(&view["unbilled"]));
    assert_eq!(money(&view["balance"]), free.minus(owed).unwrap().minus(unbilled).unwrap());
    assert!(unbilled > cents(300) && owed == Money::ZERO, "Monday is used: {view}");
    assert_eq!(view["free"], town.get("heron", "/v1/wallet").await["free"]);
    // Nobody reads another's.
    let path = format!("/v1/prepaid?account={}", HERON.account());
    for who in ["otter", "stranger"] {
        let (status, _) = town.ask(TestRequest::get().uri(&path), who).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{who}");
    }
    assert_eq!(town.get("auditor", &path).await["balance"], view["balance"]);
    assert_eq!(town.get("operator", "/v1/prepaid/accounts").await["items"][0]["state"], "active");
    for path in ["/v1/prepaid/accounts", "/v1/prepaid/suspensions"] {
        let (status, _) = town.ask(TestRequest::get().uri(path), "heron").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let end = TestRequest::delete().uri("/v1/prepaid/agreement");
    town.billing.drain(town.now).await.unwrap();
    assert_eq!(town.ask(end, "heron").await.0, StatusCode::NO_CONTENT);
    assert_eq!(town.get("heron", "/v1/prepaid").await["agreed"], false);
    town.billing.drain(town.now).await.unwrap();
    assert_eq!(states(&listener), [pair("ended", "active"), pair("active", "ended")]);
}

#[actix_web::test]
async fn settings_are_data_with_their_history() {
    let (town, _) = traded_monday().await;
    let default = town.get("heron", "/v1/prepaid/settings").await;
    assert_eq!((&default[0]["credit"], &default[0]["low_days"]), (&json!("5"), &json!(3)));
    for who in ["heron", "auditor"] {
        assert_eq!(settings(&town, who, |_| ()).await.0, StatusCode::FORBIDDEN, "{who}");
    }
    for (field, value) in [
        ("low_days", json!(0)),
        ("credit", json!("-1")),
        ("notice_hours", json!(1)),
        ("from_hour", json!(3)),
        ("to_hour", json!(8)),
        ("holidays", json!(["2026-12-26", "2026-12-25"])),
        ("buying_stops", json!("never")),
    ] {
        let (status, answer) = settings(&town, "operator", |s| s[field] = value.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}: {answer}");
    }
    let holidays = json!(["2026-12-25", "2026-12-26"]);
    for days in [holidays.clone(), json!([])] {
        let set = settings(&town, "operator", |s| s["holidays"] = days).await;
        assert_eq!(set.0, StatusCode::OK, "{}", set.1);
    }
    let all = town.get("heron", "/v1/prepaid/settings").await;
    assert_eq!((all.as_array().unwrap().len(), &all[1]["holidays"]), (2, &holidays));
}

/// A town whose heron has agreed, and has used more than it has: `credit` below nothing is left.
async fn used_up(credit: &str) -> (Running, std::sync::Arc<Listener>) {
    let (mut town, _) = traded_monday().await;
    let listener = Listener::on(&town).await;
    let set = settings(&town, "operator", |s| s["credit"] = json!(credit)).await;
    assert_eq!(set.0, StatusCode::OK, "{}", set.1);
    assert_eq!(agree(&town, "heron").await.0, StatusCode::OK);
    town.billing.drain(town.now).await.unwrap();
    assert_eq!(states(&listener), [pair("ended", "active")]);
    // Each day costs 0.35 that nothing comes in for; 25 of cash last for some weeks of that.
    town.move_to(zone().moment(monday().later(80), 12 * 60));
    town.settle().await;
    (town, listener)
}

#[actix_web::test]
async fn who_runs_out_is_told_buys_nothing_and_is_not_suspended_by_itself() {
    let (mut town, _) = traded_monday().await;
    let listener = Listener::on(&town).await;
    assert_eq!(agree(&town, "heron").await.0, StatusCode::OK);
    let mut seen = Vec::new();
    for day in 55..=75 {
        town.move_to(zone().moment(monday().later(day), 12 * 60));
        town.settle().await;
        for event in listener.take::<PrepaidChanged>() {
            assert_eq!(event.suspension_from, None);
            seen.push((event.state, event.balance < Money::ZERO));
        }
        let bought: Vec<_> = listener.buying();
        match bought.as_slice() {
            [] => {}
            [(account, 1, reasons)] => {
                assert_eq!(
                    (*account, reasons.as_slice()),
                    (HERON.account(), &["prepaid".to_owned()][..])
                );
                assert_eq!(seen.last().unwrap().0, "emergency");
            }
            more => panic!("{more:?}"),
        }
    }
    let expected = [("active", false), ("low", false), ("emergency", true)];
    let mut expected: Vec<_> = expected.map(|(state, below)| (state.to_owned(), below)).to_vec();
    // It used nothing lately but what stands every day, so it may be never low before it is below.
    if !seen.iter().any(|(state, _)| state == "low") {
        expected.retain(|(state, _)| state != "low");
    }
    assert_eq!(seen, expected);
    let view = town.get("heron", "/v1/prepaid").await;
    assert_eq!(view["buys_nothing_for"], json!(["prepaid"]), "{view}");
    // Money comes in: it stands well again with the next slot, and may buy.
    town.deposit(HERON, "more").await;
    town.move_to(town.now.plus_seconds(3600));
    town.settle().await;
    assert_eq!(listener.buying(), [(HERON.account(), 2, vec![])]);
    assert_eq!(town.get("heron", "/v1/prepaid").await["state"], "active");
    town.in_order().await;
}

#[actix_web::test]
async fn a_suspension_takes_two_persons_notice_and_a_working_hour_and_ends_with_a_payment() {
    let (mut town, listener) = used_up("1").await;
    assert_eq!(town.get("heron", "/v1/prepaid").await["state"], "emergency");
    assert_eq!(listener.buying().len(), 1);
    states(&listener);
    assert_eq!(ask(&town, "heron").await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&town, "stranger").await.0, StatusCode::NOT_FOUND);
    let (status, asked) = ask(&town, "operator").await;
    assert_eq!(status, StatusCode::CREATED, "{asked}");
    assert_eq!(ask(&town, "deputy").await.1["code"], "ALREADY_ASKED");
    town.billing.drain(town.now).await.unwrap();
    let told = listener.take::<PrepaidChanged>();
    assert_eq!(told[0].suspension_from.unwrap().to_string(), asked["from"].as_str().unwrap());
    let view = town.get("heron", "/v1/prepaid").await;
    assert_eq!(view["suspension"]["agreed"], json!(false), "{view}");

    // One alone, however long it takes.
    town.move_to(zone().moment(monday().later(91), 10 * 60));
    town.settle().await;
    assert_eq!(states(&listener), []);
    let decide = format!("/v1/prepaid/suspensions/{}/approval", asked["id"].as_str().unwrap());
    let (status, problem) = town.post("operator", &decide, "", json!({})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("FOUR_EYES")));
    assert_eq!(town.post("stranger", &decide, "", json!({})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(town.post("heron", &decide, "", json!({})).await.0, StatusCode::FORBIDDEN);
    // Agreed to on a Saturday: nothing happens before Monday morning.
    town.move_to(zone().moment(monday().later(96), 10 * 60));
    let (status, agreed) = town.post("deputy", &decide, "", json!({})).await;
    assert_eq!((status, &agreed["state"]), (StatusCode::OK, &json!("approved")), "{agreed}");
    assert_eq!(town.post("deputy", &decide, "", json!({})).await.1["code"], "DECIDED");
    for (day, hour) in [(96, 10), (97, 10), (98, 7)] {
        town.move_to(zone().moment(monday().later(day), hour * 60));
        town.settle().await;
        assert_eq!(states(&listener), [], "day {day}, {hour} o'clock");
    }
    town.move_to(zone().moment(monday().later(98), 8 * 60));
    town.settle().await;
    assert_eq!(states(&listener), [pair("emergency", "suspended")]);

    // Who pays at night is not suspended any more at night, and the request is void.
    town.move_to(zone().moment(monday().later(98), 23 * 60));
    town.deposit(HERON, "more").await;
    town.deposit(HERON, "and more").await;
    town.move_to(town.now.plus_seconds(3600));
    town.settle().await;
    assert_eq!(states(&listener), [pair("suspended", "active")]);
    let suspensions = town.get("auditor", "/v1/prepaid/suspensions").await;
    assert_eq!(suspensions["items"][0]["state"], "void", "{suspensions}");
}

#[actix_web::test]
async fn nobody_is_suspended_who_is_protected_or_has_credit() {
    let (mut town, listener) = used_up("100").await;
    assert_eq!(town.get("heron", "/v1/prepaid").await["state"], "emergency");
    assert_eq!(ask(&town, "operator").await.1["code"], "CREDIT_LEFT");
    assert_eq!(settings(&town, "operator", |s| s["credit"] = json!("1")).await.0, StatusCode::OK);
    let path = format!("/v1/prepaid/accounts/{}/protection", HERON.account());
    let protect = |protected: bool| json!({ "protected": protected });
    assert_eq!(put(&town, "heron", &path, protect(true)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(put(&town, "stranger", &path, protect(true)).await.0, StatusCode::NOT_FOUND);
    let none = path.replace(&HERON.account().to_string(), &OTTER.account().to_string());
    assert_eq!(put(&town, "operator", &none, protect(true)).await.1["code"], "NOT_PREPAID");
    let (status, view) = put(&town, "operator", &path, protect(true)).await;
    assert_eq!((status, &view["protected"]), (StatusCode::OK, &json!(true)), "{view}");
    assert_eq!(ask(&town, "operator").await.1["code"], "PROTECTED");

    // A suspension ends at once when it is found that somebody depends on the supply.
    assert_eq!(put(&town, "operator", &path, protect(false)).await.0, StatusCode::OK);
    let (_, asked) = ask(&town, "operator").await;
    let decide = format!("/v1/prepaid/suspensions/{}/approval", asked["id"].as_str().unwrap());
    assert_eq!(town.post("deputy", &decide, "", json!({})).await.0, StatusCode::OK);
    town.move_to(zone().moment(monday().later(87), 10 * 60));
    town.settle().await;
    states(&listener);
    assert_eq!(town.get("heron", "/v1/prepaid").await["state"], "suspended");
    assert_eq!(put(&town, "operator", &path, protect(true)).await.0, StatusCode::OK);
    town.settle().await;
    assert_eq!(states(&listener), [pair("suspended", "emergency")]);
    let refused = decide.replace("approval", "refusal");
    assert_eq!(town.post("deputy", &refused, "", json!({})).await.1["code"], "DECIDED");
    // With the agreement the rest ends, too.
    let end = TestRequest::delete().uri("/v1/prepaid/agreement");
    assert_eq!(town.ask(end, "heron").await.0, StatusCode::NO_CONTENT);
    town.settle().await;
    assert_eq!(states(&listener), [pair("emergency", "ended")]);
    assert_eq!(listener.buying().last().unwrap().2, Vec::<String>::new());
}
