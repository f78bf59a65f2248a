//! The all-in-one: every service in this process, wired by hand.
//!
//! ```text
//! identity metering market billing explorer notices ── SQLite, a file each
//! ledger ── redb                                in-process bus over each service's outbox
//! gateway ── one HTTP port        metering ── one MQTT port
//! ```
//!
//! [`Node::pump`] does everything that is due at a moment and returns when nothing moves any more:
//! ticks, outboxes, transactions, blocks. Real time calls it again and again; simulated time calls
//! it once per step.

pub mod chain;
mod meters;
mod register;
mod secrets;
mod spent;
mod telling;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bus::Bus;
use calendar::{SlotLength, TimeZone, Timestamp};
use client::JsonRpc;
use contracts::{Currency, Deployment, Policy, check_currencies};
use identity::{Origin, Rotation};
use ids::{CommunityId, ZoneId};
use ledger::Mining;
use market::domain::SelfTrade;
use matching::{Mechanism, network::Network};
use service::{Clock, Tick};
use tariff::Tariff;

use self::chain::role;
use self::telling::Telling;
use crate::exit::Trouble;

pub use register::Register;
pub use secrets::Secrets;
pub use spent::Spent;
pub use telling::Outside;

/// Rounds after which a pump that never comes to rest is a fault.
const PUMP_ROUNDS_MAX: u32 = 1_000;

/// What an installation is made of.
pub struct Settings {
    /// Where everything is kept.
    pub directory: PathBuf,
    /// HTTP port; 0 takes a free one.
    pub port: u16,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// The slot length.
    pub slot: SlotLength,
    /// The tariff, which also gives the fees of the policy, and what energy is traded in.
    pub tariff: Tariff,
    /// Further currencies that accounts have cash of. Part of the genesis: they stay what they are.
    pub currencies: Vec<String>,
    /// How slots are cleared, unless another mechanism is chosen for them. Where trades have two
    /// prices, the policy names an account for the difference.
    pub mechanism: Mechanism,
    /// What is done about orders of one party that would meet before their gate.
    pub self_trade: SelfTrade,
    /// The grid, where the community has several zones that clear together.
    pub grid: Option<Network>,
    /// How far ahead orders may be placed, in seconds, up to [`market::HORIZON_SECONDS_MAX`]. Part
    /// of the genesis: who withdraws waits longer.
    pub horizon_seconds: u32,
    /// Moment of the genesis block.
    pub genesis: Timestamp,
    /// The clock.
    pub clock: Clock,
    /// Blocks at a fixed low difficulty, mined when transactions wait.
    pub on_demand: bool,
    /// Whether the market stops by itself where meters or the chain are silent, from the start: of
    /// installations whose clock is everybody's.
    pub stops_when_silent: bool,
    /// Requests per second that one address may make.
    pub requests_per_second: NonZeroU32,
    /// Where the web app is reached, for wallets; this machine at whatever port where empty.
    pub origins: Vec<Origin>,
    /// Where meters connect with TLS, besides this machine's own port without it.
    pub mqtt_tls: Option<metering::Tls>,
    /// How many days readings are kept; for ever where absent.
    pub readings_kept_days: Option<u16>,
    /// How systems and people outside are told what happens.
    pub outside: Outside,
    /// Whether held accounts settle at another address each month.
    pub rotation: Rotation,
}

// An address is known before any order for its slots can be placed.
const _: () = assert!(identity::HORIZON_SECONDS_MAX >= market::HORIZON_SECONDS_MAX);

/// Everything at work.
pub struct Node {
    /// The community.
    pub community: CommunityId,
    /// The name of its market on chain, and its grid area where it has no zones.
    pub zone: ZoneId,
    /// Its zones, where it has some.
    pub grid: Option<Network>,
    /// The fees and rules of trade.
    pub policy: Policy,
    /// Where the contracts are.
    pub deployment: Deployment,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// People, accounts, meters.
    pub identity: Arc<identity::Identity>,
    /// Readings.
    pub metering: Arc<metering::Metering>,
    /// Orders.
    pub market: Arc<market::Market>,
    /// Money.
    pub billing: Arc<billing::Billing>,
    /// The chain.
    pub ledger: Arc<ledger::Ledger>,
    explorer: Arc<explorer::Explorer>,
    telling: Telling,
    deg: Option<Arc<deg::Deg>>,
    listening: metering::Listening,
    edge: gateway::Edge,
    mounts: Vec<gateway::Mount>,
    metering_outbox: bus::Relay,
    /// Where the time goes.
    pub spent: Spent,
}

/// The community of an all-in-one.
pub fn community() -> CommunityId {
    CommunityId::derived("wattex")
}

/// The market of an all-in-one, and its grid area where it has no zones.
pub fn zone() -> ZoneId {
    ZoneId::derived("wattex/1")
}

impl Node {
    /// Opens or continues the installation in `settings.directory`, and listens.
    ///
    /// # Errors
    /// [`Trouble::PortTaken`], [`Trouble::Directory`], or a fault of the world.
    pub async fn start(settings: Settings) -> Result<Node> {
        let secrets = Secrets::open(&settings.directory)?;
        let (community, zone) = (community(), zone());
        let policy = chain::policy(
            &settings.tariff,
            settings.slot,
            (community, zone),
            (settings.mechanism, settings.grid.is_some()),
            &secrets,
        )?;
        let first = settings.tariff.head().currency.as_str();
        let further = settings.currencies.iter().map(String::as_str);
        check_currencies(std::iter::once(first).chain(further))
            .map_err(|error| Trouble::Genesis(error.to_string()))?;
        let (genesis, deployment, currencies) = chain::genesis(
            &secrets,
            &policy,
            (first, &settings.currencies),
            (settings.genesis, settings.horizon_seconds),
            settings.on_demand,
        );
        let chain_id = genesis.chain_id;
        let bus = Bus::in_process();
        let clock = settings.clock.clone();
        let ledger = open_ledger(&settings, genesis, &bus, &secrets, &deployment).await?;
        let node: Arc<dyn JsonRpc> = ledger.clone();
        let wired = Wired { settings: &settings, bus, node, clock, deployment, chain_id };
        let identity = wired.identity(&secrets, community, currencies.clone()).await?;
        let billing = wired.billing(&secrets, &policy, currencies).await?;
        let market = wired.market(&secrets, &policy).await?;
        let metering = wired.metering(&secrets).await?;
        let explorer = wired.explorer(&policy).await?;
        let telling = Telling::start(&wired, &secrets, billing.clone()).await?;
        let deg = register::start(&wired).await?;
        let listening =
            metering.listen().await.map_err(|error| meters::not_listening(&settings, error))?;
        let verifier = identity.verifier();
        let mut mounts = vec![
            gateway::mount("identity", identity::routes(identity.clone())),
            gateway::mount("metering", meters::routes(&metering)),
            gateway::mount("market", market::routes(market.clone())),
            gateway::mount("billing", billing::routes(billing.clone())),
            gateway::mount("ledger", ledger::routes(ledger.clone())),
            gateway::mount("explorer", explorer::routes(explorer.clone())),
            gateway::mount("notices", telling.routes()),
        ];
        mounts.extend(deg.clone().map(|deg| gateway::mount("deg", deg::routes(deg))));
        let edge = listen(&settings, mounts.clone(), verifier)?;
        Ok(Node {
            community,
            zone,
            grid: settings.grid.clone(),
            policy,
            deployment,
            chain_id,
            metering_outbox: bus::Relay::new(metering.db().clone(), wired.bus.clone()),
            identity,
            metering,
            market,
            billing,
            ledger,
            explorer,
            telling,
            deg,
            listening,
            edge,
            mounts,
            spent: Spent::default(),
        })
    }

    /// Where the web app, the API and the chain answer.
    pub fn url(&self) -> String {
        self.edge.url()
    }

    /// What answers at the edge, in the order of the documentation; without the edge's own.
    pub fn mounts(&self) -> &[gateway::Mount] {
        &self.mounts
    }

    /// Where meters connect with TLS, if they may.
    pub fn mqtt_tls_address(&self) -> Option<SocketAddr> {
        self.listening.tls_address()
    }

    /// Where meters connect.
    pub fn mqtt_port(&self) -> u16 {
        self.listening.address().port()
    }

    /// Does everything that is due at `now`, until nothing moves. What the next block cannot take,
    /// since its time would be too far ahead of `now`, waits for a later moment.
    pub async fn pump(&self, now: Timestamp) -> Result<()> {
        let mut rested = false;
        for _ in 0..PUMP_ROUNDS_MAX {
            let spent = &self.spent;
            let due = self.due(now).await?;
            let carried = self.carry(now).await?;
            let mined = spent.on("mining", self.ledger.tick(now)).await.context("ledger")?;
            let told =
                spent.on("following blocks", self.ledger.drain(now)).await.context("feed")?;
            let rests = !due && !mined && told == 0;
            if rests && (carried == 0 || rested) {
                return Ok(());
            }
            rested = rests;
        }
        bail!("the services do not come to rest at {now}");
    }

    /// What falls due as time passes; the services do not wait for one another.
    async fn due(&self, now: Timestamp) -> Result<bool> {
        let spent = &self.spent;
        let (metering, market, billing) = tokio::join!(
            spent.on("metering", self.metering.tick(now)),
            spent.on("clearing", self.market.tick(now)),
            spent.on("reconciling", self.billing.tick(now)),
        );
        let metering = metering.context("metering")?;
        let rotated = self.identity.rotate_due(now).await.context("identity")?;
        Ok(rotated | metering | market.context("market")? | billing.context("billing")?)
    }

    /// Carries outboxes onto the bus and transactions to the chain; how much was moved or still
    /// waits for a block.
    async fn carry(&self, now: Timestamp) -> Result<u64> {
        let carried = async {
            let mut moved = self.identity.drain(now).await.context("identity's outbox")?;
            moved += self.metering_outbox.drain(now).await.context("metering's outbox")?;
            moved += self.metering.chain().round().await.context("metering's transactions")?;
            moved += self.market.drain(now).await.context("market's outbox")?;
            moved += self.billing.drain(now).await.context("billing's outbox")?;
            Ok(moved)
        };
        self.spent.on("events and transactions", carried).await
    }

    /// Stops listening and closes every database; what was answered is durable.
    pub async fn stop(self) -> Result<()> {
        self.explorer.stop();
        self.telling.stop().await;
        self.edge.stop().await.context("stopping the gateway")?;
        self.listening.stop().await;
        self.identity.close().await;
        self.market.close().await;
        self.billing.close().await;
        self.metering.db().close().await;
        if let Some(deg) = self.deg {
            deg.close().await;
        }
        Ok(())
    }
}

/// What every service is wired with.
struct Wired<'s> {
    settings: &'s Settings,
    bus: Bus,
    node: Arc<dyn JsonRpc>,
    clock: Clock,
    deployment: Deployment,
    chain_id: u64,
}

impl Wired<'_> {
    fn database(&self, service: &str) -> String {
        database(&self.settings.directory, service)
    }

    async fn identity(
        &self,
        secrets: &Secrets,
        community: CommunityId,
        currencies: Vec<Currency>,
    ) -> Result<Arc<identity::Identity>> {
        let parts = identity::Parts {
            db_url: self.database("identity"),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            community,
            master_key: identity::MasterKey::from_bytes(secrets.derive("identity/keys").0),
            installer: secrets.key(role::INSTALLER),
            place: identity::Place { chain_id: self.chain_id, at: self.deployment },
            currencies,
            node: self.node.clone(),
            password_cost: identity::PasswordCost::default(),
        };
        let (origins, rotation) = (self.settings.origins.clone(), self.settings.rotation);
        let settings = identity::Settings {
            origins,
            rotation,
            horizon_seconds: self.settings.horizon_seconds,
            timezone: Some(self.settings.timezone.clone()),
            slot: self.settings.slot,
            ..identity::Settings::default()
        };
        identity::start_with(parts, settings).await.context("starting identity")
    }

    async fn billing(
        &self,
        secrets: &Secrets,
        policy: &Policy,
        currencies: Vec<Currency>,
    ) -> Result<Arc<billing::Billing>> {
        billing::start(billing::Parts {
            db_url: self.database("billing"),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            node: self.node.clone(),
            operator: secrets.key(role::RECONCILER),
            certifier: secrets.key(role::CERTIFIER),
            chain_id: self.chain_id,
            deployment: self.deployment,
            currencies,
            dealers: secrets.derive("billing/dealers"),
            policies: vec![policy.clone()],
            slot: self.settings.slot,
            monthly: false,
        })
        .await
        .context("starting billing")
    }

    async fn market(&self, secrets: &Secrets, policy: &Policy) -> Result<Arc<market::Market>> {
        let config = market::MarketConfig {
            mechanism: self.settings.mechanism,
            self_trade: self.settings.self_trade,
            grid: self.settings.grid.clone(),
            horizon_seconds: self.settings.horizon_seconds,
            risk: self.settings.stops_when_silent.then(chain::silence),
            ..market::MarketConfig::new(self.settings.timezone.clone(), policy.clone())
        };
        market::start(market::Parts {
            db_url: self.database("market"),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            node: self.node.clone(),
            clearer: secrets.key(role::CLEARER),
            delegate: secrets.key(role::DELEGATE),
            chain_id: self.chain_id,
            deployment: self.deployment,
            markets: vec![config],
        })
        .await
        .context("starting market")
    }

    async fn explorer(&self, policy: &Policy) -> Result<Arc<explorer::Explorer>> {
        explorer::start(explorer::Parts {
            db_url: self.database("explorer"),
            bus: self.bus.clone(),
            node: self.node.clone(),
            deployment: self.deployment,
            policies: vec![policy.clone()],
        })
        .await
        .context("starting explorer")
    }
}

/// The URL of a service's own database.
fn database(directory: &Path, service: &str) -> String {
    format!("sqlite:{}", directory.join(format!("{service}.db")).display())
}

async fn open_ledger(
    settings: &Settings,
    genesis: ::chain::GenesisSpec,
    bus: &Bus,
    secrets: &Secrets,
    deployment: &Deployment,
) -> Result<Arc<ledger::Ledger>> {
    let parts = ledger::Parts {
        directory: settings.directory.join("ledger"),
        genesis,
        bus: bus.clone(),
        clock: settings.clock.clone(),
        config: ledger::Config {
            mode: if settings.on_demand { Mining::OnDemand } else { Mining::Steady },
            coinbase: secrets.key(role::COINBASE).address(),
            deployment: serde_json::to_value(deployment)?,
            // A bill is proved against the block it was issued in, however old.
            history: ledger::History::Archive,
            ..ledger::Config::default()
        },
    };
    ledger::start(parts).await.map_err(|error| match error {
        ledger::StartError::Store(error) => {
            Trouble::Directory(format!("{}: {error}", settings.directory.display())).into()
        }
        other => anyhow::Error::from(other),
    })
}

fn listen(
    settings: &Settings,
    services: Vec<gateway::Mount>,
    verifier: service::Verifier,
) -> Result<gateway::Edge> {
    let rate = settings.requests_per_second;
    let parts = gateway::Parts {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port)),
        services,
        verifier,
        limits: gateway::Limits { per_second: rate, burst: rate },
        files: gateway::web_app,
    };
    gateway::start(parts).map_err(|error| match error {
        gateway::EdgeError::PortTaken(address) => {
            Trouble::PortTaken { port: address.port(), option: "--port" }.into()
        }
        other => anyhow::Error::from(other),
    })
}
