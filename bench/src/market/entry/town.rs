//! A town that trades: accounts with cash, orders that they signed, and the market that serves it.

use std::sync::Arc;

use access::Role;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::SolEvent;
use anyhow::{Context, Result, ensure};
use bus::Bus;
use calendar::{Slot, SlotLength, TimeZone, Timestamp};
use client::HttpRpc;
use contracts::bindings::EnergyMarket;
use contracts::{BuyerRule, Deployment, OrderTerms, Policy, SellerRule, Side};
use events::Envelope;
use events::billing::TariffPublished;
use events::identity::{AccountOpened, ConnectionPointRegistered, Custody};
use events::ledger::{BlockConnected, Log};
use ids::{AccountId, CommunityId, ConnectionPointId, PartyId, ZoneId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use keys::SecretKey;
use market::{Market, MarketConfig, Parts};
use serde_json::{Value, json};
use service::{Claims, Clock, ClockHand, Tick, Verifier};
use tariff::Tariff;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use units::{Energy, Power};
use utoipa_actix_web::AppExt;

use super::{BATCH, CLEARED};
use crate::http::Request;

const CHAIN_ID: u64 = 78_001;
/// Accounts: every other one sells.
const ACCOUNTS: usize = 100;
/// Slots behind the large one that orders are for, in turn: a horizon less some.
const SLOTS: usize = 120;
/// The start of the large slot.
const LARGE: i64 = 1_780_308_000;
/// How long before the gate of the large slot all is sent.
const BEFORE_SECONDS: i64 = 600;
/// What each account has, in 1e-9 currency.
const DEPOSIT: i64 = 1_000_000_000_000;
/// The smallest order.
const QUANTITY: u64 = 10;
/// Threads that answer, as many as the machine that is aimed at has processors.
const WORKERS: usize = 2;
/// RFC 8032, test 1: a key pair that everyone knows.
const SECRET: [u8; 32] = hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const PUBLIC: [u8; 32] = hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

/// Who trades.
struct Neighbour {
    name: String,
    key: SecretKey,
    token: String,
    side: Side,
}

/// Requests with signed orders, ready to be sent.
pub(super) struct Town {
    neighbours: Vec<Neighbour>,
    pub(super) batches: Vec<Request>,
    pub(super) singles: Vec<Request>,
    /// Batches that fill the large slot.
    pub(super) large: Vec<Request>,
}

fn community() -> CommunityId {
    CommunityId::derived("town")
}

fn zone() -> ZoneId {
    ZoneId::derived("town")
}

fn deployment() -> Deployment {
    Deployment::of(Address::repeat_byte(0xd0))
}

fn timezone() -> TimeZone {
    "Europe/Berlin".parse().expect("a time zone that is known")
}

/// When all is sent.
fn now() -> Timestamp {
    Timestamp::from_seconds(LARGE - i64::from(config().gate_seconds) - BEFORE_SECONDS)
}

fn config() -> MarketConfig {
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
    MarketConfig::new(timezone(), policy)
}

/// Energy 30 ct, feed-in 8 ct.
fn tariff() -> Result<Tariff> {
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
    Ok(Tariff::from_json(&terms.to_string())?)
}

impl Neighbour {
    fn new(number: usize) -> Result<Self> {
        let name = format!("account {number}");
        let key = SecretKey::from_bytes(&keccak256(&name).0).context("a key")?;
        let claims = Claims {
            iss: "wattex".to_owned(),
            sub: PartyId::derived(&name),
            account: Some(AccountId::derived(&name)),
            community: community(),
            roles: vec![Role::Prosumer],
            exp: 4_102_444_800,
            iat: 0,
        };
        // PKCS #8: the fixed prefix of an Ed25519 key, then the secret.
        let prefix = hex!("302e020100300506032b657004220420");
        let signing = EncodingKey::from_ed_der(&[prefix.as_slice(), &SECRET].concat());
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &signing)?;
        let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        Ok(Self { name, key, token, side })
    }

    /// An order of this account for the slot that starts then.
    fn order(&self, slot: i64, nonce: usize) -> Value {
        let terms = OrderTerms {
            account: self.key.address(),
            side: self.side,
            slot: slot.unsigned_abs(),
            quantity: Energy::from_wh(QUANTITY),
            // So that nearly all meet: buyers pay more than sellers want.
            limit_price: match self.side {
                Side::Buy => 200_000 - 100 * (nonce as u64 % 50),
                Side::Sell => 100_000 + 100 * (nonce as u64 % 50),
            },
            min_fill: Energy::ZERO,
            community: community(),
            zone: zone(),
            connection_point: ConnectionPointId::derived(&self.name),
            policy: config().policy.id(),
            delegate: Address::ZERO,
            nonce: U256::from(nonce),
            expiry: slot.unsigned_abs() + 900,
        };
        let signature = self.key.sign(terms.hash(CHAIN_ID, deployment().market));
        json!({ "order": terms, "signature": signature.to_string() })
    }

    fn batch(&self, orders: &[Value]) -> Request {
        let body = json!({ "orders": orders }).to_string();
        Request::from(&self.token, "/v1/orders/batch", &body)
    }
}

/// The start of one of the slots behind the large one.
fn later(number: usize) -> i64 {
    LARGE + 900 * (1 + (number % SLOTS) as i64)
}

impl Town {
    /// Signs what a run sends.
    pub(super) fn sign(batches: usize, singles: usize) -> Result<Self> {
        let neighbours: Vec<Neighbour> =
            (0..ACCOUNTS).map(Neighbour::new).collect::<Result<_>>()?;
        let mut nonce = 0;
        let mut next = |who: &Neighbour, slot: i64| {
            nonce += 1;
            who.order(slot, nonce)
        };
        let mut several = |who: &Neighbour, slot: &dyn Fn(usize) -> i64| {
            let orders: Vec<Value> = (0..BATCH).map(|place| next(who, slot(place))).collect();
            who.batch(&orders)
        };
        let turn = |number: usize| &neighbours[number % ACCOUNTS];
        let batches = (0..batches).map(|number| several(turn(number), &later)).collect();
        let large = (0..CLEARED / BATCH).map(|number| several(turn(number), &|_| LARGE)).collect();
        let single = |number: usize| {
            let who = turn(number);
            Request::from(
                &who.token,
                "/v1/orders",
                &next(who, later(number / ACCOUNTS)).to_string(),
            )
        };
        let singles = (0..singles).map(single).collect();
        Ok(Self { neighbours, batches, singles, large })
    }

    /// What identity, billing and the ledger say before.
    fn past(&self) -> Result<Vec<Envelope>> {
        let (mut past, mut logs) = (Vec::new(), Vec::new());
        for Neighbour { name, key, .. } in &self.neighbours {
            let (account, address) = (AccountId::derived(name), key.address());
            let opened = AccountOpened {
                account,
                party: PartyId::derived(name),
                community: community(),
                pseudonym: name.clone(),
                address,
                custody: Custody::Own,
            };
            past.push(Envelope::of(&opened, name, now()));
            let registered = ConnectionPointRegistered {
                connection_point: ConnectionPointId::derived(name),
                account,
                community: community(),
                zone: zone(),
                timezone: timezone(),
                import_max: Power::from_w(20_000),
                export_max: Power::from_w(20_000),
            };
            past.push(Envelope::of(&registered, name, now()));
            let (amount, payment) = (U256::from(DEPOSIT), keccak256(name));
            let deposit = EnergyMarket::DepositCredited { account: address, amount, payment };
            let data = deposit.encode_log_data();
            logs.push(Log {
                address: deployment().market,
                topics: data.topics().to_vec(),
                data: data.data,
                transaction: B256::ZERO,
                index: 0,
            });
        }
        let tariff = tariff()?;
        let published = TariffPublished {
            community: community(),
            hash: tariff.hash(),
            valid_from: Timestamp::from_seconds(0),
            tariff: serde_json::from_str(&tariff.canonical_json())?,
        };
        past.push(Envelope::of(&published, "flat/1", now()));
        let block = BlockConnected {
            sequence: 1,
            number: 1,
            hash: B256::repeat_byte(1),
            parent: B256::ZERO,
            timestamp: now(),
            finalized: 1,
            transactions: Vec::new(),
            logs,
        };
        past.push(Envelope::of(&block, "1", now()));
        Ok(past)
    }
}

/// The market on a port of its own.
pub(super) struct Served {
    pub(super) address: String,
    market: Arc<Market>,
    hand: ClockHand,
    server: ServerHandle,
    folder: Arc<TempDir>,
    runtime: Runtime,
}

impl Served {
    /// Starts it on the database in `folder`; on a new one, and tells it the past, without.
    pub(super) fn start(town: &Town, folder: Option<Arc<TempDir>>) -> Result<Self> {
        let runtime = Runtime::new()?;
        let (clock, hand) = Clock::set(now());
        let bus = Bus::in_process();
        let past = if folder.is_none() { town.past()? } else { Vec::new() };
        let folder = folder.map_or_else(|| tempfile::tempdir().map(Arc::new), Ok)?;
        let parts = Parts {
            db_url: format!("sqlite:{}", folder.path().join("market.db").display()),
            bus: bus.clone(),
            clock,
            // What is handed to the chain stays in the database.
            node: Arc::new(HttpRpc::new("http://127.0.0.1:1")?),
            clearer: SecretKey::from_bytes(&[7; 32]).context("a key")?,
            delegate: SecretKey::from_bytes(&[8; 32]).context("a key")?,
            chain_id: CHAIN_ID,
            deployment: deployment(),
            markets: vec![config()],
        };
        let market = runtime.block_on(async {
            let market = market::start(parts).await?;
            for envelope in &past {
                bus.publish(envelope).await?;
            }
            anyhow::Ok(market)
        })?;
        let (address, server) = runtime.block_on(serve(market.clone()))?;
        Ok(Self { address, market, hand, server, folder, runtime })
    }

    /// Lets the gate of the large slot close and has it cleared.
    pub(super) fn clear(&self) -> Result<()> {
        let gate = Timestamp::from_seconds(LARGE - i64::from(config().gate_seconds));
        self.hand.move_to(gate);
        let cleared = self.runtime.block_on(self.market.tick(gate))?;
        let desk = self.market.desks().first().context("a desk")?;
        let slot = Slot::containing(Timestamp::from_seconds(LARGE), SlotLength::QUARTER_HOUR);
        let trades = self.runtime.block_on(async {
            let book = desk.book().await;
            let cleared = book.slot(slot.start).and_then(|book| book.cleared.as_ref());
            cleared.map_or(0, |cleared| cleared.trades.len())
        });
        ensure!(cleared && trades >= CLEARED / 2, "the slot has {trades} trades");
        Ok(())
    }

    /// How many orders there are, and the hash of the book.
    pub(super) fn state(&self) -> (usize, B256) {
        let desks = self.market.desks();
        self.runtime.block_on(async {
            let book = desks[0].book().await;
            (book.orders().count(), book.hash())
        })
    }

    /// Ends it without a word, as a kill does; its database stays.
    pub(super) fn kill(self) -> Arc<TempDir> {
        self.runtime.shutdown_background();
        self.folder
    }

    /// Ends it; its database stays.
    pub(super) fn stop(self) -> Result<Arc<TempDir>> {
        self.runtime.block_on(async {
            self.server.stop(true).await;
            self.market.close().await;
        });
        Ok(self.folder)
    }
}

async fn serve(market: Arc<Market>) -> Result<(String, ServerHandle)> {
    let verifier = Verifier::new();
    verifier.trust("bench".to_owned(), DecodingKey::from_ed_der(&PUBLIC));
    let (routes, verifier) = (market::routes(market), Data::new(verifier));
    let server = HttpServer::new(move || {
        let (json, query, path, payload) = service::extractor_limits();
        App::new()
            .into_utoipa_app()
            .app_data(verifier.clone())
            .app_data(json)
            .app_data(query)
            .app_data(path)
            .app_data(payload)
            .configure(routes.clone())
            .into_app()
    });
    let server = server.workers(WORKERS).disable_signals().bind(("127.0.0.1", 0))?;
    let address = server.addrs().first().context("an address")?.to_string();
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok((address, handle))
}
