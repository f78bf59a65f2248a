// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Outcomes} from "../src/Outcomes.sol";
import {Clearing, Outcome, Policy} from "../src/Types.sol";
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

    function terms(Case memory a) private pure returns (Policy memory p, Clearing memory c) {
        (p.networkFee, p.buyerFee, p.sellerFee) = (a.networkFee, a.buyerFee, a.sellerFee);
        p.imbalance = a.kind & 1;
        p.toleranceBps = a.toleranceBps % 10_001;
        p.toleranceWh = a.toleranceWh;
        // A trade is settled only where the price covers the seller's fee.
        c.price = uint64(within(a.price, a.sellerFee, type(uint64).max));
        (c.retailPrice, c.feedInPrice) = (a.retail, a.feedIn);
    }

    function outcome(
        Policy memory p,
        Clearing memory c,
        uint64[4] memory wh
    ) external pure returns (Outcome memory) {
        return Outcomes.outcome(p, c, wh[0], wh[1], wh[2], wh[3]);
    }

    /// Nothing is lost or made, nothing overflows, and each part is what the words say.
    function test_fuzz_escrow_and_collateral_are_conserved(Case memory a) public view {
        (Policy memory p, Clearing memory c) = terms(a);
        uint64 delivered = uint64(within(a.delivered, 0, a.quantity));
        uint64 short = uint64(within(a.short, 0, a.quantity - delivered));
        bool ofSeller = a.kind & 2 == 0;
        uint64[4] memory wh = [a.quantity, delivered, ofSeller ? short : 0, ofSeller ? 0 : short];
        Outcome memory o = this.outcome(p, c, wh);
        same(
            o.sellerNet + o.network + o.platform + o.compensation + o.refund,
            Outcomes.escrowOf(p, c, a.quantity),
            "escrow"
        );
        same(
            o.makeWhole + o.collateralBack,
            Outcomes.collateralOf(p, c, a.quantity),
            "collateral"
        );
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
        (Policy memory p, Clearing memory c) = terms(a);
        (p.imbalance, p.toleranceBps, p.toleranceWh) = (1, 0, 0);
        uint256 allIn = uint256(c.price) + p.networkFee + p.buyerFee;
        vm.assume(c.retailPrice >= allIn);
        uint64 delivered = uint64(within(a.delivered, 0, a.quantity));
        uint64 short = a.quantity - delivered;
        Outcome memory o = this.outcome(p, c, [a.quantity, delivered, short, 0]);
        uint256 escrow = Outcomes.escrowOf(p, c, a.quantity);
        uint256 elsewhere = uint256(short) * c.retailPrice;
        same(escrow + elsewhere - o.refund - o.makeWhole, a.quantity * allIn, "the agreed cost");
    }

    /// More delivered is never less for the seller.
    function test_fuzz_a_seller_does_not_lose_by_delivering(Case memory a) public view {
        (Policy memory p, Clearing memory c) = terms(a);
        uint64 more = uint64(within(a.delivered, 0, a.quantity));
        uint64 less = uint64(within(a.short, 0, more));
        Outcome memory high = this.outcome(p, c, [a.quantity, more, a.quantity - more, 0]);
        Outcome memory low = this.outcome(p, c, [a.quantity, less, a.quantity - less, 0]);
        isTrue(
            high.sellerNet + high.collateralBack >= low.sellerNet + low.collateralBack,
            "delivering pays"
        );
    }
}
