// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// Signatures of keys and of contract accounts.
///
/// A key's signature is 64 bytes (EIP-2098) or 65 bytes (r, s, v), low s only. An account with code
/// is asked by ERC-1271, with a bounded amount of gas, so that no account can make a batch fail.
library Signatures {
    /// Half the order of the curve: a signature with a higher s is one with a lower s as well.
    uint256 private constant S_MAX =
        0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
    /// The most gas a contract account may spend on a signature.
    uint256 internal constant CONTRACT_GAS_MAX = 150_000;
    /// The same where a batch of orders is settled, all of which may be of contract accounts.
    uint256 internal constant SETTLE_GAS_MAX = 50_000;

    /// Whether `signer` signed `hash`. Never reverts.
    function signedBy(
        address signer,
        bytes32 hash,
        bytes calldata signature
    ) internal view returns (bool) {
        if (recover(hash, signature) == signer && signer != address(0)) return true;
        return acceptedBy(signer, hash, signature, CONTRACT_GAS_MAX);
    }

    /// The key that signed `hash` by the compact signature; zero when it is of no key.
    function recover(bytes32 hash, bytes32 r, bytes32 vs) internal pure returns (address) {
        uint256 s = uint256(vs) & type(uint256).max >> 1;
        if (s > S_MAX) return address(0);
        return ecrecover(hash, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
    }

    /// The key that signed `hash`; zero when the signature is of no key.
    function recover(
        bytes32 hash,
        bytes calldata signature
    ) internal pure returns (address signer) {
        if (signature.length == 64) {
            return recover(hash, bytes32(signature[:32]), bytes32(signature[32:]));
        } else {
            (signer, , ) = ECDSA.tryRecoverCalldata(hash, signature);
        }
    }

    /// Whether a contract account takes the signature as its own, for at most `gasMax`.
    function acceptedBy(
        address account,
        bytes32 hash,
        bytes calldata signature,
        uint256 gasMax
    ) internal view returns (bool accepted) {
        if (account.code.length == 0) return false;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (hash, signature));
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
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
