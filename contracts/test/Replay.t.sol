// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {CashTransfer, FillBatch, Mandate, Order, Reason, SignedOrder} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Mandates, Market} from "./support/Contracts.sol";
import {Pair} from "./support/World.sol";

/// What was signed counts once, on one chain and for one contract.
contract ReplayTest is Auction {
    address private buyer;
    address private seller;
    Pair[] private pairs;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 2_000_000_000);
    }

    /// The batch of one market, its proof made anew for another, the signatures as they were.
    function replayed(FillBatch memory foreign) private {
        FillBatch memory batch = postOne(termsOf(policy()), single(pair(buyer, seller, 1)));
        bytes memory unproven = abi.encodeCall(Market.settle, (foreign));
        bytes4 reason = MarketEvents.UnknownClearing.selector;
        refused(STRANGER, address(market), unproven, reason);
        foreign.terms = batch.terms;
        check(foreign, Reason.BuyerSignature);
        _swap(batch, foreign, buyer);
        check(batch, Reason.BuyerSignature);
        _swap(batch, foreign, buyer);
        _swap(batch, foreign, seller);
        check(batch, Reason.SellerSignature);
        _swap(batch, foreign, seller);
        check(batch, Reason.None);
    }

    /// Swaps the signatures of an account's order in both batches.
    function _swap(FillBatch memory a, FillBatch memory b, address of_) private pure {
        SignedOrder memory one = a.orders[a.orders[0].account == of_ ? 0 : 1];
        SignedOrder memory two = b.orders[b.orders[0].account == of_ ? 0 : 1];
        same(one.account, of_, "the order of the account");
        same(two.account, of_, "and in the other batch");
        (one.r, one.vs, two.r, two.vs) = (two.r, two.vs, one.r, one.vs);
    }

    function test_orders_of_another_chain_are_not_accepted() public {
        vm.chainId(CHAIN_ID + 1);
        FillBatch memory batch = prove(termsOf(policy()), single(pair(buyer, seller, 1)))[0];
        vm.chainId(CHAIN_ID);
        replayed(batch);
    }

    /// Also when the same contract finds itself on another chain, as after a split.
    function test_orders_of_before_a_split_are_not_accepted_after_it() public {
        FillBatch memory batch = prove(termsOf(policy()), single(pair(buyer, seller, 1)))[0];
        vm.chainId(CHAIN_ID + 1);
        replayed(batch);
    }

    function test_orders_for_another_contract_are_not_accepted() public {
        FillBatch memory batch = prove(termsOf(policy()), single(pair(buyer, seller, 1)))[0];
        market = newMarket();
        register(policy());
        fund(buyer, 5_000_000_000);
        fund(seller, 2_000_000_000);
        replayed(batch);
    }

    /// The code at another address keeps the domain of where it was made, unless it looks.
    function test_a_copy_of_the_code_has_its_own_domain() public {
        FillBatch memory batch = prove(termsOf(policy()), single(pair(buyer, seller, 1)))[0];
        address copy = address(0xc0de);
        vm.etch(copy, address(market).code);
        Order memory one = orderIn(batch.terms, batch.orders[0]);
        isTrue(
            Market(copy).orderHash(one) != market.orderHash(one),
            "another address, another hash"
        );
    }

    function test_a_request_for_another_contract_is_NotSigned() public {
        bytes memory call = withdrawing(buyer, 5, 1, buyer);
        Market other = newMarket();
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(other), call, reason);
        vm.chainId(CHAIN_ID + 1);
        refused(STRANGER, address(market), call, reason);
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(market), call);
    }

    function test_a_transfer_for_another_contract_or_chain_is_NotSigned() public {
        CashTransfer memory t;
        (t.account, t.to, t.amount, t.expiry) = (buyer, seller, 5, END);
        bytes memory signature = sign(buyer, hashOf(t, market));
        bytes memory call = abi.encodeCall(Market.transferFor, (t, signature));
        Market other = newMarket();
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(other), call, reason);
        vm.chainId(CHAIN_ID + 1);
        refused(STRANGER, address(market), call, reason);
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(market), call);
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 0);
        refused(STRANGER, address(market), call, reason);
        same(market.free(seller), 2_000_000_005, "once");
    }

    /// What is signed for one thing is nothing else, though it has the same words.
    function test_one_request_is_not_taken_for_another() public {
        bytes32 hash = keccak256("Cancel(address account,uint256 nonce)");
        bytes memory signature = sign(buyer, typed(keccak256(abi.encode(hash, buyer, 5))));
        bytes memory call = abi.encodeCall(
            Market.requestWithdrawalFor,
            (buyer, 5, 5, END, signature)
        );
        refused(STRANGER, address(market), call, Accounts.NotSigned.selector);
        CashTransfer memory t;
        (t.account, t.to, t.amount, t.nonce, t.expiry) = (buyer, seller, 5, 5, END);
        call = abi.encodeCall(Market.transferFor, (t, signature));
        refused(STRANGER, address(market), call, Accounts.NotSigned.selector);
        // A mandate is of another domain than everything of the market.
        Mandate memory m = limits(1);
        hash = keccak256(abi.encode(MANDATE_TYPEHASH, buyer, STRANGER, m, END));
        signature = sign(buyer, typed(hash));
        call = abi.encodeCall(Mandates.grantFor, (buyer, STRANGER, m, END, signature));
        refused(STRANGER, address(mandates()), call, Mandates.NotSigned.selector);
    }

    function test_a_mandate_of_another_contract_or_chain_is_NotSigned() public {
        Mandate memory m = limits(1);
        Mandates own = mandates();
        bytes memory signature = sign(buyer, hashOf(buyer, STRANGER, m, END, own));
        bytes memory call = abi.encodeCall(
            Mandates.grantFor,
            (buyer, STRANGER, m, END, signature)
        );
        Market other = newMarket();
        bytes memory reason = abi.encodeWithSelector(Mandates.NotSigned.selector, buyer);
        isTrue(address(other.mandates()) != address(own), "each market has its own");
        refused(STRANGER, address(other.mandates()), call, reason);
        vm.chainId(CHAIN_ID + 1);
        refused(STRANGER, address(own), call, reason);
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(own), call);
        reason = abi.encodeWithSelector(Mandates.VersionNotHigher.selector, 1);
        refused(STRANGER, address(own), call, reason);
        // Nor does the market of the one fill under a mandate of the other.
        market = other;
        register(policy());
        fund(buyer, 5_000_000_000);
        fund(seller, 2_000_000_000);
        Pair memory one = pair(buyer, seller, 1);
        delegated(one.buy, account(60));
        grantIn(own, account(60));
        check(postOne(termsOf(policy()), single(one)), Reason.BuyerMandate);
    }

    function grantIn(Mandates in_, address delegate) private {
        sent(buyer, address(in_), abi.encodeCall(Mandates.grant, (delegate, limits(1))));
    }

    function test_the_same_batch_twice_changes_nothing() public {
        pairs.push(pair(buyer, seller, 1));
        pairs.push(pair(buyer, account(3), 2)); // who has no cash
        pairs.push(pair(buyer, seller, 3));
        FillBatch memory batch = postOne(termsOf(policy()), pairs);
        Reason[] memory reasons = new Reason[](3);
        reasons[1] = Reason.SellerFunds;
        check(batch, reasons);
        bytes32 before = _books();
        (reasons[0], reasons[2]) = (Reason.AlreadySettled, Reason.AlreadySettled);
        check(batch, reasons);
        same(_books(), before, "the books");
    }

    function _books() private view returns (bytes32) {
        bytes memory cash = abi.encode(market.free(buyer), market.free(seller));
        bytes memory days_ = abi.encode(market.digest(buyer, DAY), market.digest(seller, DAY));
        return keccak256(abi.encode(cash, days_, token.balanceOf(address(market))));
    }
}
