//! What an account signs to be paid out at its bank: a withdrawal from the market, and a redemption
//! of the tokens that it brings.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

use crate::currency::Cash;
use crate::deployment::Deployment;
use crate::requests::{Redemption, Withdrawal, redemption, withdrawal};

/// How long a payout may be withdrawn from when it was prepared: a day for a second person's
/// consent, a day to be sent.
pub const WITHDRAWAL_SECONDS: u64 = 2 * 86_400;

/// How long tokens that were taken out of the market may be destroyed for a payout after its
/// withdrawal expired: longer than a withdrawal is delayed, and than whoever sends it is down.
pub const REDEMPTION_SECONDS: u64 = 30 * 86_400;

/// Who gets a payout that goes back into trading instead of to a bank: it names no bank account.
pub const TO_WALLET: &str = "wallet";

/// A payout as both its signatures mean it.
///
/// The chain sees the hash of where to, and nothing of what is in it: the salt keeps account
/// numbers from being tried out. Who shows the salt proves where the money was asked to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutTerms {
    /// Whose cash.
    pub account: Address,
    /// How much.
    pub amount: Money,
    /// Whose bank account, without spaces around.
    pub creditor: String,
    /// The bank account's number, without spaces, in capital letters; empty with [`TO_WALLET`].
    pub iban: String,
    /// 32 random bytes.
    pub salt: B256,
    /// Epoch seconds: not withdrawn after it, not redeemed [`REDEMPTION_SECONDS`] after it. Zero,
    /// so long over, in terms that were kept before it was signed.
    #[serde(default)]
    pub expiry: u64,
    /// The contracts of the currency, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash: Option<Cash>,
}

impl PayoutTerms {
    /// The hash of where to: `keccak(salt || iban || 0 || creditor)`.
    pub fn destination(&self) -> B256 {
        let (iban, creditor) = (self.iban.as_bytes(), self.creditor.as_bytes());
        keccak256([self.salt.as_slice(), iban, &[0], creditor].concat())
    }

    /// Whether it goes back to the wallet that it came from.
    pub fn is_to_wallet(&self) -> bool {
        self.iban.is_empty() && self.creditor == TO_WALLET
    }

    /// The nonce of both signatures: the last 16 bytes of the destination, so that a destination is
    /// paid once.
    pub fn nonce(&self) -> U256 {
        U256::from_be_slice(&self.destination().as_slice()[16..])
    }

    /// What is withdrawn.
    pub fn withdrawal(&self) -> Withdrawal {
        let (account, amount, expiry) = (self.account, self.amount, self.expiry);
        Withdrawal { account, amount, nonce: self.nonce(), expiry }
    }

    /// What is redeemed.
    pub fn redemption(&self) -> Redemption {
        Redemption {
            account: self.account,
            amount: self.amount,
            destination: self.destination(),
            nonce: self.nonce(),
            expiry: self.expiry.saturating_add(REDEMPTION_SECONDS),
        }
    }

    /// The contracts that take both signatures.
    pub fn cash(&self, at: &Deployment) -> Cash {
        self.cash.unwrap_or(at.cash())
    }

    /// The hash that the account signs for the market. Refused where the amount is negative.
    pub fn withdrawal_hash(&self, chain_id: u64, market: Address) -> Result<B256, Overflow> {
        withdrawal(chain_id, market, &self.withdrawal())
    }

    /// The hash that the account signs for the token. Refused where the amount is negative.
    pub fn redemption_hash(&self, chain_id: u64, token: Address) -> Result<B256, Overflow> {
        redemption(chain_id, token, &self.redemption())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> PayoutTerms {
        PayoutTerms {
            account: Address::repeat_byte(1),
            amount: Money::from_n(5),
            creditor: "Hanna Heron".to_owned(),
            iban: "DE89370400440532013000".to_owned(),
            salt: B256::repeat_byte(7),
            expiry: 1000,
            cash: None,
        }
    }

    #[test]
    fn a_destination_is_of_its_salt_number_and_name() {
        let one = terms().destination();
        assert_eq!(one, terms().destination());
        for other in [
            PayoutTerms { creditor: "Hanna Hero".to_owned(), ..terms() },
            PayoutTerms { iban: "NO9386011117947".to_owned(), ..terms() },
            PayoutTerms { salt: B256::repeat_byte(8), ..terms() },
        ] {
            assert_ne!(other.destination(), one, "{other:?}");
        }
        let (iban, creditor) = ("DE89370400440532013000H".to_owned(), "anna Heron".to_owned());
        assert_ne!(PayoutTerms { iban, creditor, ..terms() }.destination(), one);
    }

    #[test]
    fn terms_that_were_kept_before_they_expired_are_long_over() {
        let mut kept = serde_json::to_value(terms()).unwrap();
        kept.as_object_mut().unwrap().remove("expiry");
        let read: PayoutTerms = serde_json::from_value(kept).unwrap();
        assert_eq!(read, PayoutTerms { expiry: 0, ..terms() });
    }

    #[test]
    fn the_signatures_are_of_the_amount_the_destination_and_the_expiry() {
        let place = Address::repeat_byte(9);
        let more = PayoutTerms { amount: Money::from_n(6), ..terms() };
        let elsewhere = PayoutTerms { salt: B256::repeat_byte(8), ..terms() };
        let later = PayoutTerms { expiry: 1001, ..terms() };
        for other in [&more, &elsewhere, &later] {
            assert_ne!(other.withdrawal_hash(1, place), terms().withdrawal_hash(1, place));
            assert_ne!(other.redemption_hash(1, place), terms().redemption_hash(1, place));
        }
        let less = PayoutTerms { amount: Money::from_n(-1), ..terms() };
        assert_eq!(less.withdrawal_hash(1, place), Err(Overflow));
    }
}
