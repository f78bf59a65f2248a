//! Answers to what peers ask for.

use super::Local;
use super::lie::Lie;
use super::message::{
    BODIES_PER_REQUEST_MAX, Bodies, Body, GetBodies, GetHeaders, GetPart, GetTransactions,
    HEADERS_PER_REQUEST_MAX, Headers, LOCATOR_MAX, Message, Part, TRANSACTIONS_PER_REQUEST_MAX,
    Transactions,
};
use crate::view::ChainView;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Encodable;

/// Bytes of a message around what was asked for.
const ENVELOPE_BYTES: usize = 64;

/// Room for what was asked for in a message that neither side finds too large.
fn room(own_max: usize, asked_max: u64) -> usize {
    let asked = usize::try_from(asked_max).unwrap_or(usize::MAX);
    own_max.min(asked).saturating_sub(ENVELOPE_BYTES)
}

/// As many of the items as there is room for.
fn fit<T: Encodable>(items: impl Iterator<Item = T>, mut room: usize) -> Vec<T> {
    let mut fitting = Vec::new();
    for item in items {
        let size = item.length();
        if size > room {
            break;
        }
        room -= size;
        fitting.push(item);
    }
    fitting
}

pub(super) fn headers<V: ChainView>(
    local: &Local<'_, V>,
    own_max: usize,
    asked: &GetHeaders,
) -> Result<Message, Lie> {
    if asked.locator.len() > LOCATOR_MAX {
        return Err(Lie::Oversized);
    }
    let canonical = |hash: &B256| {
        let number = local.view.header(*hash)?.number;
        (local.view.canonical_hash(number) == Some(*hash)).then_some(number)
    };
    let common = asked.locator.iter().find_map(canonical);
    let above = common.into_iter().flat_map(|number| number + 1..);
    let headers = above
        .map_while(|number| local.view.header(local.view.canonical_hash(number)?))
        .take(HEADERS_PER_REQUEST_MAX);
    Ok(Headers { id: asked.id, headers: fit(headers, room(own_max, asked.bytes_max)) }.into())
}

pub(super) fn bodies<V: ChainView>(
    local: &Local<'_, V>,
    own_max: usize,
    asked: &GetBodies,
) -> Result<Message, Lie> {
    if asked.hashes.len() > BODIES_PER_REQUEST_MAX {
        return Err(Lie::Oversized);
    }
    let room = room(own_max, asked.bytes_max);
    let bodies = fit(asked.hashes.iter().map_while(|hash| body(local, *hash)), room);
    if bodies.is_empty()
        && let Some(first) = asked.hashes.first().and_then(|hash| body(local, *hash))
    {
        return Ok(part_of(asked.id, &first, 0, room).into());
    }
    Ok(Bodies { id: asked.id, bodies }.into())
}

pub(super) fn part<V: ChainView>(
    local: &Local<'_, V>,
    own_max: usize,
    asked: &GetPart,
) -> Option<Message> {
    let offset = usize::try_from(asked.offset).ok()?;
    let body = body(local, asked.hash)?;
    Some(part_of(asked.id, &body, offset, room(own_max, asked.bytes_max)).into())
}

fn body<V: ChainView>(local: &Local<'_, V>, hash: B256) -> Option<Body> {
    Some(Body { transactions: local.view.block(hash)?.transactions })
}

fn part_of(id: u64, body: &Body, offset: usize, room: usize) -> Part {
    let rlp = alloy_rlp::encode(body);
    let from = offset.min(rlp.len());
    let to = from.saturating_add(room).min(rlp.len());
    Part { id, total: rlp.len() as u64, bytes: Bytes::copy_from_slice(&rlp[from..to]) }
}

pub(super) fn transactions<V: ChainView>(
    local: &Local<'_, V>,
    own_max: usize,
    asked: &GetTransactions,
) -> Result<Message, Lie> {
    if asked.hashes.len() > TRANSACTIONS_PER_REQUEST_MAX {
        return Err(Lie::Oversized);
    }
    let found = asked.hashes.iter().filter_map(|hash| (local.transaction)(*hash));
    let transactions = fit(found, room(own_max, asked.bytes_max));
    Ok(Transactions { id: asked.id, transactions }.into())
}
