// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MerklePath} from "../src/MerklePath.sol";
import {NaiveTree} from "./support/NaiveTree.sol";
import {Test} from "./support/Test.sol";

/// Paths against trees that are built word by word after RFC 6962.
contract MerklePathTest is Test {
    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 count,
        bytes32[] calldata path
    ) external pure returns (bool) {
        return MerklePath.verify(root, leaf, index, count, path);
    }

    function leaves(uint256 count, uint256 seed) private pure returns (bytes32[] memory all) {
        all = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) all[i] = keccak256(abi.encode(seed, i));
    }

    function test_every_leaf_of_every_tree_up_to_33_leaves() public view {
        for (uint256 count = 1; count <= 33; ++count) {
            bytes32[] memory all = leaves(count, count);
            bytes32 root = NaiveTree.root(all);
            bytes32[][] memory paths = NaiveTree.paths(all);
            for (uint256 index = 0; index < count; ++index) {
                bytes32[] memory path = NaiveTree.path(all, index);
                isTrue(keccak256(abi.encode(path)) == keccak256(abi.encode(paths[index])), "path");
                isTrue(this.verify(root, all[index], index, count, path), "a leaf of its tree");
            }
        }
    }

    function rootOf(bytes32[] memory all) external pure returns (bytes32) {
        return MerklePath.rootOf(all);
    }

    function test_the_root_of_every_tree_up_to_64_leaves() public view {
        for (uint256 count = 1; count <= 64; ++count) {
            bytes32[] memory all = leaves(count, count);
            same(this.rootOf(all), NaiveTree.root(all), "root");
        }
    }

    function test_fuzz_the_root_is_that_of_the_naive_tree(uint256 seed, uint8 size) public view {
        bytes32[] memory all = leaves(within(size, 1, 64), seed);
        bytes32 root = NaiveTree.root(all);
        same(this.rootOf(all), root, "root");
        // Another leaf, another order, another number of leaves: another root.
        uint256 place = seed % all.length;
        bytes32 kept = all[place];
        all[place] ^= bytes32(uint256(1) << (seed % 256));
        isTrue(this.rootOf(all) != root, "another leaf");
        all[place] = kept;
        isTrue(this.rootOf(NaiveTree.append(all, kept)) != root, "one leaf more");
        if (place == 0) return;
        (all[0], all[place]) = (kept, all[0]);
        isTrue(this.rootOf(all) != root, "another order");
    }

    /// The roots of whole subtrees stand for their leaves: what a batch of fills relies on.
    function test_fuzz_roots_of_batches_are_leaves_of_the_tree(
        uint256 seed,
        uint16 size
    ) public view {
        uint256 count = within(size, 1, 300);
        bytes32[] memory all = leaves(count, seed);
        bytes32 root = NaiveTree.root(all);
        bytes32[] memory roots = new bytes32[]((count + 63) / 64);
        for (uint256 i = 0; i < roots.length; ++i) {
            uint256 some = i + 1 == roots.length ? count - 64 * i : 64;
            bytes32[] memory few = new bytes32[](some);
            for (uint256 j = 0; j < some; ++j) few[j] = all[64 * i + j];
            roots[i] = this.rootOf(few);
        }
        same(NaiveTree.root(roots), root, "the same root");
        uint256 place = seed % roots.length;
        bytes32[] memory path = NaiveTree.path(roots, place);
        isTrue(this.verify(root, roots[place], place, roots.length, path), "a batch of its tree");
    }

    function test_nothing_is_in_an_empty_tree() public view {
        isTrue(!this.verify(0, 0, 0, 0, new bytes32[](0)), "empty");
    }

    /// Exactly the leaf at its index with its path is accepted: every other index, sibling, length
    /// or leaf is not.
    function test_fuzz_only_the_path_is_accepted(
        uint256 seed,
        uint8 size,
        uint8 place,
        uint8 other,
        bytes32 noise
    ) public view {
        uint256 count = within(size, 1, 70);
        uint256 index = place % count;
        bytes32[] memory all = leaves(count, seed);
        bytes32 root = NaiveTree.root(all);
        bytes32[] memory path = NaiveTree.path(all, index);
        isTrue(this.verify(root, all[index], index, count, path), "the path");
        if (other != index) {
            isTrue(!this.verify(root, all[index], other, count, path), "another index");
        }
        isTrue(!this.verify(root, noise, index, count, path), "another leaf");
        isTrue(!this.verify(noise, all[index], index, count, path), "another root");
        bytes32[] memory longer = NaiveTree.append(path, noise);
        isTrue(!this.verify(root, all[index], index, count, longer), "a longer path");
        if (path.length == 0) return;
        bytes32[] memory shorter = new bytes32[](path.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) shorter[i] = path[i];
        isTrue(!this.verify(root, all[index], index, count, shorter), "a shorter path");
        path[other % path.length] ^= bytes32(uint256(1) << (seed % 256));
        isTrue(!this.verify(root, all[index], index, count, path), "another sibling");
    }

    /// A node is no leaf: what is inside a tree cannot be passed off as a leaf of it.
    function test_fuzz_a_node_is_no_leaf(uint256 seed, uint8 size) public view {
        uint256 count = within(size, 2, 64);
        bytes32[] memory all = leaves(count, seed);
        (bytes32[] memory left, bytes32[] memory right) = NaiveTree.split(all);
        bytes32 root = NaiveTree.root(all);
        bytes32[] memory path = new bytes32[](1);
        path[0] = NaiveTree.root(right);
        bool accepted = this.verify(root, NaiveTree.root(left), 0, count, path);
        same(accepted ? 1 : 0, count == 2 ? 1 : 0, "only where the node is the leaf");
    }
}
