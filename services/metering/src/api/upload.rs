//! Signed readings by HTTP: for meters and gateways that speak no MQTT, and for files.

use actix_web::post;
use actix_web::web::{Bytes, Data, Json, Path};
use reading::message_size;
use serde::{Deserialize, Serialize};
use service::{Fault, Problem, Problems};
use utoipa::ToSchema;

use super::sender::Sender;
use crate::Metering;

/// The most readings of one request.
const READINGS_MAX: usize = 512;

/// What became of the messages. All of them are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct UploadView {
    /// Stored now.
    pub(crate) accepted: u64,
    /// Stored before with the same content.
    pub(crate) duplicates: u64,
    /// Kept apart: staff see why.
    pub(crate) quarantined: u64,
}

/// Takes signed readings of a meter.
///
/// The body is messages MR1 (119 bytes) or MR2 of 1 to 512 readings in all, one after the other, as
/// they are published over MQTT. It is answered once they are on disk; a repeat counts as
/// duplicates. For the meter or a bridge with the name and token of the broker (basic
/// authentication), for the meter's account, and for operators: its signatures say what is
/// believed.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = UploadView), Problems),
    security(("bearer" = []), ("device" = [])),
    tag = "metering"
)]
#[post("/v1/meters/{id}/readings")]
pub(crate) async fn upload_readings(
    metering: Data<Metering>,
    sender: Sender,
    id: Path<String>,
    body: Bytes,
) -> Result<Json<UploadView>, Problem> {
    let meter = sender.own_meter(&metering, &id).await?;
    let messages = messages(&body).ok_or_else(|| {
        Problem::malformed(format!(
            "the body is messages MR1 or MR2 of 1 to {READINGS_MAX} readings"
        ))
    })?;
    let messages = messages.into_iter().map(|message| (meter, message.to_vec()));
    let tally = metering.store(messages.collect()).await.map_err(Fault::problem)?;
    Ok(Json(UploadView {
        accepted: tally.accepted,
        duplicates: tally.duplicates,
        quarantined: tally.quarantined,
    }))
}

/// The messages that lie behind each other in a body; `None` where it is none, where one is cut
/// off, and where there are too many readings.
fn messages(body: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut messages, mut readings, mut rest) = (Vec::new(), 0, body);
    while !rest.is_empty() {
        let (count, length) = message_size(rest)?;
        let (message, behind) = rest.split_at_checked(length)?;
        readings += count;
        if readings > READINGS_MAX {
            return None;
        }
        messages.push(message);
        rest = behind;
    }
    (!messages.is_empty()).then_some(messages)
}
