//! What `wattex import` and `wattex export` share: how a file is opened, and what is said about it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};
use calendar::TimeZone;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use meterdata::table::Mapping;
use meterdata::{Refusal, Rejection, nem12};
use serde_json::json;

use crate::data::DataError;
use crate::exit::{ROWS_REJECTED, Trouble};
use crate::stop::Stop;

/// How much is read, and written, at once.
const BUFFER_BYTES: usize = 262_144;
/// The most rejections that are shown; all are counted.
const SHOWN_MAX: usize = 20;
/// The largest mapping, in bytes.
const MAPPING_BYTES_MAX: u64 = 65_536;
/// The exit code of a program whose reader went away, as a shell shows it.
const READER_GONE: u8 = 141;

/// Formats of utilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// AEMO's meter data file: Australia.
    Nem12,
    /// NAESB ESPI as an Atom feed: Green Button.
    Greenbutton,
    /// CSV of any shape; needs `--mapping`.
    Csv,
}

/// A file and where it is, for people.
pub struct Source {
    /// What is read.
    pub reader: Box<dyn BufRead>,
    /// Its length, where it has one.
    length: Option<u64>,
    path: PathBuf,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Source, DataError> {
        if path.as_os_str() == "-" {
            let reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, std::io::stdin()));
            return Ok(Source { reader, length: None, path: "standard input".into() });
        }
        let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| fault(error.to_string()))?;
        let known = file.metadata().map_err(|error| fault(error.to_string()))?;
        if known.is_dir() {
            return Err(fault("it is a folder".to_owned()));
        }
        let length = known.is_file().then_some(known.len());
        let reader = Box::new(BufReader::with_capacity(BUFFER_BYTES, file));
        Ok(Source { reader, length, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A bar on a terminal, unless what is written comes there too; nothing elsewhere.
    pub fn bar(&self) -> ProgressBar {
        if std::io::stdout().is_terminal() {
            return ProgressBar::hidden();
        }
        let Some(length) = self.length else { return ProgressBar::new_spinner() };
        let style = "[{bar:40}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(style).expect("the template is constant");
        ProgressBar::new(length).with_style(style.progress_chars("=> "))
    }
}

/// The error for a file that is not read any further.
pub fn refused(path: &Path, refusal: &Refusal) -> DataError {
    DataError::File { file: path.to_owned(), reason: refusal.to_string() }
}

/// The mapping in a file, with this zone in the place of its own where one is given.
pub fn mapping(path: Option<&Path>, zone: Option<&TimeZone>) -> Result<Mapping> {
    let none = || Trouble::Argument("--format csv needs --mapping".to_owned());
    let path = path.ok_or_else(none)?;
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let known = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?;
    if known.len() > MAPPING_BYTES_MAX {
        return Err(fault(format!("a mapping has {MAPPING_BYTES_MAX} bytes at most")).into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let mut mapping = Mapping::parse(&text).map_err(|bad| fault(bad.to_string()))?;
    if let Some(zone) = zone {
        zone.name().clone_into(&mut mapping.time.zone);
    }
    Ok(mapping)
}

/// Refuses a mapping where none is used.
pub fn no_mapping(path: Option<&Path>) -> Result<(), Trouble> {
    match path {
        None => Ok(()),
        Some(_) => Err(Trouble::Argument("--mapping is for --format csv".to_owned())),
    }
}

/// The clock of NEM12: the market's, where no other is given.
pub fn nem12_zone(zone: Option<&TimeZone>) -> TimeZone {
    zone.cloned().unwrap_or_else(nem12::market_zone)
}

/// Standard output, written in large pieces.
pub struct Output {
    /// What waits.
    pub ready: Vec<u8>,
}

impl Output {
    /// Nothing yet.
    pub fn new() -> Output {
        Output { ready: Vec::with_capacity(2 * BUFFER_BYTES) }
    }

    /// Writes what waits, if it is much or has to be; `Some` where nobody reads any more.
    pub fn write(&mut self, all: bool) -> Result<Option<ExitCode>> {
        if self.ready.len() < BUFFER_BYTES && !all {
            return Ok(None);
        }
        let mut stdout = std::io::stdout().lock();
        let done = stdout.write_all(&self.ready).and_then(|()| stdout.flush());
        self.ready.clear();
        match done {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(Some(ExitCode::from(READER_GONE)))
            }
            Err(error) => Err(error).context("writing to standard output"),
        }
    }
}

/// Rejections: counted by code, the first shown, all written where a file is wanted.
pub struct Tally {
    counts: BTreeMap<&'static str, u64>,
    shown: Vec<String>,
    rejected: u64,
    left_out: u64,
    file: Option<(PathBuf, std::io::BufWriter<File>)>,
}

impl Tally {
    /// Writes rejections to `path`, after what is there where `more` come to it.
    pub fn new(path: Option<&Path>, more: bool) -> Result<Tally, DataError> {
        let open = |path: &Path| {
            let mut options = File::options();
            options.create(true).write(true).append(more).truncate(!more);
            let opened = options.open(path);
            let fault = |error: std::io::Error| DataError::File {
                file: path.to_owned(),
                reason: error.to_string(),
            };
            opened.map(|file| (path.to_owned(), std::io::BufWriter::new(file))).map_err(fault)
        };
        let file = path.map(open).transpose()?;
        let (counts, shown) = (BTreeMap::new(), Vec::new());
        Ok(Tally { counts, shown, rejected: 0, left_out: 0, file })
    }

    /// Takes a rejection.
    pub fn take(&mut self, rejection: &Rejection) -> Result<()> {
        let code = rejection.fault.code;
        let left_out = code.left_out();
        *(if left_out { &mut self.left_out } else { &mut self.rejected }) += 1;
        *self.counts.entry(code.name()).or_default() += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(rejection.to_string());
        }
        if let Some((path, file)) = &mut self.file {
            let line = json!({
                "line": rejection.line,
                "column": rejection.column,
                "field": rejection.fault.field,
                "code": code.name(),
                "left_out": left_out,
                "text": rejection.fault.text,
            });
            writeln!(file, "{line}").with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes what waits, and says on standard error what was rejected.
    pub fn report(&mut self) -> Result<()> {
        if let Some((path, file)) = &mut self.file {
            file.flush().with_context(|| format!("writing {}", path.display()))?;
        }
        eprintln!("rejected  {}", self.rejected);
        eprintln!("left out  {}", self.left_out);
        for (code, count) in &self.counts {
            eprintln!("  {count:>8}  {code}");
        }
        for rejection in &self.shown {
            eprintln!("  {rejection}");
        }
        let all = self.rejected + self.left_out;
        if all > self.shown.len() as u64 {
            eprintln!("  and {} more (--rejected FILE has all)", all - self.shown.len() as u64);
        }
        Ok(())
    }

    /// The exit code, where the file was read to its end.
    pub fn code(&self) -> ExitCode {
        if self.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::from(ROWS_REJECTED) }
    }
}

/// Ctrl-C and SIGTERM: the exit code, once one came; 0 until then.
pub struct Asked(Arc<AtomicU8>);

impl Asked {
    /// Begins to listen.
    pub fn listen() -> Result<Asked> {
        let asked = Arc::new(AtomicU8::new(0));
        let code = Arc::clone(&asked);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut stop = {
            let _inside = runtime.enter();
            Stop::listen()?
        };
        std::thread::spawn(move || {
            code.store(runtime.block_on(stop.asked()), Ordering::Relaxed);
        });
        Ok(Asked(asked))
    }

    /// The exit code, if the program is to end.
    pub fn code(&self) -> Option<ExitCode> {
        let code = self.0.load(Ordering::Relaxed);
        (code != 0).then(|| ExitCode::from(code))
    }
}
