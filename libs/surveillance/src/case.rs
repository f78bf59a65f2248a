//! A case: what is suspicious, of whom, since when, by which figures, and what it stands on.

use std::fmt;

use ids::{CaseId, PartyId};
use serde::{Deserialize, Serialize};

use crate::Evidence;

/// A kind of conduct that is looked for. The codes are those of the market's list of abuses where
/// it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// Dominance: who cannot be done without asks more just then.
    C1,
    /// Withholding: little of what there is is offered while that drives the price.
    H1,
    /// Layering: large orders that are gone just before the gate, with a trade on the other side.
    L1,
    /// Sales of energy that is not delivered.
    M1,
    /// Prices outside of the band in which both sides gain, to one other owner's benefit.
    O1,
    /// Small orders that move the price for a large position.
    P1,
    /// Several owners with the same orders: one hand behind them.
    S1,
    /// Wash trades: bought and sold at once, with no energy behind it.
    W1,
    /// Circular flows: around a few owners, and next to nothing is left.
    W2,
}

impl Rule {
    /// Every rule, by code.
    pub const ALL: [Rule; 9] =
        [Rule::C1, Rule::H1, Rule::L1, Rule::M1, Rule::O1, Rule::P1, Rule::S1, Rule::W1, Rule::W2];

    /// Its stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Rule::C1 => "C1",
            Rule::H1 => "H1",
            Rule::L1 => "L1",
            Rule::M1 => "M1",
            Rule::O1 => "O1",
            Rule::P1 => "P1",
            Rule::S1 => "S1",
            Rule::W1 => "W1",
            Rule::W2 => "W2",
        }
    }

    /// What it finds, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Rule::C1 => "asks more where it cannot be done without",
            Rule::H1 => "withholds where that drives the price",
            Rule::L1 => "large orders gone before the gate, trades on the other side",
            Rule::M1 => "sells what is not delivered",
            Rule::O1 => "trades outside of the band to another's benefit",
            Rule::P1 => "small orders move the price for a large position",
            Rule::S1 => "several owners place the same orders",
            Rule::W1 => "buys and sells at once with no energy behind it",
            Rule::W2 => "energy goes around and next to nothing is left",
        }
    }

    /// How severe its cases are: 1 may well have another reason, 2 needs an explanation, 3 is hard
    /// to explain otherwise.
    pub const fn severity(self) -> u8 {
        match self {
            Rule::C1 | Rule::O1 | Rule::H1 => 1,
            Rule::L1 | Rule::S1 | Rule::W2 => 2,
            Rule::M1 | Rule::P1 | Rule::W1 => 3,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A figure, and the threshold that it has to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// How much.
    pub value: i128,
    /// In what: `Wh`, `%`, `n` (1e-9 currency), `slots`, `days`, `percent points`, `prices`.
    pub unit: &'static str,
    /// What it is at least, or at most.
    pub threshold: i128,
    /// Whether the threshold is the most that is suspicious, and not the least.
    pub at_most: bool,
}

impl Figure {
    pub(crate) fn least(
        what: &'static str,
        unit: &'static str,
        value: i128,
        threshold: impl Into<i128>,
    ) -> Figure {
        Figure { what, value, unit, threshold: threshold.into(), at_most: false }
    }

    pub(crate) fn most(
        what: &'static str,
        unit: &'static str,
        value: i128,
        threshold: impl Into<i128>,
    ) -> Figure {
        Figure { what, value, unit, threshold: threshold.into(), at_most: true }
    }

    /// Whether the threshold is reached.
    pub const fn holds(&self) -> bool {
        if self.at_most { self.value <= self.threshold } else { self.value >= self.threshold }
    }

    /// How far it is beyond its threshold: 100 is just at it, 200 twice as far; 1000 at most.
    fn reach(&self) -> i128 {
        let (large, small) =
            if self.at_most { (self.threshold, self.value) } else { (self.value, self.threshold) };
        (large.saturating_mul(100) / small.max(1)).clamp(0, i128::from(SCORE_MAX))
    }
}

/// The highest score.
pub const SCORE_MAX: u16 = 1000;
/// From this score on a case is one step more severe.
pub const SCORE_SEVERE: u16 = 200;

/// What was found of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its name: the same as long as it is found anew within a window.
    pub id: CaseId,
    /// Which rule.
    pub rule: Rule,
    /// Whom it is about: for [`Rule::O1`] who pays and who gains, else rising.
    pub owners: Vec<PartyId>,
    /// The day on which it was first found.
    pub opened: u32,
    /// The day on which it was last found.
    pub last: u32,
    /// The first day that the figures are of; the last one is `last`.
    pub from: u32,
    /// 1 to 3: [`Rule::severity`], one more from [`SCORE_SEVERE`] on.
    pub severity: u8,
    /// 100 to [`SCORE_MAX`]: how far the weakest figure is beyond its threshold, in percent.
    pub score: u16,
    /// The figures, all of them at or beyond their thresholds.
    pub figures: Vec<Figure>,
    /// What it stands on, rising.
    pub evidence: Vec<Evidence>,
    /// Pieces of evidence that there was no room for.
    pub evidence_left_out: u64,
}

impl Case {
    /// The score of figures that all hold.
    pub(crate) fn score_of(figures: &[Figure]) -> u16 {
        let least = figures.iter().map(Figure::reach).min().unwrap_or_default();
        u16::try_from(least).unwrap_or(SCORE_MAX)
    }

    /// The case in one sentence, with every figure and its threshold.
    pub fn sentence(&self) -> String {
        let figures = self.figures.iter().map(|figure| {
            let Figure { what, value, unit, threshold, at_most } = figure;
            let word = if *at_most { "at most" } else { "at least" };
            let unit = if *unit == "%" { "%".to_owned() } else { format!(" {unit}") };
            format!("{what} {value}{unit} ({word} {threshold})")
        });
        let figures: Vec<String> = figures.collect();
        format!("{}: {}: {}", self.rule, self.rule.title(), figures.join(", "))
    }
}
