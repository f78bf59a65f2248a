//! The call auction at 10 000 to 1 000 000 orders, beside numpy and Polars on one core.
//!
//! `allocate` is price, volume and each order's fill, from columns in memory on all sides: ours are
//! of a `Batch`, so fees and own orders are done with, as they are in what the peers are given.
//! `clear` is that and trades, with fills in their order. `whole` is everything, ours from orders
//! as structs: fees, own orders, trades; numpy starts from columns here too, has no fees, and only
//! looks whether there are own orders.
//!
//! A figure is processor time, the median of runs that are medians of many. All results are
//! compared to the last watt-hour.

use std::ffi::OsStr;
use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use matching::{Allocation, Batch, Clearing, Fees, Order, Rules, Side, clear};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use units::{Energy, Price};

use super::orders;
use crate::measure::{Pair, RUNS, alternate, median, worked};
use crate::python::{Python, folder};
use crate::report::Row;

/// Orders, how often a run clears them, and how many times faster than a peer we want to be.
const SIZES: [(u32, u32, f64); 3] = [(10_000, 100, 10.0), (100_000, 30, 10.0), (1_000_000, 5, 5.0)];
/// The seed of the random orders.
const SEED: &str = "1";
const PROGRAM: &str = "market/uniform.py";
/// What it stands on.
const PACKAGES: [&str; 2] = ["numpy==2.4.6", "polars==2.1.0"];
/// As in the program.
const TICK: Price = Price::from_n_per_wh(100);
const K_BPS: u16 = 5_000;

/// A way of the program to do it, and what we call it. The goal holds against each of them.
const WAYS: [(&str, &str); 3] = [
    ("numpy", "numpy, sorting"),
    ("levels", "numpy, bincount by tick"),
    ("polars", "Polars, grouping by price"),
];

/// What the program says of its runs.
#[derive(Deserialize)]
struct Told {
    seconds: Vec<f64>,
    #[serde(flatten)]
    answer: Answer,
}

/// What has to be the same.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Answer {
    price: i64,
    volume: u64,
    /// Of the fills or the trades.
    digest: String,
}

pub(super) fn rows() -> Result<Vec<Row>> {
    let python = Python::install("python", &PACKAGES)?;
    let mut rows = Vec::new();
    for (count, repeats, goal) in SIZES {
        let file = folder().join(format!("orders-{count}"));
        let number = count.to_string();
        let words: [&OsStr; 4] = ["write".as_ref(), file.as_ref(), number.as_ref(), SEED.as_ref()];
        python.run(PROGRAM, &words)?;
        let orders = orders::read(&file)?;
        rows.extend(of(&python, &file, &orders, (repeats, goal))?);
    }
    Ok(rows)
}

/// The rows of one file.
fn of(
    python: &Python,
    file: &Path,
    orders: &[Order],
    (repeats, goal): (u32, f64),
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let name = |what: &str| format!("{} orders: {what}", orders.len());
    let rules = Rules::uniform(TICK, Fees::default());
    let batch = Batch::new(orders, &rules.fees)?;
    let answer = allocated(orders, &batch.allocate(TICK, K_BPS)?)?;
    for (way, peer) in WAYS {
        let pair = alternate(
            || repeated(repeats, || batch.allocate(TICK, K_BPS)),
            || told(python, [way, "allocate"], file, repeats, &answer),
        )?;
        let row = Row::cost(name(&format!("price, volume, fills; {peer}")), "ms", &pair);
        rows.push(row.aims_at(goal));
    }
    let answer = traded(&clear(orders, &rules)?)?;
    let pair = alternate(
        || repeated(repeats, || batch.clear(TICK, K_BPS)),
        || told(python, ["numpy", "clear"], file, repeats, &answer),
    )?;
    rows.push(Row::cost(name("price, volume, fills, trades; numpy"), "ms", &pair));
    let pair = alternate(
        || repeated(repeats, || clear(orders, &rules)),
        || told(python, ["numpy", "whole"], file, repeats, &answer),
    )?;
    rows.push(Row::cost(name("from orders to trades; numpy from columns"), "ms", &pair));
    let ours = (0..RUNS).map(|_| repeated(repeats, || Batch::new(orders, &rules.fees)));
    let pair = Pair { ours: ours.collect::<Result<_>>()?, theirs: Vec::new() };
    rows.push(Row::cost(name("from orders to columns"), "ms", &pair));
    Ok(rows)
}

/// Milliseconds of work, the median of some times.
fn repeated<T, E>(repeats: u32, work: impl Fn() -> Result<T, E>) -> Result<f64>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut times = Vec::new();
    for _ in 0..repeats {
        let (done, seconds) = worked(&work);
        drop(black_box(done?));
        times.push(seconds * 1_000.0);
    }
    Ok(median(&times))
}

/// Milliseconds of a peer, the median of as many times, if it says the same as we do.
fn told(
    python: &Python,
    [way, what]: [&str; 2],
    file: &Path,
    repeats: u32,
    answer: &Answer,
) -> Result<f64> {
    let repeats = repeats.to_string();
    let words = [way.as_ref(), what.as_ref(), file.as_os_str(), repeats.as_ref()];
    let line = python.run(PROGRAM, &words)?;
    let told: Told = serde_json::from_str(&line).context(line)?;
    ensure!(told.answer == *answer, "{way} says {:?}, we {answer:?}", told.answer);
    let times: Vec<f64> = told.seconds.iter().map(|seconds| seconds * 1_000.0).collect();
    Ok(median(&times))
}

/// What an allocation says, fills in the order of the file.
fn allocated(orders: &[Order], allocation: &Allocation) -> Result<Answer> {
    let mut fills: Vec<(Side, u64, Energy)> = Vec::new();
    let (mut buyers, mut sellers) = (allocation.buyers.iter(), allocation.sellers.iter());
    for order in orders {
        let own = if order.side == Side::Buy { &mut buyers } else { &mut sellers };
        let fill = own.next().context("an order without a fill")?;
        fills.push((order.side, order.sequence, *fill));
    }
    fills.sort();
    let numbers = fills.into_iter().map(|(_, _, fill)| fill.wh());
    answer(allocation.price, allocation.volume, numbers)
}

/// What a clearing says: of each trade the places of buyer and seller, and the energy.
fn traded(clearing: &Clearing) -> Result<Answer> {
    let place = |id: ids::OrderId| u64::try_from(id.uuid().as_u128());
    let mut numbers = Vec::new();
    for trade in &clearing.trades {
        numbers.extend([place(trade.buyer)?, place(trade.seller)?, trade.quantity.wh()]);
    }
    answer(clearing.price, clearing.volume, numbers)
}

fn answer(
    price: Option<Price>,
    volume: Energy,
    numbers: impl IntoIterator<Item = u64>,
) -> Result<Answer> {
    let mut digest = Sha256::new();
    for number in numbers {
        digest.update(number.to_le_bytes());
    }
    let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let price = price.context("nothing trades")?.n_per_wh();
    Ok(Answer { price, volume: volume.wh(), digest })
}
