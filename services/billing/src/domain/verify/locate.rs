//! Where in a JSON text a byte stands: `evidence.readings[17].t`.

/// The byte at a line and column that a parser named, both from 1.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

enum Level {
    Object { key: String },
    Array { place: usize },
}

/// The path of the value that contains byte `offset`; `.` for the text as a whole. The brace that
/// ends an object is the object's own, not its last field's.
pub(super) fn part(text: &str, offset: usize) -> String {
    let mut levels: Vec<Level> = Vec::new();
    let mut bytes = text.bytes().take(offset).peekable();
    let mut word: Option<String> = None;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => word = Some(string(&mut bytes)),
            b':' => {
                if let (Some(Level::Object { key }), Some(word)) = (levels.last_mut(), word.take())
                {
                    *key = word;
                }
            }
            b'{' => levels.push(Level::Object { key: String::new() }),
            b'[' => levels.push(Level::Array { place: 0 }),
            b'}' | b']' => {
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Array { place }) => *place += 1,
                Some(Level::Object { key }) => key.clear(),
                None => {}
            },
            _ => {}
        }
    }
    if let (Some(b'}' | b']'), Some(_)) = (text.as_bytes().get(offset), levels.last()) {
        levels.pop();
        return shown(&levels);
    }
    // Inside or right after a key that has no value yet.
    if let (Some(Level::Object { key }), Some(word)) = (levels.last_mut(), word)
        && key.is_empty()
    {
        *key = word;
    }
    shown(&levels)
}

fn string(bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut word = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => word.extend(bytes.next()),
            plain => word.push(plain),
        }
    }
    String::from_utf8_lossy(&word).into_owned()
}

fn shown(levels: &[Level]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { key } if key.is_empty() => {}
            Level::Object { key } if path.is_empty() => path.push_str(key),
            Level::Object { key } => path = format!("{path}.{key}"),
            Level::Array { place } => path = format!("{path}[{place}]"),
        }
    }
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_named_by_the_value_that_holds_it() {
        let text = r#"{"a":{"b":[1,{"c":"x,]y"},33]},"d":4}"#;
        let at = |needle: &str| part(text, text.find(needle).unwrap() + 1);
        assert_eq!(at("33"), "a.b[2]");
        assert_eq!(at("x,]y"), "a.b[1].c");
        assert_eq!(part(text, text.find("4}").unwrap()), "d");
        let ends = [at("\"},33"), at("]},"), at("4}")];
        assert_eq!(ends, ["a.b[1]", "a", "."]);
        assert_eq!(part(text, 0), ".");
        assert_eq!(offset("ab\ncd", 2, 2), 4);
    }
}
