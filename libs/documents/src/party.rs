//! Who issues a document and who receives it.

use serde::{Deserialize, Serialize};

use crate::{Rejected, check};

/// A company or a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// What the other side knows it by: an account, a customer number, a register (BT-29, BT-46).
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Where electronic documents reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electronic_address: Option<ElectronicAddress>,
    /// VAT identification number with its country in front, `DE123456789` (BT-31, BT-48).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
    /// Number at the tax office where there is no VAT number (BT-32).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_registration: Option<String>,
    /// Number in the register of companies (BT-30, BT-47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_registration: Option<String>,
    /// An e-mail address for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A telephone number for questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Party {
    /// Whether a document can name it.
    ///
    /// # Errors
    /// [`Rejected`]: the first field at fault.
    pub fn check(&self) -> Result<(), Rejected> {
        check::party(self, "party")
    }
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// City, town or village.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// State or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ISO 3166-1, two capital letters.
    pub country: String,
}

/// An address of the electronic kind (BT-34, BT-49).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectronicAddress {
    /// Code of the scheme in the list EAS: `EM` for e-mail, `0088` for a GLN.
    pub scheme: String,
    /// The address in it.
    pub value: String,
}
