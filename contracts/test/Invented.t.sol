// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Claim, Terms} from "../src/Types.sol";
import {Certificates, Judge, Market, Meters, Roles} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {Pair} from "./support/World.sol";

/// What the operator earns with energy that nobody fed in, sold by an account of its own: at a
/// connection point whose meter it owns, installed and signs for, or at one that has no meter.
///
/// Nothing stops it, and this says what it comes to: a buyer pays its limit at most for energy that
/// it took, and for what it did not take what its policy says, never more than its escrow in all;
/// nobody else's cash moves. The energy was its supplier's, who is not paid for it.
contract InventedTest is Evidence {
    uint256 private constant CASH = 10_000_000_000;
    /// What energy costs all in, which is what the buyer's limit is; retail is 300 000.
    uint64 private constant LIMIT = 350_000;
    uint64 private constant PRICE = LIMIT - 12_000;

    address private buyer;
    address private ghost;
    /// Two that trade with each other in the same auction.
    address private other;
    address private honest;

    function setUp() public {
        _beginWithMeters();
        (buyer, ghost, other, honest) = (account(1), account(70), account(3), account(4));
        bytes memory call = abi.encodeCall(Roles.grantRole, (keccak256("INSTALLER"), ghost));
        sent(OPERATOR, address(meters), call);
        // With cash, so that it gets no meter here unless it invents one.
        fund(ghost, CASH);
    }

    /// Owner and installer are one key, and so is who says what the meter reads.
    function invent() private {
        bytes32 hash = keccak256(
            "Enrolment(bytes32 meter,address key,address owner,address installer,"
            "bytes32 connectionPoint,uint32 version)"
        );
        (bytes32 meter, bytes32 point) = (meterOf(ghost), pointOf(ghost));
        address key = keyOfMeter(ghost);
        hash = keccak256(abi.encode(hash, meter, key, ghost, ghost, point, 1));
        bytes32 separator = domain("Wattex MeterRegistry", address(meters));
        bytes memory by = sign(ghost, keccak256(abi.encodePacked(hex"1901", separator, hash)));
        bytes memory call = abi.encodeCall(
            Meters.enrol,
            (meter, key, ghost, ghost, point, by, by)
        );
        sent(OPERATOR, address(meters), call);
        same(meters.meterAt(point), meter, "nothing keeps it from that");
    }

    /// The ghost sells 5000 Wh to the buyer, and all of it is said to be delivered.
    function sold() private {
        Pair[] memory all = new Pair[](2);
        (all[0], all[1]) = (pair(buyer, ghost, 1), pair(other, honest, 1));
        (all[0].buy.limitPrice, all[1].buy.limitPrice) = (LIMIT, LIMIT);
        settleAll(priced(PRICE), all);
        vm.warp(END);
        run(0, 0, [uint64(5000), 0, 0]);
        run(0, 1, [uint64(5000), 0, 0]);
    }

    function priced(uint64 price) private pure returns (Terms memory terms) {
        terms = termsOf(policy());
        terms.clearing.price = price;
    }

    /// All that is locked becomes free; what everybody has then.
    function released() private {
        vm.warp(RELEASE);
        address[4] memory all = [buyer, ghost, other, honest];
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory call = abi.encodeCall(
                Market.release,
                (idOf(policy()), DAY, list(all[i]))
            );
            sent(STRANGER, address(market), call);
        }
        same(market.free(other), CASH - 5000 * uint256(LIMIT), "who bought of somebody else");
        same(market.free(honest), CASH + 5000 * (uint256(PRICE) - 2_000), "who sold to them");
    }

    /// What the buyer lost of so many Wh that it took, and the ghost got.
    function costs(uint256 wh) private view {
        uint256 paid = CASH - market.free(buyer);
        same(paid, wh * LIMIT, "not above its limit");
        same(paid - wh * 300_000, wh * (LIMIT - 300_000), "above its retail price by this");
        same(market.free(ghost) - CASH, wh * (PRICE - 2_000), "to the ghost, less the fees");
    }

    function only() private pure returns (uint256[] memory) {
        return new uint256[](1);
    }

    /// Its own registers say what its key signs, so that they refute nothing.
    function test_a_meter_of_the_operators_own_sells_what_it_never_fed_in() public {
        invent();
        sold();
        Judge.Evidence[2] memory says = evidence(ghost, 0, 5000);
        Judge.Evidence[2] memory took = evidence(buyer, 5000, 0);
        vm.warp(CORRECTIONS_END + 1);
        challenge(says, 1, 5000, only());
        challenge(took, 0, 5000, only());
        released();
        costs(5000);
    }

    /// Where there is no meter there are no registers at all, and no certificate either.
    function test_a_connection_point_without_a_meter_sells_as_well() public {
        bytes memory source = abi.encodeCall(
            Certificates.registerSource,
            (pointOf(ghost), "F01040100")
        );
        sent(OPERATOR, address(certificates), source);
        sold();
        same(meters.meterAt(pointOf(ghost)), 0, "no meter");
        Judge.Evidence[2] memory none = evidence(ghost, 0, 0);
        vm.warp(CORRECTIONS_END + 1);
        bytes memory call = challenging(none, only(), 1);
        bytes memory reason = abi.encodeWithSelector(Judge.BadReading.selector, SLOT);
        refused(STRANGER, address(judge), call, reason);
        released();
        costs(5000);
        Claim memory sale = claims(only(), 1)[0];
        call = abi.encodeCall(Certificates.issue, (sale, standing(id, 0), meterOf(ghost)));
        reason = abi.encodeWithSelector(Certificates.NotItsMeter.selector, meterOf(ghost));
        refused(STRANGER, address(certificates), call, reason);
    }

    /// For what it did not take it owes what its policy says, as to a seller that delivered: the
    /// ghost's registers say so. In all it is never more than the escrow.
    function test_what_the_buyer_did_not_take_costs_what_it_signed_that_it_may_cost() public {
        invent();
        sold();
        Judge.Evidence[2] memory took = evidence(buyer, 1500, 0);
        vm.warp(CORRECTIONS_END + 1);
        challenge(took, 0, 1500, only());
        released();
        uint256 owed = 3500 * uint256(PRICE - 80_000);
        same(CASH - market.free(buyer), 1500 * uint256(LIMIT) + owed, "made whole for the rest");
        isTrue(CASH - market.free(buyer) < 5000 * uint256(LIMIT), "less than the escrow");
    }

    /// The same from the other side: a buyer that is not there takes whatever a seller lacks, who
    /// then owes what it signed for that, and is paid for what it delivered.
    function test_an_invented_buyer_costs_a_seller_its_collateral_at_most() public {
        invent();
        settleAll(priced(180_000), single(pair(ghost, honest, 1)));
        vm.warp(END);
        run(0, 0, [uint64(1000), 4000, 0]);
        Judge.Evidence[2] memory says = evidence(ghost, 5000, 0);
        vm.warp(CORRECTIONS_END + 1);
        challenge(says, 0, 5000, only());
        vm.warp(RELEASE);
        bytes memory call = abi.encodeCall(Market.release, (idOf(policy()), DAY, list(honest)));
        sent(STRANGER, address(market), call);
        uint256 rest = CASH + 1000 * 178_000;
        same(market.free(honest), rest - 4000 * 108_000, "a part of its collateral");
    }
}
