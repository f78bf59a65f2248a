//! Orders whose cash has left, in the writer: looked for at every tick and after every block.

use calendar::Timestamp;

use super::batch::Batch;

impl Batch<'_> {
    /// Takes back the orders whose cash has left, where they could trade at `now`; whether there
    /// were any.
    pub(super) fn take_back_uncovered(&mut self, now: Timestamp) -> bool {
        // What is out of time holds no cash that others could have.
        self.lapse(now);
        let uncovered = self.exchange.uncovered(&self.writer.parameters, now);
        let any = !uncovered.is_empty();
        uncovered.into_iter().for_each(|entry| self.record(entry));
        any
    }
}
