// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {Fill, PricePair} from "../src/Trades.sol";
import {FillBatch, Reason, SignedOrder, Terms} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {NaiveTree} from "./support/NaiveTree.sol";
import {Pair} from "./support/World.sol";

/// A batch counts as a whole or not at all, and may come again.
contract BatchTest is Auction {
    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        for (uint256 i = 1; i <= 10; ++i) fund(account(i), 100_000_000_000);
        (buyer, seller) = (account(1), account(2));
    }

    /// Fills of 10 Wh: all of one seller's order, each of a buy order of its own.
    function pairs(uint256 count) private returns (Pair[] memory all) {
        all = new Pair[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = pair(account(3 + i % 8), seller, i);
            (all[i].sell.nonce, all[i].quantity) = (500, 10);
        }
    }

    function refusedBatch(FillBatch memory batch) private {
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, MarketEvents.BadBatch.selector);
    }

    function test_BadBatch_where_anything_of_it_is_not_the_clearings() public {
        FillBatch[] memory all = post(termsOf(policy()), pairs(70));
        bytes memory good = abi.encode(all[1]);
        for (uint256 fault = 0; fault < 17; ++fault) {
            FillBatch memory bad = abi.decode(good, (FillBatch));
            _spoil(bad, fault, all[0]);
            refusedBatch(bad);
        }
        check(abi.decode(good, (FillBatch)), Reason.None);
        check(all[0], Reason.None);
        // Nor once it is settled.
        for (uint256 fault = 0; fault < 17; ++fault) {
            FillBatch memory bad = abi.decode(good, (FillBatch));
            _spoil(bad, fault, all[0]);
            refusedBatch(bad);
        }
    }

    /// Spoils the second batch, of six fills, of a clearing.
    function _spoil(FillBatch memory b, uint256 fault, FillBatch memory first) private pure {
        if (fault == 0) b.number = 0;
        if (fault == 1) b.number = 2;
        if (fault == 2) b.number = type(uint32).max;
        if (fault == 3) (b.fills[0], b.fills[1]) = (b.fills[1], b.fills[0]);
        if (fault == 4) b.fills = _some(b.fills, b.fills.length - 1);
        if (fault == 5) b.fills = new Fill[](0);
        if (fault == 6) b.fills = _some(first.fills, 64);
        if (fault == 7) b.fills[5] = NaiveTrades.fill(11, buyOf(b, 5), sellOf(b, 5));
        if (fault == 8) b.fills[5] = NaiveTrades.fill(10, sellOf(b, 5), buyOf(b, 5));
        if (fault == 9) b.orders[0].filled += 1;
        if (fault == 10) b.orders[0].limitPrice += 1;
        if (fault == 11) b.path[0] = 0;
        if (fault == 12) b.path = new bytes32[](0);
        if (fault == 13) b.path = new bytes32[](40);
        if (fault == 14) b.path = NaiveTree.append(b.path, 0);
        if (fault == 15) b.path = first.path;
        if (fault == 16) b.prices = new PricePair[](b.fills.length);
    }

    function _some(Fill[] memory fills, uint256 count) private pure returns (Fill[] memory some) {
        some = new Fill[](count);
        for (uint256 i = 0; i < count; ++i) some[i] = fills[i % fills.length];
    }

    function test_BadBatch_where_orders_do_not_rise() public {
        Pair[] memory three = pairs(3);
        // Two orders of one account.
        three[1].buy.account = three[0].buy.account;
        FillBatch memory batch = postOne(termsOf(policy()), three);
        same(batch.orders.length, 4, "three to buy, one to sell");
        bytes memory good = abi.encode(batch);
        for (uint256 i = 0; i < 4; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                FillBatch memory bad = abi.decode(good, (FillBatch));
                (bad.orders[i], bad.orders[j]) = (bad.orders[j], bad.orders[i]);
                for (uint256 k = 0; k < 3; ++k) {
                    (uint64 wh, uint256 buy, uint256 sell) = NaiveTrades.read(bad.fills[k]);
                    buy = buy == i ? j : buy == j ? i : buy;
                    sell = sell == i ? j : sell == j ? i : sell;
                    bad.fills[k] = NaiveTrades.fill(wh, buy, sell);
                }
                refusedBatch(bad);
            }
            refusedBatch(_twice(abi.decode(good, (FillBatch)), i));
        }
        check(batch, Reason.None);
    }

    /// Shows an order a second time, at its place.
    function _twice(FillBatch memory b, uint256 k) private view returns (FillBatch memory) {
        SignedOrder[] memory more = new SignedOrder[](b.orders.length + 1);
        for (uint256 i = 0; i < b.orders.length; ++i) more[i] = b.orders[i];
        more[b.orders.length] = b.orders[k];
        b.orders = more;
        arrange(b);
        return b;
    }

    /// A place that no order has.
    function test_a_fill_of_an_order_that_is_not_there_is_refused() public {
        FillBatch memory batch = postOne(termsOf(policy()), pairs(2));
        batch.fills[1] = NaiveTrades.fill(10, 200, 0);
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, bytes4(0x4e487b71));
    }

    /// Two orders for each of 64 fills, and not one more.
    function test_BadBatch_of_more_orders_than_fills_could_have() public {
        FillBatch memory batch = postOne(termsOf(policy()), pairs(1));
        bytes memory good = abi.encode(batch);
        for (uint256 count = 128; count < 130; ++count) {
            batch = abi.decode(good, (FillBatch));
            SignedOrder[] memory more = new SignedOrder[](count);
            for (uint256 i = 0; i < count; ++i) {
                more[i] = i < 2 ? batch.orders[i] : signedOrder(order(buyer, 0, 100 + i), 0);
            }
            batch.orders = more;
            arrange(batch);
            if (count == 128) check(batch, Reason.None);
            else refusedBatch(batch);
        }
    }

    /// An order that no fill has changes nothing.
    function test_an_order_too_many_changes_nothing() public {
        FillBatch memory batch = postOne(termsOf(policy()), pairs(2));
        SignedOrder[] memory more = new SignedOrder[](4);
        for (uint256 i = 0; i < 3; ++i) more[i] = batch.orders[i];
        more[3] = signedOrder(order(account(9), 0, 77), 5000);
        batch.orders = more;
        put(batch, 3, sign(account(9), hashIn(batch.terms, more[3])));
        arrange(batch);
        bytes32 before = market.digest(account(9), DAY);
        check(batch, Reason.None);
        same(market.digest(account(9), DAY), before, "digest");
        same(market.free(account(9)), 100_000_000_000, "free");
        isTrue(!market.nonceUsed(account(9), 77), "nonce");
    }

    /// Bits above the types in what is shown of a clearing and its policy.
    function test_dirty_terms_are_unknown() public {
        FillBatch memory batch = postOne(termsOf(policy()), pairs(1));
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        // Selector, place of the batch; its first 30 words are the terms.
        uint256 base = 4 + 32;
        uint256 refusals = 0;
        for (uint256 word = 0; word < 30; ++word) {
            bytes memory dirty = bytes.concat(call);
            dirty[base + 32 * word] ^= 0x80;
            (bool done, bytes memory answer) = _send(STRANGER, address(market), dirty);
            isTrue(!done, "refused");
            bool unknown = bytes4(answer) == MarketEvents.UnknownClearing.selector;
            isTrue(answer.length == 0 || unknown, "as no clearing");
            if (unknown) ++refusals;
        }
        isTrue(refusals != 0, "some of them are hashed");
        sent(STRANGER, address(market), call);
    }

    /// Nor is such a clearing posted: what is copied of one that is known is what its types allow.
    function test_dirty_terms_are_not_posted() public {
        bytes memory call = abi.encodeCall(Market.clear, (termsOf(policy())));
        for (uint256 word = 0; word < 30; ++word) {
            // Any word is a root.
            if (word == 8 || word == 9) continue;
            bytes memory dirty = bytes.concat(call);
            dirty[4 + 32 * word] ^= 0x80;
            (bool done, ) = _send(OPERATOR, address(market), dirty);
            isTrue(!done, "refused");
        }
        sent(OPERATOR, address(market), call);
    }

    /// Of which a word has no room.
    function test_more_than_56_bits_of_energy_are_not_settled() public {
        Terms memory terms = termsOf(policy());
        // All free of charge, so that nobody lacks cash.
        (terms.policy.networkFee, terms.policy.buyerFee, terms.policy.sellerFee) = (0, 0, 0);
        terms.clearing.policy = register(terms.policy);
        (terms.clearing.price, terms.clearing.retailPrice) = (0, 0);
        uint64 most = type(uint56).max;
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = pair(account(3 + i), account(5 + i), 1);
            two[i].buy.policy = terms.clearing.policy;
            two[i].sell.policy = terms.clearing.policy;
            two[i].sell.limitPrice = 0;
            two[i].quantity = i == 0 ? most + 1 : most;
            (two[i].buy.quantity, two[i].sell.quantity) = (type(uint64).max, type(uint64).max);
        }
        FillBatch memory batch = postOne(terms, two);
        Reason[] memory reasons = new Reason[](2);
        reasons[0] = Reason.BuyerQuantity;
        check(batch, reasons);
        NaiveTrades.Words memory words = NaiveTrades.read(standing(idOf(terms), 0).trades[1]);
        same(words.quantity, most, "the most that there is room for");
    }

    /// Bits of a fill that mean nothing change nothing.
    function test_dirty_bits_of_a_fill_are_not_kept() public {
        FillBatch memory batch = postOne(termsOf(policy()), pairs(2));
        batch.fills[0] = Fill.wrap(Fill.unwrap(batch.fills[0]) | (type(uint256).max << 80));
        check(batch, Reason.None);
    }

    function test_a_batch_of_64_fills_is_the_first_of_a_whole_clearing() public {
        FillBatch[] memory all = post(termsOf(policy()), pairs(64));
        same(all.length, 1, "one batch");
        same(all[0].path.length, 0, "without a path");
        check(all[0], Reason.None);
        (, uint64 bits) = market.batchState(idOf(all[0].terms), 0);
        same(bits, 0, "none was skipped");
        check(all[0], Reason.AlreadySettled);
    }
}
