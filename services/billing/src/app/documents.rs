//! The document of an issued invoice.

use anyhow::{Context, Result};
use documents::{Address, Comparison, Document, Locale, Party, Payment, Proof, Quality};
use ids::{AccountId, CommunityId};
use service::Problem;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::bank;
use crate::db::invoices::{self, Issued};
use crate::db::parties;
use crate::domain::bill::{Around, Issuer, document};
use crate::domain::verify::{Alone, Evidence, alone};

impl Billing {
    /// The document of an invoice in the words of `locale`.
    ///
    /// # Errors
    /// A [`Problem`] `NO_ISSUER` where nobody has said who issues documents; any other error is a
    /// fault.
    pub(crate) async fn document(&self, issued: &Issued, locale: &Locale) -> Result<Document> {
        let issuer = parties::issuer(&self.db, issued.community).await?;
        let title = "Nobody has said yet who issues this community's documents";
        let issuer = issuer.ok_or_else(|| Problem::refused("NO_ISSUER", title))?;
        let customer = parties::customer(&self.db, issued.account).await?;
        let customer = customer.unwrap_or_else(|| unnamed(issued, &issuer));
        let (evidence, days) = invoices::substance(&self.db, issued.id).await?;
        let evidence: Evidence = serde_json::from_str(&evidence).context("kept evidence")?;
        let days = serde_json::from_str(&days).context("kept days")?;
        let terms = evidence.tariff.terms();
        let payment = self.paid_to(issued).await?;
        let (issued_on, tariff) =
            (terms.timezone.day_of(issued.at), (terms.name.clone(), terms.version));
        let vat_bps = terms.vat_bps;
        let invoice = issued.invoice.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let alone = alone(&invoice, &evidence);
            alone.map(|alone| (alone, invoice, evidence.chain))
        });
        let (alone, invoice, chain) = computed.await?.context("the energy without neighbours")?;
        let around = Around {
            issuer,
            customer,
            issued_on,
            tariff,
            vat_bps,
            language: locale.name().to_owned(),
            payment,
            proof: Proof {
                hash: issued.hash,
                salt: Some(invoice.salt),
                chain: Some(chain.chain_id),
                contract: Some(chain.contracts.records),
                transaction: None,
                block: invoices::anchored_in(&self.db, issued.id).await?,
                command: format!("wattex verify {}.json", invoice.number),
            },
            days,
            quality: Quality {
                estimated: alone.estimated,
                missing_slots: alone.missing_slots,
                late_readings: invoice.late_readings,
            },
            comparison: comparison(&invoice, alone),
        };
        Ok(document(&invoice, around)?)
    }

    async fn paid_to(&self, issued: &Issued) -> Result<Option<Payment>> {
        let account = bank::account(&self.db, issued.community, CurrencyId::FIRST).await?;
        Ok(account.map(|account| Payment {
            iban: Some(account.iban.to_string()),
            account_name: Some(account.holder),
            reference: Some(issued.invoice.number.clone()),
        }))
    }

    /// Says who issues the documents of a community.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn set_issuer(&self, community: CommunityId, issuer: Issuer) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move { parties::set_issuer(tx, community, &issuer).await })
            })
            .await
    }

    /// Says who receives the documents of an account; `None` forgets it.
    pub(crate) async fn set_customer(&self, id: AccountId, customer: Option<Party>) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    match customer {
                        Some(customer) => parties::set_customer(tx, id, &customer).await,
                        None => parties::forget_customer(tx, id).await,
                    }
                })
            })
            .await
    }
}

/// Neighbours are compared with only where there were any.
fn comparison(invoice: &crate::domain::bill::Invoice, alone: Alone) -> Option<Comparison> {
    let traded = invoice.lines.iter().any(|line| line.class.on_chain());
    traded.then_some(Comparison { retail_alone: alone.total, with_neighbours: invoice.total })
}

/// A customer who has not said a name: the one that others see, in the issuer's country.
fn unnamed(issued: &Issued, issuer: &Issuer) -> Party {
    Party {
        id: issued.account.to_string(),
        name: issued.invoice.pseudonym.clone(),
        address: Address {
            street: None,
            city: None,
            postcode: None,
            region: None,
            country: issuer.party.address.country.clone(),
        },
        electronic_address: None,
        vat_id: None,
        tax_registration: None,
        legal_registration: None,
        email: None,
        phone: None,
    }
}
