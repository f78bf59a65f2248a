//! The document of an issued invoice.

use anyhow::{Context, Result};
use calendar::LocalDay;
use documents::{Address, Comparison, Document, LastYear, Locale, Party, Payment, Proof, Quality};
use ids::{AccountId, CommunityId, InvoiceId};
use service::Problem;
use units::Energy;

use crate::Billing;
use crate::db::bank::{self, BankAccount};
use crate::db::invoices::{self, Issued};
use crate::db::parties;
use crate::domain::bank::invoice_reference;
use crate::domain::bill::{Around, Day, DocumentError, Invoice, Issuer, Period, Vat, document};
use crate::domain::verify::{Alone, Evidence, alone};

/// An invoice as a file for people.
pub struct Pages {
    /// The file's name.
    pub name: String,
    /// PDF/A-3, with the XML inside.
    pub pdf: Vec<u8>,
}

impl Billing {
    /// The pages of an invoice in a language; `None` where there are none: for an invoice or a
    /// language that is not known, where nobody has said who issues documents, or where what is
    /// said of somebody cannot be drawn.
    ///
    /// # Errors
    /// When what the invoice rests on cannot be read.
    pub async fn invoice_pages(&self, id: InvoiceId, language: &str) -> Result<Option<Pages>> {
        let Some(issued) = invoices::find(&self.db, id).await? else { return Ok(None) };
        let Some(locale) = Locale::named(language) else { return Ok(None) };
        let document = match self.document(&issued, &locale).await {
            Ok(document) => document,
            Err(error) if error.is::<Problem>() => return Ok(None),
            Err(error) => return Err(error),
        };
        // Fonts and drawing take a moment of a processor.
        let drawn = tokio::task::spawn_blocking(move || invoice_pdf::write(&document, &locale));
        let name = format!("{}.pdf", issued.invoice.number);
        match drawn.await? {
            Ok(pdf) => Ok(Some(Pages { name, pdf: pdf.bytes })),
            Err(error) => {
                tracing::warn!(invoice = %id, %error, "no pages of an invoice");
                Ok(None)
            }
        }
    }

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
        let payment = self.paid_to(issued).await?;
        let block = invoices::anchored_in(&self.db, issued.id).await?;
        let last_year = self.last_year(issued).await?;
        let language = locale.name().to_owned();
        let said = Said { issuer, customer, payment, block, language, last_year };
        let issued = issued.clone();
        // A month of readings is rated anew.
        let written = tokio::task::spawn_blocking(move || write(&issued, &evidence, &days, said));
        written.await?
    }

    /// What the account was billed for in the same days a year before, whichever its address,
    /// meter and connection point were; `None` where not all of them were billed.
    async fn last_year(&self, issued: &Issued) -> Result<Option<LastYear>> {
        let Period { from, to } = issued.invoice.period;
        let (Some(from), Some(to)) = (a_year_before(from), a_year_before(to)) else {
            return Ok(None);
        };
        let period = Period { from, to };
        let mut all = Vec::new();
        for days in invoices::days(&self.db, issued.account, period).await? {
            let days: Vec<Day> = serde_json::from_str(&days).context("kept days")?;
            all.extend(days.into_iter().filter(|day| (from..=to).contains(&day.day)));
        }
        if all.len() != period.days().count() {
            return Ok(None);
        }
        let sum = |parts: fn(&Day) -> [Energy; 2]| Energy::sum(all.iter().flat_map(parts));
        Ok(Some(LastYear {
            period: documents::Period { from, to },
            taken: sum(|day| [day.bought, day.supplied])?,
            given: sum(|day| [day.sold, day.fed_in])?,
        }))
    }

    pub(super) async fn paid_to(&self, issued: &Issued) -> Result<Option<Payment>> {
        let accounts = bank::accounts(&self.db, issued.community).await?;
        let same = |account: &BankAccount| account.currency.code() == issued.invoice.currency;
        Ok(accounts.into_iter().find(same).map(|account| Payment {
            iban: Some(account.iban.to_string()),
            account_name: Some(account.holder),
            reference: Some(invoice_reference(issued.id).to_string()),
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

/// What is said around an invoice.
struct Said {
    issuer: Issuer,
    customer: Party,
    payment: Option<Payment>,
    /// The block with the invoice's hash.
    block: Option<u64>,
    language: String,
    /// Energy of a year before.
    last_year: Option<LastYear>,
}

fn write(issued: &Issued, evidence: &str, days: &str, said: Said) -> Result<Document> {
    let invoice = &issued.invoice;
    let evidence: Evidence = serde_json::from_str(evidence).context("kept evidence")?;
    let days = serde_json::from_str(days).context("kept days")?;
    let energy = Shown::of(invoice, &evidence, days)?;
    let (head, chain) = (evidence.tariff.head(), &evidence.chain);
    let around = Around {
        issuer: said.issuer,
        customer: said.customer,
        issued_on: head.timezone.day_of(issued.at),
        due_on: issued.due_on,
        tariff: (head.name.clone(), head.version),
        vat: Vat::of(&evidence.tariff),
        language: said.language,
        payment: said.payment,
        proof: Proof {
            hash: issued.hash,
            salt: Some(invoice.salt),
            chain: Some(chain.chain_id),
            contract: Some(chain.contracts.records),
            transaction: None,
            block: said.block,
            command: format!("wattex verify {}.json", invoice.number),
        },
        days: energy.days,
        quality: energy.quality,
        comparison: energy.comparison,
        last_year: said.last_year,
    };
    document(invoice, around).map_err(|error| match error {
        DocumentError::Rejected(rejected) => {
            let title = format!("A document cannot say it: {rejected}");
            Problem::refused("NOT_A_DOCUMENT", title).into()
        }
        fault => fault.into(),
    })
}

/// The same day a year before; the last of February where there was no 29th.
fn a_year_before(day: LocalDay) -> Option<LocalDay> {
    let number = i8::try_from(day.number() - day.month_start().number() + 1).ok()?;
    let on = |number| LocalDay::new(day.year() - 1, i8::try_from(day.month()).ok()?, number);
    on(number).or_else(|| on(number - 1))
}

/// What a document shows of the energy that an invoice is of.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) days: Vec<Day>,
    pub(super) quality: Quality,
    pub(super) comparison: Option<Comparison>,
}

impl Shown {
    /// Of an invoice, also one that is right after a correction: rates its readings anew.
    pub(super) fn of(invoice: &Invoice, evidence: &Evidence, days: Vec<Day>) -> Result<Shown> {
        let alone = alone(invoice, evidence).context("the energy without neighbours")?;
        let quality = Quality {
            estimated: alone.estimated,
            missing_slots: alone.missing_slots,
            late_readings: invoice.late_readings,
            relayed_readings: invoice.relayed_readings,
            curtailed_slots: u32::try_from(invoice.curtailed.len()).unwrap_or(u32::MAX),
        };
        Ok(Shown { days, quality, comparison: comparison(invoice, alone) })
    }
}

/// Neighbours are compared with only where there were any.
fn comparison(invoice: &Invoice, alone: Alone) -> Option<Comparison> {
    let traded = invoice.lines.iter().any(|line| line.class.on_chain());
    traded.then_some(Comparison { retail_alone: alone.total, with_neighbours: invoice.total })
}

/// A customer who has not said a name: the one that others see, in the issuer's country.
pub(super) fn unnamed(issued: &Issued, issuer: &Issuer) -> Party {
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
