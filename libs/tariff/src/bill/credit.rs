//! What export earns, and what is carried over and paid out.

use units::Money;

use super::energy::{At, Flow, ONE, Priced};
use super::{Draft, Line, Rating};
use crate::plan::{Layout, Month};
use crate::sheet::{Bank, Class, Export, Leftover, Mode, Pricing};
use crate::{Exact, Refusal, UnitPrice};

impl Rating<'_> {
    /// What the export of a part earns: lines at once, or money for the bank.
    pub(super) fn earn(&mut self, at: At<'_>, draft: &mut Draft) -> Result<(), Refusal> {
        let plan = self.plan;
        let layout = &plan.sheets[at.part.layout];
        let Some(export) = &layout.sheet.export else { return Ok(()) };
        let Some(pricing) = &export.price else { return Ok(()) };
        let priced = Priced {
            pricing,
            schedule: layout.export,
            place: layout.sheet.energy.len(),
            items: &layout.items.export,
            earns: true,
        };
        let before = draft.lines.len();
        let series = self.series;
        match export.mode {
            Mode::NetMetering if export.bank == Bank::Energy => {}
            Mode::NetMetering => self.surplus(at, priced, draft)?,
            Mode::BuyAllSellAll => {
                let made = series.gross().1;
                self.priced_runs(at, priced, Flow::Generation, made, draft)?;
            }
            Mode::FeedIn | Mode::NetBilling => {
                self.priced_runs(at, priced, Flow::Export, series.export(), draft)?;
            }
        }
        if export.bank != Bank::None {
            // The bank has the money, and the bill what the bank pays.
            for line in draft.lines.drain(before..) {
                draft.earned = draft.earned.minus(line.exact)?;
            }
        }
        Ok(())
    }

    /// What is left of the export once it is netted, at the export's prices.
    fn surplus(
        &mut self,
        at: At<'_>,
        priced: Priced<'_>,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let series = self.series;
        let Pricing::Periods(periods) = priced.pricing else {
            // A series nets each interval for itself.
            let pairs = series.export().iter().zip(series.residual());
            let left: Vec<i64> = pairs.map(|(out, taken)| (out - taken).max(0)).collect();
            return self.priced_runs(at, priced, Flow::Other, &left, draft);
        };
        let (flow, import) = (Flow::Residual, series.residual());
        let need = self.net_totals(at, priced.schedule, flow, import, periods.periods.len());
        let left: Vec<i64> = need.iter().map(|need| (-*need).max(0)).collect();
        self.priced_totals(at, periods, priced, &left, draft)
    }

    /// Applies money that is carried over, and settles the energy bank where its year ends with a
    /// credit.
    pub(super) fn credit(&mut self, month: &Month, draft: &mut Draft) -> Result<(), Refusal> {
        let plan = self.plan;
        let Some((layout, export)) = last_export(plan, month) else { return Ok(()) };
        if export.bank == Bank::Energy {
            let left = draft.export - draft.residual;
            self.carried.surplus = (self.carried.surplus + left).max(0);
            if let (true, Leftover::Credit(price)) = (ends_year(export, month), export.leftover) {
                let (value, _) = price.cost(self.carried.surplus, 1, self.digits())?;
                self.carried.credit = self.carried.credit.plus(value)?;
                self.forget_energy();
            }
        }
        let mut pool = self.carried.credit;
        if export.bank == Bank::Money(true) {
            pool = pool.plus(draft.earned)?;
        }
        let due = draft.energy.0.max(Exact::ZERO);
        let applied = pool.min(due);
        if applied > Exact::ZERO {
            // A credit that covers the charges covers what the bill shows of them.
            let amount =
                if applied == due { draft.energy.1 } else { applied.rounded(self.digits())? };
            draft.lines.push(money_line(layout.items.carried, applied, amount)?);
        }
        self.carried.credit = pool.minus(applied)?;
        if export.bank == Bank::Money(false) {
            self.carried.credit = self.carried.credit.plus(draft.earned)?;
        }
        Ok(())
    }

    /// Settles the bank at the end of its year.
    pub(super) fn payout(&mut self, month: &Month, draft: &mut Draft) -> Result<(), Refusal> {
        let plan = self.plan;
        let Some((layout, export)) = last_export(plan, month) else { return Ok(()) };
        if !ends_year(export, month) || export.leftover == Leftover::Keep {
            return Ok(());
        }
        let item = layout.items.paid_out;
        match (export.bank, export.leftover) {
            (Bank::Energy, Leftover::Pay(price)) => {
                if self.carried.surplus > 0 && price != UnitPrice::ZERO {
                    self.line(draft, item, -self.carried.surplus, price, 1)?;
                }
                self.forget_energy();
            }
            (Bank::Energy, Leftover::Expire) => self.forget_energy(),
            (Bank::Money(_), Leftover::Pay(_)) => {
                let left = self.carried.credit;
                if left > Exact::ZERO {
                    draft.lines.push(money_line(item, left, left.rounded(self.digits())?)?);
                }
                self.carried.credit = Exact::ZERO;
            }
            (Bank::Money(_), Leftover::Expire) => self.carried.credit = Exact::ZERO,
            _ => {}
        }
        Ok(())
    }

    fn forget_energy(&mut self) {
        self.carried.surplus = 0;
        self.carried.banked.iter_mut().for_each(Vec::clear);
    }
}

/// The export rule at the end of a month.
fn last_export<'a>(plan: &'a crate::Plan, month: &Month) -> Option<(&'a Layout, &'a Export)> {
    let layout = &plan.sheets[month.parts.last()?.layout];
    Some((layout, layout.sheet.export.as_ref()?))
}

/// Whether the bank's year ends with this month, of which the span has the end.
fn ends_year(export: &Export, month: &Month) -> bool {
    month.number == export.year_end && month.ends
}

/// Money as a line of its own: so much at one.
fn money_line(item: usize, exact: Exact, amount: Money) -> Result<Line, Refusal> {
    let exact = Exact::ZERO.minus(exact)?;
    let amount = amount.negated()?;
    let quantity = i128::from(amount.n());
    let (class, price) = (Class::Credit, ONE);
    Ok(Line::plain((item, class), (quantity, price), (exact, amount)))
}
