//! XML as a tree of elements: bounded, in one namespace, without document types and entities.
//!
//! What lies in another namespace is left out. Attributes other than a currency are not kept.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, TEXT_BYTES_MAX};
use super::{Rejected, Rejection};

/// An element of the document's namespace.
#[derive(Debug, Default)]
pub(super) struct Element {
    name: String,
    text: String,
    currency: Option<String>,
    children: Vec<Element>,
    /// Where its tag begins, in bytes.
    at: usize,
}

/// A rejection and where it is, in bytes.
#[derive(Debug)]
pub(super) struct Misplaced {
    rejection: Rejection,
    at: usize,
}

/// What was found, or why not.
pub(super) type Found<T> = Result<T, Misplaced>;

impl Element {
    /// Its text without spaces around.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    /// What its attribute `Ccy` says.
    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// Every child of this name.
    pub(super) fn all<'e>(&'e self, name: &'static str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of `path`; each step may be there once.
    pub(super) fn find(&self, path: &str) -> Found<Option<&Element>> {
        let mut element = self;
        for step in path.split('/') {
            let mut children = element.children.iter().filter(|child| child.name == step);
            let Some(child) = children.next() else { return Ok(None) };
            if let Some(second) = children.next() {
                return Err(second.refused(Rejection::Repeated(step.to_owned())));
            }
            element = child;
        }
        Ok(Some(element))
    }

    /// The element at the end of `path`, which must be there and say something.
    pub(super) fn need(&self, path: &str) -> Found<&Element> {
        let found = self.find(path)?;
        let said = found.filter(|found| !found.text().is_empty() || !found.children.is_empty());
        said.ok_or_else(|| self.refused(Rejection::Missing(path.to_owned())))
    }

    /// What the element at the end of `path` says, if it says something.
    pub(super) fn words(&self, path: &str) -> Found<Option<String>> {
        let found = self.find(path)?.map(Element::text).filter(|text| !text.is_empty());
        Ok(found.map(str::to_owned))
    }

    /// A rejection of this element.
    pub(super) fn refused(&self, rejection: Rejection) -> Misplaced {
        Misplaced { rejection, at: self.at }
    }
}

impl Misplaced {
    /// The rejection with its line and path in the document that it is of.
    pub(super) fn in_tree(self, document: &Element, text: &str) -> Rejected {
        let (mut element, mut path) = (document, document.name.clone());
        while let Some(place) = element.children.iter().rposition(|child| child.at <= self.at) {
            let child = &element.children[place];
            let same = |child: &&Element| child.name == element.children[place].name;
            path.push_str(&format!("/{}", child.name));
            if element.children.iter().filter(same).count() > 1 {
                let nth = element.children[..=place].iter().filter(same).count();
                path.push_str(&format!("[{nth}]"));
            }
            if child.at == self.at {
                break;
            }
            element = child;
        }
        Rejected { rejection: self.rejection, line: line(text, self.at), path }
    }
}

fn line(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// The document in `text`; its root is `Document` in one of `namespaces`.
pub(super) fn read(text: &str, namespaces: &[&str]) -> Result<Element, Rejected> {
    let mut growing = Growing { namespaces, ..Growing::default() };
    growing.grow(text).map_err(|Misplaced { rejection, at }| {
        let names: Vec<&str> = growing.open.iter().map(|open| open.element.name.as_str()).collect();
        let path = if names.is_empty() { "the file".to_owned() } else { names.join("/") };
        Rejected { rejection, line: line(text, at), path }
    })
}

/// A document that is being read.
#[derive(Default)]
struct Growing<'n> {
    namespaces: &'n [&'n str],
    /// From the root down.
    open: Vec<Open>,
    /// What stands before the colon of names in the document's namespace.
    prefix: Option<String>,
    namespace: String,
    count: usize,
    root: Option<Element>,
}

struct Open {
    element: Element,
    /// Whether it is in the document's namespace.
    ours: bool,
}

impl Growing<'_> {
    fn grow(&mut self, text: &str) -> Found<Element> {
        let mut reader = Reader::from_str(text);
        loop {
            let at = offset(reader.buffer_position());
            let event = reader.read_event().map_err(|error| {
                refused(Rejection::Xml(error.to_string()), offset(reader.error_position()))
            })?;
            match event {
                Event::Start(start) => self.enter(&start, at)?,
                Event::Empty(start) => {
                    self.enter(&start, at)?;
                    self.leave(at)?;
                }
                Event::End(_) => self.leave(at)?,
                Event::Text(text) => self.write(&text.xml10_content(), at)?,
                Event::CData(text) => self.write(&text.xml10_content(), at)?,
                Event::GeneralRef(named) => self.write(&character(&named, at)?, at)?,
                Event::Decl(declaration) => check_encoding(&declaration, at)?,
                Event::DocType(_) => return Err(refused(Rejection::Entity, at)),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return self.done(at),
            }
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>, at: usize) -> Found<()> {
        self.count += 1;
        limit("elements", self.count, ELEMENTS_MAX, at)?;
        limit("levels", self.open.len() + 1, DEPTH_MAX, at)?;
        if self.root.is_some() {
            return Err(malformed("more than one root", at));
        }
        let name = start.name();
        let (prefix, local) = split(name.as_ref());
        let mut element = Element { name: local.to_owned(), at, ..Element::default() };
        let mut declared = None;
        for (place, attribute) in start.attributes().with_checks(false).enumerate() {
            limit("attributes", place + 1, ATTRIBUTES_MAX, at)?;
            let attribute = attribute.map_err(|error| malformed(&error.to_string(), at))?;
            match split(attribute.key.as_ref()) {
                (None, "Ccy") => element.currency = Some(attribute.value.to_string()),
                (None, "xmlns") if prefix.is_none() => declared = Some(attribute.value.to_string()),
                (Some("xmlns"), bound) if prefix == Some(bound) => {
                    declared = Some(attribute.value.to_string());
                }
                _ => {}
            }
        }
        let ours = match self.open.last() {
            None => {
                self.begin(local, prefix, declared, at)?;
                true
            }
            Some(parent) => {
                let same = declared.is_none_or(|declared| declared == self.namespace);
                parent.ours && same && prefix == self.prefix.as_deref()
            }
        };
        self.open.push(Open { element, ours });
        Ok(())
    }

    /// The root says what kind of document it is.
    fn begin(
        &mut self,
        name: &str,
        prefix: Option<&str>,
        declared: Option<String>,
        at: usize,
    ) -> Found<()> {
        self.namespace = declared.unwrap_or_default();
        self.prefix = prefix.map(str::to_owned);
        if name == "Document" && self.namespaces.contains(&self.namespace.as_str()) {
            return Ok(());
        }
        let found = self.namespace.chars().take(100).collect();
        Err(refused(Rejection::Kind(found), at))
    }

    fn leave(&mut self, at: usize) -> Found<()> {
        let Some(Open { mut element, ours }) = self.open.pop() else {
            return Err(malformed("an element ends that did not begin", at));
        };
        if !element.children.is_empty() {
            element.text.clear();
        }
        match self.open.last_mut() {
            Some(parent) if ours => parent.element.children.push(element),
            Some(_) => {}
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn write(&mut self, text: &str, at: usize) -> Found<()> {
        if !text.chars().all(is_xml) {
            return Err(malformed("a control character", at));
        }
        let Some(open) = self.open.last_mut() else {
            let blank = text.chars().all(char::is_whitespace);
            return if blank { Ok(()) } else { Err(malformed("text outside of the root", at)) };
        };
        if !open.ours {
            return Ok(());
        }
        // Between elements there is nothing but space, which is not kept.
        if open.element.children.is_empty() {
            limit("bytes of text", open.element.text.len() + text.len(), TEXT_BYTES_MAX, at)?;
            open.element.text.push_str(text);
        }
        Ok(())
    }

    fn done(&mut self, at: usize) -> Found<Element> {
        if !self.open.is_empty() {
            return Err(malformed("the file ends within an element", at));
        }
        self.root.take().ok_or_else(|| malformed("the file has no element", at))
    }
}

/// The prefix, if there is one, and the rest of a name.
fn split(name: &str) -> (Option<&str>, &str) {
    name.split_once(':').map_or((None, name), |(prefix, local)| (Some(prefix), local))
}

/// The character that is referred to; only those of XML itself have names.
fn character(named: &BytesRef<'_>, at: usize) -> Found<String> {
    if named.is_char_ref() {
        let found = named.resolve_char_ref().map_err(|error| malformed(&error.to_string(), at))?;
        return Ok(found.map(String::from).unwrap_or_default());
    }
    let known = resolve_xml_entity(named);
    known.map(str::to_owned).ok_or_else(|| refused(Rejection::Entity, at))
}

fn check_encoding(declaration: &BytesDecl<'_>, at: usize) -> Found<()> {
    let Some(encoding) = declaration.encoding() else { return Ok(()) };
    let encoding = encoding.map_err(|error| malformed(&error.to_string(), at))?;
    if encoding.eq_ignore_ascii_case("utf-8") || encoding.eq_ignore_ascii_case("us-ascii") {
        return Ok(());
    }
    Err(malformed("the file is not in UTF-8", at))
}

/// Whether XML 1.0 may contain it.
fn is_xml(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn limit(what: &'static str, got: usize, max: usize, at: usize) -> Found<()> {
    if got <= max { Ok(()) } else { Err(refused(Rejection::Size { what, got, max }, at)) }
}

fn malformed(why: &str, at: usize) -> Misplaced {
    refused(Rejection::Xml(why.to_owned()), at)
}

fn refused(rejection: Rejection, at: usize) -> Misplaced {
    Misplaced { rejection, at }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
