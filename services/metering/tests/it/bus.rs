//! The column of the cluster: enrolments come over NATS, intervals leave over it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::bus::{Bus, Consumer, NatsOptions, Relay};
use async_trait::async_trait;
use db::query_scalar;
use events::identity::MeterRevoked;
use events::metering::{DayAnchored, IntervalsClosed, IntervalsCorrected};
use events::{Envelope, Event};
use testkit::NatsServer;

use crate::home::{Device, Home, at};

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who keeps what it hears.
struct Listener(Mutex<Vec<Envelope>>);

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[IntervalsClosed::SUBJECT, IntervalsCorrected::SUBJECT, DayAnchored::SUBJECT]
    }

    async fn consume(&self, envelope: &Envelope) -> anyhow::Result<()> {
        self.0.lock().unwrap().push(envelope.clone());
        Ok(())
    }
}

/// Waits until `count` says `expected`: on NATS consumers apply in their own time.
async fn settle(what: &str, expected: usize, count: impl AsyncFn() -> usize) {
    let settled = tokio::time::timeout(PATIENCE, async {
        while count().await != expected {
            tokio::task::yield_now().await;
        }
    });
    settled.await.unwrap_or_else(|_| panic!("{what} do not arrive"));
}

async fn rows(home: &Home, sql: &'static str) -> usize {
    let rows: i64 = query_scalar(sql).fetch_one(home.metering.db().read()).await.unwrap();
    usize::try_from(rows).unwrap()
}

#[actix_web::test]
async fn enrolments_come_and_intervals_leave_over_nats_with_postgresql_beneath() {
    let server = NatsServer::start().unwrap();
    let options =
        NatsOptions { url: server.url(), stream: "TEST".into(), bytes_max: 64 * 1024 * 1024 };
    let (bus, home) = (Bus::nats(options).await.unwrap(), Home::on_postgres().await);
    let listener = Arc::new(Listener(Mutex::default()));
    bus.subscribe(home.metering.clone()).await.unwrap();
    bus.subscribe(listener.clone()).await.unwrap();
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    for device in &devices {
        let cause = &device.name;
        bus.publish(&Envelope::of(&device.registered(), cause, at(0))).await.unwrap();
        bus.publish(&Envelope::of(&device.enrolled(), cause, at(0))).await.unwrap();
    }
    settle("enrolments", 3, async || rows(&home, "select count(*) from meter").await).await;

    let relay = Relay::new(home.metering.db().clone(), bus.clone());
    for slot in 0..4_u32 {
        let read = |device: &Device| device.read(slot + 1, slot.into(), u64::from(slot) * 100, 0);
        let said = devices.iter().filter(|device| slot != 2 || device.name != "H02").map(read);
        home.hand.move_to(at(slot.into()));
        home.hear(&Vec::from_iter(said)).await;
        home.pass(slot.into()).await;
        relay.drain(at(slot.into())).await.unwrap();
    }
    home.hear(&[devices[1].read(3, 2, 150, 0)]).await;
    home.pass(3).await;
    relay.drain(at(3)).await.unwrap();

    let sent = home.published().await;
    let told = [home.told::<IntervalsClosed>().await.len(), 3];
    assert_eq!(told, [3, 3], "a slot each");
    assert_eq!(home.told::<IntervalsCorrected>().await.len(), 2);
    settle("intervals", sent.len(), async || listener.0.lock().unwrap().len()).await;
    assert_eq!(*listener.0.lock().unwrap(), sent, "all of them, in order");

    let revoked = MeterRevoked { meter: devices[0].meter, at: at(3) };
    bus.publish(&Envelope::of(&revoked, "H01", at(3))).await.unwrap();
    let sql = "select count(*) from meter where revoked_at is not null";
    settle("a revocation", 1, async || rows(&home, sql).await).await;
}
