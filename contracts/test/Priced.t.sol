// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {Delivery, PricePair} from "../src/Trades.sol";
import {FillBatch, Policy, Reason, Terms, TradeBatch} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Vm} from "./support/Vm.sol";
import {Pair} from "./support/World.sol";

/// Clearings with two prices for each fill: what the buyer pays, and what the seller gets.
contract PricedTest is Auction {
    address private buyer;
    address private seller;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        for (uint256 i = 1; i <= 6; ++i) fund(account(i), 5_000_000_000);
    }

    /// A clearing with two prices for each fill; its own price is of none.
    function priced() private pure returns (Terms memory terms) {
        terms = termsOf(policy());
        (terms.clearing.mechanism, terms.clearing.price) = (PRICED, 999_999_999);
    }

    function offered(uint64 buyPrice, uint64 sellPrice) private view returns (Pair memory one) {
        one = pair(buyer, seller, 1);
        (one.buyPrice, one.sellPrice) = (buyPrice, sellPrice);
        (one.buy.limitPrice, one.sell.limitPrice) = (200_000, 100_000);
    }

    function lockedOf(address of_) private view returns (uint256) {
        return market.locked(of_, idOf(policy()), DAY);
    }

    function test_each_side_has_its_own_price() public {
        FillBatch memory batch = postOne(priced(), single(offered(170_000, 150_000)));
        check(batch, Reason.None);
        same(market.free(buyer), 5_000_000_000 - 5000 * 182_000, "escrow");
        // Made whole against what the buyer pays.
        same(market.free(seller), 5_000_000_000 - 5000 * 118_000, "collateral");
        vm.warp(END);
        reconcile(0, idOf(batch.terms), NaiveTrades.delivery(0, 4000, 1000, 0));
        same(lockedOf(seller), 4000 * 148_000 + 4000 * 118_000, "seller");
        same(lockedOf(buyer), 1000 * 182_000 + 1000 * 118_000, "buyer");
        same(lockedOf(DIFFERENCE), 4000 * 20_000, "difference");
        same(lockedOf(NETWORK), 4000 * 10_000, "network");
        same(lockedOf(PLATFORM), 4000 * 4_000, "platform");
        // As fees wait, so does the difference.
        bytes memory release = abi.encodeCall(
            Market.release,
            (idOf(policy()), DAY, list(DIFFERENCE))
        );
        vm.warp(RELEASE);
        sent(STRANGER, address(market), release);
        same(market.free(DIFFERENCE), 80_000_000, "free");
    }

    function test_the_events_of_a_trade_with_prices_of_its_own() public {
        FillBatch memory batch = postOne(priced(), single(offered(170_000, 150_000)));
        vm.recordLogs();
        sent(STRANGER, address(market), abi.encodeCall(Market.settle, (batch)));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 2, "prices, and the trade");
        bytes32 trade = tradeOf(idOf(batch.terms), 0);
        same(logs[0].topics[0], MarketEvents.TradePriced.selector, "prices come first");
        same(logs[0].topics[1], trade, "of the trade");
        same(keccak256(logs[0].data), keccak256(abi.encode(170_000, 150_000)), "both");
        same(logs[1].topics[0], MarketEvents.TradeCreated.selector, "then the trade");
        same(logs[1].topics[1], trade, "of the same name");
        (, , , , uint64 wh, uint256 escrow, uint256 collateral) = abi.decode(
            logs[1].data,
            (bytes32, uint32, bytes32, bytes32, uint64, uint256, uint256)
        );
        same(wh, 5000, "quantity");
        same(escrow, 5000 * 182_000, "escrow");
        same(collateral, 5000 * 118_000, "collateral");
    }

    function test_the_digest_has_both_prices() public {
        FillBatch memory batch = postOne(priced(), single(offered(170_000, 150_000)));
        check(batch, Reason.None);
        bytes32 trade = tradeOf(idOf(batch.terms), 0);
        for (uint8 side = 0; side < 2; ++side) {
            bytes memory what = abi.encodePacked(bytes32(0), uint8(1), trade, side, SLOT);
            what = abi.encodePacked(what, uint64(5000), uint64(170_000), uint64(150_000));
            what = abi.encodePacked(what, uint64(300_000), uint64(80_000), idOf(policy()));
            same(market.digest(side == 0 ? buyer : seller, DAY), keccak256(what), "digest");
        }
    }

    function test_BadPrices_where_the_seller_gets_more_than_the_buyer_pays() public {
        Pair[] memory three = new Pair[](3);
        three[0] = offered(170_000, 170_001);
        three[1] = offered(170_000, 170_000);
        three[2] = offered(170_000, 0);
        for (uint256 i = 0; i < 3; ++i) {
            (three[i].buy.nonce, three[i].sell.nonce, three[i].quantity) = (i, i, 100);
        }
        // Whatever the limits are, and before them.
        (three[0].buy.limitPrice, three[0].sell.limitPrice) = (0, type(uint64).max);
        Reason[] memory reasons = new Reason[](3);
        (reasons[0], reasons[2]) = (Reason.BadPrices, Reason.SellerLimit);
        check(postOne(priced(), three), reasons);
    }

    /// One order in fills of different prices: each is looked at by itself.
    function test_limits_are_those_of_each_fill() public {
        Pair[] memory four = new Pair[](4);
        uint64[2][4] memory prices = [
            [uint64(188_000), 102_000],
            [uint64(188_001), 102_000],
            [uint64(188_000), 101_999],
            [uint64(102_000), 102_000]
        ];
        for (uint256 i = 0; i < 4; ++i) {
            four[i] = offered(prices[i][0], prices[i][1]);
            four[i].quantity = 1000;
        }
        Reason[] memory reasons = new Reason[](4);
        (reasons[1], reasons[2]) = (Reason.BuyerLimit, Reason.SellerLimit);
        FillBatch memory batch = postOne(priced(), four);
        check(batch, reasons);
        same(market.orderFilled(hashOf(four[0].buy)), 2000, "filled");
        // Nor later.
        (reasons[0], reasons[3]) = (Reason.AlreadySettled, Reason.AlreadySettled);
        check(batch, reasons);
    }

    /// A price that does not cover the seller's fee, which would leave less than nothing.
    function test_SellerLimit_of_a_price_below_the_sellers_fee() public {
        Pair[] memory two = new Pair[](2);
        for (uint64 i = 0; i < 2; ++i) {
            two[i] = offered(170_000, 1_999 + i);
            (two[i].sell.limitPrice, two[i].buy.nonce, two[i].sell.nonce) = (0, i, i);
            two[i].quantity = 100;
        }
        Reason[] memory reasons = new Reason[](2);
        reasons[0] = Reason.SellerLimit;
        FillBatch memory batch = postOne(priced(), two);
        check(batch, reasons);
        vm.warp(END);
        reconcile(0, idOf(batch.terms), NaiveTrades.delivery(1, 100, 0, 0));
        same(lockedOf(seller), 100 * 118_000, "collateral, and nothing for the energy");
        same(lockedOf(DIFFERENCE), 100 * 168_000, "the difference");
    }

    /// Prices of 64 bits meet the largest quantities, and nothing wraps.
    function test_the_highest_prices_do_not_wrap() public {
        Terms memory terms = priced();
        (terms.policy.networkFee, terms.policy.buyerFee, terms.policy.sellerFee) = (0, 0, 0);
        terms.clearing.policy = register(terms.policy);
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = offered(type(uint64).max, 0);
            (two[i].buy.limitPrice, two[i].sell.limitPrice) = (type(uint64).max, 0);
            two[i].buy.policy = terms.clearing.policy;
            two[i].sell.policy = terms.clearing.policy;
            (two[i].buy.nonce, two[i].sell.nonce) = (i, i);
            two[i].quantity = i == 0 ? type(uint56).max : 1;
            (two[i].buy.quantity, two[i].sell.quantity) = (two[i].quantity, two[i].quantity);
        }
        fund(buyer, type(uint64).max);
        Reason[] memory reasons = new Reason[](2);
        reasons[0] = Reason.BuyerFunds;
        FillBatch memory batch = postOne(terms, two);
        check(batch, reasons);
        same(market.free(buyer), 5_000_000_000, "all that one Wh costs");
        vm.warp(END);
        reconcile(0, idOf(terms), NaiveTrades.delivery(1, 1, 0, 0));
        uint256 waits = market.locked(DIFFERENCE, terms.clearing.policy, DAY);
        same(waits, type(uint64).max, "all of it is difference");
        // With fees it is above every limit.
        _priceWithFees();
    }

    function _priceWithFees() private {
        vm.warp(SLOT);
        Terms memory terms = priced();
        terms.policy.zone = "other";
        terms.clearing.policy = register(terms.policy);
        Pair memory one = offered(type(uint64).max, 100_000);
        (one.buy.policy, one.sell.policy) = (terms.clearing.policy, terms.clearing.policy);
        (one.buy.zone, one.sell.zone) = ("other", "other");
        one.buy.limitPrice = type(uint64).max;
        (one.buy.nonce, one.sell.nonce) = (7, 7);
        check(postOne(terms, single(one)), Reason.BuyerLimit);
    }

    /// The first mechanism with two prices, and the last with one.
    function test_mechanisms_below_128_have_one_price() public {
        Terms memory terms = termsOf(policy());
        terms.clearing.mechanism = 127;
        Pair memory one = offered(1, type(uint64).max);
        FillBatch memory batch = postOne(terms, single(one));
        same(batch.prices.length, 0, "no prices");
        check(batch, Reason.None);
        same(market.free(buyer), 5_000_000_000 - ESCROW, "the clearing's");
        terms = priced();
        terms.clearing.mechanism = 255;
        terms.clearing.slot += SLOT_SECONDS;
        one = offered(170_000, 150_000);
        (one.buy.slot, one.sell.slot) = (terms.clearing.slot, terms.clearing.slot);
        (one.buy.nonce, one.sell.nonce) = (2, 2);
        check(postOne(terms, single(one)), Reason.None);
    }

    function refusedBatch(FillBatch memory batch) private {
        bytes memory call = abi.encodeCall(Market.settle, (batch));
        refused(STRANGER, address(market), call, MarketEvents.BadBatch.selector);
    }

    function test_BadBatch_of_prices_that_are_not_the_fills() public {
        Pair[] memory two = new Pair[](2);
        two[0] = offered(170_000, 150_000);
        two[1] = offered(160_000, 140_000);
        (two[0].quantity, two[1].quantity) = (100, 100);
        FillBatch memory batch = postOne(priced(), two);
        bytes memory good = abi.encode(batch);
        for (uint256 bit = 0; bit < 128; ++bit) {
            batch = abi.decode(good, (FillBatch));
            batch.prices[1] = PricePair.wrap(PricePair.unwrap(batch.prices[1]) ^ (1 << bit));
            refusedBatch(batch);
        }
        for (uint256 count = 0; count < 4; ++count) {
            batch = abi.decode(good, (FillBatch));
            PricePair[] memory some = new PricePair[](count);
            for (uint256 i = 0; i < count && i < 2; ++i) some[i] = batch.prices[i];
            batch.prices = some;
            if (count != 2) refusedBatch(batch);
        }
        batch = abi.decode(good, (FillBatch));
        (batch.prices[0], batch.prices[1]) = (batch.prices[1], batch.prices[0]);
        refusedBatch(batch);
        check(abi.decode(good, (FillBatch)), Reason.None);
    }

    /// Where all have one price nobody shows another, not even the same.
    function test_BadBatch_of_prices_where_there_is_one_for_all() public {
        FillBatch memory batch = postOne(termsOf(policy()), single(pair(buyer, seller, 1)));
        batch.prices = new PricePair[](1);
        batch.prices[0] = NaiveTrades.prices(180_000, 180_000);
        refusedBatch(batch);
        batch.prices = new PricePair[](0);
        check(batch, Reason.None);
    }

    /// Bits of a pair that mean nothing are not kept: whoever sends a batch first cannot make it
    /// unknown to who rebuilds it.
    function test_dirty_bits_of_prices_are_not_kept() public {
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = offered(170_000, 150_000);
            (two[i].buy.nonce, two[i].sell.nonce, two[i].quantity) = (i, i, 10);
        }
        two[1].sell.account = account(9); // who has no cash
        FillBatch memory batch = postOne(priced(), two);
        bytes memory good = abi.encode(batch);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 word = PricePair.unwrap(batch.prices[i]) | (type(uint256).max << 128);
            batch.prices[i] = PricePair.wrap(word);
        }
        Reason[] memory reasons = new Reason[](2);
        reasons[1] = Reason.SellerFunds;
        check(batch, reasons);
        reasons[0] = Reason.AlreadySettled;
        check(batch, reasons);
        // What was not settled has no prices either, until it is.
        TradeBatch memory kept = standing(idOf(batch.terms), 0);
        same(PricePair.unwrap(kept.prices[1]), 0, "none of what was skipped");
        fund(account(9), 5_000_000_000);
        reasons[1] = Reason.None;
        check(abi.decode(good, (FillBatch)), reasons);
    }

    /// Prices are kept with their trades: no run has others, of any bit or number.
    function test_BatchChanged_of_prices() public {
        Pair[] memory two = new Pair[](2);
        for (uint256 i = 0; i < 2; ++i) {
            two[i] = offered(uint64(170_000 + i), 150_000);
            (two[i].buy.nonce, two[i].sell.nonce, two[i].quantity) = (i, i, 10);
        }
        FillBatch memory batch = postOne(priced(), two);
        check(batch, Reason.None);
        bytes32 id = idOf(batch.terms);
        vm.warp(END);
        bytes memory shown = abi.encode(standing(id, 0));
        TradeBatch memory changed;
        for (uint256 bit = 0; bit < 256; ++bit) {
            changed = abi.decode(shown, (TradeBatch));
            changed.prices[1] = PricePair.wrap(PricePair.unwrap(changed.prices[1]) ^ (1 << bit));
            refusedChange(changed);
        }
        changed = abi.decode(shown, (TradeBatch));
        (changed.prices[0], changed.prices[1]) = (changed.prices[1], changed.prices[0]);
        refusedChange(changed);
        for (uint256 count = 0; count < 4; ++count) {
            changed = abi.decode(shown, (TradeBatch));
            PricePair[] memory some = new PricePair[](count);
            for (uint256 i = 0; i < count && i < 2; ++i) some[i] = changed.prices[i];
            changed.prices = some;
            if (count != 2) refusedChange(changed);
        }
        Delivery[] memory both = new Delivery[](2);
        (both[0], both[1]) = (NaiveTrades.delivery(0, 10, 0, 0), NaiveTrades.delivery(1, 10, 0, 0));
        reconcile(0, id, 0, both);
        same(lockedOf(DIFFERENCE), 10 * 20_000 + 10 * 20_001, "each at its own");
    }

    /// Nor has a run prices where there is one for all.
    function test_BatchChanged_of_prices_where_there_is_one_for_all() public {
        bytes32 id = settled(single(pair(buyer, seller, 1)));
        vm.warp(END);
        TradeBatch memory changed = standing(id, 0);
        changed.prices = new PricePair[](1);
        refusedChange(changed);
        changed.prices[0] = NaiveTrades.prices(200_000, 0);
        refusedChange(changed);
    }

    function refusedChange(TradeBatch memory changed) private {
        Delivery[] memory one = list(NaiveTrades.delivery(0, 10, 0, 0));
        bytes memory run = abi.encodeCall(Market.reconcile, (0, changed, one));
        refused(OPERATOR, address(market), run, MarketEvents.BatchChanged.selector);
    }

    /// Whatever pairs a clearer posts, nobody pays more, or gets less, than signed, and what is
    /// between goes to the difference account, to the unit, also once it was corrected.
    function test_fuzz_the_difference_is_what_buyers_pay_above_what_sellers_get(
        uint64[3] memory buyPrices,
        uint64[3] memory sellPrices,
        uint16[3] memory delivered,
        uint16[3] memory corrected
    ) public {
        Pair[] memory three = new Pair[](3);
        Reason[] memory reasons = new Reason[](3);
        for (uint256 i = 0; i < 3; ++i) {
            three[i] = offered(
                95_000 + (buyPrices[i] % 100_000),
                95_000 + (sellPrices[i] % 100_000)
            );
            three[i].quantity = 1000;
            reasons[i] = _expected(three[i]);
        }
        FillBatch memory batch = postOne(priced(), three);
        check(batch, reasons);
        vm.warp(END);
        for (uint8 run = 0; run < 2; ++run) {
            (uint256 paid, uint256 got, uint256 fees) = (0, 0, 0);
            for (uint256 i = 0; i < 3; ++i) {
                if (reasons[i] != Reason.None) continue;
                uint64 wh = (run == 0 ? delivered[i] : corrected[i]) % 1001;
                // Nobody is short of more than is tolerated.
                reconcile(run, idOf(batch.terms), NaiveTrades.delivery(i, wh, 0, 0));
                paid += wh * (uint256(three[i].buyPrice) + 12_000);
                got += wh * (uint256(three[i].sellPrice) - 2_000);
                fees += wh * 14_000;
                isTrue(three[i].buyPrice + 12_000 <= 200_000, "inside the buyer's limit");
                isTrue(three[i].sellPrice >= 102_000, "inside the seller's limit");
            }
            same(lockedOf(NETWORK) + lockedOf(PLATFORM), fees, "fees");
            same(lockedOf(DIFFERENCE), paid - got - fees, "difference");
        }
    }

    function _expected(Pair memory one) private pure returns (Reason) {
        if (one.sellPrice > one.buyPrice) return Reason.BadPrices;
        if (one.buyPrice > 188_000) return Reason.BuyerLimit;
        return one.sellPrice < 102_000 ? Reason.SellerLimit : Reason.None;
    }

    /// An account that receives differences may also buy, sell and receive everything else.
    function test_fuzz_one_account_may_receive_everything(uint16[2] memory wh) public {
        Terms memory terms = priced();
        Policy memory p = terms.policy;
        (p.networkAccount, p.platformAccount) = (buyer, buyer);
        (p.differenceAccount, p.balanceAccount) = (buyer, buyer);
        (p.sellerShort, p.toleranceBps, p.toleranceWh) = (2, 0, 0);
        terms.clearing.policy = register(p);
        Pair memory one = offered(170_000, 150_000);
        (one.buy.policy, one.sell.policy) = (terms.clearing.policy, terms.clearing.policy);
        check(postOne(terms, single(one)), Reason.None);
        vm.warp(END);
        for (uint8 run = 0; run < 2; ++run) {
            uint64 delivered = wh[run] % 5001;
            uint64 short = 5000 - delivered;
            reconcile(run, idOf(terms), NaiveTrades.delivery(0, delivered, short, 0));
            uint256 ofSeller = delivered * (148_000 + 40_000);
            same(market.locked(seller, terms.clearing.policy, DAY), ofSeller, "seller");
            uint256 all = 5000 * (182_000 + 40_000);
            same(market.locked(buyer, terms.clearing.policy, DAY), all - ofSeller, "the rest");
        }
    }
}
