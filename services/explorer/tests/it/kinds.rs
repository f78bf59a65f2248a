//! What the feed tells by the names of the rules: looked up by kind, taken back with its block.

use alloy_primitives::{Address, B256, Bytes, U256};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket::{
    DepositCredited, EscrowReleased, OrderCancelled as NonceEnded, Paused, PolicyRegistered,
    SlotReconciled, Unpaused, WithdrawalPaid, WithdrawalRequested, grantRoleCall,
};
use contracts::bindings::{Challenges, MeterRegistry, ReadingAnchor, RecordAnchor, Timelock};
use contracts::{READINGS_OF_DAY, READINGS_OF_SLOT, SolCall, role};
use events::billing::{InvoiceCorrected, InvoicePaid, TariffPublished};
use events::identity::{AccountOpened, Custody};
use events::ledger::Log;
use events::market::{
    CancelledBy, CommitmentChanged, CommitmentExpired, CommitmentStep, GateClosed, OrderCancelled,
    OrdersRejected, ParameterChanged, SuspensionChanged,
};
use events::metering::DayAnchored;
use ids::{
    AccountId, CommunityId, ConnectionPointId, CorrectionId, InvoiceId, OrderId, PartyId, ZoneId,
};
use serde_json::{Value, json};
use units::Money;

use crate::scene::{BUYER, CLEARING, SELLER, Scene};

const GENESIS: B256 = B256::repeat_byte(0x6e);
const TRADE: B256 = B256::repeat_byte(0x77);
/// Nobody may read these in the feed.
const SECRETS: [&str; 3] = ["heron", "12.5", "a quarrel"];

/// The newest of a kind that is kept.
async fn newest(scene: &Scene, kind: &str) -> Value {
    let listed = scene.get(&format!("/v1/explorer/events?kind={kind}&limit=1")).await;
    let item = listed["items"][0].clone();
    assert_eq!(item["kind"], kind, "{kind} is there");
    item
}

async fn count(scene: &Scene, kind: &str) -> usize {
    let listed = scene.get(&format!("/v1/explorer/events?kind={kind}")).await;
    listed["items"].as_array().unwrap().len()
}

/// Of what the contracts did: the first step.
async fn step(scene: &Scene, kind: &str) -> Value {
    newest(scene, kind).await["body"]["steps"][0].clone()
}

fn slot() -> Timestamp {
    Timestamp::from_seconds(1_780_002_000)
}

fn zone() -> ZoneId {
    ZoneId::derived("z")
}

fn community() -> CommunityId {
    CommunityId::derived("c")
}

#[actix_web::test]
async fn an_account_is_told_of_by_its_address_alone() {
    let scene = Scene::start().await;
    let (account, party) = (AccountId::derived("a"), PartyId::derived("p"));
    let (pseudonym, custody) = ("heron".to_owned(), Custody::Held);
    let community = community();
    let opened = AccountOpened { account, party, community, pseudonym, address: BUYER, custody };
    scene.feed(&opened, 1).await.unwrap();
    let told = newest(&scene, "account_registered").await;
    let body = json!({ "kind": "account_registered", "address": format!("{BUYER:#x}") });
    assert_eq!((&told["name"], &told["body"]), (&json!("AccountRegistered"), &body));
    assert_eq!(told["at"], "2026-05-28T20:26:40Z");
    scene.stop().await;
}

#[actix_web::test]
async fn orders_are_told_of_without_what_is_in_them() {
    let scene = Scene::start().await;
    let (community, zone, slot) = (community(), zone(), slot());
    let commitment = B256::repeat_byte(0xc0);
    for (step, cause) in [
        (CommitmentStep::Committed, 1),
        (CommitmentStep::Withdrawn, 2),
        (CommitmentStep::Revealed, 3),
    ] {
        let changed = CommitmentChanged { community, zone, slot, commitment, step };
        scene.feed(&changed, cause).await.unwrap();
    }
    for kind in ["order_committed", "order_revealed"] {
        let body = json!({ "kind": kind, "zone": zone, "slot": slot, "commitment": commitment });
        assert_eq!(newest(&scene, kind).await["body"], body);
    }
    assert_eq!(newest(&scene, "order_cancelled").await["body"]["commitment"], json!(commitment));

    let (order, hash) = (OrderId::derived("o"), B256::repeat_byte(0x0d));
    let account = AccountId::derived("heron");
    let by = [CancelledBy::Suspension, CancelledBy::Time, CancelledBy::Chain];
    for (cause, by) in (1..).zip(by) {
        let gone = OrderCancelled { community, zone, order, hash, account, slot, by };
        scene.feed(&gone, cause).await.unwrap();
    }
    let told = newest(&scene, "order_cancelled").await;
    assert_eq!(told["body"]["by"], "suspension");
    for hidden in [json!(hash), json!(account), json!(order)] {
        assert!(!told.to_string().contains(hidden.as_str().unwrap()), "{told}");
    }
    assert_eq!(count(&scene, "order_cancelled").await, 2, "the contract tells of the third");
    assert_eq!(count(&scene, "order_expired").await, 1);
    let expired = CommitmentExpired { community, zone, commitment, account, slot };
    scene.feed(&expired, 1).await.unwrap();
    assert_eq!(newest(&scene, "order_expired").await["body"]["commitment"], json!(commitment));

    let rejected = OrdersRejected { community, zone, code: "FUNDS".to_owned(), count: 3 };
    scene.feed(&rejected, 1).await.unwrap();
    let body = json!({ "kind": "order_rejected", "zone": zone, "code": "FUNDS", "count": 3 });
    assert_eq!(newest(&scene, "order_rejected").await["body"], body);
    let closed = GateClosed { community, zone, slot, root: hash };
    scene.feed(&closed, 1).await.unwrap();
    assert_eq!(newest(&scene, "gate_closed").await["body"]["root"], json!(hash));
    scene.stop().await;
}

#[actix_web::test]
async fn rules_and_bills_are_told_of_but_not_whose_they_are() {
    let scene = Scene::start().await;
    let (community, zone, from) = (community(), zone(), slot());
    let (account, by) = (AccountId::derived("a"), PartyId::derived("staff"));
    let (point, value) = (ConnectionPointId::derived("heron"), json!({ "name": "uniform" }));
    let parameter = "mechanism".to_owned();
    let changed = ParameterChanged { community, zone, parameter, from, value, by };
    scene.feed(&changed, 1).await.unwrap();
    let told = newest(&scene, "parameter_changed").await;
    assert_eq!(told["body"]["value"], json!({ "name": "uniform" }));
    assert!(!told.to_string().contains(&by.to_string()));

    let scopes = [
        ("account", None, None),
        ("connection_point", Some(point), None),
        ("rule", Some(point), Some("buy".to_owned())),
    ];
    for (cause, (scope, connection_point, rule)) in (1..).zip(scopes) {
        let suspended = SuspensionChanged {
            community,
            zone,
            account,
            connection_point,
            rule,
            side: None,
            suspended: true,
            reason: "a quarrel".to_owned(),
            by,
            tripped: None,
        };
        scene.feed(&suspended, cause).await.unwrap();
        let body = json!({ "kind": "kill_switch", "zone": zone, "scope": scope, "on": true });
        assert_eq!(newest(&scene, "kill_switch").await["body"], body);
    }

    let (invoice, number) = (InvoiceId::derived("i"), "2026-000001".to_owned());
    for (cause, left) in [(1, 1), (2, 0)] {
        let (amount, left) = (Money::from_n(12_500_000_000), Money::from_n(left));
        let paid =
            InvoicePaid { invoice, number: number.clone(), community, account, amount, left };
        scene.feed(&paid, cause).await.unwrap();
    }
    assert_eq!(count(&scene, "invoice_paid").await, 1, "a part is nobody else's business");
    let told = newest(&scene, "invoice_paid").await;
    assert_eq!(told["body"], json!({ "kind": "invoice_paid", "community": community }));
    for (cause, kind) in [("cancelled", "invoice_cancelled"), ("facts", "invoice_corrected")] {
        let corrected = InvoiceCorrected {
            correction: CorrectionId::derived(cause),
            number: format!("C-{cause}"),
            kind: "credit_note".to_owned(),
            cause: cause.to_owned(),
            invoice,
            invoice_number: number.clone(),
            dispute: None,
            community,
            account,
            total: Money::from_n(-12_500_000_000),
            due: Money::ZERO,
            hash: B256::repeat_byte(4),
        };
        scene.feed(&corrected, cause.len() as u64).await.unwrap();
        assert_eq!(newest(&scene, kind).await["body"]["number"], format!("C-{cause}"));
    }
    let all = scene.get("/v1/explorer/events").await.to_string();
    assert!(SECRETS.iter().all(|secret| !all.contains(secret)), "{all}");
    assert!(!all.contains(&account.to_string()) && !all.contains(&point.to_string()), "{all}");
    scene.stop().await;
}

/// What accounts, policies and the market's pause log.
fn cash(scene: &Scene) -> Vec<Log> {
    let market = scene.deployment.market;
    let amount = U256::from(1_500_000_000);
    let (payment, policy) = (B256::repeat_byte(9), testkit::policy("y"));
    let registered = PolicyRegistered {
        policy: policy.id(),
        community: B256::ZERO,
        zone: B256::ZERO,
        terms: policy.to_sol(),
    };
    let requested = WithdrawalRequested { account: BUYER, amount, availableAt: 1_780_003_600 };
    let released = EscrowReleased { account: SELLER, policy: policy.id(), day: 20_601, amount };
    vec![
        scene.log_of(market, &DepositCredited { account: BUYER, amount, payment }, 0),
        scene.log_of(market, &requested, 1),
        scene.log_of(market, &WithdrawalPaid { account: BUYER, amount }, 2),
        scene.log_of(market, &released, 3),
        scene.log_of(market, &NonceEnded { account: BUYER, nonce: U256::from(7) }, 4),
        scene.log_of(market, &registered, 5),
        scene.log_of(market, &Paused { account: SELLER }, 6),
        scene.log_of(market, &SlotReconciled { clearing: CLEARING, number: 0, run: 1 }, 7),
    ]
}

/// What the registry, the anchors, the challenges and the timelock log.
fn records(scene: &Scene) -> Vec<Log> {
    let at = scene.deployment;
    let meter = B256::repeat_byte(0x3e);
    let registered = MeterRegistry::MeterRegistered {
        meter,
        version: 1,
        key: Address::repeat_byte(1),
        owner: BUYER,
        installer: SELLER,
        connectionPoint: B256::repeat_byte(2),
    };
    let rotated = MeterRegistry::MeterRotated { meter, version: 2, key: Address::repeat_byte(2) };
    let challenged = Challenges::Challenged {
        connectionPoint: B256::repeat_byte(2),
        slot: 1_780_002_000,
        side: 1,
        account: SELLER,
        registered: 900,
        claimed: 1_000,
    };
    let granted = Timelock::CallExecuted {
        id: B256::repeat_byte(3),
        index: U256::ZERO,
        target: at.market,
        value: U256::ZERO,
        data: Bytes::from(grantRoleCall { role: role("PAUSER"), account: BUYER }.abi_encode()),
    };
    vec![
        scene.log_of(at.meters, &registered, 0),
        scene.log_of(at.meters, &rotated, 1),
        scene.log_of(at.meters, &MeterRegistry::MeterRevoked { meter, version: 2 }, 2),
        scene.log_of(at.readings, &anchored(READINGS_OF_SLOT, 1), 3),
        scene.log_of(at.challenges, &challenged, 4),
        scene.log_of(at.timelock, &granted, 5),
    ]
}

fn anchored(kind: u8, root: u8) -> ReadingAnchor::ReadingsAnchored {
    let root = B256::repeat_byte(root);
    let community = B256::repeat_byte(5);
    ReadingAnchor::ReadingsAnchored { community, kind, period: 20_601, batch: 1, root, count: 2 }
}

#[actix_web::test]
async fn what_the_contracts_did_is_told_by_the_names_of_the_rules() {
    let mut scene = Scene::start().await;
    let logs = cash(&scene);
    let first = scene.block(1, GENESIS, logs);
    let logs = records(&scene);
    let second = scene.block(2, first.hash, logs);
    let market = scene.deployment.market;
    let open = vec![scene.log_of(market, &Unpaused { account: SELLER }, 0)];
    let third = scene.block(3, second.hash, open);
    for (cause, block) in (1..).zip([&first, &second, &third]) {
        scene.feed(block, cause).await.unwrap();
    }
    let (buyer, seller) = (format!("{BUYER:#x}"), format!("{SELLER:#x}"));
    let deposit = newest(&scene, "deposit_credited").await;
    assert_eq!((&deposit["block"], &deposit["body"]["count"]), (&json!(1), &json!(1)));
    assert_eq!(deposit["body"]["steps"], json!([{ "account": buyer, "amount": "1.5" }]));
    let available = &step(&scene, "withdrawal_requested").await["available_at"];
    assert_eq!(available, "2026-05-28T21:26:40Z");
    assert_eq!(step(&scene, "withdrawal_paid").await["amount"], "1.5");
    assert_eq!(step(&scene, "escrow_released").await["account"], seller);
    let ended = json!({ "account": buyer, "nonce": "7" });
    assert_eq!(step(&scene, "order_cancelled").await, ended);
    assert_eq!(step(&scene, "slot_reconciled").await["run"], 1);
    assert_eq!(step(&scene, "meter_registered").await["owner"], buyer);
    assert_eq!(step(&scene, "meter_rotated").await["version"], 2);
    assert_eq!(step(&scene, "meter_revoked").await["version"], 2);
    assert_eq!(step(&scene, "readings_anchored").await["of"], "slot");
    assert_eq!(step(&scene, "challenged").await["account"], seller);
    let resolved = step(&scene, "resolved").await;
    assert_eq!((&resolved["outcome"], &resolved["claimed_wh"]), (&json!("upheld"), &json!(1_000)));
    let right = step(&scene, "parameter_changed").await;
    assert_eq!((&right["change"], &right["role"]), (&json!("grant"), &json!("PAUSER")));
    assert_eq!(count(&scene, "parameter_changed").await, 2, "the policy, too");
    let on = json!({ "scope": "market", "on": false });
    assert_eq!((count(&scene, "kill_switch").await, step(&scene, "kill_switch").await), (2, on));

    // A page after another, without blocks; then a block leaves, and what it told with it.
    let mut path = "/v1/explorer/events?limit=5".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = scene.get(&path).await;
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/explorer/events?limit=5&cursor={next}");
    }
    let ids: Vec<i64> = seen.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    assert_eq!(seen.len(), 16, "{seen:?}");
    let removal = scene.removal(&third);
    scene.feed(&removal, 4).await.unwrap();
    assert_eq!(count(&scene, "kill_switch").await, 1);
    assert_eq!(count(&scene, "block_removed").await, 1);
    let refused = scene.refused("/v1/explorer/events?kind=nominated").await;
    assert_eq!(refused, (400, "MALFORMED".to_owned()));
    assert_eq!(scene.refused("/v1/explorer/events?cursor=x").await, refused);
    assert_eq!(scene.refused("/v1/events?kinds=block,nominated").await, refused);
    scene.stop().await;
}

#[actix_web::test]
async fn a_trade_locks_cash_and_a_run_tells_a_penalty_only_when_it_is_another_one() {
    let mut scene = Scene::start().await;
    let mut logs = vec![scene.cleared(0)];
    let trade = |n: u8| B256::repeat_byte(n);
    logs.extend((0..20).map(|n| scene.settled(trade(0x70 + n), 1 + u32::from(n))));
    let settled = logs[1].transaction;
    logs[1..].iter_mut().for_each(|log| log.transaction = settled);
    let first = scene.block(1, GENESIS, logs);
    let in_its_own = |mut log: Log, transaction: u8| {
        log.transaction = B256::repeat_byte(transaction);
        vec![log]
    };
    let logs = in_its_own(scene.reconciled(TRADE, 0, 0), 0xa0);
    let second = scene.block(2, first.hash, logs);
    let logs = in_its_own(scene.reconciled(TRADE, 1, 0), 0xa1);
    let third = scene.block(3, second.hash, logs);
    let logs = in_its_own(scene.delivered(TRADE, 2, 5_000, 0), 0xa2);
    let fourth = scene.block(4, third.hash, logs);
    scene.feed(&first, 1).await.unwrap();
    let told = newest(&scene, "escrow_locked").await;
    let steps = told["body"]["steps"].as_array().unwrap();
    assert_eq!((&told["body"]["count"], steps.len()), (&json!(20), 16), "the rest is on chain");
    assert_eq!((&steps[0]["escrow"], &steps[0]["collateral"]), (&json!("0.96"), &json!("0.54")));
    assert_eq!(step(&scene, "trade_created").await["price"], "0.18");

    scene.feed(&second, 2).await.unwrap();
    let penalty = json!({
        "trade": TRADE, "run": 0, "account": format!("{SELLER:#x}"), "amount": "0.0864",
    });
    assert_eq!(step(&scene, "penalty_applied").await, penalty);
    let paid = step(&scene, "compensation_paid").await;
    let whom = format!("{BUYER:#x}");
    assert_eq!((&paid["account"], &paid["amount"]), (&json!(whom), &json!("0.0864")));
    scene.feed(&third, 3).await.unwrap();
    assert_eq!(count(&scene, "penalty_applied").await, 1, "nothing changed");
    scene.feed(&fourth, 4).await.unwrap();
    let none = json!({ "trade": TRADE, "run": 2, "account": null, "amount": "0" });
    assert_eq!(step(&scene, "penalty_applied").await, none);
    assert_eq!(step(&scene, "compensation_paid").await, none);
    scene.stop().await;
}

#[actix_web::test]
async fn what_was_said_to_be_on_chain_and_is_not_there_is_told_once() {
    let mut scene = Scene::start().await;
    let (community, valid_from) = (community(), slot());
    let day = |root: u8| DayAnchored {
        community,
        day: "2026-05-27".parse().unwrap(),
        batch: 1,
        root: B256::repeat_byte(root),
        count: 0,
        leaves: vec![],
    };
    // Of two days one is on chain before it is told of, and of two tariffs one after it.
    let logs = vec![scene.log_of(scene.deployment.readings, &anchored(READINGS_OF_DAY, 1), 0)];
    let first = scene.block(1, GENESIS, logs);
    scene.feed(&first, 1).await.unwrap();
    scene.feed(&day(1), 1).await.unwrap();
    scene.feed(&day(2), 2).await.unwrap();
    for hash in [3, 4].map(B256::repeat_byte) {
        let tariff = json!({});
        let published = TariffPublished { community, hash, valid_from, tariff };
        scene.feed(&published, u64::from(hash[0])).await.unwrap();
    }
    let (key, hash) = (B256::ZERO, B256::repeat_byte(3));
    let published = RecordAnchor::TariffPublished { key, version: 1, validFrom: 20_601, hash };
    let logs = vec![scene.log_of(scene.deployment.records, &published, 0)];
    // An hour of the chain, in blocks of five seconds.
    let second = scene.block(719, first.hash, logs);
    let third = scene.block(721, second.hash, vec![]);
    let fourth = scene.block(722, third.hash, vec![]);
    scene.feed(&second, 2).await.unwrap();
    assert_eq!(count(&scene, "anchor_missing").await, 0, "it may be on its way");
    scene.feed(&third, 3).await.unwrap();
    scene.feed(&fourth, 4).await.unwrap();
    let listed = scene.get("/v1/explorer/events?kind=anchor_missing").await;
    let mut told: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["body"]["what"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, ["readings", "tariff"], "each once");
    assert_eq!(newest(&scene, "anchor_missing").await["name"], "AnchorMissing");

    // The block that has the other tariff leaves, and no other has it.
    for (cause, block) in (5..).zip([&fourth, &third, &second]) {
        let removal = scene.removal(block);
        scene.feed(&removal, cause).await.unwrap();
    }
    let without = scene.block(723, first.hash, vec![]);
    scene.feed(&without, 8).await.unwrap();
    let missing = newest(&scene, "anchor_missing").await;
    assert_eq!(missing["body"]["hash"], json!(B256::repeat_byte(3)));
    scene.stop().await;
}
