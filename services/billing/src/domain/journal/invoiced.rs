//! What an invoice leaves to be paid, in the books.
//!
//! The chain has moved the money of trades, exactly and entry by entry. The rest of an invoice is
//! owed by the customer to the retailer, in whole minor units; what rounding makes of the exact
//! amounts is 2150 Rounding. So an invoice equals its postings to the last digit (I9).

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

use super::{Account, JournalError, Moves};
use crate::domain::bill::Invoice;
use crate::domain::correction::Correction;

/// What an invoice leaves to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoiced {
    /// The invoice's number.
    pub number: String,
    /// The address of the account.
    pub account: Address,
    /// What the account still pays, in whole minor units; below zero it gets that.
    pub due: Money,
    /// The exact amount of the lines that the chain did not move: the retailer's.
    pub retailer: Money,
}

impl Invoiced {
    /// What `invoice` leaves to be paid.
    ///
    /// # Errors
    /// When the sum of its lines does not fit.
    pub fn of(invoice: &Invoice) -> Result<Invoiced, Overflow> {
        let lines = invoice.lines.iter().filter(|line| !line.class.on_chain());
        Ok(Invoiced {
            number: invoice.number.clone(),
            account: invoice.address,
            due: invoice.due,
            retailer: Money::sum(lines.map(|line| line.exact))?,
        })
    }

    /// What rounding added: its part of what is due.
    pub fn rounding(&self) -> i128 {
        i128::from(self.due.n()) - i128::from(self.retailer.n())
    }
}

/// What a correction adds to what its invoice leaves to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// The correction's number.
    pub number: String,
    /// The invoice's number.
    pub invoice: String,
    /// What the invoice is of after it.
    pub standing: Invoiced,
}

impl Corrected {
    /// What `correction` makes of its invoice.
    ///
    /// # Errors
    /// When the sum of its lines does not fit.
    pub fn of(correction: &Correction) -> Result<Corrected, Overflow> {
        Ok(Corrected {
            number: correction.number.clone(),
            invoice: correction.corrects.number.clone(),
            standing: Invoiced::of(&correction.right)?,
        })
    }
}

impl Moves {
    /// The difference to what was posted of the invoice before.
    pub(super) fn corrected(
        &mut self,
        before: &Invoiced,
        after: &Invoiced,
    ) -> Result<(), JournalError> {
        let owed = Account::Receivable(after.account);
        let growth = i128::from(after.retailer.n()) - i128::from(before.retailer.n());
        self.exact(owed.clone(), Account::Retailer, growth)?;
        self.exact(owed, Account::Rounding, after.rounding() - before.rounding())
    }

    pub(super) fn invoiced(&mut self, of: &Invoiced) -> Result<(), JournalError> {
        let owed = Account::Receivable(of.account);
        self.money(owed.clone(), Account::Retailer, of.retailer)?;
        self.exact(owed, Account::Rounding, of.rounding())
    }
}
