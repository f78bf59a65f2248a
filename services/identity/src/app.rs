//! What someone can ask for: one function each, one transaction each.

mod addresses;
mod approvals;
mod audit;
mod challenges;
mod export;
mod grid;
mod limits;
mod meters;
mod orders;
mod people;
mod provisioning;
mod requests;
mod rotation;
mod succession;
mod sweep;
mod tokens;

use access::{Action, Subject, Thing, permit};
use anyhow::Result;
use calendar::Timestamp;
use ids::AccountId;
use service::{Principal, Problem};

pub use addresses::{NewAddress, OwnedMeter};
pub use export::{ExportedKey, KeyExport};
pub use grid::NewConnectionPoint;
pub use limits::LimitChange;
pub use meters::{EnrolledMeter, NewMeter};
pub use orders::{SignedOrder, SignedPayout, SignedRedemption, Signing};
pub use people::{KeyProof, NewParty};
pub use provisioning::{NewCode, NewDevice, ProvisioningCode};
pub use requests::SignedRequest;
pub use rotation::{NewKey, RotatedMeter};
pub use succession::{AddressWish, PreparedAddress, PreparedEnrolment};
pub use tokens::{Grant, Tokens};

pub(crate) use tokens::load_token_keys;

use crate::Identity;
use crate::db;
use crate::domain::audit::{Act, Outcome};

/// Whether `who` may do `action` to `thing`.
fn may(who: &Principal, action: Action, thing: Thing) -> bool {
    let subject = Subject { account: who.account, community: who.community, roles: &who.roles };
    permit(subject, action, thing)
}

impl Identity {
    /// Lets `who` through, or records the denial and refuses.
    async fn require(
        &self,
        who: &Principal,
        action: Action,
        thing: Thing,
        about: &str,
    ) -> Result<(), Problem> {
        self.require_as(who, action, thing, action.name(), about).await
    }

    /// The same for an act that `action` allows too, and that has a `name` of its own.
    async fn require_as(
        &self,
        who: &Principal,
        action: Action,
        thing: Thing,
        name: &str,
        about: &str,
    ) -> Result<(), Problem> {
        if may(who, action, thing) {
            return Ok(());
        }
        let act = self.act(&who.party.to_string(), name, about, Outcome::Denied);
        self.record(act).await?;
        Err(Problem::forbidden())
    }

    /// Something of this community as a whole.
    fn community_thing(&self) -> Thing {
        Thing::of_community(self.community)
    }

    /// Something of `account`.
    fn thing_of(&self, account: AccountId) -> Thing {
        Thing::of_account(account, self.community)
    }

    /// What of a list `who` sees: `None` is everything, for whoever may do `all`. Whoever has
    /// nothing of its own there is refused, and that is recorded.
    async fn scope<T>(
        &self,
        who: &Principal,
        all: Action,
        own: Option<T>,
    ) -> Result<Option<T>, Problem> {
        if own.is_some() && who.community == self.community {
            return Ok(own.filter(|_| !may(who, all, self.community_thing())));
        }
        self.require(who, all, self.community_thing(), "list").await?;
        Ok(None)
    }

    fn act(&self, by: &str, action: &str, about: &str, outcome: Outcome) -> Act {
        Act {
            at: self.clock.now(),
            by: by.to_owned(),
            action: action.to_owned(),
            about: about.to_owned(),
            outcome,
        }
    }

    /// Writes `act` to the audit log, in a transaction of its own.
    async fn record(&self, act: Act) -> Result<()> {
        self.db.transact(move |tx| Box::pin(db::audit::append(tx, act))).await
    }

    /// Forgets what is over: what lets in by the machine's clock, what was signed by the market's.
    pub(crate) async fn forget_expired(&self, market_now: Timestamp) -> Result<u64> {
        let now = self.machine_clock.now();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let mut forgotten = db::tokens::forget_expired(tx, now).await?;
                    forgotten += db::provisioning::forget(tx, now).await?;
                    Ok(forgotten + db::signing::forget_signed(tx, market_now).await?)
                })
            })
            .await
    }
}
