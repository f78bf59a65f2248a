//! Trades of a connection point that are in several batches.

use contracts::{Claim, ContractEvent, Side, TradeBatch};

use crate::metered::{CORRECTIONS_END, Case, Fill, k1};
use crate::reconcile::reconciled;
use crate::world::ANYONE;

/// Four trades of 1000 Wh: at both ends of the first batch, and the two of the second.
fn over_two_batches() -> Case {
    let mut fills = vec![Fill::Strangers; 66];
    for (other, index) in (1..).zip([0, 63, 64, 65]) {
        fills[index] = Fill::Own { nonce: 1, other, wh: 1_000 };
    }
    let mut case = Case::settled(Side::Sell, k1(), &fills);
    case.run(0, &[[1_000, 0, 0]; 4]);
    case
}

#[test]
fn the_trades_of_all_batches_are_judged_in_the_order_of_their_fills() {
    let base = over_two_batches();
    for (registered, expected) in [
        (3_999, [1_000, 1_000, 1_000, 999]),
        (2_500, [1_000, 1_000, 500, 0]),
        (2_000, [1_000, 1_000, 0, 0]),
        (1_500, [1_000, 500, 0, 0]),
        (0, [0; 4]),
    ] {
        // All at once, or the second batch before.
        for begin in [0, 2] {
            let mut case = base.clone();
            let evidence = case.evidence(registered);
            case.world.now = CORRECTIONS_END + 1;
            let claims = case.claims();
            let of_second: u64 = case.delivered()[2..].iter().sum();
            if begin == 2 && of_second > registered {
                let call = case.challenge(&evidence, &claims[2..]);
                case.world.ok(ANYONE, call);
            }
            let call = case.challenge(&evidence, &claims);
            let events = case.world.ok(ANYONE, call).events;
            assert!(matches!(&events[0], ContractEvent::Challenged(of)
                if of.registered == registered));
            assert_eq!(case.delivered(), expected);
            let claimed: u64 = expected.iter().sum();
            let reason = format!("NoExcess {{ registered: {registered}, claimed: {claimed} }}");
            case.refused(&evidence, &claims, &reason);
        }
    }
}

#[test]
fn a_challenge_of_two_hundred_trades_fits_a_transaction() {
    let fill = |at: u64| Fill::Own { nonce: 1 + at / 100, other: 1 + at, wh: 10 };
    let fills: Vec<Fill> = (0..200).map(fill).collect();
    let mut case = Case::settled(Side::Sell, k1(), &fills);
    case.run(0, &[[10, 0, 0]; 200]);
    let evidence = case.evidence(1_005);
    case.world.now = CORRECTIONS_END + 1;
    let call = case.challenge(&evidence, &case.claims());
    let receipt = case.world.ok(ANYONE, call);
    assert_eq!(reconciled(&receipt), 100);
    let expected = [vec![10; 100], vec![5], vec![0; 99]].concat();
    assert_eq!(case.delivered(), expected);
}

#[test]
fn batches_that_are_not_those_of_the_claims_are_refused() {
    let mut case = over_two_batches();
    let evidence = case.evidence(1_500);
    case.world.now = CORRECTIONS_END + 1;
    let claims = case.claims();
    let batches = case.batches(&claims);
    let [first, second] = &batches[..] else { panic!("two batches") };
    let mut another = case.world.posted[&case.clearing].clone();
    another.clearing.price += 1;
    let of_another = TradeBatch::new(another, 1, &[]).unwrap();
    let empty = TradeBatch::new(case.world.posted[&case.clearing].clone(), 1, &[]).unwrap();
    let mut check = |claims: &[Claim], batches: &[&TradeBatch], reason: &str| {
        let batches: Vec<TradeBatch> = batches.iter().map(|one| (*one).clone()).collect();
        let call = case.world.at.challenge([&evidence[0], &evidence[1]], claims, &batches);
        case.world.refused(ANYONE, call, reason);
    };
    check(&claims, &[second, first], "BadBatch { batch: 0 }");
    check(&claims, &[first], "BadBatch { batch: 1 }");
    check(&claims, &[first, first, second], "BadBatch { batch: 1 }");
    check(&claims, &[first, second, second], "BadBatch { batch: 2 }");
    check(&claims[..2], &[first, second], "BadBatch { batch: 1 }");
    check(&claims, &[first, &empty], "BadBatch { batch: 1 }");
    check(&claims, &[first, &of_another], "BadBatch { batch: 1 }");
    check(&claims[2..], &[&of_another], "UnknownClearing");
    let mut crossed = claims.clone();
    crossed.swap(1, 2);
    check(&crossed, &[first, second], "BadBatch { batch: 2 }");
    check(&crossed, &[first, second, first], "BadFill { claim: 2 }");
    check(&claims, &[first, second, first], "BadBatch { batch: 2 }");
    assert_eq!(case.delivered(), [1_000; 4]);
}
