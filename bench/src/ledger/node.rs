//! Our node and its peer, served over HTTP on this machine.

use super::token::{CHAIN_ID, Token, raw};
use crate::http::{Connection, Request, call, results};
use crate::peer::Anvil;
use alloy_primitives::U256;
use anyhow::{Context, Result, anyhow, ensure};
use chain::{Candidate, GenesisSpec, PoolLimits, Recovered};
use ledger::{Config, Ledger, Mining, Parts, RpcServer};
use serde_json::{Value, json};
use service::Clock;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Gas limit of the blocks of both.
pub(crate) const GAS_LIMIT: u64 = 120_000_000;
/// Transactions that our pool may hold; the peer's has no limit.
const POOL_MAX: usize = 65_536;
/// And their bytes.
const POOL_BYTES_MAX: usize = 256 << 20;
/// Candidates of a node that [`Node::candidates`] proposes.
const CANDIDATES: u64 = 16;
/// Transactions in a batch of those that a bench begins with.
const SETUP_BATCH: usize = 100;
/// Blocks that are asked for until no transaction waits.
const BLOCKS_MAX: usize = 64;
/// The least of work that is not none.
const DIFFICULTY: u64 = 1 << 12;

/// The first block of our node: every account of `token` is rich.
pub(crate) fn genesis(token: &Token) -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, Clock::real().now().unsigned() - 3_600);
    (spec.difficulty, spec.fixed_difficulty) = (U256::from(DIFFICULTY), true);
    spec.gas_limit = GAS_LIMIT;
    for account in token.accounts() {
        spec.alloc.entry(account).or_default().balance = rich();
    }
    spec
}

fn rich() -> U256 {
    U256::from(10).pow(U256::from(24))
}

/// Our node on a disk and a server of its own.
pub(crate) struct Node {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) address: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Node {
    /// Mines when asked to, or every `period` what waits.
    pub(crate) fn start(
        genesis: GenesisSpec,
        threads: usize,
        period: Option<Duration>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (clock, bus) = (Clock::real(), bus::Bus::in_process());
        let count = POOL_MAX;
        let bytes_max = POOL_BYTES_MAX;
        let pool = PoolLimits { count_max: count, bytes_max, ..PoolLimits::default() };
        let mode = if period.is_some() { Mining::OnDemand } else { Mining::Off };
        let threads = NonZeroUsize::new(threads).context("a node without a thread")?;
        let config = Config { mode, threads, development: true, pool, ..Config::default() };
        let directory = folder.path().to_owned();
        let parts = Parts { directory, genesis, bus, clock: clock.clone(), config };
        let (stop, stopped) = watch::channel(false);
        let (sender, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let served = Runtime::new().map_err(Into::into).and_then(|runtime| {
                runtime.block_on(async {
                    let ledger = ledger::start(parts).await?;
                    let server = ledger.serve_rpc(SocketAddr::from(([127, 0, 0, 1], 0)))?;
                    // Whoever waits for it is gone only if the bench is.
                    let _gone = sender.send(Ok((ledger.clone(), server.address().to_string())));
                    run(ledger, clock, period, stopped, server).await
                })
            });
            if let Err(error) = served {
                let _gone = sender.send(Err(error));
            }
        });
        let (ledger, address) = started.recv().map_err(|_| anyhow!("no node"))??;
        Ok(Self { ledger, address, stop, thread: Some(thread), _folder: folder })
    }

    /// Empty candidates on the head, each a second later than the one before.
    pub(crate) fn candidates(&self) -> Result<Vec<Candidate>> {
        let now = Clock::real().now().unsigned();
        (now..now + CANDIDATES).map(|now| Ok(self.ledger.node().propose(now)?)).collect()
    }
}

/// Until it is stopped.
async fn run(
    ledger: Arc<Ledger>,
    clock: Clock,
    period: Option<Duration>,
    mut stopped: watch::Receiver<bool>,
    server: RpcServer,
) -> Result<()> {
    if let Some(period) = period {
        service::run_ticks(ledger, clock, period, stopped).await;
    } else {
        // An error says that the bench is gone.
        let _gone = stopped.wait_for(|stop| *stop).await;
    }
    Ok(server.stop().await?)
}

impl Drop for Node {
    fn drop(&mut self) {
        // The tick may have ended before.
        let _ended = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A server that failed has said so to whoever asked it.
            let _failed = thread.join();
        }
    }
}

/// Where a node is asked, ours or another.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) path: &'static str,
}

impl Endpoint {
    pub(crate) fn of_ours(node: &Node) -> Self {
        Self { address: node.address.clone(), path: "/rpc" }
    }

    /// The peer, whose accounts are made as rich as ours.
    pub(crate) fn of_anvil(anvil: &Anvil, token: &Token) -> Result<Self> {
        let endpoint = Self { address: anvil.address.clone(), path: "/" };
        let mut connection = endpoint.connect()?;
        for account in token.accounts() {
            connection.call("anvil_setBalance", json!([account, rich()]))?;
        }
        Ok(endpoint)
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address, self.path)
    }

    /// Requests that send these transactions, so many in each.
    pub(crate) fn sending(&self, transactions: &[Recovered], in_each: usize) -> Vec<Request> {
        let send = |one: &Recovered| call("eth_sendRawTransaction", json!([raw(one)]));
        let bodies = transactions.chunks(in_each).map(|chunk| match chunk {
            [alone] if in_each == 1 => send(alone),
            many => many.iter().map(send).collect(),
        });
        bodies.map(|body| Request::new(self.path, &body.to_string())).collect()
    }

    /// Sends transactions in batches.
    pub(crate) fn send(&self, transactions: &[Recovered]) -> Result<()> {
        let mut connection = self.connect()?;
        for request in self.sending(transactions, SETUP_BATCH) {
            results(&connection.send(&request)?)?;
        }
        Ok(())
    }

    /// Sends transactions and has them mined.
    pub(crate) fn include(&self, transactions: &[Recovered]) -> Result<()> {
        self.send(transactions)?;
        mine_all(&mut self.connect()?)
    }
}

/// Asks for blocks until no transaction waits.
pub(crate) fn mine_all(connection: &mut Connection) -> Result<()> {
    for _ in 0..BLOCKS_MAX {
        connection.call("evm_mine", json!([]))?;
        let status: Value = connection.call("txpool_status", json!([]))?;
        if status["pending"] == json!("0x0") {
            ensure!(status["queued"] == json!("0x0"), "transactions are queued: {status}");
            return Ok(());
        }
    }
    Err(anyhow!("transactions wait after {BLOCKS_MAX} blocks"))
}

/// The words that make the peer like our node.
pub(crate) fn anvil_words() -> Vec<String> {
    let words = ["--accounts", "1", "--chain-id", &CHAIN_ID.to_string()];
    let gas = ["--gas-limit", &GAS_LIMIT.to_string(), "--no-mining"];
    words.iter().chain(&gas).map(|word| (*word).to_owned()).collect()
}
