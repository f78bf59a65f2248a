//! From trade and meter to the bill that proves itself.

use std::sync::Arc;

use access::Role;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, body::MessageBody, web::Data};
use alloy_primitives::{B256, hex};
use billing::Billing;
use billing::domain::verify::{Verdict, verify};
use bus::Bus;
use calendar::{LocalDay, Timestamp};
use events::market::{Matched, SlotCleared};
use events::metering::{
    DayAnchored, DayLeaf, IntervalFact, IntervalsClosed, IntervalsCorrected, Quality,
};
use events::{Envelope, Event};
use ids::{CommunityId, OrderId, PartyId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use reading::{SignedReading, day_leaf};
use serde_json::{Value, json};
use service::{Claims, Clock, ClockHand, Tick, Verifier};
use tempfile::TempDir;
use units::{Energy, Price};
use utoipa_actix_web::AppExt;

use crate::node::TestNode;
use crate::town::*;

/// RFC 8032, test 1: a key pair that everyone knows.
const SECRET: [u8; 32] = hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const PUBLIC: [u8; 32] = hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

pub struct Running {
    pub billing: Arc<Billing>,
    pub bus: Bus,
    pub node: Arc<TestNode>,
    pub hand: ClockHand,
    pub now: Timestamp,
    pub folder: TempDir,
    pub published: u32,
}

async fn open(folder: &TempDir, bus: &Bus, node: &Arc<TestNode>, clock: Clock) -> Arc<Billing> {
    billing::start(parts(folder, bus.clone(), node.clone(), clock)).await.unwrap()
}

impl Running {
    pub async fn start() -> Running {
        let (folder, bus, node) = (TempDir::new().unwrap(), Bus::in_process(), Arc::new(node()));
        let now = slot(-47).start;
        let (clock, hand) = Clock::set(now);
        let billing = open(&folder, &bus, &node, clock).await;
        Running { billing, bus, node, hand, now, folder, published: 0 }
    }

    /// The same books in a service that has just been started.
    pub async fn restarted(self) -> Running {
        self.billing.close().await;
        let (bus, (clock, hand)) = (Bus::in_process(), Clock::set(self.now));
        let billing = open(&self.folder, &bus, &self.node, clock).await;
        Running { billing, bus, hand, ..self }
    }

    pub fn move_to(&mut self, moment: Timestamp) {
        self.now = moment;
        self.hand.move_to(moment);
    }

    pub async fn publish<E: Event>(&mut self, event: &E) -> Envelope {
        self.published += 1;
        let envelope = Envelope::of(event, &self.published.to_string(), self.now);
        self.bus.publish(&envelope).await.unwrap();
        envelope
    }

    /// Ticks, carries transactions into blocks and blocks to billing until nothing moves.
    pub async fn settle(&mut self) {
        loop {
            let worked = self.billing.tick(self.now).await.unwrap();
            self.billing.drain(self.now).await.unwrap();
            let mined = self.node.mine(self.now);
            self.carry().await;
            if !worked && mined == 0 {
                return;
            }
        }
    }

    pub async fn carry(&self) {
        for envelope in self.node.take_feed() {
            self.bus.publish(&envelope).await.unwrap();
        }
    }

    /// People, meters, policy, tariff and cash, two days ahead.
    pub async fn found(&mut self) {
        for home in [HERON, OTTER] {
            self.publish(&home.opened()).await;
            self.publish(&home.registered()).await;
            self.publish(&home.enrolled()).await;
            self.node.call(authority(), home.enrol());
        }
        self.node.call(authority(), deployment().register_policy(&policy()));
        let tariff = tariff();
        self.billing.publish_tariff(community(), tariff, self.now).await.unwrap();
        self.settle().await;
    }

    pub async fn deal(&mut self, hour_of_day: i64, wh: u64) -> B256 {
        self.deals(hour_of_day, &[wh]).await[0]
    }

    pub async fn deals(&mut self, hour_of_day: i64, quantities: &[u64]) -> Vec<B256> {
        self.move_to(slot(hour_of_day).start.plus_seconds(-600));
        let deals = deals(hour_of_day, quantities);
        for call in deals.calls {
            self.node.call(authority(), call);
        }
        let trades = deals.trades.iter().zip(quantities);
        let matched = |(trade, wh): (&B256, &u64)| Matched {
            trade: *trade,
            buyer: HERON.account(),
            seller: OTTER.account(),
            buy_order: OrderId::derived("buy"),
            sell_order: OrderId::derived("sell"),
            quantity: Energy::from_wh(*wh),
            buyer_point: None,
            seller_point: None,
        };
        let cleared = SlotCleared {
            community: community(),
            zone: policy().zone,
            slot: slot(hour_of_day),
            clearing: deals.posted.clearing.id(),
            policy: policy().id(),
            price: Price::from_n_per_wh(180_000),
            retail_price: Price::from_n_per_wh(290_000),
            feed_in_price: Price::from_n_per_wh(80_000),
            volume: Energy::from_wh(quantities.iter().sum()),
            orders: 2,
            part: 0,
            parts: 1,
            trades: trades.map(matched).collect(),
        };
        self.publish(&cleared).await;
        self.settle().await;
        deals.trades
    }

    /// Closes the slot of an hour for both homes.
    pub async fn close_slot(&mut self, hour_of_day: i64) {
        let intervals = [HERON, OTTER].map(|home| interval(home, hour_of_day, 1));
        self.close_with(hour_of_day, intervals.to_vec()).await;
    }

    /// Closes the slot of an hour with these intervals.
    pub async fn close_with(&mut self, hour_of_day: i64, intervals: Vec<IntervalFact>) {
        let slot = slot(hour_of_day);
        self.move_to(slot.end().plus_seconds(120));
        self.publish(&IntervalsClosed { community: community(), slot, intervals }).await;
        self.settle().await;
    }

    /// Anchors Monday's readings of both homes.
    pub async fn anchor_day(&mut self) {
        self.anchor(monday(), 1, |_| true).await;
    }

    /// Anchors those readings of a day of both homes that are kept, as a batch of it.
    pub async fn anchor<F>(&mut self, day: LocalDay, batch: u32, kept: F)
    where
        F: Fn(&SignedReading) -> bool,
    {
        let (from, to) = (zone().start_of(day), zone().start_of(day.next()));
        let kept = |one: &SignedReading| (from..=to).contains(&one.reading.time) && kept(one);
        let salt = B256::repeat_byte(7);
        let mut homes = [HERON, OTTER];
        homes.sort_by_key(|home| home.meter());
        let leaf = |home: &Home| {
            let readings: Vec<_> = home.readings().into_iter().filter(&kept).collect();
            day_leaf(salt, home.meter(), day, &readings).unwrap()
        };
        let tree = merkle::Tree::new(homes.iter().map(leaf).collect());
        let (kind, period) = (contracts::READINGS_OF_DAY, u64::from(day.number()));
        let call = deployment().anchor_readings(community(), kind, period, tree.root(), 2);
        self.node.call(authority(), call);
        let leaves = homes.iter().enumerate().map(|(place, home)| DayLeaf {
            meter: home.meter(),
            salt,
            index: u32::try_from(place).unwrap(),
            path: tree.path(place),
            pages: (1, 25),
            readings: 25,
        });
        let event = DayAnchored {
            community: community(),
            day,
            batch,
            root: tree.root(),
            count: 2,
            leaves: leaves.collect(),
        };
        self.publish(&event).await;
        self.settle().await;
    }

    pub async fn ask(&self, request: TestRequest, who: &str) -> (StatusCode, Vec<u8>) {
        let verifier = Verifier::new();
        verifier.trust("test".to_owned(), DecodingKey::from_ed_der(&PUBLIC));
        let (json, query, path, payload) = service::extractor_limits();
        let app = App::new()
            .into_utoipa_app()
            .app_data(Data::new(verifier))
            .app_data(json)
            .app_data(query)
            .app_data(path)
            .app_data(payload)
            .configure(billing::routes(self.billing.clone()))
            .into_app();
        let app = init_service(app).await;
        let request = request.insert_header(("Authorization", format!("Bearer {}", token(who))));
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        (status, read_body(response).await.try_into_bytes().unwrap().to_vec())
    }

    pub async fn get(&self, who: &str, path: &str) -> Value {
        let (status, body) = self.ask(TestRequest::get().uri(path), who).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    pub async fn post(&self, who: &str, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
        let request = TestRequest::post().uri(path).insert_header(("Idempotency-Key", key));
        let (status, body) = self.ask(request.set_json(body), who).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub async fn deposit(&mut self, home: Home, key: &str) {
        let body = json!({ "account": home.account().to_string(), "amount": "25.00" });
        let (status, _) = self.post("operator", "/v1/deposits", key, body).await;
        assert_eq!(status, StatusCode::CREATED);
        self.settle().await;
    }

    pub async fn in_order(&self) -> Value {
        let mut audit = self.get("auditor", "/v1/audit").await;
        audit["entries_replayed"].take();
        assert_eq!(audit["violations"], json!([]), "{audit}");
        assert_eq!(audit["suspense"], "0");
        assert_eq!(audit["transactions_refused"], 0);
        self.judge().await;
        audit
    }
}

pub fn interval(home: Home, hour_of_day: i64, version: u32) -> IntervalFact {
    let (before, after) = (home.reading(hour_of_day), home.reading(hour_of_day + 1));
    let readings: Vec<SignedReading> =
        if hour_of_day == 0 { vec![before, after] } else { vec![after] };
    IntervalFact {
        connection_point: home.point(),
        account: home.account(),
        meter: home.meter(),
        import: after.reading.import.since(before.reading.import).unwrap(),
        export: after.reading.export.since(before.reading.export).unwrap(),
        quality: Quality::Measured,
        version,
        readings,
    }
}

fn token(who: &str) -> String {
    let (account, roles) = match who {
        "operator" | "deputy" => (None, vec![Role::Operator]),
        "auditor" => (None, vec![Role::Auditor]),
        "stranger" => (None, vec![Role::Operator]),
        home => (Some(ids::AccountId::derived(home)), vec![Role::Prosumer]),
    };
    let elsewhere = CommunityId::derived("elsewhere");
    let claims = Claims {
        iss: "wattex".to_owned(),
        sub: PartyId::derived(who),
        account,
        community: if who == "stranger" { elsewhere } else { community() },
        roles,
        exp: 4_102_444_800,
        iat: 0,
    };
    // PKCS #8: the fixed prefix of an Ed25519 key, then the secret.
    let prefix = hex!("302e020100300506032b657004220420");
    let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &SECRET].concat());
    let header = Header { kid: Some("test".to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

/// Monday with two trades: at noon otter delivers, in the evening it cannot.
pub async fn traded_monday() -> (Running, [B256; 2]) {
    let mut town = Running::start().await;
    town.found().await;
    let trades = trade_monday(&mut town).await;
    (town, trades)
}

/// What [`traded_monday`] does once there are people and a tariff.
pub async fn trade_monday(town: &mut Running) -> [B256; 2] {
    town.deposit(HERON, "1").await;
    town.deposit(OTTER, "2").await;
    let mut trades = Vec::new();
    for hour_of_day in 0..24 {
        match hour_of_day {
            11 => trades.push(town.deal(12, 400).await),
            18 => trades.push(town.deal(19, 300).await),
            _ => {}
        }
        town.close_slot(hour_of_day).await;
    }
    town.anchor_day().await;
    [trades[0], trades[1]]
}

#[actix_web::test]
async fn a_household_is_billed_from_its_meter_to_a_file_that_proves_itself() {
    let (mut town, _) = traded_monday().await;
    town.in_order().await;
    let wanted = json!({
        "account": HERON.account().to_string(), "from": "2026-06-01", "to": "2026-06-01",
    });
    let (status, problem) = town.post("operator", "/v1/invoices", "", wanted.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("NOT_RECONCILED")));
    // Five working days later the last run is over.
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    let (status, problem) = town.post("operator", "/v1/invoices", "", wanted.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("CORRECTIONS_OPEN")));
    // Fourteen days after Monday's last slot nothing of it can change any more.
    town.move_to(corrections_over());
    town.settle().await;
    let (status, _) = town.post("heron", "/v1/invoices", "", wanted.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, invoice) = town.post("operator", "/v1/invoices", "", wanted.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    assert_eq!(invoice["number"], "INV-2026-1");
    let (status, problem) = town.post("operator", "/v1/invoices", "", wanted).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("ALREADY_BILLED")));
    let path = format!("/v1/invoices/{}", invoice["id"].as_str().unwrap());
    let (status, _) = town.ask(TestRequest::get().uri(&format!("{path}/bill")), "heron").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    town.settle().await;

    // 0.35 standing, 400 Wh at 18 ct of a neighbour, 10 400 Wh of the supplier, and 300 Wh that the
    // neighbour did not deliver: made whole with 29 less 19.2 ct.
    let amounts: Vec<(&str, &str)> = invoice["invoice"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["class"].as_str().unwrap(), line["amount"].as_str().unwrap()))
        .collect();
    let expected = [
        ("fixed", "0.35"),
        ("p2p_bought", "0.07"),
        ("retail", "2.37"),
        ("network_local", "0"),
        ("network", "0.64"),
        ("platform_bought", "0"),
        ("make_whole", "-0.03"),
    ];
    assert_eq!(amounts, expected);
    let id = invoice["id"].as_str().unwrap().parse().unwrap();
    let (text, trust) = town.billing.bill_file(id, None).await.unwrap();
    assert_eq!(verify(&text, Some(&trust)).verdict, Verdict::Holds);
    let (status, body) = town.ask(TestRequest::get().uri(&format!("{path}/bill")), "heron").await;
    assert_eq!((status, String::from_utf8(body).unwrap()), (StatusCode::OK, text));
    let (status, page) = town.ask(TestRequest::get().uri(&format!("{path}/html")), "heron").await;
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8(page).unwrap().contains("Invoice INV-2026-1"));
    for who in ["otter", "stranger"] {
        for end in ["", "/html", "/bill"] {
            let request = TestRequest::get().uri(&format!("{path}{end}"));
            assert_eq!(town.ask(request, who).await.0, StatusCode::NOT_FOUND, "{who} {end}");
        }
    }
    assert_eq!(town.get("heron", "/v1/invoices").await["items"][0]["number"], "INV-2026-1");
    assert_eq!(town.get("otter", "/v1/invoices").await["items"], json!([]));
    town.in_order().await;
    // A later block leads back to the bill's.
    town.deposit(HERON, "3").await;
    let (text, later) = town.billing.bill_file(id, Some(trust.block.number + 1)).await.unwrap();
    assert_eq!(later.block.number, trust.block.number + 1);
    assert_eq!(verify(&text, Some(&later)).verdict, Verdict::Holds);
}

#[actix_web::test]
async fn a_corrected_interval_moves_the_difference_only() {
    let (mut town, [_, evening]) = traded_monday().await;
    let before = town.get("otter", "/v1/wallet").await;
    // 300 Wh of collateral at 9.8 ct are gone to the buyer, 25 less those are left.
    assert_eq!((&before["free"], &before["total"]), (&json!("24.9314"), &json!("25.0418")));
    let corrected = IntervalFact { export: Energy::from_wh(250), ..interval(OTTER, 19, 2) };
    let (slot, community) = (slot(19), community());
    let event = IntervalsCorrected { community, slot, intervals: vec![corrected] };
    let again = town.publish(&event).await;
    town.settle().await;
    let statement = town.get("otter", "/v1/statement?limit=1").await;
    let item = &statement["items"][0];
    assert_eq!(
        (&item["what"], &item["trade"]),
        (&json!("reconciled"), &json!(evening.to_string()))
    );
    // 250 Wh at 17.8 ct net, and all of the make-whole back: 50 Wh short are within tolerance.
    assert_eq!(item["change"], "0.0739");
    let audit = town.in_order().await;
    town.bus.publish(&again).await.unwrap();
    town.settle().await;
    assert_eq!(town.in_order().await, audit);
}

#[actix_web::test]
async fn a_block_that_left_and_came_back_changes_nothing_and_leaves_its_trace() {
    let (mut town, _) = traded_monday().await;
    town.deposit(HERON, "9").await;
    let audit = town.in_order().await;
    let wallet = town.get("heron", "/v1/wallet").await;
    town.node.take_back();
    town.carry().await;
    let without = town.get("heron", "/v1/wallet").await;
    assert_ne!(without["free"], wallet["free"]);
    town.in_order().await;
    town.node.bring_again();
    town.carry().await;
    assert_eq!(town.get("heron", "/v1/wallet").await, wallet);
    let after = town.in_order().await;
    assert_eq!(after["balances"], audit["balances"]);
    assert_ne!(after["head"], audit["head"]);
    let statement = town.get("heron", "/v1/statement?limit=3").await;
    let reversals: Vec<&Value> =
        statement["items"].as_array().unwrap().iter().map(|item| &item["reversal"]).collect();
    assert_eq!(reversals, [&json!(false), &json!(true), &json!(false)]);
}

#[actix_web::test]
async fn proceeds_go_free_when_the_challenge_window_is_over() {
    let (mut town, _) = traded_monday().await;
    town.move_to(zone().moment("2026-06-08".parse().unwrap(), 6 * 60 + 1));
    town.settle().await;
    let locked = town.get("heron", "/v1/wallet").await;
    assert_ne!(locked["locked"], "0");
    // Corrections take 14 days and challenges three more.
    town.move_to(slot(23).end().plus_seconds(17 * 86_400 + 3600));
    town.settle().await;
    let free = town.get("heron", "/v1/wallet").await;
    assert_eq!((&free["locked"], &free["escrow"]), (&json!("0"), &json!("0")));
    assert_eq!(free["free"], locked["total"]);
    let audit = town.in_order().await;
    assert_eq!(audit["balances"]["1000"], "50");
    assert!(audit["balances"].get("2005").is_none(), "{audit}");
}

#[actix_web::test]
async fn a_restart_rebuilds_the_same_books() {
    let (town, _) = traded_monday().await;
    let (audit, wallet) = (town.in_order().await, town.get("heron", "/v1/wallet").await);
    let mut town = town.restarted().await;
    assert_eq!(town.in_order().await, audit);
    assert_eq!(town.get("heron", "/v1/wallet").await, wallet);
    town.deposit(HERON, "9").await;
    town.in_order().await;
}

#[actix_web::test]
async fn a_payment_is_credited_once_and_by_the_operator_alone() {
    let mut town = Running::start().await;
    town.found().await;
    let body = |amount: &str| json!({ "account": HERON.account().to_string(), "amount": amount });
    let (status, _) = town.post("heron", "/v1/deposits", "k", body("25")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = town.post("operator", "/v1/deposits", "", body("25")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for amount in ["0", "-1", "10000000.1"] {
        let (status, _) = town.post("operator", "/v1/deposits", "k", body(amount)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{amount}");
    }
    let (status, first) = town.post("operator", "/v1/deposits", "k", body("25")).await;
    assert_eq!(status, StatusCode::CREATED);
    town.settle().await;
    let (status, second) = town.post("operator", "/v1/deposits", "k", body("25.00")).await;
    assert_eq!((status, &second), (StatusCode::CREATED, &first));
    let (status, problem) = town.post("operator", "/v1/deposits", "k", body("26")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    town.settle().await;
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25");
    let path = format!("/v1/wallet?account={}", HERON.account());
    assert_eq!(town.get("operator", &path).await["free"], "25");
    for who in ["otter", "stranger"] {
        let (status, _) = town.ask(TestRequest::get().uri(&path), who).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{who}");
    }
}
