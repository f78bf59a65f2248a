use super::*;

fn cents(cents: i64) -> Money {
    Money::from_n(cents * 10_000_000)
}

fn zone() -> TimeZone {
    "Europe/Berlin".parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn standing(balance: i64, per_day: i64) -> Standing {
    Standing { balance: cents(balance), use_per_day: cents(per_day) }
}

/// A notice that was given long ago, and agreed to.
fn agreed() -> Option<Notice> {
    Some(Notice { from: at("2026-06-01T00:00:00Z"), agreed: true })
}

/// A Wednesday, 10 o'clock on the wall.
const WORKS: &str = "2026-06-10T08:00:00Z";

fn judged(facts: Facts, now: &str) -> State {
    facts.state(&Settings::default(), &zone(), at(now))
}

#[test]
fn a_state_follows_from_days_of_use() {
    let settings = Settings::default();
    for (balance, per_day, state) in [
        (900, 300, State::Active),
        (899, 300, State::Low),
        (0, 300, State::Low),
        (-1, 300, State::Emergency),
        (-9_999, 300, State::Emergency),
        (0, 0, State::Active),
        (-1, 0, State::Emergency),
    ] {
        assert_eq!(standing(balance, per_day).level(&settings), state, "{balance} {per_day}");
    }
    assert_eq!(standing(600, 300).hours_left(), Some(48));
    assert_eq!(standing(601, 300).hours_left(), Some(48));
    assert_eq!(standing(-100, 300).hours_left(), Some(0));
    assert_eq!(standing(-200, 300).hours_with_credit(&settings), Some(24));
    assert_eq!(standing(600, 0).hours_left(), None);
    let made = Standing::of(cents(1_000), cents(300), cents(250), cents(-5)).unwrap();
    assert_eq!(made, standing(450, 0));
    let most = Money::from_n(i64::MAX);
    assert_eq!(Standing::of(most.negated().unwrap(), most, most, most), Err(Overflow));
    assert_eq!([499, 500].map(|debt| standing(-debt, 1).is_exhausted(&settings)), [false, true]);
    let none = Settings { credit: Money::ZERO, ..settings };
    assert_eq!([0, 1].map(|debt| standing(-debt, 1).is_exhausted(&none)), [false, true]);
}

#[test]
fn a_suspension_needs_all_of_it() {
    let before = State::Emergency;
    let whole = Facts { standing: standing(-500, 300), protected: false, before, notice: agreed() };
    assert_eq!(judged(whole, WORKS), State::Suspended);
    let alone = Notice { agreed: false, ..agreed().unwrap() };
    let later = Notice { from: at("2026-06-10T08:00:01Z"), agreed: true };
    for (facts, what) in [
        (Facts { standing: standing(-499, 300), ..whole }, "there is credit left"),
        (Facts { protected: true, ..whole }, "it is protected"),
        (Facts { notice: None, ..whole }, "nobody was told"),
        (Facts { notice: Some(alone), ..whole }, "one person alone"),
        (Facts { notice: Some(later), ..whole }, "the notice runs"),
    ] {
        assert_eq!(judged(facts, WORKS), State::Emergency, "{what}");
    }
    for (now, what) in [
        ("2026-06-10T05:59:59Z", "before eight"),
        ("2026-06-10T12:00:00Z", "from two o'clock on"),
        ("2026-06-13T08:00:00Z", "a Saturday"),
        ("2026-06-14T08:00:00Z", "a Sunday"),
    ] {
        assert_eq!(judged(whole, now), State::Emergency, "{what}");
    }
    let holidays = vec!["2026-06-10".parse().unwrap()];
    let settings = Settings { holidays, ..Settings::default() };
    assert_eq!(whole.state(&settings, &zone(), at(WORKS)), State::Emergency);
}

#[test]
fn who_pays_is_not_suspended_any_more_at_any_hour() {
    let suspended = |balance| Facts {
        standing: standing(balance, 300),
        protected: false,
        before: State::Suspended,
        notice: agreed(),
    };
    // It stays so at night, and while some of the debt is there.
    for balance in [-900, -500, -1] {
        assert_eq!(judged(suspended(balance), "2026-06-13T23:00:00Z"), State::Suspended);
    }
    assert_eq!(judged(suspended(0), "2026-06-13T23:00:00Z"), State::Low);
    assert_eq!(judged(suspended(900), WORKS), State::Active);
    // Who is protected later is not either, nor where staff take it back.
    let protected = Facts { protected: true, ..suspended(-900) };
    assert_eq!(judged(protected, WORKS), State::Emergency);
    assert_eq!(judged(Facts { notice: None, ..suspended(-900) }, WORKS), State::Emergency);
}

#[test]
fn a_notice_ends_in_working_hours() {
    let settings = Settings::default();
    let from = |told: &str| settings.suspends_from(&zone(), at(told)).unwrap().to_string();
    // Monday 10:00 -> Thursday 10:00; Monday 20:00 -> Friday 8:00; Thursday -> Monday.
    assert_eq!(from("2026-06-08T08:00:00Z"), "2026-06-11T08:00:00Z");
    assert_eq!(from("2026-06-08T18:00:00Z"), "2026-06-12T06:00:00Z");
    assert_eq!(from("2026-06-11T08:00:00Z"), "2026-06-15T06:00:00Z");
    let holidays = vec!["2026-06-15".parse().unwrap(), "2026-06-16".parse().unwrap()];
    let closed = Settings { holidays, ..Settings::default() };
    let told = closed.suspends_from(&zone(), at("2026-06-11T08:00:00Z"));
    assert_eq!(told.unwrap().to_string(), "2026-06-17T06:00:00Z");
}

#[test]
fn more_money_or_less_use_never_makes_it_worse_and_nobody_is_cut_in_silence() {
    let settings = Settings::default();
    let mut dice = 7_u64;
    let mut below = |end: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        i64::try_from((dice >> 33) % end).unwrap()
    };
    let begin = at("2026-06-01T00:00:00Z");
    let states = [State::Active, State::Low, State::Emergency, State::Suspended];
    let mut suspended = 0;
    for case in 0..50_000 {
        let (balance, per_day) = (below(4_000) - 2_000, below(500));
        let now = begin.plus_seconds(below(60 * 86_400));
        let notice = (below(4) > 0)
            .then(|| Notice { from: begin.plus_seconds(below(30 * 86_400)), agreed: below(3) > 0 });
        let facts = Facts {
            standing: standing(balance, per_day),
            protected: below(5) == 0,
            before: states[usize::try_from(below(4)).unwrap()],
            notice,
        };
        let state = facts.state(&settings, &zone(), now);
        for better in [standing(balance + below(900), per_day), standing(balance, below(500))] {
            let worse = better.use_per_day > facts.standing.use_per_day;
            let (a, b) = (Facts { standing: better, ..facts }, facts);
            let (a, b) = if worse { (b, a) } else { (a, b) };
            let states = [a, b].map(|facts| facts.state(&settings, &zone(), now));
            assert!(states[0] <= states[1], "case {case}: {a:?} {b:?}");
            let hours = [a, b].map(|facts| facts.standing.hours_left().unwrap_or(u32::MAX));
            assert!(hours[0] >= hours[1], "case {case}");
        }
        if state != State::Suspended {
            continue;
        }
        suspended += 1;
        let told = facts.notice.is_some_and(|notice| notice.agreed && notice.from <= now);
        assert!(told && !facts.protected && balance < 0, "case {case}: {facts:?}");
        let begins = facts.before != State::Suspended;
        let sound = facts.standing.is_exhausted(&settings) && settings.may_suspend_at(&zone(), now);
        assert!(!begins || sound, "case {case}: {facts:?}");
    }
    assert!(suspended > 300, "the cases are too dull: {suspended}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let good = Settings::default();
    assert_eq!(good.check(), Ok(()));
    let day = |text: &str| text.parse::<LocalDay>().unwrap();
    let twice = vec![day("2026-12-25"), day("2026-12-25")];
    for (settings, bad) in [
        (Settings { low_days: 0, ..good.clone() }, BadSettings::LowDays),
        (Settings { low_days: 61, ..good.clone() }, BadSettings::LowDays),
        (Settings { credit: cents(-1), ..good.clone() }, BadSettings::Credit),
        (Settings { credit: cents(1_000_001), ..good.clone() }, BadSettings::Credit),
        (Settings { notice_hours: 23, ..good.clone() }, BadSettings::Notice),
        (Settings { notice_hours: 1_441, ..good.clone() }, BadSettings::Notice),
        (Settings { from_hour: 5, ..good.clone() }, BadSettings::Hours),
        (Settings { to_hour: 19, ..good.clone() }, BadSettings::Hours),
        (Settings { to_hour: 8, ..good.clone() }, BadSettings::Hours),
        (Settings { holidays: twice, ..good.clone() }, BadSettings::Holidays),
    ] {
        assert_eq!(settings.check(), Err(bad));
    }
    for state in ["active", "low", "emergency", "suspended"] {
        assert_eq!(State::named(state).unwrap().name(), state);
    }
    let stops = |at, state| Settings { buying_stops: at, ..good.clone() }.stops_buying(state);
    assert!(!stops(StopsAt::Emergency, State::Low) && stops(StopsAt::Low, State::Low));
    assert!(stops(StopsAt::Emergency, State::Emergency) && !stops(StopsAt::Low, State::Active));
}
