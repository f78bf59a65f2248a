//! Where people are written to, as they said themselves; to be forgotten when they say so.

use anyhow::{Context, Result};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId, PartyId};

use crate::domain::letter::{Addressee, LetterKind};

/// The most staff that are written to of one fact.
const STAFF_MAX: i64 = 100;

/// Where somebody is written to.
#[derive(Debug, Clone)]
pub(crate) struct Contact {
    pub(crate) party: PartyId,
    /// The account whose bills concern them.
    pub(crate) account: Option<AccountId>,
    pub(crate) community: CommunityId,
    /// Whether they may read every account of the community.
    pub(crate) staff: bool,
    pub(crate) address: String,
    /// A built-in language.
    pub(crate) language: String,
    /// Rising, each once.
    pub(crate) wants: Vec<LetterKind>,
    /// Whether they have shown that they read there.
    pub(crate) confirmed: bool,
    pub(crate) code: Code,
}

/// The code with which an address is confirmed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Code {
    /// Wrapped; empty where there is none.
    pub(crate) wrapped: Vec<u8>,
    /// When it was sent.
    pub(crate) sent: i64,
    /// How often a wrong one was entered.
    pub(crate) misses: i64,
    /// The day, counted from 1970, on which codes were sent, and how many.
    pub(crate) day: i64,
    pub(crate) of_day: i64,
}

const SELECT: &str = "select party, account, community, staff, address, language, wants, \
    confirmed, code, code_sent, code_misses, code_day, code_of_day from contact";

impl Contact {
    /// Whether there is an address: of one that was forgotten the codes are still counted.
    pub(crate) fn is_kept(&self) -> bool {
        !self.address.is_empty()
    }
}

/// Keeps where somebody is written to.
pub(crate) async fn put(tx: &mut Tx, contact: &Contact) -> Result<()> {
    let account = contact.account.map(|account| account.to_string());
    let row = vec![
        Cell::Text(contact.party.to_string()),
        account.map_or(Cell::NullText, Cell::Text),
        Cell::Text(contact.community.to_string()),
        Cell::Int(i64::from(contact.staff)),
        Cell::from(contact.address.as_str()),
        Cell::from(contact.language.as_str()),
        Cell::Text(serde_json::to_string(&contact.wants)?),
        Cell::Int(i64::from(contact.confirmed)),
        Cell::Bytes(contact.code.wrapped.clone()),
        Cell::Int(contact.code.sent),
        Cell::Int(contact.code.misses),
        Cell::Int(contact.code.day),
        Cell::Int(contact.code.of_day),
    ];
    let insert = "insert into contact (party, account, community, staff, address, language, \
                  wants, confirmed, code, code_sent, code_misses, code_day, code_of_day)";
    let update = "on conflict (party) do update set account = excluded.account, \
                  community = excluded.community, staff = excluded.staff, \
                  address = excluded.address, language = excluded.language, \
                  wants = excluded.wants, confirmed = excluded.confirmed, code = excluded.code, \
                  code_sent = excluded.code_sent, code_misses = excluded.code_misses, \
                  code_day = excluded.code_day, code_of_day = excluded.code_of_day";
    insert_rows(tx, insert, 13, vec![row], update).await.context("keeping a contact")?;
    Ok(())
}

/// Where somebody is written to, if they have said.
pub(crate) async fn find(db: &Db, party: PartyId) -> Result<Option<Contact>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where party = $1")))
        .bind(party.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a contact")?;
    row.as_ref().map(parse).transpose()
}

/// As [`find`], in a transaction.
pub(crate) async fn load(tx: &mut Tx, party: PartyId) -> Result<Option<Contact>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where party = $1")))
        .bind(party.to_string())
        .fetch_optional(tx.conn())
        .await
        .context("reading a contact")?;
    row.as_ref().map(parse).transpose()
}

/// Who has a confirmed address and is an addressee.
pub(crate) async fn of(tx: &mut Tx, to: Addressee) -> Result<Vec<Contact>> {
    let (which, id) = match to {
        Addressee::Account(account) => ("account = $1", account.to_string()),
        Addressee::Staff(community) => ("community = $1 and staff = 1", community.to_string()),
    };
    let sql = format!("{SELECT} where confirmed = 1 and {which} order by party limit {STAFF_MAX}");
    let rows = query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_all(tx.conn())
        .await
        .context("looking for whom to write to")?;
    rows.iter().map(parse).collect()
}

/// Forgets where somebody is written to, and the letters to them; not how many codes were sent:
/// whoever comes again is bound by that.
pub(crate) async fn forget(tx: &mut Tx, party: PartyId) -> Result<()> {
    let blank = "update contact set account = null, address = '', wants = '[]', confirmed = 0 \
                 where party = $1";
    for sql in ["delete from letter where party = $1", blank] {
        query(sql)
            .bind(party.to_string())
            .execute(tx.conn())
            .await
            .context("forgetting a contact")?;
    }
    Ok(())
}

fn parse(row: &AnyRow) -> Result<Contact> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let number = |place: usize| row.try_get::<i64, _>(place);
    let account: Option<String> = row.try_get(1)?;
    Ok(Contact {
        party: text(0)?.parse()?,
        account: account.map(|account| account.parse()).transpose()?,
        community: text(2)?.parse()?,
        staff: number(3)? != 0,
        address: text(4)?,
        language: text(5)?,
        wants: serde_json::from_str(&text(6)?).context("what a contact wants")?,
        confirmed: number(7)? != 0,
        code: Code {
            wrapped: row.try_get(8)?,
            sent: number(9)?,
            misses: number(10)?,
            day: number(11)?,
            of_day: number(12)?,
        },
    })
}
