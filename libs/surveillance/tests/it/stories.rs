//! A week in a small town. Honest, it raises nothing; with one abuse planted, exactly its case.

use matching::Side;
use surveillance::Kind;

use crate::town::*;

/// Who sells, with the limit in 1e-9 currency per Wh and what is made in a slot at noon.
const SELLERS: [(&str, i64, u64); 4] = [
    ("ash", 90_000, 900),
    ("birch", 110_000, 700),
    ("cedar", 120_000, 1_200),
    ("elm", 140_000, 400),
];
/// Who buys, with limit and usual need.
const BUYERS: [(&str, i64, u64); 5] = [
    ("adam", 220_000, 500),
    ("bella", 240_000, 300),
    ("carl", 260_000, 600),
    ("dora", 280_000, 200),
    ("emil", 210_000, 400),
];
/// The slots of a day in which the town trades.
const TIMES: [&str; 8] = ["09:00", "10:00", "11:00", "12:00", "12:15", "12:30", "12:45", "14:00"];
/// How many days.
const DAYS: i64 = 8;

/// What somebody does besides, called before each slot is cleared, and then after it.
type Abuse = fn(&mut Town, i64, &str, bool);

/// The week. Weather takes its part on some days; everybody delivers and takes what was traded.
fn week(abuse: Abuse) -> Town {
    let mut town = Town::default();
    for (name, _, wh) in SELLERS {
        town.likely(name, wh);
    }
    for day in 1..=DAYS {
        let sun = [100, 80, 100, 40, 90, 100, 30, 100][usize::try_from(day - 1).unwrap()];
        for (place, time) in (0..).zip(TIMES) {
            let slot = slot(day, time);
            for (name, limit, wh) in SELLERS {
                let limit = limit + 100 * place;
                town.order((name, Side::Sell), slot, (wh * sun / 100, limit), 3_000);
            }
            for (name, limit, wh) in BUYERS {
                town.order((name, Side::Buy), slot, (wh + 10 * place.unsigned_abs(), limit), 4_000);
            }
            // Somebody changes its mind in time.
            let order = town.buy("dora", slot, 100, 23);
            town.cancel(slot, order, 1_800);
            abuse(&mut town, day, time, false);
            town.clear(slot);
            for (name, _, wh) in SELLERS {
                town.meter(name, slot, 0, wh * sun / 100);
            }
            for (name, _, wh) in BUYERS {
                town.meter(name, slot, wh + 300, 0);
            }
            abuse(&mut town, day, time, true);
        }
    }
    town
}

fn story(kind: Kind, abuse: Abuse) -> surveillance::Case {
    let town = week(abuse);
    let machine = watch(&town.facts);
    assert_eq!(kinds(&machine), [kind]);
    let case = only(&machine);
    let sentence = case.sentence(|id| id.to_string());
    assert!(sentence.ends_with('.') && !case.slots().is_empty(), "{sentence}");
    case
}

#[test]
fn an_honest_week_raises_nothing() {
    let machine = watch(&week(|_, _, _, _| {}).facts);
    assert_eq!(kinds(&machine), []);
    assert_eq!(machine.missed(), surveillance::Missed::default());
}

#[test]
fn w1_who_trades_with_its_second_account_is_found() {
    let case = story(Kind::W1, |town, day, time, cleared| {
        if (day, time, cleared) == (3, "11:00", false) {
            // Keener than all others on both sides, so that they surely meet.
            town.sell("fox", slot(day, time), 2_000, 1);
            town.buy("fox's second", slot(day, time), 5_000, 29);
            town.give("fox's second", "fox");
        }
        if (day, time, cleared) == (3, "11:00", true) {
            town.meter("fox", slot(day, time), 0, 2_000);
        }
    });
    assert!(case.accounts().contains(&account("fox's second")));
}

#[test]
fn w2_who_passes_energy_there_and_back_is_found() {
    story(Kind::W2, |town, day, time, cleared| {
        // At times when nobody else trades.
        let (morning, evening) = (slot(day, "06:00"), slot(day, "07:00"));
        if (day, time, cleared) == (2, "09:00", false) {
            for (slot, seller, buyer) in [(morning, "gnu", "hen"), (evening, "hen", "gnu")] {
                town.sell(seller, slot, 3_000, 15);
                town.buy(buyer, slot, 3_000, 15);
                town.clear(slot);
                town.meter(seller, slot, 0, 3_000);
            }
        }
    });
}

#[test]
fn l1_who_shows_large_orders_that_vanish_is_found() {
    let case = story(Kind::L1, |town, day, time, cleared| {
        if day == 5 && !cleared {
            let order = town.sell("ibis", slot(day, time), 4_000, 8);
            town.cancel(slot(day, time), order, 20);
            if time == "14:00" {
                town.buy("ibis", slot(day, time), 900, 25);
            }
        }
    });
    assert_eq!((case.slots().len(), case.energy_wh()), (8, 32_000));
}

#[test]
fn h1_who_keeps_its_energy_back_for_a_high_price_is_found() {
    let case = story(Kind::H1, |town, day, time, cleared| {
        town.likely("jay", 3_000);
        if !cleared && (day, time) != (8, "12:00") {
            // On cloudy days it has as little as the others.
            let sun = [100, 80, 100, 40, 90, 100, 30, 100][usize::try_from(day - 1).unwrap()];
            town.sell("jay", slot(day, time), 30 * sun, 8);
        } else if !cleared {
            town.sell("jay", slot(day, time), 100, 8);
            town.order(("rich", Side::Buy), slot(day, time), (9_000, 290_000), 2_000);
        }
        if cleared {
            town.meter("jay", slot(day, time), 0, 3_000);
        }
    });
    assert_eq!(case.accounts(), [account("jay")].into());
}

#[test]
fn m1_who_sells_what_it_never_makes_is_found() {
    let case = story(Kind::M1, |town, day, time, cleared| {
        if day == 6 && ["12:00", "12:15", "12:30", "12:45"].contains(&time) {
            if cleared {
                town.meter("kea", slot(day, time), 200, 0);
            } else {
                town.sell("kea", slot(day, time), 800, 9);
            }
        }
    });
    assert_eq!(case.connection_points(), [point("kea")].into());
}

#[test]
fn m2_who_sells_the_night_as_sunshine_is_found() {
    let case = story(Kind::M2, |town, day, time, cleared| {
        if (day, time, cleared) != (4, "14:00", true) {
            return;
        }
        for (start, taken, sold) in
            [("22:00", 900, 0), ("22:15", 900, 0), ("22:30", 0, 700), ("22:45", 0, 800)]
        {
            let slot = slot(day, start);
            if sold > 0 {
                town.sell("lynx", slot, sold, 20);
                town.buy("mole", slot, sold, 28);
            }
            town.clear(slot);
            town.meter("lynx", slot, taken, sold);
        }
    });
    assert_eq!(case.energy_wh(), 1_500);
}

#[test]
fn b1_three_who_ask_the_same_slot_after_slot_are_found() {
    let case = story(Kind::B1, |town, day, time, cleared| {
        let place = TIMES.iter().position(|known| *known == time).unwrap();
        if day == 7 && !cleared && place >= 3 {
            let limit = [171_300, 168_800, 174_100, 169_200, 173_000][place - 3];
            for name in ["newt", "owl", "puma"] {
                town.order((name, Side::Sell), slot(day, time), (100, limit), 5_000);
            }
        }
        if day == 7 && cleared {
            for name in ["newt", "owl", "puma"] {
                town.meter(name, slot(day, time), 0, 100);
            }
        }
    });
    assert_eq!(case.accounts(), ["newt", "owl", "puma"].map(account).into());
}

#[test]
fn p1_who_drives_up_the_price_of_two_in_the_afternoon_is_found() {
    let case = story(Kind::P1, |town, day, time, cleared| {
        if day >= 5 && time == "14:00" && !cleared {
            town.order(("rat", Side::Buy), slot(day, time), (9_000, 1_000_000), 1_000);
        }
    });
    assert_eq!(case.slots(), [5, 6, 7, 8].map(|day| slot(day, "14:00")).into());
}
