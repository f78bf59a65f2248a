//! Who met whom, as market told it: what says who may see the other's readings of a slot.

use calendar::Timestamp;
use db::{Cell, Db, DbError, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId, ConnectionPointId};

use super::parsed;

/// One side of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) account: AccountId,
    pub(crate) point: ConnectionPointId,
}

/// A trade, its slot and its sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    /// Its name on chain, as 32 bytes in hex.
    pub(crate) trade: String,
    pub(crate) community: CommunityId,
    pub(crate) slot: Timestamp,
    pub(crate) buyer: Side,
    pub(crate) seller: Side,
}

/// Keeps trades, each once.
pub(crate) async fn put(tx: &mut Tx, trades: Vec<Met>) -> Result<(), DbError> {
    let row = |met: Met| {
        vec![
            Cell::Text(met.trade),
            Cell::Text(met.community.to_string()),
            Cell::Int(met.slot.seconds()),
            Cell::Text(met.buyer.account.to_string()),
            Cell::Text(met.buyer.point.to_string()),
            Cell::Text(met.seller.account.to_string()),
            Cell::Text(met.seller.point.to_string()),
        ]
    };
    let insert = "insert into met (trade, community, slot, buyer, buyer_point, seller, \
                  seller_point)";
    let rows = trades.into_iter().map(row).collect();
    insert_rows(tx, insert, 7, rows, "on conflict do nothing").await?;
    Ok(())
}

/// Forgets the trades of slots before `moment`.
pub(crate) async fn forget(tx: &mut Tx, moment: Timestamp) -> Result<(), DbError> {
    query("delete from met where slot < $1").bind(moment.seconds()).execute(tx.conn()).await?;
    Ok(())
}

/// A trade.
pub(crate) async fn find(db: &Db, trade: &str) -> Result<Option<Met>, DbError> {
    let sql = "select trade, community, slot, buyer, buyer_point, seller, seller_point from met \
               where trade = $1";
    let row = query(sql).bind(trade.to_owned()).fetch_optional(db.read()).await?;
    row.map(|row| {
        let side = |place| {
            Ok::<_, DbError>(Side {
                account: parsed(&row, place)?,
                point: parsed(&row, place + 1)?,
            })
        };
        Ok(Met {
            trade: row.try_get(0)?,
            community: parsed(&row, 1)?,
            slot: Timestamp::from_seconds(row.try_get(2)?),
            buyer: side(3)?,
            seller: side(5)?,
        })
    })
    .transpose()
}
