// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Delivery, Fill, Order, Outcome, Policy, TradeView} from "../../src/Types.sol";

// The contracts as their users see them. The tests stand on these and not on the sources, so that
// a change of a test does not compile the contracts anew. Errors that are not in `MarketEvents`
// or `Accounts` are here too.

interface Roles {
    error AccessControlUnauthorizedAccount(address account, bytes32 role);

    function grantRole(bytes32 role, address account) external;
}

interface Token is Roles {
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error PaymentAlreadyMinted(bytes32 payment);

    function mint(address to, uint256 amount, bytes32 payment) external;
    function minted(bytes32 payment) external view returns (bool);
    function burn(uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function balanceOf(address account) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function decimals() external view returns (uint8);
    function symbol() external view returns (string memory);
}

interface Market is Roles {
    error EnforcedPause();
    error ExpectedPause();

    function depositFor(address account, uint256 amount, bytes32 payment) external;
    function requestWithdrawal(uint256 amount) external;
    function requestWithdrawalFor(
        address account,
        uint256 amount,
        uint256 nonce,
        bytes calldata signature
    ) external;
    function withdraw(address account) external;
    function release(bytes32 policy, uint32 day, address[] calldata accounts) external;
    function cancel(uint256 nonce) external;
    function cancelFor(address account, uint256 nonce, bytes calldata signature) external;
    function setDelegate(address delegate, uint64 until, uint64 quantityMax) external;
    function setDelegateFor(
        address account,
        address delegate,
        uint64 until,
        uint64 quantityMax,
        uint256 nonce,
        bytes calldata signature
    ) external;

    function pause() external;
    function unpause() external;
    function registerPolicy(Policy calldata terms) external returns (bytes32 id);
    function clear(Clearing calldata terms) external returns (bytes32 id);
    function settle(bytes32 id, Fill[] calldata fills) external;
    function reconcile(uint8 run, Delivery[] calldata deliveries) external;
    function expire(bytes32[] calldata trades) external;
    function cut(bytes32 id, bool sellers, uint64 excess) external;

    function free(address account) external view returns (uint256);
    function locked(address account, bytes32 policy, uint32 day) external view returns (uint256);
    function lockedUntil(
        address account,
        bytes32 policy,
        uint32 day
    ) external view returns (uint64);
    function withdrawing(
        address account
    ) external view returns (uint256 amount, uint64 availableAt);
    function delegations(
        address account,
        address delegate
    ) external view returns (uint64 until, uint64 quantityMax);
    function deposited(address sender, bytes32 payment) external view returns (bool);
    function nonceUsed(address account, uint256 nonce) external view returns (bool);
    function nonceCancelled(address account, uint256 nonce) external view returns (bool);
    function orderHash(Order calldata order) external view returns (bytes32);
    function orderFilled(bytes32 order) external view returns (uint64);
    function digest(address account, uint32 day) external view returns (bytes32);
    function cleared(bytes32 zone, uint64 slot) external view returns (bytes32);
    function clearing(bytes32 id) external view returns (Clearing memory);
    function policy(bytes32 id) external view returns (Policy memory);
    function tradeOf(bytes32 id) external view returns (TradeView memory);
    function preview(Delivery calldata delivery) external view returns (Outcome memory);
    function paused() external view returns (bool);
}

interface Meters is Roles {
    error AlreadyEnrolled(bytes32 meter);
    error NotEnrolled(bytes32 meter);
    error NotAllowed(address sender);
    error BadSignature(address expected);
    error NoMeter();
    error NoKey();
    error PointTaken(bytes32 connectionPoint);

    struct Key {
        address key;
        uint64 validFrom;
        uint64 validTo;
        address owner;
        bytes32 connectionPoint;
    }

    function enrol(
        bytes32 meter,
        address key,
        address owner,
        address installer,
        bytes32 connectionPoint,
        bytes calldata ownerSignature,
        bytes calldata installerSignature
    ) external;
    function rotate(bytes32 meter, address key, bytes calldata signature) external;
    function revoke(bytes32 meter) external;
    function versions(bytes32 meter) external view returns (uint32);
    function keys(
        bytes32 meter,
        uint32 version
    )
        external
        view
        returns (
            address key,
            uint64 validFrom,
            uint64 validTo,
            address owner,
            bytes32 connectionPoint
        );
    function meterAt(bytes32 connectionPoint) external view returns (bytes32 meter);
    function keyAt(bytes32 meter, uint64 time) external view returns (Key memory);
}

interface Readings is Roles {
    function anchor(
        bytes32 community,
        uint8 kind,
        uint64 period,
        bytes32 root,
        uint32 count
    ) external returns (uint32 batch);
    function batches(
        bytes32 community,
        uint8 kind,
        uint64 period
    ) external view returns (uint32);
    function roots(
        bytes32 community,
        uint8 kind,
        uint64 period,
        uint32 batch
    ) external view returns (bytes32 root, uint32 count, uint64 time);
}

interface Records is Roles {
    error ValidBeforeLast(uint32 last);
    error BadPeriod(uint32 accountUntil, uint32 meterUntil);
    error NoHash();

    function anchorTariff(
        bytes32 key,
        uint32 validFrom,
        bytes32 hash
    ) external returns (uint32 version);
    function anchorInvoice(
        address account,
        bytes32 meter,
        uint32 from,
        uint32 to,
        bytes32 hash
    ) external;
    function tariffVersions(bytes32 key) external view returns (uint32);
    function tariffs(
        bytes32 key,
        uint32 version
    ) external view returns (bytes32 hash, uint32 validFrom, uint64 time);
    function accountBilledUntil(address account) external view returns (uint32);
    function meterBilledUntil(bytes32 meter) external view returns (uint32);
    function invoices(
        address account,
        bytes32 meter,
        uint32 from
    ) external view returns (bytes32 hash, uint32 to, uint64 time, uint32 since);
}
