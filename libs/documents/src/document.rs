//! A checked document, and its JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use units::Money;

use crate::check;
use crate::tax::reckon;
use crate::{Content, JSON_BYTES_MAX, Rejected, Rejection, Tax, Totals};

/// A document whose every amount follows. Plain text in, plain data out: see [`Content`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    #[serde(flatten)]
    content: Content,
    taxes: Vec<Tax>,
    totals: Totals,
}

impl Document {
    /// Checks the content and reckons its taxes and totals.
    ///
    /// # Errors
    /// [`Rejected`]: the first field at fault.
    pub fn issue(content: Content) -> Result<Document, Rejected> {
        check::content(&content)?;
        let reckoned = reckon(&content).map_err(|overflow| Rejection::from(overflow).at("totals"));
        let (taxes, totals) = reckoned?;
        let document = Document { content, taxes, totals };
        check::document(&document)?;
        Ok(document)
    }

    /// The document in a JSON text. `taxes` and `totals` may be left out; where they are there,
    /// they have to be right.
    ///
    /// # Errors
    /// [`Rejected`]: the first field at fault.
    pub fn from_json(json: &[u8]) -> Result<Document, Rejected> {
        if json.len() > JSON_BYTES_MAX {
            let (got, max) = (json.len(), JSON_BYTES_MAX);
            return Err(Rejection::Size { what: "bytes", got, max }.at("document"));
        }
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| Rejection::Json(error.to_string()).at("document"))?;
        let Value::Object(mut fields) = value else {
            return Err(Rejection::Json("this is not an object".to_owned()).at("document"));
        };
        let (taxes, totals) = (fields.remove("taxes"), fields.remove("totals"));
        let document = Document::issue(parsed("", Value::Object(fields))?)?;
        if let Some(taxes) = taxes {
            let said: Vec<Tax> = parsed("taxes", taxes)?;
            compare_taxes(&said, &document.taxes)?;
        }
        if let Some(totals) = totals {
            let said: Totals = parsed("totals", totals)?;
            compare_totals(&said, &document.totals)?;
        }
        Ok(document)
    }

    /// The whole of it as JSON, indented, fields in the order of [`Content`].
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a document is plain data")
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Tax per category and rate.
    pub fn taxes(&self) -> &[Tax] {
        &self.taxes
    }

    /// The totals.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

fn parsed<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, Rejected> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match (place, error.path().to_string().as_str()) {
            ("", ".") => "document".to_owned(),
            ("", path) => path.to_owned(),
            (place, ".") => place.to_owned(),
            (place, path) if path.starts_with('[') => format!("{place}{path}"),
            (place, path) => format!("{place}.{path}"),
        };
        Rejection::Json(error.inner().to_string()).at(path)
    })
}

fn compare_taxes(said: &[Tax], expected: &[Tax]) -> Result<(), Rejected> {
    if said.len() != expected.len() {
        return Err(Rejection::Value("one entry for each rate of the lines").at("taxes"));
    }
    for (place, (said, right)) in said.iter().zip(expected).enumerate() {
        if said.rate != right.rate {
            return Err(Rejection::Value("the rate that follows here from the lines")
                .at(format!("taxes[{place}].rate")));
        }
        equal(said.base, right.base, || format!("taxes[{place}].base"))?;
        equal(said.amount, right.amount, || format!("taxes[{place}].amount"))?;
    }
    Ok(())
}

fn compare_totals(said: &Totals, right: &Totals) -> Result<(), Rejected> {
    for (name, said, right) in [
        ("lines", said.lines, right.lines),
        ("allowances", said.allowances, right.allowances),
        ("charges", said.charges, right.charges),
        ("net", said.net, right.net),
        ("tax", said.tax, right.tax),
        ("gross", said.gross, right.gross),
        ("paid", said.paid, right.paid),
        ("rounding", said.rounding, right.rounding),
        ("payable", said.payable, right.payable),
    ] {
        equal(said, right, || format!("totals.{name}"))?;
    }
    Ok(())
}

fn equal(got: Money, expected: Money, path: impl Fn() -> String) -> Result<(), Rejected> {
    if got == expected { Ok(()) } else { Err(Rejection::Sum { got, expected }.at(path())) }
}
