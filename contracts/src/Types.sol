// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Fill, Trade} from "./Trades.sol";

/// What an account signs to buy or sell energy in one slot (EIP-712).
///
/// side 0 = buy, 1 = sell. Quantities in Wh, prices in 1e-9 currency per Wh. A buyer's limit is
/// all-in (energy, network fee, platform fee), a seller's is net of the platform fee.
struct Order {
    address account;
    uint8 side;
    uint64 slot;
    uint64 quantity;
    uint64 limitPrice;
    uint64 minFill;
    bytes32 community;
    bytes32 zone;
    bytes32 connectionPoint;
    bytes32 policy;
    address delegate;
    uint256 nonce;
    uint64 expiry;
}

/// The fees and the imbalance rule that both sides of a trade sign.
struct Policy {
    bytes32 community;
    bytes32 zone;
    uint32 slotSeconds;
    uint64 networkFee;
    uint64 buyerFee;
    uint64 sellerFee;
    uint64 retailPriceMax;
    uint64 feedInPriceMin;
    uint16 toleranceBps;
    uint32 toleranceWh;
    uint8 imbalance;
    uint32 correctionSeconds;
    uint32 challengeSeconds;
    address networkAccount;
    address platformAccount;
}

/// What came out of the auction of one zone and slot.
struct Clearing {
    bytes32 policy;
    uint64 slot;
    uint8 mechanism;
    uint64 price;
    uint64 retailPrice;
    uint64 feedInPrice;
    uint64 volume;
    uint32 fills;
    bytes32 fillsRoot;
    bytes32 journalRoot;
}

/// A clearing and its policy. The contract keeps their hashes; who calls shows them.
struct Terms {
    Clearing clearing;
    Policy policy;
}

/// An order of a batch, without what the clearing says of all its orders: slot, policy, community
/// and zone.
///
/// `filled` is what the clearing fills of it, in all batches together. `r` and `vs` are the compact
/// signature of a key (EIP-2098); where `vs` is zero, `r` is the place of a contract account's
/// signature in the batch. An order with account zero is not shown: its hash is `r`, none of its
/// fills is settled.
struct SignedOrder {
    address account;
    uint8 side;
    uint64 quantity;
    uint64 limitPrice;
    uint64 minFill;
    bytes32 connectionPoint;
    address delegate;
    uint256 nonce;
    uint64 expiry;
    uint64 filled;
    bytes32 r;
    bytes32 vs;
}

/// {Batches.FILLS_MAX} fills of a clearing, or what is left of them in its last batch, with the
/// path from their root to the clearing's.
///
/// Orders stand in rising order of account, then of hash.
struct FillBatch {
    Terms terms;
    uint32 number;
    SignedOrder[] orders;
    Fill[] fills;
    bytes32[] path;
    bytes[] signatures;
}

/// The trades of a batch as they stand: the contract keeps their hash, whoever changes them shows
/// them.
///
/// `accounts` are those of its settled trades, in rising order; `trades` has a place for each fill,
/// empty where it was not settled.
struct TradeBatch {
    Terms terms;
    uint32 number;
    address[] accounts;
    Trade[] trades;
}

/// The proof that an order met another at a place of the clearing's fills; `filled` as in
/// {SignedOrder}.
struct Claim {
    Order order;
    uint64 filled;
    bytes32 other;
    uint64 otherFilled;
    uint32 index;
    bytes32[] path;
}

/// Where the escrow and the collateral of a trade go. In 1e-9 currency.
struct Outcome {
    uint256 sellerNet;
    uint256 network;
    uint256 platform;
    uint256 makeWhole;
    uint256 compensation;
    uint256 refund;
    uint256 collateralBack;
}

/// Why a fill was skipped, in the order of the checks.
enum Reason {
    None,
    AlreadySettled,
    NotShown,
    WrongSide,
    SameAccount,
    NoQuantity,
    Expired,
    BuyerLimit,
    SellerLimit,
    BuyerSignature,
    SellerSignature,
    BuyerQuantity,
    SellerQuantity,
    BuyerNonce,
    SellerNonce,
    BuyerFunds,
    SellerFunds
}
