//! A community with meters, and the metering service that listens to them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use alloy_primitives::{Address, B256};
use bus::Consumer;
use calendar::{SlotLength, TimeZone, Timestamp};
use client::{HttpRpc, JsonRpc, Sender};
use contracts::Deployment;
use db::{Row, query};
use events::identity::{
    ConnectionPointRegistered, Enrolment, MeterEnrolled, MeterRevoked, MeterRotated,
};
use events::metering::{IntervalFact, IntervalsClosed, IntervalsCorrected};
use events::{Envelope, Event};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, PartyId, ZoneId};
use keys::SecretKey;
use metering::{Anchor, Bridge, Config, Limits, Metering};
use reading::{Reading, SignedReading, Status};
use service::{Clock, ClockHand, Tick};
use sha2::{Digest, Sha256};
use testkit::PostgresServer;
use units::{Power, Register};

/// The start of these tests: local midnight in Kathmandu, a quarter past in UTC.
pub(crate) const START: &str = "2026-05-31T18:15:00Z";
/// The token of the bridge.
pub(crate) const BRIDGE_TOKEN: &str = "bridge-secret";
/// Seconds of a slot.
pub(crate) const SLOT: i64 = 900;

/// One meter of the community.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) meter: MeterId,
    pub(crate) key: SecretKey,
}

impl Device {
    pub(crate) fn new(name: &str) -> Device {
        let key = SecretKey::from_bytes(&Sha256::digest(name).into()).unwrap();
        Device { name: name.to_owned(), meter: MeterId::derived(name), key }
    }

    pub(crate) fn token(&self) -> String {
        format!("token-of-{}", self.name)
    }

    pub(crate) fn point(&self) -> ConnectionPointId {
        ConnectionPointId::derived(&self.name)
    }

    pub(crate) fn account(&self) -> AccountId {
        AccountId::derived(&self.name)
    }

    pub(crate) fn topic(&self) -> String {
        format!("wattex/v1/{}/reading", self.meter)
    }

    /// What identity tells of its connection point.
    pub(crate) fn registered(&self) -> ConnectionPointRegistered {
        ConnectionPointRegistered {
            connection_point: self.point(),
            account: self.account(),
            community: community(),
            zone: ZoneId::derived("feeder"),
            timezone: "Asia/Kathmandu".parse::<TimeZone>().unwrap(),
            import_max: Power::from_w(20_000),
            export_max: Power::from_w(20_000),
        }
    }

    /// What identity tells of it.
    pub(crate) fn enrolled(&self) -> MeterEnrolled {
        let signature = self.key.sign(B256::ZERO);
        MeterEnrolled {
            meter: self.meter,
            serial: format!("SN-{}", self.name),
            connection_point: self.point(),
            account: self.account(),
            community: community(),
            key: self.key.address(),
            token_hash: hex::encode(Sha256::digest(self.token())),
            valid_from: at(0),
            enrolment: Enrolment {
                owner: Address::ZERO,
                installer: Address::ZERO,
                owner_signature: signature.into(),
                installer_signature: signature,
            },
        }
    }

    /// The signed reading of `page`, `slots` after the start.
    pub(crate) fn read(&self, page: u32, slots: i64, import: u64, export: u64) -> SignedReading {
        let reading = Reading {
            meter: self.meter,
            page,
            time: at(slots),
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status: Status::default(),
            firmware: 1,
        };
        reading.sign(&self.key)
    }
}

/// A new database on a PostgreSQL server that tests share as long as one of them needs it.
fn postgres() -> (Arc<Mutex<PostgresServer>>, String) {
    static SERVER: Mutex<(Weak<Mutex<PostgresServer>>, u64)> = Mutex::new((Weak::new(), 0));
    let mut shared = SERVER.lock().unwrap();
    let server = shared.0.upgrade().unwrap_or_else(|| {
        let started = Arc::new(Mutex::new(PostgresServer::start().unwrap()));
        shared.0 = Arc::downgrade(&started);
        started
    });
    shared.1 += 1;
    let name = format!("metering{}", shared.1);
    let database = server.lock().unwrap().database(&name).unwrap();
    (server, database)
}

/// `slots` quarter-hours after the start.
pub(crate) fn at(slots: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap().plus_seconds(slots * SLOT)
}

pub(crate) fn community() -> CommunityId {
    CommunityId::derived("village")
}

/// The service and what it runs on.
pub(crate) struct Home {
    pub(crate) metering: Arc<Metering>,
    pub(crate) hand: ClockHand,
    config: Config,
    clock: Clock,
    /// What its database lives on.
    _keep: Box<dyn Any>,
}

impl Home {
    /// A service on a SQLite file of its own, with these meters enrolled.
    pub(crate) async fn with(devices: &[Device]) -> Home {
        let home = Home::empty().await;
        home.enrol_all(devices).await;
        home
    }

    /// Services on SQLite and on PostgreSQL, with these meters enrolled.
    pub(crate) async fn everywhere(devices: &[Device]) -> Vec<Home> {
        let homes = vec![Home::empty().await, Home::on_postgres().await];
        for home in &homes {
            home.enrol_all(devices).await;
        }
        homes
    }

    async fn empty() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("metering.db").display());
        Home::on(database, Box::new(folder)).await
    }

    /// A service on a PostgreSQL database of its own, where nobody is enrolled.
    pub(crate) async fn on_postgres() -> Home {
        let (server, database) = postgres();
        Home::on(database, Box::new(server)).await
    }

    async fn on(database: String, keep: Box<dyn Any>) -> Home {
        let bridge = Bridge {
            name: "gateway".to_owned(),
            token_hash: hex::encode(Sha256::digest(BRIDGE_TOKEN)),
            meters: Vec::new(),
            topics: Vec::new(),
        };
        let config = Config {
            database,
            mqtt: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            slot: SlotLength::QUARTER_HOUR,
            grace_seconds: 600,
            readings_kept_days: None,
            limits: Limits { connections_max: 20, ..Limits::default() },
            bridges: vec![bridge],
        };
        let (clock, hand) = Clock::set(at(0));
        let metering = Metering::open(config.clone(), clock.clone(), anchor(), nowhere());
        let metering = metering.await.unwrap();
        Home { metering, hand, config, clock, _keep: keep }
    }

    /// Lets go of the service and opens it again on the same database, as after a crash.
    pub(crate) async fn reopen(&mut self) {
        let (config, clock) = (self.config.clone(), self.clock.clone());
        self.metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
    }

    /// Opens the service again, with packets of so many bytes at most.
    pub(crate) async fn limit_packets(&mut self, bytes: usize) {
        self.config.limits.packet_bytes_max = bytes;
        self.reopen().await;
    }

    /// Opens the service again, with readings kept for so many days.
    pub(crate) async fn keep_readings(&mut self, days: u16) {
        self.config.readings_kept_days = Some(days);
        self.reopen().await;
    }

    /// The settings, to run another service on the same database.
    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    pub(crate) async fn enrol(&self, device: &Device) {
        self.tell(&device.registered()).await;
        self.tell(&device.enrolled()).await;
    }

    async fn enrol_all(&self, devices: &[Device]) {
        for device in devices {
            self.enrol(device).await;
        }
    }

    /// Tells that `next` signs for `device` from a page on, `slots` after the start.
    pub(crate) async fn rotate(&self, device: &Device, next: &SecretKey, page: u32, slots: i64) {
        let rotated = MeterRotated {
            meter: device.meter,
            key: next.address(),
            version: 2,
            first_page: page,
            from: at(slots),
            expiry: at(slots + 96),
            signature: device.key.sign(B256::ZERO),
        };
        self.tell(&rotated).await;
    }

    pub(crate) async fn revoke(&self, device: &Device) {
        self.tell(&MeterRevoked { meter: device.meter, at: self.clock.now() }).await;
    }

    /// Delivers an event of identity, twice, as a bus may.
    pub(crate) async fn tell<E: Event>(&self, event: &E) {
        let cause = PartyId::derived(&serde_json::to_string(event).unwrap()).to_string();
        let envelope = Envelope::of(event, &cause, self.clock.now());
        for _ in 0..2 {
            self.metering.consume(&envelope).await.unwrap();
        }
    }

    /// Stores what the meters said, as it would have come over MQTT.
    pub(crate) async fn hear(&self, said: &[SignedReading]) -> metering::Tally {
        let message = |signed: &SignedReading| (signed.reading.meter, signed.encode().to_vec());
        self.metering.store(said.iter().map(message).collect()).await.unwrap()
    }

    /// Moves the clock to `slots` after the start and does what is due until nothing is.
    pub(crate) async fn pass(&self, slots: i64) {
        self.pass_seconds(slots * SLOT).await;
    }

    pub(crate) async fn pass_seconds(&self, seconds: i64) {
        let now = at(0).plus_seconds(seconds);
        self.hand.move_to(now);
        while self.metering.tick(now).await.unwrap() {}
    }

    /// All events that were published, in order.
    pub(crate) async fn published(&self) -> Vec<Envelope> {
        let rows = query("select id, subject, occurred_at, body from outbox order by place")
            .fetch_all(self.metering.db().read())
            .await
            .unwrap();
        rows.iter()
            .map(|row| Envelope {
                id: row.get::<String, _>(0).parse().unwrap(),
                subject: row.get(1),
                occurred_at: Timestamp::from_seconds(row.get(2)),
                body: serde_json::from_str(&row.get::<String, _>(3)).unwrap(),
            })
            .collect()
    }

    /// The events of one kind that were published, in order.
    pub(crate) async fn told<E: Event>(&self) -> Vec<E> {
        let published = self.published().await;
        published.iter().filter_map(|envelope| envelope.open().unwrap()).collect()
    }

    /// What a consumer knows after all events: the latest version of each interval, by slot count.
    pub(crate) async fn known(&self, device: &Device) -> BTreeMap<i64, IntervalFact> {
        let mut known = BTreeMap::<i64, IntervalFact>::new();
        for envelope in self.published().await {
            let (slot, facts) = if let Some(closed) = envelope.open::<IntervalsClosed>().unwrap() {
                (closed.slot, closed.intervals)
            } else if let Some(corrected) = envelope.open::<IntervalsCorrected>().unwrap() {
                (corrected.slot, corrected.intervals)
            } else {
                continue;
            };
            let place = slot.start.seconds_since(at(0)) / SLOT;
            for fact in facts.into_iter().filter(|fact| fact.meter == device.meter) {
                let version = known.get(&place).map_or(0, |fact| fact.version);
                assert_eq!(fact.version, version + 1, "slot {place}: versions without a gap");
                known.insert(place, fact);
            }
        }
        known
    }

    /// The pages of `device` that are on disk.
    pub(crate) async fn stored_pages(&self, device: &Device) -> Vec<i64> {
        let rows = query("select page from reading where meter = $1 order by page")
            .bind(device.meter.to_string())
            .fetch_all(self.metering.db().read())
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The codes of what was quarantined, in order of arrival.
    pub(crate) async fn quarantined(&self) -> Vec<String> {
        let rows = query("select code from quarantine order by place")
            .fetch_all(self.metering.db().read())
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

pub(crate) fn anchor() -> Anchor {
    let key = SecretKey::from_bytes(&[5; 32]).unwrap();
    let contracts = Deployment {
        token: Address::repeat_byte(0xa1),
        market: Address::repeat_byte(0xa2),
        meters: Address::repeat_byte(0xa3),
        readings: Address::repeat_byte(0xa4),
        records: Address::repeat_byte(0xa5),
        challenges: Address::repeat_byte(0xa6),
        certificates: Address::repeat_byte(0xa7),
        mandates: Address::repeat_byte(0xa8),
        exchange: Address::repeat_byte(0xa9),
        timelock: Address::repeat_byte(0xaa),
    };
    Anchor { sender: Arc::new(Sender::new(key, 4242)), contracts }
}

/// A node that never answers: what these tests hand to the chain, they read from the rows.
pub(crate) fn nowhere() -> Arc<dyn JsonRpc> {
    Arc::new(HttpRpc::new("http://127.0.0.1:1").unwrap())
}
