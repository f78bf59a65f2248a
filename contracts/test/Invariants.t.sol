// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Cashier} from "./support/Cashier.sol";
import {Handler} from "./support/Handler.sol";
import {Teller} from "./support/Teller.sol";
import {Test} from "./support/Test.sol";

/// What holds after whatever people, strangers and the operator do, in any order.
contract InvariantsTest is Test {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory actions = new bytes4[](18);
        actions[0] = Handler.warp.selector;
        actions[1] = Cashier.deposit.selector;
        actions[2] = Handler.clear.selector;
        actions[3] = Handler.clear.selector;
        actions[4] = Handler.settle.selector;
        actions[5] = Handler.settle.selector;
        actions[6] = Handler.reconcile.selector;
        actions[7] = Handler.cut.selector;
        actions[8] = Handler.expire.selector;
        actions[9] = Cashier.release.selector;
        actions[10] = Cashier.requestWithdrawal.selector;
        actions[11] = Cashier.withdraw.selector;
        actions[12] = Cashier.cancel.selector;
        actions[13] = Cashier.mandate.selector;
        actions[14] = Cashier.transfer.selector;
        actions[15] = Handler.pause.selector;
        actions[16] = Teller.exchange.selector;
        actions[17] = Teller.redeem.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    /// Refusals and results of every action are compared with the model inside the handler.
    function invariant_the_market_owes_what_it_holds() public view {
        handler.checkBooks();
    }

    function afterInvariant() public {
        handler.checkTrades();
        handler.checkLeaving();
        written(handler.counts());
    }

    /// The actions are worth something: in a long walk each is accepted and refused, and fills come
    /// out in every way that there is.
    function test_the_walk_reaches_everything() public {
        uint256 state = uint256(keccak256("walk"));
        for (uint256 i = 0; i < 6000; ++i) {
            state = uint256(keccak256(abi.encode(state)));
            _step(state % 20, state);
        }
        handler.checkBooks();
        handler.checkTrades();
        handler.checkLeaving();
        for (uint256 i = 0; i < 20; ++i) {
            isTrue(handler.outcomes(i) != 0, string.concat("reason ", vm.toString(i)));
        }
        string[15] memory all = handler.actions();
        for (uint256 i = 0; i < all.length; ++i) {
            isTrue(handler.accepted(all[i]) != 0, string.concat("accepted: ", all[i]));
            isTrue(handler.refusals(all[i]) != 0, string.concat("refused: ", all[i]));
        }
        // The last is rare: longer walks ask for it.
        for (uint256 i = 0; i < 9; ++i) {
            isTrue(handler.seen(i) != 0, string.concat("seen ", vm.toString(i)));
        }
    }

    function _step(uint256 which, uint256 number) private {
        if (which == 0) handler.warp(number);
        else if (which == 1) handler.deposit(number);
        else if (which <= 3) handler.clear(number);
        else if (which <= 6) handler.settle(number);
        else if (which == 7) handler.reconcile(number);
        else if (which == 8) handler.cut(number);
        else if (which == 9) handler.expire(number);
        else if (which == 10) handler.release(number);
        else if (which == 11) handler.requestWithdrawal(number);
        else if (which == 12) handler.withdraw(number);
        else if (which == 13) handler.cancel(number);
        else if (which <= 15) handler.mandate(number);
        else if (which == 16) handler.transfer(number);
        else if (which == 17) handler.exchange(number);
        else if (which == 18) handler.redeem(number);
        else handler.pause(number);
    }
}
