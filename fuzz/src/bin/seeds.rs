//! Writes inputs to begin with into `seeds/`, one folder per target.
#![forbid(unsafe_code)]

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use chain::genesis::MULTICALL3;
use chain::light;
use chain::{ChainView, Transaction};
use fuzz::{CHAIN_ID, World};
use std::fs;
use std::path::Path;

/// A signature of somebody: a sender can be recovered from most.
fn signed<T: SignableTransaction<Signature>>(unsigned: T) -> Transaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let candidates = (1u64..).map(|r| Signature::new(U256::from(r), U256::from(7), false));
    let hash = unsigned.signature_hash();
    let mut good = candidates.filter(|one| chain::signature::signer(hash, one).is_some());
    let signature = good.next().expect("every other number is on the curve");
    unsigned.into_signed(signature).into()
}

fn transactions() -> Vec<Transaction> {
    let (to, input) = (TxKind::Call(Address::repeat_byte(4)), Bytes::from_static(&[1; 36]));
    let item = AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO; 2] };
    vec![
        signed(TxLegacy {
            chain_id: Some(CHAIN_ID),
            gas_price: 9,
            gas_limit: 30_000,
            to,
            ..TxLegacy::default()
        }),
        signed(TxEip2930 {
            chain_id: CHAIN_ID,
            gas_price: 9,
            gas_limit: 60_000,
            to,
            access_list: AccessList(vec![item]),
            ..TxEip2930::default()
        }),
        signed(TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: 90_000,
            max_fee_per_gas: 9,
            max_priority_fee_per_gas: 1,
            to: TxKind::Create,
            input,
            ..TxEip1559::default()
        }),
    ]
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join(name), bytes).expect("the seed can be written");
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
    let path = light::prove_ancestor(&world.view, &head, 0).expect("block 0 is below");
    let json = serde_json::to_vec(&path).expect("a path is JSON");
    write("proof", "ancestor", &[&[4], &json[..]].concat());
}
