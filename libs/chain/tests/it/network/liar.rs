//! A peer that follows the chain and does one thing wrong.

use super::node::{Node, Sent, seconds};
use crate::support::{Key, MINER, reseal, transaction};
use alloy_consensus::SignableTransaction;
use alloy_primitives::{B64, B256, Bytes, U256};
use chain::block::Recovered;
use chain::sync::message::{Announcement, Bodies, Body, Headers, Part, Transactions};
use chain::sync::{Input, Message, PeerId};
use chain::{Block, ChainView, GenesisSpec, Header, Transaction};
use std::collections::HashMap;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A header without its work.
    Work,
    /// A sealed block that leads to another state.
    StateRoot,
    /// A sealed block with a signature of nobody.
    Signature,
    /// A body that would never end.
    Oversized,
    /// Blocks of tomorrow.
    Future,
    /// Nothing is answered.
    Silent,
    /// More work than there is.
    ClaimedWork,
    /// The transactions of another block.
    Body,
    /// Headers are announced and not handed out.
    Withheld,
    /// Noise.
    Malformed,
    /// Transactions that nobody can take.
    Transaction,
    /// Votes that no operator signed.
    Checkpoint,
}

impl Kind {
    pub(crate) const ALL: [Kind; 12] = [
        Kind::Work,
        Kind::StateRoot,
        Kind::Signature,
        Kind::Oversized,
        Kind::Future,
        Kind::Silent,
        Kind::ClaimedWork,
        Kind::Body,
        Kind::Withheld,
        Kind::Malformed,
        Kind::Transaction,
        Kind::Checkpoint,
    ];

    /// What the others call it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Kind::Work | Kind::StateRoot | Kind::Signature => "block",
            Kind::Oversized => "oversized",
            Kind::Future => "future",
            Kind::Silent => "silent",
            Kind::ClaimedWork => "work",
            Kind::Body => "body",
            Kind::Withheld => "withheld",
            Kind::Malformed => "malformed",
            Kind::Transaction => "transaction",
            Kind::Checkpoint => "checkpoint",
        }
    }
}

pub(crate) struct Liar {
    pub(crate) kind: Kind,
    /// What it would be if it were honest.
    node: Node,
    forged: HashMap<B256, Block>,
    lied: u64,
}

impl Liar {
    pub(crate) fn new(kind: Kind, number: u8, spec: &GenesisSpec, now: u64) -> Self {
        let node = Node::new(number, spec, now);
        Self { kind, node, forged: HashMap::new(), lied: now }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.node.id
    }

    pub(crate) fn hear(&mut self, at: u64, from: PeerId, bytes: &[u8]) -> Vec<Sent> {
        let Ok(message) = Message::decode(bytes) else { return Vec::new() };
        if let Some(answer) = self.twist(&message) {
            return answer.into_iter().map(|message| (Some(from), message.encode())).collect();
        }
        let sent = self.node.hear(at, from, bytes);
        // It says nothing of itself but its lies, so that only they are judged.
        sent.into_iter().filter(|(to, _)| to.is_some()).collect()
    }

    /// What it answers instead of the truth, if it lies about this.
    fn twist(&mut self, asked: &Message) -> Option<Option<Message>> {
        match (self.kind, asked) {
            (
                Kind::Silent,
                Message::GetHeaders(_) | Message::GetBodies(_) | Message::GetTransactions(_),
            ) => Some(None),
            (Kind::Withheld, Message::GetHeaders(asked)) => {
                Some(Some(Headers { id: asked.id, headers: Vec::new() }.into()))
            }
            (Kind::Oversized, Message::GetBodies(asked)) => {
                let total = chain::rules::BLOCK_BYTES_MAX as u64 + 1;
                let bytes = Bytes::from(vec![0; 64 * 1024]);
                Some(Some(Part { id: asked.id, total, bytes }.into()))
            }
            (Kind::Body, Message::GetBodies(asked)) => {
                let transactions = vec![Key::new(9).sign(transaction(77, MINER, Bytes::new()))];
                Some(Some(Bodies { id: asked.id, bodies: vec![Body { transactions }] }.into()))
            }
            (Kind::Signature, Message::GetBodies(asked)) => {
                let forged = asked.hashes.first().and_then(|hash| self.forged.get(hash))?;
                let bodies = vec![Body { transactions: forged.transactions.clone() }];
                Some(Some(Bodies { id: asked.id, bodies }.into()))
            }
            (Kind::Transaction, Message::GetTransactions(asked)) => {
                let transactions = vec![unsigned(self.lied)];
                Some(Some(Transactions { id: asked.id, transactions }.into()))
            }
            _ => None,
        }
    }

    /// Every other second it lies.
    pub(crate) fn tick(&mut self, at: u64) -> Vec<Sent> {
        let mut sent = self.node.run(at, Input::Tick);
        sent.retain(|(to, _)| to.is_some());
        if at >= self.lied + 2_000 && self.node.number() > 0 {
            self.lied = at;
            let bytes = self.lie(at);
            sent.push((None, bytes));
        }
        sent
    }

    fn lie(&mut self, at: u64) -> Vec<u8> {
        let head = self.node.view.head();
        let header = self.node.view.header(head).unwrap();
        let work = self.node.view.total_difficulty(head).unwrap();
        let far = U256::from(1u64 << 40);
        match self.kind {
            Kind::Malformed => b"noise".to_vec(),
            Kind::Work => {
                let mut next = self.forge(at, Vec::new()).header;
                next.difficulty = U256::from(1u64 << 60);
                next.nonce = B64::ZERO;
                announce(next, work + far, Vec::new())
            }
            Kind::StateRoot => {
                let mut block = self.forge(at, Vec::new());
                block.header.state_root = B256::repeat_byte(7);
                self.announce_forged(reseal(block), work)
            }
            Kind::Signature => {
                let mut block = self.forge(at, Vec::new());
                block.transactions = vec![unsigned(0)];
                block.header.transactions_root =
                    alloy_consensus::proofs::calculate_transaction_root(&block.transactions);
                self.announce_forged(reseal(block), work)
            }
            Kind::Oversized | Kind::Body => {
                let nonce = self.node.pool.next_nonce(Key::new(9).address()).unwrap_or_default();
                let one = Key::new(9).send(transaction(nonce, MINER, Bytes::new()));
                let mut block = self.forge(at, vec![one]);
                block.header.transactions_root = B256::repeat_byte(8);
                self.announce_forged(reseal(block), work)
            }
            Kind::Future => {
                let mut block = self.forge(at, Vec::new());
                block.header.timestamp = seconds(at) + 100;
                self.announce_forged(reseal(block), work)
            }
            Kind::Silent | Kind::Withheld => {
                let mut next = self.forge(at, Vec::new());
                next.header.parent_hash = B256::repeat_byte(3);
                next.header.state_root = B256::from(U256::from(at));
                announce(reseal(next).header, work + far, Vec::new())
            }
            Kind::ClaimedWork => {
                let block = reseal(self.forge(at, Vec::new()));
                announce(block.header, work + far, Vec::new())
            }
            Kind::Transaction => announce(header, work, vec![*unsigned(at).tx_hash()]),
            Kind::Checkpoint => {
                let (height, hash) = (1_000, B256::repeat_byte(4));
                let checkpoint = chain::checkpoint::Checkpoint { height, hash };
                let genesis = self.node.view.canonical_hash(0).unwrap();
                let chain_id = self.node.rules.chain_id;
                let domain = chain::checkpoint::Domain { chain_id, genesis };
                let vote = super::node::sign(&Key::new(66), checkpoint, domain);
                Message::from(chain::sync::message::Votes { votes: vec![vote] }).encode()
            }
        }
    }

    /// A valid block on its head that is not sealed.
    fn forge(&self, at: u64, transactions: Vec<Recovered>) -> Block {
        let node = &self.node;
        let (parent, now) = (node.view.head(), seconds(at));
        node.rules.propose(&node.view, parent, transactions, node.id, now).unwrap().block().clone()
    }

    fn announce_forged(&mut self, block: Block, work: U256) -> Vec<u8> {
        let work = work + block.header.difficulty;
        let bytes = announce(block.header.clone(), work, Vec::new());
        self.forged.insert(block.hash(), block);
        bytes
    }
}

fn announce(head: Header, work: U256, transactions: Vec<B256>) -> Vec<u8> {
    let certificate = Vec::new();
    Message::from(Announcement { head, work, transactions, certificate }).encode()
}

/// A transaction that nobody signed: its `s` is high.
fn unsigned(nonce: u64) -> Transaction {
    let transaction = transaction(nonce, MINER, Bytes::new());
    let good = Key::new(9).signature(transaction.signature_hash());
    let order = chain::signature::HALF_ORDER * U256::from(2) + U256::ONE;
    let high = alloy_primitives::Signature::new(good.r(), order - good.s(), !good.v());
    transaction.into_signed(high).into()
}
