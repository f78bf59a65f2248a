//! How much identity signs with a held key: what is lost at most in a day when somebody gets hold
//! of an account's token.
//!
//! ```text
//! order ─> amount = quantity x limit price
//!          above `approval_above` ─> a member of staff decides
//!          purse of the account and day: empty ─> filled from the day's limit, in the database
//! ```
//!
//! A purse is filled with a part of the day's limit at a time, so that most signatures write
//! nothing. What is in it when the process ends counts as signed.
//! Deliberately absent: what a sale may cost. Its limit price is the least that the seller takes,
//! and the market bounds how much a connection point can offer.

use std::collections::{HashMap, VecDeque};

use alloy_primitives::B256;
use anyhow::{Result, ensure};
use calendar::Timestamp;
use contracts::OrderTerms;
use ids::AccountId;
use serde::Serialize;
use units::{Money, Overflow};
use utoipa::ToSchema;

/// The highest limit: sums of two stay far below what a column holds.
pub(crate) const LIMIT_MAX: Money = Money::from_n(1_000_000_000_000_000_000);
/// Into how many parts a day's limit is divided. Each start of the process can cost one, so that
/// there are far more of them than starts in a day.
const PARTS: i64 = 256;
/// Signatures of an account that are remembered, so that asking again is free.
const RECENT_MAX: usize = 64;
/// Accounts that have a purse at the same time.
const PURSES_MAX: usize = 10_000;
/// Seconds of a day in UTC.
const DAY_SECONDS: i64 = 24 * 3600;

/// What identity signs for the accounts whose keys it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignerLimits {
    /// The most for one account in a day (UTC), where staff set no other limit.
    pub daily: Money,
    /// Above this, one signature needs the consent of a member of staff.
    pub approval_above: Money,
    /// How long a request for consent may be decided and used.
    pub approval_seconds: i64,
}

impl Default for SignerLimits {
    /// Far above what a home trades in a day: 10 000 a day, consent above 1 000, for a day.
    fn default() -> SignerLimits {
        SignerLimits {
            daily: Money::from_n(10_000_000_000_000),
            approval_above: Money::from_n(1_000_000_000_000),
            approval_seconds: DAY_SECONDS,
        }
    }
}

impl SignerLimits {
    /// Fails where a limit is negative, too high, or a request is over at once.
    pub(crate) fn check(&self) -> Result<()> {
        let amounts = [self.daily, self.approval_above];
        let fit = amounts.iter().all(|amount| (Money::ZERO..=LIMIT_MAX).contains(amount));
        ensure!(fit, "limits of the signer are between 0 and {LIMIT_MAX}");
        ensure!(self.approval_seconds > 0, "a request for consent lasts a second at least");
        Ok(())
    }
}

/// What identity signs for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SigningLimit {
    /// The account.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// The most in a day (UTC).
    #[schema(value_type = String, example = "10000")]
    pub daily: Money,
    /// What counts as signed today.
    #[schema(value_type = String, example = "12.5")]
    pub signed_today: Money,
    /// Above this, one signature needs the consent of a member of staff.
    #[schema(value_type = String, example = "1000")]
    pub approval_above: Money,
}

/// What an order counts: the most that its buyer pays, the least that its seller takes.
pub(crate) fn amount_of(terms: &OrderTerms) -> Result<Money, Overflow> {
    terms.limit()?.cost_of(terms.quantity)
}

/// The number of the day (UTC) that `now` is in.
pub(crate) fn day_of(now: Timestamp) -> i64 {
    now.seconds() / DAY_SECONDS
}

/// How much to take out of the day's limit when `needed` is missing.
pub(crate) fn part_of(limit: Money, needed: Money) -> Money {
    needed.max(Money::from_n(limit.n() / PARTS))
}

/// What was taken out of the limits of a day and is not signed yet, by account.
#[derive(Debug, Default)]
pub(crate) struct Purses {
    purses: HashMap<AccountId, Purse>,
}

#[derive(Debug)]
struct Purse {
    day: i64,
    left: Money,
    recent: VecDeque<B256>,
}

impl Purses {
    /// Whether `hash` was signed for `account` lately.
    pub(crate) fn has_signed(&self, account: AccountId, hash: B256) -> bool {
        self.purses.get(&account).is_some_and(|purse| purse.recent.contains(&hash))
    }

    /// What is left of `account` for `day`.
    pub(crate) fn left(&self, account: AccountId, day: i64) -> Money {
        let purse = self.purses.get(&account).filter(|purse| purse.day == day);
        purse.map_or(Money::ZERO, |purse| purse.left)
    }

    /// Leaves `left` in the purse after `hash` was signed.
    pub(crate) fn set(&mut self, account: AccountId, day: i64, left: Money, hash: B256) {
        if !self.purses.contains_key(&account) {
            self.make_room(day);
        }
        let fresh = Purse { day, left, recent: VecDeque::new() };
        let purse = self.purses.entry(account).or_insert(fresh);
        (purse.day, purse.left) = (day, left);
        if purse.recent.len() >= RECENT_MAX {
            purse.recent.pop_front();
        }
        purse.recent.push_back(hash);
    }

    /// Throws the purse of `account` away: what was in it counts as signed.
    pub(crate) fn forget(&mut self, account: AccountId) {
        self.purses.remove(&account);
    }

    /// Forgets the purses of other days, and all when that is not enough.
    fn make_room(&mut self, day: i64) {
        if self.purses.len() < PURSES_MAX {
            return;
        }
        self.purses.retain(|_, purse| purse.day == day);
        if self.purses.len() >= PURSES_MAX {
            self.purses.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::derived(name)
    }

    #[test]
    fn a_purse_is_of_one_account_and_day() {
        let mut purses = Purses::default();
        let [hash, other] = [1, 2].map(B256::repeat_byte);
        purses.set(account("a"), 7, Money::from_n(5), hash);
        assert_eq!(purses.left(account("a"), 7), Money::from_n(5));
        assert_eq!(purses.left(account("a"), 8), Money::ZERO);
        assert_eq!(purses.left(account("b"), 7), Money::ZERO);
        assert!(purses.has_signed(account("a"), hash));
        assert!(!purses.has_signed(account("a"), other));
        assert!(!purses.has_signed(account("b"), hash));
        purses.forget(account("a"));
        assert_eq!(purses.left(account("a"), 7), Money::ZERO);
    }

    #[test]
    fn the_oldest_signatures_and_the_days_before_are_forgotten() {
        let mut purses = Purses::default();
        let hash = |number: usize| B256::left_padding_from(&number.to_be_bytes());
        for number in 0..=RECENT_MAX {
            purses.set(account("a"), 1, Money::ZERO, hash(number));
        }
        assert!(!purses.has_signed(account("a"), hash(0)));
        assert!(purses.has_signed(account("a"), hash(1)));
        for number in 1..PURSES_MAX {
            purses.set(account(&number.to_string()), 1, Money::ZERO, hash(0));
        }
        assert_eq!(purses.purses.len(), PURSES_MAX);
        purses.set(account("b"), 2, Money::from_n(1), hash(0));
        assert_eq!(purses.purses.len(), 1);
    }

    #[test]
    fn a_limit_is_taken_in_parts_unless_more_is_needed() {
        let limit = Money::from_n(2560);
        assert_eq!(part_of(limit, Money::from_n(3)), Money::from_n(10));
        assert_eq!(part_of(limit, Money::from_n(30)), Money::from_n(30));
        assert_eq!(part_of(Money::from_n(3), Money::from_n(1)), Money::from_n(1));
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        let good = SignerLimits::default();
        assert!(good.check().is_ok());
        for bad in [
            SignerLimits { daily: Money::from_n(-1), ..good },
            SignerLimits { approval_above: Money::from_n(i64::MAX), ..good },
            SignerLimits { approval_seconds: 0, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day = |text: &str| day_of(text.parse().unwrap());
        assert_eq!(day("2026-06-01T23:59:59Z"), day("2026-06-01T00:00:00Z"));
        assert_eq!(day("2026-06-02T00:00:00Z"), day("2026-06-01T00:00:00Z") + 1);
    }
}
