//! The bill file of an issued invoice, or of a correction: evidence as it was kept, headers and
//! proofs as the node has them, and nothing that does not hold.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, U64};
use anyhow::{Context, Result, ensure};
use chain::Header;
use client::{Block, JsonRpc, Shown};
use ids::{CommunityId, CorrectionId, InvoiceId};
use serde::Deserialize;
use serde_json::{Value, json};
use service::Problem;

use crate::Billing;
use crate::db::corrections;
use crate::db::invoices::{self, Issued};
use crate::domain::bill::{Day, page};
use crate::domain::correction::Correction;
use crate::domain::verify::{
    About, BillFile, CorrectionFile, Evidence, Later, Need, TariffRef, Trust, TrustedBlock,
    Verdict, needs, verify,
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
        let block = self.final_block(block, "the invoice is not on chain yet").await?;
        let (evidence, _) = invoices::substance(&self.db, id).await?;
        let mut evidence: Evidence = serde_json::from_str(&evidence)?;
        let account = self.billed_as(&issued).await?;
        self.with_cuts(&account, &mut evidence, block).await?;
        let trust = self.anchor_evidence(&mut evidence, issued.community, (block, trusted)).await?;
        let bill = BillFile::new(issued.invoice, evidence);
        let nodes = self.nodes(block, needs(&bill)).await?;
        checked(bill.with_nodes(nodes).canonical_json(), trust).await
    }

    /// As [`Billing::bill_file`], of a correction.
    ///
    /// # Errors
    /// A [`Problem`] where its hash is in no final block yet; any other error is a fault.
    pub async fn correction_file(
        &self,
        id: CorrectionId,
        trusted: Option<u64>,
    ) -> Result<(String, Trust)> {
        let kept = corrections::find(&self.db, id).await?;
        let kept = kept.ok_or_else(|| Problem::not_found("correction"))?;
        let block = corrections::anchored_in(&self.db, id).await?;
        let block = self.final_block(block, "the correction is not on chain yet").await?;
        let issued = invoices::find(&self.db, kept.invoice).await?;
        let issued = issued.context("the invoice of a correction")?;
        let all = corrections::of_invoice(&self.db, kept.invoice).await?.into_iter();
        let before = |one: &Correction| one.place < kept.correction.place;
        let last = all.map(|one| one.correction).filter(before).last();
        let (evidence, _) = corrections::substance(&self.db, id).await?;
        let mut evidence: Evidence = serde_json::from_str(&evidence)?;
        let account = self.billed_as(&issued).await?;
        self.with_cuts(&account, &mut evidence, block).await?;
        let trust = self.anchor_evidence(&mut evidence, kept.community, (block, trusted)).await?;
        let file = CorrectionFile::new(kept.correction, issued.invoice, last, evidence);
        let nodes = self.nodes(block, file.needs()).await?;
        checked(file.with_nodes(nodes).canonical_json(), trust).await
    }

    async fn final_block(&self, block: Option<u64>, title: &str) -> Result<u64> {
        let finalized = self.finalized().await;
        let block = block.filter(|block| *block <= finalized);
        Ok(block.ok_or_else(|| Problem::unavailable(title))?)
    }

    /// Says in the evidence which block it is proved against; trust in it, or in a later one that
    /// leads back to it.
    async fn anchor_evidence(
        &self,
        evidence: &mut Evidence,
        community: CommunityId,
        (block, trusted): (u64, Option<u64>),
    ) -> Result<Trust> {
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
            community,
            id: evidence.tariff.head().id.clone(),
            timezone: evidence.tariff.head().timezone.name().to_owned(),
        };
        Ok(Trust { chain: evidence.chain.clone(), tariff: Some(tariff), block })
    }

    /// An issued invoice and the energy of its days.
    pub(crate) async fn invoice_page(&self, issued: &Issued) -> Result<String> {
        let (_, days) = invoices::substance(&self.db, issued.id).await?;
        let days: Vec<Day> = serde_json::from_str(&days)?;
        Ok(page(&issued.invoice, &days))
    }

    /// Proofs of these words of the state of a block.
    pub(super) async fn nodes(&self, block: u64, needs: Vec<Need>) -> Result<Vec<Bytes>> {
        let block = U64::from(block);
        let mut nodes = Vec::new();
        for need in needs {
            for positions in need.positions.chunks(POSITIONS_MAX) {
                let params = json!([need.contract, positions, block]);
                let proof: Proof = self.ask("eth_getProof", params).await?;
                nodes.extend(proof.account_proof);
                nodes.extend(proof.storage_proof.into_iter().flat_map(|slot| slot.proof));
            }
        }
        Ok(nodes)
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

    pub(super) async fn ancestor(&self, number: u64, trusted: u64) -> Result<Vec<B256>> {
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
async fn checked(text: String, trust: Trust) -> Result<(String, Trust)> {
    let (text, report, trust) = tokio::task::spawn_blocking(move || {
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
