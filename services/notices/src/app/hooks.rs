//! Endpoints: made, changed, removed, their secrets exchanged, their messages replayed.

use anyhow::Result;
use calendar::Timestamp;
use ids::{CommunityId, PartyId, Uuid};
use service::Problem;
use zeroize::Zeroizing;

use super::deliver::purpose;
use crate::Notices;
use crate::db::deliveries::{self, Status};
use crate::db::webhooks::{self, Secrets, Wanted, Webhook};
use crate::domain::signature::Secret;
use crate::domain::target;

/// Endpoints of a community.
const WEBHOOKS_MAX: usize = 20;

/// A secret, as it is shown once.
pub(crate) type NewSecret = Zeroizing<String>;

/// How many messages of an endpoint wait, and how many failed.
pub(crate) struct Standing {
    pub(crate) waiting: u64,
    pub(crate) failed: u64,
}

impl Notices {
    /// Makes an endpoint; its secret is shown here and never again.
    ///
    /// # Errors
    /// A [`Problem`] for a URL that nothing is sent to, and where there are too many.
    pub(crate) async fn add_webhook(
        &self,
        community: CommunityId,
        wanted: Wanted,
        (by, now): (PartyId, Timestamp),
    ) -> Result<(Webhook, NewSecret)> {
        self.check_url(&wanted.url)?;
        let (id, secret) = (Uuid::new_v4(), Secret::generate());
        let webhook = Webhook {
            id,
            community,
            wanted,
            failing: None,
            secrets: Secrets {
                now: self.master_key.wrap(&purpose(id), secret.bytes()),
                before: None,
            },
            created_by: by,
            created_at: now,
        };
        let kept = webhook.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if webhooks::load(tx, community).await?.len() >= WEBHOOKS_MAX {
                        let title = format!("A community has at most {WEBHOOKS_MAX} endpoints");
                        let problem = Problem::refused("WEBHOOKS_MAX", title);
                        return Err(anyhow::Error::from(problem));
                    }
                    webhooks::put(tx, &kept).await
                })
            })
            .await?;
        Ok((webhook, secret.shown()))
    }

    /// Changes where messages go, and which.
    ///
    /// # Errors
    /// A [`Problem`] for a URL that nothing is sent to.
    pub(crate) async fn change_webhook(&self, id: Uuid, wanted: Wanted) -> Result<()> {
        self.check_url(&wanted.url)?;
        self.db
            .transact(move |tx| Box::pin(async move { webhooks::change(tx, id, &wanted).await }))
            .await
    }

    /// Removes an endpoint with the messages to it.
    pub(crate) async fn remove_webhook(&self, id: Uuid) -> Result<()> {
        self.db.transact(move |tx| Box::pin(async move { webhooks::remove(tx, id).await })).await
    }

    /// Gives an endpoint a new secret, shown here and never again; the one before signs as well
    /// until `until`.
    pub(crate) async fn rotate_secret(
        &self,
        webhook: &Webhook,
        until: Timestamp,
    ) -> Result<NewSecret> {
        let (id, secret) = (webhook.id, Secret::generate());
        let secrets = Secrets {
            now: self.master_key.wrap(&purpose(id), secret.bytes()),
            before: Some((webhook.secrets.now.clone(), until)),
        };
        self.db
            .transact(move |tx| Box::pin(async move { webhooks::rotate(tx, id, &secrets).await }))
            .await?;
        Ok(secret.shown())
    }

    /// Lets messages be sent anew, the one that is named or all that failed since a moment, and an
    /// endpoint that fails be tried again; how many messages.
    pub(crate) async fn replay(
        &self,
        id: Uuid,
        message: Option<String>,
        since: Timestamp,
    ) -> Result<u64> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let again = deliveries::replay(tx, id, message.as_deref(), since).await?;
                    webhooks::set_failing(tx, id, None).await?;
                    Ok(again)
                })
            })
            .await
    }

    /// How many messages of an endpoint wait, and how many failed.
    pub(crate) async fn standing(&self, id: Uuid) -> Result<Standing> {
        Ok(Standing {
            waiting: deliveries::count(&self.db, id, Status::Waiting).await?,
            failed: deliveries::count(&self.db, id, Status::Failed).await?,
        })
    }

    fn check_url(&self, url: &str) -> Result<(), Problem> {
        let checked = target::check(url, &self.allowed);
        checked.map(|_| ()).map_err(|bad| Problem::malformed(bad.to_string()))
    }
}
