//! Fields of a JSON document, each with its path, so that a refusal names it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::canonical::When;
use crate::collect::{About, Collected, What};
use crate::json::{Kind, Node};
use crate::number::Number;
use crate::{Reason, Refusal, time};

/// A value in a document.
#[derive(Debug, Clone)]
pub(crate) struct Field<'n, 'a> {
    node: &'n Node<'a>,
    path: String,
}

impl<'n, 'a> Field<'n, 'a> {
    /// The whole document.
    pub(crate) fn root(node: &'n Node<'a>) -> Field<'n, 'a> {
        Field { node, path: String::new() }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The field of this name; none where it is missing or `null`.
    pub(crate) fn get(&self, name: &str) -> Option<Field<'n, 'a>> {
        let Kind::Object(fields) = &self.node.kind else { return None };
        let (_, node) = fields.iter().rev().find(|(field, _)| field == name)?;
        self.below(name, node)
    }

    /// The field at the end of a path of names.
    pub(crate) fn find(&self, names: &[&str]) -> Option<Field<'n, 'a>> {
        names.iter().try_fold(self.clone(), |field, name| field.get(name))
    }

    /// The field of this name.
    ///
    /// # Errors
    /// It is missing, or `null`.
    pub(crate) fn need(&self, name: &str) -> Result<Field<'n, 'a>, Refusal> {
        let missing = || Reason::Missing.of_at(join(&self.path, name), self.node.byte);
        self.get(name).ok_or_else(missing)
    }

    fn below(&self, name: &str, node: &'n Node<'a>) -> Option<Field<'n, 'a>> {
        (node.kind != Kind::Null).then(|| Field { node, path: join(&self.path, name) })
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.node.kind, Kind::Object(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.node.kind, Kind::Number(_))
    }

    /// All fields of an object that are not `null`.
    pub(crate) fn fields(&self) -> Result<Vec<(&'n str, Field<'n, 'a>)>, Refusal> {
        let Kind::Object(fields) = &self.node.kind else { return self.is_no("an object") };
        let below = |(name, node): &'n (Cow<'a, str>, Node<'a>)| {
            self.below(name, node).map(|field| (&**name, field))
        };
        Ok(fields.iter().filter_map(below).collect())
    }

    /// All members of a list that are not `null`, with their places.
    pub(crate) fn list(&self) -> Result<Vec<(usize, Field<'n, 'a>)>, Refusal> {
        let Kind::List(list) = &self.node.kind else { return self.is_no("a list") };
        let below = |(place, node): (usize, &'n Node<'a>)| {
            self.below(&place.to_string(), node).map(|field| (place, field))
        };
        Ok(list.iter().enumerate().filter_map(below).collect())
    }

    pub(crate) fn text(&self) -> Result<&'n str, Refusal> {
        match &self.node.kind {
            Kind::Text(text) => Ok(text),
            _ => self.is_no("a text"),
        }
    }

    /// A text, or a number as its text.
    pub(crate) fn word(&self) -> Result<&'n str, Refusal> {
        match &self.node.kind {
            Kind::Number(text) => Ok(text),
            _ => self.text(),
        }
    }

    pub(crate) fn bool(&self) -> Result<bool, Refusal> {
        match self.node.kind {
            Kind::Bool(bool) => Ok(bool),
            _ => self.is_no("true or false"),
        }
    }

    pub(crate) fn number(&self) -> Result<Number<'n>, Refusal> {
        match &self.node.kind {
            Kind::Number(text) => Number::parse(text).map_err(|reason| self.refuse(reason)),
            // What some programs write for a number they do not have.
            Kind::Text(text) if Number::parse(text).err() == Some(Reason::NotFinite) => {
                Err(self.refuse(Reason::NotFinite))
            }
            _ => self.is_no("a number"),
        }
    }

    /// A number, or a text that is one.
    pub(crate) fn number_or_text(&self) -> Result<Number<'n>, Refusal> {
        match &self.node.kind {
            Kind::Text(text) => Number::parse(text).map_err(|reason| self.refuse(reason)),
            _ => self.number(),
        }
    }

    /// An integer that is not negative.
    pub(crate) fn count(&self) -> Result<u32, Refusal> {
        let whole = self.number()?.whole();
        let count = whole.and_then(|whole| u32::try_from(whole).ok());
        count.ok_or_else(|| self.refuse(Reason::Type("a whole number")))
    }

    /// A time: ISO 8601 as text, or seconds since 1970 as a number.
    pub(crate) fn time(&self) -> Result<When, Refusal> {
        let when = match &self.node.kind {
            Kind::Text(text) => time::iso(text),
            _ => time::unix(&self.number()?),
        };
        when.map_err(|reason| self.refuse(reason))
    }

    /// Milliseconds since 1970.
    pub(crate) fn time_ms(&self) -> Result<When, Refusal> {
        time::unix_ms(&self.number()?).map_err(|reason| self.refuse(reason))
    }

    /// This reason, here.
    pub(crate) fn refuse(&self, reason: Reason) -> Refusal {
        reason.of_at(self.path.clone(), self.node.byte)
    }

    fn is_no<T>(&self, what: &'static str) -> Result<T, Refusal> {
        Err(self.refuse(Reason::Type(what)))
    }

    /// Adds this number to the readings.
    pub(crate) fn add(
        &self,
        collected: &mut Collected,
        about: &About,
        what: What,
    ) -> Result<(), Refusal> {
        self.add_number(collected, about, what, &self.number()?)
    }

    /// Adds a number that was made of this field.
    pub(crate) fn add_number(
        &self,
        collected: &mut Collected,
        about: &About,
        what: What,
        number: &Number,
    ) -> Result<(), Refusal> {
        let added = collected.add(about, what, number, &self.path);
        added.map_err(|reason| self.refuse(reason))
    }

    /// Adds each field that the table knows.
    pub(crate) fn add_known(
        &self,
        collected: &mut Collected,
        about: &About,
        known: &[(&str, What)],
    ) -> Result<(), Refusal> {
        for (name, what) in known {
            if let Some(field) = self.get(name) {
                field.add(collected, about, *what)?;
            }
        }
        Ok(())
    }

    /// The text of a field, as the name of a device.
    pub(crate) fn device(&self, names: &[&str]) -> Option<Arc<str>> {
        let word = self.find(names).and_then(|field| field.word().ok())?.trim();
        (!word.is_empty()).then(|| Arc::from(word))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
