//! What others make of fees and places, in the same book: gsy-e's fees along a path, and matching
//! at home first.

use matching::network::{self, Link, Network, Way, Zone};
use matching::{Fees, Rules, Side};
use serde_json::Value;
use units::Price;

use crate::orders::vectors;
use crate::zonal::book::{buy, fills, network as grid, order, rules, sell, welfare, zone};

/// A house, its street and another house, with a fee for each part of the way, in this order.
fn way(fees: [i64; 3]) -> Network {
    let [up, top, down] = fees.map(Price::from_n_per_wh);
    let way = |fee| Way { fee, capacity: None };
    let link = |name: &str, to: Price, from: Price| Link {
        zone: zone(name),
        parent: zone("street"),
        up: way(to),
        down: way(from),
    };
    let zones = ["street", "seller", "buyer"].map(|name| Zone { zone: zone(name), fee: top });
    let free = Price::ZERO;
    Network {
        zones: zones.to_vec(),
        links: vec![link("seller", up, free), link("buyer", free, down)],
    }
}

/// The prices at which the only bid and the only ask trade: the buyer's with all fees, the
/// seller's.
fn traded(network: &Network, bid: i64, ask: i64) -> Option<(i64, i64)> {
    let orders = [buy("b", "buyer", 1000, bid), sell("s", "seller", 1000, ask)];
    let zonal = network::clear(&orders, network, &rules(1)).unwrap();
    let of = |name: &str| zonal.zones.iter().find(|price| price.zone == zone(name));
    (!zonal.clearing.trades.is_empty())
        .then(|| (of("buyer").unwrap().buyer.n_per_wh(), of("seller").unwrap().seller.n_per_wh()))
}

#[test]
fn constant_fees_add_up_along_the_path_as_in_gsy() {
    let ct = 10_000;
    let street = way([ct, 2 * ct, ct]);
    // An offer of 10 ct costs a buyer 14: the seller gets 10, the grid 4.
    assert_eq!(traded(&street, 14 * ct, 10 * ct), Some((14 * ct, 10 * ct)));
    assert_eq!(traded(&street, 14 * ct - 1, 10 * ct), None);
    let (pays, gets) = traded(&street, 20 * ct, 10 * ct).unwrap();
    assert_eq!(pays - gets, 4 * ct, "whatever the price is");
}

/// What gsy-e leaves of a bid for the seller, where fees are percentages of the seller's revenue,
/// and what each fee comes to.
fn by_percentage(bid: i64, percent: [i64; 3]) -> (i64, [i64; 3]) {
    let revenue = bid * 100 / (100 + percent.iter().sum::<i64>());
    (revenue, percent.map(|percent| revenue * percent / 100))
}

#[test]
fn percentage_fees_of_gsy_leave_a_seller_the_bid_less_all_of_them() {
    let (revenue, fees) = by_percentage(300_000, [5, 10, 5]);
    assert_eq!((revenue, fees), (250_000, [12_500, 25_000, 12_500]));
    assert_eq!(revenue + fees.iter().sum::<i64>(), 300_000, "nothing is lost");
    // The same fees as constants: the offer at 0.10 trades, and one up to the revenue would.
    let street = way(fees);
    let (pays, gets) = traded(&street, 300_000, 100_000).unwrap();
    assert_eq!(pays - gets, 50_000);
    assert_eq!(traded(&street, 300_000, revenue), Some((300_000, revenue)));
    assert_eq!(traded(&street, 300_000, revenue + 1), None);
}

/// Buyers and sellers of the worked book: name of their zone, Wh, ct.
type Offers = Vec<(String, i64, i64)>;

/// Best bid to best ask where both are in one zone, while that gains; then across, with what is
/// left: what hierarchical forwarding does. What it is worth, in Wh x ct.
fn at_home_first(buyers: &Offers, sellers: &Offers, [same, cross]: [i64; 2]) -> i64 {
    let (mut buyers, mut sellers, mut worth) = (buyers.clone(), sellers.clone(), 0);
    buyers.sort_by_key(|buyer| -buyer.2);
    sellers.sort_by_key(|seller| seller.2);
    for (home, fee) in [(true, same), (false, cross)] {
        for buyer in &mut buyers {
            for seller in sellers.iter_mut().filter(|seller| (seller.0 == buyer.0) == home) {
                let both = buyer.1.min(seller.1);
                if buyer.2 - seller.2 > fee {
                    worth += both * (buyer.2 - seller.2 - fee);
                    buyer.1 -= both;
                    seller.1 -= both;
                }
            }
        }
    }
    worth
}

#[test]
fn to_match_at_home_first_is_worth_less_than_the_grid_as_a_whole() {
    let vectors: Value = vectors();
    let worked = &vectors["zonal"];
    let ct = |name: &str| worked[name].as_i64().unwrap();
    let offers = |name: &str| -> Offers {
        let rows = worked[name].as_array().unwrap().iter();
        let number = |row: &Value, place: usize| row[place].as_i64().unwrap();
        rows.map(|row| (row[0].as_str().unwrap().to_owned(), number(row, 1), number(row, 2)))
            .collect()
    };
    let (buyers, sellers) = (offers("buyers"), offers("sellers"));
    let fees = [ct("fee_same"), ct("fee_cross")];
    assert_eq!(at_home_first(&buyers, &sellers, fees), 39_000);

    let n = |ct: i64| ct * 10_000;
    let side = |side: Side, offers: &Offers| -> Vec<matching::Order> {
        let offer = |(number, (at, wh, ct)): (usize, &(String, i64, i64))| {
            let name = format!("{side:?}{number}");
            order(&name, at, side, wh.unsigned_abs(), n(*ct))
        };
        offers.iter().enumerate().map(offer).collect()
    };
    let orders = [side(Side::Buy, &buyers), side(Side::Sell, &sellers)].concat();
    let zones = [("A", n(fees[0])), ("B", n(fees[0])), ("grid", n(fees[1]))];
    let network = grid(&zones, &[("A", "grid", 0, None), ("B", "grid", 0, None)]);
    let rules = Rules::uniform(Price::from_n_per_wh(1), Fees::default());
    let zonal = network::clear(&orders, &network, &rules).unwrap();
    assert_eq!(welfare(&orders, &zonal, &rules.fees), i128::from(n(41) * 1_000));
    assert_eq!(fills(&zonal).values().sum::<u64>(), 10_000);
    assert_eq!(ct("surplus_ct"), 41);
}
