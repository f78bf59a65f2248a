//! Reading the audit log, and checking it.

use access::Action;
use anyhow::{Context, Result};
use service::{Page, PageQuery, Principal, Problem};

use crate::Identity;
use crate::db::Part;
use crate::db::audit::{entries, head};
use crate::domain::audit::{AuditEntry, START, broken_at};

impl Identity {
    /// A page of the audit log, oldest first.
    pub async fn audit_log(
        &self,
        who: &Principal,
        query: &PageQuery,
    ) -> Result<Page<AuditEntry>, Problem> {
        let part = Part::of(query)?;
        self.require(who, Action::ReadAuditLog, self.community_thing(), "audit_log").await?;
        let mut conn = self.db.read().acquire().await.context("reading the audit log")?;
        Ok(entries(&mut conn, part).await?)
    }

    /// Walks the whole audit log and returns the place where its chain breaks, if it does: at a
    /// changed or missing entry, also at the end.
    pub async fn audit_break(&self) -> Result<Option<i64>> {
        let mut conn = self.db.read().acquire().await?;
        let (length, head) = head(&mut conn).await?;
        let mut query = PageQuery { limit: Some(service::PAGE_MAX), cursor: None };
        let (mut previous, mut place) = (START, 0);
        while place < length {
            let page = entries(&mut conn, Part::of(&query)?).await?;
            let Some(last) = page.items.last() else { return Ok(Some(place + 1)) };
            let gap = page.items.first().filter(|first| first.place != place + 1);
            let broken = gap.map(|first| first.place).or_else(|| broken_at(&page.items, previous));
            if broken.is_some() {
                return Ok(broken);
            }
            hex::decode_to_slice(&last.hash, &mut previous).context("a hash of the audit log")?;
            place = last.place;
            query.cursor = Some(place.to_string());
        }
        // Entries may have been appended while the log was walked; the head was read before.
        Ok((place == length && hex::encode(previous) != head).then_some(length))
    }
}
