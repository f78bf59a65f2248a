//! Green Button feeds that were put together on purpose.

use meterdata::greenbutton::{DEPTH_MAX, EVENT_BYTES_MAX, Reader};
use meterdata::{Direction, Items, Quality};

use crate::greenbutton;

const USAGE_POINT: &str = "/r/UsagePoint/P1";

/// An entry with links and content.
fn entry(own: &str, related: &[&str], content: &str) -> String {
    let links: String =
        related.iter().map(|href| format!("<link rel='related' href='{href}'/>")).collect();
    format!(
        "<entry><id>urn:uuid:1</id><link rel='self' href='{own}'/>{links}\
         <content>{content}</content></entry>"
    )
}

fn meter_reading(id: &str, kind: &str) -> String {
    let own = format!("{USAGE_POINT}/MeterReading/{id}");
    entry(&own, &[&format!("https://host/r/ReadingType/{kind}")], "<MeterReading/>")
}

fn kind(id: &str, flow: u8, multiplier: i8, more: &str) -> String {
    let content = format!(
        "<ReadingType><accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity>\
         <flowDirection>{flow}</flowDirection>\
         <powerOfTenMultiplier>{multiplier}</powerOfTenMultiplier><uom>72</uom>{more}</ReadingType>"
    );
    entry(&format!("/r/ReadingType/{id}"), &[], &content)
}

/// A block of readings of a quarter of an hour each.
fn block(meter_reading: &str, values: &[&str]) -> String {
    let reading = |(place, value): (usize, &&str)| {
        let start = 1_330_578_000 + 900 * place;
        format!(
            "<IntervalReading><timePeriod><duration>900</duration><start>{start}</start>\
             </timePeriod><value>{value}</value></IntervalReading>"
        )
    };
    let readings: String = values.iter().enumerate().map(reading).collect();
    let own = format!("{USAGE_POINT}/MeterReading/{meter_reading}/IntervalBlock/1");
    entry(&own, &[], &format!("<IntervalBlock>{readings}</IntervalBlock>"))
}

fn feed(entries: &[String]) -> String {
    format!("<feed xmlns='http://www.w3.org/2005/Atom'>{}</feed>", entries.concat())
}

#[test]
fn entries_come_in_any_order() {
    let parts = [meter_reading("01", "7"), kind("7", 1, 0, ""), block("01", &["282", "323"])];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let read = greenbutton(feed(&order.map(|place| parts[place].clone())).as_bytes());
        assert_eq!((read.refusal(), read.codes()), ("", vec![]), "{order:?}");
        assert_eq!((read.records.len(), read.wh()), (2, 605), "{order:?}");
        let first = &read.records[0];
        assert_eq!((first.meter.as_str(), first.channel.as_str()), ("P1", "01"));
    }
}

#[test]
fn links_may_come_after_the_content_and_a_type_inside_a_meter_reading() {
    let own = format!("{USAGE_POINT}/MeterReading/02");
    let inside = "<MeterReading><ReadingType><flowDirection>19</flowDirection><uom>72</uom>\
                  <powerOfTenMultiplier>3</powerOfTenMultiplier></ReadingType></MeterReading>";
    let late = "<entry><content><IntervalBlock><IntervalReading><timePeriod><duration>3600\
                </duration><start> 1330578000\n</start></timePeriod><value>5</value>\
                </IntervalReading></IntervalBlock></content>\
                <link rel='up' href='/r/UsagePoint/P1/MeterReading/02/IntervalBlock'/></entry>";
    let read = greenbutton(feed(&[late.to_owned(), entry(&own, &[], inside)]).as_bytes());
    assert_eq!((read.refusal(), read.codes(), read.wh()), ("", vec![], 5_000));
    assert_eq!(read.records[0].direction, Direction::Export);
}

#[test]
fn several_meters_and_directions_are_in_one_feed() {
    let other = meter_reading("01", "7").replace("P1", "P2");
    let other_block = block("01", &["1"]).replace("P1", "P2");
    let read = greenbutton(
        feed(&[
            kind("7", 1, 0, ""),
            kind("8", 19, 0, ""),
            meter_reading("01", "7"),
            meter_reading("02", "8"),
            other,
            block("02", &["10"]),
            other_block,
            block("01", &["100"]),
        ])
        .as_bytes(),
    );
    let shown: Vec<String> = read
        .records
        .iter()
        .map(|r| format!("{} {} {} {}", r.meter, r.channel, r.direction.name(), r.energy.wh()))
        .collect();
    assert_eq!(shown, ["P1 02 export 10", "P2 01 import 1", "P1 01 import 100"]);
}

#[test]
fn digits_below_a_watt_hour_are_carried_through_a_block() {
    let entries = [kind("7", 1, -3, ""), meter_reading("01", "7"), block("01", &["400"; 10])];
    let read = greenbutton(feed(&entries).as_bytes());
    let energies: Vec<u64> = read.records.iter().map(|record| record.energy.wh()).collect();
    assert_eq!(energies, [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]);
}

#[test]
fn quality_is_the_readings_own_or_the_kinds() {
    let quality = |codes: &[u8]| -> String {
        let one = |code: &u8| format!("<ReadingQuality><quality>{code}</quality></ReadingQuality>");
        codes.iter().map(one).collect()
    };
    let with = |codes: &[u8]| {
        let said = format!("<IntervalReading>{}", quality(codes));
        let block = block("01", &["1"]).replace("<IntervalReading>", &said);
        let kind = kind("7", 1, 0, "<defaultQuality>17</defaultQuality>");
        let read = greenbutton(feed(&[kind, meter_reading("01", "7"), block]).as_bytes());
        match read.records.first() {
            Some(record) => {
                let code = record.code.as_ref().map(|code| code.as_str().to_owned());
                Ok((record.quality, code.unwrap_or_default()))
            }
            None => Err(read.codes()),
        }
    };
    assert_eq!(with(&[]), Ok((Quality::Measured, "17".to_owned())));
    assert_eq!(with(&[14, 9]), Ok((Quality::Substituted, "9+14".to_owned())));
    assert_eq!(with(&[12]), Ok((Quality::Estimated, "12".to_owned())));
    assert_eq!(with(&[99]), Err(vec![(1, "QUALITY")]));
}

#[test]
fn readings_that_are_not_energy_of_intervals_are_named() {
    let read = |kind: String, block: String| {
        let read = greenbutton(feed(&[kind, meter_reading("01", "7"), block]).as_bytes());
        assert_eq!((read.refusal(), read.records.len()), ("", 0));
        let codes: Vec<&str> = read.codes().into_iter().map(|(_, code)| code).collect();
        codes.join(" ")
    };
    let plain = || kind("7", 1, 0, "");
    let one = || block("01", &["1"]);
    assert_eq!(read(kind("7", 4, 0, ""), one()), "NET");
    assert_eq!(read(plain().replace(">72<", ">38<"), one()), "NOT_ENERGY");
    assert_eq!(read(plain().replace(">72<", ">73<"), one()), "REACTIVE");
    assert_eq!(read(plain().replace(">4<", ">1<"), one()), "NOT_INTERVALS");
    assert_eq!(read(plain(), block("01", &["-1", "x", ""])), "NEGATIVE VALUE VALUE");
    assert_eq!(read(plain(), one().replace("<value>1</value>", "")), "VALUE");
    assert_eq!(read(plain(), one().replace(">900<", ">86400<")), "LENGTH");
    assert_eq!(read(plain(), one().replace(">1330578000<", ">1330578001<")), "ALIGNMENT");
    assert_eq!(read(plain(), one().replace(">1330578000<", ">-300<")), "TIME");
    assert_eq!(read(plain(), one().replace("/MeterReading/01", "/MeterReading/09")), "UNRELATED");
    assert_eq!(read(plain(), one().replace("/r/UsagePoint/P1/MeterReading", "/x")), "UNRELATED");
}

#[test]
fn what_is_no_feed_or_a_trap_is_refused() {
    let whole = feed(&[kind("7", 1, 0, ""), meter_reading("01", "7"), block("01", &["1"])]);
    let bomb = format!(
        "<!DOCTYPE feed [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]>{}",
        whole.replace("<value>1", "<value>&b;")
    );
    let deep =
        format!("{}{}", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<a>".repeat(DEPTH_MAX));
    let long = whole.replace("P1", &"x".repeat(EVENT_BYTES_MAX));
    let comment = whole.replace("<content>", &format!("<!--{}-->", "-".repeat(EVENT_BYTES_MAX)));
    for (text, code) in [
        ("", "EMPTY"),
        ("100,NEM12,1,2,3", "KIND"),
        ("<html/>", "KIND"),
        ("<feed/>", "KIND"),
        ("<feed xmlns='http://www.w3.org/2005/Atom'/>", "EMPTY"),
        (&bomb, "XML_ENTITY"),
        (&whole.replace("<value>1", "<value>&b;"), "XML_ENTITY"),
        (&deep, "XML_DEPTH"),
        (&long, "SIZE"),
        (&comment, "SIZE"),
        (&whole.replace("P1", &"x".repeat(2_000)), "SIZE"),
        (&whole.replace("</feed>", "</food>"), "XML"),
        (&format!("{whole}<feed/>"), "XML"),
        (&format!("{whole}more"), "XML"),
        (&whole.replace("</content></entry></feed>", ""), "TRUNCATED"),
        (&whole[..whole.len() - 3], "TRUNCATED"),
        (&format!("<?xml version='1.0' encoding='ISO-8859-1'?>{whole}"), "ENCODING"),
        (&whole.replace("<content>", "<entry><content>"), "RECORD_ORDER"),
    ] {
        assert_eq!(greenbutton(text.as_bytes()).refusal(), code, "{}", &text[..text.len().min(90)]);
    }
    let latin = [whole.as_bytes()[..60].to_vec(), b"\xe9".to_vec()].concat();
    assert!(["ENCODING", "XML"].contains(&greenbutton(&latin).refusal()));
    let marked = format!("\u{feff}<?xml version='1.0'?>\r\n{whole}\r\n");
    assert_eq!(greenbutton(marked.as_bytes()).records.len(), 1);
    // A prefix is as good as a default namespace.
    let prefixed = whole
        .replace("Interval", "espi:Interval")
        .replace("/espi:Interval", "/Interval")
        .replace("</Interval", "</espi:Interval");
    assert_eq!(greenbutton(prefixed.as_bytes()).records.len(), 1);
}

#[test]
fn the_clock_on_the_wall_is_told_and_changes_nothing() {
    let clock = "<LocalTimeParameters><dstEndRule>B40E2000</dstEndRule><dstOffset>3600\
                 </dstOffset><dstStartRule>360E2000</dstStartRule><tzOffset>-18000</tzOffset>\
                 </LocalTimeParameters>";
    let entries = [
        entry("/r/LocalTimeParameters/1", &[], clock),
        kind("7", 1, 0, ""),
        meter_reading("01", "7"),
        block("01", &["1"]),
    ];
    let text = feed(&entries);
    let mut reader = Reader::new(text.as_bytes());
    while reader.next_item().unwrap().is_some() {}
    let told = reader.local_time().unwrap();
    assert_eq!((told.offset, told.summer), (-18_000, 3_600));
    assert_eq!((told.start, told.end), (0x360E_2000, 0xB40E_2000));
    let without = greenbutton(feed(&entries[1..]).as_bytes());
    assert_eq!(greenbutton(text.as_bytes()), without);
}
