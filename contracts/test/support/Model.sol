// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {PricePair} from "../../src/Trades.sol";
import {
    Clearing, FillBatch, Mandate, Order, Policy, Reason, SignedOrder, Terms
} from "../../src/Types.sol";
import {Auction} from "./Auction.sol";
import {NaiveTrades} from "./NaiveTrades.sol";

/// The market once more, as plain books without hashes of state or packing.
///
/// It knows who honestly signed what, because it was there. What the contract does is compared
/// with what this would do, call by call.
abstract contract Model is Auction {
    bytes4 internal constant ACCEPTED = 0;
    bytes4 internal constant PANIC = 0x4e487b71;

    struct Traded {
        address buyer;
        address seller;
        uint256 clearing;
        uint8 policy;
        uint64 slot;
        uint64 quantity;
        uint64 buyPrice;
        uint64 sellPrice;
        uint64 retail;
        uint64 feedIn;
        uint16 runs;
        uint64 delivered;
        uint64 sellerShort;
        uint64 buyerShort;
    }

    /// Who gets what of a trade, in the words of ARCHITECTURE.md section 5.
    struct Shares {
        uint256 buyer;
        uint256 seller;
        uint256 network;
        uint256 platform;
        uint256 difference;
        uint256 balance;
    }

    /// Who signed an order of a batch, and whether it is inside what its delegate may sign, as both
    /// were before the batch.
    struct Looked {
        Signer who;
        bool mandated;
    }

    enum Signer {
        Nobody,
        Account,
        Delegate
    }

    Policy[] internal policies;
    bytes32[] internal policyIds;
    Clearing[] internal clearings;
    uint8[] internal policyOf;
    bytes32[] internal ids;
    /// The leaves of a clearing, and by its batches the hash of their paths.
    mapping(uint256 clearing => bytes32[]) internal leavesIn;
    mapping(uint256 clearing => bytes32[]) internal pathsIn;

    mapping(address account => uint256) internal freeOf;
    mapping(address account => uint256) internal leavingOf;
    mapping(address account => uint256) internal leavesAt;
    mapping(address account => mapping(uint8 policy => mapping(uint32 day => uint256)))
        internal lockedOf;
    mapping(address account => mapping(uint8 policy => mapping(uint32 day => uint256)))
        internal lockedUntil;
    mapping(address account => mapping(uint32 day => bytes32)) internal digestOf;
    mapping(address account => mapping(uint256 nonce => bool)) internal used;
    mapping(address account => mapping(uint256 nonce => bool)) internal cancelled;
    mapping(address account => mapping(address delegate => Mandate)) internal mandateOf;
    /// By account, delegate, day and side.
    mapping(bytes32 => uint256) internal ofDay;
    /// By hash of (signer, what was signed, signature).
    mapping(bytes32 => bool) internal honest;
    mapping(bytes32 order => uint256) internal filled;
    mapping(bytes32 trade => Traded) internal traded;
    bytes32[] internal trades;

    uint256 internal held;
    uint256 internal escrowed;
    uint256 internal collateralised;
    bool internal stopped;
    /// How many trades an order of a delegate is in, how many left a difference, and how many runs
    /// made somebody pay an imbalance price, a seller make its buyer whole, or a buyer its seller.
    uint256[5] public seen;

    function dayOf(uint256 time) internal pure returns (uint32) {
        return uint32(time / 1 days);
    }

    function dayOfDelegate(
        address of_,
        address by,
        uint32 day,
        uint8 side
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(of_, by, day, side));
    }

    function allIn(Policy storage p, uint256 price) internal view returns (uint256) {
        return price + p.networkFee + p.buyerFee;
    }

    /// What a seller may owe of a Wh that it does not deliver.
    function postedPrice(
        Policy storage p,
        uint256 buyPrice,
        uint256 retail
    ) internal view returns (uint256) {
        if (p.sellerShort == 0) return 0;
        if (p.sellerShort == 2) return p.imbalancePrice;
        uint256 price = allIn(p, buyPrice);
        return retail > price ? retail - price : 0;
    }

    function escrowOf(Traded storage t) internal view returns (uint256) {
        return t.quantity * allIn(policies[t.policy], t.buyPrice);
    }

    function collateralOf(Traded storage t) internal view returns (uint256) {
        return t.quantity * postedPrice(policies[t.policy], t.buyPrice, t.retail);
    }

    function endOf(Traded storage t) internal view returns (uint256) {
        return uint256(t.slot) + policies[t.policy].slotSeconds;
    }

    /// When nothing more of a clearing is settled.
    function settledUntil(uint256 place) internal view returns (uint256) {
        Policy storage p = policies[policyOf[place]];
        return uint256(clearings[place].slot) + p.slotSeconds + p.settleSeconds;
    }

    function untilOf(Traded storage t) internal view returns (uint256) {
        Policy storage p = policies[t.policy];
        return endOf(t) + p.correctionSeconds + p.challengeSeconds;
    }

    function termsAt(uint256 place) internal view returns (Terms memory) {
        return Terms(clearings[place], policies[policyOf[place]]);
    }

    /// Looks at all orders of a batch before any of its fills is settled.
    function lookAt(FillBatch memory batch) internal view returns (Looked[] memory all) {
        all = new Looked[](batch.orders.length);
        for (uint256 i = 0; i < all.length; ++i) {
            if (batch.orders[i].account == address(0)) continue;
            all[i].mandated = _mandated(batch, batch.orders[i]);
            all[i].who = _signer(batch, batch.orders[i], all[i].mandated);
        }
    }

    /// Who of those who may sign this order did. A key's signature has 64 bytes, others are a
    /// contract's to judge: of a delegate that is one and may sign this, or else of the account.
    function _signer(
        FillBatch memory batch,
        SignedOrder memory one,
        bool mandated
    ) private view returns (Signer) {
        bytes32 hash = hashIn(batch.terms, one);
        (address by, address of_) = (one.delegate, one.account);
        if (one.vs != 0) {
            bytes memory compact = abi.encodePacked(one.r, one.vs);
            if (honest[keccak256(abi.encode(of_, hash, compact))]) return Signer.Account;
            bool other = honest[keccak256(abi.encode(by, hash, compact))];
            return other ? Signer.Delegate : Signer.Nobody;
        }
        if (uint256(one.r) >= batch.signatures.length) return Signer.Nobody;
        bool asked = mandated && by.code.length != 0;
        bytes memory signature = batch.signatures[uint256(one.r)];
        hash = keccak256(abi.encode(asked ? by : of_, hash, signature));
        if (!honest[hash] || (asked ? by : of_).code.length == 0) return Signer.Nobody;
        return asked ? Signer.Delegate : Signer.Account;
    }

    /// Whether an order is inside every limit of what its account lets its delegate sign.
    function _mandated(
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
        if (one.nonce != only.nonce) return false;
        uint32 day = dayOf(only.slot);
        uint256 sum = ofDay[dayOfDelegate(one.account, one.delegate, day, one.side)];
        // What was filled of it before is in the sum.
        uint256 before = filled[hashIn(batch.terms, one)];
        if (one.filled > before) sum += one.filled - before;
        return sum <= m.quantityPerDay;
    }

    /// Why a whole batch must be refused of the clearing with this place.
    function flawOf(uint256 place, FillBatch memory batch) internal view returns (bytes4) {
        if (idOf(batch.terms) != ids[place]) return MarketEvents.UnknownClearing.selector;
        if (block.timestamp >= settledUntil(place)) return MarketEvents.SlotOver.selector;
        bool few = batch.orders.length <= 2 * FILLS_MAX;
        if (!few || !_rising(batch)) return MarketEvents.BadBatch.selector;
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
            is_ = leafIn(batch, i) == leavesIn[place][first + i];
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

    function _rising(FillBatch memory batch) private view returns (bool) {
        for (uint256 i = 1; i < batch.orders.length; ++i) {
            (SignedOrder memory a, SignedOrder memory b) = (batch.orders[i - 1], batch.orders[i]);
            if (a.account > b.account) return false;
            if (a.account < b.account) continue;
            if (hashIn(batch.terms, a) >= hashIn(batch.terms, b)) return false;
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
        return _standing(place, batch, both, i);
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
        uint256 i
    ) private view returns (Reason) {
        (uint64 quantity, , ) = NaiveTrades.read(batch.fills[i]);
        bytes32[2] memory hashes = [hashIn(batch.terms, both[0]), hashIn(batch.terms, both[1])];
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
        for (uint8 side = 0; side < 2; ++side) {
            address of_ = side == 0 ? t.buyer : t.seller;
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
        bytes32 hash = hashIn(batch.terms, one);
        isTrue(looked[place].who != Signer.Nobody, "no trade without a signature");
        if (looked[place].who == Signer.Delegate) {
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

    function shares(Traded storage t) internal view returns (Shares memory s) {
        if (t.runs == 0) return s;
        Policy storage p = policies[t.policy];
        uint256 q = t.delivered;
        s.network = q * p.networkFee;
        s.platform = q * (p.buyerFee + p.sellerFee);
        s.difference = q * (t.buyPrice - t.sellPrice);
        s.seller = q * (t.sellPrice - p.sellerFee) + collateralOf(t);
        s.buyer = escrowOf(t) - q * allIn(p, t.buyPrice);
        uint256 share = (uint256(t.quantity) * p.toleranceBps) / 10_000;
        uint256 tolerance = share > p.toleranceWh ? share : p.toleranceWh;
        if (t.sellerShort > tolerance) {
            // All that was posted for it goes to who is owed it.
            uint256 owed = t.sellerShort * postedPrice(p, t.buyPrice, t.retail);
            s.seller -= owed;
            if (p.sellerShort == 2) s.balance += owed;
            else s.buyer += owed;
        }
        if (t.buyerShort > tolerance) {
            uint256 owed = t.buyerShort * _untakenPrice(t, p);
            s.buyer -= owed;
            if (p.buyerShort == 2) s.balance += owed;
            else s.seller += owed;
        }
    }

    /// What a buyer owes of a Wh that it does not take.
    function _untakenPrice(Traded storage t, Policy storage p) private view returns (uint256) {
        if (p.buyerShort == 0) return 0;
        if (p.buyerShort == 1) return t.sellPrice > t.feedIn ? t.sellPrice - t.feedIn : 0;
        if (p.buyerShort == 3) return t.sellPrice - p.sellerFee;
        uint256 most = allIn(p, t.buyPrice);
        return p.imbalancePrice < most ? p.imbalancePrice : most;
    }

    /// Notes what was delivered of a trade.
    function note(bytes32 trade, uint8 run, uint64[3] memory wh) internal {
        Traded storage t = traded[trade];
        Shares memory last = shares(t);
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
        for (uint8 side = 0; side < 2; ++side) {
            address of_ = side == 0 ? t.buyer : t.seller;
            bytes32 before = digestOf[of_][dayOf(t.slot)];
            digestOf[of_][dayOf(t.slot)] = keccak256(
                abi.encodePacked(before, bytes1(0x02), trade, run, wh[0], wh[1], wh[2])
            );
        }
    }

    function _relock(Traded storage t, address of_, uint256 next, uint256 last) private {
        if (next == last) return;
        (uint8 p, uint32 day) = (t.policy, dayOf(t.slot));
        lockedOf[of_][p][day] = lockedOf[of_][p][day] + next - last;
        if (untilOf(t) > lockedUntil[of_][p][day]) lockedUntil[of_][p][day] = untilOf(t);
    }
}
