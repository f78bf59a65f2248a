//! When what was not taken is sent again.

use calendar::Timestamp;

/// Attempts of one message; after the last it has failed.
pub const ATTEMPTS_MAX: u32 = 12;
/// Seconds until the second attempt; each later one waits three times as long.
const FIRST_SECONDS: i64 = 5;
/// The longest wait in seconds: six hours. All attempts together take about a day.
pub(crate) const WAIT_SECONDS_MAX: i64 = 6 * 3600;
/// What is random of a wait, in thousandths: receivers that failed together are not all tried
/// together.
const JITTER_PERMILLE: i64 = 250;

/// When the next attempt is due after the `attempts`-th has failed, at the latest by what the
/// receiver asks for; `chance` is any number.
pub(crate) fn next(now: Timestamp, attempts: u32, asked: Option<u64>, chance: u64) -> Timestamp {
    let tripled = 3_i64.saturating_pow(attempts.saturating_sub(1)).saturating_mul(FIRST_SECONDS);
    let wait = tripled.min(WAIT_SECONDS_MAX);
    let most = wait * JITTER_PERMILLE / 1000;
    let jitter = i64::try_from(chance % (most.unsigned_abs() + 1)).unwrap_or(0);
    let asked = asked.map_or(0, |asked| i64::try_from(asked).unwrap_or(WAIT_SECONDS_MAX));
    now.plus_seconds((wait - jitter).max(asked.min(WAIT_SECONDS_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit_and_differ_by_chance() {
        let now = Timestamp::from_seconds(1_000);
        let wait = |attempts, asked, chance| next(now, attempts, asked, chance).seconds() - 1_000;
        let waits: Vec<i64> = (1..ATTEMPTS_MAX).map(|attempt| wait(attempt, None, 0)).collect();
        assert_eq!(waits[..4], [5, 15, 45, 135]);
        assert_eq!(waits[7..], [10_935, 21_600, 21_600, 21_600]);
        assert_eq!((wait(3, None, 11), wait(3, None, 12)), (34, 45));
        assert_eq!((wait(1, Some(60), 0), wait(1, Some(u64::MAX), 0)), (60, 21_600));
        assert_eq!(wait(u32::MAX, None, 5_400), 16_200);
    }
}
