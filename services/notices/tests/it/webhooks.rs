//! Events reach a utility's system: signed, in order, again when it fails, and nowhere else.

use actix_web::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use ids::InvoiceId;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::receiver::{Receiver, Sent};
use crate::service::{Running, account};

/// An endpoint at `url`, told of bills; its path and its secret.
async fn endpoint(town: &Running, url: &str) -> (String, String) {
    let terms = json!({ "url": url, "kinds": ["invoice.issued", "invoice.paid"] });
    let made = town.post("/v1/webhooks", terms).await;
    let id = made["webhook"]["id"].as_str().unwrap();
    (format!("/v1/webhooks/{id}"), made["secret"].as_str().unwrap().to_owned())
}

/// What a receiver computes, by the specification.
fn signature(secret: &str, sent: &Sent) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (&sent.headers["webhook-id"], &sent.headers["webhook-timestamp"]);
    mac.update(format!("{id}.{at}.{}", sent.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn ids(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.headers["webhook-id"].as_str()).collect()
}

#[actix_web::test]
async fn events_arrive_signed_in_order_and_once() {
    let (town, system) = (Running::start().await, Receiver::start().await);
    town.found().await;
    let (path, secret) = endpoint(&town, &system.url()).await;
    let (issued, paid) = (town.bill("1").await, town.pay("1").await);
    town.bus.publish(&issued).await.unwrap();
    assert_eq!(town.round().await, 2);
    assert_eq!(town.round().await, 0);
    let sent = system.take();
    assert_eq!(ids(&sent), [issued.id.to_string(), paid.id.to_string()]);
    for sent in &sent {
        assert_eq!(sent.headers["webhook-signature"], signature(&secret, sent));
        assert_eq!(sent.headers["webhook-timestamp"], town.now.seconds().to_string());
        assert_eq!(sent.headers["content-type"], "application/json");
    }
    let body: Value = serde_json::from_str(&sent[0].body).unwrap();
    let data = json!({
        "invoice": InvoiceId::derived("1"), "number": "1", "account": account(),
        "from": "2026-05-01", "to": "2026-05-31", "total": "42.17",
        "hash": format!("0x{}", "07".repeat(32)),
    });
    let whole = json!({
        "type": "invoice.issued", "timestamp": "2026-06-01T10:00:00Z", "version": 1, "data": data,
    });
    assert_eq!(body, whole);
    let kept = town.get(&format!("{path}/deliveries?state=delivered")).await;
    assert_eq!(kept["items"][1]["body"], whole);
    assert_eq!(kept["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn what_is_not_taken_comes_again_before_what_is_newer() {
    let (mut town, system) = (Running::start().await, Receiver::start().await);
    town.found().await;
    let (path, _) = endpoint(&town, &system.url()).await;
    let issued = town.bill("1").await.id.to_string();
    let paid = town.pay("1").await.id.to_string();
    system.will_answer(&["500 Sorry", "302 Found\r\nLocation: /elsewhere", "endless"]);
    for wait in [5, 15, 45] {
        assert_eq!(town.round().await, 0);
        assert_eq!(ids(&system.take()), [issued.as_str()]);
        assert_eq!(town.round().await, 0, "too early");
        assert!(system.take().is_empty());
        town.wait(wait);
    }
    let waiting = town.get(&format!("{path}/deliveries?state=waiting")).await;
    assert_eq!(waiting["items"][1]["attempts"], 3);
    let error = waiting["items"][1]["error"].as_str().unwrap();
    assert!(error.starts_with("500 xxx") && error.len() == 204, "{error}");
    assert_eq!(town.round().await, 2);
    assert_eq!(ids(&system.take()), [issued, paid]);
}

#[actix_web::test]
async fn after_the_last_attempt_the_endpoint_fails_until_staff_replay() {
    let (mut town, system) = (Running::start().await, Receiver::start().await);
    town.found().await;
    let (path, secret) = endpoint(&town, &system.url()).await;
    let first = town.bill("1").await.id.to_string();
    for _ in 0..notices::ATTEMPTS_MAX {
        system.will_answer(&["503 Down"]);
        town.round().await;
        town.wait(6 * 3600);
    }
    let attempts = usize::try_from(notices::ATTEMPTS_MAX).unwrap();
    assert_eq!(ids(&system.take()), vec![first.as_str(); attempts]);
    let shown = town.get(&path).await;
    assert_eq!(shown["reason"], "503");
    assert_eq!((&shown["failed"], &shown["waiting"]), (&json!(1), &json!(0)));
    let second = town.pay("1").await.id.to_string();
    town.wait(24 * 3600);
    assert_eq!(town.round().await, 0, "nobody sends to an endpoint that fails");
    assert_eq!(town.post(&format!("{path}/test"), json!({})).await["taken"], true);
    let test = system.take();
    assert_eq!(test[0].headers["webhook-signature"], signature(&secret, &test[0]));

    let replayed = town.post(&format!("{path}/replay"), json!({})).await;
    assert_eq!(replayed, json!({ "messages": 1 }));
    assert_eq!(town.round().await, 2);
    assert_eq!(ids(&system.take()), [first.as_str(), second.as_str()]);
    assert!(town.get(&path).await.get("failing_since").is_none());
    // Once more, since the receiver has lost it.
    let lost = json!({ "message": first });
    assert_eq!(town.post(&format!("{path}/replay"), lost).await, json!({ "messages": 1 }));
    assert_eq!(town.round().await, 1);
    assert_eq!(ids(&system.take()), [first.as_str()]);
    system.will_answer(&["410 Gone"]);
    town.bill("2").await;
    town.round().await;
    assert_eq!(town.get(&path).await["reason"], "410", "who is gone is not asked again");
}

#[actix_web::test]
async fn nothing_reaches_this_machine_unless_the_operator_allows_it() {
    let (town, system) = (Running::start_with(&[]).await, Receiver::start().await);
    town.found().await;
    for url in [system.url(), format!("https://{}/", system.address)] {
        let terms = json!({ "url": url, "kinds": ["invoice.issued"] });
        let (status, problem) =
            town.ask("utility", Method::POST, "/v1/webhooks", Some(terms)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("MALFORMED")));
    }
    // A name is looked up when it is sent to: what it says then is what counts.
    let named = format!("https://localhost:{}/", system.address.port());
    let (path, _) = endpoint(&town, &named).await;
    town.bill("1").await;
    assert_eq!(town.round().await, 0);
    let kept = town.get(&format!("{path}/deliveries")).await;
    let error = "no connection: the name has no address that may be connected to";
    assert_eq!(kept["items"][0]["error"], error);
    assert!(system.take().is_empty());
}

#[actix_web::test]
async fn two_secrets_sign_while_one_follows_the_other_and_none_is_shown_twice() {
    let (mut town, system) = (Running::start().await, Receiver::start().await);
    town.found().await;
    let (path, old) = endpoint(&town, &system.url()).await;
    let rotated = town.post(&format!("{path}/secret"), json!({ "overlap_hours": 2 })).await;
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(old, new);
    town.bill("1").await;
    town.round().await;
    town.wait(2 * 3600);
    town.bill("2").await;
    town.round().await;
    let sent = system.take();
    let both = format!("{} {}", signature(new, &sent[0]), signature(&old, &sent[0]));
    assert_eq!(sent[0].headers["webhook-signature"], both);
    assert_eq!(sent[1].headers["webhook-signature"], signature(new, &sent[1]));

    let listed = town.get("/v1/webhooks").await.to_string();
    let raw = |secret: &str| STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    town.notices.close().await;
    let file = std::fs::read(town.folder.path().join("notices.db")).unwrap();
    for secret in [old.as_str(), new] {
        assert!(!listed.contains(secret));
        assert!(!file.windows(32).any(|window| window == raw(secret)), "at rest it is wrapped");
    }
}

#[actix_web::test]
async fn endpoints_are_of_their_community_and_its_staff_alone() {
    let (town, system) = (Running::start().await, Receiver::start().await);
    let (path, _) = endpoint(&town, &system.url()).await;
    let terms = json!({ "url": system.url(), "kinds": ["invoice.issued"] });
    for (who, method, at, body, expected) in [
        ("heron", Method::GET, "/v1/webhooks", None, StatusCode::FORBIDDEN),
        ("auditor", Method::GET, "/v1/webhooks", None, StatusCode::FORBIDDEN),
        ("heron", Method::POST, "/v1/webhooks", Some(terms.clone()), StatusCode::FORBIDDEN),
        ("stranger", Method::GET, path.as_str(), None, StatusCode::NOT_FOUND),
        ("stranger", Method::PUT, path.as_str(), Some(terms), StatusCode::NOT_FOUND),
        ("stranger", Method::DELETE, path.as_str(), None, StatusCode::NOT_FOUND),
        ("utility", Method::DELETE, path.as_str(), None, StatusCode::NO_CONTENT),
        ("utility", Method::GET, path.as_str(), None, StatusCode::NOT_FOUND),
    ] {
        let (status, answer) = town.ask(who, method.clone(), at, body).await;
        assert_eq!(status, expected, "{who} {method} {at}: {answer}");
    }
}
