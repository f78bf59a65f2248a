//! Meters: enrolment with both signatures, and its end.

use ::db::Tx;
use access::Action;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::SolCall;
use contracts::bindings::MeterRegistry::versionsCall;
use contracts::requests::{MeterEnrolment, enrolment};
use events::Envelope;
use events::identity::{Enrolment, MeterEnrolled, MeterHandedOver, MeterRevoked};
use ids::{ConnectionPointId, MeterId, Uuid};
use keys::{SecretKey, SignatureBytes};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem};
use utoipa::ToSchema;

use crate::db::people::Holder;
use crate::db::{Part, addresses, audit, grid, people};
use crate::domain::audit::{Act, Outcome};
use crate::domain::grid::Meter;
use crate::domain::people::parse_name;
use crate::domain::tokens::{hash_secret, new_secret};
use crate::{Identity, Place};

/// Seconds after it was told, or after the expiry of a rotation, that what the registry learns may
/// still show in the newest block that is asked.
const REGISTRY_SECONDS: i64 = 300;
/// Characters a device's token has at least and at most.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// A meter that is put to work. Never printed: it may hold a token.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMeter {
    /// Its id; made up when absent. The same id with the same content is answered as before; after
    /// a revocation it gets its next key.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub meter: Option<MeterId>,
    /// What is printed on it.
    pub serial: String,
    /// Where it measures.
    #[schema(value_type = String, format = "uuid")]
    pub connection_point: ConnectionPointId,
    /// The address of the key it signs with.
    #[schema(value_type = String)]
    pub key: Address,
    /// What it logs in to the broker with, 16 to 256 characters; made up when absent.
    pub token: Option<String>,
    /// The owner's signature of the enrolment, where the owner alone has the key, or is a contract
    /// that takes it (ERC-1271).
    pub owner_signature: Option<String>,
    /// From when its readings count; now when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
}

/// A meter that was put to work. Never printed: it may hold a token.
#[derive(Clone, Serialize, ToSchema)]
pub struct EnrolledMeter {
    /// The meter.
    #[serde(flatten)]
    pub meter: Meter,
    /// What it logs in to the broker with. Told this once: only a hash of it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What is known of an enrolment before the database is asked.
pub(super) struct Application {
    pub(super) id: MeterId,
    pub(super) serial: String,
    pub(super) connection_point: ConnectionPointId,
    pub(super) key: Address,
    pub(super) token_hash: String,
    pub(super) owner_signature: Option<SignatureBytes>,
    pub(super) valid_from: Timestamp,
    /// How many keys the registry knows of the meter, where we know of more or fewer.
    pub(super) registered: Option<u32>,
    pub(super) now: Timestamp,
}

/// What of a meter owner and installer sign.
pub(super) struct Enrolled {
    pub(super) meter: MeterId,
    pub(super) key: Address,
    pub(super) connection_point: ConnectionPointId,
    pub(super) version: u32,
}

impl Application {
    /// What is to be signed, after the keys that the meter has had.
    fn meter(&self, present: Option<&Meter>) -> Enrolled {
        Enrolled {
            meter: self.id,
            key: self.key,
            connection_point: self.connection_point,
            version: present.map_or(1, |meter| self.registered.unwrap_or(meter.version) + 1),
        }
    }
}

impl Identity {
    /// Puts a meter to work at a connection point.
    ///
    /// Refused with `OWN_KEY` when the owner has to sign, `SIGNATURE` when it did not, `TOKEN`,
    /// `NAME`, `METER_PRESENT` when another meter measures there, `KEY_TAKEN` when a meter, this
    /// one included, has or had this key, `SUCCESSOR_WAITS` when the account has a next address
    /// that only its owner signs for, and with 409 when the id is of a working meter that differs.
    pub async fn enrol_meter(
        &self,
        who: &Principal,
        new: NewMeter,
    ) -> Result<EnrolledMeter, Problem> {
        let id = new.meter.unwrap_or_else(|| MeterId::from_uuid(Uuid::now_v7()));
        let (action, about) = (Action::EnrolMeter, id.to_string());
        self.require(who, action, self.community_thing(), &about).await?;
        let token = device_token(new.token)?;
        let now = self.clock.now();
        let application = Application {
            id,
            serial: parse_name(&new.serial)?,
            connection_point: new.connection_point,
            key: new.key,
            token_hash: hash_secret(&token),
            owner_signature: owner_signature(new.owner_signature.as_deref())?,
            valid_from: new.valid_from.unwrap_or(now),
            registered: None,
            now,
        };
        let application = self.counted(application).await?;
        let holder = self.holder_at(new.connection_point).await?;
        let signers = self.signers(&application, &holder).await?;
        let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
        let (meter, is_new) = self
            .db
            .transact(move |tx| {
                Box::pin(async move { enrol(tx, application, holder, signers, act).await })
            })
            .await?;
        Ok(EnrolledMeter { meter, token: is_new.then_some(token) })
    }

    /// Ends a meter's key: its readings no longer count from now on. Repeating it changes nothing.
    pub async fn revoke_meter(&self, who: &Principal, id: MeterId) -> Result<Meter, Problem> {
        let (action, about) = (Action::RevokeMeter, id.to_string());
        self.require(who, action, self.community_thing(), &about).await?;
        let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
        let (now, community) = (self.clock.now(), self.community);
        let revoked = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let found = grid::meter(tx.conn(), id).await?;
                    let meter = found.filter(|meter| meter.community == community);
                    let mut meter = meter.ok_or_else(|| Problem::not_found("meter"))?;
                    if meter.revoked_at.is_some() {
                        return anyhow::Ok(meter);
                    }
                    meter.revoked_at = Some(now);
                    grid::revoke_meter(tx, id, now).await?;
                    let cause = cause_of(&meter);
                    let event = MeterRevoked { meter: id, at: now };
                    bus::append(tx, &Envelope::of(&event, &cause, now)).await?;
                    audit::append(tx, act).await?;
                    Ok(meter)
                })
            })
            .await?;
        Ok(revoked)
    }

    /// The meters that `who` may see: staff all, others their own.
    pub async fn meters(&self, who: &Principal, query: &PageQuery) -> Result<Page<Meter>, Problem> {
        let own = self.scope(who, Action::ReadAccount, who.account).await?;
        let mut conn = self.db.read().acquire().await.context("listing meters")?;
        Ok(grid::meters(&mut conn, self.community, own, Part::of(query)?).await?)
    }

    /// The application, with the registry's count where that is not ours: it has missed a rotation
    /// or a next owner, or the device has rotated its key there itself. The registry takes no other
    /// number than its next.
    pub(super) async fn counted(&self, wanted: Application) -> Result<Application, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for a meter")?;
        let expiry = grid::rotation_expiry(&mut conn, wanted.id).await?;
        let present = grid::meter(&mut conn, wanted.id).await?;
        let ever = Timestamp::from_seconds(0);
        let handed = addresses::is_handed_over(&mut conn, wanted.id, ever).await?;
        drop(conn);
        let revoked = present.and_then(|meter| Some((meter.revoked_at?, meter)));
        let Some((revoked_at, present)) = revoked else {
            return Ok(wanted);
        };
        let known = self.versions(wanted.id).await?;
        let Some(registered) = known.filter(|known| *known != present.version) else {
            return Ok(wanted);
        };
        if registered < present.version {
            let is_new = |since: Timestamp| wanted.now <= since.plus_seconds(REGISTRY_SECONDS);
            // A rotation may be on its way, or the enrolment itself.
            let under_way = expiry.is_some_and(is_new) || !handed && is_new(present.valid_from);
            if under_way {
                return Ok(wanted);
            }
            // What waited for the meter's next owner went out with the revocation, and counts too.
            if handed && is_new(revoked_at) {
                let detail = "the registry is about to learn of the revocation";
                return Err(Problem::unavailable(detail));
            }
        }
        Ok(Application { registered: Some(registered), ..wanted })
    }

    /// How many keys the registry knows of a meter, by the newest block; `None` where the chain has
    /// no registry.
    async fn versions(&self, meter: MeterId) -> Result<Option<u32>, Problem> {
        let asked = versionsCall { meter: meter.to_bytes32().into() };
        let (registry, data) = (self.place.at.meters, asked.abi_encode().into());
        let answer = client::call(&*self.node, registry, data, "latest").await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "the registry could not be asked");
            Problem::unavailable("no node says how many keys the registry knows of the meter")
        })?;
        Ok(versionsCall::abi_decode_returns(&answer).ok())
    }

    /// Who signs what is applied for.
    pub(super) async fn signers(
        &self,
        wanted: &Application,
        holder: &Holder,
    ) -> Result<Signers, Problem> {
        let mut signers = self.signers_of(holder.address, self.held_key(holder)?);
        signers.contract = self.enrolled_by_contract(wanted, &signers).await?;
        let mut conn = self.db.read().acquire().await.context("looking for an address")?;
        let next = addresses::waiting(&mut conn, holder.account, wanted.now).await?;
        drop(conn);
        if let Some(next) = next {
            let wrapped = next.wrapped_key.as_ref().ok_or_else(|| {
                let title = "The account is about to settle at another address: wait until then";
                Problem::refused("SUCCESSOR_WAITS", title)
            })?;
            let key = self.unwrapped(next.account, next.address, wrapped)?;
            signers.next = Some((next.from, Box::new(self.signers_of(next.address, Some(key)))));
        }
        Ok(signers)
    }

    /// The installer, and the owner at an address.
    pub(super) fn signers_of(&self, owner: Address, owner_key: Option<SecretKey>) -> Signers {
        let (installer, place) = (self.installer.clone(), self.place);
        Signers { owner, owner_key, contract: None, installer, place, next: None }
    }

    /// The hash of the enrolment, where the owner is a contract that takes the signature as its own
    /// and no key has made it.
    async fn enrolled_by_contract(
        &self,
        wanted: &Application,
        signers: &Signers,
    ) -> Result<Option<B256>, Problem> {
        let Some(given) = &wanted.owner_signature else { return Ok(None) };
        let mut conn = self.db.read().acquire().await.context("looking for a meter")?;
        let present = grid::meter(&mut conn, wanted.id).await?;
        drop(conn);
        let hash = signers.hash(&wanted.meter(present.as_ref()));
        if given.by_key(hash, signers.owner).is_some() {
            return Ok(None);
        }
        Ok(self.is_taken_by(signers.owner, hash, given).await?.then_some(hash))
    }

    /// Who holds the account of a connection point. A connection point never changes hands.
    pub(super) async fn holder_at(&self, point: ConnectionPointId) -> Result<Holder, Problem> {
        let mut conn = self.db.read().acquire().await.context("loading a connection point")?;
        let point = grid::connection_point(&mut conn, point).await?;
        let point = point.filter(|point| point.community == self.community);
        let point = point.ok_or_else(|| Problem::not_found("connection point"))?;
        let holder = people::holder(&mut conn, point.account, self.clock.now()).await?;
        Ok(holder.context("an account of a connection point is there")?)
    }
}

/// A device's token: the one it has chosen, or a new one.
pub(super) fn device_token(chosen: Option<String>) -> Result<String, Problem> {
    let token = chosen.unwrap_or_else(new_secret);
    if !TOKEN_LENGTH.contains(&token.len()) {
        return Err(Problem::refused("TOKEN", "A device's token has 16 to 256 characters"));
    }
    Ok(token)
}

/// The owner's signature of an enrolment, where there is one.
pub(super) fn owner_signature(text: Option<&str>) -> Result<Option<SignatureBytes>, Problem> {
    let malformed = |_| Problem::malformed("owner_signature is none");
    text.map(|text| text.parse().map_err(malformed)).transpose()
}

/// Who signs an enrolment, and for which registry.
pub(super) struct Signers {
    owner: Address,
    owner_key: Option<SecretKey>,
    /// The enrolment that the owner, a contract, takes the given signature for.
    contract: Option<B256>,
    installer: SecretKey,
    place: Place,
    /// Who signs for the account's next address, and from when that is.
    next: Option<(Timestamp, Box<Signers>)>,
}

impl Signers {
    /// The same, where the owner is a contract that takes its signature for `hash`.
    pub(super) fn with_contract(self, hash: Option<B256>) -> Signers {
        Signers { contract: hash, ..self }
    }

    /// What both sign.
    pub(super) fn hash(&self, of: &Enrolled) -> B256 {
        enrolment(self.place.chain_id, self.place.at.meters, &self.request(of))
    }

    /// The same, field by field.
    pub(super) fn request(&self, of: &Enrolled) -> MeterEnrolment {
        let Enrolled { meter, key, connection_point, version } = *of;
        let (owner, installer) = (self.owner, self.installer.address());
        MeterEnrolment { meter, key, owner, installer, connection_point, version }
    }

    /// Both signatures of the enrolment of a meter.
    pub(super) fn sign(
        &self,
        of: &Enrolled,
        given: Option<SignatureBytes>,
    ) -> Result<Enrolment, Problem> {
        let (owner, installer, hash) = (self.owner, self.installer.address(), self.hash(of));
        let owner_signature = match (given, &self.owner_key) {
            (Some(given), _) => match given.by_key(hash, owner) {
                Some(signature) => signature.into(),
                None if self.contract == Some(hash) => given,
                None => {
                    let title = "The signature of the enrolment is not the owner's";
                    return Err(Problem::refused("SIGNATURE", title));
                }
            },
            (None, Some(key)) => key.sign(hash).into(),
            (None, None) => {
                let Enrolled { meter, connection_point, version, .. } = of;
                let detail = format!(
                    "owner {owner} signs {hash} (meter {meter}, connection point \
                     {connection_point}, version {version})"
                );
                let title = "Only the owner can sign this enrolment";
                return Err(Problem::refused("OWN_KEY", title).with_detail(detail));
            }
        };
        let installer_signature = self.installer.sign(hash);
        Ok(Enrolment { owner, installer, owner_signature, installer_signature })
    }
}

/// The meter, and whether it was put to work now.
pub(super) async fn enrol(
    tx: &mut Tx,
    wanted: Application,
    holder: Holder,
    signers: Signers,
    act: Act,
) -> Result<(Meter, bool)> {
    let present = grid::meter(tx.conn(), wanted.id).await?;
    if let Some(present) = present.as_ref().filter(|meter| meter.revoked_at.is_none()) {
        let same = present.serial == wanted.serial
            && present.connection_point == wanted.connection_point
            && present.key == wanted.key;
        let problem = || Problem::conflict("the meter works with another key or elsewhere").into();
        return if same { Ok((present.clone(), false)) } else { Err(problem()) };
    }
    if present.as_ref().is_some_and(|meter| meter.community != holder.community) {
        return Err(Problem::conflict("the meter is known elsewhere").into());
    }
    // What it counted between would be nobody's: its next reading follows its last.
    if present.as_ref().is_some_and(|meter| meter.connection_point != wanted.connection_point) {
        let problem = Problem::conflict("the meter has counted at another connection point");
        return Err(problem.into());
    }
    if grid::is_measured(tx, wanted.connection_point, wanted.id).await? {
        let title = "Another meter measures at this connection point";
        return Err(Problem::refused("METER_PRESENT", title).into());
    }
    // Its own keys of before too: a key that was given up may be in other hands.
    if grid::is_key_known(tx, wanted.key).await? {
        return Err(Problem::refused("KEY_TAKEN", "A meter has or had this key").into());
    }
    if let Some(present) = &present {
        let had = (present.meter, present.key);
        grid::keep_former_key(tx, had, present.revoked_at.unwrap_or(wanted.now)).await?;
    }
    let enrolled = wanted.meter(present.as_ref());
    let signed = signers.sign(&enrolled, wanted.owner_signature)?;
    let meter = Meter {
        meter: wanted.id,
        serial: wanted.serial,
        connection_point: wanted.connection_point,
        account: holder.account,
        community: holder.community,
        key: wanted.key,
        version: enrolled.version,
        valid_from: wanted.valid_from,
        revoked_at: None,
    };
    grid::put_meter(tx, &meter, &wanted.token_hash).await?;
    let enrolled = MeterEnrolled {
        meter: meter.meter,
        serial: meter.serial.clone(),
        connection_point: meter.connection_point,
        account: meter.account,
        community: meter.community,
        key: meter.key,
        token_hash: wanted.token_hash,
        valid_from: meter.valid_from,
        enrolment: signed,
    };
    bus::append(tx, &Envelope::of(&enrolled, &cause_of(&meter), wanted.now)).await?;
    audit::append(tx, act).await?;
    let next = addresses::waiting(tx.conn(), meter.account, wanted.now).await?;
    let known = signers.next.as_ref().map(|(_, next)| next.owner);
    if next.map(|next| next.address) != known {
        let problem = Problem::conflict("the account gets another address: try again");
        return Err(problem.into());
    }
    if let Some((from, next)) = signers.next {
        hand_over(tx, &meter, (&next, None), (from, wanted.now)).await?;
    }
    Ok((meter, true))
}

/// Lets a meter belong to its account's next address from `from` on, and tells of it. The meter as
/// it is told of from now on: its key stays in the same hands, so it is not one that was given up.
pub(super) async fn hand_over(
    tx: &mut Tx,
    meter: &Meter,
    (signers, given): (&Signers, Option<SignatureBytes>),
    (from, now): (Timestamp, Timestamp),
) -> Result<Meter> {
    let meter = Meter { version: meter.version + 1, ..meter.clone() };
    let Meter { meter: id, key, connection_point, version, .. } = meter;
    let enrolment = signers.sign(&Enrolled { meter: id, key, connection_point, version }, given)?;
    grid::put_version(tx, id, version).await?;
    addresses::put_handover(tx, id, from).await?;
    let event = MeterHandedOver { meter: id, connection_point, key, version, from, enrolment };
    bus::append(tx, &Envelope::of(&event, &cause_of(&meter), now)).await?;
    Ok(meter)
}

/// What names a meter's key among events. A version may come twice, with another key.
pub(super) fn cause_of(meter: &Meter) -> String {
    format!("{}/{}/{}", meter.meter, meter.version, meter.key)
}
