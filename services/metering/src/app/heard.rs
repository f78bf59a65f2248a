//! Messages become readings of which it is known who signed them: the work that needs processors
//! and nothing else.

use std::thread::available_parallelism;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use ids::MeterId;
use reading::{
    MESSAGE_BYTES, Malformed, Reason, SignedReading, TOGETHER_MAX, decode_together, is_together,
};

use crate::writer::Message;

/// Readings that one message may carry, one after the other; also under one signature.
pub(crate) const READINGS_MAX: usize = 16;
const _: () = assert!(READINGS_MAX == TOGETHER_MAX);
/// Messages whose signatures are looked at where they are: more go to other threads.
const INLINE_MAX: usize = 4;
/// The fewest messages that are worth a thread.
const THREAD_MIN: usize = 16;

/// What one meter says once.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The meter whose topic it came on.
    pub(crate) meter: MeterId,
    /// What it is.
    pub(crate) said: Said,
}

/// A reading, or why it is none.
#[derive(Debug)]
pub(crate) enum Said {
    /// A reading of the topic's meter, and who signed it.
    Reading(SignedReading, Option<Address>),
    /// Bytes that are not that.
    Nonsense(Vec<u8>, Reason),
}

/// What `messages` say, in their order. The signatures of many are looked at on all processors.
///
/// # Errors
/// When a thread died.
pub(crate) async fn hear_all(mut messages: Vec<Message>) -> Result<Vec<Heard>> {
    if messages.len() <= INLINE_MAX {
        return Ok(hear(&messages));
    }
    let threads = available_parallelism().map_or(1, usize::from);
    let share = messages.len().div_ceil(threads).max(THREAD_MIN);
    let mut parts = Vec::with_capacity(threads);
    while !messages.is_empty() {
        let rest = messages.split_off(share.min(messages.len()));
        let part = std::mem::replace(&mut messages, rest);
        parts.push(tokio::task::spawn_blocking(move || hear(&part)));
    }
    let mut heard = Vec::new();
    for part in parts {
        heard.append(&mut part.await.context("a thread for signatures")?);
    }
    Ok(heard)
}

fn hear(messages: &[Message]) -> Vec<Heard> {
    let mut heard = Vec::with_capacity(messages.len());
    for message in messages {
        match is_together(&message.bytes) {
            true => heard.extend(together(message)),
            false => heard.extend(parts(&message.bytes).map(|part| one(message.meter, part))),
        }
    }
    heard
}

/// The readings of a message under one signature, which is looked at once.
fn together(message: &Message) -> Vec<Heard> {
    let meter = message.meter;
    let nonsense =
        |bytes: &[u8], reason| Heard { meter, said: Said::Nonsense(bytes.into(), reason) };
    match decode_together(&message.bytes) {
        Err(error) => vec![nonsense(&message.bytes, error.reason())],
        Ok(parts) => {
            let signer = parts.iter().flatten().next().and_then(SignedReading::signer);
            let said = |part: Result<SignedReading, Malformed>| match part {
                Ok(signed) if signed.reading.meter == meter => {
                    Heard { meter, said: Said::Reading(signed, signer) }
                }
                Ok(signed) => nonsense(&signed.encode(), Reason::WrongTopic),
                // With those that were signed with it, so that it can be looked at.
                Err(error) => nonsense(&message.bytes, error.reason()),
            };
            parts.into_iter().map(said).collect()
        }
    }
}

/// The readings of a message. What is not a number of whole readings is taken as one.
fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = bytes.len() / MESSAGE_BYTES;
    let whole = bytes.len().is_multiple_of(MESSAGE_BYTES) && (1..=READINGS_MAX).contains(&count);
    // An empty message is nonsense too, and has to be kept as such.
    let size = if whole { MESSAGE_BYTES } else { bytes.len().max(1) };
    let nothing = bytes.is_empty().then_some(bytes);
    bytes.chunks(size).chain(nothing)
}

/// What the meter of the topic says, if it is that.
fn one(meter: MeterId, bytes: &[u8]) -> Heard {
    let said = match SignedReading::decode(bytes) {
        // As a reading is kept, not as it is sent.
        Ok(signed) if signed.place.is_some() => Said::Nonsense(bytes.to_vec(), Reason::Malformed),
        Ok(signed) if signed.reading.meter == meter => Said::Reading(signed, signed.signer()),
        Ok(_) => Said::Nonsense(bytes.to_vec(), Reason::WrongTopic),
        Err(error) => Said::Nonsense(bytes.to_vec(), error.reason()),
    };
    Heard { meter, said }
}
