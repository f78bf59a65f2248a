// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {Mandate, FillBatch, Policy, Reason, Terms} from "../src/Types.sol";
import {Judge, Market} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// Policies that are settled after their slot: what was delivered is shared out once it is known.
contract LateTest is Evidence {
    uint32 private constant SETTLE = 2 days;
    uint64 private constant SETTLED = END + SETTLE;

    address private buyer;
    address private seller;
    bytes32 private term;

    function setUp() public {
        _beginWithMeters();
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 5_000_000_000);
        term = register(late());
    }

    function late() private pure returns (Policy memory p) {
        p = policy();
        p.settleSeconds = SETTLE;
    }

    function terms() private pure returns (Terms memory) {
        return termsOf(late());
    }

    function one(uint256 nonce) private view returns (Pair memory both) {
        both = pair(buyer, seller, nonce);
        (both.buy.policy, both.sell.policy) = (term, term);
        (both.buy.expiry, both.sell.expiry) = (type(uint64).max, type(uint64).max);
    }

    function slotOver() private pure returns (bytes memory) {
        return abi.encodeWithSelector(MarketEvents.SlotOver.selector, SLOT);
    }

    function test_a_slot_is_cleared_and_settled_until_settling_is_over() public {
        FillBatch memory batch = prove(terms(), single(one(1)))[0];
        bytes memory clears = abi.encodeCall(Market.clear, (batch.terms));
        bytes memory settles = abi.encodeCall(Market.settle, (batch));
        uint64[4] memory times = [SLOT - 600, END - 1, END, SETTLED - 1];
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < 4; ++i) {
            vm.warp(times[i]);
            sent(OPERATOR, address(market), clears);
            check(batch, Reason.None);
            vm.revertToState(state);
        }
        vm.warp(SETTLED);
        refused(OPERATOR, address(market), clears, slotOver());
        vm.warp(SETTLED - 1);
        sent(OPERATOR, address(market), clears);
        vm.warp(SETTLED);
        refused(STRANGER, address(market), settles, slotOver());
        vm.warp(SETTLED - 1);
        sent(STRANGER, address(market), settles);
    }

    /// Without time for it nothing is settled after the slot, as always.
    function test_SlotOver_where_a_policy_has_no_time_for_settling() public {
        FillBatch memory batch = prove(termsOf(policy()), single(pair(buyer, seller, 1)))[0];
        vm.warp(END);
        bytes memory clears = abi.encodeCall(Market.clear, (batch.terms));
        refused(OPERATOR, address(market), clears, slotOver());
        vm.warp(END - 1);
        sent(OPERATOR, address(market), clears);
        vm.warp(END);
        bytes memory settles = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), settles, slotOver());
    }

    /// Orders that were signed for the time before the slot only are not filled after it.
    function test_an_order_that_expires_with_its_slot_is_not_settled_after_it() public {
        Pair memory both = one(1);
        both.sell.expiry = END;
        FillBatch memory batch = postOne(terms(), single(both));
        vm.warp(END + 1);
        check(batch, Reason.Expired);
        vm.warp(END);
        check(batch, Reason.None);
    }

    function test_an_order_that_is_cancelled_after_its_slot_is_not_settled() public {
        FillBatch memory batch = postOne(terms(), single(one(1)));
        vm.warp(END + 1);
        sent(seller, address(market), abi.encodeCall(Market.cancel, (1)));
        check(batch, Reason.SellerNonce);
    }

    /// No run as long as a fill may still be settled, so that no settling undoes a run.
    function test_runs_begin_when_settling_is_over() public {
        Pair[] memory two = new Pair[](2);
        (two[0], two[1]) = (one(1), one(2));
        (two[0].quantity, two[1].quantity) = (1000, 1000);
        two[1].sell.account = account(9); // who has no cash yet
        FillBatch memory batch = postOne(terms(), two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.SellerFunds;
        check(batch, reasons);
        bytes32 of_ = idOf(batch.terms);
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, of_);
        bytes memory run_ = reconciling(0, of_, 0, list(NaiveTrades.delivery(0, 1000, 0, 0)));
        bytes memory expiring = reconciling(255, of_, 0, list(NaiveTrades.delivery(0, 0, 0, 0)));
        uint64[4] memory times = [SLOT, END - 1, END, SETTLED - 1];
        for (uint256 i = 0; i < 4; ++i) {
            vm.warp(times[i]);
            refused(OPERATOR, address(market), run_, reason);
            refused(STRANGER, address(market), expiring, reason);
        }
        fund(account(9), 5_000_000_000);
        (reasons[0], reasons[1]) = (Reason.AlreadySettled, Reason.None);
        check(batch, reasons);
        vm.warp(SETTLED);
        // What was shown before is not what is kept now.
        refused(OPERATOR, address(market), run_, MarketEvents.BatchChanged.selector);
        reconcile(0, of_, NaiveTrades.delivery(0, 1000, 0, 0));
        bytes memory settles = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), settles, slotOver());
        // Corrections end when they do without it.
        vm.warp(CORRECTIONS_END);
        reconcile(1, of_, NaiveTrades.delivery(1, 900, 100, 0));
        run_ = reconciling(2, of_, 0, list(NaiveTrades.delivery(0, 1, 0, 0)));
        vm.warp(CORRECTIONS_END + 1);
        refused(OPERATOR, address(market), run_, reason);
    }

    /// A second of corrections is left at the least.
    function test_the_longest_settling_leaves_a_second_for_a_run() public {
        Policy memory p = policy();
        (p.settleSeconds, p.correctionSeconds) = (8 days - 1, 8 days);
        Terms memory those = termsOf(p);
        those.clearing.policy = register(p);
        Pair memory both = one(1);
        (both.buy.policy, both.sell.policy) = (those.clearing.policy, those.clearing.policy);
        vm.warp(CORRECTIONS_END - 2);
        check(postOne(those, single(both)), Reason.None);
        bytes32 of_ = idOf(those);
        vm.warp(CORRECTIONS_END - 1);
        reconcile(0, of_, NaiveTrades.delivery(0, 4000, 1000, 0));
        vm.warp(CORRECTIONS_END);
        reconcile(1, of_, NaiveTrades.delivery(0, 5000, 0, 0));
    }

    /// What is locked waits for the same time as without it, however late it was settled.
    function test_cash_is_released_when_challenges_are_over() public {
        vm.warp(SETTLED - 1);
        FillBatch memory batch = postOne(terms(), single(one(1)));
        check(batch, Reason.None);
        vm.warp(SETTLED);
        reconcile(0, idOf(batch.terms), NaiveTrades.delivery(0, 5000, 0, 0));
        same(market.lockedUntil(seller, term, DAY), RELEASE, "until");
        vm.warp(RELEASE);
        bytes memory release = abi.encodeCall(Market.release, (term, DAY, list(seller)));
        sent(STRANGER, address(market), release);
        same(market.free(seller), 5_000_000_000 + 5000 * 178_000, "free");
    }

    /// What was settled after the slot is judged by the registers at its ends like any other.
    function test_a_late_trade_is_challenged() public {
        (address a, address b) = (account(3), account(4));
        Pair memory both = one(1);
        (both.buy.account, both.sell.account) = (a, b);
        both.sell.connectionPoint = pointOf(b);
        // Meters that were there during the slot.
        vm.warp(SLOT - 1);
        fund(a, 5_000_000_000);
        fund(b, 5_000_000_000);
        enrol(b);
        vm.warp(SETTLED - 1);
        settleAll(terms(), single(both));
        vm.warp(SETTLED);
        run(0, 0, [uint64(5000), 0, 0]);
        Judge.Evidence[2] memory proof = evidence(b, 0, 4200);
        uint256[] memory first = new uint256[](1);
        vm.warp(CORRECTIONS_END + 1);
        challenge(proof, 1, 4200, first);
        same(tradeAt(0).delivered, 4200, "what was fed in");
        same(market.locked(b, term, DAY), 747_600_000 + 453_600_000, "seller");
    }

    /// A standing membership: a delegate shares out what was delivered, after the slot.
    function test_a_delegate_settles_what_was_delivered() public {
        address community = account(50);
        Mandate memory m = limits(1);
        (m.policy, m.until) = (term, SETTLED);
        grantTo(buyer, community, m);
        grantTo(seller, community, m);
        Pair memory both = one(1);
        delegated(both.buy, community);
        delegated(both.sell, community);
        both.quantity = 3210;
        vm.warp(END + 1 days);
        FillBatch memory batch = postOne(terms(), single(both));
        vm.warp(SETTLED - 1);
        check(batch, Reason.None);
        vm.warp(SETTLED);
        reconcile(0, idOf(batch.terms), NaiveTrades.delivery(0, 3210, 0, 0));
        same(mandates().filled(buyer, community, DAY, 0), 3210, "of the slot's day");
    }
}
