// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Batches} from "./Batches.sol";
import {EnergyMarket} from "./EnergyMarket.sol";
import {MerklePath} from "./MerklePath.sol";
import {MeterReadings} from "./MeterReadings.sol";
import {MeterRegistry} from "./MeterRegistry.sol";
import {Outcomes} from "./Outcomes.sol";
import {ReadingAnchor} from "./ReadingAnchor.sol";
import {Delivery, PricePair, Trade, Trades} from "./Trades.sol";
import {Claim, Order, Outcome, Terms, TradeBatch} from "./Types.sol";

/// Judges whether more was reconciled than a meter says, and has the excess cut.
///
/// The reconciler is believed until somebody shows the two signed registers at the ends of a slot:
/// what a connection point sold in it cannot be more than it fed in, nor what it bought more than
/// it took. The evidence proves itself, so anyone may show it and nobody needs a bond.
///
/// The trades that are named are gone through in the order of the clearing's fills, as they were
/// reconciled: each has what the registers say less what those before it delivered. What a trade
/// claims that its side gave, delivered or not taken by the other side, is cut to that, and what is
/// missing then is the side's own shortfall. Naming fewer than there are takes less, never more.
/// Readings from further outside of the slot bound what was delivered in it as well, if the meter
/// was at the connection point all the while.
contract Challenges {
    /// Kind of the roots that have what was read at the end of a slot.
    uint8 private constant SLOT_ROOTS = 1;
    uint8 private constant SELL = 1;
    /// {EnergyMarket.RUN_CHALLENGED}.
    uint8 private constant RUN_CHALLENGED = 254;

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

    /// One side of a connection point while its trades are judged; `left` is what the registers
    /// have for trades that were not judged yet.
    struct Judged {
        bytes32 clearing;
        Terms terms;
        bool sells;
        uint64 left;
        uint64 claimed;
        bool any;
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
    /// The readings are of two meters or of one that was away meanwhile, or their registers fall.
    error NotOneMeter();
    /// The order is of another connection point, slot, side or account than the first.
    error OtherOrder(uint256 claim);
    /// The clearing has no such fill there, it is not after the one before, or is named twice.
    error BadFill(uint256 claim);
    /// The batches are not those of the claims in rising order, or not as the market keeps them.
    error BadBatch(uint256 batch);
    /// What was reconciled fits the registers.
    error NoExcess(uint64 registered, uint64 claimed);

    constructor(EnergyMarket market_, MeterRegistry meters_, ReadingAnchor readings_) {
        market = market_;
        meters = meters_;
        readings = readings_;
    }

    /// Cuts what was reconciled of `claims`, all of one connection point's side in a clearing and
    /// in order of their fills, above what its meter registered between `begin`, not after the slot
    /// began, and `end`, not before it ended. `batches` have the trades of the claims, and each
    /// the same terms.
    function challenge(
        Evidence calldata begin,
        Evidence calldata end,
        Claim[] calldata claims,
        TradeBatch[] calldata batches
    ) external {
        if (claims.length == 0 || batches.length == 0) revert NoExcess(0, 0);
        Judged memory side;
        side.terms = batches[0].terms;
        side.clearing = market.clearingOf(side.terms);
        Order calldata first = claims[0].order;
        side.sells = first.side == SELL;
        uint64 registered = _registered(side.terms, first, begin, end);
        side.left = registered;
        Delivery[][] memory cuts = new Delivery[][](batches.length);
        uint256 next = 0;
        for (uint256 i = 0; i < batches.length; ++i) {
            (cuts[i], next) = _judge(side, claims, batches[i], i, next);
        }
        if (next != claims.length) revert BadBatch(batches.length);
        if (!side.any) revert NoExcess(registered, side.claimed);
        emit Challenged(
            first.connectionPoint,
            side.terms.clearing.slot,
            first.side,
            first.account,
            registered,
            side.claimed
        );
        for (uint256 i = 0; i < batches.length; ++i) {
            if (cuts[i].length != 0) market.reconcile(RUN_CHALLENGED, batches[i], cuts[i]);
        }
    }

    /// Where the cash of a trade of `quantity` Wh goes, by the terms and prices it was settled at:
    /// what each run moves, less what the run before did.
    function preview(
        Terms calldata terms,
        PricePair prices,
        uint64 quantity,
        Delivery delivery
    ) external pure returns (Outcome memory) {
        return Outcomes.outcome(terms, prices, quantity, delivery);
    }

    /// What the meter of an order's connection point registered in the order's direction.
    function _registered(
        Terms memory terms,
        Order calldata order,
        Evidence calldata begin,
        Evidence calldata end
    ) private view returns (uint64) {
        uint64 slot = terms.clearing.slot;
        uint64 slotEnd = slot + terms.policy.slotSeconds;
        // After the corrections what was paid stays, whatever a meter says later.
        uint256 closes = uint256(slotEnd) + terms.policy.correctionSeconds;
        (MeterReadings.Reading memory from, uint32 first) = _proven(order, begin, closes);
        (MeterReadings.Reading memory to, uint32 last) = _proven(order, end, closes);
        if (from.time > slot) revert BadReading(from.time);
        if (to.time < slotEnd) revert BadReading(to.time);
        if (
            from.meter != to.meter ||
            // While it was away another may have measured.
            first != last ||
            from.importWh > to.importWh ||
            from.exportWh > to.exportWh
        ) revert NotOneMeter();
        return order.side == SELL ? to.exportWh - from.exportWh : to.importWh - from.importWh;
    }

    /// A reading of the order's connection point, once all of its evidence holds, and the enrolment
    /// of the key that signed it.
    function _proven(
        Order calldata order,
        Evidence calldata evidence,
        uint256 closes
    ) private view returns (MeterReadings.Reading memory reading, uint32 enrolment) {
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
        return (reading, key.enrolment);
    }

    /// What is to be cut of the trades of a batch, and the first claim that is of no such trade.
    function _judge(
        Judged memory side,
        Claim[] calldata claims,
        TradeBatch calldata batch,
        uint256 number,
        uint256 next
    ) private view returns (Delivery[] memory cuts, uint256) {
        (bytes32 kept, ) = market.batchState(side.clearing, batch.number);
        if (
            side.clearing != keccak256(abi.encode(batch.terms.clearing)) ||
            kept != Batches.hash(batch)
        ) revert BadBatch(number);
        uint256 first = batch.number * Batches.FILLS_MAX;
        cuts = new Delivery[](batch.trades.length);
        uint256 count = 0;
        uint256 begin = next;
        for (; next < claims.length; ++next) {
            uint256 index = claims[next].index;
            if (index < first || index >= first + batch.trades.length) break;
            Trade trade = batch.trades[index - first];
            _checkClaim(side, claims, next, trade);
            (Delivery left, bool less) = _left(side, trade, index - first);
            if (less) cuts[count++] = left;
        }
        // Each batch has claims of its own, and so none is there twice.
        if (next == begin) revert BadBatch(number);
        if (count != 0) side.any = true;
        // Shortens the list.
        assembly ("memory-safe") {
            mstore(cuts, count)
        }
        return (cuts, next);
    }

    /// A claim is of the same side of the same connection point as the first, and a later fill
    /// than the one before it.
    function _checkClaim(
        Judged memory side,
        Claim[] calldata claims,
        uint256 i,
        Trade trade
    ) private view {
        Claim calldata claim = claims[i];
        Order calldata first = claims[0].order;
        if (
            claim.order.account != first.account ||
            claim.order.connectionPoint != first.connectionPoint ||
            claim.order.side != first.side ||
            claim.order.slot != side.terms.clearing.slot
        ) revert OtherOrder(i);
        if (
            trade.isNone() ||
            (i != 0 && claim.index <= claims[i - 1].index) ||
            !Batches.has(
                side.terms.clearing,
                claim,
                market.orderHash(claim.order),
                !side.sells,
                trade.quantity()
            )
        ) revert BadFill(i);
    }

    /// What the registers leave of a trade, and whether that is less than was reconciled.
    ///
    /// What the side gave is what was delivered and what the other side did not take; what the
    /// other side could take is what was delivered and what the side lacked.
    function _left(
        Judged memory side,
        Trade trade,
        uint256 place
    ) private pure returns (Delivery, bool less) {
        Delivery last = trade.last();
        uint64 delivered = last.delivered();
        (uint64 ownShort, uint64 otherShort) = side.sells
            ? (last.sellerShort(), last.buyerShort())
            : (last.buyerShort(), last.sellerShort());
        side.claimed += delivered;
        if (delivered + otherShort > side.left) {
            less = true;
            if (side.left < delivered) {
                ownShort += delivered - side.left;
                (delivered, otherShort) = (side.left, 0);
            } else {
                otherShort = side.left - delivered;
            }
        }
        side.left -= delivered;
        (uint64 sellerShort, uint64 buyerShort) = side.sells
            ? (ownShort, otherShort)
            : (otherShort, ownShort);
        return (Trades.delivery(place, delivered, sellerShort, buyerShort), less);
    }
}
