//! The bus of the all-in-one: consumers are called directly.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use events::Envelope;
use futures::future::join_all;

use crate::Consumer;

#[derive(Default)]
pub(crate) struct InProcess {
    consumers: RwLock<Vec<Arc<dyn Consumer>>>,
}

impl InProcess {
    pub(crate) fn subscribe(&self, consumer: Arc<dyn Consumer>) {
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).push(consumer);
    }

    /// Offers the events to every consumer that wants them; one that fails does not keep them from
    /// the others, and those that have one already skip it by their inbox when it is offered again.
    pub(crate) async fn publish_all(&self, envelopes: &[Envelope]) -> Vec<Result<()>> {
        let consumers = self.consumers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let offers = consumers.iter().map(|consumer| offer(&**consumer, envelopes));
        let mut outcomes: Vec<Result<()>> = envelopes.iter().map(|_| Ok(())).collect();
        for (place, applied) in join_all(offers).await.into_iter().flatten() {
            if applied.is_err() {
                outcomes[place] = applied;
            }
        }
        outcomes
    }
}

/// What became of those of `envelopes` that `consumer` wants, by their places.
async fn offer(consumer: &dyn Consumer, envelopes: &[Envelope]) -> Vec<(usize, Result<()>)> {
    let subjects = consumer.subjects();
    let wanted = |envelope: &Envelope| subjects.contains(&envelope.subject.as_str());
    let (places, wanted): (Vec<usize>, Vec<&Envelope>) =
        envelopes.iter().enumerate().filter(|(_, envelope)| wanted(envelope)).unzip();
    if wanted.is_empty() {
        return Vec::new();
    }
    let outcomes = consumer.consume_all(&wanted).await;
    assert_eq!(
        outcomes.len(),
        wanted.len(),
        "consumer {} says what became of all",
        consumer.name()
    );
    let named = outcomes
        .into_iter()
        .map(|outcome| outcome.with_context(|| format!("consumer {}", consumer.name())));
    places.into_iter().zip(named).collect()
}
