// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Handler} from "./support/Handler.sol";
import {Test} from "./support/Test.sol";

/// A random clearing and its batches, good and spoilt, against the model: reasons, cash, digests,
/// bits and hashes are compared inside the handler.
contract RandomTest is Test {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
    }

    function test_fuzz_batches_are_settled_as_the_model_says(uint256[7] memory seeds) public {
        for (uint256 i = 0; i < 7; ++i) handler.mandate(seeds[i] >> 8);
        handler.clear(seeds[0]);
        handler.clear(seeds[1]);
        for (uint256 i = 2; i < 7; ++i) {
            handler.settle(seeds[i]);
            if (seeds[i] & 1 == 1) handler.cancel(seeds[i]);
            if (seeds[i] & 2 == 2) handler.mandate(seeds[i]);
            if (seeds[i] & 4 == 4) handler.deposit(seeds[i]);
            if (seeds[i] & 8 == 8) handler.transfer(seeds[i]);
        }
        handler.checkBooks();
        handler.checkTrades();
        handler.checkLeaving();
    }
}
