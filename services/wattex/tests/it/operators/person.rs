//! Somebody in the town.

use alloy_primitives::Address;
use ids::{AccountId, ConnectionPointId};
use keys::SecretKey;
use service::Principal;

use super::calls::Wish;
use crate::serving::Device;

/// Somebody with an account, a connection point and a meter.
pub struct Person {
    pub account: AccountId,
    pub address: Address,
    pub point: ConnectionPointId,
    /// What lets them in, as they got it themselves.
    pub token: String,
    /// Who they are to the services.
    pub principal: Principal,
    pub device: Device,
    /// The key, where the operator does not hold it.
    pub(super) own: Option<SecretKey>,
}

impl Person {
    pub fn key(&self) -> &SecretKey {
        self.own.as_ref().expect("a key of one's own")
    }

    pub fn wish(&self, buys: bool, slot: u64, wh: u64, limit: u64, nonce: u64) -> Wish {
        Wish { account: self.address, point: self.point, buys, slot, wh, limit, nonce }
    }
}
