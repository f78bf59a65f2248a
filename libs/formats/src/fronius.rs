//! Fronius Solar API version 1: inverters, meters, storage and power flow as JSON.
//!
//! ```text
//! {"Head":{"Timestamp":"...","Status":{"Code":0}},"Body":{"Data":{...}}}
//! GetInverterRealtimeData   Data.<NAME> = {"Unit":..,"Value":..} or {"Unit":..,"Values":{"1":..}}
//! GetMeterRealtimeData      Data = a meter, or meters by number
//! GetStorageRealtimeData    Data.Controller, or such by number
//! GetPowerFlowRealtimeData  Data.Site, Data.Inverters
//! ```
//!
//! Source: Fronius Solar API V1 (42,0410,2012). Energy is in Wh. Power of the site: `P_Grid` is
//! positive when taken from the grid, `P_Akku` when the battery gives, `P_Load` when loads give, so
//! it is mostly negative. A meter in the load path (location 1, and the meters of single loads) has
//! the sign of `P_Load`. Totals of the year are left out.

use crate::canonical::{Phase, Point, When};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, ONE, PERCENT, Quantity as Q, Unit, V, VA, VAR, W, WH};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "fronius",
    what: "Fronius Solar API V1: inverters, meters, storage, power flow",
    topics: &[],
    signing: Signing::Never,
    units: "Wh, W, V, A, Hz, %",
    framing: Framing::Documents,
    learn: None,
    decode,
};

const SITE: [(&str, Point, What); 6] = [
    ("P_Grid", Point::Grid, What::net(Q::ImportPower, W)),
    ("P_Load", Point::Load, What::net(Q::ExportPower, W)),
    ("P_Akku", Point::Battery, What::net(Q::ExportPower, W)),
    ("P_PV", Point::Generator, What::net(Q::ExportPower, W)),
    ("E_Day", Point::Generator, What::of(Q::PeriodExportEnergy, WH)),
    ("E_Total", Point::Generator, What::of(Q::ExportEnergy, WH)),
];

const SITE_INVERTER: [(&str, What); 4] = [
    ("P", What::net(Q::ExportPower, W)),
    ("E_Day", What::of(Q::PeriodExportEnergy, WH)),
    ("E_Total", What::of(Q::ExportEnergy, WH)),
    ("SOC", What::of(Q::StateOfCharge, PERCENT)),
];

const INVERTER: [(&str, What); 16] = [
    ("PAC", What::net(Q::ExportPower, W)),
    ("SAC", What::of(Q::ApparentPower, VA)),
    ("TOTAL_ENERGY", What::of(Q::ExportEnergy, WH)),
    ("DAY_ENERGY", What::of(Q::PeriodExportEnergy, WH)),
    ("UAC", What::of(Q::Voltage, V)),
    ("UAC_L1", What::of(Q::Voltage, V).phase(1)),
    ("UAC_L2", What::of(Q::Voltage, V).phase(2)),
    ("UAC_L3", What::of(Q::Voltage, V).phase(3)),
    ("IAC", What::of(Q::Current, A)),
    ("IAC_L1", What::of(Q::Current, A).phase(1)),
    ("IAC_L2", What::of(Q::Current, A).phase(2)),
    ("IAC_L3", What::of(Q::Current, A).phase(3)),
    ("FAC", What::of(Q::Frequency, HZ)),
    ("UDC", What::of(Q::DcVoltage, V)),
    ("IDC", What::of(Q::DcCurrent, A)),
    ("T_AMBIENT", What::of(Q::Temperature, CELSIUS)),
];

/// Meters, and the heating element that is one too; `{}` stands for a phase. What comes first wins
/// where two names say the same.
const METER: [(&str, What); 22] = [
    ("PowerReal_P_Sum", What::net(Q::ImportPower, W)),
    ("PowerReal_P_Phase_{}", What::net(Q::ImportPower, W)),
    ("SMARTMETER_POWERACTIVE_MEAN_SUM_F64", What::net(Q::ImportPower, W)),
    ("PowerReal_PAC_Sum", What::of(Q::ImportPower, W)),
    ("PowerReactive_Q_Sum", What::net(Q::ImportReactivePower, VAR)),
    ("PowerApparent_S_Sum", What::of(Q::ApparentPower, VA)),
    ("EnergyReal_WAC_Sum_Consumed", What::of(Q::ImportEnergy, WH)),
    ("EnergyReal_WAC_Sum_Produced", What::of(Q::ExportEnergy, WH)),
    ("EnergyReal_WAC_Phase_{}_Consumed", What::of(Q::ImportEnergy, WH)),
    ("EnergyReal_WAC_Phase_{}_Produced", What::of(Q::ExportEnergy, WH)),
    ("EnergyReal_WAC_Plus_Absolute", What::of(Q::ImportEnergy, WH)),
    ("EnergyReal_WAC_Minus_Absolute", What::of(Q::ExportEnergy, WH)),
    ("SMARTMETER_ENERGYACTIVE_CONSUMED_SUM_F64", What::of(Q::ImportEnergy, WH)),
    ("SMARTMETER_ENERGYACTIVE_PRODUCED_SUM_F64", What::of(Q::ExportEnergy, WH)),
    ("Voltage_AC_Phase_{}", What::of(Q::Voltage, V)),
    ("Current_AC_Phase_{}", What::of(Q::Current, A)),
    ("Frequency_Phase_Average", What::of(Q::Frequency, HZ)),
    ("PowerFactor_Sum", What::of(Q::PowerFactor, ONE)),
    ("PowerFactor_Phase_{}", What::of(Q::PowerFactor, ONE)),
    ("Voltage_AC_PhaseToPhase_12", What::of(Q::Voltage, V).conductor(Phase::L12)),
    ("Voltage_AC_PhaseToPhase_23", What::of(Q::Voltage, V).conductor(Phase::L23)),
    ("Voltage_AC_PhaseToPhase_31", What::of(Q::Voltage, V).conductor(Phase::L31)),
];

const STORAGE: [(&str, What); 4] = [
    ("StateOfCharge_Relative", What::of(Q::StateOfCharge, PERCENT)),
    ("Voltage_DC", What::of(Q::DcVoltage, V)),
    ("Current_DC", What::of(Q::DcCurrent, A)),
    ("Temperature_Cell", What::of(Q::Temperature, CELSIUS)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let head = root.need("Head")?;
    if let Some(code) = head.find(&["Status", "Code"])
        && code.number()?.whole() != Some(0)
    {
        let text = head.find(&["Status", "Reason"]).map(|text| text.text()).transpose()?;
        return Err(code.refuse(Reason::Device(text.unwrap_or_default().to_owned())));
    }
    let Some(data) = root.find(&["Body", "Data"]).filter(Field::is_object) else {
        return Ok(Vec::new());
    };
    let mut about = About::device(None, Point::Generator);
    if let Some(time) = head.get("Timestamp") {
        about.time = time.time()?;
    }
    let mut collected = Collected::default();
    if let Some(site) = data.get("Site") {
        power_flow(&data, &site, &about, &mut collected)?;
        return Ok(collected.into_readings());
    }
    let number = head.device(&["RequestArguments", "DeviceId"]);
    inverters(&data, number.as_deref(), &about, &mut collected)?;
    for (name, one) in data.fields()? {
        device(&one, name, about.time, &mut collected)?;
    }
    device(&data, number.as_deref().unwrap_or("0"), about.time, &mut collected)?;
    Ok(collected.into_readings())
}

fn power_flow(
    data: &Field,
    site: &Field,
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let named = |name: &str, point| About { time: about.time, ..About::device(Some(name), point) };
    for (name, point, what) in SITE {
        if let Some(field) = site.get(name) {
            field.add(collected, &named("site", point), what)?;
        }
    }
    let Some(inverters) = data.get("Inverters") else { return Ok(()) };
    for (number, inverter) in inverters.fields()? {
        let about = named(&format!("inverter/{number}"), Point::Generator);
        inverter.add_known(collected, &about, &SITE_INVERTER)?;
    }
    Ok(())
}

/// Values of one inverter, or of all by number.
fn inverters(
    data: &Field,
    number: Option<&str>,
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    for (name, known) in INVERTER {
        let Some(field) = data.get(name).filter(Field::is_object) else { continue };
        let named = field.get("Unit").map(|unit| unit.text()).transpose()?;
        let unit = match named {
            Some(text) => {
                Unit::named(text).ok_or_else(|| field.refuse(Reason::Unit(text.to_owned())))?
            }
            None => known.unit,
        };
        let what = What { unit, ..known };
        let of = |number: &str| {
            let device = format!("inverter/{number}");
            About { time: about.time, ..About::device(Some(&device), Point::Generator) }
        };
        if let Some(value) = field.get("Value") {
            value.add(collected, &of(number.unwrap_or("1")), what)?;
        }
        if let Some(values) = field.get("Values") {
            for (number, value) in values.fields()? {
                value.add(collected, &of(number), what)?;
            }
        }
    }
    Ok(())
}

/// A meter, a heating element or a battery, which all say who made them.
fn device(one: &Field, number: &str, time: When, collected: &mut Collected) -> Result<(), Refusal> {
    let controller = one.get("Controller").filter(Field::is_object);
    let is_storage = controller.is_some();
    let fields = controller.unwrap_or(one.clone());
    if fields.get("Details").is_none() {
        return Ok(());
    }
    let kind = if is_storage { "storage" } else { "meter" };
    let mut about = About::device(Some(&format!("{kind}/{number}")), Point::Battery);
    about.device = fields.device(&["Details", "Serial"]).or(about.device);
    about.time = match fields.get("TimeStamp") {
        Some(time) => time.time()?,
        None => time,
    };
    if is_storage {
        return fields.add_known(collected, &about, &STORAGE);
    }
    let location = fields
        .get("Meter_Location_Current")
        .or_else(|| fields.get("SMARTMETER_VALUE_LOCATION_U16"));
    let location = location.map(|location| location.count()).transpose()?;
    about.point = match location {
        Some(0) => Point::Grid,
        Some(3) => Point::Generator,
        _ => Point::Load,
    };
    meter(&fields, &about, collected)
}

fn meter(fields: &Field, about: &About, collected: &mut Collected) -> Result<(), Refusal> {
    let mut seen = Vec::new();
    for (name, what) in METER {
        // Away from the grid what gives is positive.
        let is_turned = what.is_net && about.point != Point::Grid;
        let what = if is_turned { what.reversed() } else { what };
        let phases = if name.contains("{}") { 1..=3 } else { 0..=0 };
        for phase in phases {
            let Some(field) = fields.get(&name.replace("{}", &phase.to_string())) else { continue };
            let what = if phase == 0 { what } else { what.phase(phase) };
            if seen.contains(&(what.quantity, what.phase)) {
                continue;
            }
            seen.push((what.quantity, what.phase));
            field.add(collected, about, what)?;
        }
    }
    Ok(())
}
