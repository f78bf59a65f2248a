// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {Clearing, Fill, Policy, Reason, TradeView} from "../src/Types.sol";
import {Market, Roles} from "./support/Contracts.sol";
import {Pair, World} from "./support/World.sol";

/// From a policy to a settled trade.
contract SettleTest is World {
    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 1_000_000_000);
    }

    function one() private view returns (Pair[] memory) {
        return single(pair(buyer, seller, 1));
    }

    function refusedPolicy(Policy memory terms) private {
        bytes memory call = abi.encodeCall(Market.registerPolicy, (terms));
        refused(OPERATOR, address(market), call, MarketEvents.BadPolicy.selector);
    }

    function test_BadPolicy() public {
        Policy memory terms = policy();
        terms.slotSeconds = 0;
        refusedPolicy(terms);
        terms.slotSeconds = 7000;
        refusedPolicy(terms);
        terms = policy();
        terms.toleranceBps = 10_001;
        refusedPolicy(terms);
        terms = policy();
        terms.imbalance = 2;
        refusedPolicy(terms);
        terms = policy();
        terms.challengeSeconds = 0;
        refusedPolicy(terms);
        (terms.correctionSeconds, terms.challengeSeconds) = (90 days, 1);
        refusedPolicy(terms);
        (terms.correctionSeconds, terms.challengeSeconds) = (type(uint32).max, type(uint32).max);
        refusedPolicy(terms);
        terms = policy();
        terms.networkAccount = address(0);
        refusedPolicy(terms);
        terms = policy();
        terms.platformAccount = address(0);
        refusedPolicy(terms);
    }

    function test_a_policy_is_registered_once_and_by_its_role() public {
        Policy memory terms = policy();
        (terms.correctionSeconds, terms.challengeSeconds) = (89 days, 1 days);
        bytes memory call = abi.encodeCall(Market.registerPolicy, (terms));
        refused(STRANGER, address(market), call, Roles.AccessControlUnauthorizedAccount.selector);
        vm.recordLogs();
        sent(OPERATOR, address(market), call);
        same(vm.getRecordedLogs().length, 1, "an event");
        sent(OPERATOR, address(market), call);
        same(vm.getRecordedLogs().length, 0, "nothing the second time");
        bytes memory kept = abi.encode(market.policy(idOf(terms)));
        same(keccak256(kept), idOf(terms), "the terms are kept");
    }

    function refusedClearing(Clearing memory terms, bytes memory reason) private {
        refused(OPERATOR, address(market), abi.encodeCall(Market.clear, (terms)), reason);
    }

    function test_UnknownPolicy_SlotOver_and_BadClearing() public {
        Clearing memory terms = clearing(policy());
        terms.policy = 0;
        refusedClearing(terms, abi.encodeWithSelector(MarketEvents.UnknownPolicy.selector, 0));
        terms = clearing(policy());
        terms.slot -= 1800;
        refusedClearing(terms, abi.encodeWithSelector(MarketEvents.SlotOver.selector, terms.slot));
        bytes memory bad = abi.encodeWithSelector(MarketEvents.BadClearing.selector);
        terms = clearing(policy());
        terms.slot += 1;
        refusedClearing(terms, bad);
        terms = clearing(policy());
        terms.retailPrice = 400_001;
        refusedClearing(terms, bad);
        terms = clearing(policy());
        terms.feedInPrice = 19_999;
        refusedClearing(terms, bad);
    }

    function test_a_slot_is_cleared_once_and_by_the_clearer() public {
        Clearing memory terms = clearing(policy());
        bytes memory call = abi.encodeCall(Market.clear, (terms));
        refused(STRANGER, address(market), call, Roles.AccessControlUnauthorizedAccount.selector);
        sent(OPERATOR, address(market), call);
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.AlreadyCleared.selector,
            bytes32("zone"),
            SLOT
        );
        refusedClearing(terms, reason);
        terms.price += 1;
        refusedClearing(terms, reason);
        Policy memory other = policy();
        other.networkFee += 1;
        terms.policy = register(other);
        refusedClearing(terms, reason);
    }

    function test_UnknownClearing_and_SlotOver() public {
        bytes memory call = abi.encodeCall(Market.settle, ("unknown", new Fill[](0)));
        bytes32 unknown = "unknown";
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.UnknownClearing.selector,
            unknown
        );
        refused(STRANGER, address(market), call, reason);
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), one());
        vm.warp(END);
        call = abi.encodeCall(Market.settle, (id, fills));
        reason = abi.encodeWithSelector(MarketEvents.SlotOver.selector, SLOT);
        refused(STRANGER, address(market), call, reason);
        vm.warp(END - 1);
        check(id, fills[0], Reason.None);
    }

    function test_a_trade_moves_its_cash_and_is_found() public {
        bytes32 trade = settled(single(pair(buyer, seller, 1)))[0];
        same(market.free(buyer), 5_000_000_000 - ESCROW, "the buyer's free cash");
        same(market.free(seller), 1_000_000_000 - COLLATERAL, "the seller's free cash");
        TradeView memory view_ = market.tradeOf(trade);
        same(view_.buyer, buyer, "buyer");
        same(view_.seller, seller, "seller");
        same(view_.quantity, 5000, "quantity");
        same(view_.escrow, ESCROW, "escrow");
        same(view_.collateral, COLLATERAL, "collateral");
        same(view_.clearing, market.cleared("zone", SLOT), "clearing");
        same(market.tradeOf("none").buyer, address(0), "no trade");
    }

    function test_the_digest_of_a_day_is_as_documented() public {
        bytes32 trade = settled(single(pair(buyer, seller, 1)))[0];
        for (uint8 side = 0; side < 2; ++side) {
            bytes memory terms = abi.encodePacked(
                uint64(180_000),
                uint64(300_000),
                uint64(80_000),
                idOf(policy())
            );
            bytes memory what = abi.encodePacked(bytes32(0), uint8(1), trade, side, SLOT);
            bytes32 expected = keccak256(abi.encodePacked(what, uint64(5000), terms));
            same(market.digest(side == 0 ? buyer : seller, DAY), expected, "digest");
        }
    }

    function test_EnforcedPause_and_ExpectedPause() public {
        bytes memory pause = abi.encodeCall(Market.pause, ());
        bytes memory unpause = abi.encodeCall(Market.unpause, ());
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(market), pause, reason);
        refused(STRANGER, address(market), unpause, reason);
        refused(OPERATOR, address(market), unpause, Market.ExpectedPause.selector);
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), one());
        sent(OPERATOR, address(market), pause);
        Clearing memory next = clearing(policy());
        next.slot += SLOT_SECONDS;
        bytes memory call = abi.encodeCall(Market.clear, (next));
        refused(OPERATOR, address(market), call, Market.EnforcedPause.selector);
        call = abi.encodeCall(Market.settle, (id, fills));
        refused(STRANGER, address(market), call, Market.EnforcedPause.selector);
        sent(OPERATOR, address(market), unpause);
        check(id, fills[0], Reason.None);
    }

    /// Whatever numbers two people sign and a clearer posts, nobody pays more, or gets less, than
    /// signed.
    function test_fuzz_limits_bind(
        uint64 price,
        uint64 buyLimit,
        uint64 sellLimit,
        uint32 quantity
    ) public {
        Clearing memory terms = clearing(policy());
        terms.price = price % 300_000;
        Pair memory both = pair(buyer, seller, 1);
        (both.buy.limitPrice, both.sell.limitPrice) = (buyLimit % 320_000, sellLimit % 300_000);
        both.quantity = uint64(within(quantity, 1, 5000));
        (bytes32 id, Fill[] memory fills) = post(terms, single(both));
        Reason expected = Reason.None;
        if (uint256(terms.price) + 12_000 > both.buy.limitPrice) expected = Reason.BuyerLimit;
        else if (terms.price < uint256(both.sell.limitPrice) + 2_000) expected = Reason.SellerLimit;
        else if (_collateral(terms, both.quantity) > 1_000_000_000) expected = Reason.SellerFunds;
        check(id, fills[0], expected);
        uint256 paid = 5_000_000_000 - market.free(buyer);
        bool traded = expected == Reason.None;
        same(paid, traded ? both.quantity * (uint256(terms.price) + 12_000) : 0, "escrow");
        isTrue(paid <= uint256(both.quantity) * both.buy.limitPrice, "within the buyer's limit");
        same(
            1_000_000_000 - market.free(seller),
            traded ? _collateral(terms, both.quantity) : 0,
            "collateral"
        );
    }

    function _collateral(Clearing memory terms, uint256 quantity) private pure returns (uint256) {
        uint256 allIn = uint256(terms.price) + 12_000;
        return terms.retailPrice > allIn ? quantity * (terms.retailPrice - allIn) : 0;
    }
}
