// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Auction} from "./Auction.sol";
import {Pair} from "./World.sol";

/// Two traders with cash, and who may sign for them.
abstract contract Delegates is Auction {
    address internal buyer;
    address internal seller;
    address internal delegate;

    function setUp() public {
        _begin();
        register(policy());
        (buyer, seller, delegate) = (account(1), account(2), account(50));
        for (uint256 i = 1; i <= 10; ++i) fund(account(i), 100_000_000_000);
    }

    /// The buyer's order and the seller's, of which a delegate signs those of the sides.
    function by(bool buys, bool sells) internal view returns (Pair memory one) {
        one = pair(buyer, seller, 1);
        if (buys) delegated(one.buy, delegate);
        if (sells) delegated(one.sell, delegate);
    }

    function filledOf(address of_, uint8 side) internal view returns (uint256) {
        return mandates().filled(of_, delegate, DAY, side);
    }
}
