//! Why a document is refused, and which of its fields is at fault.

use units::{Money, Overflow};

/// A document that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rejection}")]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// The field, as in JSON: `lines[2].price.amount`.
    pub path: String,
}

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Over a limit.
    #[error("{got} {what} are more than {max}")]
    Size {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// Not JSON, or a field that is missing, unknown or of another kind.
    #[error("{0}")]
    Json(String),
    /// Something that must be there is not.
    #[error("this is missing: {0}")]
    Missing(&'static str),
    /// Not what it should be.
    #[error("this is not {0}")]
    Value(&'static str),
    /// Parts do not make up the whole.
    #[error("this is {got}, but what it follows from makes {expected}")]
    Sum {
        /// What the document says.
        got: Money,
        /// What follows.
        expected: Money,
    },
    /// A rule of the value-added tax.
    #[error("{rule}: {message}")]
    Tax {
        /// The rule of EN 16931.
        rule: &'static str,
        /// What it asks for.
        message: &'static str,
    },
    /// An amount does not fit.
    #[error("the amount does not fit")]
    Overflow,
    /// It is in order, but EN 16931 has no way to say it.
    #[error("EN 16931 cannot say this: {0}")]
    Inexpressible(&'static str),
}

impl Rejection {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::Size { .. } => "DOCUMENT_SIZE",
            Rejection::Json(_) => "DOCUMENT_JSON",
            Rejection::Missing(_) => "DOCUMENT_MISSING",
            Rejection::Value(_) => "DOCUMENT_VALUE",
            Rejection::Sum { .. } => "DOCUMENT_SUM",
            Rejection::Tax { .. } => "DOCUMENT_TAX",
            Rejection::Overflow => "DOCUMENT_OVERFLOW",
            Rejection::Inexpressible(_) => "DOCUMENT_INEXPRESSIBLE",
        }
    }

    /// The rejection of the field at `path`.
    pub(crate) fn at(self, path: impl Into<String>) -> Rejected {
        Rejected { rejection: self, path: path.into() }
    }
}

impl From<Overflow> for Rejection {
    fn from(_: Overflow) -> Rejection {
        Rejection::Overflow
    }
}
