// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// Grants and revokes the roles of all contracts, a delay after everybody could see that it will.
///
/// The operator proposes, executes and cancels; the delay itself is changed the same way. Nobody
/// else has a right here, so that a stolen key of the operator changes no role unseen.
contract Timelock is TimelockController {
    /// `delay` in seconds.
    constructor(
        uint256 delay,
        address[] memory operators
    ) TimelockController(delay, operators, operators, address(0)) {}
}
