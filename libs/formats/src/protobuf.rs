//! The wire format of protocol buffers, as far as a reader needs it.

use crate::{Reason, Refusal};

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8], usize),
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    /// The bytes of a text or a message, and where in the whole they begin.
    pub(crate) fn bytes(self, place: usize) -> Result<(&'a [u8], usize), Refusal> {
        match self {
            Wire::Bytes(bytes, byte) => Ok((bytes, byte)),
            _ => Err(Reason::Type("a text or a message").at(place)),
        }
    }

    pub(crate) fn varint(self, place: usize) -> Result<u64, Refusal> {
        match self {
            Wire::Varint(integer) => Ok(integer),
            _ => Err(Reason::Type("an integer").at(place)),
        }
    }

    pub(crate) fn text(self, place: usize) -> Result<&'a str, Refusal> {
        let (bytes, byte) = self.bytes(place)?;
        std::str::from_utf8(bytes)
            .map_err(|error| Reason::Syntax("UTF-8").at(byte + error.valid_up_to()))
    }
}

/// A field: its number, its value, and where it begins.
pub(crate) type WireField<'a> = (u64, Wire<'a>, usize);

/// The fields of a message that lies at `offset` in the whole.
pub(crate) fn fields(bytes: &[u8], offset: usize) -> Result<Vec<WireField<'_>>, Refusal> {
    let mut reader = Reader { bytes, place: 0, offset };
    let mut fields = Vec::new();
    while reader.place < bytes.len() {
        let start = offset + reader.place;
        let key = reader.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(reader.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(reader.fixed()?)),
            2 => {
                let length = reader.varint()?;
                let (taken, at) = reader.take(length)?;
                Wire::Bytes(taken, at)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(reader.fixed()?)),
            _ => return Err(Reason::Syntax("a message of protocol buffers").at(start)),
        };
        if key >> 3 == 0 {
            return Err(Reason::Syntax("a message of protocol buffers").at(start));
        }
        fields.push((key >> 3, value, start));
    }
    Ok(fields)
}

struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn cut_off<T>(&self) -> Result<T, Refusal> {
        Err(Reason::Syntax("a whole message of protocol buffers").at(self.offset + self.place))
    }

    fn varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.place) else { return self.cut_off() };
            self.place += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.cut_off()
    }

    fn take(&mut self, length: u64) -> Result<(&'a [u8], usize), Refusal> {
        let end = usize::try_from(length).ok().and_then(|length| self.place.checked_add(length));
        let Some(taken) = end.and_then(|end| self.bytes.get(self.place..end)) else {
            return self.cut_off();
        };
        let at = self.offset + self.place;
        self.place += taken.len();
        Ok((taken, at))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let Some(taken) = self.bytes[self.place..].first_chunk::<N>() else {
            return self.cut_off();
        };
        self.place += N;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_read() {
        // Test1 with a = 150, and Test2 with b = "testing".
        assert_eq!(fields(&[0x08, 0x96, 0x01], 0).unwrap(), [(1, Wire::Varint(150), 0)]);
        let text = [&[0x12, 0x07], b"testing".as_slice()].concat();
        assert_eq!(fields(&text, 5).unwrap(), [(2, Wire::Bytes(b"testing", 7), 5)]);
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        for bytes in [&[0x08][..], &[0x12, 5, 1], &[0x0d, 1, 2], &[0x09], &[0x0b], &[0x00, 0]] {
            assert_eq!(fields(bytes, 0).unwrap_err().reason.code(), "PAYLOAD_SYNTAX", "{bytes:?}");
        }
        assert!(fields(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 0).is_err());
        assert!(fields(&[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 127], 0).is_err());
    }
}
