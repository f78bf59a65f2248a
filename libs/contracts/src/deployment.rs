//! Where the contracts are, how they get there, and who may do what in them.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use serde::{Deserialize, Serialize};

use crate::bindings::{
    Challenges, CurrencyExchange, EnergyCertificate, EnergyMarket, MeterRegistry, ReadingAnchor,
    RecordAnchor, SettlementToken, Timelock, TradingMandate,
};
use crate::currency::{CURRENCIES_MAX, Cash, Currency};

/// The addresses of the contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// `SettlementToken`.
    pub token: Address,
    /// `EnergyMarket`.
    pub market: Address,
    /// `MeterRegistry`.
    pub meters: Address,
    /// `ReadingAnchor`.
    pub readings: Address,
    /// `RecordAnchor`.
    pub records: Address,
    /// `Challenges`.
    pub challenges: Address,
    /// `EnergyCertificate`.
    pub certificates: Address,
    /// `TradingMandate`.
    pub mandates: Address,
    /// `CurrencyExchange`.
    pub exchange: Address,
    /// `Timelock`.
    pub timelock: Address,
}

/// How many contracts a deployment has.
const CONTRACTS: usize = 10;
/// How many each further currency has.
const CONTRACTS_OF_CASH: usize = 2;

/// What a genesis decides once and for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// ISO 4217 code of the currency that energy is traded in.
    pub currency: String,
    /// Further currencies that accounts have cash of, in order.
    pub further: Vec<String>,
    /// Seconds from asking for a withdrawal to getting it.
    pub withdrawal_delay: u32,
    /// Seconds from proposing a change of roles to making it; without, `Roles::admin` makes them
    /// at once.
    pub role_delay: Option<u32>,
}

/// Who holds which role. One address may hold several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Proposes who gets and loses the others, and does it after the delay.
    pub admin: Address,
    /// Posts clearings.
    pub clearer: Address,
    /// Posts deliveries.
    pub reconciler: Address,
    /// Registers policies.
    pub policy: Address,
    /// Mints tokens for payments.
    pub minter: Address,
    /// Anchors readings.
    pub reading_anchor: Address,
    /// Anchors records: tariffs, invoices.
    pub record_anchor: Address,
    /// Countersign the enrolment of meters.
    pub installers: Vec<Address>,
    /// Sends enrolments of meters.
    pub enroller: Address,
    /// Pauses the market.
    pub pauser: Address,
    /// Says what connection points generate from.
    pub certifier: Address,
}

/// A contract that genesis creates, as if `from` had sent it at its next nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisDeploy {
    /// Who deploys.
    pub from: Address,
    /// The constructor's code with its arguments.
    pub init_code: Bytes,
}

/// A call that genesis makes, after all deploys, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisCall {
    /// Who calls.
    pub from: Address,
    /// Which contract.
    pub to: Address,
    /// The encoded call.
    pub data: Bytes,
}

/// Everything genesis does for our contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// Where the contracts will be.
    pub deployment: Deployment,
    /// Every currency, the first included and first.
    pub currencies: Vec<Currency>,
    /// In order; the deployer's nonces are 0..10, and two more for each further currency.
    pub deploys: Vec<GenesisDeploy>,
    /// In order, by the admin.
    pub calls: Vec<GenesisCall>,
}

/// The role that contracts know by this name (`CLEARER`, `MINTER`, ...).
pub fn role(name: &str) -> B256 {
    keccak256(name)
}

impl Deployment {
    /// How many nonces of its deployer the contracts take, without those of further currencies.
    pub(crate) const NONCES: u64 = 10;

    /// Where the contracts are when `deployer` creates them with its first ten transactions.
    pub fn of(deployer: Address) -> Self {
        Deployment {
            token: deployer.create(0),
            market: deployer.create(1),
            meters: deployer.create(2),
            readings: deployer.create(3),
            records: deployer.create(4),
            challenges: deployer.create(5),
            certificates: deployer.create(6),
            mandates: deployer.create(7),
            exchange: deployer.create(8),
            timelock: deployer.create(9),
        }
    }

    /// The addresses, in the order of their creation.
    pub fn addresses(&self) -> [Address; CONTRACTS] {
        [
            self.token,
            self.market,
            self.meters,
            self.readings,
            self.records,
            self.challenges,
            self.certificates,
            self.mandates,
            self.exchange,
            self.timelock,
        ]
    }
}

impl Genesis {
    /// The deploys by `deployer`, whose first nonces must be unused, and the grants by
    /// `roles.admin`, who gives its own right to the timelock at the end.
    ///
    /// # Panics
    /// Where there are more currencies than [`CURRENCIES_MAX`]: [`crate::check_currencies`] says so
    /// before.
    pub fn new(deployer: Address, roles: &Roles, settings: &Settings) -> Self {
        assert!(settings.further.len() < CURRENCIES_MAX, "more than {CURRENCIES_MAX} currencies");
        let deployment = Deployment::of(deployer);
        let currencies = currencies(deployer, &deployment, settings);
        let mut codes = init_codes(&deployment, roles.admin, settings);
        for Currency { code, cash } in &currencies[1..] {
            codes.extend(cash_codes(&deployment.of_cash(*cash), roles.admin, code, settings));
        }
        let deploys = codes.into_iter();
        let deploys = deploys.map(|init_code| GenesisDeploy { from: deployer, init_code });
        let by_admin = |to, data: Vec<u8>| GenesisCall { from: roles.admin, to, data: data.into() };
        let grant = |(to, role, account)| {
            by_admin(to, EnergyMarket::grantRoleCall { role, account }.abi_encode())
        };
        let mut granted = grants(&deployment, roles);
        let mut with_roles: Vec<Address> = deployment.with_roles().into();
        for Currency { cash, .. } in &currencies[1..] {
            granted.extend(cash_grants(*cash, roles));
            with_roles.extend([cash.token, cash.market]);
        }
        let mut calls: Vec<GenesisCall> = granted.into_iter().map(grant).collect();
        if settings.role_delay.is_some() {
            let (role, account) = (B256::ZERO, deployment.timelock);
            calls.extend(with_roles.iter().map(|to| grant((*to, role, account))));
            let renounce = EnergyMarket::renounceRoleCall { role, callerConfirmation: roles.admin };
            let renounce = renounce.abi_encode();
            calls.extend(with_roles.iter().map(|to| by_admin(*to, renounce.clone())));
        }
        Genesis { deployment, currencies, deploys: deploys.collect(), calls }
    }
}

impl Deployment {
    /// The contracts that have roles.
    fn with_roles(self) -> [Address; 6] {
        let Deployment { token, market, meters, readings, records, certificates, .. } = self;
        [token, market, meters, readings, records, certificates]
    }
}

fn currencies(deployer: Address, at: &Deployment, settings: &Settings) -> Vec<Currency> {
    let codes = std::iter::once(&settings.currency).chain(&settings.further);
    let cash = std::iter::once(at.cash()).chain(Deployment::further_cash(deployer));
    codes.zip(cash).map(|(code, cash)| Currency { code: code.clone(), cash }).collect()
}

fn with_arguments(bytecode: &Bytes, arguments: Vec<u8>) -> Bytes {
    [bytecode, &arguments[..]].concat().into()
}

/// Token and market of a currency, whose cash is at `at`.
fn cash_codes(
    at: &Deployment,
    admin: Address,
    currency: &str,
    settings: &Settings,
) -> [Bytes; CONTRACTS_OF_CASH] {
    let token = SettlementToken::constructorCall { admin, currency: currency.to_owned() };
    let market = EnergyMarket::constructorCall {
        token: at.token,
        admin,
        withdrawalDelay: settings.withdrawal_delay,
        challenges_: at.challenges,
        mandates_: at.mandates,
    };
    [
        with_arguments(&SettlementToken::BYTECODE, token.abi_encode()),
        with_arguments(&EnergyMarket::BYTECODE, market.abi_encode()),
    ]
}

fn init_codes(at: &Deployment, admin: Address, settings: &Settings) -> Vec<Bytes> {
    let mandates = TradingMandate::constructorCall { market_: at.market };
    let delay = U256::from(settings.role_delay.unwrap_or_default());
    let timelock = Timelock::constructorCall { delay, operators: vec![admin] };
    let challenges = Challenges::constructorCall {
        market_: at.market,
        meters_: at.meters,
        readings_: at.readings,
    };
    let certificates =
        EnergyCertificate::constructorCall { admin, market_: at.market, meters_: at.meters };
    let code = with_arguments;
    let mut codes = Vec::from(cash_codes(at, admin, &settings.currency, settings));
    codes.extend([
        code(&MeterRegistry::BYTECODE, MeterRegistry::constructorCall { admin }.abi_encode()),
        code(&ReadingAnchor::BYTECODE, ReadingAnchor::constructorCall { admin }.abi_encode()),
        code(&RecordAnchor::BYTECODE, RecordAnchor::constructorCall { admin }.abi_encode()),
        code(&Challenges::BYTECODE, challenges.abi_encode()),
        code(&EnergyCertificate::BYTECODE, certificates.abi_encode()),
        code(&TradingMandate::BYTECODE, mandates.abi_encode()),
        CurrencyExchange::BYTECODE.clone(),
        code(&Timelock::BYTECODE, timelock.abi_encode()),
    ]);
    codes
}

/// The roles of the contracts of a currency.
fn cash_grants(at: Cash, roles: &Roles) -> [(Address, B256, Address); 5] {
    [
        (at.token, role("MINTER"), roles.minter),
        (at.market, role("CLEARER"), roles.clearer),
        (at.market, role("RECONCILER"), roles.reconciler),
        (at.market, role("POLICY"), roles.policy),
        (at.market, role("PAUSER"), roles.pauser),
    ]
}

fn grants(at: &Deployment, roles: &Roles) -> Vec<(Address, B256, Address)> {
    let mut grants = Vec::from(cash_grants(at.cash(), roles));
    grants.extend([
        (at.meters, role("ENROLLER"), roles.enroller),
        (at.readings, role("ANCHOR"), roles.reading_anchor),
        (at.records, role("ANCHOR"), roles.record_anchor),
        (at.certificates, role("CERTIFIER"), roles.certifier),
    ]);
    grants.extend(roles.installers.iter().map(|&account| (at.meters, role("INSTALLER"), account)));
    grants
}
