// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {Delivery, Fill, PricePair} from "../../src/Trades.sol";
import {
    FillBatch, Order, Policy, Reason, SignedOrder, Terms, TradeBatch
} from "../../src/Types.sol";
import {Market} from "./Contracts.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {NaiveTree} from "./NaiveTree.sol";
import {Vm} from "./Vm.sol";
import {Pair, World} from "./World.sol";

/// What an auction leaves, as it is sent to the market: batches of fills between signed orders, and
/// their trades as they stand.
abstract contract Auction is World {
    /// Fills of a batch; the last one of a clearing may have fewer.
    uint256 internal constant FILLS_MAX = 64;
    /// The first mechanism with two prices for each fill.
    uint8 internal constant PRICED = 128;

    /// The pairs of a clearing and their hashes.
    struct Plan {
        Terms terms;
        Pair[] pairs;
        bytes32[] buys;
        bytes32[] sells;
    }

    /// What the last batch or run used.
    uint256 internal spent;
    /// The trades of each batch as they must stand, encoded; empty before it was settled.
    mapping(bytes32 clearing => mapping(uint256 batch => bytes)) private _standing;

    function idOf(Terms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(terms.clearing));
    }

    /// The name of a trade.
    function tradeOf(bytes32 id, uint256 index) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(id, uint32(index)));
    }

    /// Gives `terms` the root of these pairs, and answers its batches, signed by all accounts.
    /// All of them have the same `terms` in memory.
    function prove(
        Terms memory terms,
        Pair[] memory pairs
    ) internal view returns (FillBatch[] memory batches) {
        (Plan memory plan, bytes32[] memory leaves) = _plan(terms, pairs);
        terms.clearing.fills = uint32(pairs.length);
        terms.clearing.fillsRoot = NaiveTree.root(leaves);
        bytes32[] memory roots = rootsOf(leaves);
        batches = new FillBatch[](roots.length);
        for (uint256 i = 0; i < batches.length; ++i) {
            batches[i] = _batch(plan, i);
            batches[i].path = NaiveTree.path(roots, i);
        }
    }

    /// The roots of the batches of leaves.
    function rootsOf(bytes32[] memory leaves) internal pure returns (bytes32[] memory roots) {
        roots = new bytes32[]((leaves.length + FILLS_MAX - 1) / FILLS_MAX);
        for (uint256 i = 0; i < roots.length; ++i) {
            uint256 first = i * FILLS_MAX;
            uint256 count = _least(leaves.length - first, FILLS_MAX);
            bytes32[] memory some = new bytes32[](count);
            for (uint256 j = 0; j < count; ++j) some[j] = leaves[first + j];
            roots[i] = NaiveTree.root(some);
        }
    }

    /// The leaves of pairs.
    function leavesOf(
        Terms memory terms,
        Pair[] memory pairs
    ) internal view returns (bytes32[] memory leaves) {
        (, leaves) = _plan(terms, pairs);
    }

    function _plan(
        Terms memory terms,
        Pair[] memory pairs
    ) private view returns (Plan memory plan, bytes32[] memory leaves) {
        uint256 count = pairs.length;
        plan = Plan(terms, pairs, new bytes32[](count), new bytes32[](count));
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < pairs.length; ++i) {
            plan.buys[i] = hashOf(pairs[i].buy);
            plan.sells[i] = hashOf(pairs[i].sell);
        }
        for (uint256 i = 0; i < pairs.length; ++i) leaves[i] = _leaf(plan, i);
    }

    function _leaf(Plan memory plan, uint256 i) private pure returns (bytes32) {
        bytes32[2] memory who = [plan.buys[i], plan.sells[i]];
        uint64 quantity = plan.pairs[i].quantity;
        uint64[3] memory wh = [quantity, _filled(plan, who[0]), _filled(plan, who[1])];
        return leafOf(who, wh, pricesOf(plan.terms, plan.pairs[i]));
    }

    /// The leaf of a fill between two orders: what is filled of them here, and in the clearing of
    /// the one and of the other.
    function leafOf(
        bytes32[2] memory who,
        uint64[3] memory wh,
        PricePair prices
    ) internal pure returns (bytes32) {
        (uint64 buyPrice, uint64 sellPrice) = NaiveTrades.read(prices);
        bytes memory numbers = abi.encodePacked(wh[0], wh[1], wh[2], buyPrice, sellPrice);
        return NaiveTree.leaf(abi.encodePacked(who[0], who[1], numbers));
    }

    /// The prices of a pair in a clearing: its own, or those of all.
    function pricesOf(
        Terms memory terms,
        Pair memory one
    ) internal pure returns (PricePair) {
        uint64 price = terms.clearing.price;
        return
            terms.clearing.mechanism < PRICED
                ? NaiveTrades.prices(price, price)
                : NaiveTrades.prices(one.buyPrice, one.sellPrice);
    }

    /// The prices of a fill, as its batch is shown.
    function pricesIn(FillBatch memory batch, uint256 i) internal pure returns (PricePair) {
        uint64 price = batch.terms.clearing.price;
        return
            batch.terms.clearing.mechanism < PRICED
                ? NaiveTrades.prices(price, price)
                : batch.prices[i];
    }

    /// The leaf of a fill, as its batch is shown, whose orders have these hashes.
    function leafIn(
        FillBatch memory batch,
        bytes32[] memory hashes,
        uint256 i
    ) internal pure returns (bytes32) {
        (uint64 quantity, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        (SignedOrder memory a, SignedOrder memory b) = (batch.orders[buy], batch.orders[sell]);
        bytes32[2] memory who = [hashes[buy], hashes[sell]];
        return leafOf(who, [quantity, a.filled, b.filled], pricesIn(batch, i));
    }

    /// Posts the clearing of batches with other leaves than they were proven with.
    function _postLeaves(FillBatch[] memory batches, bytes32[] memory leaves) internal {
        Terms memory terms = batches[0].terms;
        terms.clearing.fillsRoot = NaiveTree.root(leaves);
        bytes32[] memory roots = rootsOf(leaves);
        for (uint256 i = 0; i < batches.length; ++i) batches[i].path = NaiveTree.path(roots, i);
        clear(terms);
    }

    /// What the clearing fills of an order.
    function _filled(Plan memory plan, bytes32 order) private pure returns (uint64 sum) {
        for (uint256 i = 0; i < plan.pairs.length; ++i) {
            if (plan.buys[i] == order) sum += plan.pairs[i].quantity;
            if (plan.sells[i] == order) sum += plan.pairs[i].quantity;
        }
    }

    function _batch(
        Plan memory plan,
        uint256 number
    ) private view returns (FillBatch memory batch) {
        uint256 first = number * FILLS_MAX;
        uint256 count = _least(plan.pairs.length - first, FILLS_MAX);
        batch.terms = plan.terms;
        batch.number = uint32(number);
        batch.fills = new Fill[](count);
        batch.prices = new PricePair[](plan.terms.clearing.mechanism < PRICED ? 0 : count);
        for (uint256 i = 0; i < batch.prices.length; ++i) {
            batch.prices[i] = pricesOf(plan.terms, plan.pairs[first + i]);
        }
        bytes32[] memory known = new bytes32[](0);
        for (uint256 i = 0; i < count; ++i) {
            Pair memory one = plan.pairs[first + i];
            uint256 buy;
            uint256 sell;
            (known, buy) = _show(plan, batch, known, one.buy);
            (known, sell) = _show(plan, batch, known, one.sell);
            batch.fills[i] = NaiveTrades.fill(one.quantity, buy, sell);
        }
        arrange(batch);
    }

    /// The place of an order among those of a batch, which it joins if it is not there.
    function _show(
        Plan memory plan,
        FillBatch memory batch,
        bytes32[] memory known,
        Order memory one
    ) private view returns (bytes32[] memory, uint256 place) {
        bytes32 hash = hashOf(one);
        for (; place < known.length; ++place) if (known[place] == hash) return (known, place);
        SignedOrder[] memory orders = new SignedOrder[](place + 1);
        for (uint256 i = 0; i < place; ++i) orders[i] = batch.orders[i];
        orders[place] = signedOrder(one, _filled(plan, hash));
        batch.orders = orders;
        put(batch, place, signatureOf(one));
        return (NaiveTree.append(known, hash), place);
    }

    /// An order of a batch, not signed yet.
    function signedOrder(
        Order memory one,
        uint64 filled
    ) internal pure returns (SignedOrder memory result) {
        (result.account, result.side) = (one.account, one.side);
        (result.quantity, result.limitPrice) = (one.quantity, one.limitPrice);
        (result.minFill, result.connectionPoint) = (one.minFill, one.connectionPoint);
        (result.delegate, result.nonce) = (one.delegate, one.nonce);
        (result.expiry, result.filled) = (one.expiry, filled);
    }

    /// What an account signs to place an order of a batch.
    function hashIn(
        Terms memory terms,
        SignedOrder memory one
    ) internal view returns (bytes32) {
        return one.account == address(0) ? one.r : hashOf(orderIn(terms, one));
    }

    /// The hashes of the orders of a batch.
    function hashesIn(FillBatch memory batch) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](batch.orders.length);
        SignedOrder[] memory all = batch.orders;
        for (uint256 i = 0; i < all.length; ++i) hashes[i] = hashIn(batch.terms, all[i]);
    }

    /// An order of a batch with what the clearing says of it.
    function orderIn(
        Terms memory terms,
        SignedOrder memory one
    ) internal pure returns (Order memory result) {
        Policy memory p = terms.policy;
        (result.account, result.side) = (one.account, one.side);
        (result.slot, result.policy) = (terms.clearing.slot, terms.clearing.policy);
        (result.quantity, result.limitPrice) = (one.quantity, one.limitPrice);
        (result.minFill, result.connectionPoint) = (one.minFill, one.connectionPoint);
        (result.community, result.zone) = (p.community, p.zone);
        (result.delegate, result.nonce) = (one.delegate, one.nonce);
        result.expiry = one.expiry;
    }

    /// The delegate's where the order names one with a key, or else the account's; of one without
    /// a key something that only a contract could accept.
    function signatureOf(Order memory one) internal view returns (bytes memory) {
        address by = keyOf[one.delegate] == 0 ? one.account : one.delegate;
        return keyOf[by] == 0 ? bytes("of a contract") : sign(by, hashOf(one));
    }

    /// Gives the order at a place a signature: 64 bytes are a key's, others a contract account's.
    function put(FillBatch memory batch, uint256 place, bytes memory signature) internal pure {
        SignedOrder memory one = batch.orders[place];
        if (signature.length == 64) {
            (one.r, one.vs) = abi.decode(signature, (bytes32, bytes32));
            return;
        }
        bytes[] memory more = new bytes[](batch.signatures.length + 1);
        for (uint256 i = 0; i + 1 < more.length; ++i) more[i] = batch.signatures[i];
        more[more.length - 1] = signature;
        (one.r, one.vs) = (bytes32(batch.signatures.length), 0);
        batch.signatures = more;
    }

    /// Puts the orders of a batch in rising order, and its fills to where they are then.
    function arrange(FillBatch memory batch) internal view {
        arrange(batch, hashesIn(batch));
    }

    /// The same where the hashes of the orders are known.
    function arrange(FillBatch memory batch, bytes32[] memory hashes) internal pure {
        uint256 count = batch.orders.length;
        uint256[] memory from = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 to_ = i;
            for (; to_ > 0; --to_) {
                uint256 last = from[to_ - 1];
                address of_ = batch.orders[last].account;
                if (of_ < batch.orders[i].account) break;
                if (of_ == batch.orders[i].account && hashes[last] <= hashes[i]) break;
                from[to_] = last;
            }
            from[to_] = i;
        }
        SignedOrder[] memory sorted = new SignedOrder[](count);
        uint256[] memory to = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) (sorted[i], to[from[i]]) = (batch.orders[from[i]], i);
        batch.orders = sorted;
        for (uint256 i = 0; i < batch.fills.length; ++i) {
            (uint64 wh, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
            // A place that is none stays one.
            (buy, sell) = (buy < count ? to[buy] : buy, sell < count ? to[sell] : sell);
            batch.fills[i] = NaiveTrades.fill(wh, buy, sell);
        }
    }

    /// No longer shows the order at a place, of which only this hash is known then.
    function hide(FillBatch memory batch, uint256 place, bytes32 hash) internal view {
        SignedOrder memory hidden;
        (hidden.r, hidden.filled) = (hash, batch.orders[place].filled);
        batch.orders[place] = hidden;
        arrange(batch);
    }

    /// Makes the only batch of a clearing, as it is shown, what the clearing has.
    function reprove(FillBatch memory batch) internal view {
        bytes32[] memory leaves = new bytes32[](batch.fills.length);
        bytes32[] memory hashes = hashesIn(batch);
        for (uint256 i = 0; i < leaves.length; ++i) leaves[i] = leafIn(batch, hashes, i);
        batch.terms.clearing.fills = uint32(leaves.length);
        batch.terms.clearing.fillsRoot = NaiveTree.root(leaves);
    }

    /// The places of both orders of a fill.
    function buyOf(FillBatch memory batch, uint256 i) internal pure returns (uint256 place) {
        (, place, ) = NaiveTrades.read(batch.fills[i]);
    }

    function sellOf(FillBatch memory batch, uint256 i) internal pure returns (uint256 place) {
        (, , place) = NaiveTrades.read(batch.fills[i]);
    }

    /// Posts a clearing.
    function clear(Terms memory terms) internal {
        sent(OPERATOR, address(market), abi.encodeCall(Market.clear, (terms)));
    }

    /// Posts the clearing of these pairs.
    function post(
        Terms memory terms,
        Pair[] memory pairs
    ) internal returns (FillBatch[] memory batches) {
        batches = prove(terms, pairs);
        clear(terms);
    }

    /// Posts the clearing of a few pairs, which are one batch.
    function postOne(
        Terms memory terms,
        Pair[] memory pairs
    ) internal returns (FillBatch memory) {
        isTrue(pairs.length <= FILLS_MAX, "one batch");
        return post(terms, pairs)[0];
    }

    /// Posts the clearing of a few pairs and settles all of it; answers its id.
    function settled(Pair[] memory pairs) internal returns (bytes32 id) {
        FillBatch memory batch = postOne(termsOf(policy()), pairs);
        check(batch, new Reason[](pairs.length));
        return idOf(batch.terms);
    }

    /// Settles a batch; each fill must be settled (`Reason.None`) or skipped for its reason, and
    /// exactly the trades of the settled ones kept.
    function check(FillBatch memory batch, Reason[] memory expected) internal {
        vm.recordLogs();
        sent(STRANGER, address(market), abi.encodeCall(Market.settle, (batch)));
        spent = vm.lastCallGas().gasTotalUsed;
        Reason[] memory got = reasonsIn(batch, vm.getRecordedLogs());
        bool[] memory in_ = new bool[](got.length);
        for (uint256 i = 0; i < got.length; ++i) {
            same(uint256(got[i]), uint256(expected[i]), "the reason of a fill");
            in_[i] = got[i] == Reason.None || got[i] == Reason.AlreadySettled;
        }
        stand(NaiveTrades.settled(batch, in_));
    }

    /// Settles a batch of which each fill has this result.
    function check(FillBatch memory batch, Reason expected) internal {
        Reason[] memory reasons = new Reason[](batch.fills.length);
        for (uint256 i = 0; i < reasons.length; ++i) reasons[i] = expected;
        check(batch, reasons);
    }

    /// What the events of settling a batch say became of its fills: one of each, and the prices
    /// before it where a trade has its own.
    function reasonsIn(
        FillBatch memory batch,
        Vm.Log[] memory logs
    ) internal pure returns (Reason[] memory reasons) {
        reasons = new Reason[](batch.fills.length);
        uint256 k = 0;
        for (uint256 i = 0; i < reasons.length; ++i) {
            bytes32 trade = tradeOf(idOf(batch.terms), batch.number * FILLS_MAX + i);
            bool priced = logs[k].topics[0] == MarketEvents.TradePriced.selector;
            if (priced) _checkPriced(batch, i, trade, logs[k++]);
            reasons[i] = reasonIn(logs[k++], trade);
            bool must = reasons[i] == Reason.None && batch.terms.clearing.mechanism >= PRICED;
            isTrue(priced == must, "prices of a trade with its own");
        }
        same(logs.length, k, "and no other event");
    }

    function _checkPriced(
        FillBatch memory batch,
        uint256 i,
        bytes32 trade,
        Vm.Log memory log
    ) private pure {
        same(log.topics[1], trade, "the trade that is priced");
        (uint64 buyPrice, uint64 sellPrice) = NaiveTrades.read(batch.prices[i]);
        same(keccak256(log.data), keccak256(abi.encode(buyPrice, sellPrice)), "its prices");
    }

    /// What an event of settling says became of the fill of a trade.
    function reasonIn(Vm.Log memory log, bytes32 trade) internal pure returns (Reason) {
        if (log.topics[0] == MarketEvents.TradeCreated.selector) {
            same(log.topics[1], trade, "the name of a trade");
            return Reason.None;
        }
        same(log.topics[0], MarketEvents.FillSkipped.selector, "an event of settling");
        same(log.topics[2], trade, "the name of a trade that is not");
        return Reason(abi.decode(log.data, (uint8)));
    }

    /// Notes how the trades of a batch stand, and that the market has kept exactly them.
    function stand(TradeBatch memory trades) internal {
        bytes32 id = idOf(trades.terms);
        (bytes32 kept, uint64 bits) = market.batchState(id, trades.number);
        same(bits, NaiveTrades.skipped(trades), "the bits of fills that are not settled");
        same(kept, NaiveTrades.kept(trades), "the hash of trades");
        _standing[id][trades.number] = abi.encode(trades);
    }

    /// The trades of a batch as they stand.
    function standing(bytes32 id, uint256 number) internal view returns (TradeBatch memory) {
        return abi.decode(_standing[id][number], (TradeBatch));
    }

    /// Reconciles trades of a batch.
    function reconcile(
        uint8 run,
        bytes32 id,
        uint256 number,
        Delivery[] memory deliveries
    ) internal {
        bytes memory call = reconciling(run, id, number, deliveries);
        address by = run == 254 ? CHALLENGES : run == 255 ? STRANGER : OPERATOR;
        vm.recordLogs();
        sent(by, address(market), call);
        spent = vm.lastCallGas().gasTotalUsed;
        saysRun(vm.getRecordedLogs(), id, number, run, deliveries);
        TradeBatch memory trades = standing(id, number);
        for (uint256 i = 0; i < deliveries.length; ++i) {
            NaiveTrades.apply_(trades, run, deliveries[i]);
        }
        stand(trades);
    }

    /// The events of a run: one of each delivery in turn, and that it is complete.
    function saysRun(
        Vm.Log[] memory logs,
        bytes32 id,
        uint256 number,
        uint8 run,
        Delivery[] memory deliveries
    ) internal pure {
        uint256 count = deliveries.length;
        same(logs.length, count + 1, "one event of each delivery, and one of the run");
        for (uint256 i = 0; i < count; ++i) {
            (uint256 place, uint64[3] memory wh) = NaiveTrades.read(deliveries[i]);
            same(logs[i].topics[0], MarketEvents.TradeReconciled.selector, "of a delivery");
            same(logs[i].topics[1], tradeOf(id, number * FILLS_MAX + place), "its trade");
            bytes memory said = abi.encode(run, wh[0], wh[1], wh[2]);
            same(keccak256(logs[i].data), keccak256(said), "run and energies");
        }
        same(logs[count].topics[0], MarketEvents.SlotReconciled.selector, "of the run");
        same(logs[count].topics[1], id, "its clearing");
        same(keccak256(logs[count].data), keccak256(abi.encode(number, run)), "batch and run");
    }

    /// Reconciles one trade of the first batch of a clearing.
    function reconcile(uint8 run, bytes32 id, Delivery one) internal {
        reconcile(run, id, 0, list(one));
    }

    /// The call that reconciles trades of a batch as they stand.
    function reconciling(
        uint8 run,
        bytes32 id,
        uint256 number,
        Delivery[] memory deliveries
    ) internal view returns (bytes memory) {
        return abi.encodeCall(Market.reconcile, (run, standing(id, number), deliveries));
    }

    function list(Delivery a) internal pure returns (Delivery[] memory all) {
        all = new Delivery[](1);
        all[0] = a;
    }

    function _least(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
