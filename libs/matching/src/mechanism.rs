//! The mechanisms there are, by name, by number on chain, and by what they promise.

use serde::{Deserialize, Serialize};

use crate::{Refusal, Rules};

/// How prices and quantities are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mechanism {
    /// Uniform-price call auction: the largest volume that can trade, one price inside the interval
    /// of prices at which it does, pro-rata at the marginal price level, largest remainder, ties by
    /// order hash.
    Uniform {
        /// Where in the interval the price lies: 0 its low end, 10 000 its high end.
        #[serde(default = "middle")]
        k_bps: u16,
    },
}

impl Default for Mechanism {
    fn default() -> Mechanism {
        Mechanism::Uniform { k_bps: middle() }
    }
}

fn middle() -> u16 {
    5000
}

/// What a mechanism promises of every book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Properties {
    /// All trades of a slot have one price.
    pub one_price: bool,
    /// What buyers pay is exactly what sellers get; where not, buyers pay more and the rest goes to
    /// the difference account.
    pub budget_balanced: bool,
    /// No other choice of fills is worth more to buyers and sellers together.
    pub efficient: bool,
    /// Telling another limit than the true one never gains anything.
    pub truthful: bool,
    /// The answer does not depend on who came first.
    pub order_invariant: bool,
}

impl Mechanism {
    /// Its number in a clearing on chain; from 128 on every fill has prices of its own.
    pub fn number(&self) -> u8 {
        match self {
            Mechanism::Uniform { .. } => 1,
        }
    }

    /// What it promises.
    pub fn properties(&self) -> Properties {
        match self {
            Mechanism::Uniform { .. } => Properties {
                one_price: true,
                budget_balanced: true,
                efficient: true,
                truthful: false,
                order_invariant: true,
            },
        }
    }
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
        let reference = &self.reference;
        if reference.feed_in.n_per_wh() < 0 || reference.retail < reference.feed_in {
            return wrong("reference: 0 <= feed_in <= retail");
        }
        match self.mechanism {
            Mechanism::Uniform { k_bps } if k_bps > 10_000 => wrong("k_bps: at most 10000"),
            Mechanism::Uniform { .. } => Ok(()),
        }
    }
}
