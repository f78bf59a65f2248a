//! The printable page of an invoice: one file, no scripts, nothing loaded from elsewhere.

use std::fmt::Write;

use events::identity::Custody;
use tariff::Exact;
use units::{Decimal, Money};

use super::chart::{self, Day};
use super::{Invoice, Line};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#d7dce1;--paper:#fff;\
--bought:#1a7f5a;--supplied:#8a94a0;--sold:#b7791f;--fed:#d9c08a}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#a3adb8;--line:#3a424b;\
--paper:#15191e;--bought:#4cc38a;--supplied:#77818c;--sold:#e0a84a;--fed:#8f7a4a}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:46rem;padding:2rem 1.2rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.4rem 0}\
.soft{color:var(--soft)}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:1rem 0}\
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%}\
td,th{padding:.45rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\
td:last-child,th:last-child{text-align:right;white-space:nowrap;\
font-variant-numeric:tabular-nums}\
tfoot th{font-weight:600}.due{font-size:1.3rem}\
.trace{color:var(--soft);font-size:.85rem;overflow-wrap:anywhere}\
svg{width:100%;height:auto}svg line{stroke:var(--soft)}.bought{fill:var(--bought)}\
.supplied{fill:var(--supplied)}.sold{fill:var(--sold)}.fed{fill:var(--fed)}\
.key span{display:inline-block;margin-right:1.2rem}\
.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem;border-radius:2px}\
.key .bought{background:var(--bought)}.key .supplied{background:var(--supplied)}\
.key .sold{background:var(--sold)}.key .fed{background:var(--fed)}\
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff}\
body{padding:0;max-width:none;font-size:11pt}tr,svg{break-inside:avoid}}";

/// The page. `days`: the energy of the period, for the drawing.
pub fn page(invoice: &Invoice, days: &[Day]) -> String {
    let mut html = String::with_capacity(16_000);
    let number = escaped(&invoice.number);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Invoice {number}</title><style>{STYLE}</style></head><body>\
         <header><h1>Invoice {number}</h1><p class=\"soft\">{} to {}</p></header>",
        invoice.period.from, invoice.period.to,
    );
    heading(&mut html, invoice);
    energy(&mut html, days);
    lines(&mut html, invoice);
    carried(&mut html, invoice);
    late(&mut html, invoice);
    relayed(&mut html, invoice);
    curtailed(&mut html, invoice);
    custody(&mut html, invoice);
    let _ = write!(
        html,
        "<h2>Check this bill</h2><p>Every line can be recomputed from your meter's signed \
         readings: download the bill file and run <code>wattex verify</code> on it.</p>\
         <p class=\"trace\">Hash on the ledger: {:#x}</p></body></html>",
        invoice.hash()
    );
    html
}

fn heading(html: &mut String, invoice: &Invoice) {
    html.push_str("<dl>");
    let rows = [
        ("Account", invoice.pseudonym.clone()),
        ("Connection point", invoice.connection_point.to_string()),
        ("Meter", invoice.meter.to_string()),
        ("Address on the ledger", format!("{:#x}", invoice.address)),
        (if invoice.due < Money::ZERO { "You get" } else { "You pay" }, String::new()),
    ];
    for (name, value) in &rows[..4] {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    let due = Money::from_n(invoice.due.n().saturating_abs());
    let _ = write!(
        html,
        "<dt>{}</dt><dd class=\"due\"><strong>{}</strong></dd></dl>",
        rows[4].0,
        amount(invoice, due)
    );
}

fn energy(html: &mut String, days: &[Day]) {
    let _ = write!(
        html,
        "<h2>Your energy, day by day</h2><p class=\"key\">\
         <span><i class=\"bought\"></i>from neighbours</span>\
         <span><i class=\"supplied\"></i>from your supplier</span>\
         <span><i class=\"sold\"></i>to neighbours</span>\
         <span><i class=\"fed\"></i>into the grid</span></p>{}",
        chart::svg(days)
    );
}

/// What the customer has with the retailer, to be used up by later bills.
fn carried(html: &mut String, invoice: &Invoice) {
    let Some(carried) = &invoice.carried else { return };
    let (credit, energy) = (carried.state.credit, carried.state.surplus);
    if credit > Exact::ZERO {
        let currency = escaped(&invoice.currency);
        let _ = write!(html, "<p>Goes on to your next bill: a credit of {credit} {currency}.</p>");
    }
    if energy > 0 {
        let energy = Decimal::new(energy, 9);
        let _ = write!(html, "<p>Goes on to your next bill: {energy} kWh that you fed in.</p>");
    }
}

fn late(html: &mut String, invoice: &Invoice) {
    if invoice.late_readings > 0 {
        let _ = write!(
            html,
            "<h2>Readings that came late</h2><p>{} readings of your meter came after the trades \
             that they contradict could be corrected no more. What was paid to and by your \
             neighbours stands. The readings are in the bill file.</p>",
            invoice.late_readings
        );
    }
}

fn curtailed(html: &mut String, invoice: &Invoice) {
    if !invoice.curtailed.is_empty() {
        let _ = write!(
            html,
            "<h2>When the grid could not carry it</h2><p>In {} slots of this bill the grid was \
             curtailed, says its operator. What your neighbours and you delivered was paid. For \
             what was missing nobody owes anything, and what was set aside for it went back.</p>",
            invoice.curtailed.len()
        );
    }
}

fn relayed(html: &mut String, invoice: &Invoice) {
    if invoice.relayed_readings > 0 {
        let _ = write!(
            html,
            "<h2>Who signed your readings</h2><p>Your meter does not sign what it measures. A \
             gateway read it and signed {} readings for it. That the meter showed what the gateway \
             says, nobody can prove.</p>",
            invoice.relayed_readings
        );
    }
}

fn lines(html: &mut String, invoice: &Invoice) {
    html.push_str("<h2>What it is made of</h2><table><tbody>");
    for line in &invoice.lines {
        let _ = write!(
            html,
            "<tr><td>{}<div class=\"trace\">{}</div></td><td>{}</td></tr>",
            escaped(&line.label),
            escaped(&trace(line)),
            amount(invoice, line.amount)
        );
    }
    let _ = write!(
        html,
        "</tbody><tfoot><tr><th>Total</th><th>{}</th></tr>\
         <tr><td>Already moved in your wallet</td><td>{}</td></tr>\
         <tr><th>{}</th><th>{}</th></tr></tfoot></table>",
        amount(invoice, invoice.total),
        amount(invoice, Money::from_n(invoice.paid.n().saturating_neg())),
        if invoice.due < Money::ZERO { "In your favour" } else { "To pay" },
        amount(invoice, invoice.due)
    );
}

fn trace(line: &Line) -> String {
    let inputs: Vec<String> =
        line.inputs.iter().map(|input| format!("{} {}", input.name, input.value)).collect();
    format!("{}: {}", line.formula, inputs.join(", "))
}

fn custody(html: &mut String, invoice: &Invoice) {
    let text = match invoice.custody {
        Custody::Own => {
            "The key of this account is yours alone. Nobody else, the operator included, can trade \
             in your name."
        }
        Custody::Held => {
            "The operator holds the key of this account for you and signs your orders under the \
             limits you set. The operator could therefore trade in your name; your meter's \
             readings it cannot forge."
        }
    };
    let _ = write!(html, "<h2>Who holds your key</h2><p>{text}</p>");
}

/// With the currency's decimals: `1.50 EUR`.
fn amount(invoice: &Invoice, money: Money) -> String {
    let digits = u32::from(invoice.currency_digits).min(9);
    let unit = 10_u64.pow(9 - digits);
    let minor = money.n().unsigned_abs() / unit;
    let sign = if money.n() < 0 { "\u{2212}" } else { "" };
    let major = 10_u64.pow(digits);
    let fraction = match digits {
        0 => String::new(),
        digits => format!(".{:0width$}", minor % major, width = digits as usize),
    };
    format!("{sign}{}{fraction} {}", minor / major, escaped(&invoice.currency))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}
