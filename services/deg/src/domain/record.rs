//! A record of a trade between two utilities' customers, and who may write what of it.
//!
//! ```text
//! platform of the buyer or the seller ──put──> record       who, when, how much: agreed by both
//! utility of the buyer or the seller ──record──> its own measure and its own state, nobody else's
//! ```
//!
//! Invariants: who takes part never changes; what one platform has written the other one can only
//! repeat; once a utility has recorded something, the trade's terms stand.

use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::quantity::Thousandths;
use super::refusal::Refusal;
use super::signature::{Kind, Participant};

/// The longest text of a field, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// The most details or measures of a record.
const LIST_MAX: usize = 20;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $($word:ident)*;)*) => {$(
        $(#[$doc])*
        #[allow(
            missing_docs,
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "the words of the interface"
        )]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $name { $($word),* }
    )*};
}

words! {
    /// As what somebody writes.
    Role: BUYER SELLER BUYER_DISCOM SELLER_DISCOM;
    /// What is traded.
    TradeType: ENERGY RAISE_CAPACITY LOWER_CAPACITY PFR SFR TC BDR;
    /// In what.
    TradeUnit: KWH KW;
    /// What was measured.
    MetricType: ACTUAL_PUSHED ACTUAL_PULLED SETPOINT_FOLLOWING_ERROR ACTUAL_RAISE_CAPACITY
        ACTUAL_LOWER_CAPACITY FREQUENCY_RESPONSE_ERROR ACTUAL_DEMAND_REDUCTION AVAILABILITY;
    /// How a utility says that a trade stands.
    TradeStatus: PENDING CONFIRMED CANCELLED_OUTAGE CANCELLED_POL_VIOLATION CURTAILED_OUTAGE
        CURTAILED_POL_VIOLATION COMPLETED;
}

/// How much of what is traded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TradeDetail {
    pub(crate) trade_qty: Thousandths,
    pub(crate) trade_type: TradeType,
    pub(crate) trade_unit: TradeUnit,
}

/// What a utility has measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metric {
    pub(crate) validation_metric_type: MetricType,
    pub(crate) validation_metric_value: Thousandths,
}

/// A record, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) creation_time: Timestamp,
    pub(crate) record_id: String,
    pub(crate) transaction_id: String,
    pub(crate) order_item_id: String,
    pub(crate) platform_id_buyer: String,
    pub(crate) platform_id_seller: String,
    pub(crate) discom_id_buyer: String,
    pub(crate) discom_id_seller: String,
    pub(crate) buyer_id: String,
    pub(crate) seller_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trade_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_start_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_end_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trade_details: Option<Vec<TradeDetail>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_fulfillment_validation_metrics: Option<Vec<Metric>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seller_fulfillment_validation_metrics: Option<Vec<Metric>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status_buyer_discom: Option<TradeStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status_seller_discom: Option<TradeStatus>,
}

/// What a platform writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Put {
    pub(crate) role: Role,
    pub(crate) transaction_id: String,
    pub(crate) order_item_id: String,
    pub(crate) record_id: Option<String>,
    pub(crate) platform_id_buyer: Option<String>,
    pub(crate) platform_id_seller: Option<String>,
    pub(crate) discom_id_buyer: Option<String>,
    pub(crate) discom_id_seller: Option<String>,
    pub(crate) buyer_id: Option<String>,
    pub(crate) seller_id: Option<String>,
    pub(crate) trade_time: Option<Timestamp>,
    pub(crate) delivery_start_time: Option<Timestamp>,
    pub(crate) delivery_end_time: Option<Timestamp>,
    pub(crate) trade_details: Option<Vec<TradeDetail>>,
    pub(crate) client_reference: Option<String>,
}

/// What a utility writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Actuals {
    pub(crate) role: Role,
    pub(crate) transaction_id: Option<String>,
    pub(crate) order_item_id: Option<String>,
    pub(crate) record_id: Option<String>,
    pub(crate) buyer_fulfillment_validation_metrics: Option<Vec<Metric>>,
    pub(crate) seller_fulfillment_validation_metrics: Option<Vec<Metric>>,
    pub(crate) status_buyer_discom: Option<TradeStatus>,
    pub(crate) status_seller_discom: Option<TradeStatus>,
    pub(crate) note: Option<String>,
    pub(crate) client_reference: Option<String>,
}

impl Record {
    /// What a record of this content has as its digest: SHA-256 of its JSON with sorted names.
    pub(crate) fn digest(&self) -> String {
        let mut sorted = serde_json::to_value(self).expect("a record is plain data");
        sorted.sort_all_objects();
        let hash = Sha256::digest(sorted.to_string());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// Whether a participant has a part in it, and so may see it.
    pub(crate) fn concerns(&self, id: &str) -> bool {
        let parties = [
            &self.platform_id_buyer,
            &self.platform_id_seller,
            &self.discom_id_buyer,
            &self.discom_id_seller,
        ];
        parties.into_iter().any(|party| party == id)
    }

    /// The record after a utility has written to it.
    ///
    /// # Errors
    /// A [`Refusal`] for what is not the caller's to write.
    pub(crate) fn with(&self, by: &Participant, said: Actuals) -> Result<Record, Refusal> {
        let Actuals { role, .. } = said;
        let owner = match role {
            Role::BUYER_DISCOM => &self.discom_id_buyer,
            Role::SELLER_DISCOM => &self.discom_id_seller,
            Role::BUYER | Role::SELLER => {
                return Err(Refusal::not_authorized("Platforms use /ledger/put"));
            }
        };
        if by.kind != Kind::Discom || *owner != by.id {
            return Err(Refusal::not_authorized(format!("The caller is not the {role:?}")));
        }
        let (metrics, status, others) = match role {
            Role::BUYER_DISCOM => (
                said.buyer_fulfillment_validation_metrics,
                said.status_buyer_discom,
                said.seller_fulfillment_validation_metrics.is_some()
                    || said.status_seller_discom.is_some(),
            ),
            _ => (
                said.seller_fulfillment_validation_metrics,
                said.status_seller_discom,
                said.buyer_fulfillment_validation_metrics.is_some()
                    || said.status_buyer_discom.is_some(),
            ),
        };
        if others {
            let why = format!("Caller role {role:?} writes its own measures and status alone");
            return Err(Refusal::not_authorized(why));
        }
        if metrics.is_none() && status.is_none() {
            return Err(Refusal::missing("a measure or a status"));
        }
        check_length("metrics", metrics.as_ref())?;
        let mut record = self.clone();
        let (kept_metrics, kept_status) = match role {
            Role::BUYER_DISCOM => {
                (&mut record.buyer_fulfillment_validation_metrics, &mut record.status_buyer_discom)
            }
            _ => (
                &mut record.seller_fulfillment_validation_metrics,
                &mut record.status_seller_discom,
            ),
        };
        *kept_metrics = metrics.or_else(|| kept_metrics.take());
        *kept_status = status.or(*kept_status);
        Ok(record)
    }

    /// Whether a utility has recorded something.
    fn is_recorded(&self) -> bool {
        self.status_buyer_discom.is_some()
            || self.status_seller_discom.is_some()
            || self.buyer_fulfillment_validation_metrics.is_some()
            || self.seller_fulfillment_validation_metrics.is_some()
    }

    /// The record after a platform has written to it; `author` wrote its terms first.
    ///
    /// # Errors
    /// A [`Refusal`] for another who, for terms that another platform has written otherwise, and
    /// for other terms once a utility has recorded something.
    pub(crate) fn put(
        &self,
        (by, author): (&Participant, &str),
        said: &Put,
    ) -> Result<Record, Refusal> {
        let mine = |id: &Option<String>, known: &str| id.as_deref().is_none_or(|id| id == known);
        let same = mine(&said.record_id, &self.record_id)
            && mine(&said.platform_id_buyer, &self.platform_id_buyer)
            && mine(&said.platform_id_seller, &self.platform_id_seller)
            && mine(&said.discom_id_buyer, &self.discom_id_buyer)
            && mine(&said.discom_id_seller, &self.discom_id_seller)
            && mine(&said.buyer_id, &self.buyer_id)
            && mine(&said.seller_id, &self.seller_id);
        if !same {
            return Err(Refusal::conflict("Who takes part in a trade does not change"));
        }
        let mut record = self.clone();
        record.trade_time = said.trade_time.or(record.trade_time);
        record.delivery_start_time = said.delivery_start_time.or(record.delivery_start_time);
        record.delivery_end_time = said.delivery_end_time.or(record.delivery_end_time);
        record.trade_details = said.trade_details.clone().or(record.trade_details);
        record.check_terms()?;
        let repeats = |new: bool, old: bool| !new || old;
        let only_new = repeats(record.trade_time != self.trade_time, self.trade_time.is_none())
            && repeats(
                record.delivery_start_time != self.delivery_start_time,
                self.delivery_start_time.is_none(),
            )
            && repeats(
                record.delivery_end_time != self.delivery_end_time,
                self.delivery_end_time.is_none(),
            )
            && repeats(record.trade_details != self.trade_details, self.trade_details.is_none());
        if record != *self && self.is_recorded() {
            return Err(Refusal::conflict("A utility has recorded the trade: its terms stand"));
        }
        if by.id != author && !only_new {
            return Err(Refusal::conflict("The other platform has recorded other terms"));
        }
        Ok(record)
    }

    fn check_terms(&self) -> Result<(), Refusal> {
        check_length("tradeDetails", self.trade_details.as_ref())?;
        if self.trade_details.iter().flatten().any(|detail| detail.trade_qty.0 < 0) {
            return Err(Refusal::field("tradeDetails: tradeQty is not negative"));
        }
        let window = self.delivery_start_time.zip(self.delivery_end_time);
        if window.is_some_and(|(start, end)| end <= start) {
            return Err(Refusal::field("deliveryEndTime: later than deliveryStartTime"));
        }
        Ok(())
    }
}

impl Put {
    /// Refuses who may not write as what is said of `record`, or of the one that is made.
    ///
    /// # Errors
    /// A [`Refusal`] for a caller who is not the platform of that side.
    pub(crate) fn check_caller(
        &self,
        by: &Participant,
        record: Option<&Record>,
    ) -> Result<(), Refusal> {
        let own = match (self.role, record) {
            (Role::BUYER, Some(record)) => Some(&record.platform_id_buyer),
            (Role::SELLER, Some(record)) => Some(&record.platform_id_seller),
            (Role::BUYER, None) => self.platform_id_buyer.as_ref(),
            (Role::SELLER, None) => self.platform_id_seller.as_ref(),
            _ => return Err(Refusal::not_authorized("Discoms use /ledger/record")),
        };
        if by.kind != Kind::Platform || own != Some(&by.id) {
            let role = self.role;
            return Err(Refusal::not_authorized(format!("The caller is not the {role:?}'s")));
        }
        Ok(())
    }

    /// The record that is made, under an id.
    ///
    /// # Errors
    /// A [`Refusal`] for what is missing or too long.
    pub(crate) fn record(&self, record_id: String, now: Timestamp) -> Result<Record, Refusal> {
        let text = |name: &str, value: &Option<String>| {
            let value = value.clone().ok_or_else(|| Refusal::missing(name))?;
            check_text(name, &value)?;
            Ok(value)
        };
        check_text("transactionId", &self.transaction_id)?;
        check_text("orderItemId", &self.order_item_id)?;
        let record = Record {
            creation_time: now,
            record_id,
            transaction_id: self.transaction_id.clone(),
            order_item_id: self.order_item_id.clone(),
            platform_id_buyer: text("platformIdBuyer", &self.platform_id_buyer)?,
            platform_id_seller: text("platformIdSeller", &self.platform_id_seller)?,
            discom_id_buyer: text("discomIdBuyer", &self.discom_id_buyer)?,
            discom_id_seller: text("discomIdSeller", &self.discom_id_seller)?,
            buyer_id: text("buyerId", &self.buyer_id)?,
            seller_id: text("sellerId", &self.seller_id)?,
            trade_time: self.trade_time,
            delivery_start_time: self.delivery_start_time,
            delivery_end_time: self.delivery_end_time,
            trade_details: self.trade_details.clone(),
            buyer_fulfillment_validation_metrics: None,
            seller_fulfillment_validation_metrics: None,
            status_buyer_discom: None,
            status_seller_discom: None,
        };
        record.check_terms()?;
        Ok(record)
    }
}

fn check_length<T>(name: &str, list: Option<&Vec<T>>) -> Result<(), Refusal> {
    if list.is_some_and(|list| list.len() > LIST_MAX) {
        return Err(Refusal::field(format!("{name}: at most {LIST_MAX}")));
    }
    Ok(())
}

fn check_text(name: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(Refusal::field(format!("{name}: 1 to {TEXT_CHARS_MAX} characters")));
    }
    Ok(())
}
