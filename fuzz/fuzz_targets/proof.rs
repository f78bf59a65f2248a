//! Proofs for those who keep no chain. The first byte says what is proved; nodes follow, each
//! behind its length (two bytes). The trusted root is the hash of the first node, so that the
//! input gets past it.
#![no_main]

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::light::{self, AccountProof, StorageProof};
use chain::mmr::Path;
use libfuzzer_sys::fuzz_target;

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

fuzz_target!(|data: &[u8]| {
    let [kind, rest @ ..] = data else { return };
    let nodes = nodes(rest);
    let root = nodes.first().map_or(B256::ZERO, keccak256);
    match kind % 5 {
        0 => drop(light::verify_account(root, Address::ZERO, &nodes)),
        1 => drop(light::verify_storage(root, U256::from(rest.len()), &nodes)),
        2 => drop(light::verify_log(root, rest.len() % 300, 0, &nodes)),
        3 => {
            if let Ok(proof) = serde_json::from_slice::<AccountProof>(rest) {
                drop(proof.verify(root));
            }
            let storage = vec![StorageProof { position: U256::ONE, nodes: nodes.clone() }];
            drop(AccountProof { address: Address::ZERO, nodes, storage }.verify(root));
        }
        _ => {
            let siblings = rest.chunks_exact(32).map(B256::from_slice).collect();
            let number = |at: usize| {
                let bytes = rest.get(at..at + 8)?.try_into().ok()?;
                Some(u64::from_be_bytes(bytes))
            };
            let (Some(index), Some(count)) = (number(0), number(8)) else { return };
            let path = Path { index, count, siblings };
            assert_eq!(path.root(root), path.root(root));
            if let Ok(path) = serde_json::from_slice::<Path>(rest) {
                let _root = path.root(root);
            }
        }
    }
});
