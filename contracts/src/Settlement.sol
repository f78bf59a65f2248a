// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";
import {Batches} from "./Batches.sol";
import {Orders} from "./Orders.sol";
import {Fill, PricePair, Trade, Trades} from "./Trades.sol";
import {FillBatch, Reason} from "./Types.sol";

/// Fills become trades: what two accounts signed moves their cash to escrow and collateral.
///
/// A batch is settled by who shows all of it; of its trades one hash is kept. Cash and digest of
/// an account, and the signature of an order, are looked at once for all fills of a batch.
///
/// Arithmetic is unchecked where nothing can wrap: prices are less than 2^66 and what is filled of
/// an order is at most 2^56, so that a trade's cash is less than 2^122.
abstract contract Settlement is Orders {
    using SlotDerivation for bytes32;
    using StorageSlot for bytes32;

    /// What is kept of a batch that has trades: the hash of its {TradeBatch}, and a bit for each
    /// fill that is not settled, so that a batch of which all are needs no word for it.
    struct BatchState {
        bytes32 trades;
        uint64 skipped;
    }

    mapping(bytes32 clearing => mapping(uint256 batch => BatchState)) private _batches;
    /// What happened to an account in the slots of a UTC day: one hash over all its settlements
    /// and reconciliations.
    mapping(address account => mapping(uint32 day => bytes32)) public digest;

    /// Settles the fills of a batch that hold, skips the others with a reason.
    ///
    /// Anyone may send it, and again: what was skipped may hold later.
    function settle(FillBatch calldata batch) external whenNotPaused {
        Work memory work = _begin(batch);
        Fill[] calldata fills = batch.fills;
        uint256 count = fills.length;
        if (
            count == 0 ||
            count != Batches.sizeOf(work.terms.clearing, batch.number) ||
            !Batches.fit(work.terms.clearing, batch.prices.length, count)
        ) revert BadBatch();
        BatchState storage state = _batches[work.id][batch.number];
        uint256 all = (1 << count) - 1;
        uint256 skipped = state.trades == 0 ? all : state.skipped;
        uint256 before = all ^ skipped;
        uint256 settled = before;
        bytes32[] memory leaves = new bytes32[](count);
        Trade[] memory trades = new Trade[](count);
        PricePair[] memory pairs = new PricePair[](batch.prices.length);
        unchecked {
            uint256 first = uint256(batch.number) * Batches.FILLS_MAX;
            for (uint256 i = 0; i < count; ++i) {
                Fill fill = Trades.fillAt(fills, i);
                (Leg memory buy, Leg memory sell) = (work.leg, work.leg);
                (uint256 a, uint256 b) = (fill.buy(), fill.sell());
                if (a >= work.orders || b >= work.orders) Panic.panic(Panic.ARRAY_OUT_OF_BOUNDS);
                // In assembly, because the orders stand one after the other.
                assembly ("memory-safe") {
                    buy := add(buy, mul(a, LEG_BYTES))
                    sell := add(sell, mul(b, LEG_BYTES))
                }
                uint256 quantity = fill.quantity();
                if (work.priced) _setPrices(work, batch.prices[i].clean());
                Batches.put(
                    leaves,
                    i,
                    Batches.leaf(
                        buy.hash,
                        sell.hash,
                        quantity,
                        buy.filled,
                        sell.filled,
                        work.pair
                    )
                );
                bool again = (before >> i) & 1 == 1;
                if (_fill(work, buy, sell, quantity, first + i, again)) settled |= 1 << i;
                else if (!again) continue;
                Trades.put(
                    trades,
                    i,
                    Trades.settled(quantity, buy.party.place, sell.party.place)
                );
                if (work.priced) Batches.put(pairs, i, work.pair);
            }
        }
        // The batch is the clearing's, or nothing of this counts.
        if (!Batches.isOf(work.terms.clearing, batch.number, leaves, batch.path)) revert BadBatch();
        if (settled == before) return;
        _keepOrders(work);
        state.trades = _keepAccounts(work, trades, pairs);
        if (before != 0 || settled != all) state.skipped = uint64(all ^ settled);
    }

    /// What is kept of a batch that has trades: their hash, and a bit for each fill that is not
    /// settled.
    function batchState(
        bytes32 id,
        uint256 number
    ) public view returns (bytes32 trades, uint64 skipped) {
        BatchState storage state = _batches[id][number];
        return (state.trades, state.skipped);
    }

    /// The hash of the trades of a batch.
    function _keptBatch(bytes32 id, uint256 number) internal view returns (bytes32) {
        return _batches[id][number].trades;
    }

    /// Keeps the trades of a batch after a run.
    function _keepBatch(bytes32 id, uint256 number, bytes32 trades) internal {
        _batches[id][number].trades = trades;
    }

    /// Where an account's digest of a day is kept.
    function _digestSlot(
        address account,
        uint256 day
    ) internal view override returns (bytes32 slot) {
        mapping(uint32 day => bytes32) storage digests = digest[account];
        // In assembly, because a slot has no other name.
        assembly ("memory-safe") {
            slot := digests.slot
        }
        return slot.deriveMapping(day);
    }

    /// Settles a fill, or tells why not; answers whether it is settled now.
    function _fill(
        Work memory work,
        Leg memory buy,
        Leg memory sell,
        uint256 quantity,
        uint256 index,
        bool again
    ) private returns (bool) {
        bytes32 id = Batches.tradeId(work.id, index);
        Reason reason = again ? Reason.AlreadySettled : _check(work, buy, sell, quantity);
        if (reason == Reason.None) {
            if (!buy.begun) _beginOrder(buy);
            if (!sell.begun) _beginOrder(sell);
            _settle(work, buy, sell, quantity, id, index);
            return true;
        }
        emit FillSkipped(work.id, id, uint8(reason));
        if (!again) return false;
        if (buy.side == NOT_SHOWN || sell.side == NOT_SHOWN) revert BadBatch();
        (buy.party.kept, sell.party.kept) = (true, true);
        return false;
    }

    /// The first reason why a fill does not hold, in the order of {Reason}.
    function _check(
        Work memory work,
        Leg memory buy,
        Leg memory sell,
        uint256 quantity
    ) private view returns (Reason) {
        unchecked {
            if (buy.side != BUY || sell.side != SELL) {
                if (buy.side == NOT_SHOWN || sell.side == NOT_SHOWN) return Reason.NotShown;
                return Reason.WrongSide;
            }
            if (buy.party.place == sell.party.place) return Reason.SameAccount;
            if (quantity == 0) return Reason.NoQuantity;
            if (work.sellPrice > work.buyPrice) return Reason.BadPrices;
            if (work.allIn > buy.limit) return Reason.BuyerLimit;
            if (work.sellPrice < sell.limit) return Reason.SellerLimit;
            if (buy.reason | sell.reason != 0)
                return Reason(buy.reason != 0 ? buy.reason : sell.reason);
            if (!buy.begun && !_nonceAllows(buy)) return Reason.BuyerNonce;
            if (!sell.begun && !_nonceAllows(sell)) return Reason.SellerNonce;
            if (quantity > buy.left) return Reason.BuyerQuantity;
            if (quantity > sell.left) return Reason.SellerQuantity;
            if (buy.party.cash < quantity * work.allIn) return Reason.BuyerFunds;
            if (sell.party.cash < quantity * work.collateral) return Reason.SellerFunds;
            return Reason.None;
        }
    }

    /// Whether an order may be begun. Where its nonce is used it may be filled further if a batch
    /// left some of it, unless its nonce was cancelled.
    function _nonceAllows(Leg memory leg) private view returns (bool) {
        (Party memory party, bytes32 slot) = (leg.party, leg.noncesSlot);
        uint256 nonces = party.wordSlot == slot ? party.word : slot.getUint256Slot().value;
        if (!_usedIn(nonces, leg.nonce)) return true;
        uint256 before = orderFilled[leg.hash];
        if (before == 0 || before > leg.filled || _cancelledIn(nonces, leg.nonce)) return false;
        unchecked {
            (leg.before, leg.left) = (before, leg.filled - before);
        }
        return true;
    }

    /// Begins an order. Its nonce is used at once: another order of the batch may have the same.
    function _beginOrder(Leg memory leg) private {
        leg.begun = true;
        if (leg.before != 0) return;
        (Party memory party, bytes32 slot) = (leg.party, leg.noncesSlot);
        uint256 used = 1 << leg.nonce;
        if (party.wordSlot == slot) party.word |= used;
        else slot.getUint256Slot().value |= used;
    }

    function _settle(
        Work memory work,
        Leg memory buy,
        Leg memory sell,
        uint256 quantity,
        bytes32 id,
        uint256 index
    ) private {
        unchecked {
            (Party memory buyer, Party memory seller) = (buy.party, sell.party);
            (buyer.moved, seller.moved) = (true, true);
            (buy.left, sell.left) = (buy.left - quantity, sell.left - quantity);
            uint256 escrow = quantity * work.allIn;
            uint256 collateral = quantity * work.collateral;
            buyer.cash -= escrow;
            seller.cash -= collateral;
            _digestSettled(work, buyer, seller, id, quantity);
            if (work.priced) emit TradePriced(id, uint64(work.buyPrice), uint64(work.sellPrice));
            (uint256 log, bytes32 topic) = (work.log, TradeCreated.selector);
            (bytes32 buyOrder, bytes32 sellOrder) = (buy.hash, sell.hash);
            (address from, address to) = (buyer.account, seller.account);
            // In assembly, because the first word is there already.
            assembly ("memory-safe") {
                mstore(add(log, 0x20), index)
                mstore(add(log, 0x40), buyOrder)
                mstore(add(log, 0x60), sellOrder)
                mstore(add(log, 0x80), quantity)
                mstore(add(log, 0xa0), escrow)
                mstore(add(log, 0xc0), collateral)
                log4(log, 0xe0, topic, id, from, to)
            }
        }
    }

    function _digestSettled(
        Work memory work,
        Party memory buyer,
        Party memory seller,
        bytes32 id,
        uint256 quantity
    ) private pure {
        (bytes32 bought, bytes32 sold) = (buyer.digest, seller.digest);
        (uint256 entry, uint256 numbers) = (work.entry, work.numbers | (quantity << 128));
        numbers |= PricePair.unwrap(work.pair);
        // In assembly, because most of both entries is the same.
        assembly ("memory-safe") {
            mstore(entry, bought)
            mstore(add(entry, 0x21), id)
            mstore8(add(entry, 0x41), BUY)
            mstore(add(entry, 0x42), numbers)
            bought := keccak256(entry, 146)
            mstore(entry, sold)
            mstore8(add(entry, 0x41), SELL)
            sold := keccak256(entry, 146)
        }
        (buyer.digest, seller.digest) = (bought, sold);
    }

    /// Keeps what was filled of the orders that go on in other batches, and of those of delegates.
    function _keepOrders(Work memory work) private {
        unchecked {
            Leg memory leg = work.leg;
            for (uint256 i = 0; i < work.orders; ++i) {
                if (leg.begun) _keepOrder(leg, work.day);
                // The next order.
                assembly ("memory-safe") {
                    leg := add(leg, LEG_BYTES)
                }
            }
        }
    }

    function _keepOrder(Leg memory leg, uint256 day) private {
        unchecked {
            uint256 now_ = leg.filled - leg.left;
            // What was settled and not what the clearing says: of another batch it may say more.
            if (leg.delegate != address(0)) {
                mandates.spend(leg.party.account, leg.delegate, day, leg.side, now_ - leg.before);
            }
            if (leg.before | leg.left != 0) orderFilled[leg.hash] = uint64(now_);
        }
    }

    /// Keeps cash and digests of the accounts with trades; answers the hash of the trades.
    function _keepAccounts(
        Work memory work,
        Trade[] memory trades,
        PricePair[] memory pairs
    ) private returns (bytes32) {
        unchecked {
            uint256 count = 0;
            address[] memory accounts = new address[](work.accounts);
            Party memory party = work.party;
            for (uint256 i = 0; i < accounts.length; ++i) {
                // The next account.
                assembly ("memory-safe") {
                    party := add(party, PARTY_BYTES)
                }
                if (party.moved) {
                    party.cashSlot.getUint256Slot().value = party.cash;
                    party.digestSlot.getBytes32Slot().value = party.digest;
                    party.wordSlot.getUint256Slot().value = party.word;
                } else if (!party.kept) {
                    continue;
                }
                party.place = count;
                accounts[count++] = party.account;
            }
            if (count != accounts.length) {
                _renumber(work.party, trades);
                // Shortens the list.
                assembly ("memory-safe") {
                    mstore(accounts, count)
                }
            }
            return Batches.hash(accounts, trades, pairs);
        }
    }

    /// Puts the places of the accounts that have trades into the trades.
    function _renumber(Party memory none, Trade[] memory trades) private pure {
        unchecked {
            for (uint256 i = 0; i < trades.length; ++i) {
                Trade trade = trades[i];
                if (trade.isNone()) continue;
                (Party memory buyer, Party memory seller) = (none, none);
                (uint256 a, uint256 b) = (trade.buyer() + 1, trade.seller() + 1);
                // In assembly, because the accounts stand one after the other.
                assembly ("memory-safe") {
                    buyer := add(buyer, mul(a, PARTY_BYTES))
                    seller := add(seller, mul(b, PARTY_BYTES))
                }
                Trades.put(
                    trades,
                    i,
                    Trades.settled(trade.quantity(), buyer.place, seller.place)
                );
            }
        }
    }
}
