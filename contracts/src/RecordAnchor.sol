// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// Hashes of tariffs and invoices, with what makes each of them the only one of its time.
///
/// Days are local day numbers (days since 1970-01-01). Nothing is ever replaced.
contract RecordAnchor is AccessControl {
    bytes32 public constant ANCHOR_ROLE = keccak256("ANCHOR");

    /// A version of a tariff, in force from `validFrom` until the next version's.
    struct Tariff {
        bytes32 hash;
        uint32 validFrom;
        uint64 time;
    }

    /// An invoice of all days from its key's to `to`, both included. `since` is the first day of the
    /// account that no invoice covered before it; zero for the first one.
    struct Invoice {
        bytes32 hash;
        uint32 to;
        uint64 time;
        uint32 since;
    }

    /// How many versions a tariff has.
    mapping(bytes32 key => uint32) public tariffVersions;
    /// The versions of a tariff, from 1.
    mapping(bytes32 key => mapping(uint32 version => Tariff)) public tariffs;
    /// The first day of an account, and of a meter, that no invoice covers yet.
    mapping(address account => uint32) public accountBilledUntil;
    mapping(bytes32 meter => uint32) public meterBilledUntil;
    /// Invoices by account, meter and first day.
    mapping(address account
        => mapping(bytes32 meter => mapping(uint32 from => Invoice))) public invoices;

    event TariffPublished(
        bytes32 indexed key,
        uint32 version,
        uint32 validFrom,
        bytes32 indexed hash
    );
    event InvoiceIssued(
        address indexed account,
        bytes32 indexed meter,
        uint32 from,
        uint32 to,
        bytes32 indexed hash
    );

    /// A version may not begin before the one before it.
    error ValidBeforeLast(uint32 last);
    /// The period is empty, or an invoice covers some of it.
    error BadPeriod(uint32 accountUntil, uint32 meterUntil);

    /// A hash of zero would look as if nothing had been anchored.
    error NoHash();

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// Appends a version of a tariff; returns its number. `validFrom` never falls.
    function anchorTariff(
        bytes32 key,
        uint32 validFrom,
        bytes32 hash
    ) external onlyRole(ANCHOR_ROLE) returns (uint32 version) {
        if (hash == 0) revert NoHash();
        uint32 last = tariffs[key][tariffVersions[key]].validFrom;
        if (validFrom < last) revert ValidBeforeLast(last);
        version = ++tariffVersions[key];
        tariffs[key][version] = Tariff(hash, validFrom, uint64(block.timestamp));
        emit TariffPublished(key, version, validFrom, hash);
    }

    /// Keeps the invoice of an account's meter; its days come after all that were billed of both,
    /// so that no day of an account or of a meter is ever billed twice.
    function anchorInvoice(
        address account,
        bytes32 meter,
        uint32 from,
        uint32 to,
        bytes32 hash
    ) external onlyRole(ANCHOR_ROLE) {
        if (hash == 0) revert NoHash();
        (uint32 ofAccount, uint32 ofMeter) = (accountBilledUntil[account], meterBilledUntil[meter]);
        if (to < from || from < ofAccount || from < ofMeter) revert BadPeriod(ofAccount, ofMeter);
        (accountBilledUntil[account], meterBilledUntil[meter]) = (to + 1, to + 1);
        invoices[account][meter][from] = Invoice(
            hash,
            to,
            uint64(block.timestamp),
            ofAccount
        );
        emit InvoiceIssued(account, meter, from, to, hash);
    }
}
