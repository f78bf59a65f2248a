//! ISO 7064 MOD 97-10: the checksum of account numbers and of references.
//!
//! Letters count as two digits, A = 10 to Z = 35. It finds every wrong digit and every two
//! neighbouring digits that changed places.

/// The remainder of a text of digits and capital letters divided by 97; `None` for other text.
pub(crate) fn remainder(text: impl IntoIterator<Item = u8>) -> Option<u32> {
    text.into_iter().try_fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => Some((remainder * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((remainder * 100 + u32::from(byte - b'A') + 10) % 97),
        _ => None,
    })
}

/// The two digits that make `body`, then `prefix`, then the digits leave a remainder of one.
pub(crate) fn check_digits(body: &str, prefix: &str) -> Option<String> {
    let remainder = remainder(body.bytes().chain(prefix.bytes()).chain(*b"00"))?;
    Some(format!("{:02}", 98 - remainder))
}

/// Whether `text`, which begins with two letters and two digits, has the digits it must have.
pub(crate) fn holds(text: &str) -> bool {
    let Some((head, body)) = text.split_at_checked(4) else { return false };
    // 00, 01 and 99 leave the right remainder too and are never given out.
    let given = matches!(&head[2..], "00" | "01" | "99");
    !given && remainder(body.bytes().chain(head.bytes())) == Some(1)
}

/// `text` without spaces, in capital letters, as it is kept and compared.
pub(crate) fn normal(text: &str) -> String {
    text.chars()
        .filter(|char| !char.is_whitespace())
        .map(|char| char.to_ascii_uppercase())
        .collect()
}
