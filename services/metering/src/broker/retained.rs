//! The last message of each topic that was published to be kept: a pure store with bounds.
//!
//! Invariants: a topic has one message at most, an empty one takes it away; nobody whose topics
//! they are can fill the room of the others. Deliberately absent: a file. A restart forgets what
//! was retained, as it does sessions; who publishes it does so again when its line begins anew.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use tokio::time::Instant;

use super::filters::{fixed, takes};
use super::message::Publication;
use crate::domain::topic::Owner;

/// Messages that are retained at most, and those of one owner.
const MESSAGES_MAX: usize = 32_768;
const MESSAGES_OF_ONE_MAX: usize = 64;
/// Bytes of all of them at most.
const BYTES_MAX: usize = 16 << 20;

/// There was no room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// What is retained.
#[derive(Debug, Default)]
pub(super) struct Retained {
    messages: BTreeMap<Arc<str>, (Arc<Publication>, Owner)>,
    counts: HashMap<Owner, usize>,
    bytes: usize,
}

impl Retained {
    /// Keeps a message of a topic of `owner` in place of the one before; an empty one takes that
    /// away. What is over makes room first.
    pub(super) fn keep(
        &mut self,
        publication: &Arc<Publication>,
        owner: &Owner,
        now: Instant,
    ) -> Result<(), NoRoom> {
        self.take_away(&publication.topic);
        if publication.payload.is_empty() {
            return Ok(());
        }
        if !self.has_room(publication, owner) {
            self.sweep(now);
            if !self.has_room(publication, owner) {
                return Err(NoRoom);
            }
        }
        self.bytes += publication.bytes();
        *self.counts.entry(owner.clone()).or_default() += 1;
        let kept = (publication.clone(), owner.clone());
        self.messages.insert(publication.topic.clone(), kept);
        Ok(())
    }

    /// What `filter` takes in, in the order of topics.
    pub(super) fn matching<'a>(
        &'a self,
        filter: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = &'a Arc<Publication>> {
        let fixed = fixed(filter);
        // `a/#` takes in `a` as well, which lies before `a/`.
        let start = fixed.strip_suffix('/').unwrap_or(fixed);
        self.messages
            .range::<str, _>((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(topic, _)| topic.starts_with(start))
            .filter(move |(topic, _)| takes(filter, topic))
            .map(|(_, (publication, _))| publication)
            .filter(move |publication| !publication.is_over(now))
    }

    /// Takes away what is retained of the topics of `owner`.
    pub(super) fn forget(&mut self, owner: &Owner) {
        let of_owner = self.messages.iter().filter(|(_, (_, of))| of == owner);
        let topics: Vec<_> = of_owner.map(|(topic, _)| topic.clone()).collect();
        topics.iter().for_each(|topic| self.take_away(topic));
    }

    fn has_room(&self, publication: &Publication, owner: &Owner) -> bool {
        self.messages.len() < MESSAGES_MAX
            && self.bytes + publication.bytes() <= BYTES_MAX
            && self.counts.get(owner).is_none_or(|count| *count < MESSAGES_OF_ONE_MAX)
    }

    fn take_away(&mut self, topic: &str) {
        let Some((publication, owner)) = self.messages.remove(topic) else { return };
        self.bytes -= publication.bytes();
        let count = self.counts.get_mut(&owner).expect("it was counted");
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&owner);
        }
    }

    fn sweep(&mut self, now: Instant) {
        let over = self.messages.values().map(|(publication, _)| publication);
        let over = over.filter(|publication| publication.is_over(now));
        let over: Vec<_> = over.map(|publication| publication.topic.clone()).collect();
        over.iter().for_each(|topic| self.take_away(topic));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ids::MeterId;
    use mqtt5_protocol::QoS;

    use super::*;

    fn message(topic: &str, payload: usize, expires: Option<Instant>) -> Arc<Publication> {
        Arc::new(Publication {
            topic: topic.into(),
            payload: vec![1; payload].into(),
            properties: Vec::new().into(),
            expires,
            quality: QoS::AtLeastOnce,
            retain: true,
        })
    }

    fn owner(name: &str) -> Owner {
        Owner::Meter(MeterId::derived(name))
    }

    #[test]
    fn the_last_message_of_a_topic_is_kept_until_an_empty_one_comes() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        for topic in ["a", "a/b", "a/b/c", "a/c", "a-", "b"] {
            retained.keep(&message(topic, 1, None), &owner("one"), now).unwrap();
        }
        let second = now + Duration::from_secs(1);
        retained.keep(&message("a/c", 2, Some(second)), &owner("one"), now).unwrap();
        let check = |filter: &str, at, expected: &str| {
            let topics: Vec<_> = retained.matching(filter, at).map(|kept| &*kept.topic).collect();
            assert_eq!(topics.join(" "), expected, "{filter}");
        };
        check("a/+", now, "a/b a/c");
        check("a/+", second, "a/b");
        check("a/#", now, "a a/b a/b/c a/c");
        check("a/b", now, "a/b");
        check("+", now, "a a- b");
        check("#", now, "a a- a/b a/b/c a/c b");
        for topic in ["a", "a/b", "a/b/c", "a/c", "a-", "b", "never"] {
            retained.keep(&message(topic, 0, None), &owner("one"), now).unwrap();
        }
        assert_eq!((retained.bytes, retained.counts.len(), retained.messages.len()), (0, 0, 0));
    }

    #[test]
    fn what_was_an_owners_is_forgotten_and_nothing_else() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        for (topic, of) in [("a", "one"), ("b", "two"), ("c", "one")] {
            retained.keep(&message(topic, 1, None), &owner(of), now).unwrap();
        }
        retained.forget(&owner("one"));
        let topics: Vec<_> = retained.matching("#", now).map(|kept| &*kept.topic).collect();
        assert_eq!((topics, retained.counts.len()), (vec!["b"], 1));
    }

    #[test]
    fn nobody_fills_the_room_of_the_others() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        let over = now + Duration::from_secs(9);
        for number in 0..MESSAGES_OF_ONE_MAX {
            let expires = (number == 0).then_some(over);
            let message = message(&format!("one/{number}"), 1, expires);
            retained.keep(&message, &owner("one"), now).unwrap();
        }
        let more = message("one/more", 1, None);
        assert_eq!(retained.keep(&more, &owner("one"), now), Err(NoRoom));
        assert_eq!(retained.keep(&message("two/0", 1, None), &owner("two"), now), Ok(()));
        assert_eq!(retained.keep(&message("one/7", 3, None), &owner("one"), now), Ok(()));
        assert_eq!(retained.keep(&more, &owner("one"), over), Ok(()), "what is over makes room");
        let huge = message("two/1", BYTES_MAX, None);
        assert_eq!(retained.keep(&huge, &owner("two"), now), Err(NoRoom));
    }
}
