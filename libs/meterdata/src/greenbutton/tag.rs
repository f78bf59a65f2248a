//! Names of elements.

/// Elements that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Entry,
    MeterReading,
    ReadingType,
    IntervalBlock,
    IntervalReading,
    ReadingQuality,
    TimePeriod,
    LocalTimeParameters,
    /// An element whose text is a number that is wanted.
    Number(Number),
    Other,
}

/// Numbers that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Start,
    Duration,
    Value,
    Quality,
    Accumulation,
    Commodity,
    Flow,
    Multiplier,
    Unit,
    DefaultQuality,
    Clock(usize),
}

/// What an element is, in its parent.
pub(super) fn tag(name: &str, parent: Option<Tag>) -> Tag {
    use Tag::{IntervalReading, LocalTimeParameters, ReadingQuality, ReadingType, TimePeriod};
    match (name, parent) {
        ("entry", _) => Tag::Entry,
        ("MeterReading", _) => Tag::MeterReading,
        ("ReadingType", _) => ReadingType,
        ("IntervalBlock", _) => Tag::IntervalBlock,
        ("IntervalReading", Some(Tag::IntervalBlock)) => IntervalReading,
        ("LocalTimeParameters", _) => LocalTimeParameters,
        ("ReadingQuality", Some(IntervalReading)) => ReadingQuality,
        ("timePeriod", Some(IntervalReading)) => TimePeriod,
        ("value", Some(IntervalReading)) => Tag::Number(Number::Value),
        ("quality", Some(ReadingQuality)) => Tag::Number(Number::Quality),
        ("start", Some(TimePeriod)) => Tag::Number(Number::Start),
        ("duration", Some(TimePeriod)) => Tag::Number(Number::Duration),
        ("accumulationBehaviour", Some(ReadingType)) => Tag::Number(Number::Accumulation),
        ("commodity", Some(ReadingType)) => Tag::Number(Number::Commodity),
        ("flowDirection", Some(ReadingType)) => Tag::Number(Number::Flow),
        ("powerOfTenMultiplier", Some(ReadingType)) => Tag::Number(Number::Multiplier),
        ("uom", Some(ReadingType)) => Tag::Number(Number::Unit),
        ("defaultQuality", Some(ReadingType)) => Tag::Number(Number::DefaultQuality),
        ("dstEndRule", Some(LocalTimeParameters)) => Tag::Number(Number::Clock(0)),
        ("dstOffset", Some(LocalTimeParameters)) => Tag::Number(Number::Clock(1)),
        ("dstStartRule", Some(LocalTimeParameters)) => Tag::Number(Number::Clock(2)),
        ("tzOffset", Some(LocalTimeParameters)) => Tag::Number(Number::Clock(3)),
        _ => Tag::Other,
    }
}
