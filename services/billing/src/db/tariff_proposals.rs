//! Versions of tariffs that one of the staff wants published, until another one decides.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query_scalar};
use ids::CommunityId;
use tariff::Tariff;

use super::decisions::Requests;

/// `compared_with` is the tariff that was the newest when it was proposed, empty where there was
/// none: what is decided is what was shown. `summary`, `simulation` and `notes` are JSON as shown.
pub(crate) const SCHEMA: &str = "
create table tariff_proposal (
    number {serial}, id text not null unique, community text not null, tariff text not null,
    version bigint not null, valid_from text not null, hash text not null,
    document text not null, notes text not null, compared_with text not null,
    summary text not null, simulation text not null, asked_by text not null, at bigint not null,
    expires bigint not null, state text not null,
    decided_by text not null default '', decided_at bigint not null default 0
);
create index tariff_proposal_community on tariff_proposal (community, number);
";

/// `published` stands for all that was published when it was proposed.
pub(crate) const PUBLISHED_SCHEMA: &str =
    "alter table tariff_proposal add column published text not null default ''";

/// What one of the staff wants published.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) community: CommunityId,
    /// What the tariff is called in URLs.
    pub(crate) tariff: String,
    pub(crate) version: u32,
    /// Its first local day.
    pub(crate) valid_from: String,
    pub(crate) hash: String,
    /// The newest tariff when it was proposed.
    pub(crate) compared_with: String,
    /// What stands for all that was published then.
    pub(crate) published: String,
    /// What a list shows of its simulation, as JSON.
    pub(crate) summary: String,
    /// The party that asked.
    pub(crate) asked_by: String,
    pub(crate) at: Timestamp,
    /// From when on nobody can decide it any more.
    pub(crate) expires: Timestamp,
    /// `open`, `approved` or `refused`.
    pub(crate) state: String,
    /// The party that decided; empty before.
    pub(crate) decided_by: String,
    pub(crate) decided_at: Option<Timestamp>,
    /// The three that a list leaves out: the tariff, its notes and its simulation, as JSON.
    pub(crate) document: String,
    pub(crate) notes: String,
    pub(crate) simulation: String,
}

impl Proposal {
    /// How it stands: `open`, `approved`, `refused`, or `expired` where nobody decided in time.
    pub(crate) fn standing(&self, now: Timestamp) -> &str {
        if self.state == "open" && now >= self.expires { "expired" } else { &self.state }
    }

    /// The tariff that is proposed.
    pub(crate) fn proposed(&self) -> Result<Tariff> {
        Tariff::from_json(&self.document).context("a kept proposal")
    }
}

/// A hash as a proposal has it; empty where there is none.
pub(crate) fn hash_or_none(hash: Option<B256>) -> String {
    hash.map(super::hash).unwrap_or_default()
}

/// Keeps a proposal.
pub(crate) async fn ask(tx: &mut Tx, wanted: &Proposal) -> Result<()> {
    let row = vec![
        Cell::Text(wanted.id.clone()),
        Cell::Text(wanted.community.to_string()),
        Cell::Text(wanted.tariff.clone()),
        Cell::Int(i64::from(wanted.version)),
        Cell::Text(wanted.valid_from.clone()),
        Cell::Text(wanted.hash.clone()),
        Cell::Text(wanted.document.clone()),
        Cell::Text(wanted.notes.clone()),
        Cell::Text(wanted.compared_with.clone()),
        Cell::Text(wanted.summary.clone()),
        Cell::Text(wanted.simulation.clone()),
        Cell::Text(wanted.asked_by.clone()),
        Cell::Int(wanted.at.seconds()),
        Cell::Int(wanted.expires.seconds()),
        Cell::Text(wanted.state.clone()),
        Cell::Text(wanted.published.clone()),
    ];
    let insert = "insert into tariff_proposal (id, community, tariff, version, valid_from, hash, \
                  document, notes, compared_with, summary, simulation, asked_by, at, expires, \
                  state, published)";
    insert_rows(tx, insert, 16, vec![row], "").await.context("keeping a proposal")?;
    Ok(())
}

/// How many proposals of a community somebody can still publish at `now`, while `published` is what
/// is published, and how many of them are of this document.
pub(crate) async fn open(
    tx: &mut Tx,
    (community, hash, published): (CommunityId, &str, &str),
    now: Timestamp,
) -> Result<(i64, i64)> {
    let all: i64 = query_scalar(
        "select count(*) from tariff_proposal \
         where community = $1 and state = 'open' and expires > $2 and published = $3",
    )
    .bind(community.to_string())
    .bind(now.seconds())
    .bind(published.to_owned())
    .fetch_one(tx.conn())
    .await
    .context("counting proposals")?;
    let same: i64 = query_scalar(
        "select count(*) from tariff_proposal \
         where community = $1 and state = 'open' and expires > $2 and published = $3 \
         and hash = $4",
    )
    .bind(community.to_string())
    .bind(now.seconds())
    .bind(published.to_owned())
    .bind(hash.to_owned())
    .fetch_one(tx.conn())
    .await
    .context("looking for a proposal")?;
    Ok((all, same))
}

/// The proposals as rows.
pub(crate) const REQUESTS: Requests = Requests {
    table: "tariff_proposal",
    columns: "number, id, community, tariff, version, valid_from, hash, compared_with, summary, \
              asked_by, at, expires, state, decided_by, decided_at, document, notes, simulation, \
              published",
};

/// The same without what is long.
const LISTED: Requests = Requests {
    table: "tariff_proposal",
    columns: "number, id, community, tariff, version, valid_from, hash, compared_with, summary, \
              asked_by, at, expires, state, decided_by, decided_at, '', '', '', \
              published",
};

/// A proposal by its id.
pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<Proposal>> {
    REQUESTS.find(db, id).await?.as_ref().map(parse).transpose()
}

/// The proposals of a community, newest first, before a place in the list. They lack their
/// document, notes and simulation.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    place: (i64, u32),
) -> Result<Vec<Proposal>> {
    LISTED.before(db, community, place).await?.iter().map(parse).collect()
}

fn parse(row: &AnyRow) -> Result<Proposal> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let (version, decided_at): (i64, i64) = (row.try_get(4)?, row.try_get(14)?);
    Ok(Proposal {
        number: row.try_get(0)?,
        id: text(1)?,
        community: text(2)?.parse()?,
        tariff: text(3)?,
        version: u32::try_from(version)?,
        valid_from: text(5)?,
        hash: text(6)?,
        compared_with: text(7)?,
        summary: text(8)?,
        asked_by: text(9)?,
        at: Timestamp::from_seconds(row.try_get(10)?),
        expires: Timestamp::from_seconds(row.try_get(11)?),
        state: text(12)?,
        decided_by: text(13)?,
        decided_at: Some(decided_at).filter(|at| *at > 0).map(Timestamp::from_seconds),
        document: text(15)?,
        notes: text(16)?,
        simulation: text(17)?,
        published: text(18)?,
    })
}
