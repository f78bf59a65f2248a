//! What billing does, one file per thing that someone or something can ask for. Each is one
//! transaction.

pub(crate) mod audit;
pub(crate) mod bank;
pub(crate) mod batches;
pub(crate) mod certificate_logs;
pub(crate) mod certificate_requests;
pub(crate) mod certificate_sources;
pub(crate) mod certify;
pub(crate) mod deposit;
pub(crate) mod evidence;
pub(crate) mod expire;
pub(crate) mod export;
pub(crate) mod follow;
pub(crate) mod intervals;
pub(crate) mod invoice;
pub(crate) mod logs;
pub(crate) mod payout_files;
pub(crate) mod payouts;
pub(crate) mod payouts_paid;
pub(crate) mod payouts_sent;
pub(crate) mod postings;
pub(crate) mod publish;
pub(crate) mod reconcile;
pub(crate) mod release;
pub(crate) mod requests;
pub(crate) mod resend;
pub(crate) mod reserve;
pub(crate) mod state;
pub(crate) mod totals;
pub(crate) mod waiting;
