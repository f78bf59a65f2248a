// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Accounts} from "./Accounts.sol";
import {MarketEvents} from "./MarketEvents.sol";
import {MerklePath} from "./MerklePath.sol";
import {Outcomes} from "./Outcomes.sol";
import {Signatures} from "./Signatures.sol";
import {Clearing, Delivery, Fill, Order, Outcome, Policy, Reason, TradeView} from "./Types.sol";

/// Trades of energy: who agreed to what, the cash behind it, and where that went.
///
///   deposit -> free --settle--> escrow, collateral --reconcile--> locked[day] --release--> free
///              free --requestWithdrawal--> withdrawing --withdraw--> the account's tokens
///
/// What was reconciled above a signed reading is cut by {Challenges} while it is locked.
///
/// Invariant: the tokens held are at least free + escrow + collateral + locked + withdrawing.
/// A fill moves cash only with both signatures, inside both limits and inside the signed policy.
contract EnergyMarket is MarketEvents, Accounts, AccessControl, Pausable {
    bytes32 public constant CLEARER_ROLE = keccak256("CLEARER");
    bytes32 public constant RECONCILER_ROLE = keccak256("RECONCILER");
    bytes32 public constant POLICY_ROLE = keccak256("POLICY");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER");

    /// The run of a trade that was not reconciled in time: nothing was delivered, nobody is short.
    uint8 public constant RUN_EXPIRED = 255;

    /// The run of a trade that was cut after a challenge; no run comes after it but another cut.
    uint8 public constant RUN_CHALLENGED = 254;

    /// The longest that corrections and challenges of a policy may take together.
    uint32 public constant WINDOWS_MAX = 90 days;

    uint8 private constant BUY = 0;
    uint8 private constant SELL = 1;

    /// Who may cut: the contract that judges evidence, and nobody else.
    address public immutable challenges;

    /// A trade in three words. `runs` is the last run plus one, zero before the first.
    struct Trade {
        address buyer;
        uint64 quantity;
        uint16 runs;
        address seller;
        uint64 delivered;
        uint32 clearing;
        uint64 sellerShort;
        uint64 buyerShort;
    }

    /// What the fills of one batch have in common.
    struct Batch {
        bytes32 id;
        uint32 number;
        Clearing clearing;
        Policy policy;
    }

    mapping(bytes32 policy => Policy) private _policies;
    /// Every clearing, numbered from 1 in {_numbers}.
    Clearing[] private _clearings;
    mapping(bytes32 clearing => uint32) private _numbers;
    /// The clearing of a zone's slot.
    mapping(bytes32 zone => mapping(uint64 slot => bytes32)) public cleared;
    mapping(bytes32 trade => Trade) private _trades;
    /// How much of an order has been filled, in Wh.
    mapping(bytes32 order => uint64) public orderFilled;
    /// What happened to an account in the slots of a UTC day: one hash over all its settlements
    /// and reconciliations.
    mapping(address account => mapping(uint32 day => bytes32)) public digest;

    constructor(
        IERC20 token,
        address admin,
        uint32 withdrawalDelay,
        address challenges_
    ) Accounts(token, withdrawalDelay) {
        challenges = challenges_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// Registers a policy under its hash; registering it again changes nothing.
    function registerPolicy(
        Policy calldata terms
    ) external onlyRole(POLICY_ROLE) returns (bytes32 id) {
        if (
            terms.slotSeconds == 0 ||
            1 days % terms.slotSeconds != 0 ||
            terms.toleranceBps > 10_000 ||
            terms.imbalance > Outcomes.MAKE_WHOLE ||
            // Locked cash would be free in the last second of the corrections.
            terms.challengeSeconds == 0 ||
            uint256(terms.correctionSeconds) + terms.challengeSeconds > WINDOWS_MAX ||
            terms.networkAccount == address(0) ||
            terms.platformAccount == address(0)
        ) revert BadPolicy();
        id = keccak256(abi.encode(terms));
        if (_policies[id].slotSeconds != 0) return id;
        _policies[id] = terms;
        emit PolicyRegistered(id, terms.community, terms.zone, terms);
    }

    /// Posts the result of an auction, once per zone and slot and before the slot ends.
    function clear(
        Clearing calldata terms
    ) external onlyRole(CLEARER_ROLE) whenNotPaused returns (bytes32 id) {
        Policy memory policy_ = _policies[terms.policy];
        if (policy_.slotSeconds == 0) revert UnknownPolicy(terms.policy);
        if (block.timestamp >= uint256(terms.slot) + policy_.slotSeconds)
            revert SlotOver(terms.slot);
        if (cleared[policy_.zone][terms.slot] != 0) revert AlreadyCleared(policy_.zone, terms.slot);
        if (
            terms.slot % policy_.slotSeconds != 0 ||
            terms.retailPrice > policy_.retailPriceMax ||
            terms.feedInPrice < policy_.feedInPriceMin
        ) revert BadClearing();
        id = keccak256(abi.encode(terms));
        _clearings.push(terms);
        _numbers[id] = SafeCast.toUint32(_clearings.length);
        cleared[policy_.zone][terms.slot] = id;
        emit SlotCleared(id, policy_.zone, terms.slot, terms);
    }

    /// Settles the fills of a clearing that hold, skips the others with a reason.
    ///
    /// Anyone may send it.
    function settle(bytes32 id, Fill[] calldata fills) external whenNotPaused {
        Batch memory batch;
        batch.id = id;
        batch.number = _numbers[id];
        batch.clearing = clearing(id);
        batch.policy = _policies[batch.clearing.policy];
        if (block.timestamp >= uint256(batch.clearing.slot) + batch.policy.slotSeconds) {
            revert SlotOver(batch.clearing.slot);
        }
        for (uint256 i = 0; i < fills.length; ++i) {
            _settle(batch, fills[i]);
        }
    }

    /// Pays what was delivered; a later run moves only the difference to the run before.
    function reconcile(
        uint8 run,
        Delivery[] calldata deliveries
    ) external onlyRole(RECONCILER_ROLE) whenNotPaused {
        for (uint256 i = 0; i < deliveries.length; ++i) {
            Delivery calldata delivery = deliveries[i];
            (Trade storage trade, Clearing memory terms, Policy memory policy_) = _load(
                delivery.trade
            );
            uint256 end = uint256(terms.slot) + policy_.slotSeconds;
            if (block.timestamp < end || block.timestamp > end + policy_.correctionSeconds) {
                revert OutsideWindow(delivery.trade);
            }
            if (run >= RUN_CHALLENGED || uint256(run) + 1 <= trade.runs)
                revert RunNotHigher(delivery.trade, run);
            _reconcile(run, delivery, trade, terms, policy_);
        }
    }

    /// Returns escrow and collateral of trades that were never reconciled, once corrections ended.
    ///
    /// Anyone may send it, and no pause stops it: money never depends on the reconciler.
    function expire(bytes32[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            (Trade storage trade, Clearing memory terms, Policy memory policy_) = _load(trades[i]);
            if (trade.runs != 0) revert RunNotHigher(trades[i], RUN_EXPIRED);
            if (
                block.timestamp <=
                uint256(terms.slot) + policy_.slotSeconds + policy_.correctionSeconds
            ) {
                revert OutsideWindow(trades[i]);
            }
            _reconcile(RUN_EXPIRED, Delivery(trades[i], 0, 0, 0), trade, terms, policy_);
        }
    }

    /// Takes `excess` Wh back of what a trade delivered, until its challenges end: the seller fed in
    /// less than that, or the buyer took less. Whoever it was is short of it.
    ///
    /// No pause stops it, and no later run of the reconciler undoes it.
    function cut(bytes32 id, bool sellers, uint64 excess) external {
        if (msg.sender != challenges) revert NotChallenges(msg.sender);
        (Trade storage trade, Clearing memory terms, Policy memory policy_) = _load(id);
        if (block.timestamp >= _lockedUntil(terms, policy_)) revert OutsideWindow(id);
        Delivery memory delivery = Delivery(id, trade.delivered - excess, 0, 0);
        if (sellers) delivery.sellerShort = trade.sellerShort + excess;
        else delivery.buyerShort = trade.buyerShort + excess;
        _reconcile(RUN_CHALLENGED, delivery, trade, terms, policy_);
    }

    /// The terms registered under this hash; all zero when unknown.
    function policy(bytes32 id) external view returns (Policy memory) {
        return _policies[id];
    }

    /// What was posted under this hash.
    function clearing(bytes32 id) public view returns (Clearing memory) {
        uint32 number = _numbers[id];
        if (number == 0) revert UnknownClearing(id);
        return _clearings[number - 1];
    }

    /// A trade as it stands; `buyer` is zero when it was never settled.
    function tradeOf(bytes32 id) external view returns (TradeView memory answer) {
        Trade storage trade = _trades[id];
        if (trade.buyer == address(0)) return answer;
        Clearing memory terms = _clearings[trade.clearing - 1];
        Policy memory policy_ = _policies[terms.policy];
        answer.buyer = trade.buyer;
        answer.seller = trade.seller;
        answer.clearing = cleared[policy_.zone][terms.slot];
        answer.quantity = trade.quantity;
        answer.runs = trade.runs;
        answer.delivered = trade.delivered;
        answer.sellerShort = trade.sellerShort;
        answer.buyerShort = trade.buyerShort;
        if (trade.runs == 0) {
            answer.escrow = Outcomes.escrowOf(policy_, terms, trade.quantity);
            answer.collateral = Outcomes.collateralOf(policy_, terms, trade.quantity);
        }
    }

    /// What a delivery would mean for a trade.
    function preview(Delivery calldata delivery) external view returns (Outcome memory) {
        (Trade storage trade, Clearing memory terms, Policy memory policy_) = _load(delivery.trade);
        _checkDelivery(delivery, trade.quantity);
        return _outcome(policy_, terms, trade.quantity, delivery);
    }

    function _settle(Batch memory batch, Fill calldata fill) private {
        bytes32 buy = orderHash(fill.buy);
        bytes32 sell = orderHash(fill.sell);
        bytes32 id = keccak256(abi.encodePacked(batch.id, buy, sell));
        Reason reason = _check(batch, fill, buy, sell, id);
        if (reason != Reason.None) {
            emit FillSkipped(batch.id, id, uint8(reason));
            return;
        }
        address buyer = fill.buy.account;
        address seller = fill.sell.account;
        _fillOrder(fill.buy, buy, fill.quantity);
        _fillOrder(fill.sell, sell, fill.quantity);
        free[buyer] -= Outcomes.escrowOf(batch.policy, batch.clearing, fill.quantity);
        free[seller] -= Outcomes.collateralOf(batch.policy, batch.clearing, fill.quantity);
        Trade storage trade = _trades[id];
        trade.buyer = buyer;
        trade.quantity = fill.quantity;
        trade.seller = seller;
        trade.clearing = batch.number;
        _digestSettled(batch, buyer, id, BUY, fill.quantity);
        _digestSettled(batch, seller, id, SELL, fill.quantity);
        _emitSettled(batch, fill, id, buy, sell);
    }

    /// The first reason why a fill does not hold, in the order of {Reason}.
    function _check(
        Batch memory batch,
        Fill calldata fill,
        bytes32 buy,
        bytes32 sell,
        bytes32 id
    ) private view returns (Reason) {
        if (_trades[id].buyer != address(0)) return Reason.AlreadySettled;
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0x00), buy, sell, fill.quantity));
        Clearing memory terms = batch.clearing;
        if (!MerklePath.verify(terms.fillsRoot, leaf, fill.index, terms.fills, fill.path)) {
            return Reason.NotIncluded;
        }
        Reason reason = _checkTerms(batch, fill.buy, fill.sell);
        if (reason != Reason.None) return reason;
        if (fill.quantity == 0) return Reason.NoQuantity;
        if (fill.quantity > fill.buy.quantity - orderFilled[buy]) return Reason.BuyerQuantity;
        if (fill.quantity > fill.sell.quantity - orderFilled[sell]) return Reason.SellerQuantity;
        if (!_nonceAllows(fill.buy, buy)) return Reason.BuyerNonce;
        if (!_nonceAllows(fill.sell, sell)) return Reason.SellerNonce;
        if (!_signed(fill.buy, buy, fill.buySignature)) return Reason.BuyerSignature;
        if (!_signed(fill.sell, sell, fill.sellSignature)) return Reason.SellerSignature;
        if (free[fill.buy.account] < Outcomes.escrowOf(batch.policy, terms, fill.quantity)) {
            return Reason.BuyerFunds;
        }
        if (free[fill.sell.account] < Outcomes.collateralOf(batch.policy, terms, fill.quantity)) {
            return Reason.SellerFunds;
        }
        return Reason.None;
    }

    function _checkTerms(
        Batch memory batch,
        Order calldata buy,
        Order calldata sell
    ) private view returns (Reason) {
        Clearing memory terms = batch.clearing;
        Policy memory policy_ = batch.policy;
        if (buy.side != BUY || sell.side != SELL) return Reason.WrongSide;
        if (buy.slot != terms.slot || sell.slot != terms.slot) return Reason.WrongSlot;
        if (buy.policy != terms.policy || sell.policy != terms.policy) return Reason.WrongPolicy;
        if (
            buy.zone != policy_.zone ||
            sell.zone != policy_.zone ||
            buy.community != policy_.community ||
            sell.community != policy_.community
        ) return Reason.WrongZone;
        if (block.timestamp > buy.expiry || block.timestamp > sell.expiry) return Reason.Expired;
        if (buy.account == sell.account) return Reason.SameAccount;
        if (Outcomes.allIn(policy_, terms) > buy.limitPrice) return Reason.BuyerLimit;
        if (terms.price < uint256(sell.limitPrice) + policy_.sellerFee) return Reason.SellerLimit;
        return Reason.None;
    }

    /// An order that was filled before may be filled further unless its nonce was cancelled.
    function _nonceAllows(Order calldata order, bytes32 hash) private view returns (bool) {
        return
            orderFilled[hash] == 0
                ? !nonceUsed(order.account, order.nonce)
                : !nonceCancelled(order.account, order.nonce);
    }

    function _signed(
        Order calldata order,
        bytes32 hash,
        bytes calldata signature
    ) private view returns (bool) {
        if (
            order.delegate != address(0) &&
            _delegated(order.account, order.delegate, order.quantity)
        ) {
            if (Signatures.signedBy(order.delegate, hash, signature)) return true;
        }
        return Signatures.signedBy(order.account, hash, signature);
    }

    function _fillOrder(Order calldata order, bytes32 hash, uint64 quantity) private {
        uint64 before = orderFilled[hash];
        if (before == 0) _useNonce(order.account, order.nonce);
        orderFilled[hash] = before + quantity;
    }

    function _emitSettled(
        Batch memory batch,
        Fill calldata fill,
        bytes32 id,
        bytes32 buy,
        bytes32 sell
    ) private {
        Clearing memory terms = batch.clearing;
        emit TradeSettled(
            id,
            fill.buy.account,
            fill.sell.account,
            batch.id,
            buy,
            sell,
            terms.slot,
            fill.quantity,
            terms.price,
            terms.retailPrice,
            terms.feedInPrice,
            Outcomes.escrowOf(batch.policy, terms, fill.quantity),
            Outcomes.collateralOf(batch.policy, terms, fill.quantity)
        );
    }

    function _load(
        bytes32 id
    ) private view returns (Trade storage trade, Clearing memory terms, Policy memory policy_) {
        trade = _trades[id];
        if (trade.buyer == address(0)) revert UnknownTrade(id);
        terms = _clearings[trade.clearing - 1];
        policy_ = _policies[terms.policy];
    }

    function _checkDelivery(Delivery memory delivery, uint64 quantity) private pure {
        uint256 claimed = uint256(delivery.delivered) + delivery.sellerShort + delivery.buyerShort;
        if (claimed > quantity || (delivery.sellerShort != 0 && delivery.buyerShort != 0)) {
            revert BadDelivery(delivery.trade);
        }
    }

    function _outcome(
        Policy memory policy_,
        Clearing memory terms,
        uint64 quantity,
        Delivery memory delivery
    ) private pure returns (Outcome memory) {
        return
            Outcomes.outcome(
                policy_,
                terms,
                quantity,
                delivery.delivered,
                delivery.sellerShort,
                delivery.buyerShort
            );
    }

    /// Moves the difference to the run before; the first run moves all of escrow and collateral.
    function _reconcile(
        uint8 run,
        Delivery memory delivery,
        Trade storage trade,
        Clearing memory terms,
        Policy memory policy_
    ) private {
        uint64 quantity = trade.quantity;
        _checkDelivery(delivery, quantity);
        Outcome memory next = _outcome(policy_, terms, quantity, delivery);
        Outcome memory last;
        if (trade.runs != 0) {
            Delivery memory before = Delivery(
                delivery.trade,
                trade.delivered,
                trade.sellerShort,
                trade.buyerShort
            );
            last = _outcome(policy_, terms, quantity, before);
        }
        trade.runs = uint16(run) + 1;
        trade.delivered = delivery.delivered;
        trade.sellerShort = delivery.sellerShort;
        trade.buyerShort = delivery.buyerShort;
        _lockOutcome(trade, terms, policy_, next, last);
        _digestReconciled(trade.buyer, _day(terms), run, delivery);
        _digestReconciled(trade.seller, _day(terms), run, delivery);
        _emitReconciled(run, delivery, next);
    }

    function _lockOutcome(
        Trade storage trade,
        Clearing memory terms,
        Policy memory policy_,
        Outcome memory next,
        Outcome memory last
    ) private {
        Term memory term = Term(terms.policy, _day(terms), _lockedUntil(terms, policy_));
        _lock(
            term,
            trade.seller,
            next.sellerNet + next.compensation + next.collateralBack,
            last.sellerNet + last.compensation + last.collateralBack
        );
        _lock(term, trade.buyer, next.refund + next.makeWhole, last.refund + last.makeWhole);
        _lock(term, policy_.networkAccount, next.network, last.network);
        _lock(term, policy_.platformAccount, next.platform, last.platform);
    }

    /// When corrections and challenges of a clearing are over.
    function _lockedUntil(
        Clearing memory terms,
        Policy memory policy_
    ) private pure returns (uint64) {
        return
            SafeCast.toUint64(
                uint256(terms.slot) +
                    policy_.slotSeconds +
                    policy_.correctionSeconds +
                    policy_.challengeSeconds
            );
    }

    /// The UTC day of a clearing's slot: nobody chooses under which day a trade is kept.
    function _day(Clearing memory terms) private pure returns (uint32) {
        return SafeCast.toUint32(terms.slot / 1 days);
    }

    function _emitReconciled(uint8 run, Delivery memory delivery, Outcome memory next) private {
        emit TradeReconciled(
            delivery.trade,
            run,
            delivery.delivered,
            delivery.sellerShort,
            delivery.buyerShort,
            next.sellerNet,
            next.network,
            next.platform,
            next.makeWhole,
            next.compensation,
            next.refund,
            next.collateralBack
        );
    }

    function _digestSettled(
        Batch memory batch,
        address account,
        bytes32 id,
        uint8 side,
        uint64 quantity
    ) private {
        Clearing memory terms = batch.clearing;
        uint32 day = _day(terms);
        bytes32 prev = digest[account][day];
        bytes memory what = abi.encodePacked(prev, uint8(1), id, side, terms.slot, quantity);
        digest[account][day] = keccak256(
            abi.encodePacked(what, terms.price, terms.retailPrice, terms.feedInPrice, terms.policy)
        );
    }

    function _digestReconciled(
        address account,
        uint32 day,
        uint8 run,
        Delivery memory delivery
    ) private {
        digest[account][day] = keccak256(
            abi.encodePacked(
                digest[account][day],
                uint8(2),
                delivery.trade,
                run,
                delivery.delivered,
                delivery.sellerShort,
                delivery.buyerShort
            )
        );
    }
}
