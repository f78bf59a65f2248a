// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {PricePair} from "../../src/Trades.sol";
import {
    Clearing, FillBatch, Mandate, Order, Policy, SignedOrder, Terms
} from "../../src/Types.sol";
import {Model} from "./Model.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {NaiveTree} from "./NaiveTree.sol";
import {BadWallet, Wallet} from "./Wallets.sol";
import {Pair} from "./World.sol";

/// Makes orders, clearings and their batches by chance: most are good, every tenth has a fault.
abstract contract Trader is Model {
    uint256 private constant GROUP_ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    /// The place among {people} of the account that is a contract, and of the one that burns gas.
    uint256 private constant WALLET = 5;
    uint256 private constant BURNER = 6;
    /// Policies, each with a zone and rules of its own.
    uint8 internal constant KINDS = 6;

    /// Who trades, and at the end who receives fees only.
    address[] internal people;
    /// The batches of a clearing with the signatures of who wanted to sign, encoded.
    mapping(uint256 clearing => bytes[]) internal batchesIn;
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
        people.push(DIFFERENCE);
        people.push(BALANCE);
        for (uint8 i = 0; i < KINDS; ++i) _addPolicy(i);
    }

    /// 0: no imbalance. 1: make-whole with tolerance. 2: make-whole to the unit, short windows, and
    /// a trader who receives the network's fees. 3: imbalance price, settled after the slot as
    /// well. 4: take or pay, a second for settling, and traders who receive difference and balance.
    /// 5: make-whole of sellers, an imbalance price above all escrow of buyers, and one account for
    /// everything that is received.
    function _addPolicy(uint8 kind) private {
        Policy memory p = policy();
        p.zone = bytes32(uint256(kind));
        (p.sellerShort, p.buyerShort) = (
            [0, 1, 1, 2, 2, 1][kind],
            [0, 1, 1, 2, 3, 2][kind]
        );
        (p.correctionSeconds, p.challengeSeconds) = (3 hours, 1 hours);
        if (kind == 2 || kind == 4) (p.toleranceBps, p.toleranceWh) = (0, 0);
        if (kind == 2) {
            p.networkAccount = people[0];
            (p.correctionSeconds, p.challengeSeconds) = (20 minutes, 1);
        }
        if (kind == 3) p.settleSeconds = 30 minutes;
        if (kind == 4) {
            (p.settleSeconds, p.imbalancePrice) = (1, 1);
            (p.differenceAccount, p.balanceAccount) = (people[1], people[2]);
        }
        if (kind == 5) {
            p.imbalancePrice = type(uint64).max;
            (p.networkAccount, p.differenceAccount) = (PLATFORM, PLATFORM);
            p.balanceAccount = PLATFORM;
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
        return honestly(signer, hash, signer == people[WALLET] || one(4));
    }

    function honestly(
        address signer,
        bytes32 hash,
        bool wide
    ) internal returns (bytes memory signature) {
        if (signer == people[BURNER]) return "nobody";
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], hash);
        signature = wide ? abi.encodePacked(r, s, v) : sign(signer, hash);
        honest[keccak256(abi.encode(signer, hash, signature))] = true;
    }

    function anyOrder(uint8 side, uint256 kind, uint64 slot) private returns (Order memory o) {
        Policy storage p = policies[kind];
        (o.account, o.side, o.slot) = (one(20) ? people[BURNER] : people[next(6)], side, slot);
        o.quantity = uint64(1 + next(3000));
        o.limitPrice = uint64(side == 0 ? 230_000 - next(30_000) : next(150_000));
        (o.community, o.zone, o.policy) = (p.community, p.zone, policyIds[kind]);
        o.nonce = one(8) ? recentNonce() : ++_nonce;
        o.expiry = slot + p.slotSeconds + p.settleSeconds;
        if (one(6)) o.minFill = uint64(next(o.quantity));
        if (one(3)) _delegate(o);
        if (!one(10)) return o;
        uint256 fault = next(6);
        if (fault == 0) o.side = uint8(1 - side);
        if (fault == 1) o.slot += p.slotSeconds;
        if (fault == 2) o.policy = policyIds[(kind + 1) % KINDS];
        if (fault == 3) o.zone = "nowhere";
        if (fault == 4) o.community = "nowhere";
        if (fault == 5) o.expiry = uint64(time) - 1;
    }

    /// Names a delegate that has a mandate of the account, rather than another; nearly always with
    /// the one nonce that a delegate has.
    function _delegate(Order memory o) private {
        uint256 first = next(7);
        o.delegate = people[first];
        for (uint256 i = 0; i < 7; ++i) {
            Mandate storage other = mandateOf[o.account][people[(first + i) % 7]];
            bool in_ = other.policy == o.policy && other.until > time + 600;
            if (in_ && !one(10)) o.delegate = people[(first + i) % 7];
        }
        if (!one(12)) delegated(o, o.delegate);
        Mandate storage m = mandateOf[o.account][o.delegate];
        if (m.version == 0 || one(4)) return;
        // Inside what was granted, to the unit or nearly.
        uint64 most = m.quantityPerDay < m.quantityPerSlot ? m.quantityPerDay : m.quantityPerSlot;
        o.quantity = uint64(1 + (one(3) ? most : next(most + 1)));
        if (o.side == 0) o.limitPrice = m.buyPriceMax + uint64(one(8) ? 1 : 0);
        else o.limitPrice = m.sellPriceMin + uint64(next(50_000)) - (one(8) ? 1 : 0);
    }

    /// The order's account or its delegate, or somebody else. A key signs in 64 bytes.
    function signedBySomebody(SignedOrder memory o, bytes32 hash) private returns (bytes memory) {
        address signer = o.account;
        if (o.delegate != address(0) && !one(3)) signer = o.delegate;
        if (one(20)) signer = anyone();
        return honestly(signer, hash, signer == people[WALLET] || one(30));
    }

    /// A clearing of fills between at most four orders: one to six of them, or now and then two
    /// batches. Not posted yet.
    function anyClearing(uint256 kind, uint64 slot) internal returns (Terms memory terms) {
        Order[4] memory orders = [
            anyOrder(0, kind, slot),
            anyOrder(0, kind, slot),
            anyOrder(1, kind, slot),
            anyOrder(1, kind, slot)
        ];
        // Two orders with one nonce, of which one can be filled.
        for (uint256 i = 0; i < 4; i += 2) {
            if (!one(4)) continue;
            (orders[i + 1].account, orders[i + 1].nonce) = (orders[i].account, orders[i].nonce);
        }
        // Rarely an account meets itself.
        for (uint256 i = 0; i < 4; ++i) {
            if (orders[2 + i % 2].account != orders[i / 2].account || one(6)) continue;
            orders[2 + i % 2].account = people[next(6)];
        }
        bool many = one(10);
        Pair[] memory pairs = new Pair[](many ? FILLS_MAX + 1 + next(3) : 1 + next(6));
        for (uint256 i = 0; i < pairs.length; ++i) {
            (pairs[i].buy, pairs[i].sell) = (orders[next(2)], orders[2 + next(2)]);
            uint256 most = _least(pairs[i].buy.quantity, pairs[i].sell.quantity);
            most = most / (many ? 60 : 2 + next(4)) + 1;
            pairs[i].quantity = one(20) ? 0 : uint64(1 + next(most));
            _price(pairs[i]);
        }
        terms.policy = policies[kind];
        Clearing memory c = terms.clearing;
        (c.policy, c.slot) = (policyIds[kind], slot);
        // Every other clearing has two prices for each fill, and one that is of none.
        c.mechanism = uint8(next(256));
        c.price = uint64(150_000 + next(60_000));
        if (c.mechanism >= PRICED && one(2)) c.price = uint64(next(1 << 64));
        c.retailPrice = uint64(150_000 + next(200_000));
        c.feedInPrice = uint64(20_000 + next(200_000));
        _keep(prove(terms, pairs), orders, leavesOf(terms, pairs));
    }

    /// Two prices of a fill, of which the seller's is rarely above the buyer's.
    function _price(Pair memory one_) private {
        one_.buyPrice = uint64(150_000 + next(50_000));
        one_.sellPrice = one_.buyPrice - uint64(one(3) ? 0 : next(60_000));
        if (one(15)) one_.sellPrice = one_.buyPrice + uint64(1 + next(5_000));
        if (one(60)) one_.buyPrice = type(uint64).max;
        if (one(60)) one_.sellPrice = uint64(next(3_000));
    }

    /// Under the place that the next clearing gets.
    function _keep(
        FillBatch[] memory batches,
        Order[4] memory orders,
        bytes32[] memory leaves
    ) private {
        uint256 place = clearings.length;
        delete batchesIn[place];
        delete pathsIn[place];
        leavesIn[place] = leaves;
        for (uint256 i = 0; i < batches.length; ++i) {
            FillBatch memory batch = batches[i];
            batch.signatures = new bytes[](0);
            for (uint256 k = 0; k < batch.orders.length; ++k) {
                bytes32 hash = hashIn(batch.terms, batch.orders[k]);
                put(batch, k, signedBySomebody(batch.orders[k], hash));
            }
            // What is of another slot, policy, zone or community cannot be shown.
            for (uint256 k = 0; k < 4; ++k) if (!one(10)) _hideOther(batch, orders[k]);
            batchesIn[place].push(abi.encode(batch));
            pathsIn[place].push(keccak256(abi.encode(batch.path)));
        }
    }

    function _hideOther(FillBatch memory batch, Order memory o) private view {
        bytes32 shown = hashOf(orderIn(batch.terms, signedOrder(o, 0)));
        if (shown == hashOf(o)) return;
        for (uint256 k = 0; k < batch.orders.length; ++k) {
            if (hashIn(batch.terms, batch.orders[k]) == shown) hide(batch, k, hashOf(o));
        }
    }

    /// Spoils a batch after everybody has signed; not always to its harm.
    function spoil(FillBatch memory batch) internal {
        uint256 k = next(batch.orders.length);
        uint256 i = next(batch.fills.length);
        SignedOrder memory order_ = batch.orders[k];
        uint256 fault = next(19);
        if (fault == 0) batch.number += 1;
        if (fault == 1) _refill(batch, i, 1, 0);
        if (fault == 2) order_.limitPrice += 1;
        if (fault == 3) order_.filled += 1;
        if (fault == 4) batch.path = NaiveTree.append(batch.path, 0);
        if (fault == 5) (batch.orders[0], batch.orders[k]) = (order_, batch.orders[0]);
        if (fault == 6) put(batch, k, "");
        if (fault == 7) put(batch, k, sign(account(500), hashIn(batch.terms, order_)));
        if (fault == 8) _highS(batch, k);
        if (fault == 9) (order_.r, order_.vs) = (batch.orders[0].r, batch.orders[0].vs);
        if (fault == 10) _refill(batch, i, 0, batch.orders.length);
        if (fault == 11) (batch.fills[0], batch.fills[i]) = (batch.fills[i], batch.fills[0]);
        if (fault == 12) batch.terms.clearing.price += 1;
        if (fault == 13) _twice(batch, k);
        if (fault == 14) _reprice(batch, i);
        if (fault == 15) batch.prices = new PricePair[](next(batch.fills.length + 2));
        if (fault == 16) (batch.terms.clearing.mechanism) ^= PRICED;
        if (fault >= 17) hide(batch, k, hashIn(batch.terms, order_));
    }

    function _refill(FillBatch memory batch, uint256 i, uint64 more, uint256 further) private pure {
        (uint64 wh, uint256 buy, uint256 sell) = NaiveTrades.read(batch.fills[i]);
        batch.fills[i] = NaiveTrades.fill(wh + more, buy + further, sell);
    }

    /// Changes one bit of the prices of a fill, also of those that mean nothing.
    function _reprice(FillBatch memory batch, uint256 i) private {
        if (batch.prices.length <= i) return;
        batch.prices[i] = PricePair.wrap(PricePair.unwrap(batch.prices[i]) ^ (1 << next(256)));
    }

    /// A contract decides for itself what it accepts.
    function _highS(FillBatch memory batch, uint256 k) private view {
        SignedOrder memory order_ = batch.orders[k];
        if (keyOf[order_.account] == 0 || order_.account.code.length != 0) return;
        bytes32 hash = hashIn(batch.terms, order_);
        (, bytes32 r, bytes32 s) = vm.sign(keyOf[order_.account], hash);
        (order_.r, order_.vs) = (r, bytes32(GROUP_ORDER - uint256(s)));
    }

    /// Shows an order a second time.
    function _twice(FillBatch memory batch, uint256 k) private view {
        SignedOrder[] memory more = new SignedOrder[](batch.orders.length + 1);
        for (uint256 i = 0; i < batch.orders.length; ++i) more[i] = batch.orders[i];
        more[batch.orders.length] = batch.orders[k];
        batch.orders = more;
        arrange(batch);
    }
}
