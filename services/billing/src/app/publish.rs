//! A tariff is published: kept, anchored, announced. One of the staff proposes it, another one
//! decides.
//!
//! ```text
//! open ──> approved ──> kept, anchored and announced in the same transaction
//!   ├────> refused      or taken back by who proposed it
//!   └────> expired      nobody decided in time
//! ```
//!
//! What is decided is what was shown: once anything else is published, a proposal of before cannot
//! be published any more. It holds up none: the same can be proposed again, to be compared.

use alloy_primitives::keccak256;
use anyhow::{Error, Result};
use calendar::Timestamp;
use events::Envelope;
use events::billing::TariffPublished;
use ids::{CommunityId, PartyId};
use service::Problem;
use tariff::Tariff;

use super::decisions::{Decision, decided_already};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members::{self, Published};
use crate::db::tariff_proposals::{self as proposals, Proposal};
use crate::domain::verify::tariff_key;

const ANCHOR_GAS: u64 = 200_000;
/// How long a proposal waits for a decision.
pub(crate) const PROPOSAL_SECONDS: i64 = 14 * 86_400;
/// Proposals of a community that may wait for a decision at the same time.
const OPEN_MAX: i64 = 20;

impl Billing {
    /// Publishes a tariff for a community; publishing the newest version again changes nothing.
    /// This is for the program that sets a community up: people propose and decide.
    ///
    /// # Errors
    /// A [`Problem`] where it is in another currency than energy is traded in, the version does not
    /// rise, begins before the one before it, or drops what that one carries from bill to bill; any
    /// other error is a fault.
    pub async fn publish_tariff(
        &self,
        community: CommunityId,
        tariff: Tariff,
        now: Timestamp,
    ) -> Result<()> {
        let _turn = self.publishing.lock().await;
        let published = members::tariffs(&self.db, community).await?;
        let newest = newest_of(&published, &tariff);
        if newest.is_some_and(|newest| newest.tariff == tariff) {
            return Ok(());
        }
        self.check_follows(newest, &tariff)?;
        self.put_tariff((community, tariff), None, now).await
    }

    /// Asks for a tariff to be published.
    ///
    /// # Errors
    /// A [`Problem`]: `ALREADY_PROPOSED` where the same waits for a decision, `PROPOSALS_OPEN`
    /// where too many wait.
    pub(crate) async fn propose_tariff(&self, wanted: Proposal) -> Result<()> {
        let _turn = self.publishing.lock().await;
        let now_published = all_of(&members::tariffs(&self.db, wanted.community).await?);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let of = (wanted.community, wanted.hash.as_str(), now_published.as_str());
                    let (all, same) = proposals::open(tx, of, wanted.at).await?;
                    if same > 0 {
                        let title = "The same tariff is proposed, and nobody has decided yet";
                        return Err(Error::from(Problem::refused("ALREADY_PROPOSED", title)));
                    }
                    if all >= OPEN_MAX {
                        let title = format!("{OPEN_MAX} proposals wait for a decision");
                        return Err(Error::from(Problem::refused("PROPOSALS_OPEN", title)));
                    }
                    proposals::ask(tx, &wanted).await
                })
            })
            .await
    }

    /// Whether a tariff could be published as things are; the hash of the newest tariff of the
    /// community, which a draft is compared with, and what stands for all that is published.
    ///
    /// # Errors
    /// A [`Problem`], as of [`Billing::publish_tariff`].
    pub(crate) async fn check_proposable(
        &self,
        community: CommunityId,
        tariff: &Tariff,
    ) -> Result<(String, String)> {
        let published = members::tariffs(&self.db, community).await?;
        self.check_follows(newest_of(&published, tariff), tariff)?;
        Ok((compared_with(&published), all_of(&published)))
    }

    /// Decides what another person proposed; who proposed it may take it back, which refuses it.
    /// Who published it may say so again.
    ///
    /// # Errors
    /// A [`Problem`]: `FOUR_EYES` where who proposed it would publish it, `DECIDED` where somebody
    /// has decided otherwise, `PROPOSAL_EXPIRED` where nobody did in time, `PROPOSAL_OUTDATED`
    /// where another tariff was published since, `PROPOSAL_CHANGED` where what is kept is not what
    /// was proposed; as of [`Billing::publish_tariff`] where it cannot be published any more.
    pub(crate) async fn decide_proposal(
        &self,
        id: &str,
        (by, approved): (PartyId, bool),
        now: Timestamp,
    ) -> Result<()> {
        // Nothing is decided or published from here on, so that who decides twice is told the same.
        let _turn = self.publishing.lock().await;
        let wanted = proposals::find(&self.db, id).await?;
        let wanted = wanted.ok_or_else(|| Problem::not_found("proposal"))?;
        let by = by.to_string();
        if approved && wanted.asked_by == by {
            let title = "Another person than the one who proposed it must decide";
            return Err(Problem::refused("FOUR_EYES", title).into());
        }
        let of = (proposals::REQUESTS, wanted.id.clone());
        let decision = Decision { of, by, approved, at: now };
        match wanted.standing(now) {
            "open" => {}
            "expired" => {
                let title = "Nobody decided in time: propose it again";
                return Err(Problem::refused("PROPOSAL_EXPIRED", title).into());
            }
            decided if decided == decision.state() && wanted.decided_by == decision.by => {
                return Ok(());
            }
            _ => return Err(decided_already()),
        }
        if !approved {
            let kept = self.db.transact(move |tx| Box::pin(async move { decision.keep(tx).await }));
            return kept.await;
        }
        let tariff = wanted.proposed()?;
        if tariff.hash().to_string() != wanted.hash {
            let title = "What is kept of the proposal is not what was proposed: propose it again";
            return Err(Problem::refused("PROPOSAL_CHANGED", title).into());
        }
        let published = members::tariffs(&self.db, wanted.community).await?;
        if all_of(&published) != wanted.published {
            let title = "Another tariff was published since: propose it again, to be compared";
            return Err(Problem::refused("PROPOSAL_OUTDATED", title).into());
        }
        self.check_follows(newest_of(&published, &tariff), &tariff)?;
        self.put_tariff((wanted.community, tariff), Some(decision), now).await
    }

    /// Whether a tariff may follow the newest version of its id.
    fn check_follows(&self, newest: Option<&Published>, tariff: &Tariff) -> Result<(), Problem> {
        let head = tariff.head();
        let currency = self.currencies.code(CurrencyId::FIRST);
        if head.currency != currency {
            let title = format!("Energy is traded in {currency}, not in {}", head.currency);
            return Err(Problem::refused("TARIFF_CURRENCY", title));
        }
        let Some(newest) = newest.map(|newest| &newest.tariff) else { return Ok(()) };
        if newest.head().version >= head.version {
            let title = "A published tariff is changed by a higher version only";
            return Err(Problem::refused("TARIFF_VERSION", title));
        }
        if newest.head().valid_from > head.valid_from {
            let title = "A version of a tariff cannot begin before the one before it";
            return Err(Problem::refused("TARIFF_VALID_FROM", title));
        }
        if newest.carries() && !tariff.carries() {
            let title = "The version before carries something from bill to bill, this one drops it";
            return Err(Problem::refused("TARIFF_CARRIES", title));
        }
        if newest.head().timezone.name() != head.timezone.name() {
            let title = "A tariff keeps its time zone: its days would overlap otherwise";
            return Err(Problem::refused("TARIFF_TIMEZONE", title));
        }
        Ok(())
    }

    /// Keeps, anchors and announces a tariff, with the decision that it follows from.
    async fn put_tariff(
        &self,
        (community, tariff): (CommunityId, Tariff),
        decision: Option<Decision>,
        now: Timestamp,
    ) -> Result<()> {
        let head = tariff.head().clone();
        let valid_from = head.timezone.start_of(head.valid_from);
        let hash = tariff.hash();
        let key = tariff_key(community, &head.id);
        let call = self.deployment.anchor_tariff(key, head.valid_from.number(), hash);
        let transaction = self.transaction(format!("tariff/{key}/{hash}"), call, ANCHOR_GAS);
        let document = serde_json::to_value(&tariff)?;
        let event = TariffPublished { community, hash, valid_from, tariff: document };
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if let Some(decision) = decision {
                        decision.keep(tx).await?;
                    }
                    let version = members::put_tariff(tx, community, &tariff, valid_from).await?;
                    operator.enqueue(tx, &transaction).await?;
                    let cause = format!("{community}/{}/{version}", head.id);
                    bus::append(tx, &Envelope::of(&event, &cause, now)).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// The newest version of a tariff's id.
fn newest_of<'a>(published: &'a [Published], tariff: &Tariff) -> Option<&'a Published> {
    let of_id = |known: &&Published| known.tariff.head().id == tariff.head().id;
    published.iter().filter(of_id).max_by_key(|known| known.record_version)
}

/// What a draft is compared with.
fn compared_with(published: &[Published]) -> String {
    proposals::hash_or_none(published.first().map(|known| known.tariff.hash()))
}

/// What stands for all that is published: it changes with every publication.
fn all_of(published: &[Published]) -> String {
    let of = |known: &Published| {
        let (id, hash) = (&known.tariff.head().id, known.tariff.hash());
        format!("{}/{}/{hash};", id.len(), known.record_version) + id
    };
    let mut all: Vec<String> = published.iter().map(of).collect();
    all.sort_unstable();
    keccak256(all.concat()).to_string()
}
