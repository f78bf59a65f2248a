//! Which topics a client may use, by who it is and not by what it claims.

use std::sync::Arc;

use ids::MeterId;

/// What every topic begins with.
const ROOT: &str = "wattex/v1/";

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
        (kind == "reading").then_some(own)
    }

    /// May this client subscribe to `filter`? Only to what lies under the topic of one meter that
    /// it speaks for; a wildcard may stand behind the meter, never in its place.
    pub(crate) fn may_subscribe(&self, filter: &str) -> bool {
        let meter = filter.strip_prefix(ROOT).and_then(|rest| rest.split_once('/'));
        meter.and_then(|(meter, _)| hyphenated(meter)).is_some_and(|meter| self.speaks_for(meter))
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
            assert!(client.may_subscribe(&format!("wattex/v1/{own}/{allowed}")), "{allowed}");
        }
        for refused in ["#", "wattex/#", "wattex/v1/#", "wattex/v1/+/reading", "$SYS/#"] {
            assert!(!client.may_subscribe(refused), "{refused}");
        }
        assert!(!client.may_subscribe(&format!("wattex/v1/{other}/#")));
        assert!(!client.may_subscribe(&format!("$share/group/wattex/v1/{own}/#")));
    }
}
