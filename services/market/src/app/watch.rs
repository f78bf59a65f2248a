//! The watch over each market: once a day the day before is judged, and what was found is kept.
//!
//! ```text
//! 06:00 local, the readings of the day before are in
//!   book --Exchange::watched--> Day --Watch::day--> cases --one commit--> days, cases, events
//! ```
//!
//! Invariants: a day is judged once, also where two do so at the same time; a case that is found
//! again within a week is the same one. After a restart the watch is what the kept days make of it.
//! A day that the market has forgotten before it was judged, because nobody ran it for a week, is
//! not judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::Db;
use events::Envelope;
use events::market::CaseOpened;
use surveillance::{Case, Day, Refusal, Thresholds, WINDOW_DAYS, Watch};
use tokio::sync::Mutex;

use super::Desk;
use crate::db::cases;
use crate::domain::{CaseState, Findings, KeptCase, RETAINED_SECONDS};

/// How long after its last midnight a day is judged.
const JUDGED_AFTER_SECONDS: i64 = 6 * 3600;
/// How many days back the book is sure to know.
const DAYS_REMEMBERED: u32 = (RETAINED_SECONDS / 86_400 - 1) as u32;

/// The watch over one market.
pub(crate) struct Watcher {
    desk: Arc<Desk>,
    db: Db,
    /// `None` until it is needed, and where a commit failed.
    state: Mutex<Option<State>>,
}

struct State {
    watch: Watch,
    /// The days that are judged together, by number.
    window: BTreeMap<u32, Day>,
    last: Option<u32>,
}

impl State {
    fn new(market: &str) -> Result<State> {
        let watch = Watch::new(market, Thresholds::default()).context("thresholds by default")?;
        Ok(State { watch, window: BTreeMap::new(), last: None })
    }

    /// Shows a day to the watch.
    fn show(&mut self, day: Day) -> Result<Vec<Case>, Refusal> {
        self.last = Some(day.number);
        let found = self.watch.day(&day)?;
        self.window = self.window.split_off(&day.number.saturating_sub(WINDOW_DAYS - 1));
        self.window.insert(day.number, day);
        Ok(found)
    }
}

impl Watcher {
    pub(crate) fn new(desk: Arc<Desk>, db: Db) -> Watcher {
        Watcher { desk, db, state: Mutex::default() }
    }

    /// Judges every day that is over and was not; whether there was one.
    pub(crate) async fn judge(&self, now: Timestamp) -> Result<bool> {
        let parameters = self.desk.parameters();
        let today = parameters.timezone.day_of(now.plus_seconds(-JUDGED_AFTER_SECONDS)).number();
        let mut state = self.state.lock().await;
        if state.is_none() {
            *state = Some(self.load().await?);
        }
        let last = state.as_ref().and_then(|state| state.last);
        let first = match last {
            Some(last) => last + 1,
            None => match self.desk.book().await.slots().next() {
                Some((slot, _)) => parameters.timezone.day_of(slot).number(),
                None => return Ok(false),
            },
        };
        let first = first.max(today.saturating_sub(DAYS_REMEMBERED));
        for number in first..today {
            // Taken out, so that a watch whose findings were not kept is not used again.
            let shown = state.take().context("the watch was just there")?;
            *state = Some(self.judge_day(shown, number, now).await?);
        }
        Ok(first < today)
    }

    /// The watch as the kept days make it.
    async fn load(&self) -> Result<State> {
        let (days, last) = cases::days(&self.db, self.desk.name()).await?;
        let mut state = State::new(self.desk.name())?;
        for day in days {
            // What it says about them was kept when they were judged.
            state.show(day).context("a day that was judged before")?;
        }
        state.last = last;
        Ok(state)
    }

    async fn judge_day(&self, mut state: State, number: u32, now: Timestamp) -> Result<State> {
        let parameters = self.desk.parameters();
        let day = self.desk.book().await.watched(LocalDay::from_number(number), parameters);
        let shown = day.clone();
        let judging = tokio::task::spawn_blocking(move || {
            let found = state.show(shown);
            (state, found)
        });
        let (state, found) = judging.await.context("judging a day")?;
        let (found, refusal) = match found {
            Ok(found) => (found, None),
            Err(refusal) => {
                let (market, code) = (self.desk.name(), refusal.code());
                tracing::error!(market, day = number, code, %refusal, "a day was not judged");
                (Vec::new(), Some(refusal.to_string()))
            }
        };
        let mut kept = Vec::with_capacity(found.len());
        for case in &found {
            kept.push(self.kept(case, &state.window, now).await);
        }
        self.keep(day, kept, (refusal, now)).await?;
        Ok(state)
    }

    /// What was found, as it is kept.
    async fn kept(&self, case: &Case, window: &BTreeMap<u32, Day>, now: Timestamp) -> KeptCase {
        let book = self.desk.book().await;
        KeptCase {
            place: 0,
            id: case.id,
            zone: self.desk.parameters().zone,
            kind: case.rule.code().to_owned(),
            owners: case.owners.clone(),
            accounts: case.owners.iter().flat_map(|owner| book.accounts_of(*owner)).collect(),
            opened: LocalDay::from_number(case.opened),
            last: LocalDay::from_number(case.last),
            severity: case.severity,
            score: case.score,
            found_at: now,
            findings: Findings::of(case, window.values()),
            state: CaseState::Open,
            decision: None,
        }
    }

    /// Keeps a day and what was found of it, all or nothing; nothing where it was judged before.
    async fn keep(
        &self,
        day: Day,
        found: Vec<KeptCase>,
        (refusal, now): (Option<String>, Timestamp),
    ) -> Result<()> {
        let market = self.desk.name().to_owned();
        let (community, zone) = (self.desk.parameters().community, self.desk.parameters().zone);
        let commit = self.db.transact::<(), anyhow::Error, _>(move |tx| {
            Box::pin(async move {
                if !cases::judged(tx, &market, &day, (refusal, now)).await? {
                    return Ok(());
                }
                let since = day.number.saturating_sub(WINDOW_DAYS);
                for case in found {
                    let subject = (case.kind.as_str(), &*cases::joined(&case.owners));
                    let known = cases::running(tx.conn(), &market, subject, since).await?;
                    if let Some(known) = known {
                        cases::update(tx, &again(known, case)).await?;
                        continue;
                    }
                    cases::insert(tx, (&market, community), &case).await?;
                    let (rule, severity) = (case.kind, case.severity);
                    let event = CaseOpened { community, zone, case: case.id, rule, severity };
                    bus::append(tx, &Envelope::of(&event, &case.id.to_string(), now)).await?;
                }
                Ok(())
            })
        });
        commit.await.context("keeping what surveillance found")
    }
}

/// A case that was found again. What somebody has decided about stays as it was decided about.
fn again(known: KeptCase, found: KeptCase) -> KeptCase {
    if known.state != CaseState::Open {
        return KeptCase { last: found.last, ..known };
    }
    KeptCase {
        last: found.last,
        severity: found.severity.max(known.severity),
        score: found.score,
        accounts: found.accounts,
        findings: found.findings.after(known.findings.clone()),
        ..known
    }
}
