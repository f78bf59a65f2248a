// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Roles, Token} from "./support/Contracts.sol";
import {World} from "./support/World.sol";

/// The currency on chain.
contract SettlementTokenTest is World {
    function setUp() public {
        _begin();
    }

    function mint(uint256 amount, bytes32 payment) private pure returns (bytes memory) {
        return abi.encodeCall(Token.mint, (STRANGER, amount, payment));
    }

    function test_PaymentAlreadyMinted() public {
        sent(OPERATOR, address(token), mint(5, "payment"));
        bytes32 payment = "payment";
        bytes memory reason = abi.encodeWithSelector(Token.PaymentAlreadyMinted.selector, payment);
        refused(OPERATOR, address(token), mint(5, "payment"), reason);
        refused(OPERATOR, address(token), mint(6, "payment"), reason);
        sent(OPERATOR, address(token), mint(6, "other"));
        same(token.balanceOf(STRANGER), 11, "balance");
        same(token.totalSupply(), 11, "supply");
    }

    function test_only_a_minter_mints() public {
        bytes memory reason = abi.encodeWithSelector(
            Roles.AccessControlUnauthorizedAccount.selector,
            STRANGER,
            keccak256("MINTER")
        );
        refused(STRANGER, address(token), mint(5, "payment"), reason);
    }

    function test_burning_takes_out_of_the_supply() public {
        sent(OPERATOR, address(token), mint(5, "payment"));
        bytes memory burn = abi.encodeCall(Token.burn, (6));
        refused(STRANGER, address(token), burn, Token.ERC20InsufficientBalance.selector);
        sent(STRANGER, address(token), abi.encodeCall(Token.burn, (5)));
        same(token.totalSupply(), 0, "supply");
        isTrue(token.minted("payment"), "a payment stays minted");
    }

    function test_a_unit_is_a_billionth() public view {
        same(token.decimals(), 9, "decimals");
        same(keccak256(bytes(token.symbol())), keccak256("WXT"), "symbol");
    }
}
