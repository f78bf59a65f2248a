//! A meter enrols itself: a code for its connection point, shown once with a proof of its key.

use ::db::Tx;
use access::Action;
use alloy_primitives::Address;
use anyhow::Result;
use calendar::Timestamp;
use ids::{ConnectionPointId, MeterId, Uuid};
use keys::{Signature, recover};
use serde::{Deserialize, Serialize};
use service::{Principal, Problem};
use utoipa::ToSchema;

use super::meters::{Application, EnrolledMeter, Signers, device_token, enrol, owner_signature};
use crate::Identity;
use crate::db::people::Holder;
use crate::db::{audit, grid, provisioning};
use crate::domain::audit::{Act, Outcome};
use crate::domain::people::parse_name;
use crate::domain::provisioning::{
    CODE_SECONDS_DEFAULT, CODE_SECONDS_MAX, CODE_SECONDS_MIN, Code, Kept, Shown, possession,
};
use crate::domain::tokens::hash_secret;

/// Who shows a code, in the audit log: nobody has logged in.
const DEVICE: &str = "device";

/// How a code shall be.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCode {
    /// How long it counts: 60 seconds to a week, a day when absent.
    pub seconds: Option<i64>,
}

/// A code that puts one meter to work. Never printed.
#[derive(Clone, Serialize, ToSchema)]
pub struct ProvisioningCode {
    /// The code, told this once: only a hash of it is kept.
    #[schema(example = "7QK2-M4ZX-90AB-C3DE-FGHJ-KMNP")]
    pub code: String,
    /// The meter that it puts to work: a new one.
    #[schema(value_type = String, format = "uuid")]
    pub meter: MeterId,
    /// Where that will measure.
    #[schema(value_type = String, format = "uuid")]
    pub connection_point: ConnectionPointId,
    /// The first moment at which it no longer counts, by this machine's clock.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A device that enrols itself. Never printed: it holds a code and may hold a token.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// The code of its connection point.
    pub code: String,
    /// What is printed on it.
    pub serial: String,
    /// The address of the key that it signs with from now on.
    #[schema(value_type = String)]
    pub key: Address,
    /// By that key: `keccak256("WP1" || keccak256(code) || key || keccak256(serial))`, the code in
    /// capitals without dashes. 64 bytes in hex.
    #[schema(value_type = String)]
    pub proof: Signature,
    /// What it will log in to the broker with, 16 to 256 characters; made up when absent. With a
    /// token of its own a device that has not heard the answer may ask again.
    pub token: Option<String>,
    /// The owner's signature of the enrolment, where the owner alone has the key.
    pub owner_signature: Option<String>,
}

/// What a device wants, once it has shown its key.
struct Wish {
    code: Code,
    token_chosen: bool,
    application: Application,
    holder: Holder,
    signers: Signers,
    at: Timestamp,
    act: Act,
}

impl Identity {
    /// Makes a code for a connection point; the one that it had before ends. For operators, admins
    /// and whoever has the account there.
    ///
    /// Refused with `CODE_SECONDS` outside a minute to a week.
    pub async fn make_code(
        &self,
        who: &Principal,
        point: ConnectionPointId,
        new: NewCode,
    ) -> Result<ProvisioningCode, Problem> {
        let holder = self.holder_at(point).await?;
        let (action, about) = (Action::ProvisionMeter, point.to_string());
        self.require(who, action, self.thing_of(holder.account), &about).await?;
        let seconds = new.seconds.unwrap_or(CODE_SECONDS_DEFAULT);
        if !(CODE_SECONDS_MIN..=CODE_SECONDS_MAX).contains(&seconds) {
            let title = format!("A code counts {CODE_SECONDS_MIN} to {CODE_SECONDS_MAX} seconds");
            return Err(Problem::refused("CODE_SECONDS", title));
        }
        let code = Code::new();
        let kept = Kept {
            hash: code.hash(),
            expires_at: self.machine_clock.now().plus_seconds(seconds),
            wrong_tries: 0,
            meter: MeterId::from_uuid(Uuid::now_v7()),
            connection_point: point,
            used: false,
        };
        let made = ProvisioningCode {
            code: code.shown(),
            meter: kept.meter,
            connection_point: point,
            expires_at: kept.expires_at,
        };
        let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    provisioning::put_code(tx, code.name(), &kept).await?;
                    audit::append(tx, act).await
                })
            })
            .await?;
        Ok(made)
    }

    /// Puts the meter of a code to work, for a device that has it and shows that it has a key.
    ///
    /// Refused with `PROOF` where the key did not sign, `CODE` where there is no such code or too
    /// many were tried, `CODE_EXPIRED`, `CODE_USED`, and as [`Identity::enrol_meter`] refuses; only
    /// a wrong code counts as a try, and only an enrolment uses a code up.
    pub async fn provision(&self, new: NewDevice) -> Result<EnrolledMeter, Problem> {
        let Some(code) = Code::parse(&new.code) else { return Err(no_code()) };
        let serial = parse_name(&new.serial)?;
        let hash = possession(&code, new.key, &new.serial);
        if recover(hash, &new.proof) != Some(new.key) {
            let title = "The proof is not a signature of this key over this code and serial";
            return Err(Problem::refused("PROOF", title));
        }
        let at = self.machine_clock.now();
        let kept = self.kept_code(&code, at).await?;
        let (token_chosen, token) = (new.token.is_some(), device_token(new.token)?);
        let now = self.clock.now();
        let application = Application {
            id: kept.meter,
            serial,
            connection_point: kept.connection_point,
            key: new.key,
            token_hash: hash_secret(&token),
            owner_signature: owner_signature(new.owner_signature.as_deref())?,
            valid_from: now,
            registered: None,
            now,
        };
        let application = self.counted(application).await?;
        let holder = self.holder_at(kept.connection_point).await?;
        let signers = self.signers(&application, &holder).await?;
        let (action, about) = (Action::ProvisionMeter.name(), kept.meter.to_string());
        let act = self.act(DEVICE, action, &about, Outcome::Done);
        let wish = Wish { code, token_chosen, application, holder, signers, at, act };
        let meter = self
            .db
            .transact(move |tx| Box::pin(async move { put_to_work(tx, wish).await }))
            .await?;
        Ok(EnrolledMeter { meter, token: (!token_chosen).then_some(token) })
    }

    /// The code as it is kept, if it is good or was used; another secret is counted and recorded.
    async fn kept_code(&self, code: &Code, at: Timestamp) -> Result<Kept, Problem> {
        let mut conn = self.db.read().acquire().await.map_err(anyhow::Error::from)?;
        let kept = provisioning::code(&mut conn, code.name()).await?.ok_or_else(no_code)?;
        drop(conn);
        let shown = kept.judge(code, at);
        if shown == Shown::Wrong {
            let about = kept.connection_point.to_string();
            let action = Action::ProvisionMeter.name();
            let act = self.act(DEVICE, action, &about, Outcome::Denied);
            let name = code.name().to_owned();
            self.db
                .transact(move |tx| {
                    Box::pin(async move {
                        provisioning::count_wrong_try(tx, &name).await?;
                        audit::append(tx, act).await
                    })
                })
                .await?;
        }
        refusal(shown).map_or(Ok(kept), Err)
    }
}

/// Why a code that was shown opens nothing. One that was used may be shown again by its device.
fn refusal(shown: Shown) -> Option<Problem> {
    match shown {
        Shown::Good | Shown::Used => None,
        Shown::Wrong | Shown::Dead => Some(no_code()),
        Shown::Expired => Some(Problem::refused("CODE_EXPIRED", "The code is over")),
    }
}

fn no_code() -> Problem {
    Problem::refused("CODE", "There is no such code")
}

/// Uses the code up and enrols its meter, both or neither.
async fn put_to_work(tx: &mut Tx, wish: Wish) -> Result<crate::Meter> {
    let Wish { code, token_chosen, application, holder, signers, at, act } = wish;
    // As the transaction sees it: of two that show one code at the same time one comes second.
    let kept = provisioning::code(tx.conn(), code.name()).await?.ok_or_else(no_code)?;
    let shown = kept.judge(&code, at);
    if let Some(problem) = refusal(shown) {
        return Err(problem.into());
    }
    if shown == Shown::Used {
        let meter = grid::meter(tx.conn(), kept.meter).await?;
        let same = |meter: &crate::Meter| {
            meter.key == application.key
                && meter.serial == application.serial
                && meter.revoked_at.is_none()
        };
        let known = grid::has_token(tx, kept.meter, &application.token_hash).await?;
        let repeated = meter.filter(|meter| token_chosen && known && same(meter));
        return repeated.ok_or_else(|| used_up().into());
    }
    if !provisioning::use_code(tx, code.name()).await? {
        return Err(used_up().into());
    }
    let (meter, _) = enrol(tx, application, holder, signers, act).await?;
    Ok(meter)
}

fn used_up() -> Problem {
    Problem::refused("CODE_USED", "The code has put a meter to work")
}
