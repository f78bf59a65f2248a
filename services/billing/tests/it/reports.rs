//! What a utility adds up, against what the town's Monday is known to be.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::service::traded_monday;
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
async fn a_report_is_a_file_for_staff_alone() {
    let (town, _) = traded_monday().await;
    let path = format!("/v1/reports/settlement?{MONDAY}&format=csv");
    let (status, file) = town.ask(TestRequest::get().uri(&path), "operator").await;
    let file = String::from_utf8(file).unwrap();
    assert_eq!(status, StatusCode::OK, "{file}");
    let mut lines = file.lines();
    assert!(lines.next().unwrap().starts_with("slot,zone,trades,open,agreed_wh,delivered_wh,"));
    assert_eq!(lines.count(), 2);
    for report in ["settlement", "residual-load", "charges", "unbilled"] {
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
