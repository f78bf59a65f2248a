//! What of the bus's events is told outside: a kind, and few fields.
//!
//! Messages are thin: ids, numbers and amounts of one fact, to be looked up by whoever may see
//! more. Whoever gets them may read every account of the community. Fields are added, never
//! changed: [`VERSION`] would rise.

use anyhow::Result;
use calendar::Timestamp;
use events::billing::{
    BooksQuestioned, InvoiceCorrected, InvoiceDisputed, InvoiceIssued, InvoicePaid,
    InvoiceReminded, PrepaidChanged, SlotReconciled, TariffPublished, TradingChanged,
};
use events::identity::{
    AccountOpened, ApprovalRequested, ConnectionPointRegistered, MeterEnrolled, MeterRevoked,
    MeterRotated,
};
use events::market::{SlotCleared, StopChanged};
use events::metering::ReadingQuarantined;
use events::{Envelope, Event};
use ids::{AccountId, CommunityId, MeterId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Of the fields of all kinds.
const VERSION: u32 = 1;

/// The events that are looked at.
pub(crate) const SUBJECTS: &[&str] = &[
    AccountOpened::SUBJECT,
    ApprovalRequested::SUBJECT,
    BooksQuestioned::SUBJECT,
    ConnectionPointRegistered::SUBJECT,
    InvoiceCorrected::SUBJECT,
    InvoiceDisputed::SUBJECT,
    InvoiceIssued::SUBJECT,
    InvoicePaid::SUBJECT,
    InvoiceReminded::SUBJECT,
    MeterEnrolled::SUBJECT,
    MeterRevoked::SUBJECT,
    MeterRotated::SUBJECT,
    PrepaidChanged::SUBJECT,
    ReadingQuarantined::SUBJECT,
    SlotCleared::SUBJECT,
    SlotReconciled::SUBJECT,
    StopChanged::SUBJECT,
    TariffPublished::SUBJECT,
    TradingChanged::SUBJECT,
];

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:tt)*) => {
        /// What an endpoint can be told of.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        pub(crate) enum EventKind {
            $($(#[$doc])* #[serde(rename = $name)] $kind),*
        }

        impl EventKind {
            /// Its name in messages.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $name),*
                }
            }
        }
    };
}

kinds! {
    /// An account was opened, or its key or standing changed.
    AccountOpened = "account.opened"
    /// A signature above its limit waits for a second person.
    ApprovalRequested = "approval.requested"
    /// Something in the books is for staff to look into.
    BooksQuestioned = "books.questioned"
    /// A connection point joined the community.
    PointRegistered = "connection_point.registered"
    /// Somebody says that a bill is wrong.
    DisputeOpened = "dispute.opened"
    /// A dispute was upheld, rejected or withdrawn.
    DisputeDecided = "dispute.decided"
    /// A bill was corrected, or taken back and issued anew.
    InvoiceCorrected = "invoice.corrected"
    /// An account may not buy from neighbours any more, for other reasons, or may again.
    BuyingChanged = "buying.changed"
    /// A bill was issued.
    InvoiceIssued = "invoice.issued"
    /// Money came in for a bill.
    InvoicePaid = "invoice.paid"
    /// A bill that is not paid has taken a step of the ladder: its `action` says which.
    InvoiceOverdue = "invoice.overdue"
    /// A meter was enrolled.
    MeterEnrolled = "meter.enrolled"
    /// A meter signs with another key.
    MeterRotated = "meter.rotated"
    /// A meter's key no longer counts.
    MeterRevoked = "meter.revoked"
    /// An account that pays before it uses stands otherwise than before, or is told that staff want
    /// its supply suspended.
    PrepaidChanged = "prepaid.changed"
    /// The supply of an account that pays before it uses may be cut.
    PrepaidSuspended = "prepaid.suspended"
    /// It may not be cut any more.
    PrepaidResumed = "prepaid.resumed"
    /// A meter's message could not be believed.
    ReadingQuarantined = "reading.quarantined"
    /// A slot was cleared.
    SlotCleared = "slot.cleared"
    /// A slot's deliveries were handed to the chain.
    SlotReconciled = "slot.reconciled"
    /// A version of a tariff was published.
    TariffPublished = "tariff.published"
    /// Trading was stopped.
    TradingStopped = "trading.stopped"
    /// Trading goes on.
    TradingResumed = "trading.resumed"
}

/// Where a fact belongs, as far as its event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a community.
    Community(CommunityId),
    /// Where an account is.
    Account(AccountId),
    /// Where a meter is.
    Meter(MeterId),
}

/// A fact that is told outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    pub(crate) kind: EventKind,
    pub(crate) place: Place,
    pub(crate) data: Value,
}

/// What is told of an event; `None` where it is told of by another one.
///
/// # Errors
/// When the event is not what its subject promises.
pub(crate) fn fact(envelope: &Envelope) -> Result<Option<Fact>> {
    Ok(of_billing(envelope)?.or(of_identity(envelope)?).or(of_market(envelope)?))
}

/// The body of a message, as it is sent and signed.
pub(crate) fn body(kind: &str, at: Timestamp, data: &Value) -> String {
    json!({ "type": kind, "timestamp": at, "version": VERSION, "data": data }).to_string()
}

fn in_community(kind: EventKind, community: CommunityId, data: Value) -> Option<Fact> {
    Some(Fact { kind, place: Place::Community(community), data })
}

fn of_billing(envelope: &Envelope) -> Result<Option<Fact>> {
    if let Some(event) = envelope.open::<InvoiceIssued>()? {
        let InvoiceIssued { invoice, number, account, from, to, total, hash } = event;
        let data = json!({
            "invoice": invoice, "number": number, "account": account, "from": from, "to": to,
            "total": total, "hash": hash,
        });
        let (kind, place) = (EventKind::InvoiceIssued, Place::Account(account));
        return Ok(Some(Fact { kind, place, data }));
    }
    if let Some(event) = envelope.open::<InvoiceCorrected>()? {
        let data = json!({
            "correction": event.correction, "number": event.number, "kind": event.kind,
            "cause": event.cause, "invoice": event.invoice,
            "invoice_number": event.invoice_number, "dispute": event.dispute,
            "account": event.account, "total": event.total, "due": event.due,
        });
        return Ok(in_community(EventKind::InvoiceCorrected, event.community, data));
    }
    if let Some(event) = envelope.open::<InvoicePaid>()? {
        let InvoicePaid { invoice, number, community, account, amount, left } = event;
        let data = json!({
            "invoice": invoice, "number": number, "account": account, "amount": amount,
            "left": left,
        });
        return Ok(in_community(EventKind::InvoicePaid, community, data));
    }
    if let Some(event) = envelope.open::<InvoiceReminded>()? {
        let data = json!({
            "invoice": event.invoice, "number": event.number, "account": event.account,
            "step": event.step, "left": event.left, "due_on": event.due_on,
            "action": event.action.as_deref().unwrap_or("remind"), "fee": event.fee,
        });
        return Ok(in_community(EventKind::InvoiceOverdue, event.community, data));
    }
    if let Some(TradingChanged { community, account, number, reasons }) = envelope.open()? {
        let data = json!({ "account": account, "number": number, "reasons": reasons });
        return Ok(in_community(EventKind::BuyingChanged, community, data));
    }
    if let Some(event) = envelope.open::<PrepaidChanged>()? {
        return Ok(prepaid(&event));
    }
    if let Some(event) = envelope.open::<InvoiceDisputed>()? {
        let InvoiceDisputed { dispute, invoice, community, account, state } = event;
        let open = state == "open";
        let kind = if open { EventKind::DisputeOpened } else { EventKind::DisputeDecided };
        let data = json!({
            "dispute": dispute, "invoice": invoice, "account": account, "state": state,
        });
        return Ok(in_community(kind, community, data));
    }
    if let Some(event) = envelope.open::<TariffPublished>()? {
        let TariffPublished { community, hash, valid_from, tariff: _ } = event;
        let data = json!({ "hash": hash, "valid_from": valid_from });
        return Ok(in_community(EventKind::TariffPublished, community, data));
    }
    if let Some(BooksQuestioned { community, violations }) = envelope.open()? {
        let data = json!({ "violations": violations });
        return Ok(in_community(EventKind::BooksQuestioned, community, data));
    }
    let reconciled = envelope.open::<SlotReconciled>()?.and_then(|event| {
        let SlotReconciled { community, slot, run, trades, .. } = event;
        let data = json!({ "slot": slot.start, "run": run, "trades": trades });
        in_community(EventKind::SlotReconciled, community, data)
    });
    Ok(reconciled)
}

fn prepaid(event: &PrepaidChanged) -> Option<Fact> {
    let kind = match (event.before.as_str(), event.state.as_str()) {
        (before, "suspended") if before != "suspended" => EventKind::PrepaidSuspended,
        ("suspended", state) if state != "suspended" => EventKind::PrepaidResumed,
        _ => EventKind::PrepaidChanged,
    };
    let data = json!({
        "account": event.account, "state": event.state, "before": event.before,
        "balance": event.balance, "use_per_day": event.use_per_day,
        "suspension_from": event.suspension_from,
    });
    in_community(kind, event.community, data)
}

fn of_identity(envelope: &Envelope) -> Result<Option<Fact>> {
    if let Some(event) = envelope.open::<AccountOpened>()? {
        let AccountOpened { account, community, address, .. } = event;
        let data = json!({ "account": account, "address": address });
        return Ok(in_community(EventKind::AccountOpened, community, data));
    }
    if let Some(event) = envelope.open::<ApprovalRequested>()? {
        let ApprovalRequested { approval, account, community, kind, expires_at } = event;
        let data = json!({
            "approval": approval, "account": account, "kind": kind, "expires_at": expires_at,
        });
        return Ok(in_community(EventKind::ApprovalRequested, community, data));
    }
    if let Some(event) = envelope.open::<ConnectionPointRegistered>()? {
        let ConnectionPointRegistered { connection_point, account, community, zone, .. } = event;
        let data = json!({
            "connection_point": connection_point, "account": account, "zone": zone,
        });
        return Ok(in_community(EventKind::PointRegistered, community, data));
    }
    if let Some(event) = envelope.open::<MeterEnrolled>()? {
        let MeterEnrolled { meter, serial, connection_point, account, community, .. } = event;
        let data = json!({
            "meter": meter, "serial": serial, "connection_point": connection_point,
            "account": account,
        });
        return Ok(in_community(EventKind::MeterEnrolled, community, data));
    }
    if let Some(MeterRotated { meter, version, from, .. }) = envelope.open()? {
        let data = json!({ "meter": meter, "key_version": version, "from": from });
        let (kind, place) = (EventKind::MeterRotated, Place::Meter(meter));
        return Ok(Some(Fact { kind, place, data }));
    }
    let revoked = envelope.open::<MeterRevoked>()?.map(|MeterRevoked { meter, at }| Fact {
        kind: EventKind::MeterRevoked,
        place: Place::Meter(meter),
        data: json!({ "meter": meter, "at": at }),
    });
    Ok(revoked)
}

fn of_market(envelope: &Envelope) -> Result<Option<Fact>> {
    if let Some(event) = envelope.open::<SlotCleared>()? {
        let SlotCleared { community, zone, slot, clearing, price, volume, part, .. } = event;
        let data = json!({
            "slot": slot.start, "zone": zone, "clearing": clearing, "price": price,
            "volume_wh": volume,
        });
        // Its parts differ in the trades, which are not told.
        return Ok((part == 0)
            .then(|| in_community(EventKind::SlotCleared, community, data))
            .flatten());
    }
    if let Some(event) = envelope.open::<StopChanged>()? {
        let StopChanged { community, zone, stopped, reason, .. } = event;
        let kind = if stopped { EventKind::TradingStopped } else { EventKind::TradingResumed };
        return Ok(in_community(kind, community, json!({ "zone": zone, "reason": reason })));
    }
    let refused = envelope.open::<ReadingQuarantined>()?.and_then(|event| {
        let ReadingQuarantined { community, meter, code, received_at } = event;
        let data = json!({ "meter": meter, "code": code, "received_at": received_at });
        in_community(EventKind::ReadingQuarantined, community?, data)
    });
    Ok(refused)
}
