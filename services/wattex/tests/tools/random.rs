//! Random transactions, the same to both nodes: after each block it, its receipts and some accounts
//! are compared, at the end all accounts that came about. What ours says of accounts is proved
//! against the state root of its header.
//!
//! `WATTEX_TRANSACTIONS` says how many, `WATTEX_SEED` repeats a run: a failure names it.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256, keccak256};
use chain::light::{AccountProof, StorageProof};
use keys::SecretKey;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use crate::compare::same;
use crate::nodes::{Blocks, CHAIN_ID, ask, ours, theirs};
use crate::program;

/// Transactions of a normal run.
const TRANSACTIONS: usize = 2_000;
const COUNT: &str = "WATTEX_TRANSACTIONS";
const SEED: &str = "WATTEX_SEED";
/// Keys that send; the development accounts have them.
const KEYS: [&str; 4] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
];
/// The most gas of one transaction (EIP-7825).
const GAS_MAX: u64 = 16_777_216;
/// Wei of gas price of the cheapest sender of a block; far above any base fee that comes about.
const PRICE: u128 = 10_000;
/// Accounts that are compared after each block at most, and at once at the end; which ones, the
/// seed says.
const COMPARED_MAX: usize = 40;
/// One in so many transactions that were sent has to be of each kind, at least.
const KIND_SHARE: usize = 20;

struct World {
    random: ChaCha8Rng,
    http: reqwest::Client,
    urls: [String; 2],
    keys: Vec<SecretKey>,
    nonces: Vec<u64>,
    /// Whom programs may call.
    known: Vec<Address>,
    /// Contracts, with the next number that one of theirs would have.
    contracts: BTreeMap<Address, u64>,
    /// What else storage names that could be an account, such as what CREATE2 answered.
    named: BTreeSet<Address>,
    /// How many of each kind were sent.
    sent: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(seed: u64, urls: [String; 2]) -> World {
        let keys: Vec<SecretKey> =
            KEYS.iter().map(|key| SecretKey::from_hex(key).unwrap()).collect();
        // The precompiles but the one that needs a trusted set-up, and nobody.
        let low = (1..=0x11u64).filter(|number| *number != 0x0a).chain([0x100, 0xdead]);
        let mut known: Vec<Address> =
            low.map(|number| Address::from_word(U256::from(number).into())).collect();
        known.extend(keys.iter().map(SecretKey::address));
        World {
            random: ChaCha8Rng::seed_from_u64(seed),
            http: reqwest::Client::new(),
            urls,
            nonces: vec![0; keys.len()],
            keys,
            known,
            contracts: BTreeMap::new(),
            named: BTreeSet::new(),
            sent: BTreeMap::new(),
        }
    }

    /// The same requests to both; what differs and may not fails.
    async fn both(&self, name: &str, requests: &[(&str, Value)]) -> [Vec<Value>; 2] {
        let [ours, theirs] = &self.urls;
        let (ours, theirs) =
            tokio::join!(ask(&self.http, ours, requests), ask(&self.http, theirs, requests));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        [ours, theirs]
    }

    /// Where a transaction goes and what it takes along.
    fn aim(&mut self) -> (&'static str, TxKind, Bytes) {
        let contracts: Vec<Address> = self.contracts.keys().copied().collect();
        let kind = self.random.random_range(0..10);
        if kind < 3 || contracts.is_empty() {
            let code = program::creation(&mut self.random, &self.known);
            return ("creations", TxKind::Create, code.into());
        }
        let mut data = vec![0; self.random.random_range(0..80)];
        self.random.fill(&mut data[..]);
        if let Some(first) = data.first_mut() {
            *first %= 8;
        }
        if kind < 5 {
            let to = *self.known.choose(&mut self.random).unwrap();
            data.truncate(self.random.random_range(0..=20));
            return ("transfers", TxKind::Call(to), data.into());
        }
        let to = *contracts.choose(&mut self.random).unwrap();
        ("calls", TxKind::Call(to), data.into())
    }

    fn gas_limit(&mut self) -> u64 {
        match self.random.random_range(0..8) {
            0 => self.random.random_range(21_000..60_000),
            1 => self.random.random_range(60_000..200_000),
            2 => GAS_MAX,
            _ => self.random.random_range(200_000..3_000_000),
        }
    }

    fn access_list(&mut self) -> AccessList {
        let count = self.random.random_range(0..3);
        let item = |world: &mut World| AccessListItem {
            address: *world.known.choose(&mut world.random).unwrap(),
            storage_keys: (0..world.random.random_range(0..3u64))
                .map(|slot| B256::from(U256::from(slot)))
                .collect(),
        };
        AccessList((0..count).map(|_| item(self)).collect())
    }

    /// A signed transaction of a sender at his next nonce, paying `price` wei a gas.
    fn transaction(&mut self, sender: usize, nonce: u64, price: u128) -> TxEnvelope {
        let (what, to, input) = self.aim();
        *self.sent.entry(what).or_default() += 1;
        let value = U256::from(*[0, 0, 1, 1_000, 1_000_000].choose(&mut self.random).unwrap());
        let (gas_limit, access_list) = (self.gas_limit(), self.access_list());
        let key = &self.keys[sender];
        match self.random.random_range(0..3) {
            0 => signed(
                key,
                TxLegacy {
                    chain_id: Some(CHAIN_ID),
                    nonce,
                    gas_price: price,
                    gas_limit,
                    to,
                    value,
                    input,
                },
            ),
            1 => signed(
                key,
                TxEip2930 {
                    chain_id: CHAIN_ID,
                    nonce,
                    gas_price: price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                },
            ),
            _ => signed(
                key,
                TxEip1559 {
                    chain_id: CHAIN_ID,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: price,
                    max_priority_fee_per_gas: price,
                    to,
                    value,
                    access_list,
                    input,
                },
            ),
        }
    }

    /// Some transactions of some senders, one block, and everything compared. The senders pay
    /// prices of their own, so that both nodes order the block alike. Returns how many got in.
    async fn block(&mut self) -> usize {
        let mut senders: Vec<usize> = (0..self.keys.len()).collect();
        senders.shuffle(&mut self.random);
        senders.truncate(self.random.random_range(1..=3));
        let mut hashes = Vec::new();
        for (rank, sender) in senders.into_iter().enumerate() {
            let price = PRICE + 100 * rank as u128;
            for _ in 0..self.random.random_range(1..=4) {
                let transaction = self.transaction(sender, self.nonces[sender], price);
                if self.submit(&transaction, sender).await {
                    hashes.push(*transaction.tx_hash());
                    self.nonces[sender] += 1;
                    self.learn(&transaction, sender);
                }
            }
        }
        let [ours, theirs] = self.both("mining", &[("evm_mine", json!([]))]).await;
        assert!(ours[0]["error"].is_null() && theirs[0]["error"].is_null(), "{ours:?} {theirs:?}");
        self.compare_block(&hashes).await;
        let mut some = self.known.clone();
        some.push(Address::ZERO);
        some.shuffle(&mut self.random);
        some.truncate(COMPARED_MAX);
        self.compare_accounts(&some).await;
        hashes.len()
    }

    /// Sends to both; whether it was taken. Both take it, or none does.
    async fn submit(&mut self, transaction: &TxEnvelope, sender: usize) -> bool {
        let raw = Bytes::from(transaction.encoded_2718());
        let [ours, theirs] =
            self.both("sending", &[("eth_sendRawTransaction", json!([raw]))]).await;
        let (ours, theirs) = (&ours[0], &theirs[0]);
        if let Some(reason) = ours["error"]["message"].as_str() {
            *self.sent.entry("refused").or_default() += 1;
            if theirs.is_string() {
                self.never_runs(transaction, sender, reason).await;
            }
            return false;
        }
        assert_eq!(ours, &json!(transaction.tx_hash()));
        assert_eq!(ours, theirs, "{transaction:?}");
        true
    }

    /// Anvil's pool takes what has too little gas to begin with; its machine does not.
    async fn never_runs(&self, transaction: &TxEnvelope, sender: usize, reason: &str) {
        use alloy_consensus::Transaction as _;
        assert!(reason.contains("gas"), "{reason} {transaction:?}");
        let call = json!({
            "from": self.keys[sender].address(), "to": transaction.to(),
            "gas": U256::from(transaction.gas_limit()), "value": transaction.value(),
            "input": transaction.input(), "accessList": transaction.access_list(),
        });
        let requests = [
            ("anvil_dropTransaction", json!([transaction.tx_hash()])),
            ("eth_call", json!([call, "latest"])),
        ];
        let answers = ask(&self.http, &self.urls[1], &requests).await;
        assert_eq!(answers[0], json!(transaction.tx_hash()), "{answers:?}");
        let refusal = answers[1]["error"]["message"].as_str().unwrap_or_default();
        assert!(refusal.contains("gas"), "ours: {reason}, theirs: {answers:?}");
    }

    fn learn(&mut self, transaction: &TxEnvelope, sender: usize) {
        use alloy_consensus::Transaction as _;
        if transaction.to().is_none() {
            let address = self.keys[sender].address().create(transaction.nonce());
            self.contracts.insert(address, 1);
            self.known.push(address);
        }
    }

    async fn compare_block(&self, hashes: &[B256]) {
        let mut requests = vec![
            ("eth_getBlockByNumber", json!(["latest", true])),
            ("eth_getLogs", json!([{ "fromBlock": "latest", "toBlock": "latest" }])),
        ];
        requests.extend(hashes.iter().map(|hash| ("eth_getTransactionReceipt", json!([hash]))));
        let [mut ours, mut theirs] = self.both("block", &requests).await;
        let included = ours[0]["transactions"].as_array().unwrap().len();
        assert_eq!(included, hashes.len(), "{hashes:?} {}", ours[0]);
        for answers in [&mut ours, &mut theirs] {
            answers.iter_mut().for_each(without_place);
            let kept = [
                "gasUsed",
                "receiptsRoot",
                "transactionsRoot",
                "logsBloom",
                "baseFeePerGas",
                "number",
                "transactions",
                "gasLimit",
                "sha3Uncles",
            ];
            answers[0].as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
        }
        same("block", &json!(ours), &json!(theirs), &[]);
    }

    /// Compares every account that came about. What one names is looked at too.
    async fn compare_all(&mut self) -> usize {
        let mut compared = BTreeSet::new();
        loop {
            let all = self.known.iter().chain(&self.named).chain(iter::once(&Address::ZERO));
            let fresh: BTreeSet<Address> =
                all.filter(|one| !compared.contains(*one)).copied().collect();
            let some: Vec<Address> = fresh.into_iter().take(COMPARED_MAX).collect();
            if some.is_empty() {
                return compared.len();
            }
            self.compare_accounts(&some).await;
            compared.extend(some);
        }
    }

    /// Compares balance, nonce, code and what programs store, and follows the contracts that
    /// contracts created.
    async fn compare_accounts(&mut self, accounts: &[Address]) {
        let slots: Vec<B256> = (0..program::SLOTS).map(|slot| U256::from(slot).into()).collect();
        let mut requests = vec![("eth_getBlockByNumber", json!(["latest", false]))];
        for address in accounts {
            requests.push(("eth_getProof", json!([address, slots, "latest"])));
            requests.push(("eth_getCode", json!([address, "latest"])));
            for slot in &slots {
                requests.push(("eth_getStorageAt", json!([address, slot, "latest"])));
            }
        }
        let [mut ours, mut theirs] = self.both("accounts", &requests).await;
        let [header, _] = [ours.remove(0), theirs.remove(0)];
        let root: B256 = serde_json::from_value(header["stateRoot"].clone()).unwrap();
        for (address, answers) in accounts.iter().zip(ours.chunks(2 + slots.len())) {
            check_proof(root, *address, answers);
            self.follow(*address, &answers[0]);
            self.named.extend(answers[2..].iter().filter_map(named));
        }
        for answer in ours.iter_mut().chain(&mut theirs) {
            if let Some(proof) = answer.as_object_mut() {
                // The path through the whole state: other accounts of the genesis are in it. And
                // anvil's trie of a storage, which keeps a cleared slot as zero.
                let taken = ["accountProof", "storageHash"].map(|name| proof.remove(name));
                assert!(taken.iter().all(Option::is_some), "{proof:?}");
                for slot in proof["storageProof"].as_array_mut().unwrap() {
                    assert!(slot.as_object_mut().unwrap().remove("proof").is_some(), "{slot}");
                }
            }
        }
        same("accounts", &json!(ours), &json!(theirs), &[]);
    }

    /// What a contract created since is known from now on.
    fn follow(&mut self, creator: Address, proof: &Value) {
        let Some(next) = self.contracts.get_mut(&creator) else { return };
        let nonce = proof["nonce"].as_str().unwrap().trim_start_matches("0x");
        let nonce = u64::from_str_radix(nonce, 16).unwrap();
        let created: Vec<Address> = (*next..nonce).map(|nonce| creator.create(nonce)).collect();
        *next = nonce.max(*next);
        for address in created {
            self.contracts.insert(address, 1);
            self.known.push(address);
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// What ours says of an account follows from the state root of its header: balance, nonce, hash of
/// the code, each slot. And the storage has no other slots, since programs write these alone.
fn check_proof(state_root: B256, address: Address, answers: &[Value]) {
    let (told, code) = (&answers[0], read::<Bytes>(&answers[1]));
    let told_slots = told["storageProof"].as_array().unwrap();
    let storage = told_slots
        .iter()
        .map(|slot| StorageProof { position: read(&slot["key"]), nodes: read(&slot["proof"]) });
    let nodes = read(&told["accountProof"]);
    let proof = AccountProof { address, nodes, storage: storage.collect() };
    let proven = proof.verify(state_root).unwrap_or_else(|error| panic!("{address}: {error}"));
    let slots: Vec<U256> = answers[2..].iter().map(|value| read::<B256>(value).into()).collect();
    assert_eq!(proven.storage, slots, "{address}");
    let told_values: Vec<U256> = told_slots.iter().map(|slot| read(&slot["value"])).collect();
    assert_eq!(told_values, slots, "{address}");
    let account = proven.account.unwrap_or_default();
    assert_eq!(read::<U256>(&told["balance"]), account.balance, "{address}");
    assert_eq!(read::<U64>(&told["nonce"]).to::<u64>(), account.nonce, "{address}");
    assert_eq!(read::<B256>(&told["codeHash"]), account.code_hash, "{address}");
    assert_eq!(keccak256(&code), account.code_hash, "{address}");
    assert_eq!(read::<B256>(&told["storageHash"]), account.storage_root, "{address}");
    let kept = slots.into_iter().zip(0u64..).filter(|(value, _)| !value.is_zero());
    let kept = kept.map(|(value, slot)| (B256::from(U256::from(slot)), value));
    let root = alloy_trie::root::storage_root_unhashed(kept);
    assert_eq!(root, account.storage_root, "{address} {answers:?}");
}

/// The account that a slot could name: a word as long as an address.
fn named(slot: &Value) -> Option<Address> {
    let word: B256 = read(slot);
    let long = word[..12].iter().all(|byte| *byte == 0) && word[12..16] != [0; 4];
    long.then(|| Address::from_word(word))
}

fn signed<T>(key: &SecretKey, transaction: T) -> TxEnvelope
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let (r, s, odd) = key.sign(transaction.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    transaction.into_signed(signature).into()
}

/// Takes out of an answer what depends on the hash and the time of its block, and the price of
/// blobs, which only anvil's receipts name where there are none.
fn without_place(answer: &mut Value) {
    match answer {
        Value::Object(fields) => {
            for name in ["blockHash", "blockTimestamp", "blobGasPrice"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_place);
        }
        Value::Array(list) => list.iter_mut().for_each(without_place),
        _ => {}
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[actix_web::test]
async fn random_transactions_have_the_same_outcome_on_both_nodes() {
    let seed = from_environment(SEED).unwrap_or_else(|| rand::rng().random::<u64>());
    let count = from_environment(COUNT).unwrap_or(TRANSACTIONS);
    eprintln!("{SEED}={seed}");
    let (ours, theirs) = (ours(Blocks::Asked), theirs(Blocks::Asked));
    let mut world = World::new(seed, [ours.url.clone(), theirs.url()]);
    let mut included = 0;
    while included < count {
        included += world.block().await;
    }
    let compared = world.compare_all().await;
    let sent: usize = world.sent.values().sum();
    for kind in ["calls", "creations", "transfers"] {
        let of_kind = world.sent.get(kind).copied().unwrap_or_default();
        assert!(of_kind * KIND_SHARE >= sent && of_kind > 0, "{kind}: {:?}", world.sent);
    }
    assert!(compared > world.contracts.len(), "{compared} accounts");
    eprintln!(
        "{included} transactions in blocks: {:?}, {} contracts, {compared} accounts",
        world.sent,
        world.contracts.len()
    );
}
