// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../../src/MarketEvents.sol";
import {Delivery, Fill} from "../../src/Trades.sol";
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
        Plan memory plan = Plan(terms, pairs, new bytes32[](0), new bytes32[](0));
        plan.buys = new bytes32[](pairs.length);
        plan.sells = new bytes32[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            plan.buys[i] = hashOf(pairs[i].buy);
            plan.sells[i] = hashOf(pairs[i].sell);
        }
        bytes32[] memory leaves = new bytes32[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) leaves[i] = _leaf(plan, i);
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
    function leavesOf(Pair[] memory pairs) internal view returns (bytes32[] memory leaves) {
        Plan memory plan;
        plan.pairs = pairs;
        plan.buys = new bytes32[](pairs.length);
        plan.sells = new bytes32[](pairs.length);
        leaves = new bytes32[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            plan.buys[i] = hashOf(pairs[i].buy);
            plan.sells[i] = hashOf(pairs[i].sell);
        }
        for (uint256 i = 0; i < pairs.length; ++i) leaves[i] = _leaf(plan, i);
    }

    function _leaf(Plan memory plan, uint256 i) private pure returns (bytes32) {
        (bytes32 buy, bytes32 sell) = (plan.buys[i], plan.sells[i]);
        uint64[2] memory filled = [_filled(plan, buy), _filled(plan, sell)];
        return _leaf(buy, sell, plan.pairs[i].quantity, filled[0], filled[1]);
    }

    function _leaf(
        bytes32 buy,
        bytes32 sell,
        uint64 quantity,
        uint64 buyFilled,
        uint64 sellFilled
    ) internal pure returns (bytes32) {
        return NaiveTree.leaf(abi.encodePacked(buy, sell, quantity, buyFilled, sellFilled));
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
        bytes memory signature = signatureOf(one);
        put(batch, place, signature);
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

    /// Of an account without a key: something that only a contract could accept.
    function signatureOf(Order memory one) internal view returns (bytes memory) {
        if (keyOf[one.account] == 0) return "of a contract";
        return sign(one.account, hashOf(one));
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
        uint256 count = batch.orders.length;
        bytes32[] memory hashes = new bytes32[](count);
        uint256[] memory from = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = hashIn(batch.terms, batch.orders[i]);
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
        for (uint256 i = 0; i < leaves.length; ++i) {
            (uint64 wh, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
            bytes memory who = abi.encodePacked(
                hashIn(batch.terms, batch.orders[buy]),
                hashIn(batch.terms, batch.orders[sell])
            );
            (uint64 a, uint64 b) = (batch.orders[buy].filled, batch.orders[sell].filled);
            leaves[i] = NaiveTree.leaf(abi.encodePacked(who, wh, a, b));
        }
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
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, batch.fills.length, "one event of each fill");
        bytes32 id = idOf(batch.terms);
        bool[] memory in_ = new bool[](logs.length);
        for (uint256 i = 0; i < logs.length; ++i) {
            Reason reason = reasonIn(logs[i], tradeOf(id, batch.number * FILLS_MAX + i));
            same(uint256(reason), uint256(expected[i]), "the reason of a fill");
            in_[i] = reason == Reason.None || reason == Reason.AlreadySettled;
        }
        stand(NaiveTrades.settled(batch, in_));
    }

    /// Settles a batch of which each fill has this result.
    function check(FillBatch memory batch, Reason expected) internal {
        Reason[] memory reasons = new Reason[](batch.fills.length);
        for (uint256 i = 0; i < reasons.length; ++i) reasons[i] = expected;
        check(batch, reasons);
    }

    /// What an event of settling says became of the fill of a trade.
    function reasonIn(Vm.Log memory log, bytes32 trade) internal pure returns (Reason) {
        if (log.topics[0] == MarketEvents.TradeSettled.selector) {
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
        same(bits, NaiveTrades.bits(trades), "the bits of settled fills");
        same(kept, bits == 0 ? bytes32(0) : NaiveTrades.hash(trades), "the hash of trades");
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
        sent(by, address(market), call);
        spent = vm.lastCallGas().gasTotalUsed;
        TradeBatch memory trades = standing(id, number);
        for (uint256 i = 0; i < deliveries.length; ++i) {
            NaiveTrades.apply_(trades, run, deliveries[i]);
        }
        stand(trades);
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
