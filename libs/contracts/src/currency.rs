//! The currencies of an installation: each has a token, and a market that holds its cash.
//!
//! The first is what energy is traded in; the others are held, paid in and out, and exchanged.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;

/// The most currencies of an installation, the first included.
pub const CURRENCIES_MAX: usize = 4;

/// The contracts of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cash {
    /// `SettlementToken`.
    pub token: Address,
    /// `EnergyMarket`.
    pub market: Address,
}

/// A currency with its contracts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// Its code (ISO 4217).
    pub code: String,
    /// Its contracts.
    #[serde(flatten)]
    pub cash: Cash,
}

/// Codes that no genesis takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCurrencies {
    /// Not three capital letters.
    #[error("{0:?} is no currency: three capital letters (ISO 4217)")]
    Code(String),
    /// Twice the same.
    #[error("{0} is named twice")]
    Twice(String),
    /// More than [`CURRENCIES_MAX`].
    #[error("{0} currencies, of which there are at most {CURRENCIES_MAX}")]
    TooMany(usize),
}

/// Whether a genesis takes these currencies, the first included.
///
/// # Errors
/// The first reason why not.
pub fn check_currencies<'c>(codes: impl IntoIterator<Item = &'c str>) -> Result<(), BadCurrencies> {
    let mut known = BTreeSet::new();
    for code in codes {
        if code.len() != 3 || !code.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(BadCurrencies::Code(code.chars().take(20).collect()));
        }
        if !known.insert(code) {
            return Err(BadCurrencies::Twice(code.to_owned()));
        }
    }
    if known.len() > CURRENCIES_MAX {
        return Err(BadCurrencies::TooMany(known.len()));
    }
    Ok(())
}

impl Deployment {
    /// The contracts of the first currency.
    pub const fn cash(&self) -> Cash {
        Cash { token: self.token, market: self.market }
    }

    /// The same contracts with the cash of another currency: calls of cash, signatures of it and
    /// its logs are then of that one.
    pub const fn of_cash(self, cash: Cash) -> Deployment {
        Deployment { token: cash.token, market: cash.market, ..self }
    }

    /// Where the contracts of further currencies are, in order, when `deployer` creates them after
    /// its first ten.
    pub fn further_cash(deployer: Address) -> impl Iterator<Item = Cash> {
        let nonces = (Deployment::NONCES..).step_by(2);
        nonces.map(move |nonce| Cash {
            token: deployer.create(nonce),
            market: deployer.create(nonce + 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genesis_takes_some_currencies_each_once() {
        let check = |text: &str| check_currencies(text.split(' '));
        assert_eq!(check("EUR"), Ok(()));
        assert_eq!(check("EUR CHF USD GBP"), Ok(()));
        assert_eq!(check("EUR CHF USD GBP SEK"), Err(BadCurrencies::TooMany(5)));
        assert_eq!(check("EUR CHF EUR"), Err(BadCurrencies::Twice("EUR".to_owned())));
        for bad in ["eur", "EURO", "E1R", "", "ÄU"] {
            assert_eq!(check(bad), Err(BadCurrencies::Code(bad.to_owned())));
        }
    }

    #[test]
    fn the_cash_of_another_currency_is_elsewhere_and_all_else_the_same() {
        let deployer = Address::repeat_byte(9);
        let first = Deployment::of(deployer);
        let all: Vec<Cash> = Deployment::further_cash(deployer).take(3).collect();
        let mut places: BTreeSet<Address> = first.addresses().into_iter().collect();
        places.extend(all.iter().flat_map(|cash| [cash.token, cash.market]));
        assert_eq!(places.len(), 16, "no address twice");
        let other = first.of_cash(all[0]);
        assert_eq!((other.cash(), other.exchange), (all[0], first.exchange));
        assert_eq!(other.of_cash(first.cash()), first);
    }
}
