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
    event TradeSettled(
        bytes32 indexed trade,
        address indexed buyer,
        address indexed seller,
        bytes32 clearing,
        bytes32 buyOrder,
        bytes32 sellOrder,
        uint64 slot,
        uint64 quantity,
        uint64 price,
        uint64 retailPrice,
        uint64 feedInPrice,
        uint256 escrow,
        uint256 collateral
    );
    event TradeReconciled(
        bytes32 indexed trade,
        uint8 run,
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort,
        uint256 sellerNet,
        uint256 network,
        uint256 platform,
        uint256 makeWhole,
        uint256 compensation,
        uint256 refund,
        uint256 collateralBack
    );

    error BadPolicy();
    error UnknownPolicy(bytes32 policy);
    error BadClearing();
    error AlreadyCleared(bytes32 zone, uint64 slot);
    error UnknownClearing(bytes32 clearing);
    /// The slot ended: nothing more can be cleared or settled.
    error SlotOver(uint64 slot);
    error UnknownTrade(bytes32 trade);
    /// Too early or too late for this.
    error OutsideWindow(bytes32 trade);
    /// The run does not rise.
    error RunNotHigher(bytes32 trade, uint8 run);
    /// Only a proven challenge cuts.
    error NotChallenges(address sender);
    /// More than was agreed, or both sides short.
    error BadDelivery(bytes32 trade);
}
