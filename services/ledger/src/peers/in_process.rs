//! Nodes of one process.

use super::{FRAMES_WAITING_MAX, Joined, Link, PeerId, Transport};
use crate::node::locked;
use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{self, Sender};

/// Bytes of a frame: as much as a NATS server takes when nothing else is configured.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// A network of the nodes that share this value.
#[derive(Clone, Debug, Default)]
pub struct InProcess(Arc<Mutex<Members>>);

/// By genesis, so that chains do not meet.
type Members = BTreeMap<(B256, PeerId), Sender<Bytes>>;

struct End {
    network: InProcess,
    genesis: B256,
    me: PeerId,
}

#[async_trait]
impl Transport for InProcess {
    async fn join(&self, genesis: B256, me: PeerId) -> anyhow::Result<Joined> {
        let (inbox, frames) = mpsc::channel(FRAMES_WAITING_MAX);
        locked(&self.0).insert((genesis, me), inbox);
        Ok(Joined { link: Arc::new(End { network: self.clone(), genesis, me }), frames })
    }
}

#[async_trait]
impl Link for End {
    fn frame_bytes_max(&self) -> usize {
        FRAME_BYTES_MAX
    }

    async fn broadcast(&self, frame: Bytes) -> anyhow::Result<()> {
        for ((genesis, peer), inbox) in &*locked(&self.network.0) {
            if *genesis == self.genesis && *peer != self.me {
                // A peer that does not keep up loses frames, as on any network.
                let _lost = inbox.try_send(frame.clone());
            }
        }
        Ok(())
    }

    async fn send(&self, to: PeerId, frame: Bytes) -> anyhow::Result<()> {
        if let Some(inbox) = locked(&self.network.0).get(&(self.genesis, to)) {
            let _lost = inbox.try_send(frame);
        }
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        locked(&self.network.0).remove(&(self.genesis, self.me));
    }
}
