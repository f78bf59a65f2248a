//! Members of a demo that shares out what was generated: each home signs once what it grants, and
//! joins. It places no orders.
//!
//! Doing it again changes nothing.

use anyhow::{Context, Result, ensure};
use calendar::Timestamp;
use contracts::AccountRequest;
use keys::Signature;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::Principal;

use super::people::{People, Resident};
use crate::node::Node;

/// What a home lets its community settle at most of each side, in Wh: of a slot, and of a day.
const SLOT_WH_MAX: u64 = 20_000;
const DAY_WH_MAX: u64 = 200_000;
/// How long a mandate lasts: longer than a demo.
const MANDATE_SECONDS: i64 = 2 * 366 * 86_400;
/// All of what is shared out, in basis points.
const WHOLE_BPS: usize = 10_000;

/// The way of homes to their community.
struct Door<'n> {
    http: Client,
    node: &'n Node,
}

/// Whether what was metered is shared out in this installation, so that nobody orders.
pub fn shares_out(node: &Node) -> bool {
    node.policy.settle_seconds > 0
}

/// Lets every home join, and gives all the same share from the slot that starts at `first` on.
pub async fn join(
    node: &Node,
    admin: &Principal,
    people: &People,
    (now, first): (Timestamp, Timestamp),
) -> Result<()> {
    let door = Door { http: Client::new(), node };
    let token = node.identity.token_for(admin)?;
    let known = door.ask(Method::GET, "/v1/shares", &token, None).await?;
    if known.as_array().is_none_or(Vec::is_empty) {
        let bps = WHOLE_BPS / people.residents.len();
        ensure!(bps > 0, "at most {WHOLE_BPS} homes can have a share");
        let share =
            |home: &Resident| json!({ "connection_point": home.connection_point, "bps": bps });
        let shares: Vec<Value> = people.residents.iter().map(share).collect();
        let path = format!("/v1/shares/{first}");
        door.ask(Method::PUT, &path, &token, Some(json!({ "shares": shares }))).await?;
    }
    for home in &people.residents {
        door.join(home, now).await?;
    }
    Ok(())
}

impl Door<'_> {
    async fn join(&self, home: &Resident, now: Timestamp) -> Result<()> {
        let token = self.node.identity.token_for(&home.principal)?;
        let about = self.ask(Method::GET, "/v1/memberships", &token, None).await?;
        if about["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return Ok(());
        }
        let wish = json!({
            "kind": "mandate",
            "delegate": about["delegate"],
            "until": now.plus_seconds(MANDATE_SECONDS).to_string(),
            "buy_price_max": about["buy_limit"],
            "sell_price_min": about["sell_limit"],
            "quantity_per_slot": SLOT_WH_MAX,
            "quantity_per_day": DAY_WH_MAX,
        });
        let prepared = self.ask(Method::POST, "/v1/requests/prepare", &token, Some(wish)).await?;
        let terms = prepared["terms"].clone();
        let signature = self.signed(home, &token, &terms).await?;
        let sent = json!({ "terms": terms, "signature": signature });
        self.ask(Method::POST, "/v1/requests", &token, Some(sent)).await?;
        let path = format!("/v1/memberships/{}", home.connection_point);
        self.ask(Method::PUT, &path, &token, Some(json!({}))).await?;
        Ok(())
    }

    /// The home's signature of a request: its own, or identity's with the key that it holds.
    async fn signed(&self, home: &Resident, token: &str, terms: &Value) -> Result<Signature> {
        let Some(key) = &home.own_key else {
            let path = "/v1/signatures/request";
            let signed = self.ask(Method::POST, path, token, Some(terms.clone())).await?;
            return Ok(serde_json::from_value(signed["signature"].clone())?);
        };
        let request: AccountRequest = serde_json::from_value(terms.clone())?;
        let hash = request.hash(self.node.chain_id, &self.node.deployment);
        Ok(key.sign(hash.context("hashing a mandate")?))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let url = format!("{}{path}", self.node.url());
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            let name = alloy_primitives::keccak256(body.to_string()).to_string();
            request = request.header("Idempotency-Key", name).json(&body);
        }
        let response = request.send().await.with_context(|| path.to_owned())?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| path.to_owned())?;
        ensure!(status.is_success(), "{path} ({status}): {answer}");
        Ok(answer)
    }
}
