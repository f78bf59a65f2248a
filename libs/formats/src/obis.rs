//! OBIS codes of electricity (IEC 62056-6-1): which code is which quantity.

use crate::canonical::Phase;
use crate::collect::What;
use crate::quantity::{Quantity as Q, Unit};

/// The six value groups `A-B:C.D.E*F`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Obis(pub(crate) [u8; 6]);

impl Obis {
    /// The code in a text such as `1-0:1.8.0*255`, `1-0:1.8.0` or `1.8.0`, its groups to the base
    /// `radix`.
    pub(crate) fn parse(text: &str, radix: u32) -> Option<Obis> {
        let (media, rest) = match text.split_once(':') {
            Some((media, rest)) => (media.split_once('-')?, rest),
            None => (("1", "0"), text),
        };
        let (value, last) = rest.split_once('*').unwrap_or((rest, ""));
        let mut groups = value.split('.');
        let mut next = || groups.next();
        let texts = [Some(media.0), Some(media.1), next(), next(), next()];
        if groups.next().is_some() {
            return None;
        }
        let mut code = [255; 6];
        for (group, text) in code.iter_mut().zip(texts) {
            *group = u8::from_str_radix(text?, radix).ok()?;
        }
        if !last.is_empty() {
            code[5] = u8::from_str_radix(last, radix).ok()?;
        }
        Some(Obis(code))
    }

    /// What the code says in `unit`, where it is one of electricity that is read.
    pub(crate) fn what(self, unit: Unit) -> Option<What> {
        let [media, _, c, d, e, _] = self.0;
        if media != 1 {
            return None;
        }
        let (phase, c) = match c {
            1..=20 => (None, c),
            21..=80 => (Phase::number((c - 1) / 20), (c - 1) % 20 + 1),
            91 => (Some(Phase::N), 11),
            _ => return None,
        };
        let quantity = match (c, d) {
            (1, 8) => Q::ImportEnergy,
            (2, 8) => Q::ExportEnergy,
            (3, 8) => Q::ImportReactiveEnergy,
            (4, 8) => Q::ExportReactiveEnergy,
            (1 | 16, 7) => Q::ImportPower,
            (2, 7) => Q::ExportPower,
            (3, 7) => Q::ImportReactivePower,
            (4, 7) => Q::ExportReactivePower,
            (9, 7) => Q::ApparentPower,
            (1, 4) => Q::ImportDemand,
            (1, 6) => Q::ImportDemandMax,
            (11, 7) => Q::Current,
            (12, 7) => Q::Voltage,
            (13, 7) => Q::PowerFactor,
            (14, 7) => Q::Frequency,
            _ => return None,
        };
        // Of registers E is the tariff, 255 stands for none; of other values it is harmonics.
        let tariff = match (d, e) {
            (_, 0 | 255) => None,
            (8, tariff) => Some(tariff),
            _ => return None,
        };
        Some(What { quantity, unit, phase, tariff, is_net: (c, d) == (16, 7) })
    }
}

/// As codes are mostly written, without the last group.
impl std::fmt::Display for Obis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, _] = self.0;
        write!(f, "{a}-{b}:{c}.{d}.{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::KWH;

    #[test]
    fn codes_are_read_in_every_spelling() {
        let expected = Some(Obis([1, 0, 1, 8, 0, 255]));
        for text in ["1-0:1.8.0*255", "1-0:1.8.0", "1.8.0"] {
            assert_eq!(Obis::parse(text, 10), expected, "{text}");
        }
        assert_eq!(Obis::parse("01-0B:01.08.00*FF", 16), Some(Obis([1, 11, 1, 8, 0, 255])));
        for text in ["", "1.8", "1-0:1.8.0.1", "1-0:300.8.0", "C.1.0", "1-0:1.8.0*x"] {
            assert_eq!(Obis::parse(text, 10), None, "{text}");
        }
    }

    #[test]
    fn phases_and_tariffs_come_from_the_code() {
        let what = |text| Obis::parse(text, 10).and_then(|code| code.what(KWH));
        let part = |text| what(text).map(|what| (what.quantity, what.phase, what.tariff));
        assert_eq!(part("1-0:1.8.2"), Some((Q::ImportEnergy, None, Some(2))));
        assert_eq!(part("1-0:22.7.0"), Some((Q::ExportPower, Some(Phase::L1), None)));
        assert_eq!(part("1-0:52.7.0"), Some((Q::Voltage, Some(Phase::L2), None)));
        assert_eq!(part("1-0:71.7.0"), Some((Q::Current, Some(Phase::L3), None)));
        assert_eq!(part("1-0:80.7.0"), None);
        assert_eq!(part("0-0:17.0.0"), None);
        assert_eq!(part("1-0:32.32.0"), None);
        assert!(what("1-0:16.7.0").unwrap().is_net);
    }
}
