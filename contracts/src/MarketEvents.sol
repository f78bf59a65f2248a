// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Policy} from "./Types.sol";

/// What `EnergyMarket` says about trades, and why it refuses.
///
/// Amounts in 1e-9 currency, energy in Wh, prices in 1e-9 currency per Wh.
interface MarketEvents {
    event PolicyRegistered(
        bytes32 indexed policy,
        bytes32 indexed community,
        bytes32 indexed zone,
        Policy terms
    );
    event SlotCleared(
        bytes32 indexed clearing,
        bytes32 indexed zone,
        uint64 indexed slot,
        Clearing terms
    );
    event FillSkipped(bytes32 indexed clearing, bytes32 indexed trade, uint8 reason);
    /// The prices of a trade that is created next, where each fill of its clearing has its own.
    event TradePriced(bytes32 indexed trade, uint64 buyPrice, uint64 sellPrice);
    /// What is agreed, and that its cash moved to escrow and collateral. The slot is the
    /// clearing's, and so are the prices, unless {TradePriced} said others.
    event TradeCreated(
        bytes32 indexed trade,
        address indexed buyer,
        address indexed seller,
        bytes32 clearing,
        uint32 index,
        bytes32 buyOrder,
        bytes32 sellOrder,
        uint64 quantity,
        uint256 escrow,
        uint256 collateral
    );
    /// What a run says of a trade; where its cash goes then, not the difference to the run before,
    /// is {Outcomes}.
    event TradeReconciled(
        bytes32 indexed trade,
        uint8 run,
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    );
    /// A run over trades of a batch is complete.
    event SlotReconciled(bytes32 indexed clearing, uint32 number, uint8 run);

    error BadPolicy();
    error UnknownPolicy(bytes32 policy);
    error BadClearing();
    error AlreadyCleared(bytes32 zone, uint64 slot);
    error UnknownClearing(bytes32 clearing);
    /// The slot ended: nothing more can be cleared or settled.
    error SlotOver(uint64 slot);
    /// The fills are not this batch of the clearing, or its orders do not rise.
    error BadBatch();
    /// The trades shown are not those that are kept of the batch.
    error BatchChanged();
    /// A run is of one trade at least.
    error NoTrades();
    error UnknownTrade(bytes32 trade);
    /// Too early or too late for this.
    error OutsideWindow(bytes32 clearing);
    /// The run does not rise.
    error RunNotHigher(bytes32 trade, uint8 run);
    /// Only a proven challenge cuts.
    error NotChallenges(address sender);
    /// More than was agreed, or both sides short.
    error BadDelivery(bytes32 trade);
}
