//! Two homes, their keys and meters, a tariff, a policy, and the chain they are on.

use std::collections::HashMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};
use billing::Parts;
use bus::Bus;
use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use chain::GenesisSpec;
use chain::genesis::{Allocation, Deploy, GenesisCall};
use client::JsonRpc;
use contracts::requests::{MeterEnrolment, enrolment};
use contracts::{
    BATCH_FILLS, BatchTrade, Call, Cash, Clearing, Currency, Deployment, FillBatch, Fills, Met,
    OrderTerms, Policy, Posted, Prices, Reconciled, Roles, Settings, Side, Signature, TradeBatch,
    trade_id,
};
use events::identity::{
    AccountOpened, ConnectionPointRegistered, Custody, Enrolment, MeterEnrolled,
};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, PartyId};
use keys::SecretKey;
use reading::{Reading, SignedReading, Status};
use service::Clock;
use tariff::Tariff;
use tempfile::TempDir;
use units::{Energy, Power, Register};

use crate::node::TestNode;

pub const CHAIN_ID: u64 = 78_002;
pub const HOUR: i64 = 3600;

pub fn key(name: &str) -> SecretKey {
    SecretKey::from_bytes(&keccak256(name).0).unwrap()
}

/// Who clears, enrols, registers policies and anchors readings.
pub fn authority() -> Address {
    key("authority").address()
}

pub fn operator() -> SecretKey {
    key("operator")
}

/// Who says what connection points generate from.
pub fn certifier() -> SecretKey {
    key("certifier")
}

pub fn community() -> CommunityId {
    CommunityId::derived("town")
}

pub fn zone() -> TimeZone {
    "Europe/Berlin".parse().unwrap()
}

pub fn hour() -> SlotLength {
    SlotLength::from_minutes(60).unwrap()
}

/// The day that is traded, metered and billed.
pub fn monday() -> LocalDay {
    "2026-06-01".parse().unwrap()
}

pub fn slot(hour_of_day: i64) -> Slot {
    let start = zone().start_of(monday()).plus_seconds(hour_of_day * HOUR);
    Slot { start, length: hour() }
}

pub fn deployment() -> Deployment {
    Deployment::of(key("deployer").address())
}

/// Euros, in which energy is traded, and francs.
pub fn currencies() -> Vec<Currency> {
    let cash = Deployment::further_cash(key("deployer").address());
    let cash = std::iter::once(deployment().cash()).chain(cash);
    let currency = |(code, cash): (&str, Cash)| Currency { code: code.to_owned(), cash };
    ["EUR", "CHF"].into_iter().zip(cash).map(currency).collect()
}

/// The contracts with the cash of francs.
pub fn francs() -> Deployment {
    deployment().of_cash(currencies()[1].cash)
}

/// What billing is started with in a folder.
pub fn parts(folder: &TempDir, bus: Bus, node: Arc<dyn JsonRpc>, clock: Clock) -> Parts {
    Parts {
        db_url: format!("sqlite:{}", folder.path().join("billing.db").display()),
        bus,
        clock,
        node,
        operator: operator(),
        certifier: certifier(),
        chain_id: CHAIN_ID,
        deployment: deployment(),
        currencies: currencies(),
        dealers: B256::repeat_byte(0xdd),
        policies: Vec::new(),
        slot: hour(),
        monthly: false,
    }
}

/// A chain that begins two days before Monday.
pub fn node() -> TestNode {
    let roles = Roles {
        admin: authority(),
        clearer: authority(),
        reconciler: operator().address(),
        policy: authority(),
        minter: operator().address(),
        reading_anchor: authority(),
        record_anchor: operator().address(),
        installers: vec![key("installer").address()],
        enroller: authority(),
        pauser: authority(),
        certifier: certifier().address(),
    };
    let settings = Settings { further: vec!["CHF".to_owned()], ..testkit::settings(600) };
    let genesis = contracts::Genesis::new(key("deployer").address(), &roles, &settings);
    assert_eq!(genesis.currencies, currencies());
    let begin = slot(0).start.plus_seconds(-48 * HOUR);
    let mut spec = GenesisSpec::new(CHAIN_ID, begin.unsigned());
    spec.difficulty = U256::ONE;
    spec.fixed_difficulty = true;
    for rich in [authority(), operator().address(), certifier().address()] {
        let wealth = Allocation { balance: U256::MAX >> 8, ..Allocation::default() };
        spec.alloc.insert(rich, wealth);
    }
    let deploys = genesis.deploys.into_iter();
    spec.deploy = deploys
        .map(|d| Deploy { from: d.from, init_code: d.init_code, value: U256::ZERO })
        .collect();
    let calls = genesis.calls.into_iter();
    spec.calls = calls.map(|c| GenesisCall { from: c.from, to: c.to, data: c.data }).collect();
    let nonces = u64::try_from(spec.calls.len()).unwrap();
    TestNode::new(&spec, HashMap::from([(authority(), nonces)]))
}

pub fn policy() -> Policy {
    Policy { slot_seconds: 3600, ..testkit::policy("town") }
}

pub fn tariff() -> Tariff {
    let flat = vec![vec![0; 24]; 12];
    let terms = serde_json::json!({
        "id": "flat", "name": "Flat", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "all day", "price": 228_000 }],
            "weekday": flat, "weekend": flat,
        },
        "network_fee": 62_000, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000,
    });
    Tariff::from_json(&terms.to_string()).unwrap()
}

/// `heron` buys in the evening; `otter` has a roof and sells at noon.
#[derive(Clone, Copy)]
pub struct Home(pub &'static str);

pub const HERON: Home = Home("heron");
pub const OTTER: Home = Home("otter");

impl Home {
    pub fn account(self) -> AccountId {
        AccountId::derived(self.0)
    }

    pub fn point(self) -> ConnectionPointId {
        ConnectionPointId::derived(self.0)
    }

    pub fn meter(self) -> MeterId {
        MeterId::derived(self.0)
    }

    pub fn address(self) -> Address {
        key(self.0).address()
    }

    pub fn meter_key(self) -> SecretKey {
        key(&format!("meter of {}", self.0))
    }

    pub fn opened(self) -> AccountOpened {
        AccountOpened {
            account: self.account(),
            party: PartyId::derived(self.0),
            community: community(),
            pseudonym: self.0.to_owned(),
            address: self.address(),
            custody: Custody::Own,
        }
    }

    pub fn registered(self) -> ConnectionPointRegistered {
        let power = Power::from_w(20_000);
        ConnectionPointRegistered {
            connection_point: self.point(),
            account: self.account(),
            community: community(),
            zone: policy().zone,
            timezone: zone(),
            import_max: power,
            export_max: power,
        }
    }

    fn enrolment(self) -> (MeterEnrolment, Enrolment) {
        let (owner, installer) = (key(self.0), key("installer"));
        let of = MeterEnrolment {
            meter: self.meter(),
            key: self.meter_key().address(),
            owner: owner.address(),
            installer: installer.address(),
            connection_point: self.point(),
            version: 1,
        };
        let hash = enrolment(CHAIN_ID, deployment().meters, &of);
        let signed = Enrolment {
            owner: owner.address(),
            installer: installer.address(),
            owner_signature: owner.sign(hash).into(),
            installer_signature: installer.sign(hash),
        };
        (of, signed)
    }

    pub fn enrolled(self) -> MeterEnrolled {
        MeterEnrolled {
            meter: self.meter(),
            serial: self.0.to_owned(),
            connection_point: self.point(),
            account: self.account(),
            community: community(),
            key: self.meter_key().address(),
            token_hash: String::new(),
            valid_from: slot(-48).start,
            enrolment: self.enrolment().1,
        }
    }

    pub fn enrol(self) -> Call {
        let (of, signed) = self.enrolment();
        let owner = signed.owner_signature.as_bytes().to_vec().into();
        let installer = signed.installer_signature.as_bytes().to_vec().into();
        deployment().enrol(&of, owner, installer)
    }

    /// The register after so many hours of Monday: 450 Wh taken in each, and from 10 to 15 o'clock
    /// 900 Wh given by a home with a roof.
    pub fn reading(self, hours: i64) -> SignedReading {
        let sunny = (hours - 10).clamp(0, 5).unsigned_abs() * 900;
        let export = if self.0 == "otter" { sunny } else { 0 };
        let reading = Reading {
            meter: self.meter(),
            page: u32::try_from(hours + 1).unwrap(),
            time: slot(hours).start,
            import: Register::from_wh(100_000 + hours.unsigned_abs() * 450),
            export: Register::from_wh(export),
            status: Status::default(),
            firmware: 1,
        };
        reading.sign(&self.meter_key())
    }

    /// Those of Monday and Tuesday.
    pub fn readings(self) -> Vec<SignedReading> {
        (0..=48).map(|hours| self.reading(hours)).collect()
    }
}

/// The trades of a slot: what was posted and signed of them, and the calls that say so.
pub struct Deals {
    pub trades: Vec<B256>,
    pub posted: Posted,
    /// The buyer's and the seller's of each fill.
    pub orders: Vec<(OrderTerms, OrderTerms)>,
    pub fills: Fills,
    /// The clearing, then its batches.
    pub calls: Vec<Call>,
}

impl Deals {
    /// The trades of the first batch as they stand after these runs, the last of each trade.
    pub fn standing(&self, runs: &[Reconciled]) -> TradeBatch {
        let trades: Vec<BatchTrade> = (0..)
            .zip(self.trades.iter().zip(&self.orders))
            .take(BATCH_FILLS)
            .map(|(index, (trade, (buy, sell)))| BatchTrade {
                index,
                buyer: buy.account,
                seller: sell.account,
                quantity: buy.quantity,
                prices: Prices::one(180_000),
                last: runs.iter().find(|run| run.trade == *trade).copied(),
            })
            .collect();
        TradeBatch::new(self.posted.clone(), 0, &trades).unwrap()
    }
}

/// When no trade of Monday can be corrected any more, nor any of a UTC day that it touches.
pub fn corrections_over() -> Timestamp {
    TimeZone::utc().start_of(monday().later(15)).plus_seconds(60)
}

/// Heron buys from otter in the slot of an hour, once for each quantity.
pub fn deals(hour_of_day: i64, quantities: &[u64]) -> Deals {
    let start = slot(hour_of_day).start;
    let order = |home: Home, side: Side, place: usize, wh: u64| OrderTerms {
        account: home.address(),
        side,
        slot: start.unsigned(),
        quantity: Energy::from_wh(wh),
        limit_price: if side == Side::Buy { 250_000 } else { 100_000 },
        min_fill: Energy::ZERO,
        community: community(),
        zone: policy().zone,
        connection_point: home.point(),
        policy: policy().id(),
        delegate: Address::ZERO,
        nonce: U256::from(hour_of_day + 1) + U256::from(100 * place),
        expiry: start.unsigned(),
    };
    let at = deployment();
    let hash = |order: &OrderTerms| order.hash(CHAIN_ID, at.market);
    let orders: Vec<(OrderTerms, OrderTerms)> = quantities
        .iter()
        .enumerate()
        .map(|(place, wh)| {
            (order(HERON, Side::Buy, place, *wh), order(OTTER, Side::Sell, place, *wh))
        })
        .collect();
    let met = |(buy, sell): &(OrderTerms, OrderTerms)| Met {
        buy: hash(buy),
        sell: hash(sell),
        quantity: buy.quantity,
        prices: Prices::one(180_000),
    };
    let fills = Fills::new(orders.iter().map(met).collect()).unwrap();
    let clearing = Clearing {
        policy: policy().id(),
        slot: start.unsigned(),
        mechanism: 1,
        price: 180_000,
        retail_price: 290_000,
        feed_in_price: 80_000,
        volume: Energy::from_wh(quantities.iter().sum()),
        fills: u32::try_from(orders.len()).unwrap(),
        fills_root: fills.root(),
        journal_root: B256::ZERO,
    };
    let id = clearing.id();
    let posted = Posted { clearing, policy: policy() };
    let batches = signed(&posted, &fills, &orders);
    let settled = batches.iter().map(|batch| at.settle(batch));
    let calls = std::iter::once(at.clear(&posted)).chain(settled).collect();
    let trades = (0..posted.clearing.fills).map(|index| trade_id(id, index)).collect();
    Deals { trades, posted, orders, fills, calls }
}

/// The batches of some fills, with their orders signed by those whose they are.
fn signed(posted: &Posted, fills: &Fills, orders: &[(OrderTerms, OrderTerms)]) -> Vec<FillBatch> {
    let market = deployment().market;
    let known: HashMap<B256, &OrderTerms> = orders
        .iter()
        .flat_map(|(buy, sell)| [buy, sell])
        .map(|order| (order.hash(CHAIN_ID, market), order))
        .collect();
    fills.batches(posted, |hash| {
        let order = *known.get(&hash)?;
        let home = if order.side == Side::Buy { HERON } else { OTTER };
        Some((order, Signature::Key(*key(home.0).sign(hash).as_bytes())))
    })
}
