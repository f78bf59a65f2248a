//! A device that does not sign, on Mosquitto, becomes a meter of the town: by the bridge.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bridge::{Bridge, Config, Observer};
use calendar::Timestamp;
use db::Db;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Mosquitto;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::person::Person;
use super::town::Town;

/// How long what has to happen may take, in tenths of a second.
const TRIES: usize = 300;
const TENTH: Duration = Duration::from_millis(100);
const TOPIC: &str = "shellypro3em-a8032ab5d63c/events/rpc";

/// The version of what the bridge remembers, which it has made before a test looks.
const KNOWN: &[db::Migration] = &[db::Migration { version: 1, sql: "" }];

struct Quiet;

impl Observer for Quiet {}

/// A bridge at work.
struct Running {
    task: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Running {
    async fn start(config: &Config, town: &Town) -> Running {
        let stop = CancellationToken::new();
        let bridge = Bridge::open(config.clone(), town.clock.clone()).await.unwrap();
        let task = tokio::spawn(bridge.run(Arc::new(Quiet), stop.clone()));
        Running { task, stop }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// What a Shelly Pro 3EM tells of its registers.
fn told(import_wh: u64, export_wh: u64) -> Value {
    json!({
        "src": "shellypro3em-a8032ab5d63c", "dst": "shellypro3em-a8032ab5d63c/events",
        "method": "NotifyFullStatus",
        "params": { "emdata:0": {
            "id": 0, "total_act": import_wh, "total_act_ret": export_wh,
        } },
    })
}

fn settings(folder: &TempDir, town: &Town, person: &Person, broker: &Mosquitto) -> Config {
    let (key, token) = ("meter.key", "meter.token");
    let secret = hex::encode(person.device.key.to_bytes());
    fs::write(folder.path().join(key), format!("0x{secret}\n")).unwrap();
    fs::write(folder.path().join(token), &person.device.token).unwrap();
    let settings = json!({
        "source": { "host": "127.0.0.1", "port": broker.port() },
        "server": town.node.url(),
        "state": "bridge.db",
        "discovery_prefix": "homeassistant",
        "meters": [{
            "meter": person.device.meter, "name": "House",
            "key_file": key, "token_file": token,
            "format": "shelly2", "topic": TOPIC,
            "import": [{}], "export": [{}],
        }],
    });
    let file = folder.path().join("bridge.json");
    fs::write(&file, settings.to_string()).unwrap();
    Config::read(&file).unwrap()
}

/// Publishes to the broker, every second as devices do, until the bridge has kept what follows.
async fn publish(device: &AsyncClient, state: &Db, said: &Value, kept: &str) {
    for number in 0..TRIES {
        if number % 10 == 0 {
            device.publish(TOPIC, QoS::AtLeastOnce, false, said.to_string()).await.unwrap();
        }
        let followed: Option<String> = db::query_scalar("select followed from device")
            .fetch_optional(state.read())
            .await
            .unwrap();
        if followed.is_some_and(|followed| followed.contains(kept)) {
            return;
        }
        tokio::time::sleep(TENTH).await;
    }
    panic!("the bridge never kept {kept}");
}

/// The readings that the server has, once there are `count` of them.
async fn readings(town: &Town, person: &Person, count: usize) -> Vec<Value> {
    let path = format!("/v1/readings?meter={}", person.device.meter);
    for _ in 0..TRIES {
        let page = town.get(&path, &person.token).await;
        let items = page["items"].as_array().unwrap();
        if items.len() >= count {
            return items.clone();
        }
        tokio::time::sleep(TENTH).await;
    }
    panic!("the server never had {count} readings");
}

/// A client of the broker, and what it hears.
fn home_assistant(port: u16) -> (AsyncClient, UnboundedReceiver<(String, Value)>) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("home", "127.0.0.1", port), 16);
    let (heard, hears) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(Packet::Publish(message)) = event {
                let payload = serde_json::from_slice(&message.payload).unwrap_or(Value::Null);
                if heard.send((message.topic, payload)).is_err() {
                    return;
                }
            }
        }
    });
    (client, hears)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_on_another_makers_broker_is_a_meter_whose_readings_say_so() {
    let mut town = Town::start().await;
    let mira = town.join("mira", true).await;
    let (broker, folder) = (Mosquitto::start().unwrap(), TempDir::new().unwrap());
    let config = settings(&folder, &town, &mira, &broker);
    let (device, mut heard) = home_assistant(broker.port());
    device.subscribe("homeassistant/#", QoS::AtLeastOnce).await.unwrap();

    let boundary: Timestamp = "2026-06-01T08:15:00Z".parse().unwrap();
    town.pass_to(boundary.plus_seconds(-20)).await;
    let running = Running::start(&config, &town).await;
    let url = format!("sqlite:{}", config.state.display());
    let state = Db::open(&url, KNOWN).await.unwrap();
    publish(&device, &state, &told(5_000, 100), "\"wh\":5000").await;
    town.pass_to(boundary.plus_seconds(10)).await;
    let first = readings(&town, &mira, 1).await;
    assert_eq!((&first[0]["import_wh"], &first[0]["export_wh"]), (&json!(5_000), &json!(100)));
    assert_eq!(first[0]["status"], 4, "it says that a gateway signed for the device");

    // The bridge is away. What is said meanwhile is in the registers, and no page is used twice.
    running.end().await;
    let kept = told(5_600, 130).to_string();
    device.publish(TOPIC, QoS::AtLeastOnce, false, kept).await.unwrap();
    town.pass_to(boundary.plus_seconds(880)).await;
    let running = Running::start(&config, &town).await;
    publish(&device, &state, &told(5_610, 130), "\"wh\":5610").await;
    town.pass_to(boundary.plus_seconds(910)).await;
    let second = readings(&town, &mira, 2).await;
    assert_eq!((&second[1]["page"], &second[1]["import_wh"]), (&json!(2), &json!(5_610)));

    town.pass_to(boundary.plus_seconds(1_800)).await;
    let path = format!("/v1/intervals?connection_point={}", mira.point);
    let intervals = town.get(&path, &mira.token).await;
    let measured: Vec<&Value> = intervals["items"].as_array().unwrap().iter().collect();
    let slot = measured.iter().find(|one| one["slot"] == "2026-06-01T08:15:00Z");
    let slot = slot.unwrap_or_else(|| panic!("{intervals}"));
    assert_eq!((&slot["import_wh"], &slot["export_wh"]), (&json!(610), &json!(30)));
    assert_eq!(slot["quality"], "measured");

    let announced = std::iter::from_fn(|| heard.try_recv().ok()).collect::<Vec<_>>();
    let config = announced.iter().find(|(topic, _)| topic.ends_with("_import/config"));
    let (_, config) = config.unwrap_or_else(|| panic!("{announced:?}"));
    assert_eq!(config["unit_of_measurement"], "kWh");
    assert_eq!(config["device"]["name"], "House");
    running.end().await;
    state.close().await;
    town.stop().await;
}
