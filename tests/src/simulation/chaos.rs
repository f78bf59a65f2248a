//! What goes wrong in a world, and what is seen of it on the chain.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use contracts::bindings::EnergyMarket::TradeReconciled;
use contracts::{ContractEvent, Policy};
use rand::Rng;

use super::counts::Counts;
use super::crash::Crash;
use super::facts::{Known, decode, utc_day};
use super::node::{FINALITY_LAG, Feed};
use super::world::World;

/// What was seen of the feed so far.
#[derive(Default)]
pub(super) struct Watched {
    events: usize,
    /// Trades that a branch settled which is no longer the best.
    pub(super) dropped: BTreeSet<B256>,
    /// Runs by trade, as the best branch has them: number and delivered.
    runs: BTreeMap<B256, Vec<(u8, u64)>>,
    pub(super) settled: BTreeMap<B256, u64>,
    /// UTC days up to that of the last slot of which blocks were undone.
    pub(super) undone: BTreeSet<u32>,
    known: Known,
}

impl World {
    /// What the seed has in store from the start: in some worlds no reconciler ever comes, in some
    /// somebody else with its role gets in its way.
    pub(super) fn misfortunes(&mut self) {
        if !self.course.misfortunes {
            return;
        }
        self.billing.absent = self.random.random_ratio(1, 12);
        self.billing.rogue = match self.random.random_range(0..20) {
            0 => Some(7),
            1 => Some(contracts::RUN_CHALLENGED - 1),
            _ => None,
        };
    }

    pub(super) fn chaos(&mut self) {
        let crash = if self.random.random() { Crash::Before } else { Crash::After };
        match self.random.random_range(0..40) {
            0..=2 if !self.random.random_ratio(1, self.course.crashes) => {}
            0 => self.market.arm(crash),
            1 => self.billing.arm(crash),
            2 => self.metering.arm(crash),
            3 => {
                self.node.crash();
                self.counts.add("crash: node lost its pool");
            }
            4..=7 => self.compete(),
            8 => {
                let wait = self.random.random_range(300..2_400);
                self.censored.insert(self.scene.clearer.address(), self.now.plus_seconds(wait));
            }
            9 if self.random.random() => {
                let wait = self.random.random_range(300..1_800);
                self.stalled_until = self.now.plus_seconds(wait);
            }
            _ => {}
        }
    }

    /// Another miner's branch appears, longer or not.
    fn compete(&mut self) {
        let deepest = (self.node.height() - self.node.finalized).min(FINALITY_LAG - 1);
        if deepest == 0 {
            return;
        }
        let depth = self.random.random_range(1..=deepest);
        let longer = !self.random.random_ratio(1, 6);
        let taste: u64 = self.random.random();
        let clearer = self.scene.clearer.address();
        let reconciler = self.scene.reconciler.address();
        let includes = |place: u64, sender: Address| {
            let kind = if sender == clearer { 0 } else { 1 + u64::from(sender == reconciler) };
            (taste >> ((place * 3 + kind) % 64)) & 1 == 1
        };
        let head = chain::ChainView::head(&self.node.view);
        self.node.compete(depth, depth + u64::from(longer), self.now, includes);
        let moved = chain::ChainView::head(&self.node.view) != head;
        self.counts.add(if moved {
            "block: reorganisation"
        } else {
            "block: competing branch lost"
        });
        if moved && self.random.random_ratio(1, 3) {
            let wait = self.random.random_range(600..2_700);
            self.censored.insert(clearer, self.now.plus_seconds(wait));
        }
    }

    /// Counts what the feed says that is new.
    pub(super) fn watch(&mut self) {
        for place in self.watched.events..self.node.feed.len() {
            let (hash, connected) = match &self.node.feed[place] {
                Feed::Connected(event) => (event.hash, true),
                Feed::Disconnected(event) => (event.hash, false),
            };
            if !connected {
                let header = chain::ChainView::header(&self.node.view, hash);
                let time = header.expect("a stored header").timestamp;
                let last = utc_day(self.slots[self.slots.len() - 1].start.unsigned());
                if utc_day(time) <= last && self.watched.undone.insert(utc_day(time)) {
                    self.counts.add("day: with undone blocks");
                }
                self.counts.add("block: undone");
            }
            for log in self.node.logs(hash) {
                let Some(event) = decode(&self.scene.at, log) else { continue };
                if self.trace {
                    let sign = if connected { '+' } else { '-' };
                    println!("{sign} {}", serde_json::to_string(&event).unwrap_or_default());
                }
                if connected {
                    self.watched.connected(&event, &self.scene.policy, &mut self.counts);
                } else {
                    self.watched.disconnected(&event, &mut self.counts);
                }
            }
        }
        self.watched.events = self.node.feed.len();
    }
}

impl Watched {
    fn connected(&mut self, event: &ContractEvent, policy: &Policy, counts: &mut Counts) {
        self.known.hear(event, policy);
        match event {
            ContractEvent::TradeCreated(trade) => {
                self.settled.insert(trade.trade, trade.quantity);
                let back = self.dropped.remove(&trade.trade);
                counts.add(if back { "settlement: came back" } else { "settlement: settled" });
            }
            ContractEvent::TradePriced(_) => counts.add("settlement: at two prices"),
            ContractEvent::FillSkipped(_) => counts.add("settlement: skipped"),
            ContractEvent::TradeReconciled(run) => {
                let runs = self.runs.entry(run.trade).or_default();
                if runs.last().is_some_and(|(_, before)| *before != run.delivered) {
                    counts.add("trade: corrected by a later run");
                }
                runs.push((run.run, run.delivered));
                self.short(run, policy, counts);
                if run.run == contracts::RUN_EXPIRED {
                    counts.add("trade: expired");
                } else if self.settled.get(&run.trade) == Some(&run.delivered) {
                    counts.add("trade: delivered in full");
                }
            }
            ContractEvent::EscrowReleased(_) => counts.add("trade: released"),
            ContractEvent::DepositCredited(_) => counts.add("cash: deposited"),
            ContractEvent::WithdrawalRequested(_) => counts.add("cash: asked back"),
            ContractEvent::WithdrawalPaid(_) => counts.add("cash: withdrawn"),
            _ => {}
        }
    }

    /// Who is short in a run, and what that costs.
    fn short(&self, run: &TradeReconciled, policy: &Policy, counts: &mut Counts) {
        let totals = self.known.totals(run);
        let of_seller = totals.make_whole.n() + totals.seller_imbalance.n();
        let of_buyer = totals.compensation.n() + totals.buyer_imbalance.n();
        let rules = (format!("{:?}", policy.seller_short), format!("{:?}", policy.buyer_short));
        for (short, owed, who, rule) in [
            (run.sellerShort, of_seller, "seller", rules.0),
            (run.buyerShort, of_buyer, "buyer", rules.1),
        ] {
            if short == 0 {
                continue;
            }
            counts.add(format!("trade: {who} short"));
            match (owed, rule.as_str()) {
                (0, "PayActual") => counts.add("trade: shortfall that costs nothing"),
                (0, _) => counts.add("trade: within tolerance"),
                (_, rule) => counts.add(format!("trade: penalty of the {who} by {rule}")),
            }
        }
    }

    fn disconnected(&mut self, event: &ContractEvent, counts: &mut Counts) {
        match event {
            ContractEvent::TradeCreated(trade) => {
                self.dropped.insert(trade.trade);
                counts.add("settlement: dropped by a reorganisation");
            }
            ContractEvent::TradeReconciled(run) => {
                self.runs.entry(run.trade).or_default().pop();
                counts.add("trade: run dropped by a reorganisation");
            }
            ContractEvent::EscrowReleased(_) => counts.add("trade: release undone"),
            ContractEvent::DepositCredited(_) => counts.add("cash: deposit undone"),
            ContractEvent::WithdrawalRequested(_) => counts.add("cash: asking back undone"),
            ContractEvent::WithdrawalPaid(_) => counts.add("cash: withdrawal undone"),
            _ => {}
        }
    }
}
