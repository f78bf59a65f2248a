// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Probe} from "../src/Probe.sol";

/// The part of forge's own interface that the script needs.
interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys a probe twice (with CREATE and through the deterministic deployer) and uses both.
contract Deploy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    bool public constant IS_SCRIPT = true;

    function run() external returns (address first, address second) {
        VM.startBroadcast();
        Probe plain = new Probe{value: 5}(7, "plain");
        Probe salted = new Probe{salt: keccak256("salt")}(8, "salted");
        plain.store(1, 2, "three");
        salted.storeMany(10, 3, "");
        (bool sent,) = address(salted).call{value: 9}("");
        require(sent, "not sent");
        VM.stopBroadcast();
        return (address(plain), address(salted));
    }
}
