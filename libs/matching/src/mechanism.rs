//! The mechanisms there are, by name, by number on chain, and by what they promise.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use units::Price;

use crate::{Reference, Refusal, Rules};

/// How prices and quantities are found.
///
/// Every mechanism nets an owner's own crossing orders first and trades nothing outside of a limit.
/// What is left of one owner's bids lies below its asks, so no trade can have it on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", try_from = "Written")]
pub enum Mechanism {
    /// Uniform-price call auction: the largest volume that can trade, one price inside the interval
    /// of prices at which it does, pro-rata at the marginal price level, largest remainder, ties by
    /// order hash.
    Uniform {
        /// Where in the interval the price lies: 0 its low end, 10 000 its high end.
        k_bps: u16,
    },
    /// One given price; the longer side shares by quantity what the shorter one has.
    FixedPrice {
        /// The energy price, at least zero.
        price: Price,
    },
    /// As a fixed price, half way between feed-in and retail.
    MidMarket,
    /// As a fixed price, by the ratio of supply and demand between retail and feed-in.
    SupplyDemand,
    /// As a fixed price of zero: what is exchanged is free, and what the retailer takes and gives
    /// is shared in proportion. There is no fee that a seller could pay of nothing.
    BillSharing,
    /// Metered generation by fixed shares among those who consumed; what a share exceeds is left
    /// over.
    StaticAllocation {
        /// The energy price, at least zero.
        price: Price,
    },
    /// Metered generation in proportion to consumption.
    DynamicAllocation {
        /// The energy price, at least zero.
        price: Price,
    },
    /// As static allocation; what a share exceeds goes to the others in proportion to what they
    /// still miss.
    CascadeAllocation {
        /// The energy price, at least zero.
        price: Price,
    },
    /// The pay-as-clear rule of the simulator gsy-e: no bid is filled in part.
    GsyPayAsClear,
    /// Periodic double auction at the middle of the last pair, as in the simulator lemlab.
    LemlabUniform,
    /// The fills of the uniform-price auction; each pair in merit order at its bid.
    PayAsBid,
    /// The same at a point between ask and bid.
    KPricing {
        /// Where between them: 0 at the ask, 10 000 at the bid.
        k_bps: u16,
    },
    /// Continuous double auction: each order in its turn meets what rests, at the resting order's
    /// price ([`crate::book::continuous`]).
    Continuous,
    /// McAfee's double auction, with trade reduction; what buyers pay more is the difference.
    McAfee,
    /// The double auction of two halves that trade at each other's price, the lottery variant.
    Muda,
    /// The pay-as-bid rule of the simulator gsy-e: dearest offers first, to the best bids.
    GsyPayAsBid,
    /// Periodic double auction, each pair at its middle, as in the simulator lemlab.
    LemlabDiscriminatory,
}

impl Default for Mechanism {
    fn default() -> Mechanism {
        Mechanism::Uniform { k_bps: middle() }
    }
}

fn middle() -> u16 {
    5000
}

/// What a mechanism promises of every book, as long as no order has a `min_fill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Properties {
    /// All trades of a slot have one price.
    pub one_price: bool,
    /// What buyers pay is exactly what sellers get; where not, buyers pay more and the rest goes to
    /// the difference account.
    pub budget_balanced: bool,
    /// No other choice of fills is worth more to buyers and sellers together.
    pub efficient: bool,
    /// Telling another limit than the true one never gains the owner of a single order anything.
    /// Quantities are another matter.
    pub truthful: bool,
    /// The answer does not depend on who came first.
    pub order_invariant: bool,
    /// No bid is left beside an ask that it would meet, on the tick where orders meet on it.
    ///
    /// Not so where a rule or half of the others set the price and whoever does not accept it stays
    /// out (fixed price, mid-market, supply and demand, bill sharing, the allocations, MUDA), where
    /// the last trade is given up so that nobody gains by a lie (McAfee), and where no bid is
    /// filled in part (gsy-e's pay-as-clear).
    pub uncrossed: bool,
}

/// The first number on chain of mechanisms whose fills have prices of their own.
pub const PRICED_FROM: u8 = 128;

impl Mechanism {
    /// One of each, with a k of one half and a price of zero where there is one to give
    /// ([`Mechanism::with_price`]).
    pub const ALL: [Mechanism; 17] = [
        Mechanism::Uniform { k_bps: 5000 },
        Mechanism::FixedPrice { price: Price::ZERO },
        Mechanism::MidMarket,
        Mechanism::SupplyDemand,
        Mechanism::BillSharing,
        Mechanism::StaticAllocation { price: Price::ZERO },
        Mechanism::DynamicAllocation { price: Price::ZERO },
        Mechanism::CascadeAllocation { price: Price::ZERO },
        Mechanism::GsyPayAsClear,
        Mechanism::LemlabUniform,
        Mechanism::PayAsBid,
        Mechanism::KPricing { k_bps: 5000 },
        Mechanism::Continuous,
        Mechanism::McAfee,
        Mechanism::Muda,
        Mechanism::GsyPayAsBid,
        Mechanism::LemlabDiscriminatory,
    ];

    /// The same mechanism at this price, where its price is given; else itself.
    #[must_use]
    pub fn with_price(self, price: Price) -> Mechanism {
        match self {
            Mechanism::FixedPrice { .. } => Mechanism::FixedPrice { price },
            Mechanism::StaticAllocation { .. } => Mechanism::StaticAllocation { price },
            Mechanism::DynamicAllocation { .. } => Mechanism::DynamicAllocation { price },
            Mechanism::CascadeAllocation { .. } => Mechanism::CascadeAllocation { price },
            other => other,
        }
    }

    /// The price that it is given, where it is given one.
    pub fn given_price(&self) -> Option<Price> {
        match *self {
            Mechanism::FixedPrice { price }
            | Mechanism::StaticAllocation { price }
            | Mechanism::DynamicAllocation { price }
            | Mechanism::CascadeAllocation { price } => Some(price),
            _ => None,
        }
    }

    /// Whether it looks at [`crate::Rules::shares`].
    pub fn has_shares(&self) -> bool {
        matches!(self, Mechanism::StaticAllocation { .. } | Mechanism::CascadeAllocation { .. })
    }

    /// Whether it shares out what was generated among those who consumed, so that it can work on
    /// metered energy after the slot.
    pub fn is_allocation(&self) -> bool {
        matches!(self, Mechanism::DynamicAllocation { .. }) || self.has_shares()
    }

    /// Where between low and high its price lies, in basis points, where that can be chosen.
    pub fn k_bps(&self) -> Option<u16> {
        match *self {
            Mechanism::Uniform { k_bps } | Mechanism::KPricing { k_bps } => Some(k_bps),
            _ => None,
        }
    }

    /// The mechanism of this name with these parameters.
    ///
    /// # Errors
    /// Where there is none, a parameter is missing, or it has no such parameter.
    pub fn of(
        name: &str,
        k_bps: Option<u16>,
        price: Option<Price>,
    ) -> Result<Mechanism, NotAMechanism> {
        named(name)?.with_parameters(k_bps, price)
    }

    /// The same with what was written of it: a price where it takes one, k where it has one.
    fn with_parameters(
        self,
        k_bps: Option<u16>,
        price: Option<Price>,
    ) -> Result<Mechanism, NotAMechanism> {
        match (self, k_bps, price) {
            (Mechanism::Uniform { .. }, Some(k_bps), None) => Ok(Mechanism::Uniform { k_bps }),
            (Mechanism::KPricing { .. }, Some(k_bps), None) => Ok(Mechanism::KPricing { k_bps }),
            (priced, None, Some(price)) if priced.given_price().is_some() => {
                Ok(priced.with_price(price))
            }
            (plain, None, None) if plain.given_price().is_none() => Ok(plain),
            _ => Err(NotAMechanism::Parameters(self.name())),
        }
    }

    /// Its number in a clearing on chain; from 128 on every fill has prices of its own.
    ///
    /// 133 is that of a clearing on a network ([`crate::network::NUMBER`]).
    pub fn number(&self) -> u8 {
        match self {
            Mechanism::Uniform { .. } => 1,
            Mechanism::FixedPrice { .. } => 2,
            Mechanism::MidMarket => 3,
            Mechanism::SupplyDemand => 4,
            Mechanism::BillSharing => 5,
            Mechanism::StaticAllocation { .. } => 6,
            Mechanism::DynamicAllocation { .. } => 7,
            Mechanism::CascadeAllocation { .. } => 8,
            Mechanism::GsyPayAsClear => 9,
            Mechanism::LemlabUniform => 10,
            Mechanism::PayAsBid => 128,
            Mechanism::KPricing { .. } => 129,
            Mechanism::Continuous => 130,
            Mechanism::McAfee => 131,
            Mechanism::Muda => 132,
            Mechanism::GsyPayAsBid => 134,
            Mechanism::LemlabDiscriminatory => 135,
        }
    }

    /// Its name in rules, without parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Mechanism::Uniform { .. } => "uniform",
            Mechanism::FixedPrice { .. } => "fixed_price",
            Mechanism::MidMarket => "mid_market",
            Mechanism::SupplyDemand => "supply_demand",
            Mechanism::BillSharing => "bill_sharing",
            Mechanism::StaticAllocation { .. } => "static_allocation",
            Mechanism::DynamicAllocation { .. } => "dynamic_allocation",
            Mechanism::CascadeAllocation { .. } => "cascade_allocation",
            Mechanism::GsyPayAsClear => "gsy_pay_as_clear",
            Mechanism::LemlabUniform => "lemlab_uniform",
            Mechanism::PayAsBid => "pay_as_bid",
            Mechanism::KPricing { .. } => "k_pricing",
            Mechanism::Continuous => "continuous",
            Mechanism::McAfee => "mc_afee",
            Mechanism::Muda => "muda",
            Mechanism::GsyPayAsBid => "gsy_pay_as_bid",
            Mechanism::LemlabDiscriminatory => "lemlab_discriminatory",
        }
    }

    /// What it promises.
    ///
    /// None is all of efficient, truthful and budget-balanced: no mechanism can be (Myerson and
    /// Satterthwaite 1983).
    pub fn properties(&self) -> Properties {
        let plain = Properties {
            one_price: self.number() < PRICED_FROM,
            budget_balanced: true,
            efficient: false,
            truthful: false,
            order_invariant: true,
            uncrossed: false,
        };
        match self {
            Mechanism::Uniform { .. }
            | Mechanism::LemlabUniform
            | Mechanism::PayAsBid
            | Mechanism::KPricing { .. }
            | Mechanism::LemlabDiscriminatory => {
                Properties { efficient: true, uncrossed: true, ..plain }
            }
            // The limits say who takes part, but not at what price and not how much each gets.
            Mechanism::FixedPrice { .. }
            | Mechanism::MidMarket
            | Mechanism::SupplyDemand
            | Mechanism::BillSharing
            | Mechanism::StaticAllocation { .. }
            | Mechanism::DynamicAllocation { .. }
            | Mechanism::CascadeAllocation { .. }
            | Mechanism::Muda => Properties { truthful: true, ..plain },
            Mechanism::McAfee => Properties { truthful: true, budget_balanced: false, ..plain },
            Mechanism::GsyPayAsClear => plain,
            Mechanism::GsyPayAsBid => Properties { uncrossed: true, ..plain },
            Mechanism::Continuous => {
                Properties { order_invariant: false, uncrossed: true, ..plain }
            }
        }
    }
}

impl fmt::Display for Mechanism {
    /// The name; then, after a colon, k in basis points where it is not one half, or the given
    /// price in 1e-9 currency per watt-hour.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Some(price) = self.given_price() {
            write!(f, ":{}", price.n_per_wh())?;
        }
        match self.k_bps() {
            Some(k_bps) if k_bps != middle() => write!(f, ":{k_bps}"),
            _ => Ok(()),
        }
    }
}

/// Why a text does not name a mechanism.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMechanism {
    /// None has this name.
    #[error("there is no mechanism {0:?}")]
    Name(String),
    /// The mechanism needs a price, or has no k, or no parameter at all.
    #[error("the parameters are not those of {0}")]
    Parameters(&'static str),
}

impl FromStr for Mechanism {
    type Err = NotAMechanism;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Mechanism, NotAMechanism> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let mechanism = named(name)?;
        let wrong = || NotAMechanism::Parameters(mechanism.name());
        let (mut k_bps, mut price) = (None, None);
        if let Some(parameter) = parameter {
            if mechanism.given_price().is_some() {
                let n_per_wh = parameter.parse().map_err(|_| wrong())?;
                price = Some(Price::from_n_per_wh(n_per_wh));
            } else {
                k_bps = Some(parameter.parse().map_err(|_| wrong())?);
            }
        }
        mechanism.with_parameters(k_bps, price)
    }
}

/// A mechanism as rules write it. Derived alone, mechanisms without parameters would let any pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    k_bps: Option<u16>,
    price: Option<Price>,
}

impl TryFrom<Written> for Mechanism {
    type Error = NotAMechanism;

    fn try_from(written: Written) -> Result<Mechanism, NotAMechanism> {
        Mechanism::of(&written.name, written.k_bps, written.price)
    }
}

fn named(name: &str) -> Result<Mechanism, NotAMechanism> {
    let found = Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name);
    found.ok_or_else(|| NotAMechanism::Name(name.to_owned()))
}

impl Rules {
    /// Whether a batch can be cleared by these rules.
    ///
    /// # Errors
    /// [`Refusal::Rules`] with what is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        let wrong = |what| Err(Refusal::Rules(what));
        if self.tick.n_per_wh() <= 0 {
            return wrong("tick: must be above zero");
        }
        let Reference { retail, feed_in } = self.reference;
        let by_reference = matches!(self.mechanism, Mechanism::MidMarket | Mechanism::SupplyDemand);
        if by_reference && (feed_in < Price::ZERO || retail < feed_in) {
            return wrong("reference: 0 <= feed_in <= retail");
        }
        if self.mechanism.k_bps().is_some_and(|k_bps| k_bps > 10_000) {
            return wrong("k_bps: at most 10000");
        }
        if self.mechanism.given_price().is_some_and(|price| price < Price::ZERO) {
            return wrong("price: at least zero");
        }
        if self.mechanism == Mechanism::BillSharing && self.fees.seller > Price::ZERO {
            return wrong("fees: sellers get nothing to pay a fee of");
        }
        let mut owners: Vec<[u8; 20]> = self.shares.iter().map(|share| share.owner).collect();
        owners.sort_unstable();
        if owners.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("shares: an owner is named twice");
        }
        Ok(())
    }
}
