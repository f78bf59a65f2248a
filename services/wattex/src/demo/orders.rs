//! The homes' orders, over the public API: signed by the home, or by identity for a held key.

use std::time::Duration;

use alloy_primitives::{B256, U256, keccak256};
use anyhow::{Context, Result};
use calendar::Slot;
use contracts::OrderTerms;
use ids::OrderId;
use keys::{Address, Signature};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use units::Energy;

use super::people::Resident;
use super::rule::Intent;
use crate::node::Node;

/// How long a connection waits unused for the next request: the gateway closes one after five
/// seconds, and who closes first must not be the gateway while a request is on its way.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// How often a request is sent whose connection broke before the answer.
const SENDS_MAX: u32 = 3;

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in the book.
    Accepted,
    /// It was refused, with this code.
    Rejected(String),
}

/// A home's way to the market.
pub struct Desk<'n> {
    http: Client,
    node: &'n Node,
    /// Whether homes whose key is held settle at another address each month.
    rotates: bool,
}

impl<'n> Desk<'n> {
    /// A way to the market of `node`.
    pub fn new(node: &'n Node, rotates: bool) -> Result<Self> {
        let http = Client::builder().pool_idle_timeout(IDLE_MAX).build()?;
        Ok(Desk { http, node, rotates })
    }

    /// Places `intent` for `slot`. The same home and slot give the same order, so repeating it
    /// after a crash is answered as before.
    pub async fn place(&self, home: &Resident, slot: Slot, intent: Intent) -> Result<Answer> {
        let node = self.node;
        let name = format!("demo/{}/{}", home.connection_point, slot.start);
        let terms = OrderTerms {
            account: self.address(home, slot).await?,
            side: intent.side,
            slot: slot.start.unsigned(),
            quantity: intent.quantity,
            limit_price: intent.limit.n_per_wh().unsigned_abs(),
            min_fill: Energy::ZERO,
            community: node.community,
            zone: node.zone,
            connection_point: home.connection_point,
            policy: node.policy.id(),
            delegate: Address::ZERO,
            nonce: U256::from_be_bytes(keccak256(&name).0),
            expiry: slot.end().unsigned(),
        };
        let token = node.identity.token_for(&home.principal)?;
        let signature = match &home.own_key {
            Some(key) => key.sign(terms.hash(node.chain_id, node.deployment.market)),
            None => self.sign_held(&token, &terms).await?,
        };
        let order = json!({
            "order_id": OrderId::derived(&name),
            "order": terms,
            "signature": signature,
        });
        self.send(&token, &order).await
    }

    /// Where a home settles a slot, and what signs for it.
    async fn address(&self, home: &Resident, slot: Slot) -> Result<Address> {
        if !self.rotates || home.own_key.is_some() {
            return Ok(home.address);
        }
        let all = self.node.identity.addresses(&home.principal, home.account).await?;
        let valid = all.into_iter().find(|one| one.is_valid_at(slot.start));
        Ok(valid.context("an account settles at some address")?.address)
    }

    /// Sends what may be repeated: an order is answered as before, a signature is the same.
    async fn post(&self, path: &str, token: &str, body: &Value) -> Result<Response> {
        let url = format!("{}{path}", self.node.url());
        let mut sends = 1;
        loop {
            let sent = self.http.post(&url).bearer_auth(token).json(body).send().await;
            match sent {
                Err(error) if error.is_request() && sends < SENDS_MAX => {
                    tracing::debug!(%error, sends, "a connection broke, the request goes again");
                    sends += 1;
                }
                sent => return Ok(sent?),
            }
        }
    }

    async fn sign_held(&self, token: &str, terms: &OrderTerms) -> Result<Signature> {
        let response =
            self.post("/v1/signatures/order", token, &serde_json::to_value(terms)?).await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        let signature: Signature = serde_json::from_value(answer["signature"].clone())
            .with_context(|| format!("identity signs no order ({status}): {answer}"))?;
        let _hash: B256 = serde_json::from_value(answer["hash"].clone())?;
        Ok(signature)
    }

    async fn send(&self, token: &str, order: &Value) -> Result<Answer> {
        let response = self.post("/v1/orders", token, order).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Answer::Accepted);
        }
        let problem: Value = response.json().await?;
        let code = problem["code"].as_str().unwrap_or("UNKNOWN").to_owned();
        anyhow::ensure!(
            status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::CONFLICT,
            "the market failed ({status}): {problem}"
        );
        Ok(Answer::Rejected(code))
    }
}
