//! Which of the numbers in a payload are a register of a meter.

use std::fmt;

use calendar::Timestamp;
use formats::{Quality, Quantity, Reading, When};
use serde::{Deserialize, Serialize};

use super::sampler::Direction;

/// Seconds by which a device's clock may be ahead of ours and still be believed.
const AHEAD_SECONDS_MAX: i64 = 5;

/// One register: what a payload has to say of itself to be it. What is not said fits anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// The device, as `wattex decode` names it.
    #[serde(default)]
    pub device: Option<String>,
    /// The part of the device.
    #[serde(default)]
    pub channel: Option<String>,
    /// Which of the device's two registers: without it, the one of the direction it is read for. A
    /// plug that a solar panel feeds counts as import what the home exports.
    #[serde(default)]
    pub counts: Option<Direction>,
}

/// A register that a payload shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// When, by the device's clock where that can be.
    pub time: Timestamp,
    /// How much, in watt-hours.
    pub wh: u64,
    /// Whether the time is the device's and in doubt.
    pub clock_in_doubt: bool,
}

/// Several registers where one was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("several registers fit: {}; name one by device or channel", .0.join(", "))]
pub struct Ambiguous(Vec<String>);

impl Selector {
    /// The register among `readings`, which were received at `now`; `None` where it is not there,
    /// is faulty, or older than `age_max` seconds.
    ///
    /// # Errors
    /// [`Ambiguous`] where several fit.
    pub fn of(
        &self,
        direction: Direction,
        readings: &[Reading],
        now: Timestamp,
        age_max: i64,
    ) -> Result<Option<Shown>, Ambiguous> {
        let wanted = match self.counts.unwrap_or(direction) {
            Direction::Import => Quantity::ImportEnergy,
            Direction::Export => Quantity::ExportEnergy,
        };
        let mut found: Vec<(&Reading, u64)> = Vec::new();
        for reading in readings.iter().filter(|reading| self.fits(reading)) {
            let Some(register) = reading.register() else { continue };
            if reading.quantity == wanted && reading.quality != Quality::Faulty {
                found.push((reading, register.wh()));
            }
        }
        let Some((first, _)) = found.first() else { return Ok(None) };
        let other =
            |reading: &Reading| reading.device != first.device || reading.channel != first.channel;
        if found.iter().any(|(reading, _)| other(reading)) {
            let names = found.iter().map(|(reading, _)| Named(reading).to_string());
            return Err(Ambiguous(names.collect()));
        }
        // One payload may have a register at several moments; the last one counts.
        let shown = found.iter().filter_map(|(reading, wh)| {
            let (time, clock_in_doubt) = time_of(reading.time, now, age_max)?;
            Some(Shown { time, wh: *wh, clock_in_doubt })
        });
        Ok(shown.max_by_key(|shown| shown.time))
    }

    fn fits(&self, reading: &Reading) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        same(&self.device, reading.device.as_deref())
            && same(&self.channel, reading.channel.as_deref())
    }
}

/// The moment of a number that was received at `now`: the device's where its clock can be right,
/// ours where it is ahead; `None` for what is older than `age_max` seconds.
fn time_of(when: When, now: Timestamp, age_max: i64) -> Option<(Timestamp, bool)> {
    let (time, in_doubt) = match when {
        When::OnReceipt => return Some((now, false)),
        When::At(time) => (time, false),
        When::Unsure(time) => (time, true),
    };
    let ahead = time.seconds_since(now);
    if ahead > AHEAD_SECONDS_MAX {
        return Some((now, true));
    }
    (-ahead <= age_max).then_some((time.min(now), in_doubt))
}

/// A device and its part, as a person would name them.
struct Named<'r>(&'r Reading);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reading { device, channel, .. } = self.0;
        match (device, channel) {
            (Some(device), Some(channel)) => write!(f, "device {device:?} channel {channel:?}"),
            (Some(device), None) => write!(f, "device {device:?}"),
            (None, Some(channel)) => write!(f, "channel {channel:?}"),
            (None, None) => f.write_str("a register without a name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use formats::{Format, Stream};

    use super::*;

    fn decoded(format: &str, topic: &str, payload: &str) -> Vec<Reading> {
        let mut stream = Stream::new(Format::named(format).unwrap(), None);
        stream.decode(Some(topic), payload.as_bytes()).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_780_272_000)
    }

    /// What a Shelly EM's two clamps say, one topic each.
    fn clamps() -> Vec<Reading> {
        let topic = |number: u8| format!("shellies/shellyem-B9E2F1/emeter/{number}/total");
        let mut readings = decoded("shelly1", &topic(0), "1200.5");
        readings.extend(decoded("shelly1", &topic(1), "77"));
        readings
    }

    #[test]
    fn a_register_is_found_by_its_channel_and_several_are_named() {
        let found = |selector: &Selector| selector.of(Direction::Import, &clamps(), now(), 120);
        let second = Selector { channel: Some("emeter/1".to_owned()), ..Selector::default() };
        assert_eq!(found(&second).unwrap().map(|shown| shown.wh), Some(77));
        let Err(refused) = found(&Selector::default()) else { panic!("both fit") };
        assert!(refused.to_string().contains("channel \"emeter/0\""), "{refused}");
        let third = Selector { channel: Some("emeter/2".to_owned()), ..Selector::default() };
        assert_eq!(found(&third), Ok(None));
        assert_eq!(second.of(Direction::Export, &clamps(), now(), 120), Ok(None));
    }

    #[test]
    fn a_plug_that_a_panel_feeds_counts_as_export() {
        let plug = Selector {
            channel: Some("emeter/0".to_owned()),
            counts: Some(Direction::Import),
            ..Selector::default()
        };
        let shown = plug.of(Direction::Export, &clamps(), now(), 120).unwrap();
        assert_eq!(shown.map(|shown| shown.wh), Some(1200));
    }

    #[test]
    fn a_devices_clock_counts_unless_it_is_ahead_and_old_numbers_do_not() {
        let at = |seconds: i64| now().plus_seconds(seconds);
        assert_eq!(time_of(When::OnReceipt, now(), 60), Some((now(), false)));
        assert_eq!(time_of(When::At(at(-60)), now(), 60), Some((at(-60), false)));
        assert_eq!(time_of(When::At(at(-61)), now(), 60), None);
        assert_eq!(time_of(When::Unsure(at(-5)), now(), 60), Some((at(-5), true)));
        assert_eq!(time_of(When::At(at(5)), now(), 60), Some((now(), false)));
        assert_eq!(time_of(When::At(at(6)), now(), 60), Some((now(), true)));
    }
}
