// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// An account that is a contract: what its owner's key signed counts (65 bytes: r, s, v).
contract Wallet is IERC1271 {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(
        bytes32 hash,
        bytes calldata signature
    ) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address signer = ecrecover(
            hash,
            uint8(signature[64]),
            bytes32(signature[:32]),
            bytes32(signature[32:64])
        );
        return signer == _owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// An account that takes every signature, once it has used up so much gas.
contract CostlyWallet {
    uint256 private immutable _gas;

    constructor(uint256 gas_) {
        _gas = gas_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        uint256 begin = gasleft();
        while (begin - gasleft() < _gas) {}
        return IERC1271.isValidSignature.selector;
    }
}

/// An account that asks another, and says no where that does not answer.
contract AskingWallet {
    address private immutable _other;

    constructor(address other) {
        _other = other;
    }

    function isValidSignature(
        bytes32 hash,
        bytes calldata signature
    ) external view returns (bytes4) {
        try IERC1271(_other).isValidSignature(hash, signature) returns (bytes4 answer) {
            return answer;
        } catch {
            return 0xffffffff;
        }
    }
}

/// Accounts that answer a question about a signature badly.
contract BadWallet {
    enum Answer {
        None,
        Revert,
        Burn,
        Short,
        Other,
        Long,
        Dirty,
        Slow
    }

    Answer private immutable _answer;

    constructor(Answer answer) {
        _answer = answer;
    }

    fallback() external {
        Answer answer = _answer;
        if (answer == Answer.Revert) revert("no");
        if (answer == Answer.Burn) {
            // Takes all the gas at once.
            assembly ("memory-safe") {
                invalid()
            }
        }
        // The right answer with the last of the gas.
        if (answer == Answer.Slow) while (gasleft() > 1000) {}
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            switch answer
            case 3 {
                return(0, 4)
            }
            case 4 {
                mstore(0, shl(224, 0x1626ba7f))
                return(0, 32)
            }
            // A thousand words of which the first is right.
            case 5 {
                return(0, 32000)
            }
            // The right four bytes and something behind them.
            case 6 {
                mstore(0, or(shl(224, 0x1626ba7e), 1))
                return(0, 32)
            }
            case 7 {
                return(0, 32)
            }
        }
    }
}
