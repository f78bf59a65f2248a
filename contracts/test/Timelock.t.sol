// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Market, Roles, Timed} from "./support/Contracts.sol";
import {World} from "./support/World.sol";

/// Roles are granted a delay after everybody could see that they will be.
contract TimelockTest is World {
    uint256 private constant DELAY = 2 days;

    Timed private timelock;
    /// A market whose roles are the timelock's to grant.
    Market private owned;

    function setUp() public {
        _begin();
        timelock = Timed(deployed("Timelock", abi.encode(DELAY, list(OPERATOR))));
        owned = market;
        bytes memory give = abi.encodeCall(Roles.grantRole, (0x00, address(timelock)));
        sent(OPERATOR, address(owned), give);
        bytes memory renounce = abi.encodeWithSignature(
            "renounceRole(bytes32,address)",
            bytes32(0),
            OPERATOR
        );
        sent(OPERATOR, address(owned), renounce);
    }

    /// The grant of a role to a stranger.
    function granting() private pure returns (bytes memory) {
        return abi.encodeCall(Roles.grantRole, (keccak256("CLEARER"), STRANGER));
    }

    function scheduling(uint256 delay) private view returns (bytes memory) {
        return
            abi.encodeCall(
                Timed.schedule,
                (address(owned), 0, granting(), 0, "salt", delay)
            );
    }

    function executing() private view returns (bytes memory) {
        return abi.encodeCall(Timed.execute, (address(owned), 0, granting(), 0, "salt"));
    }

    function test_the_operator_grants_no_role_by_itself() public {
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(OPERATOR, address(owned), granting(), reason);
        bytes4 short = Timed.TimelockInsufficientDelay.selector;
        refused(OPERATOR, address(timelock), scheduling(DELAY - 1), short);
        bytes4 state = Timed.TimelockUnexpectedOperationState.selector;
        refused(OPERATOR, address(timelock), executing(), state);
        sent(OPERATOR, address(timelock), scheduling(DELAY));
        vm.warp(block.timestamp + DELAY - 1);
        refused(OPERATOR, address(timelock), executing(), state);
        vm.warp(block.timestamp + 1);
        sent(OPERATOR, address(timelock), executing());
        isTrue(owned.hasRole(keccak256("CLEARER"), STRANGER), "granted");
        // Once.
        refused(OPERATOR, address(timelock), executing(), state);
    }

    function test_nobody_but_the_operator_proposes_executes_or_cancels() public {
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(timelock), scheduling(DELAY), reason);
        sent(OPERATOR, address(timelock), scheduling(DELAY));
        bytes32 operation = keccak256(
            abi.encode(address(owned), uint256(0), granting(), bytes32(0), bytes32("salt"))
        );
        bytes memory cancel = abi.encodeCall(Timed.cancel, (operation));
        refused(STRANGER, address(timelock), cancel, reason);
        vm.warp(block.timestamp + DELAY);
        refused(STRANGER, address(timelock), executing(), reason);
        sent(OPERATOR, address(timelock), cancel);
        bytes4 state = Timed.TimelockUnexpectedOperationState.selector;
        refused(OPERATOR, address(timelock), executing(), state);
        isTrue(!owned.hasRole(keccak256("CLEARER"), STRANGER), "not granted");
    }

    /// Nor does it shorten the delay, or take the timelock over, but by its own way.
    function test_the_delay_binds_the_operator_too() public {
        bytes memory shorten = abi.encodeCall(Timed.updateDelay, (0));
        refused(OPERATOR, address(timelock), shorten, Timed.TimelockUnauthorizedCaller.selector);
        bytes memory admin = abi.encodeCall(Roles.grantRole, (0x00, OPERATOR));
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(OPERATOR, address(timelock), admin, reason);
        same(timelock.getMinDelay(), DELAY, "the delay");
    }
}
