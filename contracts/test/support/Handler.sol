// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../../src/Accounts.sol";
import {MarketEvents} from "../../src/MarketEvents.sol";
import {Clearing, Delivery, Fill, Reason, TradeView} from "../../src/Types.sol";
import {Market, Token} from "./Contracts.sol";
import {Trader} from "./Trader.sol";
import {Vm} from "./Vm.sol";

/// What can happen to a market. Each action is sent to the contract and noted in the model, which
/// says beforehand whether it must be refused, and why.
contract Handler is Trader {
    bytes4 private constant ACCEPTED = 0;
    bytes4 private constant PANIC = 0x4e487b71;

    /// How often a fill came out so.
    uint256[20] public outcomes;
    /// How often an action was accepted, and refused.
    mapping(string action => uint256) public accepted;
    mapping(string action => uint256) public refusals;
    bytes32 private _payment;

    constructor() {
        _settleIn();
        for (uint256 i = 0; i < 7; ++i) {
            // Every other one has little.
            uint256 amount = i % 2 == 0 ? 1_000_000_000 : 50_000_000;
            fund(people[i], amount);
            freeOf[people[i]] = amount;
            held += amount;
        }
    }

    modifier step(uint256 number) {
        seed(number);
        vm.warp(time);
        _;
    }

    /// Sends a call that must be accepted, or refused for `reason`.
    function act(
        string memory action,
        address from,
        bytes memory call,
        bytes4 reason
    ) private returns (bool done) {
        if (reason == ACCEPTED) {
            sent(from, address(market), call);
            ++accepted[action];
            return true;
        }
        refused(from, address(market), call, reason);
        ++refusals[action];
    }

    function warp(uint256 number) external step(number) {
        time += one(6) ? next(4 hours) : next(400);
    }

    function deposit(uint256 number) external step(number) {
        (address to, uint256 amount) = (anyone(), next(300_000_000));
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
    }

    function clear(uint256 number) external step(number) {
        uint256 kind = next(3);
        uint64 slot = uint64((time / SLOT_SECONDS + next(2)) * SLOT_SECONDS);
        bool taken = market.cleared(policies[kind].zone, slot) != 0;
        Clearing memory c = anyClearing(kind, slot);
        bytes4 reason = ACCEPTED;
        if (stopped) reason = Market.EnforcedPause.selector;
        else if (taken) reason = MarketEvents.AlreadyCleared.selector;
        if (!act("clear", OPERATOR, abi.encodeCall(Market.clear, (c)), reason)) return;
        clearings.push(c);
        policyOf.push(uint8(kind));
        ids.push(keccak256(abi.encode(c)));
        uint32 day = dayOf(slot);
        if (days_.length == 0 || days_[days_.length - 1] < day) days_.push(day);
    }

    /// One to four fills of one of the last clearings, a few of them spoilt, sometimes twice.
    function settle(uint256 number) external step(number) {
        if (clearings.length == 0) return;
        uint256 last = clearings.length < 4 ? clearings.length : 4;
        uint256 place = clearings.length - 1 - next(last);
        Fill[] memory fills = new Fill[](1 + next(4));
        for (uint256 i = 0; i < fills.length; ++i) {
            uint256 which = next(fillsOf[place].length);
            fills[i] = abi.decode(fillsOf[place][which], (Fill));
            if (one(6)) fills[i] = spoil(fills[i]);
        }
        _settle(place, fills);
        if (!one(4)) return;
        uint256 before = trades.length;
        _settle(place, fills);
        same(trades.length, before, "the same batch twice changes nothing");
    }

    function _settle(uint256 place, Fill[] memory fills) private {
        bytes32 id = ids[place];
        bytes4 reason = ACCEPTED;
        if (stopped) reason = Market.EnforcedPause.selector;
        else if (time >= clearings[place].slot + SLOT_SECONDS) {
            reason = MarketEvents.SlotOver.selector;
        }
        vm.recordLogs();
        bytes memory call = abi.encodeCall(Market.settle, (id, fills));
        if (!act("settle", anyone(), call, reason)) return;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, fills.length, "one event of each fill");
        for (uint256 i = 0; i < fills.length; ++i) {
            Reason must = expected(place, id, fills[i]);
            same(uint256(reasonIn(logs[i])), uint256(must), "what became of a fill");
            ++outcomes[uint256(must)];
            if (must == Reason.None) note(place, id, fills[i]);
        }
    }

    function anyTrade() private returns (bytes32) {
        uint256 last = trades.length < 10 ? trades.length : 10;
        return trades[trades.length - 1 - next(last)];
    }

    function anyDelivery() private returns (Delivery memory d) {
        d.trade = anyTrade();
        uint64 quantity = traded[d.trade].quantity;
        d.delivered = uint64(next(quantity + 1));
        uint64 short = uint64(next(quantity - d.delivered + 1));
        if (one(2)) d.sellerShort = short;
        else d.buyerShort = short;
        if (one(15)) d.delivered += uint64(1 + next(quantity));
        if (one(15)) (d.sellerShort, d.buyerShort) = (short, short);
    }

    /// Why a delivery must be refused.
    function _flaw(uint8 run, Delivery memory d) private view returns (bytes4) {
        Traded storage t = traded[d.trade];
        uint256 end = endOf(t);
        if (time < end || time > end + policies[t.policy].correctionSeconds) {
            return MarketEvents.OutsideWindow.selector;
        }
        if (run >= 254 || run + 1 <= t.runs) return MarketEvents.RunNotHigher.selector;
        bool both = d.sellerShort != 0 && d.buyerShort != 0;
        uint256 claimed = uint256(d.delivered) + d.sellerShort + d.buyerShort;
        return both || claimed > t.quantity ? MarketEvents.BadDelivery.selector : ACCEPTED;
    }

    function reconcile(uint256 number) external step(number) {
        if (trades.length == 0) return;
        Delivery[] memory all = new Delivery[](1 + next(3));
        uint8 run = one(10) ? uint8(250 + next(6)) : uint8(next(5));
        bytes4 reason = stopped ? Market.EnforcedPause.selector : ACCEPTED;
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = anyDelivery();
            bool again = false;
            for (uint256 j = 0; j < i; ++j) again = again || all[j].trade == all[i].trade;
            if (reason != ACCEPTED) continue;
            reason = _flaw(run, all[i]);
            if (again && reason != MarketEvents.OutsideWindow.selector) {
                reason = MarketEvents.RunNotHigher.selector;
            }
        }
        bytes memory call = abi.encodeCall(Market.reconcile, (run, all));
        if (!act("reconcile", OPERATOR, call, reason)) return;
        for (uint256 i = 0; i < all.length; ++i) {
            Delivery memory d = all[i];
            note(d.trade, run, [d.delivered, d.sellerShort, d.buyerShort]);
        }
    }

    function cut(uint256 number) external step(number) {
        if (trades.length == 0) return;
        bytes32 trade = anyTrade();
        Traded storage t = traded[trade];
        uint64 excess = uint64(next(uint256(t.delivered) + 2));
        bool sellers = one(2);
        bytes4 reason = ACCEPTED;
        if (time >= untilOf(t)) reason = MarketEvents.OutsideWindow.selector;
        else if (excess > t.delivered) reason = PANIC;
        bytes memory call = abi.encodeCall(Market.cut, (trade, sellers, excess));
        if (!act("cut", CHALLENGES, call, reason)) return;
        uint64[3] memory wh = [t.delivered - excess, 0, 0];
        if (sellers) wh[1] = t.sellerShort + excess;
        else wh[2] = t.buyerShort + excess;
        note(trade, 254, wh);
    }

    function expire(uint256 number) external step(number) {
        if (trades.length == 0) return;
        bytes32 trade = anyTrade();
        Traded storage t = traded[trade];
        bytes4 reason = ACCEPTED;
        if (t.runs != 0) reason = MarketEvents.RunNotHigher.selector;
        else if (time <= endOf(t) + policies[t.policy].correctionSeconds) {
            reason = MarketEvents.OutsideWindow.selector;
        }
        bytes memory call = abi.encodeCall(Market.expire, (list(trade)));
        if (!act("expire", anyone(), call, reason)) return;
        note(trade, 255, [uint64(0), 0, 0]);
    }

    function release(uint256 number) external step(number) {
        if (days_.length == 0) return;
        uint8 kind = uint8(next(3));
        uint32 day = days_[next(days_.length)];
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
            uint256 nonce = recentNonce();
            bytes32 hash = keccak256("Withdrawal(address account,uint256 amount,uint256 nonce)");
            hash = typed(keccak256(abi.encode(hash, who, amount, nonce)));
            bytes memory signature = honestly(one(8) ? people[next(6)] : who, hash);
            if (used[who][nonce]) reason = Accounts.NonceAlreadyUsed.selector;
            if (!honest[keccak256(abi.encode(who, hash, signature))]) {
                reason = Accounts.NotSigned.selector;
            }
            bytes memory call = abi.encodeCall(
                Market.requestWithdrawalFor,
                (who, amount, nonce, signature)
            );
            if (!act("requestWithdrawal", anyone(), call, reason)) return;
            used[who][nonce] = true;
        }
        freeOf[who] -= amount;
        leavingOf[who] += amount;
        leavesAt[who] = time + WITHDRAWAL_DELAY;
    }

    function withdraw(uint256 number) external step(number) {
        address who = people[next(6)];
        bytes4 reason = ACCEPTED;
        if (leavingOf[who] == 0) reason = Accounts.NothingToWithdraw.selector;
        else if (time < leavesAt[who]) reason = Accounts.NotYet.selector;
        if (!act("withdraw", anyone(), abi.encodeCall(Market.withdraw, (who)), reason)) return;
        held -= leavingOf[who];
        (leavingOf[who], leavesAt[who]) = (0, 0);
    }

    function cancel(uint256 number) external step(number) {
        address who = people[next(6)];
        uint256 nonce = recentNonce();
        bytes4 reason = ACCEPTED;
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

    function delegate(uint256 number) external step(number) {
        (address who, address to) = (people[next(6)], anyone());
        uint64 until = one(3) ? 0 : uint64(time + next(4 hours));
        uint64 most = uint64(next(5000));
        bytes memory call = abi.encodeCall(Market.setDelegate, (to, until, most));
        act("delegate", who, call, ACCEPTED);
        (delegateUntil[who][to], delegateMost[who][to]) = (until, most);
    }

    /// Rarely, and never for long.
    function pause(uint256 number) external step(number) {
        if (!stopped && !one(3)) return;
        bytes memory call = stopped
            ? abi.encodeCall(Market.unpause, ())
            : abi.encodeCall(Market.pause, ());
        act("pause", OPERATOR, call, ACCEPTED);
        stopped = !stopped;
    }

    /// The contract says of every account what the model says, and owes what it holds.
    function checkBooks() external view {
        uint256 owed = escrowed + collateralised;
        for (uint256 i = 0; i < people.length; ++i) {
            address who = people[i];
            same(market.free(who), freeOf[who], "free");
            (uint256 leaving, ) = market.withdrawing(who);
            same(leaving, leavingOf[who], "withdrawing");
            owed += freeOf[who] + leaving;
            for (uint256 d = 0; d < days_.length; ++d) {
                same(market.digest(who, days_[d]), digestOf[who][days_[d]], "digest");
                for (uint8 p = 0; p < 3; ++p) {
                    uint256 amount = market.locked(who, policyIds[p], days_[d]);
                    same(amount, lockedOf[who][p][days_[d]], "locked");
                    owed += amount;
                }
            }
        }
        same(token.balanceOf(address(market)), owed, "what is held is owed, to the unit");
        same(held, owed, "and came in and did not leave");
    }

    /// Every trade is as the model has it, and the escrow is that of the open ones.
    function checkTrades() external view {
        (uint256 escrow, uint256 collateral) = (0, 0);
        for (uint256 i = 0; i < trades.length; ++i) {
            TradeView memory v = market.tradeOf(trades[i]);
            Traded storage t = traded[trades[i]];
            same(v.buyer, t.buyer, "buyer");
            same(v.seller, t.seller, "seller");
            same(v.quantity, t.quantity, "quantity");
            same(v.runs, t.runs, "runs");
            same(v.delivered, t.delivered, "delivered");
            same(v.sellerShort, t.sellerShort, "seller's short");
            same(v.buyerShort, t.buyerShort, "buyer's short");
            escrow += v.escrow;
            collateral += v.collateral;
        }
        same(escrow, escrowed, "escrow equals open obligations");
        same(collateral, collateralised, "collateral equals open obligations");
    }

    /// After a month everybody can leave with everything, paused or not.
    function checkLeaving() external {
        vm.warp(time += 30 days);
        for (uint256 i = 0; i < trades.length; ++i) {
            if (traded[trades[i]].runs != 0) continue;
            sent(STRANGER, address(market), abi.encodeCall(Market.expire, (list(trades[i]))));
        }
        for (uint256 d = 0; d < days_.length; ++d) {
            for (uint8 p = 0; p < 3; ++p) {
                bytes memory call = abi.encodeCall(
                    Market.release,
                    (policyIds[p], days_[d], people)
                );
                sent(STRANGER, address(market), call);
            }
        }
        for (uint256 i = 0; i < people.length; ++i) {
            bytes memory call = abi.encodeCall(
                Market.requestWithdrawal,
                (market.free(people[i]))
            );
            sent(people[i], address(market), call);
        }
        vm.warp(time += WITHDRAWAL_DELAY);
        for (uint256 i = 0; i < people.length; ++i) {
            (uint256 leaving, ) = market.withdrawing(people[i]);
            if (leaving == 0) continue;
            sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (people[i])));
        }
        same(token.balanceOf(address(market)), 0, "nothing stays behind");
    }
}
