// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {StorageSlot} from "@openzeppelin/contracts/utils/StorageSlot.sol";
import {Accounts} from "./Accounts.sol";
import {Batches} from "./Batches.sol";
import {Orders} from "./Orders.sol";
import {Outcomes} from "./Outcomes.sol";
import {Settlement} from "./Settlement.sol";
import {Delivery, PricePair, Trade, Trades} from "./Trades.sol";
import {TradingMandate} from "./TradingMandate.sol";
import {Outcome, Policy, Terms, TradeBatch} from "./Types.sol";

/// Trades of energy: who agreed to what, the cash behind it, and where that went.
///
///   deposit -> free --settle--> escrow, collateral --reconcile--> locked[day] --release--> free
///              free --requestWithdrawal--> withdrawing --withdraw--> the account's tokens
///
/// What was reconciled above a signed reading is cut by {Challenges} while it is locked.
///
/// Invariant: the tokens held are at least free + escrow + collateral + locked + withdrawing.
/// A fill moves cash only with both signatures, inside both limits and inside the signed policy.
contract EnergyMarket is Settlement {
    using StorageSlot for bytes32;

    bytes32 public constant RECONCILER_ROLE = keccak256("RECONCILER");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER");

    /// The run of a trade that was not reconciled in time: nothing was delivered, nobody is short.
    uint8 public constant RUN_EXPIRED = 255;

    /// The run of a trade that was cut after a challenge; no run comes after it but another cut.
    uint8 public constant RUN_CHALLENGED = 254;

    /// Who may cut: the contract that judges evidence, and nobody else.
    address public immutable challenges;

    /// An account of a batch while it is reconciled: what it is paid more and less than before, and
    /// its digest as it will be, which is zero as long as it has no part in this.
    struct Payee {
        address account;
        uint256 more;
        uint256 less;
        bytes32 digest;
        bytes32 digestSlot;
    }

    /// A run over one batch while it is applied. `runsMax` is the most that a trade may have of
    /// runs. `payee` is the first of the batch's accounts, the others follow. `more` and `less` are
    /// delivered in Wh, now and by the runs before; of what is paid for difference and imbalance
    /// they are in 1e-9 currency. `entry` and `log` are the words of a digest and of
    /// {TradeReconciled}, of which a run gives the same to all. `prices` are those of the trade
    /// that is looked at.
    struct Run {
        uint256 number;
        uint256 runsMax;
        bytes32 clearing;
        Terms terms;
        uint256 day;
        uint256 first;
        uint256 more;
        uint256 less;
        uint256 differenceMore;
        uint256 differenceLess;
        uint256 imbalanceMore;
        uint256 imbalanceLess;
        uint256 entry;
        uint256 log;
        bool priced;
        PricePair[] pairs;
        Outcomes.Prices prices;
        Outcome next;
        Outcome last;
        Trade[] trades;
        address[] accounts;
        Payee payee;
    }

    uint256 private constant PAYEE_BYTES = 5 * 32;

    constructor(
        IERC20 token,
        address admin,
        uint32 withdrawalDelay,
        address challenges_,
        TradingMandate mandates_
    ) Accounts(token, withdrawalDelay) Orders(mandates_) {
        challenges = challenges_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// Pays what was delivered of trades of a batch; a later run moves only the difference to the
    /// run before.
    ///
    ///   run     who            when                                what
    ///   0..253  RECONCILER     from the end of settling until      while not paused
    ///                          corrections are over
    ///   254     {Challenges}   from there to the end of            what the registers allow
    ///                          challenges
    ///   255     anyone         after corrections                   nothing was delivered,
    ///                                                              of trades without a run
    ///
    /// No pause stops the last two, and no later run undoes a cut: money never depends on the
    /// reconciler.
    function reconcile(
        uint8 run,
        TradeBatch calldata batch,
        Delivery[] calldata deliveries
    ) external {
        bytes32 id = clearingOf(batch.terms);
        Run memory what;
        _copy(what.terms, batch.terms);
        uint256 corrected = _correctedUntil(what.terms);
        bool open = block.timestamp > corrected;
        if (run == RUN_CHALLENGED) {
            if (msg.sender != challenges) revert NotChallenges(msg.sender);
            open = open && block.timestamp < _lockedUntil(what.terms);
        } else if (run != RUN_EXPIRED) {
            _checkRole(RECONCILER_ROLE);
            _requireNotPaused();
            open = !open && block.timestamp >= _settledUntil(what.terms);
        }
        if (!open) revert OutsideWindow(id);
        what.number = run;
        what.runsMax = run == RUN_CHALLENGED ? 255 : run == RUN_EXPIRED ? 0 : run;
        what.clearing = id;
        _apply(what, batch, deliveries);
    }

    function _apply(
        Run memory run,
        TradeBatch calldata batch,
        Delivery[] calldata deliveries
    ) private {
        if (deliveries.length == 0) revert NoTrades();
        run.first = uint256(batch.number) * Batches.FILLS_MAX;
        run.trades = Trades.copy(batch.trades);
        run.accounts = Batches.copy(batch.accounts);
        run.pairs = Batches.copy(batch.prices);
        bytes32 kept = _keptBatch(run.clearing, batch.number);
        if (kept == 0 || kept != Batches.hash(run.accounts, run.trades, run.pairs))
            revert BatchChanged();
        run.priced = Batches.isPriced(run.terms.clearing);
        if (!run.priced) _setPrices(run, Trades.onePrice(run.terms.clearing.price));
        run.day = _day(run.terms);
        _makeRoom(run);
        _reconcile(run, Trades.copy(deliveries));
        _keepPayees(run);
        bytes32 trades = Batches.hash(run.accounts, run.trades, run.pairs);
        _keepBatch(run.clearing, batch.number, trades);
        emit SlotReconciled(run.clearing, batch.number, uint8(run.number));
    }

    function _setPrices(Run memory run, PricePair pair) private pure {
        run.prices = Outcomes.prices(run.terms, pair);
    }

    /// Makes the accounts, of which nothing is known yet, and what a run gives the same to all.
    function _makeRoom(Run memory run) private pure {
        uint256 number = run.number;
        uint256 payees = _words(new bytes(PAYEE_BYTES * run.accounts.length));
        Payee memory payee = run.payee;
        // In assembly, because a list of structs would cost a copy and checks of its own.
        assembly ("memory-safe") {
            payee := payees
        }
        run.payee = payee;
        run.log = _words(abi.encode(number, 0, 0, 0));
        run.entry = _words(
            abi.encodePacked(bytes32(0), uint8(2), bytes32(0), uint8(number), bytes32(0))
        );
    }

    function _reconcile(Run memory run, Delivery[] memory deliveries) private {
        unchecked {
            for (uint256 i = 0; i < deliveries.length; ++i) {
                _reconcile(run, Trades.deliveryAt(deliveries, i));
            }
        }
    }

    /// Moves the difference to the run before; the first run moves all of escrow and collateral.
    function _reconcile(Run memory run, Delivery delivery) private {
        unchecked {
            uint256 place = delivery.place();
            bytes32 id = Batches.tradeId(run.clearing, run.first + place);
            Trade trade = run.trades[place];
            _checkDelivery(run, trade, delivery, id);
            (Payee memory buyer, Payee memory seller) = (run.payee, run.payee);
            (uint256 a, uint256 b) = (trade.buyer(), trade.seller());
            // In assembly, because the batch has these places: it is as it was kept.
            assembly ("memory-safe") {
                buyer := add(buyer, mul(a, PAYEE_BYTES))
                seller := add(seller, mul(b, PAYEE_BYTES))
            }
            if (buyer.digest == 0) _open(run, buyer, a);
            if (seller.digest == 0) _open(run, seller, b);
            if (run.priced) _setPrices(run, Batches.pairAt(run.pairs, place));
            _pay(run, buyer, seller, trade, delivery);
            Trades.put(run.trades, place, trade.after_(run.number, delivery));
            _digestReconciled(run.entry, buyer, seller, id, delivery);
            _emitReconciled(run.log, id, delivery);
        }
    }

    /// Looks at an account with its first trade.
    function _open(Run memory run, Payee memory payee, uint256 place) private view {
        address account = run.accounts[place];
        payee.account = account;
        payee.digestSlot = _digestSlot(account, run.day);
        payee.digest = payee.digestSlot.getBytes32Slot().value;
    }

    function _pay(
        Run memory run,
        Payee memory buyer,
        Payee memory seller,
        Trade trade,
        Delivery delivery
    ) private pure {
        unchecked {
            (Outcome memory next, uint256 quantity) = (run.next, trade.quantity());
            Outcomes.find(next, run.prices, quantity, delivery);
            buyer.more += next.refund + next.makeWhole;
            seller.more += next.sellerNet + next.compensation + next.collateralBack;
            run.more += delivery.delivered();
            run.differenceMore += next.difference;
            run.imbalanceMore += next.imbalance;
            if (trade.runs() == 0) return;
            (Outcome memory last, Delivery before) = (run.last, trade.last());
            Outcomes.find(last, run.prices, quantity, before);
            buyer.less += last.refund + last.makeWhole;
            seller.less += last.sellerNet + last.compensation + last.collateralBack;
            run.less += before.delivered();
            run.differenceLess += last.difference;
            run.imbalanceLess += last.imbalance;
        }
    }

    function _checkDelivery(
        Run memory run,
        Trade trade,
        Delivery delivery,
        bytes32 id
    ) private pure {
        if (trade.isNone()) revert UnknownTrade(id);
        // A cut may follow a cut: what two meters say is shown by two challenges.
        if (trade.runs() > run.runsMax) revert RunNotHigher(id, uint8(run.number));
        if (
            !Outcomes.fits(trade.quantity(), delivery) ||
            (run.number == RUN_EXPIRED && Delivery.unwrap(delivery) != delivery.place())
        ) revert BadDelivery(id);
    }

    function _digestReconciled(
        uint256 entry,
        Payee memory buyer,
        Payee memory seller,
        bytes32 id,
        Delivery delivery
    ) private pure {
        (bytes32 bought, bytes32 sold) = (buyer.digest, seller.digest);
        uint256 numbers = delivery.wide();
        // In assembly, because both entries are the same but for what was before.
        assembly ("memory-safe") {
            mstore(add(entry, 0x21), id)
            mstore(add(entry, 0x42), numbers)
            mstore(entry, bought)
            bought := keccak256(entry, 90)
            mstore(entry, sold)
            sold := keccak256(entry, 90)
        }
        (buyer.digest, seller.digest) = (bought, sold);
    }

    function _emitReconciled(uint256 log, bytes32 id, Delivery delivery) private {
        bytes32 topic = TradeReconciled.selector;
        (uint256 delivered, uint256 sellerShort) = (delivery.delivered(), delivery.sellerShort());
        uint256 buyerShort = delivery.buyerShort();
        // In assembly, because the other words are there already.
        assembly ("memory-safe") {
            mstore(add(log, 0x20), delivered)
            mstore(add(log, 0x40), sellerShort)
            mstore(add(log, 0x60), buyerShort)
            log2(log, 0x80, topic, id)
        }
    }

    function _keepPayees(Run memory run) private {
        unchecked {
            Policy memory policy = run.terms.policy;
            uint64 until = _lockedUntil(run.terms);
            Term memory term = Term(run.terms.clearing.policy, uint32(run.day), until);
            Payee memory payee = run.payee;
            uint256 count = run.accounts.length;
            for (uint256 i = 0; i < count; ++i) {
                if (payee.digest != 0) {
                    if (payee.more != payee.less) {
                        _lock(term, payee.account, payee.more, payee.less);
                    }
                    payee.digestSlot.getBytes32Slot().value = payee.digest;
                }
                // The next account.
                assembly ("memory-safe") {
                    payee := add(payee, PAYEE_BYTES)
                }
            }
            (uint256 more, uint256 less) = (run.more, run.less);
            (uint256 network, uint256 platform) = (run.prices.network, run.prices.platform);
            _lock(term, policy.networkAccount, more * network, less * network);
            _lock(term, policy.platformAccount, more * platform, less * platform);
            _lock(term, policy.differenceAccount, run.differenceMore, run.differenceLess);
            _lock(term, policy.balanceAccount, run.imbalanceMore, run.imbalanceLess);
        }
    }
}
