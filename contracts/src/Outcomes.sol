// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery, PricePair} from "./Trades.sol";
import {Outcome, Policy, Terms} from "./Types.sol";

/// The money of a trade: what it ties up, and where that goes once the delivery is known.
///
/// Every part is at least zero and the parts sum to escrow + collateral, for each delivery with
/// delivered + short <= quantity.
library Outcomes {
    /// Nobody owes anything for energy that did not come, or was not taken.
    uint8 internal constant PAY_ACTUAL = 0;
    /// Who is short pays what the other side loses: the buyer's dearer energy, the seller's
    /// cheaper sale.
    uint8 internal constant MAKE_WHOLE = 1;
    /// Who is short pays the policy's price to the balance account.
    uint8 internal constant IMBALANCE_PRICE = 2;
    /// The buyer pays for energy that it did not take; no rule for sellers.
    uint8 internal constant TAKE_OR_PAY = 3;

    /// What a Wh is worth in a trade: of what was agreed, of what was delivered, and of what is
    /// short by more than is tolerated.
    struct Prices {
        uint256 escrow;
        uint256 collateral;
        uint256 sellerNet;
        uint256 network;
        uint256 platform;
        uint256 difference;
        uint256 makeWhole;
        uint256 compensation;
        uint256 sellerImbalance;
        uint256 buyerImbalance;
        uint256 toleranceBps;
        uint256 toleranceWh;
    }

    /// What a buyer pays per Wh: energy, network fee and platform fee.
    function allIn(Policy memory policy, uint256 buyPrice) internal pure returns (uint256) {
        return buyPrice + policy.networkFee + policy.buyerFee;
    }

    /// What a seller has to post per Wh: the most that it may owe for being short.
    function collateral(Terms memory terms, uint256 allIn_) internal pure returns (uint256) {
        uint256 rule = terms.policy.sellerShort;
        if (rule == MAKE_WHOLE) return _excess(terms.clearing.retailPrice, allIn_);
        return rule == IMBALANCE_PRICE ? terms.policy.imbalancePrice : 0;
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

    /// The prices of a trade that was settled: the seller's covers its fee and is not above the
    /// buyer's.
    function prices(
        Terms memory terms,
        PricePair pair
    ) internal pure returns (Prices memory result) {
        Policy memory policy = terms.policy;
        (uint256 buyPrice, uint256 sellPrice) = (pair.buyPrice(), pair.sellPrice());
        result.escrow = allIn(policy, buyPrice);
        result.collateral = collateral(terms, result.escrow);
        result.sellerNet = sellPrice - policy.sellerFee;
        result.network = policy.networkFee;
        result.platform = uint256(policy.buyerFee) + policy.sellerFee;
        result.difference = buyPrice - sellPrice;
        result.toleranceBps = policy.toleranceBps;
        result.toleranceWh = policy.toleranceWh;
        if (policy.sellerShort == MAKE_WHOLE) result.makeWhole = result.collateral;
        else result.sellerImbalance = result.collateral;
        if (policy.buyerShort == MAKE_WHOLE) {
            result.compensation = _excess(sellPrice, terms.clearing.feedInPrice);
        } else if (policy.buyerShort == TAKE_OR_PAY) {
            result.compensation = result.sellerNet;
        } else if (policy.buyerShort == IMBALANCE_PRICE) {
            // No more than there is of the escrow.
            (uint256 price, uint256 most) = (policy.imbalancePrice, result.escrow);
            result.buyerImbalance = price < most ? price : most;
        }
    }

    /// Where escrow and collateral of a trade of `quantity` go; the delivery is one that fits.
    function outcome(
        Terms memory terms,
        PricePair pair,
        uint64 quantity,
        Delivery delivery
    ) internal pure returns (Outcome memory result) {
        assert(fits(quantity, delivery));
        find(result, prices(terms, pair), quantity, delivery);
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
            result.difference = energy * of_.difference;
            // One side is short at most, so that the imbalance is of one side only.
            (uint256 part, uint256 imbalance) = (0, 0);
            uint256 short = delivery.sellerShort();
            if (short != 0 && _penalised(of_, quantity, short)) {
                (part, imbalance) = (short * of_.makeWhole, short * of_.sellerImbalance);
            }
            result.makeWhole = part;
            result.collateralBack = quantity * of_.collateral - part - imbalance;
            result.imbalance = imbalance;
            (part, imbalance) = (0, 0);
            short = delivery.buyerShort();
            if (short != 0 && _penalised(of_, quantity, short)) {
                (part, imbalance) = (short * of_.compensation, short * of_.buyerImbalance);
                result.imbalance = imbalance;
            }
            result.compensation = part;
            result.refund = (quantity - energy) * of_.escrow - part - imbalance;
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
