//! What the registers leave of each trade, as `Challenges` goes through them.

use contracts::{BatchTrade, OutcomeError, Posted, Reconciled, Side, Terms};
use units::{Energy, Money, Overflow};

use super::Case;
use crate::domain::journal::Totals;

/// What a challenge comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What the meter registered.
    pub registered: Energy,
    /// What was reconciled as delivered of all trades of the side.
    pub claimed: Energy,
    /// The trades that are cut; none where all fits the registers.
    pub cuts: Vec<Cut>,
}

/// A trade before and after a cut. Money is what a party has more than before; less is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// What was reconciled.
    pub before: Reconciled,
    /// What the registers leave of it.
    pub after: Reconciled,
    /// To the buyer.
    pub buyer: Money,
    /// To the seller.
    pub seller: Money,
}

impl Judged {
    /// How much more was reconciled as delivered than the meter registered.
    pub fn excess(&self) -> Energy {
        self.claimed.less(self.registered)
    }

    /// What all cuts give the buyers and the sellers.
    ///
    /// # Errors
    /// An amount does not fit.
    pub fn money(&self) -> Result<[Money; 2], Overflow> {
        let buyers = Money::sum(self.cuts.iter().map(|cut| cut.buyer))?;
        Ok([buyers, Money::sum(self.cuts.iter().map(|cut| cut.seller))?])
    }
}

impl Cut {
    /// The cut from one run of a trade with these terms to another.
    ///
    /// # Errors
    /// A run that the contract would not have taken.
    pub fn between(
        terms: &Terms,
        before: Reconciled,
        after: Reconciled,
    ) -> Result<Cut, OutcomeError> {
        let (was, is) = (Totals::of(terms, &before)?, Totals::of(terms, &after)?);
        let buyer = |totals: &Totals| totals.refund.plus(totals.make_whole);
        let seller = |totals: &Totals| {
            totals.seller_net.plus(totals.compensation)?.plus(totals.collateral_back)
        };
        let (buyer, seller) =
            (buyer(&is)?.minus(buyer(&was)?)?, seller(&is)?.minus(seller(&was)?)?);
        Ok(Cut { before, after, buyer, seller })
    }
}

impl Case {
    /// What is cut of the trades where the meter registered so much, in the order of their fills:
    /// each has what the registers say less what those before it delivered.
    ///
    /// # Errors
    /// A run that the contract would not have taken.
    pub fn judge(&self, registered: Energy) -> Result<Judged, OutcomeError> {
        let mut judged = Judged { registered, claimed: Energy::ZERO, cuts: Vec::new() };
        let mut left = registered;
        for trade in &self.trades {
            let Some(before) = trade.last else { continue };
            judged.claimed = judged.claimed.plus(before.delivered)?;
            let after = self.left_of(&before, left)?;
            if let Some(after) = after {
                judged.cuts.push(Cut::between(&self.terms(trade), before, after)?);
            }
            left = left.less(after.unwrap_or(before).delivered);
        }
        Ok(judged)
    }

    fn terms(&self, trade: &BatchTrade) -> Terms {
        let Posted { clearing, policy } = &self.posted;
        Terms::new(policy, clearing, trade.prices, trade.quantity)
    }

    /// What the registers leave of a run, if that is less. What the side gave is what was delivered
    /// and what the other side did not take.
    fn left_of(&self, of: &Reconciled, left: Energy) -> Result<Option<Reconciled>, Overflow> {
        let (mut own, mut other) = match self.side {
            Side::Sell => (of.seller_short, of.buyer_short),
            Side::Buy => (of.buyer_short, of.seller_short),
        };
        let mut delivered = of.delivered;
        if delivered.plus(other)? <= left {
            return Ok(None);
        }
        if left < delivered {
            own = own.plus(delivered.less(left))?;
            (delivered, other) = (left, Energy::ZERO);
        } else {
            other = left.less(delivered);
        }
        let (seller_short, buyer_short) = match self.side {
            Side::Sell => (own, other),
            Side::Buy => (other, own),
        };
        let run = contracts::RUN_CHALLENGED;
        Ok(Some(Reconciled { trade: of.trade, run, delivered, seller_short, buyer_short }))
    }
}
