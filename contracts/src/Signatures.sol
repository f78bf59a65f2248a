// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// Signatures of keys and of contract accounts.
///
/// A key's signature is 64 bytes (EIP-2098) or 65 bytes (r, s, v), low s only. An account with code
/// is asked by ERC-1271, with a bounded amount of gas, so that no account can make a batch fail.
library Signatures {
    /// The most gas a contract account may spend on a signature.
    uint256 internal constant CONTRACT_GAS_MAX = 150_000;

    /// Whether `signer` signed `hash`. Never reverts.
    function signedBy(
        address signer,
        bytes32 hash,
        bytes calldata signature
    ) internal view returns (bool) {
        if (recover(hash, signature) == signer && signer != address(0)) return true;
        return signer.code.length != 0 && _acceptedBy(signer, hash, signature);
    }

    /// The key that signed `hash`; zero when the signature is of no key.
    function recover(
        bytes32 hash,
        bytes calldata signature
    ) internal pure returns (address signer) {
        if (signature.length == 64) {
            (signer, , ) = ECDSA.tryRecover(hash, bytes32(signature[:32]), bytes32(signature[32:]));
        } else {
            (signer, , ) = ECDSA.tryRecoverCalldata(hash, signature);
        }
    }

    function _acceptedBy(
        address account,
        bytes32 hash,
        bytes calldata signature
    ) private view returns (bool accepted) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (hash, signature));
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
        uint256 gasMax = CONTRACT_GAS_MAX;
        // In assembly because the answer must not be copied before its length is known.
        assembly ("memory-safe") {
            let answered := staticcall(
                gasMax,
                account,
                add(question, 0x20),
                mload(question),
                0x00,
                0x20
            )
            accepted := and(answered, and(gt(returndatasize(), 0x1f), eq(mload(0x00), magic)))
        }
    }
}
