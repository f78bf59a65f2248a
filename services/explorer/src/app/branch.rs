//! The index follows the chain's best branch: a block's rows come and go together.

use std::collections::HashMap;

use alloy_primitives::{B256, U256};
use anyhow::{Context, Result, ensure};
use contracts::bindings::EnergyMarket::{SlotCleared, TradeCreated, TradeReconciled};
use contracts::{
    Clearing, ContractEvent, Deployment, Outcome, Policy, Prices, Reconciled, Terms, outcome,
};
use db::{AssertSqlSafe, Cell, Row, Tx, insert_rows, query, query_scalar};
use events::ledger::{BlockConnected, BlockDisconnected, Log};
use serde::de::DeserializeOwned;
use serde_json::json;
use units::{Energy, Money};

use crate::app::anchors;
use crate::app::decode::{self, Decoded};
use crate::app::steps::{self, Change, Step};

/// The feed's place of blocks that were read from a node while the index is rebuilt.
pub(crate) const REBUILDING: u64 = 0;

/// The block of policies that no block registered.
const NO_BLOCK: i64 = -1;

/// The newest block of the index, and the feed's place that brought it.
pub(crate) struct Head {
    /// Rises by one with every event of the ledger; [`REBUILDING`] before.
    pub(crate) sequence: u64,
    /// Height.
    pub(crate) number: u64,
    hash: String,
}

/// Adds the rows of `block`, which must be the head's child and next in the ledger's feed; returns
/// what its contracts did.
pub(crate) async fn connect(
    tx: &mut Tx,
    deployment: &Deployment,
    block: &BlockConnected,
) -> Result<Vec<Step>> {
    match head(tx).await? {
        Some(head) => {
            in_order(&head, block.sequence)?;
            ensure!(
                head.hash == block.parent.to_string(),
                "block {} is not a child of the head {}",
                block.hash,
                head.hash
            );
        }
        None => ensure!(block.sequence <= 1, "an empty index begins with the feed's first event"),
    }
    insert_block(tx, block).await?;
    insert_transactions(tx, block).await?;
    let steps = insert_logs(tx, deployment, block).await?;
    let finalized = i64::try_from(block.finalized)?;
    set_head(tx, block.sequence, block.number, block.hash, finalized).await?;
    Ok(steps)
}

/// Removes the rows of `block`, which must be the head; its parent is the head again. An empty
/// index stays empty.
pub(crate) async fn disconnect(tx: &mut Tx, block: &BlockDisconnected) -> Result<()> {
    // What an index that is being rebuilt has not read yet, it need not take back.
    let Some(head) = head(tx).await? else { return Ok(()) };
    if head.sequence == REBUILDING && head.hash != block.hash.to_string() {
        return Ok(());
    }
    in_order(&head, block.sequence)?;
    ensure!(head.hash == block.hash.to_string(), "block {} is not the head", block.hash);
    let number = i64::try_from(block.number)?;
    for delete in [
        "delete from runs where block = $1",
        "delete from trades where block = $1",
        "delete from clearings where block = $1",
        "delete from policies where block = $1",
        "delete from addresses where block = $1",
        "delete from logs where block = $1",
        "delete from transactions where block = $1",
        "delete from blocks where number = $1",
    ] {
        query(delete).bind(number).execute(tx.conn()).await?;
    }
    anchors::unseen(tx, Some(block.number)).await?;
    let finalized: i64 =
        query("select finalized from head").fetch_one(tx.conn()).await?.try_get(0)?;
    set_head(tx, block.sequence, block.number.saturating_sub(1), block.parent, finalized).await
}

/// Takes everything out of the index, to build it anew.
pub(crate) async fn clear(tx: &mut Tx) -> Result<()> {
    for table in
        ["runs", "trades", "clearings", "addresses", "logs", "transactions", "blocks", "head"]
    {
        let delete = format!("delete from {table}");
        query(AssertSqlSafe(delete)).execute(tx.conn()).await?;
    }
    query("delete from policies where block <> $1").bind(NO_BLOCK).execute(tx.conn()).await?;
    anchors::unseen(tx, None).await
}

/// Keeps a policy that the contract has had from its beginning.
pub(crate) async fn keep_policy(tx: &mut Tx, policy: &Policy) -> Result<()> {
    insert_policy(tx, NO_BLOCK, policy).await
}

fn in_order(head: &Head, sequence: u64) -> Result<()> {
    ensure!(
        sequence == head.sequence + 1 || head.sequence == REBUILDING,
        "event {sequence} came where {} was due",
        head.sequence + 1
    );
    Ok(())
}

/// The newest block of the index.
pub(crate) async fn head(tx: &mut Tx) -> Result<Option<Head>> {
    let row = query("select sequence, number, hash from head").fetch_optional(tx.conn()).await?;
    row.map(|row| {
        Ok(Head {
            sequence: u64::try_from(row.try_get::<i64, _>(0)?)?,
            number: u64::try_from(row.try_get::<i64, _>(1)?)?,
            hash: row.try_get(2)?,
        })
    })
    .transpose()
}

async fn set_head(
    tx: &mut Tx,
    sequence: u64,
    number: u64,
    hash: B256,
    finalized: i64,
) -> Result<()> {
    let sql = "insert into head (one, sequence, number, hash, finalized) \
               values (1, $1, $2, $3, $4) on conflict (one) do update set \
               sequence = excluded.sequence, number = excluded.number, hash = excluded.hash, \
               finalized = excluded.finalized";
    query(sql)
        .bind(i64::try_from(sequence)?)
        .bind(i64::try_from(number)?)
        .bind(hash.to_string())
        .bind(finalized)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn insert_block(tx: &mut Tx, block: &BlockConnected) -> Result<()> {
    let gas_used: u64 = block.transactions.iter().map(|transaction| transaction.gas_used).sum();
    let row = vec![
        number(block.number)?,
        text(block.hash),
        text(block.parent),
        Cell::Int(block.timestamp.seconds()),
        Cell::Int(i64::try_from(block.transactions.len())?),
        Cell::Int(i64::try_from(block.logs.len())?),
        number(gas_used)?,
    ];
    let insert =
        "insert into blocks (number, hash, parent, mined_at, transactions, events, gas_used)";
    insert_rows(tx, insert, row.len(), vec![row], "").await?;
    Ok(())
}

async fn insert_transactions(tx: &mut Tx, block: &BlockConnected) -> Result<()> {
    let (mut rows, mut addresses) = (Vec::new(), Vec::new());
    for (place, transaction) in block.transactions.iter().enumerate() {
        let place = Cell::Int(i64::try_from(place)?);
        for address in [Some(transaction.from), transaction.to].into_iter().flatten() {
            addresses.push(vec![lower(address), number(block.number)?, place.clone()]);
        }
        rows.push(vec![
            text(transaction.hash),
            number(block.number)?,
            place,
            lower(transaction.from),
            transaction.to.map_or(Cell::NullText, lower),
            Cell::Int(i64::from(transaction.success)),
            number(transaction.gas_used)?,
        ]);
    }
    let insert = "insert into transactions (hash, block, place, sender, target, success, gas_used)";
    insert_rows(tx, insert, 7, rows, "").await?;
    insert_addresses(tx, addresses).await
}

async fn insert_addresses(tx: &mut Tx, rows: Vec<Vec<Cell>>) -> Result<()> {
    let insert = "insert into addresses (address, block, place)";
    insert_rows(tx, insert, 3, rows, "on conflict do nothing").await?;
    Ok(())
}

async fn insert_logs(
    tx: &mut Tx,
    deployment: &Deployment,
    block: &BlockConnected,
) -> Result<Vec<Step>> {
    let (mut rows, mut addresses, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let mut priced: HashMap<B256, Prices> = HashMap::new();
    for log in &block.logs {
        let decoded = decode::decode(deployment, log);
        let place = block.transactions.iter().position(|known| known.hash == log.transaction);
        let place = place.with_context(|| format!("a log of {} alone", log.transaction))?;
        for address in decode::addresses(&decoded.fields) {
            let place = Cell::Int(i64::try_from(place)?);
            addresses.push(vec![Cell::Text(address), number(block.number)?, place]);
        }
        let (mut prices, mut change) = (None, None);
        if let Some(hash) = decoded.event.as_ref().and_then(anchors::anchored) {
            anchors::seen(tx, hash, block.number).await?;
        }
        match &decoded.event {
            Some(ContractEvent::SlotCleared(event)) => {
                insert_clearing(tx, block.number, event).await?;
            }
            Some(ContractEvent::PolicyRegistered(event)) => {
                if let Some(policy) = Policy::from_sol(&event.terms) {
                    insert_policy(tx, i64::try_from(block.number)?, &policy).await?;
                }
            }
            Some(ContractEvent::TradePriced(event)) => {
                let prices = Prices { buyer: event.buyPrice, seller: event.sellPrice };
                priced.insert(event.trade, prices);
            }
            Some(ContractEvent::TradeCreated(event)) => {
                let own = priced.get(&event.trade).copied();
                prices = Some(insert_trade(tx, block.number, log, (event, own)).await?);
            }
            Some(ContractEvent::TradeReconciled(event)) => {
                change = Some(insert_run(tx, block.number, log, event).await?);
            }
            _ => {}
        }
        steps.extend(steps::of(deployment, log, &decoded, (prices, change)));
        rows.push(log_row(block.number, log, decoded)?);
    }
    let insert = "insert into logs \
                  (block, place, hash, address, contract, name, fields, topics, data)";
    insert_rows(tx, insert, 9, rows, "").await?;
    insert_addresses(tx, addresses).await?;
    Ok(steps)
}

fn log_row(block: u64, log: &Log, decoded: Decoded) -> Result<Vec<Cell>> {
    let name = |name: Option<&'static str>| name.map_or(Cell::NullText, Cell::from);
    Ok(vec![
        number(block)?,
        Cell::Int(i64::from(log.index)),
        text(log.transaction),
        lower(log.address),
        name(decoded.contract),
        name(decoded.name),
        Cell::Text(decoded.fields.to_string()),
        Cell::Text(json!(log.topics).to_string()),
        text(&log.data),
    ])
}

async fn insert_policy(tx: &mut Tx, block: i64, policy: &Policy) -> Result<()> {
    let row = vec![text(policy.id()), Cell::Int(block), Cell::Text(serde_json::to_string(policy)?)];
    let insert = "insert into policies (policy, block, terms)";
    insert_rows(tx, insert, row.len(), vec![row], "on conflict do nothing").await?;
    Ok(())
}

async fn insert_clearing(tx: &mut Tx, block: u64, event: &SlotCleared) -> Result<()> {
    let terms = serde_json::to_string(&Clearing::from_sol(&event.terms))?;
    let row = vec![text(event.clearing), number(block)?, Cell::Text(terms)];
    let insert = "insert into clearings (clearing, block, terms)";
    insert_rows(tx, insert, row.len(), vec![row], "").await?;
    Ok(())
}

/// Slot and prices are those of the trade's clearing, which was logged before; prices of its own
/// come with it. Returns the prices.
async fn insert_trade(
    tx: &mut Tx,
    block: u64,
    log: &Log,
    (event, prices): (&TradeCreated, Option<Prices>),
) -> Result<Prices> {
    let unknown = || format!("trade {} is of an unknown clearing", event.trade);
    let clearing = "select terms from clearings where clearing = $1";
    let clearing: Clearing = kept(tx, clearing, event.clearing).await?.with_context(unknown)?;
    let unknown = || format!("trade {} is under an unknown policy", event.trade);
    let policy = "select terms from policies where policy = $1";
    let policy: Policy = kept(tx, policy, clearing.policy).await?.with_context(unknown)?;
    let prices = prices.unwrap_or(Prices::one(clearing.price));
    let terms = Terms::new(&policy, &clearing, prices, Energy::from_wh(event.quantity));
    let row = vec![
        text(event.trade),
        number(block)?,
        Cell::Int(i64::from(log.index)),
        text(log.transaction),
        text(event.clearing),
        lower(event.buyer),
        lower(event.seller),
        number(clearing.slot)?,
        number(event.quantity)?,
        number(prices.buyer)?,
        number(prices.seller)?,
        amount(event.escrow)?,
        amount(event.collateral)?,
        Cell::Text(serde_json::to_string(&terms)?),
    ];
    let insert = "insert into trades (trade, block, place, hash, clearing, buyer, seller, slot, \
                  quantity_wh, buy_price, sell_price, escrow, collateral, terms)";
    insert_rows(tx, insert, row.len(), vec![row], "").await?;
    Ok(prices)
}

/// What a column of JSON has for a name.
async fn kept<T: DeserializeOwned>(
    tx: &mut Tx,
    select: &'static str,
    name: B256,
) -> Result<Option<T>> {
    let text: Option<String> =
        query_scalar(select).bind(name.to_string()).fetch_optional(tx.conn()).await?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// Which log of its block it is tells several runs of a trade apart. Returns what it changed.
async fn insert_run(tx: &mut Tx, block: u64, log: &Log, event: &TradeReconciled) -> Result<Change> {
    let unknown = || format!("run {} is of the unknown trade {}", event.run, event.trade);
    let trade = query("select terms, buyer, seller from trades where trade = $1")
        .bind(event.trade.to_string())
        .fetch_optional(tx.conn())
        .await?
        .with_context(unknown)?;
    let terms: Terms = serde_json::from_str(&trade.try_get::<String, _>(0)?)?;
    let (penalty_before, compensation_before) = owed_before(tx, event.trade).await?;
    let run = Reconciled::of(event);
    let outcome = outcome(&terms, run.delivered, run.seller_short, run.buyer_short)
        .with_context(|| format!("run {} of trade {}", event.run, event.trade))?;
    let row = vec![
        text(event.trade),
        Cell::Int(i64::from(event.run)),
        number(block)?,
        Cell::Int(i64::from(log.index)),
        number(event.delivered)?,
        number(event.sellerShort)?,
        number(event.buyerShort)?,
        Cell::Int(outcome.seller_net.n()),
        Cell::Int(outcome.network.n()),
        Cell::Int(outcome.platform.n()),
        Cell::Int(outcome.difference.n()),
        Cell::Int(outcome.make_whole.n()),
        Cell::Int(outcome.compensation.n()),
        Cell::Int(outcome.imbalance.n()),
        Cell::Int(outcome.refund.n()),
        Cell::Int(outcome.collateral_back.n()),
    ];
    let insert = "insert into runs (trade, run, block, place, delivered_wh, seller_short_wh, \
                  buyer_short_wh, seller_net, network, platform, difference, make_whole, \
                  compensation, imbalance, refund, collateral_back)";
    insert_rows(tx, insert, row.len(), vec![row], "").await?;
    let (buyer, seller) = (trade.try_get(1)?, trade.try_get(2)?);
    Ok(Change { buyer, seller, penalty_before, compensation_before, outcome })
}

/// What penalty and compensation of a trade come to by its newest run.
async fn owed_before(tx: &mut Tx, trade: B256) -> Result<(Money, Money)> {
    let sql = "select make_whole, compensation, imbalance from runs where trade = $1 \
               order by block desc, place desc limit 1";
    let row = query(sql).bind(trade.to_string()).fetch_optional(tx.conn()).await?;
    let Some(row) = row else { return Ok((Money::ZERO, Money::ZERO)) };
    let money = |column| -> Result<Money> { Ok(Money::from_n(row.try_get(column)?)) };
    let (make_whole, compensation, imbalance) = (money(0)?, money(1)?, money(2)?);
    let before = Outcome { make_whole, compensation, imbalance, ..Outcome::default() };
    Ok(steps::owed(&before))
}

fn number(value: u64) -> Result<Cell> {
    Ok(Cell::Int(i64::try_from(value)?))
}

fn amount(value: U256) -> Result<Cell> {
    let value = i64::try_from(value).ok().context("an amount beyond 64 bits")?;
    Ok(Cell::Int(value))
}

fn text(value: impl std::fmt::Display) -> Cell {
    Cell::Text(value.to_string())
}

fn lower(address: alloy_primitives::Address) -> Cell {
    Cell::Text(format!("{address:#x}"))
}
