//! Modules by name, from the CEC's catalogue as SAM and pvlib publish it, or from one's own file.

use crate::diode::BadParameter;
use crate::module::{Module, Written};
use crate::table::{Line, Malformed, Table};

/// How many names an answer suggests.
const SUGGESTIONS_MAX: usize = 5;

/// A catalogue of modules.
#[derive(Debug)]
pub struct Catalogue {
    table: Table,
    columns: Columns,
}

#[derive(Debug)]
struct Columns {
    name: usize,
    technology: Option<usize>,
    cells: Option<usize>,
    numbers: [usize; 6],
    adjust: Option<usize>,
    noct: Option<usize>,
}

/// Why there is no such module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoModule {
    /// The file is not in order.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No module has this name.
    #[error("no module {name:?}{}", suggested(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that contain its words.
        nearest: Vec<String>,
    },
    /// The module's parameters make no generator.
    #[error("module {name:?}: {reason}")]
    Parameter {
        /// Which module.
        name: String,
        /// Which parameter.
        reason: BadParameter,
    },
}

impl NoModule {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            NoModule::Malformed(malformed) => malformed.code(),
            NoModule::Unknown { .. } => "mppt.module.unknown",
            NoModule::Parameter { reason, .. } => reason.code(),
        }
    }
}

fn suggested(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(", ")) }
}

/// A name as it is compared: pvlib writes `_` for everything that is no letter or digit.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

impl Catalogue {
    /// Reads a catalogue: a CSV file with the columns `Name`, `alpha_sc`, `a_ref`, `I_L_ref`,
    /// `I_o_ref`, `R_s`, `R_sh_ref`, and perhaps `Technology`, `N_s`, `Adjust` (percent) and
    /// `T_NOCT`. SAM's lines of units and of variable names are passed over.
    ///
    /// # Errors
    /// [`Malformed`] where a column is missing or the file is no table.
    pub fn read(bytes: &[u8]) -> Result<Catalogue, Malformed> {
        let table = Table::read(bytes)?;
        let column = |name| table.column(name);
        let columns = Columns {
            name: column("Name")?,
            technology: column("Technology").ok(),
            cells: column("N_s").ok(),
            numbers: [
                column("alpha_sc")?,
                column("a_ref")?,
                column("I_L_ref")?,
                column("I_o_ref")?,
                column("R_s")?,
                column("R_sh_ref")?,
            ],
            adjust: column("Adjust").ok(),
            noct: column("T_NOCT").ok(),
        };
        Ok(Catalogue { table, columns })
    }

    /// The lines that describe a module.
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let name = self.columns.name;
        let is_module = move |line: &Line| {
            !matches!(line.text(name), "Units") && !line.text(name).starts_with('[')
        };
        self.table.lines().filter(is_module)
    }

    /// The names of all its modules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines().map(|line| line.text(self.columns.name))
    }

    /// The module with this name, in any case and with any signs between letters and digits.
    ///
    /// # Errors
    /// [`NoModule`].
    pub fn module(&self, name: &str) -> Result<Module, NoModule> {
        let wanted = plain(name);
        let found = self.lines().find(|line| plain(line.text(self.columns.name)) == wanted);
        let Some(line) = found else {
            let words: Vec<&str> = wanted.split('_').filter(|word| !word.is_empty()).collect();
            let is_near = |name: &&str| words.iter().all(|word| plain(name).contains(word));
            let near = self.names().filter(is_near).take(SUGGESTIONS_MAX);
            let nearest = near.map(str::to_owned).collect();
            return Err(NoModule::Unknown { name: name.to_owned(), nearest });
        };
        self.described(&line)
    }

    /// All modules, in the order of the file.
    pub fn modules(&self) -> impl Iterator<Item = Result<Module, NoModule>> {
        self.lines().map(|line| self.described(&line))
    }

    fn described(&self, line: &Line) -> Result<Module, NoModule> {
        let mut numbers = [0.0; 6];
        for (number, column) in numbers.iter_mut().zip(self.columns.numbers) {
            *number = line.number(column)?;
        }
        let [alpha_sc, a_ref, light, saturation, series, shunt] = numbers;
        let optional =
            |column: Option<usize>| column.map_or(Ok(None), |column| line.number_or_gap(column));
        let name = line.text(self.columns.name).to_owned();
        let written = Written {
            name: name.clone(),
            technology: self.columns.technology.map_or("", |place| line.text(place)).to_owned(),
            cells_in_series: self.columns.cells.and_then(|place| line.text(place).parse().ok()),
            alpha_sc,
            a_ref,
            I_L_ref: light,
            I_o_ref: saturation,
            R_s: series,
            R_sh_ref: shunt,
            Adjust: optional(self.columns.adjust)?.unwrap_or(0.0),
            T_NOCT: optional(self.columns.noct)?,
        };
        Module::try_from(written).map_err(|reason| NoModule::Parameter { name, reason })
    }
}
