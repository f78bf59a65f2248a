// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {MerklePath} from "./MerklePath.sol";
import {Signatures} from "./Signatures.sol";

/// Registers as a meter signed them: the message MR1, 55 bytes and a signature of 64.
///
///   "MR1" | meter 16 | page 4 | time 8 | import Wh 8 | export Wh 8 | status 4 | firmware 4
///
/// A secp256k1 key signs the keccak-256 of the 55 bytes (EIP-2098), a P-256 key their SHA-256
/// (r, s, low s only). Of readings that were signed together each stands with its place among them
/// behind the signature:
///
///   55 bytes | signature 64 | count 1 | index 1 | root 32 | siblings 32 each
///
/// and what is signed are not the 55 bytes, but
///
///   "MR2" | count 1 | root 32
///
/// with the root of the tree whose leaves are the 55 bytes of each.
library MeterReadings {
    uint256 internal constant PAYLOAD_BYTES = 55;
    uint256 internal constant MESSAGE_BYTES = 119;
    /// Where the siblings of a reading that was signed with others begin.
    uint256 internal constant SIBLINGS = 153;
    /// The most readings under one signature.
    uint256 internal constant TOGETHER_MAX = 16;

    /// What a message says.
    struct Reading {
        bytes32 meter;
        uint64 time;
        uint64 importWh;
        uint64 exportWh;
    }

    /// The registers in a message; all zero where it is none.
    function read(bytes calldata message) internal pure returns (Reading memory reading) {
        if (message.length < MESSAGE_BYTES || bytes3(message[:3]) != "MR1") return reading;
        reading.meter = bytes32(bytes16(message[3:19]));
        reading.time = uint64(bytes8(message[23:31]));
        reading.importWh = uint64(bytes8(message[31:39]));
        reading.exportWh = uint64(bytes8(message[39:47]));
    }

    /// Whether the key with this address signed a message that {read} can read. `point` is empty
    /// for a secp256k1 key, and has the two coordinates of a P-256 key.
    function signedBy(
        address key,
        bytes calldata message,
        bytes calldata point
    ) internal view returns (bool) {
        if (key == address(0)) return false;
        bytes memory signed_ = signed(message);
        if (signed_.length == 0) return false;
        bytes calldata signature = message[PAYLOAD_BYTES:MESSAGE_BYTES];
        if (point.length == 0) return Signatures.recover(keccak256(signed_), signature) == key;
        if (point.length != 64 || address(uint160(uint256(keccak256(point)))) != key) return false;
        return
            P256.verify(
                sha256(signed_),
                bytes32(signature[:32]),
                bytes32(signature[32:]),
                bytes32(point[:32]),
                bytes32(point[32:])
            );
    }

    /// The bytes that the signature of a message that {read} can read has to be of; none where what
    /// stands behind the signature is no place among readings.
    function signed(bytes calldata message) internal pure returns (bytes memory) {
        if (message.length == MESSAGE_BYTES) return message[:PAYLOAD_BYTES];
        if (message.length < SIBLINGS || (message.length - SIBLINGS) % 32 != 0) return "";
        uint8 count = uint8(message[MESSAGE_BYTES]);
        // One alone is signed alone, so that no reading has two names.
        if (count < 2 || count > TOGETHER_MAX) return "";
        bytes32[] calldata path;
        // In assembly, because the siblings are words as they stand in the message.
        assembly ("memory-safe") {
            path.offset := add(message.offset, SIBLINGS)
            path.length := shr(5, sub(message.length, SIBLINGS))
        }
        bytes32 root = bytes32(message[SIBLINGS - 32:SIBLINGS]);
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0x00), message[:PAYLOAD_BYTES]));
        uint8 index = uint8(message[MESSAGE_BYTES + 1]);
        if (!MerklePath.verify(root, leaf, index, count, path)) return "";
        return abi.encodePacked("MR2", count, root);
    }
}
