//! One world: its parts, and a step of its time.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, keccak256};
use calendar::{Slot, Timestamp};
use client::Transaction;
use contracts::Call;
use contracts::requests::Withdrawal;
use market::domain::NewOrder;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::billing::Billing;
use super::bus::{Offer, Subscription};
use super::counts::Counts;
use super::course::Course;
use super::crash::Stop;
use super::facts::utc_day;
use super::market::Market;
use super::metering::Metering;
use super::node::{Feed, Node};
use super::plan::{Action, Plan, Queue};
use super::relay::{Luck, Relay};
use super::scene::{GENESIS_AT, Scene};
use super::{STEP, ending};

/// The fewest steps that follow when time jumps.
const STEPS_AFTER_JUMP: u64 = 4;

/// How long after it came too early a payout is asked for again.
const PAYOUT_AGAIN_SECONDS: i64 = 10_800;

pub(super) struct World {
    pub(super) course: Course,
    pub(super) scene: &'static Scene,
    pub(super) random: ChaCha8Rng,
    pub(super) now: Timestamp,
    pub(super) homes: usize,
    pub(super) slots: Vec<Slot>,
    pub(super) queue: Queue,
    pub(super) node: Node,
    pub(super) metering: Metering,
    pub(super) market: Market,
    pub(super) billing: Billing,
    pub(super) stranger: Relay,
    feed_to_market: Subscription,
    feed_to_billing: Subscription,
    intervals: Subscription,
    /// Senders whose transactions are left out of blocks, and until when.
    pub(super) censored: BTreeMap<Address, Timestamp>,
    /// No block is found until then.
    pub(super) stalled_until: Timestamp,
    /// A transaction reverted for good in the last step, and may be replaced in the next.
    handed_back: bool,
    pub(super) watched: super::chaos::Watched,
    /// What was asked of the contracts.
    pub(super) known: super::cash::Known,
    /// Billing took a block back in this step.
    took_back: bool,
    /// The UTC day of the last step.
    day: Option<u32>,
    pub(super) checked: super::check::Checked,
    pub(super) counts: Counts,
    pub(super) trace: bool,
}

/// Runs the world of `seed` to its end.
pub(super) fn run(course: Course, seed: u64, trace: bool) -> Result<World, String> {
    let mut world = World::new(course, seed, trace);
    let active = world.slots[world.slots.len() - 1].end().plus_seconds(2_700);
    let mut busy = 0;
    let mut steps = 0;
    loop {
        if world.now < active || busy > 0 || !world.is_quiet() {
            let seconds = world.random.random_range(world.course.step_seconds.clone());
            world.now = world.now.plus_seconds(seconds);
            busy = u64::saturating_sub(busy, 1);
        } else if let Some(next) = world.next_moment() {
            world.now = next;
            busy = STEPS_AFTER_JUMP;
        } else {
            break;
        }
        steps += 1;
        STEP.set(steps);
        if steps > world.course.steps_max {
            return Err("the world does not come to rest".to_owned());
        }
        world.step().map_err(|stop| format!("{stop:?}"))?;
    }
    ending::check(&mut world)?;
    Ok(world)
}

impl World {
    fn new(course: Course, seed: u64, trace: bool) -> World {
        let scene = course.scene;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut counts = Counts::default();
        let homes = random.random_range(course.homes.clone());
        let length = scene.parameters.slot_length;
        let first = random.random_range(course.first.clone());
        let first = Timestamp::from_seconds(GENESIS_AT + first * length.seconds());
        let first = Slot { start: first, length };
        let count = random.random_range(course.slots.clone());
        let slots: Vec<Slot> = (0..count).map(|place| first.later(place)).collect();
        let start = first.start.plus_seconds(-5_400);
        let plan = Plan::new(scene, homes, &slots, &mut random, &mut counts);
        let queue = plan.draw(start);
        let mut world = World {
            course,
            scene,
            now: start,
            homes,
            queue,
            node: Node::new(scene),
            metering: Metering::new(scene, homes, &slots),
            market: Market::new(scene, homes),
            billing: Billing::new(scene),
            stranger: Relay::new(scene.stranger.clone()),
            feed_to_market: Subscription::default(),
            feed_to_billing: Subscription::default(),
            intervals: Subscription::default(),
            censored: BTreeMap::new(),
            stalled_until: start,
            handed_back: false,
            watched: Default::default(),
            known: Default::default(),
            took_back: false,
            day: None,
            checked: Default::default(),
            counts,
            trace,
            slots,
            random,
        };
        world.misfortunes();
        world
    }

    /// The next moment at which something happens when all is quiet.
    fn next_moment(&self) -> Option<Timestamp> {
        let zone = &self.scene.parameters.timezone;
        let of_day = self.slots.chunk_by(|a, b| zone.day_of(a.start) == zone.day_of(b.start));
        let moments = of_day.filter_map(|slots| slots.last()).flat_map(|last| {
            let [_, first_morning, last_morning] = self.billing.run_times(last.start);
            let end = self.billing.corrections_end(last.start);
            let released = end.plus_seconds(i64::from(self.scene.policy.challenge_seconds) + 120);
            [first_morning, last_morning, end.plus_seconds(60), released]
        });
        let queued = self.queue.keys().next().map(|(time, _)| *time);
        moments.chain(queued).filter(|moment| *moment > self.now).min()
    }

    /// Whether nothing is on its way: everything sent is final, everything published is taken.
    fn is_quiet(&self) -> bool {
        let drained = |subscription: &Subscription| subscription.is_drained();
        let relays = [&self.market.relay, &self.billing.durable.relay, &self.stranger];
        [&self.feed_to_market, &self.feed_to_billing, &self.intervals].into_iter().all(drained)
            && relays.into_iter().all(Relay::is_done)
            && !self.handed_back
            && !self.billing.has_due(self.now)
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.act()?;
        self.chaos();
        self.tick()?;
        self.relay();
        self.mine();
        self.watch();
        self.deliver()?;
        self.look()?;
        if self.trace {
            let (height, orders) = (self.node.height(), self.market.exchange.orders().count());
            let entries = self.billing.durable.entries.len();
            println!("{} height {height}, orders {orders}, journal {entries}", self.now);
        }
        Ok(())
    }

    /// Checks everything or the books, as often as this course wants it.
    fn look(&mut self) -> Result<(), Stop> {
        let day = utc_day(self.now.unsigned());
        let begins = self.day.replace(day) != Some(day);
        let took_back = std::mem::take(&mut self.took_back);
        if STEP.get().is_multiple_of(self.course.check_every) {
            self.check()
        } else if begins || took_back {
            self.check_books()
        } else {
            Ok(())
        }
    }

    /// What the plan holds for the time that has passed.
    fn act(&mut self) -> Result<(), Stop> {
        let mut messages = Vec::new();
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let action = entry.remove();
            if let Action::Message(message) = action {
                messages.push(message);
                continue;
            }
            let done = self.perform(&action);
            self.survive("market", done, |world| world.again(action))?;
        }
        while !messages.is_empty() {
            let size = self.random.random_range(1..=messages.len());
            let batch: Vec<_> = messages.drain(..size).collect();
            let done = self.metering.accept(&batch, self.now, &mut self.counts);
            self.survive("metering", done, |world| {
                batch.into_iter().for_each(|message| world.again(Action::Message(message)));
            })?;
        }
        Ok(())
    }

    /// Who had no answer asks again.
    fn again(&mut self, action: Action) {
        let place = u64::MAX - self.queue.len() as u64;
        self.queue.insert((self.now.plus_seconds(30), place), action);
    }

    fn perform(&mut self, action: &Action) -> Result<(), Stop> {
        match action {
            Action::Deposit { account, amount, payment } => {
                let done = self.billing.deposit(*account, *amount, *payment);
                let action = action.clone();
                return self.survive("billing", done, |world| world.again(action));
            }
            Action::Withdraw { of, signature } => {
                let Withdrawal { account, nonce, .. } = of;
                let call = self.scene.at.request_withdrawal_for(of, signature.to_vec().into());
                let call = call.map_err(Stop::broken)?;
                self.stranger.enqueue(&called(format!("withdrawal/{account}/{nonce}"), call));
            }
            Action::Payout { account, nonce } => {
                let call = self.scene.at.withdraw(*account);
                self.stranger.enqueue(&called(format!("payout/{account}/{nonce}"), call));
            }
            Action::Place(order) => self.place(order)?,
            Action::Cancel { order, account } => {
                if let Ok(repeated) = self.market.cancel(*order, *account, self.now)? {
                    let what = if repeated { "repeated" } else { "cancelled" };
                    self.counts.add(format!("order: {what}"));
                }
            }
            Action::EndNonce { account, nonce, signature } => {
                let call = self.scene.at.cancel_for(*account, *nonce, signature.to_vec().into());
                self.stranger.enqueue(&called(format!("cancel/{account}/{nonce}"), call));
                self.counts.add("order: nonce ended on chain");
            }
            Action::Message(_) => {}
        }
        Ok(())
    }

    fn place(&mut self, order: &NewOrder) -> Result<(), Stop> {
        match self.market.place(order, self.now)? {
            Ok(true) => self.counts.add("order: repeated"),
            Ok(false) => self.counts.add("order: accepted"),
            Err(rejection) => self.counts.add(format!("order: refused {}", rejection.code())),
        }
        Ok(())
    }

    /// Counts a crash and does what follows from it; a broken invariant goes on up.
    fn survive(
        &mut self,
        who: &str,
        done: Result<(), Stop>,
        then: impl FnOnce(&mut World),
    ) -> Result<(), Stop> {
        match done {
            Err(Stop::Crashed(crash)) => {
                self.counts.add(format!("crash: {who} {} commit", crash.name()));
                then(self);
                Ok(())
            }
            done => done,
        }
    }

    fn tick(&mut self) -> Result<(), Stop> {
        let done = self.metering.tick(self.now, &mut self.counts);
        self.survive("metering", done, |_| {})?;
        let done = self.market.tick(self.now, &mut self.counts);
        self.survive("market", done, |_| {})?;
        let done = self.billing.tick(self.now, &mut self.counts);
        self.survive("billing", done, |_| {})?;
        Ok(())
    }

    fn relay(&mut self) {
        self.handed_back = false;
        let luck = [0; 3].map(|_| match self.random.random_range(0..30) {
            0 | 1 => Luck::DiesBeforeNotes,
            2 => Luck::DiesBeforeSending,
            _ => Luck::Done,
        });
        luck.iter().filter_map(|luck| luck.path()).for_each(|path| self.counts.add(path));
        let round = self.market.relay.round(&mut self.node, luck[0]);
        for cause in round.counted(&mut self.counts) {
            let settles = cause.contains("/settle/");
            self.counts.add(if settles { "settlement: reverted" } else { "clearing: reverted" });
        }
        let round = self.billing.durable.relay.round(&mut self.node, luck[1]);
        for cause in round.counted(&mut self.counts) {
            let what = cause.split('/').next().unwrap_or_default();
            self.counts.add(format!("transaction: {what} reverted"));
            self.billing.reverted(&cause);
            self.handed_back = true;
        }
        let round = self.stranger.round(&mut self.node, luck[2]);
        for cause in round.counted(&mut self.counts) {
            let what = cause.split('/').next().unwrap_or_default();
            self.counts.add(format!("transaction: {what} reverted"));
            self.unpaid(&cause);
        }
    }

    /// What was to be paid out and is still on its way is asked for again: a branch may have had
    /// the transaction before its time.
    fn unpaid(&mut self, cause: &str) {
        let payout = cause.strip_prefix("payout/").and_then(|rest| rest.split_once('/'));
        let Some((account, nonce)) = payout else { return };
        let account = account.parse().expect("an address");
        let nonce = nonce.parse().expect("a nonce");
        if self.leaving(account) {
            let place = u64::MAX - self.queue.len() as u64;
            let time = self.now.plus_seconds(PAYOUT_AGAIN_SECONDS);
            self.queue.insert((time, place), Action::Payout { account, nonce });
        }
    }

    fn mine(&mut self) {
        let now = self.now;
        self.censored.retain(|_, until| now < *until);
        if now < self.stalled_until || self.random.random_ratio(1, 6) {
            return;
        }
        let censored: BTreeSet<Address> = self.censored.keys().copied().collect();
        self.node.mine(now, &censored);
        self.counts.add("block: mined");
    }

    /// Offers events to their consumers, in fits and starts.
    fn deliver(&mut self) -> Result<(), Stop> {
        self.feed_to_market.publish(self.node.feed.len());
        self.feed_to_billing.publish(self.node.feed.len());
        self.intervals.publish(self.metering.outbox.len());
        for _ in 0..self.random.random_range(0..8) {
            if let Some((place, offer)) = self.feed_to_market.offer(&mut self.random) {
                let done = self.market.follow(&self.node.feed[place]);
                if self.taken("market", offer, done)? {
                    self.feed_to_market.acknowledge(place);
                }
            }
        }
        for _ in 0..self.random.random_range(0..8) {
            if let Some((place, offer)) = self.feed_to_billing.offer(&mut self.random) {
                let event = &self.node.feed[place];
                self.took_back |= matches!(event, Feed::Disconnected(_));
                let done = self.billing.follow(event, &mut self.counts);
                if self.taken("billing", offer, done)? {
                    self.feed_to_billing.acknowledge(place);
                }
            }
        }
        for _ in 0..self.random.random_range(0..4) {
            if let Some((place, offer)) = self.intervals.offer(&mut self.random) {
                let event = &self.metering.outbox[place];
                let done = self.billing.intervals(event, self.now, &mut self.counts);
                if self.taken("billing", offer, done)? {
                    self.intervals.acknowledge(place);
                }
            }
        }
        Ok(())
    }

    /// Whether an offered event was taken; one in twelve of those is offered again all the same.
    fn taken(&mut self, who: &str, offer: Offer, done: Result<(), Stop>) -> Result<bool, Stop> {
        match offer {
            Offer::Replay => self.counts.add("bus: old event replayed"),
            Offer::Ahead => self.counts.add("bus: event ahead of its turn"),
            Offer::Next => {}
        }
        let mut taken = true;
        if let Err(Stop::NotYet) = done {
            return Ok(false);
        }
        self.survive(who, done, |_| taken = false)?;
        if taken && self.random.random_ratio(1, 12) {
            self.counts.add("bus: event repeated");
            return Ok(false);
        }
        Ok(taken)
    }

    /// One hash over everything that is known at the end.
    pub(super) fn hash(&self) -> B256 {
        let (journal, entries) = self.billing.book.head();
        let exchange = self.market.exchange.hash();
        let counts: Vec<_> = self.counts.iter().collect();
        let whole = (chain::ChainView::head(&self.node.view), journal, entries, exchange, counts);
        keccak256(serde_json::to_vec(&whole).expect("plain data"))
    }
}

/// What the stranger sends for somebody.
fn called(cause: String, Call { to, data }: Call) -> Transaction {
    Transaction { cause, to, data, gas: 150_000 }
}
