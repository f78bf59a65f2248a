//! Settlements that the chain drops, skips or refuses: money and energy follow it there and back.
//!
//! The services are wired as the program wires them, on a chain with a finality of some blocks.

use std::sync::Arc;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use billing::{Billing, Totals};
use bus::Bus;
use calendar::{Slot, SlotLength, TimeZone, Timestamp};
use chain::GenesisSpec;
use chain::genesis::{Allocation, Deploy, GenesisCall};
use contracts::{Call, Currency, Deployment, OrderTerms, Policy, Roles, Side};
use events::identity::{AccountOpened, ConnectionPointRegistered, Custody};
use events::{Envelope, Event};
use ids::{AccountId, CommunityId, ConnectionPointId, OrderId, PartyId, ZoneId};
use keys::SecretKey;
use ledger::Ledger;
use market::domain::{NewOrder, TimeInForce};
use market::{Market, MarketConfig};
use serde_json::json;
use service::{Clock, ClockHand, Tick};
use tariff::Tariff;
use tempfile::TempDir;
use units::{Energy, Money, Power};

use crate::signed::signed;

const CHAIN_ID: u64 = 78_003;
/// Blocks below the head that may still be undone.
const FINALITY_LAG: u64 = 4;
const DEPOSIT: Money = Money::from_n(25_000_000_000);
const HOMES: [Home; 2] = [Home("heron"), Home("otter")];

fn key(name: &str) -> SecretKey {
    SecretKey::from_bytes(&keccak256(name).0).unwrap()
}

fn address(name: &str) -> Address {
    key(name).address()
}

fn community() -> CommunityId {
    CommunityId::derived("town")
}

fn zone() -> ZoneId {
    ZoneId::derived("town")
}

fn timezone() -> TimeZone {
    "Europe/Berlin".parse().unwrap()
}

/// The slot that is traded.
fn slot() -> Slot {
    let start = "2026-06-01T10:00:00Z".parse().unwrap();
    Slot::starting(start, SlotLength::QUARTER_HOUR).unwrap()
}

fn policy() -> Policy {
    Policy {
        feed_in_price_min: 50_000,
        correction_seconds: 10 * 86_400,
        network_account: address("network"),
        platform_account: address("platform"),
        ..testkit::policy("town")
    }
}

fn tariff() -> Tariff {
    let flat = vec![vec![0; 24]; 12];
    let terms = json!({
        "id": "flat", "name": "Flat", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": "Europe/Berlin",
        "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "all day", "price": 300_000 }],
            "weekday": flat, "weekend": flat,
        },
        "network_fee": 0, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000,
    });
    Tariff::from_json(&terms.to_string()).unwrap()
}

/// The first block, and where its contracts are.
fn genesis(begin: Timestamp) -> (GenesisSpec, Deployment) {
    let roles = Roles {
        admin: address("authority"),
        clearer: address("clearer"),
        reconciler: address("operator"),
        policy: address("authority"),
        minter: address("operator"),
        reading_anchor: address("authority"),
        record_anchor: address("operator"),
        installers: vec![address("authority")],
        enroller: address("authority"),
        pauser: address("authority"),
        certifier: address("certifier"),
    };
    let ours = contracts::Genesis::new(address("deployer"), &roles, &testkit::settings(600));
    let mut spec = GenesisSpec::new(CHAIN_ID, begin.unsigned());
    spec.difficulty = U256::from(16);
    spec.fixed_difficulty = true;
    for rich in ["clearer", "operator", HOMES[0].0] {
        let balance = U256::from(10).pow(U256::from(24));
        spec.alloc.insert(address(rich), Allocation { balance, ..Allocation::default() });
    }
    let deploy = |deploy: contracts::GenesisDeploy| Deploy {
        from: deploy.from,
        init_code: deploy.init_code,
        value: U256::ZERO,
    };
    spec.deploy = ours.deploys.into_iter().map(deploy).collect();
    let call = |from, call: Call| GenesisCall { from, to: call.to, data: call.data };
    spec.calls = ours
        .calls
        .into_iter()
        .map(|one| call(one.from, Call { to: one.to, data: one.data }))
        .collect();
    spec.calls.push(call(roles.policy, ours.deployment.register_policy(&policy())));
    (spec, ours.deployment)
}

/// Heron buys, otter sells.
#[derive(Clone, Copy)]
struct Home(&'static str);

impl Home {
    fn account(self) -> AccountId {
        AccountId::derived(self.0)
    }

    fn point(self) -> ConnectionPointId {
        ConnectionPointId::derived(self.0)
    }

    /// Two kilowatt-hours, with a limit that meets the other's.
    fn order(self, deployment: &Deployment) -> NewOrder {
        let (side, limit_price) =
            if self.0 == "heron" { (Side::Buy, 200_000) } else { (Side::Sell, 100_000) };
        let terms = OrderTerms {
            account: address(self.0),
            side,
            slot: slot().start.unsigned(),
            quantity: Energy::from_wh(2_000),
            limit_price,
            min_fill: Energy::ZERO,
            community: community(),
            zone: zone(),
            connection_point: self.point(),
            policy: policy().id(),
            delegate: Address::ZERO,
            nonce: NONCE,
            expiry: slot().end().unsigned(),
        };
        let hash = terms.hash(CHAIN_ID, deployment.market);
        let signature = key(self.0).sign(hash).into();
        let (id, signer) = (OrderId::derived(self.0), Some(address(self.0)));
        NewOrder {
            id,
            account: self.account(),
            signer,
            terms,
            hash,
            signature,
            replaces: None,
            time_in_force: TimeInForce::GoodTillGate,
            beyond_reference: false,
        }
    }
}

const NONCE: U256 = U256::from_limbs([7, 0, 0, 0]);

/// The services at work.
struct Town {
    ledger: Arc<Ledger>,
    market: Arc<Market>,
    billing: Arc<Billing>,
    bus: Bus,
    hand: ClockHand,
    now: Timestamp,
    deployment: Deployment,
    _folder: TempDir,
}

/// What money says of the trade, in both places that keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    settlement: &'static str,
    held: [Money; 2],
    tradable: [Money; 2],
    books: Totals,
}

impl Town {
    /// Everyone is known, has cash in final blocks, and has placed an order.
    async fn with_orders() -> Town {
        let mut town = Town::start().await;
        town.found().await;
        for home in HOMES {
            let order = home.order(&town.deployment);
            let applied = town.market.desks()[0].place(order).await.unwrap();
            assert!(!applied.repeated);
        }
        town
    }

    async fn start() -> Town {
        let (folder, bus) = (TempDir::new().unwrap(), Bus::in_process());
        let now = slot().start.plus_seconds(-7_200);
        let (clock, hand) = Clock::set(now);
        let (genesis, deployment) = genesis(now.plus_seconds(-60));
        let config = ledger::Config { finality_lag: FINALITY_LAG, ..ledger::Config::default() };
        let directory = folder.path().join("ledger");
        let parts =
            ledger::Parts { directory, genesis, bus: bus.clone(), clock: clock.clone(), config };
        let ledger = ledger::start(parts).await.unwrap();
        let database = |name: &str| format!("sqlite:{}/{name}.db", folder.path().display());
        let billing = billing::start(billing::Parts {
            db_url: database("billing"),
            bus: bus.clone(),
            clock: clock.clone(),
            node: ledger.clone(),
            operator: key("operator"),
            certifier: key("certifier"),
            chain_id: CHAIN_ID,
            deployment,
            currencies: vec![Currency { code: "EUR".to_owned(), cash: deployment.cash() }],
            dealers: B256::repeat_byte(0xdd),
            policies: vec![policy()],
            slot: SlotLength::QUARTER_HOUR,
            monthly: false,
        });
        let billing = billing.await.unwrap();
        let market = market::start(market::Parts {
            db_url: database("market"),
            bus: bus.clone(),
            clock,
            node: ledger.clone(),
            clearer: key("clearer"),
            delegate: key("delegate"),
            chain_id: CHAIN_ID,
            deployment,
            markets: vec![MarketConfig::new(timezone(), policy())],
        });
        let market = market.await.unwrap();
        Town { ledger, market, billing, bus, hand, now, deployment, _folder: folder }
    }

    async fn publish<E: Event>(&self, cause: &str, event: &E) {
        self.bus.publish(&Envelope::of(event, cause, self.now)).await.unwrap();
    }

    async fn found(&mut self) {
        self.billing.publish_tariff(community(), tariff(), self.now).await.unwrap();
        for home in HOMES {
            let (account, pseudonym) = (home.account(), home.0.to_owned());
            let opened = AccountOpened {
                account,
                party: PartyId::derived(home.0),
                community: community(),
                pseudonym,
                address: address(home.0),
                custody: Custody::Own,
            };
            self.publish(home.0, &opened).await;
            let power = Power::from_w(20_000);
            let registered = ConnectionPointRegistered {
                connection_point: home.point(),
                account,
                community: community(),
                zone: zone(),
                timezone: timezone(),
                import_max: power,
                export_max: power,
            };
            self.publish(home.0, &registered).await;
        }
        self.pump().await;
        for home in HOMES {
            let account = home.account();
            self.billing.deposit(community(), home.0, account, DEPOSIT, self.now).await.unwrap();
        }
        self.pump().await;
        self.finalize().await;
    }

    fn pass_to(&mut self, moment: Timestamp) {
        self.now = moment;
        self.hand.move_to(moment);
    }

    /// Carries outboxes to the bus, transactions to the pool, and blocks to whoever follows them.
    async fn carry(&self) -> u64 {
        let mut moved = u64::from(self.billing.tick(self.now).await.unwrap());
        moved += self.billing.drain(self.now).await.unwrap();
        moved += self.market.drain(self.now).await.unwrap();
        moved + self.ledger.drain(self.now).await.unwrap()
    }

    /// As above, and mines, until nothing moves.
    async fn pump(&self) {
        while self.carry().await + u64::from(self.ledger.tick(self.now).await.unwrap()) > 0 {}
    }

    /// Mines empty blocks until everything so far is final.
    async fn finalize(&mut self) {
        for _ in 0..FINALITY_LAG {
            self.pass_to(self.now.plus_seconds(1));
            self.ledger.mine_now(self.now).await.unwrap().unwrap();
        }
        self.pump().await;
    }

    /// Clears the slot at its gate; its transactions wait in the pool. The trade.
    async fn clear(&mut self) -> B256 {
        self.pass_to(slot().start.plus_seconds(-900));
        assert!(self.market.tick(self.now).await.unwrap());
        self.market.drain(self.now).await.unwrap();
        assert_eq!(self.ledger.node().pool().hashes().len(), 2, "clear and settle");
        let book = self.market.desks()[0].book().await;
        let cleared = book.slot(slot().start).unwrap().cleared.as_ref().unwrap();
        assert_eq!(cleared.trades.len(), 1);
        cleared.trades[0].trade
    }

    fn head(&self) -> (B256, u64) {
        let head = self.ledger.node().snapshot().unwrap().head_header().unwrap();
        (head.hash(), head.number)
    }

    async fn standing(&self, trade: B256) -> Standing {
        let books = self.billing.totals().await;
        let book = self.market.desks()[0].book().await;
        let wallets = HOMES.map(|home| book.wallet(address(home.0)));
        Standing {
            settlement: book.settlement(trade),
            held: wallets.map(|wallet| wallet.held()),
            tradable: wallets.map(|wallet| wallet.tradable()),
            books,
        }
    }

    /// A block of another miner on `parent`, with nothing in it.
    fn competing(&self, parent: B256) -> chain::Block {
        let node = self.ledger.node();
        let (coinbase, now) = (Address::repeat_byte(0xbb), self.now.unsigned());
        node.seal(&node.propose_on(parent, Vec::new(), coinbase, now).unwrap())
    }

    /// Puts a transaction of the first home into the pool.
    fn send(&self, call: Call) {
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            gas_limit: 200_000,
            max_fee_per_gas: 1_000_000_000_000,
            to: TxKind::Call(call.to),
            input: call.data,
            ..TxEip1559::default()
        };
        self.ledger.node().submit(signed(&key(HOMES[0].0), unsigned)).unwrap();
    }
}

fn check_nothing_posted(standing: &Standing) {
    let books = &standing.books;
    assert_eq!((books.trades, books.trades_reconciled), (0, 0));
    assert_eq!([books.sum, books.suspense, books.escrow_open], [Money::ZERO; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_on_a_losing_branch_is_taken_back_and_made_again() {
    let mut town = Town::with_orders().await;
    let trade = town.clear().await;
    let ((fork, forked_at), waiting) = (town.head(), town.standing(trade).await);
    assert_eq!(waiting.settlement, "pending");
    assert!(waiting.held.iter().all(|held| *held > Money::ZERO), "{waiting:?}");
    check_nothing_posted(&waiting);

    town.pump().await;
    let settled = town.standing(trade).await;
    assert_eq!((settled.settlement, settled.held), ("settled", [Money::ZERO; 2]));
    assert_eq!(settled.tradable, waiting.tradable, "what was held is now in escrow");
    assert_eq!((settled.books.trades, settled.books.sum), (1, Money::ZERO));
    let [escrow, collateral] = waiting.held;
    assert_eq!(settled.books.escrow_open, escrow.plus(collateral).unwrap());

    // Another branch without the settlement, one block longer.
    let lost = town.head().1 - forked_at;
    let (mut parent, mut changed) = (fork, None);
    for _ in 0..=lost {
        assert_eq!(changed, None, "the longer branch wins, no other");
        let block = town.competing(parent);
        parent = block.hash();
        changed = town.ledger.node().import_block(block, town.now.unsigned()).unwrap();
    }
    assert_eq!(changed.unwrap().disconnected.len() as u64, lost);
    town.ledger.drain(town.now).await.unwrap();
    assert_eq!(town.head().0, parent);
    assert_eq!(town.ledger.blocks_reorganised().await.unwrap(), lost);
    assert_eq!(town.standing(trade).await, waiting);
    assert_eq!(town.ledger.node().pool().hashes().len(), 2, "the transactions wait again");

    // They are mined again, and the books follow again, once.
    town.pass_to(town.now.plus_seconds(1));
    town.pump().await;
    assert_eq!(town.standing(trade).await, settled);
    town.finalize().await;
    assert_eq!(town.standing(trade).await, settled);
    assert!(town.ledger.node().pool().hashes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_the_contract_skips_moves_no_money() {
    let mut town = Town::with_orders().await;
    // The buyer ends the order's nonce on chain; the market hears of the block after the gate.
    town.send(town.deployment.cancel(NONCE));
    town.pass_to(town.now.plus_seconds(1));
    town.ledger.mine_now(town.now).await.unwrap().unwrap();
    let trade = town.clear().await;
    town.pump().await;
    let skipped = town.standing(trade).await;
    assert_eq!((skipped.settlement, skipped.held), ("skipped", [Money::ZERO; 2]));
    assert_eq!(skipped.tradable, [DEPOSIT; 2]);
    check_nothing_posted(&skipped);
    // Nor is anything reconciled when the slot is over.
    town.pass_to(slot().end().plus_seconds(3_600));
    town.pump().await;
    check_nothing_posted(&town.standing(trade).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_comes_too_late_reverts_and_frees_what_was_held() {
    let mut town = Town::with_orders().await;
    let trade = town.clear().await;
    town.pass_to(slot().end().plus_seconds(1));
    town.pump().await;
    let late = town.standing(trade).await;
    assert_eq!(late.settlement, "pending", "the block that refused it is not final yet");
    check_nothing_posted(&late);
    town.finalize().await;
    let freed = town.standing(trade).await;
    assert_eq!((freed.settlement, freed.held), ("skipped", [Money::ZERO; 2]));
    assert_eq!(freed.tradable, [DEPOSIT; 2]);
    check_nothing_posted(&freed);
}
