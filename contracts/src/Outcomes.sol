// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Outcome, Policy} from "./Types.sol";

/// The money of a trade: what it ties up, and where that goes once the delivery is known.
///
/// Every part is at least zero and the parts sum to escrow + collateral, for each delivery with
/// delivered + short <= quantity.
library Outcomes {
    uint8 internal constant MAKE_WHOLE = 1;

    /// What a buyer pays per Wh: energy, network fee and platform fee.
    function allIn(Policy memory policy, Clearing memory clearing) internal pure returns (uint256) {
        return uint256(clearing.price) + policy.networkFee + policy.buyerFee;
    }

    /// What a buyer who is not served pays more per Wh elsewhere.
    function makeWholePrice(
        Policy memory policy,
        Clearing memory clearing
    ) internal pure returns (uint256) {
        return _excess(clearing.retailPrice, allIn(policy, clearing));
    }

    function escrowOf(
        Policy memory policy,
        Clearing memory clearing,
        uint64 quantity
    ) internal pure returns (uint256) {
        return quantity * allIn(policy, clearing);
    }

    function collateralOf(
        Policy memory policy,
        Clearing memory clearing,
        uint64 quantity
    ) internal pure returns (uint256) {
        return quantity * makeWholePrice(policy, clearing);
    }

    /// Where escrow and collateral of a trade of `quantity` go.
    function outcome(
        Policy memory policy,
        Clearing memory clearing,
        uint64 quantity,
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    ) internal pure returns (Outcome memory result) {
        uint256 energy = delivered;
        result.sellerNet = energy * (clearing.price - policy.sellerFee);
        result.network = energy * policy.networkFee;
        result.platform = energy * (uint256(policy.buyerFee) + policy.sellerFee);
        if (_penalised(policy, quantity, sellerShort)) {
            result.makeWhole = sellerShort * makeWholePrice(policy, clearing);
        }
        if (_penalised(policy, quantity, buyerShort)) {
            result.compensation = buyerShort * _excess(clearing.price, clearing.feedInPrice);
        }
        result.refund =
            escrowOf(policy, clearing, quantity) -
            result.sellerNet -
            result.network -
            result.platform -
            result.compensation;
        result.collateralBack = collateralOf(policy, clearing, quantity) - result.makeWhole;
    }

    function _penalised(
        Policy memory policy,
        uint64 quantity,
        uint64 short
    ) private pure returns (bool) {
        if (policy.imbalance != MAKE_WHOLE) return false;
        uint256 share = (uint256(quantity) * policy.toleranceBps) / 10_000;
        return short > (share > policy.toleranceWh ? share : policy.toleranceWh);
    }

    function _excess(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
