// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/Accounts.sol";
import {Fill, Reason} from "../src/Types.sol";
import {Market} from "./support/Contracts.sol";
import {Pair, World} from "./support/World.sol";

/// What was signed counts once, on one chain and for one contract.
contract ReplayTest is World {
    address private buyer;
    address private seller;
    Pair[] private pairs;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller) = (account(1), account(2));
        fund(buyer, 5_000_000_000);
        fund(seller, 2_000_000_000);
    }

    /// The fills of one market, their proofs made anew for another, the signatures as they were.
    function replayed(Fill[] memory fills) private {
        (bytes32 id, Fill[] memory good) = post(clearing(policy()), single(pair(buyer, seller, 1)));
        check(id, fills[0], Reason.BuyerSignature);
        bytes memory own = good[0].buySignature;
        good[0].buySignature = fills[0].buySignature;
        check(id, good[0], Reason.BuyerSignature);
        good[0].buySignature = own;
        bytes memory ownOfSeller = good[0].sellSignature;
        good[0].sellSignature = fills[0].sellSignature;
        check(id, good[0], Reason.SellerSignature);
        good[0].sellSignature = ownOfSeller;
        check(id, good[0], Reason.None);
    }

    function test_orders_of_another_chain_are_not_accepted() public {
        vm.chainId(CHAIN_ID + 1);
        (, Fill[] memory fills) = prove(clearing(policy()), single(pair(buyer, seller, 1)));
        vm.chainId(CHAIN_ID);
        replayed(fills);
    }

    /// Also when the same contract finds itself on another chain, as after a split.
    function test_orders_of_before_a_split_are_not_accepted_after_it() public {
        (, Fill[] memory fills) = prove(clearing(policy()), single(pair(buyer, seller, 1)));
        vm.chainId(CHAIN_ID + 1);
        replayed(fills);
    }

    function test_orders_for_another_contract_are_not_accepted() public {
        (, Fill[] memory fills) = prove(clearing(policy()), single(pair(buyer, seller, 1)));
        market = newMarket();
        register(policy());
        fund(buyer, 5_000_000_000);
        fund(seller, 2_000_000_000);
        replayed(fills);
    }

    /// The code at another address keeps the domain of where it was made, unless it looks.
    function test_a_copy_of_the_code_has_its_own_domain() public {
        (, Fill[] memory fills) = prove(clearing(policy()), single(pair(buyer, seller, 1)));
        address copy = address(0xc0de);
        vm.etch(copy, address(market).code);
        isTrue(
            Market(copy).orderHash(fills[0].buy) != market.orderHash(fills[0].buy),
            "another address, another hash"
        );
    }

    function test_a_request_for_another_contract_is_NotSigned() public {
        bytes32 hash = keccak256("Withdrawal(address account,uint256 amount,uint256 nonce)");
        hash = typed(keccak256(abi.encode(hash, buyer, 5, 1)));
        bytes memory call = abi.encodeCall(
            Market.requestWithdrawalFor,
            (buyer, 5, 1, sign(buyer, hash))
        );
        Market other = newMarket();
        bytes memory reason = abi.encodeWithSelector(Accounts.NotSigned.selector, buyer);
        refused(STRANGER, address(other), call, reason);
        vm.chainId(CHAIN_ID + 1);
        refused(STRANGER, address(market), call, reason);
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(market), call);
    }

    function test_the_same_batch_twice_changes_nothing() public {
        pairs.push(pair(buyer, seller, 1));
        pairs.push(pair(buyer, account(3), 2)); // who has no cash
        pairs.push(pair(buyer, seller, 3));
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), pairs);
        Reason[] memory reasons = new Reason[](3);
        reasons[1] = Reason.SellerFunds;
        check(id, fills, reasons);
        bytes32 before = _books();
        (reasons[0], reasons[2]) = (Reason.AlreadySettled, Reason.AlreadySettled);
        check(id, fills, reasons);
        same(_books(), before, "the books");
    }

    function _books() private view returns (bytes32) {
        bytes memory cash = abi.encode(market.free(buyer), market.free(seller));
        bytes memory days_ = abi.encode(market.digest(buyer, DAY), market.digest(seller, DAY));
        return keccak256(abi.encode(cash, days_, token.balanceOf(address(market))));
    }
}
