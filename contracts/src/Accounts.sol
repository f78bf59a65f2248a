// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SlotDerivation} from "@openzeppelin/contracts/utils/SlotDerivation.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Signatures} from "./Signatures.sol";
import {CashTransfer, Order} from "./Types.sol";

/// The accounts of the market: cash and nonces.
///
/// Everything an account may ask for itself can be signed instead of sent, so that it needs no gas.
/// Nothing here is stopped by a pause: who has cash can always leave with it.
abstract contract Accounts is EIP712 {
    using SafeERC20 for IERC20;
    using SlotDerivation for bytes32;

    bytes32 public constant ORDER_TYPEHASH = keccak256(
        "Order(address account,uint8 side,uint64 slot,uint64 quantity,"
        "uint64 limitPrice,uint64 minFill,"
        "bytes32 community,bytes32 zone,bytes32 connectionPoint,bytes32 policy,address delegate,"
        "uint256 nonce,uint64 expiry)"
    );
    bytes32 public constant CANCEL_TYPEHASH = keccak256("Cancel(address account,uint256 nonce)");
    bytes32 public constant CANCEL_ALL_TYPEHASH = keccak256(
        "CancelAll(address account,uint256[] nonces)"
    );
    bytes32 public constant WITHDRAWAL_TYPEHASH = keccak256(
        "Withdrawal(address account,uint256 amount,uint256 nonce,uint64 expiry)"
    );
    bytes32 public constant TRANSFER_TYPEHASH = keccak256(
        "CashTransfer(address account,address to,uint256 amount,uint256 nonce,uint64 expiry,"
        "address sender,bytes32 link)"
    );

    /// Cash that waits until corrections and challenges of a policy's day are over.
    struct Lock {
        uint192 amount;
        uint64 until;
    }

    /// Of which policy and UTC day cash is locked, and until when at least.
    struct Term {
        bytes32 policy;
        uint32 day;
        uint64 until;
    }

    /// Cash on its way out.
    struct Withdrawal {
        uint192 amount;
        uint64 availableAt;
    }

    IERC20 public immutable token;
    /// Seconds between asking for a withdrawal and getting it.
    uint32 public immutable withdrawalDelay;

    /// Cash that can be traded with.
    mapping(address account => uint256) public free;
    /// By policy, so that nothing but a policy that an account signed can make its cash wait.
    mapping(address account
        => mapping(bytes32 policy => mapping(uint32 day => Lock))) private _locks;
    mapping(address account => Withdrawal) private _withdrawals;
    /// Two bits per nonce, 128 nonces per word: used in the low half, cancelled in the high half.
    mapping(address account => mapping(uint256 word => uint256)) private _nonces;
    /// Which payments of a sender have been deposited.
    mapping(address sender => mapping(bytes32 payment => bool)) public deposited;

    event DepositCredited(address indexed account, uint256 amount, bytes32 indexed payment);
    event WithdrawalRequested(address indexed account, uint256 amount, uint64 availableAt);
    event WithdrawalPaid(address indexed account, uint256 amount);
    event EscrowReleased(
        address indexed account,
        bytes32 indexed policy,
        uint32 indexed day,
        uint256 amount
    );
    event OrderCancelled(address indexed account, uint256 nonce);
    event CashTransferred(
        address indexed account,
        address indexed to,
        uint256 amount,
        bytes32 indexed link
    );

    error PaymentAlreadyDeposited(bytes32 payment);
    error NotEnoughFree(uint256 free, uint256 needed);
    error NothingToWithdraw();
    error NotYet(uint64 availableAt);
    error NonceAlreadyUsed(uint256 nonce);
    error NotSigned(address account);
    error TransferExpired(uint64 expiry);
    error WithdrawalExpired(uint64 expiry);
    error NotSender(address sender);
    error NobodyToReceive();

    constructor(IERC20 token_, uint32 withdrawalDelay_) EIP712("Wattex EnergyMarket", "1") {
        token = token_;
        withdrawalDelay = withdrawalDelay_;
    }

    /// Takes tokens of the sender as free cash of `account`; a payment that is not zero only once.
    function depositFor(address account, uint256 amount, bytes32 payment) external {
        if (payment != 0) {
            if (deposited[msg.sender][payment]) revert PaymentAlreadyDeposited(payment);
            deposited[msg.sender][payment] = true;
        }
        free[account] += amount;
        emit DepositCredited(account, amount, payment);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// Takes cash of the sender out of trading; {withdraw} pays it after the delay.
    function requestWithdrawal(uint256 amount) external {
        _requestWithdrawal(msg.sender, amount);
    }

    /// {requestWithdrawal} for an account that signed `Withdrawal`, until its `expiry`.
    function requestWithdrawalFor(
        address account,
        uint256 amount,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external {
        if (block.timestamp > expiry) revert WithdrawalExpired(expiry);
        _checkSigned(
            account,
            keccak256(abi.encode(WITHDRAWAL_TYPEHASH, account, amount, nonce, expiry)),
            signature
        );
        _useNonce(account, nonce);
        _requestWithdrawal(account, amount);
    }

    /// Pays an account what it asked for, once the delay is over. Anyone may send it.
    function withdraw(address account) external {
        Withdrawal memory due = _withdrawals[account];
        if (due.amount == 0) revert NothingToWithdraw();
        if (block.timestamp < due.availableAt) revert NotYet(due.availableAt);
        delete _withdrawals[account];
        emit WithdrawalPaid(account, due.amount);
        token.safeTransfer(account, due.amount);
    }

    /// Frees what is locked of a policy's UTC day whose corrections and challenges are over.
    ///
    /// Anyone may send it.
    function release(bytes32 policy, uint32 day, address[] calldata accounts) external {
        for (uint256 i = 0; i < accounts.length; ++i) {
            Lock memory due = _locks[accounts[i]][policy][day];
            if (due.amount == 0) continue;
            if (block.timestamp < due.until) revert NotYet(due.until);
            delete _locks[accounts[i]][policy][day];
            free[accounts[i]] += due.amount;
            emit EscrowReleased(accounts[i], policy, day, due.amount);
        }
    }

    /// Ends every order of the sender that has this nonce, as far as it is not filled.
    function cancel(uint256 nonce) external {
        _cancel(msg.sender, nonce);
    }

    /// {cancel} for an account that signed `Cancel`.
    function cancelFor(address account, uint256 nonce, bytes calldata signature) external {
        _checkSigned(account, keccak256(abi.encode(CANCEL_TYPEHASH, account, nonce)), signature);
        _cancel(account, nonce);
    }

    /// {cancel} of all these nonces, for an account that signed `CancelAll`: of every order that it
    /// has signed and that is not settled yet. Anyone may send it, the account too.
    function cancelAllFor(
        address account,
        uint256[] calldata nonces,
        bytes calldata signature
    ) external {
        bytes32 all = keccak256(abi.encodePacked(nonces));
        _checkSigned(account, keccak256(abi.encode(CANCEL_ALL_TYPEHASH, account, all)), signature);
        for (uint256 i = 0; i < nonces.length; ++i) _cancel(account, nonces[i]);
    }

    /// Gives free cash of an account that signed it to another.
    function transferFor(CashTransfer calldata what, bytes calldata signature) external {
        if (block.timestamp > what.expiry) revert TransferExpired(what.expiry);
        if (what.sender != address(0) && what.sender != msg.sender) revert NotSender(msg.sender);
        if (what.to == address(0)) revert NobodyToReceive();
        _checkSigned(what.account, keccak256(abi.encode(TRANSFER_TYPEHASH, what)), signature);
        _useNonce(what.account, what.nonce);
        _take(what.account, what.amount);
        free[what.to] += what.amount;
        emit CashTransferred(what.account, what.to, what.amount, what.link);
    }

    /// Cash of an account that waits for the end of a policy's day.
    function locked(address account, bytes32 policy, uint32 day) external view returns (uint256) {
        return _locks[account][policy][day].amount;
    }

    /// When {release} will free it; zero when nothing is locked.
    function lockedUntil(
        address account,
        bytes32 policy,
        uint32 day
    ) external view returns (uint64) {
        return _locks[account][policy][day].until;
    }

    /// Cash on its way out, and when {withdraw} will pay it.
    function withdrawing(
        address account
    ) external view returns (uint256 amount, uint64 availableAt) {
        Withdrawal memory due = _withdrawals[account];
        return (due.amount, due.availableAt);
    }

    /// Whether a nonce was used by an order or another signed request, or cancelled.
    function nonceUsed(address account, uint256 nonce) public view returns (bool) {
        return _usedIn(_nonces[account][nonce >> 7], nonce & 127);
    }

    /// Whether a nonce was cancelled.
    function nonceCancelled(address account, uint256 nonce) public view returns (bool) {
        return _cancelledIn(_nonces[account][nonce >> 7], nonce & 127);
    }

    /// What an account signs to place an order.
    function orderHash(Order calldata order) public view returns (bytes32) {
        return _hashOrder(order);
    }

    function _hashOrder(Order memory order) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    function _requestWithdrawal(address account, uint256 amount) private {
        _take(account, amount);
        Withdrawal storage due = _withdrawals[account];
        due.amount = SafeCast.toUint192(due.amount + amount);
        due.availableAt = uint64(block.timestamp) + withdrawalDelay;
        emit WithdrawalRequested(account, amount, due.availableAt);
    }

    function _cancel(address account, uint256 nonce) private {
        uint256 bit = nonce & 127;
        _nonces[account][nonce >> 7] |= (1 << bit) | (1 << (128 + bit));
        emit OrderCancelled(account, nonce);
    }

    /// Takes free cash of an account that has it.
    function _take(address account, uint256 amount) private {
        uint256 cash = free[account];
        if (amount > cash) revert NotEnoughFree(cash, amount);
        free[account] = cash - amount;
    }

    function _checkSigned(
        address account,
        bytes32 structHash,
        bytes calldata signature
    ) private view {
        if (!Signatures.signedBy(account, _hashTypedDataV4(structHash), signature))
            revert NotSigned(account);
    }

    /// Marks a nonce as used; refused when it was.
    function _useNonce(address account, uint256 nonce) internal {
        if (nonceUsed(account, nonce)) revert NonceAlreadyUsed(nonce);
        _nonces[account][nonce >> 7] |= 1 << (nonce & 127);
    }

    /// Whether the nonce with this bit was used, as the word with it says.
    function _usedIn(uint256 nonces, uint256 bit) internal pure returns (bool) {
        return (nonces >> bit) & 1 == 1;
    }

    /// Whether the nonce with this bit was cancelled, as the word with it says.
    function _cancelledIn(uint256 nonces, uint256 bit) internal pure returns (bool) {
        return (nonces >> (128 + bit)) & 1 == 1;
    }

    /// Where an account's free cash is kept.
    function _freeSlot(address account) internal pure returns (bytes32 slot) {
        // In assembly, because a slot has no other name.
        assembly ("memory-safe") {
            slot := free.slot
        }
        return slot.deriveMapping(account);
    }

    /// Where the words of an account's nonces are kept: a mapping.
    function _noncesSlot(address account) internal pure returns (bytes32 slot) {
        // In assembly, because a slot has no other name.
        assembly ("memory-safe") {
            slot := _nonces.slot
        }
        return slot.deriveMapping(account);
    }

    /// Replaces `last` by `next` in what is locked of a policy's day, at least until `until`.
    function _lock(Term memory term, address account, uint256 next, uint256 last) internal {
        if (next == last) return;
        Lock storage lock = _locks[account][term.policy][term.day];
        uint256 amount = lock.amount;
        unchecked {
            // Less than nothing would not fit.
            amount = SafeCast.toUint192(amount + next - last);
        }
        uint64 until = lock.until;
        if (term.until > until) until = term.until;
        // In assembly, because the compiler would write the word once for each part of it.
        assembly ("memory-safe") {
            sstore(lock.slot, or(amount, shl(192, until)))
        }
    }
}
