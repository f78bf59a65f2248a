//! What else accounts, owners, installers and meters sign, besides orders (EIP-712).
//!
//! With these an account needs no gas: whoever likes sends the signed request.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use ids::{ConnectionPointId, MeterId};
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Overflow};

use crate::calls::tokens;
use crate::order::{Side, market_domain};

/// What is signed, as EIP-712 encodes it.
pub(crate) mod sol_types {
    use alloy_sol_types::sol;

    sol! {
        struct Cancel { address account; uint256 nonce; }
        struct CancelAll { address account; uint256[] nonces; }
        struct Withdrawal { address account; uint256 amount; uint256 nonce; uint64 expiry; }
        struct CashTransfer {
            address account; address to; uint256 amount; uint256 nonce; uint64 expiry;
            address sender; bytes32 link;
        }
        struct Redemption {
            address account; uint256 amount; bytes32 destination; uint256 nonce; uint64 expiry;
        }
        struct Mandate {
            address account; address delegate; bytes32 policy; uint64 until; uint64 buyPriceMax;
            uint64 sellPriceMin; uint64 quantityPerSlot; uint64 quantityPerDay; uint64 version;
            uint64 expiry;
        }
        struct Enrolment {
            bytes32 meter; address key; address owner; address installer; bytes32 connectionPoint;
            uint32 version;
        }
        struct Transfer {
            address account; address to; uint256 certificate; uint256 amount; uint256 nonce;
            uint64 expiry;
        }
        struct Retirement {
            address account; uint256 certificate; uint256 amount; string beneficiary; uint256 nonce;
            uint64 expiry;
        }
        struct Rotation { bytes32 meter; address key; uint32 version; uint64 expiry; }
        struct Succession { address account; address successor; uint64 from; }
    }
}

/// The hash an account signs to end its orders with this nonce.
pub fn cancel(chain_id: u64, market: Address, account: Address, nonce: U256) -> B256 {
    sol_types::Cancel { account, nonce }.eip712_signing_hash(&market_domain(chain_id, market))
}

/// The hash an account signs to end its orders with these nonces, in this order.
pub fn cancel_all(chain_id: u64, market: Address, account: Address, nonces: &[U256]) -> B256 {
    let request = sol_types::CancelAll { account, nonces: nonces.to_vec() };
    request.eip712_signing_hash(&market_domain(chain_id, market))
}

/// Orders that an account ends by their nonces. It has no expiry: what is ended stays so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cancellation {
    /// Whose.
    pub account: Address,
    /// In the order that is signed.
    pub nonces: Vec<U256>,
}

/// Cash that an account takes out of trading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Withdrawal {
    /// Whose.
    pub account: Address,
    /// How much.
    pub amount: Money,
    /// Shares nonces with orders.
    pub nonce: U256,
    /// Epoch seconds: not after it.
    pub expiry: u64,
}

/// The hash an account signs to take cash out of trading. Refused where the amount is negative.
pub fn withdrawal(chain_id: u64, market: Address, of: &Withdrawal) -> Result<B256, Overflow> {
    let Withdrawal { account, nonce, expiry, .. } = *of;
    let request = sol_types::Withdrawal { account, amount: tokens(of.amount)?, nonce, expiry };
    Ok(request.eip712_signing_hash(&market_domain(chain_id, market)))
}

/// Free cash that an account gives to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CashTransfer {
    /// Whose.
    pub account: Address,
    /// Who gets it.
    pub to: Address,
    /// How much.
    pub amount: Money,
    /// Shares nonces with orders.
    pub nonce: U256,
    /// Epoch seconds: not after it.
    pub expiry: u64,
    /// The only one who may send it; zero for anybody.
    pub sender: Address,
    /// What it belongs to: a quote, a payment's reference.
    pub link: B256,
}

/// The hash an account signs to give free cash to another. Refused where the amount is negative.
pub fn cash_transfer(chain_id: u64, market: Address, of: &CashTransfer) -> Result<B256, Overflow> {
    let CashTransfer { account, to, nonce, expiry, sender, link, .. } = *of;
    let amount = tokens(of.amount)?;
    let request = sol_types::CashTransfer { account, to, amount, nonce, expiry, sender, link };
    Ok(request.eip712_signing_hash(&market_domain(chain_id, market)))
}

/// Tokens that an account destroys to be paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Redemption {
    /// Whose.
    pub account: Address,
    /// How much.
    pub amount: Money,
    /// The hash of where it is paid out to.
    pub destination: B256,
    /// Any that the account has not used for a redemption.
    pub nonce: U256,
    /// Epoch seconds: not after it.
    pub expiry: u64,
}

/// The hash an account signs to be paid out. Refused where the amount is negative.
pub fn redemption(chain_id: u64, token: Address, of: &Redemption) -> Result<B256, Overflow> {
    let Redemption { account, destination, nonce, expiry, .. } = *of;
    let amount = tokens(of.amount)?;
    let request = sol_types::Redemption { account, amount, destination, nonce, expiry };
    Ok(request.eip712_signing_hash(&domain("Wattex SettlementToken", chain_id, token)))
}

/// What an account lets a delegate sign for it, under one policy. A later version replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mandate {
    /// Whose orders.
    pub account: Address,
    /// Who may sign them.
    pub delegate: Address,
    /// The only policy of them.
    pub policy: B256,
    /// Epoch seconds: before it; zero ends the mandate.
    pub until: u64,
    /// The most a buy order may pay all in, in 1e-9 currency per Wh.
    pub buy_price_max: u64,
    /// The least a sell order may get net, in 1e-9 currency per Wh.
    pub sell_price_min: u64,
    /// The largest order of each side and slot.
    pub quantity_per_slot: Energy,
    /// The most that is filled of each side and UTC day.
    pub quantity_per_day: Energy,
    /// Higher than that of the mandate it replaces; from 1 on.
    pub version: u64,
}

/// The hash an account signs to let a delegate sign its orders. It is not granted after `expiry`,
/// epoch seconds; what is granted lasts until the mandate ends.
pub fn mandate(chain_id: u64, mandates: Address, of: &Mandate, expiry: u64) -> B256 {
    let request = sol_types::Mandate {
        account: of.account,
        delegate: of.delegate,
        policy: of.policy,
        until: of.until,
        buyPriceMax: of.buy_price_max,
        sellPriceMin: of.sell_price_min,
        quantityPerSlot: of.quantity_per_slot.wh(),
        quantityPerDay: of.quantity_per_day.wh(),
        version: of.version,
        expiry,
    };
    request.eip712_signing_hash(&domain("Wattex TradingMandate", chain_id, mandates))
}

/// The only nonce of a delegate's order for a slot and side (`TradingMandate.orderNonce`).
pub fn mandated_nonce(delegate: Address, slot: u64, slot_seconds: u32, side: Side) -> U256 {
    let slot = U256::from(slot / u64::from(slot_seconds));
    U256::from_be_slice(delegate.as_slice()) << 96 | slot << 1 | U256::from(side.code())
}

fn domain(name: &'static str, chain_id: u64, contract: Address) -> Eip712Domain {
    eip712_domain! {
        name: name,
        version: "1",
        chain_id: chain_id,
        verifying_contract: contract,
    }
}

/// A key for a meter, as owner and installer sign it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeterEnrolment {
    /// The meter.
    pub meter: MeterId,
    /// The key it will sign with.
    pub key: Address,
    /// Whose meter it is.
    pub owner: Address,
    /// Who installed it.
    pub installer: Address,
    /// Where it measures.
    pub connection_point: ConnectionPointId,
    /// The version the key becomes: one more than the meter has had.
    pub version: u32,
}

/// The hash that owner and installer sign to enrol a meter.
pub fn enrolment(chain_id: u64, meters: Address, of: &MeterEnrolment) -> B256 {
    let request = sol_types::Enrolment {
        meter: of.meter.to_bytes32().into(),
        key: of.key,
        owner: of.owner,
        installer: of.installer,
        connectionPoint: of.connection_point.to_bytes32().into(),
        version: of.version,
    };
    request.eip712_signing_hash(&domain("Wattex MeterRegistry", chain_id, meters))
}

/// The hash that a meter's old key signs for its new key, which becomes `version`; not after
/// `expiry`, epoch seconds.
pub fn rotation(
    chain_id: u64,
    meters: Address,
    meter: MeterId,
    key: Address,
    (version, expiry): (u32, u64),
) -> B256 {
    let request = sol_types::Rotation { meter: meter.to_bytes32().into(), key, version, expiry };
    request.eip712_signing_hash(&domain("Wattex MeterRegistry", chain_id, meters))
}

/// The hash that an address and the one that succeeds it sign: from `from` on, epoch seconds, the
/// account settles at the successor. No contract is asked; `market` says for which installation.
pub fn succession(
    chain_id: u64,
    market: Address,
    (account, successor): (Address, Address),
    from: u64,
) -> B256 {
    let request = sol_types::Succession { account, successor, from };
    request.eip712_signing_hash(&domain("Wattex Identity", chain_id, market))
}

/// Certified energy that an account gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateTransfer {
    /// Whose.
    pub account: Address,
    /// Who gets it.
    pub to: Address,
    /// The certificate's number.
    pub certificate: U256,
    /// In Wh.
    pub amount: U256,
    /// Any that the account has not used with certificates.
    pub nonce: U256,
    /// Epoch seconds: not after it.
    pub expiry: u64,
}

/// The hash an account signs to give certified energy away.
pub fn certificate_transfer(
    chain_id: u64,
    certificates: Address,
    of: &CertificateTransfer,
) -> B256 {
    let CertificateTransfer { account, to, certificate, amount, nonce, expiry } = *of;
    let request = sol_types::Transfer { account, to, certificate, amount, nonce, expiry };
    request.eip712_signing_hash(&domain("Wattex EnergyCertificate", chain_id, certificates))
}

/// Certified energy that an account uses up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateRetirement {
    /// Whose.
    pub account: Address,
    /// The certificate's number.
    pub certificate: U256,
    /// In Wh.
    pub amount: U256,
    /// For whom, in words: 1 to 200 bytes.
    pub beneficiary: String,
    /// Any that the account has not used with certificates.
    pub nonce: U256,
    /// Epoch seconds: not after it.
    pub expiry: u64,
}

/// The longest name of a beneficiary, in bytes (`EnergyCertificate.BENEFICIARY_BYTES_MAX`).
pub const BENEFICIARY_BYTES_MAX: usize = 200;

impl CertificateRetirement {
    /// Whether the beneficiary's name is one that the contract takes and that a statement shows as
    /// it is: something else than blanks, and no control characters.
    pub fn is_for_somebody(&self) -> bool {
        let name = &self.beneficiary;
        let fits = name.len() <= BENEFICIARY_BYTES_MAX && !name.trim().is_empty();
        fits && !name.chars().any(char::is_control)
    }
}

/// The hash an account signs to use certified energy up.
pub fn certificate_retirement(
    chain_id: u64,
    certificates: Address,
    of: &CertificateRetirement,
) -> B256 {
    let request = sol_types::Retirement {
        account: of.account,
        certificate: of.certificate,
        amount: of.amount,
        beneficiary: of.beneficiary.clone(),
        nonce: of.nonce,
        expiry: of.expiry,
    };
    request.eip712_signing_hash(&domain("Wattex EnergyCertificate", chain_id, certificates))
}
