//! Cash of one currency for cash of another, at a quoted rate: both transfers or none.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use alloy_primitives::Address;
use contracts::{AccountRequest, Call};
use serde_json::{Value, json};

use crate::currencies::{both_in_order, deposit, free};
use crate::service::Running;
use crate::town::*;

/// A town in which heron has 100 francs, and the dealer as many euros as it is said.
async fn town(euros: &str) -> Running {
    let mut town = Running::start().await;
    town.found().await;
    deposit(&mut town, HERON, "100", "CHF").await;
    // 0.94 francs for a euro; half a percent is kept.
    rate(&town, "CHF/EUR", 1_063_829_787, "1000").await;
    fund(&mut town, "EUR", euros).await;
    town
}

/// Staff set a rate.
async fn rate(town: &Running, pair: &str, rate: u64, limit: &str) -> Value {
    let wanted = json!({ "rate": rate, "spread_bps": 50, "limit": limit });
    let (status, rates) = put_rate(town, "operator", pair, wanted).await;
    assert_eq!(status, StatusCode::OK, "{rates}");
    rates
}

async fn put_rate(town: &Running, who: &str, pair: &str, rate: Value) -> (StatusCode, Value) {
    let request = TestRequest::put().uri(&format!("/v1/exchange-rates/{pair}")).set_json(rate);
    let (status, body) = town.ask(request, who).await;
    (status, serde_json::from_slice(&body).unwrap())
}

/// The dealer is paid in.
async fn fund(town: &mut Running, currency: &str, amount: &str) {
    if amount == "0" {
        return;
    }
    let dealer = town.get("operator", "/v1/exchange-rates").await["dealer"].clone();
    let body = json!({ "account": dealer, "amount": amount, "currency": currency });
    let key = format!("dealer {currency} {amount}");
    let (status, answer) = town.post("operator", "/v1/deposits", &key, body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    town.settle().await;
}

async fn ask(town: &Running, who: &str, amount: &str) -> (StatusCode, Value) {
    let wish = json!({ "from": "CHF", "to": "EUR", "amount": amount });
    town.post(who, "/v1/exchange/quotes", "", wish).await
}

async fn quoted(town: &Running, amount: &str) -> Value {
    let (status, quote) = ask(town, "heron", amount).await;
    assert_eq!(status, StatusCode::CREATED, "{quote}");
    quote
}

fn terms(quote: &Value) -> AccountRequest {
    serde_json::from_value(quote["terms"].clone()).unwrap()
}

/// The order of a quote, as `by` signs it.
fn signed(quote: &Value, by: &str) -> Value {
    let hash = terms(quote).hash(CHAIN_ID, &deployment()).unwrap();
    json!({ "quote": quote["quote"], "signature": key(by).sign(hash) })
}

async fn order(town: &Running, key: &str, body: Value) -> (StatusCode, Value) {
    town.post("heron", "/v1/exchange/orders", key, body).await
}

async fn last(town: &Running) -> Value {
    town.get("heron", "/v1/exchange/orders?limit=1").await["items"][0].clone()
}

#[actix_web::test]
async fn francs_become_euros_at_the_quoted_rate_and_both_journals_say_so() {
    let mut town = town("500").await;
    let quote = quoted(&town, "50").await;
    // 50 x 1.063829787 x 0.995 = 52.92553190325
    assert_eq!((&quote["given"], &quote["taken"]), (&json!("50"), &json!("52.925531903")));
    assert_eq!(quote["expires_at"], town.now.plus_seconds(120).to_string());
    let (status, sent) = order(&town, "a", signed(&quote, "heron")).await;
    assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    let (_, again) = order(&town, "a", signed(&quote, "heron")).await;
    assert_eq!(again, sent);
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["52.925531903", "50"]);
    let done = last(&town).await;
    assert_eq!((&done["state"], &done["quote"]), (&json!("done"), &quote["quote"]));
    assert_eq!((&done["from"], &done["to"]), (&json!("CHF"), &json!("EUR")));
    let rates = town.get("operator", "/v1/exchange-rates").await;
    let dealer = rates["dealer"].as_str().unwrap();
    let wallet = town.get("operator", &format!("/v1/wallet?account={dealer}")).await;
    let balances = &wallet["balances"];
    assert_eq!(balances[0]["free"], "447.074468097");
    assert_eq!(balances[1]["free"], "50");
    assert_eq!(rates["rates"][0]["left"], "447.074468097", "less than the limit leaves");
    for (query, change) in [("", "52.925531903"), ("&currency=CHF", "-50")] {
        let statement = town.get("heron", &format!("/v1/statement?limit=1{query}")).await;
        let item = &statement["items"][0];
        assert_eq!((&item["what"], &item["change"]), (&json!("transferred"), &json!(change)));
    }
    both_in_order(&town).await;

    // A block that leaves takes both back.
    town.node.take_back();
    town.carry().await;
    assert_eq!(free(&town, "heron").await, ["0", "100"]);
    town.node.bring_again();
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["52.925531903", "50"]);
    both_in_order(&town).await;
}

#[actix_web::test]
async fn a_quote_is_used_once_in_time_and_by_whom_it_was_given_to() {
    let mut town = town("500").await;
    let quote = quoted(&town, "10").await;
    let body = signed(&quote, "heron");
    let (status, _) = town.post("otter", "/v1/exchange/orders", "o", body.clone()).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "it was not given to otter");
    let (_, problem) = order(&town, "a", signed(&quote, "otter")).await;
    assert_eq!(problem["code"], "NOT_SIGNED");
    let nothing =
        json!({ "quote": format!("0x{}", "07".repeat(32)), "signature": body["signature"] });
    assert_eq!(order(&town, "a", nothing).await.0, StatusCode::NOT_FOUND);
    let bad = json!({ "quote": quote["quote"], "signature": "0x12" });
    // A wallet that is a contract may sign by any bytes; this account is none.
    assert_eq!(order(&town, "a", bad).await.1["code"], "NOT_SIGNED");

    // Under its key it is what it was, under another one it is a conflict.
    assert_eq!(order(&town, "a", body.clone()).await.0, StatusCode::CREATED);
    assert_eq!(order(&town, "b", body.clone()).await.0, StatusCode::CONFLICT);
    let other = quoted(&town, "10").await;
    assert_eq!(order(&town, "a", signed(&other, "heron")).await.0, StatusCode::CONFLICT);
    town.settle().await;
    let before = free(&town, "heron").await;

    // Not in time: neither here, nor on the chain whoever sends it.
    town.move_to(town.now.plus_seconds(106));
    let (_, problem) = order(&town, "c", signed(&other, "heron")).await;
    assert_eq!(problem["code"], "EXPIRED");
    town.move_to(town.now.plus_seconds(15));
    town.node.let_fail();
    let terms = terms(&other);
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    let signature = key("heron").sign(hash).as_bytes().to_vec().into();
    let Call { to, data } = terms.call(&deployment(), signature).unwrap();
    town.node.call(authority(), Call { to, data });
    town.settle().await;
    assert_eq!(free(&town, "heron").await, before);
    // The one that was made is answered under its key for ever.
    let (status, done) = order(&town, "a", body).await;
    assert_eq!((status, &done["state"]), (StatusCode::CREATED, &json!("done")));
    both_in_order(&town).await;
}

#[actix_web::test]
async fn who_sends_a_quote_itself_has_made_it() {
    let mut town = town("500").await;
    let quote = quoted(&town, "10").await;
    let of = terms(&quote);
    let hash = of.hash(CHAIN_ID, &deployment()).unwrap();
    let signature = key("heron").sign(hash).as_bytes().to_vec().into();
    town.node.let_fail();
    town.node.call(authority(), of.call(&deployment(), signature).unwrap());
    // Ours comes second, in the same block, and fails: it was made all the same.
    assert_eq!(order(&town, "a", signed(&quote, "heron")).await.0, StatusCode::CREATED);
    town.settle().await;
    let done = last(&town).await;
    assert_eq!((&done["state"], done.get("reason")), (&json!("done"), None), "{done}");
    assert_eq!(free(&town, "heron").await[1], "90");
    assert_eq!(town.audit().await["transactions_refused"], 1);
}

#[actix_web::test]
async fn nothing_is_offered_that_one_of_both_does_not_have() {
    let mut town = town("0").await;
    let code = async |town: &Running, who: &str, amount: &str| {
        let (status, problem) = ask(town, who, amount).await;
        assert!(status.is_client_error(), "{amount}: {problem}");
        problem["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&town, "heron", "1").await, "DEALER_CASH");
    fund(&mut town, "EUR", "50").await;
    for (who, amount, expected) in [
        ("heron", "0", "AMOUNT"),
        ("heron", "-1", "AMOUNT"),
        ("heron", "x", "MALFORMED"),
        ("heron", "10000001", "AMOUNT"),
        ("heron", "100.000000001", "NOT_ENOUGH_FREE"),
        ("otter", "1", "NOT_ENOUGH_FREE"),
        ("operator", "1", "FORBIDDEN"),
        ("heron", "48", "DEALER_CASH"),
    ] {
        assert_eq!(code(&town, who, amount).await, expected, "{who} {amount}");
    }
    // What stands binds the dealer: of its 50 euros 20 francs take 21.17, and 20 more.
    let first = quoted(&town, "20").await;
    quoted(&town, "20").await;
    assert_eq!(code(&town, "heron", "8").await, "DEALER_CASH");
    quoted(&town, "7").await;
    assert_eq!(code(&town, "heron", "0.1").await, "QUOTES_OPEN");
    // Whoever spends the cash meanwhile does not get the other either.
    let transfer = json!({
        "kind": "transfer", "to": OTTER.account().to_string(), "amount": "90", "currency": "CHF",
    });
    let (_, prepared) = town.post("heron", "/v1/requests/prepare", "", transfer).await;
    let spent: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = spent.hash(CHAIN_ID, &deployment()).unwrap();
    let body = json!({ "terms": spent, "signature": key("heron").sign(hash) });
    assert_eq!(town.post("heron", "/v1/requests", "t", body).await.0, StatusCode::CREATED);
    let (_, problem) = order(&town, "a", signed(&first, "heron")).await;
    assert_eq!(problem["code"], "NOT_ENOUGH_FREE");
    town.settle().await;
    // An expired offer binds nobody any more.
    town.move_to(town.now.plus_seconds(120 + 60 + 1));
    quoted(&town, "10").await;
    both_in_order(&town).await;
}

#[actix_web::test]
async fn the_limit_of_a_rate_bounds_all_that_is_given_at_it() {
    let mut town = town("500").await;
    rate(&town, "CHF/EUR", 1_000_000_000, "30").await;
    let (_, problem) = ask(&town, "heron", "31").await;
    assert_eq!(problem["code"], "EXCHANGE_LIMIT");
    let quote = quoted(&town, "20").await;
    assert_eq!(quote["taken"], "19.9");
    order(&town, "a", signed(&quote, "heron")).await;
    town.settle().await;
    let (_, problem) = ask(&town, "heron", "11").await;
    assert_eq!(problem["code"], "EXCHANGE_LIMIT", "what is made counts, however long ago");
    town.move_to(town.now.plus_seconds(3600));
    let (_, problem) = ask(&town, "heron", "11").await;
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("EXCHANGE_LIMIT"), &json!("10.1 EUR is left"))
    );
    // A quote stands though its rate is followed by another, which has its own limit.
    let stands = quoted(&town, "10").await;
    let rates = rate(&town, "CHF/EUR", 2_000_000_000, "100").await;
    assert_eq!(rates["rates"][0]["left"], "100");
    assert_eq!(order(&town, "b", signed(&stands, "heron")).await.0, StatusCode::CREATED);
    town.settle().await;
    assert_eq!(last(&town).await["taken"], "9.95");
    rate(&town, "CHF/EUR", 2_000_000_000, "0").await;
    let (_, problem) = ask(&town, "heron", "1").await;
    assert_eq!(problem["code"], "NO_RATE");
    let history = town.get("heron", "/v1/exchange-rates/CHF/EUR?limit=2").await;
    let limits: Vec<_> = history["items"].as_array().unwrap().iter().collect();
    assert_eq!((&limits[0]["limit"], &limits[1]["limit"]), (&json!("0"), &json!("100")));
    assert!(limits[0].get("set_by").is_none() && limits[0].get("left").is_none());
    let next = history["next"].as_str().unwrap();
    let path = format!("/v1/exchange-rates/CHF/EUR?cursor={next}");
    let older = town.get("operator", &path).await;
    assert_eq!(older["items"].as_array().unwrap().len(), 2);
    assert!(older["items"][0]["set_by"].is_string());
    both_in_order(&town).await;
}

#[actix_web::test]
async fn rates_are_set_by_staff_within_their_limits() {
    let town = town("0").await;
    let good = json!({ "rate": 1, "spread_bps": 0, "limit": "1" });
    for who in ["heron", "auditor"] {
        assert_eq!(put_rate(&town, who, "EUR/CHF", good.clone()).await.0, StatusCode::FORBIDDEN);
    }
    for (pair, field, value, code) in [
        ("EUR/EUR", "rate", json!(1), "MALFORMED"),
        ("EUR/USD", "rate", json!(1), "CURRENCY"),
        ("EUR/CHF", "rate", json!(0), "MALFORMED"),
        ("EUR/CHF", "rate", json!(1_000_000_000_000_001_u64), "MALFORMED"),
        ("EUR/CHF", "rate", json!(1.5), "MALFORMED"),
        ("EUR/CHF", "spread_bps", json!(5001), "MALFORMED"),
        ("EUR/CHF", "limit", json!("-1"), "MALFORMED"),
        ("EUR/CHF", "limit", json!("10000001"), "MALFORMED"),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let (_, problem) = put_rate(&town, "operator", pair, bad).await;
        assert_eq!(problem["code"], code, "{pair} {field} {problem}");
    }
    let currencies = town.get("heron", "/v1/currencies").await;
    let francs = &currencies[1];
    assert_eq!((&francs["code"], &francs["traded"]), (&json!("CHF"), &json!(false)));
    let market: Address = francs["market"].as_str().unwrap().parse().unwrap();
    assert_eq!(market, crate::town::francs().market);
    assert_eq!(currencies[0]["traded"], true);
}

#[actix_web::test]
async fn the_dealers_cash_leaves_by_two_of_the_staff_and_what_a_quote_binds_stays() {
    let mut town = town("50").await;
    // Of its 50 euros a quote of 20 francs may still take 21.17.
    quoted(&town, "20").await;
    let path = "/v1/exchange/dealer-transfers";
    let otter = OTTER.account().to_string();
    let wish = |account: &str, amount: &str| {
        let (currency, reason) = ("EUR", "surplus");
        json!({ "account": account, "amount": amount, "currency": currency, "reason": reason })
    };
    let dealer = town.get("operator", "/v1/exchange-rates").await["dealer"].clone();
    for (who, account, amount, code) in [
        ("heron", otter.as_str(), "1", "FORBIDDEN"),
        ("operator", otter.as_str(), "0", "AMOUNT"),
        ("operator", dealer.as_str().unwrap(), "1", "RECIPIENT"),
        ("operator", otter.as_str(), "29", "NOT_ENOUGH_FREE"),
    ] {
        let (_, problem) = town.post(who, path, "", wish(account, amount)).await;
        assert_eq!(problem["code"], code, "{who} {amount}: {problem}");
    }
    let (status, asked) = town.post("operator", path, "", wish(&otter, "28")).await;
    assert_eq!((status, &asked["state"]), (StatusCode::CREATED, &json!("open")), "{asked}");
    let decide = async |town: &Running, id: &Value, who: &str, how: &str| {
        let path = format!("{path}/{}/{how}", id.as_str().unwrap());
        town.post(who, &path, "", json!({})).await.1
    };
    let id = &asked["id"];
    assert_eq!(decide(&town, id, "operator", "approval").await["code"], "FOUR_EYES");
    let sent = decide(&town, id, "deputy", "approval").await;
    assert_eq!(sent["state"], "sent", "{sent}");
    assert_eq!(decide(&town, id, "deputy", "approval").await, sent, "once");
    assert_eq!(decide(&town, id, "deputy", "refusal").await["code"], "DECIDED");
    let (_, problem) = ask(&town, "heron", "1").await;
    assert_eq!(problem["code"], "DEALER_CASH", "what is on its way is not offered");
    town.settle().await;
    assert_eq!(free(&town, "otter").await, ["28", "0"]);
    let all = town.get("deputy", path).await;
    assert_eq!((&all["items"][0]["state"], &all["items"][0]["id"]), (&json!("done"), id));

    // What is refused moves nothing, and stays refused.
    let (_, asked) = town.post("deputy", path, "", wish(&otter, "0.5")).await;
    let refused = decide(&town, &asked["id"], "operator", "refusal").await;
    assert_eq!(refused["state"], "refused", "{refused}");
    assert_eq!(decide(&town, &asked["id"], "operator", "approval").await["code"], "DECIDED");
    town.settle().await;
    assert_eq!(free(&town, "otter").await, ["28", "0"]);
    both_in_order(&town).await;
}
