//! What trades delivered is certified, when nothing of them can change any more.
//!
//! ```text
//! slot whose windows are over ──> its trades with a source: waiting
//! waiting ──(proof, meter, relay)──> sent ──> certified
//!            └──── refused: again after 1, 2, 4 ... 16 hours, then given up, with the reason
//! ```
//!
//! The proof of a sale is read back from the transaction that settled it, so that nothing is needed
//! but the chain. Invariants: a trade has one transaction at a time, and the contract takes one for
//! good; a trade that somebody else had certified is left alone.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::Transaction;
use contracts::bindings::{EnergyCertificate, MeterRegistry};
use contracts::{Call, CertificateTerms, Claim, SolCall, sales};
use ids::{AccountId, MeterId};
use serde_json::{Value, json};

use super::batches::Batches;
use super::logs::SettledFact;
use crate::Billing;
use crate::db::certifying::{self, Issue, Stage};
use crate::db::chain::{self, kind};
use crate::db::slots::{NEVER, SlotState};
use crate::db::{certificates, hash, members};
use crate::domain::certificate::{SourceChange, during, next_try, spans};

/// The most slots that one tick looks at.
const SLOTS_MAX: i64 = 50;
/// The most trades that one tick sends.
const TICK_TRADES_MAX: i64 = 64;
/// The most transactions of trades that may be in no block yet: several blocks full, so that runs
/// and payouts are never far behind.
const ON_THEIR_WAY_MAX: i64 = 128;
/// The most certificates that one tick asks the chain about.
const TERMS_MAX: i64 = 64;
/// Gas of an issue out of a full batch.
const ISSUE_GAS: u64 = 1_000_000;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;
/// Seconds after which a trade is looked at again that somebody else had certified in a block that
/// may still leave.
const LOOK_AGAIN_SECONDS: i64 = 3600;

const NO_PROOF: &str = "the transaction that settled it is no plain settlement";
const NO_METER: &str = "no meter of the seller measured at the connection point";
const NO_SOURCE: &str = "the connection point of the order has no source";

/// Why nothing is sent for a trade that was looked at.
enum Stays {
    Refused(&'static str),
    /// Somebody else had it certified; whether for good.
    Certified(bool),
    /// A run of its batch is on its way.
    Busy,
}

impl Billing {
    /// Has trades certified that are final at `now`; whether anything changed.
    pub(crate) async fn certify_due(&self, now: Timestamp) -> Result<bool> {
        let slots = certifying::slots(&self.db, now, SLOTS_MAX).await?;
        for slot in &slots {
            self.look_at_slot(slot, now).await.with_context(|| format!("slot {}", slot.slot))?;
        }
        let ended = self.note_ended(now).await?;
        let sent = self.send_waiting(now).await?;
        let told = self.learn_terms().await?;
        Ok(!slots.is_empty() || ended || sent || told)
    }

    /// Notes which trades of a slot are to be certified, and when the others are looked at.
    async fn look_at_slot(&self, slot: &SlotState, now: Timestamp) -> Result<()> {
        let community = slot.community.to_string();
        let settled: Vec<SettledFact> =
            chain::settled_in(&self.db, community, slot.slot.seconds()).await?;
        let (due, later) = self.final_of(settled, now).await;
        let batches = self.trade_batches(&due).await?;
        let mut sourced: HashMap<Address, Option<AccountId>> = HashMap::new();
        let mut issues = Vec::new();
        for fact in &due {
            let delivered = batches.last(fact.trade).map_or(0, |last| last.delivered.wh());
            if delivered == 0 {
                continue;
            }
            let seller = match sourced.get(&fact.seller) {
                Some(seller) => *seller,
                None => self.sourced(fact).await?,
            };
            sourced.insert(fact.seller, seller);
            let Some(account) = seller else { continue };
            issues.push(Issue {
                trade: fact.trade,
                community: slot.community,
                account,
                slot: slot.slot,
                wh: delivered,
                stage: Stage::Waiting,
                due: now,
                tries: 0,
                cause: String::new(),
                reason: String::new(),
            });
        }
        let slot = slot.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if certifying::looked_at(tx, &slot, later).await? {
                        certifying::put_new(tx, &issues).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Trades that are final at `now`, and when the first of the others will be.
    async fn final_of(&self, settled: Vec<SettledFact>, now: Timestamp) -> (Vec<SettledFact>, i64) {
        let state = self.state.lock().await;
        let (mut due, mut later) = (Vec::new(), NEVER);
        for fact in settled {
            let Some((at, _)) = state.is_final_at(&fact) else { continue };
            let at = at.saturating_add(MARGIN);
            if at <= now.unsigned() {
                due.push(fact);
            } else {
                later = later.min(i64::try_from(at).unwrap_or(NEVER));
            }
        }
        (due, later)
    }

    /// The seller of a trade, where one of its connection points had a source during the slot.
    async fn sourced(&self, fact: &SettledFact) -> Result<Option<AccountId>> {
        let Some(seller) = members::account_at(&self.db, fact.seller).await? else {
            return Ok(None);
        };
        for point in members::points_of(&self.db, seller.account).await? {
            if self.has_source(&point.to_string(), fact).await? {
                return Ok(Some(seller.account));
            }
        }
        Ok(None)
    }

    /// Whether a connection point had a source during the slot of a trade.
    async fn has_source(&self, point: &str, fact: &SettledFact) -> Result<bool> {
        let changes: Vec<(u64, SourceChange)> =
            chain::all(&self.db, kind::SOURCE, point.to_owned()).await?;
        let changes: Vec<SourceChange> = changes.into_iter().map(|(_, change)| change).collect();
        let length = self.state.lock().await.is_final_at(fact).map(|(_, length)| length);
        Ok(length.is_some_and(|length| during(&spans(&changes), fact.slot, length).is_some()))
    }

    /// Notes what came of transactions whose blocks are final; whether any was refused.
    async fn note_ended(&self, now: Timestamp) -> Result<bool> {
        let mut noted = Vec::new();
        for (issue, certified) in certifying::ended(&self.db, TICK_TRADES_MAX).await? {
            if certified {
                noted.push(Issue { stage: Stage::Done, reason: String::new(), ..issue });
                continue;
            }
            let batches = self.trade_batches_of(&[issue.trade]).await?;
            noted.push(match self.look(&issue, &batches, &mut HashMap::new()).await? {
                Ok(call) => refused(issue, self.reason(call).await, now),
                Err(stays) => stays.of(issue, now),
            });
        }
        let any = !noted.is_empty();
        self.keep_issues(noted, Vec::new()).await?;
        Ok(any)
    }

    /// Sends what waits and is due, as much as fits; whether anything was sent or refused.
    async fn send_waiting(&self, now: Timestamp) -> Result<bool> {
        let room = ON_THEIR_WAY_MAX - certifying::on_their_way(&self.db).await?;
        let waiting = certifying::due(&self.db, now, room.clamp(0, TICK_TRADES_MAX)).await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let trades: Vec<B256> = waiting.iter().map(|issue| issue.trade).collect();
        let batches = self.trade_batches_of(&trades).await?;
        let (mut noted, mut transactions) = (Vec::new(), Vec::new());
        let mut told = HashMap::new();
        for issue in waiting {
            noted.push(match self.look(&issue, &batches, &mut told).await? {
                Ok(call) => {
                    let cause = match issue.tries {
                        0 => format!("certificate/{}", issue.trade),
                        tries => format!("certificate/{}/{tries}", issue.trade),
                    };
                    transactions.push(self.transaction(cause.clone(), call, ISSUE_GAS));
                    Issue { stage: Stage::Sent, cause, ..issue }
                }
                Err(stays) => stays.of(issue, now),
            });
        }
        self.keep_issues(noted, transactions).await?;
        Ok(true)
    }

    async fn keep_issues(&self, issues: Vec<Issue>, sent: Vec<Transaction>) -> Result<()> {
        if issues.is_empty() {
            return Ok(());
        }
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for transaction in sent {
                        operator.enqueue(tx, &transaction).await?;
                    }
                    certifying::put_stages(tx, &issues).await
                })
            })
            .await
    }

    /// What is to be sent for a trade. `told` has the proofs of settlements that were read before.
    async fn look(
        &self,
        issue: &Issue,
        batches: &Batches,
        told: &mut HashMap<B256, Vec<Claim>>,
    ) -> Result<Result<Call, Stays>> {
        let certified: Vec<(u64, String)> =
            chain::all(&self.db, kind::CERTIFIED, hash(issue.trade)).await?;
        if let Some((height, _)) = certified.last() {
            let head = self.state.lock().await.head;
            let is_final = head.is_some_and(|head| *height <= head.finalized);
            return Ok(Err(Stays::Certified(is_final)));
        }
        let mut settled: Vec<(u64, SettledFact)> =
            chain::all(&self.db, kind::SETTLED, hash(issue.trade)).await?;
        let (Some((_, fact)), Some(key)) = (settled.pop(), batches.key_of(issue.trade)) else {
            return Ok(Err(Stays::Refused(NO_PROOF)));
        };
        if batches.is_busy(key) {
            return Ok(Err(Stays::Busy));
        }
        let claims = match told.get(&fact.transaction) {
            Some(claims) => claims,
            None => {
                let read = self.sales_of(fact.transaction).await?;
                &*told.entry(fact.transaction).or_insert(read)
            }
        };
        let Some(sale) = claims.iter().find(|claim| claim.index == fact.index) else {
            return Ok(Err(Stays::Refused(NO_PROOF)));
        };
        let point = sale.order.connection_point;
        if !self.has_source(&point.to_string(), &fact).await? {
            return Ok(Err(Stays::Refused(NO_SOURCE)));
        }
        let Some(meter) = self.meter_of(sale, &fact).await? else {
            return Ok(Err(Stays::Refused(NO_METER)));
        };
        Ok(Ok(self.deployment.certify(sale, &batches.shown(key)?, meter)))
    }

    /// The proofs of the sellers in the settlement that a transaction made; none where it is none
    /// that can be read.
    async fn sales_of(&self, transaction: B256) -> Result<Vec<Claim>> {
        let asked = self.node.request("eth_getTransactionByHash", json!([transaction])).await;
        let answer = asked.context("reading a settlement")?;
        let input = answer.get("input").filter(|input| !Value::is_null(input)).cloned();
        let Some(input) = input else { return Ok(Vec::new()) };
        let input: Bytes = serde_json::from_value(input).context("a transaction's input")?;
        Ok(sales(self.chain_id, self.deployment.market, &input).unwrap_or_default())
    }

    /// The meter that measured at the connection point of a sale when its slot ended, by the
    /// registry on chain.
    async fn meter_of(&self, sale: &Claim, fact: &SettledFact) -> Result<Option<MeterId>> {
        let Some((_, length)) = self.state.lock().await.is_final_at(fact) else { return Ok(None) };
        let (point, time) = (sale.order.connection_point, fact.slot + u64::from(length));
        for meter in members::meters_at(&self.db, point).await? {
            let question =
                MeterRegistry::keyAtCall { meter: meter.to_bytes32().into(), time }.abi_encode();
            let at = self.deployment.meters;
            let answer = client::call(&*self.node, at, question.into(), "latest").await;
            let answer = answer.context("asking for a meter's key")?;
            let key = MeterRegistry::keyAtCall::abi_decode_returns(&answer)?;
            let here = key.connectionPoint == B256::from(point.to_bytes32());
            if here && key.owner == sale.order.account {
                return Ok(Some(meter));
            }
        }
        Ok(None)
    }

    /// Learns what new certificates say. Their number follows from it, so that the answer of any
    /// block will do; whether anything was learnt.
    async fn learn_terms(&self) -> Result<bool> {
        let mut learnt = Vec::new();
        for certificate in certificates::unknown(&self.db, TERMS_MAX).await? {
            let question = EnergyCertificate::certificatesCall { certificate }.abi_encode();
            let at = self.deployment.certificates;
            let answer = client::call(&*self.node, at, question.into(), "latest").await;
            let answer = answer.context("asking what a certificate says")?;
            let terms = EnergyCertificate::certificatesCall::abi_decode_returns(&answer)?;
            let terms = CertificateTerms::from_sol(&terms);
            learnt.extend(terms.filter(|terms| terms.id() == certificate));
        }
        if learnt.is_empty() {
            return Ok(false);
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for terms in &learnt {
                        certificates::put_terms(tx, terms).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }
}

impl Stays {
    /// What the trade is from `now` on.
    fn of(self, issue: Issue, now: Timestamp) -> Issue {
        match self {
            Stays::Refused(reason) => refused(issue, reason.to_owned(), now),
            Stays::Certified(true) => Issue { stage: Stage::Done, ..issue },
            Stays::Certified(false) | Stays::Busy => {
                let due = now.plus_seconds(LOOK_AGAIN_SECONDS);
                Issue { stage: Stage::Waiting, due, ..issue }
            }
        }
    }
}

/// A trade that was refused once more.
fn refused(issue: Issue, reason: String, now: Timestamp) -> Issue {
    let tries = issue.tries + 1;
    tracing::warn!(trade = %issue.trade, %reason, tries, "a trade is not certified");
    match next_try(tries, now) {
        Some(due) => Issue { stage: Stage::Waiting, due, tries, reason, ..issue },
        None => Issue { stage: Stage::GivenUp, tries, reason, ..issue },
    }
}
