//! Nodes, lines and time, from one seed.
//!
//! Lines lose, repeat and overtake; groups can be cut off from one another. Mining is real: in each
//! tenth of a second a node tries as many nonces as it is fast.

use super::liar::Liar;
use super::node::{Node, Sent};
use crate::support::{Key, START};
use alloy_primitives::U256;
use chain::genesis::{Allocation, Operators};
use chain::sync::{Input, PeerId};
use chain::{ChainView, GenesisSpec, Transaction};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Milliseconds between two looks of a node at the time.
const TICK: u64 = 100;
/// Milliseconds after which nodes that do not agree never will.
const PATIENCE: u64 = 900_000;

struct Letter {
    to: PeerId,
    from: PeerId,
    bytes: Vec<u8>,
}

pub(crate) struct World {
    pub(crate) dice: ChaCha8Rng,
    pub(crate) now: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) liars: Vec<Liar>,
    pub(crate) spec: GenesisSpec,
    /// By arrival.
    letters: BTreeMap<(u64, u64), Letter>,
    sent: u64,
    /// Of a hundred letters so many get lost, and as many arrive twice.
    pub(crate) loss: u32,
    /// Nodes with another number are out of reach.
    pub(crate) groups: BTreeMap<PeerId, u8>,
    down: Vec<PeerId>,
}

/// A chain with blocks every five seconds at eighty hashes per second, that follows quickly.
pub(crate) fn spec(operators: u8, threshold: u64, miners: &[u8]) -> GenesisSpec {
    let mut spec = GenesisSpec::new(crate::support::CHAIN_ID, START);
    spec.difficulty = U256::from(400);
    spec.half_life = 60;
    for number in 1..=20 {
        let balance = U256::from(100) * crate::support::ETHER;
        let account = Allocation { balance, ..Allocation::default() };
        spec.alloc.insert(Key::new(number).address(), account);
    }
    let keys: Vec<_> = (1..=operators).map(|number| Key::new(number).address()).collect();
    spec.operators = (operators > 0).then_some(Operators { threshold, keys });
    spec.miners = miners.iter().map(|number| Key::new(*number).address()).collect();
    spec
}

impl World {
    pub(crate) fn new(seed: u64, spec: GenesisSpec, nodes: u8) -> Self {
        let nodes = (1..=nodes).map(|number| Node::new(number, &spec, 0)).collect();
        Self {
            dice: ChaCha8Rng::seed_from_u64(seed),
            now: 0,
            nodes,
            liars: Vec::new(),
            spec,
            letters: BTreeMap::new(),
            sent: 0,
            loss: 5,
            groups: BTreeMap::new(),
            down: Vec::new(),
        }
    }

    /// A node that begins now, with nothing.
    pub(crate) fn join(&mut self, number: u8) {
        self.nodes.push(Node::new(number, &self.spec, self.now));
    }

    /// A node that neither hears nor says anything any more, or does again.
    pub(crate) fn set_down(&mut self, node: usize, down: bool) {
        let id = self.nodes[node].id;
        self.down.retain(|one| *one != id);
        self.down.extend(down.then_some(id));
    }

    pub(crate) fn cut(&mut self, group: &[usize]) {
        let ids = group.iter().map(|node| (self.nodes[*node].id, 1));
        self.groups = ids.collect();
    }

    pub(crate) fn heal(&mut self) {
        self.groups.clear();
    }

    fn reaches(&self, from: PeerId, to: PeerId) -> bool {
        let down = |id: PeerId| self.down.contains(&id);
        self.groups.get(&from) == self.groups.get(&to) && !down(from) && !down(to)
    }

    fn post(&mut self, from: PeerId, sent: Vec<Sent>) {
        for (to, bytes) in sent {
            let nodes = self.nodes.iter().map(|node| node.id);
            let all: Vec<PeerId> = nodes.chain(self.liars.iter().map(Liar::id)).collect();
            for one in all.into_iter().filter(|one| *one != from && to.is_none_or(|to| to == *one))
            {
                if !self.reaches(from, one) || self.dice.random_range(0..100) < self.loss {
                    continue;
                }
                let copies = 1 + u32::from(self.dice.random_range(0..100) < self.loss);
                for _ in 0..copies {
                    self.sent += 1;
                    let at = self.now + self.dice.random_range(5..250);
                    let letter = Letter { to: one, from, bytes: bytes.clone() };
                    self.letters.insert((at, self.sent), letter);
                }
            }
        }
    }

    /// Lets a node take something in.
    pub(crate) fn give(&mut self, node: usize, input: Input) {
        let sent = self.nodes[node].run(self.now, input);
        self.post(self.nodes[node].id, sent);
    }

    /// Sends a transaction to a node.
    pub(crate) fn submit(&mut self, node: usize, transaction: Transaction) {
        let hash = *transaction.tx_hash();
        self.nodes[node].submit(transaction).unwrap();
        self.give(node, Input::Pooled(hash));
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.pass_until(seconds * 1_000, |_| false);
    }

    /// Time passes until something holds; whether it did in time.
    pub(crate) fn pass_until(&mut self, most: u64, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + most;
        while self.now < end {
            self.tick();
            if holds(self) {
                return true;
            }
        }
        false
    }

    fn tick(&mut self) {
        let end = self.now + TICK;
        while let Some(entry) = self.letters.first_entry().filter(|entry| entry.key().0 <= end) {
            self.now = self.now.max(entry.key().0);
            let Letter { to, from, bytes } = entry.remove();
            if !self.reaches(from, to) {
                continue;
            }
            let now = self.now;
            let sent = if let Some(node) = self.nodes.iter_mut().find(|node| node.id == to) {
                node.hear(now, from, &bytes)
            } else if let Some(liar) = self.liars.iter_mut().find(|liar| liar.id() == to) {
                liar.hear(now, from, &bytes)
            } else {
                continue;
            };
            self.post(to, sent);
        }
        self.now = end;
        for node in 0..self.nodes.len() {
            if self.down.contains(&self.nodes[node].id) {
                continue;
            }
            let mut sent = self.nodes[node].run(end, Input::Tick);
            sent.extend(self.nodes[node].mine(end, TICK));
            self.post(self.nodes[node].id, sent);
        }
        for liar in 0..self.liars.len() {
            let sent = self.liars[liar].tick(end);
            self.post(self.liars[liar].id(), sent);
        }
    }

    /// Whether all nodes that are up have one head.
    pub(crate) fn agrees(&self) -> bool {
        let up = self.nodes.iter().filter(|node| !self.down.contains(&node.id));
        let mut heads: Vec<_> = up.map(|node| node.view.head()).collect();
        heads.dedup();
        heads.len() == 1
    }

    /// Lets one node mine on alone until all have its head, and checks that their states are one.
    pub(crate) fn settle(&mut self, miner: usize) {
        let rate = self.nodes.iter().map(|node| node.rate).max().unwrap_or_default().max(80);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.rate = if index == miner { rate } else { 0 };
        }
        let from = self.nodes[miner].number();
        let agreed =
            self.pass_until(PATIENCE, |world| world.agrees() && world.nodes[miner].number() > from);
        let tale: Vec<_> = self.nodes.iter().map(Node::tale).collect();
        assert!(agreed, "the nodes do not agree\n{}", tale.join("\n"));
        let roots: Vec<_> = self.nodes.iter().map(Node::state_root).collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
        for node in &self.nodes {
            let head = node.view.header(node.view.head()).unwrap();
            assert!(head.number >= node.finalized);
        }
    }
}
