//! Rows in, domain values out. All SQL of billing stands in here and below.
//!
//! | table | what a row is |
//! |---|---|
//! | `account`, `point`, `meter` | who is billed, where, by which device |
//! | `occupant` | whose a connection point is, from which slot on |
//! | `settlement_address` | at which address an account settles, from which slot on |
//! | `tariff` | a published version; `record_version` is its number on chain |
//! | `tariff_proposal` | versions that staff want published, and what was decided |
//! | `metered`, `reading`, `day_leaf` | intervals, the signed readings under them, their anchors |
//! | `matched` | a trade's place among the fills of its slot |
//! | `chain_head`, `fact` | the block that was followed last; what logs said, by block |
//! | `trade_party` | whose trades there are on a UTC day, also of blocks that were taken back |
//! | `journal`, `journal_owner` | each currency's entries; whose statement they are in |
//! | `journal_batch` | entries of a journal that are anchored together |
//! | `curtailment` | what was told of slots in which the grid carries no trades |
//! | `daily_record` | what each day of a community came to |
//! | `slot_state`, `delivery` | which run a slot has had; what was handed to the chain last |
//! | `expiry`, `kept_apart` | trades that expire; trades that the contract refuses, with reasons |
//! | `kept_interval` | versions of intervals that wait for their run or came too late |
//! | `deposit`, `series`, `invoice` | payments from outside; invoice numbers; issued invoices |
//! | `bank_account`, `bank_payment` | where a community is paid; payments of its statements |
//! | `payout`, `payout_file` | money on its way to accounts' banks; orders to pay it out |
//! | `account_request` | what accounts signed besides orders and payouts |
//! | `invoice_payment` | what came in for invoices |
//! | `ladder`, `reminder`, `reminder_fee` | what follows where they are not paid, and what did |
//! | `trading_hold` | who buys nothing from neighbours, and why |
//! | `prepaid_setting`, `prepaid_account` | how accounts pay before they use, and which do |
//! | `prepaid_suspension` | whose supply staff want suspended, and what was decided |
//! | `correction`, `correction_series` | what was issued after invoices; its numbers |
//! | `invoice_change`, `cancellation` | what waits for a correction; what staff want taken back |
//! | `collector`, `wallet_payment` | whose wallet invoices are paid to; transfers for invoices |
//! | `dispute`, `dispute_said` | complaints about invoices, and what was said |
//! | `issuer`, `customer` | who issues and receives documents, as people said of themselves |
//! | `challenge_sent` | challenges that were given to the relay |
//! | `exchange_rate`, `exchange_quote` | at what currencies are exchanged; what was offered |
//! | `dealer_transfer` | cash of the dealer that staff want given to an account |
//! | `source_order` | what staff said that connection points generate from |
//! | `certificate_issue` | trades to be certified, and how far that is |
//! | `certificate`, `certificate_move`, `certificate_retired` | certificates, and whose they are |
//!
//! A column `book` is a currency's place in the genesis, and so which journal; energy is in that of
//! the first, 0.
//!
//! Invariants: `journal` only grows; a `fact` goes when its block leaves the best branch.

pub(crate) mod addresses;
pub(crate) mod bank;
pub(crate) mod cancellations;
pub(crate) mod certificates;
pub(crate) mod certifying;
pub(crate) mod chain;
pub(crate) mod challenges;
pub(crate) mod corrections;
pub(crate) mod curtailments;
pub(crate) mod daily;
pub(crate) mod dealer_transfers;
pub(crate) mod decisions;
pub(crate) mod disputes;
pub(crate) mod dues;
pub(crate) mod dunning;
pub(crate) mod energy;
pub(crate) mod exchange;
pub(crate) mod handover;
pub(crate) mod invoices;
pub(crate) mod journal;
pub(crate) mod journal_batches;
pub(crate) mod kept;
pub(crate) mod members;
pub(crate) mod occupants;
pub(crate) mod parties;
pub(crate) mod payout_files;
pub(crate) mod payouts;
pub(crate) mod prepaid;
pub(crate) mod reports;
pub(crate) mod requests;
pub(crate) mod rulings;
pub(crate) mod slots;
pub(crate) mod tariff_proposals;
pub(crate) mod wallet_payments;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use db::{Db, Migration, Tx, query, query_scalar};

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: client::SCHEMA },
    Migration { version: 3, sql: SCHEMA },
    Migration { version: 4, sql: HANDOVER_SCHEMA },
    Migration { version: 5, sql: CHANGES_SCHEMA },
    Migration { version: 6, sql: BANK_SCHEMA },
    Migration { version: 7, sql: client::ATTEMPTS_SCHEMA },
    Migration { version: 8, sql: PAYOUT_SCHEMA },
    Migration { version: 9, sql: EXPIRY_SCHEMA },
    Migration { version: 10, sql: REQUEST_SCHEMA },
    Migration { version: 11, sql: PARTIES_SCHEMA },
    Migration { version: 12, sql: CURRENCY_SCHEMA },
    Migration { version: 13, sql: CHALLENGE_SCHEMA },
    Migration { version: 14, sql: CREDIT_SCHEMA },
    Migration { version: 15, sql: CERTIFICATE_SCHEMA },
    Migration { version: 16, sql: dues::SCHEMA },
    Migration { version: 17, sql: corrections::SCHEMA },
    Migration { version: 18, sql: wallet_payments::SCHEMA },
    Migration { version: 19, sql: DIRTY_INDEX },
    Migration { version: 20, sql: addresses::SCHEMA },
    Migration { version: 21, sql: dealer_transfers::SCHEMA },
    Migration { version: 22, sql: journal::RECALL_SCHEMA },
    Migration { version: 23, sql: tariff_proposals::SCHEMA },
    Migration { version: 24, sql: journal_batches::SCHEMA },
    Migration { version: 25, sql: tariff_proposals::PUBLISHED_SCHEMA },
    Migration { version: 26, sql: curtailments::SCHEMA },
    Migration { version: 27, sql: dunning::SCHEMA },
    Migration { version: 28, sql: prepaid::SCHEMA },
    Migration { version: 29, sql: energy::ESTIMATED_SCHEMA },
    Migration { version: 30, sql: occupants::SCHEMA },
    Migration { version: 31, sql: daily::SCHEMA },
];

/// Slots that changed after a run are few among all there ever were.
const DIRTY_INDEX: &str = "create index slot_dirty on slot_state (slot) where dirty = 1";

/// Certificates. `certify_due` is when trades of a slot are to be looked at for certificates. The
/// transaction of a source follows from `source/` and the id; that of an issue is its `cause`.
/// What a certificate says follows from its number, so that it needs no block; moves and
/// retirements go with theirs.
const CERTIFICATE_SCHEMA: &str = "
alter table slot_state add column certify_due bigint not null default 0;
create index slot_certify on slot_state (certify_due);
create table source_order (
    number {serial}, id text not null unique, community text not null, point text not null,
    code text not null, ordered_by text not null, at bigint not null
);
create index source_order_point on source_order (point, number);
create table certificate_issue (
    trade text primary key, community text not null, account text not null, slot bigint not null,
    wh bigint not null, state bigint not null, due bigint not null, tries bigint not null,
    cause text not null, reason text not null
);
create index certificate_issue_due on certificate_issue (state, due);
create index certificate_issue_slot on certificate_issue (community, slot, trade);
create table certificate (
    certificate text primary key, point text not null, meter text not null, source text not null,
    slot bigint not null, slot_seconds bigint not null
);
create table certificate_move (
    block text not null, place bigint not null, leg bigint not null, address text not null,
    certificate text not null, wh bigint not null, retired bigint not null,
    primary key (block, place, leg)
);
create index certificate_move_of on certificate_move (address, certificate);
create index certificate_move_certificate on certificate_move (certificate);
create table certificate_retired (
    block text not null, number bigint not null, place bigint not null, address text not null,
    certificate text not null, wh bigint not null, beneficiary text not null, hash text not null,
    at bigint not null, primary key (block, place)
);
create index certificate_retired_of on certificate_retired (address, number, place);
";

/// The payment with which a payout is credited to the wallet that it came from; empty where it is
/// not.
const CREDIT_SCHEMA: &str = "
alter table payout add column credit text not null default '';
create index payout_credit on payout (credit);
";

/// Who issues the documents of a community, and who receives those of an account, as JSON.
const PARTIES_SCHEMA: &str = "
create table issuer (community text primary key, said text not null);
create table customer (account text primary key, said text not null);
";

/// Currencies. All that was kept before is of the first. A key of two columns is made with a new
/// table, which takes the old one's rows and name.
const CURRENCY_SCHEMA: &str = "
create table journal_of_book (
    book bigint not null, sequence bigint not null, block text not null, at bigint not null,
    entry text not null, primary key (book, sequence)
);
insert into journal_of_book (book, sequence, block, at, entry)
    select 0, sequence, block, at, entry from journal;
drop table journal;
alter table journal_of_book rename to journal;
create index journal_block on journal (block);
create table owner_of_book (
    book bigint not null, address text not null, sequence bigint not null,
    primary key (book, address, sequence)
);
insert into owner_of_book (book, address, sequence)
    select 0, address, sequence from journal_owner;
drop table journal_owner;
alter table owner_of_book rename to journal_owner;
create table account_of_book (
    community text not null, book bigint not null, iban text not null unique,
    holder text not null, currency text not null, primary key (community, book)
);
insert into account_of_book (community, book, iban, holder, currency)
    select community, 0, iban, holder, currency from bank_account;
drop table bank_account;
alter table account_of_book rename to bank_account;
alter table bank_payment add column book bigint not null default 0;
alter table deposit add column book bigint not null default 0;
alter table payout add column book bigint not null default 0;
alter table account_request add column book bigint not null default 0;
create table exchange_rate (
    number {serial}, community text not null, source bigint not null, target bigint not null,
    rate bigint not null, spread_bps bigint not null, amount_max bigint not null,
    set_by text not null, at bigint not null
);
create index exchange_rate_pair on exchange_rate (community, source, target, number);
create table exchange_quote (
    id text primary key, request text not null unique, community text not null,
    account text not null, rate bigint not null, source bigint not null, target bigint not null,
    given bigint not null, taken bigint not null, terms text not null, expiry bigint not null,
    at bigint not null
);
create index exchange_quote_account on exchange_quote (account, expiry);
create index exchange_quote_rate on exchange_quote (rate);
create index exchange_quote_target on exchange_quote (community, target, expiry);
";

/// Challenges that the relay sends. The transaction follows from `challenge/` and the hash, which
/// is the call's.
const CHALLENGE_SCHEMA: &str = "
create table challenge_sent (
    number {serial}, hash text not null unique, community text not null, account text not null,
    trade text not null, call text not null, shown text not null, at bigint not null
);
create index challenge_sent_community on challenge_sent (community, number);
create index fact_community on fact (kind, community, number);
";

/// What accounts signed besides orders and payouts. Its transaction follows from `request/` and the
/// id.
const REQUEST_SCHEMA: &str = "
create table account_request (
    number {serial}, id text not null unique, community text not null, account text not null,
    key text not null, kind text not null, amount bigint not null, terms text not null,
    signature text not null, at bigint not null, unique (account, key)
);
create index account_request_community on account_request (community, account, number);
";

/// Until when payouts can be withdrawn. Those from before were signed without an end, for another
/// contract.
const EXPIRY_SCHEMA: &str = "alter table payout add column expiry bigint not null default 0;";

/// Payouts. `watched` is whether blocks can still change one. Of a payment by bank that is of one,
/// `posted` is whether it is in the journal, where `entry` is the payout's last one.
const PAYOUT_SCHEMA: &str = "
create index deposit_payment on deposit (payment);
create table payout (
    number {serial}, id text not null unique, community text not null, account text not null,
    address text not null, key text not null, amount bigint not null, creditor text not null,
    iban text not null, salt text not null, destination text not null unique,
    withdrawal text not null, redemption text not null,
    since bigint not null, state text not null, reason text not null, available bigint not null,
    watched bigint not null, attempt bigint not null, file text not null, entry bigint not null,
    at bigint not null, unique (account, key)
);
create index payout_watched on payout (watched, account);
create index payout_state on payout (community, state, number);
create table payout_file (
    number {serial}, id text not null unique, community text not null, key text not null,
    requested_by text not null, payments bigint not null, total bigint not null,
    currency text not null, hash text not null, document text not null, at bigint not null,
    unique (community, key)
);
alter table bank_payment add column side text not null default 'credit';
alter table bank_payment add column payout text not null default '';
alter table bank_payment add column posted bigint not null default 1;
create index bank_payment_posted on bank_payment (posted, number);
";

/// Payments by bank. One without an account is matched to nobody yet, for a reason.
const BANK_SCHEMA: &str = "
create table bank_account (
    community text primary key, iban text not null unique, holder text not null,
    currency text not null
);
create table bank_payment (
    number {serial}, community text not null, key text not null, statement text not null,
    booked_on text not null, amount bigint not null, currency text not null,
    remittance text not null, debtor text not null, debtor_account text not null,
    reason text not null, account text not null, at bigint not null, unique (community, key)
);
create index bank_payment_account on bank_payment (community, account, number);
";

/// How often a slot changed, so that no change is missed; when a reading was heard of, by which the
/// late ones are found. None is left out of a bill's evidence any more.
const CHANGES_SCHEMA: &str = "
alter table slot_state add column changes bigint not null default 0;
alter table reading add column at bigint not null default 0;
alter table reading drop column late;
alter table kept_interval drop column readings;
";

/// What follows a handed over trade and a late interval until they have found their end.
const HANDOVER_SCHEMA: &str = "
alter table delivery add column cause text not null default '';
alter table delivery add column alone bigint not null default 0;
alter table delivery add column sent bigint not null default 0;
create index delivery_cause on delivery (cause);
create table expiry (
    trade text primary key, cause text not null, alone bigint not null, sent bigint not null
);
create index expiry_cause on expiry (cause);
create table kept_apart (
    trade text primary key, what text not null, reason text not null, since bigint not null,
    closed bigint not null
);
create table kept_interval (
    point text not null, slot bigint not null, community text not null, version bigint not null,
    import_wh bigint not null, export_wh bigint not null, source text not null,
    readings text not null, at bigint not null, closes bigint not null, state bigint not null,
    primary key (point, slot)
);
create index kept_interval_state on kept_interval (state);
alter table reading add column late bigint not null default 0;
alter table invoice add column posted bigint not null default 0;
create index invoice_posted on invoice (posted);
";

const SCHEMA: &str = "
create table account (
    account text primary key, community text not null, pseudonym text not null,
    address text not null, custody text not null
);
create index account_address on account (address);
create table point (
    point text primary key, account text not null, community text not null, timezone text not null
);
create index point_account on point (account);
create table meter (meter text primary key, point text not null);
create index meter_point on meter (point);
create table tariff (
    community text not null, id text not null, record_version bigint not null,
    valid_from bigint not null, hash text not null, document text not null,
    primary key (community, id, record_version)
);
create table metered (
    point text not null, slot bigint not null, community text not null,
    import_wh bigint not null, export_wh bigint not null, known bigint not null,
    version bigint not null, primary key (point, slot)
);
create index metered_slot on metered (community, slot);
create table reading (
    meter text not null, page bigint not null, time bigint not null, message {bytes} not null,
    primary key (meter, page)
);
create index reading_time on reading (meter, time);
create table day_leaf (
    meter text not null, day bigint not null, batch bigint not null, root text not null,
    leaf text not null, primary key (meter, day, batch)
);
create table matched (trade text primary key, place bigint not null);
create table chain_head (
    one bigint primary key, sequence bigint not null, number bigint not null, hash text not null,
    finalized bigint not null
);
create table fact (
    block text not null, number bigint not null, place bigint not null, kind text not null,
    key text not null, community text not null, slot bigint not null, day bigint not null,
    body text not null, primary key (block, place)
);
create index fact_key on fact (kind, key);
create index fact_slot on fact (kind, slot);
create index fact_day on fact (day);
create table journal (
    sequence bigint primary key, block text not null, at bigint not null, entry text not null
);
create index journal_block on journal (block);
create table journal_owner (
    address text not null, sequence bigint not null, primary key (address, sequence)
);
create table slot_state (
    community text not null, slot bigint not null, run bigint not null, due bigint not null,
    dirty bigint not null, primary key (community, slot)
);
create index slot_due on slot_state (due);
create table delivery (
    trade text primary key, run bigint not null, delivered bigint not null,
    seller_short bigint not null, buyer_short bigint not null
);
create table deposit (
    community text not null, key text not null, payment text not null, account text not null,
    amount bigint not null, at bigint not null, primary key (community, key)
);
create table series (year bigint primary key, last bigint not null);
create table invoice (
    id text primary key, number text not null unique, community text not null,
    account text not null, meter text not null, from_day bigint not null, to_day bigint not null,
    at bigint not null, total bigint not null, due bigint not null, hash text not null,
    document text not null, evidence text not null, days text not null,
    unique (account, from_day, to_day)
);
create index invoice_account on invoice (account, from_day);
";

/// An address as rows hold it.
pub(crate) fn address(address: Address) -> String {
    format!("{address:#x}")
}

/// A hash as rows hold it.
pub(crate) fn hash(hash: B256) -> String {
    format!("{hash:#x}")
}

/// An unsigned number as rows hold it; they hold none above 2^63.
pub(crate) fn int(number: u64) -> Result<i64> {
    i64::try_from(number).context("a number does not fit the database")
}

/// Whether an event is applied for the first time; claims it.
pub(crate) async fn first_time(tx: &mut Tx, event: ids::EventId) -> Result<bool> {
    bus::first_time(tx, crate::consume::CONSUMER, event).await.context("claiming an event")
}

/// Whether an event was applied before.
pub(crate) async fn was_applied(db: &Db, event: ids::EventId) -> Result<bool> {
    let found: i64 =
        query_scalar("select count(*) from inbox where consumer = $1 and event_id = $2")
            .bind(crate::consume::CONSUMER)
            .bind(event.to_string())
            .fetch_one(db.read())
            .await
            .context("reading the inbox")?;
    Ok(found > 0)
}

/// Marks a slot as one whose deliveries have to be computed again.
pub(crate) async fn mark_dirty(tx: &mut Tx, community: &str, slot: i64) -> Result<()> {
    let sql = "update slot_state set dirty = 1, changes = changes + 1 \
               where community = $1 and slot = $2";
    query(sql)
        .bind(community.to_owned())
        .bind(slot)
        .execute(tx.conn())
        .await
        .context("marking a slot")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::currencies::CurrencyId;

    #[actix_web::test]
    async fn what_was_kept_before_there_were_currencies_is_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("billing.db").display());
        let old = Db::open(&url, &MIGRATIONS[..11]).await.unwrap();
        let community = ids::CommunityId::derived("old");
        let payment = B256::repeat_byte(1);
        for sql in [
            "insert into journal values (0, '0x01', 5, '{}'), (1, '0x02', 6, '{}')".to_owned(),
            "insert into journal_owner values ('0xaa', 1)".to_owned(),
            format!(
                "insert into bank_account values \
                 ('{community}', 'DE89370400440532013000', 'Old Town', 'EUR')"
            ),
            format!(
                "insert into deposit values \
                 ('{community}', 'k', '{payment}', '{community}', 25, 5)"
            ),
        ] {
            query(db::AssertSqlSafe(sql)).execute(old.read()).await.unwrap();
        }
        old.close().await;

        let db = Db::open(&url, MIGRATIONS).await.unwrap();
        let count = "select count(*) from journal join journal_owner \
                     on journal_owner.book = journal.book \
                     and journal_owner.sequence = journal.sequence \
                     where journal.book = 0 and block = '0x02' and address = '0xaa'";
        let count: i64 = query_scalar(count).fetch_one(db.read()).await.unwrap();
        assert_eq!(count, 1);
        let account = bank::account(&db, community, CurrencyId::FIRST).await.unwrap().unwrap();
        assert_eq!((account.holder.as_str(), account.currency.code()), ("Old Town", "EUR"));
        let paid = slots::paid_in(&db, CurrencyId::FIRST, payment).await.unwrap();
        assert_eq!(paid, Some(units::Money::from_n(25)));
        let other = CurrencyId::of_column(1).unwrap();
        assert_eq!(slots::paid_in(&db, other, payment).await.unwrap(), None);
        db.close().await;
    }
}
