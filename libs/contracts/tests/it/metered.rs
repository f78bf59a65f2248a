//! A connection point with a meter and trades, and what shows that they claim too much.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use calendar::Timestamp;
use contracts::requests::{self, MeterEnrolment};
use contracts::{
    Call, Claim, ContractEvent, Delivery, Evidence, Posted, Prices, READINGS_OF_SLOT, Side,
    TradeBatch, trade_id,
};
use ids::{ConnectionPointId, MeterId};
use p256::ecdsa::signature::Signer;
use reading::{MESSAGE_BYTES, PAYLOAD_BYTES, Reading, SignedReading, Status, sign_together};
use units::{Energy, Register};

use crate::world::{
    ANYONE, Pair, SLOT, World, key, own_prices, policy, posted, priced, usual, wide,
};

pub(crate) const END: u64 = SLOT + 900;
pub(crate) const CORRECTIONS_END: u64 = END + 8 * 86_400;
pub(crate) const CHALLENGES_END: u64 = CORRECTIONS_END + 3 * 86_400;
pub(crate) const SALT: B256 = B256::repeat_byte(0x5a);

/// A key of a meter, of either curve.
#[derive(Clone)]
pub(crate) enum MeterKey {
    K1(keys::SecretKey),
    P256(p256::ecdsa::SigningKey),
}

impl MeterKey {
    /// Both coordinates, where a contract cannot find them by itself.
    pub(crate) fn point(&self) -> Bytes {
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

    pub(crate) fn message(&self, reading: &Reading) -> Bytes {
        let signature = match self {
            MeterKey::K1(key) => return reading.sign(key).encode().into(),
            MeterKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&reading.encode());
                signature.normalize_s().unwrap_or(signature)
            }
        };
        [&reading.encode()[..], &signature.to_bytes()].concat().into()
    }

    /// The readings under one signature, each alone.
    pub(crate) fn together(&self, readings: &[Reading]) -> Vec<Bytes> {
        let signed = match self {
            MeterKey::K1(key) => sign_together(readings, key),
            MeterKey::P256(_) => sign_together(readings, &key(201)),
        };
        let of = |signed: &SignedReading| {
            let mut bytes = signed.encode();
            if let MeterKey::P256(key) = self {
                let signature: p256::ecdsa::Signature = key.sign(&signed.signed_text());
                let signature = signature.normalize_s().unwrap_or(signature);
                bytes[PAYLOAD_BYTES..MESSAGE_BYTES].copy_from_slice(&signature.to_bytes());
            }
            bytes.into()
        };
        signed.iter().map(of).collect()
    }
}

pub(crate) fn k1() -> MeterKey {
    MeterKey::K1(key(200))
}

/// A fill of the account's order and of another's with these nonces, or of two strangers. The other
/// of nonce zero has no cash, so that no trade comes of it.
#[derive(Clone, Copy)]
pub(crate) enum Fill {
    Own { nonce: u64, other: u64, wh: u64 },
    Strangers,
}

/// Trades of one side of one connection point: what of each was delivered, and short of the seller
/// and of the buyer, is in three numbers.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) side: Side,
    /// Whose orders the trades have.
    pub(crate) account: Address,
    pub(crate) clearing: B256,
    pairs: Vec<Pair>,
    prices: Vec<Prices>,
    /// The places of the account's fills.
    own: Vec<usize>,
    pub(crate) meter: MeterKey,
}

impl Case {
    /// The account sells (or buys) 3000 and 2000 Wh, and all of it is reconciled as delivered.
    pub(crate) fn new(side: Side, meter: MeterKey) -> Self {
        let fills = [(1, 3000), (2, 2000)];
        let own = fills.map(|(nonce, wh)| Fill::Own { nonce, other: nonce, wh });
        let mut case = Self::settled(side, meter, &own);
        case.run(0, &[[3000, 0, 0], [2000, 0, 0]]);
        case
    }

    /// With these fills settled, at the end of the slot.
    pub(crate) fn settled(side: Side, meter: MeterKey, fills: &[Fill]) -> Self {
        Self::at(side, meter, fills, posted(&policy()), usual(fills.len()))
    }

    /// [`Case::settled`] where each fill has prices of its own.
    pub(crate) fn priced(side: Side, meter: MeterKey, fills: &[Fill]) -> Self {
        Self::at(side, meter, fills, priced(&policy()), own_prices(fills.len()))
    }

    fn at(
        side: Side,
        meter: MeterKey,
        fills: &[Fill],
        posted: Posted,
        prices: Vec<Prices>,
    ) -> Self {
        let (mut world, buyer, seller) = World::with_cash();
        let accounts = [3, 5, 6].map(|number| world.account(number));
        for account in accounts {
            world.fund(account, 5_000_000_000);
        }
        let ([stranger, one, another], poor) = (accounts, world.account(7));
        let (account, main) = if side == Side::Sell { (seller, buyer) } else { (buyer, seller) };
        let point = ConnectionPointId::derived("home");
        let pair = |fill: &Fill| {
            let Fill::Own { nonce, other, wh } = *fill else {
                return (wide(one, Side::Buy, 1), wide(another, Side::Sell, 1), 10);
            };
            let mut own = wide(account, side, nonce);
            own.connection_point = point;
            let of = match other {
                0 => poor,
                other if other % 2 == 1 => main,
                _ => stranger,
            };
            match side {
                Side::Sell => (wide(of, Side::Buy, other), own, wh),
                Side::Buy => (own, wide(of, Side::Sell, other), wh),
            }
        };
        let pairs: Vec<Pair> = fills.iter().map(pair).collect();
        let is_own = |(_, fill): &(usize, &Fill)| matches!(fill, Fill::Own { .. });
        let own = fills.iter().enumerate().filter(is_own).map(|(index, _)| index).collect();
        enrol(&mut world, account, &meter);
        let batches = world.post_at(posted, &pairs, &prices);
        let clearing = batches[0].posted.clearing.id();
        for batch in &batches {
            world.settle(batch);
        }
        let is_trade = |fill: &&Fill| !matches!(fill, Fill::Own { other: 0, .. });
        assert_eq!(world.trades.len(), fills.iter().filter(is_trade).count());
        world.now = END;
        Case { world, side, account, clearing, pairs, prices, own, meter }
    }

    pub(crate) fn trades(&self) -> Vec<B256> {
        let trade = |index: &usize| trade_id(self.clearing, u32::try_from(*index).unwrap());
        self.own.iter().map(trade).collect()
    }

    /// A run over the trades of each batch.
    pub(crate) fn runs(&self, run: u8, what: &[[u64; 3]]) -> Vec<Call> {
        let delivery = |(trade, what): (B256, &[u64; 3])| {
            let [delivered, seller_short, buyer_short] = what.map(Energy::from_wh);
            Delivery { trade, delivered, seller_short, buyer_short }
        };
        let all: Vec<_> = self.trades().into_iter().zip(what).map(delivery).collect();
        let places: Vec<_> = self.own.iter().zip(all).collect();
        let batches = places.chunk_by(|(one, _), (next, _)| *one / 64 == *next / 64);
        let of_batch = |batch: &[(&usize, Delivery)]| {
            let deliveries: Vec<Delivery> = batch.iter().map(|(_, delivery)| *delivery).collect();
            self.world.run(run, &deliveries)
        };
        batches.map(of_batch).collect()
    }

    /// Reconciles the trades.
    pub(crate) fn run(&mut self, run: u8, what: &[[u64; 3]]) {
        for call in self.runs(run, what) {
            self.world.ok(self.world.operator, call);
        }
    }

    pub(crate) fn reading(&self, time: u64, wh: u64) -> Reading {
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
    pub(crate) fn anchored(&mut self, time: u64, message: Bytes) -> Evidence {
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
    pub(crate) fn evidence(&mut self, wh: u64) -> [Evidence; 2] {
        [(SLOT, 0), (END, wh)].map(|(time, wh)| {
            let message = self.meter.message(&self.reading(time, wh));
            self.anchored(time, message)
        })
    }

    pub(crate) fn claims(&self) -> Vec<Claim> {
        let claim = |index: &usize| self.world.claim(&self.pairs, &self.prices, *index, self.side);
        self.own.iter().map(claim).collect()
    }

    /// The batches of these claims as they stand.
    pub(crate) fn batches(&self, claims: &[Claim]) -> Vec<TradeBatch> {
        let mut numbers: Vec<u32> = claims.iter().map(|claim| claim.index / 64).collect();
        numbers.dedup();
        numbers.into_iter().map(|number| self.world.batch(self.clearing, number)).collect()
    }

    pub(crate) fn challenge(&self, [begin, end]: &[Evidence; 2], claims: &[Claim]) -> Call {
        self.world.at.challenge([begin, end], claims, &self.batches(claims))
    }

    pub(crate) fn refused(&mut self, evidence: &[Evidence; 2], claims: &[Claim], reason: &str) {
        let call = self.challenge(evidence, claims);
        self.world.refused(ANYONE, call, reason);
    }

    /// What the last run said of each trade.
    pub(crate) fn stand(&self) -> Vec<[u64; 3]> {
        let of = |trade: B256| {
            let last = self.world.trades[&trade].trade.last.unwrap();
            [last.delivered, last.seller_short, last.buyer_short].map(Energy::wh)
        };
        self.trades().into_iter().map(of).collect()
    }

    pub(crate) fn delivered(&self) -> Vec<u64> {
        self.stand().iter().map(|[delivered, ..]| *delivered).collect()
    }
}

/// Gives the account a meter at its connection point, half an hour ago.
fn enrol(world: &mut World, owner: Address, meter: &MeterKey) {
    let installer = world.account(100);
    let of = MeterEnrolment {
        meter: MeterId::derived("home"),
        key: meter.address(),
        owner,
        installer,
        connection_point: ConnectionPointId::derived("home"),
        version: 1,
    };
    let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
    let [by_owner, by_installer] = [owner, installer].map(|signer| world.sign(signer, hash));
    let enrol = world.at.enrol(&of, by_owner, by_installer);
    world.now -= 1_800;
    world.ok(world.operator, enrol);
    world.now += 1_800;
}
