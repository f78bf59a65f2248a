//! Orders by hand and by chance.

use ids::{OrderId, ZoneId};
use matching::{Order, Side};
use serde_json::Value;
use units::{Energy, Price};

/// A small generator whose seed is printed by every failing test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn price(&mut self, end: u64) -> i64 {
        i64::try_from(self.below(end)).unwrap()
    }

    pub(crate) fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).unwrap())).unwrap()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.place(place + 1));
        }
    }
}

/// An order by name, owned by itself, in the zone that all are in where there is one.
pub(crate) fn order(name: &str, side: Side, quantity: u64, price: i64) -> Order {
    let id = OrderId::derived(name);
    let mut owner = [0; 20];
    owner[..16].copy_from_slice(id.uuid().as_bytes());
    Order {
        id,
        owner,
        side,
        quantity: Energy::from_wh(quantity),
        price: Price::from_n_per_wh(price),
        min_fill: Energy::ZERO,
        hash: id.to_bytes32(),
        sequence: 0,
        zone: ZoneId::derived("zone"),
    }
}

/// The worked numbers.
pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/domain.json")).unwrap()
}
