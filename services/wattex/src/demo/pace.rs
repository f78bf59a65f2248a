//! How fast simulated time runs, and the line that shows how far it has come.

use std::time::{Duration, Instant};

use anyhow::Result;
use calendar::Timestamp;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use service::Clock;

use super::drive::Stage;
use super::plan::Progress;
use super::{Speed, report};

/// How often the services are pumped in real or scaled time.
pub const PUMP_PERIOD: Duration = Duration::from_millis(200);
/// How often the line tells of the services.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// The pace of a run: simulated time by the wall clock, from one moment on. Work that takes a while
/// is caught up with, so that a long run is not later than a short one.
#[derive(Debug, Clone)]
pub struct Pace(Option<(Clock, u32)>);

impl Pace {
    /// Simulated time is `start` now and runs at `speed`.
    pub fn new(speed: Speed, start: Timestamp) -> Pace {
        Pace(match speed {
            Speed::Max => None,
            Speed::Times(factor) => Some((Clock::scaled(start, factor.get()), factor.get())),
        })
    }

    /// Simulated time, where it has not come to `moment` yet; at full speed it always has.
    pub fn before(&self, moment: Timestamp) -> Option<Timestamp> {
        let (clock, _) = self.0.as_ref()?;
        Some(clock.now()).filter(|now| *now < moment)
    }

    /// How long to sleep on the way to `moment`: never beyond it.
    pub fn nap(&self, moment: Timestamp) -> Duration {
        self.left(moment).map_or(Duration::ZERO, |left| left.min(PUMP_PERIOD))
    }

    /// Wall time until `moment`, where a pace is kept.
    fn left(&self, moment: Timestamp) -> Option<Duration> {
        let (clock, factor) = self.0.as_ref()?;
        let seconds = moment.seconds() - clock.now().seconds();
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)) / *factor)
    }
}

/// The line that shows how far a run has come.
pub struct Line {
    bar: ProgressBar,
    pace: Pace,
    end: Timestamp,
    told: Instant,
    counted: u64,
}

impl Line {
    /// The line of a run over `total` slots until `end`, when `progress` is done.
    pub fn new(total: usize, progress: &Progress, pace: &Pace, end: Timestamp) -> Line {
        let template = "{prefix} [{bar:32}] {pos}/{len} slots  {msg}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(total as u64).with_style(style.progress_chars("=> "));
        bar.set_position(progress.boundaries.saturating_sub(1) as u64);
        bar.reset_eta();
        let (told, counted) = (Instant::now(), progress.acknowledged);
        Line { bar, pace: pace.clone(), end, told, counted }
    }

    /// Shows `now`, and once a second what the services have done.
    pub async fn show(
        &mut self,
        stage: &Stage<'_>,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<()> {
        self.bar.set_position(progress.boundaries.saturating_sub(1) as u64);
        self.bar.set_prefix(stage.span.timezone.display(now));
        let elapsed = self.told.elapsed();
        if elapsed < TOLD_EVERY {
            return Ok(());
        }
        let read = progress.acknowledged - self.counted;
        let rate = u128::from(read) * 1000 / elapsed.as_millis();
        (self.told, self.counted) = (Instant::now(), progress.acknowledged);
        let height = report::height(stage.node).await?;
        let trades = stage.node.billing.totals().await.trades;
        let left = HumanDuration(self.pace.left(self.end).unwrap_or_else(|| self.bar.eta()));
        let message = format!("{rate} readings/s  {trades} trades  block {height}  {left:#} left");
        self.bar.set_message(message);
        Ok(())
    }

    /// Takes the line away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn full_speed_waits_for_nothing_and_a_pace_until_the_moment_has_come() {
        let start = Timestamp::from_seconds(1_000_000);
        let day = start.plus_seconds(86_400);
        assert_eq!(Pace::new(Speed::Max, start).before(day), None);
        assert_eq!(Pace::new(Speed::Max, start).nap(day), Duration::ZERO);
        let real = Pace::new(Speed::Times(NonZeroU32::MIN), start);
        assert!(real.before(day).is_some_and(|now| now >= start));
        assert_eq!(real.before(start), None);
        assert_eq!(real.nap(day), PUMP_PERIOD);
        let fast = Pace::new(Speed::Times(NonZeroU32::new(86_400).unwrap()), start);
        assert!(fast.left(day).is_some_and(|left| left <= Duration::from_secs(1)));
    }
}
