//! What a revert says.

use super::super::code;
use alloy_primitives::{Bytes, U256};
use client::RpcError;
use serde_json::json;

/// A revert: code 3 with what was returned; the reason in words if it has one.
pub(in super::super) fn reverted(data: &Bytes) -> RpcError {
    RpcError { data: Some(json!(data)), ..RpcError::new(code::REVERTED, message(data)) }
}

/// The message of a revert with this data.
pub(in super::super) fn message(data: &[u8]) -> String {
    match reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

/// The text of `Error(string)`, or what `Panic(uint256)` means.
fn reason(data: &[u8]) -> Option<String> {
    if let Some(number) = data.strip_prefix(&[0x4e, 0x48, 0x7b, 0x71]) {
        let number = U256::from_be_slice(number.get(..32)?);
        let known = u8::try_from(number).ok().and_then(panic_reason).map(str::to_owned);
        return Some(known.unwrap_or_else(|| format!("unknown panic code: {number:#x}")));
    }
    let words = data.strip_prefix(&[0x08, 0xc3, 0x79, 0xa0])?;
    let word = |at: usize| -> Option<usize> {
        let bytes = words.get(at..at.checked_add(32)?)?;
        U256::from_be_slice(bytes).try_into().ok()
    };
    let start = word(0)?;
    let text = start.checked_add(32)?;
    let bytes = words.get(text..text.checked_add(word(start)?)?)?;
    String::from_utf8(bytes.to_vec()).ok()
}

fn panic_reason(number: u8) -> Option<&'static str> {
    Some(match number {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(selector: [u8; 4], words: &[u64], text: &[u8]) -> Vec<u8> {
        let words = words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>());
        selector.into_iter().chain(words).chain(text.iter().copied()).collect()
    }

    #[test]
    fn a_revert_tells_its_reason_only_if_it_has_one() {
        let error = [0x08, 0xc3, 0x79, 0xa0];
        let panic = [0x4e, 0x48, 0x7b, 0x71];
        let data = words(error, &[32, 5], b"price");
        for (data, expected) in [
            (data.clone(), "execution reverted: price"),
            (data[..data.len() - 1].to_vec(), "execution reverted"),
            (data[..10].to_vec(), "execution reverted"),
            (vec![0xff; 4], "execution reverted"),
            (Vec::new(), "execution reverted"),
            (words(panic, &[0x11], b""), "execution reverted: arithmetic underflow or overflow"),
            (words(panic, &[0x99], b""), "execution reverted: unknown panic code: 0x99"),
            (words(panic, &[], b"short"), "execution reverted"),
        ] {
            let data = Bytes::from(data);
            let error = reverted(&data);
            assert_eq!((error.code, error.message.as_str()), (3, expected), "{data}");
            assert_eq!(error.data, Some(json!(data)));
        }
    }
}
