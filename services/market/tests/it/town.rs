//! A small town: one market, neighbours with keys, a tariff; and orders they sign.

use calendar::{Slot, SlotLength, Timestamp};
use contracts::{Address, B256, BuyerRule, Deployment, OrderTerms, Policy, SellerRule, Side, U256};
use ids::{AccountId, CommunityId, ConnectionPointId, OrderId, PartyId, ZoneId};
use keys::{SecretKey, recover};
use market::MarketConfig;
use market::domain::{
    Entry, Exchange, Member, Meter, Movement, NewOrder, Parameters, Placement, Point,
    PublishedTariff, Rejection, TimeInForce,
};
use serde_json::json;
use tariff::Tariff;
use units::{Energy, Money, Power};

/// The chain that orders are signed for.
pub const CHAIN_ID: u64 = 78_001;
/// The start of the slot that tests trade in.
pub const SLOT: &str = "2026-06-01T10:00:00Z";
/// What every neighbour has deposited.
pub const DEPOSIT: i64 = 10_000_000_000;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An hour before the gate of [`SLOT`].
pub fn morning() -> Timestamp {
    at("2026-06-01T08:45:00Z")
}

pub fn slot() -> Slot {
    Slot::starting(at(SLOT), SlotLength::QUARTER_HOUR).unwrap()
}

pub fn community() -> CommunityId {
    CommunityId::derived("town")
}

pub fn zone() -> ZoneId {
    ZoneId::derived("town")
}

pub fn deployment() -> Deployment {
    Deployment::of(Address::repeat_byte(0xd0))
}

/// Network 1 ct, platform 0.2 ct each, make-whole.
pub fn config() -> MarketConfig {
    let policy = Policy {
        community: community(),
        zone: zone(),
        slot_seconds: 900,
        network_fee: 10_000,
        buyer_fee: 2_000,
        seller_fee: 2_000,
        retail_price_max: 500_000,
        feed_in_price_min: 50_000,
        tolerance_bps: 1000,
        tolerance_wh: 50,
        seller_short: SellerRule::MakeWhole,
        buyer_short: BuyerRule::MakeWhole,
        imbalance_price: 0,
        settle_seconds: 0,
        correction_seconds: 10 * 86_400,
        challenge_seconds: 3 * 86_400,
        network_account: Address::repeat_byte(0xf1),
        platform_account: Address::repeat_byte(0xf2),
        difference_account: Address::repeat_byte(0xa3),
        balance_account: Address::repeat_byte(0xa4),
    };
    MarketConfig::new("Europe/Berlin".parse().unwrap(), policy)
}

pub fn parameters() -> Parameters {
    config().parameters().unwrap()
}

/// Energy 30 ct, feed-in 8 ct.
pub fn tariff() -> Tariff {
    let flat = vec![vec![0; 24]; 12];
    let terms = json!({
        "id": "flat", "name": "Flat", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "all day", "price": 300_000 }],
            "weekday": flat, "weekend": flat,
        },
        "network_fee": 0, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000,
    });
    Tariff::from_json(&terms.to_string()).unwrap()
}

/// Someone who trades.
pub struct Neighbour {
    pub name: String,
    pub key: SecretKey,
}

/// Six neighbours: `b1`, `b2`, `b3` and `s1`, `s2`, `s3` have 20 kW each way.
pub const NAMES: [&str; 6] = ["b1", "b2", "b3", "s1", "s2", "s3"];

pub fn neighbour(name: &str) -> Neighbour {
    let bytes = alloy_primitives::keccak256(name).0;
    Neighbour { name: name.to_owned(), key: SecretKey::from_bytes(&bytes).unwrap() }
}

impl Neighbour {
    pub fn account(&self) -> AccountId {
        AccountId::derived(&self.name)
    }

    pub fn party(&self) -> PartyId {
        PartyId::derived(&self.name)
    }

    pub fn point(&self) -> ConnectionPointId {
        ConnectionPointId::derived(&self.name)
    }

    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The terms of an order for [`SLOT`]; the nonce is its own for every price and quantity.
    pub fn terms(&self, side: Side, quantity: u64, limit_price: u64) -> OrderTerms {
        OrderTerms {
            account: self.address(),
            side,
            slot: at(SLOT).unsigned(),
            quantity: Energy::from_wh(quantity),
            limit_price,
            min_fill: Energy::ZERO,
            community: community(),
            zone: zone(),
            connection_point: self.point(),
            policy: config().policy.id(),
            delegate: Address::ZERO,
            nonce: U256::from(limit_price * 1_000_000 + quantity),
            expiry: slot().end().unsigned(),
        }
    }

    /// The order as it arrives when this neighbour signs `terms`.
    pub fn sign(&self, terms: OrderTerms) -> NewOrder {
        let hash = terms.hash(CHAIN_ID, deployment().market);
        let signature = self.key.sign(hash);
        NewOrder {
            id: OrderId::derived(&hash.to_string()),
            account: self.account(),
            signer: recover(hash, &signature),
            terms,
            hash,
            signature: signature.into(),
            replaces: None,
            time_in_force: TimeInForce::GoodTillGate,
            beyond_reference: false,
        }
    }

    pub fn buy(&self, quantity: u64, limit: u64) -> NewOrder {
        self.sign(self.terms(Side::Buy, quantity, limit))
    }

    pub fn sell(&self, quantity: u64, limit: u64) -> NewOrder {
        self.sign(self.terms(Side::Sell, quantity, limit))
    }

    pub fn entries(&self) -> Vec<Entry> {
        let power = Power::from_w(20_000);
        vec![
            Entry::Member(Member {
                account: self.account(),
                party: self.party(),
                address: self.address(),
                pseudonym: format!("Home {}", self.name),
            }),
            Entry::Point(Point {
                connection_point: self.point(),
                account: self.account(),
                zone: zone(),
                import_max: power,
                export_max: power,
            }),
            Entry::Meter(Meter {
                connection_point: self.point(),
                serial: format!("1EMH00123456-{}", self.name),
            }),
        ]
    }
}

/// A block in the ledger's feed; sequence and height are the same here.
pub fn block(number: u64, finalized: u64, movements: Vec<Movement>) -> Entry {
    Entry::Connected {
        sequence: number,
        number,
        hash: block_hash(number),
        timestamp: morning(),
        finalized,
        movements,
    }
}

pub fn block_hash(number: u64) -> B256 {
    alloy_primitives::keccak256(number.to_be_bytes())
}

/// The town in the morning: everyone is known and has [`DEPOSIT`] in a final block.
pub fn town() -> Exchange {
    let mut exchange = Exchange::default();
    let mut deposits = Vec::new();
    for name in NAMES {
        let neighbour = neighbour(name);
        neighbour.entries().iter().for_each(|entry| exchange.apply(entry));
        let (address, amount) = (neighbour.address(), Money::from_n(DEPOSIT));
        deposits.push(Movement::In { address, amount });
    }
    exchange.apply(&Entry::Tariff(PublishedTariff {
        valid_from: at("2026-01-01T00:00:00Z"),
        tariff: tariff(),
    }));
    exchange.apply(&block(1, 1, deposits));
    exchange
}

/// Places an order in the morning and applies it.
pub fn place(exchange: &mut Exchange, order: &NewOrder) -> Result<(), Rejection> {
    match exchange.place(order, &parameters(), morning())? {
        Placement::New(accepted) => exchange.apply(&Entry::Accepted(*accepted)),
        Placement::Repeated(_) => panic!("an order of its own was expected"),
    }
    Ok(())
}
