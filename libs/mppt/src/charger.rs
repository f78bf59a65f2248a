//! A simulated charge controller: generator, tracker, converter and battery over days.
//!
//! ```text
//!        light          voltage reached       held long enough, or little current
//! Off ---------> Bulk ----------------> Absorption ----------------> Float
//!  ^---- dark ---- any                   Bulk <---- voltage sagged ---- Float
//! ```
//!
//! In bulk the tracker works. Where battery or converter take less than there is, the input is held
//! above the voltage of maximum power, at which just the wanted power comes: the fast inner loop of
//! a real charger, taken as settled.

use serde::Serialize;

use crate::bench::PERIOD;
use crate::converter::{Converter, Dice};
use crate::diode::BadParameter;
use crate::source::{Point, Source};
use crate::tracker::Tracker;

/// By this much the last tenth of the charge lifts a battery of 48 V, in V.
const LAST_RISE: f64 = 4.0;
const WS_PER_KWH: f64 = 3.6e6;
/// Above the battery's voltage by this a charger starts, and by the second it stops, in V.
const START_ABOVE: f64 = 5.0;
const STOP_ABOVE: f64 = 1.0;
/// Float gives way to bulk once the voltage sagged for so long, in s.
const SAG_SECONDS: f64 = 60.0;
/// Limited operation ends where it takes this part of what there is.
const ALL: f64 = 0.995;

/// A battery: an ideal source that rises with its charge, behind a resistance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Battery {
    /// In Wh.
    pub capacity: f64,
    /// Without current, empty and full, in V.
    pub rest: (f64, f64),
    /// In ohm.
    pub resistance: f64,
    /// From 0 to 1.
    pub charge: f64,
    /// In degrees Celsius; `None` without a sensor.
    pub temperature: Option<f64>,
}

impl Battery {
    /// A battery of 48 V nominal with this capacity in Wh.
    pub fn of_48_volts(capacity: f64) -> Battery {
        let resistance = 0.02 * 5_000.0 / capacity.max(100.0);
        Battery { capacity, rest: (47.0, 54.0), resistance, charge: 0.4, temperature: Some(25.0) }
    }

    /// Straight with the charge, and steeper over the last tenth, as every chemistry has it.
    fn rest_voltage(&self) -> f64 {
        let last = ((self.charge - 0.9) / 0.1).max(0.0);
        self.rest.0 + (self.rest.1 - self.rest.0) * self.charge + LAST_RISE * last * last
    }

    /// The terminals' voltage while so many W flow in; below zero out.
    fn voltage(&self, power: f64) -> f64 {
        // V = E + R P / V
        let half = 0.5 * self.rest_voltage();
        half + (half * half + self.resistance * power).max(0.0).sqrt()
    }

    /// The power that brings the terminals to a voltage, in W.
    fn power_at(&self, voltage: f64) -> f64 {
        (voltage - self.rest_voltage()) / self.resistance * voltage
    }

    fn pass(&mut self, power: f64, seconds: f64) {
        let stored = power * seconds / 3_600.0 / self.capacity;
        self.charge = (self.charge + stored).clamp(0.0, 1.0);
    }
}

/// How a charger treats its battery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// In V.
    pub absorption: f64,
    /// In V.
    pub float: f64,
    /// Bulk begins anew so far below float, in V.
    pub rebulk: f64,
    /// How long absorption lasts at most, in s.
    pub absorption_seconds: f64,
    /// It ends below this current, in A.
    pub tail_current: f64,
    /// Output current at most, in A.
    pub current_max: f64,
    /// A battery above this voltage is an error, in V.
    pub voltage_max: f64,
    /// Short-circuit current of the generator at most, in A.
    pub input_current_max: f64,
}

impl Settings {
    /// The usual for 48 V nominal and this output current.
    pub fn of_48_volts(current_max: f64) -> Settings {
        Settings {
            absorption: 57.6,
            float: 55.2,
            rebulk: 1.6,
            absorption_seconds: 3_600.0,
            tail_current: 2.0,
            current_max,
            voltage_max: 64.0,
            input_current_max: f64::INFINITY,
        }
    }
}

/// What a charger does for its battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is dark.
    Off,
    /// Something is wrong: see the error.
    Fault,
    /// All there is.
    Bulk,
    /// At a high voltage for a while.
    Absorption,
    /// At a voltage that keeps it full.
    Float,
}

/// What holds the generator's voltage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Nothing.
    Off,
    /// The battery's voltage or the output current.
    Limited,
    /// The tracker.
    Tracking,
}

/// Why a charger refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The battery's voltage is too high.
    BatteryVoltage,
    /// The generator's current is too high.
    InputCurrent,
}

/// What was harvested in a day.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DayYield {
    /// In kWh.
    pub energy: f64,
    /// In W.
    pub power_max: f64,
}

/// What a charger tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Status {
    /// Since midnight of the first day, in s.
    pub time: f64,
    /// Its input as measured.
    pub input: Point,
    /// Battery, in V.
    pub voltage: f64,
    /// Into battery and load, in A.
    pub current: f64,
    /// Battery, in degrees Celsius, where there is a sensor.
    pub temperature: Option<f64>,
    /// What it does.
    pub phase: Phase,
    /// How.
    pub operation: Operation,
    /// What is wrong.
    pub fault: Option<Fault>,
    /// Harvested since it was built, in kWh.
    pub energy: f64,
    /// Harvested today and yesterday.
    pub days: [DayYield; 2],
    /// Part of the battery that is full.
    pub charge: f64,
    /// What the generator could give, in W: nobody measures this.
    pub available: f64,
}

/// A charger at work.
#[derive(Debug, Clone)]
pub struct Charger {
    tracker: Tracker,
    converter: Converter,
    battery: Battery,
    settings: Settings,
    reference: f64,
    phase: Phase,
    operation: Operation,
    fault: Option<Fault>,
    /// When absorption began, or float sagged.
    since: f64,
    periods: u64,
    day: u64,
    energy: f64,
    days: [DayYield; 2],
}

impl Charger {
    /// A charger in the dark, at midnight of its first day.
    ///
    /// # Errors
    /// [`BadParameter`] where the battery has no capacity or resistance, or the voltages are not in
    /// order.
    pub fn new(
        tracker: Tracker,
        converter: Converter,
        battery: Battery,
        settings: Settings,
    ) -> Result<Charger, BadParameter> {
        let check = BadParameter::unless;
        check(battery.capacity > 0.0, "capacity", battery.capacity, "above 0 Wh")?;
        check(battery.resistance > 0.0, "resistance", battery.resistance, "above 0 ohm")?;
        let is_part = (0.0..=1.0).contains(&battery.charge);
        check(is_part, "charge", battery.charge, "from 0 to 1")?;
        let rises = battery.rest.0 > 0.0 && battery.rest.1 >= battery.rest.0;
        check(rises, "rest", battery.rest.0, "above 0 V and not above that of a full battery")?;
        let in_order = settings.float <= settings.absorption;
        check(in_order, "float", settings.float, "not above absorption")?;
        check(settings.current_max > 0.0, "current_max", settings.current_max, "above 0 A")?;
        Ok(Charger {
            reference: converter.voltage(),
            tracker,
            converter,
            battery,
            settings,
            phase: Phase::Off,
            operation: Operation::Off,
            fault: None,
            since: 0.0,
            periods: 0,
            day: 0,
            energy: 0.0,
            days: [DayYield::default(); 2],
        })
    }

    /// Since midnight of the first day, in s.
    pub fn time(&self) -> f64 {
        // Exact: 2^53 periods are far beyond the age of the sun.
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let periods = self.periods as f64;
        periods * PERIOD
    }

    /// Lets a tenth of a second pass with this generator, while so many W are taken from the
    /// battery.
    pub fn period(&mut self, generator: &impl Source, load: f64, dice: Dice) -> Status {
        self.periods += 1;
        self.turn_the_day();
        let idle = self.battery.voltage(-load);
        self.switch(generator, idle);
        let (drawn, output) = if self.operation == Operation::Off {
            (Point { voltage: generator.open_circuit(), current: 0.0 }, 0.0)
        } else {
            let voltage = self.converter.pass(self.reference, PERIOD);
            let drawn = Point { voltage, current: generator.current(voltage) };
            (drawn, self.converter.output(drawn.power()))
        };
        let net = output - load;
        let voltage = self.battery.voltage(net);
        self.battery.pass(net, PERIOD);
        self.count(drawn.power());
        if self.operation != Operation::Off {
            self.regulate(generator, voltage, output, load, dice);
        }
        Status {
            time: self.time(),
            input: drawn,
            voltage,
            current: if voltage > 0.0 { output / voltage } else { 0.0 },
            temperature: self.battery.temperature,
            phase: self.phase,
            operation: self.operation,
            fault: self.fault,
            energy: self.energy / WS_PER_KWH,
            days: self.days,
            charge: self.battery.charge,
            available: generator.maximum().power(),
        }
    }

    fn turn_the_day(&mut self) {
        // A day of tenths of a second.
        const PERIODS_PER_DAY: u64 = 864_000;
        let day = (self.periods - 1) / PERIODS_PER_DAY;
        if day != self.day {
            self.day = day;
            self.days = [DayYield::default(), self.days[0]];
        }
    }

    fn count(&mut self, power: f64) {
        self.energy += power * PERIOD;
        let today = &mut self.days[0];
        today.energy += power * PERIOD / WS_PER_KWH;
        today.power_max = today.power_max.max(power);
    }

    /// On with the light, off in the dark or where something is wrong.
    fn switch(&mut self, generator: &impl Source, battery: f64) {
        let open = generator.open_circuit();
        self.fault = if battery > self.settings.voltage_max {
            Some(Fault::BatteryVoltage)
        } else if generator.current(0.0) > self.settings.input_current_max {
            Some(Fault::InputCurrent)
        } else {
            None
        };
        let is_off = matches!(self.phase, Phase::Off | Phase::Fault);
        if self.fault.is_some() {
            (self.phase, self.operation) = (Phase::Fault, Operation::Off);
        } else if is_off && open > battery + START_ABOVE {
            (self.phase, self.operation) = (Phase::Bulk, Operation::Tracking);
            self.reference = 0.8 * open;
            self.tracker.resume(self.reference);
        } else if open < battery + STOP_ABOVE || (is_off && self.operation == Operation::Off) {
            (self.phase, self.operation) = (Phase::Off, Operation::Off);
        }
    }

    /// What the battery and the converter take now, in W of output.
    fn wanted(&self, voltage: f64, load: f64) -> f64 {
        let held = match self.phase {
            Phase::Absorption => self.battery.power_at(self.settings.absorption) + load,
            Phase::Float => self.battery.power_at(self.settings.float) + load,
            _ => f64::INFINITY,
        };
        held.min(self.settings.current_max * voltage).min(self.converter.rated).max(0.0)
    }

    fn regulate(
        &mut self,
        generator: &impl Source,
        voltage: f64,
        output: f64,
        load: f64,
        dice: Dice,
    ) {
        self.change_phase(voltage, output);
        let wanted = self.wanted(voltage, load);
        let best = generator.maximum();
        let most = self.converter.output(best.power());
        let is_limited = match self.operation {
            Operation::Limited => wanted < ALL * most,
            _ => wanted < ALL * most && output >= wanted,
        };
        if is_limited {
            self.operation = Operation::Limited;
            self.reference = self.voltage_for(generator, best.voltage, wanted);
            return;
        }
        if self.operation == Operation::Limited {
            self.tracker.resume(self.converter.voltage());
        }
        self.operation = Operation::Tracking;
        let measured = self.converter.measure(generator, self.time(), dice);
        // A charger brings voltage down only.
        self.reference = self.tracker.step(&measured).max(voltage + STOP_ABOVE);
    }

    /// The voltage above that of maximum power at which so many W come out.
    fn voltage_for(&self, generator: &impl Source, best: f64, wanted: f64) -> f64 {
        let (mut low, mut high) = (best, generator.open_circuit());
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if self.converter.output(generator.power(middle)) > wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    fn change_phase(&mut self, voltage: f64, output: f64) {
        let now = self.time();
        let held = now - self.since;
        match self.phase {
            Phase::Bulk if voltage >= self.settings.absorption => {
                (self.phase, self.since) = (Phase::Absorption, now);
            }
            Phase::Absorption => {
                let is_full = output <= self.settings.tail_current * voltage
                    && voltage >= 0.998 * self.settings.absorption;
                if held >= self.settings.absorption_seconds || is_full {
                    (self.phase, self.since) = (Phase::Float, now);
                }
            }
            Phase::Float if voltage >= self.settings.float - self.settings.rebulk => {
                self.since = now;
            }
            Phase::Float if held >= SAG_SECONDS => self.phase = Phase::Bulk,
            _ => {}
        }
    }
}
