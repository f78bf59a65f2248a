//! Bills though readings came late or blocks may still be taken back, and intervals of points that
//! did not trade.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use billing::domain::verify::{Report, Status, Verdict, verify};
use events::metering::{IntervalFact, IntervalsClosed, IntervalsCorrected, Quality};
use ids::InvoiceId;
use reading::SignedReading;
use serde_json::{Value, json};
use units::Energy;

use crate::handover::{corrections_end, noon};
use crate::service::{Running, interval, traded_monday};
use crate::town::*;

impl Running {
    async fn bill_monday(&mut self, home: Home) -> (StatusCode, Value) {
        let account = home.account().to_string();
        let wanted = json!({ "account": account, "from": "2026-06-01", "to": "2026-06-01" });
        self.post("operator", "/v1/invoices", "", wanted).await
    }

    async fn verified(&self, invoice: &Value) -> Report {
        let id: InvoiceId = invoice["id"].as_str().unwrap().parse().unwrap();
        let (text, trust) = self.billing.bill_file(id, None).await.unwrap();
        verify(&text, Some(&trust))
    }
}

/// Otter's reading of ten o'clock, before which it gave nothing and after which 900 Wh in an hour.
fn is_late(signed: &SignedReading) -> bool {
    signed.reading.meter == OTTER.meter() && signed.reading.time == slot(10).start
}

fn otter(hour_of_day: i64, version: u32, export: u64) -> IntervalFact {
    let quality = if version == 1 { Quality::Substituted } else { Quality::Measured };
    let export = Energy::from_wh(export);
    IntervalFact { quality, export, readings: Vec::new(), ..interval(OTTER, hour_of_day, version) }
}

/// Otter sold 400 Wh for nine o'clock. Its reading of ten is lost, so that its 900 Wh are shared
/// out over the hours before and after, until the reading comes when corrections are over.
async fn monday_with_a_late_reading() -> Running {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    for hour_of_day in 0..24 {
        if hour_of_day == 8 {
            town.deal(9, 400).await;
        }
        match hour_of_day {
            9 => town.close_with(9, vec![interval(HERON, 9, 1)]).await,
            10 => {
                let after = interval(OTTER, 10, 1).readings;
                let shared = IntervalFact { readings: after, ..otter(10, 1, 450) };
                town.close_with(10, vec![interval(HERON, 10, 1), shared]).await;
                town.correct_with(9, otter(9, 1, 450)).await;
            }
            _ => town.close_slot(hour_of_day).await,
        }
    }
    town.anchor(monday(), 1, |signed| !is_late(signed)).await;
    town.move_to(corrections_end(9).plus_seconds(120));
    town.settle().await;
    let late = interval(OTTER, 9, 1).readings;
    town.correct_with(9, IntervalFact { readings: late, ..otter(9, 2, 0) }).await;
    town.correct_with(10, otter(10, 2, 900)).await;
    town.anchor(monday(), 2, |_| true).await;
    town.move_to(corrections_over());
    town.settle().await;
    town
}

impl Running {
    async fn correct_with(&mut self, hour_of_day: i64, interval: IntervalFact) {
        let (slot, community) = (slot(hour_of_day), community());
        let event = IntervalsCorrected { community, slot, intervals: vec![interval] };
        self.publish(&event).await;
        self.settle().await;
    }
}

/// The reading changes both of two neighbouring slots; only what was paid for one contradicts it.
#[actix_web::test]
async fn a_reading_that_came_too_late_stops_no_bill_and_the_bill_says_so() {
    let mut town = monday_with_a_late_reading().await;
    let audit = town.in_order().await;
    assert_eq!((&audit["intervals_late"], &audit["late"][0]["posted"]), (&json!(1), &json!(false)));
    let (status, invoice) = town.bill_monday(OTTER).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    assert_eq!(invoice["invoice"]["late_readings"], 1);
    town.settle().await;
    let report = town.verified(&invoice).await;
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let sold = report.lines.iter().find(|line| line.label == "Energy to neighbours").unwrap();
    assert_eq!(sold.status, Status::NotSigned, "{report}");
    assert!(sold.reason.contains("came after the corrections"), "{report}");
    // 4500 Wh were given and 400 of them sold: the grid got the rest, once.
    let lines = invoice["invoice"]["lines"].as_array().unwrap();
    let fed_in = lines.iter().find(|line| line["class"] == "feed_in").unwrap();
    assert_eq!(fed_in["inputs"][0]["value"], "4.1 kWh");
    let path = format!("/v1/invoices/{}/html", invoice["id"].as_str().unwrap());
    let (_, page) = town.ask(TestRequest::get().uri(&path), "otter").await;
    assert!(String::from_utf8(page).unwrap().contains("Readings that came late"));
    // The neighbour's bill is not touched.
    let (status, invoice) = town.bill_monday(HERON).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    assert_eq!(invoice["invoice"].get("late_readings"), None);
    assert_eq!(town.verified(&invoice).await.verdict, Verdict::Holds);
    town.in_order().await;
}

#[actix_web::test]
async fn an_invoice_waits_until_no_block_it_rests_on_can_be_taken_back() {
    let (mut town, _) = traded_monday().await;
    town.node.lag(3);
    town.correct(12, 2, 100).await;
    town.settle().await;
    town.move_to(corrections_over());
    town.settle().await;
    let waits = |(status, problem): (StatusCode, Value)| {
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("NOT_FINAL")), "{problem}");
        assert_eq!(problem["retry_may_help"], true);
    };
    waits(town.bill_monday(HERON).await);
    // The block with the correction goes, and comes again.
    town.node.take_back();
    town.carry().await;
    waits(town.bill_monday(HERON).await);
    town.node.bring_again();
    town.carry().await;
    waits(town.bill_monday(HERON).await);
    for payment in 0..4 {
        town.deposit(HERON, &format!("later {payment}")).await;
    }
    let (status, invoice) = town.bill_monday(HERON).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    let path = format!("/v1/invoices/{}/bill", invoice["id"].as_str().unwrap());
    let (status, _) = town.ask(TestRequest::get().uri(&path), "heron").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "its own block is not final");
    for payment in 4..8 {
        town.deposit(HERON, &format!("later {payment}")).await;
    }
    assert_eq!(town.verified(&invoice).await.verdict, Verdict::Holds);
    town.in_order().await;
}

/// Nothing that was paid depends on a point without trades, whatever waits in its slot.
#[actix_web::test]
async fn a_version_of_a_point_without_trades_is_taken_at_once_and_is_not_late() {
    let (mut town, _) = noon(&[100]).await;
    town.node.call(authority(), deployment().pause());
    town.move_to(slot(13).end());
    let wren = Home("wren");
    let (slot, community) = (slot(12), community());
    let event = IntervalsClosed { community, slot, intervals: vec![interval(wren, 12, 1)] };
    town.publish(&event).await;
    town.close_slot(12).await;
    let less = IntervalFact { import: Energy::from_wh(100), ..interval(wren, 12, 2) };
    let event = IntervalsCorrected { community, slot, intervals: vec![less] };
    town.publish(&event).await;
    town.move_to(town.now.plus_seconds(600));
    town.rounds(1).await;
    let audit = town.audit().await;
    assert_eq!(audit["trades_open"], 1, "the run of the slot's trade is on its way");
    assert_eq!((&audit["intervals_waiting"], &audit["intervals_late"]), (&json!(0), &json!(0)));
    assert_eq!(town.billing.totals().await.import.wh(), 450 + 450 + 100);
}

/// Midnight in Berlin is of the day before in UTC, and the invoice's days are Berlin's.
#[actix_web::test]
async fn the_audit_holds_an_invoice_against_the_trades_of_its_local_days() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    town.deal(0, 300).await;
    for hour_of_day in 0..24 {
        town.close_slot(hour_of_day).await;
    }
    town.anchor_day().await;
    town.move_to(corrections_over());
    town.settle().await;
    let (status, invoice) = town.bill_monday(HERON).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    let lines = invoice["invoice"]["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["class"] == "make_whole"), "{invoice}");
    let audit = town.in_order().await;
    assert_eq!(audit["invoices"], 1);
}
