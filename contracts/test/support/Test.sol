// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// What every test has: the machine, and sentences that must be true.
abstract contract Test {
    /// Marks a contract as one with tests.
    bool public constant IS_TEST = true;

    /// Which functions of a contract an invariant test calls.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Untrue(string what);
    error Differ(string what, uint256 got, uint256 expected);
    error WordsDiffer(string what, bytes32 got, bytes32 expected);
    /// A call that should have been refused was not, or for another reason.
    error NotRefused(bytes answer, bytes expected);
    error Refused(bytes answer);

    function isTrue(bool fact, string memory what) internal pure {
        if (!fact) revert Untrue(what);
    }

    function same(uint256 got, uint256 expected, string memory what) internal pure {
        if (got != expected) revert Differ(what, got, expected);
    }

    function same(bytes32 got, bytes32 expected, string memory what) internal pure {
        if (got != expected) revert WordsDiffer(what, got, expected);
    }

    function same(address got, address expected, string memory what) internal pure {
        if (got != expected) {
            revert WordsDiffer(
                what,
                bytes32(uint256(uint160(got))),
                bytes32(uint256(uint160(expected)))
            );
        }
    }

    /// Sends a call that must succeed.
    function sent(address from, address to, bytes memory call) internal returns (bytes memory) {
        (bool done, bytes memory answer) = _send(from, to, call);
        if (!done) revert Refused(answer);
        return answer;
    }

    /// Sends a call that must be refused with exactly this answer.
    function refused(address from, address to, bytes memory call, bytes memory reason) internal {
        (bool done, bytes memory answer) = _send(from, to, call);
        if (done || keccak256(answer) != keccak256(reason)) revert NotRefused(answer, reason);
    }

    /// Sends a call that must be refused with this error, whatever it says further.
    function refused(address from, address to, bytes memory call, bytes4 reason) internal {
        (bool done, bytes memory answer) = _send(from, to, call);
        if (done || answer.length < 4 || bytes4(answer) != reason) {
            revert NotRefused(answer, abi.encodePacked(reason));
        }
    }

    /// Adds what a walk of an invariant test did to a file, where somebody counts it.
    function written(string memory counts) internal {
        string memory path = vm.envOr("WATTEX_WALKS", "");
        if (bytes(path).length != 0) vm.writeLine(path, counts);
    }

    /// One of these counts.
    function counted(string memory name, uint256 count) internal pure returns (string memory) {
        return string.concat(name, ":", vm.toString(count), " ");
    }

    /// A number in [least, most] that a fuzzed one stands for.
    function within(uint256 x, uint256 least, uint256 most) internal pure returns (uint256) {
        uint256 count = most - least + 1;
        return x >= least && x <= most ? x : least + (count == 0 ? x : x % count);
    }

    function _send(
        address from,
        address to,
        bytes memory call
    ) internal returns (bool done, bytes memory answer) {
        vm.prank(from);
        return to.call(call);
    }
}
