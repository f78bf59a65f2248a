//! Where people are written to.

use access::Action;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, post, put};
use documents::LANGUAGES;
use lettre::Address;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::deliveries::DeliveryState;
use super::{may, require};
use crate::Notices;
use crate::db::contacts::{self, Code, Contact};
use crate::db::letters;
use crate::domain::letter::LetterKind;

/// The longest address, in bytes (RFC 5321).
const ADDRESS_LEN_MAX: usize = 254;
/// Letters that are shown.
const SHOWN_MAX: i64 = 20;

/// Where and of what the caller wants to be written to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactWish {
    /// An address of e-mail.
    #[schema(example = "heron@example.org")]
    address: String,
    /// `en`, `en-IN`, `de`, `fr`, `nl` or `hi-Latn`; `en` when absent.
    language: Option<String>,
    /// Of what; `approval` is for staff.
    wants: Vec<LetterKind>,
}

/// The code that was sent to the address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// Eight digits.
    code: String,
}

/// Where the caller is written to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ContactView {
    /// The address.
    pub(crate) address: String,
    /// The language.
    pub(crate) language: String,
    /// Of what.
    pub(crate) wants: Vec<LetterKind>,
    /// Whether the address is confirmed; nothing is sent before.
    pub(crate) confirmed: bool,
    /// The last letters, newest first: at most 20.
    pub(crate) letters: Vec<LetterView>,
}

/// A letter to the caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LetterView {
    /// Its subject.
    pub(crate) subject: String,
    /// When what it tells became true.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// How far it is.
    pub(crate) state: DeliveryState,
    /// Why it was not taken, as far as the mail server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Where the caller is written to; `null` where that was not said.
#[utoipa::path(
    tag = "notices",
    responses((status = 200, body = Option<ContactView>), Problems)
)]
#[get("/v1/contact")]
pub(crate) async fn get_contact(
    notices: Data<Notices>,
    caller: Principal,
) -> Result<Json<Option<ContactView>>, Problem> {
    allowed(&caller)?;
    Ok(Json(match contacts::find(&notices.db, caller.party).await?.filter(Contact::is_kept) {
        Some(contact) => Some(view(&notices, contact).await?),
        None => None,
    }))
}

/// Says where and of what the caller wants to be written to.
///
/// A code is sent to an address that is not confirmed; nothing else is before it was entered.
/// Refused with `MAIL_OFF` and `CODES`.
#[utoipa::path(
    tag = "notices",
    request_body = ContactWish,
    responses((status = 200, body = ContactView), Problems)
)]
#[put("/v1/contact")]
pub(crate) async fn set_contact(
    notices: Data<Notices>,
    caller: Principal,
    Json(wish): Json<ContactWish>,
) -> Result<Json<ContactView>, Problem> {
    let staff = allowed(&caller)?;
    let ContactWish { address, language, mut wants } = wish;
    let language = language.unwrap_or_else(|| LANGUAGES[0].to_owned());
    if !LANGUAGES.contains(&language.as_str()) {
        let known = LANGUAGES.join(", ");
        return Err(Problem::malformed(format!("language: {language:?} is none of {known}")));
    }
    if address.len() > ADDRESS_LEN_MAX || address.parse::<Address>().is_err() {
        return Err(Problem::malformed("address: an address of e-mail"));
    }
    wants.sort_unstable();
    wants.dedup();
    if wants.contains(&LetterKind::Approval) && !staff {
        return Err(Problem::forbidden());
    }
    let wanted = Contact {
        party: caller.party,
        account: caller.account,
        community: caller.community,
        staff,
        address,
        language,
        wants,
        confirmed: false,
        code: Code::default(),
    };
    let contact = notices.set_contact(wanted, notices.now()).await?;
    Ok(Json(view(&notices, contact).await?))
}

/// Confirms the caller's address by the code that was sent there.
///
/// Refused with `CODE` where it is wrong, older than thirty minutes, or after five wrong ones.
#[utoipa::path(
    tag = "notices",
    request_body = Confirmation,
    responses((status = 200, body = ContactView), Problems)
)]
#[post("/v1/contact/confirmation")]
pub(crate) async fn confirm_contact(
    notices: Data<Notices>,
    caller: Principal,
    Json(entered): Json<Confirmation>,
) -> Result<Json<ContactView>, Problem> {
    allowed(&caller)?;
    let contact = notices.confirm(caller.party, entered.code, notices.now()).await?;
    Ok(Json(view(&notices, contact).await?))
}

/// Forgets where the caller is written to, and the letters there.
#[utoipa::path(tag = "notices", responses((status = 204), Problems))]
#[delete("/v1/contact")]
pub(crate) async fn forget_contact(
    notices: Data<Notices>,
    caller: Principal,
) -> Result<HttpResponse, Problem> {
    allowed(&caller)?;
    notices.forget_contact(caller.party).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whether the caller is staff; refuses who neither is nor has an account.
fn allowed(caller: &Principal) -> Result<bool, Problem> {
    let staff = may(caller, Action::ReadAccount, None);
    if !staff {
        require(caller, Action::SetContact, caller.account)?;
    }
    Ok(staff)
}

async fn view(notices: &Notices, contact: Contact) -> Result<ContactView, Problem> {
    let letters = letters::of(&notices.db, contact.party, SHOWN_MAX).await?.into_iter();
    Ok(ContactView {
        address: contact.address,
        language: contact.language,
        wants: contact.wants,
        confirmed: contact.confirmed,
        letters: letters
            .map(|letter| LetterView {
                subject: letter.subject,
                at: letter.at.to_string(),
                state: letter.status.into(),
                error: (!letter.error.is_empty()).then_some(letter.error),
            })
            .collect(),
    })
}
