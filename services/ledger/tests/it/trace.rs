//! Tracers: one block of transactions that call, create, delegate, revert and end, seen by each.

mod geth;
mod limits;
mod parity;

use crate::harness::{Setup, TestNode, creation_code, key, sign_with, word};
use alloy_consensus::{Transaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use chain::{AtBlock, ChainView, Header, State};
use ledger::store::Snapshot;
use serde_json::{Value, json};

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

pub(crate) fn number(value: &Value) -> u64 {
    parsed::<U256>(value).to()
}

/// Init code that leaves this code.
pub(crate) fn making(runtime: &[u8]) -> Bytes {
    let length = u16::try_from(runtime.len()).unwrap().to_be_bytes();
    [&[0x61][..], &length, &hex!("80600a3d393df3"), runtime].concat().into()
}

pub(crate) const CALL: u8 = 0xf1;
pub(crate) const DELEGATECALL: u8 = 0xf4;
pub(crate) const STATICCALL: u8 = 0xfa;

/// Calls the address in the first word of its call data with the rest of it, by this instruction,
/// and answers as the callee did. If `swallow`, it stops instead of reverting.
pub(crate) fn relay(instruction: u8, swallow: bool) -> Vec<u8> {
    let mut code = hex!("6020360360205f37" "5f5f602036035f").to_vec();
    code.extend((instruction == CALL).then_some(0x34));
    code.extend([0x5f, 0x35, 0x5a, instruction]);
    code.extend(hex!("3d5f5f3e"));
    if swallow {
        code.push(0x00);
        return code;
    }
    let success = u8::try_from(code.len() + 6).unwrap();
    code.extend([0x60, success, 0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3]);
    code
}

/// Creates a contract from its call data, with the value it got, and returns the address.
pub(crate) const FACTORY: [u8; 15] = hex!("365f5f37" "365f34f0" "5f5260205ff300");
/// Reverts with `Error("price")`.
const REFUSER: [u8; 60] = hex!(
    "6308c379a060e01b5f52" "6020600452" "6005602452"
    "7f7072696365000000000000000000000000000000000000000000000000000000" "604452" "60645ffd"
);
/// Turns its first slot from zero to one and back.
const TOGGLER: [u8; 6] = hex!("5f54155f5500");
/// Init code that ends the contract before it begins, in favour of who creates it.
const ENDING: [u8; 2] = hex!("33ff");
const IDENTITY: Address = Address::with_last_byte(4);

pub(crate) fn send(
    signer: u8,
    nonce: u64,
    to: Option<Address>,
    value: u64,
    input: &[u8],
) -> TxEnvelope {
    let to = to.map_or(TxKind::Create, TxKind::Call);
    let (value, input) = (U256::from(value), Bytes::copy_from_slice(input));
    sign_with(signer, |unsigned| TxEip1559 { nonce, to, value, input, ..unsigned })
}

/// The call data of a relay.
pub(crate) fn via(callee: Address, data: &[u8]) -> Vec<u8> {
    [callee.into_word().as_slice(), data].concat()
}

/// A node with contracts in block 1 and a block 2 of all that they do.
pub(crate) struct World {
    _setup: Setup,
    pub(crate) node: TestNode,
    pub(crate) keeper: Address,
    pub(crate) forward: Address,
    pub(crate) factory: Address,
    pub(crate) header: Header,
    pub(crate) sent: Vec<(&'static str, TxEnvelope)>,
    pub(crate) receipts: Vec<Value>,
}

pub(crate) async fn world() -> World {
    let mut setup = Setup::default();
    setup.genesis.reward = U256::from(1_000_000_007);
    let node = setup.start().await;
    let (call, quiet) = (making(&relay(CALL, false)), making(&relay(CALL, true)));
    let (delegate, fixed) =
        (making(&relay(DELEGATECALL, false)), making(&relay(STATICCALL, false)));
    let others = [making(&FACTORY), making(&REFUSER), making(&TOGGLER)];
    let code = [creation_code(), call, quiet, delegate, fixed].into_iter().chain(others);
    let mut made = Vec::new();
    for (nonce, code) in (0..).zip(code) {
        node.send(&send(1, nonce, None, 0, &code)).await;
        made.push(key(1).address().create(nonce));
    }
    assert!(node.tick().await);
    let [keeper, forward, quiet, delegate, fixed, factory, refuser, toggler] = made[..] else {
        panic!("{made:?}")
    };
    let contracts = json!([key(1).address(), "latest"]);
    assert_eq!(node.number("eth_getTransactionCount", contracts).await, 8);
    let (seven, zero) = (word(7), word(0));
    let stranger = key(3).address();
    let sent = [
        ("transfer", stranger, 5, Vec::new()),
        ("nested", forward, 0, via(keeper, &seven)),
        ("reverted", forward, 0, via(keeper, &zero)),
        ("swallowed", quiet, 0, via(keeper, &zero)),
        ("reason", quiet, 0, via(refuser, &[])),
        ("delegated", delegate, 0, via(keeper, &word(9))),
        ("static", fixed, 0, via(keeper, &seven)),
        ("created", factory, 3, creation_code().to_vec()),
        ("ended", factory, 4, ENDING.to_vec()),
        ("identity", forward, 0, via(IDENTITY, b"the same")),
        ("paid", forward, 6, via(stranger, &[])),
        ("set", toggler, 0, Vec::new()),
        ("cleared", toggler, 0, Vec::new()),
        ("refused", refuser, 0, hex!("12345678ff").to_vec()),
    ];
    let sent = (8..)
        .zip(sent)
        .map(|(nonce, (name, to, value, input))| (name, send(1, nonce, Some(to), value, &input)));
    let last = ("deployed", send(2, 0, None, 0, &creation_code()));
    let sent: Vec<(&str, TxEnvelope)> = sent.chain([last]).collect();
    for (_, transaction) in &sent {
        node.send(transaction).await;
    }
    assert!(node.tick().await);
    let snapshot = node.ledger.node().snapshot().unwrap();
    let header = snapshot.head_header().unwrap();
    let block = snapshot.block(header.hash()).unwrap();
    let order = |one: &TxEnvelope| {
        block.transactions.iter().position(|other| other == one).expect("it is in the block")
    };
    let mut sent = sent;
    sent.sort_by_key(|(_, one)| order(one));
    let receipts = node.rpc("eth_getBlockReceipts", json!(["0x2"])).await;
    let receipts = parsed::<Vec<Value>>(&receipts);
    assert_eq!(receipts.len(), sent.len());
    World { _setup: setup, node, keeper, forward, factory, header, sent, receipts }
}

impl World {
    /// Position of a transaction in the block.
    pub(crate) fn index(&self, name: &str) -> usize {
        self.sent.iter().position(|(other, _)| *other == name).unwrap()
    }

    pub(crate) fn hash(&self, name: &str) -> B256 {
        *self.sent[self.index(name)].1.tx_hash()
    }

    pub(crate) fn receipt(&self, name: &str) -> &Value {
        &self.receipts[self.index(name)]
    }

    pub(crate) fn gas_limit(&self, name: &str) -> u64 {
        self.sent[self.index(name)].1.gas_limit()
    }

    pub(crate) async fn traced(&self, name: &str, options: Value) -> Value {
        self.node.rpc("debug_traceTransaction", json!([self.hash(name), options])).await
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.node.ledger.node().snapshot().unwrap()
    }

    /// Checks that changes, made one transaction after the other to the state before the block,
    /// give the state roots between them and in the end that of the block.
    pub(crate) async fn changes_lead_to_the_state_root<'c>(
        &self,
        changes: impl IntoIterator<Item = &'c Value>,
        apply: impl Fn(&mut State<AtBlock<'_, Snapshot>>, &Value),
    ) {
        let roots = self.node.rpc("debug_intermediateRoots", json!([self.header.hash()])).await;
        let snapshot = self.snapshot();
        let parent = snapshot.header(self.header.parent_hash).unwrap();
        let source = AtBlock::new(&snapshot, self.header.parent_hash);
        let mut state = State::at(parent.state_root, source);
        let mut seen = 0;
        for change in changes {
            apply(&mut state, change);
            let root = json!(state.commit().unwrap().root);
            assert_eq!(root, roots[seen], "after {}: {change}", self.sent[seen].0);
            seen += 1;
        }
        assert_eq!(seen, self.sent.len());
        state.credit(self.header.coinbase, self.node.ledger.node().rules().reward).unwrap();
        assert_eq!(state.commit().unwrap().root, self.header.state_root);
    }
}
