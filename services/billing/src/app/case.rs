//! What the chain says of a trade and of readings: everything that a challenge is judged by.
//!
//! Asked over JSON-RPC, so that whoever has a node can ask it too and needs no word of ours. The
//! fills of a clearing are in the calls that settled them, their state is in events, and that both
//! were understood right is checked: the batch must hash to what the contract keeps, a claim must
//! be under the fills root.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use anyhow::{Context, Result, anyhow};
use client::{Block, JsonRpc, RpcError};
use contracts::bindings::EnergyMarket::{
    SlotCleared, TradeCreated, TradePriced, TradeReconciled, batchStateCall,
};
use contracts::bindings::{MeterRegistry, ReadingAnchor};
use contracts::{
    BATCH_FILLS, BatchTrade, Claim, Deployment, FillBatch, Posted, Prices, READINGS_OF_SLOT,
    Reconciled, Side, SolCall, SolEvent, TradeBatch, WINDOWS_MAX, trade_id,
};
use ids::ConnectionPointId;
use serde::Deserialize;
use serde_json::{Value, json};
use units::Energy;

use crate::domain::challenge::{Anchored, Case, End, Flaw, MeterKey, Proof, Proven};

/// Blocks of one question for logs: nodes refuse more.
const BLOCKS_MAX: u64 = 10_000;
/// How long before its slot a clearing may have been posted, in seconds; orders are taken for less.
const POSTED_BEFORE_MAX: u64 = 30 * 86_400;
/// How long after a trade was settled a challenge of it can be asked for, in seconds: the longest
/// windows, and as long as a trade may come before its slot.
const SETTLED_BEFORE_MAX: u64 = WINDOWS_MAX as u64 + POSTED_BEFORE_MAX + 86_400;
/// Trades of one question for logs.
const TRADES_MAX: usize = 500;
/// Fills of a clearing that are looked through.
const FILLS_MAX: u32 = 1 << 16;
/// Trades of one challenge: more do not fit a transaction. Naming fewer takes less, never more.
const CLAIMS_MAX: usize = 128;

/// A chain and who answers for it.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    /// Answers JSON-RPC.
    pub node: &'a dyn JsonRpc,
    /// The chain's id.
    pub id: u64,
    /// Where the contracts are.
    pub at: Deployment,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// The chain has no trade of this name.
    #[error("the chain has no such trade")]
    UnknownTrade,
    /// The call that settled the trade does not show its orders: another contract made it.
    #[error("the transaction that settled the trade does not show its orders")]
    NotShown,
    /// The trades are not what the contract keeps: a run came meanwhile.
    #[error("the trades changed while they were read: ask again")]
    Changed,
    /// The readings prove nothing.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The node did not answer, or with what is none.
    #[error(transparent)]
    Fault(#[from] anyhow::Error),
}

impl From<RpcError> for Doubt {
    fn from(error: RpcError) -> Doubt {
        Doubt::Fault(anyhow!(error).context("asking the node"))
    }
}

/// A log as a node shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChainLog {
    topics: Vec<B256>,
    data: Bytes,
    block_number: U64,
    transaction_hash: B256,
}

impl ChainLog {
    fn decode<E: SolEvent>(&self) -> Result<E> {
        E::decode_raw_log(self.topics.iter().copied(), &self.data)
            .context("a log is not what it says")
    }

    fn is<E: SolEvent>(&self) -> bool {
        self.topics.first() == Some(&E::SIGNATURE_HASH)
    }
}

/// The calls that settled batches, by transaction.
type Calls = BTreeMap<B256, Option<FillBatch>>;

impl Chain<'_> {
    /// The epoch second that the next block has at least, as the node sees it.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn now(&self) -> Result<u64> {
        let pending = self.node.request("eth_getBlockByNumber", json!(["pending", false])).await;
        let block = match pending {
            Ok(block) if block.is_object() => block,
            _ => self.node.request("eth_getBlockByNumber", json!(["latest", false])).await?,
        };
        let time: U64 = serde_json::from_value(block["timestamp"].clone())?;
        Ok(time.to())
    }

    /// The trades of a slot that have this connection point on a side.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn trades_at(
        &self,
        slot: u64,
        point: ConnectionPointId,
    ) -> Result<Vec<(B256, Side)>, Doubt> {
        let head = client::block_number(self.node).await?;
        let topics = json!([SlotCleared::SIGNATURE_HASH, null, null, B256::from(U256::from(slot))]);
        let (mut found, mut calls) = (Vec::new(), Calls::new());
        let since = slot.saturating_sub(POSTED_BEFORE_MAX);
        for log in self.backwards(head, &topics, (usize::MAX, since)).await? {
            let cleared: SlotCleared = log.decode()?;
            let fills = cleared.terms.fills.min(FILLS_MAX);
            let created = [TradeCreated::SIGNATURE_HASH];
            let logs = self.of_fills(&created, cleared.clearing, 0..fills, &log, [None; 2]).await?;
            for log in logs {
                let created: TradeCreated = log.decode()?;
                let Some(batch) = self.call(&mut calls, log.transaction_hash).await? else {
                    continue;
                };
                let place = created.index as usize % BATCH_FILLS;
                let sides = [Side::Buy, Side::Sell].into_iter().filter(|side| {
                    batch.order(place, *side).is_some_and(|order| order.connection_point == point)
                });
                found.extend(sides.map(|side| (created.trade, side)));
            }
        }
        Ok(found)
    }

    /// The case against one side of a trade: all trades of its connection point on that side of the
    /// clearing, as far as a transaction can name them.
    ///
    /// # Errors
    /// See [`Doubt`].
    pub async fn case(&self, trade: B256, side: Side) -> Result<Case, Doubt> {
        let head = client::block_number(self.node).await?;
        let topics = json!([TradeCreated::SIGNATURE_HASH, trade]);
        let since = self.now().await?.saturating_sub(SETTLED_BEFORE_MAX);
        let found = self.backwards(head, &topics, (1, since)).await?.pop();
        let found = found.ok_or(Doubt::UnknownTrade)?;
        let created: TradeCreated = found.decode()?;
        let mut calls = Calls::new();
        let first = self.call(&mut calls, found.transaction_hash).await?.ok_or(Doubt::NotShown)?;
        let place = created.index as usize % BATCH_FILLS;
        let order = first.order(place, side).ok_or(Doubt::NotShown)?;
        let (posted, account, point) =
            (first.posted.clone(), order.account, order.connection_point);
        if posted.clearing.id() != created.clearing || posted.policy.id() != posted.clearing.policy
        {
            return Err(Doubt::NotShown);
        }
        let begin = found.block_number.to();
        let topics = json!([SlotCleared::SIGNATURE_HASH, created.clearing]);
        let cleared = self.backwards(begin, &topics, (1, 0)).await?.pop();
        let cleared = cleared.context("a trade without a clearing")?;
        let claims = self.claims(&posted, (side, account, point), &cleared, &mut calls).await?;
        let numbers = claims.iter().map(|claim| claim.index / batch_fills());
        let (mut batches, mut trades) = (Vec::new(), Vec::new());
        for number in numbers.collect::<BTreeSet<u32>>() {
            let (batch, all) = self.batch(&posted, number, &cleared).await?;
            let ours = |trade: &BatchTrade| claims.iter().any(|claim| claim.index == trade.index);
            trades.extend(all.into_iter().filter(ours));
            batches.push(batch);
        }
        trades.sort_unstable_by_key(|trade| trade.index);
        Ok(Case { posted, side, account, point, trades, claims, batches })
    }

    /// The proofs of all settled trades of a side of a connection point, in order.
    async fn claims(
        &self,
        posted: &Posted,
        (side, account, point): (Side, Address, ConnectionPointId),
        cleared: &ChainLog,
        calls: &mut Calls,
    ) -> Result<Vec<Claim>, Doubt> {
        let clearing = posted.clearing.id();
        let parties = match side {
            Side::Buy => [Some(account), None],
            Side::Sell => [None, Some(account)],
        };
        let fills = 0..posted.clearing.fills.min(FILLS_MAX);
        let created = [TradeCreated::SIGNATURE_HASH];
        let mut claims = Vec::new();
        for log in self.of_fills(&created, clearing, fills, cleared, parties).await? {
            let index = log.decode::<TradeCreated>()?.index;
            let place = index as usize % BATCH_FILLS;
            let Some(batch) = self.call(calls, log.transaction_hash).await? else { continue };
            let order = batch.order(place, side);
            if order.is_none_or(|order| order.connection_point != point) || batch.posted != *posted
            {
                continue;
            }
            let of = (self.id, self.at.market);
            let claim = batch
                .claim(place, side, of)
                .filter(|claim| claim.index == index && batch.holds(claim, side, of));
            claims.push(claim.ok_or(Doubt::NotShown)?);
        }
        claims.sort_unstable_by_key(|claim| claim.index);
        claims.truncate(CLAIMS_MAX);
        Ok(claims)
    }

    /// A batch as the contract keeps it, and its trades.
    async fn batch(
        &self,
        posted: &Posted,
        number: u32,
        cleared: &ChainLog,
    ) -> Result<(TradeBatch, Vec<BatchTrade>), Doubt> {
        let clearing = posted.clearing.id();
        let first = number * batch_fills();
        let last = posted.clearing.fills.min(first.saturating_add(batch_fills()));
        let wanted = [
            TradeCreated::SIGNATURE_HASH,
            TradePriced::SIGNATURE_HASH,
            TradeReconciled::SIGNATURE_HASH,
        ];
        let logs = self.of_fills(&wanted, clearing, first..last, cleared, [None; 2]).await?;
        let mut trades: BTreeMap<B256, BatchTrade> = BTreeMap::new();
        let mut prices: BTreeMap<B256, Prices> = BTreeMap::new();
        for log in &logs {
            if log.is::<TradePriced>() {
                let event: TradePriced = log.decode()?;
                let own = Prices { buyer: event.buyPrice, seller: event.sellPrice };
                prices.insert(event.trade, own);
            } else if log.is::<TradeCreated>() {
                let event: TradeCreated = log.decode()?;
                let one = Prices::one(posted.clearing.price);
                let trade = BatchTrade {
                    index: event.index,
                    buyer: event.buyer,
                    seller: event.seller,
                    quantity: Energy::from_wh(event.quantity),
                    prices: prices.get(&event.trade).copied().unwrap_or(one),
                    last: None,
                };
                trades.insert(event.trade, trade);
            } else {
                let run = Reconciled::of(&log.decode()?);
                let trade = trades.get_mut(&run.trade).context("a run of no trade")?;
                trade.last = Some(run);
            }
        }
        let trades: Vec<BatchTrade> = trades.into_values().collect();
        let batch = TradeBatch::new(posted.clone(), number, &trades).map_err(|_| Doubt::Changed)?;
        let question = batchStateCall { id: clearing, number: U256::from(number) };
        let kept = self.view(self.at.market, &question).await?.trades;
        if kept != batch.hash() {
            return Err(Doubt::Changed);
        }
        Ok((batch, trades))
    }

    /// The reading in a proof, once the registry's key of then and the root on chain say that it
    /// holds.
    ///
    /// # Errors
    /// See [`Doubt`].
    pub async fn proven(&self, case: &Case, proof: &Proof, which: End) -> Result<Proven, Doubt> {
        let signed = proof.signed()?;
        let (meter, time) = (signed.reading.meter, signed.reading.time.unsigned());
        let question = MeterRegistry::keyAtCall { meter: meter.to_bytes32().into(), time };
        let key = self.view(self.at.meters, &question).await?;
        let key = MeterKey {
            key: key.key,
            owner: key.owner,
            point: key.connectionPoint,
            enrolment: key.enrolment,
        };
        let root = self.view(self.at.readings, &root_of(proof)).await?;
        let anchored = Anchored { root: root.root, count: root.count, time: root.time };
        Ok(case.proven(proof, which, (&key, &anchored))?)
    }

    async fn view<C: SolCall>(&self, to: Address, question: &C) -> Result<C::Return> {
        let data = question.abi_encode().into();
        let answer = client::call(self.node, to, data, "latest").await?;
        C::abi_decode_returns(&answer).context("a contract's answer is not what it says")
    }

    /// The batch that a transaction settled, from its call; kept once it was read.
    async fn call<'c>(
        &self,
        calls: &'c mut Calls,
        transaction: B256,
    ) -> Result<Option<&'c FillBatch>, Doubt> {
        if !calls.contains_key(&transaction) {
            let shown = self.node.request("eth_getTransactionByHash", json!([transaction])).await?;
            let to: Option<Address> = serde_json::from_value(shown["to"].clone()).ok();
            let data: Option<Bytes> = serde_json::from_value(shown["input"].clone()).ok();
            let data = data.filter(|_| to == Some(self.at.market));
            let batch = data.and_then(|data| FillBatch::from_call(&data));
            calls.insert(transaction, batch);
        }
        Ok(calls.get(&transaction).and_then(Option::as_ref))
    }

    /// The logs of these fills of a clearing, oldest first, where `parties` bought and sold.
    async fn of_fills(
        &self,
        events: &[B256],
        clearing: B256,
        fills: std::ops::Range<u32>,
        cleared: &ChainLog,
        parties: [Option<Address>; 2],
    ) -> Result<Vec<ChainLog>, Doubt> {
        let head = client::block_number(self.node).await?;
        let trades: Vec<B256> = fills.map(|index| trade_id(clearing, index)).collect();
        let mut found = Vec::new();
        for trades in trades.chunks(TRADES_MAX) {
            let mut topics = vec![json!(events), json!(trades)];
            if parties != [None; 2] {
                topics.extend(parties.map(|party| json!(party.map(|party| party.into_word()))));
            }
            let mut from: u64 = cleared.block_number.to();
            while from <= head {
                let to = head.min(from.saturating_add(BLOCKS_MAX - 1));
                found.extend(self.logs(from, to, &json!(topics)).await?);
                from = to + 1;
            }
        }
        Ok(found)
    }

    /// Logs of the market from `head` back, newest blocks first, until there are `enough` or the
    /// blocks are from before the second `since`.
    async fn backwards(
        &self,
        head: u64,
        topics: &Value,
        (enough, since): (usize, u64),
    ) -> Result<Vec<ChainLog>, Doubt> {
        let (mut to, mut found) = (head, Vec::new());
        loop {
            let from = to.saturating_sub(BLOCKS_MAX - 1);
            found.extend(self.logs(from, to, topics).await?);
            if from == 0 || found.len() >= enough || self.is_before(from, since).await? {
                return Ok(found);
            }
            to = from - 1;
        }
    }

    /// Whether a block is from before a second.
    async fn is_before(&self, block: u64, second: u64) -> Result<bool, Doubt> {
        let shown = client::header(self.node, Block::Number(block)).await?;
        Ok(shown.is_some_and(|shown| shown.header.timestamp < second))
    }

    async fn logs(&self, from: u64, to: u64, topics: &Value) -> Result<Vec<ChainLog>, Doubt> {
        let filter = json!([{
            "fromBlock": U64::from(from),
            "toBlock": U64::from(to),
            "address": self.at.market,
            "topics": topics,
        }]);
        let answer = self.node.request("eth_getLogs", filter).await?;
        let logs = serde_json::from_value(answer).context("the node's logs are none")?;
        Ok(logs)
    }
}

fn root_of(proof: &Proof) -> ReadingAnchor::rootsCall {
    ReadingAnchor::rootsCall {
        community: proof.community,
        kind: READINGS_OF_SLOT,
        period: proof.period,
        batch: proof.batch,
    }
}

fn batch_fills() -> u32 {
    u32::try_from(BATCH_FILLS).unwrap_or(u32::MAX)
}
