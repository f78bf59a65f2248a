//! The node among its peers.

use super::{Answer, Request, quantity};
use alloy_primitives::{U64, U256};
use chain::ChainView;
use serde_json::{Value, json};

/// `net_peerCount`: peers that were heard lately.
pub(super) fn peer_count(request: &Request<'_>) -> Answer {
    let peers = request.node.network().map_or(0, |status| status.peers.len());
    Ok(json!(U64::from(peers)))
}

/// `eth_syncing`: how far fetching is, or false.
pub(super) fn syncing(request: &Request<'_>) -> Answer {
    let Some(syncing) = request.node.network().and_then(|status| status.syncing) else {
        return Ok(json!(false));
    };
    let current = request.head()?.number;
    Ok(json!({
        "startingBlock": quantity(syncing.starting),
        "currentBlock": quantity(current),
        "highestBlock": quantity(syncing.highest.max(current)),
    }))
}

/// `admin_peers`: what each peer announced. `score` is what it did wrong lately; at 100 it is
/// ignored.
pub(super) fn peers(request: &Request<'_>) -> Answer {
    let peers = request.node.network().map(|status| status.peers).unwrap_or_default();
    let peers: Vec<Value> = peers
        .into_iter()
        .map(|peer| {
            let wattex = json!({
                "head": peer.head,
                "number": peer.number.map(U64::from),
                "difficulty": peer.work,
                "score": peer.score,
            });
            json!({ "id": peer.id, "protocols": { "wattex": wattex } })
        })
        .collect();
    Ok(json!(peers))
}

/// `admin_nodeInfo`: the node as its peers see it.
pub(super) fn node_info(request: &Request<'_>) -> Answer {
    let view = &*request.snapshot;
    let work = view.total_difficulty(view.head()).unwrap_or(U256::ZERO);
    let wattex = json!({
        "network": request.node.rules().chain_id,
        "genesis": request.node.genesis(),
        "head": view.head(),
        "difficulty": work,
        "finalized": quantity(view.finalized()),
        "reorganisationsRefused": request.node.reorganisations_refused(),
        "ignored": request.node.network().map_or(0, |status| status.ignored),
    });
    Ok(json!({ "name": super::methods::client_version(), "protocols": { "wattex": wattex } }))
}
