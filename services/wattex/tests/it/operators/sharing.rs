//! A community that trades nothing before: what its meters saw of a slot is shared out afterwards,
//! settled by mandates that members signed once, reconciled, billed, and computed anew.

use std::collections::BTreeMap;

use billing::domain::bill::Class;
use billing::domain::verify::{BillFile, Trust, Verdict, verify};
use calendar::Timestamp;
use contracts::{Reconciled, Side};
use ids::ConnectionPointId;
use market::domain::{SlotJournal, recompute};
use matching::Mechanism;
use serde_json::{Value, json};
use units::Price;

use super::calls::ContractEvent;
use super::person::Person;
use super::rules::requested;
use super::slot;
use super::town::Town;

/// Noon in Berlin of the day after tomorrow: no book of it is open when the town starts.
const FIRST: u64 = 188;
const DAY_SECONDS: i64 = 86_400;
/// What the homes took and the roof fed in, in each of the slots.
const METERED: [[u64; 2]; 4] = [[2_000, 0], [500, 0], [1_500, 0], [0, 3_000]];

fn moment(epoch: u64) -> Timestamp {
    Timestamp::from_seconds(epoch.cast_signed())
}

/// Signs once what a member grants, and joins.
async fn joined(town: &Town, person: &Person) {
    let about = town.get("/v1/memberships", &person.token).await;
    assert_eq!((&about["shared"], &about["items"]), (&json!(true), &json!([])), "{about}");
    let wish = json!({
        "kind": "mandate", "delegate": about["delegate"],
        "until": moment(slot(4_000)).to_string(),
        "buy_price_max": about["buy_limit"], "sell_price_min": about["sell_limit"],
        "quantity_per_slot": 3_000, "quantity_per_day": 9_000,
    });
    requested(town, person, &wish).await;
    let path = format!("/v1/memberships/{}", person.point);
    let membership = town.put(&path, &person.token, &json!({})).await;
    assert_eq!(membership["account"], json!(person.account), "{membership}");
    let again = town.put(&path, &person.token, &json!({})).await;
    assert_eq!(again["from"], membership["from"], "a repeat changes nothing");
}

/// What each connection point bought in a slot, by its published journal.
fn bought(journal: &SlotJournal) -> BTreeMap<ConnectionPointId, u64> {
    let hash = |terms: &contracts::OrderTerms| terms.hash(journal.chain_id, journal.market);
    let buyers: BTreeMap<_, _> = (journal.orders.iter())
        .filter(|order| order.terms.side == Side::Buy)
        .map(|order| (hash(&order.terms), order.terms.connection_point))
        .collect();
    let mut bought = BTreeMap::new();
    for fill in &journal.fills {
        *bought.entry(buyers[&fill.buy]).or_default() += fill.quantity.wh();
    }
    bought
}

/// Of the trades of a clearing, what their last runs say: delivered, and short.
fn reconciled(events: &[ContractEvent], clearing: contracts::B256) -> [u64; 2] {
    let mut trades = BTreeMap::new();
    for event in events {
        match event {
            ContractEvent::TradeCreated(event) if event.clearing == clearing => {
                trades.insert(event.trade, None);
            }
            ContractEvent::TradeReconciled(event) => {
                if let Some(last) = trades.get_mut(&event.trade) {
                    *last = Some(Reconciled::of(event));
                }
            }
            _ => {}
        }
    }
    let last = trades.into_values().map(|last| last.expect("every trade has a run"));
    last.fold([0, 0], |[delivered, short], run| {
        let more = run.seller_short.wh() + run.buyer_short.wh();
        [delivered + run.delivered.wh(), short + more]
    })
}

/// The registers of everybody after so many of the slots.
async fn read(town: &Town, people: &[Person; 4], page: u32, time: Timestamp, slots: u64) {
    for (person, energy) in people.iter().zip(METERED) {
        town.read(person, page, time, energy.map(|wh| wh * slots)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_metered_is_shared_out_settled_billed_and_recomputed() {
    let price = Price::from_n_per_wh(150_000);
    let mut town = Town::start_by(Mechanism::CascadeAllocation { price }).await;
    let people = [
        town.join("ada", false).await,
        town.join("bo", false).await,
        town.join("cy", false).await,
        town.join("sol", false).await,
    ];
    for person in &people {
        joined(&town, person).await;
    }
    let shares: Vec<Value> = people
        .iter()
        .zip([5_000, 3_000, 2_000])
        .map(|(person, bps)| json!({ "connection_point": person.point, "bps": bps }))
        .collect();
    let path = format!("/v1/shares/{}", moment(slot(FIRST)));
    town.put(&path, &town.admin, &json!({ "shares": shares })).await;
    for (number, name) in [(FIRST, "static_allocation"), (FIRST + 1, "dynamic_allocation")] {
        let path = format!("/v1/mechanisms/{}", moment(slot(number)));
        town.put(&path, &town.admin, &json!({ "name": name, "price": "0.15" })).await;
    }
    let path = format!("/v1/mechanisms/{}", moment(slot(FIRST + 2)));
    town.put(&path, &town.admin, &json!({ "name": "cascade_allocation", "price": "0.15" })).await;
    let wish = people[0].wish(true, slot(FIRST), 1_000, 200_000, 1);
    let order = town.signed_inside(&people[0].token, wish).await;
    assert_eq!(town.place(&people[0].token, &order).await.unwrap_err(), "SHARED_OUT");

    let midnight = "2026-06-02T22:00:00Z".parse().unwrap();
    town.pass_to(midnight).await;
    let about = town.get("/v1/memberships", &people[0].token).await;
    assert_eq!(about["items"][0]["warnings"], json!([]), "{about}");
    read(&town, &people, 1, midnight, 0).await;
    for number in 0..=3 {
        town.pass_to(moment(slot(FIRST + number))).await;
        read(&town, &people, 2 + u32::try_from(number).unwrap(), town.now, number).await;
    }
    town.pass(60).await;
    let expected = [[1_500, 500, 600], [1_500, 375, 1_125], [1_643, 500, 857]];
    for (number, expected) in (FIRST..).zip(expected) {
        let path = format!("/v1/slots/{}/journal", moment(slot(number)));
        let journal: SlotJournal =
            serde_json::from_value(town.get(&path, &people[0].token).await).unwrap();
        let got = bought(&journal);
        assert_eq!([0, 1, 2].map(|home| got[&people[home].point]), expected);
        let posted = town.place.cleared(slot(number), &town.history().await).posted.clearing;
        let again = recompute(&journal, &posted).unwrap();
        assert_eq!(again.volume.wh(), expected.iter().sum::<u64>());
    }
    billed(&mut town, &people, expected).await;
    town.stop().await;
}

/// Days later: all of it was delivered, nobody was short, and every bill says so.
async fn billed(town: &mut Town, people: &[Person; 4], expected: [[u64; 3]; 3]) {
    town.pass_to("2026-06-03T22:00:00Z".parse().unwrap()).await;
    read(town, people, 6, town.now, 3).await;
    let windows = i64::from(town.place.policy.correction_seconds);
    town.pass_to(moment(slot(FIRST)).plus_seconds(windows + 4 * 86_400)).await;
    let history = town.history().await;
    for (number, expected) in (FIRST..).zip(expected) {
        let posted = town.place.cleared(slot(number), &history).posted.clearing;
        let [delivered, short] = reconciled(&history, posted.id());
        assert_eq!([delivered, short], [expected.iter().sum::<u64>(), 0]);
    }
    let day = json!("2026-06-03");
    for (place, person) in people.iter().enumerate() {
        let wanted = json!({ "account": person.account, "from": day, "to": day });
        let invoice = town.made("/v1/invoices", &town.clerk, &wanted).await;
        town.pass(DAY_SECONDS).await;
        let id = invoice["id"].as_str().unwrap().parse().unwrap();
        let (text, trust): (String, Trust) = town.node.billing.bill_file(id, None).await.unwrap();
        let report = verify(&text, Some(&trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report:?}");
        let bill: BillFile = serde_json::from_str(&text).unwrap();
        let (class, total): (Class, u64) = match place {
            3 => (Class::P2pSold, expected.iter().flatten().sum()),
            _ => (Class::P2pBought, expected.iter().map(|slot| slot[place]).sum()),
        };
        let lines = bill.invoice.lines.iter().filter(|line| line.class == class);
        let exact: i64 = lines.map(|line| line.exact.n()).sum();
        assert_eq!(exact.unsigned_abs(), total * 150_000, "at the price of the community");
    }
    town.books_are_covered().await;
}
