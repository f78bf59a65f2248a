//! Events in: each becomes a message for every endpoint that wants its kind, and a letter for whom
//! it concerns.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use events::Envelope;
use events::identity::{AccountOpened, MeterEnrolled};

use crate::Notices;
use crate::db::deliveries::{self, Message};
use crate::db::{self, places, webhooks};
use crate::domain::event::{SUBJECTS, body, fact};
use crate::domain::letter::letter;

/// The most messages that wait for an endpoint. What comes beyond is kept as failed, to be
/// replayed.
const WAITING_MAX: i64 = 10_000;

/// Notices as the bus sees it.
pub(crate) struct Inbox(pub(crate) Arc<Notices>);

#[async_trait]
impl Consumer for Inbox {
    fn name(&self) -> &'static str {
        db::CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        SUBJECTS
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let letter = letter(envelope)?;
        let Some(fact) = fact(envelope)? else { return Ok(()) };
        let account = envelope.open::<AccountOpened>()?;
        let meter = envelope.open::<MeterEnrolled>()?;
        // Most installations tell nobody most of the time: a look is cheaper than a claim.
        if account.is_none() && meter.is_none() && !db::anybody(&self.0.db).await? {
            return Ok(());
        }
        let (id, at, now) = (envelope.id, envelope.occurred_at, self.0.now());
        let kind = fact.kind;
        let message = Message {
            id: id.to_string(),
            kind: kind.name().to_owned(),
            body: body(kind.name(), at, &fact.data),
            at,
        };
        let (notices, envelope) = (self.0.clone(), envelope.clone());
        self.0
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    if !db::first_time(tx, id).await? {
                        return Ok(());
                    }
                    if let Some(event) = account {
                        places::put_account(tx, event.account, event.community).await?;
                    }
                    if let Some(event) = meter {
                        places::put_meter(tx, event.meter, event.community).await?;
                    }
                    if let Some(letter) = letter {
                        notices.write(tx, &envelope, &letter).await?;
                    }
                    let Some(community) = places::community(tx, fact.place).await? else {
                        return Ok(());
                    };
                    for webhook in webhooks::load(tx, community).await? {
                        if !webhook.wanted.active || !webhook.wanted.kinds.contains(&kind) {
                            continue;
                        }
                        let waiting = deliveries::waiting(tx, webhook.id).await?;
                        let failed =
                            (waiting >= WAITING_MAX).then_some(("too many messages wait", now));
                        deliveries::put(tx, webhook.id, &message, failed).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
