//! Another project's tests of MQTT against our broker: Eclipse Paho's, all of them, on topics of
//! their own, and again on those of readings, which are stored before they are acknowledged.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use metering::{Limits, Metering};
use service::Clock;

use crate::home::{BRIDGE_TOKEN, Device, Home, anchor, at, nowhere};

/// Longer than the suite takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// The suite's topics, and one that begins as only what an operator gives may.
const TOPICS: [&str; 5] = ["TopicA", "Topic", "/TopicA", "client_test5", "$TopicA"];

/// Where the suite is, if it could be fetched.
fn suite() -> Option<PathBuf> {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let tools = std::env::var_os("WATTEX_TOOLS").map_or_else(here, PathBuf::from);
    let suite = tools.join("paho.mqtt.testing");
    suite.join(".installed").is_file().then_some(suite)
}

/// Runs the suite for MQTT `version` on `topics`, or on its own; `count` tests have to pass.
async fn check(version: &str, readings: bool, count: usize) {
    let Some(suite) = suite() else {
        testkit::not_checked("no interoperability tests of Paho, which ./justw tools fetches");
        return;
    };
    let devices = ["H01", "H02", "H03", "H04", "H05"].map(Device::new);
    let home = Home::with(&devices).await;
    // The suite asks for a keep-alive of two minutes and expects to be told a minute.
    let limits = Limits { keep_alive_seconds_max: 60, ..Limits::default() };
    let mut config = metering::Config { limits, ..home.config() };
    config.bridges[0].topics = TOPICS.map(str::to_owned).to_vec();
    let (clock, _) = Clock::set(at(10));
    let metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
    let listening = metering.listen().await.unwrap();
    let port = listening.address().port().to_string();
    let mut command = Command::new("python3");
    command.arg("-B");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/mqtt_conformance.py"));
    command.arg(&suite).args([version, &port, "gateway", BRIDGE_TOKEN]);
    if readings {
        command.args(devices.iter().map(Device::topic));
    }
    let ended = tokio::task::spawn_blocking(move || testkit::finish(command, PATIENCE));
    let ended = ended.await.unwrap().unwrap();
    println!("MQTT {version}\n{}", ended.out);
    assert_eq!(ended.code, Some(0), "MQTT {version}\n{}{}", ended.out, ended.err);
    assert!(ended.out.contains(&format!("{count} tests passed")), "{}", ended.out);
    if readings {
        assert!(!home.quarantined().await.is_empty(), "what was acknowledged was stored");
    }
    listening.stop().await;
}

#[actix_web::test]
async fn the_interoperability_tests_of_mqtt_3_pass() {
    check("3", false, 11).await;
}

#[actix_web::test]
async fn the_interoperability_tests_of_mqtt_5_pass() {
    check("5", false, 27).await;
}

#[actix_web::test]
async fn the_interoperability_tests_of_mqtt_3_pass_on_readings() {
    check("3", true, 10).await;
}

#[actix_web::test]
async fn the_interoperability_tests_of_mqtt_5_pass_on_readings() {
    check("5", true, 23).await;
}
