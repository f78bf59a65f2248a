//! The grid could not carry a slot: nobody owes for what did not flow in it, whenever it is told.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::B256;
use billing::domain::verify::{Status, Verdict, verify};
use db::Row;
use events::Envelope;
use events::market::CurtailmentChanged;
use ids::{InvoiceId, PartyId, ZoneId};
use serde_json::json;

use crate::handover::corrections_end;
use crate::service::{Running, trade_monday, traded_monday};
use crate::town::*;

/// What a trade came to, as it was handed over last: run, delivered and both shortfalls in Wh.
type Handed = (i64, i64, i64, i64);

impl Running {
    async fn handed(&self, trade: B256) -> Handed {
        let path = format!("sqlite:{}", self.folder.path().join("billing.db").display());
        let rows = db::Db::open(&path, &[db::Migration { version: 31, sql: "" }]).await.unwrap();
        let sql = "select run, delivered, seller_short, buyer_short from delivery where trade = $1";
        let row = db::query(sql).bind(format!("{trade:#x}")).fetch_one(rows.read()).await.unwrap();
        let number = |place: usize| row.try_get::<i64, _>(place).unwrap();
        let handed = (number(0), number(1), number(2), number(3));
        rows.close().await;
        handed
    }

    /// Says that the slots of these hours are curtailed, or are not any more.
    async fn curtail(&mut self, zone: ZoneId, hours: (i64, i64), curtailed: bool) -> Envelope {
        let event = CurtailmentChanged {
            community: community(),
            zone,
            from: slot(hours.0).start,
            to: slot(hours.1).start,
            curtailed,
            reason: "a line is down".to_owned(),
            by: PartyId::derived("operator"),
        };
        let told = self.publish(&event).await;
        self.settle().await;
        told
    }
}

/// In the evening otter sells 300 Wh and feeds nothing in; heron takes 450 Wh.
const EVENING: (i64, i64) = (19, 20);

fn zone_of_town() -> ZoneId {
    policy().zone
}

#[actix_web::test]
async fn nobody_owes_for_a_slot_that_was_curtailed_before_its_first_run() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    let evening = town.deal(19, 300).await;
    let before = town.get("otter", "/v1/wallet").await;
    assert_ne!(before["collateral"], "0", "{before}");
    town.curtail(zone_of_town(), EVENING, true).await;
    town.close_slot(19).await;
    assert_eq!(town.handed(evening).await, (0, 0, 0, 0));
    // What both had set aside is theirs again, and nothing else moved.
    for home in ["heron", "otter"] {
        let wallet = town.get(home, "/v1/wallet").await;
        assert_eq!(wallet["total"], "25", "{wallet}");
    }
    town.in_order().await;
}

#[actix_web::test]
async fn what_is_told_after_a_run_moves_the_difference_and_lifting_it_moves_it_back() {
    let (mut town, [noon, evening]) = traded_monday().await;
    assert_eq!(town.handed(evening).await, (0, 0, 300, 0));
    let (total, penalised) = ("25.0418", town.get("otter", "/v1/wallet").await);
    assert_eq!(penalised["total"], total);

    town.curtail(ZoneId::derived("elsewhere"), (0, 24), true).await;
    town.curtail(zone_of_town(), (20, 24), true).await;
    assert_eq!(town.handed(evening).await, (0, 0, 300, 0), "another zone, other slots");

    let told = town.curtail(zone_of_town(), EVENING, true).await;
    assert_eq!(town.handed(evening).await, (1, 0, 0, 0));
    assert_eq!(town.handed(noon).await.0, 0, "another slot");
    // 300 Wh of make-whole at 9.8 ct came back.
    let otter = town.get("otter", "/v1/wallet").await;
    assert_eq!(otter["total"], "25.0712", "{otter}");
    let statement = town.get("otter", "/v1/statement?limit=1").await;
    assert_eq!(statement["items"][0]["change"], "0.0294", "{statement}");
    let audit = town.in_order().await;

    // The bus tells it again, also to a service that has just been started.
    town.bus.publish(&told).await.unwrap();
    town.settle().await;
    assert_eq!(town.in_order().await, audit);
    let mut town = town.restarted().await;
    town.bus.publish(&told).await.unwrap();
    town.settle().await;
    assert_eq!((town.in_order().await, town.handed(evening).await), (audit, (1, 0, 0, 0)));

    town.curtail(zone_of_town(), EVENING, false).await;
    assert_eq!(town.handed(evening).await, (2, 0, 300, 0));
    let otter = town.get("otter", "/v1/wallet").await;
    assert_eq!(otter["total"], total, "{otter}");
    town.in_order().await;
}

#[actix_web::test]
async fn what_is_told_after_the_corrections_changes_nothing() {
    let (mut town, [_, evening]) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    town.move_to(corrections_end(19).plus_seconds(120));
    town.settle().await;
    town.curtail(zone_of_town(), EVENING, true).await;
    assert_eq!(town.handed(evening).await.2, 300);
    town.in_order().await;
}

#[actix_web::test]
async fn the_bill_of_a_curtailed_slot_says_on_whose_word_nobody_owes_and_holds() {
    let mut town = Running::start().await;
    town.found().await;
    trade_monday(&mut town).await;
    town.curtail(zone_of_town(), (18, 21), true).await;
    town.move_to(corrections_over());
    town.settle().await;
    // Lifting it now is too late for the bill, too.
    town.curtail(zone_of_town(), (18, 21), false).await;
    let issuer =
        TestRequest::put().uri("/v1/documents/issuer").set_json(crate::documents::issuer());
    assert_eq!(town.ask(issuer, "operator").await.0, StatusCode::OK);
    for home in [HERON, OTTER] {
        let account = home.account().to_string();
        let wanted = json!({ "account": account, "from": "2026-06-01", "to": "2026-06-01" });
        let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
        assert_eq!(status, StatusCode::CREATED, "{invoice}");
        let curtailed = &invoice["invoice"]["curtailed"];
        assert_eq!(curtailed[0]["slot"], json!(slot(19).start.to_string()), "{curtailed}");
        assert_eq!(curtailed.as_array().unwrap().len(), 1);
        let lines = invoice["invoice"]["lines"].as_array().unwrap();
        let owed = |class: &str| lines.iter().any(|line| line["class"] == class);
        assert!(!owed("make_whole") && !owed("seller_penalty"), "{invoice}");
        town.settle().await;
        let id: InvoiceId = invoice["id"].as_str().unwrap().parse().unwrap();
        let (text, trust) = town.billing.bill_file(id, None).await.unwrap();
        let report = verify(&text, Some(&trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        assert!(report.notes.iter().any(|note| note.contains("operator's word")), "{report}");
        let attested = |line: &&billing::domain::verify::LineReport| {
            line.status == Status::Attested && line.reason.contains("curtailed")
        };
        // Heron took energy that a neighbour owed it; otter's meter shows that it fed in nothing.
        assert_eq!(report.lines.iter().any(|line| attested(&line)), home.0 == "heron", "{report}");
        let path = format!("/v1/invoices/{id}/document?format=json");
        let document = town.get(home.0, &path).await;
        assert_eq!(document["quality"]["curtailed_slots"], 1, "{document}");
    }
    town.in_order().await;
}
