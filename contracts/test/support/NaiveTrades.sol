// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery, Fill, PricePair, Trade} from "../../src/Trades.sol";
import {FillBatch, TradeBatch} from "../../src/Types.sol";

/// The words of fills, deliveries and trades, and the hash of a batch, written down once more.
library NaiveTrades {
    /// What a trade's word says.
    struct Words {
        uint64 quantity;
        uint64 delivered;
        uint64 sellerShort;
        uint64 buyerShort;
        uint16 runs;
        uint8 buyer;
        uint8 seller;
    }

    function fill(uint64 quantity, uint256 buy, uint256 sell) internal pure returns (Fill) {
        return Fill.wrap(uint256(quantity) * 0x10000 + buy * 0x100 + sell);
    }

    function read(Fill word) internal pure returns (uint64 quantity, uint256 buy, uint256 sell) {
        uint256 all = Fill.unwrap(word);
        return (uint64(all / 0x10000), (all / 0x100) % 0x100, all % 0x100);
    }

    function prices(uint64 buy, uint64 sell) internal pure returns (PricePair) {
        return PricePair.wrap(uint256(buy) * 2 ** 64 + sell);
    }

    /// The buyer's price and the seller's.
    function read(PricePair word) internal pure returns (uint64 buy, uint64 sell) {
        uint256 all = PricePair.unwrap(word);
        return (uint64((all / 2 ** 64) % 2 ** 64), uint64(all % 2 ** 64));
    }

    function delivery(
        uint256 place,
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    ) internal pure returns (Delivery) {
        uint256 word = uint256(delivered) << 144;
        word += uint256(sellerShort) << 88;
        return Delivery.wrap(word + (uint256(buyerShort) << 32) + place);
    }

    /// The place, what was delivered, and both shorts.
    function read(Delivery word) internal pure returns (uint256 place, uint64[3] memory wh) {
        uint256 all = Delivery.unwrap(word);
        uint256 unit = 2 ** 56;
        place = all % 256;
        wh[0] = uint64((all >> 144) % unit);
        wh[1] = uint64((all >> 88) % unit);
        wh[2] = uint64((all >> 32) % unit);
    }

    /// Quantity, delivered and both shorts of 56 bits, runs of 16 bits, two places of 8 bits.
    function trade(Words memory t) internal pure returns (Trade) {
        bytes memory word = abi.encodePacked(
            uint56(t.quantity),
            uint56(t.delivered),
            uint56(t.sellerShort),
            uint56(t.buyerShort),
            t.runs,
            t.buyer,
            t.seller
        );
        return Trade.wrap(uint256(bytes32(word)));
    }

    function read(Trade word) internal pure returns (Words memory t) {
        uint256 all = Trade.unwrap(word);
        uint256 unit = 2 ** 56;
        t.quantity = uint64(all >> 200);
        t.delivered = uint64((all >> 144) % unit);
        t.sellerShort = uint64((all >> 88) % unit);
        t.buyerShort = uint64((all >> 32) % unit);
        (t.runs, t.buyer, t.seller) = (uint16(all >> 16), uint8(all >> 8), uint8(all));
    }

    /// The trades that a batch becomes when these of its fills are settled.
    function settled(
        FillBatch memory batch,
        bool[] memory those
    ) internal pure returns (TradeBatch memory trades) {
        (trades.terms, trades.number) = (batch.terms, batch.number);
        trades.trades = new Trade[](those.length);
        for (uint256 i = 0; i < those.length; ++i) {
            if (!those[i]) continue;
            (, uint256 buy, uint256 sell) = read(batch.fills[i]);
            trades.accounts = with(trades.accounts, batch.orders[buy].account);
            trades.accounts = with(trades.accounts, batch.orders[sell].account);
        }
        for (uint256 i = 0; i < those.length; ++i) {
            if (!those[i]) continue;
            (uint64 quantity, uint256 buy, uint256 sell) = read(batch.fills[i]);
            Words memory t;
            t.quantity = quantity;
            t.buyer = placeOf(trades.accounts, batch.orders[buy].account);
            t.seller = placeOf(trades.accounts, batch.orders[sell].account);
            trades.trades[i] = trade(t);
        }
        // Of each trade its own, where there are two prices for each fill.
        trades.prices = new PricePair[](batch.prices.length);
        for (uint256 i = 0; i < trades.prices.length; ++i) {
            (uint64 buy, uint64 sell) = read(batch.prices[i]);
            if (those[i]) trades.prices[i] = prices(buy, sell);
        }
    }

    /// What a run makes of a trade.
    function apply_(TradeBatch memory trades, uint8 run, Delivery what) internal pure {
        (uint256 place, uint64[3] memory wh) = read(what);
        Words memory t = read(trades.trades[place]);
        (t.delivered, t.sellerShort, t.buyerShort) = (wh[0], wh[1], wh[2]);
        t.runs = uint16(run) + 1;
        trades.trades[place] = trade(t);
    }

    /// A bit for each fill that is no trade, if some are.
    function skipped(TradeBatch memory trades) internal pure returns (uint256 sum) {
        if (isEmpty(trades)) return 0;
        for (uint256 i = 0; i < trades.trades.length; ++i) {
            if (Trade.unwrap(trades.trades[i]) == 0) sum += 2 ** i;
        }
    }

    /// Whether no fill is a trade.
    function isEmpty(TradeBatch memory trades) internal pure returns (bool) {
        for (uint256 i = 0; i < trades.trades.length; ++i) {
            if (Trade.unwrap(trades.trades[i]) != 0) return false;
        }
        return true;
    }

    /// What is kept of a batch: nothing where no fill is a trade.
    function kept(TradeBatch memory trades) internal pure returns (bytes32) {
        return isEmpty(trades) ? bytes32(0) : hash(trades);
    }

    /// The hash of a batch that has trades: H(H(accounts) || H(trades) || H(prices)), each in 32 bytes.
    function hash(TradeBatch memory trades) internal pure returns (bytes32) {
        bytes memory accounts;
        for (uint256 i = 0; i < trades.accounts.length; ++i) {
            accounts = bytes.concat(accounts, abi.encode(trades.accounts[i]));
        }
        bytes memory words;
        for (uint256 i = 0; i < trades.trades.length; ++i) {
            words = bytes.concat(words, abi.encode(trades.trades[i]));
        }
        bytes memory pairs;
        for (uint256 i = 0; i < trades.prices.length; ++i) {
            pairs = bytes.concat(pairs, abi.encode(trades.prices[i]));
        }
        return
            keccak256(
                bytes.concat(keccak256(accounts), keccak256(words), keccak256(pairs))
            );
    }

    /// A rising list with one account more, unless it is there.
    function with(
        address[] memory accounts,
        address one
    ) internal pure returns (address[] memory more) {
        uint256 place = 0;
        while (place < accounts.length && accounts[place] < one) ++place;
        if (place < accounts.length && accounts[place] == one) return accounts;
        more = new address[](accounts.length + 1);
        for (uint256 i = 0; i < more.length; ++i) {
            more[i] = i < place ? accounts[i] : i == place ? one : accounts[i - 1];
        }
    }

    function placeOf(address[] memory accounts, address one) internal pure returns (uint8 place) {
        while (accounts[place] != one) ++place;
    }
}
