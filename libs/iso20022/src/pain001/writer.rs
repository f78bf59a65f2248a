//! XML, an element on each line.

use quick_xml::escape::escape;

use crate::Currency;

const INDENT: &str = "  ";

/// A document that is being written.
pub(super) struct Writer {
    xml: String,
    depth: usize,
}

impl Writer {
    /// An open `Document` in `namespace`.
    pub(super) fn new(namespace: &str) -> Writer {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.push_str(&format!("<Document xmlns=\"{namespace}\">\n"));
        Writer { xml, depth: 1 }
    }

    pub(super) fn open(&mut self, name: &str) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
    }

    pub(super) fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    /// An element with a text.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.line(&format!("<{name}>{}</{name}>", escape(text)));
    }

    /// An amount as [`crate::amount::text`] writes it.
    pub(super) fn amount(&mut self, name: &str, currency: Currency, amount: &str) {
        self.line(&format!("<{name} Ccy=\"{currency}\">{amount}</{name}>"));
    }

    /// Elements in each other, the last with a text.
    pub(super) fn nested(&mut self, names: &[&str], text: &str) {
        let Some((last, outer)) = names.split_last() else { return };
        outer.iter().for_each(|name| self.open(name));
        self.leaf(last, text);
        outer.iter().rev().for_each(|name| self.close(name));
    }

    /// The document, closed.
    pub(super) fn done(mut self) -> String {
        self.close("Document");
        assert_eq!(self.depth, 0, "every element that was opened is closed");
        self.xml
    }

    fn line(&mut self, text: &str) {
        self.xml.push_str(&INDENT.repeat(self.depth));
        self.xml.push_str(text);
        self.xml.push('\n');
    }
}
