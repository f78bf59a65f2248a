//! Orders of one party in call auctions: netted at the gate where the market says so, else refused.

use contracts::Side;
use market::domain::{
    Entry, Exchange, Member, NewOrder, Parameters, Placement, Rejection, SelfTrade, recompute,
};
use units::Energy;

use crate::town::*;

fn by(self_trade: SelfTrade) -> Parameters {
    Parameters { self_trade, ..parameters() }
}

fn enter(town: &mut Exchange, order: &NewOrder, by: &Parameters) -> Result<(), Rejection> {
    match town.place(order, by, morning())? {
        Placement::New(accepted) => town.apply(&Entry::Accepted(*accepted)),
        Placement::Repeated(_) => panic!("an order of its own was expected"),
    }
    Ok(())
}

#[test]
fn own_crossing_orders_lose_what_they_share_before_the_book_is_solved() {
    let (mut town, nets) = (town(), by(SelfTrade::Decrement));
    let b1 = neighbour("b1");
    let (buy, sell) = (b1.buy(1000, 250_000), b1.sell(400, 100_000));
    for order in [&buy, &sell, &neighbour("s1").sell(2000, 150_000)] {
        enter(&mut town, order, &nets).unwrap();
    }
    let gate = at("2026-06-01T09:45:00Z");
    let cleared = town.clear(slot(), &nets, gate);
    town.apply(&Entry::Cleared(cleared.clone()));
    let filled = |order: &NewOrder| town.order(order.id).unwrap().filled;
    assert_eq!((filled(&buy).wh(), filled(&sell)), (600, Energy::ZERO));
    assert_eq!(cleared.trades.len(), 1, "with somebody else");
    let journal = town.published(&cleared, &nets, (CHAIN_ID, deployment().market));
    let same = recompute(&journal, &journal.clearing).unwrap();
    assert_eq!((same.orders, same.volume.wh()), (3, 600));
}

#[test]
fn nobody_meets_the_own_party_at_another_address_and_other_choices_refuse() {
    let refused = |self_trade: SelfTrade, seller: &str| {
        let mut town = town();
        // b2 and b1 are one party's.
        town.apply(&Entry::Member(Member {
            account: neighbour("b2").account(),
            party: neighbour("b1").party(),
            address: neighbour("b2").address(),
            pseudonym: "Home b2".to_owned(),
        }));
        let by = by(self_trade);
        enter(&mut town, &neighbour("b1").buy(1000, 250_000), &by).unwrap();
        let sell = neighbour(seller).terms(Side::Sell, 400, 100_000);
        enter(&mut town, &neighbour(seller).sign(sell), &by).err()
    };
    let stp = Some(Rejection::SelfTrade);
    assert_eq!(refused(SelfTrade::Decrement, "b1"), None);
    assert_eq!(refused(SelfTrade::Decrement, "b2"), stp, "a clearing knows no parties");
    assert_eq!(refused(SelfTrade::Decrement, "s1"), None);
    for other in
        [SelfTrade::Refuse, SelfTrade::CancelNewest, SelfTrade::CancelOldest, SelfTrade::CancelBoth]
    {
        assert_eq!(refused(other, "b1"), stp, "{other:?}: there is no newest at a gate");
    }
}
