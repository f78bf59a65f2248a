//! Connection points.

use ::db::Tx;
use access::Action;
use anyhow::{Context, Result};
use calendar::TimeZone;
use events::Envelope;
use events::identity::ConnectionPointRegistered;
use ids::{AccountId, ConnectionPointId, Uuid, ZoneId};
use serde::Deserialize;
use service::{Page, PageQuery, Principal, Problem};
use units::Power;
use utoipa::ToSchema;

use crate::Identity;
use crate::db::{Part, audit, grid, people};
use crate::domain::audit::{Act, Outcome};
use crate::domain::grid::ConnectionPoint;

/// The largest connection, in watts: a community's is far below.
const POWER_MAX_W: u64 = 1_000_000_000;

/// A connection point that joins.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnectionPoint {
    /// Its id; made up when absent. The same id with the same content is answered as before.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub connection_point: Option<ConnectionPointId>,
    /// The account that is billed.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// Its grid area.
    #[schema(value_type = String, format = "uuid")]
    pub zone: ZoneId,
    /// Whose local days count, as an IANA name.
    #[schema(value_type = String, example = "Europe/Berlin")]
    pub timezone: TimeZone,
    /// The most it may take from the grid, in watts.
    #[schema(value_type = u64, example = 11000)]
    pub import_max_w: Power,
    /// The most it may feed in, in watts; zero without generation.
    #[schema(value_type = u64, example = 7000)]
    pub export_max_w: Power,
}

impl Identity {
    /// Adds a connection point to the community. Refused with `POWER` beyond a gigawatt, with 409
    /// when the id is of another one.
    pub async fn register_connection_point(
        &self,
        who: &Principal,
        new: NewConnectionPoint,
    ) -> Result<ConnectionPoint, Problem> {
        let id =
            new.connection_point.unwrap_or_else(|| ConnectionPointId::from_uuid(Uuid::now_v7()));
        let (action, about) = (Action::RegisterConnectionPoint, id.to_string());
        self.require(who, action, self.community_thing(), &about).await?;
        if new.import_max_w.w().max(new.export_max_w.w()) > POWER_MAX_W {
            return Err(Problem::refused("POWER", "A connection has at most a gigawatt"));
        }
        let point = ConnectionPoint {
            connection_point: id,
            account: new.account,
            community: self.community,
            zone: new.zone,
            timezone: new.timezone,
            import_max_w: new.import_max_w,
            export_max_w: new.export_max_w,
            since: self.clock.now(),
        };
        let act = self.act(&who.party.to_string(), action.name(), &about, Outcome::Done);
        let registered = self
            .db
            .transact(move |tx| Box::pin(async move { register(tx, point, act).await }))
            .await?;
        Ok(registered)
    }

    /// The connection points that `who` may see: staff all, others their own.
    pub async fn connection_points(
        &self,
        who: &Principal,
        query: &PageQuery,
    ) -> Result<Page<ConnectionPoint>, Problem> {
        let own = self.scope(who, Action::ReadAccount, who.account).await?;
        let mut conn = self.db.read().acquire().await.context("listing connection points")?;
        Ok(grid::connection_points(&mut conn, self.community, own, Part::of(query)?).await?)
    }
}

async fn register(tx: &mut Tx, point: ConnectionPoint, act: Act) -> Result<ConnectionPoint> {
    let holder = people::holder(tx.conn(), point.account, point.since).await?;
    if holder.is_none_or(|holder| holder.community != point.community) {
        return Err(Problem::not_found("account").into());
    }
    if let Some(present) = grid::connection_point(tx.conn(), point.connection_point).await? {
        let same = ConnectionPoint { since: present.since, ..point } == present;
        let problem = || Problem::conflict("the connection point is registered otherwise").into();
        return if same { Ok(present) } else { Err(problem()) };
    }
    grid::insert_connection_point(tx, &point).await?;
    let registered = ConnectionPointRegistered {
        connection_point: point.connection_point,
        account: point.account,
        community: point.community,
        zone: point.zone,
        timezone: point.timezone.clone(),
        import_max: point.import_max_w,
        export_max: point.export_max_w,
    };
    let cause = point.connection_point.to_string();
    bus::append(tx, &Envelope::of(&registered, &cause, point.since)).await?;
    audit::append(tx, act).await?;
    Ok(point)
}
