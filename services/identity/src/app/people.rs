//! Signing up, and seeing who takes part.

use ::db::Tx;
use access::{Action, Role};
use alloy_primitives::Address;
use anyhow::{Context, Result};
use events::Envelope;
use events::identity::{AccountOpened, Custody};
use ids::{AccountId, PartyId, Uuid};
use keys::SecretKey;
use serde::Deserialize;
use service::{Page, PageQuery, Principal, Problem};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::challenges::{Answer, answer};
use super::may;
use crate::Identity;
use crate::db::{Part, audit, people};
use crate::domain::audit::{Act, Outcome};
use crate::domain::passwords::check_password;
use crate::domain::people::{Account, Party, parse_email, parse_name, parse_pseudonym};
use vault::random;

/// Someone who signs up. Never printed: it holds a password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParty {
    /// The name, which staff and the party itself see.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// Where the party logs in; one party each.
    #[schema(example = "ada@example.org")]
    pub email: String,
    /// At least twelve characters. Not needed with a key of one's own.
    #[schema(example = "correct horse battery")]
    pub password: Option<String>,
    /// `consumer` or `prosumer`; another only when an admin asks.
    #[schema(value_type = String, example = "prosumer")]
    pub role: Role,
    /// The name that others see; made up when absent.
    pub pseudonym: Option<String>,
    /// The party's own key; without it one is made and held.
    pub own_key: Option<KeyProof>,
}

/// The answer to a challenge.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyProof {
    /// The address of the key, or of the contract account.
    #[schema(value_type = String)]
    pub address: Address,
    /// The challenge.
    pub nonce: String,
    /// The signature of its message (`personal_sign`): of the key, or at most 1024 bytes that the
    /// contract takes (ERC-1271).
    pub signature: String,
}

/// What is needed to open an account besides the party.
struct Opening {
    account: AccountId,
    pseudonym: Option<String>,
    key: OpeningKey,
}

enum OpeningKey {
    Held { address: Address, wrapped: Vec<u8> },
    Own { address: Address, proof: Answer },
}

impl Identity {
    /// Makes a party, and for a consumer or prosumer its account.
    ///
    /// Refused with `EMAIL_TAKEN`, `PSEUDONYM_TAKEN`, `ADDRESS_TAKEN`, `PROOF`, `PASSWORD`, `EMAIL`
    /// and `NAME`; other roles are for `by` an admin alone.
    pub async fn sign_up(&self, new: NewParty, by: Option<&Principal>) -> Result<Party, Problem> {
        let trades = matches!(new.role, Role::Consumer | Role::Prosumer);
        if !trades {
            let by = by.ok_or_else(|| Problem::unauthenticated("staff is added by an admin"))?;
            let about = format!("party {}", new.role.name());
            self.require(by, Action::ManageParties, self.community_thing(), &about).await?;
        }
        if !trades && (new.own_key.is_some() || new.pseudonym.is_some()) {
            return Err(Problem::malformed("staff has no account"));
        }
        let party = self.new_party(&new)?;
        let password_hash = self.password_hash(&new).await?;
        let opening = if trades { Some(self.opening(&new).await?) } else { None };
        let admin = by.filter(|by| may(by, Action::ManageParties, self.community_thing()));
        let act = admin.map(|admin| {
            let (by, about) = (admin.party.to_string(), party.party.to_string());
            self.act(&by, Action::ManageParties.name(), &about, Outcome::Done)
        });
        self.take_in(party, password_hash, opening, act).await
    }

    /// The admin who logs in with `email`; made when there is none. The password of one who is
    /// there stays what it is.
    pub async fn ensure_admin(&self, email: &str, password: &str) -> Result<Principal, Problem> {
        let new = NewParty {
            name: "Administrator".to_owned(),
            email: email.to_owned(),
            password: Some(password.to_owned()),
            role: Role::Admin,
            pseudonym: None,
            own_key: None,
        };
        let party = self.new_party(&new)?;
        let present = {
            let mut conn = self.db.read().acquire().await.context("looking for the admin")?;
            people::credentials(&mut conn, &party.email).await?
        };
        if let Some(present) = present {
            let present = self.party(present.party).await?;
            let admin = present.roles.contains(&Role::Admin);
            let title = "This e-mail address is of someone who is no admin";
            return admin
                .then(|| principal_of(&present))
                .ok_or_else(|| Problem::refused("EMAIL_TAKEN", title));
        }
        let hash = self.password_hash(&new).await?;
        let about = party.party.to_string();
        let act = self.act("system", Action::ManageParties.name(), &about, Outcome::Done);
        Ok(principal_of(&self.take_in(party, hash, None, Some(act)).await?))
    }

    /// The party of `who`.
    pub async fn me(&self, who: &Principal) -> Result<Party, Problem> {
        self.party(who.party).await
    }

    /// The parties that `who` may see: staff everyone, others themselves.
    pub async fn parties(
        &self,
        who: &Principal,
        query: &PageQuery,
    ) -> Result<Page<Party>, Problem> {
        let own = self.scope(who, Action::ReadParties, Some(who.party)).await?;
        let mut conn = self.db.read().acquire().await.context("listing parties")?;
        Ok(people::parties(&mut conn, (self.community, own), self.clock.now(), Part::of(query)?)
            .await?)
    }

    pub(super) async fn party(&self, id: PartyId) -> Result<Party, Problem> {
        let mut conn = self.db.read().acquire().await.context("loading a party")?;
        let party = people::party(&mut conn, id, self.clock.now()).await?;
        party.ok_or_else(|| Problem::not_found("party"))
    }

    fn new_party(&self, new: &NewParty) -> Result<Party, Problem> {
        Ok(Party {
            party: PartyId::from_uuid(Uuid::now_v7()),
            name: parse_name(&new.name)?,
            email: parse_email(&new.email)?,
            roles: vec![new.role],
            community: self.community,
            account: None,
            since: self.clock.now(),
        })
    }

    async fn password_hash(&self, new: &NewParty) -> Result<Option<String>, Problem> {
        match &new.password {
            Some(password) => {
                check_password(password)?;
                Ok(Some(self.passwords.hash(Zeroizing::new(password.clone())).await?))
            }
            None if new.own_key.is_some() => Ok(None),
            None => Err(Problem::refused("PASSWORD", "A password or a key is needed")),
        }
    }

    async fn opening(&self, new: &NewParty) -> Result<Opening, Problem> {
        let account = AccountId::from_uuid(Uuid::now_v7());
        let pseudonym = new.pseudonym.as_deref().map(parse_pseudonym).transpose()?;
        let key = match &new.own_key {
            Some(KeyProof { address, nonce, signature }) => OpeningKey::Own {
                address: *address,
                proof: self.answer_of(nonce.clone(), None, signature).await?,
            },
            None => {
                let (address, wrapped) = self.wrapped_key(account);
                OpeningKey::Held { address, wrapped }
            }
        };
        Ok(Opening { account, pseudonym, key })
    }

    /// A new key for `account`, wrapped, and its address.
    pub(super) fn wrapped_key(&self, account: AccountId) -> (Address, Vec<u8>) {
        let secret = new_key();
        let bytes = Zeroizing::new(secret.to_bytes());
        (secret.address(), self.master_key.wrap(&purpose(account), &*bytes))
    }

    async fn take_in(
        &self,
        party: Party,
        password_hash: Option<String>,
        opening: Option<Opening>,
        act: Option<Act>,
    ) -> Result<Party, Problem> {
        let taken_in = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let mut party = party;
                    if !people::insert_party(tx, &party, password_hash).await? {
                        let title = "This e-mail address is taken";
                        return Err(Problem::refused("EMAIL_TAKEN", title).into());
                    }
                    if let Some(opening) = opening {
                        party.account = Some(open(tx, &party, opening).await?);
                    }
                    if let Some(act) = act {
                        audit::append(tx, act).await?;
                    }
                    anyhow::Ok(party)
                })
            })
            .await?;
        Ok(taken_in)
    }
}

/// Opens the account of `party` and tells of it.
async fn open(tx: &mut Tx, party: &Party, opening: Opening) -> Result<Account> {
    let (address, wrapped) = match opening.key {
        OpeningKey::Held { address, wrapped } => (address, Some(wrapped)),
        OpeningKey::Own { address, proof } => {
            let proved = answer(tx, proof).await??;
            if proved != address {
                let title = "The challenge was for another address";
                return Err(Problem::refused("PROOF", title).into());
            }
            (proved, None)
        }
    };
    let account = Account {
        account: opening.account,
        pseudonym: opening.pseudonym.unwrap_or_else(|| made_up_name(opening.account)),
        address,
        custody: if wrapped.is_some() { Custody::Held } else { Custody::Own },
    };
    if !people::insert_account(tx, party, &account, wrapped).await? {
        let of_address = people::holder_of_address(tx.conn(), address).await?;
        return Err(match of_address {
            Some(_) => Problem::refused("ADDRESS_TAKEN", "This address has an account"),
            None => Problem::refused("PSEUDONYM_TAKEN", "This pseudonym is taken"),
        }
        .into());
    }
    let opened = AccountOpened {
        account: account.account,
        party: party.party,
        community: party.community,
        pseudonym: account.pseudonym.clone(),
        address,
        custody: account.custody,
    };
    let cause = account.account.to_string();
    bus::append(tx, &Envelope::of(&opened, &cause, party.since)).await?;
    Ok(account)
}

/// What wraps the key of an account is bound to.
pub(super) fn purpose(account: AccountId) -> String {
    format!("account:{account}")
}

/// Who `party` is to other services.
pub(super) fn principal_of(party: &Party) -> Principal {
    Principal {
        party: party.party,
        account: party.account.as_ref().map(|account| account.account),
        community: party.community,
        roles: party.roles.clone(),
    }
}

fn new_key() -> SecretKey {
    loop {
        // All but one in 2^128 bytes are a key.
        if let Ok(key) = SecretKey::from_bytes(&Zeroizing::new(random())) {
            return key;
        }
    }
}

/// A name that says nothing about the party.
fn made_up_name(account: AccountId) -> String {
    format!("Home {}", hex::encode(&Sha256::digest(account.uuid())[..4]))
}
