//! Several nodes, in one process and over a real NATS server.

mod silence;

use crate::feed::listening;
use crate::harness::{CHAIN_ID, Setup, genesis, key, sign, sign_with, start};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind};
use chain::ChainView;
use chain::genesis::Operators;
use ledger::peers::{InProcess, Nats};
use ledger::{Config, ImportError, Ledger, Mining, Peering, StartError, Transport};
use service::{Clock, ClockHand};
use std::sync::Arc;
use std::time::Duration;
use testkit::NatsServer;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A place where nodes are started, with one clock for all of them.
struct Place {
    transport: Arc<dyn Transport>,
    clock: Clock,
    hand: ClockHand,
}

impl Place {
    fn new(transport: impl Transport + 'static) -> Self {
        let (clock, hand) = Clock::set(start());
        Self { transport: Arc::new(transport), clock, hand }
    }

    fn setup(&self, change: impl FnOnce(&mut Config)) -> Setup {
        let peering = Some(Peering { transport: self.transport.clone() });
        Setup::with_config(|config| {
            *config = Config { peering, finality_lag: 1_000, ..Config::default() };
            change(config);
        })
    }

    async fn start(&self, setup: &Setup) -> Arc<Ledger> {
        ledger::start(setup.parts(self.clock.clone())).await.unwrap()
    }

    /// Mines a block, even an empty one.
    async fn mine(&self, ledger: &Ledger) -> B256 {
        self.hand.move_to(self.clock.now().plus_seconds(1));
        ledger.mine_now(self.clock.now()).await.unwrap().expect("a block is found")
    }
}

fn number(ledger: &Ledger) -> u64 {
    ledger.node().snapshot().unwrap().head_header().unwrap().number
}

fn head(ledger: &Ledger) -> B256 {
    ledger.node().snapshot().unwrap().head()
}

/// Waits until something holds of a node, which is looked at whenever it changes.
async fn until(ledger: &Ledger, what: &str, holds: impl Fn(&Ledger) -> bool) {
    let mut changes = ledger.node().changes();
    let waiting = async {
        while !holds(ledger) {
            changes.changed().await.unwrap();
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("{what} never holds: at {}, {:?}", number(ledger), ledger.node().network());
    }
}

async fn follows(ledger: &Ledger, hash: B256) {
    until(ledger, "the head", |ledger| head(ledger) == hash).await;
}

fn pooled(ledger: &Ledger, hash: &B256) -> bool {
    ledger.node().pool().get(hash).is_some()
}

/// A miner, two that follow, one that comes late, is stopped and comes again.
async fn four_nodes_agree(place: Place, transports: [Arc<dyn Transport>; 4]) {
    let of = |transport| place.setup(|config| config.peering = Some(Peering { transport }));
    let setups = transports.map(of);
    let miner = place.start(&setups[0]).await;
    let mut others = vec![place.start(&setups[1]).await, place.start(&setups[2]).await];
    until(&miner, "two peers", |ledger| {
        ledger.node().network().is_some_and(|status| status.peers.len() == 2)
    })
    .await;
    let sent = sign(1, 0, Some(Address::ZERO), Bytes::new());
    others[0].node().submit(sent.clone()).unwrap();
    until(&miner, "the transaction", |ledger| pooled(ledger, sent.tx_hash())).await;
    let mut newest = B256::ZERO;
    for _ in 0..40 {
        newest = place.mine(&miner).await;
    }
    assert!(miner.node().snapshot().unwrap().transaction_place(*sent.tx_hash()).is_some());
    for other in &others {
        follows(other, newest).await;
        assert!(!pooled(other, sent.tx_hash()));
    }
    others.push(place.start(&setups[3]).await);
    follows(&others[2], newest).await;
    drop(others.pop());
    for _ in 0..20 {
        newest = place.mine(&miner).await;
    }
    others.push(place.start(&setups[3]).await);
    assert_eq!(number(&others[2]), 40, "it kept what it had");
    follows(&others[2], newest).await;
    let roots: Vec<B256> = others
        .iter()
        .map(|other| other.node().snapshot().unwrap().head_header().unwrap().state_root)
        .collect();
    assert!(roots.iter().all(|root| *root == roots[0]));
}

#[actix_web::test]
async fn four_nodes_of_one_process_agree() {
    let network: Arc<dyn Transport> = Arc::new(InProcess::default());
    let transports = std::array::from_fn(|_| network.clone());
    four_nodes_agree(Place::new(InProcess::default()), transports).await;
}

#[actix_web::test]
async fn four_nodes_on_nats_agree() {
    let server = NatsServer::start().unwrap();
    // The last two share a connection.
    let mut transports: Vec<Arc<dyn Transport>> = Vec::new();
    for _ in 0..3 {
        transports.push(Arc::new(Nats::connect(&[server.url()]).await.unwrap()));
    }
    transports.push(transports[2].clone());
    let Ok(transports) = transports.try_into() else { panic!("there are four") };
    four_nodes_agree(Place::new(InProcess::default()), transports).await;
}

#[actix_web::test]
async fn a_node_that_mined_alone_gives_up_twenty_blocks_and_its_transactions_wait_again() {
    let place = Place::new(InProcess::default());
    let alone = place.setup(|config| config.peering = None);
    let lost = sign(1, 0, Some(Address::ZERO), Bytes::new());
    let node = place.start(&alone).await;
    node.node().submit(lost.clone()).unwrap();
    for _ in 0..20 {
        place.mine(&node).await;
    }
    drop(node);
    let setup = place.setup(|config| config.coinbase = Address::repeat_byte(1));
    let miner = place.start(&setup).await;
    let mut newest = B256::ZERO;
    for _ in 0..23 {
        newest = place.mine(&miner).await;
    }
    let mut joined = place.setup(|_| {});
    joined.directory = alone.directory;
    let listener = listening(&joined).await;
    let node = place.start(&joined).await;
    follows(&node, newest).await;
    assert_eq!(node.blocks_reorganised().await.unwrap(), 20);
    assert_eq!(node.drain(place.clock.now()).await.unwrap(), 21 + 20 + 23);
    let steps: Vec<(bool, u64)> =
        listener.steps()[21..].iter().map(|(_, connected, number)| (*connected, *number)).collect();
    let down = (1..=20).rev().map(|number| (false, number));
    assert_eq!(steps, down.chain((1..=23).map(|number| (true, number))).collect::<Vec<_>>());
    assert!(pooled(&node, lost.tx_hash()));
    until(&miner, "the lost transaction", |ledger| pooled(ledger, lost.tx_hash())).await;
    newest = place.mine(&miner).await;
    follows(&node, newest).await;
    assert!(node.node().snapshot().unwrap().transaction_place(*lost.tx_hash()).is_some());
}

#[actix_web::test]
async fn a_body_that_fits_into_no_message_comes_in_parts() {
    let place = Place::new(InProcess::default());
    let (first, second) = (place.setup(|_| {}), place.setup(|_| {}));
    let miner = place.start(&first).await;
    for nonce in 0..20 {
        let (to, input) = (TxKind::Call(Address::ZERO), Bytes::from(vec![0; 120_000]));
        let large = sign_with(1, |one| TxEip1559 { nonce, to, input, gas_limit: 2_000_000, ..one });
        miner.node().submit(large).unwrap();
    }
    let newest = place.mine(&miner).await;
    let bytes = miner.node().snapshot().unwrap().block(newest).unwrap().encode().len();
    assert!(bytes > 2 << 20, "{bytes}");
    let follower = place.start(&second).await;
    follows(&follower, newest).await;
}

fn with_operators(mut setup: Setup) -> Setup {
    let keys = (1..=3).map(|number| key(number).address()).collect();
    setup.genesis.operators = Some(Operators { threshold: 2, keys });
    setup
}

#[actix_web::test]
async fn what_two_of_three_operators_signed_is_never_undone() {
    let place = Place::new(InProcess::default());
    let setups: Vec<Setup> = (1..=2)
        .map(|number| {
            with_operators(place.setup(|config| {
                config.operator_key = Some(key(number));
                config.finality_lag = 2;
            }))
        })
        .collect();
    let first = place.start(&setups[0]).await;
    place.mine(&first).await;
    for _ in 0..5 {
        place.mine(&first).await;
    }
    assert_eq!(first.node().snapshot().unwrap().finalized(), 0, "one of three is not enough");
    let second = place.start(&setups[1]).await;
    follows(&second, head(&first)).await;
    let newest = place.mine(&first).await;
    follows(&second, newest).await;
    for ledger in [&first, &second] {
        until(ledger, "finality", |ledger| ledger.node().snapshot().unwrap().finalized() == 5)
            .await;
        let certificate = ledger.node().certificate().unwrap();
        let snapshot = ledger.node().snapshot().unwrap();
        assert_eq!(snapshot.canonical_hash(5), Some(certificate.checkpoint.hash));
        assert_eq!(certificate.signatures.len(), 2);
    }
    // A branch from height 4 that weighs more.
    let snapshot = second.node().snapshot().unwrap();
    let mut parent = snapshot.canonical_hash(4).unwrap();
    let mut refusals = Vec::new();
    for step in 0..6 {
        let now = place.clock.now().unsigned();
        let coinbase = Address::repeat_byte(0xbb);
        let candidate = second.node().propose_on(parent, Vec::new(), coinbase, now + step);
        let Ok(candidate) = candidate else { break };
        let block = second.node().seal(&candidate);
        parent = block.hash();
        refusals.extend(second.node().import_block(block, now).err());
    }
    let [ImportError::BelowFinalized { undone: 5, finalized: 5, .. }] = &refusals[..] else {
        panic!("{refusals:?}")
    };
    assert_eq!(head(&second), newest);
    assert_eq!(second.node().reorganisations_refused(), 1);
    // After a restart it knows what it signed and what is final.
    let votes = second.node().own_votes();
    let certificate = second.node().certificate();
    drop(second);
    let second = place.start(&setups[1]).await;
    assert_eq!(second.node().own_votes(), votes);
    assert_eq!(second.node().certificate(), certificate);
    assert_eq!(second.node().snapshot().unwrap().finalized(), 5);
}

#[actix_web::test]
async fn a_single_operator_makes_its_own_blocks_final() {
    let place = Place::new(InProcess::default());
    let mut setup = place.setup(|config| {
        config.operator_key = Some(key(1));
        config.finality_lag = 0;
        config.peering = None;
    });
    setup.genesis.operators = Some(Operators { threshold: 1, keys: vec![key(1).address()] });
    let node = place.start(&setup).await;
    for expected in 1..=3 {
        place.mine(&node).await;
        assert_eq!(node.node().snapshot().unwrap().finalized(), expected);
    }
}

#[actix_web::test]
async fn only_named_miners_mine_and_each_signs_its_right() {
    let place = Place::new(InProcess::default());
    let named = |setup: Setup| Setup {
        genesis: chain::GenesisSpec { miners: vec![key(1).address()], ..genesis() },
        ..setup
    };
    let first = named(place.setup(|config| {
        config.coinbase = key(1).address();
        config.miner_key = Some(key(1));
        config.mode = Mining::Continuous;
    }));
    let second = named(place.setup(|config| config.coinbase = key(2).address()));
    let (miner, other) = (place.start(&first).await, place.start(&second).await);
    let newest = place.mine(&miner).await;
    follows(&other, newest).await;
    let block = other.node().snapshot().unwrap().block(newest).unwrap();
    let signer = chain::signature::recover(&block.transactions[0]);
    assert_eq!(signer, Some(key(1).address()));
    assert_eq!(other.mine_now(place.clock.now()).await.unwrap(), None);
    let stranger = named(place.setup(|config| config.miner_key = Some(key(2))));
    match ledger::start(stranger.parts(place.clock.clone())).await {
        Err(StartError::Key { address, list: "miners" }) => assert_eq!(address, key(2).address()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

#[actix_web::test]
async fn rpc_and_status_tell_of_peers() {
    let place = Place::new(InProcess::default());
    let (first, second) = (place.setup(|_| {}), place.setup(|_| {}));
    let (one, two) = (place.start(&first).await, place.start(&second).await);
    let met =
        |ledger: &Ledger| ledger.node().network().is_some_and(|status| status.peers.len() == 1);
    until(&one, "a peer", met).await;
    until(&two, "a peer", met).await;
    let ask = async |method| {
        client::JsonRpc::request(&*one, method, serde_json::Value::Null).await.unwrap()
    };
    assert_eq!(ask("net_peerCount").await, "0x1");
    assert_eq!(ask("net_listening").await, true);
    assert_eq!(ask("eth_syncing").await, false);
    let peers = ask("admin_peers").await;
    assert_eq!(peers[0]["protocols"]["wattex"]["number"], "0x0");
    let info = ask("admin_nodeInfo").await;
    assert_eq!(info["protocols"]["wattex"]["network"], CHAIN_ID);
    assert_eq!(info["protocols"]["wattex"]["reorganisationsRefused"], 0);
}
