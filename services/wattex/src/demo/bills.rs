//! The demo's bills: issued, exported with their proofs, verified.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use billing::domain::bill::Period;
use billing::domain::verify::{BillFile, Report, Trust, verify};
use ids::{AccountId, InvoiceId};

use super::drive::{Stage, already_billed};
use super::people::People;
use super::report::height;

/// A bill with everything that proves it.
pub struct Bill {
    /// Place of the home in the data.
    pub home: usize,
    /// The days it is for.
    pub period: Period,
    /// The bill file.
    pub text: String,
    /// The bill, parsed.
    pub bill: BillFile,
    /// The printable page.
    pub page: String,
    /// What a verifier pins.
    pub trust: Trust,
    /// What `wattex verify` says of it.
    pub report: Report,
}

/// Issues the bill of every home and period, and exports each against one later block.
pub async fn issue(stage: &Stage<'_>, people: &People, periods: &[Period]) -> Result<Vec<Bill>> {
    let (node, now) = (stage.node, stage.clock.now());
    let mut issued: Vec<(usize, Period, InvoiceId)> = Vec::new();
    for period in periods {
        for (home, resident) in people.residents.iter().enumerate() {
            let id = invoice_id(resident.account, *period);
            match node.billing.issue_invoice(resident.account, *period, now).await {
                Ok(_) => {}
                Err(error) if already_billed(&error) => {}
                Err(error) => {
                    let name = &stage.span.meters[home].name;
                    return Err(error.context(format!("bill of {name}")));
                }
            }
            issued.push((home, *period, id));
        }
        node.pump(now).await?;
    }
    let trusted = height(node).await?;
    let mut bills = Vec::new();
    for (home, period, id) in issued {
        let (text, trust) = node.billing.bill_file(id, Some(trusted)).await?;
        let page = node.billing.page_of(id).await?;
        let (text, trust, bill, report) = tokio::task::spawn_blocking(move || {
            let report = verify(&text, Some(&trust));
            let bill: BillFile = serde_json::from_str(&text)?;
            anyhow::Ok((text, trust, bill, report))
        })
        .await??;
        bills.push(Bill { home, period, text, bill, page, trust, report });
    }
    Ok(bills)
}

fn invoice_id(account: AccountId, period: Period) -> InvoiceId {
    InvoiceId::derived(&format!("{account}/{}/{}", period.from, period.to))
}

/// Writes `<number>.json`, `<number>.html` and `trust.json`.
pub fn write(folder: &Path, bills: &[Bill]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for bill in bills {
        let number = &bill.bill.invoice.number;
        fs::write(folder.join(format!("{number}.json")), &bill.text)?;
        fs::write(folder.join(format!("{number}.html")), &bill.page)?;
    }
    if let Some(first) = bills.first() {
        let trust = serde_json::to_string_pretty(&first.trust)?;
        fs::write(folder.join("trust.json"), trust + "\n")?;
    }
    Ok(())
}
