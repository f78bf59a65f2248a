// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {FillBatch, Order, Reason, SignedOrder, TradeBatch} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {BadWallet, Wallet} from "./support/Wallets.sol";
import {Pair} from "./support/World.sol";

/// Batches that come again, in any order, or not wholly shown; and orders that go on in several.
contract RetryTest is Auction {
    uint256 private constant GAS_OF_A_TRANSACTION = 16_777_216;

    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        for (uint256 i = 1; i <= 10; ++i) fund(account(i), 100_000_000_000);
        (buyer, seller) = (account(1), account(2));
    }

    /// 70 fills of 10 Wh. One buy order has fills 60 to 69, and so goes on in the second batch.
    function spread() private returns (Pair[] memory all) {
        all = new Pair[](70);
        for (uint256 i = 0; i < 70; ++i) {
            all[i] = pair(account(3 + i % 8), seller, i);
            (all[i].sell.nonce, all[i].quantity) = (500 + i, 10);
            if (i >= 60) all[i].buy = order(buyer, 0, 7);
        }
    }

    function place(FillBatch memory batch, bytes32 hash) private view returns (uint256 k) {
        while (hashIn(batch.terms, batch.orders[k]) != hash) ++k;
    }

    /// None, but `reason` from `first` on.
    function mixed(
        uint256 count,
        uint256 first,
        Reason other,
        Reason reason
    ) private pure returns (Reason[] memory all) {
        all = new Reason[](count);
        for (uint256 i = 0; i < count; ++i) all[i] = i < first ? other : reason;
    }

    function test_an_order_goes_on_in_the_next_batch() public {
        Pair[] memory all = spread();
        bytes32 shared = hashOf(all[69].buy);
        FillBatch[] memory batches = post(termsOf(policy()), all);
        uint256 state = vm.snapshotState();
        for (uint256 first = 0; first < 2; ++first) {
            check(batches[first], Reason.None);
            same(market.orderFilled(shared), first == 0 ? 40 : 60, "filled so far");
            check(batches[1 - first], Reason.None);
            same(market.orderFilled(shared), 100, "all of it");
            same(market.free(buyer), 100_000_000_000 - 100 * 192_000, "and paid for once");
            check(batches[0], Reason.AlreadySettled);
            check(batches[1], Reason.AlreadySettled);
            // Orders that one batch filled are not kept.
            same(market.orderFilled(hashOf(all[0].buy)), 0, "nothing is kept of others");
            vm.revertToState(state);
        }
    }

    function test_an_order_that_is_cancelled_between_two_batches_gets_no_more() public {
        Pair[] memory all = spread();
        FillBatch[] memory batches = post(termsOf(policy()), all);
        check(batches[1], Reason.None);
        sent(buyer, address(market), abi.encodeCall(Market.cancel, (7)));
        check(batches[0], mixed(64, 60, Reason.None, Reason.BuyerNonce));
        check(batches[0], mixed(64, 60, Reason.AlreadySettled, Reason.BuyerNonce));
        same(market.orderFilled(hashOf(all[69].buy)), 60, "what was filled before");
    }

    /// Whoever sends a batch first with other signatures takes nothing from it but time.
    function test_spoilt_signatures_do_not_keep_an_order_from_being_filled() public {
        Pair[] memory all = spread();
        bytes32 shared = hashOf(all[69].buy);
        FillBatch[] memory batches = post(termsOf(policy()), all);
        for (uint256 i = 0; i < 2; ++i) {
            SignedOrder memory one = batches[i].orders[place(batches[i], shared)];
            (bytes32 r, bytes32 vs) = (one.r, one.vs);
            (one.r, one.vs) = (vs, r);
            uint256 first = i == 0 ? 60 : 0;
            uint256 count = batches[i].fills.length;
            check(batches[i], mixed(count, first, Reason.None, Reason.BuyerSignature));
            isTrue(!market.nonceUsed(buyer, 7) || i == 1, "its nonce is not used");
            (one.r, one.vs) = (r, vs);
            check(batches[i], mixed(count, first, Reason.AlreadySettled, Reason.None));
        }
        same(market.orderFilled(shared), 100, "all of it");
    }

    /// Two orders with one nonce, each in a batch of its own: whichever is first.
    function test_a_nonce_serves_one_order_over_all_batches() public {
        Pair[] memory all = spread();
        for (uint256 i = 64; i < 70; ++i) all[i].buy.limitPrice += 1;
        FillBatch[] memory batches = post(termsOf(policy()), all);
        uint256 state = vm.snapshotState();
        check(batches[0], Reason.None);
        check(batches[1], Reason.BuyerNonce);
        vm.revertToState(state);
        check(batches[1], Reason.None);
        check(batches[0], mixed(64, 60, Reason.None, Reason.BuyerNonce));
    }

    /// An order that one batch filled wholly gives nothing to another, although nothing is kept of
    /// it: its nonce is used.
    function test_an_order_that_was_filled_wholly_gets_no_more() public {
        Pair[] memory all = spread();
        FillBatch[] memory batches = prove(termsOf(policy()), all);
        // A clearing that says of both batches that they fill all of the order.
        bytes32 shared = hashOf(all[69].buy);
        bytes32[] memory leaves = leavesOf(termsOf(policy()), all);
        for (uint256 i = 60; i < 70; ++i) {
            leaves[i] = leafOf(
                [shared, hashOf(all[i].sell)],
                [uint64(10), i < 64 ? 40 : 60, 10],
                NaiveTrades.prices(180_000, 180_000)
            );
        }
        _postLeaves(batches, leaves);
        batches[0].orders[place(batches[0], shared)].filled = 40;
        batches[1].orders[place(batches[1], shared)].filled = 60;
        uint256 state = vm.snapshotState();
        check(batches[0], Reason.None);
        check(batches[1], Reason.BuyerNonce);
        same(market.orderFilled(shared), 0, "nothing is kept");
        vm.revertToState(state);
        check(batches[1], Reason.None);
        check(batches[0], mixed(64, 60, Reason.None, Reason.BuyerNonce));
    }

    function test_orders_that_are_not_shown_wait() public {
        Pair[] memory all = spread();
        bytes32 shared = hashOf(all[69].buy);
        FillBatch[] memory batches = post(termsOf(policy()), all);
        bytes memory whole = abi.encode(batches[0]);
        hide(batches[0], place(batches[0], shared), shared);
        check(batches[0], mixed(64, 60, Reason.None, Reason.NotShown));
        isTrue(!market.nonceUsed(buyer, 7), "its nonce is not used");
        // Nobody may leave out what is settled.
        FillBatch memory less = abi.decode(whole, (FillBatch));
        bytes32 own = hashOf(all[0].buy);
        hide(less, place(less, own), own);
        bytes memory call = abi.encodeCall(Market.settle, (less));
        refused(STRANGER, address(market), call, MarketEvents.BadBatch.selector);
        check(batches[1], Reason.None);
        FillBatch memory good = abi.decode(whole, (FillBatch));
        check(good, mixed(64, 60, Reason.AlreadySettled, Reason.None));
        same(market.orderFilled(shared), 100, "filled at last");
    }

    /// All of a batch unshown: nothing happens, and nobody needs an order for it.
    function test_a_batch_of_unshown_orders_settles_nothing() public {
        FillBatch[] memory batches = post(termsOf(policy()), spread());
        FillBatch memory batch = batches[1];
        for (uint256 k = 0; k < batch.orders.length; ++k) {
            bytes32 hash = hashIn(batch.terms, batch.orders[k]);
            SignedOrder memory hidden;
            (hidden.r, hidden.filled) = (hash, batch.orders[k].filled);
            batch.orders[k] = hidden;
        }
        arrange(batch);
        check(batch, Reason.NotShown);
        (bytes32 kept, uint64 bits) = market.batchState(idOf(batch.terms), 1);
        same(kept, 0, "no trades");
        same(bits, 0, "no bits");
    }

    /// What was skipped is settled later: bits and hash are those of all settled fills, and what
    /// the earlier trades did to digests and cash stays.
    function test_a_retry_settles_what_was_skipped_and_touches_nothing_else() public {
        Pair[] memory four = new Pair[](4);
        // The first and the last account of the list come late.
        address[4] memory who = [account(11), account(3), account(4), account(12)];
        for (uint256 i = 0; i < 4; ++i) {
            four[i] = pair(who[i], seller, i);
            (four[i].sell.nonce, four[i].quantity) = (100, 10);
        }
        FillBatch memory batch = postOne(termsOf(policy()), four);
        Reason[] memory reasons = new Reason[](4);
        (reasons[0], reasons[3]) = (Reason.BuyerFunds, Reason.BuyerFunds);
        check(batch, reasons);
        bytes32 digest = market.digest(account(3), DAY);
        bytes32 ofSeller = market.digest(seller, DAY);
        uint256 free = market.free(account(3));
        (, uint64 bits) = market.batchState(idOf(batch.terms), 0);
        same(bits, 9, "two of four were skipped");
        fund(account(12), 1_000_000_000);
        (reasons[1], reasons[2], reasons[3]) = (
            Reason.AlreadySettled,
            Reason.AlreadySettled,
            Reason.None
        );
        check(batch, reasons);
        (, bits) = market.batchState(idOf(batch.terms), 0);
        same(bits, 1, "one of four");
        same(market.digest(account(3), DAY), digest, "the digest of an earlier trade");
        same(market.free(account(3)), free, "its cash");
        isTrue(market.digest(seller, DAY) != ofSeller, "the seller has a trade more");
        same(market.free(seller), 100_000_000_000 - 30 * 108_000, "collateral of three");
        fund(account(11), 1_000_000_000);
        (reasons[0], reasons[3]) = (Reason.None, Reason.AlreadySettled);
        check(batch, reasons);
        TradeBatch memory trades = standing(idOf(batch.terms), 0);
        same(trades.accounts.length, 5, "all accounts");
        same(market.orderFilled(hashOf(four[0].sell)), 40, "and all of the seller's order");
    }

    /// What was not settled when the slot ended never is, and so a run is never undone.
    function test_a_second_attempt_after_reconciliation_is_too_late() public {
        Pair[] memory two = new Pair[](2);
        two[0] = pair(buyer, seller, 1);
        two[1] = pair(account(11), seller, 2);
        (two[0].quantity, two[1].quantity) = (10, 10);
        FillBatch memory batch = postOne(termsOf(policy()), two);
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.BuyerFunds;
        check(batch, reasons);
        fund(account(11), 1_000_000_000);
        vm.warp(END);
        reconcile(0, idOf(batch.terms), NaiveTrades.delivery(0, 10, 0, 0));
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, MarketEvents.SlotOver.selector);
    }

    /// 128 orders of contract accounts that burn all the gas they get, revert, or answer rubbish:
    /// the batch fits into a transaction, and one good fill of it is settled.
    /// forge-config: default.isolate = true
    function test_a_full_batch_of_contract_accounts_fits_into_a_transaction() public {
        for (uint256 answer = 0; answer < 7; ++answer) {
            uint256 state = vm.snapshotState();
            bool good = BadWallet.Answer(answer) == BadWallet.Answer.Long;
            _fullBatch(BadWallet.Answer(answer), good);
            vm.revertToState(state);
        }
    }

    /// The same with 128 contracts as delegates, whose mandates are asked for and counted.
    /// forge-config: default.isolate = true
    function test_a_full_batch_of_contract_delegates_fits_into_a_transaction() public {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 state = vm.snapshotState();
            FillBatch memory batch = _delegates(
                i == 0 ? BadWallet.Answer.Burn : BadWallet.Answer.Long
            );
            check(batch, i == 0 ? Reason.BuyerSignature : Reason.None);
            string memory name = i == 0 ? "that burn gas" : "that accept";
            name = string.concat("settle, 128 delegates ", name, ": total");
            vm.snapshotValue("Gas", name, spent);
            isTrue(spent < GAS_OF_A_TRANSACTION, "fits into a transaction");
            vm.revertToState(state);
        }
    }

    /// Where all accept with the last of their gas, a batch fits into two: whose order is not shown
    /// waits for the second.
    /// forge-config: default.isolate = true
    function test_a_full_batch_of_slow_delegates_fits_into_two_transactions() public {
        FillBatch memory batch = _delegates(BadWallet.Answer.Slow);
        bytes memory whole = abi.encode(batch);
        Reason[] memory reasons = new Reason[](64);
        for (uint256 i = 32; i < 64; ++i) reasons[i] = Reason.NotShown;
        for (uint256 i = 32; i < 64; ++i) {
            for (uint256 side = 0; side < 2; ++side) {
                uint256 at_ = side == 0 ? buyOf(batch, i) : sellOf(batch, i);
                hide(batch, at_, hashIn(batch.terms, batch.orders[at_]));
            }
        }
        check(batch, reasons);
        isTrue(spent < GAS_OF_A_TRANSACTION, "the first half");
        uint256 first = spent;
        // Of what is settled only the accounts count: nobody is asked for it again.
        batch = abi.decode(whole, (FillBatch));
        for (uint256 i = 0; i < 32; ++i) {
            (batch.orders[buyOf(batch, i)].r, batch.orders[sellOf(batch, i)].r) = (
                bytes32(type(uint256).max),
                bytes32(type(uint256).max)
            );
        }
        for (uint256 i = 0; i < 64; ++i) {
            reasons[i] = i < 32 ? Reason.AlreadySettled : Reason.None;
        }
        check(batch, reasons);
        isTrue(spent < GAS_OF_A_TRANSACTION, "the second half");
        vm.snapshotValue("Gas", "settle, 128 slow delegates, in two: total", first + spent);
    }

    /// A batch of 64 fills between accounts that each have a contract as their delegate.
    function _delegates(BadWallet.Answer answer) private returns (FillBatch memory batch) {
        Pair[] memory all = new Pair[](64);
        for (uint256 k = 0; k < 64; ++k) {
            all[k] = pair(account(100 + k), account(200 + k), 1);
            all[k].quantity = 10;
            _delegate(all[k].buy, answer);
            _delegate(all[k].sell, answer);
        }
        batch = postOne(termsOf(policy()), all);
        for (uint256 k = 0; k < 128; ++k) put(batch, k, "of a contract");
    }

    function _delegate(Order memory one, BadWallet.Answer answer) private {
        address by = address(new BadWallet(answer));
        delegated(one, by);
        grantTo(one.account, by, limits(1));
        fund(one.account, 100_000_000);
    }

    function _fullBatch(BadWallet.Answer answer, bool good) private {
        Pair[] memory all = new Pair[](64);
        for (uint256 i = 0; i < 64; ++i) {
            address buys = address(new BadWallet(answer));
            address sells = address(new BadWallet(answer));
            all[i] = pair(buys, sells, 1);
            all[i].quantity = 10;
            if (good) fund(buys, 100_000_000);
            if (good) fund(sells, 100_000_000);
        }
        address wallet = address(new Wallet(buyer));
        fund(wallet, 100_000_000);
        all[31] = pair(wallet, seller, 1);
        all[31].quantity = 10;
        FillBatch memory batch = postOne(termsOf(policy()), all);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[buyer], hashOf(all[31].buy));
        put(batch, buyOf(batch, 31), abi.encodePacked(r, s, v));
        same(batch.orders.length, 128, "as many orders as there can be");
        Reason reason = good ? Reason.None : Reason.BuyerSignature;
        Reason[] memory reasons = mixed(64, 64, reason, reason);
        reasons[31] = Reason.None;
        check(batch, reasons);
        string memory name = string.concat("answer ", vm.toString(uint256(answer)));
        vm.snapshotValue("Gas", string.concat("settle, 128 contracts, ", name, ": total"), spent);
        isTrue(spent < GAS_OF_A_TRANSACTION, "fits into a transaction");
    }
}
