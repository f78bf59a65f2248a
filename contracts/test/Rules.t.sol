// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery} from "../src/Trades.sol";
import {FillBatch, Outcome, Policy, Reason, Terms} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Judge} from "./support/Contracts.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// Who pays for energy that does not come, or is not taken: every rule of both sides.
contract RulesTest is Auction {
    address private buyer;
    address private seller;
    Judge private judge;
    bytes32 private term;

    function setUp() public {
        _begin();
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 5_000_000_000);
        judge = Judge(deployed("Challenges", abi.encode(market, address(0), address(0))));
    }

    /// Settles 5000 Wh under these rules, without tolerance, and goes to the end of the slot.
    function settledWith(
        uint8 sellerShort,
        uint8 buyerShort,
        uint64 imbalancePrice
    ) private returns (bytes32) {
        Terms memory terms = termsOf(policy());
        Policy memory p = terms.policy;
        (p.sellerShort, p.buyerShort, p.imbalancePrice) = (sellerShort, buyerShort, imbalancePrice);
        (p.toleranceBps, p.toleranceWh) = (0, 0);
        term = register(p);
        terms.clearing.policy = term;
        Pair memory one = pair(buyer, seller, 1);
        (one.buy.policy, one.sell.policy) = (term, term);
        check(postOne(terms, single(one)), Reason.None);
        vm.warp(END);
        return idOf(terms);
    }

    function lockedOf(address of_) private view returns (uint256) {
        return market.locked(of_, term, DAY);
    }

    function posted() private view returns (uint256) {
        return 5_000_000_000 - market.free(seller);
    }

    function test_a_seller_that_pays_actual_posts_and_owes_nothing() public {
        bytes32 id = settledWith(0, 0, 40_000);
        same(posted(), 0, "no collateral");
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 1000, 0));
        same(lockedOf(seller), 4000 * 178_000, "what it delivered");
        same(lockedOf(buyer), 1000 * 192_000, "what did not come");
        same(lockedOf(BALANCE), 0, "no imbalance");
    }

    function test_a_seller_makes_its_buyer_whole() public {
        bytes32 id = settledWith(1, 0, 40_000);
        same(posted(), 5000 * 108_000, "retail less all in");
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 1000, 0));
        same(lockedOf(buyer), 1000 * 300_000, "what it costs elsewhere");
        same(lockedOf(seller), 4000 * (178_000 + 108_000), "seller");
        same(lockedOf(BALANCE), 0, "no imbalance");
    }

    function test_a_seller_pays_the_imbalance_price() public {
        bytes32 id = settledWith(2, 0, 250_000);
        same(posted(), 5000 * 250_000, "the most that it may owe");
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 1000, 0));
        same(lockedOf(buyer), 1000 * 192_000, "what did not come");
        same(lockedOf(seller), 4000 * (178_000 + 250_000), "seller");
        same(lockedOf(BALANCE), 1000 * 250_000, "imbalance");
        // And what was paid comes back where the reading was wrong.
        reconcile(1, id, NaiveTrades.delivery(0, 4900, 100, 0));
        same(lockedOf(BALANCE), 100 * 250_000, "corrected");
        reconcile(2, id, NaiveTrades.delivery(0, 5000, 0, 0));
        same(lockedOf(BALANCE), 0, "and gone");
        same(lockedOf(seller), 5000 * (178_000 + 250_000), "all of its collateral");
    }

    function test_a_buyer_that_pays_actual_owes_nothing() public {
        bytes32 id = settledWith(1, 0, 40_000);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(buyer), 1000 * 192_000, "what it did not take");
        same(lockedOf(seller), 4000 * 178_000 + 5000 * 108_000, "what it delivered");
    }

    function test_a_buyer_makes_its_seller_whole() public {
        bytes32 id = settledWith(0, 1, 40_000);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(buyer), 1000 * (192_000 - 100_000), "less what the seller lost");
        same(lockedOf(seller), 4000 * 178_000 + 1000 * 100_000, "price less feed-in");
        same(lockedOf(BALANCE), 0, "no imbalance");
    }

    function test_a_buyer_pays_the_imbalance_price() public {
        bytes32 id = settledWith(0, 2, 40_000);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(buyer), 1000 * (192_000 - 40_000), "less the imbalance");
        same(lockedOf(seller), 4000 * 178_000, "what it delivered");
        same(lockedOf(BALANCE), 1000 * 40_000, "imbalance");
    }

    function test_a_buyer_pays_no_imbalance_above_its_escrow() public {
        bytes32 id = settledWith(0, 2, 192_001);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(buyer), 0, "nothing comes back");
        same(lockedOf(BALANCE), 1000 * 192_000, "all of it");
    }

    function test_a_buyer_takes_or_pays() public {
        bytes32 id = settledWith(2, 3, 40_000);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(buyer), 1000 * (192_000 - 178_000), "network and fees of what did not flow");
        same(lockedOf(seller), 5000 * 178_000 + 5000 * 40_000, "as if all had been taken");
        same(lockedOf(BALANCE), 0, "no imbalance");
    }

    /// A rule of one side is none of the other's.
    function test_the_rules_of_both_sides_are_apart() public {
        bytes32 id = settledWith(2, 1, 40_000);
        reconcile(0, id, NaiveTrades.delivery(0, 4000, 0, 1000));
        same(lockedOf(BALANCE), 0, "the buyer pays no imbalance");
        reconcile(1, id, NaiveTrades.delivery(0, 4000, 1000, 0));
        same(lockedOf(BALANCE), 1000 * 40_000, "the seller does");
    }

    /// A shortfall up to the tolerance costs nobody anything, whatever the rules are.
    function test_a_shortfall_within_the_tolerance_is_no_imbalance() public {
        for (uint8 i = 0; i < 12; ++i) {
            uint256 state = vm.snapshotState();
            Terms memory terms = termsOf(policy());
            (terms.policy.sellerShort, terms.policy.buyerShort) = (i % 3, i / 3);
            term = register(terms.policy);
            terms.clearing.policy = term;
            Pair memory one = pair(buyer, seller, 1);
            (one.buy.policy, one.sell.policy) = (term, term);
            check(postOne(terms, single(one)), Reason.None);
            uint256 collateral = posted();
            vm.warp(END);
            // A tenth of 5000 Wh.
            bool ofSeller = i & 1 == 0;
            (uint64 a, uint64 b) = ofSeller ? (uint64(500), uint64(0)) : (uint64(0), uint64(500));
            reconcile(0, idOf(terms), NaiveTrades.delivery(0, 4500, a, b));
            same(lockedOf(buyer), 500 * 192_000, "all that was not delivered comes back");
            same(lockedOf(seller), 4500 * 178_000 + collateral, "and all collateral");
            same(lockedOf(BALANCE), 0, "no imbalance");
            vm.revertToState(state);
        }
    }

    /// What expires costs nobody anything either.
    function test_an_expired_trade_gives_back_everything_under_every_rule() public {
        for (uint8 i = 0; i < 12; ++i) {
            uint256 state = vm.snapshotState();
            bytes32 id = settledWith(i % 3, i / 3, 40_000);
            uint256 collateral = posted();
            vm.warp(CORRECTIONS_END + 1);
            reconcile(255, id, NaiveTrades.delivery(0, 0, 0, 0));
            same(lockedOf(buyer), ESCROW, "escrow");
            same(lockedOf(seller), collateral, "collateral");
            vm.revertToState(state);
        }
    }

    /// Any runs under any rules: what is locked is the outcome of the last, and sums to what the
    /// trade tied up.
    function test_fuzz_every_rule_pays_out_escrow_and_collateral(
        uint8 rules,
        uint64 imbalancePrice,
        uint16[6] memory claims
    ) public {
        bytes32 id = settledWith(rules % 3, (rules / 3) % 4, imbalancePrice % 400_000);
        uint256 tied = ESCROW + posted();
        for (uint8 run = 0; run < 3; ++run) {
            uint64 delivered = claims[2 * run] % 5001;
            uint64 short = claims[2 * run + 1] % (5001 - delivered);
            bool ofSeller = claims[2 * run] & 1 == 0;
            Delivery one = NaiveTrades.delivery(
                0,
                delivered,
                ofSeller ? short : 0,
                ofSeller ? 0 : short
            );
            Outcome memory o = judge.preview(
                standing(id, 0).terms,
                NaiveTrades.prices(180_000, 180_000),
                5000,
                one
            );
            reconcile(run, id, one);
            same(lockedOf(buyer), o.refund + o.makeWhole, "buyer");
            same(lockedOf(seller), o.sellerNet + o.compensation + o.collateralBack, "seller");
            same(lockedOf(NETWORK), o.network, "network");
            same(lockedOf(PLATFORM), o.platform, "platform");
            same(lockedOf(BALANCE), o.imbalance, "balance");
            same(lockedOf(DIFFERENCE), 0, "one price leaves no difference");
            uint256 sum = lockedOf(buyer) + lockedOf(seller) + lockedOf(NETWORK);
            same(sum + lockedOf(PLATFORM) + lockedOf(BALANCE), tied, "nothing is lost");
        }
    }

    /// What a seller may owe of all that it does not deliver is what it posted, never more.
    function test_fuzz_a_seller_owes_at_most_its_collateral(uint8 rules, uint64 price) public {
        bytes32 id = settledWith(rules % 3, 0, price % 900_000);
        reconcile(0, id, NaiveTrades.delivery(0, 0, 5000, 0));
        same(lockedOf(seller), 0, "all of it is owed");
        uint256 tied = ESCROW + posted();
        same(lockedOf(buyer) + lockedOf(BALANCE), tied, "and nothing else");
    }

    /// Without collateral a seller needs no cash.
    function test_SellerFunds_of_what_a_seller_may_owe() public {
        for (uint8 rule = 0; rule < 3; ++rule) {
            Terms memory terms = termsOf(policy());
            (terms.policy.sellerShort, terms.policy.zone) = (rule, bytes32(uint256(rule)));
            term = register(terms.policy);
            terms.clearing.policy = term;
            Pair memory one = pair(buyer, account(3), rule); // who has no cash
            (one.buy.policy, one.sell.policy) = (term, term);
            (one.buy.zone, one.sell.zone) = (terms.policy.zone, terms.policy.zone);
            FillBatch memory batch = postOne(terms, single(one));
            check(batch, rule == 0 ? Reason.None : Reason.SellerFunds);
            if (rule == 0) continue;
            uint256 least = 5000 * uint256(rule == 1 ? 108_000 : 40_000);
            fund(account(3), least - 1 - market.free(account(3)));
            check(batch, Reason.SellerFunds);
            fund(account(3), 1);
            check(batch, Reason.None);
            same(market.free(account(3)), 0, "to the unit");
        }
    }
}
