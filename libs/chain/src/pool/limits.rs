//! What the pool holds at most.

/// What the pool holds at most, and what it asks for at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions.
    pub count_max: usize,
    /// Bytes of all transactions as they are kept in memory, with what the pool needs to find them.
    pub bytes_max: usize,
    /// Bytes of one transaction as it is sent.
    pub transaction_bytes_max: usize,
    /// Transactions of one sender; at least [`PER_SENDER_MIN`](super::PER_SENDER_MIN) are always
    /// allowed.
    pub per_sender_max: usize,
    /// Pending transactions that a sender does not lose to others who pay no more. What it has
    /// above that is the first of the pending to leave a full pool.
    pub fair_share: usize,
    /// Transactions of one sender behind a gap.
    pub queued_per_sender_max: usize,
    /// Transactions behind a gap of all senders.
    pub queued_max: usize,
    /// How long a transaction may be behind a gap, in seconds.
    pub queued_seconds_max: u64,
    /// Senders.
    pub senders_max: usize,
    /// The least tip per gas, in wei. The services of an installation tip nothing.
    pub tip_min: u128,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            count_max: 32_768,
            bytes_max: 64 * 1024 * 1024,
            transaction_bytes_max: 128 * 1024,
            per_sender_max: 4_096,
            fair_share: 64,
            queued_per_sender_max: 64,
            queued_max: 4_096,
            queued_seconds_max: 3 * 3_600,
            senders_max: 16_384,
            tip_min: 0,
        }
    }
}
