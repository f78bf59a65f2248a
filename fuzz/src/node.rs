//! A node with a short chain, and its JSON-RPC in this process: no socket, no waiting.
//!
//! ```text
//! 0   1       2          3..7   8          9          10  11          12
//! o-- keeper --kept 5----o---o---kept 7-----frames-----o---o-----------o    and two that wait
//!              transfer          revert                 \--- another 11
//!                                access list
//! ```
//!
//! States are kept from block 7 on. Everything is the same in every run, hashes too: the clock
//! stands, and one thread searches nonces.

use crate::signing::{address, signed};
use crate::{CHAIN_ID, START};
use actix_web::http::StatusCode;
use actix_web::web::Bytes as Body;
use actix_web::{App, test};
use alloy_consensus::{TxEip1559, TxEip2930, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use bus::Bus;
use calendar::Timestamp;
use chain::block::Recovered;
use chain::execute::created_address;
use chain::genesis::Allocation;
use chain::{GenesisSpec, Transaction};
use ledger::{Config, History, Ledger, Parts, RpcLimits};
use service::{Clock, ClockHand};
use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use utoipa_actix_web::AppExt;

/// Requests in a batch.
pub const BATCH_MAX: usize = 100;
/// Bytes of answers after which a batch gets no more.
pub const RESPONSE_BYTES_MAX: usize = 64 << 10;

/// Without call data it returns what it keeps; with a word it keeps it and logs it under the word
/// as topic; with the word zero it reverts. The first nine bytes return the others.
const KEEPER: &str =
    "0x60228060095f395ff336600c575f545f5260205ff35b5f35806016575f5ffd5b805f55805f5260205fa100";

/// What is asked about.
pub struct Known {
    /// Hashes of the canonical blocks.
    pub blocks: Vec<B256>,
    /// Hash of the other block at height 11.
    pub other: B256,
    /// The contract.
    pub keeper: Address,
    /// What was mined.
    pub mined: Vec<Transaction>,
    /// What waits from the start: one that can be mined, one that its nonce keeps from it.
    pub waiting: Vec<Transaction>,
    /// What could be sent next.
    pub next: Transaction,
}

type Answer = Pin<Box<dyn Future<Output = (StatusCode, Body)>>>;

/// A node that can be set back.
pub struct Node {
    runtime: Runtime,
    local: LocalSet,
    /// Files of a node that stopped, by name.
    files: Vec<(OsString, Vec<u8>)>,
    known: Known,
    /// None once the node was asked to change, until it is needed again.
    service: Option<Box<dyn Fn(Body) -> Answer>>,
}

fn genesis() -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, START);
    (spec.difficulty, spec.fixed_difficulty) = (U256::from(16), true);
    spec.reward = U256::from(1_000_000);
    for number in 1..=2 {
        let balance = U256::from(10).pow(U256::from(21));
        spec.alloc.insert(address(number), Allocation { balance, ..Allocation::default() });
    }
    spec
}

fn config() -> Config {
    let rpc = RpcLimits {
        batch_max: BATCH_MAX,
        response_bytes_max: RESPONSE_BYTES_MAX,
        call_gas_max: 2_000_000,
        time_max: Duration::from_secs(2),
        log_blocks_max: 10,
        logs_max: 3,
        ..RpcLimits::default()
    };
    let history = History::Last(4);
    // Blocks on request, so that filters have something to tell.
    Config { finality_lag: 5, history, development: true, rpc, ..Config::default() }
}

fn send(signer: u8, nonce: u64, to: Option<Address>, value: u64, input: Bytes) -> Transaction {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 2,
        to: to.map_or(TxKind::Create, TxKind::Call),
        value: U256::from(value),
        input,
        ..TxEip1559::default()
    };
    signed(signer, transaction)
}

/// 32 bytes of call data.
pub fn word(number: u64) -> Bytes {
    B256::from(U256::from(number)).0.into()
}

/// Init code that creates an account, has a contract keep nine and destroys itself.
fn frames(keeper: Address) -> Bytes {
    let create = [0x5f, 0x5f, 0x60, 1, 0xf0, 0x50];
    let input = [0x60, 9, 0x5f, 0x52, 0x5f, 0x5f, 0x60, 32, 0x5f, 0x5f, 0x73];
    let call = [0x5a, 0xf1, 0x50, 0x33, 0xff];
    [&create[..], &input, keeper.as_slice(), &call].concat().into()
}

/// What is mined, by height.
fn story(keeper: Address) -> Vec<(u64, Vec<Transaction>)> {
    let creation = KEEPER.parse().expect("the code is hex");
    let to = |address: Address| TxKind::Call(address);
    let transfer = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 2,
        gas_price: 1_000_000_000,
        gas_limit: 21_000,
        to: to(address(2)),
        value: U256::from(1_000),
        input: Bytes::new(),
    };
    let item = AccessListItem { address: keeper, storage_keys: vec![B256::ZERO] };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 5,
        gas_price: 1_000_000_000,
        gas_limit: 100_000,
        to: to(keeper),
        access_list: AccessList(vec![item]),
        input: word(8),
        ..TxEip2930::default()
    };
    let keep = |nonce, number| send(1, nonce, Some(keeper), 0, word(number));
    vec![
        (1, vec![send(1, 0, None, 0, creation)]),
        (2, vec![keep(1, 5), signed(1, transfer)]),
        (8, vec![keep(3, 7), keep(4, 0), signed(1, listed)]),
        (9, vec![send(2, 0, None, 10, frames(keeper))]),
        (12, Vec::new()),
    ]
}

impl Node {
    /// The chain is built, and a node started on it.
    pub fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // A request that waits for a block does not take that time.
        let runtime = runtime.enable_all().start_paused(true).build();
        let runtime = runtime.expect("the runtime can be made");
        let directory = tempfile::tempdir().expect("there is a temporary directory");
        let known = runtime.block_on(build(&directory));
        let files = read(&directory);
        let mut node = Self { runtime, local: LocalSet::new(), files, known, service: None };
        node.ask(b"{}");
        node
    }

    /// What can be asked about.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What it answers to a body.
    pub fn ask(&mut self, body: &[u8]) -> (StatusCode, Body) {
        let service = self.service.get_or_insert_with(|| {
            let starting = start_copy(&self.files, &self.known.waiting);
            self.local.block_on(&self.runtime, starting)
        });
        let answer = service(Body::copy_from_slice(body));
        self.local.block_on(&self.runtime, answer)
    }

    /// The next body finds the node as the first one did.
    pub fn set_back(&mut self) {
        let service = self.service.take();
        self.local.block_on(&self.runtime, async move { drop(service) });
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts a node whose clock shows `now`.
async fn start(directory: &TempDir, now: Timestamp) -> (Arc<Ledger>, ClockHand) {
    let (clock, hand) = Clock::set(now);
    let (directory, bus) = (directory.path().to_owned(), Bus::in_process());
    let parts = Parts { directory, genesis: genesis(), bus, clock, config: config() };
    (ledger::start(parts).await.expect("the node starts"), hand)
}

fn time(height: u64) -> Timestamp {
    let seconds = i64::try_from(START + height).expect("the time is small");
    Timestamp::from_seconds(seconds)
}

/// Builds the chain in a directory.
async fn build(directory: &TempDir) -> Known {
    let (ledger, hand) = start(directory, time(0)).await;
    let node = ledger.node();
    let keeper = address(1).create(0);
    let (mut blocks, mut mined, mut height) = (vec![node.genesis()], Vec::new(), 0);
    for (until, transactions) in story(keeper) {
        while height < until {
            height += 1;
            if height == until {
                for one in &transactions {
                    node.submit(one.clone()).expect("the pool takes it");
                }
            }
            hand.move_to(time(height));
            let hash = ledger.mine_now(time(height)).await.expect("a block can be mined");
            blocks.extend(hash);
        }
        assert_eq!(node.pool().len(), 0, "all of block {until} was mined");
        mined.extend(transactions);
    }
    assert_eq!(created_address(&mined[0], address(1)), Some(keeper));
    let none = Vec::<Recovered>::new();
    let other = node.propose_on(blocks[10], none, Address::repeat_byte(0xbb), START + 11);
    let other = node.seal(&other.expect("a block can be built"));
    node.import_block(other.clone(), START + 12).expect("it is sound, and no head");
    let waiting = vec![
        send(2, 1, Some(keeper), 0, word(3)),
        send(2, 3, Some(address(1)), 5, Bytes::from_static(&[1, 2, 3, 4, 5])),
    ];
    let next = send(1, 6, Some(keeper), 0, word(4));
    Known { blocks, other: other.hash(), keeper, mined, waiting, next }
}

fn read(directory: &TempDir) -> Vec<(OsString, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("the directory is readable");
    entries
        .map(|entry| {
            let entry = entry.expect("the directory is readable");
            (entry.file_name(), fs::read(entry.path()).expect("the file is readable"))
        })
        .collect()
}

/// Starts a node on a copy of these files, and what serves its requests.
async fn start_copy(
    files: &[(OsString, Vec<u8>)],
    waiting: &[Transaction],
) -> Box<dyn Fn(Body) -> Answer> {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).expect("a file can be written");
    }
    // Its files stay as long as the node has them open, and nothing is left behind.
    let (ledger, _) = start(&directory, time(13)).await;
    drop(directory);
    for one in waiting {
        ledger.node().submit(one.clone()).expect("the pool takes it");
    }
    let (app, _) = App::new().into_utoipa_app().configure(ledger::routes(ledger)).split_for_parts();
    let app = Rc::new(test::init_service(app).await);
    Box::new(move |body| {
        let app = app.clone();
        Box::pin(async move {
            let request = test::TestRequest::post().uri("/rpc").set_payload(body).to_request();
            let response = test::call_service(&*app, request).await;
            (response.status(), test::read_body(response).await)
        })
    })
}

/// The bytes of a transaction as they are sent.
pub fn raw(transaction: &Transaction) -> Bytes {
    transaction.encoded_2718().into()
}
