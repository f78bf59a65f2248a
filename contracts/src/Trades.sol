// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// Two orders of a batch that met, in one word: Wh (above 16 bits), and the places of the buyer's
/// and of the seller's order in the batch (8 bits each).
type Fill is uint256;

/// What was delivered of the trade at a place of its batch, and who was short of it (at most one of
/// them), in one word: delivered, seller short and buyer short in Wh and the place, as in {Trade}.
type Delivery is uint256;

/// A trade in one word: quantity, delivered, seller short and buyer short in Wh (56 bits each), the
/// last run plus one (16 bits, zero before the first), and the places of buyer and seller among the
/// accounts of its batch (8 bits each). Zero is no trade.
type Trade is uint256;

/// What the buyer of a fill pays for a Wh and what its seller gets for it, before fees, in one
/// word: the buyer's price (64 bits above 64), the seller's (64 bits). What is above is not read.
type PricePair is uint256;

using Trades for Fill global;
using Trades for Delivery global;
using Trades for Trade global;
using Trades for PricePair global;

/// Reading and writing the words of fills, deliveries and trades.
library Trades {
    /// The most Wh of a trade.
    uint256 internal constant QUANTITY_MAX = type(uint56).max;

    uint256 private constant RUNS = 16;
    uint256 private constant BUYER_SHORT = 32;
    uint256 private constant SELLER_SHORT = 88;
    uint256 private constant DELIVERED = 144;
    uint256 private constant QUANTITY = 200;
    /// What a run replaces: the energies and its own number.
    uint256 private constant OF_RUN = ((1 << 168) - 1) << BUYER_SHORT;

    /// The fill at a place, which the list has.
    function fillAt(Fill[] calldata fills, uint256 place_) internal pure returns (Fill fill) {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            fill := calldataload(add(fills.offset, shl(5, place_)))
        }
    }

    function quantity(Fill fill) internal pure returns (uint64) {
        return uint64(Fill.unwrap(fill) >> 16);
    }

    /// The place of the buyer's order.
    function buy(Fill fill) internal pure returns (uint256) {
        return uint8(Fill.unwrap(fill) >> 8);
    }

    /// The place of the seller's order.
    function sell(Fill fill) internal pure returns (uint256) {
        return uint8(Fill.unwrap(fill));
    }

    /// One price for both.
    function onePrice(uint256 price) internal pure returns (PricePair) {
        return PricePair.wrap((price << 64) | price);
    }

    /// The prices without what is above them.
    function clean(PricePair self) internal pure returns (PricePair) {
        return PricePair.wrap(uint128(PricePair.unwrap(self)));
    }

    /// What the buyer pays for a Wh.
    function buyPrice(PricePair self) internal pure returns (uint64) {
        return uint64(PricePair.unwrap(self) >> 64);
    }

    /// What the seller gets for a Wh.
    function sellPrice(PricePair self) internal pure returns (uint64) {
        return uint64(PricePair.unwrap(self));
    }

    /// The words of a call in memory; whatever they are, they are deliveries.
    function copy(
        Delivery[] calldata deliveries
    ) internal pure returns (Delivery[] memory result) {
        result = new Delivery[](deliveries.length);
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            calldatacopy(add(result, 0x20), deliveries.offset, shl(5, deliveries.length))
        }
    }

    /// The delivery at a place, which the list has.
    function deliveryAt(
        Delivery[] memory deliveries,
        uint256 place_
    ) internal pure returns (Delivery what) {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            what := mload(add(add(deliveries, 0x20), shl(5, place_)))
        }
    }

    function delivery(
        uint256 place_,
        uint64 delivered_,
        uint64 sellerShort_,
        uint64 buyerShort_
    ) internal pure returns (Delivery) {
        return
            Delivery.wrap(
                (uint256(delivered_) << DELIVERED) |
                    (uint256(sellerShort_) << SELLER_SHORT) |
                    (uint256(buyerShort_) << BUYER_SHORT) |
                    place_
            );
    }

    /// The place in the batch.
    function place(Delivery self) internal pure returns (uint256) {
        return uint8(Delivery.unwrap(self));
    }

    function delivered(Delivery self) internal pure returns (uint64) {
        return uint56(Delivery.unwrap(self) >> DELIVERED);
    }

    function sellerShort(Delivery self) internal pure returns (uint64) {
        return uint56(Delivery.unwrap(self) >> SELLER_SHORT);
    }

    function buyerShort(Delivery self) internal pure returns (uint64) {
        return uint56(Delivery.unwrap(self) >> BUYER_SHORT);
    }

    /// Delivered, seller short and buyer short as they are hashed: 64 bits each, in the high bits.
    function wide(Delivery self) internal pure returns (uint256) {
        uint256 word = Delivery.unwrap(self);
        return
            ((word << (192 - DELIVERED)) & (QUANTITY_MAX << 192)) |
            ((word << (128 - SELLER_SHORT)) & (QUANTITY_MAX << 128)) |
            ((word << (64 - BUYER_SHORT)) & (QUANTITY_MAX << 64));
    }

    /// A trade without a run.
    function settled(uint256 wh, uint256 buyer_, uint256 seller_) internal pure returns (Trade) {
        return Trade.wrap((wh << QUANTITY) | (buyer_ << 8) | seller_);
    }

    /// The words of a call in memory; whatever they are, they are trades.
    function copy(Trade[] calldata trades) internal pure returns (Trade[] memory result) {
        result = new Trade[](trades.length);
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            calldatacopy(add(result, 0x20), trades.offset, shl(5, trades.length))
        }
    }

    /// Puts a trade at a place, which the list has.
    function put(Trade[] memory trades, uint256 place_, Trade trade) internal pure {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            mstore(add(add(trades, 0x20), shl(5, place_)), trade)
        }
    }

    /// The trade after a run.
    function after_(Trade trade, uint256 run, Delivery what) internal pure returns (Trade) {
        unchecked {
            uint256 kept = Trade.unwrap(trade) & ~(OF_RUN | (0xffff << RUNS));
            uint256 energies = Delivery.unwrap(what) & OF_RUN;
            // A run has eight bits.
            return Trade.wrap(kept | energies | ((run + 1) << RUNS));
        }
    }

    /// What the last run said.
    function last(Trade trade) internal pure returns (Delivery) {
        return Delivery.wrap(Trade.unwrap(trade) & OF_RUN);
    }

    function isNone(Trade trade) internal pure returns (bool) {
        return Trade.unwrap(trade) == 0;
    }

    function quantity(Trade trade) internal pure returns (uint64) {
        return uint56(Trade.unwrap(trade) >> QUANTITY);
    }

    /// The last run plus one; zero before the first.
    function runs(Trade trade) internal pure returns (uint256) {
        return uint16(Trade.unwrap(trade) >> RUNS);
    }

    /// The place of the buyer among the accounts of the batch.
    function buyer(Trade trade) internal pure returns (uint256) {
        return uint8(Trade.unwrap(trade) >> 8);
    }

    /// The place of the seller among the accounts of the batch.
    function seller(Trade trade) internal pure returns (uint256) {
        return uint8(Trade.unwrap(trade));
    }
}
