// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// Hashes of documents (tariffs, invoices) with the time they were anchored. Versions count from 1.
contract RecordAnchor is AccessControl {
    bytes32 public constant ANCHOR_ROLE = keccak256("ANCHOR");

    struct Record {
        bytes32 hash;
        uint64 time;
    }

    /// How many versions a document has.
    mapping(bytes32 kind => mapping(bytes32 key => uint32)) public versions;
    /// The versions of a document, from 1.
    mapping(bytes32 kind => mapping(bytes32 key => mapping(uint32 version => Record)))
        public records;

    event RecordAnchored(bytes32 indexed kind, bytes32 indexed key, uint32 version, bytes32 hash);

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Appends a version; returns its number.
    function anchor(
        bytes32 kind,
        bytes32 key,
        bytes32 hash
    ) external onlyRole(ANCHOR_ROLE) returns (uint32 version) {
        version = ++versions[kind][key];
        records[kind][key][version] = Record(hash, uint64(block.timestamp));
        emit RecordAnchored(kind, key, version, hash);
    }
}
