// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Batches} from "./Batches.sol";
import {EnergyMarket} from "./EnergyMarket.sol";
import {MeterRegistry} from "./MeterRegistry.sol";
import {Signatures} from "./Signatures.sol";
import {Trade} from "./Trades.sol";
import {Claim, Order, Policy, Terms, TradeBatch} from "./Types.sol";

/// Renewable energy that was delivered, in Wh: one token is one Wh of one meter, slot and source.
///
///   trade, final --issue--> the buyer --transfer--> ... --retire--> gone, for a beneficiary
///
/// A certificate comes from a trade, when nothing of the trade can change any more, and goes to who
/// bought the energy. A trade is certified once, nothing is sold without its certificate, and what
/// was fed in and not traded is never certified. Energy of a connection point and slot is certified
/// from one clearing only, so that what is sold in two zones or under two policies is not certified
/// twice; and that of a day in slots of one length, so that no two slots overlap. That the trades
/// of a connection point in a clearing are together at most what its meter registered is what
/// {Challenges} are for.
contract EnergyCertificate is ERC1155, EIP712, AccessControl {
    /// May say what a connection point generates from. Any code is taken: whether the source is
    /// there, and renewable, is this role's word.
    bytes32 public constant CERTIFIER_ROLE = keccak256("CERTIFIER");

    bytes32 public constant TRANSFER_TYPEHASH = keccak256(
        "Transfer(address account,address to,uint256 certificate,uint256 amount,uint256 nonce,"
        "uint64 expiry)"
    );
    bytes32 public constant RETIREMENT_TYPEHASH = keccak256(
        "Retirement(address account,uint256 certificate,uint256 amount,string beneficiary,"
        "uint256 nonce,uint64 expiry)"
    );

    uint8 private constant SELL = 1;
    /// The longest name of a beneficiary, in bytes.
    uint256 public constant BENEFICIARY_BYTES_MAX = 200;

    /// What is generated at a connection point, as the EECS codes name it (F01040100: solar).
    struct Source {
        bytes32 code;
        uint64 validFrom;
        uint64 validTo;
    }

    /// What all Wh of a certificate have in common.
    struct Certificate {
        bytes32 connectionPoint;
        bytes32 meter;
        bytes32 source;
        uint64 slot;
        uint32 slotSeconds;
    }

    EnergyMarket public immutable market;
    MeterRegistry public immutable meters;

    /// How many sources a connection point has had.
    mapping(bytes32 connectionPoint => uint32) public sourceVersions;
    /// Its sources, from version 1; at most one at a time.
    mapping(bytes32 connectionPoint => mapping(uint32 version => Source)) public sources;
    mapping(uint256 certificate => Certificate) public certificates;
    /// Wh that were issued and retired; what circulates is the difference.
    mapping(uint256 certificate => uint256) public issued;
    mapping(uint256 certificate => uint256) public retired;
    /// Trades that were certified.
    mapping(bytes32 trade => bool) public certified;
    /// The one clearing from which energy of a connection point and slot is certified.
    mapping(bytes32 connectionPoint => mapping(uint64 slot => bytes32 clearing))
        public certifiedFrom;
    /// How long the slots are in which energy of a connection point and UTC day is certified.
    mapping(bytes32 connectionPoint => mapping(uint64 day => uint32)) public slotSecondsOn;
    mapping(address account => mapping(uint256 nonce => bool)) public nonceUsed;

    event SourceRegistered(bytes32 indexed connectionPoint, uint32 version, bytes32 code);
    event SourceEnded(bytes32 indexed connectionPoint, uint32 version);
    event CertificateIssued(
        uint256 indexed certificate,
        bytes32 indexed trade,
        address indexed to,
        uint256 amount
    );
    event CertificateRetired(
        uint256 indexed certificate,
        address indexed account,
        uint256 amount,
        string beneficiary
    );

    error SourceInForce(bytes32 connectionPoint);
    error NoSource(bytes32 connectionPoint, uint64 time);
    error NotASale();
    error UnknownTrade(bytes32 trade);
    /// Corrections and challenges of the trade are not over.
    error NotFinal(bytes32 trade);
    error AlreadyCertified(bytes32 trade);
    /// Energy of the connection point and slot was certified from another clearing.
    error CertifiedElsewhere(bytes32 connectionPoint, uint64 slot, bytes32 clearing);
    /// Energy of the connection point and UTC day was certified in slots of this length.
    error OtherSlots(bytes32 connectionPoint, uint64 day, uint32 slotSeconds);
    error NothingDelivered(bytes32 trade);
    /// The meter is not the seller's at the connection point of the order.
    error NotItsMeter(bytes32 meter);
    error NonceAlreadyUsed(uint256 nonce);
    error RequestExpired(uint64 expiry);
    error NotSigned(address account);
    /// Neither the account nor one that it approved.
    error NotAllowed(address sender);
    error BadBeneficiary();

    constructor(
        address admin,
        EnergyMarket market_,
        MeterRegistry meters_
    ) ERC1155("") EIP712("Wattex EnergyCertificate", "1") {
        market = market_;
        meters = meters_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Says from now on what a connection point generates from; {endSource} comes first if it has
    /// a source.
    function registerSource(
        bytes32 connectionPoint,
        bytes32 code
    ) external onlyRole(CERTIFIER_ROLE) {
        uint32 version = sourceVersions[connectionPoint];
        if (version != 0 && sources[connectionPoint][version].validTo == 0)
            revert SourceInForce(connectionPoint);
        sourceVersions[connectionPoint] = ++version;
        sources[connectionPoint][version] = Source(code, uint64(block.timestamp), 0);
        emit SourceRegistered(connectionPoint, version, code);
    }

    /// Ends the source of a connection point.
    function endSource(bytes32 connectionPoint) external onlyRole(CERTIFIER_ROLE) {
        uint32 version = sourceVersions[connectionPoint];
        Source storage source = sources[connectionPoint][version];
        if (version == 0 || source.validTo != 0)
            revert NoSource(connectionPoint, uint64(block.timestamp));
        source.validTo = uint64(block.timestamp);
        emit SourceEnded(connectionPoint, version);
    }

    /// Certifies what a trade delivered, to its buyer. Anyone may send it, once for each trade.
    ///
    /// `sale` is the seller's order in its fill, `batch` has the trade, `meter` measured at the
    /// connection point of the order during the slot.
    function issue(
        Claim calldata sale,
        TradeBatch calldata batch,
        bytes32 meter
    ) external returns (uint256 certificate) {
        Order calldata sell = sale.order;
        if (sell.side != SELL) revert NotASale();
        bytes32 clearing = market.clearingOf(batch.terms);
        bytes32 trade = Batches.tradeId(clearing, sale.index);
        (address buyer, uint64 delivered) = _sold(sale, batch, clearing, trade);
        if (certified[trade]) revert AlreadyCertified(trade);
        uint32 length = _lengthOfFinal(trade, batch.terms);
        if (delivered == 0) revert NothingDelivered(trade);
        MeterRegistry.Key memory key = meters.keyAt(meter, sell.slot + length);
        if (key.owner != sell.account || key.connectionPoint != sell.connectionPoint)
            revert NotItsMeter(meter);
        _bind(sell.connectionPoint, sell.slot, length, clearing);
        Certificate memory terms = Certificate(
            sell.connectionPoint,
            meter,
            _sourceDuring(sell.connectionPoint, sell.slot, length),
            sell.slot,
            length
        );
        certificate = uint256(keccak256(abi.encode(terms)));
        certified[trade] = true;
        if (issued[certificate] == 0) certificates[certificate] = terms;
        issued[certificate] += delivered;
        emit CertificateIssued(certificate, trade, buyer, delivered);
        // The buyer is not asked whether it takes it: a contract account must not stop a batch.
        _update(address(0), buyer, _one(certificate), _one(delivered));
    }

    /// {safeTransferFrom} for an account that signed `Transfer`, until its `expiry`.
    function transferFor(
        address account,
        address to,
        uint256 certificate,
        uint256 amount,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external {
        bytes32 request = keccak256(
            abi.encode(TRANSFER_TYPEHASH, account, to, certificate, amount, nonce, expiry)
        );
        _checkSigned(account, nonce, expiry, request, signature);
        _safeTransferFrom(account, to, certificate, amount, "");
    }

    /// Ends Wh of an account for good, for whom it says. The sender is the account or approved.
    function retire(
        address account,
        uint256 certificate,
        uint256 amount,
        string calldata beneficiary
    ) external {
        if (msg.sender != account && !isApprovedForAll(account, msg.sender))
            revert NotAllowed(msg.sender);
        _retire(account, certificate, amount, beneficiary);
    }

    /// {retire} for an account that signed `Retirement`, until its `expiry`.
    function retireFor(
        address account,
        uint256 certificate,
        uint256 amount,
        string calldata beneficiary,
        uint256 nonce,
        uint64 expiry,
        bytes calldata signature
    ) external {
        bytes32 request = keccak256(
            abi.encode(
                RETIREMENT_TYPEHASH,
                account,
                certificate,
                amount,
                keccak256(bytes(beneficiary)),
                nonce,
                expiry
            )
        );
        _checkSigned(account, nonce, expiry, request, signature);
        _retire(account, certificate, amount, beneficiary);
    }

    function supportsInterface(
        bytes4 id
    ) public view override(ERC1155, AccessControl) returns (bool) {
        return ERC1155.supportsInterface(id) || AccessControl.supportsInterface(id);
    }

    function _retire(
        address account,
        uint256 certificate,
        uint256 amount,
        string calldata beneficiary
    ) private {
        uint256 length = bytes(beneficiary).length;
        if (length == 0 || length > BENEFICIARY_BYTES_MAX) revert BadBeneficiary();
        _burn(account, certificate, amount);
        retired[certificate] += amount;
        emit CertificateRetired(certificate, account, amount, beneficiary);
    }

    /// Who bought in a trade, and what was delivered of it.
    function _sold(
        Claim calldata sale,
        TradeBatch calldata batch,
        bytes32 clearing,
        bytes32 id
    ) private view returns (address buyer, uint64 delivered) {
        (bytes32 kept, ) = market.batchState(clearing, batch.number);
        uint256 first = batch.number * Batches.FILLS_MAX;
        if (
            kept == 0 ||
            kept != Batches.hash(batch) ||
            sale.index < first ||
            sale.index >= first + batch.trades.length
        ) revert UnknownTrade(id);
        Trade trade = batch.trades[sale.index - first];
        if (
            trade.isNone() ||
            !Batches.has(
                batch.terms.clearing,
                sale,
                market.orderHash(sale.order),
                false,
                trade.quantity()
            )
        ) revert UnknownTrade(id);
        return (batch.accounts[trade.buyer()], trade.last().delivered());
    }

    /// The length of the slot of a trade that nothing can change any more.
    function _lengthOfFinal(bytes32 trade, Terms calldata terms) private view returns (uint32) {
        Policy calldata policy = terms.policy;
        uint256 end = uint256(terms.clearing.slot) + policy.slotSeconds;
        if (block.timestamp < end + policy.correctionSeconds + policy.challengeSeconds)
            revert NotFinal(trade);
        return policy.slotSeconds;
    }

    /// Binds energy of a connection point and slot to its clearing, the first that is certified.
    ///
    /// A zone's slot is cleared once. Slots begin at multiples of their length, which divides a
    /// day: two of one length are the same or do not overlap, and none is of two days.
    function _bind(bytes32 point, uint64 slot, uint32 length, bytes32 clearing) private {
        bytes32 from = certifiedFrom[point][slot];
        if (from == clearing) return;
        if (from != 0) revert CertifiedElsewhere(point, slot, from);
        uint64 day = slot / 1 days;
        uint32 others = slotSecondsOn[point][day];
        if (others == 0) slotSecondsOn[point][day] = length;
        else if (others != length) revert OtherSlots(point, day, others);
        certifiedFrom[point][slot] = clearing;
    }

    /// The source that was in force during all of a slot.
    function _sourceDuring(
        bytes32 connectionPoint,
        uint64 slot,
        uint32 length
    ) private view returns (bytes32) {
        for (uint32 version = sourceVersions[connectionPoint]; version != 0; --version) {
            Source memory source = sources[connectionPoint][version];
            if (
                slot >= source.validFrom &&
                (source.validTo == 0 || slot + length <= source.validTo)
            ) return source.code;
        }
        revert NoSource(connectionPoint, slot);
    }

    function _checkSigned(
        address account,
        uint256 nonce,
        uint64 expiry,
        bytes32 request,
        bytes calldata signature
    ) private {
        if (block.timestamp > expiry) revert RequestExpired(expiry);
        if (nonceUsed[account][nonce]) revert NonceAlreadyUsed(nonce);
        if (!Signatures.signedBy(account, _hashTypedDataV4(request), signature))
            revert NotSigned(account);
        nonceUsed[account][nonce] = true;
    }

    function _one(uint256 value) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = value;
    }
}
