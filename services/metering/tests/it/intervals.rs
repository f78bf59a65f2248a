//! Slots close, late readings correct them, and no watt-hour is lost or made up.

use db::{Row, query};
use events::metering::{IntervalsClosed, IntervalsCorrected, Quality};
use proptest::prelude::*;
use reading::SignedReading;

use crate::home::{Device, Home, SLOT, at};

/// What is known of the slots from the start on, as `import/export quality version`.
async fn check(home: &Home, device: &Device, expected: &[&str]) {
    let known = home.known(device).await;
    let shown: Vec<String> = known
        .values()
        .map(|fact| {
            let quality = match fact.quality {
                Quality::Measured => "measured",
                Quality::Substituted => "substituted",
                Quality::Missing => "missing",
            };
            format!("{}/{} {quality} v{}", fact.import.wh(), fact.export.wh(), fact.version)
        })
        .collect();
    assert_eq!(shown, expected);
    assert_eq!(rows(home, device).await, expected, "the table says the same");
}

/// The highest version of each row, as [`check`] shows them.
async fn rows(home: &Home, device: &Device) -> Vec<String> {
    let rows = query(
        "select import_wh, export_wh, quality, version from energy_interval i where meter = $1 \
         and version = (select max(version) from energy_interval n where n.meter = i.meter \
         and n.slot = i.slot) order by slot",
    )
    .bind(device.meter.to_string())
    .fetch_all(home.metering.db().read())
    .await
    .unwrap();
    let show = |row: &db::AnyRow| {
        let (import, export): (i64, i64) = (row.get(0), row.get(1));
        let (quality, version): (String, i64) = (row.get(2), row.get(3));
        format!("{import}/{export} {quality} v{version}")
    };
    rows.iter().map(show).collect()
}

#[actix_web::test]
async fn a_slot_closes_when_every_meter_reported_and_not_before() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    for home in Home::everywhere(&[one.clone(), two.clone()]).await {
        home.hear(&[one.read(1, 0, 1000, 0), two.read(1, 0, 500, 80)]).await;
        home.pass(1).await;
        home.hear(&[one.read(2, 1, 1120, 0)]).await;
        home.pass_seconds(SLOT + 599).await;
        check(&home, &one, &[]).await;

        home.hear(&[two.read(2, 1, 500, 95)]).await;
        home.pass_seconds(SLOT + 599).await;
        check(&home, &one, &["120/0 measured v1"]).await;
        check(&home, &two, &["0/15 measured v1"]).await;
        let closed = home.told::<IntervalsClosed>().await;
        assert_eq!(closed.len(), 1);
        let fact = &closed[0].intervals[0];
        let pages: Vec<u32> = fact.readings.iter().map(|signed| signed.reading.page).collect();
        assert_eq!(pages, [1, 2], "the first interval carries the readings at both of its ends");
        assert_eq!((fact.connection_point, fact.account), (device_of(fact.meter, [&one, &two])));

        let before = home.published().await;
        home.pass_seconds(SLOT + 599).await;
        assert_eq!(home.published().await, before, "a tick at the same moment does nothing twice");
    }
}

fn device_of(
    meter: ids::MeterId,
    devices: [&Device; 2],
) -> (ids::ConnectionPointId, ids::AccountId) {
    let device = devices.into_iter().find(|device| device.meter == meter).unwrap();
    (device.point(), device.account())
}

#[actix_web::test]
async fn after_the_grace_a_slot_closes_without_the_silent_and_a_late_reading_corrects_it() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    for home in Home::everywhere(&[one.clone(), two.clone()]).await {
        home.hear(&[one.read(1, 0, 0, 0), one.read(1, 0, 0, 0), two.read(1, 0, 0, 0)]).await;
        home.hand.move_to(at(1));
        home.hear(&[one.read(2, 1, 100, 0)]).await;
        home.pass_seconds(SLOT + 600).await;
        check(&home, &one, &["100/0 measured v1"]).await;
        check(&home, &two, &["0/0 missing v1"]).await;
        assert_eq!(home.told::<IntervalsCorrected>().await.len(), 0);

        home.hear(&[two.read(2, 1, 70, 0)]).await;
        home.pass_seconds(SLOT + 601).await;
        check(&home, &two, &["70/0 measured v2"]).await;
        let corrected = home.told::<IntervalsCorrected>().await;
        assert_eq!((corrected.len(), corrected[0].intervals.len()), (1, 1), "nobody else is told");
        let versions: i64 =
            db::query_scalar("select count(*) from energy_interval where meter = $1")
                .bind(two.meter.to_string())
                .fetch_one(home.metering.db().read())
                .await
                .unwrap();
        assert_eq!(versions, 2, "what was known before stays");
    }
}

#[actix_web::test]
async fn a_lost_page_is_substituted_and_comes_back_measured() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.hear(&[one.read(1, 0, 0, 0)]).await;
        home.hand.move_to(at(3));
        home.hear(&[one.read(4, 3, 100, 7)]).await;
        home.pass(3).await;
        let substituted = ["34/3 substituted v1", "33/2 substituted v1", "33/2 substituted v1"];
        check(&home, &one, &substituted).await;

        home.hear(&[one.read(2, 1, 80, 0)]).await;
        home.pass(3).await;
        check(&home, &one, &["80/0 measured v2", "10/4 substituted v2", "10/3 substituted v2"])
            .await;

        home.hear(&[one.read(3, 2, 90, 4)]).await;
        home.pass(3).await;
        check(&home, &one, &["80/0 measured v2", "10/4 measured v3", "10/3 measured v3"]).await;
    }
}

#[actix_web::test]
async fn a_revoked_meter_is_not_waited_for() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    for home in Home::everywhere(&[one.clone(), two.clone()]).await {
        home.hear(&[one.read(1, 0, 0, 0), two.read(1, 0, 0, 0)]).await;
        home.revoke(&two).await;
        home.hand.move_to(at(1));
        home.hear(&[one.read(2, 1, 100, 0), two.read(2, 1, 100, 0)]).await;
        home.pass(1).await;
        check(&home, &one, &["100/0 measured v1"]).await;
        check(&home, &two, &[]).await;
        assert_eq!(home.quarantined().await, ["REVOKED"]);
    }
}

#[actix_web::test]
async fn what_is_lost_late_or_forged_leaves_the_day_whole() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.hear(&[one.read(1, 0, 0, 0)]).await;
        home.hand.move_to(at(97));
        let forged =
            SignedReading { reading: one.read(2, 1, 1, 1).reading, ..one.read(3, 2, 1, 1) };
        let tally =
            home.hear(&[one.read(4, 3, 100, 7), forged, forged, one.read(1, 0, 0, 0)]).await;
        assert_eq!((tally.accepted, tally.quarantined, tally.duplicates), (1, 2, 1));
        home.pass(3).await;
        home.hear(&[one.read(3, 2, 90, 4)]).await;
        home.pass_seconds(97 * SLOT).await;
        let known = home.known(&one).await;
        let imports: Vec<u64> = known.values().take(4).map(|fact| fact.import.wh()).collect();
        assert_eq!(imports, [45, 45, 10, 0]);
        assert_eq!(rows(&home, &one).await.len(), known.len());
        let days = home.told::<events::metering::DayAnchored>().await;
        let batches: Vec<_> = days.iter().map(|day| (day.day.to_string(), day.batch)).collect();
        assert_eq!(batches, [("2026-05-31".to_owned(), 1), ("2026-06-01".to_owned(), 1)]);
    }
}

/// One thing that happens to the service.
#[derive(Debug, Clone)]
enum Step {
    /// These of the sent readings arrive, in this order.
    Arrive(Vec<prop::sample::Index>),
    /// Time passes by so many seconds.
    Pass(i64),
    /// The process dies and starts again.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(any::<prop::sample::Index>(), 1..6).prop_map(Step::Arrive),
        3 => (1_i64..4000).prop_map(Step::Pass),
        1 => Just(Step::Crash),
    ]
}

/// Sends, loses, repeats, reorders and crashes; then every interval that is known sums to the
/// advance of the registers.
async fn live_through(flows: &[(u64, u64)], steps: &[Step]) {
    let one = Device::new("H01");
    let mut home = Home::with(std::slice::from_ref(&one)).await;
    let (mut import, mut export) = (3, 5);
    let mut sent = vec![one.read(1, 0, import, export)];
    for (slot, (taken, fed)) in (1..).zip(flows) {
        import += taken;
        export += fed;
        sent.push(one.read(u32::try_from(slot).unwrap() + 1, slot, import, export));
    }
    let mut seconds = 0;
    for step in steps {
        match step {
            Step::Arrive(picks) => {
                let now = at(0).plus_seconds(seconds);
                let picked = picks.iter().map(|pick| *pick.get(&sent));
                let due: Vec<_> = picked.filter(|signed| signed.reading.time <= now).collect();
                home.hear(&due).await;
            }
            Step::Pass(more) => {
                seconds += more;
                home.pass_seconds(seconds).await;
            }
            Step::Crash => home.reopen().await,
        }
    }
    home.pass_seconds(seconds.max(i64::try_from(sent.len()).unwrap() * SLOT) + SLOT).await;
    assert_eq!(home.quarantined().await, [] as [String; 0]);
    let pages = home.stored_pages(&one).await;
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return };
    let reading = |page: i64| sent[usize::try_from(page - 1).unwrap()].reading;
    let (first, last) = (reading(*first), reading(*last));
    let known = home.known(&one).await;
    let imported: u64 = known.values().map(|fact| fact.import.wh()).sum();
    let exported: u64 = known.values().map(|fact| fact.export.wh()).sum();
    assert_eq!(imported, last.import.wh() - first.import.wh());
    assert_eq!(exported, last.export.wh() - first.export.wh());
    for (slot, fact) in known.iter().filter(|(_, fact)| fact.quality == Quality::Measured) {
        let (taken, fed) = flows[usize::try_from(*slot).unwrap()];
        assert_eq!((fact.import.wh(), fact.export.wh()), (taken, fed), "slot {slot}");
    }
    let mut carried: Vec<u32> = home
        .published()
        .await
        .iter()
        .flat_map(|envelope| {
            let closed = envelope.open::<IntervalsClosed>().unwrap().map(|it| it.intervals);
            let corrected = envelope.open::<IntervalsCorrected>().unwrap().map(|it| it.intervals);
            closed.or(corrected).unwrap_or_default()
        })
        .flat_map(|fact| fact.readings)
        .map(|signed| signed.reading.page)
        .collect();
    carried.sort_unstable();
    let stored: Vec<u32> = pages.iter().map(|page| u32::try_from(*page).unwrap()).collect();
    if stored.len() > 1 {
        assert_eq!(carried, stored, "every reading was carried once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn energy_is_conserved_whatever_is_lost_repeated_late_or_cut_short_by_a_crash(
        flows in prop::collection::vec((0_u64..4000, 0_u64..4000), 1..12),
        steps in prop::collection::vec(step(), 1..24),
    ) {
        actix_web::rt::System::new().block_on(live_through(&flows, &steps));
    }
}
