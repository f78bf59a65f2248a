// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

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

/// A buyer's and a seller's order that met, with the proof that the clearing contains it.
struct Fill {
    Order buy;
    Order sell;
    uint64 quantity;
    uint32 index;
    bytes32[] path;
    bytes buySignature;
    bytes sellSignature;
}

/// What was delivered of one trade, and who was short of it (at most one of them). In Wh.
struct Delivery {
    bytes32 trade;
    uint64 delivered;
    uint64 sellerShort;
    uint64 buyerShort;
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

/// A trade as it stands; `escrow` and `collateral` are zero once reconciled.
struct TradeView {
    address buyer;
    address seller;
    bytes32 clearing;
    uint64 quantity;
    uint16 runs;
    uint64 delivered;
    uint64 sellerShort;
    uint64 buyerShort;
    uint256 escrow;
    uint256 collateral;
}

/// Why a fill was skipped, in the order of the checks.
enum Reason {
    None,
    AlreadySettled,
    NotIncluded,
    WrongSide,
    WrongSlot,
    WrongPolicy,
    WrongZone,
    Expired,
    SameAccount,
    BuyerLimit,
    SellerLimit,
    NoQuantity,
    BuyerQuantity,
    SellerQuantity,
    BuyerNonce,
    SellerNonce,
    BuyerSignature,
    SellerSignature,
    BuyerFunds,
    SellerFunds
}
