//! The index's tables. All of them can be dropped: the ledger's feed fills them again.

use db::Migration;

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: INDEX },
    Migration { version: 3, sql: RUNS_BY_PLACE },
    Migration { version: 4, sql: CLEARINGS },
    Migration { version: 5, sql: PRICES },
    Migration { version: 6, sql: LOGS_BY_ADDRESS },
    Migration { version: 7, sql: EVENTS },
    Migration { version: 8, sql: FEED_PLACES },
];

/// The place of an item among those of its kind: each kind has a limit of its own.
const FEED_PLACES: &str = "
alter table feed add column place bigint not null default 0;
update feed set place = id;
create index feed_place on feed (kind, place);
";

/// News that can be looked up by their kind, those of a block that go with it, and what should be
/// on chain.
const EVENTS: &str = "
alter table feed add column happened_at bigint;
alter table feed add column block bigint;
create index feed_kind on feed (kind, id);
create index feed_block on feed (block);
create table anchors (
    hash text primary key,
    what text,
    name text,
    since bigint,
    block bigint,
    told bigint not null
);
create index anchors_block on anchors (block);
create index anchors_since on anchors (since);
";

/// What one contract said, without a walk over all logs.
const LOGS_BY_ADDRESS: &str = "create index logs_address on logs (address, block, place);";

/// Trades with two prices, what their money depends on, and the policies that say it. The index is
/// emptied: with the next block it is read again.
const PRICES: &str = "
create table policies (
    policy text primary key,
    block bigint not null,
    terms text not null
);
create index policies_block on policies (block);
drop table clearings;
create table clearings (
    clearing text primary key,
    block bigint not null,
    terms text not null
);
create index clearings_block on clearings (block);
drop table trades;
create table trades (
    trade text primary key,
    block bigint not null,
    place bigint not null,
    hash text not null,
    clearing text not null,
    buyer text not null,
    seller text not null,
    slot bigint not null,
    quantity_wh bigint not null,
    buy_price bigint not null,
    sell_price bigint not null,
    escrow bigint not null,
    collateral bigint not null,
    terms text not null,
    unique (block, place)
);
create index trades_buyer on trades (buyer, block, place);
create index trades_seller on trades (seller, block, place);
drop table runs;
create table runs (
    trade text not null,
    run bigint not null,
    block bigint not null,
    place bigint not null,
    delivered_wh bigint not null,
    seller_short_wh bigint not null,
    buyer_short_wh bigint not null,
    seller_net bigint not null,
    network bigint not null,
    platform bigint not null,
    difference bigint not null,
    make_whole bigint not null,
    compensation bigint not null,
    imbalance bigint not null,
    refund bigint not null,
    collateral_back bigint not null,
    primary key (trade, block, place)
);
create index runs_block on runs (block);
delete from addresses;
delete from logs;
delete from transactions;
delete from blocks;
delete from head;
";

/// A trade's slot and price are those of its clearing. An index without clearings is emptied: with
/// the next block it is read again.
const CLEARINGS: &str = "
create table clearings (
    clearing text primary key,
    block bigint not null,
    slot bigint not null,
    price bigint not null
);
create index clearings_block on clearings (block);
delete from runs;
delete from trades;
delete from addresses;
delete from logs;
delete from transactions;
delete from blocks;
delete from head;
";

/// A trade can have one number of a run several times: a cut may follow a cut.
const RUNS_BY_PLACE: &str = "
alter table runs rename to runs_by_number;
create table runs (
    trade text not null,
    run bigint not null,
    block bigint not null,
    place bigint not null,
    delivered_wh bigint not null,
    seller_short_wh bigint not null,
    buyer_short_wh bigint not null,
    seller_net bigint not null,
    network bigint not null,
    platform bigint not null,
    make_whole bigint not null,
    compensation bigint not null,
    refund bigint not null,
    collateral_back bigint not null,
    primary key (trade, block, place)
);
insert into runs select trade, run, block, 0, delivered_wh, seller_short_wh, buyer_short_wh,
    seller_net, network, platform, make_whole, compensation, refund, collateral_back
    from runs_by_number;
drop table runs_by_number;
create index runs_block on runs (block);
";

const INDEX: &str = "
create table head (
    one bigint primary key check (one = 1),
    sequence bigint not null,
    number bigint not null,
    hash text not null,
    finalized bigint not null
);
create table blocks (
    number bigint primary key,
    hash text not null unique,
    parent text not null,
    mined_at bigint not null,
    transactions bigint not null,
    events bigint not null,
    gas_used bigint not null
);
create table transactions (
    hash text primary key,
    block bigint not null,
    place bigint not null,
    sender text not null,
    target text,
    success bigint not null,
    gas_used bigint not null,
    unique (block, place)
);
create table logs (
    block bigint not null,
    place bigint not null,
    hash text not null,
    address text not null,
    contract text,
    name text,
    fields text not null,
    topics text not null,
    data text not null,
    primary key (block, place)
);
create index logs_transaction on logs (hash);
create table addresses (
    address text not null,
    block bigint not null,
    place bigint not null,
    primary key (address, block, place)
);
create index addresses_block on addresses (block);
create table trades (
    trade text primary key,
    block bigint not null,
    place bigint not null,
    hash text not null,
    clearing text not null,
    buyer text not null,
    seller text not null,
    slot bigint not null,
    quantity_wh bigint not null,
    price bigint not null,
    escrow bigint not null,
    collateral bigint not null,
    unique (block, place)
);
create index trades_buyer on trades (buyer, block, place);
create index trades_seller on trades (seller, block, place);
create table runs (
    trade text not null,
    run bigint not null,
    block bigint not null,
    delivered_wh bigint not null,
    seller_short_wh bigint not null,
    buyer_short_wh bigint not null,
    seller_net bigint not null,
    network bigint not null,
    platform bigint not null,
    make_whole bigint not null,
    compensation bigint not null,
    refund bigint not null,
    collateral_back bigint not null,
    primary key (trade, run)
);
create index runs_block on runs (block);
create table feed (
    id bigint primary key,
    kind text not null,
    body text not null
);
";

#[cfg(test)]
mod tests {
    use db::{Db, DbError, query, query_scalar};

    use super::*;

    #[actix_web::test]
    async fn an_index_without_clearings_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/explorer.db", folder.path().display());
        let old = Db::open(&url, &MIGRATIONS[..3]).await.unwrap();
        old.transact::<_, DbError, _>(|tx| {
            Box::pin(async move {
                for insert in [
                    "insert into blocks values (7, '0x07', '0x06', 0, 0, 0, 0)",
                    "insert into head values (1, 8, 7, '0x07', 6)",
                ] {
                    query(insert).execute(tx.conn()).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        old.close().await;

        let new = Db::open(&url, MIGRATIONS).await.unwrap();
        for count in ["select count(*) from blocks", "select count(*) from head"] {
            let left: i64 = query_scalar(count).fetch_one(new.read()).await.unwrap();
            assert_eq!(left, 0, "{count}");
        }
    }
}
