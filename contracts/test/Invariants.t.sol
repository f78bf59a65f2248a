// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Cashier} from "./support/Cashier.sol";
import {Handler} from "./support/Handler.sol";
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
        bytes4[] memory actions = new bytes4[](14);
        actions[0] = Handler.warp.selector;
        actions[1] = Cashier.deposit.selector;
        actions[2] = Handler.clear.selector;
        actions[3] = Handler.settle.selector;
        actions[4] = Handler.reconcile.selector;
        actions[5] = Handler.cut.selector;
        actions[6] = Handler.expire.selector;
        actions[7] = Cashier.release.selector;
        actions[8] = Cashier.requestWithdrawal.selector;
        actions[9] = Cashier.withdraw.selector;
        actions[10] = Cashier.cancel.selector;
        actions[11] = Cashier.mandate.selector;
        actions[12] = Cashier.transfer.selector;
        actions[13] = Handler.pause.selector;
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
    }

    /// The actions are worth something: in a long walk each is accepted and refused, and fills come
    /// out in every way that there is.
    function test_the_walk_reaches_everything() public {
        uint256 state = uint256(keccak256("walk"));
        for (uint256 i = 0; i < 6000; ++i) {
            state = uint256(keccak256(abi.encode(state)));
            _step(state % 18, state);
        }
        handler.checkBooks();
        handler.checkTrades();
        handler.checkLeaving();
        for (uint256 i = 0; i < 20; ++i) {
            isTrue(handler.outcomes(i) != 0, string.concat("reason ", vm.toString(i)));
        }
        string[9] memory both = [
            "deposit",
            "clear",
            "settle",
            "reconcile",
            "expire",
            "release",
            "requestWithdrawal",
            "mandate",
            "transfer"
        ];
        for (uint256 i = 0; i < both.length; ++i) {
            isTrue(handler.accepted(both[i]) != 0, string.concat("accepted: ", both[i]));
            isTrue(handler.refusals(both[i]) != 0, string.concat("refused: ", both[i]));
        }
        for (uint256 i = 0; i < 5; ++i) {
            isTrue(handler.seen(i) != 0, string.concat("seen ", vm.toString(i)));
        }
        isTrue(handler.accepted("cut") != 0 && handler.refusals("cut") != 0, "cut");
        isTrue(handler.accepted("withdraw") != 0, "withdraw");
        isTrue(handler.accepted("cancel") != 0, "cancel");
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
        else handler.pause(number);
    }
}
