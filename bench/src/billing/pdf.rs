//! Bills as PDF/A-3 with their XML inside, of a household's month with neighbours, on one core:
//! laid out and drawn, without reading what the bill rests on.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, ensure};
use billing::domain::bill::{
    Around, Facts, Heading, Invoice, OfReadings, Period, Side, Traded, Used, Vat, daily, document,
};
use calendar::SlotLength;
use documents::{Document, Locale, Proof, Quality};
use events::identity::Custody;
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use units::{Energy, Money, Price};

use super::town::{self, issuer, party, tariff};
use crate::measure::{Pair, RUNS, count, worked};
use crate::report::Row;

/// Bills of a run.
const BILLS: u32 = 100;
/// Bills a second and core that are aimed at.
const GOAL: f64 = 50.0;

pub(super) fn rows() -> Result<Vec<Row>> {
    let locale = Locale::named("en").context("English")?;
    let document = household(&locale)?;
    let first = invoice_pdf::write(&document, &locale)?;
    ensure!(first.has_xml && first.missing.is_empty(), "a bill without its XML or letters");
    let mut ours = Vec::new();
    for _ in 0..RUNS {
        let (written, seconds) = worked(|| -> Result<()> {
            for _ in 0..BILLS {
                ensure!(invoice_pdf::write(&document, &locale)? == first, "another bill");
            }
            Ok(())
        });
        written?;
        ours.push(count(BILLS) / seconds);
    }
    let (pages, lines) = (first.pages, document.content().lines.len());
    let name = format!("bills as PDF/A-3 of {pages} pages, {lines} lines; at least");
    let pair = Pair { ours, theirs: vec![GOAL] };
    Ok(vec![Row::rate(name, "1/s", &pair).aims_at(1.0)])
}

/// The bill of a month with a trade a day.
fn household(locale: &Locale) -> Result<Document> {
    let tariff = tariff()?;
    let zone = tariff.head().timezone.clone();
    let period = Period { from: town::FROM.parse()?, to: town::TO.parse()? };
    let (begin, end) = (zone.start_of(period.from), zone.start_of(period.to.next()));
    let (mut used, mut trades) = (BTreeMap::new(), Vec::new());
    for (place, slot) in calendar::Slot::within(begin, end, SlotLength::QUARTER_HOUR).enumerate() {
        let (import, export) = town::flows(0, place);
        let quality = reading::Quality::Measured;
        used.insert(slot.start, Used { import, export, quality });
        if place % 96 == 50 {
            trades.push(bought(slot.start, import.min(Energy::from_wh(100))));
        }
    }
    let facts = Facts {
        period,
        tariff: &tariff,
        slot_length: SlotLength::QUARTER_HOUR,
        used: &used,
        trades: &trades,
        before: None,
    };
    let heading = Heading {
        number: "INV-2026-1".to_owned(),
        salt: B256::repeat_byte(7),
        account: AccountId::derived("bench"),
        pseudonym: "heron".to_owned(),
        address: Address::repeat_byte(1),
        custody: Custody::Own,
        community: CommunityId::derived("bench"),
        connection_point: ConnectionPointId::derived("bench"),
        meter: MeterId::derived("bench"),
        is_final: false,
    };
    let invoice = Invoice::issue(heading, &facts, OfReadings::default())?;
    let around = Around {
        issuer: issuer(),
        customer: party("A. Household", None),
        issued_on: period.to.later(20),
        due_on: period.to.later(34),
        tariff: (tariff.head().name.clone(), tariff.head().version),
        vat: Vat::of(&tariff),
        language: locale.name().to_owned(),
        payment: None,
        proof: Proof {
            hash: invoice.hash(),
            salt: Some(invoice.salt),
            chain: Some(1),
            contract: Some(Address::repeat_byte(2)),
            transaction: None,
            block: Some(1),
            command: format!("wattex verify {}.json", invoice.number),
        },
        days: daily(&facts)?,
        quality: Quality {
            estimated: Energy::ZERO,
            missing_slots: 0,
            late_readings: 0,
            relayed_readings: 0,
            curtailed_slots: 0,
        },
        comparison: None,
        last_year: None,
    };
    Ok(document(&invoice, around)?)
}

/// All of it delivered.
fn bought(slot: calendar::Timestamp, quantity: Energy) -> Traded {
    Traded {
        side: Side::Buyer,
        slot,
        quantity,
        delivered: quantity,
        own_short: Energy::ZERO,
        short: Energy::ZERO,
        excused: Energy::ZERO,
        price: Price::from_n_per_wh(180_000),
        network_fee: Price::from_n_per_wh(10_000),
        platform_fee: Price::from_n_per_wh(2_000),
        make_whole: Money::ZERO,
        compensation: Money::ZERO,
        imbalance: Money::ZERO,
    }
}
