//! A chain with our contracts and a few accounts, for the tests.
//!
//! After every call the books are checked: see `books.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use contracts::bindings::{EnergyMarket, SettlementToken};
use contracts::{
    Call, Claim, Clearing, ContractEvent, DayDigest, Deployment, FillBatch, Fills, Genesis,
    MECHANISM_PRICED, Met, OrderTerms, Policy, Posted, Prices, Roles, Settings, Side, Signature,
    SolCall, revert_text,
};
use ids::{CommunityId, ConnectionPointId, ZoneId};
use keys::SecretKey;
use revm::context::result::{ExecutionResult, Output};
use revm::context::{Context, TxEnv};
use revm::database::InMemoryDB;
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountInfo, Bytecode};
use revm::{Database, DatabaseCommit, ExecuteEvm, MainBuilder, MainContext};
use units::{Energy, Money};

use crate::books::Traded;

/// Start of the slot that the tests trade in.
pub(crate) const SLOT: u64 = 1_750_000_500;
/// Its UTC day.
pub(crate) const DAY: u32 = 20_254;
/// The most gas a transaction may use.
pub(crate) const GAS_MAX: u64 = 16_777_216;
/// Seconds between asking for a withdrawal and getting it.
pub(crate) const WITHDRAWAL_DELAY: u32 = 86_400;
/// Who has neither an account nor a role.
pub(crate) const ANYONE: Address = Address::repeat_byte(9);

/// What a call did.
pub(crate) struct Receipt {
    pub(crate) events: Vec<ContractEvent>,
    pub(crate) gas: u64,
}

#[derive(Clone)]
pub(crate) struct World {
    db: InMemoryDB,
    pub(crate) chain_id: u64,
    pub(crate) now: u64,
    pub(crate) at: Deployment,
    /// Holds every role.
    pub(crate) operator: Address,
    keys: BTreeMap<Address, SecretKey>,
    pub(crate) policies: BTreeMap<B256, Policy>,
    pub(crate) posted: BTreeMap<B256, Posted>,
    pub(crate) trades: BTreeMap<B256, Traded>,
    pub(crate) days: BTreeSet<(B256, u32)>,
    pub(crate) digests: BTreeMap<(Address, u32), DayDigest>,
    /// What each account has locked of a policy's day, as the outcomes say.
    pub(crate) locks: BTreeMap<(Address, B256, u32), U256>,
    /// The prices of the trade that is created next.
    pub(crate) priced: Option<(B256, Prices)>,
}

impl World {
    /// The contracts as genesis makes them, ten minutes before the slot.
    pub(crate) fn new(chain_id: u64) -> Self {
        Self::with(chain_id, &testkit::settings(WITHDRAWAL_DELAY))
    }

    /// [`World::new`] with other settings.
    pub(crate) fn with(chain_id: u64, settings: &Settings) -> Self {
        let deployer = Address::repeat_byte(0xde);
        let mut world = World {
            db: InMemoryDB::default(),
            chain_id,
            now: SLOT - 600,
            at: Deployment::of(deployer),
            operator: Address::repeat_byte(0x0f),
            keys: BTreeMap::new(),
            policies: BTreeMap::new(),
            posted: BTreeMap::new(),
            trades: BTreeMap::new(),
            days: BTreeSet::new(),
            digests: BTreeMap::new(),
            locks: BTreeMap::new(),
            priced: None,
        };
        world.deploy(deployer, settings);
        world
    }

    /// Everything genesis does, by a deployer that has sent nothing yet.
    pub(crate) fn deploy(&mut self, deployer: Address, settings: &Settings) -> Deployment {
        let operator = self.operator;
        let roles = Roles {
            admin: operator,
            clearer: operator,
            reconciler: operator,
            policy: operator,
            minter: operator,
            reading_anchor: operator,
            record_anchor: operator,
            installers: vec![key(100).address()],
            enroller: operator,
            pauser: operator,
            certifier: operator,
        };
        let genesis = Genesis::new(deployer, &roles, settings);
        let further = genesis.currencies[1..].iter();
        let further = further.flat_map(|currency| [currency.cash.token, currency.cash.market]);
        let expected: Vec<Address> =
            genesis.deployment.addresses().into_iter().chain(further).collect();
        assert_eq!(genesis.deploys.len(), expected.len());
        for (deploy, expected) in genesis.deploys.iter().zip(expected) {
            let result = self.transact(deploy.from, TxKind::Create, deploy.init_code.clone(), true);
            let ExecutionResult::Success { output: Output::Create(_, address), .. } = result else {
                panic!("a deploy failed: {result:?}");
            };
            assert_eq!(address, Some(expected));
        }
        for call in genesis.calls {
            let call_ = Call { to: call.to, data: call.data };
            self.send(call.from, call_).expect("a role is granted");
        }
        genesis.deployment
    }

    /// The account with this number.
    pub(crate) fn account(&mut self, number: u64) -> Address {
        let key = key(number);
        let address = key.address();
        self.keys.insert(address, key);
        address
    }

    /// Every account the world knows, also those that a policy names.
    pub(crate) fn accounts(&self) -> Vec<Address> {
        let Policy { network_account, platform_account, .. } = policy();
        let Policy { difference_account, balance_account, .. } = policy();
        let named = [network_account, platform_account, difference_account, balance_account];
        self.keys.keys().copied().chain(named).chain(CONTRACT_ACCOUNTS).collect()
    }

    pub(crate) fn sign(&self, signer: Address, hash: B256) -> Bytes {
        Bytes::from(*self.keys[&signer].sign(hash).as_bytes())
    }

    /// The signature of an order's delegate, or of its account where it names none; of a
    /// contract's, something that only it could accept.
    pub(crate) fn signature(&self, order: &OrderTerms) -> Signature {
        let signer = if order.delegate.is_zero() { order.account } else { order.delegate };
        match self.keys.get(&signer) {
            Some(key) => Signature::Key(*key.sign(self.order_hash(order)).as_bytes()),
            None => Signature::Contract(Bytes::from_static(b"of a contract")),
        }
    }

    /// Gives an account free cash.
    pub(crate) fn fund(&mut self, account: Address, amount: i64) {
        let (operator, amount) = (self.operator, Money::from_n(amount));
        let before = self.view(self.at.token, SettlementToken::totalSupplyCall {});
        let payment = keccak256(format!("{account} {before}"));
        let approve = self.at.approve_market(U256::MAX);
        let mint = self.at.mint(operator, amount, payment).unwrap();
        let deposit = self.at.deposit_for(account, amount, payment).unwrap();
        for call in [mint, approve, deposit] {
            self.ok(operator, call);
        }
    }

    pub(crate) fn free(&mut self, account: Address) -> U256 {
        let market = self.at.market;
        self.view(market, EnergyMarket::freeCall { account })
    }

    /// Gives an address code, as if a contract had been deployed there.
    pub(crate) fn set_code(&mut self, address: Address, code: &'static [u8]) {
        let code = Bytecode::new_raw(Bytes::from_static(code));
        self.db.insert_account_info(address, AccountInfo::from_bytecode(code));
    }

    /// The word at a position of a contract's storage.
    pub(crate) fn word(&mut self, contract: Address, position: B256) -> U256 {
        self.db.storage(contract, U256::from_be_bytes(position.0)).unwrap()
    }

    /// Sends a call that must succeed.
    pub(crate) fn ok(&mut self, from: Address, call: Call) -> Receipt {
        self.send(from, call).unwrap_or_else(|reason| panic!("reverted: {reason}"))
    }

    /// Sends a call that must fail for this reason.
    pub(crate) fn refused(&mut self, from: Address, call: Call, reason: &str) {
        let result = self.send(from, call);
        let text = result.err().unwrap_or_else(|| panic!("accepted, not refused: {reason}"));
        assert!(text.starts_with(reason), "{text} is not {reason}");
    }

    /// Sends a call, then checks the books.
    pub(crate) fn send(&mut self, from: Address, call: Call) -> Result<Receipt, String> {
        let result = self.transact(from, TxKind::Call(call.to), call.data, true);
        let gas = result.tx_gas_used();
        let outcome = match result {
            ExecutionResult::Success { logs, .. } => {
                let decode = |log| ContractEvent::decode(&self.at, log);
                Ok(Receipt { events: logs.iter().filter_map(decode).collect(), gas })
            }
            ExecutionResult::Revert { output, .. } => Err(revert_text(&output)),
            ExecutionResult::Halt { reason, .. } => Err(format!("{reason:?}")),
        };
        self.check_books(outcome.as_ref().map_or(&[], |receipt| receipt.events.as_slice()));
        outcome
    }

    /// Asks a view function.
    pub(crate) fn view<C: SolCall>(&mut self, to: Address, question: C) -> C::Return {
        self.ask(to, question).unwrap_or_else(|reason| panic!("reverted: {reason}"))
    }

    /// Asks a view function that may refuse to answer.
    pub(crate) fn ask<C: SolCall>(
        &mut self,
        to: Address,
        question: C,
    ) -> Result<C::Return, String> {
        let data = Bytes::from(question.abi_encode());
        match self.transact(Address::ZERO, TxKind::Call(to), data, false) {
            ExecutionResult::Success { output, .. } => {
                Ok(C::abi_decode_returns(output.data()).expect("the answer is of its type"))
            }
            ExecutionResult::Revert { output, .. } => Err(revert_text(&output)),
            ExecutionResult::Halt { reason, .. } => Err(format!("{reason:?}")),
        }
    }

    fn transact(
        &mut self,
        from: Address,
        kind: TxKind,
        data: Bytes,
        commit: bool,
    ) -> ExecutionResult {
        let nonce = self.db.basic(from).unwrap().unwrap_or_default().nonce;
        let tx = TxEnv::builder()
            .caller(from)
            .kind(kind)
            .data(data)
            .nonce(nonce)
            .gas_limit(GAS_MAX)
            .chain_id(Some(self.chain_id))
            .build()
            .unwrap();
        let (chain_id, now) = (self.chain_id, self.now);
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = chain_id;
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            })
            .modify_block_chained(|block| block.timestamp = U256::from(now))
            .build_mainnet();
        let executed = evm.transact(tx).unwrap();
        if commit {
            self.db.commit(executed.state);
        }
        executed.result
    }
}

/// Addresses that tests give code to.
pub(crate) const CONTRACT_ACCOUNTS: [Address; 3] =
    [Address::repeat_byte(0xc1), Address::repeat_byte(0xc2), Address::repeat_byte(0xc3)];

pub(crate) fn key(number: u64) -> SecretKey {
    SecretKey::from_bytes(&keccak256(number.to_be_bytes()).0).unwrap()
}

/// The policy of the worked example: 1.0 ct network, 0.2 ct platform on each side.
pub(crate) fn policy() -> Policy {
    Policy {
        community: CommunityId::derived("community"),
        zone: ZoneId::derived("zone"),
        retail_price_max: 400_000,
        feed_in_price_min: 20_000,
        correction_seconds: 8 * 86_400,
        ..testkit::policy("community")
    }
}

/// The price of the tests' usual clearing.
pub(crate) const PRICE: u64 = 180_000;

/// A clearing at 18 ct, retail 30 ct, feed-in 8 ct; without fills yet.
pub(crate) fn clearing(policy: &Policy) -> Clearing {
    Clearing {
        policy: policy.id(),
        slot: SLOT,
        mechanism: 1,
        price: PRICE,
        retail_price: 300_000,
        feed_in_price: 80_000,
        volume: Energy::from_wh(5000),
        fills: 0,
        fills_root: B256::ZERO,
        journal_root: B256::repeat_byte(7),
    }
}

/// An order for 5000 Wh that the clearing at 18 ct just fills.
pub(crate) fn order(account: Address, side: Side, nonce: u64) -> OrderTerms {
    let policy = policy();
    OrderTerms {
        account,
        side,
        slot: SLOT,
        quantity: Energy::from_wh(5000),
        limit_price: if side == Side::Buy { 192_000 } else { 178_000 },
        min_fill: Energy::ZERO,
        community: policy.community,
        zone: policy.zone,
        connection_point: ConnectionPointId::derived(&account.to_string()),
        policy: policy.id(),
        delegate: Address::ZERO,
        nonce: U256::from(nonce),
        expiry: SLOT + 900,
    }
}

/// An [`order`] that leaves room for prices of its own: from 10.2 ct for a seller to 23.8 ct for a
/// buyer.
pub(crate) fn wide(account: Address, side: Side, nonce: u64) -> OrderTerms {
    let limit_price = if side == Side::Buy { 250_000 } else { 100_000 };
    OrderTerms { limit_price, ..order(account, side, nonce) }
}

/// A clearing without fills yet, and its policy.
pub(crate) fn posted(policy: &Policy) -> Posted {
    Posted { clearing: clearing(policy), policy: policy.clone() }
}

/// [`posted`], with prices for each fill; the clearing's own is a figure that moves no money.
pub(crate) fn priced(policy: &Policy) -> Posted {
    let clearing = Clearing { mechanism: MECHANISM_PRICED, price: 1, ..clearing(policy) };
    Posted { clearing, ..posted(policy) }
}

/// A buyer's and a seller's order, and how much of both is filled.
pub(crate) type Pair = (OrderTerms, OrderTerms, u64);

/// Two prices of each of as many fills, all inside the limits of [`wide`] orders.
pub(crate) fn own_prices(count: usize) -> Vec<Prices> {
    let prices = |fill: u64| Prices { buyer: 190_000 + 7 * fill % 40_000, seller: 170_000 - fill };
    (0..).map(prices).take(count).collect()
}

/// The prices of as many fills of the usual clearing.
pub(crate) fn usual(count: usize) -> Vec<Prices> {
    vec![Prices::one(PRICE); count]
}

impl World {
    pub(crate) fn order_hash(&self, order: &OrderTerms) -> B256 {
        order.hash(self.chain_id, self.at.market)
    }

    /// The fills that these pairs are, at these prices.
    pub(crate) fn fills(&self, pairs: &[Pair], prices: &[Prices]) -> Fills {
        assert_eq!(pairs.len(), prices.len());
        let met = |((buy, sell, wh), prices): (&Pair, &Prices)| {
            let (buy, sell) = (self.order_hash(buy), self.order_hash(sell));
            Met { buy, sell, quantity: Energy::from_wh(*wh), prices: *prices }
        };
        Fills::new(pairs.iter().zip(prices).map(met).collect()).unwrap()
    }

    /// A clearing with these pairs as its fills, and its batches: with the orders that are `shown`,
    /// signed.
    pub(crate) fn batches(
        &self,
        posted: Posted,
        pairs: &[Pair],
        shown: impl Fn(&OrderTerms) -> bool,
    ) -> (Posted, Vec<FillBatch>) {
        let prices = vec![Prices::one(posted.clearing.price); pairs.len()];
        self.batches_at(posted, pairs, &prices, shown)
    }

    /// [`World::batches`] with prices for each fill.
    pub(crate) fn batches_at(
        &self,
        mut posted: Posted,
        pairs: &[Pair],
        prices: &[Prices],
        shown: impl Fn(&OrderTerms) -> bool,
    ) -> (Posted, Vec<FillBatch>) {
        let fills = self.fills(pairs, prices);
        posted.clearing.fills = u32::try_from(pairs.len()).unwrap();
        posted.clearing.fills_root = fills.root();
        let orders = pairs.iter().flat_map(|(buy, sell, _)| [buy, sell]);
        let orders: HashMap<B256, &OrderTerms> = orders
            .filter(|order| shown(order))
            .map(|order| (self.order_hash(order), order))
            .collect();
        let order = |hash| orders.get(&hash).map(|order| (*order, self.signature(order)));
        let batches = fills.batches(&posted, order);
        (posted, batches)
    }

    /// Posts a clearing with these pairs as its fills, and returns its batches.
    pub(crate) fn post(&mut self, posted: Posted, pairs: &[Pair]) -> Vec<FillBatch> {
        let prices = vec![Prices::one(posted.clearing.price); pairs.len()];
        self.post_at(posted, pairs, &prices)
    }

    /// [`World::post`] with prices for each fill.
    pub(crate) fn post_at(
        &mut self,
        posted: Posted,
        pairs: &[Pair],
        prices: &[Prices],
    ) -> Vec<FillBatch> {
        let (posted, batches) = self.batches_at(posted, pairs, prices, |_| true);
        let call = self.at.clear(&posted);
        self.ok(self.operator, call);
        batches
    }

    /// Like [`World::post`], for fills that are one batch.
    pub(crate) fn post_one(&mut self, posted: Posted, pairs: &[Pair]) -> FillBatch {
        let mut batches = self.post(posted, pairs);
        assert_eq!(batches.len(), 1);
        batches.remove(0)
    }

    /// Settles a batch, by anyone.
    pub(crate) fn settle(&mut self, batch: &FillBatch) -> Receipt {
        let call = self.at.settle(batch);
        self.ok(ANYONE, call)
    }

    /// The proof of one side of a fill.
    pub(crate) fn claim(
        &self,
        pairs: &[Pair],
        prices: &[Prices],
        index: usize,
        side: Side,
    ) -> Claim {
        let fills = self.fills(pairs, prices);
        let (buy, sell, _) = &pairs[index];
        let (order, other) = if side == Side::Buy { (buy, sell) } else { (sell, buy) };
        let other = self.order_hash(other);
        Claim {
            order: order.clone(),
            filled: fills.filled(self.order_hash(order)),
            other,
            other_filled: fills.filled(other),
            prices: prices[index],
            index: u32::try_from(index).unwrap(),
            path: fills.tree().path(index),
        }
    }

    /// A world where the policy is registered and accounts 1 (buyer) and 2 (seller) have cash.
    pub(crate) fn with_cash() -> (World, Address, Address) {
        let mut world = World::new(4711);
        let call = world.at.register_policy(&policy());
        world.ok(world.operator, call);
        let (buyer, seller) = (world.account(1), world.account(2));
        world.fund(buyer, 5_000_000_000);
        world.fund(seller, 1_000_000_000);
        (world, buyer, seller)
    }
}
