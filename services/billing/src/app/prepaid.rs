//! Accounts that pay before they use: what they have, looked at once a slot, and what follows.
//!
//! ```text
//! free cash - what invoices leave - what is used and not billed yet, by the readings we have
//! ```
//!
//! The chain moves nobody's cash without a signature, so what is used from the retailer is not
//! taken out of the wallet slot by slot: it is counted against it, becomes an invoice, and is paid
//! out of the wallet or by bank. What is counted follows each newer version of a reading.
//! Deliberately absent: cutting a supply. A suspension is told, to the household and the utility.

use anyhow::{Context, Error, Result};
use calendar::{LocalDay, Slot, TimeZone, Timestamp};
use events::Envelope;
use events::billing::PrepaidChanged;
use ids::{AccountId, CommunityId, PartyId};
use service::Problem;
use tariff::Tariff;
use units::Money;

use super::decisions::Decision;
use super::simulate::Month;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members::{self, Account};
use crate::db::prepaid::{self, Prepaid, Suspension};
use crate::db::rulings::Ruling;
use crate::db::{addresses, energy, invoices, occupants};
use crate::domain::bill::{CarriedOver, Facts as BillFacts, Period, Rated, rate};
use crate::domain::journal;
use crate::domain::prepaid::{Facts, Settings, Standing, State};

/// Accounts that are looked at at once.
const PAGE: u32 = 500;
/// Whole days that what is used in a day is the mean of.
const MEAN_DAYS: i32 = 7;
/// Days that are counted as used and not billed, at most: invoices are monthly.
const UNBILLED_DAYS_MAX: i32 = 92;
/// What an account that does not pay before it uses is told as.
const ENDED: &str = "ended";

/// What an account has, by its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Its free cash.
    pub(crate) free: Money,
    /// What its invoices leave to be paid.
    pub(crate) owed: Money,
    /// What is used and not billed yet.
    pub(crate) unbilled: Money,
    pub(crate) standing: Standing,
}

impl Billing {
    /// How a community has accounts that pay before they use.
    pub(crate) async fn prepaid_settings(&self, community: CommunityId) -> Result<Settings> {
        Ok(prepaid::SETTINGS.newest(&self.db, community).await?.unwrap_or_default())
    }

    /// Says how a community has them.
    pub(crate) async fn set_prepaid(
        &self,
        community: CommunityId,
        made: Ruling<Settings>,
    ) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move { prepaid::SETTINGS.put(tx, community, &made).await })
            })
            .await?;
        self.prepaid.lock().await.remove(&community);
        Ok(())
    }

    pub(crate) async fn zone_of(&self, community: CommunityId) -> Result<TimeZone> {
        let zone = members::timezone(&self.db, community).await?;
        Ok(zone.unwrap_or_else(TimeZone::utc))
    }

    /// What an account has at `now`.
    pub(crate) async fn counted(&self, account: &Account, now: Timestamp) -> Result<Counted> {
        let zone = self.zone_of(account.community).await?;
        let free = self.free_cash(account.account).await?;
        let owed = prepaid::owed(&self.db, account.account).await?;
        let today = zone.day_of(now);
        let (mut unbilled, mut use_per_day) = (Money::ZERO, Money::ZERO);
        let published = members::tariffs(&self.db, account.community).await?;
        let tariffs: Vec<Tariff> = published.into_iter().map(|known| known.tariff).collect();
        let place = occupants::place_at(&self.db, account.account, now).await?;
        if let (Some(place), false) = (place, tariffs.is_empty())
            && let Some(first) = energy::first_reading(&self.db, place.meter).await?
        {
            let first = zone.day_of(first.max(place.stay.from));
            let billed = invoices::billed_until(&self.db, account.account, place.meter).await?;
            // Days before and after it lived here are no days of this account.
            let last = place.stay.until.map_or(today, |until| zone.day_of(until).later(-1));
            let last = last.min(today);
            let from = billed.map_or(first, LocalDay::next).max(first);
            let from = from.max(today.later(-UNBILLED_DAYS_MAX));
            if from <= last {
                let used = Period { from, to: last };
                unbilled = self.rated(account, used, &tariffs, |rated| rated.due).await?;
            }
            let to = last.min(today.later(-1));
            let mean = Period { from: first.max(today.later(-MEAN_DAYS)), to };
            if mean.from <= mean.to {
                let total = self.rated(account, mean, &tariffs, |rated| rated.total).await?;
                let days = i64::from(mean.to.number() - mean.from.number() + 1);
                use_per_day = Money::from_n(total.n() / days);
            }
        }
        let standing = Standing::of(free, owed, unbilled, use_per_day)?;
        Ok(Counted { free, owed, unbilled, standing })
    }

    async fn free_cash(&self, account: AccountId) -> Result<Money> {
        let spans = addresses::of_account(&self.db, account).await?;
        let state = self.state.lock().await;
        let book = state.book_of(CurrencyId::FIRST);
        let at = |span: &addresses::Span| -book.balance(&journal::Account::Wallet(span.address));
        let sum: i128 = spans.iter().map(at).sum();
        Ok(Money::from_n(i64::try_from(sum).context("free cash")?))
    }

    /// What the days of a period come to with the readings that are known, month by month on the
    /// tariff that held.
    async fn rated(
        &self,
        account: &Account,
        period: Period,
        tariffs: &[Tariff],
        part: fn(&Rated) -> Money,
    ) -> Result<Money> {
        let newest = tariffs.first().context("there is a tariff")?;
        let months = self.months_of(account, period, newest).await?;
        let (tariffs, slot_length) = (tariffs.to_vec(), self.slot);
        let sum = tokio::task::spawn_blocking(move || -> Result<Money> {
            let (mut sum, mut carried): (Money, Option<CarriedOver>) = (Money::ZERO, None);
            for Month { period, used, trades } in &months {
                let held = tariffs.iter().find(|it| it.head().valid_from <= period.from);
                let tariff = held.or(tariffs.last()).context("there is a tariff")?;
                let before = carried.as_ref();
                let facts =
                    BillFacts { period: *period, tariff, slot_length, used, trades, before };
                let rated = rate(&facts).context("rating what is used")?;
                sum = sum.plus(part(&rated))?;
                carried = rated.carried;
            }
            Ok(sum)
        });
        sum.await?
    }

    /// Looks at all prepaid accounts, once a slot; whether any stands otherwise than before.
    pub(crate) async fn look_at_prepaid(&self, now: Timestamp) -> Result<bool> {
        let slot = Slot::containing(now, self.slot).start;
        let mut any = false;
        for community in members::communities(&self.db).await? {
            let mut looked = self.prepaid.lock().await;
            if looked.get(&community) == Some(&slot) {
                continue;
            }
            let mut after = String::new();
            loop {
                let page = prepaid::list(&self.db, community, &after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.account.to_string();
                for of in page {
                    let account = of.account;
                    // One account's trouble is not the others'.
                    any |= self.look_at(of, now).await.unwrap_or_else(|error| {
                        let error = format!("{error:#}");
                        tracing::error!(%account, error, "a prepaid account was not looked at");
                        false
                    });
                }
            }
            looked.insert(community, slot);
        }
        Ok(any)
    }

    /// Looks at one; whether it stands otherwise than before.
    async fn look_at(&self, of: Prepaid, now: Timestamp) -> Result<bool> {
        let account = members::account(&self.db, of.account, now).await?;
        let account = account.context("the account of an agreement")?;
        let standing = self.counted(&account, now).await?.standing;
        let settings = self.prepaid_settings(of.community).await?;
        let zone = self.zone_of(of.community).await?;
        let wanted = prepaid::suspension_of(&self.db, of.account).await?;
        let notice = wanted.as_ref().and_then(Suspension::notice);
        let facts = Facts { standing, protected: of.protected, before: of.state, notice };
        let state = facts.state(&settings, &zone, now);
        let needless = standing.level(&settings) != State::Emergency || of.protected;
        let since = if state == of.state { of.since } else { now };
        let stops = settings.stops_buying(state);
        let before = of.state.name();
        let next = Prepaid { state, since, standing, stops, looked_at: now, ..of };
        let starts = wanted.filter(|_| !needless).map(|wanted| wanted.starts);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !prepaid::put_standing(tx, &next).await? {
                        return Ok(false);
                    }
                    let voided = needless && prepaid::void(tx, next.account, now).await?;
                    if state.name() == before && !voided {
                        return Ok(false);
                    }
                    tell(tx, &next, (before, state.name()), starts, now).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Looks at an account now, whatever the slot.
    async fn look_again(&self, account: AccountId, now: Timestamp) -> Result<()> {
        if let Some(of) = prepaid::find(&self.db, account).await? {
            self.look_at(of, now).await?;
        }
        Ok(())
    }

    /// An account agrees to pay before it uses. A repeat changes nothing.
    ///
    /// # Errors
    /// A [`Problem`] `NO_METER` where nothing of the account is metered.
    pub(crate) async fn agree_prepaid(&self, account: &Account, now: Timestamp) -> Result<()> {
        if occupants::place_at(&self.db, account.account, now).await?.is_none() {
            let title = "Nothing of the account is metered";
            return Err(Problem::refused("NO_METER", title).into());
        }
        let standing = self.counted(account, now).await?.standing;
        let of = Prepaid {
            account: account.account,
            community: account.community,
            agreed_at: now,
            protected: false,
            state: State::Active,
            since: now,
            standing,
            stops: false,
            looked_at: now,
        };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if prepaid::agree(tx, &of).await? {
                        tell(tx, &of, (ENDED, of.state.name()), None, now).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.look_again(account.account, now).await
    }

    /// An account does not pay before it uses any more; what it owes is billed. A repeat changes
    /// nothing.
    pub(crate) async fn end_prepaid(&self, account: AccountId, now: Timestamp) -> Result<()> {
        let Some(of) = prepaid::find(&self.db, account).await? else { return Ok(()) };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    prepaid::end(tx, account, now).await?;
                    tell(tx, &of, (of.state.name(), ENDED), None, now).await
                })
            })
            .await
    }

    /// Says whether an account's supply is never suspended, because somebody there depends on it.
    ///
    /// # Errors
    /// A [`Problem`] `NOT_PREPAID`.
    pub(crate) async fn protect(
        &self,
        account: AccountId,
        protected: bool,
        now: Timestamp,
    ) -> Result<()> {
        let kept = self.db.transact(move |tx| {
            Box::pin(async move { prepaid::protect(tx, account, protected).await })
        });
        if !kept.await? {
            return Err(not_prepaid().into());
        }
        self.look_again(account, now).await
    }

    /// Asks for an account's supply to be suspended, and tells the household from when on it can
    /// be. It takes another person of staff to agree.
    ///
    /// # Errors
    /// A [`Problem`]: `NOT_PREPAID`, `PROTECTED`, `CREDIT_LEFT`, `NO_WORKING_DAY`, or
    /// `ALREADY_ASKED` where somebody did before.
    pub(crate) async fn ask_suspension(
        &self,
        account: &Account,
        (id, reason): (String, String),
        by: PartyId,
        now: Timestamp,
    ) -> Result<Suspension> {
        let of = prepaid::find(&self.db, account.account).await?.ok_or_else(not_prepaid)?;
        if of.protected {
            let title = "Somebody there depends on the supply: it is not suspended";
            return Err(Problem::refused("PROTECTED", title).into());
        }
        let settings = self.prepaid_settings(of.community).await?;
        let standing = self.counted(account, now).await?.standing;
        if !standing.is_exhausted(&settings) {
            let title = "The account has credit left";
            return Err(Problem::refused("CREDIT_LEFT", title).into());
        }
        let zone = self.zone_of(of.community).await?;
        let starts = settings.suspends_from(&zone, now).ok_or_else(|| {
            Problem::refused("NO_WORKING_DAY", "No day of the next year is left to suspend on")
        })?;
        let wanted = Suspension {
            number: 0,
            id,
            community: of.community,
            account: of.account,
            reason,
            asked_by: by.to_string(),
            at: now,
            starts,
            state: "open".to_owned(),
            decided_by: String::new(),
            decided_at: None,
        };
        let kept = wanted.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !prepaid::ask(tx, &wanted).await? {
                        let title = "Somebody has asked for it before, and it stands";
                        return Err(Error::from(Problem::refused("ALREADY_ASKED", title)));
                    }
                    let of = Prepaid { standing, ..of };
                    let state = of.state.name();
                    tell(tx, &of, (state, state), Some(starts), now).await
                })
            })
            .await?;
        Ok(kept)
    }

    /// Decides what another person asked for. Where it is refused, the household is told so.
    ///
    /// # Errors
    /// A [`Problem`]: `FOUR_EYES` for who asked, `DECIDED` where it was decided or is needless.
    pub(crate) async fn decide_suspension(
        &self,
        wanted: &Suspension,
        (by, approved): (PartyId, bool),
        now: Timestamp,
    ) -> Result<()> {
        if wanted.asked_by == by.to_string() {
            let title = "Another person than the one who asked must decide";
            return Err(Problem::refused("FOUR_EYES", title).into());
        }
        let of = prepaid::find(&self.db, wanted.account).await?;
        let wanted_of = (prepaid::SUSPENSIONS, wanted.id.clone());
        let decision = Decision { of: wanted_of, by: by.to_string(), approved, at: now };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    decision.keep(tx).await?;
                    match of.filter(|_| !approved) {
                        Some(of) => {
                            let state = of.state.name();
                            tell(tx, &of, (state, state), None, now).await
                        }
                        None => Ok(()),
                    }
                })
            })
            .await?;
        self.look_again(wanted.account, now).await
    }
}

fn not_prepaid() -> Problem {
    Problem::refused("NOT_PREPAID", "The account does not pay before it uses")
}

async fn tell(
    tx: &mut db::Tx,
    of: &Prepaid,
    (before, state): (&str, &str),
    suspension_from: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let event = PrepaidChanged {
        community: of.community,
        account: of.account,
        state: state.to_owned(),
        before: before.to_owned(),
        balance: of.standing.balance,
        use_per_day: of.standing.use_per_day,
        suspension_from,
    };
    let from = suspension_from.map_or(0, Timestamp::seconds);
    let name = format!("{}/{before}/{state}/{from}/{}", of.account, now.seconds());
    bus::append(tx, &Envelope::of(&event, &name, now)).await?;
    Ok(())
}
