// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Fill, Order, Reason} from "../src/Types.sol";
import {Market} from "./support/Contracts.sol";
import {Pair, World} from "./support/World.sol";

/// Fills that do not hold: each is skipped for its reason, and the batch goes on.
contract SkipTest is World {
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
        function(Fill memory) internal spoil
    ) private {
        uint256 state = vm.snapshotState();
        Pair[] memory three = new Pair[](3);
        three[0] = pair(account(1), account(2), 1);
        three[1] = pair(buyer, seller, 1);
        three[1].quantity = 1000;
        three[2] = pair(account(5), account(6), 1);
        edit(three[1]);
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), three);
        spoil(fills[1]);
        Reason[] memory reasons = new Reason[](3);
        reasons[1] = expected;
        check(id, fills, reasons);
        vm.revertToState(state);
    }

    function asItIs(Pair memory) private {}

    function unspoilt(Fill memory) private {}

    function pairIs(Reason expected, function(Pair memory) internal edit) private {
        skips(expected, edit, unspoilt);
    }

    function fillIs(Reason expected, function(Fill memory) internal spoil) private {
        skips(expected, asItIs, spoil);
    }

    function test_a_good_fill_between_two_others_is_settled() public {
        skips(Reason.None, asItIs, unspoilt);
    }

    function test_AlreadySettled() public {
        Pair memory one = pair(buyer, seller, 1);
        one.quantity = 1000;
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), single(one));
        check(id, fills[0], Reason.None);
        check(id, fills[0], Reason.AlreadySettled);
    }

    function test_NotIncluded() public {
        fillIs(Reason.NotIncluded, otherIndex);
        fillIs(Reason.NotIncluded, indexBeyond);
        fillIs(Reason.NotIncluded, otherQuantity);
        fillIs(Reason.NotIncluded, otherLimit);
        fillIs(Reason.NotIncluded, otherSibling);
        fillIs(Reason.NotIncluded, noPath);
        fillIs(Reason.NotIncluded, longPath);
    }

    function otherIndex(Fill memory fill) private pure { fill.index = 0; }
    function indexBeyond(Fill memory fill) private pure { fill.index = 3; }
    function otherQuantity(Fill memory fill) private pure { fill.quantity = 999; }
    function otherLimit(Fill memory fill) private pure { fill.buy.limitPrice += 1; }
    function otherSibling(Fill memory fill) private pure { fill.path[0] = 0; }
    function noPath(Fill memory fill) private pure { fill.path = new bytes32[](0); }
    function longPath(Fill memory fill) private pure { fill.path = new bytes32[](40); }

    function test_WrongSide() public {
        pairIs(Reason.WrongSide, twoSellers);
        pairIs(Reason.WrongSide, twoBuyers);
        pairIs(Reason.WrongSide, noSide);
    }

    function twoSellers(Pair memory one) private pure { one.buy.side = 1; }
    function twoBuyers(Pair memory one) private pure { one.sell.side = 0; }
    function noSide(Pair memory one) private pure { one.buy.side = 2; }

    function test_WrongSlot() public {
        pairIs(Reason.WrongSlot, buyLater);
        pairIs(Reason.WrongSlot, sellEarlier);
    }

    function buyLater(Pair memory one) private pure { one.buy.slot += SLOT_SECONDS; }
    function sellEarlier(Pair memory one) private pure { one.sell.slot -= SLOT_SECONDS; }

    function test_WrongPolicy() public {
        pairIs(Reason.WrongPolicy, buyOther);
        pairIs(Reason.WrongPolicy, sellOther);
    }

    function buyOther(Pair memory one) private pure { one.buy.policy = 0; }
    function sellOther(Pair memory one) private pure { one.sell.policy = 0; }

    function test_WrongZone() public {
        pairIs(Reason.WrongZone, buyZone);
        pairIs(Reason.WrongZone, sellZone);
        pairIs(Reason.WrongZone, buyCommunity);
        pairIs(Reason.WrongZone, sellCommunity);
    }

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
    }

    function buyLess(Pair memory one) private pure { one.buy.quantity = 999; }
    function sellLess(Pair memory one) private pure { one.sell.quantity = 999; }
    function allOfIt(Pair memory one) private pure {
        (one.buy.quantity, one.sell.quantity) = (1000, 1000);
    }

    function test_BuyerNonce_and_SellerNonce() public {
        fillIs(Reason.BuyerNonce, cancelBuy);
        fillIs(Reason.SellerNonce, cancelSell);
        pairIs(Reason.BuyerNonce, usedByWithdrawal);
    }

    function cancelBuy(Fill memory fill) private { cancelled(fill.buy); }
    function cancelSell(Fill memory fill) private { cancelled(fill.sell); }

    function cancelled(Order memory terms) private {
        sent(terms.account, address(market), abi.encodeCall(Market.cancel, (terms.nonce)));
    }

    function usedByWithdrawal(Pair memory one) private {
        bytes32 hash = keccak256("Withdrawal(address account,uint256 amount,uint256 nonce)");
        hash = typed(keccak256(abi.encode(hash, buyer, 5, one.buy.nonce)));
        bytes memory call = abi.encodeCall(
            Market.requestWithdrawalFor,
            (buyer, 5, one.buy.nonce, sign(buyer, hash))
        );
        sent(STRANGER, address(market), call);
    }

    function test_of_two_orders_with_one_nonce_only_one_is_filled() public {
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 7);
        two[0].quantity = 1000;
        two[1] = pair(buyer, seller, 7);
        two[1].quantity = 1000;
        two[1].buy.limitPrice += 1;
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.BuyerNonce;
        check(id, fills, reasons);
    }

    function test_a_cancelled_order_keeps_what_was_filled_and_gets_no_more() public {
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 300);
        two[1] = pair(buyer, seller, 300);
        two[1].sell.nonce = 301;
        (two[0].quantity, two[1].quantity) = (1000, 1000);
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), two);
        check(id, fills[0], Reason.None);
        cancelled(fills[0].buy);
        check(id, fills[1], Reason.BuyerNonce);
        same(market.orderFilled(hashOf(fills[0].buy)), 1000, "filled");
    }

    function test_an_order_is_filled_up_to_its_quantity_over_several_fills() public {
        Pair[] memory three = new Pair[](3);
        for (uint256 i = 0; i < 3; ++i) {
            three[i] = pair(buyer, account(i == 1 ? 2 : 4), 1);
            three[i].sell.nonce = i;
            three[i].quantity = 2000;
        }
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), three);
        Reason[] memory reasons = new Reason[](3);
        reasons[2] = Reason.BuyerQuantity;
        check(id, fills, reasons);
        same(market.orderFilled(hashOf(fills[0].buy)), 4000, "filled");
    }

    function test_BuyerSignature_and_SellerSignature() public {
        fillIs(Reason.BuyerSignature, otherSigner);
        fillIs(Reason.BuyerSignature, highS);
        fillIs(Reason.BuyerSignature, noSignature);
        fillIs(Reason.BuyerSignature, shortSignature);
        fillIs(Reason.SellerSignature, zeroes);
        fillIs(Reason.SellerSignature, ofOtherOrder);
        fillIs(Reason.None, wallets);
    }

    function otherSigner(Fill memory fill) private pure {
        fill.buySignature = fill.sellSignature;
    }

    function noSignature(Fill memory fill) private pure { fill.buySignature = ""; }

    function shortSignature(Fill memory fill) private pure { fill.buySignature = new bytes(63); }

    function zeroes(Fill memory fill) private pure { fill.sellSignature = new bytes(64); }

    function ofOtherOrder(Fill memory fill) private view {
        Order memory other = order(fill.sell.account, 1, 99);
        fill.sellSignature = sign(other.account, hashOf(other));
    }

    /// What anyone could make of a signature: the same with s in the upper half.
    function highS(Fill memory fill) private view {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[buyer], hashOf(fill.buy));
        fill.buySignature = abi.encodePacked(r, GROUP_ORDER - uint256(s), 55 - v);
    }

    /// 65 bytes.
    function wallets(Fill memory fill) private view {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[buyer], hashOf(fill.buy));
        fill.buySignature = abi.encodePacked(r, s, v);
    }

    function test_BuyerFunds_and_SellerFunds() public {
        fillIs(Reason.BuyerFunds, buyerPoor);
        fillIs(Reason.SellerFunds, sellerPoor);
        fillIs(Reason.None, justEnough);
    }

    function buyerPoor(Fill memory) private { leaveOnly(buyer, 192_000_000 - 1); }
    function sellerPoor(Fill memory) private { leaveOnly(seller, 108_000_000 - 1); }

    function justEnough(Fill memory) private {
        leaveOnly(buyer, 192_000_000);
        leaveOnly(seller, 108_000_000);
    }

    /// Leaves `rest` of an account's free cash.
    function leaveOnly(address of_, uint256 rest) private {
        bytes memory call = abi.encodeCall(Market.requestWithdrawal, (market.free(of_) - rest));
        sent(of_, address(market), call);
    }
}
