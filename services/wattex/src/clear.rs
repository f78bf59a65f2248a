//! `wattex clear`: any mechanism on a book from a file, with the market's own code.

mod book;
mod zones;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use ids::OrderId;
use matching::{Clearing, Fees, Mechanism, Reference, Refusal, Rules, Side, network};
use serde_json::{Value, json};
use units::{Decimal, Energy, Money, Price};

use crate::amount::shown;
use crate::exit::Trouble;
use crate::mechanism;
use book::Book;

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
    /// The grid, for the uniform auction: a JSON file with `zones` (`zone`, `fee`) and `links` (`zone`,
    /// `parent`, `up` and `down` with `fee` and `capacity_wh`). A trade pays the fee of the smallest
    /// zone that holds both sides, and of each link on its path. Fees are in currency per kWh.
    #[arg(long, value_name = "FILE")]
    zones: Option<PathBuf>,
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
    let rules = Rules {
        mechanism: mechanism::named(&arguments.mechanism, arguments.k_bps, arguments.price)
            .map_err(Trouble::Argument)?,
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
    let mut outcome = Outcome::new(&book, &rules, clearing)?;
    if let Some((_, zonal)) = &zonal {
        // What every watt-hour pays besides its price is not in the difference.
        let base = rules.fees.network.cost_of(zonal.clearing.volume)?;
        outcome.grid_fees = zonal.fees.minus(base)?;
    }
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

/// A price in currency per kWh.
fn price(text: &str) -> Result<Price, String> {
    book::price(text)
}

fn seed(text: &str) -> Result<[u8; 32], String> {
    let bytes = hex::decode(text.trim_start_matches("0x")).map_err(|error| error.to_string())?;
    bytes.try_into().map_err(|_| "32 bytes are needed".to_owned())
}

/// A clearing and what it is worth.
struct Outcome {
    clearing: Clearing,
    /// What the fills are worth to buyers beyond what they pay.
    buyers: Money,
    /// What sellers get beyond their limits.
    sellers: Money,
    /// What buyers pay and sellers do not get, besides fees.
    difference: Money,
    /// The part of it that goes to the grid: no welfare.
    grid_fees: Money,
}

impl Outcome {
    fn new(book: &Book, rules: &Rules, clearing: Clearing) -> Result<Outcome> {
        let (mut buyers, mut sellers, mut difference) = (0, 0, 0);
        for trade in &clearing.trades {
            let wh = i128::from(trade.quantity.wh());
            let [buy, sell] = [trade.buy_price, trade.sell_price].map(|p| i128::from(p.n_per_wh()));
            let bid = rules.fees.energy_bid(book.order(trade.buyer).price)?;
            let ask = rules.fees.energy_ask(book.order(trade.seller).price)?;
            buyers += (i128::from(bid.n_per_wh()) - buy) * wh;
            sellers += (sell - i128::from(ask.n_per_wh())) * wh;
            difference += (buy - sell) * wh;
        }
        let money = |n: i128| {
            let fits = i64::try_from(n).map(Money::from_n);
            fits.map_err(|_| anyhow!("an amount does not fit"))
        };
        let [buyers, sellers, difference] = [buyers, sellers, difference].map(money);
        let (buyers, sellers, difference) = (buyers?, sellers?, difference?);
        Ok(Outcome { clearing, buyers, sellers, difference, grid_fees: Money::ZERO })
    }

    fn welfare(&self) -> Money {
        let sides = self.buyers.n() + self.sellers.n();
        Money::from_n(sides + self.difference.n() - self.grid_fees.n())
    }

    /// What an order pays or gets for its energy, fees apart.
    fn amount(&self, order: OrderId, side: Side) -> i128 {
        let own = self.clearing.trades.iter().filter(|trade| match side {
            Side::Buy => trade.buyer == order,
            Side::Sell => trade.seller == order,
        });
        own.map(|trade| {
            let price = if side == Side::Buy { trade.buy_price } else { trade.sell_price };
            i128::from(price.n_per_wh()) * i128::from(trade.quantity.wh())
        })
        .sum()
    }

    fn json(&self, book: &Book, rules: &Rules) -> Value {
        let name = |order: OrderId| book.name(order);
        let fill = |fill: &matching::Fill| {
            let order = book.order(fill.order);
            json!({
                "order_id": name(fill.order),
                "account": book.account(fill.order),
                "side": fill.side,
                "quantity_wh": fill.quantity,
                "wanted_wh": order.quantity,
                "amount": decimal(self.amount(fill.order, fill.side)),
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
            "welfare": self.welfare().to_string(),
            "buyers_surplus": self.buyers.to_string(),
            "sellers_surplus": self.sellers.to_string(),
            "difference": self.difference.to_string(),
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
        let (buyers, sellers) = (shown(self.buyers), shown(self.sellers));
        println!("Welfare    {} (buyers {buyers}, sellers {sellers})", shown(self.welfare()));
        if self.difference > Money::ZERO {
            println!(
                "Difference {} that buyers pay and sellers do not get",
                shown(self.difference)
            );
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
            let amount = decimal(self.amount(fill.order, fill.side));
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
