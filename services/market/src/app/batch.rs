//! One commit of the writer: commands judged in order; entries, events and transactions together.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, ensure};
use calendar::{Slot, Timestamp};
use client::Transaction;
use contracts::{Deployment, OrderTerms};
use events::Envelope;
use events::market::CancelledBy;
use ids::{AccountId, EventId, OrderId, PartyId};
use tokio::sync::oneshot;

use super::announce::{announcement, announcements, book_changes, departures};
use super::desk::{Applied, Command, Refused, Tools};
use super::writer::Writer;
use crate::chain;
use crate::db::{CONSUMER, append, lease, was_applied};
use crate::domain::{
    Accepted, Change, ClearedSlot, Entry, Exchange, NewOrder, Parameters, Placement, Rejection,
    SharedOrder, TimeInForce,
};

/// Seconds between two looks at the standing rules.
const RULES_SECONDS: i64 = 60;

/// Gives one command its answer, told why the batch is not durable, if so.
type Answer = Box<dyn FnOnce(Option<Lost>) + Send>;

/// Why a batch is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// The database failed.
    Fault,
    /// Another process writes this market.
    Fenced,
}

/// What came of a batch.
pub(super) enum Outcome {
    /// It is durable.
    Kept(Kept),
    /// It may be: the database does not say so.
    Lost,
    /// Nothing was to be written, and the database does not say whether this process still writes.
    Unsure,
    /// It is not, and no later one will be: another process has the lease.
    Fenced,
}

/// What a durable batch leaves to do.
pub(super) struct Kept {
    /// How many entries it has.
    pub(super) entries: i64,
    /// When rules were looked at last.
    pub(super) rules_at: Option<Timestamp>,
    /// Whether it touched the slot that is being cleared.
    pub(super) stale: bool,
    /// Ticks that wait until no slot is due.
    pub(super) ticks: Vec<(Timestamp, oneshot::Sender<Result<bool>>)>,
}

/// What came of the orders of a slot, and what others are to be told of it.
pub(super) struct Work {
    cleared: ClearedSlot,
    now: Timestamp,
    envelopes: Vec<Envelope>,
    transactions: Vec<Transaction>,
}

impl Work {
    /// Clears a slot that is due at `now`. Of the market only that slot has to be there.
    pub(super) fn of(
        exchange: &Exchange,
        (slot, now): (Slot, Timestamp),
        parameters: &Parameters,
        (market, deployment): (&str, &Deployment),
    ) -> Work {
        let cleared = exchange.clear(slot, parameters, now);
        let envelopes = announcements(exchange, slot, &cleared, parameters, market);
        let transactions = if cleared.trades.is_empty() {
            Vec::new()
        } else {
            chain::transactions(exchange, &cleared, parameters, deployment)
        };
        Work { cleared, now, envelopes, transactions }
    }
}

/// One commit in the making. The book changes as commands are judged; when the commit fails, the
/// writer rebuilds it.
pub(super) struct Batch<'a> {
    pub(super) writer: &'a Writer,
    pub(super) exchange: &'a mut Exchange,
    /// Under which the journal is written.
    token: i64,
    entries: Vec<Entry>,
    events: BTreeSet<EventId>,
    pub(super) envelopes: Vec<Envelope>,
    pub(super) transactions: Vec<Transaction>,
    answers: Vec<Answer>,
    pub(super) rules_at: Option<Timestamp>,
    ticks: Vec<(Timestamp, oneshot::Sender<Result<bool>>)>,
    /// The last moment for which orders were taken back whose time had run out.
    lapsed_at: Option<Timestamp>,
    stale: bool,
    /// Slots whose books changed before their gate, and how many trades each had before.
    changed: BTreeMap<Timestamp, usize>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(writer: &'a Writer, exchange: &'a mut Exchange, token: i64) -> Batch<'a> {
        Batch {
            writer,
            exchange,
            token,
            entries: Vec::new(),
            events: BTreeSet::new(),
            envelopes: Vec::new(),
            transactions: Vec::new(),
            answers: Vec::new(),
            rules_at: writer.rules_at,
            ticks: Vec::new(),
            lapsed_at: None,
            stale: false,
            changed: BTreeMap::new(),
        }
    }

    /// Judges one command; its answer waits for [`Batch::commit`]: even a rejection may rest on
    /// what an earlier command of the batch did.
    pub(super) async fn take(&mut self, command: Command) {
        match command {
            Command::Place(order, answer) => {
                let applied = self.place(&order);
                self.writer.state.judged(applied.is_ok());
                self.watch_order(&order, &applied);
                self.answer(answer, applied, refused);
            }
            Command::Cancel(order, account, answer) => {
                let applied = self.cancel(order, account);
                self.answer(answer, applied, refused);
            }
            Command::Seal(commitment, answer) => {
                let sealed = self.seal(&commitment);
                self.answer(answer, sealed, refused);
            }
            Command::Withdraw(commitment, account, answer) => {
                let withdrawn = self.withdraw(commitment, account);
                self.answer(answer, withdrawn, refused);
            }
            Command::Open(opening, order, answer) => {
                let applied = self.open(opening, &order);
                self.writer.state.judged(applied.is_ok());
                self.watch_order(&order, &applied);
                self.answer(answer, applied, refused);
            }
            Command::Change(change, by, answer) => {
                let changed = self.change(&change, by);
                self.answer(answer, changed, refused);
            }
            Command::Facts(event, entries, answer) => {
                let applied = self.facts(event, entries).await;
                self.answer(answer, applied, not_committed);
            }
            Command::Tick(now, answer) => {
                self.watch_feeds(now);
                let closed = self.close_gates(now);
                // With what was deposited and refused just now: it is in the same commit.
                self.tell_rejections(now);
                let placed = self.place_rules(now);
                let lapsed = self.lapse(now);
                let shared = self.share_out_due(now);
                let uncovered = self.take_back_uncovered(now);
                if self.exchange.due(&self.writer.parameters, now).is_empty() {
                    self.answer(
                        answer,
                        Ok(closed | placed | lapsed | shared | uncovered),
                        not_committed,
                    );
                } else {
                    self.ticks.push((now, answer));
                }
            }
            Command::HandOver(_) => unreachable!("the writer hands over between two batches"),
        }
    }

    /// Takes what came of a slot.
    pub(super) fn take_cleared(&mut self, work: Work) {
        let Work { cleared, now, envelopes, transactions } = work;
        self.record(Entry::Cleared(cleared.clone()));
        self.envelopes.extend(envelopes);
        self.announce_expired(cleared.slot, now);
        self.transactions.extend(transactions);
        self.watch_losses(&cleared, now);
    }

    fn answer<T: Send + 'static, E: Send + 'static>(
        &mut self,
        answer: oneshot::Sender<Result<T, E>>,
        applied: Result<T, E>,
        failed: impl FnOnce(Lost) -> E + Send + 'static,
    ) {
        self.answers.push(Box::new(move |lost| {
            // Whoever asked may be gone; what is durable stands all the same.
            let _ = answer.send(lost.map_or(applied, |lost| Err(failed(lost))));
        }));
    }

    fn place(&mut self, order: &NewOrder) -> Result<Applied, Refused> {
        let now = self.writer.tools.clock.now();
        self.lapse(now);
        match self.exchange.place(order, &self.writer.parameters, now)? {
            Placement::New(accepted) => {
                if let Some(replaced) = order.replaces {
                    let by = CancelledBy::Account;
                    self.record(Entry::Cancelled { order: replaced, by, at: now });
                }
                self.record(Entry::Accepted(*accepted));
                Ok(self.applied(order.id, false))
            }
            Placement::Repeated(order) => Ok(self.applied(order.id, true)),
        }
    }

    fn cancel(&mut self, order: OrderId, account: AccountId) -> Result<Applied, Refused> {
        let now = self.writer.tools.clock.now();
        self.lapse(now);
        let entry = self.exchange.cancel(order, account, &self.writer.parameters, now)?;
        let repeated = entry.is_none();
        if let Some(entry) = entry {
            self.record(entry);
        }
        Ok(self.applied(order, repeated))
    }

    pub(super) fn applied(&self, order: OrderId, repeated: bool) -> Applied {
        let order = self.exchange.order(order).expect("what was applied is known");
        let trades = self.exchange.struck(order).into_iter().cloned().collect();
        Applied { order: order.clone(), repeated, trades }
    }

    /// Takes back the orders whose time has run out; whether there were any.
    pub(super) fn lapse(&mut self, now: Timestamp) -> bool {
        // An order that comes with its time over leaves at once.
        if self.lapsed_at.replace(now) == Some(now) {
            return false;
        }
        let lapsed = self.exchange.lapsed(now);
        let any = !lapsed.is_empty();
        for order in lapsed {
            self.record(Entry::Cancelled { order, by: CancelledBy::Time, at: now });
        }
        any
    }

    fn change(&mut self, change: &Change, by: PartyId) -> Result<(), Refused> {
        let now = self.writer.tools.clock.now();
        let entry = self.exchange.change(change, by, &self.writer.parameters, now)?;
        entry.into_iter().for_each(|entry| self.record_all(entry));
        Ok(())
    }

    /// Applies an event's entries unless it was applied before. A gap in the ledger's feed is an
    /// error, so that the event is offered again when the gap is filled.
    async fn facts(&mut self, event: EventId, entries: Vec<Entry>) -> Result<()> {
        if self.events.contains(&event) || was_applied(&self.writer.tools.db, event).await? {
            return Ok(());
        }
        let mut told = false;
        for entry in entries {
            told |= matches!(entry, Entry::Connected { .. } | Entry::Disconnected { .. });
            if let Entry::Connected { sequence, .. } | Entry::Disconnected { sequence, .. } = entry
                && let Some(last) = self.exchange.feed()
            {
                if sequence <= last {
                    continue;
                }
                ensure!(sequence == last + 1, "block event {sequence} came before {}", last + 1);
            }
            let watched = matches!(entry, Entry::Exported { .. } | Entry::Reconciled { .. });
            let watched = watched.then(|| entry.clone());
            self.record_all(entry);
            if let Some(entry) = watched {
                self.watch_forecasts(&entry);
                self.watch_deliveries(&entry);
            }
        }
        if told {
            self.take_back_uncovered(self.writer.tools.clock.now());
        }
        self.events.insert(event);
        Ok(())
    }

    /// Places what standing rules want; whether there was anything. Not at every tick, because
    /// every rule and slot is looked at, but at least once before each gate.
    fn place_rules(&mut self, now: Timestamp) -> bool {
        let Writer { tools, parameters, refused, .. } = self.writer;
        let since = self.rules_at.map(|last| now.seconds() - last.seconds());
        if since.is_some_and(|since| (0..RULES_SECONDS).contains(&since)) {
            return false;
        }
        self.rules_at = Some(now);
        let due = self.exchange.due_rules(parameters, tools.delegate.address(), now);
        let before = self.entries.len();
        for rule in due {
            let slot = Timestamp::from_seconds(rule.terms.slot.cast_signed());
            let order = signed(rule.terms, rule.account, tools);
            let placed = match self.exchange.reveal_seconds(slot) {
                Some(_) => self.seal_rule(&order, slot),
                None => self.place(&order).map(drop),
            };
            let placed = match placed {
                Ok(()) => Ok(()),
                Err(Refused::Rejected(why)) => Err(why),
                // The machine answers with nothing else.
                Err(_) => continue,
            };
            refused.note(rule.name, slot, placed, now);
        }
        self.entries.len() > before
    }

    /// Shares out what was metered in slots that are over; whether there was one. A member whose
    /// order is refused gets nothing of that slot, and finds the reason at its membership.
    fn share_out_due(&mut self, now: Timestamp) -> bool {
        let Writer { tools, parameters, shared, .. } = self.writer;
        let due = self.exchange.due_shares(parameters, now);
        let any = !due.is_empty();
        for start in due {
            let slot = Slot { start, length: parameters.slot_length };
            let delegate = tools.delegate.address();
            let mut outcomes: BTreeMap<AccountId, Result<(), Rejection>> = BTreeMap::new();
            for SharedOrder { account, terms } in
                self.exchange.shared_orders(slot, parameters, delegate)
            {
                let order = signed(terms, account, tools);
                let placed = self.exchange.place_shared(&order, parameters, now);
                let placed = placed.map(|accepted| self.record(Entry::Accepted(*accepted)));
                let both = outcomes.entry(account).or_insert(Ok(()));
                *both = both.and(placed);
            }
            outcomes.into_iter().for_each(|(account, both)| shared.note(account, start, both, now));
            // On the spot: it is as small as the community, and its orders are part of this batch.
            let at = (self.writer.name.as_str(), &tools.deployment);
            let work = Work::of(self.exchange, (slot, now), parameters, at);
            self.take_cleared(work);
        }
        any
    }

    /// Records an entry, then what else becomes true with it.
    pub(super) fn record_all(&mut self, entry: Entry) {
        let consequences = self.exchange.consequences(&entry);
        self.record(entry);
        consequences.into_iter().for_each(|entry| self.record(entry));
    }

    pub(super) fn record(&mut self, entry: Entry) {
        let slot = match &entry {
            Entry::Accepted(order) => Some(order.slot()),
            Entry::Cancelled { order, .. } => self.exchange.order(*order).map(Accepted::slot),
            _ => None,
        };
        let before = |slot| self.exchange.trading(slot).map_or(0, |trading| trading.trades.len());
        let before = slot.map(before);
        if let Some(clearing) = &self.writer.clearing {
            self.stale |= self.exchange.concerns(&entry, clearing.slot.start);
        }
        self.exchange.apply(&entry);
        if let (Some(slot), Some(before)) = (slot, before)
            && self.exchange.trading(slot).is_some()
        {
            self.changed.entry(slot).or_insert(before);
        }
        let place = self.entries.len() as u64;
        let Writer { name, last, parameters, .. } = self.writer;
        let cause = format!("{name}/{}", last.unsigned_abs() + 1 + place);
        self.envelopes.extend(announcement(self.exchange, &entry, parameters, &cause));
        if let Entry::Accepted(order) = &entry {
            self.envelopes.extend(departures(self.exchange, order, parameters, &cause));
        }
        self.entries.push(entry);
    }

    /// What changed in books that trade before their gate: one event a slot and commit, however
    /// many orders came.
    fn announce_books(&mut self) {
        let Writer { name, last, parameters, tools, .. } = self.writer;
        let cause = format!("{name}/{}", last.unsigned_abs() + self.entries.len() as u64);
        for (slot, before) in std::mem::take(&mut self.changed) {
            let now = tools.clock.now();
            let events = book_changes(self.exchange, (slot, before), parameters, (&cause, now));
            self.envelopes.extend(events);
        }
    }

    /// Commits what was judged under the lease, then answers. Where it was not committed, every
    /// caller is told so.
    pub(super) async fn commit(mut self) -> Outcome {
        self.announce_books();
        let entries = i64::try_from(self.entries.len()).expect("a batch is small");
        let Writer { tools, name, last, .. } = self.writer;
        let nothing =
            self.entries.is_empty() && self.events.is_empty() && self.envelopes.is_empty();
        let committed = if nothing && self.answers.is_empty() {
            Ok(())
        } else if nothing {
            // Repetitions and refusals are answered from the book alone.
            let held = lease::check(&tools.db, name, self.token).await;
            held.context("looking whether this process writes the market")
        } else {
            let (name, last, token) = (name.clone(), *last, self.token);
            let (entries, events) = (self.entries, self.events);
            let (envelopes, transactions) = (self.envelopes, self.transactions);
            let sender = tools.sender.clone();
            let commit = tools.db.transact::<(), anyhow::Error, _>(move |tx| {
                Box::pin(async move {
                    lease::hold(tx, &name, token).await?;
                    for event in events {
                        let first = bus::first_time(tx, CONSUMER, event).await?;
                        ensure!(first, "event {event} was applied by another writer");
                    }
                    append(tx, &name, last, &entries).await?;
                    for envelope in &envelopes {
                        bus::append(tx, envelope).await?;
                    }
                    for transaction in &transactions {
                        sender.enqueue(tx, transaction).await?;
                    }
                    Ok(())
                })
            });
            commit.await.context("committing a batch of the market")
        };
        let lost = committed.err().map(|error| {
            tracing::error!(market = name, error = format!("{error:#}"), "nothing was committed");
            if error.is::<lease::Fenced>() { Lost::Fenced } else { Lost::Fault }
        });
        for answer in self.answers {
            answer(lost);
        }
        match lost {
            None => {
                let (rules_at, stale, ticks) = (self.rules_at, self.stale, self.ticks);
                Outcome::Kept(Kept { entries, rules_at, stale, ticks })
            }
            Some(lost) => {
                for (_, tick) in self.ticks {
                    // Whoever asked may be gone.
                    let _ = tick.send(Err(not_committed(lost)));
                }
                match lost {
                    Lost::Fenced => Outcome::Fenced,
                    Lost::Fault if nothing => Outcome::Unsure,
                    Lost::Fault => Outcome::Lost,
                }
            }
        }
    }
}

/// What the market's delegate signs for an account.
fn signed(terms: OrderTerms, account: AccountId, tools: &Tools) -> NewOrder {
    let hash = terms.hash(tools.chain_id, tools.deployment.market);
    NewOrder {
        id: OrderId::derived(&hash.to_string()),
        account,
        hash,
        signer: Some(tools.delegate.address()),
        signature: tools.delegate.sign(hash).into(),
        replaces: None,
        time_in_force: TimeInForce::GoodTillGate,
        beyond_reference: false,
        terms,
    }
}

fn not_committed(lost: Lost) -> anyhow::Error {
    match lost {
        Lost::Fault => anyhow!("the batch was not committed"),
        Lost::Fenced => Refused::StandingBy.into(),
    }
}

fn refused(lost: Lost) -> Refused {
    match lost {
        Lost::Fault => Refused::Fault(not_committed(lost)),
        Lost::Fenced => Refused::StandingBy,
    }
}
