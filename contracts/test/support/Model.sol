// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {PricePair} from "../../src/Trades.sol";
import {
    Clearing, FillBatch, Mandate, Order, Policy, Reason, SignedOrder, Terms
} from "../../src/Types.sol";
import {Books} from "./Books.sol";
import {NaiveTrades} from "./NaiveTrades.sol";

/// The market once more: what must become of a call, and what it does to the books.
///
/// It knows who honestly signed what, because it was there. What the contract does is compared
/// with what this would do, call by call.
abstract contract Model is Books {
    bytes4 internal constant ACCEPTED = 0;
    bytes4 internal constant PANIC = 0x4e487b71;

    /// What an order of a batch is, how much of it was filled, who signed it, whether it is inside
    /// what its delegate may sign, and whether only the limit of the day stands against that. All
    /// of it is as before the batch.
    struct Looked {
        bytes32 hash;
        uint256 before;
        Signer who;
        bool mandated;
        bool tooMuch;
    }

    /// Whose locked cash a call has changed, and what each had before it.
    address[] private _relocked;
    mapping(address account => uint256) private _lockedBefore;

    enum Signer {
        Nobody,
        Account,
        Delegate
    }

    /// Looks at all orders of a batch before any of its fills is settled.
    function lookAt(
        FillBatch memory batch,
        bytes32[] memory hashes
    ) internal view returns (Looked[] memory all) {
        all = new Looked[](batch.orders.length);
        for (uint256 i = 0; i < all.length; ++i) {
            (all[i].hash, all[i].before) = (hashes[i], filled[hashes[i]]);
            if (batch.orders[i].account == address(0)) continue;
            bool in_ = _granted(batch, batch.orders[i]);
            all[i].mandated = in_ && _inDay(batch, batch.orders[i], hashes[i]);
            all[i].tooMuch = in_ && !all[i].mandated;
            all[i].who = _signer(batch, batch.orders[i], all[i]);
        }
    }

    /// Who of those who may sign this order did. A key's signature has 64 bytes, others are a
    /// contract's to judge: of a delegate that is one and may sign this, or else of the account.
    function _signer(
        FillBatch memory batch,
        SignedOrder memory one,
        Looked memory looked
    ) private view returns (Signer) {
        bytes32 hash = looked.hash;
        (address by, address of_) = (one.delegate, one.account);
        if (one.vs != 0) {
            bytes memory compact = abi.encodePacked(one.r, one.vs);
            if (honest[keccak256(abi.encode(of_, hash, compact))]) return Signer.Account;
            bool other = honest[keccak256(abi.encode(by, hash, compact))];
            return other ? Signer.Delegate : Signer.Nobody;
        }
        if (uint256(one.r) >= batch.signatures.length) return Signer.Nobody;
        bool asked = looked.mandated && by.code.length != 0;
        bytes memory signature = batch.signatures[uint256(one.r)];
        hash = keccak256(abi.encode(asked ? by : of_, hash, signature));
        if (!honest[hash] || (asked ? by : of_).code.length == 0) return Signer.Nobody;
        return asked ? Signer.Delegate : Signer.Account;
    }

    /// Whether an order is inside every limit of what its account lets its delegate sign, but that
    /// of a day.
    function _granted(
        FillBatch memory batch,
        SignedOrder memory one
    ) private view returns (bool) {
        Mandate storage m = mandateOf[one.account][one.delegate];
        Order memory only = orderIn(batch.terms, one);
        if (block.timestamp >= m.until || only.policy != m.policy) return false;
        if (one.side == 0 && one.limitPrice > m.buyPriceMax) return false;
        if (one.side != 0 && one.limitPrice < m.sellPriceMin) return false;
        if (one.quantity > m.quantityPerSlot) return false;
        delegated(only, one.delegate);
        return one.nonce == only.nonce;
    }

    /// Whether what a clearing fills of an order is inside the limit of its day.
    function _inDay(
        FillBatch memory batch,
        SignedOrder memory one,
        bytes32 hash
    ) private view returns (bool) {
        uint32 day = dayOf(batch.terms.clearing.slot);
        uint256 sum = ofDay[dayOfDelegate(one.account, one.delegate, day, one.side)];
        // What was filled of it before is in the sum.
        uint256 before = filled[hash];
        if (one.filled > before) sum += one.filled - before;
        return sum <= mandateOf[one.account][one.delegate].quantityPerDay;
    }

    /// Why a whole batch must be refused of the clearing with this place.
    function flawOf(
        uint256 place,
        FillBatch memory batch,
        bytes32[] memory hashes
    ) internal view returns (bytes4) {
        if (idOf(batch.terms) != ids[place]) return MarketEvents.UnknownClearing.selector;
        if (block.timestamp >= settledUntil(place)) return MarketEvents.SlotOver.selector;
        bool few = batch.orders.length <= 2 * FILLS_MAX;
        if (!few || !_rising(batch, hashes)) return MarketEvents.BadBatch.selector;
        uint256 fills = leavesIn[place].length;
        uint256 first = batch.number * FILLS_MAX;
        if (first >= fills || batch.fills.length != _least(fills - first, FILLS_MAX)) {
            return MarketEvents.BadBatch.selector;
        }
        uint256 prices = clearings[place].mechanism < PRICED ? 0 : batch.fills.length;
        if (batch.prices.length != prices) return MarketEvents.BadBatch.selector;
        for (uint256 i = 0; i < batch.fills.length; ++i) {
            bytes4 flaw = _flawOfFill(place, batch, i);
            if (flaw != ACCEPTED) return flaw;
        }
        bool is_ = pathsIn[place][batch.number] == keccak256(abi.encode(batch.path));
        for (uint256 i = 0; i < batch.fills.length && is_; ++i) {
            is_ = leafIn(batch, hashes, i) == leavesIn[place][first + i];
        }
        return is_ ? ACCEPTED : MarketEvents.BadBatch.selector;
    }

    /// Why a fill ends a batch before all of it is known.
    function _flawOfFill(
        uint256 place,
        FillBatch memory batch,
        uint256 i
    ) private view returns (bytes4) {
        (, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        if (buy >= batch.orders.length || sell >= batch.orders.length) return PANIC;
        // Of what is settled already, both accounts are shown.
        bytes32 trade = tradeOf(ids[place], batch.number * FILLS_MAX + i);
        bool hidden = batch.orders[buy].account == address(0);
        hidden = hidden || batch.orders[sell].account == address(0);
        hidden = hidden && traded[trade].quantity != 0;
        return hidden ? MarketEvents.BadBatch.selector : ACCEPTED;
    }

    function _rising(
        FillBatch memory batch,
        bytes32[] memory hashes
    ) private pure returns (bool) {
        for (uint256 i = 1; i < batch.orders.length; ++i) {
            (SignedOrder memory a, SignedOrder memory b) = (batch.orders[i - 1], batch.orders[i]);
            if (a.account > b.account) return false;
            if (a.account < b.account) continue;
            if (hashes[i - 1] >= hashes[i]) return false;
        }
        return true;
    }

    /// What must become of a fill of a batch of the clearing with this place.
    function expected(
        uint256 place,
        FillBatch memory batch,
        Looked[] memory looked,
        uint256 i
    ) internal view returns (Reason) {
        bytes32 trade = tradeOf(ids[place], batch.number * FILLS_MAX + i);
        if (traded[trade].quantity != 0) return Reason.AlreadySettled;
        (uint64 quantity, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        SignedOrder[2] memory both = [batch.orders[buy], batch.orders[sell]];
        if (both[0].account == address(0) || both[1].account == address(0)) return Reason.NotShown;
        if (both[0].side != 0 || both[1].side != 1) return Reason.WrongSide;
        if (both[0].account == both[1].account) return Reason.SameAccount;
        if (quantity == 0) return Reason.NoQuantity;
        Reason reason = _ofPrices(place, both, pricesIn(batch, i));
        if (reason == Reason.None) reason = _ofOrder(both[0], looked[buy]);
        if (reason == Reason.None) reason = _ofOrder(both[1], looked[sell]);
        if (reason != Reason.None) return reason;
        return _standing(place, batch, both, [looked[buy].hash, looked[sell].hash], i);
    }

    /// Why the prices of a fill are not what both orders allow.
    function _ofPrices(
        uint256 place,
        SignedOrder[2] memory both,
        PricePair prices
    ) private view returns (Reason) {
        Policy storage p = policies[policyOf[place]];
        (uint64 buyPrice, uint64 sellPrice) = NaiveTrades.read(prices);
        if (buyPrice < sellPrice) return Reason.BadPrices;
        if (both[0].limitPrice < allIn(p, buyPrice)) return Reason.BuyerLimit;
        int256 net = int256(uint256(sellPrice)) - int256(uint256(p.sellerFee));
        return net < int256(uint256(both[1].limitPrice)) ? Reason.SellerLimit : Reason.None;
    }

    /// Why no fill of an order holds.
    function _ofOrder(
        SignedOrder memory one,
        Looked memory looked
    ) private view returns (Reason) {
        bool buys = one.side == 0;
        if (one.expiry < block.timestamp) return Reason.Expired;
        if (looked.who == Signer.Nobody) {
            return buys ? Reason.BuyerSignature : Reason.SellerSignature;
        }
        if (looked.who == Signer.Delegate && !looked.mandated) {
            return buys ? Reason.BuyerMandate : Reason.SellerMandate;
        }
        if (one.minFill <= one.filled && one.filled <= one.quantity) return Reason.None;
        return buys ? Reason.BuyerQuantity : Reason.SellerQuantity;
    }

    function _standing(
        uint256 place,
        FillBatch memory batch,
        SignedOrder[2] memory both,
        bytes32[2] memory hashes,
        uint256 i
    ) private view returns (Reason) {
        (uint64 quantity, , ) = NaiveTrades.read(batch.fills[i]);
        if (_nonceGone(both[0], hashes[0])) return Reason.BuyerNonce;
        if (_nonceGone(both[1], hashes[1])) return Reason.SellerNonce;
        if (filled[hashes[0]] + quantity > both[0].filled) return Reason.BuyerQuantity;
        if (filled[hashes[1]] + quantity > both[1].filled) return Reason.SellerQuantity;
        Policy storage p = policies[policyOf[place]];
        (uint64 buyPrice, ) = NaiveTrades.read(pricesIn(batch, i));
        if (freeOf[both[0].account] < quantity * allIn(p, buyPrice)) return Reason.BuyerFunds;
        uint256 price = postedPrice(p, buyPrice, clearings[place].retailPrice);
        return freeOf[both[1].account] < quantity * price ? Reason.SellerFunds : Reason.None;
    }

    function _nonceGone(SignedOrder memory one, bytes32 hash) private view returns (bool) {
        if (cancelled[one.account][one.nonce]) return true;
        return filled[hash] == 0 && used[one.account][one.nonce];
    }

    /// Notes a trade that was settled.
    function note(
        uint256 place,
        FillBatch memory batch,
        Looked[] memory looked,
        uint256 i
    ) internal {
        bytes32 trade = tradeOf(ids[place], batch.number * FILLS_MAX + i);
        (uint64 quantity, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        Clearing storage c = clearings[place];
        Traded storage t = traded[trade];
        (t.buyer, t.seller) = (batch.orders[buy].account, batch.orders[sell].account);
        (t.clearing, t.policy) = (place, policyOf[place]);
        (t.slot, t.quantity) = (c.slot, quantity);
        (t.buyPrice, t.sellPrice) = NaiveTrades.read(pricesIn(batch, i));
        (t.retail, t.feedIn) = (c.retailPrice, c.feedInPrice);
        trades.push(trade);
        bool granted = looked[buy].who == Signer.Delegate;
        if (granted || looked[sell].who == Signer.Delegate) ++seen[0];
        if (t.buyPrice != t.sellPrice) ++seen[1];
        _fill(batch, looked, buy, quantity);
        _fill(batch, looked, sell, quantity);
        freeOf[t.buyer] -= escrowOf(t);
        freeOf[t.seller] -= collateralOf(t);
        escrowed += escrowOf(t);
        collateralised += collateralOf(t);
        touch(t.policy, dayOf(t.slot));
        for (uint8 side = 0; side < 2; ++side) {
            address of_ = side == 0 ? t.buyer : t.seller;
            touch(of_);
            bytes memory prices = abi.encodePacked(t.buyPrice, t.sellPrice, t.retail, t.feedIn);
            bytes memory what = abi.encodePacked(
                digestOf[of_][dayOf(t.slot)],
                bytes1(0x01),
                trade,
                side,
                abi.encodePacked(t.slot, t.quantity, prices, c.policy)
            );
            digestOf[of_][dayOf(t.slot)] = keccak256(what);
        }
    }

    function _fill(
        FillBatch memory batch,
        Looked[] memory looked,
        uint256 place,
        uint64 quantity
    ) private {
        SignedOrder memory one = batch.orders[place];
        bytes32 hash = looked[place].hash;
        isTrue(looked[place].who != Signer.Nobody, "no trade without a signature");
        if (looked[place].who == Signer.Delegate) {
            if (looked[place].before != 0) ++seen[9];
            uint32 day = dayOf(batch.terms.clearing.slot);
            bytes32 key = dayOfDelegate(one.account, one.delegate, day, one.side);
            ofDay[key] += quantity;
            Mandate storage m = mandateOf[one.account][one.delegate];
            isTrue(ofDay[key] <= m.quantityPerDay, "no more in a day than was granted");
            bool inSlot = filled[hash] + quantity <= m.quantityPerSlot;
            isTrue(inSlot, "no more in a slot than was granted");
        }
        filled[hash] += quantity;
        isTrue(filled[hash] <= one.filled, "no more than the clearing fills");
        isTrue(filled[hash] <= one.quantity, "no more than was ordered");
        used[one.account][one.nonce] = true;
    }

    /// Notes what was delivered of a trade.
    function note(bytes32 trade, uint8 run, uint64[3] memory wh) internal {
        Traded storage t = traded[trade];
        Shares memory last = shares(t);
        if (t.runs != 0) ++seen[7];
        if (t.runs == 0) {
            escrowed -= escrowOf(t);
            collateralised -= collateralOf(t);
        }
        t.runs = uint16(run) + 1;
        (t.delivered, t.sellerShort, t.buyerShort) = (wh[0], wh[1], wh[2]);
        Shares memory next = shares(t);
        if (next.balance != 0) ++seen[2];
        uint256 kept = next.buyer + t.delivered * allIn(policies[t.policy], t.buyPrice);
        if (kept > escrowOf(t)) ++seen[3];
        if (next.balance == 0 && kept < escrowOf(t)) ++seen[4];
        _relock(t, t.seller, next.seller, last.seller);
        _relock(t, t.buyer, next.buyer, last.buyer);
        _relock(t, policies[t.policy].networkAccount, next.network, last.network);
        _relock(t, policies[t.policy].platformAccount, next.platform, last.platform);
        _relock(t, policies[t.policy].differenceAccount, next.difference, last.difference);
        _relock(t, policies[t.policy].balanceAccount, next.balance, last.balance);
        touch(t.policy, dayOf(t.slot));
        for (uint8 side = 0; side < 2; ++side) {
            address of_ = side == 0 ? t.buyer : t.seller;
            touch(of_);
            bytes32 before = digestOf[of_][dayOf(t.slot)];
            digestOf[of_][dayOf(t.slot)] = keccak256(
                abi.encodePacked(before, bytes1(0x02), trade, run, wh[0], wh[1], wh[2])
            );
        }
    }

    function _relock(Traded storage t, address of_, uint256 next, uint256 last) private {
        if (next == last) return;
        touch(of_);
        (uint8 p, uint32 day) = (t.policy, dayOf(t.slot));
        bool known;
        for (uint256 i = 0; i < _relocked.length; ++i) known = known || _relocked[i] == of_;
        if (!known) {
            _relocked.push(of_);
            _lockedBefore[of_] = lockedOf[of_][p][day];
        }
        lockedOf[of_][p][day] = lockedOf[of_][p][day] + next - last;
    }

    /// Ends a call that noted trades of the same slot as this one: who has other cash of the day
    /// now waits for the end of this slot too. Of whom the call gave what it took, nothing of the
    /// slot is locked.
    function noted(bytes32 trade) internal {
        Traded storage t = traded[trade];
        (uint8 p, uint32 day) = (t.policy, dayOf(t.slot));
        for (uint256 i = 0; i < _relocked.length; ++i) {
            address of_ = _relocked[i];
            if (lockedOf[of_][p][day] == _lockedBefore[of_]) continue;
            if (untilOf(t) > lockedUntil[of_][p][day]) lockedUntil[of_][p][day] = untilOf(t);
        }
        delete _relocked;
    }
}
