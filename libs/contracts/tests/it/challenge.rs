//! What was reconciled above signed registers is cut, whoever reconciled it.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use calendar::Timestamp;
use contracts::bindings::{Challenges, EnergyMarket};
use contracts::requests::{self, MeterEnrolment};
use contracts::{
    Call, Claim, ContractEvent, Delivery, Evidence, FillProof, READINGS_OF_SLOT, RUN_CHALLENGED,
    Side, trade_id,
};
use ids::{ConnectionPointId, MeterId};
use p256::ecdsa::signature::Signer;
use reading::{PAYLOAD_BYTES, Reading, Status, slot_leaf_data};
use units::{Energy, Register};

use crate::world::{DAY, SLOT, World, clearing, key, order, policy};

const END: u64 = SLOT + 900;
const CHALLENGES_END: u64 = END + 11 * 86_400;
const SALT: B256 = B256::repeat_byte(0x5a);

/// A key of a meter, of either curve.
enum MeterKey {
    K1(keys::SecretKey),
    P256(p256::ecdsa::SigningKey),
}

impl MeterKey {
    /// Both coordinates, where a contract cannot find them by itself.
    fn point(&self) -> Bytes {
        match self {
            MeterKey::K1(_) => Bytes::new(),
            MeterKey::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                Bytes::copy_from_slice(&point.as_bytes()[1..])
            }
        }
    }

    fn address(&self) -> Address {
        match self {
            MeterKey::K1(key) => key.address(),
            MeterKey::P256(_) => Address::from_word(keccak256(self.point())),
        }
    }

    fn message(&self, reading: &Reading) -> Bytes {
        let signature = match self {
            MeterKey::K1(key) => return reading.sign(key).encode().into(),
            MeterKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&reading.encode());
                signature.normalize_s().unwrap_or(signature)
            }
        };
        [&reading.encode()[..], &signature.to_bytes()].concat().into()
    }
}

/// Two trades of one side of one connection point, reconciled as if all had been delivered.
struct Case {
    world: World,
    side: Side,
    /// Whose orders both trades have.
    account: Address,
    clearing: B256,
    fills: Vec<FillProof>,
    meter: MeterKey,
}

impl Case {
    /// The account sells (or buys) 3000 and 2000 Wh.
    fn new(side: Side, meter: MeterKey) -> Self {
        Self::of(side, meter, false)
    }

    /// A sale whose last fill the clearing has twice.
    fn doubled() -> Self {
        Self::of(Side::Sell, k1(), true)
    }

    fn of(side: Side, meter: MeterKey, doubled: bool) -> Self {
        let (mut world, buyer, seller) = World::with_cash();
        let stranger = world.account(3);
        world.fund(stranger, 5_000_000_000);
        let point = ConnectionPointId::derived("home");
        let own = |account, nonce| {
            let mut order = order(account, side, nonce);
            order.connection_point = point;
            order
        };
        let (account, pairs) = match side {
            Side::Sell => {
                let other = |account| order(account, Side::Buy, 1);
                let pairs =
                    [(other(buyer), own(seller, 1), 3000), (other(stranger), own(seller, 2), 2000)];
                (seller, pairs)
            }
            Side::Buy => {
                let other = |account| order(account, Side::Sell, 1);
                let pairs =
                    [(own(buyer, 1), other(seller), 3000), (own(buyer, 2), other(stranger), 2000)];
                (buyer, pairs)
            }
        };
        let installer = world.account(100);
        let of = MeterEnrolment {
            meter: MeterId::derived("home"),
            key: meter.address(),
            owner: account,
            installer,
            connection_point: point,
            version: 1,
        };
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let signed = [account, installer].map(|signer| world.sign(signer, hash));
        let [owner, installer] = signed;
        let enrol = world.at.enrol(&of, owner, installer);
        world.now -= 1_800;
        world.ok(world.operator, enrol);
        world.now += 1_800;
        let mut pairs = pairs.to_vec();
        if doubled {
            pairs.push(pairs[1].clone());
        }
        let (clearing, fills) = world.post(clearing(&policy()), &pairs);
        let settle = world.at.settle(clearing, &fills);
        world.ok(buyer, settle);
        world.now = END;
        let mut case = Case { world, side, account, clearing, fills, meter };
        let run = case.reconcile(0, [3000, 2000]);
        case.world.ok(case.world.operator, run);
        case
    }

    fn trades(&self) -> [B256; 2] {
        let hash = |order| self.world.order_hash(order);
        [0, 1].map(|fill: usize| {
            trade_id(self.clearing, hash(&self.fills[fill].buy), hash(&self.fills[fill].sell))
        })
    }

    fn reconcile(&self, run: u8, delivered: [u64; 2]) -> Call {
        let delivery = |(trade, wh)| Delivery {
            trade,
            delivered: Energy::from_wh(wh),
            seller_short: Energy::ZERO,
            buyer_short: Energy::ZERO,
        };
        let all: Vec<_> = self.trades().into_iter().zip(delivered).map(delivery).collect();
        self.world.at.reconcile(run, &all)
    }

    fn reading(&self, time: u64, wh: u64) -> Reading {
        let register = Register::from_wh(1_000 + wh);
        let still = Register::from_wh(77);
        let (import, export) = match self.side {
            Side::Buy => (register, still),
            Side::Sell => (still, register),
        };
        Reading {
            meter: MeterId::derived("home"),
            page: u32::try_from(time / 900).unwrap(),
            time: Timestamp::from_seconds(i64::try_from(time).unwrap()),
            import,
            export,
            status: Status::default(),
            firmware: 1,
        }
    }

    /// The message, anchored beside others in a batch of its own.
    fn anchored(&mut self, time: u64, message: Bytes) -> Evidence {
        let mut data = SALT.to_vec();
        data.extend_from_slice(&message);
        let leaves: Vec<B256> =
            vec![B256::repeat_byte(1), merkle::leaf(&data), B256::repeat_byte(2)];
        let tree = merkle::Tree::new(leaves);
        let at = self.world.at;
        let (community, period) = (policy().community, time - 900);
        let call = at.anchor_readings(community, READINGS_OF_SLOT, period, tree.root(), 3);
        let events = self.world.ok(self.world.operator, call).events;
        let [ContractEvent::ReadingsAnchored(anchored)] = &events[..] else { panic!("{events:?}") };
        let (batch, point) = (anchored.batch, self.meter.point());
        let path = tree.path(1);
        Evidence { message, salt: SALT, community, period, batch, index: 1, path, point }
    }

    /// Registers that differ by this much between the ends of the slot.
    fn evidence(&mut self, wh: u64) -> [Evidence; 2] {
        [(SLOT, 0), (END, wh)].map(|(time, wh)| {
            let message = self.meter.message(&self.reading(time, wh));
            self.anchored(time, message)
        })
    }

    fn claims(&self) -> Vec<Claim> {
        let claim = |fill: &FillProof| {
            let (order, other) = match self.side {
                Side::Buy => (&fill.buy, &fill.sell),
                Side::Sell => (&fill.sell, &fill.buy),
            };
            Claim {
                order: order.clone(),
                other: self.world.order_hash(other),
                index: fill.index,
                path: fill.path.clone(),
            }
        };
        self.fills.iter().map(claim).collect()
    }

    fn challenge(&self, [begin, end]: &[Evidence; 2], claims: &[Claim]) -> Call {
        self.world.at.challenge(self.clearing, [begin, end], claims)
    }

    fn delivered(&mut self) -> [EnergyMarket::TradeView; 2] {
        self.trades().map(|trade| self.world.trade(trade))
    }

    fn refused(&mut self, evidence: &[Evidence; 2], claims: &[Claim], reason: &str) {
        let call = self.challenge(evidence, claims);
        self.world.refused(Address::repeat_byte(9), call, reason);
    }
}

fn k1() -> MeterKey {
    MeterKey::K1(key(200))
}

#[test]
fn what_a_seller_did_not_feed_in_is_cut_from_the_last_trade_and_stays_cut() {
    let mut case = Case::new(Side::Sell, k1());
    let evidence = case.evidence(3_500);
    let pause = case.world.at.pause();
    case.world.ok(case.world.operator, pause);
    let before = case.world.locked(case.account, DAY);
    let call = case.challenge(&evidence, &case.claims());
    let receipt = case.world.ok(Address::repeat_byte(9), call.clone());
    let [ContractEvent::Challenged(challenged), ContractEvent::TradeReconciled(cut)] =
        &receipt.events[..]
    else {
        panic!("{:?}", receipt.events);
    };
    assert_eq!((challenged.registered, challenged.claimed), (3_500, 5_000));
    assert_eq!((challenged.slot, challenged.side, challenged.account), (SLOT, 1, case.account));
    assert_eq!((cut.run, cut.trade), (RUN_CHALLENGED, case.trades()[1]));
    assert_eq!((cut.delivered, cut.sellerShort, cut.buyerShort), (500, 1_500, 0));
    let [first, second] = case.delivered();
    assert_eq!((first.delivered, second.delivered), (3_000, 500));
    // 1500 Wh at 17.8 ct not earned, and as much at 10.8 ct made whole.
    let lost = before - case.world.locked(case.account, DAY);
    assert_eq!(lost, U256::from(1_500 * 178_000 + 1_500 * 108_000));

    case.refused(&evidence, &case.claims(), "NoExcess { registered: 3500, claimed: 3500 }");
    let unpause = case.world.at.unpause();
    case.world.ok(case.world.operator, unpause);
    let again = case.reconcile(253, [3_000, 2_000]);
    case.world.refused(case.world.operator, again, "RunNotHigher");
    let reserved = case.reconcile(RUN_CHALLENGED, [3_000, 2_000]);
    case.world.refused(case.world.operator, reserved, "RunNotHigher");
    // The other trade can still be corrected, and is cut again if that claims too much.
    let evidence = case.evidence(2_000);
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    let [first, second] = case.delivered();
    assert_eq!((first.delivered, second.delivered), (2_000, 0));
    assert_eq!((first.sellerShort, second.sellerShort), (1_000, 2_000));
}

#[test]
fn naming_fewer_trades_first_comes_to_the_same_end() {
    let deliveries = [0, 1].map(|only: usize| {
        let mut case = Case::new(Side::Sell, k1());
        let evidence = case.evidence(1_200);
        let call = case.challenge(&evidence, &case.claims()[only..=only]);
        case.world.ok(case.account, call);
        let call = case.challenge(&evidence, &case.claims());
        case.world.ok(case.account, call);
        case.delivered().map(|trade| trade.delivered)
    });
    assert_eq!(deliveries, [[1_200, 0]; 2]);
}

#[test]
fn what_a_buyer_did_not_take_is_cut_too() {
    let mut case = Case::new(Side::Buy, k1());
    let evidence = case.evidence(4_000);
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    let [first, second] = case.delivered();
    assert_eq!((first.delivered, first.buyerShort), (3_000, 0));
    assert_eq!((second.delivered, second.buyerShort, second.sellerShort), (1_000, 1_000, 0));
}

#[test]
fn a_meter_may_have_a_key_of_the_other_curve() {
    let signing = p256::ecdsa::SigningKey::from_bytes(&[7; 32].into()).unwrap();
    let mut case = Case::new(Side::Sell, MeterKey::P256(signing));
    let mut evidence = case.evidence(4_999);
    let good = evidence[1].point.clone();
    for bad in [Bytes::new(), Bytes::from([1; 64]), good.slice(..63)] {
        evidence[1].point = bad;
        case.refused(&evidence, &case.claims(), "BadReading");
    }
    evidence[1].point = good;
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.delivered()[1].delivered, 1_999);
}

#[test]
fn evidence_that_does_not_hold_is_refused_by_name() {
    let mut case = Case::new(Side::Sell, k1());
    let good = case.evidence(100);
    let claims = case.claims();
    let with = |change: &dyn Fn(&mut [Evidence; 2])| {
        let mut evidence = good.clone();
        change(&mut evidence);
        evidence
    };
    let message = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good[1].message.to_vec();
        change(&mut bytes);
        Bytes::from(bytes)
    };
    let not_a_message = message(&|bytes| bytes.truncate(118));
    let other_number = message(&|bytes| bytes[46] ^= 1);
    let other_signature = message(&|bytes| bytes[PAYLOAD_BYTES] ^= 1);
    for bad in [not_a_message, other_number, other_signature, Bytes::new()] {
        let evidence = with(&|evidence| evidence[1].message = bad.clone());
        case.refused(&evidence, &claims, "BadReading");
    }
    let swapped = [good[1].clone(), good[0].clone()];
    case.refused(&swapped, &claims, "BadReading");
    let stranger = MeterKey::K1(key(201)).message(&case.reading(END, 100));
    let stranger = case.anchored(END, stranger);
    case.refused(&[good[0].clone(), stranger], &claims, "BadReading");
    for (begin, end) in [(SLOT + 1, END), (SLOT, END - 1)] {
        let within = [begin, end].map(|time| {
            let message = case.meter.message(&case.reading(time, 0));
            case.anchored(time, message)
        });
        case.refused(&within, &claims, "BadReading");
    }
    let other_salt = with(&|evidence| evidence[0].salt = B256::ZERO);
    let other_place = with(&|evidence| evidence[0].index = 0);
    let no_batch = with(&|evidence| evidence[0].batch = 99);
    let other_period = with(&|evidence| evidence[0].period += 900);
    for bad in [other_salt, other_place, no_batch, other_period] {
        case.refused(&bad, &claims, "NotAnchored");
    }
    let falling = Reading { export: Register::from_wh(10), ..case.reading(END, 0) };
    let falling = case.meter.message(&falling);
    let falling = case.anchored(END, falling);
    case.refused(&[good[0].clone(), falling], &claims, "NotOneMeter");

    case.refused(&good, &[], "NoExcess");
    let reversed: Vec<Claim> = claims.iter().rev().cloned().collect();
    case.refused(&good, &reversed, "BadFill");
    case.refused(&good, &[claims[0].clone(), claims[0].clone()], "BadFill");
    let mut invented = claims.clone();
    invented[1].order.quantity = Energy::from_wh(9_000);
    case.refused(&good, &invented, "BadFill");
    let mut elsewhere = claims.clone();
    elsewhere[1].order.connection_point = ConnectionPointId::derived("elsewhere");
    case.refused(&good, &elsewhere, "OtherOrder");
    let mut both = elsewhere;
    both[0].order.connection_point = ConnectionPointId::derived("elsewhere");
    case.refused(&good, &both, "BadReading");
    let untouched = case.delivered().map(|trade| trade.delivered);
    assert_eq!(untouched, [3_000, 2_000]);

    case.world.now = CHALLENGES_END;
    case.refused(&good, &claims, "OutsideWindow");
    case.world.now -= 1;
    let call = case.challenge(&good, &claims);
    case.world.ok(case.account, call);
    assert_eq!(case.delivered().map(|trade| trade.delivered), [100, 0]);
}

/// The clearing's root is the clearer's to choose: a trade that it has twice counts once.
#[test]
fn a_trade_that_a_root_has_twice_is_not_counted_twice() {
    let mut case = Case::doubled();
    let evidence = case.evidence(5_000);
    let claims = case.claims();
    assert_eq!(claims.len(), 3);
    case.refused(&evidence, &claims, "BadFill { claim: 2 }");
    case.refused(&evidence, &claims[..2], "NoExcess");
}

#[test]
fn registers_from_outside_of_the_slot_bound_it_too() {
    let mut case = Case::new(Side::Sell, k1());
    let evidence = [(SLOT - 900, 0), (END + 900, 4_200)].map(|(time, wh)| {
        let message = case.meter.message(&case.reading(time, wh));
        case.anchored(time, message)
    });
    let call = case.challenge(&evidence, &case.claims());
    case.world.ok(case.account, call);
    assert_eq!(case.delivered().map(|trade| trade.delivered), [3_000, 1_200]);
}

#[test]
fn what_was_anchored_after_the_corrections_changes_nothing() {
    let mut case = Case::new(Side::Sell, k1());
    case.world.now = END + 8 * 86_400 + 1;
    let evidence = case.evidence(100);
    case.refused(&evidence, &case.claims(), "NotAnchored");
}

#[test]
fn nobody_but_the_judge_of_evidence_cuts() {
    let mut case = Case::new(Side::Sell, k1());
    let (market, operator) = (case.world.at.market, case.world.operator);
    let cut = EnergyMarket::cutCall { id: case.trades()[0], sellers: true, excess: 1 };
    let data = contracts::SolCall::abi_encode(&cut).into();
    case.world.refused(operator, Call { to: market, data }, "NotChallenges");
    let judge = case.world.at.challenges;
    assert_eq!(case.world.view(judge, Challenges::marketCall {}), market);
    assert_eq!(case.world.view(market, EnergyMarket::challengesCall {}), judge);
}

#[test]
fn one_meter_measures_at_a_connection_point() {
    let mut case = Case::new(Side::Sell, k1());
    let (owner, installer) = (case.account, case.world.account(100));
    let enrol = |world: &World, name: &str, version| {
        let of = MeterEnrolment {
            meter: MeterId::derived(name),
            key: key(201).address(),
            owner,
            installer,
            connection_point: ConnectionPointId::derived("home"),
            version,
        };
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let [by_owner, by_installer] = [owner, installer].map(|signer| world.sign(signer, hash));
        world.at.enrol(&of, by_owner, by_installer)
    };
    let second = enrol(&case.world, "second", 1);
    let operator = case.world.operator;
    case.world.refused(operator, second.clone(), "PointTaken");
    let revoke = case.world.at.revoke(MeterId::derived("home"));
    case.world.ok(operator, revoke);
    case.world.ok(operator, second);
    // The first one's readings before count, those after do not.
    let evidence = case.evidence(100);
    case.refused(&evidence, &case.claims(), "BadReading");
}

#[test]
fn a_leaf_is_what_the_readings_crate_makes_of_a_message() {
    let case = Case::new(Side::Sell, k1());
    let reading = case.reading(END, 5);
    let MeterKey::K1(key) = &case.meter else { unreachable!("it is of this curve") };
    let signed = reading.sign(key);
    let message = case.meter.message(&reading);
    assert_eq!(slot_leaf_data(SALT, &signed)[32..], message[..]);
}
