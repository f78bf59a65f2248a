//! The feed on the bus: in order, each event until somebody has it.

use crate::harness::{Setup, key, sign, start, word};
use anyhow::bail;
use async_trait::async_trait;
use bus::Consumer;
use events::ledger::{BlockConnected, BlockDisconnected};
use events::{Envelope, Event};
use service::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Keeps what it was given and refuses from a sequence on.
#[derive(Default)]
pub(crate) struct Listener {
    got: Mutex<Vec<Envelope>>,
    refuses: AtomicU64,
}

impl Listener {
    pub(crate) fn got(&self) -> Vec<Envelope> {
        self.got.lock().unwrap().clone()
    }

    /// Sequence, whether connected, and height of what came.
    pub(crate) fn steps(&self) -> Vec<(u64, bool, u64)> {
        let step = |envelope: &Envelope| match envelope.open::<BlockConnected>().unwrap() {
            Some(event) => (event.sequence, true, event.number),
            None => {
                let event = envelope.open::<BlockDisconnected>().unwrap().unwrap();
                (event.sequence, false, event.number)
            }
        };
        self.got().iter().map(step).collect()
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[BlockConnected::SUBJECT, BlockDisconnected::SUBJECT]
    }

    async fn consume(&self, envelope: &Envelope) -> anyhow::Result<()> {
        let refuses = self.refuses.load(Ordering::SeqCst);
        if refuses > 0 && envelope.body["sequence"].as_u64() >= Some(refuses) {
            bail!("not now");
        }
        self.got.lock().unwrap().push(envelope.clone());
        Ok(())
    }
}

pub(crate) async fn listening(setup: &Setup) -> Arc<Listener> {
    let listener = Arc::new(Listener::default());
    setup.bus.subscribe(listener.clone()).await.unwrap();
    listener
}

#[actix_web::test]
async fn a_block_is_told_with_its_transactions_and_logs() {
    let setup = Setup::default();
    let listener = listening(&setup).await;
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let transaction = sign(1, 1, Some(contract), word(7));
    node.confirm(&transaction).await;
    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 3);
    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 0);
    assert_eq!(listener.steps(), [(1, true, 0), (2, true, 1), (3, true, 2)]);
    let event = listener.got()[2].open::<BlockConnected>().unwrap().unwrap();
    let head = node.ledger.node().snapshot().unwrap().head_header().unwrap();
    assert_eq!((event.hash, event.parent), (head.hash(), head.parent_hash));
    assert_eq!(event.timestamp.unsigned(), head.timestamp);
    assert_eq!(event.finalized, 0);
    let [confirmed] = &event.transactions[..] else { panic!("{event:?}") };
    assert_eq!((confirmed.hash, confirmed.from), (*transaction.tx_hash(), key(1).address()));
    assert_eq!((confirmed.to, confirmed.success), (Some(contract), true));
    assert_eq!(confirmed.gas_used, head.gas_used);
    let [log] = &event.logs[..] else { panic!("{event:?}") };
    assert_eq!((log.address, log.transaction, log.index), (contract, confirmed.hash, 0));
    assert_eq!((log.topics[0].as_slice(), &log.data), (&word(7)[..], &word(7)));
}

#[actix_web::test]
async fn a_refused_event_holds_up_those_behind_it_and_comes_again() {
    let setup = Setup::default();
    let listener = listening(&setup).await;
    let node = setup.start().await;
    for _ in 0..3 {
        node.mine().await;
    }
    listener.refuses.store(3, Ordering::SeqCst);
    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 2);
    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 0);
    listener.refuses.store(0, Ordering::SeqCst);
    assert_eq!(node.ledger.drain(node.now()).await.unwrap(), 2);
    assert_eq!(listener.steps(), [(1, true, 0), (2, true, 1), (3, true, 2), (4, true, 3)]);
}

#[actix_web::test]
async fn the_cursor_of_the_feed_survives_a_restart() {
    let setup = Setup::default();
    let listener = listening(&setup).await;
    let clock = Clock::set(start()).0;
    let ledger = ledger::start(setup.parts(clock.clone())).await.unwrap();
    ledger.mine_now(start()).await.unwrap().unwrap();
    assert_eq!(ledger.drain(start()).await.unwrap(), 2);
    ledger.mine_now(start()).await.unwrap().unwrap();
    drop(ledger);
    let ledger = ledger::start(setup.parts(clock)).await.unwrap();
    assert_eq!(ledger.drain(start()).await.unwrap(), 1);
    assert_eq!(listener.steps(), [(1, true, 0), (2, true, 1), (3, true, 2)]);
}
