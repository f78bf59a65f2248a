//! Rows in, domain values out. All SQL of notices stands in here and below.
//!
//! | table | what a row is |
//! |---|---|
//! | `account`, `meter` | where they are, for events that do not say it |
//! | `webhook` | an endpoint, with its secrets wrapped |
//! | `delivery` | a message to an endpoint, and what became of it |

pub(crate) mod deliveries;
pub(crate) mod places;
pub(crate) mod webhooks;

use anyhow::{Context, Result};
use db::{Db, Migration, Tx, query_scalar};

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: SCHEMA },
];

/// Zero stands for a time that there was not; `status` is [`deliveries::Status`].
const SCHEMA: &str = "
create table account (account text primary key, community text not null);
create table meter (meter text primary key, community text not null);
create table webhook (
    number {serial}, id text not null unique, community text not null, url text not null,
    description text not null, kinds text not null, active bigint not null,
    failing_since bigint not null default 0, reason text not null default '',
    secret {bytes} not null, secret_before {bytes}, before_until bigint not null default 0,
    created_by text not null, created_at bigint not null
);
create index webhook_community on webhook (community, number);
create table delivery (
    place {serial}, webhook text not null, message text not null, kind text not null,
    body text not null, at bigint not null, status bigint not null default 0,
    attempts bigint not null default 0, not_before bigint not null default 0,
    answered bigint not null default 0, error text not null default '',
    ended bigint not null default 0, unique (webhook, message)
);
create index delivery_webhook on delivery (webhook, status, place);
create index delivery_ended on delivery (status, ended);
";

/// The name under which notices claims events.
pub(crate) const CONSUMER: &str = "notices";

/// Whether there is anybody who may be told something.
pub(crate) async fn anybody(db: &Db) -> Result<bool> {
    let sql = "select case when exists (select 1 from webhook) then 1 else 0 end";
    let found: i64 = query_scalar(sql)
        .fetch_one(db.read())
        .await
        .context("looking for whom to tell")?;
    Ok(found != 0)
}

/// Whether an event is applied for the first time; claims it.
pub(crate) async fn first_time(tx: &mut Tx, event: ids::EventId) -> Result<bool> {
    bus::first_time(tx, CONSUMER, event).await.context("claiming an event")
}
