//! Rows in, domain values out. All SQL of notices stands in here and below.
//!
//! | table | what a row is |
//! |---|---|
//! | `account`, `meter` | where they are, for events that do not say it |
//! | `webhook` | an endpoint, with its secrets wrapped |
//! | `delivery` | a message to an endpoint, and what became of it |
//! | `contact` | where people are written to, as they said |
//! | `letter` | a letter to one of them, and what became of it |

pub(crate) mod contacts;
pub(crate) mod deliveries;
pub(crate) mod letters;
pub(crate) mod places;
pub(crate) mod webhooks;

use anyhow::{Context, Result};
use db::{Db, Migration, Tx, query_scalar};

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: SCHEMA },
    Migration { version: 3, sql: LETTER_SCHEMA },
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

/// What people said of themselves goes when they say so. `code` is empty where there is none.
const LETTER_SCHEMA: &str = "
create table contact (
    party text primary key, account text, community text not null, staff bigint not null,
    address text not null, language text not null, wants text not null,
    confirmed bigint not null, code {bytes} not null, code_sent bigint not null,
    code_misses bigint not null, code_day bigint not null, code_of_day bigint not null
);
create index contact_account on contact (account);
create index contact_community on contact (community, staff);
create table letter (
    place {serial}, party text not null, event text not null, subject text not null,
    body text not null, attached text, at bigint not null, status bigint not null default 0,
    attempts bigint not null default 0, not_before bigint not null default 0,
    error text not null default '', ended bigint not null default 0, unique (party, event)
);
create index letter_waiting on letter (status, place);
create index letter_party on letter (party, place);
";

/// The name under which notices claims events.
pub(crate) const CONSUMER: &str = "notices";

/// Whether there is anybody who may be told something.
pub(crate) async fn anybody(db: &Db) -> Result<bool> {
    let sql = "select case when exists (select 1 from webhook) \
               or exists (select 1 from contact where confirmed = 1) then 1 else 0 end";
    let found: i64 =
        query_scalar(sql).fetch_one(db.read()).await.context("looking for whom to tell")?;
    Ok(found != 0)
}

/// Whether an event is applied for the first time; claims it.
pub(crate) async fn first_time(tx: &mut Tx, event: ids::EventId) -> Result<bool> {
    bus::first_time(tx, CONSUMER, event).await.context("claiming an event")
}
