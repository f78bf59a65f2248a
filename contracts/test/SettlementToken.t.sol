// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Roles, Token} from "./support/Contracts.sol";
import {Vm} from "./support/Vm.sol";
import {Wallet} from "./support/Wallets.sol";
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

    function test_a_unit_is_a_billionth_of_its_currency() public {
        same(token.decimals(), 9, "decimals");
        same(keccak256(bytes(token.symbol())), keccak256("WXCHF"), "symbol");
        same(keccak256(bytes(token.name())), keccak256("Wattex Settlement Token CHF"), "name");
        Token euro = newToken("EUR");
        same(keccak256(bytes(euro.symbol())), keccak256("WXEUR"), "of another currency");
    }

    // Redemption

    /// An account with 1000 tokens.
    function holder() private returns (address made) {
        made = account(1);
        bytes memory call = abi.encodeCall(Token.mint, (made, 1000, "cash"));
        sent(OPERATOR, address(token), call);
    }

    function redeeming(
        address of_,
        uint256 amount,
        uint256 nonce
    ) private view returns (bytes memory) {
        bytes memory signature = sign(of_, redemptionOf(of_, amount, "bank", nonce, END));
        return abi.encodeCall(Token.redeemFor, (of_, amount, "bank", nonce, END, signature));
    }

    function refusedFor(bytes memory call, bytes memory reason) private {
        refused(STRANGER, address(token), call, reason);
    }

    function test_a_redemption_destroys_tokens_and_names_where_to() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 400, 7);
        vm.recordLogs();
        sent(STRANGER, address(token), call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, 2, "a transfer to nobody, and the redemption");
        same(logs[1].topics[0], Token.Redeemed.selector, "of the redemption");
        same(logs[1].topics[1], bytes32(uint256(uint160(of_))), "account");
        same(logs[1].topics[2], "bank", "destination");
        same(keccak256(logs[1].data), keccak256(abi.encode(400, 7)), "amount and nonce");
        same(token.balanceOf(of_), 600, "gone");
        same(token.totalSupply(), 600, "out of the supply");
        isTrue(token.redeemed(of_, 7), "kept");
        isTrue(!token.redeemed(STRANGER, 7), "by account");
    }

    function test_AlreadyRedeemed() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 400, 7);
        sent(STRANGER, address(token), call);
        bytes memory reason = abi.encodeWithSelector(Token.AlreadyRedeemed.selector, 7);
        refusedFor(call, reason);
        refusedFor(redeeming(of_, 1, 7), reason);
        sent(STRANGER, address(token), redeeming(of_, 400, type(uint256).max));
        same(token.balanceOf(of_), 200, "twice, as it was signed");
    }

    function test_RedemptionExpired() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 400, 7);
        uint256 state = vm.snapshotState();
        vm.warp(END + 1);
        refusedFor(call, abi.encodeWithSelector(Token.RedemptionExpired.selector, END));
        isTrue(!token.redeemed(of_, 7), "what is refused uses no nonce");
        same(token.balanceOf(of_), 1000, "nothing is gone");
        vm.revertToState(state);
        vm.warp(END);
        sent(STRANGER, address(token), call);
        same(token.balanceOf(of_), 600, "in its last second");
    }

    /// Who wants it no more does not have to wait for its end.
    function test_a_redemption_of_nothing_ends_another() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 400, 7);
        sent(STRANGER, address(token), redeeming(of_, 0, 7));
        refusedFor(call, abi.encodeWithSelector(Token.AlreadyRedeemed.selector, 7));
        same(token.balanceOf(of_), 1000, "nothing is gone");
    }

    function test_ERC20InsufficientBalance_of_a_redemption() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 1001, 7);
        bytes memory reason = abi.encodeWithSelector(
            Token.ERC20InsufficientBalance.selector,
            of_,
            1000,
            1001
        );
        refusedFor(call, reason);
        isTrue(!token.redeemed(of_, 7), "what is refused uses no nonce");
        sent(OPERATOR, address(token), abi.encodeCall(Token.mint, (of_, 1, "more")));
        sent(STRANGER, address(token), call);
    }

    /// Whatever of a redemption is changed, its signature is of another.
    function test_NotSigned_of_a_redemption() public {
        address of_ = holder();
        bytes memory good = sign(of_, redemptionOf(of_, 400, "bank", 7, END));
        bytes memory other = sign(account(2), redemptionOf(of_, 400, "bank", 7, END));
        bytes memory reason = abi.encodeWithSelector(Token.NotSigned.selector, of_);
        refusedFor(asking(of_, 401, "bank", 7, END, good), reason);
        refusedFor(asking(of_, 400, "other", 7, END, good), reason);
        refusedFor(asking(of_, 400, "bank", 8, END, good), reason);
        refusedFor(asking(of_, 400, "bank", 7, END + 1, good), reason);
        refusedFor(asking(of_, 400, "bank", 7, END, ""), reason);
        refusedFor(asking(of_, 400, "bank", 7, END, other), reason);
        reason = abi.encodeWithSelector(Token.NotSigned.selector, STRANGER);
        refusedFor(asking(STRANGER, 400, "bank", 7, END, good), reason);
        reason = abi.encodeWithSelector(Token.NotSigned.selector, address(0));
        refusedFor(asking(address(0), 0, "bank", 7, END, ""), reason);
        sent(STRANGER, address(token), asking(of_, 400, "bank", 7, END, good));
    }

    function asking(
        address of_,
        uint256 amount,
        bytes32 destination,
        uint256 nonce,
        uint64 expiry,
        bytes memory signature
    ) private pure returns (bytes memory) {
        return
            abi.encodeCall(
                Token.redeemFor,
                (of_, amount, destination, nonce, expiry, signature)
            );
    }

    /// On no other chain and in no other currency.
    function test_NotSigned_of_a_redemption_elsewhere() public {
        address of_ = holder();
        bytes memory call = redeeming(of_, 400, 7);
        bytes memory reason = abi.encodeWithSelector(Token.NotSigned.selector, of_);
        vm.chainId(CHAIN_ID + 1);
        refusedFor(call, reason);
        vm.chainId(CHAIN_ID);
        Token euro = newToken("EUR");
        sent(OPERATOR, address(euro), abi.encodeCall(Token.mint, (of_, 1000, "cash")));
        refused(STRANGER, address(euro), call, reason);
        sent(STRANGER, address(token), call);
        same(euro.balanceOf(of_), 1000, "another currency's");
    }

    /// A contract's account is asked.
    function test_a_contract_redeems() public {
        address wallet = address(new Wallet(account(3)));
        sent(OPERATOR, address(token), abi.encodeCall(Token.mint, (wallet, 1000, "cash")));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(
            keyOf[account(3)],
            redemptionOf(wallet, 400, "bank", 7, END)
        );
        bytes memory signature = abi.encodePacked(r, s, v);
        bytes memory call = abi.encodeCall(
            Token.redeemFor,
            (wallet, 400, "bank", 7, END, signature)
        );
        sent(STRANGER, address(token), call);
        same(token.balanceOf(wallet), 600, "gone");
    }
}
