//! The money of a trade: what it ties up and where that goes, once the delivery is known.
//!
//! The same arithmetic as `Outcomes.sol`, for bills and previews. A test holds the two equal.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Overflow};

use crate::clearing::{Clearing, Prices};
use crate::order::Side;
use crate::policy::{BuyerRule, Policy, SellerRule};

/// Everything the money of a trade depends on. Prices and fees in 1e-9 currency per Wh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// What was agreed.
    pub quantity: Energy,
    /// What energy costs the buyer and earns the seller.
    pub prices: Prices,
    /// What energy costs elsewhere.
    pub retail_price: u64,
    /// What energy earns elsewhere.
    pub feed_in_price: u64,
    /// Local network fee.
    pub network_fee: u64,
    /// Platform fee of the buyer.
    pub buyer_fee: u64,
    /// Platform fee of the seller.
    pub seller_fee: u64,
    /// Shortfall that costs nothing, in 1/10000 of the quantity.
    pub tolerance_bps: u16,
    /// Shortfall that costs nothing, in Wh.
    pub tolerance_wh: u32,
    /// What a seller owes who is short.
    pub seller_short: SellerRule,
    /// What a buyer owes who is short.
    pub buyer_short: BuyerRule,
    /// What is owed for a shortfall where the rule is an imbalance price.
    pub imbalance_price: u64,
}

/// Where the escrow and the collateral of a trade go: totals of a run, not differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// For delivered energy, to the seller, after the platform fee.
    pub seller_net: Money,
    /// For delivered energy, to the network.
    pub network: Money,
    /// Both sides' fees for delivered energy, to the platform.
    pub platform: Money,
    /// For delivered energy, what the buyer pays above what the seller gets, to the policy's
    /// account for it.
    pub difference: Money,
    /// Out of the seller's collateral, to the buyer who was not served.
    pub make_whole: Money,
    /// Out of the buyer's escrow, to the seller whose energy was not taken.
    pub compensation: Money,
    /// Out of the collateral or the escrow of who was short, to the balance account.
    pub imbalance: Money,
    /// What is left of the escrow, to the buyer.
    pub refund: Money,
    /// What is left of the collateral, to the seller.
    pub collateral_back: Money,
}

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// More than was agreed, or both sides short: the contract refuses it too.
    #[error("the delivery does not fit the agreed quantity")]
    BadDelivery,
    /// An amount does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl Terms {
    /// The terms of a trade of `quantity` under a policy and a clearing, at these prices.
    pub fn new(policy: &Policy, clearing: &Clearing, prices: Prices, quantity: Energy) -> Self {
        Terms {
            quantity,
            prices,
            retail_price: clearing.retail_price,
            feed_in_price: clearing.feed_in_price,
            network_fee: policy.network_fee,
            buyer_fee: policy.buyer_fee,
            seller_fee: policy.seller_fee,
            tolerance_bps: policy.tolerance_bps,
            tolerance_wh: policy.tolerance_wh,
            seller_short: policy.seller_short,
            buyer_short: policy.buyer_short,
            imbalance_price: policy.imbalance_price,
        }
    }

    /// What the buyer's cash is moved to escrow for: energy, network and platform fee.
    pub fn escrow(&self) -> Result<Money, Overflow> {
        amount(self.quantity, self.all_in())
    }

    /// What the seller has to post: the most that it may owe for being short.
    pub fn collateral(&self) -> Result<Money, Overflow> {
        amount(self.quantity, self.collateral_price())
    }

    fn all_in(&self) -> u128 {
        u128::from(self.prices.buyer) + u128::from(self.network_fee) + u128::from(self.buyer_fee)
    }

    fn collateral_price(&self) -> u128 {
        match self.seller_short {
            SellerRule::PayActual => 0,
            SellerRule::MakeWhole => u128::from(self.retail_price).saturating_sub(self.all_in()),
            SellerRule::ImbalancePrice => u128::from(self.imbalance_price),
        }
    }

    /// What a Wh that the buyer did not take costs it.
    fn untaken_price(&self) -> u128 {
        let Prices { seller, .. } = self.prices;
        match self.buyer_short {
            BuyerRule::PayActual => 0,
            BuyerRule::MakeWhole => u128::from(seller.saturating_sub(self.feed_in_price)),
            BuyerRule::ImbalancePrice => u128::from(self.imbalance_price).min(self.all_in()),
            BuyerRule::TakeOrPay => u128::from(seller.saturating_sub(self.seller_fee)),
        }
    }

    fn penalised(&self, short: Energy) -> bool {
        short > tolerance(self.quantity, self.tolerance_bps, self.tolerance_wh)
    }

    /// The most that `side` can be short without owing anything.
    pub fn free_shortfall(&self, side: Side) -> Energy {
        let price = match side {
            Side::Buy => self.untaken_price(),
            Side::Sell => self.collateral_price(),
        };
        if price == 0 {
            return self.quantity;
        }
        tolerance(self.quantity, self.tolerance_bps, self.tolerance_wh).min(self.quantity)
    }
}

impl Outcome {
    /// Everything the seller receives.
    pub fn to_seller(&self) -> Result<Money, Overflow> {
        Money::sum([self.seller_net, self.compensation, self.collateral_back])
    }

    /// Everything the buyer receives.
    pub fn to_buyer(&self) -> Result<Money, Overflow> {
        Money::sum([self.refund, self.make_whole])
    }
}

/// The shortfall of a trade of `quantity` that costs nothing.
pub(crate) fn tolerance(quantity: Energy, bps: u16, wh: u32) -> Energy {
    let share = u128::from(quantity.wh()) * u128::from(bps) / 10_000;
    // A tolerance above 100 % exists in no policy; it would tolerate everything.
    Energy::from_wh(u64::try_from(share).unwrap_or(u64::MAX).max(u64::from(wh)))
}

/// Where the escrow and the collateral of a trade go, for a delivery.
///
/// Every part is at least zero, and the parts sum to escrow and collateral. At most one side may
/// be short, and delivered and short together are at most the agreed quantity.
pub fn outcome(
    terms: &Terms,
    delivered: Energy,
    seller_short: Energy,
    buyer_short: Energy,
) -> Result<Outcome, OutcomeError> {
    let claimed = Energy::sum([delivered, seller_short, buyer_short])?;
    let both_short = seller_short > Energy::ZERO && buyer_short > Energy::ZERO;
    if claimed > terms.quantity || both_short {
        return Err(OutcomeError::BadDelivery);
    }
    let Prices { buyer, seller } = terms.prices;
    let net_price = seller.checked_sub(terms.seller_fee).ok_or(Overflow)?;
    let difference = buyer.checked_sub(seller).ok_or(Overflow)?;
    let owed = |short: Energy, price: u128| {
        if terms.penalised(short) { amount(short, price) } else { Ok(Money::ZERO) }
    };
    let by_seller = owed(seller_short, terms.collateral_price())?;
    let by_buyer = owed(buyer_short, terms.untaken_price())?;
    let fees = u128::from(terms.buyer_fee) + u128::from(terms.seller_fee);
    let mut outcome = Outcome {
        seller_net: amount(delivered, u128::from(net_price))?,
        network: amount(delivered, u128::from(terms.network_fee))?,
        platform: amount(delivered, fees)?,
        difference: amount(delivered, u128::from(difference))?,
        collateral_back: terms.collateral()?.minus(by_seller)?,
        ..Outcome::default()
    };
    match terms.seller_short {
        SellerRule::PayActual | SellerRule::MakeWhole => outcome.make_whole = by_seller,
        SellerRule::ImbalancePrice => outcome.imbalance = by_seller,
    }
    match terms.buyer_short {
        // Only one of the two is short.
        BuyerRule::ImbalancePrice => outcome.imbalance = outcome.imbalance.plus(by_buyer)?,
        _ => outcome.compensation = by_buyer,
    }
    let Outcome { seller_net, network, platform, difference, .. } = outcome;
    let spent = Money::sum([seller_net, network, platform, difference, by_buyer])?;
    outcome.refund = terms.escrow()?.minus(spent)?;
    Ok(outcome)
}

/// An amount of tokens as money: one unit is 1e-9 currency in both.
pub fn money(tokens: U256) -> Result<Money, Overflow> {
    i64::try_from(tokens).map(Money::from_n).map_err(|_| Overflow)
}

fn amount(energy: Energy, price: u128) -> Result<Money, Overflow> {
    let exact = u128::from(energy.wh()).checked_mul(price).ok_or(Overflow)?;
    i64::try_from(exact).map(Money::from_n).map_err(|_| Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5000 Wh at 18 ct, network 1.0 ct, platform 0.2 ct on each side, retail 30 ct.
    const TERMS: Terms = Terms {
        quantity: Energy::from_wh(5000),
        prices: Prices::one(180_000),
        retail_price: 300_000,
        feed_in_price: 80_000,
        network_fee: 10_000,
        buyer_fee: 2_000,
        seller_fee: 2_000,
        tolerance_bps: 1000,
        tolerance_wh: 50,
        seller_short: SellerRule::MakeWhole,
        buyer_short: BuyerRule::MakeWhole,
        imbalance_price: 0,
    };

    fn of(terms: &Terms, delivered: u64, seller_short: u64, buyer_short: u64) -> [i64; 7] {
        let wh = Energy::from_wh;
        let outcome = outcome(terms, wh(delivered), wh(seller_short), wh(buyer_short)).unwrap();
        let Outcome { seller_net, network, platform, make_whole, .. } = outcome;
        let Outcome { compensation, refund, collateral_back, .. } = outcome;
        [seller_net, network, platform, make_whole, compensation, refund, collateral_back]
            .map(Money::n)
    }

    #[test]
    fn a_seller_who_is_short_makes_the_buyer_whole() {
        assert_eq!(TERMS.escrow(), Ok(Money::from_n(960_000_000)));
        assert_eq!(TERMS.collateral(), Ok(Money::from_n(540_000_000)));
        assert_eq!(
            of(&TERMS, 4200, 800, 0),
            [747_600_000, 42_000_000, 16_800_000, 86_400_000, 0, 153_600_000, 453_600_000]
        );
    }

    #[test]
    fn a_shortfall_costs_nothing_up_to_the_tolerance_and_everything_beyond() {
        let penalties = |terms: &Terms, seller_short, buyer_short| {
            let outcome = of(terms, 4000, seller_short, buyer_short);
            (outcome[3], outcome[4])
        };
        assert_eq!(penalties(&TERMS, 500, 0), (0, 0));
        assert_eq!(penalties(&TERMS, 501, 0), (501 * 108_000, 0));
        assert_eq!(penalties(&TERMS, 0, 500), (0, 0));
        assert_eq!(penalties(&TERMS, 0, 501), (0, 501 * 100_000));
        let in_wh = Terms { tolerance_wh: 600, ..TERMS };
        assert_eq!(penalties(&in_wh, 600, 0), (0, 0));
        assert_eq!(penalties(&in_wh, 601, 0), (601 * 108_000, 0));
        let lenient = Terms {
            seller_short: SellerRule::PayActual,
            buyer_short: BuyerRule::PayActual,
            ..TERMS
        };
        assert_eq!(penalties(&lenient, 1000, 0), (0, 0));
    }

    #[test]
    fn a_free_shortfall_is_the_most_that_costs_nothing() {
        let worthless = Terms { feed_in_price: 180_000, retail_price: 192_000, ..TERMS };
        let none = Terms {
            seller_short: SellerRule::PayActual,
            buyer_short: BuyerRule::PayActual,
            ..TERMS
        };
        let small = Terms { quantity: Energy::from_wh(40), ..TERMS };
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(TERMS.free_shortfall(side).wh(), 500);
            assert_eq!(small.free_shortfall(side).wh(), 40);
            for terms in [worthless, none] {
                assert_eq!(terms.free_shortfall(side), terms.quantity, "{terms:?}");
            }
        }
    }

    /// 1000 Wh at 20 ct and 15 ct, of which 700 are delivered: all in the buyer pays 21.2 ct, the
    /// seller gets 14.8 ct.
    #[test]
    fn every_rule_moves_what_it_says() {
        let check = |seller_short, buyer_short, [seller, buyer]: [u64; 2], expected: Outcome| {
            let prices = Prices { buyer: 200_000, seller: 150_000 };
            let quantity = Energy::from_wh(1000);
            let imbalance_price = 90_000;
            let rules = Terms { seller_short, buyer_short, imbalance_price, ..TERMS };
            let terms = Terms { prices, quantity, ..rules };
            let [delivered, seller, buyer] = [700, seller, buyer].map(Energy::from_wh);
            let all = Outcome {
                seller_net: Money::from_n(700 * 148_000),
                network: Money::from_n(700 * 10_000),
                platform: Money::from_n(700 * 4_000),
                difference: Money::from_n(700 * 50_000),
                ..expected
            };
            assert_eq!(outcome(&terms, delivered, seller, buyer), Ok(all));
        };
        let (money, none) = (Money::from_n, Outcome::default());
        let seller_pays = |rule, expected| {
            let refund = money(300 * 212_000);
            check(rule, BuyerRule::TakeOrPay, [300, 0], Outcome { refund, ..expected });
        };
        seller_pays(SellerRule::PayActual, none);
        let (make_whole, collateral_back) = (money(300 * 88_000), money(700 * 88_000));
        seller_pays(SellerRule::MakeWhole, Outcome { make_whole, collateral_back, ..none });
        let (imbalance, collateral_back) = (money(300 * 90_000), money(700 * 90_000));
        seller_pays(SellerRule::ImbalancePrice, Outcome { imbalance, collateral_back, ..none });

        let buyer_pays = |rule, price, expected| {
            let refund = money(300 * (212_000 - price));
            check(SellerRule::PayActual, rule, [0, 300], Outcome { refund, ..expected });
        };
        buyer_pays(BuyerRule::PayActual, 0, none);
        let imbalance = money(300 * 90_000);
        buyer_pays(BuyerRule::ImbalancePrice, 90_000, Outcome { imbalance, ..none });
        for (rule, price) in [(BuyerRule::MakeWhole, 70_000), (BuyerRule::TakeOrPay, 148_000)] {
            let compensation = money(300 * price);
            buyer_pays(rule, price, Outcome { compensation, ..none });
        }
    }

    #[test]
    fn no_imbalance_price_takes_more_than_there_is_of_the_escrow() {
        let terms =
            Terms { buyer_short: BuyerRule::ImbalancePrice, imbalance_price: 192_001, ..TERMS };
        let none = Energy::ZERO;
        let all = outcome(&terms, none, none, terms.quantity).unwrap();
        assert_eq!((Ok(all.imbalance), all.refund), (terms.escrow(), Money::ZERO));
    }

    #[test]
    fn prices_that_no_trade_has_are_refused() {
        for prices in [Prices { buyer: 9_999, seller: 10_000 }, Prices::one(1_999)] {
            let terms = Terms { prices, ..TERMS };
            let refused = Err(OutcomeError::Overflow(Overflow));
            assert_eq!(outcome(&terms, Energy::ZERO, Energy::ZERO, Energy::ZERO), refused);
        }
    }

    #[test]
    fn an_amount_that_does_not_fit_is_refused() {
        let huge = Terms { quantity: Energy::from_wh(u64::MAX), ..TERMS };
        assert_eq!(huge.escrow(), Err(Overflow));
        assert_eq!(money(U256::MAX), Err(Overflow));
    }
}
