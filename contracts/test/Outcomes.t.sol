// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Outcomes} from "../src/Outcomes.sol";
import {Clearing, Outcome, Policy, Terms} from "../src/Types.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Test} from "./support/Test.sol";

/// The money of a trade, for every policy that can be registered.
contract OutcomesTest is Test {
    /// What a fuzzed case is made of.
    struct Case {
        uint64 networkFee;
        uint64 buyerFee;
        uint64 sellerFee;
        uint64 price;
        uint64 retail;
        uint64 feedIn;
        uint16 toleranceBps;
        uint32 toleranceWh;
        uint64 quantity;
        uint64 delivered;
        uint64 short;
        uint8 kind;
    }

    function terms(Case memory a) private pure returns (Terms memory t) {
        Policy memory p = t.policy;
        (p.networkFee, p.buyerFee, p.sellerFee) = (a.networkFee, a.buyerFee, a.sellerFee);
        p.imbalance = a.kind & 1;
        p.toleranceBps = a.toleranceBps % 10_001;
        p.toleranceWh = a.toleranceWh;
        // A trade is settled only where the price covers the seller's fee.
        t.clearing.price = uint64(within(a.price, a.sellerFee, type(uint64).max));
        (t.clearing.retailPrice, t.clearing.feedInPrice) = (a.retail, a.feedIn);
        // A word has no room for more.
        a.quantity = uint64(within(a.quantity, 0, type(uint56).max));
    }

    /// Of quantity, delivered, seller's short and buyer's short.
    function outcome(
        Terms memory t,
        uint64[4] memory wh
    ) external pure returns (Outcome memory) {
        return Outcomes.outcome(t, wh[0], NaiveTrades.delivery(0, wh[1], wh[2], wh[3]));
    }

    /// What a trade ties up: of its buyer and of its seller.
    function tied(Terms memory t, uint64 quantity) private pure returns (uint256, uint256) {
        uint256 price = uint256(t.clearing.price) + t.policy.networkFee + t.policy.buyerFee;
        same(Outcomes.allIn(t), price, "all-in price");
        uint256 more = t.clearing.retailPrice > price ? t.clearing.retailPrice - price : 0;
        same(Outcomes.makeWholePrice(t), more, "make-whole price");
        return (quantity * price, quantity * more);
    }

    /// Nothing is lost or made, nothing overflows, and each part is what the words say.
    function test_fuzz_escrow_and_collateral_are_conserved(Case memory a) public view {
        Terms memory t = terms(a);
        uint64 delivered = uint64(within(a.delivered, 0, a.quantity));
        uint64 short = uint64(within(a.short, 0, a.quantity - delivered));
        bool ofSeller = a.kind & 2 == 0;
        uint64[4] memory wh = [a.quantity, delivered, ofSeller ? short : 0, ofSeller ? 0 : short];
        Outcome memory o = this.outcome(t, wh);
        (uint256 escrow, uint256 collateral) = tied(t, a.quantity);
        same(
            o.sellerNet + o.network + o.platform + o.compensation + o.refund,
            escrow,
            "escrow"
        );
        same(o.makeWhole + o.collateralBack, collateral, "collateral");
        _checkParts(a, t, delivered, short, o);
    }

    function _checkParts(
        Case memory a,
        Terms memory t,
        uint64 delivered,
        uint64 short,
        Outcome memory o
    ) private pure {
        (Policy memory p, Clearing memory c) = (t.policy, t.clearing);
        bool ofSeller = a.kind & 2 == 0;
        same(o.sellerNet, uint256(delivered) * (c.price - p.sellerFee), "seller's net");
        same(o.network, uint256(delivered) * p.networkFee, "network");
        same(o.platform, delivered * (uint256(p.buyerFee) + p.sellerFee), "platform");
        bool charged = p.imbalance == 1 && short > _tolerance(p, a.quantity);
        uint256 allIn = uint256(c.price) + p.networkFee + p.buyerFee;
        uint256 perWh = c.retailPrice > allIn ? c.retailPrice - allIn : 0;
        same(o.makeWhole, charged && ofSeller ? short * perWh : 0, "make-whole");
        perWh = c.price > c.feedInPrice ? c.price - c.feedInPrice : 0;
        same(o.compensation, charged && !ofSeller ? short * perWh : 0, "compensation");
    }

    function _tolerance(Policy memory p, uint256 quantity) private pure returns (uint256) {
        uint256 share = (quantity * p.toleranceBps) / 10_000;
        return share > p.toleranceWh ? share : p.toleranceWh;
    }

    /// With make-whole a buyer who is not served beyond the tolerance pays the agreed cost exactly.
    function test_fuzz_a_buyer_is_made_whole(Case memory a) public view {
        Terms memory t = terms(a);
        (t.policy.imbalance, t.policy.toleranceBps, t.policy.toleranceWh) = (1, 0, 0);
        uint256 allIn = Outcomes.allIn(t);
        vm.assume(t.clearing.retailPrice >= allIn);
        uint64 delivered = uint64(within(a.delivered, 0, a.quantity));
        uint64 short = a.quantity - delivered;
        Outcome memory o = this.outcome(t, [a.quantity, delivered, short, 0]);
        (uint256 escrow, ) = tied(t, a.quantity);
        uint256 elsewhere = uint256(short) * t.clearing.retailPrice;
        same(escrow + elsewhere - o.refund - o.makeWhole, a.quantity * allIn, "the agreed cost");
    }

    /// More delivered is never less for the seller.
    function test_fuzz_a_seller_does_not_lose_by_delivering(Case memory a) public view {
        Terms memory t = terms(a);
        uint64 more = uint64(within(a.delivered, 0, a.quantity));
        uint64 less = uint64(within(a.short, 0, more));
        Outcome memory high = this.outcome(t, [a.quantity, more, a.quantity - more, 0]);
        Outcome memory low = this.outcome(t, [a.quantity, less, a.quantity - less, 0]);
        isTrue(
            high.sellerNet + high.collateralBack >= low.sellerNet + low.collateralBack,
            "delivering pays"
        );
    }
}
