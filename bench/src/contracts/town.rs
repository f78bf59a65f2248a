//! A community that trades on chain: its contracts, its traders with cash, its auctions.

use std::collections::HashMap;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use anyhow::Result;
use chain::genesis::{Deploy, GenesisCall};
use chain::{GenesisSpec, Recovered};
use contracts::{
    BatchTrade, Call, Clearing, Delivery, Deployment, FillBatch, Fills, Genesis, Met, OrderTerms,
    Policy, Posted, Prices, Reconciled, Roles, Settings, Side, Signature, TradeBatch, trade_id,
};
use ids::ConnectionPointId;
use keys::SecretKey;
use units::{Energy, Money};

use crate::ledger::token::{CHAIN_ID, sign};

/// Length of a slot in seconds.
pub(super) const SLOT_SECONDS: u64 = 900;
/// Fills of an auction.
pub(super) const FILLS: usize = 100;
/// Wh of each of them.
const QUANTITY: u64 = 1_234;
/// Gas that a transaction reserves.
const GAS: u64 = 16_000_000;
/// Cash of each trader, in 1e-9 currency.
const CASH: i64 = 1_000_000_000_000;

/// Who trades how: so many sellers as `buyers`, each with `orders`, each in two fills.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) buyers: usize,
    pub(super) orders: usize,
}

/// The community.
pub(super) struct Town {
    operator: SecretKey,
    buyers: Vec<SecretKey>,
    sellers: Vec<SecretKey>,
    at: Deployment,
    policy: Policy,
    pub(super) spec: GenesisSpec,
    nonce: u64,
}

/// An auction as it is settled.
pub(super) struct Auction {
    posted: Posted,
    pub(super) batches: Vec<FillBatch>,
    trades: Vec<BatchTrade>,
}

impl Town {
    /// A genesis of this time, and traders for a shape.
    pub(super) fn new(shape: Shape, time: u64, gas_limit: u64) -> Self {
        let key = |name: String| {
            SecretKey::from_bytes(&keccak256(name).0).expect("a hash is below the order")
        };
        let keys = |of: &str| (0..shape.buyers).map(|n| key(format!("{of} {n}"))).collect();
        let operator = key("operator".to_owned());
        let policy = Policy { slot_seconds: 900, ..testkit::policy("bench") };
        let (at, spec) = genesis(&operator, &policy, time, gas_limit);
        let (buyers, sellers) = (keys("buyer"), keys("seller"));
        // The genesis has called in the operator's name.
        let nonce = spec.calls.len() as u64;
        Self { operator, buyers, sellers, at, policy, spec, nonce }
    }

    /// Cash for every trader.
    pub(super) fn fund(&mut self) -> Result<Vec<Recovered>> {
        let traders: Vec<Address> =
            self.buyers.iter().chain(&self.sellers).map(SecretKey::address).collect();
        let count = i64::try_from(traders.len())?;
        let all = Money::from_n(CASH.checked_mul(count).expect("there are few traders"));
        let mut calls = vec![
            self.at.mint(self.operator.address(), all, keccak256("all"))?,
            self.at.approve_market(U256::MAX),
        ];
        for trader in traders {
            calls.push(self.at.deposit_for(trader, Money::from_n(CASH), keccak256(trader))?);
        }
        Ok(calls.into_iter().map(|call| self.send(call)).collect())
    }

    /// What is sent to post an auction and to settle its batches.
    pub(super) fn settle(&mut self, auction: &Auction) -> Vec<Recovered> {
        let settle = auction.batches.iter().map(|batch| self.at.settle(batch));
        let calls: Vec<Call> =
            std::iter::once(self.at.clear(&auction.posted)).chain(settle).collect();
        calls.into_iter().map(|call| self.send(call)).collect()
    }

    /// What is sent for a run that delivers so much of each trade, after `before`.
    pub(super) fn reconcile(
        &mut self,
        auction: &mut Auction,
        run: u8,
        delivered: u64,
    ) -> Result<Vec<Recovered>> {
        let clearing = auction.posted.clearing.id();
        let mut calls = Vec::new();
        for number in 0..u32::try_from(auction.batches.len())? {
            let ours = |trade: &&mut BatchTrade| trade.index / 64 == number;
            let before: Vec<BatchTrade> =
                auction.trades.iter_mut().filter(ours).map(|trade| *trade).collect();
            let shown = TradeBatch::new(auction.posted.clone(), number, &before)?;
            let mut deliveries = Vec::new();
            for trade in auction.trades.iter_mut().filter(ours) {
                let one = delivery(trade_id(clearing, trade.index), delivered);
                let Delivery { trade: id, delivered, seller_short, buyer_short } = one;
                let last = Reconciled { trade: id, run, delivered, seller_short, buyer_short };
                trade.last = Some(last);
                deliveries.push(one);
            }
            calls.push(self.at.reconcile(run, &shown, &deliveries)?);
        }
        Ok(calls.into_iter().map(|call| self.send(call)).collect())
    }

    /// The auction of a slot: each order in two fills, as an auction leaves them.
    pub(super) fn auction(&self, shape: Shape, slot: u64) -> Result<Auction> {
        let orders = shape.buyers * shape.orders;
        let mut signed: HashMap<B256, (OrderTerms, Signature)> = HashMap::new();
        let mut met = Vec::new();
        let mut trades = Vec::new();
        let prices = Prices::one(180_000);
        let quantity = Energy::from_wh(QUANTITY);
        for index in 0..FILLS {
            let [buy, sell] = [
                (Side::Buy, &self.buyers, index / 2 % orders),
                (Side::Sell, &self.sellers, index.div_ceil(2) % orders),
            ]
            .map(|(side, keys, number)| {
                let key = &keys[number / shape.orders];
                let terms = self.order(key, side, number % shape.orders, slot);
                let hash = terms.hash(CHAIN_ID, self.at.market);
                let signature = || Signature::Key(*key.sign(hash).as_bytes());
                let account = terms.account;
                signed.entry(hash).or_insert_with(|| (terms, signature()));
                (hash, account)
            });
            met.push(Met { buy: buy.0, sell: sell.0, quantity, prices });
            let (index, last) = (u32::try_from(index)?, None);
            let (buyer, seller) = (buy.1, sell.1);
            trades.push(BatchTrade { index, buyer, seller, quantity, prices, last });
        }
        let posted = self.posted(&Fills::new(met.clone())?, slot)?;
        let order = |hash| {
            let (terms, signature): &(OrderTerms, Signature) = signed.get(&hash)?;
            Some((terms, signature.clone()))
        };
        let batches = Fills::new(met)?.batches(&posted, order);
        Ok(Auction { posted, batches, trades })
    }

    fn posted(&self, fills: &Fills, slot: u64) -> Result<Posted> {
        let clearing = Clearing {
            policy: self.policy.id(),
            slot,
            mechanism: 1,
            price: 180_000,
            retail_price: 300_000,
            feed_in_price: 80_000,
            volume: Energy::from_wh(QUANTITY * u64::try_from(FILLS)?),
            fills: u32::try_from(FILLS)?,
            fills_root: fills.root(),
            journal_root: B256::ZERO,
        };
        Ok(Posted { clearing, policy: self.policy.clone() })
    }

    fn order(&self, key: &SecretKey, side: Side, number: usize, slot: u64) -> OrderTerms {
        // One word of nonces has those of a day.
        let nonce = U256::from(number) + U256::from(slot / SLOT_SECONDS) * U256::from(16);
        OrderTerms {
            account: key.address(),
            side,
            slot,
            quantity: Energy::from_wh(5_000),
            limit_price: if side == Side::Buy { 250_000 } else { 100_000 },
            min_fill: Energy::ZERO,
            community: self.policy.community,
            zone: self.policy.zone,
            connection_point: ConnectionPointId::derived("bench"),
            policy: self.policy.id(),
            delegate: Address::ZERO,
            nonce,
            expiry: slot + SLOT_SECONDS,
        }
    }

    /// The operator's next transaction.
    fn send(&mut self, call: Call) -> Recovered {
        let nonce = self.nonce;
        self.nonce += 1;
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: GAS,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(call.to),
            input: call.data,
            ..TxEip1559::default()
        };
        sign(&self.operator, unsigned)
    }
}

fn delivery(trade: B256, delivered: u64) -> Delivery {
    let [delivered, seller_short] = [delivered, QUANTITY - delivered].map(Energy::from_wh);
    Delivery { trade, delivered, seller_short, buyer_short: Energy::ZERO }
}

fn genesis(
    operator: &SecretKey,
    policy: &Policy,
    time: u64,
    gas_limit: u64,
) -> (Deployment, GenesisSpec) {
    let address = operator.address();
    let roles = Roles {
        admin: address,
        clearer: address,
        reconciler: address,
        policy: address,
        minter: address,
        reading_anchor: address,
        record_anchor: address,
        installers: vec![address],
        enroller: address,
        pauser: address,
        certifier: address,
    };
    let deployer = Address::repeat_byte(0xde);
    let settings = Settings {
        currency: "EUR".to_owned(),
        further: Vec::new(),
        withdrawal_delay: 86_400,
        role_delay: None,
    };
    let ours = Genesis::new(deployer, &roles, &settings);
    let mut spec = GenesisSpec::new(CHAIN_ID, time);
    (spec.difficulty, spec.fixed_difficulty) = (U256::from(1_u64 << 10), true);
    spec.gas_limit = gas_limit;
    spec.alloc.entry(address).or_default().balance = U256::from(10).pow(U256::from(24));
    spec.deploy = ours
        .deploys
        .into_iter()
        .map(|deploy| Deploy { from: deploy.from, init_code: deploy.init_code, value: U256::ZERO })
        .collect();
    let call = |from, to, data| GenesisCall { from, to, data };
    spec.calls = ours.calls.into_iter().map(|one| call(one.from, one.to, one.data)).collect();
    let register = ours.deployment.register_policy(policy);
    spec.calls.push(call(address, register.to, register.data));
    (ours.deployment, spec)
}
