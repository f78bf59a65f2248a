//! The outbox and the inbox, in the service's own database.

use calendar::Timestamp;
use db::{Cell, Db, DbError, Row, Tx, insert_rows, query};
use events::Envelope;
use ids::EventId;

/// The tables of the bus: the first migration of every service that publishes or consumes.
pub const SCHEMA: &str = "
create table outbox (
    place {serial},
    id text not null unique,
    subject text not null,
    occurred_at bigint not null,
    body text not null,
    status bigint not null default 0,
    attempts bigint not null default 0,
    not_before bigint not null default 0,
    error text
);
create index outbox_pending on outbox (status, place);
create table inbox (
    consumer text not null,
    event_id text not null,
    primary key (consumer, event_id)
);
";

/// Row states of the outbox.
pub(crate) mod status {
    /// Waits to be published.
    pub(crate) const PENDING: i64 = 0;
    /// Durable at the other end.
    pub(crate) const SENT: i64 = 1;
    /// Given up after too many attempts; an operator looks at it.
    pub(crate) const PARKED: i64 = 2;
}

/// Writes `envelope` to the outbox, in the transaction of the change it tells of. Writing the same
/// event again changes nothing.
pub async fn append(tx: &mut Tx, envelope: &Envelope) -> Result<(), DbError> {
    append_all(tx, std::slice::from_ref(envelope)).await
}

/// Writes `envelopes` to the outbox as [`append`] would one after another, in as few statements as
/// fit: they are published in their order.
pub async fn append_all(tx: &mut Tx, envelopes: &[Envelope]) -> Result<(), DbError> {
    let row = |envelope: &Envelope| {
        vec![
            Cell::Text(envelope.id.to_string()),
            Cell::Text(envelope.subject.clone()),
            Cell::Int(envelope.occurred_at.seconds()),
            Cell::Text(envelope.body.to_string()),
        ]
    };
    let rows = envelopes.iter().map(row).collect();
    let insert = "insert into outbox (id, subject, occurred_at, body)";
    insert_rows(tx, insert, 4, rows, "on conflict (id) do nothing").await?;
    Ok(())
}

/// Claims `event` for `consumer`, in the transaction of its effect: `false` means that it was
/// applied before and there is nothing to do.
pub async fn first_time(
    tx: &mut Tx,
    consumer: &'static str,
    event: EventId,
) -> Result<bool, DbError> {
    let claimed =
        query("insert into inbox (consumer, event_id) values ($1, $2) on conflict do nothing")
            .bind(consumer)
            .bind(event.to_string())
            .execute(tx.conn())
            .await?;
    Ok(claimed.rows_affected() == 1)
}

/// An event that no consumer-side retry could deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The event.
    pub id: String,
    /// Its kind.
    pub subject: String,
    /// When the fact became true.
    pub occurred_at: Timestamp,
    /// The last error.
    pub error: String,
}

/// The parked events of a service, oldest first, at most 100.
pub async fn parked(db: &Db) -> Result<Vec<Parked>, DbError> {
    let rows = query(
        "select id, subject, occurred_at, coalesce(error, '') from outbox where status = $1 \
         order by place limit 100",
    )
    .bind(status::PARKED)
    .fetch_all(db.read())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Parked {
                id: row.try_get(0)?,
                subject: row.try_get(1)?,
                occurred_at: Timestamp::from_seconds(row.try_get(2)?),
                error: row.try_get(3)?,
            })
        })
        .collect()
}
