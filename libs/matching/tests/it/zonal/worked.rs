//! Worked numbers: two zones, a tree of three levels, full links, islands.

use ids::{OrderId, ZoneId};
use matching::network::{self, LINKS_MAX, Link, Network, Way, ZONES_MAX, Zonal, Zone};
use matching::{Fees, Order, Refusal, Rules, Side};
use serde_json::Value;
use units::{Energy, Money, Price};

use crate::zonal::book::{buy, fills, network, rules, sell, welfare, zone};

/// One cent per kWh.
const CT: i64 = 10_000;

fn clear(orders: &[Order], grid: &Network) -> Zonal {
    network::clear(orders, grid, &rules(100)).unwrap()
}

/// The buyers' and the sellers' price of a zone.
fn prices(zonal: &Zonal, name: &str) -> Option<(i64, i64)> {
    let price = zonal.zones.iter().find(|price| price.zone == zone(name))?;
    Some((price.buyer.n_per_wh(), price.seller.n_per_wh()))
}

fn flow(zonal: &Zonal, from: &str, to: &str) -> u64 {
    let ends = (zone(from), zone(to));
    let flow = zonal.flows.iter().find(|flow| (flow.from, flow.to) == ends);
    flow.map_or(0, |flow| flow.energy.wh())
}

fn refused(grid: &Network) -> &'static str {
    match grid.check() {
        Err(Refusal::Rules(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// The two zones of the vector, whose fees lie at the zones or at the links.
fn two_zones(same: i64, cross: i64) -> [Network; 3] {
    let mut direct = network(&[("A", same), ("B", same)], &[("B", "A", 0, None)]);
    direct.links[0].up.fee = Price::from_n_per_wh(cross - same);
    direct.links[0].down.fee = Price::from_n_per_wh(cross - same);
    let links = [("A", "M", 0, None), ("B", "M", 0, None)];
    let at_zones = network(&[("A", same), ("B", same), ("M", cross)], &links);
    let links = [("A", "M", cross / 2, None), ("B", "M", cross / 2, None)];
    [direct, at_zones, network(&[("A", same), ("B", same), ("M", 0)], &links)]
}

#[test]
fn the_worked_example_of_two_zones_clears_as_computed() {
    let vectors: Value = crate::orders::vectors();
    let vector = &vectors["zonal"];
    let number = |value: &Value| value.as_i64().unwrap();
    let mut orders = Vec::new();
    for (side, key) in [(Side::Buy, "buyers"), (Side::Sell, "sellers")] {
        for (place, row) in vector[key].as_array().unwrap().iter().enumerate() {
            let (name, at) = (format!("{key}{place}"), row[0].as_str().unwrap());
            let (quantity, price) = (row[1].as_u64().unwrap(), number(&row[2]) * CT);
            orders.push(crate::zonal::book::order(&name, at, side, quantity, price));
        }
    }
    let ct_kwh = |ct: &Value| number(ct) * CT * 1000;
    for grid in two_zones(number(&vector["fee_same"]) * CT, number(&vector["fee_cross"]) * CT) {
        let zonal = clear(&orders, &grid);
        assert_eq!(
            welfare(&orders, &zonal, &Fees::default()),
            i128::from(ct_kwh(&vector["surplus_ct"]))
        );
        for name in ["A", "B"] {
            let expected = (&vector["prices"][name], &vector["seller_net"][name]);
            let expected = (number(expected.0) * CT, number(expected.1) * CT);
            assert_eq!(prices(&zonal, name), Some(expected), "{name}");
        }
        assert_eq!(zonal.fees, Money::from_n(ct_kwh(&vector["dso_fee_ct"])));
        assert_eq!(zonal.rent, Money::ZERO);
        for (ends, expected) in vector["flows"].as_object().unwrap() {
            let (to, from) = ends.split_once("<-").unwrap();
            let at = |id: OrderId| orders.iter().find(|order| order.id == id).unwrap().zone;
            let trades = zonal.clearing.trades.iter();
            let sent = trades
                .filter(|trade| at(trade.buyer) == zone(to) && at(trade.seller) == zone(from))
                .map(|trade| trade.quantity.wh());
            assert_eq!(sent.sum::<u64>(), expected.as_u64().unwrap(), "{ends}");
        }
    }
}

/// Feeders F1 and F2 below substation S, feeder F3 below substation T, both below M: 1 ct inside a
/// feeder, 2 ct below a substation, 5 ct across.
fn three_levels() -> Network {
    let zones = [("F1", CT), ("F2", CT), ("F3", CT), ("S", 2 * CT), ("T", 2 * CT), ("M", 5 * CT)];
    let links = [
        ("F1", "S", 0, None),
        ("F2", "S", 0, None),
        ("F3", "T", 0, None),
        ("S", "M", 0, None),
        ("T", "M", 0, None),
    ];
    network(&zones, &links)
}

#[test]
fn a_trade_pays_the_fee_of_the_smallest_zone_that_holds_both_sides() {
    for (at, fee) in [("F1", CT), ("S", 2 * CT), ("F2", 2 * CT), ("F3", 5 * CT), ("M", 5 * CT)] {
        let trades = |gain: i64| {
            let orders = [sell("s", "F1", 10, 8 * CT), buy("b", at, 10, 8 * CT + gain)];
            clear(&orders, &three_levels()).clearing.volume.wh()
        };
        assert_eq!((trades(fee), trades(fee - 1)), (10, 0), "from F1 to {at}");
    }
}

#[test]
fn energy_from_the_own_feeder_goes_before_cheaper_energy_from_far_away() {
    let orders = [
        sell("near", "F1", 10, 9 * CT),
        sell("far", "F3", 10, 6 * CT),
        buy("b", "F1", 15, 20 * CT),
    ];
    let zonal = clear(&orders, &three_levels());
    assert_eq!(fills(&zonal)[&OrderId::derived("near")], 10);
    assert_eq!((flow(&zonal, "F3", "T"), flow(&zonal, "S", "F1")), (5, 5));
    // The seller far away is marginal: 6 ct, and 5 ct more for the way.
    assert_eq!(prices(&zonal, "F1"), Some((11 * CT, 10 * CT)));
    assert_eq!(prices(&zonal, "F3"), Some((7 * CT, 6 * CT)));
    let trade = zonal.clearing.trades.iter().find(|t| t.seller == OrderId::derived("far"));
    let trade = trade.unwrap();
    assert_eq!((trade.buy_price.n_per_wh(), trade.sell_price.n_per_wh()), (11 * CT, 6 * CT));
    assert_eq!(prices(&zonal, "F2"), None, "nothing passes there");
}

#[test]
fn a_full_link_has_a_price_at_each_end_and_its_rent_is_what_lies_between() {
    let mut grid = three_levels();
    grid.links[4].up.capacity = Some(Energy::from_wh(4));
    let orders = [
        sell("near", "F1", 10, 9 * CT),
        sell("far", "F3", 10, 2 * CT),
        buy("b", "F1", 12, 20 * CT),
    ];
    let zonal = clear(&orders, &grid);
    assert_eq!(flow(&zonal, "T", "M"), 4);
    assert_eq!(fills(&zonal)[&OrderId::derived("near")], 8);
    assert_eq!(prices(&zonal, "F1"), Some((10 * CT, 9 * CT)));
    assert_eq!(prices(&zonal, "F3"), Some((3 * CT, 2 * CT)));
    // A buyer pays 10 ct, a seller far away gets 2 ct, the way costs 5 ct: 3 ct for 4 Wh.
    assert_eq!(zonal.rent, Money::from_n(3 * CT * 4));
    assert_eq!(zonal.fees, Money::from_n(CT * 8 + 5 * CT * 4));
}

#[test]
fn what_the_price_does_not_decide_is_shared_over_zones_by_quantity() {
    let grid = network(&[("A", 0), ("B", 0)], &[("B", "A", 0, None)]);
    let orders = [
        sell("s", "A", 30, 5),
        buy("a1", "A", 20, 9),
        buy("a2", "A", 10, 9),
        buy("b1", "B", 60, 9),
    ];
    let got = fills(&clear(&orders, &grid));
    let of = |name: &str| got[&OrderId::derived(name)];
    assert_eq!((of("a1"), of("a2"), of("b1")), (7, 3, 20));
}

#[test]
fn regions_get_the_middle_of_their_prices_on_the_tick() {
    let grid = network(&[("A", 0), ("B", 0)], &[("B", "A", 30, Some(10))]);
    let orders = [
        sell("s1", "A", 10, 100),
        sell("s2", "A", 5, 120),
        buy("a1", "A", 5, 700),
        buy("b1", "B", 10, 900),
        buy("b2", "B", 7, 450),
    ];
    // In A from 120 to 700, in B from 450 to 900, and at least 30 more than in A: 410 and 675.
    let zonal = clear(&orders, &grid);
    assert_eq!((prices(&zonal, "A"), prices(&zonal, "B")), (Some((400, 400)), Some((600, 600))));
    assert_eq!(zonal.rent, Money::from_n((600 - 400 - 30) * 10));
    // Without a limit both are one region, 30 apart. In A from 420 to 700: 560, 500 on the tick.
    let mut free = grid;
    free.links[0].down.capacity = None;
    let orders = [sell("s", "A", 20, 420), buy("a", "A", 5, 700), buy("b", "B", 15, 900)];
    let zonal = clear(&orders, &free);
    assert_eq!((prices(&zonal, "A"), prices(&zonal, "B")), (Some((500, 500)), Some((530, 530))));
}

#[test]
fn without_a_link_there_are_two_markets() {
    let orders = [
        sell("sa", "F1", 10, 5 * CT),
        buy("ba", "F2", 20, 30 * CT),
        sell("st", "F3", 20, 9 * CT),
        buy("bt", "T", 5, 20 * CT),
    ];
    let whole = clear(&orders, &three_levels());
    assert_eq!((flow(&whole, "T", "M"), whole.clearing.volume.wh()), (10, 25));
    let mut cut = three_levels();
    cut.links.retain(|link| link.zone != zone("T"));
    let islands = clear(&orders, &cut);
    assert_eq!((flow(&islands, "T", "M"), islands.clearing.volume.wh()), (0, 15));
    for part in [["F1", "F2"], ["F3", "T"]] {
        let own: Vec<Order> =
            orders.iter().filter(|o| part.map(zone).contains(&o.zone)).cloned().collect();
        let alone = clear(&own, &three_levels());
        for name in part {
            assert_eq!(prices(&alone, name), prices(&islands, name), "{name}");
        }
        assert!(alone.clearing.fills.iter().all(|fill| islands.clearing.fills.contains(fill)));
    }
    // A link of no capacity is as good as none.
    let mut closed = three_levels();
    closed.links[4].up.capacity = Some(Energy::ZERO);
    closed.links[4].down.capacity = Some(Energy::ZERO);
    assert_eq!(clear(&orders, &closed), islands);
}

#[test]
fn constant_fees_add_up_along_the_path() {
    // Three levels of markets with fees 1, 2 and 1: an offer of 10 ct reaches a buyer at 14 ct.
    let grid = network(
        &[("house", 0), ("street", 2 * CT), ("home", 0)],
        &[("house", "street", CT, None), ("home", "street", CT, None)],
    );
    let orders = [sell("pv", "house", 1000, 10 * CT), buy("load", "home", 1000, 14 * CT)];
    let zonal = clear(&orders, &grid);
    assert_eq!(prices(&zonal, "home").unwrap().0, 14 * CT);
    assert_eq!(prices(&zonal, "house").unwrap().1, 10 * CT);
    assert_eq!(zonal.fees, Money::from_n(4 * CT * 1000));
}

/// The other way to charge for a grid, as elsewhere: each market on the path takes a part of the
/// price that the buyer's bid leaves, so that bid = revenue x (1 + sum of parts). In n/Wh: the
/// revenue, then the fee of each market.
fn percentage_fees(bid: i64, per_cent: &[i64]) -> (i64, Vec<i64>) {
    let revenue = bid * 100 / (100 + per_cent.iter().sum::<i64>());
    (revenue, per_cent.iter().map(|part| revenue * part / 100).collect())
}

#[test]
fn fees_in_per_cent_make_the_fee_follow_the_bid_and_ours_do_not() {
    // A load bids 0.30, a panel offers 0.10; 5, 10 and 5 %.
    let (revenue, fees) = percentage_fees(30 * CT, &[5, 10, 5]);
    assert_eq!((revenue, fees), (25 * CT, vec![CT * 5 / 4, CT * 5 / 2, CT * 5 / 4]));
    // The same path with a richer buyer costs more, for the same use of the same grid.
    assert_eq!(percentage_fees(60 * CT, &[5, 10, 5]).0, 50 * CT);
    let fee = |bid: i64| {
        let grid = network(&[("a", 4 * CT)], &[]);
        clear(&[sell("pv", "a", 10, 10 * CT), buy("load", "a", 10, bid)], &grid).fees
    };
    assert_eq!(fee(30 * CT), fee(60 * CT));
}

#[test]
fn the_fee_of_every_watt_hour_is_part_of_the_networks() {
    let n = Price::from_n_per_wh;
    let fees = Fees { network: n(CT), buyer: n(200), seller: n(300) };
    let rules = Rules::uniform(n(100), fees);
    let orders = [sell("s", "F3", 10, 8 * CT), buy("b", "F1", 10, 14 * CT)];
    let zonal = network::clear(&orders, &three_levels(), &rules).unwrap();
    // 1 ct is charged beside the price, 4 ct are in the difference: energy at 80 300 to 89 800.
    let trade = zonal.clearing.trades[0];
    assert_eq!((trade.sell_price, trade.buy_price), (n(85_000), n(85_000 + 4 * CT)));
    assert_eq!(zonal.fees, Money::from_n(5 * CT * 10));
    let dear = Rules { fees: Fees { network: n(CT + 1), ..fees }, ..rules };
    assert!(matches!(network::clear(&orders, &three_levels(), &dear), Err(Refusal::Rules(_))));
}

#[test]
fn orders_of_one_owner_never_meet_across_zones_either() {
    let mut own = [sell("s", "F1", 10, 5 * CT), buy("b", "F3", 4, 10 * CT)];
    own[1].owner = own[0].owner;
    let other = buy("other", "F2", 10, 9 * CT);
    let zonal = clear(&[own[0].clone(), own[1].clone(), other.clone()], &three_levels());
    assert_eq!(zonal.clearing.volume.wh(), 6, "four of the ten have met their own bid");
    // Where they do not cross at the fee of the path, both may trade with others.
    own[1].price = Price::from_n_per_wh(10 * CT - 1);
    let zonal = clear(&[own[0].clone(), own[1].clone(), other], &three_levels());
    assert_eq!(zonal.clearing.volume.wh(), 10);
}

#[test]
fn an_order_outside_of_the_network_gets_nothing() {
    let orders = [sell("s", "F1", 10, CT), buy("b", "elsewhere", 10, 90 * CT)];
    let zonal = clear(&orders, &three_levels());
    assert_eq!(zonal.outside, [OrderId::derived("b")]);
    assert_eq!(Zonal { outside: Vec::new(), ..zonal }, Zonal::default());
}

#[test]
fn a_cut_is_shared_by_the_trades_on_the_link_alone() {
    let orders = [
        sell("s", "F3", 90, 5 * CT),
        buy("b1", "F1", 60, 20 * CT),
        buy("b2", "F2", 15, 19 * CT),
        buy("b3", "F3", 15, 18 * CT),
    ];
    let zonal = clear(&orders, &three_levels());
    let mut less = three_levels();
    less.links[3].down.capacity = Some(Energy::from_wh(50));
    let left = network::curtail(&zonal, &orders, &less).unwrap();
    assert_eq!(left, [40, 10, 15].map(Energy::from_wh));
}

#[test]
fn a_network_that_is_no_forest_is_refused() {
    let grid = |links: &[_]| network(&[("a", 1), ("b", 1), ("c", 1)], links);
    let link = |lower, upper| (lower, upper, 0, None);
    assert!(refused(&grid(&[link("a", "b"), link("b", "a")])).contains("circle"));
    assert!(refused(&grid(&[link("a", "a")])).contains("circle"));
    assert!(refused(&grid(&[link("a", "b"), link("a", "c")])).contains("two parents"));
    assert!(refused(&grid(&[link("a", "x")])).contains("no zone"));
    assert!(refused(&network(&[("a", 1), ("a", 2)], &[])).contains("twice"));
    assert!(refused(&network(&[("a", -1)], &[])).contains("negative"));
    assert!(refused(&grid(&[("a", "b", -1, None)])).contains("negative"));
    assert!(refused(&network(&[("a", 2), ("b", 1)], &[link("a", "b")])).contains("above"));
    let name = |place: usize| ZoneId::derived(&place.to_string());
    let chain = |count: usize| Network {
        zones: (0..count).map(|place| Zone { zone: name(place), fee: Price::ZERO }).collect(),
        links: (1..count)
            .map(|place| Link {
                zone: name(place),
                parent: name(place - 1),
                up: Way::default(),
                down: Way::default(),
            })
            .collect(),
    };
    assert!(refused(&chain(ZONES_MAX + 1)).contains("too many"));
    assert_eq!(chain(ZONES_MAX).links.len(), LINKS_MAX);
    assert_eq!(chain(ZONES_MAX).check(), Ok(()));
}

#[test]
fn a_network_is_written_as_json_without_surprises() {
    let (a, b) = (zone("a"), zone("b"));
    let text = format!(
        r#"{{"zones":[{{"zone":"{a}","fee":1}},{{"zone":"{b}","fee":4}}],
            "links":[{{"zone":"{a}","parent":"{b}","up":{{"capacity":50}},"down":{{"fee":2}}}}]}}"#
    );
    let grid: Network = serde_json::from_str(&text).unwrap();
    let up = Way { fee: Price::ZERO, capacity: Some(Energy::from_wh(50)) };
    let down = Way { fee: Price::from_n_per_wh(2), capacity: None };
    assert_eq!(grid.links, [Link { zone: a, parent: b, up, down }]);
    assert_eq!(
        serde_json::from_value::<Network>(serde_json::to_value(&grid).unwrap()).unwrap(),
        grid
    );
    let more = text.replace(r#""fee":2"#, r#""fee":2,"toll":1"#);
    assert!(serde_json::from_str::<Network>(&more).is_err());
}

#[test]
fn what_does_not_fit_is_refused_and_the_largest_that_fits_is_not() {
    let grid = three_levels();
    let huge = |name: &str, at: &str| buy(name, at, u64::MAX, 100);
    let overflow = network::clear(&[huge("a", "F1"), huge("b", "F2")], &grid, &rules(1));
    assert!(matches!(overflow, Err(Refusal::Overflow(_))));
    let free = network(&[("A", 0), ("B", 0)], &[("B", "A", 0, None)]);
    let orders = [sell("s", "A", u64::MAX, 0), buy("b", "B", u64::MAX, i64::MAX)];
    let zonal = network::clear(&orders, &free, &rules(1)).unwrap();
    assert_eq!(zonal.clearing.volume.wh(), u64::MAX);
    assert_eq!(zonal.clearing.price, Some(Price::from_n_per_wh(i64::MAX / 2)));
}
