//! What a meter says: signed readings (MR1, several at once MR2), whether to believe them, and the
//! energy that follows.
//!
//! ```text
//! bytes on the wire -> SignedReading -> judge() -> accepted readings, one per page
//! accepted readings in page order -> intervals() -> energy per slot, measured or substituted
//! accepted readings -> slot_leaf(), day_leaf() -> what a slot root and a day root are made of
//! ```
//!
//! Invariants: import and export are never netted; the intervals between two readings sum to the
//! advance of the registers, whatever was lost between them; a [`Reading`] encodes to exactly one
//! byte string and back, so a signature is never made over numbers that were written anew.
//! Deliberately absent: MQTT, storage, clocks, register rollover (registers have 64 bits) and
//! estimates that are not bounded by registers.
#![forbid(unsafe_code)]

mod intervals;
mod judge;
mod leaves;
mod message;
mod together;

pub use intervals::{GAP_SLOTS_MAX, Inconsistent, Interval, Quality, intervals};
pub use judge::{
    Neighbours, PhysicalLimit, READING_AGE_SECONDS_MAX, Reason, Rules, Signer,
    TIME_AHEAD_SECONDS_MAX, Verdict, judge, judge_signed_by,
};
pub use leaves::{Salt, day_leaf, day_leaf_data, readings_hash, slot_leaf, slot_leaf_data};
pub use message::{
    MESSAGE_BYTES, Malformed, PAYLOAD_BYTES, REGISTER_WH_MAX, Reading, SignedReading, Status,
};
pub use together::{
    PLACED_BYTES_MAX, Place, TOGETHER_MAX, decode_together, encode_together, is_together,
    message_size, sign_together,
};
