//! Energy that nobody fed in, sold by an account of the operator's own, whose meter says what its
//! key signs, or that names a connection point without one: what it costs who really took energy,
//! and nobody else.

use ids::ConnectionPointId;

use super::calls::{LAST_RUN, Wish, settled};
use super::fraud::{METERED, SLOT_SECONDS, evidence, moment, traded_at, windows};
use super::town::{DEPOSIT, Town, key};
use super::{BID, named, slot};

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_fed_in_costs_its_buyer_its_limit_and_nobody_else_anything() {
    let mut town = Town::start().await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    // The operator's own: its installer signs for the meter, and who owns it is a key it made.
    let ghost = town.join("ghost", true).await;
    let (operator, stranger) = (town.operator(), key("stranger"));
    town.seize(&[stranger.address()]).await;
    let place = town.place.clone();
    // All that she would pay, which is what the operator asks.
    let price = BID - place.all_in(0);
    let met = traded_at(&mut town, [&mira, &ghost], METERED, [BID, place.net(price)]).await;

    // In the next slot it sells from where no meter is: nobody asks the registry.
    let nowhere = ConnectionPointId::derived("nowhere");
    let bid = place.signed(mira.wish(true, slot(1), METERED, BID, 2), mira.key());
    let ask = ghost.wish(false, slot(1), METERED, place.net(price), 2);
    let ask = place.signed(Wish { point: nowhere, ..ask }, ghost.key());
    let auction = place.auction(slot(1), price, &[(&bid, &ask, METERED)]);
    town.sent(&operator, &auction.clear()).await;
    assert_eq!(settled(&town.sent(&operator, &auction.settle()).await), 1);

    let ends = [0, 1, 2].map(|number| moment(slot(number)));
    for (page, (end, taken)) in (1..).zip(ends.into_iter().zip([0, METERED, 2 * METERED])) {
        town.pass_to(end).await;
        town.read(&mira, page, end, [taken, 0]).await;
        town.read(&ghost, page, end, [0, taken.min(METERED)]).await;
    }
    let [corrected, _] = windows(&place, slot(0));
    town.pass_to(corrected.plus_seconds(-60)).await;
    let first = place.cleared(slot(0), &town.history().await);
    assert_eq!(first.last(), Some(([METERED, 0, 0], 0)), "its meter says so");
    let second = place.cleared(slot(1), &town.history().await);
    town.sent(&operator, &second.reconcile(LAST_RUN, METERED)).await;

    // No register refutes it: hers show what she took, its own what it signed, and of the other
    // connection point there is none.
    town.pass_to(corrected.plus_seconds(SLOT_SECONDS + 1)).await;
    let history = town.history().await;
    let auditor = town.staff("auditor").await;
    let [buy, sell] = met;
    for (number, ends, bought, sold, name) in [
        (0, [ends[0], ends[1]], &buy, &sell, "NoExcess"),
        (1, [ends[1], ends[2]], &bid, &ask, "BadReading"),
    ] {
        let cleared = place.cleared(slot(number), &history);
        let hers = evidence(&town, &mira, &mira.token, ends).await;
        let its = evidence(&town, &ghost, &auditor, ends).await;
        let by_hers = cleared.challenge([&hers[0], &hers[1]], bought);
        named(&town.refused(&stranger, &by_hers).await, "NoExcess");
        let by_its = cleared.challenge([&its[0], &its[1]], sold);
        named(&town.refused(&stranger, &by_its).await, name);
    }

    let [_, released] = windows(&place, slot(1));
    town.pass_to(released.plus_seconds(1)).await;
    for person in [&mira, &ghost] {
        town.sent(&stranger, &place.release(slot(0), person.address)).await;
    }
    let (paid, got) = (2 * METERED * BID, 2 * METERED * place.net(price));
    assert_eq!(town.free(&mira).await, DEPOSIT - paid, "her limit, for what she took");
    assert_eq!(town.free(&ghost).await, DEPOSIT + got, "and the fees went where they go");
    assert_eq!(town.free(&noor).await, DEPOSIT);
    town.books_are_covered().await;
    town.stop().await;
}
