//! Batches of a journal on the real contracts.

use alloy_primitives::Bytes;
use calendar::Timestamp;

use super::ledger::Chain;
use super::*;

const CURRENCY: &str = "EUR";

fn hashes(count: u8) -> Vec<B256> {
    (0..count).map(B256::repeat_byte).collect()
}

/// Two batches of five and three entries, on chain, and the file that proves them.
fn anchored_journal() -> (Chain, AnchorsFile) {
    let begin = Timestamp::from_seconds(1_780_000_000);
    let mut chain = Chain::new(begin);
    let (owner, meter) = journal_subject(CURRENCY);
    let all = hashes(8);
    let batch = |number, first: usize, end: usize| JournalBatch {
        number,
        first: first as u64,
        count: (end - first) as u64,
        root: entries_tree(&all[first..end]).root(),
    };
    let batches = vec![batch(1, 0, 5), batch(2, 5, 8)];
    for (place, batch) in (1..).zip(&batches) {
        let days = (batch.number, batch.number);
        let call = chain.at.anchor_invoice(owner, meter, days, batch.hash());
        chain.mine(begin.plus_seconds(86_400 * place), [call]);
    }
    let file = chain.prove_anchors(CURRENCY, batches);
    (chain, file)
}

#[test]
fn an_entry_is_proved_without_the_others() {
    let (chain, file) = anchored_journal();
    assert_eq!(file.check(Some(&chain.trust())), Ok(()));
    let all = hashes(8);
    for (batch, part) in file.batches.iter().zip([&all[..5], &all[5..]]) {
        let tree = entries_tree(part);
        for (index, hash) in part.iter().enumerate() {
            let (sequence, path) = (batch.first + index as u64, tree.path(index));
            assert!(batch.proves(sequence, *hash, &path));
            assert!(!batch.proves(sequence + 1, *hash, &path), "at another place");
            assert!(!batch.proves(sequence, B256::repeat_byte(0xee), &path), "another entry");
        }
    }
    // Some of them alone, and an account of another journal.
    let last = chain.prove_anchors(CURRENCY, file.batches[1..].to_vec());
    assert_eq!(last.check(Some(&chain.trust())), Ok(()));
    let other = chain.prove_anchors("USD", file.batches.clone());
    assert!(other.check(Some(&chain.trust())).unwrap_err().contains("batches[0]"));
}

#[test]
fn a_file_that_says_anything_else_does_not_hold() {
    let (chain, file) = anchored_journal();
    let trust = chain.trust();
    let wrong = |change: fn(&mut AnchorsFile), part: &str| {
        let mut forged = file.clone();
        change(&mut forged);
        let found = forged.check(Some(&trust)).unwrap_err();
        assert!(found.starts_with(part), "{found}");
    };
    wrong(|file| file.format.push('0'), "format");
    wrong(|file| file.header = Bytes::new(), "header");
    wrong(|file| file.genesis.clear(), "genesis");
    wrong(|file| file.chain.chain_id += 1, "chain");
    wrong(|file| file.batches[0].count -= 1, "batches[1]");
    wrong(|file| file.batches[1].count += 1, "batches[1]");
    wrong(|file| file.batches[1].root = B256::ZERO, "batches[1]");
    wrong(|file| file.batches.swap(0, 1), "batches[1]");
    wrong(|file| file.nodes.clear(), "batches[0]");
    wrong(|file| file.nodes.push(Bytes::from_static(&[0x80])), "nodes");
    let mut elsewhere = trust.clone();
    elsewhere.block.hash = B256::ZERO;
    assert!(file.check(Some(&elsewhere)).unwrap_err().starts_with("header"));
    assert_eq!(file.check(None), Ok(()), "by its own word");
}
