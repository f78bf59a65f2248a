//! Filters that are asked again and again for what is new.
//!
//! A filter remembers its place in the feed of connected and disconnected blocks, so logs of a
//! lost branch come again with `removed: true`.

use super::format::LogView;
use super::logs::{self, Filter, Found};
use super::{Answer, LOGS_MAX, Request, code, fault, server};
use crate::node::locked;
use alloy_primitives::U64;
use client::RpcError;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

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

struct Installed {
    /// Rises with every use of any filter.
    used: u64,
    filter: Arc<Asked>,
}

/// A filter, whoever is reading for it.
struct Asked {
    /// Place in the feed that was told last. Locked while what follows is read, so that two calls
    /// at once do not both tell the same; other filters do not wait.
    told: Mutex<u64>,
    wanted: Wanted,
}

/// What a filter asks for.
enum Wanted {
    Logs(Filter),
    Blocks,
    /// Transactions that can be mined; `told` is a place among the arrivals.
    Pending,
}

impl Filters {
    fn install(&mut self, told: u64, wanted: Wanted) -> u64 {
        if self.by_id.len() >= FILTERS_MAX
            && let Some((&oldest, _)) = self.by_id.iter().min_by_key(|(_, filter)| filter.used)
        {
            self.by_id.remove(&oldest);
        }
        self.last_id += 1;
        self.uses += 1;
        let filter = Arc::new(Asked { told: Mutex::new(told), wanted });
        self.by_id.insert(self.last_id, Installed { used: self.uses, filter });
        self.last_id
    }

    fn using(&mut self, id: u64) -> Option<Arc<Asked>> {
        self.uses += 1;
        let installed = self.by_id.get_mut(&id)?;
        installed.used = self.uses;
        Some(installed.filter.clone())
    }
}

pub(super) fn new_logs(request: &Request<'_>) -> Answer {
    let filter = Filter::parse(request, 0)?;
    install(request, request.snapshot.feed_last().map_err(fault)?, Wanted::Logs(filter))
}

pub(super) fn new_blocks(request: &Request<'_>) -> Answer {
    install(request, request.snapshot.feed_last().map_err(fault)?, Wanted::Blocks)
}

pub(super) fn new_pending(request: &Request<'_>) -> Answer {
    install(request, request.node.news.arrivals(), Wanted::Pending)
}

fn install(request: &Request<'_>, told: u64, wanted: Wanted) -> Answer {
    Ok(json!(U64::from(locked(&request.node.filters).install(told, wanted))))
}

fn id(request: &Request<'_>) -> Result<u64, RpcError> {
    Ok(request.params.get::<U64>(0)?.to())
}

fn not_found() -> RpcError {
    server("filter not found")
}

fn using(request: &Request<'_>) -> Result<Arc<Asked>, RpcError> {
    let id = id(request)?;
    locked(&request.node.filters).using(id).ok_or_else(not_found)
}

pub(super) fn changes(request: &Request<'_>) -> Answer {
    let filter = using(request)?;
    let mut told = locked(&filter.told);
    let (now, news) = match &filter.wanted {
        Wanted::Pending => {
            let (now, hashes) = request.node.news.arrivals_after(*told, LOGS_MAX);
            (now, Ok(json!(hashes)))
        }
        Wanted::Blocks => blocks(request, *told)?,
        Wanted::Logs(logs) => changed_logs(request, *told, logs)?,
    };
    *told = now;
    news
}

/// Blocks that were connected after a place of the feed, and the place after them.
fn blocks(request: &Request<'_>, told: u64) -> Result<(u64, Answer), RpcError> {
    let rows = request.snapshot.feed_after(told, ROWS_MAX).map_err(fault)?;
    let hashes: Vec<_> = rows.iter().filter(|row| row.connected).map(|row| row.hash).collect();
    Ok((rows.last().map_or(told, |row| row.sequence), Ok(json!(hashes))))
}

/// Logs that came or went after a place of the feed, and the place after them. A block that alone
/// has more than may be told is told as an error once, and passed over.
fn changed_logs(
    request: &Request<'_>,
    mut told: u64,
    filter: &Filter,
) -> Result<(u64, Answer), RpcError> {
    let mut found = Found::new(request.limits());
    for row in request.snapshot.feed_after(told, ROWS_MAX).map_err(fault)? {
        let before = found.logs.len();
        let added = logs::of_block(request, filter, row.hash, !row.connected, &mut found);
        match added {
            Ok(()) => told = row.sequence,
            Err(error) if error.code != code::LIMIT_EXCEEDED => return Err(error),
            Err(error) if before == 0 => return Ok((row.sequence, Err(error))),
            Err(_) => {
                found.logs.truncate(before);
                break;
            }
        }
        if found.logs.len() > LOGS_MAX / 2 {
            break;
        }
    }
    Ok((told, Ok(json!(found.logs))))
}

/// All logs that a filter of logs asks for.
pub(super) fn logs(request: &Request<'_>) -> Result<Vec<LogView>, RpcError> {
    match &using(request)?.wanted {
        Wanted::Logs(filter) => logs::all(request, filter),
        Wanted::Blocks | Wanted::Pending => Err(not_found()),
    }
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
            assert_eq!(filters.install(0, Wanted::Blocks), id);
        }
        filters.using(1).unwrap();
        filters.install(0, Wanted::Blocks);
        assert!(filters.using(1).is_some());
        assert!(filters.using(2).is_none());
        assert!(filters.using(1_025).is_some());
    }
}
