//! REopt's short form of a tariff: twelve rates per kWh and per kW, or one for the year.

use crate::reader::{Field, Reader};
use crate::sheet::{
    Across, Class, DemandCharge, DemandPeriod, DemandTier, EnergyCharge, On, Periods, Pricing,
    Reset, Sheet, Tier, TouPeriod,
};
use crate::{UnitPrice, When};

pub(super) fn sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    let mut sheet = Sheet::empty("reopt", "monthly rates", "USD", 2);
    let energy = rates(reader, field, "monthly_energy_rates", "blended_annual_energy_rate");
    let demand = rates(reader, field, "monthly_demand_rates", "blended_annual_demand_rate");
    let rows: Vec<Vec<u8>> = (0..12).map(|month| vec![month]).collect();
    let when = When::Table { weekday: rows.clone(), weekend: rows };
    if let Some(energy) = energy {
        let periods = energy.into_iter().enumerate().map(|(month, (price, source))| TouPeriod {
            name: format!("month {}", month + 1),
            tiers: vec![Tier { max: None, price, source }],
        });
        let pricing = Pricing::Periods(Periods {
            when: when.clone(),
            periods: periods.collect(),
            across: Across::Period,
            reset: Reset::Month,
        });
        let name = "energy".to_owned();
        let (class, on) = (Class::Energy, On::Residual);
        sheet.energy.push(EnergyCharge { name, class, on, netted: true, pricing });
    }
    if let Some(demand) = demand {
        let periods = demand.into_iter().enumerate().map(|(month, (price, source))| DemandPeriod {
            name: format!("month {}", month + 1),
            tiers: vec![DemandTier { max: None, price, source }],
            counts: true,
            ratcheted: true,
        });
        let name = "demand".to_owned();
        sheet.demand.push(DemandCharge { name, when, periods: periods.collect() });
    }
    reader.note("the file says nothing of export: nothing is paid for it");
    Some(sheet)
}

/// Twelve rates, or one for all months.
fn rates<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    monthly: &str,
    annual: &str,
) -> Option<Vec<(UnitPrice, String)>> {
    if let Some(list) = field.get(monthly) {
        let rows = reader.list(&list, 12);
        reader.holds(rows.len() == 12, &list, "twelve rates, one a month");
        let read = |row: &Field<'a>| Some((reader.price(row)?, row.path.clone()));
        let rates: Vec<(UnitPrice, String)> = rows.iter().filter_map(read).collect();
        return (rates.len() == 12).then_some(rates);
    }
    let one = field.get(annual)?;
    let price = reader.price(&one)?;
    Some(vec![(price, one.path.clone()); 12])
}
