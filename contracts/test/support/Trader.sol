// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Clearing, Fill, Order, Policy} from "../../src/Types.sol";
import {Model} from "./Model.sol";
import {NaiveTree} from "./NaiveTree.sol";
import {BadWallet, Wallet} from "./Wallets.sol";
import {Pair} from "./World.sol";

/// Makes orders, clearings and fills by chance: most are good, every tenth has a fault.
abstract contract Trader is Model {
    uint256 private constant GROUP_ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    /// The place among {people} of the account that is a contract, and of the one that burns gas.
    uint256 private constant WALLET = 5;
    uint256 private constant BURNER = 6;

    /// Who trades, and at the end who receives fees only.
    address[] internal people;
    bytes32[] internal ids;
    mapping(uint256 clearing => bytes[]) internal fillsOf;
    uint32[] internal days_;
    uint256 internal time;
    uint256 private _nonce;
    uint256 private _random;

    function _settleIn() internal {
        _begin();
        time = block.timestamp;
        for (uint256 i = 0; i < 5; ++i) people.push(account(i));
        people.push(address(new Wallet(account(77))));
        keyOf[people[WALLET]] = keyOf[account(77)];
        people.push(address(new BadWallet(BadWallet.Answer.Burn)));
        people.push(NETWORK);
        people.push(PLATFORM);
        for (uint8 i = 0; i < 3; ++i) _addPolicy(i);
    }

    /// 0: no imbalance. 1: make-whole with tolerance. 2: make-whole to the unit, short windows, and
    /// a trader who receives the network's fees.
    function _addPolicy(uint8 kind) private {
        Policy memory p = policy();
        p.zone = bytes32(uint256(kind));
        p.imbalance = kind == 0 ? 0 : 1;
        (p.correctionSeconds, p.challengeSeconds) = (3 hours, 1 hours);
        if (kind == 2) {
            (p.toleranceBps, p.toleranceWh, p.networkAccount) = (0, 0, people[0]);
            (p.correctionSeconds, p.challengeSeconds) = (20 minutes, 1);
        }
        policies.push(p);
        policyIds.push(register(p));
    }

    function seed(uint256 number) internal {
        _random = number;
    }

    /// A number below `end`.
    function next(uint256 end) internal returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % end;
    }

    function one(uint256 of_) internal returns (bool) {
        return next(of_) == 0;
    }

    function anyone() internal returns (address) {
        return people[next(7)];
    }

    /// One of the last twenty nonces, or of the next three.
    function recentNonce() internal returns (uint256) {
        return _nonce < 20 ? next(24) : _nonce + 3 - next(23);
    }

    /// Signs, and remembers it.
    function honestly(address signer, bytes32 hash) internal returns (bytes memory signature) {
        if (signer == people[BURNER]) return "nobody";
        bool wide = signer == people[WALLET] || one(4);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], hash);
        signature = wide ? abi.encodePacked(r, s, v) : sign(signer, hash);
        honest[keccak256(abi.encode(signer, hash, signature))] = true;
    }

    function anyOrder(uint8 side, uint256 kind, uint64 slot) private returns (Order memory o) {
        Policy storage p = policies[kind];
        (o.account, o.side, o.slot) = (anyone(), side, slot);
        o.quantity = uint64(1 + next(3000));
        o.limitPrice = uint64(side == 0 ? 230_000 - next(40_000) : next(170_000));
        (o.community, o.zone, o.policy) = (p.community, p.zone, policyIds[kind]);
        o.nonce = one(8) ? recentNonce() : ++_nonce;
        o.expiry = slot + p.slotSeconds;
        if (one(3)) o.delegate = anyone();
        if (!one(10)) return o;
        uint256 fault = next(6);
        if (fault == 0) o.side = uint8(1 - side);
        if (fault == 1) o.slot += p.slotSeconds;
        if (fault == 2) o.policy = policyIds[(kind + 1) % 3];
        if (fault == 3) o.zone = "nowhere";
        if (fault == 4) o.community = "nowhere";
        if (fault == 5) o.expiry = uint64(time) - 1;
    }

    /// The order's account or its delegate, or somebody else.
    function signedBySomebody(Order memory o) private returns (bytes memory) {
        address signer = o.account;
        if (o.delegate != address(0) && !one(3)) signer = o.delegate;
        if (one(20)) signer = anyone();
        return honestly(signer, hashOf(o));
    }

    /// One to six fills between at most four orders, and their clearing.
    function anyClearing(uint256 kind, uint64 slot) internal returns (Clearing memory c) {
        Order[2] memory buys = [anyOrder(0, kind, slot), anyOrder(0, kind, slot)];
        Order[2] memory sells = [anyOrder(1, kind, slot), anyOrder(1, kind, slot)];
        Pair[] memory pairs = new Pair[](1 + next(6));
        bytes32[] memory leaves = new bytes32[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            pairs[i].buy = buys[next(2)];
            pairs[i].sell = sells[next(2)];
            uint64 most = pairs[i].buy.quantity;
            if (pairs[i].sell.quantity < most) most = pairs[i].sell.quantity;
            pairs[i].quantity = one(20) ? 0 : uint64(1 + next(most));
            if (one(20)) pairs[i].quantity *= 2;
            leaves[i] = leafOf(pairs[i]);
        }
        (c.policy, c.slot, c.mechanism) = (policyIds[kind], slot, 1);
        c.price = uint64(150_000 + next(60_000));
        c.retailPrice = uint64(150_000 + next(200_000));
        c.feedInPrice = uint64(20_000 + next(200_000));
        c.fills = uint32(pairs.length);
        c.fillsRoot = NaiveTree.root(leaves);
        _keep(pairs, leaves);
    }

    /// Under the place that the next clearing gets.
    function _keep(Pair[] memory pairs, bytes32[] memory leaves) private {
        uint256 place = clearings.length;
        delete fillsOf[place];
        delete pathsOf[place];
        leavesOf[place] = leaves;
        for (uint256 i = 0; i < pairs.length; ++i) {
            Fill memory fill;
            (fill.buy, fill.sell, fill.quantity) = (pairs[i].buy, pairs[i].sell, pairs[i].quantity);
            fill.index = uint32(i);
            fill.path = NaiveTree.path(leaves, i);
            fill.buySignature = signedBySomebody(fill.buy);
            fill.sellSignature = signedBySomebody(fill.sell);
            fillsOf[place].push(abi.encode(fill));
            pathsOf[place].push(keccak256(abi.encode(fill.path)));
        }
    }

    /// Spoils a fill after everybody has signed.
    function spoil(Fill memory fill) internal returns (Fill memory) {
        uint256 fault = next(9);
        if (fault == 0) fill.index += 1;
        if (fault == 1) fill.quantity += 1;
        if (fault == 2) fill.buy.limitPrice += 1;
        if (fault == 3) fill.sell.quantity += 1;
        if (fault == 4) fill.path = NaiveTree.append(fill.path, 0);
        if (fault == 5) fill.buySignature = fill.sellSignature;
        if (fault == 6) fill.sellSignature = "";
        if (fault == 7) fill.buySignature = sign(account(500), hashOf(fill.buy));
        // A contract decides for itself what it accepts.
        if (fault == 8 && fill.sell.account.code.length == 0) {
            bytes32 hash = hashOf(fill.sell);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[fill.sell.account], hash);
            fill.sellSignature = abi.encodePacked(r, GROUP_ORDER - uint256(s), 55 - v);
        }
        return fill;
    }
}
