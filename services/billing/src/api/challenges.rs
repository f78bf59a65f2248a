//! Challenges: what was reconciled above a meter's registers is taken back.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get, post};
use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::Side;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Money;
use utoipa::ToSchema;

use super::require;
use crate::Billing;
use crate::app::challenges::{Prepared, Wish};
use crate::db::challenges::{self, Proven, Sent};
use crate::domain::challenge::{Cut, Proof};

/// Challenges on their way or refused that a list shows at most, before those in blocks.
const UNPROVEN_MAX: u32 = 100;

/// A reading with its proof, as `GET /v1/readings/evidence/{trade}` hands it out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct ReadingProof {
    /// The bytes of the reading alone, as hex: payload and signature (119 bytes), and its place
    /// where it was signed with others.
    #[schema(value_type = String)]
    message: alloy_primitives::Bytes,
    /// The salt of its leaf.
    #[schema(value_type = String)]
    salt: B256,
    /// The community as contracts know it.
    #[schema(value_type = String)]
    community: B256,
    /// The period of its root.
    period: u64,
    /// The batch of the period, from 1.
    batch: u32,
    /// Place of the leaf under the root.
    index: u32,
    /// Siblings from the leaf up.
    #[schema(value_type = Vec<String>)]
    path: Vec<B256>,
}

/// What is challenged, and by which readings.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeWish {
    /// The trade's name on chain.
    #[schema(value_type = String)]
    trade: B256,
    /// Whose meter shows it: `buy` or `sell`.
    #[schema(value_type = String, example = "sell")]
    side: Side,
    /// The registers when the slot began, or before.
    begin: ReadingProof,
    /// The registers when it ended, or after.
    end: ReadingProof,
}

/// A trade that is cut. Energy in Wh; money is what a party has more than before.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CutView {
    /// The trade.
    pub(crate) trade: String,
    /// What was reconciled as delivered.
    pub(crate) delivered_before_wh: u64,
    /// What is left of it.
    pub(crate) delivered_wh: u64,
    /// What the seller lacks then.
    pub(crate) seller_short_wh: u64,
    /// What the buyer did not take then.
    pub(crate) buyer_short_wh: u64,
    /// To the buyer, in major units.
    #[schema(value_type = String, example = "0.768")]
    pub(crate) buyer_gets: Money,
    /// To the seller; negative where it gives back.
    #[schema(value_type = String, example = "-0.712")]
    pub(crate) seller_gets: Money,
}

/// A call as any wallet sends it, without value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CallView {
    /// The chain.
    pub(crate) chain_id: u64,
    /// The contract.
    pub(crate) to: String,
    /// The call data, as hex.
    pub(crate) data: String,
}

/// What a challenge comes to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct JudgedView {
    /// The trade that was asked for.
    pub(crate) trade: String,
    /// Whose meter it is: `buy` or `sell`.
    pub(crate) side: String,
    /// The address that bought or sold there.
    pub(crate) address: String,
    /// Where the meter is.
    pub(crate) connection_point: String,
    /// Start of the slot.
    pub(crate) slot: String,
    /// What the meter registered in the slot.
    pub(crate) registered_wh: u64,
    /// What was reconciled as delivered of all its trades on this side.
    pub(crate) reconciled_wh: u64,
    /// How much of that is above the registers.
    pub(crate) excess_wh: u64,
    /// What is cut; nothing where all fits.
    pub(crate) cuts: Vec<CutView>,
    /// To the buyers, in all.
    #[schema(value_type = String)]
    pub(crate) buyers_get: Money,
    /// To the sellers, in all.
    #[schema(value_type = String)]
    pub(crate) sellers_get: Money,
}

/// A challenge as it would be judged now, and the call that makes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PreparedChallenge {
    /// What it comes to.
    #[serde(flatten)]
    pub(crate) judged: JudgedView,
    /// `early` while corrections are open, `open`, or `over`.
    pub(crate) window: String,
    /// From when on a challenge is taken.
    pub(crate) opens: String,
    /// When the window ends.
    pub(crate) closes: String,
    /// What to send; absent where nothing is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<CallView>,
}

/// A challenge on its way, refused, or proven in a block.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ChallengeView {
    /// What it comes to.
    #[serde(flatten)]
    pub(crate) judged: JudgedView,
    /// `sent` by the relay, `failed` in a block, `cut` in a block, or `final`.
    pub(crate) state: String,
    /// Why it failed, as the contract says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The transaction that proved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction: Option<String>,
    /// When it was sent or proven.
    pub(crate) at: String,
}

/// Judges two readings of a meter against what was reconciled, and prepares the call.
///
/// Anyone can send the call to the chain. Refused with `READING_...`, `ORDERS_NOT_SHOWN` and
/// `TRADES_CHANGED`.
#[utoipa::path(
    tag = "billing",
    request_body = ChallengeWish,
    responses((status = 200, body = PreparedChallenge), Problems)
)]
#[post("/v1/trade-challenges/prepare")]
pub(crate) async fn prepare_trade_challenge(
    billing: Data<Billing>,
    caller: Principal,
    Json(wish): Json<ChallengeWish>,
) -> Result<Json<PreparedChallenge>, Problem> {
    require(&caller, Action::FileChallenge)?;
    let wish = wish.parse();
    let prepared = billing.prepare_challenge(caller.community, &wish).await?;
    let window = prepared.case.window();
    let call = CallView {
        chain_id: billing.chain_id,
        to: prepared.call.to.to_string(),
        data: prepared.call.data.to_string(),
    };
    Ok(Json(PreparedChallenge {
        judged: judged(&wish, &prepared)?,
        window: prepared.stage.name().to_owned(),
        opens: moment(window.opens),
        closes: moment(window.closes),
        call: Some(call).filter(|_| !prepared.judged.cuts.is_empty()),
    }))
}

/// Has the operator's relay send a challenge, for those who have no ether.
///
/// The same challenge is sent once; asked for again it is answered as it stands. Refused also with
/// `TOO_EARLY`, `TOO_LATE`, `NO_EXCESS`, `REFUSED`, `TOO_LARGE` and `CHALLENGES_OPEN`.
#[utoipa::path(
    tag = "billing",
    request_body = ChallengeWish,
    responses((status = 201, body = ChallengeView), Problems)
)]
#[post("/v1/trade-challenges")]
pub(crate) async fn file_trade_challenge(
    billing: Data<Billing>,
    caller: Principal,
    Json(wish): Json<ChallengeWish>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::FileChallenge)?;
    let wish = wish.parse();
    let prepared = billing.prepare_challenge(caller.community, &wish).await?;
    let shown = judged(&wish, &prepared)?;
    let shown = serde_json::to_string(&shown).expect("plain data with text keys");
    let by = (caller.community, caller.account);
    let kept = (shown, billing.now());
    let sent = billing.file_challenge(by, wish.trade, &prepared, kept).await?;
    Ok(HttpResponse::Created().json(of_sent(&billing, &sent).await?))
}

/// Challenges of the community: on their way, refused, and proven in blocks, newest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<ChallengeView>), Problems)
)]
#[get("/v1/trade-challenges")]
pub(crate) async fn list_trade_challenges(
    billing: Data<Billing>,
    caller: Principal,
    page: Query<PageQuery>,
) -> Result<Json<Page<ChallengeView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let before = before(page.cursor.as_deref())?;
    let mut items = Vec::new();
    if page.cursor.is_none() {
        for sent in challenges::unproven(&billing.db, caller.community, UNPROVEN_MAX).await? {
            items.push(of_sent(&billing, &sent).await?);
        }
    }
    let limit = page.limit();
    let proven = challenges::proven(&billing.db, caller.community, before, limit).await?;
    let full = proven.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let last = proven.last().filter(|_| full);
    let next = last.map(|last| format!("{}.{}", last.place.0, last.place.1));
    let finalized = billing.finalized().await;
    for one in &proven {
        items.push(of_proven(&billing, one, finalized).await?);
    }
    Ok(Json(Page { items, next }))
}

impl ChallengeWish {
    fn parse(self) -> Wish {
        let proof = |proof: ReadingProof| Proof {
            message: proof.message,
            salt: proof.salt,
            community: proof.community,
            period: proof.period,
            batch: proof.batch,
            index: proof.index,
            path: proof.path,
        };
        let ChallengeWish { trade, side, begin, end } = self;
        Wish { trade, side, begin: proof(begin), end: proof(end) }
    }
}

/// The place before which a page begins.
fn before(cursor: Option<&str>) -> Result<(i64, i64), Problem> {
    let Some(cursor) = cursor else { return Ok((i64::MAX, 0)) };
    let parsed = cursor.split_once('.');
    let parsed = parsed.and_then(|(block, place)| Some((block.parse().ok()?, place.parse().ok()?)));
    parsed.ok_or_else(|| Problem::malformed("the cursor is not one of ours"))
}

fn judged(wish: &Wish, prepared: &Prepared) -> Result<JudgedView, Problem> {
    let Prepared { case, judged, .. } = prepared;
    let [buyers_get, sellers_get] = judged.money().map_err(anyhow::Error::from)?;
    Ok(JudgedView {
        trade: wish.trade.to_string(),
        side: side_name(case.side).to_owned(),
        address: case.account.to_string(),
        connection_point: case.point.to_string(),
        slot: moment(case.slot()[0]),
        registered_wh: judged.registered.wh(),
        reconciled_wh: judged.claimed.wh(),
        excess_wh: judged.excess().wh(),
        cuts: judged.cuts.iter().map(cut_view).collect(),
        buyers_get,
        sellers_get,
    })
}

async fn of_sent(billing: &Billing, sent: &Sent) -> Result<ChallengeView, Problem> {
    let judged = serde_json::from_str(&sent.shown).map_err(anyhow::Error::from)?;
    let state = match sent.state {
        crate::db::requests::RequestState::Done => "cut",
        other => other.name(),
    };
    Ok(ChallengeView {
        judged,
        state: state.to_owned(),
        reason: billing.reason_of_challenge(sent).await?,
        transaction: None,
        at: sent.at.to_string(),
    })
}

async fn of_proven(
    billing: &Billing,
    proven: &Proven,
    finalized: u64,
) -> Result<ChallengeView, Problem> {
    let cuts = billing.cuts_of(proven).await?;
    let sum = |of: fn(&Cut) -> Money| Money::sum(cuts.iter().map(of)).map_err(anyhow::Error::from);
    let fact = &proven.fact;
    Ok(ChallengeView {
        judged: JudgedView {
            trade: cuts.first().map(|cut| cut.after.trade.to_string()).unwrap_or_default(),
            side: side_name(fact.side).to_owned(),
            address: fact.account.to_string(),
            connection_point: fact.point.to_string(),
            slot: moment(fact.slot),
            registered_wh: fact.registered.wh(),
            reconciled_wh: fact.claimed.wh(),
            excess_wh: fact.claimed.less(fact.registered).wh(),
            buyers_get: sum(|cut| cut.buyer)?,
            sellers_get: sum(|cut| cut.seller)?,
            cuts: cuts.iter().map(cut_view).collect(),
        },
        state: if proven.place.0 <= finalized { "final" } else { "cut" }.to_owned(),
        reason: None,
        transaction: Some(fact.transaction.to_string()),
        at: moment(fact.time),
    })
}

fn cut_view(cut: &Cut) -> CutView {
    CutView {
        trade: cut.after.trade.to_string(),
        delivered_before_wh: cut.before.delivered.wh(),
        delivered_wh: cut.after.delivered.wh(),
        seller_short_wh: cut.after.seller_short.wh(),
        buyer_short_wh: cut.after.buyer_short.wh(),
        buyer_gets: cut.buyer,
        seller_gets: cut.seller,
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn moment(seconds: u64) -> String {
    Timestamp::from_seconds(seconds.cast_signed()).to_string()
}
