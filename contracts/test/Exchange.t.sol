// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {CashTransfer} from "../src/Types.sol";
import {Exchange, Market, Token} from "./support/Contracts.sol";
import {Vm} from "./support/Vm.sol";
import {World} from "./support/World.sol";

/// Cash of one market for cash of another: both transfers are made, or none.
contract ExchangeTest is World {
    Exchange private exchange;
    /// The market of another currency.
    Market private other;
    Token private euro;
    address private customer;
    address private dealer;

    function setUp() public {
        _begin();
        Token franc = token;
        (token, euro) = (newToken("EUR"), token);
        other = newMarket();
        (token, euro) = (franc, token);
        exchange = Exchange(deployed("CurrencyExchange", ""));
        (customer, dealer) = (account(1), account(2));
        fund(customer, 1_000_000);
        fund(other, euro, dealer, 1_000_000);
    }

    function quote() private view returns (Exchange.Quote memory q) {
        (q.from, q.to, q.account, q.dealer) = (market, other, customer, dealer);
        (q.given, q.taken, q.expiry) = (100_000, 106_000, uint64(block.timestamp));
        (q.accountNonce, q.dealerNonce) = (7, 7);
    }

    /// What each side signs of a quote.
    function legs(Exchange.Quote memory q) private view returns (CashTransfer[2] memory both) {
        bytes32 id = keccak256(abi.encode(q));
        both[0] = CashTransfer(
            q.account, q.dealer, q.given, q.accountNonce, q.expiry, address(exchange), id
        );
        both[1] = CashTransfer(
            q.dealer, q.account, q.taken, q.dealerNonce, q.expiry, address(exchange), id
        );
    }

    function signatures(Exchange.Quote memory q) private view returns (bytes[2] memory) {
        CashTransfer[2] memory both = legs(q);
        bytes memory first = sign(q.account, hashOf(both[0], q.from));
        return [first, sign(q.dealer, hashOf(both[1], q.to))];
    }

    function exchanging(
        Exchange.Quote memory q,
        bytes[2] memory signed
    ) private pure returns (bytes memory) {
        return abi.encodeCall(Exchange.exchange, (q, signed[0], signed[1]));
    }

    /// Refuses an exchange, which moves nothing.
    function refusedFor(bytes memory call, bytes memory reason) private {
        refused(STRANGER, address(exchange), call, reason);
        isUntouched();
    }

    function isUntouched() private view {
        same(market.free(customer), 1_000_000, "the customer's francs");
        same(market.free(dealer), 0, "the dealer's francs");
        same(other.free(customer), 0, "the customer's euros");
        same(other.free(dealer), 1_000_000, "the dealer's euros");
        isTrue(!market.nonceUsed(customer, 7), "the customer's nonce");
        isTrue(!other.nonceUsed(dealer, 7), "the dealer's nonce");
    }

    function notSigned(address of_) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Accounts.NotSigned.selector, of_);
    }

    function test_both_sides_get_what_was_quoted() public {
        Exchange.Quote memory q = quote();
        bytes32 id = keccak256(abi.encode(q));
        same(exchange.quoteId(q), id, "the name of a quote");
        bytes memory call = exchanging(q, signatures(q));
        vm.recordLogs();
        sent(STRANGER, address(exchange), call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 3, "the exchange and both transfers");
        same(logs[0].topics[0], Exchange.Exchanged.selector, "of the exchange");
        same(logs[0].topics[1], id, "quote");
        same(logs[0].topics[2], bytes32(uint256(uint160(customer))), "account");
        same(logs[0].topics[3], bytes32(uint256(uint160(dealer))), "dealer");
        same(keccak256(logs[0].data), keccak256(abi.encode(100_000, 106_000)), "amounts");
        for (uint256 i = 1; i < 3; ++i) {
            same(logs[i].topics[0], Accounts.CashTransferred.selector, "of a transfer");
            same(logs[i].topics[3], id, "which carries the quote");
            same(logs[i].emitter, i == 1 ? address(market) : address(other), "in its market");
        }
        same(market.free(customer), 900_000, "the customer's francs");
        same(market.free(dealer), 100_000, "the dealer's francs");
        same(other.free(customer), 106_000, "the customer's euros");
        same(other.free(dealer), 894_000, "the dealer's euros");
        bytes memory reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 7);
        refused(STRANGER, address(exchange), call, reason);
    }

    /// Neither side's transfer is made by a stranger, by the other side or by itself alone.
    function test_NotSender_of_one_leg_alone() public {
        Exchange.Quote memory q = quote();
        CashTransfer[2] memory both = legs(q);
        bytes[2] memory signed = signatures(q);
        address[3] memory who = [STRANGER, customer, dealer];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory reason = abi.encodeWithSelector(Accounts.NotSender.selector, who[i]);
            bytes memory call = abi.encodeCall(Market.transferFor, (both[0], signed[0]));
            refused(who[i], address(market), call, reason);
            call = abi.encodeCall(Market.transferFor, (both[1], signed[1]));
            refused(who[i], address(other), call, reason);
        }
        isUntouched();
    }

    /// Nor by the exchange itself where the other market is none, or the same.
    function test_NotSigned_of_one_leg_through_another_quote() public {
        Exchange.Quote memory q = quote();
        bytes[2] memory signed = signatures(q);
        for (uint256 i = 0; i < 4; ++i) {
            Exchange.Quote memory bad = quote();
            if (i == 0) bad.from = Market(address(new Generous()));
            if (i == 1) bad.to = Market(address(new Generous()));
            if (i == 2) bad.from = other;
            if (i == 3) bad.to = market;
            bytes memory call = exchanging(bad, signed);
            refusedFor(call, notSigned(i == 0 ? dealer : customer));
        }
        sent(STRANGER, address(exchange), exchanging(q, signed));
    }

    /// Where one of both cannot be made, the other is not either.
    function test_both_legs_are_made_or_none() public {
        Exchange.Quote memory q = quote();
        q.taken = 1_000_001;
        bytes memory reason = abi.encodeWithSelector(
            Accounts.NotEnoughFree.selector,
            1_000_000,
            1_000_001
        );
        refusedFor(exchanging(q, signatures(q)), reason);
        q = quote();
        q.given = 1_000_001;
        refusedFor(exchanging(q, signatures(q)), reason);
        // The second leg's nonce is gone, and its signature is none.
        q = quote();
        q.dealerNonce = 8;
        sent(dealer, address(other), abi.encodeCall(Market.cancel, (8)));
        reason = abi.encodeWithSelector(Accounts.NonceAlreadyUsed.selector, 8);
        refusedFor(exchanging(q, signatures(q)), reason);
        q = quote();
        bytes[2] memory signed = signatures(q);
        signed[1] = "";
        refusedFor(exchanging(q, signed), notSigned(dealer));
        signed = signatures(q);
        signed[0] = signed[1];
        refusedFor(exchanging(q, signed), notSigned(customer));
    }

    function test_TransferExpired_of_a_quote() public {
        Exchange.Quote memory q = quote();
        bytes memory call = exchanging(q, signatures(q));
        vm.warp(q.expiry + 1);
        bytes memory reason = abi.encodeWithSelector(
            Accounts.TransferExpired.selector,
            q.expiry
        );
        refusedFor(call, reason);
        vm.warp(q.expiry);
        sent(STRANGER, address(exchange), call);
    }

    /// Whatever of a quote is changed, both sides signed another; where only one agrees, neither
    /// leg is made.
    function test_NotSigned_of_another_quote() public {
        bytes[2] memory signed = signatures(quote());
        for (uint256 fault = 0; fault < 7; ++fault) {
            Exchange.Quote memory q = quote();
            if (fault == 0) q.given -= 1;
            if (fault == 1) q.taken += 1;
            if (fault == 2) q.expiry += 1;
            if (fault == 3) q.accountNonce += 1;
            if (fault == 4) q.dealerNonce += 1;
            if (fault == 5) q.dealer = account(3);
            if (fault == 6) q.account = account(3);
            refusedFor(exchanging(q, signed), notSigned(q.account));
            if (fault >= 5) continue;
            // The customer agrees, the dealer does not; and the other way round.
            bytes[2] memory half = signatures(q);
            half[1] = signed[1];
            refusedFor(exchanging(q, half), notSigned(dealer));
            half = signatures(q);
            half[0] = signed[0];
            refusedFor(exchanging(q, half), notSigned(customer));
        }
    }

    /// A leg that names another sender, or has another link, is none of the exchange's.
    function test_NotSigned_of_a_leg_for_another_sender() public {
        Exchange.Quote memory q = quote();
        for (uint256 fault = 0; fault < 3; ++fault) {
            CashTransfer[2] memory both = legs(q);
            if (fault == 0) both[0].sender = address(0);
            if (fault == 1) both[0].sender = STRANGER;
            if (fault == 2) both[0].link = 0;
            bytes[2] memory signed = signatures(q);
            signed[0] = sign(customer, hashOf(both[0], market));
            refusedFor(exchanging(q, signed), notSigned(customer));
        }
    }

    /// Another exchange, with the same code, makes no transfer of this one.
    function test_NotSigned_of_another_exchange() public {
        Exchange.Quote memory q = quote();
        bytes memory call = exchanging(q, signatures(q));
        address second = deployed("CurrencyExchange", "");
        refused(STRANGER, second, call, notSigned(customer));
        isUntouched();
    }

    /// No chain but the one that it was signed for.
    function test_NotSigned_of_another_chain() public {
        Exchange.Quote memory q = quote();
        bytes memory call = exchanging(q, signatures(q));
        vm.chainId(CHAIN_ID + 1);
        refusedFor(call, notSigned(customer));
    }

    /// Whatever is quoted, cash of each currency stays what it was in all.
    function test_fuzz_an_exchange_moves_cash_and_makes_none(uint256 given, uint256 taken) public {
        Exchange.Quote memory q = quote();
        (q.given, q.taken) = (within(given, 0, 1_000_000), within(taken, 0, 1_000_000));
        sent(STRANGER, address(exchange), exchanging(q, signatures(q)));
        same(market.free(dealer), q.given, "given");
        same(other.free(customer), q.taken, "taken");
        same(market.free(customer) + q.given, 1_000_000, "and gone");
        same(other.free(dealer) + q.taken, 1_000_000, "and gone");
        same(token.balanceOf(address(market)), 1_000_000, "francs");
        same(euro.balanceOf(address(other)), 1_000_000, "euros");
    }
}

/// A market that says yes to everything.
contract Generous {
    fallback() external {}
}
