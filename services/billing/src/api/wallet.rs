//! What an account has, and how it came to it.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use service::{Page, Principal, Problem, Problems};
use units::Money;
use utoipa::{IntoParams, ToSchema};

use super::account_of;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::addresses::{self, Span};
use crate::db::journal;
use crate::domain::bank::reference;
use crate::domain::journal::{Account, Book, Entry, Fact};

/// Whose, and which part.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatementQuery {
    /// The account; the caller's own when absent.
    account: Option<String>,
    /// Which currency (ISO 4217); the one that energy is traded in when absent.
    currency: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Whose wallet.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WalletQuery {
    /// The account; the caller's own when absent.
    account: Option<String>,
    /// Which currency (ISO 4217); the one that energy is traded in when absent.
    currency: Option<String>,
}

/// Money of an account, in major units of one currency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct WalletView {
    /// The account.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// The address at which the slot that goes on now settles.
    pub(crate) address: String,
    /// What a transfer to the community's bank account says so that it is credited here (ISO
    /// 11649).
    #[schema(example = "RF18539007547034")]
    pub(crate) reference: String,
    /// What it has of the currency that is asked for, at all of its addresses.
    #[serde(flatten)]
    pub(crate) balance: BalanceView,
    /// What it has of each currency, the one that energy is traded in first.
    pub(crate) balances: Vec<BalanceView>,
    /// What each of its addresses has of the currency that is asked for, oldest first.
    #[serde(default)]
    pub(crate) addresses: Vec<AddressBalanceView>,
}

/// What an account has at one of its addresses, in major units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AddressBalanceView {
    /// The address.
    pub(crate) address: String,
    /// Start of the first slot that settles at it; absent for the one that the account was opened
    /// with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) from: Option<String>,
    /// Start of the first that does not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// Free money.
    pub(crate) free: String,
    /// All of it, what is locked or held included.
    pub(crate) total: String,
}

/// What an account has of a currency, in major units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct BalanceView {
    /// The currency (ISO 4217).
    #[schema(example = "EUR")]
    pub(crate) currency: String,
    /// Its own money, what was asked for as a withdrawal included.
    pub(crate) free: String,
    /// Proceeds inside the challenge window.
    pub(crate) locked: String,
    /// Held for energy that it bought.
    pub(crate) escrow: String,
    /// Held for energy that it sold.
    pub(crate) collateral: String,
    /// All of it.
    pub(crate) total: String,
    /// Its own tokens outside of trading, which wait for a signature: to be paid out, or to go back
    /// (`POST /v1/payouts/prepare` with `outside`). Not in the total; absent where no node says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outside: Option<String>,
    /// The same for each address that has any: `?address=` of `POST /v1/payouts/prepare` names it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) outside_at: Vec<OutsideView>,
}

/// Tokens outside of trading that an account has at one of its addresses.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OutsideView {
    /// The address.
    pub(crate) address: String,
    /// How much, in major units.
    pub(crate) amount: String,
}

/// One entry of a statement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatementItem {
    /// Place in the journal.
    pub(crate) sequence: u64,
    /// When it became true.
    pub(crate) at: String,
    /// `deposited`, `settled`, `reconciled`, `released`, `transferred`, `withdrawn`, `redeemed`,
    /// `paid-out` or `reissued`.
    pub(crate) what: String,
    /// Whether the chain took it back.
    pub(crate) reversal: bool,
    /// The trade, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trade: Option<String>,
    /// By how much the account's money grew, in major units.
    pub(crate) change: String,
    /// The transfers, as an accountant writes them.
    pub(crate) transfers: Vec<TransferView>,
}

/// From `credit` to `debit`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TransferView {
    /// The account whose debit side grows.
    pub(crate) debit: String,
    /// The account whose credit side grows.
    pub(crate) credit: String,
    /// In major units.
    pub(crate) amount: String,
}

/// What the account has, of each currency.
#[utoipa::path(
    tag = "billing",
    params(WalletQuery),
    responses((status = 200, body = WalletView), Problems)
)]
#[get("/v1/wallet")]
pub(crate) async fn get_wallet(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<WalletQuery>,
) -> Result<Json<WalletView>, Problem> {
    let account = account_of(&billing, &caller, query.account.as_deref()).await?;
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let spans = addresses::of_account(&billing.db, account.account).await?;
    let all: Vec<Address> = spans.iter().map(|span| span.address).collect();
    let mut outside = BTreeMap::new();
    for id in billing.currencies.ids() {
        outside.insert(id, billing.outside(&all, id, billing.now()).await?);
    }
    let held: BTreeMap<CurrencyId, BTreeMap<Address, Held>> = {
        let state = billing.state.lock().await;
        billing.currencies.ids().map(|id| (id, held(state.book_of(id), &all))).collect()
    };
    let balance = |id: CurrencyId| {
        let outside = outside.get(&id).and_then(Option::as_deref);
        balance(&held[&id], outside, billing.currencies.code(id))
    };
    let at = |span: &Span| {
        let has = held[&currency].get(&span.address).copied().unwrap_or_default();
        AddressBalanceView {
            address: format!("{:#x}", span.address),
            from: (span.from.seconds() > 0).then(|| span.from.to_string()),
            until: span.until.map(|until| until.to_string()),
            free: money(has.free),
            total: money(has.total()),
        }
    };
    Ok(Json(WalletView {
        addresses: spans.iter().map(at).collect(),
        account: account.account.to_string(),
        address: format!("{:#x}", account.address),
        reference: reference(account.account).to_string(),
        balance: balance(currency),
        balances: billing.currencies.ids().map(balance).collect(),
    }))
}

/// What an address has of a currency, in 1e-9 of it.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    free: i128,
    locked: i128,
    escrow: i128,
    collateral: i128,
}

impl Held {
    fn total(self) -> i128 {
        self.free + self.locked + self.escrow + self.collateral
    }

    fn plus(self, other: &Held) -> Held {
        Held {
            free: self.free + other.free,
            locked: self.locked + other.locked,
            escrow: self.escrow + other.escrow,
            collateral: self.collateral + other.collateral,
        }
    }
}

/// What each of `addresses` has that has anything.
fn held(book: &Book, addresses: &[Address]) -> BTreeMap<Address, Held> {
    let addresses: BTreeSet<&Address> = addresses.iter().collect();
    let mut held: BTreeMap<Address, Held> = BTreeMap::new();
    for (of, owed) in book.balances() {
        let mut has = Held::default();
        let (part, owner) = match of {
            Account::Wallet(owner) => (&mut has.free, Some(*owner)),
            Account::Locked(owner, _)
            | Account::Dso(owner, _)
            | Account::Pot(owner, _)
            | Account::Imbalance(owner, _)
            | Account::PlatformFee(owner, _) => (&mut has.locked, Some(*owner)),
            Account::Escrow(trade) => {
                (&mut has.escrow, book.trade(trade).map(|trade| trade.settled.buyer))
            }
            Account::Collateral(owner, _) => (&mut has.collateral, Some(*owner)),
            _ => continue,
        };
        let Some(owner) = owner.filter(|owner| addresses.contains(owner)) else { continue };
        *part = -owed;
        let sum = held.entry(owner).or_default();
        *sum = sum.plus(&has);
    }
    held
}

fn balance(
    held: &BTreeMap<Address, Held>,
    outside: Option<&[(Address, Money)]>,
    currency: &str,
) -> BalanceView {
    let all = held.values().fold(Held::default(), Held::plus);
    let sum = |at: &[(Address, Money)]| money(at.iter().map(|(_, has)| i128::from(has.n())).sum());
    let at = |(address, amount): &(Address, Money)| OutsideView {
        address: format!("{address:#x}"),
        amount: amount.to_string(),
    };
    BalanceView {
        currency: currency.to_owned(),
        free: money(all.free),
        locked: money(all.locked),
        escrow: money(all.escrow),
        collateral: money(all.collateral),
        total: money(all.total()),
        outside: outside.map(sum),
        outside_at: outside.unwrap_or_default().iter().map(at).collect(),
    }
}

/// The entries that touch the account's money, newest first.
#[utoipa::path(
    tag = "billing",
    params(StatementQuery),
    responses((status = 200, body = Page<StatementItem>), Problems)
)]
#[get("/v1/statement")]
pub(crate) async fn list_statement(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<StatementQuery>,
) -> Result<Json<Page<StatementItem>>, Problem> {
    let account = account_of(&billing, &caller, query.account.as_deref()).await?;
    let limit = service::PageQuery { limit: query.limit, cursor: None }.limit();
    let before = match query.cursor.as_deref() {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| Problem::malformed("cursor: unknown"))?,
    };
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let (db, id) = (&billing.db, account.account);
    let entries = journal::of_owner(db, currency, id, before, limit).await?;
    let spans = addresses::of_account(db, id).await?;
    let all: Vec<Address> = spans.iter().map(|span| span.address).collect();
    let full = entries.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = entries.last().filter(|_| full).map(|(_, entry)| entry.sequence.to_string());
    let state = billing.state.lock().await;
    let item = |(at, entry): (calendar::Timestamp, Entry)| {
        item(state.book_of(currency), &all, at.to_string(), &entry)
    };
    Ok(Json(Page { items: entries.into_iter().map(item).collect(), next }))
}

fn item(book: &Book, addresses: &[Address], at: String, entry: &Entry) -> StatementItem {
    let ours = |account: &Account| {
        let owner = match account {
            Account::Escrow(trade) => book.trade(trade).map(|trade| trade.settled.buyer),
            account => account.owner(),
        };
        owner.is_some_and(|owner| addresses.contains(&owner))
    };
    let mut change = 0;
    let mut transfers = Vec::new();
    for transfer in &entry.money {
        let amount = i128::from(transfer.amount);
        let (debit, credit) = (ours(&transfer.debit), ours(&transfer.credit));
        // What is owed to the account grows on the credit side.
        change += if credit { amount } else { 0 };
        change -= if debit { amount } else { 0 };
        if debit || credit {
            transfers.push(TransferView {
                debit: transfer.debit.to_string(),
                credit: transfer.credit.to_string(),
                amount: money(amount),
            });
        }
    }
    let (what, trade) = match &entry.fact {
        Fact::Minted { .. } => ("minted", None),
        Fact::Deposited { .. } => ("deposited", None),
        Fact::Transferred { .. } => ("transferred", None),
        Fact::Settled(settled) => ("settled", Some(settled.trade)),
        Fact::Reconciled { trade, .. } => ("reconciled", Some(*trade)),
        Fact::Released { .. } => ("released", None),
        Fact::Withdrawn { .. } => ("withdrawn", None),
        Fact::Redeemed { .. } => ("redeemed", None),
        Fact::PaidOut { .. } => ("paid-out", None),
        Fact::Reissued { .. } => ("reissued", None),
        Fact::Metered { .. } => ("metered", None),
        Fact::Invoiced(_) => ("invoiced", None),
        Fact::Corrected(_) => ("corrected", None),
        Fact::ReminderFee { .. } => ("reminder-fee", None),
        Fact::InvoicePaid { .. } | Fact::PaidFromWallet { .. } => ("invoice-paid", None),
    };
    StatementItem {
        sequence: entry.sequence,
        at,
        what: what.to_owned(),
        reversal: entry.reversal,
        trade: trade.map(|trade| trade.to_string()),
        change: money(change),
        transfers,
    }
}

/// In major units; sums of balances always fit, because each was money of the chain.
pub(super) fn money(n: i128) -> String {
    Money::from_n(i64::try_from(n).unwrap_or(i64::MAX)).to_string()
}
