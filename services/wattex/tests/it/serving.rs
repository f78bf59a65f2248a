//! A demo that serves on: what people and meters find at its doors.

use std::time::Duration;

use calendar::{SlotLength, Timestamp};
use ids::MeterId;
use keys::SecretKey;
use reading::{Reading, Status};
use reqwest::{Client, StatusCode};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS,
};
use serde_json::{Value, json};
use units::Register;

use crate::program::{Place, Running, run, text, wattex};

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where people reach the demo, behind a proxy of theirs.
const ORIGIN: &str = "https://wattex.example";

/// A demo at work and how to reach it.
struct Open {
    running: Running,
    url: String,
    mqtt: u16,
    login: (String, String),
    place: Place,
}

impl Open {
    fn start() -> Open {
        let place = Place::new();
        let mut running = Running::start(place.demo(&["--homes", "2", "--origin", ORIGIN]));
        let last = |line: &str| line.split_whitespace().last().unwrap().to_owned();
        let url = last(&running.line_with("Open "));
        let operator = running.line_with("operator");
        let words: Vec<&str> = operator.split_whitespace().collect();
        let login = (words[1].to_owned(), words[2].to_owned());
        let meters = last(&running.line_with("mqtt://"));
        let mqtt = meters.rsplit(':').next().unwrap().parse().unwrap();
        running.line_with("Ctrl-C");
        Open { running, url, mqtt, login, place }
    }

    async fn get(&self, path: &str, token: &str) -> (StatusCode, String) {
        let request = Client::new().get(format!("{}{path}", self.url)).bearer_auth(token);
        let response = request.timeout(PATIENCE).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn list(&self, path: &str, token: &str) -> Vec<Value> {
        let (status, body) = self.get(path, token).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        page["items"].as_array().unwrap().clone()
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Client::new().post(format!("{}{path}", self.url)).json(body);
        let response = request.timeout(PATIENCE).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn log_in(&self) -> String {
        let (email, password) = &self.login;
        let grant = json!({ "grant": "password", "email": email, "password": password });
        let (status, tokens) = self.post("/v1/tokens", &grant).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

/// A meter's secrets, as the directory's owner can derive them.
pub struct Device {
    pub meter: MeterId,
    pub key: SecretKey,
    pub token: String,
}

impl Device {
    fn of(open: &Open, home: &str) -> Device {
        let master = std::fs::read_to_string(open.place.directory().join("master.key")).unwrap();
        let master = hex::decode(master.trim().trim_start_matches("0x")).unwrap();
        let derive = |purpose: String| {
            alloy_primitives::keccak256([&master[..], purpose.as_bytes()].concat())
        };
        let key = SecretKey::from_bytes(&derive(format!("demo/meter/{home}")).0).unwrap();
        let meter = MeterId::derived(&format!("demo/{}", key.address()));
        Device { meter, key, token: derive(format!("demo/token/{home}")).to_string() }
    }

    pub fn topic(&self) -> String {
        format!("wattex/v1/{}/reading", self.meter)
    }
}

/// A meter's connection.
pub struct Line {
    client: AsyncClient,
    events: EventLoop,
}

impl Line {
    pub fn open(port: u16, device: &Device, token: &str) -> Line {
        let mut options = MqttOptions::new(format!("test-{}", device.meter), "127.0.0.1", port);
        options.set_credentials(device.meter.to_string(), token);
        let (client, events) = AsyncClient::new(options, 16);
        Line { client, events }
    }

    async fn next(&mut self) -> Result<Event, ConnectionError> {
        tokio::time::timeout(PATIENCE, self.events.poll()).await.expect("an answer in time")
    }

    /// Publishes and waits for the acknowledgement.
    pub async fn say(&mut self, topic: &str, payload: &[u8]) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.unwrap();
        while !matches!(self.next().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_serves_people_and_meters_until_it_is_told_to_end() {
    let open = tokio::task::spawn_blocking(Open::start).await.unwrap();
    its_pages_answer(&open).await;
    its_chain_answers(&open).await;
    what_happened_has_the_names_of_the_rules(&open).await;
    its_word_is_enough_to_verify(&open);
    its_wallets_sign_in_where_it_was_told(&open).await;
    let token = open.log_in().await;
    assert_eq!(open.get("/v1/quarantine", "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(open.list("/v1/quarantine", &token).await, [] as [Value; 0]);
    a_wrong_token_is_refused(&open).await;
    what_cannot_be_believed_is_shown(&open, &token).await;
    let Open { running, place, .. } = open;
    assert_eq!(running.interrupt(), Some(0));
    drop(place);
}

async fn its_wallets_sign_in_where_it_was_told(open: &Open) {
    let ask = async |origin: Value| {
        let body =
            json!({ "address": alloy_primitives::Address::repeat_byte(1), "origin": origin });
        open.post("/v1/challenges", &body).await
    };
    for origin in [Value::Null, json!(ORIGIN)] {
        let (status, challenge) = ask(origin).await;
        assert_eq!(status, StatusCode::CREATED, "{challenge}");
        let message = challenge["message"].as_str().unwrap();
        assert!(message.starts_with("wattex.example wants you to sign in"), "{message}");
        assert!(message.contains(&format!("\nURI: {ORIGIN}\n")), "{message}");
    }
    let (status, refused) = ask(json!(open.url)).await;
    assert_eq!((status.as_u16(), &refused["code"]), (422, &json!("ORIGIN")));
}

async fn its_pages_answer(open: &Open) {
    let (status, document) = open.get("/openapi.json", "").await;
    assert_eq!(status, StatusCode::OK);
    let document: Value = serde_json::from_str(&document).unwrap();
    for path in ["/v1/tokens", "/v1/orders", "/v1/quarantine", "/v1/invoices", "/rpc"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    for path in ["/docs", "/healthz", "/"] {
        let (status, body) = open.get(path, "").await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!body.is_empty(), "{path}");
    }
    assert_eq!(open.get("/v1/nothing", "").await.0, StatusCode::NOT_FOUND);
}

/// What a day of two homes brings by itself, told to everybody; nothing is missing on chain.
async fn what_happened_has_the_names_of_the_rules(open: &Open) {
    for name in [
        "AccountRegistered",
        "MeterRegistered",
        "TariffPublished",
        "DepositCredited",
        "GateClosed",
        "SlotCleared",
        "TradeCreated",
        "EscrowLocked",
        "ReadingsAnchored",
        "SlotReconciled",
        "InvoiceIssued",
    ] {
        let letters = name.chars().enumerate().flat_map(|(place, letter)| {
            let gap = (place > 0 && letter.is_uppercase()).then_some('_');
            gap.into_iter().chain(letter.to_lowercase())
        });
        let kind: String = letters.collect();
        let told = open.list(&format!("/v1/explorer/events?kind={kind}"), "").await;
        assert!(!told.is_empty(), "{name}");
        assert!(told.iter().all(|event| event["name"] == name), "{told:?}");
    }
    let missing = open.list("/v1/explorer/events?kind=anchor_missing", "").await;
    assert_eq!(missing, [] as [Value; 0]);
}

async fn its_chain_answers(open: &Open) {
    let ask = |method: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] });
    let (status, height) = open.post("/rpc", &ask("eth_blockNumber")).await;
    assert_eq!(status, StatusCode::OK);
    let height = height["result"].as_str().unwrap().trim_start_matches("0x").to_owned();
    let figures = open.place.figures();
    let known = figures["chain_height"].as_u64().unwrap();
    assert!(u64::from_str_radix(&height, 16).unwrap() >= known);
    let (_, refusal) = open.post("/rpc", &ask("eth_makeMoney")).await;
    assert_eq!(refusal["error"]["code"], -32_601);
}

/// A node that one trusts takes the place of a trust file.
fn its_word_is_enough_to_verify(open: &Open) {
    let (bill, rpc) = (&open.place.bills()[0], format!("{}/rpc", open.url));
    let ended = run(wattex(&["verify", text(bill), "--rpc", &rpc]));
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("HOLDS"), "{}", ended.out);
}

async fn a_wrong_token_is_refused(open: &Open) {
    let device = Device::of(open, "H01");
    let other = Device::of(open, "H02");
    for token in ["", "wrong", &other.token] {
        let refused = Line::open(open.mqtt, &device, token).next().await.unwrap_err();
        let ConnectionError::ConnectionRefused(code) = refused else { panic!("{refused}") };
        assert_eq!(code, ConnectReturnCode::BadUserNamePassword, "{token:?}");
    }
}

/// Messages of an enrolled meter that are kept apart, each with its code, and one that counts.
async fn what_cannot_be_believed_is_shown(open: &Open, token: &str) {
    let (device, other) = (Device::of(open, "H01"), Device::of(open, "H02"));
    let path = format!("/v1/readings?limit=1000&meter={}", device.meter);
    let before = open.list(&path, token).await;
    let number = |reading: &Value, field: &str| reading[field].as_u64().unwrap();
    let last = before.last().unwrap();
    let (page, import) = (number(last, "page"), number(last, "import_wh"));
    let mut line = Line::open(open.mqtt, &device, &device.token);
    line.say(&device.topic(), b"hello").await;
    let heard: Timestamp = {
        let rows = open.list("/v1/quarantine", token).await;
        assert_eq!(rows.len(), 1);
        rows[0]["first_at"].as_str().unwrap().parse().unwrap()
    };
    let length = SlotLength::QUARTER_HOUR.seconds();
    let time = heard.plus_seconds(-heard.seconds().rem_euclid(length));
    let stored = |place: usize| Reading {
        meter: device.meter,
        page: u32::try_from(number(&before[place], "page")).unwrap(),
        time: before[place]["time"].as_str().unwrap().parse().unwrap(),
        import: Register::from_wh(number(&before[place], "import_wh")),
        export: Register::from_wh(number(&before[place], "export_wh")),
        status: Status::default(),
        firmware: 1,
    };
    let newest = stored(before.len() - 1);
    let next = Reading { page: u32::try_from(page).unwrap() + 1, time, ..newest };
    let with = |import: u64| Reading { import: Register::from_wh(import), ..next };
    let say = async |line: &mut Line, reading: &Reading, key: &SecretKey| {
        line.say(&device.topic(), &reading.sign(key).encode()).await;
    };
    // What was stored before is acknowledged again and changes nothing.
    say(&mut line, &newest, &device.key).await;
    say(&mut line, &next, &other.key).await;
    let replayed = Reading { time, ..stored(3) };
    say(&mut line, &replayed, &device.key).await;
    say(&mut line, &Reading { page: next.page + 1, ..stored(2) }, &device.key).await;
    say(&mut line, &with(import.saturating_sub(1)), &device.key).await;
    say(&mut line, &with(import + 1_000_000_000), &device.key).await;
    say(&mut line, &Reading { time: time.plus_seconds(1), ..next }, &device.key).await;
    say(&mut line, &Reading { time: time.plus_seconds(192 * length), ..next }, &device.key).await;
    say(&mut line, &Reading { meter: other.meter, ..next }, &other.key).await;
    let rows = open.list("/v1/quarantine", token).await;
    let mut codes: Vec<&str> = rows.iter().map(|row| row["code"].as_str().unwrap()).collect();
    codes.reverse();
    let expected = [
        "MALFORMED",
        "SIGNATURE",
        "PAGE_CONFLICT",
        "PAGE_ORDER",
        "REGISTER_BACKWARDS",
        "TOO_FAST",
        "NOT_A_SLOT_BOUNDARY",
        "TIME_AHEAD",
        "WRONG_TOPIC",
    ];
    assert_eq!(codes, expected);
    assert!(rows.iter().all(|row| row["meter"] == json!(device.meter)), "{rows:?}");
    assert_eq!(rows.last().unwrap()["message"], hex::encode("hello"));
    assert_eq!(open.list(&path, token).await, before);
    say(&mut line, &with(import + 1), &device.key).await;
    let after = open.list(&path, token).await;
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(number(after.last().unwrap(), "import_wh"), import + 1);
}
