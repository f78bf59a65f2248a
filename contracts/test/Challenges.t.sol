// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Judge} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Vm} from "./support/Vm.sol";
import {Pair} from "./support/World.sol";

/// What registers say against what was reconciled: trade by trade, in the order of fills.
contract ChallengesTest is Evidence {
    address private seller;
    address[3] private buyers;

    function setUp() public {
        _beginWithMeters();
        seller = account(2);
        buyers = [account(3), account(4), account(5)];
    }

    /// The seller sells `wh` to each buyer in turn, all reconciled as delivered.
    function sold(uint64[] memory wh) private {
        Pair[] memory all = new Pair[](wh.length);
        for (uint256 i = 0; i < wh.length; ++i) {
            all[i] = pair(buyers[i % 3], seller, 1 + i);
            (all[i].quantity, all[i].sell.nonce) = (wh[i], 1);
            all[i].sell.quantity = type(uint56).max;
            all[i].buy.quantity = type(uint56).max;
            all[i].buy.nonce = 1;
        }
        settleAll(all);
        vm.warp(END);
        for (uint256 i = 0; i < wh.length; ++i) run(0, i, [wh[i], 0, 0]);
    }

    function each(uint64 a) private pure returns (uint64[] memory all) {
        all = new uint64[](1);
        all[0] = a;
    }

    function each(uint64 a, uint64 b) private pure returns (uint64[] memory all) {
        all = new uint64[](2);
        (all[0], all[1]) = (a, b);
    }

    function only(uint256 a) private pure returns (uint256[] memory all) {
        all = new uint256[](1);
        all[0] = a;
    }

    function is_(
        uint256 index,
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    ) private view {
        NaiveTrades.Words memory t = tradeAt(index);
        same(t.delivered, delivered, "delivered");
        same(t.sellerShort, sellerShort, "seller's short");
        same(t.buyerShort, buyerShort, "buyer's short");
    }

    function lockedOf(address of_) private view returns (uint256) {
        return market.locked(of_, idOf(policy()), DAY);
    }

    /// The worked example: 800 Wh were not fed in.
    function test_a_seller_who_fed_in_less_is_short() public {
        sold(each(5000));
        Judge.Evidence[2] memory both = evidence(seller, 0, 4200);
        vm.warp(CORRECTIONS_END + 1);
        vm.recordLogs();
        challenge(both, 1, 4200, only(0));
        Vm.Log memory log = vm.getRecordedLogs()[0];
        same(log.topics[0], Judge.Challenged.selector, "the event");
        same(log.topics[1], pointOf(seller), "point");
        same(log.topics[2], bytes32(uint256(SLOT)), "slot");
        same(log.topics[3], bytes32(uint256(uint160(seller))), "account");
        same(keccak256(log.data), keccak256(abi.encode(1, 4200, 5000)), "the rest");
        is_(0, 4200, 800, 0);
        same(lockedOf(seller), 747_600_000 + 453_600_000, "seller");
        same(lockedOf(buyers[0]), 153_600_000 + 86_400_000, "buyer");
        same(lockedOf(NETWORK), 42_000_000, "network");
        same(lockedOf(PLATFORM), 16_800_000, "platform");
        // Once more is no news.
        challenge(both, 1, 4200, only(0));
    }

    function test_a_buyer_who_took_less_is_short() public {
        sold(each(5000));
        Judge.Evidence[2] memory both = evidence(buyers[0], 4200, 0);
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 0, 4200, only(0));
        is_(0, 4200, 0, 800);
        same(lockedOf(buyers[0]), 73_600_000, "buyer");
        same(lockedOf(seller), 747_600_000 + 540_000_000 + 80_000_000, "seller");
    }

    /// Registers that had room for all of it, to the unit.
    function test_NoExcess() public {
        sold(each(5000));
        Judge.Evidence[2] memory both = evidence(seller, 0, 5000);
        vm.warp(CORRECTIONS_END + 1);
        bytes memory reason = abi.encodeWithSelector(Judge.NoExcess.selector, 5000, 5000);
        refused(STRANGER, address(judge), challenging(both, only(0), 1), reason);
        bytes memory none = challenging(both, new uint256[](0), 1);
        reason = abi.encodeWithSelector(Judge.NoExcess.selector, 0, 0);
        refused(STRANGER, address(judge), none, reason);
    }

    /// Who could not have given what the other is blamed for not taking, is short itself.
    function test_shorts_go_to_whose_registers_lack_it() public {
        sold(each(5000));
        // 4000 delivered; the seller is blamed for 1000 that the buyer would have taken.
        run(1, 0, [uint64(4000), 1000, 0]);
        Judge.Evidence[2] memory some = evidence(buyers[0], 4300, 0);
        Judge.Evidence[2] memory less = evidence(buyers[0], 3500, 0);
        Judge.Evidence[2] memory ofSeller = evidence(seller, 0, 3000);
        vm.warp(CORRECTIONS_END + 1);
        uint256 state = vm.snapshotState();
        challenge(some, 0, 4300, only(0));
        is_(0, 4000, 300, 0);
        vm.revertToState(state);
        challenge(less, 0, 3500, only(0));
        is_(0, 3500, 0, 500);
        vm.revertToState(state);
        challenge(ofSeller, 1, 3000, only(0));
        is_(0, 3000, 2000, 0);
    }

    /// A seller that fed in nothing, and a trade that was not reconciled: it can only expire.
    function test_a_trade_without_a_run_has_nothing_to_cut() public {
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = pair(buyers[i], seller, 1 + i);
            two[i].quantity = 2000;
        }
        settleAll(two);
        vm.warp(END);
        run(0, 0, [uint64(1500), 0, 500]);
        Judge.Evidence[2] memory both = evidence(seller, 0, 0);
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 1, 0, only(1));
        challenge(both, 1, 0, tradesOf(seller, 1));
        is_(0, 0, 1500, 0);
        same(tradeAt(1).runs, 0, "no run");
        run(255, 1, [uint64(0), 0, 0]);
        challenge(both, 1, 0, tradesOf(seller, 1));
    }

    /// As reconciliation has them: what the first takes is not there for the second.
    function test_trades_are_judged_in_the_order_of_their_fills() public {
        sold(each(3000, 3000));
        Judge.Evidence[2] memory both = evidence(seller, 0, 4000);
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 1, 4000, tradesOf(seller, 1));
        is_(0, 3000, 0, 0);
        is_(1, 1000, 2000, 0);
    }

    function test_trades_of_two_batches_are_judged_together() public {
        uint64[] memory wh = new uint64[](66);
        for (uint256 i = 0; i < 66; ++i) wh[i] = 100;
        sold(wh);
        Judge.Evidence[2] memory both = evidence(seller, 0, 6450);
        Judge.Evidence[2] memory few = evidence(seller, 0, 6250);
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 1, 6450, tradesOf(seller, 1));
        is_(63, 100, 0, 0);
        is_(64, 50, 50, 0);
        is_(65, 0, 100, 0);
        challenge(few, 1, 6250, tradesOf(seller, 1));
        is_(62, 50, 50, 0);
        is_(63, 0, 100, 0);
        is_(64, 0, 100, 0);
    }

    /// What one meter says and what the other says, in either order.
    function test_fuzz_two_challenges_of_a_trade_end_the_same_in_either_order(
        uint16[4] memory numbers
    ) public {
        sold(each(5000));
        uint64 delivered = numbers[0] % 5001;
        uint64 short = numbers[1] % (5001 - delivered);
        bool ofSeller = numbers[0] & 1 == 0;
        run(1, 0, [delivered, ofSeller ? short : 0, ofSeller ? 0 : short]);
        (uint64 fedIn, uint64 taken) = (numbers[2] % 6000, numbers[3] % 6000);
        Judge.Evidence[2] memory a = evidence(seller, 0, fedIn);
        Judge.Evidence[2] memory b = evidence(buyers[0], taken, 0);
        vm.warp(CORRECTIONS_END + 1);
        uint256 state = vm.snapshotState();
        challenge(a, 1, fedIn, only(0));
        challenge(b, 0, taken, only(0));
        NaiveTrades.Words memory one = tradeAt(0);
        vm.revertToState(state);
        challenge(b, 0, taken, only(0));
        challenge(a, 1, fedIn, only(0));
        NaiveTrades.Words memory two = tradeAt(0);
        same(one.delivered, two.delivered, "delivered");
        same(one.sellerShort, two.sellerShort, "seller's short");
        same(one.buyerShort, two.buyerShort, "buyer's short");
        isTrue(one.delivered <= fedIn && one.delivered <= taken, "what both meters have");
        isTrue(one.delivered + one.buyerShort <= fedIn || one.buyerShort == 0, "was offered");
        isTrue(one.delivered + one.sellerShort <= taken || one.sellerShort == 0, "was asked for");
    }

    /// A cut only takes: what a later one of the trade before sets free is not given back, so that
    /// nobody gains by leaving trades out. Where the earlier trade is challenged first, the later
    /// one is left what reconciliation would have said.
    function test_what_a_later_cut_sets_free_is_not_given_to_the_next_trade() public {
        sold(each(500, 500));
        Judge.Evidence[2] memory a = evidence(seller, 0, 600);
        Judge.Evidence[2] memory b = evidence(buyers[0], 300, 0);
        vm.warp(CORRECTIONS_END + 1);
        uint256 state = vm.snapshotState();
        challenge(b, 0, 300, only(0));
        challenge(a, 1, 600, tradesOf(seller, 1));
        is_(0, 300, 0, 200);
        is_(1, 300, 200, 0);
        vm.revertToState(state);
        challenge(a, 1, 600, tradesOf(seller, 1));
        challenge(b, 0, 300, only(0));
        is_(0, 300, 0, 200);
        is_(1, 100, 400, 0);
    }

    /// Whoever names fewer trades cuts none of them more.
    function test_fuzz_omitted_claims_never_cut_more(uint16[8] memory numbers, uint8 which) public {
        uint64[] memory wh = new uint64[](4);
        for (uint256 i = 0; i < 4; ++i) wh[i] = 1 + (numbers[i] % 1000);
        sold(wh);
        for (uint256 i = 0; i < 4; ++i) {
            uint64 delivered = uint64(numbers[4 + i] % (wh[i] + 1));
            uint64 short = wh[i] - delivered;
            run(1, i, [delivered, 0, (numbers[i] & 1) * short]);
        }
        uint64 registered = numbers[0] % 3000;
        Judge.Evidence[2] memory both = evidence(seller, 0, registered);
        uint256[] memory some = new uint256[](4);
        uint256 count = 0;
        for (uint256 i = 0; i < 4; ++i) if ((which >> i) & 1 == 1) some[count++] = i;
        assembly ("memory-safe") {
            mstore(some, count)
        }
        vm.warp(CORRECTIONS_END + 1);
        uint256 state = vm.snapshotState();
        challenge(both, 1, registered, tradesOf(seller, 1));
        uint64[3][4] memory all;
        for (uint256 i = 0; i < 4; ++i) all[i] = [tradeAt(i).delivered, tradeAt(i).sellerShort, 0];
        vm.revertToState(state);
        if (count != 0) challenge(both, 1, registered, some);
        for (uint256 i = 0; i < 4; ++i) {
            isTrue(tradeAt(i).delivered >= all[i][0], "not less delivered");
            isTrue(tradeAt(i).sellerShort <= all[i][1], "not more short");
        }
        // And who names the others too ends where all of them were named at once.
        challenge(both, 1, registered, tradesOf(seller, 1));
        for (uint256 i = 0; i < 4; ++i) same(tradeAt(i).delivered, all[i][0], "the same at last");
    }

    /// Cuts move locked cash between the parties of a trade and fees, and none appears or goes.
    function test_fuzz_a_cut_conserves_cash(uint16[4] memory numbers) public {
        sold(each(1 + (numbers[0] % 4000), 1 + (numbers[1] % 4000)));
        Judge.Evidence[2] memory both = evidence(seller, 0, numbers[2] % 8000);
        uint256 before = _sum();
        vm.warp(CORRECTIONS_END + 1 + (numbers[3] % 2 days));
        challenge(both, 1, numbers[2] % 8000, tradesOf(seller, 1));
        same(_sum(), before, "all that is locked");
    }

    function _sum() private view returns (uint256 sum) {
        sum = lockedOf(seller) + lockedOf(NETWORK) + lockedOf(PLATFORM);
        for (uint256 i = 0; i < 3; ++i) sum += lockedOf(buyers[i]);
    }
}
