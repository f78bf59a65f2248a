//! What must be true when a world has come to rest: nothing is open, everything is accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy_primitives::{B256, U256};
use billing::domain::journal::{self, Account};
use billing::domain::reconcile::Delivery;
use chain::ChainView;
use contracts::bindings::EnergyMarket;

use super::cash::Cash;
use super::crash::{Crash, Stop};
use super::world::World;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Checks the end of a world.
pub(super) fn check(world: &mut World) -> Result<(), String> {
    let lost = world.watched.dropped.len();
    (0..lost).for_each(|_| world.counts.add("settlement: gone for good"));
    all_have_seen_all(world)?;
    world.check().map_err(|stop| format!("{stop:?}"))?;
    money(world)?;
    trades(world)?;
    energy(world)?;
    replay(world)
}

fn all_have_seen_all(world: &World) -> Result<(), String> {
    let head = world.node.view.head();
    for (who, seen) in [("market", world.market.head), ("billing", world.billing.durable.head)] {
        let hash = seen.map(|seen| seen.hash);
        ensure(hash == Some(head), || format!("end: the {who} has not seen the head"))?;
    }
    ensure(world.queue.is_empty(), || "end: something was still to happen".to_owned())
}

fn cash(world: &mut World) -> Result<Rc<Cash>, String> {
    let head = world.node.view.head();
    world.cash(head).map_err(|stop| format!("{stop:?}"))
}

/// All cash is free, on chain, in the journal and in the market alike.
fn money(world: &mut World) -> Result<(), String> {
    let chain = cash(world)?;
    let operator = world.scene.reconciler.address();
    let left = chain.tokens.get(&operator).copied().unwrap_or(0);
    ensure(left == 0, || format!("end: {left} n were minted and not deposited"))?;
    let free: i128 = chain.free.values().sum();
    ensure(free == i128::from(chain.held.n()), || {
        format!("end: {free} n are free of {} n held", chain.held.n())
    })?;
    let book = &world.billing.book;
    let mut sum = 0;
    for (account, balance) in book.balances() {
        sum += balance;
        let empty = !matches!(account, Account::Bank | Account::Tokens | Account::Wallet(_));
        ensure(!empty || balance == 0, || format!("end: account {account} has {balance} n"))?;
    }
    ensure(sum == 0, || format!("end: the journal sums to {sum} n"))?;
    for home in &world.scene.homes[..world.homes] {
        let wallet = world.market.exchange.wallet(home.address);
        ensure(wallet.held().n() == 0, || format!("end: {} n are held", wallet.held().n()))?;
    }
    Ok(())
}

/// Every trade has its last word on chain, which is what the meters say or that it expired; and no
/// order was filled beyond its quantity. What was heard at the last moment may have come too late.
fn trades(world: &mut World) -> Result<(), String> {
    let mut target: BTreeMap<_, Delivery> = BTreeMap::new();
    for slot in &world.slots {
        let closes = world.billing.corrections_end(slot.start);
        let news = world.billing.durable.last_news.get(&slot.start);
        if news.is_some_and(|news| news.plus_seconds(world.course.handed_over_within()) > closes) {
            world.counts.add("reconcile: news at the last moment");
            continue;
        }
        let deliveries = world.billing.target_in_time(slot.start);
        target.extend(deliveries.into_iter().map(|delivery| (delivery.trade, delivery)));
    }
    for (id, wanted) in &target {
        let Some((run, last)) = world.billing.recorded(*id) else {
            return Err(format!("end: trade {id} was never reconciled"));
        };
        let expired = run == contracts::RUN_EXPIRED;
        let paid = (last.delivered.wh(), last.seller_short.wh(), last.buyer_short.wh());
        let right = match expired {
            true => (0, 0, 0),
            false => (wanted.delivered.wh(), wanted.seller_short.wh(), wanted.buyer_short.wh()),
        };
        // A trade that was given up keeps what the chain had; all others are as the meters said.
        let given_up = world.billing.durable.closed.contains_key(id);
        ensure(paid == right || given_up, || {
            format!("end: trade {id} paid {paid:?} Wh, not {right:?}")
        })?;
    }
    let settled = &world.billing.durable.settled;
    let batches: BTreeSet<_> = settled.iter().map(|row| row.batch()).collect();
    let market = world.scene.at.market;
    let mut at = world.node.at(world.node.view.head());
    for key in batches {
        let (id, number) = (key.0, U256::from(key.1));
        let kept = at.ask(market, &EnergyMarket::batchStateCall { id, number });
        let ours = world.billing.shown(key).hash();
        ensure(kept.trades == ours, || format!("end: batch {key:?} is not as it was heard of"))?;
    }
    drop(at);
    let mut filled: BTreeMap<B256, u64> = BTreeMap::new();
    for row in settled.iter() {
        for order in row.orders {
            *filled.entry(order).or_default() += row.quantity.wh();
        }
    }
    for (order, quantity) in orders(world) {
        let filled = filled.get(&order).copied().unwrap_or_default();
        ensure(filled <= quantity, || format!("end: order {order} has {filled} of {quantity}"))?;
    }
    let parts = world.market.exchange.orders();
    let parts = parts.filter(|o| o.filled.wh() > 0 && o.filled < o.terms.quantity).count();
    (0..parts).for_each(|_| world.counts.add("order: filled in part"));
    Ok(())
}

fn orders(world: &World) -> Vec<(B256, u64)> {
    let orders = world.market.exchange.orders();
    orders.map(|order| (order.hash, order.terms.quantity.wh())).collect()
}

/// Bought and sold energy is within what the stored readings say, for every home and slot, and the
/// books have what they say; but where they said it too late and what was paid does not fit it.
fn energy(world: &World) -> Result<(), String> {
    for slot in &world.slots {
        let known = world.metering.known(slot.start);
        for home in &world.scene.homes[..world.homes] {
            let [import, export, bought, sold, ..] = world.flows(home.point, slot.start);
            let metered = known.get(&home.point);
            let said = metered.map_or((0, 0), |known| (known.import.wh(), known.export.wh()));
            let said = (i128::from(said.0), i128::from(said.1));
            let kept = world.billing.durable.kept.get(&(slot.start, home.point));
            let covers = bought <= said.0 && sold <= said.1;
            let fits = match kept {
                Some(kept) if !kept.posted => kept.late && !covers,
                Some(kept) => kept.late && covers && (import, export) == said,
                None => covers && (import, export) == said,
            };
            ensure(fits, || {
                let point = home.point;
                format!("end: {point} bought {bought} and sold {sold}, its meter said {said:?}")
            })?;
        }
    }
    Ok(())
}

/// Everything is rebuilt once more from what was committed, and audited as a whole.
fn replay(world: &mut World) -> Result<(), String> {
    let (exchange, book) = (world.market.exchange.hash(), world.billing.book.clone());
    let ended =
        [world.market.restart(Crash::After, exchange), world.billing.restart(Crash::After, &book)];
    for stop in ended.into_iter().filter_map(Result::err) {
        if let Stop::Broken(what) = stop {
            return Err(what);
        }
    }
    let entries = &world.billing.durable.entries;
    journal::check_entries(entries, &world.billing.book).map_err(|error| error.to_string())?;
    let held = cash(world)?.held;
    journal::check(&world.billing.book, Some(held)).map_err(|error| error.to_string())
}
