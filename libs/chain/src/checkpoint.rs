//! Checkpoints: blocks that enough operators signed, below which nothing is ever undone.
//!
//! ```text
//! head moves --> Ballots::due --sign, keep--> Vote --> all nodes
//! Vote of each operator --> Ballots::take --threshold--> Certificate --> final
//! ```
//!
//! A vote is signed once per height, and the heights of an operator's votes rise. An operator that
//! voted for a block votes for a branch without it only when it has seen that so many others are
//! on branches without it that the rest cannot reach the threshold ([`Ballots::is_free`]). So as
//! long as operators follow these rules two conflicting blocks never both get enough signatures:
//! take the lower of the two and the first of its signers to leave it. More than `n - k` others
//! had to be on other branches at or above it by then; one of those is among its `k` signers, and
//! left it earlier, which contradicts that it was the first.
//!
//! While nothing becomes final, votes thin out ([`is_due`]): what is kept grows with the logarithm
//! of the height.
//!
//! Absent on purpose: keys and the disk. Who signs keeps its vote durably before it sends it.

mod ballots;

pub use ballots::{Ballots, Equivocation, Taken, VOTES_PER_OPERATOR_MAX};

use crate::genesis::Operators;
use alloy_primitives::{Address, B256, B512, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use keys::Signature;
use std::collections::BTreeSet;

/// Heights above the last final one at which every block is voted for; above, every second, then
/// every fourth and so on, as many of each.
const HEIGHTS_PER_STEP: u64 = 64;

/// A block that operators vote for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, RlpEncodable, RlpDecodable)]
pub struct Checkpoint {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: B256,
}

/// A checkpoint with an operator's signature; who signed is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Vote {
    /// What was voted for.
    pub checkpoint: Checkpoint,
    /// EIP-2098, 64 bytes.
    pub signature: B512,
}

/// A checkpoint with as many signatures as the chain asks for.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Certificate {
    /// What was voted for.
    pub checkpoint: Checkpoint,
    /// Of different operators.
    pub signatures: Vec<B512>,
}

/// The chain that checkpoints are of: what keeps a signature from being used on another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis: B256,
}

/// Why a vote or certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The signature is none.
    #[error("the signature of a checkpoint is none")]
    Signature,
    /// Somebody else signed.
    #[error("{0} is no operator of this chain")]
    NotAnOperator(Address),
    /// An operator's signature stands in it twice: what is kept and passed on stays small.
    #[error("{0} signed the checkpoint twice")]
    Repeated(Address),
    /// Fewer operators than the chain asks for.
    #[error("{got} operators signed the checkpoint, {threshold} have to")]
    TooFew {
        /// Different operators that signed.
        got: u64,
        /// How many have to.
        threshold: u64,
    },
}

impl Checkpoint {
    /// What an operator signs: EIP-712 of `Checkpoint(bytes32 genesis,uint64 height,bytes32 block)`
    /// in the domain `{name: "Wattex Checkpoint", version: "1", chainId}`.
    pub fn signing_hash(&self, domain: Domain) -> B256 {
        let word = |number: u64| U256::from(number).to_be_bytes::<32>();
        let domain_type = b"EIP712Domain(string name,string version,uint256 chainId)";
        let separator = keccak256(
            [
                keccak256(domain_type).0,
                keccak256(b"Wattex Checkpoint").0,
                keccak256(b"1").0,
                word(domain.chain_id),
            ]
            .concat(),
        );
        let own_type = b"Checkpoint(bytes32 genesis,uint64 height,bytes32 block)";
        let own = keccak256(
            [keccak256(own_type).0, domain.genesis.0, word(self.height), self.hash.0].concat(),
        );
        keccak256([&[0x19, 0x01], &separator[..], &own[..]].concat())
    }

    fn signer(
        &self,
        domain: Domain,
        operators: &Operators,
        signature: &B512,
    ) -> Result<Address, CheckpointError> {
        let signature =
            Signature::from_bytes(signature.0).map_err(|_| CheckpointError::Signature)?;
        let signer = keys::recover(self.signing_hash(domain), &signature)
            .ok_or(CheckpointError::Signature)?;
        if !operators.keys.contains(&signer) {
            return Err(CheckpointError::NotAnOperator(signer));
        }
        Ok(signer)
    }
}

impl Vote {
    /// The operator that signed it.
    pub fn signer(
        &self,
        domain: Domain,
        operators: &Operators,
    ) -> Result<Address, CheckpointError> {
        self.checkpoint.signer(domain, operators, &self.signature)
    }
}

impl Certificate {
    /// Checks that enough operators signed, and each once.
    pub fn verify(&self, domain: Domain, operators: &Operators) -> Result<(), CheckpointError> {
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            let signer = self.checkpoint.signer(domain, operators, signature)?;
            if !signers.insert(signer) {
                return Err(CheckpointError::Repeated(signer));
            }
        }
        let (got, threshold) = (signers.len() as u64, operators.threshold);
        if got < threshold {
            return Err(CheckpointError::TooFew { got, threshold });
        }
        Ok(())
    }
}

/// Whether operators vote at this height while `finalized` is the last final one.
pub fn is_due(height: u64, finalized: u64) -> bool {
    let Some(above @ 1..) = height.checked_sub(finalized) else { return false };
    let steps = (above / HEIGHTS_PER_STEP).max(1);
    height.is_multiple_of(1 << steps.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::{SolStruct, eip712_domain, sol};

    mod typed {
        super::sol! {
            struct Checkpoint { bytes32 genesis; uint64 height; bytes32 block; }
        }
    }

    #[test]
    fn a_certificate_holds_each_signature_once() {
        let domain = Domain { chain_id: 4_711, genesis: B256::repeat_byte(1) };
        let keys = [1, 2, 3].map(|byte| keys::SecretKey::from_bytes(&[byte; 32]).unwrap());
        let operators =
            Operators { threshold: 2, keys: keys.iter().map(|key| key.address()).collect() };
        let checkpoint = Checkpoint { height: 7, hash: B256::repeat_byte(2) };
        let hash = checkpoint.signing_hash(domain);
        let sign = |at: usize| B512::from(*keys[at].sign(hash).as_bytes());
        let check = |signers: &[usize]| {
            let signatures = signers.iter().map(|at| sign(*at)).collect();
            Certificate { checkpoint, signatures }.verify(domain, &operators)
        };
        assert_eq!(check(&[0, 2]), Ok(()));
        assert_eq!(check(&[0, 1, 2]), Ok(()));
        assert_eq!(check(&[1]), Err(CheckpointError::TooFew { got: 1, threshold: 2 }));
        let repeated = Err(CheckpointError::Repeated(keys[0].address()));
        assert_eq!(check(&[0, 1, 0]), repeated);
    }

    #[test]
    fn the_signed_hash_is_what_a_wallet_computes() {
        let domain = Domain { chain_id: 4_711, genesis: B256::repeat_byte(1) };
        let checkpoint = Checkpoint { height: 77, hash: B256::repeat_byte(2) };
        let typed = typed::Checkpoint {
            genesis: domain.genesis,
            height: checkpoint.height,
            block: checkpoint.hash,
        };
        let expected = typed.eip712_signing_hash(&eip712_domain! {
            name: "Wattex Checkpoint",
            version: "1",
            chain_id: 4_711,
        });
        assert_eq!(checkpoint.signing_hash(domain), expected);
        let other = Domain { genesis: B256::repeat_byte(3), ..domain };
        assert_ne!(checkpoint.signing_hash(other), expected);
    }

    #[test]
    fn votes_thin_out_while_nothing_is_final() {
        let due = |finalized: u64, from: u64, to: u64| {
            (from..=to).filter(|height| is_due(*height, finalized)).count()
        };
        assert_eq!(due(1_000, 0, 1_000), 0);
        assert_eq!(due(1_000, 1_001, 1_127), 127);
        assert_eq!(due(1_000, 1_128, 1_255), 64);
        assert_eq!(due(0, 1, 1 << 20), 63 + 64 * 14 + 1);
        assert!(due(0, 1, 1 << 24) < VOTES_PER_OPERATOR_MAX);
    }
}
