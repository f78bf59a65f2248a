//! A meter that changes hands: what the edges of a period rest on, and what is said of it.

use alloy_primitives::Bytes;
use contracts::requests::{MeterEnrolment, enrolment};
use ids::ConnectionPointId;
use keys::SecretKey;
use reading::Status as MeterStatus;
use tariff::Tariff;

use super::agreed::{PERIOD_DAYS, community, day, key, meter, terms};
use super::ledger::CHAIN_ID;
use super::sheets::{sheet, tariff};
use super::world::{SALT, World, day_tree, deals};
use super::*;

impl World {
    /// A block at `now` in which the meter is enrolled with a key under an owner, after the version
    /// before has ended.
    pub(super) fn enrol(&mut self, (signer, owner): (u8, u8), version: u32, now: Timestamp) {
        let at = self.chain.at;
        let (owner, installer) = (key(owner), key(8));
        let of = MeterEnrolment {
            meter: meter(),
            key: key(signer).address(),
            owner: owner.address(),
            installer: installer.address(),
            connection_point: ConnectionPointId::derived("home"),
            version,
        };
        let hash = enrolment(CHAIN_ID, at.meters, &of);
        let sign = |key: &SecretKey| Bytes::copy_from_slice(key.sign(hash).as_bytes());
        let end = (version > 1).then(|| at.revoke(meter()));
        let begin = at.enrol(&of, sign(&owner), sign(&installer));
        self.now = now.plus_seconds(60);
        self.chain.mine(self.now, end.into_iter().chain([begin]));
    }
}

fn sold(tariff: Tariff, owners: &[u8]) -> World {
    World::traded((tariff, None), owners, (MeterStatus::default(), |_| true, deals))
}

/// The bill of a meter that is another address's shortly before the period ends, by a key that
/// signs the last reading, some hours after the end.
fn handed(signer: u8, hours: i64) -> Report {
    let mut world = sold(Tariff::new(terms()).unwrap(), &[1]);
    let (next, zone) = (day(PERIOD_DAYS), terms().timezone);
    let end = zone.start_of(next);
    world.enrol((signer, 3), 2, end.plus_seconds(-100));
    let last = world.readings.pop().unwrap().reading;
    let last = Reading { time: end.plus_seconds(hours * 3600), ..last }.sign(&key(signer));
    world.readings.push(last);
    let mut world = world.read();
    let mut evidence = Evidence { key_versions: vec![1, 2], ..world.evidence() };
    if hours > 0 {
        let tree = day_tree(&[last], next);
        let (of, number) = (contracts::READINGS_OF_DAY, u64::from(next.number()));
        world.send([world.chain.at.anchor_readings(community(), of, number, tree.root(), 3)]);
        let path = tree.path(1);
        let (batch, index, count) = (1, 1, 3);
        let salt = SALT;
        evidence.days.push(DayEvidence {
            day: next,
            batch,
            salt,
            index,
            count,
            path,
            before: None,
        });
    }
    world.publish(evidence);
    verify(&world.text, Some(&world.trust))
}

/// The next owner may have the meter by the midnight's block already. But whoever enrols it with a
/// key of theirs has not read it.
#[test]
fn the_reading_after_a_period_is_of_the_meters_own_key_whoever_owns_it_by_then() {
    for hours in [0, 1] {
        let report = handed(2, hours);
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        let report = handed(4, hours);
        let found = report.findings.iter().any(|it| it.reason.contains("to another address"));
        assert!(found && report.verdict == Verdict::Failed, "{report}");
    }
}

#[test]
fn a_first_bill_of_a_meter_that_was_registered_before_says_that_it_carries_nothing_over() {
    for (owners, version, said) in [(&[1][..], 1, false), (&[3, 1], 2, true)] {
        let mut world = sold(tariff(&sheet()), owners).read();
        let evidence = Evidence { key_versions: vec![version], ..world.evidence() };
        world.publish(evidence);
        let report = verify(&world.text, Some(&world.trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        let is_it = |note: &String| note.contains("carried over is not shown");
        assert_eq!(report.notes.iter().any(is_it), said, "{:?}", report.notes);
    }
}
