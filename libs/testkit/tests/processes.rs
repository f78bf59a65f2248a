//! Processes end with the test or when their time is over, and say why.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{NatsServer, Process, Stream, finish};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// For what never happens.
const SHORT: Duration = Duration::from_millis(200);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn is_there(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn a_finished_process_tells_its_code_and_both_outputs() {
    let ended = finish(shell("echo one; echo two >&2; printf three; exit 7"), PATIENCE).unwrap();
    assert_eq!((ended.code, &*ended.out, &*ended.err), (Some(7), "one\nthree", "two\n"));
    let ended = finish(shell("kill -s KILL $$"), PATIENCE).unwrap();
    assert_eq!(ended.code, None);
    // More than a pipe holds, which nobody takes line by line.
    let ended = finish(shell("head -c 300000 /dev/zero | tr '\\0' x"), PATIENCE).unwrap();
    assert_eq!(ended.out.len(), 300_000);
}

#[test]
fn a_process_that_hangs_is_killed_and_its_last_words_are_told() {
    let mut process = Process::start(shell("echo begun; echo odd >&2; exec sleep 1000")).unwrap();
    assert_eq!(process.line(Stream::Out, Instant::now() + PATIENCE).unwrap().unwrap(), "begun\n");
    process.line_with(Stream::Err, "odd", PATIENCE).unwrap();
    let (id, began) = (process.id(), Instant::now());
    let error = process.end(SHORT).unwrap_err().to_string();
    assert!(began.elapsed() < PATIENCE / 2);
    for part in ["sleep 1000", "killed", "begun", "odd"] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert!(!is_there(id));
}

#[test]
fn a_line_that_never_comes_is_an_error() {
    let mut silent = Process::start(shell("echo begun; exec sleep 1000")).unwrap();
    let error = format!("{:#}", silent.line_with(Stream::Out, "done", SHORT).unwrap_err());
    assert!(error.contains("done") && error.contains("begun"), "{error}");
    let mut ended = Process::start(shell("echo begun; exit 3")).unwrap();
    let error = format!("{:#}", ended.line_with(Stream::Out, "done", PATIENCE).unwrap_err());
    assert!(error.contains("done") && error.contains("begun") && error.contains('3'), "{error}");
}

#[test]
fn a_signal_arrives() {
    let script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.01; done";
    let mut process = Process::start(shell(script)).unwrap();
    process.line_with(Stream::Out, "ready", PATIENCE).unwrap();
    assert!(process.runs().unwrap());
    process.signal("INT").unwrap();
    let ended = process.end(PATIENCE).unwrap();
    assert_eq!((ended.code, &*ended.out), (Some(5), "ready\ncaught\n"));
}

#[test]
fn a_test_that_panics_leaves_no_process() {
    let mut id = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let process = Process::start(shell("exec sleep 1000")).unwrap();
        id = process.id();
        assert!(!is_there(id), "this test panics");
    }));
    assert!(outcome.is_err() && id > 0 && !is_there(id));
}

#[test]
fn servers_beside_each_other_have_ports_of_their_own() {
    let [one, two] = [NatsServer::start().unwrap(), NatsServer::start().unwrap()];
    assert_ne!(one.url(), two.url());
}
