// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {Delivery, PricePair, Trade} from "../src/Trades.sol";
import {
    FillBatch, Outcome, Policy, Reason, Terms, TradeBatch
} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Judge, Market, Roles} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// From a settled trade to free cash.
contract ReconcileTest is Auction {
    address private buyer;
    address private seller;
    /// The clearing and its only trade.
    bytes32 private id;
    bytes32 private trade;
    /// Who tells beforehand where cash would go.
    Judge private judge;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 1_000_000_000);
        id = settled(single(pair(buyer, seller, 1)));
        trade = tradeOf(id, 0);
        judge = Judge(deployed("Challenges", abi.encode(market, address(0), address(0))));
        vm.warp(END);
    }

    function delivery(
        uint64 delivered,
        uint64 sellerShort,
        uint64 buyerShort
    ) private pure returns (Delivery) {
        return NaiveTrades.delivery(0, delivered, sellerShort, buyerShort);
    }

    function call(uint8 run, Delivery one) private view returns (bytes memory) {
        return reconciling(run, id, 0, list(one));
    }

    function expiring() private view returns (bytes memory) {
        return call(255, delivery(0, 0, 0));
    }

    function preview(Delivery one) private view returns (Outcome memory) {
        PricePair prices = NaiveTrades.prices(180_000, 180_000);
        return judge.preview(standing(id, 0).terms, prices, 5000, one);
    }

    function wordsOf() private view returns (NaiveTrades.Words memory) {
        return NaiveTrades.read(standing(id, 0).trades[0]);
    }

    function lockedOf(address of_) private view returns (uint256) {
        return market.locked(of_, idOf(policy()), DAY);
    }

    function test_the_worked_example_and_its_correction() public {
        reconcile(0, id, delivery(4200, 800, 0));
        same(lockedOf(seller), 747_600_000 + 453_600_000, "seller");
        same(lockedOf(buyer), 153_600_000 + 86_400_000, "buyer");
        same(lockedOf(NETWORK), 42_000_000, "network");
        same(lockedOf(PLATFORM), 16_800_000, "platform");
        uint256 sum = lockedOf(seller) + lockedOf(buyer) + lockedOf(NETWORK);
        same(sum + lockedOf(PLATFORM), ESCROW + COLLATERAL, "nothing is tied up any more");

        vm.warp(CORRECTIONS_END);
        reconcile(1, id, delivery(4500, 500, 0));
        same(lockedOf(seller), 801_000_000 + 540_000_000, "seller, corrected");
        same(lockedOf(buyer), 96_000_000, "buyer, corrected");
        same(wordsOf().runs, 2, "runs");
    }

    function test_a_buyer_who_does_not_take_compensates() public {
        Outcome memory outcome = preview(delivery(4200, 0, 800));
        same(outcome.compensation, 80_000_000, "800 Wh x (18 ct - 8 ct)");
        reconcile(0, id, delivery(4200, 0, 800));
        same(lockedOf(buyer), 73_600_000, "buyer");
        same(lockedOf(seller), 747_600_000 + 540_000_000 + 80_000_000, "seller");
    }

    function test_the_digest_of_a_run_is_as_documented() public {
        bytes32 before = market.digest(buyer, DAY);
        reconcile(3, id, delivery(4200, 0, 800));
        bytes memory what = abi.encodePacked(before, uint8(2), trade, uint8(3));
        what = abi.encodePacked(what, uint64(4200), uint64(0), uint64(800));
        same(market.digest(buyer, DAY), keccak256(what), "digest");
    }

    /// Nobody says that a run is complete which is of no trade.
    function test_NoTrades() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.NoTrades.selector);
        Delivery[] memory none = new Delivery[](0);
        refused(OPERATOR, address(market), reconciling(0, id, 0, none), reason);
        vm.warp(CORRECTIONS_END + 1);
        refused(STRANGER, address(market), reconciling(255, id, 0, none), reason);
        refused(CHALLENGES, address(market), reconciling(254, id, 0, none), reason);
        sent(STRANGER, address(market), expiring());
    }

    function test_OutsideWindow() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        bytes memory full = call(1, delivery(5000, 0, 0));
        vm.warp(END - 1);
        refused(OPERATOR, address(market), full, reason);
        vm.warp(CORRECTIONS_END + 1);
        refused(OPERATOR, address(market), full, reason);
        vm.warp(CORRECTIONS_END);
        refused(STRANGER, address(market), expiring(), reason);
        sent(OPERATOR, address(market), full);
    }

    /// Each run in the first and the last second of its window, and in those before and after.
    function test_every_run_has_its_window() public {
        uint8[4] memory runs = [uint8(0), 253, 254, 255];
        address[4] memory who = [OPERATOR, OPERATOR, CHALLENGES, STRANGER];
        uint256[4] memory opens = [uint256(END), END, CORRECTIONS_END + 1, CORRECTIONS_END + 1];
        // Who was never reconciled gets its cash back, however late.
        uint256[4] memory closes = [
            uint256(CORRECTIONS_END),
            CORRECTIONS_END,
            RELEASE - 1,
            RELEASE * 2
        ];
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory run = call(runs[i], delivery(0, 0, 0));
            vm.warp(opens[i] - 1);
            refused(who[i], address(market), run, reason);
            vm.warp(SLOT);
            refused(who[i], address(market), run, reason);
            uint256 state = vm.snapshotState();
            vm.warp(opens[i]);
            sent(who[i], address(market), run);
            vm.revertToState(state);
            vm.warp(closes[i]);
            sent(who[i], address(market), run);
            vm.revertToState(state);
            if (runs[i] == 255) continue;
            vm.warp(closes[i] + 1);
            refused(who[i], address(market), run, reason);
        }
    }

    function test_RunNotHigher() public {
        reconcile(1, id, delivery(5000, 0, 0));
        for (uint8 run = 0; run < 2; ++run) {
            bytes memory low = call(run, delivery(1, 0, 0));
            refused(OPERATOR, address(market), low, notHigher(run));
        }
        reconcile(253, id, delivery(5000, 0, 0));
        refused(OPERATOR, address(market), call(253, delivery(1, 0, 0)), notHigher(253));
        vm.warp(CORRECTIONS_END + 1);
        refused(STRANGER, address(market), expiring(), notHigher(255));
    }

    function notHigher(uint8 run) private view returns (bytes memory) {
        return abi.encodeWithSelector(MarketEvents.RunNotHigher.selector, trade, run);
    }

    /// The two highest runs are not the reconciler's: one is of challenges, one needs no role and
    /// pays nothing.
    function test_the_reconciler_has_no_run_254_or_255() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.NotChallenges.selector, OPERATOR);
        refused(OPERATOR, address(market), call(254, delivery(1, 0, 0)), reason);
        reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        refused(OPERATOR, address(market), call(255, delivery(1, 0, 0)), reason);
        vm.warp(CORRECTIONS_END + 1);
        reason = abi.encodeWithSelector(MarketEvents.NotChallenges.selector, OPERATOR);
        refused(OPERATOR, address(market), call(254, delivery(1, 0, 0)), reason);
        reason = abi.encodeWithSelector(MarketEvents.BadDelivery.selector, trade);
        refused(OPERATOR, address(market), call(255, delivery(1, 0, 0)), reason);
        refused(OPERATOR, address(market), call(255, delivery(0, 1, 0)), reason);
        refused(OPERATOR, address(market), call(255, delivery(0, 0, 1)), reason);
        // Not even in bits that mean nothing.
        Delivery dirty = Delivery.wrap(1 << 255);
        refused(OPERATOR, address(market), call(255, dirty), reason);
        dirty = Delivery.wrap(1 << 8);
        refused(OPERATOR, address(market), call(255, dirty), reason);
    }

    function test_UnknownTrade() public {
        // A batch that was never settled, and trades that are no longer those of a batch.
        TradeBatch memory none = standing(id, 0);
        none.number = 1;
        Delivery[] memory one = list(delivery(1, 0, 0));
        bytes memory shown = abi.encodeCall(Market.reconcile, (0, none, one));
        refused(OPERATOR, address(market), shown, MarketEvents.BatchChanged.selector);
        none.number = 0;
        none.terms.clearing.price += 1;
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.UnknownClearing.selector,
            keccak256(abi.encode(none.terms.clearing))
        );
        shown = abi.encodeCall(Market.reconcile, (0, none, one));
        refused(OPERATOR, address(market), shown, reason);
        refused(STRANGER, address(market), abi.encodeCall(Market.clearingOf, (none.terms)), reason);
        // A place that the batch does not have.
        bytes memory beyond = call(0, NaiveTrades.delivery(1, 1, 0, 0));
        refused(OPERATOR, address(market), beyond, bytes4(0x4e487b71));
        vm.warp(CORRECTIONS_END + 1);
        none = standing(id, 0);
        none.number = 1;
        shown = abi.encodeCall(Market.reconcile, (255, none, list(delivery(0, 0, 0))));
        refused(STRANGER, address(market), shown, MarketEvents.BatchChanged.selector);
    }

    /// Whatever is shown of a batch that is not so, is noticed: each bit of each word, and every
    /// word that is missing or too many.
    function test_BatchChanged() public {
        bytes memory shown = abi.encode(standing(id, 0));
        Delivery[] memory one = list(delivery(5000, 0, 0));
        for (uint256 bit = 0; bit < 256; ++bit) {
            TradeBatch memory changed = abi.decode(shown, (TradeBatch));
            changed.trades[0] = Trade.wrap(Trade.unwrap(changed.trades[0]) ^ (1 << bit));
            refusedChange(changed, one);
            for (uint256 i = 0; i < 2 && bit < 160; ++i) {
                changed = abi.decode(shown, (TradeBatch));
                changed.accounts[i] = address(uint160(changed.accounts[i]) ^ uint160(1 << bit));
                refusedChange(changed, one);
            }
        }
        TradeBatch memory other = abi.decode(shown, (TradeBatch));
        (other.accounts[0], other.accounts[1]) = (other.accounts[1], other.accounts[0]);
        refusedChange(other, one);
        other = abi.decode(shown, (TradeBatch));
        other.accounts = NaiveTrades.with(other.accounts, STRANGER);
        refusedChange(other, one);
        other.accounts = list(buyer);
        refusedChange(other, one);
        other = abi.decode(shown, (TradeBatch));
        other.trades = new Trade[](0);
        refusedChange(other, one);
        other.trades = new Trade[](2);
        other.trades[0] = standing(id, 0).trades[0];
        refusedChange(other, one);
        // Words that move from one list to the other.
        other.trades = new Trade[](3);
        for (uint256 i = 0; i < 2; ++i) {
            other.trades[i] = Trade.wrap(uint160(standing(id, 0).accounts[i]));
        }
        other.trades[2] = standing(id, 0).trades[0];
        other.accounts = new address[](0);
        refusedChange(other, one);
        // The trades as they were before the last run.
        reconcile(0, id, delivery(4000, 0, 0));
        refusedChange(abi.decode(shown, (TradeBatch)), one);
        reconcile(1, id, delivery(5000, 0, 0));
    }

    function refusedChange(TradeBatch memory changed, Delivery[] memory deliveries) private {
        bytes memory run = abi.encodeCall(Market.reconcile, (1, changed, deliveries));
        refused(OPERATOR, address(market), run, MarketEvents.BatchChanged.selector);
    }

    /// A fill that was skipped is no trade.
    function test_UnknownTrade_of_a_skipped_fill() public {
        Terms memory terms = termsOf(policy());
        terms.clearing.slot = SLOT + SLOT_SECONDS;
        vm.warp(END);
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 2);
        two[1] = pair(buyer, account(3), 3); // who has no cash
        for (uint256 i = 0; i < 2; ++i) {
            two[i].quantity = 100;
            (two[i].buy.slot, two[i].sell.slot) = (terms.clearing.slot, terms.clearing.slot);
            (two[i].buy.expiry, two[i].sell.expiry) = (END + 900, END + 900);
        }
        FillBatch memory batch = postOne(terms, two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.SellerFunds;
        check(batch, reasons);
        bytes32 other = idOf(terms);
        vm.warp(END + 900);
        bytes memory reason = abi.encodeWithSelector(
            MarketEvents.UnknownTrade.selector,
            tradeOf(other, 1)
        );
        bytes memory run = reconciling(0, other, 0, list(NaiveTrades.delivery(1, 1, 0, 0)));
        refused(OPERATOR, address(market), run, reason);
        vm.warp(END + 900 + 8 days + 1);
        run = reconciling(255, other, 0, list(NaiveTrades.delivery(1, 0, 0, 0)));
        refused(STRANGER, address(market), run, reason);
        reconcile(255, other, NaiveTrades.delivery(0, 0, 0, 0));
    }

    function test_BadDelivery() public {
        bytes memory reason = abi.encodeWithSelector(MarketEvents.BadDelivery.selector, trade);
        uint64 most = type(uint56).max;
        refused(OPERATOR, address(market), call(0, delivery(5001, 0, 0)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 1001, 0)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 0, 1001)), reason);
        refused(OPERATOR, address(market), call(0, delivery(4000, 1, 1)), reason);
        refused(OPERATOR, address(market), call(0, delivery(most, most, 0)), reason);
        refused(OPERATOR, address(market), call(0, delivery(most, 0, most)), reason);
    }

    /// Bits of a delivery that mean nothing change nothing.
    function test_dirty_bits_of_a_delivery_are_not_kept() public {
        Delivery clean = delivery(4200, 800, 0);
        uint256 word = Delivery.unwrap(clean) | (0xffffff << 8) | (type(uint56).max << 200);
        sent(OPERATOR, address(market), call(0, Delivery.wrap(word)));
        TradeBatch memory trades = standing(id, 0);
        NaiveTrades.apply_(trades, 0, clean);
        stand(trades);
    }

    /// The seller fed in 800 Wh less than was reconciled.
    function test_a_cut_makes_a_side_short_and_no_run_undoes_it() public {
        reconcile(0, id, delivery(5000, 0, 0));
        Delivery left = delivery(4200, 800, 0);
        vm.warp(CORRECTIONS_END);
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        refused(CHALLENGES, address(market), call(254, left), reason);
        vm.warp(CORRECTIONS_END + 1);
        reason = abi.encodeWithSelector(MarketEvents.NotChallenges.selector, OPERATOR);
        refused(OPERATOR, address(market), call(254, left), reason);
        reconcile(254, id, left);
        same(lockedOf(seller), 747_600_000 + 453_600_000, "seller");
        same(lockedOf(buyer), 153_600_000 + 86_400_000, "buyer");
        // No run of the reconciler comes after it, were it let to.
        vm.warp(CORRECTIONS_END);
        bytes memory full = call(253, delivery(5000, 0, 0));
        refused(OPERATOR, address(market), full, notHigher(253));
        vm.warp(RELEASE - 1);
        refused(STRANGER, address(market), expiring(), notHigher(255));
        reconcile(254, id, delivery(4000, 1000, 0));
        vm.warp(RELEASE);
        reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        refused(CHALLENGES, address(market), call(254, left), reason);
    }

    function test_an_expired_trade_cannot_be_reconciled() public {
        bytes memory late = call(253, delivery(5000, 0, 0));
        vm.warp(CORRECTIONS_END + 1);
        reconcile(255, id, delivery(0, 0, 0));
        bytes memory reason = abi.encodeWithSelector(MarketEvents.OutsideWindow.selector, id);
        refused(OPERATOR, address(market), late, reason);
        refused(STRANGER, address(market), expiring(), notHigher(255));
        // Nor with the trade as it was, nor by a clock that stood still.
        vm.warp(CORRECTIONS_END);
        refused(OPERATOR, address(market), late, MarketEvents.BatchChanged.selector);
        bytes memory run = call(253, delivery(5000, 0, 0));
        refused(OPERATOR, address(market), run, notHigher(253));
        vm.warp(CORRECTIONS_END + 1);
        run = call(254, delivery(1, 0, 0));
        refused(CHALLENGES, address(market), run, notHigher(254));
    }

    function test_only_the_reconciler_and_not_in_a_pause() public {
        bytes memory full = call(0, delivery(5000, 0, 0));
        refused(STRANGER, address(market), full, Roles.AccessControlUnauthorizedAccount.selector);
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        refused(OPERATOR, address(market), full, Market.EnforcedPause.selector);
    }

    function test_a_pause_stops_nobody_from_leaving() public {
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        vm.warp(CORRECTIONS_END + 1);
        reconcile(255, id, delivery(0, 0, 0));
        same(lockedOf(buyer), ESCROW, "all of the escrow comes back");
        same(lockedOf(seller), COLLATERAL, "all of the collateral comes back");
        vm.warp(RELEASE);
        bytes32 term = idOf(policy());
        sent(STRANGER, address(market), abi.encodeCall(Market.release, (term, DAY, list(buyer))));
        same(market.free(buyer), 5_000_000_000, "free again");
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (5_000_000_000)));
        vm.warp(RELEASE + WITHDRAWAL_DELAY);
        sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        same(token.balanceOf(buyer), 5_000_000_000, "out");
    }

    function test_release_NotYet_and_only_once() public {
        reconcile(0, id, delivery(5000, 0, 0));
        bytes32 term = idOf(policy());
        bytes memory release = abi.encodeCall(Market.release, (term, DAY, list(seller)));
        vm.warp(RELEASE - 1);
        bytes memory reason = abi.encodeWithSelector(Accounts.NotYet.selector, RELEASE);
        refused(STRANGER, address(market), release, reason);
        same(market.lockedUntil(seller, term, DAY), RELEASE, "until");
        vm.warp(RELEASE);
        sent(STRANGER, address(market), release);
        same(market.free(seller), 1_000_000_000 + 890_000_000, "free");
        vm.recordLogs();
        sent(STRANGER, address(market), release);
        same(vm.getRecordedLogs().length, 0, "nothing is released twice");
    }

    /// Any number of runs of any deliveries: after each, what is locked is the outcome of the last.
    function test_fuzz_a_later_run_replaces_the_one_before(uint64[6] memory claims) public {
        for (uint8 run = 0; run < 3; ++run) {
            uint64 delivered = claims[2 * run] % 5001;
            uint64 short = claims[2 * run + 1] % (5001 - delivered);
            bool ofSeller = claims[2 * run] & 1 == 0;
            Delivery one = delivery(delivered, ofSeller ? short : 0, ofSeller ? 0 : short);
            Outcome memory outcome = preview(one);
            reconcile(run, id, one);
            same(
                lockedOf(seller),
                outcome.sellerNet + outcome.compensation + outcome.collateralBack,
                "seller"
            );
            same(lockedOf(buyer), outcome.refund + outcome.makeWhole, "buyer");
            same(lockedOf(NETWORK), outcome.network, "network");
            same(lockedOf(PLATFORM), outcome.platform, "platform");
            uint256 sum = lockedOf(seller) + lockedOf(buyer) + lockedOf(NETWORK);
            same(sum + lockedOf(PLATFORM), ESCROW + COLLATERAL, "nothing is lost");
        }
    }

    /// Another policy that names the buyer as receiver of fees locks under its own name only.
    function test_a_policy_that_an_account_did_not_sign_does_not_prolong_its_lock() public {
        Policy memory hostile = policy();
        hostile.zone = "other";
        hostile.networkAccount = buyer;
        (hostile.correctionSeconds, hostile.challengeSeconds) = (90 days - 1, 1);
        bytes32 term = register(hostile);
        fund(account(3), 2_000_000_000);
        fund(account(4), 2_000_000_000);
        Pair memory one = pair(account(3), account(4), 1);
        (one.buy.policy, one.sell.policy) = (term, term);
        (one.buy.zone, one.sell.zone) = ("other", "other");
        vm.warp(SLOT);
        FillBatch memory batch = postOne(termsOf(hostile), single(one));
        check(batch, Reason.None);
        vm.warp(END);
        reconcile(0, id, delivery(4000, 0, 0));
        reconcile(0, idOf(batch.terms), delivery(4000, 0, 0));
        same(market.locked(buyer, term, DAY), 40_000_000, "a fee of the other policy");
        vm.warp(RELEASE);
        bytes memory release = abi.encodeCall(Market.release, (idOf(policy()), DAY, list(buyer)));
        sent(STRANGER, address(market), release);
        release = abi.encodeCall(Market.release, (term, DAY, list(buyer)));
        refused(STRANGER, address(market), release, Accounts.NotYet.selector);
    }
}
