//! `reading` judges MR1 at the door by the same rules: what it accepts is accepted here, and what
//! it refuses is refused, for the same reason.

use calendar::Timestamp;
use ids::MeterId;
use keys::SecretKey;
use proptest::prelude::*;
use reading::{PhysicalLimit, Reading, Reason, Rules, Signer, Status};
use units::{Power, Register};
use vee::{Code, Dial, Meter, Neighbours, Policy, Read, Signature, Site, Verdict, judge_read};

use crate::home::{LENGTH, at, meter, site};

/// A page of a meter, near enough to others to be a duplicate, a conflict, too fast or backwards.
fn pages() -> impl Strategy<Value = (u32, i64, u64, u64)> {
    let odd = prop_oneof![8 => Just(0_i64), 1 => 1..900_i64, 1 => Just(-40_000_000_i64)];
    (1..5_u32, 0..6_i64, odd, 0..4000_u64, 0..3000_u64)
        .prop_map(|(page, slot, odd, import, export)| (page, slot * 900 + odd, import, export))
}

fn time(seconds: i64) -> Timestamp {
    at(0).plus_seconds(seconds)
}

fn mr1((page, seconds, import, export): (u32, i64, u64, u64)) -> Reading {
    Reading {
        meter: MeterId::derived("H01"),
        page,
        time: time(seconds),
        import: Register::from_wh(import),
        export: Register::from_wh(export),
        status: Status::default(),
        firmware: 1,
    }
}

fn read(
    (page, seconds, import, export): (u32, i64, u64, u64),
    now: Timestamp,
    signature: Signature,
) -> Read {
    Read {
        page,
        time: time(seconds),
        received_at: now,
        clock_ahead_seconds: None,
        import,
        export,
        signature,
        energy_error: false,
        multiplier: None,
    }
}

/// Why both refuse.
fn same_reason(reason: Reason, code: Code) -> bool {
    matches!(
        (reason, code),
        (Reason::Signature, Code::SignatureInvalid)
            | (Reason::PageConflict, Code::PageConflict)
            | (Reason::NotASlotBoundary, Code::NotASlotBoundary)
            | (Reason::TimeAhead, Code::TimeAhead)
            | (Reason::TooOld, Code::TooOld)
            | (Reason::PageOrder, Code::PageOrder)
            | (Reason::RegisterBackwards, Code::MeterReset)
            | (Reason::TooFast, Code::TooMuch)
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn both_judges_say_the_same(
        new in pages(),
        before in prop::option::of(pages()),
        same in prop::option::of(prop_oneof![pages(), Just((0, 0, 0, 0))]),
        after in prop::option::of(pages()),
        ahead in -70..70_i64,
        forged in prop::bool::weighted(0.1),
    ) {
        let now = time(new.1.max(0) - ahead);
        let same = same.map(|same| if same.0 == 0 { new } else { (new.0, same.1, same.2, same.3) });
        let before = before.filter(|before| before.0 < new.0);
        let after = after.filter(|after| after.0 > new.0);

        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let other = SecretKey::from_bytes(&[8; 32]).unwrap();
        let signed = mr1(new).sign(if forged { &other } else { &key });
        let rules = Rules {
            signer: Signer::Key(key.address()),
            slot: LENGTH,
            limit: PhysicalLimit { import: Power::from_w(10_000), export: Power::from_w(8000) },
        };
        let neighbours = reading::Neighbours {
            same: same.map(mr1),
            before: before.map(mr1),
            after: after.map(mr1),
        };
        let door = reading::judge(&signed, &neighbours, &rules, now);

        let signature = if forged { Signature::Invalid } else { Signature::Valid };
        let [ours_before, ours_same, ours_after] = [before, same, after]
            .map(|page| page.map(|page| read(page, now, Signature::Valid)));
        let neighbours = Neighbours {
            same: ours_same.as_ref(),
            before: ours_before.as_ref(),
            after: ours_after.as_ref(),
        };
        let meter = Meter {
            dial: Dial::wh(16).unwrap(),
            installed: Timestamp::default(),
            ..meter()
        };
        let site: Site = site();
        let policy = Policy::default();
        let ours = judge_read(
            &read(new, now, signature), &neighbours, &meter, &site, LENGTH, &policy,
        );
        match door {
            reading::Verdict::Accept => prop_assert!(ours.counts(), "{ours:?}"),
            reading::Verdict::Duplicate => prop_assert_eq!(ours, Verdict::Duplicate),
            reading::Verdict::Quarantine(reason) => {
                prop_assert!(!ours.counts(), "{reason:?}");
                let codes = ours.findings().iter().map(|finding| finding.code);
                let named = Vec::from_iter(codes);
                let known = named.iter().any(|code| same_reason(reason, *code));
                prop_assert!(known, "{reason:?} {named:?}");
            }
        }
    }
}
