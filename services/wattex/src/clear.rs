//! `wattex clear`: any mechanism on a book from a file, with the market's own code.

mod book;
mod shares;
pub(crate) mod zones;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use ids::OrderId;
use matching::metrics::Metrics;
use matching::{Clearing, Fees, Fill, Mechanism, Reference, Refusal, Rules, Share, Side, network};
use serde_json::{Value, json};
use units::{Decimal, Energy, Money, Price};

use crate::exit::Trouble;
use crate::mechanism;
use crate::rows::price;
use book::Book;

/// How many zones a message names.
const ZONES_SHOWN_MAX: usize = 3;

/// Arguments of `wattex clear`.
#[derive(Args)]
pub struct Arguments {
    /// The mechanism: its name, such as `uniform`, or its JSON.
    #[arg(long, value_name = "NAME", default_value = "uniform")]
    mechanism: String,
    /// The book: a CSV file with the columns `order_id`, `account`, `side`, `qty_wh`, `price`,
    /// `zone`, `time`, `min_fill_wh`, or a JSON list of objects with these fields. Needed are
    /// `order_id`, `side` (buy or sell), `qty_wh` and `price`. Prices are in currency per kWh: a
    /// buyer's is all-in, a seller's is net. Without an `account` each order has its own; `time`
    /// says who came first, where it matters, else the place in the file.
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    /// The grid, for the uniform auction: a JSON file with `zones` (`zone`, `fee`) and `links`
    /// (`zone`, `parent`, `up` and `down` with `fee` and `capacity_wh`). A trade pays the fee of
    /// the smallest zone that holds both sides, and of each link on its path. Fees are in currency
    /// per kWh.
    #[arg(long, value_name = "FILE")]
    zones: Option<PathBuf>,
    /// Clear a book that names several zones without a grid, as if all stood in one.
    #[arg(long, conflicts_with = "zones")]
    one_zone: bool,
    /// Who gets which part, for static and cascade allocation: a CSV file with the columns
    /// `account` and `weight`, or a JSON list of objects with these fields. Whoever is not named
    /// gets nothing; without a file all who buy have the same part.
    #[arg(long, value_name = "FILE")]
    shares: Option<PathBuf>,
    /// Where in the interval of prices the price lies: 0 (low) to 10000 (high).
    #[arg(long, value_name = "BPS")]
    k_bps: Option<u16>,
    /// The price of mechanisms that are given one, in currency per kWh.
    #[arg(long, value_parser = price)]
    price: Option<Price>,
    /// What the retailer takes, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0")]
    retail: Price,
    /// What the retailer gives, in currency per kWh.
    #[arg(long, value_parser = price, default_value = "0")]
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
    /// What lots are drawn from: 32 bytes as hex.
    #[arg(long, value_name = "HEX", value_parser = seed)]
    seed: Option<[u8; 32]>,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
}

/// Clears and prints.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let book = book::read(&arguments.orders)?;
    let mechanism = mechanism::named(&arguments.mechanism, arguments.k_bps, arguments.price)
        .map_err(Trouble::Argument)?;
    if arguments.zones.is_none() {
        check_zones(&book, arguments.one_zone)?;
    }
    let rules = Rules {
        mechanism,
        shares: shares_of(arguments.shares.as_deref(), mechanism, &book)?,
        reference: Reference { retail: arguments.retail, feed_in: arguments.feed_in },
        seed: arguments.seed.unwrap_or_default(),
        ..Rules::uniform(
            arguments.tick,
            Fees {
                network: arguments.network_fee,
                buyer: arguments.buyer_fee,
                seller: arguments.seller_fee,
            },
        )
    };
    let refused = |refusal: Refusal| Trouble::Argument(refusal.to_string());
    let grid = arguments.zones.as_deref().map(zones::read).transpose()?;
    let zonal = match &grid {
        Some(grid) if matches!(rules.mechanism, Mechanism::Uniform { .. }) => {
            let zonal = network::clear(&book.orders, &grid.network, &rules).map_err(refused)?;
            if let Some(order) = zonal.outside.first() {
                let name = book.name(*order);
                return Err(Trouble::Argument(format!("order {name}: no such zone")).into());
            }
            Some((grid, zonal))
        }
        Some(_) => {
            let why = "--zones: only the mechanism uniform knows a grid".to_owned();
            return Err(Trouble::Argument(why).into());
        }
        None => None,
    };
    let clearing = match &zonal {
        Some((_, zonal)) => zonal.clearing.clone(),
        None => matching::clear(&book.orders, &rules).map_err(refused)?,
    };
    let grid_fees = match &zonal {
        // What every watt-hour pays besides its price is not in the difference.
        Some((_, zonal)) => zonal.fees.minus(rules.fees.network.cost_of(zonal.clearing.volume)?)?,
        None => Money::ZERO,
    };
    let outcome = Outcome::new(&book, &rules, clearing, grid_fees)?;
    if arguments.json {
        let mut json = outcome.json(&book, &rules);
        if let Some((grid, zonal)) = &zonal {
            json["network"] = grid.json(zonal);
        }
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        outcome.print(&book, &rules);
        if let Some((grid, zonal)) = &zonal {
            grid.print(zonal);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Without a grid energy goes from any zone to any other for nothing, which nobody who names zones
/// can mean: that has to be said.
fn check_zones(book: &Book, one_zone: bool) -> Result<(), Trouble> {
    if book.zones.len() < 2 {
        return Ok(());
    }
    let named = |zone: &String| if zone.is_empty() { "no zone" } else { zone.as_str() }.to_owned();
    let zones = book.zones.iter().take(ZONES_SHOWN_MAX).map(named).collect::<Vec<_>>().join(", ");
    let more = if book.zones.len() > ZONES_SHOWN_MAX { ", ..." } else { "" };
    let many = format!("the orders stand in {} zones ({zones}{more})", book.zones.len());
    if one_zone {
        eprintln!("warning: {many}, and are cleared as if all stood in one");
        return Ok(());
    }
    let how = "say with --zones what lies between them, or --one-zone to clear them as one";
    Err(Trouble::Argument(format!("{many}: {how}")))
}

/// The shares of the file, or the same part for all who buy, where the mechanism has shares.
fn shares_of(file: Option<&Path>, mechanism: Mechanism, book: &Book) -> Result<Vec<Share>> {
    match (file, mechanism.has_shares()) {
        (Some(file), true) => Ok(shares::read(file)?),
        (Some(_), false) => {
            let why = format!("--shares: the mechanism {mechanism} has none");
            Err(Trouble::Argument(why).into())
        }
        (None, true) => Ok(matching::equal_shares(&book.orders)),
        (None, false) => Ok(Vec::new()),
    }
}

fn seed(text: &str) -> Result<[u8; 32], String> {
    let bytes = hex::decode(text.trim_start_matches("0x")).map_err(|error| error.to_string())?;
    bytes.try_into().map_err(|_| "32 bytes are needed".to_owned())
}

/// A clearing and what it is worth, in 1e-9 currency.
struct Outcome {
    clearing: Clearing,
    metrics: Metrics,
    welfare: i128,
    /// What each order pays or gets for its energy, fees apart.
    amounts: HashMap<(OrderId, Side), i128>,
}

impl Outcome {
    /// The outcome of a book; `grid_fees` are the part of the difference that is no welfare.
    fn new(book: &Book, rules: &Rules, clearing: Clearing, grid_fees: Money) -> Result<Outcome> {
        let metrics = Metrics::new(&book.orders, rules, &clearing)?;
        let mut amounts = HashMap::new();
        for trade in &clearing.trades {
            let wh = i128::from(trade.quantity.wh());
            let sides = [
                (trade.buyer, Side::Buy, trade.buy_price),
                (trade.seller, Side::Sell, trade.sell_price),
            ];
            for (order, side, price) in sides {
                *amounts.entry((order, side)).or_default() += i128::from(price.n_per_wh()) * wh;
            }
        }
        let welfare = metrics.welfare()? - i128::from(grid_fees.n());
        Ok(Outcome { clearing, metrics, welfare, amounts })
    }

    fn amount(&self, fill: &Fill) -> String {
        let amount = self.amounts.get(&(fill.order, fill.side));
        decimal(amount.copied().unwrap_or_default())
    }

    fn json(&self, book: &Book, rules: &Rules) -> Value {
        let name = |order: OrderId| book.name(order);
        let fill = |fill: &Fill| {
            let order = book.order(fill.order);
            json!({
                "order_id": name(fill.order),
                "account": book.account(fill.order),
                "side": fill.side,
                "quantity_wh": fill.quantity,
                "wanted_wh": order.quantity,
                "amount": self.amount(fill),
            })
        };
        let trade = |trade: &matching::Trade| {
            json!({
                "buyer": name(trade.buyer),
                "seller": name(trade.seller),
                "quantity_wh": trade.quantity,
                "buy_price": trade.buy_price.to_string(),
                "sell_price": trade.sell_price.to_string(),
            })
        };
        let Clearing { price, volume, fills, trades, dropped } = &self.clearing;
        json!({
            "mechanism": rules.mechanism,
            "properties": rules.mechanism.properties(),
            "orders": book.orders.len(),
            "price": price.map(|price| price.to_string()),
            "volume_wh": volume,
            "welfare": decimal(self.welfare),
            "buyers_surplus": decimal(self.metrics.buyers),
            "sellers_surplus": decimal(self.metrics.sellers),
            "difference": decimal(self.metrics.difference),
            "fills": fills.iter().map(fill).collect::<Vec<_>>(),
            "trades": trades.iter().map(trade).collect::<Vec<_>>(),
            "dropped": dropped.iter().map(|order| name(*order)).collect::<Vec<_>>(),
        })
    }

    fn print(&self, book: &Book, rules: &Rules) {
        let Clearing { price, volume, fills, trades, dropped } = &self.clearing;
        let price = price.map_or_else(
            || if trades.is_empty() { "none".to_owned() } else { "each trade's own".to_owned() },
            |price| format!("{price} per kWh"),
        );
        println!("Mechanism  {}", rules.mechanism);
        println!("Orders     {}", book.orders.len());
        println!("Price      {price}");
        println!("Volume     {}", energy(*volume));
        let Metrics { buyers, sellers, difference, .. } = self.metrics;
        let [welfare, buyers, sellers] = [self.welfare, buyers, sellers].map(decimal);
        println!("Welfare    {welfare} (buyers {buyers}, sellers {sellers})");
        if difference > 0 {
            println!("Difference {} that buyers pay and sellers do not get", decimal(difference));
        }
        let width = fills.iter().map(|fill| book.name(fill.order).chars().count()).max();
        let width = width.unwrap_or(0).max(5);
        if !fills.is_empty() {
            println!();
            println!("{:<width$}  side  {:>12}  {:>12}  amount", "order", "wanted Wh", "filled Wh");
        }
        for fill in fills {
            let side = if fill.side == Side::Buy { "buy " } else { "sell" };
            let (wanted, filled) = (book.order(fill.order).quantity.wh(), fill.quantity.wh());
            let amount = self.amount(fill);
            let name = book.name(fill.order);
            println!("{name:<width$}  {side}  {wanted:>12}  {filled:>12}  {amount}");
        }
        for order in dropped {
            println!("{:<width$}  left out: its minimum fill cannot be met", book.name(*order));
        }
    }
}

/// An amount in currency.
fn decimal(n: i128) -> String {
    Decimal::new(n, 9).to_string()
}

/// Energy in kWh, exact.
fn energy(energy: Energy) -> String {
    format!("{} kWh", Decimal::new(i128::from(energy.wh()), 3))
}
