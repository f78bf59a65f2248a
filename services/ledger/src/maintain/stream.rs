//! A file of blocks: RLP after RLP, as other Ethereum clients export and import them; compressed by
//! gzip if its name ends in `.gz`.

use super::MaintainError;
use chain::Block;
use chain::rules::BLOCK_BYTES_MAX;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read or written at once.
const BUFFER_BYTES: usize = 1 << 20;

fn compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

pub(super) fn fault(path: &Path) -> impl Fn(io::Error) -> MaintainError {
    move |source| MaintainError::File { path: path.to_owned(), source }
}

/// Blocks one after the other.
pub(super) struct Blocks {
    path: PathBuf,
    input: Box<dyn Read>,
    /// Where the next block begins.
    offset: u64,
    read: Arc<AtomicU64>,
    bytes: u64,
}

impl Blocks {
    pub(super) fn open(path: &Path) -> Result<Self, MaintainError> {
        let file = File::open(path).map_err(fault(path))?;
        let bytes = file.metadata().map_err(fault(path))?.len();
        let read = Arc::new(AtomicU64::new(0));
        let counted = BufReader::with_capacity(BUFFER_BYTES, Counted { file, read: read.clone() });
        let input: Box<dyn Read> = if compressed(path) {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(counted)))
        } else {
            Box::new(counted)
        };
        Ok(Self { path: path.to_owned(), input, offset: 0, read, bytes })
    }

    /// Bytes of the file that were read, and all of them.
    pub(super) fn progress(&self) -> super::Progress {
        super::Progress { done: self.read.load(Ordering::Relaxed), all: self.bytes }
    }

    /// The next block; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Block>, MaintainError> {
        let mut first = [0];
        if self.read_some(&mut first)? == 0 {
            return Ok(None);
        }
        let mut rlp = first.to_vec();
        let payload = match first[0] {
            short @ 0xc0..=0xf7 => u64::from(short - 0xc0),
            long @ 0xf8.. => {
                let start = rlp.len();
                rlp.resize(start + usize::from(long - 0xf7), 0);
                self.fill(&mut rlp[start..])?;
                let mut length = [0; 8];
                length[8 - (rlp.len() - start)..].copy_from_slice(&rlp[start..]);
                u64::from_be_bytes(length)
            }
            other => return Err(self.refused(format!("{other:#04x}, which begins no block"))),
        };
        let payload = usize::try_from(payload).ok().filter(|bytes| *bytes <= BLOCK_BYTES_MAX);
        let too_long = || format!("a block of more than {BLOCK_BYTES_MAX} bytes");
        let payload = payload.ok_or_else(|| self.refused(too_long()))?;
        let start = rlp.len();
        rlp.resize(start + payload, 0);
        self.fill(&mut rlp[start..])?;
        let decoded = Block::decode_exact(&rlp);
        let block = decoded.map_err(|error| self.refused(format!("no block: {error}")))?;
        self.offset += rlp.len() as u64;
        Ok(Some(block))
    }

    fn read_some(&mut self, bytes: &mut [u8]) -> Result<usize, MaintainError> {
        loop {
            match self.input.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done.map_err(|error| self.broken(error)),
            }
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), MaintainError> {
        self.input.read_exact(bytes).map_err(|error| self.broken(error))
    }

    /// A file that ends too early or is not compressed as its name says is no fault of the disk.
    fn broken(&self, error: io::Error) -> MaintainError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.refused("the end of the file in a block".into()),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                self.refused(format!("no gzip: {error}"))
            }
            _ => fault(&self.path)(error),
        }
    }

    fn refused(&self, found: String) -> MaintainError {
        MaintainError::Stream { offset: self.offset, found }
    }
}

/// A file that says how much of it was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A file in the making: it has its name only when it is whole.
pub(super) struct Sink {
    path: PathBuf,
    unfinished: PathBuf,
    output: Output,
}

enum Output {
    Plain(BufWriter<File>),
    Compressed(GzEncoder<BufWriter<File>>),
}

impl Sink {
    pub(super) fn create(path: &Path) -> Result<Self, MaintainError> {
        let mut unfinished = path.to_owned().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished).map_err(fault(&unfinished))?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let output = if compressed(path) {
            Output::Compressed(GzEncoder::new(file, Compression::default()))
        } else {
            Output::Plain(file)
        };
        Ok(Self { path: path.to_owned(), unfinished, output })
    }

    pub(super) fn write(&mut self, rlp: &[u8]) -> Result<(), MaintainError> {
        let written = match &mut self.output {
            Output::Plain(file) => file.write_all(rlp),
            Output::Compressed(encoder) => encoder.write_all(rlp),
        };
        written.map_err(fault(&self.unfinished))
    }

    pub(super) fn finish(self) -> Result<(), MaintainError> {
        let Self { path, unfinished, output } = self;
        let finish = || -> io::Result<()> {
            let file = match output {
                Output::Plain(file) => file,
                Output::Compressed(encoder) => encoder.finish()?,
            };
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&unfinished, &path)
        };
        finish().map_err(fault(&path))
    }
}
