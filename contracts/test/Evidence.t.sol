// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {PricePair, Trade} from "../src/Trades.sol";
import {Claim, TradeBatch} from "../src/Types.sol";
import {Judge, Market, Meters, Readings} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// Evidence that proves nothing, and claims of no trade.
contract EvidenceTest is Evidence {
    address private seller;
    address private buyer;
    /// Of the seller, 4200 Wh.
    bytes private good;

    function setUp() public {
        _beginWithMeters();
        (buyer, seller) = (account(1), account(2));
        Pair[] memory all = new Pair[](3);
        // The seller sells twice, and buys nothing; the third pair is of others.
        for (uint256 i = 0; i < 3; ++i) {
            all[i] = pair(buyer, seller, 1 + i);
            all[i].quantity = 2500;
            all[i].sell.nonce = 1 + i / 2;
        }
        all[2] = pair(account(3), account(4), 1);
        settleAll(all);
        vm.warp(END);
        for (uint256 i = 0; i < 3; ++i) run(0, i, [all[i].quantity, 0, 0]);
        good = abi.encode(evidence(seller, 0, 4200));
    }

    function both() private view returns (Judge.Evidence[2] memory) {
        return abi.decode(good, (Judge.Evidence[2]));
    }

    function indices() private pure returns (uint256[] memory two) {
        two = new uint256[](2);
        two[1] = 1;
    }

    function call(Judge.Evidence[2] memory e) private view returns (bytes memory) {
        return challenging(e, indices(), 1);
    }

    function call(
        Claim[] memory claims_,
        TradeBatch[] memory batches
    ) private view returns (bytes memory) {
        Judge.Evidence[2] memory e = both();
        return abi.encodeCall(Judge.challenge, (e[0], e[1], claims_, batches));
    }

    function refusedFor(bytes memory what, bytes memory reason) private {
        refused(STRANGER, address(judge), what, reason);
    }

    /// Cuts happen between the end of corrections and that of challenges, pause or not.
    function test_OutsideWindow() public {
        bytes memory what = call(both());
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        refusedFor(what, reason);
        vm.warp(CORRECTIONS_END);
        refusedFor(what, reason);
        vm.warp(RELEASE);
        refusedFor(what, reason);
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        uint256 state = vm.snapshotState();
        vm.warp(CORRECTIONS_END + 1);
        challenge(both(), 1, 4200, indices());
        vm.revertToState(state);
        vm.warp(RELEASE - 1);
        challenge(both(), 1, 4200, indices());
    }

    function badReading(uint64 time) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Judge.BadReading.selector, time);
    }

    function test_BadReading() public {
        // From within the slot.
        Judge.Evidence[2] memory e = both();
        e[0] = anchored(message(seller, SLOT + 1, 1000, 2000));
        refusedFor(call(e), badReading(SLOT + 1));
        e = both();
        e[1] = anchored(message(seller, END - 1, 1000, 6200));
        refusedFor(call(e), badReading(END - 1));
        // Of another meter, which is another account's.
        e = evidence(buyer, 0, 4200);
        refusedFor(call(e), badReading(SLOT));
        // Changed, cut off, no message at all, and with a point that the key does not have.
        e = both();
        e[1].message[46] ^= 0x01;
        refusedFor(call(e), badReading(END));
        e = both();
        e[1].message[118] ^= 0x01;
        refusedFor(call(e), badReading(END));
        e = both();
        e[1].message[0] = "X";
        refusedFor(call(e), badReading(0));
        e[1].message = "";
        refusedFor(call(e), badReading(0));
        e = both();
        e[1].point = new bytes(64);
        refusedFor(call(e), badReading(END));
        e[1].point = new bytes(1);
        refusedFor(call(e), badReading(END));
    }

    /// Only the key that was the meter's when it read.
    function test_BadReading_of_a_revoked_key() public {
        sent(seller, address(meters), abi.encodeCall(Meters.revoke, (meterOf(seller))));
        vm.warp(CORRECTIONS_END + 1);
        Judge.Evidence[2] memory e = both();
        refusedFor(call(e), badReading(END));
        e[1] = anchored(message(seller, END + 900, 1000, 6200));
        refusedFor(call(e), badReading(END + 900));
    }

    /// While the meter was away another measured, and what that has is not in these registers.
    function test_NotOneMeter_of_a_meter_that_was_away() public {
        bytes32 meter = meterOf(seller);
        vm.warp(SLOT - 200);
        revoke(meter);
        enrol(seller, "spare", 1);
        vm.warp(END + 200);
        revoke("spare");
        enrol(seller, meter, 2);
        Judge.Evidence[2] memory e = away(END + 900);
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(call(e), abi.encodeWithSelector(Judge.NotOneMeter.selector));
    }

    /// Nor does it count where nothing measured for a while.
    function test_NotOneMeter_of_a_point_without_a_meter() public {
        vm.warp(SLOT + 1);
        revoke(meterOf(seller));
        vm.warp(SLOT + 2);
        enrol(seller, meterOf(seller), 2);
        Judge.Evidence[2] memory e = away(END);
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(call(e), abi.encodeWithSelector(Judge.NotOneMeter.selector));
    }

    /// A meter that only got other keys measured all the time, also in the second of the reading.
    function test_a_meter_that_got_other_keys_is_one() public {
        vm.warp(SLOT + 1);
        rotate(2);
        vm.warp(END);
        rotate(3);
        Judge.Evidence[2] memory e = away(END);
        vm.warp(CORRECTIONS_END + 1);
        challenge(e, 1, 0, indices());
    }

    function revoke(bytes32 meter) private {
        sent(seller, address(meters), abi.encodeCall(Meters.revoke, (meter)));
    }

    /// That the seller's meter fed in nothing from before the slot until `end`.
    function away(uint64 end) private returns (Judge.Evidence[2] memory e) {
        e[0] = anchored(message(seller, SLOT - 300, 1000, 2000));
        e[1] = anchored(message(seller, end, 1000, 2000));
    }

    /// Whoever holds a meter's key cannot make the question who signed a reading too dear.
    /// forge-config: default.isolate = true
    function test_rotations_afterwards_do_not_keep_a_trade_from_being_challenged() public {
        bytes memory what = call(both());
        for (uint32 version = 2; version < 2500; ++version) {
            vm.warp(END + version);
            rotate(version);
        }
        vm.warp(CORRECTIONS_END + 1);
        sent(STRANGER, address(judge), what);
        isTrue(vm.lastCallGas().gasTotalUsed < 1_000_000, "a challenge costs what it did");
    }

    /// The meter's key signs that it is to be replaced, here by itself.
    function rotate(uint32 version) private {
        (bytes32 meter, address key) = (meterOf(seller), keyOfMeter(seller));
        bytes32 hash = keccak256(
            "Rotation(bytes32 meter,address key,uint32 version,uint64 expiry)"
        );
        hash = keccak256(abi.encode(hash, meter, key, version, RELEASE));
        bytes32 separator = domain("Wattex MeterRegistry", address(meters));
        hash = keccak256(abi.encodePacked(hex"1901", separator, hash));
        bytes memory change = abi.encodeCall(
            Meters.rotate,
            (meter, key, RELEASE, sign(key, hash))
        );
        sent(STRANGER, address(meters), change);
    }

    /// Readings from further outside bound the slot as well.
    function test_readings_from_outside_of_the_slot_count() public {
        Judge.Evidence[2] memory e = both();
        e[0] = anchored(message(seller, SLOT - 300, 1000, 1900));
        e[1] = anchored(message(seller, END + 900, 1000, 6200));
        vm.warp(CORRECTIONS_END + 1);
        challenge(e, 1, 4300, indices());
        same(tradeAt(1).delivered, 1800, "what is left for the second");
    }

    function test_NotAnchored() public {
        bytes memory text = message(seller, END, 1000, 6200);
        vm.warp(CORRECTIONS_END);
        Judge.Evidence[2] memory e = both();
        e[1] = anchored(text);
        bytes memory intime = call(e);
        vm.warp(CORRECTIONS_END + 1);
        bytes memory reason = abi.encodeWithSelector(Judge.NotAnchored.selector, END);
        e[1] = anchored(text);
        refusedFor(call(e), reason);
        for (uint256 fault = 0; fault < 6; ++fault) {
            e = both();
            if (fault == 0) e[1].salt = 0;
            if (fault == 1) e[1].index = 0;
            if (fault == 2) e[1].batch -= 1;
            if (fault == 3) e[1].path[0] = 0;
            if (fault == 4) e[1].community = "other";
            if (fault == 5) e[1].period += 900;
            refusedFor(call(e), reason);
        }
        sent(STRANGER, address(judge), intime);
    }

    /// A root of another kind does not prove a slot.
    function test_NotAnchored_by_a_day() public {
        Judge.Evidence[2] memory e = both();
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0), e[1].salt, e[1].message));
        sent(
            OPERATOR,
            address(readings),
            abi.encodeCall(Readings.anchor, ("community", 2, DAY, leaf, 1))
        );
        (e[1].period, e[1].batch, e[1].index, e[1].path) = (DAY, 1, 0, new bytes32[](0));
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(call(e), abi.encodeWithSelector(Judge.NotAnchored.selector, END));
    }

    function test_NotOneMeter() public {
        vm.warp(CORRECTIONS_END);
        Judge.Evidence[2] memory e = both();
        bytes memory reason = abi.encodeWithSelector(Judge.NotOneMeter.selector);
        e[1] = anchored(message(seller, END, 999, 6200));
        bytes memory fallen = call(e);
        e[1] = anchored(message(seller, END, 1000, 1999));
        bytes memory other = call(e);
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(fallen, reason);
        refusedFor(other, reason);
    }

    function test_OtherOrder() public {
        vm.warp(CORRECTIONS_END + 1);
        uint256[] memory three = new uint256[](3);
        (three[1], three[2]) = (1, 2);
        // Of another account, of another side, and of another connection point.
        TradeBatch[] memory batches = batchesOf(three);
        bytes memory what = call(claims(three, 1), batches);
        refusedFor(what, abi.encodeWithSelector(Judge.OtherOrder.selector, 2));
        Claim[] memory some = claims(three, 1);
        some[1] = claims(three, 0)[1];
        what = call(some, batches);
        refusedFor(what, abi.encodeWithSelector(Judge.OtherOrder.selector, 1));
        some = claims(indices(), 1);
        some[1].order.connectionPoint = "other";
        what = call(some, batches);
        refusedFor(what, abi.encodeWithSelector(Judge.OtherOrder.selector, 1));
        some = claims(indices(), 1);
        some[1].order.slot += 900;
        what = call(some, batches);
        refusedFor(what, abi.encodeWithSelector(Judge.OtherOrder.selector, 1));
    }

    function test_BadFill() public {
        vm.warp(CORRECTIONS_END + 1);
        TradeBatch[] memory batches = batchesOf(indices());
        for (uint256 fault = 0; fault < 10; ++fault) {
            Claim[] memory some = claims(indices(), 1);
            if (fault == 0) some[1] = some[0];
            if (fault == 1) (some[0], some[1]) = (some[1], some[0]);
            if (fault == 2) some[1].filled += 1;
            if (fault == 3) some[1].otherFilled += 1;
            if (fault == 4) some[1].other = 0;
            if (fault == 5) some[1].path[0] = 0;
            if (fault == 6) some[1].order.nonce += 1;
            if (fault == 7) some[1].index = 2;
            if (fault == 8) some[1].prices = NaiveTrades.prices(180_001, 180_000);
            if (fault == 9) some[1].prices = NaiveTrades.prices(180_000, 179_999);
            bytes memory reason = abi.encodeWithSelector(Judge.BadFill.selector, 1);
            refusedFor(call(some, batches), reason);
        }
    }

    function test_BadBatch() public {
        vm.warp(CORRECTIONS_END + 1);
        Claim[] memory some = claims(indices(), 1);
        TradeBatch[] memory batches = batchesOf(indices());
        bytes memory shown = abi.encode(batches);
        batches[0].trades[0] = Trade.wrap(Trade.unwrap(batches[0].trades[0]) + (1 << 144));
        bytes memory reason = abi.encodeWithSelector(Judge.BadBatch.selector, 0);
        refusedFor(call(some, batches), reason);
        batches = abi.decode(shown, (TradeBatch[]));
        batches[0].number = 1;
        refusedFor(call(some, batches), reason);
        // Prices where all have one.
        batches = abi.decode(shown, (TradeBatch[]));
        batches[0].prices = new PricePair[](batches[0].trades.length);
        refusedFor(call(some, batches), reason);
        // One that has none of the claims, and claims that no batch has.
        TradeBatch[] memory twice = new TradeBatch[](2);
        (twice[0], twice[1]) = (standing(id, 0), standing(id, 0));
        reason = abi.encodeWithSelector(Judge.BadBatch.selector, 1);
        refusedFor(call(some, twice), reason);
        some[1].index = 64;
        batches = abi.decode(shown, (TradeBatch[]));
        refusedFor(call(some, batches), reason);
        // Terms that are those of no clearing.
        some = claims(indices(), 1);
        batches[0].terms.policy.toleranceWh += 1;
        refused(
            STRANGER,
            address(judge),
            call(some, batches),
            MarketEvents.UnknownClearing.selector
        );
    }
}
