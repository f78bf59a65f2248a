//! JSON that keeps what others lose: numbers as they are written, and where each value stands.
//!
//! Strict RFC 8259, but for bytes after the value, which are the next document. Invariants: at most
//! [`DEPTH_MAX`] values lie in each other; of a name that stands twice in one object the last
//! counts, as in every common reader; a number is its text, never a float.

use std::borrow::Cow;

use crate::{DEPTH_MAX, Reason, Refusal};

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub(crate) byte: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// The one document that `bytes` are.
pub(crate) fn document(bytes: &[u8]) -> Result<Node<'_>, Refusal> {
    let (node, end) = first(utf8(bytes)?, 0)?;
    match rest(bytes, end) {
        Some(byte) => Err(Reason::Syntax("one JSON value alone").at(byte)),
        None => Ok(node),
    }
}

/// The bytes as text.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| Reason::Syntax("UTF-8").at(error.valid_up_to()))
}

/// The document that begins at `start`, blanks before it or not, and the byte after it.
pub(crate) fn first(text: &str, start: usize) -> Result<(Node<'_>, usize), Refusal> {
    // A mark that some programs put in front of UTF-8.
    let mark = text.get(start..).is_some_and(|text| text.starts_with('\u{feff}'));
    let mut parser = Parser { text, byte: start + if mark { 3 } else { 0 }, path: Vec::new() };
    parser.space();
    let node = parser.value()?;
    Ok((node, parser.byte))
}

/// Where something begins after `byte`, if anything does.
pub(crate) fn rest(bytes: &[u8], byte: usize) -> Option<usize> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    bytes[byte..].iter().position(|next| !space(next)).map(|past| byte + past)
}

struct Parser<'a> {
    text: &'a str,
    byte: usize,
    /// Where in the document the parser is, for the refusal.
    path: Vec<String>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.byte).copied()
    }

    fn refuse<T>(&self, reason: Reason) -> Result<T, Refusal> {
        Err(reason.of_at(self.path.join("."), self.byte))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.byte += 1;
        }
    }

    fn take(&mut self, expected: u8, what: &'static str) -> Result<(), Refusal> {
        self.space();
        if self.peek() != Some(expected) {
            return self.refuse(Reason::Syntax(what));
        }
        self.byte += 1;
        self.space();
        Ok(())
    }

    fn value(&mut self) -> Result<Node<'a>, Refusal> {
        let byte = self.byte;
        let kind = match self.peek() {
            Some(b'{' | b'[') if self.path.len() >= DEPTH_MAX => {
                let (got, max) = (self.path.len() + 1, DEPTH_MAX);
                return self.refuse(Reason::Size { what: "levels of nesting", got, max });
            }
            Some(b'{') => self.object()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Kind::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node { byte, end: self.byte, kind })
    }

    fn word(&mut self) -> Result<Kind<'a>, Refusal> {
        let rest = &self.text[self.byte..];
        let words =
            [("null", Kind::Null), ("true", Kind::Bool(true)), ("false", Kind::Bool(false))];
        for (word, kind) in words {
            if rest.starts_with(word) {
                self.byte += word.len();
                return Ok(kind);
            }
        }
        self.finite(rest)?;
        self.refuse(Reason::Syntax("JSON"))
    }

    /// Some programs write what they have no number for as if it were one.
    fn finite(&self, rest: &str) -> Result<(), Refusal> {
        let word = rest.trim_start_matches('-').to_ascii_lowercase();
        if word.starts_with("nan") || word.starts_with("inf") {
            return self.refuse(Reason::NotFinite);
        }
        Ok(())
    }

    fn object(&mut self) -> Result<Kind<'a>, Refusal> {
        let mut fields = Vec::new();
        self.take(b'{', "JSON")?;
        if self.peek() == Some(b'}') {
            self.byte += 1;
            return Ok(Kind::Object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.refuse(Reason::Syntax("a name in an object of JSON"));
            }
            let name = self.string()?;
            self.path.push(name.clone().into_owned());
            self.take(b':', "a name and a colon, as in JSON")?;
            fields.push((name, self.value()?));
            self.path.pop();
            if self.ends(b'}')? {
                return Ok(Kind::Object(fields));
            }
        }
    }

    fn list(&mut self) -> Result<Kind<'a>, Refusal> {
        let mut values = Vec::new();
        self.take(b'[', "JSON")?;
        if self.peek() == Some(b']') {
            self.byte += 1;
            return Ok(Kind::List(values));
        }
        loop {
            self.path.push(values.len().to_string());
            values.push(self.value()?);
            self.path.pop();
            if self.ends(b']')? {
                return Ok(Kind::List(values));
            }
        }
    }

    /// After a member: is this the end, or a comma with another one behind?
    fn ends(&mut self, close: u8) -> Result<bool, Refusal> {
        self.space();
        if self.peek() == Some(close) {
            self.byte += 1;
            return Ok(true);
        }
        self.take(b',', "a list or an object of JSON, with commas between")?;
        Ok(false)
    }

    fn number(&mut self) -> Result<&'a str, Refusal> {
        let start = self.byte;
        if self.peek() == Some(b'-') {
            self.byte += 1;
            self.finite(&self.text[self.byte..])?;
        }
        let first = self.peek();
        let whole = self.digits()?;
        if first == Some(b'0') && whole > 1 {
            self.byte = start;
            return self.refuse(Reason::Syntax("a number of JSON"));
        }
        if self.peek() == Some(b'.') {
            self.byte += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.byte += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.byte += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.byte])
    }

    /// Skips one digit or more, and says how many.
    fn digits(&mut self) -> Result<usize, Refusal> {
        let start = self.byte;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.byte += 1;
        }
        if self.byte == start {
            return self.refuse(Reason::Syntax("a number of JSON"));
        }
        Ok(self.byte - start)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        self.byte += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.byte;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.byte += 1;
            }
            let piece = &self.text[start..self.byte];
            if text.is_empty() {
                text = Cow::Borrowed(piece)
            } else {
                text.to_mut().push_str(piece)
            }
            match self.peek() {
                Some(b'"') => {
                    self.byte += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    text.to_mut().push(letter);
                }
                _ => return self.refuse(Reason::Syntax("a text of JSON")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        self.byte += 1;
        let letter = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.refuse(Reason::Syntax("a text of JSON")),
        };
        self.byte += 1;
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char, Refusal> {
        let high = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&high) && self.text[self.byte..].starts_with("\\u")
        {
            self.byte += 1;
            let low = self.hex()?;
            if !(0xdc00..0xe000).contains(&low) {
                return self.refuse(Reason::Syntax("a text of JSON"));
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        match char::from_u32(code) {
            Some(letter) => Ok(letter),
            None => self.refuse(Reason::Syntax("a text of JSON")),
        }
    }

    /// Four digits after the `u` that the parser stands at.
    fn hex(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.get(self.byte + 1..self.byte + 5);
        let digits = digits.filter(|four| four.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|four| u32::from_str_radix(four, 16).ok()) {
            Some(code) => {
                self.byte += 5;
                Ok(code)
            }
            None => self.refuse(Reason::Syntax("a text of JSON")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The same value as serde_json has it.
    fn twin(node: &Node) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Number(text) => serde_json::from_str(text).unwrap(),
            Kind::Text(text) => Value::String(text.clone().into_owned()),
            Kind::List(list) => list.iter().map(twin).collect(),
            Kind::Object(fields) => {
                fields.iter().map(|(name, node)| (name.clone().into_owned(), twin(node))).collect()
            }
        }
    }

    fn compare(bytes: &[u8]) {
        let theirs = serde_json::from_slice::<Value>(bytes);
        let text = String::from_utf8_lossy(bytes);
        match (document(bytes), theirs) {
            (Ok(node), Ok(value)) => assert_eq!(twin(&node), value, "{text}"),
            (Err(_), Err(_)) => {}
            // A number too large for a float is still a number here.
            (Ok(_), Err(error)) => assert!(error.to_string().contains("out of range"), "{text}"),
            (ours, theirs) => panic!("{text}: {ours:?} instead of {theirs:?}"),
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(
            text in r#"[\[\]{}:,"\\0-9eE.+\-a-fnrtuls \n]{0,24}"#,
        ) {
            compare(text.as_bytes());
        }

        #[test]
        fn it_reads_any_value(
            list in prop::collection::vec((any::<String>(), any::<i64>()), 0..8),
        ) {
            let object: serde_json::Map<_, _> =
                list.into_iter().map(|(name, number)| (name, Value::from(number))).collect();
            compare(Value::Object(object.clone()).to_string().as_bytes());
            compare(serde_json::to_string_pretty(&object).unwrap().as_bytes());
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_texts_their_letters() {
        let node = document(br#" {"a":[1.2500,-0e+2],"b\n":"\ud83d\ude00\u00e9x"} "#).unwrap();
        let Kind::Object(fields) = &node.kind else { panic!("{node:?}") };
        let Kind::List(list) = &fields[0].1.kind else { panic!("{node:?}") };
        assert_eq!(list[0].kind, Kind::Number("1.2500"));
        assert_eq!(list[1].kind, Kind::Number("-0e+2"));
        assert_eq!(fields[1].0, "b\n");
        assert_eq!(fields[1].1.kind, Kind::Text("😀éx".into()));
        assert_eq!(node.end, 49);
    }

    #[test]
    fn what_is_no_json_says_where() {
        let place = |text: &str| {
            let refusal = document(text.as_bytes()).unwrap_err().in_text(text.as_bytes());
            (refusal.reason.code(), refusal.place.path, refusal.place.line.unwrap())
        };
        assert_eq!(
            place("{\n \"a\": {\"b\": [1, NaN]}}"),
            ("FIELD_NOT_FINITE", "a.b.1".to_owned(), (2, 17))
        );
        assert_eq!(place("{\"a\": -Infinity}").0, "FIELD_NOT_FINITE");
        assert_eq!(place("{\"a\": 1} x"), ("PAYLOAD_SYNTAX", String::new(), (1, 10)));
        assert_eq!(place(&"[".repeat(40)).0, "PAYLOAD_SIZE");
        let deep = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert!(document(deep.as_bytes()).is_ok());
        assert!(document(&[b'"', 0xff, b'"']).is_err());
    }
}
