//! What a utility adds up: what was settled slot by slot for each grid operator, what the retailer
//! and the grid are left with, what invoices and their corrections charged, and what was estimated.
//!
//! Invariants: sums are exact; what does not fit is refused. Absent: where trades, intervals and
//! invoices come from.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use calendar::{SlotLength, Timestamp};
use ids::{AccountId, ConnectionPointId, ZoneId};
use units::{Energy, Money, Overflow};

use super::bill::{Class, Invoice};
use super::correction::Correction;
use super::journal::TradeState;

/// Of which trades a settlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Of {
    /// Start of the slot.
    pub slot: Timestamp,
    /// The zone.
    pub zone: ZoneId,
    /// Who is owed the network fee: the account that the policy names.
    pub grid_operator: Address,
}

/// The trades of a slot in a zone, added up; after their last runs so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotSettlement {
    /// How many.
    pub trades: u64,
    /// How many of them no run was made of yet; nothing below counts them.
    pub open: u64,
    /// What was agreed, of all.
    pub agreed: Energy,
    /// What was delivered.
    pub delivered: Energy,
    /// To sellers for it, after their fees.
    pub sellers: Money,
    /// To the network.
    pub network: Money,
    /// To the platform.
    pub platform: Money,
    /// To the community's pot.
    pub difference: Money,
    /// To who balances the grid, of both sides.
    pub imbalance: Money,
    /// To sellers for what was not taken.
    pub compensation: Money,
    /// To buyers for what was not delivered.
    pub make_whole: Money,
}

impl SlotSettlement {
    fn add(&mut self, trade: &TradeState) -> Result<(), Overflow> {
        self.trades += 1;
        self.agreed = self.agreed.plus(trade.settled.terms.quantity)?;
        let Some(totals) = trade.runs.last() else {
            self.open += 1;
            return Ok(());
        };
        self.delivered = self.delivered.plus(totals.delivered)?;
        let imbalance = totals.buyer_imbalance.plus(totals.seller_imbalance)?;
        for (sum, part) in [
            (&mut self.sellers, totals.seller_net),
            (&mut self.network, totals.network),
            (&mut self.platform, totals.platform),
            (&mut self.difference, totals.difference),
            (&mut self.imbalance, imbalance),
            (&mut self.compensation, totals.compensation),
            (&mut self.make_whole, totals.make_whole),
        ] {
            *sum = sum.plus(part)?;
        }
        Ok(())
    }
}

/// The trades of each slot, zone and grid operator, added up.
///
/// # Errors
/// When a sum does not fit.
pub fn settlements<'t>(
    trades: impl IntoIterator<Item = (ZoneId, Address, &'t TradeState)>,
) -> Result<BTreeMap<Of, SlotSettlement>, Overflow> {
    let mut sums: BTreeMap<Of, SlotSettlement> = BTreeMap::new();
    for (zone, grid_operator, trade) in trades {
        let of = Of { slot: trade.settled.slot, zone, grid_operator };
        sums.entry(of).or_default().add(trade)?;
    }
    Ok(sums)
}

/// The lines of one class, added up, with what corrections changed in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charged {
    /// How many there are on invoices.
    pub lines: u64,
    /// How many of them, or beside them, corrections have changed.
    pub corrections: u64,
    /// Before they were rounded.
    pub exact: Money,
    /// As they are shown.
    pub amount: Money,
    /// What of `amount` is by corrections.
    pub corrected: Money,
}

/// What invoices charge once they are corrected, by class and currency.
///
/// # Errors
/// When a sum does not fit.
pub fn charges<'i>(
    invoices: impl IntoIterator<Item = &'i Invoice>,
    corrections: impl IntoIterator<Item = &'i Correction>,
) -> Result<BTreeMap<(String, Class), Charged>, Overflow> {
    let mut sums: BTreeMap<(String, Class), Charged> = BTreeMap::new();
    for invoice in invoices {
        for line in &invoice.lines {
            let sum = sums.entry((invoice.currency.clone(), line.class)).or_default();
            sum.lines += 1;
            sum.exact = sum.exact.plus(line.exact)?;
            sum.amount = sum.amount.plus(line.amount)?;
        }
    }
    for correction in corrections {
        for line in &correction.lines {
            let sum = sums.entry((correction.right.currency.clone(), line.class)).or_default();
            sum.corrections += 1;
            sum.exact = sum.exact.plus(line.exact)?;
            sum.amount = sum.amount.plus(line.amount)?;
            sum.corrected = sum.corrected.plus(line.amount)?;
        }
    }
    Ok(sums)
}

/// Energy of a connection point in a slot that nobody has measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimated {
    /// Where.
    pub point: ConnectionPointId,
    /// Who is billed there.
    pub account: AccountId,
    /// Start of the slot.
    pub slot: Timestamp,
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
}

/// Slots one after the other whose energy was estimated, at one connection point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimatedSpan {
    /// The first, with the energy of all.
    pub first: Estimated,
    /// End of the last.
    pub until: Timestamp,
    /// How many.
    pub slots: u64,
}

/// Slots as spans; they come by connection point, and in order.
///
/// # Errors
/// When a sum does not fit.
pub fn spans(
    slots: impl IntoIterator<Item = Estimated>,
    length: SlotLength,
) -> Result<Vec<EstimatedSpan>, Overflow> {
    let mut spans: Vec<EstimatedSpan> = Vec::new();
    for slot in slots {
        let until = slot.slot.plus_seconds(length.seconds());
        let goes_on =
            |span: &&mut EstimatedSpan| span.until == slot.slot && span.first.point == slot.point;
        match spans.last_mut().filter(goes_on) {
            None => spans.push(EstimatedSpan { first: slot, until, slots: 1 }),
            Some(span) => {
                span.first.import = span.first.import.plus(slot.import)?;
                span.first.export = span.first.export.plus(slot.export)?;
                (span.until, span.slots) = (until, span.slots + 1);
            }
        }
    }
    Ok(spans)
}
