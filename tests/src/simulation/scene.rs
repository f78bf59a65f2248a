//! What worlds share: keys, contracts, the first block, the rules of the market.
//!
//! There are [`RULES`] sets of rules: the usual ones, and then what a seller owes that is short
//! with what a buyer owes, each pair at one price and at prices of their own, each set with fees
//! and tolerances of its own.

use std::sync::OnceLock;

use alloy_primitives::{Address, U256, keccak256};
use calendar::SlotLength;
use chain::genesis::{Deploy, GenesisCall};
use chain::{GenesisSpec, Imported, Rules};
use contracts::{BuyerRule, Deployment, Genesis, Policy, Roles, SellerRule};
use ids::{AccountId, ConnectionPointId, MeterId};
use keys::SecretKey;
use market::MarketConfig;
use market::domain::Parameters;
use matching::Mechanism;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tariff::Tariff;
use units::Power;

/// The chain that everything is signed for.
pub(super) const CHAIN_ID: u64 = 4_711;
/// When the first block was mined: midnight UTC of a Monday.
pub(super) const GENESIS_AT: i64 = 1_780_272_000;
/// How many sets of rules there are; 0 are the usual ones.
pub const RULES: usize = 1 + PAIRS * 2;
const PAIRS: usize = SellerRule::ALL.len() * BuyerRule::ALL.len();
/// The mechanisms of the sets, in turn: those with one price, and those of which each fill has two.
const OF_ONE_PRICE: [Mechanism; 5] = [
    Mechanism::Uniform { k_bps: 5_000 },
    Mechanism::MidMarket,
    Mechanism::SupplyDemand,
    Mechanism::GsyPayAsClear,
    Mechanism::LemlabUniform,
];
const OF_TWO_PRICES: [Mechanism; 6] = [
    Mechanism::KPricing { k_bps: 5_000 },
    Mechanism::McAfee,
    Mechanism::PayAsBid,
    Mechanism::Muda,
    Mechanism::GsyPayAsBid,
    Mechanism::LemlabDiscriminatory,
];
/// The most homes of a world.
pub(super) const HOMES_MAX: usize = 6;
/// What each connection carries, each way.
pub(super) const CONNECTION: Power = Power::from_w(20_000);
/// Ether of the keys that send transactions.
const SENDER_WEI: u128 = 1_000_000_000_000_000_000_000_000;
/// Seconds from asking for a withdrawal to getting it.
pub(super) const WITHDRAWAL_DELAY: u32 = 2 * 86_400;
/// Tries to seal a block of the fixed difficulty; few are needed.
pub(super) const SEAL_TRIES: u64 = 1 << 20;

/// A home with an account, a connection point and a meter.
pub(super) struct Home {
    pub(super) key: SecretKey,
    pub(super) address: Address,
    pub(super) account: AccountId,
    pub(super) point: ConnectionPointId,
    pub(super) meter: MeterId,
    pub(super) meter_key: SecretKey,
}

/// What all worlds share.
pub(super) struct Scene {
    pub(super) genesis: Imported,
    pub(super) rules: Rules,
    pub(super) at: Deployment,
    pub(super) policy: Policy,
    pub(super) parameters: Parameters,
    pub(super) tariff: Tariff,
    pub(super) homes: Vec<Home>,
    /// Posts clearings and settlements.
    pub(super) clearer: SecretKey,
    /// Mints, deposits and posts deliveries.
    pub(super) reconciler: SecretKey,
    /// Anyone: sends what others signed, and what anyone may send.
    pub(super) stranger: SecretKey,
}

/// The scene with slots of a quarter of an hour or an hour and a set of rules; each is built once.
pub(super) fn scene(length: SlotLength, rules: usize) -> &'static Scene {
    static SCENES: [[OnceLock<Scene>; RULES]; 2] =
        [const { [const { OnceLock::new() }; RULES] }; 2];
    let of_length = &SCENES[usize::from(length > SlotLength::QUARTER_HOUR)];
    of_length[rules].get_or_init(|| build(length, rules))
}

pub(super) fn key(name: &str) -> SecretKey {
    SecretKey::from_bytes(&keccak256(name).0).expect("a hash is a key")
}

fn build(length: SlotLength, rules: usize) -> Scene {
    let (policy, mechanism) = market(length, rules);
    let (clearer, reconciler, stranger) = (key("clearer"), key("reconciler"), key("stranger"));
    let admin = key("admin").address();
    let roles = Roles {
        admin,
        clearer: clearer.address(),
        reconciler: reconciler.address(),
        policy: admin,
        minter: reconciler.address(),
        reading_anchor: admin,
        record_anchor: admin,
        installers: vec![admin],
        enroller: admin,
        pauser: admin,
        certifier: admin,
    };
    let ours =
        Genesis::new(key("deployer").address(), &roles, &testkit::settings(WITHDRAWAL_DELAY));
    let at = ours.deployment;
    let mut spec = GenesisSpec::new(CHAIN_ID, GENESIS_AT.unsigned_abs());
    spec.difficulty = U256::from(4);
    spec.fixed_difficulty = true;
    for sender in [&clearer, &reconciler, &stranger] {
        spec.alloc.entry(sender.address()).or_default().balance = U256::from(SENDER_WEI);
    }
    let deploys = ours.deploys.into_iter();
    spec.deploy = deploys
        .map(|deploy| Deploy { from: deploy.from, init_code: deploy.init_code, value: U256::ZERO })
        .collect();
    let calls = ours.calls.into_iter();
    spec.calls =
        calls.map(|call| GenesisCall { from: call.from, to: call.to, data: call.data }).collect();
    let register = at.register_policy(&policy);
    spec.calls.push(GenesisCall { from: admin, to: register.to, data: register.data });
    let built = spec.build().expect("the first block is built");
    let timezone = "Europe/Berlin".parse().expect("a known time zone");
    let config = MarketConfig { mechanism, ..MarketConfig::new(timezone, policy.clone()) };
    Scene {
        genesis: built.imported,
        rules: built.rules,
        at,
        parameters: config.parameters().expect("the market's configuration is valid"),
        tariff: tariff(&policy),
        policy,
        homes: (0..HOMES_MAX).map(home).collect(),
        clearer,
        reconciler,
        stranger,
    }
}

fn home(number: usize) -> Home {
    let name = format!("home-{number}");
    let (key, meter_key) = (key(&name), key(&format!("{name}/meter")));
    Home {
        address: key.address(),
        key,
        account: AccountId::derived(&name),
        point: ConnectionPointId::derived(&name),
        meter: MeterId::derived(&name),
        meter_key,
    }
}

/// What both sides sign, and how slots are cleared. The usual rules: network 1 ct, platform 0.2 ct
/// each, make-whole, the uniform auction. Ten days of corrections, three of challenges.
fn market(length: SlotLength, rules: usize) -> (Policy, Mechanism) {
    let usual = Policy {
        slot_seconds: u32::from(length.minutes()) * 60,
        feed_in_price_min: 50_000,
        correction_seconds: 10 * 86_400,
        ..testkit::policy("village")
    };
    let Some(set) = rules.checked_sub(1) else { return (usual, Mechanism::default()) };
    let mut random = ChaCha8Rng::seed_from_u64(set as u64);
    let sellers = SellerRule::ALL.len();
    let policy = Policy {
        network_fee: random.random_range(0..20_000),
        buyer_fee: random.random_range(0..4_000),
        seller_fee: random.random_range(0..4_000),
        tolerance_bps: random.random_range(0..2_000),
        tolerance_wh: random.random_range(0..100),
        seller_short: SellerRule::ALL[set % sellers],
        buyer_short: BuyerRule::ALL[set / sellers % BuyerRule::ALL.len()],
        imbalance_price: random.random_range(20_000..300_000),
        ..usual
    };
    let mechanism = if set < PAIRS {
        OF_ONE_PRICE[set % OF_ONE_PRICE.len()]
    } else {
        OF_TWO_PRICES[set % OF_TWO_PRICES.len()]
    };
    (policy, mechanism)
}

/// Energy 30 ct by day and 20 ct by night, feed-in 8 ct.
fn tariff(policy: &Policy) -> Tariff {
    let hours: Vec<u8> = (0..24).map(|hour| u8::from(!(6..22).contains(&hour))).collect();
    let year = vec![hours; 12];
    let terms = json!({
        "id": "two-period", "name": "Two periods", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [
                { "name": "day", "price": 300_000 },
                { "name": "night", "price": 200_000 },
            ],
            "weekday": year, "weekend": year,
        },
        "network_fee": 0, "local_network_fee": policy.network_fee,
        "platform_fees": { "buyer": policy.buyer_fee, "seller": policy.seller_fee },
        "feed_in_price": 80_000,
    });
    Tariff::from_json(&terms.to_string()).expect("the tariff is valid")
}
