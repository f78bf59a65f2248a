//! Names, numbers and what rules are refused.

use std::collections::BTreeSet;

use matching::{Fees, Mechanism, Refusal, Rules, Share, clear};
use units::Price;

use crate::mechanisms::books::{owner, reference, rules};

fn price(n: i64) -> Price {
    Price::from_n_per_wh(n)
}

#[test]
fn a_mechanism_is_read_as_it_is_written() {
    for mechanism in Mechanism::ALL.map(|mechanism| mechanism.with_price(price(180_000))) {
        assert_eq!(mechanism.to_string().parse(), Ok(mechanism));
        let json = serde_json::to_string(&mechanism).unwrap();
        assert!(json.contains(&format!("\"name\":\"{}\"", mechanism.name())), "{json}");
        assert_eq!(serde_json::from_str::<Mechanism>(&json).unwrap(), mechanism);
    }
    let check = |text: &str, expected: Mechanism| assert_eq!(text.parse(), Ok(expected));
    check("uniform", Mechanism::default());
    check("uniform:0", Mechanism::Uniform { k_bps: 0 });
    check("k_pricing:2500", Mechanism::KPricing { k_bps: 2500 });
    check("fixed_price:180000", Mechanism::FixedPrice { price: price(180_000) });
    assert_eq!(Mechanism::FixedPrice { price: price(5) }.to_string(), "fixed_price:5");
    assert_eq!(Mechanism::KPricing { k_bps: 5000 }.to_string(), "k_pricing");
    for wrong in ["", "unifrom", "fixed_price", "fixed_price:dear", "muda:1", "uniform:70000"] {
        assert!(wrong.parse::<Mechanism>().is_err(), "{wrong:?}");
    }
}

#[test]
fn rules_with_a_parameter_that_the_mechanism_does_not_have_are_unreadable() {
    for wrong in [
        r#"{"name":"muda","k_bps":1}"#,
        r#"{"name":"fixed_price"}"#,
        r#"{"name":"fixed_price","price":1,"k_bps":1}"#,
        r#"{"name":"mcafee"}"#,
    ] {
        assert!(serde_json::from_str::<Mechanism>(wrong).is_err(), "{wrong}");
    }
    let plain: Mechanism = serde_json::from_str(r#"{"name":"k_pricing"}"#).unwrap();
    assert_eq!(plain, Mechanism::KPricing { k_bps: 5000 });
}

#[test]
fn numbers_on_chain_are_distinct_and_tell_who_has_one_price() {
    let numbers: BTreeSet<u8> = Mechanism::ALL.iter().map(Mechanism::number).collect();
    assert_eq!(numbers.len(), Mechanism::ALL.len());
    assert!(!numbers.contains(&133), "kept for zones");
    let names: BTreeSet<&str> = Mechanism::ALL.iter().map(Mechanism::name).collect();
    assert_eq!(names.len(), Mechanism::ALL.len());
    for mechanism in Mechanism::ALL {
        let one_price = mechanism.properties().one_price;
        assert_eq!(one_price, mechanism.number() < 128, "{mechanism}");
    }
}

#[test]
fn unusable_rules_are_refused() {
    let check = |rules: Rules, expected: &str| {
        let refused = clear(&[], &rules).unwrap_err();
        assert!(matches!(refused, Refusal::Rules(what) if what.starts_with(expected)), "{refused}");
    };
    check(rules(Mechanism::KPricing { k_bps: 10_001 }), "k_bps");
    check(rules(Mechanism::FixedPrice { price: price(-1) }), "price");
    check(rules(Mechanism::CascadeAllocation { price: price(-1) }), "price");
    check(Rules { tick: price(0), ..rules(Mechanism::Muda) }, "tick");
    check(Rules { reference: reference(9, 8), ..rules(Mechanism::MidMarket) }, "reference");
    let fees = Fees { seller: price(1), ..Fees::default() };
    check(Rules { fees, ..rules(Mechanism::BillSharing) }, "fees");
    let twice = vec![Share { owner: owner(1), weight: 1 }, Share { owner: owner(1), weight: 2 }];
    check(Rules { shares: twice, ..rules(Mechanism::MidMarket) }, "shares");
}
