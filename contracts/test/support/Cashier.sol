// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../../src/Accounts.sol";
import {CashTransfer, Mandate} from "../../src/Types.sol";
import {Mandates, Market, Token} from "./Contracts.sol";
import {Trader} from "./Trader.sol";

/// What accounts do besides trading: cash in, out and to others, cancellations and mandates. Each
/// action is sent to the contract and noted in the model, which says beforehand whether it must be
/// refused, and why.
abstract contract Cashier is Trader {
    /// How often an action was accepted, and refused.
    mapping(string action => uint256) public accepted;
    mapping(string action => uint256) public refusals;
    bytes32 private _payment;
    /// Tokens that were withdrawn.
    mapping(address account => uint256) internal tokensOf;
    /// Of which policies' days something may be locked.
    uint256[2][] internal _terms;

    constructor() {
        _settleIn();
        for (uint256 i = 0; i < 7; ++i) {
            // Every other one has little.
            uint256 amount = i % 2 == 0 ? 10_000_000_000 : 300_000_000;
            fund(people[i], amount);
            freeOf[people[i]] = amount;
            held += amount;
        }
    }

    modifier step(uint256 number) {
        seed(number);
        vm.warp(time);
        (touched, touchedDay) = (0, 0);
        _;
        if (touched != 0) _compare();
    }

    /// The contract says of everybody whom an action touches what the model says.
    function _compare() private view {
        (uint256 left, uint32 day) = (touched, touchedDay);
        bytes32 kind = policyIds[touchedPolicy];
        for (uint256 i = 0; left >> i != 0; ++i) {
            if ((left >> i) % 2 == 0) continue;
            address who = people[i];
            same(market.free(who), freeOf[who], "free after an action");
            if (day == 0) continue;
            same(market.digest(who, day), digestOf[who][day], "digest after an action");
            uint256 amount = market.locked(who, kind, day);
            same(amount, lockedOf[who][touchedPolicy][day], "locked after an action");
        }
        same(token.balanceOf(address(market)), held, "held after an action");
    }

    /// Sends a call that must be accepted, or refused for `reason`.
    function act(
        string memory action,
        address from,
        bytes memory call,
        bytes4 reason
    ) internal returns (bool done) {
        return act(action, from, address(market), call, reason);
    }

    function act(
        string memory action,
        address from,
        address to,
        bytes memory call,
        bytes4 reason
    ) internal returns (bool done) {
        if (reason == ACCEPTED) {
            sent(from, to, call);
            ++accepted[action];
            return true;
        }
        refused(from, to, call, reason);
        ++refusals[action];
    }

    function deposit(uint256 number) external step(number) {
        (address to, uint256 amount) = (anyone(), next(30_000_000));
        bytes32 payment = keccak256(abi.encode(number));
        bytes4 reason = ACCEPTED;
        if (one(5) && _payment != 0) {
            (payment, reason) = (_payment, Accounts.PaymentAlreadyDeposited.selector);
        } else {
            bytes memory mint = abi.encodeCall(Token.mint, (OPERATOR, amount, payment));
            if (token.minted(payment)) return;
            sent(OPERATOR, address(token), mint);
            bytes memory approve = abi.encodeCall(Token.approve, (address(market), amount));
            sent(OPERATOR, address(token), approve);
        }
        bytes memory call = abi.encodeCall(Market.depositFor, (to, amount, payment));
        if (!act("deposit", OPERATOR, call, reason)) return;
        _payment = payment;
        freeOf[to] += amount;
        held += amount;
        touch(to);
    }

    function release(uint256 number) external step(number) {
        if (_terms.length == 0) return;
        uint256[2] memory term = _terms[next(_terms.length)];
        (uint8 kind, uint32 day) = (uint8(term[0]), uint32(term[1]));
        address[] memory all = new address[](1 + next(3));
        bytes4 reason = ACCEPTED;
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = people[next(people.length)];
            bool due = lockedOf[all[i]][kind][day] != 0;
            if (due && time < lockedUntil[all[i]][kind][day]) reason = Accounts.NotYet.selector;
        }
        bytes memory call = abi.encodeCall(Market.release, (policyIds[kind], day, all));
        if (!act("release", anyone(), call, reason)) return;
        for (uint256 i = 0; i < all.length; ++i) {
            if (lockedOf[all[i]][kind][day] == 0) continue;
            touch(kind, day);
            touch(all[i]);
            freeOf[all[i]] += lockedOf[all[i]][kind][day];
            lockedOf[all[i]][kind][day] = 0;
            lockedUntil[all[i]][kind][day] = 0;
        }
    }

    function requestWithdrawal(uint256 number) external step(number) {
        address who = people[next(6)];
        uint256 amount = next(freeOf[who] / (one(8) ? 1 : 20) + 1);
        if (one(8)) amount = freeOf[who] + 1;
        bytes4 reason = amount > freeOf[who] ? Accounts.NotEnoughFree.selector : ACCEPTED;
        if (one(2)) {
            bytes memory direct = abi.encodeCall(Market.requestWithdrawal, (amount));
            if (!act("requestWithdrawal", who, direct, reason)) return;
        } else {
            (uint256 nonce, uint64 expiry) = (recentNonce(), anyExpiry());
            bytes32 hash = withdrawalOf(who, amount, nonce, expiry);
            bytes memory signature = honestly(one(8) ? people[next(6)] : who, hash);
            if (used[who][nonce]) reason = Accounts.NonceAlreadyUsed.selector;
            if (!honest[keccak256(abi.encode(who, hash, signature))]) {
                reason = Accounts.NotSigned.selector;
            }
            if (time > expiry) reason = Accounts.WithdrawalExpired.selector;
            bytes memory call = abi.encodeCall(
                Market.requestWithdrawalFor,
                (who, amount, nonce, expiry, signature)
            );
            if (!act("requestWithdrawal", anyone(), call, reason)) return;
            used[who][nonce] = true;
        }
        freeOf[who] -= amount;
        leavingOf[who] += amount;
        leavesAt[who] = time + DELAY;
        touch(who);
        (uint256 leaving, uint64 at_) = market.withdrawing(who);
        same(leaving, leavingOf[who], "withdrawing");
        same(at_, leavesAt[who], "and when");
    }

    /// The last second of a request: now and then it is over, or is this one.
    function anyExpiry() internal returns (uint64) {
        return uint64(one(8) ? time - 1 : one(4) ? time : time + next(300));
    }

    function withdraw(uint256 number) external step(number) {
        address who = people[next(6)];
        bytes4 reason = ACCEPTED;
        if (leavingOf[who] == 0) reason = Accounts.NothingToWithdraw.selector;
        else if (time < leavesAt[who]) reason = Accounts.NotYet.selector;
        if (!act("withdraw", anyone(), abi.encodeCall(Market.withdraw, (who)), reason)) return;
        held -= leavingOf[who];
        tokensOf[who] += leavingOf[who];
        touch(who);
        if (stopped) ++seen[5];
        same(token.balanceOf(who), tokensOf[who], "tokens");
        (leavingOf[who], leavesAt[who]) = (0, 0);
    }

    function cancel(uint256 number) external step(number) {
        address who = people[next(6)];
        uint256 nonce = recentNonce();
        bytes4 reason = ACCEPTED;
        if (one(4)) return _cancelAll(who, nonce);
        if (one(2)) {
            act("cancel", who, abi.encodeCall(Market.cancel, (nonce)), reason);
        } else {
            bytes32 hash = keccak256("Cancel(address account,uint256 nonce)");
            hash = typed(keccak256(abi.encode(hash, who, nonce)));
            bytes memory signature = honestly(one(4) ? people[next(6)] : who, hash);
            if (!honest[keccak256(abi.encode(who, hash, signature))]) {
                reason = Accounts.NotSigned.selector;
            }
            bytes memory call = abi.encodeCall(Market.cancelFor, (who, nonce, signature));
            if (!act("cancel", anyone(), call, reason)) return;
        }
        (used[who][nonce], cancelled[who][nonce]) = (true, true);
    }

    /// Some nonces at once, the same one twice among them.
    function _cancelAll(address who, uint256 first) private {
        uint256[] memory nonces = new uint256[](3);
        (nonces[0], nonces[1], nonces[2]) = (first, recentNonce(), first);
        bytes32 hash = keccak256("CancelAll(address account,uint256[] nonces)");
        hash = typed(keccak256(abi.encode(hash, who, keccak256(abi.encodePacked(nonces)))));
        bytes memory signature = honestly(one(4) ? people[next(6)] : who, hash);
        bytes4 reason = ACCEPTED;
        if (!honest[keccak256(abi.encode(who, hash, signature))]) {
            reason = Accounts.NotSigned.selector;
        }
        bytes memory call = abi.encodeCall(Market.cancelAllFor, (who, nonces, signature));
        if (!act("cancelAll", anyone(), call, reason)) return;
        for (uint256 i = 0; i < 3; ++i) {
            (used[who][nonces[i]], cancelled[who][nonces[i]]) = (true, true);
        }
    }

    function mandate(uint256 number) external step(number) {
        anyMandate(next(KINDS));
    }

    /// A mandate of a policy with limits around what orders are, by who grants it or with a
    /// signature.
    function anyMandate(uint256 kind) internal {
        uint256 whose = next(6);
        // Rather one of two, so that a delegate has what it needs when an order comes.
        uint256 whom = one(4) ? next(7) : (whose + 1 + next(2)) % 7;
        (address who, address to) = (people[whose], people[whom]);
        Mandate memory m;
        (m.policy, m.version) = (policyIds[kind], mandateOf[who][to].version + 1);
        m.until = one(8) ? 0 : uint64(time + next(one(6) ? 20 minutes : 2 days));
        m.buyPriceMax = uint64(200_000 + next(40_000));
        m.sellPriceMin = uint64(1 + next(60_000));
        m.quantityPerSlot = uint64(500 + next(3_500));
        m.quantityPerDay = uint64(one(3) ? 50 + next(500) : 500 + next(8_000));
        bytes4 reason = ACCEPTED;
        if (one(10)) {
            m.version -= uint64(1 + next(m.version));
            reason = Mandates.VersionNotHigher.selector;
        }
        bytes memory call = abi.encodeCall(Mandates.grant, (to, m));
        address from = who;
        if (one(2)) {
            uint64 expiry = anyExpiry();
            bytes32 hash = hashOf(who, to, m, expiry, mandates());
            bytes memory signature = honestly(one(6) ? anyone() : who, hash);
            if (!honest[keccak256(abi.encode(who, hash, signature))]) {
                reason = Mandates.NotSigned.selector;
            }
            if (time > expiry) reason = Mandates.GrantExpired.selector;
            call = abi.encodeCall(Mandates.grantFor, (who, to, m, expiry, signature));
            from = anyone();
        }
        if (!act("mandate", from, address(mandates()), call, reason)) return;
        mandateOf[who][to] = m;
    }

    /// Cash from one to another who signed it, now and then too late, too much or not by the one
    /// who may send it.
    function transfer(uint256 number) external step(number) {
        CashTransfer memory t;
        (t.account, t.to) = (people[next(6)], one(15) ? address(0) : people[next(people.length)]);
        t.amount = next(freeOf[t.account] / (one(8) ? 1 : 20) + 1);
        if (one(8)) t.amount = freeOf[t.account] + 1 + next(1 << 255);
        (t.nonce, t.link) = (recentNonce(), bytes32(number));
        t.expiry = anyExpiry();
        t.sender = one(2) ? anyone() : address(0);
        bytes32 hash = hashOf(t, market);
        bytes memory signature = honestly(one(8) ? people[next(6)] : t.account, hash);
        address from = t.sender == address(0) || one(8) ? anyone() : t.sender;
        bytes4 reason = _flawOf(t, from, keccak256(abi.encode(t.account, hash, signature)));
        bytes memory call = abi.encodeCall(Market.transferFor, (t, signature));
        if (!act("transfer", from, call, reason)) return;
        used[t.account][t.nonce] = true;
        freeOf[t.account] -= t.amount;
        freeOf[t.to] += t.amount;
        touch(t.account);
        touch(t.to);
    }

    function _flawOf(
        CashTransfer memory t,
        address from,
        bytes32 signed_
    ) private view returns (bytes4) {
        if (time > t.expiry) return Accounts.TransferExpired.selector;
        if (t.sender != address(0) && t.sender != from) return Accounts.NotSender.selector;
        if (t.to == address(0)) return Accounts.NobodyToReceive.selector;
        if (!honest[signed_]) return Accounts.NotSigned.selector;
        if (used[t.account][t.nonce]) return Accounts.NonceAlreadyUsed.selector;
        return t.amount > freeOf[t.account] ? Accounts.NotEnoughFree.selector : ACCEPTED;
    }
}
