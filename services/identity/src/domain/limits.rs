//! How much identity signs with a held key: what is lost at most in a day when somebody gets hold
//! of an account's token.
//!
//! ```text
//! order ─> amount = quantity x limit price
//!          above `approval_above` ─> a member of staff decides
//!          purse of the account and day: empty ─> filled from the day's limit, in the database
//! ```
//!
//! Each currency has limits and purses of its own, and so has certified energy, which has no price:
//! it counts its Wh. A purse is filled with a part of the day's limit at a time, so that most
//! signatures write nothing. What is in it when the process ends counts as signed.
//! Deliberately absent: what a sale may cost. Its limit price is the least that the seller takes,
//! and the market bounds how much a connection point can offer.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use alloy_primitives::B256;
use anyhow::{Result, ensure};
use calendar::Timestamp;
use contracts::OrderTerms;
use ids::AccountId;
use serde::{Serialize, Serializer};
use units::{Energy, Money, Overflow};
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

/// The name of the unit of certified energy.
const CERTIFIED: &str = "Wh";

/// What something counts in. Each has limits of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A currency, by its code (ISO 4217).
    Currency(String),
    /// Certified energy.
    Certified,
}

/// How much something counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    unit: Unit,
    n: i64,
}

impl Unit {
    /// How it is kept and shown: a currency's code, or `Wh`.
    pub fn name(&self) -> &str {
        match self {
            Unit::Currency(code) => code,
            Unit::Certified => CERTIFIED,
        }
    }

    /// The unit of this name; no currency has that of certified energy.
    pub(crate) fn named(name: &str) -> Unit {
        if name == CERTIFIED { Unit::Certified } else { Unit::Currency(name.to_owned()) }
    }

    /// So much of it: 1e-9 of a currency, or Wh.
    pub(crate) fn of(self, n: i64) -> Amount {
        Amount { unit: self, n }
    }

    /// An amount as it is written: of a currency in major units, of certified energy in whole Wh.
    pub(crate) fn parse(self, text: &str) -> Option<Amount> {
        let n = match self {
            Unit::Currency(_) => serde_json::from_value::<Money>(text.into()).ok()?.n(),
            Unit::Certified => text.parse().ok()?,
        };
        Some(self.of(n))
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Amount {
    /// What it is in.
    pub(crate) fn unit(&self) -> &Unit {
        &self.unit
    }

    /// How much: 1e-9 of a currency, or Wh.
    pub(crate) const fn n(&self) -> i64 {
        self.n
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Currency(_) => write!(f, "{}", Money::from_n(self.n)),
            Unit::Certified => write!(f, "{}", self.n),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What identity signs for the accounts whose keys it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignerLimits {
    /// The most of each currency for one account in a day (UTC), where staff set no other limit.
    pub daily: Money,
    /// Above this, one signature needs the consent of a member of staff.
    pub approval_above: Money,
    /// The most certified energy that one account gives away or uses up in a day (UTC), where staff
    /// set no other limit.
    pub certified_daily: Energy,
    /// Above this, one signature about certified energy needs the consent of a member of staff.
    pub certified_above: Energy,
    /// How long a request for consent may be decided and used.
    pub approval_seconds: i64,
}

impl Default for SignerLimits {
    /// Far above what a home trades in a day: 10 000 a day, consent above 1 000, for a day; 10 MWh
    /// of certified energy, consent above 1 MWh.
    fn default() -> SignerLimits {
        SignerLimits {
            daily: Money::from_n(10_000_000_000_000),
            approval_above: Money::from_n(1_000_000_000_000),
            certified_daily: Energy::from_wh(10_000_000),
            certified_above: Energy::from_wh(1_000_000),
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
        let energies = [self.certified_daily, self.certified_above];
        let fit = energies.iter().all(|energy| wh(*energy) <= LIMIT_MAX.n());
        ensure!(fit, "limits of certified energy are at most {} Wh", LIMIT_MAX.n());
        ensure!(self.approval_seconds > 0, "a request for consent lasts a second at least");
        Ok(())
    }
}

impl SignerLimits {
    /// The most of `unit` in a day, where staff set no other limit.
    pub(crate) fn daily_of(&self, unit: &Unit) -> i64 {
        match unit {
            Unit::Currency(_) => self.daily.n(),
            Unit::Certified => wh(self.certified_daily),
        }
    }

    /// Above how much of `unit` one signature needs consent.
    pub(crate) fn approval_above_of(&self, unit: &Unit) -> i64 {
        match unit {
            Unit::Currency(_) => self.approval_above.n(),
            Unit::Certified => wh(self.certified_above),
        }
    }
}

/// Energy as it counts; more than there can be is beyond every limit.
fn wh(energy: Energy) -> i64 {
    i64::try_from(energy.wh()).unwrap_or(i64::MAX)
}

/// What identity signs for one account in one unit. Amounts in major units of a currency, or in Wh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SigningLimit {
    /// The account.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// A currency (ISO 4217), or `Wh` of certified energy.
    #[schema(value_type = String, example = "EUR")]
    pub unit: Unit,
    /// The most in a day (UTC).
    #[schema(value_type = String, example = "10000")]
    pub daily: Amount,
    /// What counts as signed today.
    #[schema(value_type = String, example = "12.5")]
    pub signed_today: Amount,
    /// Above this, one signature needs the consent of a member of staff.
    #[schema(value_type = String, example = "1000")]
    pub approval_above: Amount,
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
pub(crate) fn part_of(limit: i64, needed: i64) -> i64 {
    needed.max(limit / PARTS)
}

/// What was taken out of the limits of a day and is not signed yet, by account and unit.
#[derive(Debug, Default)]
pub(crate) struct Purses {
    purses: HashMap<(AccountId, Unit), Purse>,
}

#[derive(Debug)]
struct Purse {
    day: i64,
    left: i64,
    recent: VecDeque<B256>,
}

impl Purses {
    /// Whether `hash` was signed for `of` lately.
    pub(crate) fn has_signed(&self, of: &(AccountId, Unit), hash: B256) -> bool {
        self.purses.get(of).is_some_and(|purse| purse.recent.contains(&hash))
    }

    /// What is left of `of` for `day`.
    pub(crate) fn left(&self, of: &(AccountId, Unit), day: i64) -> i64 {
        let purse = self.purses.get(of).filter(|purse| purse.day == day);
        purse.map_or(0, |purse| purse.left)
    }

    /// Leaves `left` in the purse after `hash` was signed.
    pub(crate) fn set(&mut self, of: &(AccountId, Unit), day: i64, left: i64, hash: B256) {
        if !self.purses.contains_key(of) {
            self.make_room(day);
        }
        let fresh = Purse { day, left, recent: VecDeque::new() };
        let purse = self.purses.entry(of.clone()).or_insert(fresh);
        (purse.day, purse.left) = (day, left);
        if purse.recent.len() >= RECENT_MAX {
            purse.recent.pop_front();
        }
        purse.recent.push_back(hash);
    }

    /// Throws the purse of `of` away: what was in it counts as signed.
    pub(crate) fn forget(&mut self, of: &(AccountId, Unit)) {
        self.purses.remove(of);
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

    fn of(name: &str, unit: &str) -> (AccountId, Unit) {
        (AccountId::derived(name), Unit::named(unit))
    }

    #[test]
    fn a_purse_is_of_one_account_unit_and_day() {
        let mut purses = Purses::default();
        let [hash, other] = [1, 2].map(B256::repeat_byte);
        let euros = of("a", "EUR");
        purses.set(&euros, 7, 5, hash);
        assert_eq!((purses.left(&euros, 7), purses.left(&euros, 8)), (5, 0));
        assert!(purses.has_signed(&euros, hash) && !purses.has_signed(&euros, other));
        for others in [of("b", "EUR"), of("a", "CHF"), of("a", "Wh")] {
            assert_eq!(purses.left(&others, 7), 0, "{others:?}");
            assert!(!purses.has_signed(&others, hash), "{others:?}");
        }
        purses.forget(&euros);
        assert_eq!(purses.left(&euros, 7), 0);
    }

    #[test]
    fn the_oldest_signatures_and_the_days_before_are_forgotten() {
        let mut purses = Purses::default();
        let hash = |number: usize| B256::left_padding_from(&number.to_be_bytes());
        let a = of("a", "EUR");
        for number in 0..=RECENT_MAX {
            purses.set(&a, 1, 0, hash(number));
        }
        assert!(!purses.has_signed(&a, hash(0)));
        assert!(purses.has_signed(&a, hash(1)));
        for number in 1..PURSES_MAX {
            purses.set(&of(&number.to_string(), "EUR"), 1, 0, hash(0));
        }
        assert_eq!(purses.purses.len(), PURSES_MAX);
        purses.set(&of("b", "EUR"), 2, 1, hash(0));
        assert_eq!(purses.purses.len(), 1);
    }

    #[test]
    fn a_limit_is_taken_in_parts_unless_more_is_needed() {
        assert_eq!([part_of(2560, 3), part_of(2560, 30), part_of(3, 1)], [10, 30, 1]);
    }

    #[test]
    fn an_amount_is_read_and_written_in_its_unit() {
        for (unit, text, n) in [("EUR", "12.5", 12_500_000_000), ("Wh", "1200", 1_200)] {
            let amount = Unit::named(unit).parse(text).unwrap();
            assert_eq!((amount.n(), amount.to_string().as_str()), (n, text));
            assert_eq!(amount.unit().name(), unit);
        }
        assert_eq!(Unit::Certified.parse("1.5"), None);
        assert_eq!(Unit::named("EUR").parse("much"), None);
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        let good = SignerLimits::default();
        assert!(good.check().is_ok());
        for bad in [
            SignerLimits { daily: Money::from_n(-1), ..good },
            SignerLimits { approval_above: Money::from_n(i64::MAX), ..good },
            SignerLimits { approval_seconds: 0, ..good },
            SignerLimits { certified_above: Energy::from_wh(u64::MAX), ..good },
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
