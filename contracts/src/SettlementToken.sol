// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";

/// The currency on chain: one token for one unit of currency that was paid in.
contract SettlementToken is ERC20, ERC20Burnable, AccessControl {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER");

    /// Which payments have been minted.
    mapping(bytes32 payment => bool) public minted;

    event Minted(address indexed to, uint256 amount, bytes32 indexed payment);

    /// The payment was minted before.
    error PaymentAlreadyMinted(bytes32 payment);

    constructor(address admin) ERC20("Wattex Settlement Token", "WXT") {
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
}
