//! XML, an element on each line.

use quick_xml::escape::escape;
use units::Money;

use super::amount;

const INDENT: &str = "  ";
const AGGREGATE: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const BASIC: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";

/// A document that is being written. Names begin with `cac:` (groups) or `cbc:` (texts).
pub(super) struct Writer {
    xml: String,
    depth: usize,
    currency: String,
}

impl Writer {
    /// An open `root`; amounts are in `currency`.
    pub(super) fn new(root: &str, currency: &str) -> Writer {
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:{root}-2\"\n\
             {INDENT}xmlns:cac=\"{AGGREGATE}\"\n\
             {INDENT}xmlns:cbc=\"{BASIC}\">\n"
        );
        Writer { xml, depth: 1, currency: currency.to_owned() }
    }

    /// A group with what `inner` writes.
    pub(super) fn group<T>(&mut self, name: &str, inner: impl FnOnce(&mut Writer) -> T) -> T {
        self.line(&format!("<cac:{name}>"));
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        self.line(&format!("</cac:{name}>"));
        result
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.line(&format!("<cbc:{name}>{}</cbc:{name}>", escape(text)));
    }

    /// A text, if there is one.
    pub(super) fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A text with an attribute.
    pub(super) fn with(&mut self, name: &str, (attribute, value): (&str, &str), text: &str) {
        let (value, text) = (escape(value), escape(text));
        self.line(&format!("<cbc:{name} {attribute}=\"{value}\">{text}</cbc:{name}>"));
    }

    /// An amount with two decimals.
    pub(super) fn amount(&mut self, name: &str, money: Money) {
        self.exact_amount(name, &amount(money));
    }

    /// An amount with any number of decimals.
    pub(super) fn exact_amount(&mut self, name: &str, text: &str) {
        let currency = self.currency.clone();
        self.with(name, ("currencyID", &currency), text);
    }

    /// The document, closed.
    pub(super) fn done(mut self, root: &str) -> String {
        assert_eq!(self.depth, 1, "every element that was opened is closed");
        self.xml.push_str(&format!("</{root}>\n"));
        self.xml
    }

    fn line(&mut self, text: &str) {
        self.xml.push_str(&INDENT.repeat(self.depth));
        self.xml.push_str(text);
        self.xml.push('\n');
    }
}
