// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {FillBatch, Mandate, Order, Reason} from "../src/Types.sol";
import {Mandates} from "./support/Contracts.sol";
import {Delegates} from "./support/Delegates.sol";
import {Vm} from "./support/Vm.sol";
import {Pair} from "./support/World.sol";

/// What an account lets another sign for it, and that nothing outside of it is filled.
contract MandateTest is Delegates {
    // Granting

    function granting(
        Mandate memory m,
        bytes memory signature
    ) private view returns (bytes memory) {
        return abi.encodeCall(Mandates.grantFor, (buyer, delegate, m, END, signature));
    }

    function signedBy(address of_, Mandate memory m) private view returns (bytes memory) {
        return sign(of_, hashOf(buyer, delegate, m, END, mandates()));
    }

    function test_a_mandate_is_granted_by_its_account_or_its_signature() public {
        Mandate memory m = limits(1);
        vm.recordLogs();
        grantTo(buyer, delegate, m);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 1, "one event");
        same(logs[0].topics[0], Mandates.MandateGranted.selector, "of the mandate");
        same(logs[0].topics[1], bytes32(uint256(uint160(buyer))), "account");
        same(logs[0].topics[2], bytes32(uint256(uint160(delegate))), "delegate");
        same(keccak256(logs[0].data), keccak256(abi.encode(m)), "all of it");
        m = limits(2);
        sent(STRANGER, address(mandates()), granting(m, signedBy(buyer, m)));
        Mandate memory kept = mandates().mandateOf(buyer, delegate);
        same(keccak256(abi.encode(kept)), keccak256(abi.encode(m)), "the later one");
        kept = mandates().mandateOf(delegate, buyer);
        same(kept.version, 0, "and not the other way round");
        same(mandates().market(), address(market), "the market that counts");
    }

    /// Whatever of a mandate is changed, its signature is of another.
    function test_NotSigned_of_a_mandate() public {
        bytes memory good = signedBy(buyer, limits(1));
        bytes memory reason = abi.encodeWithSelector(Mandates.NotSigned.selector, buyer);
        for (uint256 fault = 0; fault < 7; ++fault) {
            Mandate memory m = limits(1);
            if (fault == 0) m.policy = 0;
            if (fault == 1) m.until += 1;
            if (fault == 2) m.buyPriceMax += 1;
            if (fault == 3) m.sellPriceMin -= 1;
            if (fault == 4) m.quantityPerSlot += 1;
            if (fault == 5) m.quantityPerDay += 1;
            if (fault == 6) m.version += 1;
            refused(STRANGER, address(mandates()), granting(m, good), reason);
        }
        Mandate memory one = limits(1);
        bytes memory call = abi.encodeCall(
            Mandates.grantFor,
            (buyer, STRANGER, one, END, good)
        );
        refused(STRANGER, address(mandates()), call, reason);
        call = abi.encodeCall(Mandates.grantFor, (buyer, delegate, one, END + 1, good));
        refused(STRANGER, address(mandates()), call, reason);
        call = abi.encodeCall(Mandates.grantFor, (seller, delegate, one, END, good));
        bytes memory other = abi.encodeWithSelector(Mandates.NotSigned.selector, seller);
        refused(STRANGER, address(mandates()), call, other);
        // Not even by who would gain.
        call = granting(one, signedBy(delegate, one));
        refused(delegate, address(mandates()), call, reason);
        sent(delegate, address(mandates()), granting(one, good));
    }

    /// However long the mandate itself would last.
    function test_GrantExpired() public {
        Mandate memory m = limits(1);
        m.until = END + 1 days;
        bytes memory call = granting(m, signedBy(buyer, m));
        uint256 state = vm.snapshotState();
        vm.warp(END + 1);
        bytes memory reason = abi.encodeWithSelector(Mandates.GrantExpired.selector, END);
        refused(STRANGER, address(mandates()), call, reason);
        // Who grants it with a transaction of its own does so now.
        grantTo(buyer, delegate, m);
        vm.revertToState(state);
        vm.warp(END);
        sent(STRANGER, address(mandates()), call);
        same(mandates().mandateOf(buyer, delegate).until, END + 1 days, "in its last second");
    }

    function test_VersionNotHigher() public {
        Mandate memory none = limits(0);
        bytes memory reason = abi.encodeWithSelector(Mandates.VersionNotHigher.selector, 0);
        bytes memory call = abi.encodeCall(Mandates.grant, (delegate, none));
        refused(buyer, address(mandates()), call, reason);
        bytes memory third = granting(limits(3), signedBy(buyer, limits(3)));
        bytes memory fifth = granting(limits(5), signedBy(buyer, limits(5)));
        sent(STRANGER, address(mandates()), fifth);
        reason = abi.encodeWithSelector(Mandates.VersionNotHigher.selector, 5);
        refused(STRANGER, address(mandates()), fifth, reason);
        reason = abi.encodeWithSelector(Mandates.VersionNotHigher.selector, 3);
        refused(STRANGER, address(mandates()), third, reason);
        // What its account ended nobody grants again with what it signed before.
        Mandate memory end;
        end.version = 6;
        grantTo(buyer, delegate, end);
        reason = abi.encodeWithSelector(Mandates.VersionNotHigher.selector, 5);
        refused(STRANGER, address(mandates()), fifth, reason);
    }

    function test_only_the_market_counts() public {
        bytes memory call = abi.encodeCall(Mandates.spend, (buyer, delegate, DAY, 0, 1));
        address[3] memory not = [STRANGER, OPERATOR, buyer];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(Mandates.NotMarket.selector, not[i]);
            refused(not[i], address(mandates()), call, reason);
        }
        same(filledOf(buyer, 0), 0, "nothing");
    }

    // Limits

    /// Settles the two orders under a mandate of both accounts, for a moment.
    function comesOut(Reason expected, Mandate memory m, Pair memory one) private {
        uint256 state = vm.snapshotState();
        grantTo(buyer, delegate, m);
        grantTo(seller, delegate, m);
        check(postOne(termsOf(policy()), single(one)), expected);
        uint256 counted = expected == Reason.None ? one.quantity : 0;
        same(filledOf(buyer, 0), one.buy.delegate == delegate ? counted : 0, "bought");
        same(filledOf(seller, 1), one.sell.delegate == delegate ? counted : 0, "sold");
        vm.revertToState(state);
    }

    function test_a_delegate_signs_for_both_sides_inside_all_limits() public {
        comesOut(Reason.None, limits(1), by(true, false));
        comesOut(Reason.None, limits(1), by(false, true));
        comesOut(Reason.None, limits(1), by(true, true));
    }

    function test_BuyerMandate_and_SellerMandate_without_a_mandate() public {
        check(postOne(termsOf(policy()), single(by(true, true))), Reason.BuyerMandate);
        grantTo(buyer, delegate, limits(1));
        FillBatch memory batch = prove(termsOf(policy()), single(by(true, true)))[0];
        check(batch, Reason.SellerMandate);
        grantTo(seller, STRANGER, limits(1));
        check(batch, Reason.SellerMandate);
        grantTo(seller, delegate, limits(1));
        check(batch, Reason.None);
    }

    function test_BuyerMandate_and_SellerMandate_outside_of_the_price() public {
        Mandate memory m = limits(1);
        m.buyPriceMax = 191_999;
        comesOut(Reason.BuyerMandate, m, by(true, false));
        comesOut(Reason.None, m, by(false, true));
        m = limits(1);
        m.sellPriceMin = 178_001;
        comesOut(Reason.SellerMandate, m, by(false, true));
        comesOut(Reason.None, m, by(true, false));
        // It is what the order allows that counts, and not what the clearing makes of it.
        Pair memory one = by(true, false);
        one.buy.limitPrice += 1;
        comesOut(Reason.BuyerMandate, limits(1), one);
        one = by(false, true);
        one.sell.limitPrice -= 1;
        comesOut(Reason.SellerMandate, limits(1), one);
    }

    function test_BuyerMandate_and_SellerMandate_of_a_larger_order() public {
        Mandate memory m = limits(1);
        m.quantityPerSlot = 4999;
        comesOut(Reason.BuyerMandate, m, by(true, false));
        comesOut(Reason.SellerMandate, m, by(false, true));
        // Whatever is filled of it.
        Pair memory one = by(true, false);
        one.quantity = 10;
        comesOut(Reason.BuyerMandate, m, one);
    }

    function test_BuyerMandate_and_SellerMandate_of_more_in_a_day() public {
        Mandate memory m = limits(1);
        m.quantityPerDay = 4999;
        comesOut(Reason.BuyerMandate, m, by(true, false));
        comesOut(Reason.SellerMandate, m, by(false, true));
        // What counts is what is filled of it.
        Pair memory one = by(true, true);
        one.quantity = 4999;
        comesOut(Reason.None, m, one);
    }

    function test_BuyerMandate_and_SellerMandate_once_it_is_over() public {
        Mandate memory m = limits(1);
        m.until = uint64(block.timestamp);
        comesOut(Reason.BuyerMandate, m, by(true, false));
        comesOut(Reason.SellerMandate, m, by(false, true));
        m.until += 1;
        comesOut(Reason.None, m, by(true, true));
        m.until = 0;
        comesOut(Reason.BuyerMandate, m, by(true, false));
    }

    function test_BuyerMandate_and_SellerMandate_of_another_policy() public {
        Mandate memory m = limits(1);
        m.policy = "other";
        comesOut(Reason.BuyerMandate, m, by(true, false));
        comesOut(Reason.SellerMandate, m, by(false, true));
    }

    function test_BuyerMandate_and_SellerMandate_of_another_nonce() public {
        uint256 own = by(true, false).buy.nonce;
        uint256[5] memory others = [own + 1, own + 2, own - 2, own ^ (1 << 96), 1];
        for (uint256 i = 0; i < 5; ++i) {
            Pair memory one = by(true, false);
            one.buy.nonce = others[i];
            comesOut(Reason.BuyerMandate, limits(1), one);
            one = by(false, true);
            one.sell.nonce = i == 0 ? own : others[i] + (i == 4 ? 0 : 1);
            comesOut(Reason.SellerMandate, limits(1), one);
        }
    }

    /// A signature of the delegate under an order that does not name it is nobody's.
    function test_BuyerSignature_of_a_delegate_that_the_order_does_not_name() public {
        grantTo(buyer, delegate, limits(1));
        Pair memory one = by(true, false);
        one.buy.delegate = address(0);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        put(batch, buyOf(batch, 0), sign(delegate, hashOf(one.buy)));
        check(batch, Reason.BuyerSignature);
    }

    /// Whose own key signed needs no mandate, and spends none.
    function test_an_account_signs_outside_of_its_mandates() public {
        Pair memory one = by(true, true);
        (one.buy.nonce, one.sell.nonce) = (1, 2);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        put(batch, buyOf(batch, 0), sign(buyer, hashOf(one.buy)));
        put(batch, sellOf(batch, 0), sign(seller, hashOf(one.sell)));
        check(batch, Reason.None);
        same(filledOf(buyer, 0), 0, "nothing is counted");
        same(filledOf(seller, 1), 0, "of neither side");
    }

    /// Reason by reason, in their order: a mandate is asked for after signature and expiry.
    function test_a_mandate_comes_after_signature_and_expiry() public {
        Pair memory one = by(true, false);
        one.buy.expiry = uint64(block.timestamp) - 1;
        comesOut(Reason.Expired, limits(1), one);
        one = by(true, false);
        one.buy.minFill = 6000;
        Mandate memory m = limits(1);
        m.until = 0;
        comesOut(Reason.BuyerMandate, m, one);
        comesOut(Reason.BuyerQuantity, limits(1), one);
    }

    /// Any order against any mandate, in the words of what a mandate is.
    function test_fuzz_an_order_is_allowed_inside_all_limits_only(
        Mandate memory m,
        Order memory o,
        uint64 filled_,
        uint16 which
    ) public {
        m.version = 1;
        o.account = buyer;
        o.side = uint8(which & 1);
        o.delegate = delegate;
        // Mostly inside, so that each limit is the one that decides.
        if (which & 2 != 0) o.policy = m.policy;
        if (which & 4 != 0) m.until = uint64(block.timestamp) + (which & 1);
        if (which & 8 != 0) o.quantity = uint64(within(o.quantity, 0, m.quantityPerSlot));
        if (which & 16 != 0) filled_ = uint64(within(filled_, 0, m.quantityPerDay));
        if (which & 32 != 0) o.limitPrice = o.side == 0 ? m.buyPriceMax : m.sellPriceMin;
        uint256 nonce = (uint256(uint160(delegate)) << 96) + 2 * (o.slot / 900) + o.side;
        if (which & 64 != 0) o.nonce = nonce;
        same(mandates().orderNonce(delegate, o.slot, 900, o.side), nonce, "the nonce");
        grantTo(buyer, delegate, m);
        bool inside = o.policy == m.policy && m.until > block.timestamp && o.nonce == nonce;
        inside = inside && o.quantity <= m.quantityPerSlot && filled_ <= m.quantityPerDay;
        if (o.side == 0) inside = inside && o.limitPrice <= m.buyPriceMax;
        else inside = inside && o.limitPrice >= m.sellPriceMin;
        isTrue(mandates().allows(o, filled_, 900) == inside, "inside all limits");
    }
}
