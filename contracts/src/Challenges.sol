// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {EnergyMarket} from "./EnergyMarket.sol";
import {MerklePath} from "./MerklePath.sol";
import {MeterReadings} from "./MeterReadings.sol";
import {MeterRegistry} from "./MeterRegistry.sol";
import {ReadingAnchor} from "./ReadingAnchor.sol";
import {Clearing, Order, Policy, TradeView} from "./Types.sol";

/// Judges whether more was reconciled than a meter says, and has the excess cut.
///
/// The reconciler is believed until somebody shows the two signed registers at the ends of a slot:
/// what a connection point sold in it cannot be more than it fed in, nor what it bought more than
/// it took. The evidence proves itself, so anyone may show it and nobody needs a bond.
///
/// The trades that are named are cut from the last one back, in the order of the clearing's fills,
/// until what is left of them fits the registers. Naming fewer than there are takes less, never
/// more: what is delivered of each in the end does not depend on the order in which they are named.
/// Readings from further outside of the slot bound what was delivered in it as well.
contract Challenges {
    /// Kind of the roots that have what was read at the end of a slot.
    uint8 private constant SLOT_ROOTS = 1;
    uint8 private constant SELL = 1;

    /// A signed reading and where it was anchored.
    struct Evidence {
        bytes message;
        bytes32 salt;
        bytes32 community;
        uint64 period;
        uint32 batch;
        uint32 index;
        bytes32[] path;
        bytes point;
    }

    /// A trade of the connection point: its order, the other side's order and the fill's place.
    struct Claim {
        Order order;
        bytes32 other;
        uint32 index;
        bytes32[] path;
    }

    EnergyMarket public immutable market;
    MeterRegistry public immutable meters;
    ReadingAnchor public immutable readings;

    event Challenged(
        bytes32 indexed connectionPoint,
        uint64 indexed slot,
        uint8 side,
        address indexed account,
        uint64 registered,
        uint64 claimed
    );

    /// A message that is none, from within the slot, or of a key that was not the meter's then.
    error BadReading(uint64 time);
    /// No root that was anchored before the corrections ended has the reading.
    error NotAnchored(uint64 time);
    /// The readings are of two meters, or their registers fall.
    error NotOneMeter();
    /// The order is of another connection point, slot, side or account than the first.
    error OtherOrder(uint256 claim);
    /// The clearing has no such fill there, it is not after the one before, or is named twice.
    error BadFill(uint256 claim);
    /// What was reconciled fits the registers.
    error NoExcess(uint64 registered, uint64 claimed);

    constructor(EnergyMarket market_, MeterRegistry meters_, ReadingAnchor readings_) {
        market = market_;
        meters = meters_;
        readings = readings_;
    }

    /// Cuts what was reconciled of `claims`, all of one connection point's side in the slot of
    /// `clearing` and in order of their fills, above what its meter registered between `begin`, not
    /// after the slot began, and `end`, not before it ended.
    function challenge(
        bytes32 clearing,
        Evidence calldata begin,
        Evidence calldata end,
        Claim[] calldata claims
    ) external {
        if (claims.length == 0) revert NoExcess(0, 0);
        Clearing memory terms = market.clearing(clearing);
        Order calldata first = claims[0].order;
        uint64 registered = _registered(terms, first, begin, end);
        (bytes32[] memory trades, uint64[] memory delivered, uint64 claimed) = _claimed(
            clearing,
            terms,
            claims
        );
        if (claimed <= registered) revert NoExcess(registered, claimed);
        emit Challenged(
            first.connectionPoint,
            terms.slot,
            first.side,
            first.account,
            registered,
            claimed
        );
        uint64 excess = claimed - registered;
        for (uint256 i = trades.length; excess != 0; ) {
            --i;
            uint64 part = delivered[i] < excess ? delivered[i] : excess;
            if (part == 0) continue;
            excess -= part;
            market.cut(trades[i], first.side == SELL, part);
        }
    }

    /// What the meter of an order's connection point registered in the order's direction.
    function _registered(
        Clearing memory terms,
        Order calldata order,
        Evidence calldata begin,
        Evidence calldata end
    ) private view returns (uint64) {
        Policy memory policy = market.policy(terms.policy);
        uint64 slotEnd = terms.slot + policy.slotSeconds;
        // After the corrections what was paid stays, whatever a meter says later.
        uint256 closes = uint256(slotEnd) + policy.correctionSeconds;
        MeterReadings.Reading memory from = _proven(order, begin, closes);
        MeterReadings.Reading memory to = _proven(order, end, closes);
        if (from.time > terms.slot) revert BadReading(from.time);
        if (to.time < slotEnd) revert BadReading(to.time);
        if (
            from.meter != to.meter || from.importWh > to.importWh || from.exportWh > to.exportWh
        ) revert NotOneMeter();
        return order.side == SELL ? to.exportWh - from.exportWh : to.importWh - from.importWh;
    }

    /// A reading of the order's connection point, once all of its evidence holds.
    function _proven(
        Order calldata order,
        Evidence calldata evidence,
        uint256 closes
    ) private view returns (MeterReadings.Reading memory reading) {
        reading = MeterReadings.read(evidence.message);
        MeterRegistry.Key memory key = meters.keyAt(reading.meter, reading.time);
        if (
            key.owner != order.account ||
            key.connectionPoint != order.connectionPoint ||
            !MeterReadings.signedBy(key.key, evidence.message, evidence.point)
        ) revert BadReading(reading.time);
        (bytes32 root, uint32 count, uint64 anchored) = readings.roots(
            evidence.community,
            SLOT_ROOTS,
            evidence.period,
            evidence.batch
        );
        bytes32 leaf = keccak256(
            abi.encodePacked(bytes1(0x00), evidence.salt, evidence.message)
        );
        if (
            anchored > closes ||
            !MerklePath.verify(root, leaf, evidence.index, count, evidence.path)
        ) revert NotAnchored(reading.time);
    }

    /// The trades that are named, and what was reconciled of each and of all.
    function _claimed(
        bytes32 clearing,
        Clearing memory terms,
        Claim[] calldata claims
    )
        private
        view
        returns (bytes32[] memory trades, uint64[] memory delivered, uint64 claimed)
    {
        trades = new bytes32[](claims.length);
        delivered = new uint64[](claims.length);
        Order calldata first = claims[0].order;
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            Order calldata order = claim.order;
            if (
                order.account != first.account ||
                order.connectionPoint != first.connectionPoint ||
                order.side != first.side ||
                order.community != first.community ||
                order.slot != terms.slot
            ) revert OtherOrder(i);
            bytes32 own = market.orderHash(order);
            (bytes32 buy, bytes32 sell) = order.side == SELL
                ? (claim.other, own)
                : (own, claim.other);
            trades[i] = keccak256(abi.encodePacked(clearing, buy, sell));
            TradeView memory trade = market.tradeOf(trades[i]);
            bytes32 leaf = keccak256(abi.encodePacked(bytes1(0x00), buy, sell, trade.quantity));
            if (
                (i != 0 && claim.index <= claims[i - 1].index) ||
                !MerklePath.verify(terms.fillsRoot, leaf, claim.index, terms.fills, claim.path)
            ) revert BadFill(i);
            // A root may have one fill at two places.
            for (uint256 j = 0; j < i; ++j) if (trades[j] == trades[i]) revert BadFill(i);
            delivered[i] = trade.delivered;
            claimed += trade.delivered;
        }
    }
}
