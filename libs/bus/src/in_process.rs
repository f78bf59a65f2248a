//! The bus of the all-in-one: consumers are called directly.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use events::Envelope;

use crate::Consumer;

#[derive(Default)]
pub(crate) struct InProcess {
    consumers: RwLock<Vec<Arc<dyn Consumer>>>,
}

impl InProcess {
    pub(crate) fn subscribe(&self, consumer: Arc<dyn Consumer>) {
        self.consumers.write().unwrap_or_else(PoisonError::into_inner).push(consumer);
    }

    /// Offers the event to every consumer that wants it; one that fails does not keep it from the
    /// others, and those that have it already skip it by their inbox when it is offered again.
    pub(crate) async fn publish(&self, envelope: &Envelope) -> Result<()> {
        let wanting: Vec<Arc<dyn Consumer>> = self
            .consumers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|consumer| consumer.subjects().contains(&envelope.subject.as_str()))
            .cloned()
            .collect();
        let mut outcome = Ok(());
        for consumer in wanting {
            let applied = consumer.consume(envelope).await;
            if let Err(error) = applied {
                outcome = Err(error).with_context(|| format!("consumer {}", consumer.name()));
            }
        }
        outcome
    }
}
