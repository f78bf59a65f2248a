// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {Fill, PricePair} from "../../src/Trades.sol";
import {
    Clearing, FillBatch, Mandate, Order, Policy, SignedOrder, Terms
} from "../../src/Types.sol";
import {Mandates, Market} from "./Contracts.sol";
import {Model} from "./Model.sol";
import {NaiveTrades} from "./NaiveTrades.sol";
import {NaiveTree} from "./NaiveTree.sol";
import {BadWallet, Wallet} from "./Wallets.sol";

/// Makes orders, clearings and their batches by chance: most are good, every tenth has a fault.
abstract contract Trader is Model {
    /// Of secp256k1: how many points there are, and the first word of the generator, whose second
    /// is even.
    uint256 private constant GROUP_ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 private constant GENERATOR =
        0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
    /// The place among {people} of the account that is a contract, and of the one that burns gas.
    uint256 private constant WALLET = 5;
    uint256 private constant BURNER = 6;
    /// A short one, so that cash also leaves while trades of the same cash are open.
    uint32 internal constant DELAY = 1 hours;
    /// Policies, each with a zone and rules of its own.
    uint8 internal constant KINDS = 6;

    /// A clearing of fills between two orders that buy and two that sell: places of fills are among
    /// these four, and all fills have prices.
    struct Drawn {
        Terms terms;
        Order[4] orders;
        bytes32[4] hashes;
        uint64[4] filled;
        Fill[] fills;
        PricePair[] prices;
    }

    /// Who trades, and at the end who receives fees only.
    address[] internal people;
    /// The batches of a clearing with the signatures of who wanted to sign, encoded.
    mapping(uint256 clearing => bytes[]) internal batchesIn;
    uint32[] internal days_;
    uint256 internal time;
    uint256 private _nonce;
    uint256 private _random;
    uint256 private _words;
    bytes32 private _marketDomain;
    bytes32 private _mandateDomain;
    Mandates private _mandates;

    function _settleIn() internal {
        _begin();
        market = newMarket(CHALLENGES, DELAY);
        (_marketDomain, _mandates) = (super.marketDomain(market), super.mandates());
        _mandateDomain = super.mandateDomain(_mandates);
        time = block.timestamp;
        for (uint256 i = 0; i < 5; ++i) people.push(account(i));
        people.push(address(new Wallet(account(77))));
        keyOf[people[WALLET]] = keyOf[account(77)];
        people.push(address(new BadWallet(BadWallet.Answer.Burn)));
        people.push(NETWORK);
        people.push(PLATFORM);
        people.push(DIFFERENCE);
        people.push(BALANCE);
        for (uint256 i = 0; i < people.length; ++i) bitOf[people[i]] = 1 << i;
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

    /// The contracts of the one market that there is, found once.
    function mandates() internal view override returns (Mandates) {
        return _mandates;
    }

    function marketDomain(Market of_) internal view virtual override returns (bytes32) {
        return address(of_) == address(market) ? _marketDomain : super.marketDomain(of_);
    }

    function mandateDomain(Mandates) internal view override returns (bytes32) {
        return _mandateDomain;
    }

    function seed(uint256 number) internal {
        (_random, _words) = (uint256(keccak256(abi.encode(number))), 0);
    }

    /// A number below `end`, of which many are in one word.
    function next(uint256 end) internal returns (uint256 number) {
        uint256 random = _random;
        if (random >> 160 == 0) random = uint256(keccak256(abi.encode(random, ++_words)));
        (number, _random) = (random % end, random / end);
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
        (bytes32 r, bytes32 s, bool odd) = _signed(keyOf[signer], hash);
        signature = wide ? abi.encodePacked(r, s, odd ? 28 : 27) : _compact(r, s, odd);
        honest[keccak256(abi.encode(signer, hash, signature))] = true;
    }

    /// Signs with one as the secret number, which is as good as any where keys are no secret: what
    /// takes most of the time of signing is known beforehand.
    function _signed(uint256 key, bytes32 hash) private pure returns (bytes32, bytes32, bool odd) {
        uint256 s = addmod(uint256(hash), mulmod(GENERATOR, key, GROUP_ORDER), GROUP_ORDER);
        odd = s > GROUP_ORDER / 2;
        return (bytes32(GENERATOR), bytes32(odd ? GROUP_ORDER - s : s), odd);
    }

    function _compact(bytes32 r, bytes32 s, bool odd) private pure returns (bytes memory) {
        return abi.encodePacked(r, odd ? s | bytes32(uint256(1) << 255) : s);
    }

    function sign(address signer, bytes32 hash) internal view override returns (bytes memory) {
        (bytes32 r, bytes32 s, bool odd) = _signed(keyOf[signer], hash);
        return _compact(r, s, odd);
    }

    function anyOrder(uint8 side, uint256 kind, uint64 slot) private returns (Order memory o) {
        Policy storage p = policies[kind];
        (o.account, o.side, o.slot) = (one(40) ? people[BURNER] : people[next(6)], side, slot);
        o.quantity = uint64(1 + next(3000));
        o.limitPrice = uint64(side == 0 ? 230_000 - next(25_000) : next(150_000));
        (o.community, o.zone, o.policy) = (p.community, p.zone, policyIds[kind]);
        o.nonce = one(16) ? recentNonce() : ++_nonce;
        o.expiry = slot + p.slotSeconds + p.settleSeconds;
        if (one(10)) o.minFill = uint64(next(o.quantity));
        if (one(2)) _delegate(o);
        if (!one(25)) return o;
        uint256 fault = next(8);
        if (fault == 0 || fault > 5) o.side = uint8(1 - side);
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
        address found;
        for (uint256 i = 0; i < 7; ++i) {
            Mandate storage other = mandateOf[o.account][people[(first + i) % 7]];
            bool in_ = other.policy == o.policy && other.until > time + 600;
            if (in_ && !one(10)) found = people[(first + i) % 7];
        }
        if (found == address(0) && !one(5)) return;
        o.delegate = found == address(0) ? people[first] : found;
        if (!one(12)) delegated(o, o.delegate);
        Mandate storage m = mandateOf[o.account][o.delegate];
        if (m.version == 0 || one(4)) return;
        // Inside what was granted, to the unit or nearly.
        uint64 most = m.quantityPerSlot;
        if (m.quantityPerDay < most && !one(3)) most = m.quantityPerDay;
        o.quantity = uint64(1 + (one(3) ? most : next(most + 1)));
        if (o.side == 0) o.limitPrice = m.buyPriceMax + uint64(one(8) ? 1 : 0);
        else o.limitPrice = m.sellPriceMin + uint64(next(50_000)) - (one(8) ? 1 : 0);
    }

    /// The order's account or its delegate, or somebody else. A key signs in 64 bytes.
    function signedBySomebody(SignedOrder memory o, bytes32 hash) private returns (bytes memory) {
        address signer = o.account;
        if (o.delegate != address(0) && !one(6)) signer = o.delegate;
        if (one(40)) signer = anyone();
        return honestly(signer, hash, signer == people[WALLET] || one(30));
    }

    /// Two orders that buy and two that sell. Not posted yet.
    function _anyOrders(uint256 kind, uint64 slot) private returns (Order[4] memory orders) {
        for (uint256 i = 0; i < 4; ++i) orders[i] = anyOrder(uint8(i / 2), kind, slot);
        // Two orders with one nonce, of which one can be filled.
        for (uint256 i = 0; i < 4; i += 2) {
            if (!one(8)) continue;
            (orders[i + 1].account, orders[i + 1].nonce) = (orders[i].account, orders[i].nonce);
        }
        // Rarely an account meets itself.
        for (uint256 i = 2; i < 4 && !one(16); ++i) {
            address of_ = orders[i].account;
            while (of_ == orders[0].account || of_ == orders[1].account) of_ = people[next(6)];
            orders[i].account = of_;
        }
    }

    /// A clearing of fills between at most four orders: one to six of them, or now and then two
    /// batches; or none where it will be refused. Not posted yet.
    function anyClearing(
        uint256 kind,
        uint64 slot,
        bool good
    ) internal returns (Terms memory) {
        Drawn memory d;
        d.terms.policy = policies[kind];
        Clearing memory c = d.terms.clearing;
        (c.policy, c.slot) = (policyIds[kind], slot);
        // Every other clearing has two prices for each fill, and one that is of none.
        c.mechanism = uint8(next(256));
        c.price = uint64(150_000 + next(50_000));
        if (c.mechanism >= PRICED && one(2)) c.price = uint64(next(1 << 64));
        c.retailPrice = uint64(150_000 + next(200_000));
        c.feedInPrice = uint64(20_000 + next(200_000));
        if (!good) return d.terms;
        d.orders = _anyOrders(kind, slot);
        for (uint256 i = 0; i < 4; ++i) d.hashes[i] = hashOf(d.orders[i]);
        _anyFills(d, one(25));
        _keep(d);
        return d.terms;
    }

    function _anyFills(Drawn memory d, bool many) private {
        uint256 count = many ? FILLS_MAX + 1 + next(3) : 1 + next(6);
        (d.fills, d.prices) = (new Fill[](count), new PricePair[](count));
        uint64 price = d.terms.clearing.price;
        bool priced = d.terms.clearing.mechanism >= PRICED;
        for (uint256 i = 0; i < count; ++i) {
            (uint256 buy, uint256 sell) = (next(2), 2 + next(2));
            uint256 most = _least(d.orders[buy].quantity, d.orders[sell].quantity);
            most = most / (many ? 60 : 2 + next(4)) + 1;
            uint64 quantity = one(20) ? 0 : uint64(1 + next(most));
            d.fills[i] = NaiveTrades.fill(quantity, buy, sell);
            d.prices[i] = priced ? _anyPrices() : NaiveTrades.prices(price, price);
            d.filled[buy] += quantity;
            d.filled[sell] += quantity;
        }
    }

    /// Two prices of a fill, of which the seller's is rarely above the buyer's.
    function _anyPrices() private returns (PricePair) {
        uint64 buyPrice = uint64(150_000 + next(50_000));
        uint64 sellPrice = buyPrice - uint64(one(3) ? 0 : next(60_000));
        if (one(15)) sellPrice = buyPrice + uint64(1 + next(5_000));
        if (one(60)) buyPrice = type(uint64).max;
        if (one(60)) sellPrice = uint64(next(3_000));
        return NaiveTrades.prices(buyPrice, sellPrice);
    }

    /// Under the place that the next clearing gets.
    function _keep(Drawn memory d) private {
        uint256 place = clearings.length;
        bytes32[] memory leaves = new bytes32[](d.fills.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            (uint64 quantity, uint256 buy, uint256 sell) = NaiveTrades.read(d.fills[i]);
            uint64[3] memory wh = [quantity, d.filled[buy], d.filled[sell]];
            leaves[i] = leafOf([d.hashes[buy], d.hashes[sell]], wh, d.prices[i]);
        }
        d.terms.clearing.fills = uint32(leaves.length);
        d.terms.clearing.fillsRoot = NaiveTree.root(leaves);
        bytes32[] memory roots = rootsOf(leaves);
        delete batchesIn[place];
        delete pathsIn[place];
        leavesIn[place] = leaves;
        for (uint256 i = 0; i < roots.length; ++i) {
            bytes32[] memory path = NaiveTree.path(roots, i);
            batchesIn[place].push(abi.encode(_batch(d, i, path)));
            pathsIn[place].push(keccak256(abi.encode(path)));
        }
    }

    function _batch(
        Drawn memory d,
        uint256 number,
        bytes32[] memory path
    ) private returns (FillBatch memory batch) {
        uint256 first = number * FILLS_MAX;
        (batch.terms, batch.number, batch.path) = (d.terms, uint32(number), path);
        batch.fills = new Fill[](_least(d.fills.length - first, FILLS_MAX));
        bool priced = d.terms.clearing.mechanism >= PRICED;
        batch.prices = new PricePair[](priced ? batch.fills.length : 0);
        bool[4] memory in_;
        for (uint256 i = 0; i < batch.fills.length; ++i) {
            (, uint256 buy, uint256 sell) = NaiveTrades.read(d.fills[first + i]);
            (in_[buy], in_[sell]) = (true, true);
            if (priced) batch.prices[i] = d.prices[first + i];
        }
        (uint256[4] memory to, bytes32[] memory hashes) = _show(d, batch, in_);
        for (uint256 i = 0; i < batch.fills.length; ++i) {
            (uint64 quantity, uint256 a, uint256 b) = NaiveTrades.read(d.fills[first + i]);
            batch.fills[i] = NaiveTrades.fill(quantity, to[a], to[b]);
        }
        arrange(batch, hashes);
    }

    /// Shows these orders in a batch; answers their places in it and their hashes there. What is of
    /// another slot, policy, zone or community cannot be shown, and now and then is all the same.
    function _show(
        Drawn memory d,
        FillBatch memory batch,
        bool[4] memory in_
    ) private returns (uint256[4] memory to, bytes32[] memory hashes) {
        uint256 count = 0;
        for (uint256 k = 0; k < 4; ++k) if (in_[k]) to[k] = count++;
        (batch.orders, hashes) = (new SignedOrder[](count), new bytes32[](count));
        for (uint256 k = 0; k < 4; ++k) {
            if (!in_[k]) continue;
            (bytes32 hash, bool other) = (d.hashes[k], _isOther(d, k));
            if (other && !one(10)) {
                (batch.orders[to[k]].r, batch.orders[to[k]].filled) = (hash, d.filled[k]);
            } else {
                SignedOrder memory o = signedOrder(d.orders[k], d.filled[k]);
                if (other) hash = hashIn(d.terms, o);
                batch.orders[to[k]] = o;
                put(batch, to[k], signedBySomebody(o, hash));
            }
            hashes[to[k]] = hash;
        }
    }

    function _isOther(Drawn memory d, uint256 k) private pure returns (bool) {
        (Order memory o, Clearing memory c, Policy memory p) = (
            d.orders[k],
            d.terms.clearing,
            d.terms.policy
        );
        if (o.slot != c.slot || o.policy != c.policy) return true;
        return o.zone != p.zone || o.community != p.community;
    }

    /// Spoils a batch after everybody has signed; not always to its harm.
    function spoil(FillBatch memory batch) internal {
        uint256 k = next(batch.orders.length);
        uint256 i = next(batch.fills.length);
        SignedOrder memory order_ = batch.orders[k];
        uint256 fault = next(24);
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
        (bytes32 r, bytes32 s, ) = _signed(keyOf[order_.account], hash);
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
