//! A utility's own bills beside ours.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use units::Money;

use crate::dues::{billed, money};
use crate::service::Running;

async fn compare(town: &Running, who: &str, format: &str, body: Value) -> (StatusCode, Vec<u8>) {
    let path = format!("/v1/bills/comparison?format={format}");
    town.ask(TestRequest::post().uri(&path).set_json(body), who).await
}

#[actix_web::test]
async fn a_utilitys_bills_are_held_against_ours_line_by_line() {
    let (town, invoice) = billed().await;
    let lines = invoice["invoice"]["lines"].as_array().unwrap();
    let mapping = json!({
        "account": "customer", "from": "from", "to": "to", "line": "what", "amount": "amount",
        "lines": lines.iter().map(|line| {
            let class = line["class"].as_str().unwrap();
            (format!("our {class}"), json!(class))
        }).collect::<serde_json::Map<_, _>>(),
        "accounts": { "4711": "heron" },
    });
    let row = |who: &str, class: &str, amount: &str| {
        format!("{who},2026-06-01,2026-06-01,our {class},{amount}\n")
    };
    let same: String = lines
        .iter()
        .map(|line| row("4711", line["class"].as_str().unwrap(), line["amount"].as_str().unwrap()))
        .collect();
    let heading = "customer,from,to,what,amount\n";
    let file = |rows: &str| json!({ "mapping": mapping, "file": format!("{heading}{rows}") });
    let (status, body) = compare(&town, "operator", "json", file(&same)).await;
    let report: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK, "{report}");
    assert_eq!((&report["compared"], &report["equal"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(report["bills"][0]["number"], invoice["number"]);
    assert_eq!((&report["ours"], &report["difference"]), (&invoice["total"], &json!("0")));

    // A cent more for one line, one that we do not have, and bills that we do not have.
    let class = lines[0]["class"].as_str().unwrap();
    let other = [
        same,
        row("4711", class, "0.01"),
        "4711,2026-06-01,2026-06-01,letter,1.50\n".to_owned(),
        row("otter", class, "2"),
        row("nobody", class, "3"),
        "4711,yesterday,2026-06-01,x,1\n".to_owned(),
    ];
    let (_, body) = compare(&town, "operator", "json", file(&other.concat())).await;
    let report: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&report["compared"], &report["equal"], &report["missing"]),
        (&json!(3), &json!(0), &json!(2))
    );
    assert_eq!(money(&report["difference"]), Money::from_n(-6_510_000_000), "{report}");
    assert_eq!(report["left_out"][0]["row"], lines.len() + 5);
    let problems: Vec<_> =
        report["bills"].as_array().unwrap().iter().map(|b| &b["problem"]).collect();
    assert_eq!(problems, [&Value::Null, &json!("NO_ACCOUNT"), &json!("NO_INVOICE")]);
    let differ: Vec<&str> = report["bills"][0]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["difference"] != "0")
        .map(|line| line["difference"].as_str().unwrap())
        .collect();
    assert_eq!(differ.len(), 2);
    assert!(differ.contains(&"-0.01") && differ.contains(&"-1.5"), "{differ:?}");

    let (_, csv) = compare(&town, "operator", "csv", file(&other.concat())).await;
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains(",letter,1.5,0,-1.5\n"), "{csv}");
    assert_eq!(compare(&town, "heron", "json", file("")).await.0, StatusCode::FORBIDDEN);
    let bad = json!({ "mapping": { "account": "x" }, "file": "" });
    assert_eq!(compare(&town, "operator", "json", bad).await.0, StatusCode::BAD_REQUEST);
    let mut no_column = file("");
    no_column["mapping"]["amount"] = json!("price");
    let (status, _) = compare(&town, "operator", "json", no_column).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}
