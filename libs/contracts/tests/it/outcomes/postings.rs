//! The money of a trade once more, as one would book it by hand: a transfer after the other between
//! accounts with names, and what is left in escrow and collateral goes back. It has nothing of the
//! crate's arithmetic, which bills use, nor of the contract's: neither totals nor prices of a Wh.

use std::collections::BTreeMap;

use contracts::{BuyerRule, Policy, Prices, SellerRule};

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Account {
    Buyer,
    Seller,
    Escrow,
    Collateral,
    Network,
    Platform,
    Difference,
    Balance,
}

use Account::{Balance, Buyer, Collateral, Difference, Escrow, Network, Platform, Seller};

/// What was agreed. Energy in Wh, prices in 1e-9 currency per Wh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal<'a> {
    pub(super) policy: &'a Policy,
    pub(super) prices: Prices,
    pub(super) retail: u64,
    pub(super) feed_in: u64,
    pub(super) quantity: u64,
}

/// What came of it, in Wh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered {
    pub(super) delivered: u64,
    pub(super) seller_short: u64,
    pub(super) buyer_short: u64,
}

/// What every account has more than at first, in 1e-9 currency.
#[derive(Debug, Default)]
pub(super) struct Books(BTreeMap<Account, i128>);

impl Books {
    /// Cash is tied up: all that the buyer may have to pay, and all that the seller may owe.
    pub(super) fn agreed(of: &Deal) -> Books {
        let mut books = Books::default();
        for price in [of.prices.buyer, of.policy.network_fee, of.policy.buyer_fee] {
            books.pay(Buyer, Escrow, of.quantity, price);
        }
        books.pay(Seller, Collateral, of.quantity, of.of_a_missing_wh());
        books
    }

    /// The same once it is known what was delivered; `None` where that is more than was agreed, or
    /// both sides are said to be short.
    pub(super) fn delivered(of: &Deal, wh: Metered) -> Option<Books> {
        let Metered { delivered, seller_short, buyer_short } = wh;
        let all = u128::from(delivered) + u128::from(seller_short) + u128::from(buyer_short);
        if all > u128::from(of.quantity) || (seller_short > 0 && buyer_short > 0) {
            return None;
        }
        let (mut books, policy) = (Books::agreed(of), of.policy);
        books.pay(Escrow, Seller, delivered, of.prices.seller);
        books.pay(Escrow, Difference, delivered, of.prices.buyer - of.prices.seller);
        books.pay(Seller, Platform, delivered, policy.seller_fee);
        books.pay(Escrow, Platform, delivered, policy.buyer_fee);
        books.pay(Escrow, Network, delivered, policy.network_fee);
        if of.costs(seller_short) {
            let to = match policy.seller_short {
                SellerRule::ImbalancePrice => Balance,
                SellerRule::PayActual | SellerRule::MakeWhole => Buyer,
            };
            books.pay(Collateral, to, seller_short, of.of_a_missing_wh());
        }
        if of.costs(buyer_short) {
            match policy.buyer_short {
                BuyerRule::PayActual => {}
                BuyerRule::MakeWhole => {
                    let lost = of.prices.seller.saturating_sub(of.feed_in);
                    books.pay(Escrow, Seller, buyer_short, lost);
                }
                BuyerRule::TakeOrPay => {
                    let net = of.prices.seller - policy.seller_fee;
                    books.pay(Escrow, Seller, buyer_short, net);
                }
                // What there is of the escrow for these Wh, at most.
                BuyerRule::ImbalancePrice => {
                    let price = policy.imbalance_price.min(of.all_in());
                    books.pay(Escrow, Balance, buyer_short, price);
                }
            }
        }
        books.close(Escrow, Buyer);
        books.close(Collateral, Seller);
        Some(books)
    }

    fn pay(&mut self, from: Account, to: Account, wh: u64, price: u64) {
        self.move_cash(from, to, i128::from(wh) * i128::from(price));
    }

    /// Gives back what is left.
    fn close(&mut self, from: Account, to: Account) {
        self.move_cash(from, to, self.of(from));
    }

    fn move_cash(&mut self, from: Account, to: Account, amount: i128) {
        *self.0.entry(from).or_default() -= amount;
        *self.0.entry(to).or_default() += amount;
        for held in [Escrow, Collateral] {
            assert!(self.of(held) >= 0, "more than there is of {held:?}: {self:?}");
        }
    }

    pub(super) fn of(&self, account: Account) -> i128 {
        self.0.get(&account).copied().unwrap_or_default()
    }
}

impl Deal<'_> {
    fn all_in(&self) -> u64 {
        self.prices.buyer + self.policy.network_fee + self.policy.buyer_fee
    }

    /// What a Wh costs a seller that did not deliver it, and so what it posts for each.
    fn of_a_missing_wh(&self) -> u64 {
        match self.policy.seller_short {
            SellerRule::PayActual => 0,
            SellerRule::MakeWhole => self.retail.saturating_sub(self.all_in()),
            SellerRule::ImbalancePrice => self.policy.imbalance_price,
        }
    }

    /// Whether so much is more than nobody minds: more than the share, and more than the Wh.
    pub(super) fn costs(&self, short: u64) -> bool {
        let share = u128::from(self.quantity) * u128::from(self.policy.tolerance_bps);
        u128::from(short) * 10_000 > share && short > u64::from(self.policy.tolerance_wh)
    }
}
