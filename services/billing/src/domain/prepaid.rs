//! Accounts that pay before they use: how long what they have lasts, and what follows.
//!
//! ```text
//! Active ── less than `low_days` of use ──> Low ── below nothing ──> Emergency ──┐
//!   └<─────────────────── money comes in, at any hour ───────────────────────────┤
//!   Suspended <── credit used up, notice over, two of the staff, in working hours┘
//! ```
//!
//! Invariants: more money or less use never makes a state worse; nobody is suspended who has credit
//! left, who is protected, without two persons of staff and notice, or at night, on a weekend or a
//! holiday; who is suspended and pays is not, at once. A suspension is a statement for the utility:
//! nothing here cuts a supply.
//! Deliberately absent: how the balance is made up (`app/prepaid.rs`), and events.

#[cfg(test)]
mod tests;

use calendar::{LocalDay, TimeZone, Timestamp};
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};
use utoipa::ToSchema;

/// The most days of use below which a balance can be called low.
pub const LOW_DAYS_MAX: u16 = 60;
/// The most credit, in 1e-9 currency: 10 000 of it.
pub const CREDIT_MAX: Money = Money::from_n(10_000_000_000_000);
/// The least hours between what the household is told and a suspension.
pub const NOTICE_HOURS_MIN: u16 = 24;
/// The most.
pub const NOTICE_HOURS_MAX: u16 = 24 * 60;
/// The most holidays that are said.
pub const HOLIDAYS_MAX: usize = 400;
/// Minutes of an hour, hours of a day and seconds of an hour.
const MINUTES: u16 = 60;
const HOURS: i128 = 24;
const HOUR: i64 = 3_600;

/// How an account that pays before it uses stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There is enough.
    Active,
    /// It lasts for few days.
    Low,
    /// It uses credit.
    Emergency,
    /// Its supply may be cut, until it has paid.
    Suspended,
}

impl State {
    /// The name in rows, events and answers.
    pub fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Low => "low",
            State::Emergency => "emergency",
            State::Suspended => "suspended",
        }
    }

    /// What has this name.
    pub fn named(name: &str) -> Option<State> {
        let all = [State::Active, State::Low, State::Emergency, State::Suspended];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// From when on an account buys nothing from neighbours: what it buys is locked before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopsAt {
    /// As soon as its balance is low.
    Low,
    /// When it uses credit.
    Emergency,
}

/// How a community has it; the figures that states follow from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A balance is low that lasts for less than so many days.
    pub low_days: u16,
    /// How far below nothing a balance may go, in 1e-9 currency.
    pub credit: Money,
    /// Hours between what the household is told and a suspension, at least.
    pub notice_hours: u16,
    /// The first hour of a day on the wall in which a supply may be suspended.
    pub from_hour: u8,
    /// The hour from which on it may not any more.
    pub to_hour: u8,
    /// Local days on which none is, beside weekends.
    pub holidays: Vec<LocalDay>,
    /// From when on an account buys nothing from neighbours.
    pub buying_stops: StopsAt,
}

impl Default for Settings {
    /// Three days, 5.00 of credit, three days of notice, from 8 to 14 o'clock.
    fn default() -> Settings {
        Settings {
            low_days: 3,
            credit: Money::from_n(5_000_000_000),
            notice_hours: 72,
            from_hour: 8,
            to_hour: 14,
            holidays: Vec::new(),
            buying_stops: StopsAt::Emergency,
        }
    }
}

/// What is wrong with settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// None, or too many.
    #[error("low_days: 1 to {LOW_DAYS_MAX}")]
    LowDays,
    /// Below nothing, or too much.
    #[error("credit: 0 to {CREDIT_MAX}")]
    Credit,
    /// Too short or too long.
    #[error("notice_hours: {NOTICE_HOURS_MIN} to {NOTICE_HOURS_MAX}")]
    Notice,
    /// At night, or at no time.
    #[error("from_hour and to_hour: within 6 and 18 o'clock, and one after the other")]
    Hours,
    /// Too many, twice or not in order.
    #[error("holidays: at most {HOLIDAYS_MAX} days, rising")]
    Holidays,
}

impl Settings {
    /// Whether these can hold.
    ///
    /// # Errors
    /// [`BadSettings`]: what is wrong with them.
    pub fn check(&self) -> Result<(), BadSettings> {
        if !(1..=LOW_DAYS_MAX).contains(&self.low_days) {
            return Err(BadSettings::LowDays);
        }
        if self.credit < Money::ZERO || self.credit > CREDIT_MAX {
            return Err(BadSettings::Credit);
        }
        if !(NOTICE_HOURS_MIN..=NOTICE_HOURS_MAX).contains(&self.notice_hours) {
            return Err(BadSettings::Notice);
        }
        if self.from_hour < 6 || self.to_hour > 18 || self.from_hour >= self.to_hour {
            return Err(BadSettings::Hours);
        }
        let rises = self.holidays.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || self.holidays.len() > HOLIDAYS_MAX {
            return Err(BadSettings::Holidays);
        }
        Ok(())
    }

    /// Whether a supply may be suspended on a local day at all.
    fn works(&self, day: LocalDay) -> bool {
        !day.is_weekend() && self.holidays.binary_search(&day).is_err()
    }

    /// Whether a supply may be suspended at `now`.
    pub fn may_suspend_at(&self, zone: &TimeZone, now: Timestamp) -> bool {
        let local = zone.local(now);
        let hours = u16::from(self.from_hour) * MINUTES..u16::from(self.to_hour) * MINUTES;
        self.works(local.day) && hours.contains(&local.minute)
    }

    /// The first moment at which a supply can be suspended where the household is told at `told`;
    /// `None` where there is none within the year after the notice.
    pub fn suspends_from(&self, zone: &TimeZone, told: Timestamp) -> Option<Timestamp> {
        let noticed = told.plus_seconds(i64::from(self.notice_hours) * HOUR);
        if self.may_suspend_at(zone, noticed) {
            return Some(noticed);
        }
        let mut day = zone.day_of(noticed);
        for _ in 0..=366 {
            let opens = zone.moment(day, u16::from(self.from_hour) * MINUTES);
            if opens >= noticed && self.works(day) {
                return Some(opens);
            }
            day = day.next();
        }
        None
    }
}

/// What an account has, and what it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it has for energy to come; below zero it uses credit.
    pub balance: Money,
    /// What it uses in a day; zero where it used nothing lately, or gets money for it.
    pub use_per_day: Money,
}

impl Standing {
    /// What it has, of its free cash, less what invoices leave to be paid and what is used and not
    /// billed yet.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn of(
        free: Money,
        owed: Money,
        unbilled: Money,
        use_per_day: Money,
    ) -> Result<Standing, Overflow> {
        let balance = free.minus(owed)?.minus(unbilled)?;
        Ok(Standing { balance, use_per_day: use_per_day.max(Money::ZERO) })
    }

    /// For how many whole hours the balance lasts; `None` where nothing is used.
    pub fn hours_left(&self) -> Option<u32> {
        self.lasts(i128::from(self.balance.n()))
    }

    /// For how many whole hours balance and credit last; `None` where nothing is used.
    pub fn hours_with_credit(&self, settings: &Settings) -> Option<u32> {
        self.lasts(i128::from(self.balance.n()) + i128::from(settings.credit.n()))
    }

    fn lasts(&self, has: i128) -> Option<u32> {
        let per_day = i128::from(self.use_per_day.n());
        let hours = (has.max(0) * HOURS).checked_div(per_day)?;
        Some(u32::try_from(hours).unwrap_or(u32::MAX))
    }

    /// Whether the credit is used up.
    pub fn is_exhausted(&self, settings: &Settings) -> bool {
        i128::from(self.balance.n()) + i128::from(settings.credit.n()) <= 0
            && self.balance < Money::ZERO
    }

    /// How it stands by its money alone; never suspended.
    pub fn level(&self, settings: &Settings) -> State {
        let low = i128::from(self.use_per_day.n()) * i128::from(settings.low_days);
        if self.balance < Money::ZERO {
            State::Emergency
        } else if i128::from(self.balance.n()) < low {
            State::Low
        } else {
            State::Active
        }
    }
}

/// What staff want, and the household was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// From when on the supply can be suspended.
    pub from: Timestamp,
    /// Whether a second person of staff agreed.
    pub agreed: bool,
}

/// What the next state follows from.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// What it has, and uses.
    pub standing: Standing,
    /// Somebody there depends on the supply: it is never suspended.
    pub protected: bool,
    /// How it stood before.
    pub before: State,
    /// What staff want, if they do.
    pub notice: Option<Notice>,
}

impl Facts {
    /// How it stands at `now`.
    pub fn state(&self, settings: &Settings, zone: &TimeZone, now: Timestamp) -> State {
        let level = self.standing.level(settings);
        if level != State::Emergency || self.protected {
            return level;
        }
        let noticed = self.notice.is_some_and(|notice| notice.agreed && now >= notice.from);
        let begins =
            noticed && self.standing.is_exhausted(settings) && settings.may_suspend_at(zone, now);
        // It stays until the debt is gone, so that supply does not come and go around the limit.
        let stays = noticed && self.before == State::Suspended;
        if begins || stays { State::Suspended } else { State::Emergency }
    }
}

impl Settings {
    /// Whether an account in this state buys nothing from neighbours.
    pub fn stops_buying(&self, state: State) -> bool {
        match self.buying_stops {
            StopsAt::Low => state >= State::Low,
            StopsAt::Emergency => state >= State::Emergency,
        }
    }
}
