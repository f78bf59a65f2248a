//! A language: its words, and how it writes numbers, money and days.
//!
//! A language is one file, `locales/<name>.json`. Those in [`LANGUAGES`] are built in; another is
//! read with [`Locale::from_json`]. A file may say `like` which built-in one it is, and then has
//! only the texts that differ. Every text of English must be there, with the same places for
//! values, so that no label is ever missing on a bill.

mod format;

use std::collections::BTreeMap;

use serde::Deserialize;

/// The languages that are built in.
pub const LANGUAGES: [&str; 6] = ["en", "en-IN", "de", "fr", "nl", "hi-Latn"];

/// Their files, in the same order.
const FILES: [&str; 6] = [
    include_str!("../locales/en.json"),
    include_str!("../locales/en-IN.json"),
    include_str!("../locales/de.json"),
    include_str!("../locales/fr.json"),
    include_str!("../locales/nl.json"),
    include_str!("../locales/hi-Latn.json"),
];

/// The longest file, in bytes.
const FILE_BYTES_MAX: usize = 1 << 18;
/// The longest text, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// How often a file may say that it is like another.
const LIKENESS_MAX: usize = 3;

/// A language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locale {
    name: String,
    format: Format,
    texts: BTreeMap<String, String>,
}

/// How numbers, money and days are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    decimal: String,
    group: String,
    /// Digits of the group next to the decimal point, and of the others: 3 and 2 in India.
    group_sizes: [u8; 2],
    money: String,
    percent: String,
    day: String,
    short_day: String,
    months: Vec<String>,
    symbols: BTreeMap<String, String>,
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    like: Option<String>,
    format: Format,
    texts: BTreeMap<String, String>,
}

/// A text that is no language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLocale {
    /// Over a limit.
    #[error("the file of a language has at most {FILE_BYTES_MAX} bytes, not {0}")]
    Size(usize),
    /// Not JSON of the right form.
    #[error("{0}")]
    Json(String),
    /// Like a language that is not built in, or through too many others.
    #[error("like: {0:?} is not a built-in language that stands by itself")]
    Like(String),
    /// A text that English has is not there.
    #[error("texts: {0:?} is missing")]
    Missing(String),
    /// A text that English does not have.
    #[error("texts: {0:?} is not a text that is used")]
    Unknown(String),
    /// Other places for values than English has, or too long.
    #[error("texts: {0:?} needs exactly the places {1} and at most {TEXT_CHARS_MAX} characters")]
    Places(String, String),
    /// A format that cannot be used.
    #[error("format: {0} is not as it should be")]
    Format(&'static str),
}

impl Locale {
    /// A built-in language.
    pub fn named(name: &str) -> Option<Locale> {
        let place = LANGUAGES.iter().position(|known| *known == name)?;
        let locale = Locale::from_json(FILES[place]);
        Some(locale.expect("the built-in languages are whole: a test reads each"))
    }

    /// The language in a file.
    ///
    /// # Errors
    /// [`BadLocale`]: the first thing that is wrong with it.
    pub fn from_json(json: &str) -> Result<Locale, BadLocale> {
        let file = parsed(json)?;
        check_format(&file.format)?;
        let english = parsed(FILES[0])?.texts;
        let mut texts = file.texts;
        let mut like = file.like;
        for _ in 0..LIKENESS_MAX {
            let Some(name) = like.take() else { break };
            let place = LANGUAGES.iter().position(|known| *known == name);
            let base = parsed(FILES[place.ok_or_else(|| BadLocale::Like(name.clone()))?])?;
            for (key, text) in base.texts {
                texts.entry(key).or_insert(text);
            }
            like = base.like;
        }
        if let Some(name) = like {
            return Err(BadLocale::Like(name));
        }
        if let Some(unknown) = texts.keys().find(|key| !english.contains_key(*key)) {
            return Err(BadLocale::Unknown(unknown.clone()));
        }
        for (key, model) in &english {
            let text = texts.get(key).ok_or_else(|| BadLocale::Missing(key.clone()))?;
            if places(text) != places(model) || text.chars().count() > TEXT_CHARS_MAX {
                return Err(BadLocale::Places(key.clone(), places(model).join(" ")));
            }
        }
        Ok(Locale { name: file.name, format: file.format, texts })
    }

    /// Its name, such as `de` or `en-IN` (BCP 47).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A text by its key in the files.
    ///
    /// # Panics
    /// When there is no such key: a mistake in our code, as every language has every text.
    pub fn text(&self, key: &str) -> &str {
        self.texts.get(key).unwrap_or_else(|| panic!("no language has the text {key:?}"))
    }

    /// A text with its places filled: `("day", "1 June 2026")` for `{day}`.
    ///
    /// # Panics
    /// As [`Locale::text`].
    pub fn filled(&self, key: &str, values: &[(&str, &str)]) -> String {
        filled(self.text(key), values)
    }

    /// All texts, by their keys.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

fn parsed(json: &str) -> Result<File, BadLocale> {
    if json.len() > FILE_BYTES_MAX {
        return Err(BadLocale::Size(json.len()));
    }
    serde_json::from_str(json).map_err(|error| BadLocale::Json(error.to_string()))
}

fn check_format(format: &Format) -> Result<(), BadLocale> {
    let has = |text: &str, wanted: &[&str]| places(text) == wanted;
    let rules = [
        ("months", format.months.len() == 12),
        ("group_sizes", format.group_sizes.iter().all(|size| (1..=9).contains(size))),
        ("decimal", format.decimal.chars().count() == 1),
        ("group", format.group.chars().count() <= 1 && format.group != format.decimal),
        ("money", has(&format.money, &["{amount}", "{symbol}"])),
        ("percent", has(&format.percent, &["{number}"])),
        ("day", has(&format.day, &["{day}", "{month}", "{year}"])),
        ("short_day", has(&format.short_day, &["{day}", "{month}"])),
    ];
    let broken = rules.into_iter().find(|(_, holds)| !holds);
    broken.map_or(Ok(()), |(name, _)| Err(BadLocale::Format(name)))
}

/// The places for values in a text, sorted.
fn places(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        found.push(&rest[start..=start + length]);
        rest = &rest[start + length + 1..];
    }
    found.sort_unstable();
    found
}

/// One pass, so that a value that looks like a place stays what it is.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut whole = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 1..start + length];
        whole.push_str(&rest[..start]);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => whole.push_str(value),
            None => whole.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    whole.push_str(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_language_is_whole_and_under_its_name() {
        for name in LANGUAGES {
            assert_eq!(Locale::named(name).unwrap().name(), name);
        }
        assert_eq!(Locale::named("xx"), None);
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/locales");
        let files = std::fs::read_dir(directory).unwrap().count();
        assert_eq!(files, LANGUAGES.len(), "a file in locales/ is not built in");
    }

    fn changed(from: &str, to: &str) -> Result<Locale, BadLocale> {
        assert!(FILES[2].contains(from));
        Locale::from_json(&FILES[2].replacen(from, to, 1))
    }

    #[test]
    fn a_language_that_lacks_something_is_refused() {
        let missing = changed("\"number\": \"Nummer\",", "");
        assert_eq!(missing, Err(BadLocale::Missing("number".to_owned())));
        let unknown = changed("\"number\":", "\"nummer\": \"\", \"number\":");
        assert_eq!(unknown, Err(BadLocale::Unknown("nummer".to_owned())));
        let place = changed("bis {day}", "bis {tag}");
        assert_eq!(place, Err(BadLocale::Places("pay.by".to_owned(), "{day}".to_owned())));
        assert_eq!(changed("\"März\", ", ""), Err(BadLocale::Format("months")));
        assert_eq!(
            changed("\"name\": \"de\"", "\"name\": \"de\", \"like\": \"xx\"").map(|_| ()),
            { Err(BadLocale::Like("xx".to_owned())) }
        );
        assert!(matches!(Locale::from_json("{"), Err(BadLocale::Json(_))));
    }

    #[test]
    fn a_language_like_another_has_only_what_differs() {
        let text = FILES[2].split_once("\"texts\"").unwrap().0;
        let json = text.replace("\"de\"", "\"de-AT\", \"like\": \"de\"")
            + "\"texts\": {\"meter\": \"Stromzähler\"}}";
        let austrian = Locale::from_json(&json).unwrap();
        assert_eq!(austrian.text("meter"), "Stromzähler");
        assert_eq!(austrian.text("number"), "Nummer");
    }

    #[test]
    fn a_value_that_looks_like_a_place_is_not_filled() {
        assert_eq!(filled("{a} {b} {c} {", &[("a", "{b}"), ("b", "x")]), "{b} x {c} {");
    }
}
