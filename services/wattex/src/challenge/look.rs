//! Which trade, by which chain, and what its registers say.

use std::fs;
use std::path::Path;

use alloy_primitives::{B256, U64};
use anyhow::{Context, Result, bail};
use billing::domain::challenge::{Case, End, Flaw, Judged, Proof, Stage};
use billing::domain::verify::Trust;
use billing::{Chain, Doubt};
use client::{HttpRpc, JsonRpc};
use contracts::{Call, Deployment, Side};
use reading::Reading;
use serde_json::{Value, json};

use super::Arguments;
use super::server::{Evidence, SideEvidence};
use crate::exit::Trouble;
use crate::verify::contracts_in;

/// A trade, the chain it is on, and the readings under it.
pub struct Look<'a> {
    /// Who answers for the chain.
    pub chain: Chain<'a>,
    /// The trade.
    pub trade: B256,
    /// What was handed out.
    pub evidence: Evidence,
}

/// One side's meter.
pub struct Found {
    /// Which side.
    pub side: Side,
    /// Its trades in the clearing.
    pub case: Case,
    /// When it was looked at, by the chain.
    pub now: u64,
    /// What the registers say.
    pub outcome: Outcome,
    /// How it was sent, if it was.
    pub sent: Option<Sent>,
}

/// What came of the registers.
pub enum Outcome {
    /// Both hold.
    Judged {
        /// What the register of the side showed at both ends of the slot, in Wh.
        registers: [u64; 2],
        /// What was reconciled against what was registered.
        judged: Judged,
        /// What anybody may send.
        call: Call,
    },
    /// There is no reading at one of the ends.
    NotRead,
    /// They prove nothing.
    Flawed(Flaw),
}

/// A challenge that was sent.
pub struct Sent {
    /// The transaction, where it is known.
    pub transaction: Option<B256>,
    /// Whether a block has the cut.
    pub cut: bool,
    /// Why not, if not.
    pub reason: Option<String>,
}

impl Found {
    /// Whether something is to be cut, and was not.
    pub fn stands(&self) -> bool {
        let cut = self.sent.as_ref().is_some_and(|sent| sent.cut);
        !cut && matches!(&self.outcome, Outcome::Judged { judged, .. } if !judged.cuts.is_empty())
    }

    /// Where the chain's time lies in the window.
    pub fn stage(&self) -> Stage {
        self.case.window().stage(self.now)
    }

    /// Whether a challenge is taken now.
    pub fn is_open(&self) -> bool {
        self.stage() == Stage::Open
    }
}

impl Look<'_> {
    /// What the meter of a side says.
    pub async fn at(&self, side: Side) -> Result<Found> {
        let case = match self.chain.case(self.trade, side).await {
            Ok(case) => case,
            Err(Doubt::Fault(error)) => return Err(error),
            Err(doubt) => return Err(Trouble::Bill(doubt.to_string()).into()),
        };
        let now = self.chain.now().await?;
        let outcome = match self.evidence.of(side).both() {
            Some([begin, end]) => self.judge(&case, [begin, end]).await?,
            None => Outcome::NotRead,
        };
        Ok(Found { side, case, now, outcome, sent: None })
    }

    async fn judge(&self, case: &Case, [begin, end]: [&Proof; 2]) -> Result<Outcome> {
        let proven =
            async |proof: &Proof, which: End| match self.chain.proven(case, proof, which).await {
                Ok(reading) => Ok(Ok(reading)),
                Err(Doubt::Flaw(flaw)) => Ok(Err(flaw)),
                Err(doubt) => Err(anyhow::Error::from(doubt)),
            };
        let both = (proven(begin, End::Begin).await?, proven(end, End::End).await?);
        let (first, last) = match both {
            (Ok(first), Ok(last)) => (first, last),
            (Err(flaw), _) | (_, Err(flaw)) => return Ok(Outcome::Flawed(flaw)),
        };
        let registered = match case.registered(&first, &last) {
            Ok(registered) => registered,
            Err(flaw) => return Ok(Outcome::Flawed(flaw)),
        };
        let judged = case.judge(registered).context("runs that the contract would not take")?;
        let call = case.call(&self.chain.at, [begin, end])?;
        let register = |reading: &Reading| match case.side {
            Side::Buy => reading.import.wh(),
            Side::Sell => reading.export.wh(),
        };
        let registers = [register(&first.reading), register(&last.reading)];
        Ok(Outcome::Judged { registers, judged, call })
    }
}

impl SideEvidence {
    /// The proofs of both ends, where both are there.
    pub fn both(&self) -> Option<[&Proof; 2]> {
        self.begin.as_ref().zip(self.end.as_ref()).map(|(begin, end)| [begin, end])
    }
}

/// The trades that were asked for, each with the sides that are of interest.
pub struct Wanted(Vec<(B256, Vec<Side>)>);

impl Wanted {
    /// The trades.
    pub fn trades(&self) -> impl Iterator<Item = B256> + '_ {
        self.0.iter().map(|(trade, _)| *trade)
    }

    /// The sides of one of them, the seller's meter first.
    pub fn sides(&self, trade: &B256, only: Option<Side>) -> Vec<Side> {
        let sides = self.0.iter().find(|(known, _)| known == trade).map(|(_, sides)| &sides[..]);
        let mut sides = sides.unwrap_or_default().to_vec();
        sides.retain(|side| only.is_none_or(|only| only == *side));
        sides
    }
}

/// The trades that the arguments name. Of a connection point every trade of the slot: its own side
/// of one is the same case as of another.
pub async fn wanted(chain: &Chain<'_>, arguments: &Arguments) -> Result<Wanted> {
    if let Some(trade) = arguments.trade {
        return Ok(Wanted(vec![(trade, vec![Side::Sell, Side::Buy])]));
    }
    let both = arguments.slot.zip(arguments.connection_point);
    let (slot, point) = both.context("--slot and --connection-point are needed")?;
    let found = match chain.trades_at(slot.unsigned(), point).await {
        Ok(found) => found,
        Err(Doubt::Fault(error)) => return Err(error),
        Err(doubt) => return Err(Trouble::Bill(doubt.to_string()).into()),
    };
    if found.is_empty() {
        let why = format!("the chain has no trade of {point} in the slot {slot}");
        return Err(Trouble::Bill(why).into());
    }
    Ok(Wanted(found.into_iter().map(|(trade, side)| (trade, vec![side])).collect()))
}

/// The chain's id and contracts: what the trust file pins, if there is one, else the node's word.
pub async fn pinned(node: &HttpRpc, url: &str, trust: Option<&Path>) -> Result<(u64, Deployment)> {
    let ask = async |method: &str, params: Value| {
        node.request(method, params).await.with_context(|| format!("asking {url}"))
    };
    let id: U64 = serde_json::from_value(ask("eth_chainId", json!([])).await?)?;
    let Some(path) = trust else {
        let at = contracts_in(ask("wattex_deployment", json!([])).await?)?;
        return Ok((id.to(), at));
    };
    let text = fs::read_to_string(path)
        .map_err(|error| Trouble::Trust(format!("cannot read {}: {error}", path.display())))?;
    let trust: Trust = serde_json::from_str(&text)
        .map_err(|error| Trouble::Trust(format!("{} is no trust file: {error}", path.display())))?;
    let number = U64::from(trust.block.number);
    let block = ask("eth_getBlockByNumber", json!([number, false])).await?;
    let hash: Option<B256> = serde_json::from_value(block["hash"].clone()).ok();
    if id.to::<u64>() != trust.chain.chain_id || hash != Some(trust.block.hash) {
        bail!(Trouble::Trust(format!("{url} is not of the chain that {} pins", path.display())));
    }
    Ok((trust.chain.chain_id, trust.chain.contracts))
}
