//! The customer's own meter: signatures, order, anchors, and the energy that follows.

use alloy_primitives::{Address, B256};
use contracts::storage::MeterKey;
use reading::{SignedReading, day_leaf};

use super::late::{Anchored, Metered};
use super::report::Supports;
use super::{Before, DayEvidence, Verifier};
use crate::domain::bill::Traded;

impl Verifier<'_> {
    /// Who signed the readings, and where they are anchored.
    pub(super) fn check_meter(&mut self) {
        let readings = self.readings();
        let keys = self.meter_keys();
        self.check_signatures(&readings, &keys);
        self.check_days(&readings);
    }

    pub(super) fn readings(&self) -> Vec<SignedReading> {
        let meter = self.bill.invoice.meter;
        self.bill.evidence.readings.iter().map(|compact| compact.signed(meter)).collect()
    }

    /// The energy of each slot that two signed readings span; `None` where they contradict
    /// each other.
    pub(super) fn metered(&mut self, trades: &[Traded]) -> Option<Metered> {
        let (late, length) = (self.bill.evidence.late(), self.bill.invoice.slot_minutes);
        match Metered::new(&self.readings(), &late, length, trades) {
            Ok(metered) => Some(metered),
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
                Ok(key) => keys.push(key),
                Err(error) => {
                    let reason = format!("the meter's key is not proved: {error}");
                    self.fail(part, Supports::Metered, reason);
                }
            }
        }
        keys
    }

    fn check_signatures(&mut self, readings: &[SignedReading], keys: &[MeterKey]) {
        let (mut signed, mut strange) = (vec![false; keys.len()], vec![false; keys.len()]);
        let (address, period) = (self.bill.invoice.address, self.bill.invoice.period);
        let zone = &self.bill.evidence.tariff.head().timezone;
        let [begin, end] = [period.from, period.to.next()].map(|day| zone.start_of(day).unsigned());
        // Who else enrols a meter chooses its key: only one that the address has enrolled, too, is
        // the meter's.
        let ours = keys.iter().filter(|key| key.owner == address);
        let owned: Vec<Address> = ours.map(|key| key.key).collect();
        for (place, reading) in readings.iter().enumerate() {
            let time = reading.reading.time.unsigned();
            let signer = reading.signer();
            let key = keys.iter().position(|key| Some(key.key) == signer && key.valid_at(time));
            match key {
                Some(key) => {
                    signed[key] = true;
                    // At its edges, and beyond them, the meter may be the address's before or
                    // after: the same registers end one period and begin the next.
                    let within = begin < time && time < end;
                    let anothers = keys[key].owner != address;
                    strange[key] |= anothers && (within || !owned.contains(&keys[key].key));
                    self.was_anothers |= time <= begin && anothers;
                }
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
        for (place, _) in strange.iter().enumerate().filter(|(_, strange)| **strange) {
            let part = format!("evidence.key_versions[{place}]");
            let reason = "the meter belongs to another address than the invoice's";
            self.fail(part, Supports::Metered, reason);
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
        let zone = &bill.evidence.tariff.head().timezone;
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
            let anchored = self.check_day(day, &of_day);
            let since = *anchored.as_ref().unwrap_or(&0);
            if let Err(reason) = anchored {
                let part = format!("evidence.days[{place}]");
                let reason = format!("the readings of {} are not anchored: {reason}", day.day);
                self.fail(part, Supports::Metered, reason);
            }
            let before = self.check_before(day, &of_day);
            let absent = *before.as_ref().unwrap_or(&0);
            if let Err(reason) = before {
                let part = format!("evidence.days[{place}].before");
                let reason = format!("what was anchored of {} before: {reason}", day.day);
                self.fail(part, Supports::Metered, reason);
            }
            self.note_late(day, &of_day, (absent, since));
        }
        for (place, _) in covered.iter().enumerate().filter(|(_, covered)| !**covered) {
            let part = format!("evidence.readings[{place}]");
            self.fail(part, Supports::Metered, "it lies in no day that is anchored");
        }
    }

    /// Notes since when the readings of a day are on chain, and when those that are late were not.
    fn note_late(&mut self, day: &DayEvidence, readings: &[SignedReading], times: (u64, u64)) {
        let (absent, since) = times;
        let late = day.before.as_ref().map_or(&[][..], |before| &before.late);
        for page in readings.iter().map(|signed| signed.reading.page) {
            // The reading of a midnight is of two days: it is as old as it is in either.
            let known = self.anchored.entry(page).or_insert(Anchored { absent: 0, since });
            known.since = known.since.min(since);
            if late.contains(&page) {
                known.absent = known.absent.max(absent);
            }
        }
    }

    /// When the readings of the day were put on chain.
    fn check_day(&mut self, day: &DayEvidence, readings: &[SignedReading]) -> Result<u64, String> {
        let DayEvidence { batch, index, count, ref path, .. } = *day;
        self.check_leaf(day, (batch, index, count), path, readings)
    }

    /// When a leaf of the day without the late readings was put on chain; zero where none is late.
    fn check_before(
        &mut self,
        day: &DayEvidence,
        readings: &[SignedReading],
    ) -> Result<u64, String> {
        let Some(before) = &day.before else { return Ok(0) };
        let Before { ref late, batch, index, count, ref path } = *before;
        let is_late = |signed: &SignedReading| late.contains(&signed.reading.page);
        let (left_out, kept): (Vec<_>, Vec<_>) = readings.iter().copied().partition(is_late);
        let time = self.check_leaf(day, (batch, index, count), path, &kept)?;
        let rising = late.is_sorted_by(|a, b| a < b);
        if late.is_empty() || !rising || left_out.len() != late.len() {
            return Err("its late pages are none, not in order or of another day".to_owned());
        }
        Ok(time)
    }

    /// When a batch of the day with a leaf over these readings was put on chain.
    fn check_leaf(
        &mut self,
        day: &DayEvidence,
        (batch, index, count): (u32, u32, u32),
        path: &[B256],
        readings: &[SignedReading],
    ) -> Result<u64, String> {
        let invoice = &self.bill.invoice;
        let anchor = self.bill.evidence.chain.contracts.readings;
        let batch = self
            .state
            .batch(anchor, invoice.community, day.day.number(), batch)
            .map_err(|error| error.to_string())?;
        let leaf = day_leaf(day.salt, invoice.meter, day.day, readings)
            .ok_or("there are too many of them")?;
        if count != batch.count {
            return Err(format!("the batch has {} leaves, not {count}", batch.count));
        }
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        if !merkle::verify(batch.root, leaf, place(index), place(count), path) {
            return Err("they do not lead to the root on chain".to_owned());
        }
        Ok(batch.time)
    }
}
