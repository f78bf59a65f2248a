//! Journals as files.

use alloy_primitives::{Address, Bytes};
use billing::domain::export::{csv_heading, csv_lines};
use billing::domain::journal::{Book, Fact, PointMetered, Settled, Totals};
use billing::domain::verify::{ANCHORS_FORMAT, ChainRef, entries_tree};
use contracts::Terms;
use ids::ConnectionPointId;
use units::{Energy, Money};

use super::*;

fn chain() -> ChainRef {
    let key = Address::repeat_byte(1);
    let roles = contracts::Roles {
        admin: key,
        clearer: key,
        reconciler: key,
        policy: key,
        minter: key,
        reading_anchor: key,
        record_anchor: key,
        installers: Vec::new(),
        enroller: key,
        pauser: key,
        certifier: key,
    };
    let genesis = contracts::Genesis::new(key, &roles, &testkit::settings(600));
    ChainRef { chain_id: 1, genesis: B256::ZERO, contracts: genesis.deployment }
}

/// A journal of three entries: money comes in, is credited, and leaves the market.
fn entries() -> Vec<Entry> {
    let (mut book, account) = (Book::default(), Address::repeat_byte(7));
    let amount = Money::from_n(25);
    let facts = [
        Fact::Minted { amount },
        Fact::Deposited { account, amount },
        Fact::Withdrawn { account, amount },
    ];
    let post = |(place, fact)| book.post(&format!("log:{place}"), fact).unwrap();
    facts.into_iter().enumerate().map(post).collect()
}

fn journal(entries: &[Entry], proofs: &[&str]) -> String {
    let at = Timestamp::from_seconds(1_780_000_000);
    let each = entries.iter().zip(proofs.iter().chain(std::iter::repeat(&"")));
    let rows: Vec<Row> = each.flat_map(|(entry, proof)| rows(entry, at, "0xab", proof)).collect();
    let lines = [csv_heading(), csv_lines(&rows, "EUR").unwrap()].concat();
    String::from_utf8(lines).unwrap()
}

fn holds(text: &str, head: Option<B256>) -> bool {
    check(text.as_bytes(), head, None).unwrap() == ExitCode::SUCCESS
}

#[test]
fn a_journal_in_which_anything_was_changed_does_not_hold() {
    let all = entries();
    let whole = journal(&all, &[]);
    assert!(holds(&whole, None) && holds(&journal(&all[1..], &[]), None));
    assert!(holds(&whole, Some(all[2].hash)) && !holds(&whole, Some(B256::ZERO)));
    assert!(holds(&journal(&all[..2], &[]), None), "a journal that ends sooner");
    assert!(!holds(&journal(&[all[0].clone(), all[2].clone()], &[]), None), "a hole");
    // What stands beside the text follows from it.
    for (from, to) in [
        (",25,", ",26,"),
        (",minted,", ",deposited,"),
        (",1000,2040,", ",2040,1000,"),
        (",log:1,", ",log:2,"),
        (",false,", ",true,"),
        ("Z,EUR,log:1", "Z,USD,log:1"),
        ("\n1,", "\n2,"),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert!(changed != whole && !holds(&changed, None), "{from}");
    }
    let changed = whole.replacen("\"\"sequence\"\":1", "\"\"sequence\"\":2", 1);
    assert!(changed != whole && !holds(&changed, None));
    let other = whole.replacen("sequence", "number", 1);
    assert!(check(other.as_bytes(), None, None).is_err(), "other columns");
    let none = whole.lines().next().unwrap();
    assert!(check(none.as_bytes(), None, None).is_err(), "none");
}

/// A journal whose chain is sound, whatever its books say.
fn chained(facts: Vec<Fact>) -> String {
    let mut book = Book::default();
    let post = |(place, fact)| book.post(&format!("log:{place}"), fact).unwrap();
    journal(&Vec::from_iter(facts.into_iter().enumerate().map(post)), &[])
}

#[test]
fn a_whole_journal_makes_books_that_keep_their_rules() {
    let (account, to) = (Address::repeat_byte(7), Address::repeat_byte(8));
    let amount = Money::from_n(25);
    let minted = || vec![Fact::Minted { amount }, Fact::Deposited { account, amount }];
    let with = |more: Vec<Fact>| chained([minted(), more].concat());
    assert!(holds(&with(vec![Fact::Transferred { account, to, amount }]), None));
    // More than there is leaves the wallet: less than nothing is in it (I2).
    let more = Money::from_n(26);
    let overdrawn = with(vec![Fact::Transferred { account, to, amount: more }]);
    assert!(!holds(&overdrawn, None));
    // Of a part nobody can say so: what came before it is not known.
    let part = overdrawn.lines().next().into_iter().chain(overdrawn.lines().skip(2));
    assert!(holds(&Vec::from_iter(part).join("\n"), None));
    // More was sold in a slot than the meter fed in (I7).
    let (slot, point) = (Timestamp::from_seconds(900), ConnectionPointId::derived("seller"));
    let metered = |export| {
        let [import, export] = [0, export].map(Energy::from_wh);
        let intervals = vec![PointMetered { point, import, export }];
        Fact::Metered { slot, intervals }
    };
    let cash = Money::from_n(25);
    let settled = Settled {
        trade: B256::repeat_byte(1),
        buyer: account,
        seller: to,
        buyer_point: ConnectionPointId::derived("buyer"),
        seller_point: point,
        slot,
        day: 0,
        escrow: cash,
        collateral: Money::ZERO,
        terms: Terms::new(
            &testkit::policy("x"),
            &contracts::Clearing::default(),
            contracts::Prices::one(0),
            Energy::from_wh(5),
        ),
        network_account: to,
        platform_account: to,
        difference_account: to,
        balance_account: to,
    };
    let totals = Totals { delivered: Energy::from_wh(5), refund: cash, ..Totals::default() };
    let run = Fact::Reconciled { trade: settled.trade, totals };
    let sold =
        |export| with(vec![Fact::Settled(Box::new(settled.clone())), metered(export), run.clone()]);
    assert!(holds(&sold(5), None));
    assert!(!holds(&sold(4), None));
    // Suspense is in the books as such, and told.
    let released = Fact::Released { account, day: 0, amount };
    assert!(holds(&with(vec![released]), None));
}

#[test]
fn a_part_is_proved_by_its_batches_entry_by_entry() {
    let all = entries();
    let hashes: Vec<B256> = all.iter().map(|entry| entry.hash).collect();
    let tree = entries_tree(&hashes);
    let batch = JournalBatch { number: 1, first: 0, count: 3, root: tree.root() };
    let proof = |place: usize, batch| {
        serde_json::to_string(&EntryProof { batch, path: tree.path(place) }).unwrap()
    };
    let anchors = |trusted| Anchors {
        file: AnchorsFile {
            format: ANCHORS_FORMAT.to_owned(),
            chain: chain(),
            header: Bytes::new(),
            genesis: Vec::new(),
            currency: "EUR".to_owned(),
            batches: vec![batch],
            nodes: Vec::new(),
        },
        times: vec![1_780_000_000],
        trusted,
    };
    let code = |text: &str, trusted| check(text.as_bytes(), None, Some(&anchors(trusted)));
    let ends = |text: &str, trusted, with: u8| {
        assert_eq!(code(text, trusted).unwrap(), ExitCode::from(with), "{text}");
    };
    let part = [all[0].clone(), all[2].clone()];
    let proofs = [proof(0, 1), proof(2, 1)];
    let good = journal(&part, &[&proofs[0], &proofs[1]]);
    ends(&good, true, 0);
    ends(&good, false, exit::UNANCHORED_JOURNAL);
    // An entry that is in no batch yet, or in one that the file does not have.
    ends(&journal(&part, &[&proofs[0]]), true, exit::UNANCHORED_JOURNAL);
    ends(&journal(&part, &[&proofs[0], &proof(2, 2)]), true, exit::UNANCHORED_JOURNAL);
    ends(&journal(&part, &[&proofs[0], &proof(1, 1)]), true, exit::BROKEN_JOURNAL);
    ends(&journal(&part, &[&proofs[0], "{}"]), true, exit::BROKEN_JOURNAL);
    let back = [all[2].clone(), all[0].clone()];
    ends(&journal(&back, &[&proofs[1], &proofs[0]]), true, exit::BROKEN_JOURNAL);
    ends(&good.replace(",EUR,", ",USD,"), true, exit::BROKEN_JOURNAL);
    ends(&good.replacen("Z,EUR,log:2", "Z,USD,log:2", 1), true, exit::BROKEN_JOURNAL);
    // It cannot have been posted after its batch came on chain.
    let later = Timestamp::from_seconds(1_780_000_061).to_string();
    let moved = good.replacen(&Timestamp::from_seconds(1_780_000_000).to_string(), &later, 1);
    ends(&moved, true, exit::BROKEN_JOURNAL);
}

#[test]
fn an_entry_that_says_it_is_from_before_the_batch_before_is_told_of() {
    let all = entries();
    let tree = |from: usize, to: usize| {
        let hashes: Vec<B256> = all[from..to].iter().map(|entry| entry.hash).collect();
        entries_tree(&hashes)
    };
    let batch = |number, first, count, root| JournalBatch { number, first, count, root };
    let second = tree(1, 3);
    let batches = vec![batch(1, 0, 1, tree(0, 1).root()), batch(3, 1, 2, second.root())];
    let proof = serde_json::to_string(&EntryProof { batch: 3, path: second.path(1) }).unwrap();
    let text = journal(&all[2..], &[&proof]);
    for (before, code) in [(86_400, 0), (3 * 86_400, exit::UNANCHORED_JOURNAL)] {
        let first = 1_780_000_000 + before;
        let file = AnchorsFile {
            format: ANCHORS_FORMAT.to_owned(),
            chain: chain(),
            header: Bytes::new(),
            genesis: Vec::new(),
            currency: "EUR".to_owned(),
            batches: batches.clone(),
            nodes: Vec::new(),
        };
        let anchors = Anchors { file, times: vec![first, first + 86_400], trusted: true };
        let found = check(text.as_bytes(), None, Some(&anchors)).unwrap();
        assert_eq!(found, ExitCode::from(code), "{before}");
    }
}
