//! What was reconciled above signed registers is cut, whoever reconciled it.

mod batches;
mod priced;

use alloy_primitives::{B256, Bytes, U256};
use contracts::bindings::{Challenges, EnergyMarket};
use contracts::requests::{self, MeterEnrolment};
use contracts::{Claim, ContractEvent, Evidence, RUN_CHALLENGED, RUN_EXPIRED, Side};
use ids::{ConnectionPointId, MeterId};
use proptest::prelude::*;
use reading::{PAYLOAD_BYTES, Reading, slot_leaf_data};
use units::{Energy, Register};

use crate::metered::{CHALLENGES_END, CORRECTIONS_END, Case, END, Fill, MeterKey, SALT, k1};
use crate::world::{ANYONE, DAY, SLOT, World, key};

#[test]
fn what_a_seller_did_not_feed_in_is_cut_from_the_last_trade_and_stays_cut() {
    let mut case = Case::new(Side::Sell, k1());
    let (evidence, further) = (case.evidence(3_500), case.evidence(2_000));
    let pause = case.world.at.pause();
    case.world.ok(case.world.operator, pause);
    case.world.now = CORRECTIONS_END + 1;
    let before = case.world.locked(case.account, DAY);
    let call = case.challenge(&evidence, &case.claims());
    let receipt = case.world.ok(ANYONE, call.clone());
    let [
        ContractEvent::Challenged(challenged),
        ContractEvent::TradeReconciled(cut),
        ContractEvent::SlotReconciled(of_batch),
    ] = &receipt.events[..]
    else {
        panic!("{:?}", receipt.events);
    };
    assert_eq!((of_batch.clearing, of_batch.run), (case.clearing, RUN_CHALLENGED));
    assert_eq!((challenged.registered, challenged.claimed), (3_500, 5_000));
    assert_eq!((challenged.slot, challenged.side, challenged.account), (SLOT, 1, case.account));
    let point = ConnectionPointId::derived("home").to_bytes32();
    assert_eq!(challenged.connectionPoint, B256::from(point));
    assert_eq!((cut.run, cut.trade), (RUN_CHALLENGED, case.trades()[1]));
    assert_eq!((cut.delivered, cut.sellerShort, cut.buyerShort), (500, 1_500, 0));
    assert_eq!(case.delivered(), [3_000, 500]);
    // 1500 Wh at 17.8 ct not earned, and as much at 10.8 ct made whole.
    let lost = before - case.world.locked(case.account, DAY);
    assert_eq!(lost, U256::from(1_500 * 178_000 + 1_500 * 108_000));

    case.world.refused(ANYONE, call, "BadBatch { batch: 0 }");
    case.refused(&evidence, &case.claims(), "NoExcess { registered: 3500, claimed: 3500 }");
    let unpause = case.world.at.unpause();
    case.world.ok(case.world.operator, unpause);
    let whole = [[3_000, 0, 0], [2_000, 0, 0]];
    for (run, reason) in
        [(253, "OutsideWindow"), (RUN_CHALLENGED, "NotChallenges"), (RUN_EXPIRED, "RunNotHigher")]
    {
        let call = case.runs(run, &whole).remove(0);
        case.world.refused(case.world.operator, call, reason);
    }
    // What another pair of readings says goes on from there, of both trades.
    let call = case.challenge(&further, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.stand(), [[2_000, 1_000, 0], [0, 2_000, 0]]);
}

/// The reconciler may still be right until its last run, and what was cut is cut for good.
#[test]
fn a_cut_comes_after_all_corrections_and_before_the_cash_is_free() {
    let mut case = Case::new(Side::Sell, k1());
    let evidence = case.evidence(3_500);
    for now in [END, CORRECTIONS_END, CHALLENGES_END, CHALLENGES_END + 86_400] {
        case.world.now = now;
        case.refused(&evidence, &case.claims(), "OutsideWindow");
    }
    // A correction that fits the registers leaves nothing to cut.
    case.world.now = CORRECTIONS_END;
    case.run(1, &[[3_000, 0, 0], [500, 1_500, 0]]);
    case.world.now += 1;
    case.refused(&evidence, &case.claims(), "NoExcess { registered: 3500, claimed: 3500 }");
}

#[test]
fn naming_fewer_trades_first_comes_to_the_same_end() {
    let deliveries = [0, 1].map(|only: usize| {
        let mut case = Case::new(Side::Sell, k1());
        let evidence = case.evidence(1_200);
        case.world.now = CORRECTIONS_END + 1;
        let call = case.challenge(&evidence, &case.claims()[only..=only]);
        case.world.ok(case.account, call);
        let call = case.challenge(&evidence, &case.claims());
        case.world.ok(case.account, call);
        case.delivered()
    });
    assert_eq!(deliveries, [[1_200, 0]; 2]);
}

#[test]
fn what_a_buyer_did_not_take_is_cut_too() {
    let mut case = Case::new(Side::Buy, k1());
    let evidence = case.evidence(4_000);
    case.world.now = CORRECTIONS_END + 1;
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.stand(), [[3_000, 0, 0], [1_000, 0, 1_000]]);
}

/// Energy that the other side did not take was fed in too, or the seller is short of it.
#[test]
fn what_the_other_side_was_said_not_to_take_is_bounded_too() {
    let mut case = Case::new(Side::Sell, k1());
    case.run(1, &[[2_000, 0, 1_000], [2_000, 0, 0]]);
    let [enough, too_little] = [4_000, 2_500].map(|wh| case.evidence(wh));
    case.world.now = CORRECTIONS_END + 1;
    case.refused(&enough, &case.claims(), "NoExcess { registered: 4000, claimed: 4000 }");
    let call = case.challenge(&too_little, &case.claims());
    case.world.ok(ANYONE, call);
    assert_eq!(case.stand(), [[2_000, 0, 500], [500, 1_500, 0]]);
}

/// What a run said of a trade, in 1/1000: delivered, short of the rest, and whose that is.
type Said = (u64, u64, bool);

/// The rule of a challenge, trade by trade.
fn left(sells: bool, registered: u64, said: &[[u64; 3]]) -> Vec<[u64; 3]> {
    let mut left = registered;
    let of_trade = |[delivered, of_seller, of_buyer]: &[u64; 3]| {
        let (own, other) = if sells { (of_seller, of_buyer) } else { (of_buyer, of_seller) };
        let kept = left.min(*delivered);
        left -= kept;
        let (own, other) = (own + delivered - kept, left.min(*other));
        if sells { [kept, own, other] } else { [kept, other, own] }
    };
    said.iter().map(of_trade).collect()
}

fn check_rule(mut case: Case, registered: u64, said: &[Said; 3], first: usize) {
    let said = [3_000, 1_000, 1_000].into_iter().zip(said).map(|(wh, said)| {
        let (delivered, short, of_seller) = *said;
        let delivered = wh * delivered / 1_000;
        let short = (wh - delivered) * short / 1_000;
        if of_seller { [delivered, short, 0] } else { [delivered, 0, short] }
    });
    let said: Vec<[u64; 3]> = said.collect();
    case.run(0, &said);
    let evidence = case.evidence(registered);
    case.world.now = CORRECTIONS_END + 1;
    let sells = case.side == Side::Sell;
    let expected = left(sells, registered, &said);
    let of_first = left(sells, registered, &said[first..=first]);
    let claims = case.claims();
    if of_first[0] != said[first] {
        let call = case.challenge(&evidence, &claims[first..=first]);
        case.world.ok(ANYONE, call);
        assert_eq!(case.stand()[first], of_first[0]);
    }
    if case.stand() != expected {
        let call = case.challenge(&evidence, &claims);
        case.world.ok(ANYONE, call);
        assert_eq!(case.stand(), expected);
    }
    let claimed: u64 = case.delivered().iter().sum();
    let reason = format!("NoExcess {{ registered: {registered}, claimed: {claimed} }}");
    case.refused(&evidence, &claims, &reason);
    assert!(claimed <= registered);
}

#[test]
fn every_challenge_leaves_what_the_rule_says_whatever_was_named_first() {
    let fills = [(1, 1, 3_000), (2, 2, 1_000), (2, 4, 1_000)];
    let fills = fills.map(|(nonce, other, wh)| Fill::Own { nonce, other, wh });
    let cases = [
        Case::settled(Side::Buy, k1(), &fills),
        Case::settled(Side::Sell, k1(), &fills),
        Case::priced(Side::Buy, k1(), &fills),
        Case::priced(Side::Sell, k1(), &fills),
    ];
    let said = || (0..=1_000_u64, 0..=1_000_u64, any::<bool>());
    let said = [said(), said(), said()];
    let any = (0..cases.len(), 0..6_000_u64, said, 0..3_usize);
    proptest!(ProptestConfig::with_cases(64), |((case, registered, said, first) in any)| {
        check_rule(cases[case].clone(), registered, &said, first);
    });
}

#[test]
fn a_meter_may_have_a_key_of_the_other_curve() {
    let signing = p256::ecdsa::SigningKey::from_bytes(&[7; 32].into()).unwrap();
    let mut case = Case::new(Side::Sell, MeterKey::P256(signing));
    let mut evidence = case.evidence(4_999);
    case.world.now = CORRECTIONS_END + 1;
    let good = evidence[1].point.clone();
    for bad in [Bytes::new(), Bytes::from([1; 64]), good.slice(..63)] {
        evidence[1].point = bad;
        case.refused(&evidence, &case.claims(), "BadReading");
    }
    evidence[1].point = good;
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.delivered()[1], 1_999);
}

#[test]
fn readings_signed_together_prove_the_same_with_a_key_of_either_curve() {
    let signing = p256::ecdsa::SigningKey::from_bytes(&[7; 32].into()).unwrap();
    for meter in [k1(), MeterKey::P256(signing)] {
        let mut case = Case::new(Side::Sell, meter);
        let ten: Vec<_> =
            (0..10).map(|slot| case.reading(SLOT + 900 * slot, 4_999 * slot)).collect();
        let messages = case.meter.together(&ten);
        let begin = case.anchored(SLOT, messages[0].clone());
        let end = case.anchored(END, messages[1].clone());
        case.world.now = CORRECTIONS_END + 1;
        // In the place of another, and with the signature of the other kind.
        for message in [
            [&messages[1][..119], &messages[2][119..]].concat(),
            [&messages[1][..55], &case.meter.message(&ten[1])[55..], &messages[1][119..]].concat(),
            messages[1][..119].to_vec(),
        ] {
            let bad = case.anchored(END, message.into());
            case.refused(&[begin.clone(), bad], &case.claims(), "BadReading");
        }
        let call = case.challenge(&[begin, end], &case.claims());
        case.world.ok(case.account, call);
        assert_eq!(case.delivered()[1], 1_999);
    }
}

#[test]
fn readings_that_do_not_hold_are_refused_by_name() {
    let mut case = Case::new(Side::Sell, k1());
    let good = case.evidence(100);
    let claims = case.claims();
    let with = |change: &dyn Fn(&mut [Evidence; 2])| {
        let mut evidence = good.clone();
        change(&mut evidence);
        evidence
    };
    let message = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good[1].message.to_vec();
        change(&mut bytes);
        Bytes::from(bytes)
    };
    let not_a_message = message(&|bytes| bytes.truncate(118));
    let other_number = message(&|bytes| bytes[46] ^= 1);
    let other_signature = message(&|bytes| bytes[PAYLOAD_BYTES] ^= 1);
    for bad in [not_a_message, other_number, other_signature, Bytes::new()] {
        let evidence = with(&|evidence| evidence[1].message = bad.clone());
        case.refused(&evidence, &claims, "BadReading");
    }
    let swapped = [good[1].clone(), good[0].clone()];
    case.refused(&swapped, &claims, "BadReading");
    let stranger = MeterKey::K1(key(201)).message(&case.reading(END, 100));
    let stranger = case.anchored(END, stranger);
    case.refused(&[good[0].clone(), stranger], &claims, "BadReading");
    for (begin, end) in [(SLOT + 1, END), (SLOT, END - 1)] {
        let within = [begin, end].map(|time| {
            let message = case.meter.message(&case.reading(time, 0));
            case.anchored(time, message)
        });
        case.refused(&within, &claims, "BadReading");
    }
    let other_salt = with(&|evidence| evidence[0].salt = B256::ZERO);
    let other_place = with(&|evidence| evidence[0].index = 0);
    let no_batch = with(&|evidence| evidence[0].batch = 99);
    let other_period = with(&|evidence| evidence[0].period += 900);
    for bad in [other_salt, other_place, no_batch, other_period] {
        case.refused(&bad, &claims, "NotAnchored");
    }
    let falling = Reading { export: Register::from_wh(10), ..case.reading(END, 0) };
    let falling = case.meter.message(&falling);
    let falling = case.anchored(END, falling);
    case.refused(&[good[0].clone(), falling], &claims, "NotOneMeter");
    check_untouched(&mut case, &good);
}

/// Nothing was cut, and everything is by good evidence in time.
fn check_untouched(case: &mut Case, good: &[Evidence; 2]) {
    let claims = case.claims();
    assert_eq!(case.delivered(), [3_000, 2_000]);
    case.world.now = CHALLENGES_END;
    case.refused(good, &claims, "OutsideWindow");
    case.world.now -= 1;
    let call = case.challenge(good, &claims);
    case.world.ok(case.account, call);
    assert_eq!(case.delivered(), [100, 0]);
}

#[test]
fn claims_that_do_not_hold_are_refused_by_name() {
    let mut case = Case::new(Side::Sell, k1());
    let good = case.evidence(100);
    let claims = case.claims();
    case.refused(&good, &[], "NoExcess");
    let batches = case.batches(&claims);
    let call = case.world.at.challenge([&good[0], &good[1]], &claims, &[]);
    case.world.refused(ANYONE, call, "NoExcess");
    let reversed: Vec<Claim> = claims.iter().rev().cloned().collect();
    case.refused(&good, &reversed, "BadFill");
    case.refused(&good, &[claims[0].clone(), claims[0].clone()], "BadFill");
    for edit in [
        |claim: &mut Claim| claim.order.quantity = Energy::from_wh(9_000),
        |claim: &mut Claim| claim.filled = Energy::from_wh(2_001),
        |claim: &mut Claim| claim.other = B256::ZERO,
        |claim: &mut Claim| claim.other_filled = Energy::ZERO,
        |claim: &mut Claim| claim.prices.buyer += 1,
        |claim: &mut Claim| claim.prices.seller += 1,
        |claim: &mut Claim| claim.path[0] = B256::ZERO,
        |claim: &mut Claim| claim.path.clear(),
    ] {
        let mut invented = claims.clone();
        edit(&mut invented[1]);
        case.refused(&good, &invented, "BadFill { claim: 1 }");
    }
    let mut elsewhere = claims.clone();
    elsewhere[1].order.connection_point = ConnectionPointId::derived("elsewhere");
    case.refused(&good, &elsewhere, "OtherOrder");
    let mut both = elsewhere;
    both[0].order.connection_point = ConnectionPointId::derived("elsewhere");
    case.refused(&good, &both, "BadReading");
    let mut later = claims.clone();
    later[0].order.slot += 900;
    case.refused(&good, &later, "OtherOrder { claim: 0 }");
    let mut of_other = claims.clone();
    of_other[1].order.account = ANYONE;
    case.refused(&good, &of_other, "OtherOrder { claim: 1 }");
    let mut beyond = claims.clone();
    beyond[1].index = 2;
    let call = case.world.at.challenge([&good[0], &good[1]], &beyond, &batches);
    case.world.refused(ANYONE, call, "BadBatch { batch: 1 }");
    check_untouched(&mut case, &good);
}

/// The clearing's root is the clearer's to choose: what it has twice is two trades, and each counts
/// once.
#[test]
fn a_fill_that_a_root_has_twice_is_two_trades_and_none_counts_twice() {
    let fills = [(1, 1, 3_000), (2, 2, 2_000), (2, 2, 2_000)];
    let fills = fills.map(|(nonce, other, wh)| Fill::Own { nonce, other, wh });
    let mut case = Case::settled(Side::Sell, k1(), &fills);
    case.run(0, &[[3_000, 0, 0], [2_000, 0, 0], [2_000, 0, 0]]);
    let [evidence, all] = [5_000, 7_000].map(|wh| case.evidence(wh));
    case.world.now = CORRECTIONS_END + 1;
    let claims = case.claims();
    assert_eq!(claims.len(), 3);
    let twice = [&claims[..2], &claims[1..2]].concat();
    case.refused(&evidence, &twice, "BadFill { claim: 2 }");
    // At the place of the other it is the other.
    let mut moved = claims[..2].to_vec();
    moved[1].index = 2;
    case.refused(&evidence, &moved, "BadFill { claim: 1 }");
    case.refused(&evidence, &claims[..2], "NoExcess");
    case.refused(&all, &claims, "NoExcess { registered: 7000, claimed: 7000 }");
    let call = case.challenge(&evidence, &claims);
    case.world.ok(ANYONE, call);
    assert_eq!(case.delivered(), [3_000, 2_000, 0]);
}

#[test]
fn what_was_not_settled_or_had_no_run_is_not_cut() {
    let fills = [(1, 1, 3_000), (2, 0, 1_000), (3, 3, 1_000)];
    let fills = fills.map(|(nonce, other, wh)| Fill::Own { nonce, other, wh });
    let mut case = Case::settled(Side::Sell, k1(), &fills);
    let evidence = case.evidence(0);
    case.world.now = CORRECTIONS_END + 1;
    let claims = case.claims();
    case.refused(&evidence, &claims, "BadFill { claim: 1 }");
    let settled = [claims[0].clone(), claims[2].clone()];
    case.refused(&evidence, &settled, "NoExcess { registered: 0, claimed: 0 }");
    let trades = [0, 2].map(|index: usize| case.trades()[index]);
    let call = case.world.at.expire(&case.world.batch(case.clearing, 0), &trades).unwrap();
    case.world.ok(ANYONE, call);
    case.refused(&evidence, &settled, "NoExcess { registered: 0, claimed: 0 }");
}

#[test]
fn registers_from_outside_of_the_slot_bound_it_too() {
    let mut case = Case::new(Side::Sell, k1());
    let evidence = [(SLOT - 900, 0), (END + 900, 4_200)].map(|(time, wh)| {
        let message = case.meter.message(&case.reading(time, wh));
        case.anchored(time, message)
    });
    case.world.now = CORRECTIONS_END + 1;
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.delivered(), [3_000, 1_200]);
}

#[test]
fn what_was_anchored_after_the_corrections_changes_nothing() {
    let mut case = Case::new(Side::Sell, k1());
    case.world.now = CORRECTIONS_END;
    let in_time = case.evidence(100);
    case.world.now += 1;
    let evidence = case.evidence(100);
    case.refused(&evidence, &case.claims(), "NotAnchored");
    let call = case.challenge(&in_time, &case.claims());
    case.world.ok(ANYONE, call);
}

#[test]
fn nobody_but_the_judge_of_evidence_cuts() {
    let mut case = Case::new(Side::Sell, k1());
    let (market, operator) = (case.world.at.market, case.world.operator);
    case.world.now = CORRECTIONS_END + 1;
    let cut = case.runs(RUN_CHALLENGED, &[[2_999, 1, 0]]).remove(0);
    for sender in [operator, case.account, ANYONE] {
        case.world.refused(sender, cut.clone(), "NotChallenges");
    }
    let judge = case.world.at.challenges;
    assert_eq!(case.world.view(judge, Challenges::marketCall {}), market);
    assert_eq!(case.world.view(market, EnergyMarket::challengesCall {}), judge);
}

#[test]
fn one_meter_measures_at_a_connection_point() {
    let mut case = Case::new(Side::Sell, k1());
    let (owner, installer) = (case.account, case.world.account(100));
    let enrol = |world: &World, name: &str, version| {
        let of = MeterEnrolment {
            meter: MeterId::derived(name),
            key: key(201).address(),
            owner,
            installer,
            connection_point: ConnectionPointId::derived("home"),
            version,
        };
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let [by_owner, by_installer] = [owner, installer].map(|signer| world.sign(signer, hash));
        world.at.enrol(&of, by_owner, by_installer)
    };
    let second = enrol(&case.world, "second", 1);
    let operator = case.world.operator;
    case.world.refused(operator, second.clone(), "PointTaken");
    let revoke = case.world.at.revoke(MeterId::derived("home"));
    case.world.ok(operator, revoke);
    case.world.ok(operator, second);
    // The first one's readings before count, those after do not.
    let evidence = case.evidence(100);
    case.refused(&evidence, &case.claims(), "BadReading");
}

#[test]
fn a_leaf_is_what_the_readings_crate_makes_of_a_message() {
    let case = Case::new(Side::Sell, k1());
    let reading = case.reading(END, 5);
    let MeterKey::K1(key) = &case.meter else { unreachable!("it is of this curve") };
    let signed = reading.sign(key);
    let message = case.meter.message(&reading);
    assert_eq!(slot_leaf_data(SALT, &signed)[32..], message[..]);
}
