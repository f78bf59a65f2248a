//! National Metering Identifiers.

use crate::record::Label;
use crate::rejection::{Code, Fault, quote};

/// The most characters of an NMI.
const NMI_CHARS: usize = 10;

/// The checksum of an NMI, a digit that is often written after it.
///
/// From the right, every second character's ASCII code is doubled, beginning with the last; the
/// digits of all are added up, and the checksum brings the sum to a multiple of ten (AEMO,
/// *National Metering Identifier Procedure*).
pub fn checksum(nmi: &str) -> u8 {
    let weighted = nmi.bytes().rev().enumerate().map(|(place, byte)| {
        let code = u32::from(byte);
        if place % 2 == 0 { code * 2 } else { code }
    });
    let digits = |mut number: u32| {
        let mut sum = 0;
        while number > 0 {
            sum += number % 10;
            number /= 10;
        }
        sum
    };
    let sum: u32 = weighted.map(digits).sum();
    u8::try_from((10 - sum % 10) % 10).expect("a digit")
}

/// The NMI in `text`, without its checksum.
pub(super) fn read(text: &str) -> Result<Label, Fault> {
    let bad = |why: String| Fault::new(Code::Meter, "NMI", why);
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let nmi = match text.len() {
        11 if plain => {
            let (nmi, digit) = text.split_at(NMI_CHARS);
            let expected = checksum(nmi);
            if digit.parse() != Ok(expected) {
                let why = format!("the checksum of {nmi} is {expected}, not {digit}");
                return Err(bad(why));
            }
            nmi
        }
        1..=NMI_CHARS if plain => text,
        _ => return Err(bad(format!("{} is not an NMI: ten letters and digits", quote(text)))),
    };
    Label::new(nmi).map_err(|_| bad(format!("{} is not an NMI", quote(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_are_published() {
        let published = [
            ("2001985732", 8),
            ("2001985733", 6),
            ("3075621875", 8),
            ("4316854005", 9),
            ("6305888444", 6),
            ("QAAAVZZZZZ", 3),
            ("NCCC519495", 5),
            ("5330486178", 7),
        ];
        for (nmi, digit) in published {
            assert_eq!(checksum(nmi), digit, "{nmi}");
        }
    }

    #[test]
    fn a_checksum_is_left_out_where_it_is_right() {
        assert_eq!(read("20019857328").unwrap().as_str(), "2001985732");
        assert_eq!(read("20019857327").unwrap_err().code, Code::Meter);
        assert_eq!(read("C123").unwrap().as_str(), "C123");
        for bad in ["", "20 1985732", "200198573280", "é"] {
            assert_eq!(read(bad).unwrap_err().code, Code::Meter, "{bad}");
        }
    }
}
