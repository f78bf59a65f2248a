// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Claim, Order, Policy, Terms} from "../src/Types.sol";
import {Certificates} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {Pair} from "./support/World.sol";

/// Energy that a reconciler gave to several clearings, of other zones, policies or slot lengths, is
/// certified from one of them only.
contract CertifiedOnceTest is Evidence {
    /// The hour after the slot, and the midnight after it (UTC).
    uint64 private constant HOUR = SLOT + 2700;
    uint64 private constant MIDNIGHT = uint64(DAY + 1) * 1 days;
    /// When all slots here are final.
    uint64 private constant FINAL = MIDNIGHT + 1 days + 11 days;

    /// What certifies a trade of the seller.
    struct Sale {
        Claim claim;
        bytes32 clearing;
        uint64 slot;
        uint32 length;
    }

    address private seller;
    address private buyer;
    Sale[] private sales;

    function setUp() public {
        _beginWithMeters();
        (buyer, seller) = (account(1), account(2));
        sourced(seller);
    }

    function sourced(address of_) private {
        bytes memory call = abi.encodeCall(
            Certificates.registerSource,
            (pointOf(of_), "F01040100")
        );
        sent(OPERATOR, address(certificates), call);
    }

    /// A policy of a zone with slots of a length.
    function policyIn(bytes32 zone, uint32 length) private pure returns (Policy memory p) {
        p = policy();
        (p.zone, p.slotSeconds) = (zone, length);
    }

    /// Sells 1000 Wh to the buyer in a slot, under a policy.
    function sell(Policy memory p, uint64 slot) private {
        sell(seller, p, slot);
    }

    function sell(address by, Policy memory p, uint64 slot) private {
        register(p);
        Terms memory terms = termsOf(p);
        terms.clearing.slot = slot;
        Pair[] memory one = single(pair(buyer, by, 100 + sales.length));
        one[0].quantity = 1000;
        for (uint256 side = 0; side < 2; ++side) {
            Order memory o = side == 0 ? one[0].buy : one[0].sell;
            (o.slot, o.zone, o.policy) = (slot, p.zone, terms.clearing.policy);
            o.expiry = slot + p.slotSeconds;
        }
        settleAll(terms, one);
        Sale storage sale = sales.push();
        sale.claim = claims(new uint256[](1), 1)[0];
        (sale.clearing, sale.slot, sale.length) = (id, slot, p.slotSeconds);
    }

    /// Says that all of it was delivered, however often it was sold, and waits until it is final.
    function deliver() private {
        vm.warp(MIDNIGHT + 1 days);
        for (uint256 i = 0; i < sales.length; ++i) {
            id = sales[i].clearing;
            run(0, 0, [uint64(1000), 0, 0]);
        }
        vm.warp(FINAL);
    }

    function issuing(uint256 i) private view returns (bytes memory) {
        Sale memory s = sales[i];
        bytes32 meter = meterOf(s.claim.order.account);
        return abi.encodeCall(Certificates.issue, (s.claim, standing(s.clearing, 0), meter));
    }

    function issue(uint256 i) private {
        sent(STRANGER, address(certificates), issuing(i));
    }

    /// That a sale is refused because the clearing of another was certified.
    function refusedAfter(uint256 i, uint256 other) private {
        bytes memory reason = abi.encodeWithSelector(
            Certificates.CertifiedElsewhere.selector,
            pointOf(sales[i].claim.order.account),
            sales[i].slot,
            sales[other].clearing
        );
        refused(STRANGER, address(certificates), issuing(i), reason);
    }

    function refusedOf(uint256 i, uint32 length) private {
        bytes memory reason = abi.encodeWithSelector(
            Certificates.OtherSlots.selector,
            pointOf(seller),
            sales[i].slot / 1 days,
            length
        );
        refused(STRANGER, address(certificates), issuing(i), reason);
    }

    function test_CertifiedElsewhere_in_another_zone() public {
        sell(policyIn("one zone", 900), SLOT);
        sell(policyIn("another", 900), SLOT);
        deliver();
        issue(1);
        refusedAfter(0, 1);
        same(certificates.certifiedFrom(pointOf(seller), SLOT), sales[1].clearing, "which one");
        isTrue(!certificates.certified(tradeOf(sales[0].clearing, 0)), "not certified");
        // Nor ever.
        vm.warp(FINAL * 2);
        refusedAfter(0, 1);
    }

    function test_CertifiedElsewhere_under_another_policy_of_other_slots() public {
        // In one zone another policy can clear no slot with the same start, but in another zone.
        sell(policyIn("one zone", 900), HOUR);
        sell(policyIn("another", 3600), HOUR);
        deliver();
        issue(0);
        refusedAfter(1, 0);
    }

    /// A slot of an hour in which others of a quarter begin later.
    function test_OtherSlots_that_overlap() public {
        sell(policyIn("zone", 3600), HOUR);
        sell(policyIn("zone", 900), HOUR + 900);
        deliver();
        uint256 state = vm.snapshotState();
        issue(0);
        refusedOf(1, 3600);
        vm.revertToState(state);
        issue(1);
        refusedOf(0, 900);
        same(certificates.slotSecondsOn(pointOf(seller), DAY), 900, "of the day");
    }

    /// Slots of another length are those of a UTC day; also where they do not overlap.
    function test_other_slots_of_another_day() public {
        sell(policyIn("zone", 900), SLOT);
        sell(policyIn("zone", 3600), MIDNIGHT - 3600);
        sell(policyIn("zone", 3600), MIDNIGHT);
        deliver();
        issue(0);
        refusedOf(1, 900);
        issue(2);
    }

    /// From one slot to the next anything but its length may change.
    function test_the_next_slot_may_be_of_another_zone() public {
        sell(policyIn("one zone", 900), SLOT);
        sell(policyIn("another", 900), SLOT + 900);
        deliver();
        issue(0);
        issue(1);
    }

    /// What one connection point sold says nothing of another's.
    function test_another_connection_point_is_bound_by_itself() public {
        address other = account(3);
        sourced(other);
        sell(seller, policyIn("one zone", 900), HOUR);
        sell(other, policyIn("another", 3600), HOUR);
        sell(other, policyIn("third", 3600), HOUR);
        deliver();
        issue(0);
        issue(2);
        refusedAfter(1, 2);
    }

    /// However clearings of three zones with slots of four lengths overlap about a midnight, and in
    /// whatever order they are certified, no second of the meter is in two that were certified; and
    /// what no other keeps from it is certified.
    function test_fuzz_no_second_is_certified_twice(uint256 seed) public {
        for (uint256 i = 0; i < 5; ++i) {
            uint256 part = uint256(keccak256(abi.encode(seed, i)));
            uint32 length = [uint32(900), 1800, 3600, 7200][part % 4];
            uint64 count = 14_400 / length;
            uint64 slot = MIDNIGHT - 7200 + length * uint64((part >> 8) % count);
            Policy memory p = policyIn(bytes32(1 + ((part >> 16) % 3)), length);
            if (market.cleared(p.zone, slot) == 0) sell(p, slot);
        }
        deliver();
        bool[] memory done = new bool[](sales.length);
        for (uint256 k = 0; k < sales.length; ++k) {
            uint256 i = (k + (seed >> 128)) % sales.length;
            (done[i], ) = _send(STRANGER, address(certificates), issuing(i));
            same(done[i] ? 1 : 0, hindered(i, done) ? 0 : 1, "certified unless another keeps it");
        }
        for (uint256 i = 0; i < done.length; ++i) {
            for (uint256 j = 0; j < i; ++j) isTrue(!(done[i] && done[j] && overlap(i, j)), "twice");
        }
    }

    /// Whether a sale must not be certified beside others that were.
    function hindered(uint256 i, bool[] memory done) private view returns (bool) {
        for (uint256 j = 0; j < done.length; ++j) {
            if (j == i || !done[j]) continue;
            bool sameDay = sales[i].slot / 1 days == sales[j].slot / 1 days;
            if (overlap(i, j) || (sameDay && sales[i].length != sales[j].length)) return true;
        }
        return false;
    }

    function overlap(uint256 i, uint256 j) private view returns (bool) {
        (Sale storage a, Sale storage b) = (sales[i], sales[j]);
        return a.slot < b.slot + b.length && b.slot < a.slot + a.length;
    }
}
