//! REST under `/v1`: one file per resource. Handlers parse, call, answer.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

mod contact;
mod deliveries;
mod webhooks;

use std::sync::Arc;

use access::{Action, Subject, Thing, permit};
use actix_web::web::Data;
use ids::AccountId;
use service::{Principal, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Notices;

/// The routes of notices. The host adds `Data<service::Verifier>` and the extractor limits.
pub fn routes(
    notices: Arc<Notices>,
) -> impl Fn(&mut ServiceConfig<'_>) + Clone + Send + Sync + 'static {
    let notices = Data::from(notices);
    move |config| {
        config
            .app_data(notices.clone())
            .service(webhooks::add_webhook)
            .service(webhooks::list_webhooks)
            .service(webhooks::get_webhook)
            .service(webhooks::change_webhook)
            .service(webhooks::remove_webhook)
            .service(webhooks::rotate_webhook_secret)
            .service(deliveries::test_webhook)
            .service(deliveries::list_deliveries)
            .service(deliveries::replay_deliveries)
            .service(contact::get_contact)
            .service(contact::set_contact)
            .service(contact::confirm_contact)
            .service(contact::forget_contact);
    }
}

/// Whether the caller may do `action` to what `owner` has, or to the community.
fn may(caller: &Principal, action: Action, owner: Option<AccountId>) -> bool {
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    permit(subject, action, Thing { owner, community })
}

/// Refuses a caller who may not do `action` to what `owner` has, or to the community.
fn require(caller: &Principal, action: Action, owner: Option<AccountId>) -> Result<(), Problem> {
    if may(caller, action, owner) { Ok(()) } else { Err(Problem::forbidden()) }
}
