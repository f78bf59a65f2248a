//! P1, marking the price: small orders of an owner move the price of a slot to the advantage of its
//! large position.
//!
//! ```text
//! sells 4000 Wh, and offers 10 Wh more at 18 ct: the price is 21 ct
//! the same book without the 10 Wh:               the price is 17 ct -> marked, gain 4 ct x 4000 Wh
//! ```
//!
//! The slot is cleared again without the owner's small orders, by the market's own auction. Where
//! that auction does not give the slot's price with them, it was cleared otherwise, and nothing is
//! said. One marked slot is chance, of somebody who buys a little here and sells much there; a
//! price that follows the small orders most of the times they stand is not.

use ids::PartyId;
use matching::Rules;
use units::{Energy, Price};

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Order, Rule};

thresholds! {
    /// From where on small orders mark the price.
    Marking {
        /// Marked slots of a window. Ours.
        slots = 12 in 1..=100_000;
        /// Percent of the slots with small orders beside a large position. Ours.
        slots_percent = 50 in 1..=100;
        /// What the position gained, in 1e-9 currency: 0.10. Ours.
        gain_n = 100_000_000 in 1..=1_000_000_000_000;
        /// Percent of the position that an order is small up to. Ours.
        small_percent = 5 in 1..=50;
        /// Percent of the price without them by which it has to move. Ours.
        move_percent = 2 in 1..=100;
    }
}

const SMALL: usize = 0;
const MARKED: usize = 1;
const GAIN: usize = 2;

pub(super) fn tally(books: &[Book<'_>], thresholds: &Marking, tallies: &mut Tallies) {
    for book in books {
        let Some(price) = book.slot.price else { continue };
        let standing: Vec<&Order> = book.standing().collect();
        let mut cleared = None;
        for (owner, position) in positions(book) {
            let small = |order: &&Order| {
                let part = position.abs() * i128::from(thresholds.small_percent);
                order.owner == owner && order.wh() > 0 && order.wh() * 100 <= part
            };
            if !standing.iter().any(small) {
                continue;
            }
            if *cleared.get_or_insert_with(|| price_of(book, &standing)) != Some(price) {
                break;
            }
            let tally = tallies.of(Rule::P1, vec![owner]);
            tally.add(SMALL, 1);
            let rest: Vec<&Order> = standing.iter().copied().filter(|o| !small(o)).collect();
            let Some(without) = price_of(book, &rest) else { continue };
            let without = i128::from(without.n_per_wh());
            let moved = (i128::from(price.n_per_wh()) - without) * position.signum();
            let least = i128::from(thresholds.move_percent) * without;
            if moved > 0 && moved * 100 >= least {
                tally.add(MARKED, 1);
                tally.add(GAIN, moved * position.abs());
                let slot = book.slot.slot;
                let orders = standing.iter().filter(|order| small(order));
                tally.prove(orders.map(|order| Evidence::Order { slot, order: order.order }));
                let own = book.trades.iter();
                let own = own.filter(|t| t.buy.owner == owner || t.sell.owner == owner);
                tally.prove(own.map(Evidence::from));
            }
        }
    }
}

/// What every owner sold more than it bought in the slot, in Wh; negative for buyers.
fn positions(book: &Book<'_>) -> Vec<(PartyId, i128)> {
    let mut positions = book.sold.clone();
    for (owner, bought) in &book.bought {
        *positions.entry(*owner).or_default() -= bought;
    }
    positions.into_iter().filter(|(_, position)| *position != 0).collect()
}

/// The price that the uniform auction finds for these orders.
fn price_of(book: &Book<'_>, orders: &[&Order]) -> Option<Price> {
    let orders: Vec<matching::Order> = orders.iter().map(|order| matched(order)).collect();
    let rules = Rules::uniform(book.slot.tick, book.slot.fees);
    matching::clear(&orders, &rules).ok()?.price
}

fn matched(order: &Order) -> matching::Order {
    let mut owner = [0; 20];
    owner[..16].copy_from_slice(order.account.uuid().as_bytes());
    matching::Order {
        id: order.order,
        owner,
        side: order.side,
        quantity: order.quantity,
        price: order.limit,
        min_fill: Energy::ZERO,
        // Prices do not depend on who wins a tie.
        hash: order.order.to_bytes32(),
        sequence: 0,
        zone: ids::ZoneId::from_uuid(ids::Uuid::nil()),
    }
}

pub(super) fn figures(sums: &[i128], thresholds: &Marking) -> Vec<Figure> {
    let marked = sum(sums, MARKED);
    let share = percent(marked, sum(sums, SMALL));
    vec![
        Figure::least("marked slots", "slots", marked, thresholds.slots),
        Figure::least("of slots with small orders", "%", share, thresholds.slots_percent),
        Figure::least("gained", "n", sum(sums, GAIN), thresholds.gain_n),
    ]
}
