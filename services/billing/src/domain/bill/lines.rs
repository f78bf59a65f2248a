//! From facts to lines.

use std::collections::BTreeMap;

use calendar::{Slot, Timestamp};
use tariff::{Charge, Quantity};
use units::{Decimal, Energy, Money, Overflow};

use super::{BillError, Class, Facts, Input, Line, Rated, Side, Traded};

/// The lines of an invoice, its total and what is left to pay.
///
/// # Errors
/// [`BillError`] when an amount does not fit.
pub fn rate(facts: &Facts<'_>) -> Result<Rated, BillError> {
    let digits = u32::from(facts.tariff.terms().currency_digits);
    let (bought, sold) = rest(facts)?;
    let mut lines =
        vec![tariff_line(facts, &facts.tariff.fixed(facts.period.from, facts.period.to.next())?)];
    for line in facts.tariff.rate(&bought)? {
        lines.push(tariff_line(facts, &line));
    }
    lines.push(tariff_line(facts, &facts.tariff.feed_in(&sold)?));
    lines.extend(trade_lines(facts)?);
    lines.retain(|line| line.exact != Money::ZERO);
    lines.sort_by_key(|line| line.class);
    for line in &mut lines {
        line.amount = line.exact.rounded(digits)?;
    }
    lines.extend(vat(facts, &lines, digits)?);
    let total = Money::sum(lines.iter().map(|line| line.amount))?;
    let on_chain = lines.iter().filter(|line| line.class.on_chain());
    let paid = Money::sum(on_chain.map(|line| line.exact))?.rounded(digits)?;
    Ok(Rated { total, paid, due: total.minus(paid)?, lines })
}

type Rest = Vec<(Slot, Energy)>;

/// Import and export of each slot without what neighbours delivered: nothing where they delivered
/// more than the meter shows.
fn rest(facts: &Facts<'_>) -> Result<(Rest, Rest), BillError> {
    let mut traded: BTreeMap<(Side, Timestamp), Energy> = BTreeMap::new();
    for trade in facts.trades {
        let sum = traded.entry((trade.side, trade.slot)).or_default();
        *sum = sum.plus(trade.delivered)?;
    }
    let (mut bought, mut sold) = (Vec::new(), Vec::new());
    for slot in facts.slots() {
        let used = facts.used.get(&slot.start);
        let left = |side, metered: Option<Energy>| {
            let traded = traded.get(&(side, slot.start)).copied().unwrap_or_default();
            metered.unwrap_or_default().less(traded)
        };
        bought.push((slot, left(Side::Buyer, used.map(|used| used.import))));
        sold.push((slot, left(Side::Seller, used.map(|used| used.export))));
    }
    Ok((bought, sold))
}

fn tariff_line(facts: &Facts<'_>, line: &tariff::Line) -> Line {
    let (class, label) = match line.charge {
        Charge::Fixed => (Class::Fixed, "Standing charge".to_owned()),
        Charge::Energy => (Class::Retail, format!("Energy from your supplier, {}", line.label)),
        Charge::Network => (Class::Network, "Grid, energy from your supplier".to_owned()),
        Charge::Levy => (Class::Levy, line.label.clone()),
        Charge::FeedIn => (Class::FeedIn, "Fed into the grid".to_owned()),
    };
    let terms = facts.tariff.terms();
    let (formula, mut inputs) = match line.quantity {
        Quantity::Energy { energy, price } => {
            ("energy x price", vec![kwh("energy", energy), input("price per kWh", price.per_kwh())])
        }
        Quantity::Days { days, each } => {
            ("days x charge per day", vec![input("days", days), input("charge per day", each)])
        }
    };
    inputs.push(input("tariff", format!("{}, version {}", terms.name, terms.version)));
    drawn(class, label, line.amount, formula, inputs)
}

fn trade_lines(facts: &Facts<'_>) -> Result<Vec<Line>, Overflow> {
    use Side::{Buyer, Seller};
    let price = |trade: &Traded| trade.price.cost_of(trade.delivered);
    let network = |trade: &Traded| trade.network_fee.cost_of(trade.delivered);
    let platform = |trade: &Traded| trade.platform_fee.cost_of(trade.delivered);
    let make_whole = |trade: &Traded| Ok(trade.make_whole);
    let compensation = |trade: &Traded| Ok(trade.compensation);
    let imbalance = |trade: &Traded| Ok(trade.imbalance);
    let line = |class, side, label: &str, of: Of<'_>, part: Part<'_>| {
        trade_line(facts, (class, side, label), of, part)
    };
    let delivered = |times| Of { energy: "delivered", times, counts: |trade| trade.delivered };
    let missing =
        Of { energy: "not delivered", times: "what is owed for it", counts: |trade| trade.short };
    let left =
        Of { energy: "not taken", times: "what is owed for it", counts: |trade| trade.short };
    let (at_price, at_fee) = (delivered("price"), delivered("fee"));
    Ok(vec![
        line(Class::P2pBought, Buyer, "Energy from neighbours", at_price, &price)?,
        line(Class::NetworkLocal, Buyer, "Grid, energy from neighbours", at_fee, &network)?,
        line(Class::PlatformBought, Buyer, "Platform, energy bought", at_fee, &platform)?,
        line(Class::PlatformSold, Seller, "Platform, energy sold", at_fee, &platform)?,
        credit(line(Class::P2pSold, Seller, "Energy to neighbours", at_price, &price)?)?,
        credit(line(
            Class::MakeWhole,
            Buyer,
            "Credit: neighbours did not deliver what you had bought",
            missing,
            &make_whole,
        )?)?,
        credit(line(
            Class::Compensation,
            Seller,
            "Credit: neighbours did not take what you had sold",
            left,
            &compensation,
        )?)?,
        line(
            Class::SellerPenalty,
            Seller,
            "Paid to neighbours: you did not deliver what you had sold",
            missing,
            &make_whole,
        )?,
        line(
            Class::BuyerPenalty,
            Buyer,
            "Paid to neighbours: you did not take what you had bought",
            left,
            &compensation,
        )?,
        line(
            Class::Imbalance,
            Seller,
            "Imbalance: you did not deliver what you had sold",
            missing,
            &imbalance,
        )?,
        line(
            Class::Imbalance,
            Buyer,
            "Imbalance: you did not take what you had bought",
            left,
            &imbalance,
        )?,
    ])
}

/// Which energy of a trade a line is about, and what it is multiplied by.
#[derive(Clone, Copy)]
struct Of<'a> {
    energy: &'a str,
    times: &'a str,
    counts: fn(&Traded) -> Energy,
}

type Part<'a> = &'a dyn Fn(&Traded) -> Result<Money, Overflow>;

fn trade_line(
    facts: &Facts<'_>,
    (class, side, label): (Class, Side, &str),
    of: Of<'_>,
    part: Part<'_>,
) -> Result<Line, Overflow> {
    let mut exact = Money::ZERO;
    let (mut count, mut energy) = (0_u64, Energy::ZERO);
    for trade in facts.trades.iter().filter(|trade| trade.side == side) {
        let amount = part(trade)?;
        exact = exact.plus(amount)?;
        if amount != Money::ZERO {
            count += 1;
            energy = energy.plus((of.counts)(trade))?;
        }
    }
    let formula = format!("sum over the trades of energy {} x {}", of.energy, of.times);
    let inputs = vec![input("trades", count), kwh(of.energy, energy)];
    Ok(drawn(class, label.to_owned(), exact, &formula, inputs))
}

fn credit(line: Line) -> Result<Line, Overflow> {
    Ok(Line { exact: line.exact.negated()?, ..line })
}

fn vat(facts: &Facts<'_>, lines: &[Line], digits: u32) -> Result<Option<Line>, BillError> {
    let bps = facts.tariff.terms().vat_bps;
    let base = Money::sum(lines.iter().filter(|l| l.class.taxed()).map(|line| line.amount))?;
    let exact = i128::from(base.n()) * i128::from(bps) / 10_000;
    let exact = Money::from_n(i64::try_from(exact).map_err(|_| BillError::Overflow)?);
    if exact == Money::ZERO {
        return Ok(None);
    }
    let percent = Decimal::new(i128::from(bps), 2);
    let inputs = vec![input("taxed lines", base), input("rate in percent", percent)];
    let label = format!("Value-added tax, {percent} %");
    let mut line = drawn(Class::Vat, label, exact, "taxed lines x rate", inputs);
    line.amount = exact.rounded(digits)?;
    Ok(Some(line))
}

fn drawn(class: Class, label: String, exact: Money, formula: &str, inputs: Vec<Input>) -> Line {
    Line { class, label, exact, amount: Money::ZERO, formula: formula.to_owned(), inputs }
}

fn input(name: &str, value: impl ToString) -> Input {
    Input { name: name.to_owned(), value: value.to_string() }
}

fn kwh(name: &str, energy: Energy) -> Input {
    let value = format!("{} kWh", Decimal::new(i128::from(energy.wh()), 3));
    Input { name: name.to_owned(), value }
}
