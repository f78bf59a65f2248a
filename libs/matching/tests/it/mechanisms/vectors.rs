//! The worked numbers.

use std::collections::BTreeMap;

use ids::OrderId;
use matching::metrics::Metrics;
use matching::rule_price::{Blend, blended, mid_market, supply_demand};
use matching::{Clearing, Mechanism, Order, Rules, Share, Side, clear, muda};
use serde_json::Value;
use units::{Energy, Price};

use crate::mechanisms::books::{fills, order, reference, rules};

fn vectors() -> Value {
    crate::orders::vectors()
}

/// The book of this name.
fn book(name: &str) -> (Vec<Order>, Value) {
    let vectors = vectors();
    let mut books = vectors["uniform"].as_array().unwrap().iter();
    let book = books.find(|book| book["id"] == name).unwrap();
    let read = |key: &str, side: Side| -> Vec<Order> {
        let rows = book[key].as_array().unwrap().iter();
        let row = |row: &Value| {
            let name = row[0].as_str().unwrap();
            order(name, side, row[1].as_u64().unwrap(), row[2].as_i64().unwrap())
        };
        rows.map(row).collect()
    };
    ([read("bids", Side::Buy), read("asks", Side::Sell)].concat(), book.clone())
}

/// Thousandths of a cent per kWh as whole 1e-9 currency per Wh, from a decimal number of cents.
fn cents(value: &Value) -> i64 {
    let text: units::Decimal = value.to_string().parse().unwrap();
    i64::try_from(text.rounded_to_scale(4).unwrap()).unwrap()
}

fn paid(cleared: &Clearing) -> i128 {
    let cost = |trade: &matching::Trade| trade.buy_price.cost_of(trade.quantity).unwrap().n();
    cleared.trades.iter().map(|trade| i128::from(cost(trade))).sum()
}

fn welfare(orders: &[Order], rules: &Rules, cleared: &Clearing) -> i128 {
    Metrics::new(orders, rules, cleared).unwrap().welfare().unwrap()
}

#[test]
fn pairs_trade_half_way_between_bid_and_ask() {
    let (orders, _) = book("U1");
    let cleared = clear(&orders, &rules(Mechanism::KPricing { k_bps: 5000 })).unwrap();
    let vectors = vectors();
    let expected = vectors["k_double_auction_U1"].as_array().unwrap();
    assert_eq!(cleared.trades.len(), expected.len());
    for (trade, row) in cleared.trades.iter().zip(expected) {
        assert_eq!(trade.buyer, OrderId::derived(row[0].as_str().unwrap()));
        assert_eq!(trade.seller, OrderId::derived(row[1].as_str().unwrap()));
        assert_eq!(Some(trade.quantity.wh()), row[2].as_u64());
        assert_eq!(trade.buy_price.n_per_wh(), cents(&row[3]));
        assert_eq!(trade.sell_price, trade.buy_price);
    }
    // 1.90 currency in all.
    assert_eq!(paid(&cleared), 1_900_000_000);
    let as_bid = clear(&orders, &rules(Mechanism::PayAsBid)).unwrap();
    assert_eq!(paid(&as_bid), 5000 * 280_000 + 3000 * 240_000 + 2000 * 180_000);
    assert_eq!(fills(&as_bid), fills(&clear(&orders, &rules(Mechanism::default())).unwrap()));
}

#[test]
fn the_rules_of_gsy_come_to_the_numbers_that_are_known() {
    let check = |name: &str, mechanism: Mechanism, expect: (u64, Option<i64>, i128)| {
        let (orders, _) = book(name);
        let cleared = clear(&orders, &rules(mechanism)).unwrap();
        let price = cleared.price.map(Price::n_per_wh);
        let welfare = welfare(&orders, &rules(mechanism), &cleared);
        assert_eq!((cleared.volume.wh(), price, welfare), expect, "{name} {mechanism}");
    };
    check("U1", Mechanism::GsyPayAsClear, (8000, Some(240_000), 1_160_000_000));
    check("U1", Mechanism::GsyPayAsBid, (14_000, None, 750_000_000));
    let (_, g) = book("G");
    let known = |key: &str| {
        let known = &g[key];
        let welfare = i128::from(known["welfare"].as_i64().unwrap());
        (known["volume"].as_u64().unwrap(), known["price"].as_i64(), welfare)
    };
    check("G", Mechanism::GsyPayAsClear, known("incumbent_pay_as_clear"));
    check("G", Mechanism::GsyPayAsBid, known("incumbent_pay_as_bid"));
    let (u1, _) = book("U1");
    let cleared = clear(&u1, &rules(Mechanism::GsyPayAsBid)).unwrap();
    assert_eq!(paid(&cleared), 3_080_000_000);
}

#[test]
fn bids_at_the_best_price_share_a_short_supply_in_line_under_pay_as_clear() {
    let orders = [order("b", Side::Buy, 10, 200), order("s", Side::Sell, 4, 50)];
    let cleared = clear(&orders, &rules(Mechanism::GsyPayAsClear)).unwrap();
    assert_eq!((cleared.volume.wh(), cleared.price), (4, Some(Price::from_n_per_wh(200))));
}

#[test]
fn lemlab_prices_at_the_middle_of_the_last_pair_or_of_each() {
    // Three pairs meet: 28 with 9, 24 with 10, 20 with 17; the next bid is 19.
    let bids = [("b1", 28), ("b2", 24), ("b3", 20), ("b4", 19)];
    let asks = [("s1", 9), ("s2", 10), ("s3", 17), ("s4", 22)];
    let side = |side: Side| move |(name, price): &(&str, i64)| order(name, side, 1, *price);
    let orders: Vec<Order> =
        bids.iter().map(side(Side::Buy)).chain(asks.iter().map(side(Side::Sell))).collect();
    let one = clear(&orders, &rules(Mechanism::LemlabUniform)).unwrap();
    assert_eq!((one.volume.wh(), one.price), (3, Some(Price::from_n_per_wh(18))));
    let each = clear(&orders, &rules(Mechanism::LemlabDiscriminatory)).unwrap();
    let prices: Vec<i64> = each.trades.iter().map(|trade| trade.buy_price.n_per_wh()).collect();
    assert_eq!(prices, [18, 17, 18]);
}

/// A blend per Wh in cents, as exact as the vectors are.
fn assert_blend(blend: Blend, expected: &Value) {
    let exact = cents(expected);
    let energy = i64::try_from(blend.energy.wh()).unwrap();
    // The price was rounded down to a unit, the vector to the nearest.
    let off = exact * energy - blend.total.n();
    assert!((-energy..3 * energy).contains(&(2 * off)), "{expected}: {blend:?}");
}

/// Clears a community of one seller and two buyers, and looks at what both sides pay and get.
fn community(mechanism: Mechanism, case: &Value, (offered, demanded): (u64, u64)) {
    let reference = reference(cents(&case["exp"]), cents(&case["ret"]));
    let rules = Rules { reference, ..rules(mechanism) };
    let orders = [
        order("b1", Side::Buy, demanded / 2, 300_000),
        order("b2", Side::Buy, demanded - demanded / 2, 300_000),
        order("s", Side::Sell, offered, 80_000),
    ];
    let cleared = clear(&orders, &rules).unwrap();
    let (offered, demanded) = (Energy::from_wh(offered), Energy::from_wh(demanded));
    assert_eq!(cleared.volume, offered.min(demanded));
    let price = cleared.price.unwrap();
    let blended = blended(price, &reference, offered, demanded).unwrap();
    assert_blend(blended.buyers, &case["buy"]);
    assert_blend(blended.sellers, &case["sell"]);
    // The longer side shares evenly, so the blend is what each of its members has.
    let got = fills(&cleared);
    let (b1, b2) = (got[&OrderId::derived("b1")], got[&OrderId::derived("b2")]);
    assert!(b1.abs_diff(b2) <= 1, "{case}");
    // What buyers pay = what sellers get + retail's part - feed-in's part.
    let rest = |part: Energy, price: Price| price.cost_of(part).unwrap().n();
    let retail = rest(demanded.less(offered), reference.retail);
    let feed_in = rest(offered.less(demanded), reference.feed_in);
    assert_eq!(blended.buyers.total.n() + feed_in, blended.sellers.total.n() + retail, "{case}");
}

#[test]
fn the_mid_market_rate_blends_as_computed() {
    let vectors = vectors();
    let cases = vectors["mmr"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let wh = |key: &str| case[key].as_u64().unwrap() * 1000;
        community(Mechanism::MidMarket, case, (wh("G"), wh("D")));
    }
    assert_eq!(
        mid_market(&reference(80_001, 300_000), Price::from_n_per_wh(100)),
        Price::from_n_per_wh(190_000)
    );
    let between_ticks = mid_market(&reference(130, 160), Price::from_n_per_wh(100));
    assert_eq!(between_ticks, Price::from_n_per_wh(130), "never below feed-in");
}

#[test]
fn the_supply_demand_ratio_blends_as_computed() {
    let vectors = vectors();
    let cases = vectors["sdr"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let mut case = case.clone();
        case["exp"] = 8.into();
        case["ret"] = 30.into();
        let offered = u64::try_from(cents(&case["s"])).unwrap();
        if offered > 0 {
            community(Mechanism::SupplyDemand, &case, (offered, 10_000));
        } else {
            let (none, some) = (Energy::ZERO, Energy::from_wh(1));
            let tick = Price::from_n_per_wh(100);
            let price = supply_demand(&reference(80_000, 300_000), none, some, tick).unwrap();
            assert_eq!(price.n_per_wh(), cents(&case["sell"]));
        }
    }
    let glut = |offered: u64| {
        let (offered, one) = (Energy::from_wh(offered), Energy::from_wh(1));
        supply_demand(&reference(80_000, 300_000), offered, one, Price::from_n_per_wh(1)).unwrap()
    };
    assert_eq!(glut(5), Price::from_n_per_wh(80_000), "more than is wanted is worth feed-in");
}

#[test]
fn a_bill_is_shared_in_proportion_to_what_each_used() {
    let reference = reference(80_000, 300_000);
    let rules = Rules { reference, ..rules(Mechanism::BillSharing) };
    let orders = [
        order("b1", Side::Buy, 3000, 300_000),
        order("b2", Side::Buy, 1000, 300_000),
        order("s", Side::Sell, 2000, 0),
    ];
    let cleared = clear(&orders, &rules).unwrap();
    assert_eq!(cleared.price, Some(Price::ZERO));
    let got = fills(&cleared);
    assert_eq!(got[&OrderId::derived("b1")], 1500);
    assert_eq!(got[&OrderId::derived("b2")], 500);
    let shared = blended(Price::ZERO, &reference, Energy::from_wh(2000), Energy::from_wh(4000));
    // 2 kWh at 30 ct for 4 kWh: 15 ct.
    assert_eq!(shared.unwrap().buyers.total.n(), 600_000_000);
}

#[test]
fn mcafee_trades_all_or_all_but_one_of_unit_orders() {
    let vectors = vectors();
    let cases = vectors["mcafee"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let side = |key: &str, side: Side| -> Vec<Order> {
            let prices = case[key].as_array().unwrap().iter().enumerate();
            let named = |place| format!("{key}{place}");
            prices.map(|(at, price)| order(&named(at), side, 1, cents(price))).collect()
        };
        let orders = [side("b", Side::Buy), side("s", Side::Sell)].concat();
        let cleared = clear(&orders, &rules(Mechanism::McAfee)).unwrap();
        assert_eq!(Some(cleared.volume.wh()), case["trades"].as_u64(), "{case}");
        for trade in &cleared.trades {
            assert_eq!(trade.buy_price.n_per_wh(), cents(&case["buy"]), "{case}");
            assert_eq!(trade.sell_price.n_per_wh(), cents(&case["sell"]), "{case}");
        }
        let metrics = Metrics::new(&orders, &rules(Mechanism::McAfee), &cleared).unwrap();
        let pot = case.get("pot").map_or(0, cents);
        assert_eq!(metrics.difference, i128::from(pot), "{case}");
    }
}

/// What Vickrey, Clarke and Groves make of unit orders, in whole cents: how many trade, what each
/// buyer pays, what each seller gets. It needs a subsidy, so that no market has it.
fn vcg(mut bids: Vec<i64>, mut asks: Vec<i64>) -> (usize, i64, i64) {
    bids.sort_unstable_by(|one, other| other.cmp(one));
    asks.sort_unstable();
    let efficient = bids.iter().zip(&asks).take_while(|(bid, ask)| bid >= ask).count();
    // Each takes the place of the first one that is left out, or of the last one that trades.
    let (last_bid, last_ask) = (bids[efficient - 1], asks[efficient - 1]);
    let pays = bids.get(efficient).map_or(last_ask, |next| last_ask.max(*next));
    let gets = asks.get(efficient).map_or(last_bid, |next| last_bid.min(*next));
    (efficient, pays, gets)
}

#[test]
fn vcg_needs_a_subsidy_where_mcafee_leaves_a_surplus_or_nothing() {
    let vectors = vectors();
    let cases = vectors["vcg"].as_array().unwrap();
    for case in cases {
        let list = |key: &str| -> Vec<i64> {
            case[key].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect()
        };
        let number = |key: &str| case[key].as_i64().unwrap();
        let (count, pays, gets) = vcg(list("b"), list("s"));
        let trades = i64::try_from(count).unwrap();
        assert_eq!((trades, pays, gets), (number("k"), number("pay"), number("receive")), "{case}");
        let budget = trades * (pays - gets);
        assert!(budget == number("budget") && budget < 0, "{case}");
        let side = |side: Side, prices: Vec<i64>| {
            let named = (0..).zip(prices);
            named.map(move |(n, price)| order(&format!("{side:?}{n}"), side, 1, price))
        };
        let orders: Vec<Order> =
            side(Side::Buy, list("b")).chain(side(Side::Sell, list("s"))).collect();
        let given_up = clear(&orders, &rules(Mechanism::McAfee)).unwrap();
        let figures = Metrics::new(&orders, &rules(Mechanism::McAfee), &given_up).unwrap();
        assert!(figures.difference >= 0 && given_up.trades.len() <= count, "{case}");
    }
    assert_eq!(cases.len(), 2);
}

#[test]
fn halves_trade_at_each_others_price() {
    // Unit bids 4, 2, 5 and asks 3, 1; the left half has the bids 2 and 5 and the ask 1.
    let cent = 10_000;
    let orders = [
        order("0", Side::Buy, 1, 4 * cent),
        order("1", Side::Buy, 1, 2 * cent),
        order("2", Side::Sell, 1, 3 * cent),
        order("3", Side::Sell, 1, cent),
        order("4", Side::Buy, 1, 5 * cent),
    ];
    let left: Vec<[u8; 20]> = [1, 3, 4].map(|place: usize| orders[place].owner).to_vec();
    let rules = rules(Mechanism::Muda);
    let cleared = muda::clear_split(&orders, &rules, |owner| left.contains(owner)).unwrap();
    let trades: Vec<(OrderId, OrderId, i64)> = cleared
        .trades
        .iter()
        .map(|trade| (trade.buyer, trade.seller, trade.buy_price.n_per_wh()))
        .collect();
    let name = OrderId::derived;
    assert_eq!(trades, [(name("4"), name("3"), 35_000), (name("0"), name("2"), 30_000)]);
    // Without the bid of 5 the prices are 1.5 and 3.5, and nobody accepts the other half's.
    let cleared = muda::clear_split(&orders[..4], &rules, |owner| left.contains(owner)).unwrap();
    assert_eq!(cleared, Clearing::default());
    // All in one half: there is no other price.
    let cleared = muda::clear_split(&orders, &rules, |_| true).unwrap();
    assert_eq!(cleared, Clearing::default());
}

#[test]
fn generation_is_allocated_as_computed() {
    let vectors = vectors();
    let case = &vectors["allocation"];
    let mut orders = vec![
        order("roof", Side::Sell, 2000, 0),
        order("barn", Side::Sell, case["generation"].as_u64().unwrap() - 2000, 0),
    ];
    let mut shares = Vec::new();
    for (name, consumed) in case["consumption"].as_object().unwrap() {
        let order = order(name, Side::Buy, consumed.as_u64().unwrap(), 300_000);
        let weight = u32::try_from(case["keys"][name].as_u64().unwrap()).unwrap();
        shares.push(Share { owner: order.owner, weight });
        orders.push(order);
    }
    let allocate = |mechanism: Mechanism| -> BTreeMap<OrderId, u64> {
        let mechanism = mechanism.with_price(Price::from_n_per_wh(150_000));
        let cleared =
            clear(&orders, &Rules { shares: shares.clone(), ..rules(mechanism) }).unwrap();
        let got = fills(&cleared);
        let (roof, barn) = (got[&OrderId::derived("roof")], got[&OrderId::derived("barn")]);
        assert!(roof.abs_diff(2 * barn) <= 2, "sellers give in proportion: {roof} {barn}");
        got
    };
    let zero = Price::ZERO;
    let fixed = allocate(Mechanism::StaticAllocation { price: zero });
    let by_use = allocate(Mechanism::DynamicAllocation { price: zero });
    let passed = allocate(Mechanism::CascadeAllocation { price: zero });
    for name in case["consumption"].as_object().unwrap().keys() {
        let id = OrderId::derived(name);
        let expect = |key: &str| case[key][name].as_u64();
        assert_eq!(fixed.get(&id).copied(), expect("static"), "{name}");
        assert_eq!(by_use.get(&id).copied(), expect("dynamic"), "{name}");
        let more = expect("cascade_second_pass").unwrap_or(0);
        assert_eq!(passed[&id], fixed[&id] + more, "{name}");
    }
}

#[test]
fn own_generation_covers_own_consumption_before_it_is_allocated() {
    let mut own = order("own use", Side::Buy, 400, 300_000);
    let roof = order("roof", Side::Sell, 1000, 0);
    own.owner = roof.owner;
    let other = order("other", Side::Buy, 2000, 300_000);
    let shares =
        vec![Share { owner: other.owner, weight: 1 }, Share { owner: own.owner, weight: 1 }];
    let mechanism = Mechanism::StaticAllocation { price: Price::from_n_per_wh(100_000) };
    let cleared = clear(&[own, roof, other], &Rules { shares, ..rules(mechanism) }).unwrap();
    assert_eq!(cleared.volume.wh(), 300, "half of the 600 that are left");
}
