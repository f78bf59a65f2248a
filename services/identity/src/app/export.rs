//! Taking a held key away.

use access::Action;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::Identity;
use crate::db::people;
use crate::domain::audit::Outcome;
use crate::domain::keystore::Keystore;
use crate::domain::passwords::check_password;

/// What the act is called in the audit log.
const EXPORT: &str = "export_key";
/// What a key is worth that the operator has known.
const NOTICE: &str = "The operator has held this key since the account was opened, has known it \
    all the time and goes on signing with it. What it signs proves nothing against the operator. \
    Whoever needs such a proof opens an account with a key of their own.";

/// The wish to take a held key away. Never printed: it holds secrets.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyExport {
    /// The password of the account, once more.
    pub password: String,
    /// What the keystore opens with: as long as a password, and not the password.
    pub passphrase: String,
}

/// A held key on its way to its owner. Never printed.
#[derive(Clone, Serialize, ToSchema)]
pub struct ExportedKey {
    /// The key, under the passphrase.
    pub keystore: Keystore,
    /// What the key is worth.
    pub notice: &'static str,
}

impl Identity {
    /// The held key of the caller's account, encrypted for another wallet. Identity keeps it and
    /// goes on signing.
    ///
    /// Refused with `PASSPHRASE`, with `WRONG_PASSWORD`, which counts as an attempt to log in, and
    /// with `OWN_KEY` where there is none to export. Every key that leaves is recorded.
    pub async fn export_key(
        &self,
        who: &Principal,
        wish: KeyExport,
    ) -> Result<ExportedKey, Problem> {
        let by = who.party.to_string();
        let thing = who.account.map_or(self.community_thing(), |account| self.thing_of(account));
        let about = who.account.map_or_else(String::new, |account| account.to_string());
        self.require_as(who, Action::SignOrder, thing, EXPORT, &about).await?;
        let account = who.own_account()?;
        let KeyExport { password, passphrase } = wish;
        let (password, passphrase) = (Zeroizing::new(password), Zeroizing::new(passphrase));
        if check_password(&passphrase).is_err() || *passphrase == *password {
            let title = "The passphrase must be as long as a password, and not the password";
            return Err(Problem::refused("PASSPHRASE", title));
        }
        let email = self.party(who.party).await?.email;
        if self.party_with(&email, password).await? != Some(who.party) {
            self.record(self.act(&by, EXPORT, &about, Outcome::Denied)).await?;
            return Err(Problem::refused("WRONG_PASSWORD", "The password is wrong"));
        }
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder(&mut conn, account, self.clock.now()).await?;
        drop(conn);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        let key = self.held_key(&holder)?.ok_or_else(|| {
            Problem::refused("OWN_KEY", "Only the account's owner has its key: it is not here")
        })?;
        let keystore = self.keystores.seal(key, passphrase).await?;
        // Before it is handed out, so that no key leaves without a record.
        self.record(self.act(&by, EXPORT, &about, Outcome::Done)).await?;
        Ok(ExportedKey { keystore, notice: NOTICE })
    }
}
