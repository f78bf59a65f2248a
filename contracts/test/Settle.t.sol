// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {Clearing, FillBatch, Policy, Reason, Terms, TradeBatch} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market, Roles} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Vm} from "./support/Vm.sol";
import {Pair} from "./support/World.sol";

/// From a policy to a settled trade.
contract SettleTest is Auction {
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
        terms.sellerShort = 3;
        refusedPolicy(terms);
        terms = policy();
        terms.buyerShort = 4;
        refusedPolicy(terms);
        terms = policy();
        // Settling would end when corrections do, or after them.
        terms.settleSeconds = 8 days;
        refusedPolicy(terms);
        terms.settleSeconds = type(uint32).max;
        refusedPolicy(terms);
        (terms.settleSeconds, terms.correctionSeconds) = (1, 0);
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
        terms = policy();
        terms.balanceAccount = address(0);
        refusedPolicy(terms);
    }

    function test_every_rule_and_the_longest_settling_are_registered() public {
        Policy memory terms = policy();
        for (uint8 i = 0; i < 12; ++i) {
            (terms.sellerShort, terms.buyerShort) = (i % 3, i / 3);
            isTrue(market.policies(register(terms)), "a rule of each side");
        }
        terms.settleSeconds = 8 days - 1;
        isTrue(market.policies(register(terms)), "a second of corrections is left");
        (terms.settleSeconds, terms.correctionSeconds) = (0, 0);
        isTrue(market.policies(register(terms)), "no corrections where nothing settles late");
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
        isTrue(market.policies(idOf(terms)), "known by the hash of its terms");
        terms.networkFee += 1;
        isTrue(!market.policies(idOf(terms)), "and no other");
    }

    function refusedClearing(Terms memory terms, bytes memory reason) private {
        refused(OPERATOR, address(market), abi.encodeCall(Market.clear, (terms)), reason);
    }

    function test_UnknownPolicy_SlotOver_and_BadClearing() public {
        Terms memory terms = termsOf(policy());
        terms.clearing.policy = 0;
        refusedClearing(terms, abi.encodeWithSelector(MarketEvents.UnknownPolicy.selector, 0));
        // A policy that was never registered, and one that is shown in place of the registered.
        terms.policy.networkFee += 1;
        bytes32 own = idOf(terms.policy);
        terms.clearing.policy = own;
        refusedClearing(terms, abi.encodeWithSelector(MarketEvents.UnknownPolicy.selector, own));
        bytes32 registered = idOf(policy());
        terms.clearing.policy = registered;
        bytes memory unknown = abi.encodeWithSelector(
            MarketEvents.UnknownPolicy.selector,
            registered
        );
        refusedClearing(terms, unknown);
        terms = termsOf(policy());
        terms.clearing.slot -= 1800;
        refusedClearing(
            terms,
            abi.encodeWithSelector(MarketEvents.SlotOver.selector, terms.clearing.slot)
        );
        bytes memory bad = abi.encodeWithSelector(MarketEvents.BadClearing.selector);
        terms = termsOf(policy());
        terms.clearing.slot += 1;
        refusedClearing(terms, bad);
        terms = termsOf(policy());
        terms.clearing.retailPrice = 400_001;
        refusedClearing(terms, bad);
        terms = termsOf(policy());
        terms.clearing.feedInPrice = 19_999;
        refusedClearing(terms, bad);
    }

    /// Who signed a policy of one price is not asked for what lies between both limits.
    function test_BadClearing_of_two_prices_where_nobody_may_receive_the_difference() public {
        Policy memory strict = policy();
        strict.differenceAccount = address(0);
        Terms memory terms = termsOf(strict);
        terms.clearing.policy = register(strict);
        terms.clearing.mechanism = 128;
        refusedClearing(terms, abi.encodeWithSelector(MarketEvents.BadClearing.selector));
        terms.clearing.mechanism = 127;
        sent(OPERATOR, address(market), abi.encodeCall(Market.clear, (terms)));
    }

    function test_a_slot_is_cleared_once_and_by_the_clearer() public {
        Terms memory terms = termsOf(policy());
        bytes memory call = abi.encodeCall(Market.clear, (terms));
        refused(STRANGER, address(market), call, Roles.AccessControlUnauthorizedAccount.selector);
        bytes memory answer = sent(OPERATOR, address(market), call);
        same(abi.decode(answer, (bytes32)), idOf(terms), "the hash of its terms");
        same(market.cleared("zone", SLOT), idOf(terms), "kept");
        same(market.clearingOf(terms), idOf(terms), "and found");
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.AlreadyCleared.selector,
            bytes32("zone"),
            SLOT
        );
        refusedClearing(terms, reason);
        terms.clearing.price += 1;
        refusedClearing(terms, reason);
        terms.policy.networkFee += 1;
        terms.clearing.policy = register(terms.policy);
        refusedClearing(terms, reason);
    }

    function test_UnknownClearing_and_SlotOver() public {
        FillBatch memory batch = prove(termsOf(policy()), one())[0];
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.UnknownClearing.selector,
            idOf(batch.terms)
        );
        refused(STRANGER, address(market), call, reason);
        batch = postOne(termsOf(policy()), one());
        vm.warp(END);
        call = abi.encodeCall(Market.settle, (batch));
        reason = abi.encodeWithSelector(MarketEvents.SlotOver.selector, SLOT);
        refused(STRANGER, address(market), call, reason);
        vm.warp(END - 1);
        check(batch, Reason.None);
    }

    function test_a_trade_moves_its_cash_and_is_found() public {
        bytes32 id = settled(one());
        same(market.free(buyer), 5_000_000_000 - ESCROW, "the buyer's free cash");
        same(market.free(seller), 1_000_000_000 - COLLATERAL, "the seller's free cash");
        same(id, market.cleared("zone", SLOT), "clearing");
        // Exactly this is kept of the trade.
        TradeBatch memory kept = standing(id, 0);
        same(kept.accounts.length, 2, "accounts");
        NaiveTrades.Words memory words = NaiveTrades.read(kept.trades[0]);
        same(kept.accounts[words.buyer], buyer, "buyer");
        same(kept.accounts[words.seller], seller, "seller");
        same(words.quantity, 5000, "quantity");
        same(words.runs, 0, "no run");
        (bytes32 hash, uint64 bits) = market.batchState(id, 0);
        same(hash, NaiveTrades.hash(kept), "by its hash");
        same(bits, 0, "and no bit: none was skipped");
        (hash, bits) = market.batchState(id, 1);
        same(hash, 0, "no other batch");
        same(bits, 0, "and no bit");
        (hash, bits) = market.batchState("none", 0);
        same(hash, 0, "no trade");
    }

    /// What a trade ties up and the words of its event.
    function test_the_event_of_a_trade_is_as_documented() public {
        FillBatch memory batch = postOne(termsOf(policy()), one());
        vm.recordLogs();
        sent(STRANGER, address(market), abi.encodeCall(Market.settle, (batch)));
        Vm.Log memory log = vm.getRecordedLogs()[0];
        bytes32 id = idOf(batch.terms);
        same(log.topics[1], tradeOf(id, 0), "trade");
        same(log.topics[2], bytes32(uint256(uint160(buyer))), "buyer");
        same(log.topics[3], bytes32(uint256(uint160(seller))), "seller");
        bytes memory said = abi.encode(
            id,
            0,
            hashOf(one()[0].buy),
            hashOf(one()[0].sell),
            5000,
            ESCROW,
            COLLATERAL
        );
        same(keccak256(log.data), keccak256(said), "the rest");
    }

    function test_the_digest_of_a_day_is_as_documented() public {
        bytes32 trade = tradeOf(settled(one()), 0);
        for (uint8 side = 0; side < 2; ++side) {
            bytes memory terms = abi.encodePacked(
                uint64(180_000),
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
        FillBatch memory batch = postOne(termsOf(policy()), one());
        sent(OPERATOR, address(market), pause);
        Terms memory next = termsOf(policy());
        next.clearing.slot += SLOT_SECONDS;
        bytes memory call = abi.encodeCall(Market.clear, (next));
        refused(OPERATOR, address(market), call, Market.EnforcedPause.selector);
        call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, Market.EnforcedPause.selector);
        sent(OPERATOR, address(market), unpause);
        check(batch, Reason.None);
    }

    /// Whatever numbers two people sign and a clearer posts, nobody pays more, or gets less, than
    /// signed.
    function test_fuzz_limits_bind(
        uint64 price,
        uint64 buyLimit,
        uint64 sellLimit,
        uint32 quantity
    ) public {
        Terms memory all = termsOf(policy());
        Clearing memory terms = all.clearing;
        terms.price = price % 300_000;
        Pair memory both = pair(buyer, seller, 1);
        (both.buy.limitPrice, both.sell.limitPrice) = (buyLimit % 320_000, sellLimit % 300_000);
        both.quantity = uint64(within(quantity, 1, 5000));
        FillBatch memory batch = postOne(all, single(both));
        Reason expected = Reason.None;
        if (uint256(terms.price) + 12_000 > both.buy.limitPrice) expected = Reason.BuyerLimit;
        else if (terms.price < uint256(both.sell.limitPrice) + 2_000) expected = Reason.SellerLimit;
        else if (_collateral(terms, both.quantity) > 1_000_000_000) expected = Reason.SellerFunds;
        check(batch, expected);
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
