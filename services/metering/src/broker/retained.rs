//! The last message of each topic that was published to be kept: a pure store with bounds.
//!
//! Invariants: a topic has one message at most, an empty one takes it away; an owner of topics has
//! so much room and no more, and those who retain much cannot take the last quarter of the room
//! from those who retain little; beyond that the first come are served. Deliberately absent: a
//! file. A restart forgets what was retained, as it does sessions; who publishes it does so again
//! when its line begins anew.

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
/// For so many messages of an owner all of the room is there, for its further ones three quarters:
/// the last quarter is for those who retain little.
const FEW: usize = 2;

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
    /// away. What is over makes room first; where there is none, the one before stays.
    pub(super) fn keep(
        &mut self,
        publication: &Arc<Publication>,
        owner: &Owner,
        now: Instant,
    ) -> Result<(), NoRoom> {
        if publication.payload.is_empty() {
            self.take_away(&publication.topic);
            return Ok(());
        }
        if !self.has_room(publication, owner) {
            self.sweep(now);
            if !self.has_room(publication, owner) {
                return Err(NoRoom);
            }
        }
        self.take_away(&publication.topic);
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

    /// Whether there is room once the message before is gone.
    fn has_room(&self, publication: &Publication, owner: &Owner) -> bool {
        let mut of_owner = self.counts.get(owner).copied().unwrap_or(0);
        let (mut replaces, mut before) = (false, 0);
        if let Some((publication, of)) = self.messages.get(&publication.topic) {
            (replaces, before) = (of == owner, publication.bytes());
            of_owner -= usize::from(replaces);
        }
        let part = |all: usize| if of_owner < FEW { all } else { all / 4 * 3 };
        let bytes = publication.bytes();
        of_owner < MESSAGES_OF_ONE_MAX
            && (replaces || self.messages.len() < part(MESSAGES_MAX))
            && (bytes <= before || self.bytes - before + bytes <= part(BYTES_MAX))
    }

    /// Takes away what is retained of `topic`.
    pub(super) fn take_away(&mut self, topic: &str) {
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
        let huge = message("two/0", BYTES_MAX, None);
        assert_eq!(retained.keep(&huge, &owner("two"), now), Err(NoRoom));
        let kept: Vec<_> = retained.matching("two/#", now).map(|kept| kept.payload.len()).collect();
        assert_eq!(kept, [1], "the one before stays");
        // Many who retain much.
        let mut number = 0;
        while retained.keep(&message(&number.to_string(), 1, None), &many(number), now).is_ok() {
            number += 1;
        }
        assert_eq!(retained.messages.len(), MESSAGES_MAX / 4 * 3);
        for (topic, room) in [("new/0", Ok(())), ("new/1", Ok(())), ("new/2", Err(NoRoom))] {
            assert_eq!(retained.keep(&message(topic, 1, None), &owner("new"), now), room);
        }
        assert_eq!(retained.keep(&message("0", 3, None), &many(0), now), Ok(()));
    }

    fn many(number: usize) -> Owner {
        owner(&format!("many {}", number / MESSAGES_OF_ONE_MAX))
    }
}
