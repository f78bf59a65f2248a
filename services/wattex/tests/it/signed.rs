//! Transactions that tests sign.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Signature, U256};
use keys::SecretKey;

/// The transaction with a signature of this key.
pub fn signed(key: &SecretKey, unsigned: TxEip1559) -> TxEnvelope {
    let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    unsigned.into_signed(signature).into()
}
