// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {FillBatch, Order, Reason, SignedOrder} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {Pair} from "./support/World.sol";

/// Fills that do not hold: each is skipped for its reason, and the batch goes on.
contract SkipTest is Auction {
    uint256 private constant GROUP_ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        for (uint256 i = 1; i <= 6; ++i) fund(account(i), 1_000_000_000);
        (buyer, seller) = (account(3), account(4));
    }

    /// Settles a bad fill between two good ones, for a moment.
    function skips(
        Reason expected,
        function(Pair memory) internal edit,
        function(FillBatch memory) internal spoil
    ) private {
        uint256 state = vm.snapshotState();
        Pair[] memory three = new Pair[](3);
        three[0] = pair(account(1), account(2), 1);
        three[1] = pair(buyer, seller, 1);
        three[1].quantity = 1000;
        three[2] = pair(account(5), account(6), 1);
        edit(three[1]);
        FillBatch memory batch = postOne(termsOf(policy()), three);
        spoil(batch);
        Reason[] memory reasons = new Reason[](3);
        reasons[1] = expected;
        check(batch, reasons);
        vm.revertToState(state);
    }

    /// The orders of the fill in the middle.
    function buyIn(FillBatch memory batch) private pure returns (SignedOrder memory) {
        return batch.orders[buyOf(batch, 1)];
    }

    function sellIn(FillBatch memory batch) private pure returns (SignedOrder memory) {
        return batch.orders[sellOf(batch, 1)];
    }

    function asItIs(Pair memory) private {}

    function unspoilt(FillBatch memory) private {}

    function pairIs(Reason expected, function(Pair memory) internal edit) private {
        skips(expected, edit, unspoilt);
    }

    function fillIs(Reason expected, function(FillBatch memory) internal spoil) private {
        skips(expected, asItIs, spoil);
    }

    function test_a_good_fill_between_two_others_is_settled() public {
        skips(Reason.None, asItIs, unspoilt);
    }

    function test_AlreadySettled() public {
        Pair memory one = pair(buyer, seller, 1);
        one.quantity = 1000;
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        check(batch, Reason.None);
        check(batch, Reason.AlreadySettled);
    }

    function test_WrongSide() public {
        pairIs(Reason.WrongSide, twoSellers);
        pairIs(Reason.WrongSide, twoBuyers);
        pairIs(Reason.WrongSide, noSide);
    }

    function twoSellers(Pair memory one) private pure { one.buy.side = 1; }
    function twoBuyers(Pair memory one) private pure { one.sell.side = 0; }
    function noSide(Pair memory one) private pure { one.buy.side = 2; }

    /// Orders for another slot, policy, zone or community are not what the clearing says of all its
    /// orders: whoever shows one as if it were shows another batch, and unshown it is skipped.
    function test_WrongSlot_WrongPolicy_and_WrongZone() public {
        isOfOther(buyLater, 0);
        isOfOther(sellEarlier, 1);
        isOfOther(buyOther, 0);
        isOfOther(sellOther, 1);
        isOfOther(buyZone, 0);
        isOfOther(sellZone, 1);
        isOfOther(buyCommunity, 0);
        isOfOther(sellCommunity, 1);
    }

    function isOfOther(function(Pair memory) internal edit, uint8 side) private {
        uint256 state = vm.snapshotState();
        Pair[] memory three = new Pair[](3);
        three[0] = pair(account(1), account(2), 1);
        three[1] = pair(buyer, seller, 1);
        edit(three[1]);
        three[2] = pair(account(5), account(6), 1);
        FillBatch memory batch = postOne(termsOf(policy()), three);
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, MarketEvents.BadBatch.selector);
        if (side == 0) hide(batch, buyOf(batch, 1), hashOf(three[1].buy));
        else hide(batch, sellOf(batch, 1), hashOf(three[1].sell));
        Reason[] memory reasons = new Reason[](3);
        reasons[1] = Reason.NotShown;
        check(batch, reasons);
        vm.revertToState(state);
    }

    function buyLater(Pair memory one) private pure { one.buy.slot += SLOT_SECONDS; }
    function sellEarlier(Pair memory one) private pure { one.sell.slot -= SLOT_SECONDS; }
    function buyOther(Pair memory one) private pure { one.buy.policy = 0; }
    function sellOther(Pair memory one) private pure { one.sell.policy = 0; }
    function buyZone(Pair memory one) private pure { one.buy.zone = "x"; }
    function sellZone(Pair memory one) private pure { one.sell.zone = "x"; }
    function buyCommunity(Pair memory one) private pure { one.buy.community = "x"; }
    function sellCommunity(Pair memory one) private pure { one.sell.community = "x"; }

    function test_Expired() public {
        pairIs(Reason.Expired, buyExpired);
        pairIs(Reason.Expired, sellExpired);
        pairIs(Reason.None, lastMoment);
    }

    function buyExpired(Pair memory one) private view {
        one.buy.expiry = uint64(block.timestamp) - 1;
    }

    function sellExpired(Pair memory one) private pure { one.sell.expiry = 0; }

    function lastMoment(Pair memory one) private view {
        one.buy.expiry = uint64(block.timestamp);
    }

    function test_SameAccount() public {
        pairIs(Reason.SameAccount, selfTrade);
    }

    function selfTrade(Pair memory one) private pure { one.sell.account = one.buy.account; }

    function test_BuyerLimit_and_SellerLimit() public {
        pairIs(Reason.BuyerLimit, buyCheaper);
        pairIs(Reason.SellerLimit, sellDearer);
        pairIs(Reason.SellerLimit, sellAtAnyHeight);
    }

    function buyCheaper(Pair memory one) private pure { one.buy.limitPrice -= 1; }
    function sellDearer(Pair memory one) private pure { one.sell.limitPrice += 1; }
    function sellAtAnyHeight(Pair memory one) private pure {
        one.sell.limitPrice = type(uint64).max;
    }

    function test_NoQuantity() public {
        pairIs(Reason.NoQuantity, nothing);
    }

    function nothing(Pair memory one) private pure { one.quantity = 0; }

    function test_BuyerQuantity_and_SellerQuantity() public {
        pairIs(Reason.BuyerQuantity, buyLess);
        pairIs(Reason.SellerQuantity, sellLess);
        pairIs(Reason.None, allOfIt);
        pairIs(Reason.BuyerQuantity, buyAtLeast);
        pairIs(Reason.SellerQuantity, sellAtLeast);
        pairIs(Reason.None, atLeastAllOfIt);
    }

    function buyLess(Pair memory one) private pure { one.buy.quantity = 999; }
    function sellLess(Pair memory one) private pure { one.sell.quantity = 999; }
    function allOfIt(Pair memory one) private pure {
        (one.buy.quantity, one.sell.quantity) = (1000, 1000);
    }

    function buyAtLeast(Pair memory one) private pure { one.buy.minFill = 1001; }
    function sellAtLeast(Pair memory one) private pure { one.sell.minFill = 1001; }
    function atLeastAllOfIt(Pair memory one) private pure {
        (one.buy.minFill, one.sell.minFill) = (1000, 1000);
    }

    function test_BuyerNonce_and_SellerNonce() public {
        fillIs(Reason.BuyerNonce, cancelBuy);
        fillIs(Reason.SellerNonce, cancelSell);
        pairIs(Reason.BuyerNonce, usedByWithdrawal);
    }

    function cancelBuy(FillBatch memory batch) private { cancelled(buyIn(batch)); }
    function cancelSell(FillBatch memory batch) private { cancelled(sellIn(batch)); }

    function cancelled(SignedOrder memory one) private {
        sent(one.account, address(market), abi.encodeCall(Market.cancel, (one.nonce)));
    }

    function usedByWithdrawal(Pair memory one) private {
        sent(STRANGER, address(market), withdrawing(buyer, 5, one.buy.nonce, buyer));
    }

    function test_of_two_orders_with_one_nonce_only_one_is_filled() public {
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 7);
        two[0].quantity = 1000;
        two[1] = pair(buyer, seller, 7);
        two[1].quantity = 1000;
        two[1].buy.limitPrice += 1;
        FillBatch memory batch = postOne(termsOf(policy()), two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.BuyerNonce;
        check(batch, reasons);
        // Nor later, and the first stays what it is.
        reasons[0] = Reason.AlreadySettled;
        check(batch, reasons);
    }

    /// Nonces of an account in two words, of which one is kept with its cash: each is used by one
    /// order, none ends another, and what was cancelled stays so.
    function test_nonces_of_several_words_in_one_batch() public {
        uint256[7] memory nonces = [uint256(5), 300, 6, 301, 300, 6, 127];
        Pair[] memory all = new Pair[](7);
        for (uint256 i = 0; i < 7; ++i) {
            all[i] = pair(buyer, seller, nonces[i]);
            // Another order, though it has the nonce of one before.
            (all[i].buy.minFill, all[i].sell.nonce) = (uint64(i), 1000 + i);
            all[i].quantity = 100;
        }
        sent(buyer, address(market), abi.encodeCall(Market.cancel, (5)));
        FillBatch memory batch = postOne(termsOf(policy()), all);
        Reason[] memory reasons = new Reason[](7);
        for (uint256 i = 0; i < 7; ++i) {
            bool gone = i == 0 || i == 4 || i == 5;
            reasons[i] = gone ? Reason.BuyerNonce : Reason.None;
        }
        check(batch, reasons);
        for (uint256 i = 0; i < 512; ++i) {
            bool used = i == 5 || i == 6 || i == 127 || i == 300 || i == 301;
            isTrue(market.nonceUsed(buyer, i) == used, "used");
            isTrue(market.nonceCancelled(buyer, i) == (i == 5), "cancelled");
        }
        for (uint256 i = 0; i < 7; ++i) {
            if (reasons[i] == Reason.None) reasons[i] = Reason.AlreadySettled;
        }
        check(batch, reasons);
    }

    function test_a_cancelled_order_keeps_what_was_filled_and_gets_no_more() public {
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 300);
        two[1] = pair(buyer, account(7), 300); // who has no cash yet
        (two[0].quantity, two[1].quantity) = (1000, 1000);
        FillBatch memory batch = postOne(termsOf(policy()), two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.SellerFunds;
        check(batch, reasons);
        fund(account(7), 1_000_000_000);
        uint256 state = vm.snapshotState();
        cancelled(batch.orders[buyOf(batch, 0)]);
        (reasons[0], reasons[1]) = (Reason.AlreadySettled, Reason.BuyerNonce);
        check(batch, reasons);
        same(market.orderFilled(hashOf(two[0].buy)), 1000, "filled");
        vm.revertToState(state);
        reasons[1] = Reason.None;
        check(batch, reasons);
        same(market.orderFilled(hashOf(two[0].buy)), 2000, "filled, had it not been cancelled");
    }

    /// Of an order no more is filled than the clearing says that it fills, nor than its quantity.
    function test_an_order_is_filled_up_to_its_quantity_over_several_fills() public {
        Pair[] memory three = new Pair[](3);
        for (uint256 i = 0; i < 3; ++i) {
            three[i] = pair(buyer, account(i == 1 ? 2 : 4), 1);
            three[i].sell.nonce = i;
            three[i].quantity = 2000;
        }
        uint256 state = vm.snapshotState();
        check(postOne(termsOf(policy()), three), Reason.BuyerQuantity);
        vm.revertToState(state);
        // A clearing that says that it fills 5000, and fills 6000.
        FillBatch memory batch = prove(termsOf(policy()), three)[0];
        batch.orders[buyOf(batch, 0)].filled = 5000;
        reprove(batch);
        clear(batch.terms);
        Reason[] memory reasons = new Reason[](3);
        reasons[2] = Reason.BuyerQuantity;
        check(batch, reasons);
        same(market.orderFilled(hashOf(three[0].buy)), 4000, "filled");
        (reasons[0], reasons[1]) = (Reason.AlreadySettled, Reason.AlreadySettled);
        check(batch, reasons);
        same(market.orderFilled(hashOf(three[0].buy)), 4000, "filled");
    }

    function test_BuyerSignature_and_SellerSignature() public {
        fillIs(Reason.BuyerSignature, otherSigner);
        fillIs(Reason.BuyerSignature, highS);
        fillIs(Reason.BuyerSignature, otherParity);
        fillIs(Reason.BuyerSignature, noSignature);
        fillIs(Reason.BuyerSignature, shortSignature);
        fillIs(Reason.BuyerSignature, longSignature);
        fillIs(Reason.SellerSignature, zeroes);
        fillIs(Reason.SellerSignature, noSuchPlace);
        fillIs(Reason.SellerSignature, ofOtherOrder);
    }

    function otherSigner(FillBatch memory batch) private pure {
        SignedOrder memory other = sellIn(batch);
        put(batch, buyOf(batch, 1), abi.encodePacked(other.r, other.vs));
    }

    function noSignature(FillBatch memory batch) private pure { put(batch, buyOf(batch, 1), ""); }

    function shortSignature(FillBatch memory batch) private pure {
        put(batch, buyOf(batch, 1), new bytes(63));
    }

    function zeroes(FillBatch memory batch) private pure {
        put(batch, sellOf(batch, 1), new bytes(64));
    }

    function noSuchPlace(FillBatch memory batch) private pure {
        (sellIn(batch).r, sellIn(batch).vs) = (bytes32(type(uint256).max), 0);
    }

    function ofOtherOrder(FillBatch memory batch) private view {
        Order memory other = order(sellIn(batch).account, 1, 99);
        put(batch, sellOf(batch, 1), sign(other.account, hashOf(other)));
    }

    /// What anyone could make of a signature: the same with s in the upper half.
    function highS(FillBatch memory batch) private view {
        (, bytes32 r, bytes32 s) = signatureIn(batch);
        put(batch, buyOf(batch, 1), abi.encodePacked(r, GROUP_ORDER - uint256(s)));
    }

    function otherParity(FillBatch memory batch) private pure {
        buyIn(batch).vs ^= bytes32(uint256(1) << 255);
    }

    /// 65 bytes, which only a contract account could have.
    function longSignature(FillBatch memory batch) private view {
        (uint8 v, bytes32 r, bytes32 s) = signatureIn(batch);
        put(batch, buyOf(batch, 1), abi.encodePacked(r, s, v));
    }

    function signatureIn(
        FillBatch memory batch
    ) private view returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(keyOf[buyer], hashIn(batch.terms, buyIn(batch)));
    }

    function test_BuyerFunds_and_SellerFunds() public {
        fillIs(Reason.BuyerFunds, buyerPoor);
        fillIs(Reason.SellerFunds, sellerPoor);
        fillIs(Reason.None, justEnough);
    }

    function buyerPoor(FillBatch memory) private { leaveOnly(buyer, 192_000_000 - 1); }
    function sellerPoor(FillBatch memory) private { leaveOnly(seller, 108_000_000 - 1); }

    function justEnough(FillBatch memory) private {
        leaveOnly(buyer, 192_000_000);
        leaveOnly(seller, 108_000_000);
    }

    /// Leaves `rest` of an account's free cash.
    function leaveOnly(address of_, uint256 rest) private {
        bytes memory call = abi.encodeCall(Market.requestWithdrawal, (market.free(of_) - rest));
        sent(of_, address(market), call);
    }
}
