// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// Roots of, and paths in, Merkle trees of the shape of RFC 6962, hashed with keccak-256.
library MerklePath {
    /// Whether `leaf` (a leaf hash) is number `index` of the `count` leaves under `root`
    /// (RFC 9162, 2.1.3.2).
    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata path
    ) internal pure returns (bool) {
        if (index >= count) return false;
        uint256 last = count - 1;
        bytes32 hash = leaf;
        for (uint256 i = 0; i < path.length; ++i) {
            if (last == 0) return false;
            if (index & 1 == 1 || index == last) {
                hash = _node(path[i], hash);
                while (index & 1 == 0 && index != 0) {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                hash = _node(hash, path[i]);
            }
            index >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == root;
    }

    /// The root over leaf hashes, at least one. Uses up `leaves`.
    ///
    /// Pairs are hashed level by level and one that is left over goes up as it is, which gives the
    /// tree of RFC 9162, 2.1.1.
    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        unchecked {
            uint256 count = leaves.length;
            while (count > 1) {
                uint256 pairs = count / 2;
                // In assembly, because both of a pair are side by side as they are hashed.
                assembly ("memory-safe") {
                    let data := mload(0x40)
                    mstore8(data, 0x01)
                    let to := add(leaves, 0x20)
                    let from := to
                    for {
                        let end := add(to, shl(5, pairs))
                    } lt(to, end) {
                        to := add(to, 0x20)
                        from := add(from, 0x40)
                    } {
                        mcopy(add(data, 0x01), from, 0x40)
                        mstore(to, keccak256(data, 0x41))
                    }
                }
                if (count & 1 == 1) leaves[pairs] = leaves[count - 1];
                count = pairs + (count & 1);
            }
            return leaves[0];
        }
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        // In assembly, because what is hashed is not needed any more.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore8(data, 0x01)
            mstore(add(data, 0x01), left)
            mstore(add(data, 0x21), right)
            node := keccak256(data, 0x41)
        }
    }
}
