//! Evidence that more was reconciled than a meter registered (`Challenges.challenge`).

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::{SolCall, SolValue};
use ids::CommunityId;
use units::Energy;

use crate::batch::TradeBatch;
use crate::bindings::{Challenges, EnergyCertificate};
use crate::calls::Call;
use crate::clearing::Prices;
use crate::deployment::Deployment;
use crate::order::OrderTerms;

/// A signed reading at one end of a slot or outside of it, and the proof that it was anchored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The bytes of the reading: payload, signature, and its place where it was signed with
    /// others.
    pub message: Bytes,
    /// The salt of its leaf.
    pub salt: B256,
    /// Under which community it was anchored.
    pub community: CommunityId,
    /// The period of its root: the start of the slot that ends with the reading.
    pub period: u64,
    /// The batch of the period, from 1.
    pub batch: u32,
    /// Place of the leaf under the batch's root.
    pub index: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
    /// Both coordinates of a P-256 key; empty for a secp256k1 key.
    pub point: Bytes,
}

/// The proof that an order met another at a place of its clearing's fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The order of the side that is looked at.
    pub order: OrderTerms,
    /// What the clearing fills of it in all.
    pub filled: Energy,
    /// The hash of the order that it met.
    pub other: B256,
    /// What the clearing fills of that one in all.
    pub other_filled: Energy,
    /// The fill's.
    pub prices: Prices,
    /// Place of the fill under the clearing's fills root.
    pub index: u32,
    /// Siblings from the fill's leaf up.
    pub path: Vec<B256>,
}

impl Evidence {
    fn to_sol(&self) -> Challenges::Evidence {
        Challenges::Evidence {
            message: self.message.clone(),
            salt: self.salt,
            community: self.community.to_bytes32().into(),
            period: self.period,
            batch: self.batch,
            index: self.index,
            path: self.path.clone(),
            point: self.point.clone(),
        }
    }
}

/// Each contract's bindings have types of their own for the same things.
macro_rules! as_taken_by {
    ($($contract:ident),*) => {
        $(impl From<&Claim> for $contract::Claim {
            fn from(claim: &Claim) -> Self {
                Self {
                    order: (&claim.order).into(),
                    filled: claim.filled.wh(),
                    other: claim.other,
                    otherFilled: claim.other_filled.wh(),
                    prices: claim.prices.word(),
                    index: claim.index,
                    path: claim.path.clone(),
                }
            }
        }

        impl From<&TradeBatch> for $contract::TradeBatch {
            fn from(batch: &TradeBatch) -> Self {
                let bytes = batch.to_sol().abi_encode();
                Self::abi_decode(&bytes).expect("both are the same struct of Types.sol")
            }
        })*
    };
}

as_taken_by!(Challenges, EnergyCertificate);

impl Deployment {
    /// By anyone, from the end of corrections to that of challenges: cuts what was reconciled of
    /// `claims` above what the meter registered between `begin` and `end`. The claims are of one
    /// side of one connection point in one clearing, in order of their fills; `batches` have their
    /// trades, each of its own.
    pub fn challenge(
        &self,
        [begin, end]: [&Evidence; 2],
        claims: &[Claim],
        batches: &[TradeBatch],
    ) -> Call {
        let what = Challenges::challengeCall {
            begin: begin.to_sol(),
            end: end.to_sol(),
            claims: claims.iter().map(Into::into).collect(),
            batches: batches.iter().map(Into::into).collect(),
        };
        Call { to: self.challenges, data: what.abi_encode().into() }
    }
}
