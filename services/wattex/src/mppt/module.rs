//! Which module: of a catalogue, of a file, or the one that is built in.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use mppt::{Catalogue, Module};

use super::{argument, bytes, fault};

/// Options that name a module.
#[derive(Args)]
pub(super) struct Options {
    /// A module: its name in the catalogue, or a JSON file of its parameters (`I_L_ref`,
    /// `I_o_ref`, `a_ref`, `R_s`, `R_sh_ref`, `alpha_sc`, and perhaps `Adjust`, `T_NOCT`, `name`).
    #[arg(long, value_name = "NAME|FILE")]
    module: Option<String>,
    /// The CEC's catalogue of modules as SAM and pvlib publish it: a CSV file.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Modules in a string.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) series: u32,
    /// Strings.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) strings: u32,
}

/// A module of 250 W as it was sold in great numbers: 60 cells of polycrystalline silicon.
const BUILT_IN: &str = r#"{"name": "250 W, 60 cells", "technology": "Multi-c-Si",
    "cells_in_series": 60, "I_L_ref": 8.70, "I_o_ref": 2.0e-10, "a_ref": 1.56, "R_s": 0.35,
    "R_sh_ref": 300, "alpha_sc": 0.0035, "T_NOCT": 45}"#;

impl Options {
    /// The module that is named; `None` where none is.
    pub(super) fn named(&self) -> Result<Option<Module>> {
        let Some(name) = &self.module else {
            return Ok(None);
        };
        if let Some(path) = &self.catalogue {
            let catalogue = Catalogue::read(&bytes(path)?).map_err(|error| fault(path, error))?;
            return Ok(Some(catalogue.module(name).map_err(argument)?));
        }
        if !name.ends_with(".json") {
            let why = "--module: a name needs --catalogue, a file of parameters ends in .json";
            return Err(argument(why).into());
        }
        let path = PathBuf::from(name);
        let module: Module =
            serde_json::from_slice(&bytes(&path)?).map_err(|error| fault(&path, error))?;
        Ok(Some(module))
    }

    /// The module that is named, or the built-in one.
    pub(super) fn module(&self) -> Result<Module> {
        Ok(match self.named()? {
            Some(module) => module,
            None => serde_json::from_str(BUILT_IN)?,
        })
    }
}
