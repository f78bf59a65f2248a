//! The chart of accounts, and how an account is written.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256};
use calendar::Timestamp;
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};

/// An account of the money ledger. Written `2000:0xab…`, `2010:<trade>`, `2005:0xab…:20605`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Account {
    /// 1000: money outside, held for everybody in here.
    Bank,
    /// 1010: money that came in outside for invoices; nobody in here is owed it as tokens.
    Collected,
    /// 1200: what an address owes by its invoices; a credit where it gets money back.
    Receivable(Address),
    /// 2000: an address's free money.
    Wallet(Address),
    /// 2005: an address's proceeds of a local day, inside the challenge window.
    Locked(Address, u32),
    /// 2010: a buyer's money held for a trade.
    Escrow(B256),
    /// 2020: a seller's money held for a trade.
    Collateral(Address, B256),
    /// 2040: tokens outside of the market contract, whoever has them.
    Tokens,
    /// 2050: what an address redeemed and the bank has not paid out yet.
    Payouts(Address),
    /// 2100: network fees of a local day owed to the network's address.
    Dso(Address, u32),
    /// 2120: what the retailer gets by the invoices, for itself, the grid and the state.
    Retailer,
    /// 2130: what is paid at an imbalance price, of a local day, owed to who balances the grid.
    Imbalance(Address, u32),
    /// 2150: what rounding of invoice lines left over.
    Rounding,
    /// 2150: what buyers paid above what sellers got, of a local day: the community's pot.
    Pot(Address, u32),
    /// 4000: platform fees of a local day.
    PlatformFee(Address, u32),
    /// 9000: what nobody can explain; must be zero.
    Suspense,
}

/// What an energy account counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Flow {
    /// What the meter saw taken from the grid.
    #[serde(rename = "E_IMP")]
    MeterImport,
    /// What the meter saw fed into the grid.
    #[serde(rename = "E_EXP")]
    MeterExport,
    /// Bought from a neighbour.
    #[serde(rename = "P2P_BOUGHT")]
    P2pBought,
    /// Sold to a neighbour.
    #[serde(rename = "P2P_SOLD")]
    P2pSold,
    /// The rest of the import: the retailer's.
    #[serde(rename = "GRID_IMPORT")]
    GridImport,
    /// The rest of the export: the retailer's.
    #[serde(rename = "GRID_EXPORT")]
    GridExport,
}

impl Flow {
    /// Each of them.
    pub const ALL: [Flow; 6] = [
        Flow::MeterImport,
        Flow::MeterExport,
        Flow::P2pBought,
        Flow::P2pSold,
        Flow::GridImport,
        Flow::GridExport,
    ];
}

/// An account of the energy ledger: one connection point, one slot, one kind of flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnergyAccount {
    /// Whose.
    pub point: ConnectionPointId,
    /// Start of the slot.
    pub slot: Timestamp,
    /// What it counts.
    pub flow: Flow,
}

/// A text that names no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an account")]
pub struct BadAccount(pub String);

impl Account {
    /// Number in the chart of accounts.
    pub fn code(&self) -> u16 {
        match self {
            Account::Bank => 1000,
            Account::Collected => 1010,
            Account::Receivable(_) => 1200,
            Account::Wallet(_) => 2000,
            Account::Locked(..) => 2005,
            Account::Escrow(_) => 2010,
            Account::Collateral(..) => 2020,
            Account::Tokens => 2040,
            Account::Payouts(_) => 2050,
            Account::Dso(..) => 2100,
            Account::Retailer => 2120,
            Account::Imbalance(..) => 2130,
            Account::Rounding | Account::Pot(..) => 2150,
            Account::PlatformFee(..) => 4000,
            Account::Suspense => 9000,
        }
    }

    /// Whose money is in it, where it is one address's.
    pub fn owner(&self) -> Option<Address> {
        match self {
            Account::Wallet(owner)
            | Account::Locked(owner, _)
            | Account::Collateral(owner, _)
            | Account::Payouts(owner)
            | Account::Dso(owner, _)
            | Account::Imbalance(owner, _)
            | Account::Pot(owner, _)
            | Account::PlatformFee(owner, _) => Some(*owner),
            Account::Bank
            | Account::Collected
            | Account::Tokens
            | Account::Receivable(_)
            | Account::Escrow(_)
            | Account::Retailer
            | Account::Rounding
            | Account::Suspense => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        match self {
            Account::Wallet(owner) | Account::Receivable(owner) | Account::Payouts(owner) => {
                write!(f, "{code}:{owner:#x}")
            }
            Account::Locked(owner, day)
            | Account::Dso(owner, day)
            | Account::Imbalance(owner, day)
            | Account::Pot(owner, day)
            | Account::PlatformFee(owner, day) => write!(f, "{code}:{owner:#x}:{day}"),
            Account::Escrow(trade) => write!(f, "{code}:{trade:#x}"),
            Account::Collateral(owner, trade) => write!(f, "{code}:{owner:#x}:{trade:#x}"),
            Account::Bank
            | Account::Collected
            | Account::Tokens
            | Account::Retailer
            | Account::Rounding
            | Account::Suspense => write!(f, "{code}"),
        }
    }
}

impl FromStr for Account {
    type Err = BadAccount;

    fn from_str(text: &str) -> Result<Account, BadAccount> {
        parse(text).ok_or_else(|| BadAccount(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Account> {
    let parts: Vec<&str> = text.split(':').collect();
    let address = |at: usize| parts.get(at)?.parse::<Address>().ok();
    let hash = |at: usize| parts.get(at)?.parse::<B256>().ok();
    let day = |at: usize| parts.get(at)?.parse::<u32>().ok();
    let account = match *parts.first()? {
        "1000" => Account::Bank,
        "1010" => Account::Collected,
        "1200" => Account::Receivable(address(1)?),
        "2000" => Account::Wallet(address(1)?),
        "2005" => Account::Locked(address(1)?, day(2)?),
        "2010" => Account::Escrow(hash(1)?),
        "2020" => Account::Collateral(address(1)?, hash(2)?),
        "2040" => Account::Tokens,
        "2050" => Account::Payouts(address(1)?),
        "2100" => Account::Dso(address(1)?, day(2)?),
        "2120" => Account::Retailer,
        "2130" => Account::Imbalance(address(1)?, day(2)?),
        "2150" if parts.len() == 1 => Account::Rounding,
        "2150" => Account::Pot(address(1)?, day(2)?),
        "4000" => Account::PlatformFee(address(1)?, day(2)?),
        "9000" => Account::Suspense,
        _ => return None,
    };
    (account.to_string() == text).then_some(account)
}

impl TryFrom<String> for Account {
    type Error = BadAccount;
    fn try_from(text: String) -> Result<Account, BadAccount> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> String {
        account.to_string()
    }
}
