//! Who writes to whom, and what the document is.

use documents::{Address, Kind, Party};

use super::{BODY, BRAND, Bill, LINE, MUTED, SMALL, TEXT, bold, facts, regular};
use crate::face::{Length, pt};
use crate::sheet::{Align, Column, LEFT, RIGHT, Role, Sheet, WIDTH};

/// Where the window of an envelope shows the address (DIN 5008, form B: 45 mm from the top).
const WINDOW: Length = 127_600;
/// Where the facts stand.
const FACTS: Length = pt(282);
/// Countries that write the postcode after the town.
const TOWN_FIRST: [&str; 9] = ["GB", "IE", "US", "CA", "AU", "NZ", "IN", "PK", "BD"];

pub(super) fn write(sheet: &mut Sheet, bill: &Bill<'_>) {
    let issuer = &bill.content.issuer;
    let half = WIDTH * 55 / 100;
    sheet.beside(&mut [&mut |sheet| issued_by(sheet, bill, half), &mut |sheet| {
        let column = Column { x: LEFT + half, width: WIDTH - half, align: Align::Right };
        sheet.heading(1, bill.title(), bold(21_000, 25, TEXT), column);
        sheet.text(Role::Paragraph, &bill.content.number, regular(11_000, 15, MUTED), column);
    }]);
    if sheet.cursor.page == 0 {
        sheet.cursor.y = sheet.cursor.y.max(WINDOW - pt(14)) + pt(2);
    }
    sheet.rule(LEFT..RIGHT, LINE);
    sheet.cursor.y += pt(10);
    sheet.beside(&mut [
        &mut |sheet| {
            let column = Column::left(LEFT, FACTS - LEFT - pt(24));
            let mut sender = vec![issuer.name.clone()];
            sender.extend(lines_of(&issuer.address, &issuer.address));
            sheet.text(Role::Paragraph, &sender.join(" · "), regular(6_400, 9, MUTED), column);
            sheet.cursor.y += pt(5);
            addressed_to(sheet, bill, column);
        },
        &mut |sheet| {
            let list = what_it_is(bill);
            facts(sheet, &list, (FACTS, pt(80), RIGHT - FACTS));
        },
    ]);
    notes(sheet, bill);
}

fn issued_by(sheet: &mut Sheet, bill: &Bill<'_>, width: Length) {
    let issuer = &bill.content.issuer;
    let column = Column::left(LEFT, width - pt(16));
    sheet.text(Role::Paragraph, &issuer.name, bold(12_500, 17, BRAND), column);
    let mut place = lines_of(&issuer.address, &bill.content.customer.address);
    place.extend(numbers(bill, issuer));
    for line in [place, vec![contact(issuer)]] {
        let line = line.join(" · ");
        if !line.is_empty() {
            sheet.text(Role::Paragraph, &line, SMALL, column);
        }
    }
}

fn addressed_to(sheet: &mut Sheet, bill: &Bill<'_>, column: Column) {
    let customer = &bill.content.customer;
    let mut lines = vec![customer.name.clone()];
    lines.extend(lines_of(&customer.address, &bill.content.issuer.address));
    let address = sheet.leaf(Role::Paragraph);
    for line in lines {
        sheet.more(address, &line, regular(10_000, 14, TEXT), column);
    }
    let rest: Vec<String> =
        [numbers(bill, customer).join(" · "), contact(customer)].into_iter().collect();
    for line in rest.iter().filter(|line| !line.is_empty()) {
        sheet.text(Role::Paragraph, line, SMALL, column);
    }
}

/// How to reach a party.
fn contact(party: &Party) -> String {
    let ways: Vec<&str> =
        [&party.email, &party.phone].into_iter().flatten().map(|way| &**way).collect();
    ways.join(" · ")
}

/// The numbers under which a party is registered.
pub(super) fn numbers(bill: &Bill<'_>, party: &Party) -> Vec<String> {
    let labelled = |key: &str, number: &Option<String>| {
        // A number stays with what it is.
        let label = || bill.text(key).replace(' ', "\u{a0}");
        number.as_ref().map(|number| format!("{}\u{a0}{number}", label()))
    };
    let vat = labelled("vat_id", &party.vat_id);
    let tax = labelled("tax_registration", &party.tax_registration);
    [party.legal_registration.clone(), vat, tax].into_iter().flatten().collect()
}

/// An address on lines; its country where the other side is in another.
fn lines_of(address: &Address, other: &Address) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(address.street.clone());
    let mut town: Vec<&str> =
        [&address.postcode, &address.city].into_iter().flatten().map(|part| &**part).collect();
    if TOWN_FIRST.contains(&address.country.as_str()) {
        town.reverse();
    }
    if !town.is_empty() {
        lines.push(town.join(" "));
    }
    lines.extend(address.region.clone());
    if address.country != other.country {
        lines.push(address.country.clone());
    }
    lines
}

fn what_it_is<'a>(bill: &'a Bill<'_>) -> Vec<(&'a str, String)> {
    let (content, locale) = (bill.content, bill.locale);
    let period = [("from", locale.day(content.period.from)), ("to", locale.day(content.period.to))];
    let period: Vec<(&str, &str)> = period.iter().map(|(key, day)| (*key, day.as_str())).collect();
    let mut list = vec![
        (bill.text("number"), content.number.clone()),
        (bill.text("issued_on"), locale.day(content.issued_on)),
        (bill.text("period"), locale.filled("period.days", &period)),
    ];
    let account = content.account.as_ref();
    list.push((bill.text("customer"), content.customer.id.clone()));
    list.push((bill.text("meter"), content.place.meter.clone()));
    let mut point = vec![content.place.connection_point.clone()];
    if let Some(address) = &content.place.address {
        point.extend(lines_of(address, &content.customer.address));
    }
    list.push((bill.text("connection_point"), point.join(", ")));
    let mut community: Vec<String> = content.place.community.iter().cloned().collect();
    community.extend(account.and_then(|account| account.pseudonym.clone()));
    if !community.is_empty() {
        list.push((bill.text("community"), community.join(" · ")));
    }
    for tariff in &content.tariffs {
        let name = tariff.version.map_or(tariff.name.clone(), |version| {
            let version = version.to_string();
            locale.filled("tariff.version", &[("name", &tariff.name), ("version", &version)])
        });
        list.push((bill.text("tariff"), name));
    }
    list
}

/// What is special about the document: who wrote it, and what it corrects.
fn notes(sheet: &mut Sheet, bill: &Bill<'_>) {
    let content = bill.content;
    let key = match content.kind {
        Kind::CreditNote => "note.credit_note",
        Kind::SelfBilledCreditNote => "note.self_billed_credit_note",
        Kind::Invoice | Kind::SelfBilled | Kind::Correction => "note.correction",
    };
    let mut notes = Vec::new();
    if content.kind == Kind::SelfBilled {
        notes.push(bill.text("note.self_billed").to_owned());
    }
    if content.is_final {
        let day = bill.locale.day(content.period.to.next());
        notes.push(bill.locale.filled("note.final", &[("day", &day)]));
    }
    for preceding in &content.preceding {
        let day = bill.locale.day(preceding.issued_on);
        let places = [("number", preceding.number.as_str()), ("day", &day)];
        notes.push(bill.locale.filled(key, &places));
    }
    if !notes.is_empty() {
        sheet.skip(pt(14));
    }
    for note in notes {
        sheet.text(Role::Paragraph, &note, BODY, Column::FULL);
    }
}
