//! Evidence that more was reconciled than a meter registered (`Challenges.challenge`).

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::SolCall;
use ids::CommunityId;

use crate::bindings::Challenges;
use crate::calls::Call;
use crate::deployment::Deployment;
use crate::order::OrderTerms;

/// A signed reading at one end of a slot or outside of it, and the proof that it was anchored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The 119 bytes of the message MR1.
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

/// A trade of the challenged side of a connection point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The order of that side.
    pub order: OrderTerms,
    /// The hash of the order that it met.
    pub other: B256,
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

impl Claim {
    fn to_sol(&self) -> Challenges::Claim {
        let order = (&self.order).into();
        let (other, index, path) = (self.other, self.index, self.path.clone());
        Challenges::Claim { order, other, index, path }
    }
}

impl Deployment {
    /// By anyone, until the challenges of the clearing's policy end: cuts what was reconciled of
    /// `claims` above what the meter registered between `begin` and `end`. The claims are of one
    /// side of one connection point, in order of their fills.
    pub fn challenge(
        &self,
        clearing: B256,
        [begin, end]: [&Evidence; 2],
        claims: &[Claim],
    ) -> Call {
        let what = Challenges::challengeCall {
            clearing,
            begin: begin.to_sol(),
            end: end.to_sol(),
            claims: claims.iter().map(Claim::to_sol).collect(),
        };
        Call { to: self.challenges, data: what.abi_encode().into() }
    }
}
