//! Logging in.

use bus::Bus;
use identity::MasterKey;
use serde_json::{Value, json};
use service::Clock;

use crate::server::{Answer, PASSWORD, Server, parts};

async fn password(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({ "grant": "password", "email": email, "password": password });
    server.knock("/v1/tokens", body).await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    let body = json!({ "grant": "refresh", "refresh_token": token });
    server.knock("/v1/tokens", body).await
}

#[actix_web::test]
async fn a_token_lets_in_and_nothing_else_does() {
    let server = Server::start().await;
    server.home("ada", "consumer").await;
    let tokens = password(&server, "ada@example.org", PASSWORD).await;
    assert_eq!((tokens.status, &tokens.body["expires_in"]), (200, &json!(900)));
    let token = tokens.text("/access_token");
    assert_eq!(server.get("/v1/me", &token).await.status, 200);
    let mut forged = token.clone();
    forged.replace_range(token.len() - 4.., "AAAA");
    for bad in [forged.as_str(), "", "x.y.z", &tokens.text("/refresh_token")] {
        assert_eq!(server.get("/v1/me", bad).await.status, 401, "{bad}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_stranger_and_a_wrong_password_get_the_same_answer() {
    let server = Server::start().await;
    server.home("ada", "consumer").await;
    let wrong = password(&server, "ada@example.org", "wrong horse battery").await;
    assert_eq!((wrong.status, wrong.code()), (401, "UNAUTHENTICATED"));
    assert_eq!(password(&server, "eve@example.org", PASSWORD).await, wrong);
    server.stop().await;
}

#[actix_web::test]
async fn too_many_attempts_have_to_wait_even_with_the_right_password() {
    let server = Server::start().await;
    server.home("ada", "consumer").await;
    server.home("bob", "consumer").await;
    for _ in 0..10 {
        let wrong = password(&server, "ada@example.org", "wrong horse battery").await;
        assert_eq!(wrong.status, 401);
    }
    for _ in 0..3 {
        let refused = password(&server, "ada@example.org", PASSWORD).await;
        assert_eq!((refused.status, refused.code()), (429, "ATTEMPTS"));
    }
    assert_eq!(password(&server, "bob@example.org", PASSWORD).await.status, 200);
    let (_, admin) = server.admin().await;
    let log = server.get("/v1/audit-log", &admin).await;
    let denials = log.body["items"].as_array().unwrap();
    let denials = denials.iter().filter(|entry| entry["by"] == "ada@example.org");
    assert_eq!(denials.count(), 1, "the first of a row of refusals is recorded");
    server.stop().await;
}

#[actix_web::test]
async fn a_refresh_token_used_twice_ends_its_family() {
    let server = Server::start().await;
    server.home("ada", "consumer").await;
    let first = password(&server, "ada@example.org", PASSWORD).await.text("/refresh_token");
    let elsewhere = password(&server, "ada@example.org", PASSWORD).await.text("/refresh_token");
    let second = refresh(&server, &first).await;
    assert_eq!(server.get("/v1/me", &second.text("/access_token")).await.status, 200);
    let third = refresh(&server, &second.text("/refresh_token")).await.text("/refresh_token");
    assert_eq!(refresh(&server, &first).await.status, 401);
    assert_eq!(refresh(&server, &third).await.status, 401, "what followed from it ended too");
    assert_eq!(refresh(&server, &elsewhere).await.status, 200, "another login did not");
    assert_eq!(refresh(&server, "00").await.status, 401);
    server.stop().await;
}

#[actix_web::test]
async fn tokens_outlive_a_restart_and_need_the_same_master_key() {
    let server = Server::start().await;
    let (_, token) = server.home("ada", "consumer").await;
    let keys = server.ask(reqwest::Method::GET, "/v1/.well-known/jwks.json", None, None).await;
    let Server { identity, folder, .. } = server;
    identity.close().await;
    let again = |key| identity::start(parts(&folder, Bus::in_process(), Clock::real(), key));
    let restarted = again(MasterKey::from_bytes([1; 32])).await.unwrap();
    assert!(restarted.verifier().verify(&token).is_ok());
    let published = serde_json::to_value(restarted.public_keys()).unwrap();
    assert_eq!(keys.body["keys"], published);
    assert_eq!(published.as_array().map(Vec::len), Some(1));
    restarted.close().await;
    let refused = again(MasterKey::from_bytes([2; 32])).await.err().unwrap();
    assert!(refused.to_string().contains("master key"), "{refused:#}");
}

#[actix_web::test]
async fn no_secret_is_readable_in_the_database() {
    let server = Server::start().await;
    let (_, _) = server.home("ada", "consumer").await;
    let tokens = password(&server, "ada@example.org", PASSWORD).await;
    let secrets: Vec<String> =
        [tokens.text("/refresh_token"), tokens.text("/access_token"), PASSWORD.to_owned()].into();
    server.identity.close().await;
    let files = std::fs::read_dir(server.folder.path()).unwrap();
    for file in files.map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret in {}", file.display());
        }
    }
    assert_ne!(tokens.body, Value::Null);
}
