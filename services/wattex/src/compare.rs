//! `wattex mechanisms`: every mechanism on the books of one measured community, side by side.
//!
//! A home offers what it feeds in in a slot and asks for what it takes, as its meter knew it
//! afterwards. Its limit is drawn anew for each slot between feed-in and retail price, which is
//! taken for what the energy is worth to it (zero-intelligence traders; Gode and Sunder 1993). So
//! mechanisms differ by what they make of one book, not by who forecasts well. There are no fees.

mod spread;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use alloy_primitives::keccak256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Slot, SlotLength};
use clap::Args;
use ids::{OrderId, ZoneId};
use matching::metrics::{Metrics, Saving, jain, losers, savings};
use matching::{Fees, Mechanism, Order, Reference, Refusal, Rules, Share, Side};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use units::{Decimal, Energy, Price};

use self::spread::{Spread, median};
use crate::data::{self, MeterRun, Span, Wanted};

/// Prices are multiples of this: 0.01 ct/kWh.
const TICK: i64 = 100;
/// The width of a full bar of the chart, in characters.
const BAR: u64 = 40;

/// Arguments of `wattex mechanisms`.
#[derive(Args)]
pub struct Arguments {
    /// Folder with measured homes; the built-in sample when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The first N homes only.
    #[arg(long, value_name = "N")]
    homes: Option<usize>,
    /// Only every K-th home keeps its PV.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    pv_every: Option<u16>,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = days())]
    days: u32,
    /// The first day, e.g. 2026-06-01.
    #[arg(long, value_name = "DATE")]
    start: Option<LocalDay>,
    /// Seed of the sample and of the limits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// A year at most.
fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=366)
}

/// The book of one slot, and what the retailer takes and gives.
struct Book {
    orders: Vec<Order>,
    reference: Reference,
}

/// What a mechanism made of all books.
struct Figures {
    mechanism: Mechanism,
    /// Why it cleared none, if so.
    refused: Option<Refusal>,
    volume_wh: u128,
    buyers: i128,
    sellers: i128,
    difference: i128,
    /// What buyers paid.
    prices: Spread,
    trades: usize,
    /// Sum over the slots of the smaller of offer and demand: the most that could be exchanged.
    possible_wh: u128,
    jain_ppm: Option<u64>,
    /// Savings of the homes, in parts per million of the retail value of their energy, rising.
    savings: Vec<i64>,
    losers: usize,
    took: Duration,
}

impl Figures {
    fn welfare(&self) -> i128 {
        self.buyers + self.sellers + self.difference
    }
}

/// Compares and prints.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let wanted = Wanted {
        homes: arguments.homes,
        pv_every: arguments.pv_every.map(usize::from),
        start: arguments.start,
        days: arguments.days,
        slot: SlotLength::QUARTER_HOUR,
    };
    let span = data::load(arguments.data.as_deref(), &wanted, arguments.seed)?;
    let books = books(&span, arguments.seed)?;
    let shares: Vec<Share> =
        span.meters.iter().map(|meter| Share { owner: owner(&meter.name), weight: 1 }).collect();
    let all: Result<Vec<Figures>> =
        Mechanism::ALL.iter().map(|mechanism| figures(*mechanism, &books, &shares)).collect();
    let all = all?;
    if arguments.json {
        let best = best(&all);
        let list: Vec<Value> = all.iter().map(|one| json(one, best)).collect();
        let whole = json!({
            "data": span.name,
            "homes": span.meters.len(),
            "slots": span.slots.len(),
            "orders": books.iter().map(|book| book.orders.len()).sum::<usize>(),
            "currency": span.prices.currency,
            "seed": arguments.seed,
            "mechanisms": list,
        });
        println!("{}", serde_json::to_string_pretty(&whole)?);
    } else {
        print(&span, &books, &all);
    }
    Ok(ExitCode::SUCCESS)
}

fn owner(home: &str) -> [u8; 20] {
    let mut owner = [0; 20];
    owner.copy_from_slice(&keccak256(home)[12..]);
    owner
}

/// One book a slot, of what every home fed in or took in it.
fn books(span: &Span, seed: u64) -> Result<Vec<Book>> {
    let tariff = span.prices.tariff(&span.timezone, span.first)?;
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut books = Vec::new();
    for (place, slot) in span.slots.iter().enumerate() {
        let (retail, feed_in) = (tariff.retail_price(*slot), tariff.feed_in_price(*slot));
        let reference = Reference { retail, feed_in: feed_in.at_least_zero().min(retail) };
        let ticks = (reference.retail.n_per_wh() - reference.feed_in.n_per_wh()) / TICK;
        let mut orders = Vec::new();
        for meter in &span.meters {
            let limit = reference.feed_in.n_per_wh() + dice.random_range(0..=ticks) * TICK;
            let limit = Price::from_n_per_wh(limit);
            orders.extend(order(meter, place, *slot, limit).context("a meter ran backwards")?);
        }
        books.push(Book { orders, reference });
    }
    Ok(books)
}

/// What a home fed in or took in a slot, as an order: the larger less the smaller. `None` where a
/// register ran backwards.
fn order(meter: &MeterRun, place: usize, slot: Slot, limit: Price) -> Option<Option<Order>> {
    let import = meter.import[place + 1].since(meter.import[place])?;
    let export = meter.export[place + 1].since(meter.export[place])?;
    let (side, quantity) = if export > import {
        (Side::Sell, export.less(import))
    } else {
        (Side::Buy, import.less(export))
    };
    if quantity == Energy::ZERO {
        return Some(None);
    }
    let name = format!("{}/{}", meter.name, slot.start);
    Some(Some(Order {
        id: OrderId::derived(&name),
        owner: owner(&meter.name),
        side,
        quantity,
        price: limit,
        min_fill: Energy::ZERO,
        hash: keccak256(&name).0,
        sequence: u64::from_be_bytes(keccak256(&name)[..8].try_into().expect("eight bytes")),
        zone: ZoneId::derived("zone"),
    }))
}

fn figures(mechanism: Mechanism, books: &[Book], shares: &[Share]) -> Result<Figures> {
    let mut figures = Figures {
        mechanism,
        refused: None,
        volume_wh: 0,
        buyers: 0,
        sellers: 0,
        difference: 0,
        prices: Spread::default(),
        trades: 0,
        possible_wh: 0,
        jain_ppm: None,
        savings: Vec::new(),
        losers: 0,
        took: Duration::ZERO,
    };
    let mut saved: BTreeMap<[u8; 20], Saving> = BTreeMap::new();
    for book in books {
        let Reference { retail, feed_in } = book.reference;
        let middle = (retail.n_per_wh() + feed_in.n_per_wh()) / 2 / TICK * TICK;
        let rules = Rules {
            mechanism: mechanism.with_price(Price::from_n_per_wh(middle)),
            reference: book.reference,
            seed: seed_of(&book.orders),
            shares: shares.to_vec(),
            ..Rules::uniform(Price::from_n_per_wh(TICK), Fees::default())
        };
        let begun = Instant::now();
        let cleared = matching::clear(&book.orders, &rules);
        figures.took += begun.elapsed();
        let clearing = match cleared {
            Ok(clearing) => clearing,
            Err(refusal) => {
                figures.refused = Some(refusal);
                return Ok(figures);
            }
        };
        let metrics = Metrics::new(&book.orders, &rules, &clearing)?;
        figures.volume_wh += u128::from(metrics.volume.wh());
        figures.possible_wh += u128::from(metrics.offered.min(metrics.demanded).wh());
        figures.buyers += metrics.buyers;
        figures.sellers += metrics.sellers;
        figures.difference += metrics.difference;
        figures.trades += clearing.trades.len();
        for trade in &clearing.trades {
            figures.prices.add(trade.buy_price, trade.quantity);
        }
        for one in savings(&book.orders, &rules, &clearing)? {
            let known =
                saved.entry(one.owner).or_insert(Saving { saved: 0, retail_value: 0, ..one });
            known.saved += one.saved;
            known.retail_value += one.retail_value;
        }
    }
    let saved: Vec<Saving> = saved.into_values().collect();
    let mut relative: Vec<i64> = saved.iter().filter_map(Saving::relative).collect();
    relative.sort_unstable();
    figures.jain_ppm = jain(&relative)?.and_then(|ratio| ratio.per_million());
    figures.savings = relative;
    figures.losers = losers(&saved);
    Ok(figures)
}

/// What lots are drawn from: the book itself.
fn seed_of(orders: &[Order]) -> [u8; 32] {
    let hashes: Vec<u8> = orders.iter().flat_map(|order| order.hash).collect();
    keccak256(hashes).0
}

/// The most welfare of any mechanism; every other is shown against it.
fn best(all: &[Figures]) -> i128 {
    all.iter().map(Figures::welfare).max().unwrap_or(0).max(1)
}

fn json(one: &Figures, best: i128) -> Value {
    json!({
        "mechanism": one.mechanism.name(),
        "properties": one.mechanism.properties(),
        "refused": one.refused.map(|refusal| refusal.to_string()),
        "volume_wh": u64::try_from(one.volume_wh).unwrap_or(u64::MAX),
        "welfare": money(one.welfare()),
        "welfare_ppm_of_best": share(one.welfare(), best),
        "buyers_surplus": money(one.buyers),
        "sellers_surplus": money(one.sellers),
        "difference": money(one.difference),
        "price_mean": price(one.prices.mean()),
        "price_median": price(one.prices.median()),
        "price_dispersion": price(one.prices.deviation()),
        "local_coverage_ppm": coverage(one),
        "trades": one.trades,
        "jain_ppm": one.jain_ppm,
        "saving_ppm_least": one.savings.first(),
        "saving_ppm_median": median(&one.savings),
        "losers": one.losers,
        "microseconds": u64::try_from(one.took.as_micros()).unwrap_or(u64::MAX),
    })
}

/// A price in currency per kWh, for machines.
fn price(price: Option<Price>) -> Option<String> {
    price.map(|price| price.to_string())
}

/// Which part of what could have been exchanged was, in parts per million.
fn coverage(one: &Figures) -> Option<u64> {
    let parts = (one.volume_wh * 1_000_000).checked_div(one.possible_wh)?;
    u64::try_from(parts).ok()
}

/// Parts per million.
fn share(part: i128, whole: i128) -> u64 {
    u64::try_from(part.max(0) * 1_000_000 / whole).unwrap_or(u64::MAX)
}

fn money(n: i128) -> String {
    Decimal::new(n, 9).to_string()
}

/// An amount with two decimals, rounded towards zero.
fn short(n: i128) -> String {
    let sign = if n < 0 { "-" } else { "" };
    let cents = n.unsigned_abs() / 10_000_000;
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// A price in currency per kWh with four decimals, rounded towards zero.
fn per_kwh(price: Price) -> String {
    let sign = if price < Price::ZERO { "-" } else { "" };
    let parts = price.n_per_wh().unsigned_abs() / 100;
    format!("{sign}{}.{:04}", parts / 10_000, parts % 10_000)
}

/// Parts per million as a percentage with one decimal.
fn percent(ppm: u64) -> String {
    format!("{}.{} %", ppm / 10_000, ppm % 10_000 / 1_000)
}

fn print(span: &Span, books: &[Book], all: &[Figures]) {
    let orders: usize = books.iter().map(|book| book.orders.len()).sum();
    let (homes, slots) = (span.meters.len(), span.slots.len());
    println!("{}: {homes} homes, {slots} slots, {orders} orders, no fees", span.name);
    println!();
    println!(
        "{:<22} {:>10} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>7} {:>6} {:>8}",
        "mechanism",
        "kWh",
        "price",
        "welfare",
        "of best",
        "buyers",
        "sellers",
        "differ.",
        "Jain",
        "losers",
        "ms"
    );
    let best = best(all);
    for one in all {
        if let Some(refusal) = one.refused {
            println!("{:<22} {refusal}", one.mechanism.name());
            continue;
        }
        let jain = one.jain_ppm.map_or_else(
            || "-".to_owned(),
            |ppm| format!("{}.{:03}", ppm / 1_000_000, ppm % 1_000_000 / 1_000),
        );
        println!(
            "{:<22} {:>10} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>7} {:>6} {:>8}",
            one.mechanism.name(),
            format!("{}.{}", one.volume_wh / 1_000, one.volume_wh % 1_000 / 100),
            one.prices.mean().map_or_else(|| "-".to_owned(), per_kwh),
            short(one.welfare()),
            percent(share(one.welfare(), best)),
            short(one.buyers),
            short(one.sellers),
            short(one.difference),
            jain,
            one.losers,
            format!("{}.{}", one.took.as_millis(), one.took.as_micros() % 1_000 / 100),
        );
    }
    println!();
    println!("welfare against the best, and energy against the most that any exchanges");
    let most = all.iter().map(|one| one.volume_wh).max().unwrap_or(0).max(1);
    for one in all.iter().filter(|one| one.refused.is_none()) {
        let energy = u64::try_from(one.volume_wh * 1_000_000 / most).unwrap_or(0);
        println!("{:<22} {}", one.mechanism.name(), bar(share(one.welfare(), best), '█'));
        println!("{:<22} {}", "", bar(energy, '░'));
    }
    println!("{:<22} █ welfare  ░ energy, in {}", "", span.prices.currency);
    println!("price is what buyers pay on average per kWh of energy, fees apart");
}

fn bar(ppm: u64, with: char) -> String {
    let length = usize::try_from(ppm * BAR / 1_000_000).unwrap_or(0);
    format!("{} {}", String::from_iter(std::iter::repeat_n(with, length)), percent(ppm))
}
