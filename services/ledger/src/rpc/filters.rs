//! Filters that are asked again and again for what is new.
//!
//! A filter remembers its place in the feed of connected and disconnected blocks, so logs of a
//! lost branch come again with `removed: true`.

use super::logs::{self, Filter};
use super::{Answer, LOGS_MAX, Request, fault, server};
use crate::node::locked;
use alloy_primitives::U64;
use client::RpcError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Filters that are remembered; a new one takes the place of the one that was asked longest ago.
const FILTERS_MAX: usize = 1_024;
/// Rows of the feed that one answer covers; the rest comes with the next one.
const ROWS_MAX: usize = 1_024;

/// The filters of a node.
#[derive(Default)]
pub(crate) struct Filters {
    by_id: BTreeMap<u64, Installed>,
    last_id: u64,
    uses: u64,
}

#[derive(Clone)]
struct Installed {
    /// Place in the feed that was told last.
    told: u64,
    /// Rises with every use of any filter.
    used: u64,
    /// What logs are asked for; none for a filter of blocks.
    logs: Option<Filter>,
}

impl Filters {
    fn install(&mut self, told: u64, logs: Option<Filter>) -> u64 {
        if self.by_id.len() >= FILTERS_MAX
            && let Some((&oldest, _)) = self.by_id.iter().min_by_key(|(_, filter)| filter.used)
        {
            self.by_id.remove(&oldest);
        }
        self.last_id += 1;
        self.uses += 1;
        self.by_id.insert(self.last_id, Installed { told, used: self.uses, logs });
        self.last_id
    }

    fn using(&mut self, id: u64) -> Option<&mut Installed> {
        self.uses += 1;
        let filter = self.by_id.get_mut(&id)?;
        filter.used = self.uses;
        Some(filter)
    }
}

pub(super) fn new_logs(request: &Request<'_>) -> Answer {
    let filter = Filter::parse(request, 0)?;
    install(request, Some(filter))
}

pub(super) fn new_blocks(request: &Request<'_>) -> Answer {
    install(request, None)
}

fn install(request: &Request<'_>, logs: Option<Filter>) -> Answer {
    let told = request.snapshot.feed_last().map_err(fault)?;
    Ok(json!(U64::from(locked(&request.node.filters).install(told, logs))))
}

fn id(request: &Request<'_>) -> Result<u64, RpcError> {
    Ok(request.params.get::<U64>(0)?.to())
}

fn not_found() -> RpcError {
    server("filter not found")
}

pub(super) fn changes(request: &Request<'_>) -> Answer {
    let id = id(request)?;
    // Held to the end, so that two calls at once do not both tell the same.
    let mut filters = locked(&request.node.filters);
    let filter = filters.using(id).ok_or_else(not_found)?;
    let rows = request.snapshot.feed_after(filter.told, ROWS_MAX).map_err(fault)?;
    let (mut told, mut found) = (filter.told, Vec::new());
    for row in rows {
        match &filter.logs {
            Some(logs) => logs::of_block(request, logs, row.hash, !row.connected, &mut found)?,
            None if row.connected => found.push(json!(row.hash)),
            None => {}
        }
        told = row.sequence;
        if found.len() > LOGS_MAX / 2 {
            break;
        }
    }
    filter.told = told;
    Ok(Value::Array(found))
}

pub(super) fn logs(request: &Request<'_>) -> Answer {
    let id = id(request)?;
    let filter = locked(&request.node.filters).using(id).and_then(|filter| filter.logs.clone());
    Ok(json!(logs::all(request, &filter.ok_or_else(not_found)?)?))
}

pub(super) fn uninstall(request: &Request<'_>) -> Answer {
    let id = id(request)?;
    Ok(json!(locked(&request.node.filters).by_id.remove(&id).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_that_was_asked_longest_ago_makes_room() {
        let mut filters = Filters::default();
        for id in 1..=1_024 {
            assert_eq!(filters.install(0, None), id);
        }
        filters.using(1).unwrap();
        filters.install(0, None);
        assert!(filters.using(1).is_some());
        assert!(filters.using(2).is_none());
        assert!(filters.using(1_025).is_some());
    }
}
