//! One meter at work: line after line, until it has said everything and all of it is acknowledged.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::device::Device;
use crate::frames::{self, Answer};
use crate::intents::{Entry, Intents};
use crate::line::{Broker, Line};
use crate::script::{Fault, Message, Script};
use crate::tally::Tally;

/// The first pause before a line is opened again; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Bytes that are read at once.
const READ_BYTES: usize = 2048;
/// What a slow reader reads at once, and how long it waits before: an acknowledgement of 3.1.1.
const SLOW: (usize, Duration) = (4, Duration::from_millis(200));
/// From this reason on an acknowledgement says no.
const DECLINED: u8 = 0x80;

/// How a meter behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// From one message to the next; zero: as soon as there is room.
    pub(crate) every: Duration,
    /// Until the first message.
    pub(crate) first: Duration,
    /// Messages that may wait for their acknowledgement.
    pub(crate) in_flight: usize,
    /// Seconds of silence that it promises not to exceed.
    pub(crate) keep_alive: u16,
    /// It lets the acknowledgements wait.
    pub(crate) slow: bool,
    /// It enters and says nothing, not even a ping, until it is thrown out.
    pub(crate) silent: bool,
}

/// Where messages come from.
pub(crate) enum Source {
    /// They are signed when they are due, so many at most.
    Live(Box<Script>, u64),
    /// They were signed before.
    Signed(VecDeque<Message>),
}

impl Source {
    fn next(&mut self) -> Option<Message> {
        match self {
            Source::Live(_, 0) => None,
            Source::Live(script, left) => {
                *left -= 1;
                script.next_message()
            }
            Source::Signed(messages) => messages.pop_front(),
        }
    }
}

/// A message on its way.
struct Waiting {
    number: u64,
    id: u16,
    message: Message,
    since: Instant,
}

/// What all meters of a fleet share.
pub(crate) struct Shared {
    pub(crate) broker: Broker,
    pub(crate) tally: Arc<Tally>,
    pub(crate) intents: Option<Intents>,
    /// Nothing new is said any more.
    pub(crate) ending: CancellationToken,
}

/// One meter.
pub(crate) struct Meter {
    pub(crate) device: Device,
    pub(crate) source: Source,
    pub(crate) manner: Manner,
    pub(crate) shared: Arc<Shared>,
    /// Changes when everybody has to leave the line.
    pub(crate) storms: watch::Receiver<u64>,
}

/// Why a line ended.
enum End {
    /// Everything is said and acknowledged.
    Done,
    /// The meter left it on purpose, or broke it on purpose.
    Left,
    /// The broker ended it, or the network.
    Lost,
}

impl Meter {
    /// Works until everything is said and acknowledged.
    pub(crate) async fn run(self) -> Result<()> {
        let topic = self.device.topic();
        let due = Instant::now() + self.manner.first;
        let mut work = Work {
            meter: self,
            topic,
            waiting: VecDeque::new(),
            due,
            number: 0,
            id: 0,
            finished: false,
        };
        let mut pause = PAUSE_FIRST;
        loop {
            let shared = work.meter.shared.clone();
            let keep_alive = work.meter.manner.keep_alive;
            match shared.broker.enter(&work.meter.device, keep_alive).await {
                Ok(line) => {
                    Tally::count(&shared.tally.connects);
                    shared.tally.connected.fetch_add(1, Ordering::Relaxed);
                    let ended = work.serve(line).await;
                    shared.tally.connected.fetch_sub(1, Ordering::Relaxed);
                    match ended? {
                        End::Done => return Ok(()),
                        End::Left => {}
                        End::Lost => Tally::count(&shared.tally.lost),
                    }
                    pause = PAUSE_FIRST;
                }
                Err(error) => {
                    tracing::debug!(meter = %work.meter.device.meter, "{error:#}");
                    Tally::count(&shared.tally.refused);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            if work.is_done() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// A meter and what it has on its way.
struct Work {
    meter: Meter,
    topic: String,
    waiting: VecDeque<Waiting>,
    /// When the next message is due.
    due: Instant,
    number: u64,
    id: u16,
    /// There is no message left.
    finished: bool,
}

impl Work {
    fn is_done(&self) -> bool {
        let over = self.finished || self.meter.shared.ending.is_cancelled();
        over && self.waiting.is_empty()
    }

    /// One line, from its CONNACK to its end. Only what cannot be written down is an error.
    async fn serve(&mut self, mut line: Line) -> Result<End> {
        if self.meter.manner.silent {
            return Ok(self.keep_silent(&mut line).await);
        }
        self.meter.storms.mark_unchanged();
        let mut out = Vec::new();
        for place in 0..self.waiting.len() {
            self.write(place, true, &mut out);
        }
        self.meter.shared.tally.repeated.fetch_add(self.waiting.len() as u64, Ordering::Relaxed);
        if !out.is_empty() && line.say(&out).await.is_err() {
            return Ok(End::Lost);
        }
        let ping_every = Duration::from_secs(u64::from(self.meter.manner.keep_alive.max(2)) / 2);
        let mut spoke = Instant::now();
        loop {
            if let Some(broken) = self.speak(&mut line, &mut out, &mut spoke).await? {
                return Ok(broken);
            }
            if self.is_done() {
                line.say(&frames::DISCONNECT).await.ok();
                return Ok(End::Done);
            }
            let ending = self.meter.shared.ending.clone();
            let room = self.waiting.len() < self.meter.manner.in_flight;
            let mut storms = self.meter.storms.clone();
            tokio::select! {
                heard = hear(&mut line, self.meter.manner.slow) => match heard {
                    Ok(Some(answer)) => {
                        if let Some(end) = self.hear_all(&mut line, answer).await? {
                            return Ok(end);
                        }
                    }
                    Ok(None) | Err(_) => return Ok(End::Lost),
                },
                () = tokio::time::sleep_until(self.due), if room && !self.finished => {}
                () = tokio::time::sleep_until(spoke + ping_every) => {
                    spoke = Instant::now();
                    if line.say(&frames::PINGREQ).await.is_err() {
                        return Ok(End::Lost);
                    }
                }
                () = ended(&ending, self.finished) => self.finished = true,
                Ok(()) = storms.changed() => {
                    self.meter.storms = storms;
                    return Ok(End::Left);
                }
            }
        }
    }

    /// Says what is due and has room. `Some` where the line is over.
    async fn speak(
        &mut self,
        line: &mut Line,
        out: &mut Vec<u8>,
        spoke: &mut Instant,
    ) -> Result<Option<End>> {
        let (fresh, broken) = self.fresh();
        let begins = self.waiting.len() - fresh;
        if fresh == 0 && broken.is_none() {
            return Ok(None);
        }
        if let Some(intents) = &self.meter.shared.intents {
            let meter = self.meter.device.meter;
            let new =
                self.waiting.range(begins..).map(|waiting| (waiting.number, &waiting.message));
            let new = new.chain(broken.iter().map(|message| (self.number, message)));
            let entries = new.map(|(number, message)| Entry::Sent {
                meter,
                number,
                fault: message.fault,
                payload: hex::encode(&message.payload),
            });
            intents.intend(&Vec::from_iter(entries)).await?;
        }
        out.clear();
        for place in begins..self.waiting.len() {
            self.write(place, false, out);
        }
        let sent = fresh as u64 + u64::from(broken.is_some());
        self.meter.shared.tally.sent.fetch_add(sent, Ordering::Relaxed);
        *spoke = Instant::now();
        if let Some(message) = &broken {
            out.extend(&message.payload);
            self.number += 1;
        }
        let said = line.say(out).await;
        Ok(match (said, broken) {
            (Err(_), _) => Some(End::Lost),
            (Ok(()), Some(_)) => Some(End::Left),
            (Ok(()), None) => None,
        })
    }

    /// Takes what is due into `waiting`: how many, and the bytes that break the line behind them.
    fn fresh(&mut self) -> (usize, Option<Message>) {
        let (now, mut fresh) = (Instant::now(), 0);
        while !self.finished
            && !self.meter.shared.ending.is_cancelled()
            && self.waiting.len() < self.meter.manner.in_flight
            && self.due <= now
        {
            let Some(message) = self.meter.source.next() else {
                self.finished = true;
                break;
            };
            self.due += self.meter.manner.every;
            if message.fault == Some(Fault::Packet) {
                return (fresh, Some(message));
            }
            self.waiting.push_back(Waiting { number: self.number, id: 0, message, since: now });
            self.number += 1;
            fresh += 1;
        }
        (fresh, None)
    }

    /// Appends the PUBLISH of a message under the next packet id.
    fn write(&mut self, place: usize, again: bool, out: &mut Vec<u8>) {
        // Ids of what is on its way differ: a window is much smaller than 65 535.
        self.id = self.id.checked_add(1).unwrap_or(1);
        let waiting = &mut self.waiting[place];
        (waiting.id, waiting.since) = (self.id, Instant::now());
        let version = self.meter.shared.broker.version();
        let id = (waiting.id, again);
        frames::publish(out, version, &self.topic, id, &waiting.message.payload);
    }

    /// Takes an answer and those that came with it. `Some` where the broker ended the line.
    async fn hear_all(&mut self, line: &mut Line, first: Answer) -> Result<Option<End>> {
        let (mut next, mut entries, mut end) = (Some(first), Vec::new(), None);
        while let Some(answer) = next {
            match answer {
                Answer::PubAck(id, reason) => self.acknowledged(id, reason, &mut entries),
                Answer::Disconnect(_) => end = Some(End::Lost),
                Answer::ConnAck(_) | Answer::Other => {}
            }
            let Ok(heard) = line.heard_already() else { return Ok(Some(End::Lost)) };
            next = heard;
        }
        if let Some(intents) = &self.meter.shared.intents
            && !entries.is_empty()
        {
            intents.note(&entries).await?;
        }
        Ok(end)
    }

    fn acknowledged(&mut self, id: u16, reason: u8, entries: &mut Vec<Entry>) {
        let tally = &self.meter.shared.tally;
        let Some(place) = self.waiting.iter().position(|waiting| waiting.id == id) else {
            return Tally::count(&tally.disordered);
        };
        if place > 0 {
            Tally::count(&tally.disordered);
        }
        let Some(waiting) = self.waiting.remove(place) else { return };
        tally.latencies.add(waiting.since.elapsed());
        if reason >= DECLINED {
            return Tally::count(&tally.declined);
        }
        Tally::count(&tally.acknowledged);
        tally.readings.fetch_add(waiting.message.readings(), Ordering::Relaxed);
        if self.meter.shared.intents.is_some() {
            let (meter, number) = (self.meter.device.meter, waiting.number);
            entries.push(Entry::Acknowledged { meter, number });
        }
    }

    /// Waits to be thrown out.
    async fn keep_silent(&mut self, line: &mut Line) -> End {
        let ending = self.meter.shared.ending.clone();
        tokio::select! {
            () = ending.cancelled() => {
                self.finished = true;
                End::Done
            }
            _ = async { while let Ok(Some(_)) = line.hear(READ_BYTES).await {} } => End::Left,
        }
    }
}

/// The next answer, as fast as this meter reads.
async fn hear(line: &mut Line, slow: bool) -> Result<Option<Answer>> {
    if !slow {
        return line.hear(READ_BYTES).await;
    }
    tokio::time::sleep(SLOW.1).await;
    line.hear(SLOW.0).await
}

/// When nothing new is to be said any more; never where that is known.
async fn ended(ending: &CancellationToken, known: bool) {
    if known {
        return pending().await;
    }
    ending.cancelled().await;
}
