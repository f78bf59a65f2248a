//! Why a statement is not believed, and where in the file.

use units::Money;

use crate::Currency;

/// A statement that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rejection} (line {line}, {path})")]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// Where, from one on.
    pub line: usize,
    /// Where, as names of elements: `Document/BkToCstmrStmt/Stmt/Ntry[2]/Amt`.
    pub path: String,
}

/// Why a statement is not believed, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Over a limit.
    #[error("{got} {what} are more than {max}")]
    Size {
        /// What is counted.
        what: &'static str,
        /// How many there are, as far as they were counted.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// Not well-formed XML in UTF-8.
    #[error("this is not XML as it should be: {0}")]
    Xml(String),
    /// A document type or an entity of its own.
    #[error("document types and entities are not read")]
    Entity,
    /// Another message than camt.053, or a version that is not read.
    #[error("the namespace is not that of camt.053.001.02 or camt.053.001.08 but {0:?}")]
    Kind(String),
    /// None, or more than one.
    #[error("a file has one statement, not {0}")]
    Statements(usize),
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// Something that is there once is there twice.
    #[error("{0} is there more than once")]
    Repeated(String),
    /// Something else than it says.
    #[error("this is not {0}")]
    Value(&'static str),
    /// No amount, or one that does not fit.
    #[error("this is not an amount, or is too large")]
    Amount,
    /// In another currency than the account.
    #[error("this is not in {0}, as the account is")]
    Currency(Currency),
    /// The parts are not the whole.
    #[error("the sum is {got} where the file says {expected}")]
    Sum {
        /// What the parts come to.
        got: Money,
        /// What the file says.
        expected: Money,
    },
}

impl Rejection {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Size { .. } => "STATEMENT_SIZE",
            Rejection::Xml(_) => "STATEMENT_XML",
            Rejection::Entity => "STATEMENT_ENTITY",
            Rejection::Kind(_) => "STATEMENT_KIND",
            Rejection::Statements(_) => "STATEMENT_COUNT",
            Rejection::Missing(_) => "STATEMENT_MISSING",
            Rejection::Repeated(_) => "STATEMENT_REPEATED",
            Rejection::Value(_) => "STATEMENT_VALUE",
            Rejection::Amount => "STATEMENT_AMOUNT",
            Rejection::Currency(_) => "STATEMENT_CURRENCY",
            Rejection::Sum { .. } => "STATEMENT_SUM",
        }
    }
}

impl Rejected {
    /// Of the file as a whole.
    pub(super) fn whole(rejection: Rejection) -> Rejected {
        Rejected { rejection, line: 1, path: "the file".to_owned() }
    }
}
