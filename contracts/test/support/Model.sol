// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Fill, Order, Policy, Reason} from "../../src/Types.sol";
import {World} from "./World.sol";

/// The market once more, as plain books without proofs, hashes of state or packing.
///
/// It knows who honestly signed what, because it was there. What the contract does is compared
/// with what this would do, call by call.
abstract contract Model is World {
    struct Traded {
        address buyer;
        address seller;
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
    mapping(uint256 clearing => bytes32[]) internal leavesOf;
    mapping(uint256 clearing => bytes32[]) internal pathsOf;

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

    /// Whether somebody who may sign this order did.
    function agreed(
        Order memory terms,
        bytes32 hash,
        bytes memory signature
    ) internal view returns (bool) {
        if (honest[keccak256(abi.encode(terms.account, hash, signature))]) return true;
        address by = terms.delegate;
        return
            by != address(0) &&
            block.timestamp < delegateUntil[terms.account][by] &&
            terms.quantity <= delegateMost[terms.account][by] &&
            honest[keccak256(abi.encode(by, hash, signature))];
    }

    /// What must become of a fill of the clearing with this place.
    function expected(uint256 place, bytes32 id, Fill memory fill) internal view returns (Reason) {
        bytes32[2] memory hashes = [hashOf(fill.buy), hashOf(fill.sell)];
        if (traded[keccak256(abi.encodePacked(id, hashes))].quantity != 0) {
            return Reason.AlreadySettled;
        }
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0), hashes, fill.quantity));
        bytes32[] storage leaves = leavesOf[place];
        if (
            fill.index >= leaves.length ||
            leaves[fill.index] != leaf ||
            pathsOf[place][fill.index] != keccak256(abi.encode(fill.path))
        ) return Reason.NotIncluded;
        Reason reason = _terms(place, fill);
        return reason == Reason.None ? _standing(place, fill, hashes) : reason;
    }

    function _terms(uint256 place, Fill memory fill) private view returns (Reason) {
        (Order memory buy, Order memory sell) = (fill.buy, fill.sell);
        Clearing storage c = clearings[place];
        Policy storage p = policies[policyOf[place]];
        if (buy.side != 0 || sell.side != 1) return Reason.WrongSide;
        if (buy.slot != c.slot || sell.slot != c.slot) return Reason.WrongSlot;
        if (buy.policy != c.policy || sell.policy != c.policy) return Reason.WrongPolicy;
        if (
            keccak256(abi.encode(buy.zone, buy.community, sell.zone, sell.community)) !=
            keccak256(abi.encode(p.zone, p.community, p.zone, p.community))
        ) return Reason.WrongZone;
        if (buy.expiry < block.timestamp || sell.expiry < block.timestamp) return Reason.Expired;
        if (buy.account == sell.account) return Reason.SameAccount;
        if (buy.limitPrice < allIn(p, c.price)) return Reason.BuyerLimit;
        if (int256(uint256(c.price)) - int256(uint256(p.sellerFee)) <
            int256(uint256(sell.limitPrice))) return Reason.SellerLimit;
        return Reason.None;
    }

    function _standing(
        uint256 place,
        Fill memory fill,
        bytes32[2] memory hashes
    ) private view returns (Reason) {
        (Order memory buy, Order memory sell) = (fill.buy, fill.sell);
        if (fill.quantity == 0) return Reason.NoQuantity;
        if (filled[hashes[0]] + fill.quantity > buy.quantity) return Reason.BuyerQuantity;
        if (filled[hashes[1]] + fill.quantity > sell.quantity) return Reason.SellerQuantity;
        if (_nonceGone(buy, hashes[0])) return Reason.BuyerNonce;
        if (_nonceGone(sell, hashes[1])) return Reason.SellerNonce;
        if (!agreed(buy, hashes[0], fill.buySignature)) return Reason.BuyerSignature;
        if (!agreed(sell, hashes[1], fill.sellSignature)) return Reason.SellerSignature;
        Clearing storage c = clearings[place];
        uint256 price = allIn(policies[policyOf[place]], c.price);
        if (freeOf[buy.account] < fill.quantity * price) return Reason.BuyerFunds;
        price = c.retailPrice > price ? c.retailPrice - price : 0;
        return freeOf[sell.account] < fill.quantity * price ? Reason.SellerFunds : Reason.None;
    }

    function _nonceGone(Order memory terms, bytes32 hash) private view returns (bool) {
        if (cancelled[terms.account][terms.nonce]) return true;
        return filled[hash] == 0 && used[terms.account][terms.nonce];
    }

    /// Notes a trade that was settled.
    function note(uint256 place, bytes32 id, Fill memory fill) internal {
        bytes32[2] memory hashes = [hashOf(fill.buy), hashOf(fill.sell)];
        bytes32 trade = keccak256(abi.encodePacked(id, hashes));
        Clearing storage c = clearings[place];
        Traded storage t = traded[trade];
        (t.buyer, t.seller, t.policy) = (fill.buy.account, fill.sell.account, policyOf[place]);
        (t.slot, t.quantity, t.price) = (c.slot, fill.quantity, c.price);
        (t.retail, t.feedIn) = (c.retailPrice, c.feedInPrice);
        trades.push(trade);
        filled[hashes[0]] += fill.quantity;
        filled[hashes[1]] += fill.quantity;
        isTrue(filled[hashes[0]] <= fill.buy.quantity, "no more than was bid for");
        isTrue(filled[hashes[1]] <= fill.sell.quantity, "no more than was offered");
        used[t.buyer][fill.buy.nonce] = true;
        used[t.seller][fill.sell.nonce] = true;
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
