//! Delegated accounts (EIP-7702) on our node and on anvil: the same transactions have the same
//! outcome, and cast sends its own to both.

use std::process::Command;

use alloy_consensus::{SignableTransaction, TxEip7702, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use client::{HttpRpc, JsonRpc};
use keys::SecretKey;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use testkit::Anvil;

use crate::node::{Node, quantity};
use crate::program::run;
use crate::signed::signed;

const CHAIN_ID: u64 = 7_778;
const BLOCKS: u32 = 30;
/// Keys of the mnemonic that both fund: who sends, and below who only consents.
const SENDERS: [&str; 3] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];
const AUTHORITIES: u8 = 4;
/// Runtime codes. Keeps a word in a slot and logs it, and reverts without data; gives all that it
/// has away; calls whom it is told and keeps what it sees of its code; does nothing.
const CODES: [&str; 4] = [
    "36600757 5f5ffd 5b 602035 5f35 55 5f35 602035 5f52 6020 5f a1 00",
    "33ff",
    "5f5f5f5f5f 5f35 61ffff f1 5f55 5f353f 600155 5f353b 600255 00",
    "00",
];

/// Both nodes, whose blocks come when they are asked for.
struct Pair {
    ours: Node,
    theirs: Anvil,
    urls: [String; 2],
}

impl Pair {
    fn start() -> Pair {
        let id = CHAIN_ID.to_string();
        // The first of the timed blocks is due after the test.
        let ours = Node::start(&["--dev", "--chain-id", &id, "--block-time", "86400"]);
        let fees = ["--base-fee", "7", "--gas-limit", "120000000", "--no-mining"];
        let chain = ["--chain-id", &id, "--hardfork", "osaka"];
        let theirs = Anvil::start(&[&chain[..], &fees].concat()).unwrap();
        let urls = [ours.url.clone(), theirs.url()];
        Pair { ours, theirs, urls }
    }

    /// What both answer, of which `part` has to be equal.
    async fn ask(&self, method: &str, params: Value, part: fn(&Value) -> Value) -> Value {
        let mut answers = Vec::new();
        for url in &self.urls {
            let node = HttpRpc::new(url).unwrap();
            let answer = node.request(method, params.clone()).await;
            let answer = answer.unwrap_or_else(|error| panic!("{method} at {url}: {error}"));
            answers.push(part(&answer));
        }
        assert_eq!(answers[0], answers[1], "{method} {params}");
        answers.remove(0)
    }

    async fn nonce(&self, address: Address) -> u64 {
        let count = json!([address, "latest"]);
        quantity(&self.ask("eth_getTransactionCount", count, Value::clone).await)
    }

    /// A block of these; their receipts, but for the block's hash and time.
    async fn mine(&self, sent: &[TxEnvelope]) -> Vec<Value> {
        for transaction in sent {
            let raw = hex::encode_prefixed(transaction.encoded_2718());
            self.ask("eth_sendRawTransaction", json!([raw]), Value::clone).await;
        }
        self.ask("evm_mine", json!([]), |_| Value::Null).await;
        let mut receipts = Vec::new();
        for transaction in sent {
            let hash = json!([transaction.tx_hash()]);
            receipts.push(self.ask("eth_getTransactionReceipt", hash, outcome).await);
        }
        receipts
    }
}

/// What a receipt says of its transaction, wherever its block is.
fn outcome(receipt: &Value) -> Value {
    let log = |log: &Value| json!([log["address"], log["topics"], log["data"]]);
    let logs: Vec<Value> = receipt["logs"].as_array().unwrap().iter().map(log).collect();
    let names =
        ["type", "status", "gasUsed", "cumulativeGasUsed", "effectiveGasPrice", "from", "to"];
    json!([names.map(|name| receipt[name].clone()), receipt["contractAddress"], logs])
}

/// An account with its storage, but for the way to it and for hashes: of one that is not there they
/// differ, and code and slots are compared.
fn account(proof: &Value) -> Value {
    let slots = proof["storageProof"].as_array().unwrap().iter();
    let slots: Vec<Value> = slots.map(|slot| slot["value"].clone()).collect();
    json!([proof["nonce"], proof["balance"], slots])
}

fn sender(number: usize) -> SecretKey {
    SecretKey::from_hex(SENDERS[number]).unwrap()
}

fn authority(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[0x70 + number; 32]).unwrap()
}

fn signature(key: &SecretKey, hash: B256) -> Signature {
    let (r, s, odd) = key.sign(hash).parts();
    Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd)
}

/// A creation with this runtime code.
fn creation(nonce: u64, runtime: &str) -> TxEnvelope {
    let runtime = hex::decode(runtime.replace(' ', "")).unwrap();
    let size = u8::try_from(runtime.len()).unwrap();
    let copy = [0x60, size, 0x60, 0x0a, 0x5f, 0x39, 0x60, size, 0x5f, 0xf3];
    let unsigned = alloy_consensus::TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 1_000,
        input: [&copy[..], &runtime].concat().into(),
        ..Default::default()
    };
    signed(&sender(0), unsigned)
}

/// A wei for an account.
fn gift(nonce: u64, to: Address) -> TxEnvelope {
    let unsigned = alloy_consensus::TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000,
        to: TxKind::Call(to),
        value: U256::ONE,
        ..Default::default()
    };
    signed(&sender(0), unsigned)
}

/// What is drawn from, and what is known of the chain before a block.
struct Draw<'d> {
    random: &'d mut ChaCha8Rng,
    named: &'d [Address],
    contracts: &'d [Address],
    nonces: &'d [u64],
}

impl Draw<'_> {
    fn any(&mut self) -> Address {
        self.named[self.random.random_range(0..self.named.len())]
    }

    /// Mostly one that fits; else of another nonce or chain, or broken.
    fn authorization(&mut self, sender: &SecretKey, nonce: u64) -> SignedAuthorization {
        let number = self.random.random_range(0..=AUTHORITIES);
        let own = number == AUTHORITIES;
        let key = if own { sender.clone() } else { authority(number) };
        let used = if own { nonce + 1 } else { self.nonces[usize::from(number)] };
        let (mut chain_id, mut at) = (CHAIN_ID, used);
        match self.random.random_range(0..8) {
            0 => chain_id = 0,
            1 => chain_id += 1,
            2 => at += 1,
            _ => {}
        }
        let mut address = match self.random.random_range(0..8) {
            0 => Address::ZERO,
            1 => self.any(),
            place => self.contracts[place % self.contracts.len()],
        };
        // Who gives all away sends no more.
        if own && address == self.contracts[1] {
            address = self.contracts[0];
        }
        let unsigned = Authorization { chain_id: U256::from(chain_id), address, nonce: at };
        let signature = signature(&key, unsigned.signature_hash());
        let good = unsigned.into_signed(signature);
        if self.random.random_ratio(1, 12) {
            let (inner, parity) = (good.inner().clone(), 1 - good.y_parity());
            return SignedAuthorization::new_unchecked(inner, parity, good.r(), good.s());
        }
        good
    }

    fn transaction(&mut self, number: usize, nonce: u64) -> TxEnvelope {
        let key = sender(number);
        let count = self.random.random_range(1..4);
        let authorization_list = (0..count).map(|_| self.authorization(&key, nonce)).collect();
        let word = |word: U256| word.to_be_bytes::<32>();
        let input: Bytes = match self.random.random_range(0..3) {
            0 => Bytes::new(),
            1 => B256::from(U256::from_be_slice(self.any().as_slice())).0.into(),
            _ => {
                let mut number = |most: u64| U256::from(self.random.random_range(0..most));
                let (slot, value) = (number(4), number(9));
                [word(slot), word(value)].concat().into()
            }
        };
        let tip = SENDERS.len() - number;
        let unsigned = TxEip7702 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: self.random.random_range(100_000..400_000),
            max_fee_per_gas: 1_000,
            max_priority_fee_per_gas: tip as u128,
            to: self.any(),
            value: U256::from(self.random.random_range(0..3)),
            authorization_list,
            input,
            ..TxEip7702::default()
        };
        let signature = signature(&key, unsigned.signature_hash());
        unsigned.into_signed(signature).into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_delegate_do_on_our_node_what_they_do_on_anvil() {
    let pair = Pair::start();
    let creations: Vec<_> = (0..).zip(CODES).map(|(nonce, code)| creation(nonce, code)).collect();
    let created = pair.mine(&creations).await;
    let contracts: Vec<Address> =
        created.iter().map(|one| serde_json::from_value(one[1].clone()).unwrap()).collect();
    let consenting: Vec<Address> =
        (0..AUTHORITIES).map(|number| authority(number).address()).collect();
    // anvil keeps an empty account that was called as one that is there, and gives a refund for its
    // authorization; by EIP-161 there is none. So all are there from the beginning.
    let gifts = (CODES.len() as u64..).zip(&consenting).map(|(nonce, to)| gift(nonce, *to));
    pair.mine(&gifts.collect::<Vec<_>>()).await;
    let sending = (0..SENDERS.len()).map(|number| sender(number).address());
    let named: Vec<Address> = contracts.iter().chain(&consenting).copied().chain(sending).collect();
    let mut random = ChaCha8Rng::seed_from_u64(7_702);
    let (mut failed, mut delegated) = (0, 0);
    for _ in 0..BLOCKS {
        let mut nonces = Vec::new();
        for address in &consenting {
            nonces.push(pair.nonce(*address).await);
        }
        let mut sent = Vec::new();
        for number in 0..SENDERS.len() {
            let nonce = pair.nonce(sender(number).address()).await;
            let (named, contracts, nonces) = (&named[..], &contracts[..], &nonces[..]);
            let mut draw = Draw { random: &mut random, named, contracts, nonces };
            sent.push(draw.transaction(number, nonce));
        }
        let receipts = pair.mine(&sent).await;
        failed += receipts.iter().filter(|receipt| receipt[0][1] == "0x0").count();
        for address in &named {
            let slots = [0_u8, 1, 2, 3].map(B256::with_last_byte);
            pair.ask("eth_getProof", json!([address, slots, "latest"]), account).await;
            let code = pair.ask("eth_getCode", json!([address, "latest"]), Value::clone).await;
            delegated += usize::from(code.as_str().unwrap().starts_with("0xef0100"));
        }
    }
    assert!(failed > 5 && delegated > 50, "{failed} failed, {delegated} were delegated");
    let Pair { ours, theirs, .. } = pair;
    ours.stop("INT");
    drop(theirs);
}

/// Lets cast delegate the second account to a contract and call it; what the receipt says.
fn cast(url: &str, contract: Address) -> Value {
    let account = sender(1).address();
    let mut command = Command::new(testkit::foundry("cast").unwrap());
    command.args(["send", "--json", "--rpc-url", url, "--private-key", SENDERS[1]]);
    command.args(["--auth", &contract.to_string(), &account.to_string()]);
    // Slot 1 and the word 5, as it is.
    let data = [U256::ONE, U256::from(5)].map(|word| word.to_be_bytes::<32>()).concat();
    command.arg(hex::encode_prefixed(data));
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    outcome(&serde_json::from_str(&ended.out).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn cast_delegates_an_account_on_both() {
    let id = CHAIN_ID.to_string();
    let ours = Node::start(&["--dev", "--chain-id", &id]);
    let fees = ["--base-fee", "7", "--gas-limit", "120000000"];
    let chain = ["--chain-id", &id, "--hardfork", "osaka"];
    let theirs = Anvil::start(&[&chain[..], &fees].concat()).unwrap();
    let contract = sender(0).address().create(0);
    let account = sender(1).address();
    let mut seen = Vec::new();
    for url in [&ours.url, &theirs.url()] {
        let node = HttpRpc::new(url).unwrap();
        let raw = hex::encode_prefixed(creation(0, CODES[0]).encoded_2718());
        node.request("eth_sendRawTransaction", json!([raw])).await.unwrap();
        let url = url.clone();
        let told = tokio::task::spawn_blocking(move || cast(&url, contract)).await.unwrap();
        let code = node.request("eth_getCode", json!([account, "latest"])).await.unwrap();
        let slot = json!([account, "0x1", "latest"]);
        let slot = node.request("eth_getStorageAt", slot).await.unwrap();
        assert_eq!(told[0][1], "0x1", "{told}");
        seen.push((told[0][2].clone(), told[2].clone(), code, slot));
    }
    assert_eq!(seen[0], seen[1]);
    ours.stop("INT");
}
