// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {MarketEvents} from "../src/MarketEvents.sol";
import {
    CashTransfer, Clearing, FillBatch, Mandate, Policy, Reason, Terms
} from "../src/Types.sol";
import {
    Exchange, Judge, Mandates, Market, Meters, Roles, Token
} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// What whoever holds every key of the operator can do to accounts: those with a key of their own,
/// and, at the end, those whose key is the operator's as well.
///
/// OPERATOR has every role there is, the admin's too, and `theirs` is a key that only it knows.
contract OperatorsTest is Evidence {
    address private buyer;
    address private seller;
    address private theirs;

    function setUp() public {
        _beginWithMeters();
        (buyer, seller, theirs) = (account(1), account(2), account(70));
        fund(buyer, 5_000_000_000);
        fund(seller, 5_000_000_000);
    }

    /// Only the account's signature moves its free cash, and only to the account.
    function test_cash_is_not_moved() public {
        bytes memory forged = withdrawing(buyer, 1_000, 9, theirs);
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(OPERATOR, address(market), forged, reason);
        bytes memory take = abi.encodeWithSignature(
            "transferFrom(address,address,uint256)",
            market,
            OPERATOR,
            1
        );
        refused(OPERATOR, address(token), take, Token.ERC20InsufficientAllowance.selector);
        bytes memory burn = abi.encodeWithSignature("burnFrom(address,uint256)", market, 1);
        refused(OPERATOR, address(token), burn, Token.ERC20InsufficientAllowance.selector);
        reason = abi.encodeWithSelector(Accounts.NothingToWithdraw.selector);
        refused(OPERATOR, address(market), abi.encodeCall(Market.withdraw, (buyer)), reason);
        // What it mints is its own, and takes nobody's.
        fund(theirs, 1_000_000_000_000);
        same(market.free(buyer), 5_000_000_000, "buyer");
        same(market.free(seller), 5_000_000_000, "seller");
    }

    /// Nor does a transfer, alone or as a leg of an exchange, that another key signed.
    function test_cash_is_not_given_away() public {
        CashTransfer memory t;
        (t.account, t.to, t.amount, t.expiry) = (buyer, theirs, 1_000, END);
        bytes memory forged = abi.encodeCall(
            Market.transferFor,
            (t, sign(theirs, hashOf(t, market)))
        );
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(OPERATOR, address(market), forged, reason);
        Exchange exchange = Exchange(deployed("CurrencyExchange", ""));
        Exchange.Quote memory q;
        (q.from, q.to, q.account, q.dealer) = (market, market, buyer, theirs);
        (q.given, q.taken, q.expiry, q.dealerNonce) = (1_000, 0, END, 1);
        (t.sender, t.link) = (address(exchange), exchange.quoteId(q));
        forged = sign(theirs, hashOf(t, market));
        CashTransfer memory back = t;
        (back.account, back.to, back.amount, back.nonce) = (theirs, buyer, 0, 1);
        bytes memory call = abi.encodeCall(
            Exchange.exchange,
            (q, forged, sign(theirs, hashOf(back, market)))
        );
        refused(OPERATOR, address(exchange), call, reason);
        same(market.free(buyer), 5_000_000_000, "buyer");
    }

    /// Tokens outside of the market are their account's: nobody else redeems them.
    function test_no_tokens_are_redeemed() public {
        bytes memory mint = abi.encodeCall(Token.mint, (buyer, 1_000, "cash"));
        sent(OPERATOR, address(token), mint);
        bytes32 hash = redemptionOf(buyer, 1_000, "theirs", 1, END);
        bytes memory call = abi.encodeCall(
            Token.redeemFor,
            (buyer, 1_000, "theirs", 1, END, sign(theirs, hash))
        );
        bytes memory reason = abi.encodeWithSelector(Token.NotSigned.selector, buyer);
        refused(OPERATOR, address(token), call, reason);
        // Nor what the market holds, which signs nothing.
        hash = keccak256(abi.encode(address(market)));
        call = abi.encodeCall(
            Token.redeemFor,
            (address(market), 1_000, "theirs", 1, END, sign(theirs, hash))
        );
        reason = abi.encodeWithSelector(Token.NotSigned.selector, market);
        refused(OPERATOR, address(token), call, reason);
        same(token.balanceOf(buyer), 1_000, "untouched");
    }

    /// No mandate is granted by another key, none is spent, and none can be done without.
    function test_no_mandate_is_invented() public {
        Mandate memory m = limits(1);
        bytes memory forged = sign(theirs, hashOf(buyer, theirs, m, END, mandates()));
        bytes memory call = abi.encodeCall(Mandates.grantFor, (buyer, theirs, m, END, forged));
        bytes memory reason = abi.encodeWithSelector(Mandates.NotSigned.selector, buyer);
        refused(OPERATOR, address(mandates()), call, reason);
        call = abi.encodeCall(Mandates.spend, (buyer, theirs, DAY, 0, 1));
        refused(OPERATOR, address(mandates()), call, Mandates.NotMarket.selector);
        Pair memory one = pair(buyer, seller, 1);
        delegated(one.buy, theirs);
        check(postOne(termsOf(policy()), single(one)), Reason.BuyerMandate);
        same(market.free(buyer), 5_000_000_000, "buyer");
    }

    /// Who granted the operator a mandate loses no more by it than its limits are worth, whatever
    /// the operator posts, and nothing from when it is ended.
    function test_a_mandate_is_worth_its_limits() public {
        Mandate memory m = limits(1);
        (m.until, m.quantityPerDay) = (type(uint64).max, 8_000);
        grantTo(buyer, theirs, m);
        address sybil = account(73);
        fund(sybil, 100_000_000_000);
        uint256 most = uint256(m.quantityPerDay) * m.buyPriceMax;
        for (uint64 i = 0; i < 8; ++i) {
            Terms memory terms = termsOf(policy());
            (terms.clearing.mechanism, terms.clearing.price) = (PRICED, 0);
            terms.clearing.slot = SLOT + i * SLOT_SECONDS;
            Pair memory one = pair(buyer, sybil, i);
            (one.buy.slot, one.sell.slot) = (terms.clearing.slot, terms.clearing.slot);
            (one.buy.expiry, one.sell.expiry) = (type(uint64).max, type(uint64).max);
            // Above the limit, as large as it is let, at any prices.
            if (i == 0) one.buy.limitPrice = m.buyPriceMax + 1;
            one.sell.limitPrice = 0;
            (one.buyPrice, one.sellPrice) = (m.buyPriceMax - 12_000, 2_000);
            one.quantity = i == 3 ? 3_000 : 5_000;
            delegated(one.buy, theirs);
            Reason expected = i == 1 || i == 3 ? Reason.None : Reason.BuyerMandate;
            if (i == 7) {
                m.version += 1;
                (m.until, m.quantityPerDay) = (0, type(uint64).max);
                grantTo(buyer, theirs, m);
            }
            check(postOne(terms, single(one)), expected);
            isTrue(5_000_000_000 - market.free(buyer) <= most, "no more than was granted");
        }
        same(5_000_000_000 - market.free(buyer), most, "and all of that");
    }

    /// Neither side trades by a key that is not its own.
    function test_a_fill_that_nobody_signed_is_not_settled() public {
        uint256 own = keyOf[buyer];
        keyOf[buyer] = keyOf[theirs];
        FillBatch memory batch = postOne(termsOf(policy()), single(pair(buyer, seller, 1)));
        check(batch, Reason.BuyerSignature);
        keyOf[buyer] = own;
        keyOf[seller] = keyOf[theirs];
        batch = prove(batch.terms, single(pair(buyer, seller, 1)))[0];
        check(batch, Reason.SellerSignature);
        same(market.free(buyer), 5_000_000_000, "buyer");
        same(market.free(seller), 5_000_000_000, "seller");
    }

    /// What was posted stands, once for each zone and slot, and binds its poster too.
    function test_nothing_but_the_posted_result_is_settled() public {
        Terms memory terms = termsOf(policy());
        FillBatch memory batch = postOne(terms, single(pair(buyer, seller, 1)));
        Pair memory more = pair(buyer, seller, 2);
        FillBatch memory other = prove(termsOf(policy()), single(more))[0];
        other.terms = batch.terms;
        bytes memory call = abi.encodeCall(Market.settle, (other));
        refused(OPERATOR, address(market), call, MarketEvents.BadBatch.selector);
        Terms memory again = termsOf(policy());
        again.clearing.price -= 1;
        prove(again, single(more));
        call = abi.encodeCall(Market.clear, (again));
        refused(OPERATOR, address(market), call, MarketEvents.AlreadyCleared.selector);
        other = prove(again, single(more))[0];
        call = abi.encodeCall(Market.settle, (other));
        refused(OPERATOR, address(market), call, MarketEvents.UnknownClearing.selector);
    }

    /// A posted price outside a limit settles with nobody whose limit it is, at either end.
    function test_no_limit_is_passed() public {
        Terms memory terms = termsOf(policy());
        terms.clearing.price += 1;
        check(postOne(terms, single(pair(buyer, seller, 1))), Reason.BuyerLimit);
        terms = termsOf(policy());
        (terms.clearing.slot, terms.clearing.price) = (SLOT + SLOT_SECONDS, 179_999);
        Pair memory one = pair(buyer, seller, 2);
        (one.buy.slot, one.sell.slot) = (SLOT + SLOT_SECONDS, SLOT + SLOT_SECONDS);
        check(postOne(terms, single(one)), Reason.SellerLimit);
    }

    /// Nor by prices of each fill: what is between both limits is the most that anyone can take,
    /// and it goes where both signed that it goes.
    function test_two_prices_pass_no_limit_either() public {
        uint64[2][4] memory prices = [
            [uint64(180_001), 180_000],
            [uint64(180_000), 179_999],
            [uint64(180_000), 180_001],
            [type(uint64).max, 0]
        ];
        Reason[4] memory reasons = [
            Reason.BuyerLimit,
            Reason.SellerLimit,
            Reason.BadPrices,
            Reason.BuyerLimit
        ];
        for (uint64 i = 0; i < 4; ++i) {
            Terms memory terms = termsOf(policy());
            terms.clearing.mechanism = PRICED;
            terms.clearing.slot = SLOT + i * SLOT_SECONDS;
            Pair memory one = pair(buyer, seller, i);
            (one.buy.slot, one.sell.slot) = (terms.clearing.slot, terms.clearing.slot);
            (one.buyPrice, one.sellPrice) = (prices[i][0], prices[i][1]);
            check(postOne(terms, single(one)), reasons[i]);
        }
        same(market.free(buyer), 5_000_000_000, "buyer");
        same(market.free(seller), 5_000_000_000, "seller");
    }

    /// Who posts the prices of each fill can leave both sides exactly at their limits, and send all
    /// that is between to the account of the policy: an order says what its owner would pay.
    function test_what_is_between_both_limits_may_go_to_the_policys_account() public {
        Terms memory terms = termsOf(policy());
        terms.clearing.mechanism = PRICED;
        Pair memory one = pair(buyer, seller, 1);
        (one.buy.limitPrice, one.sell.limitPrice) = (250_000, 50_000);
        (one.buyPrice, one.sellPrice) = (238_000, 52_000);
        check(postOne(terms, single(one)), Reason.None);
        vm.warp(END);
        reconcile(0, idOf(terms), NaiveTrades.delivery(0, 5000, 0, 0));
        uint256 taken = market.locked(DIFFERENCE, idOf(policy()), DAY);
        same(taken, 5000 * (250_000 - 50_000 - 14_000), "all but the fees");
        same(5_000_000_000 - market.free(buyer), 5000 * 250_000, "not above the limit");
        uint256 got = market.locked(seller, idOf(policy()), DAY) - 5000 * 50_000;
        same(got, 5000 * 50_000, "not below the limit");
    }

    /// Accounts, prices and times are those of the policy that both signed: another settles with
    /// nobody, whoever registers it.
    function test_a_policy_that_nobody_signed_settles_nothing() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 state = vm.snapshotState();
            Policy memory other = policy();
            if (i == 0) other.differenceAccount = theirs;
            if (i == 1) other.imbalancePrice = type(uint64).max;
            if (i == 2) other.settleSeconds = 7 days;
            if (i == 3) (other.sellerShort, other.buyerShort) = (2, 3);
            Terms memory terms = termsOf(other);
            terms.clearing.policy = register(other);
            Pair memory one = pair(buyer, seller, 1);
            FillBatch memory batch = postOne(terms, single(one));
            // As if they had signed it, and as they signed.
            bytes memory call = abi.encodeCall(Market.settle, (batch));
            refused(OPERATOR, address(market), call, MarketEvents.BadBatch.selector);
            hide(batch, buyOf(batch, 0), hashOf(one.buy));
            hide(batch, sellOf(batch, 0), hashOf(one.sell));
            check(batch, Reason.NotShown);
            vm.revertToState(state);
        }
    }

    /// A shortfall that the reconciler makes up costs a side what it signed that one may cost, and
    /// no more: no register proves that more was delivered. With an imbalance price it goes to the
    /// account of the policy.
    function test_a_shortfall_that_is_made_up_costs_what_was_signed() public {
        for (uint256 side = 0; side < 2; ++side) {
            uint256 state = vm.snapshotState();
            Policy memory p = policy();
            (p.sellerShort, p.buyerShort, p.imbalancePrice) = (2, 2, 70_000);
            Terms memory terms = termsOf(p);
            terms.clearing.policy = register(p);
            Pair memory one = pair(account(3), account(4), 1);
            (one.buy.policy, one.sell.policy) = (terms.clearing.policy, terms.clearing.policy);
            settleAll(terms, single(one));
            address victim = account(side == 0 ? 4 : 3);
            address other = account(side == 0 ? 3 : 4);
            vm.warp(END);
            run(0, 0, side == 0 ? [uint64(0), 5000, 0] : [uint64(0), 0, 5000]);
            same(market.locked(BALANCE, terms.clearing.policy, DAY), 5000 * 70_000, "taken");
            // All of it was fed in and taken: there is nothing that its own registers could cut.
            uint8 own = side == 0 ? 1 : 0;
            Judge.Evidence[2] memory full = evidence(victim, 5000, 5000);
            Judge.Evidence[2] memory none = evidence(other, 0, 0);
            vm.warp(CORRECTIONS_END + 1);
            challenge(full, own, 5000, new uint256[](1));
            same(market.locked(BALANCE, terms.clearing.policy, DAY), 5000 * 70_000, "as signed");
            // But those of the other side, where they had no use for it.
            challenge(none, 1 - own, 0, new uint256[](1));
            same(market.locked(BALANCE, terms.clearing.policy, DAY), 0, "cut");
            vm.revertToState(state);
        }
    }

    /// Orders of the operator's own before the gate are orders: they move the price, up to what the
    /// buyer signed, and recomputation does not object. What the buyer pays more, the seller gets.
    function test_sybil_orders_move_the_price_as_far_as_a_limit_and_no_further() public {
        (address sybil, address other) = (account(71), account(72));
        fund(sybil, 5_000_000_000);
        fund(other, 5_000_000_000);
        uint64[3] memory prices = [uint64(180_000), 190_000, 190_001];
        uint256[2][2] memory cash;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 state = vm.snapshotState();
            Terms memory terms = termsOf(policy());
            terms.clearing.price = prices[i];
            // Without the bait, with it, and with more of it than the limit has room for.
            Pair[] memory all = new Pair[](i == 0 ? 1 : 2);
            all[0] = pair(buyer, seller, 1);
            all[0].buy.limitPrice = 202_000;
            if (i != 0) all[1] = pair(sybil, other, 1);
            if (i != 0) (all[1].quantity, all[1].buy.limitPrice) = (10, 300_000);
            Reason[] memory reasons = new Reason[](all.length);
            if (i == 2) reasons[0] = Reason.BuyerLimit;
            check(postOne(terms, all), reasons);
            if (i == 2) break;
            vm.warp(END);
            reconcile(0, idOf(terms), NaiveTrades.delivery(0, 5000, 0, 0));
            uint256 locked = market.locked(seller, idOf(policy()), DAY);
            cash[i] = [market.free(buyer), market.free(seller) + locked];
            vm.revertToState(state);
        }
        same(cash[0][0] - cash[1][0], 5000 * 10_000, "what the bait costs the buyer");
        same(cash[1][1] - cash[0][1], 5000 * 10_000, "which the seller gets");
        same(5_000_000_000 - cash[1][0], 5000 * 202_000, "all of the limit");
    }

    /// A fill is settled once, however often it is sent.
    function test_nothing_is_settled_twice() public {
        FillBatch memory batch = postOne(termsOf(policy()), single(pair(buyer, seller, 1)));
        check(batch, Reason.None);
        (uint256 a, uint256 b) = (market.free(buyer), market.free(seller));
        check(batch, Reason.AlreadySettled);
        same(market.free(buyer), a, "buyer");
        same(market.free(seller), b, "seller");
    }

    /// One bad fill does not hold up the others of its batch.
    function test_a_bad_fill_stops_no_batch() public {
        Pair[] memory all = new Pair[](2);
        all[0] = pair(theirs, account(71), 1);
        all[1] = pair(buyer, seller, 1);
        FillBatch memory batch = postOne(termsOf(policy()), all);
        Reason[] memory reasons = new Reason[](2);
        reasons[0] = Reason.BuyerFunds;
        check(batch, reasons);
    }

    /// A meter of an account is one that the account signed for.
    function test_no_meter_is_invented() public {
        bytes32 hash = keccak256(
            "Enrolment(bytes32 meter,address key,address owner,address installer,"
            "bytes32 connectionPoint,uint32 version)"
        );
        bytes memory call = abi.encodeCall(
            Roles.grantRole,
            (keccak256("INSTALLER"), theirs)
        );
        sent(OPERATOR, address(meters), call);
        bytes32 point = pointOf(seller);
        hash = keccak256(abi.encode(hash, "M", theirs, seller, theirs, point, 1));
        bytes32 separator = domain("Wattex MeterRegistry", address(meters));
        hash = keccak256(abi.encodePacked(hex"1901", separator, hash));
        bytes memory by = sign(theirs, hash);
        call = abi.encodeCall(Meters.enrol, ("M", theirs, seller, theirs, point, by, by));
        bytes memory reason = abi.encodeWithSelector(Meters.BadSignature.selector, seller);
        refused(OPERATOR, address(meters), call, reason);
    }

    /// What is reconciled above a signed reading is cut before anybody can have it.
    function test_what_no_meter_says_is_not_paid() public {
        address villain = account(3);
        settleAll(single(pair(account(4), villain, 1)));
        vm.warp(END);
        run(0, 0, [uint64(5000), 0, 0]);
        Judge.Evidence[2] memory both = evidence(villain, 0, 1000);
        bytes memory release = abi.encodeCall(
            Market.release,
            (idOf(policy()), DAY, list(villain))
        );
        vm.warp(CORRECTIONS_END + 1);
        bytes memory reason = abi.encodeWithSelector(Accounts.NotYet.selector, RELEASE);
        refused(OPERATOR, address(market), release, reason);
        uint256[] memory first = new uint256[](1);
        challenge(both, 1, 1000, first);
        same(tradeAt(0).delivered, 1000, "what was fed in");
        same(tradeAt(0).sellerShort, 4000, "what was not");
        // Nor does the operator write a run of its own after it, or instead of the judge.
        bytes memory call = reconciling(253, id, 0, list(NaiveTrades.delivery(0, 5000, 0, 0)));
        refused(OPERATOR, address(market), call, MarketEvents.OutsideWindow.selector);
        call = reconciling(254, id, 0, list(NaiveTrades.delivery(0, 5000, 0, 0)));
        reason = abi.encodeWithSelector(MarketEvents.NotChallenges.selector, OPERATOR);
        refused(OPERATOR, address(market), call, reason);
        uint256 before = market.free(villain);
        vm.warp(RELEASE);
        sent(STRANGER, address(market), release);
        uint256 paid = 1000 * 178_000 + COLLATERAL - 4000 * 108_000;
        same(market.free(villain) - before, paid, "what is left");
    }

    /// No pause, no policy and no silence keeps an account from its cash.
    function test_no_withdrawal_is_blocked() public {
        settled(single(pair(buyer, seller, 1)));
        sent(OPERATOR, address(market), abi.encodeCall(Market.pause, ()));
        bytes memory all = abi.encodeCall(Market.requestWithdrawal, (market.free(buyer)));
        sent(buyer, address(market), all);
        // A policy that nobody signed makes nobody's cash wait.
        Policy memory longer = policy();
        (longer.correctionSeconds, longer.challengeSeconds) = (60 days, 30 days);
        register(longer);
        vm.warp(block.timestamp + WITHDRAWAL_DELAY);
        sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        same(token.balanceOf(buyer), 5_000_000_000 - ESCROW, "free cash");
        // The reconciler never comes: the trade expires, and the rest is free after the windows.
        vm.warp(CORRECTIONS_END + 1);
        bytes32 of_ = idOf(withFill());
        reconcile(255, of_, NaiveTrades.delivery(0, 0, 0, 0));
        vm.warp(RELEASE);
        bytes memory release = abi.encodeCall(Market.release, (idOf(policy()), DAY, list(buyer)));
        sent(STRANGER, address(market), release);
        sent(buyer, address(market), abi.encodeCall(Market.requestWithdrawal, (ESCROW)));
        vm.warp(RELEASE + WITHDRAWAL_DELAY);
        sent(STRANGER, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        same(token.balanceOf(buyer), 5_000_000_000, "all of it");
    }

    /// The clearing that {settled} posted of the one pair.
    function withFill() private view returns (Terms memory terms) {
        terms = termsOf(policy());
        prove(terms, single(pair(buyer, seller, 1)));
    }

    /// Whose key the operator holds has its word for everything above, and no more than that: with
    /// the same keys it trades in the account's name up to all of its cash, and takes what is free.
    function test_a_held_key_is_as_good_as_its_holder() public {
        uint256 held = keyOf[buyer];
        keyOf[theirs] = held;
        // A trade with an account of its own, at the worst price that the policy allows.
        Pair memory one = pair(buyer, account(73), 1);
        fund(account(73), 5_000_000_000);
        one.buy.limitPrice = type(uint64).max;
        Terms memory terms = termsOf(policy());
        Clearing memory what = terms.clearing;
        (what.price, what.retailPrice) = (900_000, 400_000);
        check(postOne(terms, single(one)), Reason.None);
        same(market.free(buyer), 5_000_000_000 - 5000 * 912_000, "spent");
        // And what is left, out to the account's address and on from there.
        uint256 rest = market.free(buyer);
        sent(OPERATOR, address(market), withdrawing(buyer, rest, 9, theirs));
        vm.warp(block.timestamp + WITHDRAWAL_DELAY);
        sent(OPERATOR, address(market), abi.encodeCall(Market.withdraw, (buyer)));
        sent(buyer, address(token), abi.encodeCall(Token.transfer, (OPERATOR, rest)));
        same(token.balanceOf(OPERATOR), rest, "gone");
    }
}
