// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Readings, Records, Roles} from "./support/Contracts.sol";
import {Vm} from "./support/Vm.sol";
import {World} from "./support/World.sol";

/// Readings, tariffs and invoices: what is anchored is never replaced.
contract AnchorsTest is World {
    Readings private readings;
    Records private records;

    function setUp() public {
        _begin();
        readings = Readings(deployed("ReadingAnchor", abi.encode(OPERATOR)));
        records = Records(deployed("RecordAnchor", abi.encode(OPERATOR)));
        grant(readings, "ANCHOR");
        grant(records, "ANCHOR");
    }

    function test_roots_of_readings_are_appended() public {
        for (uint32 batch = 1; batch <= 3; ++batch) {
            bytes32 root = keccak256(abi.encode(batch));
            bytes memory call = abi.encodeCall(Readings.anchor, ("c", 1, SLOT, root, 10 + batch));
            bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
            refused(STRANGER, address(readings), call, reason);
            bytes memory answer = sent(OPERATOR, address(readings), call);
            same(abi.decode(answer, (uint32)), batch, "batches count from 1");
        }
        for (uint32 batch = 1; batch <= 3; ++batch) {
            (bytes32 root, uint32 count, uint64 time) = readings.roots("c", 1, SLOT, batch);
            same(root, keccak256(abi.encode(batch)), "root");
            same(count, 10 + batch, "count");
            same(time, block.timestamp, "time");
        }
        same(readings.batches("c", 1, SLOT), 3, "batches");
        same(readings.batches("c", 2, SLOT), 0, "of another kind");
        same(readings.batches("d", 1, SLOT), 0, "of another community");
    }

    function tariff(uint32 validFrom, bytes32 hash) private pure returns (bytes memory) {
        return abi.encodeCall(Records.anchorTariff, ("tariff", validFrom, hash));
    }

    function test_ValidBeforeLast_and_NoHash_of_a_tariff() public {
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(records), tariff(DAY, "a"), reason);
        refused(OPERATOR, address(records), tariff(DAY, 0), Records.NoHash.selector);
        sent(OPERATOR, address(records), tariff(DAY, "a"));
        sent(OPERATOR, address(records), tariff(DAY, "b"));
        sent(OPERATOR, address(records), tariff(DAY + 30, "c"));
        bytes memory last = abi.encodeWithSelector(Records.ValidBeforeLast.selector, DAY + 30);
        refused(OPERATOR, address(records), tariff(DAY + 29, "d"), last);
        (bytes32 hash, uint32 validFrom, ) = records.tariffs("tariff", 2);
        same(hash, "b", "hash");
        same(validFrom, DAY, "day");
        same(records.tariffVersions("tariff"), 3, "versions");
    }

    function invoice(
        address of_,
        bytes32 meter,
        uint32 from,
        uint32 to
    ) private pure returns (bytes memory) {
        return abi.encodeCall(Records.anchorInvoice, (of_, meter, from, to, "hash"));
    }

    function test_the_events_of_records_are_as_documented() public {
        vm.recordLogs();
        sent(OPERATOR, address(records), tariff(DAY, "a"));
        sent(OPERATOR, address(records), invoice(account(1), "m", DAY, DAY + 29));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32 name = keccak256("TariffPublished(bytes32,uint32,uint32,bytes32)");
        same(logs[0].topics[0], name, "name");
        same(logs[0].topics[1], "tariff", "key");
        same(logs[0].topics[2], "a", "hash");
        same(keccak256(logs[0].data), keccak256(abi.encode(1, DAY)), "version and day");
        name = keccak256("InvoiceIssued(address,bytes32,uint32,uint32,bytes32)");
        same(logs[1].topics[0], name, "name");
        same(logs[1].topics[1], bytes32(uint256(uint160(account(1)))), "account");
        same(logs[1].topics[2], "m", "meter");
        same(logs[1].topics[3], "hash", "hash");
        same(keccak256(logs[1].data), keccak256(abi.encode(DAY, DAY + 29)), "days");
    }

    function badPeriod(uint32 ofAccount, uint32 ofMeter) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Records.BadPeriod.selector, ofAccount, ofMeter);
    }

    function test_BadPeriod_and_NoHash_of_an_invoice() public {
        (address one, address two) = (account(1), account(2));
        bytes memory call = abi.encodeCall(Records.anchorInvoice, (one, "a", DAY, DAY, 0));
        refused(OPERATOR, address(records), call, Records.NoHash.selector);
        call = invoice(one, "a", DAY, DAY - 1);
        refused(OPERATOR, address(records), call, badPeriod(0, 0));
        call = invoice(one, "a", DAY, DAY + 29);
        bytes4 reason = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(records), call, reason);
        sent(OPERATOR, address(records), call);
        refused(OPERATOR, address(records), call, badPeriod(DAY + 30, DAY + 30));
        // Neither another meter of the account nor another account of the meter.
        call = invoice(one, "b", DAY + 29, DAY + 40);
        refused(OPERATOR, address(records), call, badPeriod(DAY + 30, 0));
        call = invoice(two, "a", DAY + 29, DAY + 40);
        refused(OPERATOR, address(records), call, badPeriod(0, DAY + 30));
        sent(OPERATOR, address(records), invoice(two, "b", DAY, DAY));
        sent(OPERATOR, address(records), invoice(one, "a", DAY + 31, DAY + 31));
        (bytes32 hash, uint32 to, , uint32 since) = records.invoices(one, "a", DAY + 31);
        same(hash, "hash", "hash");
        same(to, DAY + 31, "to");
        same(since, DAY + 30, "since");
    }

    /// No day of an account or a meter is ever billed twice, whatever is sent.
    function test_fuzz_no_day_is_billed_twice(
        uint32[8] memory from,
        uint8[8] memory length
    ) public {
        for (uint256 i = 0; i < 8; ++i) {
            address of_ = address(uint160(1 + (from[i] & 1)));
            bytes32 meter = bytes32(uint256(1 + ((from[i] >> 1) & 1)));
            uint32 first = DAY + (from[i] >> 2) % 40;
            uint32 last = first + length[i] % 5;
            uint32 ofAccount = records.accountBilledUntil(of_);
            uint32 ofMeter = records.meterBilledUntil(meter);
            bytes memory call = invoice(of_, meter, first, last);
            if (first < ofAccount || first < ofMeter) {
                refused(OPERATOR, address(records), call, badPeriod(ofAccount, ofMeter));
            } else {
                sent(OPERATOR, address(records), call);
                same(records.accountBilledUntil(of_), last + 1, "account");
                same(records.meterBilledUntil(meter), last + 1, "meter");
            }
        }
    }
}
