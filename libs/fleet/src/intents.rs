//! What was to be sent, on disk before it is sent, and what was acknowledged of it: lines of JSON.
//!
//! One thread writes for the whole fleet. It takes all that has come, writes it, has the disk keep
//! it and tells those that wait: many meters share one `fdatasync`.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use ids::MeterId;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::script::Fault;

/// Groups of lines that wait for the writer.
const QUEUE_MAX: usize = 4096;
/// Groups that are kept by one `fdatasync`.
const BATCH_MAX: usize = 1024;
/// Bytes of text that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A message is about to be sent, perhaps more than once.
    Sent {
        /// Whose it is.
        meter: MeterId,
        /// Its number among the messages of this meter in this log.
        number: u64,
        /// What is wrong with it on purpose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// What it carries, as hex digits.
        payload: String,
    },
    /// The broker acknowledged a message.
    Acknowledged {
        /// Whose it was.
        meter: MeterId,
        /// Its number.
        number: u64,
    },
}

/// Lines, and who waits until they are on disk.
struct Group {
    lines: String,
    kept: Option<oneshot::Sender<()>>,
}

/// An open log.
#[derive(Clone)]
pub struct Intents {
    writer: mpsc::Sender<Group>,
}

/// The thread that writes a log.
pub struct Keeper(JoinHandle<Result<()>>);

impl Intents {
    /// Begins the log at `path`. A log is of one run: its messages are numbered.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be made.
    pub fn open(path: &Path) -> Result<(Intents, Keeper)> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.with_context(|| format!("making {}", path.display()))?;
        let (writer, groups) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("intents".to_owned());
        let thread = thread.spawn(move || keep(file, groups)).context("starting a thread")?;
        Ok((Intents { writer }, Keeper(thread)))
    }

    /// Writes `entries` and returns when they are on disk.
    ///
    /// # Errors
    /// When the log cannot be written any more.
    pub async fn intend(&self, entries: &[Entry]) -> Result<()> {
        let (kept, told) = oneshot::channel();
        self.send(entries, Some(kept)).await?;
        told.await.map_err(|_| gone())
    }

    /// Writes `entries`; they are on disk some time later.
    ///
    /// # Errors
    /// When the log cannot be written any more.
    pub async fn note(&self, entries: &[Entry]) -> Result<()> {
        self.send(entries, None).await
    }

    async fn send(&self, entries: &[Entry], kept: Option<oneshot::Sender<()>>) -> Result<()> {
        let mut lines = String::new();
        for entry in entries {
            lines += &serde_json::to_string(entry)?;
            lines.push('\n');
        }
        self.writer.send(Group { lines, kept }).await.map_err(|_| gone())
    }
}

impl Keeper {
    /// Waits until all of a log whose meters are gone is on disk.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn finish(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow!("the thread of the log died"))?
    }
}

fn gone() -> anyhow::Error {
    anyhow!("the log cannot be written any more")
}

fn keep(file: File, mut groups: mpsc::Receiver<Group>) -> Result<()> {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut waiting = Vec::new();
    while let Some(first) = groups.blocking_recv() {
        let mut next = Some(first);
        for _ in 0..BATCH_MAX {
            let Some(group) = next else { break };
            file.write_all(group.lines.as_bytes()).context("writing the log")?;
            waiting.extend(group.kept);
            next = groups.try_recv().ok();
        }
        if let Some(group) = next {
            file.write_all(group.lines.as_bytes()).context("writing the log")?;
            waiting.extend(group.kept);
        }
        file.flush().context("writing the log")?;
        // Acknowledgements wait for the next message: without them a check asks for less.
        if !waiting.is_empty() {
            file.get_ref().sync_data().context("keeping the log")?;
        }
        for kept in waiting.drain(..) {
            // Whoever waited may have been ended meanwhile.
            kept.send(()).ok();
        }
    }
    file.flush().and_then(|()| file.get_ref().sync_all()).context("keeping the log")
}
