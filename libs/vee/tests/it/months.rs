//! A thousand simulated months: whatever is lost, repeated, reordered, spiked, reset or exchanged,
//! what is accepted and estimated sums to what the registers registered.
//!
//! `VEE_MONTHS` says how many.

use std::collections::BTreeMap;

use calendar::Timestamp;
use units::{Energy, Power};
use vee::{
    Aids, Code, Exchange, Gap, Known, Neighbours, Policy, Quality, Read, RunningTotal, Series,
    Site, Span, Verdict, Versions, energy_max, fill, judge_read,
};

use crate::home::{LENGTH, site};
use crate::simulated::{Begins, Month};

/// Accepted pages of each chunk of a register that a reset or an exchange begins, and what was
/// found of those that were not.
#[derive(Default)]
struct Taken {
    eras: BTreeMap<(usize, usize), BTreeMap<u32, Read>>,
    refused: BTreeMap<Code, usize>,
    duplicates: usize,
}

/// The register's era: pages of one device between resets and changes of its factor. That a reset
/// was one, a person says.
fn era(month: &Month, chunk: usize) -> (usize, usize) {
    let begins = month.chunks[..=chunk].iter().map(|chunk| chunk.begins);
    let changes = begins.filter(|it| matches!(it, Begins::Reset | Begins::Rescale(_)));
    (month.chunks[chunk].device, changes.count())
}

fn take(month: &Month, until: Timestamp, policy: &Policy) -> Taken {
    let (site, mut taken) = (site(), Taken::default());
    let arrived = month.messages.iter().filter(|message| message.read.received_at <= until);
    for message in arrived {
        let meter = month.meter(message.chunk);
        let era = era(month, message.chunk);
        let judge = |pages: Option<&BTreeMap<u32, Read>>| {
            let page = message.read.page;
            let neighbours = pages.map_or(Neighbours::default(), |pages| Neighbours {
                same: pages.get(&page),
                before: pages.range(..page).next_back().map(|(_, read)| read),
                after: pages.range(page + 1..).next().map(|(_, read)| read),
            });
            judge_read(&message.read, &neighbours, &meter, &site, LENGTH, policy)
        };
        let reset = month.chunks[message.chunk].begins == Begins::Reset;
        if reset && message.honest && !taken.eras.contains_key(&era) {
            // The first page after a reset: the judge sees it for what it is.
            if let Some(before) = taken.eras.get(&(era.0, era.1 - 1)) {
                let codes = judge(Some(before));
                let found = codes.findings().iter().any(|it| it.code == Code::MeterReset);
                assert!(found, "{codes:?}");
            }
        }
        let verdict = judge(taken.eras.get(&era));
        match &verdict {
            Verdict::Duplicate => taken.duplicates += 1,
            Verdict::Quarantined(findings) => {
                assert!(!message.honest, "{verdict:?}");
                *taken.refused.entry(findings[0].code).or_default() += 1;
            }
            Verdict::Accepted | Verdict::Flagged(_) => {
                assert!(message.honest, "accepted {message:?}");
                taken.eras.entry(era).or_default().insert(message.read.page, message.read);
            }
        }
    }
    taken
}

/// The running total of what was taken, with what happened to the meter.
fn total<'a>(month: &Month, taken: &Taken, site: &'a Site, policy: &'a Policy) -> RunningTotal<'a> {
    let mut total = RunningTotal::new(month.channel, month.meter(0), site, policy);
    let mut reads: Vec<&Read> = taken.eras.values().flat_map(BTreeMap::values).collect();
    reads.sort_by_key(|read| read.moment(policy));
    let mut reads = reads.into_iter().peekable();
    for (number, chunk) in month.chunks.iter().enumerate() {
        let until = month.chunks.get(number + 1).map(|next| next.from);
        let mut begun = false;
        match chunk.begins {
            Begins::First | Begins::Reset => {}
            Begins::Exchange(old_final) => total
                .exchange(Exchange {
                    time: chunk.from,
                    old_final,
                    meter: month.meter(number),
                    new_initial: chunk.initial,
                })
                .unwrap(),
            Begins::Rescale(position) => {
                total.rescale(chunk.from, position, chunk.dial.multiplier()).unwrap();
            }
        }
        let of_chunk = |read: &&Read| until.is_none_or(|until| read.moment(policy) < until);
        while let Some(read) = reads.next_if(of_chunk) {
            let (time, position) = (read.moment(policy), read.position(month.channel));
            if chunk.begins == Begins::Reset && !begun {
                assert_eq!(total.read(time, position).unwrap_err().code, Code::MeterReset);
                total.restart(time, position).unwrap();
            } else {
                total.read(time, position).unwrap();
            }
            begun = true;
        }
    }
    total
}

/// What is known of the month when all messages until `until` are in.
fn known(month: &Month, until: Timestamp, policy: &Policy) -> (Series, Vec<Gap>, Taken) {
    let site = site();
    let taken = take(month, until, policy);
    let total = total(month, &taken, &site, policy);
    let intervals = total.intervals(LENGTH).unwrap();
    assert_eq!(intervals, total.intervals(LENGTH).unwrap());
    let mut series = intervals.series.over(month.span).unwrap();
    let before = series.clone();
    check_registers(month, &before, &intervals.gaps);
    let aids = Aids {
        channel: month.channel,
        days: &month.days,
        power_max: power(month),
        profile: None,
        day: Some(Energy::from_wh(15_000)),
        irradiance: None,
        modules: None,
        failed: &[],
        policy,
    };
    let estimate = fill(&mut series, &intervals.gaps, &aids);
    let mut again = before.clone();
    assert_eq!(fill(&mut again, &intervals.gaps, &aids), estimate);
    assert_eq!(again, series);
    check_filled(month, &before, &series, &intervals.gaps, policy);
    let open = series.known().iter().filter(|known| known.quality.is_open()).count();
    assert_eq!(open, estimate.open.len());
    (series, intervals.gaps, taken)
}

fn power(month: &Month) -> Power {
    match month.channel {
        vee::Channel::Import => site().import,
        _ => site().export,
    }
}

/// What is measured or calculated is what the register registered in the slot, and a gap what it
/// registered in the gap, to the watt-hour.
fn check_registers(month: &Month, series: &Series, gaps: &[Gap]) {
    let registered = |span: Span| {
        let (from, to) = (month.register(span.from), month.register(span.to));
        assert_eq!(from.1, to.1, "an interval over two segments");
        to.2 - from.2
    };
    for (slot, known) in series.within(series.span()) {
        match known.quality {
            Quality::Measured | Quality::Calculated => {
                assert_eq!(known.energy.wh(), registered(slot.into()), "{}", slot.start);
            }
            Quality::Missing => {}
            Quality::Substituted => assert!(month.ahead.is_some()),
            other => panic!("{other:?} before anything was estimated"),
        }
    }
    // With a wrong clock, a gap begins and ends on straight lines between readings.
    for gap in gaps.iter().filter(|_| month.ahead.is_none()) {
        assert_eq!(gap.advance.wh(), registered(gap.span));
    }
}

fn check_filled(month: &Month, before: &Series, after: &Series, gaps: &[Gap], policy: &Policy) {
    let most = energy_max(power(month), 900, policy);
    for (was, is) in before.known().iter().zip(after.known()) {
        assert!(is.energy <= most);
        assert!(was == is || was.gives_way_to(is));
        assert!(!was.quality.is_read() || was == is);
    }
    // The promise: what registers bound sums to what they say.
    for gap in gaps {
        assert_eq!(after.sum(gap.span).unwrap(), gap.advance, "{gap:?}");
    }
    if month.ahead.is_some() {
        return;
    }
    // So whole segments do too, from their first reading to their last.
    let mut ends: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let told = |place: usize| {
        let (start, end) = (month.boundary(place), month.boundary(place + 1));
        let slot = Span { from: start, to: end };
        let bounded = gaps.iter().any(|gap| gap.span.meets(&slot));
        bounded || before.known()[place].quality.is_read()
    };
    for place in (0..month.slots()).filter(|place| told(*place)) {
        let segment = month.register(month.boundary(place)).1;
        let end = ends.entry(segment).or_insert((place, place));
        end.1 = place;
    }
    for (first, last) in ends.into_values() {
        let span = Span { from: month.boundary(first), to: month.boundary(last + 1) };
        let registered = month.register(span.to).2 - month.register(span.from).2;
        assert_eq!(after.sum(span).unwrap().wh(), registered);
    }
}

fn sum(known: impl Iterator<Item = Known>) -> i64 {
    known.map(|known| i64::try_from(known.energy.wh()).unwrap()).sum()
}

/// What changes when late messages come is a new version, and the deltas add up.
fn check_versions(month: &Month, early: &Series, late: &Series) {
    let (first, second) = (month.span.to, month.span.to.plus_seconds(400_000));
    let mut versions = Versions::<Known>::default();
    for (series, known_at) in [(early, first), (late, second)] {
        for (slot, known) in series.within(month.span) {
            let counts =
                versions.current(slot.start).is_none_or(|it| it.value.gives_way_to(&known));
            if counts {
                versions.record(slot.start, known, known_at).unwrap();
            }
        }
    }
    let runs = versions.runs(&[first, second]);
    for delta in &runs[1] {
        let before = delta.before.unwrap().value;
        assert!(!before.quality.is_read() || before == delta.after.value, "{delta:?}");
    }
    let change = |delta: &vee::Delta<'_, Known>| {
        sum(std::iter::once(delta.after.value))
            - delta.before.map_or(0, |before| sum(std::iter::once(before.value)))
    };
    let posted: i64 = runs.iter().flatten().map(change).sum();
    assert_eq!(posted, sum(late.known().iter().copied()));
    for (slot, known) in early.within(month.span) {
        assert_eq!(versions.known_at(slot.start, first).unwrap().value, known);
    }
}

/// Says which month fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the month of seed {}", self.0);
        }
    }
}

#[test]
fn what_is_accepted_and_estimated_is_what_flowed() {
    let count = std::env::var("VEE_MONTHS").map_or(1000, |count| count.parse().unwrap());
    let policy = Policy::default();
    let mut refused = BTreeMap::<Code, usize>::new();
    let mut by = BTreeMap::<(Quality, &str), usize>::new();
    let (mut duplicates, mut changed) = (0, 0);
    for seed in 0..count {
        let _seed = Seed(seed);
        let month = Month::new(seed);
        let (early, _, _) = known(&month, month.span.to, &policy);
        let (late, _, taken) = known(&month, month.span.to.plus_seconds(400_000), &policy);
        check_versions(&month, &early, &late);
        duplicates += taken.duplicates;
        changed += early.known().iter().zip(late.known()).filter(|(was, is)| was != is).count();
        for (code, times) in taken.refused {
            *refused.entry(code).or_default() += times;
        }
        for known in late.known() {
            let method = known.method.map_or("", |method| method.code());
            *by.entry((known.quality, method)).or_default() += 1;
        }
    }
    println!("{count} months; refused {refused:?}, duplicates {duplicates}, changed {changed}");
    for ((quality, method), slots) in &by {
        println!("{:<12} {method:<11} {slots:>9}", quality.name());
    }
    // The months have it all, or they would show nothing.
    if count >= 1000 {
        assert!(duplicates > 10_000 && changed > 1000);
        for code in [Code::SignatureInvalid, Code::TooMuch, Code::MeterReset] {
            assert!(refused[&code] > 100, "{code:?}");
        }
        for method in ["", "E1", "E1-LIKE", "E2", "E3", "EXCHANGE", "MULTIPLIER"] {
            assert!(by.keys().any(|(_, other)| *other == method), "{method}");
        }
    }
}
