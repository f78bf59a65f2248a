//! The next address of an account: from a local midnight on it settles there.
//!
//! ```text
//! own key  ── both addresses sign the succession ──┐
//! held key ── the owner's password, the new key signs ┤  one transaction: the row, the meters,
//! job      ── a key is made and wrapped ──────────────┘  AddressAssigned, MeterHandedOver each
//! ```
//!
//! Orders for slots from then on are signed by the next address. What is left at the one before is
//! moved by who has its key.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use ::db::Tx;
use access::Action;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::{TimeZone, Timestamp};
use contracts::requests::succession;
use events::Envelope;
use events::identity::{AddressAssigned, Custody};
use ids::{AccountId, CommunityId, MeterId};
use keys::SignatureBytes;
use serde::Deserialize;
use service::{Principal, Problem};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::meters::{Enrolled, Signers, hand_over};
use crate::Identity;
use crate::db::addresses::{self, NewSpan};
use crate::db::people::Holder;
use crate::db::{audit, grid, people};
use crate::domain::addresses::{AccountAddress, Rotation, check_from, lead, month_due};
use crate::domain::audit::{Act, Outcome};
use crate::domain::grid::Meter;

/// Accounts that a call of the job gives an address at most; the next call goes on.
const ROTATED_MAX: i64 = 50;
/// Seconds between two looks of the job.
const LOOK_SECONDS: i64 = 3600;
/// The most meters of an account that go to its next address.
const METERS_MAX: u32 = 100;
/// What the job's act is called in the audit log.
const ROTATE: &str = "rotate_address";

/// An address that an account is to settle at. Never printed: it may hold a password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// The address, whose key the owner has, or a contract that takes signatures (ERC-1271).
    #[schema(value_type = String)]
    pub address: Address,
    /// Start of the first slot that settles at it: a local midnight, at most a hundred days ahead
    /// and twelve hours more than orders may be placed ahead.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// By the address: EIP-712 `Succession(address account,address successor,uint64 from)` in the
    /// domain `Wattex Identity`, version 1, of the chain and the market's contract.
    pub signature: String,
    /// The same by the address before, where its owner alone has the key.
    pub former_signature: Option<String>,
    /// The account's password, once more, where the key of the address before is held here.
    pub password: Option<String>,
    /// By the address, for each meter that the account has: EIP-712 `Enrolment` of the registry,
    /// with the next version and the key that the meter has.
    #[serde(default)]
    pub enrolments: Vec<OwnedMeter>,
}

/// A meter that goes to the next address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnedMeter {
    /// The meter.
    #[schema(value_type = String, format = "uuid")]
    pub meter: MeterId,
    /// The next address's signature of its enrolment.
    pub owner_signature: String,
}

/// An account that is about to settle elsewhere, and all that was checked before.
struct Successor {
    span: NewSpan,
    community: CommunityId,
    /// The address before, which must still be the newest.
    former: Address,
    meters: Vec<Handover>,
    act: Act,
    now: Timestamp,
}

/// A meter as it was signed for.
struct Handover {
    meter: Meter,
    signers: Signers,
    given: Option<SignatureBytes>,
}

impl Identity {
    /// The addresses of an account, oldest first. For whose it is, and for staff.
    pub async fn addresses(
        &self,
        who: &Principal,
        account: AccountId,
    ) -> Result<Vec<AccountAddress>, Problem> {
        let about = account.to_string();
        self.require(who, Action::ReadAccount, self.thing_of(account), &about).await?;
        self.holder_now(account).await?;
        let mut conn = self.db.read().acquire().await.context("listing addresses")?;
        Ok(addresses::of_account(&mut conn, account).await?)
    }

    /// Has an account settle at an address of its owner's own from a midnight on; its meters go
    /// there too. The same again is answered as before.
    ///
    /// Refused with 403 for another's account, `FROM` for a moment that is none of these,
    /// `SUCCESSOR_WAITS` while another next address waits, `ADDRESS_TAKEN` where somebody has or
    /// had it, `SIGNATURE` where an address did not sign, `WRONG_PASSWORD`, `METERS` where not each
    /// meter of the account is signed for, `ROTATING` before a meter's next key is in force, and
    /// `NO_CONNECTION_POINT` for an account that has none, whose days are nobody's.
    pub async fn assign_address(
        &self,
        who: &Principal,
        account: AccountId,
        new: NewAddress,
    ) -> Result<AccountAddress, Problem> {
        let (action, about, now) = (Action::ChangeAddress, account.to_string(), self.clock.now());
        self.require(who, action, self.thing_of(account), &about).await?;
        let former = self.holder_now(account).await?;
        if let Some(known) = self.known(account, &new, now).await? {
            return Ok(known);
        }
        let days = (&self.timezone_of(account).await?, self.settings.slot);
        check_from(new.from, days, (now, self.lead()))?;
        self.check_succession(who, &former, &new).await?;
        let meters = self.handovers(account, &new).await?;
        let by = who.party.to_string();
        let (address, from) = (new.address, new.from);
        let successor = Successor {
            span: NewSpan { account, address, from, wrapped_key: None },
            community: former.community,
            former: former.address,
            meters,
            act: self.act(&by, action.name(), &about, Outcome::Done),
            now,
        };
        self.succeed(successor).await?;
        Ok(AccountAddress { address, from: Some(from), until: None, custody: Custody::Own })
    }

    /// Makes the keys of the next month for some accounts whose key is held, those after the ones
    /// of the call before; whether there was any. Each is a transaction of its own, so that a crash
    /// leaves the others for the next look.
    pub async fn rotate_due(&self, now: Timestamp) -> Result<bool> {
        let due = self.rotates_at.load(Ordering::Relaxed);
        if self.settings.rotation == Rotation::Fixed || now.seconds() < due {
            return Ok(false);
        }
        let after = self.rotates_after.lock().expect("nobody panics in it").clone();
        let mut conn = self.db.read().acquire().await.context("looking for accounts")?;
        let part = (after.as_str(), ROTATED_MAX);
        let accounts = addresses::in_force(&mut conn, self.community, now, part).await?;
        drop(conn);
        let all = i64::try_from(accounts.len())? < ROTATED_MAX;
        let last = accounts.last().filter(|_| !all).map(|(last, _)| last.to_string());
        let mut any = false;
        for (account, zone) in accounts {
            let zone = self.settings.timezone.as_ref().unwrap_or(&zone);
            let days = (zone, self.settings.slot);
            let Some(from) = month_due(days, now, self.lead()) else { continue };
            match self.rotate(account, from, now).await {
                Ok(()) => any = true,
                // One account's trouble is not the others'.
                Err(error) => tracing::error!(%account, %error, "no next address"),
            }
        }
        *self.rotates_after.lock().expect("nobody panics in it") = last.unwrap_or_default();
        if all {
            self.rotates_at.store(now.plus_seconds(LOOK_SECONDS).seconds(), Ordering::Relaxed);
        }
        Ok(any)
    }

    async fn rotate(
        &self,
        account: AccountId,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let former = self.holder_now(account).await?;
        let (address, wrapped) = self.wrapped_key(account);
        let key = self.unwrapped(account, address, &wrapped)?;
        let meters = self.meters_of(account).await?.into_iter().map(|meter| {
            let signers = self.signers_of(address, Some(key.clone()));
            Handover { meter, signers, given: None }
        });
        let successor = Successor {
            span: NewSpan { account, address, from, wrapped_key: Some(wrapped) },
            community: former.community,
            former: former.address,
            meters: meters.collect(),
            act: self.act("system", ROTATE, &account.to_string(), Outcome::Done),
            now,
        };
        self.succeed(successor).await
    }

    async fn succeed(&self, successor: Successor) -> Result<(), Problem> {
        let succeeded =
            self.db.transact(move |tx| Box::pin(async move { succeed(tx, successor).await }));
        Ok(succeeded.await?)
    }

    /// The account at the address that is in force now.
    pub(super) async fn holder_now(&self, account: AccountId) -> Result<Holder, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder(&mut conn, account, self.clock.now()).await?;
        let holder = holder.filter(|holder| holder.community == self.community);
        holder.ok_or_else(|| Problem::not_found("account"))
    }

    /// The answer to what was asked for before; refused where another next address waits.
    async fn known(
        &self,
        account: AccountId,
        new: &NewAddress,
        now: Timestamp,
    ) -> Result<Option<AccountAddress>, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an address")?;
        let Some(waiting) = addresses::waiting(&mut conn, account, now).await? else {
            return Ok(None);
        };
        let same = (waiting.address, waiting.from) == (new.address, new.from);
        if !same || waiting.wrapped_key.is_some() {
            let title = "The account has a next address already";
            return Err(Problem::refused("SUCCESSOR_WAITS", title));
        }
        let (address, from) = (waiting.address, Some(waiting.from));
        Ok(Some(AccountAddress { address, from, until: None, custody: Custody::Own }))
    }

    pub(super) fn lead(&self) -> i64 {
        lead(self.settings.horizon_seconds)
    }

    pub(super) async fn timezone_of(&self, account: AccountId) -> Result<TimeZone, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for a time zone")?;
        let at_point = addresses::timezone(&mut conn, account).await?;
        let zone = at_point.map(|zone| self.settings.timezone.clone().unwrap_or(zone));
        zone.ok_or_else(|| {
            let title = "The account has no connection point yet: no day is billed to it";
            Problem::refused("NO_CONNECTION_POINT", title)
        })
    }

    /// Both addresses want it; for one whose key is held here its owner says so with the password.
    async fn check_succession(
        &self,
        who: &Principal,
        former: &Holder,
        new: &NewAddress,
    ) -> Result<(), Problem> {
        let Identity { place, .. } = self;
        let of = (former.address, new.address);
        let hash = succession(place.chain_id, place.at.market, of, new.from.unsigned());
        self.check_signed("signature", new.address, hash, &new.signature).await?;
        if former.wrapped_key.is_none() {
            let signature = new.former_signature.as_deref().unwrap_or_default();
            return self.check_signed("former_signature", former.address, hash, signature).await;
        }
        let password = Zeroizing::new(new.password.clone().unwrap_or_default());
        let email = self.party(who.party).await?.email;
        if self.party_with(&email, password).await? != Some(who.party) {
            let (by, about) = (who.party.to_string(), former.account.to_string());
            let action = Action::ChangeAddress.name();
            self.record(self.act(&by, action, &about, Outcome::Denied)).await?;
            return Err(Problem::refused("WRONG_PASSWORD", "The password is wrong"));
        }
        Ok(())
    }

    async fn check_signed(
        &self,
        field: &str,
        address: Address,
        hash: B256,
        signature: &str,
    ) -> Result<(), Problem> {
        let refused = || {
            let title = format!("{field} is not that of {address} over {hash}");
            Problem::refused("SIGNATURE", title)
        };
        let signature: SignatureBytes = signature.parse().map_err(|_| refused())?;
        let signed = signature.by_key(hash, address).is_some()
            || self.is_taken_by(address, hash, &signature).await?;
        signed.then_some(()).ok_or_else(refused)
    }

    /// The meters of an account that measure.
    pub(super) async fn meters_of(&self, account: AccountId) -> Result<Vec<Meter>, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for meters")?;
        Ok(grid::working_meters(&mut conn, account, METERS_MAX).await?)
    }

    /// What the next address has signed of the account's meters, each of them.
    async fn handovers(
        &self,
        account: AccountId,
        new: &NewAddress,
    ) -> Result<Vec<Handover>, Problem> {
        let given = new.enrolments.iter().map(|one| (one.meter, one.owner_signature.as_str()));
        let mut given: BTreeMap<MeterId, &str> = given.collect();
        let mut handovers = Vec::new();
        for meter in self.meters_of(account).await? {
            let signers = self.signers_of(new.address, None);
            let Meter { meter: id, key, connection_point, version, .. } = meter;
            let version = version + 1;
            let enrolled = Enrolled { meter: id, key, connection_point, version };
            let hash = signers.hash(&enrolled);
            let missing = || {
                let title = "Each meter of the account goes to its next address";
                let detail =
                    format!("{} signs {hash} (meter {id}, version {version})", new.address);
                Problem::refused("METERS", title).with_detail(detail)
            };
            let signature = given.remove(&id).ok_or_else(missing)?;
            self.check_signed("owner_signature", new.address, hash, signature).await?;
            let signature: SignatureBytes = signature.parse().map_err(|_| missing())?;
            let signers = signers.with_contract(Some(hash));
            handovers.push(Handover { meter, signers, given: Some(signature) });
        }
        if !given.is_empty() {
            return Err(Problem::refused("METERS", "A meter is named that is not the account's"));
        }
        Ok(handovers)
    }
}

/// The row, the meters and what is told of them: all or nothing.
async fn succeed(tx: &mut Tx, successor: Successor) -> Result<()> {
    let Successor { span, community, former, meters, act, now } = successor;
    let changed = || Problem::conflict("the account has changed meanwhile: try again");
    let newest = addresses::of_account(tx.conn(), span.account).await?.pop();
    if newest.is_none_or(|newest| newest.address != former) {
        return Err(changed().into());
    }
    let measuring = grid::working_meters(tx.conn(), span.account, METERS_MAX).await?;
    if !measuring.iter().eq(meters.iter().map(|handover| &handover.meter)) {
        return Err(changed().into());
    }
    // What both sign is the next number: the registry is to know of the key before.
    for Handover { meter, .. } in &meters {
        let former = grid::former_keys(tx, meter.meter).await?;
        if former.iter().any(|(_, ended_at)| *ended_at > now) {
            let title = "A meter of the account is about to have its next key: wait until then";
            return Err(Problem::refused("ROTATING", title).into());
        }
    }
    if !addresses::assign(tx, &span).await? {
        return Err(Problem::refused("ADDRESS_TAKEN", "This address has an account").into());
    }
    let NewSpan { account, address, from, wrapped_key } = span;
    let custody = if wrapped_key.is_some() { Custody::Held } else { Custody::Own };
    let assigned = AddressAssigned { account, community, address, from, custody };
    let cause = format!("{account}/{}", from.seconds());
    bus::append(tx, &Envelope::of(&assigned, &cause, now)).await?;
    for Handover { meter, signers, given } in meters {
        hand_over(tx, &meter, (&signers, given), (from, now)).await?;
    }
    audit::append(tx, act).await
}
