//! From a roof's source to a statement of what a neighbour retired, over REST; and that no Wh is
//! certified twice, whoever tries.

use calendar::Timestamp;
use contracts::{AccountRequest, Call};
use serde_json::{Value, json};

use super::person::Person;
use super::rules::requested;
use super::town::Town;
use super::{ASK, BID, WH, named, slot};

/// What the meters show of the slot.
const METERED: u64 = 1_000;
const SLOT_SECONDS: i64 = 900;
const SOLAR: &str = "F01040100";

fn moment(epoch: u64) -> Timestamp {
    Timestamp::from_seconds(epoch.cast_signed())
}

/// What somebody has and had retired of the only certificate, by the service, in Wh; the chain's
/// balance is the same.
async fn certified(town: &Town, person: &Person, certificate: &str) -> [u64; 2] {
    let page = town.get("/v1/certificates", &person.token).await;
    let items = page["items"].as_array().unwrap();
    let of = |field: &str| items.first().map_or(0, |item| item[field].as_u64().unwrap());
    let balance = town.place.certified(person.address, certificate.parse().unwrap());
    assert_eq!(town.number(&balance).await, of("held_wh"), "{page}");
    [of("held_wh"), of("retired_wh")]
}

/// Bo, whose roof is said to be solar, sells to ada; half of it is delivered.
async fn delivered(town: &mut Town, ada: &Person, bo: &Person) {
    let path = format!("/v1/certificate-sources/{}", bo.point);
    town.put(&path, &town.clerk, &json!({ "code": SOLAR })).await;
    town.pass(60).await;
    let source = town.get(&path, &bo.token).await;
    assert_eq!(source["source"]["name"], "Solar", "{source}");
    let buy = town.signed_inside(&ada.token, ada.wish(true, slot(0), WH, BID, 1)).await;
    let sell = town.place.signed(bo.wish(false, slot(0), WH, ASK, 1), bo.key());
    town.place(&ada.token, &buy).await.unwrap();
    town.place(&bo.token, &sell).await.unwrap();
    let (begin, end) = (moment(slot(0)), moment(slot(0)).plus_seconds(SLOT_SECONDS));
    town.pass_to(begin).await;
    for person in [ada, bo] {
        town.read(person, 1, begin, [0, 0]).await;
    }
    town.pass_to(end).await;
    town.read(ada, 2, end, [METERED, 0]).await;
    town.read(bo, 2, end, [0, METERED]).await;
    let policy = &town.place.policy;
    let windows = i64::from(policy.correction_seconds) + i64::from(policy.challenge_seconds);
    town.pass_to(end.plus_seconds(windows - 60)).await;
    let early = town.get("/v1/certificates", &ada.token).await;
    assert_eq!(early["items"], json!([]), "it can still be challenged");
    town.pass(240).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbours_sun_is_certified_given_on_and_retired() {
    let mut town = Town::start().await;
    let (ada, bo) = (town.join("ada", false).await, town.join("bo", true).await);
    delivered(&mut town, &ada, &bo).await;
    let page = town.get("/v1/certificates", &ada.token).await;
    let item = page["items"][0].clone();
    assert_eq!((&item["device"], &item["source"]), (&json!(bo.device.meter), &json!(SOLAR)));
    assert_eq!(item["slot"], moment(slot(0)).to_string(), "{page}");
    let certificate = item["certificate"].as_str().unwrap();
    assert_eq!(certified(&town, &ada, certificate).await, [METERED, 0]);
    assert_eq!(certified(&town, &bo, certificate).await, [0, 0], "who sold it has nothing of it");

    // The same again, as the service sent it, by somebody else: the contract refuses it.
    let issue = issue_sent(&town).await;
    let operator = town.operator();
    named(&town.refused(&operator, &issue).await, "AlreadyCertified");
    assert_eq!(certified(&town, &ada, certificate).await, [METERED, 0]);

    let give = json!({
        "kind": "certificate_transfer", "to": bo.account.to_string(),
        "certificate": certificate, "wh": 400,
    });
    requested(&town, &ada, &give).await;
    let retire = json!({
        "kind": "certificate_retirement", "certificate": certificate, "wh": 250,
        "beneficiary": "Bakery Weber, first quarter",
    });
    requested(&town, &ada, &retire).await;
    town.pass(60).await;
    assert_eq!(certified(&town, &ada, certificate).await, [350, 250]);
    assert_eq!(certified(&town, &bo, certificate).await, [400, 0]);

    // With a wallet: what was prepared is signed by its owner.
    let beyond = own_retirement(&town, &bo, certificate, 401).await;
    assert_eq!(town.refusal("/v1/requests", &bo.token, &beyond).await, "NOT_ENOUGH_HELD");
    let body = own_retirement(&town, &bo, certificate, 150).await;
    town.made("/v1/requests", &bo.token, &body).await;
    town.pass(60).await;
    assert_eq!(certified(&town, &bo, certificate).await, [250, 150]);
    let all = town.get("/v1/certificates/retirements", &town.clerk).await;
    let names: Vec<&Value> =
        all["items"].as_array().unwrap().iter().map(|one| &one["beneficiary"]).collect();
    assert_eq!(names, ["bo", "Bakery Weber, first quarter"], "{all}");
    let own = town.get("/v1/certificates/retirements", &ada.token).await;
    assert_eq!((&own["items"], &own["items"][0]["wh"]), (&json!([all["items"][1]]), &json!(250)));
    let totals = &town.get("/v1/certificates", &town.clerk).await["totals"][0];
    assert_eq!((&totals["held_wh"], &totals["retired_wh"]), (&json!(600), &json!(400)));
    town.books_are_covered().await;
    town.stop().await;
}

/// The call with which billing had the trade certified.
async fn issue_sent(town: &Town) -> Call {
    let queue = town.get("/v1/relay/billing", &town.clerk).await;
    let of = |item: &&Value| item["cause"].as_str().unwrap().starts_with("certificate/");
    let sent: Vec<&Value> = queue["items"].as_array().unwrap().iter().filter(of).collect();
    assert_eq!(sent.len(), 1, "once: {queue}");
    let hash = json!([sent[0]["hash"]]);
    let sent = town.request("eth_getTransactionByHash", hash).await.unwrap();
    let [to, data] = ["to", "input"].map(|field| sent[field].as_str().unwrap());
    Call { to: to.parse().unwrap(), data: data.parse().unwrap() }
}

/// A retirement for himself that somebody with a key of his own signs.
async fn own_retirement(town: &Town, person: &Person, certificate: &str, wh: u64) -> Value {
    let wish = json!({
        "kind": "certificate_retirement", "certificate": certificate, "wh": wh,
        "beneficiary": "bo",
    });
    let (status, prepared) = town.post("/v1/requests/prepare", &person.token, &wish).await;
    assert!(status.is_success(), "{prepared}");
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = terms.hash(town.place.chain_id, &town.place.at).unwrap();
    json!({ "terms": terms, "signature": person.key().sign(hash) })
}
