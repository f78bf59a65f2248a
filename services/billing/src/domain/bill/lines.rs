//! From facts to lines.

use units::{Decimal, Energy, Money, Overflow};

use super::{BillError, Class, Facts, Input, Line, Rated, Side, Traded, retail};

/// The lines of an invoice, its total and what is left to pay.
///
/// # Errors
/// [`BillError`] when an amount does not fit, or the tariff cannot rate the period.
pub fn rate(facts: &Facts<'_>) -> Result<Rated, BillError> {
    let digits = u32::from(facts.tariff.head().currency_digits);
    let (mut lines, carried) = retail::lines(facts)?;
    lines.extend(trade_lines(facts)?);
    lines.retain(|line| line.exact != Money::ZERO);
    lines.sort_by_key(|line| line.class);
    for line in &mut lines {
        line.amount = line.exact.rounded(digits)?;
    }
    taxes(facts, &mut lines, digits)?;
    let total = Money::sum(lines.iter().map(|line| line.amount))?;
    let on_chain = lines.iter().filter(|line| line.class.on_chain());
    let paid = Money::sum(on_chain.map(|line| line.exact))?.rounded(digits)?;
    Ok(Rated { total, paid, due: total.minus(paid)?, lines, carried })
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

/// Percentages of the rounded lines before them. A levy stands with the others of its class, and
/// value-added tax at the end.
fn taxes(facts: &Facts<'_>, lines: &mut Vec<Line>, digits: u32) -> Result<(), BillError> {
    for tax in &facts.tariff.sheet().taxes {
        let due = |line: &&Line| line.class.taxed_as().is_some_and(|class| tax.on.contains(&class));
        let base = Money::sum(lines.iter().filter(due).map(|line| line.amount))?;
        let scale = tax.percent.scale();
        let over = 10_i128.checked_pow(scale + 2).ok_or(BillError::Overflow)?;
        let parts = tax.percent.at_scale(scale)?;
        let exact = i128::from(base.n()).checked_mul(parts).ok_or(BillError::Overflow)? / over;
        let exact = Money::from_n(i64::try_from(exact).map_err(|_| BillError::Overflow)?);
        if exact == Money::ZERO {
            continue;
        }
        let percent = tax.percent.decimal();
        let inputs = vec![input("taxed lines", base), input("rate in percent", percent)];
        let (class, label) = match tax.class {
            tariff::Class::Vat => (Class::Vat, format!("Value-added tax, {percent} %")),
            _ => (Class::Levy, tax.name.clone()),
        };
        let mut line = drawn(class, label, exact, "taxed lines x rate", inputs);
        line.amount = exact.rounded(digits)?;
        lines.push(line);
        lines.sort_by_key(|line| line.class);
    }
    Ok(())
}

pub(super) fn drawn(
    class: Class,
    label: String,
    exact: Money,
    formula: &str,
    inputs: Vec<Input>,
) -> Line {
    Line { class, label, exact, amount: Money::ZERO, formula: formula.to_owned(), inputs }
}

pub(super) fn input(name: &str, value: impl ToString) -> Input {
    Input { name: name.to_owned(), value: value.to_string() }
}

pub(super) fn kwh(name: &str, energy: Energy) -> Input {
    let value = format!("{} kWh", Decimal::new(i128::from(energy.wh()), 3));
    Input { name: name.to_owned(), value }
}
