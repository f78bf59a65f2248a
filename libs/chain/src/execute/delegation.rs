//! Delegations (EIP-7702): accounts with a key that borrow the code of a contract.
//!
//! A transaction of type 4 carries authorizations. Each is signed by the account that it is about,
//! its *authority*, for this chain or any (0), at one nonce. Before the transaction runs the code
//! of each authority becomes a *designator*, `0xef0100 || address`, and its nonce rises; the zero
//! address takes the designator away. What does not fit is passed over, and what the transaction
//! does later, even if it reverts, changes nothing of that.

use crate::block::Transaction;
use crate::signature;
use alloy_consensus::Transaction as _;
use alloy_eips::eip7702::constants::PER_EMPTY_ACCOUNT_COST;
use alloy_eips::eip7702::{RecoveredAuthority, RecoveredAuthorization, SignedAuthorization};
use alloy_primitives::{Address, U256};
use revm::context::either::Either;

/// An authorization as revm takes it.
pub(super) type Authorization = Either<SignedAuthorization, RecoveredAuthorization>;

/// Whether `gas` may pay for so many: else the transaction is refused before anybody looks at them.
fn are_paid(list: &[SignedAuthorization], gas: u64) -> bool {
    u64::try_from(list.len()).is_ok_and(|count| count <= gas / PER_EMPTY_ACCOUNT_COST)
}

/// Authorizations with who signed them.
pub(super) fn recovered(list: &[SignedAuthorization], gas: u64) -> Vec<Authorization> {
    let paid = are_paid(list, gas);
    let recovered = |one: &SignedAuthorization| {
        let signer = if paid { signature::authority(one) } else { None };
        let signer = signer.map_or(RecoveredAuthority::Invalid, RecoveredAuthority::Valid);
        Either::Right(RecoveredAuthorization::new_unchecked(one.inner().clone(), signer))
    };
    list.iter().map(recovered).collect()
}

/// Whose nonce and code a transaction may change without being sent by them: each once. An
/// authorization for another chain is none here.
pub fn authorities(transaction: &Transaction) -> Vec<Address> {
    let chain_id = transaction.chain_id().map_or(U256::ZERO, U256::from);
    let list = transaction.authorization_list().unwrap_or_default();
    authorities_of(list, chain_id, transaction.gas_limit())
}

/// The same of authorizations on a chain.
pub(super) fn authorities_of(
    list: &[SignedAuthorization],
    chain_id: U256,
    gas: u64,
) -> Vec<Address> {
    let list = if are_paid(list, gas) { list } else { &[] };
    let here = list.iter().filter(|one| one.chain_id.is_zero() || one.chain_id == chain_id);
    let mut all: Vec<Address> = here.filter_map(signature::authority).collect();
    all.sort_unstable();
    all.dedup();
    all
}
