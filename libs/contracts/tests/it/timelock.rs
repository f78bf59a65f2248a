//! Roles change after a delay that everybody sees, where genesis says so.

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::{EnergyMarket, Timelock};
use contracts::{Call, Settings, SolCall, role};

use crate::world::{ANYONE, World};

const DELAY: u32 = 3 * 86_400;

fn world() -> World {
    World::with(4711, &Settings { role_delay: Some(DELAY), ..testkit::settings(3600) })
}

/// The contracts that have roles.
fn with_roles(world: &World) -> [Address; 6] {
    let at = world.at;
    [at.token, at.market, at.meters, at.readings, at.records, at.certificates]
}

fn grant(to: Address, role: B256, account: Address) -> Call {
    Call { to, data: EnergyMarket::grantRoleCall { role, account }.abi_encode().into() }
}

fn revoke(to: Address, role: B256, account: Address) -> Call {
    Call { to, data: EnergyMarket::revokeRoleCall { role, account }.abi_encode().into() }
}

fn has_role(world: &mut World, of: Address, role: B256, account: Address) -> bool {
    world.view(of, EnergyMarket::hasRoleCall { role, account })
}

fn of_timelock(world: &World, what: impl SolCall) -> Call {
    Call { to: world.at.timelock, data: what.abi_encode().into() }
}

/// Proposes a call to be made after so many seconds.
fn propose(world: &World, what: &Call, seconds: u32) -> Call {
    let call = Timelock::scheduleCall {
        target: what.to,
        value: U256::ZERO,
        data: what.data.clone(),
        predecessor: B256::ZERO,
        salt: B256::ZERO,
        delay: U256::from(seconds),
    };
    of_timelock(world, call)
}

fn execute(world: &World, what: &Call) -> Call {
    let call = Timelock::executeCall {
        target: what.to,
        value: U256::ZERO,
        payload: what.data.clone(),
        predecessor: B256::ZERO,
        salt: B256::ZERO,
    };
    of_timelock(world, call)
}

#[test]
fn the_admin_changes_no_role_by_itself_and_the_timelock_does_after_the_delay() {
    let mut world = world();
    let (admin, timelock) = (world.operator, world.at.timelock);
    for contract in with_roles(&world) {
        assert!(!has_role(&mut world, contract, B256::ZERO, admin));
        assert!(has_role(&mut world, contract, B256::ZERO, timelock));
        for change in [
            grant(contract, role("MINTER"), ANYONE),
            grant(contract, B256::ZERO, admin),
            revoke(contract, role("MINTER"), admin),
        ] {
            for sender in [admin, ANYONE] {
                world.refused(sender, change.clone(), "AccessControlUnauthorizedAccount");
            }
        }
    }
    for contract in with_roles(&world) {
        let mut world = world.clone();
        let change = grant(contract, role("MINTER"), ANYONE);
        let (proposal, execution) = (propose(&world, &change, DELAY), execute(&world, &change));
        world.refused(admin, execution.clone(), "TimelockUnexpectedOperationState");
        world.ok(admin, proposal.clone());
        world.refused(admin, proposal, "TimelockUnexpectedOperationState");
        world.refused(admin, execution.clone(), "TimelockUnexpectedOperationState");
        world.now += u64::from(DELAY) - 1;
        world.refused(admin, execution.clone(), "TimelockUnexpectedOperationState");
        world.now += 1;
        assert!(!has_role(&mut world, contract, role("MINTER"), ANYONE));
        world.ok(admin, execution.clone());
        assert!(has_role(&mut world, contract, role("MINTER"), ANYONE));
        world.refused(admin, execution, "TimelockUnexpectedOperationState");
    }
}

#[test]
fn nobody_but_the_operator_proposes_executes_or_cancels() {
    let mut world = world();
    let (admin, market) = (world.operator, world.at.market);
    let change = revoke(market, role("CLEARER"), admin);
    let proposal = propose(&world, &change, DELAY);
    world.refused(ANYONE, proposal.clone(), "AccessControlUnauthorizedAccount");
    world.ok(admin, proposal);
    let id = Timelock::hashOperationCall {
        target: change.to,
        value: U256::ZERO,
        data: change.data.clone(),
        predecessor: B256::ZERO,
        salt: B256::ZERO,
    };
    let id = world.view(world.at.timelock, id);
    let cancel = of_timelock(&world, Timelock::cancelCall { id });
    world.refused(ANYONE, cancel.clone(), "AccessControlUnauthorizedAccount");
    world.now += u64::from(DELAY);
    let execution = execute(&world, &change);
    world.refused(ANYONE, execution.clone(), "AccessControlUnauthorizedAccount");
    let mut cancelled = world.clone();
    cancelled.ok(admin, cancel);
    cancelled.refused(admin, execution.clone(), "TimelockUnexpectedOperationState");
    assert!(has_role(&mut cancelled, market, role("CLEARER"), admin));
    world.ok(admin, execution);
    assert!(!has_role(&mut world, market, role("CLEARER"), admin));
}

#[test]
fn the_delay_is_no_shorter_than_genesis_said_and_changes_only_after_itself() {
    let mut world = world();
    let (admin, timelock) = (world.operator, world.at.timelock);
    let delay = world.view(timelock, Timelock::getMinDelayCall {});
    assert_eq!(delay, U256::from(DELAY));
    let change = grant(world.at.token, role("MINTER"), ANYONE);
    let early = propose(&world, &change, DELAY - 1);
    world.refused(admin, early.clone(), "TimelockInsufficientDelay");
    let shorter = of_timelock(&world, Timelock::updateDelayCall { newDelay: U256::ZERO });
    world.refused(admin, shorter.clone(), "TimelockUnauthorizedCaller");
    // Nor does it make another one its proposer.
    let proposer = grant(timelock, role("PROPOSER_ROLE"), ANYONE);
    world.refused(admin, proposer, "AccessControlUnauthorizedAccount");
    let proposal = propose(&world, &shorter, DELAY);
    world.ok(admin, proposal);
    world.now += u64::from(DELAY);
    let execution = execute(&world, &shorter);
    world.ok(admin, execution);
    world.ok(admin, early);
}

#[test]
fn the_operator_keeps_the_roles_that_genesis_gave_it() {
    let mut world = world();
    let account = world.account(1);
    world.fund(account, 1000);
    assert_eq!(world.free(account), U256::from(1000));
    let (operator, at) = (world.operator, world.at);
    for (contract, name) in [
        (at.token, "MINTER"),
        (at.market, "CLEARER"),
        (at.market, "RECONCILER"),
        (at.market, "POLICY"),
        (at.market, "PAUSER"),
        (at.meters, "ENROLLER"),
        (at.readings, "ANCHOR"),
        (at.records, "ANCHOR"),
        (at.certificates, "CERTIFIER"),
    ] {
        assert!(has_role(&mut world, contract, role(name), operator), "{name}");
    }
}

#[test]
fn without_a_delay_the_admin_changes_roles_at_once() {
    let mut world = World::new(4711);
    let (admin, timelock) = (world.operator, world.at.timelock);
    for contract in with_roles(&world) {
        assert!(!has_role(&mut world, contract, B256::ZERO, timelock));
        let change = grant(contract, role("MINTER"), ANYONE);
        world.ok(admin, change);
        assert!(has_role(&mut world, contract, role("MINTER"), ANYONE));
    }
}
