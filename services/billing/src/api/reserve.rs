//! What stands behind the tokens, for everyone.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use service::{Problem, Problems};
use units::Decimal;
use utoipa::ToSchema;

use crate::Billing;
use crate::app::reserve::{self, Checked, Difference, Owed, Question, Reserve};

/// What stands behind the tokens, all as of one block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReserveView {
    /// The chain.
    pub(crate) chain_id: u64,
    /// The block that the books have followed; the chain was asked at the same.
    pub(crate) block: ReserveBlock,
    /// The books of the first currency.
    pub(crate) journal: ReserveJournal,
    /// One for each token: the first is of what energy is traded in.
    pub(crate) reserves: Vec<CurrencyReserve>,
}

/// A block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReserveBlock {
    /// Its height.
    pub(crate) number: u64,
    /// Its hash: two blocks may have had one height.
    pub(crate) hash: String,
}

/// The state of the journal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReserveJournal {
    /// How many entries it has.
    pub(crate) entries: u64,
    /// Hash of the newest entry: it commits to all of them.
    pub(crate) head: String,
    /// The last check for this answer; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checked: Option<JournalCheck>,
}

/// A check of the whole journal: that no entry was changed, and what must be true of its balances.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct JournalCheck {
    /// When.
    pub(crate) at: String,
    /// Entries from the first to the newest of then.
    pub(crate) entries: u64,
    /// Rules that did not hold; zero when the journal was in order.
    pub(crate) violations: u64,
}

/// A token, what stands behind it, and what is owed in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CurrencyReserve {
    /// What one token stands for (ISO 4217).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "EUR")]
    pub(crate) currency: Option<String>,
    /// The books of this currency.
    pub(crate) journal: ReserveJournal,
    /// Address of the token.
    pub(crate) token: String,
    /// Address of the market contract.
    pub(crate) market: String,
    /// What the bank account 1000 of the journal holds, in major units: the operator's statement.
    pub(crate) bank: String,
    /// All tokens that there are, in major units.
    pub(crate) supply: String,
    /// Tokens that the market contract holds, in major units.
    pub(crate) market_holds: String,
    /// What the journal owes to everybody, in major units.
    pub(crate) owed: String,
    /// What that is made of.
    pub(crate) owed_parts: OwedParts,
    /// Whether the bank account is what is owed, the tokens are what is owed but for payouts on
    /// their way, and the market contract holds what is owed but for these and the tokens outside.
    pub(crate) equal: bool,
    /// By how much they differ; absent where they are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<ReserveDifference>,
    /// The calls that give `supply` and `market_holds`, for any node of the chain.
    pub(crate) calls: Vec<ReserveCall>,
}

/// What the journal owes, in major units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OwedParts {
    /// Free money of accounts, what was asked for as a withdrawal and is not paid yet included.
    pub(crate) wallets: String,
    /// Proceeds inside the challenge window.
    pub(crate) locked: String,
    /// Held of buyers for energy that is to come.
    pub(crate) escrow: String,
    /// Held of sellers for energy that is to come.
    pub(crate) collateral: String,
    /// Network fees that are not released yet.
    pub(crate) network_fees: String,
    /// Platform fees that are not released yet.
    pub(crate) platform_fees: String,
    /// The community's pot and what is paid at an imbalance price, not released yet.
    pub(crate) balancing: String,
    /// What nobody can explain; zero when the books are in order.
    pub(crate) suspense: String,
    /// To who holds tokens outside of the market contract.
    pub(crate) tokens: String,
    /// Redeemed, and not paid out by the bank yet: no token stands for it any more.
    pub(crate) payouts: String,
}

/// By how much the figures differ, in 1e-9 of the currency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReserveDifference {
    /// All tokens less the bank account without the payouts on their way.
    #[schema(example = "-1500000000")]
    pub(crate) supply_bank: String,
    /// The bank account less what is owed.
    pub(crate) bank_owed: String,
    /// What the market contract holds less what it should hold.
    pub(crate) market_owed: String,
}

/// A call (`eth_call`) at `block` that anybody can make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReserveCall {
    /// Whom to call.
    pub(crate) to: String,
    /// The function, with the type of its answer.
    #[schema(example = "balanceOf(address)(uint256)")]
    pub(crate) signature: String,
    /// What it is given.
    pub(crate) arguments: Vec<String>,
    /// The same, encoded.
    pub(crate) data: String,
    /// What it answered, in 1e-9 of the currency.
    #[schema(example = "25000000000")]
    pub(crate) answer: String,
}

/// Shows what stands behind the tokens, as of one block that anybody can ask a node for.
///
/// An answer stands for five seconds. The bank account's figure is the operator's statement: the
/// chain cannot see a bank.
#[utoipa::path(
    tag = "billing",
    security(()),
    responses((status = 200, body = ReserveView), Problems)
)]
#[get("/v1/reserve")]
pub(crate) async fn get_reserve(billing: Data<Billing>) -> Result<Json<ReserveView>, Problem> {
    let reserve = billing.proof_of_reserve().await?;
    Ok(Json(view(&reserve)))
}

fn view(reserve: &Reserve) -> ReserveView {
    let reserves: Vec<CurrencyReserve> =
        reserve.currencies.iter().map(CurrencyReserve::from).collect();
    let first = reserves.first().expect("there is a first currency");
    ReserveView {
        chain_id: reserve.chain_id,
        block: ReserveBlock { number: reserve.block.number, hash: reserve.block.hash.to_string() },
        journal: first.journal.clone(),
        reserves,
    }
}

impl From<&reserve::CurrencyReserve> for CurrencyReserve {
    fn from(of: &reserve::CurrencyReserve) -> CurrencyReserve {
        let (books, difference) = (&of.books, of.difference());
        let token = format!("{:#x}", of.cash.token);
        let calls = [&of.supply, &of.held];
        CurrencyReserve {
            currency: Some(of.code.clone()),
            journal: ReserveJournal {
                entries: books.entries,
                head: books.head.to_string(),
                checked: of.checked.map(JournalCheck::from),
            },
            market: format!("{:#x}", of.cash.market),
            bank: major(books.bank),
            supply: major(of.supply.amount()),
            market_holds: major(of.held.amount()),
            owed: major(books.owed.total()),
            owed_parts: OwedParts::from(books.owed),
            equal: difference.is_none(),
            difference: difference.map(ReserveDifference::from),
            calls: calls.into_iter().map(|asked| call(&token, asked)).collect(),
            token,
        }
    }
}

fn call(token: &str, asked: &Question) -> ReserveCall {
    ReserveCall {
        to: token.to_owned(),
        signature: asked.signature.clone(),
        arguments: asked.argument.iter().map(|address| format!("{address:#x}")).collect(),
        data: asked.data.to_string(),
        answer: asked.answer.to_string(),
    }
}

/// An amount of 1e-9 currency in major units. Tokens that nobody paid for may be more than money
/// can hold.
fn major(n: i128) -> String {
    Decimal::new(n, 9).to_string()
}

impl From<Checked> for JournalCheck {
    fn from(checked: Checked) -> JournalCheck {
        JournalCheck {
            at: checked.at.to_string(),
            entries: checked.entries,
            violations: checked.violations,
        }
    }
}

impl From<Owed> for OwedParts {
    fn from(owed: Owed) -> OwedParts {
        OwedParts {
            wallets: major(owed.wallets),
            locked: major(owed.locked),
            escrow: major(owed.escrow),
            collateral: major(owed.collateral),
            network_fees: major(owed.network_fees),
            platform_fees: major(owed.platform_fees),
            balancing: major(owed.balancing),
            suspense: major(owed.suspense),
            tokens: major(owed.tokens),
            payouts: major(owed.payouts),
        }
    }
}

impl From<Difference> for ReserveDifference {
    fn from(difference: Difference) -> ReserveDifference {
        ReserveDifference {
            supply_bank: difference.supply_bank.to_string(),
            bank_owed: difference.bank_owed.to_string(),
            market_owed: difference.market_owed.to_string(),
        }
    }
}
