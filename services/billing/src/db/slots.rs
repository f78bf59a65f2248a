//! Which run a slot has had, what was handed to the chain, and payments from outside.

use std::collections::HashMap;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId};
use units::{Energy, Money};

use crate::currencies::CurrencyId;
use crate::domain::reconcile::Delivery;

/// A slot with trades.
#[derive(Debug, Clone)]
pub(crate) struct SlotState {
    pub(crate) community: CommunityId,
    pub(crate) slot: Timestamp,
    /// The last run, -1 before the first.
    pub(crate) run: i64,
    /// How often its intervals or trades had changed when this was read.
    pub(crate) changes: i64,
}

/// Nothing more is due.
pub(crate) const NEVER: i64 = i64::MAX;

/// Trades that are asked for at once.
const TRADES_ASKED_MAX: usize = 500;
/// Slots that one tick looks at, at most.
const SLOTS_MAX: i64 = 400;

/// Notes that a slot has a trade: it is due from `due` on, or to be computed again.
pub(crate) async fn put(tx: &mut Tx, community: &str, slot: i64, due: i64) -> Result<()> {
    let row =
        vec![Cell::from(community), Cell::Int(slot), Cell::Int(-1), Cell::Int(due), Cell::Int(0)];
    let insert = "insert into slot_state (community, slot, run, due, dirty)";
    let update = "on conflict (community, slot) do update set dirty = 1, \
                  changes = slot_state.changes + 1, certify_due = 0";
    insert_rows(tx, insert, 5, vec![row], update).await?;
    Ok(())
}

/// The slots whose next run is due, or whose intervals or trades changed since the first.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<SlotState>> {
    let rows = query(
        // Two questions, each with an index of its own.
        "select community, slot, run, changes from slot_state where due <= $1 \
         union select community, slot, run, changes from slot_state where dirty = 1 and run >= 0 \
         order by slot, community limit $2",
    )
    .bind(now.seconds())
    .bind(SLOTS_MAX)
    .fetch_all(db.read())
    .await
    .context("reading slots that are due")?;
    rows.iter().map(state).collect()
}

/// A slot in a row of community, slot, run and changes.
pub(super) fn state(row: &AnyRow) -> Result<SlotState> {
    let community: String = row.try_get(0)?;
    let number = |place: usize| row.try_get::<i64, _>(place);
    Ok(SlotState {
        community: community.parse()?,
        slot: Timestamp::from_seconds(number(1)?),
        run: number(2)?,
        changes: number(3)?,
    })
}

/// Notes the run that a slot has had; `false` where the slot has changed since `state` was read:
/// then that run is out of date, and the slot is as due as before.
pub(crate) async fn done(tx: &mut Tx, state: &SlotState, run: i64, due: i64) -> Result<bool> {
    let sql = "update slot_state set run = $1, due = $2, dirty = 0 \
               where community = $3 and slot = $4 and changes = $5";
    let done = query(sql)
        .bind(run)
        .bind(due)
        .bind(state.community.to_string())
        .bind(state.slot.seconds())
        .bind(state.changes)
        .execute(tx.conn())
        .await
        .context("noting a run")?;
    Ok(done.rows_affected() > 0)
}

/// How many slots of `[from, to)` have not had their last run, or changed since.
pub(crate) async fn open(
    db: &Db,
    community: CommunityId,
    from: Timestamp,
    to: Timestamp,
) -> Result<i64> {
    query_scalar(
        "select count(*) from slot_state where community = $1 and slot >= $2 and slot < $3 \
         and (run < 2 or dirty = 1)",
    )
    .bind(community.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_one(db.read())
    .await
    .context("counting open slots")
}

/// The deliveries of these trades that were handed to the chain last, with their runs.
pub(crate) async fn deliveries(db: &Db, trades: &[B256]) -> Result<HashMap<B256, (u8, Delivery)>> {
    let mut found = HashMap::with_capacity(trades.len());
    for some in trades.chunks(TRADES_ASKED_MAX) {
        let places = Vec::from_iter((1..=some.len()).map(|place| format!("${place}")));
        let sql = format!(
            "select trade, run, delivered, seller_short, buyer_short from delivery \
             where trade in ({})",
            places.join(", ")
        );
        let asked = some
            .iter()
            .fold(query(AssertSqlSafe(sql)), |asked, trade| asked.bind(super::hash(*trade)));
        let rows = asked.fetch_all(db.read()).await.context("reading deliveries")?;
        for row in &rows {
            let trade: B256 = row.try_get::<String, _>(0)?.parse()?;
            let number = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
            let delivery = Delivery {
                trade,
                delivered: Energy::from_wh(number(2)?),
                seller_short: Energy::from_wh(number(3)?),
                buyer_short: Energy::from_wh(number(4)?),
            };
            found.insert(trade, (u8::try_from(number(1)?)?, delivery));
        }
    }
    Ok(found)
}

/// The run of a trade that was handed over in a transaction that was not refused for good.
pub(crate) async fn run_sent(db: &Db, trade: B256) -> Result<Option<u8>> {
    // 12: reverted in a block that is final (`client::SCHEMA`).
    let run: Option<i64> = query_scalar(
        "select delivery.run from delivery join chain_tx on chain_tx.cause = delivery.cause \
         where delivery.trade = $1 and chain_tx.status <> 12",
    )
    .bind(super::hash(trade))
    .fetch_optional(db.read())
    .await
    .context("reading what is on its way")?;
    run.map(|run| Ok(u8::try_from(run)?)).transpose()
}

/// Keeps what was handed to the chain for trades: by which transaction and when. `alone` is how
/// often the only one of them was sent again by itself.
pub(crate) async fn put_deliveries(
    tx: &mut Tx,
    (run, deliveries): (u8, &[Delivery]),
    (cause, alone): (&str, u32),
    now: Timestamp,
) -> Result<()> {
    let mut rows = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        rows.push(vec![
            Cell::Text(super::hash(delivery.trade)),
            Cell::Int(i64::from(run)),
            Cell::Int(super::int(delivery.delivered.wh())?),
            Cell::Int(super::int(delivery.seller_short.wh())?),
            Cell::Int(super::int(delivery.buyer_short.wh())?),
            Cell::from(cause),
            Cell::Int(i64::from(alone)),
            Cell::Int(now.seconds()),
        ]);
    }
    let insert = "insert into delivery \
                  (trade, run, delivered, seller_short, buyer_short, cause, alone, sent)";
    let update = "on conflict (trade) do update set run = excluded.run, \
                  delivered = excluded.delivered, seller_short = excluded.seller_short, \
                  buyer_short = excluded.buyer_short, cause = excluded.cause, \
                  alone = excluded.alone, sent = excluded.sent";
    insert_rows(tx, insert, 8, rows, update).await?;
    Ok(())
}

/// Keeps the places of a slot's trades among its fills.
pub(crate) async fn put_places(tx: &mut Tx, first: u64, trades: &[B256]) -> Result<()> {
    let mut rows = Vec::with_capacity(trades.len());
    for (place, trade) in (first..).zip(trades) {
        rows.push(vec![Cell::Text(super::hash(*trade)), Cell::Int(super::int(place)?)]);
    }
    let insert = "insert into matched (trade, place)";
    insert_rows(tx, insert, 2, rows, "on conflict (trade) do nothing").await?;
    Ok(())
}

/// How many transactions of ours the contracts refused.
pub(crate) async fn refused(db: &Db) -> Result<u64> {
    // 2: reverted; 12: reverted in a block that is final (`client::SCHEMA`).
    let count: i64 = query_scalar("select count(*) from chain_tx where status in (2, 12)")
        .fetch_one(db.read())
        .await
        .context("counting refused transactions")?;
    Ok(count.unsigned_abs())
}

/// A payment from outside that was credited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deposit {
    pub(crate) currency: CurrencyId,
    pub(crate) payment: B256,
    pub(crate) account: AccountId,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

/// The amount of a payment by its name on chain; nothing where no such payment came in.
pub(crate) async fn paid_in(db: &Db, currency: CurrencyId, payment: B256) -> Result<Option<Money>> {
    let select = "select amount from deposit where payment = $1 and book = $2";
    let amount: Option<i64> = query_scalar(select)
        .bind(super::hash(payment))
        .bind(currency.column())
        .fetch_optional(db.read())
        .await?;
    Ok(amount.map(Money::from_n))
}

/// Keeps a payment under its key; the one that is there already where the key came before.
pub(crate) async fn put_deposit(
    tx: &mut Tx,
    community: CommunityId,
    key: &str,
    deposit: &Deposit,
) -> Result<(bool, Deposit)> {
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::from(key),
        Cell::Text(super::hash(deposit.payment)),
        Cell::Text(deposit.account.to_string()),
        Cell::Int(deposit.amount.n()),
        Cell::Int(deposit.at.seconds()),
        Cell::Int(deposit.currency.column()),
    ];
    let insert = "insert into deposit (community, key, payment, account, amount, at, book)";
    let fresh = insert_rows(tx, insert, 7, vec![row], "on conflict do nothing").await? > 0;
    let select = "select payment, account, amount, at, book from deposit \
                  where community = $1 and key = $2";
    let row =
        query(select).bind(community.to_string()).bind(key.to_owned()).fetch_one(tx.conn()).await?;
    let (payment, account): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let kept = Deposit {
        currency: CurrencyId::of_column(row.try_get(4)?)?,
        payment: payment.parse()?,
        account: account.parse()?,
        amount: Money::from_n(row.try_get(2)?),
        at: Timestamp::from_seconds(row.try_get(3)?),
    };
    Ok((fresh, kept))
}
