// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery, PricePair} from "../../src/Trades.sol";
import {
    CashTransfer, Claim, FillBatch, Mandate, Order, Outcome, Policy, Terms, TradeBatch
} from "../../src/Types.sol";

// The contracts as their users see them. The tests stand on these and not on the sources, so that
// a change of a test does not compile the contracts anew. Errors that are not in `MarketEvents`
// or `Accounts` are here too.

interface Roles {
    error AccessControlUnauthorizedAccount(address account, bytes32 role);

    function grantRole(bytes32 role, address account) external;
    function hasRole(bytes32 role, address account) external view returns (bool);
}

interface Timed is Roles {
    error TimelockInsufficientDelay(uint256 delay, uint256 minDelay);
    error TimelockUnexpectedOperationState(bytes32 operationId, bytes32 expectedStates);
    error TimelockUnauthorizedCaller(address caller);

    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) external;
    function execute(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt
    ) external;
    function cancel(bytes32 operation) external;
    function updateDelay(uint256 delay) external;
    function getMinDelay() external view returns (uint256);
}

interface Token is Roles {
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
    error PaymentAlreadyMinted(bytes32 payment);
    error AlreadyRedeemed(uint256 nonce);
    error RedemptionExpired(uint64 expiry);
    error NotSigned(address account);

    event Redeemed(
        address indexed account,
        uint256 amount,
        bytes32 indexed destination,
        uint256 nonce
    );

    function mint(address to, uint256 amount, bytes32 payment) external;
    function minted(bytes32 payment) external view returns (bool);
    function burn(uint256 amount) external;
    function redeemFor(
        address account,
        uint256 amount,
        bytes32 destination,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external;
    function redeemed(address account, uint256 nonce) external view returns (bool);
    function approve(address spender, uint256 amount) external returns (bool);
    function transfer(address to, uint256 amount) external returns (bool);
    function balanceOf(address account) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function decimals() external view returns (uint8);
    function name() external view returns (string memory);
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
        uint64 expiry,
        bytes calldata signature
    ) external;
    function withdraw(address account) external;
    function release(bytes32 policy, uint32 day, address[] calldata accounts) external;
    function cancel(uint256 nonce) external;
    function cancelFor(address account, uint256 nonce, bytes calldata signature) external;
    function cancelAllFor(
        address account,
        uint256[] calldata nonces,
        bytes calldata signature
    ) external;
    function transferFor(CashTransfer calldata what, bytes calldata signature) external;

    function pause() external;
    function unpause() external;
    function registerPolicy(Policy calldata terms) external returns (bytes32 id);
    function clear(Terms calldata terms) external returns (bytes32 id);
    function settle(FillBatch calldata batch) external;
    function reconcile(
        uint8 run,
        TradeBatch calldata batch,
        Delivery[] calldata deliveries
    ) external;

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
    function deposited(address sender, bytes32 payment) external view returns (bool);
    function nonceUsed(address account, uint256 nonce) external view returns (bool);
    function nonceCancelled(address account, uint256 nonce) external view returns (bool);
    function orderHash(Order calldata order) external view returns (bytes32);
    function orderFilled(bytes32 order) external view returns (uint64);
    function digest(address account, uint32 day) external view returns (bytes32);
    function cleared(bytes32 zone, uint64 slot) external view returns (bytes32);
    function clearingOf(Terms calldata terms) external view returns (bytes32 id);
    function policies(bytes32 policy) external view returns (bool);
    function batchState(
        bytes32 id,
        uint256 number
    ) external view returns (bytes32 trades, uint64 skipped);
    function mandates() external view returns (Mandates);
    function paused() external view returns (bool);
}

interface Mandates {
    error VersionNotHigher(uint64 version);
    error GrantExpired(uint64 expiry);
    error NotSigned(address account);
    error NotMarket(address sender);

    event MandateGranted(address indexed account, address indexed delegate, Mandate mandate);

    function grant(address delegate, Mandate calldata mandate) external;
    function grantFor(
        address account,
        address delegate,
        Mandate calldata mandate,
        uint64 expiry,
        bytes calldata signature
    ) external;
    function spend(
        address account,
        address delegate,
        uint256 day,
        uint256 side,
        uint256 filled_
    ) external;
    function allows(
        Order calldata order,
        uint256 filled_,
        uint32 slotSeconds
    ) external view returns (bool);
    function mandateOf(address account, address delegate) external view returns (Mandate memory);
    function filled(
        address account,
        address delegate,
        uint256 day,
        uint256 side
    ) external view returns (uint256);
    function orderNonce(
        address delegate,
        uint64 slot,
        uint32 slotSeconds,
        uint8 side
    ) external pure returns (uint256);
    function market() external view returns (address);
}

interface Exchange {
    struct Quote {
        Market from;
        Market to;
        address account;
        address dealer;
        uint256 given;
        uint256 taken;
        uint64 expiry;
        uint256 accountNonce;
        uint256 dealerNonce;
    }

    event Exchanged(
        bytes32 indexed quote,
        address indexed account,
        address indexed dealer,
        uint256 given,
        uint256 taken
    );

    function exchange(
        Quote calldata quote,
        bytes calldata accountSignature,
        bytes calldata dealerSignature
    ) external;
    function quoteId(Quote calldata quote) external pure returns (bytes32);
}

interface Meters is Roles {
    error AlreadyEnrolled(bytes32 meter);
    error NotEnrolled(bytes32 meter);
    error RotationExpired(uint64 expiry);
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
        uint32 enrolment;
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
    function rotate(
        bytes32 meter,
        address key,
        uint64 expiry,
        bytes calldata signature
    ) external;
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
            uint32 enrolment,
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

interface Judge {
    error BadReading(uint64 time);
    error NotAnchored(uint64 time);
    error NotOneMeter();
    error OtherOrder(uint256 claim);
    error BadFill(uint256 claim);
    error BadBatch(uint256 batch);
    error NoExcess(uint64 registered, uint64 claimed);

    event Challenged(
        bytes32 indexed connectionPoint,
        uint64 indexed slot,
        uint8 side,
        address indexed account,
        uint64 registered,
        uint64 claimed
    );

    struct Evidence {
        bytes message;
        bytes32 salt;
        bytes32 community;
        uint64 period;
        uint32 batch;
        uint32 index;
        bytes32[] path;
        bytes point;
    }

    function challenge(
        Evidence calldata begin,
        Evidence calldata end,
        Claim[] calldata claims,
        TradeBatch[] calldata batches
    ) external;
    function preview(
        Terms calldata terms,
        PricePair prices,
        uint64 quantity,
        Delivery delivery
    ) external pure returns (Outcome memory);
}

interface Certificates is Roles {
    error SourceInForce(bytes32 connectionPoint);
    error NoSource(bytes32 connectionPoint, uint64 time);
    error NotASale();
    error UnknownTrade(bytes32 trade);
    error NotFinal(bytes32 trade);
    error AlreadyCertified(bytes32 trade);
    error CertifiedElsewhere(bytes32 connectionPoint, uint64 slot, bytes32 clearing);
    error OtherSlots(bytes32 connectionPoint, uint64 day, uint32 slotSeconds);
    error NothingDelivered(bytes32 trade);
    error NotItsMeter(bytes32 meter);
    error NonceAlreadyUsed(uint256 nonce);
    error RequestExpired(uint64 expiry);
    error NotSigned(address account);
    error NotAllowed(address sender);
    error BadBeneficiary();
    error ERC1155InsufficientBalance(
        address sender,
        uint256 balance,
        uint256 needed,
        uint256 certificate
    );

    function registerSource(bytes32 connectionPoint, bytes32 code) external;
    function endSource(bytes32 connectionPoint) external;
    function issue(
        Claim calldata sale,
        TradeBatch calldata batch,
        bytes32 meter
    ) external returns (uint256 certificate);
    function safeTransferFrom(
        address from,
        address to,
        uint256 certificate,
        uint256 amount,
        bytes calldata data
    ) external;
    function setApprovalForAll(address operator, bool approved) external;
    function transferFor(
        address account,
        address to,
        uint256 certificate,
        uint256 amount,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external;
    function retire(
        address account,
        uint256 certificate,
        uint256 amount,
        string calldata beneficiary
    ) external;
    function retireFor(
        address account,
        uint256 certificate,
        uint256 amount,
        string calldata beneficiary,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external;
    function certificates(
        uint256 certificate
    )
        external
        view
        returns (
            bytes32 connectionPoint,
            bytes32 meter,
            bytes32 source,
            uint64 slot,
            uint32 slotSeconds
        );
    function issued(uint256 certificate) external view returns (uint256);
    function retired(uint256 certificate) external view returns (uint256);
    function certified(bytes32 trade) external view returns (bool);
    function certifiedFrom(bytes32 connectionPoint, uint64 slot) external view returns (bytes32);
    function slotSecondsOn(bytes32 connectionPoint, uint64 day) external view returns (uint32);
    function balanceOf(address account, uint256 certificate) external view returns (uint256);
}
