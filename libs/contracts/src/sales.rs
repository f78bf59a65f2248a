//! What a `settle` showed of its sellers: the proofs that certificates are issued by, read back
//! from the transaction that anybody can look up.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use ids::ConnectionPointId;
use merkle::Tree;
use units::Energy;

use crate::batch::{BATCH_FILLS, Met, fill_leaf};
use crate::bindings::EnergyMarket::{self, settleCall};
use crate::challenge::Claim;
use crate::clearing::{Clearing, Prices};
use crate::order::{OrderTerms, Side};
use crate::policy::Policy;

/// An order of a batch by its hash, with what its clearing fills of it in all; its terms where they
/// were shown.
struct Known {
    hash: B256,
    filled: Energy,
    terms: Option<OrderTerms>,
}

/// The seller's claim of each fill of a batch, from the `input` of the transaction that settled it,
/// in the order of the fills. Of a seller's order that was not shown there is none.
///
/// `None` where the input is no call of `settle` or makes no sense. Whether the contract took the
/// batch is not known here: it looks at a claim again.
pub fn sales(chain_id: u64, market: Address, input: &[u8]) -> Option<Vec<Claim>> {
    let batch = settleCall::abi_decode(input).ok()?.batch;
    let policy = Policy::from_sol(&batch.terms.policy)?;
    let clearing = Clearing::from_sol(&batch.terms.clearing);
    let read = |order: &EnergyMarket::SignedOrder| {
        let filled = Energy::from_wh(order.filled);
        if order.account.is_zero() {
            return Some(Known { hash: order.r, filled, terms: None });
        }
        let terms = terms_of(order, &policy, &clearing)?;
        Some(Known { hash: terms.hash(chain_id, market), filled, terms: Some(terms) })
    };
    let orders: Vec<Known> = batch.orders.iter().map(read).collect::<Option<_>>()?;
    let mut fills = Vec::with_capacity(batch.fills.len());
    for (place, word) in batch.fills.iter().enumerate() {
        let of = |shift: usize| orders.get(usize::from((*word >> shift).byte(0)));
        let prices = match clearing.is_priced() {
            true => prices_of(*batch.prices.get(place)?),
            false => Prices::one(clearing.price),
        };
        let quantity = Energy::from_wh(u64::try_from(*word >> 16_usize).ok()?);
        fills.push((of(8)?, of(0)?, quantity, prices));
    }
    let leaf = |(buy, sell, quantity, prices): &(&Known, &Known, Energy, Prices)| {
        let met = Met { buy: buy.hash, sell: sell.hash, quantity: *quantity, prices: *prices };
        merkle::leaf(&fill_leaf(&met, [buy.filled, sell.filled]))
    };
    let tree = Tree::new(fills.iter().map(leaf).collect());
    let first = batch.number.checked_mul(u32::try_from(BATCH_FILLS).ok()?)?;
    let claim = |(place, (buy, sell, _, prices)): (usize, &(&Known, &Known, Energy, Prices))| {
        let order = sell.terms.clone()?;
        // The batch is a subtree: above its root goes the path that it was settled with.
        let path = [tree.path(place), batch.path.clone()].concat();
        Some(Claim {
            order,
            filled: sell.filled,
            other: buy.hash,
            other_filled: buy.filled,
            prices: *prices,
            index: first.checked_add(u32::try_from(place).ok()?)?,
            path,
        })
    };
    Some(fills.iter().enumerate().filter_map(claim).collect())
}

fn prices_of(word: U256) -> Prices {
    let half = |word: U256| word.as_limbs()[0];
    Prices { buyer: half(word >> 64), seller: half(word) }
}

/// The order as it was signed; the batch says for all of its orders what they have in common.
fn terms_of(
    order: &EnergyMarket::SignedOrder,
    policy: &Policy,
    clearing: &Clearing,
) -> Option<OrderTerms> {
    Some(OrderTerms {
        account: order.account,
        side: match order.side {
            0 => Side::Buy,
            1 => Side::Sell,
            _ => return None,
        },
        slot: clearing.slot,
        quantity: Energy::from_wh(order.quantity),
        limit_price: order.limitPrice,
        min_fill: Energy::from_wh(order.minFill),
        community: policy.community,
        zone: policy.zone,
        connection_point: ConnectionPointId::from_bytes32(order.connectionPoint.0)?,
        policy: clearing.policy,
        delegate: order.delegate,
        nonce: order.nonce,
        expiry: order.expiry,
    })
}
