//! Trades with prices of their own.

use alloy_primitives::U256;
use contracts::{Claim, Prices, Side};

use crate::metered::{CORRECTIONS_END, Case, Fill, k1};
use crate::world::{ANYONE, DAY};

/// Two trades of 3000 and 2000 Wh, reconciled as delivered.
fn delivered(side: Side) -> Case {
    let fills = [(1, 3_000), (2, 2_000)];
    let fills = fills.map(|(nonce, wh)| Fill::Own { nonce, other: nonce, wh });
    let mut case = Case::priced(side, k1(), &fills);
    case.run(0, &[[3_000, 0, 0], [2_000, 0, 0]]);
    case
}

#[test]
fn a_cut_moves_the_money_of_the_trades_own_prices() {
    for (side, after) in [(Side::Sell, [500, 1_500, 0]), (Side::Buy, [500, 0, 1_500])] {
        let mut case = delivered(side);
        let evidence = case.evidence(3_500);
        case.world.now = CORRECTIONS_END + 1;
        let Prices { buyer, seller } = case.claims()[1].prices;
        let before = case.world.locked(case.account, DAY);
        let call = case.challenge(&evidence, &case.claims());
        case.world.ok(ANYONE, call);
        assert_eq!(case.stand(), [[3_000, 0, 0], after]);
        let now = case.world.locked(case.account, DAY);
        let all_in = buyer + 12_000;
        match side {
            // Not earned, and the buyer made whole up to 30 ct.
            Side::Sell => {
                let lost = 1_500 * (seller - 2_000) + 1_500 * (300_000 - all_in);
                assert_eq!(before - now, U256::from(lost));
            }
            // Not paid, and the seller compensated down to 8 ct.
            Side::Buy => {
                let back = 1_500 * all_in - 1_500 * (seller - 80_000);
                assert_eq!(now - before, U256::from(back));
            }
        }
    }
}

#[test]
fn a_claim_names_both_prices_of_its_fill() {
    let mut case = delivered(Side::Sell);
    let evidence = case.evidence(3_500);
    case.world.now = CORRECTIONS_END + 1;
    let good = case.claims();
    let figure = case.world.posted[&case.clearing].clearing.price;
    let Prices { buyer, seller } = good[1].prices;
    for prices in [
        good[0].prices,
        Prices { buyer: seller, seller: buyer },
        Prices { buyer: buyer + 1, seller },
        Prices { buyer, seller: seller - 1 },
        Prices::one(buyer),
        Prices::one(figure),
        Prices::default(),
    ] {
        let other = [good[0].clone(), Claim { prices, ..good[1].clone() }];
        case.refused(&evidence, &other, "BadFill { claim: 1 }");
    }
    let call = case.challenge(&evidence, &good);
    case.world.ok(ANYONE, call);
    assert_eq!(case.delivered(), [3_000, 500]);
}
