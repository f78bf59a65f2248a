//! A peer of the test's own that does one thing wrong, on the subjects where nodes meet.
//!
//! Its frames are written here by the book (ARCHITECTURE.md, 3.6), not by the node's own code. What
//! it forges stands on the head of an honest node in the test, so that only the lie is wrong.

use std::collections::HashMap;
use std::time::Duration;

use alloy_consensus::SignableTransaction;
use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use chain::block::Block;
use chain::rules::{BLOCK_BYTES_MAX, TIME_AHEAD_MAX};
use chain::signature::HALF_ORDER;
use chain::sync::Message;
use chain::sync::message::{Announcement, Bodies, Body, GetBodies, Part};
use chain::{ChainView, Rules, Transaction, header};
use keys::SecretKey;
use ledger::peers::{Joined, PeerId};
use ledger::{Ledger, Node, Transport};
use service::Clock;
use tokio::time::timeout;

use super::world::call;

/// How long it answers questions after each lie.
const ANSWERS_FOR: Duration = Duration::from_millis(300);
/// Bytes of a frame before its message: a signature, then a sequence and who it is for.
const SIGNATURE_BYTES: usize = 64;
const HEAD_BYTES: usize = 8 + 20;
/// Bytes that it sends of a body that would never end.
const PART_BYTES: usize = 64 * 1024;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block without its work.
    Work,
    /// A sealed block that leads to another state.
    StateRoot,
    /// A sealed block with a transaction that nobody signed.
    Signature,
    /// A sealed block whose body is larger than any may be.
    Oversized,
    /// A sealed block of later.
    Future,
    /// Bytes that are no message.
    Malformed,
    /// A sealed block of somebody whom the genesis does not let mine.
    Stranger,
    /// A sealed block of somebody whom it lets mine, but who did not sign for it.
    Unsigned,
}

impl Kind {
    /// What can be done on any chain.
    pub const ALL: [Kind; 6] = [
        Kind::Work,
        Kind::StateRoot,
        Kind::Signature,
        Kind::Oversized,
        Kind::Future,
        Kind::Malformed,
    ];

    /// What a node calls it, and a part of how it says it.
    pub fn named(self) -> (&'static str, &'static str) {
        match self {
            Kind::Work => ("block", "invalid work"),
            Kind::StateRoot => ("block", "invalid merkle root"),
            Kind::Signature => ("block", "could not apply transaction 0"),
            Kind::Oversized => ("oversized", "larger than allowed"),
            Kind::Future => ("future", "block in the future"),
            Kind::Malformed => ("malformed", "malformed"),
            Kind::Stranger => ("block", "is no miner of this chain"),
            Kind::Unsigned => ("block", "does not begin with the right to mine"),
        }
    }
}

pub struct Liar {
    pub kind: Kind,
    key: SecretKey,
    genesis: B256,
    line: Joined,
    /// Rises with every frame.
    sequence: u64,
    forged: HashMap<B256, Block>,
}

impl Liar {
    /// Joins the nodes of a chain under a new key.
    pub async fn join(kind: Kind, transport: &dyn Transport, genesis: B256) -> Liar {
        let key = SecretKey::from_bytes(&rand::random()).unwrap();
        let line = transport.join(genesis, key.address()).await.unwrap();
        Liar { kind, key, genesis, line, sequence: 0, forged: HashMap::new() }
    }

    pub fn id(&self) -> PeerId {
        self.key.address()
    }

    /// The blocks that it forged.
    pub fn forged(&self) -> impl Iterator<Item = &B256> {
        self.forged.keys()
    }

    /// Tells all its lie, as of the head of an honest node, and answers what they ask about it.
    pub async fn lie(&mut self, honest: &Ledger) {
        let kind = self.kind;
        let Some((announced, forged)) = honest.with_node(move |node| forge(node, kind)).await
        else {
            return;
        };
        self.forged.extend(forged.map(|block| (block.hash(), block)));
        self.say(Address::ZERO, &Message::from(announced).encode()).await;
        if kind == Kind::Malformed {
            self.say(Address::ZERO, b"noise").await;
        }
        let _over = timeout(ANSWERS_FOR, self.answer()).await;
    }

    /// What is no frame at all: too short, signed by nobody, for nobody.
    pub async fn noise(&mut self) {
        let zeros = [0, SIGNATURE_BYTES, SIGNATURE_BYTES + HEAD_BYTES, PART_BYTES];
        for length in zeros {
            self.line.link.broadcast(vec![0; length].into()).await.unwrap();
        }
        let signed = self.frame(Address::ZERO, b"noise");
        for at in 0..signed.len() {
            let mut changed = signed.to_vec();
            changed[at] ^= 1;
            self.line.link.broadcast(changed.into()).await.unwrap();
        }
    }

    async fn answer(&mut self) {
        while let Some(frame) = self.line.frames.recv().await {
            let Some((from, message)) = self.read(&frame) else { continue };
            if let Ok(Message::GetBodies(asked)) = Message::decode(&message)
                && let Some(answer) = self.body(&asked)
            {
                self.say(from, &answer.encode()).await;
            }
        }
    }

    fn body(&self, asked: &GetBodies) -> Option<Message> {
        let block = self.forged.get(asked.hashes.first()?)?;
        Some(match self.kind {
            Kind::Oversized => {
                let (total, bytes) = (BLOCK_BYTES_MAX as u64 + 1, vec![0; PART_BYTES].into());
                Part { id: asked.id, total, bytes }.into()
            }
            _ => {
                let body = Body { transactions: block.transactions.clone() };
                Bodies { id: asked.id, bodies: vec![body] }.into()
            }
        })
    }

    /// Sends a message to one peer, or to all.
    async fn say(&mut self, to: PeerId, message: &[u8]) {
        let frame = self.frame(to, message);
        match to {
            Address::ZERO => self.line.link.broadcast(frame).await.unwrap(),
            _ => self.line.link.send(to, frame).await.unwrap(),
        }
    }

    fn frame(&mut self, to: PeerId, message: &[u8]) -> Bytes {
        self.sequence += 1;
        let signed = [&self.sequence.to_be_bytes(), to.as_slice(), message].concat();
        let signature = self.key.sign(self.signed_hash(&signed));
        [signature.as_bytes(), &signed[..]].concat().into()
    }

    /// Who sent a frame, and the message in it.
    fn read(&self, frame: &Bytes) -> Option<(PeerId, Bytes)> {
        let (signature, signed) = frame.split_at_checked(SIGNATURE_BYTES)?;
        let signature = keys::Signature::from_slice(signature).ok()?;
        let from = keys::recover(self.signed_hash(signed), &signature)?;
        Some((from, frame.slice(SIGNATURE_BYTES + HEAD_BYTES..)))
    }

    fn signed_hash(&self, signed: &[u8]) -> B256 {
        keccak256([b"WXN1", self.genesis.as_slice(), signed].concat())
    }
}

/// What is announced, and the block whose body may be asked for; nothing if no block can follow the
/// head yet.
fn forge(node: &Node, kind: Kind) -> Option<(Announcement, Option<Block>)> {
    let (snapshot, now) = (node.snapshot().unwrap(), Clock::real().now().unsigned());
    let (parent, certificate) = (snapshot.head(), Vec::new());
    let work = snapshot.total_difficulty(parent).unwrap();
    if kind == Kind::Malformed {
        let (head, transactions) = (snapshot.header(parent).unwrap(), Vec::new());
        return Some((Announcement { head, work, transactions, certificate }, None));
    }
    // By its own rules, by which everybody may mine.
    let rules = Rules { miners: Vec::new(), ..node.rules().clone() };
    let coinbase = match kind {
        Kind::Unsigned => *node.rules().miners.first()?,
        _ => Address::ZERO,
    };
    let candidate = rules.propose(&snapshot, parent, Vec::new(), coinbase, now).ok()?;
    let mut block = candidate.block().clone();
    let header = &mut block.header;
    match kind {
        Kind::Work | Kind::Malformed | Kind::Stranger | Kind::Unsigned => {}
        Kind::StateRoot => header.state_root = B256::repeat_byte(7),
        Kind::Oversized => header.transactions_root = B256::repeat_byte(8),
        Kind::Future => header.timestamp = now + 10 * TIME_AHEAD_MAX,
        Kind::Signature => {
            block.transactions = vec![unsigned()];
            header.transactions_root = calculate_transaction_root(&block.transactions);
        }
    }
    if kind != Kind::Work {
        header.nonce = header::search(header.seal_hash(), header.difficulty, 0, u64::MAX)?;
    }
    let (head, work) = (block.header.clone(), work + block.header.difficulty);
    Some((Announcement { head, work, transactions: Vec::new(), certificate }, Some(block)))
}

/// A transaction that nobody signed: its `s` is high.
fn unsigned() -> Transaction {
    let Transaction::Eip1559(good) = call(1, 0, 0) else { unreachable!("it has a fee cap") };
    let order = HALF_ORDER * U256::from(2) + U256::ONE;
    let (unsigned, signature, _) = good.into_parts();
    let high = Signature::new(signature.r(), order - signature.s(), !signature.v());
    unsigned.into_signed(high).into()
}
