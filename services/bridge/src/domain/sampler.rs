//! A device's registers become one reading at each slot boundary.
//!
//! ```text
//! samples of import and export --take()--> totals --due(now)--> Reading, page after page
//! ```
//!
//! What is read at a boundary is the latest total at or before it: what flows between that sample
//! and the boundary is in the next slot, and nothing is counted twice or lost. A device that was
//! silent for too long has no reading at a boundary; the next one bounds what flowed.

use calendar::{Slot, SlotLength, Timestamp};
use ids::MeterId;
use reading::{Reading, Status};
use serde::{Deserialize, Serialize};
use units::Register;

use super::track::{Bounds, Doubt, Track};

/// Seconds after a boundary until its reading is made: messages on their way still count.
pub const SETTLE_SECONDS: i64 = 5;
/// Boundaries that one call makes up for at most; older ones are given up.
const BOUNDARIES_MAX: i64 = 96;

/// Which way energy flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the grid.
    Import,
    /// Into the grid.
    Export,
}

/// What a register showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which way the register counts.
    pub direction: Direction,
    /// Which of the registers of that direction, from 0.
    pub register: usize,
    /// When.
    pub time: Timestamp,
    /// How much, in watt-hours.
    pub wh: u64,
    /// Whether the device says that its clock may be wrong.
    pub clock_in_doubt: bool,
}

/// What does not change while a device is followed.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The meter that the readings are of.
    pub meter: MeterId,
    /// How long a slot lasts.
    pub slot: SlotLength,
    /// What the registers have to be possible by.
    pub bounds: Bounds,
    /// How old a sample may be at a boundary, in seconds.
    pub age_max: i64,
}

/// The total of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    /// What registers counted that were followed before these, in watt-hours.
    earlier_wh: u64,
    /// The registers; their totals are added up. None: it stays as it is.
    registers: Vec<Track>,
}

/// A device that is followed. It is kept between two runs of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampler {
    page: u32,
    /// The boundary that is due next.
    boundary: Timestamp,
    import: Total,
    export: Total,
    /// Whether a sample since the last reading came with a clock in doubt.
    clock_in_doubt: bool,
}

impl Sampler {
    /// A device with so many registers of import and export that nothing is known of at `now`,
    /// whose first reading has the page `page`.
    pub fn new(registers: (usize, usize), page: u32, slot: SlotLength, now: Timestamp) -> Sampler {
        let boundary = Slot::containing(now, slot).end();
        let total = |count| Total { earlier_wh: 0, registers: vec![Track::default(); count] };
        let (import, export) = (total(registers.0), total(registers.1));
        Sampler { page, boundary, import, export, clock_in_doubt: false }
    }

    /// A meter of which nothing is remembered here, after the page and the registers (import,
    /// export; in watt-hours) that the server has of it. What flowed since then is not counted.
    pub fn after(
        (page, last): (u32, (u64, u64)),
        registers: (usize, usize),
        slot: SlotLength,
        now: Timestamp,
    ) -> Sampler {
        let mut sampler = Sampler::new((0, 0), page, slot, now);
        (sampler.import.earlier_wh, sampler.export.earlier_wh) = last;
        sampler.by(registers)
    }

    /// The page of the next reading.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// The same meter by other registers: what was counted stays, and they add what they count from
    /// now on.
    pub fn by(self, registers: (usize, usize)) -> Sampler {
        let other = |total: Total, count| Total {
            earlier_wh: total.last_wh(),
            registers: vec![Track::from_zero(); count],
        };
        let (import, export) = (other(self.import, registers.0), other(self.export, registers.1));
        Sampler { import, export, ..self }
    }

    /// What a register showed.
    ///
    /// # Errors
    /// [`Doubt`]: then it does not count, or not yet.
    pub fn take(&mut self, sample: Sample, rules: &Rules) -> Result<(), Doubt> {
        let total = match sample.direction {
            Direction::Import => &mut self.import,
            Direction::Export => &mut self.export,
        };
        let track = total.registers.get_mut(sample.register).ok_or(Doubt::NoRegister)?;
        track.take(sample.time, sample.wh, self.boundary, rules.bounds)?;
        self.clock_in_doubt |= sample.clock_in_doubt;
        Ok(())
    }

    /// The readings of the boundaries that are over, in order. Call it before taking what was
    /// received at `now`.
    pub fn due(&mut self, now: Timestamp, rules: &Rules) -> Vec<Reading> {
        let length = rules.slot.seconds();
        self.realign(now, rules.slot);
        let behind = now.seconds_since(self.boundary) / length - BOUNDARIES_MAX;
        if behind > 0 {
            self.turn(self.boundary.plus_seconds(behind * length));
        }
        let mut readings = Vec::new();
        while now >= self.boundary.plus_seconds(SETTLE_SECONDS) {
            readings.extend(self.reading(rules));
            self.turn(self.boundary.plus_seconds(length));
        }
        readings
    }

    /// Slots of another length have other boundaries; and where the clock was set back, the next
    /// boundary is not far ahead.
    fn realign(&mut self, now: Timestamp, slot: SlotLength) {
        let next = Slot::containing(now, slot).end();
        let aligned = self.boundary.seconds() % slot.seconds() == 0;
        if aligned && self.boundary <= next {
            return;
        }
        let tracks = self.import.registers.iter_mut().chain(&mut self.export.registers);
        tracks.for_each(|track| track.not_after(now));
        self.turn(next);
    }

    fn reading(&mut self, rules: &Rules) -> Option<Reading> {
        let import = self.import.at(self.boundary, rules.age_max)?;
        let export = self.export.at(self.boundary, rules.age_max)?;
        let next = self.page.checked_add(1)?;
        let clock = if self.clock_in_doubt { Status::CLOCK_UNSYNCHRONISED } else { 0 };
        let reading = Reading {
            meter: rules.meter,
            page: self.page,
            time: self.boundary,
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status: Status::from_bits(Status::RELAYED | clock),
            firmware: 0,
        };
        self.page = next;
        self.clock_in_doubt = false;
        Some(reading)
    }

    fn turn(&mut self, boundary: Timestamp) {
        self.boundary = boundary;
        let tracks = self.import.registers.iter_mut().chain(&mut self.export.registers);
        tracks.for_each(|track| track.turn(boundary));
    }
}

impl Total {
    /// The total at `boundary`; `None` where a register is not known there.
    fn at(&self, boundary: Timestamp, age_max: i64) -> Option<u64> {
        let mut totals = self.registers.iter().map(|track| track.at(boundary, age_max));
        let sum = totals.try_fold(self.earlier_wh, |sum, total| sum.checked_add(total?));
        sum.filter(|wh| *wh <= reading::REGISTER_WH_MAX)
    }

    /// The latest total.
    fn last_wh(&self) -> u64 {
        let totals = self.registers.iter().map(Track::total);
        totals.fold(self.earlier_wh, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::Power;

    use super::*;

    const START: i64 = 1_780_272_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(START + seconds)
    }

    fn rules() -> Rules {
        Rules {
            meter: MeterId::derived("H01"),
            slot: SlotLength::QUARTER_HOUR,
            bounds: Bounds { power_max: Power::from_w(40_000), dial: None },
            age_max: 120,
        }
    }

    fn sampler(registers: (usize, usize)) -> Sampler {
        Sampler::new(registers, 1, SlotLength::QUARTER_HOUR, at(0))
    }

    fn sample(direction: Direction, seconds: i64, wh: u64) -> Sample {
        Sample { direction, register: 0, time: at(seconds), wh, clock_in_doubt: false }
    }

    #[test]
    fn a_boundary_has_one_reading_made_after_a_moment() {
        let (mut sampler, rules) = (sampler((1, 1)), rules());
        for (seconds, import, export) in [(880, 100, 7), (895, 110, 8), (903, 120, 9)] {
            assert_eq!(sampler.due(at(seconds), &rules), []);
            sampler.take(sample(Direction::Import, seconds, import), &rules).unwrap();
            sampler.take(sample(Direction::Export, seconds, export), &rules).unwrap();
        }
        let readings = sampler.due(at(905), &rules);
        assert_eq!(readings.len(), 1);
        assert_eq!((readings[0].page, readings[0].time), (1, at(900)));
        assert_eq!((readings[0].import.wh(), readings[0].export.wh()), (110, 8));
        assert_eq!(readings[0].status.bits(), Status::RELAYED);
        assert_eq!(sampler.due(at(1700), &rules), []);
        assert_eq!(sampler.page, 2);
    }

    #[test]
    fn a_direction_that_is_not_counted_stays_at_zero() {
        let (mut sampler, rules) = (sampler((0, 1)), rules());
        let doubtful = Sample { clock_in_doubt: true, ..sample(Direction::Export, 899, 55) };
        sampler.take(doubtful, &rules).unwrap();
        let none = sample(Direction::Import, 899, 55);
        assert_eq!(sampler.take(none, &rules), Err(Doubt::NoRegister));
        let readings = sampler.due(at(910), &rules);
        assert_eq!((readings[0].import.wh(), readings[0].export.wh()), (0, 55));
        assert!(readings[0].status.clock_unsynchronised());
    }

    #[test]
    fn the_registers_of_three_phases_add_up_once_all_are_known() {
        let (mut sampler, rules) = (sampler((3, 0)), rules());
        for (register, wh) in [(0, 100), (2, 300), (1, 200)] {
            let phase = Sample { register, ..sample(Direction::Import, 1_790, wh) };
            if register == 1 {
                assert_eq!(sampler.due(at(1_790), &rules), []);
            }
            sampler.take(phase, &rules).unwrap();
        }
        assert_eq!(sampler.due(at(1_805), &rules)[0].import.wh(), 600);
    }

    #[test]
    fn other_registers_go_on_from_what_was_counted() {
        let (mut before, rules) = (sampler((1, 0)), rules());
        before.take(sample(Direction::Import, 890, 5_000), &rules).unwrap();
        assert_eq!(before.due(at(905), &rules)[0].import.wh(), 5_000);
        let mut sampler = before.by((2, 1));
        for (register, shown) in [(0, [70, 80]), (1, [9_000, 9_005])] {
            for (seconds, wh) in [1_000, 1_790].into_iter().zip(shown) {
                let shown = Sample { register, ..sample(Direction::Import, seconds, wh) };
                sampler.take(shown, &rules).unwrap();
            }
        }
        sampler.take(sample(Direction::Export, 1_790, 44), &rules).unwrap();
        let readings = sampler.due(at(1_805), &rules);
        assert_eq!((readings[0].page, readings[0].import.wh()), (2, 5_015));
        assert_eq!(readings[0].export.wh(), 0);
    }

    #[test]
    fn another_slot_length_or_a_clock_that_is_set_back_moves_the_boundary() {
        let (mut sampler, rules) = (sampler((1, 0)), rules());
        assert_eq!(sampler.due(at(10 * 86_400 + 1), &rules), []);
        sampler.take(sample(Direction::Import, 10 * 86_400 + 2, 100), &rules).unwrap();
        assert_eq!(sampler.due(at(100), &rules), []);
        assert_eq!(sampler.boundary, at(900));
        sampler.take(sample(Direction::Import, 890, 110), &rules).unwrap();
        assert_eq!(sampler.due(at(910), &rules)[0].import.wh(), 110);
        let hourly = Rules { slot: SlotLength::from_minutes(60).unwrap(), ..rules };
        assert_eq!(sampler.due(at(910), &hourly), []);
        assert_eq!(sampler.boundary, at(3_600));
    }

    #[test]
    fn a_meter_that_is_not_remembered_goes_on_after_what_the_server_has() {
        let rules = rules();
        let slot = SlotLength::QUARTER_HOUR;
        let mut sampler = Sampler::after((8, (5_000, 70)), (1, 1), slot, at(0));
        for (seconds, wh) in [(100, 40), (890, 45)] {
            sampler.take(sample(Direction::Import, seconds, wh), &rules).unwrap();
            sampler.take(sample(Direction::Export, seconds, wh), &rules).unwrap();
        }
        let reading = sampler.due(at(910), &rules)[0];
        assert_eq!((reading.page, reading.import.wh(), reading.export.wh()), (8, 5_005, 75));
    }

    #[test]
    fn a_silent_device_has_no_reading_and_its_pages_have_no_gap() {
        let (mut sampler, rules) = (sampler((1, 0)), rules());
        sampler.take(sample(Direction::Import, 890, 100), &rules).unwrap();
        assert_eq!(sampler.due(at(2_000), &rules).len(), 1);
        assert_eq!(sampler.due(at(40_000), &rules), []);
        sampler.take(sample(Direction::Import, 40_490, 900), &rules).unwrap();
        let readings = sampler.due(at(41_000), &rules);
        assert_eq!((readings[0].page, readings[0].time), (2, at(40_500)));
    }

    #[test]
    fn after_a_long_absence_the_oldest_boundaries_are_given_up() {
        let (mut sampler, rules) = (sampler((1, 1)), rules());
        assert_eq!(sampler.due(at(400 * 86_400), &rules), []);
        // Messages of the last one may still be on their way.
        assert_eq!(sampler.boundary, at(400 * 86_400));
    }

    proptest! {
        /// Whatever a device sends: pages rise by one, times and registers never run back, and all
        /// of it is at boundaries that are over.
        #[test]
        fn readings_are_such_as_metering_accepts(
            steps in prop::collection::vec((0_i64..2_000, any::<bool>(), 0_u64..3_000), 1..300)
        ) {
            let (mut sampler, rules) = (sampler((1, 1)), rules());
            let (mut now, mut all) = (at(0), Vec::<Reading>::new());
            for (seconds, import, wh) in steps {
                now = now.plus_seconds(seconds);
                all.extend(sampler.due(now, &rules));
                let way = if import { Direction::Import } else { Direction::Export };
                let shown = Sample { time: now, ..sample(way, 0, wh) };
                sampler.take(shown, &rules).ok();
                let kept = serde_json::to_string(&sampler).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Sampler>(&kept).unwrap(), &sampler);
            }
            for pair in all.windows(2) {
                prop_assert_eq!(pair[1].page, pair[0].page + 1);
                prop_assert!(pair[1].time > pair[0].time);
                prop_assert!(pair[1].import >= pair[0].import);
                prop_assert!(pair[1].export >= pair[0].export);
            }
            prop_assert!(all.iter().all(|one| one.time < now));
            prop_assert!(all.iter().all(|one| one.time.seconds() % 900 == 0));
        }
    }
}
