//! Australian tariffs as the UNSW bill calculator has them:
//! `{ "Tariffs": [{ "Tariff ID", ... }] }`.
//!
//! Retail tariffs have `Daily`, `FiT` and one of `FlatRate`, `TOU`, `BlockDaily`, `BlockQuarterly`,
//! `BlockAnnual`; network tariffs have the same inside `NUOS`, which is what the network is paid
//! for use and transport together, and may have `Demand`.

mod parts;

use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Bank, Class, EnergyCharge, Export, Fixed, Leftover, Mode, On, Per, Periods, Pricing, Sheet,
};

/// How many names a fault lists.
const NAMES_SHOWN: usize = 8;

pub(super) fn sheet<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    wanted: Option<&str>,
) -> Option<Sheet> {
    let list = field.find("Tariffs")?;
    let all = reader.list(&list, 10_000);
    let tariff = choose(reader, &list, &all, wanted, &["Tariff ID", "Name"])?;
    let id = reader.need(&tariff, "Tariff ID").and_then(|it| reader.text(&it));
    let name = reader.need(&tariff, "Name").and_then(|it| reader.text(&it));
    let mut sheet = Sheet::empty(&id?, &name?, "AUD", 2);
    let parameters = reader.need(&tariff, "Parameters")?;
    let network = parameters.get("NUOS");
    let class = if network.is_some() { Class::Network } else { Class::Energy };
    if network.is_some() {
        reader.note("of a network tariff NUOS is rated: distribution, transmission and levies");
    }
    let parameters = network.unwrap_or(parameters);
    if let Some(daily) = parameters.get("Daily") {
        let amount = reader.need(&daily, "Value")?;
        let value = reader.price(&amount)?;
        let name = "daily charge".to_owned();
        sheet.fixed.push(Fixed { name, per: Per::Day, amount: value, source: amount.path });
    }
    let pricing = parts::energy(reader, &parameters)?;
    let name = "energy".to_owned();
    sheet.energy.push(EnergyCharge { name, class, on: On::Residual, netted: false, pricing });
    if let Some(demand) = parameters.get("Demand") {
        sheet.demand.extend(parts::demand(reader, &demand));
    }
    if let Some(fit) = parameters.get("FiT") {
        let value = reader.need(&fit, "Value")?;
        let price = reader.price(&value)?;
        let pricing = Pricing::Periods(Periods::flat(price, &value.path));
        sheet.export = Some(feed_in(pricing, value.path));
    } else if let Some(fit) = parameters.get("FiT_TOU") {
        let pricing = Pricing::Periods(parts::windows(reader, &fit)?);
        sheet.export = Some(feed_in(pricing, fit.path));
    }
    for (key, _) in parameters.members() {
        if !parts::KNOWN.contains(&key) {
            reader.note(format!("{}.{key} is not rated", parameters.path));
        }
    }
    reader.note("prices are rated as they stand: the file does not say whether GST is in them");
    Some(sheet)
}

fn feed_in(price: Pricing, source: String) -> Export {
    Export {
        mode: Mode::FeedIn,
        price: Some(price),
        bank: Bank::None,
        year_end: 12,
        leftover: Leftover::Keep,
        source,
    }
}

/// The one tariff of a list, or the wanted one.
pub(super) fn choose<'a>(
    reader: &mut Reader<'a>,
    list: &Field<'a>,
    all: &[Field<'a>],
    wanted: Option<&str>,
    keys: &[&str],
) -> Option<Field<'a>> {
    let called = |tariff: &Field<'a>, name: &str| {
        keys.iter().any(|key| match tariff.find(key).map(|it| &it.node.value) {
            Some(crate::json::Value::Text(text)) => text == name,
            _ => false,
        })
    };
    match (wanted, all) {
        (None, [only]) => return Some(only.clone()),
        (Some(name), _) => {
            if let Some(found) = all.iter().find(|tariff| called(tariff, name)) {
                return Some(found.clone());
            }
        }
        _ => {}
    }
    let names: Vec<String> = all
        .iter()
        .filter_map(|tariff| tariff.find(keys[0]))
        .filter_map(|it| reader.text(&it))
        .collect();
    let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
    let more = if names.len() > NAMES_SHOWN { ", ..." } else { "" };
    let reason = match wanted {
        Some(name) => format!("there is no tariff {name:?} here, but {shown}{more}"),
        None => format!("{} tariffs are here, choose one: {shown}{more}", all.len()),
    };
    reader.wrong(list, Code::Missing, reason);
    None
}
