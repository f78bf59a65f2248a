//! What was left unopened of a sealed slot, and how much of that a party may have.
//!
//! To commit and to open only if it pays is an option, and so is to open and then to end the nonce
//! of the order on chain, or to have its cash leave, before it is cleared. All of that counts. What
//! was deposited leaves no choice once the gate is closed, so that nothing of it counts when the
//! market does not take it.

use std::collections::BTreeSet;

use calendar::Timestamp;
use events::market::CancelledBy;
use ids::AccountId;

use super::{ClearedSlot, Exchange, Halted, SealState, Status, Trader};

/// From how many commitments on that a party left unopened within [`UNREVEALED_SECONDS`] no new
/// one of it is taken.
pub const UNREVEALED_MAX: u32 = 4;
/// For how long they count, from the start of their slot.
pub const UNREVEALED_SECONDS: i64 = 24 * 3600;

impl Exchange {
    /// The accounts of the party of an account.
    pub(super) fn accounts_of_party(&self, account: AccountId) -> impl Iterator<Item = &AccountId> {
        let party = self.members.get(&account).map(|member| member.party);
        party.and_then(|party| self.parties.get(&party)).into_iter().flat_map(BTreeSet::iter)
    }

    /// How many commitments the party of an account left unopened in the day before `now`.
    pub fn unrevealed(&self, account: AccountId, now: Timestamp) -> u32 {
        let since = now.plus_seconds(-UNREVEALED_SECONDS);
        let accounts = self.accounts_of_party(account);
        let slots = accounts.filter_map(|account| self.sealing.unrevealed.get(account));
        slots.flat_map(|slots| slots.range(since..).map(|(_, count)| count)).sum()
    }

    /// Of a slot that was just cleared: what nobody opened expires, and counts against its account,
    /// unless the account could not help it: where nothing trades, or it may not trade. So does an
    /// order that was opened and taken back on chain, or for want of cash, afterwards.
    pub(super) fn expire(&mut self, cleared: &ClearedSlot) {
        let slot = cleared.slot;
        let Some(mut book) = self.sealing.books.remove(&slot) else { return };
        let over = cleared.halted() == Some(Halted::Over);
        let halted = over || self.stopped().is_some() || self.is_curtailed(slot);
        for known in &mut book.commitments {
            let chosen = match known.state {
                SealState::Waiting => {
                    known.state = SealState::Expired;
                    self.sealing.waits_no_more(known.account, known.hash);
                    let who = [Trader::Account(known.account), Trader::Seller(known.account)];
                    let free = |trader| self.suspension(trader).is_none();
                    who.into_iter().all(free) && self.buys_nothing(known.account).is_none()
                }
                SealState::Opened { order } => self.order(order).is_some_and(|order| {
                    order.status == Status::Cancelled
                        && matches!(
                            order.cancelled_by,
                            Some(CancelledBy::Chain | CancelledBy::Funds)
                        )
                        && order.cancelled_at >= book.closed
                }),
                _ => false,
            };
            known.counted = chosen && !halted;
            if known.counted {
                let slots = self.sealing.unrevealed.entry(known.account).or_default();
                *slots.entry(slot).or_default() += 1;
            }
        }
        self.sealing.books.insert(slot, book);
        self.sealing.cleared(slot);
    }
}
