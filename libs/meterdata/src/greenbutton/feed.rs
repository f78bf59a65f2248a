//! The feed as XML: events become entries, kinds and readings.

use std::collections::VecDeque;
use std::io::BufRead;

use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader as Xml, XmlVersion};

use super::ATOM;
use super::block::{Parts, Reading, Stream};
use super::clock::LocalTime;
use super::kind::Kind;
use super::resources::{ADDRESS_BYTES_MAX, Resources, Waiting, path, up_to};
use super::source::{Source, TooLong};
use super::tag::{Number, Tag, tag};
use crate::amount::Carry;
use crate::import::Item;
use crate::lines::unreadable;
use crate::rejection::{Code, Fault, Refusal, quote};

/// The most elements in elements.
pub const DEPTH_MAX: usize = 32;
/// The most bytes of an element's text that is wanted: a number.
const TEXT_BYTES_MAX: usize = 64;

/// A feed that is being read.
#[derive(Debug)]
pub(super) struct Feed<R> {
    xml: Xml<Source<R>>,
    buffer: Vec<u8>,
    open: Vec<Tag>,
    begun: bool,
    blocks: u64,
    entry: Entry,
    block: Block,
    reading: Option<Reading>,
    kind: Kind,
    clock: [Option<i64>; 4],
    local_time: Option<LocalTime>,
    /// Of the element that is open, if it is a wanted one.
    text: String,
    resources: Resources,
}

/// Links of the entry that is open.
#[derive(Debug, Default)]
struct Entry {
    own: Option<String>,
    /// The first other link that leads to a part of a MeterReading.
    meter_reading: Option<String>,
    kind: Option<String>,
    /// What was in it.
    has_meter_reading: bool,
    has_kind: Option<Kind>,
    /// Blocks that came before the links.
    early: Vec<Waiting>,
}

impl Entry {
    /// The path of the MeterReading that the entry is, or is a part of.
    fn meter_reading(&self) -> Option<&str> {
        let own = self.own.as_deref().and_then(|own| up_to(own, "MeterReading"));
        own.or(self.meter_reading.as_deref())
    }
}

/// The block that is open.
#[derive(Debug, Default)]
struct Block {
    stream: Option<Stream>,
    carry: Carry,
    /// What the stream waits for, and its MeterReading; where the links did not come yet, neither.
    missing: Option<(String, String)>,
    waiting: Waiting,
}

impl<R: BufRead> Feed<R> {
    pub(super) fn new(source: R) -> Feed<R> {
        Feed {
            xml: Xml::from_reader(Source::new(source)),
            buffer: Vec::new(),
            open: Vec::new(),
            begun: false,
            blocks: 0,
            entry: Entry::default(),
            block: Block::default(),
            reading: None,
            kind: Kind::default(),
            clock: [None; 4],
            local_time: None,
            text: String::new(),
            resources: Resources::default(),
        }
    }

    pub(super) fn local_time(&self) -> Option<LocalTime> {
        self.local_time
    }

    pub(super) fn byte(&self) -> u64 {
        self.xml.get_ref().byte()
    }

    pub(super) fn line(&self) -> u64 {
        self.xml.get_ref().line()
    }

    /// Reads the next event; whether there is more.
    pub(super) fn advance(&mut self, ready: &mut VecDeque<Item>) -> Result<bool, Refusal> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.xml.get_mut().begin();
        let more = match self.xml.read_event_into(&mut buffer) {
            Ok(event) => self.event(event, ready),
            Err(error) => Err(self.unread(error)),
        };
        self.buffer = buffer;
        more
    }

    fn event(&mut self, event: Event<'_>, ready: &mut VecDeque<Item>) -> Result<bool, Refusal> {
        match event {
            Event::Start(start) => self.enter(&start)?,
            Event::Empty(start) => {
                self.enter(&start)?;
                self.leave(ready)?;
            }
            Event::End(_) => self.leave(ready)?,
            Event::Text(text) => self.write(&text.xml10_content())?,
            Event::CData(text) => self.write(&text.xml10_content())?,
            Event::GeneralRef(named) => {
                let character = self.character(&named)?;
                self.write(&character)?;
            }
            Event::Decl(declaration) => self.declared(&declaration)?,
            Event::DocType(_) => {
                return Err(self.refused(Code::XmlEntity, "a document type is not read"));
            }
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return self.end(ready).map(|()| false),
        }
        Ok(true)
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Result<(), Refusal> {
        if self.open.len() == DEPTH_MAX {
            return Err(self.refused(Code::XmlDepth, format!("more than {DEPTH_MAX} levels")));
        }
        let name = start.local_name();
        if self.open.is_empty() {
            self.root(start)?;
        }
        let tag = tag(name.as_ref(), self.open.last().copied());
        self.text.clear();
        self.nested(tag)?;
        match tag {
            Tag::Entry => self.entry = Entry::default(),
            Tag::ReadingType => self.kind = Kind::default(),
            Tag::LocalTimeParameters => self.clock = [None; 4],
            Tag::IntervalBlock => self.open_block(),
            Tag::IntervalReading => {
                let reading = Reading { line: self.line(), parts: Ok(Parts::default()) };
                self.reading = Some(reading);
            }
            Tag::Other if name.as_ref() == "link" && self.open.last() == Some(&Tag::Entry) => {
                self.link(start)?;
            }
            _ => {}
        }
        self.open.push(tag);
        Ok(())
    }

    /// Entries and blocks do not lie in each other, and a block lies in an entry.
    fn nested(&self, tag: Tag) -> Result<(), Refusal> {
        let within = |tag| self.open.contains(&tag);
        let wrong = match tag {
            Tag::Entry => within(Tag::Entry),
            Tag::IntervalBlock => within(Tag::IntervalBlock) || !within(Tag::Entry),
            _ => false,
        };
        if wrong {
            let why = "an entry or an IntervalBlock where none can be";
            return Err(self.refused(Code::RecordOrder, why));
        }
        Ok(())
    }

    /// The first element says what the document is.
    fn root(&mut self, start: &BytesStart<'_>) -> Result<(), Refusal> {
        if self.begun {
            return Err(self.refused(Code::Xml, "more than one root"));
        }
        self.begun = true;
        let known = ["feed", "entry"].contains(&start.local_name().as_ref());
        let mut attributes = start.attributes();
        let atom =
            attributes.with_checks(false).flatten().any(|attribute| &*attribute.value == ATOM);
        if known && atom {
            return Ok(());
        }
        let why = format!("a Green Button file is a feed of {ATOM}, not {}", quote(start));
        Err(self.refused(Code::Kind, why))
    }

    fn link(&mut self, start: &BytesStart<'_>) -> Result<(), Refusal> {
        let (mut relation, mut address) = (None, None);
        for attribute in start.attributes().with_checks(false) {
            let attribute =
                attribute.map_err(|error| self.refused(Code::Xml, error.to_string()))?;
            let value = || {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                value.map_err(|error| self.refused(Code::XmlEntity, error.to_string()))
            };
            match attribute.key.as_ref() {
                "rel" => relation = Some(value()?),
                "href" => address = Some(value()?),
                _ => {}
            }
        }
        let (Some(relation), Some(address)) = (relation, address) else { return Ok(()) };
        if address.len() > ADDRESS_BYTES_MAX {
            let why = format!("the address of a link is longer than {ADDRESS_BYTES_MAX} bytes");
            return Err(self.refused(Code::Size, why));
        }
        let address = path(&address);
        if relation == "self" {
            self.entry.own = Some(address.to_owned());
        } else if up_to(address, "ReadingType").is_some_and(|kind| kind == address) {
            self.entry.kind = Some(address.to_owned());
        } else if self.entry.meter_reading.is_none() {
            self.entry.meter_reading = up_to(address, "MeterReading").map(str::to_owned);
        }
        Ok(())
    }

    fn open_block(&mut self) {
        self.blocks += 1;
        self.block = Block::default();
        if let Some(path) = self.entry.meter_reading() {
            match self.resources.stream(path) {
                Ok(stream) => self.block.stream = Some(stream),
                Err(missing) => self.block.missing = Some((missing, path.to_owned())),
            }
        }
    }

    fn leave(&mut self, ready: &mut VecDeque<Item>) -> Result<(), Refusal> {
        let Some(tag) = self.open.pop() else {
            return Err(self.refused(Code::Xml, "an element ends that did not begin"));
        };
        match tag {
            Tag::Number(number) => self.number(number),
            Tag::IntervalReading => self.close_reading(ready)?,
            Tag::IntervalBlock => self.close_block(),
            Tag::ReadingType => self.entry.has_kind = Some(self.kind),
            Tag::MeterReading => self.entry.has_meter_reading = true,
            Tag::LocalTimeParameters => self.close_clock(),
            Tag::Entry => self.close_entry(ready)?,
            Tag::ReadingQuality | Tag::TimePeriod | Tag::Other => {}
        }
        Ok(())
    }

    fn close_reading(&mut self, ready: &mut VecDeque<Item>) -> Result<(), Refusal> {
        let Some(reading) = self.reading.take() else { return Ok(()) };
        match &self.block.stream {
            Some(stream) => ready.push_back(stream.item(&reading, &mut self.block.carry)),
            None => self.resources.hold(&mut self.block.waiting, reading)?,
        }
        Ok(())
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.waiting.is_empty() {
            return;
        }
        match block.missing {
            Some((missing, path)) => self.resources.wait(missing, path, block.waiting),
            None => self.entry.early.push(block.waiting),
        }
    }

    fn close_clock(&mut self) {
        let [end, summer, start, offset] = self.clock;
        let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
        let rule = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        if let (Some(offset), Some(summer)) = (small(offset), small(summer)) {
            let [start, end] = [start, end].map(|number| rule(number).unwrap_or_default());
            self.local_time = Some(LocalTime { offset, summer, start, end });
        }
    }

    fn close_entry(&mut self, ready: &mut VecDeque<Item>) -> Result<(), Refusal> {
        let line = self.line();
        let entry = std::mem::take(&mut self.entry);
        if let (true, Some(path)) = (entry.has_meter_reading, entry.meter_reading()) {
            let inside = entry.has_kind.ok_or_else(|| entry.kind.clone().unwrap_or_default());
            self.resources.learn_meter_reading(path, inside, line, ready)?;
        } else if let (Some(kind), Some(own)) = (entry.has_kind, entry.own.as_deref()) {
            self.resources.learn_kind(own, kind, line, ready)?;
        }
        let path = entry.meter_reading().map(str::to_owned);
        for block in entry.early {
            let Some(path) = &path else {
                let why = "its entry has no link to a MeterReading";
                self.resources.give_up(block, why, ready);
                continue;
            };
            self.resources.give_out(path, block, ready);
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Refusal> {
        match self.open.last() {
            // What is too long is no number, so the rest does not matter.
            Some(Tag::Number(_)) if self.text.len() <= TEXT_BYTES_MAX => self.text.push_str(text),
            Some(_) => {}
            None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            None if !self.begun => {
                let why = format!("a Green Button file is XML, not {}", quote(text));
                return Err(self.refused(Code::Kind, why));
            }
            None => return Err(self.refused(Code::Xml, "text outside of the root")),
        }
        Ok(())
    }

    /// A number is complete.
    fn number(&mut self, number: Number) {
        let text = self.text.trim();
        if let Number::Clock(place) = number {
            // Rules are hexadecimal, offsets are not.
            let hexadecimal = place % 2 == 0;
            let radix = if hexadecimal { 16 } else { 10 };
            self.clock[place] = i64::from_str_radix(text, radix).ok();
            return;
        }
        let parsed = text.parse::<i64>().ok();
        let code = || parsed.and_then(|code| u8::try_from(code).ok());
        let kind = &mut self.kind;
        match number {
            Number::Accumulation => kind.accumulation = parsed.or(Some(-1)),
            Number::Commodity => kind.commodity = parsed.or(Some(-1)),
            Number::Flow => kind.flow = parsed.or(Some(-1)),
            Number::Multiplier => kind.multiplier = parsed.or(Some(i64::MAX)),
            Number::Unit => kind.unit = parsed.or(Some(-1)),
            Number::DefaultQuality => {
                let set = code().and_then(|code| kind.quality.with(code));
                kind.quality = set.unwrap_or(kind.quality);
            }
            _ => self.part(number, parsed),
        }
    }

    /// A number of a reading is complete.
    fn part(&mut self, number: Number, parsed: Option<i64>) {
        let Some(reading) = &mut self.reading else { return };
        let Ok(parts) = &mut reading.parts else { return };
        let (part, code, name) = match number {
            Number::Start => (&mut parts.start, Code::Time, "timePeriod/start"),
            Number::Duration => (&mut parts.duration, Code::Length, "timePeriod/duration"),
            Number::Value => (&mut parts.value, Code::Value, "value"),
            _ => {
                let known = parsed.and_then(|code| u8::try_from(code).ok());
                if let Some(set) = known.and_then(|code| parts.qualities.with(code)) {
                    parts.qualities = set;
                } else {
                    let why = format!("{} is no code of quality", quote(&self.text));
                    let field = "IntervalReading/ReadingQuality/quality";
                    reading.parts = Err(Box::new(Fault::new(Code::Quality, field, why)));
                }
                return;
            }
        };
        *part = parsed;
        if parsed.is_none() {
            let why = format!("{} is not a whole number", quote(&self.text));
            let field = format!("IntervalReading/{name}");
            reading.parts = Err(Box::new(Fault::new(code, field, why)));
        }
    }

    fn end(&mut self, ready: &mut VecDeque<Item>) -> Result<(), Refusal> {
        if !self.begun {
            return Err(self.refused(Code::Empty, "there is no element in the file"));
        }
        if !self.open.is_empty() {
            return Err(self.refused(Code::Truncated, "the file ends within an element"));
        }
        if self.blocks == 0 {
            return Err(self.refused(Code::Empty, "there is no IntervalBlock in the feed"));
        }
        self.resources.end(ready);
        Ok(())
    }

    /// The character that is referred to; only those of XML itself have names.
    fn character(&self, named: &BytesRef<'_>) -> Result<String, Refusal> {
        if named.is_char_ref() {
            let found = named.resolve_char_ref();
            let found = found.map_err(|error| self.refused(Code::Xml, error.to_string()))?;
            return Ok(found.map(String::from).unwrap_or_default());
        }
        let known = quick_xml::escape::resolve_xml_entity(named);
        known.map(str::to_owned).ok_or_else(|| {
            self.refused(Code::XmlEntity, format!("the entity {} is not known", quote(named)))
        })
    }

    fn declared(&self, declaration: &BytesDecl<'_>) -> Result<(), Refusal> {
        let Some(encoding) = declaration.encoding() else { return Ok(()) };
        let encoding = encoding.map_err(|error| self.refused(Code::Xml, error.to_string()))?;
        if encoding.eq_ignore_ascii_case("utf-8") || encoding.eq_ignore_ascii_case("us-ascii") {
            return Ok(());
        }
        let why = format!("the file is in {}: it has to be in UTF-8", quote(&encoding));
        Err(self.refused(Code::Encoding, why))
    }

    fn unread(&self, error: quick_xml::Error) -> Refusal {
        match error {
            quick_xml::Error::Io(error) if error.get_ref().is_some_and(|e| e.is::<TooLong>()) => {
                self.refused(Code::Size, error.to_string())
            }
            quick_xml::Error::Io(error) => unreadable(self.line(), &error),
            quick_xml::Error::Encoding(error) => {
                let why = format!("{error}: the file has to be in UTF-8");
                self.refused(Code::Encoding, why)
            }
            quick_xml::Error::Syntax(error) => {
                // All of these are ends of the file where none may be.
                self.refused(Code::Truncated, error.to_string())
            }
            other => self.refused(Code::Xml, other.to_string()),
        }
    }

    fn refused(&self, code: Code, text: impl Into<String>) -> Refusal {
        Refusal::new(self.line(), code, text)
    }
}
