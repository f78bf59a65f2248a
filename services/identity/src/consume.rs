//! Events in: what is left at an address of before, which its held key signs away.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use events::billing::CashLeftBehind;
use events::{Envelope, Event};

use crate::Identity;

/// The name under which identity claims events.
pub(crate) const CONSUMER: &str = "identity";

/// Identity as the bus sees it.
pub(crate) struct Inbox(pub(crate) Arc<Identity>);

#[async_trait]
impl Consumer for Inbox {
    fn name(&self) -> &'static str {
        CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[CashLeftBehind::SUBJECT]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        match envelope.open::<CashLeftBehind>()? {
            Some(cash) => self.0.sweep(envelope, cash).await,
            None => Ok(()),
        }
    }
}
