// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Signatures} from "./Signatures.sol";

/// The currency on chain: one token for one unit of currency that was paid in.
///
/// Who wants to be paid out destroys tokens and names where to, as a hash that only the bank's
/// order opens. It can be signed instead of sent, so that it needs no gas.
contract SettlementToken is ERC20, ERC20Burnable, AccessControl, EIP712 {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER");
    bytes32 public constant REDEMPTION_TYPEHASH = keccak256(
        "Redemption(address account,uint256 amount,bytes32 destination,uint256 nonce,"
        "uint64 expiry)"
    );

    /// Which payments have been minted.
    mapping(bytes32 payment => bool) public minted;
    /// Which redemptions of an account have been made; it chooses the nonces as it likes.
    mapping(address account => mapping(uint256 nonce => bool)) public redeemed;

    event Minted(address indexed to, uint256 amount, bytes32 indexed payment);
    /// Tokens were destroyed, to be paid out to what `destination` is the hash of.
    event Redeemed(
        address indexed account,
        uint256 amount,
        bytes32 indexed destination,
        uint256 nonce
    );

    /// The payment was minted before.
    error PaymentAlreadyMinted(bytes32 payment);
    error AlreadyRedeemed(uint256 nonce);
    error RedemptionExpired(uint64 expiry);
    error NotSigned(address account);

    /// `currency` is the ISO 4217 code.
    constructor(
        address admin,
        string memory currency
    )
        ERC20(string.concat("Wattex Settlement Token ", currency), string.concat("WX", currency))
        EIP712("Wattex SettlementToken", "1")
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Nine, so that a token's unit is the unit of money everywhere else.
    function decimals() public pure override returns (uint8) {
        return 9;
    }

    /// Mints what a payment from outside brought; each payment once.
    function mint(address to, uint256 amount, bytes32 payment) external onlyRole(MINTER_ROLE) {
        if (minted[payment]) revert PaymentAlreadyMinted(payment);
        minted[payment] = true;
        _mint(to, amount);
        emit Minted(to, amount, payment);
    }

    /// Destroys tokens of an account that signed `Redemption`; anyone may send it until its
    /// `expiry`.
    function redeemFor(
        address account,
        uint256 amount,
        bytes32 destination,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external {
        if (block.timestamp > expiry) revert RedemptionExpired(expiry);
        bytes32 hash = _hashTypedDataV4(
            keccak256(
                abi.encode(REDEMPTION_TYPEHASH, account, amount, destination, nonce, expiry)
            )
        );
        if (!Signatures.signedBy(account, hash, signature)) revert NotSigned(account);
        if (redeemed[account][nonce]) revert AlreadyRedeemed(nonce);
        redeemed[account][nonce] = true;
        _burn(account, amount);
        emit Redeemed(account, amount, destination, nonce);
    }
}
