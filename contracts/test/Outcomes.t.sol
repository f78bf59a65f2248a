// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Outcomes} from "../src/Outcomes.sol";
import {Clearing, Outcome, Policy, Terms} from "../src/Types.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Test} from "./support/Test.sol";

/// The money of a trade, for every policy that can be registered and every rule of its sides.
contract OutcomesTest is Test {
    /// What a fuzzed case is made of.
    struct Case {
        uint64 networkFee;
        uint64 buyerFee;
        uint64 sellerFee;
        uint64 buyPrice;
        uint64 sellPrice;
        uint64 imbalancePrice;
        uint64 retail;
        uint64 feedIn;
        uint16 toleranceBps;
        uint32 toleranceWh;
        uint8 rules;
        uint64 quantity;
        uint64 delivered;
        uint64 short;
        bool ofSeller;
    }

    function terms(Case memory a) private pure returns (Terms memory t) {
        Policy memory p = t.policy;
        (p.networkFee, p.buyerFee, p.sellerFee) = (a.networkFee, a.buyerFee, a.sellerFee);
        (p.sellerShort, p.buyerShort) = (a.rules % 3, (a.rules / 3) % 4);
        p.imbalancePrice = a.imbalancePrice;
        p.toleranceBps = a.toleranceBps % 10_001;
        p.toleranceWh = a.toleranceWh;
        (t.clearing.retailPrice, t.clearing.feedInPrice) = (a.retail, a.feedIn);
        // A trade is settled only where the seller's price covers its fee, and the buyer's that.
        a.sellPrice = uint64(within(a.sellPrice, a.sellerFee, type(uint64).max));
        a.buyPrice = uint64(within(a.buyPrice, a.sellPrice, type(uint64).max));
        // A word has no room for more.
        a.quantity = uint64(within(a.quantity, 0, type(uint56).max));
        a.delivered = uint64(within(a.delivered, 0, a.quantity));
        a.short = uint64(within(a.short, 0, a.quantity - a.delivered));
    }

    /// Of quantity, delivered, seller's short and buyer's short, at the buyer's price and the
    /// seller's.
    function outcome(
        Terms memory t,
        uint64[2] memory prices,
        uint64[4] memory wh
    ) external pure returns (Outcome memory) {
        return
            Outcomes.outcome(
                t,
                NaiveTrades.prices(prices[0], prices[1]),
                wh[0],
                NaiveTrades.delivery(0, wh[1], wh[2], wh[3])
            );
    }

    function outcome(Case memory a, Terms memory t) private view returns (Outcome memory) {
        uint64[4] memory wh = [
            a.quantity,
            a.delivered,
            a.ofSeller ? a.short : 0,
            a.ofSeller ? 0 : a.short
        ];
        return this.outcome(t, [a.buyPrice, a.sellPrice], wh);
    }

    /// What a Wh ties up: of its buyer, and of its seller.
    function tied(Case memory a, Terms memory t) private pure returns (uint256, uint256) {
        uint256 price = uint256(a.buyPrice) + a.networkFee + a.buyerFee;
        same(Outcomes.allIn(t.policy, a.buyPrice), price, "all-in price");
        uint256 rule = t.policy.sellerShort;
        uint256 posted = rule == 2 ? a.imbalancePrice : 0;
        if (rule == 1) posted = a.retail > price ? a.retail - price : 0;
        same(Outcomes.collateral(t, price), posted, "what a seller posts");
        return (price, posted);
    }

    /// Nothing is lost or made, nothing overflows, and each part is what the words say.
    function test_fuzz_escrow_and_collateral_are_conserved(Case memory a) public view {
        Terms memory t = terms(a);
        Outcome memory o = outcome(a, t);
        (uint256 price, uint256 posted) = tied(a, t);
        uint256 ofBuyer = o.sellerNet + o.network + o.platform + o.difference + o.compensation;
        uint256 ofSeller = o.makeWhole + o.collateralBack;
        // One side is short at most, and pays to the balance account.
        if (a.ofSeller) ofSeller += o.imbalance;
        else ofBuyer += o.imbalance;
        same(ofBuyer + o.refund, a.quantity * price, "escrow");
        same(ofSeller, a.quantity * posted, "collateral");
        _checkDelivered(a, o);
        _checkShort(a, t, o);
    }

    function _checkDelivered(Case memory a, Outcome memory o) private pure {
        uint256 wh = a.delivered;
        same(o.sellerNet, wh * (a.sellPrice - a.sellerFee), "seller's net");
        same(o.network, wh * a.networkFee, "network");
        same(o.platform, wh * (uint256(a.buyerFee) + a.sellerFee), "platform");
        same(o.difference, wh * (a.buyPrice - a.sellPrice), "difference");
    }

    function _checkShort(Case memory a, Terms memory t, Outcome memory o) private pure {
        uint256 wh = a.short > _tolerance(t.policy, a.quantity) ? a.short : 0;
        (uint256 price, uint256 posted) = tied(a, t);
        (uint256 makeWhole, uint256 compensation, uint256 imbalance) = (0, 0, 0);
        if (a.ofSeller) {
            if (t.policy.sellerShort == 1) makeWhole = wh * posted;
            if (t.policy.sellerShort == 2) imbalance = wh * posted;
        } else {
            uint256 rule = t.policy.buyerShort;
            uint256 lost = a.sellPrice > a.feedIn ? a.sellPrice - a.feedIn : 0;
            if (rule == 1) compensation = wh * lost;
            if (rule == 2) imbalance = wh * (a.imbalancePrice < price ? a.imbalancePrice : price);
            if (rule == 3) compensation = wh * (a.sellPrice - a.sellerFee);
        }
        same(o.makeWhole, makeWhole, "make-whole");
        same(o.compensation, compensation, "compensation");
        same(o.imbalance, imbalance, "imbalance");
    }

    function _tolerance(Policy memory p, uint256 quantity) private pure returns (uint256) {
        uint256 share = (quantity * p.toleranceBps) / 10_000;
        return share > p.toleranceWh ? share : p.toleranceWh;
    }

    /// With one price for both nobody receives a difference.
    function test_fuzz_one_price_leaves_no_difference(Case memory a) public view {
        Terms memory t = terms(a);
        a.buyPrice = a.sellPrice;
        same(outcome(a, t).difference, 0, "difference");
    }

    /// With make-whole a buyer who is not served beyond the tolerance pays the agreed cost exactly.
    function test_fuzz_a_buyer_is_made_whole(Case memory a) public view {
        Terms memory t = terms(a);
        (t.policy.sellerShort, t.policy.toleranceBps, t.policy.toleranceWh) = (1, 0, 0);
        (uint256 price, ) = tied(a, t);
        vm.assume(a.retail >= price);
        (a.short, a.ofSeller) = (a.quantity - a.delivered, true);
        Outcome memory o = outcome(a, t);
        uint256 elsewhere = uint256(a.short) * a.retail;
        uint256 paid = a.quantity * price + elsewhere - o.refund - o.makeWhole;
        same(paid, a.quantity * price, "the agreed cost");
    }

    /// With take or pay a seller gets the same whether its energy is taken or not.
    function test_fuzz_a_seller_is_paid_for_what_is_not_taken(Case memory a) public view {
        Terms memory t = terms(a);
        (t.policy.buyerShort, t.policy.toleranceBps, t.policy.toleranceWh) = (3, 0, 0);
        (a.short, a.ofSeller) = (a.quantity - a.delivered, false);
        Outcome memory o = outcome(a, t);
        (, uint256 posted) = tied(a, t);
        same(
            o.sellerNet + o.compensation,
            a.quantity * (uint256(a.sellPrice) - a.sellerFee),
            "all of it at its price"
        );
        same(o.collateralBack, a.quantity * posted, "and its collateral");
    }

    /// With pay actual nobody loses anything but for what was delivered, and no seller posts.
    function test_fuzz_who_pays_what_was_delivered_owes_nothing_else(Case memory a) public view {
        Terms memory t = terms(a);
        (t.policy.sellerShort, t.policy.buyerShort) = (0, 0);
        Outcome memory o = outcome(a, t);
        (uint256 price, uint256 posted) = tied(a, t);
        same(posted, 0, "no collateral");
        same(o.refund, (a.quantity - a.delivered) * price, "what was not delivered comes back");
        same(o.makeWhole + o.compensation + o.imbalance + o.collateralBack, 0, "nothing else");
    }

    /// No buyer loses more than its escrow, whatever the imbalance price.
    function test_an_imbalance_price_above_the_escrow_takes_all_of_it() public view {
        Terms memory t;
        (t.policy.buyerShort, t.policy.imbalancePrice) = (2, type(uint64).max);
        t.policy.networkFee = 10;
        Outcome memory o = this.outcome(t, [uint64(100), 90], [uint64(50), 20, 0, 30]);
        same(o.imbalance, 30 * 110, "what there is");
        same(o.refund, 0, "and nothing is left");
    }

    /// More delivered is never less for the seller.
    function test_fuzz_a_seller_does_not_lose_by_delivering(Case memory a) public view {
        Terms memory t = terms(a);
        uint64 less = uint64(within(a.short, 0, a.delivered));
        (a.short, a.ofSeller) = (a.quantity - a.delivered, true);
        Outcome memory high = outcome(a, t);
        (a.delivered, a.short) = (less, a.quantity - less);
        Outcome memory low = outcome(a, t);
        isTrue(
            high.sellerNet + high.collateralBack >= low.sellerNet + low.collateralBack,
            "delivering pays"
        );
    }
}
