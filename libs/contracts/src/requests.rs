//! What else accounts, owners, installers and meters sign, besides orders (EIP-712).
//!
//! With these an account needs no gas: whoever likes sends the signed request.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolStruct, eip712_domain, sol};
use ids::{ConnectionPointId, MeterId};

use crate::order::market_domain;

sol! {
    struct Cancel { address account; uint256 nonce; }
    struct Withdrawal { address account; uint256 amount; uint256 nonce; }
    struct Delegation {
        address account; address delegate; uint64 until; uint64 quantityMax; uint256 nonce;
    }
    struct Enrolment {
        bytes32 meter; address key; address owner; address installer; bytes32 connectionPoint;
        uint32 version;
    }
    struct Transfer {
        address account; address to; uint256 certificate; uint256 amount; uint256 nonce;
    }
    struct Retirement {
        address account; uint256 certificate; uint256 amount; string beneficiary; uint256 nonce;
    }
    struct Rotation { bytes32 meter; address key; uint32 version; }
}

/// The hash an account signs to end its orders with this nonce.
pub fn cancel(chain_id: u64, market: Address, account: Address, nonce: U256) -> B256 {
    Cancel { account, nonce }.eip712_signing_hash(&market_domain(chain_id, market))
}

/// The hash an account signs to take `amount` out of trading. Shares nonces with orders.
pub fn withdrawal(
    chain_id: u64,
    market: Address,
    account: Address,
    amount: U256,
    nonce: U256,
) -> B256 {
    let request = Withdrawal { account, amount, nonce };
    request.eip712_signing_hash(&market_domain(chain_id, market))
}

/// A delegate and what it may sign: orders of at most `quantity_max` Wh, before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Whose orders.
    pub account: Address,
    /// Who may sign them.
    pub delegate: Address,
    /// Epoch seconds; zero ends the grant.
    pub until: u64,
    /// The largest order, in Wh.
    pub quantity_max: u64,
    /// Shares nonces with orders.
    pub nonce: U256,
}

/// The hash an account signs to let a delegate sign its orders.
pub fn delegation(chain_id: u64, market: Address, grant: &Grant) -> B256 {
    let request = Delegation {
        account: grant.account,
        delegate: grant.delegate,
        until: grant.until,
        quantityMax: grant.quantity_max,
        nonce: grant.nonce,
    };
    request.eip712_signing_hash(&market_domain(chain_id, market))
}

fn meters_domain(chain_id: u64, meters: Address) -> alloy_sol_types::Eip712Domain {
    eip712_domain! {
        name: "Wattex MeterRegistry",
        version: "1",
        chain_id: chain_id,
        verifying_contract: meters,
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
    let request = Enrolment {
        meter: of.meter.to_bytes32().into(),
        key: of.key,
        owner: of.owner,
        installer: of.installer,
        connectionPoint: of.connection_point.to_bytes32().into(),
        version: of.version,
    };
    request.eip712_signing_hash(&meters_domain(chain_id, meters))
}

/// The hash that a meter's old key signs for its new key, which becomes `version`.
pub fn rotation(
    chain_id: u64,
    meters: Address,
    meter: MeterId,
    key: Address,
    version: u32,
) -> B256 {
    let request = Rotation { meter: meter.to_bytes32().into(), key, version };
    request.eip712_signing_hash(&meters_domain(chain_id, meters))
}

fn certificates_domain(chain_id: u64, certificates: Address) -> alloy_sol_types::Eip712Domain {
    eip712_domain! {
        name: "Wattex EnergyCertificate",
        version: "1",
        chain_id: chain_id,
        verifying_contract: certificates,
    }
}

/// Certified energy that an account gives away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
}

/// The hash an account signs to give certified energy away.
pub fn certificate_transfer(
    chain_id: u64,
    certificates: Address,
    of: &CertificateTransfer,
) -> B256 {
    let CertificateTransfer { account, to, certificate, amount, nonce } = *of;
    let request = Transfer { account, to, certificate, amount, nonce };
    request.eip712_signing_hash(&certificates_domain(chain_id, certificates))
}

/// Certified energy that an account uses up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
}

/// The hash an account signs to use certified energy up.
pub fn certificate_retirement(
    chain_id: u64,
    certificates: Address,
    of: &CertificateRetirement,
) -> B256 {
    let CertificateRetirement { account, certificate, amount, .. } = *of;
    let (beneficiary, nonce) = (of.beneficiary.clone(), of.nonce);
    let request = Retirement { account, certificate, amount, beneficiary, nonce };
    request.eip712_signing_hash(&certificates_domain(chain_id, certificates))
}
