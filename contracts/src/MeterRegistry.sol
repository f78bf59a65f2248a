// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Signatures} from "./Signatures.sol";

/// Which key a meter signed with, and when. A key is never replaced: a new version is appended.
///
/// Versions count from 1. At most one version of a meter is valid at a time, and at most one meter
/// of a connection point: its registers are all that the point takes and feeds in meanwhile.
contract MeterRegistry is AccessControl, EIP712 {
    /// May countersign the enrolment of a meter.
    bytes32 public constant INSTALLER_ROLE = keccak256("INSTALLER");
    /// May send enrolments and revoke.
    bytes32 public constant ENROLLER_ROLE = keccak256("ENROLLER");

    bytes32 public constant ENROLMENT_TYPEHASH = keccak256(
        "Enrolment(bytes32 meter,address key,address owner,address installer,"
        "bytes32 connectionPoint,uint32 version)"
    );
    bytes32 public constant ROTATION_TYPEHASH = keccak256(
        "Rotation(bytes32 meter,address key,uint32 version,uint64 expiry)"
    );

    /// A key of a meter; valid from `validFrom` until before `validTo`, or still when that is zero.
    ///
    /// `key` is the address of a secp256k1 key, or of a P-256 key in the same way: the last 20 bytes
    /// of the hash of its two coordinates. `enrolment` is the version that was enrolled, from which
    /// this one came by rotations: all the while the meter was at its connection point.
    struct Key {
        address key;
        uint64 validFrom;
        uint64 validTo;
        address owner;
        uint32 enrolment;
        bytes32 connectionPoint;
    }

    /// How many keys the meter has had.
    mapping(bytes32 meter => uint32) public versions;
    /// The keys of a meter, from version 1.
    mapping(bytes32 meter => mapping(uint32 version => Key)) public keys;
    /// The meter of a connection point, as long as its key is valid.
    mapping(bytes32 connectionPoint => bytes32 meter) public meterAt;

    event MeterRegistered(
        bytes32 indexed meter,
        uint32 version,
        address key,
        address indexed owner,
        address indexed installer,
        bytes32 connectionPoint
    );
    event MeterRotated(bytes32 indexed meter, uint32 version, address key);
    event MeterRevoked(bytes32 indexed meter, uint32 version);

    /// The meter has a valid key: rotate or revoke it.
    error AlreadyEnrolled(bytes32 meter);
    /// Another meter measures there: revoke it.
    error PointTaken(bytes32 connectionPoint);
    /// The meter has no valid key.
    error NotEnrolled(bytes32 meter);
    error RotationExpired(uint64 expiry);
    /// Neither the owner nor an enroller.
    error NotAllowed(address sender);
    /// A signature is missing or of another key.
    error BadSignature(address expected);
    /// Zero is no key.
    error NoKey();
    /// Zero is no meter.
    error NoMeter();

    constructor(address admin) EIP712("Wattex MeterRegistry", "1") {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Gives a meter its first key, or a new one after a revocation; owner and installer signed.
    function enrol(
        bytes32 meter,
        address key,
        address owner,
        address installer,
        bytes32 connectionPoint,
        bytes calldata ownerSignature,
        bytes calldata installerSignature
    ) external onlyRole(ENROLLER_ROLE) {
        if (meter == 0) revert NoMeter();
        if (_valid(meter)) revert AlreadyEnrolled(meter);
        if (meterAt[connectionPoint] != 0) revert PointTaken(connectionPoint);
        _checkRole(INSTALLER_ROLE, installer);
        uint32 version = versions[meter] + 1;
        bytes32 hash = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ENROLMENT_TYPEHASH,
                    meter,
                    key,
                    owner,
                    installer,
                    connectionPoint,
                    version
                )
            )
        );
        if (!Signatures.signedBy(owner, hash, ownerSignature)) revert BadSignature(owner);
        if (!Signatures.signedBy(installer, hash, installerSignature))
            revert BadSignature(installer);
        meterAt[connectionPoint] = meter;
        _append(meter, version, Key(key, 0, 0, owner, version, connectionPoint));
        emit MeterRegistered(meter, version, key, owner, installer, connectionPoint);
    }

    /// Replaces a meter's key by one that the old key signed for, which has to be a secp256k1 key.
    /// Anyone may send it until its `expiry`.
    function rotate(
        bytes32 meter,
        address key,
        uint64 expiry,
        bytes calldata signature
    ) external {
        if (block.timestamp > expiry) revert RotationExpired(expiry);
        if (!_valid(meter)) revert NotEnrolled(meter);
        uint32 version = versions[meter] + 1;
        Key storage old = keys[meter][version - 1];
        bytes32 hash = _hashTypedDataV4(
            keccak256(abi.encode(ROTATION_TYPEHASH, meter, key, version, expiry))
        );
        if (!Signatures.signedBy(old.key, hash, signature)) revert BadSignature(old.key);
        _append(meter, version, Key(key, 0, 0, old.owner, old.enrolment, old.connectionPoint));
        old.validTo = uint64(block.timestamp);
        emit MeterRotated(meter, version, key);
    }

    /// Ends a meter's key, by its owner or an enroller.
    function revoke(bytes32 meter) external {
        if (!_valid(meter)) revert NotEnrolled(meter);
        uint32 version = versions[meter];
        Key storage current = keys[meter][version];
        if (msg.sender != current.owner && !hasRole(ENROLLER_ROLE, msg.sender))
            revert NotAllowed(msg.sender);
        current.validTo = uint64(block.timestamp);
        delete meterAt[current.connectionPoint];
        emit MeterRevoked(meter, version);
    }

    /// The key that signed for a meter at a time; all zero when it had none.
    ///
    /// Halves the versions, whose times rise: what a key signed does not become too dear to prove
    /// because it was rotated often afterwards.
    function keyAt(bytes32 meter, uint64 time) external view returns (Key memory key) {
        mapping(uint32 version => Key) storage all = keys[meter];
        (uint32 least, uint32 most) = (0, versions[meter]);
        while (least < most) {
            uint32 middle = most - (most - least) / 2;
            if (all[middle].validFrom <= time) least = middle;
            else most = middle - 1;
        }
        // The newest that began by then; those before it have ended. There is no version zero.
        key = all[least];
        if (key.validTo != 0 && time >= key.validTo) delete key;
    }

    function _valid(bytes32 meter) private view returns (bool) {
        uint32 version = versions[meter];
        return version != 0 && keys[meter][version].validTo == 0;
    }

    /// Appends a key that is valid from now on.
    function _append(bytes32 meter, uint32 version, Key memory what) private {
        if (what.key == address(0)) revert NoKey();
        what.validFrom = uint64(block.timestamp);
        versions[meter] = version;
        keys[meter][version] = what;
    }
}
