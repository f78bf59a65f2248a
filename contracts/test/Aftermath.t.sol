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
        bytes4[] memory actions = new bytes4[](9);
        actions[0] = Aftermath.warp.selector;
        actions[1] = bytes4(keccak256("reconcile(uint256)"));
        actions[2] = Aftermath.expire.selector;
        actions[3] = bytes4(keccak256("challenge(uint256)"));
        actions[4] = Aftermath.certify.selector;
        actions[5] = Aftermath.transfer.selector;
        actions[6] = Aftermath.retire.selector;
        actions[7] = actions[1];
        actions[8] = actions[3];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), actions);
    }

    function invariant_cash_trades_and_certificates() public view {
        handler.checkCash();
        handler.checkTrades();
        handler.checkCertificates();
    }

    function afterInvariant() public {
        handler.finish();
        handler.checkCash();
        handler.checkTrades();
        handler.checkCertificates();
    }

    /// The actions are worth something: in a few walks each is accepted and refused.
    function test_the_walks_reach_everything() public {
        string[7] memory all = [
            "reconcile", "expire", "challenge", "certify", "transfer", "retire", ""
        ];
        uint256[7] memory accepted;
        uint256[7] memory refused_;
        for (uint256 walk = 0; walk < 4; ++walk) {
            handler = new Aftermath(priced());
            uint256 state = uint256(keccak256(abi.encode("walk", walk)));
            for (uint256 i = 0; i < 300; ++i) {
                state = uint256(keccak256(abi.encode(state)));
                _step(state % 8, state);
            }
            handler.checkCash();
            handler.checkTrades();
            handler.checkCertificates();
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
