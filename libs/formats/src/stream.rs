//! Messages one after the other, with what earlier ones have named.

use crate::payload::{Key, Names, Payload};
use crate::{Format, Reading, Refusal};

/// One device's or broker's messages of one format.
#[derive(Debug)]
pub struct Stream<'k> {
    format: &'static Format,
    names: Names,
    key: Option<&'k Key>,
}

impl<'k> Stream<'k> {
    /// Nothing has been received yet. With a `key`, payloads have to carry its signature.
    pub fn new(format: &'static Format, key: Option<&'k Key>) -> Stream<'k> {
        Stream { format, names: Names::default(), key }
    }

    /// The readings of the next message.
    ///
    /// # Errors
    /// It is not one of the format; what earlier messages said still holds.
    pub fn decode(&mut self, topic: Option<&str>, bytes: &[u8]) -> Result<Vec<Reading>, Refusal> {
        let mut names = std::mem::take(&mut self.names);
        let before = Payload { topic, bytes, names: &self.names, key: self.key };
        let learned = self.format.learn(&before, &mut names);
        self.names = names;
        learned?;
        self.format.decode(&Payload { topic, bytes, names: &self.names, key: self.key })
    }
}
