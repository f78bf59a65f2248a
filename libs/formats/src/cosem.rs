//! Data of DLMS/COSEM (IEC 62056-5-3, A-XDR): what meters push over HDLC.

use crate::{DEPTH_MAX, Reason, Refusal};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// Nothing, or something that no reading is made of.
    None,
    Integer(i128),
    Octets(&'a [u8]),
    /// A unit, or another choice of a list.
    Enum(u8),
    /// A structure or an array.
    Group(Vec<Item<'a>>),
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) byte: usize,
    pub(crate) data: Data<'a>,
}

/// Reads values one after the other.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader of bytes that lie at `offset` in the whole.
    pub(crate) const fn new(bytes: &'a [u8], offset: usize) -> Reader<'a> {
        Reader { bytes, place: 0, offset }
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.place >= self.bytes.len()
    }

    fn refuse<T>(&self, reason: Reason) -> Result<T, Refusal> {
        Err(reason.at(self.offset + self.place))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let end = self.place.checked_add(length);
        let Some(taken) = end.and_then(|end| self.bytes.get(self.place..end)) else {
            return self.refuse(Reason::Syntax("whole data of DLMS"));
        };
        self.place += length;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Refusal> {
        self.take(1).map(|taken| taken[0])
    }

    /// A length: one byte, or as many as the first says.
    pub(crate) fn length(&mut self) -> Result<usize, Refusal> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7f);
        if count > 4 {
            return self.refuse(Reason::Syntax("a length of DLMS"));
        }
        Ok(self.take(count)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn integer(&mut self, length: usize, is_signed: bool) -> Result<Data<'a>, Refusal> {
        let taken = self.take(length)?;
        let unsigned = taken.iter().fold(0_i128, |value, byte| value << 8 | i128::from(*byte));
        let is_negative = is_signed && taken[0] & 0x80 != 0;
        Ok(Data::Integer(if is_negative { unsigned - (1 << (length * 8)) } else { unsigned }))
    }

    /// The next value.
    pub(crate) fn item(&mut self, depth: usize) -> Result<Item<'a>, Refusal> {
        if depth > DEPTH_MAX {
            let (got, max) = (depth, DEPTH_MAX);
            return self.refuse(Reason::Size { what: "levels of nesting", got, max });
        }
        let byte = self.offset + self.place;
        let data = match self.byte()? {
            0x00 | 0xff => Data::None,
            0x01 | 0x02 => {
                let count = self.length()?;
                // Each value is a byte or more, so that a group has no more than bytes are left.
                if count > self.bytes.len() - self.place {
                    return self.refuse(Reason::Syntax("whole data of DLMS"));
                }
                Data::Group((0..count).map(|_| self.item(depth + 1)).collect::<Result<_, _>>()?)
            }
            0x03 | 0x0f => self.integer(1, true)?,
            0x05 => self.integer(4, true)?,
            0x06 => self.integer(4, false)?,
            0x09 | 0x0a | 0x0c => {
                let length = self.length()?;
                Data::Octets(self.take(length)?)
            }
            0x10 => self.integer(2, true)?,
            0x11 => self.integer(1, false)?,
            0x12 => self.integer(2, false)?,
            0x14 => self.integer(8, true)?,
            0x15 => self.integer(8, false)?,
            0x16 => Data::Enum(self.byte()?),
            0x17 => self.take(4).map(|_| Data::None)?,
            0x18 => self.take(8).map(|_| Data::None)?,
            0x19 => Data::Octets(self.take(12)?),
            0x1a => self.take(5).map(|_| Data::None)?,
            0x1b => self.take(4).map(|_| Data::None)?,
            0x04 => {
                let bits = self.length()?;
                self.take(bits.div_ceil(8)).map(|_| Data::None)?
            }
            _ => return self.refuse(Reason::Syntax("a type of DLMS that is known")),
        };
        Ok(Item { byte, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_width_have_their_sign() {
        let bytes =
            [0x02, 4, 0x10, 0xff, 0xfe, 0x06, 0, 0, 5, 0xbc, 0x0f, 0xff, 0x09, 2, 0xab, 0xcd];
        let Data::Group(items) = Reader::new(&bytes, 0).item(0).unwrap().data else { panic!() };
        let data: Vec<_> = items.into_iter().map(|item| item.data).collect();
        let expected = [
            Data::Integer(-2),
            Data::Integer(1468),
            Data::Integer(-1),
            Data::Octets(&[0xab, 0xcd]),
        ];
        assert_eq!(data, expected);
    }

    #[test]
    fn groups_do_not_promise_more_than_there_is() {
        let deep = [0x02, 1].repeat(DEPTH_MAX + 2);
        for bytes in [&[0x02, 0x84, 255, 255, 255, 255][..], &[0x09, 5, 1], &[0x06, 1], &deep] {
            assert!(Reader::new(bytes, 0).item(0).is_err(), "{bytes:?}");
        }
    }
}
