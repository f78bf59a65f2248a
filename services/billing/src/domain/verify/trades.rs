//! What the contract settled for the account, day by day.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use alloy_primitives::B256;
use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use contracts::{
    DayDigest, Policy, Prices, RUN_CHALLENGED, RUN_EXPIRED, Reconciled, Settled, outcome,
};
use units::{Energy, Money, Price};

use super::report::Supports;
use super::{DayTrades, Entries, Evidence, Verifier};
use crate::domain::bill::{Side, Traded};
use crate::domain::reconcile::last_run;

/// A trade while its day is replayed.
struct Open {
    settled: Settled,
    policy: usize,
    last: Option<Reconciled>,
    /// Whether a challenge cut it after that.
    cut: bool,
}

impl Verifier<'_> {
    /// The account's trades of the period as the contract left them; `None` where a day is not
    /// proved.
    ///
    /// The contract keeps digests by UTC day, so the first and the last of them may hold trades of
    /// the neighbouring periods: they are replayed with the others and left out.
    pub(super) fn check_trades(&mut self) -> Option<Vec<Traded>> {
        let bill = self.bill;
        let evidence = &bill.evidence;
        let hashes = self.check_policies();
        let within = self.within();
        let mut days: BTreeMap<LocalDay, (usize, &DayTrades)> = BTreeMap::new();
        for (place, day) in evidence.trades.iter().enumerate() {
            let rising = days.last_key_value().is_none_or(|(last, _)| *last < day.day);
            let ours = utc_days(&within).contains(&day.day.number());
            if !rising || !ours || day.entries.is_empty() {
                let part = format!("evidence.trades[{place}]");
                self.fail(part, Supports::Traded, "it is empty, out of order or of another period");
                continue;
            }
            days.insert(day.day, (place, day));
        }
        let mut named = vec![false; hashes.len()];
        let mut all = Some(Vec::new());
        for day in utc_days(&within).map(LocalDay::from_number) {
            let (part, outcome) = match days.get(&day) {
                Some((place, trades)) => {
                    let part = format!("evidence.trades[{place}]");
                    (part, self.check_day_of_trades(trades, &hashes, &mut named))
                }
                None => ("evidence.trades".to_owned(), self.no_trades(day)),
            };
            match outcome {
                Ok(traded) => all.iter_mut().for_each(|all| all.extend(&traded)),
                Err(reason) => {
                    self.fail(part, Supports::Traded, format!("trades of {day}: {reason}"));
                    all = None;
                }
            }
        }
        for (place, _) in named.iter().enumerate().filter(|(_, named)| !**named) {
            let part = format!("evidence.policies[{place}]");
            self.fail(part, Supports::Traded, "no trade was made under this policy");
        }
        all
    }

    fn check_policies(&mut self) -> Vec<B256> {
        let bill = self.bill;
        let policies = &bill.evidence.policies;
        let hashes: Vec<B256> = policies.iter().map(Policy::id).collect();
        for (place, (policy, hash)) in policies.iter().zip(&hashes).enumerate() {
            let seconds = i64::from(policy.slot_seconds);
            let fits = policy.community == bill.invoice.community
                && seconds == bill.invoice.slot_minutes.seconds();
            if !fits || hashes[..place].contains(hash) {
                let part = format!("evidence.policies[{place}]");
                let reason = "it is of another community or slot length, or there twice";
                self.fail(part, Supports::Traded, reason);
            }
        }
        hashes
    }

    fn digest(&mut self, day: LocalDay) -> Result<B256, String> {
        let market = self.bill.evidence.chain.contracts.market;
        let digest = self.state.digest(market, self.bill.invoice.address, day.number());
        digest.map_err(|error| format!("their digest is not proved: {error}"))
    }

    fn no_trades(&mut self, day: LocalDay) -> Result<Vec<Traded>, String> {
        match self.digest(day)? {
            B256::ZERO => Ok(Vec::new()),
            _ => Err("the contract settled some, the bill shows none".to_owned()),
        }
    }

    fn check_day_of_trades(
        &mut self,
        day: &DayTrades,
        hashes: &[B256],
        named: &mut [bool],
    ) -> Result<Vec<Traded>, String> {
        let proved = self.digest(day.day)?;
        let (evidence, within) = (&self.bill.evidence, self.within());
        if !self.is_retariffed() {
            check_references(day, &within, evidence, self.bill.invoice.slot_minutes)?;
        }
        let zone = &evidence.tariff.head().timezone;
        let replayed = replay(day, (&evidence.policies, hashes), &within, zone)?;
        if replayed.digest.0 != proved {
            return Err("they are not those that the contract settled".to_owned());
        }
        for policy in replayed.policies {
            named[policy] = true;
        }
        self.open_until = self.open_until.max(replayed.open_until);
        self.closing.extend(replayed.closing);
        self.cut.extend(replayed.cut);
        Ok(replayed.traded)
    }
}

/// The numbers of the UTC days that have a moment in `within`: under these the contract keeps what
/// it settles.
pub fn utc_days(within: &Range<Timestamp>) -> RangeInclusive<u32> {
    let number = |moment| TimeZone::utc().day_of(moment).number();
    number(within.start)..=number(within.end.plus_seconds(-1))
}

/// The prices that shortfalls are reckoned with are the tariff's within the limits of the policy,
/// not whatever was posted.
fn check_references(
    day: &DayTrades,
    within: &Range<Timestamp>,
    evidence: &Evidence,
    length: SlotLength,
) -> Result<(), String> {
    let tariff = &evidence.tariff;
    for entries in &day.entries {
        let Entries::Settled { slot, retail, feed_in, policy, .. } = entries else { continue };
        let place = usize::try_from(*policy).unwrap_or(usize::MAX);
        let policy = evidence.policies.get(place).ok_or("a policy is missing")?;
        let start = moment(*slot)?;
        if !within.contains(&start) {
            continue;
        }
        let slot = Slot::starting(start, length).ok_or("a slot does not begin where slots do")?;
        let prices = (price(*retail)?, price(*feed_in)?);
        let right = (
            tariff.retail_price(slot).min(price(policy.retail_price_max)?),
            tariff.feed_in_price(slot).max(price(policy.feed_in_price_min)?),
        );
        if prices != right {
            return Err(format!("the slot from {start} was settled with prices of another tariff"));
        }
    }
    Ok(())
}

/// What a day's entries come to.
pub(super) struct Replayed {
    digest: DayDigest,
    /// Places of the policies that trades were made under, also those of other periods.
    policies: Vec<usize>,
    /// When the last of `traded` can be corrected no more.
    open_until: Timestamp,
    /// When the corrections of the period's trades end, by slot.
    closing: BTreeMap<Timestamp, Timestamp>,
    /// The period's slots with a trade that was cut after the invoice was rated.
    cut: BTreeSet<Timestamp>,
    /// The trades of the period.
    pub(super) traded: Vec<Traded>,
}

/// When trades of the slot that starts at `slot` can be corrected no more.
fn closing(policy: &Policy, slot: Timestamp) -> Timestamp {
    slot.plus_seconds(i64::from(policy.slot_seconds) + i64::from(policy.correction_seconds))
}

/// The digest of a UTC day again, entry by entry, and what its trades with a slot in `within` came
/// to. `zone`: where the days of the slots' runs begin.
pub(super) fn replay(
    day: &DayTrades,
    (policies, hashes): (&[Policy], &[B256]),
    within: &Range<Timestamp>,
    zone: &TimeZone,
) -> Result<Replayed, String> {
    let mut digest = DayDigest::default();
    let mut open: Vec<Open> = Vec::new();
    let later = usize::try_from(day.later).unwrap_or(usize::MAX);
    let mut counted = day.runs().checked_sub(later).ok_or("it has no so many runs")?;
    for entries in &day.entries {
        digest = apply(digest, entries, hashes, (&mut open, &mut counted))?;
    }
    let open_until = Timestamp::from_seconds(0);
    let mut replayed = Replayed {
        digest,
        policies: Vec::new(),
        open_until,
        closing: BTreeMap::new(),
        cut: BTreeSet::new(),
        traded: Vec::new(),
    };
    for trade in open {
        let slot = moment(trade.settled.slot)?;
        if TimeZone::utc().day_of(slot) != day.day {
            return Err(format!("the slot from {slot} is not of this day"));
        }
        replayed.policies.push(trade.policy);
        if !within.contains(&slot) {
            continue;
        }
        let policy = &policies[trade.policy];
        let closes = closing(policy, slot);
        replayed.open_until = replayed.open_until.max(closes);
        let last = replayed.closing.entry(slot).or_insert(closes);
        *last = closes.max(*last);
        if trade.cut {
            replayed.cut.insert(slot);
        }
        replayed.traded.push(trade.outcome(policy, slot, zone)?);
    }
    Ok(replayed)
}

/// The digest after some entries. Of the runs the first `counted` say what came of the trades;
/// those after them can only be challenges.
fn apply(
    mut digest: DayDigest,
    entries: &Entries,
    hashes: &[B256],
    (open, counted): (&mut Vec<Open>, &mut usize),
) -> Result<DayDigest, String> {
    match entries {
        Entries::Settled { side, slot, prices, retail, feed_in, policy, trades } => {
            let place = usize::try_from(*policy).unwrap_or(usize::MAX);
            let hash = hashes.get(place).ok_or("a policy is missing")?;
            for (trade, quantity) in trades {
                let settled = Settled {
                    trade: *trade,
                    side: *side,
                    slot: *slot,
                    quantity: Energy::from_wh(*quantity),
                    prices: Prices { buyer: prices.0, seller: prices.1 },
                    retail_price: *retail,
                    feed_in_price: *feed_in,
                    policy: *hash,
                };
                digest = digest.settled(&settled);
                open.push(Open { settled, policy: place, last: None, cut: false });
            }
        }
        Entries::Reconciled { run, trades } => {
            for (place, delivered, seller_short, buyer_short) in trades {
                let place = usize::try_from(*place).unwrap_or(usize::MAX);
                let trade = open.get_mut(place).ok_or("a run names no trade of the day")?;
                let reconciled = Reconciled {
                    trade: trade.settled.trade,
                    run: *run,
                    delivered: Energy::from_wh(*delivered),
                    seller_short: Energy::from_wh(*seller_short),
                    buyer_short: Energy::from_wh(*buyer_short),
                };
                digest = digest.reconciled(&reconciled);
                if let Some(left) = counted.checked_sub(1) {
                    *counted = left;
                    trade.last = Some(reconciled);
                } else if *run == RUN_CHALLENGED {
                    trade.cut = true;
                } else {
                    return Err("a run that is no challenge is left out".to_owned());
                }
            }
        }
    }
    Ok(digest)
}

impl Open {
    /// What the trade came to, by the contract's own formulas.
    fn outcome(&self, policy: &Policy, slot: Timestamp, zone: &TimeZone) -> Result<Traded, String> {
        let settled = &self.settled;
        let last = self.last.ok_or("a trade was not reconciled yet")?;
        let terms = settled.terms(policy);
        let outcome = outcome(&terms, last.delivered, last.seller_short, last.buyer_short)
            .map_err(|error| error.to_string())?;
        use contracts::Side::{Buy, Sell};
        let (side, other, fee, own_short) = match settled.side {
            Buy => (Side::Buyer, Sell, policy.buyer_fee, last.buyer_short),
            Sell => (Side::Seller, Buy, policy.seller_fee, last.seller_short),
        };
        // A trade expires when its corrections end without a run. Before the last run was due, the
        // other side's meter may have been waited for.
        let waited = last.run == RUN_EXPIRED && closing(policy, slot) <= last_run(slot, zone);
        let excused = if waited { settled.quantity } else { terms.free_shortfall(other) };
        let short = last.buyer_short.plus(last.seller_short).map_err(|error| error.to_string())?;
        Ok(Traded {
            side,
            slot,
            quantity: settled.quantity,
            delivered: last.delivered,
            own_short,
            short,
            excused,
            price: price(settled.prices.of(settled.side))?,
            network_fee: price(policy.network_fee)?,
            platform_fee: price(fee)?,
            make_whole: outcome.make_whole,
            compensation: outcome.compensation,
            imbalance: if own_short > Energy::ZERO { outcome.imbalance } else { Money::ZERO },
        })
    }
}

fn moment(seconds: u64) -> Result<Timestamp, String> {
    let moment = i64::try_from(seconds).map(Timestamp::from_seconds);
    moment.map_err(|_| "a slot lies beyond all time".to_owned())
}

fn price(n_per_wh: u64) -> Result<Price, String> {
    let price = i64::try_from(n_per_wh).map(Price::from_n_per_wh);
    price.map_err(|_| "a price does not fit".to_owned())
}
