// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {Claim, Policy, Terms} from "../../src/Types.sol";
import {Certificates, Judge, Market} from "./Contracts.sol";
import {Evidence} from "./Evidence.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {Pair} from "./World.sol";

/// What can happen to the trades of a slot once they are settled: runs, challenges by meters, and
/// certificates of what was delivered. Each action is compared with plain books.
contract Aftermath is Evidence {
    bytes4 private constant ACCEPTED = 0;
    bytes32 private constant SOLAR = "F01040100";
    uint256 private constant TRADES = 12;

    /// Two sellers, of which the first has a known source, and three buyers.
    address[5] public people;
    /// What the meter of each has in the direction of its orders, and what proves it.
    mapping(address account => uint64) private _registered;
    mapping(address account => bytes) private _evidence;
    /// Whether all trades of an account were challenged at once.
    mapping(address account => bool) private _judged;
    mapping(uint256 trade => bool) private _certified;
    /// Certified trades as they stood then.
    mapping(uint256 trade => bytes32) private _final;
    mapping(address account => mapping(uint256 certificate => uint256)) private _balance;
    mapping(uint256 certificate => uint256) private _issued;
    mapping(uint256 certificate => uint256) private _retired;
    /// How often an action was accepted, and refused.
    mapping(string action => uint256) public accepted;
    mapping(string action => uint256) public refusals;

    /// What proves a trade to be of a side, encoded.
    mapping(uint8 side => mapping(uint256 trade => bytes)) private _claims;
    bytes32 private _domain;

    uint256 private _time;
    uint256 private _random;
    bytes32 private _policy;
    /// When runs begin.
    uint256 private _opens;
    /// Escrow and collateral of a Wh of each trade.
    uint256[TRADES] private _tied;

    /// With one price and make-whole, or with two prices for each fill, an imbalance price, take or
    /// pay, and an hour for settling after the slot.
    constructor(bool priced) {
        _beginWithMeters();
        Terms memory terms = termsOf(policy());
        _opens = END;
        if (priced) {
            Policy memory p = terms.policy;
            (p.sellerShort, p.buyerShort, p.settleSeconds) = (2, 3, 1 hours);
            (terms.clearing.policy, terms.clearing.mechanism) = (register(p), 200);
            _opens = END + 1 hours;
        }
        _policy = terms.clearing.policy;
        for (uint256 i = 0; i < 5; ++i) people[i] = account(1 + i);
        bytes memory call = abi.encodeCall(
            Certificates.registerSource,
            (pointOf(people[0]), SOLAR)
        );
        sent(OPERATOR, address(certificates), call);
        Pair[] memory all = new Pair[](TRADES);
        for (uint256 i = 0; i < TRADES; ++i) {
            all[i] = pair(people[2 + i % 3], people[i % 2], 1);
            (all[i].buy.quantity, all[i].sell.quantity) = (100_000, 100_000);
            all[i].quantity = uint64(100 + 57 * i);
            (all[i].buy.policy, all[i].sell.policy) = (_policy, _policy);
            if (!priced) {
                // 19.2 ct and 10.8 ct.
                _tied[i] = 300_000;
                continue;
            }
            all[i].sell.limitPrice = 0;
            all[i].buyPrice = uint64(180_000 - 3_000 * i);
            all[i].sellPrice = uint64(all[i].buyPrice - 7_000 * (i % 3));
            _tied[i] = all[i].buyPrice + 12_000 + 40_000;
        }
        settleAll(terms, all);
        _domain = super.marketDomain(market);
        uint256[] memory only = new uint256[](1);
        for (uint256 i = 0; i < TRADES; ++i) {
            only[0] = i;
            for (uint8 side = 0; side < 2; ++side) {
                _claims[side][i] = abi.encode(super.claims(only, side)[0]);
            }
        }
        _time = END;
        vm.warp(END);
        for (uint256 i = 0; i < 5; ++i) {
            address of_ = people[i];
            // Less than was sold of some, more of others.
            uint64 wh = [uint64(1800), 3200, 900, 2400, 0][i];
            _registered[of_] = wh;
            _evidence[of_] = abi.encode(evidence(of_, i < 2 ? 0 : wh, i < 2 ? wh : 0));
        }
    }

    function marketDomain(Market of_) internal view override returns (bytes32) {
        return _domain == 0 ? super.marketDomain(of_) : _domain;
    }

    function claims(
        uint256[] memory indices,
        uint8 side
    ) internal view override returns (Claim[] memory all) {
        all = new Claim[](indices.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = abi.decode(_claims[side][indices[i]], (Claim));
        }
    }

    modifier step(uint256 number) {
        _random = number;
        vm.warp(_time);
        _;
    }

    function next(uint256 end) private returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % end;
    }

    function act(
        string memory action,
        address from,
        address to,
        bytes memory call,
        bytes4 reason
    ) private returns (bool) {
        if (reason == ACCEPTED) sent(from, to, call);
        else refused(from, to, call, reason);
        if (reason == ACCEPTED) ++accepted[action];
        else ++refusals[action];
        return reason == ACCEPTED;
    }

    function warp(uint256 number) external step(number) {
        _time += next(4) == 0 ? next(2 days) : next(6 hours);
    }

    function reconcile(uint256 number) external step(number) {
        uint256 index = next(TRADES);
        NaiveTrades.Words memory t = tradeAt(index);
        uint64 delivered = uint64(next(t.quantity + 1));
        if (next(3) == 0) delivered = t.quantity;
        uint64 short = uint64(next(t.quantity - delivered + 1));
        uint64[3] memory wh = next(2) == 0 ? [delivered, short, 0] : [delivered, 0, short];
        uint8 number_ = uint8(t.runs + next(3));
        bool open = _time >= _opens && _time <= CORRECTIONS_END;
        bytes4 reason = open ? ACCEPTED : MarketEvents.OutsideWindow.selector;
        if (reason == ACCEPTED) {
            run(number_, index, wh);
            ++accepted["reconcile"];
            return;
        }
        bytes memory call = reconciling(
            0,
            id,
            0,
            list(NaiveTrades.delivery(index, wh[0], wh[1], wh[2]))
        );
        act("reconcile", OPERATOR, address(market), call, reason);
    }

    function expire(uint256 number) external step(number) {
        uint256 index = next(TRADES);
        bytes memory call = reconciling(255, id, 0, list(NaiveTrades.delivery(index, 0, 0, 0)));
        if (_time <= CORRECTIONS_END) {
            act("expire", STRANGER, address(market), call, MarketEvents.OutsideWindow.selector);
        } else if (tradeAt(index).runs != 0) {
            act("expire", STRANGER, address(market), call, MarketEvents.RunNotHigher.selector);
        } else {
            run(255, index, [uint64(0), 0, 0]);
            ++accepted["expire"];
        }
    }

    /// An account's meter against all its trades, or against some of them.
    function challenge(uint256 number) external step(number) {
        uint256 k = next(5);
        (address of_, uint8 side) = (people[k], k < 2 ? 1 : 0);
        uint256[] memory indices = tradesOf(of_, side);
        bool all = next(2) == 0;
        if (!all) {
            uint256 count = 0;
            for (uint256 i = 0; i < indices.length; ++i) {
                if (next(2) == 0) indices[count++] = indices[i];
            }
            assembly ("memory-safe") {
                mstore(indices, count)
            }
            if (count == 0) return;
        }
        Judge.Evidence[2] memory both = abi.decode(_evidence[of_], (Judge.Evidence[2]));
        (, bool any) = judged(indices, side, _registered[of_]);
        bool open = _time > CORRECTIONS_END && _time < RELEASE;
        if (any && !open) {
            bytes memory call = challenging(both, indices, side);
            bytes4 reason = MarketEvents.OutsideWindow.selector;
            act("challenge", STRANGER, address(judge), call, reason);
            return;
        }
        challenge(both, side, _registered[of_], indices);
        if (any) ++accepted["challenge"];
        else ++refusals["challenge"];
        if (all && open) _judged[of_] = true;
    }

    function certificateOf(address seller) private pure returns (uint256) {
        bytes memory what = abi.encode(pointOf(seller), meterOf(seller), SOLAR, SLOT, SLOT_SECONDS);
        return uint256(keccak256(what));
    }

    function certify(uint256 number) external step(number) {
        _certify(next(TRADES));
    }

    function _certify(uint256 index) private {
        address seller = people[index % 2];
        uint256[] memory only = new uint256[](1);
        only[0] = index;
        bytes memory call = abi.encodeCall(
            Certificates.issue,
            (claims(only, 1)[0], standing(id, 0), meterOf(seller))
        );
        uint64 delivered = tradeAt(index).delivered;
        bytes4 reason = ACCEPTED;
        if (_certified[index]) reason = Certificates.AlreadyCertified.selector;
        else if (_time < RELEASE) reason = Certificates.NotFinal.selector;
        else if (delivered == 0) reason = Certificates.NothingDelivered.selector;
        else if (seller != people[0]) reason = Certificates.NoSource.selector;
        if (!act("certify", STRANGER, address(certificates), call, reason)) return;
        _certified[index] = true;
        _final[index] = keccak256(abi.encode(tradeAt(index)));
        _balance[people[2 + index % 3]][certificateOf(seller)] += delivered;
        _issued[certificateOf(seller)] += delivered;
    }

    function transfer(uint256 number) external step(number) {
        (address from, address to) = (people[next(5)], people[next(5)]);
        uint256 it = certificateOf(people[next(8) == 0 ? 1 : 0]);
        uint256 amount = next(_balance[from][it] + 1);
        if (next(8) == 0) amount = _balance[from][it] + 1;
        bytes4 reason = amount > _balance[from][it]
            ? Certificates.ERC1155InsufficientBalance.selector
            : ACCEPTED;
        bytes memory call = abi.encodeCall(
            Certificates.safeTransferFrom,
            (from, to, it, amount, "")
        );
        if (!act("transfer", from, address(certificates), call, reason)) return;
        _balance[from][it] -= amount;
        _balance[to][it] += amount;
    }

    function retire(uint256 number) external step(number) {
        address from = people[next(5)];
        uint256 it = certificateOf(people[0]);
        uint256 amount = next(_balance[from][it] + 1);
        if (next(8) == 0) amount = _balance[from][it] + 1;
        bytes4 reason = amount > _balance[from][it]
            ? Certificates.ERC1155InsufficientBalance.selector
            : ACCEPTED;
        bytes memory call = abi.encodeCall(Certificates.retire, (from, it, amount, "town"));
        if (!act("retire", from, address(certificates), call, reason)) return;
        _balance[from][it] -= amount;
        _retired[it] += amount;
    }

    /// Whatever came, all of these hold.
    function check() external view {
        NaiveTrades.Words[] memory all = tradesNow();
        _checkCash(all);
        _checkTrades(all);
        _checkCertificates(all);
    }

    /// All escrow and collateral of trades with a run is locked, of others tied up, of nobody else.
    function _checkCash(NaiveTrades.Words[] memory all) private view {
        uint256 locked = market.locked(NETWORK, _policy, DAY);
        locked += market.locked(PLATFORM, _policy, DAY);
        locked += market.locked(DIFFERENCE, _policy, DAY);
        locked += market.locked(BALANCE, _policy, DAY);
        uint256 free = 0;
        for (uint256 i = 0; i < 5; ++i) {
            locked += market.locked(people[i], _policy, DAY);
            free += market.free(people[i]);
        }
        (uint256 run_, uint256 open) = (0, 0);
        for (uint256 i = 0; i < TRADES; ++i) {
            NaiveTrades.Words memory t = all[i];
            if (t.runs == 0) open += t.quantity * _tied[i];
            else run_ += t.quantity * _tied[i];
        }
        same(locked, run_, "locked");
        same(token.balanceOf(address(market)), free + locked + open, "what is held is owed");
    }

    /// Nobody delivered more than agreed, nor, once judged, more than its meter has.
    function _checkTrades(NaiveTrades.Words[] memory all) private view {
        uint256[5] memory sums;
        for (uint256 i = 0; i < TRADES; ++i) {
            NaiveTrades.Words memory t = all[i];
            uint256 claimed = uint256(t.delivered) + t.sellerShort + t.buyerShort;
            isTrue(claimed <= t.quantity, "no more than agreed");
            isTrue(t.sellerShort == 0 || t.buyerShort == 0, "one side is short");
            sums[i % 2] += t.delivered;
            sums[2 + i % 3] += t.delivered;
            if (_certified[i]) same(keccak256(abi.encode(t)), _final[i], "certified is final");
        }
        for (uint256 i = 0; i < 5; ++i) {
            if (!_judged[people[i]]) continue;
            isTrue(sums[i] <= _registered[people[i]], "no more than the meter has");
        }
    }

    /// Certificates are of certified trades only, each once, and go or stay but for retirement.
    function _checkCertificates(NaiveTrades.Words[] memory all) private view {
        for (uint256 k = 0; k < 2; ++k) {
            uint256 it = certificateOf(people[k]);
            uint256 delivered = 0;
            for (uint256 i = 0; i < TRADES; ++i) {
                bool is_ = certificates.certified(tradeOf(id, i));
                isTrue(is_ == _certified[i], "certified");
                if (is_ && i % 2 == k) delivered += all[i].delivered;
            }
            same(certificates.issued(it), delivered, "issued is what was delivered");
            same(certificates.issued(it), _issued[it], "and what was noted");
            same(certificates.retired(it), _retired[it], "retired");
            uint256 sum = 0;
            for (uint256 i = 0; i < 5; ++i) {
                uint256 has = certificates.balanceOf(people[i], it);
                same(has, _balance[people[i]][it], "balance");
                sum += has;
            }
            same(sum + _retired[it], delivered, "what circulates and what is retired");
        }
    }

    /// At last everything is certified that can be, once.
    function finish() external {
        if (_time < RELEASE) _time = RELEASE;
        vm.warp(_time);
        for (uint256 i = 0; i < TRADES; ++i) _certify(i);
        for (uint256 i = 0; i < TRADES; ++i) _certify(i);
    }
}
