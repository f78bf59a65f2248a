use super::*;
use alloy_primitives::keccak256;
use alloy_trie::{HashBuilder, proof::verify_proof};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

type Nodes = HashMap<B256, Bytes>;

/// The twin: the root of all entries, built at once by the Ethereum library.
fn twin(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}

/// Keys of one length; few different ones, some sharing long prefixes.
fn key(random: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let number: u32 = random.random_range(0..400);
    let mut key = keccak256(number.to_be_bytes()).to_vec();
    if number.is_multiple_of(3) {
        key[..length - 1].fill(0x11);
    }
    key.truncate(length);
    key
}

fn check(seed: u64, length: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut nodes, mut entries, mut trie) = (Nodes::new(), BTreeMap::new(), Trie::default());
    let (mut history, mut places) = (Vec::new(), Places::new());
    let owner = random.random_ratio(1, 2).then(|| B256::repeat_byte(7));
    let at = |root| Trie { owner, ..Trie::at(root) };
    trie.owner = owner;
    for block in 0..30 {
        for _ in 0..random.random_range(0..40) {
            let key = key(&mut random, length);
            if random.random_ratio(if block < 15 { 1 } else { 7 }, 10) {
                entries.remove(&key);
                trie.remove(&nodes, &key).unwrap();
            } else {
                let size = random.random_range(1..60);
                let value: Vec<u8> = (0..size).map(|_| random.random()).collect();
                entries.insert(key.clone(), value.clone());
                trie.insert(&nodes, &key, value).unwrap();
            }
        }
        let mut new = Vec::new();
        let root = trie.commit(|place, hash, rlp| new.push((place, hash, rlp)));
        let dropped = trie.take_dropped();
        for place in &dropped {
            assert!(places.remove(place).is_some(), "seed {seed}: nothing was at {place:?}");
        }
        for (place, hash, rlp) in new {
            assert_eq!(keccak256(&rlp), hash, "seed {seed}");
            assert_eq!(places.insert(place, hash), None, "seed {seed}: {place:?} is taken");
            nodes.insert(hash, rlp);
        }
        assert_eq!(root, twin(&entries), "seed {seed}, block {block}");
        let parent = history.last().map_or(EMPTY_ROOT, |(root, _)| *root);
        let mut walked = places_of(&nodes, owner, parent);
        change(&nodes, owner, (parent, root), &mut walked);
        assert_eq!(walked, places, "seed {seed}, block {block}");
        assert_eq!(places_of(&nodes, owner, root), places, "seed {seed}, block {block}");
        history.push((root, entries.clone()));
        if random.random_ratio(1, 3) {
            trie = at(root);
        }
    }
    for (root, entries) in history {
        read_back(&mut random, &nodes, root, &entries, length);
    }
}

/// The node of each place.
type Places = BTreeMap<NodePlace, B256>;

fn places_of(nodes: &Nodes, owner: Option<B256>, root: B256) -> Places {
    let mut places = Places::new();
    change(nodes, owner, (EMPTY_ROOT, root), &mut places);
    places
}

/// What walking two tries at once tells, applied to the places of the first.
fn change(nodes: &Nodes, owner: Option<B256>, (old, new): (B256, B256), places: &mut Places) {
    difference(nodes, owner, old, new, &mut |step| -> Result<(), TrieError> {
        match step {
            Step::Created(place, hash) => assert_eq!(places.insert(place, hash), None),
            Step::Dropped(place, hash) => assert_eq!(places.remove(&place), Some(hash)),
            Step::Value(_, old, new) => assert_ne!(old, new),
        }
        Ok(())
    })
    .unwrap();
}

/// Every entry, and keys that are not there, by reading and by proof, in an old state.
fn read_back(
    random: &mut ChaCha8Rng,
    nodes: &Nodes,
    root: B256,
    entries: &BTreeMap<Vec<u8>, Vec<u8>>,
    length: usize,
) {
    let absent = (0..20).map(|_| key(random, length)).collect::<Vec<_>>();
    let mut trie = Trie::at(root);
    for key in entries.keys().chain(&absent) {
        let expected = entries.get(key).cloned().map(Bytes::from);
        assert_eq!(trie.get(nodes, key).unwrap(), expected);
        let proof = proof(nodes, None, root, key).unwrap();
        assert_eq!(verify(root, key, &proof), Ok(expected.clone()));
        if root != EMPTY_ROOT {
            let expected = expected.map(Vec::from);
            verify_proof(root, Nibbles::unpack(key), expected, &proof).unwrap();
        }
    }
}

#[test]
fn roots_and_proofs_equal_the_twin_for_hashed_keys_with_removals() {
    for seed in 0..12 {
        check(seed, 32);
    }
}

#[test]
fn short_keys_with_nodes_embedded_in_their_parents_equal_the_twin() {
    for seed in 100..112 {
        check(seed, 2);
        check(seed, 3);
    }
}

#[test]
fn setting_the_same_value_again_makes_no_new_nodes() {
    let mut trie = Trie::default();
    let mut nodes = Nodes::new();
    for number in 0..100u32 {
        let key = keccak256(number.to_be_bytes());
        trie.insert(&nodes, key.as_slice(), vec![7; 40]).unwrap();
    }
    let root = trie.commit(|_, hash, rlp| drop(nodes.insert(hash, rlp)));
    let mut trie = Trie::at(root);
    for number in 0..100u32 {
        let key = keccak256(number.to_be_bytes());
        trie.insert(&nodes, key.as_slice(), vec![7; 40]).unwrap();
    }
    trie.remove(&nodes, keccak256([1, 2, 3]).as_slice()).unwrap();
    let mut new = 0;
    assert_eq!(trie.commit(|_, _, _| new += 1), root);
    assert_eq!(new, 0);
}

#[test]
fn a_tampered_proof_proves_nothing() {
    let (mut trie, mut nodes) = (Trie::default(), Nodes::new());
    let keys: Vec<_> = (0..50u8).map(|number| keccak256([number])).collect();
    for key in &keys {
        trie.insert(&nodes, key.as_slice(), vec![9; 33]).unwrap();
    }
    let root = trie.commit(|_, hash, rlp| drop(nodes.insert(hash, rlp)));
    let good = proof(&nodes, None, root, keys[0].as_slice()).unwrap();
    let depth = good.len();
    assert!(depth >= 2);
    let verify = |proof: &[Bytes]| verify(root, keys[0].as_slice(), proof);
    assert_eq!(verify(&good), Ok(Some(vec![9; 33].into())));
    assert_eq!(verify(&good[..depth - 1]), Err(ProofError::Incomplete));
    assert_eq!(verify(&[]), Err(ProofError::Incomplete));
    assert_eq!(verify(&good[1..]), Err(ProofError::WrongHash(0)));
    let long = [&good[..], &good[..1]].concat();
    assert_eq!(verify(&long), Err(ProofError::Excess));
    for index in 0..depth {
        let mut bad = good.clone();
        let mut node = bad[index].to_vec();
        let last = node.len() - 2;
        node[last] ^= 1;
        bad[index] = node.into();
        assert_eq!(verify(&bad), Err(ProofError::WrongHash(index)));
    }
}

#[test]
fn malformed_nodes_are_refused_and_never_panic() {
    for rlp in [
        &[][..],
        &[0x81, 0x80],
        &[0xc0],
        &[0xc2, 0x80, 0x80],
        &[0xc2, 0x20, 0x80],
        &[0xc2, 0x00, 0x80],
        &[0xc3, 0x40, 0x01, 0x02],
        &[0xc2, 0x31, 0x01, 0x00],
    ] {
        let root = keccak256(rlp);
        let proof = [Bytes::copy_from_slice(rlp)];
        assert_eq!(verify(root, &[1], &proof), Err(ProofError::Malformed(0)), "{rlp:?}");
    }
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..20_000 {
        let size = random.random_range(1..80);
        let mut rlp: Vec<u8> = (0..size).map(|_| random.random()).collect();
        rlp[0] = 0xc0 | rlp[0] & 0x37;
        let root = keccak256(&rlp);
        drop(verify(root, &[1], &[rlp.into()]));
    }
}

#[test]
fn keys_that_are_too_long_or_prefixes_are_refused() {
    let nodes = Nodes::new();
    let mut trie = Trie::default();
    trie.insert(&nodes, &[1, 2], vec![1]).unwrap();
    assert_eq!(trie.insert(&nodes, &[1, 2, 3], vec![1]), Err(TrieError::BadKey));
    assert_eq!(trie.insert(&nodes, &[1], vec![1]), Err(TrieError::BadKey));
    assert_eq!(trie.insert(&nodes, &[0; 33], vec![1]), Err(TrieError::BadKey));
    let missing = B256::repeat_byte(1);
    assert_eq!(Trie::at(missing).get(&nodes, &[1]), Err(TrieError::MissingNode(missing)));
}

#[test]
fn a_difference_tells_every_key_whose_value_differs_and_no_other() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for length in [2, 32] {
        let (mut nodes, mut trie) = (Nodes::new(), Trie::default());
        let (mut entries, mut old, mut before) = (BTreeMap::new(), EMPTY_ROOT, BTreeMap::new());
        for _ in 0..60 {
            for _ in 0..random.random_range(0..20) {
                let key = key(&mut random, length);
                if random.random_ratio(1, 2) {
                    entries.remove(&key);
                    trie.remove(&nodes, &key).unwrap();
                } else {
                    // The value names its key, so that values can stand for keys below.
                    let value = [&key[..], &[random.random_range(1..3)]].concat();
                    trie.insert(&nodes, &key, value.clone()).unwrap();
                    entries.insert(key, value);
                }
            }
            let new = trie.commit(|_, hash, rlp| drop(nodes.insert(hash, rlp)));
            let mut told = Vec::new();
            difference(&nodes, None, old, new, &mut |step| -> Result<(), TrieError> {
                if let Step::Value(key, ours, theirs) = step {
                    let named = [&ours, &theirs].into_iter().flatten().next().unwrap();
                    assert_eq!(key.pack()[..], named[..length]);
                    told.push((ours.map(Vec::from), theirs.map(Vec::from)));
                }
                Ok(())
            })
            .unwrap();
            let keys: std::collections::BTreeSet<_> = before.keys().chain(entries.keys()).collect();
            let both = keys.into_iter().map(|key| (before.get(key), entries.get(key)));
            let differ = both.filter(|(ours, theirs)| ours != theirs);
            let expected: Vec<_> =
                differ.map(|(ours, theirs)| (ours.cloned(), theirs.cloned())).collect();
            assert_eq!(told, expected);
            (old, before) = (new, entries.clone());
        }
    }
}
