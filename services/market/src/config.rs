//! What a market is started with.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use bus::Bus;
use calendar::{SlotLength, TimeZone};
use client::JsonRpc;
use contracts::{Deployment, Policy};
use ids::ZoneId;
use keys::SecretKey;
use matching::network::Network;
use matching::{Fees, Mechanism};
use serde::{Deserialize, Serialize};
use service::Clock;
use units::{Energy, Price};

use crate::domain::{HISTORY_DAYS, Parameters, RiskLimits, SelfTrade, check_mechanism};

/// How far ahead orders may be placed: seven days, in seconds.
pub const HORIZON_SECONDS_MAX: u32 = 7 * 24 * 3600;
/// How long before the end of settling a slot is shared out at the latest, so that blocks can take
/// what comes of it.
const SETTLING_SECONDS: u32 = 600;

/// Everything the market needs from outside.
pub struct Parts {
    /// `sqlite:PATH` or `postgres://...`.
    pub db_url: String,
    /// Where events come from and go to.
    pub bus: Bus,
    /// The clock that decides the gate.
    pub clock: Clock,
    /// The chain node that takes clearings and settlements.
    pub node: Arc<dyn JsonRpc>,
    /// The key of the clearing role. Nobody else sends with it.
    pub clearer: SecretKey,
    /// Signs what standing rules place, where accounts have granted it. Has no other right.
    pub delegate: SecretKey,
    /// The chain that orders are signed for.
    pub chain_id: u64,
    /// The contracts that orders are signed for.
    pub deployment: Deployment,
    /// One per community and grid area.
    pub markets: Vec<MarketConfig>,
}

/// One market: the rules both sides sign, and the limits of its book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// Whose local days the contracts are told.
    pub timezone: TimeZone,
    /// A limit is a multiple of this.
    #[serde(default = "tick_default")]
    pub tick: Price,
    /// The smallest order.
    #[serde(default = "lot_default")]
    pub lot_min: Energy,
    /// Seconds between the gate and the start of the slot.
    #[serde(default = "gate_default")]
    pub gate_seconds: u32,
    /// Seconds between the opening of a slot's book and its start; at most
    /// [`HORIZON_SECONDS_MAX`].
    #[serde(default = "horizon_default")]
    pub horizon_seconds: u32,
    /// What a connection point may offer, in percent of the most it has fed in at that time of day
    /// in the last 30 days.
    #[serde(default = "forecast_default")]
    pub forecast_percent: u32,
    /// From how many known days on that limit holds, 1 to 30.
    #[serde(default = "forecast_days_default")]
    pub forecast_days_min: u32,
    /// How slots are cleared, unless another mechanism was chosen for them.
    #[serde(default)]
    pub mechanism: Mechanism,
    /// The grid, where the market has several zones: their orders clear together, by the uniform
    /// auction. Capacities are of a slot. The policy's zone is the market's own name on chain.
    #[serde(default)]
    pub grid: Option<Network>,
    /// Seconds after a slot's end for which its members' meters are waited for, where what was
    /// metered is shared out: at least ten minutes less than the policy settles after the slot.
    #[serde(default = "allocation_default")]
    pub allocation_seconds: u32,
    /// What is done about orders of one party that would meet. In slots that do not trade before
    /// their gate `decrement` nets orders of one address at the gate; other choices refuse there.
    #[serde(default)]
    pub self_trade: SelfTrade,
    /// The figures of risk that a new market begins with: journaled at its first tick, where staff
    /// have set none. The defaults hold where it is absent.
    #[serde(default)]
    pub risk: Option<RiskLimits>,
    /// Community, grid area, fees and imbalance rule, as registered in `EnergyMarket`.
    pub policy: Policy,
}

impl MarketConfig {
    /// The defaults of a book under `policy`: the uniform-price call auction, tick 0.01 ct/kWh, lot
    /// 10 Wh, gate 15 minutes, horizon 36 hours, offers up to 110 % of what was fed in, once seven
    /// days are known.
    pub fn new(timezone: TimeZone, policy: Policy) -> MarketConfig {
        MarketConfig {
            timezone,
            tick: tick_default(),
            lot_min: lot_default(),
            gate_seconds: gate_default(),
            horizon_seconds: horizon_default(),
            forecast_percent: forecast_default(),
            forecast_days_min: forecast_days_default(),
            mechanism: Mechanism::default(),
            grid: None,
            allocation_seconds: allocation_default(),
            self_trade: SelfTrade::default(),
            risk: None,
            policy,
        }
    }

    /// The parameters of the machine.
    ///
    /// # Errors
    /// A field that is outside its limits, by name.
    pub fn parameters(&self) -> Result<Parameters> {
        let policy = &self.policy;
        ensure!(self.tick > Price::ZERO, "tick: must be above zero");
        ensure!(self.lot_min > Energy::ZERO, "lot_min: must be above zero");
        ensure!(self.horizon_seconds > self.gate_seconds, "horizon_seconds: not before the gate");
        ensure!(self.horizon_seconds <= HORIZON_SECONDS_MAX, "horizon_seconds: at most 7 days");
        let minutes = policy.slot_seconds / 60;
        let length = u16::try_from(minutes).ok().and_then(|m| SlotLength::from_minutes(m).ok());
        let slot_length = length.context("policy.slotSeconds: 300, 900, 1800 or 3600")?;
        ensure!(
            policy.slot_seconds.is_multiple_of(60),
            "policy.slotSeconds: 300, 900, 1800 or 3600"
        );
        let days = self.forecast_days_min;
        ensure!((1..=HISTORY_DAYS).contains(&days), "forecast_days_min: 1 to {HISTORY_DAYS}");
        let waits = self.allocation_seconds.saturating_add(SETTLING_SECONDS);
        ensure!(
            policy.settle_seconds == 0 || waits <= policy.settle_seconds,
            "allocation_seconds: at most policy.settleSeconds less {SETTLING_SECONDS}"
        );
        if let Some(risk) = &self.risk {
            risk.check().map_err(|why| anyhow!("risk: {why}"))?;
        }
        let parameters = Parameters {
            community: policy.community,
            zone: policy.zone,
            timezone: self.timezone.clone(),
            slot_length,
            tick: self.tick,
            lot_min: self.lot_min,
            gate_seconds: i64::from(self.gate_seconds),
            mechanism: self.mechanism,
            horizon_seconds: i64::from(self.horizon_seconds),
            fees: Fees {
                network: price("policy.networkFee", policy.network_fee)?,
                buyer: price("policy.buyerFee", policy.buyer_fee)?,
                seller: price("policy.sellerFee", policy.seller_fee)?,
            },
            retail_price_max: price("policy.retailPriceMax", policy.retail_price_max)?,
            feed_in_price_min: price("policy.feedInPriceMin", policy.feed_in_price_min)?,
            forecast_percent: self.forecast_percent,
            forecast_days_min: days,
            policy: policy.id(),
            terms: policy.clone(),
            self_trade: self.self_trade,
            risk: self.risk,
            grid: self.grid.clone(),
            allocation_seconds: i64::from(self.allocation_seconds),
        };
        if let Some(grid) = &parameters.grid {
            grid.check().map_err(|why| anyhow!("grid: {why}"))?;
            let cheap = grid.zones.iter().find(|zone| zone.fee < parameters.fees.network);
            ensure!(cheap.is_none(), "grid: a zone's fee is below policy.networkFee");
        }
        check_mechanism(&self.mechanism, &parameters).map_err(|why| anyhow!("mechanism: {why}"))?;
        Ok(parameters)
    }
}

fn price(field: &str, n_per_wh: u64) -> Result<Price> {
    let price = i64::try_from(n_per_wh).ok().map(Price::from_n_per_wh);
    price
        .filter(|price| *price <= tariff::PRICE_MAX)
        .with_context(|| format!("{field}: at most 1000000 currency per kWh"))
}

/// Refuses two markets for one community and grid area.
pub(crate) fn check_distinct(markets: &[MarketConfig]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for market in markets {
        let (community, own) = (market.policy.community, market.policy.zone);
        let zones = market.grid.iter().flat_map(|grid| &grid.zones).map(|zone| zone.zone);
        for zone in zones.chain([own]).collect::<BTreeSet<ZoneId>>() {
            ensure!(seen.insert((community, zone)), "two markets for {community}, zone {zone}");
        }
    }
    Ok(())
}

fn tick_default() -> Price {
    Price::from_n_per_wh(100)
}

fn lot_default() -> Energy {
    Energy::from_wh(10)
}

fn gate_default() -> u32 {
    15 * 60
}

fn horizon_default() -> u32 {
    36 * 3600
}

fn allocation_default() -> u32 {
    3 * 3600
}

fn forecast_default() -> u32 {
    110
}

fn forecast_days_default() -> u32 {
    7
}
