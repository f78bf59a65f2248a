//! The machine: a day in, the cases that were opened or found again out.

use std::collections::BTreeMap;

use ids::CaseId;

use crate::book::books;
use crate::past::Past;
use crate::rules::{figures, tally};
use crate::tally::{Subject, Tally};
use crate::{Case, Day, Evidence, Figure, NotAThreshold, Refusal, Rule, SCORE_SEVERE, Thresholds};

/// How many days are judged together.
pub const WINDOW_DAYS: u32 = 7;
/// The most subjects, of all rules together, that are remembered.
pub const SUBJECTS_MAX: usize = 50_000;
/// The most pieces of evidence that a case names; more are counted.
pub const EVIDENCE_MAX: usize = 500;

/// A case that is found day after day is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    opened: u32,
    last: u32,
}

/// The watch over one market, fed with its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    market: String,
    thresholds: Thresholds,
    past: Past,
    tallies: BTreeMap<Rule, BTreeMap<Subject, BTreeMap<u32, Tally>>>,
    found: BTreeMap<Rule, BTreeMap<Subject, Found>>,
    last: Option<u32>,
    left_out: u64,
}

impl Watch {
    /// The watch over `market`, whose cases have names of their own.
    ///
    /// # Errors
    /// The first threshold that is out of its bounds.
    pub fn new(market: &str, thresholds: Thresholds) -> Result<Watch, NotAThreshold> {
        thresholds.check()?;
        Ok(Watch {
            market: market.to_owned(),
            thresholds,
            past: Past::default(),
            tallies: BTreeMap::new(),
            found: BTreeMap::new(),
            last: None,
            left_out: 0,
        })
    }

    /// Judges a day together with the six before it: the cases that hold as of its end, by rule and
    /// subject.
    ///
    /// # Errors
    /// [`Refusal`]: the day is as if it had not been shown.
    pub fn day(&mut self, day: &Day) -> Result<Vec<Case>, Refusal> {
        if self.last.is_some_and(|last| day.number <= last) {
            return Err(Refusal::Past(day.number));
        }
        day.check()?;
        let books = books(day);
        let tallies = tally(&books, &self.past, &self.thresholds);
        self.past.add(&books);
        self.forget(day.number);
        for ((rule, subject), tally) in tallies.0 {
            self.keep(day.number, rule, subject, tally);
        }
        self.last = Some(day.number);
        Ok(self.judge(day.number))
    }

    /// Tallies that there was no room for, so that nobody takes silence for innocence.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many subjects are remembered.
    pub fn subjects(&self) -> usize {
        self.tallies.values().map(BTreeMap::len).sum()
    }

    /// The last day that was judged.
    pub fn last(&self) -> Option<u32> {
        self.last
    }

    /// Forgets what is not in the window that ends with `day`.
    fn forget(&mut self, day: u32) {
        let first = day.saturating_sub(WINDOW_DAYS - 1);
        for subjects in self.tallies.values_mut() {
            for days in subjects.values_mut() {
                *days = days.split_off(&first);
            }
            subjects.retain(|_, days| !days.is_empty());
        }
        for subjects in self.found.values_mut() {
            subjects.retain(|_, found| found.last >= first);
        }
    }

    fn keep(&mut self, day: u32, rule: Rule, subject: Subject, tally: Tally) {
        let full = self.subjects() >= SUBJECTS_MAX;
        let subjects = self.tallies.entry(rule).or_default();
        if full && !subjects.contains_key(&subject) {
            self.left_out += 1;
            return;
        }
        subjects.entry(subject).or_default().insert(day, tally);
    }

    fn judge(&mut self, day: u32) -> Vec<Case> {
        let mut cases = Vec::new();
        for (rule, subjects) in &self.tallies {
            for (subject, days) in subjects {
                let figures = figures(*rule, &summed(days), &self.thresholds);
                if !figures.iter().all(Figure::holds) {
                    continue;
                }
                let known = self.found.entry(*rule).or_default();
                let found =
                    known.entry(subject.clone()).or_insert(Found { opened: day, last: day });
                found.last = day;
                let id = name(&self.market, *rule, subject, found.opened);
                cases.push(case(id, *rule, subject, *found, figures, days));
            }
        }
        cases
    }
}

/// The sums of a subject's days, place by place.
fn summed(days: &BTreeMap<u32, Tally>) -> Vec<i128> {
    let mut all = Tally::default();
    for tally in days.values() {
        for (place, amount) in tally.sums.iter().enumerate() {
            all.add(place, *amount);
        }
    }
    all.sums
}

/// The name of a case follows from what it is about.
fn name(market: &str, rule: Rule, subject: &Subject, opened: u32) -> CaseId {
    let owners: Vec<String> = subject.iter().map(ToString::to_string).collect();
    CaseId::derived(&format!("{market}|{rule}|{opened}|{}", owners.join(",")))
}

fn case(
    id: CaseId,
    rule: Rule,
    subject: &Subject,
    found: Found,
    figures: Vec<Figure>,
    days: &BTreeMap<u32, Tally>,
) -> Case {
    let score = Case::score_of(&figures);
    let all: Vec<Evidence> = days.values().flat_map(|tally| tally.evidence.clone()).collect();
    let over = all.len().saturating_sub(EVIDENCE_MAX) as u64;
    let mut evidence: Vec<Evidence> = all.into_iter().take(EVIDENCE_MAX).collect();
    evidence.sort_unstable();
    evidence.dedup();
    Case {
        id,
        rule,
        owners: subject.clone(),
        opened: found.opened,
        last: found.last,
        from: days.keys().next().copied().unwrap_or(found.last),
        severity: (rule.severity() + u8::from(score >= SCORE_SEVERE)).min(3),
        score,
        figures,
        evidence,
        evidence_left_out: over + days.values().map(|tally| tally.left_out).sum::<u64>(),
    }
}
