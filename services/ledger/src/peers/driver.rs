//! Runs [`chain::sync::Machine`] for a node: one thread decides, one takes in blocks and
//! transactions, two tasks read and write frames.
//!
//! ```text
//! frames -> reader task -> events -> decider (machine) -> outbox -> writer task -> frames
//!                            ^           |
//!                            +- worker <-+ blocks, transactions, votes
//! ```
//!
//! The decider never waits for the worker or the line: what does not fit into a queue is lost, and
//! the machine asks again.

use super::frame::{FRAME_BYTES, FrameError, Reader, Writer};
use super::{Event, Link, PeerId};
use crate::node::{CheckpointFault, ImportError, Node, SubmitError};
use alloy_primitives::{B256, Bytes};
use chain::block::{Block, Transaction};
use chain::checkpoint::{Certificate, Vote};
use chain::sync::{
    Action, IMPORTS_MAX, ImportId, Input, Lie, Local, Machine, Message, Outcome, PEERS_MAX,
    is_hopeless,
};
use chain::{BlockError, PoolError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often the machine is told that time passes.
const TICK: Duration = Duration::from_millis(100);
/// Blocks, transactions and votes that wait to be taken in.
pub(super) const WORK_WAITING_MAX: usize = PEERS_MAX * IMPORTS_MAX;

/// A message on its way out.
pub(super) type Outgoing = (Option<PeerId>, Message);

/// What the worker does.
pub(super) enum Work {
    Import(ImportId, Box<Block>),
    Submit(PeerId, Box<Transaction>),
    Prefer(B256),
    Votes(PeerId, Vec<Vote>),
    Certificate(PeerId, Box<Certificate>),
}

/// The thread that decides.
pub(super) struct Decider {
    pub(super) node: Arc<Node>,
    pub(super) link: Arc<dyn Link>,
    pub(super) me: PeerId,
    pub(super) outbox: mpsc::Sender<Outgoing>,
    pub(super) work: SyncSender<Work>,
    pub(super) reader: Reader,
}

fn message_bytes_max(link: &dyn Link) -> usize {
    link.frame_bytes_max().saturating_sub(FRAME_BYTES)
}

impl Decider {
    /// Until it is told to stop, or nobody can tell it anything any more.
    pub(super) fn run(mut self, events: &Receiver<Event>) {
        let began = Instant::now();
        let mut machine = Machine::new(self.me, message_bytes_max(&*self.link), 0);
        let mut ticked = began;
        for vote in self.node.own_votes() {
            self.step(&mut machine, began, Input::Voted(vote));
        }
        loop {
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                machine.set_bytes_max(message_bytes_max(&*self.link));
                self.step(&mut machine, began, Input::Tick);
                self.node.set_network(machine.status());
            }
            let input = match events.recv_timeout(TICK.saturating_sub(ticked.elapsed())) {
                Ok(Event::Input(input)) => Some(*input),
                Ok(Event::Frame(frame)) => self.read(&machine, &frame),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => None,
            };
            if let Some(input) = input {
                self.step(&mut machine, began, input);
            }
        }
    }

    fn read(&mut self, machine: &Machine, frame: &Bytes) -> Option<Input> {
        let (from, message) = match self.reader.read(frame) {
            Ok(read) => read,
            Err(FrameError::NotForMe | FrameError::Repeated) => return None,
            Err(error) => {
                tracing::debug!(%error, "a frame was dropped");
                return None;
            }
        };
        if machine.ignores(from) {
            return None;
        }
        Some(match Message::decode(&message) {
            Ok(message) => Input::Heard(from, message),
            Err(_) => Input::Lied(from, Lie::Malformed),
        })
    }

    fn step(&self, machine: &mut Machine, began: Instant, input: Input) {
        let snapshot = match self.node.shared_snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => return tracing::error!(%error, "the store cannot be read"),
        };
        let certificate = self.node.certificate();
        let transaction = |hash: B256| {
            self.node.pool().get(&hash).map(|pooled| pooled.transaction.inner().clone())
        };
        let local = Local {
            rules: self.node.rules(),
            view: &*snapshot,
            transaction: &transaction,
            certificate: certificate.as_ref(),
            finalized: snapshot.finalized(),
            now: self.node.now(),
        };
        let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // What cannot be taken in now is given up, which may begin another peer's; each such head
        // counts as useless then, so this ends.
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for action in machine.step(&local, now, input) {
                inputs.extend(self.act(action));
            }
        }
    }

    /// Does what the machine wants; what it has to know if that is impossible.
    fn act(&self, action: Action) -> Option<Input> {
        match action {
            Action::Broadcast(message) => {
                let _lost = self.outbox.try_send((None, message));
            }
            Action::Send(to, message) => {
                let _lost = self.outbox.try_send((Some(to), message));
            }
            Action::Import(id, block) => {
                let full = self.work.try_send(Work::Import(id, block)).is_err();
                return full.then_some(Input::Imported(id, Outcome::Failed));
            }
            Action::Submit(from, transaction) => {
                let _lost = self.work.try_send(Work::Submit(from, transaction));
            }
            Action::Prefer(hash) => {
                let _lost = self.work.try_send(Work::Prefer(hash));
            }
            Action::Votes(from, votes) => {
                let _lost = self.work.try_send(Work::Votes(from, votes));
            }
            Action::Certificate(from, certificate) => {
                let _lost = self.work.try_send(Work::Certificate(from, certificate));
            }
            Action::Distrust(peer, lie, ignored) => {
                let code = lie.code();
                tracing::warn!(%peer, code, %lie, ignored, "a peer did something wrong");
            }
            Action::Refuse(peer, height) => {
                tracing::warn!(%peer, "a peer is on a branch without our final blocks");
                self.node.refuse_reorganisation(height);
            }
        }
        None
    }
}

/// The thread that takes in what others sent.
pub(super) fn work(node: &Node, work: &Receiver<Work>, events: &SyncSender<Event>) {
    while let Ok(work) = work.recv() {
        let outcome = match work {
            Work::Import(id, block) => Some(Input::Imported(id, import(node, *block))),
            Work::Submit(from, transaction) => submit(node, from, *transaction),
            Work::Prefer(hash) => {
                if let Err(error) = node.prefer(hash) {
                    tracing::warn!(%error, %hash, "the head does not move to a stored block");
                }
                None
            }
            Work::Votes(from, votes) => {
                let mut taken = votes.into_iter().map(|vote| node.take_vote(vote));
                blamed(from, taken.find(Result::is_err).unwrap_or(Ok(())))
            }
            Work::Certificate(from, certificate) => {
                blamed(from, node.take_certificate(&certificate))
            }
        };
        if let Some(input) = outcome
            && events.send(Event::Input(Box::new(input))).is_err()
        {
            return;
        }
    }
}

fn import(node: &Node, block: Block) -> Outcome {
    match node.import_block(block, node.now()) {
        Ok(_) | Err(ImportError::Block(BlockError::AlreadyKnown(_))) => Outcome::Stored,
        Err(ImportError::Block(reason)) => Outcome::Refused(reason),
        // Only states below what is final are given up.
        Err(ImportError::BelowFinalized { .. } | ImportError::StateNotKept { .. }) => {
            Outcome::BelowFinal
        }
        Err(error @ ImportError::Store(_)) => {
            tracing::error!(%error, "a block of a peer could not be stored");
            Outcome::Failed
        }
    }
}

fn submit(node: &Node, from: PeerId, transaction: Transaction) -> Option<Input> {
    let hash = *transaction.tx_hash();
    match node.submit(transaction) {
        Ok(_) | Err(SubmitError::Refused(PoolError::AlreadyKnown)) => None,
        Err(SubmitError::Refused(reason)) => Some(Input::Refused(from, hash, is_hopeless(&reason))),
        Err(error) => {
            tracing::error!(%error, "a transaction of a peer could not be judged");
            None
        }
    }
}

fn blamed(from: PeerId, taken: Result<(), CheckpointFault>) -> Option<Input> {
    match taken {
        Ok(()) => None,
        Err(CheckpointFault::Refused(_)) => Some(Input::Lied(from, Lie::Checkpoint)),
        Err(CheckpointFault::Import(error)) => {
            tracing::error!(%error, "a checkpoint cannot be followed");
            None
        }
    }
}

/// Reads frames until the line or the decider is gone.
pub(super) async fn read(mut frames: mpsc::Receiver<Bytes>, events: SyncSender<Event>) {
    while let Some(frame) = frames.recv().await {
        if let Err(std::sync::mpsc::TrySendError::Disconnected(_)) =
            events.try_send(Event::Frame(frame))
        {
            return;
        }
    }
}

/// Writes frames until the decider is gone.
pub(super) async fn write(
    mut outbox: mpsc::Receiver<Outgoing>,
    mut writer: Writer,
    link: Arc<dyn Link>,
) {
    while let Some((to, message)) = outbox.recv().await {
        let frame = writer.write(to, &message.encode());
        let sent = match to {
            None => link.broadcast(frame).await,
            Some(to) => link.send(to, frame).await,
        };
        if let Err(error) = sent {
            let error = format!("{error:#}");
            tracing::warn!(error, "a frame was not sent");
        }
    }
}
