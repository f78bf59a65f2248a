// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Fill, PricePair, Trade} from "./Trades.sol";

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

/// What an account lets a delegate sign for it under one policy: orders of at most
/// `quantityPerSlot` Wh, `quantityPerDay` Wh in all of a UTC day, for each side; buying for at most
/// `buyPriceMax` all in, selling for at least `sellPriceMin` net, settled before `until` (epoch
/// seconds). A later `version` replaces it.
struct Mandate {
    bytes32 policy;
    uint64 until;
    uint64 buyPriceMax;
    uint64 sellPriceMin;
    uint64 quantityPerSlot;
    uint64 quantityPerDay;
    uint64 version;
}

/// What an account signs to give free cash to another (EIP-712).
///
/// Only `sender` may send it, or anyone where that is zero, and not after `expiry` (epoch seconds).
/// `link` says what it belongs to.
struct CashTransfer {
    address account;
    address to;
    uint256 amount;
    uint256 nonce;
    uint64 expiry;
    address sender;
    bytes32 link;
}

/// The fees and the imbalance rules that both sides of a trade sign.
///
/// `sellerShort` and `buyerShort` are the rules of {Outcomes} for who does not deliver and who does
/// not take. Trades are settled until `settleSeconds` after their slot: zero where they are agreed
/// before it, more where what was delivered is shared out after it. `differenceAccount` receives
/// what buyers pay above what sellers get; zero lets no fill have two prices. `balanceAccount`
/// receives what is paid at `imbalancePrice`.
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
    uint8 sellerShort;
    uint8 buyerShort;
    uint64 imbalancePrice;
    uint32 settleSeconds;
    uint32 correctionSeconds;
    uint32 challengeSeconds;
    address networkAccount;
    address platformAccount;
    address differenceAccount;
    address balanceAccount;
}

/// What came out of the auction of one zone and slot.
///
/// Mechanisms from {Batches.PRICED} on have two prices for each fill, and `price` moves no money;
/// those below have one price for all.
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
/// Orders stand in rising order of account, then of hash. `prices` has those of each fill where the
/// mechanism has two prices a fill, and is empty where it has one price for all.
struct FillBatch {
    Terms terms;
    uint32 number;
    SignedOrder[] orders;
    Fill[] fills;
    PricePair[] prices;
    bytes32[] path;
    bytes[] signatures;
}

/// The trades of a batch as they stand: the contract keeps their hash, whoever changes them shows
/// them.
///
/// `accounts` are those of its settled trades, in rising order; `trades` has a place for each fill,
/// empty where it was not settled, and so has `prices` where the mechanism has two prices a fill.
struct TradeBatch {
    Terms terms;
    uint32 number;
    address[] accounts;
    Trade[] trades;
    PricePair[] prices;
}

/// The proof that an order met another at a place of the clearing's fills; `filled` as in
/// {SignedOrder}. `prices` are the fill's, also where all have the clearing's.
struct Claim {
    Order order;
    uint64 filled;
    bytes32 other;
    uint64 otherFilled;
    PricePair prices;
    uint32 index;
    bytes32[] path;
}

/// Where the escrow and the collateral of a trade go. In 1e-9 currency.
struct Outcome {
    uint256 sellerNet;
    uint256 network;
    uint256 platform;
    uint256 difference;
    uint256 makeWhole;
    uint256 compensation;
    uint256 imbalance;
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
    BadPrices,
    BuyerLimit,
    SellerLimit,
    Expired,
    BuyerSignature,
    SellerSignature,
    BuyerMandate,
    SellerMandate,
    BuyerQuantity,
    SellerQuantity,
    BuyerNonce,
    SellerNonce,
    BuyerFunds,
    SellerFunds
}
