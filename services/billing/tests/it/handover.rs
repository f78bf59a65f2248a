//! What the contract refused, what nobody reconciled, and what a meter said too late.

use actix_web::http::StatusCode;
use alloy_primitives::{B256, keccak256};
use billing::domain::journal::Account;
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{Call, SolCall};
use events::metering::{IntervalFact, IntervalsClosed, IntervalsCorrected};
use serde_json::{Value, json};
use service::Tick;
use units::Energy;

use crate::service::{Running, interval, traded_monday};
use crate::town::*;

const DAY: i64 = 86_400;

impl Running {
    /// A tick and a block, so often: also when nothing moves any more.
    pub async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.round().await;
        }
    }

    /// A tick and a block; how many transactions the block has.
    pub async fn round(&mut self) -> usize {
        self.billing.tick(self.now).await.unwrap();
        self.billing.drain(self.now).await.unwrap();
        let mined = self.node.mine(self.now);
        self.carry().await;
        self.billing.drain(self.now).await.unwrap();
        mined
    }

    pub async fn audit(&self) -> Value {
        let audit = self.get("auditor", "/v1/audit").await;
        assert_eq!(audit["violations"], json!([]), "{audit}");
        audit
    }

    pub async fn correct(&mut self, hour_of_day: i64, version: u32, export: u64) {
        let export = Energy::from_wh(export);
        let corrected = IntervalFact { export, ..interval(OTTER, hour_of_day, version) };
        let (slot, community) = (slot(hour_of_day), community());
        let event = IntervalsCorrected { community, slot, intervals: vec![corrected] };
        self.publish(&event).await;
    }
}

pub fn corrections_end(hour_of_day: i64) -> Timestamp {
    slot(hour_of_day).end().plus_seconds(14 * DAY)
}

/// Both homes with cash, meters at zero o'clock, and so many trades at noon.
pub async fn noon(quantities: &[u64]) -> (Running, Vec<B256>) {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    let trades = town.deals(12, quantities).await;
    town.node.let_fail();
    (town, trades)
}

#[actix_web::test]
async fn a_refused_run_is_handed_over_again_until_the_contract_takes_it() {
    let (mut town, _) = noon(&[100, 90, 80, 70, 60]).await;
    town.node.call(authority(), deployment().pause());
    town.move_to(slot(13).end());
    town.close_slot(12).await;
    // All five together, then three, two of these, and one by one: each of them refused. What is
    // shown of the trades goes out of date with each run, so that one is on its way at a time, and
    // what waits meanwhile is halved again before its turn.
    town.rounds(8).await;
    let audit = town.audit().await;
    assert_eq!((&audit["trades"], &audit["trades_open"]), (&json!(5), &json!(5)));
    let apart = audit["trades_apart"].as_array().unwrap();
    assert_eq!(apart.len(), 5, "{audit}");
    for one in apart {
        assert_eq!((&one["what"], &one["closed"]), (&json!("reconcile"), &json!(false)));
        assert_eq!(one["reason"], "EnforcedPause", "{one}");
    }
    let refused = audit["transactions_refused"].as_u64().unwrap();
    assert_eq!(refused, 3 + 5, "{audit}");
    town.rounds(3).await;
    assert_eq!(town.audit().await["transactions_refused"], refused, "they wait for an hour");
    town.node.call(authority(), deployment().unpause());
    town.rounds(1).await;
    town.move_to(town.now.plus_seconds(3600));
    // Each of the five shows the runs of those before it.
    town.rounds(5).await;
    let audit = town.audit().await;
    assert_eq!((&audit["trades_open"], &audit["trades_apart"]), (&json!(0), &json!([])));
    assert_eq!(audit["transactions_refused"], refused);
}

#[actix_web::test]
async fn a_trade_that_has_its_last_run_does_not_hold_up_the_others() {
    let quantities = [100, 90, 80];
    let (mut town, trades) = noon(&quantities).await;
    let (role, account) = (keccak256("RECONCILER"), authority());
    let data = EnergyMarket::grantRoleCall { role, account }.abi_encode().into();
    town.node.call(authority(), Call { to: deployment().market, data });
    let nothing = contracts::Delivery {
        trade: trades[1],
        delivered: Energy::ZERO,
        seller_short: Energy::ZERO,
        buyer_short: Energy::ZERO,
    };
    town.move_to(slot(13).end());
    let untouched = deals(12, &quantities).standing(&[]);
    let call = deployment().reconcile(253, &untouched, &[nothing]).unwrap();
    town.node.call(authority(), call);
    town.close_slot(12).await;
    town.rounds(6).await;
    let audit = town.audit().await;
    assert_eq!(audit["trades_open"], 0, "{audit}");
    let apart = &audit["trades_apart"];
    assert_eq!(apart.as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(
        (&apart[0]["trade"], &apart[0]["closed"]),
        (&json!(trades[1].to_string()), &json!(true))
    );
    assert_eq!(apart[0]["reason"], "no run is left");
}

#[actix_web::test]
async fn what_nobody_reconciled_in_time_expires_and_its_money_goes_back() {
    let (mut town, _) = noon(&[100, 90, 80]).await;
    let before = town.get("heron", "/v1/wallet").await;
    assert_ne!(before["escrow"], "0");
    town.node.call(authority(), deployment().pause());
    town.move_to(slot(13).end());
    town.close_slot(12).await;
    town.rounds(6).await;
    town.move_to(corrections_end(12));
    town.rounds(3).await;
    assert_eq!(town.audit().await["trades_open"], 3, "corrections are open to their last second");
    town.move_to(corrections_end(12).plus_seconds(61));
    town.rounds(3).await;
    let audit = town.audit().await;
    assert_eq!(audit["trades_open"], 0, "{audit}");
    for apart in audit["trades_apart"].as_array().unwrap() {
        assert_eq!(apart["reason"], "corrections are over");
    }
    assert!(audit["balances"].get("2010").is_none(), "{audit}");
    let statement = town.get("heron", "/v1/statement?limit=1").await;
    assert_eq!(statement["items"][0]["what"], "reconciled");
    // Nothing was delivered, so all of the escrow is locked and goes free.
    town.move_to(corrections_end(23).plus_seconds(3 * DAY + 3600));
    town.rounds(3).await;
    let after = town.get("heron", "/v1/wallet").await;
    assert_eq!((&after["free"], &after["total"]), (&before["total"], &before["total"]));
    assert_eq!(town.billing.totals().await.traded, Energy::ZERO);
}

#[actix_web::test]
async fn a_version_with_less_energy_waits_for_its_run() {
    let (mut town, _) = traded_monday().await;
    assert_eq!(town.billing.totals().await.traded.wh(), 400);
    town.correct(12, 2, 100).await;
    let audit = town.in_order().await;
    assert_eq!((&audit["intervals_waiting"], &audit["intervals_late"]), (&json!(1), &json!(0)));
    town.settle().await;
    town.rounds(1).await;
    let audit = town.in_order().await;
    assert_eq!(audit["intervals_waiting"], 0, "{audit}");
    let totals = town.billing.totals().await;
    assert_eq!((totals.traded.wh(), totals.export.wh()), (100, 4 * 900 + 100));
}

#[actix_web::test]
async fn what_a_meter_says_after_the_corrections_does_not_change_what_was_paid() {
    let (mut town, _) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    town.move_to(corrections_end(12).plus_seconds(120));
    town.settle().await;
    let wallet = town.get("heron", "/v1/wallet").await;
    // 400 Wh were sold at noon: 500 Wh leave a rest for the grid, 100 Wh do not cover them.
    town.correct(12, 2, 500).await;
    town.settle().await;
    let audit = town.in_order().await;
    assert_eq!(audit["intervals_late"], 1, "{audit}");
    assert_eq!(
        (&audit["late"][0]["posted"], &audit["late"][0]["export_wh"]),
        (&json!(true), &json!(500))
    );
    assert_eq!(town.billing.totals().await.grid_export.wh(), 4 * 900 + 100);
    town.correct(12, 3, 100).await;
    town.settle().await;
    let audit = town.in_order().await;
    let late = &audit["late"][0];
    assert_eq!((&late["posted"], &late["version"]), (&json!(false), &json!(3)), "{audit}");
    let totals = town.billing.totals().await;
    assert_eq!((totals.traded.wh(), totals.grid_export.wh()), (400, 4 * 900 + 100));
    assert_eq!(town.get("heron", "/v1/wallet").await, wallet);
    // The version that was kept apart is no evidence: the bill is by what was paid.
    let wanted = json!({
        "account": OTTER.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    town.move_to(corrections_over());
    town.settle().await;
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
}

#[actix_web::test]
async fn a_correction_that_no_block_took_in_time_stays_apart() {
    let (mut town, _) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    town.node.let_fail();
    town.node.call(authority(), deployment().pause());
    town.correct(12, 2, 100).await;
    town.rounds(4).await;
    assert_eq!(town.audit().await["intervals_waiting"], 1);
    town.move_to(corrections_end(12).plus_seconds(120));
    town.rounds(3).await;
    let audit = town.audit().await;
    assert_eq!((&audit["intervals_waiting"], &audit["intervals_late"]), (&json!(0), &json!(1)));
    assert_eq!(audit["late"][0]["posted"], false);
    assert_eq!(town.billing.totals().await.traded.wh(), 400);
    let wanted = json!({
        "account": OTTER.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    town.move_to(corrections_over());
    town.rounds(3).await;
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
}

#[actix_web::test]
async fn an_audit_replays_what_is_new_and_on_request_everything() {
    let (mut town, _) = traded_monday().await;
    let first = town.audit().await;
    // The others were replayed when the books were looked at, at the first tick.
    let [replayed, entries] = ["entries_replayed", "entries"].map(|one| first[one].as_u64());
    assert!(replayed > Some(0) && replayed < entries, "{first}");
    assert_eq!(first["reserve"], "50");
    town.deposit(HERON, "9").await;
    let second = town.audit().await;
    assert_eq!((&second["entries_replayed"], &second["reserve"]), (&json!(2), &json!("75")));
    let full = || town.get("auditor", "/v1/audit?full=true");
    let before = full().await;
    assert_eq!(
        (&before["entries_replayed"], &before["violations"]),
        (&second["entries"], &json!([]))
    );
    // Somebody changes an old entry behind the service's back.
    let forge = "update journal set entry = replace(entry, '\"amount\":25', '\"amount\":26') \
                 where sequence = 0";
    change_behind(&town, forge).await;
    assert_eq!(town.audit().await["entries_replayed"], 0);
    assert_eq!(full().await["violations"][0], "I8: entry 0 does not follow from the one before");
}

/// Changes one row behind the service's back.
pub async fn change_behind(town: &Running, sql: impl Into<String>) {
    let path = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    let behind = db::Db::open(&path, &[db::Migration { version: 26, sql: "" }]).await.unwrap();
    let changed = db::query(db::AssertSqlSafe(sql.into()))
        .execute(behind.read())
        .await
        .unwrap()
        .rows_affected();
    behind.close().await;
    assert_eq!(changed, 1);
}

#[actix_web::test]
async fn an_entry_that_is_not_found_by_its_slot_is_missed_and_found_again() {
    let (mut town, _) = traded_monday().await;
    town.in_order().await;
    let hide = "update journal set slot = 0 where book = 0 and sequence = \
                (select max(sequence) from journal where book = 0 and slot > 0)";
    change_behind(&town, hide).await;
    let found = town.get("auditor", "/v1/audit?full=true").await["violations"][0].clone();
    assert!(found.as_str().unwrap().starts_with("I8: not all entries of slot"), "{found}");
    // What memory has put away is looked for when something is posted of it, and found.
    town = town.restarted().await;
    for hour in 0..24 {
        let intervals = vec![interval(HERON, hour, 2)];
        let again = IntervalsClosed { community: community(), slot: slot(hour), intervals };
        town.publish(&again).await;
    }
    town.settle().await;
    let full = town.get("auditor", "/v1/audit?full=true").await;
    assert_eq!(full["violations"], json!([]));
}

#[actix_web::test]
async fn an_invoice_equals_its_postings_to_the_last_digit() {
    let (mut town, _) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    let wanted = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    town.move_to(corrections_over());
    town.settle().await;
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    let audit = town.in_order().await;
    assert_eq!((&audit["invoices"], &audit["invoices_unposted"]), (&json!(1), &json!(1)));
    town.settle().await;
    let audit = town.in_order().await;
    assert_eq!((&audit["invoices"], &audit["invoices_unposted"]), (&json!(1), &json!(0)));
    // 0.35 + 10 400 Wh at 22.8 and 6.2 ct = 3.366 are the retailer's, exactly; 3.35 are due.
    let balance = |account: &Account| audit["balances"][account.code().to_string()].clone();
    assert_eq!(balance(&Account::Receivable(HERON.address())), invoice["due"]);
    assert_eq!(balance(&Account::Retailer), "-3.366");
    assert_eq!(invoice["due"], "3.35");
    assert_eq!(balance(&Account::Rounding), "0.016");
}
