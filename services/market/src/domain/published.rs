//! The published journal of a slot, and the clearing computed anew from it.
//!
//! ```text
//! SlotJournal = conditions + orders with signatures + fills       what the market hands out
//!      |                                                          what the chain has
//!      v                                                             v
//! roots, signatures, rules, matching::clear --------- compare --- Clearing (SlotCleared)
//! ```
//!
//! Whoever has the file and the clearing that was posted needs nothing else: the outcome has to be
//! what comes of these orders under these conditions, and both are what the market bound itself to.
//! Deliberately absent, because no file can show it: whether an order is missing, stands in another
//! place or was taken back by somebody else (its owner compares with the market's answer); whether
//! an account had granted the delegate that signed, or an account that is a contract took its order
//! as signed (the chain says so, and settles none that is not); and whether the conditions
//! are those that were announced: tick, parameters of the mechanism, retail and feed-in price,
//! which whoever recomputes is shown; nor, where what was metered was shared out after the slot,
//! whether shares and quantities are the community's and the meters'. Of a slot that traded before
//! its gate a file cannot show how long an order was meant to be good, which accounts are of one
//! party, and when things happened: no signature says so. It is shown, and bound by the root, so
//! that everybody finds his own.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{Address, B256};
use contracts::{Clearing, Fills, Met, OrderTerms, Policy, Posted, Side, session_root};
use events::market::CancelledBy;
use ids::OrderId;
use keys::recover;
use matching::{Mechanism, Order, Rules, Share};
use serde::{Deserialize, Serialize};
use units::{Energy, Price};

use super::clearing::{
    fees, is_false, met_at_gate, order_of, price, seed, shares, solve, unsigned,
};
use super::order::{OrderSignature, is_delegated};
use super::place::check_alone;
use super::revealed::check_commitments;
use super::step::run;
use super::{
    Accepted, ClearedSlot, Conditions, Difference, Exchange, Grid, Parameters, PublishedCommitment,
    Revealed, SHARES_SUM, SelfTrade, Step, TimeInForce, ZonalPrices,
};
use crate::chain;

/// The journal of a cleared slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotJournal {
    /// The chain that orders were signed for.
    pub chain_id: u64,
    /// The contract `EnergyMarket` that they were signed for.
    pub market: Address,
    /// What the market posted there.
    pub clearing: Clearing,
    /// The policy that it names.
    pub policy: Policy,
    /// What it was made under: the JSON of [`Conditions`] as it was hashed.
    pub conditions: String,
    /// The orders that were accepted for the slot, by sequence.
    pub orders: Vec<Published>,
    /// What happened, in its order, where orders met before the gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The commitments of a slot whose orders were sealed, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commitments: Vec<PublishedCommitment>,
    /// The fills, in the order of their index.
    pub fills: Vec<Met>,
}

/// An order of a published journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Its place among the market's accepted orders.
    pub sequence: u64,
    /// Whether it took part; not where it was taken back before the gate, and has traded nothing.
    pub accepted: bool,
    /// Whether it was taken back because its cash had left, as the market says: no root binds it,
    /// but the chain shows the cash of everybody.
    #[serde(default, skip_serializing_if = "is_false")]
    pub uncovered: bool,
    /// What was signed.
    pub terms: OrderTerms,
    /// By whom it was signed.
    pub signature: OrderSignature,
}

/// What a clearing computed anew came to, where nothing differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recomputed {
    /// The clearing's name on chain.
    pub clearing: B256,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The market's own choice, which no policy names: prices are multiples of it.
    pub tick: Price,
    /// What energy costs elsewhere, as the market says.
    pub retail_price: Price,
    /// What energy earns elsewhere, as the market says.
    pub feed_in_price: Price,
    /// Orders that took part.
    pub orders: usize,
    /// Orders that were taken back before the gate.
    pub cancelled: usize,
    /// Those of them whose cash had left, as the market says.
    pub uncovered: usize,
    /// Orders of contract accounts: whether they took them as signed only the chain can say.
    pub of_contracts: usize,
    /// Fills.
    pub fills: usize,
    /// Energy traded.
    pub volume: Energy,
    /// The price that was posted; `None` when nothing traded.
    pub price: Option<Price>,
    /// Why nothing traded, if the market says so.
    pub halted: Option<super::Halted>,
    /// What was traded before the gate; `None` where orders met at the gate.
    pub at_once: Option<AtOnce>,
    /// The shares, as the community has set them, where what was metered was shared out after the
    /// slot; `None` where orders came before it. That orders are what was metered, each member
    /// compares with its own meter.
    pub shared: Option<Vec<Share>>,
    /// What it came to in each zone, where the market has several. Where connection points stand
    /// is the market's word, and what links carry.
    pub zonal: Option<ZonalPrices>,
    /// What came of commitments, where orders were sealed: each order opened one.
    pub sealed: Option<Revealed>,
}

/// What a file shows of trading before the gate and cannot prove: the market's word for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AtOnce {
    /// What was done about orders of one party.
    pub self_trade: SelfTrade,
    /// How often orders of one party did not trade with each other. That two accounts are of one
    /// party is the market's word.
    pub kept_apart: usize,
    /// Orders that were not simply good till the gate: no signature says so.
    pub timed: usize,
    /// Orders that left before the gate, or were out of time.
    pub left: usize,
}

impl Exchange {
    /// The journal of a cleared slot.
    pub fn published(
        &self,
        cleared: &ClearedSlot,
        parameters: &Parameters,
        (chain_id, market): (u64, Address),
    ) -> SlotJournal {
        let part = self.taking_part(cleared.slot);
        let published = |order: &Accepted| Published {
            sequence: order.sequence,
            accepted: part.contains(&order.id),
            uncovered: order.cancelled_by == Some(CancelledBy::Funds),
            terms: order.terms.clone(),
            signature: order.signature.clone(),
        };
        SlotJournal {
            chain_id,
            market,
            clearing: chain::clearing(cleared, parameters),
            policy: parameters.terms.clone(),
            conditions: cleared.conditions.clone(),
            orders: self.accepted_for(cleared.slot).into_iter().map(published).collect(),
            steps: self.trading(cleared.slot).map(|t| t.steps.clone()).unwrap_or_default(),
            commitments: self.published_commitments(cleared.slot),
            fills: self.fills(cleared).iter().copied().collect(),
        }
    }
}

/// Computes a clearing anew from its journal and compares it with what was posted on chain.
///
/// # Errors
/// The first [`Difference`].
pub fn recompute(journal: &SlotJournal, posted: &Clearing) -> Result<Recomputed, Difference> {
    let clearing = &journal.clearing;
    if clearing != posted {
        return Err(Difference::Clearing { journal: clearing.id(), posted: posted.id() });
    }
    if journal.policy.id() != posted.policy {
        return Err(Difference::Policy);
    }
    let known: Option<Conditions> = serde_json::from_str(&journal.conditions).ok();
    let all = orders(journal, known.and_then(|conditions| conditions.grid).as_ref())?;
    let open: Vec<Order> = taking_part(journal, &all).cloned().collect();
    let conditions = conditions(journal, posted, &open)?;
    let hashed = |order: &Published| (hash(journal, order), order.sequence, order.accepted);
    let steps = journal.steps.iter().map(Step::data);
    let computed = session_root(&journal.conditions, journal.orders.iter().map(hashed), steps);
    if computed != posted.journal_root {
        return Err(Difference::JournalRoot { computed, posted: posted.journal_root });
    }
    let sealed = check_commitments(journal, &conditions)?;
    let (clearing, at_once, zonal) = match conditions.at_once {
        Some(self_trade) => {
            let (clearing, at_once) = met_at_once(journal, &all, &conditions, self_trade)?;
            (clearing, at_once, None)
        }
        None => {
            let (clearing, zonal) = met_at_gate(&conditions, &open);
            (clearing, None, zonal)
        }
    };
    let solved = solve(&conditions, clearing, &journal.policy);
    compare_fills(journal, &all, &solved.trades)?;
    let found = price(&solved.clearing);
    let figure = |what: &str, computed: u64, posted: u64| {
        let differs = Difference::Figure { what: what.to_owned(), computed, posted };
        if computed == posted { Ok(()) } else { Err(differs) }
    };
    figure("the number of fills", solved.trades.len() as u64, u64::from(posted.fills))?;
    figure("the volume", solved.clearing.volume.wh(), posted.volume.wh())?;
    figure("the price", unsigned(found.unwrap_or_default()).unwrap_or(u64::MAX), posted.price)?;
    Ok(Recomputed {
        clearing: posted.id(),
        mechanism: conditions.rules.mechanism,
        tick: conditions.rules.tick,
        retail_price: conditions.rules.reference.retail,
        feed_in_price: conditions.rules.reference.feed_in,
        orders: open.len(),
        cancelled: journal.orders.len() - open.len(),
        uncovered: journal.orders.iter().filter(|o| o.uncovered && !o.accepted).count(),
        of_contracts: journal.orders.iter().filter(|order| order.signature.is_contract()).count(),
        fills: solved.trades.len(),
        volume: solved.clearing.volume,
        price: found,
        halted: conditions.halted,
        at_once,
        shared: conditions.shared.then_some(conditions.rules.shares),
        zonal: zonal.filter(|_| !solved.trades.is_empty()),
        sealed,
    })
}

/// The orders that took part, as the journal says.
fn taking_part<'a>(journal: &'a SlotJournal, all: &'a [Order]) -> impl Iterator<Item = &'a Order> {
    let marked = journal.orders.iter().zip(all).filter(|(published, _)| published.accepted);
    marked.map(|(_, order)| order)
}

/// What comes of all orders where they meet when they come.
fn met_at_once(
    journal: &SlotJournal,
    all: &[Order],
    conditions: &Conditions,
    self_trade: SelfTrade,
) -> Result<(matching::Clearing, Option<AtOnce>), Difference> {
    let run = run(&journal.steps, all, &conditions.rules, self_trade)?;
    let other = journal.orders.iter().find(|o| o.accepted != run.took_part.contains(&o.sequence));
    if let Some(Published { sequence, .. }) = other {
        let what = "whether it took part is not what comes of the steps".to_owned();
        return Err(Difference::Step { sequence: *sequence, what });
    }
    let timed = |step: &&Step| match step {
        Step::Placed { time_in_force, .. } => *time_in_force != TimeInForce::GoodTillGate,
        Step::Left { .. } => false,
    };
    let left = |step: &&Step| matches!(step, Step::Left { .. });
    let at_once = AtOnce {
        self_trade,
        kept_apart: run.kept_apart,
        timed: journal.steps.iter().filter(timed).count(),
        left: journal.steps.iter().filter(left).count(),
    };
    Ok((run.clearing, Some(at_once)))
}

/// The conditions, where they are those of policy, clearing and orders.
fn conditions(
    journal: &SlotJournal,
    posted: &Clearing,
    open: &[Order],
) -> Result<Conditions, Difference> {
    let conditions: Conditions = serde_json::from_str(&journal.conditions)
        .map_err(|error| Difference::Conditions { why: error.to_string() })?;
    let rules = &conditions.rules;
    rules.check().map_err(|error| Difference::Conditions { why: error.to_string() })?;
    let reference = &rules.reference;
    let drawn = seed(open.iter().map(|order| B256::new(order.hash)));
    let at_once = conditions.at_once.is_some();
    let same = [
        ("the mechanism", conditions.number() == posted.mechanism),
        ("trading before the gate", !at_once || rules.mechanism == Mechanism::Continuous),
        ("what happened before the gate", at_once || journal.steps.is_empty()),
        ("the fees", fees(&journal.policy) == Ok(rules.fees)),
        ("the retail price", unsigned(reference.retail) == Ok(posted.retail_price)),
        ("the feed-in price", unsigned(reference.feed_in) == Ok(posted.feed_in_price)),
        ("the seed", rules.seed == drawn),
        (
            "what is shared out after the slot",
            conditions.shared == is_shared(rules, &journal.policy),
        ),
        ("the shares", have_shares(&conditions, open)),
    ];
    if let Some((what, _)) = same.into_iter().find(|(_, holds)| !holds) {
        return Err(Difference::Rules { what: what.to_owned() });
    }
    let off_tick = journal.orders.iter().find(|order| {
        let limit = i64::try_from(order.terms.limit_price).unwrap_or(i64::MAX);
        limit % rules.tick.n_per_wh() != 0
    });
    match off_tick {
        Some(Published { sequence, .. }) => {
            let what = "its limit is not a multiple of the tick".to_owned();
            Err(Difference::Terms { sequence: *sequence, what })
        }
        None => Ok(conditions),
    }
}

/// Whether what was metered is shared out, by mechanism and policy.
fn is_shared(rules: &Rules, policy: &Policy) -> bool {
    rules.mechanism.is_allocation() && policy.settle_seconds > 0
}

/// Shares follow from the orders; after the slot they are those that the community has set, which
/// come to the whole with what nobody has.
fn have_shares(conditions: &Conditions, open: &[Order]) -> bool {
    let rules = &conditions.rules;
    if !conditions.shared || !rules.mechanism.has_shares() {
        return rules.shares == shares(&rules.mechanism, open);
    }
    let sum: u64 = rules.shares.iter().map(|share| u64::from(share.weight)).sum();
    sum == u64::from(SHARES_SUM)
}

/// All orders, each signed by its account for this slot.
fn orders(journal: &SlotJournal, grid: Option<&Grid>) -> Result<Vec<Order>, Difference> {
    let posted = Posted { clearing: journal.clearing.clone(), policy: journal.policy.clone() };
    let ends = journal.clearing.slot.saturating_add(u64::from(journal.policy.slot_seconds));
    let (mut last, mut seen) = (0, HashSet::new());
    let mut all = Vec::new();
    for order in &journal.orders {
        let Published { sequence, terms, signature, .. } = order;
        let sequence = *sequence;
        if sequence <= last || !seen.insert((terms.account, terms.nonce)) {
            return Err(Difference::Sequence { sequence });
        }
        last = sequence;
        if !posted.is_of(terms) {
            return Err(Difference::Foreign { sequence });
        }
        if let Err(what) = check_alone(terms, ends) {
            return Err(Difference::Terms { sequence, what: what.to_string() });
        }
        let hash = hash(journal, order);
        let signed = match signature {
            OrderSignature::Key(signature) => {
                let signer = recover(hash, signature);
                signer == Some(terms.account) || is_delegated(terms, signer)
            }
            // What it takes is for the chain to say; it was asked for itself alone.
            OrderSignature::Contract { .. } => terms.delegate.is_zero(),
        };
        if !signed {
            return Err(Difference::Signature { sequence });
        }
        let id = OrderId::derived(&hash.to_string());
        let order = order_of(id, hash, sequence, terms);
        let mut order = order.map_err(|_| Difference::Foreign { sequence })?;
        grid.iter().for_each(|grid| grid.locate(&mut order, terms.connection_point));
        all.push(order);
    }
    Ok(all)
}

fn hash(journal: &SlotJournal, order: &Published) -> B256 {
    order.terms.hash(journal.chain_id, journal.market)
}

/// The fills that come of the orders are those of the journal, which are those that were posted.
fn compare_fills(
    journal: &SlotJournal,
    all: &[Order],
    trades: &[super::ClearedTrade],
) -> Result<(), Difference> {
    let hashes: HashMap<OrderId, B256> =
        all.iter().map(|order| (order.id, B256::new(order.hash))).collect();
    let met = |trade: &super::ClearedTrade| Met {
        buy: hashes[&trade.buy],
        sell: hashes[&trade.sell],
        quantity: trade.quantity,
        prices: trade.prices,
    };
    let computed: Vec<Met> = trades.iter().map(met).collect();
    let shown = |fill: Option<&Met>| fill.map_or_else(|| "nothing".to_owned(), described);
    for index in 0..computed.len().max(journal.fills.len()) {
        let (ours, theirs) = (computed.get(index), journal.fills.get(index));
        if ours != theirs {
            let (computed, posted) = (shown(ours), shown(theirs));
            return Err(Difference::Fill { index, computed, posted });
        }
    }
    let root = Fills::new(computed).map_or(B256::ZERO, |fills| fills.root());
    let posted = journal.clearing.fills_root;
    if root == posted { Ok(()) } else { Err(Difference::FillsRoot { computed: root, posted }) }
}

fn described(fill: &Met) -> String {
    let prices = [Side::Buy, Side::Sell].map(|side| fill.prices.of(side));
    let price = match prices {
        [buyer, seller] if buyer == seller => buyer.to_string(),
        [buyer, seller] => format!("{buyer}/{seller}"),
    };
    let (buy, sell) = (fill.buy, fill.sell);
    format!("{} Wh at {price} n/Wh, buy {buy}, sell {sell}", fill.quantity.wh())
}
