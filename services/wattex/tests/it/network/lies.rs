//! Peers that lie over the real wire are named, ignored and hold up nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::Bus;
use chain::GenesisSpec;
use ledger::peers::Nats;
use ledger::{Config, Ledger, Mining, Parts, Peering};
use serde_json::json;
use service::Clock;

use super::blame::Blame;
use super::liar::{Kind, Liar};
use super::throttle::Throttle;
use super::world::World;
use crate::program::Place;

/// About what the honest miner tries within the two seconds of a block.
const DIFFICULTY: u64 = 1 << 20;
/// Seconds.
const HALF_LIFE: u64 = 4;
/// The test has to find forged blocks before the honest miner finds the next.
const HONEST_PERCENT: u32 = 10;
/// A lie that is not found out by then never is.
const NAMED_WITHIN: Duration = Duration::from_secs(120);

/// A node in the test that only follows: a liar knows the chain too.
pub async fn follower(place: &Place, spec: &GenesisSpec, transport: &Nats) -> Arc<Ledger> {
    let peering = Some(Peering { transport: Arc::new(transport.clone()) });
    let config = Config { mode: Mining::Off, finality_lag: 1_000, peering, ..Config::default() };
    let directory = place.path("follower");
    let (genesis, bus, clock) = (spec.clone(), Bus::in_process(), Clock::real());
    ledger::start(Parts { directory, genesis, bus, clock, config }).await.unwrap()
}

/// Lies until every node has named the lie and ignores who told it.
async fn found_out(liar: &mut Liar, honest: &Ledger, world: &mut World) {
    let (deadline, id) = (Instant::now() + NAMED_WITHIN, liar.id());
    let ignores = |heard: &Vec<Blame>| heard.iter().any(|one| one.peer == id && one.ignored);
    while !world.blames().iter().all(ignores) {
        let heard = world.blames();
        assert!(Instant::now() < deadline, "{:?} is not found out: {heard:?}", liar.kind);
        liar.lie(honest).await;
    }
    let (code, part) = liar.kind.named();
    for one in world.blames().iter().flatten().filter(|one| one.peer == id) {
        assert!(one.code == code && one.lie.contains(part), "{:?} is called {one:?}", liar.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_lie_are_named_and_ignored_and_the_others_go_on() {
    let mut world = World::start(DIFFICULTY, HALF_LIFE, &[0]).await;
    let miner = Throttle::start(&world.nodes[0], HONEST_PERCENT);
    // The liars sit in the other half than the miner.
    let transport = Nats::connect(&[world.halves.nats(1)]).await.unwrap();
    let honest = follower(&world.place, &world.spec, &transport).await;
    let before = world.agreed(1).await.number;
    let mut liars = Vec::new();
    for kind in Kind::ALL {
        let mut liar = Liar::join(kind, &transport, honest.node().genesis()).await;
        liar.noise().await;
        found_out(&mut liar, &honest, &mut world).await;
        liars.push(liar);
    }
    world.agreed(before + 2).await;
    for node in &world.nodes {
        for hash in liars.iter().flat_map(Liar::forged) {
            let taken = node.ask("eth_getBlockByHash", json!([hash, false])).await;
            assert!(taken.is_null(), "{taken}");
        }
    }
    drop(honest);
    miner.release(&world.nodes[0]);
    world.end(&liars.iter().map(Liar::id).collect::<Vec<_>>());
}
