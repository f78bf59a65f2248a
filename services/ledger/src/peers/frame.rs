//! What a message travels in: who sent it, to whom, in which order.
//!
//! ```text
//! signature[64]  sequence u64  to[20]  message       signed: H("WXN1" || genesis || the rest)
//! ```
//!
//! A shared bus lets anyone write anything; the signature keeps a peer from being blamed for what
//! another one said. A sequence that does not rise is a repetition and dropped. A key lives as long
//! as its process, so a peer that starts again is a new one.

use super::PeerId;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use keys::{SecretKey, Signature};
use std::collections::BTreeMap;

/// Bytes in front of a message.
pub(super) const FRAME_BYTES: usize = 64 + 8 + 20;
/// Senders whose sequence is remembered; then all are forgotten, which a repetition can use once.
const SENDERS_MAX: usize = 4_096;

/// Writes the frames of a node.
pub(super) struct Writer {
    key: SecretKey,
    genesis: B256,
    sequence: u64,
}

/// Reads the frames of others.
pub(super) struct Reader {
    genesis: B256,
    me: PeerId,
    /// To this node alone or to all, by sender.
    seen: BTreeMap<(PeerId, bool), u64>,
}

/// Why a frame is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the frame is too short")]
    Short,
    #[error("the signature of the frame is none")]
    Signature,
    #[error("the frame is for somebody else")]
    NotForMe,
    #[error("the frame was seen before")]
    Repeated,
}

fn signed_hash(genesis: B256, signed: &[u8]) -> B256 {
    keccak256([b"WXN1", genesis.as_slice(), signed].concat())
}

impl Writer {
    /// Sequences begin above those that the same key used before.
    pub(super) fn new(key: SecretKey, genesis: B256, sequence: u64) -> Self {
        Self { key, genesis, sequence }
    }

    /// The frame of a message to one peer, or to all.
    pub(super) fn write(&mut self, to: Option<PeerId>, message: &[u8]) -> Bytes {
        self.sequence += 1;
        let to = to.unwrap_or(Address::ZERO);
        let mut frame = vec![0; 64];
        frame.reserve(FRAME_BYTES + message.len());
        frame.extend(self.sequence.to_be_bytes());
        frame.extend(to.as_slice());
        frame.extend(message);
        let signature = self.key.sign(signed_hash(self.genesis, &frame[64..]));
        frame[..64].copy_from_slice(signature.as_bytes());
        frame.into()
    }
}

impl Reader {
    pub(super) fn new(genesis: B256, me: PeerId) -> Self {
        Self { genesis, me, seen: BTreeMap::new() }
    }

    /// Who sent a frame, and the message in it.
    pub(super) fn read(&mut self, frame: &Bytes) -> Result<(PeerId, Bytes), FrameError> {
        let (signature, signed) = frame.split_at_checked(64).ok_or(FrameError::Short)?;
        let (head, _) = signed.split_at_checked(28).ok_or(FrameError::Short)?;
        let to = Address::from_slice(&head[8..]);
        let to_all = to == Address::ZERO;
        if !to_all && to != self.me {
            return Err(FrameError::NotForMe);
        }
        let signature = Signature::from_slice(signature).map_err(|_| FrameError::Signature)?;
        let from = keys::recover(signed_hash(self.genesis, signed), &signature)
            .ok_or(FrameError::Signature)?;
        let sequence = head[..8].try_into().map(u64::from_be_bytes).expect("eight bytes");
        if self.seen.len() >= SENDERS_MAX {
            self.seen.clear();
        }
        let seen = self.seen.entry((from, to_all)).or_default();
        if sequence <= *seen {
            return Err(FrameError::Repeated);
        }
        *seen = sequence;
        Ok((from, frame.slice(FRAME_BYTES..)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> SecretKey {
        SecretKey::from_bytes(&[number; 32]).unwrap()
    }

    #[test]
    fn a_frame_tells_who_sent_it_and_is_read_once_by_whom_it_is_for() {
        let (genesis, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let (me, sender) = (key(1).address(), key(2).address());
        let mut writer = Writer::new(key(2), genesis, 7);
        let mut reader = Reader::new(genesis, me);
        let to_all = writer.write(None, b"all");
        let to_me = writer.write(Some(me), b"me");
        assert_eq!(reader.read(&to_me), Ok((sender, Bytes::from_static(b"me"))));
        assert_eq!(reader.read(&to_all), Ok((sender, Bytes::from_static(b"all"))));
        assert_eq!(reader.read(&to_all), Err(FrameError::Repeated));
        assert_eq!(reader.read(&to_me), Err(FrameError::Repeated));
        let to_another = writer.write(Some(key(3).address()), b"x");
        assert_eq!(reader.read(&to_another), Err(FrameError::NotForMe));
        let changed = [&to_me[..to_me.len() - 1], b"!"].concat().into();
        let from = reader.read(&changed).map(|(from, _)| from);
        assert_ne!(from, Ok(sender), "another message is signed by nobody we know");
        let elsewhere = Writer::new(key(2), other, 100).write(Some(me), b"me");
        let from = reader.read(&elsewhere).map(|(from, _)| from);
        assert_ne!(from, Ok(sender), "a frame of another chain is signed by nobody we know");
        assert_eq!(reader.read(&Bytes::from_static(&[0; 80])), Err(FrameError::Short));
    }
}
