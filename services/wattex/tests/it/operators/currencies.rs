//! Francs beside euros: from the bank's file over the exchange to what everybody can check.

use alloy_primitives::Address;
use contracts::AccountRequest;
use reqwest::Client;
use serde_json::{Value, json};

use super::calls::Call;
use super::person::Person;
use super::town::{DEPOSIT, Town, key};

const EURO_IBAN: &str = "DE89370400440532013000";
const FRANC_IBAN: &str = "CH9300762011623852957";
/// 1e-9 of a euro for a franc, and what the dealer keeps in 1e-4.
const RATE: u64 = 1_063_829_787;
const SPREAD_BPS: u64 = 50;
/// What is exchanged, in 1e-9 of a franc.
const GIVEN: u64 = 60_000_000_000;

/// A statement of the account in francs: a credit of 100 for each reference.
fn statement(references: &[&str]) -> String {
    let entry = |(number, reference): (usize, &&str)| {
        format!(
            "<Ntry><Amt Ccy=\"CHF\">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-06-01</Dt></BookgDt>\
             <AcctSvcrRef>F{number}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf>\
             <Ustrd>{reference}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    };
    let balance = |code: &str, amount: usize| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>\
             <Amt Ccy=\"CHF\">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>"
        )
    };
    let entries: String = references.iter().enumerate().map(entry).collect();
    let (open, close) = (balance("OPBD", 0), balance("CLBD", 100 * references.len()));
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt>\
         <Id>S</Id><Acct><Id><IBAN>{FRANC_IBAN}</IBAN></Id><Ccy>CHF</Ccy></Acct>\
         {open}{close}{entries}</Stmt></BkToCstmrStmt></Document>"
    )
}

/// What the contracts say somebody has free, of euros and of francs.
async fn on_chain(town: &Town, address: Address) -> [u64; 2] {
    let currencies = town.get("/v1/currencies", &town.clerk).await;
    let euros = town.place.free(address);
    let market: Address = currencies[1]["market"].as_str().unwrap().parse().unwrap();
    let francs = Call { to: market, data: euros.data.clone() };
    [town.number(&euros).await, town.number(&francs).await]
}

/// What the journals say.
async fn in_the_books(town: &Town, account: &str) -> [u64; 2] {
    let wallet = town.get(&format!("/v1/wallet?account={account}"), &town.clerk).await;
    [0, 1].map(|place: usize| {
        let free: units::Decimal =
            wallet["balances"][place]["free"].as_str().unwrap().parse().unwrap();
        u64::try_from(free.to_scale(9).unwrap()).unwrap()
    })
}

/// Takes a statement of a bank; what became of it.
async fn import(town: &Town, statement: String) -> Value {
    let url = format!("{}/v1/bank/statements", town.node.url());
    let request = Client::new().post(url).bearer_auth(&town.clerk);
    let request = request.header("Content-Type", "application/xml").body(statement);
    let response = request.send().await.unwrap();
    let (status, report) = (response.status(), response.json::<Value>().await.unwrap());
    assert!(status.is_success(), "{report}");
    report
}

async fn quoted(town: &Town, person: &Person, amount: &str) -> Value {
    let wish = json!({ "from": "CHF", "to": "EUR", "amount": amount });
    town.made("/v1/exchange/quotes", &person.token, &wish).await
}

/// Signs the quote with the key that is held, or with one's own.
async fn ordered(town: &Town, person: &Person, quote: &Value) -> Value {
    let signature = match &person.own {
        Some(key) => {
            let terms: AccountRequest = serde_json::from_value(quote["terms"].clone()).unwrap();
            let hash = terms.hash(town.place.chain_id, &town.place.at).unwrap();
            json!(key.sign(hash))
        }
        None => {
            let path = "/v1/signatures/request";
            let (status, signed) = town.post(path, &person.token, &quote["terms"]).await;
            assert!(status.is_success(), "{signed}");
            signed["signature"].clone()
        }
    };
    let order = json!({ "quote": quote["quote"], "signature": signature });
    town.made("/v1/exchange/orders", &person.token, &order).await
}

#[tokio::test(flavor = "multi_thread")]
async fn francs_from_the_bank_become_euros_and_everybody_sees_that_it_adds_up() {
    let mut town = Town::start().await;
    let (ada, bo) = (town.join("ada", false).await, town.join("bo", true).await);
    for (iban, currency) in [(EURO_IBAN, "EUR"), (FRANC_IBAN, "CHF")] {
        let account = json!({ "iban": iban, "holder": "Wattex Town", "currency": currency });
        town.put("/v1/bank/account", &town.clerk, &account).await;
    }
    let rate = json!({ "rate": RATE, "spread_bps": SPREAD_BPS, "limit": "500" });
    let rates = town.put("/v1/exchange-rates/CHF/EUR", &town.clerk, &rate).await;
    let dealer = rates["dealer"].as_str().unwrap().to_owned();
    let funds = json!({ "account": dealer, "amount": "200", "currency": "EUR" });
    town.made("/v1/deposits", &town.clerk, &funds).await;
    let mut references = Vec::new();
    for person in [&ada, &bo] {
        let wallet = town.get("/v1/wallet", &person.token).await;
        references.push(wallet["reference"].as_str().unwrap().to_owned());
    }
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let report = import(&town, statement(&references)).await;
    assert_eq!(report["payments"][1]["outcome"], "credited", "{report}");
    town.pass(60).await;
    let francs = 100_000_000_000;
    for person in [&ada, &bo] {
        assert_eq!(on_chain(&town, person.address).await, [DEPOSIT, francs]);
    }

    let exact = u128::from(GIVEN) * u128::from(RATE) * u128::from(10_000 - SPREAD_BPS);
    let taken = u64::try_from(exact / 10_000_000_000_000).unwrap();
    for person in [&ada, &bo] {
        let quote = quoted(&town, person, "60").await;
        ordered(&town, person, &quote).await;
    }
    town.pass(60).await;
    let dealer_address: Address = rates["dealer_address"].as_str().unwrap().parse().unwrap();
    let everybody = [
        (ada.account.to_string(), ada.address),
        (bo.account.to_string(), bo.address),
        (dealer, dealer_address),
    ];
    for (account, address) in &everybody {
        assert_eq!(on_chain(&town, *address).await, in_the_books(&town, account).await);
    }
    for person in [&ada, &bo] {
        let [euros, left] = on_chain(&town, person.address).await;
        assert_eq!(left, francs - GIVEN);
        assert_eq!(euros, DEPOSIT + taken);
        let orders = town.get("/v1/exchange/orders", &person.token).await;
        assert_eq!(orders["items"][0]["state"], "done", "{orders}");
    }
    assert_eq!(on_chain(&town, dealer_address).await[1], 2 * GIVEN);
    add_up(&town, ["300", "200"]).await;

    // Time passes, the quote does not wait.
    let late = quoted(&town, &bo, "30").await;
    town.pass(120).await;
    let body = json!({ "quote": late["quote"], "signature": key("bo").sign(Default::default()) });
    assert_eq!(town.refusal("/v1/exchange/orders", &bo.token, &body).await, "EXPIRED");
    town.stop().await;
}

/// What everybody is shown of both currencies: bank, tokens, market and debts are one figure.
async fn add_up(town: &Town, sums: [&str; 2]) {
    let reserve = town.get("/v1/reserve", "").await;
    for (place, (code, sum)) in ["EUR", "CHF"].into_iter().zip(sums).enumerate() {
        let of = &reserve["reserves"][place];
        assert_eq!((&of["currency"], &of["equal"]), (&json!(code), &json!(true)), "{reserve}");
        for figure in ["bank", "supply", "market_holds", "owed"] {
            assert_eq!(of[figure], sum, "{figure} {reserve}");
        }
        assert_eq!(of["journal"]["checked"]["violations"], 0);
    }
    let auditor = town.staff("auditor").await;
    let audit = town.get("/v1/audit?full=true", &auditor).await;
    assert_eq!(audit["violations"], json!([]), "{audit}");
    assert_eq!(audit["currencies"][0]["violations"], json!([]), "{audit}");
    assert_eq!(audit["transactions_refused"], 0);
}
