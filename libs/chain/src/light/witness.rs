//! A part of one state, read like the whole: a heap of nodes, each of which has to be needed.

use crate::state::State;
use crate::trie::NodeSource;
use crate::view::StateSource;
use alloy_primitives::{B256, Bytes, keccak256};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Trie nodes in any order that prove what is read through them, and count as they do.
///
/// A node is found by its hash, so nothing but the state with the root that is asked for can be
/// read; what is not proved reads as a missing node.
pub struct Witness {
    given: Vec<B256>,
    known: HashMap<B256, Bytes>,
    used: RefCell<HashSet<B256>>,
}

impl Witness {
    /// The state with this root, as far as the nodes prove it.
    pub fn state(root: B256, nodes: &[Bytes]) -> State<Self> {
        let given: Vec<B256> = nodes.iter().map(keccak256).collect();
        let known = given.iter().copied().zip(nodes.iter().cloned()).collect();
        State::at(root, Self { given, known, used: RefCell::default() })
    }

    /// Places of nodes that no reading needed, or that are there twice.
    pub fn unused(&self) -> Vec<usize> {
        let mut left = self.used.borrow().clone();
        let given = self.given.iter().enumerate();
        given.filter(|(_, hash)| !left.remove(*hash)).map(|(place, _)| place).collect()
    }
}

impl NodeSource for Witness {
    fn node(&self, hash: B256) -> Option<Bytes> {
        let node = self.known.get(&hash).cloned();
        if node.is_some() {
            self.used.borrow_mut().insert(hash);
        }
        node
    }
}

/// A witness of state knows neither code nor blocks.
impl StateSource for Witness {
    fn code(&self, _: B256) -> Option<Bytes> {
        None
    }

    fn block_hash(&self, _: u64) -> Option<B256> {
        None
    }
}
