// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {FillBatch, Mandate, Policy, Reason, Terms} from "../src/Types.sol";
import {Market} from "./support/Contracts.sol";
import {Delegates} from "./support/Delegates.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// What is counted of the orders of delegates: by slot and by day, over all batches.
contract MandateDayTest is Delegates {
    /// Orders of a delegate for a slot of a day, of which `wh` are filled.
    function settledAt(uint64 slot, uint64 wh, Reason expected) private returns (FillBatch memory) {
        Terms memory terms = termsOf(policy());
        terms.clearing.slot = slot;
        Pair memory one = pair(buyer, seller, slot);
        (one.buy.slot, one.sell.slot, one.quantity) = (slot, slot, wh);
        (one.buy.expiry, one.sell.expiry) = (type(uint64).max, type(uint64).max);
        delegated(one.buy, delegate);
        FillBatch memory batch = postOne(terms, single(one));
        check(batch, expected);
        return batch;
    }

    function test_a_day_is_limited_over_its_slots() public {
        Mandate memory m = limits(1);
        (m.until, m.quantityPerDay) = (type(uint64).max, 5000);
        grantTo(buyer, delegate, m);
        uint64 midnight = (uint64(DAY) + 1) * 1 days;
        settledAt(SLOT, 2000, Reason.None);
        settledAt(SLOT + 900, 2000, Reason.None);
        FillBatch memory third = settledAt(SLOT + 1800, 1001, Reason.BuyerMandate);
        settledAt(SLOT + 2700, 1000, Reason.None);
        same(filledOf(buyer, 0), 5000, "to the unit");
        settledAt(midnight - 900, 1, Reason.BuyerMandate);
        // The next day has its own, and so has the other side.
        settledAt(midnight, 5000, Reason.None);
        settledAt(midnight + 900, 1, Reason.BuyerMandate);
        same(mandates().filled(buyer, delegate, DAY + 1, 0), 5000, "of the next day");
        same(filledOf(buyer, 1), 0, "of the other side");
        // A later version changes the limit, and not what was counted.
        (m.version, m.quantityPerDay) = (2, 6001);
        grantTo(buyer, delegate, m);
        check(third, Reason.None);
        settledAt(SLOT + 3600, 1, Reason.BuyerMandate);
        same(filledOf(buyer, 0), 6001, "all of it");
    }

    function test_sides_accounts_and_delegates_count_by_themselves() public {
        address other = account(51);
        Pair[] memory four = new Pair[](4);
        four[0] = by(true, false);
        four[1] = by(false, true);
        (four[1].buy.account, four[1].sell.account) = (account(3), buyer);
        four[2] = by(true, false);
        four[2].buy.account = account(4);
        four[3] = by(true, false);
        delegated(four[3].buy, other);
        for (uint256 i = 0; i < 4; ++i) (four[i].sell.nonce, four[i].quantity) = (i, 5000);
        delegated(four[1].sell, delegate);
        grantTo(buyer, delegate, limits(1));
        grantTo(account(4), delegate, limits(1));
        grantTo(buyer, other, limits(1));
        check(postOne(termsOf(policy()), four), Reason.None);
        same(filledOf(buyer, 0), 5000, "bought");
        same(filledOf(buyer, 1), 5000, "sold");
        same(filledOf(account(4), 0), 5000, "of another account");
        same(mandates().filled(buyer, other, DAY, 0), 5000, "by another delegate");
    }

    /// However many orders a delegate signs, one is filled: its nonce is that of the slot.
    function test_a_slot_has_one_order_of_a_delegate() public {
        grantTo(buyer, delegate, limits(1));
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = by(true, false);
            (two[i].buy.minFill, two[i].sell.nonce, two[i].quantity) = (uint64(i), i, 1000);
        }
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.BuyerNonce;
        FillBatch memory batch = postOne(termsOf(policy()), two);
        check(batch, reasons);
        same(filledOf(buyer, 0), 1000, "one of them");
        reasons[0] = Reason.AlreadySettled;
        check(batch, reasons);
        same(filledOf(buyer, 0), 1000, "nor later");
    }

    /// An account takes back a single slot without ending the mandate.
    function test_an_account_cancels_a_slot_of_its_delegate() public {
        grantTo(buyer, delegate, limits(1));
        Pair memory one = by(true, false);
        sent(buyer, address(market), abi.encodeCall(Market.cancel, (one.buy.nonce)));
        check(postOne(termsOf(policy()), single(one)), Reason.BuyerNonce);
        same(filledOf(buyer, 0), 0, "nothing is counted");
    }

    /// 70 fills of 10 Wh. One buy order of a delegate has fills 60 to 69, and so goes on in the
    /// second batch.
    function spread() private returns (Pair[] memory all) {
        all = new Pair[](70);
        for (uint256 i = 0; i < 70; ++i) {
            all[i] = pair(account(3 + i % 8), seller, i);
            (all[i].sell.nonce, all[i].quantity) = (500 + i, 10);
            if (i < 60) continue;
            all[i].buy = order(buyer, 0, 0);
            delegated(all[i].buy, delegate);
        }
    }

    /// None, but `reason` from `first` on.
    function mixed(
        uint256 count,
        uint256 first,
        Reason reason
    ) private pure returns (Reason[] memory all) {
        all = new Reason[](count);
        for (uint256 i = first; i < count; ++i) all[i] = reason;
    }

    function test_an_order_that_two_batches_fill_is_counted_once() public {
        Mandate memory m = limits(1);
        m.quantityPerDay = 100;
        grantTo(buyer, delegate, m);
        FillBatch[] memory batches = post(termsOf(policy()), spread());
        uint256 state = vm.snapshotState();
        for (uint256 first = 0; first < 2; ++first) {
            check(batches[first], Reason.None);
            check(batches[1 - first], Reason.None);
            same(filledOf(buyer, 0), 100, "all of it, once");
            check(batches[0], Reason.AlreadySettled);
            check(batches[1], Reason.AlreadySettled);
            same(filledOf(buyer, 0), 100, "nor again");
            vm.revertToState(state);
        }
        // One Wh less is too little for any of it.
        (m.version, m.quantityPerDay) = (2, 99);
        grantTo(buyer, delegate, m);
        check(batches[0], mixed(64, 60, Reason.BuyerMandate));
        check(batches[1], Reason.BuyerMandate);
        same(filledOf(buyer, 0), 0, "nothing");
    }

    function test_a_mandate_that_ends_between_two_batches_fills_no_more() public {
        Mandate memory m = limits(1);
        m.until = uint64(block.timestamp) + 10;
        grantTo(buyer, delegate, m);
        Pair[] memory all = spread();
        FillBatch[] memory batches = post(termsOf(policy()), all);
        check(batches[1], Reason.None);
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < 4; ++i) {
            Mandate memory next = limits(2);
            if (i == 0) vm.warp(block.timestamp + 10);
            if (i == 1) next.until = 0;
            if (i == 2) next.buyPriceMax -= 1;
            if (i == 3) next.quantityPerDay = 99;
            if (i != 0) grantTo(buyer, delegate, next);
            check(batches[0], mixed(64, 60, Reason.BuyerMandate));
            same(market.orderFilled(hashOf(all[69].buy)), 60, "what was filled before stays");
            vm.revertToState(state);
        }
        // Its account may sign the rest itself, which spends no mandate.
        vm.warp(block.timestamp + 10);
        uint256 place = 0;
        while (batches[0].orders[place].account != buyer) ++place;
        put(batches[0], place, sign(buyer, hashOf(all[69].buy)));
        check(batches[0], Reason.None);
        same(market.orderFilled(hashOf(all[69].buy)), 100, "all of it");
        same(filledOf(buyer, 0), 60, "what its delegate signed");
    }

    /// A clearing that says of one batch that it fills little of an order, and of another that it
    /// fills much: what counts is what was filled.
    function test_no_clearing_fills_more_in_a_day_than_was_granted() public {
        Mandate memory m = limits(1);
        m.quantityPerDay = 50;
        grantTo(buyer, delegate, m);
        Pair[] memory all = spread();
        FillBatch[] memory batches = prove(termsOf(policy()), all);
        bytes32[] memory leaves = leavesOf(termsOf(policy()), all);
        // 41 in the one, of which 40 are filled there, and all of it in the other.
        for (uint256 i = 60; i < 70; ++i) {
            leaves[i] = leafOf(
                [hashOf(all[i].buy), hashOf(all[i].sell)],
                [uint64(10), i < 64 ? 41 : 5000, 10],
                NaiveTrades.prices(180_000, 180_000)
            );
        }
        _postLeaves(batches, leaves);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 place = 0;
            while (batches[i].orders[place].account != buyer) ++place;
            batches[i].orders[place].filled = i == 0 ? 41 : 5000;
        }
        check(batches[0], Reason.None);
        same(filledOf(buyer, 0), 40, "what was filled");
        check(batches[1], Reason.BuyerMandate);
        same(market.orderFilled(hashOf(all[69].buy)), 40, "and no more");
    }

    /// What was skipped is not counted until it is filled.
    function test_what_was_skipped_is_counted_when_it_is_filled() public {
        grantTo(buyer, delegate, limits(1));
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = by(true, false);
            (two[i].sell.nonce, two[i].quantity) = (i, 1000);
        }
        two[1].sell.account = account(20); // who has no cash yet
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.SellerFunds;
        FillBatch memory batch = postOne(termsOf(policy()), two);
        check(batch, reasons);
        same(filledOf(buyer, 0), 1000, "the first");
        fund(account(20), 1_000_000_000);
        (reasons[0], reasons[1]) = (Reason.AlreadySettled, Reason.None);
        check(batch, reasons);
        same(filledOf(buyer, 0), 2000, "and the second");
        check(batch, Reason.AlreadySettled);
        same(filledOf(buyer, 0), 2000, "once");
    }

    /// A slot's number depends on its length: two policies of different lengths have nonces of
    /// their own, and one day.
    function test_slots_of_another_length_have_their_own_nonces_and_the_same_day() public {
        Policy memory hours_ = policy();
        (hours_.zone, hours_.slotSeconds) = ("other", 3600);
        Terms memory terms = termsOf(hours_);
        terms.clearing.policy = register(hours_);
        terms.clearing.slot = SLOT - SLOT % 3600;
        Mandate memory m = limits(1);
        m.policy = terms.clearing.policy;
        grantTo(buyer, delegate, m);
        Pair memory one = by(true, false);
        one.quantity = 3000;
        (one.buy.zone, one.sell.zone) = ("other", "other");
        (one.buy.policy, one.sell.policy) = (m.policy, m.policy);
        (one.buy.slot, one.sell.slot) = (terms.clearing.slot, terms.clearing.slot);
        one.buy.nonce = mandates().orderNonce(delegate, one.buy.slot, 3600, 0);
        check(postOne(terms, single(one)), Reason.None);
        grantTo(buyer, delegate, limits(2));
        one = by(true, false);
        one.quantity = 2001;
        comesOutAfter(Reason.BuyerMandate, one);
        one.quantity = 2000;
        comesOutAfter(Reason.None, one);
    }

    function comesOutAfter(Reason expected, Pair memory one) private {
        uint256 state = vm.snapshotState();
        one.sell.nonce = 77;
        check(postOne(termsOf(policy()), single(one)), expected);
        vm.revertToState(state);
    }
}
