//! How a payout goes on.

use super::*;

const OWN: B256 = B256::repeat_byte(1);
/// Another attempt of ours, with other fees.
const EARLIER: B256 = B256::repeat_byte(3);
const FOREIGN: B256 = B256::repeat_byte(9);

fn request(block: u64, transaction: B256, available: u64) -> Requested {
    Requested { place: (block, 0), transaction, amount: Money::from_n(5), available }
}

/// The last second in which it can be withdrawn.
const EXPIRY: u64 = 2000;

fn watched(sent: Sent, redemptions: &[Sent]) -> Watched<'_> {
    let (amount, requests) = (Money::from_n(5), &[OWN, EARLIER]);
    let (since, brought, expiry) = (10, true, EXPIRY);
    let (outside, redeemed) = (false, None);
    Watched { amount, outside, requests, since, sent, brought, expiry, redeemed, redemptions }
}

/// The state, and the next step, at second 1000 with block 20 as the last final one.
fn check(
    payout: Watched<'_>,
    requests: &[Requested],
    withdrawals: &[Place],
    expected: (PayoutState, Option<Step>),
) {
    let (requests, withdrawals) = (requests.to_vec(), withdrawals.to_vec());
    let seen = Seen { requests, withdrawals, finalized: 20, time: 1000 };
    let now = Timestamp::from_seconds(1000);
    let found = progress(&payout, &seen, &BTreeSet::from([OWN, B256::repeat_byte(2)]), now);
    assert_eq!((found.state, found.next), expected, "{found:?}");
}

#[test]
fn a_payout_waits_for_the_delay_of_the_accounts_last_request() {
    use PayoutState::{Requested, Withdrawing};
    let payout = || watched(Sent::UnderWay, &[]);
    check(payout(), &[], &[], (Requested, None));
    check(payout(), &[request(11, OWN, 941)], &[], (Withdrawing, None));
    check(payout(), &[request(11, EARLIER, 941)], &[], (Withdrawing, None));
    check(payout(), &[request(11, OWN, 940)], &[], (Withdrawing, Some(Step::Withdraw)));
    let later = [request(11, OWN, 900), request(12, B256::repeat_byte(2), 1500)];
    check(payout(), &later, &[], (Withdrawing, None));
}

#[test]
fn tokens_that_came_before_the_request_are_not_its_own() {
    use PayoutState::{Withdrawing, Withdrawn};
    let payout = || watched(Sent::UnderWay, &[]);
    let requests = [request(12, OWN, 5000)];
    check(payout(), &requests, &[(11, 3)], (Withdrawing, None));
    check(payout(), &requests, &[(12, 1)], (Withdrawn, Some(Step::Redeem(0))));
}

#[test]
fn a_request_that_somebody_else_brought_counts_and_another_payouts_does_not() {
    use PayoutState::{Failed, Requested, Withdrawing};
    for (sent, transaction, block, expected) in [
        (Sent::Reverted, FOREIGN, 11, Withdrawing),
        (Sent::Refused(12), FOREIGN, 11, Withdrawing),
        (Sent::UnderWay, FOREIGN, 11, Requested),
        (Sent::Refused(12), B256::repeat_byte(2), 11, Failed),
        (Sent::Refused(12), FOREIGN, 10, Failed),
    ] {
        check(watched(sent, &[]), &[request(block, transaction, 5000)], &[], (expected, None));
    }
}

#[test]
fn a_request_of_the_same_amount_is_not_the_payouts_where_its_nonce_is_unused() {
    let payout = Watched { brought: false, ..watched(Sent::Refused(12), &[]) };
    check(payout, &[request(11, FOREIGN, 5000)], &[], (PayoutState::Failed, None));
    let payout = Watched { brought: false, ..watched(Sent::Refused(12), &[]) };
    check(payout, &[request(11, OWN, 5000)], &[], (PayoutState::Withdrawing, None));
}

/// The state, and whether blocks can still change it, where the last final block is of this time.
fn at_time(time: u64, payout: &Watched<'_>, seen: Seen) -> (PayoutState, bool) {
    let seen = Seen { finalized: 20, time, ..seen };
    let found = progress(payout, &seen, &BTreeSet::from([OWN]), Timestamp::from_seconds(9000));
    assert!(found.open || found.next.is_none(), "what is over goes on: {found:?}");
    (found.state, found.open)
}

#[test]
fn what_was_never_withdrawn_ends_once_nobody_can_bring_it() {
    use PayoutState::{Expired, Failed, Requested, Withdrawing};
    let brought = || Seen { requests: vec![request(11, OWN, 9000)], ..Seen::default() };
    for (sent, before) in
        [(Sent::UnderWay, Requested), (Sent::Reverted, Requested), (Sent::Refused(20), Failed)]
    {
        let payout = watched(sent, &[]);
        assert_eq!(at_time(EXPIRY, &payout, Seen::default()), (before, true), "{sent:?}");
        assert_eq!(at_time(EXPIRY + 1, &payout, Seen::default()), (Expired, false), "{sent:?}");
        assert_eq!(at_time(EXPIRY + 1, &payout, brought()), (Withdrawing, true), "{sent:?}");
    }
}

#[test]
fn what_was_withdrawn_can_be_redeemed_for_longer_and_ends_with_that() {
    use PayoutState::{Expired, Redeemed, Withdrawn};
    let (requests, withdrawals) = (vec![request(11, OWN, 900)], vec![(12, 0)]);
    let out =
        || Seen { requests: requests.clone(), withdrawals: withdrawals.clone(), ..Seen::default() };
    let last = EXPIRY + REDEMPTION_SECONDS;
    for tries in [&[][..], &[Sent::UnderWay], &[Sent::Refused(20)]] {
        let payout = watched(Sent::UnderWay, tries);
        assert_eq!(at_time(last, &payout, out()), (Withdrawn, true), "{tries:?}");
        assert_eq!(at_time(last + 1, &payout, out()), (Expired, false), "{tries:?}");
    }
    let payout = Watched { redeemed: Some(15), ..watched(Sent::UnderWay, &[]) };
    assert_eq!(at_time(last + 1, &payout, out()), (Redeemed, false));
}

#[test]
fn a_refusal_counts_once_its_block_is_final_and_was_followed() {
    use PayoutState::{Failed, Requested};
    for (sent, expected) in
        [(Sent::Reverted, Requested), (Sent::Refused(21), Requested), (Sent::Refused(20), Failed)]
    {
        check(watched(sent, &[]), &[], &[], (expected, None));
    }
}

#[test]
fn a_redemption_is_sent_again_a_few_times() {
    use PayoutState::{Failed, Withdrawn};
    let requests = [request(11, OWN, 900)];
    let refused = [Sent::Refused(20); 3];
    for (tries, expected) in [
        (&refused[..1], (Withdrawn, Some(Step::Redeem(1)))),
        (&[Sent::Refused(20), Sent::UnderWay], (Withdrawn, None)),
        (&[Sent::Reverted], (Withdrawn, None)),
        (&refused[..], (Failed, None)),
    ] {
        check(watched(Sent::UnderWay, tries), &requests, &[(12, 0)], expected);
    }
}

#[test]
fn what_is_outside_of_trading_is_redeemed_at_once_whatever_the_account_took_out() {
    use PayoutState::{Expired, Failed, Withdrawn};
    let outside = |redemptions| Watched { outside: true, ..watched(Sent::UnderWay, redemptions) };
    for requests in [&[][..], &[request(11, OWN, 900)]] {
        check(outside(&[]), requests, &[], (Withdrawn, Some(Step::Redeem(0))));
        check(outside(&[Sent::UnderWay]), requests, &[], (Withdrawn, None));
        check(outside(&[Sent::Refused(20); 3]), requests, &[(12, 0)], (Failed, None));
    }
    let last = EXPIRY + REDEMPTION_SECONDS;
    for (time, expected) in [(last, Withdrawn), (last + 1, Expired)] {
        let seen = Seen { finalized: 20, time, ..Seen::default() };
        let now = Timestamp::from_seconds(time.cast_signed());
        let payout = outside(&[Sent::UnderWay]);
        assert_eq!(progress(&payout, &seen, &BTreeSet::new(), now).state, expected);
    }
}

#[test]
fn what_is_redeemed_is_open_until_its_block_is_final() {
    let seen = Seen { finalized: 20, ..Seen::default() };
    for (block, open) in [(20, false), (21, true)] {
        let payout = Watched { redeemed: Some(block), ..watched(Sent::UnderWay, &[]) };
        let now = Timestamp::from_seconds(0);
        let found = progress(&payout, &seen, &BTreeSet::new(), now);
        assert_eq!((found.state, found.open), (PayoutState::Redeemed, open));
    }
}

#[test]
fn a_state_has_one_name() {
    for state in PayoutState::ALL {
        assert_eq!(PayoutState::of(state.name()), Some(state));
    }
    assert_eq!(PayoutState::of("gone"), None);
}

#[test]
fn an_end_to_end_id_leads_back_to_its_payout() {
    let id = PayoutId::derived("one");
    for attempt in [1, 2, 99] {
        let name = end_to_end_id(id, attempt);
        assert!(name.len() <= iso20022::pain001::ID_CHARS_MAX, "{name}");
        assert_eq!(payout_named(&name), Some(id));
        assert_eq!(payout_named(&name.to_uppercase()), Some(id));
    }
    for other in ["", "NOTPROVIDED", "invoice 7", &format!("{}x", end_to_end_id(id, 1))] {
        assert_eq!(payout_named(other), None, "{other}");
    }
}
