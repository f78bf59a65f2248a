//! `wattex surveillance`: the market's rules against abuse on orders and trades from files.

mod files;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use calendar::TimeZone;
use clap::Args;
use matching::Fees;
use serde_json::{Value, json};
use surveillance::{Case, Evidence, Figure, Thresholds, Watch};
use units::Price;

use crate::data::DataError;
use crate::exit::Trouble;
use crate::rows::price;
use files::{Names, Setting};

/// Arguments of `wattex surveillance`.
#[derive(Args)]
pub struct Arguments {
    /// Every order, also those taken back: a CSV file with the columns `order_id`, `account`,
    /// `owner`, `side` (buy or sell), `slot`, `qty_wh`, `price`, `placed`, `cancelled`, or a JSON
    /// list of objects with these fields. Without an `owner` each account has its own. Prices are
    /// in currency per kWh, a buyer's all-in, a seller's net; moments are like
    /// 2026-06-01T10:00:00Z or seconds since 1970.
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    /// Every trade: `buy_order`, `sell_order`, `qty_wh`, `price`, and `sell_price` where the seller
    /// gets another one. A slot whose trades have one price was cleared at it.
    #[arg(long, value_name = "FILE")]
    trades: PathBuf,
    /// What was fed in: `slot`, `connection_point`, `owner`, `export_wh`. Without it nothing is
    /// said about deliveries.
    #[arg(long, value_name = "FILE")]
    intervals: Option<PathBuf>,
    /// Thresholds that differ from the defaults: a JSON file such as {"m1": {"days": 5}}.
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// What the retailer takes, in currency per kWh.
    #[arg(long, value_parser = price)]
    retail: Price,
    /// What the retailer gives, in currency per kWh.
    #[arg(long, value_parser = price)]
    feed_in: Price,
    /// Prices are multiples of this, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0.0001")]
    tick: Price,
    /// The grid's fee, paid by the buyer, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0")]
    network_fee: Price,
    /// The platform's fee, paid by the buyer, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0")]
    buyer_fee: Price,
    /// The platform's fee, paid by the seller, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0")]
    seller_fee: Price,
    /// How many seconds before a slot its orders are final.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    gate: u32,
    /// Whose days these are.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: TimeZone,
    /// Print the cases as JSON.
    #[arg(long)]
    json: bool,
}

/// Judges day by day, and prints each case as it was last found.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let thresholds = thresholds(arguments)?;
    let setting = Setting {
        retail: arguments.retail,
        feed_in: arguments.feed_in,
        tick: arguments.tick,
        fees: Fees {
            network: arguments.network_fee,
            buyer: arguments.buyer_fee,
            seller: arguments.seller_fee,
        },
        gate_seconds: i64::from(arguments.gate),
        timezone: arguments.timezone.clone(),
    };
    let intervals = arguments.intervals.as_deref();
    let (days, names) = files::read(&arguments.orders, &arguments.trades, intervals, &setting)?;
    let mut watch = Watch::new("files", thresholds)
        .map_err(|refusal| Trouble::Argument(format!("--thresholds: {refusal}")))?;
    let mut cases: Vec<Case> = Vec::new();
    for day in &days {
        let found = watch.day(day).map_err(|refusal| Trouble::Argument(refusal.to_string()))?;
        for case in found {
            match cases.iter_mut().find(|known| known.id == case.id) {
                Some(known) => *known = case,
                None => cases.push(case),
            }
        }
    }
    if arguments.json {
        let cases: Vec<Value> = cases.iter().map(|case| as_json(case, &names)).collect();
        let report =
            json!({ "days": days.len(), "cases": cases, "left_out": watch.left_out().to_string() });
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&cases, days.len(), &names);
    }
    Ok(ExitCode::SUCCESS)
}

fn thresholds(arguments: &Arguments) -> Result<Thresholds, DataError> {
    let Some(file) = &arguments.thresholds else { return Ok(Thresholds::default()) };
    let fault = |reason: String| DataError::File { file: file.clone(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| fault(error.to_string()))
}

fn print(cases: &[Case], days: usize, names: &Names) {
    println!("{} cases in {days} days", cases.len());
    for case in cases {
        let owners: Vec<&str> = case.owners.iter().map(|owner| names.owner(*owner)).collect();
        println!();
        println!("{} severity {} score {}", owners.join(" "), case.severity, case.score);
        println!("  {}", case.sentence());
        println!(
            "  {} to {}; {} pieces of evidence, {} more",
            files::day(case.from),
            files::day(case.last),
            case.evidence.len(),
            case.evidence_left_out
        );
    }
}

fn as_json(case: &Case, names: &Names) -> Value {
    let figures = case.figures.iter().map(|figure| {
        let Figure { what, value, unit, threshold, at_most } = figure;
        let bound = if *at_most { "at_most" } else { "at_least" };
        json!({ "what": what, "value": value.to_string(), "unit": unit,
                bound: threshold.to_string() })
    });
    let evidence = case.evidence.iter().map(|piece| match piece {
        Evidence::Order { slot, order } => {
            json!({ "kind": "order", "slot": slot.to_string(), "order": names.order(*order) })
        }
        Evidence::Trade { slot, buyer, seller } => {
            json!({ "kind": "trade", "slot": slot.to_string(), "buy_order": names.order(*buyer),
                    "sell_order": names.order(*seller) })
        }
        Evidence::Interval { slot, owner } => {
            json!({ "kind": "interval", "slot": slot.to_string(), "owner": names.owner(*owner) })
        }
    });
    json!({
        "id": case.id.to_string(),
        "rule": case.rule.code(),
        "title": case.rule.title(),
        "owners": case.owners.iter().map(|owner| names.owner(*owner)).collect::<Vec<_>>(),
        "opened": files::day(case.opened).to_string(),
        "from": files::day(case.from).to_string(),
        "last": files::day(case.last).to_string(),
        "severity": case.severity,
        "score": case.score,
        "figures": figures.collect::<Vec<_>>(),
        "evidence": evidence.collect::<Vec<_>>(),
        "evidence_left_out": case.evidence_left_out.to_string(),
    })
}
