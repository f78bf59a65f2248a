//! Keys that everybody knows, and what they sign.

use alloy_consensus::{SignableTransaction, Signed};
use alloy_primitives::{Address, Signature, U256};
use chain::Transaction;
use keys::SecretKey;

/// The key with this number.
pub fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).expect("a small number is a key")
}

/// Its address.
pub fn address(number: u8) -> Address {
    key(number).address()
}

/// A transaction that it signed.
pub fn signed<T: SignableTransaction<Signature>>(signer: u8, unsigned: T) -> Transaction
where
    Transaction: From<Signed<T>>,
{
    let (r, s, odd) = key(signer).sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    unsigned.into_signed(signature).into()
}
