//! Money on its way from an account to its bank, as far as the chain takes it.
//!
//! ```text
//! requested ──> withdrawing ──> withdrawn ──> redeemed ──> ordered ──> paid ──> returned
//!     │        (delay)              │         (final)     (file)    (statement)    │  │
//!     └───> failed, expired <───────┘             └────────────────────────────────┘  └─> credited
//! ```
//!
//! What came back is ordered again or credited to the wallet that it came from, once.
//!
//! Both signatures of a payout expire. One that was never withdrawn by then has taken nothing; of
//! one that was withdrawn and not redeemed the account has the tokens. Either ends as `expired`,
//! and what is asked for again is another payout with signatures of its own. Until then somebody
//! else can bring a withdrawal that the contract refused us, so a `failed` one is still watched.
//!
//! Tokens that an account has outside of trading, because a payout expired or because it took them
//! out itself, are paid out by a redemption alone: such a payout begins as `withdrawn`. It may go
//! back into the wallet instead of to a bank, and is then credited once its block is final.
//!
//! Up to `redeemed` a payout is what the blocks of the best branch say, looked at anew each time:
//! where a block leaves, it goes back. Nothing is final before its block is.
//!
//! Known limits: the market adds up what an account asks for, and each request begins its delay
//! anew: payouts of one account that overlap wait for the last of them.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::REDEMPTION_SECONDS;
use ids::{PayoutId, Uuid};
use units::Money;

/// The least that is paid out: one of the currency.
pub const PAYOUT_MIN: Money = Money::from_n(1_000_000_000);
/// The most that is paid out at once: a million of the currency.
pub const PAYOUT_MAX: Money = Money::from_n(1_000_000_000_000_000);
/// Payouts of an account that may be under way at the same time.
pub const PAYOUTS_OPEN_MAX: i64 = 5;
/// How often a redemption is sent that the contract refused for good.
pub const REDEEM_TRIES_MAX: u32 = 3;
/// Characters of a payout's id in an end-to-end id.
const ID_CHARS: usize = 32;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;

/// Where a payout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayoutState {
    /// Its withdrawal is on its way to the market contract.
    Requested,
    /// Taken out of trading; the contract's delay runs.
    Withdrawing,
    /// The account has the tokens; their redemption is on its way.
    Withdrawn,
    /// The tokens are destroyed: the bank owes the account the money.
    Redeemed,
    /// The bank was asked to pay it.
    Ordered,
    /// The bank's statement says that it was paid.
    Paid,
    /// The payee's bank sent it back.
    Returned,
    /// It is on its way back to the wallet that it came from, or there.
    Credited,
    /// The contract refused it for good.
    Failed,
    /// Its signatures expired before the contract took them.
    Expired,
}

impl PayoutState {
    /// Every state.
    pub const ALL: [PayoutState; 10] = [
        PayoutState::Requested,
        PayoutState::Withdrawing,
        PayoutState::Withdrawn,
        PayoutState::Redeemed,
        PayoutState::Ordered,
        PayoutState::Paid,
        PayoutState::Returned,
        PayoutState::Credited,
        PayoutState::Failed,
        PayoutState::Expired,
    ];

    /// Its name in JSON and where it is kept.
    pub const fn name(self) -> &'static str {
        match self {
            PayoutState::Requested => "requested",
            PayoutState::Withdrawing => "withdrawing",
            PayoutState::Withdrawn => "withdrawn",
            PayoutState::Redeemed => "redeemed",
            PayoutState::Ordered => "ordered",
            PayoutState::Paid => "paid",
            PayoutState::Returned => "returned",
            PayoutState::Credited => "credited",
            PayoutState::Failed => "failed",
            PayoutState::Expired => "expired",
        }
    }

    /// The state of this name.
    pub fn of(name: &str) -> Option<PayoutState> {
        PayoutState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Where a log is: its block's height and its place in the block.
pub type Place = (u64, u32);

/// Cash of an account that was taken out of trading, by this transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// Where.
    pub place: Place,
    /// The transaction.
    pub transaction: B256,
    /// How much.
    pub amount: Money,
    /// When all that the account asked for so far can be withdrawn, epoch seconds.
    pub available: u64,
}

/// What the best branch says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// In the order of the chain.
    pub requests: Vec<Requested>,
    /// Where everything it had asked for was paid to its address.
    pub withdrawals: Vec<Place>,
    /// The last block that is final and was followed.
    pub finalized: u64,
    /// Its time, epoch seconds; zero where nothing of the account can have expired.
    pub time: u64,
}

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Not in a block, or taken by the contract.
    UnderWay,
    /// Reverted in a block that may still leave.
    Reverted,
    /// Reverted for good, in a block of this height.
    Refused(u64),
}

/// What of a payout decides how it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched<'p> {
    /// How much.
    pub amount: Money,
    /// Whether its tokens are outside of trading from the beginning.
    pub outside: bool,
    /// The transactions with which it was requested, of which a block can have one.
    pub requests: &'p [B256],
    /// The head when it was asked for: nothing before is about it.
    pub since: u64,
    /// How that transaction stands.
    pub sent: Sent,
    /// Whether its nonce was used, where that transaction did not.
    pub brought: bool,
    /// The last second in which it can be withdrawn.
    pub expiry: u64,
    /// The height of the block in which it was redeemed.
    pub redeemed: Option<u64>,
    /// How each transaction with its redemption stands, in order.
    pub redemptions: &'p [Sent],
}

/// What is to be sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Have the market pay what the account asked for.
    Withdraw,
    /// Destroy the tokens; how often that was sent before.
    Redeem(u32),
}

/// Which step the contract refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// To take the cash out of trading.
    Request,
    /// To destroy the tokens.
    Redemption,
}

/// Where a payout is, and how it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where.
    pub state: PayoutState,
    /// When it can be withdrawn, epoch seconds, where that is known.
    pub available: Option<u64>,
    /// What is to be sent now.
    pub next: Option<Step>,
    /// Whether blocks can still change it.
    pub open: bool,
    /// What the contract refused, in the state `failed`.
    pub refused: Option<Refusal>,
}

impl Progress {
    fn at(state: PayoutState) -> Progress {
        Progress { state, available: None, next: None, open: true, refused: None }
    }

    fn failed(refused: Refusal) -> Progress {
        let failed = Progress::at(PayoutState::Failed);
        Progress { open: refused == Refusal::Request, refused: Some(refused), ..failed }
    }

    fn expired() -> Progress {
        Progress { open: false, ..Progress::at(PayoutState::Expired) }
    }
}

/// What a payout is called from end to end: its id, and which attempt it is from the second on.
pub fn end_to_end_id(id: PayoutId, attempt: u32) -> String {
    let name = id.uuid().simple();
    if attempt > 1 { format!("{name}-{attempt}") } else { name.to_string() }
}

/// What credits an attempt at a payout to the wallet that it came from, among payments.
pub fn credit_key(id: PayoutId, attempt: u32) -> String {
    format!("return/{}", end_to_end_id(id, attempt))
}

/// Which payout an end-to-end id can be of.
pub fn payout_named(end_to_end_id: &str) -> Option<PayoutId> {
    let (id, attempt) = end_to_end_id.split_at_checked(ID_CHARS)?;
    let whole = attempt.is_empty() || attempt.starts_with('-');
    Uuid::try_parse(id).ok().filter(|_| whole).map(PayoutId::from_uuid)
}

/// Where the payout is by what was `seen` of its account, and how it goes on at `now`. `ours` are
/// the transactions with which payouts of the account were requested.
pub fn progress(
    payout: &Watched<'_>,
    seen: &Seen,
    ours: &BTreeSet<B256>,
    now: Timestamp,
) -> Progress {
    if let Some(block) = payout.redeemed {
        let open = block > seen.finalized;
        return Progress { open, ..Progress::at(PayoutState::Redeemed) };
    }
    if payout.outside {
        return withdrawn(payout, seen);
    }
    let Some(request) = request(payout, seen, ours) else {
        return match payout.sent {
            // No block after this one is older: nobody can bring it any more.
            _ if seen.time > payout.expiry => Progress::expired(),
            Sent::Refused(block) if block <= seen.finalized => Progress::failed(Refusal::Request),
            _ => Progress::at(PayoutState::Requested),
        };
    };
    if seen.withdrawals.iter().any(|place| *place > request.place) {
        return withdrawn(payout, seen);
    }
    let available = seen.requests.last().map_or(request.available, |last| last.available);
    let due = available.saturating_add(MARGIN) <= now.unsigned();
    Progress {
        available: Some(available),
        next: due.then_some(Step::Withdraw),
        ..Progress::at(PayoutState::Withdrawing)
    }
}

/// The log that says the payout was taken out of trading. Its signature is open to everybody from
/// its first transaction on: where another one brought it before ours, ours is reverted.
fn request<'s>(
    payout: &Watched<'_>,
    seen: &'s Seen,
    ours: &BTreeSet<B256>,
) -> Option<&'s Requested> {
    let own = seen.requests.iter().find(|one| payout.requests.contains(&one.transaction));
    if own.is_some() || payout.sent == Sent::UnderWay || !payout.brought {
        return own;
    }
    let same = |request: &&Requested| {
        request.amount == payout.amount
            && request.place.0 > payout.since
            && !ours.contains(&request.transaction)
    };
    seen.requests.iter().rev().find(same)
}

fn withdrawn(payout: &Watched<'_>, seen: &Seen) -> Progress {
    if seen.time > payout.expiry.saturating_add(REDEMPTION_SECONDS) {
        return Progress::expired();
    }
    let over = |sent: &Sent| matches!(sent, Sent::Refused(block) if *block <= seen.finalized);
    let tries = u32::try_from(payout.redemptions.len()).unwrap_or(u32::MAX);
    if !payout.redemptions.iter().all(over) {
        return Progress::at(PayoutState::Withdrawn);
    }
    if tries >= REDEEM_TRIES_MAX {
        return Progress::failed(Refusal::Redemption);
    }
    Progress { next: Some(Step::Redeem(tries)), ..Progress::at(PayoutState::Withdrawn) }
}

#[cfg(test)]
mod tests;
