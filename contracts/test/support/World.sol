// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {CashTransfer, Clearing, Mandate, Order, Policy, Terms} from "../../src/Types.sol";
import {Mandates, Market, Roles, Token} from "./Contracts.sol";
import {Test} from "./Test.sol";

/// A buyer's and a seller's order, and how much of both is filled. The prices are those of the
/// fill where its clearing has two for each.
struct Pair {
    Order buy;
    Order sell;
    uint64 quantity;
    uint64 buyPrice;
    uint64 sellPrice;
}

/// A market with its token and a few accounts whose keys are known.
///
/// The worked example of the repository: 5000 Wh at 18 ct, network 1.0 ct, platform 0.2 ct on each
/// side, retail 30 ct, feed-in 8 ct.
abstract contract World is Test {
    uint64 internal constant SLOT = 1_750_000_500;
    uint32 internal constant SLOT_SECONDS = 900;
    uint64 internal constant END = SLOT + SLOT_SECONDS;
    /// The UTC day of the slot.
    uint32 internal constant DAY = 20_254;
    uint64 internal constant CORRECTIONS_END = END + 8 days;
    uint64 internal constant RELEASE = CORRECTIONS_END + 3 days;
    uint32 internal constant WITHDRAWAL_DELAY = 1 days;
    uint256 internal constant CHAIN_ID = 4711;

    uint64 internal constant ESCROW = 960_000_000;
    uint64 internal constant COLLATERAL = 540_000_000;

    bytes32 internal constant ORDER_TYPEHASH =
        keccak256(
            "Order(address account,uint8 side,uint64 slot,uint64 quantity,uint64 limitPrice,"
            "uint64 minFill,bytes32 community,bytes32 zone,bytes32 connectionPoint,bytes32 policy,"
            "address delegate,uint256 nonce,uint64 expiry)"
        );

    /// Holds every role.
    address internal constant OPERATOR = address(0x0f);
    address internal constant STRANGER = address(0x99);
    /// Stands for the contract that judges evidence.
    address internal constant CHALLENGES = address(0xca);
    address internal constant NETWORK = address(0xf1);
    address internal constant PLATFORM = address(0xf2);
    address internal constant DIFFERENCE = address(0xf3);
    address internal constant BALANCE = address(0xf4);

    bytes32 internal constant WITHDRAWAL_TYPEHASH =
        keccak256("Withdrawal(address account,uint256 amount,uint256 nonce,uint64 expiry)");
    bytes32 internal constant TRANSFER_TYPEHASH =
        keccak256(
            "CashTransfer(address account,address to,uint256 amount,uint256 nonce,uint64 expiry,"
            "address sender,bytes32 link)"
        );
    bytes32 internal constant MANDATE_TYPEHASH =
        keccak256(
            "Mandate(address account,address delegate,bytes32 policy,uint64 until,"
            "uint64 buyPriceMax,uint64 sellPriceMin,uint64 quantityPerSlot,uint64 quantityPerDay,"
            "uint64 version,uint64 expiry)"
        );
    bytes32 internal constant REDEMPTION_TYPEHASH =
        keccak256(
            "Redemption(address account,uint256 amount,bytes32 destination,uint256 nonce,"
            "uint64 expiry)"
        );

    Token internal token;
    Market internal market;
    mapping(address account => uint256) internal keyOf;
    uint256 private _payments;

    function _begin() internal {
        vm.chainId(CHAIN_ID);
        vm.warp(SLOT - 600);
        token = newToken("CHF");
        market = newMarket();
    }

    function newToken(string memory currency) internal returns (Token made) {
        made = Token(deployed("SettlementToken", abi.encode(OPERATOR, currency)));
        grant(made, "MINTER");
    }

    function newMarket() internal returns (Market made) {
        return newMarket(CHALLENGES);
    }

    /// A market where this contract judges evidence, the second contract that is made here: its
    /// mandates are the first.
    function newMarket(address judge) internal returns (Market made) {
        return newMarket(judge, WITHDRAWAL_DELAY);
    }

    function newMarket(address judge, uint32 delay) internal returns (Market made) {
        address next = nextAddress(1);
        address granted = deployed("TradingMandate", abi.encode(next));
        bytes memory arguments = abi.encode(token, OPERATOR, delay, judge, granted);
        made = Market(deployed("EnergyMarket", arguments));
        same(address(made), next, "where its mandates expect it");
        grant(made, "CLEARER");
        grant(made, "RECONCILER");
        grant(made, "POLICY");
        grant(made, "PAUSER");
    }

    /// Where this contract makes the next but `later`.
    function nextAddress(uint256 later) internal view returns (address) {
        return vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + later);
    }

    function deployed(string memory name, bytes memory arguments) internal returns (address) {
        return vm.deployCode(string.concat(name, ".sol:", name), arguments);
    }

    function grant(Roles roles, string memory role) internal {
        bytes memory call = abi.encodeCall(Roles.grantRole, (keccak256(bytes(role)), OPERATOR));
        sent(OPERATOR, address(roles), call);
    }

    /// The account with this number.
    function account(uint256 number) internal returns (address made) {
        uint256 key = uint256(keccak256(abi.encode("key", number)));
        made = vm.addr(key);
        keyOf[made] = key;
    }

    /// Gives an account free cash.
    function fund(address to, uint256 amount) internal {
        fund(market, token, to, amount);
    }

    function fund(Market in_, Token of_, address to, uint256 amount) internal {
        bytes32 payment = bytes32(++_payments);
        sent(OPERATOR, address(of_), abi.encodeCall(Token.mint, (OPERATOR, amount, payment)));
        sent(OPERATOR, address(of_), abi.encodeCall(Token.approve, (address(in_), amount)));
        sent(OPERATOR, address(in_), abi.encodeCall(Market.depositFor, (to, amount, payment)));
    }

    function policy() internal pure returns (Policy memory terms) {
        terms.community = "community";
        terms.zone = "zone";
        terms.slotSeconds = SLOT_SECONDS;
        terms.networkFee = 10_000;
        terms.buyerFee = 2_000;
        terms.sellerFee = 2_000;
        terms.retailPriceMax = 400_000;
        terms.feedInPriceMin = 20_000;
        terms.toleranceBps = 1_000;
        terms.toleranceWh = 50;
        (terms.sellerShort, terms.buyerShort) = (1, 1);
        terms.imbalancePrice = 40_000;
        terms.correctionSeconds = 8 days;
        terms.challengeSeconds = 3 days;
        terms.networkAccount = NETWORK;
        terms.platformAccount = PLATFORM;
        terms.differenceAccount = DIFFERENCE;
        terms.balanceAccount = BALANCE;
    }

    function idOf(Policy memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }

    function register(Policy memory terms) internal returns (bytes32) {
        sent(OPERATOR, address(market), abi.encodeCall(Market.registerPolicy, (terms)));
        return idOf(terms);
    }

    /// A clearing at 18 ct, retail 30 ct, feed-in 8 ct; without fills yet.
    function clearing(Policy memory terms) internal pure returns (Clearing memory result) {
        result.policy = idOf(terms);
        result.slot = SLOT;
        result.mechanism = 1;
        result.price = 180_000;
        result.retailPrice = 300_000;
        result.feedInPrice = 80_000;
        result.volume = 5000;
        result.journalRoot = bytes32(uint256(7));
    }

    function termsOf(Policy memory terms) internal pure returns (Terms memory) {
        return Terms(clearing(terms), terms);
    }

    /// An order for 5000 Wh that the clearing at 18 ct just fills.
    function order(address of_, uint8 side, uint256 nonce) internal pure returns (Order memory) {
        Policy memory terms = policy();
        return
            Order({
                account: of_,
                side: side,
                slot: SLOT,
                quantity: 5000,
                limitPrice: side == 0 ? 192_000 : 178_000,
                minFill: 0,
                community: terms.community,
                zone: terms.zone,
                connectionPoint: bytes32(uint256(uint160(of_))),
                policy: idOf(terms),
                delegate: address(0),
                nonce: nonce,
                expiry: END
            });
    }

    function pair(
        address buyer,
        address seller,
        uint256 nonce
    ) internal pure returns (Pair memory) {
        return Pair(order(buyer, 0, nonce), order(seller, 1, nonce), 5000, 180_000, 180_000);
    }

    function single(Pair memory one) internal pure returns (Pair[] memory all) {
        all = new Pair[](1);
        all[0] = one;
    }

    /// EIP-712, written down once more.
    function domain(string memory name, address contract_) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(
                        "EIP712Domain(string name,string version,uint256 chainId,"
                        "address verifyingContract)"
                    ),
                    keccak256(bytes(name)),
                    keccak256("1"),
                    block.chainid,
                    contract_
                )
            );
    }

    function typed(bytes32 structHash) internal view returns (bytes32) {
        return typed(structHash, market);
    }

    function typed(bytes32 structHash, Market of_) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", marketDomain(of_), structHash));
    }

    function marketDomain(Market of_) internal view virtual returns (bytes32) {
        return domain("Wattex EnergyMarket", address(of_));
    }

    function hashOf(Order memory terms) internal view returns (bytes32) {
        return typed(keccak256(abi.encode(ORDER_TYPEHASH, terms)));
    }

    /// What an account signs to take cash out of trading.
    function withdrawalOf(
        address of_,
        uint256 amount,
        uint256 nonce,
        uint64 expiry
    ) internal view returns (bytes32) {
        return typed(keccak256(abi.encode(WITHDRAWAL_TYPEHASH, of_, amount, nonce, expiry)));
    }

    /// The call that takes an account's cash out of trading until the slot ends, as `signer` signs.
    function withdrawing(
        address of_,
        uint256 amount,
        uint256 nonce,
        address signer
    ) internal view returns (bytes memory) {
        bytes memory signature = sign(signer, withdrawalOf(of_, amount, nonce, END));
        return
            abi.encodeCall(Market.requestWithdrawalFor, (of_, amount, nonce, END, signature));
    }

    /// What an account signs to give another cash in a market.
    function hashOf(CashTransfer memory what, Market in_) internal view returns (bytes32) {
        return typed(keccak256(abi.encode(TRANSFER_TYPEHASH, what)), in_);
    }

    function mandates() internal view virtual returns (Mandates) {
        return market.mandates();
    }

    /// What an account signs to grant a mandate, in another domain than its orders.
    function hashOf(
        address of_,
        address delegate,
        Mandate memory mandate,
        uint64 expiry,
        Mandates in_
    ) internal view returns (bytes32) {
        bytes32 hash = keccak256(abi.encode(MANDATE_TYPEHASH, of_, delegate, mandate, expiry));
        return keccak256(abi.encodePacked(hex"1901", mandateDomain(in_), hash));
    }

    /// What an account signs to destroy tokens, to be paid out to what `destination` stands for.
    function redemptionOf(
        address of_,
        uint256 amount,
        bytes32 destination,
        uint256 nonce,
        uint64 expiry
    ) internal view returns (bytes32 hash) {
        hash = keccak256(
            abi.encode(REDEMPTION_TYPEHASH, of_, amount, destination, nonce, expiry)
        );
        return keccak256(abi.encodePacked(hex"1901", tokenDomain(), hash));
    }

    function tokenDomain() internal view virtual returns (bytes32) {
        return domain("Wattex SettlementToken", address(token));
    }

    function mandateDomain(Mandates of_) internal view virtual returns (bytes32) {
        return domain("Wattex TradingMandate", address(of_));
    }

    /// A mandate in which the orders of {order} just are.
    function limits(uint64 version) internal pure returns (Mandate memory m) {
        (m.policy, m.until, m.version) = (idOf(policy()), END, version);
        (m.buyPriceMax, m.sellPriceMin) = (192_000, 178_000);
        (m.quantityPerSlot, m.quantityPerDay) = (5000, 5000);
    }

    /// Lets a delegate sign for an account.
    function grantTo(address of_, address delegate, Mandate memory m) internal {
        sent(of_, address(mandates()), abi.encodeCall(Mandates.grant, (delegate, m)));
    }

    /// Makes an order one of a delegate: the only one of its slot and side.
    function delegated(Order memory one, address delegate) internal pure {
        one.delegate = delegate;
        one.nonce = (uint256(uint160(delegate)) << 96) + 2 * (one.slot / SLOT_SECONDS) + one.side;
    }

    /// 64 bytes, EIP-2098.
    function sign(address signer, bytes32 hash) internal view virtual returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(keyOf[signer], hash);
        return abi.encodePacked(r, vs);
    }

    function list(address a) internal pure returns (address[] memory all) {
        all = new address[](1);
        all[0] = a;
    }
}
