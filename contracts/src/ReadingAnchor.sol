// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// Merkle roots of signed readings. Late readings append a batch; nothing is replaced.
///
/// kind 1 = slot (period = its start), 2 = day (period = the local day number).
/// Batches count from 1.
contract ReadingAnchor is AccessControl {
    bytes32 public constant ANCHOR_ROLE = keccak256("ANCHOR");

    struct Batch {
        bytes32 root;
        uint32 count;
        uint64 time;
    }

    /// How many batches a period has.
    mapping(bytes32 community => mapping(uint8 kind => mapping(uint64 period => uint32)))
        public batches;
    /// The batches of a period, from 1.
    mapping(bytes32 community
        => mapping(uint8 kind => mapping(uint64 period => mapping(uint32 batch => Batch))))
        public roots;

    event ReadingsAnchored(
        bytes32 indexed community,
        uint8 indexed kind,
        uint64 indexed period,
        uint32 batch,
        bytes32 root,
        uint32 count
    );

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Appends the root over `count` leaves; returns the number of the batch.
    function anchor(
        bytes32 community,
        uint8 kind,
        uint64 period,
        bytes32 root,
        uint32 count
    ) external onlyRole(ANCHOR_ROLE) returns (uint32 batch) {
        batch = ++batches[community][kind][period];
        roots[community][kind][period][batch] = Batch(root, count, uint64(block.timestamp));
        emit ReadingsAnchored(community, kind, period, batch, root, count);
    }
}
