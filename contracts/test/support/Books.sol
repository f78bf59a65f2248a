// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Mandate, Policy} from "../../src/Types.sol";
import {Auction} from "./Auction.sol";

/// The market's books once more, plain, without hashes of state or packing: what everybody has and
/// did, and who gets what of a trade.
abstract contract Books is Auction {
    struct Traded {
        address buyer;
        address seller;
        uint256 clearing;
        uint8 policy;
        uint64 slot;
        uint64 quantity;
        uint64 buyPrice;
        uint64 sellPrice;
        uint64 retail;
        uint64 feedIn;
        uint16 runs;
        uint64 delivered;
        uint64 sellerShort;
        uint64 buyerShort;
    }

    /// Who gets what of a trade, in the words of ARCHITECTURE.md section 5.
    struct Shares {
        uint256 buyer;
        uint256 seller;
        uint256 network;
        uint256 platform;
        uint256 difference;
        uint256 balance;
    }

    Policy[] internal policies;
    bytes32[] internal policyIds;
    Clearing[] internal clearings;
    uint8[] internal policyOf;
    bytes32[] internal ids;
    /// The leaves of a clearing, and by its batches the hash of their paths.
    mapping(uint256 clearing => bytes32[]) internal leavesIn;
    mapping(uint256 clearing => bytes32[]) internal pathsIn;

    mapping(address account => uint256) internal freeOf;
    mapping(address account => uint256) internal leavingOf;
    mapping(address account => uint256) internal leavesAt;
    mapping(address account => mapping(uint8 policy => mapping(uint32 day => uint256)))
        internal lockedOf;
    mapping(address account => mapping(uint8 policy => mapping(uint32 day => uint256)))
        internal lockedUntil;
    mapping(address account => mapping(uint32 day => bytes32)) internal digestOf;
    mapping(address account => mapping(uint256 nonce => bool)) internal used;
    mapping(address account => mapping(uint256 nonce => bool)) internal cancelled;
    mapping(address account => mapping(address delegate => Mandate)) internal mandateOf;
    /// By account, delegate, day and side.
    mapping(bytes32 => uint256) internal ofDay;
    /// By hash of (signer, what was signed, signature).
    mapping(bytes32 => bool) internal honest;
    mapping(bytes32 order => uint256) internal filled;
    mapping(bytes32 trade => Traded) internal traded;
    bytes32[] internal trades;

    /// Whose cash and digest the action changes that is made, as bits, and of which policy and day
    /// where it is one of trades or of what is locked.
    uint256 internal touched;
    uint8 internal touchedPolicy;
    uint32 internal touchedDay;
    mapping(address account => uint256) internal bitOf;

    uint256 internal held;
    uint256 internal escrowed;
    uint256 internal collateralised;
    bool internal stopped;
    /// How many trades an order of a delegate is in, how many left a difference, and how many runs
    /// made somebody pay an imbalance price, a seller make its buyer whole, or a buyer its seller;
    /// how often cash left while the market was paused, a fill was settled after others of its
    /// batch, a run followed another, and a day's limit alone stood against a delegate's order; and
    /// how many fills went on with a delegate's order of an earlier batch.
    uint256[10] public seen;

    function touch(address of_) internal {
        touched |= bitOf[of_];
    }

    function touch(uint8 policy_, uint32 day) internal {
        (touchedPolicy, touchedDay) = (policy_, day);
    }

    function dayOf(uint256 time) internal pure returns (uint32) {
        return uint32(time / 1 days);
    }

    function dayOfDelegate(
        address of_,
        address by,
        uint32 day,
        uint8 side
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(of_, by, day, side));
    }

    function allIn(Policy storage p, uint256 price) internal view returns (uint256) {
        return price + p.networkFee + p.buyerFee;
    }

    /// What a seller may owe of a Wh that it does not deliver.
    function postedPrice(
        Policy storage p,
        uint256 buyPrice,
        uint256 retail
    ) internal view returns (uint256) {
        if (p.sellerShort == 0) return 0;
        if (p.sellerShort == 2) return p.imbalancePrice;
        uint256 price = allIn(p, buyPrice);
        return retail > price ? retail - price : 0;
    }

    function escrowOf(Traded storage t) internal view returns (uint256) {
        return t.quantity * allIn(policies[t.policy], t.buyPrice);
    }

    function collateralOf(Traded storage t) internal view returns (uint256) {
        return t.quantity * postedPrice(policies[t.policy], t.buyPrice, t.retail);
    }

    function endOf(Traded storage t) internal view returns (uint256) {
        return uint256(t.slot) + policies[t.policy].slotSeconds;
    }

    /// When nothing more of a clearing is settled.
    function settledUntil(uint256 place) internal view returns (uint256) {
        Policy storage p = policies[policyOf[place]];
        return uint256(clearings[place].slot) + p.slotSeconds + p.settleSeconds;
    }

    /// When corrections of a clearing are over.
    function correctedUntil(uint256 place) internal view returns (uint256) {
        Policy storage p = policies[policyOf[place]];
        return uint256(clearings[place].slot) + p.slotSeconds + p.correctionSeconds;
    }

    function untilOf(Traded storage t) internal view returns (uint256) {
        Policy storage p = policies[t.policy];
        return endOf(t) + p.correctionSeconds + p.challengeSeconds;
    }

    function shares(Traded storage t) internal view returns (Shares memory s) {
        if (t.runs == 0) return s;
        Policy storage p = policies[t.policy];
        uint256 q = t.delivered;
        s.network = q * p.networkFee;
        s.platform = q * (p.buyerFee + p.sellerFee);
        s.difference = q * (t.buyPrice - t.sellPrice);
        s.seller = q * (t.sellPrice - p.sellerFee) + collateralOf(t);
        s.buyer = escrowOf(t) - q * allIn(p, t.buyPrice);
        uint256 share = (uint256(t.quantity) * p.toleranceBps) / 10_000;
        uint256 tolerance = share > p.toleranceWh ? share : p.toleranceWh;
        if (t.sellerShort > tolerance) {
            // All that was posted for it goes to who is owed it.
            uint256 owed = t.sellerShort * postedPrice(p, t.buyPrice, t.retail);
            s.seller -= owed;
            if (p.sellerShort == 2) s.balance += owed;
            else s.buyer += owed;
        }
        if (t.buyerShort > tolerance) {
            uint256 owed = t.buyerShort * _untakenPrice(t, p);
            s.buyer -= owed;
            if (p.buyerShort == 2) s.balance += owed;
            else s.seller += owed;
        }
    }

    /// What a buyer owes of a Wh that it does not take.
    function _untakenPrice(Traded storage t, Policy storage p) private view returns (uint256) {
        if (p.buyerShort == 0) return 0;
        if (p.buyerShort == 1) return t.sellPrice > t.feedIn ? t.sellPrice - t.feedIn : 0;
        if (p.buyerShort == 3) return t.sellPrice - p.sellerFee;
        uint256 most = allIn(p, t.buyPrice);
        return p.imbalancePrice < most ? p.imbalancePrice : most;
    }
}
