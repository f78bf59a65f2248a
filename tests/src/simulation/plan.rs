//! What will happen in a world, drawn from its seed before it starts: payments, orders, readings
//! and what a hostile network makes of them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};
use calendar::{Slot, Timestamp};
use contracts::requests::Withdrawal;
use contracts::{OrderTerms, Side, WITHDRAWAL_SECONDS};
use ids::{AccountId, MeterId, OrderId};
use keys::{SecretKey, recover};
use market::domain::{NewOrder, TimeInForce};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use reading::{Reading, Status};
use units::{Energy, Money, Register};

use super::counts::Counts;
use super::metering::Message;
use super::scene::{CHAIN_ID, Home, Scene, WITHDRAWAL_DELAY, key};

const DAY: i64 = 86_400;
/// Seconds of the slots for which the times of orders are drawn; longer slots have more time.
const QUARTER: i64 = 900;
/// Seconds after a withdrawal's delay at which it is paid at the earliest: the request is in a
/// block by then.
const PAYOUT_AFTER: i64 = 7_200;

/// Something that happens at a moment.
#[derive(Clone)]
pub(super) enum Action {
    Deposit {
        account: Address,
        amount: Money,
        payment: B256,
    },
    /// The account asks for cash back.
    Withdraw {
        of: Withdrawal,
        signature: [u8; 64],
    },
    /// Somebody has what the account asked for paid out.
    Payout {
        account: Address,
        nonce: U256,
    },
    Place(Box<NewOrder>),
    Cancel {
        order: OrderId,
        account: AccountId,
    },
    /// The account ends a nonce on chain, behind the market's back.
    EndNonce {
        account: Address,
        nonce: U256,
        signature: [u8; 64],
    },
    Message(Message),
}

/// Actions by time; those of one moment in the order they were drawn.
pub(super) type Queue = BTreeMap<(Timestamp, u64), Action>;

/// Draws the actions of a world.
pub(super) struct Plan<'a> {
    pub(super) scene: &'static Scene,
    pub(super) homes: usize,
    pub(super) slots: &'a [Slot],
    pub(super) random: &'a mut ChaCha8Rng,
    pub(super) counts: &'a mut Counts,
    pub(super) queue: Queue,
    drawn: u64,
    nonce: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        scene: &'static Scene,
        homes: usize,
        slots: &'a [Slot],
        random: &'a mut ChaCha8Rng,
        counts: &'a mut Counts,
    ) -> Plan<'a> {
        let queue = Queue::new();
        Plan { scene, homes, slots, random, counts, queue, drawn: 0, nonce: 0 }
    }

    fn at(&mut self, time: Timestamp, action: Action) {
        self.drawn += 1;
        self.queue.insert((time, self.drawn), action);
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.random.random_ratio(1, count)
    }

    /// Draws everything. Some homes buy, some sell, some do either.
    pub(super) fn draw(mut self, start: Timestamp) -> Queue {
        let last = self.slots[self.slots.len() - 1].start;
        for home in &self.scene.homes[..self.homes] {
            for day in 0..=(last.seconds() - start.seconds()) / DAY {
                let morning = start.plus_seconds(day * DAY);
                self.deposits(home, morning);
                self.withdrawals(home, morning);
            }
            let leaning = self.random.random_range(0..3);
            let mut flows = Vec::new();
            for slot in self.slots {
                let buys = match leaning {
                    0 => true,
                    1 => false,
                    _ => self.random.random(),
                };
                let energy = self.random.random_range(300..3_000);
                let other = if self.one_in(3) { self.random.random_range(0..200) } else { 0 };
                flows.push(if buys { (energy, other) } else { (other, energy) });
                let side = if buys { Side::Buy } else { Side::Sell };
                self.orders(home, *slot, side, energy);
            }
            self.readings(home, &flows);
        }
        self.strangers();
        self.queue
    }

    fn deposits(&mut self, home: &Home, start: Timestamp) {
        let count = self.random.random_range(1..=2);
        for _ in 0..count {
            let poor = self.one_in(6);
            let cents = if poor { 3..30 } else { 200..2_000 };
            let amount = Money::from_n(self.random.random_range(cents) * 10_000_000);
            let payment = keccak256(format!("{}/{}", home.address, self.drawn));
            let time = start.plus_seconds(self.random.random_range(0..1_800));
            self.at(time, Action::Deposit { account: home.address, amount, payment });
        }
    }

    /// Some ask for a part of their cash back, and have it once the delay is over.
    fn withdrawals(&mut self, home: &Home, start: Timestamp) {
        if !self.one_in(3) {
            return;
        }
        self.nonce += 1;
        let (account, nonce) = (home.address, U256::from(self.nonce));
        let amount = Money::from_n(self.random.random_range(10..300) * 10_000_000);
        let time = start.plus_seconds(self.random.random_range(1_800..10_800));
        let expiry = time.unsigned() + WITHDRAWAL_SECONDS;
        let of = Withdrawal { account, amount, nonce, expiry };
        let hash = contracts::requests::withdrawal(CHAIN_ID, self.scene.at.market, &of)
            .expect("an amount that is not negative");
        let signature = *home.key.sign(hash).as_bytes();
        self.at(time, Action::Withdraw { of, signature });
        let later = self.random.random_range(0..21_600);
        let later = i64::from(WITHDRAWAL_DELAY) + PAYOUT_AFTER + later;
        self.at(time.plus_seconds(later), Action::Payout { account, nonce });
    }

    /// What the home expects to use or make, more or less, in one order or two; and its mistakes.
    fn orders(&mut self, home: &Home, slot: Slot, side: Side, energy: u64) {
        let gate = self.scene.parameters.gate(slot.start);
        for _ in 0..if self.one_in(4) { 2 } else { u8::from(!self.one_in(8)) } {
            let share = match self.random.random_range(0..6) {
                0..=1 => 100,
                2 => self.random.random_range(95..110),
                _ => self.random.random_range(40..180),
            };
            let mut terms = self.terms(home, slot, side, (energy * share / 100).max(10));
            let early = self.random.random_range(60..2_400) * slot.length.seconds() / QUARTER;
            let late = if self.one_in(20) { self.random.random_range(60..600) + early } else { 0 };
            let time = gate.plus_seconds(late - early);
            let by = self.mistake(&mut terms, home);
            let order = sign(terms, home.account, by, self.scene);
            if self.one_in(10) {
                let (order, account) = (order.id, home.account);
                let wait = self.random.random_range(0..1_200);
                self.at(time.plus_seconds(wait), Action::Cancel { order, account });
            }
            if self.one_in(25) {
                let (account, nonce) = (home.address, order.terms.nonce);
                let market = self.scene.at.market;
                let hash = contracts::requests::cancel(CHAIN_ID, market, account, nonce);
                let signature = *home.key.sign(hash).as_bytes();
                let action = Action::EndNonce { account, nonce, signature };
                let wait = self.random.random_range(-300..300);
                self.at(gate.plus_seconds(wait), action);
            }
            if self.one_in(10) {
                self.at(time.plus_seconds(5), Action::Place(Box::new(order.clone())));
            }
            self.at(time, Action::Place(Box::new(order)));
        }
    }

    fn terms(&mut self, home: &Home, slot: Slot, side: Side, quantity: u64) -> OrderTerms {
        self.nonce += 1;
        let limit = match side {
            Side::Buy => self.random.random_range(1_200..3_100),
            Side::Sell => self.random.random_range(600..1_900),
        };
        let min_fill = if self.one_in(8) { quantity / 2 } else { 0 };
        OrderTerms {
            account: home.address,
            side,
            slot: slot.start.unsigned(),
            quantity: Energy::from_wh(quantity),
            limit_price: limit * 100,
            min_fill: Energy::from_wh(min_fill),
            community: self.scene.policy.community,
            zone: self.scene.policy.zone,
            connection_point: home.point,
            policy: self.scene.parameters.policy,
            delegate: Address::ZERO,
            nonce: U256::from(self.nonce),
            expiry: slot.end().unsigned(),
        }
    }

    /// Spoils some orders. Who signs.
    fn mistake(&mut self, terms: &mut OrderTerms, home: &Home) -> SecretKey {
        match self.random.random_range(0..60) {
            0 => return key("forger"),
            1 => terms.nonce = U256::from(self.nonce.saturating_sub(1)),
            2 => terms.quantity = Energy::from_wh(9_999),
            3 => terms.limit_price += 1,
            4 => terms.quantity = Energy::from_wh(5),
            5 => terms.limit_price = 900_000,
            6 => terms.policy = B256::repeat_byte(6),
            _ => {}
        }
        home.key.clone()
    }

    fn readings(&mut self, home: &Home, flows: &[(u64, u64)]) {
        let (mut import, mut export) = (self.random.random_range(0..100_000), 7);
        let dead_after =
            if self.one_in(12) { self.random.random_range(0..flows.len()) } else { usize::MAX };
        let times = self.slots.iter().map(|slot| slot.start);
        let times: Vec<Timestamp> = times.chain(self.slots.last().map(|slot| slot.end())).collect();
        let mut before = None;
        for (place, time) in times.into_iter().enumerate() {
            if let Some((taken, fed)) = place.checked_sub(1).and_then(|last| flows.get(last)) {
                import += taken;
                export += fed;
            }
            let reading = Reading {
                meter: home.meter,
                page: u32::try_from(place).expect("few pages") + 1,
                time,
                import: Register::from_wh(import),
                export: Register::from_wh(export),
                status: Status::default(),
                firmware: 1,
            };
            let lost = place > dead_after || self.one_in(16);
            if lost {
                self.counts.add("reading: lost for good");
            } else {
                self.deliver(home, reading);
            }
            if self.one_in(5) {
                self.forge(home, reading, before);
            }
            before = Some(reading);
        }
    }

    /// A reading on its way: soon, later, much later, more than once.
    fn deliver(&mut self, home: &Home, reading: Reading) {
        let bytes = reading.sign(&home.meter_key).encode().to_vec();
        for _ in 0..if self.one_in(6) { 2 } else { 1 } {
            let (late, delay) = match self.random.random_range(0..26) {
                0..=17 => ("", 2..240),
                18..=19 => ("", 240..1_500),
                20 => ("reading: late", 1_500..9_000),
                21 => ("reading: late by hours", 9_000..60_000),
                22 => ("reading: late by days", 90_000..500_000),
                23 => ("reading: late by days", 690_000..800_000),
                _ => ("reading: late after the corrections", 860_000..1_000_000),
            };
            if !late.is_empty() {
                self.counts.add(late);
            }
            let time = reading.time.plus_seconds(self.random.random_range(delay));
            self.at(time, Action::Message((home.meter, bytes.clone())));
        }
    }

    /// Something that is not what the meter said, on top of what it did say.
    fn forge(&mut self, home: &Home, reading: Reading, before: Option<Reading>) {
        let (own, forger) = (&home.meter_key, key("forger"));
        let ahead = Reading { page: reading.page + 1_000, ..reading };
        let last = before.unwrap_or(reading);
        let plus = |register: Register, wh| Register::from_wh(register.wh() + wh);
        let at = |time| Reading { time, ..ahead };
        let length = self.scene.parameters.slot_length.seconds();
        let following = reading.time.plus_seconds(length);
        let next = Reading { page: reading.page + 1, time: following, ..reading };
        let (mut topic, signed) = match self.random.random_range(0..11) {
            0 => (home.meter, reading.sign(&forger)),
            1 => (self.scene.homes[0].meter, Reading { page: 1, ..reading }.sign(&forger)),
            2 => (MeterId::derived("nobody"), reading.sign(own)),
            3 => (home.meter, Reading { import: plus(reading.import, 1), ..last }.sign(own)),
            4 => (home.meter, at(reading.time.plus_seconds(1)).sign(own)),
            5 => (home.meter, at(reading.time.plus_seconds(90_000)).sign(own)),
            6 => (home.meter, at(reading.time.plus_seconds(-500 * 86_400)).sign(own)),
            7 => (home.meter, at(reading.time.plus_seconds(-86_400)).sign(own)),
            8 => (home.meter, Reading { import: Register::from_wh(0), ..next }.sign(own)),
            9 => (home.meter, Reading { export: plus(reading.export, 90_000), ..next }.sign(own)),
            _ => {
                let meter = MeterId::derived("revoked");
                (meter, Reading { meter, ..reading }.sign(own))
            }
        };
        let mut bytes = signed.encode().to_vec();
        if self.one_in(6) {
            let byte = self.random.random_range(0..2);
            bytes[byte] ^= 0x20;
        } else if topic == MeterId::derived("nobody") {
            let reading = Reading { meter: topic, ..reading };
            bytes = reading.sign(own).encode().to_vec();
            if self.one_in(2) {
                topic = home.meter;
            }
        }
        let next = signed.reading.time == following;
        let delay = if next { length - 50..length + 100 } else { 240..3_000 };
        let time = reading.time.plus_seconds(self.random.random_range(delay));
        self.at(time, Action::Message((topic, bytes)));
    }

    /// Bytes that are no message at all.
    fn strangers(&mut self) {
        let length = self.random.random_range(0..200);
        let bytes: Vec<u8> = (0..length).map(|_| self.random.random()).collect();
        let time = self.slots[0].start.plus_seconds(self.random.random_range(0..3_600));
        let meter = self.scene.homes[0].meter;
        self.at(time, Action::Message((meter, bytes)));
    }
}

/// The order as it arrives.
fn sign(terms: OrderTerms, account: AccountId, by: SecretKey, scene: &Scene) -> NewOrder {
    let hash = terms.hash(CHAIN_ID, scene.at.market);
    let signature = by.sign(hash);
    NewOrder {
        id: OrderId::derived(&hash.to_string()),
        account,
        signer: recover(hash, &signature),
        terms,
        hash,
        signature: signature.into(),
        replaces: None,
        time_in_force: TimeInForce::GoodTillGate,
        beyond_reference: false,
    }
}
