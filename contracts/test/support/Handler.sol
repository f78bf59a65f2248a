// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {Delivery, PricePair, Trade} from "../../src/Trades.sol";
import {FillBatch, Reason, SignedOrder, Terms, TradeBatch} from "../../src/Types.sol";
import {Market, Roles} from "./Contracts.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {Teller} from "./Teller.sol";
import {Vm} from "./Vm.sol";

/// What can happen to a market: time, clearings, their batches, runs and pauses, and what accounts
/// do meanwhile.
contract Handler is Teller {
    /// A batch with trades, by the place of its clearing, and when its runs begin, its corrections
    /// are over and its challenges.
    struct Kept {
        uint32 place;
        uint32 number;
        uint64 opens;
        uint64 corrected;
        uint64 until;
    }

    /// How often a fill came out so.
    uint256[20] public outcomes;
    Kept[] private _kept;
    /// How many trades of a batch no run has reached.
    mapping(uint256 place => mapping(uint256 number => uint256)) private _open;

    function warp(uint256 number) external step(number) {
        if (one(3) && _kept.length != 0) {
            // To when something begins or ends for a batch, or a second before or after.
            Kept memory which = _kept[_kept.length - 1 - next(_least(_kept.length, 20))];
            uint256 to = [which.opens, which.corrected, which.until][next(3)] + next(3) - 1;
            if (to > time && to < time + 2 hours) time = to;
            return;
        }
        time += one(100) ? next(3 days) : one(16) ? next(3 hours) : next(400);
    }

    function clear(uint256 number) external step(number) {
        uint256 kind = next(KINDS);
        uint64 slot = uint64((time / SLOT_SECONDS + next(2)) * SLOT_SECONDS);
        // One that is over, which some policies settle still.
        uint32 more = policies[kind].settleSeconds;
        if (more != 0 ? one(4) : one(20)) slot -= uint64(SLOT_SECONDS * (1 + next(4)));
        bool over = time >= slot + SLOT_SECONDS + more;
        bool taken = market.cleared(policies[kind].zone, slot) != 0;
        bytes4 reason = ACCEPTED;
        if (stopped) reason = Market.EnforcedPause.selector;
        else if (over) reason = MarketEvents.SlotOver.selector;
        else if (taken) reason = MarketEvents.AlreadyCleared.selector;
        // Who lets a delegate trade does so where there is trade.
        if (reason == ACCEPTED && one(2)) anyMandate(kind);
        if (reason == ACCEPTED && one(2)) anyMandate(kind);
        Terms memory terms = anyClearing(kind, slot, reason == ACCEPTED);
        if (!act("clear", OPERATOR, abi.encodeCall(Market.clear, (terms)), reason)) return;
        clearings.push(terms.clearing);
        policyOf.push(uint8(kind));
        ids.push(idOf(terms));
        _expect(kind, dayOf(slot));
    }

    /// Something may be locked of a policy's day.
    function _expect(uint256 kind, uint32 day) private {
        bool known;
        for (uint256 i = 0; i < days_.length; ++i) known = known || days_[i] == day;
        if (!known) days_.push(day);
        for (uint256 i = 0; i < _terms.length; ++i) {
            if (_terms[i][0] == kind && _terms[i][1] == day) return;
        }
        _terms.push([kind, day]);
    }

    /// A batch of one of the last clearings, now and then spoilt, sometimes twice, or spoilt first
    /// and then as it was.
    function settle(uint256 number) external step(number) {
        if (clearings.length == 0) return;
        uint256 place = clearings.length - 1 - next(_least(clearings.length, 4));
        if (!one(20)) place = _latest(place);
        uint256 which = next(batchesIn[place].length);
        FillBatch memory batch = abi.decode(batchesIn[place][which], (FillBatch));
        bool spoilt;
        while (one(4)) {
            spoil(batch);
            spoilt = true;
        }
        _settle(place, batch);
        if (one(4)) {
            uint256 before = trades.length;
            _settle(place, batch);
            same(trades.length, before, "the same batch twice changes nothing");
        }
        if (spoilt && one(2)) _settle(place, abi.decode(batchesIn[place][which], (FillBatch)));
    }

    /// The first clearing from this place on that is still settled, or the last.
    function _latest(uint256 place) private view returns (uint256) {
        while (place + 1 < ids.length && time >= settledUntil(place)) ++place;
        return place;
    }

    function _settle(uint256 place, FillBatch memory batch) private {
        bytes32[] memory hashes = hashesIn(batch);
        bytes4 reason = stopped ? Market.EnforcedPause.selector : flawOf(place, batch, hashes);
        vm.recordLogs();
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        if (!act("settle", anyone(), call, reason)) return;
        Reason[] memory got = reasonsIn(batch, vm.getRecordedLogs());
        bool[] memory settled_ = new bool[](got.length);
        uint256 before = 0;
        Looked[] memory looked = lookAt(batch, hashes);
        for (uint256 i = 0; i < got.length; ++i) {
            bytes32 trade = tradeOf(ids[place], batch.number * FILLS_MAX + i);
            Reason must = expected(place, batch, looked, i);
            same(uint256(got[i]), uint256(must), "what became of a fill");
            ++outcomes[uint256(must)];
            if (must == Reason.AlreadySettled) ++before;
            if (must == Reason.None) {
                note(place, batch, looked, i);
                ++_open[place][batch.number];
                if (before != 0) ++seen[6];
            }
            (, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
            if (must == Reason.BuyerMandate && looked[buy].tooMuch) ++seen[8];
            if (must == Reason.SellerMandate && looked[sell].tooMuch) ++seen[8];
            settled_[i] = traded[trade].quantity != 0;
        }
        TradeBatch memory kept = NaiveTrades.settled(batch, settled_);
        stand(kept);
        _checkDays(batch);
        if (before != 0 || kept.accounts.length == 0) return;
        Kept storage kept_ = _kept.push();
        (kept_.place, kept_.number) = (uint32(place), batch.number);
        (kept_.opens, kept_.corrected) = (
            uint64(settledUntil(place)),
            uint64(correctedUntil(place))
        );
        kept_.until = kept_.corrected + policies[policyOf[place]].challengeSeconds;
    }

    /// What is counted of the delegates of a batch is what the model counts.
    function _checkDays(FillBatch memory batch) private view {
        uint32 day = dayOf(batch.terms.clearing.slot);
        for (uint256 i = 0; i < batch.orders.length; ++i) {
            SignedOrder memory o = batch.orders[i];
            if (o.side > 1) continue;
            same(
                mandates().filled(o.account, o.delegate, day, o.side),
                ofDay[dayOfDelegate(o.account, o.delegate, day, o.side)],
                "what a delegate's orders filled in a day"
            );
        }
    }

    /// A delivery of a trade of a batch, rather one of which this run is still to come.
    function anyDelivery(uint8 run, TradeBatch memory batch) private returns (Delivery) {
        uint256 count = batch.trades.length;
        (uint256 place, uint256 first, uint64 quantity) = (count, next(count), 1);
        if (!one(60)) {
            for (uint256 i = 0; i < count; ++i) {
                place = (first + i) % count;
                NaiveTrades.Words memory t = NaiveTrades.read(batch.trades[place]);
                quantity = t.quantity;
                if (quantity != 0 && _rises(run, t.runs)) break;
            }
        }
        uint64[3] memory wh;
        wh[0] = uint64(next(quantity + 1));
        uint64 short = uint64(next(quantity - wh[0] + 1));
        wh[1 + next(2)] = short;
        if (one(15)) wh[0] += uint64(1 + next(quantity + 1));
        if (one(15)) (wh[1], wh[2]) = (short, short);
        if (one(3)) (wh[0], wh[1], wh[2]) = (0, 0, 0);
        return NaiveTrades.delivery(place, wh[0], wh[1], wh[2]);
    }

    /// Why a run must be refused before its deliveries are looked at.
    function _flawOfRun(
        uint8 run,
        address from,
        Kept memory which
    ) private view returns (bytes4) {
        bool open = time > which.corrected;
        if (run == 254) {
            if (from != CHALLENGES) return MarketEvents.NotChallenges.selector;
            open = open && time < which.until;
        } else if (run < 254) {
            if (from != OPERATOR) return Roles.AccessControlUnauthorizedAccount.selector;
            if (stopped) return Market.EnforcedPause.selector;
            open = time >= which.opens && time <= which.corrected;
        }
        return open ? ACCEPTED : MarketEvents.OutsideWindow.selector;
    }

    /// Why a delivery must be refused, after those before it in its run.
    function _flawOf(
        uint8 run,
        TradeBatch memory batch,
        Delivery d
    ) private pure returns (bytes4) {
        (uint256 place, uint64[3] memory wh) = NaiveTrades.read(d);
        if (place >= batch.trades.length) return PANIC;
        NaiveTrades.Words memory t = NaiveTrades.read(batch.trades[place]);
        if (t.quantity == 0) return MarketEvents.UnknownTrade.selector;
        if (!_rises(run, t.runs)) return MarketEvents.RunNotHigher.selector;
        uint256 claimed = uint256(wh[0]) + wh[1] + wh[2];
        bool good = claimed <= t.quantity && (wh[1] == 0 || wh[2] == 0);
        if (run == 255) good = claimed == 0;
        return good ? ACCEPTED : MarketEvents.BadDelivery.selector;
    }

    /// Whether a run may follow the last one, of which `runs` is one more.
    function _rises(uint8 run, uint16 runs) private pure returns (bool) {
        if (run == 255) return runs == 0;
        return run == 254 ? runs != 256 : uint16(run) + 1 > runs;
    }

    function reconcile(uint256 number) external step(number) {
        uint8 run = one(10) ? uint8(250 + next(6)) : uint8(next(5));
        _run("reconcile", run, one(20) ? STRANGER : OPERATOR);
    }

    function cut(uint256 number) external step(number) {
        _run("cut", 254, CHALLENGES);
    }

    function expire(uint256 number) external step(number) {
        _run("expire", 255, anyone());
    }

    /// One to three deliveries of trades of a batch, seldom not as it stands.
    function _run(string memory action, uint8 run, address from) private {
        if (_kept.length == 0) return;
        (Kept memory which, bytes4 reason) = _anyBatch(run, from);
        TradeBatch memory batch = standing(ids[which.place], which.number);
        // With trades of its own.
        TradeBatch memory after_ = TradeBatch(
            batch.terms,
            batch.number,
            batch.accounts,
            new Trade[](batch.trades.length),
            batch.prices
        );
        for (uint256 i = 0; i < batch.trades.length; ++i) after_.trades[i] = batch.trades[i];
        uint256 count;
        (run, count) = _anyRun(run, batch);
        Delivery[] memory all = new Delivery[](count);
        if (count == 0 && reason == ACCEPTED) reason = MarketEvents.NoTrades.selector;
        bool changed = one(12);
        if (changed && reason == ACCEPTED) reason = MarketEvents.BatchChanged.selector;
        for (uint256 i = 0; i < count; ++i) {
            all[i] = anyDelivery(run, after_);
            if (run == 255 && !one(6)) all[i] = Delivery.wrap(Delivery.unwrap(all[i]) % 256);
            if (reason != ACCEPTED) continue;
            reason = _flawOf(run, after_, all[i]);
            if (reason == ACCEPTED) NaiveTrades.apply_(after_, run, all[i]);
        }
        if (changed) _change(batch);
        bytes memory call = abi.encodeCall(Market.reconcile, (run, batch, all));
        if (!act(action, from, call, reason)) return;
        _note(which, run, all);
        stand(after_);
    }

    /// A run that can follow those of some trades of a batch, rather than one that cannot, and how
    /// many deliveries it has: seldom more than there can be, or none.
    function _anyRun(uint8 run, TradeBatch memory batch) private returns (uint8, uint256) {
        (uint256 rising, uint16 runs) = (0, 0);
        for (uint256 i = 0; i < batch.trades.length; ++i) {
            NaiveTrades.Words memory t = NaiveTrades.read(batch.trades[i]);
            if (t.runs > runs) runs = t.runs;
            if (t.quantity != 0 && _rises(run, t.runs)) ++rising;
        }
        if (rising == 0 && run < 250 && runs < 240) (run, rising) = (uint8(runs + next(3)), 1);
        if (rising == 0 || one(12)) rising = 3;
        return (run, one(40) ? 0 : 1 + next(_least(rising, 3)));
    }

    /// Notes a run over trades of a batch.
    function _note(Kept memory which, uint8 run, Delivery[] memory all) private {
        for (uint256 i = 0; i < all.length; ++i) {
            (uint256 place, uint64[3] memory wh) = NaiveTrades.read(all[i]);
            bytes32 trade = tradeOf(ids[which.place], which.number * FILLS_MAX + place);
            if (traded[trade].runs == 0) --_open[which.place][which.number];
            note(trade, run, wh);
            if (i + 1 == all.length) noted(trade);
        }
    }

    /// One of the last batches, rather one of which this run is open; and why it is not.
    function _anyBatch(
        uint8 run,
        address from
    ) private returns (Kept memory which, bytes4 reason) {
        uint256 count = _least(_kept.length, 40);
        uint256 first = next(count);
        uint256 tries = one(12) ? 1 : count;
        for (uint256 i = 0; i < tries; ++i) {
            which = _kept[_kept.length - 1 - (first + i) % count];
            reason = _flawOfRun(run, from, which);
            bool some = run != 255 || _open[which.place][which.number] != 0;
            if (reason == ACCEPTED && some) break;
        }
    }

    /// Changes one bit of what is shown of the trades of a batch.
    function _change(TradeBatch memory batch) private {
        if (batch.prices.length != 0 && one(3)) {
            uint256 k = next(batch.prices.length);
            batch.prices[k] = PricePair.wrap(PricePair.unwrap(batch.prices[k]) ^ (1 << next(256)));
        } else if (one(4)) {
            uint256 k = next(batch.accounts.length);
            batch.accounts[k] = address(uint160(batch.accounts[k]) ^ uint160(1 << next(160)));
        } else {
            uint256 k = next(batch.trades.length);
            batch.trades[k] = Trade.wrap(Trade.unwrap(batch.trades[k]) ^ (1 << next(256)));
        }
    }

    /// Rarely, and never for long.
    function pause(uint256 number) external step(number) {
        if (!stopped && !one(6)) return;
        bytes memory call = stopped
            ? abi.encodeCall(Market.unpause, ())
            : abi.encodeCall(Market.pause, ());
        act("pause", OPERATOR, call, ACCEPTED);
        stopped = !stopped;
    }

    /// What is accepted and refused in turn.
    function actions() public pure returns (string[15] memory) {
        return [
            "deposit",
            "clear",
            "settle",
            "reconcile",
            "cut",
            "expire",
            "release",
            "requestWithdrawal",
            "withdraw",
            "cancel",
            "cancelAll",
            "mandate",
            "transfer",
            "exchange",
            "redeem"
        ];
    }

    /// What was done and seen so far, for {Test.written}.
    function counts() external view returns (string memory all) {
        for (uint256 i = 0; i < 15; ++i) {
            string memory name = actions()[i];
            all = string.concat(all, counted(name, accepted[name]));
            all = string.concat(all, counted(string.concat("no-", name), refusals[name]));
        }
        for (uint256 i = 0; i < 20; ++i) {
            all = string.concat(all, counted(string.concat("fill-", vm.toString(i)), outcomes[i]));
        }
        string[10] memory names = [
            "delegated",
            "two-prices",
            "imbalance",
            "made-whole",
            "compensated",
            "paid-while-paused",
            "settled-later",
            "run-after-run",
            "day-limit",
            "delegated-later"
        ];
        for (uint256 i = 0; i < 10; ++i) all = string.concat(all, counted(names[i], seen[i]));
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
            }
            for (uint256 k = 0; k < _terms.length; ++k) {
                (uint8 p, uint32 day) = (uint8(_terms[k][0]), uint32(_terms[k][1]));
                uint256 amount = market.locked(who, policyIds[p], day);
                same(amount, lockedOf[who][p][day], "locked");
                owed += amount;
            }
        }
        same(token.balanceOf(address(market)), owed, "what is held is owed, to the unit");
        same(held, owed, "and came in and did not leave");
        checkTokens();
    }

    /// Every trade is as the model has it, and the escrow is that of the open ones.
    function checkTrades() external {
        (uint256 escrow, uint256 collateral, uint256 count) = (0, 0, 0);
        for (uint256 k = 0; k < _kept.length; ++k) {
            (bytes32 id, uint256 number) = (ids[_kept[k].place], _kept[k].number);
            TradeBatch memory batch = standing(id, number);
            stand(batch);
            for (uint256 i = 0; i < batch.trades.length; ++i) {
                Traded storage t = traded[tradeOf(id, number * FILLS_MAX + i)];
                NaiveTrades.Words memory v = NaiveTrades.read(batch.trades[i]);
                same(v.quantity, t.quantity, "quantity");
                if (t.quantity == 0) continue;
                same(batch.accounts[v.buyer], t.buyer, "buyer");
                same(batch.accounts[v.seller], t.seller, "seller");
                same(v.runs, t.runs, "runs");
                same(v.delivered, t.delivered, "delivered");
                same(v.sellerShort, t.sellerShort, "seller's short");
                same(v.buyerShort, t.buyerShort, "buyer's short");
                ++count;
                if (t.runs != 0) continue;
                escrow += escrowOf(t);
                collateral += collateralOf(t);
            }
        }
        same(count, trades.length, "all of them");
        same(escrow, escrowed, "escrow equals open obligations");
        same(collateral, collateralised, "collateral equals open obligations");
    }

    /// After a month everybody can leave with everything, paused or not.
    function checkLeaving() external {
        vm.warp(time += 30 days);
        for (uint256 k = 0; k < _kept.length; ++k) {
            (bytes32 id, uint256 number) = (ids[_kept[k].place], _kept[k].number);
            TradeBatch memory batch = standing(id, number);
            Delivery[] memory left = new Delivery[](batch.trades.length);
            uint256 count = 0;
            for (uint256 i = 0; i < left.length; ++i) {
                NaiveTrades.Words memory v = NaiveTrades.read(batch.trades[i]);
                if (v.quantity != 0 && v.runs == 0) left[count++] = Delivery.wrap(i);
            }
            assembly ("memory-safe") {
                mstore(left, count)
            }
            if (count != 0) reconcile(255, id, number, left);
        }
        for (uint256 k = 0; k < _terms.length; ++k) {
            (uint256 p, uint32 day) = (_terms[k][0], uint32(_terms[k][1]));
            bytes memory call = abi.encodeCall(Market.release, (policyIds[p], day, people));
            sent(STRANGER, address(market), call);
        }
        for (uint256 i = 0; i < people.length; ++i) {
            bytes memory call = abi.encodeCall(
                Market.requestWithdrawal,
                (market.free(people[i]))
            );
            sent(people[i], address(market), call);
        }
        vm.warp(time += DELAY);
        for (uint256 i = 0; i < people.length; ++i) {
            (uint256 leaving, ) = market.withdrawing(people[i]);
            if (leaving == 0) continue;
            sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (people[i])));
        }
        same(token.balanceOf(address(market)), 0, "nothing stays behind");
    }
}
