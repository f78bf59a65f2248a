//! Writing records into a file of some format.

use std::fmt::Arguments;
use std::io::Write;

use crate::record::IntervalRecord;
use crate::rejection::Fault;

/// A file that is being written. What is ready of it is appended to `out`, which the caller empties
/// as it likes: so nothing here grows with the file.
pub trait Export {
    /// Takes the next record, or says why it cannot be in such a file.
    fn put(&mut self, record: &IntervalRecord, out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Writes what is left, and the file's end.
    fn finish(&mut self, out: &mut Vec<u8>);

    /// What became of the records so far.
    fn written(&self) -> Written;
}

/// What a file has that the records had not, or had otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Records that were taken.
    pub records: u64,
    /// Intervals without a record that had to be written: as missing.
    pub filled: u64,
    /// Channels that got another name.
    pub renamed: u64,
    /// Records whose code of quality was none of the format, and got another.
    pub recoded: u64,
}

/// Appends text.
pub(crate) fn put(out: &mut Vec<u8>, text: Arguments<'_>) {
    out.write_fmt(text).expect("memory takes what is written");
}

/// Appends a whole number.
pub(crate) fn put_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut at, mut left) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        if left == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            put_number(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
