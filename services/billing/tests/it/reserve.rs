//! What stands behind the tokens: told to everybody, checked by anybody, and not always true.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use billing::Billing;
use bus::Bus;
use client::{JsonRpc, RpcError};
use contracts::bindings::SettlementToken;
use contracts::{Call, SolCall, role};
use serde_json::{Value, json};
use service::{Clock, Tick};
use units::Money;
use utoipa_actix_web::AppExt;

use crate::node::TestNode;
use crate::service::{Running, traded_monday};
use crate::town::*;

/// A node that counts what it is asked about contracts, and may fall silent.
struct Watched {
    node: Arc<TestNode>,
    calls: AtomicU64,
    silent: AtomicBool,
}

impl Watched {
    fn of(town: &Running) -> Arc<Watched> {
        let (calls, silent) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Watched { node: town.node.clone(), calls, silent })
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JsonRpc for Watched {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        if method == "eth_call" {
            self.calls.fetch_add(1, Ordering::SeqCst);
            if self.silent.load(Ordering::SeqCst) {
                return Err(RpcError::unreachable("asleep"));
            }
        }
        self.node.request(method, params).await
    }
}

/// Asks without a token.
async fn ask(billing: &Arc<Billing>) -> (StatusCode, Value) {
    let app = App::new().into_utoipa_app().configure(billing::routes(billing.clone())).into_app();
    let app = init_service(app).await;
    let request = TestRequest::get().uri("/v1/reserve").to_request();
    let response = call_service(&app, request).await;
    let status = response.status();
    let body = read_body(response).await.try_into_bytes().unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn reserve(billing: &Arc<Billing>) -> Value {
    let (status, body) = ask(billing).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// The same books, as a service that has just been started finds them.
async fn restarted(town: &Running, node: Arc<dyn JsonRpc>) -> Arc<Billing> {
    town.billing.close().await;
    let clock = Clock::set(town.now).0;
    let parts = parts(&town.folder, Bus::in_process(), node, clock);
    billing::start(parts).await.unwrap()
}

/// A town with one deposit of 25.
async fn deposited() -> Running {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town
}

fn figures(of: &Value) -> [&str; 4] {
    ["bank", "supply", "market_holds", "owed"].map(|name| of[name].as_str().unwrap())
}

#[actix_web::test]
async fn a_deposit_stands_behind_its_tokens_and_anybody_can_check_it() {
    let town = deposited().await;
    let told = reserve(&town.billing).await;
    let of = &told["reserves"][0];
    assert_eq!(figures(of), ["25"; 4], "{told}");
    assert_eq!((&of["equal"], of.get("difference")), (&json!(true), None));
    assert_eq!((&of["currency"], &of["owed_parts"]["wallets"]), (&json!("EUR"), &json!("25")));
    let check = &told["journal"]["checked"];
    assert_eq!((&check["entries"], &check["violations"]), (&told["journal"]["entries"], &json!(0)));
    assert_eq!(check["at"], town.now.to_string());
    let audit = town.in_order().await;
    assert_eq!((&told["journal"]["head"], &told["chain_id"]), (&audit["head"], &json!(CHAIN_ID)));

    // A node says the same, asked as the answer says.
    let head = town.node.request("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    assert_eq!(told["block"]["hash"], head["hash"]);
    let calls = of["calls"].as_array().unwrap();
    let signatures: Vec<_> = calls.iter().map(|call| call["signature"].as_str().unwrap()).collect();
    assert_eq!(signatures, ["totalSupply()(uint256)", "balanceOf(address)(uint256)"]);
    assert_eq!(calls[1]["arguments"], json!([of["market"]]));
    for call in calls {
        assert_eq!((&call["to"], &call["answer"]), (&of["token"], &json!("25000000000")));
        let asked = json!({ "to": call["to"], "data": call["data"] });
        let at = json!({ "blockHash": told["block"]["hash"] });
        let answer = town.node.request("eth_call", json!([asked, at])).await.unwrap();
        let answer: Bytes = serde_json::from_value(answer).unwrap();
        assert_eq!(U256::from_be_slice(&answer).to_string(), call["answer"].as_str().unwrap());
    }
}

#[actix_web::test]
async fn what_is_owed_is_made_of_its_parts_while_trades_are_under_way() {
    let (mut town, _) = traded_monday().await;
    town.deal(30, 200).await;
    let of = &reserve(&town.billing).await["reserves"][0];
    assert_eq!((figures(of), &of["equal"]), (["50"; 4], &json!(true)), "{of}");
    let balances = &town.in_order().await["balances"];
    for (part, code) in [
        ("wallets", "2000"),
        ("locked", "2005"),
        ("escrow", "2010"),
        ("collateral", "2020"),
        ("network_fees", "2100"),
        ("platform_fees", "4000"),
    ] {
        let part = of["owed_parts"][part].as_str().unwrap();
        let balance = balances[code].as_str().unwrap();
        // Debts are on the credit side.
        assert_eq!(Some(part), balance.strip_prefix('-'), "{code}");
    }
    assert_eq!(of["owed_parts"]["suspense"], "0");
}

#[actix_web::test]
async fn tokens_that_nobody_paid_for_are_seen() {
    let mut town = deposited().await;
    let minter = role("MINTER");
    let grant = SettlementToken::grantRoleCall { role: minter, account: authority() };
    let amount = Money::from_n(7);
    let mint = deployment().mint(authority(), amount, B256::repeat_byte(1)).unwrap();
    town.node.call(authority(), Call { to: mint.to, data: grant.abi_encode().into() });
    town.node.call(authority(), mint);
    town.settle().await;
    let of = &reserve(&town.billing).await["reserves"][0];
    assert_eq!(figures(of), ["25", "25.000000007", "25", "25"]);
    assert_eq!(of["equal"], false);
    let difference = json!({ "supply_bank": "7", "bank_owed": "0", "market_owed": "0" });
    assert_eq!(of["difference"], difference);

    // More than an amount of money can be is told as well.
    let much = U256::from(1_u64 << 63) * U256::from(1_000_u64);
    let (to, payment) = (authority(), B256::repeat_byte(2));
    let mint = SettlementToken::mintCall { to, amount: much, payment };
    let token: Address = deployment().token;
    town.node.call(authority(), Call { to: token, data: mint.abi_encode().into() });
    town.settle().await;
    let billing = restarted(&town, town.node.clone()).await;
    let of = &reserve(&billing).await["reserves"][0];
    let tokens = much + U256::from(25_000_000_007_u64);
    assert_eq!(of["calls"][0]["answer"], tokens.to_string());
    let more = tokens - U256::from(25_000_000_000_u64);
    assert_eq!(of["difference"]["supply_bank"], more.to_string());
}

/// The database of a town's books, behind the service's back.
pub async fn behind(town: &Running) -> db::AnyPool {
    let path = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    db::AnyPool::connect(&path).await.unwrap()
}

/// The deposit never came from the bank, says somebody.
async fn rewritten() -> Running {
    let town = deposited().await;
    town.billing.close().await;
    let behind = behind(&town).await;
    let forge = "update journal set entry = replace(entry, '\"debit\":\"1000\"', \
                 '\"debit\":\"2120\"')";
    db::query(forge).execute(&behind).await.unwrap();
    behind.close().await;
    town
}

/// How often all were told that the books are not in order.
async fn told_of_books(town: &Running) -> i64 {
    let behind = behind(town).await;
    let told = "select count(*) from outbox where subject = 'billing.books.violated.v1'";
    let told = db::query_scalar(told).fetch_one(&behind).await.unwrap();
    behind.close().await;
    told
}

#[actix_web::test]
async fn books_that_are_not_in_order_are_told_to_all_once_a_day() {
    let mut sound = deposited().await;
    sound.move_to(sound.now.plus_seconds(86_400));
    sound.settle().await;
    assert_eq!(told_of_books(&sound).await, 0);
    let town = rewritten().await;
    let billing = restarted(&town, town.node.clone()).await;
    for (later, expected) in [(0, 1), (60, 1), (86_400, 2), (86_460, 2)] {
        billing.tick(town.now.plus_seconds(later)).await.unwrap();
        assert_eq!(told_of_books(&town).await, expected, "{later} s later");
    }
}

#[actix_web::test]
async fn a_unit_that_somebody_sends_to_the_market_is_for_staff_and_stops_nobody() {
    let mut town = deposited().await;
    let (token, account) = (deployment().token, authority());
    let grant = SettlementToken::grantRoleCall { role: role("MINTER"), account };
    town.node.call(authority(), Call { to: token, data: grant.abi_encode().into() });
    let market = deployment().market;
    let mint = deployment().mint(market, Money::from_n(1), B256::repeat_byte(1)).unwrap();
    town.node.call(authority(), mint);
    town.settle().await;
    let billing = restarted(&town, town.node.clone()).await;
    billing.tick(town.now).await.unwrap();
    let of = &reserve(&billing).await["reserves"][0];
    assert_eq!(figures(of), ["25", "25.000000001", "25.000000001", "25"]);
    assert_eq!(told_of_books(&town).await, 0);
}

/// What all were told last of the books.
async fn last_told_of_books(town: &Running) -> Option<Value> {
    let behind = behind(town).await;
    let told = "select body from outbox where subject = 'billing.books.violated.v1' \
                order by place desc limit 1";
    let told: Option<String> = db::query_scalar(told).fetch_optional(&behind).await.unwrap();
    behind.close().await;
    told.map(|told| serde_json::from_str(&told).unwrap())
}

#[actix_web::test]
async fn energy_that_does_not_add_up_in_a_slot_long_past_is_told_and_seen_by_an_audit() {
    let (mut town, _) = traded_monday().await;
    town.billing.close().await;
    let behind = behind(&town).await;
    let read = "select entry from journal where book = 0 and slot is not null \
                order by sequence desc limit 1";
    let entry: String = db::query_scalar(read).fetch_one(&behind).await.unwrap();
    let mut entry: Value = serde_json::from_str(&entry).unwrap();
    // Energy goes the other way round.
    for transfer in entry["energy"].as_array_mut().unwrap() {
        let debit = transfer["debit"].take();
        transfer["debit"] = transfer["credit"].take();
        transfer["credit"] = debit;
    }
    let forge = "update journal set entry = $1 where book = 0 and sequence = \
                 (select max(sequence) from journal where book = 0 and slot is not null)";
    db::query(forge).bind(entry.to_string()).execute(&behind).await.unwrap();
    behind.close().await;
    town.billing = restarted(&town, town.node.clone()).await;
    town.billing.tick(town.now).await.unwrap();
    let of_energy = |told: &Value| {
        let told = told["violations"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
        told.filter(|one| ["I5", "I6", "I7"].contains(&&one[..2])).count()
    };
    let told = last_told_of_books(&town).await.unwrap();
    assert_ne!(of_energy(&told), 0, "{told}");
    let audit = town.get("auditor", "/v1/audit").await;
    assert_ne!(of_energy(&audit), 0, "an audit finds it after the look: {audit}");
}

#[actix_web::test]
async fn a_journal_that_was_rewritten_is_seen() {
    let town = rewritten().await;
    let told = reserve(&restarted(&town, town.node.clone()).await).await;
    let of = &told["reserves"][0];
    assert_eq!(figures(of), ["0", "25", "25", "25"], "{told}");
    assert_eq!(of["equal"], false);
    let more = "25000000000";
    let difference = json!({
        "supply_bank": more, "bank_owed": format!("-{more}"), "market_owed": "0",
    });
    assert_eq!(of["difference"], difference);
    assert_eq!(told["journal"]["checked"]["violations"], 1);
}

#[actix_web::test]
async fn many_questions_are_two_to_the_node_and_a_silent_node_is_not_pressed() {
    let town = deposited().await;
    let node = Watched::of(&town);
    let billing = restarted(&town, node.clone()).await;
    let before = node.calls();
    let first = reserve(&billing).await;
    for _ in 0..5 {
        assert_eq!(reserve(&billing).await, first);
    }
    assert_eq!(node.calls() - before, 4, "two of each currency");

    billing.close().await;
    let billing = restarted(&town, node.clone()).await;
    node.silent.store(true, Ordering::SeqCst);
    let before = node.calls();
    for _ in 0..5 {
        let (status, problem) = ask(&billing).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (&problem["code"], &problem["retry_may_help"]),
            (&json!("UNAVAILABLE"), &json!(true))
        );
    }
    assert_eq!(node.calls() - before, 1);
}

#[actix_web::test]
async fn before_the_first_block_there_is_nothing_to_tell() {
    let town = Running::start().await;
    let (status, problem) = ask(&town.billing).await;
    assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("UNAVAILABLE")));
}
