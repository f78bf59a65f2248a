//! The books held against themselves, the chain and the invoices.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use alloy_primitives::{B256, U256};
use anyhow::{Context, Result};
use calendar::TimeZone;
use client::RpcError;
use contracts::bindings::SettlementToken;
use contracts::{Cash, SolCall};
use ids::{CommunityId, InvoiceId};
use serde_json::json;
use units::Money;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::Head;
use crate::db::invoices::Issued;
use crate::db::{certificates, corrections, invoices, journal, members};
use crate::domain::bill::Invoice;
use crate::domain::correction::DEADLINE_SECONDS;
use crate::domain::journal::{
    Book, Verified, Violation, check_certified, check_each, check_invoice, check_slot,
};

/// The most invoices, the newest, that are held against the journal at once.
const INVOICES_MAX: u32 = 1_000;

/// What an audit found.
pub(crate) struct Audit {
    pub(crate) book: Book,
    /// Of the other currencies, in order.
    pub(crate) further: Vec<CurrencyAudit>,
    /// How many entries were replayed; those before were found in order by an audit before.
    pub(crate) replayed: u64,
    /// What the market contract holds as of the block that was followed last; `None` where no node
    /// could say.
    pub(crate) reserve: Option<Money>,
    /// Invoices that were held against the journal.
    pub(crate) invoices: u64,
    /// Those of them whose posting is to come.
    pub(crate) invoices_unposted: u64,
    /// Invoices that wait for a correction, as many as are looked at.
    pub(crate) invoices_correcting: u64,
    /// What the others of them leave to be paid, in 1e-9 currency.
    pub(crate) invoiced: i128,
    /// What the journal has of that.
    pub(crate) invoiced_posted: i128,
    pub(crate) violations: Vec<Violation>,
}

/// What an audit found in a currency that no energy is traded in.
pub(crate) struct CurrencyAudit {
    pub(crate) currency: CurrencyId,
    pub(crate) book: Book,
    pub(crate) replayed: u64,
    /// What the market contract holds.
    pub(crate) reserve: Option<Money>,
    pub(crate) violations: Vec<Violation>,
}

/// How an invoice is held against the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Whole,
    /// Its correction is to come, and in time: it need not be right.
    Changed,
    /// A correction is issued and not posted yet.
    Unposted,
}

/// What is known of a community's invoices.
struct InvoiceFacts {
    /// What each is by its last correction.
    standing: Vec<(Invoice, Check)>,
    correcting: u64,
    /// Corrections that should have been issued.
    overdue: Vec<Violation>,
}

impl Billing {
    async fn invoice_facts(
        &self,
        community: CommunityId,
        issued: Vec<Issued>,
    ) -> Result<InvoiceFacts> {
        let corrected = corrections::standing(&self.db, community, INVOICES_MAX).await?.into_iter();
        let mut corrected: HashMap<InvoiceId, _> =
            corrected.map(|(one, posted)| (one.invoice, (one.correction.right, posted))).collect();
        let waiting = corrections::waiting(&self.db, community, INVOICES_MAX).await?;
        let deadline = self.now().plus_seconds(-DEADLINE_SECONDS);
        let (mut in_time, mut overdue) = (HashSet::new(), Vec::new());
        for change in &waiting {
            if change.since >= deadline {
                in_time.insert(change.invoice);
            } else if let Some(issued) = invoices::find(&self.db, change.invoice).await? {
                let (number, since) = (issued.invoice.number, change.since);
                let reason = change.reason.clone();
                overdue.push(Violation::I9Pending { number, since, reason });
            }
        }
        let standing = issued.into_iter().map(|issued| {
            let changed = in_time.contains(&issued.id);
            let kept = if changed { Check::Changed } else { Check::Whole };
            match corrected.remove(&issued.id) {
                Some((right, true)) => (right, kept),
                Some((right, false)) => (right, Check::Unposted),
                None => (issued.invoice, kept),
            }
        });
        Ok(InvoiceFacts { standing: standing.collect(), correcting: waiting.len() as u64, overdue })
    }

    /// Checks the journals. What an audit since the start found in order is not replayed again,
    /// unless `full`.
    pub(crate) async fn audit(&self, community: CommunityId, full: bool) -> Result<Audit> {
        let mut audited = self.audited.lock().await;
        let (mut books, head) = {
            let state = self.state.lock().await;
            let books = self.currencies.ids().map(|id| (id, state.book_of(id).clone()));
            (books.collect::<Vec<_>>(), state.head)
        };
        let mut further = Vec::new();
        for (currency, book) in books.split_off(1) {
            let from = std::mem::take(&mut audited[currency.place()]);
            let from = if full { Verified::default() } else { from };
            let (found, verified) = self.audit_currency(currency, book, (from, head)).await?;
            audited[currency.place()] = verified;
            further.push(found);
        }
        let (first, book) = books.pop().context("there is a first currency")?;
        let from = std::mem::take(&mut audited[first.place()]);
        let from = if full { Verified::default() } else { from };
        let known = from.entries();
        let (verified, chained) = self.verified(first, from, book.head().1).await?;
        let replayed = verified.entries() - known;
        // What was followed since the start was put away without a look at it.
        let look = full || !self.slots_sound.load(Ordering::Relaxed);
        let unsound = if look { self.unsound_slot(&book).await? } else { None };
        if look {
            self.slots_sound.store(unsound.is_none(), Ordering::Relaxed);
        }
        let certified = if full { self.certified_beyond(&book).await? } else { None };
        let reserve = self.reserve(first, head).await;
        let issued = invoices::list(&self.db, community, None, INVOICES_MAX).await?;
        let InvoiceFacts { standing, correcting, overdue } =
            self.invoice_facts(community, issued).await?;
        let zone = members::timezone(&self.db, community).await?.unwrap_or_else(TimeZone::utc);
        let checked = tokio::task::spawn_blocking(move || {
            let mut violations = check_each(&book, reserve);
            violations.extend(unsound.filter(|found| !violations.contains(found)));
            violations.extend(certified);
            violations.extend(chained.and_then(|()| verified.agrees(&book)).err());
            let (mut invoices, mut invoices_unposted) = (0, 0);
            let (mut invoiced, mut invoiced_posted) = (0, 0);
            for (invoice, check) in &standing {
                invoices += 1;
                let posted = book.invoiced(&invoice.number).map(|kept| i128::from(kept.due.n()));
                match (check, posted) {
                    (Check::Unposted, _) | (_, None) => invoices_unposted += 1,
                    (Check::Changed, _) => continue,
                    (Check::Whole, Some(due)) => {
                        invoiced += i128::from(invoice.due.n());
                        invoiced_posted += due;
                    }
                }
                if *check != Check::Unposted {
                    violations.extend(check_invoice(&book, invoice, &zone).err());
                }
            }
            violations.extend(overdue);
            let audit = Audit {
                book,
                further,
                replayed,
                reserve,
                invoices,
                invoices_unposted,
                invoices_correcting: correcting,
                invoiced,
                invoiced_posted,
                violations,
            };
            (audit, verified)
        });
        let (audit, verified) = checked.await?;
        audited[first.place()] = verified;
        Ok(audit)
    }

    /// The first slot whose energy does not add up. Slots that memory put away while they were
    /// posted were found sound then; this looks at all of them again. Which slots there are, and
    /// how many entries of each, the entries themselves have told.
    pub(super) async fn unsound_slot(&self, book: &Book) -> Result<Option<Violation>> {
        let (_, end) = book.head();
        for (slot, known) in book.entries_of_slots() {
            let entries = journal::of_slot(&self.db, slot, end).await?;
            if u32::try_from(entries.len()) != Ok(known) {
                return Ok(Some(Violation::I8Slot(slot)));
            }
            let checked = tokio::task::spawn_blocking(move || check_slot(slot, &entries));
            if let Err(found) = checked.await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first slot of which more was certified than a meter exported. What a table says is a
    /// reason to look; the journal decides.
    pub(super) async fn certified_beyond(&self, book: &Book) -> Result<Option<Violation>> {
        for (slot, certified) in certificates::beyond_metered(&self.db).await? {
            let entries = journal::of_slot(&self.db, slot, book.head().1).await?;
            if let Err(found) = check_certified(slot, &entries, &certified) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Checks the journal of a currency that no energy is traded in.
    pub(super) async fn audit_currency(
        &self,
        currency: CurrencyId,
        book: Book,
        (from, head): (Verified, Option<Head>),
    ) -> Result<(CurrencyAudit, Verified)> {
        let known = from.entries();
        let (verified, chained) = self.verified(currency, from, book.head().1).await?;
        let replayed = verified.entries() - known;
        let reserve = self.reserve(currency, head).await;
        let checked = tokio::task::spawn_blocking(move || {
            let mut violations = check_each(&book, reserve);
            violations.extend(chained.and_then(|()| verified.agrees(&book)).err());
            let audit = CurrencyAudit { currency, book, replayed, reserve, violations };
            (audit, verified)
        });
        Ok(checked.await?)
    }

    /// Follows the journal of a currency up to entry `end`.
    pub(super) async fn verified(
        &self,
        currency: CurrencyId,
        mut verified: Verified,
        end: u64,
    ) -> Result<(Verified, Result<(), Violation>)> {
        let mut found = Ok(());
        while found.is_ok() && verified.entries() < end {
            let next = verified.entries();
            let entries = journal::following(&self.db, currency, next, end).await?;
            if entries.is_empty() {
                found = Err(Violation::I8(verified.entries()));
                break;
            }
            let followed = tokio::task::spawn_blocking(move || {
                let found = verified.follow(&entries);
                (verified, found)
            });
            (verified, found) = followed.await?;
        }
        Ok((verified, found))
    }

    /// The tokens that a currency's market holds as of a block.
    async fn reserve(&self, currency: CurrencyId, head: Option<Head>) -> Option<Money> {
        match self.held_at(currency, head?.hash).await {
            Ok(held) => Some(held),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the reserve could not be read");
                None
            }
        }
    }

    async fn held_at(&self, currency: CurrencyId, block: B256) -> Result<Money> {
        let Cash { token, market } = self.currencies.at(currency).cash();
        let question = SettlementToken::balanceOfCall { account: market };
        let call = json!({
            "to": token,
            "data": alloy_primitives::Bytes::from(question.abi_encode()),
        });
        let params = json!([call, { "blockHash": block }]);
        let answer = self.node.request("eth_call", params).await;
        let answer = answer.map_err(|error: RpcError| anyhow::anyhow!(error))?;
        let answer: alloy_primitives::Bytes = serde_json::from_value(answer)?;
        let held: U256 = SettlementToken::balanceOfCall::abi_decode_returns(&answer)?;
        i64::try_from(held).map(Money::from_n).context("more tokens than there can be")
    }
}
