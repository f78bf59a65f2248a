//! Blocks, transactions, receipts and logs as Ethereum tools read them.
//!
//! Views borrow what they show and write themselves straight into the answer.

use super::cache::{Pending, Stored};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, Log, U64, U128, U256};
use alloy_rlp::Encodable;
use chain::execute::created_address;
use chain::{Header, Receipt, Transaction};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A number as JSON-RPC writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantity(pub(super) u64);

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Where a transaction is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) hash: B256,
    pub(super) header: &'a Header,
    pub(super) index: usize,
}

/// A transaction with its sender; null for the place of one that waits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionView<'a> {
    #[serde(flatten)]
    transaction: &'a Transaction,
    from: Address,
    /// Of those with dynamic fees; the others have it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_price: Option<U128>,
    block_hash: Option<B256>,
    block_number: Option<Quantity>,
    transaction_index: Option<Quantity>,
}

impl<'a> TransactionView<'a> {
    pub(super) fn new(
        transaction: &'a Transaction,
        from: Address,
        place: Option<Place<'_>>,
    ) -> Self {
        let base_fee = place.map(|place| place.header.base_fee_per_gas);
        let price = transaction.effective_gas_price(base_fee);
        Self {
            transaction,
            from,
            gas_price: transaction.is_dynamic_fee().then(|| U128::from(price)),
            block_hash: place.map(|place| place.hash),
            block_number: place.map(|place| Quantity(place.header.number)),
            transaction_index: place.map(|place| Quantity(place.index as u64)),
        }
    }
}

/// A transaction as a value.
pub(super) fn transaction(
    transaction: &Transaction,
    sender: Address,
    place: Option<Place<'_>>,
) -> Value {
    let view = TransactionView::new(transaction, sender, place);
    serde_json::to_value(view).expect("a transaction is JSON")
}

/// A header; of a block that is not sealed, hash, nonce, miner and bloom are null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeaderView<'a> {
    number: Quantity,
    hash: Option<B256>,
    parent_hash: B256,
    nonce: Option<B64>,
    sha3_uncles: B256,
    logs_bloom: Option<&'a Bloom>,
    transactions_root: B256,
    state_root: B256,
    receipts_root: B256,
    miner: Option<Address>,
    difficulty: U256,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_difficulty: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pow_hash: Option<B256>,
    extra_data: B256,
    mix_hash: B256,
    gas_limit: Quantity,
    gas_used: Quantity,
    timestamp: Quantity,
    base_fee_per_gas: Quantity,
}

impl<'a> HeaderView<'a> {
    /// The header of a simulated block with this hash, or of one in the making.
    pub(super) fn unsealed(header: &'a Header, hash: Option<B256>) -> Self {
        Self {
            number: Quantity(header.number),
            hash,
            parent_hash: header.parent_hash,
            nonce: hash.map(|_| header.nonce),
            sha3_uncles: header.ommers_hash,
            logs_bloom: hash.map(|_| &header.logs_bloom),
            transactions_root: header.transactions_root,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            miner: hash.map(|_| header.coinbase),
            difficulty: header.difficulty,
            total_difficulty: None,
            pow_hash: None,
            extra_data: header.extra_data,
            mix_hash: header.mix_hash,
            gas_limit: Quantity(header.gas_limit),
            gas_used: Quantity(header.gas_used),
            timestamp: Quantity(header.timestamp),
            base_fee_per_gas: Quantity(header.base_fee_per_gas),
        }
    }

    pub(super) fn stored(stored: &'a Stored) -> Self {
        Self {
            total_difficulty: Some(stored.total_difficulty),
            pow_hash: Some(stored.pow_hash),
            ..Self::unsealed(&stored.block.header, Some(stored.hash))
        }
    }
}

/// A block, with whole transactions or their hashes.
#[derive(Serialize)]
pub(super) struct BlockView<'a> {
    #[serde(flatten)]
    header: HeaderView<'a>,
    size: Quantity,
    transactions: Transactions<'a>,
    uncles: [B256; 0],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Transactions<'a> {
    Hashes(Vec<B256>),
    Whole(Vec<TransactionView<'a>>),
}

impl<'a> Transactions<'a> {
    fn new(
        all: &'a [Transaction],
        senders: &[Address],
        place: Option<Place<'_>>,
        whole: bool,
    ) -> Self {
        if !whole {
            return Self::Hashes(all.iter().map(|one| *one.tx_hash()).collect());
        }
        let at = |index| place.map(|place| Place { index, ..place });
        let all = all.iter().zip(senders).enumerate();
        Self::Whole(
            all.map(|(index, (one, sender))| TransactionView::new(one, *sender, at(index)))
                .collect(),
        )
    }
}

impl<'a> BlockView<'a> {
    pub(super) fn stored(stored: &'a Stored, whole: bool) -> Self {
        let Stored { hash, block, senders, .. } = stored;
        let place = Place { hash: *hash, header: &block.header, index: 0 };
        Self {
            header: HeaderView::stored(stored),
            size: Quantity(stored.size as u64),
            transactions: Transactions::new(&block.transactions, senders, Some(place), whole),
            uncles: [],
        }
    }

    pub(super) fn pending(pending: &'a Pending, whole: bool) -> Self {
        Self::made(&pending.block, &pending.senders, None, whole)
    }

    /// A block that is not stored; a simulated one has a hash.
    pub(super) fn made(
        block: &'a chain::Block,
        senders: &[Address],
        hash: Option<B256>,
        whole: bool,
    ) -> Self {
        let place = hash.map(|hash| Place { hash, header: &block.header, index: 0 });
        Self {
            header: HeaderView::unsealed(&block.header, hash),
            size: Quantity(block.length() as u64),
            transactions: Transactions::new(&block.transactions, senders, place, whole),
            uncles: [],
        }
    }
}

/// A log at its place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogView {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: B256,
    block_number: Quantity,
    block_timestamp: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    log_index: Quantity,
    removed: bool,
}

impl LogView {
    /// `index` counts within the block; `removed` tells that the block is gone.
    pub(super) fn new(
        log: &Log,
        transaction: B256,
        place: Place<'_>,
        index: usize,
        removed: bool,
    ) -> Self {
        Self {
            address: log.address,
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            block_hash: place.hash,
            block_number: Quantity(place.header.number),
            block_timestamp: Quantity(place.header.timestamp),
            transaction_hash: transaction,
            transaction_index: Quantity(place.index as u64),
            log_index: Quantity(index as u64),
            removed,
        }
    }

    /// About how long it is as JSON.
    pub(super) fn size(&self) -> usize {
        480 + 70 * self.topics.len() + 2 * self.data.len()
    }
}

/// The receipt of a transaction.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptView {
    #[serde(rename = "type")]
    kind: Quantity,
    status: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    block_hash: B256,
    block_number: Quantity,
    from: Address,
    to: Option<Address>,
    contract_address: Option<Address>,
    cumulative_gas_used: Quantity,
    gas_used: Quantity,
    effective_gas_price: U128,
    logs_bloom: Bloom,
    logs: Vec<LogView>,
}

/// All receipts of a stored block.
pub(super) fn receipts(stored: &Stored) -> impl Iterator<Item = ReceiptView> {
    let (mut gas_before, mut logs_before) = (0, 0);
    stored.receipts.iter().enumerate().map(move |(index, receipt)| {
        let gas_used = receipt.cumulative_gas_used() - gas_before;
        let view = receipt_at(stored, receipt, index, gas_used, logs_before);
        gas_before = receipt.cumulative_gas_used();
        logs_before += receipt.logs().len();
        view
    })
}

/// One receipt of a stored block.
pub(super) fn receipt(stored: &Stored, index: usize) -> Option<ReceiptView> {
    let receipt = stored.receipts.get(index)?;
    let before = &stored.receipts[..index];
    let gas_before = before.last().map_or(0, Receipt::cumulative_gas_used);
    let logs_before = before.iter().map(|one| one.logs().len()).sum();
    let gas_used = receipt.cumulative_gas_used() - gas_before;
    Some(receipt_at(stored, receipt, index, gas_used, logs_before))
}

fn receipt_at(
    stored: &Stored,
    receipt: &Receipt,
    index: usize,
    gas_used: u64,
    logs_before: usize,
) -> ReceiptView {
    let header = &stored.block.header;
    let (transaction, sender) = (&stored.block.transactions[index], stored.senders[index]);
    let place = Place { hash: stored.hash, header, index };
    let hash = *transaction.tx_hash();
    let logs = receipt.logs().iter().enumerate();
    let price = transaction.effective_gas_price(Some(header.base_fee_per_gas));
    ReceiptView {
        kind: Quantity(transaction.ty().into()),
        status: Quantity(receipt.is_success().into()),
        transaction_hash: hash,
        transaction_index: Quantity(index as u64),
        block_hash: stored.hash,
        block_number: Quantity(header.number),
        from: sender,
        to: transaction.to(),
        contract_address: created_address(transaction, sender),
        cumulative_gas_used: Quantity(receipt.cumulative_gas_used()),
        gas_used: Quantity(gas_used),
        effective_gas_price: U128::from(price),
        logs_bloom: *receipt.logs_bloom(),
        logs: logs
            .map(|(at, one)| LogView::new(one, hash, place, logs_before + at, false))
            .collect(),
    }
}

/// The index of a transaction or receipt.
pub(super) fn position(index: U64) -> usize {
    index.saturating_to()
}
