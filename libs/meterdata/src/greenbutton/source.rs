//! Bytes of XML, counted, and no more of them for one event than a limit.

use std::io::{self, BufRead, Read};

/// The most bytes of one tag, text or comment.
pub const EVENT_BYTES_MAX: usize = 65_536;

/// What the source says when an event is too long.
#[derive(Debug, thiserror::Error)]
#[error("a tag, text or comment is longer than {EVENT_BYTES_MAX} bytes")]
pub(super) struct TooLong;

/// A source that counts.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: R,
    byte: u64,
    line: u64,
    /// Bytes that the event may still have.
    left: usize,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Source<R> {
        Source { inner, byte: 0, line: 1, left: EVENT_BYTES_MAX }
    }

    /// Another event begins.
    pub(super) fn begin(&mut self) {
        self.left = EVENT_BYTES_MAX;
    }

    /// How many bytes were read.
    pub(super) fn byte(&self) -> u64 {
        self.byte
    }

    /// The line that was reached, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(into.len());
        into[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.inner.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(io::Error::other(TooLong));
        }
        Ok(&available[..available.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        // What is consumed was just shown, so this reads nothing.
        if let Ok(shown) = self.inner.fill_buf() {
            let lines = shown.iter().take(count).filter(|byte| **byte == b'\n').count();
            self.line += lines as u64;
        }
        self.byte += count as u64;
        self.left = self.left.saturating_sub(count);
        self.inner.consume(count);
    }
}
