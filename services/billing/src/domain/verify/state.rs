//! Words of contracts' storage, read through proof nodes that are counted as they are used.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use chain::light::Witness;
use contracts::storage::{self, MeterKey};
use ids::{CommunityId, MeterId};

use super::BillFile;

/// Storage positions of one contract that a bill needs proofs of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The contract.
    pub contract: Address,
    /// Its positions, each once, rising.
    pub positions: Vec<B256>,
}

/// Every word of state that the verification of `bill` reads: what [`super::Evidence::nodes`] has
/// to prove, and nothing else. The nodes of `bill` itself do not matter.
pub fn needs(bill: &BillFile) -> Vec<Need> {
    needed(super::Verifier::new(bill, None).asked())
}

/// The positions of words that were read, by contract.
pub(super) fn needed(asked: Vec<(Address, B256)>) -> Vec<Need> {
    let mut contracts: BTreeMap<Address, Vec<B256>> = BTreeMap::new();
    for (contract, position) in asked {
        contracts.entry(contract).or_default().push(position);
    }
    let need = |(contract, mut positions): (Address, Vec<B256>)| {
        positions.sort_unstable();
        positions.dedup();
        Need { contract, positions }
    };
    contracts.into_iter().map(need).collect()
}

/// Why a word of state is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StateError {
    #[error("{0}")]
    State(#[from] chain::state::StateError),
    #[error("there is no contract at {0}")]
    NoContract(Address),
    #[error("the chain holds nothing there")]
    Nothing,
}

/// A version of a tariff on chain; its hash is zero where there is no such version.
pub(super) struct TariffRecord {
    pub(super) hash: B256,
    pub(super) valid_from: u32,
    pub(super) time: u64,
}

/// An invoice on chain.
pub(super) struct InvoiceRecord {
    pub(super) hash: B256,
    pub(super) to: u32,
    /// When it was anchored, epoch seconds.
    pub(super) time: u64,
    /// The first day of the account that was not billed before; zero for its first invoice.
    pub(super) since: u32,
}

/// A batch of readings on chain.
pub(super) struct Batch {
    pub(super) root: B256,
    pub(super) count: u32,
    /// When it was put on chain, epoch seconds.
    pub(super) time: u64,
}

pub(super) struct State {
    state: chain::State<Witness>,
    asked: Vec<(Address, B256)>,
}

impl State {
    pub(super) fn new(root: B256, nodes: &[Bytes]) -> State {
        State { state: Witness::state(root, nodes), asked: Vec::new() }
    }

    /// Everything that was read so far.
    pub(super) fn into_asked(self) -> Vec<(Address, B256)> {
        self.asked
    }

    /// Places of nodes that no reading needed, or that are there twice.
    pub(super) fn unused(&self) -> Vec<usize> {
        self.state.source().unused()
    }

    pub(super) fn digest(
        &mut self,
        market: Address,
        account: Address,
        day: u32,
    ) -> Result<B256, StateError> {
        self.word(market, storage::digest(account, day)).map(B256::from)
    }

    pub(super) fn meter_key(
        &mut self,
        meters: Address,
        meter: MeterId,
        version: u32,
    ) -> Result<MeterKey, StateError> {
        let [first, second] =
            storage::meter_key(meter, version).map(|position| self.word(meters, position));
        let key = MeterKey::from_words([first?, second?]);
        if key.key == Address::ZERO { Err(StateError::Nothing) } else { Ok(key) }
    }

    pub(super) fn batch(
        &mut self,
        readings: Address,
        community: CommunityId,
        day: u32,
        batch: u32,
    ) -> Result<Batch, StateError> {
        let (kind, period) = (contracts::READINGS_OF_DAY, u64::from(day));
        let root = self.word(readings, storage::reading_root(community, kind, period, batch));
        let count = self.word(readings, storage::reading_count(community, kind, period, batch));
        let (root, (count, time)) = (B256::from(root?), storage::number_and_time(count?));
        if root == B256::ZERO { Err(StateError::Nothing) } else { Ok(Batch { root, count, time }) }
    }

    pub(super) fn tariff(
        &mut self,
        records: Address,
        key: B256,
        version: u32,
    ) -> Result<TariffRecord, StateError> {
        let [hash, rest] =
            storage::tariff(key, version).map(|position| self.word(records, position));
        let (valid_from, time) = storage::number_and_time(rest?);
        Ok(TariffRecord { hash: B256::from(hash?), valid_from, time })
    }

    /// The invoice of an account's meter that begins with the local day `from`.
    pub(super) fn invoice(
        &mut self,
        records: Address,
        (account, meter): (Address, MeterId),
        from: u32,
    ) -> Result<InvoiceRecord, StateError> {
        let [hash, rest] =
            storage::invoice(account, meter, from).map(|position| self.word(records, position));
        let (hash, rest) = (B256::from(hash?), rest?);
        if hash == B256::ZERO {
            return Err(StateError::Nothing);
        }
        let ((to, time), since) = (storage::number_and_time(rest), storage::since(rest));
        Ok(InvoiceRecord { hash, to, time, since })
    }

    fn word(&mut self, contract: Address, position: B256) -> Result<U256, StateError> {
        self.asked.push((contract, position));
        if self.state.account(contract)?.is_none() {
            return Err(StateError::NoContract(contract));
        }
        Ok(self.state.storage_at(contract, position.into())?)
    }
}
