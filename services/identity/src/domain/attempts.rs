//! How often someone may try to log in: a bounded table of recent attempts.

use std::collections::HashMap;

use calendar::Timestamp;

/// Attempts without success within [`WINDOW_SECONDS`].
pub(crate) const ATTEMPTS_MAX: u32 = 10;
/// How long attempts are remembered.
const WINDOW_SECONDS: i64 = 15 * 60;
/// Names that are remembered at the same time.
const NAMES_MAX: usize = 10_000;

/// Recent attempts by name.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    windows: HashMap<String, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    attempts: u32,
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// How long to wait.
    pub(crate) wait_seconds: i64,
    /// Whether it is the first that was refused since the last that was let in.
    pub(crate) first: bool,
}

impl Attempts {
    /// Counts an attempt of `name`, or refuses it.
    pub(crate) fn admit(&mut self, name: &str, now: Timestamp) -> Result<(), TooMany> {
        if !self.windows.contains_key(name) {
            self.make_room(now);
        }
        let fresh = Window { began: now, attempts: 0 };
        let window = self.windows.entry(name.to_owned()).or_insert(fresh);
        if now.seconds_since(window.began) >= WINDOW_SECONDS {
            *window = fresh;
        }
        window.attempts = window.attempts.saturating_add(1);
        if window.attempts <= ATTEMPTS_MAX {
            return Ok(());
        }
        Err(TooMany {
            wait_seconds: WINDOW_SECONDS - now.seconds_since(window.began),
            first: window.attempts == ATTEMPTS_MAX + 1,
        })
    }

    /// Forgets the attempts of `name`: it was let in.
    pub(crate) fn forget(&mut self, name: &str) {
        self.windows.remove(name);
    }

    /// Forgets what is over, and the oldest when that is not enough.
    fn make_room(&mut self, now: Timestamp) {
        if self.windows.len() < NAMES_MAX {
            return;
        }
        self.windows.retain(|_, window| now.seconds_since(window.began) < WINDOW_SECONDS);
        if self.windows.len() >= NAMES_MAX {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.began);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.windows.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn attempts_are_refused_until_the_window_is_over() {
        let mut attempts = Attempts::default();
        for second in 0..10 {
            assert_eq!(attempts.admit("a", at(second)), Ok(()));
        }
        let refused = |wait_seconds, first| Err(TooMany { wait_seconds, first });
        assert_eq!(attempts.admit("a", at(60)), refused(840, true));
        assert_eq!(attempts.admit("a", at(61)), refused(839, false));
        assert_eq!(attempts.admit("b", at(60)), Ok(()));
        assert_eq!(attempts.admit("a", at(900)), Ok(()));
    }

    #[test]
    fn who_was_let_in_starts_anew() {
        let mut attempts = Attempts::default();
        for _ in 0..25 {
            assert_eq!(attempts.admit("a", at(0)), Ok(()));
            attempts.forget("a");
        }
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let mut attempts = Attempts::default();
        for number in 0..2 * i64::try_from(NAMES_MAX).unwrap_or_default() {
            assert_eq!(attempts.admit(&number.to_string(), at(number / 100)), Ok(()));
        }
        assert_eq!(attempts.windows.len(), NAMES_MAX);
    }
}
