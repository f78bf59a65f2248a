//! A chain in memory that makes blocks.

use alloy_primitives::Address;
use anyhow::{Result, ensure};
use chain::{Block, ChainView, GenesisSpec, Imported, MemoryChain, Recovered, Rules};

/// The chain, and how its blocks are judged.
pub(crate) struct Maker {
    pub(crate) rules: Rules,
    /// The first block.
    pub(crate) first: Imported,
    pub(crate) view: MemoryChain,
}

impl Maker {
    pub(crate) fn new(spec: &GenesisSpec) -> Result<Self> {
        let built = spec.build()?;
        let mut view = MemoryChain::default();
        view.store(built.imported.clone());
        Ok(Self { rules: built.rules, first: built.imported, view })
    }

    /// A sealed block of all these transactions, taken in, a second after the one before.
    pub(crate) fn make(&mut self, transactions: Vec<Recovered>) -> Result<Block> {
        let head = self.view.header(self.view.head()).map_or(0, |header| header.timestamp);
        Ok(self.make_at(transactions, head + 1)?.block)
    }

    /// The same at a time, with what became of it.
    pub(crate) fn make_at(&mut self, transactions: Vec<Recovered>, now: u64) -> Result<Imported> {
        let (head, wanted) = (self.view.head(), transactions.len());
        let candidate = self.rules.propose(&self.view, head, transactions, Address::ZERO, now)?;
        ensure!(candidate.block().transactions.len() == wanted, "{:?}", candidate.skipped);
        let nonce = candidate.seal(0, u64::MAX).expect("the work is little");
        let imported = self.rules.adopt(&self.view, candidate, nonce)?;
        self.view.store(imported.clone());
        Ok(imported)
    }
}
