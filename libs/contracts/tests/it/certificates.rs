//! What was delivered of a trade is certified once, to its buyer, and used up once.

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyCertificate as Certificates;
use contracts::requests::{self, MeterEnrolment};
use contracts::{
    Call, CertificateTerms, Claim, ContractEvent, Delivery, Policy, Posted, Prices, Side, SolCall,
    sales, trade_id,
};
use ids::{MeterId, ZoneId};
use units::Energy;

use crate::world::{
    ANYONE, Pair, SLOT, World, key, order, own_prices, policy, posted, priced, usual, wide,
};

const END: u64 = SLOT + 900;
const FINAL: u64 = END + 11 * 86_400;
const SOLAR: &[u8; 9] = b"F01040100";

fn source() -> B256 {
    let mut code = B256::ZERO;
    code[..9].copy_from_slice(SOLAR);
    code
}

/// A trade of 5000 Wh whose seller has a meter at its connection point.
struct Case {
    world: World,
    buyer: Address,
    seller: Address,
    clearing: B256,
    pair: Pair,
    prices: Vec<Prices>,
    meter: MeterId,
}

impl Case {
    fn new() -> Self {
        Self::at(posted(&policy()), usual(1))
    }

    fn at(posted: Posted, prices: Vec<Prices>) -> Self {
        let (mut world, buyer, seller) = World::with_cash();
        let pair = (wide(buyer, Side::Buy, 1), wide(seller, Side::Sell, 1), 5_000);
        let (installer, meter) = (world.account(100), MeterId::derived("roof"));
        let of = MeterEnrolment {
            meter,
            key: key(200).address(),
            owner: seller,
            installer,
            connection_point: pair.1.connection_point,
            version: 1,
        };
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let [by_owner, by_installer] = [seller, installer].map(|signer| world.sign(signer, hash));
        let enrol = world.at.enrol(&of, by_owner, by_installer);
        world.ok(world.operator, enrol);
        let batches = world.post_at(posted, std::slice::from_ref(&pair), &prices);
        world.settle(&batches[0]);
        let clearing = batches[0].posted.clearing.id();
        Case { world, buyer, seller, clearing, pair, prices, meter }
    }

    /// With a source since before the slot, and delivered in part.
    fn delivered(wh: u64) -> Self {
        Case::new().deliver(wh)
    }

    fn deliver(self, wh: u64) -> Self {
        let mut case = self;
        let point = case.pair.1.connection_point;
        let register = case.world.at.register_source(point, source());
        case.world.ok(case.world.operator, register);
        case.world.now = END;
        let delivery = Delivery {
            trade: case.trade(),
            delivered: Energy::from_wh(wh),
            seller_short: Energy::from_wh(5_000 - wh),
            buyer_short: Energy::ZERO,
        };
        let run = case.world.run(0, &[delivery]);
        case.world.ok(case.world.operator, run);
        case.world.now = FINAL;
        case
    }

    fn trade(&self) -> B256 {
        trade_id(self.clearing, 0)
    }

    fn call(&self, what: impl SolCall) -> Call {
        Call { to: self.world.at.certificates, data: what.abi_encode().into() }
    }

    fn issue(&self) -> Call {
        self.issue_by(&self.sale())
    }

    fn issue_by(&self, sale: &Claim) -> Call {
        self.world.at.certify(sale, &self.world.batch(self.clearing, 0), self.meter)
    }

    fn sale(&self) -> Claim {
        self.claim(Side::Sell)
    }

    fn claim(&self, side: Side) -> Claim {
        self.world.claim(std::slice::from_ref(&self.pair), &self.prices, 0, side)
    }

    /// Issues it and gives its number.
    fn issued(&mut self) -> U256 {
        let call = self.issue();
        let events = self.world.ok(ANYONE, call).events;
        let issued = events.iter().find_map(|event| match event {
            ContractEvent::CertificateIssued(issued) => Some(issued.certificate),
            _ => None,
        });
        issued.expect("it was issued")
    }

    fn balance(&mut self, account: Address, id: U256) -> U256 {
        self.world.view(self.world.at.certificates, Certificates::balanceOfCall { account, id })
    }
}

#[test]
fn a_final_trade_is_certified_once_and_to_its_buyer() {
    let mut case = Case::delivered(4_200);
    let call = case.issue();
    case.world.now = FINAL - 1;
    case.world.refused(case.seller, call.clone(), "NotFinal");
    case.world.now = FINAL;
    let certificate = case.issued();
    assert_eq!(case.balance(case.buyer, certificate), U256::from(4_200));
    case.world.refused(case.seller, call, "AlreadyCertified");
    let at = case.world.at.certificates;
    let terms = case.world.view(at, Certificates::certificatesCall { certificate });
    assert_eq!(terms.connectionPoint, case.pair.1.connection_point.to_bytes32());
    assert_eq!((terms.meter, terms.source), (case.meter.to_bytes32().into(), source()));
    assert_eq!((terms.slot, terms.slotSeconds), (SLOT, 900));
    assert_eq!(CertificateTerms::from_sol(&terms).unwrap().id(), certificate);
}

#[test]
fn what_was_not_delivered_or_is_of_no_source_is_not_certified() {
    let mut nothing = Case::delivered(0);
    let call = nothing.issue();
    nothing.world.refused(nothing.buyer, call, "NothingDelivered");

    let mut case = Case::delivered(5_000);
    let (at, good) = (case.world.at, case.sale());
    let of_the_buyer = case.claim(Side::Buy);
    let call = case.issue_by(&of_the_buyer);
    case.world.refused(case.buyer, call, "NotASale");
    for edit in [
        |sale: &mut Claim| sale.order.nonce = U256::from(9),
        |sale: &mut Claim| sale.order.quantity = Energy::from_wh(5_001),
        |sale: &mut Claim| sale.filled = Energy::from_wh(4_999),
        |sale: &mut Claim| sale.other = B256::ZERO,
        |sale: &mut Claim| sale.other_filled = Energy::from_wh(4_999),
        |sale: &mut Claim| sale.prices.buyer += 1,
        |sale: &mut Claim| sale.prices.seller -= 1,
        |sale: &mut Claim| sale.index = 1,
        |sale: &mut Claim| sale.path.push(B256::ZERO),
    ] {
        let mut other = good.clone();
        edit(&mut other);
        let call = case.issue_by(&other);
        case.world.refused(case.buyer, call, "UnknownTrade");
    }
    let meter = MeterId::derived("another roof");
    let batch = case.world.batch(case.clearing, 0);
    case.world.refused(case.buyer, at.certify(&good, &batch, meter), "NotItsMeter");

    let mut sourceless = Case::new();
    let point = sourceless.pair.1.connection_point;
    let register = at.register_source(point, source());
    let (operator, end) = (sourceless.world.operator, at.end_source(point));
    sourceless.world.refused(sourceless.seller, register.clone(), "AccessControl");
    sourceless.world.refused(operator, end.clone(), "NoSource");
    sourceless.world.ok(operator, register.clone());
    sourceless.world.refused(operator, register, "SourceInForce");
    // It ends within the slot.
    sourceless.world.now = END - 1;
    sourceless.world.ok(operator, end);
    sourceless.world.now = END;
    let trade = sourceless.trade();
    let (delivered, none) = (Energy::from_wh(5_000), Energy::ZERO);
    let delivery = Delivery { trade, delivered, seller_short: none, buyer_short: none };
    let run = sourceless.world.run(0, &[delivery]);
    sourceless.world.ok(sourceless.world.operator, run);
    sourceless.world.now = FINAL;
    let call = sourceless.issue();
    sourceless.world.refused(sourceless.buyer, call, "NoSource");
}

#[test]
fn a_trade_with_prices_of_its_own_is_certified_by_a_claim_that_names_them() {
    let mut case = Case::at(priced(&policy()), own_prices(1)).deliver(4_200);
    let good = case.sale();
    assert_ne!(good.prices.buyer, good.prices.seller);
    for prices in [
        Prices::one(good.prices.buyer),
        Prices::one(good.prices.seller),
        Prices { buyer: good.prices.seller, seller: good.prices.buyer },
        Prices::one(case.world.posted[&case.clearing].clearing.price),
    ] {
        let call = case.issue_by(&Claim { prices, ..good.clone() });
        case.world.refused(ANYONE, call, "UnknownTrade");
    }
    let certificate = case.issued();
    assert_eq!(case.balance(case.buyer, certificate), U256::from(4_200));
}

#[test]
fn the_proofs_of_sellers_are_read_back_from_what_was_settled() {
    for (posted, prices) in [(posted(&policy()), usual(1)), (priced(&policy()), own_prices(1))] {
        let (mut world, buyer, seller) = World::with_cash();
        let pairs = [(wide(buyer, Side::Buy, 1), wide(seller, Side::Sell, 1), 5_000)];
        let batches = world.post_at(posted, &pairs, &prices);
        let input = world.at.settle(&batches[0]).data;
        let read = |input: &[u8]| sales(world.chain_id, world.at.market, input);
        assert_eq!(read(&input).unwrap(), [world.claim(&pairs, &prices, 0, Side::Sell)]);
        assert_eq!(read(&input[..input.len() - 32]), None, "cut short");
        assert_eq!(read(&[]), None);
        assert_eq!(read(&world.at.pause().data), None);
        let mut hidden = batches[0].clone();
        for order in &mut hidden.orders {
            let contracts::SignedOrder::Shown { terms, filled, .. } = order else { continue };
            let hash = terms.hash(world.chain_id, world.at.market);
            *order = contracts::SignedOrder::Hidden { hash, filled: *filled };
        }
        assert_eq!(read(&world.at.settle(&hidden).data), Some(Vec::new()));
    }
}

/// The trade is what the contract keeps of its batch, and the batch that which has the trade.
#[test]
fn a_certificate_is_of_the_trade_as_it_stands() {
    let mut case = Case::new();
    let point = case.pair.1.connection_point;
    let register = case.world.at.register_source(point, source());
    case.world.ok(case.world.operator, register);
    let before = case.world.batch(case.clearing, 0);
    case.world.now = END;
    for (run, wh) in [(0, 5_000), (1, 1_000)] {
        let (delivered, none) = (Energy::from_wh(wh), Energy::ZERO);
        let (trade, seller_short, buyer_short) = (case.trade(), none, none);
        let delivery = Delivery { trade, delivered, seller_short, buyer_short };
        let call = case.world.run(run, &[delivery]);
        case.world.ok(case.world.operator, call);
    }
    case.world.now = FINAL;
    let (at, sale) = (case.world.at, case.sale());
    let mut another = case.world.posted[&case.clearing].clone();
    another.clearing.price += 1;
    let unposted = contracts::TradeBatch::new(another, 0, &[]).unwrap();
    let next = case.world.batch(case.clearing, 1);
    let mut check = |batch, reason| {
        case.world.refused(case.seller, at.certify(&sale, batch, case.meter), reason);
    };
    check(&before, "UnknownTrade");
    check(&next, "UnknownTrade");
    check(&unposted, "UnknownClearing");
    let certificate = case.issued();
    assert_eq!(case.balance(case.buyer, certificate), U256::from(1_000));
}

/// A trade that is not in the first batch, and one of the same seller that is.
#[test]
fn every_batch_of_a_clearing_has_certificates() {
    let (mut world, buyer, seller) = World::with_cash();
    let (one, other) = (world.account(5), world.account(6));
    for account in [one, other] {
        world.fund(account, 1_000_000_000);
    }
    let strangers = (order(one, Side::Buy, 1), order(other, Side::Sell, 1), 10);
    let mut pairs = vec![strangers; 66];
    for (index, wh) in [(0, 700), (65, 300)] {
        pairs[index] = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), wh);
    }
    // Of a buyer without cash: no trade comes of it.
    pairs[30] = (order(world.account(7), Side::Buy, 1), order(seller, Side::Sell, 2), 50);
    let (installer, meter) = (world.account(100), MeterId::derived("roof"));
    let connection_point = pairs[0].1.connection_point;
    let key = key(200).address();
    let of = MeterEnrolment { meter, key, owner: seller, installer, connection_point, version: 1 };
    let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
    let enrol = world.at.enrol(&of, world.sign(seller, hash), world.sign(installer, hash));
    let register = world.at.register_source(connection_point, source());
    for call in [enrol, register] {
        world.ok(world.operator, call);
    }
    let batches = world.post(posted(&policy()), &pairs);
    let id = batches[0].posted.clearing.id();
    for batch in &batches {
        world.settle(batch);
    }
    world.now = END;
    for (index, wh) in [(0, 700), (65, 300)] {
        let (trade, delivered) = (trade_id(id, index), Energy::from_wh(wh));
        let (seller_short, buyer_short) = (Energy::ZERO, Energy::ZERO);
        let call = world.run(0, &[Delivery { trade, delivered, seller_short, buyer_short }]);
        world.ok(world.operator, call);
    }
    world.now = FINAL;
    let prices = usual(pairs.len());
    // Whoever looks the settlements up has the same proofs.
    let (chain_id, market) = (world.chain_id, world.at.market);
    let read: Vec<Claim> = batches
        .iter()
        .flat_map(|batch| sales(chain_id, market, &world.at.settle(batch).data).unwrap())
        .collect();
    let told = (0..pairs.len()).map(|index| world.claim(&pairs, &prices, index, Side::Sell));
    assert_eq!(read, told.collect::<Vec<_>>());
    let none = world.claim(&pairs, &prices, 30, Side::Sell);
    let call = world.at.certify(&none, &world.batch(id, 0), meter);
    world.refused(ANYONE, call, "UnknownTrade");
    for (index, number, issued) in [(65, 1, 300), (0, 0, 1_000)] {
        let sale = world.claim(&pairs, &prices, index, Side::Sell);
        let wrong = world.at.certify(&sale, &world.batch(id, 1 - number), meter);
        world.refused(ANYONE, wrong, "UnknownTrade");
        let call = world.at.certify(&sale, &world.batch(id, number), meter);
        let events = world.ok(ANYONE, call).events;
        let certificate = events.iter().find_map(|event| match event {
            ContractEvent::CertificateIssued(event) => Some(event.certificate),
            _ => None,
        });
        let certificate = certificate.expect("it was issued");
        let question = Certificates::issuedCall { certificate };
        assert_eq!(world.view(world.at.certificates, question), U256::from(issued));
    }
}

#[test]
fn certified_energy_changes_hands_and_is_used_up_for_somebody() {
    let mut case = Case::delivered(5_000);
    let id = case.issued();
    let (at, chain_id) = (case.world.at, case.world.chain_id);
    let (from, to, amount, nonce) = (case.buyer, case.seller, U256::from(3_000), U256::from(1));
    let expiry = case.world.now;
    let of =
        requests::CertificateTransfer { account: from, to, certificate: id, amount, nonce, expiry };
    let hash = requests::certificate_transfer(chain_id, at.certificates, &of);
    let signature = case.world.sign(from, hash);
    let more = at.transfer_certificate_for(
        &requests::CertificateTransfer { amount: U256::from(3_001), ..of },
        signature.clone(),
    );
    case.world.refused(to, more, "NotSigned");
    let later = requests::CertificateTransfer { expiry: expiry + 1, ..of };
    let later = at.transfer_certificate_for(&later, signature.clone());
    case.world.refused(to, later, "NotSigned");
    let give = at.transfer_certificate_for(&of, signature);
    case.world.now = expiry + 1;
    case.world.refused(to, give.clone(), "RequestExpired");
    case.world.now = expiry;
    case.world.ok(to, give.clone());
    assert_eq!((case.balance(from, id), case.balance(to, id)), (U256::from(2_000), amount));
    case.world.refused(to, give, "NonceAlreadyUsed");

    let retire = |account, wh: u64, beneficiary: &str| Certificates::retireCall {
        account,
        certificate: id,
        amount: U256::from(wh),
        beneficiary: beneficiary.to_owned(),
    };
    let call = case.call(retire(to, 100, "Bakery Weber"));
    case.world.refused(from, call, "NotAllowed");
    for name in ["", &"x".repeat(201)] {
        let call = case.call(retire(to, 100, name));
        case.world.refused(to, call, "BadBeneficiary");
    }
    let call = case.call(retire(to, 3_001, "Bakery Weber"));
    case.world.refused(to, call, "ERC1155InsufficientBalance");
    let call = case.call(retire(to, 1_000, "Bakery Weber"));
    case.world.ok(to, call);
    let of = requests::CertificateRetirement {
        account: from,
        certificate: id,
        amount: U256::from(2_000),
        beneficiary: "Mill Road 4".to_owned(),
        nonce: U256::from(2),
        expiry,
    };
    let hash = requests::certificate_retirement(chain_id, at.certificates, &of);
    let call = at.retire_certificate_for(&of, case.world.sign(from, hash));
    case.world.now = expiry + 1;
    case.world.refused(ANYONE, call.clone(), "RequestExpired");
    case.world.now = expiry;
    let events = case.world.ok(ANYONE, call.clone()).events;
    let retired = events.iter().any(|event| {
        matches!(event, ContractEvent::CertificateRetired(retired)
            if retired.beneficiary == "Mill Road 4" && retired.amount == U256::from(2_000))
    });
    assert!(retired, "{events:?}");
    case.world.refused(from, call, "NonceAlreadyUsed");
    assert_eq!((case.balance(from, id), case.balance(to, id)), (U256::ZERO, U256::from(2_000)));
    let certificate = id;
    let issued = case.world.view(at.certificates, Certificates::issuedCall { certificate });
    let retired = case.world.view(at.certificates, Certificates::retiredCall { certificate });
    assert_eq!((issued, retired), (U256::from(5_000), U256::from(3_000)));
}

/// The same roof in the auction of another zone, where the reconciler says all of it was delivered
/// once more.
#[test]
fn what_was_sold_in_two_zones_is_certified_from_the_first_that_comes() {
    let mut case = Case::new();
    let zone = ZoneId::derived("another zone");
    let other = Policy { zone, ..policy() };
    let register = case.world.at.register_policy(&other);
    case.world.ok(case.world.operator, register);
    let mut pair = case.pair.clone();
    for order in [&mut pair.0, &mut pair.1] {
        (order.zone, order.policy, order.nonce) = (zone, other.id(), U256::from(2));
    }
    case.world.fund(case.buyer, 1_000_000_000);
    case.world.fund(case.seller, 1_000_000_000);
    let pairs = [pair];
    let batches = case.world.post_at(posted(&other), &pairs, &case.prices);
    case.world.settle(&batches[0]);
    let clearing = batches[0].posted.clearing.id();
    let mut case = case.deliver(5_000);
    case.world.now = END;
    let (delivered, none) = (Energy::from_wh(5_000), Energy::ZERO);
    let trade = trade_id(clearing, 0);
    let run = Delivery { trade, delivered, seller_short: none, buyer_short: none };
    let call = case.world.run(0, &[run]);
    case.world.ok(case.world.operator, call);
    case.world.now = FINAL;
    let sale = case.world.claim(&pairs, &case.prices, 0, Side::Sell);
    let again = case.world.at.certify(&sale, &case.world.batch(clearing, 0), case.meter);
    let certificate = case.issued();
    case.world.refused(ANYONE, again, "CertifiedElsewhere");
    assert_eq!(case.balance(case.buyer, certificate), U256::from(5_000));
}

#[test]
fn the_number_of_a_certificate_is_the_hash_of_its_terms() {
    let mut case = Case::delivered(5_000);
    let first = case.issued();
    let terms = (
        B256::from(case.pair.1.connection_point.to_bytes32()),
        B256::from(case.meter.to_bytes32()),
        source(),
        SLOT,
        900_u32,
    );
    let encoded = contracts::SolValue::abi_encode(&terms);
    assert_eq!(first, U256::from_be_bytes(alloy_primitives::keccak256(encoded).0));
}
