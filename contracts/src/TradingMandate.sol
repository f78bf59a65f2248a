// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Signatures} from "./Signatures.sol";
import {Mandate, Order} from "./Types.sol";

/// What an account lets another sign for it: orders inside limits, which the market asks for here
/// before it fills them.
///
/// A strategy that trades for a home, a contract that holds its rules, and the community that
/// shares out what was delivered under a standing membership are all such delegates.
///
/// A delegate has one order per slot and side, whose nonce says which ({orderNonce}): so the limit
/// per slot needs no count. Of each side and UTC day it is counted what was settled.
contract TradingMandate is EIP712 {
    bytes32 public constant MANDATE_TYPEHASH = keccak256(
        "Mandate(address account,address delegate,bytes32 policy,uint64 until,uint64 buyPriceMax,"
        "uint64 sellPriceMin,uint64 quantityPerSlot,uint64 quantityPerDay,uint64 version,"
        "uint64 expiry)"
    );

    uint8 private constant BUY = 0;

    /// Who counts: the market, and nobody else.
    address public immutable market;

    mapping(address account => mapping(address delegate => Mandate)) private _mandates;
    /// Wh that were settled of a delegate's orders, by UTC day and side.
    mapping(address account
        => mapping(address delegate => mapping(uint256 daySide => uint256))) private _filled;

    event MandateGranted(address indexed account, address indexed delegate, Mandate mandate);

    /// The account granted this version or a later one before.
    error VersionNotHigher(uint64 version);
    error GrantExpired(uint64 expiry);
    error NotSigned(address account);
    error NotMarket(address sender);

    constructor(address market_) EIP712("Wattex TradingMandate", "1") {
        market = market_;
    }

    /// Lets `delegate` sign orders of the sender; `until` zero ends it.
    function grant(address delegate, Mandate calldata mandate) external {
        _grant(msg.sender, delegate, mandate);
    }

    /// {grant} for an account that signed `Mandate`, until its `expiry`: what the mandate allows
    /// lasts as long as the mandate says.
    function grantFor(
        address account,
        address delegate,
        Mandate calldata mandate,
        uint64 expiry,
        bytes calldata signature
    ) external {
        if (block.timestamp > expiry) revert GrantExpired(expiry);
        bytes32 hash = _hashTypedDataV4(
            keccak256(abi.encode(MANDATE_TYPEHASH, account, delegate, mandate, expiry))
        );
        if (!Signatures.signedBy(account, hash, signature)) revert NotSigned(account);
        _grant(account, delegate, mandate);
    }

    /// Counts what was settled of an order that {allows} allowed.
    function spend(
        address account,
        address delegate,
        uint256 day,
        uint256 side,
        uint256 filled_
    ) external {
        if (msg.sender != market) revert NotMarket(msg.sender);
        _filled[account][delegate][(day << 1) | side] += filled_;
    }

    /// Whether an order that its delegate signed is inside the account's limits, if `filled_` Wh
    /// more are settled of it.
    function allows(
        Order calldata order,
        uint256 filled_,
        uint32 slotSeconds
    ) external view returns (bool) {
        Mandate memory mandate = _mandates[order.account][order.delegate];
        bool inPrice = order.side == BUY
            ? order.limitPrice <= mandate.buyPriceMax
            : order.limitPrice >= mandate.sellPriceMin;
        return
            inPrice &&
            block.timestamp < mandate.until &&
            order.policy == mandate.policy &&
            order.quantity <= mandate.quantityPerSlot &&
            order.nonce == orderNonce(order.delegate, order.slot, slotSeconds, order.side) &&
            filled(order.account, order.delegate, order.slot / 1 days, order.side) + filled_ <=
            mandate.quantityPerDay;
    }

    /// What an account lets a delegate sign.
    function mandateOf(address account, address delegate) external view returns (Mandate memory) {
        return _mandates[account][delegate];
    }

    /// Wh of a side and UTC day that were settled of a delegate's orders.
    function filled(
        address account,
        address delegate,
        uint256 day,
        uint256 side
    ) public view returns (uint256) {
        return _filled[account][delegate][(day << 1) | side];
    }

    /// The only nonce of a delegate's order for a slot and side.
    function orderNonce(
        address delegate,
        uint64 slot,
        uint32 slotSeconds,
        uint8 side
    ) public pure returns (uint256) {
        return (uint256(uint160(delegate)) << 96) | (uint256(slot / slotSeconds) << 1) | side;
    }

    function _grant(address account, address delegate, Mandate calldata mandate) private {
        if (mandate.version <= _mandates[account][delegate].version)
            revert VersionNotHigher(mandate.version);
        _mandates[account][delegate] = mandate;
        emit MandateGranted(account, delegate, mandate);
    }
}
