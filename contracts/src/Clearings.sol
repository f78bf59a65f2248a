// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Accounts} from "./Accounts.sol";
import {Batches} from "./Batches.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {Outcomes} from "./Outcomes.sol";
import {Clearing, Policy, Terms} from "./Types.sol";

/// Policies, and what the auctions under them came to.
abstract contract Clearings is MarketEvents, Accounts, AccessControl, Pausable {
    bytes32 public constant CLEARER_ROLE = keccak256("CLEARER");
    bytes32 public constant POLICY_ROLE = keccak256("POLICY");

    /// The longest that corrections and challenges of a policy may take together.
    uint32 public constant WINDOWS_MAX = 90 days;

    /// Which policies are registered, by the hash of their terms.
    mapping(bytes32 policy => bool) public policies;
    /// The clearing of a zone's slot, the hash of its terms.
    mapping(bytes32 zone => mapping(uint64 slot => bytes32)) public cleared;

    /// Registers a policy under its hash; registering it again changes nothing.
    function registerPolicy(
        Policy calldata terms
    ) external onlyRole(POLICY_ROLE) returns (bytes32 id) {
        if (
            terms.slotSeconds == 0 ||
            1 days % terms.slotSeconds != 0 ||
            terms.toleranceBps > 10_000 ||
            terms.sellerShort > Outcomes.IMBALANCE_PRICE ||
            terms.buyerShort > Outcomes.TAKE_OR_PAY ||
            // Nothing could be reconciled.
            (terms.settleSeconds != 0 && terms.settleSeconds >= terms.correctionSeconds) ||
            // Locked cash would be free in the last second of the corrections.
            terms.challengeSeconds == 0 ||
            uint256(terms.correctionSeconds) + terms.challengeSeconds > WINDOWS_MAX ||
            terms.networkAccount == address(0) ||
            terms.platformAccount == address(0) ||
            terms.balanceAccount == address(0)
        ) revert BadPolicy();
        id = keccak256(abi.encode(terms));
        if (policies[id]) return id;
        policies[id] = true;
        emit PolicyRegistered(id, terms.community, terms.zone, terms);
    }

    /// Posts the result of an auction, once per zone and slot and while it can be settled.
    function clear(
        Terms calldata terms
    ) external onlyRole(CLEARER_ROLE) whenNotPaused returns (bytes32 id) {
        Clearing calldata what = terms.clearing;
        Policy calldata policy = terms.policy;
        bytes32 hash;
        (id, hash) = _hashes(terms);
        if (what.policy != hash || !policies[hash]) revert UnknownPolicy(what.policy);
        uint256 until = uint256(what.slot) + policy.slotSeconds + policy.settleSeconds;
        if (block.timestamp >= until) revert SlotOver(what.slot);
        if (cleared[policy.zone][what.slot] != 0) revert AlreadyCleared(policy.zone, what.slot);
        if (
            what.slot % policy.slotSeconds != 0 ||
            what.retailPrice > policy.retailPriceMax ||
            what.feedInPrice < policy.feedInPriceMin ||
            // Who signed for one price pays no difference.
            (what.mechanism >= Batches.PRICED && policy.differenceAccount == address(0))
        ) revert BadClearing();
        cleared[policy.zone][what.slot] = id;
        emit SlotCleared(id, policy.zone, what.slot, what);
    }

    /// The name of a clearing that was posted with these terms.
    function clearingOf(Terms calldata terms) public view returns (bytes32 id) {
        bytes32 policy;
        (id, policy) = _hashes(terms);
        if (
            cleared[terms.policy.zone][terms.clearing.slot] != id ||
            terms.clearing.policy != policy
        ) revert UnknownClearing(id);
    }

    /// The hashes of a clearing and of its policy.
    function _hashes(
        Terms calldata terms
    ) private pure returns (bytes32 clearing_, bytes32 policy) {
        // In assembly, because the words of a call are those that are hashed; words that are not
        // what the types allow give a hash that is not known.
        assembly ("memory-safe") {
            let words := mload(0x40)
            calldatacopy(words, terms, 960)
            clearing_ := keccak256(words, 320)
            policy := keccak256(add(words, 320), 640)
        }
    }

    /// Copies terms that {clearingOf} knows: {clear} and {registerPolicy} have looked at each word.
    function _copy(Terms memory to, Terms calldata terms) internal pure {
        (Clearing memory clearing, Policy memory policy) = (to.clearing, to.policy);
        // In assembly, because the words of a call are those that stand in memory.
        assembly ("memory-safe") {
            calldatacopy(clearing, terms, 320)
            calldatacopy(policy, add(terms, 320), 640)
        }
    }

    function _slotEnd(Terms memory terms) internal pure returns (uint256) {
        return uint256(terms.clearing.slot) + terms.policy.slotSeconds;
    }

    /// When nothing more is settled, and runs may begin.
    function _settledUntil(Terms memory terms) internal pure returns (uint256) {
        return _slotEnd(terms) + terms.policy.settleSeconds;
    }

    /// When the last run of the reconciler is over.
    function _correctedUntil(Terms memory terms) internal pure returns (uint256) {
        return _slotEnd(terms) + terms.policy.correctionSeconds;
    }

    /// When corrections and challenges of a clearing are over.
    function _lockedUntil(Terms memory terms) internal pure returns (uint64) {
        return SafeCast.toUint64(_correctedUntil(terms) + terms.policy.challengeSeconds);
    }

    /// The UTC day of a clearing's slot: nobody chooses under which day a trade is kept.
    function _day(Terms memory terms) internal pure returns (uint32) {
        return SafeCast.toUint32(terms.clearing.slot / 1 days);
    }
}
