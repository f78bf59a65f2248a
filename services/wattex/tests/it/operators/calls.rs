//! What these tests ask of the contracts, tell them and hear from them: the one file here that
//! knows their types.

use alloy_primitives::{Address, B256, Bytes, U256};
use contracts::bindings::{EnergyCertificate, EnergyMarket, SettlementToken, Timelock};
use contracts::requests::{self, MeterEnrolment, Withdrawal};
use contracts::{
    BatchTrade, Claim, Clearing, Delivery, Deployment, Evidence, Fills, Met, OrderTerms, Policy,
    Posted, Prices, Reconciled, Side, Signature, SolCall, TradeBatch, revert_text,
};
pub use contracts::{Call, ContractEvent, Skip};
use ids::{CommunityId, ConnectionPointId, MeterId};
use keys::SecretKey;
use serde_json::Value;
use units::{Energy, Money};

/// What energy costs and earns outside of the market, in 1e-9 currency per Wh.
pub const RETAIL: u64 = 300_000;
pub const FEED_IN: u64 = 80_000;
/// The run before the ones of challenges and expiries: nobody corrects it.
pub const LAST_RUN: u8 = 253;
const MECHANISM_UNIFORM: u8 = 1;

/// The chain, the contracts on it and the policy that all trade under.
#[derive(Clone)]
pub struct Place {
    pub chain_id: u64,
    pub at: Deployment,
    pub policy: Policy,
}

/// An order and what was signed under it, by whomever.
#[derive(Clone)]
pub struct Signed {
    pub terms: OrderTerms,
    pub hash: B256,
    pub signature: keys::Signature,
}

/// What somebody wants in a slot.
#[derive(Clone, Copy)]
pub struct Wish {
    pub account: Address,
    pub point: ConnectionPointId,
    pub buys: bool,
    /// Start, epoch seconds.
    pub slot: u64,
    pub wh: u64,
    pub limit: u64,
    pub nonce: u64,
}

impl Place {
    /// The order, signed by `key`.
    pub fn signed(&self, wish: Wish, key: &SecretKey) -> Signed {
        self.signed_as(self.terms(wish), key)
    }

    /// The terms, signed by `key`.
    pub fn signed_as(&self, terms: OrderTerms, key: &SecretKey) -> Signed {
        let hash = terms.hash(self.chain_id, self.at.market);
        Signed { terms, hash, signature: key.sign(hash) }
    }

    pub fn terms(&self, wish: Wish) -> OrderTerms {
        OrderTerms {
            account: wish.account,
            side: if wish.buys { Side::Buy } else { Side::Sell },
            slot: wish.slot,
            quantity: Energy::from_wh(wish.wh),
            limit_price: wish.limit,
            min_fill: Energy::ZERO,
            community: self.policy.community,
            zone: self.policy.zone,
            connection_point: wish.point,
            policy: self.policy.id(),
            delegate: Address::ZERO,
            nonce: U256::from(wish.nonce),
            expiry: wish.slot + u64::from(self.policy.slot_seconds),
        }
    }

    /// An auction of the poster's making: who meets whom, over how many Wh, at which price.
    pub fn auction(&self, slot: u64, price: u64, met: &[(&Signed, &Signed, u64)]) -> Auction {
        let fill = |(buy, sell, wh): &(&Signed, &Signed, u64)| Met {
            buy: buy.hash,
            sell: sell.hash,
            quantity: Energy::from_wh(*wh),
            prices: Prices::one(price),
        };
        let fills = Fills::new(met.iter().map(fill).collect()).unwrap();
        let clearing = Clearing {
            policy: self.policy.id(),
            slot,
            mechanism: MECHANISM_UNIFORM,
            price,
            retail_price: RETAIL,
            feed_in_price: FEED_IN,
            volume: Energy::from_wh(met.iter().map(|(.., wh)| wh).sum()),
            fills: u32::try_from(met.len()).unwrap(),
            fills_root: fills.root(),
            journal_root: B256::ZERO,
        };
        let posted = Posted { clearing, policy: self.policy.clone() };
        let orders = met.iter().flat_map(|(buy, sell, _)| [(*buy).clone(), (*sell).clone()]);
        Auction { at: self.at, posted, fills, orders: orders.collect() }
    }

    /// What a buyer pays for a Wh at a price of energy.
    pub fn all_in(&self, price: u64) -> u64 {
        price + self.policy.network_fee + self.policy.buyer_fee
    }

    /// What a seller gets for a Wh.
    pub fn net(&self, price: u64) -> u64 {
        price - self.policy.seller_fee
    }

    pub fn grant(&self, to: Address, role: &str, account: Address) -> Call {
        let data = EnergyMarket::grantRoleCall { role: contracts::role(role), account };
        Call { to, data: data.abi_encode().into() }
    }

    /// What proposes a call that only the timelock may make, and what makes it once `delay` seconds
    /// are over.
    pub fn locked_away(&self, call: Call, delay: u64) -> [Call; 2] {
        let (predecessor, salt) = (B256::ZERO, B256::ZERO);
        let Call { to: target, data } = call;
        let (value, delay) = (U256::ZERO, U256::from(delay));
        let propose =
            Timelock::scheduleCall { target, value, data: data.clone(), predecessor, salt, delay };
        let make = Timelock::executeCall { target, value, payload: data, predecessor, salt };
        [propose.abi_encode(), make.abi_encode()]
            .map(|data| Call { to: self.at.timelock, data: data.into() })
    }

    /// How many Wh of a certificate an account has.
    pub fn certified(&self, account: Address, id: U256) -> Call {
        question(self.at.certificates, &EnergyCertificate::balanceOfCall { account, id })
    }

    pub fn transfer(&self, to: Address, n: u64) -> Call {
        let data = SettlementToken::transferCall { to, value: U256::from(n) };
        Call { to: self.at.token, data: data.abi_encode().into() }
    }

    pub fn transfer_from(&self, from: Address, to: Address, n: u64) -> Call {
        let data = SettlementToken::transferFromCall { from, to, value: U256::from(n) };
        Call { to: self.at.token, data: data.abi_encode().into() }
    }

    pub fn burn_from(&self, account: Address, n: u64) -> Call {
        let data = SettlementToken::burnFromCall { account, value: U256::from(n) };
        Call { to: self.at.token, data: data.abi_encode().into() }
    }

    /// A withdrawal of `account` that `key` signed, for anybody to send.
    pub fn withdrawal(&self, account: Address, n: u64, nonce: u64, key: &SecretKey) -> Call {
        let amount = Money::from_n(i64::try_from(n).unwrap());
        let of = Withdrawal { account, amount, nonce: U256::from(nonce), expiry: u64::MAX };
        let hash = requests::withdrawal(self.chain_id, self.at.market, &of).unwrap();
        let signature = key.sign(hash).as_bytes().to_vec().into();
        self.at.request_withdrawal_for(&of, signature).unwrap()
    }

    /// The enrolment of a meter of `owner`, where one key signs for both.
    pub fn enrolment(&self, owner: Address, point: ConnectionPointId, by: &SecretKey) -> Call {
        let of = self.meter_of(owner, point, by.address());
        let signature = Bytes::from(self.enrolment_by(by, &of).as_bytes().to_vec());
        self.at.enrol(&of, signature.clone(), signature)
    }

    pub fn enrolment_by(&self, key: &SecretKey, of: &MeterEnrolment) -> keys::Signature {
        key.sign(requests::enrolment(self.chain_id, self.at.meters, of))
    }

    /// What the owner of a meter signs, and the meter.
    pub fn meter_of(
        &self,
        owner: Address,
        connection_point: ConnectionPointId,
        installer: Address,
    ) -> MeterEnrolment {
        let meter = MeterId::derived(&format!("{connection_point}/{installer}"));
        let key = installer;
        MeterEnrolment { meter, key, owner, installer, connection_point, version: 1 }
    }

    /// Policies under which cash waits as long as it may at most.
    pub fn longest_policy(&self) -> Call {
        let longest = Policy {
            correction_seconds: contracts::WINDOWS_MAX - 86_400,
            challenge_seconds: 86_400,
            ..self.policy.clone()
        };
        self.at.register_policy(&longest)
    }

    pub fn release(&self, slot: u64, account: Address) -> Call {
        let day = u32::try_from(slot / 86_400).unwrap();
        self.at.release(self.policy.id(), day, vec![account])
    }

    pub fn free(&self, account: Address) -> Call {
        question(self.at.market, &EnergyMarket::freeCall { account })
    }

    pub fn locked(&self, account: Address, slot: u64) -> Call {
        let (policy, day) = (self.policy.id(), u32::try_from(slot / 86_400).unwrap());
        question(self.at.market, &EnergyMarket::lockedCall { account, policy, day })
    }

    pub fn tokens(&self, account: Address) -> Call {
        question(self.at.token, &SettlementToken::balanceOfCall { account })
    }

    /// What a clearing did, as the logs of the market say it from the beginning on.
    pub fn cleared(&self, slot: u64, events: &[ContractEvent]) -> Cleared {
        let posted = events.iter().find_map(|event| match event {
            ContractEvent::SlotCleared(event) if event.terms.slot == slot => {
                Some(Clearing::from_sol(&event.terms))
            }
            _ => None,
        });
        let clearing = posted.expect("the slot was cleared");
        let id = clearing.id();
        let mut trades = Vec::new();
        for event in events {
            match event {
                ContractEvent::TradeCreated(event) if event.clearing == id => {
                    let met = Met {
                        buy: event.buyOrder,
                        sell: event.sellOrder,
                        quantity: Energy::from_wh(event.quantity),
                        prices: Prices::one(clearing.price),
                    };
                    let trade = BatchTrade {
                        index: event.index,
                        buyer: event.buyer,
                        seller: event.seller,
                        quantity: met.quantity,
                        prices: met.prices,
                        last: None,
                    };
                    trades.push((event.trade, met, trade));
                }
                ContractEvent::TradeReconciled(event) => {
                    let found = trades.iter_mut().find(|(trade, ..)| *trade == event.trade);
                    if let Some((.., trade)) = found {
                        trade.last = Some(Reconciled {
                            trade: event.trade,
                            run: event.run,
                            delivered: Energy::from_wh(event.delivered),
                            seller_short: Energy::from_wh(event.sellerShort),
                            buyer_short: Energy::from_wh(event.buyerShort),
                        });
                    }
                }
                _ => {}
            }
        }
        let policy = self.policy.clone();
        Cleared { at: self.at, posted: Posted { clearing, policy }, trades }
    }
}

fn question(to: Address, what: &impl SolCall) -> Call {
    Call { to, data: what.abi_encode().into() }
}

/// A number that a contract answered.
pub fn number(answer: &Bytes) -> u64 {
    U256::from_be_slice(answer).to()
}

/// An auction and all that is needed to post and settle it.
#[derive(Clone)]
pub struct Auction {
    at: Deployment,
    pub posted: Posted,
    fills: Fills,
    orders: Vec<Signed>,
}

impl Auction {
    pub fn clear(&self) -> Call {
        self.at.clear(&self.posted)
    }

    /// Its only batch.
    pub fn settle(&self) -> Call {
        self.settle_as(&self.posted)
    }

    /// Its fills under another clearing.
    pub fn settle_as(&self, posted: &Posted) -> Call {
        let order = |hash| {
            let found = self.orders.iter().find(|order| order.hash == hash)?;
            Some((&found.terms, Signature::Key(*found.signature.as_bytes())))
        };
        self.at.settle(&self.fills.batches(posted, order)[0])
    }

    /// The same at another price.
    pub fn at_price(&self, price: u64) -> Auction {
        let mut other = self.clone();
        other.posted.clearing.price = price;
        other
    }

    /// The same that says so of the slot's prices outside.
    pub fn with_retail(&self, retail: u64) -> Auction {
        let mut other = self.clone();
        other.posted.clearing.retail_price = retail;
        other
    }

    /// The same that commits to these orders of the journal.
    pub fn with_journal(&self, journal_root: B256) -> Auction {
        let mut other = self.clone();
        other.posted.clearing.journal_root = journal_root;
        other
    }
}

/// A clearing as the chain has it, with its trades in order.
pub struct Cleared {
    at: Deployment,
    pub posted: Posted,
    trades: Vec<(B256, Met, BatchTrade)>,
}

impl Cleared {
    fn batch(&self) -> TradeBatch {
        let trades: Vec<BatchTrade> = self.trades.iter().map(|(.., trade)| *trade).collect();
        TradeBatch::new(self.posted.clone(), 0, &trades).unwrap()
    }

    /// Its only trade.
    pub fn trade(&self) -> B256 {
        let [(trade, ..)] = &self.trades[..] else { panic!("{} trades", self.trades.len()) };
        *trade
    }

    /// What was delivered of its only trade at last, seller short, buyer short, in Wh; and the run.
    pub fn last(&self) -> Option<([u64; 3], u8)> {
        let [(.., trade)] = &self.trades[..] else { panic!("{} trades", self.trades.len()) };
        let last = trade.last?;
        let parts = [last.delivered, last.seller_short, last.buyer_short];
        Some((parts.map(Energy::wh), last.run))
    }

    /// Writes a run of its only trade: all of `wh` was delivered.
    pub fn reconcile(&self, run: u8, wh: u64) -> Call {
        let none = Energy::ZERO;
        let (trade, delivered) = (self.trades[0].0, Energy::from_wh(wh));
        let delivery = Delivery { trade, delivered, seller_short: none, buyer_short: none };
        self.at.reconcile(run, &self.batch(), &[delivery]).unwrap()
    }

    pub fn expire(&self) -> Call {
        self.at.expire(&self.batch(), &[self.trades[0].0]).unwrap()
    }

    /// Holds its only trade against two readings of the meter of `order`'s connection point.
    pub fn challenge(&self, [begin, end]: [&Value; 2], order: &Signed) -> Call {
        let fills = Fills::new(self.trades.iter().map(|(_, met, _)| *met).collect()).unwrap();
        let met = &self.trades[0].1;
        let other = if met.buy == order.hash { met.sell } else { met.buy };
        let claim = Claim {
            order: order.terms.clone(),
            filled: fills.filled(order.hash),
            other,
            other_filled: fills.filled(other),
            prices: met.prices,
            index: 0,
            path: fills.tree().path(0),
        };
        self.at.challenge([&evidence(begin), &evidence(end)], &[claim], &[self.batch()])
    }
}

/// A reading with its proof, as metering hands it out.
fn evidence(view: &Value) -> Evidence {
    let word = |value: &Value| value.as_str().unwrap().parse::<B256>().unwrap();
    let small = |name: &str| u32::try_from(view[name].as_u64().unwrap()).unwrap();
    Evidence {
        message: view["message"].as_str().unwrap().parse().unwrap(),
        salt: word(&view["salt"]),
        community: CommunityId::from_bytes32(word(&view["community"]).0).unwrap(),
        period: view["period"].as_u64().unwrap(),
        batch: small("batch"),
        index: small("index"),
        path: view["path"].as_array().unwrap().iter().map(word).collect(),
        point: Bytes::new(),
    }
}

/// Why a call failed, in the words of the contract.
pub fn reason(data: &[u8]) -> String {
    revert_text(data)
}

/// The event in a log of ours, as JSON-RPC shows it.
pub fn event(at: &Deployment, log: &Value) -> Option<ContractEvent> {
    let address = log["address"].as_str().unwrap().parse().unwrap();
    let topics = log["topics"].as_array().unwrap().iter();
    let topics = topics.map(|topic| topic.as_str().unwrap().parse().unwrap()).collect();
    let data = log["data"].as_str().unwrap().parse().unwrap();
    ContractEvent::decode(at, &contracts::Log::new(address, topics, data)?)
}

/// Why fills were skipped, in their order.
pub fn skips(events: &[ContractEvent]) -> Vec<Skip> {
    let skipped = events.iter().filter_map(|event| match event {
        ContractEvent::FillSkipped(event) => Skip::from_code(event.reason),
        _ => None,
    });
    skipped.collect()
}

/// How many trades were settled.
pub fn settled(events: &[ContractEvent]) -> usize {
    events.iter().filter(|event| matches!(event, ContractEvent::TradeCreated(_))).count()
}

/// What a proven challenge says that was registered and claimed, in Wh.
pub fn challenged(events: &[ContractEvent]) -> Vec<(u64, u64)> {
    let proven = events.iter().filter_map(|event| match event {
        ContractEvent::Challenged(event) => Some((event.registered, event.claimed)),
        _ => None,
    });
    proven.collect()
}
