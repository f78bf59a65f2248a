//! Which price levels of one side have orders, and which of them is best.
//!
//! A bit for each level, a bit for each word of those that is not empty, and one word over these:
//! the lowest bit that is set is found in three steps however wide the range is. Levels are named
//! by merit, the best possible one being zero, so that both sides are the same code.

/// The bits of three words above each other.
pub(super) const LEVELS: u32 = 64 * 64 * 64;

/// No level has orders.
pub(super) const NONE: u32 = u32::MAX;

/// One side's levels.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    best: u32,
    top: u64,
    middle: [u64; 64],
    bottom: Vec<u64>,
}

impl Ladder {
    /// No orders at any of `levels` levels, which are at most [`LEVELS`].
    pub(super) fn new(levels: u32) -> Ladder {
        let words = levels.min(LEVELS).div_ceil(64);
        Ladder { best: NONE, top: 0, middle: [0; 64], bottom: vec![0; words as usize] }
    }

    /// The lowest merit that has orders, or [`NONE`].
    #[inline]
    pub(super) fn best(&self) -> u32 {
        self.best
    }

    /// The level has orders now.
    #[inline]
    pub(super) fn fill(&mut self, merit: u32) {
        let word = &mut self.bottom[(merit / 64) as usize];
        if *word == 0 {
            self.middle[(merit / 4096 % 64) as usize] |= 1 << (merit / 64 % 64);
            self.top |= 1 << (merit / 4096 % 64);
        }
        *word |= 1 << (merit % 64);
        self.best = self.best.min(merit);
    }

    /// The level has no orders any more.
    #[inline]
    pub(super) fn empty(&mut self, merit: u32) {
        let word = &mut self.bottom[(merit / 64) as usize];
        *word &= !(1 << (merit % 64));
        if *word == 0 {
            let middle = &mut self.middle[(merit / 4096 % 64) as usize];
            *middle &= !(1 << (merit / 64 % 64));
            if *middle == 0 {
                self.top &= !(1 << (merit / 4096 % 64));
            }
        }
        if merit == self.best {
            self.best = self.first();
        }
    }

    /// The lowest merit at or above `from` that has orders, or [`NONE`].
    pub(super) fn next(&self, from: u32) -> u32 {
        let Some(word) = self.bottom.get((from / 64) as usize) else { return NONE };
        let word = word & (u64::MAX << (from % 64));
        if word != 0 {
            return from / 64 * 64 + word.trailing_zeros();
        }
        let middle = self.middle[(from / 4096 % 64) as usize] & above(from / 64 % 64);
        if middle != 0 {
            return self.lowest(from / 4096 * 64 + middle.trailing_zeros());
        }
        let top = self.top & above(from / 4096 % 64);
        if top == 0 { NONE } else { self.lowest_under(top.trailing_zeros()) }
    }

    #[inline]
    fn first(&self) -> u32 {
        if self.top == 0 { NONE } else { self.lowest_under(self.top.trailing_zeros()) }
    }

    #[inline]
    fn lowest_under(&self, top: u32) -> u32 {
        self.lowest(top * 64 + self.middle[(top % 64) as usize].trailing_zeros())
    }

    #[inline]
    fn lowest(&self, word: u32) -> u32 {
        word * 64 + self.bottom[word as usize].trailing_zeros()
    }
}

/// All bits above this one.
fn above(bit: u32) -> u64 {
    (u64::MAX << bit) << 1
}
