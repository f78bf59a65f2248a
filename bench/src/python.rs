//! The peers that are Python programs, in environments of their own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How long a download may take.
const INSTALL_WITHIN: Duration = Duration::from_secs(600);
/// How long a program may take.
const RUN_WITHIN: Duration = Duration::from_secs(600);

/// Where what the bench makes for itself lies.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench")
}

/// A Python with the packages.
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// Installs the packages into the environment `name`, where they are not there in these
    /// versions.
    pub(crate) fn install(name: &str, packages: &[&str]) -> Result<Self> {
        let environment = folder().join(name);
        let python = Self { program: environment.join("bin/python") };
        let installed = environment.join("installed");
        let wanted = packages.join(" ");
        if std::fs::read_to_string(&installed).is_ok_and(|packages| packages == wanted) {
            return Ok(python);
        }
        eprintln!("installing {wanted} into {}", environment.display());
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        finish(venv, INSTALL_WITHIN)?;
        let mut pip = Command::new(&python.program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        finish(pip, INSTALL_WITHIN)?;
        std::fs::write(installed, wanted).context("noting what is installed")?;
        Ok(python)
    }

    /// What a program of ours, by its path below `bench/src`, says on one thread.
    pub(crate) fn run(&self, program: &str, words: &[&OsStr]) -> Result<String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(program);
        let mut python = Command::new(&self.program);
        python.arg(source).args(words);
        python.env("POLARS_MAX_THREADS", "1").env("OMP_NUM_THREADS", "1");
        finish(python, RUN_WITHIN)
    }
}

fn finish(command: Command, within: Duration) -> Result<String> {
    let what = format!("{command:?}");
    let ended = testkit::finish(command, within)?;
    ensure!(ended.code == Some(0), "{what}: {}", ended.err);
    Ok(ended.out)
}
