//! Four eyes: what one person asks for and another one decides.
//!
//! ```text
//! open ──> approved ──> done     an order, a payout, a request: signed; a limit: in force, at once
//!   │ └──> refused
//!   └────> expired               so does what was approved and not used
//! ```

use calendar::Timestamp;
use contracts::{AccountRequest, OrderTerms, PayoutTerms, Quote};
use ids::{AccountId, PartyId, Uuid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::{Amount, Unit};

/// Requests of one account that may wait at the same time.
pub(crate) const OPEN_MAX: i64 = 20;
/// How long requests are kept after they are over; the audit log keeps what was decided.
pub(crate) const KEPT_SECONDS: i64 = 90 * 24 * 3600;

/// What consent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalKind {
    /// To sign one order.
    Order,
    /// To sign one payout to a bank.
    Payout,
    /// To sign what becomes of tokens outside of trading: to a bank, or back into the wallet.
    Redemption,
    /// To sign one transfer or mandate.
    Request,
    /// To raise the limit of what is signed in a day.
    Limit,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// Nobody has decided.
    Open,
    /// It may be signed.
    Approved,
    /// It may not.
    Refused,
    /// Too late to decide or to use it.
    Expired,
    /// It is signed, or in force.
    Done,
}

/// A request for consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Approval {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub approval: Uuid,
    /// The account whose key signs.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// What consent is asked for.
    pub kind: ApprovalKind,
    /// What is signed counts so much, or is the limit that is wanted: in major units of a currency,
    /// or in Wh.
    #[schema(value_type = String, example = "2500")]
    pub amount: Amount,
    /// A currency (ISO 4217), or `Wh` of certified energy.
    #[schema(value_type = String, example = "EUR")]
    pub unit: Unit,
    /// The order, as it shall be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub order: Option<Box<OrderTerms>>,
    /// The payout, as it shall be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payout: Option<Box<PayoutTerms>>,
    /// The transfer or mandate, as it shall be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub request: Option<Box<AccountRequest>>,
    /// Where it is.
    pub state: ApprovalState,
    /// Who asked.
    #[schema(value_type = String, format = "uuid")]
    pub requested_by: PartyId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// Until when it may be decided and used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Who decided: another one than who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub decided_by: Option<PartyId>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
}

impl ApprovalKind {
    /// How it is kept.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            ApprovalKind::Order => "order",
            ApprovalKind::Payout => "payout",
            ApprovalKind::Redemption => "redemption",
            ApprovalKind::Request => "request",
            ApprovalKind::Limit => "limit",
        }
    }
}

impl ApprovalState {
    /// How it is kept.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            ApprovalState::Open => "open",
            ApprovalState::Approved => "approved",
            ApprovalState::Refused => "refused",
            ApprovalState::Expired => "expired",
            ApprovalState::Done => "done",
        }
    }
}

impl Approval {
    /// The request as it is at `now`: what waits too long is over.
    pub(crate) fn at(self, now: Timestamp) -> Approval {
        let waits = matches!(self.state, ApprovalState::Open | ApprovalState::Approved);
        let state =
            if waits && now >= self.expires_at { ApprovalState::Expired } else { self.state };
        Approval { state, ..self }
    }

    /// Whether what is signed of an exchange may be signed with this consent: the same of the same
    /// dealer for no less than was shown.
    pub(crate) fn covers(&self, quote: &Quote) -> bool {
        self.quote().is_some_and(|shown| {
            let same = |of: &Quote| (of.from, of.to, of.account, of.dealer, of.given);
            same(shown) == same(quote) && quote.taken >= shown.taken
        })
    }

    /// The quote that consent was asked for, or that was signed with it.
    pub(crate) fn quote(&self) -> Option<&Quote> {
        match self.request.as_deref() {
            Some(AccountRequest::Exchange { quote, .. }) => Some(quote),
            _ => None,
        }
    }

    /// Whether `party`, whose account is `account`, has a part in it and so cannot decide it.
    pub(crate) fn concerns(&self, party: PartyId, account: Option<AccountId>) -> bool {
        self.requested_by == party || account == Some(self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(state: ApprovalState) -> Approval {
        Approval {
            approval: Uuid::nil(),
            account: AccountId::derived("home"),
            kind: ApprovalKind::Limit,
            amount: Unit::Certified.of(0),
            unit: Unit::Certified,
            order: None,
            payout: None,
            request: None,
            state,
            requested_by: PartyId::derived("ada"),
            requested_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(100),
            decided_by: None,
            decided_at: None,
        }
    }

    #[test]
    fn what_waits_expires_and_what_is_decided_for_good_does_not() {
        use ApprovalState::{Approved, Done, Expired, Open, Refused};
        for (state, later) in
            [(Open, Expired), (Approved, Expired), (Refused, Refused), (Done, Done)]
        {
            assert_eq!(request(state).at(Timestamp::from_seconds(99)).state, state);
            assert_eq!(request(state).at(Timestamp::from_seconds(100)).state, later);
        }
    }

    #[test]
    fn who_asked_and_whose_account_it_is_do_not_decide() {
        let open = request(ApprovalState::Open);
        assert!(open.concerns(PartyId::derived("ada"), None));
        assert!(open.concerns(PartyId::derived("bob"), Some(AccountId::derived("home"))));
        assert!(!open.concerns(PartyId::derived("bob"), Some(AccountId::derived("other"))));
        assert!(!open.concerns(PartyId::derived("bob"), None));
    }
}
