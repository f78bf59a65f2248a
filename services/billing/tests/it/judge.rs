//! Documents of the town as electronic invoices, judged by a public crate that has the rules of
//! EN 16931.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::Value;

use crate::documents::issuer;
use crate::service::Running;

/// Every rule of EN 16931 that an electronic invoice breaks, with what its reader did not
/// understand.
pub fn faults(xml: &str) -> Vec<String> {
    let read = match en16931_formats::read(xml.as_bytes()) {
        Ok(read) => read,
        Err(error) => return vec![error.to_string()],
    };
    let mut faults: Vec<String> = read.entries.iter().map(|entry| format!("{entry:?}")).collect();
    let report = en16931::validate(&read.invoice);
    faults.extend(report.findings().iter().map(|f| format!("{} {}", f.rule.as_str(), f.message)));
    faults
}

impl Running {
    /// Each invoice and each correction that was issued breaks no rule; how many there are.
    pub async fn judge(&self) -> usize {
        let mut judged = 0;
        for documents in ["invoices", "corrections"] {
            let listed = self.get("operator", &format!("/v1/{documents}")).await;
            for one in listed["items"].as_array().unwrap() {
                if self.get("operator", "/v1/documents/issuer").await == Value::Null {
                    let said = TestRequest::put().uri("/v1/documents/issuer").set_json(issuer());
                    assert_eq!(self.ask(said, "operator").await.0, StatusCode::OK);
                }
                let id = one["id"].as_str().unwrap();
                let path = format!("/v1/{documents}/{id}/document?format=xml");
                let (status, xml) = self.ask(TestRequest::get().uri(&path), "operator").await;
                let xml = String::from_utf8(xml).unwrap();
                assert_eq!(status, StatusCode::OK, "{xml}");
                let faults = faults(&xml);
                assert!(faults.is_empty(), "{}: {faults:#?}\n{xml}", one["number"]);
                judged += 1;
            }
        }
        judged
    }
}

#[actix_web::test]
async fn the_judge_does_not_take_everything() {
    assert!(!faults("<Invoice/>").is_empty());
    let (mut town, _) = crate::corrections::traded(true).await;
    let invoice = town.billed().await;
    town.settle().await;
    assert_eq!(town.judge().await, 1);
    let path = format!("/v1/invoices/{}/document?format=xml", invoice["id"].as_str().unwrap());
    let (_, xml) = town.ask(TestRequest::get().uri(&path), "heron").await;
    let xml = String::from_utf8(xml).unwrap();
    assert_eq!(faults(&xml), Vec::<String>::new());
    for (from, to) in [(">380<", ">999<"), (">EUR<", ">EURO<"), ("\"KWH\"", "\"kWh\"")] {
        assert!(!faults(&xml.replacen(from, to, 1)).is_empty(), "{from}");
    }
}
