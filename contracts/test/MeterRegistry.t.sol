// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Meters, Roles} from "./support/Contracts.sol";
import {Vm} from "./support/Vm.sol";
import {World} from "./support/World.sol";

/// Which key a meter signed with, and when.
contract MeterRegistryTest is World {
    bytes32 private constant METER = "meter";
    bytes32 private constant POINT = "point";

    Meters private meters;
    address private owner;
    address private installer;
    /// The key that the meter of a walk has.
    address private _current;

    function setUp() public {
        _begin();
        meters = Meters(deployed("MeterRegistry", abi.encode(OPERATOR)));
        grant(meters, "ENROLLER");
        (owner, installer, _current) = (account(1), account(2), key(1));
        bytes memory call = abi.encodeCall(Roles.grantRole, (keccak256("INSTALLER"), installer));
        sent(OPERATOR, address(meters), call);
    }

    function key(uint256 number) private returns (address) {
        return account(100 + number);
    }

    function signed(address signer, bytes32 structHash) private view returns (bytes memory) {
        bytes32 separator = domain("Wattex MeterRegistry", address(meters));
        return sign(signer, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
    }

    function enrolment(
        bytes32 meter,
        uint32 version,
        address[2] memory signers
    ) private returns (bytes memory) {
        bytes32 hash = keccak256(
            "Enrolment(bytes32 meter,address key,address owner,address installer,"
            "bytes32 connectionPoint,uint32 version)"
        );
        address first = key(1);
        hash = keccak256(abi.encode(hash, meter, first, owner, installer, POINT, version));
        (bytes memory one, bytes memory two) = (signed(signers[0], hash), signed(signers[1], hash));
        return
            abi.encodeCall(Meters.enrol, (meter, first, owner, installer, POINT, one, two));
    }

    function enrol(uint32 version) private returns (bytes memory) {
        return enrolment(METER, version, [owner, installer]);
    }

    function rotation(
        address signer,
        address to,
        uint32 version
    ) private view returns (bytes memory) {
        return abi.encodeCall(
            Meters.rotate,
            (METER, to, END, signed(signer, rotated(to, version)))
        );
    }

    function rotated(address to, uint32 version) private pure returns (bytes32 hash) {
        hash = keccak256("Rotation(bytes32 meter,address key,uint32 version,uint64 expiry)");
        return keccak256(abi.encode(hash, METER, to, version, END));
    }

    function test_RotationExpired() public {
        sent(OPERATOR, address(meters), enrol(1));
        bytes memory call = rotation(key(1), key(2), 2);
        uint256 state = vm.snapshotState();
        vm.warp(END + 1);
        bytes memory reason = abi.encodeWithSelector(Meters.RotationExpired.selector, END);
        refused(STRANGER, address(meters), call, reason);
        vm.revertToState(state);
        vm.warp(END);
        sent(STRANGER, address(meters), call);
        same(meters.keyAt(METER, END).key, key(2), "in its last second");
    }

    function test_a_meter_gets_a_key_rotates_and_loses_it() public {
        bytes memory first_ = enrol(1);
        vm.recordLogs();
        sent(OPERATOR, address(meters), first_);
        Vm.Log memory log = vm.getRecordedLogs()[0];
        bytes32 name = keccak256(
            "MeterRegistered(bytes32,uint32,address,address,address,bytes32)"
        );
        same(log.topics[0], name, "the event");
        same(log.topics[1], METER, "of the meter");
        same(keccak256(log.data), keccak256(abi.encode(1, key(1), POINT)), "its key and point");
        same(meters.meterAt(POINT), METER, "the meter of the point");
        vm.warp(SLOT);
        sent(STRANGER, address(meters), rotation(key(1), key(2), 2));
        (address first, uint64 from, uint64 to, address of_, uint32 root, ) = meters.keys(METER, 1);
        same(first, key(1), "the first key stays known");
        same(from, SLOT - 600, "from");
        same(to, SLOT, "to");
        same(of_, owner, "owner");
        same(root, 1, "as it was enrolled");
        same(meters.keyAt(METER, SLOT - 1).key, key(1), "before");
        same(meters.keyAt(METER, SLOT).key, key(2), "after");
        same(meters.keyAt(METER, SLOT).enrolment, 1, "by a rotation of the first");
        same(meters.keyAt(METER, SLOT - 601).key, address(0), "before any");
        vm.warp(END);
        sent(owner, address(meters), abi.encodeCall(Meters.revoke, (METER)));
        same(meters.keyAt(METER, END).key, address(0), "revoked");
        same(meters.meterAt(POINT), 0, "the point is free");
        sent(OPERATOR, address(meters), enrol(3));
        same(meters.versions(METER), 3, "versions");
        same(meters.keyAt(METER, END).enrolment, 3, "enrolled anew");
    }

    /// Through rotations, revocations and enrolments, some of them in the same second.
    function test_fuzz_the_key_at_a_time_is_the_one_then_valid(uint8[24] memory what) public {
        sent(OPERATOR, address(meters), enrol(1));
        uint64 begin = SLOT - 600;
        (uint64 time, uint32 version, bool valid) = (begin, 1, true);
        for (uint256 i = 0; i < what.length; ++i) {
            time += what[i] % 4;
            vm.warp(time);
            if (!valid) {
                sent(OPERATOR, address(meters), enrol(++version));
                (valid, _current) = (true, key(1));
            } else if (what[i] < 64) {
                sent(owner, address(meters), abi.encodeCall(Meters.revoke, (METER)));
                valid = false;
            } else {
                address next = key(++version);
                sent(STRANGER, address(meters), rotation(_current, next, version));
                _current = next;
            }
        }
        for (uint64 t = begin - 1; t <= time + 1; ++t) {
            Meters.Key memory got = meters.keyAt(METER, t);
            same(keccak256(abi.encode(got)), keccak256(abi.encode(walked(t))), "the key");
        }
    }

    /// The key of a time, by a look at each.
    function walked(uint64 time) private view returns (Meters.Key memory found) {
        for (uint32 version = meters.versions(METER); version != 0; --version) {
            Meters.Key memory k;
            (k.key, k.validFrom, k.validTo, k.owner, k.enrolment, k.connectionPoint) = meters.keys(
                METER,
                version
            );
            if (time >= k.validFrom && (k.validTo == 0 || time < k.validTo)) return k;
        }
    }

    function test_AlreadyEnrolled_and_PointTaken() public {
        sent(OPERATOR, address(meters), enrol(1));
        bytes memory reason = abi.encodeWithSelector(Meters.AlreadyEnrolled.selector, METER);
        refused(OPERATOR, address(meters), enrol(2), reason);
        reason = abi.encodeWithSelector(Meters.PointTaken.selector, POINT);
        bytes memory other = enrolment("other", 1, [owner, installer]);
        refused(OPERATOR, address(meters), other, reason);
    }

    function test_NotEnrolled() public {
        bytes memory reason = abi.encodeWithSelector(Meters.NotEnrolled.selector, METER);
        bytes memory revoke = abi.encodeCall(Meters.revoke, (METER));
        refused(OPERATOR, address(meters), revoke, reason);
        refused(STRANGER, address(meters), rotation(key(1), key(2), 1), reason);
        sent(OPERATOR, address(meters), enrol(1));
        sent(OPERATOR, address(meters), revoke);
        refused(OPERATOR, address(meters), revoke, reason);
        refused(STRANGER, address(meters), rotation(key(1), key(2), 2), reason);
    }

    function test_NotAllowed() public {
        sent(OPERATOR, address(meters), enrol(1));
        bytes memory revoke = abi.encodeCall(Meters.revoke, (METER));
        bytes memory reason = abi.encodeWithSelector(Meters.NotAllowed.selector, installer);
        refused(installer, address(meters), revoke, reason);
        sent(owner, address(meters), revoke);
    }

    function test_BadSignature() public {
        bytes memory reason = abi.encodeWithSelector(Meters.BadSignature.selector, owner);
        refused(OPERATOR, address(meters), enrolment(METER, 1, [installer, installer]), reason);
        refused(OPERATOR, address(meters), enrol(2), reason);
        reason = abi.encodeWithSelector(Meters.BadSignature.selector, installer);
        refused(OPERATOR, address(meters), enrolment(METER, 1, [owner, owner]), reason);
        bytes memory first = enrol(1);
        sent(OPERATOR, address(meters), first);
        reason = abi.encodeWithSelector(Meters.BadSignature.selector, key(1));
        refused(STRANGER, address(meters), rotation(key(2), key(2), 2), reason);
        refused(STRANGER, address(meters), rotation(key(1), key(2), 3), reason);
        bytes memory good = signed(key(1), rotated(key(2), 2));
        bytes memory later = abi.encodeCall(Meters.rotate, (METER, key(2), END + 1, good));
        refused(STRANGER, address(meters), later, reason);
        // What was signed for the first key enrols no second one.
        sent(owner, address(meters), abi.encodeCall(Meters.revoke, (METER)));
        reason = abi.encodeWithSelector(Meters.BadSignature.selector, owner);
        refused(OPERATOR, address(meters), first, reason);
    }

    /// What was signed for another chain, or another registry on this one, enrols no meter.
    function test_an_enrolment_of_elsewhere_is_not_accepted() public {
        Meters here = meters;
        meters = Meters(deployed("MeterRegistry", abi.encode(OPERATOR)));
        bytes memory ofAnother = enrol(1);
        meters = here;
        vm.chainId(CHAIN_ID + 1);
        bytes memory foreign = enrol(1);
        vm.chainId(CHAIN_ID);
        bytes memory reason = abi.encodeWithSelector(Meters.BadSignature.selector, owner);
        refused(OPERATOR, address(meters), ofAnother, reason);
        refused(OPERATOR, address(meters), foreign, reason);
        bytes memory good = enrol(1);
        // Nor where the registry finds itself on another chain, as after a split.
        vm.chainId(CHAIN_ID + 1);
        refused(OPERATOR, address(meters), good, reason);
        vm.chainId(CHAIN_ID);
        sent(OPERATOR, address(meters), good);
    }

    /// And what was signed for elsewhere gives no meter another key.
    function test_a_rotation_of_elsewhere_is_not_accepted() public {
        sent(OPERATOR, address(meters), enrol(1));
        Meters here = meters;
        meters = Meters(deployed("MeterRegistry", abi.encode(OPERATOR)));
        bytes memory ofAnother = rotation(key(1), key(2), 2);
        meters = here;
        vm.chainId(CHAIN_ID + 1);
        bytes memory foreign = rotation(key(1), key(2), 2);
        vm.chainId(CHAIN_ID);
        bytes memory reason = abi.encodeWithSelector(Meters.BadSignature.selector, key(1));
        refused(STRANGER, address(meters), ofAnother, reason);
        refused(STRANGER, address(meters), foreign, reason);
        bytes memory good = rotation(key(1), key(2), 2);
        vm.chainId(CHAIN_ID + 1);
        refused(STRANGER, address(meters), good, reason);
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(meters), good);
        same(meters.keyAt(METER, SLOT).key, key(2), "signed for here");
    }

    function test_NoMeter() public {
        bytes memory nameless = enrolment(0, 1, [owner, installer]);
        refused(OPERATOR, address(meters), nameless, Meters.NoMeter.selector);
    }

    function test_NoKey() public {
        sent(OPERATOR, address(meters), enrol(1));
        bytes memory none = rotation(key(1), address(0), 2);
        refused(STRANGER, address(meters), none, Meters.NoKey.selector);
    }

    function test_roles_of_an_enrolment() public {
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(meters), enrol(1), reason);
        installer = owner; // who is none
        refused(OPERATOR, address(meters), enrolment(METER, 1, [owner, owner]), reason);
    }
}
