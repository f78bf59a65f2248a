//! A fleet at work, and what it has to tell.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use calendar::{Slot, Timestamp};
use fleet::{
    Broker, Device, Enrolment, Fleet, Plan, Script, Server, Start, Storm, Totals, read_roster,
    write_roster,
};
use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng;
use serde_json::json;
use service::Clock;
use units::{Power, Register};

use super::options::Arguments;
use crate::exit::Trouble;
use crate::stop::Stop;

/// How far back a fleet begins where nothing is said: less than what may be corrected still.
const BACK_SECONDS: i64 = 400 * 86_400;
/// What a simulated connection carries.
const POWER: Power = Power::from_w(20_000);
/// Seconds of silence that a meter promises not to exceed.
const KEEP_ALIVE: u16 = 60;
/// How often the line of progress is written.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// How long acknowledgements may take after the last message.
const PATIENCE: Duration = Duration::from_secs(30);
/// Meters whose place is asked for at the same time.
const AT_ONCE: usize = 16;

/// Runs a fleet to its end.
pub async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let faults = arguments.wrong.faults()?;
    if arguments.wrong.silent >= arguments.count {
        return Err(Trouble::Argument("--silent: one meter has to speak".to_owned()).into());
    }
    let mut stop = Stop::listen().context("listening for signals")?;
    let (host, port) = &arguments.broker;
    let broker = Broker::new(host, *port, arguments.mqtt.into(), arguments.tls_roots.as_deref());
    let broker = broker.map_err(|error| Trouble::Settings(format!("{error:#}")))?;
    let enrolled = arguments.roster.exists();
    let devices = devices(arguments, enrolled).await?;
    let starts = starts(arguments, &devices, enrolled).await?;
    let scripts = devices.into_iter().zip(starts).zip(0_u64..).map(|((device, start), place)| {
        let seed = arguments.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place);
        Script::new(device, start, arguments.slot, arguments.readings, faults, seed)
            .signing_together(arguments.together)
    });
    let every = arguments.wrong.disconnect_storms.map(Duration::from_secs);
    let plan = Plan {
        per_second: arguments.rate,
        messages: arguments.messages.unwrap_or(u64::MAX),
        presign: arguments.presign,
        in_flight: arguments.in_flight,
        keep_alive: KEEP_ALIVE,
        slow: arguments.wrong.slow_readers,
        silent: arguments.wrong.silent,
        storm: every.map(|every| Storm { every }),
    };
    let mut fleet = Fleet::start(broker, scripts.collect(), &plan, arguments.intents.as_deref())?;
    let began = Instant::now();
    let limit = arguments.seconds.map(Duration::from_secs);
    let code = tokio::select! {
        told = tell(&mut fleet, began, limit) => told.map(|()| ExitCode::SUCCESS)?,
        _ = stop.asked() => ExitCode::SUCCESS,
    };
    let took = began.elapsed();
    let totals = fleet.finish(PATIENCE).await?;
    show(arguments, &totals, took)?;
    Ok(code)
}

/// The meters: those of the list, or new ones, which are enrolled.
async fn devices(arguments: &Arguments, enrolled: bool) -> Result<Vec<Device>> {
    let (roster, count) = (arguments.roster.as_path(), arguments.count);
    if enrolled {
        let mut devices =
            read_roster(roster).map_err(|error| Trouble::Settings(format!("{error:#}")))?;
        if devices.len() < count {
            let why = format!("{}: {} meters, not {count}", roster.display(), devices.len());
            return Err(Trouble::Settings(why).into());
        }
        devices.truncate(count);
        return Ok(devices);
    }
    enrol(arguments, roster, count).await
}

async fn enrol(arguments: &Arguments, roster: &Path, count: usize) -> Result<Vec<Device>> {
    let (url, login) = arguments.staff.login()?;
    let server = Server::sign_in(url, &login).await?;
    let secret: [u8; 32] = rand::rng().random();
    let devices: Vec<_> = (0..count).map(|number| Device::derived(&secret, number)).collect();
    let wanted = Enrolment {
        valid_from: first_time(arguments),
        zone: arguments.zone,
        timezone: arguments.timezone.clone(),
        power: POWER,
    };
    eprintln!("enrolling {count} meters");
    server.enrol(&devices, &wanted).await?;
    write_roster(roster, &devices)?;
    Ok(devices)
}

/// When meters begin that have said nothing.
fn first_time(arguments: &Arguments) -> Timestamp {
    let from = arguments.from.unwrap_or_else(|| Clock::real().now().plus_seconds(-BACK_SECONDS));
    Slot::containing(from, arguments.slot).start
}

/// What each meter has to say next. New ones have said nothing, and are not known everywhere yet.
async fn starts(arguments: &Arguments, devices: &[Device], enrolled: bool) -> Result<Vec<Start>> {
    let new = Start {
        page: 1,
        time: first_time(arguments),
        until: arguments.until.unwrap_or_else(|| Clock::real().now()),
        import: Register::from_wh(0),
        export: Register::from_wh(0),
    };
    let Some(url) = arguments.staff.server.as_ref().filter(|_| enrolled) else {
        return Ok(vec![new; devices.len()]);
    };
    let server = Server::open(url)?;
    let next = devices.iter().map(|device| server.next_of(device, arguments.slot, new));
    stream::iter(next).buffered(AT_ONCE).try_collect().await
}

/// Shows how it goes, until all is said or the time is over.
async fn tell(fleet: &mut Fleet, began: Instant, limit: Option<Duration>) -> Result<()> {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    bar.set_style(style.expect("the template is constant"));
    let mut before = (began, fleet.totals());
    loop {
        tokio::select! {
            done = fleet.done() => break done?,
            () = tokio::time::sleep(TOLD_EVERY) => {}
        }
        let (now, totals) = (Instant::now(), fleet.totals());
        let passed = (now - before.0).as_millis().max(1);
        let rate = u128::from(totals.acknowledged - before.1.acknowledged) * 1000 / passed;
        bar.set_message(format!("{rate} messages/s, {}", line(&totals)));
        bar.tick();
        if now - before.0 > Duration::from_secs(1) {
            before = (now, totals);
        }
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Counters in a line.
fn line(totals: &Totals) -> String {
    let Totals { connected, sent, acknowledged, readings, .. } = totals;
    let errors = totals.refused + totals.lost + totals.declined + totals.disordered;
    format!(
        "{connected} connected, {sent} sent, {acknowledged} acknowledged ({readings} readings), \
         PUBACK p50 {} p99 {}, {errors} errors",
        milliseconds(totals.puback_p50_us),
        milliseconds(totals.puback_p99_us)
    )
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

fn show(arguments: &Arguments, totals: &Totals, took: Duration) -> Result<()> {
    let millis = took.as_millis().max(1);
    let per_second = |count: u64| u128::from(count) * 1000 / millis;
    let (messages, readings) = (per_second(totals.acknowledged), per_second(totals.readings));
    if arguments.json {
        let figures = json!({
            "meters": arguments.count,
            "milliseconds": u64::try_from(millis)?,
            "messages_per_second": u64::try_from(messages)?,
            "readings_per_second": u64::try_from(readings)?,
            "totals": totals,
        });
        println!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(());
    }
    if std::io::stdout().is_terminal() {
        println!();
    }
    println!("{}", line(totals));
    println!(
        "{messages} messages/s, {readings} readings/s over {}.{:03} s",
        millis / 1000,
        millis % 1000
    );
    println!(
        "lines: {} opened, {} refused, {} lost; messages: {} sent again, {} declined, {} out of \
         order",
        totals.connects,
        totals.refused,
        totals.lost,
        totals.repeated,
        totals.declined,
        totals.disordered
    );
    Ok(())
}
