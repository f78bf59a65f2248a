//! Invoices as documents for people and for programs.

use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::service::{Running, traded_monday};
use crate::town::*;

pub fn issuer() -> Value {
    json!({
        "party": {
            "id": "4012345000009", "name": "Village Energy eG", "vat_id": "DE123456788",
            "address": { "street": "Mill Lane 1", "city": "Upper Mill", "country": "DE" },
        },
        "payment_days": 14,
        "exemption": "Neighbours are not taxable persons",
        "fuel_mix": "62 % wind, 38 % sun", "co2_grams_per_kwh": 12,
        "switching": "Within 24 hours, free of charge",
        "dispute": { "contact": "help@village.example", "days": 30 },
    })
}

async fn say(town: &Running, who: &str, path: &str, said: &Value) -> (StatusCode, Value) {
    let (status, body) = town.ask(TestRequest::put().uri(path).set_json(said), who).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn written(town: &Running, who: &str, path: &str) -> (StatusCode, String) {
    let (status, body) = town.ask(TestRequest::get().uri(path), who).await;
    (status, String::from_utf8(body).unwrap())
}

#[actix_web::test]
async fn an_invoice_is_a_document_with_the_same_amounts() {
    let (mut town, _) = traded_monday().await;
    town.move_to(corrections_over());
    town.settle().await;
    let wanted = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    let (status, issued) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!(status, StatusCode::CREATED, "{issued}");
    town.settle().await;
    let path = format!("/v1/invoices/{}/document", issued["id"].as_str().unwrap());
    let (status, refused) = written(&town, "heron", &path).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.contains("NO_ISSUER"), "{refused}");

    assert_eq!(say(&town, "heron", "/v1/documents/issuer", &issuer()).await.0.as_u16(), 403);
    let (status, said) = say(&town, "operator", "/v1/documents/issuer", &issuer()).await;
    assert_eq!((status, &said["party"]["name"]), (StatusCode::OK, &json!("Village Energy eG")));

    let (status, document) = written(&town, "heron", &path).await;
    assert_eq!(status, StatusCode::OK, "{document}");
    let document: Value = serde_json::from_str(&document).unwrap();
    let invoice = &issued["invoice"];
    assert_eq!(document["number"], issued["number"]);
    assert_eq!(document["totals"]["gross"], invoice["total"]);
    assert_eq!(document["totals"]["payable"], invoice["due"]);
    assert_eq!(document["proof"]["hash"], issued["hash"]);
    let lines = document["lines"].as_array().unwrap();
    let bought = lines.iter().find(|line| line["class"] == "p2p_bought").unwrap();
    assert_eq!(bought["quantity"], json!({ "amount": 400, "unit": "wh" }));
    assert_eq!((&bought["exact"], &bought["net"]), (&json!("0.072"), &json!("0.07")));
    let retail = lines.iter().find(|line| line["class"] == "retail").unwrap();
    assert_eq!(retail["name"], "all day");
    assert_eq!(retail["price"], json!({ "amount": "0.228", "per": 1000 }));
    // All of it from the supplier: 10.8 kWh in place of 10.4, and no neighbour's grid and platform.
    let compared = &document["comparison"];
    assert_eq!(compared["with_neighbours"], invoice["total"]);
    assert_ne!(compared["retail_alone"], compared["with_neighbours"]);
    assert_eq!(document["customer"]["id"], HERON.account().to_string());
    // 0.4 of 10.8 kWh; nothing was billed a year before.
    let told = json!({
        "self_sufficiency_bps": 370, "fuel_mix": "62 % wind, 38 % sun", "co2_grams_per_kwh": 12,
        "switching": "Within 24 hours, free of charge",
    });
    assert_eq!(document["information"], told);

    let (status, xml) = written(&town, "heron", &format!("{path}?format=xml&language=de")).await;
    assert_eq!(status, StatusCode::OK, "{xml}");
    assert!(xml.contains("Village Energy eG") && xml.contains("INV-2026-1"), "{xml}");
    let pdf = TestRequest::get().uri(&format!("{path}?format=pdf&language=fr"));
    let (status, pdf) = town.ask(pdf, "heron").await;
    assert_eq!(status, StatusCode::OK);
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.len() > 10_000, "{} bytes", pdf.len());
    let (status, _) = written(&town, "heron", &format!("{path}?language=tlh")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = written(&town, "heron", &format!("{path}?format=docx")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for who in ["otter", "stranger"] {
        assert_eq!(written(&town, who, &path).await.0, StatusCode::NOT_FOUND, "{who}");
    }
}

/// The same bill is there a year before, with half of the energy.
#[actix_web::test]
async fn a_document_tells_of_use_a_year_before() {
    let (mut town, _) = crate::corrections::traded(true).await;
    let invoice = town.billed().await;
    town.settle().await;
    let url = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    let pool = db::AnyPool::connect(&url).await.unwrap();
    let days: String = db::query_scalar("select days from invoice").fetch_one(&pool).await.unwrap();
    let mut days: Value = serde_json::from_str(&days).unwrap();
    days[0]["day"] = json!("2025-06-01");
    days[0]["supplied"] = json!(5_000);
    let again = "insert into invoice (id, number, community, account, meter, from_day, to_day, \
                 at, total, due, hash, document, evidence, days, reference, due_on, settled, \
                 posted) select 'before', 'INV-2025-1', community, account, meter, \
                 from_day - 365, to_day - 365, at, total, due, hash, document, evidence, $1, \
                 'before', due_on, settled, 1 from invoice";
    db::query(again).bind(days.to_string()).execute(&pool).await.unwrap();
    pool.close().await;
    let path = format!("/v1/invoices/{}/document", invoice["id"].as_str().unwrap());
    let (status, document) = written(&town, "heron", &path).await;
    assert_eq!(status, StatusCode::OK, "{document}");
    let document: Value = serde_json::from_str(&document).unwrap();
    let bought = document["energy"]["bought"].as_u64().unwrap();
    let period = json!({ "from": "2025-06-01", "to": "2025-06-01" });
    let before = json!({ "period": period, "taken": 5_000 + bought, "given": 0 });
    assert_eq!(document["information"]["last_year"], before, "{document}");
}

#[actix_web::test]
async fn who_receives_documents_says_so_and_is_forgotten() {
    let mut town = Running::start().await;
    town.found().await;
    let path = "/v1/documents/customer";
    let nobody = (StatusCode::OK, "null".to_owned());
    assert_eq!(written(&town, "heron", path).await, nobody);
    let heron = json!({
        "id": "somebody else", "name": "H. Heron", "address": { "city": "Pond", "country": "DE" },
    });
    let (status, said) = say(&town, "heron", path, &heron).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(said["id"], HERON.account().to_string(), "it is known by its account alone");
    assert_eq!(written(&town, "otter", path).await, nobody);
    let other = format!("{path}?account={}", HERON.account());
    assert_eq!(written(&town, "otter", &other).await.0, StatusCode::NOT_FOUND);
    assert_eq!(written(&town, "operator", &other).await.0, StatusCode::OK);
    for (field, value, part) in [
        ("name", json!(""), "name"),
        ("address", json!({ "country": "Germany" }), "country"),
        ("vat_id", json!("123"), "vat_id"),
        ("nickname", json!("x"), "nickname"),
    ] {
        let mut wrong = heron.clone();
        wrong[field] = value;
        let (status, problem) = say(&town, "heron", path, &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    let gone = TestRequest::default().method(Method::DELETE).uri(path);
    assert_eq!(town.ask(gone, "heron").await.0, StatusCode::NO_CONTENT);
    assert_eq!(written(&town, "heron", path).await, nobody);
}

#[actix_web::test]
async fn an_issuer_that_no_document_can_name_is_refused() {
    let mut town = Running::start().await;
    town.found().await;
    for (pointer, value, part) in [
        ("/party/name", json!(" "), "name"),
        ("/party/address/country", json!("XX"), "country"),
        ("/payment_days", json!(366), "payment_days"),
        ("/exemption", json!(""), "exemption"),
        ("/party/vat_id", json!("99"), "vat_id"),
    ] {
        let mut wrong = issuer();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let (status, problem) = say(&town, "operator", "/v1/documents/issuer", &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{pointer}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    let kept = written(&town, "heron", "/v1/documents/issuer").await;
    assert_eq!(kept, (StatusCode::OK, "null".to_owned()));
}
