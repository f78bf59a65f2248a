use alloy_primitives::keccak256;
use contracts::{BuyerRule, Clearing, Prices, Reconciled, SellerRule, Terms};
use ids::ConnectionPointId;
use rand::{Rng, SeedableRng};
use units::Price;

use super::*;

mod certified;
mod touched;

const SLOT: i64 = 1_780_272_000;
const DAY: u32 = 20_605;

/// S-1: 5000 Wh at 18 ct, retail 30 ct, feed-in 8 ct, under the worked examples' policy.
fn terms() -> Terms {
    let elsewhere =
        Clearing { retail_price: 300_000, feed_in_price: 80_000, ..Clearing::default() };
    let (prices, quantity) = (Prices::one(180_000), Energy::from_wh(5000));
    Terms::new(&testkit::policy("x"), &elsewhere, prices, quantity)
}

fn address(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

fn money(n: i64) -> Money {
    Money::from_n(n)
}

fn settled(trade: &str, seller: &str, buyer: &str, escrow: i64, collateral: i64) -> Fact {
    Fact::Settled(Box::new(Settled {
        trade: keccak256(trade),
        buyer: address(buyer),
        seller: address(seller),
        buyer_point: ConnectionPointId::derived(buyer),
        seller_point: ConnectionPointId::derived(seller),
        slot: Timestamp::from_seconds(SLOT),
        day: DAY,
        escrow: money(escrow),
        collateral: money(collateral),
        terms: terms(),
        network_account: address("network"),
        platform_account: address("platform"),
        difference_account: address("pot"),
        balance_account: address("balance"),
    }))
}

/// S-1: 5000 Wh at 18 ct, of which so many were delivered and the rest the seller's fault.
fn run(trade: &str, delivered: u64) -> Fact {
    let cost =
        |price: i64, wh: u64| Price::from_n_per_wh(price).cost_of(Energy::from_wh(wh)).unwrap();
    let short = 5000 - delivered;
    let totals = Totals {
        delivered: Energy::from_wh(delivered),
        seller_net: cost(178_000, delivered),
        network: cost(10_000, delivered),
        platform: cost(4_000, delivered),
        compensation: Money::ZERO,
        refund: cost(192_000, short),
        make_whole: cost(108_000, short),
        collateral_back: cost(108_000, delivered),
        ..Totals::default()
    };
    Fact::Reconciled { trade: keccak256(trade), totals }
}

fn meter(name: &str, import: u64, export: u64) -> Fact {
    let (import, export) = (Energy::from_wh(import), Energy::from_wh(export));
    let point = ConnectionPointId::derived(name);
    let intervals = vec![PointMetered { point, import, export }];
    Fact::Metered { slot: Timestamp::from_seconds(SLOT), intervals }
}

fn deposited(name: &str, n: i64) -> Fact {
    Fact::Deposited { account: address(name), amount: money(n) }
}

fn s1() -> (Book, Vec<Entry>) {
    let mut book = Book::default();
    let facts = [
        Fact::Minted { amount: money(6_000_000_000) },
        deposited("B", 5_000_000_000),
        deposited("S", 1_000_000_000),
        settled("T", "S", "B", 960_000_000, 540_000_000),
        meter("B", 5600, 0),
        meter("S", 0, 4200),
        run("T", 4200),
    ];
    let post = |(place, fact)| book.post(&format!("log:{place}"), fact).unwrap();
    let entries = facts.into_iter().enumerate().map(post).collect();
    (book, entries)
}

fn show(entry: &Entry) -> Vec<(String, String, u64)> {
    let trade = keccak256("T").to_string();
    let name = |account: &Account| {
        let mut text = account.to_string().replace(&trade, "T");
        for name in ["B", "S", "network", "platform"] {
            text = text.replace(&format!("{:#x}", address(name)), name);
        }
        text
    };
    entry.money.iter().map(|t| (name(&t.debit), name(&t.credit), t.amount)).collect()
}

#[test]
fn the_postings_of_a_short_delivery_are_the_worked_ones() {
    let (book, entries) = s1();
    let rows = |entry: &Entry, expected: &[(&str, &str, u64)]| {
        let expected: Vec<_> =
            expected.iter().map(|(d, c, n)| ((*d).to_owned(), (*c).to_owned(), *n)).collect();
        assert_eq!(show(entry), expected);
    };
    rows(&entries[0], &[("1000", "2040", 6_000_000_000)]);
    rows(&entries[1], &[("2040", "2000:B", 5_000_000_000)]);
    rows(&entries[3], &[("2000:B", "2010:T", 960_000_000), ("2000:S", "2020:S:T", 540_000_000)]);
    rows(
        &entries[6],
        &[
            ("2010:T", "2005:S:20605", 747_600_000),
            ("2010:T", "4000:platform:20605", 8_400_000),
            ("2010:T", "4000:platform:20605", 8_400_000),
            ("2010:T", "2100:network:20605", 42_000_000),
            ("2010:T", "2005:B:20605", 153_600_000),
            ("2020:S:T", "2005:B:20605", 86_400_000),
            ("2020:S:T", "2005:S:20605", 453_600_000),
        ],
    );
    let slot = Timestamp::from_seconds(SLOT);
    let energy = |name, flow| {
        let point = ConnectionPointId::derived(name);
        book.energy(&EnergyAccount { point, slot, flow })
    };
    assert_eq!((energy("B", Flow::P2pBought), energy("B", Flow::GridImport)), (4200, 1400));
    assert_eq!((energy("S", Flow::P2pSold), energy("S", Flow::GridExport)), (-4200, 0));
    assert_eq!(check(&book, Some(money(6_000_000_000))), Ok(()));
    assert_eq!(check_entries(&entries, &book), Ok(()));
}

#[test]
fn a_correction_posts_the_difference_only() {
    let (mut book, _) = s1();
    book.post("interval", meter("S", 0, 4500)).unwrap();
    let entry = book.post("log:7", run("T", 4500)).unwrap();
    let amounts: Vec<u64> = entry.money.iter().map(|t| t.amount).collect();
    // Energy 54 000 000 less the seller's fee, fees pro rata, refund and make-whole clawed back.
    let expected = [53_400_000, 600_000, 600_000, 3_000_000, 57_600_000, 32_400_000, 32_400_000];
    assert_eq!(amounts, expected);
    let refund = &entry.money[4];
    assert_eq!(refund.debit, Account::Locked(address("B"), DAY));
    assert_eq!(entry.energy.iter().map(|t| t.amount).collect::<Vec<_>>(), [300, 300]);
    assert_eq!(check(&book, None), Ok(()));
}

#[test]
fn a_slot_that_was_put_away_comes_back_with_all_that_was_posted() {
    let (mut book, mut entries) = s1();
    let mut twin = book.clone();
    let slot = Timestamp::from_seconds(SLOT);
    for fact in [meter("S", 0, 4500), run("T", 4500)] {
        // In so many other slots something is seen that nothing is left of the first at hand.
        for place in 1..=SLOTS_AT_HAND_MAX {
            let slot = slot.plus_seconds(900 * i64::try_from(place).unwrap());
            let Fact::Metered { intervals, .. } = meter("B", 7, 0) else { panic!("intervals") };
            let seen = Fact::Metered { slot, intervals };
            book.recall(slot, &entries).unwrap();
            entries.push(book.post("interval", seen.clone()).unwrap());
            book.put_slots_away();
            assert_eq!(entries.last(), twin.post("interval", seen).ok().as_ref());
        }
        // What was posted before is not known: the difference to it would be wrong.
        assert_eq!(book.post("late", fact.clone()), Err(JournalError::NotAtHand(slot)));
        // Nor where an entry of it is not found.
        let hidden: Vec<Entry> = entries
            .iter()
            .skip_while(|it| it.energy_slot() != Some(slot))
            .skip(1)
            .cloned()
            .collect();
        assert_eq!(book.recall(slot, &hidden), Err(JournalError::NotWhole(slot)));
        book.recall(slot, &entries).unwrap();
        entries.push(book.post("late", fact.clone()).unwrap());
        assert_eq!(entries.last(), twin.post("late", fact).ok().as_ref());
    }
    for flow in Flow::ALL {
        assert_eq!(book.energy_of(flow), twin.energy_of(flow), "{flow:?}");
    }
    assert_eq!((check(&book, None), check(&twin, None)), (Ok(()), Ok(())));
    assert_eq!(check_entries(&entries, &book), Ok(()));
    assert_eq!(check_slot(slot, &entries), Ok(()));
    let mut started = Book::default();
    started.follow(&entries).unwrap();
    assert!(started == book && !started.is_at_hand(slot));
}

#[test]
fn release_moves_everything_of_a_day_to_the_wallet() {
    let (mut book, _) = s1();
    for (name, amount) in [
        ("S", 1_201_200_000),
        ("B", 240_000_000),
        ("network", 42_000_000),
        ("platform", 16_800_000),
    ] {
        let fact = Fact::Released { account: address(name), day: DAY, amount: money(amount) };
        book.post(name, fact).unwrap();
        assert_eq!(check(&book, None), Ok(()), "{name}");
    }
    assert_eq!(book.balance(&Account::Wallet(address("S"))), -1_661_200_000);
    assert_eq!(book.balance(&Account::Dso(address("network"), DAY)), 0);
}

#[test]
fn what_the_logs_do_not_explain_lands_in_suspense() {
    let (mut book, _) = s1();
    let fact = Fact::Released { account: address("network"), day: DAY, amount: money(42_000_001) };
    book.post("log", fact).unwrap();
    assert_eq!(check(&book, None), Err(Violation::Suspense(1)));
}

#[test]
fn facts_that_the_chain_took_back_leave_no_trace_in_the_balances() {
    for seed in 0..50 {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let (mut book, mut entries) = s1();
        let before = book.clone();
        let mut posted = Vec::new();
        for place in 0..8 {
            let fact = match random.random_range(0..4) {
                0 => Fact::Minted { amount: money(random.random_range(1..1_000_000)) },
                1 => run("T", random.random_range(0..4201)),
                2 => settled(&format!("{seed}/{place}"), "S", "B", 9, 5),
                _ => Fact::Withdrawn { account: address("B"), amount: money(7) },
            };
            posted.push(book.post(&format!("fork:{place}"), fact).unwrap());
        }
        entries.extend(posted.iter().cloned());
        for entry in posted.iter().rev() {
            entries.push(book.revert(entry).unwrap());
        }
        assert!(book.balances().eq(before.balances()), "seed {seed}");
        assert!(book.trades().eq(before.trades()), "seed {seed}");
        assert_eq!(check(&book, None), Ok(()), "seed {seed}");
        assert_eq!(check_entries(&entries, &book), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_meter_that_says_less_waits_until_what_was_paid_is_final() {
    let (book, _) = s1();
    let slot = Timestamp::from_seconds(SLOT);
    let check = |name, said: (u64, u64), runs_final, expected: (u64, u64)| {
        let of = |(import, export)| PointMetered {
            point: ConnectionPointId::derived(name),
            import: Energy::from_wh(import),
            export: Energy::from_wh(export),
        };
        assert_eq!(book.accepts(slot, &of(said), runs_final), of(expected), "{name} {said:?}");
    };
    // The buyer took 5600 Wh in, 4200 of them bought; the seller gave 4200 Wh, all of them sold.
    check("B", (5000, 0), false, (5600, 0));
    check("B", (5000, 0), true, (5000, 0));
    check("B", (4199, 0), true, (5600, 0));
    check("S", (0, 4199), true, (0, 4200));
    check("S", (0, 4300), false, (0, 4300));
    check("B", (4199, 70), true, (5600, 70));
    check("new", (1, 2), false, (1, 2));
}

#[test]
fn what_an_invoice_leaves_to_be_paid_is_posted_once_and_to_the_last_digit() {
    let (mut book, _) = s1();
    let invoiced = |due, retailer| Invoiced {
        number: "INV-2026-1".to_owned(),
        account: address("B"),
        due: money(due),
        retailer: money(retailer),
    };
    let first = Fact::Invoiced(invoiced(3_350_000_000, 3_366_000_000));
    let entry = book.post("invoice", first.clone()).unwrap();
    assert_eq!(book.balance(&Account::Receivable(address("B"))), 3_350_000_000);
    assert_eq!(book.balance(&Account::Retailer), -3_366_000_000);
    assert_eq!(book.balance(&Account::Rounding), 16_000_000);
    assert_eq!(check(&book, None), Ok(()));
    assert_eq!(book.post("again", first), Err(JournalError::KnownInvoice));
    assert_eq!(book.revert(&entry), Err(JournalError::NotReversible(entry.sequence)));
}

#[test]
fn each_invariant_is_broken_by_what_it_guards_against() {
    let (book, entries) = s1();
    let broken = |change: fn(&mut Book)| {
        let mut book = book.clone();
        change(&mut book);
        check(&book, None).unwrap_err()
    };
    let i1 = broken(|b| *b.money.get_mut(&Account::Bank).unwrap() += 1);
    assert!(matches!(i1, Violation::I1 { ledger: "money", difference: 1 }));
    let shift = |book: &mut Book, from: Account, to: Account, n: i128| {
        *book.money.entry(from).or_default() += n;
        *book.money.entry(to).or_default() -= n;
    };
    let mut overdrawn = book.clone();
    shift(&mut overdrawn, Account::Wallet(address("B")), Account::Rounding, 5_000_000_000);
    assert!(matches!(check(&overdrawn, None), Err(Violation::I2(Account::Wallet(_)))));
    assert!(matches!(check(&book, Some(money(5))), Err(Violation::I3 { held: 5, .. })));
    let halts = |held, owed| Violation::I3 { held, owed }.halts();
    assert_eq!([halts(5, 6), halts(6, 5)], [true, false], "a surplus is nobody's to halt for");
    let mut bound = book.clone();
    shift(&mut bound, Account::Wallet(address("B")), Account::Escrow(keccak256("T")), 1);
    assert!(matches!(check(&bound, None), Err(Violation::I4 { held: 1, bound: 0, .. })));
    let mut greedy = book.clone();
    greedy.post("interval", meter("S", 0, 4199)).unwrap();
    assert!(matches!(check(&greedy, None), Err(Violation::I7 { .. })));
    let mut short = book.clone();
    short.post("interval", meter("B", 4199, 0)).unwrap();
    assert!(matches!(check(&short, None), Err(Violation::I5 { .. })));
    let flow = |name, flow| EnergyAccount {
        point: ConnectionPointId::derived(name),
        slot: Timestamp::from_seconds(SLOT),
        flow,
    };
    let mut unsold = book.clone();
    let (debit, credit) = (flow("B", Flow::GridImport), flow("B", Flow::P2pBought));
    unsold.slots.apply(&[Transfer { debit, credit, amount: 1 }]);
    assert!(matches!(check(&unsold, None), Err(Violation::I6(_))));
    let tampered = |change: fn(&mut Vec<Entry>)| {
        let mut entries = entries.clone();
        change(&mut entries);
        check_entries(&entries, &book).unwrap_err()
    };
    assert_eq!(tampered(|e| e[3].money[0].amount += 1), Violation::I8(3));
    assert_eq!(
        tampered(|e| {
            e.remove(1);
        }),
        Violation::I8(1)
    );
    assert_eq!(
        tampered(|e| {
            e.pop();
        }),
        Violation::I8Balances
    );
    let minted = tampered(|e| {
        let last = e.last_mut().unwrap();
        last.money[0].debit = Account::Bank;
        last.hash = last.digest();
    });
    assert_eq!(minted, Violation::I10(6));
}

#[test]
fn an_account_is_read_back_as_it_was_written() {
    for account in [
        Account::Bank,
        Account::Wallet(address("B")),
        Account::Locked(address("B"), DAY),
        Account::Escrow(keccak256("T")),
        Account::Collateral(address("S"), keccak256("T")),
        Account::Receivable(address("B")),
        Account::Retailer,
        Account::Tokens,
        Account::Payouts(address("B")),
        Account::Imbalance(address("B"), DAY),
        Account::Rounding,
        Account::Pot(address("B"), DAY),
        Account::Suspense,
    ] {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    assert!("2000".parse::<Account>().is_err());
    assert!("1000:1".parse::<Account>().is_err());
}

/// From the bank to a wallet and back to the bank, each step an entry.
#[test]
fn money_that_is_paid_out_leaves_as_tokens_and_then_from_the_bank() {
    let mut book = Book::default();
    let (account, amount, destination) = (address("B"), money(7), keccak256("account"));
    let balances = |book: &Book| {
        [Account::Bank, Account::Tokens, Account::Wallet(account), Account::Payouts(account)]
            .map(|of| book.balance(&of))
    };
    for (fact, expected) in [
        (Fact::Minted { amount }, [7, -7, 0, 0]),
        (Fact::Deposited { account: address("S"), amount }, [7, 0, 0, 0]),
        (Fact::Transferred { account: address("S"), to: account, amount }, [7, 0, -7, 0]),
        (Fact::Withdrawn { account, amount }, [7, -7, 0, 0]),
        (Fact::Redeemed { account, amount, destination }, [7, 0, 0, -7]),
        (Fact::Reissued { account, amount }, [7, -7, 0, 0]),
        (Fact::Redeemed { account, amount, destination }, [7, 0, 0, -7]),
        (Fact::PaidOut { account, amount }, [0, 0, 0, 0]),
    ] {
        let entry = book.post("x", fact).unwrap();
        assert_eq!(balances(&book), expected, "{entry:?}");
        assert_eq!(check(&book, None), Ok(()));
    }
}

/// 5000 Wh at 20 ct for the buyer and 17 ct for the seller, the policy's price for shortfalls.
#[test]
fn what_buyers_pay_above_what_sellers_get_and_for_imbalance_is_posted_apart() {
    let terms = Terms {
        prices: Prices { buyer: 200_000, seller: 170_000 },
        seller_short: SellerRule::ImbalancePrice,
        buyer_short: BuyerRule::ImbalancePrice,
        imbalance_price: 50_000,
        ..terms()
    };
    let (escrow, collateral) = (terms.escrow().unwrap(), terms.collateral().unwrap());
    let (mut book, trade) = (Book::default(), keccak256("T"));
    book.post("a", Fact::Minted { amount: money(2_000_000_000) }).unwrap();
    book.post("b", deposited("B", 1_200_000_000)).unwrap();
    book.post("c", deposited("S", 800_000_000)).unwrap();
    let Fact::Settled(mut of) = settled("T", "S", "B", escrow.n(), collateral.n()) else {
        unreachable!()
    };
    of.terms = terms;
    book.post("d", Fact::Settled(of)).unwrap();
    let of_run = |seller_short, buyer_short| {
        let [seller_short, buyer_short] = [seller_short, buyer_short].map(Energy::from_wh);
        let delivered = Energy::from_wh(4000);
        let run = Reconciled { trade, run: 0, delivered, seller_short, buyer_short };
        Fact::Reconciled { trade, totals: Totals::of(&terms, &run).unwrap() }
    };
    for (seller_short, buyer_short) in [(1000, 0), (0, 1000), (0, 0)] {
        book.post("e", of_run(seller_short, buyer_short)).unwrap();
        let owed = |account| -book.balance(&account);
        assert_eq!(owed(Account::Pot(address("pot"), DAY)), 4000 * 30_000);
        let imbalance = i128::from(seller_short + buyer_short) * 50_000;
        assert_eq!(owed(Account::Imbalance(address("balance"), DAY)), imbalance);
        let seller = 4000 * 168_000 + i128::from(collateral.n() - seller_short as i64 * 50_000);
        assert_eq!(owed(Account::Locked(address("S"), DAY)), seller);
        let buyer = i128::from(1000 * 212_000 - buyer_short as i64 * 50_000);
        assert_eq!(owed(Account::Locked(address("B"), DAY)), buyer);
        assert_eq!(check(&book, None), Ok(()));
    }
}

#[test]
fn a_trade_is_settled_once_and_reconciled_after() {
    let (mut book, entries) = s1();
    let before = book.clone();
    let again = settled("T", "S", "B", 1, 1);
    assert_eq!(book.post("x", again), Err(JournalError::KnownTrade(keccak256("T"))));
    assert_eq!(book.post("x", run("U", 1)), Err(JournalError::UnknownTrade(keccak256("U"))));
    assert_eq!(book.revert(&entries[4]), Err(JournalError::NotReversible(4)));
    assert_eq!(book, before);
}
