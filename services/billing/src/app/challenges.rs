//! A challenge is prepared for whoever wants to send it, and sent by the relay for whoever has no
//! ether.
//!
//! Anyone with a part in the community may: the evidence proves itself, and only what the chain
//! would take now is sent, so that the operator's gas cannot be used up for nothing.

use alloy_primitives::{B256, U64, keccak256};
use anyhow::{Context, Error, Result};
use calendar::Timestamp;
use client::Transaction;
use contracts::{Call, Reconciled, Side, Terms};
use ids::{AccountId, CommunityId};
use serde_json::json;
use service::Problem;

use super::case::{Chain, Doubt};
use super::logs::SettledFact;
use crate::Billing;
use crate::db::chain::{self, kind};
use crate::db::challenges::{self, Proven, Sent};
use crate::db::hash;
use crate::db::requests::RequestState;
use crate::domain::challenge::{Case, Cut, End, Judged, Proof, Stage};

/// Challenges of a community that may be on their way at the same time.
const CHALLENGES_OPEN_MAX: i64 = 64;

/// Which trade is challenged, by the meter of which side.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) trade: B256,
    pub(crate) side: Side,
    pub(crate) begin: Proof,
    pub(crate) end: Proof,
}

/// A challenge as it would be judged now.
pub(crate) struct Prepared {
    pub(crate) case: Case,
    pub(crate) judged: Judged,
    pub(crate) stage: Stage,
    pub(crate) call: Call,
}

impl From<Doubt> for Problem {
    fn from(doubt: Doubt) -> Problem {
        let title = doubt.to_string();
        match doubt {
            Doubt::UnknownTrade => Problem::not_found("trade"),
            Doubt::NotShown => Problem::refused("ORDERS_NOT_SHOWN", title),
            Doubt::Changed => Problem::refused("TRADES_CHANGED", title),
            Doubt::Flaw(flaw) => Problem::refused(flaw.code(), title),
            Doubt::Fault(error) => Problem::from(error),
        }
    }
}

impl Billing {
    /// What a challenge comes to by the chain's own word, and the call that makes it.
    pub(crate) async fn prepare_challenge(
        &self,
        community: CommunityId,
        wish: &Wish,
    ) -> Result<Prepared, Problem> {
        // The chain is looked through for trades only that are there.
        if !chain::is_known(&self.db, kind::SETTLED, hash(wish.trade)).await? {
            return Err(Problem::not_found("trade"));
        }
        let chain = Chain { node: &*self.node, id: self.chain_id, at: self.deployment };
        let case = chain.case(wish.trade, wish.side).await?;
        if case.posted.policy.community != community {
            return Err(Problem::not_found("trade"));
        }
        let begin = chain.proven(&case, &wish.begin, End::Begin).await?;
        let end = chain.proven(&case, &wish.end, End::End).await?;
        let flawed = |flaw| Problem::from(Doubt::Flaw(flaw));
        let registered = case.registered(&begin, &end).map_err(flawed)?;
        let judged =
            case.judge(registered).context("runs of a challenge").map_err(Problem::from)?;
        // A chain at rest is behind the time of the block that will have it.
        let now = self.now().unsigned().max(chain.now().await?);
        let stage = case.window().stage(now);
        let call = case.call(&self.deployment, [&wish.begin, &wish.end]).map_err(flawed)?;
        Ok(Prepared { case, judged, stage, call })
    }

    /// Gives a prepared challenge to the relay, once: the same call is the same challenge.
    ///
    /// `shown` is what is kept of it for those who look.
    pub(crate) async fn file_challenge(
        &self,
        (community, account): (CommunityId, Option<AccountId>),
        trade: B256,
        prepared: &Prepared,
        (shown, now): (String, Timestamp),
    ) -> Result<Sent> {
        check(prepared)?;
        let Call { to, data } = prepared.call.clone();
        let gas = self.gas_of(&prepared.call).await?;
        let hash = keccak256(&data);
        let call = data.to_string();
        let transaction = Transaction { cause: challenges::cause(hash), to, data, gas };
        let account = challenges::asked_by(account);
        let state = RequestState::Sent;
        let sent = Sent { hash, community, account, trade, call, shown, at: now, state };
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if let Some(known) = challenges::find(tx, hash).await? {
                        return Ok(known);
                    }
                    if challenges::open(tx, community).await? >= CHALLENGES_OPEN_MAX {
                        let title = format!("{CHALLENGES_OPEN_MAX} challenges are under way");
                        return Err(Problem::refused("CHALLENGES_OPEN", title).into());
                    }
                    challenges::put(tx, &sent).await?;
                    operator.enqueue(tx, &transaction).await?;
                    Ok::<_, Error>(sent)
                })
            })
            .await
    }

    /// A quarter more than the call takes now; a refusal where the contract does not take it.
    async fn gas_of(&self, call: &Call) -> Result<u64> {
        let from = self.operator.address();
        let params = json!([{ "from": from, "to": call.to, "data": call.data }]);
        let Ok(gas) = self.node.request("eth_estimateGas", params).await else {
            let title = "The contract does not take it now";
            let reason = self.reason(call.clone()).await;
            return Err(Problem::refused("REFUSED", title).with_detail(reason).into());
        };
        let gas: u64 = serde_json::from_value::<U64>(gas).context("an estimate of gas")?.to();
        if gas > client::TRANSACTION_GAS_MAX {
            let title = "The challenge names more trades than a transaction can";
            return Err(Problem::refused("TOO_LARGE", title).into());
        }
        Ok(gas.saturating_add(gas / 4).min(client::TRANSACTION_GAS_MAX))
    }

    /// Why a challenge that was sent failed, as the contract says now.
    pub(crate) async fn reason_of_challenge(&self, sent: &Sent) -> Result<Option<String>> {
        if sent.state != RequestState::Failed {
            return Ok(None);
        }
        let (to, data) = (self.deployment.challenges, sent.call.parse()?);
        Ok(Some(self.reason(Call { to, data }).await))
    }

    /// What a challenge in a block cut, with what each party has more or less than before.
    pub(crate) async fn cuts_of(&self, proven: &Proven) -> Result<Vec<Cut>> {
        let mut cuts = Vec::with_capacity(proven.cut.len());
        for after in &proven.cut {
            let key = hash(after.trade);
            let runs: Vec<((u64, u32), Reconciled)> =
                chain::placed(&self.db, kind::RECONCILED, key.clone()).await?;
            let before = runs.into_iter().rev().find(|(place, _)| *place < proven.place);
            let (_, before) = before.context("a cut of a trade without a run")?;
            let mut settled: Vec<(u64, SettledFact)> =
                chain::all(&self.db, kind::SETTLED, key).await?;
            let (_, settled) = settled.pop().context("a cut of an unknown trade")?;
            let terms = self.terms_of(&settled).await?;
            cuts.push(Cut::between(&terms, before, *after)?);
        }
        Ok(cuts)
    }

    async fn terms_of(&self, settled: &SettledFact) -> Result<Terms> {
        let state = self.state.lock().await;
        let posted = state.posted(settled.clearing).context("a trade of no known clearing")?;
        let quantity = units::Energy::from_wh(settled.quantity);
        Ok(Terms::new(&posted.policy, &posted.clearing, settled.prices, quantity))
    }
}

/// The window is open and there is something to cut.
fn check(prepared: &Prepared) -> Result<(), Problem> {
    let window = prepared.case.window();
    let at = |seconds: u64| Timestamp::from_seconds(seconds.cast_signed());
    match prepared.stage {
        Stage::Early => {
            let title = format!("Corrections are open: challenges from {}", at(window.opens));
            Err(Problem::refused("TOO_EARLY", title))
        }
        Stage::Over => {
            let title = format!("Challenges ended at {}", at(window.closes));
            Err(Problem::refused("TOO_LATE", title))
        }
        Stage::Open if prepared.judged.cuts.is_empty() => {
            Err(Problem::refused("NO_EXCESS", "What was reconciled fits the registers"))
        }
        Stage::Open => Ok(()),
    }
}
