// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../../src/Accounts.sol";
import {CashTransfer} from "../../src/Types.sol";
import {Cashier} from "./Cashier.sol";
import {Exchange, Market, Token} from "./Contracts.sol";

/// What accounts do outside of their market: cash for cash of another currency, and tokens paid
/// out. Compared with the model as everything else.
abstract contract Teller is Cashier {
    Exchange private _exchange;
    /// The market of another currency, and what its accounts have.
    Market private _there;
    Token private _euro;
    mapping(address account => uint256) private _freeThere;
    mapping(address account => mapping(uint256 nonce => bool)) private _usedThere;
    uint256 private _heldThere;
    bytes32 private _domainThere;
    bytes32 private _tokenDomain;
    mapping(address account => mapping(uint256 nonce => bool)) private _redeemed;

    constructor() {
        Token franc = token;
        _euro = newToken("EUR");
        token = _euro;
        _there = newMarket();
        token = franc;
        _domainThere = domain("Wattex EnergyMarket", address(_there));
        _tokenDomain = domain("Wattex SettlementToken", address(token));
        _exchange = Exchange(deployed("CurrencyExchange", ""));
        for (uint256 i = 0; i < 6; ++i) {
            fund(_there, _euro, people[i], 1_000_000_000);
            _freeThere[people[i]] = 1_000_000_000;
            _heldThere += 1_000_000_000;
        }
    }

    function tokenDomain() internal view override returns (bytes32) {
        return _tokenDomain;
    }

    function marketDomain(Market of_) internal view override returns (bytes32) {
        return address(of_) == address(_there) ? _domainThere : super.marketDomain(of_);
    }

    function _free(Market in_, address who) private view returns (uint256) {
        return address(in_) == address(_there) ? _freeThere[who] : freeOf[who];
    }

    /// Cash of both markets, now and then too late, too much or not signed by who must.
    function exchange(uint256 number) external step(number) {
        Exchange.Quote memory q;
        (q.from, q.to) = one(2) ? (market, _there) : (_there, market);
        (q.account, q.dealer) = (people[next(6)], people[next(6)]);
        q.given = _part(_free(q.from, q.account));
        q.taken = _part(_free(q.to, q.dealer));
        q.expiry = uint64(one(12) ? time - 1 : time + next(300));
        (q.accountNonce, q.dealerNonce) = (recentNonce(), recentNonce());
        bytes32 id = keccak256(abi.encode(q));
        (CashTransfer memory a, bytes memory first, bytes4 reason) = _leg(q, id, true);
        (CashTransfer memory b, bytes memory second, bytes4 other) = _leg(q, id, false);
        if (reason == ACCEPTED) reason = other;
        bytes memory call = abi.encodeCall(Exchange.exchange, (q, first, second));
        if (!act("exchange", anyone(), address(_exchange), call, reason)) return;
        _move(q.from, a);
        _move(q.to, b);
        same(_there.free(q.account), _freeThere[q.account], "free in the other market");
        same(_there.free(q.dealer), _freeThere[q.dealer], "free in the other market");
    }

    /// One of both transfers of a quote, its signature, and why it must be refused.
    function _leg(
        Exchange.Quote memory q,
        bytes32 id,
        bool gives
    ) private returns (CashTransfer memory t, bytes memory signature, bytes4 reason) {
        (t.account, t.to) = gives ? (q.account, q.dealer) : (q.dealer, q.account);
        (t.amount, t.nonce) = gives ? (q.given, q.accountNonce) : (q.taken, q.dealerNonce);
        (t.expiry, t.sender, t.link) = (q.expiry, address(_exchange), id);
        Market in_ = gives ? q.from : q.to;
        bytes32 hash = hashOf(t, in_);
        // Somebody else, or who must but something else.
        address signer = one(20) ? people[next(6)] : t.account;
        signature = honestly(signer, one(20) ? keccak256(abi.encode(hash)) : hash);
        bool there = address(in_) == address(_there);
        bool gone = there ? _usedThere[t.account][t.nonce] : used[t.account][t.nonce];
        if (time > t.expiry) reason = Accounts.TransferExpired.selector;
        else if (!honest[keccak256(abi.encode(t.account, hash, signature))]) {
            reason = Accounts.NotSigned.selector;
        } else if (gone) {
            reason = Accounts.NonceAlreadyUsed.selector;
        } else if (t.amount > _free(in_, t.account)) {
            reason = Accounts.NotEnoughFree.selector;
        }
    }

    function _move(Market in_, CashTransfer memory t) private {
        if (address(in_) == address(_there)) {
            _usedThere[t.account][t.nonce] = true;
            _freeThere[t.account] -= t.amount;
            _freeThere[t.to] += t.amount;
            return;
        }
        used[t.account][t.nonce] = true;
        freeOf[t.account] -= t.amount;
        freeOf[t.to] += t.amount;
        touch(t.account);
        touch(t.to);
    }

    /// Tokens that were withdrawn are destroyed by who signed it, each nonce once.
    function redeem(uint256 number) external step(number) {
        address who = people[next(6)];
        (uint256 amount, uint256 nonce) = (_part(tokensOf[who]), next(40));
        uint64 expiry = anyExpiry();
        bytes32 hash = redemptionOf(who, amount, bytes32(number), nonce, expiry);
        bytes memory signature = honestly(one(10) ? people[next(6)] : who, hash);
        bytes4 reason = ACCEPTED;
        if (time > expiry) reason = Token.RedemptionExpired.selector;
        else if (!honest[keccak256(abi.encode(who, hash, signature))]) {
            reason = Token.NotSigned.selector;
        } else if (_redeemed[who][nonce]) reason = Token.AlreadyRedeemed.selector;
        else if (amount > tokensOf[who]) reason = Token.ERC20InsufficientBalance.selector;
        bytes memory call = abi.encodeCall(
            Token.redeemFor,
            (who, amount, bytes32(number), nonce, expiry, signature)
        );
        if (!act("redeem", anyone(), address(token), call, reason)) return;
        _redeemed[who][nonce] = true;
        tokensOf[who] -= amount;
        same(token.balanceOf(who), tokensOf[who], "tokens");
    }

    /// Some of an amount, all of it, or more.
    function _part(uint256 of_) private returns (uint256) {
        return one(12) ? of_ + 1 : next(of_ / (one(8) ? 1 : 20) + 1);
    }

    /// Every token is held by the market or an account, and what the other market holds is owed.
    function checkTokens() internal view {
        (uint256 supply, uint256 there) = (held, 0);
        for (uint256 i = 0; i < people.length; ++i) {
            same(token.balanceOf(people[i]), tokensOf[people[i]], "tokens");
            supply += tokensOf[people[i]];
            if (i >= 6) continue;
            same(_there.free(people[i]), _freeThere[people[i]], "free in the other market");
            there += _freeThere[people[i]];
        }
        same(token.totalSupply(), supply, "every token is somebody's");
        same(_euro.balanceOf(address(_there)), there, "the other market owes what it holds");
        same(_heldThere, there, "and nothing came in or left");
    }
}
