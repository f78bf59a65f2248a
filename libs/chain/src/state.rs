//! Accounts and storage over tries, as revm reads and changes them.
//!
//! A value lives for one block: what was read stays cached, what was changed is written into the
//! tries at [`State::commit`], so that a slot written a thousand times is hashed once.

mod revm_database;

use crate::trie::{self, EMPTY_ROOT, NodePlace, NodeSource, PlacedNode, Step, Trie, TrieError};
use crate::view::StateSource;
use alloy_primitives::map::{AddressMap, B256Map};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use revm::bytecode::Bytecode;
use std::collections::BTreeMap;

/// An account as the account trie holds it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Account {
    /// Number of transactions sent, or of contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Root of the storage trie as of the last commit.
    pub storage_root: B256,
    /// keccak-256 of the code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, storage_root: EMPTY_ROOT, code_hash: KECCAK256_EMPTY }
    }
}

impl Account {
    /// Whether there is nothing to keep of it (EIP-161).
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && !self.has_code()
    }

    /// Whether it is a contract, or delegated to one.
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK256_EMPTY
    }
}

/// Code as the machine runs it. What begins as a designator (EIP-7702) and is none cannot be
/// created (EIP-3541), but a genesis or an override can have it: its first instruction is invalid.
pub(crate) fn analysed(code: Bytes) -> Bytecode {
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}

/// The store does not have what the state refers to: a fault, never a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A trie node is missing or malformed.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The code of an account is missing.
    #[error("code {0} is missing")]
    MissingCode(B256),
    /// What the account trie holds is not an account, or a storage trie not a number.
    #[error("value of {0} is malformed")]
    BadValue(B256),
}

/// A slot of a storage trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSlot {
    /// keccak-256 of the position.
    pub key: B256,
    /// The position, where it is known.
    pub position: Option<U256>,
    /// What it holds.
    pub value: U256,
}

/// What a commit leaves to be stored.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The root of the account trie.
    pub root: B256,
    /// New nodes of all tries, children before parents.
    pub nodes: Vec<PlacedNode>,
    /// Places whose node is gone, also where there is a new one. Those of a storage trie whose
    /// account vanished are not among them; a transaction cannot make an account with storage
    /// vanish (EIP-161, EIP-6780).
    pub dropped: Vec<NodePlace>,
    /// New contract code: (hash, code).
    pub code: Vec<(B256, Bytes)>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// keccak-256 of the position: the key in the storage trie.
    key: B256,
    committed: U256,
    value: U256,
}

struct Entry {
    /// keccak-256 of the address: the key in the trie of accounts.
    key: B256,
    account: Option<Account>,
    storage: Trie,
    /// By position. A tree, because a table that grows with what a block reads takes fresh memory
    /// again and again, and that costs more than finding a slot.
    slots: BTreeMap<U256, Slot>,
    /// Whether the account is among those that changed since the last commit.
    changed: bool,
}

impl Entry {
    fn new(key: B256, account: Option<Account>) -> Self {
        let root = account.as_ref().map_or(EMPTY_ROOT, |account| account.storage_root);
        let storage = Trie::of_account(key, root);
        Self { key, account, storage, slots: BTreeMap::new(), changed: false }
    }

    fn slot(&mut self, source: &impl StateSource, position: U256) -> Result<&mut Slot, StateError> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        match self.slots.entry(position) {
            Occupied(slot) => Ok(slot.into_mut()),
            Vacant(vacant) => {
                let key = keccak256(position.to_be_bytes::<32>());
                let committed = match self.storage.get(source, key.as_slice())? {
                    Some(rlp) => {
                        alloy_rlp::decode_exact(&rlp).map_err(|_| StateError::BadValue(key))?
                    }
                    None => U256::ZERO,
                };
                Ok(vacant.insert(Slot { key, committed, value: committed }))
            }
        }
    }

    /// An empty account is removed with its storage.
    fn set(&mut self, nonce: u64, balance: U256, code_hash: B256) {
        let storage_root = self.account.as_ref().map_or(EMPTY_ROOT, |old| old.storage_root);
        let account = Account { nonce, balance, storage_root, code_hash };
        self.account = (!account.is_empty()).then_some(account);
        if self.account.is_none() {
            self.forget_storage();
        }
    }

    fn forget_storage(&mut self) {
        self.storage = Trie::of_account(self.key, EMPTY_ROOT);
        self.slots.clear();
    }
}

fn loaded<'e>(
    entries: &'e mut AddressMap<Entry>,
    accounts: &mut Trie,
    source: &impl StateSource,
    address: Address,
) -> Result<&'e mut Entry, StateError> {
    use alloy_primitives::map::hash_map::Entry::{Occupied, Vacant};
    match entries.entry(address) {
        Occupied(entry) => Ok(entry.into_mut()),
        Vacant(vacant) => {
            let key = keccak256(address);
            let account = accounts.get(source, key.as_slice())?;
            let account = account.map(|rlp| alloy_rlp::decode_exact(&rlp)).transpose();
            let account = account.map_err(|_| StateError::BadValue(key))?;
            Ok(vacant.insert(Entry::new(key, account)))
        }
    }
}

/// The state below one root, with the changes made to it.
pub struct State<S> {
    source: S,
    accounts: Trie,
    entries: AddressMap<Entry>,
    changed: Vec<Address>,
    code: B256Map<Bytecode>,
    code_new: Vec<(B256, Bytes)>,
}

impl<S: StateSource> State<S> {
    /// The state that was committed with this root.
    pub fn at(root: B256, source: S) -> Self {
        Self {
            source,
            accounts: Trie::at(root),
            entries: AddressMap::default(),
            changed: Vec::new(),
            code: B256Map::default(),
            code_new: Vec::new(),
        }
    }

    /// Where it is read.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// What is known of an account, and where more of it is read.
    fn entry(&mut self, address: Address) -> Result<(&mut Entry, &S), StateError> {
        let Self { source, accounts, entries, .. } = self;
        Ok((loaded(entries, accounts, source, address)?, source))
    }

    /// The same, for those who change it.
    fn changing(&mut self, address: Address) -> Result<(&mut Entry, &S), StateError> {
        let Self { source, accounts, entries, changed, .. } = self;
        let entry = loaded(entries, accounts, source, address)?;
        if !entry.changed {
            entry.changed = true;
            changed.push(address);
        }
        Ok((entry, source))
    }

    /// An account, with changes. Its `storage_root` is that of the last commit.
    pub fn account(&mut self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.entry(address)?.0.account.clone())
    }

    /// A storage slot, with changes; zero if never set.
    pub fn storage_at(&mut self, address: Address, position: U256) -> Result<U256, StateError> {
        let (entry, source) = self.entry(address)?;
        Ok(entry.slot(source, position)?.value)
    }

    /// The code of an account; empty if it has none.
    pub fn code_of(&mut self, address: Address) -> Result<Bytes, StateError> {
        let hash = self.account(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        Ok(self.bytecode(hash)?.original_bytes())
    }

    /// Whether an account with a key borrows the code of a contract (EIP-7702).
    pub fn is_delegated(&mut self, address: Address) -> Result<bool, StateError> {
        let hash = self.account(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        Ok(self.bytecode(hash)?.is_eip7702())
    }

    fn bytecode(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.code.get(&hash) {
            return Ok(code.clone());
        }
        let bytes = self.source.code(hash).ok_or(StateError::MissingCode(hash))?;
        let code = analysed(bytes);
        self.code.insert(hash, code.clone());
        Ok(code)
    }

    /// Sets nonce, balance and code hash; an empty account is removed with its storage.
    fn set_account(
        &mut self,
        address: Address,
        nonce: u64,
        balance: U256,
        code_hash: B256,
    ) -> Result<(), StateError> {
        self.changing(address)?.0.set(nonce, balance, code_hash);
        Ok(())
    }

    /// Sets the nonce of an account.
    pub fn set_nonce(&mut self, address: Address, nonce: u64) -> Result<(), StateError> {
        let old = self.account(address)?.unwrap_or_default();
        self.set_account(address, nonce, old.balance, old.code_hash)
    }

    /// Sets the balance of an account.
    pub fn set_balance(&mut self, address: Address, balance: U256) -> Result<(), StateError> {
        let old = self.account(address)?.unwrap_or_default();
        self.set_account(address, old.nonce, balance, old.code_hash)
    }

    /// Sets the code of an account.
    pub fn set_code(&mut self, address: Address, code: Bytes) -> Result<(), StateError> {
        let old = self.account(address)?.unwrap_or_default();
        let hash = keccak256(&code);
        if hash != old.code_hash && hash != KECCAK256_EMPTY {
            self.keep_code(hash, analysed(code));
        }
        self.set_account(address, old.nonce, old.balance, hash)
    }

    fn keep_code(&mut self, hash: B256, code: Bytecode) {
        if !self.code.contains_key(&hash) {
            self.code_new.push((hash, code.original_bytes()));
            self.code.insert(hash, code);
        }
    }

    /// Sets a storage slot; it only stays if the account is not empty.
    pub fn set_storage(
        &mut self,
        address: Address,
        position: U256,
        value: U256,
    ) -> Result<(), StateError> {
        let (entry, source) = self.changing(address)?;
        entry.slot(source, position)?.value = value;
        Ok(())
    }

    /// Sets all storage slots of an account to zero.
    pub fn clear_storage(&mut self, address: Address) -> Result<(), StateError> {
        self.changing(address)?.0.forget_storage();
        Ok(())
    }

    /// The storage of an account from a hashed position on, as of the last commit, in order of the
    /// hashes and at most `max` slots. Positions are known of slots that were read or set.
    pub fn storage_from(
        &mut self,
        address: Address,
        start: B256,
        max: usize,
    ) -> Result<Vec<StoredSlot>, StateError> {
        let (entry, source) = self.entry(address)?;
        let found = entry.storage.range(source, start.as_slice(), max)?;
        let known: B256Map<U256> =
            entry.slots.iter().map(|(position, slot)| (slot.key, *position)).collect();
        let slot = |(key, rlp): (Vec<u8>, Bytes)| {
            let key = B256::try_from(key.as_slice()).map_err(|_| TrieError::BadKey)?;
            let value = alloy_rlp::decode_exact(&rlp).map_err(|_| StateError::BadValue(key))?;
            Ok(StoredSlot { key, position: known.get(&key).copied(), value })
        };
        found.into_iter().map(slot).collect()
    }

    /// Adds to a balance.
    pub fn credit(&mut self, address: Address, amount: U256) -> Result<(), StateError> {
        if amount.is_zero() {
            return Ok(());
        }
        let balance = self.account(address)?.unwrap_or_default().balance;
        self.set_balance(address, balance.saturating_add(amount))
    }

    /// Writes all changes into the tries and returns the new root with what has to be stored.
    /// The state can be used on; after an error it cannot.
    pub fn commit(&mut self) -> Result<Changes, StateError> {
        let (mut nodes, mut dropped) = (Vec::new(), Vec::new());
        let mut keep = |place, hash, rlp| nodes.push(PlacedNode { place, hash, rlp });
        for address in self.changed.drain(..) {
            let entry = self.entries.get_mut(&address).expect("what changed was loaded");
            entry.changed = false;
            let Some(account) = &mut entry.account else {
                entry.forget_storage();
                self.accounts.remove(&self.source, entry.key.as_slice())?;
                continue;
            };
            for slot in entry.slots.values_mut().filter(|slot| slot.value != slot.committed) {
                if slot.value.is_zero() {
                    entry.storage.remove(&self.source, slot.key.as_slice())?;
                } else {
                    let rlp = alloy_rlp::encode(slot.value);
                    entry.storage.insert(&self.source, slot.key.as_slice(), rlp)?;
                }
                slot.committed = slot.value;
            }
            account.storage_root = entry.storage.commit(&mut keep);
            dropped.extend(entry.storage.take_dropped());
            let rlp = alloy_rlp::encode(&*account);
            self.accounts.insert(&self.source, entry.key.as_slice(), rlp)?;
        }
        let root = self.accounts.commit(&mut keep);
        dropped.extend(self.accounts.take_dropped());
        Ok(Changes { root, nodes, dropped, code: std::mem::take(&mut self.code_new) })
    }
}

/// Tells `created` and `dropped` of the nodes of all tries that the state with the root `new` has
/// and the one with the root `old` has not, and the other way round: one for each place.
pub fn difference(
    source: &impl NodeSource,
    old: B256,
    new: B256,
    visit: &mut impl FnMut(NodeChange),
) -> Result<(), StateError> {
    trie::difference(source, None, old, new, &mut |step| match step {
        Step::Dropped(place, hash) => {
            visit(NodeChange::Dropped(place, hash));
            Ok(())
        }
        Step::Created(place, hash) => {
            visit(NodeChange::Created(place, hash));
            Ok(())
        }
        Step::Value(key, old, new) => {
            let owner = B256::try_from(&key.pack()[..]).map_err(|_| TrieError::BadKey)?;
            let (old, new) = (storage_root(old)?, storage_root(new)?);
            trie::difference(source, Some(owner), old, new, &mut |step| {
                match step {
                    Step::Dropped(place, hash) => visit(NodeChange::Dropped(place, hash)),
                    Step::Created(place, hash) => visit(NodeChange::Created(place, hash)),
                    Step::Value(..) => {}
                }
                Ok(())
            })
        }
    })
}

/// A trie node that joined or left a place between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeChange {
    /// The new state has it there.
    Created(NodePlace, B256),
    /// The old state had it there.
    Dropped(NodePlace, B256),
}

fn storage_root(account: Option<Bytes>) -> Result<B256, StateError> {
    let Some(rlp) = account else { return Ok(EMPTY_ROOT) };
    let account: Account =
        alloy_rlp::decode_exact(&rlp).map_err(|_| StateError::BadValue(keccak256(&rlp)))?;
    Ok(account.storage_root)
}
