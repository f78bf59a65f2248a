//! A small but complete world: the real contracts on a chain in memory, a household with a meter,
//! neighbours, two days of an hour's slots, and the bill of it.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use chain::light::prove_ancestor;
use contracts::{
    Call, Clearing, Delivery, Fills, Met, OrderTerms, Policy, Posted, Prices, Settled, Side,
    trade_id,
};
use ids::ConnectionPointId;
use reading::{Reading, SignedReading, Status as MeterStatus, day_leaf};
use tariff::Tariff;
use units::{Energy, Money, Register};

use super::super::*;
use super::agreed::{PERIOD_DAYS, community, day, heading, key, meter, period, policy, terms};
use super::auctions::{self, Auction, reconciled};
use super::ledger::{CHAIN_ID, Chain};
use crate::domain::bill::{Invoice, OfReadings, Period};

const HOUR: i64 = 3600;
pub(super) const SALT: B256 = B256::repeat_byte(0x5a);

pub(super) struct World {
    pub(super) chain: Chain,
    pub(super) now: Timestamp,
    pub(super) readings: Vec<SignedReading>,
    /// By UTC day.
    pub(super) entries: BTreeMap<LocalDay, Vec<DigestEntry>>,
    pub(super) policy: Policy,
    pub(super) tariff: Tariff,
    pub(super) bill: BillFile,
    pub(super) text: String,
    pub(super) trust: Trust,
    auctions: Vec<Auction>,
    nonce: u64,
}

/// What readings say of themselves, which are kept, and the deals by the day's place.
type How = (MeterStatus, fn(&Reading) -> bool, fn(u32) -> Vec<Deal>);

/// A deal of an hour: what was agreed and what came of it.
pub(super) struct Deal {
    hour: i64,
    side: Side,
    quantity: u64,
    delivered: u64,
    seller_short: u64,
    buyer_short: u64,
}

pub(super) fn deal(
    hour: i64,
    side: Side,
    quantity: u64,
    delivered: u64,
    seller_short: u64,
) -> Deal {
    Deal { hour, side, quantity, delivered, seller_short, buyer_short: 0 }
}

/// The deals of each day.
pub(super) fn deals(_place: u32) -> Vec<Deal> {
    vec![
        // Midnight in Berlin is of the day before in UTC.
        deal(0, Side::Buy, 150, 150, 0),
        deal(10, Side::Sell, 300, 300, 0),
        deal(10, Side::Sell, 200, 200, 0),
        Deal { buyer_short: 50, ..deal(11, Side::Sell, 500, 450, 0) },
        deal(18, Side::Buy, 300, 300, 0),
        deal(18, Side::Buy, 100, 100, 0),
        deal(19, Side::Buy, 400, 100, 300),
        deal(20, Side::Buy, 900, 450, 0),
    ]
}

impl World {
    pub(super) fn new() -> World {
        World::open().billed()
    }

    /// All there is but that the bill is not on chain yet: an operator can still forge it.
    pub(super) fn open() -> World {
        World::with(|_| true, deals)
    }

    /// The reading at four in the afternoon of the second day never came.
    pub(super) fn with_a_lost_reading() -> World {
        World::with(|reading| reading.page != 41, deals).billed()
    }

    fn billed(mut self) -> World {
        self.anchor(self.bill.clone());
        self
    }

    /// A gateway signed for the meter.
    pub(super) fn relayed() -> World {
        let status = MeterStatus::from_bits(MeterStatus::RELAYED);
        World::of((Tariff::new(terms()).unwrap(), None), (status, |_| true, deals)).billed()
    }

    /// With the readings that `keep` keeps, and deals by the day's place in the period.
    pub(super) fn with(keep: fn(&Reading) -> bool, deals: fn(u32) -> Vec<Deal>) -> World {
        World::of((Tariff::new(terms()).unwrap(), None), (MeterStatus::default(), keep, deals))
    }

    /// On another tariff of the same id, with the same prices of a slot.
    pub(super) fn on(tariff: Tariff) -> World {
        World::of((tariff, None), (MeterStatus::default(), |_| true, deals))
    }

    /// Before anything happens another version of the tariff is on chain, valid from a day on.
    pub(super) fn with_next_version(valid_from: LocalDay) -> World {
        let tariff = Tariff::new(terms()).unwrap();
        World::of((tariff, Some(valid_from)), (MeterStatus::default(), |_| true, deals))
    }

    fn of(tariff: (Tariff, Option<LocalDay>), how: How) -> World {
        World::traded(tariff, &[1], how).read()
    }

    /// All but that the readings are anchored. The meter belongs to the last of `owners`, and
    /// belonged to the others one after the other.
    pub(super) fn traded(
        (tariff, next): (Tariff, Option<LocalDay>),
        owners: &[u8],
        (status, keep, deals): How,
    ) -> World {
        let zone = tariff.head().timezone.clone();
        let begin = zone.start_of(day(0));
        let chain = Chain::new(begin.plus_seconds(-48 * HOUR));
        let policy = policy();
        let bill = BillFile::new(blank_invoice(&tariff), blank_evidence(&chain, &tariff));
        let mut world = World {
            text: String::new(),
            trust: chain.trust(),
            now: begin.plus_seconds(-47 * HOUR),
            readings: read_meter(begin, status, keep),
            entries: BTreeMap::new(),
            chain,
            policy,
            tariff,
            bill,
            auctions: Vec::new(),
            nonce: 1,
        };
        world.open_accounts();
        if let Some(valid_from) = next {
            world.send([world.next_version(valid_from)]);
        }
        for (place, owner) in owners.iter().enumerate() {
            world.enrol((2, *owner), u32::try_from(place + 1).unwrap(), world.now);
        }
        world.trade(begin, &[deal(-2, Side::Buy, 150, 150, 0)]);
        for place in 0..PERIOD_DAYS {
            world.trade_day(zone.start_of(day(place)), &deals(place));
        }
        world
    }

    /// The readings are anchored, and the bill follows.
    pub(super) fn read(mut self) -> World {
        self.anchor_days();
        self.bill = issued("INV-2026-1", self.evidence());
        self
    }

    /// Tariff, policy and cash, two days ahead.
    fn open_accounts(&mut self) {
        let at = self.chain.at;
        let tariff_key = tariff_key(community(), "standard");
        let mut calls = vec![
            at.anchor_tariff(
                tariff_key,
                self.tariff.head().valid_from.number(),
                self.tariff.hash(),
            ),
            at.register_policy(&self.policy),
            at.approve_market(U256::MAX),
        ];
        let cash = Money::from_n(1_000_000_000_000);
        for number in [1, 3] {
            let payment = B256::repeat_byte(number);
            calls.push(at.mint(self.chain.operator, cash, payment).unwrap());
            calls.push(at.deposit_for(key(number).address(), cash, payment).unwrap());
        }
        self.chain.mine(self.now, calls);
    }

    /// Deals of one day, settled; the UTC day of each and its trade.
    fn trade(&mut self, midnight: Timestamp, deals: &[Deal]) -> Vec<(LocalDay, B256)> {
        let mut traded = Vec::new();
        for group in deals.chunk_by(|a, b| a.hour == b.hour) {
            let slot = midnight.plus_seconds(group[0].hour * HOUR);
            let calls = self.clear(slot, group, &mut traded);
            self.chain.mine(slot.plus_seconds(-600), calls);
        }
        traded
    }

    fn trade_day(&mut self, midnight: Timestamp, deals: &[Deal]) {
        let mut deliveries = Vec::new();
        for (deal, (day, trade)) in deals.iter().zip(self.trade(midnight, deals)) {
            let delivery = Delivery {
                trade,
                delivered: Energy::from_wh(deal.delivered),
                seller_short: Energy::from_wh(deal.seller_short),
                buyer_short: Energy::from_wh(deal.buyer_short),
            };
            let entry = DigestEntry::Reconciled(reconciled(&delivery, 0));
            self.entries.entry(day).or_default().push(entry);
            deliveries.push(delivery);
        }
        let calls = self.run(0, &deliveries);
        self.chain.mine(midnight.plus_seconds(22 * HOUR), calls);
    }

    /// The calls that write a run, one for each slot with a trade of it, in order of the slots.
    fn run(&mut self, run: u8, deliveries: &[Delivery]) -> Vec<Call> {
        let at = self.chain.at;
        self.auctions.iter_mut().filter_map(|one| one.run(&at, run, deliveries)).collect()
    }

    /// The auction of one slot and its trades.
    fn clear(
        &mut self,
        slot: Timestamp,
        deals: &[Deal],
        traded: &mut Vec<(LocalDay, B256)>,
    ) -> Vec<Call> {
        let day = TimeZone::utc().day_of(slot);
        let hour = SlotLength::from_minutes(60).unwrap();
        let retail = self.tariff.retail_price(Slot::starting(slot, hour).unwrap());
        let market = self.chain.at.market;
        let orders: Vec<(OrderTerms, OrderTerms)> =
            deals.iter().map(|deal| self.orders(slot, deal)).collect();
        let hash = |order: &OrderTerms| order.hash(CHAIN_ID, market);
        let met = |(buy, sell): &(OrderTerms, OrderTerms)| Met {
            buy: hash(buy),
            sell: hash(sell),
            quantity: buy.quantity,
            prices: Prices::one(180_000),
        };
        let fills = Fills::new(orders.iter().map(met).collect()).unwrap();
        let clearing = Clearing {
            policy: self.policy.id(),
            slot: slot.unsigned(),
            mechanism: 1,
            price: 180_000,
            retail_price: u64::try_from(retail.n_per_wh()).unwrap(),
            feed_in_price: 80_000,
            volume: Energy::from_wh(deals.iter().map(|deal| deal.quantity).sum()),
            fills: u32::try_from(orders.len()).unwrap(),
            fills_root: fills.root(),
            journal_root: B256::ZERO,
        };
        for (index, deal) in (0..).zip(deals) {
            let trade = trade_id(clearing.id(), index);
            traded.push((day, trade));
            self.entries.entry(day).or_default().push(DigestEntry::Settled(Settled {
                trade,
                side: deal.side,
                slot: clearing.slot,
                quantity: Energy::from_wh(deal.quantity),
                prices: Prices::one(clearing.price),
                retail_price: clearing.retail_price,
                feed_in_price: clearing.feed_in_price,
                policy: clearing.policy,
            }));
        }
        let posted = Posted { clearing, policy: self.policy.clone() };
        let calls = auctions::calls(&self.chain.at, &posted, &fills, &orders);
        self.auctions.push(Auction::new(posted, &orders));
        calls
    }

    fn orders(&mut self, slot: Timestamp, deal: &Deal) -> (OrderTerms, OrderTerms) {
        self.nonce += 1;
        let order = |side: Side| {
            let ours = side == deal.side;
            let name = if ours { "H01" } else { "H02" };
            OrderTerms {
                account: key(if ours { 1 } else { 3 }).address(),
                side,
                slot: slot.unsigned(),
                quantity: Energy::from_wh(deal.quantity),
                limit_price: if side == Side::Buy { 250_000 } else { 100_000 },
                min_fill: Energy::ZERO,
                community: community(),
                zone: self.policy.zone,
                connection_point: ConnectionPointId::derived(name),
                policy: self.policy.id(),
                delegate: Address::ZERO,
                nonce: U256::from(self.nonce),
                expiry: slot.unsigned(),
            }
        };
        (order(Side::Buy), order(Side::Sell))
    }

    /// Anchors each day's readings as a new batch: ours is the second of three leaves.
    pub(super) fn anchor_days(&mut self) {
        let days: Vec<LocalDay> = (0..PERIOD_DAYS).map(day).collect();
        let calls: Vec<Call> = days
            .into_iter()
            .map(|day| {
                let tree = day_tree(&self.readings_of(day), day);
                let number = u64::from(day.number());
                self.chain.at.anchor_readings(
                    community(),
                    contracts::READINGS_OF_DAY,
                    number,
                    tree.root(),
                    3,
                )
            })
            .collect();
        let over = self.tariff.head().timezone.start_of(day(PERIOD_DAYS)).plus_seconds(HOUR);
        self.now = self.now.max(over);
        self.send(calls);
    }

    /// A reading of the meter that was lost comes after all.
    pub(super) fn hear(&mut self, page: u32) {
        let begin = self.tariff.head().timezone.start_of(day(0));
        let all = read_meter(begin, MeterStatus::default(), |_| true);
        self.readings.extend(all.iter().filter(|signed| signed.reading.page == page));
        self.readings.sort_by_key(|signed| signed.reading.page);
    }

    fn readings_of(&self, day: LocalDay) -> Vec<SignedReading> {
        let zone = &self.tariff.head().timezone;
        let (from, to) = (zone.start_of(day), zone.start_of(day.next()));
        let within = |signed: &&SignedReading| (from..=to).contains(&signed.reading.time);
        self.readings.iter().filter(within).copied().collect()
    }

    /// Everything but headers and proof nodes.
    pub(super) fn evidence(&self) -> Evidence {
        let days = (0..PERIOD_DAYS).map(day).map(|day| {
            let tree = day_tree(&self.readings_of(day), day);
            let (batch, index, count, path) = (1, 1, 3, tree.path(1));
            DayEvidence { day, batch, salt: SALT, index, count, path, before: None }
        });
        let policies = [self.policy.id()];
        let trades =
            self.entries.iter().map(|(day, entries)| day_trades(*day, entries, &policies).unwrap());
        Evidence {
            policies: vec![self.policy.clone()],
            key_versions: vec![1],
            readings: self.readings.iter().map(CompactReading::new).collect(),
            days: days.collect(),
            trades: trades.collect(),
            ..blank_evidence(&self.chain, &self.tariff)
        }
    }

    /// Issues, anchors and proves the invoice that follows from `evidence`.
    pub(super) fn publish(&mut self, evidence: Evidence) {
        self.anchor(issued("INV-2026-1", evidence));
    }

    /// Anchors and proves a bill whatever it says, once no trade of the period can change.
    pub(super) fn anchor(&mut self, bill: BillFile) {
        let over = self.tariff.head().timezone.start_of(day(PERIOD_DAYS));
        self.now = self.now.max(over.plus_seconds(i64::from(self.policy.correction_seconds)));
        self.anchor_for(period(), bill);
    }

    /// Anchors and proves a bill whatever it says, at once and as one of `period`.
    pub(super) fn anchor_for(&mut self, period: Period, bill: BillFile) {
        let invoice = &bill.invoice;
        let days = (period.from.number(), period.to.number());
        let (owner, meter) = (invoice.address, invoice.meter);
        let call = self.chain.at.anchor_invoice(owner, meter, days, invoice.hash());
        self.send([call]);
        self.bill = self.chain.prove(bill);
        self.text = self.bill.canonical_json();
        self.trust = self.chain.trust();
    }

    /// Puts another version of the tariff on chain.
    pub(super) fn next_version(&self, valid_from: LocalDay) -> Call {
        let key = tariff_key(community(), "standard");
        self.chain.at.anchor_tariff(key, valid_from.number(), B256::repeat_byte(2))
    }

    pub(super) fn send(&mut self, calls: impl IntoIterator<Item = Call>) {
        self.now = self.now.plus_seconds(60);
        self.chain.mine(self.now, calls);
    }

    /// The bill as it is, and trust in a block three later.
    pub(super) fn against_a_later_block(&mut self) -> (BillFile, Trust) {
        let earlier = self.chain.header();
        for _ in 0..3 {
            self.send([]);
        }
        let header = self.chain.header();
        let path = prove_ancestor(&self.chain.view, &header, earlier.number).unwrap();
        let mut bill = self.bill.clone();
        let header = alloy_rlp::encode(&header).into();
        bill.evidence.later = Some(Later { header, path: path.siblings });
        (bill, self.chain.trust())
    }
}

/// Registers at each hour from the first midnight to the last: 450 Wh taken in every hour but
/// nine to sixteen o'clock, when 40 Wh are taken and 600 Wh given.
fn read_meter(
    begin: Timestamp,
    status: MeterStatus,
    keep: fn(&Reading) -> bool,
) -> Vec<SignedReading> {
    let (mut import, mut export) = (120_000, 54_321);
    let mut readings = Vec::new();
    for hour in 0..=24 * i64::from(PERIOD_DAYS) {
        let reading = Reading {
            meter: meter(),
            page: u32::try_from(hour + 1).unwrap(),
            time: begin.plus_seconds(hour * HOUR),
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status,
            firmware: 7,
        };
        readings.push(reading);
        let sunny = (9..16).contains(&(hour % 24));
        import += if sunny { 40 } else { 450 };
        export += if sunny { 600 } else { 0 };
    }
    readings.into_iter().filter(keep).map(|reading| reading.sign(&key(2))).collect()
}

fn issued(number: &str, evidence: Evidence) -> BillFile {
    let hour = SlotLength::from_minutes(60).unwrap();
    let (invoice, _) = issue(heading(number), period(), hour, &evidence, &[]).unwrap();
    BillFile::new(invoice, evidence)
}

pub(super) fn day_tree(readings: &[SignedReading], day: LocalDay) -> merkle::Tree {
    let ours = day_leaf(SALT, meter(), day, readings).unwrap();
    merkle::Tree::new(vec![keccak256("before"), ours, keccak256("after")])
}

fn blank_evidence(chain: &Chain, tariff: &Tariff) -> Evidence {
    Evidence {
        chain: chain.reference(),
        header: Bytes::new(),
        genesis: Vec::new(),
        later: None,
        tariff: tariff.clone(),
        tariff_version: 1,
        policies: Vec::new(),
        key_versions: Vec::new(),
        readings: Vec::new(),
        days: Vec::new(),
        previous: None,
        previous_corrected: None,
        trades: Vec::new(),
        nodes: Vec::new(),
    }
}

fn blank_invoice(tariff: &Tariff) -> Invoice {
    let facts = Facts {
        period: period(),
        tariff,
        slot_length: SlotLength::from_minutes(60).unwrap(),
        used: &BTreeMap::new(),
        trades: &[],
        before: None,
    };
    Invoice::issue(heading("INV-2026-0"), &facts, OfReadings::default()).unwrap()
}

/// 900 Wh were bought for eight in the evening and 450 Wh taken; the contract is told that
/// `delivered` was delivered, and that nobody is at fault.
pub(super) fn settled_for(delivered: u64) -> World {
    let mut world = World::open();
    let day = period().from;
    let Some(DigestEntry::Settled(last)) = world.entries[&day].get(6).copied() else {
        panic!("the seventh deal of a day was settled");
    };
    let delivery = Delivery {
        trade: last.trade,
        delivered: Energy::from_wh(delivered),
        seller_short: Energy::ZERO,
        buyer_short: Energy::ZERO,
    };
    let calls = world.run(1, &[delivery]);
    world.send(calls);
    let entry = DigestEntry::Reconciled(reconciled(&delivery, 1));
    world.entries.get_mut(&day).unwrap().push(entry);
    world
}
