//! Accounts that are contracts (ERC-1271): they sign in, trade, send money and are paid out with
//! what they take as signed, and nobody else does in their name.

use alloy_primitives::{Address, B256, Bytes, eip191_hash_message, hex, keccak256};
use calendar::Timestamp;
use chain::genesis::CREATE2_DEPLOYER;
use contracts::requests::{self, MeterEnrolment};
use contracts::{AccountRequest, PayoutTerms};
use ids::{AccountId, ConnectionPointId, MeterId};
use keys::SecretKey;
use serde_json::{Value, json};
use service::Principal;

use super::calls::{Call, Skip, Wish, settled, skips};
use super::person::Person;
use super::town::{DEPOSIT, Town, WITHDRAWAL_DELAY, key};
use super::{ASK, BID, WH, slot};
use crate::serving::Device;

/// A wallet that listens to one key and takes its signatures in 65 bytes (`Wallet` of
/// `contracts/test/support`), as the compiler wrote it.
const WALLET: &str = include_str!("../../../../../contracts/out/test/Wallet.json");
/// One that takes everything as signed until somebody calls it, and nothing afterwards.
const FICKLE: &str = "602b8060095f395ff3\
    5f3560e01c631626ba7e1460135760015f55005b5f54602757631626ba7e60e01b5f5260205ff35b5f5ff3";
/// The first slot whose book is not open when the town starts.
const FIRST: u64 = 40 * 4;
const SLOT_SECONDS: i64 = 900;
const IBAN: &str = "DE89370400440532013000";
const OWN_IBAN: &str = "NO9386011117947";

fn moment(number: u64) -> Timestamp {
    Timestamp::from_seconds(slot(number).cast_signed())
}

/// What a wallet takes: r, s and v.
fn long(key: &SecretKey, hash: B256) -> String {
    hex::encode_prefixed(key.sign(hash).to_rsv())
}

/// Makes a contract on the town's chain.
async fn deployed(town: &mut Town, code: &[u8]) -> Address {
    let (operator, salt) = (town.operator(), B256::ZERO);
    let data: Bytes = [salt.as_slice(), code].concat().into();
    town.sent(&operator, &Call { to: CREATE2_DEPLOYER, data }).await;
    CREATE2_DEPLOYER.create2_from_code(salt, code)
}

async fn wallet_of(town: &mut Town, owner: Address) -> Address {
    let artifact: Value = serde_json::from_str(WALLET).unwrap();
    let code = hex::decode(artifact["bytecode"].as_str().unwrap()).unwrap();
    deployed(town, &[&code[..], owner.into_word().as_slice()].concat()).await
}

/// Signs the contract at `address` up with what `owner` signs, with a connection point, a meter and
/// a deposit.
async fn join(town: &mut Town, name: &str, address: Address, owner: SecretKey) -> Person {
    let proof = async |town: &Town| {
        let challenge = town.made("/v1/challenges", "", &json!({ "address": address })).await;
        let message = challenge["message"].as_str().unwrap().to_owned();
        let signature = long(&owner, eip191_hash_message(&message));
        (challenge["nonce"].clone(), message, signature)
    };
    let (nonce, _, signature) = proof(town).await;
    let party = json!({
        "name": name, "email": format!("{name}@town.example"), "role": "prosumer",
        "own_key": { "address": address, "nonce": nonce, "signature": signature },
    });
    let party = town.made("/v1/parties", "", &party).await;
    let (_, message, signature) = proof(town).await;
    let grant = json!({ "grant": "signature", "message": message, "signature": signature });
    let (_, tokens) = town.post("/v1/tokens", "", &grant).await;
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let point = ConnectionPointId::derived(name);
    let account: AccountId = party["account"]["account"].as_str().unwrap().parse().unwrap();
    let register = json!({
        "connection_point": point, "account": account, "zone": town.node.zone,
        "timezone": "Europe/Berlin", "import_max_w": 40_000, "export_max_w": 40_000,
    });
    town.made("/v1/connection-points", &town.admin, &register).await;
    let device = meter(town, name, (address, point), &owner).await;
    town.pass(5).await;
    let credit = json!({ "account": account, "amount": "50.00" });
    town.made("/v1/deposits", &town.clerk, &credit).await;
    town.pass(5).await;
    let principal = Principal {
        party: party["party"].as_str().unwrap().parse().unwrap(),
        account: Some(account),
        community: town.node.community,
        roles: vec![access::Role::Prosumer],
    };
    Person { account, address, point, token, principal, device, own: Some(owner) }
}

async fn meter(
    town: &Town,
    name: &str,
    (owner, connection_point): (Address, ConnectionPointId),
    by: &SecretKey,
) -> Device {
    let (meter, meter_key) = (MeterId::derived(name), key(&format!("{name}/meter")));
    let of = MeterEnrolment {
        meter,
        key: meter_key.address(),
        owner,
        installer: town.node.identity.installer(),
        connection_point,
        version: 1,
    };
    let hash = requests::enrolment(town.place.chain_id, town.place.at.meters, &of);
    let token = format!("the token of the meter of {name}");
    let new = json!({
        "meter": meter, "serial": format!("1EMH00{name}"), "connection_point": connection_point,
        "key": meter_key.address(), "token": token, "owner_signature": long(by, hash),
        "valid_from": town.now.plus_seconds(-3_600),
    });
    town.made("/v1/meters", &town.admin, &new).await;
    Device { meter, key: meter_key, token }
}

/// Places an order under which this stands; the code of the refusal where it is refused.
async fn place(
    town: &Town,
    token: &str,
    wish: Wish,
    sign: impl FnOnce(B256) -> String,
) -> Result<Value, String> {
    let terms = town.place.terms(wish);
    let hash = terms.hash(town.place.chain_id, town.place.at.market);
    let body = json!({ "order": terms, "signature": sign(hash) });
    let (status, answer) = town.post("/v1/orders", token, &body).await;
    let code = || answer["code"].as_str().unwrap().to_owned();
    if status.is_success() { Ok(answer) } else { Err(code()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_signs_in_trades_sends_money_and_is_paid_out() {
    let mut town = Town::start().await;
    let owner = key("the owner of a safe");
    let address = wallet_of(&mut town, owner.address()).await;
    let safe = join(&mut town, "safe", address, owner).await;
    let noor = town.join("noor", true).await;
    assert_eq!(town.free(&safe).await, DEPOSIT, "its meter is enrolled, its deposit is there");
    it_trades(&mut town, &safe, &noor).await;
    it_sends_money(&mut town, &safe, &noor).await;
    it_is_paid_out(&mut town, &safe).await;
    town.books_are_covered().await;
    town.stop().await;
}

async fn it_trades(town: &mut Town, safe: &Person, noor: &Person) {
    town.pass_to(moment(FIRST).plus_seconds(-4 * 3_600)).await;
    let wish = safe.wish(true, slot(FIRST), WH, BID, 7);
    let wrong: [fn(B256) -> String; 3] = [
        |hash| long(&key("a stranger"), hash),
        |hash| key("the owner of a safe").sign(hash).to_string(),
        |_| "0x".to_owned(),
    ];
    for sign in wrong {
        assert_eq!(place(town, &safe.token, wish, sign).await, Err("SIG".to_owned()));
    }
    let too_long = |_| format!("0x{}", "11".repeat(1_025));
    assert_eq!(place(town, &safe.token, wish, too_long).await, Err("MALFORMED".to_owned()));
    // Nobody else has the contract asked.
    let signed = |hash| long(safe.key(), hash);
    assert_eq!(place(town, &noor.token, wish, signed).await, Err("ACCOUNT".to_owned()));
    place(town, &safe.token, wish, signed).await.unwrap();
    let sell = town.place.signed(noor.wish(false, slot(FIRST), WH, ASK, 7), noor.key());
    town.place(&noor.token, &sell).await.unwrap();
    town.pass_to(moment(FIRST).plus_seconds(-SLOT_SECONDS + 60)).await;
    let history = town.history().await;
    assert_eq!((settled(&history), skips(&history)), (1, vec![]));
    assert!(town.free(safe).await < DEPOSIT);
    // The journal shows what only the chain can judge.
    let path = format!("/v1/slots/{}/journal", moment(FIRST));
    let journal = town.get(&path, &noor.token).await;
    let of_contract = journal["orders"].as_array().unwrap().iter();
    let of_contract = of_contract.filter(|order| order["signature"]["contract"].is_string());
    assert_eq!(of_contract.count(), 1, "{journal}");
    let journal = serde_json::from_value(journal).unwrap();
    let posted = town.place.cleared(slot(FIRST), &history).posted.clearing;
    let same = market::domain::recompute(&journal, &posted).unwrap();
    assert_eq!((same.orders, same.of_contracts, same.fills), (2, 1, 1));
}

async fn it_sends_money(town: &mut Town, safe: &Person, noor: &Person) {
    let wish = json!({ "kind": "transfer", "to": noor.account.to_string(), "amount": "1.5" });
    let (_, prepared) = town.post("/v1/requests/prepare", &safe.token, &wish).await;
    let terms: AccountRequest = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let hash = terms.hash(town.place.chain_id, &town.place.at).unwrap();
    let body = |signature: String| json!({ "terms": terms, "signature": signature });
    let strange = body(long(&key("a stranger"), hash));
    assert_eq!(town.refusal("/v1/requests", &safe.token, &strange).await, "NOT_SIGNED");
    let before = town.free(noor).await;
    town.made("/v1/requests", &safe.token, &body(long(safe.key(), hash))).await;
    town.pass(10).await;
    assert_eq!(town.free(noor).await, before + 1_500_000_000);
}

async fn it_is_paid_out(town: &mut Town, safe: &Person) {
    let bank = json!({ "iban": IBAN, "holder": "Town", "currency": "EUR" });
    town.put("/v1/bank/account", &town.clerk, &bank).await;
    let wish = json!({ "amount": "20", "creditor": "Safe Keepers", "iban": OWN_IBAN });
    let (_, prepared) = town.post("/v1/payouts/prepare", &safe.token, &wish).await;
    let terms: PayoutTerms = serde_json::from_value(prepared["terms"].clone()).unwrap();
    let (chain, at) = (town.place.chain_id, town.place.at);
    let withdrawal = terms.withdrawal_hash(chain, at.market).unwrap();
    let redemption = terms.redemption_hash(chain, at.token).unwrap();
    let body = |redeemed: String| {
        json!({
            "amount": terms.amount, "creditor": terms.creditor, "iban": terms.iban,
            "salt": terms.salt, "expiry": terms.expiry, "redemption_signature": redeemed,
            "withdrawal_signature": long(safe.key(), withdrawal),
        })
    };
    // What was signed for something else is not signed for this.
    let wrong = body(long(safe.key(), withdrawal));
    assert_eq!(town.refusal("/v1/payouts", &safe.token, &wrong).await, "NOT_SIGNED");
    let right = body(long(safe.key(), redemption));
    let payout = town.made("/v1/payouts", &safe.token, &right).await;
    // The delay runs from the block that has the request.
    town.pass(60).await;
    town.pass(WITHDRAWAL_DELAY + 600).await;
    town.pass(60).await;
    let path = format!("/v1/payouts/{}", payout["id"].as_str().unwrap());
    assert_eq!(town.get(&path, &safe.token).await["state"], "redeemed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_changes_its_mind_loses_its_fill_and_nothing_else() {
    let mut town = Town::start().await;
    let address = deployed(&mut town, &hex::decode(FICKLE).unwrap()).await;
    let fickle = join(&mut town, "fickle", address, key("anybody")).await;
    let noor = town.join("noor", true).await;
    town.pass_to(moment(FIRST).plus_seconds(-4 * 3_600)).await;
    let wish = fickle.wish(true, slot(FIRST), WH, BID, 7);
    let blob = |hash: B256| keccak256(hash).to_string();
    place(&town, &fickle.token, wish, blob).await.unwrap();
    let sell = town.place.signed(noor.wish(false, slot(FIRST), WH, ASK, 7), noor.key());
    town.place(&noor.token, &sell).await.unwrap();
    let operator = town.operator();
    town.sent(&operator, &Call { to: address, data: Bytes::from_static(&[1]) }).await;
    let late = place(&town, &fickle.token, fickle.wish(true, slot(FIRST + 1), WH, BID, 8), blob);
    assert_eq!(late.await, Err("SIG".to_owned()), "it takes nothing any more");
    town.pass_to(moment(FIRST).plus_seconds(-SLOT_SECONDS + 60)).await;
    let history = town.history().await;
    assert_eq!((settled(&history), skips(&history)), (0, vec![Skip::BuyerSignature]));
    assert_eq!(town.free(&fickle).await, DEPOSIT);
    assert_eq!(town.free(&noor).await, DEPOSIT);
    town.stop().await;
}
