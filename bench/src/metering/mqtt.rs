//! The few packets of MQTT 3.1.1 that a publisher and a subscriber need, on a line that blocks:
//! what is measured is the broker.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Result, ensure};

/// A line to a broker.
pub(crate) struct Line(TcpStream);

impl Line {
    /// Enters as `client`, with a name and the same as its token.
    pub(crate) fn open(port: u16, client: &str, name: &str) -> Result<Line> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut line = Line(stream);
        // User name, password, clean start; a keep-alive of 600 seconds.
        let mut body = [&[0, 4][..], b"MQTT", &[4, 0b1100_0010, 2, 88]].concat();
        for part in [client, name, name] {
            text(&mut body, part);
        }
        line.say(&packet(0x10, &body))?;
        line.hear(&[0x20, 2, 0, 0])?;
        Ok(line)
    }

    /// Subscribes to a topic with QoS 1.
    pub(crate) fn subscribe(&mut self, topic: &str) -> Result<()> {
        let mut body = vec![0, 1];
        text(&mut body, topic);
        body.push(1);
        self.say(&packet(0x82, &body))?;
        self.hear(&[0x90, 3, 0, 1, 1])
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes)?)
    }

    /// What is there, at least a byte.
    pub(crate) fn hear_some(&mut self, room: &mut [u8]) -> Result<usize> {
        let count = self.0.read(room)?;
        ensure!(count > 0, "the broker has ended the line");
        Ok(count)
    }

    fn hear(&mut self, expected: &[u8]) -> Result<()> {
        let mut heard = vec![0; expected.len()];
        self.0.read_exact(&mut heard)?;
        ensure!(heard == expected, "{heard:?} instead of {expected:?}");
        Ok(())
    }
}

/// A PUBLISH of QoS 1.
pub(crate) fn publish(topic: &str, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.extend(packet_id.to_be_bytes());
    body.extend(payload);
    packet(0x32, &body)
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        packet.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// The length of the fixed header and of what follows, once both are known.
pub(crate) fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((place + 2, length));
        }
    }
    None
}
