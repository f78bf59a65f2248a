//! Writes inputs to begin with into `seeds/`, one folder per target, and dictionaries.
#![forbid(unsafe_code)]

mod formats;
mod peer;
mod reading;
#[cfg(feature = "node")]
mod rpc;

use alloy_consensus::{Receipt, ReceiptEnvelope, TxEip1559, TxEip2930, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use chain::genesis::MULTICALL3;
use chain::light;
use chain::{ChainView, Transaction, Trie};
use fuzz::peer::Stage;
use fuzz::signing::signed;
use fuzz::{CHAIN_ID, World};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

fn transactions() -> Vec<Transaction> {
    let (to, input) = (TxKind::Call(Address::repeat_byte(4)), Bytes::from_static(&[1; 36]));
    let item = AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO; 2] };
    vec![
        signed(
            1,
            TxLegacy {
                chain_id: Some(CHAIN_ID),
                gas_price: 9,
                gas_limit: 30_000,
                to,
                ..TxLegacy::default()
            },
        ),
        signed(
            1,
            TxEip2930 {
                chain_id: CHAIN_ID,
                gas_price: 9,
                gas_limit: 60_000,
                to,
                access_list: AccessList(vec![item]),
                ..TxEip2930::default()
            },
        ),
        signed(
            1,
            TxEip1559 {
                chain_id: CHAIN_ID,
                gas_limit: 90_000,
                max_fee_per_gas: 9,
                max_priority_fee_per_gas: 1,
                to: TxKind::Create,
                input,
                ..TxEip1559::default()
            },
        ),
    ]
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    write_into(&format!("seeds/{target}"), name, bytes);
}

fn write_into(folder: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join(name), bytes).expect("the file can be written");
}

fn in_rows(kind: u8, nodes: &[Bytes]) -> Vec<u8> {
    let mut bytes = vec![kind];
    for node in nodes {
        let length = u16::try_from(node.len()).expect("a node is short");
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(node);
    }
    bytes
}

/// Nodes of a trie with one value.
fn trie(key: &[u8], value: Vec<u8>) -> Vec<Bytes> {
    let (mut trie, mut nodes) = (Trie::default(), Vec::new());
    trie.insert(&HashMap::new(), key, value).expect("no node is missing");
    trie.commit(|_, _, node| nodes.push(node));
    nodes
}

fn main() {
    let world = World::new();
    let mut block = world.next(Vec::new());
    write("block", "empty", &block.encode());
    write("header", "empty", &alloy_rlp::encode(&block.header));
    block.transactions = transactions();
    write("block", "transactions", &block.encode());
    for (name, one) in ["legacy", "access-list", "dynamic"].into_iter().zip(transactions()) {
        write("transaction", name, &one.encoded_2718());
    }
    let head = world.view.header(world.view.head()).expect("the head is stored");
    for (kind, address) in [(0, Address::ZERO), (3, MULTICALL3)] {
        let proof = light::prove_account(&world.view, head.state_root, address, &[U256::ONE]);
        let proof = proof.expect("the state is readable");
        write("proof", &format!("account-{kind}"), &in_rows(kind, &proof.nodes));
        let json = serde_json::to_vec(&proof).expect("a proof is JSON");
        write("proof", &format!("json-{kind}"), &[&[3], &json[..]].concat());
    }
    let key = keccak256(U256::ONE.to_be_bytes::<32>());
    write("proof", "storage", &in_rows(1, &trie(&key.0, alloy_rlp::encode(7_u64))));
    let log = Log::new_unchecked(Address::ZERO, vec![key], Bytes::from_static(&[9]));
    let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs: vec![log] };
    let receipt = ReceiptEnvelope::Eip1559(receipt.with_bloom()).encoded_2718();
    write("proof", "receipt", &in_rows(2, &trie(&alloy_rlp::encode(0_usize), receipt)));
    write("proof", "forged", &[5, 12, 3, 3, 1, 6, 0]);
    let path = light::prove_ancestor(&world.view, &head, 0).expect("block 0 is below");
    let json = serde_json::to_vec(&path).expect("a path is JSON");
    write("proof", "ancestor", &[&[4], &json[..]].concat());
    for (name, bytes) in formats::all() {
        write("formats", &name, &bytes);
    }
    for (name, bytes) in reading::all() {
        write("reading", name, &bytes);
    }
    for (name, bytes) in peer::all(&Stage::new()) {
        write("peer", &name, &bytes);
    }
    #[cfg(feature = "node")]
    rpc::write_all();
}
