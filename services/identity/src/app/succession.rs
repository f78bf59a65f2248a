//! What both addresses sign before an account settles at another one: for a wallet, which cannot
//! sign a hash alone.

use access::Action;
use alloy_primitives::Address;
use calendar::Timestamp;
use contracts::{enrolment_data, succession_data};
use events::identity::Custody;
use ids::{AccountId, MeterId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Principal, Problem};
use utoipa::ToSchema;

use super::meters::Enrolled;
use crate::Identity;
use crate::domain::addresses::{check_from, earliest_from};
use crate::domain::grid::Meter;

/// An address that an account might settle at.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressWish {
    /// The address.
    #[schema(value_type = String)]
    pub address: Address,
    /// Start of the first slot that settles at it; the earliest that there can be when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
}

/// What is signed so that an account settles at another address. Nothing is kept of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreparedAddress {
    /// The address.
    #[schema(value_type = String)]
    pub address: Address,
    /// Start of the first slot that settles at it.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// The address before.
    #[schema(value_type = String)]
    pub former: Address,
    /// Who has the key of the address before: `own`, who signs as well, or `held`, whose owner
    /// gives the password.
    #[schema(value_type = String, example = "own")]
    pub custody: Custody,
    /// What the address signs, and the one before where its owner has the key (EIP-712).
    #[schema(value_type = Object)]
    pub succession: Value,
    /// What the address signs for each meter of the account.
    pub enrolments: Vec<PreparedEnrolment>,
}

/// What the next address signs of a meter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreparedEnrolment {
    /// The meter.
    #[schema(value_type = String, format = "uuid")]
    pub meter: MeterId,
    /// What is printed on it.
    pub serial: String,
    /// As a wallet takes it (EIP-712).
    #[schema(value_type = Object)]
    pub typed_data: Value,
}

impl Identity {
    /// What both addresses sign so that the caller's account settles at `wish.address`.
    ///
    /// Refused as [`Identity::assign_address`] is, as far as that does not need a signature.
    pub async fn prepare_address(
        &self,
        who: &Principal,
        account: AccountId,
        wish: &AddressWish,
    ) -> Result<PreparedAddress, Problem> {
        let (about, now) = (account.to_string(), self.clock.now());
        self.require(who, Action::ChangeAddress, self.thing_of(account), &about).await?;
        let former = self.holder_now(account).await?;
        let zone = self.timezone_of(account).await?;
        let (days, lead) = ((&zone, self.settings.slot), self.lead());
        let from = match wish.from {
            Some(from) => from,
            None => earliest_from(days, (now, lead))?,
        };
        check_from(from, days, (now, lead))?;
        let (place, address) = (&self.place, wish.address);
        let signers = self.signers_of(address, None);
        let enrolments = self.meters_of(account).await?.into_iter().map(|meter| {
            let Meter { meter, key, connection_point, version, serial, .. } = meter;
            let version = version + 1;
            let of = signers.request(&Enrolled { meter, key, connection_point, version });
            let typed_data = enrolment_data(place.chain_id, place.at.meters, &of);
            PreparedEnrolment { meter, serial, typed_data }
        });
        let of = (former.address, address);
        let custody = if former.wrapped_key.is_some() { Custody::Held } else { Custody::Own };
        Ok(PreparedAddress {
            address,
            from,
            former: former.address,
            custody,
            succession: succession_data(place.chain_id, place.at.market, of, from.unsigned()),
            enrolments: enrolments.collect(),
        })
    }
}
