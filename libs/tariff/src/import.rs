//! Tariff files of all kinds, as sheets.
//!
//! | form | how it is known |
//! |---|---|
//! | our sheet, or its versions | `energy`, `fixed` or `demand` beside `id` and `currency` |
//! | terms of the exchange ([`Tariff`]) | `fixed_per_day` |
//! | URDB, versions 3 to 8 | `energyratestructure` and others; also in `items`, `urdb_response` |
//! | SAM's Utilityrate5 variables | `ur_ec_tou_mat` |
//! | REopt's monthly rates | `monthly_energy_rates` |
//! | a feed of prices (Octopus REST) | `results` with `valid_from` |
//! | windows with `dow_mask` (ACN portal) | `schedule` |
//! | Australian retail and network tariffs (UNSW) | `Tariffs` |
//!
//! All are JSON. Tariffs in TOML are not read, and told to be that.

mod acn;
mod feed;
mod reopt;
mod sam;
mod terms;
mod unsw;
mod urdb;

use alloy_primitives::B256;

pub(crate) use terms::{tariff as read_terms, walk};
use urdb::Unrated;

use crate::Spot;
use crate::json::{self, NotJson, Value};
use crate::problem::{Code, Problems};
use crate::reader::{Field, Reader};
use crate::sheet::{Sheet, sheets};

/// How deep a rate may lie inside another document.
const WRAPPED_DEPTH_MAX: usize = 6;

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Our own sheet.
    Sheet,
    /// Terms of the exchange.
    Terms,
    /// OpenEI's Utility Rate Database.
    Urdb,
    /// Variables of SAM's Utilityrate5.
    Sam,
    /// Monthly rates of a REopt scenario.
    Reopt,
    /// A feed of prices.
    Feed,
    /// Windows of the ACN portal.
    Acn,
    /// Australian tariffs.
    Unsw,
}

/// A tariff file that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The versions of the tariff in it.
    pub sheets: Vec<Sheet>,
    /// What kind of file it is.
    pub form: Form,
    /// What a reader of the bill should know: fields that are not rated, what was assumed.
    pub notes: Vec<String>,
    /// Keccak-256 of the canonical document.
    pub hash: B256,
}

impl Form {
    /// The form as machines read it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Sheet => "sheet",
            Form::Terms => "terms",
            Form::Urdb => "urdb",
            Form::Sam => "sam_utilityrate5",
            Form::Reopt => "reopt_monthly",
            Form::Feed => "price_feed",
            Form::Acn => "acn",
            Form::Unsw => "unsw",
        }
    }
}

/// Reads a tariff file of any known form. `wanted` names the tariff where a file has several.
///
/// # Errors
/// Every problem of the file, each with its field, line and column.
pub fn read(text: &str, wanted: Option<&str>) -> Result<Document, Problems> {
    let root = json::parse(text).map_err(|fault| toml(text).unwrap_or(fault))?;
    let hash = root.hash();
    let mut reader = Reader::new(text);
    let found = form_of(&Field::root(&root), 0);
    let read = match found {
        Some((form, field)) => {
            let sheets = read_form(&mut reader, form, &field, wanted, text);
            sheets.map(|sheets| (form, sheets))
        }
        None => {
            unknown(&mut reader, &Field::root(&root));
            None
        }
    };
    let ((form, sheets), notes) = reader.finish(read)?;
    Ok(Document { sheets, form, notes, hash })
}

/// Reads a price series: a feed of prices, or a list of `from`, `to` and `price`.
///
/// # Errors
/// As [`read`].
pub fn read_prices(text: &str) -> Result<Vec<Spot>, Problems> {
    let root = json::parse(text)?;
    let mut reader = Reader::new(text);
    let field = Field::root(&root);
    let spots = feed::prices(&mut reader, &field);
    reader.finish(spots).map(|(spots, _)| spots)
}

/// What is said of a file that is no JSON and looks like TOML: its first line of substance is the
/// head of a table, or a key and its value.
fn toml(text: &str) -> Option<NotJson> {
    let mut lines = (1..).zip(text.lines());
    let of_substance = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let (line, first) = lines.find(|(_, line)| of_substance(line))?;
    let bare = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-\"' ".contains(c);
        !name.trim().is_empty() && name.chars().all(plain)
    };
    let first = first.trim();
    let table = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let named = match table {
        Some(table) => bare(table.trim_start_matches('[').trim_end_matches(']')),
        None => first.split_once('=').is_some_and(|(key, _)| bare(key)),
    };
    let reason = "this is TOML, which is not read: tariffs are JSON".to_owned();
    named.then_some(NotJson { line, column: 1, reason })
}

fn read_form<'a>(
    reader: &mut Reader<'a>,
    form: Form,
    field: &Field<'a>,
    wanted: Option<&str>,
    text: &str,
) -> Option<Vec<Sheet>> {
    match form {
        Form::Sheet => sheets(reader, field),
        Form::Terms => {
            terms::tariff(reader, field, text).map(|tariff| vec![tariff.sheet().clone()])
        }
        Form::Urdb => urdb::sheet(reader, field, wanted, Unrated::Noted).map(|sheet| vec![sheet]),
        Form::Sam => sam::sheet(reader, field).map(|sheet| vec![sheet]),
        Form::Reopt => reopt::sheet(reader, field).map(|sheet| vec![sheet]),
        Form::Feed => feed::sheet(reader, field).map(|sheet| vec![sheet]),
        Form::Acn => acn::sheet(reader, field).map(|sheet| vec![sheet]),
        Form::Unsw => unsw::sheet(reader, field, wanted).map(|sheet| vec![sheet]),
    }
}

/// A rate of the Utility Rate Database that is to be published, wherever in the document it is.
/// Charges that are not rated are faults.
pub(crate) fn read_rate<'a>(reader: &mut Reader<'a>, root: &Field<'a>) -> Option<Sheet> {
    match form_of(root, 0) {
        Some((Form::Urdb, field)) => urdb::sheet(reader, &field, None, Unrated::Refused),
        _ => {
            let reason = "this is no rate of the Utility Rate Database";
            reader.wrong(root, Code::UnknownForm, reason);
            None
        }
    }
}

/// What kind of file it is, and where in it the tariff begins.
fn form_of<'a>(field: &Field<'a>, depth: usize) -> Option<(Form, Field<'a>)> {
    let here = |form| Some((form, field.clone()));
    let first = field.items().and_then(|items| items.first().cloned());
    if let Some(first) = first {
        return match form_of(&first, depth + 1) {
            Some((Form::Sheet, _)) => here(Form::Sheet),
            Some((Form::Unsw, unsw)) => Some((Form::Unsw, unsw)),
            _ => None,
        };
    }
    let has = |keys: &[&str]| keys.iter().any(|key| field.find(key).is_some());
    if has(&["fixed_per_day"]) {
        return here(Form::Terms);
    }
    if has(&["ur_ec_tou_mat"]) {
        return here(Form::Sam);
    }
    if has(&urdb::STRUCTURES) || has(&["items"]) {
        return here(Form::Urdb);
    }
    if has(&["Tariffs"]) {
        return here(Form::Unsw);
    }
    if has(&["results"]) {
        return here(Form::Feed);
    }
    if has(&["monthly_energy_rates", "blended_annual_energy_rate"]) {
        return here(Form::Reopt);
    }
    if has(&["schedule"]) && !has(&["currency"]) {
        return here(Form::Acn);
    }
    if has(&["energy", "fixed", "demand"]) && has(&["currency", "id", "format"]) {
        return here(Form::Sheet);
    }
    if depth >= WRAPPED_DEPTH_MAX {
        return None;
    }
    let inner = field
        .members()
        .into_iter()
        .filter(|(_, member)| matches!(member.node.value, Value::Object(_)));
    inner.into_iter().find_map(|(_, member)| form_of(&member, depth + 1))
}

fn unknown<'a>(reader: &mut Reader<'a>, root: &Field<'a>) {
    if let Some((field, label)) = labelled(root) {
        let reason = format!(
            "this names the rate {label} of the Utility Rate Database and does not contain it"
        );
        reader.wrong(&field, Code::UnknownForm, reason);
        return;
    }
    let reason = "no tariff of a known form: neither a sheet, URDB, SAM, a price feed nor another";
    reader.wrong(root, Code::UnknownForm, reason);
}

/// Where a document names a rate by its label.
fn labelled<'a>(field: &Field<'a>) -> Option<(Field<'a>, String)> {
    field.members().into_iter().find_map(|(key, member)| match &member.node.value {
        Value::Text(label) if key == "urdb_label" => Some((member.clone(), label.clone())),
        _ => labelled(&member),
    })
}
