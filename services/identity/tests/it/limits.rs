//! How much is signed with held keys, and the consent of a second person.

use alloy_primitives::U256;
use bus::Bus;
use contracts::{OrderTerms, Side};
use identity::{MasterKey, Settings, SignerLimits};
use ids::AccountId;
use keys::{Signature, recover};
use serde_json::{Value, json};
use service::Clock;
use units::{Energy, Money};

use crate::orders::order;
use crate::server::{Answer, PLACE, Server, parts};

/// 100 a day, consent above 10, for an hour.
fn settings() -> Settings {
    let limits = SignerLimits {
        daily: Money::from_n(100_000_000_000),
        approval_above: Money::from_n(10_000_000_000),
        approval_seconds: 3600,
        ..SignerLimits::default()
    };
    Settings { limits, ..Settings::default() }
}

/// A home that has its orders signed.
struct Home {
    server: Server,
    account: Value,
    token: String,
    operator: String,
    point: String,
}

impl Home {
    async fn start() -> Home {
        let server = Server::start_with(settings()).await;
        let operator = server.staff("operator").await;
        let (account, token) = server.home("ada", "prosumer").await;
        let point = server.connection_point(&operator, &account).await;
        Home { server, account, token, operator, point }
    }

    /// An order that counts `amount`, of its own for each `nonce`, for a slot six hours from now.
    fn order(&self, amount: u64, nonce: u64) -> OrderTerms {
        OrderTerms {
            quantity: Energy::from_wh(amount * 1_000),
            limit_price: 1_000_000,
            nonce: U256::from(nonce),
            slot: 1_780_329_600,
            ..order(&self.account, &self.point, Side::Buy)
        }
    }

    async fn sign(&self, terms: &OrderTerms) -> Answer {
        self.server.post("/v1/signatures/order", &self.token, json!(terms)).await
    }

    async fn limit(&self) -> Answer {
        self.server.get(&self.limit_path(), &self.token).await
    }

    fn limit_path(&self) -> String {
        format!("/v1/signing-limits/{}", self.account["account"].as_str().unwrap())
    }

    async fn decide(&self, approval: &str, token: &str, how: &str) -> Answer {
        let path = format!("/v1/approvals/{approval}/{how}");
        self.server.post(&path, token, json!({})).await
    }

    async fn state(&self, approval: &str) -> String {
        let list = self.server.get("/v1/approvals", &self.token).await;
        let items = list.body["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["approval"] == approval).unwrap();
        found["state"].as_str().unwrap().to_owned()
    }
}

#[actix_web::test]
async fn no_more_is_signed_in_a_day_than_its_limit() {
    let home = Home::start().await;
    for nonce in 0..20 {
        let answer = home.sign(&home.order(5, nonce)).await;
        assert_eq!(answer.status, 200, "{nonce}: {answer:?}");
    }
    let refused = home.sign(&home.order(5, 20)).await;
    assert_eq!((refused.status, refused.code()), (422, "SIGNING_LIMIT"));
    assert_eq!(home.sign(&home.order(5, 3)).await.status, 200, "the same again is free");
    let limit = home.limit().await;
    assert_eq!((limit.text("/daily"), limit.text("/signed_today")), ("100".into(), "100".into()));
    home.server.hand.move_to("2026-06-02T00:00:00Z".parse().unwrap());
    assert_eq!(home.limit().await.text("/signed_today"), "0");
    assert_eq!(home.sign(&home.order(5, 21)).await.status, 200);
    home.server.stop().await;
}

#[actix_web::test]
async fn a_restart_forgets_nothing_that_was_signed() {
    let home = Home::start().await;
    assert_eq!(home.sign(&home.order(5, 1)).await.status, 200);
    assert_eq!(home.limit().await.text("/signed_today"), "5");
    let (admin, _) = home.server.admin().await;
    let account: AccountId = home.account["account"].as_str().unwrap().parse().unwrap();
    let Server { identity, folder, .. } = home.server;
    identity.close().await;
    let (clock, _hand) = Clock::set("2026-06-01T12:00:00Z".parse().unwrap());
    let parts = parts(&folder, Bus::in_process(), clock, MasterKey::from_bytes([1; 32]));
    let identity = identity::start_with(parts, settings()).await.unwrap();
    let limit = identity.signing_limit(&admin, account, None).await.unwrap();
    assert_eq!(limit.signed_today.to_string(), "5", "what was signed still counts");
    identity.close().await;
}

#[actix_web::test]
async fn a_large_order_is_signed_when_somebody_else_consents() {
    let home = Home::start().await;
    let terms = home.order(20, 1);
    let waits = home.sign(&terms).await;
    assert_eq!((waits.status, waits.text("/state")), (202, "open".to_owned()), "{waits:?}");
    assert_eq!(waits.body["order"], json!(terms));
    assert_eq!(home.sign(&terms).await, waits, "asking again changes nothing");
    let id = waits.text("/approval");
    assert_eq!(home.decide(&id, &home.token, "approval").await.code(), "FORBIDDEN");
    let auditor = home.server.staff("auditor").await;
    assert_eq!(home.decide(&id, &auditor, "approval").await.code(), "FORBIDDEN");
    let approved = home.decide(&id, &home.operator, "approval").await;
    assert_eq!((approved.status, approved.text("/state")), (200, "approved".to_owned()));
    assert_eq!(home.decide(&id, &home.operator, "refusal").await.code(), "DECIDED");
    for _ in 0..2 {
        let signed = home.sign(&terms).await;
        assert_eq!(signed.status, 200, "{signed:?}");
        let signature: Signature = signed.text("/signature").parse().unwrap();
        let hash = terms.hash(PLACE.chain_id, PLACE.at.market);
        assert_eq!(recover(hash, &signature), Some(terms.account));
    }
    assert_eq!(home.state(&id).await, "done");
    assert_eq!(home.limit().await.text("/signed_today"), "20");
    let log = home.server.audit_log().await;
    let expected = [
        "request_approval done",
        "approve denied",
        "manage_parties done",
        "approve denied",
        "approve done",
        "sign_order done",
    ];
    assert_eq!(log[log.len() - expected.len()..], expected);
    home.server.stop().await;
}

#[actix_web::test]
async fn a_large_order_can_be_refused_or_wait_too_long() {
    let home = Home::start().await;
    let (refused, late) = (home.order(20, 1), home.order(20, 2));
    let id = home.sign(&refused).await.text("/approval");
    assert_eq!(home.decide(&id, &home.operator, "refusal").await.text("/state"), "refused");
    let answer = home.sign(&refused).await;
    assert_eq!((answer.status, answer.code()), (422, "APPROVAL_REFUSED"));
    let [open, approved] = [late, home.order(20, 3)];
    let first = home.sign(&open).await.text("/approval");
    let second = home.sign(&approved).await.text("/approval");
    home.decide(&second, &home.operator, "approval").await;
    home.server.hand.move_to("2026-06-01T11:00:00Z".parse().unwrap());
    assert_eq!(home.state(&first).await, "expired");
    assert_eq!(home.state(&second).await, "expired", "also what was approved and not used");
    assert_eq!(home.decide(&first, &home.operator, "approval").await.code(), "DECIDED");
    let again = home.sign(&open).await;
    assert_eq!(again.status, 202);
    assert_ne!(again.text("/approval"), first);
    home.server.hand.move_to("2026-06-01T16:00:00Z".parse().unwrap());
    let over = home.sign(&home.order(20, 4)).await;
    assert_eq!((over.status, over.code()), (422, "EXPIRED"), "the slot has begun");
    home.server.stop().await;
}

#[actix_web::test]
async fn consent_does_not_lift_the_limit_and_requests_are_few() {
    let home = Home::start().await;
    let beyond = home.sign(&home.order(101, 1)).await;
    assert_eq!((beyond.status, beyond.code()), (422, "SIGNING_LIMIT"));
    let endless = OrderTerms { limit_price: u64::MAX, ..home.order(1, 2) };
    assert_eq!(home.sign(&endless).await.code(), "SIGNING_LIMIT");
    for nonce in 10..30 {
        assert_eq!(home.sign(&home.order(60, nonce)).await.status, 202);
    }
    assert_eq!(home.sign(&home.order(60, 30)).await.code(), "APPROVALS_OPEN");
    let page = home.server.get("/v1/approvals?limit=15", &home.operator).await;
    assert_eq!(page.body["items"].as_array().map(Vec::len), Some(15));
    let rest = format!("/v1/approvals?cursor={}", page.text("/next"));
    let rest = home.server.get(&rest, &home.operator).await;
    assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(5));
    let ids: Vec<String> = rest.body["items"].as_array().unwrap()[..2]
        .iter()
        .map(|item| item["approval"].as_str().unwrap().to_owned())
        .collect();
    for (id, status) in ids.iter().zip([200, 422]) {
        assert_eq!(home.decide(id, &home.operator, "approval").await.status, 200);
        let list = home.server.get("/v1/approvals", &home.operator).await;
        let items = list.body["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["approval"] == id.as_str()).unwrap();
        let order = found["order"].clone();
        let answer = home.server.post("/v1/signatures/order", &home.token, order).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    home.server.stop().await;
}

#[actix_web::test]
async fn a_higher_limit_needs_two_and_a_lower_one_none() {
    let home = Home::start().await;
    let path = home.limit_path();
    let change = async |token: &str, daily: &str| {
        home.server.put(&path, token, json!({ "daily": daily })).await
    };
    let (_, admin) = home.server.admin().await;
    let raise = change(&home.operator, "200").await;
    assert_eq!((raise.status, raise.text("/kind")), (202, "limit".to_owned()), "{raise:?}");
    assert_eq!(change(&home.operator, "200").await, raise, "asking again changes nothing");
    let id = raise.text("/approval");
    let own = home.decide(&id, &home.operator, "approval").await;
    assert_eq!((own.status, own.code()), (422, "FOUR_EYES"));
    assert_eq!(home.limit().await.text("/daily"), "100");
    assert_eq!(home.decide(&id, &admin, "approval").await.text("/state"), "done");
    assert_eq!(home.limit().await.text("/daily"), "200");
    assert_eq!(home.sign(&home.order(9, 1)).await.status, 200);
    let lower = change(&home.operator, "12").await;
    assert_eq!((lower.status, lower.text("/daily")), (200, "12".to_owned()));
    let refused = home.sign(&home.order(9, 2)).await;
    assert_eq!(refused.code(), "SIGNING_LIMIT", "what is left of the higher limit is gone");
    for (token, daily, code) in [
        (&home.token, "1", "FORBIDDEN"),
        (&home.operator, "-1", "AMOUNT"),
        (&home.operator, "1000000001", "AMOUNT"),
        (&home.operator, "much", "MALFORMED"),
    ] {
        assert_eq!(change(token, daily).await.code(), code, "{daily}");
    }
    let (_, bob) = home.server.home("bob", "consumer").await;
    assert_eq!(home.server.get(&path, &bob).await.code(), "FORBIDDEN");
    assert_eq!(home.server.get(&path, &home.operator).await.status, 200);
    let nobody = format!("/v1/signing-limits/{}", AccountId::derived("nobody"));
    assert_eq!(home.server.get(&nobody, &admin).await.code(), "NOT_FOUND");
    let log = home.server.audit_log().await;
    let told = |action: &str| log.iter().filter(|entry| entry.starts_with(action)).count();
    assert_eq!((told("change_signing_limit done"), told("approve d")), (2, 2), "{log:?}");
    home.server.stop().await;
}
