//! Who takes part: people and their keys, connection points, meters, and who did what.
//!
//! ```text
//! sign up ─> party + account ─────────────> AccountOpened
//!            key held here, wrapped, or the owner's own, proved by a signed message (EIP-4361)
//!            or a contract that takes it as signed (ERC-1271), as the chain says
//!            a held key leaves with its owner as a keystore, and stays known here
//! log in ──> token (15 min, EdDSA) + refresh token (used once; a second use ends its family)
//! order ───> signed with a held key, up to a limit a day; a large one when staff consents
//! payout ──> the same, to a bank account that the consent is given for
//! staff ───> connection point ────────────> ConnectionPointRegistered
//!            meter: owner's and installer's signature, a login for the broker ─> MeterEnrolled
//!            or a code for the connection point, by which the device enrols itself, once
//! meter ───> its next key, signed by the one before ─> MeterRotated
//! successor ─> the account settles at another address from a midnight on, signed by both keys or
//!            made here ─> AddressAssigned, and for each meter MeterHandedOver
//! over ────> what is left at an address of before goes to the next one ─> SweepSigned
//! ```
//!
//! Invariants: a secret is in the database only wrapped (keys) or hashed (passwords, tokens), and
//! never in a log; an event is in the outbox if and only if its change was committed; every act of
//! staff and every denial is in the audit log, whose entries are chained by hashes. Passwords,
//! tokens and challenges live by the machine's clock, facts by the market's.
//! Deliberately absent: sending enrolments to the chain, other services' permissions.
#![forbid(unsafe_code)]

pub mod api;
mod app;
mod consume;
mod db;
mod domain;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use ::db::Db;
use alloy_primitives::Address;
use anyhow::{Context, Result};
use async_trait::async_trait;
use bus::{Bus, Relay};
use calendar::{SlotLength, TimeZone, Timestamp};
use client::JsonRpc;
use contracts::{Currency, Deployment};
use ids::CommunityId;
use keys::SecretKey;
use service::{Clock, Tick, Verifier};

pub use api::routes;
pub use app::{
    AddressWish, EnrolledMeter, ExportedKey, Grant, KeyExport, KeyProof, LimitChange, NewAddress,
    NewCode, NewConnectionPoint, NewDevice, NewKey, NewMeter, NewParty, OwnedMeter,
    PreparedAddress, PreparedEnrolment, ProvisioningCode, RotatedMeter, SignedOrder, SignedPayout,
    SignedRedemption, SignedRequest, Signing, Tokens,
};
pub use domain::addresses::{AccountAddress, HORIZON_SECONDS_MAX, Rotation};
pub use domain::approvals::{Approval, ApprovalKind, ApprovalState};
pub use domain::audit::{Act, AuditEntry, Outcome, broken_at};
pub use domain::challenge::Challenge;
pub use domain::grid::{ConnectionPoint, Meter};
pub use domain::keystore::{Keystore, KeystoreCost};
pub use domain::limits::{Amount, SignerLimits, SigningLimit, Unit};
pub use domain::passwords::{PASSWORD_MIN, PasswordCost};
pub use domain::people::{Account, Party};
pub use domain::site::{BadOrigin, ORIGINS_MAX, Origin};
pub use domain::tokens::Jwk;
pub use vault::{BadMasterKey, MasterKey};

use domain::attempts::Attempts;
use domain::keystore::Keystores;
use domain::limits::Purses;
use domain::passwords::Passwords;
use domain::tokens::TokenKey;

/// Which chain and contracts signatures are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The chain's id.
    pub chain_id: u64,
    /// Where the contracts are.
    pub at: Deployment,
}

/// What identity is made of.
pub struct Parts {
    /// Where its database is.
    pub db_url: String,
    /// Where its events go.
    pub bus: Bus,
    /// The market's clock.
    pub clock: Clock,
    /// The community that people sign up for.
    pub community: CommunityId,
    /// What wraps the keys it holds. Without it the held accounts are lost.
    pub master_key: MasterKey,
    /// Countersigns the enrolment of meters.
    pub installer: SecretKey,
    /// Where signatures count.
    pub place: Place,
    /// The currencies of the installation, the one that energy is traded in first.
    pub currencies: Vec<Currency>,
    /// Where contract accounts are asked what they take as signed.
    pub node: Arc<dyn JsonRpc>,
    /// What a password hash costs.
    pub password_cost: PasswordCost,
}

/// What an operator may set. The default suits a web app that is reached on this machine alone.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the web app is reached, which wallets hold against the page that asks; the first is
    /// named to whoever names none. Without any, wallets sign in at loopback addresses only.
    pub origins: Vec<Origin>,
    /// What guessing the passphrase of an exported key costs.
    pub keystore_cost: KeystoreCost,
    /// What is signed with held keys.
    pub limits: SignerLimits,
    /// Whether held accounts get another address for each month.
    pub rotation: Rotation,
    /// How far ahead the market takes orders, at most, in seconds: an address is known before.
    pub horizon_seconds: u32,
    /// The zone of the days that the community bills, from whose midnights addresses are valid;
    /// that of an account's first connection point where it is not said.
    pub timezone: Option<TimeZone>,
    /// The market's slots: an address is valid from the start of one.
    pub slot: SlotLength,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            origins: Vec::new(),
            keystore_cost: KeystoreCost::default(),
            limits: SignerLimits::default(),
            rotation: Rotation::default(),
            horizon_seconds: HORIZON_SECONDS_MAX,
            timezone: None,
            slot: SlotLength::QUARTER_HOUR,
        }
    }
}

/// The service.
pub struct Identity {
    db: Db,
    relay: Relay,
    clock: Clock,
    machine_clock: Clock,
    community: CommunityId,
    master_key: MasterKey,
    installer: SecretKey,
    place: Place,
    currencies: Vec<Currency>,
    node: Arc<dyn JsonRpc>,
    settings: Settings,
    keystores: Keystores,
    purses: tokio::sync::Mutex<Purses>,
    passwords: Passwords,
    attempts: Mutex<Attempts>,
    token_keys: Vec<TokenKey>,
    verifier: Verifier,
    /// When the job for the next month's addresses looks again, in epoch seconds.
    rotates_at: AtomicI64,
    /// The account after which its job goes on; empty before the first.
    rotates_after: Mutex<String>,
}

/// [`start_with`] the default settings.
pub async fn start(parts: Parts) -> Result<Arc<Identity>> {
    start_with(parts, Settings::default()).await
}

/// Opens the database, and makes the first key for tokens in a new one.
///
/// Fails when the master key is not the one the database was made with, and where nobody can work
/// with the settings.
pub async fn start_with(parts: Parts, settings: Settings) -> Result<Arc<Identity>> {
    settings.limits.check()?;
    let first = parts.currencies.first().filter(|first| first.cash == parts.place.at.cash());
    let first = Unit::Currency(first.context("the first currency is the place's")?.code.clone());
    let db =
        Db::open(&parts.db_url, &db::MIGRATIONS).await.context("opening identity's database")?;
    db.transact(move |tx| Box::pin(async move { db::signing::name_units(tx, &first).await }))
        .await
        .context("naming what limits count")?;
    let machine_clock = Clock::real();
    let token_keys = app::load_token_keys(&db, &parts.master_key, machine_clock.now()).await?;
    let verifier = Verifier::new();
    token_keys.iter().for_each(|key| key.make_known(&verifier));
    let bus = parts.bus.clone();
    let identity = Arc::new(Identity {
        relay: Relay::new(db.clone(), parts.bus),
        db,
        clock: parts.clock,
        machine_clock,
        community: parts.community,
        master_key: parts.master_key,
        installer: parts.installer,
        place: parts.place,
        currencies: parts.currencies,
        node: parts.node,
        keystores: Keystores::new(settings.keystore_cost)?,
        settings,
        purses: tokio::sync::Mutex::default(),
        passwords: Passwords::new(parts.password_cost)?,
        attempts: Mutex::default(),
        token_keys,
        verifier,
        rotates_at: AtomicI64::new(0),
        rotates_after: Mutex::default(),
    });
    bus.subscribe(Arc::new(consume::Inbox(identity.clone()))).await?;
    Ok(identity)
}

impl Identity {
    /// What checks the tokens issued here; the same for every service.
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// The address that countersigns enrolments.
    pub fn installer(&self) -> Address {
        self.installer.address()
    }

    /// The public keys that check the tokens issued here.
    pub fn public_keys(&self) -> Vec<Jwk> {
        self.token_keys.iter().map(TokenKey::jwk).collect()
    }

    /// Puts what is in the outbox onto the bus; returns how many events.
    pub async fn drain(&self, now: Timestamp) -> Result<u64> {
        self.relay.drain(now).await
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

#[async_trait]
impl Tick for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    /// Forgets challenges and refresh tokens that are over, which live by the machine's clock, and
    /// by the market's what counted for a day's limit and requests for consent long over. Gives
    /// accounts their next month's addresses.
    async fn tick(&self, now: Timestamp) -> Result<bool> {
        Ok(self.forget_expired(now).await? > 0 || self.rotate_due(now).await?)
    }
}
