//! Accounts that settle at another address from a midnight on: they trade before and after, are
//! billed for both with bills that hold, and lose nothing, wherever the program ends in between.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use billing::domain::bill::Period;
use billing::domain::verify::{BillFile, Verdict, verify};
use calendar::Timestamp;
use contracts::AccountRequest;
use contracts::requests::{self, MeterEnrolment};
use identity::Rotation;
use ids::{InvoiceId, MeterId};
use keys::SecretKey;
use matching::Mechanism;
use serde_json::{Value, json};
use service::Tick;

use super::calls::{ContractEvent, Wish};
use super::person::Person;
use super::setting::Setting;
use super::town::{DEPOSIT, Town, key};
use super::{ASK, BID, WH};
use crate::source::node::chain::role;

/// When the town is ready: in the week before July.
const READY: &str = "2026-06-26T08:00:00Z";
/// The midnight in Berlin that July begins with.
const JULY: &str = "2026-06-30T22:00:00Z";
const SLOT_SECONDS: i64 = 900;
const DAY: i64 = 86_400;
const PASSWORD: &str = "correct horse battery";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn start(rotation: Rotation) -> (Town, Person, Person) {
    let setting = Setting { rotation, ..Setting::of(Mechanism::default()) };
    let mut town = Town::start_at(READY, setting).await;
    let (ada, bo) = (town.join("ada", false).await, town.join("bo", true).await);
    (town, ada, bo)
}

/// The addresses of somebody, oldest first.
async fn addresses(town: &Town, person: &Person, token: &str) -> Vec<Address> {
    let path = format!("/v1/accounts/{}/addresses", person.account);
    let shown = town.get(&path, token).await;
    let all = shown.as_array().unwrap().iter();
    all.map(|one| one["address"].as_str().unwrap().parse().unwrap()).collect()
}

/// What somebody wants in the slot that starts at `slot`, as the address `account`.
fn wish(person: &Person, account: Address, buys: bool, slot: Timestamp) -> Wish {
    let limit = if buys { BID } else { ASK };
    Wish { account, ..person.wish(buys, slot.unsigned(), WH, limit, slot.unsigned()) }
}

/// Half of what is ordered in June is delivered, so that some of it comes back.
const METERED: u64 = WH / 2;

/// Both meters show, at `time`, what ada has taken and bo has fed in.
async fn read(town: &Town, ada: &Person, bo: &Person, page: u32, time: Timestamp, wh: u64) {
    town.read(ada, page, time, [wh, 0]).await;
    town.read(bo, page, time, [0, wh]).await;
}

/// Ada, at an address, buys so much of bo in a slot; `pages` were read before, and `counted`.
async fn traded(
    town: &mut Town,
    (ada, bo): (&Person, &Person),
    (address, wh): (Address, u64),
    slot: Timestamp,
    (pages, counted): (u32, u64),
) {
    town.pass_to(slot.plus_seconds(-7_200)).await;
    let buy = Wish { wh, ..wish(ada, address, true, slot) };
    let buy = town.signed_inside(&ada.token, buy).await;
    let sell = Wish { wh, ..wish(bo, bo.address, false, slot) };
    let sell = town.place.signed(sell, bo.key());
    town.place(&ada.token, &buy).await.unwrap();
    town.place(&bo.token, &sell).await.unwrap();
    town.pass_to(slot.plus_seconds(1)).await;
    read(town, ada, bo, pages + 1, slot, counted).await;
    let end = slot.plus_seconds(SLOT_SECONDS);
    town.pass_to(end.plus_seconds(1)).await;
    read(town, ada, bo, pages + 2, end, counted + METERED).await;
}

/// Ada trades on the last day of June and on the first of July, and all of it can be billed; her
/// two addresses.
async fn two_days(town: &mut Town, ada: &Person, bo: &Person) -> [Address; 2] {
    let (begin, boundary) = (at("2026-06-29T22:00:00Z"), at(JULY));
    town.pass_to(begin.plus_seconds(1)).await;
    read(town, ada, bo, 1, begin, 0).await;
    let all = addresses(town, ada, &ada.token).await;
    let [old, new] = all[..] else { panic!("one for June, one for July: {all:?}") };
    assert_eq!(old, ada.address);
    traded(town, (ada, bo), (old, WH), at("2026-06-30T10:00:00Z"), (1, 0)).await;
    // In the slot that begins then, the registry learns whose the meter is.
    town.pass_to(boundary.plus_seconds(60)).await;
    read(town, ada, bo, 4, boundary, METERED).await;
    let other = wish(ada, old, true, at("2026-07-01T10:00:00Z"));
    let other = json!(town.place.terms(other));
    assert_eq!(town.refusal("/v1/signatures/order", &ada.token, &other).await, "ADDRESS");
    let less = (new, WH - 400);
    traded(town, (ada, bo), less, at("2026-07-01T10:00:00Z"), (4, METERED)).await;
    let end = at("2026-07-01T22:00:00Z");
    town.pass_to(end.plus_seconds(60)).await;
    read(town, ada, bo, 7, end, 2 * METERED).await;
    let corrections = i64::from(town.place.policy.correction_seconds);
    town.pass_to(end.plus_seconds(DAY + corrections)).await;
    [old, new]
}

/// The bill of somebody for days of June and July, checked as anybody checks it.
async fn billed(town: &mut Town, person: &Person, days: [&str; 2]) -> BillFile {
    let [from, to] = days;
    let new = json!({ "account": person.account, "from": from, "to": to });
    town.made("/v1/invoices", &town.clerk, &new).await;
    town.pass(60).await;
    bill(town, person, days).await
}

async fn bill(town: &Town, person: &Person, [from, to]: [&str; 2]) -> BillFile {
    let period = Period { from: from.parse().unwrap(), to: to.parse().unwrap() };
    let id = format!("{}/{}/{}", person.account, period.from, period.to);
    let id = InvoiceId::derived(&id);
    let (text, trust) = town.node.billing.bill_file(id, None).await.unwrap();
    let report = verify(&text, Some(&trust));
    assert_eq!(report.verdict, Verdict::Holds, "{:?}", report.findings);
    serde_json::from_str(&text).unwrap()
}

async fn free(town: &Town, address: Address) -> u64 {
    town.number(&town.place.free(address)).await
}

/// A wallet's sum and its addresses, in 1e-9.
async fn wallet(town: &Town, person: &Person) -> (u64, Vec<u64>) {
    let wallet = town.get("/v1/wallet", &person.token).await;
    let n = |value: &Value| {
        let amount: units::Money = serde_json::from_value(value.clone()).unwrap();
        amount.n().unsigned_abs()
    };
    let each = wallet["addresses"].as_array().unwrap().iter().map(|one| n(&one["total"]));
    (n(&wallet["total"]), each.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_household_is_billed_at_both_of_its_addresses_and_keeps_its_cash() {
    let (mut town, ada, bo) = start(Rotation::Monthly).await;
    // The job looks every hour.
    town.pass(3_601).await;
    let [old, new] = two_days(&mut town, &ada, &bo).await;
    town.books_are_covered().await;
    let both = json!({ "account": ada.account, "from": "2026-06-30", "to": "2026-07-01" });
    assert_eq!(town.refusal("/v1/invoices", &town.clerk, &both).await, "ADDRESS_CHANGES");
    let june = billed(&mut town, &ada, ["2026-06-30"; 2]).await;
    let july = billed(&mut town, &ada, ["2026-07-01"; 2]).await;
    let theirs = billed(&mut town, &bo, ["2026-06-30", "2026-07-01"]).await;
    let of = |bill: &BillFile| (bill.invoice.address, bill.evidence.key_versions.clone());
    assert_eq!([of(&june), of(&july)], [(old, vec![1]), (new, vec![1, 2])]);
    assert_eq!(of(&theirs), (bo.address, vec![1]));
    for bill in [&june, &july] {
        assert!(bill.invoice.lines.iter().any(|line| line.class.on_chain()), "P2P energy");
    }

    // What was locked has become free, and has followed.
    town.pass(i64::from(town.place.policy.challenge_seconds) + 2 * DAY).await;
    assert_eq!(free(&town, old).await, 0);
    let (sum, each) = wallet(&town, &ada).await;
    assert_eq!((sum, each), (free(&town, new).await, vec![0, sum]));
    let fees = [role::NETWORK, role::PLATFORM].map(|role| town.secrets.key(role).address());
    let mut all = sum + free(&town, bo.address).await;
    for fee in fees {
        all += free(&town, fee).await;
    }
    assert_eq!(all, 2 * DEPOSIT, "no unit is lost or made");
    town.books_are_covered().await;
    let statement = town.get("/v1/statement", &ada.token).await;
    let moved: Vec<&Value> = statement["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["what"] == "transferred")
        .collect();
    assert!(moved.len() >= 2, "{statement}");
    let nothing = json!(units::Money::ZERO);
    assert!(moved.iter().all(|item| item["change"] == nothing), "{statement}");

    // Nobody else learns of the link from the services.
    let path = format!("/v1/accounts/{}/addresses", ada.account);
    let (status, _) = town.ask(&path, &bo.token).await;
    assert_eq!(status.as_u16(), 403);
    assert_eq!(addresses(&town, &ada, &town.clerk).await, [old, new]);
    let known = named(&ada);
    assert_eq!(shared(&town, [old, new], &known).await, known, "an onlooker joins them by these");

    // The link destroyed, the proof stands.
    erase(&town, old).await;
    bill(&town, &ada, ["2026-06-30"; 2]).await;
    town.stop().await;
}

/// What the page on data protection names: the meter, its key, and its connection point.
fn named(person: &Person) -> BTreeSet<B256> {
    let device = &person.device;
    [
        B256::from(device.meter.to_bytes32()),
        device.key.address().into_word(),
        B256::from(person.point.to_bytes32()),
    ]
    .into()
}

/// The words that logs with one address share with logs with the other, and with none that has
/// neither nor what is `known`: by what an onlooker of the chain's events joins them, besides the
/// cash that goes from one to the other.
async fn shared(town: &Town, [old, new]: [Address; 2], known: &BTreeSet<B256>) -> BTreeSet<B256> {
    let filter = json!([{ "fromBlock": "earliest", "toBlock": "latest" }]);
    let logs = town.request("eth_getLogs", filter).await.unwrap();
    let words = |log: &Value| -> BTreeSet<B256> {
        let topics = log["topics"].as_array().unwrap().iter();
        // The first says of what kind the event is.
        let topics = topics.skip(1).map(|topic| topic.as_str().unwrap().parse().unwrap());
        let data: alloy_primitives::Bytes = log["data"].as_str().unwrap().parse().unwrap();
        let data: Vec<B256> = data.chunks_exact(32).map(B256::from_slice).collect();
        topics.chain(data).collect()
    };
    let [mut of_old, mut of_new, mut of_others] = [const { BTreeSet::new() }; 3];
    for log in logs.as_array().unwrap() {
        let words = words(log);
        match (words.contains(&old.into_word()), words.contains(&new.into_word())) {
            (true, true) => {
                let event = super::calls::event(&town.place.at, log);
                assert!(matches!(event, Some(ContractEvent::CashTransferred(_))), "{log}");
            }
            (true, false) => of_old.extend(words),
            (false, true) => of_new.extend(words),
            (false, false) if words.is_disjoint(known) => of_others.extend(words),
            (false, false) => {}
        }
    }
    assert!(!of_old.is_empty() && !of_new.is_empty());
    &(&of_old & &of_new) - &of_others
}

/// Destroys what links an address to its account in billing.
async fn erase(town: &Town, address: Address) {
    let url = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    let pool = db::AnyPool::connect(&url).await.unwrap();
    let gone = db::query("delete from settlement_address where address = $1")
        .bind(format!("{address:#x}"))
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(gone.rows_affected(), 1);
    pool.close().await;
}

/// The wish of somebody to settle at the address of a key from July on.
fn succession(town: &Town, person: &Person, next: &SecretKey) -> Value {
    let (chain_id, at) = (town.place.chain_id, &town.place.at);
    let from: Timestamp = JULY.parse().unwrap();
    let addresses = (person.address, next.address());
    let hash = requests::succession(chain_id, at.market, addresses, from.unsigned());
    let enrolled = MeterEnrolment {
        meter: person.device.meter,
        key: person.device.key.address(),
        owner: next.address(),
        installer: town.node.identity.installer(),
        connection_point: person.point,
        version: 2,
    };
    let owner_signature = next.sign(requests::enrolment(chain_id, at.meters, &enrolled));
    let former = person.own.as_ref().map(|own| own.sign(hash));
    json!({
        "address": next.address(), "from": JULY, "signature": next.sign(hash),
        "former_signature": former,
        "password": former.is_none().then_some(PASSWORD),
        "enrolments": [{ "meter": person.device.meter, "owner_signature": owner_signature }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_ones_own_follow_a_held_key_and_another_of_ones_own() {
    let (mut town, ada, bo) = start(Rotation::Fixed).await;
    let (hers, his) = (key("ada's own"), key("bo's next"));
    for (person, next) in [(&ada, &hers), (&bo, &his)] {
        let path = format!("/v1/accounts/{}/addresses", person.account);
        town.made(&path, &person.token, &succession(&town, person, next)).await;
    }
    town.pass(60).await;
    // Both take cash along ahead of time, so that they can trade in the first slot: the one key is
    // held still, the other is bo's own.
    let give =
        |to: &SecretKey| json!({ "kind": "transfer", "to": to.address(), "amount": "20.00" });
    super::rules::requested(&town, &ada, &give(&hers)).await;
    let (status, prepared) = town.post("/v1/requests/prepare", &bo.token, &give(&his)).await;
    assert!(status.is_success(), "{prepared}");
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let signature = bo.key().sign(terms.hash(town.place.chain_id, &town.place.at).unwrap());
    town.made("/v1/requests", &bo.token, &json!({ "terms": terms, "signature": signature })).await;
    let first = at(JULY);
    town.pass_to(first.plus_seconds(-7_200)).await;
    assert_eq!(free(&town, hers.address()).await, 20_000_000_000);
    let by = |person: &Person, key: &SecretKey, buys: bool, slot: Timestamp| {
        town.place.signed(wish(person, key.address(), buys, slot), key)
    };
    let before = first.plus_seconds(-SLOT_SECONDS);
    let [early, buy] = [before, first].map(|slot| by(&ada, &hers, true, slot));
    let sell = by(&bo, &his, false, first);
    assert_eq!(town.place(&ada.token, &early).await.unwrap_err(), "ACCOUNT");
    let stale = town.place.signed(wish(&bo, bo.address, false, first), bo.key());
    assert_eq!(town.place(&bo.token, &stale).await.unwrap_err(), "ACCOUNT");
    town.place(&ada.token, &buy).await.unwrap();
    town.place(&bo.token, &sell).await.unwrap();
    town.pass_to(first.plus_seconds(60)).await;
    let settled = town.history().await.into_iter().filter_map(|event| match event {
        ContractEvent::TradeCreated(event) => Some((event.buyer, event.seller)),
        _ => None,
    });
    assert_eq!(settled.collect::<Vec<_>>(), [(hers.address(), his.address())]);
    // What ada left goes after her, for her old key is held; bo moves the rest himself.
    town.pass(SLOT_SECONDS + 600).await;
    let (_, each) = wallet(&town, &ada).await;
    assert_eq!((each[0], each[1]), (0, DEPOSIT));
    let (sum, each) = wallet(&town, &bo).await;
    assert_eq!((sum, each[0]), (DEPOSIT, DEPOSIT - 20_000_000_000));
    let path = format!("/v1/requests/prepare?address={:#x}", bo.address);
    let rest = json!({ "kind": "transfer", "to": his.address(), "amount": "30.00" });
    let (status, prepared) = town.post(&path, &bo.token, &rest).await;
    assert!(status.is_success(), "{prepared}");
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let signature = bo.key().sign(terms.hash(town.place.chain_id, &town.place.at).unwrap());
    town.made("/v1/requests", &bo.token, &json!({ "terms": terms, "signature": signature })).await;
    town.pass(60).await;
    assert_eq!(wallet(&town, &bo).await, (DEPOSIT, vec![0, DEPOSIT]));
    town.books_are_covered().await;
    assert_eq!(owners(&town, ada.device.meter).await, [ada.address, hers.address()]);
    town.stop().await;
}

/// Whose a meter has been by the registry, in order.
async fn owners(town: &Town, meter: MeterId) -> Vec<Address> {
    let history = town.history().await.into_iter();
    let owners = history.filter_map(|event| match event {
        ContractEvent::MeterRegistered(event) if event.meter == B256::from(meter.to_bytes32()) => {
            Some(event.owner)
        }
        _ => None,
    });
    owners.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_on_wherever_the_program_ended() {
    let (mut town, ada, _) = start(Rotation::Monthly).await;
    // The key is made; nobody was told.
    assert!(town.node.identity.rotate_due(town.now.plus_seconds(3_601)).await.unwrap());
    town = town.restarted().await;
    let all = addresses(&town, &ada, &ada.token).await;
    town.pass(3_601).await;
    assert_eq!(addresses(&town, &ada, &ada.token).await, all, "made once");
    let [old, new] = all[..] else { panic!("one for July: {all:?}") };
    let boundary = at(JULY);
    town.pass_to(boundary.plus_seconds(-1)).await;
    town = town.restarted().await;
    // The registry's calls wait in the database; so does what is left behind.
    town.pass_to(boundary.plus_seconds(30)).await;
    town = town.restarted().await;
    assert_eq!(owners(&town, ada.device.meter).await, [old, new]);
    let slot = i64::from(town.place.policy.slot_seconds);
    let swept = boundary.plus_seconds(slot + 120);
    let node = &town.node;
    assert!(node.billing.tick(swept).await.unwrap(), "cash is found");
    town = town.restarted().await;
    town.node.billing.drain(swept).await.unwrap();
    town = town.restarted().await;
    town.node.identity.drain(swept).await.unwrap();
    town = town.restarted().await;
    town.pass(3_600).await;
    assert_eq!([free(&town, old).await, free(&town, new).await], [0, DEPOSIT]);
    let history = town.history().await.into_iter();
    let moved: Vec<(Address, Address)> = history
        .filter_map(|event| match event {
            ContractEvent::CashTransferred(event) => Some((event.account, event.to)),
            _ => None,
        })
        .collect();
    assert_eq!(moved, [(old, new)], "once");
    assert_eq!(wallet(&town, &ada).await, (DEPOSIT, vec![0, DEPOSIT]));
    town.books_are_covered().await;
    town.stop().await;
}
