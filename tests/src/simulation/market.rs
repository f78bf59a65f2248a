//! The market service in memory: the exchange, its journal, its inbox and its relay in one commit.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use calendar::{Slot, Timestamp};
use client::Transaction;
use ids::{AccountId, EventId, OrderId, PartyId};
use market::domain::{Entry, Exchange, NewOrder, Placement, PublishedTariff, Rejection};
use market::domain::{Member, Point};

use super::counts::Counts;
use super::crash::{Crash, Stop, same};
use super::node::Feed;
use super::relay::Relay;
use super::scene::{CONNECTION, Scene};

/// Where the exchange stands in the ledger's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) hash: B256,
    pub(super) finalized: u64,
}

#[derive(Default)]
struct Staged {
    entries: Vec<Entry>,
    event: Option<EventId>,
    transactions: Vec<Transaction>,
    head: Option<Head>,
}

pub(super) struct Market {
    scene: &'static Scene,
    /// Durable.
    journal: Vec<String>,
    inbox: BTreeSet<EventId>,
    pub(super) relay: Relay,
    pub(super) head: Option<Head>,
    /// Volatile.
    pub(super) exchange: Exchange,
    staged: Staged,
    crash: Option<(Crash, B256)>,
}

impl Market {
    /// A market that knows the homes and the tariff.
    pub(super) fn new(scene: &'static Scene, homes: usize) -> Market {
        let mut market = Market {
            scene,
            journal: Vec::new(),
            inbox: BTreeSet::new(),
            relay: Relay::new(scene.clearer.clone()),
            head: None,
            exchange: Exchange::default(),
            staged: Staged::default(),
            crash: None,
        };
        for home in &scene.homes[..homes] {
            market.record(Entry::Member(Member {
                account: home.account,
                party: PartyId::derived(&home.account.to_string()),
                address: home.address,
                pseudonym: format!("Home {}", home.point),
            }));
            market.record(Entry::Point(Point {
                connection_point: home.point,
                account: home.account,
                zone: scene.policy.zone,
                import_max: CONNECTION,
                export_max: CONNECTION,
            }));
        }
        let valid_from = Timestamp::from_seconds(0);
        let tariff = scene.tariff.clone();
        market.record(Entry::Tariff(PublishedTariff { valid_from, tariff }));
        market.write();
        market
    }

    pub(super) fn arm(&mut self, crash: Crash) {
        self.crash = Some((crash, self.exchange.hash()));
    }

    /// Places an order; the answer says whether it is a repeat.
    pub(super) fn place(
        &mut self,
        order: &NewOrder,
        now: Timestamp,
    ) -> Result<Result<bool, Rejection>, Stop> {
        let placed = self.exchange.place(order, &self.scene.parameters, now);
        if let Ok(Placement::New(accepted)) = &placed {
            self.record(Entry::Accepted((**accepted).clone()));
        }
        self.commit()?;
        Ok(placed.map(|placement| matches!(placement, Placement::Repeated(_))))
    }

    /// Takes an order back; the answer says whether it is a repeat.
    pub(super) fn cancel(
        &mut self,
        order: OrderId,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Result<bool, Rejection>, Stop> {
        let entry = self.exchange.cancel(order, account, &self.scene.parameters, now);
        if let Ok(Some(entry)) = &entry {
            self.record(entry.clone());
        }
        self.commit()?;
        Ok(entry.map(|entry| entry.is_none()))
    }

    /// Applies an event of the ledger once; one that comes before its turn is refused.
    pub(super) fn follow(&mut self, event: &Feed) -> Result<(), Stop> {
        if self.inbox.contains(&event.id()) {
            return Ok(());
        }
        let (entry, head) = self.entry(event);
        if let Some(last) = self.exchange.feed() {
            if head.sequence <= last {
                return Ok(());
            }
            if head.sequence != last + 1 {
                return Err(Stop::NotYet);
            }
        } else if head.sequence != 1 {
            return Err(Stop::NotYet);
        }
        let consequences = self.exchange.consequences(&entry);
        self.record(entry);
        consequences.into_iter().for_each(|entry| self.record(entry));
        self.staged.event = Some(event.id());
        self.staged.head = Some(head);
        self.commit()
    }

    fn entry(&self, event: &Feed) -> (Entry, Head) {
        match event {
            Feed::Connected(event) => {
                let (sequence, hash, finalized) = (event.sequence, event.hash, event.finalized);
                let entry = Entry::Connected {
                    sequence,
                    number: event.number,
                    hash,
                    timestamp: event.timestamp,
                    finalized,
                    movements: market::movements(&self.scene.at, &event.logs),
                };
                (entry, Head { sequence, hash, finalized })
            }
            Feed::Disconnected(event) => {
                let (sequence, hash) = (event.sequence, event.hash);
                let finalized = self.head.map_or(0, |head| head.finalized);
                let entry = Entry::Disconnected { sequence, number: event.number, hash };
                (entry, Head { sequence, hash: event.parent, finalized })
            }
        }
    }

    /// Clears the slots whose gate has closed.
    pub(super) fn tick(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        let parameters = &self.scene.parameters;
        for start in self.exchange.due(parameters, now) {
            let slot = Slot { start, length: parameters.slot_length };
            let cleared = self.exchange.clear(slot, parameters, now);
            self.record(Entry::Cleared(cleared.clone()));
            if !cleared.trades.is_empty() {
                let calls =
                    market::transactions(&self.exchange, &cleared, parameters, &self.scene.at);
                self.staged.transactions.extend(calls);
            }
            self.commit()?;
            let any = if cleared.trades.is_empty() { "without" } else { "with" };
            counts.add(format!("slot: cleared {any} trades"));
        }
        Ok(())
    }

    fn record(&mut self, entry: Entry) {
        self.exchange.apply(&entry);
        self.staged.entries.push(entry);
    }

    fn commit(&mut self) -> Result<(), Stop> {
        match self.crash.take() {
            None => {
                self.write();
                Ok(())
            }
            Some((Crash::Before, committed)) => self.restart(Crash::Before, committed),
            Some((Crash::After, _)) => {
                self.write();
                self.restart(Crash::After, self.exchange.hash())
            }
        }
    }

    fn write(&mut self) {
        let Staged { entries, event, transactions, head } = std::mem::take(&mut self.staged);
        let row = |entry| serde_json::to_string(entry).expect("an entry is plain data");
        self.journal.extend(entries.iter().map(row));
        self.inbox.extend(event);
        transactions.iter().for_each(|transaction| self.relay.enqueue(transaction));
        self.head = head.or(self.head);
    }

    /// The process is gone and back: the book is folded again from the journal.
    pub(super) fn restart(&mut self, crash: Crash, expected: B256) -> Result<(), Stop> {
        self.staged = Staged::default();
        self.exchange = Exchange::default();
        for row in &self.journal {
            self.exchange.apply(&serde_json::from_str(row).map_err(Stop::broken)?);
        }
        same("the book of the market", &self.exchange.hash(), &expected)?;
        Err(Stop::Crashed(crash))
    }
}
