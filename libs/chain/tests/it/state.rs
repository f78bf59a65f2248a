use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::TrieAccount;
use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};
use chain::trie::EMPTY_ROOT;
use chain::{NodePlace, NodeSource, State, StateSource};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};

#[derive(Default)]
struct Store {
    nodes: HashMap<(NodePlace, B256), Bytes>,
    code: HashMap<B256, Bytes>,
}

impl NodeSource for Store {
    fn node(&self, _: B256) -> Option<Bytes> {
        None
    }

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        self.nodes.get(&(*place, hash)).cloned()
    }
}

impl StateSource for Store {
    fn code(&self, hash: B256) -> Option<Bytes> {
        self.code.get(&hash).cloned()
    }

    fn block_hash(&self, _: u64) -> Option<B256> {
        None
    }
}

#[derive(Clone, Default)]
struct Twin {
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: BTreeMap<u64, u64>,
}

fn twin_root(accounts: &BTreeMap<Address, Twin>) -> B256 {
    let living = accounts
        .iter()
        .filter(|(_, twin)| twin.nonce != 0 || !twin.balance.is_zero() || !twin.code.is_empty());
    state_root_unhashed(living.map(|(address, twin)| {
        let slots = twin.storage.iter().filter(|(_, value)| **value != 0);
        let slots = slots.map(|(slot, value)| (B256::from(U256::from(*slot)), U256::from(*value)));
        let account = TrieAccount {
            nonce: twin.nonce,
            balance: twin.balance,
            storage_root: storage_root_unhashed(slots),
            code_hash: keccak256(&twin.code),
        };
        (*address, account)
    }))
}

fn change(random: &mut ChaCha8Rng, state: &mut State<&Store>, twins: &mut BTreeMap<Address, Twin>) {
    let address = Address::repeat_byte(random.random_range(0..30));
    let twin = twins.entry(address).or_default();
    match random.random_range(0..10) {
        0 => {
            twin.nonce = random.random_range(1..5);
            state.set_nonce(address, twin.nonce).unwrap();
        }
        1 => {
            twin.code = vec![random.random(); 3].into();
            state.set_code(address, twin.code.clone()).unwrap();
        }
        2 => {
            let amount = U256::from(random.random_range(0..3u64));
            twin.balance += amount;
            state.credit(address, amount).unwrap();
        }
        3 => {
            // An account without anything left does not keep its storage either.
            *twin = Twin::default();
            state.set_nonce(address, 0).unwrap();
            state.set_code(address, Bytes::new()).unwrap();
            state.set_balance(address, U256::ZERO).unwrap();
        }
        _ if twin.nonce > 0 => {
            let (slot, value) = (random.random_range(0..8), random.random_range(0..3));
            twin.storage.insert(slot, value);
            state.set_storage(address, U256::from(slot), U256::from(value)).unwrap();
        }
        _ => {}
    }
}

#[test]
fn roots_equal_the_twin_and_every_committed_state_is_read_back() {
    for seed in 0..10 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut store, mut twins) = (Store::default(), BTreeMap::new());
        let mut root = EMPTY_ROOT;
        let mut history = Vec::new();
        for _ in 0..25 {
            let mut state = State::at(root, &store);
            for _ in 0..random.random_range(0..60) {
                change(&mut random, &mut state, &mut twins);
            }
            let changes = state.commit().unwrap();
            assert_eq!(changes.root, twin_root(&twins), "seed {seed}");
            root = changes.root;
            let nodes = changes.nodes.into_iter();
            store.nodes.extend(nodes.map(|node| ((node.place, node.hash), node.rlp)));
            store.code.extend(changes.code);
            history.push((root, twins.clone()));
        }
        for (root, twins) in history {
            let mut state = State::at(root, &store);
            for (address, twin) in twins {
                let account = state.account(address).unwrap().unwrap_or_default();
                assert_eq!((account.nonce, account.balance), (twin.nonce, twin.balance));
                assert_eq!(state.code_of(address).unwrap(), twin.code);
                for (slot, value) in twin.storage {
                    let got = state.storage_at(address, U256::from(slot)).unwrap();
                    assert_eq!(got, U256::from(value), "seed {seed}");
                }
            }
        }
    }
}

#[test]
fn a_state_can_be_used_on_after_a_commit() {
    let store = Store::default();
    let (address, slot) = (Address::repeat_byte(1), U256::ONE);
    let mut state = State::at(EMPTY_ROOT, &store);
    state.set_nonce(address, 1).unwrap();
    state.set_storage(address, slot, U256::from(7)).unwrap();
    let first = state.commit().unwrap().root;
    state.set_storage(address, slot, U256::from(8)).unwrap();
    let second = state.commit().unwrap();
    assert_ne!(second.root, first);
    assert!(second.nodes.len() <= 2, "only what changed");
    state.set_storage(address, slot, U256::from(7)).unwrap();
    assert_eq!(state.commit().unwrap().root, first);
    assert_eq!(state.commit().unwrap().nodes, []);
}
