//! Certificates of delivered renewable energy (`EnergyCertificate`).

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use ids::{ConnectionPointId, MeterId};

use crate::batch::TradeBatch;
use crate::bindings::EnergyCertificate;
use crate::calls::Call;
use crate::challenge::Claim;
use crate::deployment::Deployment;
use crate::requests::{CertificateRetirement, CertificateTransfer};

/// What all Wh of a certificate have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateTerms {
    /// Where it was fed in.
    pub connection_point: ConnectionPointId,
    /// The meter that measured it there.
    pub meter: MeterId,
    /// What it was generated from: an EECS code in ASCII, then zeros.
    pub source: B256,
    /// Start of the slot, epoch seconds.
    pub slot: u64,
    /// How long the slot is.
    pub slot_seconds: u32,
}

impl CertificateTerms {
    /// The number of the certificate: it follows from its terms.
    pub fn id(&self) -> U256 {
        let terms = (
            B256::from(self.connection_point.to_bytes32()),
            B256::from(self.meter.to_bytes32()),
            self.source,
            self.slot,
            self.slot_seconds,
        );
        keccak256(terms.abi_encode()).into()
    }

    /// What `certificates(number)` answers; `None` where it is of no id of ours.
    pub fn from_sol(terms: &EnergyCertificate::certificatesReturn) -> Option<Self> {
        Some(CertificateTerms {
            connection_point: ConnectionPointId::from_bytes32(terms.connectionPoint.0)?,
            meter: MeterId::from_bytes32(terms.meter.0)?,
            source: terms.source,
            slot: terms.slot,
            slot_seconds: terms.slotSeconds,
        })
    }
}

impl Deployment {
    /// By CERTIFIER: what a connection point generates from, from now on; an EECS code.
    pub fn register_source(&self, connection_point: ConnectionPointId, code: B256) -> Call {
        let connection_point = connection_point.to_bytes32().into();
        let what =
            EnergyCertificate::registerSourceCall { connectionPoint: connection_point, code };
        self.certificates_call(what)
    }

    /// By CERTIFIER: it generates from that no more.
    pub fn end_source(&self, connection_point: ConnectionPointId) -> Call {
        let connection_point = connection_point.to_bytes32().into();
        self.certificates_call(EnergyCertificate::endSourceCall {
            connectionPoint: connection_point,
        })
    }

    /// By anyone, once a trade is final: certifies what it delivered, to its buyer. `sale` is the
    /// seller's order in its fill, `batch` has the trade.
    pub fn certify(&self, sale: &Claim, batch: &TradeBatch, meter: MeterId) -> Call {
        let (sale, batch, meter) = (sale.into(), batch.into(), meter.to_bytes32().into());
        self.certificates_call(EnergyCertificate::issueCall { sale, batch, meter })
    }

    /// By anyone, for an account that signed [`crate::requests::certificate_transfer`].
    pub fn transfer_certificate_for(&self, of: &CertificateTransfer, signature: Bytes) -> Call {
        let CertificateTransfer { account, to, certificate, amount, nonce, expiry } = *of;
        let what = EnergyCertificate::transferForCall {
            account,
            to,
            certificate,
            amount,
            nonce,
            expiry,
            signature,
        };
        self.certificates_call(what)
    }

    /// By anyone, for an account that signed [`crate::requests::certificate_retirement`].
    pub fn retire_certificate_for(&self, of: &CertificateRetirement, signature: Bytes) -> Call {
        let what = EnergyCertificate::retireForCall {
            account: of.account,
            certificate: of.certificate,
            amount: of.amount,
            beneficiary: of.beneficiary.clone(),
            nonce: of.nonce,
            expiry: of.expiry,
            signature,
        };
        self.certificates_call(what)
    }

    fn certificates_call(&self, what: impl SolCall) -> Call {
        Call { to: self.certificates, data: what.abi_encode().into() }
    }
}
