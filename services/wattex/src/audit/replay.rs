//! A whole journal made into books again, and the rules that books have to keep.
//!
//! The energy of all slots is kept until the end, some hundred bytes for each connection point and
//! slot: a correction can come to any of them. Absent: I9, which needs the invoices, and what the
//! market's contract holds, which the chain says.

use billing::domain::journal::{Entry, Verified, Violation};

/// The books as far as the entries were taken.
#[derive(Debug)]
pub(super) enum Replay {
    /// Of a journal from its first entry on.
    Whole(Box<Verified>),
    /// Of a part there are no books.
    Part,
}

impl Default for Replay {
    fn default() -> Replay {
        Replay::Whole(Box::new(Verified::keeping_slots()))
    }
}

impl Replay {
    /// Takes the next entry; `is_whole`: no entry before it is missing.
    pub(super) fn take(&mut self, entry: &Entry, is_whole: bool) -> Result<(), &'static str> {
        match self {
            Replay::Whole(books) if is_whole => match books.next(entry) {
                Ok(()) => Ok(()),
                Err(Violation::I10(_)) => {
                    Err("changes the supply of money without a deposit or withdrawal (I10)")
                }
                Err(_) => Err("is of a trade that is not there, or there twice (I8)"),
            },
            _ => {
                *self = Replay::Part;
                Ok(())
            }
        }
    }

    /// Says what the books keep and what they do not; whether all of I1 to I7 hold, or nothing can
    /// be said.
    pub(super) fn holds(&self) -> bool {
        let Replay::Whole(books) = self else {
            println!("not checked: the rules I1 to I10, which books of a whole journal keep");
            return true;
        };
        let found = books.violations();
        for violation in &found {
            println!("{violation}");
        }
        // What nobody can explain is in the books as such: they say so themselves.
        let broken = found.iter().any(|one| !matches!(one, Violation::Suspense(_)));
        if !broken {
            println!("I1 to I8 and I10 hold in the books that these entries make");
        }
        println!("not checked: I9, which needs the invoices, and what the contract holds (I3)");
        !broken
    }
}
