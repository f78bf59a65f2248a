//! A whole month of quarter-hours with five trades in each slot of daylight, in tries as full as
//! those of a community. The state is written down, not executed: only the size is new here.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{Address, B64, Bloom, Bytes, U256, keccak256};
use calendar::{SlotLength, Timestamp};
use chain::Mmr;
use chain::light::prove_account;
use chain::state::Account;
use chain::trie::{EMPTY_ROOT, Trie};
use contracts::storage;
use contracts::{DayDigest, Deployment, Policy, Prices, Reconciled, Settled, Side};
use reading::{Reading, SignedReading, day_leaf, sign_together};
use tariff::Tariff;
use units::{Energy, Register};

use super::agreed::{community, heading, key, meter, policy, terms};
use super::world::SALT;
use super::*;
use crate::domain::bill::{Heading, Period};

const SLOTS_PER_DAY: usize = 96;
const BYTES_MAX: usize = 2_000_000;
/// Long after the last correction: the year 2027.
const LATER: u64 = 1_800_000_000;

/// The words of the contracts' storage, and the tries over them.
#[derive(Default)]
struct Ledger {
    words: BTreeMap<(Address, B256), U256>,
    nodes: HashMap<B256, Bytes>,
}

impl Ledger {
    fn set(&mut self, contract: Address, position: B256, word: impl Into<U256>) {
        self.words.insert((contract, position), word.into());
    }

    fn header(&mut self, genesis: B256) -> Header {
        let mut state = Trie::default();
        let mut kept = Vec::new();
        let contracts: Vec<Address> = self.words.keys().map(|(contract, _)| *contract).collect();
        for contract in contracts.into_iter().collect::<BTreeSet<_>>() {
            let mut trie = Trie::default();
            for ((_, position), word) in self.words.iter().filter(|((of, _), _)| *of == contract) {
                let place = keccak256(position);
                trie.insert(&self.nodes, place.as_slice(), alloy_rlp::encode(word)).unwrap();
            }
            let storage_root = trie.commit(|_, hash, node| kept.push((hash, node)));
            let account = Account { storage_root, ..Account::default() };
            let place = keccak256(contract);
            state.insert(&self.nodes, place.as_slice(), alloy_rlp::encode(account)).unwrap();
        }
        let state_root = state.commit(|_, hash, node| kept.push((hash, node)));
        self.nodes.extend(kept);
        let mut blocks = Mmr::default();
        blocks.append(genesis, |_, _| {});
        Header {
            parent_hash: genesis,
            ommers_hash: B256::ZERO,
            coinbase: Address::ZERO,
            state_root,
            transactions_root: EMPTY_ROOT,
            receipts_root: EMPTY_ROOT,
            logs_bloom: Bloom::ZERO,
            difficulty: U256::ONE,
            number: 1,
            gas_limit: 0,
            gas_used: 0,
            timestamp: LATER,
            extra_data: blocks.root(),
            mix_hash: B256::ZERO,
            nonce: B64::ZERO,
            base_fee_per_gas: 7,
        }
    }
}

/// So many readings under each signature.
fn readings(begin: Timestamp, days: usize, together: usize) -> Vec<SignedReading> {
    let reading = |place: usize| {
        let place = i64::try_from(place).unwrap();
        Reading {
            meter: meter(),
            page: u32::try_from(place + 100_000).unwrap(),
            time: begin.plus_seconds(place * 900),
            import: Register::from_wh(12_345_678 + place.unsigned_abs() * 123),
            export: Register::from_wh(23_456_789 + place.unsigned_abs() * 930),
            status: Default::default(),
            firmware: 10_203,
        }
    };
    let all: Vec<Reading> = (0..=days * SLOTS_PER_DAY).map(reading).collect();
    all.chunks(together).flat_map(|readings| sign_together(readings, &key(2))).collect()
}

/// Sales from seven to seven: each slot is settled, and reconciled half an hour later.
fn trades_of(midnight: Timestamp, policy: &Policy) -> Vec<DigestEntry> {
    let mut entries = Vec::new();
    for slot in 28..76 {
        let start = midnight.plus_seconds(slot * 900).unsigned();
        let trades: Vec<B256> = (0..5_u8)
            .map(|number| keccak256([&start.to_be_bytes()[..], &[number]].concat()))
            .collect();
        for trade in &trades {
            entries.push(DigestEntry::Settled(Settled {
                trade: *trade,
                side: Side::Sell,
                slot: start,
                quantity: Energy::from_wh(187),
                prices: Prices::one(180_000 + start % 997),
                retail_price: 300_000,
                feed_in_price: 80_000,
                policy: policy.id(),
            }));
        }
        for trade in trades {
            entries.push(DigestEntry::Reconciled(Reconciled {
                trade,
                run: 0,
                delivered: Energy::from_wh(186),
                seller_short: Energy::from_wh(1),
                buyer_short: Energy::ZERO,
            }));
        }
    }
    entries
}

struct Month {
    ledger: Ledger,
    at: Deployment,
    bill: BillFile,
    genesis: B256,
}

fn month(together: usize) -> Month {
    let at = Deployment::of(key(7).address());
    let genesis = keccak256("genesis");
    let tariff = Tariff::new(terms()).unwrap();
    let policy = Policy { slot_seconds: 900, ..policy() };
    let period = Period { from: "2026-05-01".parse().unwrap(), to: "2026-05-31".parse().unwrap() };
    let zone = tariff.head().timezone.clone();
    let all = readings(zone.start_of(period.from), 31, together);
    let mut ledger = Ledger::default();
    let mut evidence = Evidence {
        chain: ChainRef { chain_id: 4242, genesis, contracts: at },
        header: Bytes::new(),
        genesis: Vec::new(),
        later: None,
        tariff,
        tariff_version: 1,
        policies: vec![policy.clone()],
        key_versions: vec![1],
        readings: all.iter().map(CompactReading::new).collect(),
        days: Vec::new(),
        previous: None,
        previous_corrected: None,
        trades: Vec::new(),
        nodes: Vec::new(),
    };
    for (place, day) in period.days().enumerate() {
        let of_day = &all[place * SLOTS_PER_DAY..=(place + 1) * SLOTS_PER_DAY];
        let mut leaves = vec![keccak256("a home"); 200];
        leaves[77] = day_leaf(SALT, meter(), day, of_day).unwrap();
        let tree = merkle::Tree::new(leaves);
        let (kind, number) = (contracts::READINGS_OF_DAY, u64::from(day.number()));
        let root = storage::reading_root(community(), kind, number, 1);
        ledger.set(at.readings, root, tree.root());
        ledger.set(
            at.readings,
            storage::reading_count(community(), kind, number, 1),
            U256::from(200),
        );
        let (batch, index, count, path) = (1, 77, 200, tree.path(77));
        let before = None;
        evidence.days.push(DayEvidence { day, batch, salt: SALT, index, count, path, before });
        let entries = trades_of(zone.start_of(day), &policy);
        let digest = entries.iter().fold(DayDigest::default(), |digest, entry| match entry {
            DigestEntry::Settled(entry) => digest.settled(entry),
            DigestEntry::Reconciled(entry) => digest.reconciled(entry),
        });
        ledger.set(at.market, storage::digest(key(1).address(), day.number()), digest.0);
        evidence.trades.push(day_trades(day, &entries, &[policy.id()]).unwrap());
    }
    let heading = Heading { meter: meter(), ..heading("INV-2026-7") };
    let (invoice, _) = issue(heading, period, SlotLength::QUARTER_HOUR, &evidence, &[]).unwrap();
    Month { ledger, at, bill: BillFile::new(invoice, evidence), genesis }
}

impl Month {
    fn anchor(&mut self) {
        let (at, invoice) = (self.at, &self.bill.invoice);
        let number_and_time =
            |day: LocalDay, time: u64| (U256::from(time) << 32) | U256::from(day.number());
        let days = (invoice.period.from.number(), invoice.period.to);
        let [first, second] = storage::invoice(invoice.address, invoice.meter, days.0);
        let (hash, rest) = (invoice.hash(), number_and_time(days.1, 2));
        self.ledger.set(at.records, first, hash);
        self.ledger.set(at.records, second, rest);
        let tariff = &self.bill.evidence.tariff;
        let [first, second] = storage::tariff(tariff_key(community(), "standard"), 1);
        let (hash, rest) = (tariff.hash(), number_and_time(tariff.head().valid_from, 1));
        self.ledger.set(at.records, first, hash);
        self.ledger.set(at.records, second, rest);
        let owner = U256::from_be_slice(key(1).address().as_slice()) << 64;
        let [first, second] = storage::meter_key(meter(), 1);
        self.ledger.set(at.meters, first, U256::from_be_slice(key(2).address().as_slice()));
        self.ledger.set(at.meters, second, owner);
        for number in 0_u32..4000 {
            for contract in [at.market, at.meters, at.readings, at.records] {
                let noise = keccak256([contract.as_slice(), &number.to_be_bytes()].concat());
                self.ledger.set(contract, noise, noise);
            }
        }
    }

    fn prove(&mut self) -> Trust {
        let header = self.ledger.header(self.genesis);
        self.bill.evidence.header = alloy_rlp::encode(&header).into();
        let mut nodes = Vec::new();
        for need in needs(&self.bill) {
            let positions: Vec<U256> = need.positions.iter().map(|p| (*p).into()).collect();
            let root = header.state_root;
            let proof = prove_account(&self.ledger.nodes, root, need.contract, &positions).unwrap();
            nodes.extend(proof.nodes);
            nodes.extend(proof.storage.into_iter().flat_map(|slot| slot.nodes));
        }
        self.bill = self.bill.clone().with_nodes(nodes);
        let block = TrustedBlock { number: header.number, hash: header.hash() };
        Trust { chain: self.bill.evidence.chain.clone(), tariff: None, block }
    }
}

#[test]
fn a_month_of_trades_fits_into_two_megabytes_and_holds() {
    // Where readings have a place among ten, it takes as much again.
    for (together, bytes_max) in [(1, BYTES_MAX), (10, 2 * BYTES_MAX)] {
        let mut month = month(together);
        month.anchor();
        let trust = month.prove();
        let text = month.bill.canonical_json();
        assert!(text.len() < bytes_max, "{} bytes", text.len());
        let report = verify(&text, Some(&trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        assert_eq!(month.bill.evidence.trades.len(), 31);
    }
}
