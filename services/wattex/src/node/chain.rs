//! The installation's chain: its genesis, the contracts in it, and who may do what.

use alloy_primitives::{Address, B256, U256, keccak256};
use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use chain::GenesisSpec;
use chain::genesis::{Deploy, GenesisCall};
use contracts::{
    BuyerRule, Call, Currency, Deployment, Genesis, MECHANISM_PRICED, Policy, Roles, SellerRule,
    Settings,
};
use ids::{CommunityId, ZoneId};
use market::domain::RiskLimits;
use matching::Mechanism;
use tariff::Tariff;
use units::Price;

use super::Secrets;

/// Ether of each of the operator's own keys: the base fee is a few wei, so this lasts for ever.
const OPERATOR_WEI: u128 = 1_000_000_000_000_000_000_000_000;
/// How long after its end a slot may be reconciled: past R2, five working days and a weekend or
/// two.
pub const CORRECTION_SECONDS: u32 = 10 * 86_400;
/// How much longer proceeds stay locked.
pub const CHALLENGE_SECONDS: u32 = 3 * 86_400;
/// How much longer than the order horizon a withdrawal takes: past settlement and finality.
const WITHDRAWAL_SPARE: u32 = 12 * 3_600;
/// Slots without a reading, and times that a block takes without one, after which trading stops.
const STALE_SLOTS: u32 = 3;
const SILENT_BLOCKS: u64 = 10;
/// How long everybody sees a change of roles before it is made.
const ROLE_DELAY: u32 = 2 * 86_400;
/// Shortfall that costs nothing: a tenth of the quantity, or this many Wh.
const TOLERANCE_BPS: u16 = 1_000;
const TOLERANCE_WH: u32 = 50;
/// How long after a slot what was delivered in it is shared out and settled: past the time for
/// which meters are waited for.
const SETTLE_SECONDS: u32 = 6 * 3_600;
/// Difficulty of a block where blocks are mined on demand in simulated time.
const DEMAND_DIFFICULTY: u64 = 1 << 10;

/// The operator's keys on chain, by what they are for.
pub mod role {
    /// Grants and revokes the others.
    pub const ADMIN: &str = "chain/admin";
    /// Creates the contracts in the genesis.
    pub const DEPLOYER: &str = "chain/deployer";
    /// Posts clearings and settlements (market).
    pub const CLEARER: &str = "chain/clearer";
    /// Signs what standing rules place, for accounts that have granted it.
    pub const DELEGATE: &str = "market/delegate";
    /// Posts deliveries, mints for payments, anchors bills and tariffs (billing).
    pub const RECONCILER: &str = "chain/reconciler";
    /// Anchors readings and enrols meters (metering).
    pub const READINGS: &str = "chain/readings";
    /// Countersigns the enrolment of meters.
    pub const INSTALLER: &str = "chain/installer";
    /// Pauses trading.
    pub const PAUSER: &str = "chain/pauser";
    /// Says what connection points generate from.
    pub const CERTIFIER: &str = "chain/certifier";
    /// Receives network fees.
    pub const NETWORK: &str = "chain/network";
    /// Receives platform fees.
    pub const PLATFORM: &str = "chain/platform";
    /// Receives what is paid at an imbalance price: who balances the grid.
    pub const BALANCE: &str = "chain/balance";
    /// Receives what buyers pay above what sellers get, where trades have two prices.
    pub const DIFFERENCE: &str = "chain/difference";
    /// Receives block rewards.
    pub const COINBASE: &str = "chain/coinbase";
}

/// The fees and rules that both sides of every trade sign, in a market that is cleared by
/// `mechanism`, or on a grid of several zones, whose trades have two prices. An allocation works on
/// what was delivered: its trades are settled after the slot, and nobody owes anything for being
/// short.
pub fn policy(
    tariff: &Tariff,
    slot: SlotLength,
    (community, zone): (CommunityId, ZoneId),
    (mechanism, zonal): (Mechanism, bool),
    secrets: &Secrets,
) -> Result<Policy> {
    let (head, (retail_max, feed_in_min)) = (tariff.head(), tariff.price_bounds());
    let (settle_seconds, seller_short, buyer_short) = if mechanism.is_allocation() {
        (SETTLE_SECONDS, SellerRule::PayActual, BuyerRule::PayActual)
    } else {
        (0, SellerRule::MakeWhole, BuyerRule::MakeWhole)
    };
    let unsigned =
        |price: Price| u64::try_from(price.n_per_wh()).context("a fee of the tariff is below zero");
    Ok(Policy {
        community,
        zone,
        slot_seconds: u32::from(slot.minutes()) * 60,
        network_fee: unsigned(head.local_network_fee)?,
        buyer_fee: unsigned(head.platform_fees.buyer)?,
        seller_fee: unsigned(head.platform_fees.seller)?,
        retail_price_max: unsigned(retail_max)?,
        feed_in_price_min: unsigned(feed_in_min)?,
        tolerance_bps: TOLERANCE_BPS,
        tolerance_wh: TOLERANCE_WH,
        seller_short,
        buyer_short,
        imbalance_price: 0,
        settle_seconds,
        correction_seconds: CORRECTION_SECONDS,
        challenge_seconds: CHALLENGE_SECONDS,
        network_account: secrets.key(role::NETWORK).address(),
        platform_account: secrets.key(role::PLATFORM).address(),
        // Where there is one price for all, nobody may receive a difference.
        difference_account: if mechanism.number() < MECHANISM_PRICED && !zonal {
            Address::ZERO
        } else {
            secrets.key(role::DIFFERENCE).address()
        },
        balance_account: secrets.key(role::BALANCE).address(),
    })
}

/// The figures of risk of an installation whose clock is everybody's: where meters are silent for
/// three slots, or blocks for ten times what one takes, trading stops.
pub fn silence() -> RiskLimits {
    let block = GenesisSpec::new(0, 0).target_block_time;
    let seconds = u32::try_from(block.saturating_mul(SILENT_BLOCKS)).unwrap_or(u32::MAX);
    RiskLimits {
        stale_slots: Some(STALE_SLOTS),
        chain_silent_seconds: Some(seconds),
        ..RiskLimits::default()
    }
}

/// The first block: our contracts, their roles, the policy registered.
///
/// The chain id follows from the secrets, so that another installation's signatures are of no use
/// here. It fits what wallets can hold (below 2^52). Energy is traded in `currency`; of the
/// `further` ones accounts have cash. A withdrawal takes longer than orders are placed ahead.
pub fn genesis(
    secrets: &Secrets,
    policy: &Policy,
    (currency, further): (&str, &[String]),
    (at, horizon_seconds): (Timestamp, u32),
    fixed_difficulty: bool,
) -> (GenesisSpec, Deployment, Vec<Currency>) {
    let address = |purpose| secrets.key(purpose).address();
    let roles = Roles {
        admin: address(role::ADMIN),
        clearer: address(role::CLEARER),
        reconciler: address(role::RECONCILER),
        policy: address(role::ADMIN),
        minter: address(role::RECONCILER),
        reading_anchor: address(role::READINGS),
        record_anchor: address(role::RECONCILER),
        installers: vec![address(role::INSTALLER)],
        enroller: address(role::READINGS),
        pauser: address(role::PAUSER),
        certifier: address(role::CERTIFIER),
    };
    let settings = Settings {
        currency: currency.to_owned(),
        further: further.to_vec(),
        withdrawal_delay: horizon_seconds.saturating_add(WITHDRAWAL_SPARE),
        role_delay: Some(ROLE_DELAY),
    };
    let ours = Genesis::new(address(role::DEPLOYER), &roles, &settings);
    let deployment = ours.deployment;
    let mut spec = GenesisSpec::new(chain_id(secrets), at.unsigned());
    spec.fixed_difficulty = fixed_difficulty;
    if fixed_difficulty {
        spec.difficulty = U256::from(DEMAND_DIFFICULTY);
    }
    let senders = [
        role::CLEARER,
        role::RECONCILER,
        role::READINGS,
        role::ADMIN,
        role::PAUSER,
        role::CERTIFIER,
    ];
    for purpose in senders {
        let funded = spec.alloc.entry(address(purpose)).or_default();
        funded.balance = U256::from(OPERATOR_WEI);
    }
    spec.deploy = ours
        .deploys
        .into_iter()
        .map(|deploy| Deploy { from: deploy.from, init_code: deploy.init_code, value: U256::ZERO })
        .collect();
    let call = |from, call: Call| GenesisCall { from, to: call.to, data: call.data };
    spec.calls = ours
        .calls
        .into_iter()
        .map(|call| GenesisCall { from: call.from, to: call.to, data: call.data })
        .collect();
    spec.calls.push(call(roles.policy, deployment.register_policy(policy)));
    (spec, deployment, ours.currencies)
}

/// The installation's chain id.
pub fn chain_id(secrets: &Secrets) -> u64 {
    let hash: B256 = keccak256(secrets.derive("chain/id"));
    let bits = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"));
    (bits >> 13) | 1 << 20
}
