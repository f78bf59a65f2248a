//! Issued invoices and corrections are posted: what they leave to be paid, and what rounding made
//! of it.

use alloy_primitives::B256;
use anyhow::Result;

use super::state::State;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::corrections::{self, IssuedCorrection};
use crate::db::invoices::Issued;
use crate::db::journal::Posted;
use crate::db::{invoices, journal};
use crate::domain::journal::{Corrected, Fact, Invoiced, check_posted};

impl Billing {
    /// Posts the invoices that are not in the journal yet.
    pub(crate) async fn post_invoices(&self) -> Result<bool> {
        let issued = invoices::unposted(&self.db).await?;
        if issued.is_empty() {
            return Ok(false);
        }
        let mut state = self.state.lock().await;
        let stored = self.store_invoices(&mut state, &issued).await;
        self.settle_state(&mut state, stored).await?;
        Ok(true)
    }

    /// Posts the corrections that are not in the journal yet: what they add, no more.
    pub(crate) async fn post_corrections(&self) -> Result<bool> {
        let issued = corrections::unposted(&self.db).await?;
        if issued.is_empty() {
            return Ok(false);
        }
        let mut state = self.state.lock().await;
        let stored = self.store_corrections(&mut state, &issued).await;
        self.settle_state(&mut state, stored).await?;
        Ok(true)
    }

    async fn store_corrections(
        &self,
        state: &mut State,
        issued: &[IssuedCorrection],
    ) -> Result<()> {
        let mut posted = Vec::new();
        for IssuedCorrection { correction, at, .. } in issued {
            let fact = Fact::Corrected(Corrected::of(correction)?);
            let entry = state.book.post(&format!("correction:{}", correction.number), fact)?;
            state.doubts.extend(check_posted(&state.book, &correction.right).err());
            let (currency, block) = (CurrencyId::FIRST, B256::ZERO);
            posted.push(Posted { currency, entry, at: *at, block, owners: Vec::new() });
        }
        let ids: Vec<_> = issued.iter().map(|one| one.id).collect();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    journal::append(tx, posted).await?;
                    corrections::set_posted(tx, &ids).await
                })
            })
            .await
    }

    async fn store_invoices(&self, state: &mut State, issued: &[Issued]) -> Result<()> {
        let mut posted = Vec::new();
        let currency = CurrencyId::FIRST;
        for Issued { invoice, at, .. } in issued {
            if state.book.invoiced(&invoice.number).is_none() {
                let fact = Fact::Invoiced(Invoiced::of(invoice)?);
                let entry = state.book.post(&format!("invoice:{}", invoice.number), fact)?;
                state.doubts.extend(check_posted(&state.book, invoice).err());
                posted.push(Posted {
                    currency,
                    entry,
                    at: *at,
                    block: B256::ZERO,
                    owners: Vec::new(),
                });
            }
        }
        let ids: Vec<_> = issued.iter().map(|one| one.id).collect();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    journal::append(tx, posted).await?;
                    invoices::set_posted(tx, &ids).await
                })
            })
            .await
    }
}
