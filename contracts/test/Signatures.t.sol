// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Signatures} from "../src/Signatures.sol";
import {Fill, Reason} from "../src/Types.sol";
import {BadWallet, Wallet} from "./support/Wallets.sol";
import {Pair, World} from "./support/World.sol";

/// Signatures of keys and of contracts.
contract SignaturesTest is World {
    uint256 private constant GROUP_ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address private signer;

    function setUp() public {
        _begin();
        register(policy());
        signer = account(1);
    }

    function signedBy(
        address of_,
        bytes32 hash,
        bytes calldata signature
    ) external view returns (bool) {
        return Signatures.signedBy(of_, hash, signature);
    }

    function test_fuzz_both_spellings_are_accepted_and_no_other_signer(
        uint256 key,
        bytes32 hash
    ) public view {
        key = within(key, 1, GROUP_ORDER - 1);
        address of_ = vm.addr(key);
        (bytes32 r, bytes32 vs) = vm.signCompact(key, hash);
        isTrue(this.signedBy(of_, hash, abi.encodePacked(r, vs)), "64 bytes");
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, hash);
        isTrue(this.signedBy(of_, hash, abi.encodePacked(r_, s, v)), "65 bytes");
        isTrue(!this.signedBy(signer, hash, abi.encodePacked(r, vs)), "another signer");
        isTrue(!this.signedBy(of_, ~hash, abi.encodePacked(r, vs)), "another hash");
        bytes memory high = abi.encodePacked(r_, GROUP_ORDER - uint256(s), 55 - v);
        isTrue(!this.signedBy(of_, hash, high), "s in the upper half");
        isTrue(!this.signedBy(of_, hash, abi.encodePacked(r_, s, v - 27)), "v of 0 and 1");
    }

    function test_fuzz_no_noise_is_a_signature_of_zero_or_reverts(
        bytes32 hash,
        bytes calldata noise
    ) public view {
        isTrue(!this.signedBy(address(0), hash, noise), "zero signs nothing");
        isTrue(!this.signedBy(signer, hash, noise), "noise");
    }

    /// Changing any bit of a signature, or leaving bytes out, ends it.
    function test_fuzz_a_changed_signature_is_not_accepted(bytes32 hash, uint256 bit) public view {
        bytes memory good = sign(signer, hash);
        bit = bit % 512;
        good[bit / 8] = bytes1(uint8(good[bit / 8]) ^ uint8(1 << (bit % 8)));
        isTrue(!this.signedBy(signer, hash, good), "a bit");
    }

    function test_a_contract_is_asked_and_cannot_stop_a_batch() public {
        fund(account(2), 10_000_000_000);
        address owner = account(3);
        address wallet = address(new Wallet(owner));
        Pair[] memory pairs = new Pair[](9);
        for (uint256 i = 0; i < 7; ++i) {
            pairs[i] = pair(address(new BadWallet(BadWallet.Answer(i))), account(2), i);
        }
        pairs[7] = pair(wallet, account(2), 7);
        pairs[8] = pair(wallet, account(2), 8);
        for (uint256 i = 0; i < 9; ++i) {
            fund(pairs[i].buy.account, 1_000_000_000);
            pairs[i].quantity = 1000;
        }
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), pairs);
        fills[7].buySignature = ofOwner(owner, hashOf(pairs[7].buy));
        Reason[] memory reasons = new Reason[](9);
        for (uint256 i = 0; i < 9; ++i) reasons[i] = Reason.BuyerSignature;
        // Long answers and the owner's signature are accepted; nobody signed the last one.
        (reasons[5], reasons[7]) = (Reason.None, Reason.None);
        uint256 before = gasleft();
        check(id, fills, reasons);
        isTrue(before - gasleft() < 3_000_000, "one that burns gas burns its share only");
    }

    function test_a_contract_may_be_a_delegate_and_a_seller() public {
        address owner = account(3);
        address wallet = address(new Wallet(owner));
        fund(account(2), 10_000_000_000);
        fund(wallet, 1_000_000_000);
        Pair memory one = pair(account(2), wallet, 1);
        (bytes32 id, Fill[] memory fills) = post(clearing(policy()), single(one));
        check(id, fills[0], Reason.SellerSignature);
        fills[0].sellSignature = ofOwner(owner, hashOf(one.sell));
        check(id, fills[0], Reason.None);
    }

    function ofOwner(address owner, bytes32 hash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[owner], hash);
        return abi.encodePacked(r, s, v);
    }
}
