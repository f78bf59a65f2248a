// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Judge} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {Pair} from "./support/World.sol";

/// A meter whose key is of P-256 proves its registers as well: by the precompile at 0x100, which
/// Osaka has.
contract OtherCurveTest is Evidence {
    /// The order of the curve.
    uint256 private constant N =
        0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551;
    uint256 private constant KEY = 7;

    address private seller;

    /// 3000 Wh that are reconciled as delivered.
    function setUp() public {
        _beginWithMeters();
        seller = account(2);
        Pair[] memory one = single(pair(account(1), seller, 1));
        one[0].quantity = 3000;
        settleAll(one);
        vm.warp(END);
        run(0, 0, [uint64(3000), 0, 0]);
    }

    function point() private pure returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY);
        return abi.encode(x, y);
    }

    function keyOfMeter(address) internal pure override returns (address) {
        return address(uint160(uint256(keccak256(point()))));
    }

    /// The SHA-256 of the text is signed, with a low s.
    function message(
        address of_,
        uint64 time,
        uint64 importWh,
        uint64 exportWh
    ) internal pure override returns (bytes memory) {
        bytes memory text = payload(of_, time, importWh, exportWh);
        (bytes32 r, bytes32 s) = vm.signP256(KEY, sha256(text));
        if (uint256(s) > N / 2) s = bytes32(N - uint256(s));
        return abi.encodePacked(text, r, s);
    }

    function test_what_it_never_fed_in_is_cut() public {
        Judge.Evidence[2] memory both = evidence(seller, 0, 1000);
        (both[0].point, both[1].point) = (point(), point());
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 1, 1000, new uint256[](1));
        same(tradeAt(0).delivered, 1000, "what its meter says");
        same(tradeAt(0).sellerShort, 2000, "and not");
    }

    /// Without the key's point, with another's, and with the other s of the same signature.
    function test_BadReading() public {
        Judge.Evidence[2] memory both = evidence(seller, 0, 1000);
        both[0].point = point();
        bytes memory high = message(seller, END, 1000, 3000);
        uint256 s = uint256(bytes32(_slice(high, 87)));
        bytes memory other = bytes.concat(_slice(high, 0, 87), bytes32(N - s));
        vm.warp(CORRECTIONS_END + 1);
        bytes memory reason = abi.encodeWithSelector(Judge.BadReading.selector, END);
        (uint256 x, uint256 y) = vm.publicKeyP256(KEY + 1);
        bytes[3] memory points = [bytes(""), abi.encode(x, y), point()];
        for (uint256 i = 0; i < 3; ++i) {
            both[1].point = points[i];
            if (i == 2) both[1].message = other;
            bytes memory call = challenging(both, new uint256[](1), 1);
            refused(STRANGER, address(judge), call, reason);
        }
    }

    function _slice(bytes memory all, uint256 from) private pure returns (bytes memory) {
        return _slice(all, from, all.length);
    }

    function _slice(
        bytes memory all,
        uint256 from,
        uint256 to
    ) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) part[i - from] = all[i];
    }
}
