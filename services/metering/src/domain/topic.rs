//! Which topics a client may use, by who it is and not by what it claims.

use std::sync::Arc;

use ids::MeterId;

/// What every topic begins with.
const ROOT: &str = "wattex/v1/";
/// The only kind of message there is.
const READING: &str = "reading";
/// Bytes of every [`reading_topic`]: between its ends stands a UUID.
pub(crate) const READING_TOPIC_BYTES: usize = ROOT.len() + 36 + 1 + READING.len();

/// The topic of the readings of `meter`.
pub(crate) fn reading_topic(meter: MeterId) -> String {
    format!("{ROOT}{meter}/{READING}")
}

/// Whether `filter`, which a client may subscribe to, takes in the readings of its meter.
pub(crate) fn takes_readings(filter: &str) -> bool {
    let behind = filter.strip_prefix(ROOT).and_then(|rest| rest.split_once('/'));
    behind.is_some_and(|(_, kind)| matches!(kind, READING | "+" | "#" | "reading/#" | "+/#"))
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

    /// The meter whose reading a message on `topic` is, if this client may publish it.
    pub(crate) fn reading_of(&self, topic: &str) -> Option<MeterId> {
        let (meter, kind) = topic.strip_prefix(ROOT)?.split_once('/')?;
        let own = hyphenated(meter).filter(|meter| self.speaks_for(*meter))?;
        (kind == READING).then_some(own)
    }

    /// The meter that `filter` is about, if this client may subscribe to it: only to what lies
    /// under the topic of one meter that it speaks for; a wildcard may stand behind the meter,
    /// never in its place.
    pub(crate) fn subscribes_to(&self, filter: &str) -> Option<MeterId> {
        let (meter, _) = filter.strip_prefix(ROOT)?.split_once('/')?;
        hyphenated(meter).filter(|meter| self.speaks_for(*meter))
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

    fn bridge(meters: &[MeterId]) -> Client {
        Client::Bridge { name: "gateway".into(), meters: meters.into() }
    }

    #[test]
    fn a_meter_publishes_its_own_readings_and_nothing_else() {
        let (own, other) = (meter("H01"), meter("H02"));
        let client = Client::Meter(own);
        let topic = |id: MeterId| format!("wattex/v1/{id}/reading");
        assert_eq!(client.reading_of(&topic(own)), Some(own));
        for refused in [
            topic(other),
            topic(own).to_uppercase(),
            format!("wattex/v1/{}/reading", own.to_string().to_uppercase()),
            format!("wattex/v1/{}/reading", own.to_string().replace('-', "")),
            format!("wattex/v1/{own}/reading/more"),
            format!("wattex/v1/{own}/status"),
            format!("wattex/v1/{own}"),
            format!("wattex/v2/{own}/reading"),
            format!("/wattex/v1/{own}/reading"),
            "$SYS/broker".to_owned(),
            String::new(),
        ] {
            assert_eq!(client.reading_of(&refused), None, "{refused}");
        }
    }

    #[test]
    fn filters_take_readings_in_as_the_protocol_says() {
        let own = meter("H01");
        let topic = reading_topic(own);
        assert_eq!(topic.len(), READING_TOPIC_BYTES);
        for (behind, taken) in [
            ("reading", true),
            ("+", true),
            ("#", true),
            ("reading/#", true),
            ("+/#", true),
            ("command", false),
            ("reading/+", false),
            ("+/+", false),
            ("Reading", false),
        ] {
            let filter = format!("wattex/v1/{own}/{behind}");
            assert_eq!(takes_readings(&filter), taken, "{behind}");
        }
    }

    #[test]
    fn a_bridge_carries_the_meters_it_was_given() {
        let (first, second, third) = (meter("H01"), meter("H02"), meter("H03"));
        let topic = |id: MeterId| format!("wattex/v1/{id}/reading");
        let some = bridge(&[first, second]);
        assert_eq!(some.reading_of(&topic(second)), Some(second));
        assert_eq!(some.reading_of(&topic(third)), None);
        assert_eq!(bridge(&[]).reading_of(&topic(third)), Some(third));
    }

    #[test]
    fn a_meter_subscribes_below_its_own_topic_only() {
        let (own, other) = (meter("H01"), meter("H02"));
        let client = Client::Meter(own);
        for allowed in ["#", "+", "command", "command/+"] {
            let filter = format!("wattex/v1/{own}/{allowed}");
            assert_eq!(client.subscribes_to(&filter), Some(own), "{allowed}");
        }
        for refused in ["#", "wattex/#", "wattex/v1/#", "wattex/v1/+/reading", "$SYS/#"] {
            assert_eq!(client.subscribes_to(refused), None, "{refused}");
        }
        assert_eq!(client.subscribes_to(&format!("wattex/v1/{other}/#")), None);
        assert_eq!(client.subscribes_to(&format!("$share/group/wattex/v1/{own}/#")), None);
    }
}
