// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Judge} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {Pair} from "./support/World.sol";

/// Readings that a meter signed together prove what each would prove alone, and nothing else.
contract TogetherTest is Evidence {
    address private seller;

    function setUp() public {
        _beginWithMeters();
        seller = account(2);
        Pair[] memory all = new Pair[](1);
        all[0] = pair(account(1), seller, 1);
        all[0].quantity = 2500;
        settleAll(all);
        vm.warp(END);
        run(0, 0, [all[0].quantity, 0, 0]);
    }

    /// So many payloads; `first` and the one after it are of the slot's ends, 900 Wh apart.
    function payloads(uint256 count, uint256 first) private view returns (bytes[] memory all) {
        all = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint64 wh = uint64(2000 + i * 900);
            all[i] = payload(seller, uint64(SLOT + (END - SLOT) * i - (END - SLOT) * first), 0, wh);
        }
    }

    function call(Judge.Evidence[2] memory e) private view returns (bytes memory) {
        return challenging(e, new uint256[](1), 1);
    }

    function refusedFor(Judge.Evidence[2] memory e, uint64 time) private {
        bytes memory reason = abi.encodeWithSelector(Judge.BadReading.selector, time);
        refused(STRANGER, address(judge), call(e), reason);
    }

    function both(uint256 count, uint256 first) private returns (Judge.Evidence[2] memory e) {
        bytes[] memory all = payloads(count, first);
        e[0] = anchored(together(seller, all, first));
        e[1] = anchored(together(seller, all, first + 1));
    }

    function test_each_of_any_number_proves_its_registers() public {
        for (uint256 count = 2; count <= 16; ++count) {
            for (uint256 first = 0; first + 1 < count; first += 1 + count / 4) {
                uint256 state = vm.snapshotState();
                Judge.Evidence[2] memory e = both(count, first);
                vm.warp(CORRECTIONS_END + 1);
                challenge(e, 1, 900, new uint256[](1));
                same(tradeAt(0).delivered, 900, "cut to what the registers have");
                vm.revertToState(state);
            }
        }
    }

    function test_one_alone_is_signed_alone_and_more_than_sixteen_are_too_many() public {
        bytes[] memory many = payloads(17, 0);
        Judge.Evidence[2] memory e = both(2, 0);
        e[1] = anchored(together(seller, many, 1));
        bytes[] memory one = new bytes[](1);
        one[0] = many[1];
        Judge.Evidence[2] memory alone = both(2, 0);
        alone[1] = anchored(together(seller, one, 0));
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(e, END);
        refusedFor(alone, END);
    }

    /// Whatever byte is another, the key did not sign it; nor is it another's place.
    function test_every_changed_byte_is_noticed() public {
        vm.warp(CORRECTIONS_END);
        Judge.Evidence[2] memory e = both(10, 4);
        bytes memory good = e[1].message;
        same(good.length, 153 + 4 * 32, "four siblings");
        vm.warp(CORRECTIONS_END + 1);
        // What is read of the payload is looked at before who signed it.
        for (uint256 i = 39; i < good.length; ++i) {
            e[1].message = bytes.concat(good);
            e[1].message[i] ^= 0x01;
            refusedFor(e, END);
        }
        for (uint256 length = 119; length < good.length; ++length) {
            e[1].message = new bytes(length);
            for (uint256 i = 0; i < length; ++i) e[1].message[i] = good[i];
            refusedFor(e, END);
        }
        e[1].message = bytes.concat(good, bytes32(0));
        refusedFor(e, END);
        e[1].message = good;
        challenge(e, 1, 900, new uint256[](1));
    }

    /// A signature over one reading is none over several, and the other way round.
    function test_a_signature_is_of_one_kind() public {
        vm.warp(CORRECTIONS_END);
        bytes[] memory all = payloads(2, 0);
        Judge.Evidence[2] memory e = both(2, 0);
        bytes memory alone = message(seller, END, 0, 2900);
        bytes memory grouped = together(seller, all, 1);
        Judge.Evidence[2] memory other = both(2, 0);
        bytes memory cut = new bytes(119);
        for (uint256 i = 0; i < 119; ++i) cut[i] = grouped[i];
        other[1] = anchored(cut);
        for (uint256 i = 55; i < 119; ++i) grouped[i] = alone[i];
        e[1] = anchored(grouped);
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(e, END);
        refusedFor(other, END);
    }
}
