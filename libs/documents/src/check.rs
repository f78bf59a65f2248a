//! What makes content a document: limits, texts, codes, and the rules of EN 16931 that reach
//! further than one field.

use calendar::LocalDay;
use iso20022::Iban;
use units::{Energy, Money};

use crate::codes::{is_country, is_currency, is_scheme};
use crate::{
    Adjustment, Category, Comparison, Content, DAYS_MAX, Document, ENTRIES_MAX, Information,
    LINES_MAX, LastYear, Line, Party, QUANTITY_MAX, Rejected, Rejection, TEXT_CHARS_MAX, TaxRate,
};

type Checked = Result<(), Rejected>;

/// Checks what is said, field by field in their order.
pub(crate) fn content(content: &Content) -> Checked {
    text(&content.number, "number")?;
    day(content.issued_on, "issued_on")?;
    if let Some(due) = content.due_on {
        day(due, "due_on")?;
    }
    period(content)?;
    text(&content.language, "language")?;
    if !is_currency(&content.currency) {
        return Err(Rejection::Value("a currency of ISO 4217").at("currency"));
    }
    if content.currency_digits > 9 {
        return Err(Rejection::Value("0 to 9 decimals").at("currency_digits"));
    }
    party(&content.issuer, "issuer")?;
    party(&content.customer, "customer")?;
    place(content)?;
    preceding(content)?;
    size("tariffs", content.tariffs.len(), ENTRIES_MAX, "tariffs")?;
    for (at, tariff) in content.tariffs.iter().enumerate() {
        text(&tariff.name, &format!("tariffs[{at}].name"))?;
    }
    lines(content)?;
    adjustments(content)?;
    taxes(content)?;
    money(content)?;
    energy(content)?;
    information(content)?;
    words(content)
}

/// Checks what needs the totals.
pub(crate) fn document(document: &Document) -> Checked {
    let payable = document.totals().payable;
    if payable > Money::ZERO && document.content().due_on.is_none() {
        return Err(Rejection::Missing("a day by which it is to be paid").at("due_on"));
    }
    Ok(())
}

fn size(what: &'static str, got: usize, max: usize, path: &str) -> Checked {
    if got <= max { Ok(()) } else { Err(Rejection::Size { what, got, max }.at(path)) }
}

/// A text that says something, on one line, in characters that XML and fonts know as such.
fn text(text: &str, path: &str) -> Checked {
    if text.trim().is_empty() {
        return Err(Rejection::Missing("a text").at(path));
    }
    maybe(text, path)
}

/// A text that may be empty.
fn maybe(text: &str, path: &str) -> Checked {
    size("characters", text.chars().count(), TEXT_CHARS_MAX, path)?;
    let bad = |char: char| char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}');
    if text.contains(bad) {
        return Err(Rejection::Value("a text on one line, without control characters").at(path));
    }
    Ok(())
}

fn optional(value: Option<&str>, path: &str) -> Checked {
    value.map_or(Ok(()), |value| text(value, path))
}

/// The years that bills have; a year before 1000 would not have four digits.
fn day(day: LocalDay, path: &str) -> Checked {
    if (1970..=9999).contains(&day.year()) {
        return Ok(());
    }
    Err(Rejection::Value("a day of the years 1970 to 9999").at(path))
}

fn period(content: &Content) -> Checked {
    day(content.period.from, "period.from")?;
    day(content.period.to, "period.to")?;
    if content.period.to < content.period.from {
        return Err(Rejection::Value("a day on or after the first").at("period.to"));
    }
    Ok(())
}

pub(crate) fn party(party: &Party, path: &str) -> Checked {
    let at = |field: &str| format!("{path}.{field}");
    text(&party.id, &at("id"))?;
    text(&party.name, &at("name"))?;
    address(&party.address, &at("address"))?;
    if let Some(electronic) = &party.electronic_address {
        if !is_scheme(&electronic.scheme) {
            let rejection = Rejection::Value("a scheme of electronic addresses (EAS)");
            return Err(rejection.at(at("electronic_address.scheme")));
        }
        text(&electronic.value, &at("electronic_address.value"))?;
    }
    if let Some(vat) = &party.vat_id {
        text(vat, &at("vat_id"))?;
        // Greece is `EL` there, and Northern Ireland `XI`.
        let country = vat.get(..2).is_some_and(|front| front == "EL" || is_country(front));
        if !country {
            let rejection = Rejection::Value("a VAT number that begins with its country");
            return Err(rejection.at(at("vat_id")));
        }
    }
    optional(party.tax_registration.as_deref(), &at("tax_registration"))?;
    optional(party.legal_registration.as_deref(), &at("legal_registration"))?;
    optional(party.email.as_deref(), &at("email"))?;
    optional(party.phone.as_deref(), &at("phone"))
}

fn address(address: &crate::Address, path: &str) -> Checked {
    for (field, value) in [
        ("street", &address.street),
        ("city", &address.city),
        ("postcode", &address.postcode),
        ("region", &address.region),
    ] {
        optional(value.as_deref(), &format!("{path}.{field}"))?;
    }
    if is_country(&address.country) {
        return Ok(());
    }
    Err(Rejection::Value("a country of ISO 3166-1").at(format!("{path}.country")))
}

fn place(content: &Content) -> Checked {
    if let Some(account) = &content.account {
        text(&account.id, "account.id")?;
        optional(account.pseudonym.as_deref(), "account.pseudonym")?;
    }
    let place = &content.place;
    text(&place.connection_point, "place.connection_point")?;
    text(&place.meter, "place.meter")?;
    optional(place.community.as_deref(), "place.community")?;
    optional(place.community_id.as_deref(), "place.community_id")?;
    place.address.as_ref().map_or(Ok(()), |found| address(found, "place.address"))
}

fn preceding(content: &Content) -> Checked {
    size("documents", content.preceding.len(), ENTRIES_MAX, "preceding")?;
    if content.kind.needs_preceding() && content.preceding.is_empty() {
        return Err(Rejection::Missing("the document that is corrected").at("preceding"));
    }
    for (at, preceding) in content.preceding.iter().enumerate() {
        text(&preceding.number, &format!("preceding[{at}].number"))?;
        day(preceding.issued_on, &format!("preceding[{at}].issued_on"))?;
    }
    Ok(())
}

fn lines(content: &Content) -> Checked {
    if content.lines.is_empty() {
        return Err(Rejection::Missing("at least one line").at("lines"));
    }
    size("lines", content.lines.len(), LINES_MAX, "lines")?;
    for (at, line) in content.lines.iter().enumerate() {
        one_line(line, content.currency_digits, &format!("lines[{at}]"))?;
    }
    Ok(())
}

fn one_line(line: &Line, digits: u8, path: &str) -> Checked {
    let at = |field: &str| format!("{path}.{field}");
    maybe(&line.name, &at("name"))?;
    maybe(&line.explanation, &at("explanation"))?;
    // A sum of trades is counted by what it sums up: quantity and price share one bound.
    if line.quantity.amount.unsigned_abs() > QUANTITY_MAX.unsigned_abs() {
        return Err(Rejection::Value("a quantity up to 10^15").at(at("quantity.amount")));
    }
    if !(1..=QUANTITY_MAX).contains(&line.price.per) {
        return Err(Rejection::Value("1 to 10^15 units").at(at("price.per")));
    }
    let exact = line.price.cost_of(line.quantity);
    sum(line.exact, exact.map_err(|error| Rejection::from(error).at(at("price.amount")))?, || {
        at("exact")
    })?;
    size("adjustments", line.adjustments.len(), ENTRIES_MAX, &at("adjustments"))?;
    let mut net = rounded(line.exact, digits, &at("exact"))?;
    for (place, adjustment) in line.adjustments.iter().enumerate() {
        let at = format!("{path}.adjustments[{place}]");
        let Adjustment { amount, reason } = adjustment;
        one_adjustment(*amount, reason, digits, &at)?;
        net = net.plus(*amount).map_err(|error| Rejection::from(error).at(at))?;
    }
    sum(line.net, net, || at("net"))?;
    rate(line.tax, &at("tax"))?;
    if let Some(trace) = &line.trace {
        text(&trace.formula, &at("trace.formula"))?;
        size("inputs", trace.inputs.len(), ENTRIES_MAX, &at("trace.inputs"))?;
        for (place, input) in trace.inputs.iter().enumerate() {
            text(&input.name, &format!("{path}.trace.inputs[{place}].name"))?;
            text(&input.value, &format!("{path}.trace.inputs[{place}].value"))?;
        }
    }
    Ok(())
}

fn adjustments(content: &Content) -> Checked {
    size("adjustments", content.adjustments.len(), ENTRIES_MAX, "adjustments")?;
    for (at, adjustment) in content.adjustments.iter().enumerate() {
        let path = format!("adjustments[{at}]");
        one_adjustment(adjustment.amount, &adjustment.reason, content.currency_digits, &path)?;
        rate(adjustment.tax, &format!("{path}.tax"))?;
    }
    Ok(())
}

fn one_adjustment(amount: Money, reason: &str, digits: u8, path: &str) -> Checked {
    if amount == Money::ZERO {
        return Err(Rejection::Value("an amount other than zero").at(format!("{path}.amount")));
    }
    minor(amount, digits, &format!("{path}.amount"))?;
    text(reason, &format!("{path}.reason"))
}

/// BR-S-05, BR-Z-05, BR-E-05, BR-AE-05, BR-O-05.
fn rate(rate: TaxRate, path: &str) -> Checked {
    let message = match (rate.category, rate.bps) {
        (Category::Standard, 1..=10_000) => return Ok(()),
        (Category::Standard, _) => "the standard category has a rate above 0 % and up to 100 %",
        (_, 0) => return Ok(()),
        _ => "only the standard category has a rate above 0 %",
    };
    Err(Rejection::Tax { rule: "BR-S-05", message }.at(format!("{path}.bps")))
}

fn taxes(content: &Content) -> Checked {
    size("exemptions", content.exemptions.len(), ENTRIES_MAX, "exemptions")?;
    for (at, exemption) in content.exemptions.iter().enumerate() {
        text(&exemption.reason, &format!("exemptions[{at}].reason"))?;
        let same = |other: &&crate::Exemption| other.category == exemption.category;
        if !exemption.category.needs_reason() || content.exemptions.iter().filter(same).count() > 1
        {
            let rejection = Rejection::Value("a category without tax, once");
            return Err(rejection.at(format!("exemptions[{at}].category")));
        }
    }
    let lines = content.lines.iter().map(|line| line.tax.category);
    let used = || lines.clone().chain(content.adjustments.iter().map(|a| a.tax.category));
    let alone = used().all(|category| category == Category::NotSubject);
    if used().any(|category| category == Category::NotSubject) && !alone {
        let message = "what is outside the scope of the tax stands alone in its document";
        return Err(Rejection::Tax { rule: "BR-O-11", message }.at("lines"));
    }
    for category in used().filter(|category| category.needs_reason()) {
        if !content.exemptions.iter().any(|exemption| exemption.category == category) {
            let missing = Rejection::Missing("why a category of the lines bears no tax");
            return Err(missing.at("exemptions"));
        }
    }
    let (seller, buyer) = (content.seller(), content.buyer());
    let seller_path = if content.kind.is_self_billed() { "customer" } else { "issuer" };
    if !alone && seller.vat_id.is_none() && seller.tax_registration.is_none() {
        let message = "who sells with tax, or exempt from it, has a VAT or a tax number";
        return Err(Rejection::Tax { rule: "BR-S-02", message }.at(format!("{seller_path}.vat_id")));
    }
    if used().any(|category| category == Category::ReverseCharge)
        && ((buyer.vat_id.is_none() && buyer.legal_registration.is_none())
            || seller.vat_id.is_none())
    {
        let message = "reverse charge needs the numbers of both sides";
        return Err(Rejection::Tax { rule: "BR-AE-02", message }.at(seller_path));
    }
    Ok(())
}

fn money(content: &Content) -> Checked {
    size("payments", content.prepaid.len(), ENTRIES_MAX, "prepaid")?;
    let digits = content.currency_digits;
    for (at, prepaid) in content.prepaid.iter().enumerate() {
        minor(prepaid.amount, digits, &format!("prepaid[{at}].amount"))?;
    }
    minor(content.rounding, digits, "rounding")?;
    if let Some(wallet) = content.wallet {
        // A wallet counts finer than a bill: any amount is one.
        rounded(wallet, digits, "wallet")?;
    }
    if let Some(Comparison { retail_alone, with_neighbours }) = content.comparison {
        minor(retail_alone, digits, "comparison.retail_alone")?;
        minor(with_neighbours, digits, "comparison.with_neighbours")?;
    }
    if let Some(payment) = &content.payment {
        if let Some(iban) = &payment.iban
            && iban.parse::<Iban>().is_err()
        {
            return Err(Rejection::Value("an IBAN").at("payment.iban"));
        }
        optional(payment.account_name.as_deref(), "payment.account_name")?;
        optional(payment.reference.as_deref(), "payment.reference")?;
    }
    Ok(())
}

fn energy(content: &Content) -> Checked {
    size("days", content.days.len(), DAYS_MAX, "days")?;
    if content.days.is_empty() {
        return Ok(());
    }
    let mut expected = content.period.from;
    for (at, day) in content.days.iter().enumerate() {
        if day.day != expected {
            let rejection = Rejection::Value("the next day of the period");
            return Err(rejection.at(format!("days[{at}].day")));
        }
        expected = expected.next();
    }
    if expected != content.period.to.next() {
        return Err(Rejection::Missing("the last days of the period").at("days"));
    }
    for (part, name) in ["bought", "supplied", "sold", "fed_in"].into_iter().enumerate() {
        let days = Energy::sum(content.days.iter().map(|day| day.parts()[part]));
        if days != Ok(content.energy.parts()[part]) {
            let rejection = Rejection::Value("the sum of the days");
            return Err(rejection.at(format!("energy.{name}")));
        }
    }
    Ok(())
}

fn information(content: &Content) -> Checked {
    let Information { last_year, self_sufficiency_bps, fuel_mix, switching, .. } =
        &content.information;
    if let Some(LastYear { period, .. }) = last_year {
        day(period.from, "information.last_year.period.from")?;
        day(period.to, "information.last_year.period.to")?;
        if period.to < period.from || period.to >= content.period.from {
            let rejection = Rejection::Value("days in order, before those that are billed");
            return Err(rejection.at("information.last_year.period"));
        }
    }
    if self_sufficiency_bps.is_some_and(|bps| bps > 10_000) {
        return Err(Rejection::Value("up to 100 %").at("information.self_sufficiency_bps"));
    }
    optional(fuel_mix.as_deref(), "information.fuel_mix")?;
    optional(switching.as_deref(), "information.switching")
}

fn words(content: &Content) -> Checked {
    if let Some(dispute) = &content.dispute {
        text(&dispute.contact, "dispute.contact")?;
        optional(dispute.body.as_deref(), "dispute.body")?;
    }
    content.proof.as_ref().map_or(Ok(()), |proof| text(&proof.command, "proof.command"))
}

fn sum(got: Money, expected: Money, path: impl Fn() -> String) -> Checked {
    if got == expected { Ok(()) } else { Err(Rejection::Sum { got, expected }.at(path())) }
}

fn rounded(amount: Money, digits: u8, path: &str) -> Result<Money, Rejected> {
    amount.rounded(u32::from(digits)).map_err(|error| Rejection::from(error).at(path))
}

fn minor(amount: Money, digits: u8, path: &str) -> Checked {
    if rounded(amount, digits, path)? == amount {
        return Ok(());
    }
    Err(Rejection::Value("an amount in the currency's minor unit").at(path))
}
