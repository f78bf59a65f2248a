//! Two things at the same time.

/// Fewer transactions than this are not worth a thread for the roots of their lists.
const PARALLEL_MIN: usize = 64;

/// Does both at the same time if it is much: `aside` on a thread of its own.
pub(super) fn beside<A: Send, B>(
    transactions: usize,
    aside: impl FnOnce() -> A + Send,
    own: impl FnOnce() -> B,
) -> (A, B) {
    if transactions < PARALLEL_MIN {
        return (aside(), own());
    }
    std::thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let own = own();
        (aside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), own)
    })
}
