//! Identifiers that cannot be confused with each other: one list, one type each.
//!
//! An id is 16 bytes, written as a UUID. New ids are time-ordered (`v7`, made by the shells) or
//! derived from what they name ([`uuid::Uuid::new_v5`]), so that a repeat has the same id.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

/// The namespace of ids that are derived from names.
const NAMESPACE: Uuid = Uuid::from_u128(0x8d57_a2c4_6f1b_4b1e_9a73_77a7_7e78_0001);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these bits.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                $name(uuid)
            }

            /// The id that follows from `name`: the same name gives the same id.
            pub fn derived(name: &str) -> Self {
                let scoped = format!(concat!(stringify!($name), ":{}"), name);
                $name(Uuid::new_v5(&NAMESPACE, scoped.as_bytes()))
            }

            /// The 16 bytes.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The id as the contracts carry it: 16 bytes, then 16 zero bytes.
            pub fn to_bytes32(self) -> [u8; 32] {
                let mut bytes = [0; 32];
                bytes[..16].copy_from_slice(self.0.as_bytes());
                bytes
            }

            /// The id in a contract's 32 bytes; `None` when the last 16 are not zero.
            pub fn from_bytes32(bytes: [u8; 32]) -> Option<Self> {
                let (id, rest) = bytes.split_at(16);
                (rest == [0; 16]).then(|| Uuid::from_slice(id).ok().map($name)).flatten()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map($name)
            }
        }
    )*};
}

ids! {
    /// Holds a wallet and signs orders; belongs to a party.
    AccountId
    /// A suspicion of market abuse, with what speaks for it.
    CaseId
    /// A community of homes that trade with each other.
    CommunityId
    /// The contract-bearing place of the grid; outlives meters and customers.
    ConnectionPointId
    /// A document that corrects a bill.
    CorrectionId
    /// A complaint about a bill.
    DisputeId
    /// One fact in the event log.
    EventId
    /// A bill that was issued.
    InvoiceId
    /// A device that measures at a connection point.
    MeterId
    /// An order, named by who placed it.
    OrderId
    /// A person or a company.
    PartyId
    /// Money on its way from an account to a bank.
    PayoutId
    /// A transfer or mandate that an account signed.
    RequestId
    /// A grid area with one local fee.
    ZoneId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_id_within_a_kind_only() {
        assert_eq!(MeterId::derived("H01"), MeterId::derived("H01"));
        assert_ne!(MeterId::derived("H01"), MeterId::derived("H02"));
        assert_ne!(MeterId::derived("H01").uuid(), AccountId::derived("H01").uuid());
    }

    #[test]
    fn a_contract_carries_an_id_and_gives_it_back() {
        let id = MeterId::derived("H01");
        assert_eq!(MeterId::from_bytes32(id.to_bytes32()), Some(id));
        assert_eq!(MeterId::from_bytes32([1; 32]), None);
    }
}
