//! What a transaction from outside has to pass before the pool looks at its sender: no state is
//! read, and the signature comes last because it is dear.

use super::{PoolError, PoolLimits};
use crate::block::{Recovered, Transaction};
use crate::execute::{self, TransactionError};
use crate::rules::{BASE_FEE_MIN, Rules};
use crate::signature;
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Address;

/// Checks a transaction from outside without the state, and recovers its sender.
pub fn admit(
    transaction: Transaction,
    rules: &Rules,
    limits: &PoolLimits,
) -> Result<Recovered, PoolError> {
    check(&transaction, rules, limits)?;
    let sender = signature::recover(&transaction).ok_or(TransactionError::InvalidSender)?;
    Ok(Recovered::new_unchecked(transaction, sender))
}

/// The same for one whose sender was recovered before.
pub fn admit_from(
    sender: Address,
    transaction: Transaction,
    rules: &Rules,
    limits: &PoolLimits,
) -> Result<Recovered, PoolError> {
    check(&transaction, rules, limits)?;
    Ok(Recovered::new_unchecked(transaction, sender))
}

/// [`admit`] for many, in their order; senders are recovered in parallel.
pub fn admit_all(
    transactions: Vec<Transaction>,
    rules: &Rules,
    limits: &PoolLimits,
) -> Vec<Result<Recovered, PoolError>> {
    let checks: Vec<_> = transactions.iter().map(|one| check(one, rules, limits)).collect();
    let sound = transactions.iter().zip(&checks).filter(|(_, check)| check.is_ok());
    let sound: Vec<&Transaction> = sound.map(|(transaction, _)| transaction).collect();
    let mut senders = signature::recover_all(&sound, |_| None).into_iter();
    let recovered = |(transaction, check): (Transaction, Result<(), PoolError>)| {
        check?;
        let sender = senders.next().expect("there is one answer per sound transaction");
        let sender = sender.ok_or(TransactionError::InvalidSender)?;
        Ok(Recovered::new_unchecked(transaction, sender))
    };
    transactions.into_iter().zip(checks).map(recovered).collect()
}

fn check(transaction: &Transaction, rules: &Rules, limits: &PoolLimits) -> Result<(), PoolError> {
    if transaction.encode_2718_len() > limits.transaction_bytes_max {
        return Err(PoolError::Oversized { max: limits.transaction_bytes_max });
    }
    execute::check_transaction(transaction, rules.chain_id)?;
    if transaction.gas_limit() > rules.gas_limit {
        return Err(TransactionError::ExceedsBlockGasLimit.into());
    }
    let fee = transaction.max_fee_per_gas();
    if fee < u128::from(BASE_FEE_MIN) {
        return Err(PoolError::Underpriced { got: fee, min: u128::from(BASE_FEE_MIN) });
    }
    let tip = transaction.priority_fee_or_price();
    if tip < limits.tip_min {
        return Err(PoolError::TipTooLow { got: tip, min: limits.tip_min });
    }
    Ok(())
}
