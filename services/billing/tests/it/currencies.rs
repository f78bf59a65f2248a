//! Two currencies in one installation: each with its own journal, bank account, tokens and market.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use contracts::AccountRequest;
use serde_json::{Value, json};
use units::Money;

use crate::payouts::scene;
use crate::service::Running;
use crate::town::*;

const FRANC_IBAN: &str = "CH9300762011623852957";

/// A deposit as the operator says it.
pub async fn deposit(town: &mut Running, home: Home, amount: &str, currency: &str) {
    let body = json!({
        "account": home.account().to_string(), "amount": amount, "currency": currency,
    });
    let key = format!("{currency} {amount} {}", home.0);
    let (status, answer) = town.post("operator", "/v1/deposits", &key, body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    town.settle().await;
}

/// What somebody has free of euros and of francs.
pub async fn free(town: &Running, who: &str) -> [String; 2] {
    let wallet = town.get(who, "/v1/wallet").await;
    let balances = wallet["balances"].as_array().unwrap();
    let codes: Vec<_> = balances.iter().map(|one| one["currency"].as_str().unwrap()).collect();
    assert_eq!(codes, ["EUR", "CHF"]);
    [0, 1].map(|place: usize| balances[place]["free"].as_str().unwrap().to_owned())
}

/// Both journals are in order, and what the market contracts hold is what they owe.
pub async fn both_in_order(town: &Running) -> Value {
    let audit = town.in_order().await;
    let francs = &audit["currencies"][0];
    assert_eq!((&francs["currency"], &francs["violations"]), (&json!("CHF"), &json!([])));
    assert_eq!(francs["suspense"], "0");
    let reserve = town.get("heron", "/v1/reserve").await;
    for (place, code) in ["EUR", "CHF"].into_iter().enumerate() {
        let of = &reserve["reserves"][place];
        assert_eq!((&of["currency"], &of["equal"]), (&json!(code), &json!(true)), "{reserve}");
    }
    audit
}

#[actix_web::test]
async fn a_deposit_is_of_its_currency_and_touches_no_other_journal() {
    let mut town = Running::start().await;
    town.found().await;
    deposit(&mut town, HERON, "25", "EUR").await;
    deposit(&mut town, HERON, "40.5", "CHF").await;
    assert_eq!(free(&town, "heron").await, ["25", "40.5"]);
    let wallet = town.get("heron", "/v1/wallet?currency=CHF").await;
    assert_eq!((&wallet["currency"], &wallet["free"]), (&json!("CHF"), &json!("40.5")));
    assert_eq!(town.get("heron", "/v1/wallet").await["free"], "25", "as it always was");
    for (query, change) in [("", "25"), ("?currency=CHF", "40.5")] {
        let statement = town.get("heron", &format!("/v1/statement{query}")).await;
        let items = statement["items"].as_array().unwrap();
        assert_eq!((items.len(), &items[0]["change"]), (1, &json!(change)));
    }
    let audit = both_in_order(&town).await;
    assert_eq!((&audit["entries"], &audit["balances"]["1000"]), (&json!(2), &json!("25")));
    let francs = &audit["currencies"][0];
    assert_eq!((&francs["entries"], &francs["balances"]["1000"]), (&json!(2), &json!("40.5")));
    let reserve = town.get("heron", "/v1/reserve").await;
    let figures = |place: usize| {
        let of = &reserve["reserves"][place];
        ["bank", "supply", "market_holds", "owed"].map(|name| of[name].as_str().unwrap())
    };
    assert_eq!((figures(0), figures(1)), (["25"; 4], ["40.5"; 4]));
    assert_ne!(reserve["reserves"][0]["journal"], reserve["reserves"][1]["journal"]);

    // Both survive a restart, and a block that leaves and comes again.
    let mut town = town.restarted().await;
    town.node.take_back();
    town.carry().await;
    assert_eq!(free(&town, "heron").await, ["25", "0"]);
    town.node.bring_again();
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["25", "40.5"]);
    both_in_order(&town).await;
}

#[actix_web::test]
async fn a_currency_that_is_not_there_and_a_key_of_another_are_refused() {
    let mut town = Running::start().await;
    town.found().await;
    let heron = HERON.account().to_string();
    let body = |currency| json!({ "account": heron, "amount": "5", "currency": currency });
    for currency in ["USD", "chf", ""] {
        let (status, problem) = town.post("operator", "/v1/deposits", "a", body(currency)).await;
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("CURRENCY")), "{currency}");
    }
    let (status, _) = town.post("operator", "/v1/deposits", "a", body("CHF")).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = town.post("operator", "/v1/deposits", "a", body("EUR")).await;
    assert_eq!(status, StatusCode::CONFLICT, "the payment was francs");
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["0", "5"]);
    let request = TestRequest::get().uri("/v1/wallet?currency=USD");
    assert_eq!(town.ask(request, "heron").await.0, StatusCode::UNPROCESSABLE_ENTITY);

    // A payment of francs makes no euros, whatever the minter does.
    let payment = alloy_primitives::keccak256(format!("{}/a", community()));
    let minter = deployment().mint(authority(), Money::from_n(5_000_000_000), payment).unwrap();
    let role = contracts::role("MINTER");
    let grant = contracts::bindings::SettlementToken::grantRoleCall { role, account: authority() };
    let data = contracts::SolCall::abi_encode(&grant).into();
    town.node.call(authority(), contracts::Call { to: minter.to, data });
    town.node.call(authority(), minter);
    town.settle().await;
    let reserve = town.get("heron", "/v1/reserve").await;
    assert_eq!(reserve["reserves"][0]["difference"]["supply_bank"], "5000000000");
    assert_eq!(reserve["reserves"][1]["equal"], true);
}

#[actix_web::test]
async fn a_transfer_of_francs_moves_francs() {
    let mut town = Running::start().await;
    town.found().await;
    deposit(&mut town, HERON, "25", "EUR").await;
    deposit(&mut town, HERON, "10", "CHF").await;
    let wish = |amount: &str| {
        json!({
            "kind": "transfer", "to": OTTER.account().to_string(), "amount": amount,
            "currency": "CHF",
        })
    };
    let mut send = async |key: &str, amount: &str| {
        let (_, prepared) = town.post("heron", "/v1/requests/prepare", "", wish(amount)).await;
        let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
        assert_eq!(terms.kind(), "currency_transfer");
        let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
        let signature = crate::town::key("heron").sign(hash);
        let body = json!({ "terms": terms, "signature": signature });
        let answer = town.post("heron", "/v1/requests", key, body).await;
        town.settle().await;
        answer
    };
    let (_, problem) = send("a", "11").await;
    assert_eq!(problem["code"], "NOT_ENOUGH_FREE", "of euros there would be enough");
    let (status, sent) = send("b", "7").await;
    assert_eq!(status, StatusCode::CREATED, "{sent}");
    assert_eq!(free(&town, "heron").await, ["25", "3"]);
    assert_eq!(free(&town, "otter").await, ["0", "7"]);
    both_in_order(&town).await;

    // The market of no currency.
    let (_, prepared) = town.post("heron", "/v1/requests/prepare", "", wish("1")).await;
    let mut terms = prepared["terms"].clone();
    terms["market"] = json!(authority());
    let elsewhere: AccountRequest = serde_json::from_value(terms).unwrap();
    let hash = elsewhere.hash(CHAIN_ID, &deployment()).unwrap();
    let body = json!({ "terms": elsewhere, "signature": key("heron").sign(hash) });
    let (status, problem) = town.post("heron", "/v1/requests", "c", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
}

async fn put_account(town: &Running, iban: &str, currency: &str) -> (StatusCode, Value) {
    let account = json!({ "iban": iban, "holder": "Wattex Town", "currency": currency });
    let request = TestRequest::put().uri("/v1/bank/account").set_json(account);
    let (status, body) = town.ask(request, "operator").await;
    (status, serde_json::from_slice(&body).unwrap())
}

async fn import(town: &Running, statement: String) -> Value {
    let request = TestRequest::post()
        .uri("/v1/bank/statements")
        .insert_header(("Content-Type", "application/xml"))
        .set_payload(statement);
    let (status, body) = town.ask(request, "operator").await;
    let report: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK, "{report}");
    report
}

/// The statement of an account in francs.
fn in_francs(statement: &str) -> String {
    statement.replace(scene::IBAN, FRANC_IBAN).replace("EUR", "CHF")
}

#[actix_web::test]
async fn each_currency_has_its_bank_account_and_statements() {
    let mut town = Running::start().await;
    town.found().await;
    assert_eq!(put_account(&town, scene::IBAN, "EUR").await.0, StatusCode::OK);
    let (status, problem) = put_account(&town, scene::IBAN, "CHF").await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("BANK_ACCOUNT_TAKEN")));
    assert_eq!(put_account(&town, FRANC_IBAN, "CHF").await.0, StatusCode::OK);
    let known = town.get("heron", "/v1/bank/account?currency=CHF").await;
    assert_eq!(known["iban"], FRANC_IBAN);
    assert_eq!(town.get("heron", "/v1/bank/account").await["iban"], scene::IBAN);

    let mut statement = include_str!("statement.xml").to_owned();
    for (place, who) in [("{HERON}", "heron"), ("{OTTER}", "otter")] {
        let wallet = town.get(who, "/v1/wallet").await;
        statement = statement.replace(place, wallet["reference"].as_str().unwrap());
    }
    import(&town, in_francs(&statement)).await;
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["0", "25"]);
    assert_eq!(free(&town, "otter").await, ["0", "20"]);
    // The same statement of the other account is other payments.
    import(&town, statement.clone()).await;
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["25", "25"]);
    import(&town, in_francs(&statement)).await;
    town.settle().await;
    assert_eq!(free(&town, "heron").await, ["25", "25"]);

    // What nobody was credited with is francs when it is assigned.
    let waiting = town.get("operator", "/v1/bank/unmatched").await;
    let mut items = waiting["items"].as_array().unwrap().iter();
    let francs = items.find(|one| one["currency"] == "CHF").unwrap();
    let path = format!("/v1/bank/unmatched/{}", francs["id"]);
    let to = json!({ "account": OTTER.account().to_string() });
    assert_eq!(town.post("operator", &path, "", to).await.0, StatusCode::CREATED);
    town.settle().await;
    assert_eq!(free(&town, "otter").await, ["20", "35"]);
    both_in_order(&town).await;
}

#[actix_web::test]
async fn a_payout_of_francs_is_paid_from_the_bank_account_in_francs() {
    let mut town = scene::town().await;
    assert_eq!(put_account(&town, FRANC_IBAN, "CHF").await.0, StatusCode::OK);
    deposit(&mut town, HERON, "25", "CHF").await;
    let wish = json!({
        "amount": "20", "creditor": "Hanna Heron", "iban": scene::OWN_IBAN, "currency": "CHF",
    });
    let (_, prepared) = town.post("heron", "/v1/payouts/prepare", "", wish).await;
    assert_eq!(prepared["currency"], "CHF", "{prepared}");
    let terms = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let (status, francs) = town.post("heron", "/v1/payouts", "chf", scene::sign(&terms)).await;
    assert_eq!((status, &francs["currency"]), (StatusCode::CREATED, &json!("CHF")), "{francs}");
    let francs = francs["id"].as_str().unwrap().to_owned();
    let euros = scene::request(&town, "20", "eur").await;
    town.settle().await;
    scene::wait(&mut town).await;
    for payout in [&francs, &euros] {
        assert_eq!(scene::state(&town, payout).await, "redeemed");
    }
    assert_eq!(free(&town, "heron").await, ["5", "5"]);
    both_in_order(&town).await;

    let path = "/v1/payouts/files?currency=CHF";
    let (status, file) = town.post("operator", path, "f", json!(null)).await;
    assert_eq!(status, StatusCode::CREATED, "{file}");
    assert_eq!((&file["currency"], &file["payments"]), (&json!("CHF"), &json!(1)));
    let (status, _) = scene::make_file(&town, "operator", "f").await;
    assert_eq!(status, StatusCode::CONFLICT, "the order was of francs");
    assert_eq!(scene::state(&town, &euros).await, "redeemed", "it waits for an order of its own");

    // Paid out of the account in euros it is not the payout.
    let line = ('D', "20.00", "B1", scene::named(&town, &francs).await, "");
    let lines = [(line.0, line.1, line.2, line.3.as_str(), line.4)];
    let report = import(&town, scene::statement(&lines)).await;
    assert_eq!(report["payments"][0]["reason"], "CURRENCY", "{report}");
    let report = import(&town, in_francs(&scene::statement(&lines))).await;
    assert_eq!(report["payments"][0]["outcome"], "paid", "{report}");
    town.settle().await;
    assert_eq!(scene::state(&town, &francs).await, "paid");
    let audit = both_in_order(&town).await;
    assert_eq!(audit["currencies"][0]["balances"]["1000"], "5");
    assert_eq!(audit["balances"]["1000"], "25");
}
