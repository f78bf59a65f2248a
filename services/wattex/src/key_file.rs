//! Keys in files: 64 hexadecimal digits.

use std::fs;
use std::path::Path;

use keys::SecretKey;

use crate::exit::Trouble;

/// No file of a key is larger.
const KEY_BYTES_MAX: u64 = 256;

/// The key in a file. Trouble names the file and never what is in it.
pub fn read(file: &Path) -> Result<SecretKey, Trouble> {
    let name = file.display();
    let trouble = |reason: String| Trouble::Key(format!("{name}: {reason}"));
    let size = fs::metadata(file).map_err(|error| trouble(error.to_string()))?.len();
    if size > KEY_BYTES_MAX {
        return Err(trouble(format!("{size} bytes are no key")));
    }
    let text = fs::read_to_string(file).map_err(|error| trouble(error.to_string()))?;
    parse(&text).ok_or_else(|| trouble("a key is 64 hexadecimal digits".into()))
}

/// The key in a text, with or without `0x`.
pub fn parse(text: &str) -> Option<SecretKey> {
    let hex = text.trim();
    SecretKey::from_hex(hex.strip_prefix("0x").unwrap_or(hex)).ok()
}
