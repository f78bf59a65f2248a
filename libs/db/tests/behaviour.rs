//! One suite over SQLite and PostgreSQL: the same SQL, the same promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use db::{Cell, Db, DbError, Migration, Row, insert_rows, query, query_scalar, with_rows};

const FIRST: Migration = Migration {
    version: 1,
    sql: "create table fact (place {serial}, name text not null unique, size bigint, raw {bytes});",
};
const SECOND: Migration = Migration { version: 2, sql: "alter table fact add column note text;" };

/// A database of one kind, and what keeps it running.
struct Place {
    url: String,
    _keep: Box<dyn std::any::Any>,
}

fn places() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let server = testkit::PostgresServer::start().unwrap();
    vec![
        Place {
            url: format!("sqlite:{}", folder.path().join("it.db").display()),
            _keep: Box::new(folder),
        },
        Place { url: server.database("it").unwrap(), _keep: Box::new(server) },
    ]
}

async fn count(db: &Db) -> i64 {
    query_scalar("select count(*) from fact").fetch_one(db.read()).await.unwrap()
}

async fn add(db: &Db, name: &'static str, fail: bool) -> Result<(), DbError> {
    db.transact(move |tx| {
        Box::pin(async move {
            query("insert into fact (name, size) values ($1, $2)")
                .bind(name)
                .bind(7_i64)
                .execute(tx.conn())
                .await?;
            if fail { Err(DbError::Url("on purpose".into())) } else { Ok(()) }
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_keep_the_same_promises() {
    for place in places() {
        let db = Db::open(&place.url, &[FIRST]).await.unwrap();
        commits_whole_or_not_at_all(&db).await;
        inserts_many_rows_once(&db).await;
        reads_and_changes_by_many_rows(&db).await;
        survives_a_caller_that_goes_away(&db).await;
        writers_take_turns(&db).await;
        db.close().await;
        reopens_and_migrates(&place.url).await;
    }
}

async fn commits_whole_or_not_at_all(db: &Db) {
    add(db, "kept", false).await.unwrap();
    add(db, "dropped", true).await.unwrap_err();
    assert_eq!(count(db).await, 1);
}

async fn inserts_many_rows_once(db: &Db) {
    let rows: Vec<Vec<Cell>> = (0..3000)
        .map(|place| vec![format!("row {place}").into(), Cell::Int(place), vec![1_u8, 2].into()])
        .collect();
    let again = rows.clone();
    let insert = |rows| {
        db.transact::<u64, DbError, _>(move |tx| {
            Box::pin(insert_rows(
                tx,
                "insert into fact (name, size, raw)",
                3,
                rows,
                "on conflict (name) do nothing",
            ))
        })
    };
    assert_eq!(insert(rows).await.unwrap(), 3000);
    assert_eq!(insert(again).await.unwrap(), 0);
    assert_eq!(count(db).await, 3001);
    let raw: Vec<u8> = query_scalar("select raw from fact where name = $1")
        .bind("row 2999")
        .fetch_one(db.read())
        .await
        .unwrap();
    assert_eq!(raw, [1, 2]);
}

async fn reads_and_changes_by_many_rows(db: &Db) {
    // Five thousand keys of two columns are two statements.
    let keys: Vec<Vec<Cell>> =
        (0..5000).map(|place| vec![format!("row {place}").into(), Cell::Int(place)]).collect();
    let run = |sql: &'static str, rows: Vec<Vec<Cell>>| {
        db.transact::<_, DbError, _>(move |tx| {
            Box::pin(async move {
                let found = with_rows(tx, sql, 2, rows).await?;
                Ok(found.iter().map(|row| row.get(0)).collect::<Vec<i64>>())
            })
        })
    };
    let join = "with wanted (name, size) as ({rows}) select f.size from wanted w \
                join fact f on f.name = w.name and f.size = w.size";
    let mut found = run(join, keys.clone()).await.unwrap();
    found.sort_unstable();
    assert_eq!(found, (0..3000).collect::<Vec<_>>());
    assert_eq!(run(join, Vec::new()).await.unwrap(), [] as [i64; 0]);
    let update = "with wanted (of_name, of_size) as ({rows}) update fact \
                  set size = size + 10000 from wanted where name = of_name and size = of_size \
                  returning size";
    assert_eq!(run(update, keys.clone()).await.unwrap().len(), 3000);
    assert_eq!(run(update, keys).await.unwrap().len(), 0, "they have changed");
}

async fn survives_a_caller_that_goes_away(db: &Db) {
    let before = count(db).await;
    let (started, has_started) = tokio::sync::oneshot::channel();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let working = db.clone();
    let caller = tokio::spawn(async move {
        working
            .transact::<(), DbError, _>(move |tx| {
                Box::pin(async move {
                    query("insert into fact (name) values ('left behind')")
                        .execute(tx.conn())
                        .await?;
                    started.send(()).unwrap();
                    released.await.ok();
                    Ok(())
                })
            })
            .await
    });
    has_started.await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    // The next writer waits for the one that was left behind, which has committed.
    add(db, "after", false).await.unwrap();
    let expected = before + 2;
    while count(db).await != expected {
        tokio::task::yield_now().await;
    }
}

async fn writers_take_turns(db: &Db) {
    let before = count(db).await;
    let writers = (0..20_i64).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            db.transact::<(), DbError, _>(move |tx| {
                Box::pin(async move {
                    query("insert into fact (name) values ($1)")
                        .bind(format!("writer {writer}"))
                        .execute(tx.conn())
                        .await?;
                    Ok(())
                })
            })
            .await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(count(db).await, before + 20);
}

async fn reopens_and_migrates(url: &str) {
    let db = Db::open(url, &[FIRST, SECOND]).await.unwrap();
    assert!(count(&db).await > 3000);
    query("update fact set note = 'new column'").execute(db.read()).await.unwrap();
    db.close().await;
    let older = Db::open(url, &[FIRST]).await;
    assert!(matches!(older, Err(DbError::NewerSchema { found: 2, known: 1, .. })), "{older:?}");
}

#[tokio::test]
async fn a_url_of_another_database_is_refused() {
    assert!(matches!(Db::open("mysql://x", &[]).await, Err(DbError::Url(_))));
}
