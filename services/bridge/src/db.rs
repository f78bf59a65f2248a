//! What a bridge remembers; SQL lives here and nowhere else.
//!
//! ```text
//! device    a meter's device as it is followed, one JSON text each
//! outgoing  signed readings that the server has not answered for
//! ```

use anyhow::{Context, Result};
use db::{Db, Migration, Row, Tx, query, query_scalar};
use ids::MeterId;
use reading::SignedReading;
use serde::{Deserialize, Serialize};

use crate::domain::sampler::Sampler;

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sql: "create table device (meter text primary key, followed text not null);
          create table outgoing (meter text not null, page bigint not null,
                                 message {bytes} not null, primary key (meter, page));",
}];

/// A device that is followed, and what of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Followed {
    /// Format, topic and selectors, as one text: other ones are other registers.
    pub(crate) of: String,
    pub(crate) sampler: Sampler,
}

/// A device that was followed before; `None` where it is new.
pub(crate) async fn followed(db: &Db, meter: MeterId) -> Result<Option<Followed>> {
    let text: Option<String> = query_scalar("select followed from device where meter = $1")
        .bind(meter.to_string())
        .fetch_optional(db.read())
        .await?;
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.with_context(|| format!("what was kept of meter {meter}"))
}

/// Keeps how a device is followed.
pub(crate) async fn follow(tx: &mut Tx, meter: MeterId, followed: &Followed) -> Result<()> {
    query(
        "insert into device (meter, followed) values ($1, $2) \
         on conflict (meter) do update set followed = excluded.followed",
    )
    .bind(meter.to_string())
    .bind(serde_json::to_string(followed)?)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps a signed reading until the server has it.
pub(crate) async fn send_later(tx: &mut Tx, signed: &SignedReading) -> Result<()> {
    query("insert into outgoing (meter, page, message) values ($1, $2, $3)")
        .bind(signed.reading.meter.to_string())
        .bind(i64::from(signed.reading.page))
        .bind(signed.encode())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The oldest messages of a meter that the server does not have: last page, and all of them one
/// after the other. Empty where it has all.
pub(crate) async fn outgoing(db: &Db, meter: MeterId, limit: i64) -> Result<(i64, Vec<u8>)> {
    let sql = "select page, message from outgoing where meter = $1 order by page limit $2";
    let rows = query(sql).bind(meter.to_string()).bind(limit).fetch_all(db.read()).await?;
    let (mut last, mut messages) = (0, Vec::new());
    for row in rows {
        last = row.try_get(0)?;
        messages.extend(row.try_get::<Vec<u8>, _>(1)?);
    }
    Ok((last, messages))
}

/// Forgets the messages of a meter up to a page.
pub(crate) async fn sent(db: &Db, meter: MeterId, last: i64) -> Result<()> {
    db.transact(move |tx| {
        Box::pin(async move {
            query("delete from outgoing where meter = $1 and page <= $2")
                .bind(meter.to_string())
                .bind(last)
                .execute(tx.conn())
                .await?;
            anyhow::Ok(())
        })
    })
    .await
}
