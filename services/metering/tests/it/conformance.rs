//! Another project's tests of MQTT against our broker: Eclipse Paho's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use metering::{Limits, Metering};
use service::Clock;

use crate::home::{BRIDGE_TOKEN, Device, Home, anchor, at, nowhere};

/// Longer than the suite takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where the suite is, if it could be fetched.
fn suite() -> Option<PathBuf> {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let tools = std::env::var_os("WATTEX_TOOLS").map_or_else(here, PathBuf::from);
    let suite = tools.join("paho.mqtt.testing");
    suite.join(".installed").is_file().then_some(suite)
}

#[actix_web::test]
async fn the_interoperability_tests_pass_as_far_as_they_apply() {
    let Some(suite) = suite() else {
        println!("NOT CHECKED: MQTT by Paho's interoperability tests, which ./justw tools fetches");
        return;
    };
    let devices = ["H01", "H02", "H03", "H04", "H05"].map(Device::new);
    let home = Home::with(&devices).await;
    // The suite asks for a keep-alive of two minutes and expects to be told a minute.
    let limits = Limits { keep_alive_seconds_max: 60, ..Limits::default() };
    let config = metering::Config { limits, ..home.config() };
    let (clock, _) = Clock::set(at(10));
    let metering = Metering::open(config, clock, anchor(), nowhere()).await.unwrap();
    let listening = metering.listen().await.unwrap();
    let port = listening.address().port().to_string();
    for version in ["3", "5"] {
        let mut command = Command::new("python3");
        command.arg("-B");
        command.arg(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/mqtt_conformance.py"),
        );
        command.arg(&suite).args([version, &port, "gateway", BRIDGE_TOKEN]);
        command.args(devices.iter().map(Device::topic));
        let ended = tokio::task::spawn_blocking(move || testkit::finish(command, PATIENCE));
        let ended = ended.await.unwrap().unwrap();
        println!("MQTT {version}\n{}", ended.out);
        assert_eq!(ended.code, Some(0), "MQTT {version}\n{}{}", ended.out, ended.err);
        assert!(ended.out.contains("passed "), "{}", ended.out);
    }
    listening.stop().await;
}
