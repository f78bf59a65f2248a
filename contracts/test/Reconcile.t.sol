// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {Delivery, Fill, Outcome, Policy, Reason, TradeView} from "../src/Types.sol";
import {Market, Roles} from "./support/Contracts.sol";
import {Pair, World} from "./support/World.sol";

/// From a settled trade to free cash.
contract ReconcileTest is World {
    address private buyer;
    address private seller;
    bytes32 private trade;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 1_000_000_000);
        trade = settled(single(pair(buyer, seller, 1)))[0];
        vm.warp(END);
    }

    function delivery(
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    ) private view returns (Delivery memory) {
        return Delivery(trade, delivered, sellerShort, buyerShort);
    }

    function call(uint8 run, Delivery memory one) private pure returns (bytes memory) {
        Delivery[] memory deliveries = new Delivery[](1);
        deliveries[0] = one;
        return abi.encodeCall(Market.reconcile, (run, deliveries));
    }

    function lockedOf(address of_) private view returns (uint256) {
        return market.locked(of_, idOf(policy()), DAY);
    }

    function test_the_worked_example_and_its_correction() public {
        reconcile(0, delivery(4200, 800, 0));
        same(lockedOf(seller), 747_600_000 + 453_600_000, "seller");
        same(lockedOf(buyer), 153_600_000 + 86_400_000, "buyer");
        same(lockedOf(NETWORK), 42_000_000, "network");
        same(lockedOf(PLATFORM), 16_800_000, "platform");
        TradeView memory view_ = market.tradeOf(trade);
        same(view_.escrow + view_.collateral, 0, "nothing is tied up any more");

        vm.warp(CORRECTIONS_END);
        reconcile(1, delivery(4500, 500, 0));
        same(lockedOf(seller), 801_000_000 + 540_000_000, "seller, corrected");
        same(lockedOf(buyer), 96_000_000, "buyer, corrected");
        same(market.tradeOf(trade).runs, 2, "runs");
    }

    function test_a_buyer_who_does_not_take_compensates() public {
        Outcome memory outcome = market.preview(delivery(4200, 0, 800));
        same(outcome.compensation, 80_000_000, "800 Wh x (18 ct - 8 ct)");
        reconcile(0, delivery(4200, 0, 800));
        same(lockedOf(buyer), 73_600_000, "buyer");
        same(lockedOf(seller), 747_600_000 + 540_000_000 + 80_000_000, "seller");
    }

    function test_the_digest_of_a_run_is_as_documented() public {
        bytes32 before = market.digest(buyer, DAY);
        reconcile(3, delivery(4200, 0, 800));
        bytes memory what = abi.encodePacked(before, uint8(2), trade, uint8(3));
        what = abi.encodePacked(what, uint64(4200), uint64(0), uint64(800));
        same(market.digest(buyer, DAY), keccak256(what), "digest");
    }

    function test_OutsideWindow() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, trade);
        bytes memory full = call(1, delivery(5000, 0, 0));
        vm.warp(END - 1);
        refused(OPERATOR, address(market), full, reason);
        vm.warp(CORRECTIONS_END + 1);
        refused(OPERATOR, address(market), full, reason);
        bytes memory expire = abi.encodeCall(Market.expire, (list(trade)));
        vm.warp(CORRECTIONS_END);
        refused(STRANGER, address(market), expire, reason);
        sent(OPERATOR, address(market), full);
    }

    function test_RunNotHigher() public {
        reconcile(1, delivery(5000, 0, 0));
        uint8[4] memory runs = [uint8(0), 1, 254, 255];
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory reason = abi.encodeWithSelector(
                MarketEvents.RunNotHigher.selector,
                trade,
                runs[i]
            );
            refused(OPERATOR, address(market), call(runs[i], delivery(1, 0, 0)), reason);
        }
        reconcile(253, delivery(5000, 0, 0));
        vm.warp(CORRECTIONS_END + 1);
        bytes memory expire = abi.encodeCall(Market.expire, (list(trade)));
        refused(STRANGER, address(market), expire, MarketEvents.RunNotHigher.selector);
    }

    function test_UnknownTrade() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.UnknownTrade.selector, 0);
        Delivery memory unknown = Delivery(0, 1, 0, 0);
        refused(OPERATOR, address(market), call(0, unknown), reason);
        refused(STRANGER, address(market), abi.encodeCall(Market.preview, (unknown)), reason);
        bytes memory expire = abi.encodeCall(Market.expire, (list(bytes32(0))));
        refused(STRANGER, address(market), expire, reason);
    }

    function test_BadDelivery() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.BadDelivery.selector, trade);
        uint64 most = type(uint64).max;
        refused(OPERATOR, address(market), call(0, delivery(5001, 0, 0)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 1001, 0)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 0, 1001)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 1, 1)), reason);
        refused(OPERATOR, address(market), call(0, delivery(most, most, 0)), reason);
    }

    /// The seller fed in 800 Wh less than was reconciled.
    function test_a_cut_makes_a_side_short_and_no_run_undoes_it() public {
        reconcile(0, delivery(5000, 0, 0));
        bytes memory cut = abi.encodeCall(Market.cut, (trade, true, 800));
        bytes memory reason = abi.encodeWithSelector(MarketEvents.NotChallenges.selector, OPERATOR);
        refused(OPERATOR, address(market), cut, reason);
        sent(CHALLENGES, address(market), cut);
        same(lockedOf(seller), 747_600_000 + 453_600_000, "seller");
        same(lockedOf(buyer), 153_600_000 + 86_400_000, "buyer");
        refused(
            OPERATOR,
            address(market),
            call(253, delivery(5000, 0, 0)),
            MarketEvents.RunNotHigher.selector
        );
        vm.warp(RELEASE);
        refused(CHALLENGES, address(market), cut, MarketEvents.OutsideWindow.selector);
    }

    function test_only_the_reconciler_and_not_in_a_pause() public {
        bytes memory full = call(0, delivery(5000, 0, 0));
        refused(STRANGER, address(market), full, Roles.AccessControlUnauthorizedAccount.selector);
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        refused(OPERATOR, address(market), full, Market.EnforcedPause.selector);
    }

    function test_a_pause_stops_nobody_from_leaving() public {
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        vm.warp(CORRECTIONS_END + 1);
        sent(STRANGER, address(market), abi.encodeCall(Market.expire, (list(trade))));
        same(lockedOf(buyer), ESCROW, "all of the escrow comes back");
        same(lockedOf(seller), COLLATERAL, "all of the collateral comes back");
        vm.warp(RELEASE);
        bytes32 id = idOf(policy());
        sent(STRANGER, address(market), abi.encodeCall(Market.release, (id, DAY, list(buyer))));
        same(market.free(buyer), 5_000_000_000, "free again");
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (5_000_000_000)));
        vm.warp(RELEASE + WITHDRAWAL_DELAY);
        sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        same(token.balanceOf(buyer), 5_000_000_000, "out");
    }

    function test_release_NotYet_and_only_once() public {
        reconcile(0, delivery(5000, 0, 0));
        bytes32 id = idOf(policy());
        bytes memory release = abi.encodeCall(Market.release, (id, DAY, list(seller)));
        vm.warp(RELEASE - 1);
        bytes memory reason = abi.encodeWithSelector(Accounts.NotYet.selector, RELEASE);
        refused(STRANGER, address(market), release, reason);
        same(market.lockedUntil(seller, id, DAY), RELEASE, "until");
        vm.warp(RELEASE);
        sent(STRANGER, address(market), release);
        same(market.free(seller), 1_000_000_000 + 890_000_000, "free");
        vm.recordLogs();
        sent(STRANGER, address(market), release);
        same(vm.getRecordedLogs().length, 0, "nothing is released twice");
    }

    /// Any number of runs of any deliveries: after each, what is locked is the outcome of the last.
    function test_fuzz_a_later_run_replaces_the_one_before(uint64[6] memory claims) public {
        for (uint8 run = 0; run < 3; ++run) {
            uint64 delivered = claims[2 * run] % 5001;
            uint64 short = claims[2 * run + 1] % (5001 - delivered);
            bool ofSeller = claims[2 * run] & 1 == 0;
            Delivery memory one = delivery(delivered, ofSeller ? short : 0, ofSeller ? 0 : short);
            Outcome memory outcome = market.preview(one);
            reconcile(run, one);
            same(
                lockedOf(seller),
                outcome.sellerNet + outcome.compensation + outcome.collateralBack,
                "seller"
            );
            same(lockedOf(buyer), outcome.refund + outcome.makeWhole, "buyer");
            same(lockedOf(NETWORK), outcome.network, "network");
            same(lockedOf(PLATFORM), outcome.platform, "platform");
            uint256 sum = lockedOf(seller) + lockedOf(buyer) + lockedOf(NETWORK);
            same(sum + lockedOf(PLATFORM), ESCROW + COLLATERAL, "nothing is lost");
        }
    }

    /// Another policy that names the buyer as receiver of fees locks under its own name only.
    function test_a_policy_that_an_account_did_not_sign_does_not_prolong_its_lock() public {
        Policy memory hostile = policy();
        hostile.zone = "other";
        hostile.networkAccount = buyer;
        (hostile.correctionSeconds, hostile.challengeSeconds) = (90 days - 1, 1);
        bytes32 id = register(hostile);
        fund(account(3), 2_000_000_000);
        fund(account(4), 2_000_000_000);
        Pair memory one = pair(account(3), account(4), 1);
        (one.buy.policy, one.sell.policy) = (id, id);
        (one.buy.zone, one.sell.zone) = ("other", "other");
        vm.warp(SLOT);
        bytes32 other = _settle(hostile, one);
        vm.warp(END);
        reconcile(0, delivery(4000, 0, 0));
        reconcile(0, Delivery(other, 4000, 0, 0));
        same(market.locked(buyer, id, DAY), 40_000_000, "a fee of the other policy");
        vm.warp(RELEASE);
        bytes memory release = abi.encodeCall(Market.release, (idOf(policy()), DAY, list(buyer)));
        sent(STRANGER, address(market), release);
        release = abi.encodeCall(Market.release, (id, DAY, list(buyer)));
        refused(STRANGER, address(market), release, Accounts.NotYet.selector);
    }

    function _settle(Policy memory terms, Pair memory one) private returns (bytes32) {
        (bytes32 id, Fill[] memory fills) = post(clearing(terms), single(one));
        check(id, fills[0], Reason.None);
        return tradeOf(id, fills[0]);
    }
}
