//! Payloads built from scratch: telegrams, frames and files with their checksums.

/// CRC-16 with this reflected polynomial.
fn crc(start: u16, polynomial: u16, bytes: &[u8]) -> u16 {
    let mut crc = start;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 };
        }
    }
    crc
}

/// A P1 telegram of these objects, with its checksum.
pub fn telegram(objects: &[&str]) -> String {
    let body = format!("/ABC5\\2TEST\r\n\r\n{}\r\n!", objects.join("\r\n"));
    let sum = crc(0, 0xa001, body.as_bytes());
    format!("{body}{sum:04X}\r\n")
}

/// An HDLC frame around a notification with this time and list, each in bytes.
pub fn frame(time: &[u8], list: &[u8]) -> Vec<u8> {
    let apdu = [&[0x0f, 0x40, 0, 0, 0][..], time, list].concat();
    let length = u16::try_from(apdu.len() + 12).unwrap();
    let mut inside = (0xa000 | length).to_be_bytes().to_vec();
    inside.extend([0x01, 0x03, 0x10]);
    inside.extend((!crc(0xffff, 0x8408, &inside)).to_le_bytes());
    inside.extend([0xe6, 0xe7, 0x00]);
    inside.extend(apdu);
    inside.extend((!crc(0xffff, 0x8408, &inside)).to_le_bytes());
    [&[0x7e][..], &inside, &[0x7e]].concat()
}

/// A time of COSEM with its length before it.
pub fn cosem_time(date: [u8; 4], clock: [u8; 3], deviation: i16) -> Vec<u8> {
    let [y1, y2, month, day] = date;
    let [hour, minute, second] = clock;
    let [d1, d2] = deviation.to_be_bytes();
    vec![0x0c, y1, y2, month, day, 1, hour, minute, second, 0xff, d1, d2, 0]
}

/// An octet or visible string of A-XDR.
pub fn octets(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A number of four bytes of A-XDR.
pub fn long(number: u32) -> Vec<u8> {
    [&[0x06][..], &number.to_be_bytes()].concat()
}

/// A structure of A-XDR.
pub fn structure(items: &[Vec<u8>]) -> Vec<u8> {
    [&[0x02, u8::try_from(items.len()).unwrap()][..], &items.concat()].concat()
}

/// A text of SML.
pub fn sml_octets(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len() + 1).unwrap();
    if length < 16 {
        return [&[length][..], bytes].concat();
    }
    let length = length + 1;
    [&[0x80 | length >> 4, length & 15][..], bytes].concat()
}

/// A list of SML.
pub fn sml_list(items: &[Vec<u8>]) -> Vec<u8> {
    [&[0x70 | u8::try_from(items.len()).unwrap()][..], &items.concat()].concat()
}

/// A row of a list of values: code, unit, scaler, and the value as SML.
pub fn sml_row(code: [u8; 6], unit: u8, scaler: i8, value: Vec<u8>) -> Vec<u8> {
    let none = vec![0x01];
    let scaler = vec![0x52, scaler.cast_unsigned()];
    let unit = vec![0x62, unit];
    sml_list(&[sml_octets(&code), none.clone(), none.clone(), unit, scaler, value, none])
}

/// A file of SML with one list of these rows.
pub fn sml(server: &[u8], rows: &[Vec<u8>]) -> Vec<u8> {
    let none = || vec![0x01];
    let list =
        sml_list(&[none(), sml_octets(server), none(), none(), sml_list(rows), none(), none()]);
    let message = |tag: [u8; 2], body: Vec<u8>| {
        let choice = sml_list(&[[&[0x63][..], &tag].concat(), body]);
        let number = vec![0x62, 0x00];
        let parts = [sml_octets(b"1"), number.clone(), number, choice, vec![0x63, 0, 0], vec![0]];
        sml_list(&parts)
    };
    let open = sml_list(&[none(), none(), sml_octets(b"f"), sml_octets(server), none(), none()]);
    let inside = [
        message([0x01, 0x01], open),
        message([0x07, 0x01], list),
        message([0x02, 0x01], sml_list(&[none()])),
    ]
    .concat();
    let padding = (4 - inside.len() % 4) % 4;
    let mut file = [&[0x1b; 4][..], &[1; 4], &inside, &vec![0; padding]].concat();
    file.extend([0x1b, 0x1b, 0x1b, 0x1b, 0x1a, u8::try_from(padding).unwrap()]);
    let sum = !crc(0xffff, 0x8408, &file);
    file.extend(sum.to_le_bytes());
    file
}

/// A varint of protocol buffers.
fn raw(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A field of protocol buffers: a varint.
pub fn varint(field: u64, value: u64) -> Vec<u8> {
    [raw(field << 3), raw(value)].concat()
}

/// A field of protocol buffers: bytes, a text or a message.
pub fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [&raw(field << 3 | 2)[..], &raw(value.len() as u64), value].concat()
}

/// A field of protocol buffers: a single float.
pub fn single(field: u64, bits: u32) -> Vec<u8> {
    [&raw(field << 3 | 5)[..], &bits.to_le_bytes()].concat()
}

/// A field of protocol buffers: a double float.
pub fn double(field: u64, bits: u64) -> Vec<u8> {
    [&raw(field << 3 | 1)[..], &bits.to_le_bytes()].concat()
}

/// A metric of Sparkplug: its name and alias, type, unit, and the field of its value.
pub fn metric(name: &str, alias: u64, datatype: u64, unit: &str, value: Vec<u8>) -> Vec<u8> {
    let mut metric = Vec::new();
    if !name.is_empty() {
        metric.extend(bytes(1, name.as_bytes()));
    }
    metric.extend([varint(2, alias), varint(3, 1_700_000_001_500)].concat());
    if datatype > 0 {
        metric.extend(varint(4, datatype));
    }
    if !unit.is_empty() {
        let value = [varint(1, 12), bytes(8, unit.as_bytes())].concat();
        metric.extend(bytes(9, &[bytes(1, b"engUnit"), bytes(2, &value)].concat()));
    }
    metric.extend(value);
    bytes(2, &metric)
}
