//! Who signed a transaction: recovery by libsecp256k1, in parallel for whole blocks.

use crate::block::Transaction;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, Secp256k1, VerifyOnly};
use std::borrow::Borrow;
use std::sync::LazyLock;

static CONTEXT: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// Half the order of the curve: `s` above it is refused (EIP-2), so that nobody can give a
/// transaction a second hash.
pub const HALF_ORDER: U256 = U256::from_limbs([
    0xdfe9_2f46_681b_20a0,
    0x5d57_6e73_57a4_501d,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
]);

/// Threads that recover; asking the system reads files, which takes as long as a signature.
static WORKERS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// Fewer signatures than this are recovered on the calling thread.
const PARALLEL_MIN: usize = 32;

/// The sender of a transaction, or `None` if its signature is not one.
pub fn recover(transaction: &Transaction) -> Option<Address> {
    signer(transaction.signature_hash(), transaction.signature())
}

/// Who signed a hash, or `None` if the signature is not one or its `s` is high.
pub fn signer(hash: B256, signature: &Signature) -> Option<Address> {
    if signature.s() > HALF_ORDER {
        return None;
    }
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    compact[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let parity = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(&compact, parity).ok()?;
    let key = CONTEXT.recover_ecdsa(Message::from_digest(hash.0), &signature).ok()?;
    Some(Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..]))
}

/// Who authorised somebody to give it code (EIP-7702), or `None` if the signature is not one or its
/// `s` is high.
pub fn authority(authorization: &SignedAuthorization) -> Option<Address> {
    signer(authorization.signature_hash(), &authorization.signature().ok()?)
}

/// The senders of many transactions, in their order. A transaction whose sender is `known` already
/// is not recovered again.
pub fn recover_all<T: Borrow<Transaction> + Sync>(
    transactions: &[T],
    known: impl Fn(&Transaction) -> Option<Address>,
) -> Vec<Option<Address>> {
    let transactions = || transactions.iter().map(Borrow::borrow);
    let mut senders: Vec<_> = transactions().map(known).collect();
    let mut open: Vec<(&mut Option<Address>, &Transaction)> =
        senders.iter_mut().zip(transactions()).filter(|(sender, _)| sender.is_none()).collect();
    let work = |part: &mut [(&mut Option<Address>, &Transaction)]| {
        for (sender, transaction) in part {
            **sender = recover(transaction);
        }
    };
    if open.len() < PARALLEL_MIN || *WORKERS == 1 {
        work(&mut open);
        return senders;
    }
    let share = open.len().div_ceil(*WORKERS);
    let (first, rest) = open.split_at_mut(share);
    std::thread::scope(|scope| {
        for part in rest.chunks_mut(share) {
            scope.spawn(|| work(part));
        }
        work(first);
    });
    senders
}
