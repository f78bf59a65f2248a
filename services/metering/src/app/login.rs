//! Who a client of the broker, or a device over HTTP, is.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use db::Db;
use ids::MeterId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::db::meters;
use crate::domain::topic::Client;

/// A gateway that may publish for several meters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its user name, without a `/`: behind that stands the client id in the name of a session.
    pub name: String,
    /// SHA-256 of its token, as hex digits.
    pub token_hash: String,
    /// The meters it carries; every meter when empty.
    #[serde(default)]
    pub meters: Vec<MeterId>,
    /// Topics that it may use besides: each itself and all below it. What is published there is
    /// passed on to whoever may read it, and never stored. None may lie under `wattex`, nor have
    /// a wildcard in it.
    #[serde(default)]
    pub topics: Vec<String>,
}

impl Bridge {
    /// # Errors
    /// When its name has a `/` in it, or a topic is none that a bridge may be given.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.name.contains('/'), "bridge {:?}: a name has no / in it", self.name);
        for topic in &self.topics {
            let first = topic.split('/').next().unwrap_or_default();
            let fine = !topic.is_empty()
                && !topic.contains(['+', '#', '\0'])
                && !["wattex", "$share", "$SYS"].contains(&first);
            ensure!(fine, "bridge {}: {topic:?} cannot be a topic of its own", self.name);
        }
        Ok(())
    }
}

/// The door of the broker: a meter enters with its id and the token it was enrolled with.
#[derive(Clone)]
pub(crate) struct Login {
    db: Db,
    bridges: Arc<[Bridge]>,
}

impl Login {
    /// A door that knows the meters in `db` and these bridges.
    pub(crate) fn new(db: Db, bridges: &[Bridge]) -> Login {
        Login { db, bridges: bridges.into() }
    }

    /// The client with this name and token; `None` when there is none or the token is another.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(crate) async fn enter(&self, name: &str, token: &[u8]) -> Result<Option<Client>> {
        if let Some(bridge) = self.bridges.iter().find(|bridge| bridge.name == name) {
            let meters = bridge.meters.as_slice().into();
            let topics = bridge.topics.iter().map(|topic| topic.as_str().into()).collect();
            let client = Client::Bridge { name: bridge.name.as_str().into(), meters, topics };
            return Ok(same_token(token, &bridge.token_hash).then_some(client));
        }
        let Ok(meter) = name.parse::<MeterId>() else { return Ok(None) };
        let hash =
            meters::token_hash(&self.db, meter).await.context("looking up a meter's token")?;
        let entered = hash.is_some_and(|hash| same_token(token, &hash));
        Ok(entered.then_some(Client::Meter(meter)))
    }

    /// The client of `meter`, whose certificate was checked; `None` where it is not enrolled or was
    /// revoked.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(crate) async fn enter_certified(&self, meter: MeterId) -> Result<Option<Client>> {
        let hash = meters::token_hash(&self.db, meter).await.context("looking up a meter")?;
        Ok(hash.map(|_| Client::Meter(meter)))
    }
}

/// Is `token` the one with this hash? Takes the same time wherever they differ.
fn same_token(token: &[u8], hash: &str) -> bool {
    let mut expected = [0; 32];
    let known = hex::decode_to_slice(hash.trim_start_matches("0x"), &mut expected).is_ok();
    let given: [u8; 32] = Sha256::digest(token).into();
    known & bool::from(given.ct_eq(&expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_given_no_topic_of_meters_or_of_the_broker() {
        let named = |name: &str, topic: &str| Bridge {
            name: name.to_owned(),
            token_hash: String::new(),
            meters: Vec::new(),
            topics: vec![topic.to_owned()],
        };
        assert!(named("a/b", "site").check().is_err(), "as bridge a with a client id b/...");
        let bridge = |topic: &str| named("gateway", topic);
        for fine in ["site", "/site", "site/a b", "$own"] {
            assert!(bridge(fine).check().is_ok(), "{fine}");
        }
        for wrong in ["", "wattex", "wattex/v1", "site/#", "+", "$share/a", "$SYS"] {
            assert!(bridge(wrong).check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let hash = hex::encode(Sha256::digest(b"secret"));
        assert!(same_token(b"secret", &hash));
        assert!(same_token(b"secret", &format!("0x{hash}")));
        assert!(!same_token(b"Secret", &hash));
        assert!(!same_token(b"", &hash));
        assert!(!same_token(b"secret", ""));
        assert!(!same_token(b"secret", "secret"));
        assert!(!same_token(b"secret", &hash[..62]));
    }
}
