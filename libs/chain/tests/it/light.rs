use crate::support::{Chain, Key, MINER, record, transaction};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::light::{
    AccountProof, LightError, ReceiptProof, StateProof, StorageProof, Witness, prove_account,
    prove_ancestor, prove_block, prove_receipt, prove_transaction, verify_ancestor, verify_log,
    verify_receipt, verify_transaction,
};
use chain::state::StateError;
use chain::trie::{ProofError, TrieError};
use chain::{ChainView, Header};

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
        let (all, root) = (&imported.block.transactions, imported.block.header.transactions_root);
        for (index, transaction) in all.iter().enumerate() {
            let proof = prove_transaction(all, index).unwrap();
            assert_eq!(verify_transaction(root, index, &proof).as_ref(), Ok(transaction));
            assert!(verify_transaction(root, index + 1, &proof).is_err());
        }
        assert_eq!(prove_transaction(all, all.len()), None);
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

fn header_of(chain: &Chain, number: u64) -> Header {
    chain.view.header(chain.view.canonical_hash(number).unwrap()).unwrap()
}

/// Twelve blocks with two records each; the slot is the height.
fn recorded() -> Chain {
    let mut chain = Chain::new();
    for height in 1..=12u64 {
        let nonce = height - 1;
        let sent = [2, 3].map(|key| {
            Key::new(key).send(transaction(nonce, chain.recorder, record(height, u64::from(key))))
        });
        chain.mine(sent.into());
    }
    chain
}

#[test]
fn one_trusted_hash_proves_every_receipt_below_it_and_nothing_else() {
    let chain = recorded();
    let trusted = header_of(&chain, 11);
    for height in 1..=11u64 {
        let block = chain.view.block(chain.view.canonical_hash(height).unwrap()).unwrap();
        for (index, sent) in (0u32..).zip(&block.transactions) {
            let proof = ReceiptProof::of(&chain.view, &trusted, block.hash(), index).unwrap();
            let json = serde_json::to_string(&proof).unwrap();
            let proof: ReceiptProof = serde_json::from_str(&json).unwrap();
            let proven = proof.verify(trusted.hash(), *sent.tx_hash()).unwrap();
            assert_eq!((&proven.header, &proven.transaction), (&block.header, sent));
            assert_eq!(proven.receipt.logs()[0].topics(), [B256::from(U256::from(height))]);
            assert_eq!(
                proof.verify(trusted.hash(), B256::ZERO),
                Err(LightError::OtherTransaction(*sent.tx_hash()))
            );
            assert_eq!(
                proof.verify(B256::ZERO, *sent.tx_hash()),
                Err(LightError::NotTrusted(trusted.hash()))
            );
            let mut moved = proof.clone();
            moved.index ^= 1;
            assert!(moved.verify(trusted.hash(), *sent.tx_hash()).is_err());
            let mut other = proof;
            other.receipt =
                prove_receipt(&chain.view.receipts(block.hash()).unwrap(), usize::from(index == 0))
                    .unwrap();
            assert!(other.verify(trusted.hash(), *sent.tx_hash()).is_err());
        }
    }
    let above = chain.view.head();
    assert_eq!(ReceiptProof::of(&chain.view, &trusted, above, 0), None, "it is not below");
    let inside = chain.view.canonical_hash(3).unwrap();
    assert_eq!(ReceiptProof::of(&chain.view, &trusted, inside, 2), None, "there are two");
}

#[test]
fn one_trusted_hash_proves_the_state_after_every_block_below_it() {
    let chain = recorded();
    let trusted = header_of(&chain, 12);
    for height in 0..=12u64 {
        let block = header_of(&chain, height);
        let positions = [height, height + 1].map(U256::from);
        let proof = StateProof::of(&chain.view, &trusted, &block, chain.recorder, &positions);
        let proof = proof.unwrap().unwrap();
        let (header, proven) = proof.verify(trusted.hash()).unwrap();
        assert_eq!(header, block);
        let slot = |slot: u64| match slot {
            0 => 0,
            // The genesis set it.
            1 if height == 0 => 5,
            slot if slot > height => 0,
            _ => 3,
        };
        assert_eq!(proven.storage, [height, height + 1].map(|at| U256::from(slot(at))));
        assert!(proof.verify(block.parent_hash).is_err());
    }
}

#[test]
fn a_block_that_is_not_below_the_trusted_one_is_not_proved() {
    let mut chain = recorded();
    let trusted = header_of(&chain, 12);
    let hash = trusted.hash();
    let side = chain.mine_on(chain.view.canonical_hash(4).unwrap(), vec![]);
    let side = chain.import(side).block.header;
    assert_eq!(prove_block(&chain.view, &trusted, &side), None);
    let same = prove_block(&chain.view, &trusted, &trusted).unwrap();
    assert_eq!(same.verify(hash).as_ref(), Ok(&trusted));
    let good = prove_block(&chain.view, &trusted, &header_of(&chain, 5)).unwrap();
    assert_eq!(good.verify(hash), Ok(header_of(&chain, 5)));
    let with = |change: &dyn Fn(&mut chain::light::AncestorProof)| {
        let mut proof = good.clone();
        change(proof.ancestor.as_mut().unwrap());
        proof.verify(hash)
    };
    let other = alloy_rlp::encode(&side).into();
    assert_eq!(with(&|one| one.header = Bytes::clone(&other)), Err(LightError::NoAncestor(5)));
    assert_eq!(with(&|one| one.siblings.truncate(1)), Err(LightError::NoAncestor(5)));
    assert_eq!(with(&|one| one.header = Bytes::new()), Err(LightError::BadHeader));
    // One that claims more work than was done is not looked at further.
    let claimed = Header { difficulty: U256::MAX, ..header_of(&chain, 5) };
    let claimed: Bytes = alloy_rlp::encode(claimed).into();
    assert_eq!(with(&|one| one.header = claimed.clone()), Err(LightError::NoWork(5)));
}

#[test]
fn a_witness_reads_what_it_proves_and_tells_what_nobody_needed() {
    let chain = recorded();
    let root = header_of(&chain, 12).state_root;
    let proof = prove_account(&chain.view, root, chain.recorder, &[3, 99].map(U256::from)).unwrap();
    let mut nodes = proof.nodes.clone();
    nodes.extend(proof.storage.iter().flat_map(|slot| slot.nodes.iter().cloned()));
    nodes.sort_unstable();
    nodes.dedup();
    let mut state = Witness::state(root, &nodes);
    assert_eq!(state.storage_at(chain.recorder, U256::from(3)), Ok(U256::from(3)));
    assert!(!state.source().unused().is_empty(), "the way to slot 99 was not needed yet");
    assert_eq!(state.storage_at(chain.recorder, U256::from(99)), Ok(U256::ZERO));
    assert_eq!(state.source().unused(), Vec::<usize>::new());
    assert_eq!(state.account(chain.recorder).unwrap().unwrap().nonce, 1);
    let unproved = state.account(Key::new(5).address());
    assert!(matches!(unproved, Err(StateError::Trie(TrieError::MissingNode(_)))), "{unproved:?}");
    // Twice the same node, and one of another state.
    let stranger = prove_account(&chain.view, header_of(&chain, 1).state_root, MINER, &[]).unwrap();
    let count = nodes.len();
    nodes.push(nodes[0].clone());
    nodes.push(stranger.nodes[0].clone());
    let mut state = Witness::state(root, &nodes);
    for position in [3, 99] {
        state.storage_at(chain.recorder, U256::from(position)).unwrap();
    }
    assert_eq!(state.source().unused(), [count, count + 1]);
}
