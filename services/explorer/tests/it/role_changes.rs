//! Who will get and lose rights: what the timelock announced, until it happened or was taken back.

use alloy_primitives::{Address, B256, Bytes, U256};
use contracts::bindings::EnergyMarket::{grantRoleCall, revokeRoleCall};
use contracts::bindings::Timelock::{CallExecuted, CallScheduled, Cancelled, updateDelayCall};
use contracts::{SolCall, role};
use events::ledger::Log;
use serde_json::{Value, json};

use crate::scene::{BUYER, Scene};

const DELAY: u64 = 172_800;

fn announced(scene: &Scene, id: u8, target: Address, data: Vec<u8>, place: u32) -> Log {
    let event = CallScheduled {
        id: B256::repeat_byte(id),
        index: U256::ZERO,
        target,
        value: U256::ZERO,
        data: data.into(),
        predecessor: B256::ZERO,
        delay: U256::from(DELAY),
    };
    scene.log_of(scene.deployment.timelock, &event, place)
}

fn done(scene: &Scene, id: u8, place: u32) -> Log {
    let event = CallExecuted {
        id: B256::repeat_byte(id),
        index: U256::ZERO,
        target: Address::ZERO,
        value: U256::ZERO,
        data: Bytes::new(),
    };
    scene.log_of(scene.deployment.timelock, &event, place)
}

async fn states(scene: &Scene) -> Vec<Value> {
    let list = scene.get("/v1/role-changes").await;
    list["items"].as_array().unwrap().iter().map(|item| item["state"].clone()).collect()
}

#[actix_web::test]
async fn everybody_sees_a_change_of_roles_before_it_can_happen() {
    let mut scene = Scene::start().await;
    assert_eq!(scene.get("/v1/role-changes").await["items"], json!([]));
    let at = scene.deployment;
    let (reconciler, nobody) = (role("RECONCILER"), B256::repeat_byte(0xee));
    let logs = vec![
        announced(&scene, 1, at.market, grant(reconciler, BUYER), 0),
        announced(
            &scene,
            2,
            at.meters,
            revokeRoleCall { role: nobody, account: BUYER }.abi_encode(),
            1,
        ),
        announced(
            &scene,
            3,
            at.timelock,
            updateDelayCall { newDelay: U256::from(60) }.abi_encode(),
            2,
        ),
        announced(&scene, 4, BUYER, vec![1, 2, 3, 4], 3),
        // What another contract says is none of it.
        scene.log_of(BUYER, &Cancelled { id: B256::repeat_byte(1) }, 4),
    ];
    let first = scene.block(1, B256::repeat_byte(0x6e), logs);
    scene.feed(&first, 1).await.unwrap();
    let list = scene.get("/v1/role-changes").await;
    let [other, delay, revoke, granted] = &list["items"].as_array().unwrap()[..] else {
        panic!("{list}")
    };
    for (field, value) in [
        ("kind", json!("grant")),
        ("role", json!("RECONCILER")),
        ("account", json!(BUYER)),
        ("contract", json!("EnergyMarket")),
        ("announced_at", json!("2026-05-28T20:26:45Z")),
        ("ready_at", json!("2026-05-30T20:26:45Z")),
        ("state", json!("waiting")),
    ] {
        assert_eq!(granted[field], value, "{field}");
    }
    assert_eq!((&revoke["kind"], &revoke["role"]), (&json!("revoke"), &json!(nobody)));
    assert_eq!(revoke["contract"], "MeterRegistry");
    assert_eq!((&delay["kind"], &delay["new_delay_seconds"]), (&json!("delay"), &json!(60)));
    assert_eq!((&delay["contract"], &other["kind"]), (&json!("Timelock"), &json!("other")));
    assert_eq!(other.get("contract"), None);
    scene.stop().await;
}

#[actix_web::test]
async fn a_change_ends_once_and_a_reorganisation_takes_its_end_back() {
    let mut scene = Scene::start().await;
    let (market, call) = (scene.deployment.market, grant(role("MINTER"), BUYER));
    let logs = [
        announced(&scene, 1, market, call.clone(), 0),
        announced(&scene, 2, market, call.clone(), 1),
    ];
    let first = scene.block(1, B256::repeat_byte(0x6e), logs.to_vec());
    let cancelled = Cancelled { id: B256::repeat_byte(2) };
    let cancelled = scene.log_of(scene.deployment.timelock, &cancelled, 1);
    // The second is announced anew after it was taken back.
    let mut again = announced(&scene, 2, market, call, 2);
    again.transaction = B256::repeat_byte(0x9c);
    let logs = vec![done(&scene, 1, 0), cancelled, again];
    let second = scene.block(2, first.hash, logs);
    let undone = scene.removal(&second);
    scene.feed(&first, 1).await.unwrap();
    assert_eq!(states(&scene).await, ["waiting", "waiting"]);
    scene.feed(&second, 2).await.unwrap();
    assert_eq!(states(&scene).await, ["waiting", "cancelled", "done"]);
    let ended = &scene.get("/v1/role-changes").await["items"][2];
    assert_eq!(ended["ended_at"], "2026-05-28T20:26:50Z");
    scene.feed(&undone, 3).await.unwrap();
    assert_eq!(states(&scene).await, ["waiting", "waiting"]);
    scene.stop().await;
}

fn grant(role: B256, account: Address) -> Vec<u8> {
    grantRoleCall { role, account }.abi_encode()
}
