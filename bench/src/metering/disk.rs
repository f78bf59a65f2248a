//! What the disk can do: how often it keeps a page of a log.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::measure::percentile;

/// How long it is asked.
const FOR: Duration = Duration::from_secs(1);
/// What is kept at a time: a page of SQLite.
const BYTES: usize = 4096;

/// `fdatasync` a second, and the milliseconds that 99 of 100 take at most.
pub(crate) fn syncs(folder: &Path) -> Result<(f64, f64)> {
    let mut file = File::create(folder.join("syncs"))?;
    let page = [7; BYTES];
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < FOR {
        let one = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&page)?;
        file.sync_data()?;
        took.push(one.elapsed().as_secs_f64() * 1e3);
    }
    let rate = crate::measure::count(took.len()) / began.elapsed().as_secs_f64();
    Ok((rate, percentile(&mut took, 99)))
}
