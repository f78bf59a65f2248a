//! What stands behind the tokens: the figures of the chain and those of the journal, as of one
//! block.
//!
//! ```text
//! journal, as it followed block n   1000 Bank, and what is owed to everybody
//! token at block n, by its hash     totalSupply(), balanceOf(market)
//! ```
//!
//! Whoever asks needs no login, so an answer stands for a while and one request at a time makes a
//! new one. Absent: a look at the bank. Its account in the journal is what the operator says came
//! in and went out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::SolCall;
use contracts::bindings::SettlementToken;
use ids::CommunityId;
use serde_json::json;
use service::Problem;

use crate::Billing;
use crate::db::chain::Head;
use crate::db::{bank, members};
use crate::domain::journal::{Account, Book, check_each};

/// How long an answer stands, a refusal too: the node is asked no more often, whoever asks us.
const ANSWER_STANDS: Duration = Duration::from_secs(5);
/// How long a check of the journal stands: it looks at every balance.
const CHECK_STANDS: Duration = Duration::from_secs(600);
/// The longest that the node is waited for.
const NODE_WAIT_MAX: Duration = Duration::from_secs(5);

/// What everybody was told last, and what the journal was found to be.
#[derive(Default)]
pub(crate) struct Memory {
    told: Option<Told>,
    check_due: Option<Instant>,
    checked: Option<Checked>,
}

struct Told {
    at: Instant,
    answer: Result<Arc<Reserve>, Problem>,
}

/// When the journal was found to be what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) at: Timestamp,
    /// Entries that were checked, this time or before.
    pub(crate) entries: u64,
    /// Rules that did not hold.
    pub(crate) violations: u64,
}

/// The figures, in 1e-9 currency, all as of `block`.
#[derive(Debug)]
pub(crate) struct Reserve {
    pub(crate) chain_id: u64,
    pub(crate) block: Head,
    pub(crate) books: Books,
    pub(crate) checked: Option<Checked>,
    /// What a token stands for; `None` where nobody said, or two communities differ.
    pub(crate) currency: Option<String>,
    pub(crate) token: Address,
    pub(crate) market: Address,
    pub(crate) supply: Question,
    pub(crate) held: Question,
}

/// What the journal says.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) bank: i128,
    pub(crate) owed: Owed,
    pub(crate) entries: u64,
    pub(crate) head: B256,
}

/// What the journal owes. What was asked for as a withdrawal is in the wallets until it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owed {
    pub(crate) wallets: i128,
    pub(crate) locked: i128,
    pub(crate) escrow: i128,
    pub(crate) collateral: i128,
    pub(crate) network_fees: i128,
    pub(crate) platform_fees: i128,
    /// The community's pot, and what is paid at an imbalance price.
    pub(crate) balancing: i128,
    pub(crate) suspense: i128,
    /// To who holds tokens outside of the market contract.
    pub(crate) tokens: i128,
    /// Redeemed, and not paid out by the bank yet: no token stands for it.
    pub(crate) payouts: i128,
}

/// A call of the token that anybody can make again, with what it answered.
#[derive(Debug)]
pub(crate) struct Question {
    /// With the type of the answer, as `cast call` takes it.
    pub(crate) signature: String,
    pub(crate) argument: Option<Address>,
    pub(crate) data: Bytes,
    pub(crate) answer: U256,
}

/// By how much the figures differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    /// Tokens less the bank account.
    pub(crate) supply_bank: i128,
    /// The bank account less what is owed.
    pub(crate) bank_owed: i128,
    /// What the market holds less what is owed.
    pub(crate) market_owed: i128,
}

impl Billing {
    /// What stands behind the tokens, read anew once [`ANSWER_STANDS`] is over.
    ///
    /// # Errors
    /// A [`Problem`] where no block was followed yet or the node could not be asked.
    pub(crate) async fn proof_of_reserve(&self) -> Result<Arc<Reserve>, Problem> {
        let mut memory = self.reserve.lock().await;
        if let Some(answer) = memory.answer(Instant::now()) {
            return answer;
        }
        // Whoever hangs up takes the work along: what was told before stands then, so that hanging
        // up again and again does not ask the node each time.
        let before = memory.told.take().map(|told| told.answer);
        let reading = || Err(Problem::unavailable("the figures are being read"));
        memory.tell(before.unwrap_or_else(reading));
        let answer = self.read_reserve(&mut memory).await.map(Arc::new).map_err(Problem::from);
        memory.tell(answer.clone());
        answer
    }

    async fn read_reserve(&self, memory: &mut Memory) -> Result<Reserve> {
        if memory.check_due.is_none_or(|due| due <= Instant::now()) {
            memory.check_due = Some(Instant::now() + CHECK_STANDS);
            memory.checked = self.check_journal().await?.or(memory.checked);
        }
        let (block, books, communities) = {
            let state = self.state.lock().await;
            let communities: BTreeSet<CommunityId> =
                state.policies.values().map(|policy| policy.community).collect();
            (state.head, Books::of(&state.book), communities)
        };
        let block = block.ok_or_else(|| Problem::unavailable("no block was followed yet"))?;
        let asked = tokio::time::timeout(NODE_WAIT_MAX, self.ask_token(block.hash)).await;
        let asked = asked.unwrap_or_else(|late| Err(late.into()));
        let (supply, held) = asked.map_err(|error| {
            tracing::warn!(error = format!("{error:#}"), "the reserve could not be read");
            Problem::unavailable("no node says what the chain has at the block of the books")
        })?;
        Ok(Reserve {
            chain_id: self.chain_id,
            block,
            books,
            checked: memory.checked,
            currency: self.currency_of(communities).await?,
            token: self.deployment.token,
            market: self.deployment.market,
            supply,
            held,
        })
    }

    /// Checks the journal from where the last audit ended; nothing while an audit is at it.
    async fn check_journal(&self) -> Result<Option<Checked>> {
        let Ok(mut audited) = self.audited.try_lock() else { return Ok(None) };
        let book = self.state.lock().await.book.clone();
        let entries = book.head().1;
        let (verified, chained) = self.verified(std::mem::take(&mut *audited), entries).await?;
        let checked = tokio::task::spawn_blocking(move || {
            let mut violations = check_each(&book, None);
            violations.extend(chained.and_then(|()| verified.agrees(&book)).err());
            (verified, violations.len() as u64)
        });
        let (verified, violations) = checked.await?;
        *audited = verified;
        Ok(Some(Checked { at: self.now(), entries, violations }))
    }

    /// How many tokens there are, and how many the market holds, as of one block.
    async fn ask_token(&self, block: B256) -> Result<(Question, Question)> {
        let market = self.deployment.market;
        let held = SettlementToken::balanceOfCall { account: market };
        let supply = self.answer(SettlementToken::totalSupplyCall, None, block).await?;
        Ok((supply, self.answer(held, Some(market), block).await?))
    }

    async fn answer<Q: SolCall<Return = U256>>(
        &self,
        question: Q,
        argument: Option<Address>,
        block: B256,
    ) -> Result<Question> {
        let data = Bytes::from(question.abi_encode());
        let call = json!({ "to": self.deployment.token, "data": data });
        let answer = self.node.request("eth_call", json!([call, { "blockHash": block }])).await?;
        let answer: Bytes = serde_json::from_value(answer)?;
        let answer = Q::abi_decode_returns(&answer)?;
        Ok(Question { signature: format!("{}(uint256)", Q::SIGNATURE), argument, data, answer })
    }

    /// What the communities are paid in: their bank accounts say it, or else their tariffs.
    async fn currency_of(&self, communities: BTreeSet<CommunityId>) -> Result<Option<String>> {
        let mut named = BTreeSet::new();
        for community in communities {
            match bank::account(&self.db, community).await? {
                Some(account) => named.extend([account.currency.to_string()]),
                None => {
                    let tariffs = members::tariffs(&self.db, community).await?;
                    let newest = tariffs.into_iter().next();
                    named.extend(newest.map(|newest| newest.tariff.terms().currency.clone()));
                }
            }
        }
        Ok(if named.len() == 1 { named.pop_first() } else { None })
    }
}

impl Memory {
    /// What was told, while it stands.
    fn answer(&self, now: Instant) -> Option<Result<Arc<Reserve>, Problem>> {
        let told = self.told.as_ref()?;
        (now < told.at + ANSWER_STANDS).then(|| told.answer.clone())
    }

    fn tell(&mut self, answer: Result<Arc<Reserve>, Problem>) {
        self.told = Some(Told { at: Instant::now(), answer });
    }
}

impl Books {
    fn of(book: &Book) -> Books {
        let (head, entries) = book.head();
        Books { bank: book.balance(&Account::Bank), owed: Owed::of(book), entries, head }
    }
}

impl Owed {
    fn of(book: &Book) -> Owed {
        let mut owed = Owed::default();
        for (account, balance) in book.balances() {
            let part = match account {
                Account::Wallet(_) => &mut owed.wallets,
                Account::Locked(..) => &mut owed.locked,
                Account::Escrow(_) => &mut owed.escrow,
                Account::Collateral(..) => &mut owed.collateral,
                Account::Dso(..) => &mut owed.network_fees,
                Account::PlatformFee(..) => &mut owed.platform_fees,
                Account::Pot(..) | Account::Imbalance(..) => &mut owed.balancing,
                Account::Suspense => &mut owed.suspense,
                Account::Tokens => &mut owed.tokens,
                Account::Payouts(_) => &mut owed.payouts,
                // The bank is what all of it is held against. What invoices ask for is paid
                // outside, and no token stands for it.
                Account::Bank | Account::Receivable(_) | Account::Retailer | Account::Rounding => {
                    continue;
                }
            };
            // Debts are on the credit side.
            *part -= balance;
        }
        owed
    }

    /// All of it.
    pub(crate) fn total(&self) -> i128 {
        self.in_market() + self.tokens + self.payouts
    }

    /// What the market contract holds tokens for.
    fn in_market(&self) -> i128 {
        let fees = self.network_fees + self.platform_fees + self.balancing;
        self.wallets + self.locked + self.escrow + self.collateral + fees + self.suspense
    }
}

impl Question {
    /// The answer as an amount; more than there can be counts as the most there can be.
    pub(crate) fn amount(&self) -> i128 {
        i128::try_from(self.answer).unwrap_or(i128::MAX)
    }
}

impl Reserve {
    /// By how much the figures differ; `None` where all four are equal.
    pub(crate) fn difference(&self) -> Option<Difference> {
        let (bank, owed) = (self.books.bank, &self.books.owed);
        let difference = Difference {
            supply_bank: self.supply.amount().saturating_sub(bank - owed.payouts),
            bank_owed: bank.saturating_sub(owed.total()),
            market_owed: self.held.amount().saturating_sub(owed.in_market()),
        };
        (difference != Difference::default()).then_some(difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_for_seconds_and_no_longer() {
        let mut memory = Memory::default();
        assert!(memory.answer(Instant::now()).is_none());
        memory.tell(Err(Problem::unavailable("no block was followed yet")));
        let at = memory.told.as_ref().unwrap().at;
        assert!(memory.answer(at).is_some());
        assert!(memory.answer(at + ANSWER_STANDS - Duration::from_millis(1)).is_some());
        assert!(memory.answer(at + ANSWER_STANDS).is_none());
    }
}
