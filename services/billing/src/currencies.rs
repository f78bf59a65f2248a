//! The currencies of the installation: each has its contracts, and a journal of its own.
//!
//! Invariant: an amount is of one currency from the log or the request on that names it to the
//! journal; no entry has two. Energy is traded in the first, and only it has trades.

use alloy_primitives::Address;
use anyhow::{Result, ensure};
use contracts::{Cash, Currency, Deployment, check_currencies};
use service::Problem;

/// Which currency: its place in the genesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CurrencyId(u8);

impl CurrencyId {
    /// What energy is traded in.
    pub(crate) const FIRST: CurrencyId = CurrencyId(0);

    /// Its place, from 0.
    pub(crate) fn place(self) -> usize {
        usize::from(self.0)
    }

    /// As rows hold it.
    pub(crate) fn column(self) -> i64 {
        i64::from(self.0)
    }

    /// What a row holds.
    pub(crate) fn of_column(place: i64) -> Result<CurrencyId> {
        Ok(CurrencyId(u8::try_from(place)?))
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Currencies(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    code: String,
    /// All contracts, with the cash of this currency.
    at: Deployment,
}

impl Currencies {
    /// Those of a genesis, the first first.
    ///
    /// # Errors
    /// Where there are too many, one is there twice, or the first is not of `deployment`.
    pub(crate) fn new(deployment: &Deployment, all: Vec<Currency>) -> Result<Currencies> {
        check_currencies(all.iter().map(|one| one.code.as_str()))?;
        let first = all.first().is_some_and(|first| first.cash == deployment.cash());
        ensure!(first, "the first currency is not that of the deployment");
        let known =
            |Currency { code, cash }: Currency| Known { code, at: deployment.of_cash(cash) };
        Ok(Currencies(all.into_iter().map(known).collect()))
    }

    /// Each of them, the first first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = CurrencyId> + use<> {
        let count = u8::try_from(self.0.len()).expect("there are few currencies");
        (0..count).map(CurrencyId)
    }

    /// Those in which no energy is traded.
    pub(crate) fn further(&self) -> impl Iterator<Item = CurrencyId> + use<> {
        self.ids().skip(1)
    }

    /// Its code (ISO 4217).
    pub(crate) fn code(&self, id: CurrencyId) -> &str {
        &self.known(id).code
    }

    /// All contracts, with the cash of this currency.
    pub(crate) fn at(&self, id: CurrencyId) -> &Deployment {
        &self.known(id).at
    }

    /// The contracts that what is signed names: none for the first.
    pub(crate) fn named_cash(&self, id: CurrencyId) -> Option<Cash> {
        (id != CurrencyId::FIRST).then(|| self.at(id).cash())
    }

    /// The currency that a request names; the first where it names none.
    ///
    /// # Errors
    /// A [`Problem`] for one that the installation does not have.
    pub(crate) fn named(&self, code: Option<&str>) -> Result<CurrencyId, Problem> {
        let Some(code) = code else { return Ok(CurrencyId::FIRST) };
        let found = self.of_code(code);
        found.ok_or_else(|| Problem::refused("CURRENCY", "The installation has no such currency"))
    }

    /// The currency of this code.
    pub(crate) fn of_code(&self, code: &str) -> Option<CurrencyId> {
        self.ids().find(|id| self.code(*id) == code)
    }

    /// The currency whose market this is.
    pub(crate) fn of_market(&self, market: Address) -> Option<CurrencyId> {
        self.ids().find(|id| self.at(*id).market == market)
    }

    /// The currency whose token or market wrote a log; the first where another contract did.
    pub(crate) fn of_log(&self, contract: Address) -> CurrencyId {
        let ours = |id: &CurrencyId| {
            let Cash { token, market } = self.at(*id).cash();
            [token, market].contains(&contract)
        };
        self.further().find(ours).unwrap_or(CurrencyId::FIRST)
    }

    fn known(&self, id: CurrencyId) -> &Known {
        &self.0[id.place()]
    }
}
