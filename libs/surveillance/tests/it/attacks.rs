//! How strong an attack has to be until it is found, rule by rule.

use std::collections::BTreeMap;
use std::thread;

use surveillance::{Rule, Thresholds, Watch};

use crate::attack::{Attack, BEFORE};
use crate::town::{Kind, Town};

/// Villages for each strength.
const VILLAGES: u64 = 20;
/// Days that an attack lasts.
const DAYS: u32 = 7;

/// The strengths that are tried, and from which on 95 % of the attackers have to be found.
const DIALS: [(Rule, [u64; 4], u64, &str); 9] = [
    (Rule::C1, [40, 80, 120, 150], 120, "% of 10 ct that are asked more where needed"),
    (Rule::H1, [1, 3, 10, 20], 10, "% of slots in daylight with four fifths withheld"),
    (Rule::L1, [1, 2, 5, 20], 5, "% of slots with a layer of 30 kWh"),
    (Rule::M1, [80, 90, 97, 100], 100, "% of what is offered that is not made"),
    (Rule::O1, [1, 2, 4, 20], 4, "% of slots with a purchase at 45 to 60 ct"),
    (Rule::P1, [2, 5, 10, 40], 10, "% of slots with a bid of 10 Wh that lifts the price"),
    (Rule::S1, [20, 40, 60, 100], 60, "% of slots with the same order by three"),
    (Rule::W1, [1, 3, 10, 50], 10, "% of slots with 800 Wh bought and sold"),
    (Rule::W2, [1, 3, 10, 50], 10, "% of slots with 900 Wh there and back"),
];

/// Whether the attacker is found, and the rules of cases that name nobody of them.
fn attacked(seed: u64, attack: Attack) -> (bool, Vec<Rule>) {
    let kind = Kind { accounts: 12, sun: 70, big_seller: false, fickle: 20 };
    let mut town = Town::new(seed, kind, Some(attack));
    let mut watch = Watch::new("village", Thresholds::default()).unwrap();
    let owners = attack.owners();
    let (mut found, mut others) = (false, BTreeMap::new());
    for _ in 0..BEFORE + DAYS {
        for case in watch.day(&town.next()).unwrap() {
            found |= case.rule == attack.rule && case.owners == owners;
            if !case.owners.iter().any(|owner| owners.contains(owner)) {
                others.insert(case.id, case.rule);
            }
        }
    }
    (found, others.into_values().collect())
}

#[test]
fn attackers_of_the_stated_strength_are_found() {
    let run = |dials: &[(Rule, [u64; 4], u64, &str)]| {
        let mut rows = Vec::new();
        for (rule, strengths, stated, dial) in dials {
            for strength in strengths {
                let attack = Attack { rule: *rule, strength: *strength };
                let tried = (0..VILLAGES).map(|seed| attacked(7_000 + seed, attack));
                let tried: Vec<(bool, Vec<Rule>)> = tried.collect();
                let found = tried.iter().filter(|(found, _)| *found).count() as u64;
                let others: Vec<Rule> = tried.into_iter().flat_map(|(_, others)| others).collect();
                println!("{rule} {strength:>4} {dial}: {found}/{VILLAGES}, others {others:?}");
                rows.push((*rule, *strength, *stated, found, others.len()));
            }
        }
        rows
    };
    let (one, two) = DIALS.split_at(4);
    let rows = thread::scope(|scope| {
        let [one, two] = [one, two].map(|dials| scope.spawn(move || run(dials)));
        let mut rows = one.join().unwrap();
        rows.extend(two.join().unwrap());
        rows
    });
    let bystanders: usize = rows.iter().map(|(.., others)| others).sum();
    for (rule, strength, stated, found, _) in &rows {
        let enough = found * 100 >= VILLAGES * 95;
        assert!(strength < stated || enough, "{rule} at {strength}: {found} of {VILLAGES}");
    }
    let weakest = rows.chunks(4).map(|rows| rows[0].3).sum::<u64>();
    assert!(weakest < VILLAGES * 9 / 2, "the weakest attacks tell nothing of the thresholds");
    assert!(bystanders * 20 <= rows.len() * 20, "{bystanders} cases about bystanders");
}
