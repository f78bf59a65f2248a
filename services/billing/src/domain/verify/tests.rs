use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

mod agreed;
mod anchors;
mod auctions;
mod corrected;
mod curtailed;
mod forged;
mod handed;
mod late;
mod ledger;
mod month;
mod mutated;
mod owed;
mod sheets;
mod world;

use world::World;

#[test]
fn a_bill_says_that_a_gateway_signed_for_the_meter_and_holds() {
    let world = World::relayed();
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert_eq!(world.bill.invoice.relayed_readings as usize, world.readings.len());
    let own_word = |note: &String| note.contains("gateway's own word");
    assert!(report.notes.iter().any(own_word), "{:?}", report.notes);
    let mut bill = World::relayed().bill;
    bill.invoice.relayed_readings = 0;
    let report = verify(&serde_json::to_string(&bill).unwrap(), Some(&world.trust));
    let named = |finding: &Finding| finding.part == "invoice.relayed_readings";
    assert!(report.findings.iter().any(named), "{report}");
}

#[test]
fn a_good_bill_holds_and_says_how_each_line_is_known() {
    let world = World::new();
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert_eq!(report.exit_code(), 0);
    let status = |class| {
        let lines = &world.bill.invoice.lines;
        let place = lines.iter().position(|line| line.class == class).unwrap();
        report.lines[place].status
    };
    use bill::Class;
    assert_eq!(status(Class::Fixed), Status::Proved);
    assert_eq!(status(Class::Retail), Status::Proved);
    // Neighbours took less than was agreed: what was left for the grid follows from that.
    assert_eq!(status(Class::FeedIn), Status::Attested);
    assert_eq!(status(Class::P2pBought), Status::Attested);
    assert_eq!(status(Class::P2pSold), Status::Attested);
    assert_eq!(status(Class::MakeWhole), Status::Attested);
    assert_eq!(world.bill.invoice.lines.len(), report.lines.len());
    assert!(report.to_string().contains("HOLDS: invoice INV-2026-1"));
}

#[test]
fn without_trust_a_bill_is_unanchored_and_has_its_own_exit_code() {
    let world = World::new();
    let report = verify(&world.text, None);
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unanchored, 11), "{report}");
    assert!(report.lines.iter().all(|line| line.status == Status::Unanchored));
    assert_eq!(verify("{}", None).exit_code(), 12);
    assert_eq!(verify(&world.text[1..], Some(&world.trust)).exit_code(), 12);
}

#[test]
fn a_later_trusted_block_leads_back_to_the_bills_block() {
    let mut world = World::new();
    let (bill, trust) = world.against_a_later_block();
    let text = bill.canonical_json();
    let report = verify(&text, Some(&trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let earlier = verify(&text, Some(&world.trust));
    assert_eq!(earlier.verdict, Verdict::Failed);
    assert_eq!(earlier.findings[0].part, "evidence.later.header");
    let mut short = bill;
    short.evidence.later.as_mut().unwrap().path.pop();
    let report = verify(&short.canonical_json(), Some(&trust));
    assert_eq!(report.findings[0].part, "evidence.later.path");
}

#[test]
fn a_shared_out_slot_is_reported_on_the_lines_that_rest_on_it() {
    let world = World::with_a_lost_reading();
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let line = |class| {
        let lines = &world.bill.invoice.lines;
        &report.lines[lines.iter().position(|line| line.class == class).unwrap()]
    };
    use bill::Class;
    assert_eq!(line(Class::Fixed).status, Status::Proved);
    assert_eq!(line(Class::Network).status, Status::NotSigned);
    assert!(line(Class::Network).reason.starts_with("of 48 slots 2 were shared out"));
    assert_eq!(line(Class::P2pBought).status, Status::Attested);
}

/// Whatever digit is changed, wherever it stands, the bill no longer holds and the report says
/// where and what rests on it.
#[test]
fn any_changed_digit_anywhere_makes_the_bill_fail_and_is_named() {
    let world = World::new();
    let digits: Vec<usize> = world
        .text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_digit())
        .map(|(place, _)| place)
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(20_260_601);
    for _ in 0..300 {
        let place = digits[random.random_range(0..digits.len())];
        check_changed_digit(&world, place, random.random_range(1..10));
    }
}

/// As above, for every digit that stands outside the long lists of hashes and signatures.
#[test]
fn each_digit_of_the_invoice_is_load_bearing() {
    let world = World::new();
    let end = world.text.find(",\"evidence\":").unwrap();
    for (place, byte) in world.text.bytes().enumerate().take(end) {
        if byte.is_ascii_digit() {
            check_changed_digit(&world, place, 1);
        }
    }
}

fn check_changed_digit(world: &World, place: usize, by: u8) {
    let mut changed = world.text.clone().into_bytes();
    changed[place] = b'0' + (changed[place] - b'0' + by) % 10;
    let changed = String::from_utf8(changed).unwrap();
    let around = &changed[place.saturating_sub(60)..(place + 20).min(changed.len())];
    let report = verify(&changed, Some(&world.trust));
    assert!(matches!(report.verdict, Verdict::Failed | Verdict::Unreadable), "{around}\n{report}");
    assert_ne!(report.exit_code(), 0);
    for finding in &report.findings {
        assert!(finding.part != "." && !finding.part.is_empty(), "{around}\n{report}");
        assert!(!finding.reason.is_empty());
    }
    // The lines are named wherever the invoice itself can still be read.
    let part = &report.findings[0].part;
    let readable = report.verdict == Verdict::Failed || part.starts_with("evidence");
    let named = report.findings.iter().any(|finding| !finding.lines.is_empty());
    assert!(named || !readable, "{around}\n{report}");
}

#[test]
fn only_one_spelling_of_a_bill_is_read() {
    let world = World::new();
    let refused = |text: String| {
        assert_ne!(text, world.text);
        let report = verify(&text, Some(&world.trust));
        assert_eq!(report.verdict, Verdict::Unreadable, "{report}");
        report.findings[0].part.clone()
    };
    refused(format!("{} ", world.text));
    refused(world.text.replacen(':', ": ", 1));
    assert_eq!(
        refused(world.text.replacen("\"invoice\":{", "\"invoice\":{\"x\":1,", 1)),
        "invoice.x"
    );
    assert_eq!(refused(world.text.replacen("\"p\":1,", "\"p\":01,", 1)), "evidence.readings[0].p");
    assert_eq!(refused(world.text.replacen("\"p\":1,", "\"p\":1.0,", 1)), "evidence.readings[0].p");
}

#[test]
fn a_spare_proof_node_is_refused() {
    let world = World::new();
    let mut bill = world.bill.clone();
    bill.evidence.nodes.push(bill.evidence.nodes[0].clone());
    let report = verify(&bill.canonical_json(), Some(&world.trust));
    let last = bill.evidence.nodes.len() - 1;
    assert_eq!(report.findings[0].part, format!("evidence.nodes[{last}]"));
    assert_eq!(report.verdict, Verdict::Failed);
}
