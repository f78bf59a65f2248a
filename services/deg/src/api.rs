//! The interface: three calls, each signed. It is described by its own document, not by ours: its
//! refusals and its signatures are others.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Result;
use calendar::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Deg;
use crate::db::records::{self, Wanted};
use crate::domain::record::Record;
use crate::domain::refusal::Refusal;
use crate::domain::signature::{Participant, caller};

/// Records that an answer has at most, and unless said.
const LIMIT_MAX: u32 = 500;
const LIMIT: u32 = 50;
/// The longest note of a utility, in characters.
const NOTE_CHARS_MAX: usize = 1_000;

/// The calls of the register.
pub fn routes(deg: Arc<Deg>) -> impl Fn(&mut ServiceConfig<'_>) + Clone + Send + Sync + 'static {
    let deg = Data::from(deg);
    move |config| {
        config
            .app_data(deg.clone())
            .route("/ledger/put", web::post().to(put))
            .route("/ledger/get", web::post().to(get))
            .route("/ledger/record", web::post().to(record));
    }
}

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Query {
    transaction_id: Option<String>,
    order_item_id: Option<String>,
    record_id: Option<String>,
    buyer_id: Option<String>,
    seller_id: Option<String>,
    discom_id_buyer: Option<String>,
    discom_id_seller: Option<String>,
    platform_id_buyer: Option<String>,
    platform_id_seller: Option<String>,
    creation_time_from: Option<Timestamp>,
    creation_time_to: Option<Timestamp>,
    trade_time_from: Option<Timestamp>,
    trade_time_to: Option<Timestamp>,
    delivery_start_from: Option<Timestamp>,
    delivery_start_to: Option<Timestamp>,
    delivery_end_from: Option<Timestamp>,
    delivery_end_to: Option<Timestamp>,
    limit: Option<u32>,
    #[serde(default)]
    offset: u32,
    sort: Option<Sort>,
    sort_order: Option<SortOrder>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Sort {
    CreationTime,
    TradeTime,
    DeliveryStartTime,
    DeliveryEndTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    Asc,
    Desc,
}

async fn put(deg: Data<Deg>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(async {
        let (by, said) = signed(&deg, &request, &body)?;
        Ok(written(&deg.put(by, said).await?))
    })
    .await
}

async fn record(deg: Data<Deg>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(async {
        let (by, said) = signed::<crate::domain::record::Actuals>(&deg, &request, &body)?;
        if said.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS_MAX) {
            return Err(Refusal::field(format!("note: at most {NOTE_CHARS_MAX} characters")).into());
        }
        Ok(written(&deg.record(by, said).await?))
    })
    .await
}

async fn get(deg: Data<Deg>, request: HttpRequest, body: Bytes) -> HttpResponse {
    answer(async {
        let (by, query) = signed::<Query>(&deg, &request, &body)?;
        let found = records::find(&deg.db, &by.id, &wanted(query)?).await?;
        let records: Vec<Value> = found.iter().map(shown).collect();
        Ok(json!({ "count": records.len(), "records": records }))
    })
    .await
}

/// Who sent a request, and what it says.
fn signed<T: DeserializeOwned>(
    deg: &Deg,
    request: &HttpRequest,
    body: &[u8],
) -> Result<(Participant, T)> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| Refusal::signature(format!("{name} is missing")))
    };
    let headers = (header("Authorization")?, header("Digest")?);
    let by = caller(&deg.participants, headers, body, deg.now())?.clone();
    let said = serde_json::from_slice(body).map_err(|error| {
        let missing = error.to_string().starts_with("missing field");
        if missing {
            Refusal::missing(&error.to_string())
        } else {
            Refusal::field(error.to_string())
        }
    })?;
    Ok((by, said))
}

fn wanted(query: Query) -> Result<Wanted, Refusal> {
    let limit = query.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Refusal::field(format!("limit: 1 to {LIMIT_MAX}")));
    }
    let texts = [
        ("transaction_id", query.transaction_id),
        ("item", query.order_item_id),
        ("id", query.record_id),
        ("buyer", query.buyer_id),
        ("seller", query.seller_id),
        ("discom_buyer", query.discom_id_buyer),
        ("discom_seller", query.discom_id_seller),
        ("platform_buyer", query.platform_id_buyer),
        ("platform_seller", query.platform_id_seller),
    ];
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::seconds);
    let times = [
        ("created", query.creation_time_from, query.creation_time_to),
        ("traded", query.trade_time_from, query.trade_time_to),
        ("starts", query.delivery_start_from, query.delivery_start_to),
        ("ends", query.delivery_end_from, query.delivery_end_to),
    ];
    Ok(Wanted {
        texts: texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect(),
        times: times.map(|(name, from, to)| (name, seconds(from), seconds(to))).to_vec(),
        sort: match query.sort.unwrap_or(Sort::CreationTime) {
            Sort::CreationTime => "created",
            Sort::TradeTime => "traded",
            Sort::DeliveryStartTime => "starts",
            Sort::DeliveryEndTime => "ends",
        },
        rising: query.sort_order == Some(SortOrder::Asc),
        limit,
        offset: query.offset,
    })
}

/// A record with its digest.
fn shown(record: &Record) -> Value {
    let mut shown = serde_json::to_value(record).expect("a record is plain data");
    shown["rowDigest"] = record.digest().into();
    shown
}

/// What is answered to a write.
fn written(record: &Record) -> Value {
    json!({
        "success": true, "recordId": record.record_id, "creationTime": record.creation_time,
        "rowDigest": record.digest(), "message": "Recorded",
    })
}

async fn answer(work: impl Future<Output = Result<Value>>) -> HttpResponse {
    match work.await {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(error) => match error.downcast_ref::<Refusal>() {
            Some(refusal) => {
                let status =
                    StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
                HttpResponse::build(status).json(refusal.body())
            }
            None => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                let body =
                    json!({ "code": "SRV_INTERNAL_ERROR", "message": "It failed on our side" });
                HttpResponse::InternalServerError().json(body)
            }
        },
    }
}
