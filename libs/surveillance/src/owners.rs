//! Who stands behind an account.

use std::collections::BTreeMap;
use std::fmt;

use ids::{AccountId, ConnectionPointId, PartyId};
use serde::{Serialize, Serializer};

/// The most accounts, connection points and parties that are known, each.
pub const MEMBERS_MAX: usize = 100_000;

/// How many parties stand behind each other at most; the one reached then counts.
const CONTROL_DEPTH_MAX: usize = 8;

/// Everything of one owner: what it does with itself changes nothing for anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The party behind the party of an account.
    Party(PartyId),
    /// An account of which nobody said whose it is.
    Account(AccountId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Party(party) => write!(f, "party/{party}"),
            Owner::Account(account) => write!(f, "account/{account}"),
        }
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A connection point and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Site {
    pub(crate) account: AccountId,
    pub(crate) solar: bool,
}

/// What belongs to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Owners {
    parties: BTreeMap<AccountId, PartyId>,
    controlled: BTreeMap<PartyId, PartyId>,
    sites: BTreeMap<ConnectionPointId, Site>,
}

/// The limit is reached.
pub(crate) struct Full;

impl Owners {
    /// Whose an account is; whether that is new.
    pub(crate) fn own(&mut self, account: AccountId, party: PartyId) -> Result<bool, Full> {
        put(&mut self.parties, account, party)
    }

    /// Who stands behind a party; whether that is new.
    pub(crate) fn control(&mut self, party: PartyId, by: PartyId) -> Result<bool, Full> {
        if party == by {
            return Ok(self.controlled.remove(&party).is_some());
        }
        put(&mut self.controlled, party, by)
    }

    /// Whose a connection point is.
    pub(crate) fn site(
        &mut self,
        point: ConnectionPointId,
        account: AccountId,
        solar: bool,
    ) -> Result<bool, Full> {
        put(&mut self.sites, point, Site { account, solar })
    }

    /// The party of an account.
    pub(crate) fn party(&self, account: AccountId) -> Option<PartyId> {
        self.parties.get(&account).copied()
    }

    /// The owner of an account.
    pub(crate) fn of(&self, account: AccountId) -> Owner {
        let Some(&party) = self.parties.get(&account) else { return Owner::Account(account) };
        let mut line = vec![party];
        while let Some(&by) = self.controlled.get(&line[line.len() - 1]) {
            if let Some(place) = line.iter().position(|known| *known == by) {
                // Who goes in a circle is one owner, by the lowest name in it.
                let circle = line[place..].iter().min();
                return Owner::Party(circle.copied().unwrap_or(by));
            }
            if line.len() > CONTROL_DEPTH_MAX {
                break;
            }
            line.push(by);
        }
        Owner::Party(line[line.len() - 1])
    }

    /// A connection point, where one says whose it is.
    pub(crate) fn at(&self, point: ConnectionPointId) -> Option<Site> {
        self.sites.get(&point).copied()
    }
}

fn put<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<bool, Full> {
    if map.len() >= MEMBERS_MAX && !map.contains_key(&key) {
        return Err(Full);
    }
    let new = map.get(&key) != Some(&value);
    map.insert(key, value);
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> PartyId {
        PartyId::derived(name)
    }

    fn account(name: &str) -> AccountId {
        AccountId::derived(name)
    }

    #[test]
    fn parties_behind_parties_are_one_owner() {
        let mut owners = Owners::default();
        assert_eq!(owners.of(account("a")), Owner::Account(account("a")));
        let new = owners.own(account("a"), party("a")).unwrap_or_default();
        assert!(new && !owners.own(account("a"), party("a")).unwrap_or(true));
        for (one, by) in [("a", "holding"), ("b", "holding"), ("holding", "top")] {
            assert!(owners.control(party(one), party(by)).unwrap_or_default());
        }
        assert_eq!(owners.of(account("a")), Owner::Party(party("top")));
        assert!(owners.control(party("holding"), party("holding")).unwrap_or_default());
        assert_eq!(owners.of(account("a")), Owner::Party(party("holding")));
    }

    #[test]
    fn a_circle_of_parties_is_one_owner_whichever_account_asks() {
        let mut owners = Owners::default();
        for name in ["a", "b", "c", "d"] {
            assert!(owners.own(account(name), party(name)).unwrap_or_default());
        }
        for (one, by) in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")] {
            assert!(owners.control(party(one), party(by)).unwrap_or_default());
        }
        let of = ["a", "b", "c", "d"].map(|name| owners.of(account(name)));
        assert!(of.iter().all(|owner| *owner == of[0]), "{of:?}");
    }
}
