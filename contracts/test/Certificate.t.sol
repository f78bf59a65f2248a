// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {MarketEvents} from "../src/MarketEvents.sol";
import {PricePair, Trade} from "../src/Trades.sol";
import {Claim, TradeBatch} from "../src/Types.sol";
import {Certificates, Judge, Roles} from "./support/Contracts.sol";
import {Evidence} from "./support/Evidence.sol";
import {NaiveTrades} from "./support/NaiveTrades.sol";
import {BadWallet} from "./support/Wallets.sol";
import {Pair} from "./support/World.sol";

/// What was delivered is certified once, to who bought it, and retired for good.
contract CertificateTest is Evidence {
    bytes32 private constant SOLAR = "F01040100";
    /// When signed requests end.
    uint64 private constant LAST = RELEASE + 1 hours;

    address private seller;
    address private buyer;
    address private other;

    /// Two trades of the seller: 3000 Wh with the buyer, 2000 Wh with a contract account.
    function setUp() public {
        _beginWithMeters();
        (buyer, seller, other) = (account(1), account(2), account(3));
        Pair[] memory all = new Pair[](2);
        all[0] = pair(buyer, seller, 1);
        all[1] = pair(address(new BadWallet(BadWallet.Answer.Long)), seller, 1);
        (all[0].quantity, all[1].quantity) = (3000, 2000);
        registered(seller);
        settleAll(all);
        vm.warp(END);
        run(0, 0, [uint64(2500), 500, 0]);
        run(0, 1, [uint64(2000), 0, 0]);
    }

    function registered(address of_) private {
        bytes memory call = abi.encodeCall(Certificates.registerSource, (pointOf(of_), SOLAR));
        sent(OPERATOR, address(certificates), call);
    }

    function issuing(uint256 index) private view returns (bytes memory) {
        return issuing(claims(only(index), 1)[0], standing(id, 0), meterOf(seller));
    }

    function issuing(
        Claim memory sale,
        TradeBatch memory batch,
        bytes32 meter
    ) private pure returns (bytes memory) {
        return abi.encodeCall(Certificates.issue, (sale, batch, meter));
    }

    function only(uint256 index) private pure returns (uint256[] memory all) {
        all = new uint256[](1);
        all[0] = index;
    }

    function refusedFor(bytes memory call, bytes memory reason) private {
        refused(STRANGER, address(certificates), call, reason);
    }

    function with(bytes4 selector, bytes32 word) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, word);
    }

    function issue(uint256 index) private returns (uint256) {
        bytes memory answer = sent(STRANGER, address(certificates), issuing(index));
        return abi.decode(answer, (uint256));
    }

    function certificateId() private view returns (uint256) {
        bytes memory what = abi.encode(pointOf(seller), meterOf(seller), SOLAR, SLOT, SLOT_SECONDS);
        return uint256(keccak256(what));
    }

    function test_what_was_delivered_is_certified_to_who_bought_it() public {
        vm.warp(RELEASE);
        uint256 certificate = issue(0);
        same(certificate, certificateId(), "its name");
        same(certificates.balanceOf(buyer, certificate), 2500, "what was delivered");
        same(issue(1), certificate, "of the same meter, slot and source");
        same(certificates.balanceOf(pairs[1].buy.account, certificate), 2000, "not asked");
        same(certificates.issued(certificate), 4500, "issued");
        (bytes32 point, bytes32 meter, bytes32 source, uint64 slot, uint32 length) = certificates
            .certificates(certificate);
        bytes memory what = abi.encode(point, meter, source, slot, length);
        same(keccak256(what), bytes32(certificate), "all of it");
    }

    function test_AlreadyCertified() public {
        vm.warp(RELEASE);
        issue(0);
        bytes32 trade = tradeOf(id, 0);
        isTrue(certificates.certified(trade), "certified");
        refusedFor(issuing(0), with(Certificates.AlreadyCertified.selector, trade));
        vm.warp(RELEASE * 2);
        refusedFor(issuing(0), with(Certificates.AlreadyCertified.selector, trade));
        same(certificates.issued(certificateId()), 2500, "once");
    }

    function test_NotFinal() public {
        bytes memory reason = with(Certificates.NotFinal.selector, tradeOf(id, 0));
        refusedFor(issuing(0), reason);
        vm.warp(CORRECTIONS_END + 1);
        refusedFor(issuing(0), reason);
        vm.warp(RELEASE - 1);
        refusedFor(issuing(0), reason);
        vm.warp(RELEASE);
        issue(0);
    }

    /// What was cut is not certified, and what was shown before the cut is no trade any more.
    function test_a_cut_trade_is_certified_as_it_stands() public {
        bytes memory before = issuing(1);
        Judge.Evidence[2] memory both = evidence(seller, 0, 4000);
        vm.warp(CORRECTIONS_END + 1);
        challenge(both, 1, 4000, tradesOf(seller, 1));
        vm.warp(RELEASE);
        refusedFor(before, with(Certificates.UnknownTrade.selector, tradeOf(id, 1)));
        uint256 certificate = issue(1);
        issue(0);
        same(certificates.issued(certificate), 4000, "what the meter has");
    }

    function test_NothingDelivered() public {
        run(1, 0, [uint64(0), 3000, 0]);
        vm.warp(RELEASE);
        refusedFor(issuing(0), with(Certificates.NothingDelivered.selector, tradeOf(id, 0)));
    }

    function test_NotASale_and_UnknownTrade() public {
        vm.warp(RELEASE);
        TradeBatch memory batch = standing(id, 0);
        bytes32 meter = meterOf(seller);
        Claim memory bought = claims(only(0), 0)[0];
        bytes memory reason = abi.encodeWithSelector(Certificates.NotASale.selector);
        refusedFor(issuing(bought, batch, meter), reason);
        reason = with(Certificates.UnknownTrade.selector, tradeOf(id, 0));
        for (uint256 fault = 0; fault < 7; ++fault) {
            Claim memory sale = claims(only(0), 1)[0];
            if (fault == 0) sale.other = 0;
            if (fault == 1) sale.filled += 1;
            if (fault == 2) sale.otherFilled += 1;
            if (fault == 3) sale.path[0] = 0;
            if (fault == 4) sale.order.account = other;
            if (fault == 5) sale.order.slot += 900;
            if (fault == 6) sale.prices = NaiveTrades.prices(180_000, 0);
            refusedFor(issuing(sale, batch, meter), reason);
        }
        Claim memory good = claims(only(0), 1)[0];
        batch.trades[0] = Trade.wrap(Trade.unwrap(batch.trades[0]) + (1 << 144));
        refusedFor(issuing(good, batch, meter), reason);
        batch = standing(id, 0);
        (batch.accounts[0], batch.accounts[1]) = (batch.accounts[1], batch.accounts[0]);
        refusedFor(issuing(good, batch, meter), reason);
        batch = standing(id, 0);
        batch.prices = new PricePair[](2);
        refusedFor(issuing(good, batch, meter), reason);
        // Of another place, of another batch, and of terms that nobody posted.
        batch = standing(id, 0);
        good.index = 1;
        reason = with(Certificates.UnknownTrade.selector, tradeOf(id, 1));
        refusedFor(issuing(good, batch, meter), reason);
        good.index = 2;
        reason = with(Certificates.UnknownTrade.selector, tradeOf(id, 2));
        refusedFor(issuing(good, batch, meter), reason);
        batch.number = 1;
        refusedFor(issuing(good, batch, meter), reason);
        batch.terms.clearing.price += 1;
        bytes memory call = issuing(good, batch, meter);
        refused(
            STRANGER,
            address(certificates),
            call,
            MarketEvents.UnknownClearing.selector
        );
    }

    function test_NotItsMeter() public {
        vm.warp(RELEASE);
        Claim memory sale = claims(only(0), 1)[0];
        bytes32[2] memory not = [meterOf(buyer), bytes32("none")];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory reason = with(Certificates.NotItsMeter.selector, not[i]);
            refusedFor(issuing(sale, standing(id, 0), not[i]), reason);
        }
    }

    function test_SourceInForce_and_NoSource() public {
        bytes32 point = pointOf(seller);
        bytes memory start = abi.encodeCall(Certificates.registerSource, (point, "F01010200"));
        bytes memory end = abi.encodeCall(Certificates.endSource, (point));
        bytes4 role = Roles.AccessControlUnauthorizedAccount.selector;
        refused(STRANGER, address(certificates), start, role);
        refused(STRANGER, address(certificates), end, role);
        bytes memory reason = with(Certificates.SourceInForce.selector, point);
        refused(OPERATOR, address(certificates), start, reason);
        sent(OPERATOR, address(certificates), end);
        refused(OPERATOR, address(certificates), end, Certificates.NoSource.selector);
        sent(OPERATOR, address(certificates), start);
        vm.warp(RELEASE);
        // The one that was in force during the slot.
        same(issue(0), certificateId(), "solar");
    }

    /// A source that began or ended within the slot is that of no part of it.
    function test_NoSource_of_a_part_of_a_slot() public {
        Pair[] memory one = single(pair(buyer, other, 7));
        vm.warp(SLOT + 1);
        setUpAgain(one);
        registered(other);
        vm.warp(END);
        run(0, 0, [uint64(5000), 0, 0]);
        vm.warp(RELEASE);
        bytes memory call = issuing(claims(only(0), 1)[0], standing(id, 0), meterOf(other));
        bytes memory reason = abi.encodeWithSelector(
            Certificates.NoSource.selector,
            pointOf(other),
            SLOT
        );
        refusedFor(call, reason);
    }

    /// A market anew, in which the slot is not cleared yet.
    function setUpAgain(Pair[] memory all) private {
        uint256 time = block.timestamp;
        _beginWithMeters();
        vm.warp(time);
        settleAll(all);
    }

    function transferring(uint256 amount, uint256 nonce) private view returns (bytes32 hash) {
        hash = keccak256(
            "Transfer(address account,address to,uint256 certificate,uint256 amount,uint256 nonce,"
            "uint64 expiry)"
        );
        hash = keccak256(abi.encode(hash, buyer, other, certificateId(), amount, nonce, LAST));
        return typedHere(hash);
    }

    function typedHere(bytes32 hash) private view returns (bytes32) {
        bytes32 separator = domain("Wattex EnergyCertificate", address(certificates));
        return keccak256(abi.encodePacked(hex"1901", separator, hash));
    }

    function test_transfers_need_the_account_or_its_signature() public {
        vm.warp(RELEASE);
        uint256 it = issue(0);
        bytes memory move = abi.encodeCall(
            Certificates.safeTransferFrom,
            (buyer, other, it, 100, "")
        );
        (bool done, ) = _send(STRANGER, address(certificates), move);
        isTrue(!done, "not by a stranger");
        sent(buyer, address(certificates), move);
        bytes memory signature = sign(buyer, transferring(200, 5));
        bytes memory call = giving(201, LAST, signature);
        refusedFor(call, abi.encodeWithSelector(Certificates.NotSigned.selector, buyer));
        call = giving(200, LAST + 1, signature);
        refusedFor(call, abi.encodeWithSelector(Certificates.NotSigned.selector, buyer));
        call = giving(200, LAST, signature);
        vm.chainId(CHAIN_ID + 1);
        refusedFor(call, abi.encodeWithSelector(Certificates.NotSigned.selector, buyer));
        vm.chainId(CHAIN_ID);
        sent(STRANGER, address(certificates), call);
        refusedFor(call, abi.encodeWithSelector(Certificates.NonceAlreadyUsed.selector, 5));
        same(certificates.balanceOf(other, it), 300, "moved");
        same(certificates.balanceOf(buyer, it), 2200, "and gone");
        same(certificates.issued(it) - certificates.retired(it), 2500, "all of it circulates");
    }

    function giving(
        uint256 amount,
        uint64 expiry,
        bytes memory signature
    ) private view returns (bytes memory) {
        return
            abi.encodeCall(
                Certificates.transferFor,
                (buyer, other, certificateId(), amount, 5, expiry, signature)
            );
    }

    function test_RequestExpired() public {
        vm.warp(RELEASE);
        uint256 it = issue(0);
        bytes memory give = giving(200, LAST, sign(buyer, transferring(200, 5)));
        bytes memory retire = retiringFor("the town", LAST, sign(buyer, retirement()));
        uint256 state = vm.snapshotState();
        vm.warp(LAST + 1);
        bytes memory reason = abi.encodeWithSelector(Certificates.RequestExpired.selector, LAST);
        refusedFor(give, reason);
        refusedFor(retire, reason);
        same(certificates.balanceOf(buyer, it), 2500, "nothing is gone");
        vm.revertToState(state);
        vm.warp(LAST);
        sent(STRANGER, address(certificates), give);
        sent(STRANGER, address(certificates), retire);
        same(certificates.balanceOf(buyer, it), 1600, "in their last second");
    }

    function retiring(uint256 amount, string memory name) private view returns (bytes memory) {
        return abi.encodeCall(Certificates.retire, (buyer, certificateId(), amount, name));
    }

    function test_retirement_is_for_good() public {
        vm.warp(RELEASE);
        uint256 it = issue(0);
        bytes memory call = retiring(1000, "the town");
        refusedFor(call, abi.encodeWithSelector(Certificates.NotAllowed.selector, STRANGER));
        sent(buyer, address(certificates), call);
        same(certificates.balanceOf(buyer, it), 1500, "gone");
        same(certificates.retired(it), 1000, "retired");
        call = retiring(1501, "the town");
        refused(
            buyer,
            address(certificates),
            call,
            Certificates.ERC1155InsufficientBalance.selector
        );
        bytes memory approve = abi.encodeCall(Certificates.setApprovalForAll, (STRANGER, true));
        sent(buyer, address(certificates), approve);
        sent(STRANGER, address(certificates), retiring(500, "the town"));
        same(certificates.retired(it), 1500, "by who was approved");
        // And what was certified is not certified anew.
        refusedFor(issuing(0), with(Certificates.AlreadyCertified.selector, tradeOf(id, 0)));
    }

    function test_BadBeneficiary() public {
        vm.warp(RELEASE);
        issue(0);
        bytes memory reason = abi.encodeWithSelector(Certificates.BadBeneficiary.selector);
        refused(buyer, address(certificates), retiring(1, ""), reason);
        refused(buyer, address(certificates), retiring(1, string(new bytes(201))), reason);
        sent(buyer, address(certificates), retiring(1, string(new bytes(200))));
    }

    function test_retirement_by_signature() public {
        vm.warp(RELEASE);
        uint256 it = issue(0);
        bytes memory signature = sign(buyer, retirement());
        bytes memory reason = abi.encodeWithSelector(Certificates.NotSigned.selector, buyer);
        refusedFor(retiringFor("another town", LAST, signature), reason);
        refusedFor(retiringFor("the town", LAST + 1, signature), reason);
        bytes memory call = retiringFor("the town", LAST, signature);
        sent(STRANGER, address(certificates), call);
        refusedFor(call, abi.encodeWithSelector(Certificates.NonceAlreadyUsed.selector, 9));
        same(certificates.retired(it), 700, "once");
    }

    /// What the buyer signs to retire 700 Wh for the town.
    function retirement() private view returns (bytes32 hash) {
        hash = keccak256(
            "Retirement(address account,uint256 certificate,uint256 amount,string beneficiary,"
            "uint256 nonce,uint64 expiry)"
        );
        bytes32 town = keccak256("the town");
        return typedHere(keccak256(abi.encode(hash, buyer, certificateId(), 700, town, 9, LAST)));
    }

    function retiringFor(
        string memory beneficiary,
        uint64 expiry,
        bytes memory signature
    ) private view returns (bytes memory) {
        return
            abi.encodeCall(
                Certificates.retireFor,
                (buyer, certificateId(), 700, beneficiary, 9, expiry, signature)
            );
    }
}
