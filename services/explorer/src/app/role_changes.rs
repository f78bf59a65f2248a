//! Changes of roles that the timelock announced: what, on which contract, and from when it may
//! happen.
//!
//! All of it follows from what the timelock logged: a reorganisation takes it back with the logs.

use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket::{grantRoleCall, revokeRoleCall};
use contracts::bindings::Timelock::{
    CallExecuted, CallScheduled, Cancelled, TimelockEvents, updateDelayCall,
};
use contracts::{Deployment, SolCall, SolEventInterface, role};
use db::{AnyRow, Db, Row, query};

use super::decode::contract_name;
use crate::api::dto::{RoleChange, RoleChangeKind, RoleChangeState};

/// Logs of the timelock that are looked at, newest first.
const LOGS_MAX: u32 = 2_000;
/// The roles of all contracts, by the names that their hashes are of.
const ROLES: [&str; 12] = [
    "MINTER",
    "CLEARER",
    "RECONCILER",
    "POLICY",
    "PAUSER",
    "ENROLLER",
    "INSTALLER",
    "ANCHOR",
    "CERTIFIER",
    "PROPOSER_ROLE",
    "EXECUTOR_ROLE",
    "CANCELLER_ROLE",
];
/// The role that grants the others.
const ADMIN: &str = "DEFAULT_ADMIN_ROLE";

/// What the timelock said, where and when.
struct Said {
    event: TimelockEvents,
    transaction: String,
    at: Timestamp,
}

/// How an announced call ended.
struct Ended {
    state: RoleChangeState,
    transaction: String,
    at: Timestamp,
}

/// The announced calls, newest first.
pub(crate) async fn role_changes(db: &Db, deployment: &Deployment) -> Result<Vec<RoleChange>> {
    let rows = query(
        "select l.topics, l.data, l.hash, b.mined_at from logs l join blocks b \
         on b.number = l.block where l.address = $1 order by l.block desc, l.place desc limit $2",
    )
    .bind(format!("{:#x}", deployment.timelock))
    .bind(i64::from(LOGS_MAX))
    .fetch_all(db.read())
    .await?;
    let mut ended: Vec<(B256, Option<U256>, Ended)> = Vec::new();
    let mut changes = Vec::new();
    // From new to old, so that the end of a call is known before its announcement comes.
    for row in &rows {
        let Some(Said { event, transaction, at }) = said(row)? else { continue };
        match event {
            TimelockEvents::CallExecuted(CallExecuted { id, index, .. }) => {
                let state = RoleChangeState::Done;
                ended.push((id, Some(index), Ended { state, transaction, at }));
            }
            TimelockEvents::Cancelled(Cancelled { id }) => {
                let state = RoleChangeState::Cancelled;
                ended.push((id, None, Ended { state, transaction, at }));
            }
            TimelockEvents::CallScheduled(call) => {
                // The same call can be announced again later: the end next to it is its own.
                let of = |(id, index, _): &&(B256, Option<U256>, Ended)| {
                    *id == call.id && index.is_none_or(|index| index == call.index)
                };
                let end = ended.iter().rfind(of).map(|(.., end)| end);
                changes.push(change(deployment, &call, (transaction, at), end)?);
            }
            _ => {}
        }
    }
    Ok(changes)
}

fn said(row: &AnyRow) -> Result<Option<Said>> {
    let (topics, data): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let topics: Vec<B256> = serde_json::from_str(&topics).context("topics of a log")?;
    let data: Bytes = data.parse().context("data of a log")?;
    let Ok(event) = TimelockEvents::decode_raw_log(&topics, &data) else { return Ok(None) };
    let at = Timestamp::from_seconds(row.try_get(3)?);
    Ok(Some(Said { event, transaction: row.try_get(2)?, at }))
}

fn change(
    deployment: &Deployment,
    call: &CallScheduled,
    (transaction, at): (String, Timestamp),
    end: Option<&Ended>,
) -> Result<RoleChange> {
    let delay = i64::try_from(call.delay).ok().context("a delay beyond all time")?;
    let what = what(&call.data);
    let seconds = |delay: U256| u64::try_from(delay).ok();
    Ok(RoleChange {
        operation: call.id.to_string(),
        position: u64::try_from(call.index).unwrap_or(u64::MAX),
        contract: contract_name(deployment, call.target).map(str::to_owned),
        contract_address: format!("{:#x}", call.target),
        kind: what.kind,
        role: what.role.map(role_name),
        account: what.account.map(|account| format!("{account:#x}")),
        new_delay_seconds: what.delay.and_then(seconds),
        data: call.data.to_string(),
        announced_at: at.to_string(),
        ready_at: at.plus_seconds(delay).to_string(),
        transaction,
        state: end.map_or(RoleChangeState::Waiting, |end| end.state),
        ended_at: end.map(|end| end.at.to_string()),
        ended_transaction: end.map(|end| end.transaction.clone()),
    })
}

/// What an announced call does.
pub(super) struct What {
    pub(super) kind: RoleChangeKind,
    pub(super) role: Option<B256>,
    pub(super) account: Option<Address>,
    delay: Option<U256>,
}

/// What a call to a contract does.
pub(super) fn what(data: &[u8]) -> What {
    let of_role =
        |kind, role, account| What { kind, role: Some(role), account: Some(account), delay: None };
    if let Ok(grantRoleCall { role, account }) = grantRoleCall::abi_decode(data) {
        return of_role(RoleChangeKind::Grant, role, account);
    }
    if let Ok(revokeRoleCall { role, account }) = revokeRoleCall::abi_decode(data) {
        return of_role(RoleChangeKind::Revoke, role, account);
    }
    if let Ok(updateDelayCall { newDelay }) = updateDelayCall::abi_decode(data) {
        let kind = RoleChangeKind::Delay;
        return What { kind, role: None, account: None, delay: Some(newDelay) };
    }
    What { kind: RoleChangeKind::Other, role: None, account: None, delay: None }
}

/// A role's name; its hash where it is none of ours.
pub(super) fn role_name(hash: B256) -> String {
    if hash.is_zero() {
        return ADMIN.to_owned();
    }
    let known = ROLES.iter().find(|name| role(name) == hash);
    known.map_or_else(|| hash.to_string(), |name| (*name).to_owned())
}
