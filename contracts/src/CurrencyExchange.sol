// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity 0.8.37;

import {EnergyMarket} from "./EnergyMarket.sol";
import {CashTransfer} from "./Types.sol";

/// Exchanges cash of one market for cash of another, whose token is another currency: two linked
/// transfers, of which both are made or none.
///
/// Each side signs its transfer for this contract and with the hash of the quote, so that neither
/// transfer can be made without the other, at another rate or after the quote expired.
contract CurrencyExchange {
    /// What a dealer offers an account: `given` of the one currency for `taken` of the other, both
    /// in 1e-9 currency.
    struct Quote {
        EnergyMarket from;
        EnergyMarket to;
        address account;
        address dealer;
        uint256 given;
        uint256 taken;
        uint64 expiry;
        uint256 accountNonce;
        uint256 dealerNonce;
    }

    event Exchanged(
        bytes32 indexed quote,
        address indexed account,
        address indexed dealer,
        uint256 given,
        uint256 taken
    );

    /// Makes both transfers of a quote; anyone may send it.
    function exchange(
        Quote calldata quote,
        bytes calldata accountSignature,
        bytes calldata dealerSignature
    ) external {
        bytes32 id = quoteId(quote);
        emit Exchanged(id, quote.account, quote.dealer, quote.given, quote.taken);
        quote.from.transferFor(
            CashTransfer(
                quote.account,
                quote.dealer,
                quote.given,
                quote.accountNonce,
                quote.expiry,
                address(this),
                id
            ),
            accountSignature
        );
        quote.to.transferFor(
            CashTransfer(
                quote.dealer,
                quote.account,
                quote.taken,
                quote.dealerNonce,
                quote.expiry,
                address(this),
                id
            ),
            dealerSignature
        );
    }

    /// The name of a quote, which both transfers carry.
    function quoteId(Quote calldata quote) public pure returns (bytes32) {
        return keccak256(abi.encode(quote));
    }
}
