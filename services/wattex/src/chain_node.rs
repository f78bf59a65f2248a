//! `wattex node`: the chain alone, with Ethereum JSON-RPC for tools, wallets and other programs.
//!
//! ```text
//! genesis: --genesis FILE | DIR/genesis.json | a new one (--dev: funded accounts, low work)
//! tools --HTTP, WebSocket--> ledger <-- miner: when due, or every so many seconds
//!                              ^--NATS--> other nodes of the chain
//! ```
//!
//! Invariants: what makes the chain stands in the directory beside it, so a node goes on where it
//! was; a directory of another chain is refused before anything in it changes. On a chain for
//! development time runs ahead of the clock where blocks are wanted faster than one a second.

mod deployed;
mod dev;
mod directory;
mod history;
mod network;
mod origin;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::chain::ChainView;
use alloy_primitives::Address;
use anyhow::{Context, Result};
use bus::Bus;
use calendar::Timestamp;
use clap::Args;
use ledger::{Ledger, Mining, RpcLimits, RpcServer, StartError};
use service::{Clock, ClockHand, Tick};
use tokio::sync::watch;

use crate::exit::Trouble;
use crate::stop::Stop;
use directory::Directory;

pub use directory::random_chain_id;
pub use history::Kept;
pub use network::FINAL_BELOW;

/// Where tools look for a node.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8545);
/// How often the miner looks for something to do.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// Threads that one node may mine with.
const THREADS_MAX: i64 = 1_024;

/// Arguments of `wattex node`.
#[derive(Args, Debug, Clone)]
pub struct Arguments {
    /// The genesis, as `wattex genesis` writes it. Without it the directory's own, else a new one.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    genesis: Option<PathBuf>,
    /// A chain for tools and tests: ten funded accounts whose keys everybody knows, little work, a
    /// block at once for what is sent.
    #[arg(long)]
    dev: bool,
    /// Our contracts are on the chain for development, too; the last account has every role.
    #[arg(long, requires = "dev")]
    contracts: bool,
    /// EIP-155 chain id of a new chain; random when absent.
    #[arg(long, value_name = "ID", conflicts_with = "genesis", value_parser = chain_id())]
    chain_id: Option<u64>,
    /// Where the chain is kept; a temporary directory when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where JSON-RPC answers, over HTTP and WebSocket; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = HTTP)]
    http: SocketAddr,
    /// Another address for the same, for programs that want WebSockets on a port of their own.
    #[arg(long, value_name = "ADDR:PORT")]
    ws: Option<SocketAddr>,
    /// Threads that mine; 0 mines nothing.
    #[arg(long, value_name = "THREADS", default_value_t = 1, value_parser = threads())]
    mine: u16,
    /// Who gets rewards and tips.
    #[arg(long, value_name = "ADDRESS", default_value_t = Address::ZERO)]
    miner: Address,
    #[command(flatten)]
    origins: origin::Allowed,
    #[command(flatten)]
    network: network::Arguments,
    #[command(flatten)]
    kept: Kept,
    /// Seconds between blocks of a new chain. With --dev: a block at these times only.
    #[arg(long, value_name = "SECONDS", conflicts_with = "genesis", value_parser = seconds())]
    block_time: Option<u64>,
    /// Write the log as JSON, a line each.
    #[arg(long)]
    pub json_logs: bool,
}

/// What wallets can hold: below 2^52.
fn chain_id() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..1 << 52)
}

fn threads() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(0..=THREADS_MAX)
}

/// Up to a year.
fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=366 * 86_400)
}

/// Runs the node until it is asked to end.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let directory = Directory::open(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments, directory))
}

async fn serve(arguments: Arguments, directory: Directory) -> Result<ExitCode> {
    let mut stop = Stop::listen().context("listening for Ctrl-C")?;
    let (clock, hand) = match arguments.dev {
        true => {
            let (clock, hand) = Clock::set(Clock::real().now());
            (clock, Some(hand))
        }
        false => (Clock::real(), None),
    };
    let ledger = start(&arguments, &directory, clock.clone()).await?;
    let http = listen(&ledger, arguments.http, "--http")?;
    let ws = arguments.ws.map(|address| listen(&ledger, address, "--ws")).transpose()?;
    let socket = ws.as_ref().unwrap_or(&http).address();
    announce(&arguments, &directory, &ledger, [http.address(), socket]);
    let (stopping, stopped) = watch::channel(false);
    let miner = Miner { ledger: ledger.clone(), clock, hand, stopped };
    let timed = arguments.block_time.filter(|_| arguments.dev && arguments.mine > 0);
    let mut mining = tokio::spawn(async move {
        match timed {
            Some(seconds) => miner.timed(Duration::from_secs(seconds)).await,
            None => miner.when_due().await,
        }
    });
    let outcome = tokio::select! {
        _ = stop.asked() => None,
        ended = &mut mining => Some(ended),
    };
    eprintln!("\nstopping");
    stopping.send_replace(true);
    ledger.node().stop();
    let ended = match outcome {
        Some(ended) => ended,
        None => mining.await,
    };
    for server in std::iter::once(http).chain(ws) {
        server.stop().await.context("stopping the server")?;
    }
    ended.context("mining")?.context("mining")?;
    Ok(ExitCode::SUCCESS)
}

async fn start(arguments: &Arguments, directory: &Directory, clock: Clock) -> Result<Arc<Ledger>> {
    let origins = arguments.origins.origins(arguments.dev)?;
    let network = arguments.network.open(directory.genesis()).await?;
    let mode = match (arguments.mine, arguments.dev) {
        (0, _) => Mining::Off,
        (_, true) => Mining::OnDemand,
        // Several that waited for the same moment would each find a block of their own then.
        (_, false) if network.peering.is_some() => Mining::Continuous,
        (_, false) => Mining::Steady,
    };
    let miner = network.miner_key.as_ref().map_or(arguments.miner, |key| key.address());
    let config = ledger::Config {
        mode,
        coinbase: miner,
        finality_lag: network.finality_lag,
        history: arguments.kept.history(),
        threads: NonZeroUsize::new(arguments.mine.into()).unwrap_or(NonZeroUsize::MIN),
        development: arguments.dev,
        rpc: RpcLimits { origins, ..RpcLimits::default() },
        // What follows somebody's chain knows the contracts as the installation does.
        deployment: serde_json::to_value(deployed::in_genesis(directory.genesis()))?,
        peering: network.peering,
        operator_key: network.operator_key,
        miner_key: network.miner_key,
        ..ledger::Config::default()
    };
    let parts = ledger::Parts {
        directory: directory.chain(),
        genesis: directory.genesis().clone(),
        bus: Bus::in_process(),
        clock,
        config,
    };
    ledger::start(parts).await.map_err(|error| match error {
        StartError::Store(error) => directory.refused(error.to_string()).into(),
        StartError::Genesis(error) => Trouble::Genesis(error.to_string()).into(),
        error @ StartError::Key { .. } => Trouble::Key(error.to_string()).into(),
        StartError::Network(error) => Trouble::Network(format!("{error:#}")).into(),
    })
}

fn listen(ledger: &Ledger, address: SocketAddr, option: &'static str) -> Result<RpcServer> {
    let server = ledger.serve_rpc(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Trouble::PortTaken { port: address.port(), option },
        _ => Trouble::Listen { address, reason: error.to_string() },
    });
    Ok(server?)
}

/// What people and scripts read first.
fn announce(
    arguments: &Arguments,
    directory: &Directory,
    ledger: &Ledger,
    [http, socket]: [SocketAddr; 2],
) {
    let node = ledger.node();
    println!("chain id   {}", node.rules().chain_id);
    println!("genesis    {}", node.genesis());
    println!("directory  {}", directory.shown());
    if !node.config().deployment.is_null() {
        println!("contracts  {}", node.config().deployment);
    }
    if arguments.dev {
        dev::print_accounts();
    }
    println!("JSON-RPC   http://{http}");
    println!("WebSocket  ws://{socket}");
    println!("Ctrl-C ends it.");
}

/// What makes blocks as time passes.
struct Miner {
    ledger: Arc<Ledger>,
    clock: Clock,
    /// Moves the clock of a chain for development.
    hand: Option<ClockHand>,
    stopped: watch::Receiver<bool>,
}

impl Miner {
    /// Blocks whenever the node says that one is due.
    async fn when_due(mut self) -> Result<()> {
        let mut looks = tokio::time::interval(LOOK_PERIOD);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.next(&mut looks).await {
            while self.ledger.tick(self.now().await?).await? {
                self.tell().await?;
            }
        }
        Ok(())
    }

    /// A block every `period`, whatever waits.
    async fn timed(mut self, period: Duration) -> Result<()> {
        let mut times = tokio::time::interval(period);
        // The first tick of an interval is at once; the genesis stands for that block.
        times.tick().await;
        while self.next(&mut times).await {
            let now = self.now().await?;
            if self.ledger.mine_now(now).await?.is_some() {
                self.tell().await?;
            }
        }
        Ok(())
    }

    /// Waits for the next look; false once the node stops.
    async fn next(&mut self, interval: &mut tokio::time::Interval) -> bool {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => false,
            _ = interval.tick() => true,
        }
    }

    /// The time of the next block: on a chain for development never behind its head.
    async fn now(&self) -> Result<Timestamp> {
        if let Some(hand) = &self.hand {
            hand.move_to(Clock::real().now());
            let head = self.ledger.with_node(|node| node.snapshot()?.head_header()).await?;
            hand.move_to(Timestamp::from_seconds(i64::try_from(head.timestamp)?));
        }
        Ok(self.clock.now())
    }

    async fn tell(&self) -> Result<()> {
        let told = self.ledger.with_node(|node| {
            let snapshot = node.snapshot()?;
            let (hash, header) = (snapshot.head(), snapshot.head_header()?);
            let transactions = snapshot.block(hash).map_or(0, |block| block.transactions.len());
            tracing::info!(number = header.number, %hash, transactions, "a block was mined");
            Ok::<(), ledger::StoreError>(())
        });
        Ok(told.await?)
    }
}
