//! Certificates: what they say, whose they are, and for whom they were retired.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::CertificateTerms;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};

use crate::domain::certificate::text_of;

/// Connection points in slots that are looked at because too much may be certified of them.
const BEYOND_MAX: i64 = 100;

/// What a log did with certified energy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// An account has more or less of a certificate, in Wh.
    Moved { address: Address, certificate: U256, wh: i64 },
    /// An account used some of it up.
    Retired(Retired),
}

/// Certified energy that was used up, for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retired {
    pub(crate) address: Address,
    pub(crate) certificate: U256,
    pub(crate) wh: i64,
    pub(crate) beneficiary: String,
    /// The transaction.
    pub(crate) hash: B256,
    /// Of its block.
    pub(crate) at: Timestamp,
}

/// What an account has of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) account: AccountId,
    pub(crate) certificate: String,
    pub(crate) about: About,
    /// In Wh.
    pub(crate) held: u64,
    /// In Wh.
    pub(crate) retired: u64,
}

/// What a certificate says of its energy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) point: ConnectionPointId,
    pub(crate) meter: MeterId,
    /// The code of the source.
    pub(crate) source: String,
    pub(crate) slot: Timestamp,
    pub(crate) slot_seconds: u32,
}

/// A retirement as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retirement {
    /// Its block's height and its place there.
    pub(crate) number: i64,
    pub(crate) place: i64,
    pub(crate) account: AccountId,
    pub(crate) certificate: String,
    pub(crate) about: About,
    pub(crate) wh: u64,
    pub(crate) beneficiary: String,
    pub(crate) hash: String,
    pub(crate) at: Timestamp,
}

/// Whose certificates: those of a community, or of one account there.
pub(crate) type Of = (CommunityId, Option<AccountId>);

/// Where a page of holdings begins: below this slot, certificate and account.
pub(crate) type HoldingPlace = (i64, String, String);

/// A certificate's number as rows hold it.
pub(crate) fn number(certificate: U256) -> String {
    format!("{certificate:#066x}")
}

/// Keeps what the logs of a block did, each with the place of its log.
pub(crate) async fn put(
    tx: &mut Tx,
    (block, height): (B256, u64),
    changes: Vec<(u32, Change)>,
) -> Result<()> {
    let height = super::int(height)?;
    let (mut moves, mut retirements) = (Vec::new(), Vec::new());
    for (leg, (place, change)) in (0_i64..).zip(changes) {
        let (address, certificate, wh, retired) = match &change {
            Change::Moved { address, certificate, wh } => (address, certificate, *wh, 0),
            Change::Retired(of) => (&of.address, &of.certificate, 0, of.wh),
        };
        let (address, certificate) = (super::address(*address), number(*certificate));
        let (block, place) = (super::hash(block), i64::from(place));
        moves.push(vec![
            Cell::Text(block.clone()),
            Cell::Int(place),
            Cell::Int(leg),
            Cell::Text(address.clone()),
            Cell::Text(certificate.clone()),
            Cell::Int(wh),
            Cell::Int(retired),
        ]);
        if let Change::Retired(of) = change {
            retirements.push(vec![
                Cell::Text(block),
                Cell::Int(height),
                Cell::Int(place),
                Cell::Text(address),
                Cell::Text(certificate),
                Cell::Int(of.wh),
                Cell::Text(of.beneficiary),
                Cell::Text(super::hash(of.hash)),
                Cell::Int(of.at.seconds()),
            ]);
        }
    }
    let insert = "insert into certificate_move \
                  (block, place, leg, address, certificate, wh, retired)";
    insert_rows(tx, insert, 7, moves, "").await.context("keeping moves of certificates")?;
    let insert = "insert into certificate_retired \
                  (block, number, place, address, certificate, wh, beneficiary, hash, at)";
    insert_rows(tx, insert, 9, retirements, "").await.context("keeping retirements")?;
    Ok(())
}

/// Forgets what a block did.
pub(crate) async fn forget(tx: &mut Tx, block: B256) -> Result<()> {
    for sql in [
        "delete from certificate_move where block = $1",
        "delete from certificate_retired where block = $1",
    ] {
        query(sql)
            .bind(super::hash(block))
            .execute(tx.conn())
            .await
            .context("forgetting certificates of a block")?;
    }
    Ok(())
}

/// Certificates that somebody has had and of which it is not known what they say.
pub(crate) async fn unknown(db: &Db, limit: i64) -> Result<Vec<U256>> {
    let rows = query(
        "select distinct m.certificate from certificate_move m left join certificate c \
         on c.certificate = m.certificate where c.certificate is null \
         order by m.certificate limit $1",
    )
    .bind(limit)
    .fetch_all(db.read())
    .await
    .context("looking for unknown certificates")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}

/// Keeps what a certificate says.
pub(crate) async fn put_terms(tx: &mut Tx, terms: &CertificateTerms) -> Result<()> {
    let row = vec![
        Cell::Text(number(terms.id())),
        Cell::Text(terms.connection_point.to_string()),
        Cell::Text(terms.meter.to_string()),
        Cell::Text(text_of(terms.source)),
        Cell::Int(super::int(terms.slot)?),
        Cell::Int(i64::from(terms.slot_seconds)),
    ];
    let insert = "insert into certificate (certificate, point, meter, source, slot, slot_seconds)";
    let known = "on conflict (certificate) do nothing";
    insert_rows(tx, insert, 6, vec![row], known).await.context("keeping a certificate")?;
    Ok(())
}

/// Slots in which certificates of a connection point are of more than its meter is known to have
/// exported, with all that was ever certified of it, in Wh; the first of them.
///
/// What is certified is what accounts have and had retired: to move a certificate changes neither.
pub(crate) async fn beyond_metered(
    db: &Db,
) -> Result<BTreeMap<Timestamp, BTreeMap<ConnectionPointId, u64>>> {
    let rows = query(
        "select c.slot, c.point, cast(sum(m.wh) + sum(m.retired) as bigint) \
         from certificate c join certificate_move m on m.certificate = c.certificate \
         left join metered g on g.point = c.point and g.slot = c.slot \
         group by c.slot, c.point, g.export_wh \
         having sum(m.wh) + sum(m.retired) > coalesce(g.export_wh, 0) \
         order by c.slot, c.point limit $1",
    )
    .bind(BEYOND_MAX)
    .fetch_all(db.read())
    .await
    .context("holding certificates against meters")?;
    let mut beyond: BTreeMap<Timestamp, BTreeMap<ConnectionPointId, u64>> = BTreeMap::new();
    for row in &rows {
        let slot = Timestamp::from_seconds(row.try_get(0)?);
        let point = row.try_get::<String, _>(1)?.parse()?;
        let wh: i64 = row.try_get(2)?;
        beyond.entry(slot).or_default().insert(point, u64::try_from(wh)?);
    }
    Ok(beyond)
}

/// How many Wh of a certificate an address has.
pub(crate) async fn held(db: &Db, address: Address, certificate: U256) -> Result<u64> {
    let held: i64 = query_scalar(
        "select cast(coalesce(sum(wh), 0) as bigint) from certificate_move \
         where address = $1 and certificate = $2",
    )
    .bind(super::address(address))
    .bind(number(certificate))
    .fetch_one(db.read())
    .await
    .context("reading what is held of a certificate")?;
    u64::try_from(held).context("more went than had come")
}

/// What accounts have and had retired of certificates, the newest slot first, from below a place.
pub(crate) async fn holdings(
    db: &Db,
    (community, account): Of,
    below: Option<HoldingPlace>,
    limit: u32,
) -> Result<Vec<Holding>> {
    // Nothing stands above these: slots are numbers, and the texts hexadecimal.
    let (slot, certificate, owner) =
        below.unwrap_or_else(|| (i64::MAX, String::new(), String::new()));
    let rows = query(
        "select a.account, c.certificate, c.point, c.meter, c.source, c.slot, c.slot_seconds, \
         cast(sum(m.wh) as bigint), cast(sum(m.retired) as bigint) \
         from account a join settlement_address s on s.account = a.account \
         join certificate_move m on m.address = s.address \
         join certificate c on c.certificate = m.certificate \
         where a.community = $1 and ($2 = '' or a.account = $2) \
         and (c.slot, c.certificate, a.account) < ($3, $4, $5) \
         group by a.account, c.certificate, c.point, c.meter, c.source, c.slot, c.slot_seconds \
         having sum(m.wh) > 0 or sum(m.retired) > 0 \
         order by c.slot desc, c.certificate desc, a.account desc limit $6",
    )
    .bind(community.to_string())
    .bind(account.map(|account| account.to_string()).unwrap_or_default())
    .bind(slot)
    .bind(certificate)
    .bind(owner)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading certificates")?;
    let holding = |row: &AnyRow| {
        Ok(Holding {
            account: row.try_get::<String, _>(0)?.parse()?,
            certificate: row.try_get(1)?,
            about: about(row, 2)?,
            held: row.try_get::<i64, _>(7)?.try_into()?,
            retired: row.try_get::<i64, _>(8)?.try_into()?,
        })
    };
    rows.iter().map(holding).collect()
}

/// What accounts have and had retired of each source, in Wh: (code, held, retired).
pub(crate) async fn totals(db: &Db, (community, account): Of) -> Result<Vec<(String, u64, u64)>> {
    let rows = query(
        "select c.source, cast(sum(m.wh) as bigint), cast(sum(m.retired) as bigint) \
         from account a join settlement_address s on s.account = a.account \
         join certificate_move m on m.address = s.address \
         join certificate c on c.certificate = m.certificate \
         where a.community = $1 and ($2 = '' or a.account = $2) group by c.source \
         having sum(m.wh) > 0 or sum(m.retired) > 0 order by c.source",
    )
    .bind(community.to_string())
    .bind(account.map(|account| account.to_string()).unwrap_or_default())
    .fetch_all(db.read())
    .await
    .context("adding certificates up")?;
    let total = |row: &AnyRow| {
        let wh = |place: usize| row.try_get::<i64, _>(place);
        Ok((row.try_get(0)?, wh(1)?.try_into()?, wh(2)?.try_into()?))
    };
    rows.iter().map(total).collect()
}

/// Retirements, newest first, from below a place: block's height, then place in the block.
pub(crate) async fn retirements(
    db: &Db,
    (community, account): Of,
    (number, place): (i64, i64),
    limit: u32,
) -> Result<Vec<Retirement>> {
    let rows = query(
        "select r.number, r.place, a.account, r.certificate, c.point, c.meter, c.source, c.slot, \
         c.slot_seconds, r.wh, r.beneficiary, r.hash, r.at \
         from certificate_retired r join settlement_address s on s.address = r.address \
         join account a on a.account = s.account \
         join certificate c on c.certificate = r.certificate \
         where a.community = $1 and ($2 = '' or a.account = $2) \
         and (r.number, r.place) < ($3, $4) order by r.number desc, r.place desc limit $5",
    )
    .bind(community.to_string())
    .bind(account.map(|account| account.to_string()).unwrap_or_default())
    .bind(number)
    .bind(place)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading retirements")?;
    let retirement = |row: &AnyRow| {
        Ok(Retirement {
            number: row.try_get(0)?,
            place: row.try_get(1)?,
            account: row.try_get::<String, _>(2)?.parse()?,
            certificate: row.try_get(3)?,
            about: about(row, 4)?,
            wh: row.try_get::<i64, _>(9)?.try_into()?,
            beneficiary: row.try_get(10)?,
            hash: row.try_get(11)?,
            at: Timestamp::from_seconds(row.try_get(12)?),
        })
    };
    rows.iter().map(retirement).collect()
}

/// What a certificate says, in the columns from `first` on.
fn about(row: &AnyRow, first: usize) -> Result<About> {
    let text = |place: usize| row.try_get::<String, _>(first + place);
    let int = |place: usize| row.try_get::<i64, _>(first + place);
    Ok(About {
        point: text(0)?.parse()?,
        meter: text(1)?.parse()?,
        source: text(2)?,
        slot: Timestamp::from_seconds(int(3)?),
        slot_seconds: int(4)?.try_into()?,
    })
}
