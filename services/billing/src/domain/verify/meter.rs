//! The customer's own meter: signatures, order, anchors, and the energy that follows.

use std::collections::BTreeMap;

use calendar::{SlotLength, Timestamp};
use contracts::storage::MeterKey;
use reading::{Inconsistent, Interval, Reading, SignedReading, day_leaf, intervals};

use super::report::Supports;
use super::{DayEvidence, Verifier};
use crate::domain::bill::Used;

/// The energy of each slot that signed readings span.
pub(super) fn used(
    readings: &[SignedReading],
    length: SlotLength,
) -> Result<BTreeMap<Timestamp, Used>, Inconsistent> {
    let plain: Vec<Reading> = readings.iter().map(|signed| signed.reading).collect();
    let used = intervals(&plain, length)?.into_iter().map(|interval| {
        let Interval { slot, import, export, quality } = interval;
        (slot.start, Used { import, export, quality })
    });
    Ok(used.collect())
}

impl Verifier<'_> {
    /// The energy of each slot that two signed readings span; `None` where they contradict
    /// each other.
    pub(super) fn check_meter(&mut self) -> Option<BTreeMap<Timestamp, Used>> {
        let bill = self.bill;
        let meter = bill.invoice.meter;
        let readings: Vec<SignedReading> =
            bill.evidence.readings.iter().map(|compact| compact.signed(meter)).collect();
        let keys = self.meter_keys();
        self.check_signatures(&readings, &keys);
        self.check_days(&readings);
        match used(&readings, bill.invoice.slot_minutes) {
            Ok(used) => Some(used),
            Err(inconsistent) => {
                let reason = format!("the readings contradict each other: {inconsistent}");
                self.fail("evidence.readings", Supports::Metered, reason);
                None
            }
        }
    }

    /// The keys that the registry has for the meter, of the versions that the bill names.
    fn meter_keys(&mut self) -> Vec<MeterKey> {
        let bill = self.bill;
        let (invoice, evidence) = (&bill.invoice, &bill.evidence);
        if !evidence.key_versions.is_sorted_by(|a, b| a < b) {
            self.fail("evidence.key_versions", Supports::Metered, "they do not rise");
        }
        let mut keys = Vec::new();
        for (place, &version) in evidence.key_versions.iter().enumerate() {
            let part = format!("evidence.key_versions[{place}]");
            match self.state.meter_key(evidence.chain.contracts.meters, invoice.meter, version) {
                Ok(key) => {
                    if key.owner != invoice.address {
                        let reason = "the meter belongs to another address than the invoice's";
                        self.fail(part, Supports::Metered, reason);
                    }
                    keys.push(key);
                }
                Err(error) => {
                    let reason = format!("the meter's key is not proved: {error}");
                    self.fail(part, Supports::Metered, reason);
                }
            }
        }
        keys
    }

    fn check_signatures(&mut self, readings: &[SignedReading], keys: &[MeterKey]) {
        let mut signed = vec![false; keys.len()];
        for (place, reading) in readings.iter().enumerate() {
            let time = reading.reading.time.unsigned();
            let signer = reading.signer();
            let key = keys.iter().position(|key| Some(key.key) == signer && key.valid_at(time));
            match key {
                Some(key) => signed[key] = true,
                None => {
                    let part = format!("evidence.readings[{place}]");
                    let reason = format!(
                        "page {} of {} is not signed by a key the meter had then",
                        reading.reading.page, reading.reading.time
                    );
                    self.fail(part, Supports::Metered, reason);
                }
            }
        }
        if signed.contains(&false) {
            let reason = "a key is named that signed nothing";
            self.fail("evidence.key_versions", Supports::Metered, reason);
        }
    }

    /// Each day's leaf is under the root on chain, and each reading in a day.
    fn check_days(&mut self, readings: &[SignedReading]) {
        let bill = self.bill;
        let days = &bill.evidence.days;
        if !days.is_sorted_by(|a, b| a.day < b.day) {
            self.fail("evidence.days", Supports::Metered, "the days are not in order");
        }
        let shown: Vec<_> = days.iter().map(|day| day.day).collect();
        if let Some(day) = bill.invoice.period.days().find(|day| !shown.contains(day)) {
            let reason = format!("the readings of {day} are left out");
            self.fail("evidence.days", Supports::Metered, reason);
        }
        if bill.evidence.key_versions.is_empty() {
            self.fail("evidence.key_versions", Supports::Metered, "no key of the meter is named");
        }
        let zone = &bill.evidence.tariff.terms().timezone;
        let mut covered = vec![false; readings.len()];
        for (place, day) in days.iter().enumerate() {
            let (from, to) = (zone.start_of(day.day), zone.start_of(day.day.next()));
            let within = |signed: &SignedReading| (from..=to).contains(&signed.reading.time);
            let mut of_day = Vec::new();
            for (signed, covered) in readings.iter().zip(&mut covered) {
                if within(signed) {
                    *covered = true;
                    of_day.push(*signed);
                }
            }
            if let Err(reason) = self.check_day(day, &of_day) {
                let part = format!("evidence.days[{place}]");
                let reason = format!("the readings of {} are not anchored: {reason}", day.day);
                self.fail(part, Supports::Metered, reason);
            }
        }
        for (place, _) in covered.iter().enumerate().filter(|(_, covered)| !**covered) {
            let part = format!("evidence.readings[{place}]");
            self.fail(part, Supports::Metered, "it lies in no day that is anchored");
        }
    }

    fn check_day(&mut self, day: &DayEvidence, readings: &[SignedReading]) -> Result<(), String> {
        let invoice = &self.bill.invoice;
        let anchor = self.bill.evidence.chain.contracts.readings;
        let batch = self
            .state
            .batch(anchor, invoice.community, day.day.number(), day.batch)
            .map_err(|error| error.to_string())?;
        let leaf = day_leaf(day.salt, invoice.meter, day.day, readings)
            .ok_or("there are too many of them")?;
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (index, count) = (place(day.index), place(day.count));
        if day.count != batch.count {
            return Err(format!("the batch has {} leaves, not {}", batch.count, day.count));
        }
        if !merkle::verify(batch.root, leaf, index, count, &day.path) {
            return Err("they do not lead to the root on chain".to_owned());
        }
        Ok(())
    }
}
