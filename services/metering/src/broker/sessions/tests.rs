use futures::FutureExt;

use super::*;

const LONG: u32 = 100;

fn bridge() -> Client {
    Client::Bridge { name: "gateway".into(), meters: [].into(), topics: [].into() }
}

fn state(client_id: &str) -> State {
    let ear = Router::default().ear(bridge());
    State { client_id: client_id.to_owned(), ear, unreleased: HashSet::from([7]) }
}

/// A line that keeps its session for so long, with a will after `delay` seconds.
fn line(sessions: &Sessions, id: &str, seconds: u32, delay: Option<u64>) -> Place {
    let mut place = sessions.enter(&bridge(), id, true);
    place.begin(state(id));
    place.kept_seconds = seconds;
    place.will = delay.map(|delay| Will::saying(id, Duration::from_secs(delay)));
    place
}

fn due(sessions: &Sessions, seconds: u64) -> Vec<String> {
    let at = Instant::now() + Duration::from_secs(seconds);
    sessions.sweep(at);
    sessions.due().iter().map(|will| will.topic().to_owned()).collect()
}

async fn came_back(sessions: &Sessions, id: &str, clean: bool) -> bool {
    sessions.enter(&bridge(), id, clean).past(id).await.is_some()
}

#[tokio::test]
async fn a_session_is_there_again_as_long_as_it_is_kept() {
    let sessions = Sessions::default();
    for (seconds, clean, after, expected) in [
        (LONG, false, 0, true),
        (LONG, false, 99, true),
        (LONG, false, 101, false),
        (LONG, true, 0, false),
        (0, false, 0, false),
    ] {
        drop(line(&sessions, "one", seconds, None));
        assert_eq!(sessions.count(), 0);
        due(&sessions, after);
        assert_eq!(came_back(&sessions, "one", clean).await, expected, "{seconds} {after}");
    }
    drop(line(&sessions, "one", LONG, None));
    assert!(!came_back(&sessions, "two", false).await, "another client's session");
}

#[tokio::test]
async fn a_will_waits_for_its_delay_or_the_end_of_the_session() {
    let sessions = Sessions::default();
    for (seconds, delay, early, late) in [(LONG, 0, 0, 0), (LONG, 9, 8, 10), (5, 9, 4, 6)] {
        drop(line(&sessions, "one", seconds, Some(delay)));
        let nothing: [&str; 0] = [];
        if early > 0 {
            assert_eq!(due(&sessions, early), nothing);
        }
        assert_eq!(due(&sessions, late), ["one"]);
        assert_eq!(due(&sessions, 1000), nothing, "once");
    }
    // Who publishes wills is told of those that a look finds.
    drop(line(&sessions, "one", LONG, Some(9)));
    assert!(sessions.will_is_due().now_or_never().is_some(), "of those before");
    assert!(sessions.will_is_due().now_or_never().is_none());
    assert_eq!(due(&sessions, 10), ["one"]);
    assert!(sessions.will_is_due().now_or_never().is_some());
    // Who comes back in time is not mourned, unless it begins anew.
    for clean in [false, true] {
        drop(line(&sessions, "one", LONG, Some(9)));
        came_back(&sessions, "one", clean).await;
        assert_eq!(due(&sessions, 1000), if clean { vec!["one"] } else { vec![] });
    }
    let mut place = line(&sessions, "one", LONG, Some(0));
    place.will = None;
    drop(place);
    assert!(due(&sessions, 1000).is_empty(), "it said farewell");
}

#[tokio::test]
async fn a_client_that_does_not_get_in_leaves_its_session_as_it_was() {
    let sessions = Sessions::default();
    drop(line(&sessions, "one", LONG, Some(9)));
    drop(sessions.enter(&bridge(), "one", false));
    assert!(due(&sessions, 8).is_empty());
    assert_eq!(due(&sessions, 10), ["one"]);
    due(&sessions, u64::from(LONG) + 1);
    assert!(!came_back(&sessions, "one", false).await, "it is over when it was to be");
    // Also one that it has just taken over.
    let old = line(&sessions, "one", LONG, Some(9));
    let new = sessions.enter(&bridge(), "one", false);
    drop(old);
    drop(new);
    assert!(due(&sessions, 8).is_empty());
    assert!(came_back(&sessions, "one", false).await);
}

#[tokio::test]
async fn a_line_that_is_taken_over_leaves_its_session_to_the_next() {
    for (delay, dies) in [(0, vec!["one"]), (9, vec![])] {
        let sessions = Sessions::default();
        let old = line(&sessions, "one", LONG, Some(delay));
        let mut new = sessions.enter(&bridge(), "one", false);
        assert!(old.ended().is_cancelled());
        assert_eq!(old.reason(), ReasonCode::SessionTakenOver);
        drop(old);
        let state = new.past("one").await.expect("the session of the old line");
        assert!(state.unreleased.contains(&7));
        assert_eq!(due(&sessions, 0), dies);
        // The one after gets it from a line that never began.
        new.begin(state);
        new.kept_seconds = LONG;
        drop(new);
        assert!(came_back(&sessions, "one", false).await);
    }
    let sessions = Sessions::default();
    let old = line(&sessions, "one", LONG, Some(9));
    let mut new = sessions.enter(&bridge(), "one", true);
    assert!(new.past("one").await.is_none(), "it begins anew");
    drop(old);
    assert_eq!(due(&sessions, 0), ["one"]);
}

#[tokio::test]
async fn a_bridge_keeps_so_many_sessions_and_the_newest() {
    let sessions = Sessions::default();
    for number in 0..=KEPT_OF_ONE_MAX {
        drop(line(&sessions, &number.to_string(), LONG, None));
    }
    assert!(!came_back(&sessions, "0", false).await);
    assert!(came_back(&sessions, "1", false).await);
}

#[tokio::test]
async fn nothing_is_left_of_a_meter_that_was_revoked() {
    let (sessions, meter) = (Sessions::default(), MeterId::derived("H01"));
    for connected in [true, false] {
        let mut place = sessions.enter(&Client::Meter(meter), "one", true);
        place.begin(state("one"));
        let waits = Duration::from_secs(9);
        (place.kept_seconds, place.will) = (LONG, Some(Will::saying("w", waits)));
        let place = if connected {
            Some(place)
        } else {
            drop(place);
            None
        };
        sessions.end(meter);
        drop(place);
        assert!(due(&sessions, 1000).is_empty());
        let mut back = sessions.enter(&Client::Meter(meter), "one", false);
        assert!(back.past("one").await.is_none());
    }
}
