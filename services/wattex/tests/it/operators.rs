//! What whoever holds every key of the operator can do to accounts on running services, over
//! JSON-RPC and REST: nothing to those with a key of their own that the contracts refuse by name or
//! a challenge does not undo; everything to those whose key is held too.
//!
//! `contracts/test/Operators.t.sol` has the same list for the contracts alone.

mod bridged;
mod calls;
mod certificates;
mod challenging;
mod continuous;
mod currencies;
mod fraud;
mod held;
mod invented;
mod mechanisms;
mod person;
mod rotation;
mod rules;
mod sealed;
mod setting;
mod sharing;
mod town;
mod wallets;

use contracts::requests::MeterEnrolment;
use ids::ConnectionPointId;
use keys::SecretKey;
use serde_json::json;

use calls::{RETAIL, Skip, settled, skips};
use person::Person;
use town::{DEPOSIT, Town, key};

/// The price of energy in auctions that are honest.
const PRICE: u64 = 180_000;
/// What a buyer pays at most for a Wh, all in, and what a seller wants at least, net.
const BID: u64 = 200_000;
const ASK: u64 = 100_000;
const WH: u64 = 2_000;

/// The start of a quarter-hour of the day that is traded.
fn slot(number: u64) -> u64 {
    let eleven: calendar::Timestamp = "2026-06-01T11:00:00Z".parse().unwrap();
    eleven.unsigned() + number * 900
}

/// A reason is the contract's error of this name.
fn named(reason: &str, name: &str) {
    let said = reason.split([' ', '{', '(']).next();
    assert_eq!(said, Some(name), "{reason}");
}

/// A buyer and a seller with their own keys, and somebody whose key only the operator has.
struct Cast {
    mira: Person,
    noor: Person,
    theirs: SecretKey,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_the_operator_moves_nothing_of_an_account_with_its_own() {
    let mut town = Town::start().await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    let cast = Cast { mira, noor, theirs: key("theirs") };
    town.seize(&[cast.theirs.address()]).await;
    no_cash_is_moved(&mut town, &cast).await;
    no_fill_settles_that_nobody_signed(&mut town, &cast).await;
    no_limit_is_passed(&mut town, &cast).await;
    no_meter_is_invented(&mut town, &cast).await;
    for person in [&cast.mira, &cast.noor] {
        assert_eq!(town.free(person).await, DEPOSIT);
    }
    nothing_but_the_posted_result_settles_and_once(&mut town, &cast).await;
    no_bad_fill_stops_a_batch(&mut town, &cast).await;
    // Two trades that both signed, and nothing else.
    let (paid, bound) = (town.place.all_in(PRICE), RETAIL - town.place.all_in(PRICE));
    assert_eq!(town.free(&cast.mira).await, DEPOSIT - 2 * WH * paid);
    assert_eq!(town.free(&cast.noor).await, DEPOSIT - 2 * WH * bound);
    let wallet = town.get("/v1/wallet", &cast.mira.token).await;
    assert_eq!(wallet["total"], "50", "the books say so too: {wallet}");
    town.books_are_covered().await;
    town.stop().await;
}

async fn no_cash_is_moved(town: &mut Town, Cast { mira, theirs, .. }: &Cast) {
    let (operator, place) = (town.operator(), town.place.clone());
    let market = place.at.market;
    for (call, name) in [
        (place.withdrawal(mira.address, 1_000, 1, theirs), "NotSigned"),
        (place.withdrawal(mira.address, 1_000, 1, &operator), "NotSigned"),
        (place.transfer_from(market, operator.address(), 1), "ERC20InsufficientAllowance"),
        (place.burn_from(market, 1), "ERC20InsufficientAllowance"),
        (place.at.withdraw(mira.address), "NothingToWithdraw"),
    ] {
        named(&town.refused(&operator, &call).await, name);
        for held in town.keys() {
            named(&town.would_refuse(&held, &call).await, name);
        }
    }
    // Who signs tokens can be anybody to the services, and still has no key of hers.
    let token = town.node.identity.token_for(&mira.principal).unwrap();
    let terms = json!(place.terms(mira.wish(true, slot(0), WH, BID, 2)));
    assert_eq!(town.refusal("/v1/signatures/order", &token, &terms).await, "OWN_KEY");
    let taken = json!({ "account": mira.account, "amount": "-1.00" });
    assert_eq!(town.refusal("/v1/deposits", &town.clerk, &taken).await, "AMOUNT");
}

async fn no_fill_settles_that_nobody_signed(town: &mut Town, cast: &Cast) {
    let Cast { mira, noor, theirs } = cast;
    let (operator, place) = (town.operator(), town.place.clone());
    for (number, buyers, sellers, expected) in [
        (0, theirs, noor.key(), Skip::BuyerSignature),
        (1, mira.key(), theirs, Skip::SellerSignature),
    ] {
        let buy = place.signed(mira.wish(true, slot(number), WH, BID, 3), buyers);
        let sell = place.signed(noor.wish(false, slot(number), WH, ASK, 3), sellers);
        let auction = place.auction(slot(number), PRICE, &[(&buy, &sell, WH)]);
        town.sent(&operator, &auction.clear()).await;
        let events = town.sent(&operator, &auction.settle()).await;
        assert_eq!((skips(&events), settled(&events)), (vec![expected], 0));
    }
    let forged = place.signed(mira.wish(true, slot(0), WH, BID, 3), theirs);
    let token = town.node.identity.token_for(&mira.principal).unwrap();
    assert_eq!(town.place(&token, &forged).await.unwrap_err(), "SIG");
}

async fn no_limit_is_passed(town: &mut Town, Cast { mira, noor, .. }: &Cast) {
    let (operator, place) = (town.operator(), town.place.clone());
    let above = PRICE + BID - place.all_in(PRICE) + 1;
    let below = PRICE + ASK - place.net(PRICE) - 1;
    for (number, price, expected) in [(2, above, Skip::BuyerLimit), (3, below, Skip::SellerLimit)] {
        let buy = place.signed(mira.wish(true, slot(number), WH, BID, 4), mira.key());
        let sell = place.signed(noor.wish(false, slot(number), WH, ASK, 4), noor.key());
        let auction = place.auction(slot(number), price, &[(&buy, &sell, WH)]);
        town.sent(&operator, &auction.clear()).await;
        let events = town.sent(&operator, &auction.settle()).await;
        assert_eq!((skips(&events), settled(&events)), (vec![expected], 0));
    }
    // Nor are there more penalties than the signed policy allows.
    let buy = place.signed(mira.wish(true, slot(4), WH, BID, 5), mira.key());
    let sell = place.signed(noor.wish(false, slot(4), WH, ASK, 5), noor.key());
    let dear = place.auction(slot(4), PRICE, &[(&buy, &sell, WH)]).with_retail(RETAIL + 1);
    named(&town.refused(&operator, &dear.clear()).await, "BadClearing");
}

async fn nothing_but_the_posted_result_settles_and_once(town: &mut Town, cast: &Cast) {
    let Cast { mira, noor, .. } = cast;
    let (operator, place) = (town.operator(), town.place.clone());
    let buy = place.signed(mira.wish(true, slot(5), 2 * WH, BID, 6), mira.key());
    let sell = place.signed(noor.wish(false, slot(5), 2 * WH, ASK, 6), noor.key());
    let auction = place.auction(slot(5), PRICE, &[(&buy, &sell, WH)]);
    town.sent(&operator, &auction.clear()).await;
    let more = place.auction(slot(5), PRICE, &[(&buy, &sell, 2 * WH)]);
    for (call, name) in [
        (more.settle_as(&auction.posted), "BadBatch"),
        (more.clear(), "AlreadyCleared"),
        (more.settle(), "UnknownClearing"),
        (auction.at_price(PRICE - 1).clear(), "AlreadyCleared"),
        (auction.at_price(PRICE - 1).settle(), "UnknownClearing"),
    ] {
        named(&town.refused(&operator, &call).await, name);
    }
    let events = town.sent(&operator, &auction.settle()).await;
    assert_eq!((skips(&events), settled(&events)), (vec![], 1));
    let (hers, his) = (town.free(mira).await, town.free(noor).await);
    let events = town.sent(&operator, &auction.settle()).await;
    assert_eq!((skips(&events), settled(&events)), (vec![Skip::AlreadySettled], 0));
    assert_eq!((town.free(mira).await, town.free(noor).await), (hers, his));
}

async fn no_bad_fill_stops_a_batch(town: &mut Town, Cast { mira, noor, theirs }: &Cast) {
    let (operator, place) = (town.operator(), town.place.clone());
    let bad = calls::Wish { account: theirs.address(), ..mira.wish(true, slot(6), WH, BID, 7) };
    let bad = place.signed(bad, theirs);
    let buy = place.signed(mira.wish(true, slot(6), WH, BID, 7), mira.key());
    let [lost, sell] =
        [7, 8].map(|nonce| place.signed(noor.wish(false, slot(6), WH, ASK, nonce), noor.key()));
    let auction = place.auction(slot(6), PRICE, &[(&bad, &lost, WH), (&buy, &sell, WH)]);
    town.sent(&operator, &auction.clear()).await;
    let events = town.sent(&operator, &auction.settle()).await;
    assert_eq!((skips(&events), settled(&events)), (vec![Skip::BuyerFunds], 1));
}

async fn no_meter_is_invented(town: &mut Town, Cast { mira, .. }: &Cast) {
    let (operator, place) = (town.operator(), town.place.clone());
    let invented = ConnectionPointId::derived("invented");
    let call = place.enrolment(mira.address, invented, &operator);
    named(&town.refused(&operator, &call).await, "BadSignature");
    let call = place.enrolment(mira.address, mira.point, &operator);
    named(&town.refused(&operator, &call).await, "PointTaken");
    // The services cannot either: they may add a connection point to her account, and no meter.
    let zone = town.node.zone;
    let register = json!({
        "connection_point": invented, "account": mira.account, "zone": zone,
        "timezone": "Europe/Berlin", "import_max_w": 1_000, "export_max_w": 1_000,
    });
    town.made("/v1/connection-points", &town.admin, &register).await;
    let installer = town.node.identity.installer();
    let of: MeterEnrolment = place.meter_of(mira.address, invented, installer);
    let signatures = [(None, "OWN_KEY"), (Some(place.enrolment_by(&operator, &of)), "SIGNATURE")];
    for (owner_signature, code) in signatures {
        let new = json!({
            "meter": of.meter, "serial": "1EMH00invented", "connection_point": invented,
            "key": of.key, "owner_signature": owner_signature,
        });
        assert_eq!(town.refusal("/v1/meters", &town.admin, &new).await, code);
    }
}
