//! What an account may ask of a contract besides orders and payouts.
//!
//! ```text
//! AccountRequest --typed_data--> wallet ─┐
//!                --hash--> a held key ───┴─> signature --call--> Call, which anybody may send
//! ```

use std::borrow::Cow;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use units::{Money, Overflow, Price};

use crate::calls::{Call, tokens};
use crate::currency::Cash;
use crate::deployment::Deployment;
use crate::exchange::Quote;
use crate::requests::{
    Cancellation, CashTransfer, CertificateRetirement, CertificateTransfer, Mandate, cancel_all,
    cash_transfer, certificate_retirement, certificate_transfer, mandate, sol_types,
};
use crate::typed::typed_data;

/// A request that an account signs, and that somebody else sends.
///
/// As JSON `{"kind": "transfer", "account": "0x...", ...}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccountRequest {
    /// Free cash goes to another account.
    Transfer(CashTransfer),
    /// A delegate may sign orders, inside limits.
    Mandate {
        /// The limits.
        #[serde(flatten)]
        mandate: Mandate,
        /// Epoch seconds: not granted after it.
        expiry: u64,
    },
    /// Free cash of another currency than the first goes to another account.
    CurrencyTransfer {
        /// The market of the currency.
        market: Address,
        /// What goes where.
        #[serde(flatten)]
        transfer: CashTransfer,
    },
    /// Free cash of one currency is exchanged for cash of another, as a dealer quoted it.
    Exchange {
        /// What is exchanged.
        #[serde(flatten)]
        quote: Quote,
        /// The dealer's signature of its side.
        #[serde(rename = "dealerSignature")]
        dealer_signature: Bytes,
    },
    /// Certified energy goes to another account.
    CertificateTransfer(CertificateTransfer),
    /// Certified energy is used up, for somebody.
    CertificateRetirement(CertificateRetirement),
    /// Orders with these nonces end, as far as they are not filled.
    Cancellation(Cancellation),
}

impl AccountRequest {
    /// The tags of all kinds.
    pub const KINDS: [&str; 7] = [
        "transfer",
        "mandate",
        "currency_transfer",
        "exchange",
        "certificate_transfer",
        "certificate_retirement",
        "cancellation",
    ];

    /// Free cash that goes from one address of an account to another, sent by anybody; `market` is
    /// that of another currency than the first.
    pub fn moved(
        market: Option<Address>,
        (account, to): (Address, Address),
        amount: Money,
        (nonce, expiry): (B256, u64),
    ) -> AccountRequest {
        let (nonce, sender, link) = (nonce.into(), Address::ZERO, B256::ZERO);
        let transfer = CashTransfer { account, to, amount, nonce, expiry, sender, link };
        match market {
            None => AccountRequest::Transfer(transfer),
            Some(market) => AccountRequest::CurrencyTransfer { market, transfer },
        }
    }

    /// What it is, in a word: the tag of its JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            AccountRequest::Transfer(_) => "transfer",
            AccountRequest::Mandate { .. } => "mandate",
            AccountRequest::CurrencyTransfer { .. } => "currency_transfer",
            AccountRequest::Exchange { .. } => "exchange",
            AccountRequest::CertificateTransfer(_) => "certificate_transfer",
            AccountRequest::CertificateRetirement(_) => "certificate_retirement",
            AccountRequest::Cancellation(_) => "cancellation",
        }
    }

    /// Whose request it is.
    pub const fn account(&self) -> Address {
        match self {
            AccountRequest::Transfer(of) => of.account,
            AccountRequest::Mandate { mandate, .. } => mandate.account,
            AccountRequest::CurrencyTransfer { transfer, .. } => transfer.account,
            AccountRequest::Exchange { quote, .. } => quote.account,
            AccountRequest::CertificateTransfer(of) => of.account,
            AccountRequest::CertificateRetirement(of) => of.account,
            AccountRequest::Cancellation(of) => of.account,
        }
    }

    /// The last epoch second at which a contract takes it; the last there is, for what a contract
    /// always takes.
    pub const fn expiry(&self) -> u64 {
        match self {
            AccountRequest::Transfer(of) => of.expiry,
            AccountRequest::Mandate { expiry, .. } => *expiry,
            AccountRequest::CurrencyTransfer { transfer, .. } => transfer.expiry,
            AccountRequest::Exchange { quote, .. } => quote.expiry,
            AccountRequest::CertificateTransfer(of) => of.expiry,
            AccountRequest::CertificateRetirement(of) => of.expiry,
            AccountRequest::Cancellation(_) => u64::MAX,
        }
    }

    /// The most cash that it lets go, in its currency: what is transferred or exchanged; what a
    /// delegate may spend in a day. Certified energy has no price here.
    pub fn amount(&self) -> Result<Money, Overflow> {
        match self {
            AccountRequest::Transfer(of) => Ok(of.amount),
            AccountRequest::Mandate { mandate: of, .. } => {
                let price = i64::try_from(of.buy_price_max).map_err(|_| Overflow)?;
                Price::from_n_per_wh(price).cost_of(of.quantity_per_day)
            }
            AccountRequest::CurrencyTransfer { transfer, .. } => Ok(transfer.amount),
            AccountRequest::Exchange { quote, .. } => Ok(quote.given),
            AccountRequest::CertificateTransfer(_)
            | AccountRequest::CertificateRetirement(_)
            | AccountRequest::Cancellation(_) => Ok(Money::ZERO),
        }
    }

    /// What the account signs. Refused where an amount is negative.
    pub fn hash(&self, chain_id: u64, at: &Deployment) -> Result<B256, Overflow> {
        match self {
            AccountRequest::Transfer(of) => cash_transfer(chain_id, at.market, of),
            AccountRequest::Mandate { mandate: of, expiry } => {
                Ok(mandate(chain_id, at.mandates, of, *expiry))
            }
            AccountRequest::CurrencyTransfer { market, transfer } => {
                cash_transfer(chain_id, *market, transfer)
            }
            AccountRequest::Exchange { quote, .. } => quote.account_hash(chain_id, at),
            AccountRequest::CertificateTransfer(of) => {
                Ok(certificate_transfer(chain_id, at.certificates, of))
            }
            AccountRequest::CertificateRetirement(of) => {
                Ok(certificate_retirement(chain_id, at.certificates, of))
            }
            AccountRequest::Cancellation(of) => {
                Ok(cancel_all(chain_id, at.market, of.account, &of.nonces))
            }
        }
    }

    /// What a wallet is shown and signs (`eth_signTypedData_v4`): the same hash. Refused where an
    /// amount is negative.
    pub fn typed_data(&self, chain_id: u64, at: &Deployment) -> Result<Value, Overflow> {
        let (kind, contract, place, message) = match self {
            AccountRequest::Transfer(of) => transferred(of, at.market)?,
            AccountRequest::CurrencyTransfer { market, transfer } => {
                transferred(transfer, *market)?
            }
            AccountRequest::Exchange { quote, .. } => transferred(&quote.given(at)?, quote.from)?,
            AccountRequest::Mandate { mandate: of, expiry } => {
                let message = json!({
                    "account": of.account, "delegate": of.delegate, "policy": of.policy,
                    "until": of.until.to_string(), "buyPriceMax": of.buy_price_max.to_string(),
                    "sellPriceMin": of.sell_price_min.to_string(),
                    "quantityPerSlot": of.quantity_per_slot.wh().to_string(),
                    "quantityPerDay": of.quantity_per_day.wh().to_string(),
                    "version": of.version.to_string(), "expiry": expiry.to_string(),
                });
                let kind = sol_types::Mandate::eip712_encode_type();
                (kind, "Wattex TradingMandate", at.mandates, message)
            }
            AccountRequest::CertificateTransfer(of) => {
                let message = json!({
                    "account": of.account, "to": of.to, "certificate": of.certificate.to_string(),
                    "amount": of.amount.to_string(), "nonce": of.nonce.to_string(),
                    "expiry": of.expiry.to_string(),
                });
                let kind = sol_types::Transfer::eip712_encode_type();
                (kind, "Wattex EnergyCertificate", at.certificates, message)
            }
            AccountRequest::CertificateRetirement(of) => {
                let message = json!({
                    "account": of.account, "certificate": of.certificate.to_string(),
                    "amount": of.amount.to_string(), "beneficiary": of.beneficiary,
                    "nonce": of.nonce.to_string(), "expiry": of.expiry.to_string(),
                });
                let kind = sol_types::Retirement::eip712_encode_type();
                (kind, "Wattex EnergyCertificate", at.certificates, message)
            }
            AccountRequest::Cancellation(of) => {
                let nonces: Vec<String> = of.nonces.iter().map(U256::to_string).collect();
                let message = json!({ "account": of.account, "nonces": nonces });
                let kind = sol_types::CancelAll::eip712_encode_type();
                (kind, "Wattex EnergyMarket", at.market, message)
            }
        };
        let domain = json!({
            "name": contract, "version": "1", "chainId": chain_id, "verifyingContract": place,
        });
        Ok(typed_data(&kind, domain, message))
    }

    /// The call that makes it. Refused where an amount is negative.
    pub fn call(&self, at: &Deployment, signature: Bytes) -> Result<Call, Overflow> {
        match self {
            AccountRequest::Transfer(of) => at.transfer_for(of, signature),
            AccountRequest::Mandate { mandate: of, expiry } => {
                Ok(at.grant_mandate_for(of, *expiry, signature))
            }
            AccountRequest::CurrencyTransfer { market, transfer } => {
                let cash = Cash { market: *market, ..at.cash() };
                at.of_cash(cash).transfer_for(transfer, signature)
            }
            AccountRequest::Exchange { quote, dealer_signature } => {
                quote.call(at, signature, dealer_signature.clone())
            }
            AccountRequest::CertificateTransfer(of) => {
                Ok(at.transfer_certificate_for(of, signature))
            }
            AccountRequest::CertificateRetirement(of) => {
                Ok(at.retire_certificate_for(of, signature))
            }
            AccountRequest::Cancellation(of) => {
                Ok(at.cancel_all_for(of.account, &of.nonces, signature))
            }
        }
    }
}

/// A transfer as a wallet is shown it: its type, the contract's name and place, and its fields.
fn transferred(
    of: &CashTransfer,
    market: Address,
) -> Result<(Cow<'static, str>, &'static str, Address, Value), Overflow> {
    let message = json!({
        "account": of.account, "to": of.to, "amount": tokens(of.amount)?.to_string(),
        "nonce": of.nonce.to_string(), "expiry": of.expiry.to_string(),
        "sender": of.sender, "link": of.link,
    });
    let kind = sol_types::CashTransfer::eip712_encode_type();
    Ok((kind, "Wattex EnergyMarket", market, message))
}

#[cfg(test)]
mod tests {
    use alloy_dyn_abi::TypedData;
    use units::Energy;

    use super::*;

    fn place() -> Deployment {
        Deployment::of(Address::repeat_byte(9))
    }

    fn transfer() -> CashTransfer {
        CashTransfer {
            account: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            amount: Money::from_n(12_500_000_000),
            nonce: U256::MAX,
            expiry: u64::MAX,
            sender: Address::ZERO,
            link: B256::repeat_byte(3),
        }
    }

    fn allowed() -> Mandate {
        Mandate {
            account: Address::repeat_byte(1),
            delegate: Address::repeat_byte(2),
            policy: B256::repeat_byte(4),
            until: 1_800_000_000,
            buy_price_max: 300_000,
            sell_price_min: 90_000,
            quantity_per_slot: Energy::from_wh(5_000),
            quantity_per_day: Energy::from_wh(20_000),
            version: 3,
        }
    }

    fn granted(mandate: Mandate) -> AccountRequest {
        AccountRequest::Mandate { mandate, expiry: 1_790_000_000 }
    }

    fn elsewhere() -> AccountRequest {
        let market = Address::repeat_byte(0x77);
        AccountRequest::CurrencyTransfer { market, transfer: transfer() }
    }

    fn exchange() -> AccountRequest {
        let quote = Quote {
            from: place().market,
            to: Address::repeat_byte(0x77),
            account: Address::repeat_byte(1),
            dealer: Address::repeat_byte(5),
            given: Money::from_n(1_000_000_000),
            taken: Money::from_n(940_000_000),
            expiry: 1_790_000_000,
            account_nonce: U256::from(7),
            dealer_nonce: U256::MAX,
        };
        AccountRequest::Exchange { quote, dealer_signature: Bytes::from(vec![6; 64]) }
    }

    /// One of each kind.
    fn every_kind() -> [AccountRequest; 7] {
        let (account, certificate) = (Address::repeat_byte(1), U256::MAX - U256::ONE);
        let (amount, nonce, expiry) = (U256::from(250), U256::from(7), 1_790_000_000);
        let to = Address::repeat_byte(2);
        let given = CertificateTransfer { account, to, certificate, amount, nonce, expiry };
        let beneficiary = "Bäckerei \"Weber\"".to_owned();
        let used =
            CertificateRetirement { account, certificate, amount, beneficiary, nonce, expiry };
        [
            AccountRequest::Transfer(transfer()),
            granted(allowed()),
            elsewhere(),
            exchange(),
            AccountRequest::CertificateTransfer(given),
            AccountRequest::CertificateRetirement(used),
            AccountRequest::Cancellation(Cancellation { account, nonces: vec![nonce, U256::MAX] }),
        ]
    }

    #[test]
    fn a_wallet_signs_what_the_contract_checks() {
        for request in every_kind() {
            let typed = request.typed_data(77, &place()).unwrap();
            let typed: TypedData = serde_json::from_value(typed).unwrap();
            let hash = typed.eip712_signing_hash().unwrap();
            assert_eq!(hash, request.hash(77, &place()).unwrap(), "{request:?}");
            assert_ne!(hash, request.hash(78, &place()).unwrap(), "of another chain");
        }
    }

    #[test]
    fn a_request_is_read_as_it_is_written() {
        assert_eq!(every_kind().map(|request| request.kind()), AccountRequest::KINDS);
        for request in every_kind() {
            let text = serde_json::to_string(&request).unwrap();
            assert!(text.contains(&format!("\"kind\":\"{}\"", request.kind())), "{text}");
            assert_eq!(serde_json::from_str::<AccountRequest>(&text).unwrap(), request);
        }
        let more = r#"{"kind":"transfer","more":1}"#;
        assert!(serde_json::from_str::<AccountRequest>(more).is_err());
    }

    #[test]
    fn a_mandate_counts_what_its_delegate_may_spend_in_a_day() {
        let request = granted(allowed());
        assert_eq!(request.amount(), Ok(Money::from_n(300_000 * 20_000)));
        let dear = granted(Mandate { buy_price_max: u64::MAX, ..allowed() });
        assert_eq!(dear.amount(), Err(Overflow));
    }

    #[test]
    fn a_transfer_of_another_currency_is_of_its_market() {
        let [here, there] = [AccountRequest::Transfer(transfer()), elsewhere()];
        assert_ne!(here.hash(77, &place()), there.hash(77, &place()));
        let market = Address::repeat_byte(0x77);
        assert_eq!(there.call(&place(), Bytes::new()).unwrap().to, market);
        let other = place().of_cash(Cash { market, ..place().cash() });
        assert_eq!(here.hash(77, &other), there.hash(77, &place()));
    }

    #[test]
    fn nothing_negative_is_transferred() {
        let amount = Money::from_n(-1);
        let request = AccountRequest::Transfer(CashTransfer { amount, ..transfer() });
        assert_eq!(request.hash(77, &place()), Err(Overflow));
        assert_eq!(request.typed_data(77, &place()), Err(Overflow));
        assert_eq!(request.call(&place(), Bytes::new()), Err(Overflow));
    }
}
