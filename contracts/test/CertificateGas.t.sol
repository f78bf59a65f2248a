// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery} from "../src/Trades.sol";
import {Claim} from "../src/Types.sol";
import {Certificates} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {Pair} from "./support/World.sol";

/// What certifying a trade of a full batch costs, which is shown whole: its transaction and its data
/// included. Written to target/forge/gas/Gas.json.
/// forge-config: default.isolate = true
contract CertificateGasTest is Evidence {
    address private seller;

    function setUp() public {
        _beginWithMeters();
        seller = account(2);
        Pair[] memory all = new Pair[](FILLS_MAX);
        for (uint256 i = 0; i < FILLS_MAX; ++i) {
            all[i] = pair(account(100 + i), seller, i + 1);
            all[i].quantity = 1000;
        }
        bytes memory call = abi.encodeCall(
            Certificates.registerSource,
            (pointOf(seller), "F01040100")
        );
        sent(OPERATOR, address(certificates), call);
        settleAll(all);
        vm.warp(END);
        Delivery[] memory delivered = new Delivery[](FILLS_MAX);
        for (uint256 i = 0; i < FILLS_MAX; ++i) {
            delivered[i] = NaiveTrades.delivery(i, 1000, 0, 0);
        }
        reconcile(0, id, 0, delivered);
        vm.warp(RELEASE);
    }

    function test_a_trade_is_certified_for_less_than_half_a_million() public {
        // The first names the meter, slot and source; those after it find them.
        issue(0, "first");
        issue(1, "later");
        issue(FILLS_MAX - 1, "last of its batch");
    }

    function issue(uint256 index, string memory when) private {
        uint256[] memory only = new uint256[](1);
        only[0] = index;
        Claim memory sale = claims(only, 1)[0];
        bytes memory call = abi.encodeCall(
            Certificates.issue,
            (sale, standing(id, 0), meterOf(seller))
        );
        bytes memory answer = sent(STRANGER, address(certificates), call);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("Gas", string.concat("issue, ", when, ": total"), gas);
        uint256 certificate = abi.decode(answer, (uint256));
        address buyer = pairs[index].buy.account;
        same(certificates.balanceOf(buyer, certificate), 1000, "certified");
        isTrue(gas < 500_000, "half of what a relay offers for it");
    }
}
