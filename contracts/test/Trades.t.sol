// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Batches} from "../src/Batches.sol";
import {Delivery, Fill, PricePair, Trade, Trades} from "../src/Trades.sol";
import {Clearing, TradeBatch} from "../src/Types.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {NaiveTree} from "./support/NaiveTree.sol";
import {Test} from "./support/Test.sol";

/// The words of fills, deliveries and trades against what is written down once more.
contract TradesTest is Test {
    function test_fuzz_a_fill_is_read_as_it_was_written(
        uint64 wh,
        uint8 buy,
        uint8 sell,
        uint256 dirt
    ) public pure {
        Fill fill = NaiveTrades.fill(wh, buy, sell);
        same(fill.quantity(), wh, "quantity");
        same(fill.buy(), buy, "buy");
        same(fill.sell(), sell, "sell");
        Fill dirty = Fill.wrap(Fill.unwrap(fill) | (dirt << 80));
        same(dirty.quantity(), wh, "whatever is above it");
    }

    function test_fuzz_a_delivery_is_read_as_it_was_written(
        uint8 place,
        uint56 delivered,
        uint56 sellerShort,
        uint56 buyerShort
    ) public pure {
        Delivery one = Trades.delivery(place, delivered, sellerShort, buyerShort);
        Delivery naive = NaiveTrades.delivery(place, delivered, sellerShort, buyerShort);
        same(Delivery.unwrap(one), Delivery.unwrap(naive), "the word");
        same(one.place(), place, "place");
        same(one.delivered(), delivered, "delivered");
        same(one.sellerShort(), sellerShort, "seller's short");
        same(one.buyerShort(), buyerShort, "buyer's short");
    }

    function test_fuzz_a_trade_is_read_as_it_was_written(uint256 word) public pure {
        Trade one = Trade.wrap(word);
        NaiveTrades.Words memory t = NaiveTrades.read(one);
        same(Trade.unwrap(NaiveTrades.trade(t)), word, "every bit is of one of the words");
        same(one.quantity(), t.quantity, "quantity");
        same(one.runs(), t.runs, "runs");
        same(one.buyer(), t.buyer, "buyer");
        same(one.seller(), t.seller, "seller");
        Delivery last = one.last();
        same(last.delivered(), t.delivered, "delivered");
        same(last.sellerShort(), t.sellerShort, "seller's short");
        same(last.buyerShort(), t.buyerShort, "buyer's short");
        isTrue(one.isNone() == (word == 0), "zero is no trade");
    }

    function test_fuzz_a_settled_trade_has_no_run(
        uint56 wh,
        uint8 buyer,
        uint8 seller
    ) public pure {
        NaiveTrades.Words memory t;
        (t.quantity, t.buyer, t.seller) = (wh, buyer, seller);
        Trade one = Trades.settled(wh, buyer, seller);
        same(Trade.unwrap(one), Trade.unwrap(NaiveTrades.trade(t)), "the word");
    }

    /// A run replaces what the one before said and nothing else, whatever is in the bits of a
    /// delivery that mean nothing.
    function test_fuzz_a_run_replaces_the_last(
        uint256 word,
        uint8 run,
        uint256 delivery
    ) public pure {
        NaiveTrades.Words memory t = NaiveTrades.read(Trade.wrap(word));
        (, uint64[3] memory wh) = NaiveTrades.read(Delivery.wrap(delivery));
        (t.delivered, t.sellerShort, t.buyerShort) = (wh[0], wh[1], wh[2]);
        t.runs = uint16(run) + 1;
        Trade next = Trade.wrap(word).after_(run, Delivery.wrap(delivery));
        same(Trade.unwrap(next), Trade.unwrap(NaiveTrades.trade(t)), "the word");
    }

    function test_fuzz_names_leaves_and_hashes_are_as_documented(
        bytes32[3] memory words,
        uint64[5] memory wh,
        uint32 index,
        address[] memory accounts,
        uint256[] memory trades,
        uint256[] memory prices
    ) public view {
        same(
            Batches.tradeId(words[0], index),
            keccak256(abi.encodePacked(words[0], index)),
            "the name of a trade"
        );
        bytes memory leaf = abi.encodePacked(wh[0], wh[1], wh[2], wh[3], wh[4]);
        leaf = abi.encodePacked(words[1], words[2], leaf);
        same(leaf.length, 104, "and a byte before it");
        PricePair pair = NaiveTrades.prices(wh[3], wh[4]);
        bytes32 got = Batches.leaf(words[1], words[2], wh[0], wh[1], wh[2], pair);
        same(got, NaiveTree.leaf(leaf), "a leaf");
        TradeBatch memory batch;
        batch.accounts = accounts;
        batch.trades = new Trade[](trades.length);
        for (uint256 i = 0; i < trades.length; ++i) batch.trades[i] = Trade.wrap(trades[i]);
        batch.prices = new PricePair[](prices.length);
        for (uint256 i = 0; i < prices.length; ++i) batch.prices[i] = PricePair.wrap(prices[i]);
        got = Batches.hash(accounts, batch.trades, batch.prices);
        same(got, NaiveTrades.hash(batch), "a batch");
        same(this.hash(batch), got, "as a call has it");
    }

    function hash(TradeBatch calldata batch) external pure returns (bytes32) {
        return Batches.hash(batch);
    }

    function test_fuzz_a_pair_of_prices_is_read_as_it_was_written(
        uint64 buy,
        uint64 sell,
        uint128 dirt
    ) public pure {
        PricePair pair = NaiveTrades.prices(buy, sell);
        same(pair.buyPrice(), buy, "buyer's");
        same(pair.sellPrice(), sell, "seller's");
        PricePair dirty = PricePair.wrap(PricePair.unwrap(pair) | (uint256(dirt) << 128));
        same(dirty.buyPrice(), buy, "whatever is above it");
        same(dirty.sellPrice(), sell, "whatever is above it");
        PricePair one = Trades.onePrice(buy);
        same(PricePair.unwrap(one), PricePair.unwrap(NaiveTrades.prices(buy, buy)), "one for both");
    }

    function test_fuzz_mechanisms_from_128_on_have_prices_of_each_fill(
        uint8 mechanism,
        uint8 prices,
        uint8 count
    ) public pure {
        Clearing memory c;
        c.mechanism = mechanism;
        isTrue(Batches.isPriced(c) == (mechanism > 127), "priced");
        bool fit = prices == (mechanism > 127 ? count : 0);
        isTrue(Batches.fit(c, prices, count) == fit, "as many as fills, or none");
    }

    function test_fuzz_the_sizes_of_batches_sum_to_the_fills(uint16 fills) public pure {
        Clearing memory c;
        c.fills = fills;
        (uint256 sum, uint256 number) = (0, 0);
        for (; sum < fills; ++number) {
            uint256 size = Batches.sizeOf(c, number);
            isTrue(size == 64 || (size != 0 && sum + size == fills), "whole, or the last");
            sum += size;
        }
        same(sum, fills, "all of them");
        same(Batches.sizeOf(c, number), 0, "and no other batch");
        same(Batches.sizeOf(c, type(uint32).max), 0, "however far");
    }
}
