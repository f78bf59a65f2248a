//! What is written to people, in their language.

use anyhow::Result;
use calendar::{LocalDay, Timestamp};
use documents::Locale;
use events::Envelope;
use events::billing::{InvoiceDisputed, InvoiceIssued, InvoiceReminded, PrepaidChanged};
use events::identity::ApprovalRequested;
use ids::{AccountId, CommunityId, InvoiceId};
use serde::{Deserialize, Serialize};
use units::Money;
use utoipa::ToSchema;

/// What a person wants to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LetterKind {
    /// A bill was issued; it is attached.
    Bill,
    /// A bill is not paid, or what was paid before it is used runs out.
    Reminder,
    /// A dispute about a bill was decided.
    Dispute,
    /// A signature waits for a second person. For staff.
    Approval,
}

/// Who is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// Whose account it is.
    Account(AccountId),
    /// Staff of a community.
    Staff(CommunityId),
}

/// A letter that is not in words yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) kind: LetterKind,
    pub(crate) to: Addressee,
    /// The bill that is attached.
    pub(crate) attached: Option<InvoiceId>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Bill { number: String, days: (LocalDay, LocalDay), total: Money },
    Reminder(Reminder),
    Prepaid(PrepaidChanged),
    Dispute { upheld: bool },
    Approval { until: Timestamp },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reminder {
    number: String,
    left: Money,
    due_on: LocalDay,
    /// What it adds to what is owed.
    fee: Option<Money>,
    /// Where more follows than words.
    also: Option<&'static str>,
}

/// What bills are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217.
    pub code: String,
    /// Digits after the decimal point.
    pub digits: u8,
}

/// Words of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// What is written of an event, if anything.
///
/// # Errors
/// When the event is not what its subject promises.
pub(crate) fn letter(envelope: &Envelope) -> Result<Option<Letter>> {
    if let Some(event) = envelope.open::<InvoiceIssued>()? {
        let (days, total) = ((event.from, event.to), event.total);
        return Ok(Some(Letter {
            kind: LetterKind::Bill,
            to: Addressee::Account(event.account),
            attached: Some(event.invoice),
            content: Content::Bill { number: event.number, days, total },
        }));
    }
    if let Some(event) = envelope.open::<InvoiceReminded>()? {
        let InvoiceReminded { number, account, left, due_on, invoice, action, fee, .. } = event;
        let also = match action.as_deref() {
            Some("suspend_trading") => Some("mail.reminder.suspend_trading"),
            Some("hand_over") => Some("mail.reminder.hand_over"),
            _ => None,
        };
        return Ok(Some(Letter {
            kind: LetterKind::Reminder,
            to: Addressee::Account(account),
            attached: Some(invoice),
            content: Content::Reminder(Reminder { number, left, due_on, fee, also }),
        }));
    }
    if let Some(event) = envelope.open::<PrepaidChanged>()? {
        return Ok(Some(Letter {
            kind: LetterKind::Reminder,
            to: Addressee::Account(event.account),
            attached: None,
            content: Content::Prepaid(event),
        }));
    }
    if let Some(event) = envelope.open::<InvoiceDisputed>()? {
        let upheld = match event.state.as_str() {
            "upheld" => true,
            "rejected" => false,
            // Opened or withdrawn by whom it would be written to.
            _ => return Ok(None),
        };
        return Ok(Some(Letter {
            kind: LetterKind::Dispute,
            to: Addressee::Account(event.account),
            attached: None,
            content: Content::Dispute { upheld },
        }));
    }
    Ok(envelope.open::<ApprovalRequested>()?.map(|event| Letter {
        kind: LetterKind::Approval,
        to: Addressee::Staff(event.community),
        attached: None,
        content: Content::Approval { until: event.expires_at },
    }))
}

impl Letter {
    /// The letter in the words of a language.
    pub(crate) fn words(&self, locale: &Locale, currency: &Currency) -> Words {
        let money = |amount: Money| locale.money(amount, &currency.code, currency.digits);
        let (subject, text) = match &self.content {
            Content::Bill { number, days: (from, to), total } => {
                let number = ("number", number.as_str());
                let (from, to) = (locale.day(*from), locale.day(*to));
                let amount = money(*total);
                let values = [
                    number,
                    ("from", from.as_str()),
                    ("to", to.as_str()),
                    ("amount", amount.as_str()),
                ];
                (locale.filled("mail.bill.subject", &[number]), locale.filled("mail.bill", &values))
            }
            Content::Reminder(of) => of.words(locale, &money),
            Content::Prepaid(of) => prepaid(of, locale, &money),
            Content::Dispute { upheld } => {
                let text = if *upheld { "mail.dispute.upheld" } else { "mail.dispute.rejected" };
                (locale.text("mail.dispute.subject").to_owned(), locale.text(text).to_owned())
            }
            Content::Approval { until } => {
                let time = until.to_string();
                (
                    locale.text("mail.approval.subject").to_owned(),
                    locale.filled("mail.approval", &[("time", time.as_str())]),
                )
            }
        };
        Words { subject, text: format!("{text}\n\n{}\n", locale.text("mail.end")) }
    }
}

impl Reminder {
    fn words(&self, locale: &Locale, money: &impl Fn(Money) -> String) -> (String, String) {
        let number = ("number", self.number.as_str());
        let (amount, day) = (money(self.left), locale.day(self.due_on));
        let values = [number, ("amount", amount.as_str()), ("day", day.as_str())];
        let mut text = locale.filled("mail.reminder", &values);
        if let Some(fee) = self.fee.map(money) {
            text += &format!(" {}", locale.filled("mail.reminder.fee", &[("fee", fee.as_str())]));
        }
        if let Some(also) = self.also {
            text += &format!(" {}", locale.text(also));
        }
        (locale.filled("mail.reminder.subject", &[number]), text)
    }
}

/// How an account stands that pays before it uses.
fn prepaid(
    of: &PrepaidChanged,
    locale: &Locale,
    money: &impl Fn(Money) -> String,
) -> (String, String) {
    let (amount, used) = (money(of.balance), money(of.use_per_day));
    let time = of.suspension_from.map(|from| from.to_string()).unwrap_or_default();
    let amount = ("amount", amount.as_str());
    let values = [amount, ("use", used.as_str()), ("time", time.as_str())];
    let text = match of.state.as_str() {
        "suspended" => "mail.prepaid.suspended",
        "ended" => "mail.prepaid.ended",
        _ if of.suspension_from.is_some() => "mail.prepaid.notice",
        "low" => "mail.prepaid.low",
        "emergency" => "mail.prepaid.emergency",
        _ => "mail.prepaid.active",
    };
    (locale.filled("mail.prepaid.subject", &[amount]), locale.filled(text, &values))
}

/// The letter with which an address is confirmed.
pub(crate) fn code_words(locale: &Locale, code: &str, minutes: i64) -> Words {
    let minutes = minutes.to_string();
    let text = locale.filled("mail.code", &[("code", code), ("minutes", minutes.as_str())]);
    Words { subject: locale.text("mail.code.subject").to_owned(), text: format!("{text}\n") }
}
