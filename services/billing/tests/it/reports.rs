//! What a utility adds up, against what the town's Monday is known to be.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::Address;
use events::metering::{IntervalsCorrected, Quality};
use serde_json::{Value, json};
use units::Money;

use crate::corrections::{DAY, traded};
use crate::documents::issuer;
use crate::service::{Running, interval, traded_monday};
use crate::town::*;

const MONDAY: &str = "from=2026-06-01&to=2026-06-01";

#[actix_web::test]
async fn a_day_adds_up_in_every_report() {
    let (mut town, _) = traded_monday().await;
    // The evening's trade has no seller who delivers; noon's is delivered whole.
    let slots = town.get("operator", &format!("/v1/reports/settlement?{MONDAY}")).await;
    let rows = slots.as_array().unwrap();
    let of = |row: &Value, names: [&str; 4]| names.map(|name| row[name].as_u64().unwrap());
    let names = ["trades", "open", "agreed_wh", "delivered_wh"];
    let [noon, evening] = [&rows[0], &rows[1]];
    assert_eq!((of(noon, names), of(evening, names)), ([1, 0, 400, 400], [1, 0, 300, 0]));
    assert_eq!(noon["slot"], slot(12).start.to_string());
    assert_eq!(noon["zone"], policy().zone.to_string());
    assert_eq!(noon["grid_operator"], json!(policy().network_account));
    assert_eq!(noon["retailer"], Value::Null);
    // 0.18 a kWh less the seller's fee; what the fees of the policy come to.
    let fees = [&noon["sellers"], &noon["network"], &noon["platform"]];
    assert_eq!(fees, [&json!("0.0712"), &json!("0.004"), &json!("0.0016")], "{noon}");

    let load = town.get("auditor", &format!("/v1/reports/residual-load?{MONDAY}")).await;
    let load = load.as_array().unwrap();
    assert_eq!(load.len(), 24);
    let names = ["points", "import_wh", "export_wh", "traded_wh"];
    assert_eq!(of(&load[12], names), [2, 900, 900, 400]);
    let residual = (&load[12]["residual_import_wh"], &load[12]["residual_export_wh"]);
    assert_eq!(residual, (&json!(500), &json!(500)));
    assert_eq!(of(&load[19], names), [2, 900, 0, 0]);

    town.move_to(corrections_over());
    town.settle().await;
    let unbilled = town.get("operator", "/v1/reports/unbilled").await;
    let heron = |rows: &Value| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["account"] == HERON.account().to_string()).unwrap().clone()
    };
    let waiting = heron(&unbilled);
    assert_eq!(waiting["unbilled_from"], "2026-06-01");
    assert_eq!(waiting["billed_until"], Value::Null);
    assert_eq!((&waiting["unbilled_days"], &waiting["missing_slots"]), (&json!(15), &json!(0)));
    assert_eq!(waiting["last_reading"], slot(24).start.to_string());
    let wanted = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    let billed = heron(&town.get("operator", "/v1/reports/unbilled").await);
    assert_eq!(billed["billed_until"], "2026-06-01");

    let charges = town.get("operator", &format!("/v1/reports/charges?{MONDAY}")).await;
    let lines = invoice["invoice"]["lines"].as_array().unwrap();
    assert_eq!(charges.as_array().unwrap().len(), lines.len(), "one invoice: a line a class");
    for line in lines {
        let mut rows = charges.as_array().unwrap().iter();
        let row = rows.find(|row| row["class"] == line["class"]).unwrap();
        assert_eq!((&row["exact"], &row["amount"]), (&line["exact"], &line["amount"]));
        assert_eq!(row["currency"], "EUR");
    }
    let none = town.get("operator", "/v1/reports/charges?from=2026-06-02&to=2026-06-30").await;
    assert_eq!(none, json!([]));
}

#[actix_web::test]
async fn a_settlement_is_of_a_grid_operator_and_a_retailer() {
    let (town, _) = traded_monday().await;
    let said = TestRequest::put().uri("/v1/documents/issuer").set_json(issuer());
    assert_eq!(town.ask(said, "operator").await.0, StatusCode::OK);
    let path = format!("/v1/reports/settlement?{MONDAY}");
    let all = town.get("operator", &path).await;
    for row in all.as_array().unwrap() {
        assert_eq!(row["retailer"], "Village Energy eG");
    }
    let of = |address: Address| format!("{path}&grid_operator={address:#x}");
    assert_eq!(town.get("operator", &of(policy().network_account)).await, all);
    assert_eq!(town.get("operator", &of(Address::repeat_byte(9))).await, json!([]));
    let (status, _) =
        town.ask(TestRequest::get().uri(&format!("{path}&grid_operator=me")), "operator").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for report in ["residual-load", "unbilled"] {
        let rows = town.get("operator", &format!("/v1/reports/{report}?{MONDAY}")).await;
        assert_eq!(rows[0]["retailer"], "Village Energy eG", "{report}");
    }
    let rows = town.get("operator", "/v1/reports/unbilled").await;
    assert_eq!(rows[0]["grid_operator"], json!(policy().network_account));
}

#[actix_web::test]
async fn what_was_estimated_is_listed_until_it_is_measured() {
    let mut town = Running::start().await;
    town.found().await;
    for hour_of_day in 0..8 {
        let mut heron = interval(HERON, hour_of_day, 1);
        if [3, 4, 6].contains(&hour_of_day) {
            heron.quality = Quality::Substituted;
        }
        town.close_with(hour_of_day, vec![heron, interval(OTTER, hour_of_day, 1)]).await;
    }
    let path = format!("/v1/reports/estimated?{MONDAY}");
    let listed = town.get("operator", &path).await;
    let spans = |rows: &Value| {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| (row["from"].clone(), row["slots"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    let at = |hour| json!(slot(hour).start.to_string());
    assert_eq!(spans(&listed), [(at(3), 2), (at(6), 1)], "{listed}");
    let first = &listed[0];
    assert_eq!((&first["until"], &first["method"]), (&at(5), &json!("E1")));
    assert_eq!((&first["import_wh"], &first["export_wh"]), (&json!(900), &json!(0)));
    assert_eq!(first["account"], HERON.account().to_string());
    assert_eq!(first["grid_operator"], json!(policy().network_account));
    let (slot, community) = (slot(4), community());
    let intervals = vec![interval(HERON, 4, 2)];
    town.publish(&IntervalsCorrected { community, slot, intervals }).await;
    let listed = town.get("operator", &path).await;
    assert_eq!(spans(&listed), [(at(3), 1), (at(6), 1)], "{listed}");
}

#[actix_web::test]
async fn charges_are_those_of_bills_with_their_corrections() {
    let (mut town, _) = traded(false).await;
    let invoice = town.billed().await;
    town.settle().await;
    let charges = async |town: &Running| {
        let rows = town.get("operator", &format!("/v1/reports/charges?{MONDAY}")).await;
        rows.as_array().unwrap().clone()
    };
    let before = charges(&town).await;
    assert!(before.iter().all(|row| row["corrected"] == "0" && row["corrections"] == 0));
    town.hear_the_evening().await;
    town.wait(DAY + 60).await;
    let [correction] = &town.corrections(&invoice).await[..] else { panic!("one correction") };
    let right = town.right(correction).await;
    let money = |value: &Value| serde_json::from_value::<Money>(value.clone()).unwrap();
    let after = charges(&town).await;
    assert_eq!(after.len(), before.len());
    let mut corrected = Vec::new();
    for row in &after {
        let lines = right["lines"].as_array().unwrap().iter();
        let of_class = lines.filter(|line| line["class"] == row["class"]);
        let sum = Money::sum(of_class.map(|line| money(&line["amount"]))).unwrap();
        assert_eq!(money(&row["amount"]), sum, "{row}");
        corrected.push(money(&row["corrected"]));
    }
    assert_eq!(Money::sum(corrected).unwrap(), money(&correction["total"]));
}

#[actix_web::test]
async fn a_report_is_a_file_for_staff_alone() {
    let (town, _) = traded_monday().await;
    let path = format!("/v1/reports/settlement?{MONDAY}&format=csv");
    let (status, file) = town.ask(TestRequest::get().uri(&path), "operator").await;
    let file = String::from_utf8(file).unwrap();
    assert_eq!(status, StatusCode::OK, "{file}");
    let mut lines = file.lines();
    assert!(lines.next().unwrap().starts_with("slot,zone,grid_operator,retailer,trades,open,"));
    assert_eq!(lines.count(), 2);
    for report in ["settlement", "residual-load", "charges", "unbilled", "estimated"] {
        let path = format!("/v1/reports/{report}?{MONDAY}");
        let (status, _) = town.ask(TestRequest::get().uri(&path), "heron").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{report}");
        let other = town.get("stranger", &path).await;
        assert_eq!(other, json!([]), "{report}");
    }
    for days in ["from=2026-06-02&to=2026-06-01", "from=2026-01-01&to=2027-01-02", "from=x&to=y"] {
        let path = format!("/v1/reports/settlement?{days}");
        let (status, _) = town.ask(TestRequest::get().uri(&path), "operator").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{days}");
    }
}
