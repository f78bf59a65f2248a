// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {Clearing, FillBatch, Policy, Reason, SignedOrder, Terms} from "../../src/Types.sol";
import {Auction} from "./Auction.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {NaiveTree} from "./NaiveTree.sol";

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
        uint64 price;
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
    mapping(address account => mapping(address delegate => uint64)) internal delegateUntil;
    mapping(address account => mapping(address delegate => uint64)) internal delegateMost;
    /// By hash of (signer, what was signed, signature).
    mapping(bytes32 => bool) internal honest;
    mapping(bytes32 order => uint256) internal filled;
    mapping(bytes32 trade => Traded) internal traded;
    bytes32[] internal trades;

    uint256 internal held;
    uint256 internal escrowed;
    uint256 internal collateralised;
    bool internal stopped;

    function dayOf(uint256 time) internal pure returns (uint32) {
        return uint32(time / 1 days);
    }

    function allIn(Policy storage p, uint256 price) internal view returns (uint256) {
        return price + p.networkFee + p.buyerFee;
    }

    function escrowOf(Traded storage t) internal view returns (uint256) {
        return t.quantity * allIn(policies[t.policy], t.price);
    }

    function collateralOf(Traded storage t) internal view returns (uint256) {
        uint256 price = allIn(policies[t.policy], t.price);
        return t.retail > price ? t.quantity * (t.retail - price) : 0;
    }

    function endOf(Traded storage t) internal view returns (uint256) {
        return uint256(t.slot) + policies[t.policy].slotSeconds;
    }

    function untilOf(Traded storage t) internal view returns (uint256) {
        Policy storage p = policies[t.policy];
        return endOf(t) + p.correctionSeconds + p.challengeSeconds;
    }

    function termsAt(uint256 place) internal view returns (Terms memory) {
        return Terms(clearings[place], policies[policyOf[place]]);
    }

    /// Whether somebody who may sign this order did. A key's signature has 64 bytes, others are a
    /// contract's to judge: of a delegate in force that is one, or else of the account.
    function agreed(FillBatch memory batch, uint256 place) internal view returns (bool) {
        SignedOrder memory one = batch.orders[place];
        bytes32 hash = hashIn(batch.terms, one);
        (address by, address of_) = (one.delegate, one.account);
        bool granted = by != address(0) &&
            block.timestamp < delegateUntil[of_][by] &&
            one.quantity <= delegateMost[of_][by];
        if (one.vs != 0) {
            bytes memory compact = abi.encodePacked(one.r, one.vs);
            if (honest[keccak256(abi.encode(of_, hash, compact))]) return true;
            return granted && honest[keccak256(abi.encode(by, hash, compact))];
        }
        if (uint256(one.r) >= batch.signatures.length) return false;
        address asked = granted && by.code.length != 0 ? by : of_;
        bytes memory signature = batch.signatures[uint256(one.r)];
        return asked.code.length != 0 && honest[keccak256(abi.encode(asked, hash, signature))];
    }

    /// Why a whole batch must be refused of the clearing with this place.
    function flawOf(uint256 place, FillBatch memory batch) internal view returns (bytes4) {
        if (idOf(batch.terms) != ids[place]) return MarketEvents.UnknownClearing.selector;
        if (block.timestamp >= clearings[place].slot + SLOT_SECONDS) {
            return MarketEvents.SlotOver.selector;
        }
        bool few = batch.orders.length <= 2 * FILLS_MAX;
        if (!few || !_rising(batch)) return MarketEvents.BadBatch.selector;
        uint256 fills = leavesIn[place].length;
        uint256 first = batch.number * FILLS_MAX;
        if (first >= fills || batch.fills.length != _least(fills - first, FILLS_MAX)) {
            return MarketEvents.BadBatch.selector;
        }
        bool is_ = pathsIn[place][batch.number] == keccak256(abi.encode(batch.path));
        for (uint256 i = 0; i < batch.fills.length; ++i) {
            (, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
            if (buy >= batch.orders.length || sell >= batch.orders.length) return PANIC;
            is_ = is_ && _isLeaf(place, batch, i);
            // Of what is settled already, both accounts are shown.
            if (traded[tradeOf(ids[place], first + i)].quantity == 0) continue;
            bool hidden = batch.orders[buy].account == address(0);
            hidden = hidden || batch.orders[sell].account == address(0);
            if (hidden) return MarketEvents.BadBatch.selector;
        }
        return is_ ? ACCEPTED : MarketEvents.BadBatch.selector;
    }

    function _isLeaf(
        uint256 place,
        FillBatch memory batch,
        uint256 i
    ) private view returns (bool) {
        (uint64 wh, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        bytes memory who = abi.encodePacked(
            hashIn(batch.terms, batch.orders[buy]),
            hashIn(batch.terms, batch.orders[sell])
        );
        (uint64 a, uint64 b) = (batch.orders[buy].filled, batch.orders[sell].filled);
        bytes32 leaf = NaiveTree.leaf(abi.encodePacked(who, wh, a, b));
        return leaf == leavesIn[place][batch.number * FILLS_MAX + i];
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
        for (uint256 side = 0; side < 2; ++side) {
            Reason reason = _ofOrder(place, batch, side == 0 ? buy : sell);
            if (reason != Reason.None) return reason;
        }
        return _standing(place, batch, both, quantity);
    }

    /// Why no fill of an order holds.
    function _ofOrder(
        uint256 place,
        FillBatch memory batch,
        uint256 which
    ) private view returns (Reason) {
        SignedOrder memory one = batch.orders[which];
        Clearing storage c = clearings[place];
        Policy storage p = policies[policyOf[place]];
        bool buys = one.side == 0;
        if (one.expiry < block.timestamp) return Reason.Expired;
        if (buys && one.limitPrice < allIn(p, c.price)) return Reason.BuyerLimit;
        int256 net = int256(uint256(c.price)) - int256(uint256(p.sellerFee));
        if (!buys && net < int256(uint256(one.limitPrice))) return Reason.SellerLimit;
        if (!agreed(batch, which)) return buys ? Reason.BuyerSignature : Reason.SellerSignature;
        if (one.minFill <= one.filled && one.filled <= one.quantity) return Reason.None;
        return buys ? Reason.BuyerQuantity : Reason.SellerQuantity;
    }

    function _standing(
        uint256 place,
        FillBatch memory batch,
        SignedOrder[2] memory both,
        uint64 quantity
    ) private view returns (Reason) {
        bytes32[2] memory hashes = [hashIn(batch.terms, both[0]), hashIn(batch.terms, both[1])];
        if (_nonceGone(both[0], hashes[0])) return Reason.BuyerNonce;
        if (_nonceGone(both[1], hashes[1])) return Reason.SellerNonce;
        if (filled[hashes[0]] + quantity > both[0].filled) return Reason.BuyerQuantity;
        if (filled[hashes[1]] + quantity > both[1].filled) return Reason.SellerQuantity;
        Clearing storage c = clearings[place];
        uint256 price = allIn(policies[policyOf[place]], c.price);
        if (freeOf[both[0].account] < quantity * price) return Reason.BuyerFunds;
        price = c.retailPrice > price ? c.retailPrice - price : 0;
        return freeOf[both[1].account] < quantity * price ? Reason.SellerFunds : Reason.None;
    }

    function _nonceGone(SignedOrder memory one, bytes32 hash) private view returns (bool) {
        if (cancelled[one.account][one.nonce]) return true;
        return filled[hash] == 0 && used[one.account][one.nonce];
    }

    /// Notes a trade that was settled.
    function note(uint256 place, FillBatch memory batch, uint256 i) internal {
        bytes32 trade = tradeOf(ids[place], batch.number * FILLS_MAX + i);
        (uint64 quantity, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        Clearing storage c = clearings[place];
        Traded storage t = traded[trade];
        (t.buyer, t.seller) = (batch.orders[buy].account, batch.orders[sell].account);
        (t.clearing, t.policy) = (place, policyOf[place]);
        (t.slot, t.quantity, t.price) = (c.slot, quantity, c.price);
        (t.retail, t.feedIn) = (c.retailPrice, c.feedInPrice);
        trades.push(trade);
        _fill(batch, buy, quantity);
        _fill(batch, sell, quantity);
        freeOf[t.buyer] -= escrowOf(t);
        freeOf[t.seller] -= collateralOf(t);
        escrowed += escrowOf(t);
        collateralised += collateralOf(t);
        for (uint8 side = 0; side < 2; ++side) {
            address of_ = side == 0 ? t.buyer : t.seller;
            bytes memory what = abi.encodePacked(
                digestOf[of_][dayOf(t.slot)],
                bytes1(0x01),
                trade,
                side,
                abi.encodePacked(t.slot, t.quantity, t.price, t.retail, t.feedIn, c.policy)
            );
            digestOf[of_][dayOf(t.slot)] = keccak256(what);
        }
    }

    function _fill(FillBatch memory batch, uint256 place, uint64 quantity) private {
        SignedOrder memory one = batch.orders[place];
        bytes32 hash = hashIn(batch.terms, one);
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
        s.seller = q * (t.price - p.sellerFee) + collateralOf(t);
        s.buyer = escrowOf(t) - q * allIn(p, t.price);
        if (p.imbalance == 0) return s;
        uint256 share = (uint256(t.quantity) * p.toleranceBps) / 10_000;
        uint256 tolerance = share > p.toleranceWh ? share : p.toleranceWh;
        uint256 price = allIn(p, t.price);
        if (t.sellerShort > tolerance && t.retail > price) {
            uint256 part = t.sellerShort * (t.retail - price);
            (s.buyer, s.seller) = (s.buyer + part, s.seller - part);
        }
        if (t.buyerShort > tolerance && t.price > t.feedIn) {
            uint256 part = uint256(t.buyerShort) * (t.price - t.feedIn);
            (s.seller, s.buyer) = (s.seller + part, s.buyer - part);
        }
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
        _relock(t, t.seller, next.seller, last.seller);
        _relock(t, t.buyer, next.buyer, last.buyer);
        _relock(t, policies[t.policy].networkAccount, next.network, last.network);
        _relock(t, policies[t.policy].platformAccount, next.platform, last.platform);
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
