//! A token, who holds it, and transfers of it, signed beforehand.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use chain::Recovered;
use contracts::bindings::SettlementToken;
use contracts::{SolCall, SolConstructor, SolValue, role};
use keys::SecretKey;

/// EIP-155 chain id of our node and of its peer.
pub(crate) const CHAIN_ID: u64 = 77_771;
/// Who sends.
pub(crate) const SENDERS: usize = 100;
/// Who receives.
pub(crate) const RECIPIENTS: usize = 1_000;
/// Gas that a transfer reserves; it uses up to 52 000.
const TRANSFER_GAS: u64 = 60_000;
/// Gas that any other transaction reserves.
const SETUP_GAS: u64 = 5_000_000;
/// What every sender holds.
const HOLDING: u64 = 1_000_000;

/// The token and its holders.
pub(crate) struct Token {
    admin: SecretKey,
    senders: Vec<SecretKey>,
    pub(crate) address: Address,
}

impl Token {
    pub(crate) fn new() -> Self {
        let key = |name: String| {
            SecretKey::from_bytes(&keccak256(name).0).expect("a hash is below the order")
        };
        let admin = key("admin".into());
        let senders = (0..SENDERS).map(|number| key(format!("sender {number}"))).collect();
        let address = admin.address().create(0);
        Self { admin, senders, address }
    }

    /// Everybody who signs.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Address> {
        [&self.admin].into_iter().chain(&self.senders).map(SecretKey::address)
    }

    /// Everybody who sends.
    pub(crate) fn senders(&self) -> impl Iterator<Item = Address> {
        self.senders.iter().map(SecretKey::address)
    }

    /// Creates the token and gives every sender some.
    pub(crate) fn setup(&self) -> Vec<Recovered> {
        let admin = self.admin.address();
        let currency = "EUR".to_owned();
        let create = SettlementToken::constructorCall { admin, currency }.abi_encode();
        let create = [&SettlementToken::BYTECODE, &create[..]].concat();
        let minter = role("MINTER");
        let grant = SettlementToken::grantRoleCall { role: minter, account: admin }.abi_encode();
        let to = TxKind::Call(self.address);
        let mut calls: Vec<(TxKind, Vec<u8>)> = vec![(TxKind::Create, create), (to, grant)];
        calls.extend(self.senders().map(|sender| {
            let payment = keccak256(sender);
            let mint = SettlementToken::mintCall { to: sender, amount: amount(HOLDING), payment };
            (to, mint.abi_encode())
        }));
        let transactions = (0..).zip(calls).map(|(nonce, (to, input))| {
            sign(&self.admin, TxEip1559 { gas_limit: SETUP_GAS, ..unsigned(nonce, to, input) })
        });
        transactions.collect()
    }

    /// The next transfers of every sender: `count` each from nonce `from` on, one unit each, in the
    /// order of nonces.
    pub(crate) fn transfers(&self, from: u64, count: u64) -> Vec<Recovered> {
        let of_nonce = |nonce: u64| {
            self.senders.iter().enumerate().map(move |(number, key)| {
                let to = recipient(transfer_to(number, nonce));
                let input = SettlementToken::transferCall { to, value: amount(1) }.abi_encode();
                let unsigned = unsigned(nonce, TxKind::Call(self.address), input);
                sign(key, TxEip1559 { gas_limit: TRANSFER_GAS, ..unsigned })
            })
        };
        (from..from + count).flat_map(of_nonce).collect()
    }

    /// Call data of `balanceOf`.
    pub(crate) fn balance_of(account: Address) -> Bytes {
        SettlementToken::balanceOfCall { account }.abi_encode().into()
    }
}

/// How many of the first `count` transfers of every sender go to each recipient.
pub(crate) fn received(count: u64) -> Vec<u64> {
    let mut received = vec![0; RECIPIENTS];
    for nonce in 0..count {
        for sender in 0..SENDERS {
            received[transfer_to(sender, nonce)] += 1;
        }
    }
    received
}

fn transfer_to(sender: usize, nonce: u64) -> usize {
    let nonce = usize::try_from(nonce).expect("nonces are few");
    (sender * 31 + nonce * 7) % RECIPIENTS
}

/// The address of a recipient.
pub(crate) fn recipient(number: usize) -> Address {
    Address::from_word(keccak256(("recipient", U256::from(number)).abi_encode()))
}

/// The topic of a transfer's log.
pub(crate) fn transfer_topic() -> B256 {
    keccak256("Transfer(address,address,uint256)")
}

fn amount(units: u64) -> U256 {
    U256::from(units)
}

fn unsigned(nonce: u64, to: TxKind, input: Vec<u8>) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to,
        input: input.into(),
        ..TxEip1559::default()
    }
}

pub(crate) fn sign(key: &SecretKey, unsigned: TxEip1559) -> Recovered {
    let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    Recovered::new_unchecked(unsigned.into_signed(signature).into(), key.address())
}

/// As `eth_sendRawTransaction` takes it.
pub(crate) fn raw(transaction: &Recovered) -> Bytes {
    transaction.inner().encoded_2718().into()
}
