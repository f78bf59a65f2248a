// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Delivery, Trade} from "../../src/Trades.sol";
import {Claim, FillBatch, Order, Reason, Terms, TradeBatch} from "../../src/Types.sol";
import {Auction} from "./Auction.sol";
import {Certificates, Judge, Meters, Readings, Roles} from "./Contracts.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {NaiveTree} from "./NaiveTree.sol";
import {Pair} from "./World.sol";

/// A market whose trades are judged by meters and certified.
abstract contract Evidence is Auction {
    Meters internal meters;
    Readings internal readings;
    Judge internal judge;
    Certificates internal certificates;
    /// The pairs of the clearing that was settled last.
    Pair[] internal pairs;
    bytes32 internal id;
    /// The paths of that clearing's fills, and by order what it fills of it.
    bytes32[][] private _paths;
    mapping(bytes32 order => uint64) private _filledOf;
    address private _installer;

    function _beginWithMeters() internal {
        _begin();
        meters = Meters(deployed("MeterRegistry", abi.encode(OPERATOR)));
        readings = Readings(deployed("ReadingAnchor", abi.encode(OPERATOR)));
        // After the market and its mandates.
        address next = nextAddress(2);
        market = newMarket(next);
        judge = Judge(deployed("Challenges", abi.encode(market, meters, readings)));
        same(address(judge), next, "where the market expects it");
        certificates = Certificates(
            deployed("EnergyCertificate", abi.encode(OPERATOR, market, meters))
        );
        grant(meters, "ENROLLER");
        grant(readings, "ANCHOR");
        grant(certificates, "CERTIFIER");
        _installer = account(900);
        bytes memory call = abi.encodeCall(Roles.grantRole, (keccak256("INSTALLER"), _installer));
        sent(OPERATOR, address(meters), call);
        register(policy());
    }

    /// The connection point of an account, and its meter.
    function pointOf(address of_) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(of_)));
    }

    function meterOf(address of_) internal pure returns (bytes32) {
        return bytes32(bytes16(keccak256(abi.encode("meter", of_))));
    }

    function keyOfMeter(address of_) internal virtual returns (address) {
        return account(uint256(keccak256(abi.encode("key", of_))));
    }

    /// Gives the connection point of an account its meter.
    function enrol(address of_) internal {
        enrol(of_, meterOf(of_), 1);
    }

    /// Gives it a meter, which gets its key of this version.
    function enrol(address of_, bytes32 meter, uint32 version) internal {
        bytes32 hash = keccak256(
            "Enrolment(bytes32 meter,address key,address owner,address installer,"
            "bytes32 connectionPoint,uint32 version)"
        );
        (bytes32 point, address key) = (pointOf(of_), keyOfMeter(of_));
        hash = keccak256(abi.encode(hash, meter, key, of_, _installer, point, version));
        bytes32 separator = domain("Wattex MeterRegistry", address(meters));
        hash = keccak256(abi.encodePacked(hex"1901", separator, hash));
        bytes memory call = abi.encodeCall(
            Meters.enrol,
            (meter, key, of_, _installer, point, sign(of_, hash), sign(_installer, hash))
        );
        sent(OPERATOR, address(meters), call);
    }

    /// 55 bytes and the meter's signature.
    function message(
        address of_,
        uint64 time,
        uint64 importWh,
        uint64 exportWh
    ) internal virtual returns (bytes memory) {
        bytes memory text = payload(of_, time, importWh, exportWh);
        return bytes.concat(text, sign(keyOfMeter(of_), keccak256(text)));
    }

    /// What a meter signs.
    function payload(
        address of_,
        uint64 time,
        uint64 importWh,
        uint64 exportWh
    ) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                "MR1",
                bytes16(meterOf(of_)),
                uint32(1),
                time,
                importWh,
                exportWh,
                uint32(0),
                uint32(7)
            );
    }

    /// Number `index` of these payloads, which the meter signed together.
    function together(
        address of_,
        bytes[] memory payloads,
        uint256 index
    ) internal returns (bytes memory) {
        bytes32[] memory leaves = new bytes32[](payloads.length);
        for (uint256 i = 0; i < leaves.length; ++i) leaves[i] = NaiveTree.leaf(payloads[i]);
        bytes memory signed = abi.encodePacked(
            "MR2",
            uint8(leaves.length),
            NaiveTree.root(leaves)
        );
        return
            abi.encodePacked(
                payloads[index],
                sign(keyOfMeter(of_), keccak256(signed)),
                uint8(leaves.length),
                uint8(index),
                NaiveTree.root(leaves),
                NaiveTree.path(leaves, index)
            );
    }

    /// Anchors a message between two others.
    function anchored(bytes memory text) internal returns (Judge.Evidence memory e) {
        (e.message, e.salt) = (text, keccak256(text));
        (e.community, e.period, e.index) = ("community", SLOT, 1);
        bytes32[] memory leaves = new bytes32[](3);
        leaves[0] = keccak256(abi.encode(text, "before"));
        leaves[1] = NaiveTree.leaf(abi.encodePacked(e.salt, text));
        leaves[2] = keccak256(abi.encode(text, "after"));
        e.path = NaiveTree.path(leaves, 1);
        bytes memory answer = sent(
            OPERATOR,
            address(readings),
            abi.encodeCall(Readings.anchor, (e.community, 1, SLOT, NaiveTree.root(leaves), 3))
        );
        e.batch = abi.decode(answer, (uint32));
    }

    /// What a meter said when the slot began, and when it ended.
    function evidence(
        address of_,
        uint64 importWh,
        uint64 exportWh
    ) internal returns (Judge.Evidence[2] memory both) {
        both[0] = anchored(message(of_, SLOT, 1000, 2000));
        both[1] = anchored(message(of_, END, 1000 + importWh, 2000 + exportWh));
    }

    /// Settles the clearing of these pairs, with cash and meters for all of their accounts.
    function settleAll(Pair[] memory all) internal {
        settleAll(termsOf(policy()), all);
    }

    function settleAll(Terms memory terms, Pair[] memory all) internal {
        delete pairs;
        _paths = NaiveTree.paths(leavesOf(terms, all));
        FillBatch[] memory batches = post(terms, all);
        for (uint256 i = 0; i < all.length; ++i) {
            pairs.push(all[i]);
            _filledOf[hashOf(all[i].buy)] += all[i].quantity;
            _filledOf[hashOf(all[i].sell)] += all[i].quantity;
            for (uint256 side = 0; side < 2; ++side) {
                address of_ = side == 0 ? all[i].buy.account : all[i].sell.account;
                if (market.free(of_) != 0) continue;
                fund(of_, 10_000_000_000);
                if (keyOf[of_] != 0) enrol(of_);
            }
        }
        for (uint256 i = 0; i < batches.length; ++i) check(batches[i], Reason.None);
        id = idOf(batches[0].terms);
    }

    /// Reconciles trade `index` of that clearing.
    function run(uint8 number, uint256 index, uint64[3] memory wh) internal {
        Delivery[] memory all = list(
            NaiveTrades.delivery(index % FILLS_MAX, wh[0], wh[1], wh[2])
        );
        reconcile(number, id, index / FILLS_MAX, all);
    }

    /// Trade `index` as it stands.
    function tradeAt(uint256 index) internal view returns (NaiveTrades.Words memory) {
        TradeBatch memory batch = standing(id, index / FILLS_MAX);
        return NaiveTrades.read(batch.trades[index % FILLS_MAX]);
    }

    /// The trades of the first batch as they stand.
    function tradesNow() internal view returns (NaiveTrades.Words[] memory all) {
        TradeBatch memory batch = standing(id, 0);
        all = new NaiveTrades.Words[](batch.trades.length);
        for (uint256 i = 0; i < all.length; ++i) all[i] = NaiveTrades.read(batch.trades[i]);
    }

    /// That orders of one side met others in these fills.
    function claims(
        uint256[] memory indices,
        uint8 side
    ) internal view virtual returns (Claim[] memory all) {
        all = new Claim[](indices.length);
        Terms memory terms = standing(id, 0).terms;
        for (uint256 i = 0; i < all.length; ++i) {
            Pair memory one = pairs[indices[i]];
            all[i].prices = pricesOf(terms, one);
            all[i].order = side == 0 ? one.buy : one.sell;
            all[i].other = hashOf(side == 0 ? one.sell : one.buy);
            all[i].filled = _filledOf[hashOf(all[i].order)];
            all[i].otherFilled = _filledOf[all[i].other];
            all[i].index = uint32(indices[i]);
            all[i].path = _paths[indices[i]];
        }
    }

    /// The trades of all claims that an account has on a side.
    function tradesOf(address of_, uint8 side) internal view returns (uint256[] memory indices) {
        uint256 count = 0;
        indices = new uint256[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            Order storage own = side == 0 ? pairs[i].buy : pairs[i].sell;
            if (own.account == of_) indices[count++] = i;
        }
        assembly ("memory-safe") {
            mstore(indices, count)
        }
    }

    /// The batches of these trades as they stand.
    function batchesOf(uint256[] memory indices) internal view returns (TradeBatch[] memory all) {
        uint256 count = 0;
        all = new TradeBatch[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            uint256 number = indices[i] / FILLS_MAX;
            if (i == 0 || number != indices[i - 1] / FILLS_MAX) all[count++] = standing(id, number);
        }
        assembly ("memory-safe") {
            mstore(all, count)
        }
    }

    function challenging(
        Judge.Evidence[2] memory both,
        uint256[] memory indices,
        uint8 side
    ) internal view returns (bytes memory) {
        Claim[] memory all = claims(indices, side);
        return
            abi.encodeCall(Judge.challenge, (both[0], both[1], all, batchesOf(indices)));
    }

    /// What is left of trades once their side is known to have given `registered`: each in turn has
    /// what those before it left, first for what was delivered, then for what the other side did
    /// not take.
    function judged(
        uint256[] memory indices,
        uint8 side,
        uint64 registered
    ) internal view returns (uint64[3][] memory wh, bool any) {
        wh = new uint64[3][](indices.length);
        uint64 left = registered;
        TradeBatch memory batch;
        for (uint256 i = 0; i < indices.length; ++i) {
            uint256 number = indices[i] / FILLS_MAX;
            if (i == 0 || number != batch.number) batch = standing(id, number);
            NaiveTrades.Words memory t = NaiveTrades.read(batch.trades[indices[i] % FILLS_MAX]);
            uint64 own = side == 1 ? t.sellerShort : t.buyerShort;
            uint64 other = side == 1 ? t.buyerShort : t.sellerShort;
            uint64 delivered = t.delivered < left ? t.delivered : left;
            uint64 untaken = left - delivered < other ? left - delivered : other;
            // Where the side itself lacked what was delivered, the other lacked nothing.
            if (delivered < t.delivered) untaken = 0;
            own += t.delivered - delivered;
            any = any || delivered != t.delivered || untaken != other;
            left -= delivered;
            wh[i] = side == 1 ? [delivered, own, untaken] : [delivered, untaken, own];
        }
    }

    /// Challenges trades of an account's side, and compares what becomes of them; refused where
    /// they fit.
    function challenge(
        address of_,
        uint8 side,
        uint64 registered,
        uint256[] memory indices
    ) internal {
        challenge(
            evidence(of_, side == 0 ? registered : 0, side == 1 ? registered : 0),
            side,
            registered,
            indices
        );
    }

    function challenge(
        Judge.Evidence[2] memory both,
        uint8 side,
        uint64 registered,
        uint256[] memory indices
    ) internal {
        (uint64[3][] memory wh, bool any) = judged(indices, side, registered);
        bytes memory call = challenging(both, indices, side);
        if (!any) {
            refused(STRANGER, address(judge), call, Judge.NoExcess.selector);
            return;
        }
        TradeBatch[] memory after_ = batchesOf(indices);
        uint256 k = 0;
        for (uint256 i = 0; i < indices.length; ++i) {
            if (indices[i] / FILLS_MAX != after_[k].number) ++k;
            Trade word = after_[k].trades[indices[i] % FILLS_MAX];
            NaiveTrades.Words memory t = NaiveTrades.read(word);
            uint64[3] memory was = [t.delivered, t.sellerShort, t.buyerShort];
            if (keccak256(abi.encode(was)) == keccak256(abi.encode(wh[i]))) continue;
            uint256 place = indices[i] % FILLS_MAX;
            Delivery cut = NaiveTrades.delivery(place, wh[i][0], wh[i][1], wh[i][2]);
            NaiveTrades.apply_(after_[k], 254, cut);
        }
        sent(STRANGER, address(judge), call);
        for (k = 0; k < after_.length; ++k) stand(after_[k]);
    }
}
