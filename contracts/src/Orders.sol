// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";
import {Batches} from "./Batches.sol";
import {Clearings} from "./Clearings.sol";
import {Outcomes} from "./Outcomes.sol";
import {Signatures} from "./Signatures.sol";
import {PricePair, Trades} from "./Trades.sol";
import {TradingMandate} from "./TradingMandate.sol";
import {Clearing, FillBatch, Order, Reason, SignedOrder, Terms} from "./Types.sol";

/// The orders of a batch and their accounts, each looked at once for all fills of the batch.
///
/// They stand one after the other in memory and are reached by their places. Whether the batch is
/// the clearing's is not known here: nothing is kept.
abstract contract Orders is Clearings {
    using SlotDerivation for bytes32;
    using StorageSlot for bytes32;

    uint8 internal constant BUY = 0;
    uint8 internal constant SELL = 1;

    /// An account of a batch while it is settled: its place among the accounts, cash and digest as
    /// they will be, and where they and its nonces are kept. `word` is the word of nonces that its
    /// first order is in, as it will be: most often the only one of the batch. `kept` and `moved`
    /// tell whether it has trades that were settled before, and now.
    struct Party {
        address account;
        uint256 place;
        uint256 cash;
        bytes32 digest;
        bytes32 cashSlot;
        bytes32 digestSlot;
        bytes32 noncesSlot;
        uint256 wordNumber;
        bytes32 wordSlot;
        uint256 word;
        bool kept;
        bool moved;
    }

    /// An order of a batch while its fills are settled. `side` is neither side where the order is
    /// not shown, `reason` tells why no fill of it holds. `filled` is what the clearing fills of it
    /// in all, `before` was filled in other batches, `left` is still to be filled; `begun` tells
    /// whether something was filled here. `limit` is the most that the buyer pays all in, or the
    /// least price that leaves the seller what it wants. `delegate` is who signed for the account,
    /// zero where it signed itself.
    struct Leg {
        bytes32 hash;
        Party party;
        uint256 side;
        uint256 reason;
        uint256 limit;
        address delegate;
        uint256 filled;
        uint256 before;
        uint256 left;
        bool begun;
        uint256 nonce;
        bytes32 noncesSlot;
    }

    /// A batch while it is settled. `leg` is the first of its orders, the others follow. `party` is
    /// none, the accounts that have been opened follow, and `last` is the last of them. `order`,
    /// `entry` and `log` are the words of an order, of a digest and of {TradeCreated}, of which a
    /// clearing gives some to all the same; `numbers` are those of an entry. Prices, `allIn` and
    /// `collateral` are those of the fill that is looked at.
    struct Work {
        bytes32 id;
        Terms terms;
        bool priced;
        PricePair pair;
        uint256 buyPrice;
        uint256 sellPrice;
        uint256 allIn;
        uint256 collateral;
        uint256 day;
        uint256 numbers;
        uint256 orders;
        uint256 accounts;
        Leg leg;
        Party party;
        Party last;
        Order order;
        uint256 entry;
        uint256 log;
    }

    /// What accounts let delegates sign.
    TradingMandate public immutable mandates;

    /// How much of an order has been filled, in Wh, where one batch did not fill all that its
    /// clearing fills of it.
    mapping(bytes32 order => uint64) public orderFilled;

    /// No order that is shown has it.
    uint256 internal constant NOT_SHOWN = 256;
    uint256 internal constant PARTY_BYTES = 12 * 32;
    uint256 internal constant LEG_BYTES = 12 * 32;

    constructor(TradingMandate mandates_) {
        mandates = mandates_;
    }

    /// Where an account's digest of a day is kept.
    function _digestSlot(address account, uint256 day) internal view virtual returns (bytes32);

    /// Looks at a batch, which may be any that is shown of a clearing.
    function _begin(FillBatch calldata batch) internal view returns (Work memory work) {
        work.id = clearingOf(batch.terms);
        _copy(work.terms, batch.terms);
        if (block.timestamp >= _settledUntil(work.terms))
            revert SlotOver(work.terms.clearing.slot);
        work.priced = Batches.isPriced(work.terms.clearing);
        _setPrices(work, Trades.onePrice(work.terms.clearing.price));
        work.day = _day(work.terms);
        _shareWords(work);
        _open(work, batch);
    }

    /// The prices of the fill that is looked at.
    function _setPrices(Work memory work, PricePair pair) internal pure {
        work.pair = pair;
        (work.buyPrice, work.sellPrice) = (pair.buyPrice(), pair.sellPrice());
        work.allIn = Outcomes.allIn(work.terms.policy, work.buyPrice);
        work.collateral = Outcomes.collateral(work.terms, work.allIn);
    }

    function _shareWords(Work memory work) private view {
        Clearing memory clearing = work.terms.clearing;
        bytes memory order = abi.encode(
            ORDER_TYPEHASH,
            0,
            0,
            clearing.slot,
            0,
            0,
            0,
            work.terms.policy.community,
            work.terms.policy.zone,
            0,
            clearing.policy,
            0,
            0,
            0
        );
        order = abi.encodePacked(order, hex"1901", _domainSeparatorV4(), bytes32(0));
        bytes memory entry = abi.encodePacked(
            bytes32(0),
            uint8(1),
            bytes32(0),
            uint8(0),
            bytes32(0),
            clearing.retailPrice,
            clearing.feedInPrice,
            clearing.policy
        );
        bytes memory log = abi.encode(work.id, 0, 0, 0, 0, 0, 0);
        work.numbers = uint256(clearing.slot) << 192;
        (work.entry, work.log) = (_words(entry), _words(log));
        (Order memory fields, uint256 words) = (work.order, _words(order));
        // In assembly, because the type's hash stands before what the account signs.
        assembly ("memory-safe") {
            fields := add(words, 0x20)
        }
        work.order = fields;
    }

    /// Where the words of some bytes are.
    function _words(bytes memory of_) internal pure returns (uint256 words) {
        // In assembly, because the length stands before them.
        assembly ("memory-safe") {
            words := add(of_, 0x20)
        }
    }

    /// Looks at the orders of a batch, each once for all its fills.
    function _open(Work memory work, FillBatch calldata batch) private view {
        SignedOrder[] calldata orders = batch.orders;
        // Two for each fill; a place has eight bits.
        if (orders.length > 2 * Batches.FILLS_MAX) revert BadBatch();
        work.orders = orders.length;
        unchecked {
            uint256 legs = _words(new bytes(LEG_BYTES * orders.length));
            uint256 parties = _words(new bytes(PARTY_BYTES * (orders.length + 1)));
            (Leg memory leg, Party memory party) = (work.leg, work.party);
            // In assembly, because a list of structs would cost a copy and checks of its own.
            assembly ("memory-safe") {
                leg := legs
                party := parties
            }
            (work.leg, work.party, work.last) = (leg, party, party);
            bytes32 last;
            for (uint256 i = 0; i < orders.length; ++i) {
                last = _openOrder(work, batch, orders[i], leg, i, last);
                // The next order.
                assembly ("memory-safe") {
                    leg := add(leg, LEG_BYTES)
                }
            }
        }
    }

    /// Looks at an order; `last` is the hash of the one before it.
    function _openOrder(
        Work memory work,
        FillBatch calldata batch,
        SignedOrder calldata signed,
        Leg memory leg,
        uint256 i,
        bytes32 last
    ) private view returns (bytes32 hash) {
        address account = signed.account;
        hash = account == address(0) ? signed.r : _hash(work.order, signed);
        address lastAccount = work.last.account;
        // Rising, so that no account and no order is there twice.
        if (account > lastAccount) _openAccount(work, account);
        else if (account < lastAccount || (hash <= last && i != 0)) revert BadBatch();
        uint256 filled = signed.filled;
        (leg.hash, leg.party, leg.filled, leg.left) = (hash, work.last, filled, filled);
        if (account == address(0)) {
            leg.side = NOT_SHOWN;
            return hash;
        }
        leg.side = work.order.side;
        uint256 nonce = work.order.nonce;
        leg.nonce = nonce & 127;
        leg.noncesSlot = _openNonces(work.last, nonce >> 7);
        _checkOrder(work, batch, signed, leg);
    }

    /// Where a word of an account's nonces is kept; the first one that is asked for is read.
    function _openNonces(Party memory party, uint256 number) private view returns (bytes32 slot) {
        slot = party.wordSlot;
        if (slot != 0 && party.wordNumber == number) return slot;
        bool first = slot == 0;
        slot = party.noncesSlot.deriveMapping(number);
        if (first) {
            (party.wordNumber, party.wordSlot) = (number, slot);
            party.word = slot.getUint256Slot().value;
        }
    }

    function _openAccount(Work memory work, address account) private view {
        unchecked {
            Party memory party = work.last;
            // The next account.
            assembly ("memory-safe") {
                party := add(party, PARTY_BYTES)
            }
            work.last = party;
            party.account = account;
            party.place = work.accounts++;
            party.cashSlot = _freeSlot(account);
            party.digestSlot = _digestSlot(account, work.day);
            party.noncesSlot = _noncesSlot(account);
            party.cash = party.cashSlot.getUint256Slot().value;
            party.digest = party.digestSlot.getBytes32Slot().value;
        }
    }

    /// Fills in an order, and answers what its account signed.
    function _hash(
        Order memory order,
        SignedOrder calldata signed
    ) private pure returns (bytes32 hash) {
        uint256 dirty;
        // In assembly, because the words of a call are those that are hashed. Words that are not
        // what the types allow are refused.
        assembly ("memory-safe") {
            calldatacopy(order, signed, 0x40)
            calldatacopy(add(order, 0x60), add(signed, 0x40), 0x60)
            calldatacopy(add(order, 0x100), add(signed, 0xa0), 0x20)
            calldatacopy(add(order, 0x140), add(signed, 0xc0), 0x60)
            mstore(add(order, 0x1c2), keccak256(sub(order, 0x20), 0x1c0))
            hash := keccak256(add(order, 0x1a0), 0x42)
            let limits := or(mload(add(order, 0x60)), mload(add(order, 0x80)))
            limits := or(limits, or(mload(add(order, 0xa0)), mload(add(order, 0x180))))
            dirty := or(shr(8, mload(add(order, 0x20))), shr(64, limits))
            dirty := or(dirty, shr(160, mload(add(order, 0x140))))
        }
        if (dirty != 0) revert BadBatch();
    }

    /// Finds the first reason why no fill of an order holds.
    function _checkOrder(
        Work memory work,
        FillBatch calldata batch,
        SignedOrder calldata signed,
        Leg memory leg
    ) private view {
        unchecked {
            Order memory order = work.order;
            bool buys = order.side == BUY;
            leg.limit = order.limitPrice;
            if (!buys) leg.limit += work.terms.policy.sellerFee;
            if (block.timestamp > order.expiry) {
                leg.reason = uint256(Reason.Expired);
            } else if (!_signed(work, batch, signed, leg)) {
                leg.reason = uint256(buys ? Reason.BuyerSignature : Reason.SellerSignature);
            } else if (leg.delegate != address(0) && !_mandated(work, leg)) {
                leg.reason = uint256(buys ? Reason.BuyerMandate : Reason.SellerMandate);
            } else if (
                leg.filled > order.quantity ||
                leg.filled < order.minFill ||
                leg.filled > Trades.QUANTITY_MAX
            ) {
                leg.reason = uint256(buys ? Reason.BuyerQuantity : Reason.SellerQuantity);
            }
        }
    }

    /// Whether the account signed, or the delegate that its order names.
    function _signed(
        Work memory work,
        FillBatch calldata batch,
        SignedOrder calldata signed,
        Leg memory leg
    ) private view returns (bool) {
        (address account, address delegate) = (work.order.account, work.order.delegate);
        (bytes32 r, bytes32 vs) = (signed.r, signed.vs);
        if (vs != 0) {
            address signer = Signatures.recover(leg.hash, r, vs);
            // The account is not zero: the order is shown.
            if (signer == account) return true;
            if (signer == address(0) || signer != delegate) return false;
            leg.delegate = delegate;
            return true;
        }
        uint256 place = uint256(r);
        if (place >= batch.signatures.length) return false;
        // A contract without a mandate is not asked.
        if (delegate.code.length != 0 && _mandated(work, leg)) leg.delegate = delegate;
        return
            Signatures.acceptedBy(
                leg.delegate == address(0) ? account : delegate,
                leg.hash,
                batch.signatures[place],
                Signatures.SETTLE_GAS_MAX
            );
    }

    /// Whether the account lets the delegate sign the order that is looked at.
    function _mandated(Work memory work, Leg memory leg) private view returns (bool) {
        // What was filled before is counted already.
        (uint256 all, uint256 before) = (leg.filled, orderFilled[leg.hash]);
        uint256 more = all > before ? all - before : 0;
        return mandates.allows(work.order, more, work.terms.policy.slotSeconds);
    }
}
