//! What makes a market stop by itself, as far as it follows from the journal: feeds that are
//! silent, forecasts that do not hold, standing rules that lose.
//!
//! ```text
//! loss      lost / tariff of 24 hours
//! drawdown  (highest gain - gain now, at most all of it) / (tariff of 24 hours + highest gain)
//! ```
//!
//! Deliberately absent: a tariff that is missing (no order of such a slot is accepted), and what
//! others find out (`outside.rs`).

use std::collections::{BTreeMap, BTreeSet};

use calendar::{Slot, Timestamp};
use contracts::Side;

use super::guard::{Trigger, Trip};
use super::{
    ClearedSlot, ClearedTrade, Exchange, Export, Parameters, RuleName, RuleQuantity, Trader,
};

/// How many slots in a row a forecast has to be off.
const FORECAST_SLOTS: i64 = 4;
/// How long the trades of a rule are summed.
const LOSS_SECONDS: i64 = 24 * 3600;
/// The fewest slots in which a rule traded before a loss counts.
const LOSS_SLOTS_MIN: u64 = 4;

/// What trades of a rule came to, in 1e-9 currency.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    slots: u64,
    lost: i128,
    tariff: i128,
    /// The most that was gained, less what was lost, at the end of any slot; zero at first.
    highest: i128,
}

impl Exchange {
    /// Feeds that are silent at `now` for longer than the figures allow, heard since `since`: of
    /// what came before that nobody here could have heard.
    pub fn silent_feeds(
        &self,
        parameters: &Parameters,
        (since, now): (Timestamp, Timestamp),
    ) -> Vec<Trip> {
        let limits = self.risk_limits();
        let block = limits.chain_silent_seconds.zip(self.risk.feeds.block);
        let silent = block.and_then(|(most, block)| {
            let heard = block.max(since);
            let age = u64::try_from(now.seconds_since(heard)).unwrap_or_default();
            let evidence = vec![format!("the newest block is of {block}")];
            let (trigger, most) = (Trigger::SilentChain, u64::from(most));
            let trip =
                Trip { trigger, trader: None, measured: age, most, span: (block, now), evidence };
            (age > most).then_some(trip)
        });
        let mut trips: Vec<Trip> = silent.into_iter().collect();
        if let Some(most) = limits.stale_slots {
            trips.extend(self.stale(u64::from(most), parameters, (since, now)));
        }
        trips
    }

    /// The zone, where nothing is metered any more; else the connection points of which that holds.
    fn stale(
        &self,
        most: u64,
        parameters: &Parameters,
        (since, now): (Timestamp, Timestamp),
    ) -> Vec<Trip> {
        let length = parameters.slot_length;
        let ended_at = |moment| Slot::containing(moment, length).later(-1).start;
        let ended = ended_at(now);
        let behind = |newest: Timestamp| {
            let newest = newest.max(ended_at(since));
            u64::try_from(ended.seconds_since(newest) / length.seconds()).unwrap_or_default()
        };
        let trip = |trader: Option<Trader>, newest: Timestamp| {
            let evidence = vec![format!("the newest metered slot is {newest}")];
            let (measured, trigger) = (behind(newest), Trigger::MissingData);
            Trip { trigger, trader, measured, most, span: (newest, now), evidence }
        };
        let metered = &self.risk.feeds.metered;
        let Some(newest) = metered.values().max() else { return Vec::new() };
        if behind(*newest) > most {
            return vec![trip(None, *newest)];
        }
        let silent = metered.iter().filter(|(_, newest)| behind(**newest) > most);
        silent.map(|(point, newest)| trip(Some(Trader::ConnectionPoint(*point)), *newest)).collect()
    }

    /// Standing rules that order by what `metered` of the slot that starts at `slot`, and of those
    /// before it, is too far off.
    pub fn missed_forecasts(
        &self,
        (slot, metered): (Timestamp, &[(Side, Export)]),
        parameters: &Parameters,
    ) -> Vec<Trip> {
        let Some(sigmas) = self.risk_limits().forecast_sigmas else { return Vec::new() };
        let tolerance = u64::from(parameters.terms.tolerance_wh);
        let length = parameters.slot_length.seconds();
        let mut trips = Vec::new();
        for (side, export) in metered {
            let name = RuleName { connection_point: export.connection_point, side: *side };
            let rule = self.rule(name);
            if !rule.is_some_and(|rule| matches!(rule.quantity, RuleQuantity::Likely { .. })) {
                continue;
            }
            let history = self.metered(*side);
            let off = (0..FORECAST_SLOTS).map(|back| {
                let slot = slot.plus_seconds(-back * length);
                let (likely, known) =
                    history.off_by(name.connection_point, slot, (sigmas, tolerance))?;
                Some(format!("{slot}: {} Wh were likely, {} Wh metered", likely.wh(), known.wh()))
            });
            let Some(evidence) = off.collect::<Option<Vec<String>>>() else { continue };
            trips.push(Trip {
                trigger: Trigger::Forecast,
                trader: Some(Trader::Rule(name)),
                measured: FORECAST_SLOTS.unsigned_abs(),
                most: FORECAST_SLOTS.unsigned_abs() - 1,
                span: (slot.plus_seconds((1 - FORECAST_SLOTS) * length), slot),
                evidence,
            });
        }
        trips
    }

    /// Standing rules whose trades lose against the tariff, or what they had gained against it, of
    /// those that have traded in `cleared`.
    pub fn losing_rules(&self, cleared: &ClearedSlot, parameters: &Parameters) -> Vec<Trip> {
        let limits = self.risk_limits();
        if limits.loss_percent.or(limits.drawdown_percent).is_none() {
            return Vec::new();
        }
        let traded = cleared.trades.iter().flat_map(|trade| self.rules_in(trade));
        let traded: BTreeSet<RuleName> = traded.collect();
        if traded.is_empty() {
            return Vec::new();
        }
        let span = (cleared.slot.plus_seconds(1 - LOSS_SECONDS), cleared.ends);
        let results = self.outcomes_of_rules(span.0, cleared.slot, parameters);
        let found = traded.into_iter().filter_map(|name| Some((name, results.get(&name)?)));
        let found = found.filter(|(_, outcome)| outcome.slots >= LOSS_SLOTS_MIN);
        let losing = found.flat_map(|(name, outcome)| {
            let Outcome { slots, lost, tariff, highest } = *outcome;
            let loss = (Trigger::Loss, limits.loss_percent, (lost, tariff));
            // What is lost beyond what was gained is a loss.
            let fell = (highest.min(highest + lost), tariff + highest);
            let drawdown = (Trigger::Drawdown, limits.drawdown_percent, fell);
            let passed = move |(trigger, most, lost): (_, Option<u32>, _)| {
                passed(name, (trigger, most?), lost, (span, slots))
            };
            [loss, drawdown].into_iter().filter_map(passed)
        });
        losing.collect()
    }

    /// What the trades of each rule came to in the slots from `from` to `last`.
    fn outcomes_of_rules(
        &self,
        from: Timestamp,
        last: Timestamp,
        parameters: &Parameters,
    ) -> BTreeMap<RuleName, Outcome> {
        let mut results: BTreeMap<RuleName, Outcome> = BTreeMap::new();
        for (_, book) in self.slots.range(from..=last) {
            let Some(slot) = &book.cleared else { continue };
            let mut here = BTreeSet::new();
            for trade in &slot.trades {
                for name in self.rules_in(trade) {
                    let result = results.entry(name).or_default();
                    let (lost, tariff) = against_tariff(slot, trade, name.side, parameters);
                    result.lost += lost;
                    result.tariff += tariff;
                    result.slots += u64::from(here.insert(name));
                }
            }
            for name in here {
                let result = results.entry(name).or_default();
                result.highest = result.highest.max(-result.lost);
            }
        }
        results
    }

    /// The standing rules whose orders met in a trade. Who has a rule and another delegate for the
    /// same side is judged by both: signatures are not recovered for every trade of a day.
    fn rules_in(&self, trade: &ClearedTrade) -> impl Iterator<Item = RuleName> {
        let orders = [trade.buy, trade.sell].map(|id| &self.orders[&id]);
        let signed = orders.into_iter().filter(|order| !order.terms.delegate.is_zero());
        let named = signed.map(|order| {
            let connection_point = order.terms.connection_point;
            RuleName { connection_point, side: order.terms.side }
        });
        named.filter(|name| self.rule(*name).is_some())
    }
}

/// The limit that a rule has passed which lost so much of so much, if it has.
fn passed(
    name: RuleName,
    (trigger, most): (Trigger, u32),
    (lost, of): (i128, i128),
    (span, slots): ((Timestamp, Timestamp), u64),
) -> Option<Trip> {
    let measured = u64::try_from((lost * 100).checked_div(of)?).unwrap_or_default();
    let beyond = lost * 100 > of * i128::from(most);
    let evidence = vec![
        format!("{slots} slots with trades"),
        format!("{lost} (1e-9 currency) lost of {of} by the tariff"),
    ];
    let (trader, most) = (Some(Trader::Rule(name)), u64::from(most));
    beyond.then_some(Trip { trigger, trader, measured, most, span, evidence })
}

/// What a trade lost on a side, and what its energy comes to by the tariff.
fn against_tariff(
    slot: &ClearedSlot,
    trade: &ClearedTrade,
    side: Side,
    parameters: &Parameters,
) -> (i128, i128) {
    let energy = i128::from(trade.quantity.wh());
    let worth = |price: units::Price| i128::from(price.n_per_wh()) * energy;
    match side {
        Side::Buy => {
            let tariff = worth(slot.retail_price);
            (i128::from(trade.escrow.n()) - tariff, tariff)
        }
        Side::Sell => {
            let tariff = worth(slot.feed_in_price);
            let gross = i128::from(trade.prices.seller) * energy;
            (tariff - (gross - worth(parameters.fees.seller)), tariff)
        }
    }
}
