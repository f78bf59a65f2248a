//! A month of one register, with all that goes wrong: the whole truth, and the messages of it.

use calendar::{LocalDay, Slot, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vee::{Cadence, Channel, Days, Dial, Meter, Read, Signature, Span};

use crate::home::{LENGTH, days, meter};

/// Slots around an event or a spike in which every page arrives in time, so that what happened
/// cannot be mistaken for something else.
const CLEAR: usize = 12;

/// A time in which a register counts steps of one size from one position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    pub from: Timestamp,
    pub begins: Begins,
    /// The register's position at `from`.
    pub initial: u64,
    pub dial: Dial,
    /// What was registered in the segment before `from`.
    base: u64,
    pub segment: usize,
    pub device: usize,
}

/// What happened when a chunk began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    First,
    /// The old register's last position, where somebody read it.
    Exchange(Option<u64>),
    Reset,
    Rescale(u64),
}

/// A message, and when it arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message {
    /// The chunk in which it was read.
    pub chunk: usize,
    pub read: Read,
    /// Is it what the register showed? Spikes and forgeries are not.
    pub honest: bool,
}

pub(crate) struct Month {
    pub days: Days,
    pub span: Span,
    pub channel: Channel,
    pub chunks: Vec<Chunk>,
    /// In order of arrival.
    pub messages: Vec<Message>,
    /// How many seconds the clock is ahead, where it is in error.
    pub ahead: Option<i64>,
    flows: Vec<u64>,
    sums: Vec<u64>,
}

impl Month {
    pub(crate) fn new(seed: u64) -> Month {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let days = days();
        let first = LocalDay::new(2026, random.random_range(1..=12), 1).unwrap();
        let span = Span {
            from: days.timezone.start_of(first),
            to: days.timezone.start_of(first.next_month_start()),
        };
        let slots = usize::try_from(span.seconds() / 900).unwrap();
        let flows: Vec<u64> = (0..slots).map(|slot| flow(&mut random, &days, span, slot)).collect();
        let mut sums = vec![0];
        sums.extend(flows.iter().scan(0, |sum, flow| {
            *sum += flow;
            Some(*sum)
        }));
        let channel = if random.random_bool(0.5) { Channel::Import } else { Channel::Export };
        let ahead = random.random_bool(0.1).then(|| {
            let size = random.random_range(61..800);
            if random.random_bool(0.5) { size } else { -size }
        });
        let (chunks, messages) = (Vec::new(), Vec::new());
        let mut month = Month { days, span, channel, chunks, messages, ahead, flows, sums };
        let lost = month.lost(&mut random);
        month.happen(&mut random, &lost);
        month.send(&mut random, &lost);
        month
    }

    /// The moment of the reading at the end of `slot` slots, by a good clock.
    fn moment(&self, slot: usize) -> Timestamp {
        self.boundary(slot).plus_seconds(-self.ahead.unwrap_or(0))
    }

    pub(crate) fn boundary(&self, slot: usize) -> Timestamp {
        self.span.from.plus_seconds(i64::try_from(slot).unwrap() * 900)
    }

    pub(crate) fn slots(&self) -> usize {
        self.flows.len()
    }

    /// What had flowed since the month began.
    fn flowed(&self, at: Timestamp) -> u64 {
        let seconds = u64::try_from(at.seconds_since(self.span.from).max(0)).unwrap();
        let slot = usize::try_from(seconds / 900).unwrap().min(self.slots());
        let part = self.flows.get(slot).map_or(0, |flow| flow * (seconds % 900) / 900);
        self.sums[slot] + part
    }

    pub(crate) fn chunk_at(&self, at: Timestamp) -> usize {
        self.chunks.partition_point(|chunk| chunk.from <= at).saturating_sub(1)
    }

    /// The register's position, its segment, and what was registered in the segment.
    pub(crate) fn register(&self, at: Timestamp) -> (u64, usize, u64) {
        self.register_of(&self.chunks[self.chunk_at(at)], at)
    }

    fn register_of(&self, chunk: &Chunk, at: Timestamp) -> (u64, usize, u64) {
        let steps = (self.flowed(at) - self.flowed(chunk.from)) / chunk.dial.step().wh();
        let position = (chunk.initial + steps) % chunk.dial.span();
        (position, chunk.segment, chunk.base + steps * chunk.dial.step().wh())
    }

    pub(crate) fn meter(&self, chunk: usize) -> Meter {
        let long_before = self.span.from.plus_seconds(-1_000_000);
        let (dial, cadence) = (self.chunks[chunk].dial, Cadence::Slots);
        Meter { dial, cadence, installed: long_before, ..meter() }
    }

    /// Which pages never arrive: some alone, some in runs of up to three days.
    fn lost(&self, random: &mut ChaCha8Rng) -> Vec<bool> {
        let count = self.slots() + 1;
        let mut lost: Vec<bool> = (0..count).map(|_| random.random_bool(0.02)).collect();
        for _ in 0..random.random_range(0..6) {
            let from = random.random_range(0..count);
            let to = count.min(from + random.random_range(1..288));
            lost[from..to].fill(true);
        }
        lost
    }

    /// A place around which every page arrives.
    fn clear(&self, random: &mut ChaCha8Rng, lost: &[bool], after: usize) -> Option<usize> {
        let highest = lost.len().checked_sub(CLEAR + 1)?;
        (0..40).find_map(|_| {
            let place = random.random_range(CLEAR..highest);
            let around = &lost[place - CLEAR..place + CLEAR];
            (place > after + 3 * CLEAR && !around.contains(&true)).then_some(place)
        })
    }

    /// Exchanges, resets, new transformers.
    fn happen(&mut self, random: &mut ChaCha8Rng, lost: &[bool]) {
        let multiplier = if random.random_bool(0.3) { random.random_range(2..6) } else { 1 };
        let initial = random.random_range(0..1_000_000);
        self.chunks.push(Chunk {
            from: self.span.from.plus_seconds(-1000),
            begins: Begins::First,
            initial,
            dial: Dial::new(6, 1, multiplier).unwrap(),
            base: 0,
            segment: 0,
            device: 0,
        });
        let mut after = 0;
        for _ in 0..random.random_range(0..4) {
            let Some(place) = self.clear(random, lost, after) else { continue };
            after = place;
            let within = random.random_range(0..900);
            let at = self.boundary(place).plus_seconds(within);
            let last = *self.chunks.last().unwrap();
            let (position, segment, base) = self.register_of(&last, at);
            let next = match random.random_range(0..3) {
                0 => {
                    let read = random.random_bool(0.7).then_some(position);
                    let (base, segment) =
                        if read.is_some() { (base, segment) } else { (0, segment + 1) };
                    Chunk {
                        from: at,
                        begins: Begins::Exchange(read),
                        initial: random.random_range(0..1000),
                        base,
                        segment,
                        device: last.device + 1,
                        ..last
                    }
                }
                // Only a reset that cannot be a rollover.
                1 if (10_000..500_000).contains(&position) => Chunk {
                    from: at,
                    begins: Begins::Reset,
                    initial: 0,
                    base: 0,
                    segment: segment + 1,
                    ..last
                },
                _ => {
                    let multiplier = last.dial.multiplier() % 5 + 1;
                    let dial = last.dial.behind(multiplier).unwrap();
                    let begins = Begins::Rescale(position);
                    Chunk { from: at, begins, initial: position, dial, base, ..last }
                }
            };
            self.chunks.push(next);
        }
    }

    /// The pages as they arrive: late, twice, spiked, forged.
    fn send(&mut self, random: &mut ChaCha8Rng, lost: &[bool]) {
        let mut spiked = Vec::new();
        for _ in 0..random.random_range(0..4) {
            spiked.extend(self.clear(random, lost, 0));
        }
        let (mut pages, slots) = (vec![0; self.chunks.len()], self.slots());
        for (slot, lost) in lost.iter().enumerate() {
            let at = self.moment(slot);
            let chunk = self.chunk_at(at);
            let device = self.chunks[chunk].device;
            pages[device] += 1;
            if *lost {
                continue;
            }
            let page = pages[device];
            let honest = self.page(slot, page, at);
            let calm = |other: &Chunk| {
                at.seconds_since(other.from).abs() > 900 * i64::try_from(CLEAR).unwrap()
            };
            let alone = self.chunks.iter().all(calm);
            let mut say = |read: Read, honest: bool| {
                self.messages.push(Message { chunk, read, honest });
            };
            if spiked.contains(&slot) && alone {
                // Half of the register away: neither forwards nor around can that have flowed.
                let off = |position: u64| (position + 500_000) % 1_000_000;
                let (import, export) = (off(honest.import), off(honest.export));
                say(Read { import, export, ..honest }, false);
                continue;
            }
            if random.random_bool(0.01) {
                let forged = Read { signature: Signature::Invalid, ..honest };
                say(Read { import: honest.import + 7, ..forged }, false);
            }
            let around = slot.saturating_sub(CLEAR)..(slot + CLEAR).min(slots);
            let delicate = !alone || spiked.iter().any(|other| around.contains(other));
            let delay = match random.random_range(0..20) {
                0 if !delicate => random.random_range(900..300_000),
                1 if !delicate => random.random_range(10..3000),
                _ => random.random_range(0..5),
            };
            let read = Read { received_at: at.plus_seconds(delay), ..honest };
            say(read, true);
            if random.random_bool(0.03) {
                let again = random.random_range(0..100_000);
                say(Read { received_at: read.received_at.plus_seconds(again), ..read }, true);
            }
        }
        self.messages.sort_by_key(|message| message.read.received_at);
    }

    fn page(&self, slot: usize, page: u32, at: Timestamp) -> Read {
        let (position, _, _) = self.register(at);
        let (import, export) = match self.channel {
            Channel::Import => (position, 0),
            _ => (0, position),
        };
        Read {
            page,
            time: self.boundary(slot),
            received_at: at.plus_seconds(1),
            clock_ahead_seconds: self.ahead,
            import,
            export,
            signature: Signature::Valid,
            energy_error: false,
            multiplier: None,
        }
    }
}

/// What flows in a slot: evenings are high, nights low, now and then nothing.
fn flow(random: &mut ChaCha8Rng, days: &Days, span: Span, slot: usize) -> u64 {
    let start = Slot { start: span.from, length: LENGTH }.later(i64::try_from(slot).unwrap()).start;
    let usual = match days.timezone.local(start).minute / 60 {
        0..6 => 40,
        17..22 => 400,
        _ => 150,
    };
    match random.random_range(0..100) {
        0 => 0,
        1 => random.random_range(0..1900),
        _ => usual + random.random_range(0..=usual),
    }
}
