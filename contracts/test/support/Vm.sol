// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

/// What the tests ask of the machine that runs them.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    /// The time, the chain and the sender of the next call.
    function warp(uint256 time) external;
    function chainId(uint256 id) external;
    function prank(address sender) external;

    /// Keys and signatures: 65 bytes (v, r, s) or 64 bytes (r, vs).
    function addr(uint256 key) external pure returns (address);
    function sign(
        uint256 key,
        bytes32 hash
    ) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function signCompact(
        uint256 key,
        bytes32 hash
    ) external pure returns (bytes32 r, bytes32 vs);
    /// The same with the other curve; `s` may be a high one.
    function publicKeyP256(uint256 key) external pure returns (uint256 x, uint256 y);
    function signP256(
        uint256 key,
        bytes32 hash
    ) external pure returns (bytes32 r, bytes32 s);

    /// Puts code at an address; deploys a compiled contract, or only reads its code.
    function etch(address account, bytes calldata code) external;
    function deployCode(
        string calldata name,
        bytes calldata arguments
    ) external returns (address account);

    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(
        address deployer,
        uint256 nonce
    ) external pure returns (address);

    /// The events since recording began.
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);

    /// Writes a figure to the folder of `snapshots`.
    function snapshotValue(
        string calldata group,
        string calldata name,
        uint256 value
    ) external;

    /// What the last call used.
    function lastCallGas() external view returns (Gas memory);

    /// A variable of the environment, and a line at the end of a file.
    function envOr(
        string calldata name,
        string calldata otherwise
    ) external view returns (string memory);
    function writeLine(string calldata path, string calldata line) external;

    /// Drops this input of a fuzz test.
    function assume(bool condition) external pure;
    function toString(uint256 value) external pure returns (string memory);

    /// A state to come back to.
    function snapshotState() external returns (uint256);
    function revertToState(uint256 state) external returns (bool);
}
