//! What the doors of everything that one of the staff asks for and another one decides share.

use service::{PageQuery, Problem};

use super::payouts::before;

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 1_000;

/// Why somebody wants something: 1 to 1000 printable characters.
pub(super) fn reason(said: &str) -> Result<String, Problem> {
    let reason = said.trim();
    let length = reason.chars().count();
    if length == 0 || length > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        return Err(Problem::malformed("reason: not 1 to 1000 printable characters"));
    }
    Ok(reason.to_owned())
}

/// Before which number a list goes on, newest first, and how many it has at most.
pub(super) fn place(query: &PageQuery) -> Result<(i64, u32), Problem> {
    Ok((before(query.cursor.as_deref())?, query.limit()))
}

/// Where a list goes on after what was found; nowhere where that is less than was asked for.
pub(super) fn next<T>(
    found: &[T],
    (_, limit): (i64, u32),
    number: impl Fn(&T) -> i64,
) -> Option<String> {
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    found.last().filter(|_| full).map(|last| number(last).to_string())
}

/// A text that is empty where nobody has said it.
pub(super) fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
