//! The record of who did what.

use bus::Bus;
use db::{Db, query};
use identity::{Act, AuditEntry, MasterKey, broken_at};
use ids::CommunityId;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Clock, Principal};

use crate::server::{Server, parts};

fn told(page: &Value) -> Vec<String> {
    let entries = page["items"].as_array().unwrap();
    let tell = |entry: &Value| {
        format!("{} {}", entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap())
    };
    entries.iter().map(tell).collect()
}

#[actix_web::test]
async fn acts_of_staff_and_denials_are_recorded_in_a_chain() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let auditor = server.staff("auditor").await;
    let (account, ada) = server.home("ada", "consumer").await;
    server.connection_point(&operator, &account).await;
    assert_eq!(server.post("/v1/connection-points", &ada, json!({})).await.status, 400);
    for token in [&ada, &operator] {
        assert_eq!(server.get("/v1/audit-log", token).await.code(), "FORBIDDEN");
    }
    let log = server.get("/v1/audit-log", &auditor).await;
    assert_eq!(log.status, 200, "{log:?}");
    let expected = [
        "manage_parties done",
        "manage_parties done",
        "manage_parties done",
        "register_connection_point done",
        "read_audit_log denied",
        "read_audit_log denied",
    ];
    assert_eq!(told(&log.body), expected);
    assert_eq!(log.body["items"][0]["by"], "system");
    let entries = log.body["items"].as_array().unwrap().iter().map(|entry| AuditEntry {
        place: entry["place"].as_i64().unwrap(),
        act: Act::deserialize(entry).unwrap(),
        previous: entry["previous"].as_str().unwrap().to_owned(),
        hash: entry["hash"].as_str().unwrap().to_owned(),
    });
    let entries: Vec<AuditEntry> = entries.collect();
    assert_eq!(broken_at(&entries, [0; 32]), None);
    assert_eq!(server.identity.audit_break().await.unwrap(), None);
    server.stop().await;
}

#[actix_web::test]
async fn a_stranger_from_another_community_sees_nothing() {
    let server = Server::start().await;
    let (admin, token) = server.admin().await;
    server.home("ada", "prosumer").await;
    let community = CommunityId::derived("another street");
    let stranger = server.identity.token_for(&Principal { community, ..admin }).unwrap();
    let lists = ["/v1/parties", "/v1/connection-points", "/v1/meters", "/v1/audit-log"];
    for path in lists {
        assert_eq!(server.get(path, &stranger).await.code(), "FORBIDDEN", "{path}");
    }
    let log = server.get("/v1/audit-log", &token).await;
    let denied = told(&log.body).into_iter().filter(|entry| entry.ends_with("denied"));
    assert_eq!(denied.count(), lists.len());
    server.stop().await;
}

#[actix_web::test]
async fn a_change_of_the_log_is_found() {
    let server = Server::start().await;
    for role in ["operator", "auditor", "utility"] {
        server.staff(role).await;
    }
    server.identity.close().await;
    let url =
        parts(&server.folder, Bus::in_process(), Clock::real(), MasterKey::from_bytes([1; 32]))
            .db_url;
    // Nothing is newer than the schema it has, so the file opens without a migration.
    for (change, broken) in [
        ("delete from audit_log where place = 4", 4),
        ("update audit_log set about = 'someone else' where place = 2", 2),
        ("delete from audit_log where place = 1", 2),
        ("delete from audit_log", 1),
    ] {
        let db = Db::open(&url, &identity_schema()).await.unwrap();
        db.transact::<(), anyhow::Error, _>(move |tx| {
            Box::pin(async move {
                query(change).execute(tx.conn()).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        db.close().await;
        let key = MasterKey::from_bytes([1; 32]);
        let parts = parts(&server.folder, Bus::in_process(), Clock::real(), key);
        let identity = identity::start(parts).await.unwrap();
        assert_eq!(identity.audit_break().await.unwrap(), Some(broken), "{change}");
        identity.close().await;
    }
}

/// Names the versions that are there; their statements do not run again.
fn identity_schema() -> [db::Migration; 1] {
    [db::Migration { version: 8, sql: "" }]
}
