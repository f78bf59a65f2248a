//! REST under `/v1`: one file per resource. Handlers parse, call, answer.
#![allow(unused_qualifications, reason = "utoipa's macro repeats the types of a handler")]

mod band;
mod batch;
mod book;
mod commitments;
mod concentration;
mod consents;
mod limits;
mod live;
mod mechanisms;
mod memberships;
mod orders;
mod partitions;
mod relay;
mod reputation;
mod risk;
mod rules;
mod sealing;
mod settings;
mod slots;
mod stop;
mod surveillance;
mod trades;

use std::sync::Arc;

use access::{Action, Subject, Thing, permit};
use actix_web::http::StatusCode;
use actix_web::web::Data;
use calendar::{Slot, Timestamp};
use ids::{AccountId, ZoneId};
use service::{Principal, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::{Desk, Refused};
use crate::domain::Rejection;
use crate::market::Market;

/// The market's routes. The host adds `Data<service::Verifier>` and the extractor limits.
pub fn routes(
    market: Arc<Market>,
) -> impl Fn(&mut ServiceConfig<'_>) + Clone + Send + Sync + 'static {
    let market = Data::from(market);
    move |config| {
        config
            .app_data(market.clone())
            .service(orders::place_order)
            .service(batch::place_orders)
            .service(batch::cancel_orders)
            .service(orders::list_orders)
            .service(orders::get_order)
            .service(orders::cancel_order)
            .service(commitments::commit_order)
            .service(commitments::list_commitments)
            .service(commitments::withdraw_commitment)
            .service(commitments::open_commitment)
            .service(commitments::list_slot_commitments)
            .service(sealing::get_sealing)
            .service(sealing::choose_sealing)
            .service(book::get_book)
            .service(trades::list_trades)
            .service(slots::get_slot)
            .service(slots::get_journal)
            .service(live::get_depth)
            .service(live::list_struck)
            .service(band::get_price_band)
            .service(settings::get_market)
            .service(limits::suspend_trader)
            .service(limits::resume_trader)
            .service(limits::list_suspensions)
            .service(limits::curtail_zone)
            .service(limits::lift_curtailment)
            .service(limits::list_curtailments)
            .service(stop::stop_trading)
            .service(stop::start_trading)
            .service(surveillance::list_cases)
            .service(surveillance::get_case)
            .service(surveillance::decide_case)
            .service(consents::list_consents)
            .service(consents::give_consent)
            .service(consents::refuse_consent)
            .service(risk::get_risk_limits)
            .service(risk::set_risk_limits)
            .service(risk::list_risk_changes)
            .service(concentration::list_concentration)
            .service(reputation::list_reputation)
            .service(mechanisms::list_mechanisms)
            .service(mechanisms::choose_mechanism)
            .service(rules::list_rules)
            .service(rules::set_rule)
            .service(rules::end_rule)
            .service(rules::list_mandates)
            .service(memberships::list_memberships)
            .service(memberships::join_community)
            .service(memberships::leave_community)
            .service(memberships::list_shares)
            .service(memberships::set_shares)
            .service(relay::list_market_transactions)
            .service(partitions::is_market_ready)
            .service(partitions::list_partitions)
            .service(partitions::hand_over_market)
            .service(partitions::get_market_metrics);
    }
}

/// The desk that a request is for: the zone it names in the caller's community, or the first.
fn desk_of<'a>(
    market: &'a Market,
    caller: &Principal,
    zone: Option<&str>,
) -> Result<&'a Arc<Desk>, Problem> {
    let desk = match zone {
        None => market.desks_of(caller.community).next(),
        Some(zone) => {
            let zone: ZoneId = zone.parse().map_err(|_| Problem::malformed("zone: not a UUID"))?;
            market.desk(caller.community, zone)
        }
    };
    desk.ok_or_else(|| Problem::not_found("market"))
}

/// The slot that a text names by its start.
fn slot_of(desk: &Desk, start: &str) -> Result<Slot, Problem> {
    let moment = moment_of("slot", start)?;
    let slot = Slot::starting(moment, desk.parameters().slot_length);
    slot.ok_or_else(|| Problem::not_found("slot"))
}

/// The moment that a text names.
fn moment_of(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let malformed = |_| format!("{field}: not a moment such as 2026-06-01T10:00:00Z");
    text.parse().map_err(malformed).map_err(Problem::malformed)
}

/// Whether the caller may do `action` to what `owner` has, or to the community.
pub(crate) fn may(caller: &Principal, action: Action, owner: Option<AccountId>) -> bool {
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    permit(subject, action, Thing { owner, community })
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::Rejected(Rejection::OtherContent) => {
                Problem::conflict(Rejection::OtherContent.to_string())
            }
            Refused::Rejected(Rejection::Unknown) => Problem::not_found("order"),
            Refused::Rejected(rejection) => Problem {
                retry_may_help: rejection.retry_may_help(),
                ..Problem::refused(rejection.code(), rejection.to_string())
            },
            Refused::Busy => Problem::unavailable("too many orders wait"),
            Refused::StandingBy => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "STANDING_BY",
                "Another process writes this market",
            ),
            Refused::Damaged { .. } => Problem {
                retry_may_help: false,
                ..Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "JOURNAL_DAMAGED",
                    "This market stands still",
                )
                .with_detail(refused.to_string())
            },
            Refused::Fault(error) => error.into(),
        }
    }
}
