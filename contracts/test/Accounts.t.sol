// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {FillBatch, Order, Reason} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market, Token} from "./support/Contracts.sol";
import {Pair} from "./support/World.sol";

/// Cash in and out, nonces and delegates.
contract AccountsTest is Auction {
    address private buyer;
    address private seller;
    address private delegate;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller, delegate) = (account(1), account(2), account(50));
        fund(buyer, 5_000_000_000);
        fund(seller, 1_000_000_000);
    }

    function withdrawal(uint256 amount, uint256 nonce) private view returns (bytes32) {
        bytes32 hash = keccak256("Withdrawal(address account,uint256 amount,uint256 nonce)");
        return typed(keccak256(abi.encode(hash, buyer, amount, nonce)));
    }

    function cancellation(uint256 nonce) private view returns (bytes32) {
        bytes32 hash = keccak256("Cancel(address account,uint256 nonce)");
        return typed(keccak256(abi.encode(hash, buyer, nonce)));
    }

    function delegation(uint64 until, uint64 most, uint256 nonce) private view returns (bytes32) {
        bytes32 hash = keccak256(
            "Delegation(address account,address delegate,uint64 until,uint64 quantityMax,"
            "uint256 nonce)"
        );
        return typed(keccak256(abi.encode(hash, buyer, delegate, until, most, nonce)));
    }

    function test_PaymentAlreadyDeposited() public {
        bytes memory deposit = abi.encodeCall(Market.depositFor, (buyer, 10, "payment"));
        refused(OPERATOR, address(market), deposit, Token.ERC20InsufficientAllowance.selector);
        sent(OPERATOR, address(token), abi.encodeCall(Token.mint, (OPERATOR, 100, "payment")));
        sent(OPERATOR, address(token), abi.encodeCall(Token.approve, (address(market), 100)));
        sent(OPERATOR, address(market), deposit);
        bytes32 payment = "payment";
        bytes memory reason = abi.encodeWithSelector(
            Accounts.PaymentAlreadyDeposited.selector,
            payment
        );
        refused(OPERATOR, address(market), deposit, reason);
        isTrue(market.deposited(OPERATOR, payment), "kept");
        isTrue(!market.deposited(buyer, payment), "by sender");
        bytes memory unnamed = abi.encodeCall(Market.depositFor, (buyer, 10, 0));
        sent(OPERATOR, address(market), unnamed);
        sent(OPERATOR, address(market), unnamed);
        same(market.free(buyer), 5_000_000_030, "free");
    }

    function test_NotEnoughFree_NotYet_and_NothingToWithdraw() public {
        bytes memory reason = abi.encodeWithSelector(
            Accounts.NotEnoughFree.selector,
            5_000_000_000,
            5_000_000_001
        );
        bytes memory request = abi.encodeCall(Market.requestWithdrawal, (5_000_000_001));
        refused(buyer, address(market), request, reason);
        request = abi.encodeCall(Market.requestWithdrawal, (5_000_000_000));
        sent(buyer, address(market), request);
        bytes memory withdraw = abi.encodeCall(Market.withdraw, (buyer));
        uint256 due = block.timestamp + WITHDRAWAL_DELAY;
        vm.warp(due - 1);
        reason = abi.encodeWithSelector(Accounts.NotYet.selector, due);
        refused(STRANGER, address(market), withdraw, reason);
        vm.warp(due);
        sent(STRANGER, address(market), withdraw);
        same(token.balanceOf(buyer), 5_000_000_000, "out");
        reason = abi.encodeWithSelector(Accounts.NothingToWithdraw.selector);
        refused(STRANGER, address(market), withdraw, reason);
    }

    function test_a_second_request_adds_to_the_first_and_waits_anew() public {
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (10)));
        vm.warp(block.timestamp + 100);
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (20)));
        (uint256 amount, uint64 availableAt) = market.withdrawing(buyer);
        same(amount, 30, "amount");
        same(availableAt, block.timestamp + WITHDRAWAL_DELAY, "time");
    }

    function test_NotSigned_and_NonceAlreadyUsed_of_a_withdrawal() public {
        bytes memory good = sign(buyer, withdrawal(1000, 5));
        bytes memory call = abi.encodeCall(Market.requestWithdrawalFor, (buyer, 1001, 5, good));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(market), call, reason);
        call = abi.encodeCall(
            Market.requestWithdrawalFor,
            (buyer, 1000, 5, sign(seller, withdrawal(1000, 5)))
        );
        refused(STRANGER, address(market), call, reason);
        call = abi.encodeCall(Market.requestWithdrawalFor, (buyer, 1000, 5, good));
        sent(STRANGER, address(market), call);
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 5);
        refused(STRANGER, address(market), call, reason);
        same(market.free(buyer), 5_000_000_000 - 1000, "free");
    }

    function test_NotSigned_of_a_cancellation() public {
        bytes memory good = sign(buyer, cancellation(300));
        bytes memory forged = abi.encodeCall(Market.cancelFor, (seller, 300, good));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, seller);
        refused(STRANGER, address(market), forged, reason);
        bytes memory call = abi.encodeCall(Market.cancelFor, (buyer, 300, good));
        sent(STRANGER, address(market), call);
        isTrue(market.nonceCancelled(buyer, 300), "cancelled");
        isTrue(market.nonceUsed(buyer, 300), "and used");
        sent(STRANGER, address(market), call);
    }

    function test_NotSigned_and_NonceAlreadyUsed_of_a_delegation() public {
        bytes memory good = sign(buyer, delegation(END, 5000, 9));
        bytes memory call = abi.encodeCall(
            Market.setDelegateFor,
            (buyer, delegate, END, 5001, 9, good)
        );
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(market), call, reason);
        call = abi.encodeCall(Market.setDelegateFor, (buyer, delegate, END, 5000, 9, good));
        sent(STRANGER, address(market), call);
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 9);
        refused(STRANGER, address(market), call, reason);
    }

    function test_a_delegate_signs_within_what_was_granted() public {
        Pair memory one = pair(buyer, seller, 1);
        one.buy.delegate = delegate;
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        put(batch, buyOf(batch, 0), sign(delegate, hashOf(one.buy)));
        check(batch, Reason.BuyerSignature);
        grantTo(END, 4999);
        check(batch, Reason.BuyerSignature);
        grantTo(uint64(block.timestamp), 5000);
        check(batch, Reason.BuyerSignature);
        grantTo(uint64(block.timestamp) + 1, 5000);
        check(batch, Reason.None);
    }

    function test_a_delegate_that_the_order_does_not_name_signs_nothing() public {
        grantTo(END, 5000);
        Pair memory one = pair(buyer, seller, 1);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        put(batch, buyOf(batch, 0), sign(delegate, hashOf(one.buy)));
        check(batch, Reason.BuyerSignature);
    }

    function grantTo(uint64 until, uint64 most) private {
        sent(buyer, address(market), abi.encodeCall(Market.setDelegate, (delegate, until, most)));
    }

    /// The bitmap of nonces against plain sets: no nonce touches another.
    function test_fuzz_nonces_are_independent(uint256[6] memory nonces, uint8 kinds) public {
        bool[6] memory used;
        bool[6] memory gone;
        for (uint256 i = 0; i < 6; ++i) {
            // Close together, so that they share words.
            if (i != 0 && nonces[i] & 1 == 0) nonces[i] = nonces[0] ^ (nonces[i] % 512);
            bool cancels = (kinds >> i) & 1 == 1;
            bool before = _in(nonces, used, i);
            if (cancels) {
                sent(buyer, address(market), abi.encodeCall(Market.cancel, (nonces[i])));
                gone[i] = true;
            } else {
                bytes memory call = abi.encodeCall(
                    Market.requestWithdrawalFor,
                    (buyer, 1, nonces[i], sign(buyer, withdrawal(1, nonces[i])))
                );
                if (before) {
                    refused(STRANGER, address(market), call, Accounts.NonceAlreadyUsed.selector);
                } else {
                    sent(STRANGER, address(market), call);
                }
            }
            used[i] = true;
        }
        for (uint256 i = 0; i < 6; ++i) {
            isTrue(market.nonceUsed(buyer, nonces[i]), "used");
            same(
                market.nonceCancelled(buyer, nonces[i]) ? 1 : 0,
                _in(nonces, gone, i) ? 1 : 0,
                "cancelled"
            );
            for (uint256 step = 1; step < 512; step *= 2) {
                uint256 near = nonces[i] ^ step;
                same(
                    market.nonceUsed(buyer, near) ? 1 : 0,
                    _has(nonces, used, near) ? 1 : 0,
                    "a nonce near it"
                );
            }
        }
    }

    function _in(
        uint256[6] memory nonces,
        bool[6] memory marks,
        uint256 place
    ) private pure returns (bool) {
        return _has(nonces, marks, nonces[place]);
    }

    function _has(
        uint256[6] memory nonces,
        bool[6] memory marks,
        uint256 nonce
    ) private pure returns (bool) {
        for (uint256 i = 0; i < 6; ++i) {
            if (marks[i] && nonces[i] == nonce) return true;
        }
        return false;
    }

    function test_an_order_is_hashed_as_documented(Order memory terms) public view {
        same(market.orderHash(terms), hashOf(terms), "order hash");
    }
}
