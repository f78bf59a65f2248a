//! How much of what a book is worth each mechanism brings about.

use std::ops::Range;

use matching::metrics::Metrics;
use matching::{Mechanism, Order, Rules, Share, Side, clear};
use units::Price;

use crate::mechanisms::books::{Dice, owner, reference, rules};

/// What is known of some, in hundredths of a per cent of the call auction: welfare on average and
/// at worst, and volume. Published are 97.4 % with 92 % of the volume for gsy-e's pay-as-clear,
/// 57.6 % with 138 % for its pay-as-bid; the books are random ones of the same kind, not the same.
const KNOWN: [(&str, Range<u64>, Range<u64>, Range<u64>); 4] = [
    ("gsy_pay_as_clear", 9_740..9_800, 1_800..4_000, 9_200..9_350),
    ("gsy_pay_as_bid", 5_500..5_800, 100..250, 13_600..13_900),
    ("mc_afee", 8_250..8_400, 0..1, 7_000..7_300),
    ("continuous", 8_300..8_600, 300..500, 11_600..12_000),
];

/// 3 to 20 orders a side of 0.5 to 5 kWh, between 8 and 30 ct per kWh.
fn book(dice: &mut Dice) -> Vec<Order> {
    let mut orders = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        for _ in 0..3 + dice.below(18) {
            let count = u64::try_from(orders.len()).unwrap();
            let (quantity, price) = (500 + dice.below(4501), 80_000 + dice.price(220_001));
            let order = dice.order(count, quantity, price);
            orders.push(Order { side, ..order });
        }
    }
    orders
}

#[test]
fn the_call_auction_gets_all_that_a_book_is_worth_and_the_others_less() {
    let count = 2000;
    let mut found = Vec::new();
    for mechanism in Mechanism::ALL {
        let mechanism = mechanism.with_price(Price::from_n_per_wh(190_000));
        let shares = (0..40).map(|count| Share { owner: owner(count), weight: 1 }).collect();
        let rules = Rules { reference: reference(80_000, 300_000), shares, ..rules(mechanism) };
        let (mut sum, mut lowest, mut volumes, mut worth) = (0, u64::MAX, 0, 0);
        for seed in 0..count {
            let orders = book(&mut Dice(seed));
            let figures = |rules: &Rules| {
                let cleared = clear(&orders, rules).unwrap();
                Metrics::new(&orders, rules, &cleared).unwrap()
            };
            let best = figures(&crate::mechanisms::books::rules(Mechanism::default()));
            let own = figures(&rules);
            let Some(most) = u128::try_from(best.welfare().unwrap()).ok().filter(|&w| w > 0) else {
                continue;
            };
            let got = u128::try_from(own.welfare().unwrap()).unwrap();
            let part = u64::try_from(got * 10_000 / most).unwrap();
            sum += part;
            lowest = lowest.min(part);
            volumes += own.volume.wh() * 10_000 / best.volume.wh();
            worth += 1;
        }
        println!(
            "{:<22} welfare {:>3}.{:02} % (min {:>3}.{:02} %), volume {:>3}.{:02} %, {worth} books",
            mechanism.name(),
            sum / worth / 100,
            sum / worth % 100,
            lowest / 100,
            lowest % 100,
            volumes / worth / 100,
            volumes / worth % 100
        );
        found.push((mechanism, sum / worth, lowest, volumes / worth));
    }
    for (mechanism, mean, lowest, volume) in found {
        if mechanism.properties().efficient {
            assert_eq!((mean, lowest, volume), (10_000, 10_000, 10_000), "{mechanism}");
        } else {
            assert!(mean < 10_000, "{mechanism}");
        }
        for (name, means, least, volumes) in KNOWN {
            let within = means.contains(&mean) && least.contains(&lowest);
            let figures = format!("{mean}, at least {lowest}, volume {volume}");
            let known = name != mechanism.name() || within && volumes.contains(&volume);
            assert!(known, "{mechanism}: {figures} hundredths of a per cent");
        }
    }
}
