// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {CashTransfer, Order, Reason} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market, Token} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Vm} from "./support/Vm.sol";
import {Wallet} from "./support/Wallets.sol";

/// Cash in, out and from one to another, and nonces.
contract AccountsTest is Auction {
    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 1_000_000_000);
    }

    function cancellation(uint256 nonce) private view returns (bytes32) {
        bytes32 hash = keccak256("Cancel(address account,uint256 nonce)");
        return typed(keccak256(abi.encode(hash, buyer, nonce)));
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

    /// What followers of the log know cash by.
    function test_the_events_of_cash_are_as_documented() public {
        bytes memory mint = abi.encodeCall(Token.mint, (OPERATOR, 100, "payment"));
        sent(OPERATOR, address(token), mint);
        sent(OPERATOR, address(token), abi.encodeCall(Token.approve, (address(market), 100)));
        bytes32 who = bytes32(uint256(uint160(buyer)));
        vm.recordLogs();
        bytes memory call = abi.encodeCall(Market.depositFor, (buyer, 100, "payment"));
        sent(OPERATOR, address(market), call);
        isEvent("DepositCredited(address,uint256,bytes32)", 0, who, abi.encode(100));
        vm.recordLogs();
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (7)));
        uint256 at_ = block.timestamp + WITHDRAWAL_DELAY;
        isEvent("WithdrawalRequested(address,uint256,uint64)", 0, who, abi.encode(7, at_));
        vm.recordLogs();
        sent(buyer, address(market), abi.encodeCall(Market.cancel, (9)));
        isEvent("OrderCancelled(address,uint256)", 0, who, abi.encode(9));
        bytes32 id = settled(single(pair(buyer, seller, 1)));
        vm.warp(at_);
        vm.recordLogs();
        sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        isEvent("WithdrawalPaid(address,uint256)", 0, who, abi.encode(7));
        reconcile(0, id, NaiveTrades.delivery(0, 5000, 0, 0));
        vm.warp(RELEASE);
        vm.recordLogs();
        who = bytes32(uint256(uint160(NETWORK)));
        call = abi.encodeCall(Market.release, (idOf(policy()), DAY, list(NETWORK)));
        sent(STRANGER, address(market), call);
        isEvent("EscrowReleased(address,bytes32,uint32,uint256)", 0, who, abi.encode(50_000_000));
    }

    /// The recorded event with this place: name, first topic and data.
    function isEvent(
        string memory name,
        uint256 place,
        bytes32 first,
        bytes memory data
    ) private {
        Vm.Log memory log = vm.getRecordedLogs()[place];
        same(log.topics[0], keccak256(bytes(name)), name);
        same(log.topics[1], first, name);
        same(keccak256(log.data), keccak256(data), name);
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
        bytes memory good = sign(buyer, withdrawalOf(buyer, 1000, 5, END));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(market), asking(1001, 5, END, good), reason);
        refused(STRANGER, address(market), asking(1000, 6, END, good), reason);
        refused(STRANGER, address(market), asking(1000, 5, END + 1, good), reason);
        refused(STRANGER, address(market), withdrawing(buyer, 1000, 5, seller), reason);
        bytes memory call = asking(1000, 5, END, good);
        sent(STRANGER, address(market), call);
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 5);
        refused(STRANGER, address(market), call, reason);
        same(market.free(buyer), 5_000_000_000 - 1000, "free");
    }

    function asking(
        uint256 amount,
        uint256 nonce,
        uint64 expiry,
        bytes memory signature
    ) private view returns (bytes memory) {
        return
            abi.encodeCall(
                Market.requestWithdrawalFor,
                (buyer, amount, nonce, expiry, signature)
            );
    }

    /// Whatever there is to withdraw by then.
    function test_WithdrawalExpired() public {
        bytes memory call = withdrawing(buyer, 1000, 5, buyer);
        uint256 state = vm.snapshotState();
        vm.warp(END + 1);
        bytes memory reason = abi.encodeWithSelector(Accounts.WithdrawalExpired.selector, END);
        refused(STRANGER, address(market), call, reason);
        isTrue(!market.nonceUsed(buyer, 5), "what is refused uses no nonce");
        vm.revertToState(state);
        vm.warp(END);
        sent(STRANGER, address(market), call);
        same(market.free(buyer), 5_000_000_000 - 1000, "in its last second");
    }

    /// What was refused for want of cash is not sent again once there is some, after its end.
    function test_a_refused_withdrawal_ends_with_its_expiry() public {
        bytes memory call = withdrawing(buyer, 5_000_000_001, 5, buyer);
        refused(STRANGER, address(market), call, Accounts.NotEnoughFree.selector);
        fund(buyer, 1);
        vm.warp(END + 1);
        refused(STRANGER, address(market), call, Accounts.WithdrawalExpired.selector);
        same(market.free(buyer), 5_000_000_001, "its own");
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

    function cancelling(
        address who,
        uint256[] memory nonces,
        bytes memory signature
    ) private pure returns (bytes memory) {
        return abi.encodeCall(Market.cancelAllFor, (who, nonces, signature));
    }

    /// What an account signs to end several nonces (EIP-712: a list is hashed by its words).
    function cancellationOf(uint256[] memory nonces) private view returns (bytes32) {
        bytes32 hash = keccak256("CancelAll(address account,uint256[] nonces)");
        bytes32 all = keccak256(abi.encodePacked(nonces));
        return typed(keccak256(abi.encode(hash, buyer, all)));
    }

    function test_all_orders_of_an_account_end_by_one_signature() public {
        uint256[] memory nonces = new uint256[](4);
        // In one word, in another, and any number at all.
        (nonces[0], nonces[1], nonces[2]) = (5, 6, 300);
        nonces[3] = uint256(keccak256("an order's name"));
        bytes memory signature = sign(buyer, cancellationOf(nonces));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, seller);
        refused(STRANGER, address(market), cancelling(seller, nonces, signature), reason);
        vm.recordLogs();
        sent(STRANGER, address(market), cancelling(buyer, nonces, signature));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 4, "an event for each");
        for (uint256 i = 0; i < 4; ++i) {
            same(logs[i].topics[0], Accounts.OrderCancelled.selector, "as of one");
            same(logs[i].topics[1], bytes32(uint256(uint160(buyer))), "whose");
            same(keccak256(logs[i].data), keccak256(abi.encode(nonces[i])), "which");
            isTrue(market.nonceCancelled(buyer, nonces[i]), "cancelled");
            isTrue(!market.nonceUsed(seller, nonces[i]), "of nobody else");
        }
        isTrue(!market.nonceUsed(buyer, 7), "and no other");
        // Again, and of nothing.
        sent(STRANGER, address(market), cancelling(buyer, nonces, signature));
        uint256[] memory none = new uint256[](0);
        bytes memory ofNone = sign(buyer, cancellationOf(none));
        sent(buyer, address(market), cancelling(buyer, none, ofNone));
    }

    /// Which nonces, how many and in which order: the signature is of exactly those.
    function test_NotSigned_of_a_cancellation_of_others() public {
        uint256[] memory nonces = new uint256[](2);
        (nonces[0], nonces[1]) = (5, 6);
        bytes memory signature = sign(buyer, cancellationOf(nonces));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        uint256[] memory other = new uint256[](2);
        (other[0], other[1]) = (5, 7);
        refused(STRANGER, address(market), cancelling(buyer, other, signature), reason);
        (other[0], other[1]) = (6, 5);
        refused(STRANGER, address(market), cancelling(buyer, other, signature), reason);
        uint256[] memory fewer = new uint256[](1);
        fewer[0] = 5;
        refused(STRANGER, address(market), cancelling(buyer, fewer, signature), reason);
        // What is signed for one nonce ends no list, and the other way round.
        bytes memory one = sign(buyer, cancellation(5));
        refused(STRANGER, address(market), cancelling(buyer, fewer, one), reason);
        one = abi.encodeCall(Market.cancelFor, (buyer, 5, sign(buyer, cancellationOf(fewer))));
        refused(STRANGER, address(market), one, reason);
        isTrue(!market.nonceUsed(buyer, 5), "nothing was ended");
    }

    /// A transfer of the buyer to the seller that anyone may send.
    function transfer(uint256 amount, uint256 nonce) private view returns (CashTransfer memory t) {
        (t.account, t.to, t.amount, t.nonce) = (buyer, seller, amount, nonce);
        (t.expiry, t.link) = (uint64(block.timestamp), "link");
    }

    function sending(CashTransfer memory t) private view returns (bytes memory) {
        return sending(t, sign(buyer, hashOf(t, market)));
    }

    function sending(
        CashTransfer memory t,
        bytes memory signature
    ) private pure returns (bytes memory) {
        return abi.encodeCall(Market.transferFor, (t, signature));
    }

    function test_free_cash_goes_to_whom_its_account_signed_for() public {
        vm.recordLogs();
        sent(STRANGER, address(market), sending(transfer(1000, 5)));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 1, "one event");
        same(logs[0].topics[0], Accounts.CashTransferred.selector, "of the transfer");
        same(logs[0].topics[1], bytes32(uint256(uint160(buyer))), "from");
        same(logs[0].topics[2], bytes32(uint256(uint160(seller))), "to");
        same(logs[0].topics[3], "link", "what it belongs to");
        same(keccak256(logs[0].data), keccak256(abi.encode(1000)), "amount");
        same(market.free(buyer), 5_000_000_000 - 1000, "gone");
        same(market.free(seller), 1_000_000_000 + 1000, "and come");
        same(token.balanceOf(address(market)), 6_000_000_000, "no token moves");
        // To itself, all of it, and nothing.
        CashTransfer memory t = transfer(market.free(buyer), 6);
        t.to = buyer;
        sent(STRANGER, address(market), sending(t));
        same(market.free(buyer), 5_000_000_000 - 1000, "to itself");
        sent(STRANGER, address(market), sending(transfer(0, 7)));
        sent(STRANGER, address(market), sending(transfer(5_000_000_000 - 1000, 8)));
        same(market.free(buyer), 0, "all of it");
    }

    function test_NonceAlreadyUsed_of_a_transfer() public {
        bytes memory call = sending(transfer(1000, 5));
        sent(STRANGER, address(market), call);
        bytes memory reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 5);
        refused(STRANGER, address(market), call, reason);
        // Whatever else has its nonce, in either order.
        refused(STRANGER, address(market), sending(transfer(999, 5)), reason);
        refused(STRANGER, address(market), withdrawing(buyer, 1, 5, buyer), reason);
        sent(buyer, address(market), abi.encodeCall(Market.cancel, (6)));
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 6);
        refused(STRANGER, address(market), sending(transfer(1000, 6)), reason);
        same(market.free(buyer), 5_000_000_000 - 1000, "once");
    }

    function test_an_order_with_the_nonce_of_a_transfer_is_not_filled() public {
        sent(STRANGER, address(market), sending(transfer(1000, 1)));
        check(postOne(termsOf(policy()), single(pair(buyer, seller, 1))), Reason.BuyerNonce);
    }

    function test_TransferExpired() public {
        CashTransfer memory t = transfer(1000, 5);
        bytes memory call = sending(t);
        uint64 last = t.expiry;
        vm.warp(last + 1);
        bytes memory reason = abi.encodeWithSelector(Accounts.TransferExpired.selector, last);
        refused(STRANGER, address(market), call, reason);
        vm.warp(last);
        sent(STRANGER, address(market), call);
    }

    function test_NotSender() public {
        CashTransfer memory t = transfer(1000, 5);
        t.sender = seller;
        bytes memory call = sending(t);
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSender.selector, STRANGER);
        refused(STRANGER, address(market), call, reason);
        // Not even who signed it.
        reason = abi.encodeWithSelector(Accounts.NotSender.selector, buyer);
        refused(buyer, address(market), call, reason);
        sent(seller, address(market), call);
    }

    function test_NobodyToReceive_and_NotEnoughFree_of_a_transfer() public {
        CashTransfer memory t = transfer(1000, 5);
        t.to = address(0);
        bytes memory nobody = sending(t);
        bytes memory reason = abi.encodeWithSelector(Accounts.NobodyToReceive.selector);
        refused(STRANGER, address(market), nobody, reason);
        reason = abi.encodeWithSelector(
            Accounts.NotEnoughFree.selector,
            5_000_000_000,
            5_000_000_001
        );
        refused(STRANGER, address(market), sending(transfer(5_000_000_001, 5)), reason);
        isTrue(!market.nonceUsed(buyer, 5), "what is refused uses no nonce");
        t = transfer(type(uint256).max, 5);
        refused(STRANGER, address(market), sending(t), Accounts.NotEnoughFree.selector);
    }

    /// Whatever of a transfer is changed, its signature is of another.
    function test_NotSigned_of_a_transfer() public {
        bytes memory good = sign(buyer, hashOf(transfer(1000, 5), market));
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        for (uint256 fault = 0; fault < 6; ++fault) {
            CashTransfer memory t = transfer(1000, 5);
            if (fault == 0) t.to = STRANGER;
            if (fault == 1) t.amount += 1;
            if (fault == 2) t.nonce += 1;
            if (fault == 3) t.expiry += 1;
            if (fault == 4) t.sender = STRANGER;
            if (fault == 5) t.link = 0;
            refused(STRANGER, address(market), sending(t, good), reason);
        }
        CashTransfer memory other = transfer(1000, 5);
        other.account = seller;
        bytes memory call = sending(other, good);
        reason = abi.encodeWithSelector(Accounts.NotSigned.selector, seller);
        refused(STRANGER, address(market), call, reason);
        // By nobody, and by who receives it.
        other = transfer(1000, 5);
        reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(market), sending(other, ""), reason);
        call = sending(other, sign(seller, hashOf(other, market)));
        refused(STRANGER, address(market), call, reason);
        sent(STRANGER, address(market), sending(other, good));
    }

    /// Who has cash gives it away in a pause as well as it takes it out.
    function test_a_pause_stops_no_transfer() public {
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        sent(STRANGER, address(market), sending(transfer(1000, 5)));
        same(market.free(seller), 1_000_000_000 + 1000, "come");
    }

    /// A contract's account is asked, and a key's may sign in 65 bytes.
    function test_a_contract_may_give_cash() public {
        address wallet = address(new Wallet(account(3)));
        fund(wallet, 1000);
        CashTransfer memory t = transfer(1000, 5);
        t.account = wallet;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[account(3)], hashOf(t, market));
        sent(STRANGER, address(market), sending(t, abi.encodePacked(r, s, v)));
        same(market.free(wallet), 0, "gone");
        t = transfer(1000, 6);
        (v, r, s) = vm.sign(keyOf[buyer], hashOf(t, market));
        sent(STRANGER, address(market), sending(t, abi.encodePacked(r, s, v)));
        same(market.free(seller), 1_000_000_000 + 2000, "come");
    }

    /// Cash that trades tie up, waits or is on its way out is not given away.
    function test_only_free_cash_is_given() public {
        settled(single(pair(buyer, seller, 1)));
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (1_000_000_000)));
        uint256 left = 4_000_000_000 - uint256(ESCROW);
        bytes memory reason = abi.encodeWithSelector(
            Accounts.NotEnoughFree.selector,
            left,
            left + 1
        );
        refused(STRANGER, address(market), sending(transfer(left + 1, 5)), reason);
        sent(STRANGER, address(market), sending(transfer(left, 5)));
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
                bytes memory call = withdrawing(buyer, 1, nonces[i], buyer);
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
