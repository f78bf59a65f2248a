//! The rules, each in the file with its code: what it counts in a day, and the figures that follow.
//!
//! A rule finds a subject when all of its figures reach their thresholds over a window of
//! [`WINDOW_DAYS`](crate::WINDOW_DAYS) days.

mod c1;
mod h1;
mod l1;
mod m1;
mod o1;
mod p1;
mod s1;
mod w1;
mod w2;

pub use c1::Dominance;
pub use h1::Withholding;
pub use l1::Layering;
pub use m1::Undelivered;
pub use o1::Outliers;
pub use p1::Marking;
pub use s1::Copies;
pub use w1::Wash;
pub use w2::Circles;

use crate::book::Book;
use crate::past::Past;
use crate::tally::Tallies;
use crate::{Figure, Rule, Thresholds};

/// Counts a day by every rule.
pub(crate) fn tally(books: &[Book<'_>], past: &Past, thresholds: &Thresholds) -> Tallies {
    let mut tallies = Tallies::default();
    c1::tally(books, &thresholds.c1, &mut tallies);
    h1::tally(books, past, &thresholds.h1, &mut tallies);
    l1::tally(books, &thresholds.l1, &mut tallies);
    m1::tally(books, &thresholds.m1, &mut tallies);
    o1::tally(books, &thresholds.o1, &mut tallies);
    p1::tally(books, &thresholds.p1, &mut tallies);
    s1::tally(books, &thresholds.s1, &mut tallies);
    w1::tally(books, &mut tallies);
    w2::tally(books, &thresholds.w2, &mut tallies);
    tallies
}

/// The figures of a rule from its sums over a window.
pub(crate) fn figures(rule: Rule, sums: &[i128], thresholds: &Thresholds) -> Vec<Figure> {
    match rule {
        Rule::C1 => c1::figures(sums, &thresholds.c1),
        Rule::H1 => h1::figures(sums, &thresholds.h1),
        Rule::L1 => l1::figures(sums, &thresholds.l1),
        Rule::M1 => m1::figures(sums, &thresholds.m1),
        Rule::O1 => o1::figures(sums, &thresholds.o1),
        Rule::P1 => p1::figures(sums, &thresholds.p1),
        Rule::S1 => s1::figures(sums, &thresholds.s1),
        Rule::W1 => w1::figures(sums, &thresholds.w1),
        Rule::W2 => w2::figures(sums, &thresholds.w2),
    }
}

/// A part in whole percent, rounded down; 0 of nothing.
pub(crate) fn percent(part: i128, whole: i128) -> i128 {
    (part * 100).checked_div(whole).unwrap_or(0)
}

/// The sum at a place; 0 where nothing was added.
pub(crate) fn sum(sums: &[i128], place: usize) -> i128 {
    sums.get(place).copied().unwrap_or(0)
}
