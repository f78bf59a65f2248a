//! Signatures that a contract account judges (ERC-1271), asked as the contracts ask it.
//!
//! Invariants: the answer is that of one block, named by its hash; it costs the node no more than
//! the gas that is given; nothing but the magic word, exactly, is a yes, so that an address without
//! code, a contract that reverts and one that uses up its gas take nothing.
//! Deliberately absent: contracts that are yet to be made (ERC-6492): they cannot trade either.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::Deserialize;
use serde_json::json;

use crate::{JsonRpc, RpcError};

/// `isValidSignature(bytes32,bytes)`: what is asked, and in the first bytes of a word the answer.
const MAGIC: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];
/// Where the signature stands in the arguments: behind the hash and this word.
const OFFSET: U256 = U256::from_limbs([64, 0, 0, 0]);
/// Bytes of a word.
const WORD: usize = 32;
/// Gas of a transaction that does nothing, and of its zero and other bytes.
const INTRINSIC_GAS: u64 = 21_000;
const ZERO_GAS: u64 = 4;
const BYTE_GAS: u64 = 16;

/// Whether the contract at `account` takes `signature` over `hash` as its own, by the node's newest
/// block, for at most `gas` of its own.
///
/// # Errors
/// Where the node does not answer; a contract that refuses, however it does, is no error.
pub async fn is_accepted(
    node: &dyn JsonRpc,
    account: Address,
    hash: B256,
    signature: &[u8],
    gas: u64,
) -> Result<bool, RpcError> {
    let newest = node.request("eth_getBlockByNumber", json!(["latest", false])).await?;
    let Newest { hash: block } = serde_json::from_value(newest).map_err(RpcError::unreachable)?;
    let data = question(hash, signature);
    let gas = U64::from(gas.saturating_add(cost_of(&data)));
    let call = json!({ "to": account, "data": data, "gas": gas });
    match node.request("eth_call", json!([call, { "blockHash": block }])).await {
        Ok(answer) => {
            let answer: Bytes = serde_json::from_value(answer).map_err(RpcError::unreachable)?;
            Ok(is_yes(&answer))
        }
        Err(error) if error.is_unreachable() => Err(error),
        // It reverted, or had not enough gas.
        Err(_) => Ok(false),
    }
}

#[derive(Deserialize)]
struct Newest {
    hash: B256,
}

/// The call `isValidSignature(hash, signature)`.
fn question(hash: B256, signature: &[u8]) -> Bytes {
    let mut data = MAGIC.to_vec();
    data.extend_from_slice(hash.as_slice());
    data.extend_from_slice(&OFFSET.to_be_bytes::<WORD>());
    data.extend_from_slice(&U256::from(signature.len()).to_be_bytes::<WORD>());
    data.extend_from_slice(signature);
    data.resize(MAGIC.len() + 3 * WORD + signature.len().next_multiple_of(WORD), 0);
    data.into()
}

/// What a transaction with this data costs before the contract begins.
fn cost_of(data: &[u8]) -> u64 {
    let gas = |byte: &u8| if *byte == 0 { ZERO_GAS } else { BYTE_GAS };
    INTRINSIC_GAS + data.iter().map(gas).sum::<u64>()
}

/// The magic word, and zeros behind it; what follows is not looked at, as the contracts do not.
fn is_yes(answer: &[u8]) -> bool {
    let word = answer.get(..WORD).unwrap_or_default();
    word.strip_prefix(&MAGIC).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn a_question_is_encoded_as_contracts_read_it() {
        let hash = B256::repeat_byte(0xaa);
        let asked = question(hash, &[0x11; 33]);
        let expected = [
            "1626ba7e",
            &"aa".repeat(32),
            "0000000000000000000000000000000000000000000000000000000000000040",
            "0000000000000000000000000000000000000000000000000000000000000021",
            &"11".repeat(32),
            "1100000000000000000000000000000000000000000000000000000000000000",
        ];
        assert_eq!(hex::encode(&asked), expected.concat());
        assert_eq!(question(hash, &[]).len(), 4 + 96);
        assert_eq!(cost_of(&[0, 0, 7]), 21_000 + 4 + 4 + 16);
    }

    #[test]
    fn nothing_but_the_magic_word_is_a_yes() {
        let yes = [&MAGIC[..], &[0; 28]].concat();
        for (answer, expected) in [
            (yes.clone(), true),
            ([&yes[..], &[9; 64]].concat(), true),
            (yes[..31].to_vec(), false),
            (MAGIC.to_vec(), false),
            (Vec::new(), false),
            ([&MAGIC[..], &[0; 27], &[1]].concat(), false),
            ([&[0x16, 0x26, 0xba, 0x7f][..], &[0; 28]].concat(), false),
            ([[0; 28].as_slice(), &MAGIC].concat(), false),
        ] {
            assert_eq!(is_yes(&answer), expected, "{}", hex::encode(&answer));
        }
    }
}
