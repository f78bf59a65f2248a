//! The billing service in memory: the book, its journal, slots to compute and its relay.
//!
//! Runs, expiries and releases fall due as in the service. What becomes of refused runs
//! (`domain::handover`) and of versions of intervals (`Book::accepts`) the product decides.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use billing::domain::handover::{Fate, again};
use billing::domain::journal::{Account, Book, Entry, Fact, PointMetered};
use billing::domain::reconcile::{Delivery, Metered};
use calendar::Timestamp;
use client::Transaction;
use contracts::{Call, ContractEvent};
use ids::{ConnectionPointId, EventId};
use units::{Energy, Money};

use super::counts::Counts;
use super::crash::{Crash, Stop, same};
use super::facts::{Known, decode, fact, utc_day};
use super::market::Head;
use super::metering::{Published, Quality};
use super::node::Feed;
use super::relay::Relay;
use super::scene::Scene;

mod batches;
mod handover;
mod rows;
mod runs;

use rows::SettledRows;

const NEVER: i64 = i64::MAX;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;

/// A trade as it was settled, and in which block.
#[derive(Debug, Clone)]
pub(super) struct SettledRow {
    pub(super) block: B256,
    pub(super) trade: B256,
    pub(super) clearing: B256,
    pub(super) index: u32,
    pub(super) orders: [B256; 2],
    pub(super) buyer: Address,
    pub(super) seller: Address,
    pub(super) slot: Timestamp,
    pub(super) day: u32,
    pub(super) quantity: Energy,
}

/// What of a slot was computed, and when it is computed next.
#[derive(Debug, Clone, Copy)]
struct SlotRow {
    run: i64,
    due: i64,
}

/// A run of a trade as a block has it.
#[derive(Debug, Clone, Copy)]
struct RunRow {
    block: B256,
    number: u64,
    run: u8,
    delivery: Delivery,
}

/// A transaction that a trade is in.
#[derive(Debug, Clone)]
struct Sent {
    cause: String,
    alone: u32,
    at: Timestamp,
}

/// What was handed over of a trade.
#[derive(Debug, Clone)]
struct Handed {
    run: u8,
    delivery: Delivery,
    sent: Sent,
}

/// A version of an interval beside the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptRow {
    metered: PointMetered,
    at: Timestamp,
    /// Whether the journal has it.
    pub(super) posted: bool,
    /// Whether it is too late for it to be reconciled.
    pub(super) late: bool,
}

/// What is committed.
pub(super) struct Durable {
    pub(super) entries: Vec<Entry>,
    /// The entries of each block of the best branch.
    of_block: BTreeMap<B256, Vec<usize>>,
    inbox: BTreeSet<EventId>,
    known: Known,
    pub(super) head: Option<Head>,
    pub(super) settled: SettledRows,
    /// Runs of trades on the best branch.
    runs: BTreeMap<B256, Vec<RunRow>>,
    versions: BTreeMap<(Timestamp, ConnectionPointId), u32>,
    metered: BTreeMap<Timestamp, BTreeMap<ConnectionPointId, Metered>>,
    slots: BTreeMap<Timestamp, SlotRow>,
    /// What was handed over last for a trade, and in which transaction.
    handed: BTreeMap<B256, Handed>,
    /// In which transaction trades expire.
    expiry: BTreeMap<B256, Sent>,
    /// Transactions that were refused in a final block.
    refused: BTreeSet<String>,
    /// Trades that were given up, and why.
    pub(super) closed: BTreeMap<B256, Fate>,
    /// Versions of intervals that the journal did not take, or that came too late.
    pub(super) kept: BTreeMap<(Timestamp, ConnectionPointId), KeptRow>,
    /// What the meters said while corrections were open, by slot.
    in_time: BTreeMap<Timestamp, BTreeMap<ConnectionPointId, Metered>>,
    /// When they said the last of it.
    pub(super) last_news: BTreeMap<Timestamp, Timestamp>,
    pub(super) relay: Relay,
}

pub(super) struct Billing {
    scene: &'static Scene,
    pub(super) durable: Durable,
    /// Volatile.
    pub(super) book: Book,
    crash: Option<(Crash, Book)>,
    /// Set in a world whose reconciler never comes.
    pub(super) absent: bool,
    /// A run that somebody else records, once, of a trade that is about to be handed over.
    pub(super) rogue: Option<u8>,
}

impl Billing {
    pub(super) fn new(scene: &'static Scene) -> Billing {
        let mut relay = Relay::new(scene.reconciler.clone());
        let approve = scene.at.approve_market(U256::MAX);
        relay.enqueue(&transaction("approve".to_owned(), approve, 100_000));
        Billing {
            scene,
            durable: Durable {
                entries: Vec::new(),
                of_block: BTreeMap::new(),
                inbox: BTreeSet::new(),
                known: Known::default(),
                head: None,
                settled: SettledRows::default(),
                runs: BTreeMap::new(),
                versions: BTreeMap::new(),
                metered: BTreeMap::new(),
                slots: BTreeMap::new(),
                handed: BTreeMap::new(),
                expiry: BTreeMap::new(),
                refused: BTreeSet::new(),
                closed: BTreeMap::new(),
                kept: BTreeMap::new(),
                in_time: BTreeMap::new(),
                last_news: BTreeMap::new(),
                relay,
            },
            book: Book::default(),
            crash: None,
            absent: false,
            rogue: None,
        }
    }

    pub(super) fn arm(&mut self, crash: Crash) {
        self.crash = Some((crash, self.book.clone()));
    }

    /// A payment from outside becomes free cash of `account`.
    pub(super) fn deposit(
        &mut self,
        account: Address,
        amount: Money,
        payment: B256,
    ) -> Result<(), Stop> {
        let (at, operator) = (&self.scene.at, self.scene.reconciler.address());
        let mint = at.mint(operator, amount, payment).map_err(Stop::broken)?;
        let deposit = at.deposit_for(account, amount, payment).map_err(Stop::broken)?;
        self.commit(|durable| {
            durable.relay.enqueue(&transaction(format!("mint/{payment}"), mint, 200_000));
            durable.relay.enqueue(&transaction(format!("deposit/{payment}"), deposit, 200_000));
        })
    }

    /// Applies an event of the ledger once and in order.
    pub(super) fn follow(&mut self, event: &Feed, counts: &mut Counts) -> Result<(), Stop> {
        if self.durable.inbox.contains(&event.id()) {
            return Ok(());
        }
        let (sequence, parent) = match event {
            Feed::Connected(event) => (event.sequence, Some(event.parent)),
            Feed::Disconnected(event) => (event.sequence, None),
        };
        let last = self.durable.head.unwrap_or_default();
        if sequence <= last.sequence {
            return Ok(());
        }
        if sequence != last.sequence + 1 {
            return Err(Stop::NotYet);
        }
        if parent.is_some_and(|parent| parent != last.hash && last.sequence > 0) {
            return Err(Stop::Broken(format!("feed: event {sequence} is not on its parent")));
        }
        match event {
            Feed::Connected(_) => self.connected(event, counts),
            Feed::Disconnected(_) => self.disconnected(event, counts),
        }
    }

    fn connected(&mut self, feed: &Feed, counts: &mut Counts) -> Result<(), Stop> {
        let Feed::Connected(event) = feed else { return Ok(()) };
        let (mut entries, mut settled, mut runs) = (Vec::new(), Vec::new(), Vec::new());
        for log in &event.logs {
            let Some(decoded) = decode(&self.scene.at, log) else { continue };
            // Committed or not: what a name means does not depend on it.
            self.durable.known.hear(&decoded, &self.scene.policy);
            match &decoded {
                ContractEvent::TradeCreated(trade) => {
                    let slot = self.durable.known.clearings[&trade.clearing].slot;
                    settled.push(SettledRow {
                        block: event.hash,
                        trade: trade.trade,
                        clearing: trade.clearing,
                        index: trade.index,
                        orders: [trade.buyOrder, trade.sellOrder],
                        buyer: trade.buyer,
                        seller: trade.seller,
                        slot: Timestamp::from_seconds(slot.cast_signed()),
                        day: utc_day(slot),
                        quantity: Energy::from_wh(trade.quantity),
                    });
                }
                ContractEvent::TradeReconciled(run) => {
                    runs.push(RunRow {
                        block: event.hash,
                        number: event.number,
                        run: run.run,
                        delivery: Delivery {
                            trade: run.trade,
                            delivered: Energy::from_wh(run.delivered),
                            seller_short: Energy::from_wh(run.sellerShort),
                            buyer_short: Energy::from_wh(run.buyerShort),
                        },
                    });
                }
                _ => {}
            }
            let meant = (&self.scene.policy, &self.durable.known);
            let fact = fact(&decoded, meant, |address| self.point(address));
            if let Some(fact) = fact {
                let source = format!("{}:{}", event.hash, log.index);
                entries.push(self.book.post(&source, fact).map_err(Stop::broken)?);
            }
        }
        let (id, hash, first_run) = (feed.id(), event.hash, self.first_run());
        let head = Head { sequence: event.sequence, hash, finalized: event.finalized };
        self.commit(|durable| {
            let first = durable.entries.len();
            durable.of_block.insert(hash, (first..first + entries.len()).collect());
            durable.entries.extend(entries);
            for row in settled {
                let due = row.slot.seconds() + first_run;
                let slot = durable.slots.entry(row.slot).or_insert(SlotRow { run: -1, due });
                slot.due = slot.due.min(due);
                durable.settled.add(row);
            }
            for run in runs {
                durable.runs.entry(run.delivery.trade).or_default().push(run);
            }
            durable.inbox.insert(id);
            durable.head = Some(head);
        })?;
        counts.add("block: applied to the journal");
        Ok(())
    }

    fn disconnected(&mut self, feed: &Feed, counts: &mut Counts) -> Result<(), Stop> {
        let Feed::Disconnected(event) = feed else { return Ok(()) };
        let places = self.durable.of_block.get(&event.hash).cloned().unwrap_or_default();
        let mut reversals = Vec::new();
        for place in places.into_iter().rev() {
            let entry = &self.durable.entries[place];
            reversals.push(self.book.revert(entry).map_err(Stop::broken)?);
        }
        let reversed = reversals.len();
        let (id, hash) = (feed.id(), event.hash);
        let finalized = self.durable.head.map_or(0, |head| head.finalized);
        let head = Head { sequence: event.sequence, hash: event.parent, finalized };
        self.commit(|durable| {
            durable.of_block.remove(&hash);
            durable.settled.take_back(hash);
            durable.runs.values_mut().for_each(|runs| runs.retain(|run| run.block != hash));
            durable.entries.extend(reversals);
            durable.inbox.insert(id);
            durable.head = Some(head);
        })?;
        (0..reversed).for_each(|_| counts.add("journal: reversed"));
        Ok(())
    }

    /// Intervals of one slot, first or corrected: posted where they are newer than what is known.
    pub(super) fn intervals(
        &mut self,
        event: &Published,
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<(), Stop> {
        if self.durable.inbox.contains(&event.id) {
            return Ok(());
        }
        let slot = event.slot;
        let known = |point| self.durable.versions.get(&(slot, point)).copied().unwrap_or(0);
        let newer: Vec<_> =
            event.facts.iter().filter(|fact| known(fact.point) < fact.version).copied().collect();
        if newer.len() < event.facts.len() {
            counts.add("interval: version out of order");
        }
        let metered = newer.iter().filter(|fact| fact.known.quality != Quality::Missing);
        let intervals: Vec<PointMetered> = metered
            .map(|fact| PointMetered {
                point: fact.point,
                import: fact.known.import,
                export: fact.known.export,
            })
            .collect();
        let (accepted, kept) = self.sorted(slot, &intervals, now, counts);
        let mut posted = None;
        if !accepted.is_empty() {
            let fact = Fact::Metered { slot, intervals: accepted };
            let entry = self.book.post(&format!("interval:{}", event.id), fact);
            posted = Some(entry.map_err(Stop::broken)?);
        }
        let run = self.durable.slots.get(&slot).map_or(-1, |row| row.run);
        let in_time = now < self.corrections_end(slot);
        self.commit(|durable| {
            durable.entries.extend(posted);
            for fact in &newer {
                durable.versions.insert((slot, fact.point), fact.version);
            }
            for interval in intervals {
                let PointMetered { point, import, export } = interval;
                let metered = Metered { import, export };
                durable.metered.entry(slot).or_default().insert(point, metered);
                if in_time {
                    durable.in_time.entry(slot).or_default().insert(point, metered);
                    durable.last_news.insert(slot, now);
                }
                durable.kept.remove(&(slot, point));
            }
            durable.kept.extend(kept);
            if let Some(row) = durable.slots.get_mut(&slot).filter(|row| row.run >= 0) {
                row.due = row.due.min(now.seconds());
            }
            durable.inbox.insert(event.id);
        })?;
        if newer.iter().any(|fact| fact.version > 1) && run >= 0 {
            counts.add(format!("interval: corrected after R{run}"));
        }
        Ok(())
    }

    /// What falls due at `now`: runs of slots, expiries, releases of days.
    pub(super) fn tick(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        self.resend(now, counts)?;
        for slot in self.due(now) {
            self.reconcile(slot, now, counts)?;
        }
        self.post_waiting(now, counts)?;
        self.expire(now, counts)?;
        self.release(now)
    }

    /// Whether a slot waits to be computed, a day to be released, or a refused trade to be sent.
    pub(super) fn has_due(&self, now: Timestamp) -> bool {
        let sorted = self.refused_runs(now);
        !self.due(now).is_empty()
            || !self.releasable(now).is_empty()
            || !sorted.ended.is_empty()
            || !again(sorted.refused, now).batches.is_empty()
            || !self.postable(now).is_empty()
            || self.expiries(now).iter().any(|(_, batch)| !batch.trades.is_empty())
    }

    fn due(&self, now: Timestamp) -> Vec<Timestamp> {
        let slots = self.durable.slots.iter().filter(|_| !self.absent);
        slots.filter(|(_, row)| row.due <= now.seconds()).map(|(slot, _)| *slot).collect()
    }

    fn release(&mut self, now: Timestamp) -> Result<(), Stop> {
        for (day, owners) in self.releasable(now) {
            let (policy, accounts) = (self.scene.policy.id(), owners.keys().copied().collect());
            let call = self.scene.at.release(policy, day, accounts);
            let cause = format!("release/{day}/{owners:?}");
            if !self.durable.relay.knows(&cause) {
                let gas = 100_000 + 80_000 * owners.len() as u64;
                self.commit(|durable| durable.relay.enqueue(&transaction(cause, call, gas)))?;
            }
        }
        Ok(())
    }

    /// What is locked of days whose corrections and challenges are over at `now`.
    fn releasable(&self, now: Timestamp) -> BTreeMap<u32, BTreeMap<Address, i128>> {
        let mut until: BTreeMap<u32, u64> = BTreeMap::new();
        let challenge = u64::from(self.scene.policy.challenge_seconds);
        for row in self.durable.settled.iter() {
            let end = self.corrections_end(row.slot).unsigned() + challenge;
            let day = until.entry(row.day).or_default();
            *day = (*day).max(end);
        }
        let mut locked: BTreeMap<u32, BTreeMap<Address, i128>> = BTreeMap::new();
        for (account, balance) in self.book.balances().filter(|(_, balance)| *balance != 0) {
            let (Account::Locked(owner, day)
            | Account::Dso(owner, day)
            | Account::Pot(owner, day)
            | Account::Imbalance(owner, day)
            | Account::PlatformFee(owner, day)) = account
            else {
                continue;
            };
            if until.get(day).is_some_and(|until| until + MARGIN <= now.unsigned()) {
                *locked.entry(*day).or_default().entry(*owner).or_default() += balance;
            }
        }
        locked
    }

    /// A transaction reverted for good.
    pub(super) fn reverted(&mut self, cause: &str) {
        self.durable.refused.insert(cause.to_owned());
    }

    pub(super) fn point(&self, address: Address) -> ConnectionPointId {
        let home = self.scene.homes.iter().find(|home| home.address == address);
        home.expect("only homes trade").point
    }

    fn commit(&mut self, write: impl FnOnce(&mut Durable)) -> Result<(), Stop> {
        match self.crash.take() {
            None => {
                write(&mut self.durable);
                Ok(())
            }
            Some((Crash::Before, committed)) => self.restart(Crash::Before, &committed),
            Some((Crash::After, _)) => {
                write(&mut self.durable);
                let live = self.book.clone();
                self.restart(Crash::After, &live)
            }
        }
    }

    /// The process is gone and back: the book is replayed from its rows.
    pub(super) fn restart(&mut self, crash: Crash, expected: &Book) -> Result<(), Stop> {
        let rows = serde_json::to_string(&self.durable.entries).map_err(Stop::broken)?;
        let entries: Vec<Entry> = serde_json::from_str(&rows).map_err(Stop::broken)?;
        self.book = Book::replay(&entries).map_err(Stop::broken)?;
        same("billing's book", &self.book, expected)?;
        Err(Stop::Crashed(crash))
    }
}

impl Durable {
    fn hand_over(
        &mut self,
        run: u8,
        deliveries: Vec<Delivery>,
        call: &Transaction,
        alone: u32,
        at: Timestamp,
    ) {
        self.relay.enqueue(call);
        for delivery in deliveries {
            let sent = Sent { cause: call.cause.clone(), alone, at };
            self.handed.insert(delivery.trade, Handed { run, delivery, sent });
        }
    }
}

pub(super) fn transaction(cause: String, call: Call, gas: u64) -> Transaction {
    Transaction { cause, to: call.to, data: call.data, gas }
}
