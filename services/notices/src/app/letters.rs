//! Writes to people, once they have shown that they read where they want to be written to.

use anyhow::{Context, Result};
use calendar::Timestamp;
use documents::Locale;
use events::Envelope;
use futures::StreamExt;
use lettre::Address;
use service::Problem;
use vault::random;

use crate::Notices;
use crate::db::contacts::{self, Code, Contact};
use crate::db::deliveries::{Attempted, Status};
use crate::db::letters::{self, Waiting};
use crate::domain::letter::{Letter, code_words};
use crate::domain::retry::{ATTEMPTS_MAX, next};
use crate::smtp::{Enclosed, NotTaken, Postman};

/// Letters that are sent at the same time.
const AT_ONCE_MAX: usize = 4;
/// Letters of a round.
const LETTERS_PER_ROUND_MAX: i64 = 100;
/// The most letters that wait; what comes beyond is not written.
const WAITING_MAX: i64 = 50_000;
/// How long a letter is kept that was taken or given up, in seconds: thirty days.
const KEPT_SECONDS: i64 = 30 * 24 * 3600;
/// How long a code is good, in minutes.
pub(crate) const CODE_MINUTES: i64 = 30;
/// Digits of a code.
const CODE_DIGITS: usize = 8;
/// Wrong codes that may be entered.
const CODE_MISSES_MAX: i64 = 5;
/// Seconds between two codes to somebody.
const CODE_PAUSE_SECONDS: i64 = 60;
/// Codes to somebody on a day: nobody is written to much who has not asked for it.
const CODES_PER_DAY_MAX: i64 = 10;
const SECONDS_PER_DAY: i64 = 86_400;

impl Notices {
    /// Keeps a letter for everybody whom it is to, and who wants it.
    pub(crate) async fn write(
        &self,
        tx: &mut ::db::Tx,
        envelope: &Envelope,
        letter: &Letter,
    ) -> Result<()> {
        for contact in contacts::of(tx, letter.to).await? {
            if !contact.wants.contains(&letter.kind) {
                continue;
            }
            if letters::waiting(tx).await? >= WAITING_MAX {
                tracing::error!("too many letters wait: one was not written");
                return Ok(());
            }
            let locale = Locale::named(&contact.language).context("a language that is built in")?;
            let words = letter.words(&locale, &self.currency);
            let event = envelope.id.to_string();
            let about = (letter.attached, envelope.occurred_at);
            letters::put(tx, (contact.party, event.as_str()), &words, about).await?;
        }
        Ok(())
    }

    /// Sends letters that are due at `now`; how many were taken.
    ///
    /// # Errors
    /// When the database fails; what the mail server answers is no error.
    pub async fn post_letters(&self, now: Timestamp) -> Result<u64> {
        self.forget_letters(now).await?;
        let Some(postman) = &self.postman else { return Ok(0) };
        let due = letters::due(&self.db, now, LETTERS_PER_ROUND_MAX).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let sending = due.into_iter().map(|letter| self.post_letter(postman, letter, now));
        let sent: Vec<Result<u64>> =
            futures::stream::iter(sending).buffer_unordered(AT_ONCE_MAX).collect().await;
        sent.into_iter().sum()
    }

    /// Forgets old letters, also those that nobody could send.
    async fn forget_letters(&self, now: Timestamp) -> Result<()> {
        if !self.forgets(crate::LETTERS, now) {
            return Ok(());
        }
        let old = now.plus_seconds(-KEPT_SECONDS);
        self.db.transact(move |tx| Box::pin(async move { letters::forget(tx, old).await })).await?;
        Ok(())
    }

    async fn post_letter(&self, postman: &Postman, letter: Waiting, now: Timestamp) -> Result<u64> {
        let outcome = self.hand_over(postman, &letter).await?;
        let attempts = letter.attempts + 1;
        let status = match &outcome {
            Ok(()) => Status::Delivered,
            Err(error) if error.for_good || attempts >= ATTEMPTS_MAX => Status::Failed,
            Err(_) => Status::Waiting,
        };
        let error = outcome.err().map_or(String::new(), |error| error.reason);
        if status == Status::Failed {
            tracing::warn!(party = %letter.party, error, "a letter was not taken");
        }
        let attempted = Attempted {
            status,
            attempts,
            not_before: next(now, attempts, None, u64::from_be_bytes(random())),
            answered: 0,
            error,
            ended: (status != Status::Waiting).then_some(now),
        };
        let place = letter.place;
        self.db
            .transact(move |tx| Box::pin(async move { letters::note(tx, place, &attempted).await }))
            .await?;
        Ok(u64::from(status == Status::Delivered))
    }

    /// What the mail server says to a letter.
    async fn hand_over(&self, postman: &Postman, letter: &Waiting) -> Result<Result<(), NotTaken>> {
        let contact = contacts::find(&self.db, letter.party).await?;
        let Some(contact) = contact.filter(|contact| contact.confirmed) else {
            let reason = "there is no confirmed address any more".to_owned();
            return Ok(Err(NotTaken { reason, for_good: true }));
        };
        let address: Address = contact.address.parse().context("a kept address")?;
        let enclosed = match letter.attached {
            None => None,
            Some(invoice) => match (self.papers)(invoice, contact.language).await {
                Ok(paper) => paper.map(|paper| Enclosed { name: paper.name, pdf: paper.pdf }),
                Err(error) => {
                    let reason = format!("no bill to attach: {error:#}");
                    return Ok(Err(NotTaken { reason, for_good: false }));
                }
            },
        };
        Ok(postman.send((&address, letter.event.as_str()), &letter.words, enclosed).await)
    }

    /// Keeps where and of what somebody wants to be written to, and sends a code there unless the
    /// address is confirmed already.
    ///
    /// # Errors
    /// A [`Problem`] `MAIL_OFF` where the operator has no mail server, `CODES` for too many codes,
    /// and where the server does not take the letter.
    pub(crate) async fn set_contact(&self, wanted: Contact, now: Timestamp) -> Result<Contact> {
        let postman = self
            .postman
            .as_ref()
            .ok_or_else(|| Problem::refused("MAIL_OFF", "The operator has set no mail server"))?;
        let before = contacts::find(&self.db, wanted.party).await?;
        let same = |before: &Contact| before.confirmed && before.address == wanted.address;
        if before.as_ref().is_some_and(same) {
            let code = before.map(|before| before.code).unwrap_or_default();
            return self.keep_contact(Contact { confirmed: true, code, ..wanted }).await;
        }
        let code = new_code();
        let counted = counted(before.map(|before| before.code).unwrap_or_default(), now)?;
        let wrapped = self.master_key.wrap(&format!("contact:{}", wanted.party), code.as_bytes());
        let kept = Contact {
            confirmed: false,
            code: Code { wrapped, sent: now.seconds(), misses: 0, ..counted },
            ..wanted
        };
        let address: Address = kept.address.parse().context("an address that was checked")?;
        let locale = Locale::named(&kept.language).context("a language that was checked")?;
        let contact = self.keep_contact(kept).await?;
        let id = ids::Uuid::new_v4().to_string();
        let words = code_words(&locale, &code, CODE_MINUTES);
        if let Err(error) = postman.send((&address, id.as_str()), &words, None).await {
            tracing::warn!(party = %contact.party, error = error.reason, "a code was not taken");
            let detail = "The mail server did not take the letter with the code";
            return Err(Problem::unavailable(detail).into());
        }
        Ok(contact)
    }

    async fn keep_contact(&self, contact: Contact) -> Result<Contact> {
        let kept = contact.clone();
        self.db.transact(move |tx| Box::pin(async move { contacts::put(tx, &kept).await })).await?;
        Ok(contact)
    }

    /// Confirms somebody's address by the code that was sent there.
    ///
    /// # Errors
    /// A [`Problem`] `CODE` for a wrong code, one that is over, or after too many wrong ones.
    pub(crate) async fn confirm(
        &self,
        party: ids::PartyId,
        entered: String,
        now: Timestamp,
    ) -> Result<Contact> {
        let key = self.master_key.clone();
        let confirmed = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = contacts::load(tx, party).await?.filter(Contact::is_kept);
                    let Some(mut contact) = kept else {
                        return Ok::<_, anyhow::Error>(None);
                    };
                    let over = contact.code.sent + CODE_MINUTES * 60 <= now.seconds()
                        || contact.code.misses >= CODE_MISSES_MAX
                        || contact.code.wrapped.is_empty();
                    if over {
                        return Ok(None);
                    }
                    let purpose = format!("contact:{party}");
                    let code = key.unwrap(&purpose, &contact.code.wrapped)?;
                    let right = *code == entered.as_bytes();
                    if right {
                        contact.confirmed = true;
                        contact.code.wrapped.clear();
                    } else {
                        contact.code.misses += 1;
                    }
                    contacts::put(tx, &contact).await?;
                    Ok(right.then_some(contact))
                })
            })
            .await?;
        let wrong = || Problem::refused("CODE", "The code is wrong or over: ask for another one");
        Ok(confirmed.ok_or_else(wrong)?)
    }

    /// Forgets where somebody is written to.
    pub(crate) async fn forget_contact(&self, party: ids::PartyId) -> Result<()> {
        self.db.transact(move |tx| Box::pin(async move { contacts::forget(tx, party).await })).await
    }
}

/// Digits that nobody guesses in [`CODE_MISSES_MAX`] attempts.
fn new_code() -> String {
    let number = u64::from_be_bytes(random()) % 10_u64.pow(8);
    format!("{number:0width$}", width = CODE_DIGITS)
}

/// One more code, if somebody may have it.
fn counted(code: Code, now: Timestamp) -> Result<Code, Problem> {
    let day = now.seconds().div_euclid(SECONDS_PER_DAY);
    let of_day = if code.day == day { code.of_day } else { 0 };
    if code.sent + CODE_PAUSE_SECONDS > now.seconds() || of_day >= CODES_PER_DAY_MAX {
        let title = "Too many codes: wait a minute, or until tomorrow";
        return Err(Problem::refused("CODES", title));
    }
    Ok(Code { day, of_day: of_day + 1, ..code })
}
