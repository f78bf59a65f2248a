//! The ways to search, and the walk over a range that they have in common.

use crate::prefix::Prefix;
use crate::{Work, halves, portable};

/// The first low half in `from..=last` whose pow hash begins with a word that is low enough.
pub(crate) type Scan = fn(&Prefix, u32, u32) -> Option<u32>;

/// A way to search. Which ones a machine has is in [`Engine::available`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Sixteen nonces at a time in AVX-512 registers.
    Avx512,
    /// Two nonces at a time, interleaved, by the SHA instructions of x86.
    ShaNi,
    /// Eight nonces at a time in AVX2 registers.
    Avx2,
    /// One nonce at a time, on any processor.
    Portable,
}

impl Engine {
    /// Every engine, from the fastest to the slowest.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::ShaNi, Self::Avx2, Self::Portable];

    /// The engines that this machine has, from the fastest to the slowest; the last is
    /// [`Engine::Portable`].
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|engine| engine.scan().is_some())
    }

    /// The fastest engine that this machine has.
    pub fn fastest() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512",
            Self::ShaNi => "SHA-NI",
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        }
    }

    /// The first of `tries` nonces from `start` on (wrapping) that does the work. An engine that
    /// this machine does not have leaves it to the portable one.
    pub fn first(self, work: &Work, start: u64, tries: u64) -> Option<u64> {
        let scan = self.scan().unwrap_or(portable::scan);
        let (mut start, mut tries) = (start, tries);
        while tries > 0 {
            // All nonces of a stretch have the same high half.
            let stretch = tries.min(u64::from(!halves(start)[1]) + 1);
            let last = start + (stretch - 1);
            let found = first_of(scan, work, start, last);
            if found.is_some() {
                return found;
            }
            start = last.wrapping_add(1);
            tries -= stretch;
        }
        None
    }

    fn scan(self) -> Option<Scan> {
        match self {
            Self::Portable => Some(portable::scan),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => crate::x86::avx512_scan(),
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => crate::x86::sha_ni_scan(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => crate::x86::avx2_scan(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::ShaNi | Self::Avx2 => None,
        }
    }
}

/// The first nonce in `start..=last`, which have the same high half.
fn first_of(scan: Scan, work: &Work, start: u64, last: u64) -> Option<u64> {
    let [high, mut from] = halves(start);
    let [_, last] = halves(last);
    let prefix = Prefix::new(work, high);
    loop {
        let low = scan(&prefix, from, last)?;
        let nonce = u64::from(high) << 32 | u64::from(low);
        if work.accepts(nonce) {
            return Some(nonce);
        }
        if low == last {
            return None;
        }
        from = low + 1;
    }
}
