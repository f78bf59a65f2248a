//! Everything that the compiled contracts can log or refuse with, and what Rust makes of it.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, keccak256};
use contracts::{ContractEvent, Deployment, Log, revert_text};
use serde_json::Value;

/// The compiled contracts and where they are, in the order of their creation.
fn compiled() -> [(&'static str, Address); 10] {
    let at = Deployment::of(Address::repeat_byte(0xde)).addresses();
    let out = [
        include_str!("../../../../contracts/out/SettlementToken.json"),
        include_str!("../../../../contracts/out/EnergyMarket.json"),
        include_str!("../../../../contracts/out/MeterRegistry.json"),
        include_str!("../../../../contracts/out/ReadingAnchor.json"),
        include_str!("../../../../contracts/out/RecordAnchor.json"),
        include_str!("../../../../contracts/out/Challenges.json"),
        include_str!("../../../../contracts/out/EnergyCertificate.json"),
        include_str!("../../../../contracts/out/TradingMandate.json"),
        include_str!("../../../../contracts/out/CurrencyExchange.json"),
        include_str!("../../../../contracts/out/Timelock.json"),
    ];
    std::array::from_fn(|place| (out[place], at[place]))
}

/// What a contract declares of a kind.
fn declared(artifact: &str, kind: &str) -> Vec<Value> {
    let artifact: Value = serde_json::from_str(artifact).unwrap();
    let all = artifact["abi"].as_array().unwrap();
    all.iter().filter(|item| item["type"] == kind).cloned().collect()
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap()
}

fn inputs(item: &Value, field: &str) -> Vec<Value> {
    item[field].as_array().cloned().unwrap_or_default()
}

/// The type as it stands in a signature.
fn canonical(input: &Value) -> String {
    let parts = || inputs(input, "components").iter().map(canonical).collect::<Vec<_>>();
    match text(input, "type").strip_prefix("tuple") {
        Some(array) => format!("({}){array}", parts().join(",")),
        None => text(input, "type").to_owned(),
    }
}

/// The hash of the signature of an event or an error.
fn signature(item: &Value) -> B256 {
    let types: Vec<String> = inputs(item, "inputs").iter().map(canonical).collect();
    keccak256(format!("{}({})", text(item, "name"), types.join(",")))
}

fn is_dynamic(input: &Value) -> bool {
    let of = text(input, "type");
    of.ends_with("[]") || matches!(of, "string" | "bytes")
}

/// How many words a static type has.
fn words(input: &Value) -> usize {
    let parts = inputs(input, "components");
    if parts.is_empty() { 1 } else { parts.iter().map(words).sum() }
}

/// Zeros of these types; of a type without a fixed length, nothing.
fn zeros(of: &[Value]) -> Vec<u8> {
    let head: usize = of.iter().map(words).sum();
    let (mut data, mut tail) = (Vec::new(), 0);
    for input in of {
        let at = if is_dynamic(input) { 32 * (head + tail) } else { 0 };
        tail += usize::from(is_dynamic(input));
        let mut word = vec![0; 32 * words(input)];
        let end = word.len();
        word[end - 8..].copy_from_slice(&u64::try_from(at).unwrap().to_be_bytes());
        data.extend(word);
    }
    data.resize(data.len() + 32 * tail, 0);
    data
}

/// A log of an event with nothing in it.
fn log(address: Address, event: &Value) -> Log {
    let is_indexed = |input: &Value| input["indexed"] == true;
    let (indexed, rest): (Vec<_>, Vec<_>) =
        inputs(event, "inputs").into_iter().partition(is_indexed);
    let topics = [vec![signature(event)], vec![B256::ZERO; indexed.len()]].concat();
    Log::new(address, topics, zeros(&rest).into()).unwrap()
}

#[test]
fn every_error_of_every_contract_is_told_by_its_name() {
    let mut count = 0;
    for (artifact, _) in compiled() {
        for error in declared(artifact, "error") {
            let data = [&signature(&error)[..4], &zeros(&inputs(&error, "inputs"))].concat();
            let name = text(&error, "name");
            assert!(revert_text(&data).starts_with(name), "{name} is {}", revert_text(&data));
            count += 1;
        }
    }
    assert!(count > 100, "there are {count}");
}

/// Administration: no machine acts on it.
const NOT_DECODED: [&str; 12] = [
    "Approval",
    "ApprovalForAll",
    "CallExecuted",
    "CallSalt",
    "CallScheduled",
    "Cancelled",
    "EIP712DomainChanged",
    "MinDelayChange",
    "RoleAdminChanged",
    "RoleGranted",
    "RoleRevoked",
    "URI",
];

#[test]
fn every_event_of_every_contract_is_decoded_but_those_of_administration() {
    let at = Deployment::of(Address::repeat_byte(0xde));
    let mut missing = BTreeSet::new();
    for (artifact, address) in compiled() {
        for event in declared(artifact, "event") {
            let name = text(&event, "name");
            let decoded = ContractEvent::decode(&at, &log(address, &event));
            match decoded {
                Some(decoded) => assert_eq!(decoded.name(), name),
                None => {
                    missing.insert(name.to_owned());
                }
            }
            let elsewhere = log(Address::repeat_byte(0x99), &event);
            assert_eq!(ContractEvent::decode(&at, &elsewhere), None);
        }
    }
    assert_eq!(missing, NOT_DECODED.map(str::to_owned).into());
}

/// What is not ours is shown as it is.
#[test]
fn an_error_of_another_contract_is_its_data() {
    assert_eq!(revert_text(&[]), "reverted without a reason");
    assert_eq!(revert_text(&[0xde, 0xad, 0xbe, 0xef]), "reverted with 0xdeadbeef");
}
