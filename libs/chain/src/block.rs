//! A block: a header and its transactions. There are no uncles.
//!
//! RLP is `[header, [transaction, ...], []]`, the form every Ethereum tool reads.

use crate::header::Header;
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// A signed transaction of any Ethereum type; which types are accepted is up to
/// [`execute::check_transaction`](crate::execute::check_transaction).
pub type Transaction = alloy_consensus::TxEnvelope;

/// A transaction with its sender.
pub type Recovered = alloy_consensus::transaction::Recovered<Transaction>;

/// A receipt: type, status, cumulative gas, bloom and logs.
pub type Receipt = alloy_consensus::ReceiptEnvelope;

/// A header and its transactions.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The transactions, in the order of their execution.
    pub transactions: Vec<Transaction>,
    /// Always empty; kept so that the RLP is an Ethereum block.
    #[serde(default)]
    pub ommers: Vec<Header>,
}

impl Block {
    /// A block without uncles.
    pub fn new(header: Header, transactions: Vec<Transaction>) -> Self {
        Self { header, transactions, ommers: Vec::new() }
    }

    /// The block with this RLP.
    ///
    /// A block has one spelling. The decoder of transactions overlooks a wrong length around one
    /// and a missing one, so what was read is written again and compared.
    pub fn decode_exact(rlp: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let block: Self = alloy_rlp::decode_exact(rlp)?;
        if block.encode() != rlp {
            return Err(alloy_rlp::Error::Custom("not the one spelling of a block"));
        }
        Ok(block)
    }

    /// The block hash.
    pub fn hash(&self) -> B256 {
        self.header.hash()
    }

    /// The RLP of the block.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }
}
