//! Rows in, domain values out. All SQL of deg stands in here and below.
//!
//! | table | what a row is |
//! |---|---|
//! | `record` | a trade as it stands, with what it is looked for by |
//! | `version` | a state that a record had, with the digest of the one before |
//! | `reference` | a write that a caller has named, so that it is done once |

pub(crate) mod records;

use anyhow::{Context, Result};
use db::{Migration, Tx};

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, sql: bus::SCHEMA }, Migration { version: 2, sql: SCHEMA }];

/// Times are epoch seconds; zero where there is none.
const SCHEMA: &str = "
create table record (
    number {serial}, id text not null unique, transaction_id text not null, item text not null,
    author text not null, platform_buyer text not null, platform_seller text not null,
    discom_buyer text not null, discom_seller text not null, buyer text not null,
    seller text not null, created bigint not null, traded bigint not null, starts bigint not null,
    ends bigint not null, body text not null, unique (transaction_id, item)
);
create index record_traded on record (traded);
create index record_starts on record (starts);
create table version (
    number {serial}, record text not null, body text not null, digest text not null,
    previous text not null, written_by text not null, note text not null, at bigint not null
);
create index version_record on version (record, number);
create table reference (
    caller text not null, record text not null, name text not null, request text not null,
    primary key (caller, record, name)
);
";

/// The name under which deg claims events.
pub(crate) const CONSUMER: &str = "deg";

/// Whether an event is applied for the first time; claims it.
pub(crate) async fn first_time(tx: &mut Tx, event: ids::EventId) -> Result<bool> {
    bus::first_time(tx, CONSUMER, event).await.context("claiming an event")
}
