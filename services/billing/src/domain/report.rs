//! What a utility adds up: what was settled slot by slot, what the retailer and the grid are left
//! with, and what invoices charged.
//!
//! Invariants: sums are exact; what does not fit is refused. Absent: where trades, intervals and
//! invoices come from.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::ZoneId;
use units::{Energy, Money, Overflow};

use super::bill::{Class, Invoice};
use super::journal::TradeState;

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

/// The trades of each slot and zone, added up.
///
/// # Errors
/// When a sum does not fit.
pub fn settlements<'t>(
    trades: impl IntoIterator<Item = (ZoneId, &'t TradeState)>,
) -> Result<BTreeMap<(Timestamp, ZoneId), SlotSettlement>, Overflow> {
    let mut sums: BTreeMap<(Timestamp, ZoneId), SlotSettlement> = BTreeMap::new();
    for (zone, trade) in trades {
        sums.entry((trade.settled.slot, zone)).or_default().add(trade)?;
    }
    Ok(sums)
}

/// The lines of one class, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charged {
    /// How many.
    pub lines: u64,
    /// Before they were rounded.
    pub exact: Money,
    /// On the invoices.
    pub amount: Money,
}

/// What invoices charged, by class and currency.
///
/// # Errors
/// When a sum does not fit.
pub fn charges<'i>(
    invoices: impl IntoIterator<Item = &'i Invoice>,
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
    Ok(sums)
}
