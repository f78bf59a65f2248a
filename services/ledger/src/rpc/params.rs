//! Parameters of a request.

use super::invalid;
use alloy_primitives::{B256, U64};
use client::RpcError;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The parameters of a request, by position.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn none() -> Self {
        Self(&[])
    }

    /// The parameters in an array, or null for none.
    pub(super) fn new(params: &'a Value) -> Result<Self, RpcError> {
        match params {
            Value::Array(params) => Ok(Self(params)),
            Value::Null => Ok(Self::none()),
            _ => Err(invalid("non-array args")),
        }
    }

    /// The parameter at a position.
    pub(super) fn get<T: DeserializeOwned>(&self, position: usize) -> Result<T, RpcError> {
        self.optional(position)?
            .ok_or_else(|| invalid(format!("missing value for required argument {position}")))
    }

    /// The parameter at a position; `None` if it is left out or null.
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        position: usize,
    ) -> Result<Option<T>, RpcError> {
        let value = self.0.get(position).unwrap_or(&Value::Null);
        Option::<T>::deserialize(value)
            .map_err(|error| invalid(format!("invalid argument {position}: {error}")))
    }
}

/// Names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockId {
    /// `latest`.
    Head,
    /// What the next block would be.
    Pending,
    /// `safe` and `finalized`.
    Finalized,
    /// A height on the canonical chain, also `earliest`.
    Number(u64),
    /// Any stored block.
    Hash(B256),
    /// A block that has to be canonical (EIP-1898).
    Canonical(B256),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Eip1898 {
    block_hash: Option<B256>,
    block_number: Option<Value>,
    #[serde(default)]
    require_canonical: bool,
}

impl<'de> Deserialize<'de> for BlockId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if let Value::Object(_) = value {
            let named = Eip1898::deserialize(&value).map_err(D::Error::custom)?;
            return match (named.block_hash, named.block_number) {
                (Some(hash), None) if named.require_canonical => Ok(Self::Canonical(hash)),
                (Some(hash), None) => Ok(Self::Hash(hash)),
                (None, Some(number)) => Self::deserialize(number).map_err(D::Error::custom),
                _ => Err(D::Error::custom("either blockHash or blockNumber is needed")),
            };
        }
        match value.as_str() {
            Some("latest") => Ok(Self::Head),
            Some("pending") => Ok(Self::Pending),
            Some("safe" | "finalized") => Ok(Self::Finalized),
            Some("earliest") => Ok(Self::Number(0)),
            Some(text) if text.len() == 66 => {
                B256::deserialize(&value).map(Self::Hash).map_err(D::Error::custom)
            }
            Some(text) if text.starts_with("0x") => {
                let number = U64::deserialize(&value).map_err(D::Error::custom)?;
                Ok(Self::Number(number.to()))
            }
            Some(_) => Err(D::Error::custom("hex string without 0x prefix")),
            None => Err(D::Error::custom("not a block number, tag or hash")),
        }
    }
}

/// One value or a list of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(_) => Vec::deserialize(value).map_err(D::Error::custom),
        one => T::deserialize(one).map(|one| vec![one]).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_block_is_named_by_tag_number_hash_or_object() {
        let hash = B256::repeat_byte(7);
        for (value, expected) in [
            (json!("latest"), Some(BlockId::Head)),
            (json!("pending"), Some(BlockId::Pending)),
            (json!("safe"), Some(BlockId::Finalized)),
            (json!("earliest"), Some(BlockId::Number(0))),
            (json!("0x10"), Some(BlockId::Number(16))),
            (json!(hash), Some(BlockId::Hash(hash))),
            (json!({"blockHash": hash}), Some(BlockId::Hash(hash))),
            (json!({"blockHash": hash, "requireCanonical": true}), Some(BlockId::Canonical(hash))),
            (json!({"blockNumber": "0x2"}), Some(BlockId::Number(2))),
            (json!({"blockNumber": "0x2", "blockHash": hash}), None),
            (json!("16"), None),
            (json!("newest"), None),
            (json!(16), None),
        ] {
            let got = serde_json::from_value::<BlockId>(value.clone()).ok();
            assert_eq!(got, expected, "{value}");
        }
    }
}
