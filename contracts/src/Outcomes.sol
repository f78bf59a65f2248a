// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery} from "./Trades.sol";
import {Outcome, Policy, Terms} from "./Types.sol";

/// The money of a trade: what it ties up, and where that goes once the delivery is known.
///
/// Every part is at least zero and the parts sum to escrow + collateral, for each delivery with
/// delivered + short <= quantity.
library Outcomes {
    uint8 internal constant MAKE_WHOLE = 1;

    /// What a Wh is worth in all trades of a clearing: of what was agreed, of what was delivered,
    /// and of what is short by more than is tolerated.
    struct Prices {
        uint256 escrow;
        uint256 collateral;
        uint256 sellerNet;
        uint256 network;
        uint256 platform;
        uint256 makeWhole;
        uint256 compensation;
        uint256 toleranceBps;
        uint256 toleranceWh;
    }

    /// What a buyer pays per Wh: energy, network fee and platform fee.
    function allIn(Terms memory terms) internal pure returns (uint256) {
        return uint256(terms.clearing.price) + terms.policy.networkFee + terms.policy.buyerFee;
    }

    /// What a buyer who is not served pays more per Wh elsewhere; so much a seller has to post.
    function makeWholePrice(Terms memory terms) internal pure returns (uint256) {
        return _excess(terms.clearing.retailPrice, allIn(terms));
    }

    /// Whether a delivery is one of `quantity`: not more in all, and one side short at most.
    function fits(uint256 quantity, Delivery delivery) internal pure returns (bool) {
        unchecked {
            uint256 sellerShort = delivery.sellerShort();
            uint256 buyerShort = delivery.buyerShort();
            // Of 56 bits each.
            return
                delivery.delivered() + sellerShort + buyerShort <= quantity &&
                (sellerShort == 0 || buyerShort == 0);
        }
    }

    /// The prices of a clearing of which trades were settled: its price covers the seller's fee.
    function prices(Terms memory terms) internal pure returns (Prices memory result) {
        Policy memory policy = terms.policy;
        result.escrow = allIn(terms);
        result.collateral = makeWholePrice(terms);
        result.sellerNet = terms.clearing.price - policy.sellerFee;
        result.network = policy.networkFee;
        result.platform = uint256(policy.buyerFee) + policy.sellerFee;
        result.toleranceBps = policy.toleranceBps;
        result.toleranceWh = policy.toleranceWh;
        if (policy.imbalance != MAKE_WHOLE) return result;
        result.makeWhole = result.collateral;
        result.compensation = _excess(terms.clearing.price, terms.clearing.feedInPrice);
    }

    /// Where escrow and collateral of a trade of `quantity` go; the delivery is one that fits.
    function outcome(
        Terms memory terms,
        uint64 quantity,
        Delivery delivery
    ) internal pure returns (Outcome memory result) {
        assert(fits(quantity, delivery));
        find(result, prices(terms), quantity, delivery);
    }

    /// Finds the outcome of a delivery that fits, once the prices are known.
    ///
    /// Nothing wraps: prices are less than 2^66 and energies less than 2^64; and what is taken off
    /// is a part of what it is taken off from.
    function find(
        Outcome memory result,
        Prices memory of_,
        uint256 quantity,
        Delivery delivery
    ) internal pure {
        unchecked {
            uint256 energy = delivery.delivered();
            result.sellerNet = energy * of_.sellerNet;
            result.network = energy * of_.network;
            result.platform = energy * of_.platform;
            uint256 short = delivery.sellerShort();
            uint256 part = 0;
            if (short != 0 && _penalised(of_, quantity, short)) part = short * of_.makeWhole;
            result.makeWhole = part;
            result.collateralBack = quantity * of_.collateral - part;
            short = delivery.buyerShort();
            part = 0;
            if (short != 0 && _penalised(of_, quantity, short)) part = short * of_.compensation;
            result.compensation = part;
            result.refund = (quantity - energy) * of_.escrow - part;
        }
    }

    function _penalised(
        Prices memory of_,
        uint256 quantity,
        uint256 short
    ) private pure returns (bool) {
        unchecked {
            return short > of_.toleranceWh && short > (quantity * of_.toleranceBps) / 10_000;
        }
    }

    function _excess(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
