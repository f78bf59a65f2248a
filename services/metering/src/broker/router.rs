//! Who gets a message: everybody whose filters take it in and who may read it. A reading that was
//! kept apart is passed on too: whoever listens can look at its signature.
//!
//! Overlapping filters of a session bring a message once, with the highest quality of all and the
//! identifiers of all. Of the sessions that share a subscription one gets it, now this and now
//! that, and one whose line is open before others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mqtt5_protocol::QoS;
use tokio::time::Instant;

use super::filters::{self, Full, Tree};
use super::mailbox::{Mailbox, Office};
use super::message::{Mail, Publication};
use super::retained::{NoRoom, Retained};
use crate::domain::topic::{Client, Owner, Reach};

/// Filters that one session may have subscribed to at a time; a meter's.
const FILTERS_MAX: usize = 1024;
const OF_METER_FILTERS_MAX: usize = 16;
/// Levels of a meter's filter at most: three stand before what it may choose.
const OF_METER_LEVELS_MAX: usize = 8;

/// Passes messages on.
#[derive(Clone, Default)]
pub(super) struct Router(Arc<Shared>);

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    subscribers: RwLock<Tree<Subscriber>>,
    /// How many filters are subscribed to, so that without any a message costs nothing.
    filters: AtomicUsize,
    /// Whose turn it is in a group.
    turn: AtomicU64,
    retained: Mutex<Retained>,
    office: Arc<Office>,
}

/// A session under one filter.
struct Subscriber {
    mailbox: Arc<Mailbox>,
    how: Subscribed,
    /// The whole filter, where the subscription is shared.
    group: Option<Arc<str>>,
}

/// How a session is subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscribed {
    pub(super) quality: QoS,
    /// What the session has published itself does not come back.
    pub(super) no_local: bool,
    /// Whether the flag that a message be retained is passed on.
    pub(super) as_published: bool,
    pub(super) identifier: Option<u32>,
    /// Whether each topic has to be looked at.
    pub(super) reach: Reach,
}

/// One session's ear: what it has subscribed to. Dropping it ends its subscriptions.
pub(super) struct Ear {
    router: Router,
    pub(super) mailbox: Arc<Mailbox>,
    filters: HashMap<Arc<str>, Subscribed>,
}

impl Router {
    /// An ear for a new session.
    pub(super) fn ear(&self, client: Client) -> Ear {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mailbox = self.0.office.open(number, client);
        Ear { router: self.clone(), mailbox, filters: HashMap::new() }
    }

    /// Whether nobody subscribed to anything.
    pub(super) fn is_deaf(&self) -> bool {
        self.0.filters.load(Ordering::Relaxed) == 0
    }

    /// Keeps a message that is to be retained.
    pub(super) fn retain(
        &self,
        publication: &Arc<Publication>,
        owner: &Owner,
        now: Instant,
    ) -> Result<(), NoRoom> {
        let mut retained = self.0.retained.lock().unwrap_or_else(PoisonError::into_inner);
        retained.keep(publication, owner, now)
    }

    /// Forgets what is retained of `topic`: it is not what was said last any more.
    pub(super) fn outdate(&self, topic: &str) {
        self.0.retained.lock().unwrap_or_else(PoisonError::into_inner).take_away(topic);
    }

    /// Forgets what is retained of the topics of `owner`.
    pub(super) fn forget(&self, owner: &Owner) {
        self.0.retained.lock().unwrap_or_else(PoisonError::into_inner).forget(owner);
    }

    /// Passes a message on to all who subscribed to it; `from`: the mailbox of its publisher.
    pub(super) fn pass_on(&self, publication: &Arc<Publication>, from: Option<u64>) {
        if self.is_deaf() {
            return;
        }
        let (mut alone, mut shared) = (Vec::new(), Vec::new());
        let subscribers = self.0.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        subscribers.each(&publication.topic, &mut |subscriber: &Subscriber| {
            let Subscriber { mailbox, how, group } = subscriber;
            let own = how.no_local && Some(mailbox.number) == from;
            if own || (how.reach == Reach::Some && !mailbox.client.reads(&publication.topic)) {
                return;
            }
            match group {
                None => alone.push(subscriber),
                Some(group) => shared.push((group, subscriber)),
            }
        });
        alone.sort_by_key(|subscriber| subscriber.mailbox.number);
        for of_one in alone.chunk_by(|one, other| one.mailbox.number == other.mailbox.number) {
            of_one[0].mailbox.put(mail(publication, of_one.iter().map(|hit| &hit.how)));
        }
        shared.sort_by(|(one, _), (other, _)| one.cmp(other));
        for group in shared.chunk_by(|(one, _), (other, _)| one == other) {
            let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
            let open: Vec<_> = group.iter().filter(|(_, hit)| hit.mailbox.is_connected()).collect();
            let hit = match open.len() {
                0 => group[pick(turn, group.len())].1,
                count => open[pick(turn, count)].1,
            };
            hit.mailbox.put(mail(publication, std::iter::once(&hit.how)));
        }
    }
}

/// Whose turn it is among so many: evenly also where only every second turn is a group's, by the
/// golden ratio.
fn pick(turn: u64, among: usize) -> usize {
    let spread = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    usize::try_from(spread % among as u64).expect("it is below a length")
}

/// A message for a session that is subscribed to it so, once or more.
fn mail<'a>(
    publication: &Arc<Publication>,
    subscribed: impl Iterator<Item = &'a Subscribed>,
) -> Mail {
    let (mut quality, mut retain) = (QoS::AtMostOnce, false);
    let mut identifiers = Vec::new();
    for how in subscribed {
        quality = higher(quality, how.quality);
        retain |= how.as_published && publication.retain;
        identifiers.extend(how.identifier);
    }
    let quality = lower(quality, publication.quality);
    Mail { publication: publication.clone(), quality, retain, identifiers }
}

fn higher(one: QoS, other: QoS) -> QoS {
    if (one as u8) < other as u8 { other } else { one }
}

fn lower(one: QoS, other: QoS) -> QoS {
    if (one as u8) < other as u8 { one } else { other }
}

/// There are too many filters, or it has too many levels.
#[derive(Debug)]
pub(super) struct TooMany;

impl Ear {
    /// Subscribes by `filter`; says whether it is a new one. The same filter again changes how.
    pub(super) fn subscribe(&mut self, filter: &str, how: Subscribed) -> Result<bool, TooMany> {
        if let Some(before) = self.filters.get_mut(filter) {
            *before = how;
            self.change(filter, how);
            return Ok(false);
        }
        let (filters_max, levels_max) = match self.mailbox.client {
            Client::Meter(_) => (OF_METER_FILTERS_MAX, OF_METER_LEVELS_MAX),
            Client::Bridge { .. } => (FILTERS_MAX, filters::LEVELS_MAX),
        };
        let filter: Arc<str> = filter.into();
        let (of, group) = match filters::shared(&filter) {
            Some(shared) => (shared, Some(filter.clone())),
            None => (&*filter, None),
        };
        if self.filters.len() >= filters_max || filters::is_deeper(of, levels_max) {
            return Err(TooMany);
        }
        let subscriber = Subscriber { mailbox: self.mailbox.clone(), how, group };
        let shared = &self.router.0;
        let mut subscribers = shared.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.put(of, subscriber).map_err(|Full| TooMany)?;
        drop(subscribers);
        shared.filters.fetch_add(1, Ordering::Relaxed);
        self.filters.insert(filter, how);
        Ok(true)
    }

    /// Ends what was subscribed by `filter`; `false` where nothing was.
    pub(super) fn unsubscribe(&mut self, filter: &str) -> bool {
        let there = self.filters.remove(filter).is_some();
        if there {
            self.remove(filter);
        }
        there
    }

    /// Puts what is retained and `filter` takes in among the mail.
    pub(super) fn hear_retained(&self, filter: &str, how: Subscribed, now: Instant) {
        let retained = self.router.0.retained.lock().unwrap_or_else(PoisonError::into_inner);
        for publication in retained.matching(filter, now) {
            let client = &self.mailbox.client;
            if how.reach == Reach::All || client.reads(&publication.topic) {
                let mail = mail(publication, std::iter::once(&how));
                self.mailbox.put(Mail { retain: true, ..mail });
            }
        }
    }

    /// In one piece: no message finds the session unsubscribed in between.
    fn change(&self, filter: &str, how: Subscribed) {
        let (of, is_own) = self.own(filter);
        let subscribers = &self.router.0.subscribers;
        let mut subscribers = subscribers.write().unwrap_or_else(PoisonError::into_inner);
        for subscriber in subscribers.under(of) {
            if is_own(subscriber) {
                subscriber.how = how;
            }
        }
    }

    fn remove(&self, filter: &str) {
        let (of, is_own) = self.own(filter);
        let shared = &self.router.0;
        let mut subscribers = shared.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.remove(of, is_own);
        shared.filters.fetch_sub(1, Ordering::Relaxed);
    }

    /// Where in the tree what is subscribed by `filter` lies, and which of what lies there it is.
    fn own<'a>(&self, filter: &'a str) -> (&'a str, impl Fn(&Subscriber) -> bool + use<'a>) {
        let number = self.mailbox.number;
        let of = filters::shared(filter).unwrap_or(filter);
        let group = (of != filter).then_some(filter);
        let is_own = move |subscriber: &Subscriber| {
            subscriber.mailbox.number == number && subscriber.group.as_deref() == group
        };
        (of, is_own)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for filter in std::mem::take(&mut self.filters).into_keys() {
            self.remove(&filter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::outbox::Outgoing;

    const HOW: Subscribed = Subscribed {
        quality: QoS::ExactlyOnce,
        no_local: false,
        as_published: false,
        identifier: None,
        reach: Reach::All,
    };

    fn client(topics: &[&str]) -> Client {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        Client::Bridge { name: "gateway".into(), meters: [].into(), topics }
    }

    fn ear(router: &Router) -> Ear {
        let ear = router.ear(client(&["a"]));
        ear.mailbox.connect(99);
        ear
    }

    fn publication(topic: &str, quality: QoS) -> Arc<Publication> {
        let (payload, properties) = (vec![1].into(), Vec::new().into());
        let topic = topic.into();
        Arc::new(Publication { topic, payload, properties, expires: None, quality, retain: true })
    }

    /// Topic, quality, the flag and the identifiers of all that an ear has heard.
    fn heard(ear: &Ear) -> Vec<(String, u8, bool, Vec<u32>)> {
        let taken = ear.mailbox.take(99, Instant::now());
        let publish = |outgoing| match outgoing {
            Outgoing::Publish { mail, .. } => {
                let topic = mail.publication.topic.to_string();
                (topic, mail.quality as u8, mail.retain, mail.identifiers)
            }
            Outgoing::Release(_) => panic!("nothing was received"),
        };
        taken.into_iter().map(publish).collect()
    }

    #[test]
    fn overlapping_filters_bring_a_message_once_with_all_identifiers() {
        let router = Router::default();
        let mut ear = ear(&router);
        let at_least = Subscribed { quality: QoS::AtLeastOnce, identifier: Some(1), ..HOW };
        let as_published = Subscribed { identifier: Some(2), as_published: true, ..HOW };
        assert!(ear.subscribe("a/+", at_least).unwrap());
        assert!(ear.subscribe("a/#", as_published).unwrap());
        assert!(!ear.subscribe("a/#", as_published).unwrap());
        router.pass_on(&publication("a/b", QoS::ExactlyOnce), None);
        router.pass_on(&publication("a", QoS::AtMostOnce), None);
        let mut all = heard(&ear);
        all[0].3.sort_unstable();
        assert_eq!(all[0], ("a/b".to_owned(), 2, true, vec![1, 2]));
        assert_eq!(all[1..], [("a".to_owned(), 0, true, vec![2])]);
        assert!(ear.unsubscribe("a/#") && !ear.unsubscribe("a/#"));
        router.pass_on(&publication("a/b", QoS::ExactlyOnce), None);
        assert_eq!(heard(&ear), [("a/b".to_owned(), 1, false, vec![1])]);
        drop(ear);
        assert_eq!(router.0.filters.load(Ordering::Relaxed), 0);
        assert_eq!(router.0.office.bytes(), 0, "its mail is gone");
    }

    #[test]
    fn who_subscribes_again_misses_nothing() {
        const COUNT: usize = 20_000;
        let router = Router::default();
        let mut ear = ear(&router);
        ear.mailbox.connect(u16::MAX);
        ear.subscribe("a/#", HOW).unwrap();
        std::thread::scope(|scope| {
            let one = publication("a/b", QoS::AtMostOnce);
            let router = &router;
            let all = scope.spawn(move || (0..COUNT).for_each(|_| router.pass_on(&one, None)));
            while !all.is_finished() {
                assert!(!ear.subscribe("a/#", HOW).unwrap());
            }
        });
        assert_eq!(ear.mailbox.take(2 * COUNT, Instant::now()).len(), COUNT);
    }

    #[test]
    fn a_shared_subscription_brings_a_message_to_one_whose_line_is_open() {
        let router = Router::default();
        let mut ears = [ear(&router), ear(&router), ear(&router)];
        for ear in &mut ears {
            ear.subscribe("$share/g/a/#", HOW).unwrap();
        }
        ears[0].subscribe("$share/h/a/#", HOW).unwrap();
        ears[1].mailbox.disconnect();
        for _ in 0..6 {
            router.pass_on(&publication("a/b", QoS::AtLeastOnce), None);
        }
        let counts = [heard(&ears[0]).len(), heard(&ears[2]).len()];
        assert_eq!(counts.iter().sum::<usize>(), 6 + 6, "six of either group");
        assert!(counts[0] > 6 && counts[1] > 0, "{counts:?}");
        ears[1].mailbox.connect(9);
        assert_eq!(heard(&ears[1]), []);
        // Who is away gets it where nobody else is here.
        ears.iter().for_each(|ear| ear.mailbox.disconnect());
        ears[0].unsubscribe("$share/g/a/#");
        ears[2].unsubscribe("$share/g/a/#");
        router.pass_on(&publication("a/b", QoS::AtLeastOnce), None);
        ears[1].mailbox.connect(9);
        assert_eq!(heard(&ears[1]).len(), 1);
    }

    #[test]
    fn nobody_hears_what_it_may_not_read_nor_itself_where_it_does_not_want_to() {
        let router = Router::default();
        let (mut all, mut own) = (ear(&router), ear(&router));
        all.subscribe("#", Subscribed { reach: Reach::Some, ..HOW }).unwrap();
        own.subscribe("a/#", Subscribed { no_local: true, ..HOW }).unwrap();
        let now = Instant::now();
        for topic in ["a/b", "b/a", "a/c"] {
            let publication = publication(topic, QoS::AtLeastOnce);
            router.pass_on(&publication, Some(own.mailbox.number));
            router.retain(&publication, &Owner::Given(topic.into()), now).unwrap();
        }
        let topics = |ear: &Ear| Vec::from_iter(heard(ear).into_iter().map(|heard| heard.0));
        assert_eq!(topics(&all), ["a/b", "a/c"]);
        assert_eq!(heard(&own), []);
        all.hear_retained("#", Subscribed { reach: Reach::Some, ..HOW }, now);
        assert_eq!(topics(&all), ["a/b", "a/c"]);
    }

    #[test]
    fn who_lets_its_mail_run_over_gets_none_of_it() {
        let router = Router::default();
        let mut ear = ear(&router);
        ear.subscribe("a", HOW).unwrap();
        let one = publication("a", QoS::AtLeastOnce);
        for _ in 0..crate::broker::outbox::WAITING_MAX {
            router.pass_on(&one, None);
        }
        assert!(!ear.mailbox.ran_over().is_cancelled());
        router.pass_on(&one, None);
        router.pass_on(&one, None);
        assert!(ear.mailbox.ran_over().is_cancelled());
        assert_eq!(heard(&ear), []);
        assert_eq!(router.0.office.bytes(), 0);
    }

    #[test]
    fn where_all_is_full_the_largest_goes_and_whoever_is_away_before_others() {
        let router = Router::default();
        let huge = |topic: &str| {
            let one = publication(topic, QoS::AtLeastOnce);
            let payload = vec![1; 1 << 20].into();
            Arc::new(Publication { payload, ..Arc::unwrap_or_clone(one) })
        };
        let mut ears: Vec<_> = (0..9).map(|_| ear(&router)).collect();
        ears[8].mailbox.disconnect();
        let mut little = ear(&router);
        little.mailbox.disconnect();
        little.subscribe("little", HOW).unwrap();
        router.pass_on(&publication("little", QoS::AtLeastOnce), None);
        // 255 MiB, of which the client that is away has few.
        for (number, ear) in ears.iter_mut().enumerate() {
            let topic = number.to_string();
            ear.subscribe(&topic, HOW).unwrap();
            let one = huge(&topic);
            (0..if number == 8 { 7 } else { 31 }).for_each(|_| router.pass_on(&one, None));
        }
        let ended = || {
            let over = |ear: &Ear| ear.mailbox.ran_over().is_cancelled();
            Vec::from_iter((0..9).filter(|number| over(&ears[*number])))
        };
        assert_eq!(ended(), [0; 0]);
        let mut fast = ear(&router);
        fast.subscribe("b", HOW).unwrap();
        router.pass_on(&huge("b"), None);
        assert_eq!(ended(), [8]);
        (0..9).for_each(|_| router.pass_on(&huge("b"), None));
        assert_eq!(ended().len(), 2, "then one of those with most");
        assert_eq!(heard(&fast).len(), 10);
        assert!(!little.mailbox.ran_over().is_cancelled(), "its end would make no room");
    }

    #[test]
    fn a_meter_has_less_room_for_filters() {
        let meter = ids::MeterId::derived("H01");
        let mut ear = Router::default().ear(Client::Meter(meter));
        assert!(ear.subscribe(&format!("wattex/v1/{meter}/4/5/6/7/8/9"), HOW).is_err());
        for number in 0..OF_METER_FILTERS_MAX {
            ear.subscribe(&format!("wattex/v1/{meter}/4/5/6/7/{number}"), HOW).unwrap();
        }
        assert!(ear.subscribe(&format!("wattex/v1/{meter}/#"), HOW).is_err());
        assert!(!ear.subscribe(&format!("wattex/v1/{meter}/4/5/6/7/0"), HOW).unwrap());
    }

    #[test]
    fn a_meter_has_less_room_for_mail() {
        let router = Router::default();
        let meter = ids::MeterId::derived("H01");
        let mut ear = router.ear(Client::Meter(meter));
        ear.mailbox.connect(99);
        let topic = format!("wattex/v1/{meter}/command");
        ear.subscribe(&topic, HOW).unwrap();
        let one = publication(&topic, QoS::AtLeastOnce);
        let payload = vec![1; 2000].into();
        let one = Arc::new(Publication { payload, ..Arc::unwrap_or_clone(one) });
        (0..100).for_each(|_| router.pass_on(&one, None));
        assert!(!ear.mailbox.ran_over().is_cancelled());
        (0..100).for_each(|_| router.pass_on(&one, None));
        assert!(ear.mailbox.ran_over().is_cancelled());
    }
}
