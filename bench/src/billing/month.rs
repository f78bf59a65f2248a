//! A month of quarter-hours of a town, from its meters to its invoices, by the service's own code
//! on SQLite: intervals with their signed readings come in, trades are settled and reconciled, days
//! are anchored, and when nothing can change any more the invoices are issued, posted and drawn.
//! `just bench billing month --customers 1000` says how many customers; without it there are few.
//!
//! The chain is a list of blocks that say what they are told. Making and signing readings is not
//! timed. Times are of the clock, and of all processors; memory is the most that the process, which
//! holds the homes and the readings of a day besides, has used in a stage.

mod node;
mod stage;

use std::sync::Arc;

use alloy_primitives::{B256, U256};
use anyhow::{Context, Result, ensure};
use billing::domain::bill::Period;
use billing::domain::verify::tariff_key;
use billing::{Billing, Parts};
use bus::Bus;
use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use contracts::bindings::{EnergyMarket, MeterRegistry, ReadingAnchor, RecordAnchor};
use contracts::{Clearing, Currency, Deployment, Policy, Prices, Terms, trade_id};
use events::metering::{DayAnchored, DayLeaf, INTERVALS_PER_MESSAGE_MAX, IntervalsClosed};
use events::{Envelope, Event};
use ids::InvoiceId;
use keys::SecretKey;
use reading::{SignedReading, day_leaf};
use service::{Clock, ClockHand, Tick};
use tempfile::TempDir;
use units::Energy;

use super::town::{FROM, Home, SLOTS_PER_DAY, TO, TRADED, ZONE, community, issuer, tariff};
use crate::measure::count;
use crate::python::folder;
use crate::report::Row;
use node::{Logs, Node};
use stage::Stage;

/// Behind this word stands how many customers there are.
const CUSTOMERS: &str = "--customers";
/// Customers where nobody says how many.
const CUSTOMERS_DEFAULT: usize = 100;
/// Logs of a block.
const LOGS_PER_BLOCK: usize = 1_000;
/// Invoices that are drawn.
const DRAWN: usize = 100;
/// Wh of a trade.
const TRADED_WH: u64 = 100;
/// The run that the chain has of each.
const LAST_RUN: u8 = 2;
/// In n/Wh.
const PRICE: u64 = 180_000;
const DAY: i64 = 86_400;

pub(super) fn rows() -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measured(customers()?))
}

fn customers() -> Result<usize> {
    let mut words = std::env::args().skip_while(|word| word != CUSTOMERS).skip(1);
    let number = words.next().map_or(Ok(CUSTOMERS_DEFAULT), |word| word.parse());
    let number = number.context("how many customers?")?;
    ensure!(
        number >= 2 && number % 2 == 0,
        "an even number of customers: neighbours trade in pairs"
    );
    Ok(number)
}

async fn measured(customers: usize) -> Result<Vec<Row>> {
    std::fs::create_dir_all(folder()).context("making target/bench")?;
    let folder = tempfile::tempdir_in(folder()).context("a folder")?;
    let mut town = Town::open(&folder, customers).await?;
    let mut stages = Vec::new();
    let mut stage = Stage::begin("people, meters, tariff, cash");
    town.found(&mut stage).await?;
    stages.push(stage.end(folder.path(), customers));
    let mut stage = Stage::begin("intervals, trades, anchors");
    town.live(&mut stage).await?;
    stages.push(stage.end(folder.path(), customers));
    let mut stage = Stage::begin("last runs");
    town.rest(&mut stage).await?;
    stages.push(stage.end(folder.path(), customers));
    let mut stage = Stage::begin("invoices issued");
    let invoices = town.invoice(&mut stage).await?;
    stages.push(stage.end(folder.path(), customers));
    let mut stage = Stage::begin("invoices posted");
    stage.timed(town.ticks()).await?;
    stages.push(stage.end(folder.path(), customers));
    let mut stage = Stage::begin("invoices drawn");
    let drawn = town.draw(&mut stage, &invoices).await?;
    stages.push(stage.end(folder.path(), customers));
    let before = town.billing.totals().await;
    let mut stage = Stage::begin("start again");
    let town = town.restarted(&mut stage, &folder).await?;
    stages.push(stage.end(folder.path(), customers));
    let after = town.billing.totals().await;
    ensure!(before == after, "{before:?} before the restart, {after:?} after");
    let days = Period { from: FROM.parse()?, to: TO.parse()? }.days().count();
    let intervals = count(customers) * count(days * SLOTS_PER_DAY);
    Ok(rows_of(customers, intervals, drawn, &stages))
}

fn rows_of(customers: usize, intervals: f64, drawn: usize, stages: &[Stage]) -> Vec<Row> {
    let mut rows = Vec::new();
    for stage in stages {
        let name = format!("{customers} customers, a month: {}", stage.name);
        rows.push(Row::alone(name.clone(), "s", &[stage.seconds()]));
        rows.push(Row::alone(name.clone() + ", of processors", "s", &[stage.work.as_secs_f64()]));
        rows.push(Row::alone(name + ", memory at most", "MiB", &[stage.peak_mib]));
    }
    let rate = |of: f64, place: usize| of / stages[place].seconds();
    let name = |what: &str| format!("{customers} customers, a month: {what}");
    rows.push(Row::alone(name("intervals taken"), "1/s", &[rate(intervals, 1)]));
    rows.push(Row::alone(name("invoices issued"), "1/s", &[rate(count(customers), 3)]));
    rows.push(Row::alone(name("invoices drawn"), "1/s", &[rate(count(drawn), 5)]));
    rows
}

/// The service, the node that it asks, and who lives there.
struct Town {
    billing: Arc<Billing>,
    bus: Bus,
    node: Arc<Node>,
    hand: ClockHand,
    now: Timestamp,
    published: u64,
    at: Deployment,
    policy: Policy,
    zone: TimeZone,
    homes: Vec<Home>,
}

fn key(name: &str) -> Result<SecretKey> {
    SecretKey::from_bytes(&alloy_primitives::keccak256(name).0).context("a key")
}

async fn start(
    folder: &TempDir,
    bus: &Bus,
    node: &Arc<Node>,
    clock: Clock,
) -> Result<Arc<Billing>> {
    let deployment = Deployment::of(key("deployer")?.address());
    billing::start(Parts {
        db_url: format!("sqlite:{}", folder.path().join("billing.db").display()),
        bus: bus.clone(),
        clock,
        node: node.clone(),
        operator: key("operator")?,
        certifier: key("certifier")?,
        chain_id: 1,
        deployment,
        currencies: vec![Currency { code: "EUR".to_owned(), cash: deployment.cash() }],
        dealers: B256::repeat_byte(0xdd),
        policies: Vec::new(),
        slot: SlotLength::QUARTER_HOUR,
        monthly: false,
    })
    .await
}

impl Town {
    async fn open(folder: &TempDir, customers: usize) -> Result<Self> {
        let zone: TimeZone = ZONE.parse()?;
        let now = zone.start_of(FROM.parse()?).plus_seconds(-2 * DAY);
        let (bus, node) = (Bus::in_process(), Arc::new(Node::new(now)));
        let (clock, hand) = Clock::set(now);
        let billing = start(folder, &bus, &node, clock).await?;
        let homes = (0..customers).map(Home::new).collect::<Result<_>>()?;
        let at = Deployment::of(key("deployer")?.address());
        let policy = testkit::policy("bench");
        Ok(Self { billing, bus, node, hand, now, published: 0, at, policy, zone, homes })
    }

    /// The same after a stop and a start.
    async fn restarted(self, stage: &mut Stage, folder: &TempDir) -> Result<Self> {
        self.billing.close().await;
        let (bus, (clock, hand)) = (Bus::in_process(), Clock::set(self.now));
        let billing = stage.timed(start(folder, &bus, &self.node, clock)).await?;
        Ok(Self { billing, bus, hand, ..self })
    }

    fn move_to(&mut self, moment: Timestamp) {
        self.now = moment;
        self.hand.move_to(moment);
    }

    async fn publish(&mut self, stage: &mut Stage, event: &impl Event) -> Result<()> {
        self.published += 1;
        let envelope = Envelope::of(event, &self.published.to_string(), self.now);
        stage.timed(self.bus.publish(&envelope)).await
    }

    async fn block(&mut self, stage: &mut Stage, logs: Logs) -> Result<()> {
        let block = self.node.connect(self.now, logs)?;
        self.publish(stage, &block).await
    }

    /// Two days ahead: who lives there, and what is on chain of it.
    async fn found(&mut self, stage: &mut Stage) -> Result<()> {
        let tariff = tariff()?;
        let mut logs = Logs::default();
        let terms = self.policy.to_sol();
        let policy = EnergyMarket::PolicyRegistered {
            policy: self.policy.id(),
            community: terms.community,
            zone: terms.zone,
            terms,
        };
        logs.push(self.at.market, &policy)?;
        let published = RecordAnchor::TariffPublished {
            key: tariff_key(community(), &tariff.head().id),
            version: 1,
            validFrom: tariff.head().valid_from.number(),
            hash: tariff.hash(),
        };
        logs.push(self.at.records, &published)?;
        let homes = std::mem::take(&mut self.homes);
        for home in &homes {
            self.publish(stage, &home.opened()).await?;
            self.publish(stage, &home.registered()?).await?;
            self.publish(stage, &home.enrolled(self.now)).await?;
            let registered = MeterRegistry::MeterRegistered {
                meter: home.meter.to_bytes32().into(),
                version: 1,
                key: home.address,
                owner: home.address,
                installer: home.address,
                connectionPoint: home.point.to_bytes32().into(),
            };
            logs.push(self.at.meters, &registered)?;
            let credited = EnergyMarket::DepositCredited {
                account: home.address,
                amount: U256::from(1_000_000_000_000_u64),
                payment: B256::from(U256::from(logs.len())),
            };
            logs.push(self.at.market, &credited)?;
            if logs.len() >= LOGS_PER_BLOCK {
                self.now = self.now.plus_seconds(1);
                self.block(stage, std::mem::take(&mut logs)).await?;
            }
        }
        self.homes = homes;
        self.now = self.now.plus_seconds(1);
        self.block(stage, logs).await?;
        let now = self.now;
        stage.timed(self.billing.publish_tariff(community(), tariff, now)).await?;
        stage.timed(self.billing.set_issuer(community(), issuer())).await
    }

    /// The month, slot by slot.
    async fn live(&mut self, stage: &mut Stage) -> Result<()> {
        let (mut day, last): (LocalDay, LocalDay) = (FROM.parse()?, TO.parse()?);
        let mut readings: Vec<Vec<SignedReading>> = vec![Vec::new(); self.homes.len()];
        let mut place = 0;
        while day <= last {
            let (begin, end) = (self.zone.start_of(day), self.zone.start_of(day.next()));
            for (of_day, slot) in Slot::within(begin, end, SlotLength::QUARTER_HOUR).enumerate() {
                let mut runs = Logs::default();
                if (TRADED.0..TRADED.1).contains(&of_day) {
                    runs = self.trade(stage, slot, of_day - TRADED.0).await?;
                }
                self.close(stage, (place, slot), &mut readings).await?;
                if runs.len() > 0 {
                    self.move_to(slot.end().plus_seconds(300));
                    self.block(stage, runs).await?;
                }
                place += 1;
            }
            self.anchor(stage, day, &readings).await?;
            // A reading at midnight is of both days.
            readings.iter_mut().for_each(|of_home| drop(of_home.drain(..of_home.len() - 1)));
            day = day.next();
        }
        Ok(())
    }

    /// Settles what neighbours trade in a slot, and returns what its last run will say.
    async fn trade(&mut self, stage: &mut Stage, slot: Slot, of_noon: usize) -> Result<Logs> {
        let (mut logs, mut runs) = (Logs::default(), Logs::default());
        let pairs = (of_noon..self.homes.len() / 2).step_by(TRADED.1 - TRADED.0);
        let fills = u32::try_from(pairs.len())?;
        let clearing = Clearing {
            policy: self.policy.id(),
            slot: slot.start.unsigned(),
            mechanism: 1,
            price: PRICE,
            retail_price: 310_500,
            feed_in_price: 80_000,
            volume: Energy::from_wh(TRADED_WH * u64::from(fills)),
            fills,
            fills_root: B256::ZERO,
            journal_root: B256::ZERO,
        };
        let id = clearing.id();
        let zone = self.policy.zone.to_bytes32().into();
        let (slot_time, posted) = (clearing.slot, clearing.to_sol());
        let cleared =
            EnergyMarket::SlotCleared { clearing: id, zone, slot: slot_time, terms: posted };
        logs.push(self.at.market, &cleared)?;
        let quantity = Energy::from_wh(TRADED_WH);
        let terms = Terms::new(&self.policy, &clearing, Prices::one(PRICE), quantity);
        let amount = |money: units::Money| U256::from(money.n().unsigned_abs());
        for (index, pair) in (0..).zip(pairs) {
            let trade = trade_id(id, index);
            let created = EnergyMarket::TradeCreated {
                trade,
                buyer: self.homes[2 * pair].address,
                seller: self.homes[2 * pair + 1].address,
                clearing: id,
                index,
                buyOrder: B256::ZERO,
                sellOrder: B256::ZERO,
                quantity: TRADED_WH,
                escrow: amount(terms.escrow()?),
                collateral: amount(terms.collateral()?),
            };
            logs.push(self.at.market, &created)?;
            let run = EnergyMarket::TradeReconciled {
                trade,
                run: LAST_RUN,
                delivered: TRADED_WH,
                sellerShort: 0,
                buyerShort: 0,
            };
            runs.push(self.at.market, &run)?;
        }
        self.move_to(slot.start.plus_seconds(-300));
        self.block(stage, logs).await?;
        Ok(runs)
    }

    /// The intervals of a slot, in messages as metering sends them.
    async fn close(
        &mut self,
        stage: &mut Stage,
        (place, slot): (usize, Slot),
        readings: &mut [Vec<SignedReading>],
    ) -> Result<()> {
        self.move_to(slot.end().plus_seconds(120));
        for first in (0..self.homes.len()).step_by(INTERVALS_PER_MESSAGE_MAX) {
            let homes = self.homes.iter_mut().skip(first).take(INTERVALS_PER_MESSAGE_MAX);
            let intervals = homes.map(|home| home.interval(place, (slot.start, slot.end())));
            let intervals = Vec::from_iter(intervals);
            for (of_home, interval) in readings[first..].iter_mut().zip(&intervals) {
                of_home.extend(&interval.readings);
            }
            let closed = IntervalsClosed { community: community(), slot, intervals };
            self.publish(stage, &closed).await?;
        }
        Ok(())
    }

    /// A day's readings go on chain in the night after it.
    async fn anchor(
        &mut self,
        stage: &mut Stage,
        day: LocalDay,
        readings: &[Vec<SignedReading>],
    ) -> Result<()> {
        self.move_to(self.zone.start_of(day.next()).plus_seconds(7_200));
        let salt = B256::repeat_byte(7);
        // Leaves are in order of the meters' ids.
        let mut order = Vec::from_iter(0..self.homes.len());
        order.sort_by_key(|home| self.homes[*home].meter);
        let leaf = |home: &usize| day_leaf(salt, self.homes[*home].meter, day, &readings[*home]);
        let leaves = order.iter().map(leaf).collect::<Option<Vec<_>>>().context("a day's leaf")?;
        let (tree, count) = (merkle::Tree::new(leaves), u32::try_from(order.len())?);
        let mut logs = Logs::default();
        let anchored = ReadingAnchor::ReadingsAnchored {
            community: community().to_bytes32().into(),
            kind: contracts::READINGS_OF_DAY,
            period: u64::from(day.number()),
            batch: 1,
            root: tree.root(),
            count,
        };
        logs.push(self.at.readings, &anchored)?;
        self.block(stage, logs).await?;
        for (part, homes) in order.chunks(INTERVALS_PER_MESSAGE_MAX).enumerate() {
            let first = part * INTERVALS_PER_MESSAGE_MAX;
            let mut leaves = Vec::with_capacity(homes.len());
            for (index, home) in (first..).zip(homes) {
                let of_home = &readings[*home];
                let pages = |place: Option<&SignedReading>| place.map_or(0, |one| one.reading.page);
                leaves.push(DayLeaf {
                    meter: self.homes[*home].meter,
                    salt,
                    index: u32::try_from(index)?,
                    path: tree.path(index),
                    pages: (pages(of_home.first()), pages(of_home.last())),
                    readings: u16::try_from(of_home.len())?,
                });
            }
            let (batch, root) = (1, tree.root());
            let event = DayAnchored { community: community(), day, batch, root, count, leaves };
            self.publish(stage, &event).await?;
        }
        Ok(())
    }

    /// Until nothing of the month can change any more.
    async fn rest(&mut self, stage: &mut Stage) -> Result<()> {
        let last: LocalDay = TO.parse()?;
        self.move_to(TimeZone::utc().start_of(last.later(2)).plus_seconds(15 * DAY));
        self.block(stage, Logs::default()).await?;
        stage.timed(self.ticks()).await
    }

    async fn ticks(&self) -> Result<()> {
        while self.billing.tick(self.now).await? {}
        Ok(())
    }

    async fn invoice(&self, stage: &mut Stage) -> Result<Vec<InvoiceId>> {
        let period = Period { from: FROM.parse()?, to: TO.parse()? };
        let mut issued = Vec::with_capacity(self.homes.len());
        for home in &self.homes {
            let issue = self.billing.issue_invoice(home.account, period, self.now);
            issued.push(stage.timed(issue).await?);
        }
        Ok(issued)
    }

    /// How many of the invoices were drawn.
    async fn draw(&self, stage: &mut Stage, invoices: &[InvoiceId]) -> Result<usize> {
        let mut drawn = 0;
        for id in invoices.iter().take(DRAWN) {
            let pages = stage.timed(self.billing.invoice_pages(*id, "en")).await?;
            ensure!(pages.context("no pages")?.pdf.starts_with(b"%PDF"), "not a PDF");
            drawn += 1;
        }
        Ok(drawn)
    }
}
