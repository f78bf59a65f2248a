//! Records are written and looked for.

use anyhow::Result;

use crate::Deg;
use crate::db::records;
use crate::domain::record::{Actuals, Put, Record};
use crate::domain::refusal::Refusal;
use crate::domain::signature::Participant;

impl Deg {
    /// Records a trade, or what a platform says of it later.
    ///
    /// # Errors
    /// A [`Refusal`] for what is not the caller's, contradicts what is recorded, or is not whole.
    pub(crate) async fn put(&self, by: Participant, said: Put) -> Result<Record> {
        let now = self.now();
        let name = format!("{}/{}", said.transaction_id, said.order_item_id);
        let id = records::id_of(&name);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = records::load(tx, &id).await?;
                    let record = kept.as_ref().map(|kept| &kept.record);
                    said.check_caller(&by, record)?;
                    if let Some(name) = &said.client_reference {
                        let request = serde_json::to_string(&said)?;
                        let used = records::claim(tx, (&by.id, &id, name), &request).await?;
                        if let Some((used, record)) = used.zip(record) {
                            return repeated(&used, &request, record);
                        }
                    }
                    let Some(kept) = kept else {
                        let made = said.record(id, now)?;
                        records::put_new(tx, &made, &by.id).await?;
                        return Ok(made);
                    };
                    let after = kept.record.put((&by, &kept.author), &said)?;
                    if after != kept.record {
                        let who = (by.id.as_str(), "");
                        records::change(tx, (&kept.record, &after), who, now).await?;
                    }
                    Ok(after)
                })
            })
            .await
    }

    /// Records what a utility has measured, and how it says that a trade stands.
    ///
    /// # Errors
    /// A [`Refusal`] for a trade without a record, and for what is not the caller's to write.
    pub(crate) async fn record(&self, by: Participant, said: Actuals) -> Result<Record> {
        let now = self.now();
        let named = match (&said.record_id, &said.transaction_id, &said.order_item_id) {
            (Some(id), ..) => id.clone(),
            (None, Some(transaction), Some(item)) => {
                records::id_of(&format!("{transaction}/{item}"))
            }
            _ => return Err(Refusal::missing("transactionId and orderItemId, or recordId").into()),
        };
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = records::load(tx, &named).await?.map(|kept| kept.record);
                    // Whoever has no part in it does not learn that it is there.
                    let kept = kept.filter(|record| record.concerns(&by.id));
                    let kept = kept.ok_or_else(Refusal::not_found)?;
                    let request = serde_json::to_string(&said)?;
                    if let Some(name) = &said.client_reference {
                        let of = (by.id.as_str(), kept.record_id.as_str(), name.as_str());
                        if let Some(used) = records::claim(tx, of, &request).await? {
                            return repeated(&used, &request, &kept);
                        }
                    }
                    let note = said.note.clone().unwrap_or_default();
                    let after = kept.with(&by, said)?;
                    records::change(tx, (&kept, &after), (&by.id, &note), now).await?;
                    Ok(after)
                })
            })
            .await
    }
}

/// The answer to a write whose name was used before.
fn repeated(used: &str, request: &str, record: &Record) -> Result<Record> {
    if used == request {
        return Ok(record.clone());
    }
    Err(Refusal::conflict("clientReference: it named another write").into())
}
