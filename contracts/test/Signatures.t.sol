// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Signatures} from "../src/Signatures.sol";
import {FillBatch, Mandate, Reason} from "../src/Types.sol";
import {Auction} from "./support/Auction.sol";
import {Market} from "./support/Contracts.sol";
import {AskingWallet, BadWallet, CostlyWallet, Wallet} from "./support/Wallets.sol";
import {Pair} from "./support/World.sol";

/// Signatures of keys and of contracts.
contract SignaturesTest is Auction {
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
        FillBatch memory batch = postOne(termsOf(policy()), pairs);
        put(batch, buyOf(batch, 7), ofOwner(owner, hashOf(pairs[7].buy)));
        Reason[] memory reasons = new Reason[](9);
        for (uint256 i = 0; i < 9; ++i) reasons[i] = Reason.BuyerSignature;
        // Long answers and the owner's signature are accepted; nobody signed the last one.
        (reasons[5], reasons[7]) = (Reason.None, Reason.None);
        check(batch, reasons);
        isTrue(spent < 1_500_000, "one that burns gas burns its share only");
    }

    /// Whoever sends a batch with less gas than a contract needs has it refused: no fill is skipped
    /// for it.
    function test_too_little_gas_skips_no_fill() public {
        address costly = address(new CostlyWallet(46_000));
        address[2] memory wallets = [costly, address(new AskingWallet(costly))];
        fund(account(2), 10_000_000_000);
        uint256 before = vm.snapshotState();
        for (uint256 i = 0; i < 2; ++i) {
            fund(wallets[i], 10_000_000_000);
            Pair memory one = pair(wallets[i], account(2), 1);
            FillBatch memory batch = postOne(termsOf(policy()), single(one));
            put(batch, buyOf(batch, 0), "any");
            bytes memory call = abi.encodeCall(Market.settle, (batch));
            uint256 state = vm.snapshotState();
            uint256 settled_ = 0;
            for (uint256 gas_ = 60_000; gas_ < 320_000; gas_ += 1_301) {
                vm.recordLogs();
                (bool done, ) = address(market).call{gas: gas_}(call);
                Reason reason = Reason.None;
                if (done) reason = reasonsIn(batch, vm.getRecordedLogs())[0];
                isTrue(reason == Reason.None, "refused or settled");
                if (done) ++settled_;
                vm.revertToState(state);
            }
            isTrue(settled_ > 10 && settled_ < 150, "with little and with enough");
            vm.revertToState(before);
        }
    }

    function test_a_contract_may_be_a_delegate() public {
        address owner = account(3);
        address wallet = address(new Wallet(owner));
        fund(account(1), 10_000_000_000);
        fund(account(2), 10_000_000_000);
        Pair memory one = pair(account(1), account(2), 1);
        delegated(one.buy, wallet);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        bytes memory own = abi.encodePacked(
            batch.orders[buyOf(batch, 0)].r,
            batch.orders[buyOf(batch, 0)].vs
        );
        put(batch, buyOf(batch, 0), ofOwner(owner, hashOf(one.buy)));
        check(batch, Reason.BuyerSignature);
        Mandate memory m = limits(1);
        m.quantityPerSlot = 4999;
        grantTo(account(1), wallet, m);
        check(batch, Reason.BuyerSignature);
        grantTo(account(1), wallet, limits(2));
        uint256 state = vm.snapshotState();
        check(batch, Reason.None);
        vm.revertToState(state);
        // The account's own key still signs.
        put(batch, buyOf(batch, 0), own);
        check(batch, Reason.None);
    }

    /// Of two contracts only one is asked: the delegate as long as it may sign.
    function test_a_contract_in_force_as_delegate_is_asked_instead_of_the_account() public {
        address[2] memory wallets = [
            address(new Wallet(account(3))),
            address(new Wallet(account(4)))
        ];
        fund(wallets[0], 10_000_000_000);
        fund(account(2), 10_000_000_000);
        Pair memory one = pair(wallets[0], account(2), 1);
        delegated(one.buy, wallets[1]);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        bytes memory byDelegate = ofOwner(account(4), hashOf(one.buy));
        put(batch, buyOf(batch, 0), byDelegate);
        check(batch, Reason.BuyerSignature);
        grantTo(wallets[0], wallets[1], limits(1));
        uint256 state = vm.snapshotState();
        check(batch, Reason.None);
        vm.revertToState(state);
        put(batch, buyOf(batch, 0), ofOwner(account(3), hashOf(one.buy)));
        check(batch, Reason.BuyerSignature);
        Mandate memory none;
        none.version = 2;
        grantTo(wallets[0], wallets[1], none);
        check(batch, Reason.None);
    }

    function test_a_contract_may_be_a_seller() public {
        address owner = account(3);
        address wallet = address(new Wallet(owner));
        fund(account(2), 10_000_000_000);
        fund(wallet, 1_000_000_000);
        Pair memory one = pair(account(2), wallet, 1);
        FillBatch memory batch = postOne(termsOf(policy()), single(one));
        check(batch, Reason.SellerSignature);
        put(batch, sellOf(batch, 0), ofOwner(owner, hashOf(one.sell)));
        check(batch, Reason.None);
    }

    function ofOwner(address owner, bytes32 hash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[owner], hash);
        return abi.encodePacked(r, s, v);
    }
}
