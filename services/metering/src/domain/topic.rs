//! Which topics a client may use, by who it is and not by what it claims.

use std::sync::Arc;

use ids::MeterId;

/// What the topics of meters begin with.
const ROOT: &str = "wattex/v1/";
/// The only kind of message that is stored.
const READING: &str = "reading";
/// What a meter may publish besides: passed on, never stored. Another name is refused, so that a
/// reading on a misspelt topic is not taken for stored.
const OF_METERS: [&str; 2] = ["status", "response"];
/// What who carries a meter may publish to it.
const TO_METERS: &str = "command";

/// Whose topic it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Of a meter.
    Meter(MeterId),
    /// It lies under one of the topics that a bridge was given.
    Given(Arc<str>),
}

/// What a message on a topic is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Readings of a meter: stored, then passed on.
    Reading(MeterId),
    /// Something else: passed on.
    Word(Owner),
}

impl Subject {
    /// Whose topic it is.
    pub(crate) fn owner(&self) -> Owner {
        match self {
            Subject::Reading(meter) => Owner::Meter(*meter),
            Subject::Word(owner) => owner.clone(),
        }
    }
}

/// How a client may subscribe by a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It may read all that the filter takes in.
    All,
    /// It may read some of it: each topic is looked at.
    Some,
    /// Nothing: the filter is about others' topics.
    Others,
    /// Nothing: there are no such topics here.
    Nowhere,
}

/// Who a connected client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    /// A meter: it speaks for itself alone.
    Meter(MeterId),
    /// A gateway that carries the readings of several meters.
    Bridge {
        /// Its name in the configuration.
        name: Arc<str>,
        /// The meters it carries; every meter when empty.
        meters: Arc<[MeterId]>,
        /// The topics it was given besides: each itself and all below it.
        topics: Arc<[Arc<str>]>,
    },
}

impl Client {
    /// May this client speak for `meter`?
    pub(crate) fn speaks_for(&self, meter: MeterId) -> bool {
        match self {
            Client::Meter(own) => *own == meter,
            Client::Bridge { meters, .. } => meters.is_empty() || meters.contains(&meter),
        }
    }

    /// What a message on `topic` is, if this client may publish it.
    pub(crate) fn publishes(&self, topic: &str) -> Option<Subject> {
        let Some(rest) = topic.strip_prefix(ROOT) else {
            return self.given(topic).map(|given| Subject::Word(Owner::Given(given.clone())));
        };
        let (meter, kind) = rest.split_once('/')?;
        let own = hyphenated(meter).filter(|meter| self.speaks_for(*meter))?;
        if kind == READING {
            return Some(Subject::Reading(own));
        }
        let kind = kind.split('/').next()?;
        let fine = match self {
            Client::Meter(_) => OF_METERS.contains(&kind),
            Client::Bridge { .. } => OF_METERS.contains(&kind) || kind == TO_METERS,
        };
        fine.then_some(Subject::Word(Owner::Meter(own)))
    }

    /// May this client read what is published on `topic`?
    pub(crate) fn reads(&self, topic: &str) -> bool {
        match topic.strip_prefix(ROOT).and_then(|rest| rest.split_once('/')) {
            Some((meter, _)) => hyphenated(meter).is_some_and(|meter| self.speaks_for(meter)),
            None => self.given(topic).is_some(),
        }
    }

    /// How this client may subscribe by `filter`. A meter only to what lies under its own topic: a
    /// wildcard may stand behind the meter, never in its place. A bridge's wildcard may stand
    /// anywhere, and takes in what the bridge may read.
    pub(crate) fn reach(&self, filter: &str) -> Reach {
        let fixed = &filter[..filter.find(['+', '#']).unwrap_or(filter.len())];
        let meter = filter.strip_prefix(ROOT).and_then(|rest| rest.split_once('/'));
        if let Some((meter, _)) = meter
            && let Some(meter) = hyphenated(meter)
        {
            return if self.speaks_for(meter) { Reach::All } else { Reach::Others };
        }
        if self.given(fixed).is_some() {
            return Reach::All;
        }
        let wild = fixed.len() < filter.len();
        let of_meters = ROOT.starts_with(fixed) || fixed.starts_with(ROOT);
        match self {
            Client::Bridge { topics, .. } if wild => {
                let given = topics.iter().any(|topic| topic.starts_with(fixed));
                if given || ROOT.starts_with(fixed) { Reach::Some } else { Reach::Nowhere }
            }
            _ if of_meters => Reach::Others,
            _ => Reach::Nowhere,
        }
    }

    /// The given topic that `topic` is or lies under.
    fn given(&self, topic: &str) -> Option<&Arc<str>> {
        let Client::Bridge { topics, .. } = self else { return None };
        let lies_under = |given: &str| {
            let rest = topic.strip_prefix(given);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        topics.iter().find(|given| lies_under(given))
    }
}

/// The meter id in its one canonical spelling, so that one meter has one topic.
fn hyphenated(text: &str) -> Option<MeterId> {
    text.parse().ok().filter(|meter: &MeterId| meter.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(name: &str) -> MeterId {
        MeterId::derived(name)
    }

    fn bridge(meters: &[MeterId], topics: &[&str]) -> Client {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        Client::Bridge { name: "gateway".into(), meters: meters.into(), topics }
    }

    fn topic(meter: MeterId, kind: &str) -> String {
        format!("wattex/v1/{meter}/{kind}")
    }

    #[test]
    fn a_meter_publishes_its_own_readings_and_what_is_named_here() {
        let (own, other) = (meter("H01"), meter("H02"));
        let client = Client::Meter(own);
        let reading = Subject::Reading(own);
        assert_eq!(client.publishes(&topic(own, "reading")), Some(reading));
        for kind in ["status", "status/link", "response"] {
            let word = Subject::Word(Owner::Meter(own));
            assert_eq!(client.publishes(&topic(own, kind)), Some(word), "{kind}");
        }
        for refused in [
            topic(other, "reading"),
            topic(other, "status"),
            topic(own, "reading").to_uppercase(),
            format!("wattex/v1/{}/reading", own.to_string().to_uppercase()),
            format!("wattex/v1/{}/reading", own.to_string().replace('-', "")),
            topic(own, "reading/more"),
            topic(own, "readings"),
            topic(own, "command"),
            format!("wattex/v1/{own}"),
            format!("wattex/v2/{own}/reading"),
            format!("/wattex/v1/{own}/reading"),
            "$SYS/broker".to_owned(),
            String::new(),
        ] {
            assert_eq!(client.publishes(&refused), None, "{refused}");
        }
    }

    #[test]
    fn a_bridge_carries_the_meters_and_uses_the_topics_it_was_given() {
        let (first, second, third) = (meter("H01"), meter("H02"), meter("H03"));
        let some = bridge(&[first, second], &["site", "/a/b"]);
        let reading = |of| Some(Subject::Reading(of));
        assert_eq!(some.publishes(&topic(second, "reading")), reading(second));
        assert_eq!(some.publishes(&topic(third, "reading")), None);
        assert_eq!(bridge(&[], &[]).publishes(&topic(third, "reading")), reading(third));
        let command = Subject::Word(Owner::Meter(first));
        assert_eq!(some.publishes(&topic(first, "command/relay")), Some(command));
        for (topic, given) in [
            ("site", Some("site")),
            ("site/x", Some("site")),
            ("/a/b/c", Some("/a/b")),
            ("sites", None),
            ("/a", None),
            ("a/b", None),
        ] {
            let word = given.map(|given| Subject::Word(Owner::Given(given.into())));
            assert_eq!(some.publishes(topic), word, "{topic}");
            assert_eq!(some.reads(topic), given.is_some(), "{topic}");
        }
        assert!(some.reads(&topic(first, "anything")) && !some.reads(&topic(third, "reading")));
    }

    #[test]
    fn a_meter_subscribes_below_its_own_topic_only() {
        let (own, other) = (meter("H01"), meter("H02"));
        let client = Client::Meter(own);
        for allowed in ["#", "+", "command", "command/+"] {
            assert_eq!(client.reach(&topic(own, allowed)), Reach::All, "{allowed}");
        }
        for refused in ["#", "wattex/#", "wattex/v1/#", "wattex/v1/+/reading", "+/v1/x"] {
            assert_eq!(client.reach(refused), Reach::Others, "{refused}");
        }
        assert_eq!(client.reach(&topic(other, "#")), Reach::Others);
        assert_eq!(client.reach("$SYS/#"), Reach::Nowhere);
        assert_eq!(client.reach("site/x"), Reach::Nowhere);
    }

    #[test]
    fn a_bridge_reaches_what_it_may_read_by_any_wildcard() {
        let (own, other) = (meter("H01"), meter("H02"));
        let client = bridge(&[own], &["site/a"]);
        for (filter, reach) in [
            (topic(own, "#").as_str(), Reach::All),
            ("site/a", Reach::All),
            ("site/a/#", Reach::All),
            ("site/a/+/b", Reach::All),
            ("#", Reach::Some),
            ("+/+", Reach::Some),
            ("site/+", Reach::Some),
            ("site/#", Reach::Some),
            ("wattex/v1/+/reading", Reach::Some),
            (&topic(other, "reading"), Reach::Others),
            ("site/b", Reach::Nowhere),
            ("site/b/#", Reach::Nowhere),
            ("$SYS/#", Reach::Nowhere),
        ] {
            assert_eq!(client.reach(filter), reach, "{filter}");
        }
    }
}
