//! What a posting breaks is found where it was posted, and only there.

use super::*;

/// What is found after `facts` were posted together on top of S-1.
fn found(facts: &[Fact]) -> Vec<Violation> {
    let (mut book, _) = s1();
    assert_eq!(book.check_touched(), [], "S-1 is in order");
    for fact in facts {
        book.post("x", fact.clone()).unwrap();
    }
    let found = book.check_touched();
    assert_eq!(book.check_touched(), [], "it is told once");
    let whole = check_each(&book, None);
    assert!(whole.iter().all(|one| found.contains(one)), "{found:?}, {whole:?}");
    found
}

fn withdrawn(name: &str, n: i64) -> Fact {
    Fact::Withdrawn { account: address(name), amount: money(n) }
}

#[test]
fn what_a_posting_breaks_is_found_when_its_block_is_over() {
    let slot = Timestamp::from_seconds(SLOT);
    let [buyer, seller] = ["B", "S"].map(ConnectionPointId::derived);
    let wallet = Account::Wallet(address("B"));
    assert_eq!(found(&[withdrawn("B", 5_000_000_000)]), [Violation::I2(wallet)]);
    assert_eq!(found(&[meter("S", 0, 4199)]), [Violation::I7 { point: seller, slot }]);
    assert_eq!(found(&[meter("B", 4199, 0)]), [Violation::I5 { point: buyer, slot }]);
    // A run that gives back less than was held leaves something in escrow.
    let Fact::Reconciled { trade, mut totals } = run("T", 4200) else { panic!("a run") };
    totals.refund = totals.refund.minus(money(1)).unwrap();
    let account = Account::Escrow(trade);
    let held = [Violation::I4 { account, held: 1, bound: 0 }];
    assert_eq!(found(&[Fact::Reconciled { trade, totals }]), held);
    let released =
        Fact::Released { account: address("network"), day: DAY, amount: money(42_000_001) };
    assert_eq!(found(&[released]), [Violation::Suspense(1)]);
    let more = [Fact::Minted { amount: money(1) }, deposited("B", 1)];
    let traded = [settled("U", "S", "B", 9, 5), meter("B", 5700, 3)];
    assert_eq!(found(&[more, traded].concat()), []);
}

#[test]
fn what_a_block_puts_right_again_was_never_seen() {
    let more = Fact::Minted { amount: money(5_000_000_000) };
    assert_eq!(found(&[withdrawn("B", 5_000_000_000), deposited("B", 5_000_000_000)]), []);
    assert_eq!(found(&[deposited("B", 900_000_000), more]), []);
}

#[test]
fn a_trade_that_the_chain_takes_back_leaves_nothing_held() {
    let (mut book, _) = s1();
    book.check_touched();
    let entry = book.post("x", settled("U", "S", "B", 9, 5)).unwrap();
    book.revert(&entry).unwrap();
    assert_eq!(book.check_touched(), []);
    let entry = book.post("x", settled("U", "S", "B", 9, 5)).unwrap();
    book.revert(&entry).unwrap();
    *book.money.entry(Account::Collateral(address("S"), keccak256("U"))).or_default() -= 1;
    let found = book.check_touched();
    assert!(matches!(found[..], [Violation::I4 { held: 1, bound: 0, .. }]), "{found:?}");
}

#[test]
fn books_are_equal_whatever_of_them_was_looked_at() {
    let (looked_at, entries) = s1();
    let mut other = looked_at.clone();
    other.check_touched();
    assert_eq!(looked_at, other);
    assert_eq!(check_entries(&entries, &looked_at), Ok(()));
}

/// Every file that posts ends where what was touched is looked at.
#[test]
fn whoever_posts_has_it_looked_at() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/app");
    let mut posting = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let posts = [".post(", ".revert("].iter().any(|call| text.contains(call));
        if posts {
            posting += 1;
            let settles = text.contains("settle_state(");
            assert!(settles, "{} posts and does not settle", path.display());
        }
    }
    assert_eq!(posting, 7, "files of services/billing/src/app that post");
}
