//! A sheet in its own JSON form, field by field.

mod export;
mod power;
mod pricing;

use calendar::TimeZone;

use super::{Class, EnergyCharge, Fixed, Minimum, On, Per, Sheet, Tax};
use crate::problem::Code;
use crate::reader::{Field, Reader};

pub(crate) use power::millionths;
pub(crate) use pricing::{Told, in_order, month_day, table, tiers_rise, year_prices};

/// The most versions in a file.
pub const SHEETS_MAX: usize = 200;
/// The most charges of one kind.
pub const CHARGES_MAX: usize = 32;
/// The most periods of a charge.
pub const PERIODS_OF_CHARGE_MAX: usize = 64;
/// The most tiers of a period.
pub const TIERS_MAX: usize = 32;
/// The most prices of a series: ten years of five minutes.
pub const SPOT_PRICES_MAX: usize = 1_100_000;
/// The most holidays.
const HOLIDAYS_MAX: usize = 2_000;

const KEYS: [&str; 19] = [
    "format",
    "id",
    "name",
    "version",
    "valid_from",
    "valid_to",
    "currency",
    "currency_digits",
    "timezone",
    "holidays",
    "fixed",
    "energy",
    "demand",
    "demand_window_minutes",
    "ratchet",
    "export",
    "minimum",
    "taxes",
    "description",
];

pub(super) const CLASSES: [(&str, Class); 10] = [
    ("fixed", Class::Fixed),
    ("p2p", Class::P2p),
    ("energy", Class::Energy),
    ("demand", Class::Demand),
    ("network", Class::Network),
    ("levy", Class::Levy),
    ("platform", Class::Platform),
    ("minimum", Class::Minimum),
    ("credit", Class::Credit),
    ("vat", Class::Vat),
];

const PERS: [(&str, Per); 3] = [("day", Per::Day), ("month", Per::Month), ("year", Per::Year)];

/// The versions in a document: one sheet, or a list of them.
pub(crate) fn sheets<'a>(reader: &mut Reader<'a>, root: &Field<'a>) -> Option<Vec<Sheet>> {
    let versions = match root.items() {
        Some(_) => reader.list(root, SHEETS_MAX),
        None => vec![root.clone()],
    };
    reader.holds(!versions.is_empty(), root, "at least one version");
    versions.iter().map(|version| sheet(reader, version)).collect()
}

fn sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    reader.known(field, &KEYS);
    let id = reader.need(field, "id").and_then(|it| reader.text(&it));
    let name = field.get("name").and_then(|it| reader.text(&it)).or_else(|| id.clone());
    let currency = reader.need(field, "currency").and_then(|it| currency(reader, &it));
    let digits = field.get("currency_digits").and_then(|it| reader.integer(&it, 0, 4));
    let mut sheet = Sheet::empty(
        &id.unwrap_or_default(),
        &name.unwrap_or_default(),
        &currency.unwrap_or_default(),
        digits.and_then(|digits| u8::try_from(digits).ok()).unwrap_or(2),
    );
    if let Some(version) = field.get("version") {
        let version = reader.integer(&version, 1, i64::from(u32::MAX));
        sheet.version = version.and_then(|version| u32::try_from(version).ok()).unwrap_or(1);
    }
    validity(reader, field, &mut sheet);
    sheet.timezone = field.get("timezone").and_then(|it| timezone(reader, &it));
    for day in list(reader, field, "holidays", HOLIDAYS_MAX) {
        sheet.holidays.extend(reader.day(&day));
    }
    sheet.holidays.sort_unstable();
    for it in list(reader, field, "fixed", CHARGES_MAX) {
        sheet.fixed.extend(fixed(reader, &it));
    }
    for it in list(reader, field, "energy", CHARGES_MAX) {
        sheet.energy.extend(energy(reader, &it));
    }
    for it in list(reader, field, "demand", CHARGES_MAX) {
        sheet.demand.extend(power::demand(reader, &it));
    }
    if let Some(window) = field.get("demand_window_minutes") {
        sheet.demand_window = power::window(reader, &window);
    }
    sheet.ratchet = field.get("ratchet").and_then(|it| power::ratchet(reader, &it));
    sheet.export = field.get("export").and_then(|it| export::export(reader, &it));
    for it in list(reader, field, "minimum", CHARGES_MAX) {
        sheet.minimum.extend(minimum(reader, &it));
    }
    for it in list(reader, field, "taxes", CHARGES_MAX) {
        sheet.taxes.extend(tax(reader, &it));
    }
    Some(sheet)
}

/// The items of the member `key`; none where it is absent.
pub(super) fn list<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    key: &str,
    most: usize,
) -> Vec<Field<'a>> {
    field.get(key).map(|list| reader.list(&list, most)).unwrap_or_default()
}

fn currency(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<String> {
    let text = reader.text(field)?;
    let letters = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    reader.holds(letters, field, "three capital letters of ISO 4217");
    Some(text)
}

fn timezone(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<TimeZone> {
    let text = reader.text(field)?;
    match text.parse::<TimeZone>() {
        Ok(zone) => Some(zone),
        Err(error) => {
            reader.wrong(field, Code::OutOfRange, error);
            None
        }
    }
}

fn validity<'a>(reader: &mut Reader<'a>, field: &Field<'a>, sheet: &mut Sheet) {
    sheet.valid_from = field.get("valid_from").and_then(|it| reader.day(&it));
    let Some(end) = field.get("valid_to") else { return };
    sheet.valid_to = reader.day(&end);
    if let (Some(from), Some(to)) = (sheet.valid_from, sheet.valid_to)
        && to <= from
    {
        let reason = "valid_to is the first day after the last, so it is later than valid_from";
        reader.wrong(&end, Code::Contradiction, reason);
    }
}

/// The member `name`, else `otherwise`.
pub(super) fn name<'a>(reader: &mut Reader<'a>, field: &Field<'a>, otherwise: &str) -> String {
    let name = field.get("name").and_then(|it| reader.text(&it));
    name.unwrap_or_else(|| otherwise.to_owned())
}

fn fixed<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Fixed> {
    reader.known(field, &["name", "per", "amount"]);
    let per = reader.need(field, "per").and_then(|it| reader.word(&it, &PERS));
    let amount = reader.need(field, "amount");
    let source = amount.as_ref().map(|it| it.path.clone());
    let price = amount.and_then(|it| reader.price(&it));
    let name = name(reader, field, "standing charge");
    Some(Fixed { name, per: per?, amount: price?, source: source? })
}

fn minimum<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Minimum> {
    reader.known(field, &["per", "amount"]);
    let per = reader.need(field, "per").and_then(|it| reader.word(&it, &PERS));
    let amount = reader.need(field, "amount");
    let source = amount.as_ref().map(|it| it.path.clone());
    let price = amount.and_then(|it| reader.amount(&it));
    Some(Minimum { per: per?, amount: price?, source: source? })
}

fn tax<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Tax> {
    reader.known(field, &["name", "class", "percent", "on"]);
    let classes = [("vat", Class::Vat), ("levy", Class::Levy)];
    let class = field.get("class").and_then(|it| reader.word(&it, &classes)).unwrap_or(Class::Vat);
    let percent = reader.need(field, "percent");
    let source = percent.as_ref().map(|it| it.path.clone());
    let price = percent.and_then(|it| reader.amount(&it));
    let on = match field.get("on") {
        Some(on) => {
            let words = reader.list(&on, CLASSES.len());
            words.iter().filter_map(|word| reader.word(word, &CLASSES)).collect()
        }
        None => taxed(class),
    };
    let name = name(reader, field, if class == Class::Vat { "VAT" } else { "tax" });
    Some(Tax { name, class, percent: price?, on, source: source? })
}

/// What a tax is on where its tariff does not say: all that the customer is charged. What the
/// customer sells is a supply of its own, with a status of its own.
pub(crate) fn taxed(class: Class) -> Vec<Class> {
    let all = CLASSES.iter().map(|(_, class)| *class);
    all.filter(|on| {
        !matches!(on, Class::Credit | Class::Vat) && (class == Class::Vat || *on != Class::Levy)
    })
    .collect()
}

fn energy<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<EnergyCharge> {
    let mut keys = vec!["name", "class", "on", "zone", "netted"];
    keys.extend(pricing::KEYS);
    reader.known(field, &keys);
    let class = field.get("class").and_then(|it| {
        let classes = [2, 1, 4, 5, 6].map(|place| CLASSES[place]);
        reader.word(&it, &classes)
    });
    let class = class.unwrap_or(Class::Energy);
    let zone = field.get("zone").and_then(|it| reader.text(&it));
    let words = [("residual", 0), ("local", 1), ("import", 2), ("sold", 3)];
    let on = match field.get("on").and_then(|it| reader.word(&it, &words)).unwrap_or(0) {
        1 => On::Local(zone.clone()),
        2 => On::Import,
        3 => On::Sold,
        _ => On::Residual,
    };
    if let (Some(zone), false) = (field.get("zone"), matches!(on, On::Local(_))) {
        reader.wrong(&zone, Code::Contradiction, "only a charge on local energy has a zone");
    }
    let netted = field.get("netted").and_then(|it| reader.bool(&it));
    let netted = netted.unwrap_or(!matches!(on, On::Local(_) | On::Sold));
    let otherwise = CLASSES.iter().find(|(_, known)| *known == class).map_or("", |(word, _)| word);
    let name = name(reader, field, otherwise);
    let pricing = pricing::pricing(reader, field)?;
    Some(EnergyCharge { name, class, on, netted, pricing })
}
