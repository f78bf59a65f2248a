//! The figures that mechanisms are compared by.

use matching::metrics::{Metrics, Ratio, Saving, jain, losers, savings};
use matching::{Fees, Mechanism, Rules, Side, clear};
use serde_json::Value;
use units::{Energy, Price};

use crate::mechanisms::books::{order, reference, rules};

#[test]
fn fairness_is_as_computed() {
    let vectors: Value = crate::orders::vectors();
    let cases = vectors["jain"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let values: Vec<i64> =
            case[0].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect();
        let index = jain(&values).unwrap().unwrap();
        let expected: units::Decimal = case[1].to_string().parse().unwrap();
        let expected = u64::try_from(expected.rounded_to_scale(6).unwrap()).unwrap();
        assert_eq!(index.per_million(), Some(expected), "{case}");
    }
    assert_eq!(jain(&[0, -5]).unwrap(), None, "nobody has anything");
    let one = jain(&[7, -5]).unwrap().unwrap();
    assert_eq!(one, Ratio { numerator: 49, denominator: 98 }, "a loss counts as nothing");
    assert!(jain(&[i64::MAX; 8]).is_err());
}

#[test]
fn welfare_is_split_between_sides_and_difference() {
    let fee = Price::from_n_per_wh;
    let fees = Fees { network: fee(1), buyer: fee(2), seller: fee(3) };
    let rules = Rules { fees, reference: reference(8, 40), ..rules(Mechanism::default()) };
    let orders = [
        order("b", Side::Buy, 10, 33),
        order("s", Side::Sell, 8, 7),
        order("dear", Side::Sell, 5, 90),
    ];
    let cleared = clear(&orders, &rules).unwrap();
    let metrics = Metrics::new(&orders, &rules, &cleared).unwrap();
    // Energy prices 30 and 10; the bid sets the price, as it is filled in part.
    assert_eq!(cleared.price, Some(fee(30)));
    assert_eq!((metrics.buyers, metrics.sellers, metrics.difference), (0, 160, 0));
    assert_eq!(metrics.welfare(), Ok(160));
    assert_eq!((metrics.offered.wh(), metrics.demanded.wh()), (13, 10));
    let coverage = metrics.local_coverage().unwrap();
    assert_eq!(coverage, Ratio { numerator: 8, denominator: 10 });
    let savings = savings(&orders, &rules, &cleared).unwrap();
    let of = |place: usize| -> &Saving {
        savings.iter().find(|saving| saving.owner == orders[place].owner).unwrap()
    };
    // The buyer pays 33 instead of 40, the seller gets 27 instead of 8.
    assert_eq!((of(0).saved, of(0).relative()), (7 * 8, Some(140_000)));
    assert_eq!((of(1).saved, of(1).relative()), (19 * 8, Some(475_000)));
    assert_eq!((of(2).saved, of(2).relative()), (0, Some(0)));
    assert_eq!(losers(&savings), 0);
}

#[test]
fn who_would_have_done_better_with_the_retailer_is_a_loser() {
    let rules = Rules { reference: reference(8, 20), ..rules(Mechanism::PayAsBid) };
    let orders = [order("b", Side::Buy, 1, 30), order("s", Side::Sell, 1, 5)];
    let cleared = clear(&orders, &rules).unwrap();
    let savings = savings(&orders, &rules, &cleared).unwrap();
    assert_eq!(losers(&savings), 1);
    assert_eq!(cleared.volume, Energy::from_wh(1));
}
