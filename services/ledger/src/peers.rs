//! The network of nodes: frames of bytes between peers, behind a [`Transport`].
//!
//! What is said in the frames, and to whom, is decided by [`chain::sync`]; here they are carried.
//! A frame is lost, repeated or overtaken without harm: whoever needs an answer asks again.

mod driver;
mod frame;
mod in_process;
mod nats;

pub use in_process::InProcess;
pub use nats::Nats;

use crate::node::Node;
use alloy_primitives::{Address, B256, Bytes};
use anyhow::Context;
use async_trait::async_trait;
use chain::sync::Input;
use driver::Decider;
use frame::{Reader, Writer};
use keys::SecretKey;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// A peer, named by the address of the key that it signs its frames with.
pub type PeerId = Address;

/// Frames that wait for a node to read them; what comes on top is lost.
pub const FRAMES_WAITING_MAX: usize = 4_096;

/// The network that a node is part of.
#[derive(Clone, Debug)]
pub struct Peering {
    /// How frames travel.
    pub transport: Arc<dyn Transport>,
}

/// A way to reach the nodes of a chain.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Joins the nodes of the chain with this genesis, as the peer `me`.
    async fn join(&self, genesis: B256, me: PeerId) -> anyhow::Result<Joined>;
}

/// A node's end of the network. Dropping it leaves.
pub struct Joined {
    /// Frames out.
    pub link: Arc<dyn Link>,
    /// Frames in: those to all and those to this peer alone, in no order. An own one may be among
    /// them.
    pub frames: mpsc::Receiver<Bytes>,
}

/// Frames from a node to its peers.
#[async_trait]
pub trait Link: Send + Sync {
    /// Bytes that a frame may have now.
    fn frame_bytes_max(&self) -> usize;
    /// To all peers.
    async fn broadcast(&self, frame: Bytes) -> anyhow::Result<()>;
    /// To one peer; nothing happens if it is not there.
    async fn send(&self, to: PeerId, frame: Bytes) -> anyhow::Result<()>;
}

/// What the deciding thread is told.
pub(crate) enum Event {
    /// Something that happened here.
    Input(Box<Input>),
    /// Something that came over the line.
    Frame(Bytes),
    /// Stop.
    Stop,
}

/// A node's part in the network. Dropping it leaves, and waits until nothing of it uses the node.
pub(crate) struct Membership {
    events: SyncSender<Event>,
    threads: Vec<JoinHandle<()>>,
}

/// Joins the network that the node was configured for.
pub(crate) async fn join(node: &Arc<Node>, peering: &Peering) -> anyhow::Result<Membership> {
    let key = SecretKey::from_bytes(&rand::random()).context("a key of the node's own")?;
    let (me, genesis) = (key.address(), node.genesis());
    let Joined { link, frames } = peering.transport.join(genesis, me).await?;
    let (events, heard) = sync_channel(FRAMES_WAITING_MAX);
    let (work, to_do) = sync_channel(driver::WORK_WAITING_MAX);
    let (outbox, outgoing) = mpsc::channel(FRAMES_WAITING_MAX);
    let writer = Writer::new(key, genesis, 0);
    tokio::spawn(driver::read(frames, events.clone()));
    tokio::spawn(driver::write(outgoing, writer, link.clone()));
    node.report_to(events.clone());
    let reader = Reader::new(genesis, me);
    let decider = Decider { node: node.clone(), link, me, outbox, work, reader };
    let (worker, outcomes) = (node.clone(), events.clone());
    let threads = vec![
        spawn("peers", move || decider.run(&heard))?,
        spawn("imports", move || driver::work(&worker, &to_do, &outcomes))?,
    ];
    tracing::info!(%me, transport = ?peering.transport, "joined the network of nodes");
    Ok(Membership { events, threads })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).context("starting a thread")
}

impl Drop for Membership {
    fn drop(&mut self) {
        // Fails only where the thread has ended already.
        let _ended = self.events.send(Event::Stop);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the network panicked");
            }
        }
    }
}
