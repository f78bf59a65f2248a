//! A bill for people: the pages of a [`Document`], and for machines its XML inside.
//!
//! ```text
//! Document, Locale ─► bill     what stands on the pages, in the order it is read
//!                  ─► sheet    where it stands: pages, breaks, heads that are repeated
//!                  ─► paint    PDF/A-3a and PDF/UA-1, tagged; the XML of `documents` attached
//! ```
//!
//! Invariants: the same document and language give the same bytes; every line with all its texts
//! is on the pages and comes out again when it is copied; amounts are written by `documents`.
//! A character that the fonts do not have (they have Latin, Greek and Cyrillic) is shown as �, can
//! still be copied, and is named in [`Pdf::missing`].
//! Deliberately absent: images and logos, right-to-left and Indic scripts, paper other than A4,
//! signatures, the XML of ZUGFeRD and Factur-X (CII): what is attached is UBL.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod bill;
mod face;
mod paint;
mod sheet;

use documents::{Document, Locale, Rejected, Rejection, ubl};

/// The most pages of a bill. A document of the largest size that is read fits.
pub const PAGES_MAX: usize = 600;
/// The name of the attached XML.
pub const XML_NAME: &str = "en16931-ubl.xml";

/// A bill as PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many pages it has.
    pub pages: usize,
    /// Whether the XML is attached: not where EN 16931 cannot say the document, which is where its
    /// currency has more than two decimals.
    pub has_xml: bool,
    /// Characters that the fonts do not have, in order: a � stands for each.
    pub missing: Vec<char>,
}

/// Why there is no PDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// Too long.
    #[error("the bill takes more than {PAGES_MAX} pages")]
    Pages,
    /// Its XML cannot be written.
    #[error("writing its XML: {0}")]
    Xml(Rejected),
    /// What was drawn breaks a rule of PDF/A-3a or PDF/UA-1.
    #[error("writing PDF/A-3a: {0}")]
    Rule(String),
}

impl PdfError {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            PdfError::Pages => "PDF_PAGES",
            PdfError::Xml(_) => "PDF_XML",
            PdfError::Rule(_) => "PDF_RULE",
        }
    }
}

/// The document as PDF/A-3a, its texts in the language of `locale`.
///
/// # Errors
/// [`PdfError`]: it is too long, or breaks a rule.
pub fn write(document: &Document, locale: &Locale) -> Result<Pdf, PdfError> {
    let xml = match ubl::write(document, locale) {
        Ok(xml) => Some(xml),
        Err(Rejected { rejection: Rejection::Inexpressible(_), .. }) => None,
        Err(rejected) => return Err(PdfError::Xml(rejected)),
    };
    let (sheet, missing) = bill::laid_out(document, locale);
    if sheet.pages.len() > PAGES_MAX {
        return Err(PdfError::Pages);
    }
    let (pages, has_xml) = (sheet.pages.len(), xml.is_some());
    let bytes = paint::painted(sheet, document.content(), locale, xml)?;
    Ok(Pdf { bytes, pages, has_xml, missing })
}
