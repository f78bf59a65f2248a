//! Runs the real binary in directories of the test's own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use billing::domain::verify::Trust;
use serde_json::Value;
use tempfile::TempDir;

/// How a finished program ended.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program with these arguments; its environment sets no log filter.
pub fn wattex(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattex"));
    command.args(arguments).env_remove("WATTEX_LOG").stdin(Stdio::null());
    command
}

/// Runs `command` to its end.
pub fn run(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
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
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `command` and reads what it prints.
    pub fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// The next line that contains `part`; the test fails where the program ends before.
    pub fn line_with(&mut self, part: &str) -> String {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.contains(part) {
                return line;
            }
            line.clear();
        }
        panic!("the program ended without {part:?}");
    }

    /// Sends the signal of Ctrl-C and waits for the end; the exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
