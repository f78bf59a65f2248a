//! evcc: the site and its charging points, one value a topic.
//!
//! ```text
//! evcc/site/grid/power                    W, + is import
//! evcc/site/battery/power                 W, + is discharge
//! evcc/site/pvPower                       W
//! evcc/loadpoints/<id>/chargePower        W
//! evcc/loadpoints/<id>/chargedEnergy      Wh of the session
//! evcc/loadpoints/<id>/chargeTotalImport  kWh of the charger's meter
//! ```
//!
//! Source: evcc documentation, MQTT API. Its page gives Wh for `chargeTotalImport`; the program
//! publishes the total of the charger's meter, which it keeps in kWh, as it does all totals of
//! meters. `nil` and an empty message are no value.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::quantity::{A, KWH, PERCENT, Quantity as Q, V, W, WH};
use crate::{Payload, Reading, Refusal};

pub(crate) const FORMAT: Format = Format {
    name: "evcc",
    what: "evcc MQTT API: site, PV, battery and charging points",
    topics: &["evcc/#"],
    signing: Signing::Never,
    units: "W, Wh (sessions), kWh (meters), A, %",
    framing: Framing::Values,
    learn: None,
    decode,
};

const SITE: [(&str, Point, What); 11] = [
    ("grid/power", Point::Grid, What::net(Q::ImportPower, W)),
    ("gridPower", Point::Grid, What::net(Q::ImportPower, W)),
    ("grid/energy", Point::Grid, What::of(Q::ImportEnergy, KWH)),
    ("pvPower", Point::Generator, What::net(Q::ExportPower, W)),
    ("pvEnergy", Point::Generator, What::of(Q::ExportEnergy, KWH)),
    ("battery/power", Point::Battery, What::net(Q::ExportPower, W)),
    ("batteryPower", Point::Battery, What::net(Q::ExportPower, W)),
    ("battery/soc", Point::Battery, What::of(Q::StateOfCharge, PERCENT)),
    ("batterySoc", Point::Battery, What::of(Q::StateOfCharge, PERCENT)),
    ("homePower", Point::Load, What::net(Q::ImportPower, W)),
    ("auxPower", Point::Load, What::net(Q::ImportPower, W)),
];

/// Devices of the site that are numbered: `pv/1/power`.
const NUMBERED: [(&str, &str, Point, What); 6] = [
    ("pv", "power", Point::Generator, What::net(Q::ExportPower, W)),
    ("pv", "energy", Point::Generator, What::of(Q::ExportEnergy, KWH)),
    ("battery", "power", Point::Battery, What::net(Q::ExportPower, W)),
    ("battery", "soc", Point::Battery, What::of(Q::StateOfCharge, PERCENT)),
    ("aux", "power", Point::Load, What::net(Q::ImportPower, W)),
    ("ext", "power", Point::Unstated, What::net(Q::ImportPower, W)),
];

const LOADPOINT: [(&str, What); 5] = [
    ("chargePower", What::net(Q::ImportPower, W)),
    ("chargedEnergy", What::of(Q::PeriodImportEnergy, WH)),
    ("sessionEnergy", What::of(Q::PeriodImportEnergy, WH)),
    ("chargeTotalImport", What::of(Q::ImportEnergy, KWH)),
    ("vehicleSoc", What::of(Q::StateOfCharge, PERCENT)),
];

/// Lists by phase: `chargeCurrents/1` or `chargeCurrents/l1`.
const BY_PHASE: [(&str, What); 5] = [
    ("chargeCurrents", What::of(Q::Current, A)),
    ("chargeVoltages", What::of(Q::Voltage, V)),
    ("currents", What::of(Q::Current, A)),
    ("voltages", What::of(Q::Voltage, V)),
    ("powers", What::net(Q::ImportPower, W)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let levels = payload.levels()?;
    let start = levels.iter().position(|level| matches!(*level, "site" | "loadpoints"));
    let Some(start) = start else { return Ok(Vec::new()) };
    let path = levels[start + 1..].join("/");
    let found = match &levels[start..] {
        ["loadpoints", id, rest @ ..] => {
            loadpoint(rest).map(|what| (format!("loadpoints/{id}"), Point::Charger, what))
        }
        ["site", rest @ ..] => site(rest),
        _ => None,
    };
    let text = payload.text()?.trim();
    let (Some((device, point, what)), false) = (found, matches!(text, "" | "nil" | "null")) else {
        return Ok(Vec::new());
    };
    let refuse = |reason: crate::Reason| reason.of_at(&path, 0);
    let number = Number::parse(text).map_err(refuse)?;
    let mut collected = Collected::default();
    let about = About::device(Some(&device), point);
    collected.add(&about, what, &number, &path).map_err(refuse)?;
    Ok(collected.into_readings())
}

fn loadpoint(rest: &[&str]) -> Option<What> {
    match rest {
        [name] => LOADPOINT.iter().find(|(known, _)| known == name).map(|(_, what)| *what),
        [list, phase] => by_phase(list, phase),
        _ => None,
    }
}

fn site(rest: &[&str]) -> Option<(String, Point, What)> {
    let name = rest.join("/");
    if let Some((_, point, what)) = SITE.iter().find(|(known, ..)| *known == name) {
        return Some(("site".to_owned(), *point, *what));
    }
    match rest {
        ["grid", list, phase] => Some(("site".to_owned(), Point::Grid, by_phase(list, phase)?)),
        [kind, number, name] | [kind, "devices", number, name] => {
            let known = NUMBERED.iter().find(|(of, known, ..)| of == kind && known == name);
            known.map(|(.., point, what)| (format!("site/{kind}/{number}"), *point, *what))
        }
        _ => None,
    }
}

fn by_phase(list: &str, phase: &str) -> Option<What> {
    let number = phase.trim_start_matches(['l', 'L']).parse().ok();
    let (_, what) = BY_PHASE.iter().find(|(known, _)| *known == list)?;
    Some(What { phase: Some(number.and_then(Phase::number)?), ..*what })
}
