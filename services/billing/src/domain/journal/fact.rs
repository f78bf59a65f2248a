//! What the journal is told.

use alloy_primitives::{Address, B256};
use calendar::Timestamp;
use contracts::{OutcomeError, Reconciled, Terms};
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use units::{Energy, Money};

use super::{Account, Corrected, Invoiced};

/// What of a settlement the journal needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The trade's hash on chain.
    pub trade: B256,
    /// Address of the buyer.
    pub buyer: Address,
    /// Address of the seller.
    pub seller: Address,
    /// Where the energy is taken out.
    pub buyer_point: ConnectionPointId,
    /// Where the energy is fed in.
    pub seller_point: ConnectionPointId,
    /// Start of the slot of delivery.
    pub slot: Timestamp,
    /// Number of the UTC day of the slot.
    pub day: u32,
    /// Cash of the buyer that is held for the trade.
    pub escrow: Money,
    /// Cash of the seller that is held for the trade.
    pub collateral: Money,
    /// What its money depends on.
    pub terms: Terms,
    /// Who gets the network fee.
    pub network_account: Address,
    /// Who gets the platform fees.
    pub platform_account: Address,
    /// Who gets what the buyer pays above what the seller gets.
    pub difference_account: Address,
    /// Who gets what is paid at an imbalance price.
    pub balance_account: Address,
}

/// Where a trade's money goes, in total after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Delivered energy.
    pub delivered: Energy,
    /// To the seller for delivered energy, after the seller's fee.
    pub seller_net: Money,
    /// To the network.
    pub network: Money,
    /// To the platform, both sides' fees.
    pub platform: Money,
    /// To the community's pot: what the buyer pays above what the seller gets.
    pub difference: Money,
    /// To the balance account, out of the escrow, for energy the buyer did not take.
    pub buyer_imbalance: Money,
    /// To the balance account, out of the collateral, for energy the seller did not deliver.
    pub seller_imbalance: Money,
    /// To the seller, out of the escrow, for energy the buyer did not take.
    pub compensation: Money,
    /// Back to the buyer.
    pub refund: Money,
    /// To the buyer, out of the collateral, for energy the seller did not deliver.
    pub make_whole: Money,
    /// Back to the seller.
    pub collateral_back: Money,
}

impl Totals {
    /// Where the money of a trade goes after a run.
    pub fn of(terms: &Terms, run: &Reconciled) -> Result<Self, OutcomeError> {
        let Reconciled { delivered, seller_short, buyer_short, .. } = *run;
        let outcome = contracts::outcome(terms, delivered, seller_short, buyer_short)?;
        let of_seller = seller_short > Energy::ZERO;
        let imbalance = |is_ours: bool| if is_ours { outcome.imbalance } else { Money::ZERO };
        Ok(Totals {
            delivered,
            seller_net: outcome.seller_net,
            network: outcome.network,
            platform: outcome.platform,
            difference: outcome.difference,
            buyer_imbalance: imbalance(!of_seller),
            seller_imbalance: imbalance(of_seller),
            compensation: outcome.compensation,
            refund: outcome.refund,
            make_whole: outcome.make_whole,
            collateral_back: outcome.collateral_back,
        })
    }
}

/// What happened, as the contract or a meter reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// Money came in and became tokens.
    Minted {
        /// How much.
        amount: Money,
    },
    /// Tokens were credited.
    Deposited {
        /// Whose wallet.
        account: Address,
        /// How much.
        amount: Money,
    },
    /// A trade was accepted by the contract.
    Settled(Box<Settled>),
    /// A run fixed what of a trade was delivered; all amounts are totals.
    Reconciled {
        /// The trade.
        trade: B256,
        /// Totals after the run.
        totals: Totals,
    },
    /// Proceeds of a day left the challenge window.
    Released {
        /// Whose proceeds.
        account: Address,
        /// Number of the UTC day.
        day: u32,
        /// How much.
        amount: Money,
    },
    /// Free money changed hands.
    Transferred {
        /// Whose wallet it left.
        account: Address,
        /// Whose wallet it came to.
        to: Address,
        /// How much.
        amount: Money,
    },
    /// Money left as tokens.
    Withdrawn {
        /// Whose wallet.
        account: Address,
        /// How much.
        amount: Money,
    },
    /// Tokens were destroyed, to be paid out.
    Redeemed {
        /// Whose tokens.
        account: Address,
        /// How much.
        amount: Money,
        /// The hash of where to.
        destination: B256,
    },
    /// The bank paid out what was redeemed.
    PaidOut {
        /// Whose tokens they were.
        account: Address,
        /// How much.
        amount: Money,
    },
    /// What was redeemed and not paid out became tokens again.
    Reissued {
        /// Whose tokens they were.
        account: Address,
        /// How much.
        amount: Money,
    },
    /// Meters' intervals of one slot, in their newest versions.
    Metered {
        /// Start of the slot.
        slot: Timestamp,
        /// Each connection point once.
        intervals: Vec<PointMetered>,
    },
    /// An invoice was issued.
    Invoiced(Invoiced),
    /// An invoice was corrected.
    Corrected(Corrected),
    /// A reminder of an invoice added a fee to what is owed; below zero one was taken back.
    ReminderFee {
        /// The invoice's number.
        number: String,
        /// How much.
        amount: Money,
    },
    /// Money came in for an invoice.
    InvoicePaid {
        /// The invoice's number.
        number: String,
        /// How much of it.
        amount: Money,
    },
    /// An invoice was paid with tokens, which are in the retailer's wallet already; below zero what
    /// the invoice gives back is in the customer's.
    PaidFromWallet {
        /// The invoice's number.
        number: String,
        /// How much of it.
        amount: Money,
    },
}

/// What one meter saw in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointMetered {
    /// Where.
    pub point: ConnectionPointId,
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
}

impl Settled {
    /// Where the seller's part of the security lies.
    pub fn collateral_account(&self) -> Account {
        Account::Collateral(self.seller, self.trade)
    }
}
