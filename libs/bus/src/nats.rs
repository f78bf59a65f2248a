//! The bus of the cluster: NATS JetStream with durable pull consumers.
//!
//! One stream holds all events, under `<stream>.<subject>`. JetStream drops a message whose id it
//! has seen in the last minutes; the inbox of each consumer does it for ever. A consumer's events
//! are applied one after another (`max_ack_pending = 1`), because a block follows the block before
//! it.
//!
//! ```text
//! events of one round --> one atomic batch: all stored and synced at once, or none of them
//!                    \--> each alone, where the server refuses the batch: it has one of them
//!                         already, or knows no batches (before NATS 2.12)
//! ```
//!
//! The server must keep streams with `sync_interval: always`, or an acknowledged event can be lost
//! with the machine (deploy/nats.conf).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use async_nats::header::{
    HeaderMap, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_MESSAGE_ID,
};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{
    ContextBuilder, PublishAckFuture, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_nats::jetstream::{AckKind, Context as JetStream, Message};
use events::Envelope;
use futures::StreamExt;

use crate::{ATTEMPTS_MAX, Consumer};

/// How long JetStream remembers a message id.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// How long a consumer may take over one event before it is offered again.
const ACK_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait for JetStream's word.
const PUBLISH_WITHIN: Duration = Duration::from_secs(10);
/// The most messages of an atomic batch, by JetStream's own limit.
const BATCH_MAX: usize = 1000;
/// Batches that are refused one after the other before no more are sent until the next start.
const REFUSALS_MAX: u32 = 16;
/// Pause before the stream of messages is asked for again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Where NATS is and how the stream is kept.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `nats://host:port`, several separated by commas.
    pub url: String,
    /// The stream's name, upper case by custom; one per installation.
    pub stream: String,
    /// The most the stream holds, in bytes; when it is full new events wait in their outboxes.
    pub bytes_max: i64,
}

pub(crate) struct Nats {
    jetstream: JetStream,
    stream: Stream,
    prefix: String,
    /// How many refusals of a batch are borne before no more are sent; zero: the stream takes none.
    patience: AtomicU32,
}

impl Nats {
    pub(crate) async fn connect(options: NatsOptions) -> Result<Nats> {
        let urls: Vec<String> = options.url.split(',').map(str::to_owned).collect();
        let client = async_nats::connect(urls).await.context("connecting to NATS")?;
        let jetstream = ContextBuilder::new().timeout(PUBLISH_WITHIN).build(client);
        let stream = jetstream
            .get_or_create_stream(Config {
                name: options.stream.clone(),
                subjects: vec![format!("{}.>", options.stream)],
                storage: StorageType::File,
                discard: DiscardPolicy::New,
                max_bytes: options.bytes_max,
                duplicate_window: DUPLICATE_WINDOW,
                ..Config::default()
            })
            .await
            .context("creating the event stream")?;
        let takes_batches = allow_batches(&jetstream, &stream).await;
        let patience = AtomicU32::new(if takes_batches { REFUSALS_MAX } else { 0 });
        Ok(Nats { jetstream, stream, prefix: options.stream, patience })
    }

    /// As atomic batches where that goes, for a stream that syncs each of its writes.
    pub(crate) async fn publish_all(&self, envelopes: &[Envelope]) -> Vec<Result<()>> {
        let mut outcomes = Vec::with_capacity(envelopes.len());
        for batch in envelopes.chunks(BATCH_MAX) {
            outcomes.extend(self.publish_some(batch).await);
        }
        outcomes
    }

    async fn publish_some(&self, envelopes: &[Envelope]) -> Vec<Result<()>> {
        let patience = self.patience.load(Ordering::Relaxed);
        if patience == 0 || envelopes.len() < 2 {
            return self.publish_each(envelopes).await;
        }
        match self.publish_together(envelopes).await {
            Ok(()) => {
                self.patience.store(REFUSALS_MAX, Ordering::Relaxed);
                envelopes.iter().map(|_| Ok(())).collect()
            }
            Err(error) if is_refusal(&error) => {
                let (count, error) = (envelopes.len(), format!("{error:#}"));
                tracing::debug!(count, error, "a batch of events was refused");
                if patience == 1 {
                    tracing::warn!(error, "events are published one by one from now on");
                }
                self.patience.store(patience - 1, Ordering::Relaxed);
                self.publish_each(envelopes).await
            }
            // Nobody has said anything: the outbox tries again, and ids let nothing in twice.
            Err(error) => {
                let error = format!("{error:#}");
                envelopes.iter().map(|_| Err(anyhow!("{error}"))).collect()
            }
        }
    }

    /// All or none: the last message commits, and its word is the word for all. A message is
    /// refused together with its batch if JetStream knows its id.
    async fn publish_together(&self, envelopes: &[Envelope]) -> Result<()> {
        let Some((last, others)) = envelopes.split_last() else { return Ok(()) };
        // Another one each time: a batch that was broken off must not go on.
        let client = self.jetstream.client();
        let batch = client.new_inbox();
        let headers = |envelope: &Envelope, sequence: usize| {
            let mut headers = message_id(envelope);
            headers.insert(NATS_BATCH_ID, batch.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, sequence.to_string());
            headers
        };
        for (before, envelope) in others.iter().enumerate() {
            let (subject, payload) = (self.subject(envelope), serde_json::to_vec(envelope)?);
            let headers = headers(envelope, before + 1);
            client.publish_with_headers(subject, headers, payload.into()).await?;
        }
        let mut headers = headers(last, envelopes.len());
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let payload = serde_json::to_vec(last)?.into();
        let published = self.jetstream.publish_with_headers(self.subject(last), headers, payload);
        published.await?.await.context("JetStream did not take the events").map(|_| ())
    }

    /// All are on their way before the first word of JetStream is awaited.
    async fn publish_each(&self, envelopes: &[Envelope]) -> Vec<Result<()>> {
        let mut sent = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            sent.push(self.send(envelope).await);
        }
        // Together, because each waits for its time limit from when it is asked.
        let words = sent.into_iter().map(|acknowledged| async move {
            acknowledged?.await.context("JetStream did not take the event").map(|_| ())
        });
        futures::future::join_all(words).await
    }

    async fn send(&self, envelope: &Envelope) -> Result<PublishAckFuture> {
        let (subject, payload) = (self.subject(envelope), serde_json::to_vec(envelope)?);
        let headers = message_id(envelope);
        Ok(self.jetstream.publish_with_headers(subject, headers, payload.into()).await?)
    }

    fn subject(&self, envelope: &Envelope) -> String {
        format!("{}.{}", self.prefix, envelope.subject)
    }

    pub(crate) async fn subscribe(&self, consumer: Arc<dyn Consumer>) -> Result<()> {
        let durable: PullConsumer = self
            .stream
            // Creates it, or gives the one that is there the subjects of today.
            .create_consumer(pull::Config {
                durable_name: Some(consumer.name().to_owned()),
                filter_subjects: consumer
                    .subjects()
                    .iter()
                    .map(|subject| format!("{}.{subject}", self.prefix))
                    .collect(),
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WITHIN,
                max_ack_pending: 1,
                ..pull::Config::default()
            })
            .await
            .with_context(|| format!("creating consumer {}", consumer.name()))?;
        tokio::spawn(async move {
            loop {
                if let Err(error) = apply_all(&durable, &*consumer).await {
                    let name = consumer.name();
                    tracing::warn!(name, error = format!("{error:#}"), "event stream interrupted");
                }
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        });
        Ok(())
    }
}

fn message_id(envelope: &Envelope) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, envelope.id.to_string());
    headers
}

/// Whether JetStream has said no, as it does to a batch that has a message it knows.
fn is_refusal(error: &anyhow::Error) -> bool {
    use PublishErrorKind::{BrokenPipe, TimedOut};
    let said = error.chain().find_map(|cause| cause.downcast_ref::<PublishError>());
    said.is_some_and(|error| !matches!(error.kind(), TimedOut | BrokenPipe))
}

/// Lets the stream take atomic batches, also one of before there were any. `false` where the server
/// does not know them.
async fn allow_batches(jetstream: &JetStream, stream: &Stream) -> bool {
    if stream.cached_info().config.allow_atomic_publish {
        return true;
    }
    // As it is now: somebody may have changed it since.
    let Ok(info) = stream.get_info().await else { return false };
    let wanted = Config { allow_atomic_publish: true, ..info.config };
    match jetstream.update_stream(wanted).await {
        // An old server takes the word for none and says so by not repeating it.
        Ok(info) => info.config.allow_atomic_publish,
        Err(error) => {
            let error = error.to_string();
            tracing::info!(error, "the event stream takes no atomic batches");
            false
        }
    }
}

async fn apply_all(durable: &PullConsumer, consumer: &dyn Consumer) -> Result<()> {
    let mut messages = durable.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let outcome = match serde_json::from_slice::<Envelope>(&message.payload) {
            Ok(envelope) => consumer.consume(&envelope).await,
            Err(error) => Err(error).context("the message is not an event"),
        };
        answer(&message, consumer.name(), outcome).await?;
    }
    Ok(())
}

/// Acknowledges what was committed, and waits for the server's word; asks for the rest again later,
/// until it is given up.
async fn answer(message: &Message, consumer: &str, outcome: Result<()>) -> Result<()> {
    let Err(error) = outcome else {
        return message.double_ack().await.map_err(anyhow::Error::from_boxed);
    };
    let attempts = message.info().map_err(anyhow::Error::from_boxed)?.delivered;
    let error = format!("{error:#}");
    let subject = message.subject.as_str();
    let kind = if attempts >= ATTEMPTS_MAX {
        tracing::error!(consumer, subject, error, "an event is parked in the stream");
        AckKind::Term
    } else {
        tracing::warn!(consumer, subject, attempts, error, "an event was refused");
        AckKind::Nak(Some(Duration::from_millis(100 << attempts.clamp(0, 10))))
    };
    message.ack_with(kind).await.map_err(anyhow::Error::from_boxed)
}
