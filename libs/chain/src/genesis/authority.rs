//! Who may do what on a chain: sign checkpoints, mine.

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most operators of a chain.
pub const OPERATORS_MAX: usize = 64;
/// Most miners that a chain names.
pub const MINERS_MAX: usize = 1_024;

/// Who signs checkpoints, and how many of them make a block final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operators {
    /// Signatures that make a block final: more than half of the keys, so that two branches can
    /// only both be final where an operator signs both.
    pub threshold: u64,
    /// Addresses of the operators' keys.
    pub keys: Vec<Address>,
}

/// Why lists of operators or miners make no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Too few would be no majority, too many could never be reached.
    #[error("{threshold} of {keys} operators: more than half of them have to sign, at most all")]
    Threshold {
        /// Signatures that were asked for.
        threshold: u64,
        /// Operators that there are.
        keys: u64,
    },
    /// A list is longer than allowed.
    #[error("there are more than {max} {list}")]
    TooMany {
        /// `operators` or `miners`.
        list: &'static str,
        /// The most there may be.
        max: usize,
    },
    /// An address stands twice in a list.
    #[error("{address} stands twice among the {list}")]
    Twice {
        /// `operators` or `miners`.
        list: &'static str,
        /// Who.
        address: Address,
    },
}

pub(super) fn check(
    operators: Option<&Operators>,
    miners: &[Address],
) -> Result<(), AuthorityError> {
    if let Some(Operators { threshold, keys }) = operators {
        check_list("operators", keys, OPERATORS_MAX)?;
        let (threshold, keys) = (*threshold, keys.len() as u64);
        if threshold > keys || threshold <= keys / 2 {
            return Err(AuthorityError::Threshold { threshold, keys });
        }
    }
    check_list("miners", miners, MINERS_MAX)
}

fn check_list(list: &'static str, addresses: &[Address], max: usize) -> Result<(), AuthorityError> {
    if addresses.len() > max {
        return Err(AuthorityError::TooMany { list, max });
    }
    let mut seen = BTreeSet::new();
    match addresses.iter().find(|address| !seen.insert(**address)) {
        Some(&address) => Err(AuthorityError::Twice { list, address }),
        None => Ok(()),
    }
}

/// What block 0 says of its lists; zero without any.
pub(super) fn commitment(operators: Option<&Operators>, miners: &[Address]) -> B256 {
    if operators.is_none() && miners.is_empty() {
        return B256::ZERO;
    }
    let mut rlp = Vec::new();
    let operators: Vec<&Operators> = operators.into_iter().collect();
    alloy_rlp::encode_list::<_, Operators>(&operators, &mut rlp);
    alloy_rlp::encode_list::<_, Address>(miners, &mut rlp);
    keccak256(rlp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::{GenesisError, GenesisSpec};

    fn address(number: u8) -> Address {
        Address::repeat_byte(number)
    }

    fn spec(operators: Option<(u64, &[u8])>, miners: &[u8]) -> GenesisSpec {
        let keys = |numbers: &[u8]| numbers.iter().map(|number| address(*number)).collect();
        let mut spec = GenesisSpec::new(1, 1);
        spec.operators =
            operators.map(|(threshold, numbers)| Operators { threshold, keys: keys(numbers) });
        spec.miners = keys(miners);
        spec
    }

    #[test]
    fn every_list_makes_another_chain_and_none_the_chain_that_was() {
        let mut seen = BTreeSet::new();
        for (operators, miners) in [
            (None, &[][..]),
            (None, &[1][..]),
            (None, &[1, 2][..]),
            (Some((1, &[1][..])), &[][..]),
            (Some((2, &[1, 2][..])), &[][..]),
            (Some((2, &[1, 2, 3][..])), &[][..]),
            (Some((3, &[1, 2, 3][..])), &[1][..]),
        ] {
            let spec = spec(operators, miners);
            assert!(seen.insert(spec.build().unwrap().imported.hash), "{operators:?} {miners:?}");
            let json = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<GenesisSpec>(&json).unwrap(), spec);
        }
        let plain = spec(None, &[]).build().unwrap().imported.block.header;
        assert_eq!(plain.mix_hash, B256::ZERO);
    }

    #[test]
    fn a_threshold_is_a_majority_and_nobody_stands_twice() {
        let refusal = |operators, miners| match spec(operators, miners).build().unwrap_err() {
            GenesisError::Authority(error) => error,
            other => panic!("{other}"),
        };
        for (threshold, numbers) in [(0, &[][..]), (0, &[1]), (2, &[1]), (1, &[1, 2]), (2, &[1; 1])]
        {
            let keys = numbers.len() as u64;
            let expected = AuthorityError::Threshold { threshold, keys };
            assert_eq!(refusal(Some((threshold, numbers)), &[]), expected);
        }
        let (list, address) = ("operators", address(1));
        let expected = AuthorityError::Twice { list, address };
        assert_eq!(refusal(Some((2, &[1, 1])), &[]), expected);
        assert_eq!(refusal(None, &[2, 1, 1]), AuthorityError::Twice { list: "miners", address });
    }
}
