//! What stands behind the tokens of each currency: the figures of the chain and those of the
//! journal, as of one block.
//!
//! ```text
//! journal, as it followed block n   1000 Bank, and what is owed to everybody
//! token at block n, by its hash     totalSupply(), balanceOf(market)
//! ```
//!
//! Whoever asks needs no login, so an answer stands for a while and one request at a time makes a
//! new one. Absent: a look at the bank. Its account in the journal is what the operator says came
//! in and went out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::bindings::SettlementToken;
use contracts::{Cash, SolCall};
use serde_json::json;
use service::Problem;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::Head;
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
    /// By currency.
    checked: Vec<Option<Checked>>,
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

/// The figures, all as of `block`.
#[derive(Debug)]
pub(crate) struct Reserve {
    pub(crate) chain_id: u64,
    pub(crate) block: Head,
    /// Of each currency, the first first.
    pub(crate) currencies: Vec<CurrencyReserve>,
}

/// The figures of a currency, in 1e-9 of it.
#[derive(Debug)]
pub(crate) struct CurrencyReserve {
    /// What a token stands for.
    pub(crate) code: String,
    pub(crate) books: Books,
    pub(crate) checked: Option<Checked>,
    pub(crate) cash: Cash,
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
            if let Some(checked) = self.check_journals().await? {
                memory.checked = checked.into_iter().map(Some).collect();
            }
        }
        let (block, books) = {
            let state = self.state.lock().await;
            let books = self.currencies.ids().map(|id| (id, Books::of(state.book_of(id))));
            (state.head, books.collect::<Vec<_>>())
        };
        let block = block.ok_or_else(|| Problem::unavailable("no block was followed yet"))?;
        let asked = tokio::time::timeout(NODE_WAIT_MAX, self.ask_tokens(block.hash)).await;
        let asked = asked.unwrap_or_else(|late| Err(late.into()));
        let asked = asked.map_err(|error| {
            tracing::warn!(error = format!("{error:#}"), "the reserve could not be read");
            Problem::unavailable("no node says what the chain has at the block of the books")
        })?;
        let reserve = |((id, books), (supply, held)): ((CurrencyId, Books), _)| CurrencyReserve {
            code: self.currencies.code(id).to_owned(),
            books,
            checked: memory.checked.get(id.place()).copied().flatten(),
            cash: self.currencies.at(id).cash(),
            supply,
            held,
        };
        let currencies = books.into_iter().zip(asked).map(reserve).collect();
        Ok(Reserve { chain_id: self.chain_id, block, currencies })
    }

    /// Checks each journal from where the last audit ended; nothing while an audit is at it.
    async fn check_journals(&self) -> Result<Option<Vec<Checked>>> {
        let Ok(mut audited) = self.audited.try_lock() else { return Ok(None) };
        let mut all = Vec::new();
        for id in self.currencies.ids() {
            let book = self.state.lock().await.book_of(id).clone();
            let entries = book.head().1;
            let from = std::mem::take(&mut audited[id.place()]);
            let (verified, chained) = self.verified(id, from, entries).await?;
            let checked = tokio::task::spawn_blocking(move || {
                let mut violations = check_each(&book, None);
                violations.extend(chained.and_then(|()| verified.agrees(&book)).err());
                (verified, violations.len() as u64)
            });
            let (verified, violations) = checked.await?;
            audited[id.place()] = verified;
            all.push(Checked { at: self.now(), entries, violations });
        }
        Ok(Some(all))
    }

    /// How many tokens there are of each currency, and how many its market holds, as of one block.
    async fn ask_tokens(&self, block: B256) -> Result<Vec<(Question, Question)>> {
        let mut asked = Vec::new();
        for id in self.currencies.ids() {
            let Cash { token, market } = self.currencies.at(id).cash();
            let held = SettlementToken::balanceOfCall { account: market };
            let supply = SettlementToken::totalSupplyCall;
            let supply = self.answer(token, supply, None, block).await?;
            asked.push((supply, self.answer(token, held, Some(market), block).await?));
        }
        Ok(asked)
    }

    async fn answer<Q: SolCall<Return = U256>>(
        &self,
        token: Address,
        question: Q,
        argument: Option<Address>,
        block: B256,
    ) -> Result<Question> {
        let data = Bytes::from(question.abi_encode());
        let call = json!({ "to": token, "data": data });
        let answer = self.node.request("eth_call", json!([call, { "blockHash": block }])).await?;
        let answer: Bytes = serde_json::from_value(answer)?;
        let answer = Q::abi_decode_returns(&answer)?;
        Ok(Question { signature: format!("{}(uint256)", Q::SIGNATURE), argument, data, answer })
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
                Account::Bank
                | Account::Collected
                | Account::Receivable(_)
                | Account::Retailer
                | Account::Rounding => continue,
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

impl CurrencyReserve {
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
