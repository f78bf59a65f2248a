//! Lines of a file, one at a time, each of bounded length.

use std::io::{BufRead, ErrorKind, Read};

use crate::rejection::{Code, Refusal};

/// The longest line, in bytes: ten times a day of five minutes.
pub const LINE_BYTES_MAX: usize = 65_536;
/// What stands in front of files in UTF-8, if anything does.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Lines of a source; holds one of them.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    source: R,
    line: Vec<u8>,
    number: u64,
    byte: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(source: R) -> Lines<R> {
        Lines { source, line: Vec::new(), number: 0, byte: 0, ended: false }
    }

    /// Reads the next line; whether there is one.
    pub(crate) fn advance(&mut self) -> Result<bool, Refusal> {
        self.line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.source).take(limit).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| unreadable(self.number + 1, &error))?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        self.byte += read as u64;
        self.ended = self.line.last() == Some(&b'\n');
        if self.line.len() > LINE_BYTES_MAX {
            let text = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            return Err(Refusal::new(self.number, Code::Size, text));
        }
        if self.number == 1 {
            self.begin()?;
        }
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(true)
    }

    /// What the first bytes say about the encoding.
    fn begin(&mut self) -> Result<(), Refusal> {
        if self.line.starts_with(b"\xff\xfe") || self.line.starts_with(b"\xfe\xff") {
            let text = "the file is in UTF-16: save it as UTF-8";
            return Err(Refusal::new(1, Code::Encoding, text));
        }
        if self.line.starts_with(BOM) {
            self.line.drain(..BOM.len());
        }
        Ok(())
    }

    /// The line's text without its end; or what to say of a line that is not UTF-8.
    pub(crate) fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.line).map_err(|error| {
            let at = error.valid_up_to();
            let byte = self.line.get(at).copied().unwrap_or_default();
            format!(
                "byte {} of the line is 0x{byte:02x}, which is not UTF-8 here (a file in Latin-1 \
                 has to be converted)",
                at + 1
            )
        })
    }

    /// The line's number, from 1; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes were read.
    pub(crate) fn byte(&self) -> u64 {
        self.byte
    }

    /// Whether the line ends as lines do, not because the file does.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }
}

/// A refusal for what the source says.
pub(crate) fn unreadable(line: u64, error: &std::io::Error) -> Refusal {
    let code = if error.kind() == ErrorKind::InvalidData { Code::Encoding } else { Code::Io };
    Refusal::new(line, code, error.to_string())
}

/// Splits a line at `separator`; a field in quotes may hold it, and two quotes for one.
///
/// `None` where a quote is not closed, or something follows the closing one.
pub(crate) fn fields<'l>(line: &'l str, separator: u8) -> Option<Vec<std::borrow::Cow<'l, str>>> {
    let mut fields = Vec::with_capacity(16);
    if !line.contains('"') {
        fields.extend(line.split(char::from(separator)).map(|field| field.trim().into()));
        return Some(fields);
    }
    let mut rest = line;
    loop {
        let start = rest.trim_start_matches(' ');
        let (field, after) = match start.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = unquote(quoted)?;
                (field, after.trim_start_matches(' '))
            }
            None => {
                let end = rest.find(char::from(separator)).unwrap_or(rest.len());
                (rest[..end].trim().into(), &rest[end..])
            }
        };
        fields.push(field);
        if after.is_empty() {
            return Some(fields);
        }
        rest = after.strip_prefix(char::from(separator))?;
    }
}

/// What a quoted field says, and what comes after it.
fn unquote(quoted: &str) -> Option<(std::borrow::Cow<'_, str>, &str)> {
    let mut end = 0;
    loop {
        end += quoted[end..].find('"')?;
        if quoted[end + 1..].starts_with('"') {
            end += 2;
            continue;
        }
        let field = &quoted[..end];
        let after = &quoted[end + 1..];
        let double = field.contains("\"\"");
        return Some((
            if double { field.replace("\"\"", "\"").into() } else { field.into() },
            after,
        ));
    }
}

/// Appends a field, in quotes where it needs them.
pub(crate) fn put_field(field: &str, separator: u8, out: &mut Vec<u8>) {
    let special = |byte: u8| byte == separator || byte == b'"';
    let padded = field.trim() != field;
    if !padded && !field.bytes().any(special) {
        return out.extend_from_slice(field.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_any_way_and_a_mark_in_front_is_no_text() {
        let mut lines = Lines::new(b"\xef\xbb\xbfone\r\n\ntwo".as_slice());
        let mut read = Vec::new();
        while lines.advance().unwrap() {
            read.push((lines.number(), lines.text().unwrap().to_owned(), lines.ended()));
        }
        let expected = [(1, "one", true), (2, "", true), (3, "two", false)];
        assert_eq!(read, expected.map(|(number, text, ended)| (number, text.to_owned(), ended)));
        assert_eq!(lines.byte(), 12);
    }

    #[test]
    fn what_is_too_long_or_in_another_encoding_is_refused() {
        let long = vec![b'1'; LINE_BYTES_MAX + 1];
        assert_eq!(Lines::new(long.as_slice()).advance().unwrap_err().code, Code::Size);
        let wide = b"\xff\xfe1\0".as_slice();
        assert_eq!(Lines::new(wide).advance().unwrap_err().code, Code::Encoding);
        let mut latin = Lines::new(b"caf\xe9\n".as_slice());
        assert!(latin.advance().unwrap() && latin.text().unwrap_err().contains("byte 4"));
    }

    #[test]
    fn fields_may_stand_in_quotes() {
        let split = |line| fields(line, b';').map(|fields| fields.join("|"));
        assert_eq!(split("a; b ;;c"), Some("a|b||c".to_owned()));
        assert_eq!(split(r#""a;b"; "say ""x""" ;c"#), Some(r#"a;b|say "x"|c"#.to_owned()));
        assert_eq!(split(r#""a"#), None);
        assert_eq!(split(r#""a"b;c"#), None);
        for field in ["plain", "a;b", "a\"b", " a"] {
            let mut line = Vec::new();
            put_field(field, b';', &mut line);
            let line = String::from_utf8(line).unwrap();
            assert_eq!(fields(&line, b';').unwrap(), [field]);
        }
    }
}
