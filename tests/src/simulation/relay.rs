//! A relay as services keep it: signed transactions in nonce order, sent until they are final.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{B256, TxKind, U256};
use chain::Recovered;
use client::Transaction;
use keys::SecretKey;

use super::node::Node;
use super::scene::CHAIN_ID;

const FEE_PER_GAS_MAX: u128 = 1_000_000_000_000;

#[derive(Clone)]
struct Kept {
    cause: String,
    hash: B256,
    transaction: Recovered,
    ended: Option<bool>,
    is_final: bool,
}

/// Kept transactions of one sender. All of it is durable, except what a round noted last.
pub(super) struct Relay {
    key: SecretKey,
    kept: Vec<Kept>,
}

impl Relay {
    pub(super) fn new(key: SecretKey) -> Relay {
        Relay { key, kept: Vec::new() }
    }

    /// Whether a transaction that follows from `cause` waits or succeeded.
    pub(super) fn knows(&self, cause: &str) -> bool {
        let mut same = self.kept.iter().filter(|kept| kept.cause == cause);
        same.any(|kept| kept.ended != Some(false) || !kept.is_final)
    }

    /// Signs and keeps a transaction, unless its cause is known.
    pub(super) fn enqueue(&mut self, transaction: &Transaction) {
        if self.knows(&transaction.cause) {
            return;
        }
        let signed = self.sign(transaction);
        self.kept.push(Kept {
            cause: transaction.cause.clone(),
            hash: *signed.tx_hash(),
            transaction: Recovered::new_unchecked(signed, self.key.address()),
            ended: None,
            is_final: false,
        });
    }

    fn sign(&self, transaction: &Transaction) -> TxEnvelope {
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.kept.len() as u64,
            gas_limit: transaction.gas,
            max_fee_per_gas: FEE_PER_GAS_MAX,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(transaction.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: transaction.data.clone(),
        };
        let (r, s, odd) = self.key.sign(unsigned.signature_hash()).parts();
        let (r, s) = (U256::from_be_bytes(r), U256::from_be_bytes(s));
        unsigned.into_signed(alloy_primitives::Signature::new(r, s, odd)).into()
    }

    /// Sends what no block has and notes how the others ended; `false` loses the notes, as when
    /// the process dies before it writes them. Returns the causes that reverted for good.
    pub(super) fn round(&mut self, node: &mut Node, notes: bool) -> Vec<String> {
        let mut reverted = Vec::new();
        for kept in self.kept.iter_mut().filter(|kept| !kept.is_final) {
            let found = node.included(kept.hash);
            if found.is_none() {
                node.send(kept.transaction.clone());
            }
            if !notes {
                continue;
            }
            kept.ended = found.map(|(_, success)| success);
            kept.is_final = found.is_some_and(|(number, _)| number <= node.finalized);
            if kept.is_final && kept.ended == Some(false) {
                reverted.push(kept.cause.clone());
            }
        }
        reverted
    }

    /// Whether everything kept is in a final block.
    pub(super) fn is_done(&self) -> bool {
        self.kept.iter().all(|kept| kept.is_final)
    }
}
