//! `wattex genesis`: what makes a chain, from a short description that people write.
//!
//! ```json
//! {
//!   "blockTime": 5,
//!   "accounts": { "0x70997970C51812dc3A010C7d01b50e0d17dc79C8": "1000.5" },
//!   "contracts": { "admin": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" }
//! }
//! ```
//!
//! Every field may be left out, and so may the description: then it is a chain with the usual
//! parameters and no accounts. Amounts are in ether. What is written is the whole specification:
//! each node of the chain is started with the same file. It is never written over another.
//!
//! Every chain has the CREATE2 deployer and Multicall3 from the start; our own contracts only where
//! the description names an admin of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::chain::GenesisSpec;
use ::chain::genesis::{Deploy, GenesisCall, Operators};
use alloy_primitives::utils::parse_ether;
use alloy_primitives::{Address, U256};
use anyhow::{Context, Result};
use clap::Args;
use contracts::{Currency, Deployment, Roles, check_currencies};
use serde::{Deserialize, Deserializer, de};
use service::Clock;

use crate::chain_node::random_chain_id;
use crate::exit::Trouble;

/// Seconds that a withdrawal takes where the description does not say: past the order horizon,
/// settlement and finality.
const WITHDRAWAL_DELAY: u32 = 2 * 86_400;
/// Seconds that everybody sees a change of roles beforehand where the description does not say:
/// who wants the admin to make it at once writes 0.
const ROLE_DELAY: u32 = 2 * 86_400;

/// Arguments of `wattex genesis`.
#[derive(Args, Debug, Clone)]
pub struct Arguments {
    /// The description: JSON with any of chainId, timestamp, blockTime, difficulty,
    /// fixedDifficulty, gasLimit, reward, accounts, operators, miners and contracts. Without, the
    /// usual parameters, a random chain id and nothing on it but the CREATE2 deployer and
    /// Multicall3; our contracts are where the description has them.
    description: Option<PathBuf>,
    /// Where the genesis is written; nothing may be there yet.
    #[arg(long, value_name = "FILE", default_value = "genesis.json")]
    out: PathBuf,
}

/// What people write.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Description {
    /// Random when absent.
    chain_id: Option<u64>,
    /// Epoch seconds of block 0; now when absent.
    timestamp: Option<u64>,
    /// Wanted seconds between blocks.
    block_time: Option<u64>,
    /// Expected hashes of the first blocks.
    difficulty: Option<U256>,
    fixed_difficulty: bool,
    gas_limit: Option<u64>,
    /// What a block gives to its miner.
    reward: Ether,
    /// Who has what from the start.
    accounts: BTreeMap<Address, Ether>,
    /// Who signs checkpoints, and how many of them make a block final.
    operators: Option<Operators>,
    /// Who may mine; anyone when empty. Each pays for its right, so it needs a balance.
    miners: Vec<Address>,
    /// Our contracts; none when absent.
    contracts: Option<Contracts>,
}

/// Where our contracts are, and those of each currency, the first first.
type Ours = (Deployment, Vec<Currency>);

/// Who holds which role in our contracts; who is not named is the admin.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Contracts {
    admin: Address,
    /// Creates them; its first ten nonces are used up, and two more for each further currency.
    deployer: Option<Address>,
    /// What energy is traded in: three capital letters of ISO 4217; `EUR` when absent.
    currency: Option<String>,
    /// Further currencies that accounts have cash of, at most three.
    #[serde(default)]
    currencies: Vec<String>,
    /// Seconds.
    withdrawal_delay: Option<u32>,
    /// Seconds from proposing a change of roles to making it; two days when absent, and at 0 the
    /// admin makes it at once.
    role_delay: Option<u32>,
    clearer: Option<Address>,
    reconciler: Option<Address>,
    policy: Option<Address>,
    minter: Option<Address>,
    reading_anchor: Option<Address>,
    record_anchor: Option<Address>,
    installers: Option<Vec<Address>>,
    enroller: Option<Address>,
    pauser: Option<Address>,
    certifier: Option<Address>,
}

/// An amount in ether, as a decimal text or a whole number.
#[derive(Debug, Clone, Copy, Default)]
struct Ether(U256);

impl<'de> Deserialize<'de> for Ether {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an amount in ether, such as 100 or \"0.5\"")]
        enum Written {
            Whole(u64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Whole(ether) => ether.to_string(),
            Written::Text(text) => text,
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let wei = if digits { parse_ether(&text).ok() } else { None };
        wei.map(Ether).ok_or_else(|| de::Error::custom(format!("{text:?} is no amount in ether")))
    }
}

/// Writes the genesis that the description stands for.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let description = arguments.description.as_deref().map(read).transpose()?;
    let description = description.unwrap_or_default();
    let role_delay = description.contracts.as_ref().and_then(Contracts::role_delay);
    let (spec, ours) = description.specification()?;
    let genesis = spec.build().map_err(|error| Trouble::Genesis(error.to_string()))?;
    write(&arguments.out, &spec)?;
    println!("genesis    {}", genesis.imported.hash);
    println!("chain id   {}", spec.chain_id);
    if let Some((deployment, currencies)) = ours {
        println!("contracts  {}", serde_json::to_string(&deployment)?);
        println!("currencies {}", serde_json::to_string(&currencies)?);
        println!("roles      {}", said_of_roles(role_delay));
    }
    println!("written    {}", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}

/// How changes of roles are made, in words.
fn said_of_roles(delay: Option<u32>) -> String {
    match delay {
        Some(seconds) => format!("changes wait {seconds} s, seen by everybody (roleDelay)"),
        None => "the admin changes them at once (roleDelay 0)".to_owned(),
    }
}

fn read(file: &Path) -> Result<Description, Trouble> {
    let file_name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Trouble::Genesis(format!("cannot read {file_name}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Trouble::Genesis(format!("{file_name} describes no genesis: {error}")))
}

/// Writes a genesis where there is nothing yet.
///
/// # Errors
/// [`Trouble::Genesis`] where something is there or cannot be.
pub fn write(file: &Path, spec: &GenesisSpec) -> Result<()> {
    let mut created = File::create_new(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Trouble::Genesis(format!("{} exists already", file.display())),
        _ => Trouble::Genesis(format!("cannot write {}: {error}", file.display())),
    })?;
    let text = serde_json::to_string_pretty(spec)?;
    created.write_all(text.as_bytes()).with_context(|| format!("writing {}", file.display()))?;
    created.sync_all().with_context(|| format!("writing {}", file.display()))
}

impl Description {
    /// The whole specification, and where our contracts are in it.
    fn specification(self) -> Result<(GenesisSpec, Option<Ours>), Trouble> {
        let chain_id = self.chain_id.unwrap_or_else(random_chain_id);
        let now = || Clock::real().now().unsigned();
        let mut spec = GenesisSpec::new(chain_id, self.timestamp.unwrap_or_else(now));
        spec.target_block_time = self.block_time.unwrap_or(spec.target_block_time);
        spec.difficulty = self.difficulty.unwrap_or(spec.difficulty);
        spec.fixed_difficulty = self.fixed_difficulty;
        spec.gas_limit = self.gas_limit.unwrap_or(spec.gas_limit);
        spec.reward = self.reward.0;
        (spec.operators, spec.miners) = (self.operators, self.miners);
        for (address, Ether(wei)) in self.accounts {
            spec.alloc.entry(address).or_default().balance = wei;
        }
        let ours = self.contracts.map(|contracts| contracts.add_to(&mut spec)).transpose()?;
        Ok((spec, ours))
    }
}

/// Adds our contracts with what a description leaves out: `admin` has every role, `deployer`
/// creates them. Roles change at once, as on a chain for development.
pub fn add_contracts(
    spec: &mut GenesisSpec,
    admin: Address,
    deployer: Address,
) -> Result<(), Trouble> {
    let deployer = Some(deployer);
    let contracts = Contracts { admin, deployer, role_delay: Some(0), ..Contracts::default() };
    contracts.add_to(spec).map(|_| ())
}

impl Contracts {
    /// Seconds from proposing a change of roles to making it; `None` where it is made at once.
    fn role_delay(&self) -> Option<u32> {
        Some(self.role_delay.unwrap_or(ROLE_DELAY)).filter(|seconds| *seconds > 0)
    }

    fn add_to(self, spec: &mut GenesisSpec) -> Result<Ours, Trouble> {
        let role_delay = self.role_delay();
        let or_admin = |account: Option<Address>| account.unwrap_or(self.admin);
        let roles = Roles {
            admin: self.admin,
            clearer: or_admin(self.clearer),
            reconciler: or_admin(self.reconciler),
            policy: or_admin(self.policy),
            minter: or_admin(self.minter),
            reading_anchor: or_admin(self.reading_anchor),
            record_anchor: or_admin(self.record_anchor),
            installers: self.installers.unwrap_or_else(|| vec![self.admin]),
            enroller: or_admin(self.enroller),
            pauser: or_admin(self.pauser),
            certifier: or_admin(self.certifier),
        };
        let settings = contracts::Settings {
            currency: self.currency.unwrap_or_else(|| "EUR".to_owned()),
            further: self.currencies,
            withdrawal_delay: self.withdrawal_delay.unwrap_or(WITHDRAWAL_DELAY),
            role_delay,
        };
        let codes = std::iter::once(&settings.currency).chain(&settings.further);
        check_currencies(codes.map(String::as_str))
            .map_err(|error| Trouble::Genesis(error.to_string()))?;
        let ours = contracts::Genesis::new(or_admin(self.deployer), &roles, &settings);
        spec.deploy.extend(ours.deploys.into_iter().map(|deploy| Deploy {
            from: deploy.from,
            init_code: deploy.init_code,
            value: U256::ZERO,
        }));
        let calls = ours.calls.into_iter();
        spec.calls.extend(calls.map(|call| GenesisCall {
            from: call.from,
            to: call.to,
            data: call.data,
        }));
        Ok((ours.deployment, ours.currencies))
    }
}
