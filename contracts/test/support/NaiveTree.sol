// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// Merkle trees word by word as RFC 6962 section 2.1 defines them: slow, and easy to believe.
library NaiveTree {
    function leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), data));
    }

    /// MTH: the root over `leaves` (leaf hashes).
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        if (leaves.length == 1) return leaves[0];
        (bytes32[] memory left, bytes32[] memory right) = split(leaves);
        return keccak256(abi.encodePacked(bytes1(0x01), root(left), root(right)));
    }

    /// PATH: the siblings of leaf `index` from the leaf up.
    function path(
        bytes32[] memory leaves,
        uint256 index
    ) internal pure returns (bytes32[] memory) {
        if (leaves.length == 1) return new bytes32[](0);
        (bytes32[] memory left, bytes32[] memory right) = split(leaves);
        return
            index < left.length
                ? append(path(left, index), root(right))
                : append(path(right, index - left.length), root(left));
    }

    /// PATH of every leaf.
    function paths(bytes32[] memory leaves) internal pure returns (bytes32[][] memory all) {
        all = new bytes32[][](leaves.length);
        if (leaves.length == 1) return all;
        (bytes32[] memory left, bytes32[] memory right) = split(leaves);
        (bytes32 ofLeft, bytes32 ofRight) = (root(left), root(right));
        (bytes32[][] memory first, bytes32[][] memory second) = (paths(left), paths(right));
        for (uint256 i = 0; i < leaves.length; ++i) {
            all[i] = i < left.length
                ? append(first[i], ofRight)
                : append(second[i - left.length], ofLeft);
        }
    }

    /// The first k leaves, k the largest power of two below their number, and the others.
    function split(
        bytes32[] memory leaves
    ) internal pure returns (bytes32[] memory left, bytes32[] memory right) {
        uint256 k = 1;
        while (k * 2 < leaves.length) k *= 2;
        left = new bytes32[](k);
        right = new bytes32[](leaves.length - k);
        for (uint256 i = 0; i < leaves.length; ++i) {
            if (i < k) left[i] = leaves[i];
            else right[i - k] = leaves[i];
        }
    }

    function append(
        bytes32[] memory words,
        bytes32 word
    ) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](words.length + 1);
        for (uint256 i = 0; i < words.length; ++i) longer[i] = words[i];
        longer[words.length] = word;
    }
}
