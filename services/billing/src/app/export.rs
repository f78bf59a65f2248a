//! The bill file of an issued invoice: evidence as it was kept, headers and proofs as the node has
//! them, and nothing that does not hold.

use std::sync::Arc;

use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U64, U256};
use anyhow::{Context, Result, ensure};
use chain::Header;
use client::JsonRpc;
use ids::InvoiceId;
use serde::Deserialize;
use serde_json::{Value, json};
use service::Problem;

use crate::Billing;
use crate::db::invoices::{self, Issued};
use crate::domain::bill::{Day, page};
use crate::domain::verify::{
    BillFile, Evidence, Later, TariffRef, Trust, TrustedBlock, Verdict, needs, verify,
};

/// The most storage positions that are proved in one request.
const POSITIONS_MAX: usize = 100;

/// Answer to `eth_getProof`, as far as a bill needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotProof>,
}

#[derive(Deserialize)]
struct SlotProof {
    proof: Vec<Bytes>,
}

/// Answer to `wattex_ancestorProof`.
#[derive(Deserialize)]
struct Ancestor {
    siblings: Vec<B256>,
}

/// A header as Ethereum nodes write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcHeader {
    hash: B256,
    parent_hash: B256,
    #[serde(rename = "sha3Uncles")]
    ommers_hash: B256,
    #[serde(rename = "miner")]
    coinbase: Address,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    difficulty: U256,
    number: U64,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    extra_data: B256,
    mix_hash: B256,
    nonce: B64,
    base_fee_per_gas: U64,
}

impl Billing {
    /// The bill file of an invoice, and trust in the block that it is proved against. With
    /// `trusted`, the height of a later block, the file leads from that block back to its own.
    ///
    /// # Errors
    /// A [`Problem`] where the invoice's hash is not in a block yet; any other error is a fault.
    pub async fn bill_file(&self, id: InvoiceId, trusted: Option<u64>) -> Result<(String, Trust)> {
        let issued = invoices::find(&self.db, id).await?;
        let issued = issued.ok_or_else(|| Problem::not_found("invoice"))?;
        let block = invoices::anchored_in(&self.db, id).await?;
        let block = block.ok_or_else(|| Problem::unavailable("the invoice is not on chain yet"))?;
        let (evidence, _) = invoices::substance(&self.db, id).await?;
        let mut evidence: Evidence = serde_json::from_str(&evidence)?;
        let header = self.header(block).await?;
        evidence.chain.genesis = self.header_hash(0).await?;
        evidence.header = alloy_rlp::encode(&header).into();
        evidence.genesis = self.ancestor(0, block).await?;
        let mut anchor = header;
        if let Some(later) = trusted.filter(|later| *later > block) {
            anchor = self.header(later).await?;
            let path = self.ancestor(block, later).await?;
            evidence.later = Some(Later { header: alloy_rlp::encode(&anchor).into(), path });
        }
        let block = TrustedBlock { number: anchor.number, hash: anchor.hash() };
        let tariff = TariffRef {
            community: issued.invoice.community,
            id: evidence.tariff.terms().id.clone(),
            timezone: evidence.tariff.terms().timezone.name().to_owned(),
        };
        let trust = Trust { chain: evidence.chain.clone(), tariff: Some(tariff), block };
        let bill = BillFile::new(issued.invoice, evidence);
        let bill = self.with_proofs(bill).await?;
        checked(bill, trust).await
    }

    /// An issued invoice and the energy of its days.
    pub(crate) async fn invoice_page(&self, issued: &Issued) -> Result<String> {
        let (_, days) = invoices::substance(&self.db, issued.id).await?;
        let days: Vec<Day> = serde_json::from_str(&days)?;
        Ok(page(&issued.invoice, &days))
    }

    async fn with_proofs(&self, bill: BillFile) -> Result<BillFile> {
        let header: Header = alloy_rlp::decode_exact(&bill.evidence.header[..])?;
        let block = U64::from(header.number);
        let mut nodes = Vec::new();
        for need in needs(&bill) {
            for positions in need.positions.chunks(POSITIONS_MAX) {
                let params = json!([need.contract, positions, block]);
                let proof: Proof = self.ask("eth_getProof", params).await?;
                nodes.extend(proof.account_proof);
                nodes.extend(proof.storage_proof.into_iter().flat_map(|slot| slot.proof));
            }
        }
        Ok(bill.with_nodes(nodes))
    }

    async fn header(&self, number: u64) -> Result<Header> {
        let header: RpcHeader =
            self.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
        let hash = header.hash;
        let header = Header::from(header);
        ensure!(header.hash() == hash, "the node's block {number} does not have its own hash");
        Ok(header)
    }

    async fn header_hash(&self, number: u64) -> Result<B256> {
        let block: Value =
            self.ask("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
        serde_json::from_value(block["hash"].clone()).context("a block without a hash")
    }

    async fn ancestor(&self, number: u64, trusted: u64) -> Result<Vec<B256>> {
        let params = json!([U64::from(number), U64::from(trusted)]);
        let path: Ancestor = self.ask("wattex_ancestorProof", params).await?;
        Ok(path.siblings)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, method: &str, params: Value) -> Result<T> {
        let node: &Arc<dyn JsonRpc> = &self.node;
        let answer = node.request(method, params).await.with_context(|| method.to_owned())?;
        serde_json::from_value(answer).with_context(|| format!("the node's answer to {method}"))
    }
}

/// The file's text, once it has proved itself.
async fn checked(bill: BillFile, trust: Trust) -> Result<(String, Trust)> {
    let (text, report, trust) = tokio::task::spawn_blocking(move || {
        let text = bill.canonical_json();
        let report = verify(&text, Some(&trust));
        (text, report, trust)
    })
    .await?;
    ensure!(report.verdict == Verdict::Holds, "the bill does not prove itself: {report}");
    Ok((text, trust))
}

impl From<RpcHeader> for Header {
    fn from(header: RpcHeader) -> Header {
        Header {
            parent_hash: header.parent_hash,
            ommers_hash: header.ommers_hash,
            coinbase: header.coinbase,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            difficulty: header.difficulty,
            number: header.number.to(),
            gas_limit: header.gas_limit.to(),
            gas_used: header.gas_used.to(),
            timestamp: header.timestamp.to(),
            extra_data: header.extra_data,
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            base_fee_per_gas: header.base_fee_per_gas.to(),
        }
    }
}
