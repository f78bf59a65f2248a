//! JSON with its places: every value knows where it stands, and a number keeps its text.
//!
//! Prices are decimals of a tariff's text. A reader that makes floats of them first has lost the
//! text, and one that forgets the place cannot say which of 576 cells is wrong.
//!
//! Grammar: RFC 8259. A byte order mark before the text is skipped. A key that is there twice is
//! an error, because two readers would disagree on it.

use alloy_primitives::{B256, keccak256};

/// The most bytes of a document.
pub const DOCUMENT_LEN_MAX: usize = 64 << 20;
/// How deep lists and objects may lie in each other.
pub const DEPTH_MAX: usize = 64;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first byte in the text.
    pub byte: usize,
    /// What it is.
    pub value: Value,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(String),
    /// A text.
    Text(String),
    /// `[...]`.
    List(Vec<Node>),
    /// `{...}`, in the order of the text.
    Object(Vec<(String, Node)>),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct NotJson {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Reads a document.
///
/// # Errors
/// The first place that is no JSON.
pub fn parse(text: &str) -> Result<Node, NotJson> {
    let mut parser =
        Parser { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 }, depth: 0 };
    let whole = if text.len() > DOCUMENT_LEN_MAX {
        Err((0, format!("more than {DOCUMENT_LEN_MAX} bytes")))
    } else {
        parser.document()
    };
    whole.map_err(|(byte, reason)| {
        let (line, column) = place(text, byte);
        NotJson { line, column, reason }
    })
}

/// The line and the column (in characters) of a byte, both from 1.
pub fn place(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl Node {
    /// The member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => {
                members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// What kind of value it is, for people.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// Keccak-256 of the canonical text: sorted keys, no spaces, numbers as they are written.
    pub fn hash(&self) -> B256 {
        let mut text = String::new();
        self.write(&mut text);
        keccak256(text)
    }

    fn write(&self, text: &mut String) {
        let quoted = |string: &str| serde_json::Value::from(string).to_string();
        match &self.value {
            Value::Null => text.push_str("null"),
            Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
            Value::Number(number) => text.push_str(number),
            Value::Text(string) => text.push_str(&quoted(string)),
            Value::List(nodes) => {
                text.push('[');
                for (place, node) in nodes.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    node.write(text);
                }
                text.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<&(String, Node)> = members.iter().collect();
                members.sort_by(|one, other| one.0.cmp(&other.0));
                text.push('{');
                for (place, (key, node)) in members.into_iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    text.push_str(&quoted(key));
                    text.push(':');
                    node.write(text);
                }
                text.push('}');
            }
        }
    }
}

/// The byte and the reason.
type Fault = (usize, String);

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let node = self.node()?;
        self.space();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.wrong("something follows the end of the document")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, reason: &str) -> Fault {
        (self.at, reason.to_owned())
    }

    fn node(&mut self) -> Result<Node, Fault> {
        self.space();
        let byte = self.at;
        let value = match self.peek() {
            None => return Err(self.wrong("the document ends where a value should be")),
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
        };
        Ok(Node { byte, value })
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        if self.depth == DEPTH_MAX {
            return Err(self.wrong(&format!("more than {DEPTH_MAX} values in each other")));
        }
        self.depth += 1;
        self.at += 1;
        let value = inner(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, Fault> {
        let mut nodes = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(nodes));
        }
        loop {
            nodes.push(self.node()?);
            if self.closes(b']', "',' or ']'")? {
                return Ok(Value::List(nodes));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Fault> {
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let begin = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a key in double quotes should be here"));
            }
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                return Err((begin, format!("the key {key:?} is here for the second time")));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.wrong("':' should be here"));
            }
            self.at += 1;
            members.push((key, self.node()?));
            if self.closes(b'}', "',' or '}'")? {
                return Ok(Value::Object(members));
            }
        }
    }

    /// Whether the list or object ends here; else a comma goes on with it.
    fn closes(&mut self, end: u8, expected: &str) -> Result<bool, Fault> {
        self.space();
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            None => Err(self.wrong(&format!("the document ends where {expected} should be"))),
            Some(_) => Err(self.wrong(&format!("{expected} should be here"))),
        }
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let value = match &rest[..end] {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "Infinity" | "NaN" => {
                let reason = format!("{} is no JSON: a number is written in digits", &rest[..end]);
                return Err((self.at, reason));
            }
            _ => return Err(self.wrong("this is no value")),
        };
        self.at += end;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let begin = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.text[self.at..].starts_with("Infinity") {
                let reason = "-Infinity is no JSON: a number is written in digits";
                return Err((begin, reason.to_owned()));
            }
        }
        let leading = self.at;
        self.digits()?;
        if self.at - leading > 1 && self.text.as_bytes()[leading] == b'0' {
            return Err((leading, "a number does not begin with 0".to_owned()));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Number(self.text[begin..self.at].to_owned()))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == begin { Err(self.wrong("a digit should be here")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err((begin, "this text does not end".to_owned())),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..=0x1f) => {
                    return Err(self.wrong("a control character in a text is written as \\u00.."));
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(begin..self.at);
        // Escapes are read by the library that every other part of the program reads them with.
        quoted
            .and_then(|quoted| serde_json::from_str(quoted).ok())
            .ok_or_else(|| (begin, "this text has an escape that does not exist".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, usize, String) {
        let fault = parse(text).unwrap_err();
        (fault.line, fault.column, fault.reason)
    }

    #[test]
    fn a_number_keeps_its_text_and_a_value_its_place() {
        let text = "{\n  \"ä\": [1.50, -2e-3]\n}";
        let node = parse(text).unwrap();
        let Value::List(list) = &node.get("ä").unwrap().value else { panic!("{node:?}") };
        assert_eq!(list[0].value, Value::Number("1.50".into()));
        assert_eq!(place(text, list[1].byte), (2, 15));
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        let (line, column, reason) = fault("{\"a\": [1,\n 2], \"HighBound\": Infinity}");
        assert_eq!((line, column), (2, 19));
        assert!(reason.starts_with("Infinity is no JSON"), "{reason}");
        assert_eq!(fault("").0, 1);
        assert_eq!(fault("[1,]").1, 4);
        assert_eq!(fault("{\"a\":1,\"a\":2}").1, 8);
        assert_eq!(fault("[01]").1, 2);
        assert_eq!(fault("[1] x").1, 5);
        assert_eq!(fault("\"a").1, 1);
        assert_eq!(fault("\"a\\").1, 1);
        assert_eq!(fault("\"\\q\"").1, 1);
        assert_eq!(fault("[-]").1, 3);
        assert!(fault(&"[".repeat(DEPTH_MAX + 1)).2.contains("in each other"));
    }

    #[test]
    fn the_hash_is_of_what_is_said_and_not_of_spaces_or_order() {
        let hash = |text: &str| parse(text).unwrap().hash();
        assert_eq!(hash("{\"b\":1, \"a\":[true,null]}"), hash("{\"a\":[true,null],\n\"b\":1}"));
        assert_ne!(hash("{\"a\":1}"), hash("{\"a\":2}"));
    }
}
