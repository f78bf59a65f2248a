//! What follows where invoices are not paid: once a local day an open invoice is looked at, and
//! takes the next step of its community's ladder when that is due.
//!
//! ```text
//! step ─> reminder kept, fee kept ─> InvoiceReminded (letter, webhook)
//! suspend_trading ─┐
//! prepaid balance ─┴─> trading_hold, where it differs ─> TradingChanged ─> the markets
//! ```
//!
//! Invariant: who buys nothing follows from what is kept, and is looked at in every tick: a payment
//! or a dispute lifts it with the next one, at any hour.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use anyhow::Result;
use calendar::{LocalDay, TimeZone, Timestamp};
use events::Envelope;
use events::billing::{InvoiceReminded, TradingChanged};
use ids::{AccountId, CommunityId, InvoiceId};
use units::Money;

use super::state::State;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::dues::{self, Owing};
use crate::db::dunning::{self, Fee, Hold, Reminder, UnpostedFee};
use crate::db::journal::{self, Posted};
use crate::db::rulings::Ruling;
use crate::db::{disputes, members, prepaid};
use crate::domain::journal::Fact;
use crate::domain::ladder::{Climbed, Ladder, Step, StepAction, undisputed};

/// Invoices that are looked at at once.
const PAGE: u32 = 500;
/// Why an account buys nothing: an invoice is long overdue.
const DUNNING: &str = "dunning";
/// The same: its prepaid balance is used up.
const PREPAID: &str = "prepaid";

/// The step that an invoice takes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Following {
    pub(crate) step: Step,
    /// The local day on which it is taken, if nothing is paid or disputed until then.
    pub(crate) on: LocalDay,
}

impl Billing {
    /// What follows where invoices of a community are not paid.
    pub(crate) async fn ladder(&self, community: CommunityId) -> Result<Ladder> {
        Ok(dunning::LADDERS.newest(&self.db, community).await?.unwrap_or_default())
    }

    /// Says what follows where invoices of a community are not paid.
    pub(crate) async fn set_ladder(
        &self,
        community: CommunityId,
        set: Ruling<Ladder>,
    ) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move { dunning::LADDERS.put(tx, community, &set).await })
            })
            .await?;
        self.reminded.lock().await.remove(&community);
        Ok(())
    }

    /// How far an invoice has climbed, and how many undisputed days it is overdue.
    async fn climbed(
        &self,
        owing: &Owing,
        (ladder, zone, today): (&Ladder, &TimeZone, LocalDay),
    ) -> Result<(u32, Climbed, u32)> {
        let taken = dunning::reminders(&self.db, owing.invoice).await?;
        let spans = disputes::spans(&self.db, owing.invoice).await?;
        let day = |at: Option<Timestamp>| at.map_or(today, |at| zone.day_of(at));
        let spans: Vec<_> =
            spans.into_iter().map(|(at, ended)| (zone.day_of(at), day(ended))).collect();
        let overdue = undisputed(owing.dues.due_on, today, &spans);
        let actions: Vec<StepAction> = taken.iter().map(|reminder| reminder.action).collect();
        let since = taken.last().map(|last| undisputed(zone.day_of(last.at), today, &spans));
        let climbed = Climbed { step: ladder.behind(&actions), days: since.unwrap_or_default() };
        Ok((overdue, climbed, taken.last().map_or(0, |last| last.step)))
    }

    /// The step that an invoice takes next; `None` where it is paid, disputed or at the top.
    pub(crate) async fn following_step(
        &self,
        owing: &Owing,
        (zone, today): (&TimeZone, LocalDay),
    ) -> Result<Option<Following>> {
        if disputes::is_disputed(&self.db, owing.invoice).await? {
            return Ok(None);
        }
        let ladder = self.ladder(owing.community).await?;
        let (overdue, climbed, _) = self.climbed(owing, (&ladder, zone, today)).await?;
        let left = owing.dues.left()?;
        // In time, the days until then are still to come.
        let early = owing.dues.due_on.number().saturating_sub(today.number());
        let following = ladder.following(overdue, left, climbed).map(|(step, waits)| {
            let waits = i32::try_from(waits.saturating_add(early)).unwrap_or(i32::MAX);
            Following { step, on: today.later(waits) }
        });
        Ok(following)
    }

    /// Has invoices take the steps of their community's ladder that are due, once a local day;
    /// whether any did. Who disputes an invoice is left alone.
    pub(crate) async fn remind_due(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for community in members::communities(&self.db).await? {
            let zone = members::timezone(&self.db, community).await?;
            let zone = zone.unwrap_or_else(TimeZone::utc);
            let today = zone.day_of(now);
            let mut reminded = self.reminded.lock().await;
            if reminded.get(&community) == Some(&today) {
                continue;
            }
            any |= self.remind_community(community, (&zone, today), now).await?;
            reminded.insert(community, today);
        }
        Ok(any)
    }

    async fn remind_community(
        &self,
        community: CommunityId,
        (zone, today): (&TimeZone, LocalDay),
        now: Timestamp,
    ) -> Result<bool> {
        let ladder = self.ladder(community).await?;
        let (mut any, mut after) = (false, (0, String::new()));
        loop {
            let place = (after.0, after.1.as_str());
            let page = dues::owing(&self.db, Some(community), place, PAGE).await?;
            let Some(last) = page.last() else { return Ok(any) };
            after = (i64::from(last.dues.due_on.number()), last.invoice.to_string());
            for owing in page {
                if owing.dues.due_on >= today {
                    return Ok(any);
                }
                any |= self.remind(owing, (&ladder, zone, today), now).await?;
            }
        }
    }

    async fn remind(
        &self,
        owing: Owing,
        (ladder, zone, today): (&Ladder, &TimeZone, LocalDay),
        now: Timestamp,
    ) -> Result<bool> {
        let left = owing.dues.left()?;
        if disputes::is_disputed(&self.db, owing.invoice).await? {
            return Ok(false);
        }
        let (overdue, climbed, last) = self.climbed(&owing, (ladder, zone, today)).await?;
        let Some(due) = ladder.due(overdue, left, climbed) else { return Ok(false) };
        let step = last + 1;
        let event = InvoiceReminded {
            invoice: owing.invoice,
            number: owing.number,
            community: owing.community,
            account: owing.account,
            step,
            left: left.plus(due.fee)?,
            due_on: owing.dues.due_on,
            action: Some(due.action.name().to_owned()),
            fee: Some(due.fee).filter(|fee| *fee > Money::ZERO),
        };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let reminder = Reminder { step, action: due.action, left, at: now };
                    let open = dunning::is_open(tx, event.invoice).await?;
                    if !open || !dunning::remind(tx, event.invoice, reminder).await? {
                        return Ok(false);
                    }
                    if let Some(amount) = event.fee {
                        let fee = Fee { step, amount, at: now };
                        dunning::charge(tx, event.invoice, fee).await?;
                    }
                    let name = format!("{}/{step}", event.invoice);
                    bus::append(tx, &Envelope::of(&event, &name, now)).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Posts the fees that are not in the journal yet; whether there was any.
    pub(crate) async fn post_fees(&self) -> Result<bool> {
        let waiting = dunning::unposted(&self.db).await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let mut state = self.state.lock().await;
        let stored = self.store_fees(&mut state, &waiting).await;
        self.settle_state(&mut state, stored).await?;
        Ok(true)
    }

    async fn store_fees(&self, state: &mut State, waiting: &[UnpostedFee]) -> Result<()> {
        let mut posted = Vec::new();
        for fee in waiting {
            let fact = Fact::ReminderFee { number: fee.number.clone(), amount: fee.amount };
            let source = format!("fee:{}:{}", fee.number, fee.row);
            posted.push(Posted {
                currency: CurrencyId::FIRST,
                entry: state.book.post(&source, fact)?,
                at: fee.at,
                block: B256::ZERO,
                owners: Vec::new(),
            });
        }
        let rows: Vec<i64> = waiting.iter().map(|fee| fee.row).collect();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    journal::append(tx, posted).await?;
                    dunning::set_posted(tx, &rows).await
                })
            })
            .await
    }

    /// Tells the markets who buys nothing from neighbours any more, and who may again; whether that
    /// changed of anybody.
    pub(crate) async fn hold_buying(&self, now: Timestamp) -> Result<bool> {
        let mut wanted: BTreeMap<AccountId, (CommunityId, BTreeSet<&str>)> = BTreeMap::new();
        for (reason, accounts) in [
            (DUNNING, dunning::stopped(&self.db).await?),
            (PREPAID, prepaid::stopped(&self.db).await?),
        ] {
            for (account, community) in accounts {
                wanted.entry(account).or_insert((community, BTreeSet::new())).1.insert(reason);
            }
        }
        let known = dunning::holds(&self.db).await?;
        let mut changed = Vec::new();
        for (account, (community, reasons)) in &wanted {
            let before = known.get(account);
            let reasons: Vec<String> = reasons.iter().map(|one| (*one).to_owned()).collect();
            if before.is_none_or(|before| before.reasons != reasons) {
                let number = before.map_or(0, |before| before.number) + 1;
                changed.push((*account, Hold { community: *community, number, reasons }));
            }
        }
        for (account, before) in known {
            if !wanted.contains_key(&account) && !before.reasons.is_empty() {
                let number = before.number + 1;
                changed.push((account, Hold { number, reasons: Vec::new(), ..before }));
            }
        }
        let any = !changed.is_empty();
        for (account, hold) in changed {
            self.tell_hold(account, hold, now).await?;
        }
        Ok(any)
    }

    async fn tell_hold(&self, account: AccountId, hold: Hold, now: Timestamp) -> Result<()> {
        let event = TradingChanged {
            community: hold.community,
            account,
            number: hold.number,
            reasons: hold.reasons.clone(),
        };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    dunning::put_hold(tx, account, &hold, now).await?;
                    let name = format!("{account}/{}", hold.number);
                    bus::append(tx, &Envelope::of(&event, &name, now)).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Why an account buys nothing from neighbours; empty where it may.
    pub(crate) async fn held_for(&self, account: AccountId) -> Result<Vec<String>> {
        let holds = dunning::holds(&self.db).await?;
        Ok(holds.get(&account).map(|hold| hold.reasons.clone()).unwrap_or_default())
    }

    /// What reminders added to what an invoice is of, and stands.
    pub(crate) async fn fees_of(&self, invoice: InvoiceId) -> Result<(Vec<Fee>, Money)> {
        let fees = dunning::fees(&self.db, invoice).await?;
        let sum = Money::sum(fees.iter().map(|fee| fee.amount))?;
        Ok((fees, sum))
    }
}
