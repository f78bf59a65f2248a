//! The contracts: gas of a settled and of a reconciled trade, by forge and on our chain, of a
//! certificate, and how many trades our chain settles in a second.

mod town;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use alloy_primitives::B256;
use anyhow::{Context, Result, ensure};
use chain::Recovered;
use contracts::SolEvent;
use contracts::bindings::EnergyMarket::{TradeCreated, TradeReconciled};

use crate::ledger::node::{Endpoint, GAS_LIMIT, Node};
use crate::maker::Maker;
use crate::measure::{RUNS, count, timed};
use crate::report::{self, Part, Row};
use town::{FILLS, SLOT_SECONDS, Shape, Town};

const PARTS: [Part; 2] = [("gas", gas), ("settling", settling)];
/// A hundred distinct traders, and ten with ten orders each: in both a hundred orders, and so a
/// hundred signatures, meet in a hundred fills.
const SHAPES: [Shape; 2] = [
    Shape { name: "100 traders", buyers: 50, orders: 1 },
    Shape { name: "10 traders with 10 orders", buyers: 5, orders: 10 },
];
/// The shape of forge in which each fill has two orders of its own.
const UNSHARED: &str = "200 traders";
/// What a settled trade of each may cost, and a reconciled one.
const SETTLE_GOALS: [f64; 2] = [36_000.0, 20_000.0];
const RECONCILE_GOAL: f64 = 15_000.0;
/// Slots that a run of [`settling`] settles.
const SLOTS: u64 = 20;
/// Midnight of a UTC day.
const MIDNIGHT: u64 = 1_780_272_000;

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    report::parts(&PARTS, only)
}

/// Gas a trade, in a slot that is not the first of a day for its traders.
fn gas() -> Result<Vec<Row>> {
    let forge = forge()?;
    let mut rows = Vec::new();
    for (shape, goal) in SHAPES.into_iter().zip(SETTLE_GOALS) {
        let [settle, reconcile] = on_chain(shape)?;
        for (what, ours, goal) in
            [("settle", settle, goal), ("reconcile", reconcile, RECONCILE_GOAL)]
        {
            let total = format!("{what}, {}, later: total", shape.name);
            let by_forge = forge.get(&total).with_context(|| format!("forge: no {total:?}"))?;
            let by_forge: f64 = by_forge.parse().context("a figure of forge")?;
            for (by, gas) in [("our chain", ours), ("forge", by_forge / count(FILLS as u64))] {
                let name = format!("{what}, {}, {by}", shape.name);
                rows.push(Row::cost_at_most(name, "gas/trade", &[gas], goal));
            }
        }
    }
    rows.extend(without_goal(&forge)?);
    for when in ["first", "later", "last of its batch"] {
        let total = forge.get(&format!("issue, {when}: total"));
        let gas: f64 = total.context("forge: no certificate")?.parse().context("a figure")?;
        let name = format!("certificate of a trade of 64, {when}, forge");
        rows.push(Row::alone(name, "gas", &[gas]));
    }
    Ok(rows)
}

/// Gas a trade where no two fills have an order in common, and in the first slot of a day.
fn without_goal(forge: &BTreeMap<String, String>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let first = SHAPES.map(|shape| (shape.name, "first"));
    for (traders, when) in first.into_iter().chain([(UNSHARED, "later"), (UNSHARED, "first")]) {
        for what in ["settle", "reconcile"] {
            let total = forge.get(&format!("{what}, {traders}, {when}: total"));
            let gas: f64 = total.context("forge: no such shape")?.parse().context("a figure")?;
            let signatures = if traders == UNSHARED { ", two signatures a trade" } else { "" };
            let slot = if when == "first" { ", first slot of a day" } else { "" };
            let name = format!("{what}, {traders}{signatures}{slot}, forge");
            rows.push(Row::alone(name, "gas/trade", &[gas / count(FILLS as u64)]));
        }
    }
    Ok(rows)
}

/// Gas a settled and a reconciled trade of a slot that is not the first of its day.
fn on_chain(shape: Shape) -> Result<[f64; 2]> {
    let mut town = Town::new(shape, MIDNIGHT, GAS_LIMIT);
    let mut maker = Maker::new(&town.spec)?;
    maker.make(town.fund()?)?;
    let mut spent = [0.0; 2];
    for slot in [MIDNIGHT + 4 * SLOT_SECONDS, MIDNIGHT + 5 * SLOT_SECONDS] {
        let auction = town.auction(shape, slot)?;
        let sent = town.settle(&auction);
        // The clearing is not a trade's.
        spent[0] = used(&mut maker, sent, slot, (TradeCreated::SIGNATURE_HASH, 1))?;
    }
    for slot in [MIDNIGHT + 4 * SLOT_SECONDS, MIDNIGHT + 5 * SLOT_SECONDS] {
        let mut auction = town.auction(shape, slot)?;
        let sent = town.reconcile(&mut auction, 0, 1_234)?;
        let time = MIDNIGHT + 6 * SLOT_SECONDS + slot % MIDNIGHT;
        spent[1] = used(&mut maker, sent, time, (TradeReconciled::SIGNATURE_HASH, 0))?;
    }
    Ok(spent)
}

/// Gas a trade of these transactions but for the first `but`, in blocks of their own; each fill has
/// to have this event.
fn used(
    maker: &mut Maker,
    transactions: Vec<Recovered>,
    time: u64,
    (topic, but): (B256, u64),
) -> Result<f64> {
    let (mut gas, mut events) = (0, 0);
    for (place, transaction) in (0..).zip(transactions) {
        let made = maker.make_at(vec![transaction], time + place)?;
        let logs = made.receipts.iter().flat_map(|receipt| receipt.logs());
        events += logs.filter(|log| log.topics().first() == Some(&topic)).count();
        if place >= but {
            gas += made.block.header.gas_used;
        }
    }
    ensure!(events == FILLS, "{events} of {FILLS} trades have their event");
    Ok(count(gas) / count(FILLS as u64))
}

/// What forge measured: the figures of `contracts/test/Gas.t.sol` and `CertificateGas.t.sol`.
fn forge() -> Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let words = ["forge.mjs", "--match-contract", "GasTest"];
    let run = Command::new("node").args(words).current_dir(root.join("contracts")).output();
    let run = run.context("node does not start")?;
    ensure!(run.status.success(), "forge: {}", String::from_utf8_lossy(&run.stdout));
    let figures = std::fs::read_to_string(root.join("target/forge/gas/Gas.json"))?;
    Ok(serde_json::from_str(&figures)?)
}

/// From calls that are prepared, with signed orders and proofs, to trades in blocks of a node on
/// disk, each block with fsync: neither orders nor auctions are timed.
fn settling() -> Result<Vec<Row>> {
    let shape = SHAPES[0];
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let now = service::Clock::real().now().unsigned();
        let mut town = Town::new(shape, now - 3_600, GAS_LIMIT);
        let node = Node::start(town.spec.clone(), 1, None)?;
        let endpoint = Endpoint::of_ours(&node);
        endpoint.include(&town.fund()?)?;
        let first = now.next_multiple_of(SLOT_SECONDS) + SLOT_SECONDS;
        let mut sent = Vec::new();
        for number in 0..SLOTS {
            let auction = town.auction(shape, first + number * SLOT_SECONDS)?;
            sent.extend(town.settle(&auction));
        }
        let (included, seconds) = timed(|| endpoint.include(&sent));
        included?;
        let trades = settled(&endpoint)?;
        ensure!(trades == SLOTS * FILLS as u64, "{trades} trades were settled");
        rates.push(count(trades) / seconds);
    }
    Ok(vec![Row::alone(
        "trades of prepared calls, sent by JSON-RPC, signatures checked, mined and stored",
        "trades/s",
        &rates,
    )])
}

/// How many trades a node's chain has.
fn settled(endpoint: &Endpoint) -> Result<u64> {
    let filter = serde_json::json!([{
        "fromBlock": "0x0", "toBlock": "latest", "topics": [TradeCreated::SIGNATURE_HASH],
    }]);
    let logs = endpoint.connect()?.call("eth_getLogs", filter)?;
    Ok(logs.as_array().map_or(0, Vec::len) as u64)
}
