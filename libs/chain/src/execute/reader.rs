//! A state that is only read, through caches that all readers of it share.
//!
//! A state root never changes its meaning, so what was once read under it stays true: the caches
//! are dropped for room only. Overrides lie above them and belong to one reader.

use super::overrides::{Pretended, StateOverrides};
use crate::state::{Account, StateError, analysed};
use crate::trie::{EMPTY_ROOT, Trie};
use crate::view::StateSource;
use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use revm::Database;
use revm::bytecode::Bytecode;
use revm::state::AccountInfo;
use std::sync::{PoisonError, RwLock};

/// Accounts that are remembered of one state.
const ACCOUNTS_MAX: usize = 16_384;
/// Slots that are remembered of one state.
const SLOTS_MAX: usize = 65_536;
/// Bytes of code that are remembered; a contract has at most 24 KiB.
const CODE_BYTES_MAX: usize = 32 << 20;

/// What was read of one state.
#[derive(Default)]
pub struct StateCache {
    accounts: RwLock<AddressMap<Option<Account>>>,
    slots: RwLock<HashMap<(Address, U256), U256>>,
}

/// Contract code, analysed, by its hash.
#[derive(Default)]
pub struct CodeCache(RwLock<Codes>);

#[derive(Default)]
struct Codes {
    by_hash: B256Map<Bytecode>,
    bytes: usize,
}

impl CodeCache {
    fn get(&self, hash: B256, source: &impl StateSource) -> Result<Bytecode, StateError> {
        let codes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.by_hash.get(&hash) {
            return Ok(code.clone());
        }
        drop(codes);
        let bytes = source.code(hash).ok_or(StateError::MissingCode(hash))?;
        let size = bytes.len();
        let code = analysed(bytes);
        let mut codes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if codes.bytes + size > CODE_BYTES_MAX {
            *codes = Codes::default();
        }
        if codes.by_hash.insert(hash, code.clone()).is_none() {
            codes.bytes += size;
        }
        Ok(code)
    }
}

/// One state as calls read it.
pub struct Reader<'c, S> {
    source: S,
    root: B256,
    cache: &'c StateCache,
    codes: &'c CodeCache,
    pretended: Pretended,
}

impl<'c, S: StateSource> Reader<'c, S> {
    /// The state that was committed with this root; `cache` has to be that root's own.
    pub fn new(root: B256, source: S, cache: &'c StateCache, codes: &'c CodeCache) -> Self {
        Self { source, root, cache, codes, pretended: Pretended::default() }
    }

    /// The same state with overrides, which were checked.
    pub fn pretending(self, overrides: StateOverrides) -> Self {
        Self { pretended: overrides.into_iter().collect(), ..self }
    }

    /// An account as it was committed.
    pub fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let accounts = self.cache.accounts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(&address) {
            return Ok(account.clone());
        }
        drop(accounts);
        let key = keccak256(address);
        let account = match Trie::at(self.root).get(&self.source, key.as_slice())? {
            Some(rlp) => {
                Some(alloy_rlp::decode_exact(&rlp).map_err(|_| StateError::BadValue(key))?)
            }
            None => None,
        };
        let mut accounts = self.cache.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS_MAX {
            accounts.clear();
        }
        accounts.insert(address, account.clone());
        Ok(account)
    }

    /// A storage slot as it was committed; zero if never set.
    pub fn storage_at(&self, address: Address, position: U256) -> Result<U256, StateError> {
        let slots = self.cache.slots.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = slots.get(&(address, position)) {
            return Ok(*value);
        }
        drop(slots);
        let root = self.account(address)?.map_or(EMPTY_ROOT, |account| account.storage_root);
        let key = keccak256(position.to_be_bytes::<32>());
        let mut storage = Trie::of_account(keccak256(address), root);
        let value = match storage.get(&self.source, key.as_slice())? {
            Some(rlp) => alloy_rlp::decode_exact(&rlp).map_err(|_| StateError::BadValue(key))?,
            None => U256::ZERO,
        };
        let mut slots = self.cache.slots.write().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SLOTS_MAX {
            slots.clear();
        }
        slots.insert((address, position), value);
        Ok(value)
    }

    /// Whether there is code at an address, overrides included.
    pub fn has_code(&self, address: Address) -> Result<bool, StateError> {
        let pretended = self.pretended.get(&address).and_then(|account| account.code.as_ref());
        match pretended {
            Some(code) => Ok(!code.is_empty()),
            None => Ok(self.account(address)?.is_some_and(|account| account.has_code())),
        }
    }

    /// The code of an account as it was committed; empty if it has none.
    pub fn code(&self, address: Address) -> Result<Bytes, StateError> {
        let hash = self.account(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        Ok(self.code_of(hash)?.original_bytes())
    }

    fn code_of(&self, hash: B256) -> Result<Bytecode, StateError> {
        match hash {
            KECCAK256_EMPTY => Ok(Bytecode::default()),
            hash => self.codes.get(hash, &self.source),
        }
    }
}

impl<S: StateSource> Database for Reader<'_, S> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.account(address)?;
        let pretended = self.pretended.get(&address);
        if account.is_none() && pretended.is_none() {
            return Ok(None);
        }
        let Account { mut nonce, mut balance, mut code_hash, .. } = account.unwrap_or_default();
        let mut code = None;
        if let Some(pretended) = pretended {
            nonce = pretended.nonce.unwrap_or(nonce);
            balance = pretended.balance.unwrap_or(balance);
            if let Some(bytes) = &pretended.code {
                code_hash = keccak256(bytes);
                code = Some(analysed(bytes.clone()));
            }
        }
        let code = match code {
            Some(code) => code,
            None => self.code_of(code_hash)?,
        };
        Ok(Some(AccountInfo { balance, nonce, code_hash, code: Some(code), account_id: None }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        self.code_of(hash)
    }

    fn storage(&mut self, address: Address, position: U256) -> Result<U256, StateError> {
        if let Some(pretended) = self.pretended.get(&address) {
            if let Some(whole) = &pretended.state {
                return Ok(whole.get(&position).copied().unwrap_or_default());
            }
            let part = pretended.state_diff.as_ref();
            if let Some(value) = part.and_then(|part| part.get(&position)) {
                return Ok(*value);
            }
        }
        self.storage_at(address, position)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        Ok(self.source.block_hash(number).unwrap_or_default())
    }
}
