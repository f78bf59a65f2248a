//! Sorting numbers that are spread over all 64 bits, like hashes.

/// Fewer numbers are not put into parts first.
const PARTED_FROM: usize = 256;
/// Into how many parts numbers are put, at most.
const PARTS_BITS_MAX: u32 = 14;

/// Sorts by number, then by what it is the number of: by the first bits into parts of a few each,
/// then every part. Numbers that are not spread cost time and nothing else.
pub(super) fn sorted(mut numbers: Vec<(u64, usize)>) -> Vec<(u64, usize)> {
    if numbers.len() < PARTED_FROM {
        numbers.sort_unstable();
        return numbers;
    }
    let bits = numbers.len().ilog2().min(PARTS_BITS_MAX);
    let part = |number: u64| usize::try_from(number >> (u64::BITS - bits)).unwrap_or(0);
    let mut ends = vec![0_usize; 1 << bits];
    for &(number, _) in &numbers {
        ends[part(number)] += 1;
    }
    let mut start = 0;
    for end in &mut ends {
        (start, *end) = (start + *end, start);
    }
    let mut sorted = vec![(0, 0); numbers.len()];
    for &number in &numbers {
        let end = &mut ends[part(number.0)];
        sorted[*end] = number;
        *end += 1;
    }
    let mut start = 0;
    for end in ends {
        sorted[start..end].sort_unstable();
        start = end;
    }
    sorted
}
