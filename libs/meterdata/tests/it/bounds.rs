//! Files larger than any memory that is taken for them, and readings that go on where one stopped.

use std::cell::Cell;
use std::io::BufReader;
use std::rc::Rc;

use meterdata::table::{Mapping, Reader};
use meterdata::{Import, Item, Items, Position, canonical, greenbutton, nem12};

const NEM12: &str = include_str!("../../samples/week.nem12.csv");
const FEED: &str = include_str!("../../samples/day.greenbutton.xml");
const TABLE: &str = include_str!("../../samples/day.table.csv");
const MAPPING: &str = include_str!("../../samples/day.mapping.json");

/// Bytes that are made while they are read: a beginning, then parts as often as told, then an end.
/// How many were asked for is counted.
struct Endless {
    part: Box<dyn Fn(u64) -> Vec<u8>>,
    next: u64,
    count: u64,
    ready: Vec<u8>,
    given: usize,
    asked: Rc<Cell<u64>>,
}

impl std::io::Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.ready.len() {
            if self.next > self.count {
                return Ok(0);
            }
            (self.ready, self.given) = ((self.part)(self.next), 0);
            self.next += 1;
        }
        let left = &self.ready[self.given..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.given += count;
        self.asked.set(self.asked.get() + count as u64);
        Ok(count)
    }
}

/// The most that a reader is ahead of what it gave out: the buffer, and a line or block.
const AHEAD_MAX: u64 = 200_000;

/// Reads `count` parts to the end and looks at every item how far the source was read.
fn streams<I: Items>(
    count: u64,
    part: impl Fn(u64) -> Vec<u8> + 'static,
    reader: impl FnOnce(BufReader<Endless>) -> I,
) -> u64 {
    let asked = Rc::new(Cell::new(0));
    let source = Endless {
        part: Box::new(part),
        next: 0,
        count,
        ready: Vec::new(),
        given: 0,
        asked: asked.clone(),
    };
    let mut import = Import::new(reader(BufReader::new(source)));
    let (mut records, mut last) = (0_u64, 0);
    while let Some(item) = import.next_item().unwrap() {
        assert!(matches!(item, Item::Record(_)), "{item:?}");
        records += 1;
        // Every item comes of the bytes since the last one, or of a buffer more.
        assert!(asked.get() - last <= AHEAD_MAX, "{} bytes for one item", asked.get() - last);
        last = asked.get();
    }
    assert_eq!(import.byte(), asked.get());
    assert_eq!(import.position().records(), records);
    records
}

#[test]
fn a_file_of_any_size_is_read_as_it_comes() {
    let lines: Vec<&str> = NEM12.lines().collect();
    let (head, body) = (format!("{}\n", lines[0]), lines[1..lines.len() - 1].join("\n") + "\n");
    let parts = 100;
    let records = streams(
        parts,
        move |part| match part {
            0 => head.clone().into_bytes(),
            _ if part == parts => b"900\n".to_vec(),
            _ => body.clone().into_bytes(),
        },
        |source| nem12::Reader::new(source, nem12::market_zone()),
    );
    assert_eq!(records, 99 * 2 * 7 * 48);

    let (entries, _) = FEED.split_at(FEED.find("</feed>").unwrap());
    let start = entries.find("<entry").unwrap();
    let (head, body) = (entries[..start].to_owned(), entries[start..].to_owned());
    let records = streams(
        parts,
        move |part| match part {
            0 => head.clone().into_bytes(),
            _ if part == parts => b"</feed>".to_vec(),
            _ => body.clone().into_bytes(),
        },
        greenbutton::Reader::new,
    );
    assert_eq!(records, 99 * 2 * 96);

    let (head, body) = TABLE.split_at(TABLE.find('\n').unwrap() + 1);
    let (head, body) = (head.to_owned(), body.to_owned());
    let mapping = Mapping::parse(MAPPING).unwrap();
    let records = streams(
        parts,
        move |part| if part == 0 { head.clone() } else { body.clone() }.into_bytes(),
        |source| Reader::new(source, &mapping).unwrap(),
    );
    assert_eq!(records, 100 * 200);
}

#[test]
fn a_line_or_an_element_without_end_is_given_up_at_its_limit() {
    let asked = Rc::new(Cell::new(0));
    let source = || Endless {
        part: Box::new(
            |part| if part == 0 { b"<feed xmlns='".to_vec() } else { vec![b'1'; 4_096] },
        ),
        next: 0,
        count: u64::MAX - 1,
        ready: Vec::new(),
        given: 0,
        asked: asked.clone(),
    };
    let mapping = Mapping::parse(MAPPING).unwrap();
    let readers: [Box<dyn Items>; 4] = [
        Box::new(nem12::Reader::new(BufReader::new(source()), nem12::market_zone())),
        Box::new(greenbutton::Reader::new(BufReader::new(source()))),
        Box::new(Reader::new(BufReader::new(source()), &mapping).unwrap()),
        Box::new(canonical::Reader::new(BufReader::new(source()))),
    ];
    for mut reader in readers {
        asked.set(0);
        assert_eq!(reader.next_item().unwrap_err().code.name(), "SIZE");
        assert!(asked.get() < AHEAD_MAX, "{}", asked.get());
    }
}

/// Every item of a reader with the position before it.
fn items<I: Items>(import: &mut Import<I>) -> Vec<(Position, Item)> {
    let mut items = Vec::new();
    loop {
        let before = import.position();
        match import.next_item().unwrap() {
            Some(item) => items.push((before, item)),
            None => return items,
        }
    }
}

/// Reading goes on from every position as it would have gone on there.
fn resumes<I: Items>(reader: impl Fn() -> I) {
    let all = items(&mut Import::new(reader()));
    assert!(all.iter().any(|(_, item)| matches!(item, Item::Record(_))));
    for from in (0..all.len()).step_by(37) {
        let position: Position = all[from].0.to_string().parse().unwrap();
        let mut import = Import::resume(reader(), position).unwrap();
        assert_eq!(items(&mut import), all[from..], "from {position}");
    }
}

#[test]
fn reading_goes_on_where_it_stopped() {
    // Some rows that are rejected are among them.
    let broken = NEM12.replace(",B1,", ",Q1,").replace(".100,", ".x,");
    resumes(|| nem12::Reader::new(broken.as_bytes(), nem12::market_zone()));
    let feed = FEED.replacen("<value>", "<value>x", 5);
    resumes(|| greenbutton::Reader::new(feed.as_bytes()));
    let mapping = Mapping::parse(MAPPING).unwrap();
    let table = TABLE.replace(":30;", ":31;");
    resumes(|| Reader::new(table.as_bytes(), &mapping).unwrap());
}

#[test]
fn reading_does_not_go_on_in_another_file() {
    let reader = |text: &'static str| nem12::Reader::new(text.as_bytes(), nem12::market_zone());
    let mut import = Import::new(reader(NEM12));
    for _ in 0..100 {
        import.next_item().unwrap();
    }
    let position = import.position();
    assert!(Import::resume(reader(NEM12), position).is_ok());
    let other: &'static str = NEM12.replacen("0.1", "0.2", 1).leak();
    assert_eq!(Import::resume(reader(other), position).unwrap_err().code.name(), "POSITION");
    let short = &NEM12[..NEM12.find("300").unwrap()];
    assert!(Import::resume(reader(short), position).is_err());
    let shifted: Position = position.to_string().replacen("100-0", "100-1", 1).parse().unwrap();
    assert_eq!(Import::resume(reader(NEM12), shifted).unwrap_err().code.name(), "POSITION");
}

#[test]
fn readings_that_wait_are_bounded() {
    let (before, _) = FEED.split_once("<entry").unwrap();
    let blocks = FEED.rfind("<IntervalBlock").unwrap();
    let start = FEED[..blocks].rfind("<entry").unwrap();
    let block = &FEED[start..FEED.find("</feed>").unwrap()];
    let head = before.to_owned();
    let block = block.to_owned();
    let asked = Rc::new(Cell::new(0));
    let source = Endless {
        part: Box::new(move |part| {
            if part == 0 { head.clone() } else { block.clone() }.into_bytes()
        }),
        next: 0,
        count: u64::MAX - 1,
        ready: Vec::new(),
        given: 0,
        asked,
    };
    let mut reader = greenbutton::Reader::new(BufReader::new(source));
    assert_eq!(reader.next_item().unwrap_err().code.name(), "TOO_MANY");
}
