//! The least that is charged, taxes, and totals.

use units::Money;

use super::energy::ONE;
use super::{Draft, Line, MonthBill, Rating, divisor};
use crate::plan::Month;
use crate::sheet::{Class, Mode, Per};
use crate::{Exact, Refusal, UnitPrice};

impl Rating<'_> {
    /// Lines up to the least that a month, and in December a year, costs.
    pub(super) fn minimum(&mut self, month: &Month, draft: &mut Draft) -> Result<(), Refusal> {
        let (mut exact, mut shown) = self.charged(month, draft)?;
        (exact, shown) = (exact.max(Exact::ZERO), shown.max(Money::ZERO));
        let (year, days) = self.carried.year;
        let covered = month.parts.iter().map(|part| part.days).sum::<u32>();
        let (year, days) = (year.plus(exact)?, days + covered);
        self.carried.year = (year, days);
        let (mut least, mut least_shown) = (Exact::ZERO, Money::ZERO);
        let mut item = None;
        for part in &month.parts {
            let layout = &self.plan.sheets[part.layout];
            for (place, minimum) in layout.sheet.minimum.iter().enumerate() {
                if minimum.per == Per::Year {
                    continue;
                }
                let quantity = i128::from(part.days) * 1_000_000_000;
                let over = divisor(minimum.per, month);
                let (more, more_shown) = minimum.amount.cost(quantity, over, self.digits())?;
                (least, least_shown) = (least.plus(more)?, least_shown.plus(more_shown)?);
                item = item.or(Some(layout.items.minimum + place));
            }
        }
        if let Some(item) = item {
            top_up(draft, item, least.minus(exact)?, least_shown.minus(shown)?);
        }
        if month.number == 12 && month.ends {
            self.carried.year = (Exact::ZERO, 0);
            self.year_minimum(month, draft, year, days)?;
        }
        Ok(())
    }

    fn year_minimum(
        &self,
        month: &Month,
        draft: &mut Draft,
        year: Exact,
        days: u32,
    ) -> Result<(), Refusal> {
        let Some(part) = month.parts.last() else { return Ok(()) };
        let layout = &self.plan.sheets[part.layout];
        for (place, minimum) in layout.sheet.minimum.iter().enumerate() {
            if minimum.per == Per::Year {
                let (quantity, over) = (i128::from(days) * 1_000_000_000, month.year_days);
                let (least, _) = minimum.amount.cost(quantity, over, self.digits())?;
                let short = least.minus(year)?;
                top_up(draft, layout.items.minimum + place, short, short.rounded(self.digits())?);
            }
        }
        Ok(())
    }

    /// What is charged so far, as the minimum sees it: without what export is paid apart from the
    /// bill.
    fn charged(&self, month: &Month, draft: &Draft) -> Result<(Exact, Money), Refusal> {
        let sold_apart = month.parts.iter().any(|part| {
            let export = self.plan.sheets[part.layout].sheet.export.as_ref();
            export.is_some_and(|it| matches!(it.mode, Mode::FeedIn | Mode::BuyAllSellAll))
        });
        let (mut exact, mut shown) = (Exact::ZERO, Money::ZERO);
        for line in &draft.lines {
            if !(sold_apart && line.class == Class::Credit) {
                (exact, shown) = (exact.plus(line.exact)?, shown.plus(line.amount)?);
            }
        }
        Ok((exact, shown))
    }

    /// Percentages of the lines before them, on the sum of each rounded base.
    pub(super) fn taxes(&self, month: &Month, draft: &mut Draft) -> Result<(), Refusal> {
        let Some(part) = month.parts.last() else { return Ok(()) };
        let layout = &self.plan.sheets[part.layout];
        for (place, tax) in layout.sheet.taxes.iter().enumerate() {
            let (mut base, mut exact_base) = (Money::ZERO, Exact::ZERO);
            for line in &draft.lines {
                if tax.on.contains(&line.class) {
                    base = base.plus(line.amount)?;
                    exact_base = exact_base.plus(line.exact)?;
                }
            }
            let price = layout.taxes[place];
            if base == Money::ZERO && exact_base == Exact::ZERO || price == UnitPrice::ZERO {
                continue;
            }
            let quantity = i128::from(base.n());
            let (_, amount) = price.cost(quantity, 1, self.digits())?;
            let exact = exact_part(exact_base, price)?;
            let item = layout.items.taxes + place;
            let class = tax.class;
            draft.lines.push(Line::plain((item, class), (quantity, price), (exact, amount)));
        }
        Ok(())
    }

    /// Puts the lines in order and adds them up.
    pub(super) fn total(month: &Month, draft: Draft) -> Result<MonthBill, Refusal> {
        let Draft { mut lines, import, export, peak, .. } = draft;
        if !lines.is_sorted_by_key(|line| line.class) {
            lines.sort_by_key(|line| line.class);
        }
        let (mut net, mut vat, mut exact) = (Money::ZERO, Money::ZERO, Exact::ZERO);
        for line in &lines {
            exact = exact.plus(line.exact)?;
            match line.class {
                Class::Vat => vat = vat.plus(line.amount)?,
                _ => net = net.plus(line.amount)?,
            }
        }
        let (first, end, gross) = (month.first, month.end, net.plus(vat)?);
        Ok(MonthBill { first, end, lines, net, vat, gross, exact, import, export, peak })
    }
}

/// A line for what is missing, if something is.
fn top_up(draft: &mut Draft, item: usize, exact: Exact, amount: Money) {
    if exact > Exact::ZERO {
        let quantity = i128::from(amount.n());
        let (class, price) = (Class::Minimum, ONE);
        draft.lines.push(Line::plain((item, class), (quantity, price), (exact, amount)));
    }
}

/// `price x amount`, within half of 10^-18.
fn exact_part(amount: Exact, price: UnitPrice) -> Result<Exact, Refusal> {
    let digits = price.at_scale(price.scale())?;
    let product = amount.atto().checked_mul(digits).ok_or(Refusal::Overflow)?;
    let over = 10_i128.checked_pow(price.scale()).ok_or(Refusal::Overflow)?;
    let half = if product < 0 { -(over / 2) } else { over / 2 };
    Ok(Exact::from_atto(product.checked_add(half).ok_or(Refusal::Overflow)? / over))
}
