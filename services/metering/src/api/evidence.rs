//! Readings with the proof that they were anchored: what a challenge shows to the contract.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use alloy_primitives::{B256, Bytes};
use calendar::Timestamp;
use ids::CommunityId;
use serde::{Deserialize, Serialize};
use service::{Fault, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::readable_meter;
use crate::Metering;
use crate::app::evidence::{Evidence, evidence};
use crate::app::trades::boundaries;
use crate::db::trades::{self, Side};

/// Which reading is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EvidenceQuery {
    /// The meter.
    meter: String,
    /// The moment of the registers, the end of a slot (RFC 3339).
    time: String,
}

/// A reading as `Challenges.challenge` takes it. Bytes as hex with `0x`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvidenceView {
    /// The bytes of the reading alone: payload and signature (119 bytes), and its place where it
    /// was signed with others.
    pub(crate) message: String,
    /// The salt of its leaf.
    pub(crate) salt: String,
    /// The community as contracts know it.
    pub(crate) community: String,
    /// The period of the root on chain: the start of the slot that ends with the reading, epoch
    /// seconds.
    pub(crate) period: u64,
    /// The batch of the period, from 1.
    pub(crate) batch: u32,
    /// The root that was handed to the chain.
    pub(crate) root: String,
    /// Leaves under the root.
    pub(crate) count: u32,
    /// Which of them the reading is.
    pub(crate) index: u32,
    /// Siblings from the leaf up.
    pub(crate) path: Vec<String>,
}

impl EvidenceView {
    fn new(found: &Evidence, community: CommunityId) -> EvidenceView {
        EvidenceView {
            message: Bytes::from(found.signed.encode()).to_string(),
            salt: found.salt.to_string(),
            community: B256::from(community.to_bytes32()).to_string(),
            period: found.slot.unsigned(),
            batch: found.batch,
            root: found.root.to_string(),
            count: found.count,
            index: found.index,
            path: found.path.iter().map(B256::to_string).collect(),
        }
    }
}

/// What one side's meter said at both ends of the slot. What is absent was not read or is not
/// anchored yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SideEvidence {
    /// Where the side takes or feeds in.
    pub(crate) connection_point: String,
    /// The registers when the slot began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) begin: Option<EvidenceView>,
    /// The registers when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<EvidenceView>,
}

/// The registers under a trade, of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TradeEvidence {
    /// The trade's name on chain.
    pub(crate) trade: String,
    /// Start of its slot.
    pub(crate) slot: String,
    /// How long the slot lasts.
    pub(crate) slot_minutes: u16,
    /// The buyer's meter.
    pub(crate) buyer: SideEvidence,
    /// The seller's meter.
    pub(crate) seller: SideEvidence,
}

/// What a meter said at the end of a slot, with the proof that it was anchored.
///
/// Two of these, at both ends of a slot, prove to the contract what a connection point took and fed
/// in. Whoever gets them learns the registers and nothing else: the salt is of this reading only.
#[utoipa::path(params(EvidenceQuery),
    responses((status = 200, body = EvidenceView), Problems), tag = "metering")]
#[get("/v1/readings/evidence")]
pub(crate) async fn get_evidence(
    metering: Data<Metering>,
    principal: Principal,
    wanted: Query<EvidenceQuery>,
) -> Result<Json<EvidenceView>, Problem> {
    let meter = readable_meter(&metering, &principal, &wanted.meter).await?;
    let time = wanted.time.parse();
    let time: Timestamp =
        time.map_err(|_| Problem::malformed(format!("{:?} is no time", wanted.time)))?;
    let length = metering.config().slot;
    let found = evidence(metering.db(), length, &meter, time).await.map_err(Fault::problem)?;
    let found = found.ok_or_else(|| Problem::not_found("anchored reading"))?;
    Ok(Json(EvidenceView::new(&found, meter.community)))
}

/// What both meters under a trade said at the ends of its slot, for its buyer and seller.
///
/// Either side sees the other's two registers of this slot and nothing else of them, so that it can
/// hold what was reconciled against them. To anybody but the sides and staff the trade does not
/// exist.
#[utoipa::path(params(("trade" = String, Path, description = "Its name on chain")),
    responses((status = 200, body = TradeEvidence), Problems), tag = "metering")]
#[get("/v1/readings/evidence/{trade}")]
pub(crate) async fn get_trade_evidence(
    metering: Data<Metering>,
    principal: Principal,
    trade: Path<String>,
) -> Result<Json<TradeEvidence>, Problem> {
    let missing = || Problem::not_found("trade");
    let name: B256 = trade.parse().map_err(|_| missing())?;
    let met = trades::find(metering.db(), &name.to_string()).await.map_err(Fault::problem)?;
    let met = met
        .filter(|met| {
            let sides = [met.buyer, met.seller];
            met.community == principal.community
                && sides.iter().any(|side| principal.may_read(side.account))
        })
        .ok_or_else(missing)?;
    Ok(Json(TradeEvidence {
        buyer: of_side(&metering, met.slot, met.buyer).await?,
        seller: of_side(&metering, met.slot, met.seller).await?,
        slot: met.slot.to_string(),
        slot_minutes: metering.config().slot.minutes(),
        trade: met.trade,
    }))
}

async fn of_side(
    metering: &Metering,
    slot: Timestamp,
    side: Side,
) -> Result<SideEvidence, Problem> {
    let length = metering.config().slot;
    let found = boundaries(metering.db(), length, slot, side).await.map_err(Fault::problem)?;
    let view = |found: &Option<Evidence>, community| {
        found.as_ref().map(|found| EvidenceView::new(found, community))
    };
    Ok(SideEvidence {
        connection_point: side.point.to_string(),
        begin: found.as_ref().and_then(|found| view(&found.begin, found.meter.community)),
        end: found.as_ref().and_then(|found| view(&found.end, found.meter.community)),
    })
}
