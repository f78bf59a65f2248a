//! Who will get and lose rights over the contracts.

use actix_web::get;
use actix_web::web::{Data, Json};
use service::{Page, Problem, Problems};

use crate::Explorer;
use crate::api::dto::RoleChange;
use crate::app::role_changes::role_changes;

/// Lists changes of roles that the timelock announced, newest first: 2000 logs back.
///
/// A right over the contracts is given and taken by the timelock alone, and not before the delay
/// that everybody can watch here.
#[utoipa::path(
    tag = "explorer",
    security(()),
    responses((status = 200, body = Page<RoleChange>), Problems)
)]
#[get("/v1/role-changes")]
pub(crate) async fn list_role_changes(
    explorer: Data<Explorer>,
) -> Result<Json<Page<RoleChange>>, Problem> {
    let items = role_changes(&explorer.db, &explorer.deployment).await?;
    Ok(Json(Page { items, next: None }))
}
