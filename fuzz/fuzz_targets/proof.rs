//! Proofs for those who keep no chain: what they prove is also what a trie of their nodes says, and
//! nobody proves another place in a mountain range than the one that is there.
//!
//! The first byte says what is proved; nodes follow, each behind its length (two bytes). The root
//! that is trusted is the hash of the first node, so that the input gets past it.
#![no_main]

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::light::{self, AccountProof, StorageProof};
use chain::mmr::Path;
use chain::{Mmr, Trie, trie};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt::Debug;

fuzz_target!(|data: &[u8]| {
    let [kind, rest @ ..] = data else { return };
    let nodes = nodes(rest);
    let root = nodes.first().map_or(B256::ZERO, keccak256);
    match kind % 6 {
        0 => {
            if let Ok(account) = light::verify_account(root, Address::ZERO, &nodes) {
                let value = proved(root, &keccak256(Address::ZERO).0, &nodes);
                assert_eq!(account.map(|one| alloy_rlp::encode(one).into()), value);
            }
        }
        1 => {
            if let Ok(value) = light::verify_storage(root, U256::ONE, &nodes) {
                let key = keccak256(U256::ONE.to_be_bytes::<32>());
                let rlp = proved(root, &key.0, &nodes);
                let is_unset = value.is_zero() && rlp.is_none();
                assert!(is_unset || rlp == Some(alloy_rlp::encode(value).into()));
            }
        }
        2 => {
            if let Ok(receipt) = light::verify_receipt(root, 0, &nodes) {
                let value = proved(root, &alloy_rlp::encode(0_usize), &nodes);
                assert_eq!(value, Some(receipt.encoded_2718().into()));
            }
        }
        3 => {
            if let Some(proof) = json::<AccountProof>(rest) {
                let _refused = proof.verify(root);
            }
            let storage = vec![StorageProof { position: U256::ONE, nodes: nodes.clone() }];
            let _refused = AccountProof { address: Address::ZERO, nodes, storage }.verify(root);
        }
        4 => {
            if let Some(path) = json::<Path>(rest) {
                let _root = path.root(root);
            }
        }
        _ => forge(rest),
    }
});

fn nodes(mut data: &[u8]) -> Vec<Bytes> {
    let mut nodes = Vec::new();
    while let [high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (node, after) = rest.split_at(length);
        nodes.push(Bytes::copy_from_slice(node));
        data = after;
    }
    nodes
}

/// What nodes prove of a key, which is what a trie of them says.
fn proved(root: B256, key: &[u8], nodes: &[Bytes]) -> Option<Bytes> {
    let proved = trie::verify(root, key, nodes).expect("the proof was accepted");
    let source: HashMap<_, _> = nodes.iter().map(|node| (keccak256(node), node.clone())).collect();
    let kept = Trie::at(root).get(&source, key).expect("the way is in the proof");
    assert_eq!(kept, proved);
    proved
}

/// A value from JSON, which it can be written as again.
fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &[u8]) -> Option<T> {
    let value = serde_json::from_slice(text).ok()?;
    let again = serde_json::to_vec(&value).expect("a proof is JSON");
    assert_eq!(serde_json::from_slice::<T>(&again).as_ref().ok(), Some(&value));
    Some(value)
}

/// Takes the path of a leaf and changes it, step by step; only the path itself leads to the root.
fn forge(data: &[u8]) {
    let [count, index, edits @ ..] = data else { return };
    let (mut range, mut source) = (Mmr::default(), HashMap::new());
    for number in 0..=u64::from(*count % 70) {
        range.append(B256::from(U256::from(number)), |hash, node| drop(source.insert(hash, node)));
    }
    let index = u64::from(*index) % range.count();
    let honest = range.path(index, &source).expect("every node is kept");
    let mut path = honest.clone();
    for edit in edits.chunks_exact(2) {
        let at = usize::from(edit[1]) % path.siblings.len().max(1);
        match (edit[0], path.siblings.get(at).copied()) {
            (0, Some(_)) => path.siblings.truncate(at),
            (1, Some(sibling)) => path.siblings.insert(at, sibling),
            (2, Some(_)) => path.siblings.swap(0, at),
            (3, Some(_)) => path.siblings[at].0[31] ^= 1,
            (4, _) => path.siblings.push(range.root()),
            (5, _) => path.index = u64::from(edit[1]),
            (6, _) => path.index ^= 1 << (edit[1] % 64),
            _ => {}
        }
    }
    let leads = path.root(B256::from(U256::from(index))) == Some(range.root());
    assert_eq!(leads, path == honest, "{path:?} instead of {honest:?}");
}
