//! Cash of one currency for cash of another: what a dealer and an account both sign.
//!
//! ```text
//! Quote --given()--> CashTransfer that the account signs ─┐
//!       --taken()--> CashTransfer that the dealer signs ──┴─> call: both or none
//! ```

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

use crate::bindings::CurrencyExchange;
use crate::calls::{Call, tokens};
use crate::deployment::Deployment;
use crate::requests::{CashTransfer, cash_transfer};

/// What a dealer offers an account: `given` of one currency for `taken` of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quote {
    /// The market of the currency that the account gives.
    pub from: Address,
    /// The market of the currency that it gets.
    pub to: Address,
    /// Who exchanges.
    pub account: Address,
    /// With whom.
    pub dealer: Address,
    /// What the account gives.
    pub given: Money,
    /// What it gets.
    pub taken: Money,
    /// Epoch seconds: not after it.
    pub expiry: u64,
    /// The account's, at `from`; shares nonces with orders.
    pub account_nonce: U256,
    /// The dealer's, at `to`.
    pub dealer_nonce: U256,
}

impl Quote {
    /// Its name, which both transfers carry. Refused where an amount is negative.
    pub fn id(&self) -> Result<B256, Overflow> {
        Ok(keccak256(self.to_sol()?.abi_encode()))
    }

    /// What the account signs for the market `from`. Refused where an amount is negative.
    pub fn given(&self, at: &Deployment) -> Result<CashTransfer, Overflow> {
        Ok(CashTransfer {
            account: self.account,
            to: self.dealer,
            amount: self.given,
            nonce: self.account_nonce,
            expiry: self.expiry,
            sender: at.exchange,
            link: self.id()?,
        })
    }

    /// What the dealer signs for the market `to`. Refused where an amount is negative.
    pub fn taken(&self, at: &Deployment) -> Result<CashTransfer, Overflow> {
        Ok(CashTransfer {
            account: self.dealer,
            to: self.account,
            amount: self.taken,
            nonce: self.dealer_nonce,
            expiry: self.expiry,
            sender: at.exchange,
            link: self.id()?,
        })
    }

    /// The hash that the account signs. Refused where an amount is negative.
    pub fn account_hash(&self, chain_id: u64, at: &Deployment) -> Result<B256, Overflow> {
        cash_transfer(chain_id, self.from, &self.given(at)?)
    }

    /// The hash that the dealer signs. Refused where an amount is negative.
    pub fn dealer_hash(&self, chain_id: u64, at: &Deployment) -> Result<B256, Overflow> {
        cash_transfer(chain_id, self.to, &self.taken(at)?)
    }

    /// By anyone until the expiry: makes both transfers. Refused where an amount is negative.
    pub fn call(
        &self,
        at: &Deployment,
        account_signature: Bytes,
        dealer_signature: Bytes,
    ) -> Result<Call, Overflow> {
        let what = CurrencyExchange::exchangeCall {
            quote: self.to_sol()?,
            accountSignature: account_signature,
            dealerSignature: dealer_signature,
        };
        Ok(Call { to: at.exchange, data: what.abi_encode().into() })
    }

    fn to_sol(self) -> Result<CurrencyExchange::Quote, Overflow> {
        Ok(CurrencyExchange::Quote {
            from: self.from,
            to: self.to,
            account: self.account,
            dealer: self.dealer,
            given: tokens(self.given)?,
            taken: tokens(self.taken)?,
            expiry: self.expiry,
            accountNonce: self.account_nonce,
            dealerNonce: self.dealer_nonce,
        })
    }
}
