//! What billing keeps in memory: the books and what decoding logs needs. The database tells it all
//! again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::{Clearing, Policy, Posted, Prices};
use db::Db;
use ids::{CommunityId, ConnectionPointId};

use super::logs::{SettledFact, utc_day};
use crate::Billing;
use crate::currencies::{Currencies, CurrencyId};
use crate::db::chain::{self, Head, kind};
use crate::db::occupants::{self, Stay};
use crate::db::{journal, payouts};
use crate::domain::journal::{Account, Book, Entry, JournalError, Violation};

/// Billing's memory.
#[derive(Default)]
pub(crate) struct State {
    /// The books of the first currency, and of energy.
    pub(crate) book: Book,
    /// Those of the other currencies, in order.
    further: Vec<Book>,
    pub(crate) head: Option<Head>,
    pub(crate) policies: HashMap<B256, Policy>,
    /// What was posted, by the clearing's name.
    pub(crate) clearings: HashMap<B256, Clearing>,
    /// Prices of trades that the next event creates.
    pub(crate) prices: HashMap<B256, Prices>,
    /// The connection points that addresses trade for, in their order, and when.
    pub(crate) points: HashMap<Address, Vec<Stay>>,
    /// Whose payouts are credited, by the payment that their tokens are minted for.
    pub(crate) credited: HashMap<B256, Address>,
    /// What the contract locks, by policy and UTC day.
    pub(crate) terms: BTreeMap<(B256, u32), Term>,
    /// When corrections of settled trades end, epoch seconds; trades whose end is long past may be
    /// left out.
    pub(crate) closing: BTreeSet<(u64, B256)>,
    /// What does not hold of invoices that were just posted.
    pub(crate) doubts: Vec<Violation>,
}

/// The proceeds of a policy's day.
#[derive(Default)]
pub(crate) struct Term {
    /// When the last of them leave the challenge window, epoch seconds.
    pub(crate) until: u64,
    /// Whose they are.
    pub(crate) accounts: BTreeSet<Address>,
}

impl State {
    /// The state that the database tells.
    pub(crate) async fn load(
        db: &Db,
        policies: &[Policy],
        currencies: &Currencies,
    ) -> Result<State> {
        journal::note_slots(db).await?;
        chain::note_parties(db).await?;
        let mut further = Vec::new();
        for currency in currencies.further() {
            further.push(book(db, currency).await?);
        }
        let mut state = State {
            book: book(db, CurrencyId::FIRST).await?,
            further,
            head: chain::head(db).await?,
            points: occupants::trading(db, None).await?,
            credited: payouts::credited(db).await?,
            ..State::default()
        };
        for policy in policies {
            state.policies.insert(policy.id(), policy.clone());
        }
        for (_, policy) in chain::of_kind::<Policy>(db, kind::POLICY).await? {
            state.policies.insert(policy.id(), policy);
        }
        for (id, clearing) in chain::of_kind::<Clearing>(db, kind::CLEARING).await? {
            state.clearings.insert(id.parse()?, clearing);
        }
        for (_, settled) in chain::of_kind::<SettledFact>(db, kind::SETTLED).await? {
            state.note_term(&settled)?;
        }
        Ok(state)
    }

    /// The books of a currency.
    pub(crate) fn book_of(&self, currency: CurrencyId) -> &Book {
        match currency.place().checked_sub(1) {
            None => &self.book,
            Some(place) => &self.further[place],
        }
    }

    /// The books of a currency, to post in.
    pub(crate) fn book_of_mut(&mut self, currency: CurrencyId) -> &mut Book {
        match currency.place().checked_sub(1) {
            None => &mut self.book,
            Some(place) => &mut self.further[place],
        }
    }

    /// What does not hold of what was posted since this was asked last.
    pub(super) fn check_touched(&mut self) -> Vec<Violation> {
        let mut found = std::mem::take(&mut self.doubts);
        let books = std::iter::once(&mut self.book).chain(&mut self.further);
        found.extend(books.flat_map(Book::check_touched));
        found
    }

    /// How many entries the journals of all currencies have.
    pub(super) fn entries(&self) -> u64 {
        std::iter::once(&self.book).chain(&self.further).map(|book| book.head().1).sum()
    }

    /// What an address has free of a currency, in 1e-9 of it.
    pub(crate) fn free(&self, currency: CurrencyId, address: Address) -> i128 {
        -self.book_of(currency).balance(&Account::Wallet(address))
    }

    /// The connection point that an address trades for in the slot that starts at `slot`, in epoch
    /// seconds; where it has none then, a place without a meter that follows from the address.
    pub(crate) fn point(&self, address: Address, slot: u64) -> ConnectionPointId {
        let slot = Timestamp::from_seconds(slot.cast_signed());
        let mut stays = self.points.get(&address).into_iter().flatten();
        let known = stays.find(|stay| stay.holds(slot));
        let place = || ConnectionPointId::derived(&format!("{address:#x}"));
        known.map_or_else(place, |stay| stay.point)
    }

    /// A clearing with its policy, where both are known.
    pub(crate) fn posted(&self, clearing: B256) -> Option<Posted> {
        let clearing = self.clearings.get(&clearing)?.clone();
        let policy = self.policies.get(&clearing.policy)?.clone();
        Some(Posted { clearing, policy })
    }

    /// Until when trades of its slot are settled, and runs wait, in epoch seconds; `None` under no
    /// known policy.
    pub(crate) fn settled_until(&self, settled: &SettledFact) -> Option<u64> {
        let policy = self.policies.get(&settled.policy)?;
        let open = u64::from(policy.slot_seconds) + u64::from(policy.settle_seconds);
        Some(settled.slot + open)
    }

    /// When corrections of a trade end, in epoch seconds; `None` under no known policy.
    pub(crate) fn closes(&self, settled: &SettledFact) -> Option<u64> {
        let policy = self.policies.get(&settled.policy)?;
        let open = u64::from(policy.slot_seconds) + u64::from(policy.correction_seconds);
        Some(settled.slot + open)
    }

    /// When nothing can change a trade any more, in epoch seconds, and how long its slot is.
    pub(crate) fn is_final_at(&self, settled: &SettledFact) -> Option<(u64, u32)> {
        let policy = self.policies.get(&settled.policy)?;
        let closes = self.closes(settled)?;
        Some((closes + u64::from(policy.challenge_seconds), policy.slot_seconds))
    }

    /// Notes when corrections of the trade end, whose proceeds its day locks, and how long.
    pub(crate) fn note_term(&mut self, settled: &SettledFact) -> Result<()> {
        let Some(policy) = self.policies.get(&settled.policy) else { return Ok(()) };
        let Some(closes) = self.closes(settled) else { return Ok(()) };
        self.closing.insert((closes, settled.trade));
        let term = self.terms.entry((settled.policy, utc_day(settled.slot)?)).or_default();
        term.until = term.until.max(closes + u64::from(policy.challenge_seconds));
        let fees = [
            policy.network_account,
            policy.platform_account,
            policy.difference_account,
            policy.balance_account,
        ];
        term.accounts.extend([settled.buyer, settled.seller].into_iter().chain(fees));
        Ok(())
    }

    /// The longest that trades of a community can be corrected after their slot, in seconds.
    pub(crate) fn corrections(&self, community: CommunityId) -> i64 {
        let ours = self.policies.values().filter(|policy| policy.community == community);
        ours.map(|policy| i64::from(policy.correction_seconds)).max().unwrap_or_default()
    }

    /// Whose statement an entry is in.
    pub(crate) fn owners(&self, entry: &Entry) -> Vec<Address> {
        let accounts = entry.money.iter().flat_map(|t| [&t.debit, &t.credit]);
        let mut owners = Vec::new();
        for account in accounts {
            owners.extend(account.owner());
            if let Account::Escrow(trade) = account {
                owners.extend(self.book.trade(trade).map(|trade| trade.settled.buyer));
            }
        }
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

/// The books that a journal makes.
async fn book(db: &Db, currency: CurrencyId) -> Result<Book> {
    let mut book = Book::default();
    journal::replay(db, currency, |entries| {
        book.follow(&entries).context("the journal does not follow from itself")
    })
    .await?;
    Ok(book)
}

impl Billing {
    /// Brings the energy of a slot to hand, before anything is posted of it. Where its entries are
    /// not all found by the slot that is noted beside them, the slots are noted again: what an
    /// entry says of itself counts.
    pub(crate) async fn bring_to_hand(&self, state: &mut State, slot: Timestamp) -> Result<()> {
        if state.book.is_at_hand(slot) {
            return Ok(());
        }
        let entries = journal::of_slot(&self.db, slot, u64::MAX).await?;
        match state.book.recall(slot, &entries) {
            Err(JournalError::NotWhole(_)) => {}
            recalled => return recalled.context("bringing a slot back"),
        }
        let mended = journal::note_slots_again(&self.db).await?;
        tracing::error!(%slot, mended, "entries of the journal had another slot noted");
        let entries = journal::of_slot(&self.db, slot, u64::MAX).await?;
        state.book.recall(slot, &entries).context("bringing a slot back")
    }
}
