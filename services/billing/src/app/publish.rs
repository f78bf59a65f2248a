//! A tariff is published: kept, anchored, announced.

use anyhow::Result;
use calendar::Timestamp;
use events::Envelope;
use events::billing::TariffPublished;
use ids::CommunityId;
use service::Problem;
use tariff::Tariff;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members;
use crate::domain::verify::tariff_key;

const ANCHOR_GAS: u64 = 200_000;

impl Billing {
    /// Publishes a tariff for a community; publishing the newest version again changes nothing.
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
        let head = tariff.head().clone();
        let currency = self.currencies.code(CurrencyId::FIRST);
        if head.currency != currency {
            let title = format!("Energy is traded in {currency}, not in {}", head.currency);
            return Err(Problem::refused("TARIFF_CURRENCY", title).into());
        }
        let _turn = self.publishing.lock().await;
        let published = members::tariffs(&self.db, community).await?;
        let newest = published
            .iter()
            .filter(|known| known.tariff.head().id == head.id)
            .max_by_key(|known| known.record_version);
        if newest.is_some_and(|newest| newest.tariff == tariff) {
            return Ok(());
        }
        if newest.is_some_and(|newest| newest.tariff.head().version >= head.version) {
            let title = "A published tariff is changed by a higher version only";
            return Err(Problem::refused("TARIFF_VERSION", title).into());
        }
        if newest.is_some_and(|newest| newest.tariff.head().valid_from > head.valid_from) {
            let title = "A version of a tariff cannot begin before the one before it";
            return Err(Problem::refused("TARIFF_VALID_FROM", title).into());
        }
        let carries = newest.is_some_and(|newest| newest.tariff.carries());
        if carries && !tariff.carries() {
            let title = "The version before carries something from bill to bill, this one drops it";
            return Err(Problem::refused("TARIFF_CARRIES", title).into());
        }
        let zone = head.timezone.name();
        if newest.is_some_and(|newest| newest.tariff.head().timezone.name() != zone) {
            let title = "A tariff keeps its time zone: its days would overlap otherwise";
            return Err(Problem::refused("TARIFF_TIMEZONE", title).into());
        }
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
