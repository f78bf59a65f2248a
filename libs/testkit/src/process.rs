//! Child processes that end: on their own within a time, or with the test.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a process may take to end after it was asked to, before it is killed; and its output to
/// come to its end after the process.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// The first pause between two looks at whether a process has ended; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Lines from the end of what a process said that an error quotes.
const TAIL_LINES: usize = 40;

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

/// One of the two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A process whose output is read as it comes, so that it never waits for a reader. Whatever
/// happens to the test, it is gone when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    out: Output,
    err: Output,
    /// The signal that asks it to end, where it has something to tidy up.
    asks: Option<&'static str>,
}

/// What came out of a process: all of it, and the lines that nobody took yet.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<String>>,
    lines: Receiver<String>,
}

impl Output {
    fn of(source: impl Read + Send + 'static) -> Output {
        let text = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = channel();
        let kept = text.clone();
        thread::spawn(move || {
            let (mut reader, mut bytes) = (BufReader::new(source), Vec::new());
            // An output that cannot be read any more is at its end.
            while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                let line = String::from_utf8_lossy(&bytes).into_owned();
                kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
                // Nobody may want the lines: reading goes on all the same.
                let _ = sender.send(line);
                bytes.clear();
            }
        });
        Output { text, lines }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Process {
    /// Starts `command` without an input.
    pub fn start(command: Command) -> Result<Process> {
        Process::with(command, Stdio::null())
    }

    /// Starts `command` with an input that nothing comes by and that ends at
    /// [`Process::end_input`].
    pub fn start_with_input(command: Command) -> Result<Process> {
        Process::with(command, Stdio::piped())
    }

    fn with(mut command: Command, input: Stdio) -> Result<Process> {
        let name = format!("{command:?}");
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("starting {name}; has ./justw tools run?"))?;
        let input = child.stdin.take();
        let outputs = (child.stdout.take(), child.stderr.take());
        let (Some(out), Some(err)) = outputs else { unreachable!("both are piped") };
        let (out, err) = (Output::of(out), Output::of(err));
        Ok(Process { name, child, input, out, err, asks: None })
    }

    /// When dropped it is asked to end with `signal`, and killed only if it does not.
    pub(crate) fn asked_to_end_with(mut self, signal: &'static str) -> Process {
        self.asks = Some(signal);
        self
    }

    /// Ends its input, if it has one.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The next line of `stream`, with its end of line; `None` where the stream is at its end. An
    /// error with what the process said where nothing comes before `deadline`.
    pub fn line(&mut self, stream: Stream, deadline: Instant) -> Result<Option<String>> {
        let output = if stream == Stream::Out { &self.out } else { &self.err };
        match output.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("{} says no more\n{}", self.name, self.tail()),
        }
    }

    /// The next line of `stream` that contains `part`; an error with what the process said where it
    /// ends before, or is not `within` this time.
    pub fn line_with(&mut self, stream: Stream, part: &str, within: Duration) -> Result<String> {
        let deadline = Instant::now() + within;
        while let Some(line) =
            self.line(stream, deadline).with_context(|| format!("no {part:?} within {within:?}"))?
        {
            if line.contains(part) {
                return Ok(line);
            }
        }
        let status = self.status_within(GONE_WITHIN)?;
        let ended = status.map_or("closed its output".to_owned(), |status| status.to_string());
        bail!("{}: {ended} without {part:?}\n{}", self.name, self.tail())
    }

    /// Sends it a signal by its name, such as `INT`, which is Ctrl-C.
    pub fn signal(&self, signal: &str) -> Result<()> {
        // The shell's own `kill`: not every machine has the program.
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &self.id().to_string()]);
        let sent = kill.stderr(Stdio::null()).status().context("sh")?;
        if !sent.success() {
            bail!("{} cannot be sent {signal}", self.name);
        }
        Ok(())
    }

    /// Waits until it has ended; where that takes longer than `within` it is killed, and what it
    /// said is in the error.
    pub fn end(mut self, within: Duration) -> Result<Ended> {
        let Some(status) = self.status_within(within)? else {
            let tail = self.tail();
            bail!("{} still ran after {within:?} and was killed\n{tail}", self.name);
        };
        let deadline = Instant::now() + GONE_WITHIN;
        for stream in [Stream::Out, Stream::Err] {
            while self.line(stream, deadline)?.is_some() {}
        }
        Ok(Ended { code: status.code(), out: self.out.text(), err: self.err.text() })
    }

    /// Its status; `None` where it runs on after `within`.
    fn status_within(&mut self, within: Duration) -> Result<Option<ExitStatus>> {
        let (deadline, mut pause) = (Instant::now() + within, PAUSE_FIRST);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::park_timeout(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The last lines of both outputs.
    fn tail(&self) -> String {
        let mut tail = String::new();
        for (name, output) in [("output", &self.out), ("errors", &self.err)] {
            let text = output.text();
            let lines: Vec<&str> = text.lines().collect();
            if !lines.is_empty() {
                let shown = &lines[lines.len().saturating_sub(TAIL_LINES)..];
                let _ = writeln!(tail, "-- end of its {name}:\n{}", shown.join("\n"));
            }
        }
        tail
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whatever fails here, the process is gone already.
        if let Some(signal) = self.asks
            && matches!(self.child.try_wait(), Ok(None))
            && self.signal(signal).is_ok()
            && self.status_within(GONE_WITHIN).is_ok_and(|status| status.is_some())
        {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end; where that takes longer than `within` it is killed, and what it said
/// is in the error.
pub fn finish(command: Command, within: Duration) -> Result<Ended> {
    Process::start(command)?.end(within)
}
