//! The journals are anchored: once a UTC day what was posted before it becomes a batch on chain,
//! with which an export of a part proves itself.

use std::collections::HashSet;

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result};
use calendar::{LocalDay, TimeZone, Timestamp};
use service::Problem;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::journal;
use crate::db::journal_batches::{self as batches, Standing};
use crate::domain::verify::{
    ANCHORS_FORMAT, AnchorsFile, BATCH_ENTRIES_MAX, ChainRef, JournalBatch, entries_tree,
    journal_subject,
};

const ANCHOR_GAS: u64 = 200_000;

/// What came of a look at a journal.
enum Round {
    /// Nothing is left for today.
    Over,
    /// Its last batch is not final yet.
    Waits,
    Sent,
}

/// The most batches of a file that proves them.
const FILE_BATCHES_MAX: usize = 4_000;

impl Billing {
    /// Anchors what was posted before today and is in no batch yet, once a UTC day and at once
    /// where a whole batch is left; whether anything was sent.
    ///
    /// A batch is made when the one before it is in a final block, at most one of a journal in a
    /// tick. So no later one stands in the way of one that the chain refuses: its entries come in
    /// the next, on another day.
    pub(crate) async fn anchor_journals(&self, now: Timestamp) -> Result<bool> {
        let today = TimeZone::utc().day_of(now).number();
        let mut looked = self.journals_anchored.lock().await;
        if *looked == Some(today) {
            return Ok(false);
        }
        let (mut sent, mut over) = (false, true);
        for currency in self.currencies.ids() {
            match self.anchor_journal(currency, today).await? {
                Round::Over => {}
                Round::Waits => over = false,
                Round::Sent => (sent, over) = (true, false),
            }
        }
        if over {
            *looked = Some(today);
        }
        Ok(sent)
    }

    /// Anchors the next batch of a journal, if it is time.
    async fn anchor_journal(&self, currency: CurrencyId, today: u32) -> Result<Round> {
        let last = batches::last(&self.db, currency).await?;
        let (_, end) = self.state.lock().await.book_of(currency).head();
        let (first, number, made) = match last {
            None => (0, 0, None),
            Some((_, Standing::Open, _)) => return Ok(Round::Waits),
            // What was refused once may be refused again: not before another day.
            Some((last, Standing::Refused, day)) if day >= today => {
                tracing::error!(number = last.number, "the chain refused a batch of a journal");
                return Ok(Round::Over);
            }
            Some((last, Standing::Refused, _)) => {
                let number = last.number;
                let noted = self.db.transact(move |tx| {
                    Box::pin(async move { batches::set_refused(tx, currency, number).await })
                });
                noted.await?;
                (last.first, number, None)
            }
            Some((last, Standing::Anchored, day)) => {
                (last.first + last.count, last.number, Some(day))
            }
        };
        // What is posted today is for tomorrow, so that it does not matter when it is looked at.
        let midnight = TimeZone::utc().start_of(LocalDay::from_number(today));
        let end = journal::first_since(&self.db, currency, (first, end), midnight).await?;
        let left = end.saturating_sub(first);
        let is_due = made.is_none_or(|day| day < today) || left >= BATCH_ENTRIES_MAX;
        if left == 0 || !is_due {
            return Ok(Round::Over);
        }
        let number = number.checked_add(1).context("the number of a batch")?;
        let count = left.min(BATCH_ENTRIES_MAX);
        self.anchor_batch(currency, (number, first, count), today).await?;
        Ok(Round::Sent)
    }

    /// Keeps a batch and its transaction.
    async fn anchor_batch(
        &self,
        currency: CurrencyId,
        (number, first, count): (u32, u64, u64),
        today: u32,
    ) -> Result<()> {
        let hashes = self.entry_hashes(currency, first, first + count).await?;
        let batch = JournalBatch { number, first, count, root: entries_tree(&hashes).root() };
        let (owner, meter) = journal_subject(self.currencies.code(currency));
        let call = self.deployment.anchor_invoice(owner, meter, (number, number), batch.hash());
        let transaction = self.transaction(batches::cause(currency, number), call, ANCHOR_GAS);
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    operator.enqueue(tx, &transaction).await?;
                    batches::put(tx, currency, &batch, today).await
                })
            })
            .await
    }

    /// The hashes of the entries from `first` on and below `end`.
    pub(crate) async fn entry_hashes(
        &self,
        currency: CurrencyId,
        first: u64,
        end: u64,
    ) -> Result<Vec<B256>> {
        let (mut hashes, mut next) = (Vec::new(), first);
        while next < end {
            let entries = journal::following(&self.db, currency, next, end).await?;
            let last = entries.last().context("entries of the journal are missing")?;
            next = last.sequence + 1;
            hashes.extend(entries.iter().map(|entry| entry.hash));
        }
        Ok(hashes)
    }

    /// The batches from the first on with entries below `to` that are in final blocks, and what
    /// proves them against the block of height `trusted`, or the newest that is final.
    ///
    /// # Errors
    /// A [`Problem`] `BATCHES` where there are too many, and where the block is not final yet.
    pub(crate) async fn journal_anchors(
        &self,
        currency: CurrencyId,
        to: u64,
        trusted: Option<u64>,
    ) -> Result<AnchorsFile> {
        let finalized = self.finalized().await;
        let block = trusted.unwrap_or(finalized);
        if block > finalized {
            let title = "The block is not final yet";
            return Err(Problem::unavailable(title).into());
        }
        let of = (block, FILE_BATCHES_MAX);
        let found = batches::anchored(&self.db, currency, to, of).await?;
        if found.len() > FILE_BATCHES_MAX {
            let title = format!("At most {FILE_BATCHES_MAX} batches are proved at once");
            return Err(Problem::refused("BATCHES", title).into());
        }
        let header = self.header(block).await?;
        let chain = ChainRef {
            chain_id: self.chain_id,
            genesis: self.header(0).await?.hash(),
            contracts: self.deployment,
        };
        let mut file = AnchorsFile {
            format: ANCHORS_FORMAT.to_owned(),
            chain,
            header: alloy_rlp::encode(&header).into(),
            genesis: self.ancestor(0, block).await?,
            currency: self.currencies.code(currency).to_owned(),
            batches: found,
            nodes: Vec::new(),
        };
        let mut seen = HashSet::new();
        let nodes = self.nodes(block, file.needs()).await?.into_iter();
        file.nodes = nodes.filter(|node| seen.insert(keccak256(node))).collect();
        if let Err(wrong) = file.check(None) {
            anyhow::bail!("the batches do not prove themselves: {wrong}");
        }
        Ok(file)
    }
}
