//! A message of every kind, frames, and what an honest peer says.

use alloy_primitives::{B256, Bytes, U256};
use chain::sync::Message;
use chain::sync::message::{
    Announcement, Bodies, Body, GetBodies, GetHeaders, GetPart, GetTransactions, Headers, Part,
    Transactions, Votes,
};
use fuzz::peer::{Listener, Stage};

/// A message of the first peer, ten milliseconds later.
const FIRST: u8 = 1 << 2;
/// The same by the peer that signs.
const SIGNED: u8 = FIRST | 2;
/// A frame.
const FRAME: u8 = FIRST | 3;

/// Inputs, by name.
pub fn all(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let alone = |(name, message): (&str, Message)| (name.to_owned(), record(FIRST, &message));
    let mut all: Vec<_> = messages(stage).into_iter().map(alone).collect();
    let message = messages(stage).remove(0).1.encode();
    for (name, to_all) in [("frame-to-one", false), ("frame-to-all", true)] {
        all.push((name.into(), bytes(FRAME, &stage.frame(0, to_all, &message))));
    }
    let votes = Message::from(Votes { votes: stage.votes(3) });
    all.push(("talk".into(), talk(stage, Vec::new())));
    all.push(("talk-votes-first".into(), talk(stage, vec![votes])));
    all
}

fn messages(stage: &Stage) -> Vec<(&'static str, Message)> {
    let blocks: Vec<_> = stage.news().cloned().collect();
    let headers: Vec<_> = blocks.iter().map(|block| block.header.clone()).collect();
    let hashes: Vec<B256> = blocks.iter().map(|block| block.hash()).collect();
    let body = |transactions| Body { transactions };
    let bodies: Vec<_> = blocks.iter().map(|block| body(block.transactions.clone())).collect();
    let head = headers.last().expect("there are some").clone();
    let rlp = Bytes::from(alloy_rlp::encode(&bodies[0]));
    let (id, bytes_max, waiting) = (2, 1 << 16, stage.waiting());
    let transactions = vec![*waiting.tx_hash()];
    let announced = Announcement {
        head,
        work: U256::from(5),
        transactions: transactions.clone(),
        certificate: vec![stage.certificate(3)],
    };
    vec![
        ("announcement", announced.into()),
        ("get-headers", GetHeaders { id, locator: hashes.clone(), bytes_max }.into()),
        ("headers", Headers { id, headers }.into()),
        ("get-bodies", GetBodies { id, hashes: hashes.clone(), bytes_max }.into()),
        ("bodies", Bodies { id, bodies }.into()),
        ("get-part", GetPart { id, hash: hashes[0], offset: 1, bytes_max }.into()),
        ("part", Part { id, total: rlp.len() as u64, bytes: rlp }.into()),
        ("get-transactions", GetTransactions { id, hashes: transactions, bytes_max }.into()),
        ("transactions", Transactions { id, transactions: vec![waiting] }.into()),
        ("votes", Votes { votes: stage.votes(2) }.into()),
    ]
}

fn record(kind: u8, message: &Message) -> Vec<u8> {
    bytes(kind, &message.encode())
}

fn bytes(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a seed is short");
    [&[kind][..], &length.to_be_bytes(), bytes].concat()
}

/// All that the peer that signs says to the node until it is followed, after these messages.
fn talk(stage: &Stage, first: Vec<Message>) -> Vec<u8> {
    let (mut node, mut peer) = (Listener::new(stage), Listener::signer(stage));
    for message in &first {
        node.pass(10);
        node.hear(peer.id, &message.encode());
    }
    let heard = fuzz::peer::talk(&mut node, &mut peer, 10);
    let said: Vec<u8> = first.iter().chain(&heard).flat_map(|one| record(SIGNED, one)).collect();
    assert!(fuzz::peer::play(stage, &said).agrees(&peer), "an input is what was said");
    said
}
