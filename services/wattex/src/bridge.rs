//! `wattex bridge`: devices that do not sign, on a broker of any maker, become signed readings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use bridge::{Bridge, Config, Observer, Uploaded};
use clap::Args;
use reading::SignedReading;
use serde_json::json;
use service::Clock;
use tokio_util::sync::CancellationToken;
use units::Register;

use crate::exit::Trouble;
use crate::stop::Stop;

/// Arguments of `wattex bridge`.
#[derive(Args)]
pub struct Arguments {
    /// The settings, in JSON: `source` (`host`, `port`, `username`, `password_file`, `client_id`,
    /// `roots`), `server`, `state` (a file), `slot_minutes`, `discovery_prefix` and `meters`, each
    /// with `meter`, `name`, `key_file`, `token_file`, `format`, `topic`, `import`, `export` (lists
    /// of `device`, `channel`, `counts`), `watts_max`, `digits`, `age_seconds_max`.
    file: PathBuf,
    /// Check the settings and the files they name, and end.
    #[arg(long)]
    check: bool,
    /// Print what happens as JSON, a line each.
    #[arg(long)]
    json: bool,
}

/// Runs the bridge until it is stopped.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let config = Config::read(&arguments.file);
    let config = config.map_err(|error| Trouble::Settings(format!("{error:#}")))?;
    if arguments.check {
        for meter in &config.meters {
            let address = meter.check_secrets();
            let address = address.map_err(|error| Trouble::Settings(format!("{error:#}")))?;
            println!("{}: enrol {} with the key {address}", meter.label(), meter.meter);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        let mut stop = Stop::listen().context("listening for signals")?;
        let bridge = Bridge::open(config, Clock::real()).await?;
        let ending = CancellationToken::new();
        let observer = Arc::new(Teller { json: arguments.json });
        let mut running = tokio::spawn(bridge.run(observer, ending.clone()));
        tokio::select! {
            _ = stop.asked() => ending.cancel(),
            ended = &mut running => {
                ended.context("the bridge died")??;
                return Ok(ExitCode::SUCCESS);
            }
        }
        running.await.context("the bridge died")??;
        Ok(ExitCode::SUCCESS)
    })
}

/// Prints what happens: readings and answers to standard output, trouble to standard error.
struct Teller {
    json: bool,
}

impl Teller {
    fn trouble(&self, kind: &str, name: &str, why: &str) {
        if self.json {
            println!("{}", json!({ "event": kind, "meter": name, "why": why }));
        } else {
            eprintln!("wattex: {name}: {why}");
        }
    }
}

impl Observer for Teller {
    fn signed(&self, name: &str, signed: &SignedReading) {
        let reading = &signed.reading;
        if self.json {
            println!("{}", json!({ "event": "signed", "meter": name, "reading": signed }));
            return;
        }
        let kwh =
            |register: Register| format!("{}.{:03}", register.wh() / 1000, register.wh() % 1000);
        println!(
            "{} {name}: page {}, import {} kWh, export {} kWh",
            reading.time,
            reading.page,
            kwh(reading.import),
            kwh(reading.export)
        );
    }

    fn complained(&self, name: &str, why: &str) {
        self.trouble("message_of_no_use", name, why);
    }

    fn uploaded(&self, name: &str, what: Uploaded) {
        if what.quarantined > 0 {
            let why = format!(
                "the server keeps {} readings apart: is the key enrolled, and the page the next?",
                what.quarantined
            );
            self.trouble("quarantined", name, &why);
        }
        if self.json {
            let Uploaded { accepted, duplicates, quarantined } = what;
            let said = json!({
                "event": "uploaded", "meter": name, "accepted": accepted,
                "duplicates": duplicates, "quarantined": quarantined,
            });
            println!("{said}");
        }
    }

    fn not_sent(&self, name: &str, why: &str) {
        self.trouble("not_sent", name, why);
    }
}
