//! Runs the real binary in directories of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use billing::domain::verify::Trust;
use serde_json::Value;
use tempfile::TempDir;
pub use testkit::Ended;
use testkit::{Process, Stream};

/// What takes longer hangs: the program is killed, and the test fails with its last words.
pub const RUN_WITHIN: Duration = Duration::from_secs(1_200);
/// How long the program may take to stop after it was asked to.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// The program with these arguments; its environment sets no log filter and no origins.
pub fn wattex(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattex"));
    command.args(arguments).env_remove("WATTEX_LOG").env_remove("WATTEX_ORIGINS");
    command
}

/// Runs `command` to its end.
pub fn run(command: Command) -> Ended {
    testkit::finish(command, RUN_WITHIN).unwrap_or_else(|error| panic!("{error:#}"))
}

/// A folder for one demo: its directory, its figures and its bills.
pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn directory(&self) -> PathBuf {
        self.path("run")
    }

    /// `wattex demo` here, on a free port.
    pub fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = wattex(&["demo", "--port", "0"]);
        command.arg("--dir").arg(self.directory());
        command.arg("--json").arg(self.path("figures.json"));
        command.arg("--bills").arg(self.path("bills"));
        command.args(arguments);
        command
    }

    /// Runs a demo to its end; its figures.
    pub fn days(&self, arguments: &[&str]) -> Value {
        let mut command = self.demo(arguments);
        command.arg("--exit");
        let ended = run(command);
        assert_eq!(ended.code, Some(0), "{arguments:?}\n{}{}", ended.out, ended.err);
        self.figures()
    }

    pub fn figures(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("figures.json")).unwrap()).unwrap()
    }

    /// The bill files, by name.
    pub fn bills(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("bills")).unwrap();
        let mut bills: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("INV-"))
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        bills.sort();
        bills
    }

    pub fn trust(&self) -> Trust {
        let text = fs::read_to_string(self.path("bills").join("trust.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// A program at work: killed when the test lets go of it.
pub struct Running(Process);

impl Running {
    /// Starts `command` and reads what it prints.
    pub fn start(command: Command) -> Running {
        Running(Process::start(command).unwrap())
    }

    /// The next line that contains `part`; the test fails where the program ends before, or says
    /// nothing of the kind for too long.
    pub fn line_with(&mut self, part: &str) -> String {
        self.line_of(Stream::Out, part)
    }

    /// The same of one of its outputs.
    pub fn line_of(&mut self, stream: Stream, part: &str) -> String {
        let line = self.0.line_with(stream, part, RUN_WITHIN);
        line.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Whole lines of its errors that came since somebody looked last.
    pub fn said(&mut self) -> Vec<String> {
        let next = || self.0.line(Stream::Err, Instant::now()).ok().flatten();
        std::iter::from_fn(next).collect()
    }

    /// Sends it a signal by its name.
    pub fn signal(&self, signal: &str) {
        self.0.signal(signal).unwrap();
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends the signal of Ctrl-C and waits for the end; the exit code.
    pub fn interrupt(self) -> Option<i32> {
        self.ended_by("INT").code
    }

    /// Sends a signal and waits for the end.
    pub fn ended_by(self, signal: &str) -> Ended {
        self.signal(signal);
        self.0.end(STOP_WITHIN).unwrap_or_else(|error| panic!("{error:#}"))
    }
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
