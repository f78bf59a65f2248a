//! Keys, transactions and a chain in memory.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B64, B256, Bytes, Signature, TxKind, U256, address, keccak256};
use chain::genesis::{Allocation, Deploy, GenesisCall};
use chain::{
    Block, Candidate, ChainView, Genesis, GenesisSpec, Imported, MemoryChain, Recovered, Rules,
    State, Transaction,
};
use secp256k1::{Message, Secp256k1, SecretKey};

pub(crate) const CHAIN_ID: u64 = 4711;
pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const MINER: Address = address!("00000000000000000000000000000000000000aa");
pub(crate) const ETHER: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

/// Reverts without call data; else sets slot `data[0..32]` to `data[32..64]` and logs it with the
/// slot as topic.
pub(crate) const RECORDER: &[u8] = &[
    0x36, 0x60, 0x07, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x5f, 0x35,
    0x60, 0x20, 0x35, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xa1, 0x00,
];

/// Creation code of a contract with this code.
pub(crate) fn init_code(code: &[u8]) -> Bytes {
    let size = u8::try_from(code.len()).unwrap();
    [&[0x60, size, 0x60, 0x0a, 0x5f, 0x39, 0x60, size, 0x5f, 0xf3], code].concat().into()
}

/// Call data that sets a slot of a recorder.
pub(crate) fn record(slot: u64, value: u64) -> Bytes {
    [U256::from(slot), U256::from(value)].map(|word| word.to_be_bytes::<32>()).concat().into()
}

pub(crate) struct Key(SecretKey);

impl Key {
    pub(crate) fn new(number: u8) -> Self {
        Self(SecretKey::from_byte_array([number; 32]).unwrap())
    }

    pub(crate) fn address(&self) -> Address {
        let key = self.0.public_key(&Secp256k1::new()).serialize_uncompressed();
        Address::from_slice(&keccak256(&key[1..])[12..])
    }

    pub(crate) fn signature(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let signed = Secp256k1::new().sign_ecdsa_recoverable(message, &self.0);
        let (parity, bytes) = signed.serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1)
    }

    pub(crate) fn sign<T>(&self, transaction: T) -> Transaction
    where
        T: SignableTransaction<Signature>,
        Transaction: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signature(transaction.signature_hash());
        transaction.into_signed(signature).into()
    }

    /// Signed, with the sender.
    pub(crate) fn send(&self, transaction: TxEip1559) -> Recovered {
        Recovered::new_unchecked(self.sign(transaction), self.address())
    }
}

/// A dynamic-fee transaction with a tip of one gwei.
pub(crate) fn transaction(nonce: u64, to: impl Into<TxKind>, data: Bytes) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: to.into(),
        value: U256::ZERO,
        access_list: Default::default(),
        input: data,
    }
}

/// The consent of a key to run the code at an address, on a chain and at a nonce.
pub(crate) fn authorize(
    key: u8,
    chain_id: u64,
    address: Address,
    nonce: u64,
) -> SignedAuthorization {
    let unsigned = Authorization { chain_id: U256::from(chain_id), address, nonce };
    let signature = Key::new(key).signature(unsigned.signature_hash());
    unsigned.into_signed(signature)
}

/// A call that delegates before it runs.
pub(crate) fn delegating(
    sender: u8,
    call: TxEip1559,
    authorization_list: Vec<SignedAuthorization>,
) -> Recovered {
    let unsigned = TxEip7702 {
        chain_id: call.chain_id,
        nonce: call.nonce,
        gas_limit: call.gas_limit,
        max_fee_per_gas: call.max_fee_per_gas,
        max_priority_fee_per_gas: call.max_priority_fee_per_gas,
        to: *call.to.to().unwrap(),
        value: call.value,
        access_list: call.access_list,
        authorization_list,
        input: call.input,
    };
    let key = Key::new(sender);
    Recovered::new_unchecked(key.sign(unsigned), key.address())
}

/// Keys 1 to 9 are rich; key 1 has deployed a recorder and set its slot 1 to 5.
pub(crate) fn spec() -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, START);
    spec.difficulty = U256::ONE;
    spec.fixed_difficulty = true;
    spec.reward = U256::from(2) * ETHER;
    for number in 1..10 {
        let balance = U256::from(100) * ETHER;
        let account = Allocation { balance, ..Allocation::default() };
        spec.alloc.insert(Key::new(number).address(), account);
    }
    let from = Key::new(1).address();
    spec.deploy.push(Deploy { from, init_code: init_code(RECORDER), value: U256::ZERO });
    spec.calls.push(GenesisCall { from, to: from.create(0), data: record(1, 5) });
    spec
}

pub(crate) struct Chain {
    pub(crate) rules: Rules,
    pub(crate) view: MemoryChain,
    /// The recorder of the genesis.
    pub(crate) recorder: Address,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self::from(&spec())
    }

    pub(crate) fn from(spec: &GenesisSpec) -> Self {
        let Genesis { rules, imported, deployed } = spec.build().unwrap();
        let mut view = MemoryChain::default();
        view.store(imported);
        Self { rules, view, recorder: deployed[0] }
    }

    pub(crate) fn propose(&self, parent: B256, transactions: Vec<Recovered>) -> Candidate {
        let now = self.view.header(parent).unwrap().timestamp + 5;
        self.rules.propose(&self.view, parent, transactions, MINER, now).unwrap()
    }

    /// A sealed block on any parent; it is not imported.
    pub(crate) fn mine_on(&self, parent: B256, transactions: Vec<Recovered>) -> Block {
        let candidate = self.propose(parent, transactions);
        assert_eq!(candidate.skipped, []);
        let mut block = candidate.block().clone();
        block.header.nonce = candidate.seal(0, 1_000_000).unwrap();
        block
    }

    /// Imports a block as a peer's and stores it.
    pub(crate) fn import(&mut self, block: Block) -> Imported {
        let now = block.header.timestamp;
        let imported = self.rules.import_rlp(&self.view, &block.encode(), now).unwrap();
        self.view.store(imported.clone());
        imported
    }

    /// Mines on the head and stores the block.
    pub(crate) fn mine(&mut self, transactions: Vec<Recovered>) -> Imported {
        let block = self.mine_on(self.view.head(), transactions);
        self.import(block)
    }

    pub(crate) fn state(&self) -> State<chain::AtBlock<'_, MemoryChain>> {
        self.state_at(self.view.head())
    }

    pub(crate) fn state_at(&self, hash: B256) -> State<chain::AtBlock<'_, MemoryChain>> {
        let root = self.view.header(hash).unwrap().state_root;
        State::at(root, chain::AtBlock::new(&self.view, hash))
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.state().account(address).unwrap().unwrap_or_default().balance
    }

    pub(crate) fn slot(&self, slot: u64) -> U256 {
        self.state().storage_at(self.recorder, U256::from(slot)).unwrap()
    }
}

pub(crate) fn reseal(mut block: Block) -> Block {
    let header = &mut block.header;
    header.nonce = B64::ZERO;
    header.nonce =
        chain::header::search(header.seal_hash(), header.difficulty, 0, 1_000_000).unwrap();
    block
}
