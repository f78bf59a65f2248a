//! The bill file of an issued invoice: evidence as it was kept, headers and proofs as the node has
//! them, and nothing that does not hold.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, U64};
use anyhow::{Context, Result, ensure};
use chain::Header;
use client::{Block, JsonRpc, Shown};
use ids::InvoiceId;
use serde::Deserialize;
use serde_json::{Value, json};
use service::Problem;

use crate::Billing;
use crate::db::invoices::{self, Issued};
use crate::domain::bill::{Day, page};
use crate::domain::verify::{
    About, BillFile, Evidence, Later, TariffRef, Trust, TrustedBlock, Verdict, needs, verify,
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

impl Billing {
    /// The bill file of an invoice, and trust in the block that it is proved against. With
    /// `trusted`, the height of a later block, the file leads from that block back to its own.
    ///
    /// # Errors
    /// A [`Problem`] where the invoice's hash is in no final block yet; any other error is a fault.
    pub async fn bill_file(&self, id: InvoiceId, trusted: Option<u64>) -> Result<(String, Trust)> {
        let issued = invoices::find(&self.db, id).await?;
        let issued = issued.ok_or_else(|| Problem::not_found("invoice"))?;
        let block = invoices::anchored_in(&self.db, id).await?;
        let finalized = self.finalized().await;
        let block = block.filter(|block| *block <= finalized);
        let block = block.ok_or_else(|| Problem::unavailable("the invoice is not on chain yet"))?;
        let (evidence, _) = invoices::substance(&self.db, id).await?;
        let mut evidence: Evidence = serde_json::from_str(&evidence)?;
        let header = self.header(block).await?;
        evidence.chain.genesis = self.header(0).await?.hash();
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
            id: evidence.tariff.head().id.clone(),
            timezone: evidence.tariff.head().timezone.name().to_owned(),
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

    /// The header of a block of the best branch.
    pub(super) async fn header(&self, number: u64) -> Result<Header> {
        let shown = client::header(&*self.node, Block::Number(number)).await;
        let shown = shown.context("asking for a header")?;
        let Shown { hash, header } =
            shown.with_context(|| format!("there is no block {number}"))?;
        ensure!(header.hash() == hash, "the node's block {number} does not have its own hash");
        Ok(header)
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

/// The file's text, once it has proved itself: also where it proves that the contract settled
/// something else than the account's meter shows. The customer has a right to that proof.
async fn checked(bill: BillFile, trust: Trust) -> Result<(String, Trust)> {
    let (text, report, trust) = tokio::task::spawn_blocking(move || {
        let text = bill.canonical_json();
        let report = verify(&text, Some(&trust));
        (text, report, trust)
    })
    .await?;
    let wrong = report.findings.iter().any(|finding| finding.about == About::File);
    ensure!(!wrong, "the bill does not prove itself: {report}");
    if report.verdict != Verdict::Holds {
        tracing::error!(number = report.number, "a bill shows what should not be: {report}");
    }
    Ok((text, trust))
}
