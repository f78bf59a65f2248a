//! The order as it is signed.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use ids::{CommunityId, ConnectionPointId, ZoneId};
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow, Price};

use crate::bindings::{Challenges, EnergyCertificate, EnergyMarket};

/// Which way the energy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The account buys.
    Buy,
    /// The account sells.
    Sell,
}

impl Side {
    /// The number the contract knows the side by.
    pub const fn code(self) -> u8 {
        match self {
            Side::Buy => 0,
            Side::Sell => 1,
        }
    }
}

/// What an account signs to buy or sell energy in one slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderTerms {
    /// Whose cash it is.
    pub account: Address,
    /// Buy or sell.
    pub side: Side,
    /// Start of the slot, epoch seconds.
    pub slot: u64,
    /// The most that may be filled.
    pub quantity: Energy,
    /// In 1e-9 currency per Wh: a buyer's is all-in, a seller's is net of the platform fee.
    pub limit_price: u64,
    /// The least that may be filled, in all fills of its clearing.
    pub min_fill: Energy,
    /// The community both sides must belong to.
    pub community: CommunityId,
    /// The grid area both sides must be in.
    pub zone: ZoneId,
    /// Where the energy is metered.
    pub connection_point: ConnectionPointId,
    /// The policy that both sides sign ([`crate::Policy::id`]).
    pub policy: B256,
    /// Who else may have signed; zero when only the account may. The account must have granted it.
    pub delegate: Address,
    /// Unique per account; a cancelled nonce ends the order.
    pub nonce: U256,
    /// The last epoch second at which the order may be settled.
    pub expiry: u64,
}

/// The EIP-712 domain of everything `EnergyMarket` takes signed.
pub(crate) fn market_domain(chain_id: u64, market: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Wattex EnergyMarket",
        version: "1",
        chain_id: chain_id,
        verifying_contract: market,
    }
}

impl OrderTerms {
    /// The hash that the account signs, and the name of the order everywhere.
    ///
    /// Another chain or another market gives another hash, so a signature is of no use there.
    pub fn hash(&self, chain_id: u64, market: Address) -> B256 {
        self.to_sol().eip712_signing_hash(&market_domain(chain_id, market))
    }

    /// The limit as a price; refused above what a [`Price`] holds.
    pub fn limit(&self) -> Result<Price, Overflow> {
        i64::try_from(self.limit_price).map(Price::from_n_per_wh).map_err(|_| Overflow)
    }

    /// The order as the contract takes it.
    pub fn to_sol(&self) -> EnergyMarket::Order {
        self.into()
    }
}

/// Each contract's bindings have a type of their own for the same order.
macro_rules! as_taken_by {
    ($($contract:ident),*) => {
        $(impl From<&OrderTerms> for $contract::Order {
            fn from(order: &OrderTerms) -> Self {
                Self {
                    account: order.account,
                    side: order.side.code(),
                    slot: order.slot,
                    quantity: order.quantity.wh(),
                    limitPrice: order.limit_price,
                    minFill: order.min_fill.wh(),
                    community: order.community.to_bytes32().into(),
                    zone: order.zone.to_bytes32().into(),
                    connectionPoint: order.connection_point.to_bytes32().into(),
                    policy: order.policy,
                    delegate: order.delegate,
                    nonce: order.nonce,
                    expiry: order.expiry,
                }
            }
        })*
    };
}

as_taken_by!(EnergyMarket, Challenges, EnergyCertificate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_typed_as_it_is_documented() {
        let documented = "Order(address account,uint8 side,uint64 slot,uint64 quantity,\
            uint64 limitPrice,uint64 minFill,bytes32 community,bytes32 zone,\
            bytes32 connectionPoint,bytes32 policy,address delegate,uint256 nonce,uint64 expiry)";
        assert_eq!(EnergyMarket::Order::eip712_encode_type(), documented);
    }
}
