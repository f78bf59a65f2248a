//! The billing service in memory: the book, its journal, slots to compute and its relay.
//!
//! Runs and releases fall due as in the service. A transaction that reverted for good is handed
//! over anew, so that nothing waits for ever.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256, keccak256};
use billing::domain::journal::{Account, Book, Entry, Fact, PointMetered};
use billing::domain::reconcile::{Delivery, Metered, Trade, Unmetered, reconcile};
use calendar::Timestamp;
use client::Transaction;
use contracts::{Call, ContractEvent};
use ids::{ConnectionPointId, EventId};
use units::{Energy, Money};

use super::counts::Counts;
use super::crash::{Crash, Stop, same};
use super::facts::{decode, fact};
use super::market::Head;
use super::metering::{Published, Quality};
use super::node::Feed;
use super::relay::Relay;
use super::scene::Scene;

const NEVER: i64 = i64::MAX;
/// Minute of the local day at which R1 and R2 run.
const MORNING: u16 = 6 * 60;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;

/// A trade as it was settled, and in which block.
#[derive(Debug, Clone)]
pub(super) struct SettledRow {
    pub(super) block: B256,
    pub(super) trade: B256,
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

/// What is committed.
pub(super) struct Durable {
    pub(super) entries: Vec<Entry>,
    /// The entries of each block of the best branch.
    of_block: BTreeMap<B256, Vec<usize>>,
    inbox: BTreeSet<EventId>,
    pub(super) head: Option<Head>,
    pub(super) settled: Vec<SettledRow>,
    /// Runs on the best branch: block, trade, run.
    runs: Vec<(B256, B256, u8)>,
    versions: BTreeMap<(Timestamp, ConnectionPointId), u32>,
    metered: BTreeMap<Timestamp, BTreeMap<ConnectionPointId, Metered>>,
    slots: BTreeMap<Timestamp, SlotRow>,
    /// What was handed over last for a trade, and in which transaction.
    handed: BTreeMap<B256, (u8, Delivery, String)>,
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
                head: None,
                settled: Vec::new(),
                runs: Vec::new(),
                versions: BTreeMap::new(),
                metered: BTreeMap::new(),
                slots: BTreeMap::new(),
                handed: BTreeMap::new(),
                relay,
            },
            book: Book::default(),
            crash: None,
            absent: false,
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
            match &decoded {
                ContractEvent::TradeSettled(trade) => settled.push(SettledRow {
                    block: event.hash,
                    trade: trade.trade,
                    buyer: trade.buyer,
                    seller: trade.seller,
                    slot: Timestamp::from_seconds(trade.slot.cast_signed()),
                    day: trade.day,
                    quantity: Energy::from_wh(trade.quantity),
                }),
                ContractEvent::TradeReconciled(run) => {
                    runs.push((event.hash, run.trade, run.run));
                }
                _ => {}
            }
            let fact = fact(&decoded, &self.scene.policy, |address| self.point(address));
            if let Some(fact) = fact {
                let source = format!("{}:{}", event.hash, log.index);
                entries.push(self.book.post(&source, fact).map_err(Stop::broken)?);
            }
        }
        let (id, hash) = (feed.id(), event.hash);
        let head = Head { sequence: event.sequence, hash, finalized: event.finalized };
        self.commit(|durable| {
            let first = durable.entries.len();
            durable.of_block.insert(hash, (first..first + entries.len()).collect());
            durable.entries.extend(entries);
            for row in settled {
                let due = row.slot.seconds() + 1800;
                let slot = durable.slots.entry(row.slot).or_insert(SlotRow { run: -1, due });
                slot.due = slot.due.min(due);
                durable.settled.push(row);
            }
            durable.runs.extend(runs);
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
            durable.settled.retain(|row| row.block != hash);
            durable.runs.retain(|(block, ..)| *block != hash);
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
        let mut posted = None;
        if !intervals.is_empty() {
            let fact = Fact::Metered { slot, intervals: intervals.clone() };
            let entry = self.book.post(&format!("interval:{}", event.id), fact);
            posted = Some(entry.map_err(Stop::broken)?);
        }
        let run = self.durable.slots.get(&slot).map_or(-1, |row| row.run);
        self.commit(|durable| {
            durable.entries.extend(posted);
            for fact in &newer {
                durable.versions.insert((slot, fact.point), fact.version);
            }
            let known = durable.metered.entry(slot).or_default();
            for PointMetered { point, import, export } in intervals {
                known.insert(point, Metered { import, export });
            }
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

    /// What falls due at `now`: runs of slots, releases of days.
    pub(super) fn tick(&mut self, now: Timestamp) -> Result<(), Stop> {
        for slot in self.due(now) {
            self.reconcile(slot, now)?;
        }
        self.release(now)
    }

    /// Whether a slot waits to be computed, or a day to be released.
    pub(super) fn has_due(&self, now: Timestamp) -> bool {
        !self.due(now).is_empty() || !self.releasable(now).is_empty()
    }

    fn due(&self, now: Timestamp) -> Vec<Timestamp> {
        let slots = self.durable.slots.iter().filter(|_| !self.absent);
        slots.filter(|(_, row)| row.due <= now.seconds()).map(|(slot, _)| *slot).collect()
    }

    fn reconcile(&mut self, start: Timestamp, now: Timestamp) -> Result<(), Stop> {
        let (run, next) = self.due_run(start, now);
        let final_run = run >= 2;
        let deliveries = self.target(start, final_run);
        let mut changed: BTreeMap<u8, Vec<Delivery>> = BTreeMap::new();
        for delivery in deliveries {
            let on_chain =
                self.durable.runs.iter().filter(|(_, trade, _)| *trade == delivery.trade);
            let mut number = u8::try_from(run.max(0)).expect("there are three runs");
            number = on_chain.map(|(.., run)| run.saturating_add(1)).fold(number, u8::max);
            if let Some((last, before, _)) = self.durable.handed.get(&delivery.trade) {
                if *before == delivery {
                    continue;
                }
                number = number.max(last.saturating_add(1));
            }
            if now < self.corrections_end(start) && number < contracts::RUN_EXPIRED {
                changed.entry(number).or_default().push(delivery);
            }
        }
        let calls: Vec<(u8, Vec<Delivery>, Transaction)> = changed
            .into_iter()
            .map(|(number, deliveries)| {
                let call = self.call(number, &deliveries);
                (number, deliveries, call)
            })
            .collect();
        self.commit(|durable| {
            for (number, deliveries, call) in calls {
                durable.relay.enqueue(&call);
                for delivery in deliveries {
                    let handed = (number, delivery, call.cause.clone());
                    durable.handed.insert(delivery.trade, handed);
                }
            }
            let before = durable.slots[&start].run;
            durable.slots.insert(start, SlotRow { run: run.max(before), due: next });
        })
    }

    /// What the meters say of the settled trades of a slot.
    pub(super) fn target(&self, slot: Timestamp, is_final: bool) -> Vec<Delivery> {
        let settled = self.durable.settled.iter().filter(|row| row.slot == slot);
        let trades: Vec<Trade> = settled
            .map(|row| Trade {
                id: row.trade,
                seller: self.point(row.seller),
                buyer: self.point(row.buyer),
                quantity: row.quantity,
            })
            .collect();
        let none = BTreeMap::new();
        let metered = self.durable.metered.get(&slot).unwrap_or(&none);
        let unmetered = if is_final { Unmetered::IsZero } else { Unmetered::Waits };
        reconcile(&trades, metered, unmetered)
    }

    fn call(&self, number: u8, deliveries: &[Delivery]) -> Transaction {
        let encoded: Vec<contracts::Delivery> = deliveries
            .iter()
            .map(|delivery| contracts::Delivery {
                trade: delivery.trade,
                delivered: delivery.delivered,
                seller_short: delivery.seller_short,
                buyer_short: delivery.buyer_short,
            })
            .collect();
        let call = self.scene.at.reconcile(number, &encoded);
        let cause = format!("reconcile/{}", keccak256(&call.data));
        transaction(cause, call, 200_000 + 250_000 * deliveries.len() as u64)
    }

    /// The newest run that is due at `now`, and when the one after it will be.
    fn due_run(&self, start: Timestamp, now: Timestamp) -> (i64, i64) {
        let times = self.run_times(start);
        let passed = times.iter().filter(|time| **time <= now).count();
        let next = times.get(passed).map_or(NEVER, |time| time.seconds());
        (i64::try_from(passed).unwrap_or(0) - 1, next)
    }

    /// When R0, R1 and R2 of a slot run.
    pub(super) fn run_times(&self, start: Timestamp) -> [Timestamp; 3] {
        let zone = &self.scene.parameters.timezone;
        let day = zone.day_of(start);
        [
            start.plus_seconds(1800),
            zone.moment(day.next(), MORNING),
            zone.moment(day.plus_working_days(5), MORNING),
        ]
    }

    pub(super) fn corrections_end(&self, start: Timestamp) -> Timestamp {
        let policy = &self.scene.policy;
        start.plus_seconds(i64::from(policy.slot_seconds) + i64::from(policy.correction_seconds))
    }

    fn release(&mut self, now: Timestamp) -> Result<(), Stop> {
        for (day, owners) in self.releasable(now) {
            let call = self.scene.at.release(owners.keys().copied().collect(), day);
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
        for row in &self.durable.settled {
            let end = self.corrections_end(row.slot).unsigned() + challenge;
            let day = until.entry(row.day).or_default();
            *day = (*day).max(end);
        }
        let mut locked: BTreeMap<u32, BTreeMap<Address, i128>> = BTreeMap::new();
        for (account, balance) in self.book.balances().filter(|(_, balance)| *balance != 0) {
            let (Account::Locked(owner, day)
            | Account::Dso(owner, day)
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

    /// A transaction reverted for good: what it handed over is computed and handed over again.
    pub(super) fn reverted(&mut self, cause: &str, now: Timestamp) {
        let handed = &self.durable.handed;
        let trades: Vec<B256> =
            handed.iter().filter(|(_, (.., by))| by == cause).map(|(trade, _)| *trade).collect();
        for trade in trades {
            self.durable.handed.remove(&trade);
            let row = self.durable.settled.iter().find(|row| row.trade == trade);
            if let Some(slot) = row.and_then(|row| self.durable.slots.get_mut(&row.slot)) {
                slot.due = slot.due.min(now.seconds());
            }
        }
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

fn transaction(cause: String, call: Call, gas: u64) -> Transaction {
    Transaction { cause, to: call.to, data: call.data, gas }
}
