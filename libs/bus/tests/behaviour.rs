//! One suite over both columns: in process on SQLite, NATS JetStream on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use async_trait::async_trait;
use bus::{Bus, Consumer, NatsOptions, Relay, append, append_all, first_time};
use calendar::{LocalDay, Timestamp};
use db::{Db, DbError, Migration, Row, query};
use events::Envelope;
use events::identity::MeterRevoked;
use ids::MeterId;

const SCHEMA: [Migration; 2] = [
    Migration { version: 1, sql: bus::SCHEMA },
    Migration {
        version: 2,
        sql: "create table effect (name text primary key, times bigint not null);
              create table arrival (place {serial}, name text not null);",
    },
];

/// One way to run: how events travel and where rows are.
struct Column {
    name: &'static str,
    bus: Bus,
    sender: Db,
    receiver: Db,
    _keep: Vec<Box<dyn std::any::Any>>,
}

async fn columns() -> Vec<Column> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let embedded = Column {
        name: "embedded",
        bus: Bus::in_process(),
        sender: Db::open(&sqlite("sender.db"), &SCHEMA).await.unwrap(),
        receiver: Db::open(&sqlite("receiver.db"), &SCHEMA).await.unwrap(),
        _keep: vec![Box::new(folder)],
    };
    let (nats, postgres) =
        (testkit::NatsServer::start().unwrap(), testkit::PostgresServer::start().unwrap());
    let options =
        NatsOptions { url: nats.url(), stream: "TEST".into(), bytes_max: 64 * 1024 * 1024 };
    let cluster = Column {
        name: "cluster",
        bus: Bus::nats(options).await.unwrap(),
        sender: Db::open(&postgres.database("sender").unwrap(), &SCHEMA).await.unwrap(),
        receiver: Db::open(&postgres.database("receiver").unwrap(), &SCHEMA).await.unwrap(),
        _keep: vec![Box::new(nats), Box::new(postgres)],
    };
    vec![embedded, cluster]
}

/// Counts how often each meter's revocation took effect; refuses while told to.
struct Counter {
    db: Db,
    refuse: AtomicBool,
}

#[async_trait]
impl Consumer for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &["identity.meter.revoked.v1"]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let Some(event) = envelope.open::<MeterRevoked>()? else { return Ok(()) };
        let (id, refuse) = (envelope.id, self.refuse.load(Ordering::SeqCst));
        let meter = event.meter.to_string();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !first_time(tx, "counter", id).await? {
                        return Ok(());
                    }
                    query(
                        "insert into effect (name, times) values ($1, 1) \
                         on conflict (name) do update set times = effect.times + 1",
                    )
                    .bind(meter.clone())
                    .execute(tx.conn())
                    .await
                    .map_err(DbError::from)?;
                    query("insert into arrival (name) values ($1)")
                        .bind(meter)
                        .execute(tx.conn())
                        .await
                        .map_err(DbError::from)?;
                    if refuse {
                        bail!("refused on purpose");
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000_000 + second)
}

fn envelope(number: u32) -> Envelope {
    let meter = MeterId::derived(&number.to_string());
    Envelope::of(&MeterRevoked { meter, at: at(0) }, &number.to_string(), at(0))
}

async fn publish(db: &Db, numbers: std::ops::Range<u32>) {
    db.transact::<(), DbError, _>(move |tx| {
        Box::pin(async move {
            for number in numbers {
                append(tx, &envelope(number)).await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
}

async fn effects(db: &Db) -> BTreeMap<String, i64> {
    let rows = query("select name, times from effect").fetch_all(db.read()).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Waits until `count` effects are there: on NATS consumers apply in their own time.
async fn settle(db: &Db, count: usize) {
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while effects(db).await.len() != count {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the events arrive");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_columns_keep_the_same_promises() {
    for column in columns().await {
        let counter =
            Arc::new(Counter { db: column.receiver.clone(), refuse: AtomicBool::new(false) });
        column.bus.subscribe(counter.clone()).await.unwrap();
        let relay = Relay::new(column.sender.clone(), column.bus.clone());
        every_event_takes_effect_once_and_in_order(&column, &relay).await;
        an_event_written_or_sent_twice_takes_effect_once(&column, &relay).await;
        events_written_together_are_as_if_written_one_by_one(&column, &relay).await;
        a_refused_event_is_offered_again(&column, &relay, &counter).await;
        what_was_sent_long_ago_is_forgotten_and_applied_no_second_time(&column, &relay).await;
    }
}

async fn every_event_takes_effect_once_and_in_order(column: &Column, relay: &Relay) {
    publish(&column.sender, 0..250).await;
    assert_eq!(relay.drain(at(0)).await.unwrap(), 250, "{}", column.name);
    settle(&column.receiver, 250).await;
    let rows = query("select name from arrival order by place")
        .fetch_all(column.receiver.read())
        .await
        .unwrap();
    let arrived: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let sent: Vec<String> =
        (0..250_u32).map(|number| MeterId::derived(&number.to_string()).to_string()).collect();
    assert_eq!(arrived, sent, "{}", column.name);
}

async fn an_event_written_or_sent_twice_takes_effect_once(column: &Column, relay: &Relay) {
    publish(&column.sender, 0..250).await;
    assert_eq!(relay.drain(at(1)).await.unwrap(), 0, "{}", column.name);
    for number in 0..250 {
        column.bus.publish(&envelope(number)).await.unwrap();
    }
    publish(&column.sender, 250..251).await;
    relay.drain(at(1)).await.unwrap();
    settle(&column.receiver, 251).await;
    assert!(effects(&column.receiver).await.values().all(|times| *times == 1), "{}", column.name);
}

async fn events_written_together_are_as_if_written_one_by_one(column: &Column, relay: &Relay) {
    // One that is there already, one twice, and more than one statement takes.
    let numbers: Vec<u32> = (250..2500).chain([2499, 0]).collect();
    let envelopes: Vec<Envelope> = numbers.iter().map(|number| envelope(*number)).collect();
    let written = column.sender.transact::<(), DbError, _>(move |tx| {
        Box::pin(async move {
            append_all(tx, &[]).await?;
            append_all(tx, &envelopes).await
        })
    });
    written.await.unwrap();
    let rows = query("select id from outbox where status = 0 order by place")
        .fetch_all(column.sender.read())
        .await
        .unwrap();
    let pending: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected: Vec<String> = (251..2500).map(|n| envelope(n).id.to_string()).collect();
    assert_eq!(pending, expected, "{}", column.name);
    query("delete from outbox where status = 0").execute(column.sender.read()).await.unwrap();
    assert_eq!(relay.drain(at(2)).await.unwrap(), 0, "{}", column.name);
}

async fn a_refused_event_is_offered_again(column: &Column, relay: &Relay, counter: &Counter) {
    counter.refuse.store(true, Ordering::SeqCst);
    publish(&column.sender, 300..302).await;
    relay.drain(at(2)).await.unwrap();
    assert_eq!(effects(&column.receiver).await.len(), 251, "{}", column.name);
    counter.refuse.store(false, Ordering::SeqCst);
    relay.drain(at(10_000)).await.unwrap();
    settle(&column.receiver, 253).await;
    assert!(effects(&column.receiver).await.values().all(|times| *times == 1), "{}", column.name);
}

async fn what_was_sent_long_ago_is_forgotten_and_applied_no_second_time(
    column: &Column,
    relay: &Relay,
) {
    let kept = async || {
        let rows = query("select count(*) from outbox").fetch_one(column.sender.read()).await;
        rows.unwrap().get::<i64, _>(0)
    };
    let all = kept().await;
    assert!(all >= 253);
    relay.drain(at(bus::SENT_KEPT_SECONDS)).await.unwrap();
    assert_eq!(kept().await, all, "{}", column.name);
    // What waits stays, however old it is.
    publish(&column.sender, 400..401).await;
    relay.drain(at(bus::SENT_KEPT_SECONDS + 7_200)).await.unwrap();
    assert_eq!(kept().await, 0, "{}", column.name);
    publish(&column.sender, 299..301).await;
    relay.drain(at(bus::SENT_KEPT_SECONDS + 7_200)).await.unwrap();
    settle(&column.receiver, 255).await;
    assert!(effects(&column.receiver).await.values().all(|times| *times == 1), "{}", column.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_nobody_can_apply_is_parked_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("it.db").display());
    let db = Db::open(&url, &SCHEMA).await.unwrap();
    let bus = Bus::in_process();
    let counter = Arc::new(Counter { db: db.clone(), refuse: AtomicBool::new(true) });
    bus.subscribe(counter.clone()).await.unwrap();
    let relay = Relay::new(db.clone(), bus.clone());
    publish(&db, 0..1).await;
    let day = i64::from(LocalDay::from_number(1).number()) * 86_400;
    for attempt in 0..bus::ATTEMPTS_MAX {
        assert!(bus::parked(&db).await.unwrap().is_empty());
        assert_eq!(relay.round(at(attempt * day)).await.unwrap().refused, 1);
    }
    let parked = bus::parked(&db).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert!(parked[0].error.contains("refused on purpose"), "{}", parked[0].error);
    counter.refuse.store(false, Ordering::SeqCst);
    publish(&db, 1..2).await;
    assert_eq!(relay.drain(at(100 * day)).await.unwrap(), 1);
    assert_eq!(effects(&db).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_stored_together_and_one_that_is_known_holds_up_no_other() {
    let server = testkit::NatsServer::start().unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    // A stream of before there were batches.
    let old = async_nats::jetstream::stream::Config {
        name: "OLD".into(),
        subjects: vec!["OLD.>".into()],
        ..Default::default()
    };
    let mut stream = jetstream.create_stream(old).await.unwrap();
    let options = NatsOptions { url: server.url(), stream: "OLD".into(), bytes_max: 1 << 26 };
    let bus = Bus::nats(options).await.unwrap();
    assert!(stream.info().await.unwrap().config.allow_atomic_publish);

    // More than one batch takes, and then some that the stream has already.
    let all: Vec<Envelope> = (0..1_200).map(envelope).collect();
    for envelopes in [&all[..3], &all[1..5], &all[5..]] {
        let outcomes = bus.publish_all(envelopes).await;
        assert_eq!(outcomes.len(), envelopes.len());
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    assert_eq!(stream.info().await.unwrap().state.messages, 1_200);
    let mut batches = BTreeMap::<Option<String>, Vec<u64>>::new();
    for sequence in 1..=1_200 {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let stored: Envelope = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(stored, all[usize::try_from(sequence).unwrap() - 1]);
        let batch = message.headers.get("Nats-Batch-Id").map(ToString::to_string);
        batches.entry(batch).or_default().push(sequence);
    }
    // Three together; two alone, because the round had some that were known; the rest in two.
    let mut sizes: Vec<(bool, usize)> =
        batches.iter().map(|(batch, of)| (batch.is_some(), of.len())).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [(false, 2), (true, 3), (true, 195), (true, 1_000)]);
}
