//! Two households at one connection point, one after the other: each is billed its own days.

use actix_web::http::StatusCode;
use billing::Parts;
use billing::domain::verify::{Verdict, verify};
use bus::Bus;
use calendar::TimeZone;
use contracts::Call;
use contracts::requests::{MeterEnrolment, enrolment};
use events::identity::ConnectionPointHandedOver;
use events::metering::{IntervalFact, Quality};
use ids::InvoiceId;
use serde_json::{Value, json};
use service::Clock;

use crate::service::{Running, interval};
use crate::town::*;

/// Moves in where heron was, on Tuesday.
const EGRET: Home = Home("egret");
const MONDAY: &str = "2026-06-01";
const TUESDAY: &str = "2026-06-02";

/// The meter keeps its key and belongs to egret.
fn registered() -> [Call; 2] {
    let (owner, installer) = (key(EGRET.0), key("installer"));
    let of = MeterEnrolment {
        meter: HERON.meter(),
        key: HERON.meter_key().address(),
        owner: owner.address(),
        installer: installer.address(),
        connection_point: HERON.point(),
        version: 2,
    };
    let hash = enrolment(CHAIN_ID, deployment().meters, &of);
    let [owner, installer] = [owner, installer].map(|key| key.sign(hash).as_bytes().to_vec());
    [deployment().revoke(HERON.meter()), deployment().enrol(&of, owner.into(), installer.into())]
}

fn handed_over(account: Option<Home>, hours: i64) -> ConnectionPointHandedOver {
    ConnectionPointHandedOver {
        connection_point: HERON.point(),
        community: community(),
        account: account.map(Home::account),
        from: slot(hours).start,
    }
}

/// What heron's meter says of an hour of the two days; without the reading of the midnight between
/// them where that is lost.
fn metered(hour: i64, lost: bool) -> IntervalFact {
    let account = if hour < 24 { HERON.account() } else { EGRET.account() };
    let mut fact = IntervalFact { account, ..interval(HERON, hour, 1) };
    if lost && (hour == 23 || hour == 24) {
        fact.quality = Quality::Substituted;
        fact.readings.retain(|signed| signed.reading.time != slot(24).start);
    }
    fact
}

impl Running {
    /// The same books in a service that bills months that are over by itself.
    async fn billing_by_itself(self) -> Running {
        self.billing.close().await;
        let (bus, (clock, hand)) = (Bus::in_process(), Clock::set(self.now));
        let parts = parts(&self.folder, bus.clone(), self.node.clone(), clock);
        let billing = billing::start(Parts { monthly: true, ..parts }).await.unwrap();
        Running { billing, bus, hand, ..self }
    }
}

/// Monday, when heron is there and trades, and Tuesday, when egret is; all of it can be billed.
async fn occupied(lost: bool) -> Running {
    let mut town = Running::start().await;
    town.found().await;
    town.publish(&EGRET.opened()).await;
    town.publish(&handed_over(Some(EGRET), 24)).await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    for hour in 0..48 {
        if hour == 11 {
            town.deal(12, 400).await;
        }
        town.close_with(hour, vec![metered(hour, lost), interval(OTTER, hour, 1)]).await;
        if hour == 23 {
            for call in registered() {
                town.node.call(authority(), call);
            }
            town.settle().await;
        }
    }
    for day in [monday(), monday().next()] {
        let is_lost = |meter, time| lost && meter == HERON.meter() && time == slot(24).start;
        town.anchor(day, 1, |one| !is_lost(one.reading.meter, one.reading.time)).await;
    }
    town.move_to(TimeZone::utc().start_of(monday().later(16)).plus_seconds(60));
    town.settle().await;
    town
}

/// What is answered to a bill of these days, for a home.
async fn asked(town: &Running, home: Home, (from, to): (&str, &str)) -> (StatusCode, Value) {
    let wanted = json!({ "account": home.account().to_string(), "from": from, "to": to });
    town.post("operator", "/v1/invoices", "", wanted).await
}

async fn refused(town: &Running, home: Home, days: (&str, &str)) -> String {
    let (status, problem) = asked(town, home, days).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    problem["code"].as_str().unwrap().to_owned()
}

/// The bill of a day, which proves itself.
async fn billed(town: &mut Running, home: Home, day: &str) -> Value {
    let (status, invoice) = asked(town, home, (day, day)).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    assert_eq!(invoice["invoice"]["address"], json!(home.address()));
    let id: InvoiceId = invoice["id"].as_str().unwrap().parse().unwrap();
    let (text, trust) = town.billing.bill_file(id, None).await.unwrap();
    let report = verify(&text, Some(&trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    // Nobody says that it is the last one, or that it is not.
    let other = match text.contains(",\"final\":true}") {
        true => text.replacen(",\"final\":true}", "}", 1),
        false => text.replacen("},\"evidence\":", ",\"final\":true},\"evidence\":", 1),
    };
    assert_ne!(other, text);
    assert!(verify(&other, Some(&trust)).verdict != Verdict::Holds);
    invoice
}

/// Wh that a bill says were taken.
async fn taken(town: &Running, invoice: &Value) -> u64 {
    let path = format!("/v1/invoices/{}/document", invoice["id"].as_str().unwrap());
    let document = town.get("operator", &path).await;
    assert_eq!(document["final"] == true, invoice["invoice"]["final"] == true);
    let energy = &document["energy"];
    energy["bought"].as_u64().unwrap() + energy["supplied"].as_u64().unwrap()
}

/// Each has a bill of its own days, nothing is in both, and nothing is left.
async fn each_is_billed(mut town: Running) {
    for (home, days, code) in [
        (HERON, (MONDAY, TUESDAY), "OCCUPANT_CHANGES"),
        (EGRET, (MONDAY, TUESDAY), "OCCUPANT_CHANGES"),
        (HERON, (TUESDAY, TUESDAY), "OCCUPANT_CHANGES"),
        (EGRET, (MONDAY, MONDAY), "OCCUPANT_CHANGES"),
        // The chain takes the bills of a meter in their order.
        (EGRET, (TUESDAY, TUESDAY), "OCCUPANT_UNBILLED"),
    ] {
        assert_eq!(refused(&town, home, days).await, code, "{} {days:?}", home.0);
    }
    let last = billed(&mut town, HERON, MONDAY).await;
    assert_eq!(last["invoice"]["final"], true);
    let first = billed(&mut town, EGRET, TUESDAY).await;
    assert_eq!(first["invoice"]["final"], Value::Null);
    town.in_order().await;
    // 24 hours of 450 Wh each, and each day's standing charge once.
    assert_eq!((taken(&town, &last).await, taken(&town, &first).await), (10_800, 10_800));
    for invoice in [&last, &first] {
        let mut lines = invoice["invoice"]["lines"].as_array().unwrap().iter();
        assert_eq!(lines.find(|line| line["class"] == "fixed").unwrap()["amount"], "0.35");
    }
    let bought = |line: &Value| line["class"] == "p2p_bought";
    assert!(last["invoice"]["lines"].as_array().unwrap().iter().any(bought));
    assert!(!first["invoice"]["lines"].as_array().unwrap().iter().any(bought));
    let unbilled = town.get("operator", "/v1/reports/unbilled").await;
    let of = |home: Home| {
        let mut rows = unbilled.as_array().unwrap().iter();
        rows.find(|row| row["account"] == home.account().to_string()).cloned()
    };
    assert_eq!(of(HERON), None, "nothing of heron is left to bill");
    assert_eq!(of(EGRET).unwrap()["billed_until"], TUESDAY);
}

#[actix_web::test]
async fn two_occupants_are_each_billed_their_own_days() {
    each_is_billed(occupied(false).await).await;
}

#[actix_web::test]
async fn a_gap_over_the_change_is_shared_out_once() {
    each_is_billed(occupied(true).await).await;
}

#[actix_web::test]
async fn last_bills_come_by_themselves_before_the_month_is_over() {
    let mut town = occupied(false).await.billing_by_itself().await;
    town.settle().await;
    let bills = async |town: &Running| {
        let listed = town.get("operator", "/v1/invoices").await;
        let mut shown = Vec::new();
        for one in listed["items"].as_array().unwrap() {
            let id = one["id"].as_str().unwrap();
            let invoice = town.get("operator", &format!("/v1/invoices/{id}")).await;
            let last = invoice["invoice"]["final"] == true;
            shown.push((one["account"].clone(), one["from"].clone(), one["to"].clone(), last));
        }
        shown.sort_by_key(|shown| shown.1.to_string());
        shown
    };
    let one = |home: Home, day: &str| (json!(home.account()), json!(day), json!(day), true);
    assert_eq!(bills(&town).await, [one(HERON, MONDAY)], "egret's month goes on");
    // Egret is gone on Wednesday, and nobody comes.
    town.publish(&handed_over(None, 48)).await;
    town.settle().await;
    assert_eq!(bills(&town).await, [one(HERON, MONDAY), one(EGRET, TUESDAY)]);
    let town = town.restarted().await;
    assert_eq!(bills(&town).await.len(), 2);
    town.in_order().await;
}
