//! What was delivered of a trade is certified once, to its buyer, and used up once.

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyCertificate as Certificates;
use contracts::requests::{self, MeterEnrolment};
use contracts::{Call, ContractEvent, Delivery, OrderTerms, Side, SolCall, trade_id};
use ids::MeterId;
use units::Energy;

use crate::world::{SLOT, World, clearing, key, order, policy};

const END: u64 = SLOT + 900;
const FINAL: u64 = END + 11 * 86_400;
const SOLAR: &[u8; 9] = b"F01010100";

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
    orders: [OrderTerms; 2],
    meter: MeterId,
}

impl Case {
    fn new() -> Self {
        let (mut world, buyer, seller) = World::with_cash();
        let orders = [order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1)];
        let (installer, meter) = (world.account(100), MeterId::derived("roof"));
        let of = MeterEnrolment {
            meter,
            key: key(200).address(),
            owner: seller,
            installer,
            connection_point: orders[1].connection_point,
            version: 1,
        };
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let [by_owner, by_installer] = [seller, installer].map(|signer| world.sign(signer, hash));
        let enrol = world.at.enrol(&of, by_owner, by_installer);
        world.ok(world.operator, enrol);
        let pair = (orders[0].clone(), orders[1].clone(), 5_000);
        let (clearing, fills) = world.post(clearing(&policy()), &[pair]);
        let settle = world.at.settle(clearing, &fills);
        world.ok(buyer, settle);
        Case { world, buyer, seller, clearing, orders, meter }
    }

    /// With a source since before the slot, and delivered in part.
    fn delivered(wh: u64) -> Self {
        let mut case = Case::new();
        let point = case.orders[1].connection_point;
        let register = case.world.at.register_source(point, source());
        case.world.ok(case.world.operator, register);
        case.world.now = END;
        let delivery = Delivery {
            trade: case.trade(),
            delivered: Energy::from_wh(wh),
            seller_short: Energy::from_wh(5_000 - wh),
            buyer_short: Energy::ZERO,
        };
        let run = case.world.at.reconcile(0, &[delivery]);
        case.world.ok(case.world.operator, run);
        case.world.now = FINAL;
        case
    }

    fn trade(&self) -> B256 {
        let [buy, sell] = [0, 1].map(|at: usize| self.world.order_hash(&self.orders[at]));
        trade_id(self.clearing, buy, sell)
    }

    fn call(&self, what: impl SolCall) -> Call {
        Call { to: self.world.at.certificates, data: what.abi_encode().into() }
    }

    fn issue(&self) -> Call {
        let buy = self.world.order_hash(&self.orders[0]);
        self.world.at.certify(self.clearing, &self.orders[1], buy, self.meter)
    }

    /// Issues it and gives its number.
    fn issued(&mut self) -> U256 {
        let call = self.issue();
        let events = self.world.ok(Address::repeat_byte(9), call).events;
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
    assert_eq!(terms.connectionPoint, case.orders[1].connection_point.to_bytes32());
    assert_eq!((terms.meter, terms.source), (case.meter.to_bytes32().into(), source()));
    assert_eq!((terms.slot, terms.slotSeconds), (SLOT, 900));
}

#[test]
fn what_was_not_delivered_or_is_of_no_source_is_not_certified() {
    let mut nothing = Case::delivered(0);
    let call = nothing.issue();
    nothing.world.refused(nothing.buyer, call, "NothingDelivered");

    let mut case = Case::delivered(5_000);
    let buy = case.world.order_hash(&case.orders[0]);
    let (at, clearing, sell) = (case.world.at, case.clearing, case.orders[1].clone());
    let other = OrderTerms { nonce: U256::from(9), ..sell.clone() };
    let of_the_buyer = at.certify(clearing, &case.orders[0], buy, case.meter);
    case.world.refused(case.buyer, of_the_buyer, "NotASale");
    case.world.refused(case.buyer, at.certify(clearing, &other, buy, case.meter), "UnknownTrade");
    let meter = MeterId::derived("another roof");
    case.world.refused(case.buyer, at.certify(clearing, &sell, buy, meter), "NotItsMeter");

    let mut sourceless = Case::new();
    let point = sourceless.orders[1].connection_point;
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
    let run = sourceless.world.at.reconcile(0, &[delivery]);
    sourceless.world.ok(sourceless.world.operator, run);
    sourceless.world.now = FINAL;
    let call = sourceless.issue();
    sourceless.world.refused(sourceless.buyer, call, "NoSource");
}

#[test]
fn certified_energy_changes_hands_and_is_used_up_for_somebody() {
    let mut case = Case::delivered(5_000);
    let id = case.issued();
    let (at, chain_id) = (case.world.at, case.world.chain_id);
    let (from, to, amount, nonce) = (case.buyer, case.seller, U256::from(3_000), U256::from(1));
    let of = requests::CertificateTransfer { account: from, to, certificate: id, amount, nonce };
    let hash = requests::certificate_transfer(chain_id, at.certificates, &of);
    let signature = case.world.sign(from, hash);
    let more = at.transfer_certificate_for(
        &requests::CertificateTransfer { amount: U256::from(3_001), ..of },
        signature.clone(),
    );
    case.world.refused(to, more, "NotSigned");
    let give = at.transfer_certificate_for(&of, signature);
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
    };
    let hash = requests::certificate_retirement(chain_id, at.certificates, &of);
    let call = at.retire_certificate_for(&of, case.world.sign(from, hash));
    let events = case.world.ok(Address::repeat_byte(9), call.clone()).events;
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

#[test]
fn the_number_of_a_certificate_is_the_hash_of_its_terms() {
    let mut case = Case::delivered(5_000);
    let first = case.issued();
    let terms = (
        B256::from(case.orders[1].connection_point.to_bytes32()),
        B256::from(case.meter.to_bytes32()),
        source(),
        SLOT,
        900_u32,
    );
    let encoded = contracts::SolValue::abi_encode(&terms);
    assert_eq!(first, U256::from_be_bytes(alloy_primitives::keccak256(encoded).0));
}
