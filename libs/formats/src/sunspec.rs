//! SunSpec information models as JSON: inverters, meters, strings, batteries.
//!
//! ```text
//! {"models":[{"ID":1,"Mn":"...","SN":"..."},{"ID":103,"W":1000,"W_SF":0,"WH":12345,"WH_SF":0}]}
//! ```
//!
//! Source: SunSpec models 1, 101 to 103, 111 to 113, 160, 201 to 204, 211 to 214, 701 and 802, in
//! the form of pysunspec2: points by name, as registers have them, so that a point counts ten to
//! the power of its scale factor. `null`, and the value of its type that says so, are no value.
//! Power of inverters (10x, 701) is positive when they give, of meters (20x) when they take:
//! quadrants 1 and 4 are import. Models with floats have no scale factors.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, ONE, PERCENT, Quantity as Q, V, VA, VAR, W, WH};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "sunspec",
    what: "SunSpec models 1, 10x, 11x, 160, 20x, 21x, 701 and 802 as JSON",
    topics: &[],
    signing: Signing::Never,
    units: "by scale factor: Wh, W, VA, var, V, A, Hz",
    framing: Framing::Documents,
    learn: None,
    decode,
};

/// The type of a point: its least and largest value, and the one that says it has none.
#[derive(Debug, Clone, Copy)]
struct Type(i64, i64, i64);

const I16: Type = Type(-32_768, 32_767, -32_768);
const U16: Type = Type(0, 65_535, 65_535);
const U32: Type = Type(0, 4_294_967_295, 4_294_967_295);
/// Accumulators and 64-bit numbers, of which none says that it has no value.
const ACC: Type = Type(0, i64::MAX, i64::MIN);

/// Name, meaning, scale factor, type.
type PointOf = (&'static str, What, &'static str, Type);

const INVERTER: [PointOf; 20] = [
    ("A", What::of(Q::Current, A), "A_SF", U16),
    ("AphA", What::of(Q::Current, A).phase(1), "A_SF", U16),
    ("AphB", What::of(Q::Current, A).phase(2), "A_SF", U16),
    ("AphC", What::of(Q::Current, A).phase(3), "A_SF", U16),
    ("PPVphAB", What::of(Q::Voltage, V).conductor(Phase::L12), "V_SF", U16),
    ("PPVphBC", What::of(Q::Voltage, V).conductor(Phase::L23), "V_SF", U16),
    ("PPVphCA", What::of(Q::Voltage, V).conductor(Phase::L31), "V_SF", U16),
    ("PhVphA", What::of(Q::Voltage, V).phase(1), "V_SF", U16),
    ("PhVphB", What::of(Q::Voltage, V).phase(2), "V_SF", U16),
    ("PhVphC", What::of(Q::Voltage, V).phase(3), "V_SF", U16),
    ("W", What::net(Q::ExportPower, W), "W_SF", I16),
    ("Hz", What::of(Q::Frequency, HZ), "Hz_SF", U16),
    ("VA", What::of(Q::ApparentPower, VA), "VA_SF", I16),
    ("VAr", What::net(Q::ExportReactivePower, VAR), "VAr_SF", I16),
    ("PF", What::of(Q::PowerFactor, PERCENT), "PF_SF", I16),
    ("WH", What::of(Q::ExportEnergy, WH), "WH_SF", ACC),
    ("DCA", What::of(Q::DcCurrent, A), "DCA_SF", U16),
    ("DCV", What::of(Q::DcVoltage, V), "DCV_SF", U16),
    ("TmpCab", What::of(Q::Temperature, CELSIUS), "Tmp_SF", I16),
    ("TmpSnk", What::of(Q::Temperature, CELSIUS), "Tmp_SF", I16),
];

const STRING: [PointOf; 4] = [
    ("DCA", What::of(Q::DcCurrent, A), "DCA_SF", U16),
    ("DCV", What::of(Q::DcVoltage, V), "DCV_SF", U16),
    ("DCW", What::of(Q::ExportPower, W), "DCW_SF", U16),
    ("DCWH", What::of(Q::ExportEnergy, WH), "DCWH_SF", ACC),
];

const METER: [PointOf; 30] = [
    ("A", What::of(Q::Current, A), "A_SF", I16),
    ("AphA", What::of(Q::Current, A).phase(1), "A_SF", I16),
    ("AphB", What::of(Q::Current, A).phase(2), "A_SF", I16),
    ("AphC", What::of(Q::Current, A).phase(3), "A_SF", I16),
    ("PhVphA", What::of(Q::Voltage, V).phase(1), "V_SF", I16),
    ("PhVphB", What::of(Q::Voltage, V).phase(2), "V_SF", I16),
    ("PhVphC", What::of(Q::Voltage, V).phase(3), "V_SF", I16),
    ("PPVphAB", What::of(Q::Voltage, V).conductor(Phase::L12), "V_SF", I16),
    ("PPVphBC", What::of(Q::Voltage, V).conductor(Phase::L23), "V_SF", I16),
    ("PPVphCA", What::of(Q::Voltage, V).conductor(Phase::L31), "V_SF", I16),
    ("Hz", What::of(Q::Frequency, HZ), "Hz_SF", I16),
    ("W", What::net(Q::ImportPower, W), "W_SF", I16),
    ("WphA", What::net(Q::ImportPower, W).phase(1), "W_SF", I16),
    ("WphB", What::net(Q::ImportPower, W).phase(2), "W_SF", I16),
    ("WphC", What::net(Q::ImportPower, W).phase(3), "W_SF", I16),
    ("VA", What::of(Q::ApparentPower, VA), "VA_SF", I16),
    ("VAR", What::net(Q::ImportReactivePower, VAR), "VAR_SF", I16),
    ("PF", What::of(Q::PowerFactor, PERCENT), "PF_SF", I16),
    ("PFphA", What::of(Q::PowerFactor, PERCENT).phase(1), "PF_SF", I16),
    ("PFphB", What::of(Q::PowerFactor, PERCENT).phase(2), "PF_SF", I16),
    ("PFphC", What::of(Q::PowerFactor, PERCENT).phase(3), "PF_SF", I16),
    ("PhV", What::of(Q::Voltage, V), "V_SF", I16),
    ("TotWhExp", What::of(Q::ExportEnergy, WH), "TotWh_SF", ACC),
    ("TotWhExpPhA", What::of(Q::ExportEnergy, WH).phase(1), "TotWh_SF", ACC),
    ("TotWhExpPhB", What::of(Q::ExportEnergy, WH).phase(2), "TotWh_SF", ACC),
    ("TotWhExpPhC", What::of(Q::ExportEnergy, WH).phase(3), "TotWh_SF", ACC),
    ("TotWhImp", What::of(Q::ImportEnergy, WH), "TotWh_SF", ACC),
    ("TotWhImpPhA", What::of(Q::ImportEnergy, WH).phase(1), "TotWh_SF", ACC),
    ("TotWhImpPhB", What::of(Q::ImportEnergy, WH).phase(2), "TotWh_SF", ACC),
    ("TotWhImpPhC", What::of(Q::ImportEnergy, WH).phase(3), "TotWh_SF", ACC),
];

const DER: [PointOf; 29] = [
    ("W", What::net(Q::ExportPower, W), "W_SF", I16),
    ("VA", What::of(Q::ApparentPower, VA), "VA_SF", I16),
    ("Var", What::net(Q::ExportReactivePower, VAR), "Var_SF", I16),
    ("PF", What::of(Q::PowerFactor, ONE), "PF_SF", I16),
    ("A", What::of(Q::Current, A), "A_SF", I16),
    ("LNV", What::of(Q::Voltage, V), "V_SF", U16),
    ("Hz", What::of(Q::Frequency, HZ), "Hz_SF", U32),
    ("TotWhInj", What::of(Q::ExportEnergy, WH), "TotWh_SF", ACC),
    ("TotWhAbs", What::of(Q::ImportEnergy, WH), "TotWh_SF", ACC),
    ("TmpCab", What::of(Q::Temperature, CELSIUS), "Tmp_SF", I16),
    ("WL1", What::net(Q::ExportPower, W).phase(1), "W_SF", I16),
    ("WL2", What::net(Q::ExportPower, W).phase(2), "W_SF", I16),
    ("WL3", What::net(Q::ExportPower, W).phase(3), "W_SF", I16),
    ("PFL1", What::of(Q::PowerFactor, ONE).phase(1), "PF_SF", I16),
    ("PFL2", What::of(Q::PowerFactor, ONE).phase(2), "PF_SF", I16),
    ("PFL3", What::of(Q::PowerFactor, ONE).phase(3), "PF_SF", I16),
    ("AL1", What::of(Q::Current, A).phase(1), "A_SF", I16),
    ("AL2", What::of(Q::Current, A).phase(2), "A_SF", I16),
    ("AL3", What::of(Q::Current, A).phase(3), "A_SF", I16),
    ("VL1", What::of(Q::Voltage, V).phase(1), "V_SF", U16),
    ("VL2", What::of(Q::Voltage, V).phase(2), "V_SF", U16),
    ("VL3", What::of(Q::Voltage, V).phase(3), "V_SF", U16),
    ("VL1L2", What::of(Q::Voltage, V).conductor(Phase::L12), "V_SF", U16),
    ("TotWhInjL1", What::of(Q::ExportEnergy, WH).phase(1), "TotWh_SF", ACC),
    ("TotWhInjL2", What::of(Q::ExportEnergy, WH).phase(2), "TotWh_SF", ACC),
    ("TotWhInjL3", What::of(Q::ExportEnergy, WH).phase(3), "TotWh_SF", ACC),
    ("TotWhAbsL1", What::of(Q::ImportEnergy, WH).phase(1), "TotWh_SF", ACC),
    ("TotWhAbsL2", What::of(Q::ImportEnergy, WH).phase(2), "TotWh_SF", ACC),
    ("TotWhAbsL3", What::of(Q::ImportEnergy, WH).phase(3), "TotWh_SF", ACC),
];

const BATTERY: [PointOf; 3] = [
    ("SoC", What::of(Q::StateOfCharge, PERCENT), "SoC_SF", U16),
    ("SoH", What::of(Q::StateOfHealth, PERCENT), "SoH_SF", U16),
    ("V", What::of(Q::DcVoltage, V), "V_SF", U16),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let models = match root.get("models") {
        Some(models) => models.list()?,
        None if root.is_list() => root.list()?,
        None => vec![(0, root.clone())],
    };
    let mut device = None;
    let (mut collected, mut numbered) = (Collected::default(), Vec::new());
    for (_, model) in models {
        let id = model.need("ID")?.count()?;
        if id == 1 {
            device = model.device(&["SN"]);
        }
        numbered.push((id, model));
    }
    let device = device.or_else(|| root.device(&["did"])).or_else(|| root.device(&["name"]));
    for (id, model) in numbered {
        let about = About::device(device.as_deref(), Point::Generator).channel(&id.to_string());
        match id {
            101..=103 => points(&model, &model, &INVERTER, true, &about, &mut collected)?,
            111..=113 => points(&model, &model, &INVERTER, false, &about, &mut collected)?,
            160 => strings(&model, device.as_deref(), &mut collected)?,
            201..=204 | 211..=214 => {
                let about = About { point: Point::Unstated, ..about };
                points(&model, &model, &METER, id < 210, &about, &mut collected)?;
            }
            701 => points(&model, &model, &DER, true, &about, &mut collected)?,
            802 => {
                let about = About { point: Point::Battery, ..about };
                points(&model, &model, &BATTERY, true, &about, &mut collected)?;
            }
            _ => {}
        }
    }
    Ok(collected.into_readings())
}

/// The inputs of an inverter, each with its tracker.
fn strings(model: &Field, device: Option<&str>, collected: &mut Collected) -> Result<(), Refusal> {
    let Some(modules) = model.get("module") else { return Ok(()) };
    for (place, module) in modules.list()? {
        let number = match module.get("ID") {
            Some(id) => id.count()?.to_string(),
            None => (place + 1).to_string(),
        };
        let about = About::device(device, Point::Generator).channel(&format!("160/{number}"));
        points(model, &module, &STRING, true, &about, collected)?;
    }
    Ok(())
}

/// The points of a group, by the scale factors of its model.
fn points(
    model: &Field,
    group: &Field,
    known: &[PointOf],
    is_scaled: bool,
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    for (name, what, factor, kind) in known {
        let Some(field) = group.get(name) else { continue };
        let mut number = field.number()?;
        if is_scaled {
            let Type(least, most, none) = *kind;
            let whole = number.decimal.to_scale(0).filter(|_| number.text.parse::<i128>().is_ok());
            let raw = whole.ok_or_else(|| field.refuse(Reason::Type("a register's integer")))?;
            if raw == i128::from(none) || raw == i128::from(u64::MAX) {
                continue;
            }
            if raw < i128::from(least) || raw > i128::from(most) {
                return Err(field.refuse(Reason::Range));
            }
            let exponent = scale(model, factor)?;
            number = number.shifted(exponent).map_err(|reason| field.refuse(reason))?;
        }
        field.add_number(collected, about, *what, &number)?;
    }
    Ok(())
}

/// A scale factor, -10 to 10.
fn scale(model: &Field, name: &str) -> Result<i32, Refusal> {
    let field = model.need(name)?;
    let whole = field.number()?.whole();
    let factor = whole.filter(|factor| (-10..=10).contains(factor));
    let factor = factor.and_then(|factor| i32::try_from(factor).ok());
    factor.ok_or_else(|| field.refuse(Reason::Range))
}
