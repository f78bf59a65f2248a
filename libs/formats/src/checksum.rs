//! The two 16-bit checksums that meters use.

/// CRC-16/ARC (polynomial 0x8005 reflected, from 0): DSMR P1.
pub(crate) fn arc(bytes: impl IntoIterator<Item = u8>) -> u16 {
    crc(0, 0xa001, bytes)
}

/// CRC-16/X-25 (polynomial 0x1021 reflected, from all ones, inverted): HDLC and SML.
pub(crate) fn x25(bytes: impl IntoIterator<Item = u8>) -> u16 {
    !crc(0xffff, 0x8408, bytes)
}

fn crc(start: u16, polynomial: u16, bytes: impl IntoIterator<Item = u8>) -> u16 {
    bytes.into_iter().fold(start, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            let shifted = crc >> 1;
            if crc & 1 == 0 { shifted } else { shifted ^ polynomial }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms.
    #[test]
    fn the_check_values_hold() {
        assert_eq!(arc(*b"123456789"), 0xbb3d);
        assert_eq!(x25(*b"123456789"), 0x906e);
    }
}
