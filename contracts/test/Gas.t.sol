// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery} from "../src/Trades.sol";
import {FillBatch, Order, Reason, Terms} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// What a trade costs. Written to target/forge/gas/Gas.json, in gas per trade:
///
///   execution  what the call used
///   calldata   16 per byte, 4 per zero byte, and the 21 000 of a transaction, over its trades
///
/// "first" is the first slot of a day for its traders, "later" any other slot of the day. 100 fills
/// are two batches, of which both are summed. Of each shape there is one with a price for all, and
/// one with two prices for each fill. Each call is a transaction of its own, so that
/// nothing is warm that would not be.
/// forge-config: default.isolate = true
contract GasTest is Auction {
    uint256 private constant TRANSACTION = 21_000;

    /// `fills` between `traders` that buy and as many that sell with `orders` each, every order in
    /// `fillsOfOrder` fills: one, two or ten. What a trader ordered is side by side, or `spread`
    /// over all batches.
    struct Shape {
        string name;
        uint256 fills;
        uint256 traders;
        uint256 orders;
        uint256 fillsOfOrder;
        bool spread;
        bool priced;
    }

    function setUp() public {
        _begin();
        register(policy());
    }

    /// What a call without anything to do costs here is what a transaction costs.
    function test_a_call_is_measured_as_a_transaction() public {
        sent(STRANGER, address(0xbeef), "");
        same(vm.lastCallGas().gasTotalUsed, TRANSACTION, "gas of nothing");
    }

    /// As an auction leaves them: 50 buy orders and 50 sell orders meet in 100 fills.
    function test_100_traders_with_one_order_each() public {
        measure(Shape("100 traders", 100, 50, 1, 2, false, false));
    }

    function test_10_traders_with_ten_orders_each() public {
        measure(Shape("10 traders with 10 orders", 100, 5, 10, 2, false, false));
    }

    /// No two fills have anything in common.
    function test_200_traders_with_one_order_each() public {
        measure(Shape("200 traders", 100, 100, 1, 1, false, false));
    }

    /// Every buyer with every seller.
    function test_20_traders_with_ten_trades_each() public {
        measure(Shape("20 traders with 10 trades", 100, 10, 1, 10, false, false));
    }

    /// Eight batches, each with nearly all traders.
    function test_100_traders_with_ten_orders_and_ten_trades_each() public {
        measureOne(Shape("100 traders with 10 orders", 500, 50, 10, 1, true, false));
    }

    /// By itself, because the machine has no memory for both.
    function test_100_traders_with_ten_orders_and_ten_trades_at_two_prices() public {
        measureOne(Shape("100 traders with 10 orders, two prices", 500, 50, 10, 1, true, true));
    }

    function pairsOf(Shape memory s, uint64 slot) private returns (Pair[] memory pairs) {
        pairs = new Pair[](s.fills);
        uint256 count = s.traders * s.orders;
        for (uint256 i = 0; i < s.fills; ++i) {
            uint256 buy = s.fillsOfOrder == 1 ? i : i / 2;
            uint256 sell = s.fillsOfOrder == 1 ? i : ((i + 1) / 2) % count;
            if (s.fillsOfOrder == 10) (buy, sell) = (i / 10, i % count);
            pairs[i].buy = orderOf(s, 0, buy, slot);
            pairs[i].sell = orderOf(s, 1, sell, slot);
            (pairs[i].quantity, pairs[i].buyPrice) = (1234, 180_000);
            pairs[i].sellPrice = uint64(180_000 - 1_000 * (i % 7));
        }
    }

    function orderOf(
        Shape memory s,
        uint8 side,
        uint256 number,
        uint64 slot
    ) private returns (Order memory o) {
        uint256 which = s.spread ? number % s.traders : number / s.orders;
        uint256 nonce = s.spread ? number / s.traders : number % s.orders;
        // One bitmap word has the nonces of a day.
        o = order(account(1000 * (side + 1) + which), side, 1 + nonce);
        o.nonce += s.orders * ((slot - SLOT) / 900);
        (o.slot, o.expiry, o.quantity) = (slot, slot + SLOT_SECONDS, 20_000);
        if (side == 1 && s.priced) o.limitPrice = 170_000;
    }

    function measure(Shape memory s) private {
        uint256 state = vm.snapshotState();
        measureOne(s);
        vm.revertToState(state);
        (s.priced, s.name) = (true, string.concat(s.name, ", two prices"));
        measureOne(s);
    }

    function measureOne(Shape memory s) private {
        for (uint256 i = 0; i < s.traders; ++i) {
            fund(account(1000 + i), 100_000_000_000);
            fund(account(2000 + i), 100_000_000_000);
        }
        bytes32 first = settle(s, "first", SLOT);
        bytes32 later = settle(s, "later", SLOT + 900);
        vm.warp(SLOT + 1800);
        reconcileAll(s, "first", 0, first, 1234);
        reconcileAll(s, "later", 0, later, 1234);
        reconcileAll(s, "later, again", 1, later, 600);
    }

    function settle(Shape memory s, string memory when, uint64 slot) private returns (bytes32) {
        Terms memory terms = termsOf(policy());
        terms.clearing.slot = slot;
        if (s.priced) terms.clearing.mechanism = PRICED;
        FillBatch[] memory batches = post(terms, pairsOf(s, slot));
        uint256 total = 0;
        uint256 data = 0;
        for (uint256 i = 0; i < batches.length; ++i) {
            check(batches[i], Reason.None);
            total += spent;
            data += dataOf(abi.encodeCall(Market.settle, (batches[i])));
        }
        write(string.concat("settle, ", s.name, ", ", when), total, data, s.fills);
        return idOf(terms);
    }

    function reconcileAll(
        Shape memory s,
        string memory when,
        uint8 run,
        bytes32 id,
        uint64 delivered
    ) private {
        uint256 total = 0;
        uint256 data = 0;
        for (uint256 first = 0; first < s.fills; first += FILLS_MAX) {
            Delivery[] memory all = new Delivery[](_least(s.fills - first, FILLS_MAX));
            for (uint256 i = 0; i < all.length; ++i) {
                all[i] = NaiveTrades.delivery(i, delivered, 1234 - delivered, 0);
            }
            data += dataOf(reconciling(run, id, first / FILLS_MAX, all));
            reconcile(run, id, first / FILLS_MAX, all);
            total += spent;
        }
        write(string.concat("reconcile, ", s.name, ", ", when), total, data, s.fills);
    }

    /// What a transaction with this call costs before it does anything.
    function dataOf(bytes memory call) private pure returns (uint256 data) {
        data = TRANSACTION;
        for (uint256 i = 0; i < call.length; ++i) data += call[i] == 0 ? 4 : 16;
    }

    function write(string memory name, uint256 total, uint256 data, uint256 trades) private {
        vm.snapshotValue("Gas", string.concat(name, ": total"), total);
        vm.snapshotValue("Gas", string.concat(name, ": execution"), (total - data) / trades);
        vm.snapshotValue("Gas", string.concat(name, ": calldata"), data / trades);
    }
}
