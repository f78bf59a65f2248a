// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Signatures} from "./Signatures.sol";

/// Registers as a meter signed them: the message MR1, 55 bytes and a signature of 64.
///
///   "MR1" | meter 16 | page 4 | time 8 | import Wh 8 | export Wh 8 | status 4 | firmware 4
///
/// A secp256k1 key signs the keccak-256 of the 55 bytes (EIP-2098), a P-256 key their SHA-256
/// (r, s, low s only).
library MeterReadings {
    uint256 internal constant PAYLOAD_BYTES = 55;
    uint256 internal constant MESSAGE_BYTES = 119;

    /// What a message says.
    struct Reading {
        bytes32 meter;
        uint64 time;
        uint64 importWh;
        uint64 exportWh;
    }

    /// The registers in a message; all zero where it is none.
    function read(bytes calldata message) internal pure returns (Reading memory reading) {
        if (message.length != MESSAGE_BYTES || bytes3(message[:3]) != "MR1") return reading;
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
        bytes calldata payload = message[:PAYLOAD_BYTES];
        bytes calldata signature = message[PAYLOAD_BYTES:];
        if (point.length == 0) return Signatures.recover(keccak256(payload), signature) == key;
        if (point.length != 64 || address(uint160(uint256(keccak256(point)))) != key) return false;
        return
            P256.verify(
                sha256(payload),
                bytes32(signature[:32]),
                bytes32(signature[32:]),
                bytes32(point[:32]),
                bytes32(point[32:])
            );
    }
}
