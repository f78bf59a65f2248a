//! The demo's days, slot by slot.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use billing::domain::bill::{Issuer, Period};
use calendar::{LocalDay, Slot, Timestamp};
use futures::future::{join_all, try_join_all};
use indicatif::ProgressBar;
use service::{Clock, ClockHand, Problem};

use super::meter::{Meter, Reading};
use super::orders::{Answer, Desk};
use super::pace::{Line, PUMP_PERIOD, Pace};
use super::people::{self, People, Resident};
use super::plan::{self, Progress};
use super::report::{self, Inputs};
use super::rule::{Bounds, Errors, Rule, forecast};
use super::{Arguments, Speed, bills, members};
use crate::data::{MeterRun, Span};
use crate::node::chain::{CHALLENGE_SECONDS, CORRECTION_SECONDS};
use crate::node::{Node, Secrets};

/// How far time jumps at once while it is wound up.
const WIND_UP_STEP_SECONDS: i64 = 6 * 3600;
/// After the last window the contract still waits up to two days for the local day to be over.
const WIND_UP_SPARE_SECONDS: i64 = 3 * 86_400;
/// Seconds after a midnight by which blocks have what changes then.
const HANDOVER_SECONDS: i64 = 5;
/// Homes keep so many hundredths of the price band for themselves; they would differ down to
/// [`TASTE_DRAWN_MIN`], but those that want less than [`TASTE_MIN`] earn less than they miss by.
const TASTE_MIN: u8 = 15;
const TASTE_DRAWN_MIN: u8 = 5;
const TASTES: u8 = 25;

/// Who issues the demo's documents.
fn issuer() -> Issuer {
    let said = serde_json::json!({
        "party": {
            "id": "WX-1", "name": "Sample community",
            "address": { "street": "Mill Lane 1", "city": "Upper Mill", "country": "DE" },
            "tax_registration": "201/123/40009", "email": "help@wattex.example",
        },
        "payment_days": 14,
        "exemption": "Neighbours are not taxable persons",
        "fuel_mix": "62 % wind, 30 % sun, 8 % natural gas",
        "co2_grams_per_kwh": 38,
        "switching": "Free of charge, within 24 hours of your new contract",
        "dispute": { "contact": "help@wattex.example", "days": 30 },
    });
    serde_json::from_value(said).expect("an issuer")
}

/// Everything a run needs.
pub struct Stage<'s> {
    /// What was asked for.
    pub arguments: &'s Arguments,
    /// The homes and slots.
    pub span: &'s Span,
    /// The services.
    pub node: &'s Node,
    /// The slot clock.
    pub clock: Clock,
    /// What moves it.
    pub hand: ClockHand,
}

/// A home at work.
struct Home<'s> {
    run: &'s MeterRun,
    resident: &'s Resident,
    meter: Meter,
    rule: Rule,
    /// Net energy (export minus import) of the slots that were read, in Wh.
    known: Vec<i64>,
}

impl Stage<'_> {
    /// Runs the days, winds up, bills, reports.
    pub async fn run(
        &self,
        directory: &Path,
        mut progress: Progress,
        began: Instant,
    ) -> Result<People> {
        let secrets = Secrets::open(directory)?;
        let before = Duration::from_secs(progress.seconds);
        let start = progress.clone();
        let people = self.set_up(&secrets).await.context("setting up")?;
        self.play(directory, &people, &mut progress).await?;
        let bar = spinner("winding up: corrections, challenge window");
        self.wind_up(directory, &mut progress).await?;
        bar.set_message("billing");
        let periods = months(self.span.first, self.span.last);
        let billing = bills::issue(self, &people, &periods);
        let files =
            self.node.spent.on("bills and their proofs", billing).await.context("billing")?;
        if let Some(folder) = &self.arguments.bills {
            bills::write(folder, &files).context("writing the bills")?;
        }
        bar.set_message("verifying every bill");
        progress.billed = true;
        let took = before + began.elapsed();
        progress.seconds = took.as_secs();
        plan::save(directory, &progress)?;
        let inputs = Inputs { start: &start, progress: &progress, files: &files, took };
        let figures = report::figures(self, &inputs).await?;
        bar.finish_and_clear();
        report::print(self, &figures, &files)?;
        if let Some(file) = &self.arguments.json {
            std::fs::write(file, serde_json::to_string_pretty(&figures)?)
                .with_context(|| format!("writing {}", file.display()))?;
        }
        report::check(&figures)?;
        Ok(people)
    }

    async fn set_up(&self, secrets: &Secrets) -> Result<People> {
        let (node, now) = (self.node, self.clock.now());
        let tariff = self.span.prices.tariff(&self.span.timezone, self.span.first)?;
        let first = self.span.slots.first().context("no slots")?.start;
        node.billing.publish_tariff(node.community, tariff, now).await?;
        node.billing.set_issuer(node.community, issuer()).await?;
        let people = people::settle(node, secrets, self.span, first).await?;
        node.pump(now).await?;
        people::deposit(node, &people, self.span, now).await?;
        node.pump(now).await?;
        if members::shares_out(node) {
            members::join(node, &people.admin, &people, (now, first)).await.context("joining")?;
            node.pump(now).await?;
        }
        Ok(people)
    }

    /// Every slot boundary: readings, then what is due, then orders.
    async fn play(&self, directory: &Path, people: &People, progress: &mut Progress) -> Result<()> {
        let span = self.span;
        let boundaries = span.slots.len() + 1;
        let pace = Pace::new(self.arguments.speed, self.clock.now());
        let end = self.boundary(span.slots.len());
        let mut line = Line::new(span.slots.len(), progress, &pace, end);
        let desk = Desk::new(self.node, self.arguments.rotate)?;
        let mut homes = self.connect(people, progress.boundaries);
        for boundary in progress.boundaries..boundaries {
            let now = self.boundary(boundary);
            self.wait_until(now, &pace, &mut line, progress).await?;
            let reports = join_all(homes.iter_mut().map(|home| home.report(boundary, now)));
            let sent = self.node.spent.on("readings", reports).await;
            progress.published += homes.len() as u64;
            for outcome in sent {
                outcome?;
                progress.acknowledged += 1;
            }
            self.node.pump(now).await?;
            let ordering = self.order(&desk, &homes, boundary, progress);
            self.node.spent.on("orders", ordering).await?;
            self.hand_over(now).await?;
            progress.boundaries = boundary + 1;
            progress.now = now;
            progress.wall = Clock::real().now();
            plan::save(directory, progress)?;
            line.show(self, progress, now).await?;
        }
        line.finish();
        Ok(())
    }

    /// Where addresses change, the registry learns whose meters are in the slot that begins then;
    /// at a pace that was asked for time comes there by itself.
    async fn hand_over(&self, now: Timestamp) -> Result<()> {
        let zone = &self.span.timezone;
        let jumps = self.arguments.speed == Speed::Max && self.arguments.rotate;
        if !jumps || zone.start_of(zone.day_of(now)) != now {
            return Ok(());
        }
        let later = now.plus_seconds(HANDOVER_SECONDS);
        self.hand.move_to(later);
        self.node.pump(later).await
    }

    /// Homes with their meters connected, knowing what was read before `boundary`.
    fn connect<'s>(&'s self, people: &'s People, boundary: usize) -> Vec<Home<'s>> {
        let port = self.node.mqtt_port();
        let homes = self.span.meters.iter().zip(&people.residents).enumerate();
        homes
            .map(|(place, (run, resident))| {
                let key = resident.meter_key.clone();
                let mut home = Home {
                    run,
                    resident,
                    meter: Meter::connect(resident.meter, key, &resident.token, port),
                    rule: Rule { keeps: taste(place, self.arguments.seed) },
                    known: Vec::new(),
                };
                (1..boundary).for_each(|read| home.learn(read));
                home
            })
            .collect()
    }

    /// Places the homes' orders for the slot whose gate comes next; none where what they meter is
    /// shared out.
    async fn order(
        &self,
        desk: &Desk<'_>,
        homes: &[Home<'_>],
        boundary: usize,
        progress: &mut Progress,
    ) -> Result<()> {
        if members::shares_out(self.node) {
            return Ok(());
        }
        let length = self.arguments.slot;
        let gate = i64::from(
            market::MarketConfig::new(self.span.timezone.clone(), self.node.policy.clone())
                .gate_seconds,
        );
        let ahead = usize::try_from(gate.div_euclid(length.seconds()) + 1)?.max(2);
        let target = boundary + ahead;
        let Some(slot) = self.span.slots.get(target) else { return Ok(()) };
        let bounds = self.bounds(*slot)?;
        let per_day = usize::try_from(86_400 / length.seconds())?;
        let intents = homes.iter().filter_map(|home| {
            let net = forecast(&home.known, target, per_day)?;
            let errors = Errors::of(&home.known, ahead + 1, per_day);
            Some((home, home.rule.intend(net, &errors, bounds)?))
        });
        let placed = intents.map(|(home, intent)| desk.place(home.resident, *slot, intent));
        for answer in try_join_all(placed).await? {
            match answer {
                Answer::Accepted => progress.accepted += 1,
                Answer::Rejected(code) => *progress.rejected.entry(code).or_default() += 1,
            }
        }
        Ok(())
    }

    /// What the grid takes and gives in `slot`, as order limits: a buyer's is all-in, a seller's
    /// net.
    fn bounds(&self, slot: Slot) -> Result<Bounds> {
        let tariff = self.span.prices.tariff(&self.span.timezone, self.span.first)?;
        let (retail, feed_in) = (tariff.retail_price(slot), tariff.feed_in_price(slot));
        Ok(Bounds { retail, feed_in, tick: 100 })
    }

    /// The moment of a slot boundary.
    fn boundary(&self, boundary: usize) -> Timestamp {
        let slots = &self.span.slots;
        slots.get(boundary).map_or_else(|| slots[slots.len() - 1].end(), |slot| slot.start)
    }

    /// Lets simulated time come to `moment`: at once, or at the pace that was asked for.
    async fn wait_until(
        &self,
        moment: Timestamp,
        pace: &Pace,
        line: &mut Line,
        progress: &Progress,
    ) -> Result<()> {
        while let Some(now) = pace.before(moment) {
            self.hand.move_to(now);
            self.node.pump(now).await?;
            line.show(self, progress, now).await?;
            tokio::time::sleep(pace.nap(moment)).await;
        }
        self.hand.move_to(moment);
        Ok(())
    }

    /// Jumps past the last correction run and the challenge window.
    async fn wind_up(&self, directory: &Path, progress: &mut Progress) -> Result<()> {
        let end = self.boundary(self.span.slots.len());
        let windows = i64::from(CORRECTION_SECONDS) + i64::from(CHALLENGE_SECONDS);
        let last = end.plus_seconds(windows + WIND_UP_SPARE_SECONDS);
        while progress.now < last {
            progress.now = progress.now.plus_seconds(WIND_UP_STEP_SECONDS);
            self.hand.move_to(progress.now);
            self.node.pump(progress.now).await?;
            plan::save(directory, progress)?;
        }
        Ok(())
    }

    /// Serves at the pace of the wall clock until it is dropped.
    pub async fn serve(&self, people: &People) -> Result<()> {
        println!("\nOpen {}", self.node.url());
        println!("  operator   {}  {}", people.admin_login.email, people.admin_login.password);
        if let Some(login) = &people.resident_login {
            println!("  household  {}  {}", login.email, login.password);
        }
        println!("  JSON-RPC   {}/rpc", self.node.url());
        println!("  meters     mqtt://127.0.0.1:{}", self.node.mqtt_port());
        if let Some(address) = self.node.mqtt_tls_address() {
            println!("             mqtts://{address}");
        }
        println!("Ctrl-C ends it.");
        let (start, since) = (self.clock.now(), Instant::now());
        loop {
            tokio::time::sleep(PUMP_PERIOD).await;
            let elapsed = i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
            let now = start.plus_seconds(elapsed);
            self.hand.move_to(now);
            self.node.pump(now).await?;
        }
    }
}

impl Home<'_> {
    /// Publishes the registers of a boundary and waits for the acknowledgement.
    async fn report(&mut self, boundary: usize, time: Timestamp) -> Result<()> {
        let reading = Reading {
            page: u32::try_from(boundary)?,
            time,
            import: self.run.import[boundary],
            export: self.run.export[boundary],
        };
        self.meter.publish(reading).await.with_context(|| self.run.name.clone())?;
        if boundary > 0 {
            self.learn(boundary);
        }
        Ok(())
    }

    /// Notes the slot that ended at `boundary`.
    fn learn(&mut self, boundary: usize) {
        let net = |registers: &[units::Register]| {
            let flowed = registers[boundary].since(registers[boundary - 1]);
            flowed.map_or(0, |energy| i64::try_from(energy.wh()).unwrap_or(i64::MAX))
        };
        self.known.push(net(&self.run.export) - net(&self.run.import));
    }
}

/// How much of the band a home keeps: differs from home to home.
fn taste(place: usize, seed: u64) -> u8 {
    let mixed = (place as u64).wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let drawn = TASTE_DRAWN_MIN + u8::try_from(mixed % u64::from(TASTES)).unwrap_or(0);
    drawn.max(TASTE_MIN)
}

/// The calendar months of a span, cut to it.
fn months(first: LocalDay, last: LocalDay) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut from = first;
    while from <= last {
        let next = from.next_month_start();
        periods.push(Period { from, to: next.later(-1).min(last) });
        from = next;
    }
    periods
}

fn spinner(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message(message);
    bar
}

/// Whether a refusal says that the invoice is there already.
pub(super) fn already_billed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.code == "ALREADY_BILLED")
}

#[cfg(test)]
mod tests {
    #[test]
    fn documents_can_name_the_issuer() {
        assert_eq!(super::issuer().check(), Ok(()));
    }
}
