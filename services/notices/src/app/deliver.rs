//! Sends messages, each endpoint's one after the other.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use calendar::Timestamp;
use futures::StreamExt;
use ids::Uuid;
use vault::random;

use crate::Notices;
use crate::db::deliveries::{self, Attempted, Delivery, Message, Status};
use crate::db::webhooks::{self, Webhook};
use crate::domain::event::body;
use crate::domain::retry::{ATTEMPTS_MAX, next};
use crate::domain::signature::{Secret, header};
use crate::domain::target;
use crate::post::{Answered, Signed};

/// Endpoints that are sent to at the same time.
const AT_ONCE_MAX: usize = 16;
/// Messages to one endpoint in a round.
const MESSAGES_PER_ROUND_MAX: u32 = 100;
/// How long a message is kept that was taken or given up, in seconds: thirty days.
const KEPT_SECONDS: i64 = 30 * 24 * 3600;
/// The kind of a message that staff send to see whether an endpoint works.
const TEST: &str = "webhook.test";
/// How long the messages of one endpoint are sent before the others get another round.
const ENDPOINT_ROUND: Duration = Duration::from_secs(20);

impl Notices {
    /// Sends what is due at `now`; how many messages were taken.
    ///
    /// # Errors
    /// When the database fails; what endpoints answer is no error.
    pub async fn round(&self, now: Timestamp) -> Result<u64> {
        let old = now.plus_seconds(-KEPT_SECONDS);
        let due = webhooks::due(&self.db, now).await?;
        // Also where nobody is sent anything: what failing endpoints are not sent waits too.
        if self.forgets(crate::MESSAGES, now) {
            self.db
                .transact(move |tx| Box::pin(async move { deliveries::forget(tx, old).await }))
                .await?;
        }
        let sending = due.into_iter().map(|webhook| self.send_all(webhook, now));
        let sent: Vec<Result<u64>> =
            futures::stream::iter(sending).buffer_unordered(AT_ONCE_MAX).collect().await;
        sent.into_iter().sum()
    }

    /// Sends an endpoint's messages, oldest first, up to one that it does not take.
    async fn send_all(&self, webhook: Webhook, now: Timestamp) -> Result<u64> {
        let (mut taken, began) = (0, Instant::now());
        for _ in 0..MESSAGES_PER_ROUND_MAX {
            // Others wait for the end of the round; and somebody may have changed the endpoint.
            let changed = webhooks::find(&self.db, webhook.id).await?.as_ref() != Some(&webhook);
            if changed || began.elapsed() >= ENDPOINT_ROUND {
                break;
            }
            let Some(delivery) = deliveries::next(&self.db, webhook.id, now).await? else { break };
            let answered = self.attempt(&webhook, &delivery.message, self.now()).await?;
            let fine = answered.is_taken();
            self.note(&webhook, delivery, answered, now).await?;
            if !fine {
                break;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Signs a message and hands it over, once.
    async fn attempt(
        &self,
        webhook: &Webhook,
        message: &Message,
        now: Timestamp,
    ) -> Result<Answered> {
        let url = match target::check(&webhook.wanted.url, &self.allowed) {
            Ok(url) => url,
            // The operator has changed what is allowed.
            Err(bad) => {
                return Ok(Answered { status: 0, retry_after: None, error: bad.to_string() });
            }
        };
        let secrets = self.secrets(webhook, now)?;
        let timestamp = now.seconds();
        let signatures = header(&secrets, &message.id, timestamp, &message.body);
        let signed = Signed { id: &message.id, timestamp, signatures, body: &message.body };
        Ok(self.poster.post(url, signed).await)
    }

    /// The secrets that sign at a moment, the newest first.
    fn secrets(&self, webhook: &Webhook, now: Timestamp) -> Result<Vec<Secret>> {
        let before = webhook.secrets.before.as_ref().filter(|(_, until)| now < *until);
        let wrapped = std::iter::once(&webhook.secrets.now).chain(before.map(|(secret, _)| secret));
        let open = wrapped.map(|wrapped| {
            let bytes = self.master_key.unwrap(&purpose(webhook.id), wrapped)?;
            Secret::from_bytes(&bytes).context("a secret of another length")
        });
        open.collect()
    }

    async fn note(
        &self,
        webhook: &Webhook,
        delivery: Delivery,
        answered: Answered,
        now: Timestamp,
    ) -> Result<()> {
        let attempts = delivery.attempts + 1;
        let over = !answered.is_taken() && (attempts >= ATTEMPTS_MAX || answered.is_gone());
        let status = match (answered.is_taken(), over) {
            (true, _) => Status::Delivered,
            (_, true) => Status::Failed,
            _ => Status::Waiting,
        };
        let chance = u64::from_be_bytes(random());
        let attempted = Attempted {
            status,
            attempts,
            not_before: next(now, attempts, answered.retry_after, chance),
            answered: answered.status,
            error: answered.error.clone(),
            ended: (status != Status::Waiting).then_some(now),
        };
        if over {
            tracing::warn!(webhook = %webhook.id, error = answered.error, "an endpoint fails");
        }
        let (id, place) = (webhook.id, delivery.place);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    deliveries::note(tx, place, &attempted).await?;
                    if over {
                        let why = Some((now, answered.error.as_str()));
                        webhooks::set_failing(tx, id, why).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Sends a message of its own to an endpoint at once, whatever waits and however it stands;
    /// what came of it.
    pub(crate) async fn test(&self, webhook: &Webhook, now: Timestamp) -> Result<Answered> {
        let message = Message {
            id: Uuid::new_v4().to_string(),
            kind: TEST.to_owned(),
            body: body(TEST, now, &serde_json::json!({ "webhook": webhook.id })),
            at: now,
        };
        self.attempt(webhook, &message, now).await
    }
}

/// What a secret of an endpoint is wrapped for.
pub(crate) fn purpose(webhook: Uuid) -> String {
    format!("webhook:{webhook}")
}
