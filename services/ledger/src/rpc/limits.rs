//! What a caller may ask for, all in one place.
//!
//! ```text
//! body -> batch length -> weight of the connection -> weight of the batch
//!      -> on the spot, if light | a worker, if one is free | the queue, if it has room | busy
//!      -> gas and time of each call, blocks and results of each query -> bytes of the answers
//! ```

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Bytes of a request or batch.
pub const BODY_BYTES_MAX: usize = 5 << 20;
/// Requests in a batch.
pub const BATCH_MAX: usize = 1_000;
/// Bytes of the answers to a batch together.
pub const RESPONSE_BYTES_MAX: usize = 25 << 20;
/// Blocks that one query for logs may span.
pub const LOG_BLOCKS_MAX: u64 = 10_000;
/// Logs that one query may find.
pub const LOGS_MAX: usize = 10_000;
/// The weight up to which a batch is answered on the thread that read it, without a worker.
pub(super) const INLINE_WEIGHT_MAX: u64 = 2_500;
/// The weight of one request that always goes to a worker, unless it finds out itself whether it is
/// much ([`finds_out`]).
pub(super) const HEAVY: u64 = 100;
/// Blocks that a query for logs may span on the spot.
pub(super) const INLINE_LOG_BLOCKS_MAX: u64 = 128;
/// Jumps and calls after which a call on the spot is begun anew by a worker.
pub(super) const INLINE_JUMPS_MAX: u64 = 4_096;
/// How long a batch may take on the spot before the rest of it is for a worker.
pub(super) const INLINE_TIME_MAX: Duration = Duration::from_millis(20);
/// Jumps and calls after which a worker looks at the clock.
pub(super) const WATCH_JUMPS: u64 = 2_048;

/// Requests that run at once for each processor.
const WORKERS_PER_PROCESSOR: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

/// How long a request of this process may run: nobody else waits for it.
pub(super) const OWN_TIME_MAX: Duration = Duration::from_secs(60);

/// What callers of JSON-RPC may ask for.
#[derive(Clone, Debug)]
pub struct RpcLimits {
    /// Bytes of a request or batch, over HTTP and of a WebSocket message.
    pub body_bytes_max: usize,
    /// Requests in a batch.
    pub batch_max: usize,
    /// Weight of a batch, as [`weight`] counts it.
    pub batch_weight_max: u64,
    /// Bytes of the answers to a batch together.
    pub response_bytes_max: usize,
    /// Weight that a connection gets per second; it may save up two seconds of it.
    pub connection_weight_per_second: u64,
    /// Gas of a call, or of a simulation.
    pub call_gas_max: u64,
    /// How long a request may run once a worker has it; a trace, as long as its caller asks, up to
    /// a minute.
    pub time_max: Duration,
    /// Requests that run at once, apart from light ones: two for each processor by default, because
    /// some wait for the disk or for the pool, and a long trace must not take half of them.
    pub workers: NonZeroUsize,
    /// Requests that wait for a worker; one more is told that the server is busy.
    pub queue_max: usize,
    /// Blocks that one query for logs may span.
    pub log_blocks_max: u64,
    /// Logs that one query may find.
    pub logs_max: usize,
    /// WebSockets that are open at once.
    pub sockets_max: usize,
    /// Subscriptions of one WebSocket.
    pub subscriptions_max: usize,
    /// Bytes that wait for the reader of one WebSocket; a slower one is dropped.
    pub socket_bytes_max: usize,
    /// How often a WebSocket is pinged; one that is silent from ping to ping is dropped.
    pub ping_interval: Duration,
    /// Origins of pages that may ask, as browsers name them, besides our own; `*` for all.
    pub origins: Vec<String>,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: BODY_BYTES_MAX,
            batch_max: BATCH_MAX,
            batch_weight_max: 100_000,
            response_bytes_max: RESPONSE_BYTES_MAX,
            connection_weight_per_second: 500_000,
            call_gas_max: 50_000_000,
            time_max: Duration::from_secs(5),
            workers: available_parallelism()
                .unwrap_or(NonZeroUsize::MIN)
                .saturating_mul(WORKERS_PER_PROCESSOR),
            queue_max: 256,
            log_blocks_max: LOG_BLOCKS_MAX,
            logs_max: LOGS_MAX,
            sockets_max: 1_024,
            subscriptions_max: 128,
            socket_bytes_max: 16 << 20,
            ping_interval: Duration::from_secs(30),
            origins: Vec::new(),
        }
    }
}

/// What a request costs, in units of the cheapest.
pub(super) fn weight(method: &str) -> u64 {
    match method {
        "eth_chainId" | "eth_blockNumber" | "net_version" | "eth_syncing" | "eth_accounts" => 1,
        "eth_getBalance" | "eth_getTransactionCount" | "eth_getStorageAt" | "eth_getCode" => 5,
        "eth_call" | "eth_getFilterChanges" => 20,
        "eth_sendRawTransaction" => 50,
        "eth_sign" | "personal_sign" | "eth_signTypedData_v4" => 50,
        "eth_sendTransaction" | "eth_signTransaction" => HEAVY,
        "eth_getBlockReceipts" | "debug_getRawReceipts" => 50,
        "eth_estimateGas" | "eth_createAccessList" | "eth_fillTransaction" => HEAVY,
        "eth_getProof" | "eth_feeHistory" | "eth_getStorageValues" => HEAVY,
        "eth_sendRawTransactionSync" | "evm_mine" | "txpool_content" | "txpool_inspect" => HEAVY,
        "eth_getLogs" | "eth_getFilterLogs" => 200,
        "eth_simulateV1" => 500,
        "debug_getModifiedAccountsByNumber" | "debug_getModifiedAccountsByHash" => HEAVY,
        "debug_intermediateRoots" | "debug_storageRangeAt" => 1_000,
        name if ["debug_trace", "trace_", "ots_"].iter().any(|part| name.starts_with(part)) => {
            1_000
        }
        _ => 10,
    }
}

/// Whether a method begins on the spot whatever it weighs, and goes to a worker if it is much.
pub(super) fn finds_out(method: &str) -> bool {
    method == "eth_getLogs"
}

/// What a connection may still ask for.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    at: Instant,
}

impl Budget {
    pub(super) fn full(limits: &RpcLimits, now: Instant) -> Self {
        Self { left: limits.connection_weight_per_second.saturating_mul(2), at: now }
    }

    /// Takes a weight if there is enough; what was used comes back with time.
    pub(super) fn take(&mut self, weight: u64, limits: &RpcLimits, now: Instant) -> bool {
        let per_second = limits.connection_weight_per_second;
        let passed = now.saturating_duration_since(self.at).as_micros();
        let gained = passed.saturating_mul(u128::from(per_second)) / 1_000_000;
        if gained > 0 {
            let gained = u64::try_from(gained).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(gained).min(per_second.saturating_mul(2));
            self.at = now;
        }
        let enough = weight <= self.left;
        self.left -= if enough { weight } else { 0 };
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_spends_what_it_saved_and_earns_it_back_with_time() {
        let limits = RpcLimits { connection_weight_per_second: 100, ..RpcLimits::default() };
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut budget = Budget::full(&limits, start);
        assert!(budget.take(150, &limits, start) && budget.take(50, &limits, start));
        assert!(!budget.take(1, &limits, start));
        assert!(!budget.take(51, &limits, at(500)) && budget.take(50, &limits, at(500)));
        assert!(!budget.take(201, &limits, at(60_000)) && budget.take(200, &limits, at(60_000)));
        assert!(!budget.take(1, &limits, at(59_000)));
    }

    #[test]
    fn tracing_weighs_more_than_a_simulation_and_a_simulation_more_than_a_call() {
        let order = ["eth_chainId", "eth_getBalance", "eth_call", "eth_estimateGas"];
        let dear = ["eth_getLogs", "eth_simulateV1", "debug_traceTransaction"];
        assert!(order.iter().chain(&dear).map(|name| weight(name)).is_sorted());
        assert!(dear.iter().all(|name| weight(name) >= HEAVY));
        // A batch of a hundred calls stays on its thread, and the longest batch of calls fits.
        assert!(100 * weight("eth_call") <= INLINE_WEIGHT_MAX);
        let limits = RpcLimits::default();
        assert!(BATCH_MAX as u64 * weight("eth_call") <= limits.batch_weight_max);
    }
}
