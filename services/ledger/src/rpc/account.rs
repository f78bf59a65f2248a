//! The state at a block, as methods read it.

use super::cache::Pending;
use crate::store::Snapshot;
use alloy_primitives::{B256, Bytes};
use chain::execute::{CodeCache, Reader, StateCache};
use chain::{AtBlock, Header, NodePlace, NodeSource, StateSource};
use std::sync::Arc;

/// Where state is read: the store, and what the pending block adds to it.
#[derive(Clone)]
pub(super) struct Source<'a> {
    pub(super) at: AtBlock<'a, Snapshot>,
    pub(super) pending: Option<Arc<Pending>>,
}

impl NodeSource for Source<'_> {
    fn node(&self, hash: B256) -> Option<Bytes> {
        let pending = self.pending.as_ref().and_then(|pending| pending.nodes.get(&hash));
        pending.cloned().or_else(|| self.at.node(hash))
    }

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        let pending = self.pending.as_ref().and_then(|pending| pending.nodes.get(&hash));
        pending.cloned().or_else(|| self.at.node_at(place, hash))
    }
}

impl StateSource for Source<'_> {
    fn code(&self, hash: B256) -> Option<Bytes> {
        let pending = self.pending.as_ref().and_then(|pending| pending.code.get(&hash));
        pending.cloned().or_else(|| self.at.code(hash))
    }

    fn block_hash(&self, number: u64) -> Option<B256> {
        self.at.block_hash(number)
    }
}

/// The state at a block.
pub(super) struct StateAt<'a> {
    pub(super) source: Source<'a>,
    pub(super) header: Arc<Header>,
    pub(super) cache: Arc<StateCache>,
    pub(super) codes: &'a CodeCache,
}

impl StateAt<'_> {
    pub(super) fn reader(&self) -> Reader<'_, &Source<'_>> {
        Reader::new(self.header.state_root, &self.source, &self.cache, self.codes)
    }
}
