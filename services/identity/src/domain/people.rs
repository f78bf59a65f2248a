//! Parties and accounts, and what their names may be.

use access::Role;
use alloy_primitives::Address;
use calendar::Timestamp;
use events::identity::Custody;
use ids::{AccountId, CommunityId, PartyId};
use serde::Serialize;
use service::Problem;
use utoipa::ToSchema;

/// Characters a name has at most.
const NAME_MAX: usize = 100;
/// Characters an e-mail address has at most.
const EMAIL_MAX: usize = 254;
/// Characters a pseudonym has at most.
const PSEUDONYM_MAX: usize = 32;

/// A person or a company in a community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Party {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub party: PartyId,
    /// Its name, which its community's staff and itself see.
    pub name: String,
    /// Where it logs in.
    pub email: String,
    /// What it is.
    #[schema(value_type = Vec<String>, example = json!(["prosumer"]))]
    pub roles: Vec<Role>,
    /// Its community.
    #[schema(value_type = String, format = "uuid")]
    pub community: CommunityId,
    /// Its account; staff have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Since when it takes part.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Holds a wallet and signs orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// The name that others see.
    pub pseudonym: String,
    /// The address that signs and holds cash.
    #[schema(value_type = String)]
    pub address: Address,
    /// `held`: identity signs for the owner. `own`: only the owner can.
    #[schema(value_type = String, example = "held")]
    pub custody: Custody,
}

/// The name without surrounding space; refused when empty, long or with control characters.
pub(crate) fn parse_name(name: &str) -> Result<String, Problem> {
    parse_text(name, NAME_MAX).ok_or_else(|| {
        Problem::refused("NAME", format!("A name has 1 to {NAME_MAX} printable characters"))
    })
}

/// The pseudonym; refused like a name.
pub(crate) fn parse_pseudonym(name: &str) -> Result<String, Problem> {
    parse_text(name, PSEUDONYM_MAX).ok_or_else(|| {
        let title = format!("A pseudonym has 1 to {PSEUDONYM_MAX} printable characters");
        Problem::refused("PSEUDONYM", title)
    })
}

/// The address in lower case; refused when it cannot be one.
pub(crate) fn parse_email(email: &str) -> Result<String, Problem> {
    let refused = || Problem::refused("EMAIL", "This is not an e-mail address");
    let email = parse_text(email, EMAIL_MAX).ok_or_else(refused)?.to_lowercase();
    let (name, host) = email.split_once('@').ok_or_else(refused)?;
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ']);
    if plain(name) && plain(host) { Ok(email) } else { Err(refused()) }
}

fn parse_text(text: &str, max: usize) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= max;
    (fits && !text.contains(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_or_refused() {
        for (email, expected) in [
            (" Ada@Example.org ", Some("ada@example.org")),
            ("ada", None),
            ("@example.org", None),
            ("ada@", None),
            ("ada@b@c", None),
            ("a da@example.org", None),
        ] {
            assert_eq!(parse_email(email).ok().as_deref(), expected, "{email}");
        }
        for (name, expected) in
            [(" Ada L. ", Some("Ada L.")), ("", None), ("  ", None), ("a\nb", None)]
        {
            assert_eq!(parse_name(name).ok().as_deref(), expected, "{name:?}");
        }
        assert!(parse_name(&"x".repeat(101)).is_err());
        assert!(parse_pseudonym(&"x".repeat(33)).is_err());
    }
}
