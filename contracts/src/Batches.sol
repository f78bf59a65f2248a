// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MerklePath} from "./MerklePath.sol";
import {PricePair, Trade} from "./Trades.sol";
import {Claim, Clearing, TradeBatch} from "./Types.sol";

/// The fills of a clearing in batches, and what is kept of the trades they become.
///
/// A batch is a whole subtree of the clearing's fills, so that its root follows from its leaves
/// and no fill needs a path of its own.
library Batches {
    /// Fills of a batch; the last one of a clearing may have fewer.
    uint256 internal constant FILLS_MAX = 64;
    /// The first mechanism that has two prices for each fill.
    uint8 internal constant PRICED = 128;

    /// The name of a trade: the place of its fill in its clearing.
    function tradeId(bytes32 clearing, uint256 index) internal pure returns (bytes32 id) {
        // In assembly, because it takes no memory.
        assembly ("memory-safe") {
            mstore(0x00, clearing)
            mstore(0x20, shl(224, index))
            id := keccak256(0x00, 0x24)
        }
    }

    /// The leaf of a fill: both orders, what is filled of them here, and in the clearing, and its
    /// prices. Energies and prices have 64 bits.
    function leaf(
        bytes32 buy,
        bytes32 sell,
        uint256 quantity,
        uint256 buyFilled,
        uint256 sellFilled,
        PricePair prices
    ) internal pure returns (bytes32 result) {
        uint256 numbers = (quantity << 192) | (buyFilled << 128) | (sellFilled << 64);
        uint256 pair = PricePair.unwrap(prices) << 128;
        // In assembly, because what is hashed is not needed any more.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore8(data, 0x00)
            mstore(add(data, 0x01), buy)
            mstore(add(data, 0x21), sell)
            mstore(add(data, 0x41), numbers)
            mstore(add(data, 0x59), pair)
            result := keccak256(data, 105)
        }
    }

    /// Whether each fill of a clearing has prices of its own.
    function isPriced(Clearing memory clearing) internal pure returns (bool) {
        return clearing.mechanism >= PRICED;
    }

    /// Whether there are as many prices as the clearing's mechanism wants for `count` fills.
    function fit(
        Clearing memory clearing,
        uint256 prices,
        uint256 count
    ) internal pure returns (bool) {
        return prices == (isPriced(clearing) ? count : 0);
    }

    /// Puts a leaf at a place, which the list has.
    function put(bytes32[] memory leaves, uint256 place, bytes32 leaf_) internal pure {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            mstore(add(add(leaves, 0x20), shl(5, place)), leaf_)
        }
    }

    /// How many fills a batch of a clearing has; zero when it has no such batch.
    function sizeOf(Clearing memory clearing, uint256 number) internal pure returns (uint256) {
        uint256 first = number * FILLS_MAX;
        if (first >= clearing.fills) return 0;
        uint256 left = clearing.fills - first;
        return left < FILLS_MAX ? left : FILLS_MAX;
    }

    /// Whether the fills with these leaves are the batch of the clearing. Changes `leaves`.
    function isOf(
        Clearing memory clearing,
        uint256 number,
        bytes32[] memory leaves,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        uint256 batches = (uint256(clearing.fills) + FILLS_MAX - 1) / FILLS_MAX;
        bytes32 root = MerklePath.rootOf(leaves);
        return MerklePath.verify(clearing.fillsRoot, root, number, batches, path);
    }

    /// Whether the clearing has the fill that an order's owner claims; `buys` tells the side.
    function has(
        Clearing memory clearing,
        Claim calldata claim,
        bytes32 own,
        bool buys,
        uint64 quantity
    ) internal pure returns (bool) {
        (uint64 filled, uint64 other, PricePair prices) = (
            claim.filled,
            claim.otherFilled,
            claim.prices
        );
        bytes32 leaf_ = buys
            ? leaf(own, claim.other, quantity, filled, other, prices)
            : leaf(claim.other, own, quantity, other, filled, prices);
        return
            MerklePath.verify(
                clearing.fillsRoot,
                leaf_,
                claim.index,
                clearing.fills,
                claim.path
            );
    }

    /// The accounts of a batch as a call has them; words that are none give another hash.
    function copy(address[] calldata accounts) internal pure returns (address[] memory result) {
        result = new address[](accounts.length);
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            calldatacopy(add(result, 0x20), accounts.offset, shl(5, accounts.length))
        }
    }

    /// The prices of a batch as a call has them.
    function copy(PricePair[] calldata prices) internal pure returns (PricePair[] memory result) {
        result = new PricePair[](prices.length);
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            calldatacopy(add(result, 0x20), prices.offset, shl(5, prices.length))
        }
    }

    /// Puts prices at a place, which the list has.
    function put(PricePair[] memory prices, uint256 place, PricePair pair) internal pure {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            mstore(add(add(prices, 0x20), shl(5, place)), pair)
        }
    }

    /// The prices at a place, which the list has.
    function pairAt(
        PricePair[] memory prices,
        uint256 place
    ) internal pure returns (PricePair pair) {
        // In assembly, because the list has the place.
        assembly ("memory-safe") {
            pair := mload(add(add(prices, 0x20), shl(5, place)))
        }
    }

    /// What is kept of a batch's trades.
    function hash(
        address[] memory accounts,
        Trade[] memory trades,
        PricePair[] memory prices
    ) internal pure returns (bytes32 result) {
        // In assembly, because the lists are in memory as they are hashed.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, keccak256(add(accounts, 0x20), shl(5, mload(accounts))))
            mstore(add(free, 0x20), keccak256(add(trades, 0x20), shl(5, mload(trades))))
            mstore(add(free, 0x40), keccak256(add(prices, 0x20), shl(5, mload(prices))))
            result := keccak256(free, 0x60)
        }
    }

    /// {hash} of a batch as a call has it.
    function hash(TradeBatch calldata batch) internal pure returns (bytes32) {
        bytes32 accounts = keccak256(_words(batch.accounts));
        bytes32 trades = keccak256(_words(batch.trades));
        return keccak256(abi.encode(accounts, trades, keccak256(_words(batch.prices))));
    }

    /// The words of a list; those that are no accounts give another hash.
    function _words(address[] calldata list) private pure returns (bytes calldata words) {
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            words.offset := list.offset
            words.length := shl(5, list.length)
        }
    }

    function _words(Trade[] calldata list) private pure returns (bytes calldata words) {
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            words.offset := list.offset
            words.length := shl(5, list.length)
        }
    }

    function _words(PricePair[] calldata list) private pure returns (bytes calldata words) {
        // In assembly, because any word will do.
        assembly ("memory-safe") {
            words.offset := list.offset
            words.length := shl(5, list.length)
        }
    }
}
