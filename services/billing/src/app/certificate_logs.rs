//! What the log of a certificate means: what accounts have, what connection points generate from.

use alloy_primitives::{Address, U256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::ContractEvent;
use events::ledger::Log;
use ids::ConnectionPointId;

use super::logs::{Meaning, fact_row};
use crate::db::certificates::{Change, Retired, number};
use crate::db::chain::kind;
use crate::db::hash;
use crate::domain::certificate::SourceChange;

/// What an event of certificates means, `log` in a block of time `at`; nothing of any other event.
pub(super) fn certificates(event: &ContractEvent, log: &Log, at: Timestamp) -> Result<Meaning> {
    let changes = match event {
        ContractEvent::SourceRegistered(event) => {
            let code = Some(event.code);
            let change = SourceChange { version: event.version, code, at: at.unsigned() };
            return source(log, event.connectionPoint.0, &change);
        }
        ContractEvent::SourceEnded(event) => {
            let change = SourceChange { version: event.version, code: None, at: at.unsigned() };
            return source(log, event.connectionPoint.0, &change);
        }
        ContractEvent::CertificateIssued(event) => {
            let body = serde_json::to_string(&number(event.certificate))?;
            let row = fact_row(log, kind::CERTIFIED, hash(event.trade), body);
            return Ok(Meaning { row: Some(row), ..Meaning::default() });
        }
        ContractEvent::TransferSingle(event) => {
            moved(event.from, event.to, &[event.id], &[event.value])?
        }
        ContractEvent::TransferBatch(event) => {
            moved(event.from, event.to, &event.ids, &event.values)?
        }
        ContractEvent::CertificateRetired(event) => vec![Change::Retired(Retired {
            address: event.account,
            certificate: event.certificate,
            wh: wh(event.amount)?,
            beneficiary: event.beneficiary.clone(),
            hash: log.transaction,
            at,
        })],
        _ => Vec::new(),
    };
    let certificates = changes.into_iter().map(|change| (log.index, change)).collect();
    Ok(Meaning { certificates, ..Meaning::default() })
}

/// A connection point of no id of ours is nobody's here.
fn source(log: &Log, point: [u8; 32], change: &SourceChange) -> Result<Meaning> {
    let Some(point) = ConnectionPointId::from_bytes32(point) else {
        return Ok(Meaning::default());
    };
    let row = fact_row(log, kind::SOURCE, point.to_string(), serde_json::to_string(change)?);
    Ok(Meaning { row: Some(row), ..Meaning::default() })
}

/// What left one account came to another; zero is no account.
fn moved(from: Address, to: Address, ids: &[U256], values: &[U256]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (certificate, value) in ids.iter().zip(values) {
        let (certificate, wh) = (*certificate, wh(*value)?);
        for (address, wh) in [(from, -wh), (to, wh)] {
            if !address.is_zero() {
                changes.push(Change::Moved { address, certificate, wh });
            }
        }
    }
    Ok(changes)
}

fn wh(amount: U256) -> Result<i64> {
    i64::try_from(amount).context("certified energy that does not fit")
}
