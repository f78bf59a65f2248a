use crate::support::{Chain, Key, MINER, record, transaction};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::ChainView;
use chain::light::{
    AccountProof, StorageProof, prove_account, prove_ancestor, prove_receipt, verify_ancestor,
    verify_log, verify_receipt,
};
use chain::trie::ProofError;

#[test]
fn accounts_and_slots_are_proved_present_and_absent() {
    let mut chain = Chain::new();
    let old_root = chain.view.header(chain.view.head()).unwrap().state_root;
    let data = record(1, 6);
    let new = chain.mine(vec![Key::new(2).send(transaction(0, chain.recorder, data))]);
    let positions = [1, 2].map(U256::from);
    for (root, value) in [(old_root, 5), (new.block.header.state_root, 6)] {
        let proof = prove_account(&chain.view, root, chain.recorder, &positions).unwrap();
        let json = serde_json::to_string(&proof).unwrap();
        let proof: AccountProof = serde_json::from_str(&json).unwrap();
        let proven = proof.verify(root).unwrap();
        assert_eq!(proven.storage, [U256::from(value), U256::ZERO]);
        assert_eq!(proven.account.unwrap().nonce, 1);
        assert_ne!(proof.verify(B256::repeat_byte(1)).map(drop), Ok(()));

        let stranger = Address::repeat_byte(0x77);
        let absent = prove_account(&chain.view, root, stranger, &positions).unwrap();
        let proven = absent.verify(root).unwrap();
        assert_eq!((proven.account, proven.storage), (None, vec![U256::ZERO; 2]));

        // Neither the way of another account nor a slot moved to another place is believed.
        let moved = AccountProof { address: stranger, ..proof.clone() };
        assert_ne!(moved.verify(root).map(|proven| proven.account.is_some()), Ok(true));
        let mut moved = proof;
        let nodes = moved.storage[0].nodes.clone();
        moved.storage[1] = StorageProof { position: U256::from(2), nodes };
        let value = moved.verify(root).map(|proven| proven.storage[1]);
        assert_ne!(value, Ok(U256::from(5)));
        assert_ne!(value, Ok(U256::from(6)));
    }
}

#[test]
fn receipts_and_logs_are_proved_in_blocks_of_any_size() {
    for count in [1, 2, 16, 17, 130] {
        let mut chain = Chain::new();
        let transactions = (0..count)
            .map(|nonce| Key::new(2).send(transaction(nonce, chain.recorder, record(nonce, 1))))
            .collect();
        let imported = chain.mine(transactions);
        let root = imported.block.header.receipts_root;
        for (index, receipt) in imported.receipts.iter().enumerate() {
            let proof = prove_receipt(&imported.receipts, index).unwrap();
            assert_eq!(verify_receipt(root, index, &proof).as_ref(), Ok(receipt));
            let log = verify_log(root, index, 0, &proof).unwrap();
            assert_eq!(log.topics(), [B256::from(U256::from(index))]);
            assert_eq!(verify_log(root, index, 1, &proof), Err(ProofError::BadValue));
            assert!(verify_receipt(root, index + 1, &proof).is_err());
            assert!(verify_receipt(B256::ZERO, index, &proof).is_err());
        }
        assert_eq!(prove_receipt(&imported.receipts, imported.receipts.len()), None);
    }
}

#[test]
fn every_old_block_is_proved_against_one_recent_header_also_after_a_reorg() {
    let mut chain = Chain::new();
    let genesis = chain.view.head();
    for _ in 0..7 {
        chain.mine(vec![]);
    }
    let mut tip = genesis;
    for number in 0..20u64 {
        let transfer = Key::new(3).send(transaction(number, MINER, Bytes::new()));
        let block = chain.mine_on(tip, vec![transfer]);
        tip = chain.import(block).hash;
    }
    let trusted = chain.view.header(tip).unwrap();
    for number in 0..20 {
        let hash = chain.view.canonical_hash(number).unwrap();
        let path = prove_ancestor(&chain.view, &trusted, number).unwrap();
        assert!(verify_ancestor(&trusted, hash, &path), "block {number}");
        assert!(!verify_ancestor(&trusted, B256::repeat_byte(1), &path));
        let parent = chain.view.header(trusted.parent_hash).unwrap();
        assert!(!verify_ancestor(&parent, hash, &path));
    }
    assert_eq!(prove_ancestor(&chain.view, &trusted, 20), None);
}
