//! The other side of a trade takes back what the operator reconciled too much, by its own hand.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use alloy_primitives::hex;
use calendar::Timestamp;
use serde_json::{Value, json};

use super::calls::{Cleared, LAST_RUN};
use super::fraud::{METERED, SLOT_SECONDS, moment, traded, windows};
use super::person::Person;
use super::slot;
use super::town::{DEPOSIT, Town};

/// Real time between two looks at the program while the town's time goes on.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// Runs `wattex challenge` of the real program beside the town, whose blocks come meanwhile.
async fn challenge(town: &mut Town, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wattex"))
        .arg("challenge")
        .args(arguments)
        .env_remove("WATTEX_TOKEN")
        .env_remove("WATTEX_KEY")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while program.try_wait().unwrap().is_none() {
        town.pass(1).await;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    program.wait_with_output().unwrap()
}

/// What the program prints as JSON, and its exit code.
async fn looked(town: &mut Town, arguments: &[&str]) -> (Value, Option<i32>) {
    let out = challenge(town, &[arguments, &["--json"]].concat()).await;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let json = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{said}"));
    (json, out.status.code())
}

fn key_file(folder: &Path, person: &Person) -> String {
    let path = folder.join("key");
    std::fs::write(&path, hex::encode(person.key().to_bytes())).unwrap();
    path.display().to_string()
}

fn cleared(town: &Town, history: &[super::calls::ContractEvent]) -> Cleared {
    town.place.cleared(slot(0), history)
}

/// A slot of which both meters show a fifth of what was traded; when corrections of it end.
async fn short_slot(town: &mut Town, mira: &Person, villain: &Person) -> Timestamp {
    let (begin, end) = (moment(slot(0)), moment(slot(0)).plus_seconds(SLOT_SECONDS));
    traded(town, mira, villain, 5 * METERED).await;
    town.pass_to(begin).await;
    town.read(mira, 1, begin, [0, 0]).await;
    town.read(villain, 1, begin, [0, 0]).await;
    town.pass_to(end).await;
    town.read(mira, 2, end, [METERED, 0]).await;
    town.read(villain, 2, end, [0, METERED]).await;
    let [corrected, _] = windows(&town.place, slot(0));
    town.pass_to(corrected.plus_seconds(-3_600)).await;
    corrected
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buyer_proves_with_the_command_what_the_seller_never_fed_in() {
    let mut town = Town::start().await;
    let (mira, villain) = (town.join("mira", true).await, town.join("villain", true).await);
    let stranger = town.join("stranger", true).await;
    town.seize(&[mira.address]).await;
    let operator = town.operator();
    let corrected = short_slot(&mut town, &mira, &villain).await;
    let history = town.history().await;
    let trade = cleared(&town, &history).trade().to_string();
    let (server, folder) = (town.node.url(), tempfile::tempdir().unwrap());
    let key = key_file(folder.path(), &mira);
    let with_key: [&str; 5] = [&trade, "--server", &server, "--key-file", &key];

    // The service is honest: the command says so, and sends nothing.
    let (found, code) = looked(&mut town, &[&with_key[..], &["--send"]].concat()).await;
    assert_eq!(code, Some(0), "{found}");
    for side in found["sides"].as_array().unwrap() {
        assert_eq!((&side["verdict"], &side["registered_wh"]), (&json!("fits"), &json!(METERED)));
        assert_eq!((&side["window"], &side["sent"]), (&json!("early"), &Value::Null));
    }
    let out = challenge(&mut town, &with_key).await;
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("FITS: no more was reconciled than the meter fed in"), "{said}");

    // The last word of the operator: all of it was delivered. Nobody can challenge it yet.
    let lie = cleared(&town, &history).reconcile(LAST_RUN, 5 * METERED);
    town.sent(&operator, &lie).await;
    let (found, code) = looked(&mut town, &with_key).await;
    let seller = &found["sides"][0];
    assert_eq!((code, &seller["verdict"]), (Some(17), &json!("excess")), "{found}");
    assert_eq!((&seller["side"], &seller["excess_wh"]), (&json!("sell"), &json!(4 * METERED)));
    assert_eq!(seller["window"], "early");
    town.pass_to(corrected.plus_seconds(1)).await;

    // Without a part in the trade there are no readings, and without a key nothing is sent.
    let out =
        challenge(&mut town, &[&trade, "--server", &server, "--token", &stranger.token]).await;
    assert_eq!(out.status.code(), Some(12), "{}", String::from_utf8_lossy(&out.stderr));
    let token = town.sign_in(mira.key()).await;
    let by_token: [&str; 5] = [&trade, "--server", &server, "--token", &token];
    let out = challenge(&mut town, &[&by_token[..], &["--send"]].concat()).await;
    assert_eq!(out.status.code(), Some(3));

    // What was fetched and written is good without the server.
    let [readings, call] = ["readings.json", "call.json"].map(|name| folder.path().join(name));
    let [readings, call] = [&readings, &call].map(|path| path.display().to_string());
    let keep = ["--save", readings.as_str(), "--out", call.as_str()];
    let out = challenge(&mut town, &[&by_token[..], &keep].concat()).await;
    assert_eq!(out.status.code(), Some(10));
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("EXCESS: 4000 Wh more than the meter fed in"), "{said}");
    let written: Value = serde_json::from_slice(&std::fs::read(&call).unwrap()).unwrap();
    assert_eq!(written["to"], json!(town.place.at.challenges));
    let rpc = format!("{server}/rpc");
    let alone: [&str; 5] = [&trade, "--rpc", &rpc, "--evidence", &readings];
    let (found, code) = looked(&mut town, &alone).await;
    assert_eq!((code, &found["sides"][0]["call"]["data"]), (Some(10), &written["data"]));

    // Her own key sends it: first against the seller's meter, then what is left against her own.
    let send = [&alone[..], &["--key-file", &key, "--send"]].concat();
    let (found, code) = looked(&mut town, &send).await;
    assert_eq!(code, Some(0), "{found}");
    for side in found["sides"].as_array().unwrap() {
        assert_eq!(
            (&side["verdict"], &side["sent"]["cut"]),
            (&json!("cut"), &json!(true)),
            "{side}"
        );
    }
    let now = cleared(&town, &town.history().await);
    assert_eq!(now.last(), Some(([METERED, 0, 0], contracts::RUN_CHALLENGED)));
    let (found, code) = looked(&mut town, &send).await;
    assert_eq!((code, &found["sides"][0]["verdict"]), (Some(0), &json!("fits")), "{found}");

    // The list and the books show it.
    let list = town.get("/v1/trade-challenges", &stranger.token).await;
    let listed: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    let sides: Vec<&Value> = listed.iter().map(|one| &one["side"]).collect();
    assert_eq!(sides, ["buy", "sell"], "{list}");
    assert_eq!(listed[1]["excess_wh"], 4 * METERED);
    let statement = town.get("/v1/statement", &mira.token).await;
    let items = statement["items"].as_array().unwrap();
    let runs = items.iter().filter(|item| item["what"] == "reconciled").count();
    assert_eq!(runs, 4, "the honest run, the lie and two cuts: {statement}");
    let [_, released] = windows(&town.place, slot(0));
    town.pass_to(released.plus_seconds(1)).await;
    for person in [&mira, &villain] {
        town.sent(&operator, &town.place.release(slot(0), person.address)).await;
    }
    let price = now.posted.clearing.price;
    assert_eq!(town.free(&mira).await, DEPOSIT - METERED * town.place.all_in(price));
    assert_eq!(town.free(&villain).await, DEPOSIT + METERED * town.place.net(price));
    town.books_are_covered().await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_ether_has_the_operator_send_it() {
    let mut town = Town::start().await;
    let (mira, villain) = (town.join("mira", true).await, town.join("villain", true).await);
    town.seize(&[]).await;
    let operator = town.operator();
    let corrected = short_slot(&mut town, &mira, &villain).await;
    let lie = cleared(&town, &town.history().await).reconcile(LAST_RUN, 5 * METERED);
    town.sent(&operator, &lie).await;
    town.pass_to(corrected.plus_seconds(1)).await;
    let (server, folder) = (town.node.url(), tempfile::tempdir().unwrap());
    let key = key_file(folder.path(), &mira);
    let (begin, point) = (moment(slot(0)).to_string(), villain.point.to_string());
    // By slot and connection point: the trade is found on the chain.
    let of_slot =
        ["--slot", &begin, "--connection-point", &point, "--server", &server, "--key-file", &key];
    let (found, code) = looked(&mut town, &[&of_slot[..], &["--send"]].concat()).await;
    let sent = &found["sides"][0]["sent"];
    assert_eq!((code, &sent["cut"]), (Some(10), &json!(false)), "she has no ether: {found}");
    let (found, code) = looked(&mut town, &[&of_slot[..], &["--relay"]].concat()).await;
    assert_eq!((code, &found["sides"][0]["verdict"]), (Some(0), &json!("cut")), "{found}");
    assert_eq!(found["sides"].as_array().unwrap().len(), 1, "only the meter that was asked about");
    let now = cleared(&town, &town.history().await);
    assert_eq!(now.last(), Some(([METERED, 4 * METERED, 0], contracts::RUN_CHALLENGED)));
    let list = town.get("/v1/trade-challenges", &villain.token).await;
    assert_eq!(list["items"][0]["excess_wh"], 4 * METERED, "{list}");
    // Too late, all that is left of it is to say so.
    let [_, released] = windows(&town.place, slot(0));
    town.pass_to(released.plus_seconds(1)).await;
    let hers = mira.point.to_string();
    let of_slot =
        ["--slot", &begin, "--connection-point", &hers, "--server", &server, "--key-file", &key];
    let (found, code) = looked(&mut town, &of_slot).await;
    let side = &found["sides"][0];
    assert_eq!((code, &side["window"]), (Some(17), &json!("over")), "{found}");
    assert_eq!((&side["side"], &side["excess_wh"]), (&json!("buy"), &json!(0)));
    town.stop().await;
}
