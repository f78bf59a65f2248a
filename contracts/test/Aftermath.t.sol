// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Aftermath} from "./support/Aftermath.sol";
import {Test} from "./support/Test.sol";

/// What holds of settled trades whatever runs, challenges and certificates come, in any order.
contract AftermathTest is Test {
    Aftermath private handler;

    function setUp() public {
        handler = new Aftermath(priced());
    }

    function priced() internal pure virtual returns (bool) {
        return false;
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory all = new bytes4[](9);
        all[0] = Aftermath.warp.selector;
        all[1] = bytes4(keccak256("reconcile(uint256)"));
        all[2] = Aftermath.expire.selector;
        all[3] = bytes4(keccak256("challenge(uint256)"));
        all[4] = Aftermath.certify.selector;
        all[5] = Aftermath.transfer.selector;
        all[6] = Aftermath.retire.selector;
        all[7] = all[1];
        all[8] = all[3];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), all);
    }

    function invariant_cash_trades_and_certificates() public view {
        handler.check();
    }

    function afterInvariant() public {
        handler.finish();
        handler.check();
        string memory counts;
        for (uint256 i = 0; i < 6; ++i) {
            string memory name = actions()[i];
            counts = string.concat(counts, counted(name, handler.accepted(name)));
            name = string.concat("no-", name);
            counts = string.concat(counts, counted(name, handler.refusals(actions()[i])));
        }
        written(counts);
    }

    /// What is accepted and refused in turn.
    function actions() private pure returns (string[6] memory) {
        return ["reconcile", "expire", "challenge", "certify", "transfer", "retire"];
    }

    /// The actions are worth something: in a few walks each is accepted and refused.
    function test_the_walks_reach_everything() public {
        string[6] memory all = actions();
        uint256[6] memory accepted;
        uint256[6] memory refused_;
        for (uint256 walk = 0; walk < 4; ++walk) {
            handler = new Aftermath(priced());
            uint256 state = uint256(keccak256(abi.encode("walk", walk)));
            for (uint256 i = 0; i < 300; ++i) {
                state = uint256(keccak256(abi.encode(state)));
                _step(state % 8, state);
            }
            handler.check();
            for (uint256 i = 0; i < 6; ++i) {
                accepted[i] += handler.accepted(all[i]);
                refused_[i] += handler.refusals(all[i]);
            }
        }
        for (uint256 i = 0; i < 6; ++i) {
            isTrue(accepted[i] != 0, string.concat("accepted: ", all[i]));
            isTrue(refused_[i] != 0, string.concat("refused: ", all[i]));
        }
    }

    function _step(uint256 which, uint256 number) private {
        if (which == 0) handler.warp(number);
        else if (which == 1) handler.reconcile(number);
        else if (which == 2) handler.expire(number);
        else if (which <= 4) handler.challenge(number);
        else if (which == 5) handler.certify(number);
        else if (which == 6) handler.transfer(number);
        else handler.retire(number);
    }
}

/// The same where each fill has two prices, and settling goes on after the slot.
contract PricedAftermathTest is AftermathTest {
    function priced() internal pure override returns (bool) {
        return true;
    }
}
